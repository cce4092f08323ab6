//! From the domain to the wire.

use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::advice::{Advice, GamingSign};
use crate::domain::analysis::{GroupJudgement, SalesChange};
use crate::domain::change::{Sales, SalesFactor};
use crate::domain::figure::DayRange;
use crate::domain::judgement::{Judgement, Verdict};
use crate::domain::money::Currency;
use crate::domain::playbook::{Direction, Remedy};
use crate::domain::quality::Scores;
use crate::domain::restatement::Restatement;
use crate::domain::worsening::{ChangePart, ChangeParts, Worsened};
use crate::grpc::encode::{day_range, measure, measure_change, state};
use crate::grpc::fact::encode_money;

pub(super) fn restatement(entry: &Restatement) -> pb::Restatement {
    let delta = |(changed, (numerator, denominator))| pb::MeasureDelta {
        measure: measure(changed).into(),
        numerator,
        denominator,
    };
    pb::Restatement {
        key: entry.key.clone(),
        business_day: Some(date(entry.business_day)),
        known_day: Some(date(entry.known_day)),
        deltas: entry.figures().map(delta).collect(),
    }
}

pub(super) fn change_parts(found: ChangeParts, base: DayRange, days: DayRange) -> pb::ExplainChangeResponse {
    let whole = pb::Change {
        key: String::new(),
        name: String::new(),
        numerator: found.whole.now.0,
        denominator: found.whole.now.1,
        base_numerator: found.whole.before.0,
        base_denominator: found.whole.before.1,
        mix_effect: found.parts.iter().map(|part| part.effects.mix).sum(),
        rate_effect: found.parts.iter().map(|part| part.effects.rate).sum(),
        difference: found.difference,
    };
    pb::ExplainChangeResponse {
        days: Some(day_range(days)),
        base_days: Some(day_range(base)),
        whole: Some(whole),
        parts: found.parts.into_iter().map(change_part).collect(),
    }
}

pub(super) fn sales_change(change: SalesChange, currency: &Currency) -> pb::SalesChange {
    let money = |minor: i64| Some(encode_money(minor, currency));
    let sales = |sales: Sales| pb::Sales {
        received_customers: sales.receptions,
        paying_buyers: sales.buyers,
        paid_amount: money(sales.amount),
    };
    let [before, now] = change.sides;
    pb::SalesChange {
        key: change.key,
        name: change.name,
        before: Some(sales(before)),
        now: Some(sales(now)),
        difference: money(now.amount - before.amount),
        receptions_effect: money(change.effects.receptions),
        conversion_effect: money(change.effects.conversion),
        order_value_effect: money(change.effects.order_value),
        fallen: change.effects.fallen().into_iter().map(|factor| sales_factor(factor).into()).collect(),
    }
}

fn sales_factor(factor: SalesFactor) -> pb::SalesFactor {
    match factor {
        SalesFactor::Receptions => pb::SalesFactor::Receptions,
        SalesFactor::Conversion => pb::SalesFactor::Conversion,
        SalesFactor::OrderValue => pb::SalesFactor::OrderValue,
    }
}

pub(super) fn factor_remedies((factor, remedies): (SalesFactor, Vec<Remedy>)) -> pb::FactorRemedies {
    pb::FactorRemedies {
        factor: sales_factor(factor).into(),
        measure: measure(factor.measure()).into(),
        remedies: remedies.into_iter().map(remedy).collect(),
    }
}

fn change_part(part: ChangePart) -> pb::Change {
    pb::Change {
        key: part.key,
        name: part.name,
        numerator: part.sides.now.0,
        denominator: part.sides.now.1,
        base_numerator: part.sides.before.0,
        base_denominator: part.sides.before.1,
        mix_effect: part.effects.mix,
        rate_effect: part.effects.rate,
        difference: part.effects.mix + part.effects.rate,
    }
}

pub(super) fn judgement(judged: GroupJudgement) -> pb::Judgement {
    let state = state(judged.state);
    pb::Judgement {
        key: judged.key,
        name: judged.name,
        state: state.into(),
        ..judgement_of(judged.judgement)
    }
}

fn judgement_of(found: Judgement) -> pb::Judgement {
    let verdict = match found.verdict {
        Verdict::TooFew => pb::Verdict::TooFew,
        Verdict::Ordinary => pb::Verdict::Ordinary,
        Verdict::UnusuallyLow => pb::Verdict::UnusuallyLow,
        Verdict::UnusuallyHigh => pb::Verdict::UnusuallyHigh,
    };
    pb::Judgement {
        key: String::new(),
        name: String::new(),
        value: found.value,
        verdict: verdict.into(),
        days: i32::try_from(found.days).unwrap_or(i32::MAX),
        median: found.band.map(|band| band.median),
        low: found.band.map(|band| band.ends.0),
        high: found.band.map(|band| band.ends.1),
        z: found.band.and_then(|band| band.z),
        state: pb::FigureState::Unspecified.into(),
    }
}

pub(super) fn advice(advice: Advice) -> pb::Advice {
    let parts = |parts: Vec<ChangePart>| parts.into_iter().map(change_part).collect();
    let worsened = advice.worsened.into_iter().map(|worse: Worsened| pb::Worsened {
        change: Some(measure_change(worse.change)),
        remedies: worse.remedies.into_iter().map(remedy).collect(),
        judgement: Some(pb::Judgement {
            key: advice.key.clone(),
            name: advice.name.clone(),
            state: state(worse.state).into(),
            ..judgement_of(worse.judgement)
        }),
        contributors: Some(pb::Contributors {
            persons: parts(worse.contributors.persons),
            hours: parts(worse.contributors.hours),
            products: parts(worse.contributors.products),
        }),
    });
    let worsened: Vec<pb::Worsened> = worsened.collect();
    let sign = |sign: GamingSign| pb::GamingSign {
        gain: Some(measure_change(sign.gain)),
        quick_reply_share_before: sign.quick_share.0,
        quick_reply_share: sign.quick_share.1,
        unmoved: sign.unmoved.into_iter().map(measure_change).collect(),
        qa_before: sign.scores.map(|scores| qa_scores(scores.before)),
        qa: sign.scores.map(|scores| qa_scores(scores.now)),
        qa_ratio: sign.scores.map(|scores| scores.ratio()).filter(|ratio| ratio.is_finite()),
    };
    pb::Advice {
        key: advice.key,
        name: advice.name,
        worsened,
        gaming_signs: advice.signs.into_iter().map(sign).collect(),
    }
}

fn qa_scores(scores: Scores) -> pb::QaScores {
    pb::QaScores { score_sum_bp: scores.sum_bp, reviews: scores.reviews }
}

pub(super) fn remedy(remedy: Remedy) -> pb::Remedy {
    let direction = match remedy.entry.direction {
        Direction::Risen => pb::Direction::Risen,
        Direction::Fallen => pb::Direction::Fallen,
    };
    pb::Remedy {
        etag: remedy.etag(),
        remedy_id: remedy.id,
        version: remedy.version,
        measure: measure(remedy.entry.measure).into(),
        direction: direction.into(),
        cause: remedy.entry.cause,
        text: remedy.entry.text,
        owner: remedy.entry.owner.into(),
        department: remedy.entry.department,
        updated_by: remedy.updated_by,
        updated_at: remedy.updated_at.map(timestamp),
    }
}
