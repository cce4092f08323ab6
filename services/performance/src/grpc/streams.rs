//! The two answers that are as long as the directory: a page is read when the client has taken the one before.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use pg::page::{Page, PageRequest};
use prost::Message;
use proto::performance::v1 as pb;
use proto::time::timestamp;
use runtime::identity::Scope;
use runtime::ids::TeamId;
use tonic::Status;

use crate::domain::Performance;
use crate::domain::person::{PeopleFilter, Person};
use crate::domain::sheet;
use crate::domain::team::Team;
use crate::error::PerformanceError;
use crate::grpc::Answers;
use crate::outgoing;

const PAGE_SIZE: i32 = 500;

/// The people file.
pub(super) async fn export(
    performance: Performance,
    scope: Scope,
) -> Result<Answers<pb::ExportPeopleResponse>, Status> {
    let teams = performance.all_teams(&scope).await?;
    let name = move |teams: &BTreeMap<TeamId, Team>, id: &TeamId| {
        teams.get(id).map(|team| team.name.clone()).unwrap_or_default()
    };
    let heading = stream::once(async { sheet::write(&[], true, |_| String::new()).map_err(not_written) });
    let lines = people(performance, scope, PeopleFilter::default())
        .map(move |page| sheet::write(&page?, false, |id| name(&teams, id)).map_err(not_written));
    let pieces = heading.chain(lines).map_ok(|csv| pb::ExportPeopleResponse { csv });
    Ok(Box::pin(pieces.map_err(Status::from)))
}

/// The directory as the events that would build it.
pub(super) async fn directory(
    performance: Performance,
    scope: Scope,
) -> Result<Answers<pb::StreamDirectoryResponse>, Status> {
    let now = performance.now();
    let merchant = performance.get_merchant(&scope).await?;
    let teams = performance.all_teams(&scope).await?;
    // A merchant that nobody has set up has no version to tell.
    let set_up = (merchant.version > 0).then(|| outgoing::merchant_changed(&merchant, now));
    let teams = teams.values().map(|team| outgoing::team_changed(&merchant.id, team, now));
    let first: Vec<_> = set_up.into_iter().chain(teams).collect();
    let id = scope.merchant.clone();
    let filter = PeopleFilter { include_merged: true, ..PeopleFilter::default() };
    let people = people(performance, scope, filter)
        .map_ok(move |page| {
            let told = page.iter().map(|person| Ok(outgoing::person_changed(&id, person, now)));
            stream::iter(told.collect::<Vec<Result<_, PerformanceError>>>())
        })
        .try_flatten();
    let told = stream::iter(first.into_iter().map(Ok)).chain(people);
    let answers = told.map_ok(move |event| pb::StreamDirectoryResponse {
        event: event.encode_to_vec(),
        as_of: Some(timestamp(now)),
    });
    Ok(Box::pin(answers.map_err(Status::from)))
}

/// Everybody, page by page.
fn people(
    performance: Performance,
    scope: Scope,
    filter: PeopleFilter,
) -> impl futures::Stream<Item = Result<Vec<Person>, PerformanceError>> + Send {
    stream::try_unfold(Some(String::new()), move |token| {
        let (performance, scope, filter) = (performance.clone(), scope.clone(), filter.clone());
        async move {
            let Some(token) = token else { return Ok(None) };
            let page = PageRequest::parse(PAGE_SIZE, &token, "everybody")?;
            let Page { items, next_page_token } =
                performance.list_people(&scope, None, &filter, &page).await?;
            Ok(Some((items, (!next_page_token.is_empty()).then_some(next_page_token))))
        }
    })
}

fn not_written(error: csv::Error) -> PerformanceError {
    pg::Error::Internal(error.into()).into()
}
