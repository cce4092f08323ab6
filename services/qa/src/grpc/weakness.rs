//! `jinpai.qa.v1.WeaknessService`: parse, call, encode. No rule lives here.

use proto::common::v1::DayRange;
use proto::qa::v1 as pb;
use proto::qa::v1::weakness_service_server::WeaknessService;
use proto::time::{date, timestamp};
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use super::decode::{conversation_ref, text};
use super::{Reply, converted, page};
use crate::domain::weakness::{Evidence, Figure, Finding, Subject, Weakness};
use crate::domain::weaknesses::Weaknesses;

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct WeaknessApi {
    weaknesses: Weaknesses,
}

impl WeaknessApi {
    /// In front of these use cases.
    pub fn new(weaknesses: Weaknesses) -> Self {
        Self { weaknesses }
    }
}

#[tonic::async_trait]
impl WeaknessService for WeaknessApi {
    async fn list_weaknesses(
        &self,
        request: Request<pb::ListWeaknessesRequest>,
    ) -> Reply<pb::ListWeaknessesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let person = text("person_id", &message.person_id)?;
        let list = format!("weaknesses {person} {}", message.open);
        let page = page(message.page_size, &message.page_token, list)?;
        let listed = self.weaknesses.list_weaknesses(&scope, person, message.open, &page).await?;
        let weaknesses = converted(listed.items);
        Ok(Response::new(pb::ListWeaknessesResponse { weaknesses, next_page_token: listed.next_page_token }))
    }
}

impl From<Figure> for pb::WeaknessFigure {
    fn from(figure: Figure) -> Self {
        Self { value: figure.value, low: figure.low, high: figure.high, sample: figure.sample }
    }
}

impl From<Finding> for pb::WeaknessFinding {
    fn from(finding: Finding) -> Self {
        Self {
            days: Some(DayRange { from: Some(date(finding.from)), to: Some(date(finding.to)) }),
            own: Some(finding.own.into()),
            others: Some(finding.others.into()),
        }
    }
}

impl From<Evidence> for pb::WeaknessEvidence {
    fn from(evidence: Evidence) -> Self {
        Self {
            conversation: Some(conversation_ref(evidence.conversation)),
            hit_id: evidence.hit.map(|id| id.to_string()).unwrap_or_default(),
            review_id: evidence.review.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

impl From<Weakness> for pb::Weakness {
    fn from(weakness: Weakness) -> Self {
        let (kind, subject) = match weakness.subject {
            Subject::Rule(id) => (pb::WeaknessKind::Rule, id),
            Subject::Criterion(id) => (pb::WeaknessKind::Criterion, id),
        };
        let (better, closed_at) =
            weakness.better.map_or((None, None), |(better, at)| (Some(better), Some(at)));
        Self {
            weakness_id: weakness.id.to_string(),
            person_id: weakness.person.into_string(),
            kind: kind.into(),
            subject_id: subject,
            finding: Some(weakness.finding.into()),
            evidence: weakness.evidence.into_iter().map(Into::into).collect(),
            found_at: Some(timestamp(weakness.found_at)),
            better: better.map(Into::into),
            closed_at: closed_at.map(timestamp),
        }
    }
}
