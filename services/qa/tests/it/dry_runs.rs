//! Rules tried on the past, against what is live, without touching it.

use std::time::Duration;

use proto::qa::v1 as pb;
use proto::qa::v1::DryRunState;
use testkit::eventually;
use tonic::Code;

use crate::builders::{DAY, reviewer};
use crate::builders::{agent, manager, only};
use crate::checking::{RULES, saying};
use crate::support::{TestQa, refusal};

async fn start(test: &TestQa, version: i32, request_id: &str) -> pb::DryRun {
    let message = pb::StartDryRunRequest { request_id: request_id.into(), version, days: only(DAY) };
    let started = test.checks().start_dry_run(test.by(&manager(), message)).await.expect("starts");
    started.into_inner().dry_run.expect("a run")
}

async fn run(test: &TestQa, id: &str) -> pb::DryRun {
    let message = pb::GetDryRunRequest { dry_run_id: id.into() };
    let found = test.checks().get_dry_run(test.by(&reviewer("rita"), message)).await.expect("finds");
    found.into_inner().dry_run.expect("a run")
}

async fn done(test: &TestQa, id: &str) -> pb::DryRun {
    eventually(Duration::from_secs(60), async || run(test, id).await.state() == DryRunState::Done).await;
    run(test, id).await
}

async fn figures(test: &TestQa, id: &str, by_account: bool) -> Vec<pb::DryRunFigure> {
    let message = pb::ListDryRunFiguresRequest { dry_run_id: id.into(), by_account, ..Default::default() };
    let listed = test.checks().list_dry_run_figures(test.by(&manager(), message)).await.expect("lists");
    listed.into_inner().figures
}

/// Four chats that the live rules find 最好 in, and two with 最棒, which only the draft knows.
async fn tried() -> (TestQa, i32) {
    let test = TestQa::with_rules().await;
    let chats: Vec<_> = (0..6)
        .map(|n| {
            let account = if n % 2 == 0 { "ann-account" } else { "ben-account" };
            saying(&format!("c{n}"), account, &["好吗", if n < 4 { "最好" } else { "最棒，全网第一" }])
        })
        .collect();
    test.checked(&chats).await;
    let draft = test.draft("other words", &RULES.replace("最好\",", "最棒\",")).await;
    (test, draft.version)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_would_change_and_changes_nothing() {
    let (test, version) = tried().await;
    let live = "SELECT count(*) + 1000 * sum(chats_hit)::bigint FROM qa.check_counts, qa.check_hits";
    let before = test.count(live).await;
    let started = start(&test, version, "try").await;
    assert_eq!((started.chats_expected, started.rule_set_version), (6, version));
    assert_eq!(start(&test, version, "try").await.dry_run_id, started.dry_run_id, "the same request");
    // Later changes of the draft don't reach a run that was asked for.
    let ended = done(&test, &started.dry_run_id).await;
    assert_eq!((ended.chats_checked, ended.finished_at.is_some()), (6, true));
    let whole = figures(&test, &started.dry_run_id, false).await;
    assert_eq!(whole.len(), 1, "{whole:?}");
    let best = &whole[0];
    assert_eq!((best.rule_id.as_str(), best.account_id.as_str(), best.chats), ("best", "", 6));
    assert_eq!((best.hits, best.chats_hit, best.live_hits, best.live_chats_hit), (4, 2, 6, 6));
    assert_eq!((best.chats_gained, best.chats_lost), (0, 4));
    let accounts = figures(&test, &started.dry_run_id, true).await;
    let rows: Vec<_> = accounts.iter().map(|f| (f.account_id.as_str(), f.chats, f.chats_lost)).collect();
    assert_eq!(rows, [("ann-account", 3, 2), ("ben-account", 3, 2)]);
    let message =
        pb::ListDryRunExamplesRequest { dry_run_id: started.dry_run_id.clone(), ..Default::default() };
    let examples = test.checks().list_dry_run_examples(test.by(&reviewer("rita"), message)).await;
    let examples = examples.expect("lists").into_inner().examples;
    let lost: Vec<_> = examples
        .iter()
        .filter(|example| example.kind() == pb::DryRunExampleKind::Lost)
        .map(|example| example.excerpt.as_str())
        .collect();
    assert_eq!((examples.len(), lost), (6, vec!["最好"; 4]));
    assert_eq!(test.count(live).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_goes_on_where_a_dead_worker_left_it() {
    let (test, version) = tried().await;
    let id = start(&test, version, "try").await.dry_run_id;
    done(&test, &id).await;
    // As a worker leaves it that died after four chats.
    test.sql("DELETE FROM qa.dry_run_figures; DELETE FROM qa.dry_run_chats; DELETE FROM qa.dry_run_examples")
        .await;
    test.sql(
        "UPDATE qa.dry_runs SET state = 2, chats_checked = 4, at_day = '2020-05-19', at_conversation_id = 'c3', \
            at_channel = 'chat', at_shop_id = 'star', lease = gen_random_uuid(), finished_at = NULL, \
            held_until = '2020-05-20T10:00:30+08:00'",
    )
    .await;
    // Chats are checked meanwhile, which tells that the worker has looked and left the run alone.
    test.checked(&[saying("late", "zoe-account", &["好吗", "好"])]).await;
    assert_eq!(run(&test, &id).await.chats_checked, 4);
    test.clock.set("2020-05-20T10:01:00+08:00");
    let ended = done(&test, &id).await;
    assert_eq!(ended.chats_checked, 7, "c4, c5 and the one that came late");
    assert_eq!(figures(&test, &id, false).await[0].chats_hit, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_can_be_cancelled_while_it_runs() {
    let (test, version) = tried().await;
    let id = start(&test, version, "try").await.dry_run_id;
    done(&test, &id).await;
    let cancel = |request_id: &str, id: &str| pb::CancelDryRunRequest {
        request_id: request_id.into(),
        dry_run_id: id.into(),
    };
    let over = test.checks().cancel_dry_run(test.by(&manager(), cancel("late", &id))).await;
    assert_eq!(refusal(over), (Code::FailedPrecondition, "DRY_RUN_OVER".into()));
    test.sql("UPDATE qa.dry_runs SET state = 2, lease = gen_random_uuid(), held_until = '2030-01-01'").await;
    let ended = test.checks().cancel_dry_run(test.by(&manager(), cancel("now", &id))).await.expect("cancels");
    assert_eq!(ended.into_inner().dry_run.expect("a run").state(), DryRunState::Cancelled);
    test.checks().cancel_dry_run(test.by(&manager(), cancel("again", &id))).await.expect("changes nothing");

    test.sql(
        "INSERT INTO qa.dry_runs (merchant_id, dry_run_id, rule_set_version, rules, from_day, to_day, state, chats_expected, \
            lease, held_until, created_by, created_at) \
         SELECT 'demo', gen_random_uuid(), 1, '', '2020-05-19', '2020-05-19', 2, 0, gen_random_uuid(), '2030-01-01', '', now() \
         FROM generate_series(1, 5)",
    )
    .await;
    let message = pb::StartDryRunRequest { request_id: "sixth".into(), version, days: only(DAY) };
    let full = test.checks().start_dry_run(test.by(&manager(), message)).await;
    assert_eq!(refusal(full), (Code::FailedPrecondition, "DRY_RUNS_FULL".into()));
    for who in [agent("ann"), manager().of("other")] {
        let message = pb::GetDryRunRequest { dry_run_id: id.clone() };
        let code = test.checks().get_dry_run(test.by(&who, message)).await.expect_err("is refused").code();
        assert!(matches!(code, Code::PermissionDenied | Code::NotFound), "{code:?}");
    }
}
