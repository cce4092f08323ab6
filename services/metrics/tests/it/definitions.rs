//! Versions of definitions, side by side.

use std::time::Duration;

use proto::metrics::v1 as pb;
use testkit::{caller, eventually};
use tonic::{Code, Status};

use crate::support::{TestMetrics, asking, chat, date, reason};

fn rules() -> pb::Rules {
    pb::Rules {
        quick_replies_count: false,
        bots_count: true,
        in_time_seconds: 30,
        long_chat_threshold: 1,
        service_hours: Some(pb::ServiceHours { from_minute: 600, to_minute: 660 }),
        customer_unit: pb::CustomerUnit::EveryRound.into(),
        maturation_days: Some(4),
        bot_only: pb::BotOnly::LeftOut.into(),
        customers_in_service_hours: true,
        trade: Some(trade_rules()),
    }
}

/// Nothing left to a default: what is read must be what was put.
fn trade_rules() -> pb::TradeRules {
    pb::TradeRules {
        attribution: pb::Attribution::Payment.into(),
        attribution_days: Some(2),
        maturation_days: Some(3),
        refund_maturation_days: Some(20),
        after_sale_days: Some(0),
        first_contact: pb::FirstContact::Survey.into(),
        first_contact_days: Some(7),
        satisfied_from: Some(5),
        credit_to: pb::CreditTo::MostReplies.into(),
    }
}

async fn put(test: &TestMetrics, id: &str, etag: &str, request_id: &str) -> Result<pb::Definition, Status> {
    put_from(test, id, etag, request_id, None).await
}

async fn put_from(
    test: &TestMetrics,
    id: &str,
    etag: &str,
    request_id: &str,
    valid_from: Option<&str>,
) -> Result<pb::Definition, Status> {
    let definition = pb::Definition {
        valid_from: valid_from.map(date),
        definition_id: id.to_owned(),
        name: "Service hours only".to_owned(),
        rules: Some(rules()),
        ..Default::default()
    };
    let message = pb::PutDefinitionRequest {
        definition: Some(definition),
        etag: etag.to_owned(),
        request_id: request_id.to_owned(),
    };
    let put = test.client.clone().put_definition(test.by(&caller(), message)).await?;
    Ok(put.into_inner().definition.expect("a definition"))
}

async fn list(test: &TestMetrics) -> Vec<pb::Definition> {
    let request = test.by(&caller(), pb::ListDefinitionsRequest::default());
    test.client.clone().list_definitions(request).await.expect("lists").into_inner().definitions
}

async fn ready(test: &TestMetrics) {
    eventually(Duration::from_secs(20), async || {
        list(test).await.iter().all(|d| d.state() == pb::DefinitionState::Ready)
    })
    .await;
}

/// Rounds at 10:00 (20 s by bot), 10:59 (quick reply only), 11:30 (outside hours).
fn a_chat(id: &str) -> pb::Conversation {
    chat(
        id,
        "a-1",
        &format!("customer of {id}"),
        "2020-05-13T10:00:00",
        &["0 C", "20 B", "40 A", "3540 C", "3550 Q", "3700 A", "5400 C", "5500 A"],
    )
}

