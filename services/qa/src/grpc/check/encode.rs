//! Checks on the wire.

use agreement::Estimate;
use chrono::NaiveDate;
use proto::common::v1::{DayRange, Rate};
use proto::qa::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::PersonId;
use textcheck::{Kind, Severity};

use crate::domain::check_figure::{CheckFigure, RuleAccuracy};
use crate::domain::dry_run::{DryRun, DryRunFigure, DryRunState, Example, ExampleKind};
use crate::domain::hit::{Evidence, Hit, HitJudgement, HitVerdict, Span};
use crate::domain::rule_set::{RuleSet, RuleSetState, RuleSummary};
use crate::error::QaError;
use crate::grpc::decode::conversation_ref;

/// A version with its rules.
pub(super) fn rule_set(set: RuleSet, today: NaiveDate) -> Result<pb::CheckRuleSet, QaError> {
    let rules_json = set.rules.clone();
    Ok(pb::CheckRuleSet { rules_json, ..listed_rule_set(set, today)? })
}

/// A version without its text.
pub(super) fn listed_rule_set(set: RuleSet, today: NaiveDate) -> Result<pb::CheckRuleSet, QaError> {
    let state = match set.state(today) {
        RuleSetState::Draft => pb::CheckRuleSetState::Draft,
        RuleSetState::Scheduled => pb::CheckRuleSetState::Scheduled,
        RuleSetState::Live => pb::CheckRuleSetState::Live,
        RuleSetState::Retired => pb::CheckRuleSetState::Retired,
    };
    let (etag, live_to) = (set.etag(), set.live_to());
    let rules = set.summaries()?;
    Ok(pb::CheckRuleSet {
        version: set.version,
        state: state.into(),
        rules_json: String::new(),
        rules: rules.into_iter().map(Into::into).collect(),
        note: set.note,
        live_from: set.live_from.map(date),
        live_to: live_to.map(date),
        created_by: set.created_by,
        created_at: (set.revision > 0).then(|| timestamp(set.created_at)),
        published_by: set.published_by,
        published_at: set.published_at.map(timestamp),
        retired_at: set.retired_at.map(timestamp),
        etag,
    })
}

impl From<RuleSummary> for pb::CheckRule {
    fn from(rule: RuleSummary) -> Self {
        Self {
            rule_id: rule.id,
            title: rule.title,
            severity: severity(rule.severity).into(),
            kind: kind(rule.kind).into(),
        }
    }
}

fn severity(severity: Severity) -> pb::CheckSeverity {
    match severity {
        Severity::Minor => pb::CheckSeverity::Minor,
        Severity::Major => pb::CheckSeverity::Major,
        Severity::Critical => pb::CheckSeverity::Critical,
    }
}

fn kind(kind: Kind) -> pb::CheckKind {
    match kind {
        Kind::ForbiddenWord => pb::CheckKind::ForbiddenWord,
        Kind::OverPromise => pb::CheckKind::OverPromise,
        Kind::SlowReply => pb::CheckKind::SlowReply,
        Kind::MissingGreeting => pb::CheckKind::MissingGreeting,
        Kind::MissingClosing => pb::CheckKind::MissingClosing,
        Kind::AbruptTone => pb::CheckKind::AbruptTone,
        Kind::FallingSentiment => pb::CheckKind::FallingSentiment,
        Kind::PersonalData => pb::CheckKind::PersonalData,
        Kind::CannedReply => pb::CheckKind::CannedReply,
        Kind::RepeatedReply => pb::CheckKind::RepeatedReply,
    }
}

fn verdict(verdict: HitVerdict) -> pb::HitVerdict {
    match verdict {
        HitVerdict::Confirmed => pb::HitVerdict::Confirmed,
        HitVerdict::Disputed => pb::HitVerdict::Disputed,
    }
}

impl From<Span> for pb::TextSpan {
    fn from(span: Span) -> Self {
        Self {
            message_index: span.message,
            start: span.start,
            end: span.end,
            utf16_start: span.utf16_start,
            utf16_end: span.utf16_end,
        }
    }
}

impl From<HitJudgement> for pb::HitJudgement {
    fn from(judgement: HitJudgement) -> Self {
        Self {
            verdict: verdict(judgement.verdict).into(),
            person_id: judgement.person.into_string(),
            note: judgement.note,
            judged_at: Some(timestamp(judgement.at)),
        }
    }
}

