//! Why inquiries were lost: reasons, suggestions and what people decide, the highest member level first.

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use testkit::caller;
use tonic::{Code, Status};

use crate::fact_support::{fact, fen, of, order, payment};
use crate::lost_inquiries::{CHAT, cart, client, customers, decide_as, field, in_may, list, report};
use crate::support::{TestMetrics, chat, reason};

fn level(order: Body, level: &str) -> Body {
    match order {
        Body::Order(order) => Body::Order(pb::Order { member_level: level.to_owned(), ..order }),
        other => other,
    }
}

/// Customers of three levels and of none, each with a lost inquiry of 13 May.
async fn levels(test: &TestMetrics) {
    let asks = |id: &str| chat(id, "a-1", id, "2020-05-13T10:00:00", CHAT);
    test.send(["none", "gold", "diamond", "bronze"].map(asks).to_vec()).await;
    let bought = |customer: &str, named: &str| {
        let id = format!("o-{customer}");
        vec![
            of(customer, fact(&id, "2020-03-01T10:00:00", level(order(&["p-1"]), named))),
            of(customer, fact(&format!("y-{customer}"), "2020-03-01T10:00:00", payment(&id, 10_000))),
            of(customer, fact(&format!("k-{customer}"), "2020-05-13T10:30:00", cart("p-2", 3_000))),
        ]
    };
    let facts = [("gold", "金牌"), ("diamond", "钻石"), ("bronze", "铜牌")];
    test.send_facts(facts.into_iter().flat_map(|(customer, named)| bought(customer, named)).collect()).await;
}

