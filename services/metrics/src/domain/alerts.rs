//! The use cases of alerts: rules, what becomes of an alert. Raising them is in [`evaluation`], what rules look at in `reading`.

pub mod evaluation;
mod reading;

use std::time::Duration;

use chrono::TimeDelta;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::{Caller, Scope};

use crate::domain::alert::built_in::rules_over;
use crate::domain::alert::error::AlertError;
use crate::domain::alert::filter::AlertFilter;
use crate::domain::alert::history::Entry;
use crate::domain::alert::rule::{Content, Level, RULES_MAX, Rule, Signal, Trigger};
use crate::domain::alert::{Act, Alert, AlertState, Outcome, Report, Step};
use crate::domain::campaigns::or_made;
use crate::domain::{Metrics, Result};
use crate::error::MetricsError;
use crate::store::{AlertCursor, Subject};

/// How often a report is tried again when somebody reports the same at the same moment.
const ATTEMPTS: u32 = 3;

/// When rules are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// After figures changed, at most so often.
    pub check: Duration,
    /// Rules by the hour at most so often: their figures are counted on demand.
    pub hourly: Duration,
    /// When nothing changes.
    pub idle: TimeDelta,
}

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Alerts {
    metrics: Metrics,
    looks: Looks,
}

/// Which rules are asked for.
#[derive(Debug, Clone)]
pub struct RuleFilter {
    /// Of one of these levels; empty: all.
    pub levels: Vec<Level>,
    /// Only those that are looked at.
    pub enabled: bool,
}

