//! `jinpai.performance.v1.PeopleService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;
mod streams;

use std::pin::Pin;

use futures::Stream;
use pg::By;
use pg::page::PageRequest;
use proto::performance::v1 as pb;
use proto::performance::v1::people_service_server::PeopleService;
use runtime::identity::{Admitted, admitted, scope};
use runtime::ids::{AccountId, PersonId, TeamId};
use tonic::{Request, Response, Status};

use crate::domain::Performance;
use crate::domain::person::{Account, Membership};
use crate::error::PerformanceError;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.performance.v1.PeopleService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct PeopleApi {
    performance: Performance,
}

impl PeopleApi {
    /// In front of this directory.
    pub fn new(performance: Performance) -> Self {
        Self { performance }
    }
}

impl From<PerformanceError> for Status {
    fn from(error: PerformanceError) -> Self {
        status::to_status("performance", &error)
    }
}

/// A stream of answers.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Reply<T> = Result<Response<T>, Status>;

fn page<K>(size: i32, token: &str, list: String) -> Result<PageRequest<K>, PerformanceError>
where
    K: serde::Serialize + serde::de::DeserializeOwned,
{
    Ok(PageRequest::parse(size, token, list)?)
}

#[tonic::async_trait]
impl PeopleService for PeopleApi {
    type ExportPeopleStream = Answers<pb::ExportPeopleResponse>;
    type StreamDirectoryStream = Answers<pb::StreamDirectoryResponse>;

    async fn get_merchant(&self, request: Request<pb::GetMerchantRequest>) -> Reply<pb::GetMerchantResponse> {
        let merchant = self.performance.get_merchant(scope(request.extensions())?).await?;
        Ok(Response::new(pb::GetMerchantResponse { merchant: Some(merchant.into()) }))
    }

