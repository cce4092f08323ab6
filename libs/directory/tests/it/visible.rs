//! Who sees which accounts on which days.

use directory::{AccountSpan, Visible, person_of_account, visible};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use runtime::identity::{Reach, Scope};
use runtime::ids::{AccountId, MerchantId, PersonId};

use crate::support::{account, apply, day, member, person, start};

fn scope(merchant: &str, reach: Reach) -> Scope {
    Scope { merchant: MerchantId::new(merchant), reach }
}

fn own(person: &str) -> Reach {
    Reach::Own(PersonId::new(person))
}

fn team_of(person: &str) -> Reach {
    Reach::Team(PersonId::new(person))
}

fn spans(spans: &[(&str, u32, u32)]) -> Visible {
    let span = |(account, from, to): &(&str, u32, u32)| AccountSpan {
        account: AccountId::new(*account),
        from: day(*from),
        to: day(*to),
    };
    Visible::Spans(spans.iter().map(span).collect())
}

#[tokio::test]
async fn scopes_reach_as_far_as_accounts_and_teams_go_on_the_day() {
    let (_database, pool) = start().await;
    let mut conn = pool.get().await.expect("a connection");
    for event in [
        // Leads t from the 5th to the 20th.
        person(
            "demo",
            "lead",
            1,
            vec![account("l", 1, None)],
            vec![member("t", false, 1, Some(4)), member("t", true, 5, Some(20))],
        ),
        // In t until the 10th, then in u.
        person(
            "demo",
            "ann",
            1,
            vec![account("a1", 1, None), account("a2", 8, Some(9))],
            vec![member("t", false, 1, Some(10)), member("u", false, 11, None)],
        ),
        // Came to t on the 15th; had another's account before.
        person("demo", "bob", 1, vec![account("b", 3, None)], vec![member("t", false, 15, None)]),
        // The same ids with another merchant.
        person("other", "ann", 1, vec![account("z", 1, None)], vec![member("t", false, 1, None)]),
        person("other", "lead", 1, vec![], vec![member("t", true, 1, None)]),
    ] {
        apply(&mut conn, &event).await.expect("applies");
    }
    let cases = [
        (scope("demo", Reach::Merchant), (1, 31), Visible::All),
        (scope("demo", own("ann")), (1, 31), spans(&[("a1", 1, 31), ("a2", 8, 9)])),
        (scope("demo", own("ann")), (9, 9), spans(&[("a1", 9, 9), ("a2", 9, 9)])),
        (scope("demo", own("ann")), (10, 12), spans(&[("a1", 10, 12)])),
        (scope("demo", own("nobody")), (1, 31), spans(&[])),
        // A team's own days: both in it, and led.
        (
            scope("demo", team_of("lead")),
            (1, 31),
            spans(&[("a1", 5, 10), ("a2", 8, 9), ("b", 15, 20), ("l", 1, 31)]),
        ),
        (scope("demo", team_of("lead")), (10, 15), spans(&[("a1", 10, 10), ("b", 15, 15), ("l", 10, 15)])),
        (scope("demo", team_of("lead")), (21, 31), spans(&[("l", 21, 31)])),
        // Being in a team is not leading it.
        (scope("demo", team_of("ann")), (1, 31), spans(&[("a1", 1, 31), ("a2", 8, 9)])),
        (scope("other", team_of("lead")), (1, 31), spans(&[("z", 1, 31)])),
        (scope("other", own("ann")), (1, 31), spans(&[("z", 1, 31)])),
        (scope("third", team_of("lead")), (1, 31), spans(&[])),
    ];
    for (scope, (from, to), wanted) in cases {
        let seen = visible(&mut conn, &scope, day(from), day(to)).await.expect("reads");
        assert_eq!(seen, wanted, "{scope:?} {from} to {to}");
    }
}

