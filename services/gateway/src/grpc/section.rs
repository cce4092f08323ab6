//! One part of a view: asked for, remembered, or missing with a reason.

use chrono::{DateTime, Utc};
use prost::Message;
use proto::gateway::v1 as pb;
use proto::gateway::v1::SectionState;
use runtime::context;
use runtime::identity::Caller;
use runtime::telemetry::rpc::code_name;
use status::Problem;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};

use super::Views;
use super::memory::Key;

/// A message with a `status` field.
pub trait Section: Message + Default {
    /// Puts the status in.
    fn with(self, status: pb::SectionStatus) -> Self;
}

macro_rules! section {
    ($($of:ident),*) => {$(
        impl Section for pb::$of {
            fn with(self, status: pb::SectionStatus) -> Self {
                Self { status: Some(status), ..self }
            }
        }
    )*};
}
section!(PersonSection, PeopleSection, FiguresSection, CoverageSection, ReviewsSection);

/// What a service answered: the part, and whether it has more than the view shows.
#[derive(Debug)]
pub struct Answer<T> {
    /// The part, its status still empty.
    pub part: T,
    /// Whether it was cut.
    pub truncated: bool,
}

impl Views {
    /// The part that `asked` gives, or what it gave the same caller before. `name` and `request` say which part of
    /// which view it is.
    pub(super) async fn section<T: Section>(
        &self,
        caller: &Caller,
        name: &'static str,
        request: &impl Message,
        asked: impl Future<Output = Result<Answer<T>, Status>>,
    ) -> T {
        let key = key(caller, name, request);
        match self.within(asked).await {
            Ok(Answer { part, truncated }) => {
                let now = self.clock.now();
                let status = pb::SectionStatus { truncated, ..stood(SectionState::Fresh, now) };
                let part = part.with(status);
                self.memory.put(key, part.encode_to_vec(), now);
                part
            }
            Err(error) => self.instead(&key, &error),
        }
    }

    /// What `asked` gives in the time of a section: the setting's, and a little less than the view itself has, so
    /// that the view can still answer when a service doesn't.
    async fn within<T>(&self, asked: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        let mut around = context::current();
        let now = Instant::now();
        let left = around.deadline.map(|deadline| deadline.saturating_duration_since(now).mul_f64(0.9));
        let until = now + left.map_or(self.section_max, |left| left.min(self.section_max));
        around.deadline = Some(until);
        let asked = timeout_at(until, context::scope(around, asked)).await;
        asked.unwrap_or_else(|_| Err(runtime::deadline::exceeded()))
    }

    fn instead<T: Section>(&self, key: &Key, error: &Status) -> T {
        let problem = Problem::from_status(error);
        let reason =
            if problem.reason.is_empty() { code_name(error.code()).to_owned() } else { problem.reason };
        let told =
            |status: pb::SectionStatus| pb::SectionStatus { reason, message: problem.message, ..status };
        // What a service says by itself (no such person, not permitted) is its answer; only silence is filled in.
        let silent = matches!(
            error.code(),
            Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Cancelled
                | Code::ResourceExhausted
                | Code::Internal
                | Code::Unknown
        );
        let remembered = silent.then(|| self.memory.get(key, self.clock.now())).flatten();
        match remembered.and_then(|(bytes, at)| Some((T::decode(bytes.as_slice()).ok()?, at))) {
            Some((part, at)) => part.with(told(stood(SectionState::Stale, at))),
            None => T::default().with(told(pb::SectionStatus {
                state: SectionState::Unavailable.into(),
                ..pb::SectionStatus::default()
            })),
        }
    }
}

fn stood(state: SectionState, at: DateTime<Utc>) -> pb::SectionStatus {
    pb::SectionStatus {
        state: state.into(),
        as_of: Some(proto::time::timestamp(at)),
        ..pb::SectionStatus::default()
    }
}

/// Everything that an answer depends on. Each piece is preceded by its length, so that no two callers share a key.
fn key(caller: &Caller, name: &str, request: &impl Message) -> Key {
    let mut roles: Vec<u8> = caller.roles.iter().map(|role| *role as u8).collect();
    roles.sort_unstable();
    let person = caller.person.as_ref().map(ToString::to_string).unwrap_or_default();
    let request = request.encode_to_vec();
    let pieces: [&[u8]; 6] = [
        name.as_bytes(),
        caller.merchant.as_str().as_bytes(),
        caller.subject.as_bytes(),
        person.as_bytes(),
        &roles,
        &request,
    ];
    let mut key = Key::new();
    for piece in pieces {
        key.extend_from_slice(&(piece.len() as u64).to_be_bytes());
        key.extend_from_slice(piece);
    }
    key
}
