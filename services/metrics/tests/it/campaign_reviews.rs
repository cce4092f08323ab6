//! Campaign reviews: figures side by side, and what people write.

use std::time::Duration;

use proto::metrics::v1 as pb;
use testkit::{caller, eventually};
use tonic::{Code, Status};

use crate::campaigns::{client, create, create_as, get_as, local, mark_as, plan, publish, window};
use crate::fact_support::{fact, order, payment};
use crate::report_schedules;
use crate::support::{TestMetrics, chat, date, days, reason};

const CHAT: &[&str] = &["0 C", "20 A"];

/// A campaign `c` that is over, with a mark on its first item and chats before, during and three weeks earlier.
async fn an_ended_campaign(test: &TestMetrics) {
    create(test, "c").await;
    let draft = get_as(test, &caller(), "c").await.expect("answers");
    publish(test, &draft).await.expect("publishes");
    mark_as(test, &caller(), "i-1", true).await.expect("marks");
    let on = |id: &str, day: &str| chat(id, "a1", &format!("b-{id}"), &format!("{day}T10:00:00"), CHAT);
    test.send(vec![
        on("c-1", "2020-06-30"),
        on("c-2", "2020-06-12"),
        on("c-3", "2020-06-17"),
        on("c-4", "2020-06-18"),
    ])
    .await;
    test.clock.set("2020-07-04T12:00:00+08:00");
    test.send(vec![on("d-1", "2020-07-01"), on("d-2", "2020-07-02"), on("d-3", "2020-07-03")]).await;
    test.send(vec![on("d-4", "2020-07-03"), on("d-5", "2020-07-04")]).await;
    let of = |customer: &str, fact| pb::Fact { customer_id: customer.to_owned(), ..fact };
    test.send_facts(vec![
        of("b-c-3", fact("o-1", "2020-06-17T11:00:00", order(&["p"]))),
        of("b-c-3", fact("p-1", "2020-06-17T11:10:00", payment("o-1", 10_000))),
        of("b-d-1", fact("o-2", "2020-07-01T11:00:00", order(&["p", "q"]))),
        of("b-d-1", fact("p-2", "2020-07-01T11:10:00", payment("o-2", 15_000))),
    ])
    .await;
    test.counted().await;
    eventually(Duration::from_secs(20), async || {
        get_as(test, &caller(), "c").await.expect("answers").state() == pb::CampaignState::Ended
    })
    .await;
}

async fn review(test: &TestMetrics) -> Result<pb::CampaignReview, Status> {
    let message = pb::GetCampaignReviewRequest { campaign_id: "c".to_owned() };
    let found = client(test).get_campaign_review(test.by(&caller(), message)).await?;
    Ok(found.into_inner().review.expect("a review"))
}

