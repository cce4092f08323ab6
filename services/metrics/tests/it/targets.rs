//! Targets, split to the cent and followed.

use proto::access::Role;
use proto::google::r#type::Money;
use proto::metrics::v1 as pb;
use proto::metrics::v1::target_service_client::TargetServiceClient;
use testkit::{TestCaller, caller};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fact_support::{fact, order, payment, refund};
use crate::support::{TestMetrics, chat, date, days, reason};

const CHAT: &[&str] = &["0 C", "20 A"];

fn client(test: &TestMetrics) -> TargetServiceClient<Channel> {
    TargetServiceClient::new(test.channel.clone())
}

/// Two in team t1 with their lead p9, one in t2; June 2020 is nearly over.
async fn shop() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", false))).await;
    test.person("p9", "a9", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    test
}

fn cny(units: i64, cents: i32) -> Option<Money> {
    Some(Money { currency_code: "CNY".to_owned(), units, nanos: cents * 10_000_000 })
}

fn sales(units: i64, cents: i32) -> pb::CreateTargetRequest {
    pb::CreateTargetRequest {
        target_id: "t".to_owned(),
        name: "六月销售".to_owned(),
        shop_id: "star".to_owned(),
        days: days("2020-06-01", "2020-06-30"),
        sales: Some(pb::SalesGoal { amount: cny(units, cents), basis: pb::SalesBasis::Paid.into() }),
        ..Default::default()
    }
}

fn chats(count: f64) -> pb::CreateTargetRequest {
    let indicator = pb::IndicatorGoal {
        measure: pb::Measure::Conversations.into(),
        direction: pb::GoalDirection::AtLeast.into(),
        value: count,
    };
    pb::CreateTargetRequest { sales: None, indicator: Some(indicator), ..sales(1, 0) }
}

fn level(basis: pb::SplitBasis, weights: &[(&str, i64)]) -> Option<pb::SplitLevel> {
    let weight = |(key, weight): &(&str, i64)| pb::SplitWeight { key: (*key).to_owned(), weight: *weight };
    Some(pb::SplitLevel { basis: basis.into(), weights: weights.iter().map(weight).collect(), history: None })
}

fn even() -> pb::Split {
    let level = || level(pb::SplitBasis::HeadCount, &[]);
    pb::Split { teams: level(), people: level(), days: level(), ..Default::default() }
}

async fn create(test: &TestMetrics, request: pb::CreateTargetRequest) -> Result<pb::Target, Status> {
    let created = client(test).create_target(test.by(&caller(), request)).await?;
    Ok(created.into_inner().target.expect("a target"))
}

async fn split(test: &TestMetrics, etag: &str, split: pb::Split) -> Result<pb::Target, Status> {
    let message = pb::SplitTargetRequest {
        target_id: "t".to_owned(),
        split: Some(split),
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    Ok(client(test).split_target(test.by(&caller(), message)).await?.into_inner().target.expect("a target"))
}

fn overriding(etag: &str, value: Option<pb::TargetValue>) -> pb::OverrideTargetPartRequest {
    pb::OverrideTargetPartRequest {
        target_id: "t".to_owned(),
        etag: etag.to_owned(),
        value,
        ..Default::default()
    }
}

async fn set(test: &TestMetrics, message: pb::OverrideTargetPartRequest) -> Result<pb::Target, Status> {
    let set = client(test).override_target_part(test.by(&caller(), message)).await?;
    Ok(set.into_inner().target.expect("a target"))
}

async fn get_as(test: &TestMetrics, who: &TestCaller) -> Result<pb::Target, Status> {
    let message = pb::GetTargetRequest { target_id: "t".to_owned(), with_days: true };
    Ok(client(test).get_target(test.by(who, message)).await?.into_inner().target.expect("a target"))
}

async fn progress_as(
    test: &TestMetrics,
    who: &TestCaller,
    through: Option<&str>,
) -> Result<pb::GetTargetProgressResponse, Status> {
    let message = pb::GetTargetProgressRequest { target_id: "t".to_owned(), through: through.map(date) };
    Ok(client(test).get_target_progress(test.by(who, message)).await?.into_inner())
}

/// In the smallest unit.
fn units(value: Option<&pb::TargetValue>) -> i64 {
    let value = value.expect("a value");
    match (&value.amount, value.count) {
        (Some(amount), _) => amount.units * 100 + i64::from(amount.nanos) / 10_000_000,
        (None, count) => count.expect("a count"),
    }
}

fn parts(target: &pb::Target) -> Vec<(&str, &str, i64)> {
    let part = |part: &pb::TargetPart| units(part.value.as_ref());
    target.parts.iter().map(|p| (p.team_id.as_str(), p.person_id.as_str(), part(p))).collect()
}

fn agent(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Agent])
}

