//! `jinpai.metrics.v1.AnalysisService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::analysis_service_server::AnalysisService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::analysis::Analysis;
use crate::grpc::encode as metrics_encode;
use crate::grpc::{Reply, decode as metrics_decode, page, slice};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.AnalysisService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct AnalysisApi {
    analysis: Analysis,
}

impl AnalysisApi {
    /// In front of these use cases.
    pub fn new(analysis: Analysis) -> Self {
        Self { analysis }
    }
}

#[tonic::async_trait]
impl AnalysisService for AnalysisApi {
    async fn list_restatements(
        &self,
        request: Request<pb::ListRestatementsRequest>,
    ) -> Reply<pb::ListRestatementsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let range = metrics_decode::range("days", message.days.as_ref(), metrics_decode::DAYS_MAX)?;
        let group = slice::whole_group(message.group())?;
        let subject = decode::subject(message.filter.as_ref(), message.definition.as_ref())?;
        let page = page(message.page_size, &message.page_token, format!("{range:?} {group:?} {subject:?}"))?;
        let found = self.analysis.list_restatements(&scope, (range, group), subject, &page).await?;
        let found = found.map(|entry| encode::restatement(&entry));
        Ok(Response::new(pb::ListRestatementsResponse {
            restatements: found.items,
            next_page_token: found.next_page_token,
        }))
    }

    async fn explain_change(
        &self,
        request: Request<pb::ExplainChangeRequest>,
    ) -> Reply<pb::ExplainChangeResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let measure = metrics_decode::measure(message.measure())?;
        let facet = decode::facet(message.facet(), measure)?;
        let days_max = decode::days_max(facet);
        let (base, days) =
            decode::sides(message.days.as_ref(), message.base_days.as_ref(), message.compare(), days_max)?;
        let subject = decode::subject(message.filter.as_ref(), message.definition.as_ref())?;
        let found = self.analysis.explain_change(&scope, measure, (base, days), facet, &subject).await?;
        Ok(Response::new(encode::change_parts(found, base, days)))
    }

    async fn explain_sales(
        &self,
        request: Request<pb::ExplainSalesRequest>,
    ) -> Reply<pb::ExplainSalesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let group = metrics_decode::group(message.group())?;
        let (base, days) = decode::sides(
            message.days.as_ref(),
            message.base_days.as_ref(),
            message.compare(),
            metrics_decode::DAYS_MAX,
        )?;
        let subject = decode::subject(message.filter.as_ref(), message.definition.as_ref())?;
        let (whole, parts) = self.analysis.explain_sales(&scope, (base, days), group, &subject).await?;
        let changes = std::iter::once(&whole).chain(&parts);
        let remedies = self.analysis.factor_remedies(&scope, changes).await?;
        let encode = |change| encode::sales_change(change, self.analysis.currency());
        Ok(Response::new(pb::ExplainSalesResponse {
            days: Some(metrics_encode::day_range(days)),
            base_days: Some(metrics_encode::day_range(base)),
            whole: Some(encode(whole)),
            parts: parts.into_iter().map(encode).collect(),
            remedies: remedies.into_iter().map(encode::factor_remedies).collect(),
        }))
    }

    async fn judge_figures(
        &self,
        request: Request<pb::JudgeFiguresRequest>,
    ) -> Reply<pb::JudgeFiguresResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let measure = metrics_decode::measure(message.measure())?;
        let days = decode::judged_days(message.business_day.as_ref(), message.days.as_ref())?;
        let group = metrics_decode::group(message.group())?;
        let count = decode::like_periods(message.weeks)?;
        let subject = decode::subject(message.filter.as_ref(), message.definition.as_ref())?;
        slice::check_sliced(measure, group.slices(&subject.filter).as_ref())?;
        let judged = self.analysis.judge_figures(&scope, (measure, days, group), count, subject).await?;
        let judgements = judged.into_iter().map(encode::judgement).collect();
        Ok(Response::new(pb::JudgeFiguresResponse { judgements }))
    }

    async fn get_advice(&self, request: Request<pb::GetAdviceRequest>) -> Reply<pb::GetAdviceResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = metrics_decode::range("days", message.days.as_ref(), metrics_decode::DAYS_MAX)?;
        let group = slice::whole_group(message.group())?;
        let against = decode::against(message.compare());
        let threshold = (message.threshold != 0.0).then_some(message.threshold);
        let subject = decode::subject(message.filter.as_ref(), message.definition.as_ref())?;
        let list = format!("{days:?} {group:?} {against:?} {threshold:?} {subject:?}");
        let groups_max = i32::try_from(self.analysis.advice_groups_max()).unwrap_or(i32::MAX);
        let size = if message.page_size == 0 { groups_max } else { message.page_size.min(groups_max) };
        let page = page(size, &message.page_token, list)?;
        let asked = (days, group, against);
        let found = self.analysis.get_advice(&scope, asked, threshold, subject, &page).await?;
        let found = found.map(encode::advice);
        Ok(Response::new(pb::GetAdviceResponse {
            advice: found.items,
            base_days: Some(metrics_encode::day_range(decode::base_of(days, against))),
            next_page_token: found.next_page_token,
        }))
    }

    async fn list_remedies(
        &self,
        request: Request<pb::ListRemediesRequest>,
    ) -> Reply<pb::ListRemediesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let measure = match message.measure() {
            pb::Measure::Unspecified => None,
            measure => Some(metrics_decode::measure(measure)?),
        };
        let page = page(message.page_size, &message.page_token, format!("remedies {measure:?}"))?;
        let found = self.analysis.list_remedies(&scope, measure, &page).await?.map(encode::remedy);
        Ok(Response::new(pb::ListRemediesResponse {
            remedies: found.items,
            next_page_token: found.next_page_token,
        }))
    }

    async fn get_remedy(&self, request: Request<pb::GetRemedyRequest>) -> Reply<pb::GetRemedyResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let remedy = self.analysis.get_remedy(&scope, &message.remedy_id).await?;
        Ok(Response::new(pb::GetRemedyResponse { remedy: Some(encode::remedy(remedy)) }))
    }

    async fn create_remedy(
        &self,
        request: Request<pb::CreateRemedyRequest>,
    ) -> Reply<pb::CreateRemedyResponse> {
        let request = admitted(request)?;
        let (_, entry) = decode::remedy(request.message.remedy.as_ref())?;
        let by = By::new(&request, rpc!("CreateRemedy"), &request.message.request_id);
        let remedy = self.analysis.create_remedy(&by, entry).await?;
        Ok(Response::new(pb::CreateRemedyResponse { remedy: Some(encode::remedy(remedy)) }))
    }

    async fn update_remedy(
        &self,
        request: Request<pb::UpdateRemedyRequest>,
    ) -> Reply<pb::UpdateRemedyResponse> {
        let request = admitted(request)?;
        let (id, entry) = decode::remedy(request.message.remedy.as_ref())?;
        let by = By::new(&request, rpc!("UpdateRemedy"), &request.message.request_id);
        let remedy = self.analysis.update_remedy(&by, id, &request.message.etag, entry).await?;
        Ok(Response::new(pb::UpdateRemedyResponse { remedy: Some(encode::remedy(remedy)) }))
    }

    async fn delete_remedy(
        &self,
        request: Request<pb::DeleteRemedyRequest>,
    ) -> Reply<pb::DeleteRemedyResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("DeleteRemedy"), &request.message.request_id);
        self.analysis.delete_remedy(&by, &request.message.remedy_id, &request.message.etag).await?;
        Ok(Response::new(pb::DeleteRemedyResponse {}))
    }
}
