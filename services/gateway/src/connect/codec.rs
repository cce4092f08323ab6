//! The two encodings of a Connect message.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use prost_reflect::MessageDescriptor;
use tonic::Status;

use crate::json;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// As JSON.
    Json,
    /// As protobuf, like gRPC.
    Proto,
}

/// What a content type says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// How messages are written.
    pub codec: Codec,
    /// Whether messages come in envelopes; a unary request is bare.
    pub stream: bool,
}

impl Content {
    /// Reads the content type; `None` if it is not Connect's. Parameters such as `charset=utf-8` don't matter: JSON
    /// is UTF-8 whatever they say.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let plain = text.split(';').next().unwrap_or_default().trim();
        let (codec, stream) = match plain.to_ascii_lowercase().as_str() {
            "application/json" => (Codec::Json, false),
            "application/proto" => (Codec::Proto, false),
            "application/connect+json" => (Codec::Json, true),
            "application/connect+proto" => (Codec::Proto, true),
            _ => return None,
        };
        Some(Self { codec, stream })
    }

    /// The content type of the answer.
    pub fn mime(self) -> &'static str {
        match (self.codec, self.stream) {
            (Codec::Json, false) => "application/json",
            (Codec::Proto, false) => "application/proto",
            (Codec::Json, true) => "application/connect+json",
            (Codec::Proto, true) => "application/connect+proto",
        }
    }
}

impl Codec {
    /// The protobuf bytes of what a caller sent.
    pub fn read(self, of: &MessageDescriptor, bytes: &[u8]) -> Result<Vec<u8>, Status> {
        match self {
            Self::Json => json::to_proto(of, bytes),
            Self::Proto => Ok(bytes.to_vec()),
        }
    }

    /// What a caller gets of an answer's protobuf bytes.
    pub fn write(self, of: &MessageDescriptor, bytes: &[u8]) -> Result<Vec<u8>, Status> {
        match self {
            Self::Json => json::from_proto(of, bytes),
            Self::Proto => Ok(bytes.to_vec()),
        }
    }
}
