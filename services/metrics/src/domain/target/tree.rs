//! A goal split over teams, their people and their days.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::split::{Share, SplitError, split};
use crate::domain::target::goal::Goal;

/// Who takes part, with weights.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tree {
    /// By id.
    pub teams: Vec<TeamNode>,
    /// In order.
    pub days: Vec<(NaiveDate, i64)>,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamNode {
    /// Which.
    pub team: String,
    /// Among the teams.
    pub weight: i64,
    /// Its people with their weights, by id.
    pub people: Vec<(String, i64)>,
}

/// A part, by where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A team's.
    Team(String),
    /// A person's.
    Person(String),
    /// A person's on a day.
    Day(String, NaiveDate),
}

/// A part that somebody set by hand, in the goal's units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Which part.
    pub place: Place,
    /// What it is.
    pub value: i64,
}

/// A part of a goal, in its units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// How much.
    pub units: i64,
    /// Whether it was set by hand.
    pub overridden: bool,
}

/// A team's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamPart {
    /// Which.
    pub team: String,
    /// Its part.
    pub value: Value,
    /// Its people's.
    pub people: Vec<PersonPart>,
}

/// A person's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonPart {
    /// Who.
    pub person: String,
    /// Their part.
    pub value: Value,
    /// Its days; none if parts don't add up.
    pub days: Vec<(NaiveDate, Value)>,
}

/// Where no split is possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible {
    /// The whole that can't be split, in words.
    pub at: String,
    /// Why not.
    pub why: SplitError,
}

impl Tree {
    /// The people who take part.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        self.teams.iter().flat_map(|team| &team.people).map(|(person, _)| person.as_str())
    }

    /// Whether there is such a part of a goal that is split, or of one that isn't (and so has no days).
    pub fn holds(&self, place: &Place, goal: &Goal) -> bool {
        match place {
            Place::Team(team) => self.teams.iter().any(|node| node.team == *team),
            Place::Person(person) => self.people().any(|id| id == person),
            Place::Day(person, day) => {
                goal.adds_up()
                    && self.people().any(|id| id == person)
                    && self.days.iter().any(|(held, _)| held == day)
            }
        }
    }

    /// The parts. Those of a goal that adds up give the whole at every level.
    pub fn parts(&self, goal: &Goal, overrides: &[Override]) -> Result<Vec<TeamPart>, Impossible> {
        let level = Level { adds_up: goal.adds_up(), overrides };
        let shares = self.teams.iter().map(|node| (Place::Team(node.team.clone()), node.weight));
        let values = level.split(goal.units(), shares, || "the teams".to_owned())?;
        let team = |(node, value): (&TeamNode, Value)| {
            let shares = node.people.iter().map(|(id, weight)| (Place::Person(id.clone()), *weight));
            let values = level.split(value.units, shares, || format!("the people of team {}", node.team))?;
            let people = node.people.iter().zip(values);
            let people = people.map(|((person, _), value)| self.person(&level, person, value));
            Ok(TeamPart { team: node.team.clone(), value, people: people.collect::<Result<_, _>>()? })
        };
        self.teams.iter().zip(values).map(team).collect()
    }

    fn person(&self, level: &Level, person: &str, value: Value) -> Result<PersonPart, Impossible> {
        let days = if level.adds_up {
            let shares = self.days.iter().map(|(day, weight)| (Place::Day(person.to_owned(), *day), *weight));
            let values = level.split(value.units, shares, || format!("the days of {person}"))?;
            self.days.iter().map(|(day, _)| *day).zip(values).collect()
        } else {
            Vec::new()
        };
        Ok(PersonPart { person: person.to_owned(), value, days })
    }
}

struct Level<'a> {
    adds_up: bool,
    overrides: &'a [Override],
}

