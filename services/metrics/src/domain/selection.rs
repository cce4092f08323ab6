//! Whose days are added up under which key: what a caller may see, cut by who had an account and in which team they
//! were on each day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::domain::figure::{DayRange, Filter, Group};

/// A run of days of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The account.
    pub account: String,
    /// First and last day.
    pub days: (NaiveDate, NaiveDate),
}

/// A person who had an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The account and when.
    pub span: Span,
    /// The person.
    pub person: String,
}

/// A person's stay in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The person.
    pub person: String,
    /// The team.
    pub team: String,
    /// Whether they lead it.
    pub lead: bool,
    /// First and last day.
    pub days: (NaiveDate, NaiveDate),
}

/// What the directory says about a range of days.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Who had which account.
    pub ownerships: Vec<Ownership>,
    /// Who was in which team.
    pub memberships: Vec<Membership>,
}

/// Which rows count, and under which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Runs of days with the person or team they count for; no day of an account is in two of them.
    pub spans: Vec<(Span, String)>,
    /// Whether days outside the spans count too, under an empty key.
    pub others: bool,
    /// Whether the caller sees all of the merchant, whatever the filter leaves of it.
    pub sees_all: bool,
}

impl Selection {
    /// Everything of the merchant.
    pub fn all() -> Self {
        Self { spans: Vec::new(), others: true, sees_all: true }
    }

    /// Whether a day of an account is in it.
    pub fn holds(&self, account: &str, day: NaiveDate) -> bool {
        let within = |span: &Span| span.account == account && (span.days.0..=span.days.1).contains(&day);
        self.others || self.spans.iter().any(|(span, _)| within(span))
    }
}

/// Whether people and teams have to be looked up at all.
pub fn needs_people(group: Group, filter: &Filter) -> bool {
    matches!(group, Group::Person | Group::Team) || !filter.persons.is_empty() || !filter.teams.is_empty()
}

/// The selection for a group and filter. `visible` is `None` for a caller who sees all of the merchant; `people` is
/// looked at only if [`needs_people`].
pub fn select(
    visible: Option<&[Span]>,
    people: &People,
    group: Group,
    filter: &Filter,
    range: DayRange,
) -> Selection {
    if !needs_people(group, filter) {
        let spans = visible.unwrap_or_default().iter().map(|span| (span.clone(), String::new()));
        let sees_all = visible.is_none();
        return Selection { spans: spans.collect(), others: sees_all, sees_all };
    }
    let by_people = !filter.persons.is_empty() || !filter.teams.is_empty();
    let wanted = |segment: &Segment| {
        (filter.persons.is_empty() || filter.persons.iter().any(|p| Some(p.as_str()) == segment.person))
            && (filter.teams.is_empty() || filter.teams.iter().any(|t| Some(t.as_str()) == segment.team))
    };
    let mut owners: BTreeMap<&str, Vec<&Ownership>> = BTreeMap::new();
    people.ownerships.iter().for_each(|o| owners.entry(&o.span.account).or_default().push(o));
    let mut stays: BTreeMap<&str, Vec<&Membership>> = BTreeMap::new();
    people.memberships.iter().for_each(|m| stays.entry(&m.person).or_default().push(m));
    let mut spans = Vec::new();
    for (account, seen) in by_account(visible, people, range) {
        let owners = owners.get(account).map(Vec::as_slice).unwrap_or_default();
        let persons: BTreeSet<&str> = owners.iter().map(|o| o.person.as_str()).collect();
        let stays: Vec<&Membership> =
            persons.into_iter().filter_map(|person| stays.get(person)).flatten().copied().collect();
        for segment in segments(&seen, owners, &stays, range) {
            if by_people && !wanted(&segment) {
                continue;
            }
            let key = match group {
                Group::Person => segment.person,
                Group::Team => segment.team,
                Group::Account
                | Group::Shop
                | Group::Merchant
                | Group::Product
                | Group::Category
                | Group::Hour => None,
            };
            let span = Span { account: account.to_owned(), days: segment.days };
            spans.push((span, key.unwrap_or_default().to_owned()));
        }
    }
    Selection { spans, others: visible.is_none() && !by_people, sees_all: visible.is_none() }
}

/// The accounts that anything is known of, each with the runs of days that are visible.
fn by_account<'a>(
    visible: Option<&'a [Span]>,
    people: &'a People,
    range: DayRange,
) -> BTreeMap<&'a str, Vec<(NaiveDate, NaiveDate)>> {
    let mut accounts: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    match visible {
        Some(spans) => spans.iter().for_each(|s| accounts.entry(&s.account).or_default().push(s.days)),
        None => people.ownerships.iter().for_each(|o| {
            accounts.entry(&o.span.account).or_insert_with(|| vec![(range.from, range.to)]);
        }),
    }
    accounts
}

struct Segment<'a> {
    days: (NaiveDate, NaiveDate),
    person: Option<&'a str>,
    team: Option<&'a str>,
}

