//! A service is down or hangs: the rest still answers, and the missing part says so.

use std::time::{Duration, Instant};

use chrono::NaiveDate;
use e2e::{InProcess, MERCHANT, people, small};
use proto::access::Role;
use serde_json::{Value, json};
use testkit::{Fault, eventually};

const AGENT_DAY: &str = "/jinpai.gateway.v1.GatewayService/GetAgentDay";
const PEOPLE: &str = "person_id,name,status,roles,team_id,team_name,lead,team_from,account_id,account_from\n\
    agent-1,甲,regular,agent,t,一组,no,2020-05-01,acc-1,2020-05-01\n";

/// A section's state, and the reason if it is missing.
fn section(answer: &Value, name: &str) -> (String, String) {
    let status = &answer[name]["status"];
    let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
    (text("state").replace("SECTION_STATE_", ""), text("reason"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_without_one_service_shows_the_rest_and_says_what_is_missing() {
    let suite = InProcess::start().await;
    let manager = suite.door.session(Role::Manager, None).await;
    people::import(&manager, PEOPLE).await;
    let day = NaiveDate::from_ymd_opt(2020, 5, 12).expect("a day");
    small::ingest(&manager, vec![small::chat("c-1", "acc-1", day, 3)]).await;

    let token = suite.door.token(MERCHANT, Role::Supervisor, None);
    let ask = json!({ "businessDay": { "year": 2020, "month": 5, "day": 12 }, "personId": "agent-1" });
    // The figures are the person's once metrics has followed the directory.
    eventually(Duration::from_secs(30), async || {
        let answer = suite.door.json(AGENT_DAY, &token, &ask).await;
        answer.json()["figures"]["figures"][0]["conversations"] == json!("1")
    })
    .await;

    let sections = [("qa", "reviews"), ("metrics", "figures"), ("performance", "person")];
    for fault in [Fault::Cut, Fault::Stall] {
        for (down, missing) in sections {
            suite.set(down, fault);
            let asked = Instant::now();
            let answer = suite.door.json(AGENT_DAY, &token, &ask).await;
            assert_eq!(answer.status, 200, "{down} {fault:?}: {:?}", answer.json());
            assert!(asked.elapsed() < Duration::from_secs(8), "{down} {fault:?} took {:?}", asked.elapsed());
            let answer = answer.json();
            for (_, name) in sections {
                let (state, reason) = section(&answer, name);
                if name == missing {
                    // What was seen a moment ago may stand in, as long as it says so.
                    assert!(["STALE", "UNAVAILABLE"].contains(&state.as_str()), "{down} {fault:?}: {answer}");
                    assert!(!reason.is_empty(), "{down} {fault:?}: {answer}");
                } else {
                    assert_eq!(state, "FRESH", "{name} without {down} ({fault:?}): {answer}");
                }
            }
            suite.set(down, Fault::None);
            eventually(Duration::from_secs(20), async || {
                let answer = suite.door.json(AGENT_DAY, &token, &ask).await;
                section(&answer.json(), missing).0 == "FRESH"
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_methods_of_a_service_that_is_down_fail() {
    let suite = InProcess::start().await;
    let token = suite.door.token(MERCHANT, Role::Manager, None);
    suite.set("qa", Fault::Cut);
    let reviews = suite.door.json("/jinpai.qa.v1.QaService/ListReviews", &token, &json!({})).await;
    assert_eq!((reviews.status, reviews.json()["code"].as_str()), (503, Some("unavailable")));
    let people = suite.door.json("/jinpai.performance.v1.PeopleService/ListPeople", &token, &json!({})).await;
    assert_eq!(people.status, 200);
    suite.set("qa", Fault::None);
    eventually(Duration::from_secs(20), async || {
        let reviews = suite.door.json("/jinpai.qa.v1.QaService/ListReviews", &token, &json!({})).await;
        reviews.status == 200
    })
    .await;
}
