use importers::{Body, JsonLines, Kind, RefundKind};

use crate::support::{Came, options, seconds};

/// A line of each kind.
pub const MIXED: &str = r#"{"kind":"conversation","conversationId":"c1","agentId":"a","customerId":"k","channel":"chat","startedAt":"2026-05-13T13:14:57Z","closedAt":"2026-05-13T21:19:22+08:00","messages":[{"sentAt":"2026-05-13T13:14:57.250Z","sender":"AGENT","text":"hello","quickReply":true}],"satisfied":false}
{"kind":"order","orderId":"o1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k","amount":"1,234.50","lines":[{"productId":"p1","title":"A lamp","quantity":2,"amount":1234.5}],"memberLevel":"V2"}
{"kind":"payment","paymentId":"y1","orderId":"o1","occurredAt":"2026-05-13T21:25:00+08:00","customerId":"k","accountId":"a","amount":"¥1234.50"}
{"kind":"refund","refundId":"r1","revision":1,"orderId":"o1","occurredAt":"2026-05-14T21:25:00+08:00","customerId":"k","amount":"12","type":"RETURN","reason":"broken","completedAt":"2026-05-15T08:00:00Z","platformHelp":true,"judgedAgainstShop":false}
{"kind":"cart","cartId":"w1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k","productId":"p1","quantity":1,"amount":"5"}
{"kind":"complaint","complaintId":"m1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k","severity":"AUTHORITY","cause":"late","channel":"chat","conversationId":"c1","upheld":false}
{"kind":"satisfaction","satisfactionId":"s1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k","channel":"chat","conversationId":"c1","score":5}
{"kind":"storeRating","storeRatingId":"d1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k","orderId":"o1","itemScore":5,"serviceScore":4,"deliveryScore":3}
{"kind":"buyerReview","reviewId":"b1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k","orderId":"o1","productId":"p1","rating":"BAD","text":"meh","stars":2,"appendText":"better","appendedAt":"2026-05-20T21:20:00+08:00"}
{"kind":"botEvent","botEventId":"e1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k","outcome":"TRANSFERRED","questionClass":"OWN","question":"when?","scene":"shipping"}
{"kind":"handling","handlingId":"h1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k","accountId":"a","type":"AFTER_SALE","taskId":"t1","openedAt":"2026-05-13T20:20:00+08:00","accurate":true}
{"kind":"memberSignup","signupId":"u1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k"}
{"kind":"recommendation","recommendationId":"n1","occurredAt":"2026-05-13T21:20:00+08:00","customerId":"k","accountId":"a","productId":"p1","type":"CROSS_SELL"}
"#;

fn read(text: &str, kind: Option<Kind>) -> Came {
    Came::of(JsonLines::new(text.as_bytes(), kind, options()))
}

#[test]
fn a_mixed_file_has_every_kind() {
    let came = read(MIXED, None);
    assert_eq!(came.wrong, []);
    assert_eq!(came.lines(), (1..=13).collect::<Vec<u64>>());
    let facts: Vec<_> = came
        .rows
        .into_iter()
        .filter_map(|row| match row.record {
            importers::Record::Fact(fact) => Some(fact),
            importers::Record::Conversation(_) => None,
        })
        .collect();
    assert_eq!(facts.len(), 12);
    let Body::Order(order) = &facts[0].body else { panic!("the order is first") };
    assert_eq!(
        (order.amount.units, order.amount.nanos, order.amount.currency.as_str()),
        (1234, 500_000_000, "CNY")
    );
    assert_eq!((order.lines[0].quantity, order.lines[0].amount.units), (2, 1234));
    assert_eq!((facts[0].id.as_str(), facts[0].account.as_str(), facts[0].revision), ("o1", "", 0));
    let Body::Refund(refund) = &facts[2].body else { panic!("then payment, refund") };
    assert_eq!((refund.kind, facts[2].revision), (RefundKind::Return, 1));
    assert_eq!(refund.completed_at.map(|at| at.timestamp()), Some(seconds("2026-05-15T08:00:00Z")));
    assert_eq!((refund.platform_help, refund.judged_against_shop), (Some(true), Some(false)));
    let Body::Complaint(complaint) = &facts[4].body else { panic!("then cart, complaint") };
    assert_eq!((complaint.upheld, complaint.chat.id.as_str()), (Some(false), "c1"));
}

#[test]
fn a_file_of_one_kind_needs_no_kind_and_takes_no_other() {
    let payment = MIXED.lines().nth(2).expect("a payment");
    let bare = payment.replace(r#""kind":"payment","#, "");
    assert_eq!(read(&bare, Some(Kind::Payment)).facts().len(), 1);
    assert_eq!(read(payment, Some(Kind::Payment)).facts().len(), 1);
    let came = read(payment, Some(Kind::Refund));
    assert_eq!(came.only_wrong().field, "kind");
    assert_eq!(read(&bare, None).only_wrong().reason, "is missing");
    let conversation = MIXED.lines().next().expect("a conversation");
    assert_eq!(read(conversation, Some(Kind::Conversation)).conversations().len(), 1);
    assert_eq!(read(payment, Some(Kind::Conversation)).wrong.len(), 1);
}

#[test]
fn a_bad_line_names_field_and_reason_and_its_neighbours_are_read() {
    let check = |from: &str, to: &str, line: u64, field: &str, reason: &str| {
        let bad = MIXED.replacen(from, to, 1);
        let came = read(&bad, None);
        let wrong = came.only_wrong();
        assert_eq!((wrong.line, wrong.field.as_str()), (line, field), "{to}: {}", wrong.reason);
        assert!(wrong.reason.contains(reason), "{to}: {}", wrong.reason);
        assert_eq!(came.rows.len(), 12, "{to}");
    };
    check(r#""quickReply""#, r#""quickreply""#, 1, "messages[0].quickreply", "unknown");
    check(r#""AGENT""#, r#""ROBOT""#, 1, "messages[0].sender", "ROBOT");
    check(r#""agentId":"a","#, "", 1, "line", "agentId");
    check("1,234.50", "1,23", 2, "amount", "thousands");
    check(r#""quantity":2"#, r#""quantity":2.5"#, 2, "lines[0].quantity", "whole");
    check(r#""title":"A lamp""#, r#""titel":"A lamp""#, 2, "lines[0].titel", "unknown");
    check(r#""memberLevel""#, r#""orderId":"o2","memberLevel""#, 2, "line", "duplicate");
    check("2026-05-13T21:25:00+08:00", "2026-5-13 21:25", 3, "occurredAt", "offset");
    check("RETURN", "SWAP", 4, "type", "REFUND_ONLY, RETURN");
    check(
        r#""channel":"chat","conversationId":"c1","upheld""#,
        r#""channel":"chat","upheld""#,
        6,
        "conversationId",
        "missing",
    );
    check(r#""upheld":false"#, r#""upheld":"no""#, 6, "upheld", "true or false");
    check(r#""kind":"botEvent""#, r#""kind":"bot""#, 10, "kind", "botEvent");
    check(r#"}"#, r#"} x"#, 1, "line", "");
}

#[test]
fn unknown_fields_can_be_ignored() {
    let line =
        MIXED.lines().nth(2).expect("a payment").replace(r#""orderId""#, r#""colour":"red","orderId""#);
    assert_eq!(read(&line, None).only_wrong().field, "colour");
    let lenient = options().ignore_unknown(true);
    assert_eq!(Came::of(JsonLines::new(line.as_bytes(), None, lenient)).facts().len(), 1);
}
