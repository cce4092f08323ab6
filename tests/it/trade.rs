//! A made-up shop goes in as a mixed file; what was planted comes out, account by account and day by day.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::time::Duration;

use chrono::{Days as ChronoDays, NaiveDate};
use e2e::workload::{self, Achieved, Plan, Truth};
use e2e::{InProcess, people};
use jinpai::days::Days;
use jinpai::session::Session;
use jinpai::{figures, ingest, reconcile};
use proto::access::Role;
use proto::common::v1::Rate;
use proto::google::r#type::Money;
use proto::metrics::v1::Figures;
use testkit::eventually;

/// What counting takes at most, on a busy machine.
const COUNTED_WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planted_in_a_shop_comes_out() {
    let suite = InProcess::start().await;
    let supervisor = suite.door.session(Role::Supervisor, Some("supervisor-1")).await;
    let manager = suite.door.session(Role::Manager, Some("manager-1")).await;
    people::set_up(&manager).await;
    let plan = Plan::small(20_260_302);
    let file = suite.ground.folder().join("shop.jsonl");
    let mut out = BufWriter::new(File::create(&file).expect("a file"));
    let truth = workload::generate(&plan, &mut out).expect("written");
    drop(out);

    let options = ingest::Options::of(ingest::Content::Mixed, file);
    let summary = ingest::run(&supervisor, &options, true).await.expect("ingests");
    assert_eq!(
        (summary.rejected, summary.stale, summary.accepted),
        (0, 0, summary.read),
        "{:?}",
        summary.rejects
    );
    let again = ingest::run(&supervisor, &options, true).await.expect("ingests again");
    // A review that was changed later stands in the file twice: its first revision is stale by then.
    assert_eq!((again.accepted, again.rejected, again.unchanged + again.stale), (0, 0, again.read));

    let days = Days { from: plan.from, to: Some(plan.from + ChronoDays::new(plan.days as u64 + 40)) };
    eventually(COUNTED_WITHIN, async || {
        let whole = rows(&supervisor, days, figures::By::Merchant, figures::Each::Whole).await;
        whole.iter().all(|row| !row.pending)
    })
    .await;

    let mut found: BTreeMap<(NaiveDate, String), Achieved> = BTreeMap::new();
    for row in rows(&supervisor, days, figures::By::Account, figures::Each::Day).await {
        let day = jinpai::days::day(row.from).expect("a day");
        found.insert((day, row.key.clone()), achieved(&row));
    }
    for ((day, account), planted) in truth.days.iter().filter(|((_, account), _)| !account.is_empty()) {
        let found = found.remove(&(*day, account.clone())).unwrap_or_default();
        assert_eq!(found, *planted, "{account} on {day}");
    }
    found.retain(|(_, account), row| !account.is_empty() && *row != Achieved::default());
    assert!(found.is_empty(), "nobody else achieved anything: {found:?}");

    let whole = rows(&supervisor, days, figures::By::Merchant, figures::Each::Day).await;
    let total = whole.iter().map(achieved).fold(Achieved::default(), |sum, day| sum.and(&day));
    // What is credited to nobody is part of the whole. Received and buyers are counted once per account.
    assert_eq!(total, truth.total());
    a_report_is_compared_with_it(&suite, &supervisor, &truth).await;
    a_workbench_s_log_goes_in_twice(&suite, &supervisor).await;
}

