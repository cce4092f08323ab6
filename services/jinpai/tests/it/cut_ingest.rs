//! An ingest that is killed half-way: the next goes on after the last acknowledgement, whatever the file is written in, and in the
//! end there is each of its records once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::ingest::{Ingest, figures};

/// Of so many records one is bad.
const BAD_EACH: i64 = 500;
/// How long a run may take to its first acknowledgement.
const LIMIT: Duration = Duration::from_secs(60);

/// A file whose ingest is to be cut.
struct Case {
    kind: &'static str,
    format: Option<&'static str>,
    file: PathBuf,
    /// Records that can be taken.
    good: i64,
    /// Where the others are named.
    bad: BTreeSet<i64>,
    /// Records that begin at a line or before.
    through: fn(i64) -> i64,
}

impl Case {
    /// A run that is killed once as many streams of the file have something acknowledged.
    fn cut(&self, ingest: &Ingest, streams: usize) {
        let mut run = ingest.command(self.kind, &self.file, self.format).spawn().expect("runs");
        let deadline = Instant::now() + LIMIT;
        while bookmarks(ingest) < streams {
            assert!(run.try_wait().expect("is there").is_none(), "it ended before anything was acknowledged");
            assert!(Instant::now() < deadline, "nothing is acknowledged");
            std::thread::sleep(Duration::from_millis(1));
        }
        run.kill().expect("is killed");
        run.wait().expect("ends");
    }

    /// The run after the last cut: it counts the whole file, and every bad record is in the reject file. Gives the line that it
    /// went on after.
    fn goes_on(&self, ingest: &Ingest) -> i64 {
        let (ended, summary, rejects) = ingest.run(self.kind, &self.file, self.format);
        let count = |name: &str| summary[name].as_i64().unwrap_or_default();
        let resumed = count("resumed_after_line");
        let bad = self.bad.len() as i64;
        assert!(resumed > 0, "{}: {summary}", self.kind);
        let read = self.good + bad;
        assert_eq!((ended, count("read"), count("rejected")), (self.status(), read, bad), "{summary}");
        assert_eq!(count("accepted") + count("unchanged"), self.good, "{summary}");
        let acknowledged = (self.through)(resumed);
        assert!((1..read).contains(&acknowledged), "{summary}");
        assert!(
            count("accepted") >= acknowledged - bad,
            "what was acknowledged is not sent again: {summary}"
        );
        // What was sent again after the cut may be refused again.
        let refused: BTreeSet<i64> = rejects.iter().filter_map(|reject| reject["line"].as_i64()).collect();
        assert_eq!(refused, self.bad, "{}", self.kind);
        assert_eq!(bookmarks(ingest), 0, "nothing is left to go on with");
        resumed
    }

    /// Every record is there: none is new in another run.
    fn is_known(&self, ingest: &Ingest) {
        let (ended, summary, _) = ingest.run(self.kind, &self.file, self.format);
        let count = |name: &str| summary[name].as_i64().unwrap_or_default();
        assert_eq!(
            (ended, count("accepted"), count("unchanged")),
            (self.status(), 0, self.good),
            "{summary}"
        );
    }

    fn status(&self) -> i32 {
        if self.bad.is_empty() { 0 } else { 3 }
    }
}

/// How many streams have something to go on with.
fn bookmarks(ingest: &Ingest) -> usize {
    let files = std::fs::read_dir(ingest.home.join("jinpai/ingest")).into_iter().flatten().flatten();
    files.filter(|file| file.path().extension().is_some_and(|end| end == "json")).count()
}

/// The records of a file, each by its number from 1.
fn all(records: i64, head: &str, record: impl Fn(i64) -> String) -> String {
    (1..=records).fold(head.to_owned(), |mut text, n| {
        text.write_str(&record(n)).expect("memory");
        text
    })
}

fn is_bad(n: i64) -> bool {
    n % BAD_EACH == 0
}

/// The places of the bad ones of so many records.
fn bad(records: i64, place: fn(i64) -> i64) -> BTreeSet<i64> {
    (1..=records).filter(|n| is_bad(*n)).map(place).collect()
}

