//! How far a target and its parts are.

use std::collections::HashMap;

use chrono::NaiveDate;

use crate::domain::target::forecast::Forecast;
use crate::domain::target::goal::Goal;
use crate::domain::target::tree::{PersonPart, TeamPart};

/// How far one part is, or the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// `None` for the whole.
    pub team: Option<String>,
    /// `None` for the whole and for teams.
    pub person: Option<String>,
    /// Of the whole period, in the goal's units.
    pub wanted: i64,
    /// Through the day; of what doesn't add up the same.
    pub wanted_to_date: i64,
    /// Numerator and denominator.
    pub actual: (i64, i64),
    /// Actual against `wanted_to_date`.
    pub attainment_to_date: Option<f64>,
    /// Actual against `wanted`.
    pub attainment: Option<f64>,
    /// At the end of the period, in the goal's units.
    pub forecast: Option<i64>,
    /// Whether that reaches `wanted`.
    pub forecast_reaches: Option<bool>,
}

/// What was reached through the day.
#[derive(Debug, Clone, Default)]
pub struct Reached {
    /// Person by person.
    pub people: HashMap<String, (i64, i64)>,
    /// By everybody in the shop; `None` if the caller doesn't reach the merchant.
    pub whole: Option<(i64, i64)>,
}

/// The rows of parts, and what the shop reached without them.
///
/// A team reached what its people did, whichever team they were in on a day: so rows add up, and people, teams and
/// what is outside give the whole. `sees_team` says whether a team's row is to be shown.
pub fn rows(
    goal: &Goal,
    parts: &[TeamPart],
    reached: &Reached,
    through: NaiveDate,
    forecast: &Forecast,
    sees_team: impl Fn(&TeamPart) -> bool,
) -> (Vec<Row>, Option<(i64, i64)>) {
    let ruler = Ruler { goal, forecast };
    let mut rows = Vec::new();
    let mut inside = (0, 0);
    let mut whole_to_date = 0;
    for part in parts {
        let at = rows.len();
        let (mut team_actual, mut team_to_date) = ((0, 0), 0);
        for person in &part.people {
            let actual = reached.people.get(&person.person).copied().unwrap_or_default();
            let to_date = to_date(goal, person, through);
            team_actual = add(team_actual, actual);
            team_to_date += to_date;
            let row = ruler.row(person.value.units, to_date, actual);
            rows.push(Row { team: Some(part.team.clone()), person: Some(person.person.clone()), ..row });
        }
        inside = add(inside, team_actual);
        whole_to_date += team_to_date;
        if sees_team(part) {
            let to_date = if goal.adds_up() { team_to_date } else { part.value.units };
            let row = ruler.row(part.value.units, to_date, team_actual);
            rows.insert(at, Row { team: Some(part.team.clone()), ..row });
        }
    }
    let Some(whole) = reached.whole else { return (rows, None) };
    let to_date = match (goal.adds_up(), parts.is_empty()) {
        (false, _) => goal.units(),
        (true, false) => whole_to_date,
        (true, true) => forecast.share_to_date(goal.units()),
    };
    rows.insert(0, ruler.row(goal.units(), to_date, whole));
    (rows, Some((whole.0 - inside.0, whole.1 - inside.1)))
}

struct Ruler<'a> {
    goal: &'a Goal,
    forecast: &'a Forecast,
}

impl Ruler<'_> {
    fn row(&self, wanted: i64, wanted_to_date: i64, actual: (i64, i64)) -> Row {
        let level = self.goal.level(actual);
        let forecast = if self.goal.adds_up() {
            self.forecast.of(actual.0)
        } else {
            level.map(|level| level.round() as i64)
        };
        Row {
            team: None,
            person: None,
            wanted,
            wanted_to_date,
            actual,
            attainment_to_date: level.and_then(|level| self.goal.attainment(level, wanted_to_date)),
            attainment: level.and_then(|level| self.goal.attainment(level, wanted)),
            forecast,
            forecast_reaches: forecast.map(|units| self.goal.reaches(units as f64, wanted)),
        }
    }
}

