//! `jinpai.qa.v1.PrivacyService`: parse, call, encode. No rule lives here.

use pg::By;
use proto::common::v1::DayRange;
use proto::qa::v1 as pb;
use proto::qa::v1::privacy_service_server::PrivacyService;
use proto::time::{date, timestamp};
use runtime::identity::{Admitted, admitted};
use runtime::ids::AccountId;
use tonic::{Request, Response};
use uuid::Uuid;

use super::decode::{conversation, conversation_ref, days, id, text};
use super::{Reply, converted, page};
use crate::domain::hold::{Erasure, Held, LegalHold};
use crate::domain::privacy::Privacy;
use crate::error::QaError;
use crate::privacy_error::PrivacyError;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.qa.v1.PrivacyService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct PrivacyApi {
    privacy: Privacy,
}

impl PrivacyApi {
    /// In front of these use cases.
    pub fn new(privacy: Privacy) -> Self {
        Self { privacy }
    }
}

/// What is to be held.
fn held(wire: &pb::PlaceHoldRequest) -> Result<Held, QaError> {
    let account = text("account_id", &wire.account_id)?;
    let account = (!account.is_empty()).then(|| AccountId::new(account));
    match (&wire.conversation, &wire.days) {
        (Some(chat), None) if account.is_none() => {
            Ok(Held::Chat(conversation("conversation", Some(chat.clone()))?))
        }
        (Some(_), None) => Err(QaError::invalid("account_id", "goes with days only")),
        (None, Some(range)) => {
            let (from, to) = days("days", Some(*range))?;
            Ok(Held::Days { from, to, account })
        }
        _ => Err(QaError::invalid("conversation", "give exactly one of conversation and days")),
    }
}

#[tonic::async_trait]
impl PrivacyService for PrivacyApi {
    async fn place_hold(&self, request: Request<pb::PlaceHoldRequest>) -> Reply<pb::PlaceHoldResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("PlaceHold"), &request.message.request_id);
        let (held, reason) = (held(&request.message)?, id("reason", &request.message.reason)?);
        let hold = self.privacy.place_hold(&by, &request.scope, &held, reason).await?;
        Ok(Response::new(pb::PlaceHoldResponse { hold: Some(hold.into()) }))
    }

    async fn lift_hold(&self, request: Request<pb::LiftHoldRequest>) -> Reply<pb::LiftHoldResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("LiftHold"), &request.message.request_id);
        let pb::LiftHoldRequest { hold_id, etag, reason, .. } = &request.message;
        let hold = Uuid::parse_str(hold_id)
            .map_err(|_| QaError::from(PrivacyError::HoldNotFound { hold: hold_id.clone() }))?;
        let hold = self.privacy.lift_hold(&by, hold, etag, id("reason", reason)?).await?;
        Ok(Response::new(pb::LiftHoldResponse { hold: Some(hold.into()) }))
    }

    async fn list_holds(&self, request: Request<pb::ListHoldsRequest>) -> Reply<pb::ListHoldsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, format!("holds {}", message.in_force))?;
        let listed = self.privacy.list_holds(&scope, message.in_force, &page).await?;
        let holds = converted(listed.items);
        Ok(Response::new(pb::ListHoldsResponse { holds, next_page_token: listed.next_page_token }))
    }

    async fn erase_customer(
        &self,
        request: Request<pb::EraseCustomerRequest>,
    ) -> Reply<pb::EraseCustomerResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("EraseCustomer"), &request.message.request_id);
        let pb::EraseCustomerRequest { customer_id, reason, .. } = &request.message;
        let (customer, reason) = (id("customer_id", customer_id)?, id("reason", reason)?);
        let erasure = self.privacy.erase_customer(&by, customer, reason).await?;
        Ok(Response::new(pb::EraseCustomerResponse { erasure: Some(erasure.into()) }))
    }

    async fn get_erasure(&self, request: Request<pb::GetErasureRequest>) -> Reply<pb::GetErasureResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = Uuid::parse_str(&message.erasure_id).map_err(|_| {
            QaError::from(PrivacyError::ErasureNotFound { erasure: message.erasure_id.clone() })
        })?;
        let erasure = self.privacy.get_erasure(&scope, id).await?;
        Ok(Response::new(pb::GetErasureResponse { erasure: Some(erasure.into()) }))
    }

    async fn list_erasures(
        &self,
        request: Request<pb::ListErasuresRequest>,
    ) -> Reply<pb::ListErasuresResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, "erasures".to_owned())?;
        let listed = self.privacy.list_erasures(&scope, &page).await?;
        let erasures = converted(listed.items);
        Ok(Response::new(pb::ListErasuresResponse { erasures, next_page_token: listed.next_page_token }))
    }
}

impl From<LegalHold> for pb::LegalHold {
    fn from(hold: LegalHold) -> Self {
        let etag = hold.etag().to_owned();
        let (conversation, days, account) = match hold.held {
            Held::Chat(chat) => (Some(conversation_ref(chat)), None, None),
            Held::Days { from, to, account } => {
                (None, Some(DayRange { from: Some(date(from)), to: Some(date(to)) }), account)
            }
        };
        let lifted = hold.lifted;
        Self {
            hold_id: hold.id.to_string(),
            conversation,
            days,
            account_id: account.map(AccountId::into_string).unwrap_or_default(),
            reason: hold.reason,
            placed_by: hold.placed_by,
            placed_at: Some(timestamp(hold.placed_at)),
            lifted_by: lifted.as_ref().map(|lifted| lifted.by.clone()).unwrap_or_default(),
            lifted_at: lifted.as_ref().map(|lifted| timestamp(lifted.at)),
            lift_reason: lifted.map(|lifted| lifted.reason).unwrap_or_default(),
            etag,
        }
    }
}

impl From<Erasure> for pb::Erasure {
    fn from(erasure: Erasure) -> Self {
        Self {
            erasure_id: erasure.id.to_string(),
            customer_hash: erasure.customer_hash,
            reason: erasure.reason,
            chats_erased: erasure.chats_erased,
            chats_held: erasure.chats_held,
            requested_by: erasure.requested_by,
            requested_at: Some(timestamp(erasure.requested_at)),
            finished_at: erasure.finished_at.map(timestamp),
            buyer_reviews_erased: erasure.buyer_reviews_erased,
            buyer_reviews_held: erasure.buyer_reviews_held,
        }
    }
}
