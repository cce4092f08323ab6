//! `jinpai.metrics.v1.BoardService`: parse, call, encode. No rule lives here.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use proto::metrics::v1 as pb;
use proto::metrics::v1::board_service_server::BoardService;
use proto::time::{date, timestamp};
use runtime::identity::{Admitted, admitted};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::domain::board::{Cursor, NoCursor, RowKey, RowKind, Update};
use crate::domain::boards::Boards;
use crate::domain::money::Currency;
use crate::grpc::Reply;
use crate::grpc::decode::{invalid, optional_id};
use crate::grpc::encode::figures;

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct BoardApi {
    boards: Boards,
    currency: Currency,
}

impl BoardApi {
    /// In front of these use cases.
    pub fn new(boards: Boards, currency: Currency) -> Self {
        Self { boards, currency }
    }
}

#[tonic::async_trait]
impl BoardService for BoardApi {
    type WatchBoardStream = Pin<Box<dyn Stream<Item = Result<pb::WatchBoardResponse, Status>> + Send>>;

    async fn watch_board(&self, request: Request<pb::WatchBoardRequest>) -> Reply<Self::WatchBoardStream> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let shop = optional_id("shop_id", &message.shop_id)?;
        let cursor = match message.cursor.as_str() {
            "" => None,
            text => {
                Some(text.parse::<Cursor>().map_err(|wrong: NoCursor| invalid("cursor", wrong.to_string()))?)
            }
        };
        let updates = ReceiverStream::new(self.boards.watch(&scope, shop, cursor).await?);
        let currency = self.currency.clone();
        let updates = updates.map(move |told| told.map(|told| update(told, &currency)).map_err(Status::from));
        Ok(Response::new(Box::pin(updates)))
    }
}

fn update(update: Update, currency: &Currency) -> pb::WatchBoardResponse {
    let rows = update.rows.into_iter().map(|((kind, _), row)| pb::BoardRow {
        kind: row_kind(kind).into(),
        figures: Some(figures((*row).clone(), currency)),
    });
    pb::WatchBoardResponse {
        cursor: update.cursor.map(|cursor| cursor.to_string()).unwrap_or_default(),
        business_day: update.cursor.map(|cursor| date(cursor.day)),
        complete: update.complete,
        rows: rows.collect(),
        gone: update.gone.into_iter().map(key).collect(),
        definition_version: update.definition_version,
        read_at: update.read_at.map(timestamp),
    }
}

fn key((kind, key): RowKey) -> pb::BoardKey {
    pb::BoardKey { kind: row_kind(kind).into(), key }
}

fn row_kind(kind: RowKind) -> pb::BoardRowKind {
    match kind {
        RowKind::Whole => pb::BoardRowKind::Whole,
        RowKind::Shop => pb::BoardRowKind::Shop,
        RowKind::Team => pb::BoardRowKind::Team,
        RowKind::Person => pb::BoardRowKind::Person,
    }
}