#[tokio::test]
async fn an_account_that_moves_belongs_to_one_person_a_day() {
    let (_database, pool) = start().await;
    let mut conn = pool.get().await.expect("a connection");
    for event in [
        person("demo", "old", 1, vec![account("x", 1, None)], vec![]),
        person("demo", "new", 1, vec![account("x", 10, None)], vec![]),
    ] {
        apply(&mut conn, &event).await.expect("applies");
    }
    let (demo, x) = (MerchantId::new("demo"), AccountId::new("x"));
    // The old owner's event is still on its way: the later owner counts.
    let owner = person_of_account(&mut conn, &demo, &x, day(12)).await.expect("reads");
    assert_eq!(owner, Some(PersonId::new("new")));
    apply(&mut conn, &person("demo", "old", 2, vec![account("x", 1, Some(9))], vec![]))
        .await
        .expect("applies");
    for (on, wanted) in [(9, "old"), (10, "new")] {
        let owner = person_of_account(&mut conn, &demo, &x, day(on)).await.expect("reads");
        assert_eq!(owner, Some(PersonId::new(wanted)));
    }
    let none = person_of_account(&mut conn, &demo, &AccountId::new("y"), day(1)).await.expect("reads");
    assert_eq!(none, None);
}

/// A stay: which team or account (of three), lead, first day, length (none lasts).
type Stay = (u8, bool, u32, Option<u32>);

fn stays() -> impl Strategy<Value = Vec<Vec<Stay>>> {
    let stay = (0..3u8, any::<bool>(), 1..28u32, prop::option::of(0..8u32));
    prop::collection::vec(prop::collection::vec(stay, 0..4), 8)
}

/// Stays that begin on one day in one place would be one stay.
fn distinct(mut stays: Vec<Stay>) -> Vec<Stay> {
    stays.sort_unstable();
    stays.dedup_by_key(|stay| (stay.0, stay.2));
    let mut seen = std::collections::HashSet::new();
    stays.retain(|stay| seen.insert((stay.0, stay.2)));
    stays
}

fn on(stay: &Stay, day: u32) -> bool {
    stay.2 <= day && stay.3.is_none_or(|length| day <= stay.2 + length)
}

#[tokio::test]
async fn a_lead_sees_exactly_what_a_walk_over_the_days_finds() {
    let (_database, pool) = start().await;
    let mut conn = pool.get().await.expect("a connection");
    let mut runner = TestRunner::new(Config::default());
    for round in 0..25 {
        // Four people: memberships and accounts of each.
        let people: Vec<Vec<Stay>> =
            stays().new_tree(&mut runner).expect("a tree").current().into_iter().map(distinct).collect();
        let (memberships, accounts) = people.split_at(4);
        let merchant = format!("m{round}");
        for person_no in 0..4 {
            let end = |stay: &Stay| stay.3.map(|length| (stay.2 + length).min(31));
            let of_teams =
                memberships[person_no].iter().map(|s| member(&format!("t{}", s.0), s.1, s.2, end(s)));
            let of_accounts = accounts[person_no].iter().map(|s| account(&format!("a{}", s.0), s.2, end(s)));
            let event =
                person(&merchant, &format!("p{person_no}"), 1, of_accounts.collect(), of_teams.collect());
            apply(&mut conn, &event).await.expect("applies");
        }
        let seen =
            visible(&mut conn, &scope(&merchant, team_of("p0")), day(3), day(30)).await.expect("reads");
        for today in 1..=31u32 {
            for account_no in 0..3u8 {
                let leads = |team: u8| memberships[0].iter().any(|s| s.0 == team && s.1 && on(s, today));
                let wanted = (3..=30).contains(&today)
                    && (0..4).any(|person_no| {
                        let in_led = memberships[person_no].iter().any(|s| on(s, today) && leads(s.0));
                        let has = accounts[person_no].iter().any(|s| s.0 == account_no && on(s, today));
                        has && (person_no == 0 || in_led)
                    });
                let account = AccountId::new(format!("a{account_no}"));
                assert_eq!(seen.sees(&account, day(today)), wanted, "{account} on {today}: {people:?}");
            }
        }
    }
}