async fn figures(test: &TestMetrics, version: i32) -> pb::Figures {
    let definition = Some(pb::DefinitionRef { definition_id: String::new(), version });
    let request =
        pb::GetFiguresRequest { definition, ..asking(pb::Group::Merchant, "2020-05-13", "2020-05-13") };
    test.figures(request).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_count_side_by_side_before_and_after_they_are_put() {
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "1")]).await;
    test.send(vec![a_chat("c-1"), a_chat("c-2")]).await;
    let stored = put(&test, "standard", "v1", "r-1").await.expect("puts");
    assert_eq!((stored.version, stored.state()), (2, pb::DefinitionState::Building));
    test.send(vec![a_chat("c-3")]).await;
    ready(&test).await;
    // A revision takes back from both.
    let mut revised = chat("c-1", "a-1", "x", "2020-05-13T10:00:00", &["0 C"]);
    revised.revision = 1;
    test.send(vec![revised]).await;

    let rate =
        |rate: Option<proto::common::v1::Rate>| rate.map(|r| (r.numerator, r.denominator)).expect("a rate");
    let old = figures(&test, 1).await;
    assert_eq!((old.conversations, old.replies, old.long_chats), (3, 8, 0));
    assert_eq!(rate(old.in_time_rate), (6, 7));
    let new = figures(&test, 2).await;
    assert_eq!((new.conversations, new.replies, new.long_chats), (3, 8, 2));
    assert_eq!(
        rate(new.in_time_rate),
        (2, 5),
        "the bot answers in time, the second round waits for the agent"
    );
    assert_eq!(new.response.expect("times").sum_ms, 2 * (20_000 + 160_000));
    assert_eq!((old.received_customers, new.received_customers), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_version_that_is_ready_is_the_one_meant() {
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "1")]).await;
    put(&test, "standard", "v1", "").await.expect("puts");
    ready(&test).await;
    let request = asking(pb::Group::Merchant, "2020-05-13", "2020-05-13");
    let answer =
        test.client.clone().get_figures(test.by(&caller(), request)).await.expect("answers").into_inner();
    let definition = answer.definition.expect("a definition");
    assert_eq!((definition.version, definition.rules), (2, Some(rules())));
}

