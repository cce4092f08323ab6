//! Puts a report's figures together. What of sales falls to which product and category is in `slices`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use pg::page::PageRequest;
use runtime::identity::Scope;

use crate::domain::asking::AskFigures;
use crate::domain::change::{Sales, SalesFactor, split_sales};
use crate::domain::comparison::Against;
use crate::domain::figure::{Cut, DayRange, Figures, Group, Step};
use crate::domain::playbook::{Direction, Remedy, playbook, remedies_for};
use crate::domain::report::document::{
    Contributor, Document, FORMAT, FactorRemedies, Group as GroupLines, Line, RemedyLine, SalesChange,
    TargetLine, Verdict, Version, Worse,
};
use crate::domain::report::{Order, SubjectKind, Taken};
use crate::domain::reports::slices;
use crate::domain::sums::Sum;
use crate::domain::target::TargetState;
use crate::domain::target::filter::TargetFilter;
use crate::domain::targets::Targets;
use crate::domain::trade::TradeSum;
use crate::domain::worsening::{ChangePart, Worsened};
use crate::domain::{Metrics, Result};
use crate::error::MetricsError;

/// Groups of a report at most.
const GROUPS_MAX: u32 = 10_000;
/// Targets of a report at most.
const TARGETS_MAX: u32 = 50;
/// How often figures are read until nothing changes meanwhile.
const READINGS: usize = 3;

/// All rows of one reading.
struct Read {
    whole: Figures,
    previous: Figures,
    last_year: Figures,
    course: Vec<Figures>,
    groups: Vec<(Group, Vec<Figures>, Vec<Figures>)>,
    slices: Vec<GroupLines>,
    worse: Vec<Worse>,
    versions: Vec<Version>,
}

/// The document of a report that was taken up. Everybody who may see it gets the same one, so it is read with the reach
/// of the merchant.
pub(super) async fn make(metrics: &Metrics, targets: &Targets, taken: &Taken) -> Result<Document> {
    let scope = Scope::merchant(taken.merchant.clone());
    let order = &taken.order;
    let playbook = playbook(metrics.store.list_remedies(&taken.merchant).await?);
    let mut read = read(metrics, &scope, order, &playbook).await?;
    // Each answer comes from a moment of its own; parts that are to add up must not be told of different ones.
    for _ in 1..READINGS {
        if whole(metrics, &scope, order).await?.whole.sums_like(&read.whole) {
            break;
        }
        read = self::read(metrics, &scope, order, &playbook).await?;
    }
    let subject_name = metrics.store.find_subject_name(&scope, &order.subject).await?.unwrap_or_default();
    let target_lines = target_lines(metrics, targets, &scope, order).await?;
    Ok(Document {
        format: FORMAT,
        kind: order.kind.name().to_owned(),
        subject_kind: order.subject.kind.name().to_owned(),
        subject_id: order.subject.id.clone(),
        subject_name,
        days: order.days.into(),
        known_on: order.known_on,
        made_at: metrics.clock.now(),
        currency: metrics.currency().clone(),
        definition_id: order.definition.id.clone(),
        course_step: step_name(order.kind.course_step()).to_owned(),
        sales: sales_change(&read.previous, &read.whole),
        sales_remedies: sales_remedies(&read.previous, &read.whole, &playbook),
        worse: read.worse,
        targets: target_lines,
        whole: Line::of(&read.whole),
        previous: Line::of(&read.previous),
        last_year: Line::of(&read.last_year),
        course: read.course.iter().map(Line::of).collect(),
        groups: read.groups.iter().map(group_lines).chain(read.slices).collect(),
        versions: read.versions,
    })
}

fn step_name(step: Step) -> &'static str {
    match step {
        Step::Hour => "hour",
        Step::Day => "day",
        Step::Week => "week",
        Step::Month => "month",
        Step::Quarter => "quarter",
        Step::Year => "year",
        Step::Whole => "whole",
    }
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::Account => "account",
        Group::Person => "person",
        Group::Team => "team",
        Group::Shop => "shop",
        Group::Merchant => "merchant",
        Group::Product => "product",
        Group::Category => "category",
        Group::Hour => "hour",
    }
}

