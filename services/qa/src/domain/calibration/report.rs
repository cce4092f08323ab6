//! What a session shows: agreement per criterion, each rater's severity, closeness to the expert.

use agreement::{
    Agreement, CalibrationRule as Limits, Confidence, Metric, Resampling, Severity, Undefined, Weights,
    alpha, calibrate, cohen, fleiss, severities,
};
use runtime::ids::PersonId;

use super::{ChatRating, Session};
use crate::domain::policy::CalibrationRule;
use crate::domain::review::Rating;
use crate::domain::scorecard::{Criterion, Scorecard};

/// A figure, or why there is none.
pub type Figure = Result<Agreement, Undefined>;

/// How far raters agree on a criterion.
#[derive(Debug, Clone, PartialEq)]
pub struct CriterionAgreement {
    /// Which.
    pub criterion: String,
    /// Cohen's with two raters, Fleiss' with more.
    pub kappa: Figure,
    /// Cohen's with quadratic weights; `None` unless there are two raters.
    pub weighted_kappa: Option<Figure>,
    /// Krippendorff's, ordinal.
    pub alpha: Figure,
    /// Chats that two raters or more found applicable.
    pub chats: usize,
}

/// How a rater stands to the others.
#[derive(Debug, Clone, PartialEq)]
pub struct RaterResult {
    /// Who.
    pub person: PersonId,
    /// In basis points of the score; `None` if they share no chat with anybody.
    pub severity: Option<Severity>,
    /// To the expert, 0 to 1; `None` without one, or without a chat that both judged.
    pub alignment: Option<f64>,
    /// The same by criterion.
    pub criteria: Vec<(String, f64)>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// In the card's order.
    pub criteria: Vec<CriterionAgreement>,
    /// Krippendorff's alpha of the scores, on an interval scale.
    pub score_alpha: Figure,
    /// In the session's order.
    pub raters: Vec<RaterResult>,
}

/// What the rule says of a rater.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub calibration: agreement::Calibration,
    /// In basis points of the score.
    pub severity: Option<Severity>,
    /// With the mean of the others.
    pub agreement: Option<Agreement>,
}

/// Computes a session's report. Takes a moment of a processor: some thousand resamples for each criterion.
pub fn report(session: &Session, card: &Scorecard) -> Report {
    let criteria = card.content.criteria.iter().map(|criterion| of_criterion(session, criterion));
    let scores = scores(session);
    let severities = severities(&scores, Confidence::P95).ok();
    let raters = session.raters.iter().enumerate().map(|(at, person)| {
        let (alignment, criteria) = alignment(session, card, person);
        let severity = severities.as_ref().and_then(|all| all[at]);
        RaterResult { person: person.clone(), severity, alignment, criteria }
    });
    Report {
        criteria: criteria.collect(),
        score_alpha: alpha(&scores, Metric::Interval, Confidence::P95, Resampling::default()),
        raters: raters.collect(),
    }
}

/// Judges raters by the scores of all `sessions`, a verdict for each of `raters`.
///
/// # Errors
/// [`Undefined`] if no chat was judged by two of them.
pub fn judge(
    sessions: &[Session],
    raters: &[PersonId],
    rule: CalibrationRule,
) -> Result<Vec<Judged>, Undefined> {
    let mut rows = Vec::new();
    for session in sessions {
        for row in scores(session) {
            let of = |person: &PersonId| {
                let column = session.raters.iter().position(|rater| rater == person)?;
                row[column]
            };
            rows.push(raters.iter().map(of).collect());
        }
    }
    let limits = Limits {
        units_min: usize::try_from(rule.chats_min).unwrap_or(0),
        severity_max: f64::from(rule.severity_bp_max),
        agreement_min: rule.agreement_min,
    };
    let judged = calibrate(&rows, limits, Confidence::P95, Resampling::default())?;
    Ok(judged
        .into_iter()
        .map(|rater| Judged {
            calibration: rater.calibration,
            severity: rater.severity,
            agreement: rater.agreement,
        })
        .collect())
}

/// A row per chat with each rater's score in basis points.
fn scores(session: &Session) -> Vec<Vec<Option<f64>>> {
    table(session, |rating| rating.score_bp.map(f64::from))
}

/// A row per chat, a column per rater.
fn table<T: Clone>(session: &Session, value: impl Fn(&ChatRating) -> Option<T>) -> Vec<Vec<Option<T>>> {
    let mut rows = vec![vec![None; session.raters.len()]; session.chats.len()];
    for rating in &session.ratings {
        let column = session.raters.iter().position(|rater| *rater == rating.rater);
        let row = usize::try_from(rating.place).ok().and_then(|place| rows.get_mut(place));
        if let (Some(row), Some(column)) = (row, column) {
            row[column] = value(rating);
        }
    }
    rows
}

fn points(rating: &ChatRating, criterion: &str) -> Option<Rating> {
    let score = rating.assessment.scores.iter().find(|score| score.criterion_id == criterion)?;
    Some(score.rating)
}