/// Cuts the visible days of an account wherever its owner or the owner's team changes.
fn segments<'a>(
    seen: &[(NaiveDate, NaiveDate)],
    owners: &[&'a Ownership],
    stays: &[&'a Membership],
    range: DayRange,
) -> Vec<Segment<'a>> {
    let mut segments = Vec::new();
    for (from, to) in seen.iter().map(|(from, to)| ((*from).max(range.from), (*to).min(range.to))) {
        let borders = owners.iter().map(|o| o.span.days).chain(stays.iter().map(|m| m.days));
        let mut starts: BTreeSet<NaiveDate> = BTreeSet::from([from]);
        starts.extend(borders.flat_map(|(first, last)| [Some(first), last.succ_opt()]).flatten());
        let starts: Vec<NaiveDate> = starts.into_iter().filter(|start| (from..=to).contains(start)).collect();
        for (at, start) in starts.iter().enumerate() {
            let end = starts.get(at + 1).and_then(NaiveDate::pred_opt).unwrap_or(to);
            let person = owner_on(owners, *start);
            let team = person.and_then(|person| team_on(stays, person, *start));
            segments.push(Segment { days: (*start, end), person, team });
        }
    }
    segments
}

/// Two owners of a day exist only while an account moves: the later one is who gets it.
fn owner_on<'a>(owners: &[&'a Ownership], day: NaiveDate) -> Option<&'a str> {
    let on_day = owners.iter().filter(|o| holds(o.span.days, day));
    on_day.max_by_key(|o| (o.span.days.0, &o.person)).map(|o| o.person.as_str())
}

/// A person in several teams counts in one, or teams would not add up to the whole: where they don't lead, then the
/// lowest id.
fn team_on<'a>(stays: &[&'a Membership], person: &str, day: NaiveDate) -> Option<&'a str> {
    let on_day = stays.iter().filter(|m| m.person == person && holds(m.days, day));
    on_day.min_by_key(|m| (m.lead, &m.team)).map(|m| m.team.as_str())
}

fn holds(days: (NaiveDate, NaiveDate), day: NaiveDate) -> bool {
    (days.0..=days.1).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 5, n).expect("a day of May")
    }

    fn span(account: &str, from: u32, to: u32) -> Span {
        Span { account: account.to_owned(), days: (day(from), day(to)) }
    }

    fn owns(person: &str, account: &str, from: u32, to: u32) -> Ownership {
        Ownership { span: span(account, from, to), person: person.to_owned() }
    }

    fn stay(person: &str, team: &str, lead: bool, from: u32, to: u32) -> Membership {
        Membership { person: person.to_owned(), team: team.to_owned(), lead, days: (day(from), day(to)) }
    }

    fn people() -> People {
        People {
            ownerships: vec![owns("p1", "a", 1, 31), owns("p2", "b", 1, 10), owns("p1", "b", 11, 31)],
            memberships: vec![
                stay("p1", "t1", false, 1, 15),
                stay("p1", "t2", false, 16, 31),
                stay("p1", "t0", true, 1, 31),
            ],
        }
    }

    const MAY: fn() -> DayRange = || DayRange { from: day(5), to: day(20) };

    fn check(
        visible: Option<&[Span]>,
        group: Group,
        filter: &Filter,
        expected: &[(&str, u32, u32, &str)],
        others: bool,
    ) {
        let selection = select(visible, &people(), group, filter, MAY());
        let expected: Vec<_> = expected
            .iter()
            .map(|(account, from, to, key)| (span(account, *from, *to), (*key).to_owned()))
            .collect();
        assert_eq!(selection, Selection { spans: expected, others, sees_all: visible.is_none() });
    }

    #[test]
    fn whoever_sees_all_needs_no_spans_for_accounts_and_shops() {
        check(None, Group::Account, &Filter::default(), &[], true);
        check(Some(&[span("a", 5, 9)]), Group::Shop, &Filter::default(), &[("a", 5, 9, "")], false);
    }

    #[test]
    fn an_account_counts_for_whom_it_belonged_to_on_the_day() {
        let expected = [
            ("a", 5, 15, "p1"),
            ("a", 16, 20, "p1"),
            ("b", 5, 10, "p2"),
            ("b", 11, 15, "p1"),
            ("b", 16, 20, "p1"),
        ];
        check(None, Group::Person, &Filter::default(), &expected, true);
    }

    #[test]
    fn a_team_is_that_of_the_day_and_leading_another_does_not_count_twice() {
        let expected = [
            ("a", 5, 15, "t1"),
            ("a", 16, 20, "t2"),
            ("b", 5, 10, ""),
            ("b", 11, 15, "t1"),
            ("b", 16, 20, "t2"),
        ];
        check(None, Group::Team, &Filter::default(), &expected, true);
    }

    #[test]
    fn filters_keep_only_their_people_and_days() {
        let team = Filter { teams: vec!["t2".to_owned()], ..Filter::default() };
        check(None, Group::Team, &team, &[("a", 16, 20, "t2"), ("b", 16, 20, "t2")], false);
        let person = Filter { persons: vec!["p2".to_owned()], ..Filter::default() };
        check(None, Group::Account, &person, &[("b", 5, 10, "")], false);
    }

    #[test]
    fn what_is_not_visible_is_never_selected() {
        let visible = [span("b", 8, 12)];
        check(
            Some(&visible),
            Group::Person,
            &Filter::default(),
            &[("b", 8, 10, "p2"), ("b", 11, 12, "p1")],
            false,
        );
        let other = Filter { persons: vec!["p3".to_owned()], ..Filter::default() };
        check(Some(&visible), Group::Person, &other, &[], false);
    }
}
