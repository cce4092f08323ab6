//! The collection of good reviews: consent, use, and what stays when the others' words end.

use std::time::Duration;

use chrono::TimeDelta;
use proto::events::v1::BuyerRating;
use proto::qa::v1 as pb;
use proto::qa::v1::record_buyer_review_use_request::Change;
use testkit::{TestCaller, eventually};
use tonic::Code;

use crate::builders::{agent, manager};
use crate::buyer_reviewing::{SHOP, client, deliver, figures, received, review};
use crate::support::{TestQa, refusal};

const WITHIN: Duration = Duration::from_secs(60);

async fn collect(test: &TestQa, who: &TestCaller, review: &pb::BuyerReview, tag: &str) -> pb::BuyerReview {
    let message = pb::CollectBuyerReviewRequest {
        request_id: format!("collect {} {}", review.review_id, review.etag),
        shop_id: SHOP.into(),
        review_id: review.review_id.clone(),
        etag: review.etag.clone(),
        tags: vec![tag.into()],
        note: "保湿".into(),
        remove: false,
    };
    let collected = client(test).collect_buyer_review(test.by(who, message)).await.expect("collects");
    collected.into_inner().review.expect("a review")
}

async fn consent(
    test: &TestQa,
    review: &pb::BuyerReview,
    state: pb::BuyerConsentState,
    uses: &[pb::BuyerReviewUseKind],
) -> pb::RecordBuyerReviewConsentResponse {
    let message = pb::RecordBuyerReviewConsentRequest {
        request_id: format!("{state:?} {} {}", review.review_id, review.etag),
        shop_id: SHOP.into(),
        review_id: review.review_id.clone(),
        etag: review.etag.clone(),
        state: state.into(),
        channel: pb::BuyerContactChannel::Phone.into(),
        uses: uses.iter().map(|kind| (*kind).into()).collect(),
        note: "说可以".into(),
    };
    let noted = client(test).record_buyer_review_consent(test.by(&agent("ann"), message)).await;
    noted.expect("is noted").into_inner()
}

