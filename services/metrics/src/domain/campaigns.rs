//! The use cases of campaigns and their reviews.

use std::collections::BTreeSet;

use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use status::Violation;
use uuid::Uuid;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::campaign::filter::CampaignFilter;
use crate::domain::campaign::phases::{phases, weeks_before};
use crate::domain::campaign::plan::Plan;
use crate::domain::campaign::review::{
    Comparison, Document, Line, PhaseComparison, Review, ReviewState, reviewed,
};
use crate::domain::campaign::{Campaign, CampaignError, CampaignState, Mark};
use crate::domain::definition::STANDARD;
use crate::domain::figure::{Cut, DayRange, DefinitionRef, Filter, Group, Step};
use crate::domain::money::Currency;
use crate::domain::{Metrics, Result, SELF};
use crate::error::MetricsError;
use crate::store::{CampaignCursor, FigureQuery, FigureSums, ReviewCursor};

/// Campaigns that one round ends at most.
const END_AT_ONCE: i64 = 500;

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Campaigns {
    metrics: Metrics,
}

/// A review, where it stands today, and the figures.
#[derive(Debug)]
pub struct Reviewed {
    /// The review.
    pub review: Review,
    /// Where it stands.
    pub state: ReviewState,
    /// As of now, or as of when it was submitted.
    pub comparison: Option<Comparison>,
}

impl Campaigns {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// The currency of all amounts.
    pub fn currency(&self) -> &Currency {
        self.metrics.currency()
    }

    /// Files a draft. Items without an id get one.
    pub async fn create_campaign(&self, by: &By, scope: &Scope, id: String, plan: Plan) -> Result<Campaign> {
        let plan = complete(plan)?;
        let campaign = Campaign::new(or_made(id), plan, by.caller.subject.clone(), self.metrics.clock.now());
        let id = self.metrics.store.insert_campaign(by, &campaign).await?;
        self.get_campaign(scope, &id).await
    }

    /// A campaign that the scope sees.
    pub async fn get_campaign(&self, scope: &Scope, id: &str) -> Result<Campaign> {
        let today = self.metrics.today(&scope.merchant).await?;
        let found = self.metrics.store.find_campaign(scope, id, today).await?;
        found.ok_or_else(|| CampaignError::NotFound { id: id.to_owned() }.into())
    }

    /// A page of the calendar.
    pub async fn list_campaigns(
        &self,
        scope: &Scope,
        filter: &CampaignFilter,
        page: &PageRequest<CampaignCursor>,
    ) -> Result<Page<Campaign>> {
        let today = self.metrics.today(&scope.merchant).await?;
        self.metrics.store.list_campaigns(scope, filter, today, page).await
    }

    /// A page of what a campaign was.
    pub async fn list_campaign_versions(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i64>,
    ) -> Result<Page<Campaign>> {
        self.get_campaign(scope, id).await?;
        self.metrics.store.list_campaign_versions(scope, id, page).await
    }

    /// Replaces the plan.
    pub async fn update_campaign(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        plan: Plan,
    ) -> Result<Campaign> {
        let plan = complete(plan)?;
        self.change(by, scope, at, |campaign| campaign.update(plan)).await
    }

    /// Tells the other services of a draft.
    pub async fn publish_campaign(&self, by: &By, scope: &Scope, at: (&str, &str)) -> Result<Campaign> {
        let now = self.metrics.clock.now();
        self.change(by, scope, at, |campaign| campaign.publish(now)).await
    }

    /// Ends a campaign before its time.
    pub async fn end_campaign(&self, by: &By, scope: &Scope, at: (&str, &str)) -> Result<Campaign> {
        let now = self.metrics.clock.now();
        self.change(by, scope, at, |campaign| campaign.end(now)).await
    }

    /// Gives a campaign up.
    pub async fn cancel_campaign(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        reason: String,
    ) -> Result<Campaign> {
        self.change(by, scope, at, |campaign| campaign.cancel(reason)).await
    }

    /// Marks an item of the checklist as done (with a note), or takes the mark back.
    pub async fn mark_item(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        item: &str,
        note: Option<String>,
    ) -> Result<Campaign> {
        let now = self.metrics.clock.now();
        let mark = note.map(|note| Mark { by: by.caller.subject.clone(), at: now, note });
        let decide = |campaign: Campaign, reached: &_| Ok(campaign.mark(item, mark, reached)?);
        self.metrics.store.update_campaign(by, scope, at, now, decide).await?;
        self.get_campaign(scope, at.0).await
    }

