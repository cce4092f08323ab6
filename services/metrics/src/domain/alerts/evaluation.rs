//! Looking at rules: when, and what becomes of what they find. One replica does it, by a lease.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use calendar::MerchantCalendar;
use chrono::{DateTime, Days, Utc};
use pg::By;
use pg::page::PageRequest;
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::domain::alert::built_in::rules_over;
use crate::domain::alert::error::AlertError;
use crate::domain::alert::rule::{AlertScope, Content, Rule};
use crate::domain::alert::trigger::{Finding, Now};
use crate::domain::alert::{Alert, AlertState};
use crate::domain::alerts::Alerts;
use crate::domain::alerts::reading::is_hourly;
use crate::domain::{Result, SELF};
use crate::error::MetricsError;
use crate::store::Subject;

/// How long a replica without the lease waits before it asks again.
const AWAY: Duration = Duration::from_secs(2);
/// How long a merchant whose figures cannot be read is left alone.
const TROUBLED: Duration = Duration::from_secs(15);
/// Merchants of a round, and alerts of which the next are told in one.
const AT_ONCE: i64 = 500;
/// Findings of a preview.
const FINDINGS_MAX: usize = 1_000;
/// Changes of older days concern no window and no history.
const DAYS_MAX: u64 = 31 * 14;

/// What a leader remembers from round to round.
#[derive(Debug, Default)]
struct Pace {
    troubled: HashMap<MerchantId, Instant>,
    /// When each rule by the hour was looked at last.
    hourly: HashMap<(MerchantId, String), Instant>,
    /// Rules by the hour that were passed over although figures had changed, and until when.
    passed_over: HashMap<(MerchantId, String), Instant>,
}

impl Pace {
    /// Merchants with a rule that was passed over and can be looked at now.
    fn to_look_again(&self) -> BTreeSet<MerchantId> {
        let due = |(_, until): &(&(MerchantId, String), &Instant)| **until <= Instant::now();
        self.passed_over.iter().filter(due).map(|((merchant, _), _)| merchant.clone()).collect()
    }

    /// Until when a rule by the hour has to wait.
    fn waits_until(&self, rule: &Rule, merchant: &MerchantId, hourly: Duration) -> Option<Instant> {
        let last = self.hourly.get(&(merchant.clone(), rule.id.clone()))?;
        Some(*last + hourly).filter(|until| is_hourly(&rule.content) && *until > Instant::now())
    }
}

/// Where a merchant's clock stands.
pub(super) struct Moment {
    pub(super) calendar: MerchantCalendar,
    pub(super) at: DateTime<Utc>,
    pub(super) now: Now,
}

impl Alerts {
    /// Looks at rules until the service stops, whenever this replica has the lease.
    pub async fn watch(&self) {
        loop {
            match self.metrics.store.find_lease("alerts").await {
                Ok(Some(lease)) => {
                    let mut pace = Pace::default();
                    while !self.metrics.stop.is_cancelled() && lease.is_held().await {
                        self.round(&mut pace).await;
                        self.pause(self.looks.check).await;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot ask who looks at alerts");
                }
            }
            if self.metrics.stop.is_cancelled() {
                return;
            }
            self.pause(AWAY).await;
        }
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.metrics.stop.cancelled() => {}
            () = sleep(time) => {}
        }
    }

    async fn round(&self, pace: &mut Pace) {
        if let Err(error) = self.escalate().await {
            tracing::warn!(error.chain = status::chain(&error), "cannot tell of alerts now");
        }
        let idle_since = self.metrics.clock.now() - self.looks.idle;
        let merchants = match self.metrics.store.list_merchants_to_alert(idle_since, AT_ONCE).await {
            Ok(merchants) => merchants,
            Err(error) => {
                tracing::warn!(error.chain = status::chain(&error), "cannot look for changed figures now");
                return;
            }
        };
        pace.troubled.retain(|_, until| *until > Instant::now());
        let merchants: BTreeSet<_> = merchants.into_iter().chain(pace.to_look_again()).collect();
        for merchant in merchants {
            if self.metrics.stop.is_cancelled() || pace.troubled.contains_key(&merchant) {
                continue;
            }
            if let Err(error) = self.look_at(&merchant, pace).await {
                // One merchant's trouble is not everybody's.
                let error = status::chain(&error);
                tracing::warn!(merchant = %merchant, error, "cannot look at the merchant's alerts now");
                pace.troubled.insert(merchant, Instant::now() + TROUBLED);
            }
        }
    }

