//! Figures by group and step, and who sees which.

use proto::access::Role;
use proto::metrics::v1 as pb;
use testkit::caller;
use tonic::Code;

use crate::support::{TestMetrics, asking, chat, date, days, reason};

const CHAT: &[&str] = &["0 C", "20 A"];
const MAY: (&str, &str) = ("2020-05-01", "2020-05-31");

/// Three agents in two teams, an account of nobody, two shops, two days.
async fn shop() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    let mut other_shop = chat("c-5", "a3", "b-1", "2020-05-13T10:00:00", CHAT);
    other_shop.shop_id = "moon".to_owned();
    test.send(vec![
        chat("c-1", "a1", "b-1", "2020-05-12T10:00:00", CHAT),
        chat("c-2", "a1", "b-1", "2020-05-13T10:00:00", CHAT),
        chat("c-3", "a1", "b-1", "2020-05-13T11:00:00", CHAT),
        chat("c-4", "a2", "b-1", "2020-05-13T10:00:00", CHAT),
        other_shop,
        chat("c-6", "nobody", "b-2", "2020-05-13T10:00:00", CHAT),
    ])
    .await;
    test
}

fn keys(rows: &[pb::Figures]) -> Vec<(&str, i64)> {
    rows.iter().map(|row| (row.key.as_str(), row.conversations)).collect()
}