/// A sheet of what was planted agrees; a changed one is told apart, with a reason.
async fn a_report_is_compared_with_it(suite: &InProcess, session: &Session, truth: &Truth) {
    let rows =
        truth.days.iter().filter(|((_, account), row)| account.contains("agent") && row.paid_cents > 0);
    let lines = rows.map(|((day, account), row)| {
        let (whole, cents) = (row.paid_cents / 100, row.paid_cents % 100);
        format!("{day},{account},{},{whole}.{cents:02},{},1\r\n", row.received_customers, row.paying_buyers)
    });
    let sheet: String =
        ["日期,账户名,接待人数,销售额,付款人数,上班天数\r\n".to_owned()].into_iter().chain(lines).collect();
    let file = suite.ground.folder().join("sheet.csv");
    let options = reconcile::Options { file: file.clone(), shop: vec![], rejects: None };
    std::fs::write(&file, &sheet).expect("a file");
    let report = reconcile::run(session, &options).await.expect("compares");
    assert!(report.clean() && report.equal == report.compared && report.equal > 100, "{report:?}");
    assert_eq!(report.unknown_columns.into_iter().collect::<Vec<_>>(), ["上班天数"]);
    let first = sheet.lines().nth(1).expect("a row");
    let wrong = sheet.replacen(first, &first.replacen(":agent", ":nobody", 1), 1);
    let second = wrong.lines().nth(2).expect("a row").to_owned();
    let (start, _) = second.split_once(',').expect("cells");
    let changed = format!("{start},{},9999,0.01,延迟统计,1", second.split(',').nth(1).expect("an account"));
    std::fs::write(&file, wrong.replacen(&second, &changed, 1)).expect("a file");
    let report = reconcile::run(session, &options).await.expect("compares");
    assert_eq!(
        (report.differences.len(), report.not_yet, report.unknown_accounts.len()),
        (2, 1, 1),
        "{report:?}"
    );
}

async fn a_workbench_s_log_goes_in_twice(suite: &InProcess, session: &Session) {
    let file = suite.ground.folder().join("log.txt");
    let log = "t******7 2026-5-1 9:05:03\r\n在吗\r\n旗舰店:小王 2026-5-1 9:05:30\r\n在的\r\n由 小王 转交给 小李\r\n\
               旗舰店:小李 2026-5-1 9:06:00\r\n您好\r\nt******7 2026-5-1 9:06:30\r\n好的\r\n";
    std::fs::write(&file, log).expect("a file");
    let shop = Some("generated".to_owned());
    let options = ingest::Options { shop, ..ingest::Options::of(ingest::Content::Conversations, file) };
    let first = ingest::run(session, &options, true).await.expect("ingests");
    assert_eq!((first.read, first.accepted, first.rejected), (2, 2, 0), "{:?}", first.rejects);
    let again = ingest::run(session, &options, true).await.expect("ingests");
    assert_eq!((again.read, again.unchanged), (2, 2));
}

async fn rows(session: &Session, days: Days, by: figures::By, each: figures::Each) -> Vec<Figures> {
    let options = figures::Options { each, ..figures::Options::whole(days, by) };
    figures::fetch(session, &options).await.expect("figures").figures
}

/// The figures in the terms of what was planted.
fn achieved(row: &Figures) -> Achieved {
    let above = |rate: Option<Rate>| rate.unwrap_or_default().numerator;
    let below = |rate: Option<Rate>| rate.unwrap_or_default().denominator;
    Achieved {
        conversations: row.conversations,
        received_customers: row.received_customers,
        replies: row.replies,
        customer_messages: row.customer_messages,
        inquiries: row.inquiries,
        ordering_inquiries_next_day: above(row.order_conversion_next_day),
        ordering_inquiries: above(row.order_conversion),
        paying_inquiries_next_day: above(row.payment_conversion_next_day),
        paying_inquiries: above(row.payment_conversion),
        ordering_buyers: row.ordering_buyers,
        paying_buyers: row.paying_buyers,
        orders: row.orders,
        ordered_cents: cents(row.ordered_amount.as_ref()),
        paid_cents: cents(row.paid_amount.as_ref()),
        completed_refunds: row.completed_refunds,
        completed_refund_cents: cents(row.completed_refund_amount.as_ref()),
        complaints: row.complaints,
        satisfaction_scores: below(row.satisfaction_score),
        store_ratings: below(row.item_score),
        reviews: row.reviews,
        good_reviews: above(row.positive_review_rate),
        bad_reviews: above(row.negative_review_rate),
        once_bad_reviews: below(row.bad_review_recovered_rate),
        recovered_reviews: above(row.bad_review_recovered_rate),
        bot_questions: row.bot_questions,
        bot_transferred: above(row.bot_transfer_rate),
        order_handlings: row.order_handling.unwrap_or_default().count,
        after_sale_handlings: row.after_sale_handling.unwrap_or_default().count,
        member_signups: row.member_signups,
        recommendations: below(row.recommendation_success) + below(row.cross_sell_success),
    }
}

fn cents(money: Option<&Money>) -> i64 {
    money.map_or(0, |money| money.units * 100 + i64::from(money.nanos / 10_000_000))
}
