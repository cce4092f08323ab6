//! What checks find in chats, and the figures made of it.

use proto::qa::v1 as pb;
use tonic::Code;

use crate::builders::{DAY, agent, closed, lead, long_chats, manager, may, only, reviewer};
use crate::checking::{by_id, cut, saying};
use crate::support::{TestQa, fields, refusal};

const REVIEWS: &str = include_str!("../../../../libs/textcheck/data/held_out.tsv");

#[tokio::test(flavor = "multi_thread")]
async fn every_chat_is_checked_by_the_rules_of_its_day() {
    let test = TestQa::with_rules().await;
    let mut before = saying("before", "ann-account", &["在吗", "请加微信"]);
    before.business_day = Some(may(18));
    let chats = [
        before,
        saying("clean", "ann-account", &["在吗", "在的亲"]),
        saying("one", "ann-account", &["好吗", "我们是最好的", "真的", "全网第一，最好"]),
        saying("two", "ben-account", &["加微信吗", "加 微。信可以"]),
    ];
    test.checked(&chats).await;
    let found: Vec<_> = test
        .hits()
        .await
        .into_iter()
        .map(|hit| {
            let span = hit.span.expect("a place");
            let id = hit.conversation.expect("a chat").conversation_id;
            (id, hit.rule_id, hit.rule_set_version, span.message_index, hit.excerpt)
        })
        .collect();
    let mut found: Vec<_> =
        found.iter().map(|(id, rule, v, m, e)| (id.as_str(), rule.as_str(), *v, *m, e.as_str())).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("one", "best", 1, 1, "最好"),
            ("one", "best", 1, 3, "全网第一"),
            ("one", "best", 1, 3, "最好"),
            ("two", "wechat", 1, 1, "加 微。信"),
        ]
    );
    // The day before is under the ready-made rules.
    let message = pb::ListHitsRequest { days: only(may(18)), ..Default::default() };
    let before = test.hits_of(&manager(), message).await;
    assert!(before.iter().any(|hit| hit.rule_id == "zh.off_platform" && hit.rule_set_version == 0));
    assert_eq!(test.figure("best").await, (3, 1, 0, 3));
    assert_eq!(test.figure("wechat").await, (3, 1, 0, 1));
    let hits = test.conversation_hits(by_id("clean")).await;
    assert_eq!((hits.hits.len(), hits.checked_revision, hits.rule_set_version), (0, Some(0), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn places_hold_in_the_transcript_as_it_is_returned() {
    let test = TestQa::with_staff().await;
    // Real Chinese texts, some with a forbidden word put in behind signs of two and four bytes and full width.
    let texts: Vec<&str> =
        REVIEWS.lines().filter_map(|line| line.split('\t').next_back()).take(200).collect();
    let chats: Vec<_> = texts
        .chunks(10)
        .enumerate()
        .map(|(n, texts)| {
            let said: Vec<String> =
                texts.iter().map(|text| format!("𠮷😀é{text}，加　微\u{200b}信ＶＸ，全网最低！")).collect();
            let said: Vec<&str> = said.iter().map(String::as_str).collect();
            saying(&format!("real-{n}"), "ann-account", &said)
        })
        .collect();
    test.checked(&chats).await;
    let mut words = 0;
    for (n, sent) in chats.iter().enumerate() {
        let id = by_id(&format!("real-{n}"));
        let message = pb::GetConversationRequest { conversation: Some(id.clone()) };
        let read = test.client().get_conversation(test.by(&manager(), message)).await.expect("reads");
        let messages = read.into_inner().conversation.expect("a chat").messages;
        let hits = test.conversation_hits(id).await.hits;
        assert!(hits.len() >= sent.messages.len() / 2, "each of the agent's messages has a word");
        for hit in &hits {
            let span = hit.span.expect("a place");
            let text = &messages[usize::try_from(span.message_index).expect("a message")].text;
            let (points, units) = cut(text, &span);
            assert_eq!(points, units);
            if hit.kind() == pb::CheckKind::ForbiddenWord {
                assert_eq!(hit.excerpt, points);
                words += 1;
            } else {
                assert!(points.starts_with(hit.excerpt.trim_end_matches(['…', '*'])), "{hit:?} in {text}");
            }
        }
    }
    assert!(words >= 200, "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_chat_is_checked_again_and_counts_once() {
    let test = TestQa::with_rules().await;
    let first = saying("c", "ann-account", &["好吗", "我们最好，加微信", "哦", "最好"]);
    let other = saying("other", "ann-account", &["好吗", "最好"]);
    test.checked(&[first.clone(), other]).await;
    assert_eq!((test.figure("best").await, test.figure("wechat").await), ((2, 2, 0, 3), (2, 1, 0, 1)));
    let before = test.conversation_hits(by_id("c")).await.hits;

    // The same again changes nothing, however often it is asked for.
    for _ in 0..3 {
        test.sql(
            "INSERT INTO qa.check_queue (merchant_id, business_day, shop_id, channel, conversation_id) \
             SELECT merchant_id, business_day, shop_id, channel, conversation_id FROM qa.conversations",
        )
        .await;
    }
    test.all_checked().await;
    assert_eq!((test.figure("best").await, test.figure("wechat").await), ((2, 2, 0, 3), (2, 1, 0, 1)));
    let same: Vec<_> = test.conversation_hits(by_id("c")).await.hits;
    let ids = |hits: &[pb::CheckHit]| hits.iter().map(|hit| hit.hit_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&same), ids(&before));

    // A correction takes one hit away, keeps one where it is, and gives the chat to somebody else.
    let mut corrected = saying("c", "ben-account", &["好吗", "我们不错", "哦", "最好"]);
    corrected.revision = 1;
    test.checked(&[corrected]).await;
    let after = test.conversation_hits(by_id("c")).await;
    assert_eq!((after.checked_revision, after.revision), (Some(1), 1));
    assert_eq!(ids(&after.hits), [before.last().expect("three").hit_id.clone()]);
    assert_eq!((test.figure("best").await, test.figure("wechat").await), ((2, 2, 0, 2), (2, 0, 0, 0)));
    let per_account = |rows: Vec<pb::CheckFigure>| -> Vec<(String, i64, i64)> {
        rows.into_iter().map(|row| (row.group_key, row.chats, row.chats_hit)).collect()
    };
    let best = || pb::GetCheckFiguresRequest { rule_id: "best".into(), ..Default::default() };
    let rows = test.figures_of(&manager(), pb::CheckFigureGroup::Account, best()).await;
    assert_eq!(per_account(rows), [("ann-account".into(), 1, 1), ("ben-account".into(), 1, 1)]);

    // Another moves it to the day before: nothing of it stays here.
    let mut moved = saying("c", "ben-account", &["好吗", "最好"]);
    (moved.revision, moved.business_day) = (2, Some(may(18)));
    test.publish(&[closed(&moved)]).await;
    test.checked(&[saying("last", "zoe-account", &["好吗", "好"])]).await;
    assert_eq!(test.figure("best").await, (2, 1, 0, 1));
    assert_eq!(test.count("SELECT count(*) FROM qa.chat_checks WHERE conversation_id = 'c'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_and_figures_show_exactly_the_reach() {
    let test = TestQa::with_rules().await;
    let accounts = ["ann-account", "ben-account", "zoe-account"];
    let chats: Vec<_> = accounts.iter().map(|a| saying(a, a, &["好吗", "最好"])).collect();
    test.checked(&chats).await;
    for (name, who, reach) in [
        ("own", agent("ann"), vec!["ann-account"]),
        ("a person without accounts", agent("nobody"), vec![]),
        ("the lead of team one", lead("lea"), vec!["ann-account", "ben-account"]),
        ("a reviewer", reviewer("rita"), accounts.to_vec()),
        ("another merchant", reviewer("rita").of("other"), vec![]),
    ] {
        let hits = test.hits_of(&who, pb::ListHitsRequest::default()).await;
        let mut seen: Vec<_> = hits.iter().map(|hit| hit.account_id.as_str()).collect();
        seen.sort_unstable();
        assert_eq!(seen, reach, "hits of {name}");
        let message = || pb::GetCheckFiguresRequest { rule_id: "best".into(), ..Default::default() };
        let figures = test.figures_of(&who, pb::CheckFigureGroup::Account, message()).await;
        let seen: Vec<_> = figures.iter().map(|figure| figure.group_key.as_str()).collect();
        assert_eq!(seen, reach, "figures of {name}");
        let whole = test.figures_of(&who, pb::CheckFigureGroup::Merchant, message()).await;
        assert_eq!(whole.iter().map(|figure| figure.chats).sum::<i64>(), reach.len() as i64, "{name}");
        for account in accounts {
            let message = pb::GetConversationHitsRequest { conversation: Some(by_id(account)) };
            let answer = test.checks().get_conversation_hits(test.by(&who, message)).await;
            assert_eq!(answer.is_ok(), reach.contains(&account), "{account} by {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_are_filtered_and_paged() {
    let test = TestQa::with_rules().await;
    let chats: Vec<_> = (0..7)
        .map(|n| saying(&format!("c{n}"), "ann-account", &["好吗", if n < 4 { "最好" } else { "加微信" }]))
        .collect();
    test.checked(&chats).await;
    let count = async |message| test.hits_of(&manager(), message).await.len();
    let empty = pb::ListHitsRequest::default;
    assert_eq!(count(pb::ListHitsRequest { rule_ids: vec!["best".into()], ..empty() }).await, 4);
    let critical = vec![pb::CheckSeverity::Critical.into()];
    assert_eq!(count(pb::ListHitsRequest { severities: critical, ..empty() }).await, 3);
    let slow = vec![pb::CheckKind::SlowReply.into()];
    assert_eq!(count(pb::ListHitsRequest { kinds: slow, ..empty() }).await, 0);
    assert_eq!(count(pb::ListHitsRequest { account_id: "ben-account".into(), ..empty() }).await, 0);
    assert_eq!(count(pb::ListHitsRequest { shop_id: "star".into(), unjudged: true, ..empty() }).await, 7);
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let message =
            pb::ListHitsRequest { days: only(DAY), page_size: 3, page_token: token.clone(), ..empty() };
        let page = test.checks().list_hits(test.by(&manager(), message)).await.expect("lists").into_inner();
        seen.extend(page.hits.into_iter().map(|hit| hit.hit_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((seen.len(), sorted), (7, seen));
    let days = Some(proto::common::v1::DayRange {
        from: Some(may(1)),
        to: Some(proto::google::r#type::Date { month: 9, ..DAY }),
    });
    let long = pb::ListHitsRequest { days, ..empty() };
    assert_eq!(fields(test.checks().list_hits(test.by(&manager(), long)).await), ["days.to"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_have_numerator_denominator_interval_and_detection() {
    let test = TestQa::with_rules().await;
    let mut chats = long_chats("ann-account", 19);
    chats.push(saying("bad", "ann-account", &["好吗", "最好"]));
    chats.push(saying("ben", "ben-account", &["好吗", "好"]));
    chats.push(saying("zoe", "zoe-account", &["好吗", "最好"]));
    test.checked(&chats).await;
    test.close(DAY, 1, &chats).await;
    test.draw(DAY).await;
    let best = || pb::GetCheckFiguresRequest { rule_id: "best".into(), ..Default::default() };
    let teams = test.figures_of(&manager(), pb::CheckFigureGroup::Team, best()).await;
    let rows: Vec<_> = teams.iter().map(|row| (row.group_key.as_str(), row.chats, row.chats_hit)).collect();
    assert_eq!(rows, [("one", 21, 1), ("two", 1, 1)]);
    let ann = pb::GetCheckFiguresRequest { account_id: "ann-account".into(), by_day: true, ..best() };
    let ann = test.figures_of(&manager(), pb::CheckFigureGroup::Person, ann).await.remove(0);
    assert_eq!((ann.group_key.as_str(), ann.business_day, ann.sampled), ("ann", Some(DAY), 15));
    let rate = ann.rate.expect("a rate");
    assert_eq!((rate.numerator, rate.denominator, rate.quotient), (1, 20, Some(0.05)));
    // Wilson for 1 of 20, and 1 - 0.95^15.
    let interval = ann.interval.expect("an interval");
    assert!((interval.low - 0.0089).abs() < 1e-4 && (interval.high - 0.2361).abs() < 1e-4, "{interval:?}");
    assert!((ann.detection.expect("a chance") - 0.5367).abs() < 1e-4);
    let team = pb::GetCheckFiguresRequest { team_id: "two".into(), ..best() };
    let shop = test.figures_of(&manager(), pb::CheckFigureGroup::Shop, team).await;
    assert_eq!((shop.len(), shop[0].group_key.as_str(), shop[0].chats), (1, "star", 1));
}

fn judgement(hit: &pb::CheckHit, request_id: &str) -> pb::DisputeHitRequest {
    pb::DisputeHitRequest {
        request_id: request_id.into(),
        conversation: hit.conversation.clone(),
        hit_id: hit.hit_id.clone(),
        etag: hit.etag.clone(),
        note: "说的是选择".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_judge_hits_and_every_word_is_kept() {
    let test = TestQa::with_rules().await;
    test.checked(&[
        saying("a", "ann-account", &["好吗", "最好", "哦", "最好"]),
        saying("r", "rita-account", &["好吗", "最好"]),
    ])
    .await;
    let rita = reviewer("rita");
    let hits = test.conversation_hits(by_id("a")).await.hits;
    let dispute = judgement(&hits[0], "d1");
    let answer = test.checks().dispute_hit(test.by(&rita, dispute.clone())).await.expect("disputes");
    let disputed = answer.into_inner().hit.expect("a hit");
    assert_eq!((disputed.verdict(), disputed.judgements.len()), (pb::HitVerdict::Disputed, 1));
    // Once by its request id; by another, the etag is old.
    test.checks().dispute_hit(test.by(&rita, dispute)).await.expect("the same answer");
    let stale = test.checks().dispute_hit(test.by(&reviewer("rob"), judgement(&hits[0], "d2"))).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    // One of the chat's two hits still stands; with both disputed, the chat doesn't count any more.
    assert_eq!(test.figure("best").await, (2, 2, 0, 3));
    test.checks().dispute_hit(test.by(&rita, judgement(&hits[1], "d3"))).await.expect("disputes");
    assert_eq!(test.figure("best").await, (2, 2, 1, 3));
    // What people said stays when the same is found again.
    test.sql(
        "INSERT INTO qa.check_queue (merchant_id, business_day, shop_id, channel, conversation_id) \
         SELECT merchant_id, business_day, shop_id, channel, conversation_id FROM qa.conversations",
    )
    .await;
    test.all_checked().await;
    assert_eq!(test.figure("best").await, (2, 2, 1, 3));
    // Somebody thinks otherwise: the newest word counts, the older one stays.
    let confirm = pb::ConfirmHitRequest {
        request_id: "c1".into(),
        conversation: disputed.conversation.clone(),
        hit_id: disputed.hit_id.clone(),
        etag: disputed.etag,
        note: String::new(),
    };
    let confirmed = test.checks().confirm_hit(test.by(&reviewer("rob"), confirm)).await.expect("confirms");
    let confirmed = confirmed.into_inner().hit.expect("a hit");
    let words: Vec<_> =
        confirmed.judgements.iter().map(|word| (word.person_id.as_str(), word.verdict())).collect();
    assert_eq!(words, [("rita", pb::HitVerdict::Disputed), ("rob", pb::HitVerdict::Confirmed)]);
    assert_eq!(test.figure("best").await, (2, 2, 0, 3));

    let own = test.conversation_hits(by_id("r")).await.hits;
    let refused = test.checks().dispute_hit(test.by(&rita, judgement(&own[0], "own"))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "OWN_CHAT".into()));
    let elsewhere =
        test.checks().dispute_hit(test.by(&rita.clone().of("other"), judgement(&own[0], "o"))).await;
    assert_eq!(refusal(elsewhere), (Code::NotFound, "HIT_NOT_FOUND".into()));

    let message = pb::GetRuleAccuracyRequest { days: only(DAY) };
    let rules = test.checks().get_rule_accuracy(test.by(&manager(), message)).await.expect("answers");
    let best = rules.into_inner().rules.remove(0);
    assert_eq!((best.rule_id.as_str(), best.hits, best.confirmed, best.disputed), ("best", 3, 1, 1));
    let interval = best.interval.expect("an interval");
    assert!(interval.low > 0.09 && interval.high < 0.91, "two hits say little: {interval:?}");
    let unjudged = pb::ListHitsRequest { unjudged: true, ..Default::default() };
    assert_eq!(test.hits_of(&manager(), unjudged).await.len(), 1);
}
