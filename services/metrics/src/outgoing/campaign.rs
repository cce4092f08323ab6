//! Campaigns in the words of the contracts, which events and answers share.

use events::{Event, Payload};
use proto::events::v1 as told;
use proto::google::r#type::Money;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::MerchantId;

use crate::domain::amount::Amount;
use crate::domain::campaign::plan::{Coupon, Entrance, HeroProduct, Item, Phase, Plan, Strength, Window};
use crate::domain::campaign::{Campaign, CampaignState};

/// A campaign that others follow, whole but for the marks of its checklist.
pub fn campaign_changed(merchant: &MerchantId, campaign: &Campaign) -> Event {
    let payload = told::CampaignChanged {
        campaign_id: campaign.id.clone(),
        state: state(campaign.state).into(),
        plan: Some(plan(&campaign.plan)),
        starts_at: Some(timestamp(campaign.starts_at())),
        ends_at: Some(timestamp(campaign.ends_at())),
        cancel_reason: campaign.cancel_reason.clone(),
    };
    let (entity, payload) = (format!("campaign/{}", campaign.id), Payload::CampaignChanged(payload));
    events::event(merchant, entity, campaign.version, campaign.changed_at, payload)
}

pub fn state(state: CampaignState) -> pb::CampaignState {
    match state {
        CampaignState::Draft => pb::CampaignState::Draft,
        CampaignState::Published => pb::CampaignState::Published,
        CampaignState::Ended => pb::CampaignState::Ended,
        CampaignState::Cancelled => pb::CampaignState::Cancelled,
    }
}

pub fn phase(phase: Phase) -> pb::CampaignPhase {
    match phase {
        Phase::Before => pb::CampaignPhase::Before,
        Phase::During => pb::CampaignPhase::During,
        Phase::After => pb::CampaignPhase::After,
    }
}

/// The plan without marks.
pub fn plan(plan: &Plan) -> pb::CampaignPlan {
    let strength = match plan.strength {
        Strength::Small => pb::CampaignStrength::Small,
        Strength::Medium => pb::CampaignStrength::Medium,
        Strength::Large => pb::CampaignStrength::Large,
        Strength::Major => pb::CampaignStrength::Major,
    };
    pb::CampaignPlan {
        name: plan.name.clone(),
        windows: plan.windows.iter().map(window).collect(),
        strength: strength.into(),
        shop_ids: plan.shops.clone(),
        hero_products: plan.hero_products.iter().map(hero_product).collect(),
        coupons: plan.coupons.iter().map(coupon).collect(),
        entrances: plan.entrances.iter().map(entrance).collect(),
        contingency: Some(pb::ContingencyPlan {
            text: plan.contingency.clone(),
            owner_person_ids: plan.contingency_owners.clone(),
        }),
        checklist: plan.checklist.iter().map(item).collect(),
        owner_person_ids: plan.owners.clone(),
        note: plan.note.clone(),
    }
}

/// An item without its mark.
pub fn item(item: &Item) -> pb::ChecklistItem {
    pb::ChecklistItem {
        item_id: item.id.clone(),
        phase: phase(item.phase).into(),
        title: item.title.clone(),
        owner_person_id: item.owner.clone().unwrap_or_default(),
        due_day: item.due_day.map(date),
        mark: None,
    }
}

/// An amount as messages have it.
pub fn money(amount: &Amount) -> Money {
    let (units, nanos) = amount.parts();
    Money { currency_code: amount.currency.code.clone(), units, nanos }
}

fn window(window: &Window) -> pb::CampaignWindow {
    pb::CampaignWindow {
        phase: phase(window.phase).into(),
        starts_at: Some(timestamp(window.starts_at)),
        ends_at: Some(timestamp(window.ends_at)),
        arrivals_percent: window.arrivals_percent,
    }
}

fn hero_product(product: &HeroProduct) -> pb::HeroProduct {
    pb::HeroProduct {
        product_id: product.product.clone(),
        title: product.title.clone(),
        selling_points: product.selling_points.clone(),
    }
}

fn coupon(coupon: &Coupon) -> pb::Coupon {
    pb::Coupon {
        name: coupon.name.clone(),
        threshold: coupon.threshold.as_ref().map(money),
        discount: coupon.discount.as_ref().map(money),
        rule: coupon.rule.clone(),
    }
}

fn entrance(entrance: &Entrance) -> pb::Entrance {
    pb::Entrance { name: entrance.name.clone(), url: entrance.url.clone() }
}
