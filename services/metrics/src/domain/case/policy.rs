//! What a merchant has set for cases: causes, how much each role may grant, how soon customers hear.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use proto::access::{Role, role_name};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::fact::Severity;

/// Customers hear within this many hours, whatever a policy says.
pub const ANSWER_HOURS_MAX: i32 = 48;

/// An entry of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// No longer given.
    pub retired: bool,
}

/// How much a role may grant in one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Name of the role.
    pub role: String,
    /// In the currency's smallest unit; `None` is without limit.
    pub amount: Option<i64>,
}

/// What a severity asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityRule {
    /// Which.
    pub severity: Severity,
    /// Within how many hours the customer hears.
    pub answer_hours: i32,
    /// Whether somebody who may do more has to have it first.
    pub escalate_first: bool,
}

/// What is set; stored as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The catalogue.
    pub causes: Vec<Cause>,
    /// By role.
    pub limits: Vec<Limit>,
    /// One of each severity.
    pub severities: Vec<SeverityRule>,
    /// Within how many hours after solving the customer is called back.
    pub call_back_hours: i32,
    /// How often a customer who isn't reached is called.
    pub call_backs_max: i32,
}

/// A version of what is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// 0 is built in.
    pub version: i32,
    /// What it says.
    pub rules: Rules,
    /// Who put it, and when; `None` for the built-in one.
    pub updated: Option<(String, DateTime<Utc>)>,
}

/// A grant that is above a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AboveLimit {
    /// The highest limit of the caller's roles; 0 if they have none.
    pub limit: i64,
    /// Roles that may.
    pub may: Vec<String>,
}

const CAUSES: [(&str, &str); 11] = [
    ("quality", "商品质量"),
    ("description", "描述不符"),
    ("wrong-item", "错发漏发"),
    ("parcel", "破损丢件"),
    ("delivery", "发货物流慢"),
    ("price", "价格与优惠"),
    ("refund", "退款退货慢"),
    ("promise", "承诺未兑现"),
    ("attitude", "服务态度"),
    ("invoice", "发票"),
    ("other", "其他"),
];

/// In whole units of the currency; merchants set their own.
const LIMITS: [(Role, Option<i64>); 7] = [
    (Role::Agent, Some(50)),
    (Role::SeniorAgent, Some(100)),
    (Role::Lead, Some(300)),
    (Role::DeputySupervisor, Some(1_000)),
    (Role::CrisisSpecialist, Some(2_000)),
    (Role::Supervisor, Some(2_000)),
    (Role::Manager, None),
];

impl Policy {
    /// What holds until a merchant puts something else, in a currency with so many smallest units in a whole.
    pub fn built_in(scale: i64) -> Self {
        let cause =
            |(id, name): (&str, &str)| Cause { id: id.to_owned(), name: name.to_owned(), retired: false };
        let limit = |(role, whole): (Role, Option<i64>)| Limit {
            role: role_name(role),
            amount: whole.map(|whole| whole.saturating_mul(scale)),
        };
        let severity = |severity: Severity| SeverityRule {
            severity,
            answer_hours: ANSWER_HOURS_MAX,
            escalate_first: severity != Severity::Ordinary,
        };
        let rules = Rules {
            causes: CAUSES.into_iter().map(cause).collect(),
            limits: LIMITS.into_iter().map(limit).collect(),
            severities: Severity::ALL.into_iter().map(severity).collect(),
            call_back_hours: ANSWER_HOURS_MAX,
            call_backs_max: 3,
        };
        Self { version: 0, rules, updated: None }
    }

    /// What must be passed back to change it.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

impl Rules {
    /// What no rule of a field can say. Errors name the field of the request.
    pub fn check(&self) -> Result<(), Violation> {
        let wrong = |field: String, description: &str| {
            Err(Violation { field: format!("policy.{field}"), description: description.to_owned() })
        };
        let mut causes = BTreeSet::new();
        if let Some(at) = self.causes.iter().position(|cause| !causes.insert(&cause.id)) {
            return wrong(format!("causes[{at}].cause_id"), "must not be there twice");
        }
        let mut roles = BTreeSet::new();
        if let Some(at) = self.limits.iter().position(|limit| !roles.insert(&limit.role)) {
            return wrong(format!("limits[{at}].role"), "must not be there twice");
        }
        let named = |severity: &Severity| self.severities.iter().any(|rule| rule.severity == *severity);
        if self.severities.len() != Severity::ALL.len() || !Severity::ALL.iter().all(named) {
            return wrong("severities".to_owned(), "must have one of each severity");
        }
        Ok(())
    }

