//! Who is told of an incident when, until it is contained.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::alert::rule::AlertStep;

/// That a role was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Number of the role.
    pub role: i32,
    /// When it should have been.
    pub due_at: DateTime<Utc>,
    /// When it was.
    pub at: DateTime<Utc>,
    /// Which escalation it belongs to, by when that began.
    pub since: DateTime<Utc>,
}

/// How far an incident has climbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// When the incident began, or was opened again.
    pub since: DateTime<Utc>,
    /// Who was told, of escalations before too.
    pub told: Vec<Told>,
}

impl Escalation {
    /// Begun then.
    pub fn begin(since: DateTime<Utc>) -> Self {
        Self { since, told: Vec::new() }
    }

    /// Begun anew; who was told before stays known, and is told again.
    pub fn restart(&mut self, since: DateTime<Utc>) {
        self.since = since;
    }

    /// Tells everyone of the path whose time has come, and gives them.
    pub fn tell(&mut self, path: &[AlertStep], now: DateTime<Utc>) -> Vec<i32> {
        let mut due: Vec<(DateTime<Utc>, i32)> = self.waiting(path).filter(|(due, _)| *due <= now).collect();
        // Of those due at the same time, the order of the path.
        due.sort_by_key(|(due, _)| *due);
        let since = self.since;
        self.told.extend(due.iter().map(|(due_at, role)| Told {
            role: *role,
            due_at: *due_at,
            at: now,
            since,
        }));
        due.into_iter().map(|(_, role)| role).collect()
    }

    /// When the next of the path are to be told.
    pub fn next_at(&self, path: &[AlertStep]) -> Option<DateTime<Utc>> {
        self.waiting(path).map(|(due, _)| due).min()
    }

    /// Who of the path was not told yet, with when they are to be.
    fn waiting(&self, path: &[AlertStep]) -> impl Iterator<Item = (DateTime<Utc>, i32)> {
        let is_told = |role: i32| self.told.iter().any(|told| told.role == role && told.since == self.since);
        let due = |step: &AlertStep| self.since + TimeDelta::minutes(step.after_minutes.into());
        path.iter().filter(move |step| !is_told(step.role)).map(move |step| (due(step), step.role))
    }
}

#[cfg(test)]
mod tests {
    use proto::access::Role;

    use super::*;
    use crate::domain::alert::built_in::steps;
    use crate::domain::alert::rule::Level;

    fn at(minutes: i64) -> DateTime<Utc> {
        "2020-06-30T12:00:00+08:00".parse::<DateTime<Utc>>().expect("an instant")
            + TimeDelta::minutes(minutes)
    }

    fn roles(told: &[i32]) -> Vec<Role> {
        told.iter().map(|role| Role::try_from(*role).expect("a role")).collect()
    }

    #[test]
    fn everyone_is_told_once_when_their_time_has_come() {
        let path = steps(Level::Local);
        let mut escalation = Escalation::begin(at(0));
        assert_eq!(roles(&escalation.tell(&path, at(0))), [Role::Supervisor, Role::CrisisSpecialist]);
        assert_eq!(escalation.next_at(&path), Some(at(30)));
        assert!(escalation.tell(&path, at(29)).is_empty());
        // A service that was away for hours tells all at once, and says when it should have.
        assert_eq!(roles(&escalation.tell(&path, at(500))), [Role::Operations, Role::Manager]);
        assert_eq!(escalation.next_at(&path), None);
        let times: Vec<_> = escalation.told.iter().map(|told| (told.due_at, told.at)).collect();
        assert_eq!(times, [(at(0), at(0)), (at(0), at(0)), (at(30), at(500)), (at(120), at(500))]);
        assert!(escalation.tell(&path, at(501)).is_empty());
    }

    #[test]
    fn a_graver_level_brings_the_next_forward_and_tells_nobody_twice() {
        let mut escalation = Escalation::begin(at(0));
        escalation.tell(&steps(Level::Potential), at(0));
        assert_eq!(escalation.next_at(&steps(Level::Potential)), Some(at(240)));
        let graver = steps(Level::Major);
        let told = roles(&escalation.tell(&graver, at(10)));
        assert_eq!(told, [Role::CrisisSpecialist, Role::Operations]);
        assert_eq!(escalation.next_at(&graver), Some(at(15)));
    }

    #[test]
    fn opened_again_it_begins_anew() {
        let path = steps(Level::Local);
        let mut escalation = Escalation::begin(at(0));
        escalation.tell(&path, at(200));
        assert_eq!(escalation.next_at(&path), None);
        escalation.restart(at(300));
        assert_eq!(escalation.next_at(&path), Some(at(300)));
        assert_eq!(roles(&escalation.tell(&path, at(330))).len(), 3);
        assert_eq!(escalation.told.len(), 7);
    }

    #[test]
    fn what_is_due_earlier_comes_first_whatever_the_path_says() {
        let step = |role: Role, after_minutes| AlertStep { role: role.into(), after_minutes };
        let path = [step(Role::Manager, 20), step(Role::Supervisor, 5)];
        let mut escalation = Escalation::begin(at(0));
        assert_eq!(escalation.next_at(&path), Some(at(5)));
        assert_eq!(roles(&escalation.tell(&path, at(20))), [Role::Supervisor, Role::Manager]);
    }
}
