//! Campaigns from the wire to the domain.

use proto::google::r#type::Money;
use proto::metrics::v1 as pb;

use crate::domain::amount::Amount;
use crate::domain::campaign::CampaignState;
use crate::domain::campaign::filter::CampaignFilter;
use crate::domain::campaign::plan::{Coupon, Entrance, HeroProduct, Item, Phase, Plan, Strength, Window};
use crate::domain::campaign::review::{Document, Improvement, Judgement, Outcome, ReviewState};
use crate::domain::money::Currency;
use crate::error::MetricsError;
use crate::grpc::decode::{check_no_nul, day, instant, invalid, optional_id};
use crate::grpc::target;

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn plan(plan: Option<&pb::CampaignPlan>, currency: &Currency) -> Result<Plan> {
    let plan = plan.ok_or_else(|| invalid("plan", "must be given"))?;
    let strength = match plan.strength() {
        pb::CampaignStrength::Unspecified => return Err(invalid("plan.strength", "must be given")),
        pb::CampaignStrength::Small => Strength::Small,
        pb::CampaignStrength::Medium => Strength::Medium,
        pb::CampaignStrength::Large => Strength::Large,
        pb::CampaignStrength::Major => Strength::Major,
    };
    let contingency = plan.contingency.clone().unwrap_or_default();
    let decoded = Plan {
        name: plan.name.clone(),
        windows: numbered(&plan.windows, "plan.windows", window)?,
        strength,
        shops: plan.shop_ids.clone(),
        hero_products: plan.hero_products.iter().map(hero_product).collect(),
        coupons: numbered(&plan.coupons, "plan.coupons", |field, given| coupon(field, given, currency))?,
        entrances: plan.entrances.iter().map(entrance).collect(),
        contingency: contingency.text,
        contingency_owners: contingency.owner_person_ids,
        checklist: numbered(&plan.checklist, "plan.checklist", item)?,
        owners: plan.owner_person_ids.clone(),
        note: plan.note.clone(),
    };
    check_no_nul("plan", &decoded)?;
    Ok(decoded)
}

/// Each of a list, with its own place in the field's name.
fn numbered<A, B>(list: &[A], field: &str, decode: impl Fn(&str, &A) -> Result<B>) -> Result<Vec<B>> {
    list.iter().enumerate().map(|(at, value)| decode(&format!("{field}[{at}]"), value)).collect()
}

fn phase(field: &str, phase: pb::CampaignPhase) -> Result<Phase> {
    match phase {
        pb::CampaignPhase::Unspecified => Err(invalid(format!("{field}.phase"), "must be given")),
        pb::CampaignPhase::Before => Ok(Phase::Before),
        pb::CampaignPhase::During => Ok(Phase::During),
        pb::CampaignPhase::After => Ok(Phase::After),
    }
}

fn window(field: &str, window: &pb::CampaignWindow) -> Result<Window> {
    Ok(Window {
        phase: phase(field, window.phase())?,
        starts_at: instant(&format!("{field}.starts_at"), window.starts_at.as_ref())?,
        ends_at: instant(&format!("{field}.ends_at"), window.ends_at.as_ref())?,
        arrivals_percent: window.arrivals_percent,
    })
}

fn hero_product(product: &pb::HeroProduct) -> HeroProduct {
    HeroProduct {
        product: product.product_id.clone(),
        title: product.title.clone(),
        selling_points: product.selling_points.clone(),
    }
}

fn coupon(field: &str, coupon: &pb::Coupon, currency: &Currency) -> Result<Coupon> {
    let amount = |name: &str, money: Option<&Money>| {
        let field = format!("{field}.{name}");
        let amount =
            |money: &Money| Amount::of(&field, &money.currency_code, (money.units, money.nanos), currency);
        money.map(amount).transpose()
    };
    Ok(Coupon {
        name: coupon.name.clone(),
        threshold: amount("threshold", coupon.threshold.as_ref())?,
        discount: amount("discount", coupon.discount.as_ref())?,
        rule: coupon.rule.clone(),
    })
}