async fn submit(
    test: &TestMetrics,
    etag: &str,
    document: pb::CampaignReviewDocument,
) -> Result<pb::CampaignReview, Status> {
    let message = pb::SubmitCampaignReviewRequest {
        campaign_id: "c".to_owned(),
        document: Some(document),
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    let submitted = client(test).submit_campaign_review(test.by(&caller(), message)).await?;
    Ok(submitted.into_inner().review.expect("a review"))
}

fn document() -> pb::CampaignReviewDocument {
    pb::CampaignReviewDocument {
        preparations: vec![pb::PreparationJudgement {
            item_id: "i-1".to_owned(),
            outcome: pb::PreparationOutcome::Worked.into(),
            evidence: "首响下降".to_owned(),
        }],
        went_well: "培训到位".to_owned(),
        went_badly: String::new(),
        next_time: vec![pb::CampaignImprovement {
            text: "提前两周排班".to_owned(),
            owner_person_id: "p1".to_owned(),
            goal: Some(pb::IndicatorGoal {
                measure: pb::Measure::FirstResponse.into(),
                direction: pb::GoalDirection::AtMost.into(),
                value: 25.5,
            }),
        }],
        operations_feedback: "优惠券门槛过高".to_owned(),
        like_campaign_id: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_is_over_is_compared_and_reviewed() {
    let test = TestMetrics::start_with(&[("campaigns.check_seconds", "1")]).await;
    let early = review(&test).await.expect_err("there is none");
    assert_eq!(reason(&early), "CAMPAIGN_NOT_FOUND");
    create(&test, "other-one").await;
    an_ended_campaign(&test).await;
    let open = review(&test).await.expect("is due");
    // It ended with Friday the 3rd; the 10th is a Friday.
    assert_eq!((open.state(), open.due_day), (pb::CampaignReviewState::Open, Some(date("2020-07-10"))));
    let compared = open.comparison.clone().expect("figures");
    let phase =
        |phase: pb::CampaignPhase| compared.phases.iter().find(|p| p.phase() == phase).expect("a phase");
    let during = phase(pb::CampaignPhase::During);
    assert_eq!(during.days, days("2020-07-01", "2020-07-03"));
    // Preheat from Monday, a week after: twelve days, so two weeks earlier.
    assert_eq!(during.like_days, days("2020-06-17", "2020-06-19"));
    assert_eq!(phase(pb::CampaignPhase::Before).days, days("2020-06-29", "2020-06-30"));
    assert_eq!(phase(pb::CampaignPhase::After).days, days("2020-07-04", "2020-07-10"));
    let line = |measure: pb::Measure| during.lines.iter().find(|l| l.measure() == measure).expect("a line");
    let chats = line(pb::Measure::Conversations);
    let rate = |rate: &Option<proto::common::v1::Rate>| {
        rate.as_ref().map(|rate| (rate.numerator, rate.denominator)).expect("a rate")
    };
    assert_eq!((rate(&chats.value), rate(&chats.like), chats.change), ((4, 3), (2, 3), Some(1.0)));
    let first = line(pb::Measure::FirstResponse);
    assert_eq!((rate(&first.value), rate(&first.like)), ((80_000, 4), (40_000, 2)));
    let paid = line(pb::Measure::PaidAmount);
    assert_eq!((rate(&paid.value), rate(&paid.like), paid.change), ((15_000, 3), (10_000, 3), Some(0.5)));
    let conversion = line(pb::Measure::PaymentConversion);
    assert_eq!((rate(&conversion.value), rate(&conversion.like)), ((1, 4), (1, 2)));
    assert!(phase(pb::CampaignPhase::After).provisional);

    let refuse = async |edit: fn(&mut pb::CampaignReviewDocument), field: &str| {
        let mut document = document();
        edit(&mut document);
        let refused = submit(&test, &open.etag, document).await.expect_err(field);
        let fields = status::Problem::from_status(&refused).violations;
        assert!(fields.iter().any(|at| at.field == field), "{field} is not in {fields:?}");
    };
    refuse(|document| document.preparations.clear(), "document.preparations").await;
    refuse(|document| document.preparations[0].item_id = "x".to_owned(), "document.preparations[0].item_id")
        .await;
    refuse(|document| document.operations_feedback.clear(), "document.operations_feedback").await;
    refuse(|document| document.like_campaign_id = "c".to_owned(), "document.like_campaign_id").await;
    refuse(|document| document.like_campaign_id = "other-one".to_owned(), "document.like_campaign_id").await;

    let save = pb::SaveCampaignReviewRequest {
        campaign_id: "c".to_owned(),
        document: Some(pb::CampaignReviewDocument { went_well: "草稿".to_owned(), ..Default::default() }),
        etag: open.etag.clone(),
        request_id: "s-1".to_owned(),
    };
    let saved =
        client(&test).save_campaign_review(test.by(&caller(), save)).await.expect("saves").into_inner();
    let saved = saved.review.expect("a review");
    let old = submit(&test, &open.etag, document()).await.expect_err("the etag is old");
    assert_eq!((old.code(), reason(&old).as_str()), (Code::Aborted, "CAMPAIGN_REVIEW_CHANGED"));
    let submitted = submit(&test, &saved.etag, document()).await.expect("submits");
    assert_eq!(
        (submitted.state(), submitted.document.clone()),
        (pb::CampaignReviewState::Submitted, Some(document()))
    );
    // The figures stay as they were, whatever comes later.
    test.send(vec![chat("late", "a1", "b-late", "2020-07-02T10:00:00", CHAT)]).await;
    assert_eq!(review(&test).await.expect("answers").comparison, submitted.comparison);
    let again = submit(&test, &submitted.etag, document()).await.expect_err("is submitted");
    assert_eq!(
        (again.code(), reason(&again).as_str()),
        (Code::FailedPrecondition, "CAMPAIGN_REVIEW_SUBMITTED")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_that_are_late_are_listed() {
    let test = TestMetrics::start_with(&[("campaigns.check_seconds", "1")]).await;
    an_ended_campaign(&test).await;
    let list = async |state: pb::CampaignReviewState| {
        let message = pb::ListCampaignReviewsRequest { states: vec![state.into()], ..Default::default() };
        let page = client(&test).list_campaign_reviews(test.by(&caller(), message)).await.expect("lists");
        page.into_inner().reviews.into_iter().map(|review| review.campaign_name).collect::<Vec<_>>()
    };
    assert_eq!(list(pb::CampaignReviewState::Open).await, ["七月大促"]);
    test.clock.set("2020-07-11T00:00:00+08:00");
    assert_eq!(list(pb::CampaignReviewState::Open).await, Vec::<String>::new());
    assert_eq!(list(pb::CampaignReviewState::Overdue).await, ["七月大促"]);
    let open = review(&test).await.expect("answers");
    assert_eq!(open.state(), pb::CampaignReviewState::Overdue);
    submit(&test, &open.etag, document()).await.expect("better late");
    assert_eq!(list(pb::CampaignReviewState::Submitted).await, ["七月大促"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_ended_early_is_compared_with_another_one() {
    let test = TestMetrics::start_with(&[("campaigns.check_seconds", "1")]).await;
    an_ended_campaign(&test).await;
    let august = pb::CampaignPlan {
        windows: vec![window(pb::CampaignPhase::During, "2020-07-04T00:00:00", "2020-07-09T00:00:00")],
        checklist: vec![],
        ..plan()
    };
    let draft = create_as(&test, &caller(), "early", august, "").await.expect("creates");
    let published = publish(&test, &draft).await.expect("publishes");
    let end = pb::EndCampaignRequest {
        campaign_id: "early".to_owned(),
        etag: published.etag,
        request_id: "e-1".to_owned(),
    };
    let ended = client(&test).end_campaign(test.by(&caller(), end.clone())).await.expect("ends").into_inner();
    assert_eq!(ended.campaign.as_ref().expect("a campaign").ends_at, local("2020-07-04T12:00:00"));
    let again =
        client(&test).end_campaign(test.by(&caller(), end)).await.expect("the same request").into_inner();
    assert_eq!(again, ended);
    let save = pb::SaveCampaignReviewRequest {
        campaign_id: "early".to_owned(),
        document: Some(pb::CampaignReviewDocument { like_campaign_id: "c".to_owned(), ..Default::default() }),
        etag: "v1".to_owned(),
        request_id: String::new(),
    };
    let saved =
        client(&test).save_campaign_review(test.by(&caller(), save)).await.expect("saves").into_inner();
    let comparison = saved.review.and_then(|review| review.comparison).expect("figures");
    assert_eq!(comparison.like_campaign_id, "c");
    let during = comparison.phases.iter().find(|p| p.phase() == pb::CampaignPhase::During).expect("a phase");
    assert_eq!(
        (during.days, during.like_days),
        (days("2020-07-04", "2020-07-04"), days("2020-07-01", "2020-07-03"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_due_before_a_holiday_week() {
    let test = TestMetrics::start_with(&[("campaigns.check_seconds", "1")]).await;
    let special =
        |day: &str, working| pb::SpecialDay { day: Some(date(day)), working, name: "端午节".to_owned() };
    let mut schedule = report_schedules::get(&test).await;
    schedule.special_days = ["06", "07", "08", "09", "10"]
        .map(|day| special(&format!("2020-07-{day}"), false))
        .into_iter()
        .chain([special("2020-07-05", true)])
        .collect();
    schedule.special_days.sort_by_key(|special| special.day.map(|day| day.day));
    report_schedules::put_as(&test, &caller(), schedule, "").await.expect("puts");
    an_ended_campaign(&test).await;
    let open = review(&test).await.expect("is due");
    assert_eq!(open.due_day, Some(date("2020-07-05")), "the Sunday that is worked for the holiday");
}