    /// Tells the next of alerts that nobody acknowledged in time.
    async fn escalate(&self) -> Result<()> {
        let now = self.metrics.clock.now();
        for (merchant, alert) in self.metrics.store.list_alerts_to_escalate(now, AT_ONCE).await? {
            // One alert's trouble is not everybody's: a newer release may have raised it by a rule that isn't known here.
            if let Err(error) = self.tell_next(&merchant, &alert, now).await {
                let error = status::chain(&error);
                tracing::warn!(merchant = %merchant, alert = alert.id, error, "cannot tell of the alert now");
            }
        }
        Ok(())
    }

    async fn tell_next(&self, merchant: &MerchantId, alert: &Alert, now: DateTime<Utc>) -> Result<()> {
        let content = self.content_of(merchant, alert).await?;
        let calendar = self.metrics.store.find_calendar(merchant).await?;
        let by = By::service(SELF, merchant, "background/escalate_alerts");
        let scope = Scope::merchant(merchant.clone());
        let decide = |alert: Alert| Ok(alert.escalate(&content, (now, &calendar)));
        self.metrics.store.update_alert(&by, &scope, (&alert.id, ""), now, decide).await.map(drop)
    }

    /// What the rule said when it raised the alert.
    async fn content_of(&self, merchant: &MerchantId, alert: &Alert) -> Result<Content> {
        let (id, version) = (&alert.rule.0, alert.rule.1);
        if version == 0 {
            let built_in = rules_over(Vec::new()).into_iter().find(|rule| rule.id == *id);
            return Ok(built_in.ok_or_else(|| AlertError::RuleNotFound { id: id.clone() })?.content);
        }
        let mut only = PageRequest::first(1, "rule");
        only.after = Some(version.saturating_add(1));
        let mut put = self.metrics.store.list_alert_rule_versions(merchant, id, &only).await?;
        Ok(put.items.pop().ok_or_else(|| AlertError::RuleNotFound { id: id.clone() })?.content)
    }

    async fn look_at(&self, merchant: &MerchantId, pace: &mut Pace) -> Result<()> {
        // What changes while the rules are looked at has a higher version and is looked at next.
        let changed = self.metrics.store.list_days_to_alert(merchant).await?;
        let began = Instant::now();
        let moment = self.moment(merchant).await?;
        let oldest = moment.now.today.checked_sub_days(Days::new(DAYS_MAX)).unwrap_or(moment.now.today);
        if changed.is_empty() || changed.iter().any(|day| day.day >= oldest) {
            let rules = rules_over(self.metrics.store.list_alert_rules(merchant).await?);
            let enabled = rules.iter().filter(|rule| rule.content.enabled);
            let (due, waiting): (Vec<_>, Vec<_>) = enabled
                .map(|rule| (rule, pace.waits_until(rule, merchant, self.looks.hourly)))
                .partition(|(_, until)| until.is_none());
            // Nothing else would have what changed now looked at before the next change.
            for (rule, until) in waiting.into_iter().filter(|_| !changed.is_empty()) {
                pace.passed_over.extend(until.map(|until| ((merchant.clone(), rule.id.clone()), until)));
            }
            let rules: Vec<&Rule> = due.into_iter().map(|(rule, _)| rule).collect();
            for rule in rules.iter().filter(|rule| is_hourly(&rule.content)) {
                pace.hourly.insert((merchant.clone(), rule.id.clone()), Instant::now());
            }
            for (rule, findings) in self.read_rules(merchant, &rules, &moment).await? {
                self.apply(merchant, rule, findings, &moment).await?;
            }
        }
        self.metrics.store.note_alerted(merchant, &changed, moment.at).await?;
        pace.passed_over.retain(|(of, _), until| of != merchant || *until > began);
        Ok(())
    }

