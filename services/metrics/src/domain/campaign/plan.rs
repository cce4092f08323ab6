//! What planners write, and what a plan must be.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::amount::Amount;

/// The longest that a campaign may last.
const DAYS_MAX: i64 = 366;

/// A part of a campaign in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// 预热.
    Before,
    /// 正式.
    During,
    /// 返场.
    After,
}

/// 力度.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Ordinary hours and people do.
    Small,
    /// Some more people.
    Medium,
    /// Longer hours and more people.
    Large,
    /// 大促.
    Major,
}

/// A run of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Of which phase.
    pub phase: Phase,
    /// First instant.
    pub starts_at: DateTime<Utc>,
    /// First instant after it.
    pub ends_at: DateTime<Utc>,
    /// Conversations expected in percent of an ordinary day; 0 says nothing.
    pub arrivals_percent: i32,
}

/// 主推.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeroProduct {
    /// The product.
    pub product: String,
    /// What it is called.
    pub title: String,
    /// 利益点.
    pub selling_points: String,
}

/// 优惠券.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    /// What it is called.
    pub name: String,
    /// What the order must reach.
    pub threshold: Option<Amount>,
    /// What it takes off.
    pub discount: Option<Amount>,
    /// How to get and use it.
    pub rule: String,
}

/// 活动入口.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrance {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub url: String,
}

/// A preparation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Unique in the campaign.
    pub id: String,
    /// When it is to be done.
    pub phase: Phase,
    /// What is to be done.
    pub title: String,
    /// Who does it.
    pub owner: Option<String>,
    /// The last day for it.
    pub due_day: Option<NaiveDate>,
}

/// All that planners write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What it is called.
    pub name: String,
    /// In the order of time, without overlap; one at least is of the sale itself.
    pub windows: Vec<Window>,
    /// 力度.
    pub strength: Strength,
    /// Empty: all shops.
    pub shops: Vec<String>,
    /// What is recommended first.
    pub hero_products: Vec<HeroProduct>,
    /// What customers ask about.
    pub coupons: Vec<Coupon>,
    /// How customers get in.
    pub entrances: Vec<Entrance>,
    /// What is done when something goes wrong.
    pub contingency: String,
    /// Whom to call then.
    pub contingency_owners: Vec<String>,
    /// What is prepared.
    pub checklist: Vec<Item>,
    /// Who answers for the campaign.
    pub owners: Vec<String>,
    /// Anything else.
    pub note: String,
}

impl Plan {
    /// Puts windows in order and says what is wrong, with the field of the request.
    pub fn check(&mut self) -> Result<(), Violation> {
        self.windows.sort_by_key(|window| window.starts_at);
        let wrong =
            |field: &str, description: String| Err(Violation { field: format!("plan.{field}"), description });
        for window in &self.windows {
            if window.ends_at <= window.starts_at {
                return wrong("windows.ends_at", format!("must be after {}", window.starts_at));
            }
        }
        for pair in self.windows.windows(2) {
            if pair[1].starts_at < pair[0].ends_at {
                let at = pair[1].starts_at;
                return wrong("windows", format!("must not overlap: one starts at {at} inside another"));
            }
        }
        if !self.windows.iter().any(|window| window.phase == Phase::During) {
            return wrong("windows", "must hold one of phase during".to_owned());
        }
        if self.ends_at() - self.starts_at() > TimeDelta::days(DAYS_MAX) {
            return wrong("windows", format!("must not span more than {DAYS_MAX} days"));
        }
        let mut ids = BTreeSet::new();
        for item in &self.checklist {
            if !ids.insert(item.id.as_str()) {
                return wrong("checklist.item_id", format!("must be unique: {} comes twice", item.id));
            }
        }
        Ok(())
    }

