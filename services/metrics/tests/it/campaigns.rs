//! The campaign calendar and campaign reviews.

use events::Payload;
use proto::access::Role;
use proto::events::v1::CampaignChanged;
use proto::google::r#type::Money;
use proto::metrics::v1 as pb;
use proto::metrics::v1::campaign_service_client::CampaignServiceClient;
use testkit::{EventCollector, TestCaller, caller};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{TestMetrics, date, instant, reason};

pub fn client(test: &TestMetrics) -> CampaignServiceClient<Channel> {
    CampaignServiceClient::new(test.channel.clone())
}

pub fn local(text: &str) -> Option<prost_types::Timestamp> {
    Some(instant(format!("{text}+08:00").parse().expect("a local time")))
}

pub fn window(phase: pb::CampaignPhase, starts_at: &str, ends_at: &str) -> pb::CampaignWindow {
    let (starts_at, ends_at) = (local(starts_at), local(ends_at));
    pb::CampaignWindow { phase: phase.into(), starts_at, ends_at, arrivals_percent: 300 }
}

fn item(id: &str, owner: &str) -> pb::ChecklistItem {
    pb::ChecklistItem {
        item_id: id.to_owned(),
        phase: pb::CampaignPhase::Before.into(),
        title: "优惠券培训".to_owned(),
        owner_person_id: owner.to_owned(),
        due_day: Some(date("2020-06-28")),
        mark: None,
    }
}

/// A sale on the first three days of July, with a preheat from the 29th of June.
pub fn plan() -> pb::CampaignPlan {
    pb::CampaignPlan {
        name: "七月大促".to_owned(),
        windows: vec![
            window(pb::CampaignPhase::During, "2020-07-01T00:00:00", "2020-07-04T00:00:00"),
            window(pb::CampaignPhase::Before, "2020-06-29T20:00:00", "2020-07-01T00:00:00"),
        ],
        strength: pb::CampaignStrength::Large.into(),
        shop_ids: vec!["star".to_owned()],
        hero_products: vec![pb::HeroProduct { product_id: "sku-1".to_owned(), ..Default::default() }],
        coupons: vec![pb::Coupon {
            name: "满300减40".to_owned(),
            threshold: Some(Money { currency_code: "CNY".to_owned(), units: 300, nanos: 0 }),
            discount: Some(Money { currency_code: "CNY".to_owned(), units: 40, nanos: 500_000_000 }),
            rule: "首页领取".to_owned(),
        }],
        entrances: vec![pb::Entrance { name: "首页".to_owned(), url: "https://example.com".to_owned() }],
        contingency: Some(pb::ContingencyPlan {
            text: "系统异常时统一口径".to_owned(),
            owner_person_ids: vec!["p3".to_owned()],
        }),
        checklist: vec![item("i-1", "p1"), item("i-2", "")],
        owner_person_ids: vec![],
        note: String::new(),
    }
}

pub async fn create_as(
    test: &TestMetrics,
    who: &TestCaller,
    id: &str,
    plan: pb::CampaignPlan,
    request_id: &str,
) -> Result<pb::Campaign, Status> {
    let message = pb::CreateCampaignRequest {
        campaign_id: id.to_owned(),
        plan: Some(plan),
        request_id: request_id.to_owned(),
    };
    let created = client(test).create_campaign(test.by(who, message)).await?;
    Ok(created.into_inner().campaign.expect("a campaign"))
}

pub async fn create(test: &TestMetrics, id: &str) -> pb::Campaign {
    create_as(test, &caller(), id, plan(), "").await.expect("creates")
}

pub async fn publish(test: &TestMetrics, campaign: &pb::Campaign) -> Result<pb::Campaign, Status> {
    let message = pb::PublishCampaignRequest {
        campaign_id: campaign.campaign_id.clone(),
        etag: campaign.etag.clone(),
        request_id: String::new(),
    };
    let published = client(test).publish_campaign(test.by(&caller(), message)).await?;
    Ok(published.into_inner().campaign.expect("a campaign"))
}

pub async fn get_as(test: &TestMetrics, who: &TestCaller, id: &str) -> Result<pb::Campaign, Status> {
    let message = pb::GetCampaignRequest { campaign_id: id.to_owned() };
    let found = client(test).get_campaign(test.by(who, message)).await?;
    Ok(found.into_inner().campaign.expect("a campaign"))
}

