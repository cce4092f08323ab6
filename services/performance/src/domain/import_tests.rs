//! What people files mean for directories.

use chrono::NaiveDate;

use super::*;
use crate::domain::person::{Details, Membership};
use crate::domain::span::Span;

const HEADING: &str =
    "person_id,name,status,team_id,team_name,team_from,team_to,account_id,account_from,account_to";

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn plan(directory: &Directory, lines: &[&str]) -> ImportPlan {
    let file = format!("{HEADING}\n{}\n", lines.join("\n"));
    ImportPlan::new(Sheet::read(file.as_bytes()), directory, now())
}

/// The directory after the plan was carried out.
fn carried_out(mut directory: Directory, plan: ImportPlan) -> Directory {
    for team in plan.teams {
        directory.teams.insert(team.id.clone(), team);
    }
    for person in plan.people {
        directory.people.insert(person.id.clone(), person);
    }
    directory
}

fn after(directory: Directory, lines: &[&str]) -> Directory {
    let plan = plan(&directory, lines);
    assert_eq!(plan.errors, []);
    carried_out(directory, plan)
}

fn counts(plan: &ImportPlan) -> [usize; 4] {
    [plan.created, plan.updated, plan.unchanged, plan.rejected]
}

fn errors(plan: &ImportPlan) -> Vec<(u64, &'static str, &'static str)> {
    plan.errors.iter().map(|e| (e.line, e.field, e.reason)).collect()
}

fn lasting(day: u32) -> Span {
    Span::lasting(NaiveDate::from_ymd_opt(2020, 5, day).expect("a day of May"))
}

fn with_unknown(account: &str) -> Directory {
    let unknown = Person::unconfirmed("u".into(), account.into(), lasting(1), now());
    Directory { people: [("u".into(), unknown)].into(), ..Directory::default() }
}

const TWO: [&str; 3] = [
    "p,甲,regular,a,A组,2020-05-01,,x,2020-05-01,",
    "q,乙,trainee,a,,2020-05-01,2020-05-09,y,2020-05-01,",
    "q,,,b,B组,2020-05-10,,,,",
];

#[test]
fn the_same_file_twice_changes_nothing() {
    let first = plan(&Directory::default(), &TWO);
    assert_eq!((counts(&first), first.teams.len(), errors(&first)), ([2, 0, 0, 0], 2, vec![]));
    let second = plan(&carried_out(Directory::default(), first), &TWO);
    assert_eq!((counts(&second), second.teams.len(), second.people.len()), ([0, 0, 2, 0], 0, 0));
}

#[test]
fn the_file_is_the_whole_truth_about_the_people_it_names() {
    let before = after(Directory::default(), &TWO);
    let plan = plan(&before, &["p,甲,left,,,,,,,"]);
    assert_eq!(counts(&plan), [0, 1, 0, 0]);
    assert_eq!((plan.people[0].memberships.len(), plan.people[0].accounts.len()), (0, 0));
}

#[test]
fn what_the_file_has_no_columns_for_stays() {
    let before = after(Directory::default(), &TWO);
    let sheet = Sheet::read("person_id,name,status\np,甲,left\n".as_bytes());
    let plan = ImportPlan::new(sheet, &before, now());
    assert_eq!(counts(&plan), [0, 1, 0, 0]);
    assert_eq!((plan.people[0].memberships.len(), plan.people[0].accounts.len()), (1, 1));
}

#[test]
fn a_person_with_a_bad_line_is_left_as_they_were_and_the_others_go_in() {
    let plan = plan(&Directory::default(), &[TWO[0], TWO[1], "q,,,b,B组,2020-05-09,,,,"]);
    assert_eq!((counts(&plan), errors(&plan)), ([1, 0, 0, 1], vec![(4, "team_from", "MEMBERSHIP_OVERLAPS")]));
    assert_eq!(plan.teams.len(), 1, "a team that only the rejected person needs is not created");
}

#[test]
fn an_account_of_somebody_else_is_refused() {
    let before = after(Directory::default(), &TWO);
    let plan = plan(&before, &["r,丙,regular,,,,,x,2020-05-03,2020-05-03"]);
    assert_eq!((counts(&plan), errors(&plan)), ([0, 0, 0, 1], vec![(2, "account_id", "ACCOUNT_TAKEN")]));
}

#[test]
fn one_file_may_move_an_account_in_any_order_of_lines() {
    let before = after(Directory::default(), &TWO);
    let gives = "p,甲,regular,a,,2020-05-01,,x,2020-05-01,2020-05-31";
    let takes = "q,乙,trainee,,,,,x,2020-06-01,";
    for lines in [[gives, takes], [takes, gives]] {
        let plan = plan(&before, &lines);
        assert_eq!((counts(&plan), errors(&plan)), ([0, 2, 0, 0], vec![]));
    }
}