fn may(group: pb::Group) -> pb::GetFiguresRequest {
    asking(group, MAY.0, MAY.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_add_up_to_the_whole() {
    let test = shop().await;
    assert_eq!(
        keys(&test.figures(may(pb::Group::Account)).await),
        [("a1", 3), ("a2", 1), ("a3", 1), ("nobody", 1)]
    );
    assert_eq!(keys(&test.figures(may(pb::Group::Person)).await), [("", 1), ("p1", 3), ("p2", 1), ("p3", 1)]);
    assert_eq!(keys(&test.figures(may(pb::Group::Team)).await), [("", 1), ("t1", 4), ("t2", 1)]);
    assert_eq!(keys(&test.figures(may(pb::Group::Shop)).await), [("moon", 1), ("star", 5)]);
    let whole = test.figures(may(pb::Group::Merchant)).await;
    assert_eq!(keys(&whole), [("", 6)]);
    assert_eq!((whole[0].active_accounts, whole[0].provisional), (4, true));
    let teams = test.figures(may(pb::Group::Team)).await;
    assert_eq!(teams.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["", "t1组", "t2组"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_counts_once_per_account_and_day_and_once_at_all_if_asked() {
    let test = shop().await;
    let distinct = pb::GetFiguresRequest { distinct_customers: true, ..may(pb::Group::Account) };
    let rows = test.figures(distinct).await;
    assert_eq!((rows[0].received_customers, rows[0].distinct_customers), (2, Some(1)));
    let whole = pb::GetFiguresRequest { distinct_customers: true, ..may(pb::Group::Merchant) };
    let whole = test.figures(whole).await;
    assert_eq!((whole[0].received_customers, whole[0].distinct_customers), (5, Some(2)));
    assert_eq!(test.figures(may(pb::Group::Merchant)).await[0].distinct_customers, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_cut_the_range_and_pages_follow_each_other() {
    let test = shop().await;
    let daily = pb::GetFiguresRequest { step: pb::Step::Day.into(), page_size: 2, ..may(pb::Group::Account) };
    let rows = test.figures(daily).await;
    let found: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.from.expect("a day").day)).collect();
    assert_eq!(found, [("a1", 12), ("a1", 13), ("a2", 13), ("a3", 13), ("nobody", 13)]);

    let month = asking(pb::Group::Shop, "2020-05-13", "2020-06-10");
    let month = pb::GetFiguresRequest { step: pb::Step::Month.into(), ..month };
    let rows = test.figures(month).await;
    assert_eq!((rows[0].from, rows[0].to), (Some(date("2020-05-13")), Some(date("2020-05-31"))));
    assert_eq!(keys(&rows), [("moon", 1), ("star", 4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_what_is_added_up() {
    let test = shop().await;
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let check = async |filter: pb::Filter, expected: i64| {
        let rows =
            test.figures(pb::GetFiguresRequest { filter: Some(filter), ..may(pb::Group::Merchant) }).await;
        assert_eq!(rows.iter().map(|row| row.conversations).sum::<i64>(), expected);
    };
    check(pb::Filter { account_ids: ids(&["a1", "nobody"]), ..Default::default() }, 4).await;
    check(pb::Filter { person_ids: ids(&["p2", "p3"]), ..Default::default() }, 2).await;
    check(pb::Filter { team_ids: ids(&["t1"]), ..Default::default() }, 4).await;
    check(pb::Filter { shop_ids: ids(&["moon"]), ..Default::default() }, 1).await;
    check(pb::Filter { team_ids: ids(&["t1"]), shop_ids: ids(&["moon"]), ..Default::default() }, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_only_what_their_scope_reaches() {
    let test = shop().await;
    let check = async |who: testkit::TestCaller, group, expected: &[(&str, i64)]| {
        let rows = test.figures_as(&who, may(group)).await.expect("answers");
        assert_eq!(keys(&rows), expected, "{who:?}");
    };
    let agent = caller().person("p1").roles(&[Role::Agent]);
    check(agent.clone(), pb::Group::Account, &[("a1", 3)]).await;
    check(agent.clone(), pb::Group::Merchant, &[("", 3)]).await;
    check(agent, pb::Group::Team, &[("t1", 3)]).await;
    let lead = caller().person("p2").roles(&[Role::Lead]);
    check(lead.clone(), pb::Group::Account, &[("a1", 3), ("a2", 1)]).await;
    check(lead, pb::Group::Shop, &[("star", 4)]).await;
    let no_lead = caller().person("p3").roles(&[Role::Lead]);
    check(no_lead, pb::Group::Account, &[("a3", 1)]).await;
    let supervisor = caller().roles(&[Role::Supervisor]);
    check(supervisor, pb::Group::Merchant, &[("", 6)]).await;
    let stranger = caller().of("other").person("p1").roles(&[Role::Manager]);
    check(stranger, pb::Group::Merchant, &[]).await;
    // A filter reaches no further than the scope.
    let filter = Some(pb::Filter { account_ids: vec!["a3".to_owned()], ..Default::default() });
    let agent = caller().person("p1").roles(&[Role::Agent]);
    let request = pb::GetFiguresRequest { filter, ..may(pb::Group::Account) };
    assert_eq!(test.figures_as(&agent, request).await.expect("answers"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_with_its_field() {
    let test = TestMetrics::start().await;
    let check = async |request: pb::GetFiguresRequest, field: &str| {
        let refused = test.figures_as(&caller(), request).await.expect_err(field);
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        let fields = status::Problem::from_status(&refused).violations;
        assert!(fields.iter().any(|at| at.field == field), "{field} is not in {fields:?}");
    };
    check(may(pb::Group::Unspecified), "group").await;
    check(pb::GetFiguresRequest { days: None, ..may(pb::Group::Shop) }, "days").await;
    check(asking(pb::Group::Shop, "2020-05-02", "2020-05-01"), "days.to").await;
    check(asking(pb::Group::Shop, "2000-01-01", "2020-05-01"), "days.to").await;
    check(pb::GetFiguresRequest { page_size: -1, ..may(pb::Group::Shop) }, "page_size").await;
    check(pb::GetFiguresRequest { page_token: "x".to_owned(), ..may(pb::Group::Shop) }, "page_token").await;
    let mut no_day = may(pb::Group::Shop);
    no_day.days.as_mut().and_then(|days| days.from.as_mut()).expect("a day").month = 13;
    check(no_day, "days.from").await;
    let filter = Some(pb::Filter { account_ids: vec!["a\0".to_owned()], ..Default::default() });
    check(pb::GetFiguresRequest { filter, ..may(pb::Group::Shop) }, "filter.account_ids[0]").await;

    let definition = Some(pb::DefinitionRef { definition_id: "none".to_owned(), version: 0 });
    let request = pb::GetFiguresRequest { definition, days: days(MAY.0, MAY.1), ..may(pb::Group::Shop) };
    let refused = test.figures_as(&caller(), request).await.expect_err("is refused");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "DEFINITION_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hot_queries_use_their_indexes() {
    let test = TestMetrics::start().await;
    let many: Vec<_> = (0..400)
        .map(|n| {
            let start = format!("2020-05-{:02}T10:00:00", n % 28 + 1);
            chat(&format!("c-{n}"), &format!("a-{}", n % 7), "b", &start, CHAT)
        })
        .collect();
    test.send(many).await;
    // The runtime role may not ANALYZE, and without statistics all plans look alike.
    let admin = pg::DatabaseConfig::new(test.database.admin_url());
    let admin = pg::connect(metrics::SCHEMA, &admin).await.expect("connects");
    let client = admin.side_client().await.expect("connects");
    client.batch_execute("ANALYZE").await.expect("analyses");
    client.batch_execute("SET enable_seqscan = off").await.expect("sets");
    let plan = async |sql: &str| -> String {
        let rows = client.query(&format!("EXPLAIN {sql}"), &[]).await.expect("explains");
        rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
    };
    let figures = plan(
        "SELECT sum(f.conversations), count(c.customer_id) FROM day_facts f JOIN day_customers c ON c.merchant_id = 'demo' \
         AND c.agent_day_id = f.agent_day_id WHERE f.merchant_id = 'demo' AND f.definition_seq = 1 \
         AND f.business_day BETWEEN '2020-05-03' AND '2020-05-04'",
    )
    .await;
    // Two constraints have the same columns, each by the name that a release knows.
    let keys = ["day_facts_known_pkey", "day_facts_pkey"];
    assert!(keys.iter().any(|key| figures.contains(key)), "{figures}");
    let page = plan(
        "SELECT * FROM conversation_facts WHERE merchant_id = 'demo' AND business_day BETWEEN '2020-05-03' AND '2020-05-31' \
         ORDER BY business_day, account_id, conversation_id, channel, shop_id LIMIT 100",
    )
    .await;
    assert!(!page.contains("Sort"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_spreads_over_all_members_whatever_the_page() {
    let test = shop().await;
    let ask = async |request: pb::GetFiguresRequest| {
        let answer = test.client.clone().get_figures(test.by(&caller(), request)).await;
        answer.map(tonic::Response::into_inner)
    };
    let whole = pb::GetFiguresRequest { summarize: true, page_size: 1, ..may(pb::Group::Person) };
    let answer = ask(whole.clone()).await.expect("answers");
    assert_eq!(answer.figures.len(), 1);
    let [summary] = answer.summaries.as_slice() else { panic!("one for the range: {answer:?}") };
    assert_eq!((summary.from, summary.to), (Some(date(MAY.0)), Some(date(MAY.1))));
    assert_eq!(summary.members, 3, "what belongs to nobody is no member");
    let of = |measure: pb::Measure| {
        let found = summary.measures.iter().find(|found| found.measure() == measure).expect("is told");
        (found.members, (found.numerator, found.denominator), found.mean, found.median, found.p90)
    };
    let conversations = (3, (5, 0), Some(5.0 / 3.0), Some(1.0), Some(3.0));
    assert_eq!(of(pb::Measure::Conversations), conversations);
    let response = (3, (100_000, 5), Some(20.0), Some(20.0), Some(20.0));
    assert_eq!(of(pb::Measure::FirstResponse), response);
    assert_eq!(of(pb::Measure::Satisfaction), (0, (0, 0), None, None, None));

    // A step has its own; a day without anything has none.
    let daily = pb::GetFiguresRequest { step: pb::Step::Day.into(), ..whole.clone() };
    let summaries = ask(daily).await.expect("answers").summaries;
    let days: Vec<_> = summaries.iter().map(|summary| (summary.from, summary.members)).collect();
    assert_eq!(days, [(Some(date("2020-05-12")), 1), (Some(date("2020-05-13")), 3)]);
    let window =
        pb::Window { label: "二日".to_owned(), days: crate::support::days("2020-05-12", "2020-05-13") };
    let windows = pb::GetFiguresRequest {
        step: pb::Step::Window.into(),
        windows: vec![window],
        days: None,
        ..whole.clone()
    };
    let summaries = ask(windows).await.expect("answers").summaries;
    assert_eq!((summaries[0].label.as_str(), summaries[0].members), ("二日", 3));
    assert!(ask(may(pb::Group::Person)).await.expect("answers").summaries.is_empty(), "nobody asked");
    for refused in [
        pb::GetFiguresRequest { step: pb::Step::Hour.into(), ..whole.clone() },
        pb::GetFiguresRequest { group: pb::Group::Product.into(), ..whole },
    ] {
        let status = ask(refused).await.expect_err("is refused");
        let problem = status::Problem::from_status(&status);
        assert!(problem.violations.iter().any(|violation| violation.field == "summarize"), "{status:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_the_bot_proposed_are_the_agents_and_their_share_is_told() {
    let test = TestMetrics::start().await;
    let day = "2020-05-13";
    let mut proposed =
        chat("c-1", "a1", "b-1", &format!("{day}T10:00:00"), &["0 C", "3 B", "10 P", "60 C", "90 A"]);
    test.send(vec![proposed.clone(), chat("c-2", "a1", "b-2", &format!("{day}T11:00:00"), &["0 C", "20 A"])])
        .await;
    let row = async || test.figures(asking(pb::Group::Account, day, day)).await.remove(0);
    let share = |row: &pb::Figures| row.assisted_reply_rate.map(|rate| (rate.numerator, rate.denominator));
    let first = row().await;
    assert_eq!((first.replies, first.received_customers, share(&first)), (3, 2, Some((1, 3))));
    let answered = first.response.expect("answers");
    assert_eq!((answered.count, answered.sum_ms), (3, 60_000), "the agent answered, not the bot");
    let mut explain = pb::ExplainFigureRequest {
        measure: pb::Measure::AssistedReplyRate.into(),
        days: days(day, day),
        ..Default::default()
    };
    let explained = test.client.clone().explain_figure(test.by(&caller(), explain.clone())).await;
    let explained = explained.expect("explains").into_inner();
    let parts: Vec<_> = explained.conversations.iter().map(|row| (row.numerator, row.denominator)).collect();
    assert_eq!(((explained.numerator, explained.denominator), parts), ((1, 3), vec![(1, 2), (0, 1)]));
    explain.measure = pb::Measure::BotQuestions.into();
    let bot = test.client.clone().explain_figure(test.by(&caller(), explain)).await.expect("explains");
    assert_eq!(bot.into_inner().numerator, 0, "nothing of it is a question to the bot");

    // A revision takes the mark back, and is not the same content without it.
    proposed.revision = 1;
    proposed.messages[2].assisted = false;
    let answer = test.send(vec![proposed.clone()]).await;
    assert_eq!(answer.counts.map(|counts| counts.accepted), Some(1));
    assert_eq!(share(&row().await), Some((0, 3)));
    proposed.messages[0].assisted = true;
    proposed.revision = 2;
    let refused = test.send(vec![proposed]).await.rejects;
    assert_eq!(refused[0].field, "messages[0].assisted", "no customer's message is one: {refused:?}");
}
