//! Who reviews what: balanced, within capacity, never one's own chats.

use std::collections::BTreeMap;

use calendar::WorkingCalendar;
use chrono::{Datelike, NaiveDate};
use runtime::ids::PersonId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A review without a reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReview {
    /// Which.
    pub id: Uuid,
    /// Whose chat it is; nobody's own chats come to them.
    pub person: Option<PersonId>,
}

/// When somebody reviews, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// Who.
    pub person: PersonId,
    /// Reviews per working day of the merchant.
    pub capacity: i32,
    /// Reviews by day of the week, Monday first; replaces `capacity` and the merchant's working days.
    pub week: Option<[i32; 7]>,
    /// Days without work, both ends included.
    pub absences: Vec<(NaiveDate, NaiveDate)>,
}

impl Availability {
    /// The first day from `from` on that they work, with what they can do then. `None` if there is none for months.
    pub fn due(&self, from: NaiveDate, working: &WorkingCalendar) -> Option<(NaiveDate, i32)> {
        let days = from.iter_days().take(DAYS_AHEAD);
        days.map(|day| (day, self.on(day, working))).find(|(_, capacity)| *capacity > 0)
    }

    fn on(&self, day: NaiveDate, working: &WorkingCalendar) -> i32 {
        if self.absences.iter().any(|(from, to)| (*from..=*to).contains(&day)) {
            return 0;
        }
        match self.week {
            Some(week) => week[day.weekday().num_days_from_monday() as usize],
            None if working.is_working_day(day) => self.capacity,
            None => 0,
        }
    }
}

/// Somebody who reviews, on one due day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    /// Who.
    pub person: PersonId,
    /// When what is given to them is due.
    pub due_day: NaiveDate,
    /// How much they can do that day.
    pub capacity: usize,
    /// How much of it is taken already.
    pub load: usize,
}

/// Somebody who reviews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewer {
    /// Who.
    pub person: PersonId,
    /// What people read.
    pub name: String,
    /// Reviews per due day.
    pub capacity: i32,
    /// Whether somebody set the capacity.
    pub capacity_set: bool,
    /// Reviews assigned and not submitted.
    pub open: i32,
}

/// What came of handing out reviews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOut {
    /// Reviews that found a reviewer now.
    pub assigned: i32,
    /// Reviews still without one.
    pub unassigned: i32,
    /// By when all of the assigned ones are due.
    pub due_day: Option<NaiveDate>,
}

/// What came of handing over a reviewer's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    /// Reviews that others have now.
    pub reviews: i32,
    /// Reviews that nobody had room for.
    pub unassigned: i32,
    /// Open appeals that others have now.
    pub appeals: i32,
}

/// Days without work of a reviewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// A UUIDv7.
    pub id: Uuid,
    /// Who.
    pub person: PersonId,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

/// How far ahead a day is looked for on which somebody works.
const DAYS_AHEAD: usize = 120;

/// Gives reviews to reviewers: as many as capacities allow, each to whoever has the least so far. Answers in the
/// order of the input; what is missing stays unassigned. The same input gives the same answer.
pub fn assign(reviews: &[OpenReview], desks: &[Desk]) -> Vec<(Uuid, PersonId)> {
    let mut desks = desks.to_vec();
    desks.sort_by(|left, right| left.person.cmp(&right.person));
    let owners: BTreeMap<&PersonId, usize> =
        desks.iter().enumerate().map(|(at, desk)| (&desk.person, at)).collect();
    let own: Vec<Option<usize>> = reviews
        .iter()
        .map(|review| review.person.as_ref().and_then(|person| owners.get(person).copied()))
        .collect();
    let mut load: Vec<usize> = desks.iter().map(|desk| desk.load).collect();
    let mut given: Vec<Option<usize>> = vec![None; reviews.len()];

    // Those that somebody must not get come first: they have less choice.
    let mut order: Vec<usize> = (0..reviews.len()).collect();
    order.sort_by_key(|at| own[*at].is_none());
    for review in order {
        let free =
            (0..desks.len()).filter(|desk| Some(*desk) != own[review] && load[*desk] < desks[*desk].capacity);
        let Some(desk) = free.min_by_key(|desk| load[*desk]) else {
            make_room(review, &own, &desks, &mut load, &mut given);
            continue;
        };
        given[review] = Some(desk);
        load[desk] += 1;
    }
    let pairs = reviews.iter().zip(given);
    pairs.filter_map(|(review, desk)| Some((review.id, desks[desk?].person.clone()))).collect()
}

