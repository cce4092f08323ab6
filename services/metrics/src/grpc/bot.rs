//! `jinpai.metrics.v1.BotService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::bot_service_server::BotService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::bots::Bots;
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.BotService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct BotApi {
    bots: Bots,
}

impl BotApi {
    /// In front of these use cases.
    pub fn new(bots: Bots) -> Self {
        Self { bots }
    }
}

#[tonic::async_trait]
impl BotService for BotApi {
    async fn get_bot_figures(
        &self,
        request: Request<pb::GetBotFiguresRequest>,
    ) -> Reply<pb::GetBotFiguresResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = decode::days(message.days.as_ref())?;
        let (facet, filter) = (decode::facet(message.facet())?, decode::filter(message.filter.as_ref())?);
        let list = format!("bot figures {days:?} {facet:?} {filter:?}");
        let page = page(message.page_size, &message.page_token, list)?;
        let (rows, whole) = self.bots.get_bot_figures(&scope, days, facet, filter, &page).await?;
        Ok(Response::new(pb::GetBotFiguresResponse {
            rows: rows.items.iter().map(|row| encode::row(row, facet)).collect(),
            next_page_token: rows.next_page_token,
            whole: Some(encode::row(&whole, facet)),
        }))
    }

    async fn explain_bot_figures(
        &self,
        request: Request<pb::ExplainBotFiguresRequest>,
    ) -> Reply<pb::ExplainBotFiguresResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = decode::days(message.days.as_ref())?;
        let filter = decode::filter(message.filter.as_ref())?;
        let list = format!("bot events {days:?} {filter:?}");
        let page = page(message.page_size, &message.page_token, list)?;
        let (counts, events) = self.bots.explain_bot_figures(&scope, days, filter, &page).await?;
        Ok(Response::new(pb::ExplainBotFiguresResponse {
            figures: Some(encode::counts(String::new(), &counts)),
            events: events.items.into_iter().map(encode::event).collect(),
            next_page_token: events.next_page_token,
        }))
    }

    async fn list_unanswered_questions(
        &self,
        request: Request<pb::ListUnansweredQuestionsRequest>,
    ) -> Reply<pb::ListUnansweredQuestionsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = decode::days(message.days.as_ref())?;
        let filter = decode::filter(message.filter.as_ref())?;
        let states: Vec<_> = message.states().filter_map(decode::state).collect();
        let transferred = message.include_transferred;
        let list = format!("open questions {days:?} {filter:?} {states:?} {transferred}");
        let page = page(message.page_size, &message.page_token, list)?;
        let (questions, without_text) =
            self.bots.list_open_questions(&scope, days, filter, transferred, &states, &page).await?;
        Ok(Response::new(pb::ListUnansweredQuestionsResponse {
            questions: questions.items.into_iter().map(encode::question).collect(),
            next_page_token: questions.next_page_token,
            without_text,
        }))
    }

    async fn mark_question(
        &self,
        request: Request<pb::MarkQuestionRequest>,
    ) -> Reply<pb::MarkQuestionResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let state = decode::mark(message)?;
        let by = By::new(&request, rpc!("MarkQuestion"), &message.request_id);
        let (question_id, mark) = self.bots.mark_question(&by, &message.text, state, &message.note).await?;
        Ok(Response::new(pb::MarkQuestionResponse { question_id, mark: mark.map(encode::mark) }))
    }
}
