//! Checks of time, mood and repetition.

use textcheck::{Conversation, Evidence, Kind, StockReplies};

use crate::support::{chat, checker, found, hits};

/// The worked examples of the rounds' definition, in seconds of a day: the limit is three minutes.
#[test]
fn rounds_are_measured_from_the_first_unanswered_message() {
    let checker = checker(r#"{"slow_reply": {"seconds_max": 180}}"#);
    let at = |minute: i64, second: i64| minute * 60 + second;
    let first = [('c', at(10, 15), "在吗"), ('c', at(15, 20), "?"), ('a', at(18, 10), "在")];
    let slow = hits(&checker, &chat(&first)).first().map(|hit| (hit.kind, hit.message, hit.evidence));
    assert_eq!(slow, Some((Kind::SlowReply, 2, Evidence::Waited(475_000))));
    let mut second = first.to_vec();
    second.extend([('c', at(18, 30), "有货吗"), ('a', at(19, 0), "有")]);
    assert_eq!(found(&checker, &chat(&second)), [(2, "在")], "one of two rounds");
    assert_eq!(found(&checker, &chat(&[('c', 0, "a"), ('a', 180, "b")])), [], "the limit itself is in time");
}

#[test]
fn a_round_without_an_answer_counts_only_if_asked_for() {
    let messages = chat(&[('c', 0, "在吗"), ('c', 170, "有人吗")]);
    let closed = Conversation { messages: &messages, closed_at_ms: Some(200_000), stock: None };
    assert_eq!(checker(r#"{"slow_reply": {"seconds_max": 180}}"#).check(&closed), []);
    let strict = checker(r#"{"slow_reply": {"seconds_max": 180, "unanswered": true}}"#);
    let found: Vec<_> = strict.check(&closed).iter().map(|hit| (hit.message, hit.evidence)).collect();
    assert_eq!(found, [(0, Evidence::Waited(200_000))]);
}

#[test]
fn who_answers_is_the_rules_choice() {
    let lines = [('c', 0, "在吗"), ('b', 1, "稍等"), ('q', 2, "在的"), ('a', 100, "您好")];
    let slow = |check: &str| found(&checker(check), &chat(&lines)).len();
    assert_eq!(slow(r#"{"slow_reply": {"seconds_max": 60}}"#), 0);
    assert_eq!(slow(r#"{"slow_reply": {"seconds_max": 60, "quick_replies_answer": false}}"#), 1);
    assert_eq!(
        slow(r#"{"slow_reply": {"seconds_max": 60, "quick_replies_answer": false, "bots_answer": true}}"#),
        0
    );
    assert_eq!(slow(r#"{"slow_reply": {"seconds_max": 60, "first_seconds_max": 1}}"#), 1);
}

#[test]
fn messages_without_a_time_are_passed_over() {
    let mut messages = chat(&[('c', 0, "在吗"), ('a', 900, "在")]);
    messages[1].sent_at_ms = None;
    assert_eq!(found(&checker(r#"{"slow_reply": {"seconds_max": 180}}"#), &messages), []);
    messages[1].sent_at_ms = Some(i64::MIN);
    messages[0].sent_at_ms = Some(i64::MAX);
    assert_eq!(found(&checker(r#"{"slow_reply": {"seconds_max": 180}}"#), &messages), []);
}

#[test]
fn a_falling_mood_is_found_and_a_bad_one_throughout_is_not() {
    let checker = checker(r#"{"falling_sentiment": {"fall_min": 0.6, "end_max": -0.2}}"#);
    let falling = [
        ('c', 0, "你们家衣服质量很好，很喜欢"),
        ('a', 1, "谢谢"),
        ('c', 2, "不过这次的尺码不太对"),
        ('c', 3, "服务态度太差了，非常失望，垃圾！"),
    ];
    let found = hits(&checker, &chat(&falling));
    assert_eq!(
        found.iter().map(|hit| (hit.kind, hit.message)).collect::<Vec<_>>(),
        [(Kind::FallingSentiment, 3)]
    );
    assert!(matches!(found[0].evidence, Evidence::Fell { from, to } if from > 0.2 && to < -0.4), "{found:?}");
    let bad = [("c", "太差了"), ("c", "非常失望，垃圾"), ("c", "服务态度太差了，很失望")]
        .map(|(_, text)| ('c', 0, text));
    assert_eq!(self::found(&checker, &chat(&bad)), []);
    let english = [
        ('c', 0, "I love it, thank you"),
        ('c', 1, "but it is broken"),
        ('c', 2, "this is terrible, worst shop"),
    ];
    assert_eq!(self::found(&checker, &chat(&english)), [(2, english[2].2)]);
    assert_eq!(self::found(&checker, &chat(&falling[..2])), [], "too few messages");
}

const CANNED: &str = r#"{"canned_reply": {"seconds_max": 5}}"#;

#[test]
fn a_quick_stock_reply_past_the_question_is_found() {
    let checker = checker(CANNED);
    let past = [('c', 0, "这件衣服会缩水吗"), ('q', 2, "亲亲，在的哦"), ('c', 30, "我问会不会缩水")];
    assert_eq!(found(&checker, &chat(&past)), [(1, "亲亲，在的哦")]);
    for (change, why) in [
        ((1, ('q', 9, past[1].2)), "slow"),
        ((1, ('a', 2, past[1].2)), "typed"),
        ((1, ('q', 2, "这款衣服不会的")), "to the point"),
        ((0, ('c', 0, "好的谢谢你啊")), "no question"),
        ((2, ('a', 30, "稍等我看下")), "more follows, and the customer is content"),
    ] {
        let mut lines = past;
        lines[change.0] = change.1;
        assert_eq!(found(&checker, &chat(&lines)), [], "{why}");
    }
}

#[test]
fn stock_replies_are_known_by_likeness() {
    let checker = checker(CANNED);
    let messages =
        chat(&[('c', 0, "这件衣服会缩水吗?"), ('a', 2, "亲亲，在的哦~~"), ('c', 30, "我问会不会缩水")]);
    let stock = StockReplies::new(["", "您好", "亲亲 在的哦"]);
    let with = Conversation { messages: &messages, closed_at_ms: None, stock: Some(&stock) };
    assert_eq!(checker.check(&with).len(), 1);
    assert_eq!(found(&checker, &messages), []);
}

#[test]
fn the_same_reply_is_told_from_the_third_time_on() {
    let checker = checker(r#"{"repeated_reply": {"times": 3}}"#);
    let lines = [
        ('a', 0, "请您耐心等待一下哦"),
        ('c', 1, "还要多久"),
        ('a', 2, "请您耐心等待一下哦~"),
        ('a', 3, "好的"),
        ('a', 4, "好的"),
        ('a', 5, "好的"),
        ('a', 6, "请您，耐心等待一下哦"),
        ('a', 7, "请您耐心等待一下吧哦"),
    ];
    let messages = chat(&lines);
    let found: Vec<_> = hits(&checker, &messages).iter().map(|hit| (hit.message, hit.evidence)).collect();
    assert_eq!(
        found,
        [(6, Evidence::Repeats(0))],
        "short ones are passed over, the last one is another sentence"
    );
}