fn of_criterion(session: &Session, criterion: &Criterion) -> CriterionAgreement {
    let rows = table(session, |rating| match points(rating, &criterion.id) {
        Some(Rating::Points(points)) => usize::try_from(points - criterion.min_points).ok(),
        Some(Rating::NotApplicable) | None => None,
    });
    let categories = usize::try_from(criterion.max_points - criterion.min_points + 1).unwrap_or(0);
    let whole: Vec<Vec<usize>> = rows.iter().filter_map(|row| row.iter().copied().collect()).collect();
    let pairs: Vec<[usize; 2]> =
        whole.iter().filter_map(|row| <[usize; 2]>::try_from(&row[..]).ok()).collect();
    let two = session.raters.len() == 2;
    let cohen = |weights| cohen(&pairs, categories, weights, Confidence::P95);
    let kappa = if two {
        cohen(Weights::Plain)
    } else {
        let counts: Vec<Vec<u32>> = whole.iter().map(|row| counted(row, categories)).collect();
        fleiss(&counts, Confidence::P95, Resampling::default())
    };
    let values: Vec<Vec<Option<f64>>> =
        rows.iter().map(|row| row.iter().map(|value| value.map(|value| value as f64)).collect()).collect();
    CriterionAgreement {
        criterion: criterion.id.clone(),
        kappa,
        weighted_kappa: two.then(|| cohen(Weights::Quadratic)),
        alpha: alpha(&values, Metric::Ordinal, Confidence::P95, Resampling::default()),
        chats: rows.iter().filter(|row| row.iter().flatten().count() > 1).count(),
    }
}

fn counted(row: &[usize], categories: usize) -> Vec<u32> {
    let mut counts = vec![0; categories];
    for &category in row {
        counts[category] += 1;
    }
    counts
}

