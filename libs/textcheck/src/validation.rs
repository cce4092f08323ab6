//! What is wrong with rules, by rule and field.

use std::collections::HashSet;

use crate::normal::normalise;
use crate::phrases::sign;
use crate::{Check, Courtesy, Rule, Rules};

/// What is wrong with a set of rules: the first thing found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {field}: {reason}")]
pub struct RuleError {
    /// The rule's id, or its place (`rules[3]`) if it has none that can be told; `(all)` for the set as such.
    pub rule: String,
    /// The field, as in the JSON form: `check.slow_reply.seconds_max`, `check.forbidden_words.words[2]`.
    pub field: String,
    /// Why it is refused.
    pub reason: String,
}

impl RuleError {
    pub(crate) fn whole(field: &str, reason: String) -> Self {
        Self { rule: ALL.to_owned(), field: field.to_owned(), reason }
    }
}

const ALL: &str = "(all)";
/// Limits that keep a checker's size and time within reason.
const RULES_MAX: usize = 1_000;
const PHRASES_MAX: usize = 100_000;
const LETTERS_MAX: usize = 64;

pub(crate) fn parse(json: &str) -> Result<Rules, RuleError> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let rules = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.inner().to_string();
        match path.split_once('.') {
            Some((place, field)) if place.starts_with("rules[") => {
                let rule = named(json, place).unwrap_or_else(|| place.to_owned());
                RuleError { rule, field: field.to_owned(), reason }
            }
            _ => RuleError::whole(&path, reason),
        }
    })?;
    reader.end().map_err(|error| RuleError::whole("rules", error.to_string()))?;
    Ok(rules)
}

/// The id of the rule at `rules[3]`, if the text is JSON and the rule has one.
fn named(json: &str, place: &str) -> Option<String> {
    let number: usize = place.strip_prefix("rules[")?.strip_suffix(']')?.parse().ok()?;
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    Some(value.get("rules")?.get(number)?.get("id")?.as_str()?.to_owned())
}

pub(crate) fn validate(rules: &Rules) -> Result<(), RuleError> {
    if rules.rules.len() > RULES_MAX {
        let reason = format!("{} rules, at most {RULES_MAX}", rules.rules.len());
        return Err(RuleError::whole("rules", reason));
    }
    let mut ids = HashSet::new();
    let mut phrases = 0;
    for (number, rule) in rules.rules.iter().enumerate() {
        let mut look = Look { rule, number, phrases: &mut phrases };
        look.names()?;
        if !ids.insert(&rule.id) {
            return Err(look.wrong("id", "is used by another rule too"));
        }
        look.check()?;
    }
    Ok(())
}

struct Look<'r> {
    rule: &'r Rule,
    number: usize,
    phrases: &'r mut usize,
}