    /// First instant of the first window.
    pub fn starts_at(&self) -> DateTime<Utc> {
        self.windows.iter().map(|window| window.starts_at).min().unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// First instant after the last window.
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.windows.iter().map(|window| window.ends_at).max().unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Everyone who has a part in it.
    pub fn people(&self) -> BTreeSet<&str> {
        let items = self.checklist.iter().filter_map(|item| item.owner.as_deref());
        let owners = self.owners.iter().chain(&self.contingency_owners).map(String::as_str);
        items.chain(owners).collect()
    }
}

/// The checklist to begin from: what customer service prepares before, during and after a sale.
pub fn template() -> Vec<Item> {
    const ITEMS: &[(Phase, &str)] = &[
        (Phase::Before, "活动规则培训：入口、时间、利益点、优惠券的领取与使用"),
        (Phase::Before, "主推商品与搭配培训，上架主推话术"),
        (Phase::Before, "活动话术与快捷回复更新，过期话术下架"),
        (Phase::Before, "店小蜜知识库按活动场景更新并抽测"),
        (Phase::Before, "排班：延长值班时间、增加人员、安排补休"),
        (Phase::Before, "与运营核对价格、链接、图片，提交页面纠错"),
        (Phase::Before, "与仓库核对库存、发货时间与停发区域"),
        (Phase::Before, "应急预案与统一口径确认，演练一次"),
        (Phase::Before, "账号、网络、软件与备用设备检查"),
        (Phase::During, "开场半小时值守，监看接待量与首响"),
        (Phase::During, "催付未付款订单，高等级会员优先"),
        (Phase::During, "每小时通报销售目标完成情况"),
        (Phase::During, "收集临时问题，及时更新解释话术"),
        (Phase::After, "未成交询单与未付款订单回访"),
        (Phase::After, "发货、物流异常与退款跟进"),
        (Phase::After, "评价维护：好评收集、差评跟进"),
        (Phase::After, "兑现补休与激励"),
        (Phase::After, "活动复盘：数据对比、得失、下次目标、给运营的反馈"),
    ];
    let item = |(at, (phase, title)): (usize, &(Phase, &str))| Item {
        id: format!("standard-{}", at + 1),
        phase: *phase,
        title: (*title).to_owned(),
        owner: None,
        due_day: None,
    };
    ITEMS.iter().enumerate().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::campaign::testing::{at, plan, window};

    fn refused(edit: impl FnOnce(&mut Plan)) -> Violation {
        let mut plan = plan();
        edit(&mut plan);
        plan.check().expect_err("is refused")
    }

    #[test]
    fn windows_are_put_in_order() {
        let mut plan = plan();
        plan.windows.reverse();
        plan.check().expect("is a plan");
        assert_eq!(plan.starts_at(), at("2020-06-15T20:00:00"));
        assert_eq!(plan.ends_at(), at("2020-06-21T00:00:00"));
    }

    #[test]
    fn what_is_no_plan_is_refused_with_its_field() {
        let during = window(Phase::During, "2020-06-18T00:00:00", "2020-06-18T00:00:00");
        assert_eq!(refused(|plan| plan.windows = vec![during]).field, "plan.windows.ends_at");
        let inside = window(Phase::After, "2020-06-18T10:00:00", "2020-06-22T00:00:00");
        assert_eq!(refused(|plan| plan.windows.push(inside)).field, "plan.windows");
        let only = |plan: &mut Plan| plan.windows.retain(|window| window.phase != Phase::During);
        assert!(refused(only).description.contains("during"));
        let long = window(Phase::After, "2021-06-22T00:00:00", "2021-06-23T00:00:00");
        assert!(refused(|plan| plan.windows.push(long)).description.contains("366"));
        let twice = refused(|plan| plan.checklist.push(plan.checklist[0].clone()));
        assert_eq!(twice.field, "plan.checklist.item_id");
    }

    #[test]
    fn the_template_is_a_checklist_for_all_phases() {
        let mut plan = plan();
        plan.checklist = template();
        plan.check().expect("its ids are unique");
        for phase in [Phase::Before, Phase::During, Phase::After] {
            assert!(plan.checklist.iter().any(|item| item.phase == phase), "{phase:?}");
        }
    }
}