fn signup(n: i64) -> String {
    let customer = if is_bad(n) { "" } else { "k" };
    format!(
        "{{\"kind\":\"memberSignup\",\"signupId\":\"s-{n}\",\"occurredAt\":\"2026-05-02T10:00:00+08:00\",\
         \"customerId\":\"{customer}\"}}\n"
    )
}

fn chat(id: &str, agent: &str, n: i64) -> String {
    let customer = if is_bad(n) { "" } else { "k" };
    let message = |second: u32, sender: &str| {
        format!(
            "{{\"sentAt\":\"2026-05-02T10:00:{second:02}Z\",\"sender\":\"{sender}\",\"text\":\"hello {n}\"}}"
        )
    };
    format!(
        "{{\"kind\":\"conversation\",\"conversationId\":\"{id}-{n}\",\"agentId\":\"{agent}\",\"customerId\":\"{customer}\",\
         \"channel\":\"chat\",\"startedAt\":\"2026-05-02T10:00:00Z\",\"closedAt\":\"2026-05-02T10:00:30Z\",\
         \"messages\":[{},{}]}}\n",
        message(1, "CUSTOMER"),
        message(2, "AGENT")
    )
}

/// The lines as a file that is packed.
fn packed(file: &Path, lines: &str) {
    let mut packing = liblzma::write::XzEncoder::new(std::fs::File::create(file).expect("a file"), 1);
    packing.write_all(lines.as_bytes()).expect("is packed");
    packing.finish().expect("is written");
}

fn written(file: PathBuf, text: &str) -> PathBuf {
    std::fs::write(&file, text).expect("a file");
    file
}

fn json_lines(folder: &Path) -> Case {
    let file = folder.join("chats.jsonl.xz");
    packed(&file, &all(6_000, "", |n| chat("cut", "json", n).replace("\"kind\":\"conversation\",", "")));
    Case {
        kind: "conversations",
        format: None,
        file,
        good: 6_000 - 12,
        bad: bad(6_000, |n| n),
        through: |line| line,
    }
}

/// Two rows a conversation.
fn csv_conversations(folder: &Path) -> Case {
    let head = "conversationId,agentId,customerId,channel,sentAt,sender,text\n";
    let text = all(6_000, head, |n| {
        let sender = if is_bad(n) { "NOBODY" } else { "AGENT" };
        format!(
            "t-{n},table,k,chat,2026-05-02 09:00:00,CUSTOMER,hello\nt-{n},table,k,chat,2026-05-02 09:00:05,{sender},hi\n"
        )
    });
    Case {
        kind: "conversations",
        format: None,
        file: written(folder.join("chats.csv"), &text),
        good: 6_000 - 12,
        bad: bad(6_000, |n| 2 * n + 1),
        through: |line| line / 2,
    }
}

fn csv_facts(folder: &Path) -> Case {
    let text = all(20_000, "paymentId,orderId,occurredAt,customerId,amount\n", |n| {
        let amount = if is_bad(n) { "much" } else { "129" };
        format!("y-{n},o-{n},2026-05-02 09:12,b-1,{amount}\n")
    });
    Case {
        kind: "payments",
        format: None,
        file: written(folder.join("payments.csv"), &text),
        good: 20_000 - 40,
        bad: bad(20_000, |n| n + 1),
        through: |line| line - 1,
    }
}

/// Four lines a chat, each with a customer of its own.
fn qianniu(folder: &Path) -> Case {
    let text = all(6_000, "", |n| {
        format!("x{n}***9 2026-5-2 9:05:03\n这款台灯有货吗\n旗舰店:小王 2026-5-2 9:05:30\n有的\n")
    });
    Case {
        kind: "conversations",
        format: None,
        file: written(folder.join("log.txt"), &text),
        good: 6_000,
        bad: BTreeSet::new(),
        through: |line| (line + 3) / 4,
    }
}