fn group_lines((group, now, previous): &(Group, Vec<Figures>, Vec<Figures>)) -> GroupLines {
    GroupLines {
        by: group_name(*group).to_owned(),
        now: now.iter().map(Line::of).collect(),
        previous: previous.iter().map(Line::of).collect(),
        rest: None,
    }
}

impl Figures {
    /// Whether nothing of what adds up changed.
    fn sums_like(&self, other: &Self) -> bool {
        self.sums == other.sums && self.trade.sums == other.trade.sums
    }
}

/// By what the subject's figures are divided: the smallest last.
fn groups_of(subject: SubjectKind) -> &'static [Group] {
    match subject {
        SubjectKind::Person => &[],
        SubjectKind::Team => &[Group::Person],
        SubjectKind::Shop => &[Group::Team, Group::Person],
        SubjectKind::Merchant => &[Group::Shop, Group::Team, Group::Person],
    }
}

/// The subject's own row, held against other days, and what rules the period.
struct Whole {
    whole: Figures,
    previous: Figures,
    last_year: Figures,
    versions: Vec<Version>,
}

fn ask(order: &Order, days: DayRange, group: Group, step: Step) -> AskFigures {
    AskFigures {
        cut: Cut::Step(step),
        known_on: order.known_on,
        ..AskFigures::new(days, group, order.subject.filter(), order.definition.clone())
    }
}

async fn rows(
    metrics: &Metrics,
    scope: &Scope,
    ask: &AskFigures,
) -> Result<(Vec<Figures>, Vec<crate::domain::comparison::Comparison>)> {
    let found = metrics.get_figures(scope, ask, &PageRequest::first(GROUPS_MAX, "report")).await?;
    if !found.figures.next_page_token.is_empty() {
        return Err(MetricsError::TooManyGroups);
    }
    Ok((found.figures.items, found.comparisons))
}

async fn whole(metrics: &Metrics, scope: &Scope, order: &Order) -> Result<Whole> {
    let row = async |days: DayRange| {
        let ask = ask(order, days, Group::Merchant, Step::Whole);
        let (mut rows, _) = rows(metrics, scope, &ask).await?;
        Ok::<_, MetricsError>(
            rows.pop().unwrap_or_else(|| Figures::nothing(String::new(), String::new(), days)),
        )
    };
    let ruling = metrics.find_ruling(&scope.merchant, &order.definition, order.days).await?;
    let versions = ruling.spans().iter().map(|ruled| Version {
        version: ruled.definition.version,
        name: ruled.definition.name.clone(),
        days: ruled.days.into(),
    });
    let step = order.kind.whole_step();
    Ok(Whole {
        whole: row(order.days).await?,
        previous: row(Against::PreviousPeriod.days(order.days, step)).await?,
        last_year: row(Against::SamePeriodLastYear.days(order.days, step)).await?,
        versions: versions.collect(),
    })
}

async fn read(metrics: &Metrics, scope: &Scope, order: &Order, playbook: &[Remedy]) -> Result<Read> {
    let Whole { whole, previous, last_year, versions } = whole(metrics, scope, order).await?;
    let step = order.kind.course_step();
    // Hours are counted from conversations as they are now: there is no course as known on another day.
    let course = match (step, order.known_on) {
        (Step::Hour, Some(_)) => Vec::new(),
        _ => {
            let rows = rows(metrics, scope, &ask(order, order.days, Group::Merchant, step)).await?.0;
            if step == Step::Hour { rows } else { without_gaps(rows, order.days, step) }
        }
    };
    let mut groups = Vec::new();
    for group in groups_of(order.subject.kind) {
        let now = rows(metrics, scope, &ask(order, order.days, *group, Step::Whole)).await?.0;
        let before = ask(order, previous.days, *group, Step::Whole);
        groups.push((*group, now, rows(metrics, scope, &before).await?.0));
    }
    let mut cut = Vec::new();
    // A person's report tells what they sold, not of what.
    let aspects: &[_] = if order.subject.kind == SubjectKind::Person { &[] } else { &slices::ASPECTS };
    for (group, aspect) in aspects {
        // What of the whole is nothing has no slices, and most teams sell nothing.
        let sold = |row: &Figures| row.trade.sums.entries().any(|(sum, _)| aspect.has(sum));
        if !sold(&whole) && !sold(&previous) {
            continue;
        }
        let ask = |days| ask(order, days, *group, Step::Whole);
        let by = (*aspect, group_name(*group));
        cut.extend(slices::read(metrics, scope, ask, by, (order.days, previous.days)).await?);
    }
    let worse = worse(metrics, scope, order, (&previous, &whole), playbook).await?;
    Ok(Read { whole, previous, last_year, course, groups, slices: cut, worse, versions })
}

