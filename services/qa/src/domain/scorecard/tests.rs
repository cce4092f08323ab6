//! Scores against the vectors of the products that the formula was taken from.

use super::*;
use crate::domain::review::{Assessment, CriterionScore, Rating};

fn card(criteria: &[(i32, i32, i32, bool)]) -> Scorecard {
    let criteria = criteria.iter().enumerate().map(|(at, (weight, min, max, critical))| Criterion {
        id: at.to_string(),
        name: at.to_string(),
        description: String::new(),
        weight: *weight,
        min_points: *min,
        max_points: *max,
        critical: *critical,
        scale: Scale::Points,
        category: String::new(),
        reasons: Vec::new(),
    });
    let content =
        Content { criteria: criteria.collect(), ..Scorecard::ready_made(DateTime::UNIX_EPOCH).content };
    Scorecard { content, ..Scorecard::ready_made(DateTime::UNIX_EPOCH) }
}

fn judged(points: &[Option<i32>]) -> Assessment {
    let scores = points.iter().enumerate().map(|(at, points)| CriterionScore {
        criterion_id: at.to_string(),
        rating: points.map_or(Rating::NotApplicable, Rating::Points),
        reasons: Vec::new(),
    });
    Assessment { scores: scores.collect(), ..Assessment::default() }
}

fn check(criteria: &[(i32, i32, i32, bool)], points: &[Option<i32>], bp: Option<i32>, critical: bool) {
    let score = card(criteria).score(&judged(points)).unwrap();
    assert_eq!(score, Score { bp, critical_failure: critical }, "{criteria:?} {points:?}");
}

#[test]
fn a_scale_is_spread_evenly_over_its_points() {
    // 3, 4 and 5 points: 0/50/100, 0/33.3/66.6/100, 0/25/50/75/100 per cent.
    for (max, expected) in
        [(2, &[0, 5000, 10_000][..]), (3, &[0, 3333, 6667, 10_000]), (4, &[0, 2500, 5000, 7500, 10_000])]
    {
        for (points, bp) in expected.iter().enumerate() {
            let points = i32::try_from(points).unwrap();
            check(&[(1, 0, max, false)], &[Some(points)], Some(*bp), false);
            check(&[(7, 1, max + 1, false)], &[Some(points + 1)], Some(*bp), false);
        }
    }
}

#[test]
fn weights_count_and_the_not_applicable_leaves_both_sides() {
    // (1·40 + 1·20) ÷ (2·40 + 1·20) of group points is 60 %: as shares, 50 % by 80 and 100 % by 20.
    check(&[(80, 0, 2, false), (20, 0, 1, false)], &[Some(1), Some(1)], Some(6000), false);
    check(&[(80, 0, 2, false), (20, 0, 1, false)], &[Some(1), None], Some(5000), false);
    check(&[(80, 0, 2, false), (20, 0, 1, false)], &[None, Some(1)], Some(10_000), false);
    check(&[(80, 0, 2, false)], &[None], None, false);
}

#[test]
fn by_points_a_longer_scale_weighs_more() {
    // Genesys' example: (1·40 + 1·20) ÷ (2·40 + 1·20) = 60 %, for groups that weigh 40 and 20 and have 2 and 1 points.
    let mut card = card(&[(1, 0, 2, false), (1, 0, 1, false)]);
    card.content.formula = Formula::Points;
    for (criterion, weight) in card.content.criteria.iter_mut().zip([40, 20]) {
        criterion.category.clone_from(&criterion.id);
        let (id, name) = (criterion.id.clone(), String::new());
        card.content.categories.push(Category { id, name, weight });
    }
    card.content.check().unwrap();
    let bp = |card: &Scorecard, points: &[Option<i32>]| card.score(&judged(points)).unwrap().bp;
    assert_eq!(bp(&card, &[Some(1), Some(1)]), Some(6_000));
    assert_eq!(bp(&card, &[None, Some(1)]), Some(10_000));
    assert_eq!(bp(&card, &[None, None]), None);
    // The same weights by shares: 50 % by 40 and 100 % by 20.
    card.content.formula = Formula::Shares;
    assert_eq!(bp(&card, &[Some(1), Some(1)]), Some(6_667));
}

