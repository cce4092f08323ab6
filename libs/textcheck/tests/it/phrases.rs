//! Words in disguise, and what only looks like one.

use textcheck::{Evidence, Kind, Severity, Speaker, normalise};

use crate::support::{chat, checker, found, hits, in_text};

const WORDS: &str = r#"{"forbidden_words": {
    "words": ["加微信", "最", "最好用", "vx", "best price", "100%", "保證"],
    "exceptions": ["最后", "最近"]
}}"#;

#[test]
fn disguises_are_seen_through() {
    let checker = checker(WORDS);
    for (text, expected) in [
        ("你加微信吧", "加微信"),
        ("你加 微信吧", "加 微信"),
        ("你加-微🙂信吧", "加-微🙂信"),
        ("你加\u{200b}微\u{feff}信吧", "加\u{200b}微\u{feff}信"),
        ("加。。。微信", "加。。。微信"),
        ("保证", "保证"),
        ("保證", "保證"),
        ("ＶＸ", "ＶＸ"),
        ("我的Ⓥⓧ呢", "Ⓥⓧ"),
        ("ｖ x", "ｖ x"),
        ("Best   Price!", "Best   Price"),
        ("b.e.s.t p.r.i.c.e", "b.e.s.t p.r.i.c.e"),
        ("有效100％哦", "100％"),
        ("100 %", "100 %"),
    ] {
        assert_eq!(in_text(&checker, text), [expected], "{text:?}");
    }
}

#[test]
fn what_only_looks_like_it_is_left_alone() {
    let checker = checker(WORDS);
    for text in [
        "加。。。。微信", // more than three signs between
        "最后再说",
        "最近忙", // exceptions
        "avx512",
        "vx1", // within a longer word
        "best prices",
        "the be st price",
        "bestp rice",
        "100元",
        "1100%", // without the sign; within a longer number
        "加微",
        "信加微",
        "",
    ] {
        assert_eq!(in_text(&checker, text), [""; 0], "{text:?}");
    }
}

#[test]
fn nothing_is_found_across_messages() {
    let checker = checker(WORDS);
    assert_eq!(found(&checker, &chat(&[('a', 0, "加微"), ('a', 1, "信")])), []);
}