    /// Ends what is over.
    pub async fn end_campaigns(&self) -> Result<usize> {
        let now = self.metrics.clock.now();
        let mut ended = 0;
        for (merchant, id) in self.metrics.store.list_campaigns_to_end(now, END_AT_ONCE).await? {
            match self.end_in_time(&merchant, &id).await {
                Ok(()) => ended += 1,
                // Another replica was quicker, or somebody moved the end.
                Err(MetricsError::Campaign(_)) => {}
                Err(error) => {
                    let error = status::chain(&error);
                    tracing::warn!(merchant = %merchant, campaign = id, error, "cannot end the campaign now");
                }
            }
        }
        Ok(ended)
    }

    async fn end_in_time(&self, merchant: &MerchantId, id: &str) -> Result<()> {
        let by = By::service(SELF, merchant, "background/end_campaigns");
        let scope = Scope::merchant(merchant.clone());
        let now = self.metrics.clock.now();
        let decide = |campaign: Campaign, _: &_| {
            if campaign.ends_at() > now {
                return Ok(None);
            }
            Ok(Some(campaign.end(now)?))
        };
        self.metrics.store.update_campaign(&by, &scope, (id, ""), now, decide).await
    }

    async fn change(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        step: impl FnOnce(Campaign) -> Result<Campaign, CampaignError> + Send,
    ) -> Result<Campaign> {
        let now = self.metrics.clock.now();
        let decide = |campaign: Campaign, _: &_| Ok(Some(step(campaign)?));
        self.metrics.store.update_campaign(by, scope, at, now, decide).await?;
        self.get_campaign(scope, at.0).await
    }

    /// A review and its figures.
    pub async fn get_campaign_review(&self, scope: &Scope, id: &str) -> Result<Reviewed> {
        let campaign = self.get_campaign(scope, id).await?;
        let review = self.find_review(scope, id).await?;
        let comparison = match &review.comparison {
            Some(kept) => kept.clone(),
            None => self.compare(scope, &campaign, review.document.like_campaign.as_deref()).await?,
        };
        let state = review.state(self.metrics.today(&scope.merchant).await?);
        Ok(Reviewed { review, state, comparison: Some(comparison) })
    }

    /// A page of reviews, without figures.
    pub async fn list_campaign_reviews(
        &self,
        scope: &Scope,
        states: &[ReviewState],
        page: &PageRequest<ReviewCursor>,
    ) -> Result<Page<Reviewed>> {
        let today = self.metrics.today(&scope.merchant).await?;
        let reviews = self.metrics.store.list_campaign_reviews(scope, states, today, page).await?;
        let listed = |review: Review| Reviewed { state: review.state(today), review, comparison: None };
        Ok(reviews.map(listed))
    }

    /// Keeps a document that is not finished.
    pub async fn save_campaign_review(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        document: Document,
    ) -> Result<Reviewed> {
        let campaign = self.get_campaign(scope, at.0).await?;
        document.check(&items(&campaign))?;
        self.find_like(scope, &campaign, document.like_campaign.as_deref()).await?;
        let now = self.metrics.clock.now();
        let decide = |review: Review| Ok(review.save(document)?);
        self.metrics.store.update_campaign_review(by, scope, at, now, decide).await?;
        self.get_campaign_review(scope, at.0).await
    }

    /// Hands a document in, with the figures as they are now.
    pub async fn submit_campaign_review(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        document: Document,
    ) -> Result<Reviewed> {
        let campaign = self.get_campaign(scope, at.0).await?;
        self.find_review(scope, at.0).await?;
        document.check(&items(&campaign))?;
        document.check_complete(&campaign.marks)?;
        let comparison = self.compare(scope, &campaign, document.like_campaign.as_deref()).await?;
        let (now, subject) = (self.metrics.clock.now(), by.caller.subject.clone());
        let decide = |review: Review| Ok(review.submit(document, comparison, subject, now)?);
        self.metrics.store.update_campaign_review(by, scope, at, now, decide).await?;
        self.get_campaign_review(scope, at.0).await
    }

    async fn find_review(&self, scope: &Scope, id: &str) -> Result<Review> {
        let found = self.metrics.store.find_campaign_review(scope, id).await?;
        found.ok_or_else(|| CampaignError::NotEnded { id: id.to_owned() }.into())
    }

