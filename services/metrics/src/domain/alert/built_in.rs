//! The rules that every merchant begins with: the triggers of the three levels of a crisis plan. Thresholds are where a
//! shop of some dozen agents begins; merchants put their own over them.

use proto::access::Role;

use crate::domain::alert::like::{LikeTrigger, Likeness};
use crate::domain::alert::rule::{
    AlertScope, AlertStep, Basis, Condition, Content, FigureTrigger, Level, QuietHours, Rule, Side, Signal,
    Trigger, Window,
};
use crate::domain::any_measure::AnyMeasure;
use crate::domain::explanation::Measure;
use crate::domain::trade_measure::TradeMeasure;

/// The merchant's rules, sorted by id: what was put over what is built in.
pub fn rules_over(put: Vec<Rule>) -> Vec<Rule> {
    let mut all: Vec<Rule> = built_in().filter(|rule| put.iter().all(|own| own.id != rule.id)).collect();
    all.extend(put.into_iter().filter(|rule| !rule.deleted));
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

/// Measure, basis, window, sample, condition.
type Figure = (AnyMeasure, Basis, Window, i64, Condition);

fn built_in() -> impl Iterator<Item = Rule> {
    let by_figure = figures().into_iter().map(|(id, level, name, description, figure)| {
        let (measure, basis, window, sample_min, condition) = figure;
        let trigger = Trigger::Figure(FigureTrigger { measure, basis, window, sample_min, condition });
        rule(id, level, name, description, trigger)
    });
    let reported = REPORTS.iter().map(|(id, level, name, signal)| {
        rule(id, *level, name, "Raised when somebody reports it.", Trigger::Reported(*signal))
    });
    by_figure.chain(std::iter::once(like_complaints())).chain(reported)
}

fn figures() -> [(&'static str, Level, &'static str, &'static str, Figure); 9] {
    use TradeMeasure as T;
    let high = |value| Condition::Threshold { side: Side::High, value };
    let rise = |ratio| Condition::Change { side: Side::High, ratio, weeks: 4 };
    let fall = |ratio| Condition::Change { side: Side::Low, ratio, weeks: 4 };
    let unusual = Condition::Anomaly { side: Some(Side::High), z: 3.5, weeks: 8 };
    let score = |measure: T| (measure.into(), Basis::Value, Window::Days(7), 50, fall(0.04));
    [
        (
            "builtin-1-bad-reviews",
            Level::Potential,
            "少量负面评价: scattered bad reviews",
            "Two bad reviews of a shop in a day. Read them, answer them, find out whether they have one cause.",
            (T::NegativeReviewRate.into(), Basis::Numerator, Window::Days(1), 0, high(2.0)),
        ),
        (
            "builtin-1-logistics",
            Level::Potential,
            "物流异常: delivery is rated lower",
            "The delivery score of three days is 2 % below its usual one. Look for late, lost and damaged parcels.",
            (T::DeliveryScore.into(), Basis::Value, Window::Days(3), 20, fall(0.02)),
        ),
        (
            "builtin-1-questions",
            Level::Potential,
            "咨询量激增: a surge of questions",
            "The last hour had unusually many conversations for its weekday and hour. Look what they ask about.",
            (Measure::Conversations.into(), Basis::Value, Window::Hours(1), 20, unusual),
        ),
        (
            "builtin-2-complaints",
            Level::Local,
            "同类问题集中投诉: complaints in numbers",
            "Five complaints in a shop in a day. Compare their causes and products.",
            (T::Complaints.into(), Basis::Value, Window::Days(1), 0, high(5.0)),
        ),
        (
            "builtin-2-delivery-score",
            Level::Local,
            "DSR物流评分显著下降: the delivery score falls",
            "The delivery score of a week is 4 % below its usual one.",
            score(T::DeliveryScore),
        ),
        (
            "builtin-2-item-score",
            Level::Local,
            "DSR描述评分显著下降: the item score falls",
            "The item score of a week is 4 % below its usual one.",
            score(T::ItemScore),
        ),
        (
            "builtin-2-returns",
            Level::Local,
            "批量退货: returns in batches",
            "Twice as many refunds as usual were completed in a day. Look for a batch or a product that comes back.",
            (T::CompletedRefunds.into(), Basis::Value, Window::Days(1), 10, rise(1.0)),
        ),
        (
            "builtin-2-service-score",
            Level::Local,
            "DSR服务评分显著下降: the service score falls",
            "The service score of a week is 4 % below its usual one.",
            score(T::ServiceScore),
        ),
        (
            "builtin-3-bad-reviews",
            Level::Major,
            "大范围负面评价: bad reviews everywhere",
            "Thirty bad reviews of a shop in a day, and six times as many as usual.",
            (T::NegativeReviewRate.into(), Basis::Numerator, Window::Days(1), 30, rise(5.0)),
        ),
    ]
}

/// A shop with few complaints a day never has many, but three about one thing are no chance.
fn like_complaints() -> Rule {
    let trigger = LikeTrigger { likeness: Likeness::Cause, window_hours: 24, complaints_min: 3 };
    rule(
        "builtin-2-like-complaints",
        Level::Local,
        "同类投诉: like complaints",
        "Three complaints of a shop within 24 hours have one cause. Find it, and whom else it concerns.",
        Trigger::LikeComplaints(trigger),
    )
}

const REPORTS: &[(&str, Level, &str, Signal)] = &[
    ("builtin-1-reported-bad-reviews", Level::Potential, "负面评价: bad reviews", Signal::BadReviews),
    ("builtin-1-reported-logistics", Level::Potential, "物流异常: logistics trouble", Signal::Logistics),
    ("builtin-1-reported-questions", Level::Potential, "咨询激增: a surge of questions", Signal::Questions),
    ("builtin-2-reported-complaints", Level::Local, "同类问题集中投诉: like complaints", Signal::Complaints),
    ("builtin-2-reported-product", Level::Local, "商品质量问题: a faulty product", Signal::Product),
    ("builtin-2-reported-returns", Level::Local, "批量退货: returns in batches", Signal::Returns),
    ("builtin-3-reported-claim", Level::Major, "消费者集体维权: collective claims", Signal::CollectiveClaim),
    ("builtin-3-reported-media", Level::Major, "媒体介入: media", Signal::Media),
    (
        "builtin-3-reported-penalty",
        Level::Major,
        "平台处罚: a penalty by the platform",
        Signal::PlatformPenalty,
    ),
    ("builtin-3-reported-public", Level::Major, "大范围负面舆情: wide public anger", Signal::PublicAnger),
];

fn rule(id: &str, level: Level, name: &str, description: &str, trigger: Trigger) -> Rule {
    let content = Content {
        name: name.to_owned(),
        description: description.to_owned(),
        level,
        scope: AlertScope::Shop,
        keys: Vec::new(),
        shops: Vec::new(),
        trigger,
        steps: steps(level),
        // What is small can wait for the morning.
        quiet: (level == Level::Potential).then_some(QuietHours { from_minute: 22 * 60, to_minute: 8 * 60 }),
        enabled: true,
    };
    Rule {
        id: id.to_owned(),
        version: 0,
        content,
        deleted: false,
        updated_by: String::new(),
        updated_at: None,
    }
}

/// Who is usually told of an alert or an incident of the level: 客服 → 主管 → 运营 → 管理层. The agents are those who report.
pub fn steps(level: Level) -> Vec<AlertStep> {
    let told: &[(Role, i32)] = match level {
        Level::Potential => &[(Role::Supervisor, 0), (Role::Operations, 240), (Role::Manager, 1_440)],
        Level::Local => &[
            (Role::Supervisor, 0),
            (Role::CrisisSpecialist, 0),
            (Role::Operations, 30),
            (Role::Manager, 120),
        ],
        Level::Major => {
            &[(Role::Supervisor, 0), (Role::CrisisSpecialist, 0), (Role::Operations, 5), (Role::Manager, 15)]
        }
    };
    told.iter().map(|(role, after)| AlertStep { role: (*role).into(), after_minutes: *after }).collect()
}
