//! Campaigns (活动): planned, published, ended, and what may happen to one when.

pub mod filter;
pub mod phases;
pub mod plan;
pub mod review;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use status::{Failure, Kind};

use crate::domain::campaign::plan::Plan;
use crate::domain::reach::Reached;

/// Where a campaign stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CampaignState {
    /// Being planned.
    Draft,
    /// Other services follow it.
    Published,
    /// Over.
    Ended,
    /// Given up.
    Cancelled,
}

impl CampaignState {
    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Draft, Self::Published, Self::Ended, Self::Cancelled].into_iter().find(|s| s.name() == name)
    }
}

/// An item is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who said so.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What they added.
    pub note: String,
}

/// A campaign as of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Unique in the merchant.
    pub id: String,
    /// From 1, one more with each change.
    pub version: i64,
    /// Where it stands.
    pub state: CampaignState,
    /// What planners wrote.
    pub plan: Plan,
    /// When it was ended before its time.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it was cancelled.
    pub cancel_reason: String,
    /// Items that are done.
    pub marks: BTreeMap<String, Mark>,
    /// Who made this version.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
}

/// What can go wrong with campaigns.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// There is none that the caller may see.
    #[error("there is no campaign {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// The id is taken.
    #[error("there is a campaign {id} already")]
    Exists {
        /// Which.
        id: String,
    },
    /// Somebody else changed it.
    #[error("campaign {id} has changed since it was read")]
    Changed {
        /// Which.
        id: String,
    },
    /// That can't be done to a campaign in this state.
    #[error("campaign {id} is {}", state.name())]
    State {
        /// Which.
        id: String,
        /// Its state.
        state: CampaignState,
    },
    /// What has not begun can't end.
    #[error("campaign {id} has not started; cancel it instead")]
    NotStarted {
        /// Which.
        id: String,
    },
    /// What is over can't be announced.
    #[error("the last window of campaign {id} is over")]
    Over {
        /// Which.
        id: String,
    },
    /// It has no such item.
    #[error("campaign {id} has no item {item}")]
    ItemNotFound {
        /// Which campaign.
        id: String,
        /// Which item.
        item: String,
    },
    /// The item is somebody else's.
    #[error("item {item} belongs to somebody out of reach")]
    NotYourItem {
        /// Which item.
        item: String,
    },
    /// There is no review before the end.
    #[error("campaign {id} has not ended, so there is nothing to review")]
    NotEnded {
        /// Which.
        id: String,
    },
    /// Somebody else changed the review.
    #[error("the review of campaign {id} has changed since it was read")]
    ReviewChanged {
        /// Which.
        id: String,
    },
    /// What was handed in stays.
    #[error("the review of campaign {id} was submitted")]
    ReviewSubmitted {
        /// Which.
        id: String,
    },
}

impl Failure for CampaignError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } | Self::ItemNotFound { .. } => Kind::NotFound,
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::Changed { .. } | Self::ReviewChanged { .. } => Kind::Contended,
            Self::State { .. }
            | Self::NotStarted { .. }
            | Self::Over { .. }
            | Self::NotEnded { .. }
            | Self::ReviewSubmitted { .. } => Kind::Precondition,
            Self::NotYourItem { .. } => Kind::Denied,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "CAMPAIGN_NOT_FOUND",
            Self::Exists { .. } => "CAMPAIGN_EXISTS",
            Self::Changed { .. } => "CAMPAIGN_CHANGED",
            Self::State { .. } => "CAMPAIGN_STATE",
            Self::NotStarted { .. } => "CAMPAIGN_NOT_STARTED",
            Self::Over { .. } => "CAMPAIGN_OVER",
            Self::ItemNotFound { .. } => "CHECKLIST_ITEM_NOT_FOUND",
            Self::NotYourItem { .. } => "NOT_YOUR_ITEM",
            Self::NotEnded { .. } => "CAMPAIGN_NOT_ENDED",
            Self::ReviewChanged { .. } => "CAMPAIGN_REVIEW_CHANGED",
            Self::ReviewSubmitted { .. } => "CAMPAIGN_REVIEW_SUBMITTED",
        }
    }
}

type Result<T> = std::result::Result<T, CampaignError>;

