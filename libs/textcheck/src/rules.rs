//! Rules as data. Their JSON form is these types', field by field; absent fields take the defaults said here.

use serde::{Deserialize, Serialize};

use crate::{RuleError, Speaker, validation};

/// A set of rules. Which version it is, is for whoever keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// In the order in which hits at the same place are told.
    pub rules: Vec<Rule>,
}

impl Rules {
    /// Reads and validates the JSON form.
    ///
    /// # Errors
    /// The first thing that is wrong, with its rule and field.
    pub fn from_json(json: &str) -> Result<Self, RuleError> {
        let rules = validation::parse(json)?;
        rules.validate()?;
        Ok(rules)
    }

    /// Whether a checker can be made of it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its rule and field.
    pub fn validate(&self) -> Result<(), RuleError> {
        validation::validate(self)
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique in its set: 1 to 64 of `a-z 0-9 . _ -`.
    pub id: String,
    /// For people; up to 200 characters.
    #[serde(default)]
    pub title: String,
    /// How grave a hit is.
    pub severity: Severity,
    /// What it looks for.
    pub check: Check,
}

/// How grave a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a hint.
    Minor,
    /// Worth a review.
    Major,
    /// Fails a chat.
    Critical,
}

/// What a rule looks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Words that must not be said, however they are disguised.
    ForbiddenWords(ForbiddenWords),
    /// A promise followed by an outcome that nobody can promise.
    OverPromise(OverPromise),
    /// Customers who wait too long.
    SlowReply(SlowReply),
    /// No greeting in the agent's first messages.
    MissingGreeting(Courtesy),
    /// No closing in the agent's last messages.
    MissingClosing(Courtesy),
    /// Short, brusque answers.
    AbruptTone(AbruptTone),
    /// A customer whose mood falls within the chat.
    FallingSentiment(FallingSentiment),
    /// Personal data, or what redaction left of it.
    PersonalData(PersonalData),
    /// A quick stock reply that doesn't meet the question.
    CannedReply(CannedReply),
    /// The agent says the same again and again.
    RepeatedReply(RepeatedReply),
}

/// See [`Check::ForbiddenWords`]. Words match in full and half width, traditional and simplified, upper and lower case, and with
/// blanks, punctuation, emoji or invisible characters put between their characters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForbiddenWords {
    /// At least one letter or digit each, up to 64. A sign in a word (`100%`) must be there in the text too.
    pub words: Vec<String>,
    /// Harmless longer words: a hit inside one doesn't count (最 in 最后).
    #[serde(default)]
    pub exceptions: Vec<String>,
    /// Whose messages. Default: the agent's.
    #[serde(default = "agent")]
    pub speakers: Vec<Speaker>,
    /// How many visible signs may stand between two characters of a word, 0 to 20; invisible ones don't count. Default 3.
    /// In a word of Latin letters, signs count as a disguise only if they stand between all letters.
    #[serde(default = "three")]
    pub separators_max: u8,
    /// Whether Latin words and numbers count only as whole words. Default true.
    #[serde(default = "yes")]
    pub whole_words: bool,
}

/// See [`Check::OverPromise`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverPromise {
    /// 保证, 肯定, guarantee, …
    pub promises: Vec<String>,
    /// 不会坏, 明天到, …; if empty, the promise alone is a hit.
    #[serde(default)]
    pub outcomes: Vec<String>,
    /// Words that make it harmless at most two letters before the promise, around it, or between it and the outcome: 不能,
    /// 不一定, can't.
    #[serde(default)]
    pub negations: Vec<String>,
    /// How many letters and digits may lie between promise and outcome, 0 to 100. Default 8.
    #[serde(default = "eight")]
    pub gap_max: u8,
}

/// See [`Check::SlowReply`]. A round begins with the customer's first unanswered message and ends with the first answer;
/// it is too slow if that takes longer than the limit. The hit is at the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowReply {
    /// The limit, 1 to 86,400.
    pub seconds_max: u32,
    /// The limit of the chat's first round, if it is another.
    #[serde(default)]
    pub first_seconds_max: Option<u32>,
    /// Whether the robot's messages answer. Default false.
    #[serde(default)]
    pub bots_answer: bool,
    /// Whether quick replies answer. Default true.
    #[serde(default = "yes")]
    pub quick_replies_answer: bool,
    /// Whether a last round without any answer counts if the chat was closed after the limit. The hit is at the
    /// customer's message. Default false, because a last "thanks" needs none.
    #[serde(default)]
    pub unanswered: bool,
}

