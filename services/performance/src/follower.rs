//! What the directory learns from others: accounts met in chats.

use events::{Event, HandleError, Handler, Payload};
use pg::Transaction;
use runtime::ids::{AccountId, MerchantId};
use status::{Failure, Kind};

use crate::domain::Performance;
use crate::domain::text;
use crate::error::PerformanceError;

/// Puts in an unconfirmed person for each account that nobody knows.
#[derive(Debug, Clone)]
pub struct AccountsSeen {
    performance: Performance,
}

impl AccountsSeen {
    /// Into this directory.
    pub fn new(performance: Performance) -> Self {
        Self { performance }
    }
}

impl Handler for AccountsSeen {
    async fn handle(&self, conn: &mut Transaction, event: &Event) -> Result<(), HandleError> {
        let Some(Payload::AgentSeen(seen)) = &event.payload else {
            return Err(HandleError::poison("only AgentSeen is followed here"));
        };
        let account =
            text::required("account_id", &seen.account_id).map_err(|e| HandleError::poison(e.to_string()))?;
        let first_day = seen.first_day.as_ref().and_then(proto::time::day);
        let first_day = first_day.ok_or_else(|| HandleError::poison("first_day is no day"))?;
        let merchant = MerchantId::new(event.merchant_id.as_str());
        let account = AccountId::new(account);
        self.performance.agent_seen(conn, &merchant, account, first_day).await.map_err(failed)?;
        Ok(())
    }
}

fn failed(error: PerformanceError) -> HandleError {
    match error {
        PerformanceError::Storage(error) => error.into(),
        PerformanceError::Event(error) => error.into(),
        other if other.kind() == Kind::Internal => HandleError::transient(other),
        other => HandleError::poison(other),
    }
}