#[test]
fn a_category_is_the_mean_of_its_criteria_and_leaves_with_them() {
    let mut card = card(&[(3, 0, 4, false), (1, 0, 4, false), (1, 0, 2, false)]);
    let category = |id: &str, weight| Category { id: id.to_owned(), name: String::new(), weight };
    card.content.categories = vec![category("service", 70), category("sales", 30)];
    for (criterion, id) in card.content.criteria.iter_mut().zip(["service", "service", "sales"]) {
        id.clone_into(&mut criterion.category);
    }
    card.content.check().unwrap();
    let bp = |points: &[Option<i32>]| card.score(&judged(points)).unwrap().bp;
    // 0.7 × (3·100 % + 1·0 %) ÷ 4 + 0.3 × 50 %.
    assert_eq!(bp(&[Some(4), Some(0), Some(1)]), Some(6_750));
    assert_eq!(bp(&[Some(4), None, Some(1)]), Some(8_500));
    assert_eq!(bp(&[None, None, Some(1)]), Some(5_000));
    card.content.criteria[2].category = "none".to_owned();
    let Err(QaError::Invalid { violations }) = card.content.check() else { panic!("not refused") };
    assert_eq!(violations[0].field, "criteria[2].category_id");
}

#[test]
fn a_scale_has_its_own_points() {
    for (scale, max) in
        [(Scale::TwoPoint, 1), (Scale::ThreePoint, 2), (Scale::FourPoint, 3), (Scale::FivePoint, 4)]
    {
        let mut content = card(&[(1, 0, max, false)]).content;
        content.criteria[0].scale = scale;
        content.check().unwrap();
        for (min, wrong) in [(0, max + 1), (1, max + 1)] {
            (content.criteria[0].min_points, content.criteria[0].max_points) = (min, wrong);
            let Err(QaError::Invalid { violations }) = content.check() else { panic!("not refused") };
            assert_eq!(violations[0].field, "criteria[0].max_points");
        }
    }
}

#[test]
fn reasons_explain_points_that_were_taken_off() {
    let mut card = card(&[(1, 0, 4, false)]);
    card.content.criteria[0].reasons =
        ["late", "rude"].map(|id| Reason { id: id.to_owned(), name: String::new() }).to_vec();
    let field = |points: Option<i32>, reasons: &[&str]| {
        let mut judged = judged(&[points]);
        judged.scores[0].reasons = reasons.iter().map(|id| (*id).to_owned()).collect();
        match card.score(&judged) {
            Err(QaError::Invalid { violations }) => violations[0].field.clone(),
            other => format!("{:?}", other.unwrap().bp),
        }
    };
    assert_eq!(field(Some(2), &["late", "rude"]), "Some(5000)");
    assert_eq!(field(Some(2), &["other"]), "scores[0].reason_ids[0]");
    assert_eq!(field(Some(2), &["late", "late"]), "scores[0].reason_ids[1]");
    assert_eq!(field(Some(4), &["late"]), "scores[0].reason_ids[0]");
    assert_eq!(field(None, &["late"]), "scores[0].reason_ids[0]");
}

#[test]
fn a_critical_criterion_below_half_makes_it_zero() {
    check(&[(90, 0, 4, false), (10, 0, 4, true)], &[Some(4), Some(1)], Some(0), true);
    check(&[(90, 0, 4, false), (10, 0, 4, true)], &[Some(4), Some(2)], Some(9500), false);
    check(&[(90, 0, 4, false), (10, 0, 4, true)], &[Some(4), None], Some(10_000), false);
}

#[test]
fn a_critical_error_makes_it_zero_even_with_nothing_to_rate() {
    let card = card(&[(1, 0, 4, false)]);
    for points in [Some(4), None] {
        let assessment = Assessment { critical_errors: vec!["privacy".to_owned()], ..judged(&[points]) };
        assert_eq!(card.score(&assessment).unwrap(), Score { bp: Some(0), critical_failure: true });
    }
}

