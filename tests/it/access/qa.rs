//! How to ask about what is known of an agent's chats: hits, the draw, reviews, appeals, buyers' reviews.

use e2e::small;
use serde_json::{Value, json};

use super::{Fixture, days, on_day};

pub(super) const FIXTURES: &[Fixture] = &[
    Fixture {
        path: "/jinpai.qa.v1.CheckService/ListHits",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.CheckService/GetConversationHits",
        body: |who, _| json!({ "conversation": chat(who) }),
        holds: Some(|who, _| format!("c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.CheckService/GetCheckFigures",
        body: |_, _| json!({ "days": days(), "group": "CHECK_FIGURE_GROUP_ACCOUNT", "pageSize": 1000 }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.RiskService/ListRiskReviews",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.WeaknessService/ListWeaknesses",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/GetConversation",
        body: |who, _| json!({ "conversation": chat(who) }),
        holds: Some(|who, _| format!("question 0 of c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/GetDrawSlice",
        body: |who, _| json!({ "businessDay": on_day(), "accountId": format!("acc-{who}") }),
        holds: Some(|who, _| format!("c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/GetCoverage",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/ListReviews",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|_, review| review.to_owned()),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/GetReview",
        body: |_, review| json!({ "reviewId": review }),
        holds: Some(|who, _| format!("c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/AcknowledgeReview",
        // With an etag that is none: who sees the review is told so, who doesn't is told that there is none.
        body: |_, review| json!({ "reviewId": review, "etag": "none", "requestId": review }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/FileAppeal",
        // With an etag that is none, as above.
        body: |_, review| json!({ "reviewId": review, "etag": "none", "requestId": review, "comment": "why" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/WithdrawAppeal",
        body: |who, _| json!({ "appealId": appeal(who), "etag": "none", "requestId": who }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/GetAppeal",
        body: |who, _| json!({ "appealId": appeal(who) }),
        holds: Some(|who, _| format!("appeal of {who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/ListAppeals",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("appeal of {who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/GetReviewHistory",
        body: |_, review| json!({ "reviewId": review }),
        holds: Some(|who, _| format!("c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QualityService/GetQuality",
        body: |_, _| json!({ "days": days(), "group": "QUALITY_GROUP_ACCOUNT" }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QualityService/GetFeedbackSheet",
        body: |who, _| json!({ "personId": who, "day": on_day() }),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/GetBuyerReview",
        body: |who, _| json!({ "shopId": small::SHOP, "reviewId": format!("review-{who}") }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/ListBuyerReviews",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/ListOverdueBuyerReviews",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/TakeBuyerReviewStep",
        // With etags that are none, here and below, as above.
        body: |who, _| with(buyer_review(who), json!({ "reopen": { "note": "?" } })),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/AssignBuyerReview",
        body: |who, _| buyer_review(who),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/CollectBuyerReview",
        body: |who, _| buyer_review(who),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/RecordBuyerReviewConsent",
        body: |who, _| {
            let asked =
                json!({ "state": "BUYER_CONSENT_STATE_ASKED", "channel": "BUYER_CONTACT_CHANNEL_CHAT" });
            with(buyer_review(who), asked)
        },
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/GetBuyerReviewFigures",
        body: |_, _| json!({ "days": days(), "group": "BUYER_REVIEW_GROUP_AGENT" }),
        holds: Some(|who, _| format!("\"key\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/GetBuyerReviewWeek",
        body: |_, _| json!({ "day": on_day() }),
        holds: Some(|who, _| format!("\"key\":\"{who}\"")),
    },
];

/// The id of the appeal of an agent.
pub(super) fn appeal(who: &str) -> String {
    let number = ["agent", "mate", "lead", "other"].iter().position(|agent| *agent == who);
    format!("01900000-0000-7000-8000-00000000000{}", number.expect("an agent"))
}

fn chat(who: &str) -> Value {
    json!({ "shopId": small::SHOP, "channel": small::CHANNEL, "conversationId": format!("c-{who}") })
}

fn buyer_review(who: &str) -> Value {
    let (request, review) = (format!("to {who}"), format!("review-{who}"));
    json!({ "requestId": request, "shopId": small::SHOP, "reviewId": review, "etag": "none" })
}

/// An object with the fields of another.
fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}
