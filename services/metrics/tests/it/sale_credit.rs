//! Who of a chat gets the credit of what is sold.

use proto::metrics::v1 as pb;
use testkit::caller;

use crate::fact_support::{fact, fen, order, parts, payment};
use crate::support::{TestMetrics, chat, days};

/// A chat in which messages marked `H` are those of `helper`, and `I` those of `second`.
fn helped(id: &str, account: &str, start: &str, messages: &[&str]) -> pb::Conversation {
    let mut chat = chat(id, account, "b-1", start, messages);
    for (message, text) in chat.messages.iter_mut().zip(messages) {
        match text.chars().last() {
            Some('H') => message.account_id = "helper".to_owned(),
            Some('I') => message.account_id = "second".to_owned(),
            _ => {}
        }
    }
    chat
}

fn credit_to(to: pb::CreditTo) -> pb::TradeRules {
    pb::TradeRules { credit_to: to.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_says_who_of_a_chat_gets_the_credit_of_an_order() {
    let test = TestMetrics::start().await;
    // First the helper, then the owner twice, then another colleague; the owner writes once more after the order.
    let messages = ["0 C", "10 H", "20 A", "30 A", "40 I", "4000 A"];
    test.send(vec![helped("c-1", "owner", "2020-05-13T10:00:00", &messages)]).await;
    test.send_facts(vec![
        fact("o-1", "2020-05-13T10:30:00", order(&["p-1"])),
        fact("y-1", "2020-05-13T10:31:00", payment("o-1", 10_000)),
    ])
    .await;
    let rules = [pb::CreditTo::LastReply, pb::CreditTo::FirstReply, pb::CreditTo::MostReplies];
    for (version, to) in (1..).zip(rules) {
        test.put_rules(version, credit_to(to)).await;
    }
    test.built().await;
    test.counted().await;
    for (version, account) in [(1, "owner"), (2, "second"), (3, "helper"), (4, "owner")] {
        for other in ["owner", "helper", "second"] {
            let row = test.trade_under(version, other).await;
            let expected = if other == account { (1, 1, 10_000) } else { (0, 0, 0) };
            assert_eq!(
                (row.orders, row.paying_buyers, fen(row.paid_amount.as_ref())),
                expected,
                "{other} under version {version}"
            );
        }
        // The inquiry is the owner's, and converted, whoever gets the money.
        let owner = test.trade_under(version, "owner").await;
        assert_eq!((owner.inquiries, parts(owner.payment_conversion)), (1, (1, 1)), "version {version}");
        assert_eq!(test.trade_under(version, "helper").await.inquiries, 0);
    }
    let definitions = test
        .client
        .clone()
        .list_definitions(test.by(&caller(), pb::ListDefinitionsRequest::default()))
        .await
        .expect("lists")
        .into_inner()
        .definitions;
    let told: Vec<_> = definitions
        .iter()
        .map(|d| d.rules.as_ref().and_then(|r| r.trade.as_ref()).expect("rules").credit_to())
        .collect();
    assert_eq!(told, [&[pb::CreditTo::Owner], &rules[..]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_answered_others_chats_sells_by_the_rule_and_a_handed_over_chat_goes_to_its_new_account() {
    let test = TestMetrics::start().await;
    test.put_rules(1, credit_to(pb::CreditTo::LastReply)).await;
    // All answers of the first chat are the helper's.
    let mut first = helped("c-1", "owner", "2020-05-13T10:00:00", &["0 C", "10 H", "20 H"]);
    first.transferred_to = "next".to_owned();
    let mut second = helped("c-2", "next", "2020-05-13T11:00:00", &["0 C", "10 A"]);
    second.transferred_from = "owner".to_owned();
    test.send(vec![first, second]).await;
    test.send_facts(vec![
        fact("o-1", "2020-05-13T10:30:00", order(&["p-1"])),
        fact("o-2", "2020-05-13T11:30:00", order(&["p-2", "p-3"])),
    ])
    .await;
    test.built().await;
    test.counted().await;
    let orders = async |version, account| test.trade_under(version, account).await.orders;
    for (version, expected) in [(1, [1, 0, 1]), (2, [0, 1, 1])] {
        let found =
            [orders(version, "owner").await, orders(version, "helper").await, orders(version, "next").await];
        assert_eq!(found, expected, "owner, helper, next under version {version}");
    }
    // The helper's order is in the helper's explanation, and in nobody else's.
    let request = pb::ExplainFigureRequest {
        measure: pb::Measure::Orders.into(),
        days: days("2020-05-01", "2020-05-31"),
        filter: Some(pb::Filter { account_ids: vec!["helper".to_owned()], ..Default::default() }),
        ..Default::default()
    };
    let found = test.client.clone().explain_figure(test.by(&caller(), request)).await.expect("explains");
    let found = found.into_inner();
    assert_eq!((found.numerator, found.facts.len(), found.facts[0].fact_id.as_str()), (1, 1, "o-1"));
}