#[test]
fn the_longest_word_at_a_place_is_told_and_others_beside_it() {
    let checker = checker(WORDS);
    assert_eq!(in_text(&checker, "最好用，最后，最"), ["最好用", "最"]);
    let cover = self::checker(r#"{"forbidden_words": {"words": ["ab c", "c d"], "exceptions": ["c d e"]}}"#);
    assert_eq!(in_text(&cover, "ab c d"), ["ab c", "c d"]);
    assert_eq!(in_text(&cover, "ab c d e"), ["ab c"]);
}

#[test]
fn places_are_told_in_bytes_and_characters() {
    let checker = checker(WORDS);
    let messages = chat(&[('c', 0, "在吗"), ('a', 1, "亲🙂 加 微信")]);
    let hits = hits(&checker, &messages);
    assert_eq!(hits.len(), 1);
    let hit = &hits[0];
    assert_eq!((hit.rule_id, hit.kind, hit.severity), ("r", Kind::ForbiddenWord, Severity::Major));
    assert_eq!((hit.message, hit.bytes.clone(), hit.characters.clone(), hit.length()), (1, 8..18, 3..7, 4));
    assert_eq!(hit.evidence, Evidence::Text);
    assert_eq!(normalise(&messages[1].text[hit.bytes.clone()]), "加微信");
}

#[test]
fn rules_listen_to_whom_they_say() {
    let checker = checker(r#"{"forbidden_words": {"words": ["投诉"], "speakers": ["customer"]}}"#);
    assert_eq!(found(&checker, &chat(&[('a', 0, "投诉"), ('c', 1, "我要投诉")])), [(1, "投诉")]);
    assert_eq!(Speaker::Customer as usize, 0);
}

#[test]
fn parts_of_words_count_if_the_rule_says_so() {
    let checker =
        checker(r#"{"forbidden_words": {"words": ["fuck"], "whole_words": false, "separators_max": 0}}"#);
    assert_eq!(in_text(&checker, "unfuckingbelievable"), ["fuck"]);
    assert_eq!(in_text(&checker, "f u c k"), [""; 0]);
}

const PROMISE: &str = r#"{"over_promise": {
    "promises": ["保证", "guarantee", "一定"], "outcomes": ["到货", "不会坏", "refund"], "negations": ["不能", "不", "不一定", "cannot", "not"]
}}"#;

#[test]
fn a_promise_needs_an_outcome_and_no_negation() {
    let checker = checker(PROMISE);
    for (text, expected) in [
        ("我保证明天到货的", vec!["保证明天到货"]),
        ("保 证，不会坏", vec!["保 证，不会坏"]),
        ("I guarantee a refund.", vec!["guarantee a refund"]),
        ("保证质量，明天发出后到货", vec!["保证质量，明天发出后到货"]),
        ("保证质量，按照您的要求明天发出后到货", vec![]),
        ("不能保证明天到货", vec![]),
        ("不一定到货", vec![]),
        ("We cannot guarantee a refund", vec![]),
        ("保证金", vec![]),
        ("到货了保证", vec![]),
    ] {
        assert_eq!(in_text(&checker, text), expected, "{text:?}");
    }
}

#[test]
fn an_outcome_that_holds_a_negation_is_an_outcome() {
    assert_eq!(in_text(&checker(PROMISE), "一定不会坏"), ["一定不会坏"]);
}

#[test]
fn a_promise_alone_is_enough_without_outcomes() {
    let checker = checker(r#"{"over_promise": {"promises": ["打包票"], "negations": ["不敢"]}}"#);
    assert_eq!(in_text(&checker, "我打包票"), ["打包票"]);
    assert_eq!(in_text(&checker, "不敢打包票"), [""; 0]);
}

const TONE: &str = r#"{"abrupt_tone": {"phrases": ["自己看"], "whole_messages": ["哦", "don't know"]}}"#;

#[test]
fn abrupt_messages() {
    let checker = checker(TONE);
    for text in ["？", "。", "...", "！！", "? ?", "哦", "哦。", "Don’t know!", "哦🙂"] {
        assert_eq!(in_text(&checker, text), [text], "{text:?}");
    }
    assert_eq!(in_text(&checker, "详情页自己看。"), ["自己看"]);
    for text in ["哦好的", "🙂", "好的。", "", " ", "I don't know yet"] {
        assert_eq!(in_text(&checker, text), [""; 0], "{text:?}");
    }
    assert_eq!(found(&checker, &chat(&[('c', 0, "？")])), [], "customers may");
}

#[test]
fn greeting_and_closing_are_looked_for_where_they_belong() {
    let greeting = checker(r#"{"missing_greeting": {"phrases": ["您好", "hello"], "messages": 2}}"#);
    let late = [('c', 0, "在吗"), ('a', 1, "有的"), ('a', 2, "红色"), ('a', 3, "您好")];
    assert_eq!(found(&greeting, &chat(&late)), [(1, "有的")]);
    assert_eq!(found(&greeting, &chat(&[('c', 0, "您好"), ('a', 1, "有的"), ('a', 2, "Hello, 在的")])), []);
    assert_eq!(found(&greeting, &chat(&[('c', 0, "在吗")])), [], "nobody answered: another rule's matter");
    let by_bot = [('b', 0, "您好"), ('c', 1, "在吗"), ('a', 2, "有的")];
    assert_eq!(found(&greeting, &chat(&by_bot)), [(2, "有的")]);
    let with_bot = checker(r#"{"missing_greeting": {"phrases": ["您好"], "bots_count": true}}"#);
    assert_eq!(found(&with_bot, &chat(&by_bot)), []);

    let closing = checker(r#"{"missing_closing": {"phrases": ["再见"], "agent_messages_min": 2}}"#);
    assert_eq!(
        found(&closing, &chat(&[('a', 0, "再见"), ('a', 1, "没了"), ('c', 2, "再见")])),
        [(1, "没了")]
    );
    assert_eq!(found(&closing, &chat(&[('a', 0, "没了")])), [], "too short a chat for it");
    assert_eq!(found(&closing, &chat(&[('a', 0, "在"), ('a', 1, "好，再见。"), ('c', 2, "?")])), []);
}

#[test]
fn personal_data_and_what_redaction_left_of_it() {
    let checker = checker(r#"{"personal_data": {"kinds": ["phone", "order"]}}"#);
    assert_eq!(in_text(&checker, "打13800138000找我"), ["13800138000"]);
    assert_eq!(
        in_text(&checker, "打[phone]，单号[order:1a2b3c4d5e6f]。"),
        ["[phone]", "[order:1a2b3c4d5e6f]"]
    );
    assert_eq!(in_text(&checker, "发a@example.com [mail] [phon [order:"), [""; 0]);
    assert_eq!(found(&checker, &chat(&[('c', 0, "13800138000")])), []);
}
