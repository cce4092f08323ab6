//! What holds for any text and any word.

use proptest::prelude::*;
use textcheck::{
    Check, Checker, Conversation, ForbiddenWords, Language, Message, Rule, Rules, Severity, Speaker,
    default_rules, normalise, sentiment,
};

/// Texts of what disguises are made of, so that words are found often.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "加", "微", "信", "號", "号", "Ｖ", "v", "ⓥ", "x", "1", "①", "0", "%", "％", " ", "。", "-",
            "🙂", "\u{200b}", "\u{fe0f}", "é", "b", "e", "𝐛", "最", "后", "\n", "[phone]", "保证", "保證",
            "到货", "不",
        ]),
        0..30,
    )
    .prop_map(|parts| parts.concat())
}

fn words() -> impl Strategy<Value = Vec<String>> {
    let word = text().prop_filter("has letters", |word| (1..=20).contains(&normalise(word).chars().count()));
    prop::collection::vec(word, 1..6)
}

fn rules(words: &[String], whole_words: bool, separators_max: u8) -> Rules {
    let rule = |(number, word): (usize, &String)| Rule {
        id: format!("r{number}"),
        title: String::new(),
        severity: Severity::Minor,
        check: Check::ForbiddenWords(ForbiddenWords {
            words: vec![word.clone()],
            exceptions: Vec::new(),
            speakers: vec![Speaker::Agent],
            separators_max,
            whole_words,
        }),
    };
    Rules { rules: words.iter().enumerate().map(rule).collect() }
}

fn says(text: &str) -> Message<'_> {
    Message { speaker: Speaker::Agent, sent_at_ms: Some(0), text, quick_reply: false }
}

proptest! {
    #[test]
    fn a_hit_is_a_slice_whose_normal_form_is_the_word(
        texts in prop::collection::vec(text(), 1..4), words in words(), whole_words in any::<bool>(), separators_max in 0_u8..5,
    ) {
        let checker = Checker::new(&rules(&words, whole_words, separators_max)).unwrap();
        let messages: Vec<Message<'_>> = texts.iter().map(|text| says(text)).collect();
        for hit in checker.check(&Conversation::of(&messages)) {
            let text = messages[hit.message].text;
            let slice = text.get(hit.bytes.clone());
            prop_assert!(slice.is_some(), "{hit:?} in {text:?}");
            let slice = slice.unwrap_or_default();
            let word = &words[hit.rule_id[1..].parse::<usize>().unwrap()];
            prop_assert_eq!(normalise(slice), normalise(word), "{:?}", slice);
            prop_assert_eq!(text[..hit.bytes.start].chars().count(), hit.characters.start);
            prop_assert_eq!(slice.chars().count(), hit.length());
        }
    }

    /// With nothing to forbid a disguise, every occurrence in the normal form is found, as a plain search would.
    #[test]
    fn nothing_is_missed(text in text(), words in words()) {
        let plain: Vec<String> = words.iter().map(|word| normalise(word)).collect();
        let east_asian = |word: &String| !word.chars().any(|letter| letter.is_ascii() || letter == 'é');
        let checker = Checker::new(&rules(&plain, false, 20)).unwrap();
        let normal = normalise(&text);
        let messages = [says(&text)];
        let hits = checker.check(&Conversation::of(&messages));
        for (number, word) in plain.iter().enumerate().filter(|(_, word)| east_asian(word)) {
            let id = format!("r{number}");
            let found = hits.iter().any(|hit| hit.rule_id == id);
            // A gap of more than 20 signs can't be told by a plain search.
            if text.chars().filter(|sign| normalise(&sign.to_string()).is_empty()).count() <= 20 {
                prop_assert_eq!(found, normal.contains(word.as_str()), "{} in {}", word, text);
            }
        }
    }

    #[test]
    fn normal_is_normal(text in any::<String>()) {
        let once = normalise(&text);
        prop_assert_eq!(normalise(&once), once.clone());
        let apart: String = text.chars().map(|character| normalise(&character.to_string())).collect();
        prop_assert_eq!(apart, once);
    }

    #[test]
    fn no_text_makes_the_default_rules_panic(
        texts in prop::collection::vec((prop_oneof![any::<String>(), text()], 0_u8..4, any::<Option<i64>>(), any::<bool>()), 0..6),
    ) {
        let speakers = [Speaker::Customer, Speaker::Agent, Speaker::Bot, Speaker::System];
        let messages: Vec<Message<'_>> = texts
            .iter()
            .map(|(text, speaker, sent_at_ms, quick_reply)| Message {
                speaker: speakers[usize::from(*speaker)],
                sent_at_ms: *sent_at_ms,
                text,
                quick_reply: *quick_reply,
            })
            .collect();
        for language in [Language::Chinese, Language::English] {
            let checker = Checker::new(&default_rules(language).unwrap()).unwrap();
            for hit in checker.check(&Conversation::of(&messages)) {
                prop_assert!(messages[hit.message].text.get(hit.bytes.clone()).is_some());
            }
        }
        for (text, ..) in &texts {
            prop_assert!(sentiment(text).is_none_or(|sentiment| (-1.0..=1.0).contains(&sentiment)));
        }
    }

    #[test]
    fn any_json_is_read_or_refused(json in any::<String>(), words in prop::collection::vec(any::<String>(), 0..3)) {
        let _ = Rules::from_json(&json);
        if let Ok(checker) = Checker::new(&rules(&words, true, 3)) {
            checker.check(&Conversation::of(&[says(&json)]));
        }
    }
}