    /// The campaign to compare with, if one is named.
    async fn find_like(
        &self,
        scope: &Scope,
        campaign: &Campaign,
        like: Option<&str>,
    ) -> Result<Option<Campaign>> {
        let Some(like) = like else { return Ok(None) };
        let wrong = || Violation {
            field: "document.like_campaign_id".to_owned(),
            description: "must be another campaign that has ended".to_owned(),
        };
        let today = self.metrics.today(&scope.merchant).await?;
        let found = self.metrics.store.find_campaign(scope, like, today).await?;
        let found = found.filter(|found| found.state == CampaignState::Ended && found.id != campaign.id);
        Ok(Some(found.ok_or_else(wrong)?))
    }

    async fn compare(&self, scope: &Scope, campaign: &Campaign, like: Option<&str>) -> Result<Comparison> {
        let calendar = self.metrics.store.find_calendar(&scope.merchant).await?;
        let like = self.find_like(scope, campaign, like).await?;
        let here = phases(&campaign.plan.windows, campaign.ends_at(), &calendar);
        // Both periods under one version, the one in force when the campaign ended, or they could not be compared.
        let last = calendar.business_day(campaign.ends_at());
        let standard = DefinitionRef { id: STANDARD.to_owned(), version: None };
        let ruling =
            self.metrics.find_ruling(&scope.merchant, &standard, DayRange { from: last, to: last }).await?;
        let version = ruling.on(last).version;
        let standard = DefinitionRef { version: Some(version), ..standard };
        let there = match &like {
            Some(like) => phases(&like.plan.windows, like.ends_at(), &calendar),
            None => weeks_before(&here),
        };
        let today = self.metrics.today(&scope.merchant).await?;
        let mut compared = Vec::new();
        for (phase, days) in here {
            // A like campaign that was ended early lacks phases.
            let Some((_, like_days)) = there.iter().find(|(other, _)| *other == phase) else { continue };
            let value = self.sums(scope, &standard, &campaign.plan.shops, days).await?;
            let shops = like.as_ref().map_or(&campaign.plan.shops, |like| &like.plan.shops);
            let beside = self.sums(scope, &standard, shops, *like_days).await?;
            let line = |measure: AnyMeasure| {
                let figure = |sums: &Option<FigureSums>| {
                    sums.as_ref().map_or((0, 0), |sums| measure.of_sums(&sums.sums, &sums.trade))
                };
                Line::of(measure, (figure(&value), days), (figure(&beside), *like_days))
            };
            let open = |sums: &Option<FigureSums>| {
                sums.as_ref().is_some_and(|sums| sums.provisional || sums.pending)
            };
            compared.push(PhaseComparison {
                phase,
                days: (days.from, days.to),
                like_days: (like_days.from, like_days.to),
                provisional: open(&value) || open(&beside) || days.to >= today,
                lines: reviewed().map(line).collect(),
            });
        }
        Ok(Comparison {
            like_campaign: like.map(|like| like.id),
            definition_version: version,
            phases: compared,
        })
    }

    /// The sums of shops (all if none are named) over days; `None` of nothing.
    async fn sums(
        &self,
        scope: &Scope,
        definition: &DefinitionRef,
        shops: &[String],
        range: DayRange,
    ) -> Result<Option<FigureSums>> {
        let ruling = self.metrics.find_ruling(&scope.merchant, definition, range).await?;
        let filter = Filter { shops: shops.to_vec(), ..Filter::default() };
        let today = self.metrics.today(&scope.merchant).await?;
        let whole = Cut::Step(Step::Whole);
        let query = FigureQuery::sums(range, Group::Merchant, whole, filter, ruling, today);
        Ok(self.metrics.store.list_sums(scope, &query).await?.into_iter().next())
    }
}

fn items(campaign: &Campaign) -> BTreeSet<&str> {
    campaign.plan.checklist.iter().map(|item| item.id.as_str()).collect()
}

/// The id given, or a new one.
pub(super) fn or_made(id: String) -> String {
    if id.is_empty() { Uuid::now_v7().to_string() } else { id }
}

/// The plan with ids for all items, checked.
fn complete(mut plan: Plan) -> Result<Plan> {
    for item in &mut plan.checklist {
        item.id = or_made(std::mem::take(&mut item.id));
    }
    plan.check()?;
    Ok(plan)
}