/// The only desk with room may be the one that must not have this review. Then it takes another one over from a
/// desk that may. One such step is enough: a review is forbidden to one desk at most.
fn make_room(
    review: usize,
    own: &[Option<usize>],
    desks: &[Desk],
    load: &mut [usize],
    given: &mut [Option<usize>],
) {
    let Some(roomy) = own[review] else { return };
    if load[roomy] >= desks[roomy].capacity {
        return;
    }
    let movable =
        (0..given.len()).find(|at| given[*at].is_some_and(|desk| desk != roomy) && own[*at] != Some(roomy));
    let Some(movable) = movable else { return };
    given[review] = given[movable];
    given[movable] = Some(roomy);
    load[roomy] += 1;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn desk(name: &str, capacity: usize) -> Desk {
        Desk { person: PersonId::new(name), due_day: NaiveDate::default(), capacity, load: 0 }
    }

    fn reviews(owners: &[Option<&str>]) -> Vec<OpenReview> {
        let of = |(at, owner): (usize, &Option<&str>)| OpenReview {
            id: Uuid::from_u128(at as u128),
            person: owner.map(PersonId::new),
        };
        owners.iter().enumerate().map(of).collect()
    }

    fn loads(given: &[(Uuid, PersonId)]) -> BTreeMap<&str, usize> {
        let mut loads = BTreeMap::new();
        for (_, person) in given {
            *loads.entry(person.as_str()).or_default() += 1;
        }
        loads
    }

    /// The most that can be assigned, by trying everything.
    fn most(reviews: &[OpenReview], desks: &mut [Desk]) -> usize {
        let Some((first, rest)) = reviews.split_first() else { return 0 };
        let mut best = most(rest, desks);
        for at in 0..desks.len() {
            if desks[at].capacity > 0 && first.person.as_ref() != Some(&desks[at].person) {
                desks[at].capacity -= 1;
                best = best.max(1 + most(rest, desks));
                desks[at].capacity += 1;
            }
        }
        best
    }

    #[test]
    fn work_is_due_on_the_next_day_that_somebody_works() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let working = WorkingCalendar::default();
        let due = |week, absences: &[(&str, &str)], from| {
            let absences = absences.iter().map(|(from, to)| (day(from), day(to))).collect();
            Availability { person: PersonId::new("rita"), capacity: 9, week, absences }
                .due(day(from), &working)
        };
        // 22 May 2020 is a Friday.
        assert_eq!(due(None, &[], "2020-05-22"), Some((day("2020-05-22"), 9)));
        assert_eq!(due(None, &[], "2020-05-23"), Some((day("2020-05-25"), 9)));
        assert_eq!(due(None, &[("2020-05-20", "2020-05-26")], "2020-05-22"), Some((day("2020-05-27"), 9)));
        let weekends = Some([0, 0, 0, 0, 0, 4, 2]);
        assert_eq!(due(weekends, &[], "2020-05-22"), Some((day("2020-05-23"), 4)));
        assert_eq!(
            due(weekends, &[("2020-05-23", "2020-05-23")], "2020-05-22"),
            Some((day("2020-05-24"), 2))
        );
        assert_eq!(due(Some([0; 7]), &[], "2020-05-22"), None);
        assert_eq!(due(None, &[("2020-01-01", "9999-12-31")], "2020-05-22"), None);
    }

    #[test]
    fn work_is_shared_evenly_and_what_exceeds_capacity_stays() {
        let given = assign(&reviews(&[None; 10]), &[desk("a", 9), desk("b", 9), desk("c", 2)]);
        assert_eq!(loads(&given), BTreeMap::from([("a", 4), ("b", 4), ("c", 2)]));
        assert_eq!(assign(&reviews(&[None; 10]), &[desk("a", 3), desk("b", 2)]).len(), 5);
        assert!(assign(&reviews(&[None; 10]), &[]).is_empty());
    }

    #[test]
    fn earlier_work_counts() {
        let busy = Desk { load: 4, ..desk("a", 9) };
        let given = assign(&reviews(&[None; 4]), &[busy, desk("b", 9)]);
        assert_eq!(loads(&given), BTreeMap::from([("b", 4)]));
    }

    #[test]
    fn room_is_made_for_a_review_that_its_owner_must_not_have() {
        let given =
            assign(&reviews(&[Some("a"), Some("b"), Some("a")]), &[desk("a", 1), desk("b", 1), desk("c", 1)]);
        assert_eq!(given.len(), 3);
    }

    proptest! {
        #[test]
        fn nobody_gets_their_own_and_no_more_could_be_assigned(
            owners in prop::collection::vec(prop::option::of(prop::sample::select(vec!["a", "b", "c"])), 0..7),
            capacities in prop::array::uniform3(0_usize..4),
        ) {
            let reviews = reviews(&owners);
            let mut desks: Vec<Desk> =
                ["a", "b", "c"].iter().zip(capacities).map(|(name, capacity)| desk(name, capacity)).collect();
            let given = assign(&reviews, &desks);
            for (id, person) in &given {
                let review = reviews.iter().find(|review| review.id == *id).unwrap();
                prop_assert_ne!(review.person.as_ref(), Some(person));
            }
            for (person, load) in loads(&given) {
                let desk = desks.iter().find(|desk| desk.person.as_str() == person).unwrap();
                prop_assert!(load <= desk.capacity);
            }
            prop_assert_eq!(given.len(), most(&reviews, &mut desks));
        }
    }
}
