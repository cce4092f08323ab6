//! Any bytes, and valid files with some bytes changed: no panic, lines that grow, and no more records than bytes.

use std::io::Cursor;

use importers::qianniu::ChatLog;
use importers::sheet::Figures;
use importers::zendesk::{Tables, Tickets};
use importers::{Error, JsonLines, Kind, Row, Table, Utf8, freshdesk};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::options;
use crate::{csv, jsonl, qianniu, sheets};

/// Reads to the end, whatever comes.
fn drain(size: usize, reader: impl Iterator<Item = Result<Row, Error>>) {
    let mut last = 0;
    let mut items = 0;
    for row in reader {
        items += 1;
        assert!(items <= size + 8, "an input of {size} bytes has no more records");
        let line = match row {
            Ok(row) => row.line,
            Err(Error::Row(wrong)) => {
                assert!(!wrong.field.is_empty() && !wrong.reason.is_empty(), "{wrong:?}");
                assert!(wrong.line >= last, "line {} is refused after {last}", wrong.line);
                continue;
            }
            Err(Error::Read(error)) => panic!("memory can be read: {error}"),
        };
        assert!(line > last, "line {line} comes after {last}");
        last = line;
    }
}

fn read_all(bytes: &[u8]) {
    let size = bytes.len();
    drain(size, JsonLines::new(bytes, None, options()));
    for kind in Kind::ALL {
        drain(size, JsonLines::new(bytes, Some(kind), options()));
        let lenient = options().ignore_unknown(true);
        drain(size, Table::new(Utf8::new(bytes), kind, lenient).expect("memory can be read"));
    }
    drain(size, ChatLog::new(Utf8::new(bytes), options()));
    drain(size, freshdesk::Tickets::new(bytes, options()));
    read_tables([bytes; 5]);
    read_sheet(bytes.to_vec());
}

fn read_tables([tickets, users, comments, chats, events]: [&[u8]; 5]) {
    let tables = Tables { tickets, users, comments, chats: Some((chats, events)) };
    if let Ok(tickets) = Tickets::new(tables, options()) {
        drain(usize::MAX - 8, tickets);
    }
}

fn read_sheet(bytes: Vec<u8>) {
    if let Ok(figures) = Figures::new(Cursor::new(bytes), "a_2025-05-01.xlsx") {
        figures.for_each(drop);
    }
}

/// A valid file with some runs of bytes overwritten, cut out or doubled.
fn mutated(valid: &[u8], changes: &[(Index, u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for (at, kind, with) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        let until = (at + with.len().max(1)).min(bytes.len());
        match kind % 3 {
            0 => drop(bytes.splice(at..until, with.iter().copied())),
            1 => drop(bytes.drain(at..until)),
            _ => {
                let doubled = bytes[at..until].to_vec();
                drop(bytes.splice(at..at, doubled));
            }
        }
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8, Vec<u8>)>> {
    prop::collection::vec((any::<Index>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..6)), 1..8)
}

/// Runs of what formats are made of, so that bytes at random mean something.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\n",
        "\r\n",
        ",",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ":",
        "=\"",
        "'",
        "\t",
        "2025-5-1 9:05:03",
        "t******7 ",
        "店:小王 ",
        "由 服务助手 转交给 小王",
        "撤回了一条消息",
        "已读",
        " --> ",
        "2025-5-1",
        "¥1,234.50",
        "\u{feff}",
        "conversationId",
        "orderId",
        "paymentId",
        "amount",
        "occurredAt",
        "\"kind\":\"order\"",
        "customerId",
        "汇总",
        "账户名",
        "日期",
        "100.00%",
        "延迟统计",
        "null",
        "-1",
        "1e9",
        "99999999999999999999",
        "\u{0}",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
    }

    #[test]
    fn pieces_of_formats(bytes in pieces()) {
        read_all(&bytes);
    }

    #[test]
    fn changed_lines(changes in changes()) {
        read_all(&mutated(jsonl::MIXED.as_bytes(), &changes));
    }

    #[test]
    fn changed_tables(changes in changes(), which in 0_usize..13) {
        let (kind, good, bad, _) = csv::TABLES[which];
        let bytes = mutated(format!("{good}{bad}").as_bytes(), &changes);
        drain(bytes.len(), Table::new(Utf8::new(bytes.as_slice()), kind, options()).expect("memory can be read"));
    }

    #[test]
    fn changed_logs(changes in changes()) {
        let bytes = mutated(qianniu::LOG.as_bytes(), &changes);
        drain(bytes.len(), ChatLog::new(Utf8::new(bytes.as_slice()), options()));
    }

    #[test]
    fn changed_help_desks(changes in changes(), table in 0_usize..5) {
        let read = |name: &str| {
            std::fs::read(format!("{}/tests/data/zendesk/{name}.csv", env!("CARGO_MANIFEST_DIR"))).expect("it ships")
        };
        let mut tables = ["ticket", "user", "ticket_comment", "ticket_chat", "ticket_chat_event"].map(read);
        tables[table] = mutated(&tables[table], &changes);
        read_tables([&tables[0], &tables[1], &tables[2], &tables[3], &tables[4]]);
        let bytes = mutated(crate::help_desks::FRESHDESK.as_bytes(), &changes);
        drain(bytes.len(), freshdesk::Tickets::new(bytes.as_slice(), options()));
    }

    #[test]
    fn changed_workbooks(changes in changes(), inside in any::<bool>()) {
        let rows: &[&[&str]] = &[&["账户名", "销售额"], &["小王", "12.5"]];
        if inside {
            // Changes within the parts, which are packed soundly.
            read_sheet(sheets::workbook_with(rows, |part| mutated(part, &changes)));
        } else {
            read_sheet(mutated(&sheets::workbook(rows), &changes));
        }
    }
}