fn entrance(entrance: &pb::Entrance) -> Entrance {
    Entrance { name: entrance.name.clone(), url: entrance.url.clone() }
}

fn item(field: &str, item: &pb::ChecklistItem) -> Result<Item> {
    let due_day = item.due_day.as_ref().map(|due| day(&format!("{field}.due_day"), Some(due)));
    Ok(Item {
        id: item.item_id.clone(),
        phase: phase(field, item.phase())?,
        title: item.title.clone(),
        owner: optional_id(&format!("{field}.owner_person_id"), &item.owner_person_id)?,
        due_day: due_day.transpose()?,
    })
}

pub(super) fn filter(message: &pb::ListCampaignsRequest) -> Result<CampaignFilter> {
    let at = |field: &str, at: &Option<prost_types::Timestamp>| {
        at.as_ref().map(|at| instant(field, Some(at))).transpose()
    };
    let state = |state| match state {
        pb::CampaignState::Unspecified => None,
        pb::CampaignState::Draft => Some(CampaignState::Draft),
        pb::CampaignState::Published => Some(CampaignState::Published),
        pb::CampaignState::Ended => Some(CampaignState::Ended),
        pb::CampaignState::Cancelled => Some(CampaignState::Cancelled),
    };
    Ok(CampaignFilter {
        from: at("from", &message.from)?,
        to: at("to", &message.to)?,
        states: message.states().filter_map(state).collect(),
        shop: optional_id("shop_id", &message.shop_id)?,
    })
}

pub(super) fn review_states(message: &pb::ListCampaignReviewsRequest) -> Vec<ReviewState> {
    let state = |state| match state {
        pb::CampaignReviewState::Unspecified => None,
        pb::CampaignReviewState::Open => Some(ReviewState::Open),
        pb::CampaignReviewState::Overdue => Some(ReviewState::Overdue),
        pb::CampaignReviewState::Submitted => Some(ReviewState::Submitted),
    };
    message.states().filter_map(state).collect()
}

pub(super) fn document(document: Option<&pb::CampaignReviewDocument>) -> Result<Document> {
    let document = document.ok_or_else(|| invalid("document", "must be given"))?;
    let decoded = Document {
        preparations: numbered(&document.preparations, "document.preparations", judgement)?,
        went_well: document.went_well.clone(),
        went_badly: document.went_badly.clone(),
        next_time: numbered(&document.next_time, "document.next_time", improvement)?,
        operations_feedback: document.operations_feedback.clone(),
        like_campaign: optional_id("document.like_campaign_id", &document.like_campaign_id)?,
    };
    check_no_nul("document", &decoded)?;
    Ok(decoded)
}

fn judgement(field: &str, judgement: &pb::PreparationJudgement) -> Result<Judgement> {
    let outcome = match judgement.outcome() {
        pb::PreparationOutcome::Unspecified => {
            return Err(invalid(format!("{field}.outcome"), "must be given"));
        }
        pb::PreparationOutcome::Worked => Outcome::Worked,
        pb::PreparationOutcome::Partly => Outcome::Partly,
        pb::PreparationOutcome::Failed => Outcome::Failed,
        pb::PreparationOutcome::Unneeded => Outcome::Unneeded,
    };
    Ok(Judgement { item: judgement.item_id.clone(), outcome, evidence: judgement.evidence.clone() })
}

fn improvement(field: &str, improvement: &pb::CampaignImprovement) -> Result<Improvement> {
    let goal = improvement.goal.as_ref();
    let goal = goal.map(|goal| target::decode::indicator(&format!("{field}.goal"), goal)).transpose()?;
    let owner = optional_id(&format!("{field}.owner_person_id"), &improvement.owner_person_id)?;
    Ok(Improvement { text: improvement.text.clone(), owner, goal })
}
