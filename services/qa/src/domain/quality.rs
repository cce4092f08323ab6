//! What the random samples say of agents, teams, criteria and times, and how sure that is.

use std::collections::BTreeMap;

use agreement::{
    Comparison, Confidence, Estimate, Order, ScoreStratum, Stratum, Undefined, compare, detection_at_rate,
    mean, rate, wilson,
};
use chrono::{Datelike, NaiveDate};
use runtime::ids::{AccountId, PersonId};
use uuid::Uuid;

use crate::domain::review::{Assessment, Comment, Rating};
use crate::domain::scorecard::Scorecard;

/// What a report has a row for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Platform accounts.
    Account,
    /// Who had the account that day.
    Person,
    /// The person's team that day.
    Team,
    /// Criteria of cards.
    Criterion,
    /// A trend by day.
    Day,
    /// A trend by week, from Monday on.
    Week,
    /// A trend by month.
    Month,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Business days, both ends included.
    pub days: (NaiveDate, NaiveDate),
    /// Rows.
    pub group: Group,
    /// Empty for all.
    pub team: String,
    /// Empty for all.
    pub person: String,
    /// From which score on a chat passes.
    pub pass_bp: i32,
    /// The fault whose detection is told.
    pub fault_rate: f64,
}

/// A submitted review, as reports need it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewedChat {
    /// Which.
    pub id: Uuid,
    /// Basis points; `None` if nothing was applicable.
    pub score_bp: Option<i32>,
    /// Whether a critical fault made it 0.
    pub critical: bool,
    /// Card and version.
    pub card: (String, i32),
    /// What was said; empty unless it was asked for.
    pub assessment: Assessment,
    /// Whether the agent has read it.
    pub acknowledged: bool,
}

/// An account's day: what could be drawn of it, and what was reviewed.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountDay {
    /// The day.
    pub day: NaiveDate,
    /// Which account.
    pub account: AccountId,
    /// Its person on that day.
    pub person: Option<PersonId>,
    /// The person's team on that day.
    pub team: Option<String>,
    /// Long chats, those that came late included.
    pub eligible: u64,
    /// Submitted ones.
    pub reviewed: Vec<ReviewedChat>,
}

/// How many reviews were scored by each card and version.
pub type Cards = BTreeMap<(String, i32), u64>;

/// A figure with its interval, or why there is none.
pub type Figure = Result<Estimate, Undefined>;

/// What the sample says of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// An id, or the first day of the period.
    pub key: String,
    /// Submitted reviews.
    pub reviewed: u64,
    /// Eligible chats of account days of which something was reviewed.
    pub covered: u64,
    /// Those of account days of which nothing was.
    pub uncovered: u64,
    /// Mean score in basis points.
    pub score_bp: Figure,
    /// Share of chats that pass, of the days asked for.
    pub pass_rate: Figure,
    /// Share of chats with a critical failure; `None` by criterion.
    pub critical_rate: Option<Figure>,
    /// The pass rate in general: what rows are compared by.
    pub ability: Figure,
    /// The best and worst place among the others; `None` where rows are not compared.
    pub places: Option<(usize, usize)>,
    /// The chance to see a fault of the rate asked for at all.
    pub detection: f64,
    /// What the reviews were scored by. Several cards or versions need not mean the same.
    pub cards: Cards,
}

/// The part of an account's day that a row is made of: points of one thing, in basis points.
struct Part {
    eligible: u64,
    scores: Vec<f64>,
    critical: Option<u64>,
    cards: Cards,
}

/// The rows of a question, in order of key.
pub fn rows(
    question: &Question,
    days: &[AccountDay],
    cards: &BTreeMap<(String, i32), Scorecard>,
) -> Vec<Row> {
    let mut parts: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for day in days {
        if question.group == Group::Criterion {
            for (criterion, part) in by_criterion(day, cards) {
                parts.entry(criterion).or_default().push(part);
            }
        } else {
            parts.entry(key(question.group, day)).or_default().push(whole(day));
        }
    }
    let mut rows: Vec<Row> = parts
        .into_iter()
        .map(|(key, parts)| row(key, &parts, question.pass_bp, question.fault_rate))
        .collect();
    if matches!(question.group, Group::Account | Group::Person | Group::Team) {
        place(&mut rows);
    }
    rows
}