fn to_date(goal: &Goal, part: &PersonPart, through: NaiveDate) -> i64 {
    if goal.adds_up() {
        part.days.iter().filter(|(day, _)| *day <= through).map(|(_, value)| value.units).sum()
    } else {
        part.value.units
    }
}

fn add(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    (one.0 + other.0, one.1 + other.1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::explanation::Measure;
    use crate::domain::figure::DayRange;
    use crate::domain::target::goal::{Direction, IndicatorGoal};
    use crate::domain::target::tree::{TeamNode, Tree};

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 6, n).expect("a day of June")
    }

    fn tree() -> Tree {
        let team = |id: &str, people: &[&str]| TeamNode {
            team: id.to_owned(),
            weight: people.len() as i64,
            people: people.iter().map(|id| ((*id).to_owned(), 1)).collect(),
        };
        Tree {
            teams: vec![team("t1", &["a", "b"]), team("t2", &["c"])],
            days: (1..=10).map(|n| (day(n), 1)).collect(),
        }
    }

    fn progress(
        goal: &Goal,
        whole: Option<(i64, i64)>,
        parts: &[TeamPart],
    ) -> (Vec<Row>, Option<(i64, i64)>) {
        let people = HashMap::from([("a".to_owned(), (60, 80)), ("c".to_owned(), (20, 20))]);
        let forecast = Forecast::new(DayRange { from: day(1), to: day(10) }, day(5), &BTreeMap::new());
        rows(goal, parts, &Reached { people, whole }, day(5), &forecast, |team| team.team == "t1")
    }

    fn summary(rows: &[Row]) -> Vec<(&str, &str, i64, i64)> {
        let name = |id: &Option<String>| id.as_deref().unwrap_or("-").to_owned().leak() as &str;
        rows.iter()
            .map(|row| (name(&row.team), name(&row.person), row.wanted_to_date, row.actual.0))
            .collect()
    }

    #[test]
    fn people_and_teams_and_what_is_outside_give_the_whole() {
        let goal = Goal::Indicator(IndicatorGoal {
            measure: Measure::Conversations.into(),
            direction: Direction::AtLeast,
            value: 300,
        });
        let parts = tree().parts(&goal, &[]).expect("splits");
        let (rows, outside) = progress(&goal, Some((100, 0)), &parts);
        let expected = [
            ("-", "-", 150, 100),
            ("t1", "-", 100, 60),
            ("t1", "a", 50, 60),
            ("t1", "b", 50, 0),
            ("t2", "c", 50, 20),
        ];
        assert_eq!(summary(&rows), expected);
        assert_eq!(outside, Some((20, -100)));
        assert_eq!((rows[2].forecast, rows[2].forecast_reaches), (Some(120), Some(true)));
        assert_eq!((rows[2].attainment_to_date, rows[2].attainment), (Some(1.2), Some(0.6)));
        assert_eq!((rows[0].forecast, rows[0].forecast_reaches), (Some(200), Some(false)));
    }

    #[test]
    fn what_is_not_split_is_due_day_by_day() {
        let goal = Goal::Indicator(IndicatorGoal {
            measure: Measure::Conversations.into(),
            direction: Direction::AtLeast,
            value: 301,
        });
        let (rows, outside) = progress(&goal, Some((100, 0)), &[]);
        assert_eq!((summary(&rows), outside), (vec![("-", "-", 151, 100)], Some((100, 0))));
    }

    #[test]
    fn rates_stay_as_they_are() {
        let goal =
            IndicatorGoal::of("goal", Measure::Satisfaction.into(), Direction::AtLeast, 0.8).expect("a goal");
        let goal = Goal::Indicator(goal);
        let parts = tree().parts(&goal, &[]).expect("splits");
        let (rows, outside) = progress(&goal, None, &parts);
        assert_eq!(outside, None);
        let team = &rows[0];
        assert_eq!((team.wanted, team.wanted_to_date, team.actual), (800_000, 800_000, (60, 80)));
        assert_eq!((team.forecast, team.forecast_reaches), (Some(750_000), Some(false)));
        let nothing = &rows[2];
        assert_eq!(
            (nothing.person.as_deref(), nothing.attainment, nothing.forecast),
            (Some("b"), None, None)
        );
    }
}
