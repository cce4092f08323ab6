//! What makes a review good or bad, and what is owed for it.

use std::collections::BTreeSet;

use calendar::MerchantCalendar;
use chrono::{DateTime, Days, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

use super::{Kind, within_days};
use crate::error::QaError;

/// By what a review is judged; it keeps these from its arrival on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The version of the policy.
    pub version: i32,
    /// So many stars and more are good; 0 leaves stars out.
    pub good_stars_min: i32,
    /// So many stars and fewer are bad.
    pub bad_stars_max: i32,
    /// What somebody said of the added comment decides.
    pub comment_decides: bool,
    /// Hours to a reply, by [`Kind`]; 0 owes none.
    pub reply_hours: [u32; 3],
    /// Service hours on the merchant's clock; the same hour twice is around the clock.
    pub service_hours: (u8, u8),
    /// Working days to a cause and a plan.
    pub plan_days: u32,
    /// Days in which a bad review can be won back before it counts.
    pub effect_days: u32,
    /// How far back the buyer's last chat is looked for.
    pub served_days: u32,
    /// Reviews that arrive later than this many days are history.
    pub history_days: u32,
}

/// Where in a sale something went wrong (环节).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Why a review is bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it usually happens.
    pub stage: String,
    /// No longer chosen.
    pub retired: bool,
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// By what reviews are judged. Its version is that of the policy.
    pub terms: Terms,
    /// Stages.
    pub stages: Vec<Stage>,
    /// Causes.
    pub causes: Vec<Cause>,
}

/// A version of a merchant's policy. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuyerReviewPolicy {
    /// What it says, its number included; 0 is the built-in one.
    pub rules: Rules,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

const STAGES: [(&str, &str); 7] = [
    ("pre-sale", "售前"),
    ("in-sale", "售中"),
    ("logistics", "仓储物流"),
    ("after-sale", "售后"),
    ("product", "商品"),
    ("campaign", "活动与价格"),
    ("buyer", "买家"),
];

/// Those of the cases of metrics have the same ids, so that both can be laid side by side.
const CAUSES: [(&str, &str, &str); 16] = [
    ("quality", "商品质量", "product"),
    ("description", "描述不符", "product"),
    ("reaction", "使用不适", "product"),
    ("advice", "推荐不当", "pre-sale"),
    ("slow-reply", "回复慢", "pre-sale"),
    ("attitude", "服务态度", "pre-sale"),
    ("promise", "承诺未兑现", "in-sale"),
    ("wrong-item", "错发漏发", "logistics"),
    ("parcel", "破损丢件", "logistics"),
    ("delivery", "发货物流慢", "logistics"),
    ("refund", "退款退货慢", "after-sale"),
    ("after-sale", "售后处理不满", "after-sale"),
    ("invoice", "发票", "after-sale"),
    ("price", "价格与优惠", "campaign"),
    ("malicious", "恶意差评", "buyer"),
    ("other", "其他", "product"),
];

impl BuyerReviewPolicy {
    /// What holds for a merchant who has put none. Bad reviews get a reply within a day, all others within three; a cause
    /// and a plan by the next working day (每工作日); buyers may change a review for thirty days.
    pub fn built_in() -> Self {
        let stage = |(id, name): (&str, &str)| Stage { id: id.to_owned(), name: name.to_owned() };
        let cause = |(id, name, stage): (&str, &str, &str)| Cause {
            id: id.to_owned(),
            name: name.to_owned(),
            stage: stage.to_owned(),
            retired: false,
        };
        let terms = Terms {
            version: 0,
            good_stars_min: 4,
            bad_stars_max: 2,
            comment_decides: true,
            reply_hours: [72, 72, 24],
            service_hours: (0, 0),
            plan_days: 1,
            effect_days: 30,
            served_days: 30,
            history_days: 7,
        };
        let (stages, causes) = (STAGES.map(stage).to_vec(), CAUSES.map(cause).to_vec());
        Self { rules: Rules { terms, stages, causes }, created_at: DateTime::UNIX_EPOCH }
    }

    /// Which version.
    pub fn version(&self) -> i32 {
        self.rules.terms.version
    }

