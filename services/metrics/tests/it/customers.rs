//! Customers: tiers, who is at risk, care shared out.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::customer_service_client::CustomerServiceClient;
use testkit::{TestCaller, caller, eventually};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fact_support::{fact, fen, order, payment, refund, review, yuan};
use crate::support::{TestMetrics, chat, date, reason};

const CHAT: &[&str] = &["0 C", "20 A", "40 C"];

pub fn client(test: &TestMetrics) -> CustomerServiceClient<Channel> {
    CustomerServiceClient::new(test.channel.clone())
}

pub fn agent(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Agent])
}

pub fn lead() -> TestCaller {
    caller().person("p2").roles(&[Role::Lead])
}

/// The service with p1 and p2 in a team that p2 leads, p3 in another; customers are looked at again each second.
pub async fn shop() -> TestMetrics {
    let test = TestMetrics::start_with(&[("timelines.look_again_seconds", "1")]).await;
    test.person("p1", "a-1", Some(("t1", false))).await;
    test.person("p2", "a-2", Some(("t1", true))).await;
    test.person("p3", "a-3", Some(("t2", false))).await;
    test
}

/// The customer asks the account on a day, orders products for 100 yuan each, and pays.
pub fn buys(
    customer: &str,
    account: &str,
    day: &str,
    products: &[&str],
) -> (pb::Conversation, Vec<pb::Fact>) {
    let id = format!("{customer}-{day}");
    let of = |fact: pb::Fact| pb::Fact { customer_id: customer.to_owned(), ..fact };
    let amount = 10_000 * products.len() as i64;
    let facts = vec![
        of(fact(&id, &format!("{day}T11:00:00"), order(products))),
        of(fact(&id, &format!("{day}T12:00:00"), payment(&id, amount))),
    ];
    (chat(&id, account, customer, &format!("{day}T10:00:00"), CHAT), facts)
}

pub async fn send(test: &TestMetrics, sales: Vec<(pb::Conversation, Vec<pb::Fact>)>) {
    let (chats, facts): (Vec<_>, Vec<_>) = sales.into_iter().unzip();
    test.send(chats).await;
    test.send_facts(facts.into_iter().flatten().collect()).await;
    test.counted().await;
}

/// b-vip: eight orders of 800 yuan in eight months; b-loyal: four of 300 in four; b-promising: two; b-ordinary: one;
/// b-new asks only.
async fn of_every_tier(test: &TestMetrics) {
    let mut sales = Vec::new();
    let months = ["2019-11", "2019-12", "2020-01", "2020-02", "2020-03", "2020-04", "2020-05", "2020-06"];
    for month in months {
        sales.push(buys("b-vip", "a-1", &format!("{month}-10"), &["p-1"; 8]));
    }
    for month in &months[4..] {
        sales.push(buys("b-loyal", "a-1", &format!("{month}-11"), &["p-1"; 3]));
    }
    sales.push(buys("b-promising", "a-2", "2020-05-12", &["p-1", "p-2"]));
    sales.push(buys("b-promising", "a-2", "2020-05-13", &["p-1", "p-2"]));
    sales.push(buys("b-ordinary", "a-3", "2020-05-14", &["p-1"]));
    send(test, sales).await;
    test.send(vec![chat("c-new", "a-3", "b-new", "2020-05-15T10:00:00", CHAT)]).await;
    test.counted().await;
}

async fn get_as(test: &TestMetrics, who: &TestCaller, customer: &str) -> Result<pb::Customer, Status> {
    let message = pb::GetCustomerRequest { shop_id: "star".to_owned(), customer_id: customer.to_owned() };
    Ok(client(test).get_customer(test.by(who, message)).await?.into_inner().customer.expect("a customer"))
}

async fn get(test: &TestMetrics, customer: &str) -> pb::Customer {
    get_as(test, &caller(), customer).await.expect("answers")
}