async fn update(
    test: &TestMetrics,
    at: &pb::Campaign,
    plan: pb::CampaignPlan,
) -> Result<pb::Campaign, Status> {
    let message = pb::UpdateCampaignRequest {
        campaign_id: at.campaign_id.clone(),
        plan: Some(plan),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    let updated = client(test).update_campaign(test.by(&caller(), message)).await?;
    Ok(updated.into_inner().campaign.expect("a campaign"))
}

pub async fn mark_as(
    test: &TestMetrics,
    who: &TestCaller,
    item: &str,
    done: bool,
) -> Result<pb::Campaign, Status> {
    let message = pb::MarkChecklistItemRequest {
        campaign_id: "c".to_owned(),
        item_id: item.to_owned(),
        done,
        note: "已完成".to_owned(),
        ..Default::default()
    };
    let marked = client(test).mark_checklist_item(test.by(who, message)).await?;
    Ok(marked.into_inner().campaign.expect("a campaign"))
}

/// Pages of two.
async fn list_as(test: &TestMetrics, who: &TestCaller, mut asked: pb::ListCampaignsRequest) -> Vec<String> {
    asked.page_size = 2;
    let mut ids = Vec::new();
    loop {
        let page =
            client(test).list_campaigns(test.by(who, asked.clone())).await.expect("lists").into_inner();
        ids.extend(page.campaigns.into_iter().map(|campaign| campaign.campaign_id));
        if page.next_page_token.is_empty() {
            return ids;
        }
        asked.page_token = page.next_page_token;
    }
}

async fn told(collector: &EventCollector, count: usize) -> Vec<CampaignChanged> {
    collector
        .wait_for(count, |payload| match payload {
            Payload::CampaignChanged(changed) => Some(changed.clone()),
            _ => None,
        })
        .await
}

fn agent(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Agent])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_planned_published_and_changed_and_others_are_told() {
    let test = TestMetrics::start().await;
    let collector = EventCollector::start(&test.nats).await;
    let draft = create_as(&test, &caller(), "c", plan(), "r-1").await.expect("creates");
    assert_eq!((draft.version, draft.state()), (1, pb::CampaignState::Draft));
    assert_eq!(
        (draft.starts_at, draft.ends_at),
        (local("2020-06-29T20:00:00"), local("2020-07-04T00:00:00"))
    );
    let stored = draft.plan.clone().expect("a plan");
    assert_eq!(stored.windows[0].phase(), pb::CampaignPhase::Before, "windows are in order");
    assert_eq!((&stored.coupons, &stored.contingency), (&plan().coupons, &plan().contingency));
    assert_eq!(create_as(&test, &caller(), "c", plan(), "r-1").await.expect("the same request"), draft);
    let taken = create_as(&test, &caller(), "c", plan(), "r-2").await.expect_err("is taken");
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "CAMPAIGN_EXISTS"));

    let published = publish(&test, &draft).await.expect("publishes");
    let renamed = pb::CampaignPlan { name: "年中大促".to_owned(), ..plan() };
    let old = update(&test, &draft, renamed.clone()).await.expect_err("the etag is old");
    assert_eq!((old.code(), reason(&old).as_str()), (Code::Aborted, "CAMPAIGN_CHANGED"));
    let updated = update(&test, &published, renamed).await.expect("updates");
    let cancel = pb::CancelCampaignRequest {
        campaign_id: "c".to_owned(),
        reason: "缺货".to_owned(),
        etag: updated.etag.clone(),
        request_id: "r-3".to_owned(),
    };
    let cancelled = client(&test).cancel_campaign(test.by(&caller(), cancel)).await.expect("cancels");
    let cancelled = cancelled.into_inner().campaign.expect("a campaign");
    assert_eq!((cancelled.version, cancelled.state()), (4, pb::CampaignState::Cancelled));
    let stuck = publish(&test, &cancelled).await.expect_err("is cancelled");
    assert_eq!((stuck.code(), reason(&stuck).as_str()), (Code::FailedPrecondition, "CAMPAIGN_STATE"));

    let told = told(&collector, 3).await;
    let mut states: Vec<_> =
        told.iter().map(|changed| (changed.state, changed.cancel_reason.as_str())).collect();
    states.sort_unstable();
    let published = i32::from(pb::CampaignState::Published);
    assert_eq!(states, [(published, ""), (published, ""), (pb::CampaignState::Cancelled.into(), "缺货")]);
    assert!(told.iter().any(|changed| changed.plan.as_ref().is_some_and(|plan| plan.name == "年中大促")));
    let mut versions: Vec<_> = collector
        .events()
        .into_iter()
        .filter(|event| matches!(event.payload, Some(Payload::CampaignChanged(_))))
        .map(|event| (event.entity, event.version))
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4].map(|version| ("campaign/c".to_owned(), version)));

    let message =
        pb::ListCampaignVersionsRequest { campaign_id: "c".to_owned(), page_size: 3, ..Default::default() };
    let page =
        client(&test).list_campaign_versions(test.by(&caller(), message)).await.expect("lists").into_inner();
    assert_eq!(page.versions.iter().map(|campaign| campaign.version).collect::<Vec<_>>(), [4, 3, 2]);
    assert!(!page.next_page_token.is_empty());
    let audited = test.count("SELECT count(*) FROM audit_entries WHERE entity = 'campaign/c'").await;
    assert_eq!(audited, 4, "one for each change, none for what was repeated or refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_seen_by_who_has_a_part_in_them() {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    let others = pb::CampaignPlan { checklist: vec![], contingency: None, ..plan() };
    create(&test, "mine").await;
    create_as(&test, &caller(), "theirs", others.clone(), "").await.expect("creates");
    let out = create_as(&test, &caller(), "out", others, "").await.expect("creates");
    publish(&test, &out).await.expect("publishes");

    let lead = caller().person("p2").roles(&[Role::Lead]);
    let all = pb::ListCampaignsRequest::default;
    assert_eq!(list_as(&test, &agent("p1"), all()).await, ["mine", "out"]);
    assert_eq!(list_as(&test, &agent("p2"), all()).await, ["out"]);
    assert_eq!(list_as(&test, &lead, all()).await, ["mine", "out"]);
    assert_eq!(
        list_as(&test, &agent("p3"), all()).await,
        ["mine", "out"],
        "is to be called when things go wrong"
    );
    assert_eq!(list_as(&test, &caller(), all()).await, ["mine", "out", "theirs"]);
    assert_eq!(list_as(&test, &caller().of("other"), all()).await, Vec::<String>::new());
    get_as(&test, &agent("p1"), "mine").await.expect("is theirs");
    let hidden = get_as(&test, &agent("p1"), "theirs").await.expect_err("is hidden");
    assert_eq!((hidden.code(), reason(&hidden).as_str()), (Code::NotFound, "CAMPAIGN_NOT_FOUND"));
    get_as(&test, &caller().of("other"), "out").await.expect_err("is another merchant's");

    let drafts = pb::ListCampaignsRequest { states: vec![pb::CampaignState::Draft.into()], ..all() };
    assert_eq!(list_as(&test, &caller(), drafts).await, ["mine", "theirs"]);
    let elsewhere = pb::ListCampaignsRequest { shop_id: "moon".to_owned(), ..all() };
    assert_eq!(list_as(&test, &caller(), elsewhere).await, Vec::<String>::new());
    let before = pb::ListCampaignsRequest { to: local("2020-06-29T20:00:00"), ..all() };
    assert_eq!(list_as(&test, &caller(), before).await, Vec::<String>::new());
    let within = pb::ListCampaignsRequest { from: local("2020-07-03T23:00:00"), ..all() };
    assert_eq!(list_as(&test, &caller(), within).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_marked_by_their_owners() {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", true))).await;
    create(&test, "c").await;
    let hidden = mark_as(&test, &agent("p2"), "i-1", true).await.expect_err("does not see the draft");
    assert_eq!(hidden.code(), Code::NotFound);
    let published = get_as(&test, &caller(), "c").await.expect("answers");
    publish(&test, &published).await.expect("publishes");
    let anothers = mark_as(&test, &agent("p2"), "i-1", true).await.expect_err("is another's");
    assert_eq!((anothers.code(), reason(&anothers).as_str()), (Code::PermissionDenied, "NOT_YOUR_ITEM"));
    mark_as(&test, &agent("p1"), "i-2", true).await.expect_err("is nobody's");
    mark_as(&test, &agent("p1"), "i-9", true).await.expect_err("is none");

    let marked = mark_as(&test, &agent("p1"), "i-1", true).await.expect("is theirs");
    let items = &marked.plan.as_ref().expect("a plan").checklist;
    assert_eq!(items[0].mark.as_ref().expect("a mark").note, "已完成");
    assert_eq!((marked.version, items[1].mark.as_ref()), (3, None));
    let lead = caller().person("p2").roles(&[Role::Lead]);
    assert_eq!(mark_as(&test, &lead, "i-1", true).await.expect("is so already").version, 3);
    assert_eq!(mark_as(&test, &lead, "i-1", false).await.expect("takes back").version, 4);
    mark_as(&test, &caller(), "i-2", true).await.expect("reaches everybody");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plan_is_refused_with_its_field() {
    let test = TestMetrics::start().await;
    let check = async |edit: fn(&mut pb::CampaignPlan), field: &str| {
        let mut plan = plan();
        edit(&mut plan);
        let refused = create_as(&test, &caller(), "", plan, "").await.expect_err(field);
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        let fields = status::Problem::from_status(&refused).violations;
        assert!(fields.iter().any(|at| at.field == field), "{field} is not in {fields:?}");
    };
    check(|plan| plan.windows.clear(), "plan.windows").await;
    check(|plan| plan.windows.truncate(0), "plan.windows").await;
    check(|plan| plan.windows[0].ends_at = plan.windows[0].starts_at, "plan.windows.ends_at").await;
    check(|plan| plan.windows.push(plan.windows[0]), "plan.windows").await;
    check(|plan| plan.strength = 0, "plan.strength").await;
    check(|plan| plan.name.clear(), "plan.name").await;
    check(|plan| plan.note = "\0".to_owned(), "plan").await;
    check(|plan| plan.checklist[1].item_id = "i-1".to_owned(), "plan.checklist.item_id").await;
    check(|plan| plan.checklist[1].due_day = Some(Default::default()), "plan.checklist[1].due_day").await;
    let cents = |plan: &mut pb::CampaignPlan| {
        let discount = plan.coupons[0].discount.as_mut();
        discount.expect("a discount").nanos = 1;
    };
    check(cents, "plan.coupons[0].discount").await;
    let made = create_as(&test, &caller(), "", plan(), "").await.expect("creates");
    assert!(!made.campaign_id.is_empty());
    let asked = test.by(&caller(), pb::GetChecklistTemplateRequest {});
    let template = client(&test).get_checklist_template(asked).await.expect("answers").into_inner();
    assert!(template.items.len() > 10);
}
