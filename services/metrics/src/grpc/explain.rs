//! What is behind a figure: which one a request is about, and the answer.

use proto::metrics::v1 as pb;
use runtime::identity::Scope;
use tonic::Response;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::explainer::{ExplainQuery, Explainable};
use crate::domain::slice::{Aspect, Slice, Slices};
use crate::domain::trade_explainer::TradeExplainQuery;
use crate::domain::trade_measure::TradeMeasure;
use crate::error::MetricsError;
use crate::grpc::decode::{self, invalid};
use crate::grpc::{MetricsApi, Reply, encode, page, slice, trade};

type Result<T> = std::result::Result<T, MetricsError>;

/// What a request to explain is about.
pub(super) fn decode(message: &pb::ExplainFigureRequest) -> Result<Explaining> {
    use pb::Measure as M;

    let range = decode::range("days", message.days.as_ref(), decode::EXPLAINED_DAYS_MAX)?;
    let mut filter = decode::filter(message.filter.as_ref())?;
    let within = || message.within_seconds.ok_or_else(|| invalid("within_seconds", "must be given"));
    let hour = message.hour.and_then(|hour| u8::try_from(hour).ok());
    let by_hour = filter.slices.as_ref().is_some_and(|slices| slices.aspect == Aspect::Hour);
    let subject = match message.measure() {
        // Of a row that hours cut, those whose first conversation of the day began then.
        M::ReceivedCustomers if by_hour => Subject::Timelines(TradeMeasure::ReceivedCustomers),
        M::ActiveAccounts => Subject::Conversations(Explainable::ActiveAccounts),
        M::DistinctCustomers => Subject::Conversations(Explainable::DistinctCustomers),
        M::Within => Subject::Conversations(Explainable::Within(within()?)),
        M::FirstWithin => Subject::Conversations(Explainable::FirstWithin(within()?)),
        measure => Subject::from(decode::measure(measure)?),
    };
    if message.within_seconds.is_some() && !matches!(message.measure(), M::Within | M::FirstWithin) {
        return Err(invalid(
            "within_seconds",
            "must only be given with MEASURE_WITHIN and MEASURE_FIRST_WITHIN",
        ));
    }
    match subject {
        Subject::Conversations(subject) => {
            if filter.slices.is_some() {
                let why = "must be one that slices of sales have; for a row of STEP_HOUR give hour";
                return Err(invalid("measure", why));
            }
            if hour.is_some() && subject == Explainable::DistinctCustomers {
                return Err(invalid("hour", "cannot be given with MEASURE_DISTINCT_CUSTOMERS"));
            }
            if hour.is_some() && range.days() != 1 {
                return Err(invalid("days.to", "must be the same day as from, with an hour"));
            }
            Ok(Explaining::Conversations(ExplainQuery { subject, range, hour, filter }))
        }
        Subject::Timelines(measure) => {
            if let Some(hour) = hour {
                if filter.slices.is_some() {
                    return Err(invalid("hour", "must not be given beside slices of sales"));
                }
                if range.days() != 1 {
                    return Err(invalid("days.to", "must be the same day as from, with an hour"));
                }
                if !measure.is_sliced_by(Aspect::Hour) {
                    return Err(invalid(
                        "hour",
                        format!("cannot be had of {}: it is known of whole days only", measure.name()),
                    ));
                }
                filter.slices = Some(Slices { aspect: Aspect::Hour, items: vec![Slice::hour(hour).item] });
            }
            slice::check_sliced(measure.into(), filter.slices.as_ref())?;
            Ok(Explaining::Timelines(TradeExplainQuery { measure, range, filter }))
        }
    }
}

/// A figure of either kind to explain.
pub(super) enum Explaining {
    Conversations(ExplainQuery),
    Timelines(TradeExplainQuery),
}

enum Subject {
    Conversations(Explainable),
    Timelines(TradeMeasure),
}

impl From<AnyMeasure> for Subject {
    fn from(measure: AnyMeasure) -> Self {
        match measure {
            AnyMeasure::Conversations(measure) => Self::Conversations(Explainable::Sums(measure)),
            AnyMeasure::Timelines(measure) => Self::Timelines(measure),
        }
    }
}

impl MetricsApi {
    pub(super) async fn explain_conversations(
        &self,
        scope: &Scope,
        message: &pb::ExplainFigureRequest,
        query: ExplainQuery,
    ) -> Reply<pb::ExplainFigureResponse> {
        let definition = decode::definition_ref(message.definition.as_ref());
        let list = format!("{query:?} {definition:?}");
        let page = page(message.page_size, &message.page_token, list)?;
        let explained = self.metrics.explain_figure(scope, &query, &definition, &page).await?;
        let conversations = explained.conversations.map(encode::explained);
        Ok(Response::new(pb::ExplainFigureResponse {
            measure: message.measure,
            definition: Some(encode::definition(explained.ruling.on(query.range.to).clone())),
            numerator: explained.figure.0,
            denominator: explained.figure.1,
            conversations: conversations.items,
            facts: Vec::new(),
            next_page_token: conversations.next_page_token,
        }))
    }

    pub(super) async fn explain_timelines(
        &self,
        scope: &Scope,
        message: &pb::ExplainFigureRequest,
        query: TradeExplainQuery,
    ) -> Reply<pb::ExplainFigureResponse> {
        let definition = decode::definition_ref(message.definition.as_ref());
        let list = format!("{query:?} {definition:?}");
        let page = page(message.page_size, &message.page_token, list)?;
        let explained = self.metrics.explain_trade(scope, &query, &definition, &page).await?;
        let (conversations, facts) = trade::explained(explained.pieces.items);
        Ok(Response::new(pb::ExplainFigureResponse {
            measure: message.measure,
            definition: Some(encode::definition(explained.ruling.on(query.range.to).clone())),
            numerator: explained.figure.0,
            denominator: explained.figure.1,
            conversations,
            facts,
            next_page_token: explained.pieces.next_page_token,
        }))
    }
}