impl Campaign {
    /// A draft.
    pub fn new(id: String, plan: Plan, by: String, now: DateTime<Utc>) -> Self {
        Self {
            id,
            version: 1,
            state: CampaignState::Draft,
            plan,
            ended_at: None,
            cancel_reason: String::new(),
            marks: BTreeMap::new(),
            changed_by: by,
            changed_at: now,
        }
    }

    /// What edits must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// First instant.
    pub fn starts_at(&self) -> DateTime<Utc> {
        self.plan.starts_at()
    }

    /// First instant after it.
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.ended_at.unwrap_or_else(|| self.plan.ends_at())
    }

    /// Whether somebody who reaches these people sees it: all do once it is no draft, else whose people have a part in it.
    pub fn is_seen_by(&self, reached: &Reached) -> bool {
        self.state != CampaignState::Draft || reached.holds_any(self.plan.people())
    }

    /// Whether other services are told of the step from `before`.
    pub fn is_news_after(&self, before: &Self) -> bool {
        let out = [before.state, self.state].contains(&CampaignState::Published);
        out && (self.state != before.state || self.plan != before.plan)
    }

    /// The same with another plan; marks of items that are gone go too.
    pub fn update(self, plan: Plan) -> Result<Self> {
        let mut next = self.only_in(&[CampaignState::Draft, CampaignState::Published])?;
        next.marks.retain(|item, _| plan.checklist.iter().any(|kept| kept.id == *item));
        Ok(Self { plan, ..next })
    }

    /// The same, for the other services to follow.
    pub fn publish(self, now: DateTime<Utc>) -> Result<Self> {
        let next = self.only_in(&[CampaignState::Draft])?;
        if next.ends_at() <= now {
            return Err(CampaignError::Over { id: next.id });
        }
        Ok(Self { state: CampaignState::Published, ..next })
    }

    /// The same, over: now, or at its time if that has come.
    pub fn end(self, now: DateTime<Utc>) -> Result<Self> {
        let next = self.only_in(&[CampaignState::Published])?;
        if now <= next.starts_at() {
            return Err(CampaignError::NotStarted { id: next.id });
        }
        let ended_at = (now < next.ends_at()).then_some(now);
        Ok(Self { state: CampaignState::Ended, ended_at, ..next })
    }

    /// The same, given up.
    pub fn cancel(self, reason: String) -> Result<Self> {
        let next = self.only_in(&[CampaignState::Draft, CampaignState::Published])?;
        Ok(Self { state: CampaignState::Cancelled, cancel_reason: reason, ..next })
    }

    /// The same with an item marked, or no longer; `None` if it is so already. By its owner or who reaches the owner; an
    /// item of nobody by who reaches everybody.
    pub fn mark(self, item: &str, mark: Option<Mark>, reached: &Reached) -> Result<Option<Self>> {
        let mut next = match self.state {
            CampaignState::Cancelled => return Err(CampaignError::State { id: self.id, state: self.state }),
            _ => self,
        };
        let Some(found) = next.plan.checklist.iter().find(|planned| planned.id == item) else {
            return Err(CampaignError::ItemNotFound { id: next.id, item: item.to_owned() });
        };
        if !found.owner.as_deref().map_or(reached.is_all(), |owner| reached.holds(owner)) {
            return Err(CampaignError::NotYourItem { item: item.to_owned() });
        }
        let done = next.marks.contains_key(item);
        match mark {
            Some(mark) if !done => drop(next.marks.insert(item.to_owned(), mark)),
            None if done => drop(next.marks.remove(item)),
            _ => return Ok(None),
        }
        Ok(Some(next))
    }

    /// The next version, by whom and when.
    pub fn changed(self, by: String, now: DateTime<Utc>) -> Self {
        Self { version: self.version + 1, changed_by: by, changed_at: now, ..self }
    }

    fn only_in(self, states: &[CampaignState]) -> Result<Self> {
        if states.contains(&self.state) {
            return Ok(self);
        }
        Err(CampaignError::State { id: self.id, state: self.state })
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{at, plan};
    use super::*;

    const BEFORE: &str = "2020-06-10T00:00:00";
    const WITHIN: &str = "2020-06-19T00:00:00";
    const AFTER: &str = "2020-06-22T00:00:00";

    fn draft() -> Campaign {
        Campaign::new("c".to_owned(), plan(), "planner".to_owned(), at(BEFORE))
    }

    fn published() -> Campaign {
        draft().publish(at(BEFORE)).expect("publishes")
    }

    fn people(ids: &[&str]) -> Reached {
        Reached::People(ids.iter().map(|id| (*id).to_owned()).collect())
    }

    #[test]
    fn a_draft_is_seen_by_whose_people_have_a_part_in_it() {
        for (ids, seen) in [(&["p1"][..], true), (&["p9"], true), (&["p2"], false), (&[], false)] {
            assert_eq!(draft().is_seen_by(&people(ids)), seen, "{ids:?}");
            assert!(published().is_seen_by(&people(ids)));
        }
        assert!(draft().is_seen_by(&Reached::All));
    }

    #[test]
    fn other_services_are_told_of_what_is_published() {
        let renamed = || published().update(Plan { name: "again".to_owned(), ..plan() }).expect("updates");
        assert!(published().is_news_after(&draft()) && renamed().is_news_after(&published()));
        let marked = published().mark("i-1", Some(a_mark()), &Reached::All).expect("marks").expect("changes");
        assert!(!marked.is_news_after(&published()));
        let cancelled = draft().cancel("no".to_owned()).expect("cancels");
        assert!(!cancelled.is_news_after(&draft()));
    }

    fn a_mark() -> Mark {
        Mark { by: "p1".to_owned(), at: at(WITHIN), note: String::new() }
    }

    #[test]
    fn only_legal_steps_are_taken() {
        let ended = || published().end(at(AFTER)).expect("ends");
        let cancelled = || draft().cancel("no stock".to_owned()).expect("cancels");
        for stuck in [ended, cancelled] {
            assert_eq!(stuck().update(plan()).expect_err("is over").reason(), "CAMPAIGN_STATE");
            assert_eq!(stuck().publish(at(BEFORE)).expect_err("is over").reason(), "CAMPAIGN_STATE");
            assert_eq!(stuck().end(at(AFTER)).expect_err("is over").reason(), "CAMPAIGN_STATE");
            assert_eq!(stuck().cancel(String::new()).expect_err("is over").reason(), "CAMPAIGN_STATE");
        }
        assert_eq!(draft().end(at(AFTER)).expect_err("is a draft").reason(), "CAMPAIGN_STATE");
        assert_eq!(published().publish(at(BEFORE)).expect_err("is out").reason(), "CAMPAIGN_STATE");
        assert_eq!(draft().publish(at(AFTER)).expect_err("is too late").reason(), "CAMPAIGN_OVER");
        assert_eq!(published().end(at(BEFORE)).expect_err("is early").reason(), "CAMPAIGN_NOT_STARTED");
    }

    #[test]
    fn an_early_end_is_kept_and_a_timely_one_is_the_plans() {
        assert_eq!(published().end(at(WITHIN)).expect("ends").ends_at(), at(WITHIN));
        assert_eq!(published().end(at(AFTER)).expect("ends").ends_at(), at("2020-06-21T00:00:00"));
    }

    #[test]
    fn marks_follow_their_items() {
        let marked = published().mark("i-1", Some(a_mark()), &Reached::All).expect("marks").expect("changes");
        assert_eq!(marked.clone().mark("i-1", Some(a_mark()), &Reached::All).expect("is so already"), None);
        let mut without = plan();
        without.checklist.remove(0);
        assert!(marked.clone().update(plan()).expect("updates").marks.contains_key("i-1"));
        assert!(marked.clone().update(without).expect("updates").marks.is_empty());
        let taken_back = marked.mark("i-1", None, &Reached::All).expect("takes back").expect("changes");
        assert!(taken_back.marks.is_empty());
        assert_eq!(taken_back.mark("i-1", None, &Reached::All).expect("is so already"), None);
    }

    #[test]
    fn an_item_is_its_owners() {
        let refused = published().mark("i-1", Some(a_mark()), &people(&["p2"]));
        assert_eq!(refused.expect_err("is another's").reason(), "NOT_YOUR_ITEM");
        published().mark("i-1", Some(a_mark()), &people(&["p1"])).expect("is theirs");
        let nobodys = published().mark("i-2", Some(a_mark()), &people(&["p1"]));
        assert_eq!(nobodys.expect_err("is nobody's").reason(), "NOT_YOUR_ITEM");
        let unknown = published().mark("i-9", Some(a_mark()), &Reached::All);
        assert_eq!(unknown.expect_err("is none").reason(), "CHECKLIST_ITEM_NOT_FOUND");
    }
}