impl From<Hit> for pb::CheckHit {
    fn from(hit: Hit) -> Self {
        let etag = hit.etag();
        let newest = hit.verdict.map_or(pb::HitVerdict::Unspecified, verdict);
        let (mut waited, mut fell, mut repeats) = (None, None, None);
        match hit.evidence {
            None => {}
            Some(Evidence::WaitedMs(ms)) => waited = Some(ms),
            Some(Evidence::Fell { from, to }) => fell = Some((from, to)),
            Some(Evidence::Repeats(message)) => repeats = Some(message),
        }
        Self {
            hit_id: hit.id.to_string(),
            conversation: Some(conversation_ref(hit.conversation)),
            business_day: Some(date(hit.business_day)),
            account_id: hit.account.into_string(),
            person_id: hit.person.map(PersonId::into_string).unwrap_or_default(),
            rule_id: hit.rule_id,
            rule_set_version: hit.rule_set_version,
            kind: kind(hit.kind).into(),
            severity: severity(hit.severity).into(),
            span: Some(hit.span.into()),
            excerpt: hit.excerpt,
            waited_ms: waited,
            sentiment_from: fell.map(|fell| fell.0),
            sentiment_to: fell.map(|fell| fell.1),
            repeats_message_index: repeats,
            found_at: Some(timestamp(hit.found_at)),
            verdict: newest.into(),
            judgements: hit.judgements.into_iter().map(Into::into).collect(),
            etag,
        }
    }
}

fn rate(numerator: i64, denominator: i64, estimate: Option<Estimate>) -> Rate {
    Rate { numerator, denominator, quotient: estimate.map(|estimate| estimate.value) }
}

fn interval(estimate: Estimate) -> pb::FigureInterval {
    pb::FigureInterval { low: estimate.interval.low, high: estimate.interval.high }
}

impl From<CheckFigure> for pb::CheckFigure {
    fn from(figure: CheckFigure) -> Self {
        let estimate = figure.rate();
        Self {
            rate: Some(rate(figure.upheld(), figure.chats, estimate)),
            interval: estimate.map(interval),
            detection: figure.detection(),
            group_key: figure.key,
            business_day: figure.day.map(date),
            rule_id: figure.rule_id,
            chats: figure.chats,
            chats_hit: figure.chats_hit,
            chats_refuted: figure.chats_refuted,
            hits: figure.hits,
            sampled: figure.sampled,
        }
    }
}

impl From<RuleAccuracy> for pb::RuleAccuracy {
    fn from(rule: RuleAccuracy) -> Self {
        let estimate = rule.precision();
        Self {
            precision: Some(rate(rule.confirmed, rule.confirmed + rule.disputed, estimate)),
            interval: estimate.map(interval),
            rule_id: rule.rule_id,
            hits: rule.hits,
            confirmed: rule.confirmed,
            disputed: rule.disputed,
        }
    }
}

impl From<DryRun> for pb::DryRun {
    fn from(run: DryRun) -> Self {
        let state = match run.state {
            DryRunState::Waiting => pb::DryRunState::Waiting,
            DryRunState::Running => pb::DryRunState::Running,
            DryRunState::Done => pb::DryRunState::Done,
            DryRunState::Cancelled => pb::DryRunState::Cancelled,
            DryRunState::Failed => pb::DryRunState::Failed,
        };
        Self {
            dry_run_id: run.id.to_string(),
            rule_set_version: run.rule_set_version,
            days: Some(DayRange { from: Some(date(run.days.0)), to: Some(date(run.days.1)) }),
            state: state.into(),
            chats_expected: run.chats_expected,
            chats_checked: run.chats_checked,
            failure: run.failure,
            created_by: run.created_by,
            created_at: Some(timestamp(run.created_at)),
            finished_at: run.finished_at.map(timestamp),
        }
    }
}

impl From<DryRunFigure> for pb::DryRunFigure {
    fn from(figure: DryRunFigure) -> Self {
        let tally = figure.tally;
        Self {
            rule_id: figure.rule_id,
            account_id: figure.account,
            chats: figure.chats,
            hits: tally.hits,
            chats_hit: tally.chats_hit,
            live_hits: tally.live_hits,
            live_chats_hit: tally.live_chats_hit,
            chats_gained: tally.chats_gained,
            chats_lost: tally.chats_lost,
        }
    }
}

impl From<Example> for pb::DryRunExample {
    fn from(example: Example) -> Self {
        let kind = match example.kind {
            ExampleKind::Kept => pb::DryRunExampleKind::Kept,
            ExampleKind::Gained => pb::DryRunExampleKind::Gained,
            ExampleKind::Lost => pb::DryRunExampleKind::Lost,
        };
        Self {
            rule_id: example.rule_id,
            kind: kind.into(),
            conversation: Some(conversation_ref(example.conversation)),
            business_day: Some(date(example.business_day)),
            account_id: example.account.into_string(),
            span: Some(example.span.into()),
            excerpt: example.excerpt,
        }
    }
}
