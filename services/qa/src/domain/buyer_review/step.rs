//! What people do about a review, one step at a time. All pure.

use calendar::MerchantCalendar;
use chrono::{DateTime, Days, NaiveDate, Utc};
use runtime::ids::PersonId;

use super::policy::Rules;
use super::{
    Analysis, BuyerReview, BuyerReviewId, CommentVerdict, Done, Ending, Kind, Outcome, Plan, PlanStep, Reply,
};
use crate::buyer_review_error::BuyerReviewError;
use crate::error::QaError;

/// A plan looks at most so many days ahead.
const PLAN_DAYS_MAX: u64 = 366;

/// How a buyer is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The platform's chat.
    Chat,
    /// By telephone.
    Phone,
    /// By SMS.
    Sms,
    /// The merchant's own group or account.
    Private,
}

impl Channel {
    fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Phone => "phone",
            Self::Sms => "sms",
            Self::Private => "private",
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Why it is bad.
    Analyse {
        /// Of the policy.
        cause: String,
        /// Of the policy; empty takes the cause's own.
        stage: String,
        /// More about it.
        note: String,
    },
    /// What is to be done by when.
    Plan {
        /// What.
        text: String,
        /// By when.
        due_day: NaiveDate,
        /// Its parts.
        steps: Vec<String>,
    },
    /// A part of the plan is done, or not after all.
    Mark {
        /// From 0.
        index: usize,
        /// Which of both.
        done: bool,
    },
    /// A try to talk to the buyer.
    Contact {
        /// How.
        channel: Channel,
        /// Whether it worked.
        reached: bool,
        /// What was said.
        note: String,
    },
    /// The shop's public answer.
    Reply {
        /// To the added comment.
        to_comment: bool,
        /// What.
        text: String,
        /// When it was published; `None` is now.
        replied_at: Option<DateTime<Utc>>,
    },
    /// What the added comment amounts to.
    Judge {
        /// Which of the three.
        kind: Kind,
        /// Why.
        note: String,
    },
    /// What came of it.
    End {
        /// What.
        outcome: Outcome,
        /// More about it.
        note: String,
    },
    /// The outcome does not hold.
    Reopen {
        /// Why.
        note: String,
    },
}

impl Step {
    /// Its name in the audit.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Analyse { .. } => "analyse",
            Self::Plan { .. } => "plan",
            Self::Mark { .. } => "mark",
            Self::Contact { .. } => "contact",
            Self::Reply { .. } => "reply",
            Self::Judge { .. } => "judge",
            Self::End { .. } => "end",
            Self::Reopen { .. } => "reopen",
        }
    }
}

/// A step in working on a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeStep {
    /// Which review.
    pub id: BuyerReviewId,
    /// Its etag, as read.
    pub etag: String,
    /// What is done.
    pub step: Step,
}

/// What a step is taken by and under.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// Who.
    pub by: Option<&'a PersonId>,
    /// When.
    pub now: DateTime<Utc>,
    /// The merchant's days.
    pub calendar: &'a MerchantCalendar,
    /// The newest version of the policy.
    pub rules: &'a Rules,
}

impl Desk<'_> {
    pub(super) fn done(&self) -> Done {
        Done { by: self.by.cloned(), at: self.now }
    }
}

/// A text with what looks like personal data blacked out: what staff write about buyers is kept like what buyers write.
pub(super) fn blacked_out(text: &str) -> String {
    let private = redaction::find(text);
    let hidden = |at: usize| private.iter().any(|finding| finding.range.contains(&at));
    text.char_indices().map(|(at, character)| if hidden(at) { '*' } else { character }).collect()
}