fn key(group: Group, day: &AccountDay) -> String {
    match group {
        Group::Account => day.account.to_string(),
        Group::Person => day.person.as_ref().map(PersonId::to_string).unwrap_or_default(),
        Group::Team => day.team.clone().unwrap_or_default(),
        Group::Criterion => String::new(),
        Group::Day => day.day.to_string(),
        Group::Week => monday(day.day).to_string(),
        Group::Month => day.day.with_day(1).unwrap_or(day.day).to_string(),
    }
}

/// The first day of a week.
pub fn monday(day: NaiveDate) -> NaiveDate {
    day.week(chrono::Weekday::Mon).first_day()
}

fn whole(day: &AccountDay) -> Part {
    let scores: Vec<f64> = day.reviewed.iter().filter_map(|chat| chat.score_bp).map(f64::from).collect();
    let mut cards = Cards::new();
    for chat in day.reviewed.iter().filter(|chat| chat.score_bp.is_some()) {
        *cards.entry(chat.card.clone()).or_default() += 1;
    }
    let critical = day.reviewed.iter().filter(|chat| chat.critical && chat.score_bp.is_some()).count();
    let eligible = standing_for(day.eligible, scores.len(), day.reviewed.len());
    Part { eligible, scores, critical: Some(critical as u64), cards }
}

/// Of so many eligible chats, how many the ones stand for to which something was applicable: their share of the reviewed.
fn standing_for(eligible: u64, applicable: usize, reviewed: usize) -> u64 {
    if reviewed == 0 {
        return eligible;
    }
    let (applicable, reviewed) = (applicable as u64, reviewed as u64);
    ((2 * eligible * applicable + reviewed) / (2 * reviewed)).max(applicable)
}

fn by_criterion(day: &AccountDay, cards: &BTreeMap<(String, i32), Scorecard>) -> BTreeMap<String, Part> {
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for chat in &day.reviewed {
        let Some(card) = cards.get(&chat.card) else { continue };
        for score in &chat.assessment.scores {
            let criterion = card.content.criteria.iter().find(|known| known.id == score.criterion_id);
            if let (Some(criterion), Rating::Points(points)) = (criterion, score.rating) {
                let above = f64::from(points - criterion.min_points);
                let room = f64::from(criterion.max_points - criterion.min_points);
                let part = parts.entry(criterion.id.clone()).or_insert_with(|| Part {
                    eligible: 0,
                    scores: Vec::new(),
                    critical: None,
                    cards: Cards::new(),
                });
                *part.cards.entry(chat.card.clone()).or_default() += 1;
                part.scores.push(above / room * f64::from(crate::domain::scorecard::FULL_SCORE_BP));
            }
        }
    }
    for part in parts.values_mut() {
        part.eligible = standing_for(day.eligible, part.scores.len(), day.reviewed.len());
    }
    parts
}

fn row(key: String, parts: &[Part], pass_bp: i32, fault_rate: f64) -> Row {
    let scores: Vec<ScoreStratum<'_>> =
        parts.iter().map(|part| ScoreStratum { eligible: part.eligible, scores: &part.scores }).collect();
    let reviewed: u64 = parts.iter().map(|part| part.scores.len() as u64).sum();
    let passed =
        |part: &Part| part.scores.iter().filter(|score| **score >= f64::from(pass_bp)).count() as u64;
    let shares = |passed: &dyn Fn(&Part) -> u64| {
        let stratum = |part: &Part| Stratum {
            eligible: part.eligible,
            reviewed: part.scores.len() as u64,
            passed: passed(part),
        };
        let strata: Vec<Stratum> = parts.iter().map(stratum).collect();
        rate(&strata, Confidence::P95).map(|rate| rate.estimate)
    };
    let critical = parts.iter().all(|part| part.critical.is_some());
    let covered = |part: &&Part| !part.scores.is_empty();
    Row {
        key,
        reviewed,
        covered: parts.iter().filter(covered).map(|part| part.eligible).sum(),
        uncovered: parts.iter().filter(|part| !covered(part)).map(|part| part.eligible).sum(),
        score_bp: mean(&scores, Confidence::P95).map(|mean| mean.estimate),
        pass_rate: shares(&passed),
        critical_rate: critical.then(|| shares(&|part: &Part| part.critical.unwrap_or(0))),
        ability: wilson(parts.iter().map(passed).sum(), reviewed, Confidence::P95),
        places: None,
        // The rate was checked where it came in.
        detection: detection_at_rate(reviewed, fault_rate).unwrap_or(0.0),
        cards: together(parts),
    }
}