/// The rows of all steps of the period, those in which nothing happened too.
fn without_gaps(rows: Vec<Figures>, days: DayRange, step: Step) -> Vec<Figures> {
    let mut found: BTreeMap<NaiveDate, Figures> = rows.into_iter().map(|row| (row.days.from, row)).collect();
    let mut all = Vec::new();
    let mut from = days.from;
    while from <= days.to {
        let row = step.row(step_start(step, from), days);
        let nothing = || Figures::nothing(String::new(), String::new(), row);
        all.push(found.remove(&row.from).unwrap_or_else(nothing));
        match row.to.succ_opt() {
            Some(next) => from = next,
            None => break,
        }
    }
    all
}

fn step_start(step: Step, day: NaiveDate) -> NaiveDate {
    use calendar::{Period, PeriodKind};
    let kind = match step {
        Step::Week => PeriodKind::Week,
        Step::Month => PeriodKind::Month,
        Step::Quarter => PeriodKind::Quarter,
        Step::Year => PeriodKind::Year,
        Step::Whole | Step::Day | Step::Hour => PeriodKind::Day,
    };
    Period::containing(kind, day).first()
}

fn sales_of(row: &Figures) -> Sales {
    Sales {
        receptions: row.sums[Sum::ReceivedCustomers],
        buyers: row.trade.sums[TradeSum::PayingBuyers],
        amount: row.trade.sums[TradeSum::PaidAmount],
    }
}

/// `None` if nothing was sold on either side.
fn sales_change(previous: &Figures, now: &Figures) -> Option<SalesChange> {
    let (before, now) = (sales_of(previous), sales_of(now));
    if before.amount == 0 && now.amount == 0 {
        return None;
    }
    let effects = split_sales(before, now);
    Some(SalesChange {
        before_minor: before.amount,
        now_minor: now.amount,
        receptions_minor: effects.receptions,
        conversion_minor: effects.conversion,
        order_value_minor: effects.order_value,
    })
}

/// What got worse than in the period before, how unusual that is, what contributed most, what to do.
async fn worse(
    metrics: &Metrics,
    scope: &Scope,
    order: &Order,
    (previous, whole): (&Figures, &Figures),
    playbook: &[Remedy],
) -> Result<Vec<Worse>> {
    // Against a period in which nothing happened everything is as new as it is worse.
    if previous.sums[Sum::Conversations] == 0 && !has_trade(previous) {
        return Ok(Vec::new());
    }
    let ask = ask(order, order.days, Group::Merchant, Step::Whole);
    let said = (metrics.advice.threshold, playbook);
    let found = metrics.find_worsened(scope, &ask, previous.days, &[(previous, whole)], said).await?;
    let alone = order.subject.kind == SubjectKind::Person;
    let line = |worse: Worsened| Worse {
        measure: worse.change.measure.name().to_owned(),
        verdict: Some(Verdict::of(&worse.judgement)),
        // A person's report needn't name the person.
        people: if alone { Vec::new() } else { contributors(&worse.contributors.persons) },
        hours: contributors(&worse.contributors.hours),
        products: contributors(&worse.contributors.products),
        remedies: worse.remedies.iter().map(remedy_line).collect(),
    };
    Ok(found.into_iter().flatten().map(line).collect())
}