    /// Changes with each version.
    pub fn etag(&self) -> String {
        format!("buyer-review-policy-{}", self.version())
    }

    /// The version after this newest one.
    pub fn successor(&self, etag: &str, rules: Rules, now: DateTime<Utc>) -> Result<Self, QaError> {
        if etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        rules.check()?;
        let terms = Terms { version: self.version() + 1, ..rules.terms };
        Ok(Self { rules: Rules { terms, ..rules }, created_at: now })
    }
}

impl Rules {
    /// What no rule of a field can say.
    fn check(&self) -> Result<(), QaError> {
        let mut wrong = Vec::new();
        let mut say = |field: String, description: &str| {
            wrong.push(Violation { field: format!("rules.{field}"), description: description.to_owned() });
        };
        let terms = &self.terms;
        if terms.good_stars_min > 0 && terms.bad_stars_max >= terms.good_stars_min {
            say("bad_stars_max".to_owned(), "must be below good_stars_min");
        }
        let mut stages = BTreeSet::new();
        for (at, stage) in self.stages.iter().enumerate() {
            if !stages.insert(stage.id.as_str()) {
                say(format!("stages[{at}].stage_id"), "must not be there twice");
            }
        }
        let mut causes = BTreeSet::new();
        for (at, cause) in self.causes.iter().enumerate() {
            if !causes.insert(cause.id.as_str()) {
                say(format!("causes[{at}].cause_id"), "must not be there twice");
            }
            if !stages.contains(cause.stage.as_str()) {
                say(format!("causes[{at}].stage_id"), "must be one of the stages");
            }
        }
        QaError::unless_empty(wrong)
    }

    /// The cause and stage that are meant; an empty stage takes the cause's own.
    pub fn find(&self, cause: &str, stage: &str) -> Result<(String, String), QaError> {
        let found = self.causes.iter().find(|known| known.id == cause && !known.retired);
        let found =
            found.ok_or_else(|| QaError::invalid("analyse.cause_id", "must be a cause of the policy"))?;
        let stage = if stage.is_empty() { found.stage.as_str() } else { stage };
        if !self.stages.iter().any(|known| known.id == stage) {
            return Err(QaError::invalid("analyse.stage_id", "must be a stage of the policy"));
        }
        Ok((cause.to_owned(), stage.to_owned()))
    }
}

impl Terms {
    /// What a revision amounts to.
    pub fn kind(&self, rating: Kind, stars: Option<i32>) -> Kind {
        match stars {
            Some(stars) if self.good_stars_min > 0 => {
                if stars >= self.good_stars_min {
                    Kind::Good
                } else if stars <= self.bad_stars_max {
                    Kind::Bad
                } else {
                    Kind::Neutral
                }
            }
            _ => rating,
        }
    }

    /// Whether something that was written then and arrived then is history.
    pub fn is_history(&self, written_at: DateTime<Utc>, arrived_at: DateTime<Utc>) -> bool {
        !within_days(written_at, arrived_at, self.history_days)
    }

    /// Until when something written at `from` is to be answered: its hours, counted in service hours only.
    pub fn reply_due(
        &self,
        calendar: &MerchantCalendar,
        from: DateTime<Utc>,
        kind: Kind,
    ) -> Option<DateTime<Utc>> {
        let hours = self.reply_hours[kind as usize];
        if hours == 0 {
            return None;
        }
        let mut left = TimeDelta::hours(hours.into());
        let (opens, closes) = self.service_hours;
        if opens == closes {
            return from.checked_add_signed(left);
        }
        // Days that begin at the hours of service: so the changes of clocks are the calendar's affair.
        let begins =
            |hour: u8| MerchantCalendar::new(calendar.zone_name(), hour).expect("hours of a checked policy");
        let (opening, closing) = (begins(opens), begins(closes));
        // The day before may still be open after midnight.
        let mut day = opening.business_day(from).checked_sub_days(Days::new(1))?;
        loop {
            let start = opening.day_start(day).max(from);
            let end_day = if closes > opens { day } else { day.succ_opt()? };
            let end = closing.day_start(end_day);
            if end > start {
                if start + left <= end {
                    return Some(start + left);
                }
                left -= end - start;
            }
            day = day.succ_opt()?;
        }
    }
}
