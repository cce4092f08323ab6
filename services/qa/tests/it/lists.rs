//! Every list is read by an index: no table is gone through from end to end, no page is sorted out of all rows, no month is
//! touched that was not asked for. The statements are those that the service itself runs, with the values it gives them.

use std::cell::RefCell;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use proto::common::v1::DayRange;
use proto::qa::v1 as pb;
use proto::qa::v1::appeal_service_client::AppealServiceClient;
use proto::qa::v1::attendance_service_client::AttendanceServiceClient;
use proto::qa::v1::buyer_review_service_client::BuyerReviewServiceClient;
use proto::qa::v1::calibration_service_client::CalibrationServiceClient;
use proto::qa::v1::check_service_client::CheckServiceClient;
use proto::qa::v1::privacy_service_client::PrivacyServiceClient;
use proto::qa::v1::quality_service_client::QualityServiceClient;
use proto::qa::v1::review_work_service_client::ReviewWorkServiceClient;
use proto::qa::v1::risk_service_client::RiskServiceClient;
use proto::qa::v1::weakness_service_client::WeaknessServiceClient;

use crate::builders::{DAY, agent, conversation, long_chats, manager, only};
use crate::support::TestQa;

/// A dry run that is over.
const DRY_RUN: &str = "01900000-0000-7000-8000-000000000001";

thread_local! {
    /// What the service ran since the last look, if anybody looks. A test on one thread shares it with the service, and with no
    /// other test.
    static RAN: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

struct Recorder;

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            RAN.with_borrow_mut(|ran| {
                if let Some(ran) = ran {
                    ran.push(query.to_string());
                }
            });
        }
    }
}

/// How the rows of a list come into their order.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// As the index has them: a page costs its own rows.
    Index,
    /// Sorted; what is sorted is bounded by what was asked for.
    Sorted,
}

/// The values of a statement, as literals.
fn values(binds: &str) -> Vec<String> {
    let inner = binds.trim().trim_start_matches('[').trim_end_matches(']');
    let (mut parts, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for letter in inner.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '[' | '(' if !quoted => depth += 1,
            ']' | ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is one").push(letter);
    }
    let literal = |part: &String| {
        let part = part.trim();
        let part = part.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(part);
        match part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            _ if part == "None" => "NULL".to_owned(),
            Some(items) => format!("'{{{items}}}'"),
            None => format!("'{}'", part.trim_matches('"')),
        }
    };
    parts.iter().filter(|part| !part.trim().is_empty()).map(literal).collect()
}

/// The statement with `fragment` that a call ran, with its values in it.
async fn ran<T>(name: &str, fragment: &str, call: impl Future<Output = Result<T, tonic::Status>>) -> String {
    RAN.set(Some(Vec::new()));
    let answer = call.await;
    let ran = RAN.take().unwrap_or_default();
    assert!(answer.is_ok(), "{name}: {:?}", answer.err());
    let statement = ran.iter().find(|ran| ran.contains(fragment));
    let statement = statement.unwrap_or_else(|| panic!("{name} ran nothing with {fragment}: {ran:#?}"));
    let (sql, binds) = statement.split_once("-- binds:").expect("values stand behind the statement");
    // From the last on: $1 is the beginning of $10.
    let values = values(binds).into_iter().enumerate().rev();
    values.fold(sql.to_owned(), |sql, (place, value)| sql.replace(&format!("${}", place + 1), &value))
}

/// How a statement is carried out, a line each; or why it can't be told.
async fn explained(admin: &testkit::Admin, options: &str, sql: &str) -> Result<Vec<String>, String> {
    let rows = admin.query(&format!("EXPLAIN ({options}) {sql}"), &[]).await;
    Ok(rows.map_err(|error| format!("{error:?} of {sql}"))?.iter().map(|row| row.get(0)).collect())
}

/// Whether rows are sorted into their order. What is looked up for each of them may be, being a row or two.
fn sorts(plan: &[String]) -> bool {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut below = usize::MAX;
    plan.iter().any(|line| {
        if depth(line) <= below {
            below = usize::MAX;
        }
        if line.trim_start().starts_with("SubPlan") {
            below = depth(line);
        }
        below == usize::MAX && line.contains("Sort")
    })
}

struct Lists {
    test: TestQa,
    admin: testkit::Admin,
    count: usize,
    wrong: Vec<String>,
}