impl Alerts {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics, looks: Looks) -> Self {
        Self { metrics, looks }
    }

    /// A page of the rules that count.
    pub async fn list_rules(
        &self,
        scope: &Scope,
        filter: &RuleFilter,
        page: &PageRequest<String>,
    ) -> Result<Page<Rule>> {
        let mut rules = rules_over(self.metrics.store.list_alert_rules(scope.whole_merchant()?).await?);
        rules.retain(|rule| filter.levels.is_empty() || filter.levels.contains(&rule.content.level));
        rules.retain(|rule| rule.content.enabled || !filter.enabled);
        rules.retain(|rule| page.after.as_ref().is_none_or(|after| rule.id > *after));
        Ok(page.page(rules, |rule| rule.id.clone())?)
    }

    /// A rule that counts.
    pub async fn get_rule(&self, scope: &Scope, id: &str) -> Result<Rule> {
        find(self.metrics.store.list_alert_rules(scope.whole_merchant()?).await?, id)
    }

    /// A page of what was put of a rule.
    pub async fn list_rule_versions(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Rule>> {
        let merchant = scope.whole_merchant()?;
        let put = self.metrics.store.list_alert_rules(merchant).await?;
        if put.iter().all(|rule| rule.id != id) {
            find(put, id)?;
        }
        self.metrics.store.list_alert_rule_versions(merchant, id, page).await
    }

    /// Adds a rule.
    pub async fn create_rule(&self, by: &By, scope: &Scope, id: String, content: Content) -> Result<Rule> {
        content.check()?;
        let now = self.metrics.clock.now();
        let rule = Rule {
            id: or_made(id),
            version: 1,
            content,
            deleted: false,
            updated_by: by.caller.subject.clone(),
            updated_at: Some(now),
        };
        let decide = |put: Vec<Rule>| {
            if put.len() >= RULES_MAX {
                return Err(AlertError::TooManyRules { limit: RULES_MAX }.into());
            }
            let mut known =
                put.iter().map(|own| own.id.clone()).chain(rules_over(Vec::new()).into_iter().map(|r| r.id));
            if known.any(|known| known == rule.id) {
                return Err(AlertError::RuleExists { id: rule.id }.into());
            }
            Ok(rule)
        };
        let id = self.metrics.store.put_alert_rule(by, now, decide).await?;
        self.get_rule(scope, &id).await
    }

    /// Replaces what a rule says.
    pub async fn update_rule(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        content: Content,
    ) -> Result<Rule> {
        content.check()?;
        let id = self.put_next(by, at, Some(content)).await?;
        self.get_rule(scope, &id).await
    }

    /// Takes a rule out of force.
    pub async fn delete_rule(&self, by: &By, at: (&str, &str)) -> Result<()> {
        self.put_next(by, at, None).await.map(drop)
    }

    async fn put_next(&self, by: &By, (id, etag): (&str, &str), change: Option<Content>) -> Result<String> {
        let now = self.metrics.clock.now();
        let who = (by.caller.subject.as_str(), now);
        let decide = |put: Vec<Rule>| Ok(find(put, id)?.next(etag, change, who)?);
        self.metrics.store.put_alert_rule(by, now, decide).await
    }

    /// Raises an alert that somebody reported, or counts up the one that is there.
    pub async fn report_alert(&self, by: &By, id: String, report: Report) -> Result<Alert> {
        let merchant = &by.caller.merchant;
        let redact = |text: &str| self.metrics.redactor(merchant).redact(text).into_owned();
        let report = Report {
            title: redact(&report.title),
            description: redact(&report.description),
            reporter: person(&by.caller),
            ..report
        };
        let rules = rules_over(self.metrics.store.list_alert_rules(merchant).await?);
        let rule = rule_for(&rules, &report).ok_or(AlertError::NoRuleForSignal)?;
        let calendar = self.metrics.store.find_calendar(merchant).await?;
        let (now, id) = (self.metrics.clock.now(), or_made(id));
        let subject = Subject { rule: &rule.id, key: &report.shop, topic: "" };
        let mut attempts = 0;
        let raised = loop {
            attempts += 1;
            let decide = |latest: Option<Alert>| {
                let open = latest.filter(|alert| alert.state != AlertState::Resolved);
                Ok(Some(match open {
                    Some(alert) => alert.report_again(report.clone(), now)?,
                    None => Alert::report(id.clone(), rule, report.clone(), (now, &calendar)),
                }))
            };
            match self.metrics.store.raise_alert(by, subject, now, decide).await {
                Err(MetricsError::Alert(AlertError::Raced)) if attempts < ATTEMPTS => {}
                raised => break raised?,
            }
        };
        // Whoever reported it reads it back, however far they reach else.
        self.get_alert(&Scope::merchant(merchant.clone()), &raised.unwrap_or(id)).await
    }

    /// An alert that the scope reaches.
    pub async fn get_alert(&self, scope: &Scope, id: &str) -> Result<Alert> {
        let today = self.metrics.today(&scope.merchant).await?;
        let found = self.metrics.store.find_alert(scope, id, today).await?;
        found.ok_or_else(|| AlertError::NotFound { id: id.to_owned() }.into())
    }

    /// A page of alerts.
    pub async fn list_alerts(
        &self,
        scope: &Scope,
        filter: &AlertFilter,
        page: &PageRequest<AlertCursor>,
    ) -> Result<Page<Alert>> {
        let today = self.metrics.today(&scope.merchant).await?;
        self.metrics.store.list_alerts(scope, filter, today, page).await
    }

    /// A page of what happened to an alert.
    pub async fn list_entries(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Entry>> {
        self.get_alert(scope, id).await?;
        self.metrics.store.list_alert_entries(scope, id, page).await
    }

    /// The caller takes care of it.
    pub async fn acknowledge_alert(&self, by: &By, scope: &Scope, id: &str, note: &str) -> Result<Alert> {
        let act = self.act(by, note);
        self.change(by, scope, (id, ""), |alert| Ok(alert.acknowledge(act)?)).await
    }

    /// Says something.
    pub async fn comment_alert(&self, by: &By, scope: &Scope, id: &str, text: &str) -> Result<Entry> {
        let (note, now) = (self.act(by, text).note, self.metrics.clock.now());
        let decide = |alert: Alert| Ok(Some(alert.comment(note)?));
        let number = self.metrics.store.update_alert(by, scope, (id, ""), now, decide).await?;
        let mut only = PageRequest::first(1, "entry");
        only.after = Some(number - 1);
        let mut stored = self.metrics.store.list_alert_entries(scope, id, &only).await?;
        let missing = || pg::Error::unreadable("alert_entries", id, "the entry is gone").into();
        stored.items.pop().ok_or_else(missing)
    }

    /// It is over.
    pub async fn resolve_alert(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        outcome: Outcome,
        note: &str,
    ) -> Result<Alert> {
        let act = self.act(by, note);
        self.change(by, scope, at, |alert| Ok(Some(alert.resolve(outcome, act)?))).await
    }

    async fn change(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        decide: impl FnOnce(Alert) -> Result<Option<Step>> + Send,
    ) -> Result<Alert> {
        let now = self.metrics.clock.now();
        self.metrics.store.update_alert(by, scope, at, now, decide).await?;
        self.get_alert(scope, at.0).await
    }

    fn act(&self, by: &By, note: &str) -> Act {
        Act {
            subject: by.caller.subject.clone(),
            person: person(&by.caller),
            at: self.metrics.clock.now(),
            note: self.metrics.redactor(&by.caller.merchant).redact(note).into_owned(),
        }
    }
}

/// The enabled rule for a report: one that names the shop before one for all, then the gravest, then the lowest id.
fn rule_for<'a>(rules: &'a [Rule], report: &Report) -> Option<&'a Rule> {
    let is_for = |signal: Signal, content: &Content| {
        signal == report.signal && (content.keys.is_empty() || content.keys.contains(&report.shop))
    };
    let fitting = rules.iter().filter(|rule| match rule.content.trigger {
        Trigger::Reported(signal) => rule.content.enabled && is_for(signal, &rule.content),
        Trigger::Figure(_) | Trigger::LikeComplaints(_) => false,
    });
    fitting.min_by_key(|rule| (rule.content.keys.is_empty(), std::cmp::Reverse(rule.content.level), &rule.id))
}

fn find(put: Vec<Rule>, id: &str) -> Result<Rule> {
    let found = rules_over(put).into_iter().find(|rule| rule.id == id);
    found.ok_or_else(|| AlertError::RuleNotFound { id: id.to_owned() }.into())
}

fn person(caller: &Caller) -> Option<String> {
    caller.person.as_ref().map(ToString::to_string)
}
