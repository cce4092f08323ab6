//! What becomes of questions to the bot, and which it has no answer to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};
use status::{Failure, Kind};

use crate::domain::fact::QuestionClass;
use crate::domain::figure::DayRange;

/// Unanswered events that one ranking reads at most.
pub const EVENTS_MAX: usize = 200_000;
/// Products named with a question.
const PRODUCTS: usize = 5;

/// What bot figures are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Facet {
    /// Everything together.
    All,
    /// Whose knowledge is asked for.
    Class,
    /// The product that was asked about.
    Product,
    /// Where the customer stood.
    Scene,
    /// The campaign.
    Campaign,
    /// The shop.
    Shop,
}

/// Narrows what is counted; empty lists don't.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BotFilter {
    /// Only these shops.
    pub shops: Vec<String>,
    /// Only these classes.
    pub classes: Vec<QuestionClass>,
    /// Only about these products.
    pub products: Vec<String>,
    /// Only in these scenes.
    pub scenes: Vec<String>,
    /// Only in these campaigns.
    pub campaigns: Vec<String>,
}

/// What became of some questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BotCounts {
    /// Answered without a word of the customer.
    pub answered: i64,
    /// Answered, and the answer was taken.
    pub accepted: i64,
    /// Handed to a person.
    pub transferred: i64,
    /// Without an answer.
    pub unanswered: i64,
}

impl BotCounts {
    /// All of them.
    pub fn questions(&self) -> i64 {
        self.handled() + self.transferred + self.unanswered
    }

    /// Answered or accepted.
    pub fn handled(&self) -> i64 {
        self.answered + self.accepted
    }

    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            accepted: self.accepted + other.accepted,
            transferred: self.transferred + other.transferred,
            unanswered: self.unanswered + other.unanswered,
        }
    }
}

/// A group's counts, and those of the days before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BotRow {
    /// The group; empty for what names none.
    pub key: String,
    /// In the period.
    pub now: BotCounts,
    /// In as many days just before.
    pub previous: BotCounts,
}

/// An event that left a question open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenEvent {
    /// As it was asked, redacted.
    pub text: String,
    /// May be empty.
    pub product: String,
    /// Who asked, where: a customer of another shop is another one.
    pub asker: (String, String),
    /// When.
    pub at: DateTime<Utc>,
    /// The business day of that.
    pub day: NaiveDate,
}

/// What was decided about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuestionState {
    /// Nothing yet.
    Open,
    /// An answer is to be written.
    Planned,
    /// The bot knows it now.
    Handled,
    /// It needs none.
    Dismissed,
}

impl QuestionState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Planned, Self::Handled, Self::Dismissed];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Planned => "planned",
            Self::Handled => "handled",
            Self::Dismissed => "dismissed",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What is done about a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionMark {
    /// Decided so.
    pub state: QuestionState,
    /// Redacted.
    pub note: String,
    /// By whom.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A question and how often it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The same for the same question.
    pub id: String,
    /// As it was asked most often.
    pub text: String,
    /// In the period.
    pub count: i64,
    /// By how many different customers.
    pub customers: i64,
    /// When last.
    pub last: DateTime<Utc>,
    /// Of which products how often, the most frequent first.
    pub products: Vec<(String, i64)>,
    /// In as many days before.
    pub previous: i64,
    /// What is done about it.
    pub mark: Option<QuestionMark>,
    /// In the period after that was decided.
    pub since_mark: i64,
}

/// Questions by how often they were asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranking {
    /// The most frequent first, then by id.
    pub questions: Vec<Question>,
    /// Events of the period without a question that could be told.
    pub without_text: i64,
}

/// What can go wrong with the bot's questions.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// They cannot be ranked at once.
    #[error("there are more than {limit} unanswered questions in these days; choose fewer days")]
    TooManyQuestions {
        /// How many there may be.
        limit: usize,
    },
}

impl Failure for BotError {
    fn kind(&self) -> Kind {
        match self {
            Self::TooManyQuestions { .. } => Kind::Exhausted,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::TooManyQuestions { .. } => "TOO_MANY_QUESTIONS",
        }
    }
}

/// A question without what doesn't change it: full-width letters become plain ones, case and punctuation and blanks go,
/// and each number becomes one mark. Empty if nothing is left that could be told from others.
pub fn normalised(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = false;
    for c in text.chars().map(narrow).flat_map(char::to_lowercase) {
        if c.is_numeric() {
            if !plain.ends_with('#') {
                plain.push('#');
            }
        } else if c.is_alphabetic() {
            letters = true;
            plain.push(c);
        }
    }
    if letters { plain } else { String::new() }
}

/// The plain form of a full-width letter, digit or sign.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    }
}

