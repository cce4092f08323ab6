//! `jinpai.metrics.v1.VoiceService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::voice_service_server::VoiceService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::voices::Voices;
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.VoiceService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct VoiceApi {
    voices: Voices,
}

impl VoiceApi {
    /// In front of these use cases.
    pub fn new(voices: Voices) -> Self {
        Self { voices }
    }
}

#[tonic::async_trait]
impl VoiceService for VoiceApi {
    async fn list_voices(&self, request: Request<pb::ListVoicesRequest>) -> Reply<pb::ListVoicesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let query = decode::query(&message)?;
        let list = format!("voices {query:?} {}", message.rising);
        let page = page(message.page_size, &message.page_token, list)?;
        let found = self.voices.list_voices(&scope, &query, message.rising, &page).await?;
        Ok(Response::new(pb::ListVoicesResponse {
            voices: found.items.into_iter().map(encode::voice).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn get_voice_trend(
        &self,
        request: Request<pb::GetVoiceTrendRequest>,
    ) -> Reply<pb::GetVoiceTrendResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let (query, step) = decode::trend(&message)?;
        let points = self.voices.get_trend(&scope, &query, step).await?;
        Ok(Response::new(pb::GetVoiceTrendResponse {
            points: points.into_iter().map(encode::point).collect(),
        }))
    }

    async fn list_voice_evidence(
        &self,
        request: Request<pb::ListVoiceEvidenceRequest>,
    ) -> Reply<pb::ListVoiceEvidenceResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let query = decode::evidence(&message)?;
        let page = page(message.page_size, &message.page_token, format!("voice evidence {query:?}"))?;
        let found = self.voices.list_evidence(&scope, &query, &page).await?;
        Ok(Response::new(pb::ListVoiceEvidenceResponse {
            evidence: found.items.into_iter().map(encode::evidence).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn hand_over_voice(
        &self,
        request: Request<pb::HandOverVoiceRequest>,
    ) -> Reply<pb::HandOverVoiceResponse> {
        let request = admitted(request)?;
        let new = decode::hand_over(&request.message)?;
        let by = By::new(&request, rpc!("HandOverVoice"), &request.message.request_id);
        let handed_over = self.voices.hand_over(&by, &request.scope, new).await?;
        Ok(Response::new(pb::HandOverVoiceResponse { hand_over: Some(encode::hand_over(handed_over)) }))
    }

    async fn list_voice_hand_overs(
        &self,
        request: Request<pb::ListVoiceHandOversRequest>,
    ) -> Reply<pb::ListVoiceHandOversResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let list = format!("voice hand-overs {}", message.unanswered);
        let page = page(message.page_size, &message.page_token, list)?;
        let found = self.voices.list_hand_overs(&scope, message.unanswered, &page).await?;
        Ok(Response::new(pb::ListVoiceHandOversResponse {
            hand_overs: found.items.into_iter().map(encode::hand_over).collect(),
            next_page_token: found.next_page_token,
        }))
    }
}
