//! Voices from the domain to the wire.

use proto::common::v1 as common;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::figure::DayRange;
use crate::domain::voice::{Answer, Evidence, HandOver, Source, Topic, Trend, Voice};
use crate::grpc::encode::day_range;
use crate::outgoing;

fn topic(topic: Topic) -> pb::VoiceTopic {
    let source = match topic.source {
        Source::Refund => pb::VoiceSource::Refund,
        Source::Complaint => pb::VoiceSource::Complaint,
        Source::LostInquiry => pb::VoiceSource::LostInquiry,
        Source::BadReview => pb::VoiceSource::BadReview,
    };
    pb::VoiceTopic { source: source.into(), reason: topic.reason, product_id: topic.product }
}

pub(super) fn voice(voice: Voice) -> pb::Voice {
    let trend = match voice.trend() {
        Trend::Steady => pb::VoiceTrend::Steady,
        Trend::Rising => pb::VoiceTrend::Rising,
        Trend::Falling => pb::VoiceTrend::Falling,
    };
    pb::Voice {
        topic: Some(topic(voice.topic)),
        count: voice.count,
        customers: voice.customers,
        previous: voice.previous,
        trend: trend.into(),
    }
}

pub(super) fn point((days, count): (DayRange, i64)) -> pb::VoicePoint {
    pb::VoicePoint { days: Some(day_range(days)), count }
}

pub(super) fn evidence(evidence: Evidence) -> pb::VoiceEvidence {
    pb::VoiceEvidence {
        conversation: evidence.conversation.map(|key| common::ConversationRef {
            shop_id: key.shop,
            channel: key.channel,
            conversation_id: key.id,
        }),
        shop_id: evidence.shop,
        business_day: Some(date(evidence.day)),
        fact_id: if evidence.is_fact { evidence.place } else { String::new() },
        order_id: evidence.order,
    }
}

pub(super) fn hand_over((hand_over, answer): (HandOver, Answer)) -> pb::VoiceHandOver {
    pb::VoiceHandOver {
        topic: Some(topic(hand_over.topic)),
        days: Some(day_range(hand_over.days)),
        count: hand_over.count,
        previous: hand_over.previous,
        issue_id: hand_over.issue,
        department: answer.department,
        owner_person_id: answer.owner.unwrap_or_default(),
        due_day: answer.due_day.map(date),
        state: outgoing::issue::state(answer.state).into(),
        resolution: answer.resolution,
        handed_over_by: hand_over.handed_over.0,
        handed_over_at: Some(timestamp(hand_over.handed_over.1)),
        answered_at: (!answer.state.is_pending()).then(|| timestamp(answer.changed_at)),
    }
}