fn field(status: &Status) -> String {
    let violations = status::Problem::from_status(status).violations;
    violations.into_iter().map(|violation| violation.field).next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sales_target_is_split_to_the_cent() {
    let test = shop().await;
    let target = create(&test, sales(100_000, 1)).await.expect("creates");
    assert_eq!((target.version, target.definition_version, &target.split), (1, 1, &None));
    let whole = split(&test, &target.etag, even()).await.expect("splits");
    // Two of three people are in t1; 10,000,001 cents.
    let expected = [
        ("t1", "", 6_666_667),
        ("t1", "p1", 3_333_334),
        ("t1", "p2", 3_333_333),
        ("t2", "", 3_333_334),
        ("t2", "p3", 3_333_334),
    ];
    assert_eq!(parts(&whole), expected);
    let with_days = get_as(&test, &caller()).await.expect("answers");
    for part in with_days.parts.iter().filter(|part| !part.person_id.is_empty()) {
        let days: i64 = part.days.iter().map(|day| units(day.value.as_ref())).sum();
        assert_eq!((part.days.len(), days), (30, units(part.value.as_ref())));
    }

    let shares = pb::Split {
        teams: level(pb::SplitBasis::Shares, &[("t1", 25), ("t2", 75)]),
        people: level(pb::SplitBasis::RosterHours, &[("p1", 160), ("p2", 0), ("p3", 80)]),
        days: level(pb::SplitBasis::Shares, &[("2020-06-18", 1)]),
        ..Default::default()
    };
    let shared = split(&test, &whole.etag, shares).await.expect("splits again");
    let expected = [
        ("t1", "", 2_500_000),
        ("t1", "p1", 2_500_000),
        ("t1", "p2", 0),
        ("t2", "", 7_500_001),
        ("t2", "p3", 7_500_001),
    ];
    assert_eq!(parts(&shared), expected);
    let used = &shared.split.as_ref().and_then(|split| split.teams.as_ref()).expect("teams").weights;
    assert_eq!(used.iter().map(|weight| weight.weight).collect::<Vec<_>>(), [25, 75]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_by_hand_leaves_the_rest_to_the_others() {
    let test = shop().await;
    let target = create(&test, sales(100, 1)).await.expect("creates");
    let early = set(
        &test,
        pb::OverrideTargetPartRequest { person_id: "p1".to_owned(), ..overriding(&target.etag, None) },
    );
    assert_eq!(reason(&early.await.expect_err("is not split")), "TARGET_NOT_SPLIT");
    let target = split(&test, &target.etag, even()).await.expect("splits");
    let amount = |units, cents| Some(pb::TargetValue { amount: cny(units, cents), ..Default::default() });
    let team =
        pb::OverrideTargetPartRequest { team_id: "t2".to_owned(), ..overriding(&target.etag, amount(50, 0)) };
    let target = set(&test, team.clone()).await.expect("sets");
    let person = pb::OverrideTargetPartRequest {
        person_id: "p2".to_owned(),
        ..overriding(&target.etag, amount(50, 1))
    };
    let target = set(&test, person).await.expect("sets");
    assert_eq!(
        parts(&target),
        [("t1", "", 5_001), ("t1", "p1", 0), ("t1", "p2", 5_001), ("t2", "", 5_000), ("t2", "p3", 5_000)]
    );
    let too_much = pb::OverrideTargetPartRequest {
        person_id: "p1".to_owned(),
        ..overriding(&target.etag, amount(0, 1))
    };
    let refused = set(&test, too_much).await.expect_err("is too much");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "SPLIT_IMPOSSIBLE"));
    assert!(refused.message().contains("team t1"), "{}", refused.message());
    let day = pb::OverrideTargetPartRequest {
        person_id: "p3".to_owned(),
        day: Some(date("2020-06-18")),
        ..overriding(&target.etag, amount(40, 0))
    };
    let target = set(&test, day).await.expect("sets");
    let p3 = target.parts.iter().find(|part| part.person_id == "p3").expect("a part");
    assert_eq!(p3.days.iter().map(|day| units(day.value.as_ref())).sum::<i64>(), 5_000);
    let set_by_hand: Vec<_> = p3.days.iter().filter(|day| day.overridden).map(|day| day.day).collect();
    assert_eq!(set_by_hand, [Some(date("2020-06-18"))]);
    let back = pb::OverrideTargetPartRequest { team_id: "t2".to_owned(), ..overriding(&target.etag, None) };
    let back = set(&test, back).await.expect_err("p2's 50.01 and p3's day would not fit any more");
    assert_eq!(reason(&back), "SPLIT_IMPOSSIBLE");

    let nobody = pb::OverrideTargetPartRequest {
        person_id: "px".to_owned(),
        ..overriding(&target.etag, amount(1, 0))
    };
    assert_eq!(field(&set(&test, nobody).await.expect_err("is nobody")), "person_id");
    let dollars = Some(pb::TargetValue {
        amount: Some(Money { currency_code: "USD".to_owned(), units: 1, nanos: 0 }),
        ..Default::default()
    });
    let foreign =
        pb::OverrideTargetPartRequest { person_id: "p1".to_owned(), ..overriding(&target.etag, dollars) };
    assert_eq!(field(&set(&test, foreign).await.expect_err("is foreign")), "value.amount.currency_code");
    assert_eq!(reason(&set(&test, team).await.expect_err("the etag is old")), "TARGET_CHANGED");
    let audited = test.count("SELECT count(*) FROM audit_entries WHERE entity = 'target/t'").await;
    assert_eq!(audited, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn splits_that_say_too_little_are_refused() {
    let test = shop().await;
    let target = create(&test, sales(100, 0)).await.expect("creates");
    let check = async |edit: fn(&mut pb::Split), expected: &str| {
        let mut asked = even();
        edit(&mut asked);
        let refused = split(&test, &target.etag, asked).await.expect_err(expected);
        assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, expected));
    };
    check(|split| split.teams = level(pb::SplitBasis::Shares, &[]), "split.teams.weights").await;
    check(|split| split.teams = level(pb::SplitBasis::Shares, &[("t7", 1)]), "split.teams.weights").await;
    check(|split| split.people = level(pb::SplitBasis::Shares, &[("p9", 1)]), "split.people.weights").await;
    check(|split| split.days = level(pb::SplitBasis::Shares, &[("2020-07-01", 1)]), "split.days.weights")
        .await;
    check(|split| split.days = level(pb::SplitBasis::History, &[]), "split.days.history").await;
    check(|split| split.team_ids = vec!["t7".to_owned()], "split.team_ids[0]").await;
    let nobody = pb::Split { people: level(pb::SplitBasis::Shares, &[("p1", 1), ("p2", 1)]), ..even() };
    let refused = split(&test, &target.etag, nobody).await.expect_err("t2 has a part and nobody to take it");
    assert_eq!(reason(&refused), "SPLIT_IMPOSSIBLE");
    let by_rate = |split: &mut pb::Split| {
        let measure = pb::Measure::PaymentConversion.into();
        let history = Some(pb::SplitHistory { days: days("2020-05-01", "2020-05-31"), measure });
        let basis = pb::SplitBasis::History.into();
        split.days = Some(pb::SplitLevel { basis, weights: vec![], history });
    };
    check(by_rate, "split.days.history.measure").await;
    let leads = pb::Split { include_leads: true, team_ids: vec!["t1".to_owned()], ..even() };
    let with_lead = split(&test, &target.etag, leads).await.expect("splits");
    assert_eq!(parts(&with_lead).len(), 4);
}

/// In May p1 had three chats each Monday, p3 one each Sunday; in June p1 two on the 1st, p3 one on the 2nd, and a9 one.
async fn with_chats(test: &TestMetrics) {
    let mut sent = Vec::new();
    for (week, monday) in [4, 11, 18, 25].into_iter().enumerate() {
        for n in 0..3 {
            sent.push(chat(
                &format!("m-{week}-{n}"),
                "a1",
                &format!("b{n}"),
                &format!("2020-05-{monday:02}T10:00:00"),
                CHAT,
            ));
        }
        let sunday = monday + 6;
        sent.push(chat(&format!("s-{week}"), "a3", "b", &format!("2020-05-{sunday:02}T10:00:00"), CHAT));
    }
    sent.push(chat("j-1", "a1", "b1", "2020-06-01T10:00:00", CHAT));
    sent.push(chat("j-2", "a1", "b2", "2020-06-01T11:00:00", CHAT));
    sent.push(chat("j-3", "a3", "b3", "2020-06-02T10:00:00", CHAT));
    sent.push(chat("j-4", "a9", "b4", "2020-06-02T10:00:00", CHAT));
    test.send(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_read_from_the_figures() {
    let test = shop().await;
    with_chats(&test).await;
    let target = create(&test, sales(1_600, 0)).await.expect("creates");
    let history = || {
        let days = days("2020-05-04", "2020-05-31");
        let history = Some(pb::SplitHistory { days, measure: pb::Measure::Conversations.into() });
        Some(pb::SplitLevel { basis: pb::SplitBasis::History.into(), weights: vec![], history })
    };
    let by_history = pb::Split { teams: history(), people: history(), days: history(), ..Default::default() };
    split(&test, &target.etag, by_history).await.expect("splits");
    let found = get_as(&test, &caller()).await.expect("answers");
    let expected = [
        ("t1", "", 120_000),
        ("t1", "p1", 120_000),
        ("t1", "p2", 0),
        ("t2", "", 40_000),
        ("t2", "p3", 40_000),
    ];
    assert_eq!(parts(&found), expected);
    let days = &found.parts[1].days;
    // June 2020 has five Mondays and four Sundays: 3 × 5 + 1 × 4 = 19 shares.
    assert_eq!(units(days[0].value.as_ref()), 18_948);
    assert_eq!(units(days[1].value.as_ref()), 0);
    assert_eq!(units(days[6].value.as_ref()), 6_316);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_adds_up_and_says_what_the_end_will_be() {
    let test = shop().await;
    with_chats(&test).await;
    let target = create(&test, chats(90.0)).await.expect("creates");
    split(&test, &target.etag, even()).await.expect("splits");
    let found = progress_as(&test, &caller(), Some("2020-06-02")).await.expect("answers");
    let row = |row: &pb::TargetProgress| {
        let actual = row.actual.as_ref().expect("actual").numerator;
        (row.name.clone(), units(row.target.as_ref()), units(row.target_to_date.as_ref()), actual)
    };
    let rows: Vec<_> = found.rows.iter().map(row).collect();
    let named = |name: &str, target, to_date, actual| (name.to_owned(), target, to_date, actual);
    let expected = [
        named("", 90, 6, 4),
        named("t1组", 60, 4, 2),
        named("p1某", 30, 2, 2),
        named("p2某", 30, 2, 0),
        named("t2组", 30, 2, 1),
        named("p3某", 30, 2, 1),
    ];
    assert_eq!(rows, expected);
    assert_eq!(found.outside.expect("outside").numerator, 1, "the lead's chat is nobody's part");
    let forecast = found.forecast.expect("a forecast");
    assert_eq!(forecast.weekday_weights, [7_500, 0, 0, 0, 0, 0, 2_500]);
    assert_eq!((forecast.elapsed_weight, forecast.whole_weight), (7_500, 47_500));
    assert_eq!(forecast.history, days("2020-05-04", "2020-05-31"));
    // 4 × 47,500 ÷ 7,500 = 25.3.
    assert_eq!((units(found.rows[0].forecast.as_ref()), found.rows[0].forecast_reaches), (25, Some(false)));
    assert_eq!(found.rows[2].attainment_to_date, Some(1.0));
    assert!(found.provisional);

    let last = progress_as(&test, &caller(), None).await.expect("answers");
    assert_eq!(last.through, Some(date("2020-06-29")), "today is not over");
    let today = progress_as(&test, &caller(), Some("2020-06-30")).await.expect_err("is not over");
    assert_eq!((today.code(), reason(&today).as_str()), (Code::FailedPrecondition, "DAY_NOT_OVER"));
    assert_eq!(
        field(&progress_as(&test, &caller(), Some("2020-07-01")).await.expect_err("is outside")),
        "through"
    );
}

/// b-1 pays 100.00 and b-2 50.01 after chats with a1 and a3, b-9 20.00 without any; b-1 gets 30.00 back weeks later.
/// In May b-1 bought for 10.00 from a1 and b-2 for 30.00 from a3.
async fn with_sales(test: &TestMetrics) {
    let mut chats = Vec::new();
    let mut facts = Vec::new();
    for (customer, account, day, paid) in [
        ("b-1", Some("a1"), "2020-05-04", 1_000),
        ("b-2", Some("a3"), "2020-05-04", 3_000),
        ("b-1", Some("a1"), "2020-06-01", 10_000),
        ("b-2", Some("a3"), "2020-06-02", 5_001),
        ("b-9", None, "2020-06-02", 2_000),
    ] {
        let order_id = format!("o-{customer}-{day}");
        if let Some(account) = account {
            let chat_id = format!("c-{customer}-{day}");
            chats.push(chat(&chat_id, account, customer, &format!("{day}T10:00:00"), CHAT));
        }
        let of = |fact| pb::Fact { customer_id: customer.to_owned(), ..fact };
        facts.push(of(fact(&order_id, &format!("{day}T11:00:00"), order(&["p"]))));
        let pays = payment(&order_id, paid);
        facts.push(of(fact(&format!("p-{customer}-{day}"), &format!("{day}T11:10:00"), pays)));
    }
    let back = refund("o-b-1-2020-06-01", 3_000, pb::RefundKind::RefundOnly, Some("2020-06-20T10:00:00"));
    facts.push(fact("r-1", "2020-06-19T10:00:00", back));
    test.send(chats).await;
    test.send_facts(facts).await;
    test.counted().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_are_followed_to_the_cent_by_whoever_sold_and_by_nobody() {
    let test = shop().await;
    with_sales(&test).await;
    for (basis, p1, p3, outside) in [
        (pb::SalesBasis::Paid, 10_000, 5_001, 2_000),
        (pb::SalesBasis::Net, 7_000, 5_001, 2_000),
        (pb::SalesBasis::Ordered, 10_000, 10_000, 10_000),
    ] {
        let goal = pb::SalesGoal { amount: cny(300, 0), basis: basis.into() };
        let id = basis.as_str_name().to_lowercase();
        let asked = pb::CreateTargetRequest { target_id: id.clone(), sales: Some(goal), ..sales(1, 0) };
        let target = create(&test, asked).await.expect("creates");
        let asked = pb::SplitTargetRequest {
            target_id: id.clone(),
            split: Some(even()),
            etag: target.etag,
            request_id: String::new(),
        };
        client(&test).split_target(test.by(&caller(), asked)).await.expect("splits");
        let message = pb::GetTargetProgressRequest { target_id: id, through: Some(date("2020-06-29")) };
        let found = client(&test).get_target_progress(test.by(&caller(), message)).await.expect("answers");
        let found = found.into_inner();
        let reached = |person: &str| {
            let row = found.rows.iter().find(|row| row.person_id == person && !row.team_id.is_empty());
            let actual = row.expect("a row").actual.expect("an actual");
            (actual.numerator, actual.denominator)
        };
        assert_eq!((reached("p1"), reached("p3"), reached("p2")), ((p1, 0), (p3, 0), (0, 0)), "{basis:?}");
        assert_eq!(found.outside.expect("outside").numerator, outside, "{basis:?}: silent sales");
        let whole = found.rows[0].actual.expect("an actual").numerator;
        assert_eq!(whole, p1 + p3 + outside, "{basis:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn past_sales_weigh_who_takes_part() {
    let test = shop().await;
    with_sales(&test).await;
    let target = create(&test, sales(400, 0)).await.expect("creates");
    let history = || {
        let history = Some(pb::SplitHistory { days: days("2020-05-01", "2020-05-31"), measure: 0 });
        Some(pb::SplitLevel { basis: pb::SplitBasis::History.into(), weights: vec![], history })
    };
    let by_sales = pb::Split { teams: history(), people: history(), ..even() };
    let found = split(&test, &target.etag, by_sales).await.expect("splits");
    let expected =
        [("t1", "", 10_000), ("t1", "p1", 10_000), ("t1", "p2", 0), ("t2", "", 30_000), ("t2", "p3", 30_000)];
    assert_eq!(parts(&found), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_and_times_are_everybodys_own_goal() {
    let test = shop().await;
    with_chats(&test).await;
    let response = pb::IndicatorGoal {
        measure: pb::Measure::FirstResponse.into(),
        direction: pb::GoalDirection::AtMost.into(),
        value: 25.0,
    };
    let target = create(&test, pb::CreateTargetRequest { indicator: Some(response), ..chats(1.0) })
        .await
        .expect("creates");
    let target = split(&test, &target.etag, even()).await.expect("splits");
    assert!(target.parts.iter().all(|part| part.value.as_ref().and_then(|value| value.level) == Some(25.0)));
    let stricter = Some(pb::TargetValue { level: Some(18.5), ..Default::default() });
    let stricter =
        pb::OverrideTargetPartRequest { person_id: "p1".to_owned(), ..overriding(&target.etag, stricter) };
    set(&test, stricter).await.expect("sets");
    let found = progress_as(&test, &caller(), None).await.expect("answers");
    let of = |person: &str| found.rows.iter().find(|row| row.person_id == person).expect("a row");
    let whole = &found.rows[0];
    assert_eq!((whole.attainment, whole.forecast_reaches), (Some(1.25), Some(true)));
    assert_eq!(whole.actual.as_ref().map(|rate| (rate.numerator, rate.denominator)), Some((80_000, 4)));
    assert_eq!((of("p1").forecast_reaches, of("p2").attainment), (Some(false), None));
    let missing = progress_as(&test, &agent("p2"), None).await.expect("is theirs");
    assert_eq!(missing.rows.iter().map(|row| row.person_id.as_str()).collect::<Vec<_>>(), ["p2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_their_own_part() {
    let test = shop().await;
    with_chats(&test).await;
    let target = create(&test, chats(90.0)).await.expect("creates");
    let unsplit = get_as(&test, &agent("p1")).await.expect_err("nobody has a part yet");
    assert_eq!((unsplit.code(), reason(&unsplit).as_str()), (Code::NotFound, "TARGET_NOT_FOUND"));
    split(&test, &target.etag, even()).await.expect("splits");
    let own = get_as(&test, &agent("p1")).await.expect("is theirs");
    assert_eq!(parts(&own), [("t1", "p1", 30)]);
    let weights = own.split.and_then(|split| split.people).expect("people").weights;
    assert!(weights.is_empty(), "{weights:?}");
    let lead = caller().person("p9").roles(&[Role::Lead]);
    let led = get_as(&test, &lead).await.expect("leads t1");
    assert_eq!(parts(&led), [("t1", "", 60), ("t1", "p1", 30), ("t1", "p2", 30)]);
    let progress = progress_as(&test, &lead, None).await.expect("answers");
    assert_eq!((progress.rows.len(), progress.outside), (3, None));
    get_as(&test, &agent("p9")).await.expect_err("has no part");
    get_as(&test, &caller().of("other")).await.expect_err("is another merchant's");

    let list = async |who: &TestCaller, asked: pb::ListTargetsRequest| {
        let page = client(&test).list_targets(test.by(who, asked)).await.expect("lists").into_inner();
        page.targets.into_iter().map(|target| target.target_id).collect::<Vec<_>>()
    };
    let june = || pb::ListTargetsRequest { days: days("2020-06-30", "2020-07-31"), ..Default::default() };
    create(&test, pb::CreateTargetRequest { target_id: "u".to_owned(), ..sales(5, 0) })
        .await
        .expect("creates");
    assert_eq!(list(&caller(), june()).await, ["t", "u"]);
    assert_eq!(list(&agent("p3"), june()).await, ["t"]);
    let page = pb::ListTargetsRequest { page_size: 1, ..june() };
    assert_eq!(list(&caller(), page).await, ["t"]);
    let may = pb::ListTargetsRequest { days: days("2020-05-01", "2020-05-31"), ..Default::default() };
    assert_eq!(list(&caller(), may).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_changed_summed_up_or_given_up() {
    let test = shop().await;
    let target = create(&test, chats(90.0)).await.expect("creates");
    let target = split(&test, &target.etag, even()).await.expect("splits");
    let update = |etag: &str, asked: pb::CreateTargetRequest| pb::UpdateTargetRequest {
        target_id: "t".to_owned(),
        name: "更高".to_owned(),
        sales: asked.sales,
        indicator: asked.indicator,
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    let raised = client(&test).update_target(test.by(&caller(), update(&target.etag, chats(120.0)))).await;
    let raised = raised.expect("updates").into_inner().target.expect("a target");
    assert_eq!(parts(&raised)[0], ("t1", "", 80), "is split again");
    let other = client(&test).update_target(test.by(&caller(), update(&raised.etag, sales(1, 0)))).await;
    assert_eq!(field(&other.expect_err("is another goal")), "goal");

    let close = || pb::CloseTargetRequest {
        target_id: "t".to_owned(),
        summary: Some(pb::TargetSummary { shortcomings: "首周不足".to_owned(), ..Default::default() }),
        etag: raised.etag.clone(),
        request_id: "c-1".to_owned(),
    };
    let early = client(&test).close_target(test.by(&caller(), close())).await.expect_err("goes on");
    assert_eq!((early.code(), reason(&early).as_str()), (Code::FailedPrecondition, "TARGET_NOT_OVER"));
    test.clock.set("2020-07-01T09:00:00+08:00");
    let closed = client(&test).close_target(test.by(&caller(), close())).await.expect("closes").into_inner();
    let closed = closed.target.expect("a target");
    assert_eq!((closed.state(), closed.summary.clone()), (pb::TargetState::Closed, close().summary));
    let withdraw = pb::WithdrawTargetRequest {
        target_id: "t".to_owned(),
        etag: closed.etag.clone(),
        request_id: String::new(),
    };
    let refused = client(&test).withdraw_target(test.by(&caller(), withdraw)).await.expect_err("is closed");
    assert_eq!(reason(&refused), "TARGET_STATE");
    let all = progress_as(&test, &caller(), None).await.expect("answers");
    assert_eq!(all.through, Some(date("2020-06-30")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_with_its_field() {
    let test = TestMetrics::start().await;
    let check = async |request: pb::CreateTargetRequest, expected: &str| {
        let refused = create(&test, request).await.expect_err(expected);
        assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, expected));
    };
    check(pb::CreateTargetRequest { sales: None, ..sales(1, 0) }, "sales").await;
    check(pb::CreateTargetRequest { indicator: chats(1.0).indicator, ..sales(1, 0) }, "sales").await;
    check(sales(0, 0), "sales.amount").await;
    check(sales(-1, 0), "sales.amount.units").await;
    let foreign = Some(Money { currency_code: "USD".to_owned(), units: 1, nanos: 0 });
    let basis = pb::SalesBasis::Paid.into();
    let dollars = Some(pb::SalesGoal { amount: foreign, basis });
    check(pb::CreateTargetRequest { sales: dollars, ..sales(1, 0) }, "sales.amount.currency_code").await;
    check(chats(1.5), "indicator.value").await;
    check(pb::CreateTargetRequest { days: days("2020-06-02", "2020-06-01"), ..sales(1, 0) }, "days.to").await;
    let unknown =
        create(&test, pb::CreateTargetRequest { definition_id: "none".to_owned(), ..sales(1, 0) }).await;
    assert_eq!(reason(&unknown.expect_err("is none")), "DEFINITION_NOT_FOUND");
}
