//! What there is to be seen: the people, and of each agent a drawn day, its review, and a piece of whatever else has a reach.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use e2e::{Door, InProcess, MERCHANT, customers, people, plans, small};
use jinpai::days::Days;
use jinpai::draw;
use jinpai::session::Session;
use proto::access::Role;
use proto::qa::v1 as qa_v1;
use proto::qa::v1::qa_service_client::QaServiceClient;
use serde_json::json;
use testkit::eventually;

use super::qa::appeal;
use super::{ELSEWHERE, fixtures, reached};

/// `agent` and `mate` are in team a, which `lead` leads; `other` is in team b. Each has an account and a long chat.
const PEOPLE: &str = "person_id,name,status,roles,team_id,team_name,lead,team_from,account_id,account_from\n\
    agent,name-agent,regular,agent,team-a,A,no,2020-05-01,acc-agent,2020-05-01\n\
    mate,name-mate,regular,agent,team-a,A,no,2020-05-01,acc-mate,2020-05-01\n\
    lead,name-lead,regular,agent;lead,team-a,A,yes,2020-05-01,acc-lead,2020-05-01\n\
    other,name-other,regular,agent,team-b,B,no,2020-05-01,acc-other,2020-05-01\n\
    reviewer,name-reviewer,regular,reviewer,,,,,,\n";

/// People, a drawn day with a long chat of each agent, and a submitted review of each chat, by agent.
pub(super) async fn fill(suite: &InProcess) -> BTreeMap<&'static str, String> {
    let manager = suite.door.session(Role::Manager, Some("manager")).await;
    people::import(&manager, PEOPLE).await;
    // Nobody is there but the merchant: what it gets to see of anybody is another's.
    let stranger = suite.door.token(ELSEWHERE, Role::Manager, Some("manager"));
    people::set_up(&suite.door.session_with(stranger).await).await;
    let agents = ["agent", "mate", "lead", "other"];
    let day = NaiveDate::from_ymd_opt(2020, 5, 12).expect("a day");
    let chats = agents.map(|who| small::chat(&format!("c-{who}"), &format!("acc-{who}"), day, 12));
    // The customers of the day's chats come back today.
    let today = agents.map(|who| proto::metrics::v1::Conversation {
        customer_id: format!("customer of c-{who}"),
        ..small::chat_now(&format!("today-{who}"), &format!("acc-{who}"))
    });
    small::ingest(&manager, chats.into_iter().chain(today).collect()).await;
    services_know_the_people(&suite.door).await;
    plans::fill(&suite.door, &manager, &agents).await;
    customers::fill(&manager, &agents, day).await;
    let mut qa = QaServiceClient::new(manager.channel());
    eventually(Duration::from_secs(60), async || {
        let listed = qa.list_reviewers(qa_v1::ListReviewersRequest::default()).await.expect("lists");
        !listed.into_inner().reviewers.is_empty()
    })
    .await;
    // As if something had been known on the day itself: then all that came now restates it.
    let known = format!("INSERT INTO metrics.day_knowledge VALUES ('{MERCHANT}', '{day}', '{day}')");
    let client = suite.ground.look().await.expect("the database is there");
    client.batch_execute(&known).await.expect("puts the knowledge in");
    client.batch_execute(&customers::care_tasks(&agents)).await.expect("puts the tasks in");
    client.batch_execute(&risks_and_weaknesses(day)).await.expect("puts risks and weaknesses in");
    client.batch_execute(&buyer_reviews(day)).await.expect("puts buyers' reviews in");
    eventually(Duration::from_secs(60), async || {
        let waiting = client.query_one("SELECT count(*) FROM qa.check_queue", &[]).await.expect("counts");
        waiting.get::<_, i64>(0) == 0
    })
    .await;
    let options = draw::Options { days: Days { from: day, to: None }, wait: 60 };
    let drawn = draw::days(&manager, &options, None, |_| ()).await.expect("draws");
    assert_eq!(drawn.drawn, 4);
    let listed = qa.list_reviews(qa_v1::ListReviewsRequest::default()).await.expect("lists").into_inner();
    let mut reviews = BTreeMap::new();
    for review in listed.reviews {
        let who = agents.into_iter().find(|who| review.account_id == format!("acc-{who}")).expect("an agent");
        reviews.insert(who, review.review_id.clone());
        let reviewer = suite.door.session(Role::Reviewer, Some(&review.reviewer_person_id)).await;
        submit(&reviewer, review).await;
    }
    assert_eq!(reviews.len(), 4);
    let appeals = reviews.iter().map(|(who, review)| {
        format!(
            "INSERT INTO qa.appeals (merchant_id, appeal_id, review_id, assessment_version, filed_by_person_id, filed_at, \
                comment, proposed, first_reviewer_person_id, due_day, state, revision) \
             VALUES ('{MERCHANT}', '{}', '{review}', 1, '{who}', now(), 'appeal of {who}', '[]', 'reviewer', '{day}', 1, 1)",
            appeal(who)
        )
    });
    client.batch_execute(&appeals.collect::<Vec<_>>().join(";")).await.expect("puts the appeals in");
    reviews
}

