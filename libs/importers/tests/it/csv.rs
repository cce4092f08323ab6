use importers::{Body, Kind, Sender, Table};

use crate::support::{Came, options, seconds};

fn read(text: &str, kind: Kind) -> Came {
    Came::of(Table::new(text.as_bytes(), kind, options()).expect("memory can be read"))
}

const PAYMENTS: &str = "\u{feff}支付单号,订单编号,付款时间,买家昵称,付款金额\r\n\
    y1,=\"1234567890123456789\",2026-1-5 9:05,\"小明,\r\n二\",\"1,234.50\"\r\n\
    \r\n\
    y2,'42,２０２６年1月5日 9:06,t******7,¥１２\r\n";

#[test]
fn a_desktop_s_file_is_read_as_it_is() {
    let came = read(PAYMENTS, Kind::Payment);
    assert_eq!(came.lines(), [2, 5]);
    let facts = came.facts();
    let Body::Payment(first) = &facts[0].body else { panic!("a payment") };
    assert_eq!(
        (first.order.as_str(), first.amount.units, first.amount.nanos),
        ("1234567890123456789", 1234, 500_000_000)
    );
    assert_eq!(facts[0].customer, "小明,\n二");
    assert_eq!(facts[0].occurred_at.timestamp(), seconds("2026-01-05T09:05:00+08:00"));
    let Body::Payment(second) = &facts[1].body else { panic!("a payment") };
    assert_eq!((second.order.as_str(), second.amount.units), ("42", 12));
}

#[test]
fn a_review_comes_with_its_stars_and_what_was_added_to_it() {
    let text = "评价编号,订单编号,评价时间,买家昵称,评价,评价内容,星级,追评,追评时间\n\
        r1,o1,2026-1-5 9:05,小明,差评,太慢,1,客服来电后解决了,2026-1-8 20:00\n\
        r2,o2,2026-1-5 9:06,小红,好评,好用,,,\n";
    let facts = read(text, Kind::BuyerReview).facts();
    let Body::BuyerReview(bad) = &facts[0].body else { panic!("a review") };
    assert_eq!((bad.stars, bad.append_text.as_str()), (Some(1), "客服来电后解决了"));
    assert_eq!(bad.appended_at.map(|at| at.timestamp()), Some(seconds("2026-01-08T20:00:00+08:00")));
    let Body::BuyerReview(good) = &facts[1].body else { panic!("a review") };
    assert_eq!((good.stars, good.append_text.as_str(), good.appended_at), (None, "", None));
}

#[test]
fn headings_are_checked() {
    let check = |header: &str, field: &str, reason: &str| {
        let came = read(&format!("{header}\nx,x,x\n"), Kind::Payment);
        let wrong = came.only_wrong();
        assert_eq!((wrong.line, wrong.field.as_str()), (1, field), "{header}");
        assert!(wrong.reason.contains(reason), "{header}: {}", wrong.reason);
    };
    check("paymentId,orderId,colour", "colour", "no column of payment files");
    check("paymentId,orderId,order_id", "order_id", "already");
    check("orderId,amount,customerId", "paymentId", "missing in the header");
    assert_eq!(read("", Kind::Payment).only_wrong().field, "header");
    let lenient = options().ignore_unknown(true);
    let text = "paymentId;orderId;occurredAt;customerId;amount;colour\ny;o;2026-1-5 9:05;k;3;red\n";
    let came = Came::of(Table::new(text.as_bytes(), Kind::Payment, lenient).expect("memory can be read"));
    assert_eq!(came.facts().len(), 1);
}

#[test]
fn a_column_without_a_heading_has_no_values() {
    let text = "paymentId,orderId,occurredAt,customerId,amount,, \n\
        y1,o,2026-1-5 9:05,k,3,,\n\
        y2,o,2026-1-5 9:05,k,3,,7\n";
    let came = read(text, Kind::Payment);
    let wrong = came.only_wrong();
    assert_eq!((wrong.line, wrong.field.as_str()), (3, "column 7"), "{}", wrong.reason);
    assert_eq!(came.lines(), [2]);
    let lenient = Table::new(text.as_bytes(), Kind::Payment, options().ignore_unknown(true));
    assert_eq!(Came::of(lenient.expect("memory can be read")).lines(), [2, 3]);
}

