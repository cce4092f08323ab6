//! `jinpai.qa.v1.CheckService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::qa::v1 as pb;
use proto::qa::v1::check_service_server::CheckService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use super::decode::{conversation, day, text};
use super::{Reply, page};
use crate::domain::checks::Checks;
use crate::domain::hit::HitVerdict;
use crate::domain::rule_set::RuleSet;
use crate::error::QaError;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.qa.v1.CheckService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct CheckApi {
    checks: Checks,
}

impl CheckApi {
    /// In front of these use cases.
    pub fn new(checks: Checks) -> Self {
        Self { checks }
    }

    /// A version as it stands today.
    async fn encoded(
        &self,
        merchant: &runtime::ids::MerchantId,
        set: RuleSet,
    ) -> Result<Option<pb::CheckRuleSet>, QaError> {
        let today = self.checks.today(merchant).await?;
        Ok(Some(encode::rule_set(set, today)?))
    }
}

#[tonic::async_trait]
impl CheckService for CheckApi {
    async fn create_check_rule_set(
        &self,
        request: Request<pb::CreateCheckRuleSetRequest>,
    ) -> Reply<pb::CreateCheckRuleSetResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("CreateCheckRuleSet"), &request.message.request_id);
        let from = decode::rules_from(&request.message)?;
        let note = text("note", &request.message.note)?;
        let set = self.checks.create_rule_set(&by, &request.scope, &from, note).await?;
        let rule_set = self.encoded(&by.caller.merchant, set).await?;
        Ok(Response::new(pb::CreateCheckRuleSetResponse { rule_set }))
    }

    async fn update_check_rule_set(
        &self,
        request: Request<pb::UpdateCheckRuleSetRequest>,
    ) -> Reply<pb::UpdateCheckRuleSetResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("UpdateCheckRuleSet"), &request.message.request_id);
        let pb::UpdateCheckRuleSetRequest { version, etag, rules_json, note, .. } = &request.message;
        let (rules, note) = (text("rules_json", rules_json)?, text("note", note)?);
        let set = self.checks.update_rule_set(&by, *version, etag, rules, note).await?;
        let rule_set = self.encoded(&by.caller.merchant, set).await?;
        Ok(Response::new(pb::UpdateCheckRuleSetResponse { rule_set }))
    }

    async fn publish_check_rule_set(
        &self,
        request: Request<pb::PublishCheckRuleSetRequest>,
    ) -> Reply<pb::PublishCheckRuleSetResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("PublishCheckRuleSet"), &request.message.request_id);
        let pb::PublishCheckRuleSetRequest { version, etag, live_from, .. } = &request.message;
        let from = day("live_from", *live_from)?;
        let set = self.checks.publish_rule_set(&by, *version, etag, from).await?;
        let rule_set = self.encoded(&by.caller.merchant, set).await?;
        Ok(Response::new(pb::PublishCheckRuleSetResponse { rule_set }))
    }

    async fn retire_check_rule_set(
        &self,
        request: Request<pb::RetireCheckRuleSetRequest>,
    ) -> Reply<pb::RetireCheckRuleSetResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RetireCheckRuleSet"), &request.message.request_id);
        let pb::RetireCheckRuleSetRequest { version, etag, .. } = &request.message;
        let set = self.checks.retire_rule_set(&by, *version, etag).await?;
        let rule_set = self.encoded(&by.caller.merchant, set).await?;
        Ok(Response::new(pb::RetireCheckRuleSetResponse { rule_set }))
    }

    async fn get_check_rule_set(
        &self,
        request: Request<pb::GetCheckRuleSetRequest>,
    ) -> Reply<pb::GetCheckRuleSetResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let on = message.business_day.map(|on| day("business_day", Some(on))).transpose()?;
        if message.version.is_some() && on.is_some() {
            return Err(QaError::invalid("business_day", "goes without version").into());
        }
        let set = self.checks.get_rule_set(&scope, message.version, on).await?;
        let rule_set = self.encoded(&scope.merchant, set).await?;
        Ok(Response::new(pb::GetCheckRuleSetResponse { rule_set }))
    }

    async fn list_check_rule_sets(
        &self,
        request: Request<pb::ListCheckRuleSetsRequest>,
    ) -> Reply<pb::ListCheckRuleSetsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, "check rule sets".to_owned())?;
        let listed = self.checks.list_rule_sets(&scope, &page).await?;
        let today = self.checks.today(&scope.merchant).await?;
        let sets = listed.items.into_iter().map(|set| encode::listed_rule_set(set, today));
        Ok(Response::new(pb::ListCheckRuleSetsResponse {
            rule_sets: sets.collect::<Result<_, QaError>>()?,
            next_page_token: listed.next_page_token,
        }))
    }

    async fn start_dry_run(
        &self,
        request: Request<pb::StartDryRunRequest>,
    ) -> Reply<pb::StartDryRunResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("StartDryRun"), &request.message.request_id);
        let days = decode::days_within(request.message.days, decode::HIT_DAYS_MAX)?;
        let run = self.checks.start_dry_run(&by, &request.scope, request.message.version, days).await?;
        Ok(Response::new(pb::StartDryRunResponse { dry_run: Some(run.into()) }))
    }

    async fn get_dry_run(&self, request: Request<pb::GetDryRunRequest>) -> Reply<pb::GetDryRunResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let run = self.checks.get_dry_run(&scope, decode::dry_run_id(&message.dry_run_id)?).await?;
        Ok(Response::new(pb::GetDryRunResponse { dry_run: Some(run.into()) }))
    }

    async fn list_dry_runs(
        &self,
        request: Request<pb::ListDryRunsRequest>,
    ) -> Reply<pb::ListDryRunsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, "dry runs".to_owned())?;
        let listed = self.checks.list_dry_runs(&scope, &page).await?;
        let dry_runs = super::converted(listed.items);
        Ok(Response::new(pb::ListDryRunsResponse { dry_runs, next_page_token: listed.next_page_token }))
    }

    async fn cancel_dry_run(
        &self,
        request: Request<pb::CancelDryRunRequest>,
    ) -> Reply<pb::CancelDryRunResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("CancelDryRun"), &request.message.request_id);
        let run = self.checks.cancel_dry_run(&by, decode::dry_run_id(&request.message.dry_run_id)?).await?;
        Ok(Response::new(pb::CancelDryRunResponse { dry_run: Some(run.into()) }))
    }

    async fn list_dry_run_figures(
        &self,
        request: Request<pb::ListDryRunFiguresRequest>,
    ) -> Reply<pb::ListDryRunFiguresResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = decode::dry_run_id(&message.dry_run_id)?;
        let list = format!("dry run figures {id} {}", message.by_account);
        let page = page(message.page_size, &message.page_token, list)?;
        let listed = self.checks.list_dry_run_figures(&scope, id, message.by_account, &page).await?;
        let figures = super::converted(listed.items);
        Ok(Response::new(pb::ListDryRunFiguresResponse { figures, next_page_token: listed.next_page_token }))
    }

    async fn list_dry_run_examples(
        &self,
        request: Request<pb::ListDryRunExamplesRequest>,
    ) -> Reply<pb::ListDryRunExamplesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = decode::dry_run_id(&message.dry_run_id)?;
        let rule = text("rule_id", &message.rule_id)?;
        let page = page(message.page_size, &message.page_token, format!("dry run examples {id} {rule}"))?;
        let listed = self.checks.list_dry_run_examples(&scope, id, rule, &page).await?;
        let examples = super::converted(listed.items);
        Ok(Response::new(pb::ListDryRunExamplesResponse {
            examples,
            next_page_token: listed.next_page_token,
        }))
    }

    async fn list_hits(&self, request: Request<pb::ListHitsRequest>) -> Reply<pb::ListHitsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = decode::days_within(message.days, decode::HIT_DAYS_MAX)?;
        let filter = decode::hit_filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("hits {days:?} {filter:?}"))?;
        let listed = self.checks.list_hits(&scope, days, &filter, &page).await?;
        let hits = super::converted(listed.items);
        Ok(Response::new(pb::ListHitsResponse { hits, next_page_token: listed.next_page_token }))
    }

    async fn get_conversation_hits(
        &self,
        request: Request<pb::GetConversationHitsRequest>,
    ) -> Reply<pb::GetConversationHitsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = conversation("conversation", message.conversation)?;
        let found = self.checks.get_conversation_hits(&scope, &id).await?;
        Ok(Response::new(pb::GetConversationHitsResponse {
            hits: super::converted(found.hits),
            checked_revision: found.checked_revision,
            revision: found.revision,
            rule_set_version: found.rule_set_version,
        }))
    }

    async fn confirm_hit(&self, request: Request<pb::ConfirmHitRequest>) -> Reply<pb::ConfirmHitResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("ConfirmHit"), &request.message.request_id);
        let pb::ConfirmHitRequest { conversation, hit_id, etag, note, .. } = &request.message;
        let judge = decode::judge_hit(conversation.clone(), hit_id, etag, HitVerdict::Confirmed, note)?;
        let hit = self.checks.judge_hit(&by, &request.scope, &judge).await?;
        Ok(Response::new(pb::ConfirmHitResponse { hit: Some(hit.into()) }))
    }

    async fn dispute_hit(&self, request: Request<pb::DisputeHitRequest>) -> Reply<pb::DisputeHitResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("DisputeHit"), &request.message.request_id);
        let pb::DisputeHitRequest { conversation, hit_id, etag, note, .. } = &request.message;
        let judge = decode::judge_hit(conversation.clone(), hit_id, etag, HitVerdict::Disputed, note)?;
        let hit = self.checks.judge_hit(&by, &request.scope, &judge).await?;
        Ok(Response::new(pb::DisputeHitResponse { hit: Some(hit.into()) }))
    }

    async fn get_check_figures(
        &self,
        request: Request<pb::GetCheckFiguresRequest>,
    ) -> Reply<pb::GetCheckFiguresResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::figure_filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("check figures {filter:?}"))?;
        let listed = self.checks.get_check_figures(&scope, &filter, &page).await?;
        let figures = super::converted(listed.items);
        Ok(Response::new(pb::GetCheckFiguresResponse { figures, next_page_token: listed.next_page_token }))
    }

    async fn get_rule_accuracy(
        &self,
        request: Request<pb::GetRuleAccuracyRequest>,
    ) -> Reply<pb::GetRuleAccuracyResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = decode::days_within(message.days, decode::FIGURE_DAYS_MAX)?;
        let rules = super::converted(self.checks.get_rule_accuracy(&scope, days).await?);
        Ok(Response::new(pb::GetRuleAccuracyResponse { rules }))
    }
}