/// How close a rater is to the expert, as MaestroQA has it: per criterion 1 - |difference| ÷ points, the whole weighted by
/// the criteria's points. Not the difference of totals, in which strict and lenient would cancel out.
fn alignment(session: &Session, card: &Scorecard, person: &PersonId) -> (Option<f64>, Vec<(String, f64)>) {
    let Some(expert) = session.expert.as_ref().filter(|expert| *expert != person) else {
        return (None, Vec::new());
    };
    let of = |who: &PersonId, place: i32| {
        session.ratings.iter().find(|rating| rating.rater == *who && rating.place == place)
    };
    let places = session.ratings.iter().filter(|rating| rating.rater == *expert).map(|rating| rating.place);
    let pairs: Vec<(&ChatRating, &ChatRating)> =
        places.filter_map(|place| Some((of(person, place)?, of(expert, place)?))).collect();
    let mut criteria = Vec::new();
    let (mut sum, mut weight) = (0.0, 0.0);
    for criterion in &card.content.criteria {
        let room = f64::from(criterion.max_points - criterion.min_points);
        let close = pairs.iter().filter_map(|(own, benchmark)| {
            let judged = (points(own, &criterion.id)?, points(benchmark, &criterion.id)?);
            Some(match judged {
                (Rating::NotApplicable, Rating::NotApplicable) => return None,
                (Rating::Points(own), Rating::Points(benchmark)) => {
                    1.0 - f64::from((own - benchmark).abs()) / room
                }
                _ => 0.0,
            })
        });
        let close: Vec<f64> = close.collect();
        if close.is_empty() {
            continue;
        }
        let count = close.len() as f64;
        let total: f64 = close.iter().sum();
        criteria.push((criterion.id.clone(), total / count));
        sum += total * room;
        weight += count * room;
    }
    ((weight > 0.0).then(|| sum / weight), criteria)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use runtime::ids::AccountId;
    use sampling::ConversationId;
    use uuid::Uuid;

    use super::*;
    use crate::domain::calibration::SessionChat;
    use crate::domain::review::{Assessment, CriterionScore};

    fn card(max: &[i32]) -> Scorecard {
        let mut card = Scorecard::ready_made(DateTime::UNIX_EPOCH);
        let sample = card.content.criteria[0].clone();
        let criterion = |(at, max): (usize, &i32)| Criterion {
            id: at.to_string(),
            max_points: *max,
            scale: crate::domain::scorecard::Scale::Points,
            ..sample.clone()
        };
        card.content.criteria = max.iter().enumerate().map(criterion).collect();
        card
    }

    /// `ratings[rater][chat][criterion]`; a negative one is not applicable. The first rater is the expert.
    fn session(card: &Scorecard, ratings: &[Vec<Vec<i32>>]) -> Session {
        let raters: Vec<PersonId> = (0..ratings.len()).map(|at| PersonId::new(format!("r{at}"))).collect();
        let chats = (0..ratings[0].len()).map(|at| SessionChat {
            conversation: ConversationId::new("s", "chat", at.to_string()),
            business_day: NaiveDate::default(),
            account: AccountId::new("a"),
            person: None,
        });
        let mut all = Vec::new();
        for (rater, chats) in raters.iter().zip(ratings) {
            for (place, points) in (0..).zip(chats) {
                let scores = points.iter().enumerate().map(|(at, points)| CriterionScore {
                    criterion_id: at.to_string(),
                    rating: if *points < 0 { Rating::NotApplicable } else { Rating::Points(*points) },
                    reasons: Vec::new(),
                });
                let assessment = Assessment { scores: scores.collect(), ..Assessment::default() };
                let score = card.score(&assessment).unwrap();
                all.push(ChatRating {
                    place,
                    rater: rater.clone(),
                    assessment,
                    score_bp: score.bp,
                    critical_failure: false,
                    rated_at: DateTime::UNIX_EPOCH,
                });
            }
        }
        Session {
            id: Uuid::nil(),
            name: String::new(),
            scorecard_id: card.id.clone(),
            scorecard_version: 1,
            chats: chats.collect(),
            expert: Some(raters[0].clone()),
            raters,
            due_day: NaiveDate::default(),
            opened_at: DateTime::UNIX_EPOCH,
            closed_at: None,
            ratings: all,
            revision: 1,
        }
    }

    #[test]
    fn alignment_is_computed_by_criterion_and_not_by_totals() {
        // MaestroQA's example: 10 against 7 of 15 is 80 %, and weighs 15 of 80.
        let card = card(&[15, 65]);
        let report = report(&session(&card, &[vec![vec![7, 65]], vec![vec![10, 65]]]), &card);
        let rater = &report.raters[1];
        assert_eq!(rater.criteria, [("0".to_owned(), 0.8), ("1".to_owned(), 1.0)]);
        assert!((rater.alignment.unwrap() - (0.1875 * 0.8 + 0.8125)).abs() < 1e-12);
        assert_eq!(report.raters[0].alignment, None, "the expert is not held against themselves");
        // The same total, and yet apart.
        let apart = self::card(&[10, 10]);
        let report = self::report(&session(&apart, &[vec![vec![10, 0]], vec![vec![0, 10]]]), &apart);
        assert_eq!(report.raters[1].alignment, Some(0.0));
        // What one calls not applicable and the other doesn't is not close; what both call so says nothing.
        let report = self::report(&session(&apart, &[vec![vec![10, -1]], vec![vec![-1, -1]]]), &apart);
        assert_eq!(report.raters[1].criteria, [("0".to_owned(), 0.0)]);
    }

    #[test]
    fn two_raters_get_cohen_and_more_get_fleiss() {
        let card = card(&[1]);
        // Cohen's 2 × 2: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no gives kappa 0.4.
        let cells = [(20, [1, 1]), (5, [1, 0]), (10, [0, 1]), (15, [0, 0])];
        let column = |rater: usize| -> Vec<Vec<i32>> {
            cells.iter().flat_map(|(count, pair)| vec![vec![pair[rater]]; *count]).collect()
        };
        let two = report(&session(&card, &[column(0), column(1)]), &card);
        assert!((two.criteria[0].kappa.unwrap().estimate.value - 0.4).abs() < 1e-12);
        assert!(two.criteria[0].weighted_kappa.is_some());
        let three = report(&session(&card, &[column(0), column(1), column(1)]), &card);
        assert!(three.criteria[0].weighted_kappa.is_none());
        assert!(three.criteria[0].kappa.unwrap().estimate.value > 0.4);
        assert_eq!(three.criteria[0].chats, 50);
        let alike = report(&session(&card, &[vec![vec![1]; 9], vec![vec![1]; 9]]), &card);
        assert_eq!(alike.criteria[0].kappa, Err(Undefined::NoVariation));
    }

    #[test]
    fn a_biased_rater_is_recovered_and_flagged() {
        let card = card(&[100]);
        // Thirty chats of all kinds; the third rater takes twenty points off, the others wobble by two.
        let chat = |at: i32, bias: i32, wobble: i32| {
            vec![(30 + (at * 37) % 60 + bias + (at * wobble) % 5 - 2).max(0)]
        };
        let rater = |bias: i32, wobble: i32| (0..30).map(|at| chat(at, bias, wobble)).collect::<Vec<_>>();
        let session = session(&card, &[rater(0, 1), rater(0, 2), rater(-20, 3), rater(0, 4)]);
        let report = report(&session, &card);
        let severity = |at: usize| report.raters[at].severity.unwrap();
        assert!((severity(2).value - severity(0).value + 2_000.0).abs() < 150.0, "{:?}", severity(2));
        let rule =
            CalibrationRule { chats_min: 10, severity_bp_max: 1_000, agreement_min: 0.2, window_days: 90 };
        let judged = judge(std::slice::from_ref(&session), &session.raters, rule).unwrap();
        let out = |at: usize| matches!(judged[at].calibration, agreement::Calibration::Uncalibrated { .. });
        assert_eq!([out(0), out(1), out(2), out(3)], [false, false, true, false]);
        assert_eq!(judged[0].calibration, agreement::Calibration::Calibrated);
        let strict = CalibrationRule { chats_min: 31, ..rule };
        let judged = super::judge(std::slice::from_ref(&session), &session.raters, strict).unwrap();
        assert!(judged.iter().all(|rater| rater.calibration == agreement::Calibration::TooFewUnits));
    }
}