fn zendesk(folder: &Path) -> Case {
    let folder = folder.join("zendesk");
    std::fs::create_dir(&folder).expect("a folder");
    let head = "id,requester_id,assignee_id,status,via_channel,description,created_at,updated_at\n";
    let tickets = all(6_000, head, |n| {
        let updated = if is_bad(n) { "then" } else { "2026-05-02 10:00:00" };
        format!("{n},2{n},1111,solved,email,The lamp flickers,2026-05-02 09:00:00,{updated}\n")
    });
    let users = all(6_000, "id,role\n1111,agent\n", |n| format!("2{n},end-user\n"));
    let comments = all(6_000, "ticket_id,created,user_id,body,public\n", |n| {
        format!("{n},2026-05-02 09:30:00,1111,Try another socket,TRUE\n")
    });
    for (table, text) in [("ticket", tickets), ("user", users), ("ticket_comment", comments)] {
        written(folder.join(format!("{table}.csv")), &text);
    }
    Case {
        kind: "conversations",
        format: None,
        file: folder,
        good: 6_000 - 12,
        bad: bad(6_000, |n| n + 1),
        through: |line| line - 1,
    }
}

/// Everything on one line, as an export is that no person has to read: tickets are numbered on from it.
fn freshdesk(folder: &Path) -> Case {
    let tickets = all(6_000, "", |n| {
        let updated = if is_bad(n) { "then" } else { "2026-05-02T12:30:00Z" };
        format!(
            "{}{{\"ticket\":{{\"id\":{n},\"description_text\":\"The lamp flickers.\",\"status\":5,\"source\":1,\
             \"requester_id\":{n},\"responder_id\":900,\"created_at\":\"2026-05-02T10:00:00Z\",\"updated_at\":\"{updated}\"}},\
             \"conversations\":[{{\"id\":1,\"body_text\":\"Try another socket.\",\"incoming\":false,\"private\":false,\
             \"user_id\":900,\"created_at\":\"2026-05-02T11:00:00Z\"}}]}}",
            if n == 1 { "" } else { "," }
        )
    });
    Case {
        kind: "conversations",
        format: Some("freshdesk"),
        file: written(folder.join("freshdesk.json"), &format!("[{tickets}]")),
        good: 6_000 - 12,
        bad: bad(6_000, |n| n),
        through: |line| line,
    }
}

/// Chats and, after them, signups: both streams are cut.
fn mixed(folder: &Path) -> Case {
    let chats = all(6_000, "", |n| chat("mixed", "mixed", n));
    let text = format!("{chats}{}", all(20_000, "", signup));
    let mut refused = bad(6_000, |n| n);
    refused.extend(bad(20_000, |n| 6_000 + n));
    Case {
        kind: "mixed",
        format: None,
        file: written(folder.join("mixed.jsonl"), &text),
        good: 26_000 - 52,
        bad: refused,
        // Of the signups: those are the ones that were cut last.
        through: |line| line - 6_000,
    }
}

/// The conversations of each account on their day.
fn conversations(folder: &Path, account: &str) -> i64 {
    let rows = figures(folder, "2026-05-02", &["--by", "account"]);
    let row = rows.iter().find(|row| row["key"] == account).unwrap_or_else(|| panic!("{account}: {rows:?}"));
    row["conversations"].as_str().expect("a number").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_goes_on_whatever_the_file_is_written_in() {
    let ingest = Ingest::start().await;
    let folder = ingest.scratch.path();
    let cases = [
        (json_lines(folder), Some("json")),
        (csv_conversations(folder), Some("table")),
        (csv_facts(folder), None),
        (qianniu(folder), Some("旗舰店:小王")),
        (zendesk(folder), Some("1111")),
        (freshdesk(folder), Some("900")),
    ];
    for (case, account) in cases {
        case.cut(&ingest, 1);
        case.goes_on(&ingest);
        case.is_known(&ingest);
        if let Some(account) = account {
            assert_eq!(conversations(&ingest.folder, account), case.good, "{account}: each once");
        }
    }
    let mixed = mixed(folder);
    mixed.cut(&ingest, 1);
    // The chats go on where they were cut and come to their end; then the rest is cut.
    mixed.cut(&ingest, 2);
    let resumed = mixed.goes_on(&ingest);
    assert!(resumed > 6_000, "the chats were through: {resumed}");
    mixed.is_known(&ingest);
    assert_eq!(conversations(&ingest.folder, "mixed"), 6_000 - 12);
}