#[test]
fn of_two_lines_for_one_account_the_later_loses() {
    let lines = ["p,甲,regular,,,,,x,2020-05-01,", "q,乙,regular,,,,,x,2020-05-02,"];
    let plan = plan(&Directory::default(), &lines);
    assert_eq!((counts(&plan), errors(&plan)), ([1, 0, 0, 1], vec![(3, "account_id", "ACCOUNT_TAKEN")]));
    assert_eq!(plan.people[0].id, "p".into());
}

#[test]
fn whoever_depends_on_a_rejected_person_is_rejected_too() {
    let before =
        after(Directory::default(), &["p,甲,regular,,,,,x,2020-05-01,", "z,丁,regular,,,,,w,2020-05-01,"]);
    // p gives up x and asks for w, which z keeps; so p keeps x, and q can't have it.
    let plan = plan(&before, &["p,甲,regular,,,,,w,2020-05-01,", "q,乙,regular,,,,,x,2020-05-01,"]);
    assert_eq!(counts(&plan), [0, 0, 0, 2]);
    assert_eq!(errors(&plan), [(2, "account_id", "ACCOUNT_TAKEN"), (3, "account_id", "ACCOUNT_TAKEN")]);
}

#[test]
fn an_unconfirmed_person_gives_way_and_is_merged() {
    let plan = plan(&with_unknown("x"), &["p,甲,regular,,,,,x,2020-05-01,"]);
    assert_eq!((counts(&plan), errors(&plan)), ([1, 0, 0, 0], vec![]));
    let merged: Vec<_> =
        plan.people.iter().map(|p| (p.id.as_str(), p.merged_into.as_ref().map(PersonId::as_str))).collect();
    assert_eq!(merged, [("u", Some("p")), ("p", None)]);
    let later = super::tests::plan(&carried_out(with_unknown("x"), plan), &["u,戊,regular,,,,,,,"]);
    assert_eq!(errors(&later), [(2, "person_id", "PERSON_MERGED")]);
}

#[test]
fn nobody_becomes_unconfirmed_but_may_stay_so() {
    let new = plan(&Directory::default(), &["p,甲,unconfirmed,,,,,,,"]);
    assert_eq!(errors(&new), [(2, "status", "BAD_STATUS")]);
    let kept = plan(&with_unknown("x"), &["u,甲,unconfirmed,,,,,x,2020-05-01,"]);
    assert_eq!(counts(&kept), [0, 1, 0, 0]);
}

#[test]
fn teams_are_known_or_named() {
    let mut before = after(Directory::default(), &TWO);
    let unknown = plan(&before, &["r,丙,regular,c,,2020-05-01,,,,"]);
    assert_eq!(errors(&unknown), [(2, "team_id", "UNKNOWN_TEAM")]);
    let renamed = plan(&before, &["r,丙,regular,a,C组,2020-05-01,,,,"]);
    assert_eq!(errors(&renamed), [(2, "team_name", "TEAM_NAME_DIFFERS")]);
    let taken = plan(&before, &["r,丙,regular,c,A组,2020-05-01,,,,"]);
    assert_eq!(errors(&taken), [(2, "team_name", "TEAM_NAME_TAKEN")]);
    let twice = plan(&before, &["r,丙,regular,c,新组,2020-05-01,,,,", "s,丁,regular,d,新组,2020-05-01,,,,"]);
    assert_eq!(errors(&twice), [(3, "team_name", "TEAM_NAME_TAKEN")]);
    if let Some(team) = before.teams.get_mut(&TeamId::new("a")) {
        team.archived = true;
    }
    let archived = plan(&before, &["r,丙,regular,a,,2020-05-01,,,,", TWO[0]]);
    assert_eq!((counts(&archived), errors(&archived)), ([0, 0, 1, 1], vec![(2, "team_id", "TEAM_ARCHIVED")]));
}

#[test]
fn whoever_is_not_named_stays() {
    let details = Details {
        name: "老".to_owned(),
        status: PersonStatus::Regular,
        position: String::new(),
        roles: vec![],
    };
    let mut old = Person::new("old".into(), details, now());
    old.memberships.push(Membership { team: "a".into(), lead: false, span: lasting(1) });
    let before = Directory { people: [("old".into(), old)].into(), ..Directory::default() };
    assert!(plan(&before, &["p,甲,regular,,,,,,,"]).people.iter().all(|person| person.id != "old".into()));
}
