//! Follow-ups: made from facts and by hand.

use std::time::Duration;

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use proto::metrics::v1::follow_up_service_client::FollowUpServiceClient;
use testkit::{TestCaller, caller, eventually};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::cases::agent;
use crate::fact_support::{fact, fen, local, of, order, payment, review, revised, yuan};
use crate::support::{TestMetrics, chat, days, reason};

pub fn client(test: &TestMetrics) -> FollowUpServiceClient<Channel> {
    FollowUpServiceClient::new(test.channel.clone())
}

/// p1 in a team that p2 leads, p3 in another, p4 in none; it is looked for follow-ups every second.
pub async fn shop() -> TestMetrics {
    let test = TestMetrics::start_with(&[("follow_ups.check_seconds", "1")]).await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    test.person("p4", "a4", None).await;
    test
}

fn lead() -> TestCaller {
    caller().person("p2").roles(&[Role::Lead])
}

/// Waits until as many follow-ups are in a state.
pub async fn until(test: &TestMetrics, state: &str, count: i64) {
    let sql = format!("SELECT count(*) FROM follow_ups WHERE state = '{state}'");
    eventually(Duration::from_secs(30), async || test.count(&sql).await == count).await;
}

/// Waits until everything that is due was looked at.
pub async fn looked(test: &TestMetrics) {
    test.counted().await;
    let now = test.clock.shared().now().timestamp();
    let sql = format!("SELECT count(*) FROM follow_up_checks WHERE check_at <= to_timestamp({now})");
    eventually(Duration::from_secs(30), async || test.count(&sql).await == 0).await;
}

pub async fn list_as(
    test: &TestMetrics,
    who: &TestCaller,
    mut asked: pb::ListFollowUpsRequest,
) -> Vec<pb::FollowUp> {
    asked.page_size = 2;
    let mut all = Vec::new();
    loop {
        let page =
            client(test).list_follow_ups(test.by(who, asked.clone())).await.expect("lists").into_inner();
        all.extend(page.follow_ups);
        if page.next_page_token.is_empty() {
            return all;
        }
        asked.page_token = page.next_page_token;
    }
}

async fn get_as(test: &TestMetrics, who: &TestCaller, id: &str) -> Result<pb::FollowUp, Status> {
    let message = pb::GetFollowUpRequest { follow_up_id: id.to_owned() };
    let found = client(test).get_follow_up(test.by(who, message)).await?;
    Ok(found.into_inner().follow_up.expect("a follow-up"))
}

