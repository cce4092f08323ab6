//! Bot figures from the domain to the wire.

use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::bot::{BotCounts, BotRow, Facet, Question, QuestionMark, QuestionState};
use crate::domain::fact::{Body, BotEvent, BotOutcome, ChatRef, Fact, QuestionClass};
use crate::grpc::encode::rate;

pub(super) fn row(row: &BotRow, facet: Facet) -> pb::BotFiguresRow {
    let key = match (facet, row.key.as_str()) {
        (Facet::Class, "industry") => pb::BotQuestionClass::Industry.as_str_name().to_owned(),
        (Facet::Class, "general") => pb::BotQuestionClass::General.as_str_name().to_owned(),
        (Facet::Class, "own") => pb::BotQuestionClass::Own.as_str_name().to_owned(),
        (_, key) => key.to_owned(),
    };
    pb::BotFiguresRow {
        figures: Some(counts(key.clone(), &row.now)),
        previous: Some(counts(key, &row.previous)),
    }
}

pub(super) fn counts(key: String, counts: &BotCounts) -> pb::BotFigures {
    let questions = counts.questions();
    pb::BotFigures {
        key,
        questions,
        answered: counts.answered,
        accepted: counts.accepted,
        transferred: counts.transferred,
        unanswered: counts.unanswered,
        handling_rate: Some(rate(counts.handled(), questions)),
        acceptance_rate: Some(rate(counts.accepted, counts.handled())),
        transfer_rate: Some(rate(counts.transferred, questions)),
        unanswered_rate: Some(rate(counts.unanswered, questions)),
    }
}

pub(super) fn event(fact: Fact) -> pb::ExplainedBotEvent {
    let event = match fact.body {
        Body::BotEvent(event) => Some(bot_event(event)),
        // Only bot events are listed.
        _ => None,
    };
    pb::ExplainedBotEvent {
        shop_id: fact.key.shop,
        fact_id: fact.key.id,
        revision: fact.revision,
        business_day: Some(date(fact.day)),
        occurred_at: Some(timestamp(fact.occurred_at)),
        account_id: fact.account,
        customer_id: fact.customer,
        event,
    }
}

fn bot_event(event: BotEvent) -> pb::BotEvent {
    let outcome = match event.outcome {
        BotOutcome::Answered => pb::BotOutcome::Answered,
        BotOutcome::Accepted => pb::BotOutcome::Accepted,
        BotOutcome::Transferred => pb::BotOutcome::Transferred,
        BotOutcome::Unanswered => pb::BotOutcome::Unanswered,
    };
    let class = match event.question_class {
        QuestionClass::Industry => pb::BotQuestionClass::Industry,
        QuestionClass::General => pb::BotQuestionClass::General,
        QuestionClass::Own => pb::BotQuestionClass::Own,
    };
    let conversation =
        |chat: ChatRef| pb::FactConversation { channel: chat.channel, conversation_id: chat.id };
    pb::BotEvent {
        outcome: outcome.into(),
        question_class: class.into(),
        question: event.question,
        product_id: event.product,
        scene: event.scene,
        campaign_id: event.campaign,
        conversation: event.conversation.map(conversation),
    }
}

pub(super) fn question(question: Question) -> pb::BotQuestion {
    let product = |(product_id, count)| pb::BotQuestionProduct { product_id, count };
    pb::BotQuestion {
        question_id: question.id,
        text: question.text,
        count: question.count,
        customers: question.customers,
        last_asked_at: Some(timestamp(question.last)),
        products: question.products.into_iter().map(product).collect(),
        previous_count: question.previous,
        mark: question.mark.map(mark),
        count_since_mark: question.since_mark,
    }
}

pub(super) fn mark(mark: QuestionMark) -> pb::BotQuestionMark {
    let state = match mark.state {
        QuestionState::Open => pb::BotQuestionState::Open,
        QuestionState::Planned => pb::BotQuestionState::Planned,
        QuestionState::Handled => pb::BotQuestionState::Handled,
        QuestionState::Dismissed => pb::BotQuestionState::Dismissed,
    };
    pb::BotQuestionMark {
        state: state.into(),
        note: mark.note,
        marked_by: mark.by,
        marked_at: Some(timestamp(mark.at)),
    }
}
