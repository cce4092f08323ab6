//! Wordings that are withdrawn: what is said of them, to whom.

use chrono::TimeDelta;
use events::Payload;
use proto::events::v1::IncidentChanged;
use proto::metrics::v1 as pb;
use runtime::clock::Clock as _;
use testkit::EventCollector;
use tonic::Code;

use crate::incident_support::{
    PHONE, agent, client, entries, lead, move_to, open, refused, shop, supervisor, withdraw, word, wordings,
    wordings_for,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_is_not_said_any_more_and_everybody_knows_why() {
    let test = shop().await;
    let collector = EventCollector::start(&test.nats).await;
    let opened = open(&test, "i").await;
    let early = withdraw(&test, &opened, "it is wrong").await.expect_err("nothing was agreed");
    assert_eq!(refused(&early), (Code::FailedPrecondition, "WORDING_MISSING".to_owned()));
    let other = open(&test, "j").await;
    word(&test, &other, "soon").await.expect("agrees");
    test.clock.advance(TimeDelta::minutes(1));
    let worded = word(&test, &opened, "tomorrow").await.expect("agrees");
    test.clock.advance(TimeDelta::minutes(1));
    let silent = withdraw(&test, &worded, &format!("wrong, says {PHONE}")).await.expect("withdraws");
    assert_eq!(
        withdraw(&test, &worded, &format!("wrong, says {PHONE}")).await.expect("the same request"),
        silent
    );
    assert_eq!((&silent.wording, silent.version), (&None, worded.version + 1));
    let withdrawn_at = silent.wording_withdrawn_at.expect("was withdrawn");
    assert_eq!(withdrawn_at.seconds, test.clock.now().timestamp());

    let texts = |said: Vec<pb::IncidentWording>| -> Vec<_> {
        said.into_iter().map(|w| (w.text, w.in_force)).collect()
    };
    let in_force = wordings_for(&test, &agent("p1"), "").await;
    assert_eq!(texts(in_force), [("soon".to_owned(), true)]);
    let asked = || pb::ListWordingsInForceRequest { withdrawn: true, ..Default::default() };
    let said = wordings(&test, &agent("p1"), asked()).await;
    let last = said[0].clone();
    assert_eq!(texts(said), [("tomorrow".to_owned(), false), ("soon".to_owned(), true)]);
    assert_eq!((last.withdrawn_by.as_str(), last.withdrawn_at), ("p9", silent.wording_withdrawn_at));
    assert!(last.withdrawn_because.starts_with("wrong, says") && !last.withdrawn_because.contains(PHONE));
    let about_others = pb::ListWordingsInForceRequest { product_id: "sku-2".to_owned(), ..asked() };
    assert_eq!(wordings(&test, &agent("p1"), about_others).await, []);

    let denied = pb::WithdrawIncidentWordingRequest {
        incident_id: "j".to_owned(),
        because: "no".to_owned(),
        etag: "v2".to_owned(),
        request_id: String::new(),
    };
    let by_agent = client(&test).withdraw_incident_wording(test.by(&agent("p1"), denied.clone())).await;
    assert_eq!(by_agent.expect_err("is for others").code(), Code::PermissionDenied);
    let elsewhere =
        client(&test).withdraw_incident_wording(test.by(&supervisor().of("other"), denied.clone())).await;
    assert_eq!(elsewhere.expect_err("is another's").code(), Code::NotFound);
    let stale = pb::WithdrawIncidentWordingRequest { etag: "v1".to_owned(), ..denied.clone() };
    let stale = client(&test).withdraw_incident_wording(test.by(&supervisor(), stale)).await;
    assert_eq!(refused(&stale.expect_err("is old")), (Code::Aborted, "INCIDENT_CHANGED".to_owned()));
    let blank = pb::WithdrawIncidentWordingRequest { because: " ".to_owned(), ..denied };
    let blank = client(&test).withdraw_incident_wording(test.by(&supervisor(), blank)).await;
    assert_eq!(blank.expect_err("says nothing").code(), Code::InvalidArgument);

    // A reopened incident has none either, until another is agreed.
    let closed = move_to(&test, &silent, pb::IncidentState::Closed).await.expect("closes");
    assert_eq!(wordings(&test, &agent("p1"), asked()).await.len(), 1, "what is over is not listed");
    let again = move_to(&test, &closed, pb::IncidentState::Open).await.expect("is open again");
    assert_eq!(texts(wordings(&test, &agent("p1"), asked()).await)[0], ("tomorrow".to_owned(), false));
    let next = word(&test, &again, "on Friday").await.expect("agrees");
    assert_eq!(next.wording.as_ref().map(|wording| wording.number), Some(2));
    assert_eq!(next.wording_withdrawn_at, None);
    let all = pb::ListIncidentWordingsRequest { incident_id: "i".to_owned(), ..Default::default() };
    let all = client(&test).list_incident_wordings(test.by(&lead(), all)).await.expect("lists").into_inner();
    let all: Vec<_> = all.wordings.iter().map(|w| (w.number, w.in_force, w.withdrawn_at.is_some())).collect();
    assert_eq!(all, [(2, true, false), (1, false, true)]);
    let line = entries(&test, "i").await.into_iter().find(|line| line.text.starts_with("wrong"));
    assert_eq!(line.expect("a line").kind(), pb::IncidentEntryKind::WordingWithdrawn);

    let told: Vec<IncidentChanged> = collector
        .wait_for(1, |payload| match payload {
            Payload::IncidentChanged(told) if told.change() == pb::IncidentChange::WordingWithdrawn => {
                Some(told.clone())
            }
            _ => None,
        })
        .await;
    assert_eq!((&told[0].wording, told[0].incident_id.as_str()), (&None, "i"));
}
