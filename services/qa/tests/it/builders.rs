//! Events and requests that are valid unless a test says otherwise.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use events::{Event, Payload, event};
use proto::access::Role;
use proto::common::v1::{ConversationRef, DayRange, Sender};
use proto::events::v1::{
    Account, AgentDayCount, ConversationClosed, DayClosed, Membership, PersonChanged, PersonStatus,
    TranscriptMessage,
};
use proto::google::r#type::Date;
use proto::qa::v1 as pb;
use testkit::{TestCaller, caller};

pub const MERCHANT: &str = "demo";
/// The day that most tests draw: a Tuesday. The clock stands on Wednesday the 20th.
pub const DAY: Date = Date { year: 2020, month: 5, day: 19 };
/// metrics' own threshold.
pub const LONG: i32 = 10;

pub fn manager() -> TestCaller {
    caller().person("manager").roles(&[Role::Manager])
}

pub fn reviewer(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Reviewer])
}

pub fn agent(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Agent])
}

pub fn lead(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Lead])
}

pub fn date(day: NaiveDate) -> Date {
    Date { year: day.year(), month: day.month().cast_signed(), day: day.day().cast_signed() }
}

pub fn may(day: i32) -> Date {
    Date { day, ..DAY }
}

pub fn only(day: Date) -> Option<DayRange> {
    Some(DayRange { from: Some(day), to: Some(day) })
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a moment")
}

pub fn timestamp(at: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos().cast_signed() }
}

pub fn conversation(id: &str) -> ConversationRef {
    ConversationRef { shop_id: "star".into(), channel: "chat".into(), conversation_id: id.into() }
}

/// A chat of `replies` agent messages, each after a question of the customer's.
pub fn chat(id: &str, account: &str, replies: i32) -> ConversationClosed {
    let started_at = at("2020-05-19T02:00:00Z");
    let messages = (0..replies).flat_map(|n| {
        let offset_ms = i64::from(n) * 60_000;
        let text = |who: &str| format!("{who} {n} of {id}, call [phone]");
        let message = |offset_ms, sender: Sender, text| TranscriptMessage {
            offset_ms,
            sender: sender.into(),
            text,
            quick_reply: sender == Sender::Agent && n == 0,
        };
        [
            message(offset_ms, Sender::Customer, text("question")),
            message(offset_ms + 20_000, Sender::Agent, text("answer")),
        ]
    });
    ConversationClosed {
        conversation: Some(conversation(id)),
        revision: 0,
        business_day: Some(DAY),
        account_id: account.into(),
        customer_id: format!("customer of {id}"),
        started_at: Some(timestamp(started_at)),
        closed_at: Some(timestamp(started_at + chrono::TimeDelta::hours(1))),
        messages: messages.collect(),
        satisfied: Some(true),
        completed: None,
        agent_messages: replies,
        content_hash: vec![1; 32],
    }
}

/// `count` long chats of an account, named after it.
pub fn long_chats(account: &str, count: usize) -> Vec<ConversationClosed> {
    (0..count).map(|n| chat(&format!("{account}-{n}"), account, LONG + 1)).collect()
}

pub fn closed(chat: &ConversationClosed) -> Event {
    let entity = format!("conversation/{:?}", chat.conversation);
    event(
        MERCHANT,
        entity,
        chat.revision + 1,
        at("2020-05-19T04:00:00Z"),
        Payload::ConversationClosed(chat.clone()),
    )
}

/// What metrics says of the day that these chats make.
pub fn day_closed(day: Date, version: i64, chats: &[ConversationClosed]) -> Event {
    let mut agents: Vec<AgentDayCount> = Vec::new();
    for chat in chats.iter().filter(|chat| chat.business_day == Some(day)) {
        let at = agents.iter().position(|agent| agent.account_id == chat.account_id).unwrap_or_else(|| {
            agents.push(AgentDayCount { account_id: chat.account_id.clone(), ..AgentDayCount::default() });
            agents.len() - 1
        });
        agents[at].conversations += 1;
        agents[at].long_chats += i32::from(chat.agent_messages > LONG);
    }
    let closed_at = at("2020-05-20T00:30:00Z");
    let payload = DayClosed {
        business_day: Some(day),
        version,
        agents,
        long_chat_threshold: LONG,
        closed_at: Some(timestamp(closed_at)),
    };
    let entity = format!("day/{}-{}-{}", day.year, day.month, day.day);
    event(MERCHANT, entity, version, closed_at, Payload::DayClosed(payload))
}

/// A person with accounts and a team, from the beginning of 2020 on.
pub fn person(id: &str, roles: &[Role], accounts: &[&str], team: Option<(&str, bool)>) -> Event {
    let from = Some(Date { year: 2020, month: 1, day: 1 });
    let payload = PersonChanged {
        person_id: id.into(),
        name: format!("{id} 某"),
        status: PersonStatus::Regular.into(),
        roles: roles.iter().map(|role| (*role).into()).collect(),
        memberships: team
            .map(|(team, lead)| Membership { team_id: team.into(), lead, from, to: None })
            .into_iter()
            .collect(),
        accounts: accounts
            .iter()
            .map(|account| Account { account_id: (*account).into(), from, to: None })
            .collect(),
    };
    event(MERCHANT, format!("person/{id}"), 1, at("2020-01-01T00:00:00Z"), Payload::PersonChanged(payload))
}

/// Two reviewers, a lead of team one with two agents, an agent of another team. Accounts are named after people.
pub fn staff() -> Vec<Event> {
    vec![
        person("rita", &[Role::Reviewer], &["rita-account"], None),
        person("rob", &[Role::Reviewer], &[], None),
        person("manager", &[Role::Manager], &[], None),
        person("lea", &[Role::Lead], &["lea-account"], Some(("one", true))),
        person("ann", &[Role::Agent], &["ann-account"], Some(("one", false))),
        person("ben", &[Role::Agent], &["ben-account"], Some(("one", false))),
        person("zoe", &[Role::Agent], &["zoe-account"], Some(("two", false))),
    ]
}

/// Full points by the ready-made card.
pub fn full_scores() -> Vec<pb::CriterionScore> {
    ["professionalism", "compliance", "attitude", "solution"]
        .map(|id| pb::CriterionScore {
            criterion_id: id.into(),
            points: Some(4),
            not_applicable: false,
            reason_ids: Vec::new(),
        })
        .to_vec()
}

pub fn a_submission(review: &pb::Review) -> pb::SubmitReviewRequest {
    pb::SubmitReviewRequest {
        request_id: format!("submit {}", review.review_id),
        review_id: review.review_id.clone(),
        etag: review.etag.clone(),
        scorecard_id: String::new(),
        scorecard_version: 0,
        scores: full_scores(),
        critical_error_ids: Vec::new(),
        comments: vec![pb::ReviewComment { message_index: Some(1), text: "good".into() }],
        summary: "fine".into(),
    }
}