async fn collected(test: &TestQa, message: pb::ListCollectedBuyerReviewsRequest) -> Vec<String> {
    let listed = client(test).list_collected_buyer_reviews(test.by(&agent("zoe"), message)).await;
    listed.expect("lists").into_inner().reviews.into_iter().map(|review| review.review_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn good_reviews_are_collected_until_the_consent_is_withdrawn() {
    use pb::BuyerReviewUseKind::{Advertising, Chat};
    let test = TestQa::with_staff().await;
    deliver(
        &test,
        &[
            received("g-1", BuyerRating::Good),
            received("g-2", BuyerRating::Good),
            received("b", BuyerRating::Bad),
        ],
    )
    .await;
    let ann = agent("ann");
    let first = collect(&test, &ann, &review(&test, "g-1").await, "护肤").await;
    test.clock.advance(TimeDelta::minutes(1));
    collect(&test, &ann, &review(&test, "g-2").await, "彩妆").await;
    let every = pb::ListCollectedBuyerReviewsRequest::default();
    assert_eq!(collected(&test, every.clone()).await, ["g-2", "g-1"]);
    let tagged = pb::ListCollectedBuyerReviewsRequest { tags: vec!["护肤".into()], ..every.clone() };
    assert_eq!(collected(&test, tagged).await, ["g-1"]);
    let worded = pb::ListCollectedBuyerReviewsRequest { text: "WORDS of g-2".into(), ..every.clone() };
    assert_eq!(collected(&test, worded).await, ["g-2"]);
    let allowed = pb::ListCollectedBuyerReviewsRequest { allowed_use: Chat.into(), ..every.clone() };
    assert!(collected(&test, allowed.clone()).await.is_empty());

    let asked = consent(&test, &first, pb::BuyerConsentState::Asked, &[]).await.review.expect("a review");
    let given = consent(&test, &asked, pb::BuyerConsentState::Given, &[Chat]).await.review.expect("a review");
    assert_eq!(collected(&test, allowed.clone()).await, ["g-1"]);
    let usage = |kind: pb::BuyerReviewUseKind, request_id: &str| pb::RecordBuyerReviewUseRequest {
        request_id: request_id.into(),
        shop_id: SHOP.into(),
        review_id: "g-1".into(),
        change: Some(Change::Start(pb::StartBuyerReviewUse {
            kind: kind.into(), place: "新客对话".into()
        })),
    };
    let call = async |message| client(&test).record_buyer_review_use(test.by(&agent("zoe"), message)).await;
    let refused = call(usage(Advertising, "advertise")).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "CONSENT_MISSING".into()));
    let used = call(usage(Chat, "quote")).await.expect("is allowed").into_inner().review.expect("a review");
    assert_eq!((used.text.as_str(), used.collection.expect("a place").uses.len()), ("words of g-1", 1));
    let foreign = pb::RecordBuyerReviewUseRequest { review_id: "b".into(), ..usage(Chat, "bad") };
    assert_eq!(refusal(call(foreign).await).0, Code::NotFound);

    // The use changed the review: a consent by what was read before is refused, and noted by what is read now.
    let now = review(&test, "g-1").await;
    assert_ne!(now.etag, given.etag);
    let withdrawn = consent(&test, &now, pb::BuyerConsentState::Withdrawn, &[]).await;
    assert_eq!(withdrawn.use_ids_to_end.len(), 1);
    assert!(collected(&test, allowed).await.is_empty());
    assert_eq!(collected(&test, every).await, ["g-2"]);
    assert_eq!(test.count("SELECT count(*) FROM qa.buyer_reviews WHERE words LIKE '%g-1%'").await, 0);
    assert_eq!(refusal(call(usage(Chat, "once more")).await).1, "CONSENT_MISSING");
    let end = pb::RecordBuyerReviewUseRequest {
        change: Some(Change::EndUseId(withdrawn.use_ids_to_end[0].clone())),
        ..usage(Chat, "end")
    };
    let ended = call(end).await.expect("ends").into_inner().review.expect("a review");
    assert!(ended.text.is_empty() && ended.collection.expect("a place").uses[0].ended_at.is_some());
    let place = review(&test, "g-1").await.collection.expect("a place");
    assert_eq!((place.consent(), place.consents.len()), (pb::BuyerConsentState::Withdrawn, 3));
    let bad = review(&test, "b").await;
    let message = pb::CollectBuyerReviewRequest {
        request_id: "bad".into(),
        shop_id: SHOP.into(),
        review_id: "b".into(),
        etag: bad.etag,
        ..Default::default()
    };
    let refused = client(&test).collect_buyer_review(test.by(&ann, message)).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "BUYER_REVIEW_NOT_GOOD".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_ends_words_but_for_what_buyers_let_be_used() {
    let test = TestQa::with_staff().await;
    deliver(&test, &[received("kept", BuyerRating::Good), received("ends", BuyerRating::Good)]).await;
    for id in ["kept", "ends"] {
        collect(&test, &agent("ann"), &review(&test, id).await, "护肤").await;
    }
    let kept = review(&test, "kept").await;
    consent(&test, &kept, pb::BuyerConsentState::Given, &[pb::BuyerReviewUseKind::Chat]).await;
    // Two years beside the running month.
    test.clock.set("2022-06-01T10:00:00+08:00");
    let erased = "SELECT count(*) FROM qa.buyer_reviews WHERE erased_at IS NOT NULL";
    eventually(WITHIN, async || test.count(erased).await == 1).await;
    assert_eq!(collected(&test, pb::ListCollectedBuyerReviewsRequest::default()).await, ["kept"]);
    let ended = review(&test, "ends").await;
    assert!(ended.erased_at.is_some() && ended.revisions[0].text.is_empty());
    assert_eq!(figures(&test, &manager(), pb::BuyerReviewGroup::Merchant).await[0].good, 2);
    // With the consent goes the reason to keep it.
    let kept = review(&test, "kept").await;
    consent(&test, &kept, pb::BuyerConsentState::Withdrawn, &[]).await;
    eventually(WITHIN, async || test.count(erased).await == 2).await;
}