async fn put_catalogue(
    test: &TestMetrics,
    etag: &str,
    edit: impl FnOnce(&mut pb::PutLossCatalogueRequest),
) -> Result<pb::LossCatalogue, Status> {
    let get = pb::GetLossCatalogueRequest { version: None };
    let newest = client(test).get_loss_catalogue(test.by(&caller(), get)).await?.into_inner();
    let newest = newest.catalogue.expect("a catalogue");
    let mut message = pb::PutLossCatalogueRequest {
        reasons: newest.reasons,
        member_levels: newest.member_levels,
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    edit(&mut message);
    let put = client(test).put_loss_catalogue(test.by(&caller(), message)).await?.into_inner();
    Ok(put.catalogue.expect("a catalogue"))
}

#[tokio::test(flavor = "multi_thread")]
async fn higher_levels_come_first_and_people_have_the_last_word() {
    let test = TestMetrics::start().await;
    levels(&test).await;
    let named = |message: &mut pb::PutLossCatalogueRequest| {
        message.member_levels = vec!["钻石".to_owned(), "金牌".to_owned()];
    };
    let catalogue = put_catalogue(&test, "v0", named).await.expect("puts");
    assert_eq!((catalogue.version, catalogue.etag.as_str()), (1, "v1"));
    let lost = list(&test, in_may()).await;
    assert_eq!(customers(&lost), ["diamond", "gold", "bronze", "none"]);
    let suggestion = lost[0].suggestion.clone().expect("a suggestion");
    assert_eq!(
        (suggestion.reason_id.as_str(), suggestion.signal(), suggestion.decided),
        ("hesitating", pb::LossSignal::CartLeft, 0)
    );
    assert!((suggestion.confidence - 0.6).abs() < 1e-9);

    let decided = decide_as(&test, &caller(), &lost[0], "price", "r-1").await.expect("decides");
    let decision = decided.decision.clone().expect("a decision");
    assert_eq!((decision.reason_id.as_str(), decided.etag.as_str()), ("price", "v1"));
    assert!(!decision.note.contains("13812345678"), "{}", decision.note);
    let again = decide_as(&test, &caller(), &lost[0], "price", "r-1").await.expect("the same request");
    assert_eq!(again, decided);
    let old = decide_as(&test, &caller(), &lost[0], "stock", "").await.expect_err("the etag is old");
    assert_eq!((old.code(), reason(&old).as_str()), (Code::Aborted, "LOST_INQUIRY_CHANGED"));
    let none = decide_as(&test, &caller(), &lost[1], "nothing", "").await.expect_err("no such reason");
    assert_eq!((none.code(), reason(&none).as_str()), (Code::NotFound, "LOSS_REASON_NOT_FOUND"));
    decide_as(&test, &caller(), &lost[1], "hesitating", "").await.expect("decides");

    // One of two decisions took what the rule suggested: (20 × 0.6 + 1) ÷ (20 + 2).
    let suggestion = list(&test, in_may()).await[2].suggestion.clone().expect("a suggestion");
    assert_eq!((suggestion.decided, suggestion.confirmed), (2, 1));
    assert!((suggestion.confidence - 13.0 / 22.0).abs() < 1e-9);

    let undecided = pb::ListLostInquiriesRequest { undecided: true, ..in_may() };
    assert_eq!(customers(&list(&test, undecided).await), ["bronze", "none"]);
    let hesitating = pb::ListLostInquiriesRequest { reason_ids: vec!["hesitating".to_owned()], ..in_may() };
    assert_eq!(customers(&list(&test, hesitating).await), ["gold", "bronze", "none"]);
    let gold = pb::ListLostInquiriesRequest { member_levels: vec!["金牌".to_owned()], ..in_may() };
    assert_eq!(customers(&list(&test, gold).await), ["gold"]);
    let about = pb::ListLostInquiriesRequest { product_ids: vec!["p-2".to_owned()], ..in_may() };
    assert_eq!(list(&test, about).await.len(), 3);

    use pb::LossDimension as D;
    let rows = report(&test, &[D::Reason, D::MemberLevel, D::Product, D::Account]).await.rows;
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            let keys = (row.member_level.as_str(), row.reason_id.as_str(), row.product_id.as_str());
            (keys, row.account_id.as_str(), row.lost, row.decided, row.suggested)
        })
        .collect();
    assert_eq!(
        seen,
        [
            (("钻石", "price", "p-2"), "a-1", 1, 1, 0),
            (("金牌", "hesitating", "p-2"), "a-1", 1, 1, 0),
            (("铜牌", "hesitating", "p-2"), "a-1", 1, 0, 1),
            (("", "hesitating", ""), "a-1", 1, 0, 1),
        ]
    );
    let by_reason: Vec<_> =
        report(&test, &[D::Reason]).await.rows.iter().map(|row| (row.reason_id.clone(), row.lost)).collect();
    assert_eq!(by_reason, [("hesitating".to_owned(), 3), ("price".to_owned(), 1)]);

    // Decisions outlive whatever makes the inquiry anew, and the audit has them.
    test.send_facts(vec![of("diamond", fact("k-9", "2020-05-14T10:00:00", cart("p-3", 9_000)))]).await;
    let lost = list(&test, in_may()).await;
    assert_eq!((fen(lost[0].amount.as_ref()), lost[0].decision.clone()), (12_000, Some(decision)));
    let audited = "SELECT count(*) FROM audit_entries WHERE entity LIKE 'lost_inquiry/%/diamond'";
    assert_eq!(test.count(audited).await, 1);
    let raw = "SELECT count(*) FROM loss_decisions d WHERE d::text LIKE '%13812345678%'";
    assert_eq!(test.count(raw).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reasons_have_versions_and_are_retired_not_lost() {
    let test = TestMetrics::start().await;
    levels(&test).await;
    let lost = list(&test, in_may()).await;
    let refused = put_catalogue(&test, "v0", |message| drop(message.reasons.remove(0)))
        .await
        .expect_err("leaves a reason out");
    assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, "reasons"));
    let twice = put_catalogue(&test, "v0", |message| {
        let first = message.reasons[0].clone();
        message.reasons[1].signals = first.signals;
    });
    assert_eq!(field(&twice.await.expect_err("a rule twice")), "reasons[1].signals");
    let blank = put_catalogue(&test, "v0", |message| message.reasons[0].name = " ".to_owned());
    assert_eq!(field(&blank.await.expect_err("says nothing")), "reasons[0].name");
    let retire = |message: &mut pb::PutLossCatalogueRequest| {
        let hesitating = message.reasons.iter_mut().find(|reason| reason.reason_id == "hesitating");
        hesitating.expect("is built in").retired = true;
        let size = pb::LossReason {
            reason_id: "cart".to_owned(),
            name: "加购未下单".to_owned(),
            department: Role::Operations.into(),
            signals: vec![pb::LossSignal::CartLeft.into()],
            retired: false,
        };
        message.reasons.push(size);
    };
    put_catalogue(&test, "v0", retire).await.expect("puts");
    let old = put_catalogue(&test, "v0", |_| ()).await.expect_err("the etag is old");
    assert_eq!((old.code(), reason(&old).as_str()), (Code::Aborted, "LOSS_CATALOGUE_CHANGED"));
    let suggested = list(&test, in_may()).await;
    let reasons: Vec<_> =
        suggested.iter().map(|inquiry| inquiry.suggestion.clone().map(|s| s.reason_id)).collect();
    let cart = Some("cart".to_owned());
    assert_eq!(reasons, [cart.clone(), cart.clone(), cart, None], "by customer id: no level is named");
    let retired = decide_as(&test, &caller(), &lost[0], "hesitating", "").await.expect_err("is retired");
    assert_eq!(
        (retired.code(), reason(&retired).as_str()),
        (Code::FailedPrecondition, "LOSS_REASON_RETIRED")
    );
    let get = |version| {
        let message = pb::GetLossCatalogueRequest { version: Some(version) };
        let (mut client, request) = (client(&test), test.by(&caller(), message));
        async move { client.get_loss_catalogue(request).await }
    };
    let first = get(0).await.expect("is built in").into_inner().catalogue.expect("a catalogue");
    assert!(first.reasons.iter().all(|reason| !reason.retired) && first.updated_at.is_none());
    let missing = get(9).await.expect_err("there is none");
    assert_eq!(reason(&missing), "LOSS_CATALOGUE_NOT_FOUND");
}
