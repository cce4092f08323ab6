//! The merchant's settings.

use proto::access::Role;
use proto::performance::v1 as pb;
use testkit::caller;
use tonic::Code;

use crate::support::{TestPerformance, fields, refusal};

fn settings(etag: &str) -> pb::UpdateMerchantRequest {
    let shop = |id: &str| pb::Shop { shop_id: id.to_owned(), name: format!("{id}店") };
    pb::UpdateMerchantRequest {
        name: "示范".to_owned(),
        time_zone: "Asia/Urumqi".to_owned(),
        cut_over_hour: 4,
        shops: vec![shop("b"), shop("a")],
        etag: etag.to_owned(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_begin_with_defaults_and_are_replaced_by_etag() {
    let mut test = TestPerformance::start().await;
    let manager = caller();
    let read = test.by(&manager, pb::GetMerchantRequest {});
    let unset =
        test.client.get_merchant(read).await.expect("answers").into_inner().merchant.expect("a merchant");
    assert_eq!(
        (unset.time_zone.as_str(), unset.cut_over_hour, unset.etag.as_str()),
        ("Asia/Shanghai", 0, "0")
    );

    let change = test.by(&manager, settings("0"));
    test.client.update_merchant(change).await.expect("is set");
    let read = test.by(&caller().person("a").roles(&[Role::Agent]), pb::GetMerchantRequest {});
    let set =
        test.client.get_merchant(read).await.expect("answers").into_inner().merchant.expect("a merchant");
    assert_eq!((set.time_zone.as_str(), set.cut_over_hour, set.etag.as_str()), ("Asia/Urumqi", 4, "1"));
    let shops: Vec<_> = set.shops.iter().map(|shop| shop.shop_id.as_str()).collect();
    assert_eq!(shops, ["a", "b"]);

    let late = test.by(&manager, settings("0"));
    assert_eq!(refusal(test.client.update_merchant(late).await), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
    assert_eq!(test.count("SELECT count(*) FROM audit_entries WHERE entity = 'merchant'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_no_merchant_are_refused_with_their_field() {
    let mut test = TestPerformance::start().await;
    let change = |change: fn(&mut pb::UpdateMerchantRequest)| {
        let mut message = settings("0");
        change(&mut message);
        test.by(&caller(), message)
    };
    let cases = [
        (change(|m| m.time_zone = "Mars/Olympus".to_owned()), "time_zone"),
        (change(|m| m.cut_over_hour = 24), "cut_over_hour"),
        (change(|m| m.name = " ".to_owned()), "name"),
        (change(|m| m.shops[1].shop_id = "b".to_owned()), "shops"),
        (change(|m| m.shops[1].name = "a\0".to_owned()), "shops[1].name"),
        (change(|m| m.etag.clear()), "etag"),
    ];
    for (request, field) in cases {
        assert_eq!(fields(test.client.update_merchant(request).await), [field]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_edits_of_one_etag_have_one_winner() {
    let test = TestPerformance::start().await;
    let edits = (0..8).map(|n| {
        let mut client = test.client.clone();
        let request = test.by(&caller().subject(&format!("m{n}")), settings("0"));
        tokio::spawn(async move { client.update_merchant(request).await })
    });
    let mut won = 0;
    for edit in edits.collect::<Vec<_>>() {
        match edit.await.expect("ends") {
            Ok(_) => won += 1,
            Err(status) => assert_eq!(status.code(), Code::Aborted),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_edit_gets_its_first_answer_and_days_keep_their_beginning() {
    let mut test = TestPerformance::start().await;
    let once = pb::UpdateMerchantRequest { request_id: "set up".to_owned(), ..settings("0") };
    for _ in 0..2 {
        let answer = test.client.update_merchant(test.by(&caller(), once.clone())).await;
        assert_eq!(answer.expect("is set").into_inner().merchant.expect("a merchant").etag, "1");
    }
    assert_eq!(test.count("SELECT count(*) FROM outbox").await, 1);
    let other = pb::UpdateMerchantRequest { name: "other".to_owned(), ..once };
    let reused = test.client.update_merchant(test.by(&caller(), other)).await;
    assert_eq!(refusal(reused), (Code::FailedPrecondition, "REQUEST_ID_REUSED".to_owned()));

    let moves = [
        pb::UpdateMerchantRequest { cut_over_hour: 5, ..settings("1") },
        pb::UpdateMerchantRequest { time_zone: "Asia/Shanghai".to_owned(), ..settings("1") },
    ];
    for moved in moves {
        let refused = test.client.update_merchant(test.by(&caller(), moved)).await;
        assert_eq!(refusal(refused), (Code::FailedPrecondition, "ZONE_FIXED".to_owned()));
    }
    let renamed = pb::UpdateMerchantRequest { name: "新名".to_owned(), ..settings("1") };
    test.client.update_merchant(test.by(&caller(), renamed)).await.expect("may be called otherwise");
}
