use importers::qianniu::ChatLog;
use importers::{Conversation, Sender, Utf8};

use crate::support::{Came, options, seconds};

/// A day at a shop, with all that logs have in them.
pub const LOG: &str = "\
t******7 2025-5-1 9:05:03\r
当前用户来自 商品详情页\r
t******7 2025-5-1 9:05:20\r
这款台灯有货吗\r
下单今天能发吗？\r
已读\r
某官方旗舰店:服务助手2025-5-1 9:05:21\r
亲，在的哦，有什么可以帮您\r
t******7 2025-5-1 9:05:30\r
转人工\r
t******7 2025-5-1 9:05:31\r
由 服务助手 转交给 小王，原因：【系统识别需干预，请及时接待】\r
某官方旗舰店:小王 2025-05-01 09:05:45\r
您好，有货的\r
<img src=\"https://img.example.com/a.jpg\" />\r
未读\r
t******7 2025-5-1 9:06:00\r
https://item.example.com/item.htm?id=1\r
商品推荐\r
¥129.00\r
某官方旗舰店:小王 撤回了一条消息\r
某官方旗舰店:小王 2025-5-1 9:06:30\r
今天16点前付款当天发货，截止时间是\r
2025-5-1 16:00\r
某官方旗舰店:小王 2025-5-1 9:07:00\r
由 小王 转交给 小李 原因：【离线留言自动分配】\r
某官方旗舰店:小李 2025-5-1 9:10:00\r
您好，我是小李\r
t******7 2025-5-1 9:10:10\r
`https://img.example.com/b.png`\r
b*****2 2025-5-1 9:30:00\r
你好\r
某官方旗舰店：小李 2025-5-1 9:30:09\r
在的\r
某官方旗舰店:小王 2025-5-1 9:30:20\r
我来补充一下\r
b*****2 2025-5-2 8:00:00\r
发货了吗\r
";

fn read(log: &str) -> Vec<Conversation> {
    Came::of(ChatLog::new(log.as_bytes(), options())).conversations()
}

fn texts(conversation: &Conversation) -> Vec<(Sender, &str)> {
    conversation.messages.iter().map(|message| (message.sender, message.text.as_str())).collect()
}

#[test]
fn a_transfer_cuts_a_chat_into_one_conversation_an_agent() {
    let chats = read(LOG);
    let [wang, li, other, next_day] = chats.as_slice() else { panic!("four conversations: {chats:#?}") };
    assert_eq!((wang.account.as_str(), wang.customer.as_str()), ("某官方旗舰店:小王", "t******7"));
    assert_eq!(wang.transferred_from.as_deref(), Some("某官方旗舰店:服务助手"));
    assert_eq!(wang.transferred_to.as_deref(), Some("某官方旗舰店:小李"));
    assert_eq!(
        texts(wang),
        [
            (Sender::System, "当前用户来自 商品详情页"),
            (Sender::Customer, "这款台灯有货吗\n下单今天能发吗？"),
            (Sender::Bot, "亲，在的哦，有什么可以帮您"),
            (Sender::Customer, "转人工"),
            (Sender::System, "由 服务助手 转交给 小王，原因：【系统识别需干预，请及时接待】"),
            (Sender::Agent, "您好，有货的"),
            (Sender::Customer, "[card]"),
            (Sender::System, "某官方旗舰店:小王 撤回了一条消息"),
            (Sender::Agent, "今天16点前付款当天发货，截止时间是\n2025-5-1 16:00"),
            (Sender::System, "由 小王 转交给 小李 原因：【离线留言自动分配】"),
        ]
    );
    assert_eq!(li.account, "某官方旗舰店:小李");
    assert_eq!(li.transferred_from.as_deref(), Some("某官方旗舰店:小王"));
    assert_eq!(texts(li), [(Sender::Agent, "您好，我是小李"), (Sender::Customer, "[image]")]);
    assert_eq!(other.customer, "b*****2");
    assert_eq!(other.account, "某官方旗舰店:小李", "a wide colon is a colon");
    let helped: Vec<_> = other.messages.iter().map(|message| message.account.as_deref()).collect();
    assert_eq!(
        helped,
        [None, None, Some("某官方旗舰店:小王")],
        "a colleague's answer stays in the owner's chat"
    );
    assert_eq!(next_day.messages.len(), 1, "a long pause ends a conversation");
    assert_eq!(next_day.account, "某官方旗舰店", "nobody answered: it is the shop's");
    assert_eq!(wang.started_at.timestamp(), seconds("2025-05-01T09:05:03+08:00"));
}

