//! One agent's business day: who it is, the figures, the reviews.

use futures::future::try_join_all;
use proto::common::v1::DayRange;
use proto::gateway::v1 as pb;
use proto::google::r#type::Date;
use proto::metrics::v1 as metrics;
use proto::performance::v1 as performance;
use proto::qa::v1 as qa;
use proto::time;
use runtime::identity::{Caller, Reach, Scope};
use status::{Kind, Problem};
use tonic::Status;

use super::Views;
use super::section::Answer;

/// Accounts of one person on one day whose reviews are shown.
const ACCOUNTS_MAX: usize = 20;
/// Reviews of one account and day: more than a draw takes, with room for late ones.
const REVIEWS_MAX: i32 = 200;

impl Views {
    /// Asks performance, metrics and qa at the same time.
    pub(super) async fn agent_day(
        &self,
        caller: &Caller,
        scope: &Scope,
        request: &pb::GetAgentDayRequest,
    ) -> Result<pb::GetAgentDayResponse, Status> {
        let person_id = person(caller, scope, &request.person_id)?;
        let days = day(request.business_day)?;
        // The key of what is remembered names the person even if the request left it to the token.
        let asked = pb::GetAgentDayRequest { person_id: person_id.clone(), ..request.clone() };
        let (person, figures, reviews) = tokio::join!(
            self.section(caller, "agent_day.person", &asked, self.person(&person_id)),
            self.section(caller, "agent_day.figures", &asked, self.figures_of(days, &person_id)),
            self.section(caller, "agent_day.reviews", &asked, self.reviews_of(days, &person_id)),
        );
        Ok(pb::GetAgentDayResponse {
            person_id,
            business_day: request.business_day,
            person: Some(person),
            figures: Some(figures),
            reviews: Some(reviews),
        })
    }

    async fn person(&self, person_id: &str) -> Result<Answer<pb::PersonSection>, Status> {
        let mut client = self.people()?;
        let request = performance::GetPersonRequest { person_id: person_id.to_owned() };
        let person = client.get_person(request).await?.into_inner().person;
        Ok(Answer { part: pb::PersonSection { person, ..Default::default() }, truncated: false })
    }

    async fn figures_of(
        &self,
        days: DayRange,
        person_id: &str,
    ) -> Result<Answer<pb::FiguresSection>, Status> {
        let filter = metrics::Filter { person_ids: vec![person_id.to_owned()], ..Default::default() };
        self.figures(days, metrics::Group::Person, filter).await
    }

    async fn reviews_of(
        &self,
        days: DayRange,
        person_id: &str,
    ) -> Result<Answer<pb::ReviewsSection>, Status> {
        let client = self.qa()?;
        let filter = qa::CoverageFilter { person_id: person_id.to_owned(), ..Default::default() };
        let coverage = self.coverage(days, filter).await?;
        // Reviews are listed by account, and a person may work under several on one day.
        let accounts = coverage.part.coverage.iter().take(ACCOUNTS_MAX);
        let lists = accounts.map(|row| {
            let mut client = client.clone();
            let request = qa::ListReviewsRequest {
                days: Some(days),
                account_id: row.account_id.clone(),
                page_size: REVIEWS_MAX,
                ..Default::default()
            };
            async move { client.list_reviews(request).await.map(tonic::Response::into_inner) }
        });
        let lists = try_join_all(lists).await?;
        let truncated = coverage.truncated
            || coverage.part.coverage.len() > ACCOUNTS_MAX
            || lists.iter().any(|list| !list.next_page_token.is_empty());
        let part = pb::ReviewsSection {
            coverage: coverage.part.coverage,
            reviews: lists.into_iter().flat_map(|list| list.reviews).collect(),
            ..Default::default()
        };
        Ok(Answer { part, truncated })
    }
}

/// The person that is asked about: named by the request or by the token, and within reach as far as that can be told
/// without the directory. Teams are looked up by the services.
fn person(caller: &Caller, scope: &Scope, asked: &str) -> Result<String, Status> {
    let own = caller.person.as_ref().map(ToString::to_string);
    let person = if asked.is_empty() { own } else { Some(asked.to_owned()) };
    let person = person.ok_or_else(|| {
        Problem::new(Kind::Invalid, "PERSON_MISSING", "neither the request nor the token names a person")
            .domain("gateway")
            .violation("person_id", "is needed, because the caller is no person")
            .into_status()
    })?;
    match &scope.reach {
        Reach::Own(me) if me.as_str() != person => {
            Err(Problem::new(Kind::Denied, "OUT_OF_REACH", "agents see their own day only")
                .domain("gateway")
                .into_status())
        }
        _ => Ok(person),
    }
}

/// The day as a range, refused here if there is no such day, so that not every part has to say so.
pub(super) fn day(day: Option<Date>) -> Result<DayRange, Status> {
    match day {
        Some(day) if time::day(&day).is_some() => Ok(DayRange { from: Some(day), to: Some(day) }),
        _ => Err(status::invalid("business_day", time::A_DAY)),
    }
}
