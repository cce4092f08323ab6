//! How long chats stay: retention, holds on evidence, erased customers.

use std::time::Duration;

use pg::audit::{self, Head};
use proto::common::v1::DayRange;
use proto::qa::v1 as pb;
use proto::qa::v1::privacy_service_client::PrivacyServiceClient;
use testkit::eventually;
use tonic::Code;
use tonic::transport::Channel;

use crate::builders::{DAY, at, chat, long_chats, manager, may, only, reviewer, timestamp};
use crate::checking::{by_id, saying};
use crate::support::{TestQa, fields, refusal};

const WITHIN: Duration = Duration::from_secs(60);

fn privacy(test: &TestQa) -> PrivacyServiceClient<Channel> {
    PrivacyServiceClient::new(test.channel.clone())
}

fn days_of(account: &str, days: Option<DayRange>) -> pb::PlaceHoldRequest {
    pb::PlaceHoldRequest {
        request_id: format!("hold {account}"),
        days,
        account_id: account.into(),
        reason: "投诉取证".into(),
        ..Default::default()
    }
}

async fn place(test: &TestQa, message: pb::PlaceHoldRequest) -> pb::LegalHold {
    let placed = privacy(test).place_hold(test.by(&manager(), message)).await.expect("places");
    placed.into_inner().hold.expect("a hold")
}

async fn can_read(test: &TestQa, id: &str) -> bool {
    let message = pb::GetConversationRequest { conversation: Some(by_id(id)) };
    match test.client().get_conversation(test.by(&reviewer("rita"), message)).await {
        Ok(read) => !read.into_inner().conversation.expect("a chat").messages.is_empty(),
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound, "{status}");
            false
        }
    }
}