impl BuyerReview {
    /// The review after a step.
    pub fn take(mut self, etag: &str, step: &Step, desk: &Desk<'_>) -> Result<Self, QaError> {
        self.check_open(etag)?;
        let done = desk.done();
        match step {
            Step::Analyse { cause, stage, note } => {
                self.check_worked_on()?;
                let (cause, stage) = desk.rules.find(cause, stage)?;
                let note = blacked_out(note);
                self.note("analysed", &note, done.clone())?;
                self.analysis = Some(Analysis { cause, stage, note, done });
            }
            Step::Plan { text, due_day, steps } => {
                self.check_worked_on()?;
                let today = desk.calendar.business_day(desk.now);
                let last = today.checked_add_days(Days::new(PLAN_DAYS_MAX)).unwrap_or(NaiveDate::MAX);
                if *due_day < today || *due_day > last {
                    return Err(QaError::invalid("plan.due_day", "must be today or within a year"));
                }
                let text = blacked_out(text);
                self.note("planned", &text, done.clone())?;
                let steps =
                    steps.iter().map(|text| PlanStep { text: blacked_out(text), done: None }).collect();
                self.plan = Some(Plan { text, due_day: *due_day, steps, done });
            }
            Step::Mark { index, done: is_done } => {
                let steps = self.plan.as_mut().map(|plan| &mut plan.steps);
                let step = steps.and_then(|steps| steps.get_mut(*index));
                let step = step.ok_or(BuyerReviewError::PlanStepUnknown { index: *index })?;
                step.done = is_done.then(|| done.clone());
                let note = format!("{}: {}", if *is_done { "done" } else { "not done" }, step.text);
                self.note("marked", &note, done)?;
            }
            Step::Contact { channel, reached, note } => {
                let reached = if *reached { "reached" } else { "not reached" };
                let note = format!("{}, {reached}: {}", channel.name(), blacked_out(note));
                self.note("contacted", &note, done)?;
            }
            Step::Reply { to_comment, text, replied_at } => {
                self.reply(*to_comment, text, *replied_at, desk)?;
            }
            Step::Judge { kind, note } => {
                let appended_at = self.newest().appended_at.ok_or(BuyerReviewError::NoAddedComment)?;
                self.comment = Some(CommentVerdict { kind: *kind, appended_at });
                self.note("judged", &blacked_out(note), done)?;
                self = self.settled();
            }
            Step::End { outcome, note } => self.end(*outcome, note, done)?,
            Step::Reopen { note } => {
                if self.ending.take().is_none() {
                    return Err(BuyerReviewError::NotEnded.into());
                }
                self.note("reopened", &blacked_out(note), done)?;
            }
        }
        self.edits += 1;
        Ok(self)
    }

    /// Gives the review to somebody; `None` gives it back to who served.
    pub fn assign(mut self, etag: &str, to: Option<&PersonId>, desk: &Desk<'_>) -> Result<Self, QaError> {
        self.check_open(etag)?;
        self.owner = to.cloned();
        self.note("assigned", to.map(PersonId::as_str).unwrap_or_default(), desk.done())?;
        self.edits += 1;
        Ok(self)
    }

    pub(super) fn check_open(&self, etag: &str) -> Result<(), QaError> {
        if etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        if self.erased_at.is_some() {
            return Err(BuyerReviewError::Erased.into());
        }
        Ok(())
    }

    /// Neutral reviews may be worked on as bad ones are; good ones give no cause.
    fn check_worked_on(&self) -> Result<(), BuyerReviewError> {
        if self.worst() == Kind::Good {
            return Err(BuyerReviewError::NotBad);
        }
        if self.ending.is_some() { Err(BuyerReviewError::Ended) } else { Ok(()) }
    }

    fn reply(
        &mut self,
        to_comment: bool,
        text: &str,
        replied_at: Option<DateTime<Utc>>,
        desk: &Desk<'_>,
    ) -> Result<(), QaError> {
        let written_at = if to_comment {
            self.newest().appended_at.ok_or(BuyerReviewError::NoAddedComment)?
        } else {
            self.reviewed_at
        };
        let replied_at = replied_at.unwrap_or(desk.now);
        if replied_at < written_at || replied_at > desk.now {
            let why = "must not be before what it answers, nor in the future";
            return Err(QaError::invalid("reply.replied_at", why));
        }
        let text = blacked_out(text);
        self.note("replied", &text, desk.done())?;
        self.replies.push(Reply { to_comment, text, replied_at, done: desk.done() });
        Ok(())
    }

    fn end(&mut self, outcome: Outcome, note: &str, done: Done) -> Result<(), BuyerReviewError> {
        self.check_worked_on()?;
        let proven = match outcome {
            Outcome::FollowedUpGood => self.comment_kind() == Some(Kind::Good),
            Outcome::Changed => {
                let worst = self.revisions.iter().map(|revision| self.kind_of(revision)).max();
                worst > Some(self.kind_of(self.newest()))
            }
            Outcome::Withdrawn | Outcome::NoEffect | Outcome::Unreachable => true,
        };
        if !proven {
            return Err(BuyerReviewError::OutcomeUnproven);
        }
        let note = blacked_out(note);
        self.note("ended", &note, done.clone())?;
        self.ending = Some(Ending { outcome, note, done });
        Ok(())
    }
}
