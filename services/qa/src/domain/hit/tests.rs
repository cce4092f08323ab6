//! What checks find, where, and who may judge it.

use chrono::TimeDelta;

use super::*;

fn chat(texts: &[(Sender, &str)]) -> Chat {
    let at = |n: usize| DateTime::UNIX_EPOCH + TimeDelta::seconds(10 * n as i64);
    let messages = texts.iter().enumerate().map(|(n, (sender, text))| Message {
        sent_at: at(n),
        sender: *sender,
        text: (*text).to_owned(),
        quick_reply: false,
    });
    Chat {
        account: AccountId::new("ann"),
        revision: 0,
        closed_at: at(texts.len()),
        messages: messages.collect(),
    }
}

fn found(rules: &str, texts: &[(Sender, &str)]) -> Vec<Finding> {
    let checker = Checker::new(&textcheck::Rules::from_json(rules).unwrap()).unwrap();
    examine(&checker, &ConversationId::new("s", "chat", "1"), &chat(texts))
}

const WORDS: &str = r#"{"rules":[{"id":"words","severity":"critical","check":{"forbidden_words":{"words":["加微信","vip100"]}}}]}"#;

fn cut(text: &str, span: Span) -> (String, String) {
    let points: String = text.chars().take(span.end as usize).skip(span.start as usize).collect();
    let units: Vec<u16> = text.encode_utf16().collect();
    let units = &units[span.utf16_start as usize..span.utf16_end as usize];
    (points, String::from_utf16(units).unwrap())
}

#[test]
fn places_hold_in_code_points_and_in_utf16() {
    for (text, word) in [
        ("亲亲😀😀请加微信哦", "加微信"),
        ("加微信", "加微信"),
        ("𠮷加　微。信𠮷", "加　微。信"),
        ("ＶＩＰ１００专享", "ＶＩＰ１００"),
    ] {
        let findings = found(WORDS, &[(Sender::Customer, "加微信？"), (Sender::Agent, text)]);
        assert_eq!(findings.len(), 1, "{text}");
        assert_eq!(findings[0].span.message, 1);
        assert_eq!(cut(text, findings[0].span), (word.to_owned(), word.to_owned()), "{text}");
        assert_eq!(findings[0].excerpt, word);
    }
}

#[test]
fn the_same_finding_keeps_its_id_and_another_gets_its_own() {
    let one = found(WORDS, &[(Sender::Agent, "加微信")]);
    let longer = found(WORDS, &[(Sender::Agent, "加微信"), (Sender::Customer, "好")]);
    let moved = found(WORDS, &[(Sender::Agent, "请加微信")]);
    assert_eq!(one[0].id, longer[0].id);
    assert_ne!(one[0].id, moved[0].id);
}

#[test]
fn excerpts_are_cut_and_show_no_personal_data() {
    let rules = r#"{"rules":[{"id":"p","severity":"major","check":{"personal_data":{"kinds":["phone"]}}},
        {"id":"slow","severity":"minor","check":{"slow_reply":{"seconds_max":5}}}]}"#;
    let long = format!("您的电话13812345678对吗{}", "长".repeat(100));
    let findings = found(rules, &[(Sender::Customer, "在吗"), (Sender::Agent, &long)]);
    assert_eq!(findings.len(), 2);
    for finding in &findings {
        assert!(!finding.excerpt.contains("13812345678"), "{}", finding.excerpt);
        assert!(finding.excerpt.chars().count() <= EXCERPT_MAX);
    }
    let slow = findings.iter().find(|finding| finding.rule_id == "slow").unwrap();
    assert_eq!(slow.evidence, Some(Evidence::WaitedMs(10_000)));
    assert!(slow.excerpt.ends_with('…'), "{}", slow.excerpt);
}

#[test]
fn nobody_judges_hits_in_their_own_chats() {
    let finding = found(WORDS, &[(Sender::Agent, "加微信")]).remove(0);
    let hit = Hit {
        id: finding.id,
        conversation: ConversationId::new("s", "chat", "1"),
        business_day: NaiveDate::MIN,
        account: AccountId::new("ann"),
        person: Some(PersonId::new("ann")),
        rule_id: finding.rule_id,
        rule_set_version: 1,
        kind: finding.kind,
        severity: finding.severity,
        span: finding.span,
        excerpt: finding.excerpt,
        evidence: None,
        found_at: DateTime::UNIX_EPOCH,
        verdict: None,
        judged: 0,
        judgements: Vec::new(),
    };
    assert!(matches!(hit.may_be_judged(&PersonId::new("ann"), "hit-0"), Err(QaError::OwnChat)));
    assert!(matches!(hit.may_be_judged(&PersonId::new("rita"), "hit-1"), Err(QaError::EtagMismatch)));
    assert!(hit.may_be_judged(&PersonId::new("rita"), "hit-0").is_ok());
}
