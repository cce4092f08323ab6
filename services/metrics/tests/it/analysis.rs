//! What a change is made of, whether it is unusual, what to do about it.

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::analysis_service_client::AnalysisServiceClient;
use testkit::{TestCaller, caller};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fact_support::{fact, fen, order, payment};
use crate::support::{TestMetrics, asking, chat, date, days, reason};

pub fn client(test: &TestMetrics) -> AnalysisServiceClient<Channel> {
    AnalysisServiceClient::new(test.channel.clone())
}

/// A chat that is answered after some seconds, by a quick reply or not.
fn answered(id: &str, account: &str, start: &str, seconds: u32, quick: bool) -> pb::Conversation {
    let answer = format!("{seconds} {}", if quick { "Q" } else { "A" });
    chat(id, account, &format!("customer of {id}"), start, &["0 C", &answer])
}

async fn change(
    test: &TestMetrics,
    who: &TestCaller,
    measure: pb::Measure,
    facet: pb::Facet,
) -> Result<pb::ExplainChangeResponse, Status> {
    let request = pb::ExplainChangeRequest {
        measure: measure.into(),
        days: days("2020-05-14", "2020-05-14"),
        facet: facet.into(),
        ..Default::default()
    };
    Ok(client(test).explain_change(test.by(who, request)).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_of_a_change_add_up_to_it_and_name_who_made_it() {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t2", false))).await;
    test.send(vec![
        answered("c-1", "a1", "2020-05-13T10:00:00", 30, false),
        answered("c-2", "a1", "2020-05-13T11:00:00", 40, false),
        answered("c-3", "a2", "2020-05-13T10:30:00", 30, false),
        answered("c-4", "a1", "2020-05-14T10:00:00", 30, false),
        answered("c-5", "a2", "2020-05-14T10:00:00", 600, false),
        answered("c-6", "a2", "2020-05-14T15:00:00", 700, false),
        answered("c-7", "a3", "2020-05-14T15:00:00", 31, true),
    ])
    .await;
    // Those from 83 to 109 are no sums.
    let measures = (1..83).chain(110..111).filter_map(|number| pb::Measure::try_from(number).ok());
    for measure in measures {
        for facet in
            [pb::Facet::Account, pb::Facet::Person, pb::Facet::Team, pb::Facet::Shop, pb::Facet::Hour]
        {
            let found = match change(&test, &caller(), measure, facet).await {
                Ok(found) => found,
                // Nobody was asked whether they were satisfied.
                Err(refused) if reason(&refused) == "NOTHING_TO_COMPARE" => continue,
                Err(refused)
                    if refused.code() == Code::InvalidArgument
                        && (facet == pb::Facet::Hour || measure == pb::Measure::AgentsShareOfSales) =>
                {
                    continue;
                }
                Err(refused) => panic!("{measure:?} by {facet:?}: {refused}"),
            };
            let whole = found.whole.expect("a whole");
            let parts: i64 = found.parts.iter().map(|part| part.mix_effect + part.rate_effect).sum();
            assert_eq!(
                (parts, whole.mix_effect + whole.rate_effect),
                (whole.difference, whole.difference),
                "{measure:?}"
            );
            assert_eq!(found.base_days, days("2020-05-13", "2020-05-13"));
        }
    }
    let slower = change(&test, &caller(), pb::Measure::Response, pb::Facet::Person).await.expect("splits");
    let first = &slower.parts[0];
    assert_eq!((first.key.as_str(), first.name.as_str()), ("p2", "p2某"));
    assert!(first.rate_effect > slower.whole.as_ref().expect("a whole").difference / 2, "{slower:?}");
    let hours = change(&test, &caller(), pb::Measure::Conversations, pb::Facet::Hour).await.expect("splits");
    let mut found: Vec<_> =
        hours.parts.iter().map(|p| (p.key.as_str(), p.difference / 1_000_000_000)).collect();
    found.sort_unstable();
    assert_eq!(found, [("10", 0), ("11", -1), ("15", 2)]);

    let agent = caller().person("p1").roles(&[Role::Agent]);
    let own = change(&test, &agent, pb::Measure::Conversations, pb::Facet::Account).await.expect("splits");
    assert_eq!(own.parts.iter().map(|part| part.key.as_str()).collect::<Vec<_>>(), ["a1"]);
    let refused = change(&test, &caller(), pb::Measure::ActiveAccounts, pb::Facet::Account).await;
    assert_eq!(refused.expect_err("is no sum").code(), Code::InvalidArgument);
    let none =
        change(&test, &caller(), pb::Measure::Satisfaction, pb::Facet::Shop).await.expect_err("nothing");
    assert_eq!((none.code(), reason(&none).as_str()), (Code::FailedPrecondition, "NOTHING_TO_COMPARE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_judged_by_the_same_weekday_of_the_weeks_before() {
    let test = TestMetrics::start().await;
    let mut chats = Vec::new();
    // Wednesdays, about ten a day for a1; a2 works for the third time; a Tuesday is none of it.
    for (week, count) in [9, 10, 11, 10, 9, 11, 40].into_iter().enumerate() {
        let day = date("2020-04-01").day + 7 * week as i32;
        let (month, day) = if day > 30 { (5, day - 30) } else { (4, day) };
        for n in 0..count {
            let start = format!("2020-{month:02}-{day:02}T10:{n:02}:00");
            chats.push(answered(&format!("c-{week}-{n}"), "a1", &start, 5, false));
        }
        if week >= 4 {
            chats.push(answered(
                &format!("d-{week}"),
                "a2",
                &format!("2020-{month:02}-{day:02}T09:00:00"),
                5,
                false,
            ));
        }
    }
    chats.push(answered("e", "a1", "2020-05-12T10:00:00", 5, false));
    test.send(chats).await;
    let judge = async |who: &TestCaller, day: &str| {
        let request = pb::JudgeFiguresRequest {
            measure: pb::Measure::Conversations.into(),
            business_day: Some(date(day)),
            group: pb::Group::Account.into(),
            ..Default::default()
        };
        client(&test).judge_figures(test.by(who, request)).await.expect("judges").into_inner().judgements
    };
    let found = judge(&caller(), "2020-05-13").await;
    let said: Vec<_> = found.iter().map(|j| (j.key.as_str(), j.value, j.verdict(), j.days)).collect();
    assert_eq!(
        said,
        [("a1", 40.0, pb::Verdict::UnusuallyHigh, 6), ("a2", 1.0, pb::Verdict::TooFew, 2)],
        "the most unusual first"
    );
    assert_eq!((found[0].median, found[1].median), (Some(10.0), None));
    assert!(found[0].high.expect("a band") < 40.0 && found[0].z.expect("varies") > 3.5);
    let before = judge(&caller(), "2020-05-06").await;
    assert_eq!(before[0].verdict(), pb::Verdict::Ordinary);
    test.person("p2", "a2", None).await;
    let agent = caller().person("p2").roles(&[Role::Agent]);
    assert_eq!(judge(&agent, "2020-05-13").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_sales_is_split_to_the_cent_by_factor_and_by_agent() {
    let test = TestMetrics::start().await;
    let mut facts = Vec::new();
    let mut chats = Vec::new();
    // One of two received customers of a1 buys for 33.33; the day after two of three, for 33.34 and 50.01; a2 lost its one.
    let days = [
        ("2020-05-13", "a1", &[Some(3_333), None][..]),
        ("2020-05-13", "a2", &[Some(9_999)]),
        ("2020-05-14", "a1", &[Some(3_334), Some(5_001), None]),
        ("2020-05-14", "a2", &[None]),
    ];
    for (at, (day, account, customers)) in days.into_iter().enumerate() {
        for (n, paid) in customers.iter().enumerate() {
            let customer = format!("b-{at}-{n}");
            chats.push(chat(
                &format!("c-{at}-{n}"),
                account,
                &customer,
                &format!("{day}T10:00:00"),
                &["0 C", "9 A"],
            ));
            let Some(paid) = paid else { continue };
            let of = |mut fact: pb::Fact| {
                fact.customer_id.clone_from(&customer);
                fact
            };
            facts.push(of(fact(&format!("o-{at}-{n}"), &format!("{day}T11:00:00"), order(&["p"]))));
            let pays = payment(&format!("o-{at}-{n}"), *paid);
            facts.push(of(fact(&format!("p-{at}-{n}"), &format!("{day}T11:10:00"), pays)));
        }
    }
    test.send(chats).await;
    test.send_facts(facts).await;
    test.counted().await;
    let request = pb::ExplainSalesRequest {
        days: crate::support::days("2020-05-14", "2020-05-14"),
        group: pb::Group::Account.into(),
        ..Default::default()
    };
    let found = client(&test).explain_sales(test.by(&caller(), request)).await.expect("splits").into_inner();
    let whole = found.whole.expect("a whole");
    let parts = |change: &pb::SalesChange| {
        let effects = [&change.receptions_effect, &change.conversion_effect, &change.order_value_effect];
        (fen(change.difference.as_ref()), effects.map(|effect| fen(effect.as_ref())))
    };
    let (difference, effects) = parts(&whole);
    assert_eq!(difference, 3_334 + 5_001 - 3_333 - 9_999);
    assert_eq!(effects.iter().sum::<i64>(), difference);
    let now = whole.now.expect("sales");
    assert_eq!((now.received_customers, now.paying_buyers), (4, 2));
    let by_agent: Vec<_> = found.parts.iter().map(|part| (part.key.as_str(), parts(part))).collect();
    assert_eq!(by_agent.iter().map(|(_, (difference, _))| difference).sum::<i64>(), difference);
    for (key, (difference, effects)) in &by_agent {
        assert_eq!(effects.iter().sum::<i64>(), *difference, "{key}");
    }
    assert_eq!(by_agent[0], ("a2", (-9_999, [0, -9_999, 0])), "as many customers, and none bought");

    let rates =
        change(&test, &caller(), pb::Measure::PaymentConversion, pb::Facet::Account).await.expect("splits");
    let parts: i64 = rates.parts.iter().map(|part| part.difference).sum();
    assert_eq!(parts, rates.whole.expect("a whole").difference);
    let hourly = change(&test, &caller(), pb::Measure::ReceivedPerHead, pb::Facet::Hour)
        .await
        .expect_err("is refused");
    assert_eq!(hourly.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_factor_that_lost_comes_with_what_to_do_and_who_does_it() {
    let test = TestMetrics::start().await;
    let paid = |id: &str, customer: &str, day: &str, fen: i64| {
        let of = |fact| pb::Fact { customer_id: customer.to_owned(), ..fact };
        vec![
            of(fact(&format!("o-{id}"), &format!("{day}T11:00:00"), order(&["p"]))),
            of(fact(&format!("p-{id}"), &format!("{day}T11:10:00"), payment(&format!("o-{id}"), fen))),
        ]
    };
    let on =
        |id: &str, day: &str| chat(id, "a1", &format!("b-{id}"), &format!("{day}T10:00:00"), &["0 C", "9 A"]);
    // Two of two bought for 100 each; then one of three for 50: fewer buy, and less; more come.
    test.send(vec![
        on("c-1", "2020-05-13"),
        on("c-2", "2020-05-13"),
        on("c-3", "2020-05-14"),
        on("c-4", "2020-05-14"),
        on("c-5", "2020-05-14"),
    ])
    .await;
    let facts = [
        paid("1", "b-c-1", "2020-05-13", 10_000),
        paid("2", "b-c-2", "2020-05-13", 10_000),
        paid("3", "b-c-3", "2020-05-14", 5_000),
    ];
    test.send_facts(facts.concat()).await;
    test.counted().await;
    let request = pb::ExplainSalesRequest {
        days: days("2020-05-14", "2020-05-14"),
        group: pb::Group::Shop.into(),
        ..Default::default()
    };
    let found = client(&test).explain_sales(test.by(&caller(), request)).await.expect("splits").into_inner();
    let whole = found.whole.expect("a whole");
    let mut fallen: Vec<pb::SalesFactor> = whole.fallen().collect();
    assert!(fen(whole.receptions_effect.as_ref()) > 0 && fallen.len() == 2, "{fallen:?}");
    let losses = [fen(whole.conversion_effect.as_ref()), fen(whole.order_value_effect.as_ref())];
    assert_eq!(losses[0] < losses[1], fallen[0] == pb::SalesFactor::Conversion, "the largest loss first");
    fallen.sort_unstable();
    let said: Vec<_> = found.remedies.iter().map(|said| (said.factor(), said.measure())).collect();
    assert_eq!(
        said,
        [
            (pb::SalesFactor::Conversion, pb::Measure::PaymentConversion),
            (pb::SalesFactor::OrderValue, pb::Measure::AverageOrderValue),
        ]
    );
    assert_eq!(said.iter().map(|(factor, _)| *factor).collect::<Vec<_>>(), fallen);
    for said in &found.remedies {
        assert!(!said.remedies.is_empty() && said.remedies.iter().all(|r| r.owner() != Role::Unspecified));
    }
}

/// Five quiet weeks of p1 and p2, and a sixth in which p2 answers late at nine in the evening.
async fn a_bad_week(test: &TestMetrics) {
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", false))).await;
    let mut chats = Vec::new();
    for (week, monday) in ["2020-04-06", "2020-04-13", "2020-04-20", "2020-04-27", "2020-05-04", "2020-05-11"]
        .iter()
        .enumerate()
    {
        for (account, at) in [("a1", "10"), ("a2", "21")] {
            let late = week == 5 && account == "a2";
            // Not quite alike in the weeks before; p1 is as fast as the week before.
            let seconds = if late { 600 } else { [30, 31, 30, 31, 30, 30][week] };
            let id = format!("{account}-{week}");
            chats.push(answered(&id, account, &format!("{monday}T{at}:00:00"), seconds, false));
        }
    }
    test.send(chats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_that_got_worse_is_judged_by_its_own_history_and_names_who_and_when() {
    let test = TestMetrics::start().await;
    a_bad_week(&test).await;
    let advise = async |who: &TestCaller, group: pb::Group| {
        let request = pb::GetAdviceRequest {
            days: days("2020-05-11", "2020-05-17"),
            group: group.into(),
            ..Default::default()
        };
        client(&test).get_advice(test.by(who, request)).await.expect("advises").into_inner().advice
    };
    let response = |advice: &pb::Advice| {
        let is = |worse: &&pb::Worsened| {
            worse.change.as_ref().is_some_and(|change| change.measure() == pb::Measure::Response)
        };
        advice.worsened.iter().find(is).cloned().expect("answers came later")
    };
    let team = advise(&caller(), pb::Group::Team).await;
    let worse = response(&team[0]);
    let judged = worse.judgement.expect("is judged");
    assert_eq!(
        (judged.key.as_str(), judged.verdict(), judged.days),
        ("t1", pb::Verdict::UnusuallyHigh, 5),
        "against the five weeks before"
    );
    let named = worse.contributors.expect("contributors");
    let keys = |parts: &[pb::Change]| parts.iter().map(|part| part.key.clone()).collect::<Vec<_>>();
    assert_eq!((keys(&named.persons), keys(&named.hours)), (vec!["p2".to_owned()], vec!["21".to_owned()]));
    assert!(named.products.is_empty() && !worse.remedies.is_empty());
    assert!(named.persons[0].difference > 0);

    // One's own account: hours, and nobody else.
    let agent = caller().person("p2").roles(&[Role::Agent]);
    let own = advise(&agent, pb::Group::Account).await;
    assert_eq!(own.iter().map(|advice| advice.key.as_str()).collect::<Vec<_>>(), ["a2"]);
    let named = response(&own[0]).contributors.expect("contributors");
    assert_eq!((named.persons.len(), keys(&named.hours)), (0, vec!["21".to_owned()]));

    let judge = async |request: pb::JudgeFiguresRequest| {
        let request = pb::JudgeFiguresRequest {
            measure: pb::Measure::Response.into(),
            group: pb::Group::Account.into(),
            ..request
        };
        Ok::<_, Status>(
            client(&test).judge_figures(test.by(&caller(), request)).await?.into_inner().judgements,
        )
    };
    let week = pb::JudgeFiguresRequest { days: days("2020-05-11", "2020-05-17"), ..Default::default() };
    let said = judge(week.clone()).await.expect("judges");
    let said: Vec<_> = said.iter().map(|j| (j.key.as_str(), j.verdict(), j.days)).collect();
    assert_eq!(said, [("a2", pb::Verdict::UnusuallyHigh, 5), ("a1", pb::Verdict::Ordinary, 5)]);
    let both = pb::JudgeFiguresRequest { business_day: Some(date("2020-05-11")), ..week };
    for (request, field) in [(both, "days"), (pb::JudgeFiguresRequest::default(), "business_day")] {
        let refused = judge(request).await.expect_err(field);
        assert_eq!(status::Problem::from_status(&refused).violations[0].field, field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn products_that_sell_less_are_named() {
    let test = TestMetrics::start().await;
    let mut facts = Vec::new();
    for (id, day, product, fen) in [
        ("1", "2020-05-13", "p-1", 10_000),
        ("2", "2020-05-13", "p-2", 10_000),
        ("3", "2020-05-14", "p-1", 9_900),
        ("4", "2020-05-14", "p-2", 1_000),
    ] {
        let of = |fact| pb::Fact { customer_id: format!("b-{id}"), ..fact };
        facts.push(of(fact(&format!("o-{id}"), &format!("{day}T11:00:00"), order(&[product]))));
        facts.push(of(fact(
            &format!("p-{id}"),
            &format!("{day}T11:10:00"),
            payment(&format!("o-{id}"), fen),
        )));
    }
    test.send_facts(facts).await;
    test.counted().await;
    let request = pb::GetAdviceRequest {
        days: days("2020-05-14", "2020-05-14"),
        group: pb::Group::Merchant.into(),
        ..Default::default()
    };
    let found = client(&test).get_advice(test.by(&caller(), request)).await.expect("advises").into_inner();
    let paid = found.advice[0].worsened.iter().find(|worse| {
        worse.change.as_ref().is_some_and(|change| change.measure() == pb::Measure::PaidAmount)
    });
    let paid = paid.expect("less was paid");
    let named = paid.contributors.as_ref().expect("contributors");
    let products: Vec<_> =
        named.products.iter().map(|part| (part.key.as_str(), part.difference / 1_000_000_000)).collect();
    assert_eq!(products, [("p-2", -9_000), ("p-1", -100)]);
    assert_eq!(named.hours.iter().map(|part| part.key.as_str()).collect::<Vec<_>>(), ["11"]);
    let owners: Vec<Role> = paid.remedies.iter().map(pb::Remedy::owner).collect();
    assert_eq!(owners, [Role::Supervisor]);
}

async fn advice(test: &TestMetrics) -> Vec<pb::Advice> {
    let request = pb::GetAdviceRequest {
        days: days("2020-05-14", "2020-05-14"),
        group: pb::Group::Account.into(),
        ..Default::default()
    };
    client(test).get_advice(test.by(&caller(), request)).await.expect("advises").into_inner().advice
}

#[tokio::test(flavor = "multi_thread")]
async fn what_got_worse_comes_with_remedies_and_gains_that_look_made_are_told() {
    let test = TestMetrics::start().await;
    let rated = |mut chat: pb::Conversation, satisfied: bool| {
        chat.satisfied = Some(satisfied);
        chat
    };
    test.send(vec![
        rated(answered("c-1", "slow", "2020-05-13T10:00:00", 30, false), true),
        rated(answered("c-2", "slow", "2020-05-14T10:00:00", 90, false), true),
        rated(answered("c-3", "quick", "2020-05-13T10:00:00", 90, false), true),
        rated(answered("c-4", "quick", "2020-05-14T10:00:00", 2, true), true),
    ])
    .await;
    let found = advice(&test).await;
    let [quick, slow] = found.as_slice() else { panic!("two rows: {found:?}") };
    assert!(quick.worsened.is_empty());
    let gains: Vec<_> =
        quick.gaming_signs.iter().filter_map(|s| s.gain.as_ref().map(pb::MeasureChange::measure)).collect();
    assert_eq!(gains, [pb::Measure::FirstResponse, pb::Measure::Response]);
    assert_eq!(quick.gaming_signs[0].quick_reply_share, 1.0);
    assert!(slow.gaming_signs.is_empty());
    let worse: Vec<_> =
        slow.worsened.iter().filter_map(|w| w.change.as_ref().map(|c| (c.measure(), c.ratio))).collect();
    assert_eq!(worse, [(pb::Measure::FirstResponse, Some(2.0)), (pb::Measure::Response, Some(2.0))]);
    assert!(slow.worsened.iter().all(|worse| worse.remedies.len() == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_playbook_is_edited_in_versions_and_advice_follows_it() {
    let test = TestMetrics::start().await;
    let mut analysis = client(&test);
    let list = async || {
        let request = pb::ListRemediesRequest { measure: pb::Measure::Response.into(), ..Default::default() };
        client(&test).list_remedies(test.by(&caller(), request)).await.expect("lists").into_inner().remedies
    };
    let built_in = list().await;
    assert_eq!(
        built_in.iter().map(|r| r.remedy_id.as_str()).collect::<Vec<_>>(),
        ["builtin-response-1", "builtin-response-2"]
    );

    let own = pb::Remedy {
        measure: pb::Measure::Response.into(),
        direction: pb::Direction::Risen.into(),
        cause: "New products".to_owned(),
        text: "Ask the buyer for a picture first.".to_owned(),
        owner: Role::Trainer.into(),
        department: "training".to_owned(),
        ..Default::default()
    };
    let create = pb::CreateRemedyRequest { remedy: Some(own.clone()), request_id: "r-1".to_owned() };
    let created =
        analysis.create_remedy(test.by(&caller(), create.clone())).await.expect("creates").into_inner();
    let again =
        analysis.create_remedy(test.by(&caller(), create)).await.expect("the same request").into_inner();
    assert_eq!(created, again);
    let created = created.remedy.expect("a remedy");
    assert_eq!((created.version, created.etag.as_str(), list().await.len()), (1, "v1", 3));

    let changed = pb::Remedy { text: "Look it up together.".to_owned(), ..built_in[0].clone() };
    let update = |etag: &str| pb::UpdateRemedyRequest {
        remedy: Some(changed.clone()),
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    let updated =
        analysis.update_remedy(test.by(&caller(), update("v0"))).await.expect("updates").into_inner();
    assert_eq!(
        updated.remedy.as_ref().map(|r| (r.version, r.text.as_str())),
        Some((1, "Look it up together."))
    );
    let stale = analysis.update_remedy(test.by(&caller(), update("v0"))).await.expect_err("has changed");
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "REMEDY_CHANGED"));

    let delete = |id: &str, etag: &str| pb::DeleteRemedyRequest {
        remedy_id: id.to_owned(),
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    analysis.delete_remedy(test.by(&caller(), delete("builtin-response-2", "v0"))).await.expect("deletes");
    let gone = analysis
        .delete_remedy(test.by(&caller(), delete("builtin-response-2", "v1")))
        .await
        .expect_err("is gone");
    assert_eq!((gone.code(), reason(&gone).as_str()), (Code::NotFound, "REMEDY_NOT_FOUND"));
    let get = pb::GetRemedyRequest { remedy_id: created.remedy_id.clone() };
    let found = analysis.get_remedy(test.by(&caller(), get)).await.expect("finds").into_inner().remedy;
    assert_eq!(found, Some(created.clone()));
    let mut left: Vec<String> = list().await.into_iter().map(|remedy| remedy.remedy_id).collect();
    left.sort_unstable();
    let mut expected = vec!["builtin-response-1".to_owned(), created.remedy_id];
    expected.sort_unstable();
    assert_eq!(left, expected);

    let blank = pb::Remedy { text: " ".to_owned(), ..own };
    let blank = pb::CreateRemedyRequest { remedy: Some(blank), request_id: String::new() };
    let refused = analysis.create_remedy(test.by(&caller(), blank)).await.expect_err("says nothing");
    assert_eq!(status::Problem::from_status(&refused).violations[0].field, "remedy.text");
    let audited = test.count("SELECT count(*) FROM audit_entries WHERE rpc LIKE '%Remedy'").await;
    assert_eq!(audited, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_held_against_other_days_and_windows_stand_side_by_side() {
    let test = TestMetrics::start().await;
    let mut chats = Vec::new();
    for (at, day) in
        ["2019-03-31", "2020-02-10", "2020-02-29", "2020-03-01", "2020-03-31"].into_iter().enumerate()
    {
        for n in 0..=at {
            chats.push(answered(&format!("c-{day}-{n}"), "a1", &format!("{day}T10:00:00"), 20, false));
        }
    }
    test.send(chats).await;
    let request = pb::GetFiguresRequest {
        step: pb::Step::Month.into(),
        compare: vec![
            pb::ComparisonKind::PreviousPeriod.into(),
            pb::ComparisonKind::SamePeriodLastYear.into(),
        ],
        within_seconds: vec![10, 60],
        ..asking(pb::Group::Account, "2020-02-01", "2020-03-31")
    };
    let answer =
        test.client.clone().get_figures(test.by(&caller(), request)).await.expect("answers").into_inner();
    assert_eq!(answer.figures.iter().map(|row| row.conversations).collect::<Vec<_>>(), [5, 9]);
    let held: Vec<_> = answer
        .comparisons
        .iter()
        .map(|held| {
            let other = held.other.as_ref().expect("a row");
            let change =
                held.changes.iter().find(|c| c.measure() == pb::Measure::Conversations).expect("counts");
            (held.row, held.kind() as i32, other.from, other.to, other.conversations, change.ratio)
        })
        .collect();
    let on = |day: &str| Some(date(day));
    assert_eq!(
        held,
        [
            (0, 1, on("2020-01-01"), on("2020-01-31"), 0, None),
            (1, 1, on("2020-02-01"), on("2020-02-29"), 5, Some(0.8)),
            (0, 2, on("2019-02-01"), on("2019-02-28"), 0, None),
            (1, 2, on("2019-03-01"), on("2019-03-31"), 1, Some(8.0)),
        ]
    );
    let within: Vec<_> = answer.figures[1]
        .within
        .iter()
        .map(|w| (w.seconds, w.rounds.map(|r| r.numerator), w.rounds_uncertain))
        .collect();
    assert_eq!(within, [(10, Some(0), 0), (60, Some(9), 0)]);

    let window =
        |label: &str, from: &str, to: &str| pb::Window { label: label.to_owned(), days: days(from, to) };
    let windows = pb::GetFiguresRequest {
        days: None,
        step: pb::Step::Window.into(),
        windows: vec![
            window("spring", "2020-03-01", "2020-03-31"),
            window("whole", "2019-01-01", "2020-12-31"),
            window("nothing", "2018-01-01", "2018-01-31"),
        ],
        compare: vec![pb::ComparisonKind::PreviousPeriod.into()],
        page_size: 1,
        ..asking(pb::Group::Account, "2020-01-01", "2020-01-01")
    };
    let rows = test.figures(windows.clone()).await;
    let found: Vec<_> = rows.iter().map(|row| (row.label.as_str(), row.conversations)).collect();
    assert_eq!(found, [("spring", 9), ("whole", 15)]);

    let refuse = async |request: pb::GetFiguresRequest, field: &str| {
        let refused = test.figures_as(&caller(), request).await.expect_err(field);
        let fields = status::Problem::from_status(&refused).violations;
        assert!(fields.iter().any(|at| at.field == field), "{field} is not in {fields:?}");
    };
    refuse(
        pb::GetFiguresRequest {
            step: pb::Step::Day.into(),
            days: days("2020-05-01", "2020-05-02"),
            ..windows.clone()
        },
        "windows",
    )
    .await;
    refuse(pb::GetFiguresRequest { windows: Vec::new(), ..windows.clone() }, "windows").await;
    let hour = pb::GetFiguresRequest {
        step: pb::Step::Hour.into(),
        ..asking(pb::Group::Shop, "2020-05-01", "2020-06-30")
    };
    refuse(hour.clone(), "days.to").await;
    let compared = vec![pb::ComparisonKind::PreviousPeriod.into()];
    refuse(
        pb::GetFiguresRequest { days: days("2020-05-01", "2020-05-02"), compare: compared, ..hour },
        "compare",
    )
    .await;
}