#[tokio::test(flavor = "multi_thread")]
async fn etags_and_request_ids_keep_versions_apart() {
    let test = TestMetrics::start_with(&[("definitions.versions_max", "3")]).await;
    let first = put(&test, "own", "", "r-1").await.expect("puts");
    let again = put(&test, "own", "", "r-1").await.expect("the same request");
    assert_eq!((first.version, again.version, list(&test).await.len()), (1, 1, 2));
    let refused = put(&test, "own", "", "r-2").await.expect_err("has changed");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "DEFINITION_CHANGED"));
    let reused = put(&test, "own", "v1", "r-1").await.expect_err("another body");
    assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
    put(&test, "own", &first.etag, "r-3").await.expect("puts the next");
    let full = put(&test, "third", "", "").await.expect_err("is full");
    assert_eq!((full.code(), reason(&full).as_str()), (Code::ResourceExhausted, "TOO_MANY_DEFINITIONS"));
    let audited = test.count("SELECT count(*) FROM audit_entries WHERE rpc LIKE '%PutDefinition'").await;
    assert_eq!(audited, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_being_built_is_not_shown() {
    // Nobody looks for versions to build within this test.
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "3600")]).await;
    test.send(vec![a_chat("c-1")]).await;
    put(&test, "own", "", "").await.expect("puts");
    let definition = Some(pb::DefinitionRef { definition_id: "own".to_owned(), version: 1 });
    let request =
        pb::GetFiguresRequest { definition, ..asking(pb::Group::Merchant, "2020-05-13", "2020-05-13") };
    let refused = test.figures_as(&caller(), request).await.expect_err("is being built");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "DEFINITION_BUILDING")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn putting_versions_while_writers_write_loses_nothing() {
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "1")]).await;
    let writing = async {
        for n in 0..30 {
            test.send(vec![a_chat(&format!("c-{n}")), a_chat(&format!("d-{n}"))]).await;
        }
    };
    let putting = async {
        for n in 1..4 {
            put(&test, "standard", &format!("v{n}"), "").await.expect("puts");
        }
    };
    tokio::join!(writing, putting);
    ready(&test).await;
    for version in 1..=4 {
        let row = figures(&test, version).await;
        assert_eq!((row.conversations, row.received_customers), (60, 60), "version {version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_rules_from_its_day_on_and_two_stand_side_by_side() {
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "1")]).await;
    put_from(&test, "standard", "v1", "", Some("2020-05-14")).await.expect("puts");
    let mut next_day = chat("c-2", "a-1", "b-2", "2020-05-14T10:00:00", &["0 C", "40 A"]);
    next_day.satisfied = Some(true);
    test.send(vec![chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", &["0 C", "40 A"]), next_day]).await;
    ready(&test).await;

    let days = pb::GetFiguresRequest {
        step: pb::Step::Day.into(),
        ..asking(pb::Group::Merchant, "2020-05-13", "2020-05-14")
    };
    let rate = |row: &pb::Figures| row.in_time_rate.map(|r| (r.numerator, r.denominator)).expect("a rate");
    let rows = test.figures(days).await;
    let found: Vec<_> = rows.iter().map(|row| (rate(row), row.definition_versions.clone())).collect();
    assert_eq!(found, [((1, 1), vec![1]), ((0, 1), vec![2])], "180 seconds, then 30");

    let both = pb::GetFiguresRequest {
        compare_definition: Some(pb::DefinitionRef { definition_id: String::new(), version: 1 }),
        ..asking(pb::Group::Merchant, "2020-05-13", "2020-05-14")
    };
    let answer =
        test.client.clone().get_figures(test.by(&caller(), both)).await.expect("answers").into_inner();
    let ruled: Vec<_> = answer.ruled.iter().map(|r| r.definition.as_ref().map(|d| d.version)).collect();
    assert_eq!(ruled, [Some(1), Some(2)]);
    let row = &answer.figures[0];
    assert_eq!(
        (rate(row), row.definition_versions.as_slice()),
        ((1, 2), [1, 2].as_slice()),
        "and the row says so"
    );
    let held = &answer.comparisons[0];
    assert_eq!((held.row, held.kind()), (0, pb::ComparisonKind::Definition));
    assert_eq!(rate(held.other.as_ref().expect("the old value")), (2, 2));
    let change = held.changes.iter().find(|c| c.measure() == pb::Measure::InTimeRate).expect("changed");
    assert_eq!((change.value, change.other, change.ratio), (0.5, 1.0, Some(-0.5)));

    let explained = pb::ExplainFigureRequest {
        measure: pb::Measure::InTimeRate.into(),
        days: crate::support::days("2020-05-13", "2020-05-14"),
        ..Default::default()
    };
    let answer = test.client.clone().explain_figure(test.by(&caller(), explained)).await.expect("explains");
    let rows = answer.into_inner().conversations;
    assert_eq!(
        rows.iter().map(|row| row.numerator).collect::<Vec<_>>(),
        [1, 0],
        "each under its day's rules"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn days_before_the_first_version_of_a_definition_have_no_figures_under_it() {
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "1")]).await;
    put_from(&test, "own", "", "", Some("2020-05-14")).await.expect("puts");
    ready(&test).await;
    let definition = Some(pb::DefinitionRef { definition_id: "own".to_owned(), version: 0 });
    let request =
        pb::GetFiguresRequest { definition, ..asking(pb::Group::Merchant, "2020-05-13", "2020-05-14") };
    let refused = test.figures_as(&caller(), request).await.expect_err("is refused");
    assert_eq!(reason(&refused), "NO_DEFINITION_IN_FORCE");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_counted_again_when_a_release_asks_for_it() {
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "1")]).await;
    test.send(vec![a_chat("c-1"), a_chat("c-2")]).await;
    let before = figures(&test, 0).await;
    let client = test.pool.side_client().await.expect("connects");
    // What such a migration does.
    client
        .batch_execute(
            "BEGIN; DELETE FROM day_customers; DELETE FROM day_facts; UPDATE conversations SET counted_seq = 0;
             INSERT INTO definitions (merchant_id, definition_seq, definition_id, version, name, rules, ready, created_by,
                created_at) VALUES ('demo', 1, 'standard', 1, '', '{}', false, '', now()); COMMIT;",
        )
        .await
        .expect("forgets");
    test.send(vec![a_chat("c-3")]).await;
    ready(&test).await;
    let after = figures(&test, 0).await;
    assert_eq!((before.conversations, after.conversations, after.received_customers), (2, 3, 3));
    assert_eq!(list(&test).await.len(), 1, "the row of the built-in definition is no version");
}
