//! The rules about people.

use super::*;

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 5, day).expect("a day of May")
}

/// 0 as the end means that it lasts.
fn span(from: u32, to: u32) -> Span {
    Span { from: day(from), to: (to > 0).then(|| day(to)) }
}

fn account(id: &str, from: u32, to: u32) -> Account {
    Account { id: id.into(), span: span(from, to) }
}

fn stay(team: &str, from: u32, to: u32) -> Membership {
    Membership { team: team.into(), lead: false, span: span(from, to) }
}

fn person(id: &str) -> Person {
    let details = Details {
        name: id.to_owned(),
        status: PersonStatus::Regular,
        position: String::new(),
        roles: vec![],
    };
    Person::new(id.into(), details, DateTime::UNIX_EPOCH)
}

fn unknown(id: &str, of: &Account) -> Person {
    Person::unconfirmed(id.into(), of.id.clone(), of.span, DateTime::UNIX_EPOCH)
}

#[test]
fn joining_another_team_ends_the_lasting_stay_the_day_before() {
    let moved =
        person("p").join_team(stay("a", 1, 0)).and_then(|p| p.join_team(stay("b", 10, 0))).expect("moves");
    assert_eq!(moved.memberships, [stay("a", 1, 9), stay("b", 10, 0)]);
    let again = moved.clone().join_team(stay("b", 10, 0)).expect("repeats");
    assert_eq!(again, moved);
    let left = moved.join_team(stay("b", 10, 20)).expect("ends");
    assert_eq!(left.memberships, [stay("a", 1, 9), stay("b", 10, 20)]);
}

#[test]
fn two_teams_on_a_day_are_refused() {
    let there = person("p").join_team(stay("a", 5, 15)).expect("joins");
    for clash in [stay("b", 10, 0), stay("b", 15, 15), stay("b", 1, 5), stay("a", 6, 8)] {
        let refused = there.clone().join_team(clash.clone());
        assert!(matches!(refused, Err(PerformanceError::MembershipOverlaps { .. })), "{clash:?}");
    }
    there.clone().join_team(stay("b", 16, 0)).expect("the day after is free");
    there.join_team(stay("b", 1, 4)).expect("the days before are free");
}

#[test]
fn assigning_again_changes_nothing_and_a_new_end_shortens() {
    let has = person("p").add_account(account("x", 1, 0)).expect("adds");
    assert_eq!(has.clone().add_account(account("x", 1, 0)).expect("repeats"), has);
    assert_eq!(has.clone().add_account(account("x", 5, 9)).expect("is within"), has);
    assert_eq!(has.add_account(account("x", 1, 9)).expect("ends").accounts, [account("x", 1, 9)]);
}

#[test]
fn days_that_meet_become_one_assignment() {
    let has = person("p").add_account(account("x", 1, 4)).and_then(|p| p.add_account(account("x", 5, 0)));
    assert_eq!(has.expect("adds").accounts, [account("x", 1, 0)]);
}

#[test]
fn an_unconfirmed_person_gives_up_the_days_and_is_merged_when_none_is_left() {
    let all = account("x", 1, 0);
    let partly =
        assign_account(person("p"), vec![unknown("u", &all)], &account("x", 10, 0)).expect("assigns");
    assert_eq!(partly[0].accounts, [account("x", 1, 9)]);
    assert!(partly[0].is_unconfirmed());
    assert_eq!(partly[1].accounts, [account("x", 10, 0)]);

    let whole = assign_account(person("p"), vec![unknown("u", &all)], &all).expect("assigns");
    assert_eq!(whole[0].accounts, []);
    assert_eq!(whole[0].merged_into, Some("p".into()));
    let late = whole[0].clone().revise(person("u").details);
    assert!(matches!(late, Err(PerformanceError::PersonMerged { .. })));
}

#[test]
fn a_confirmed_owner_keeps_the_account() {
    let owner = person("o").add_account(account("x", 1, 9)).expect("adds");
    let refused = assign_account(person("p"), vec![owner.clone()], &account("x", 9, 0));
    assert!(matches!(refused, Err(PerformanceError::AccountTaken { owner, .. }) if owner.as_str() == "o"));
    assign_account(person("p"), vec![owner], &account("x", 10, 0)).expect("the day after is free");
}

#[test]
fn what_was_entered_by_mistake_is_taken_back() {
    let has =
        person("p").add_account(account("x", 1, 9)).and_then(|p| p.join_team(stay("a", 1, 0))).expect("has");
    let (without, taken) = has.clone().leave_out_account(&"x".into(), day(1)).expect("takes back");
    assert_eq!((without.accounts.len(), taken), (0, span(1, 9)));
    let missing = has.clone().leave_out_account(&"x".into(), day(2));
    assert!(matches!(missing, Err(PerformanceError::AccountNotFound { .. })));
    assert_eq!(has.clone().leave_out_stay(&"a".into(), day(1)).expect("takes back").memberships, []);
    let missing = has.leave_out_stay(&"b".into(), day(1));
    assert!(matches!(missing, Err(PerformanceError::MembershipNotFound { .. })));
}

#[test]
fn status_words_round_trip() {
    for status in PersonStatus::ALL {
        assert_eq!(PersonStatus::named(status.word()), Some(status));
    }
    assert_eq!(PersonStatus::named("sabbatical"), None);
}
