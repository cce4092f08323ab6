//! The subjects of the events: publisher and payload, without the prefix of the stream.

use proto::events::v1::event::Payload;

/// From metrics: a conversation was accepted, its personal data redacted.
pub const CONVERSATION_CLOSED: &str = "metrics.conversation_closed";
/// From metrics: what a business day held.
pub const DAY_CLOSED: &str = "metrics.day_closed";
/// From metrics: an account met for the first time.
pub const AGENT_SEEN: &str = "metrics.agent_seen";
/// From metrics: an account's figures of a day that is final, or was restated.
pub const AGENT_DAY_FINALISED: &str = "metrics.agent_day_finalised";
/// From metrics: a buyer's review, its personal data redacted.
pub const BUYER_REVIEW_RECEIVED: &str = "metrics.buyer_review_received";
/// From metrics: a campaign was published or changed.
pub const CAMPAIGN_CHANGED: &str = "metrics.campaign_changed";
/// From metrics: people are to be told of an alert.
pub const ALERT_RAISED: &str = "metrics.alert_raised";
/// From metrics: an issue between departments changed.
pub const ISSUE_CHANGED: &str = "metrics.issue_changed";
/// From metrics: something happened to an incident that people are to know of at once.
pub const INCIDENT_CHANGED: &str = "metrics.incident_changed";
/// From metrics: an incident became a case for the knowledge base.
pub const INCIDENT_CASE_FILED: &str = "metrics.incident_case_filed";
/// From performance: a merchant's settings.
pub const MERCHANT_CHANGED: &str = "performance.merchant_changed";
/// From performance: a team.
pub const TEAM_CHANGED: &str = "performance.team_changed";
/// From performance: a person with accounts and memberships.
pub const PERSON_CHANGED: &str = "performance.person_changed";
/// From qa: the commitment to a day's seed.
pub const DRAW_COMMITTED: &str = "qa.draw_committed";
/// From qa: a day's seed.
pub const DRAW_REVEALED: &str = "qa.draw_revealed";
/// From qa: a review's result.
pub const REVIEW_PUBLISHED: &str = "qa.review_published";
/// From qa: somebody is clearly worse than their colleagues at something, or got better.
pub const WEAKNESS_FOUND: &str = "qa.weakness_found";
/// From qa: an objection to a review was decided.
pub const APPEAL_DECIDED: &str = "qa.appeal_decided";
/// From scheduling: how a person's day went.
pub const ATTENDANCE_RECORDED: &str = "scheduling.attendance_recorded";

/// Everything that the people directory is made of.
pub const DIRECTORY: &[&str] = &[MERCHANT_CHANGED, TEAM_CHANGED, PERSON_CHANGED];

/// The services that publish; each has its own part of the stream.
pub(crate) const PUBLISHERS: &[&str] = &["metrics", "scheduling", "qa", "training", "performance"];

/// The subject of a payload.
pub fn of(payload: &Payload) -> &'static str {
    match payload {
        Payload::ConversationClosed(_) => CONVERSATION_CLOSED,
        Payload::DayClosed(_) => DAY_CLOSED,
        Payload::AgentSeen(_) => AGENT_SEEN,
        Payload::AgentDayFinalised(_) => AGENT_DAY_FINALISED,
        Payload::BuyerReviewReceived(_) => BUYER_REVIEW_RECEIVED,
        Payload::CampaignChanged(_) => CAMPAIGN_CHANGED,
        Payload::AlertRaised(_) => ALERT_RAISED,
        Payload::IssueChanged(_) => ISSUE_CHANGED,
        Payload::IncidentChanged(_) => INCIDENT_CHANGED,
        Payload::IncidentCaseFiled(_) => INCIDENT_CASE_FILED,
        Payload::MerchantChanged(_) => MERCHANT_CHANGED,
        Payload::TeamChanged(_) => TEAM_CHANGED,
        Payload::PersonChanged(_) => PERSON_CHANGED,
        Payload::DrawCommitted(_) => DRAW_COMMITTED,
        Payload::DrawRevealed(_) => DRAW_REVEALED,
        Payload::ReviewPublished(_) => REVIEW_PUBLISHED,
        Payload::WeaknessFound(_) => WEAKNESS_FOUND,
        Payload::AppealDecided(_) => APPEAL_DECIDED,
        Payload::AttendanceRecorded(_) => ATTENDANCE_RECORDED,
        // All in a bundle are of one subject. An empty one is never made, and nobody follows no subject.
        Payload::Bundle(bundle) => {
            bundle.events.first().and_then(|event| event.payload.as_ref()).map_or("", of)
        }
    }
}