/// A submitted risk review and a weakness of each agent.
fn risks_and_weaknesses(day: NaiveDate) -> String {
    let figure = "{\"value\":0.5,\"low\":0.4,\"high\":0.6,\"sample\":40}";
    let finding = format!("{{\"from\":\"{day}\",\"to\":\"{day}\",\"own\":{figure},\"others\":{figure}}}");
    let agents = "unnest(ARRAY['agent', 'mate', 'lead', 'other']) AS who";
    let assessment = "{\"scores\":[],\"critical_errors\":[],\"comments\":[],\"summary\":\"\"}";
    format!(
        "INSERT INTO qa.risk_reviews (merchant_id, review_id, business_day, account_id, shop_id, channel, conversation_id, \
            place, critical, major, minor, rule_ids, picked_at, reviewer_person_id, scorecard_id, scorecard_version, \
            assessment, score_bp, submitted_at) \
         SELECT '{MERCHANT}', gen_random_uuid(), '{day}', 'acc-' || who, 'shop', 'chat', 'c-' || who, 1, 0, 1, 0, '{{}}', now(), \
            'reviewer', 'standard', 1, '{assessment}', 10000, now() FROM {agents}; \
         INSERT INTO qa.weaknesses (merchant_id, weakness_id, person_id, kind, subject_id, finding, evidence, found_at) \
         SELECT '{MERCHANT}', gen_random_uuid(), who, 1, 'rule', '{finding}', '[]', now() FROM {agents}"
    )
}

/// A bad review of each agent's, whose reply is overdue.
fn buyer_reviews(day: NaiveDate) -> String {
    let at = format!("{day}T04:00:00Z");
    let terms = json!({
        "version": 0, "good_stars_min": 4, "bad_stars_max": 2, "comment_decides": true, "reply_hours": [72, 72, 24],
        "service_hours": [0, 0], "plan_days": 1, "effect_days": 30, "served_days": 30, "history_days": 7,
    });
    let rows = ["agent", "mate", "lead", "other"].map(|who| {
        let words = json!({ "revision": 0, "rating": "bad", "text": "", "append_text": "", "arrived_at": at });
        let content = json!({
            "id": { "shop": small::SHOP, "id": format!("review-{who}") }, "order": "", "product": "", "customer": "",
            "served": { "account": format!("acc-{who}"), "day": day }, "reviewed_at": at, "business_day": day,
            "terms": terms, "revisions": [words], "replies": [], "entries": [], "edits": 1,
        });
        format!(
            "('{MERCHANT}', 'review-{who}', '{}', '{at}', '{day}', 'acc-{who}', '{day}', '', '', '', '', '', 3, 3, 1, '', '', \
             false, '{day}', '{at}', 1, '{at}', '{{}}', '{{}}', '', '{content}')",
            small::SHOP
        )
    });
    format!(
        "INSERT INTO qa.buyer_reviews (merchant_id, review_id, shop_id, reviewed_at, reviewed_day, account_id, served_day, \
            channel, conversation_id, product_id, order_id, customer_id, kind, worst, state, cause_id, stage_id, \
            comment_unjudged, runs_until, reply_due_at, duty, due_at, tags, allowed_uses, words, content) VALUES {}",
        rows.join(", ")
    )
}

/// Full marks on everything.
async fn submit(session: &Session, review: qa_v1::Review) {
    let mut qa = QaServiceClient::new(session.channel());
    let card = qa.get_scorecard(qa_v1::GetScorecardRequest::default()).await.expect("a card").into_inner();
    let card = card.scorecard.expect("a card");
    let scores = card.criteria.iter().map(|criterion| qa_v1::CriterionScore {
        criterion_id: criterion.criterion_id.clone(),
        points: Some(criterion.max_points),
        not_applicable: false,
        reason_ids: Vec::new(),
    });
    let request = qa_v1::SubmitReviewRequest {
        request_id: review.review_id.clone(),
        review_id: review.review_id,
        etag: review.etag,
        scorecard_id: card.scorecard_id,
        scorecard_version: card.version,
        scores: scores.collect(),
        ..Default::default()
    };
    qa.submit_review(request).await.expect("submits");
}

/// Waits until metrics and qa have followed the directory.
async fn services_know_the_people(door: &Door) {
    let lead = door.token(MERCHANT, Role::Lead, Some("lead"));
    eventually(Duration::from_secs(60), async || {
        let asked = fixtures().filter(|fixture| {
            fixture.path.ends_with("/GetFigures") || fixture.path.ends_with("/GetConversation")
        });
        for fixture in asked {
            let answer = door.json(fixture.path, &lead, &(fixture.body)("mate", "")).await;
            if !reached(fixture, "mate", "", &answer) {
                return false;
            }
        }
        true
    })
    .await;
}
