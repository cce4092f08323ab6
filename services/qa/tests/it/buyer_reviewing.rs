//! What tests of buyers' reviews share: reviews as metrics tells of them, the calls that are made about one, and what lists say.

use std::time::Duration;

use chrono::{DateTime, Utc};
use events::{Event, Payload, event};
use proto::common::v1::DayRange;
use proto::events::v1::{BuyerRating, BuyerReviewReceived};
use proto::qa::v1 as pb;
use proto::qa::v1::BuyerReviewDuty as Duty;
use proto::qa::v1::buyer_review_service_client::BuyerReviewServiceClient;
use proto::qa::v1::take_buyer_review_step_request::Step;
use testkit::{TestCaller, eventually};
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::builders::{MERCHANT, at, manager, may, timestamp};
use crate::support::TestQa;

const WITHIN: Duration = Duration::from_secs(60);
pub const SHOP: &str = "star";

pub fn client(test: &TestQa) -> BuyerReviewServiceClient<Channel> {
    BuyerReviewServiceClient::new(test.channel.clone())
}

/// A review of today, an hour before the clock of the test.
pub fn received(id: &str, rating: BuyerRating) -> BuyerReviewReceived {
    BuyerReviewReceived {
        shop_id: SHOP.into(),
        review_id: id.into(),
        revision: 0,
        order_id: format!("order of {id}"),
        product_id: "cream".into(),
        customer_id: format!("buyer of {id}"),
        account_id: "ann-account".into(),
        reviewed_at: Some(timestamp(at("2020-05-20T01:00:00Z"))),
        business_day: Some(may(20)),
        rating: rating.into(),
        text: format!("words of {id}"),
        stars: None,
        append_text: String::new(),
        appended_at: None,
    }
}

pub fn told(review: &BuyerReviewReceived) -> Event {
    let entity = format!("buyer_review/{}/{}", review.shop_id, review.review_id);
    let payload = Payload::BuyerReviewReceived(review.clone());
    event(MERCHANT, entity, review.revision + 1, at("2020-05-20T01:30:00Z"), payload)
}

/// Publishes revisions and waits until all are here.
pub async fn deliver(test: &TestQa, reviews: &[BuyerReviewReceived]) {
    let known =
        "SELECT coalesce(sum(jsonb_array_length(content->'revisions')), 0)::bigint FROM qa.buyer_reviews";
    let before = test.count(known).await;
    test.publish(&reviews.iter().map(told).collect::<Vec<_>>()).await;
    let all = before + i64::try_from(reviews.len()).expect("few");
    eventually(WITHIN, async || test.count(known).await == all).await;
}

pub async fn get(test: &TestQa, who: &TestCaller, id: &str) -> Result<pb::BuyerReview, Status> {
    let message = pb::GetBuyerReviewRequest { shop_id: SHOP.into(), review_id: id.into() };
    let got = client(test).get_buyer_review(test.by(who, message)).await?;
    Ok(got.into_inner().review.expect("a review"))
}

pub async fn review(test: &TestQa, id: &str) -> pb::BuyerReview {
    get(test, &manager(), id).await.expect("is here")
}

pub async fn try_step(
    test: &TestQa,
    who: &TestCaller,
    review: &pb::BuyerReview,
    step: Step,
) -> Result<Response<pb::TakeBuyerReviewStepResponse>, Status> {
    let message = pb::TakeBuyerReviewStepRequest {
        request_id: format!("{step:?}").chars().take(30).chain(review.etag.chars()).collect(),
        shop_id: review.shop_id.clone(),
        review_id: review.review_id.clone(),
        etag: review.etag.clone(),
        step: Some(step),
    };
    client(test).take_buyer_review_step(test.by(who, message)).await
}

pub async fn step(test: &TestQa, who: &TestCaller, review: &pb::BuyerReview, step: Step) -> pb::BuyerReview {
    try_step(test, who, review, step).await.expect("is taken").into_inner().review.expect("a review")
}

pub fn analyse(cause: &str) -> Step {
    Step::Analyse(pb::AnalyseBuyerReview {
        cause_id: cause.into(),
        stage_id: String::new(),
        note: "慢".into(),
    })
}

pub fn plan(day: i32) -> Step {
    let steps = vec!["致电".into(), "补发".into()];
    Step::Plan(pb::PlanBuyerReview { text: "换快递".into(), due_day: Some(may(day)), steps })
}

pub fn reply(to_added_comment: bool) -> Step {
    Step::Reply(pb::ReplyToBuyerReview { to_added_comment, text: "抱歉".into(), replied_at: None })
}

pub fn listing() -> pb::ListBuyerReviewsRequest {
    let days = Some(DayRange { from: Some(may(1)), to: Some(may(31)) });
    pb::ListBuyerReviewsRequest { days, ..Default::default() }
}

pub async fn ids(test: &TestQa, who: &TestCaller, message: pb::ListBuyerReviewsRequest) -> Vec<String> {
    let listed = client(test).list_buyer_reviews(test.by(who, message)).await.expect("lists").into_inner();
    listed.reviews.into_iter().map(|review| review.review_id).collect()
}

pub async fn overdue(test: &TestQa, who: &TestCaller) -> Vec<(String, Duty)> {
    let message = pb::ListOverdueBuyerReviewsRequest::default();
    let listed = client(test).list_overdue_buyer_reviews(test.by(who, message)).await.expect("lists");
    listed.into_inner().reviews.into_iter().map(|it| (it.review_id.clone(), it.duty())).collect()
}

pub async fn figures(
    test: &TestQa,
    who: &TestCaller,
    group: pb::BuyerReviewGroup,
) -> Vec<pb::BuyerReviewFigure> {
    let message =
        pb::GetBuyerReviewFiguresRequest { days: listing().days, group: group.into(), ..Default::default() };
    let got = client(test).get_buyer_review_figures(test.by(who, message)).await.expect("counts");
    got.into_inner().figures
}

pub fn with_comment(review: &BuyerReviewReceived, added_at: DateTime<Utc>) -> BuyerReviewReceived {
    BuyerReviewReceived {
        revision: review.revision + 1,
        append_text: "客服来电后解决了".into(),
        appended_at: Some(timestamp(added_at)),
        ..review.clone()
    }
}
