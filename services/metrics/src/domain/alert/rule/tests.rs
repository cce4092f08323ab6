//! What rules may say.

use super::*;
use crate::domain::alert::built_in::rules_over;
use crate::domain::explanation::Measure;
use crate::domain::trade_measure::TradeMeasure;

fn content() -> Content {
    Content {
        name: "slow".to_owned(),
        description: String::new(),
        level: Level::Potential,
        scope: AlertScope::Agent,
        keys: Vec::new(),
        shops: Vec::new(),
        trigger: Trigger::Figure(FigureTrigger {
            measure: Measure::FirstResponse.into(),
            basis: Basis::Value,
            window: Window::Days(1),
            sample_min: 5,
            condition: Condition::Threshold { side: Side::High, value: 60.0 },
        }),
        steps: vec![step(Role::Agent, 0), step(Role::Lead, 30), step(Role::Supervisor, 60)],
        quiet: None,
        enabled: true,
    }
}

fn step(role: Role, after_minutes: i32) -> AlertStep {
    AlertStep { role: role.into(), after_minutes }
}

fn figure(content: &Content) -> FigureTrigger {
    let Trigger::Figure(figure) = content.trigger else { panic!("is by a figure") };
    figure
}

#[test]
fn rules_that_make_no_sense_are_refused_with_their_field() {
    content().check().expect("makes sense");
    let check = |edit: fn(&mut Content), field: &str| {
        let mut wrong = content();
        edit(&mut wrong);
        assert_eq!(wrong.check().expect_err(field).field, field);
    };
    check(|c| c.name = " ".to_owned(), "content.name");
    check(|c| c.steps[2].after_minutes = 29, "content.steps[2].after_minutes");
    check(|c| c.scope = AlertScope::Team, "content.steps[0].role");
    check(|c| c.quiet = Some(QuietHours { from_minute: 5, to_minute: 5 }), "content.quiet_hours");
    check(|c| c.trigger = Trigger::Reported(Signal::Media), "content.scope");
    let shops = Content {
        scope: AlertScope::Shop,
        shops: vec!["star".to_owned()],
        steps: vec![step(Role::Manager, 0)],
        ..content()
    };
    assert_eq!(shops.check().expect_err("says it twice").field, "content.shop_ids");
    let with = |condition| Trigger::Figure(FigureTrigger { condition, ..figure(&content()) });
    let mut wrong = content();
    wrong.trigger = with(Condition::Change { side: Side::Low, ratio: 1.5, weeks: 4 });
    assert_eq!(wrong.check().expect_err("falls too far").field, "content.figure.change.ratio");
    wrong.trigger = with(Condition::Threshold { side: Side::High, value: f64::NAN });
    assert_eq!(wrong.check().expect_err("is no number").field, "content.figure.threshold.value");
    wrong.trigger = Trigger::Figure(FigureTrigger { window: Window::Days(32), ..figure(&content()) });
    assert_eq!(wrong.check().expect_err("is too long").field, "content.figure.window.days");
    wrong.trigger = with(Condition::Anomaly { side: None, z: 3.5, weeks: 4 });
    assert_eq!(wrong.check().expect_err("too short").field, "content.figure.anomaly.weeks");
    let by_hour = FigureTrigger {
        measure: TradeMeasure::Complaints.into(),
        window: Window::Hours(1),
        ..figure(&content())
    };
    wrong.trigger = Trigger::Figure(by_hour);
    assert_eq!(wrong.check().expect_err("not by hour").field, "content.figure.window.hours");
}

#[test]
fn what_falls_into_quiet_hours_waits_for_their_end() {
    let calendar = MerchantCalendar::default();
    let quiet = QuietHours { from_minute: 22 * 60, to_minute: 8 * 60 };
    let content = Content { quiet: Some(quiet), ..content() };
    let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
    let due = |step, raised: &str| content.due(step, at(raised), &calendar);
    assert_eq!(due(0, "2020-06-30T20:00:00+08:00"), Some(at("2020-06-30T20:00:00+08:00")));
    assert_eq!(due(1, "2020-06-30T21:45:00+08:00"), Some(at("2020-07-01T08:00:00+08:00")));
    assert_eq!(due(0, "2020-07-01T03:00:00+08:00"), Some(at("2020-07-01T08:00:00+08:00")));
    assert_eq!(due(0, "2020-07-01T08:00:00+08:00"), Some(at("2020-07-01T08:00:00+08:00")));
    assert_eq!(due(3, "2020-07-01T08:00:00+08:00"), None);
}

#[test]
fn counts_that_may_fall_are_looked_at_when_days_are_over() {
    let with = |measure: AnyMeasure, basis, side| {
        let condition = Condition::Anomaly { side, z: 3.5, weeks: 8 };
        FigureTrigger { measure, basis, condition, ..figure(&content()) }.needs_whole_days()
    };
    assert!(with(Measure::Conversations.into(), Basis::Value, Some(Side::Low)));
    assert!(with(Measure::Conversations.into(), Basis::Value, None));
    assert!(with(Measure::ReplyRate.into(), Basis::Numerator, Some(Side::Low)));
    assert!(!with(Measure::ReplyRate.into(), Basis::Value, Some(Side::Low)));
    assert!(!with(Measure::Conversations.into(), Basis::Value, Some(Side::High)));
}

#[test]
fn built_in_rules_make_sense_and_give_way_to_the_merchants_own() {
    let built_in = rules_over(Vec::new());
    for rule in &built_in {
        rule.content.check().unwrap_or_else(|wrong| panic!("{}: {wrong:?}", rule.id));
    }
    for level in 1..=3 {
        assert!(built_in.iter().filter(|rule| rule.content.level.number() == level).count() >= 3);
    }
    let by = ("s", DateTime::UNIX_EPOCH);
    let changed = Content { name: "ours".to_owned(), ..built_in[0].content.clone() };
    let own = built_in[0].clone().next("v0", Some(changed), by).expect("read as it is");
    assert!(matches!(own.clone().next("v0", None, by), Err(AlertError::RuleChanged { .. })));
    let gone = built_in[1].clone().next("v0", None, by).expect("read as it is");
    let now = rules_over(vec![own.clone(), gone]);
    assert_eq!(now.len(), built_in.len() - 1);
    assert_eq!(now.iter().find(|rule| rule.id == own.id), Some(&own));
}