pub async fn contact_as(
    test: &TestMetrics,
    who: &TestCaller,
    at: &pb::FollowUp,
    next: Option<&str>,
) -> Result<pb::FollowUp, Status> {
    let contact = pb::FollowUpContact {
        channel: pb::ContactChannel::Phone.into(),
        reached: true,
        note: "说今晚付款，电话13812345678".to_owned(),
        next_at: next.map(local),
    };
    let message = pb::ContactFollowUpRequest {
        follow_up_id: at.follow_up_id.clone(),
        contact: Some(contact),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    let contacted = client(test).contact_follow_up(test.by(who, message)).await?;
    Ok(contacted.into_inner().follow_up.expect("a follow-up"))
}

async fn close_as(
    test: &TestMetrics,
    who: &TestCaller,
    at: &pb::FollowUp,
    state: pb::FollowUpState,
    payments: &[&str],
) -> Result<pb::FollowUp, Status> {
    let end = pb::FollowUpEnd {
        state: state.into(),
        payment_ids: payments.iter().map(|id| (*id).to_owned()).collect(),
        note: String::new(),
    };
    let message = pb::CloseFollowUpRequest {
        follow_up_id: at.follow_up_id.clone(),
        end: Some(end),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    let closed = client(test).close_follow_up(test.by(who, message)).await?;
    Ok(closed.into_inner().follow_up.expect("a follow-up"))
}

pub fn by_hand(id: &str, customer: &str) -> pb::CreateFollowUpRequest {
    pb::CreateFollowUpRequest {
        follow_up_id: id.to_owned(),
        kind: pb::FollowUpKind::Cart.into(),
        source_id: format!("call-{id}"),
        shop_id: "star".to_owned(),
        customer_id: customer.to_owned(),
        note: "打13812345678问过尺码".to_owned(),
        amount: yuan(19_900),
        deadline: Some(local("2020-07-05T10:00:00")),
        ..Default::default()
    }
}

pub async fn create_as(
    test: &TestMetrics,
    who: &TestCaller,
    message: pb::CreateFollowUpRequest,
) -> Result<pb::FollowUp, Status> {
    let made = client(test).create_follow_up(test.by(who, message)).await?;
    Ok(made.into_inner().follow_up.expect("a follow-up"))
}

async fn assign_as(test: &TestMetrics, who: &TestCaller, ids: &[&str], to: &[&str]) -> Result<i32, Status> {
    let message = pb::AssignFollowUpsRequest {
        follow_up_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        to_person_ids: to.iter().map(|id| (*id).to_owned()).collect(),
        note: String::new(),
        request_id: String::new(),
    };
    Ok(client(test).assign_follow_ups(test.by(who, message)).await?.into_inner().assigned)
}

pub fn field(status: &Status) -> String {
    let violations = status::Problem::from_status(status).violations;
    violations.into_iter().map(|violation| violation.field).next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn unpaid_orders_are_shared_out_chased_and_what_they_bring_is_counted() {
    let test = shop().await;
    let facts: Vec<pb::Fact> = (1..=4)
        .map(|n| of(&format!("b-{n}"), fact(&format!("o-{n}"), "2020-06-30T09:00:00", order(&["sku-1"]))))
        .collect();
    let fresh = of("b-5", fact("o-5", "2020-06-30T09:45:00", order(&["sku-1"])));
    test.send_facts(facts.iter().cloned().chain([fresh]).collect()).await;
    until(&test, "open", 4).await;
    let all = pb::ListFollowUpsRequest::default;
    let (mine, theirs) =
        (list_as(&test, &agent("p1"), all()).await, list_as(&test, &agent("p3"), all()).await);
    assert_eq!((mine.len(), theirs.len()), (2, 2), "shared out evenly among who is in a team and leads none");
    assert_eq!(list_as(&test, &lead(), all()).await.len(), 2);
    let first = mine[0].clone();
    assert_eq!((first.kind(), fen(first.amount.as_ref())), (pb::FollowUpKind::UnpaidOrder, 10_000));
    assert_eq!((&first.source_id, first.deadline), (&first.order_id, Some(local("2020-07-03T09:00:00"))));

    let contacted = contact_as(&test, &agent("p1"), &first, None).await.expect("writes it down");
    assert_eq!((contacted.contacts, contacted.due_at), (1, Some(local("2020-07-02T10:00:00"))));
    test.clock.set("2020-06-30T11:00:00+08:00");
    let paid = |order: &str, customer: &str, at: &str| {
        of(customer, fact(&format!("pay-{order}"), at, payment(order, 10_000)))
    };
    test.send_facts(vec![
        paid(&first.order_id, &first.customer_id, "2020-06-30T10:30:00"),
        paid(&theirs[0].order_id, &theirs[0].customer_id, "2020-06-30T10:30:00"),
    ])
    .await;
    until(&test, "won", 1).await;
    until(&test, "settled", 1).await;
    until(&test, "open", 3).await;
    let won = get_as(&test, &agent("p1"), &first.follow_up_id).await.expect("answers");
    assert_eq!((won.state(), fen(won.recovered.as_ref())), (pb::FollowUpState::Won, 10_000));
    assert_eq!(won.payment_ids, [format!("pay-{}", first.order_id)]);
    let settled = get_as(&test, &agent("p3"), &theirs[0].follow_up_id).await.expect("answers");
    assert_eq!((settled.state(), fen(settled.recovered.as_ref())), (pb::FollowUpState::Settled, 0));
    let late = contact_as(&test, &agent("p1"), &won, None).await.expect_err("has ended");
    assert_eq!((late.code(), reason(&late).as_str()), (Code::FailedPrecondition, "FOLLOW_UP_CLOSED"));

    // The same facts once more make nothing new; o-5 had not waited long enough at first.
    test.send_facts(facts.into_iter().map(|fact| revised(fact, 1)).collect()).await;
    looked(&test).await;
    assert_eq!(test.count("SELECT count(*) FROM follow_ups").await, 5);
    let list =
        pb::ListFollowUpEventsRequest { follow_up_id: first.follow_up_id.clone(), ..Default::default() };
    let events = client(&test).list_follow_up_events(test.by(&agent("p1"), list)).await.expect("lists");
    let events = events.into_inner().events;
    assert_eq!(events.len(), 3);
    let said = events[1].contact.as_ref().expect("the contact");
    assert!(said.note.contains("今晚付款") && !said.note.contains("13812345678"), "{}", said.note);
    assert_eq!(events[2].end.as_ref().expect("the end").state(), pb::FollowUpState::Won);

    let asked =
        pb::ListFollowUpResultsRequest { days: days("2020-06-30", "2020-06-30"), ..Default::default() };
    let results = client(&test).list_follow_up_results(test.by(&lead(), asked)).await.expect("lists");
    let results = results.into_inner().results;
    assert_eq!(results.len(), 1, "p1 alone");
    let p1 = &results[0];
    assert_eq!((p1.person_id.as_str(), p1.contacted, p1.won), ("p1", 1, 1));
    assert_eq!(fen(p1.recovered.as_ref()), 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_inquiries_praise_and_bad_reviews_make_follow_ups() {
    let test = shop().await;
    let cart = Body::Cart(pb::Cart { product_id: "sku-1".to_owned(), quantity: 1, amount: yuan(5_000) });
    let score = Body::Satisfaction(pb::Satisfaction { conversation: None, score: 5 });
    let bad = of("b-4", fact("r-1", "2020-06-30T09:00:00", review("o-9", pb::ReviewRating::Bad, "坏")));
    test.send_facts(vec![
        of("b-1", fact("k-1", "2020-06-29T09:00:00", cart)),
        of("b-3", fact("s-1", "2020-06-29T08:00:00", score)),
        bad.clone(),
        // Long ago: nobody is looked at for it.
        of("b-6", fact("o-old", "2020-05-01T09:00:00", order(&["sku-1"]))),
    ])
    .await;
    test.send(vec![chat("c-1", "a1", "b-2", "2020-06-29T09:00:00", &["0 C", "5 A"])]).await;
    until(&test, "open", 4).await;
    looked(&test).await;
    let mut made: Vec<_> = list_as(&test, &caller(), pb::ListFollowUpsRequest::default())
        .await
        .into_iter()
        .map(|f| (f.kind(), f.source_id, f.customer_id))
        .collect();
    made.sort();
    let named = |kind, source: &str, customer: &str| (kind, source.to_owned(), customer.to_owned());
    assert_eq!(
        made,
        [
            named(pb::FollowUpKind::Cart, "k-1", "b-1"),
            named(pb::FollowUpKind::Inquiry, "chat/c-1", "b-2"),
            named(pb::FollowUpKind::SatisfiedBuyer, "s-1", "b-3"),
            named(pb::FollowUpKind::NegativeReview, "r-1", "b-4"),
        ]
    );
    let reviews = pb::ListFollowUpsRequest {
        kinds: vec![pb::FollowUpKind::NegativeReview.into()],
        ..Default::default()
    };
    let asked = list_as(&test, &caller(), reviews).await.pop().expect("the review");
    contact_as(&test, &caller(), &asked, Some("2020-07-01T10:00:00")).await.expect("writes it down");
    let body = review("o-9", pb::ReviewRating::Good, "好");
    test.send_facts(vec![pb::Fact { revision: 1, body: Some(body), ..bad }]).await;
    until(&test, "won", 1).await;
    assert_eq!(test.count("SELECT count(*) FROM follow_ups WHERE note || source_id ~ '坏|好'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn follow_ups_made_by_hand_are_made_once_and_end_with_the_payments_that_they_brought() {
    let test = shop().await;
    let made = create_as(&test, &agent("p1"), by_hand("f", "b-1")).await.expect("makes");
    assert_eq!((made.owner_person_id.as_str(), made.due_at), ("p1", Some(local("2020-07-02T10:00:00"))));
    assert!(!made.note.contains("13812345678") && made.note.contains("尺码"), "{}", made.note);
    let again = pb::CreateFollowUpRequest { follow_up_id: "g".to_owned(), ..by_hand("f", "b-1") };
    assert_eq!(create_as(&test, &agent("p3"), again).await.expect("is there already"), made);
    let other = pb::CreateFollowUpRequest { source_id: "other".to_owned(), ..by_hand("f", "b-1") };
    let taken = create_as(&test, &agent("p1"), other).await.expect_err("the id is taken");
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "FOLLOW_UP_EXISTS"));
    let late =
        pb::CreateFollowUpRequest { deadline: Some(local("2020-06-30T10:00:00")), ..by_hand("h", "b-1") };
    assert_eq!(field(&create_as(&test, &agent("p1"), late).await.expect_err("is over")), "deadline");
    let program = create_as(&test, &caller(), by_hand("h", "b-1")).await.expect_err("is nobody's");
    assert_eq!(field(&program), "owner_person_id");
    let stranger = pb::CreateFollowUpRequest { owner_person_id: "px".to_owned(), ..by_hand("h", "b-1") };
    let stranger = create_as(&test, &caller(), stranger).await.expect_err("nobody knows them");
    assert_eq!(reason(&stranger), "PERSON_NOT_FOUND");

    let hidden = get_as(&test, &agent("p3"), "f").await.expect_err("is not theirs");
    assert_eq!((hidden.code(), reason(&hidden).as_str()), (Code::NotFound, "FOLLOW_UP_NOT_FOUND"));
    contact_as(&test, &agent("p3"), &made, None).await.expect_err("is not theirs");
    close_as(&test, &agent("p3"), &made, pb::FollowUpState::Lost, &[]).await.expect_err("is not theirs");
    let far = contact_as(&test, &agent("p1"), &made, Some("2020-07-02T10:00:01")).await.expect_err("too far");
    assert_eq!(field(&far), "contact.next_at");
    let contacted =
        contact_as(&test, &agent("p1"), &made, Some("2020-07-01T10:00:00")).await.expect("writes it down");
    let stale = contact_as(&test, &agent("p1"), &made, None).await.expect_err("the etag is old");
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "FOLLOW_UP_CHANGED"));
    let second = create_as(&test, &agent("p1"), by_hand("second", "b-1")).await.expect("makes");
    test.clock.set("2020-07-01T11:00:00+08:00");
    let overdue = pb::ListFollowUpsRequest { overdue: true, ..Default::default() };
    assert_eq!(list_as(&test, &agent("p1"), overdue).await.len(), 1);

    // Paid without an order that is known: nobody but people can say what brought it.
    test.send_facts(vec![
        fact("pay-1", "2020-06-30T12:00:00", payment("o-x", 10_000)),
        of("b-2", fact("pay-2", "2020-06-30T12:00:00", payment("o-y", 10_000))),
    ])
    .await;
    let nothing = close_as(&test, &agent("p1"), &contacted, pb::FollowUpState::Won, &[]).await;
    assert_eq!(field(&nothing.expect_err("brought nothing")), "end.payment_ids");
    for wrong in ["pay-0", "pay-2"] {
        let refused = close_as(&test, &agent("p1"), &contacted, pb::FollowUpState::Won, &[wrong]).await;
        let refused = refused.expect_err("does not fit");
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "PAYMENT_NOT_FOUND"));
    }
    let won = close_as(&test, &agent("p1"), &contacted, pb::FollowUpState::Won, &["pay-1"]).await;
    assert_eq!(fen(won.expect("is won").recovered.as_ref()), 10_000);
    let twice = close_as(&test, &agent("p1"), &second, pb::FollowUpState::Won, &["pay-1"]).await;
    assert_eq!(reason(&twice.expect_err("counts for the first")), "PAYMENT_LINKED");
    let lost = close_as(&test, &agent("p1"), &second, pb::FollowUpState::Lost, &[]).await.expect("is lost");
    assert_eq!((lost.state(), lost.due_at), (pb::FollowUpState::Lost, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn follow_ups_are_assigned_evenly_within_reach() {
    let test = shop().await;
    for id in ["f1", "f2", "f3", "f4"] {
        create_as(&test, &agent("p1"), by_hand(id, id)).await.expect("makes");
    }
    create_as(&test, &agent("p3"), by_hand("g1", "g1")).await.expect("makes");
    let far = assign_as(&test, &lead(), &["f1"], &["p3"]).await.expect_err("another team");
    assert_eq!((far.code(), reason(&far).as_str()), (Code::NotFound, "PERSON_NOT_FOUND"));
    let hidden = assign_as(&test, &lead(), &["g1"], &["p2"]).await.expect_err("another team's");
    assert_eq!(reason(&hidden), "FOLLOW_UP_NOT_FOUND");
    let agents = assign_as(&test, &agent("p1"), &["f1"], &["p1"]).await.expect_err("is for leads");
    assert_eq!(agents.code(), Code::PermissionDenied);
    assert_eq!(
        assign_as(&test, &lead(), &["f1", "f2", "f3", "f4"], &["p1", "p2"]).await.expect("assigns"),
        2
    );
    let on_list = async |owner: &str| {
        let asked = pb::ListFollowUpsRequest { owner_person_id: owner.to_owned(), ..Default::default() };
        list_as(&test, &caller(), asked).await.len()
    };
    assert_eq!((on_list("p1").await, on_list("p2").await), (2, 2));
    assert_eq!(assign_as(&test, &caller(), &["g1", "f1"], &["p4"]).await.expect("assigns"), 2);
    assert_eq!(on_list("p4").await, 2);
    let had = list_as(&test, &agent("p3"), pb::ListFollowUpsRequest::default()).await;
    assert_eq!(had.len(), 1, "who had it still sees it");
    // Whoever has left keeps nothing.
    let gone = "UPDATE people SET status = 5 WHERE person_id = 'p4'";
    test.pool.side_client().await.expect("connects").batch_execute(gone).await.expect("leaves");
    eventually(Duration::from_secs(30), async || {
        test.count("SELECT count(*) FROM follow_ups WHERE owner_person_id = 'p4'").await == 0
    })
    .await;
    assert_eq!(on_list("p1").await + on_list("p3").await + on_list("p2").await, 5);
}
