//! When each figure is settled.

use proto::events::v1::AgentDayFinalised;
use proto::metrics::v1 as pb;
use testkit::{EventCollector, caller};

use crate::analysis;
use crate::fact_support::{fact, order, payment, refund};
use crate::support::{TestMetrics, asking, chat, date, days, finalised};

#[tokio::test(flavor = "multi_thread")]
async fn each_figure_is_settled_by_its_own_window() {
    use pb::FigureState::{Final, Provisional, Restated};
    let test = TestMetrics::start_with(&[("closing.check_seconds", "1")]).await;
    let collector = EventCollector::start(&test.nats).await;
    let day = "2020-05-13";
    test.clock.set("2020-05-13T20:00:00+08:00");
    test.send(vec![chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", &["0 C", "20 A"])]).await;
    test.send_facts(vec![
        fact("o-1", "2020-05-13T11:00:00", order(&["p-1"])),
        fact("y-1", "2020-05-13T11:05:00", payment("o-1", 10_000)),
    ])
    .await;
    test.counted().await;
    let states = async |group| {
        let row = test.figures(asking(group, day, day)).await.remove(0);
        [row.state(), row.conversion_state(), row.refund_state()]
    };
    let judged = async |measure: pb::Measure| {
        let request = pb::JudgeFiguresRequest {
            measure: measure.into(),
            business_day: Some(date(day)),
            group: pb::Group::Account.into(),
            ..Default::default()
        };
        let found = analysis::client(&test).judge_figures(test.by(&caller(), request)).await.expect("judges");
        found.into_inner().judgements[0].state()
    };
    let ledger = async || {
        let request = pb::ListRestatementsRequest {
            days: days(day, day),
            group: pb::Group::Account.into(),
            ..Default::default()
        };
        let found =
            analysis::client(&test).list_restatements(test.by(&caller(), request)).await.expect("lists");
        let entries = found.into_inner().restatements;
        entries.iter().flat_map(|e| &e.deltas).map(pb::MeasureDelta::measure).collect::<Vec<_>>()
    };
    let told = async |count| finalised(&collector, count).await;
    let provisional = |told: &AgentDayFinalised| {
        let figures = told.figures.iter().filter(|figure| figure.provisional);
        figures.map(|figure| figure.measure.clone()).collect::<Vec<_>>()
    };
    assert_eq!(states(pb::Group::Product).await, [Provisional; 3], "the day is open");
    test.clock.set("2020-05-18T12:00:00+08:00");
    test.close(day).await;
    assert_eq!(states(pb::Group::Account).await, [Final, Final, Provisional]);
    assert_eq!(states(pb::Group::Product).await, [Final, Final, Provisional]);
    assert_eq!(
        (judged(pb::Measure::PaidAmount).await, judged(pb::Measure::NetAmount).await),
        (Final, Provisional)
    );
    let first = told(1).await.remove(0);
    assert_eq!(provisional(&first), ["NET_AMOUNT", "REFUND_RATE", "RETURN_RATE"]);

    // A refund ten days later is no restatement: its window still runs.
    test.clock.set("2020-05-23T12:00:00+08:00");
    let back = refund("o-1", 400, pb::RefundKind::RefundOnly, Some("2020-05-23T11:00:00"));
    test.send_facts(vec![fact("r-1", "2020-05-23T10:00:00", back)]).await;
    test.counted().await;
    assert_eq!(states(pb::Group::Account).await, [Final, Final, Provisional]);
    assert_eq!(ledger().await, []);
    // Fifteen days are over on the 28th; then the day is told for good.
    test.clock.set("2020-05-29T12:00:00+08:00");
    assert_eq!(states(pb::Group::Account).await, [Final; 3]);
    assert_eq!(judged(pb::Measure::NetAmount).await, Final);
    let last = told(2).await.pop().expect("one more");
    let net =
        last.figures.iter().find(|figure| figure.measure == "NET_AMOUNT").map(|figure| figure.numerator);
    assert_eq!((provisional(&last), net), (Vec::new(), Some(9_600)));

    // One more refund restates what refunds make, and nothing else.
    let back = refund("o-1", 100, pb::RefundKind::RefundOnly, Some("2020-05-29T11:00:00"));
    test.send_facts(vec![fact("r-2", "2020-05-29T10:00:00", back)]).await;
    test.counted().await;
    assert_eq!(states(pb::Group::Account).await, [Final, Final, Restated]);
    assert_eq!(states(pb::Group::Hour).await[2], Final, "the hour of the chat has no sales");
    assert_eq!(ledger().await, [pb::Measure::RefundedAmount, pb::Measure::NetAmount]);
}
