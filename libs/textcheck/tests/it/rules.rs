//! Rules as data: what is refused, and how it is said.

use textcheck::{Check, Rules, Severity, Speaker};

use crate::support::one_rule;

#[test]
fn absent_fields_take_their_defaults() {
    let rules = Rules::from_json(&one_rule(r#"{"forbidden_words": {"words": ["a"]}}"#)).unwrap();
    let rule = &rules.rules[0];
    assert_eq!((rule.id.as_str(), rule.title.as_str(), rule.severity), ("r", "", Severity::Major));
    let Check::ForbiddenWords(words) = &rule.check else {
        panic!("another kind: {rule:?}");
    };
    assert_eq!(
        (&words.speakers[..], words.separators_max, words.whole_words),
        (&[Speaker::Agent][..], 3, true)
    );
}

#[test]
fn what_is_wrong_is_named_by_rule_and_field() {
    for (check, field, reason) in [
        (r#"{"forbidden_words": {"words": []}}"#, "check.forbidden_words.words", "is empty"),
        (
            r#"{"forbidden_words": {"words": ["a", "。。"]}}"#,
            "check.forbidden_words.words[1]",
            "no letter or digit",
        ),
        (
            r#"{"forbidden_words": {"words": ["a"], "speakers": []}}"#,
            "check.forbidden_words.speakers",
            "is empty",
        ),
        (
            r#"{"forbidden_words": {"words": ["a"], "separators_max": 21}}"#,
            "check.forbidden_words.separators_max",
            "takes 0 to 20",
        ),
        (
            r#"{"forbidden_words": {"words": ["a"], "sped": 1}}"#,
            "check.forbidden_words.sped",
            "unknown field",
        ),
        (r#"{"forbidden_words": {}}"#, "check.forbidden_words", "missing field `words`"),
        (r#"{"slow_reply": {"seconds_max": 0}}"#, "check.slow_reply.seconds_max", "takes 1 to 86400"),
        (r#"{"slow_reply": {"seconds_max": "3"}}"#, "check.slow_reply.seconds_max", "invalid type"),
        (
            r#"{"slow_reply": {"seconds_max": 9, "first_seconds_max": 0}}"#,
            "check.slow_reply.first_seconds_max",
            "takes",
        ),
        (r#"{"over_promise": {"promises": ["?"]}}"#, "check.over_promise.promises[0]", "no letter"),
        (
            r#"{"missing_greeting": {"phrases": ["hi"], "messages": 0}}"#,
            "check.missing_greeting.messages",
            "takes 1 to 20",
        ),
        (r#"{"missing_closing": {"phrases": []}}"#, "check.missing_closing.phrases", "is empty"),
        (r#"{"abrupt_tone": {"marks_alone": false}}"#, "check.abrupt_tone", "looks for nothing"),
        (r#"{"falling_sentiment": {"fall_min": 0}}"#, "check.falling_sentiment.fall_min", "above 0"),
        (
            r#"{"falling_sentiment": {"fall_min": 1, "end_max": 2}}"#,
            "check.falling_sentiment.end_max",
            "takes -1 to 1",
        ),
        (r#"{"personal_data": {"kinds": []}}"#, "check.personal_data.kinds", "is empty"),
        (r#"{"personal_data": {"kinds": ["shoe"]}}"#, "check.personal_data.kinds[0]", "unknown variant"),
        (
            r#"{"canned_reply": {"seconds_max": 5, "similarity_min": 0.1}}"#,
            "check.canned_reply.similarity_min",
            "takes 0.5 to 1",
        ),
        (r#"{"repeated_reply": {"times": 1}}"#, "check.repeated_reply.times", "takes 2 to 100"),
        (r#"{"shout": {}}"#, "check", "unknown variant"),
    ] {
        let error = Rules::from_json(&one_rule(check)).unwrap_err();
        assert_eq!((error.rule.as_str(), error.field.as_str()), ("r", field), "{error}");
        assert!(error.reason.contains(reason), "{error}");
    }
}

#[test]
fn ids_are_unique_and_plain() {
    let two = r#"{"rules": [
        {"id": "a", "severity": "minor", "check": {"slow_reply": {"seconds_max": 1}}},
        {"id": "a", "severity": "minor", "check": {"slow_reply": {"seconds_max": 1}}}
    ]}"#;
    assert_eq!(Rules::from_json(two).unwrap_err().to_string(), "a: id: is used by another rule too");
    let named = Rules::from_json(&two.replacen("\"a\"", "\"Ä\"", 1)).unwrap_err();
    assert_eq!((named.rule.as_str(), named.field.as_str()), ("Ä", "id"));
    let nameless = Rules::from_json(&two.replacen("\"a\"", "\"\"", 1)).unwrap_err();
    assert_eq!(nameless.rule, "rules[0]");
    assert!(Rules::from_json("{").is_err());
    assert!(Rules::from_json(r#"{"rules": []} x"#).is_err());
}

#[test]
fn what_is_written_reads_the_same() {
    let rules = textcheck::default_rules(textcheck::Language::Chinese).unwrap();
    let value = serde_json::to_string(&rules).unwrap();
    assert_eq!(Rules::from_json(&value).unwrap(), rules);
}