#[test]
fn the_same_log_gives_the_same_ids_and_a_longer_one_a_higher_revision() {
    let whole = read(LOG);
    assert_eq!(read(LOG), whole);
    let ids: std::collections::BTreeSet<_> = whole.iter().map(|chat| chat.id.as_str()).collect();
    assert_eq!(ids.len(), whole.len());
    let cut = LOG.find("由 小王").expect("it is there");
    let earlier = read(&LOG[..cut]);
    assert_eq!(earlier[0].id, whole[0].id);
    assert!(earlier[0].revision < whole[0].revision);
}

#[test]
fn gbk_logs_are_the_same() {
    let (gbk, _, lossy) = encoding_rs::GB18030.encode(LOG);
    assert!(!lossy);
    let came = Came::of(ChatLog::new(Utf8::new(&*gbk), options()));
    assert_eq!(came.conversations(), read(LOG));
}

#[test]
fn old_logs_have_the_time_on_its_own_line() {
    let log = "小明同学\n2012-3-4 10:00:00\n在吗\n旗舰店:客服一\n2012-3-4 10:00:30\n在的\n亲\n小明同学\n2012-3-4 10:01:00\n好\n";
    let chats = read(log);
    assert_eq!(chats.len(), 1);
    let wanted = [(Sender::Customer, "在吗"), (Sender::Agent, "在的\n亲"), (Sender::Customer, "好")];
    assert_eq!(texts(&chats[0]), wanted);
}

#[test]
fn a_peer_tells_whose_chat_it_is() {
    let log = "旗舰店:客服一 --> t**1 2025-5-1 9:00:00\n您好\n旗舰店:客服一 --> t**2 2025-5-1 9:00:10\n您好\nt**2 --> 旗舰店:客服一 2025-5-1 9:00:20\n嗯\n";
    let chats = read(log);
    let customers: Vec<_> = chats.iter().map(|chat| chat.customer.as_str()).collect();
    assert_eq!(customers, ["t**1", "t**2"]);
    assert_eq!(chats[1].messages.len(), 2);
}

#[test]
fn text_that_ends_in_a_time_is_text() {
    let log = "t******7 2025-5-1 9:00:00\n你们说的发货时间是 2025-5-3 9:00:00\n旗舰店:客服一 2025-5-1 9:00:10\n是的\n";
    let chats = read(log);
    assert_eq!(chats.len(), 1);
    assert_eq!(chats[0].messages[0].text, "你们说的发货时间是 2025-5-3 9:00:00");
}

#[test]
fn what_is_no_chat_is_named() {
    let check = |log: &str, line: u64, field: &str| {
        let came = Came::of(ChatLog::new(log.as_bytes(), options()));
        let wrong = came.only_wrong();
        assert_eq!((wrong.line, wrong.field.as_str()), (line, field), "{log}: {}", wrong.reason);
    };
    check("聊天记录，导出\n", 1, "sender");
    check("聊天记录\nt******7 2025-5-1 9:00:00\n在吗\n旗舰店:客服一 2025-5-1 9:00:10\n在\n", 1, "sender");
    check("2025-5-1 9:00:00\n", 1, "sender");
    check("t******7 2025-5-1 9:00:00\n在吗\n", 1, "agent");
    check("旗舰店:客服一 2025-5-1 9:00:00\n有人吗\n", 1, "customer");
    let options = options().shop_account(Some("旗舰店".to_owned()));
    let log = "t******7 2025-5-1 9:00:00\n在吗\n旗舰店 2025-5-1 9:00:10\n在\n";
    let chats = Came::of(ChatLog::new(log.as_bytes(), options)).conversations();
    assert_eq!(chats[0].account, "旗舰店", "a main account that was named is an agent");
}
