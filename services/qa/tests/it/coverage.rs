//! Agents × days.

use proto::common::v1::DayRange;
use proto::google::r#type::Date;
use proto::qa::v1 as pb;

use crate::builders::{DAY, a_submission, agent, chat, long_chats, manager, may, only, reviewer};
use crate::support::{TestQa, fields};

fn of_day() -> pb::GetCoverageRequest {
    pb::GetCoverageRequest { days: only(DAY), ..pb::GetCoverageRequest::default() }
}

fn filtered(filter: pb::CoverageFilter) -> pb::GetCoverageRequest {
    pb::GetCoverageRequest { filter: Some(filter), ..of_day() }
}

fn accounts(rows: &[pb::Coverage]) -> Vec<&str> {
    rows.iter().map(|row| row.account_id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_follows_the_day_from_its_chats_to_its_reviews() {
    let mut chats = long_chats("ann-account", 20);
    chats.extend(long_chats("ben-account", 4));
    chats.push(chat("z", "zoe-account", 2));
    let test = TestQa::with_day(&chats).await;
    let before = test.coverage(&manager(), of_day()).await;
    assert_eq!(accounts(&before), ["ann-account", "ben-account", "zoe-account"]);
    assert!(!before[0].drawn_yet);
    assert_eq!((before[0].eligible, before[0].drawn, before[0].shortfall), (20, 0, 0));

    test.draw(DAY).await;
    for review in test.reviews().await.iter().filter(|review| review.account_id == "ben-account").take(3) {
        let who = reviewer(&review.reviewer_person_id);
        test.client().submit_review(test.by(&who, a_submission(review))).await.expect("submits");
    }
    let after = test.coverage(&manager(), of_day()).await;
    let (ann, ben, zoe) = (&after[0], &after[1], &after[2]);
    assert_eq!((ann.eligible, ann.drawn, ann.shortfall, ann.reviewed, ann.assigned), (20, 15, 0, 0, 15));
    assert_eq!((ben.eligible, ben.drawn, ben.shortfall, ben.reviewed), (4, 4, 11, 3));
    assert_eq!((ben.score_bp_sum, ben.person_id.as_str()), (30_000, "ben"));
    assert_eq!((zoe.eligible, zoe.drawn, zoe.shortfall), (0, 0, 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_had_no_chats_is_shown_as_such() {
    let test = TestQa::with_day(&[chat("z", "zoe-account", 2)]).await;
    test.draw(DAY).await;
    let busy = test.coverage(&manager(), of_day()).await;
    assert_eq!(accounts(&busy), ["zoe-account"]);
    let idle = || pb::CoverageFilter { include_idle: true, ..pb::CoverageFilter::default() };
    let all = test.coverage(&manager(), filtered(idle())).await;
    let chats: Vec<_> =
        all.iter().map(|row| (row.account_id.as_str(), row.conversations, row.drawn)).collect();
    let none = |account| (account, 0, 0);
    let zoe = ("zoe-account", 1, 0);
    assert_eq!(
        chats,
        [none("ann-account"), none("ben-account"), none("lea-account"), none("rita-account"), zoe]
    );
    let team = pb::CoverageFilter { team_id: "one".into(), ..idle() };
    let team = test.coverage(&manager(), filtered(team)).await;
    assert_eq!(accounts(&team), ["ann-account", "ben-account", "lea-account"]);
    let own = test.coverage(&agent("ben"), filtered(idle())).await;
    assert_eq!(accounts(&own), ["ben-account"]);
    let long = pb::GetCoverageRequest {
        days: Some(DayRange { from: Some(may(1)), to: Some(Date { month: 8, ..DAY }) }),
        ..filtered(idle())
    };
    let refused = test.client().get_coverage(test.by(&manager(), long)).await;
    assert_eq!(fields(refused), ["filter.include_idle"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_is_filtered_and_paged() {
    let mut chats = Vec::new();
    for account in ["ann-account", "ben-account", "lea-account", "zoe-account", "unknown-account"] {
        chats.extend(long_chats(account, 2));
    }
    let test = TestQa::with_day(&chats).await;
    let team = filtered(pb::CoverageFilter { team_id: "one".into(), ..pb::CoverageFilter::default() });
    assert_eq!(
        accounts(&test.coverage(&manager(), team).await),
        ["ann-account", "ben-account", "lea-account"]
    );
    let person = filtered(pb::CoverageFilter { person_id: "zoe".into(), ..pb::CoverageFilter::default() });
    assert_eq!(accounts(&test.coverage(&manager(), person).await), ["zoe-account"]);
    let named = vec!["unknown-account".to_owned(), "none".to_owned()];
    let named = filtered(pb::CoverageFilter { account_ids: named, ..pb::CoverageFilter::default() });
    assert_eq!(accounts(&test.coverage(&manager(), named).await), ["unknown-account"]);

    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let message = pb::GetCoverageRequest { page_size: 2, page_token: token, ..of_day() };
        let page =
            test.client().get_coverage(test.by(&manager(), message)).await.expect("answers").into_inner();
        all.extend(page.coverage);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(
        accounts(&all),
        ["ann-account", "ben-account", "lea-account", "unknown-account", "zoe-account"]
    );
}