    /// What a rule would find right now, by key.
    pub async fn preview_rule(&self, scope: &Scope, content: Content) -> Result<Vec<Finding>> {
        content.check()?;
        let merchant = scope.whole_merchant()?;
        let rule = Rule {
            id: String::new(),
            version: 0,
            content,
            deleted: false,
            updated_by: String::new(),
            updated_at: None,
        };
        let moment = self.moment(merchant).await?;
        let found = self.read_rules(merchant, &[&rule], &moment).await?;
        let mut findings: Vec<Finding> = found.into_iter().flat_map(|(_, findings)| findings).collect();
        findings.truncate(FINDINGS_MAX);
        Ok(findings)
    }

    async fn moment(&self, merchant: &MerchantId) -> Result<Moment> {
        let (calendar, at) = (self.metrics.store.find_calendar(merchant).await?, self.metrics.clock.now());
        let hours_over = (calendar.local_hour(at) + 24 - calendar.cut_over_hour()) % 24;
        let now = Now { today: calendar.business_day(at), hours_over };
        Ok(Moment { calendar, at, now })
    }

    /// Raises, counts up and clears alerts of a rule by what was found.
    async fn apply(
        &self,
        merchant: &MerchantId,
        rule: &Rule,
        findings: Vec<Finding>,
        moment: &Moment,
    ) -> Result<()> {
        let latest = self.metrics.store.list_latest_alerts(merchant, &rule.id, moment.at).await?;
        let mut latest: BTreeMap<(String, String), Alert> =
            latest.into_iter().map(|alert| ((alert.key.clone(), alert.topic.clone()), alert)).collect();
        for finding in &findings {
            let about = (finding.key.clone(), finding.topic.clone());
            if changes(latest.remove(&about), Some(finding), moment.at) {
                self.decide(merchant, rule, &about, Some(finding), moment).await?;
            }
        }
        for (about, alert) in latest {
            if changes(Some(alert), None, moment.at) {
                self.decide(merchant, rule, &about, None, moment).await?;
            }
        }
        Ok(())
    }

    async fn decide(
        &self,
        merchant: &MerchantId,
        rule: &Rule,
        (key, topic): &(String, String),
        finding: Option<&Finding>,
        moment: &Moment,
    ) -> Result<()> {
        let by = By::service(SELF, merchant, "background/look_at_alerts");
        let people = self.concerned(merchant, rule.content.scope, key, moment).await?;
        let decide = |latest: Option<Alert>| {
            Ok(match (latest, finding) {
                (Some(alert), found) if alert.state != AlertState::Resolved => alert.look(found, moment.at),
                (before, Some(finding)) if finding.alarm && is_new(before.as_ref(), finding) => {
                    let id = Uuid::now_v7().to_string();
                    Some(Alert::raise(id, rule, finding, people, (moment.at, &moment.calendar)))
                }
                _ => None,
            })
        };
        let subject = Subject { rule: &rule.id, key, topic };
        match self.metrics.store.raise_alert(&by, subject, moment.at, decide).await {
            Ok(_) | Err(MetricsError::Alert(AlertError::Raced)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Who sees an alert besides those who see everything. An agent's lead reaches the agent's.
    async fn concerned(
        &self,
        merchant: &MerchantId,
        scope: AlertScope,
        key: &str,
        moment: &Moment,
    ) -> Result<BTreeSet<String>> {
        match scope {
            AlertScope::Agent => Ok(BTreeSet::from([key.to_owned()])),
            AlertScope::Team => {
                let leads = self.metrics.store.list_leads(merchant, key, moment.now.today).await?;
                Ok(leads.into_iter().collect())
            }
            AlertScope::Shop => Ok(BTreeSet::new()),
        }
    }
}

/// Whether the store has to be asked at all.
fn changes(latest: Option<Alert>, finding: Option<&Finding>, now: DateTime<Utc>) -> bool {
    match latest {
        Some(alert) if alert.state != AlertState::Resolved => alert.look(finding, now).is_some(),
        before => finding.is_some_and(|finding| finding.alarm && is_new(before.as_ref(), finding)),
    }
}

fn is_new(resolved: Option<&Alert>, finding: &Finding) -> bool {
    resolved.is_none_or(|alert| alert.is_outdone_by(finding))
}