impl Level<'_> {
    fn split(
        &self,
        whole: i64,
        places: impl Iterator<Item = (Place, i64)>,
        at: impl FnOnce() -> String,
    ) -> Result<Vec<Value>, Impossible> {
        let fixed = |place: &Place| self.overrides.iter().find(|o| o.place == *place).map(|o| o.value);
        let share = |(key, weight): (Place, i64)| Share { fixed: fixed(&key), key, weight };
        let shares: Vec<_> = places.map(share).collect();
        let parts = if self.adds_up {
            split(whole, &shares).map_err(|why| Impossible { at: at(), why })?
        } else {
            shares.iter().map(|share| share.fixed.unwrap_or(whole)).collect()
        };
        let value = |(share, units): (&Share<Place>, i64)| Value { units, overridden: share.fixed.is_some() };
        Ok(shares.iter().zip(parts).map(value).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::explanation::Measure;
    use crate::domain::target::goal::{Direction, IndicatorGoal};

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 6, n).expect("a day of June")
    }

    fn count(value: i64) -> Goal {
        let (measure, direction) = (Measure::Conversations.into(), Direction::AtLeast);
        Goal::Indicator(IndicatorGoal { measure, direction, value })
    }

    fn team(id: &str, weight: i64, people: &[(&str, i64)]) -> TeamNode {
        let people = people.iter().map(|(id, weight)| ((*id).to_owned(), *weight)).collect();
        TeamNode { team: id.to_owned(), weight, people }
    }

    fn tree() -> Tree {
        Tree {
            teams: vec![team("t1", 2, &[("a", 1), ("b", 1)]), team("t2", 1, &[("c", 1)])],
            days: vec![(day(1), 1), (day(2), 1), (day(3), 0)],
        }
    }

    fn units(parts: &[TeamPart]) -> Vec<(i64, Vec<i64>)> {
        parts.iter().map(|t| (t.value.units, t.people.iter().map(|p| p.value.units).collect())).collect()
    }

    fn set(place: Place, value: i64) -> Override {
        Override { place, value }
    }

    #[test]
    fn parts_add_up_at_every_level() {
        let parts = tree().parts(&count(100), &[]).expect("splits");
        assert_eq!(units(&parts), [(67, vec![34, 33]), (33, vec![33])]);
        let days: Vec<_> = parts[0].people[1].days.iter().map(|(_, value)| value.units).collect();
        assert_eq!(days, [17, 16, 0]);
    }

    #[test]
    fn what_is_set_by_hand_stays_and_the_rest_is_shared() {
        let person = |id: &str| id.to_owned();
        let by_hand = [
            set(Place::Team(person("t2")), 10),
            set(Place::Person(person("a")), 80),
            set(Place::Day(person("a"), day(3)), 60),
        ];
        let parts = tree().parts(&count(100), &by_hand).expect("splits");
        assert_eq!(units(&parts), [(90, vec![80, 10]), (10, vec![10])]);
        let days: Vec<_> =
            parts[0].people[0].days.iter().map(|(_, value)| (value.units, value.overridden)).collect();
        assert_eq!(days, [(10, false), (10, false), (60, true)]);
        let too_much = tree().parts(&count(50), &by_hand).expect_err("80 of 40");
        assert_eq!(too_much.at, "the people of team t1");
    }

    #[test]
    fn rates_are_everybodys_own() {
        let goal =
            IndicatorGoal::of("goal", Measure::Satisfaction.into(), Direction::AtLeast, 0.9).expect("a goal");
        let goal = Goal::Indicator(goal);
        let parts = tree().parts(&goal, &[set(Place::Team("t1".to_owned()), 950_000)]).expect("splits");
        assert_eq!(units(&parts), [(950_000, vec![950_000, 950_000]), (900_000, vec![900_000])]);
        assert!(parts[0].people[0].days.is_empty());
        assert!(!tree().holds(&Place::Day("a".to_owned(), day(1)), &goal));
    }

    #[test]
    fn a_team_without_weights_is_named() {
        let mut tree = tree();
        tree.teams[1].people[0].1 = 0;
        let refused = tree.parts(&count(100), &[]).expect_err("nobody in t2 weighs");
        assert_eq!((refused.at.as_str(), refused.why), ("the people of team t2", SplitError::NothingWeighs));
    }

    fn any_tree() -> impl Strategy<Value = Tree> {
        let people = prop::collection::vec(1..20i64, 1..5);
        let teams = prop::collection::vec((1..20i64, people), 1..5);
        (teams, prop::collection::vec(0..9i64, 1..10)).prop_map(|(teams, mut days)| {
            days[0] += 1;
            let node = |(at, (weight, people)): (usize, (i64, Vec<i64>))| TeamNode {
                team: format!("t{at}"),
                weight,
                people: (0..).zip(people).map(|(n, weight)| (format!("p{at}-{n}"), weight)).collect(),
            };
            Tree {
                teams: teams.into_iter().enumerate().map(node).collect(),
                days: (1..).map(day).zip(days).collect(),
            }
        })
    }

    proptest! {
        #[test]
        fn every_level_is_the_whole_to_the_unit(tree in any_tree(), whole in 0..100_000i64) {
            let parts = tree.parts(&count(whole), &[]).expect("everybody weighs");
            prop_assert_eq!(parts.iter().map(|team| team.value.units).sum::<i64>(), whole);
            for team in &parts {
                let people: i64 = team.people.iter().map(|person| person.value.units).sum();
                prop_assert_eq!(people, team.value.units);
                for person in &team.people {
                    let days: i64 = person.days.iter().map(|(_, value)| value.units).sum();
                    prop_assert_eq!(days, person.value.units);
                }
            }
        }

        #[test]
        fn an_override_changes_its_own_level_and_below_only(tree in any_tree(), whole in 0..100_000i64) {
            let before = tree.parts(&count(whole), &[]).expect("everybody weighs");
            let Some(first) = before.iter().find(|team| team.people.len() > 1) else { return Ok(()) };
            let person = &first.people[0];
            let half = set(Place::Person(person.person.clone()), person.value.units / 2);
            let after = tree.parts(&count(whole), &[half]).expect("the others take the rest");
            for (was, is) in before.iter().zip(&after) {
                prop_assert_eq!(was.value, is.value);
                if was.team == first.team {
                    prop_assert_eq!(is.people[0].value.units, person.value.units / 2);
                    let people: i64 = is.people.iter().map(|person| person.value.units).sum();
                    prop_assert_eq!(people, is.value.units);
                } else {
                    prop_assert_eq!(was, is);
                }
            }
        }
    }
}
