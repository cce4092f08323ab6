//! Requests about checks.

use chrono::NaiveDate;
use proto::common::v1::{ConversationRef, DayRange};
use proto::qa::v1 as pb;
use textcheck::{Kind, Language, Severity};
use uuid::Uuid;

use crate::check_error::CheckError;
use crate::domain::check_figure::{FigureFilter, FigureGroup};
use crate::domain::hit::{HitFilter, HitVerdict, JudgeHit};
use crate::domain::rule_set::RulesFrom;
use crate::error::QaError;
use crate::grpc::decode::{conversation, days, text};

/// Hits and chats are read for at most so many days.
pub(super) const HIT_DAYS_MAX: i64 = 92;
/// Figures for at most so many.
pub(super) const FIGURE_DAYS_MAX: i64 = 400;

/// A range of days that is not too long.
pub(super) fn days_within(wire: Option<DayRange>, most: i64) -> Result<(NaiveDate, NaiveDate), QaError> {
    let (from, to) = days("days", wire)?;
    if (to - from).num_days() >= most {
        return Err(QaError::invalid("days.to", format!("must be less than {most} days after from")));
    }
    Ok((from, to))
}

/// What somebody says of a hit. An id that is no UUID is the id of no hit.
pub(super) fn judge_hit(
    chat: Option<ConversationRef>,
    hit: &str,
    etag: &str,
    verdict: HitVerdict,
    note: &str,
) -> Result<JudgeHit, QaError> {
    Ok(JudgeHit {
        conversation: conversation("conversation", chat)?,
        hit: Uuid::parse_str(hit).map_err(|_| CheckError::HitNotFound { hit: hit.to_owned() })?,
        etag: etag.to_owned(),
        verdict,
        note: text("note", note)?.to_owned(),
    })
}

/// A dry run's id. One that is no UUID is the id of none.
pub(super) fn dry_run_id(wire: &str) -> Result<Uuid, QaError> {
    Uuid::parse_str(wire).map_err(|_| CheckError::DryRunNotFound { run: wire.to_owned() }.into())
}

/// Where the rules of a draft come from.
pub(super) fn rules_from(wire: &pb::CreateCheckRuleSetRequest) -> Result<RulesFrom, QaError> {
    let language = match wire.built_in() {
        pb::BuiltInRules::Unspecified => None,
        pb::BuiltInRules::Chinese => Some(Language::Chinese),
        pb::BuiltInRules::English => Some(Language::English),
    };
    let json = text("rules_json", &wire.rules_json)?;
    match (json.is_empty(), language, wire.copy_version) {
        (false, None, None) => Ok(RulesFrom::Json(json.to_owned())),
        (true, Some(language), None) => Ok(RulesFrom::BuiltIn(language)),
        (true, None, Some(version)) => Ok(RulesFrom::Version(version)),
        _ => Err(QaError::invalid("rules_json", "give exactly one of rules_json, built_in and copy_version")),
    }
}

fn severity(wire: pb::CheckSeverity) -> Option<Severity> {
    match wire {
        pb::CheckSeverity::Unspecified => None,
        pb::CheckSeverity::Minor => Some(Severity::Minor),
        pb::CheckSeverity::Major => Some(Severity::Major),
        pb::CheckSeverity::Critical => Some(Severity::Critical),
    }
}

fn kind(wire: pb::CheckKind) -> Option<Kind> {
    match wire {
        pb::CheckKind::Unspecified => None,
        pb::CheckKind::ForbiddenWord => Some(Kind::ForbiddenWord),
        pb::CheckKind::OverPromise => Some(Kind::OverPromise),
        pb::CheckKind::SlowReply => Some(Kind::SlowReply),
        pb::CheckKind::MissingGreeting => Some(Kind::MissingGreeting),
        pb::CheckKind::MissingClosing => Some(Kind::MissingClosing),
        pb::CheckKind::AbruptTone => Some(Kind::AbruptTone),
        pb::CheckKind::FallingSentiment => Some(Kind::FallingSentiment),
        pb::CheckKind::PersonalData => Some(Kind::PersonalData),
        pb::CheckKind::CannedReply => Some(Kind::CannedReply),
        pb::CheckKind::RepeatedReply => Some(Kind::RepeatedReply),
    }
}

/// Which hits are asked for.
pub(super) fn hit_filter(wire: &pb::ListHitsRequest) -> Result<HitFilter, QaError> {
    let rules = wire.rule_ids.iter().enumerate();
    Ok(HitFilter {
        account: text("account_id", &wire.account_id)?.to_owned(),
        shop: text("shop_id", &wire.shop_id)?.to_owned(),
        rules: rules
            .map(|(at, rule)| Ok(text(&format!("rule_ids[{at}]"), rule)?.to_owned()))
            .collect::<Result<_, QaError>>()?,
        severities: wire.severities().filter_map(severity).collect(),
        kinds: wire.kinds().filter_map(kind).collect(),
        unjudged: wire.unjudged,
    })
}

/// Which figures are asked for.
pub(super) fn figure_filter(wire: &pb::GetCheckFiguresRequest) -> Result<FigureFilter, QaError> {
    let group = match wire.group() {
        pb::CheckFigureGroup::Account => FigureGroup::Account,
        pb::CheckFigureGroup::Person => FigureGroup::Person,
        pb::CheckFigureGroup::Team => FigureGroup::Team,
        pb::CheckFigureGroup::Shop => FigureGroup::Shop,
        pb::CheckFigureGroup::Merchant => FigureGroup::Merchant,
        pb::CheckFigureGroup::Unspecified => return Err(QaError::invalid("group", "is required")),
    };
    Ok(FigureFilter {
        days: days_within(wire.days, FIGURE_DAYS_MAX)?,
        group,
        by_day: wire.by_day,
        account: text("account_id", &wire.account_id)?.to_owned(),
        team: text("team_id", &wire.team_id)?.to_owned(),
        shop: text("shop_id", &wire.shop_id)?.to_owned(),
        rule: text("rule_id", &wire.rule_id)?.to_owned(),
    })
}
