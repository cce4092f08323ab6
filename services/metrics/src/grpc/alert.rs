//! `jinpai.metrics.v1.AlertService`: parse, call, encode. No rule lives here.

pub(super) mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::alert_service_server::AlertService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::alerts::Alerts;
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.AlertService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct AlertApi {
    alerts: Alerts,
}

impl AlertApi {
    /// In front of these use cases.
    pub fn new(alerts: Alerts) -> Self {
        Self { alerts }
    }
}

#[tonic::async_trait]
impl AlertService for AlertApi {
    async fn list_alert_rules(
        &self,
        request: Request<pb::ListAlertRulesRequest>,
    ) -> Reply<pb::ListAlertRulesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::rule_filter(&message);
        let page = page(message.page_size, &message.page_token, format!("alert rules {filter:?}"))?;
        let found = self.alerts.list_rules(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListAlertRulesResponse {
            rules: found.items.iter().map(encode::rule).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn get_alert_rule(
        &self,
        request: Request<pb::GetAlertRuleRequest>,
    ) -> Reply<pb::GetAlertRuleResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("rule_id", &message.rule_id)?;
        let rule = self.alerts.get_rule(&scope, &id).await?;
        Ok(Response::new(pb::GetAlertRuleResponse { rule: Some(encode::rule(&rule)) }))
    }

    async fn list_alert_rule_versions(
        &self,
        request: Request<pb::ListAlertRuleVersionsRequest>,
    ) -> Reply<pb::ListAlertRuleVersionsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("rule_id", &message.rule_id)?;
        let page = page(message.page_size, &message.page_token, format!("versions of alert rule {id}"))?;
        let found = self.alerts.list_rule_versions(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListAlertRuleVersionsResponse {
            versions: found.items.iter().map(encode::rule).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn create_alert_rule(
        &self,
        request: Request<pb::CreateAlertRuleRequest>,
    ) -> Reply<pb::CreateAlertRuleResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("rule_id", &message.rule_id)?;
        let content = decode::content(message.content.as_ref())?;
        let by = By::new(&request, rpc!("CreateAlertRule"), &message.request_id);
        let rule = self.alerts.create_rule(&by, &request.scope, id, content).await?;
        Ok(Response::new(pb::CreateAlertRuleResponse { rule: Some(encode::rule(&rule)) }))
    }

    async fn update_alert_rule(
        &self,
        request: Request<pb::UpdateAlertRuleRequest>,
    ) -> Reply<pb::UpdateAlertRuleResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("rule_id", &message.rule_id)?;
        let content = decode::content(message.content.as_ref())?;
        let by = By::new(&request, rpc!("UpdateAlertRule"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let rule = self.alerts.update_rule(&by, &request.scope, at, content).await?;
        Ok(Response::new(pb::UpdateAlertRuleResponse { rule: Some(encode::rule(&rule)) }))
    }

    async fn delete_alert_rule(
        &self,
        request: Request<pb::DeleteAlertRuleRequest>,
    ) -> Reply<pb::DeleteAlertRuleResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("rule_id", &message.rule_id)?;
        let by = By::new(&request, rpc!("DeleteAlertRule"), &message.request_id);
        self.alerts.delete_rule(&by, (&id, &message.etag)).await?;
        Ok(Response::new(pb::DeleteAlertRuleResponse {}))
    }

    async fn preview_alert_rule(
        &self,
        request: Request<pb::PreviewAlertRuleRequest>,
    ) -> Reply<pb::PreviewAlertRuleResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let content = decode::content(message.content.as_ref())?;
        let findings = self.alerts.preview_rule(&scope, content).await?;
        let findings = findings.iter().map(encode::finding).collect();
        Ok(Response::new(pb::PreviewAlertRuleResponse { findings }))
    }

    async fn report_alert(&self, request: Request<pb::ReportAlertRequest>) -> Reply<pb::ReportAlertResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("alert_id", &message.alert_id)?;
        let report = decode::report(message)?;
        let by = By::new(&request, rpc!("ReportAlert"), &message.request_id);
        let alert = self.alerts.report_alert(&by, id, report).await?;
        Ok(Response::new(pb::ReportAlertResponse { alert: Some(encode::alert(&alert)) }))
    }

    async fn get_alert(&self, request: Request<pb::GetAlertRequest>) -> Reply<pb::GetAlertResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("alert_id", &message.alert_id)?;
        let alert = self.alerts.get_alert(&scope, &id).await?;
        Ok(Response::new(pb::GetAlertResponse { alert: Some(encode::alert(&alert)) }))
    }

    async fn list_alerts(&self, request: Request<pb::ListAlertsRequest>) -> Reply<pb::ListAlertsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("alerts {filter:?}"))?;
        let found = self.alerts.list_alerts(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListAlertsResponse {
            alerts: found.items.iter().map(encode::alert).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn list_alert_entries(
        &self,
        request: Request<pb::ListAlertEntriesRequest>,
    ) -> Reply<pb::ListAlertEntriesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("alert_id", &message.alert_id)?;
        let page = page(message.page_size, &message.page_token, format!("alert entries {id}"))?;
        let found = self.alerts.list_entries(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListAlertEntriesResponse {
            entries: found.items.iter().map(encode::entry).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn acknowledge_alert(
        &self,
        request: Request<pb::AcknowledgeAlertRequest>,
    ) -> Reply<pb::AcknowledgeAlertResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("alert_id", &message.alert_id)?;
        super::decode::check_no_nul("note", &message.note)?;
        let by = By::new(&request, rpc!("AcknowledgeAlert"), &message.request_id);
        let alert = self.alerts.acknowledge_alert(&by, &request.scope, &id, &message.note).await?;
        Ok(Response::new(pb::AcknowledgeAlertResponse { alert: Some(encode::alert(&alert)) }))
    }

    async fn comment_alert(
        &self,
        request: Request<pb::CommentAlertRequest>,
    ) -> Reply<pb::CommentAlertResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("alert_id", &message.alert_id)?;
        super::decode::check_no_nul("text", &message.text)?;
        let by = By::new(&request, rpc!("CommentAlert"), &message.request_id);
        let entry = self.alerts.comment_alert(&by, &request.scope, &id, &message.text).await?;
        Ok(Response::new(pb::CommentAlertResponse { entry: Some(encode::entry(&entry)) }))
    }

    async fn resolve_alert(
        &self,
        request: Request<pb::ResolveAlertRequest>,
    ) -> Reply<pb::ResolveAlertResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("alert_id", &message.alert_id)?;
        super::decode::check_no_nul("note", &message.note)?;
        let outcome = decode::outcome(message.outcome())?;
        let by = By::new(&request, rpc!("ResolveAlert"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let alert = self.alerts.resolve_alert(&by, &request.scope, at, outcome, &message.note).await?;
        Ok(Response::new(pb::ResolveAlertResponse { alert: Some(encode::alert(&alert)) }))
    }
}
