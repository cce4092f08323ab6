//! `jinpai.metrics.v1.CustomerService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::customer_service_server::CustomerService;
use proto::time::date;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::customers::Customers;
use crate::grpc::decode::{EXPLAINED_DAYS_MAX, check_no_nul, id};
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.CustomerService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct CustomerApi {
    customers: Customers,
}

impl CustomerApi {
    /// In front of these use cases.
    pub fn new(customers: Customers) -> Self {
        Self { customers }
    }
}

#[tonic::async_trait]
impl CustomerService for CustomerApi {
    async fn get_tier_rules(
        &self,
        request: Request<pb::GetTierRulesRequest>,
    ) -> Reply<pb::GetTierRulesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let rules = self.customers.get_rules(&scope.merchant, message.version).await?;
        let rules = Some(encode::rules(&rules, self.customers.currency()));
        Ok(Response::new(pb::GetTierRulesResponse { rules }))
    }

    async fn put_tier_rules(
        &self,
        request: Request<pb::PutTierRulesRequest>,
    ) -> Reply<pb::PutTierRulesResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let content = decode::rules(message.rules.as_ref(), self.customers.currency())?;
        let by = By::new(&request, rpc!("PutTierRules"), &message.request_id);
        let rules = self.customers.put_rules(&by, &message.etag, content).await?;
        let rules = Some(encode::rules(&rules, self.customers.currency()));
        Ok(Response::new(pb::PutTierRulesResponse { rules }))
    }

    async fn get_customer(&self, request: Request<pb::GetCustomerRequest>) -> Reply<pb::GetCustomerResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let shop = id("shop_id", &message.shop_id)?;
        let customer = id("customer_id", &message.customer_id)?;
        let (customer, pending) = self.customers.get_customer(&scope, &shop, &customer).await?;
        let customer = Some(encode::customer(&customer, self.customers.currency()));
        Ok(Response::new(pb::GetCustomerResponse { customer, pending }))
    }

    async fn list_customers(
        &self,
        request: Request<pb::ListCustomersRequest>,
    ) -> Reply<pb::ListCustomersResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(message.filter.as_ref(), message.at_risk)?;
        let page = page(message.page_size, &message.page_token, format!("customers {filter:?}"))?;
        let (found, pending) = self.customers.list_customers(&scope, &filter, &page).await?;
        let currency = self.customers.currency();
        Ok(Response::new(pb::ListCustomersResponse {
            customers: found.items.iter().map(|customer| encode::customer(customer, currency)).collect(),
            next_page_token: found.next_page_token,
            pending,
        }))
    }

    async fn count_tiers(&self, request: Request<pb::CountTiersRequest>) -> Reply<pb::CountTiersResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(message.filter.as_ref(), false)?;
        let (tiers, pending) = self.customers.count_tiers(&scope, &filter).await?;
        let currency = self.customers.currency();
        let tiers = tiers.into_iter().map(|count| encode::tier_count(count, currency)).collect();
        Ok(Response::new(pb::CountTiersResponse { tiers, pending }))
    }

    async fn share_out_care(
        &self,
        request: Request<pb::ShareOutCareRequest>,
    ) -> Reply<pb::ShareOutCareResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let share_out = decode::share_out(message)?;
        let by = By::new(&request, rpc!("ShareOutCare"), &message.request_id);
        let shares = self.customers.share_out_care(&by, &request.scope, &share_out).await?;
        let share = |(person_id, customers)| pb::CareShare { person_id, customers };
        Ok(Response::new(pb::ShareOutCareResponse { shares: shares.into_iter().map(share).collect() }))
    }

    async fn list_care_tasks(
        &self,
        request: Request<pb::ListCareTasksRequest>,
    ) -> Reply<pb::ListCareTasksResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::care_filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("care tasks {filter:?}"))?;
        let found = self.customers.list_care_tasks(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListCareTasksResponse {
            care_tasks: found.items.iter().map(encode::care_task).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn record_care(&self, request: Request<pb::RecordCareRequest>) -> Reply<pb::RecordCareResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let care = id("care_id", &message.care_id)?;
        let state = decode::outcome(message)?;
        check_no_nul("note", &message.note)?;
        let by = By::new(&request, rpc!("RecordCare"), &message.request_id);
        let at = (care.as_str(), message.etag.as_str());
        let task = self.customers.record_care(&by, &request.scope, at, state, &message.note).await?;
        Ok(Response::new(pb::RecordCareResponse { care_task: Some(encode::care_task(&task)) }))
    }

    async fn reassign_care(
        &self,
        request: Request<pb::ReassignCareRequest>,
    ) -> Reply<pb::ReassignCareResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let care = id("care_id", &message.care_id)?;
        let person = id("person_id", &message.person_id)?;
        let by = By::new(&request, rpc!("ReassignCare"), &message.request_id);
        let at = (care.as_str(), message.etag.as_str());
        let task = self.customers.reassign_care(&by, &request.scope, at, &person).await?;
        Ok(Response::new(pb::ReassignCareResponse { care_task: Some(encode::care_task(&task)) }))
    }

    async fn get_repurchase(
        &self,
        request: Request<pb::GetRepurchaseRequest>,
    ) -> Reply<pb::GetRepurchaseResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let range = super::decode::range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?;
        let group = super::decode::group(message.group())?;
        let filter = super::decode::filter(message.filter.as_ref())?;
        let list = format!("repurchase {range:?} {group:?} {filter:?}");
        let page = page(message.page_size, &message.page_token, list)?;
        let found = self.customers.get_repurchase(&scope, (range, group, &filter), &page).await?;
        Ok(Response::new(pb::GetRepurchaseResponse {
            repurchases: found.rows.items.into_iter().map(encode::repurchase).collect(),
            repurchase_days: found.within_days,
            pending: found.pending,
            next_page_token: found.rows.next_page_token,
            through: Some(date(found.through)),
        }))
    }
    async fn explain_repurchase(
        &self,
        request: Request<pb::ExplainRepurchaseRequest>,
    ) -> Reply<pb::ExplainRepurchaseResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let range = super::decode::range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?;
        let filter = super::decode::filter(message.filter.as_ref())?;
        let page =
            page(message.page_size, &message.page_token, format!("repurchase buyers {range:?} {filter:?}"))?;
        let found = self.customers.explain_repurchase(&scope, (range, &filter), &page).await?;
        Ok(Response::new(pb::ExplainRepurchaseResponse {
            buyers: found.rows.items.into_iter().map(encode::repurchase_buyer).collect(),
            repurchase_days: found.within_days,
            through: Some(date(found.through)),
            pending: found.pending,
            next_page_token: found.rows.next_page_token,
        }))
    }
}