/// A drawn day of Ann and Ben, all checked.
async fn drawn() -> TestQa {
    let chats = [long_chats("ann-account", 3), long_chats("ben-account", 3)].concat();
    let test = TestQa::with_day(&chats).await;
    test.all_checked().await;
    test.draw(DAY).await;
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn months_end_but_for_what_is_held_and_draws_stay_verifiable() {
    let test = drawn().await;
    let figures = test.figures_of(&manager(), pb::CheckFigureGroup::Account, Default::default()).await;
    assert!(figures.iter().any(|figure| figure.chats == 3 && figure.hits > 0), "{figures:?}");
    let one = pb::PlaceHoldRequest {
        request_id: "one".into(),
        conversation: Some(by_id("ann-account-1")),
        reason: "争议".into(),
        ..Default::default()
    };
    let one = place(&test, one).await;
    let days = place(&test, days_of("ben-account", only(DAY))).await;

    // Within the retention nothing ends: May 2020 is kept through May 2022.
    test.clock.set("2022-05-31T10:00:00+08:00");
    test.checked(&[chat("later", "zoe-account", 2)]).await;
    assert_eq!(test.count("SELECT count(*) FROM qa.conversations").await, 7);
    test.clock.set("2022-06-01T10:00:00+08:00");
    eventually(WITHIN, async || test.count("SELECT count(*) FROM qa.conversations").await == 4).await;
    assert!(can_read(&test, "ann-account-1").await && can_read(&test, "ben-account-2").await);
    assert!(!can_read(&test, "ann-account-0").await && !can_read(&test, "later").await);
    assert_eq!(test.conversation_hits(by_id("ann-account-1")).await.checked_revision, Some(0));
    for table in ["check_hits", "chat_checks", "conversation_keys"] {
        let gone =
            format!("SELECT count(*) FROM qa.{table} WHERE conversation_id IN ('ann-account-0', 'later')");
        assert_eq!(test.count(&gone).await, 0, "{table}");
    }
    sampling::verify(&test.bundle(DAY).await).expect("the draw holds without the chats");
    let after = test.figures_of(&manager(), pb::CheckFigureGroup::Account, Default::default()).await;
    assert_eq!(after[..figures.len()], figures[..], "figures stay");

    // Lifted holds let go; the partition goes with the last of them.
    for hold in [one, days] {
        let message = pb::LiftHoldRequest {
            request_id: hold.hold_id.clone(),
            hold_id: hold.hold_id,
            etag: hold.etag,
            reason: "结案".into(),
        };
        privacy(&test).lift_hold(test.by(&manager(), message)).await.expect("lifts");
    }
    let partition = "SELECT (to_regclass('qa.conversations_202005') IS NOT NULL)::int::bigint";
    eventually(WITHIN, async || test.count(partition).await == 0).await;
    assert!(!can_read(&test, "ben-account-2").await);
    sampling::verify(&test.bundle(DAY).await).expect("still");
    let audited = "SELECT count(*) FROM qa.audit_entries WHERE rpc = 'background/end_retention'";
    assert!(test.count(audited).await >= 2, "the day, and again as the holds let go");
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_placed_with_a_reason_and_lifted_once() {
    let test = drawn().await;
    let hold = place(&test, days_of("", only(DAY))).await;
    assert_eq!((hold.days, hold.account_id.as_str(), hold.reason.as_str()), (only(DAY), "", "投诉取证"));
    assert_eq!(place(&test, days_of("", only(DAY))).await.hold_id, hold.hold_id, "the same request");
    let unknown =
        pb::PlaceHoldRequest { conversation: Some(by_id("nobody's")), days: None, ..days_of("", None) };
    let unknown = pb::PlaceHoldRequest { request_id: "unknown".into(), ..unknown };
    let refused = privacy(&test).place_hold(test.by(&manager(), unknown)).await;
    assert_eq!(refusal(refused), (Code::NotFound, "CONVERSATION_NOT_FOUND".into()));
    let both = pb::PlaceHoldRequest { conversation: Some(by_id("ann-account-0")), ..days_of("", only(DAY)) };
    assert_eq!(fields(privacy(&test).place_hold(test.by(&manager(), both)).await), ["conversation"]);
    let none = pb::PlaceHoldRequest { request_id: "none".into(), ..days_of("", None) };
    assert_eq!(fields(privacy(&test).place_hold(test.by(&manager(), none)).await), ["conversation"]);

    let lift = |request_id: &str, etag: &str| pb::LiftHoldRequest {
        request_id: request_id.into(),
        hold_id: hold.hold_id.clone(),
        etag: etag.into(),
        reason: "结案".into(),
    };
    let elsewhere = privacy(&test).lift_hold(test.by(&manager().of("other"), lift("o", &hold.etag))).await;
    assert_eq!(refusal(elsewhere), (Code::NotFound, "HOLD_NOT_FOUND".into()));
    let lifted = privacy(&test).lift_hold(test.by(&manager(), lift("l", &hold.etag))).await.expect("lifts");
    let lifted = lifted.into_inner().hold.expect("a hold");
    assert_eq!((lifted.lift_reason.as_str(), lifted.lifted_at.is_some()), ("结案", true));
    let stale = privacy(&test).lift_hold(test.by(&manager(), lift("s", &hold.etag))).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let again = privacy(&test).lift_hold(test.by(&manager(), lift("a", &lifted.etag))).await;
    assert_eq!(refusal(again), (Code::FailedPrecondition, "HOLD_LIFTED".into()));
    let listed = |in_force| pb::ListHoldsRequest { in_force, ..Default::default() };
    let all = privacy(&test).list_holds(test.by(&manager(), listed(false))).await.expect("lists");
    let open = privacy(&test).list_holds(test.by(&manager(), listed(true))).await.expect("lists");
    assert_eq!((all.into_inner().holds.len(), open.into_inner().holds.len()), (1, 0));
}

async fn erased(test: &TestQa, customer: &str, request_id: &str) -> pb::Erasure {
    let message = pb::EraseCustomerRequest {
        request_id: request_id.into(),
        customer_id: customer.into(),
        reason: "用户要求".into(),
    };
    let asked = privacy(test).erase_customer(test.by(&manager(), message)).await.expect("asks");
    let id = asked.into_inner().erasure.expect("an erasure").erasure_id;
    let find = async || {
        let message = pb::GetErasureRequest { erasure_id: id.clone() };
        let found = privacy(test).get_erasure(test.by(&manager(), message)).await.expect("finds");
        found.into_inner().erasure.expect("an erasure")
    };
    eventually(WITHIN, async || find().await.finished_at.is_some()).await;
    find().await
}

/// The head of the audit's chain with everything linked, whole from its beginning and through `anchor`.
async fn audit_head(test: &TestQa, anchor: Option<&Head>) -> Head {
    let pool = pg::connect(qa::SCHEMA, &test.database.config(qa::SCHEMA)).await.expect("connects");
    // Somebody else may be linking at the moment.
    eventually(WITHIN, async || audit::chain_pending(&pool).await.expect("links").is_some()).await;
    let mut conn = pool.get().await.expect("a connection");
    audit::verify(&mut conn, anchor).await.expect("reads").expect("the chain is whole")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_customer_leaves_figures_and_draws_as_they_were() {
    let test = TestQa::with_rules().await;
    let mut chats = long_chats("ann-account", 3);
    for (n, day) in [(0, 19), (1, 18)] {
        let mut chat = saying(&format!("their-{n}"), "ann-account", &["我的手机号你记一下", "最好，加微信"]);
        (chat.customer_id, chat.business_day) = ("buyer".into(), Some(may(day)));
        chats.push(chat);
    }
    let mut held = saying("held", "ben-account", &["好吗", "最好"]);
    held.customer_id = "buyer".into();
    chats.push(held);
    test.checked(&chats).await;
    test.close(DAY, 1, &chats).await;
    test.draw(DAY).await;
    place(&test, days_of("ben-account", only(DAY))).await;
    let before = test.figure("best").await;
    let head = audit_head(&test, None).await;

    let erasure = erased(&test, "buyer", "erase").await;
    assert_eq!((erasure.chats_erased, erasure.chats_held, erasure.customer_hash.len()), (2, 1, 32));
    let newer = audit_head(&test, Some(&head)).await;
    assert!(newer.link > head.link, "the erasure stands in the audit");
    assert!(!can_read(&test, "their-0").await && !can_read(&test, "their-1").await);
    assert!(can_read(&test, "held").await && can_read(&test, "ann-account-0").await);
    let message = pb::GetConversationRequest { conversation: Some(by_id("their-0")) };
    let read =
        test.client().get_conversation(test.by(&manager(), message)).await.expect("reads").into_inner();
    let read = read.conversation.expect("a chat");
    assert!(read.customer_id.is_empty() && read.erased_at.is_some());
    assert!(test.conversation_hits(by_id("their-0")).await.hits.is_empty());
    assert_eq!(test.figure("best").await, before, "what was counted stays");
    let traces = "SELECT (SELECT count(*) FROM qa.conversations WHERE customer_id = 'buyer') \
        + (SELECT count(*) FROM qa.erasures WHERE customer_id = 'buyer') \
        + (SELECT count(*) FROM qa.audit_entries WHERE summary::text LIKE '%buyer%')";
    assert_eq!(test.count(traces).await, 1, "the held chat alone");
    sampling::verify(&test.bundle(DAY).await).expect("the draw holds");

    // Neither a correction nor another check brings anything back.
    let mut corrected = saying("their-0", "ann-account", &["手机号", "最好"]);
    (corrected.customer_id, corrected.revision) = ("buyer".into(), 1);
    // Its arrival must not pass for that of the last one.
    test.deliver(&[corrected]).await;
    test.checked(&[chat("last", "zoe-account", 2)]).await;
    assert!(!can_read(&test, "their-0").await);
    assert_eq!(test.count(traces).await, 1);
    let (chats, chats_hit, ..) = test.figure("best").await;
    assert_eq!((chats, chats_hit), (before.0 + 1, before.1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_chat_does_not_come_back_on_another_day() {
    let test = TestQa::with_rules().await;
    let theirs = |id: &str, revision: i64, day: i32| {
        let mut chat = saying(id, "ann-account", &["手机号", "最好"]);
        (chat.customer_id, chat.revision, chat.business_day) = ("buyer".into(), revision, Some(may(day)));
        chat
    };
    test.checked(&[theirs("moves", 0, 19), theirs("held", 0, 18)]).await;
    place(&test, days_of("ann-account", only(may(18)))).await;
    let erasure = erased(&test, "buyer", "erase").await;
    assert_eq!((erasure.chats_erased, erasure.chats_held), (1, 1));

    // A correction that moves it, a chat that ended before the request and was on its way, one whose day is held, one that
    // came to be after the request.
    let mut later = theirs("later", 0, 20);
    later.closed_at = Some(timestamp(at("2020-05-20T09:00:00Z")));
    let held = theirs("held on arrival", 0, 18);
    test.checked(&[theirs("moves", 1, 17), theirs("on its way", 0, 16), held, later]).await;
    assert!(!can_read(&test, "moves").await && !can_read(&test, "on its way").await);
    assert!(can_read(&test, "held").await && can_read(&test, "held on arrival").await);
    assert!(can_read(&test, "later").await);
    for id in ["moves", "on its way"] {
        let message = pb::GetConversationRequest { conversation: Some(by_id(id)) };
        let read = test.client().get_conversation(test.by(&manager(), message)).await.expect("reads");
        let read = read.into_inner().conversation.expect("a chat");
        assert!(read.customer_id.is_empty() && read.erased_at.is_some(), "{id}");
        assert!(test.conversation_hits(by_id(id)).await.hits.is_empty(), "{id}");
    }
    // Once more: the mark stays with the chat, not with the days.
    test.checked(&[theirs("moves", 2, 19)]).await;
    assert!(!can_read(&test, "moves").await);
    let traces = "SELECT count(*) FROM qa.conversations WHERE customer_id = 'buyer'";
    assert_eq!(test.count(traces).await, 3, "the held ones and the later one");
}
