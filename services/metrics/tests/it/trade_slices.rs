//! Slices of a random world, held against a plain recount.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use proto::metrics::v1 as pb;
use proto::metrics::v1::Measure as M;
use testkit::TestCaller;

use crate::slice_recount::Sliced;
use crate::support::{TestMetrics, asking, days};
use crate::trade_recount::Counted;
use crate::trade_values::{adds_up, day_of, is_sliced, measures, totals, value_of};
use crate::trade_worlds::check_explanation_of;

/// Slices by day, of an item by account, their sum, and what explains an item.
pub async fn check_slices(
    test: &TestMetrics,
    who: &TestCaller,
    version: i32,
    group: pb::Group,
    (counted, sliced): (&Counted, &Sliced),
) {
    let here = || sliced.iter().filter(|((of, ..), _)| *of == group);
    let mut request = asking(group, "2020-05-01", "2020-05-31");
    request.step = pb::Step::Day.into();
    request.page_size = 6;
    request.definition = Some(pb::DefinitionRef { definition_id: String::new(), version });
    let mut found: BTreeMap<(M, String, NaiveDate), (i64, i64)> = BTreeMap::new();
    for row in test.figures_as(who, request.clone()).await.expect("answers") {
        let day = day_of(row.from.as_ref());
        for measure in measures() {
            let value = value_of(measure, &row);
            if value != (0, 0) {
                found.insert((measure, row.key.clone(), day), value);
            }
        }
    }
    let mut wanted: BTreeMap<(M, String, NaiveDate), (i64, i64)> = BTreeMap::new();
    for ((_, measure, item, _, day), parts) in here() {
        let entry = wanted.entry((*measure, item.clone(), *day)).or_default();
        *entry = (entry.0 + parts.0, entry.1 + parts.1);
    }
    wanted.retain(|_, parts| *parts != (0, 0));
    assert_eq!(found, wanted, "{group:?} under version {version}");

    let totals = totals(counted);
    for measure in measures().filter(|measure| adds_up(*measure, group)) {
        let of_measure = found.iter().filter(|((m, ..), _)| *m == measure);
        let sum = of_measure.fold((0, 0), |sum, (_, parts)| (sum.0 + parts.0, sum.1 + parts.1));
        assert_eq!(sum, totals.get(&measure).copied().unwrap_or_default(), "{measure:?} over {group:?}");
    }

    // One item of each world, and the accounts that it counts for.
    let Some(item) = here().map(|((.., item, _, _), _)| item.clone()).nth(here().count() / 2) else { return };
    let mut filter = pb::Filter::default();
    match group {
        pb::Group::Product => filter.product_ids.push(item.clone()),
        pb::Group::Category => filter.categories.push(item.clone()),
        _ => filter.hours.push(item.parse().expect("an hour")),
    }
    request.group = pb::Group::Account.into();
    request.filter = Some(filter.clone());
    let mut found = Counted::new();
    let mut received = 0;
    for row in test.figures_as(who, request).await.expect("answers") {
        received += row.received_customers;
        let day = day_of(row.from.as_ref());
        let values = measures().map(|measure| (measure, value_of(measure, &row)));
        found.extend(values.filter(|(_, v)| *v != (0, 0)).map(|(m, v)| ((m, row.key.clone(), day), v)));
    }
    let of_item = here().filter(|((.., of, _, _), _)| *of == item);
    let wanted: Counted = of_item
        .map(|((_, measure, _, account, day), parts)| ((*measure, account.clone(), *day), *parts))
        .collect();
    assert_eq!(found, wanted, "{item} of {group:?} under version {version}");
    for measure in measures().filter(|measure| is_sliced(*measure, group)) {
        check_explanation_of(test, who, version, measure, (&filter, &wanted)).await;
    }
    if group == pb::Group::Hour {
        let request = pb::ExplainFigureRequest {
            measure: M::ReceivedCustomers.into(),
            days: days("2020-05-01", "2020-05-31"),
            filter: Some(filter),
            definition: Some(pb::DefinitionRef { definition_id: String::new(), version }),
            page_size: 1_000,
            ..Default::default()
        };
        let page = test.client.clone().explain_figure(test.by(who, request)).await;
        let page = page.expect("explains").into_inner();
        let listed: i64 = page.conversations.iter().map(|row| row.numerator).sum();
        assert_eq!((page.numerator, listed), (received, received), "received in hour {item}");
    }
}