/// What the playbook says about the factors of sales that lost, the largest loss first.
fn sales_remedies(previous: &Figures, now: &Figures, playbook: &[Remedy]) -> Vec<FactorRemedies> {
    let fallen = split_sales(sales_of(previous), sales_of(now)).fallen();
    let said = |factor: SalesFactor| FactorRemedies {
        factor: factor.name().to_owned(),
        remedies: remedies_for(playbook, factor.measure(), Direction::Fallen)
            .iter()
            .map(remedy_line)
            .collect(),
    };
    fallen.into_iter().map(said).collect()
}

fn has_trade(row: &Figures) -> bool {
    row.trade.sums.entries().next().is_some()
}

fn remedy_line(remedy: &Remedy) -> RemedyLine {
    RemedyLine {
        cause: remedy.entry.cause.clone(),
        text: remedy.entry.text.clone(),
        owner: remedy.entry.owner.into(),
        department: remedy.entry.department.clone(),
    }
}

fn contributors(parts: &[ChangePart]) -> Vec<Contributor> {
    let part = |part: &ChangePart| Contributor {
        key: part.key.clone(),
        name: part.name.clone(),
        effect_billionths: part.effect(),
    };
    parts.iter().map(part).collect()
}

/// The subject's rows in targets with a day in the period, through its last day that is over.
async fn target_lines(
    metrics: &Metrics,
    targets: &Targets,
    scope: &Scope,
    order: &Order,
) -> Result<Vec<TargetLine>> {
    let today = metrics.today(&scope.merchant).await?;
    let shop = (order.subject.kind == SubjectKind::Shop).then(|| order.subject.id.clone());
    let filter =
        TargetFilter { days: Some(order.days), shop, states: vec![TargetState::Active, TargetState::Closed] };
    let mut lines = Vec::new();
    let page = targets.list_targets(scope, &filter, &PageRequest::first(TARGETS_MAX, "report")).await?;
    for seen in page.items {
        let target = &seen.target;
        let through = target.days.to.min(order.days.to);
        if through >= today {
            continue;
        }
        let progress = targets.get_progress(scope, &target.id, Some(through)).await?;
        let mine = progress.rows.iter().find(|row| {
            let (team, person) = (row.team.as_deref(), row.person.as_deref());
            match order.subject.kind {
                SubjectKind::Person => person == Some(order.subject.id.as_str()),
                SubjectKind::Team => person.is_none() && team == Some(order.subject.id.as_str()),
                SubjectKind::Shop | SubjectKind::Merchant => person.is_none() && team.is_none(),
            }
        });
        let Some(row) = mine else { continue };
        let millionths = |share: Option<f64>| share.map(|share| (share * 1e6).round() as i64);
        lines.push(TargetLine {
            id: target.id.clone(),
            name: target.name.clone(),
            days: target.days.into(),
            through,
            measure: target.goal.measure().name().to_owned(),
            wanted: row.wanted,
            wanted_to_date: row.wanted_to_date,
            actual: row.actual,
            attainment_to_date_millionths: millionths(row.attainment_to_date),
            attainment_millionths: millionths(row.attainment),
            forecast: row.forecast,
        });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::figures;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn days_without_anything_stay_in_the_course() {
        let days = DayRange { from: day("2026-05-01"), to: day("2026-05-10") };
        let row = Figures { days: DayRange { from: day("2026-05-04"), to: day("2026-05-04") }, ..figures() };
        let all = without_gaps(vec![row], days, Step::Day);
        assert_eq!(all.len(), 10);
        assert!(all.windows(2).all(|pair| pair[0].days.to.succ_opt() == Some(pair[1].days.from)));
        let weeks = without_gaps(Vec::new(), days, Step::Week);
        let spans: Vec<_> = weeks.iter().map(|row| (row.days.from, row.days.to)).collect();
        assert_eq!(spans, [(day("2026-05-01"), day("2026-05-03")), (day("2026-05-04"), day("2026-05-10"))]);
    }
}