/// The id of a question; `None` if there is nothing to tell it by.
pub fn question_id(text: &str) -> Option<String> {
    let plain = normalised(text);
    if plain.is_empty() {
        return None;
    }
    let hash = Sha256::digest(plain.as_bytes());
    Some(hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// As many days just before.
pub fn days_before(days: DayRange) -> DayRange {
    let length = chrono::Days::new(days.days().unsigned_abs());
    let back = |day: NaiveDate| day.checked_sub_days(length).unwrap_or(NaiveDate::MIN);
    DayRange { from: back(days.from), to: back(days.to) }
}

/// Ranks what was asked in `days`; what was asked before is only counted beside it.
pub fn rank(events: &[OpenEvent], days: DayRange, marks: &HashMap<String, QuestionMark>) -> Ranking {
    let mut asked: BTreeMap<String, Vec<&OpenEvent>> = BTreeMap::new();
    let mut before: BTreeMap<String, i64> = BTreeMap::new();
    let mut without_text = 0;
    for event in events {
        let now = event.day >= days.from;
        match question_id(&event.text) {
            Some(id) if now => asked.entry(id).or_default().push(event),
            Some(id) => *before.entry(id).or_default() += 1,
            None => without_text += i64::from(now),
        }
    }
    let question = |(id, events): (String, Vec<&OpenEvent>)| {
        let mark = marks.get(&id).cloned();
        let since = |mark: &QuestionMark| events.iter().filter(|event| event.at > mark.at).count() as i64;
        Question {
            text: most_frequent(events.iter().map(|event| event.text.as_str()))
                .first()
                .map_or_else(String::new, |(text, _)| (*text).to_owned()),
            count: events.len() as i64,
            customers: events.iter().map(|event| &event.asker).collect::<BTreeSet<_>>().len() as i64,
            last: events.iter().map(|event| event.at).max().unwrap_or_default(),
            products: most_frequent(events.iter().map(|event| event.product.as_str()))
                .into_iter()
                .take(PRODUCTS)
                .map(|(product, count)| (product.to_owned(), count))
                .collect(),
            previous: before.get(&id).copied().unwrap_or(0),
            since_mark: mark.as_ref().map_or(0, since),
            mark,
            id,
        }
    };
    let mut questions: Vec<Question> = asked.into_iter().map(question).collect();
    // The sort is stable, and they come sorted by id.
    questions.sort_by_key(|question| std::cmp::Reverse(question.count));
    Ranking { questions, without_text }
}

/// Each text with how often it is there: the most frequent first, of those the first in order.
fn most_frequent<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<(&'a str, i64)> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    texts.for_each(|text| *counts.entry(text).or_default() += 1);
    let mut counts: Vec<(&str, i64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(text: &str, product: &str, customer: &str, day: &str) -> OpenEvent {
        let day: NaiveDate = day.parse().expect("a day");
        OpenEvent {
            text: text.to_owned(),
            product: product.to_owned(),
            asker: ("star".to_owned(), customer.to_owned()),
            at: day.and_time(chrono::NaiveTime::MIN).and_utc(),
            day,
        }
    }

    #[test]
    fn wordings_that_differ_in_nothing_that_matters_are_one_question() {
        let same = |a: &str, b: &str| assert_eq!(question_id(a), question_id(b), "{a} | {b}");
        same("什么时候发货？", "什么时候发货");
        same("ＡＢＣ可以机洗吗", "abc 可以机洗吗?!");
        same("身高165体重50穿多大", "身高 170，体重 62 穿多大");
        same("有XL码吗", "有xl码吗。。。");
        assert_ne!(question_id("什么时候发货"), question_id("什么时候到货"));
        for nothing in ["", "？？？", "123", "😀", " \u{3000}"] {
            assert_eq!(question_id(nothing), None, "{nothing:?}");
        }
        assert_eq!(normalised("Ｓ码 12.5 元"), "s码#元");
    }

    #[test]
    fn questions_are_ranked_with_what_is_known_of_them() {
        let days =
            DayRange { from: "2026-05-08".parse().expect("a day"), to: "2026-05-14".parse().expect("a day") };
        let events = [
            event("能机洗吗", "p1", "a", "2026-05-09"),
            event("能机洗吗？", "p2", "a", "2026-05-11"),
            event("能机洗吗", "p1", "b", "2026-05-12"),
            event("有现货吗", "", "c", "2026-05-10"),
            event("有现货吗", "", "c", "2026-05-03"),
            event("？", "", "c", "2026-05-10"),
        ];
        let mark = QuestionMark {
            state: QuestionState::Handled,
            note: String::new(),
            by: "u".to_owned(),
            at: "2026-05-11T12:00:00Z".parse().expect("an instant"),
        };
        let wash = question_id("能机洗吗").expect("a question");
        let ranking = rank(&events, days, &HashMap::from([(wash.clone(), mark)]));
        assert_eq!(ranking.without_text, 1);
        let [first, second] = ranking.questions.as_slice() else { panic!("{ranking:?}") };
        assert_eq!((first.id.as_str(), first.text.as_str()), (wash.as_str(), "能机洗吗"));
        assert_eq!((first.count, first.customers, first.previous, first.since_mark), (3, 2, 0, 1));
        assert_eq!(first.products, [("p1".to_owned(), 2), ("p2".to_owned(), 1)]);
        assert_eq!((second.count, second.previous, second.mark.is_none()), (1, 1, true));
        assert_eq!(days_before(days).from.to_string(), "2026-05-01");
        assert_eq!(days_before(days).to.to_string(), "2026-05-07");
    }

    proptest! {
        #[test]
        fn what_is_normalised_stays_so(text in "\\PC{0,40}") {
            let plain = normalised(&text);
            // A mark for a number is no letter, so it goes when it is read again; letters stay.
            prop_assert_eq!(normalised(&plain), plain.replace('#', ""));
        }

        #[test]
        fn every_event_is_counted_once(texts in prop::collection::vec("[a-c1？ ]{0,3}", 0..40)) {
            let events: Vec<_> = texts.iter().map(|text| event(text, "", "c", "2026-05-10")).collect();
            let day = "2026-05-10".parse().expect("a day");
            let ranking = rank(&events, DayRange { from: day, to: day }, &HashMap::new());
            let counted: i64 = ranking.questions.iter().map(|question| question.count).sum();
            prop_assert_eq!(counted + ranking.without_text, texts.len() as i64);
            prop_assert!(ranking.questions.windows(2).all(|pair| pair[0].count >= pair[1].count));
        }
    }
}