impl Lists {
    /// Looks at how the statement with `fragment` that `call` ran is carried out.
    async fn look<T>(
        &mut self,
        name: &str,
        fragment: &str,
        order: Order,
        call: impl Future<Output = Result<T, tonic::Status>>,
    ) {
        let statement = ran(name, fragment, call).await;
        self.count += 1;
        let plan = match explained(&self.admin, "COSTS OFF", &statement).await {
            Ok(plan) => plan,
            Err(why) => return self.wrong.push(format!("{name}: {why}")),
        };
        let text = plan.join("\n");
        let unbounded = plan.iter().enumerate().any(|(place, line)| {
            let condition = plan.get(place + 1).is_some_and(|next| next.contains("Index Cond"));
            line.contains("Scan") && line.contains(" using ") && !condition
        });
        for (wrong, what) in [
            (text.contains("Seq Scan"), "goes through a table"),
            (unbounded, "goes through an index from end to end"),
            (order == Order::Index && sorts(&plan), "sorts"),
            (text.contains("_202004") || text.contains("_202006"), "touches another month"),
        ] {
            if wrong {
                self.wrong.push(format!("{name} ({fragment}) {what}:\n{text}"));
            }
        }
    }
}

#[tokio::test]
async fn every_list_is_read_by_an_index() {
    set_default_instrumentation(|| Some(Box::new(Recorder))).expect("nobody else sets it");
    let mut chats = long_chats("ann-account", 2);
    for (id, month) in [("april", 4), ("june", 6)] {
        let mut chat = crate::builders::chat(id, "ann-account", 11);
        chat.business_day = Some(proto::google::r#type::Date { month, ..DAY });
        chats.push(chat);
    }
    let test = TestQa::with_day(&chats).await;
    test.draw(DAY).await;
    // The months of hits are made when chats are checked, in the background.
    test.all_checked().await;
    test.sql(&format!(
        "INSERT INTO qa.dry_runs (merchant_id, dry_run_id, rule_set_version, rules, from_day, to_day, state, chats_expected, \
            held_until, created_by, created_at) \
         VALUES ('demo', '{DRY_RUN}', 1, '', '2020-05-19', '2020-05-19', 3, 0, now(), '', now())"
    ))
    .await;
    let admin = test.database.admin(qa::SCHEMA).await;
    // Tables of some rows are quicker to read whole, and would be here: what counts is whether an index could do it.
    admin
        .batch_execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
        .await
        .expect("sets");
    let mut lists = Lists { test, admin, count: 0, wrong: Vec::new() };
    let channel = lists.test.channel.clone();
    let (mut qa, mut work) = (lists.test.client(), ReviewWorkServiceClient::new(channel.clone()));
    let (mut checks, mut appeals) =
        (CheckServiceClient::new(channel.clone()), AppealServiceClient::new(channel.clone()));
    let mut calibration = CalibrationServiceClient::new(channel.clone());
    let (mut privacy, mut risks) =
        (PrivacyServiceClient::new(channel.clone()), RiskServiceClient::new(channel.clone()));
    let (mut weaknesses, mut quality) =
        (WeaknessServiceClient::new(channel.clone()), QualityServiceClient::new(channel.clone()));
    let (mut attendance, mut buyer_reviews) =
        (AttendanceServiceClient::new(channel.clone()), BuyerReviewServiceClient::new(channel));
    let days: Option<DayRange> = only(DAY);
    macro_rules! list {
        ($client:ident . $method:ident, $who:expr, $message:expr, $fragment:expr, $order:ident) => {
            let request = lists.test.identity.request(&$who, $message);
            lists.look(stringify!($method), $fragment, Order::$order, $client.$method(request)).await;
        };
    }
    use pb::*;
    let boss = manager();

    list!(qa.list_draws, boss, ListDrawsRequest { days, ..Default::default() }, "FROM seeds s", Index);
    let of_day = GetDrawRequest { business_day: Some(DAY) };
    list!(qa.get_draw, boss, of_day, "s.size > s.drawn", Sorted);
    list!(
        qa.get_coverage,
        boss,
        GetCoverageRequest { days, ..Default::default() },
        "generate_series",
        Sorted
    );
    list!(qa.list_reviews, boss, ListReviewsRequest::default(), "FROM reviews r", Index);
    let of_reviewer = ListReviewsRequest { reviewer_person_id: "rita".into(), ..Default::default() };
    list!(qa.list_reviews, boss, of_reviewer, "r.reviewer_person_id = $3", Index);
    list!(qa.list_reviews, agent("ann"), ListReviewsRequest::default(), "FROM reviews r", Sorted);
    list!(qa.list_reviewers, boss, ListReviewersRequest::default(), "FROM reviews r", Sorted);
    list!(qa.list_scorecards, boss, ListScorecardsRequest::default(), "FROM scorecards", Index);
    list!(
        qa.list_conversation_reads,
        boss,
        ListConversationReadsRequest::default(),
        "FROM conversation_reads",
        Index
    );
    let of_person = ListConversationReadsRequest { person_id: "rita".into(), ..Default::default() };
    list!(qa.list_conversation_reads, boss, of_person, "FROM conversation_reads", Index);
    let of_chat = ListConversationReadsRequest {
        conversation: Some(conversation("ann-account-0")),
        ..Default::default()
    };
    list!(qa.list_conversation_reads, boss, of_chat, "FROM conversation_reads", Index);

    let absences = ListReviewerAbsencesRequest { days, ..Default::default() };
    list!(work.list_reviewer_absences, boss, absences, "FROM reviewer_absences", Index);
    list!(work.list_overdue_reviews, boss, ListOverdueReviewsRequest::default(), "r.due_day <", Index);
    list!(
        attendance.list_leaves,
        boss,
        ListLeavesRequest { days, ..Default::default() },
        "FROM leaves",
        Index
    );

    list!(checks.list_hits, boss, ListHitsRequest { days, ..Default::default() }, "FROM check_hits r", Index);
    let of_rule = ListHitsRequest { days, rule_ids: vec!["best".into()], ..Default::default() };
    list!(checks.list_hits, boss, of_rule, "FROM check_hits r", Sorted);
    let of_account = ListHitsRequest { days, account_id: "ann-account".into(), ..Default::default() };
    list!(checks.list_hits, boss, of_account, "FROM check_hits r", Index);
    list!(
        checks.list_hits,
        agent("ann"),
        ListHitsRequest { days, ..Default::default() },
        "FROM check_hits r",
        Sorted
    );
    list!(
        checks.list_check_rule_sets,
        boss,
        ListCheckRuleSetsRequest::default(),
        "FROM check_rule_sets s",
        Index
    );
    list!(checks.list_dry_runs, boss, ListDryRunsRequest::default(), "FROM dry_runs", Index);
    let found =
        ListDryRunFiguresRequest { dry_run_id: DRY_RUN.into(), by_account: true, ..Default::default() };
    list!(checks.list_dry_run_figures, boss, found, "FROM dry_run_figures f", Sorted);
    let together = ListDryRunFiguresRequest { dry_run_id: DRY_RUN.into(), ..Default::default() };
    list!(checks.list_dry_run_figures, boss, together, "FROM dry_run_figures f", Sorted);
    let examples = ListDryRunExamplesRequest { dry_run_id: DRY_RUN.into(), ..Default::default() };
    list!(checks.list_dry_run_examples, boss, examples, "FROM dry_run_examples", Index);
    let of_rule = ListDryRunExamplesRequest {
        dry_run_id: DRY_RUN.into(),
        rule_id: "best".into(),
        ..Default::default()
    };
    list!(checks.list_dry_run_examples, boss, of_rule, "FROM dry_run_examples", Index);
    let figures =
        GetCheckFiguresRequest { days, group: CheckFigureGroup::Account.into(), ..Default::default() };
    list!(checks.get_check_figures, boss, figures, "FROM check_days r", Sorted);
    let accuracy = GetRuleAccuracyRequest { days };
    list!(checks.get_rule_accuracy, boss, accuracy, "FROM hit_judgements", Sorted);

    list!(appeals.list_appeals, boss, ListAppealsRequest::default(), "FROM appeals a", Index);
    let to_decide = ListAppealsRequest { second_reviewer_person_id: "rita".into(), ..Default::default() };
    list!(appeals.list_appeals, boss, to_decide, "FROM appeals a", Index);
    list!(
        calibration.list_calibrations,
        boss,
        ListCalibrationsRequest::default(),
        "FROM calibration_sessions",
        Index
    );
    list!(
        calibration.list_calibration_cases,
        boss,
        ListCalibrationCasesRequest::default(),
        "FROM calibration_cases c",
        Index
    );
    list!(
        calibration.list_raters,
        boss,
        ListRatersRequest { days, ..Default::default() },
        "FROM appeals a",
        Sorted
    );

    let received = ListBuyerReviewsRequest { days, ..Default::default() };
    list!(buyer_reviews.list_buyer_reviews, boss, received.clone(), "ORDER BY r.reviewed_day DESC", Index);
    list!(buyer_reviews.list_buyer_reviews, agent("ann"), received, "ORDER BY r.reviewed_day DESC", Index);
    let of_owner = ListBuyerReviewsRequest { days, owner_person_id: "ann".into(), ..Default::default() };
    list!(buyer_reviews.list_buyer_reviews, boss, of_owner, "ORDER BY r.reviewed_day DESC", Index);
    let collected = ListCollectedBuyerReviewsRequest::default();
    list!(buyer_reviews.list_collected_buyer_reviews, boss, collected, "ORDER BY r.collected_at DESC", Index);

    list!(privacy.list_holds, boss, ListHoldsRequest::default(), "FROM legal_holds", Index);
    list!(
        privacy.list_erasures,
        boss,
        ListErasuresRequest::default(),
        "FROM erasures WHERE merchant_id = $1 AND ($2",
        Index
    );
    list!(
        risks.list_risk_reviews,
        boss,
        ListRiskReviewsRequest { days, ..Default::default() },
        "FROM risk_reviews r",
        Index
    );
    list!(weaknesses.list_weaknesses, boss, ListWeaknessesRequest::default(), "FROM weaknesses w", Index);
    let of_person = ListWeaknessesRequest { person_id: "ann".into(), ..Default::default() };
    list!(weaknesses.list_weaknesses, boss, of_person, "FROM weaknesses w", Index);
    let report = GetQualityRequest { days, group: QualityGroup::Person.into(), ..Default::default() };
    list!(quality.get_quality, boss, report, "FROM draw_agents d", Sorted);
    list!(quality.get_quality, boss, report_of_reviews(days), "FROM reviews r WHERE", Index);
    assert!(lists.wrong.is_empty(), "{}", lists.wrong.join("\n\n"));
    assert_eq!(lists.count, 42);
}

fn report_of_reviews(days: Option<DayRange>) -> pb::GetQualityRequest {
    pb::GetQualityRequest { days, group: pb::QualityGroup::Criterion.into(), ..Default::default() }
}

/// Buffers that a statement touches.
async fn buffers(admin: &testkit::Admin, statement: &str) -> i64 {
    let lines = explained(admin, "ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF", statement).await;
    let lines = lines.expect("explains");
    // The first line is of the whole statement.
    let whole = lines.iter().find(|line| line.contains("Buffers: shared")).expect("buffers are told");
    whole.split(['=', ' ']).filter_map(|part| part.parse::<i64>().ok()).sum()
}

#[tokio::test]
async fn coverage_and_reports_of_drawn_days_cost_the_same_however_many_chats_there_were() {
    set_default_instrumentation(|| Some(Box::new(Recorder))).expect("nobody else sets it");
    let test =
        TestQa::with_day(&[long_chats("ann-account", 20), long_chats("ben-account", 20)].concat()).await;
    test.draw(DAY).await;
    let days = only(DAY);
    let (mut qa, mut quality) = (test.client(), QualityServiceClient::new(test.channel.clone()));
    let asked = test.by(&manager(), pb::GetCoverageRequest { days, ..Default::default() });
    let coverage = ran("coverage", "generate_series", qa.get_coverage(asked)).await;
    let report = |group: pb::QualityGroup| {
        test.by(&manager(), pb::GetQualityRequest { days, group: group.into(), ..Default::default() })
    };
    let asked = report(pb::QualityGroup::Person);
    let people = ran("report", "FROM draw_agents d", quality.get_quality(asked)).await;
    let asked = report(pb::QualityGroup::Person);
    let reviews = ran("report", "FROM reviews r WHERE", quality.get_quality(asked)).await;
    let asked = test.by(&manager(), pb::GetDrawRequest { business_day: Some(DAY) });
    let draw = ran("draw", "s.size > s.drawn", qa.get_draw(asked)).await;
    let admin = test.database.admin(qa::SCHEMA).await;
    let costs = async || {
        for table in ["conversations", "draw_agents", "reviews", "draws", "day_closing_agents"] {
            admin.batch_execute(&format!("VACUUM ANALYZE qa.{table}")).await.expect("analyses");
        }
        let mut costs = Vec::new();
        for statement in [&coverage, &people, &reviews, &draw] {
            costs.push(buffers(&admin, statement).await);
        }
        costs
    };
    let before = costs().await;
    // Fifty times the chats of that day, as if they had been there.
    test.sql(
        "INSERT INTO qa.conversations SELECT merchant_id, business_day, account_id, shop_id, channel, conversation_id || '/' || n, \
            revision, customer_id, started_at, closed_at, agent_messages, message_count, satisfied, completed, long_chat, rank, \
            arrived_at, transcript FROM qa.conversations, generate_series(1, 50) n WHERE business_day = '2020-05-19'",
    )
    .await;
    assert_eq!(test.count("SELECT count(*) FROM qa.conversations").await, 40 * 51);
    let after = costs().await;
    for (before, after) in before.iter().zip(&after) {
        assert!(*after <= before + before / 4 + 2, "{before} buffers for 40 chats, {after} for 2040");
    }
}