#[test]
fn halves_round_up() {
    // 1 of 3 by weight 1 and 2 of 3 by weight 1 is exactly one half; 1 of 8 is 1250; 1/16 is 625; 1/32 is 312.5.
    check(&[(1, 0, 3, false), (1, 0, 3, false)], &[Some(1), Some(2)], Some(5000), false);
    check(&[(1, 0, 32, false)], &[Some(1)], Some(313), false);
}

#[test]
fn what_does_not_fit_the_card_is_named() {
    let card = card(&[(1, 0, 4, false), (1, 1, 4, false)]);
    let fields = |assessment: &Assessment| match card.score(assessment) {
        Err(QaError::Invalid { violations }) => violations.into_iter().map(|v| v.field).collect::<Vec<_>>(),
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(fields(&judged(&[Some(5), Some(0)])), ["scores[0].points", "scores[1].points"]);
    assert_eq!(fields(&judged(&[Some(1)])), ["scores"]);
    assert_eq!(fields(&judged(&[Some(1), Some(1), Some(1)])), ["scores[2].criterion_id"]);
    let mut twice = judged(&[Some(1), Some(1)]);
    twice.scores.push(twice.scores[0].clone());
    twice.critical_errors = vec!["privacy".to_owned(), "privacy".to_owned(), "none".to_owned()];
    assert_eq!(fields(&twice), ["scores[2].criterion_id", "critical_error_ids[1]", "critical_error_ids[2]"]);
}

#[test]
fn a_card_that_cannot_be_scored_is_refused() {
    let mut content = card(&[(1, 0, 4, false), (1, 3, 3, false)]).content;
    content.criteria[0].id = "1".to_owned();
    let Err(QaError::Invalid { violations }) = content.check() else { panic!("not refused") };
    let fields: Vec<_> = violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["criteria[1].criterion_id", "criteria[1].max_points"]);
    assert!(Scorecard::ready_made(DateTime::UNIX_EPOCH).content.check().is_ok());
}

#[test]
fn a_card_moves_only_forward() {
    let now = DateTime::UNIX_EPOCH;
    let draft = Scorecard { state: ScorecardState::Draft, published_at: None, ..Scorecard::ready_made(now) };
    let etag = draft.etag();
    let published = draft.clone().publish(&etag, now).unwrap();
    assert!(matches!(draft.clone().publish("card-0", now), Err(QaError::EtagMismatch)));
    assert!(matches!(published.clone().publish(&published.etag(), now), Err(QaError::ScorecardNotDraft)));
    assert!(matches!(published.clone().retire(&published.etag(), false, now), Err(QaError::ScorecardInUse)));
    let dropped = draft.retire(&etag, false, now).unwrap();
    assert_eq!(dropped.state, ScorecardState::Retired);
    assert!(matches!(dropped.clone().retire(&dropped.etag(), false, now), Err(QaError::ScorecardRetired)));
}

#[test]
fn what_teams_use_is_neither_a_draft_nor_out_of_use() {
    let now = DateTime::UNIX_EPOCH;
    let draft = Scorecard { state: ScorecardState::Draft, published_at: None, ..Scorecard::ready_made(now) };
    let in_teams = draft.use_in_teams(now).unwrap().expect("a draft comes into use");
    assert_eq!((in_teams.state, in_teams.published_at), (ScorecardState::InTeams, Some(now)));
    assert_eq!(in_teams.clone().use_in_teams(now).unwrap(), None);
    let etag = in_teams.etag();
    assert!(matches!(in_teams.clone().retire(&etag, true, now), Err(QaError::ScorecardInUse)));
    assert_eq!(in_teams.clone().retire(&etag, false, now).unwrap().state, ScorecardState::Retired);
    let published = in_teams.publish(&etag, now).unwrap();
    assert_eq!(published.state, ScorecardState::Published);
    assert_eq!(published.clone().replaced(true, now).state, ScorecardState::InTeams);
    let retired = published.replaced(false, now);
    assert_eq!(retired.state, ScorecardState::Retired);
    assert!(matches!(retired.use_in_teams(now), Err(QaError::ScorecardRetired)));
}