    async fn update_merchant(
        &self,
        request: Request<pb::UpdateMerchantRequest>,
    ) -> Reply<pb::UpdateMerchantResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("UpdateMerchant"), &request.message.request_id);
        let settings = decode::settings(&request.message)?;
        let etag = &request.message.etag;
        let merchant = self.performance.update_merchant(&by, &request.scope, settings, etag).await?;
        Ok(Response::new(pb::UpdateMerchantResponse { merchant: Some(merchant.into()) }))
    }

    async fn create_team(&self, request: Request<pb::CreateTeamRequest>) -> Reply<pb::CreateTeamResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("CreateTeam"), &request.message.request_id);
        let id = decode::new_id("team_id", &request.message.team_id)?.map(TeamId::new);
        let name = decode::name(&request.message.name)?;
        let team = self.performance.create_team(&by, &request.scope, id, name).await?;
        Ok(Response::new(pb::CreateTeamResponse { team: Some(team.into()) }))
    }

    async fn update_team(&self, request: Request<pb::UpdateTeamRequest>) -> Reply<pb::UpdateTeamResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("UpdateTeam"), &request.message.request_id);
        let pb::UpdateTeamRequest { team_id, name, archived, etag, .. } = &request.message;
        let id = TeamId::new(decode::id("team_id", team_id)?);
        let change = (decode::name(name)?, *archived);
        let team = self.performance.update_team(&by, &request.scope, (&id, etag), change).await?;
        Ok(Response::new(pb::UpdateTeamResponse { team: Some(team.into()) }))
    }

    async fn list_teams(&self, request: Request<pb::ListTeamsRequest>) -> Reply<pb::ListTeamsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let day = decode::day("day", message.day)?;
        let archived = message.include_archived;
        let page = page(message.page_size, &message.page_token, format!("teams {day:?} {archived}"))?;
        let listed = self.performance.list_teams(&scope, day, archived, &page).await?;
        let teams = listed.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListTeamsResponse { teams, next_page_token: listed.next_page_token }))
    }

    async fn create_person(
        &self,
        request: Request<pb::CreatePersonRequest>,
    ) -> Reply<pb::CreatePersonResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("CreatePerson"), &request.message.request_id);
        let pb::CreatePersonRequest { person_id, name, position, roles, .. } = &request.message;
        let id = decode::new_id("person_id", person_id)?.map(PersonId::new);
        let details = decode::details(name, request.message.status(), position, roles)?;
        let person = self.performance.create_person(&by, &request.scope, id, details).await?;
        Ok(Response::new(pb::CreatePersonResponse { person: Some(person.into()) }))
    }

    async fn update_person(
        &self,
        request: Request<pb::UpdatePersonRequest>,
    ) -> Reply<pb::UpdatePersonResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("UpdatePerson"), &request.message.request_id);
        let pb::UpdatePersonRequest { person_id, name, position, roles, etag, .. } = &request.message;
        let id = PersonId::new(decode::id("person_id", person_id)?);
        let details = decode::details(name, request.message.status(), position, roles)?;
        let person = self.performance.update_person(&by, &request.scope, (&id, etag), details).await?;
        Ok(Response::new(pb::UpdatePersonResponse { person: Some(person.into()) }))
    }

    async fn get_person(&self, request: Request<pb::GetPersonRequest>) -> Reply<pb::GetPersonResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = PersonId::new(decode::id("person_id", &message.person_id)?);
        let person = self.performance.get_person(&scope, &id).await?;
        Ok(Response::new(pb::GetPersonResponse { person: Some(person.into()) }))
    }

    async fn list_people(&self, request: Request<pb::ListPeopleRequest>) -> Reply<pb::ListPeopleResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let day = decode::day("day", message.day)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("people {day:?} {filter:?}"))?;
        let listed = self.performance.list_people(&scope, day, &filter, &page).await?;
        let people = listed.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListPeopleResponse { people, next_page_token: listed.next_page_token }))
    }

    async fn list_person_history(
        &self,
        request: Request<pb::ListPersonHistoryRequest>,
    ) -> Reply<pb::ListPersonHistoryResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = PersonId::new(decode::id("person_id", &message.person_id)?);
        let page = page(message.page_size, &message.page_token, format!("history {id}"))?;
        let listed = self.performance.list_person_history(&scope, &id, &page).await?;
        let revisions = listed.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListPersonHistoryResponse {
            revisions,
            next_page_token: listed.next_page_token,
        }))
    }

    async fn assign_account(
        &self,
        request: Request<pb::AssignAccountRequest>,
    ) -> Reply<pb::AssignAccountResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("AssignAccount"), &request.message.request_id);
        let pb::AssignAccountRequest { person_id, account_id, from, to, .. } = &request.message;
        let id = PersonId::new(decode::id("person_id", person_id)?);
        let account = AccountId::new(decode::id("account_id", account_id)?);
        let account = Account { id: account, span: decode::span(*from, *to)? };
        let person = self.performance.assign_account(&by, &request.scope, &id, account).await?;
        Ok(Response::new(pb::AssignAccountResponse { person: Some(person.into()) }))
    }

    async fn remove_account(
        &self,
        request: Request<pb::RemoveAccountRequest>,
    ) -> Reply<pb::RemoveAccountResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RemoveAccount"), &request.message.request_id);
        let pb::RemoveAccountRequest { person_id, account_id, from, .. } = &request.message;
        let id = PersonId::new(decode::id("person_id", person_id)?);
        let account = AccountId::new(decode::id("account_id", account_id)?);
        let from = decode::required_day("from", *from)?;
        let person = self.performance.remove_account(&by, &request.scope, &id, (&account, from)).await?;
        Ok(Response::new(pb::RemoveAccountResponse { person: Some(person.into()) }))
    }

    async fn change_membership(
        &self,
        request: Request<pb::ChangeMembershipRequest>,
    ) -> Reply<pb::ChangeMembershipResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("ChangeMembership"), &request.message.request_id);
        let pb::ChangeMembershipRequest { person_id, team_id, lead, from, to, .. } = &request.message;
        let id = PersonId::new(decode::id("person_id", person_id)?);
        let team = TeamId::new(decode::id("team_id", team_id)?);
        let stay = Membership { team, lead: *lead, span: decode::span(*from, *to)? };
        let person = self.performance.change_membership(&by, &request.scope, &id, stay).await?;
        Ok(Response::new(pb::ChangeMembershipResponse { person: Some(person.into()) }))
    }

    async fn remove_membership(
        &self,
        request: Request<pb::RemoveMembershipRequest>,
    ) -> Reply<pb::RemoveMembershipResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RemoveMembership"), &request.message.request_id);
        let pb::RemoveMembershipRequest { person_id, team_id, from, .. } = &request.message;
        let id = PersonId::new(decode::id("person_id", person_id)?);
        let team = TeamId::new(decode::id("team_id", team_id)?);
        let from = decode::required_day("from", *from)?;
        let person = self.performance.remove_membership(&by, &request.scope, &id, (&team, from)).await?;
        Ok(Response::new(pb::RemoveMembershipResponse { person: Some(person.into()) }))
    }

    async fn import_people(
        &self,
        request: Request<pb::ImportPeopleRequest>,
    ) -> Reply<pb::ImportPeopleResponse> {
        let request = admitted(request)?;
        // The same file again changes nothing, so a request id would add nothing.
        let by = By::new(&request, rpc!("ImportPeople"), "");
        let pb::ImportPeopleRequest { csv, dry_run } = request.message;
        let plan = self.performance.import_people(&by, &request.scope, csv, dry_run).await?;
        Ok(Response::new(plan.into()))
    }

    async fn export_people(
        &self,
        request: Request<pb::ExportPeopleRequest>,
    ) -> Reply<Self::ExportPeopleStream> {
        let scope = scope(request.extensions())?.clone();
        Ok(Response::new(streams::export(self.performance.clone(), scope).await?))
    }

    async fn announce_directory(
        &self,
        request: Request<pb::AnnounceDirectoryRequest>,
    ) -> Reply<pb::AnnounceDirectoryResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("AnnounceDirectory"), &request.message.request_id);
        let announced = self.performance.announce_directory(&by, &request.scope).await?;
        Ok(Response::new(announced.into()))
    }

    async fn stream_directory(
        &self,
        request: Request<pb::StreamDirectoryRequest>,
    ) -> Reply<Self::StreamDirectoryStream> {
        let scope = scope(request.extensions())?.clone();
        Ok(Response::new(streams::directory(self.performance.clone(), scope).await?))
    }
}
