//! What the figures mean: versioned rules of counting.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::conversation::Sender;
use crate::domain::trade_rules::TradeRules;

/// The definition that every merchant has.
pub const STANDARD: &str = "standard";
/// The place of the built-in version in a merchant's order of definitions.
pub const BUILT_IN_SEQ: i32 = 1;
/// A conversation is a long chat if its agent messages are more than this. Samples are drawn by it, so it is not part
/// of any definition.
pub const LONG_CHAT_THRESHOLD: i32 = 10;

/// One version of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its place among all versions of all definitions of the merchant, in the order they were put.
    pub seq: i32,
    /// Which definition.
    pub id: String,
    /// Which version of it, from 1.
    pub version: i32,
    /// What people call it.
    pub name: String,
    /// The choices.
    pub rules: Rules,
    /// Whether its figures can be read.
    pub state: State,
    /// Conversations counted while it was or is being built.
    pub built: i64,
    /// Who put it; empty for the built-in one.
    pub created_by: String,
    /// When; `None` for the built-in one.
    pub created_at: Option<DateTime<Utc>>,
    /// First business day that it rules; `None` rules all days before too.
    pub valid_from: Option<NaiveDate>,
}

/// Whether a version's figures can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Older conversations are still being counted.
    Building,
    /// All conversations count.
    Ready,
}

/// The choices of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Whether quick replies count as replies and answer the customer.
    pub quick_replies_count: bool,
    /// Whether a bot's messages answer the customer and count as replies.
    pub bots_count: bool,
    /// An answer is in time if it takes at most this long.
    pub in_time_seconds: i32,
    /// A conversation is long if it has more replies than this.
    pub long_chat_threshold: i32,
    /// Rounds begun outside are left out of all response figures; `None` is all day.
    pub service_hours: Option<ServiceHours>,
    /// Which rounds decide whether a customer was answered in time.
    #[serde(default)]
    pub customer_unit: CustomerUnit,
    /// A day is final when so many further business days are over.
    #[serde(default = "maturation_days")]
    pub maturation_days: i32,
    /// What becomes of customers whom the bot alone served. Not written where it says nothing: releases from before
    /// know no such choice.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bot_only: BotOnly,
    /// Whether customers count as asking and answered by rounds begun in service hours alone. Likewise.
    #[serde(default, skip_serializing_if = "is_default")]
    pub customers_in_service_hours: bool,
    /// How orders and all other facts are counted.
    #[serde(default)]
    pub trade: TradeRules,
}

/// Orders of a chat's day may be paid for four days more (domain-knowledge 1.1).
const fn maturation_days() -> i32 {
    4
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What becomes of customers whom the bot alone served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotOnly {
    /// They count like customers whom nobody answered.
    #[default]
    Unanswered,
    /// They reached no person, and are left out of response figures.
    LeftOut,
}

/// How a rate in persons is made of rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomerUnit {
    /// Every round of the day decides.
    #[default]
    EveryRound,
    /// The first round of each conversation decides.
    FirstRound,
}

/// A daily window of local time that may pass midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceHours {
    /// Minutes after midnight.
    pub from_minute: i32,
    /// Minutes after midnight, not included; 1440 is the end of the day.
    pub to_minute: i32,
}

impl Definition {
    /// Version 1 of [`STANDARD`].
    pub fn built_in() -> Self {
        Self {
            seq: BUILT_IN_SEQ,
            id: STANDARD.to_owned(),
            version: 1,
            name: "Standard".to_owned(),
            rules: Rules::default(),
            state: State::Ready,
            built: 0,
            created_by: String::new(),
            created_at: None,
            valid_from: None,
        }
    }

    /// What must be passed back to put the next version.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            quick_replies_count: true,
            bots_count: false,
            in_time_seconds: 180,
            long_chat_threshold: LONG_CHAT_THRESHOLD,
            service_hours: None,
            customer_unit: CustomerUnit::EveryRound,
            maturation_days: maturation_days(),
            bot_only: BotOnly::Unanswered,
            customers_in_service_hours: false,
            trade: TradeRules::default(),
        }
    }
}

impl Rules {
    /// Whether a message counts as a reply, and so answers the customer.
    pub fn is_reply(&self, sender: Sender, quick_reply: bool) -> bool {
        match sender {
            Sender::Agent => self.quick_replies_count || !quick_reply,
            Sender::Bot => self.bots_count,
            Sender::Customer | Sender::System => false,
        }
    }

    /// Whether local time `ms_of_day`, which may run past midnight, lies in the service hours.
    pub fn is_served(&self, ms_of_day: i64) -> bool {
        let Some(hours) = self.service_hours else { return true };
        let minute = ms_of_day.div_euclid(60_000).rem_euclid(1_440);
        let (from, to) = (i64::from(hours.from_minute), i64::from(hours.to_minute));
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_hours_may_pass_midnight() {
        let check = |from_minute, to_minute, clock: (i64, i64), served| {
            let rules =
                Rules { service_hours: Some(ServiceHours { from_minute, to_minute }), ..Rules::default() };
            let ms = (clock.0 * 60 + clock.1) * 60_000;
            assert_eq!(rules.is_served(ms), served, "{from_minute}..{to_minute} at {clock:?}");
            assert_eq!(rules.is_served(ms + 86_400_000), served, "the day after");
        };
        check(480, 1380, (8, 0), true);
        check(480, 1380, (7, 59), false);
        check(480, 1380, (22, 59), true);
        check(480, 1380, (23, 0), false);
        check(480, 1440, (23, 59), true);
        check(1320, 120, (23, 0), true);
        check(1320, 120, (1, 59), true);
        check(1320, 120, (2, 0), false);
        assert!(Rules::default().is_served(0));
    }

    #[test]
    fn rules_from_before_a_choice_was_there_take_its_default() {
        let old = r#"{"quick_replies_count":true,"bots_count":false,"in_time_seconds":180,"long_chat_threshold":10,
            "service_hours":null}"#;
        assert_eq!(serde_json::from_str::<Rules>(old).ok(), Some(Rules::default()));
    }

    #[test]
    fn rules_that_use_no_new_choice_are_written_as_releases_from_before_know_them() {
        let written = serde_json::to_value(Rules::default()).expect("is written");
        let written = written.as_object().expect("fields");
        assert!(!written.contains_key("bot_only") && !written.contains_key("customers_in_service_hours"));
        let chosen =
            Rules { bot_only: BotOnly::LeftOut, customers_in_service_hours: true, ..Rules::default() };
        let read = serde_json::to_value(&chosen).and_then(serde_json::from_value::<Rules>);
        assert_eq!(read.expect("is read"), chosen);
    }

    #[test]
    fn who_answers_is_a_choice() {
        let plain = Rules::default();
        assert!(plain.is_reply(Sender::Agent, true) && !plain.is_reply(Sender::Bot, false));
        assert!(!plain.is_reply(Sender::System, false) && !plain.is_reply(Sender::Customer, false));
        let typed = Rules { quick_replies_count: false, bots_count: true, ..Rules::default() };
        assert!(!typed.is_reply(Sender::Agent, true) && typed.is_reply(Sender::Agent, false));
        assert!(typed.is_reply(Sender::Bot, false));
    }
}