async fn list_as(test: &TestMetrics, who: &TestCaller, mut asked: pb::ListCustomersRequest) -> Vec<String> {
    asked.page_size = 2;
    let mut ids = Vec::new();
    loop {
        let page =
            client(test).list_customers(test.by(who, asked.clone())).await.expect("lists").into_inner();
        ids.extend(page.customers.into_iter().map(|customer| customer.customer_id));
        if page.next_page_token.is_empty() {
            return ids;
        }
        asked.page_token = page.next_page_token;
    }
}

async fn rules(test: &TestMetrics) -> pb::TierRules {
    let message = pb::GetTierRulesRequest { version: None };
    let found = client(test).get_tier_rules(test.by(&caller(), message)).await.expect("answers");
    found.into_inner().rules.expect("rules")
}

async fn put(test: &TestMetrics, etag: &str, rules: pb::TierRules) -> Result<pb::TierRules, Status> {
    let message =
        pb::PutTierRulesRequest { rules: Some(rules), etag: etag.to_owned(), request_id: String::new() };
    Ok(client(test).put_tier_rules(test.by(&caller(), message)).await?.into_inner().rules.expect("rules"))
}

fn field(status: &Status) -> String {
    let violations = status::Problem::from_status(status).violations;
    violations.into_iter().map(|violation| violation.field).next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn tiers_follow_from_facts_and_rules() {
    let test = shop().await;
    of_every_tier(&test).await;
    let all = pb::ListCustomersRequest::default;
    assert_eq!(
        list_as(&test, &caller(), all()).await,
        ["b-vip", "b-loyal", "b-promising", "b-ordinary", "b-new"]
    );
    let vip = get(&test, "b-vip").await;
    assert_eq!((vip.tier(), vip.orders, vip.months, vip.orders_ever), (pb::CustomerTier::Vip, 8, 8, 8));
    assert_eq!((fen(vip.net_amount.as_ref()), vip.account_id.as_str()), (640_000, "a-1"));
    assert_eq!((vip.first_seen, vip.last_paid), (Some(date("2019-11-10")), Some(date("2020-06-10"))));
    let tiers = ["b-loyal", "b-promising", "b-ordinary", "b-new"];
    let mut found = Vec::new();
    for customer in tiers {
        found.push(get(&test, customer).await.tier());
    }
    use pb::CustomerTier as T;
    assert_eq!(found, [T::Loyal, T::Promising, T::Ordinary, T::New]);

    // What is sent back lowers the amount: 6,400 - 1,600 is less than a VIP's 5,000.
    let sent_back = refund("b-vip-2020-06-10", 160_000, pb::RefundKind::Return, Some("2020-06-20T10:00:00"));
    let sent_back = fact("r-1", "2020-06-19T10:00:00", sent_back);
    test.send_facts(vec![pb::Fact { customer_id: "b-vip".to_owned(), ..sent_back }]).await;
    test.counted().await;
    let vip = get(&test, "b-vip").await;
    assert_eq!((vip.tier(), fen(vip.net_amount.as_ref())), (T::Loyal, 480_000));
    let risk = vip.risk.expect("a grievance");
    assert_eq!((risk.kind(), risk.since), (pb::CustomerRiskKind::Grievance, Some(date("2020-06-20"))));

    let mut lower = rules(&test).await;
    lower.thresholds[3].net_amount_min = yuan(400_000);
    let put_rules = put(&test, "v0", lower.clone()).await.expect("puts");
    assert_eq!((put_rules.version, put_rules.thresholds.len()), (1, 4));
    test.counted().await;
    let vip = get(&test, "b-vip").await;
    assert_eq!((vip.tier(), vip.rules_version), (T::Vip, 1));
    let old = put(&test, "v0", lower.clone()).await.expect_err("the etag is old");
    assert_eq!((old.code(), reason(&old).as_str()), (Code::Aborted, "TIER_RULES_CHANGED"));
    lower.thresholds[3].orders_min = 1;
    let nonsense = put(&test, "v1", lower.clone()).await.expect_err("asks less of a VIP");
    assert_eq!((nonsense.code(), field(&nonsense).as_str()), (Code::InvalidArgument, "rules.thresholds"));
    lower.thresholds[0].net_amount_min = None;
    let nonsense = put(&test, "v1", lower).await.expect_err("names no amount");
    assert_eq!(field(&nonsense), "rules.thresholds[0].net_amount_min");

    let message = pb::CountTiersRequest::default();
    let tiers = client(&test).count_tiers(test.by(&caller(), message)).await.expect("counts").into_inner();
    let counts: Vec<_> =
        tiers.tiers.iter().map(|count| (count.tier(), count.customers, count.at_risk)).collect();
    assert_eq!(
        counts,
        [(T::Vip, 1, 1), (T::Loyal, 1, 0), (T::Promising, 1, 0), (T::Ordinary, 1, 0), (T::New, 1, 0)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_looked_at_again_whatever_another_merchants_trouble() {
    let test = shop().await;
    // Comes before `demo`, written past the service: nobody can compute their days.
    let broken = "INSERT INTO merchants VALUES ('broken', '', 'Mars/Olympus', 0, 1)";
    let sql = test.pool.side_client().await.expect("connects");
    sql.batch_execute(broken).await.expect("puts the merchant in");
    send(&test, ["2020-05-12", "2020-05-13"].map(|day| buys("b-1", "a-1", day, &["p-1", "p-2"])).into())
        .await;
    assert_eq!(get(&test, "b-1").await.risk, None);
    test.clock.set("2020-08-13T10:00:00+08:00");
    eventually(Duration::from_secs(20), async || get(&test, "b-1").await.risk.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_alone_changes_tiers_and_brings_risk() {
    let test = shop().await;
    of_every_tier(&test).await;
    assert_eq!(get(&test, "b-loyal").await.risk, None);
    // A month is usual with b-loyal: twice that is too long, sixty days at the least.
    test.clock.set("2020-08-13T10:00:00+08:00");
    let changed = async || get(&test, "b-loyal").await.risk.is_some();
    eventually(Duration::from_secs(20), changed).await;
    test.counted().await;
    let risk = get(&test, "b-loyal").await.risk.expect("a risk");
    assert_eq!(
        (risk.kind(), risk.since, risk.usual_gap_days, risk.limit_days),
        (pb::CustomerRiskKind::Overdue, Some(date("2020-06-11")), 31, 62)
    );
    let at_risk = pb::ListCustomersRequest { at_risk: true, ..Default::default() };
    assert_eq!(list_as(&test, &caller(), at_risk).await, ["b-vip", "b-loyal", "b-promising"]);
    // Nothing was heard for half a year.
    test.clock.set("2020-12-20T20:00:00+08:00");
    let changed = async || get(&test, "b-loyal").await.tier() == pb::CustomerTier::Ordinary;
    eventually(Duration::from_secs(20), changed).await;
    test.counted().await;
    assert_eq!(get(&test, "b-vip").await.tier(), pb::CustomerTier::Ordinary);
    // A bad review is a grievance for a month, or until something is bought.
    let bad = review("b-ordinary-2020-05-14", pb::ReviewRating::Bad, "");
    let bad = fact("v-1", "2020-12-19T10:00:00", bad);
    test.send_facts(vec![pb::Fact { customer_id: "b-ordinary".to_owned(), ..bad }]).await;
    test.counted().await;
    let kind = get(&test, "b-ordinary").await.risk.map(|risk| risk.kind());
    assert_eq!(kind, Some(pb::CustomerRiskKind::Grievance));
    send(&test, vec![buys("b-ordinary", "a-3", "2020-12-20", &["p-1"])]).await;
    assert_eq!(get(&test, "b-ordinary").await.risk, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_of_who_received_them_last() {
    let test = shop().await;
    of_every_tier(&test).await;
    let all = pb::ListCustomersRequest::default;
    assert_eq!(list_as(&test, &agent("p1"), all()).await, ["b-vip", "b-loyal"]);
    assert_eq!(list_as(&test, &lead(), all()).await, ["b-vip", "b-loyal", "b-promising"]);
    assert_eq!(list_as(&test, &caller().of("other"), all()).await, Vec::<String>::new());
    let hidden = get_as(&test, &agent("p1"), "b-new").await.expect_err("is p3's");
    assert_eq!((hidden.code(), reason(&hidden).as_str()), (Code::NotFound, "CUSTOMER_NOT_FOUND"));
    let filter = |filter: pb::CustomerFilter| pb::ListCustomersRequest { filter: Some(filter), ..all() };
    let promising = pb::CustomerFilter {
        tiers: vec![pb::CustomerTier::Promising.into(), pb::CustomerTier::New.into()],
        ..Default::default()
    };
    assert_eq!(list_as(&test, &caller(), filter(promising)).await, ["b-promising", "b-new"]);
    let received = pb::CustomerFilter { account_ids: vec!["a-3".to_owned()], ..Default::default() };
    assert_eq!(list_as(&test, &caller(), filter(received)).await, ["b-ordinary", "b-new"]);
    let elsewhere = pb::CustomerFilter { shop_ids: vec!["moon".to_owned()], ..Default::default() };
    assert_eq!(list_as(&test, &caller(), filter(elsewhere)).await, Vec::<String>::new());
    test.send(vec![chat("c-vip", "a-3", "b-vip", "2020-06-20T10:00:00", CHAT)]).await;
    test.counted().await;
    assert_eq!(list_as(&test, &agent("p3"), all()).await, ["b-vip", "b-ordinary", "b-new"]);
}

async fn share_as(
    test: &TestMetrics,
    who: &TestCaller,
    people: &[&str],
    request_id: &str,
) -> Result<BTreeMap<String, i32>, Status> {
    let message = pb::ShareOutCareRequest {
        filter: None,
        at_risk: false,
        limit: 100,
        person_ids: people.iter().map(|person| (*person).to_owned()).collect(),
        purpose: "老客回访".to_owned(),
        request_id: request_id.to_owned(),
    };
    let shared = client(test).share_out_care(test.by(who, message)).await?.into_inner();
    Ok(shared.shares.into_iter().map(|share| (share.person_id, share.customers)).collect())
}

async fn care(test: &TestMetrics, who: &TestCaller, overdue: bool) -> Vec<pb::CareTask> {
    let mut asked = pb::ListCareTasksRequest { overdue, page_size: 2, ..Default::default() };
    let mut tasks = Vec::new();
    loop {
        let page =
            client(test).list_care_tasks(test.by(who, asked.clone())).await.expect("lists").into_inner();
        tasks.extend(page.care_tasks);
        if page.next_page_token.is_empty() {
            return tasks;
        }
        asked.page_token = page.next_page_token;
    }
}

async fn record_as(test: &TestMetrics, who: &TestCaller, at: &pb::CareTask) -> Result<pb::CareTask, Status> {
    let message = pb::RecordCareRequest {
        care_id: at.care_id.clone(),
        state: pb::CareState::Contacted.into(),
        note: "买家13812345678很满意".to_owned(),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    Ok(client(test).record_care(test.by(who, message)).await?.into_inner().care_task.expect("a task"))
}

#[tokio::test(flavor = "multi_thread")]
async fn care_is_shared_out_evenly_and_begins_within_a_week() {
    let test = shop().await;
    of_every_tier(&test).await;
    let far = share_as(&test, &lead(), &["p1", "p3"], "").await.expect_err("p3 is another team's");
    assert_eq!((far.code(), reason(&far).as_str()), (Code::NotFound, "PERSON_NOT_FOUND"));
    let share = |counts: &[(&str, i32)]| -> BTreeMap<String, i32> {
        counts.iter().map(|(person, count)| ((*person).to_owned(), *count)).collect()
    };
    let shared = share_as(&test, &lead(), &["p1", "p2"], "r-1").await.expect("shares out");
    assert_eq!(shared, share(&[("p1", 2), ("p2", 1)]), "of their own three");
    let again = share_as(&test, &lead(), &["p1", "p2"], "r-1").await.expect("the same request");
    assert_eq!(again, shared);
    let rest = share_as(&test, &caller(), &["p1", "p3"], "").await.expect("shares out");
    assert_eq!(rest, share(&[("p1", 1), ("p3", 1)]), "nobody twice");
    assert_eq!(share_as(&test, &caller(), &["p1"], "").await.expect("nobody is left"), share(&[("p1", 0)]));
    assert!(get(&test, "b-vip").await.cared_for);

    let own = care(&test, &agent("p1"), false).await;
    assert_eq!(own.len(), 3);
    assert!(own.iter().all(|task| task.person_id == "p1" && task.state() == pb::CareState::Open));
    assert_eq!((own[0].assigned_day, own[0].due_day), (Some(date("2020-06-30")), Some(date("2020-07-07"))));
    assert_eq!(care(&test, &lead(), false).await.len(), 4);
    assert_eq!(care(&test, &caller(), false).await.len(), 5);

    let hidden = record_as(&test, &agent("p3"), &own[0]).await.expect_err("is p1's");
    assert_eq!((hidden.code(), reason(&hidden).as_str()), (Code::NotFound, "CARE_TASK_NOT_FOUND"));
    let done = record_as(&test, &agent("p1"), &own[0]).await.expect("records");
    assert_eq!((done.state(), done.version), (pb::CareState::Contacted, 2));
    assert!(done.contacted_at.is_some() && !done.note.contains("13812345678"), "{}", done.note);
    let old = record_as(&test, &agent("p1"), &own[0]).await.expect_err("the etag is old");
    assert_eq!((old.code(), reason(&old).as_str()), (Code::Aborted, "CARE_TASK_CHANGED"));
    let twice = record_as(&test, &agent("p1"), &done).await.expect_err("is done");
    assert_eq!((twice.code(), reason(&twice).as_str()), (Code::FailedPrecondition, "CARE_TASK_DONE"));

    let reassign = async |who: &TestCaller, at: &pb::CareTask, person: &str| {
        let message = pb::ReassignCareRequest {
            care_id: at.care_id.clone(),
            person_id: person.to_owned(),
            etag: at.etag.clone(),
            request_id: String::new(),
        };
        let moved = client(&test).reassign_care(test.by(who, message)).await?;
        Ok::<_, Status>(moved.into_inner().care_task.expect("a task"))
    };
    let far = reassign(&lead(), &own[1], "p3").await.expect_err("p3 is another team's");
    assert_eq!(reason(&far), "PERSON_NOT_FOUND");
    let moved = reassign(&lead(), &own[1], "p2").await.expect("gives it to p2");
    assert_eq!((moved.person_id.as_str(), moved.due_day), ("p2", own[1].due_day));
    assert_eq!(care(&test, &agent("p1"), false).await.len(), 2);

    assert_eq!(care(&test, &caller(), true).await.len(), 0);
    test.clock.set("2020-07-08T10:00:00+08:00");
    let overdue = care(&test, &caller(), true).await;
    assert!(overdue.len() == 4 && overdue.iter().all(|task| task.overdue), "all but what is done");
    let audited = "SELECT count(*) FROM audit_entries WHERE entity LIKE 'care_task%'";
    assert_eq!(test.count(audited).await, 5, "three sharings, a contact, a hand-over");
    assert_eq!(test.count("SELECT count(*) FROM care_tasks t WHERE t::text LIKE '%13812345678%'").await, 0);
}