fn together(parts: &[Part]) -> Cards {
    let mut cards = Cards::new();
    for (card, reviewed) in parts.iter().flat_map(|part| &part.cards) {
        *cards.entry(card.clone()).or_default() += reviewed;
    }
    cards
}

/// Says which places each row may have: better than it for certain are only rows whose interval lies wholly above.
fn place(rows: &mut [Row]) {
    let abilities: Vec<Option<Estimate>> = rows.iter().map(|row| row.ability.ok()).collect();
    let known: Vec<Estimate> = abilities.iter().flatten().copied().collect();
    for (row, ability) in rows.iter_mut().zip(abilities) {
        row.places = ability.map(|own| {
            let orders = |wanted| known.iter().filter(|other| compare(**other, own).order == wanted).count();
            (1 + orders(Order::FirstHigher), known.len() - orders(Order::SecondHigher))
        });
    }
}

/// An agent's week.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedbackSheet {
    /// Who.
    pub person: PersonId,
    /// Its Monday.
    pub week: NaiveDate,
    /// All of it.
    pub row: Row,
    /// By criterion, the lowest share first.
    pub criteria: Vec<Row>,
    /// Against the week before; `None` where one of them has too few reviews.
    pub change: Option<Comparison>,
    /// Whether the two weeks were scored by other cards or versions of them.
    pub other_cards: bool,
    /// With the review each stands in.
    pub comments: Vec<(Uuid, Comment)>,
    /// Of the card, one entry each time.
    pub critical_errors: Vec<String>,
    /// Reviews that the agent has not acknowledged.
    pub unacknowledged: Vec<Uuid>,
    /// Appeals that wait for a decision.
    pub appeals_open: i32,
}

/// More remarks than this nobody reads.
const COMMENTS_MAX: usize = 500;

/// Makes the sheet of a week, with the days of the week before.
pub fn sheet(
    person: &PersonId,
    week: NaiveDate,
    (days, before): (&[AccountDay], &[AccountDay]),
    cards: &BTreeMap<(String, i32), Scorecard>,
    appeals_open: i32,
) -> FeedbackSheet {
    let all = |days: &[AccountDay]| {
        let parts: Vec<Part> = days.iter().map(whole).collect();
        row(person.to_string(), &parts, PASS_BP, FAULT_RATE)
    };
    let question = Question {
        days: (week, week),
        group: Group::Criterion,
        team: String::new(),
        person: String::new(),
        pass_bp: PASS_BP,
        fault_rate: FAULT_RATE,
    };
    let mut criteria = rows(&question, days, cards);
    let share = |row: &Row| row.score_bp.map_or(f64::INFINITY, |score| score.value);
    criteria.sort_by(|left, right| share(left).total_cmp(&share(right)).then(left.key.cmp(&right.key)));
    let chats = || days.iter().flat_map(|day| &day.reviewed);
    let comments = chats().flat_map(|chat| chat.assessment.comments.iter().map(|c| (chat.id, c.clone())));
    let (row, row_before) = (all(days), all(before));
    let change = row.score_bp.ok().zip(row_before.score_bp.ok());
    let other_cards = !row.cards.keys().eq(row_before.cards.keys());
    FeedbackSheet {
        person: person.clone(),
        week,
        criteria,
        change: change.map(|(now, then)| compare(now, then)),
        other_cards,
        comments: comments.take(COMMENTS_MAX).collect(),
        critical_errors: chats().flat_map(|chat| chat.assessment.critical_errors.clone()).collect(),
        unacknowledged: chats().filter(|chat| !chat.acknowledged).map(|chat| chat.id).collect(),
        appeals_open,
        row,
    }
}

/// From which score on a chat passes where nobody says otherwise.
pub const PASS_BP: i32 = 6_000;
/// The fault whose detection is told where nobody says otherwise: one chat in a hundred.
pub const FAULT_RATE: f64 = 0.01;

#[cfg(test)]
mod tests;