impl Look<'_> {
    fn wrong(&self, field: &str, reason: impl Into<String>) -> RuleError {
        let known = !self.rule.id.is_empty();
        let rule = if known { self.rule.id.clone() } else { format!("rules[{}]", self.number) };
        RuleError { rule, field: field.to_owned(), reason: reason.into() }
    }

    fn names(&self) -> Result<(), RuleError> {
        let Rule { id, title, .. } = self.rule;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
            return Err(self.wrong("id", "takes 1 to 64 of a-z, 0-9, '.', '_' and '-'"));
        }
        if title.chars().count() > 200 {
            return Err(self.wrong("title", "has more than 200 characters"));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), RuleError> {
        let rule = self.rule;
        match &rule.check {
            Check::ForbiddenWords(words) => {
                self.needed("check.forbidden_words.words", &words.words)?;
                self.list("check.forbidden_words.exceptions", &words.exceptions)?;
                self.some("check.forbidden_words.speakers", words.speakers.len())?;
                self.range("check.forbidden_words.separators_max", words.separators_max, 0, 20)
            }
            Check::OverPromise(promise) => {
                self.needed("check.over_promise.promises", &promise.promises)?;
                self.list("check.over_promise.outcomes", &promise.outcomes)?;
                self.list("check.over_promise.negations", &promise.negations)?;
                self.range("check.over_promise.gap_max", promise.gap_max, 0, 100)
            }
            Check::SlowReply(slow) => {
                self.range("check.slow_reply.seconds_max", slow.seconds_max, 1, 86_400)?;
                let first = slow.first_seconds_max.unwrap_or(slow.seconds_max);
                self.range("check.slow_reply.first_seconds_max", first, 1, 86_400)
            }
            Check::MissingGreeting(courtesy) => self.courtesy("check.missing_greeting", courtesy),
            Check::MissingClosing(courtesy) => self.courtesy("check.missing_closing", courtesy),
            Check::AbruptTone(tone) => {
                self.list("check.abrupt_tone.phrases", &tone.phrases)?;
                self.list("check.abrupt_tone.whole_messages", &tone.whole_messages)?;
                if tone.phrases.is_empty() && tone.whole_messages.is_empty() && !tone.marks_alone {
                    return Err(self.wrong("check.abrupt_tone", "looks for nothing"));
                }
                Ok(())
            }
            Check::FallingSentiment(mood) => {
                if !(mood.fall_min > 0.0 && mood.fall_min <= 2.0) {
                    return Err(
                        self.wrong("check.falling_sentiment.fall_min", "takes a number above 0 and up to 2")
                    );
                }
                self.fraction("check.falling_sentiment.end_max", mood.end_max, -1.0, 1.0)?;
                self.range("check.falling_sentiment.messages_min", mood.messages_min, 2, 1_000)
            }
            Check::PersonalData(personal) => {
                self.some("check.personal_data.kinds", personal.kinds.len())?;
                self.some("check.personal_data.speakers", personal.speakers.len())
            }
            Check::CannedReply(canned) => {
                self.range("check.canned_reply.seconds_max", canned.seconds_max, 0, 3_600)?;
                self.fraction("check.canned_reply.similarity_min", canned.similarity_min, 0.5, 1.0)?;
                self.range("check.canned_reply.question_length_min", canned.question_length_min, 1, 1_000)
            }
            Check::RepeatedReply(repeated) => {
                self.range("check.repeated_reply.times", repeated.times, 2, 100)?;
                self.fraction("check.repeated_reply.similarity_min", repeated.similarity_min, 0.5, 1.0)?;
                self.range("check.repeated_reply.length_min", repeated.length_min, 1, 1_000)
            }
        }
    }

    fn courtesy(&mut self, field: &str, courtesy: &Courtesy) -> Result<(), RuleError> {
        self.needed(&format!("{field}.phrases"), &courtesy.phrases)?;
        self.range(&format!("{field}.messages"), courtesy.messages, 1, 20)?;
        self.range(&format!("{field}.agent_messages_min"), courtesy.agent_messages_min, 1, 1_000)
    }

    fn needed(&mut self, field: &str, phrases: &[String]) -> Result<(), RuleError> {
        self.some(field, phrases.len())?;
        self.list(field, phrases)
    }

    fn some(&self, field: &str, count: usize) -> Result<(), RuleError> {
        if count == 0 { Err(self.wrong(field, "is empty")) } else { Ok(()) }
    }

    fn list(&mut self, field: &str, phrases: &[String]) -> Result<(), RuleError> {
        *self.phrases += phrases.len();
        if *self.phrases > PHRASES_MAX {
            return Err(self.wrong(field, format!("brings the set above {PHRASES_MAX} phrases")));
        }
        for (place, phrase) in phrases.iter().enumerate() {
            let letters = normalise(phrase).chars().count();
            let reason = match letters {
                0 => format!("{phrase:?} has no letter or digit, so that nothing could be found"),
                1..=LETTERS_MAX if phrase.chars().filter_map(sign).count() <= LETTERS_MAX => continue,
                _ => format!("has more than {LETTERS_MAX} letters, digits or signs"),
            };
            return Err(self.wrong(&format!("{field}[{place}]"), reason));
        }
        Ok(())
    }

    fn range<T: Copy + PartialOrd + std::fmt::Display>(
        &self,
        field: &str,
        value: T,
        low: T,
        high: T,
    ) -> Result<(), RuleError> {
        if low <= value && value <= high {
            Ok(())
        } else {
            Err(self.wrong(field, format!("is {value}, takes {low} to {high}")))
        }
    }

    fn fraction(&self, field: &str, value: f64, low: f64, high: f64) -> Result<(), RuleError> {
        // Also refuses what isn't a number.
        self.range(field, value, low, high)
    }
}
