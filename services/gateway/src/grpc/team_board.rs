//! A team's business day: its people, its figures, how far its reviews are.

use proto::common::v1::DayRange;
use proto::gateway::v1 as pb;
use proto::metrics::v1 as metrics;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::performance::v1 as performance;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use proto::qa::v1 as qa;
use proto::qa::v1::qa_service_client::QaServiceClient;
use runtime::client::Upstream;
use runtime::identity::Caller;
use tonic::Status;

use super::Views;
use super::agent_day::day;
use super::section::Answer;

/// The most that the services give on one page; a board does not turn pages.
const PEOPLE_MAX: i32 = 200;
const FIGURES_MAX: i32 = 1000;
const COVERAGE_MAX: i32 = 500;

impl Views {
    /// Asks performance, metrics (twice) and qa at the same time.
    pub(super) async fn team_board(
        &self,
        caller: &Caller,
        request: &pb::GetTeamBoardRequest,
    ) -> Result<pb::GetTeamBoardResponse, Status> {
        let days = day(request.business_day)?;
        let team_id = &request.team_id;
        let of_team = || metrics::Filter { team_ids: vec![team_id.clone()], ..Default::default() };
        let filter = qa::CoverageFilter { team_id: team_id.clone(), ..Default::default() };
        let (people, team, agents, coverage) = tokio::join!(
            self.section(caller, "team_board.people", request, self.members(days, team_id)),
            self.section(
                caller,
                "team_board.team",
                request,
                self.figures(days, metrics::Group::Team, of_team())
            ),
            self.section(
                caller,
                "team_board.agents",
                request,
                self.figures(days, metrics::Group::Person, of_team())
            ),
            self.section(caller, "team_board.coverage", request, self.coverage(days, filter)),
        );
        Ok(pb::GetTeamBoardResponse {
            team_id: team_id.clone(),
            business_day: request.business_day,
            people: Some(people),
            team: Some(team),
            agents: Some(agents),
            coverage: Some(coverage),
        })
    }

    async fn members(&self, days: DayRange, team_id: &str) -> Result<Answer<pb::PeopleSection>, Status> {
        let mut client = self.people()?;
        let request = performance::ListPeopleRequest {
            team_id: team_id.to_owned(),
            day: days.from,
            page_size: PEOPLE_MAX,
            ..Default::default()
        };
        let list = client.list_people(request).await?.into_inner();
        let truncated = !list.next_page_token.is_empty();
        Ok(Answer { part: pb::PeopleSection { people: list.people, ..Default::default() }, truncated })
    }

    /// Figures of a day from metrics.
    pub(super) async fn figures(
        &self,
        days: DayRange,
        group: metrics::Group,
        filter: metrics::Filter,
    ) -> Result<Answer<pb::FiguresSection>, Status> {
        let mut client = MetricsServiceClient::new(self.upstreams.client("metrics")?);
        let request = metrics::GetFiguresRequest {
            days: Some(days),
            group: group.into(),
            filter: Some(filter),
            page_size: FIGURES_MAX,
            ..Default::default()
        };
        let page = client.get_figures(request).await?.into_inner();
        let truncated = !page.next_page_token.is_empty();
        let part =
            pb::FiguresSection { figures: page.figures, definition: page.definition, ..Default::default() };
        Ok(Answer { part, truncated })
    }

    /// How far the reviews of a day are, from qa.
    pub(super) async fn coverage(
        &self,
        days: DayRange,
        filter: qa::CoverageFilter,
    ) -> Result<Answer<pb::CoverageSection>, Status> {
        let request = qa::GetCoverageRequest {
            days: Some(days),
            filter: Some(filter),
            page_size: COVERAGE_MAX,
            ..Default::default()
        };
        let page = self.qa()?.get_coverage(request).await?.into_inner();
        let truncated = !page.next_page_token.is_empty();
        Ok(Answer { part: pb::CoverageSection { coverage: page.coverage, ..Default::default() }, truncated })
    }

    pub(super) fn people(&self) -> Result<PeopleServiceClient<Upstream>, Status> {
        Ok(PeopleServiceClient::new(self.upstreams.client("performance")?))
    }

    pub(super) fn qa(&self) -> Result<QaServiceClient<Upstream>, Status> {
        Ok(QaServiceClient::new(self.upstreams.client("qa")?))
    }
}