#[test]
fn a_bad_row_is_refused_by_itself() {
    let header = "paymentId,orderId,occurredAt,customerId,amount\n";
    let good = "y,o,2026-1-5 9:05,k,3\n";
    let check = |row: &str, field: &str, reason: &str| {
        let came = read(&format!("{header}{good}{row}\n{good}"), Kind::Payment);
        let wrong = came.only_wrong();
        assert_eq!((wrong.line, wrong.field.as_str()), (3, field), "{row}");
        assert!(wrong.reason.contains(reason), "{row}: {}", wrong.reason);
        assert_eq!(came.rows.len(), 2, "{row}");
    };
    check("y,o,2026-1-5,k,3", "occurredAt", "time of day");
    check("y,o,2026-1-5 9:05,k,", "amount", "missing");
    check("y,o,2026-1-5 9:05,k,\"1,23\"", "amount", "thousands");
    check("y,o,2026-1-5 9:05,k", "row", "4 cells");
    check(",o,2026-1-5 9:05,k,3", "paymentId", "missing");
    check("y,o,2026-1-5 9:05,\u{fffd},3", "customerId", "encoding");
}

const CHATS: &str = "conversationId,agentId,customerId,channel,sentAt,sender,text,quickReply,辅助回复,satisfied\n\
    c1,a,k,chat,2026-1-5 9:05:00,买家,在吗,,,1\n\
    c1,a,k,chat,2026-1-5 9:05:10,客服,\"您好,\n请说\",是,是,1\n\
    c2,b,k,chat,2026-1-5 9:06:00,CUSTOMER,hi,,,\n";

#[test]
fn rows_of_a_conversation_are_its_messages() {
    let came = read(CHATS, Kind::Conversation);
    assert_eq!(came.lines(), [2, 5]);
    let chats = came.conversations();
    assert_eq!((chats[0].id.as_str(), chats[0].messages.len(), chats[0].satisfied), ("c1", 2, Some(true)));
    assert_eq!(chats[0].started_at.timestamp(), seconds("2026-01-05T09:05:00+08:00"));
    assert_eq!((chats[0].closed_at - chats[0].started_at).num_seconds(), 10);
    let answer = &chats[0].messages[1];
    assert_eq!(
        (answer.sender, answer.text.as_str(), answer.quick_reply, answer.assisted),
        (Sender::Agent, "您好,\n请说", true, true)
    );
    assert_eq!((chats[1].id.as_str(), chats[1].satisfied), ("c2", None));
}

#[test]
fn a_conversation_with_one_bad_row_is_refused_whole() {
    let check = |from: &str, to: &str, line: u64, field: &str| {
        let came = read(&CHATS.replacen(from, to, 1), Kind::Conversation);
        let wrong = came.only_wrong();
        assert_eq!((wrong.line, wrong.field.as_str()), (line, field), "{to}: {}", wrong.reason);
        assert_eq!(came.lines(), [5], "{to}: the other one is read");
    };
    check("2026-1-5 9:05:10", "2026-1-5 9:65:10", 3, "sentAt");
    check("客服", "老板", 3, "sender");
    check("c1,a,k,chat,2026-1-5 9:05:10", "c1,x,k,chat,2026-1-5 9:05:10", 3, "agentId");
    check("c1,a,k,chat,2026-1-5 9:05:10", "c1,a,k,2026-1-5 9:05:10", 3, "row");
}

#[test]
fn rows_of_an_order_are_its_lines() {
    let text = "订单编号\t订单创建时间\t买家会员名\t订单金额\tproductId\ttitle\t数量\tlineAmount\n\
        o1\t2026/1/5 9:05:00\tk\t30\tp1\tlamp\t1\t10\n\
        o1\t2026/1/5 9:05:00\tk\t30\tp2\tbulb\t2\t20\n\
        o2\t2026/1/5 9:06:00\tk\t5\tp1\tlamp\t0.5\t5\n";
    let came = read(text, Kind::Order);
    assert_eq!((came.only_wrong().line, came.only_wrong().field.as_str()), (4, "quantity"));
    let Some(importers::Record::Fact(fact)) = came.rows.first().map(|row| &row.record) else {
        panic!("{came:?}")
    };
    let Body::Order(order) = &fact.body else { panic!("an order") };
    assert_eq!((order.lines.len(), order.lines[1].quantity, order.lines[1].amount.units), (2, 2, 20));
    assert_eq!(order.amount.units, 30);
    let bad = text.replacen("\t20\n", "\tzwanzig\n", 1);
    let came = read(&bad, Kind::Order);
    assert_eq!((came.wrong[0].line, came.wrong[0].field.as_str()), (3, "lineAmount"));
}

#[test]
fn an_open_quote_does_not_take_the_file_into_memory() {
    let text = format!("{CHATS}c3,a,k,chat,\"{}", "x\n".repeat(5 << 20));
    let came = read(&text, Kind::Conversation);
    let wrong = came.only_wrong();
    assert!(wrong.line == 6 && wrong.reason.contains("quote"), "{wrong}");
}

