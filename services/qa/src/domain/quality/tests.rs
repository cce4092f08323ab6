//! Figures against those worked out by hand.

use chrono::DateTime;

use super::*;
use crate::domain::review::CriterionScore;

fn chat(score_bp: i32) -> ReviewedChat {
    ReviewedChat {
        id: Uuid::nil(),
        score_bp: Some(score_bp),
        critical: score_bp == 0,
        card: ("standard".to_owned(), 1),
        assessment: Assessment::default(),
        acknowledged: false,
    }
}

fn day(number: u32, account: &str, eligible: u64, scores: &[i32]) -> AccountDay {
    AccountDay {
        day: NaiveDate::from_ymd_opt(2020, 5, number).unwrap(),
        account: AccountId::new(account),
        person: Some(PersonId::new(account)),
        team: Some("one".to_owned()),
        eligible,
        reviewed: scores.iter().map(|score| chat(*score)).collect(),
    }
}

fn ask(group: Group, days: &[AccountDay]) -> Vec<Row> {
    let cards = [Scorecard::ready_made(DateTime::UNIX_EPOCH)];
    let cards = cards.into_iter().map(|card| ((card.id.clone(), card.version), card)).collect();
    let question = Question {
        days: (NaiveDate::default(), NaiveDate::default()),
        group,
        team: String::new(),
        person: String::new(),
        pass_bp: PASS_BP,
        fault_rate: FAULT_RATE,
    };
    rows(&question, days, &cards)
}

fn passes(account: &str, passed: usize, failed: usize) -> AccountDay {
    let scores = [vec![9_000; passed], vec![3_000; failed]].concat();
    day(4, account, 1_000, &scores)
}

#[test]
fn the_score_is_the_mean_of_the_reviews() {
    // Zendesk's example: 100, 9.91, 63.96, 90.99, 0 are 52.97 %. All chats were reviewed: nothing is unsure.
    let rows = ask(Group::Account, &[day(4, "a", 5, &[10_000, 991, 6_396, 9_099, 0])]);
    let score = rows[0].score_bp.unwrap();
    assert!((score.value - 5_297.2).abs() < 1e-9 && score.interval.low == score.interval.high);
    assert!((rows[0].critical_rate.unwrap().unwrap().value - 0.2).abs() < 1e-12);
    // Fewer than all: the same mean, an interval.
    let rows = ask(Group::Account, &[day(4, "a", 50, &[10_000, 991, 6_396, 9_099, 0])]);
    let score = rows[0].score_bp.unwrap();
    assert!(score.interval.low < 4_000.0 && score.interval.high > 6_500.0);
}

#[test]
fn a_review_stands_for_as_many_chats_as_were_eligible() {
    // 15 of 15 at full score and 15 of 45 at nothing: a quarter of the chats are good, not half of the reviews.
    let days = [day(4, "a", 15, &[10_000; 15]), day(5, "a", 45, &[0; 15])];
    let row = &ask(Group::Account, &days)[0];
    assert!((row.score_bp.unwrap().value - 2_500.0).abs() < 1e-9);
    assert!((row.pass_rate.unwrap().value - 0.25).abs() < 1e-12);
    assert_eq!((row.reviewed, row.covered, row.uncovered), (30, 60, 0));
    let days = [days.to_vec(), vec![day(6, "a", 9, &[])]].concat();
    assert_eq!(ask(Group::Account, &days)[0].uncovered, 9);
}

#[test]
fn overlapping_intervals_have_no_order() {
    // 14 of 15 against 12 of 15 can't be told apart; 14 of 15 against 2 of 15 can.
    let rows = ask(Group::Account, &[passes("a", 14, 1), passes("b", 12, 3), passes("c", 2, 13)]);
    let places: Vec<_> = rows.iter().map(|row| row.places).collect();
    assert_eq!(places, [Some((1, 2)), Some((1, 2)), Some((3, 3))]);
    let ability = rows[0].ability.unwrap().interval;
    assert!((ability.low - 0.702).abs() < 5e-4 && (ability.high - 0.988).abs() < 5e-4);
    // Nobody's reviews are no place.
    let rows = ask(Group::Person, &[passes("a", 14, 1), day(4, "b", 3, &[])]);
    assert_eq!(rows.iter().map(|row| row.places).collect::<Vec<_>>(), [Some((1, 1)), None]);
    assert!(rows[1].score_bp.is_err() && rows[1].pass_rate.is_err());
    assert!(ask(Group::Day, &[passes("a", 14, 1)])[0].places.is_none());
}

