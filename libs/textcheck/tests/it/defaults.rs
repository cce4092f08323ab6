//! The rules that come with the crate, on chats written for this test.

use textcheck::{Checker, Conversation, Language, default_rules};

use crate::support::chat;

fn ids(language: Language, lines: &[(char, i64, &str)]) -> Vec<String> {
    let checker = Checker::new(&default_rules(language).unwrap()).unwrap();
    let messages = chat(lines);
    checker.check(&Conversation::of(&messages)).iter().map(|hit| hit.rule_id.to_owned()).collect()
}

#[test]
fn good_chats_have_no_hits() {
    let chinese = [
        ('c', 0, "你好，这款鞋子有42码吗"),
        ('a', 20, "亲，您好，42码有货的，您平时穿多大呢？"),
        ('c', 60, "平时42，最近想买双宽松点的"),
        ('a', 100, "那您最好先量一下脚长，这款偏大半码，我们不能保证每个人都合适，不合适可以七天无理由退换"),
        ('c', 150, "好的，最后一个问题，今天能发吗"),
        ('a', 170, "今天下午4点前付款今天发出，一般两到三天送到哦"),
        ('c', 200, "好的谢谢"),
        ('a', 205, "不客气，祝您购物愉快！"),
    ];
    assert_eq!(ids(Language::Chinese, &chinese), [""; 0]);
    let english = [
        ('c', 0, "Hi, does this jacket come in blue?"),
        ('a', 30, "Hello! Yes, blue is in stock in all sizes. Which size do you need?"),
        ('c', 60, "Medium. Can you guarantee that it arrives by Friday?"),
        ('a', 110, "We can't guarantee that it arrives by Friday, but most parcels take two days."),
        ('c', 130, "ok, thanks"),
        ('a', 140, "You're welcome, have a nice day!"),
    ];
    assert_eq!(ids(Language::English, &english), [""; 0]);
}

#[test]
fn bad_chats_show_what_is_bad() {
    let chinese = [
        ('c', 0, "这个面膜有效果吗"),
        ('a', 300, "全网最低，保证一周变白"),
        ('c', 320, "真的假的"),
        ('a', 330, "爱买不买"),
        ('c', 340, "你这什么态度"),
        ('a', 350, "？"),
        ('c', 360, "怎么付款"),
        ('a', 370, "加 V 信 13800138000 转账给我"),
    ];
    let expected = [
        "zh.slow_reply",
        "zh.superlatives",
        "zh.greeting",
        "zh.over_promise",
        "zh.insults",
        "zh.abrupt",
        "zh.off_platform",
        "zh.personal_data",
        "zh.off_platform",
        "zh.closing",
    ];
    let (mut found, mut expected) = (ids(Language::Chinese, &chinese), expected.map(str::to_owned).to_vec());
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let english = [
        ('c', 0, "is it any good?"),
        ('a', 10, "World’s best! I guarantee it will arrive tomorrow."),
        ('c', 20, "hm"),
        ('a', 30, "don't be stupid"),
        ('c', 40, "excuse me?"),
        ('a', 50, "Read it."),
    ];
    let mut found = ids(Language::English, &english);
    found.sort();
    let expected =
        ["en.abrupt", "en.closing", "en.greeting", "en.insults", "en.over_promise", "en.superlatives"];
    assert_eq!(found, expected);
}