/// A table of each kind: what is good, and then a row of which the field is wrong.
pub const TABLES: [(Kind, &str, &str, &str); 13] = [
    (
        Kind::Conversation,
        "conversationId,agentId,customerId,channel,sentAt,sender,text\n\
         c-1,a,k,chat,2026-05-01 09:00:00,CUSTOMER,hello\nc-1,a,k,chat,2026-05-01 09:00:05,AGENT,hi\n",
        "c-2,a,k,chat,2026-05-01 09:00:00,NOBODY,hello\n",
        "sender",
    ),
    (
        Kind::Order,
        "orderId,occurredAt,customerId,amount,productId,title,quantity,lineAmount\n\
         o-1,2026-05-01 09:10,k,30,p-1,Lamp,1,10\no-1,2026-05-01 09:10,k,30,p-2,Bulb,2,20\n",
        "o-2,2026-05-01 09:10,k,30,p-1,Lamp,one,30\n",
        "quantity",
    ),
    (
        Kind::Payment,
        "paymentId,orderId,occurredAt,customerId,amount\ny-1,o-1,2026-05-01 09:12,k,30\n",
        "y-2,o-1,2026-05-01 09:12,k,much\n",
        "amount",
    ),
    (
        Kind::Refund,
        "refundId,orderId,occurredAt,customerId,amount,type,reason,completedAt,平台介入,judgedAgainstShop\n\
         r-1,o-1,2026-05-02 09:00,k,5,REFUND_ONLY,late,2026-05-02 10:00,是,否\n",
        "r-2,o-1,2026-05-02 09:00,k,5,RETURN,late,,perhaps,\n",
        "platformHelp",
    ),
    (
        Kind::Cart,
        "cartId,occurredAt,customerId,productId,quantity,amount\nw-1,2026-05-01 09:00,k,p-1,1,10\n",
        "w-2,,k,p-1,1,10\n",
        "occurredAt",
    ),
    (
        Kind::Complaint,
        "complaintId,occurredAt,customerId,orderId,severity,cause\n\
         m-1,2026-05-03 09:00,k,o-1,ORDINARY,late\n",
        "m-2,2026-05-03 09:00,k,o-1,AWFUL,late\n",
        "severity",
    ),
    (
        Kind::Satisfaction,
        "satisfactionId,occurredAt,customerId,channel,conversationId,score\n\
         s-1,2026-05-01 09:30,k,chat,c-1,5\n",
        "s-2,2026-05-01 09:30,k,chat,c-1,five\n",
        "score",
    ),
    (
        Kind::StoreRating,
        "storeRatingId,occurredAt,customerId,orderId,itemScore,serviceScore,deliveryScore\n\
         d-1,2026-05-04 09:00,k,o-1,5,4,3\n",
        "d-2,2026-05-04 09:00,k,o-1,5,4,x\n",
        "deliveryScore",
    ),
    (
        Kind::BuyerReview,
        "reviewId,occurredAt,customerId,orderId,productId,rating,text\n\
         v-1,2026-05-04 09:00,k,o-1,p-1,GOOD,nice\n",
        "v-2,2026-05-04 09:00,k,o-1,p-1,FINE,nice\n",
        "rating",
    ),
    (
        Kind::BotEvent,
        "botEventId,occurredAt,customerId,outcome,questionClass,question\n\
         e-1,2026-05-01 09:00,k,ANSWERED,OWN,when?\n",
        "e-2,2026-05-01 09:00,k,GUESSED,OWN,when?\n",
        "outcome",
    ),
    (
        Kind::Handling,
        "handlingId,occurredAt,customerId,accountId,type,taskId,openedAt\n\
         h-1,2026-05-01 10:00,k,a,ORDER,t-1,2026-05-01 09:00\n",
        "h-2,2026-05-01 10:00,k,a,ORDER,t-1,then\n",
        "openedAt",
    ),
    (
        Kind::MemberSignup,
        "signupId,occurredAt,customerId\nu-1,2026-05-01 10:00,k\n",
        "u-2,2026-05-01 10:00,\n",
        "customerId",
    ),
    (
        Kind::Recommendation,
        "recommendationId,occurredAt,customerId,accountId,productId,type\n\
         n-1,2026-05-01 09:20,k,a,p-1,RECOMMEND\n",
        "n-2,2026-05-01 09:20,k,a,p-1,HINT\n",
        "type",
    ),
];

#[test]
fn every_kind_has_a_table_and_a_bad_row_names_its_field() {
    for (kind, good, bad, field) in TABLES {
        let came = read(&format!("{good}{bad}"), kind);
        let line = good.lines().count() as u64 + 1;
        assert_eq!((came.only_wrong().line, came.only_wrong().field.as_str()), (line, field), "{kind}");
        assert_eq!(came.rows.len(), 1, "{kind}");
    }
    let kinds: Vec<Kind> = TABLES.iter().map(|table| table.0).collect();
    assert_eq!(kinds, Kind::ALL);
}