#[test]
fn detection_is_told() {
    for (reviewed, chance) in [(15, 0.140), (390, 0.980)] {
        let row = &ask(Group::Account, &[day(4, "a", 1_000, &vec![9_000; reviewed])])[0];
        assert!((row.detection - chance).abs() < 5e-4, "{reviewed}: {}", row.detection);
    }
}

#[test]
fn trends_have_a_row_per_period() {
    let days = [day(3, "a", 1, &[1_000]), day(4, "a", 1, &[2_000]), day(5, "b", 1, &[3_000])];
    let keys = |group| ask(group, &days).into_iter().map(|row| row.key).collect::<Vec<_>>();
    assert_eq!(keys(Group::Day), ["2020-05-03", "2020-05-04", "2020-05-05"]);
    // The third was a Sunday.
    assert_eq!(keys(Group::Week), ["2020-04-27", "2020-05-04"]);
    assert_eq!(keys(Group::Month), ["2020-05-01"]);
    assert_eq!(keys(Group::Account), ["a", "b"]);
    assert_eq!(keys(Group::Team), ["one"]);
}

fn judged(points: [Option<i32>; 2]) -> ReviewedChat {
    let score = |(id, points): (&str, Option<i32>)| CriterionScore {
        criterion_id: id.to_owned(),
        rating: points.map_or(Rating::NotApplicable, Rating::Points),
        reasons: Vec::new(),
    };
    let scores = ["attitude", "solution"].into_iter().zip(points).map(score).collect();
    ReviewedChat { assessment: Assessment { scores, ..Assessment::default() }, ..chat(5_000) }
}

#[test]
fn a_criterion_speaks_for_the_chats_to_which_it_applies() {
    let mut day = day(4, "a", 8, &[]);
    day.reviewed = vec![
        judged([Some(4), None]),
        judged([Some(2), Some(4)]),
        judged([Some(0), None]),
        judged([Some(2), Some(2)]),
    ];
    let rows = ask(Group::Criterion, &[day]);
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.key.as_str(), row.score_bp.unwrap().value, row.reviewed, row.covered))
        .collect();
    assert_eq!(seen, [("attitude", 5_000.0, 4, 8), ("solution", 7_500.0, 2, 4)]);
    assert!(rows[0].critical_rate.is_none());
}

#[test]
fn a_sheet_compares_weeks_and_puts_the_weakest_first() {
    let cards: BTreeMap<_, _> = [Scorecard::ready_made(DateTime::UNIX_EPOCH)]
        .into_iter()
        .map(|card| ((card.id.clone(), card.version), card))
        .collect();
    let mut week = day(5, "a", 100, &[]);
    week.reviewed = vec![judged([Some(4), Some(1)]); 20];
    let person = PersonId::new("a");
    let make = |before: &[AccountDay]| {
        sheet(&person, monday(week.day), (std::slice::from_ref(&week), before), &cards, 2)
    };
    let sheet = make(&[day(1, "a", 100, &[9_900, 10_000, 9_800, 10_000])]);
    assert_eq!(
        sheet.criteria.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(),
        ["solution", "attitude"]
    );
    assert_eq!((sheet.unacknowledged.len(), sheet.appeals_open), (20, 2));
    let change = sheet.change.unwrap();
    assert!((change.difference.value + 4_925.0).abs() < 1e-9 && change.order == Order::SecondHigher);
    let unclear = make(&[day(1, "a", 100, &[9_900, 1_000, 9_800, 200])]);
    assert_eq!(unclear.change.unwrap().order, Order::Unclear);
    assert!(make(&[]).change.is_none());
}

#[test]
fn a_row_says_which_cards_it_mixes() {
    let own = |mut day: AccountDay| {
        for chat in &mut day.reviewed {
            chat.card = ("own".to_owned(), 3);
        }
        day
    };
    let days = [day(4, "a", 50, &[9_000, 8_000]), own(day(5, "a", 50, &[7_000])), day(4, "b", 50, &[9_000])];
    let rows = ask(Group::Account, &days);
    let cards: Vec<Vec<_>> = rows.iter().map(|row| row.cards.clone().into_iter().collect()).collect();
    let of = |card: &str, version, reviewed| ((card.to_owned(), version), reviewed);
    assert_eq!(cards, [vec![of("own", 3, 1), of("standard", 1, 2)], vec![of("standard", 1, 1)]]);

    let person = PersonId::new("a");
    let week = NaiveDate::default();
    let sheet = |days: &[AccountDay], before: &[AccountDay]| {
        sheet(&person, week, (days, before), &BTreeMap::new(), 0).other_cards
    };
    assert!(!sheet(&days[..1], &days[2..]));
    assert!(sheet(&days[..1], &days[..2]) && sheet(&days[1..2], &days[..1]));
}