    /// Whether a cause may be given; one that a case has already may stay.
    pub fn knows(&self, cause: &str, before: Option<&str>) -> bool {
        before == Some(cause) || self.causes.iter().any(|known| known.id == cause && !known.retired)
    }

    /// How long a customer may wait.
    pub fn answer_time(&self, severity: Severity) -> TimeDelta {
        let hours = self.severity(severity).map_or(ANSWER_HOURS_MAX, |rule| rule.answer_hours);
        TimeDelta::hours(hours.clamp(1, ANSWER_HOURS_MAX).into())
    }

    /// Whether somebody who may do more has to have it first.
    pub fn escalates(&self, severity: Severity) -> bool {
        self.severity(severity).is_some_and(|rule| rule.escalate_first)
    }

    /// How long a call back may wait.
    pub fn call_back_time(&self) -> TimeDelta {
        TimeDelta::hours(self.call_back_hours.into())
    }

    fn severity(&self, severity: Severity) -> Option<&SeverityRule> {
        self.severities.iter().find(|rule| rule.severity == severity)
    }

    /// Whether somebody with these roles may bring what is granted in a case to an amount.
    pub fn check_grant(&self, roles: &[Role], amount: i64) -> Result<(), AboveLimit> {
        let covers = |limit: &&Limit| limit.amount.is_none_or(|most| amount <= most);
        let names: Vec<String> = roles.iter().map(|role| role_name(*role)).collect();
        let own = || self.limits.iter().filter(|limit| names.contains(&limit.role));
        if own().any(|limit| covers(&limit)) {
            return Ok(());
        }
        Err(AboveLimit {
            limit: own().filter_map(|limit| limit.amount).max().unwrap_or(0),
            may: self.limits.iter().filter(covers).map(|limit| limit.role.clone()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Policy::built_in(100).rules
    }

    #[test]
    fn the_built_in_policy_may_be_put() {
        rules().check().expect("is complete");
        assert_eq!(rules().answer_time(Severity::Authority), TimeDelta::hours(48));
        assert!(rules().escalates(Severity::Mass) && !rules().escalates(Severity::Ordinary));
    }

    #[test]
    fn what_is_there_twice_or_missing_is_refused_with_its_field() {
        let field = |change: fn(&mut Rules)| {
            let mut changed = rules();
            change(&mut changed);
            changed.check().expect_err("is refused").field
        };
        assert_eq!(field(|rules| rules.causes[3].id = "quality".to_owned()), "policy.causes[3].cause_id");
        assert_eq!(field(|rules| rules.limits[1].role = "agent".to_owned()), "policy.limits[1].role");
        assert_eq!(field(|rules| rules.severities[1] = rules.severities[0]), "policy.severities");
        assert_eq!(field(|rules| rules.severities.truncate(3)), "policy.severities");
    }

    #[test]
    fn a_grant_is_judged_by_the_highest_of_the_roles_and_a_refusal_says_who_may() {
        let check = |roles: &[Role], amount, expected: Result<(), (i64, &[&str])>| {
            let judged = rules().check_grant(roles, amount);
            let expected = expected.map_err(|(limit, may)| AboveLimit {
                limit,
                may: may.iter().map(|role| (*role).to_owned()).collect(),
            });
            assert_eq!(judged, expected, "{roles:?} {amount}");
        };
        check(&[Role::Agent], 5_000, Ok(()));
        let many: &[&str] =
            &["senior_agent", "lead", "deputy_supervisor", "crisis_specialist", "supervisor", "manager"];
        check(&[Role::Agent], 5_001, Err((5_000, many)));
        check(&[Role::Agent, Role::Lead], 30_000, Ok(()));
        check(&[Role::Supervisor], 200_001, Err((200_000, &["manager"])));
        check(&[Role::Manager], i64::MAX, Ok(()));
        check(
            &[Role::ServiceAccount],
            1,
            Err((
                0,
                &[
                    "agent",
                    "senior_agent",
                    "lead",
                    "deputy_supervisor",
                    "crisis_specialist",
                    "supervisor",
                    "manager",
                ],
            )),
        );
    }

    #[test]
    fn a_retired_cause_stays_where_it_is() {
        let mut rules = rules();
        rules.causes[0].retired = true;
        assert!(!rules.knows("quality", None) && rules.knows("quality", Some("quality")));
        assert!(rules.knows("price", None) && !rules.knows("nothing", None));
    }
}