/// See [`Check::MissingGreeting`] and [`Check::MissingClosing`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Courtesy {
    /// Any of them will do.
    pub phrases: Vec<String>,
    /// In how many of the agent's first, or last, messages one is looked for, 1 to 20. Default 1.
    #[serde(default = "one")]
    pub messages: u8,
    /// Chats with fewer messages of the agent are passed over, 1 to 1,000. Default 1.
    #[serde(default = "one_wide")]
    pub agent_messages_min: u16,
    /// Whether the robot's messages count as well. Default false.
    #[serde(default)]
    pub bots_count: bool,
}

/// See [`Check::AbruptTone`]. At least one of the three must be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbruptTone {
    /// Anywhere in an agent's message: 自己看, 看不懂吗, …
    #[serde(default)]
    pub phrases: Vec<String>,
    /// As an agent's whole message, marks and blanks aside: 哦, 不知道, nope.
    #[serde(default)]
    pub whole_messages: Vec<String>,
    /// Whether a message of nothing but `?`, `。`, `…`, `!` and the like counts. Default true.
    #[serde(default = "yes")]
    pub marks_alone: bool,
}

/// See [`Check::FallingSentiment`]. The customer's messages that have a sentiment are taken in order; the mean of the
/// first third is held against that of the last. The hit is at the worst message of the last third.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FallingSentiment {
    /// How far it must fall, above 0 to 2, on the scale from -1 to 1.
    pub fall_min: f64,
    /// How high it may be at the end, -1 to 1. Default 0: only what ends below neutral counts.
    #[serde(default)]
    pub end_max: f64,
    /// How many messages with a sentiment it takes, 2 to 1,000. Default 3.
    #[serde(default = "three_wide")]
    pub messages_min: u16,
}

/// Kinds of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Personal {
    /// A telephone number.
    Phone,
    /// An identity card.
    IdCard,
    /// A bank card or account.
    BankCard,
    /// A mail address.
    Mail,
    /// A postal address.
    Address,
    /// An order number.
    Order,
}

/// See [`Check::PersonalData`]. In redacted texts the marks that redaction left (`[phone]`, …) are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonalData {
    /// Which.
    pub kinds: Vec<Personal>,
    /// Whose messages. Default: the agent's.
    #[serde(default = "agent")]
    pub speakers: Vec<Speaker>,
}

/// See [`Check::CannedReply`]: the agent's only answer of a round is a quick reply, or nearly one of the agent's stock replies,
/// came within the limit, and shares no two neighbouring characters (Latin: no word) with what the customer had asked; and the
/// customer writes again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CannedReply {
    /// The limit, 0 to 3,600.
    pub seconds_max: u32,
    /// How like a stock reply, 0.5 to 1 (Dice coefficient of neighbouring characters). Default 0.9.
    #[serde(default = "nearly")]
    pub similarity_min: f64,
    /// Questions with fewer letters and digits are passed over, 1 to 1,000. Default 4.
    #[serde(default = "four_wide")]
    pub question_length_min: u16,
}

/// See [`Check::RepeatedReply`]. The hit is at each repetition from the `times`-th saying on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatedReply {
    /// How often the same must be said, 2 to 100. Default 3.
    #[serde(default = "three")]
    pub times: u8,
    /// How like each other, 0.5 to 1. Default 0.9.
    #[serde(default = "nearly")]
    pub similarity_min: f64,
    /// Messages with fewer letters and digits are passed over, 1 to 1,000. Default 4.
    #[serde(default = "four_wide")]
    pub length_min: u16,
}

fn agent() -> Vec<Speaker> {
    vec![Speaker::Agent]
}

fn yes() -> bool {
    true
}

fn one() -> u8 {
    1
}

fn three() -> u8 {
    3
}

fn eight() -> u8 {
    8
}

fn one_wide() -> u16 {
    1
}

fn three_wide() -> u16 {
    3
}

fn four_wide() -> u16 {
    4
}

fn nearly() -> f64 {
    0.9
}
