//! What tests of automatic checks share: a client, chats with chosen words, and waiting until all are checked.

use std::time::Duration;

use proto::common::v1::{ConversationRef, Sender};
use proto::events::v1::{ConversationClosed, TranscriptMessage};
use proto::google::r#type::Date;
use proto::qa::v1 as pb;
use proto::qa::v1::check_service_client::CheckServiceClient;
use testkit::{TestCaller, eventually};
use tonic::transport::Channel;

use crate::builders::{DAY, chat, conversation, manager, only};
use crate::support::TestQa;

const CHECKED_WITHIN: Duration = Duration::from_secs(120);

/// Two rules of words, good for tests that count.
pub const RULES: &str = r#"{"rules":[
    {"id":"wechat","title":"加微信","severity":"critical","check":{"forbidden_words":{"words":["加微信"]}}},
    {"id":"best","title":"最好","severity":"major","check":{"forbidden_words":{"words":["最好","全网第一"]}}}]}"#;

/// A chat that says these things, agent and customer by turns, the customer first.
pub fn saying(id: &str, account: &str, texts: &[&str]) -> ConversationClosed {
    let messages = texts.iter().zip(0..).map(|(text, n)| TranscriptMessage {
        offset_ms: n * 5_000,
        sender: if n % 2 == 0 { Sender::Customer } else { Sender::Agent }.into(),
        text: (*text).to_owned(),
        quick_reply: false,
    });
    let agent_messages = i32::try_from(texts.len() / 2).expect("few");
    ConversationClosed { messages: messages.collect(), agent_messages, ..chat(id, account, 0) }
}

impl TestQa {
    pub fn checks(&self) -> CheckServiceClient<Channel> {
        CheckServiceClient::new(self.channel.clone())
    }

    /// Waits until no chat waits for its check.
    pub async fn all_checked(&self) {
        eventually(CHECKED_WITHIN, async || self.count("SELECT count(*) FROM qa.check_queue").await == 0)
            .await;
    }

    /// Publishes chats and waits until they are checked.
    pub async fn checked(&self, chats: &[ConversationClosed]) {
        self.deliver(chats).await;
        self.all_checked().await;
    }

    pub async fn draft(&self, request_id: &str, rules: &str) -> pb::CheckRuleSet {
        let message = pb::CreateCheckRuleSetRequest {
            request_id: request_id.into(),
            rules_json: rules.into(),
            ..Default::default()
        };
        let created = self.checks().create_check_rule_set(self.by(&manager(), message)).await;
        created.expect("creates").into_inner().rule_set.expect("a set")
    }

    pub async fn publish_rules(&self, set: &pb::CheckRuleSet, from: Date) -> pb::CheckRuleSet {
        let message = pb::PublishCheckRuleSetRequest {
            request_id: format!("publish {}", set.version),
            version: set.version,
            etag: set.etag.clone(),
            live_from: Some(from),
        };
        let published = self.checks().publish_check_rule_set(self.by(&manager(), message)).await;
        published.expect("publishes").into_inner().rule_set.expect("a set")
    }

    /// [`RULES`] in force on [`DAY`], published the day before it.
    pub async fn with_rules() -> Self {
        let test = Self::with_staff().await;
        test.clock.set("2020-05-18T10:00:00+08:00");
        let draft = test.draft("rules", RULES).await;
        test.publish_rules(&draft, DAY).await;
        test.clock.set("2020-05-20T10:00:00+08:00");
        test
    }

    pub async fn hits_of(&self, who: &TestCaller, message: pb::ListHitsRequest) -> Vec<pb::CheckHit> {
        let message = pb::ListHitsRequest { days: message.days.or(only(DAY)), page_size: 1000, ..message };
        self.checks().list_hits(self.by(who, message)).await.expect("lists").into_inner().hits
    }

    pub async fn hits(&self) -> Vec<pb::CheckHit> {
        self.hits_of(&manager(), pb::ListHitsRequest::default()).await
    }

    pub async fn conversation_hits(&self, id: ConversationRef) -> pb::GetConversationHitsResponse {
        let message = pb::GetConversationHitsRequest { conversation: Some(id) };
        self.checks().get_conversation_hits(self.by(&manager(), message)).await.expect("answers").into_inner()
    }

    pub async fn figures_of(
        &self,
        who: &TestCaller,
        group: pb::CheckFigureGroup,
        message: pb::GetCheckFiguresRequest,
    ) -> Vec<pb::CheckFigure> {
        let message = pb::GetCheckFiguresRequest {
            days: message.days.or(only(DAY)),
            group: group.into(),
            page_size: 1000,
            ..message
        };
        self.checks().get_check_figures(self.by(who, message)).await.expect("answers").into_inner().figures
    }

    /// A rule's figure of the merchant's day: chats, chats hit, chats refuted, hits.
    pub async fn figure(&self, rule: &str) -> (i64, i64, i64, i64) {
        let message = pb::GetCheckFiguresRequest { rule_id: rule.into(), ..Default::default() };
        let figures = self.figures_of(&manager(), pb::CheckFigureGroup::Merchant, message).await;
        let figure = figures.first().cloned().unwrap_or_default();
        (figure.chats, figure.chats_hit, figure.chats_refuted, figure.hits)
    }
}

/// A hit's place cut out of the transcript, by code points and by UTF-16.
pub fn cut(text: &str, span: &pb::TextSpan) -> (String, String) {
    let place = |at: i32| usize::try_from(at).expect("not before the text");
    let points = text.chars().skip(place(span.start)).take(place(span.end - span.start)).collect();
    let units: Vec<u16> = text.encode_utf16().collect();
    let units = &units[place(span.utf16_start)..place(span.utf16_end)];
    (points, String::from_utf16(units).expect("on borders of characters"))
}

pub fn by_id(id: &str) -> ConversationRef {
    conversation(id)
}
