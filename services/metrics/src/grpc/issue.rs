//! `jinpai.metrics.v1.IssueService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::issue_service_server::IssueService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::issues::Issues;
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.IssueService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct IssueApi {
    issues: Issues,
}

impl IssueApi {
    /// In front of these use cases.
    pub fn new(issues: Issues) -> Self {
        Self { issues }
    }
}

#[tonic::async_trait]
impl IssueService for IssueApi {
    async fn create_issue(&self, request: Request<pb::CreateIssueRequest>) -> Reply<pb::CreateIssueResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("issue_id", &message.issue_id)?;
        let content = decode::content(message.content.as_ref())?;
        let watchers = decode::ids("watcher_person_ids", &message.watcher_person_ids)?;
        let by = By::new(&request, rpc!("CreateIssue"), &message.request_id);
        let issue = self.issues.create_issue(&by, id, content, watchers).await?;
        Ok(Response::new(pb::CreateIssueResponse { issue: Some(encode::issue(&issue)) }))
    }

    async fn get_issue(&self, request: Request<pb::GetIssueRequest>) -> Reply<pb::GetIssueResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("issue_id", &message.issue_id)?;
        let issue = self.issues.get_issue(&scope, &id).await?;
        Ok(Response::new(pb::GetIssueResponse { issue: Some(encode::issue(&issue)) }))
    }

    async fn list_issues(&self, request: Request<pb::ListIssuesRequest>) -> Reply<pb::ListIssuesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("issues {filter:?}"))?;
        let found = self.issues.list_issues(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListIssuesResponse {
            issues: found.items.iter().map(encode::issue).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn update_issue(&self, request: Request<pb::UpdateIssueRequest>) -> Reply<pb::UpdateIssueResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("issue_id", &message.issue_id)?;
        let content = decode::content(message.content.as_ref())?;
        let by = By::new(&request, rpc!("UpdateIssue"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let issue = self.issues.update_issue(&by, &request.scope, at, content).await?;
        Ok(Response::new(pb::UpdateIssueResponse { issue: Some(encode::issue(&issue)) }))
    }

    async fn move_issue(&self, request: Request<pb::MoveIssueRequest>) -> Reply<pb::MoveIssueResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("issue_id", &message.issue_id)?;
        let state = decode::step(message)?;
        let by = By::new(&request, rpc!("MoveIssue"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let issue = self.issues.move_issue(&by, &request.scope, at, state, &message.resolution).await?;
        Ok(Response::new(pb::MoveIssueResponse { issue: Some(encode::issue(&issue)) }))
    }

    async fn comment_issue(
        &self,
        request: Request<pb::CommentIssueRequest>,
    ) -> Reply<pb::CommentIssueResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("issue_id", &message.issue_id)?;
        super::decode::check_no_nul("text", &message.text)?;
        let by = By::new(&request, rpc!("CommentIssue"), &message.request_id);
        let comment = self.issues.comment_issue(&by, &request.scope, &id, &message.text).await?;
        Ok(Response::new(pb::CommentIssueResponse { comment: Some(encode::comment(comment)) }))
    }

    async fn list_issue_comments(
        &self,
        request: Request<pb::ListIssueCommentsRequest>,
    ) -> Reply<pb::ListIssueCommentsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("issue_id", &message.issue_id)?;
        let page = page(message.page_size, &message.page_token, format!("issue comments {id}"))?;
        let found = self.issues.list_comments(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListIssueCommentsResponse {
            comments: found.items.into_iter().map(encode::comment).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn watch_issue(&self, request: Request<pb::WatchIssueRequest>) -> Reply<pb::WatchIssueResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("issue_id", &message.issue_id)?;
        let people = decode::ids("person_ids", &message.person_ids)?;
        let by = By::new(&request, rpc!("WatchIssue"), &message.request_id);
        let issue = self.issues.watch_issue(&by, &request.scope, &id, people, message.stop).await?;
        Ok(Response::new(pb::WatchIssueResponse { issue: Some(encode::issue(&issue)) }))
    }

    async fn list_issue_notices(
        &self,
        request: Request<pb::ListIssueNoticesRequest>,
    ) -> Reply<pb::ListIssueNoticesResponse> {
        let Admitted { message, caller, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, "issue notices".to_owned())?;
        let found = self.issues.list_notices(&caller, &page).await?;
        Ok(Response::new(pb::ListIssueNoticesResponse {
            notices: found.items.into_iter().map(encode::notice).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn read_issue_notices(
        &self,
        request: Request<pb::ReadIssueNoticesRequest>,
    ) -> Reply<pb::ReadIssueNoticesResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let issues = decode::ids("issue_ids", &message.issue_ids)?;
        let by = By::new(&request, rpc!("ReadIssueNotices"), &message.request_id);
        let read = self.issues.read_notices(&by, &issues).await?;
        Ok(Response::new(pb::ReadIssueNoticesResponse { read }))
    }
}
