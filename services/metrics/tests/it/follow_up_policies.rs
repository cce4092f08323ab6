//! What merchants set for follow-ups.

use proto::access::Role;
use proto::metrics::v1 as pb;
use testkit::caller;
use tonic::{Code, Status};

use crate::cases::agent;
use crate::fact_support::{fact, local, of, order};
use crate::follow_ups::{by_hand, client, contact_as, create_as, field, list_as, looked, shop, until};
use crate::support::reason;

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_sets_when_customers_are_contacted() {
    let test = shop().await;
    let get = async |version| {
        let message = pb::GetFollowUpPolicyRequest { version };
        let found = client(&test).get_follow_up_policy(test.by(&agent("p1"), message)).await?;
        Ok::<_, Status>(found.into_inner().policy.expect("a policy"))
    };
    let boss = caller().person("p4").roles(&[Role::Supervisor]);
    let put = async |policy: pb::FollowUpPolicy, request_id: &str| {
        let message =
            pb::PutFollowUpPolicyRequest { policy: Some(policy), request_id: request_id.to_owned() };
        let put = client(&test).put_follow_up_policy(test.by(&boss, message)).await?;
        Ok::<_, Status>(put.into_inner().policy.expect("a policy"))
    };
    let built_in = get(None).await.expect("answers");
    assert_eq!((built_in.version, built_in.contact_hours, built_in.cart_after_hours), (0, 48, 24));
    let waits = of("b-1", fact("o-1", "2020-06-30T09:45:00", order(&["sku-1"])));
    test.send_facts(vec![waits]).await;
    looked(&test).await;
    assert_eq!(test.count("SELECT count(*) FROM follow_ups").await, 0, "half an hour is not over");

    let own = pb::FollowUpPolicy {
        contact_hours: 4,
        unpaid_after_minutes: 10,
        unpaid_within_hours: 24,
        ..built_in.clone()
    };
    let first = put(own.clone(), "once").await.expect("puts");
    assert_eq!((first.version, first.updated_by.is_empty()), (1, false));
    assert_eq!(put(own.clone(), "once").await.expect("the same request"), first);
    assert_eq!(get(None).await.expect("answers"), first);
    assert_eq!(get(Some(0)).await.expect("answers"), built_in);
    // Whoever waited under what was set before is looked at again, though the clock stands still.
    until(&test, "open", 1).await;
    let made = list_as(&test, &boss, pb::ListFollowUpsRequest::default()).await.remove(0);
    assert_eq!(made.deadline, Some(local("2020-07-01T09:45:00")));
    assert_eq!(made.due_at, Some(local("2020-06-30T14:00:00")), "four hours from now");
    let late = contact_as(&test, &boss, &made, Some("2020-06-30T14:00:01")).await.expect_err("too late");
    assert_eq!(field(&late), "contact.next_at");
    let contacted = contact_as(&test, &boss, &made, None).await.expect("writes it down");
    assert_eq!(contacted.due_at, Some(local("2020-06-30T14:00:00")));
    let by_hand = create_as(&test, &agent("p1"), by_hand("h", "b-9")).await.expect("makes");
    assert_eq!(by_hand.due_at, Some(local("2020-06-30T14:00:00")));

    let stale = put(own.clone(), "").await.expect_err("the etag is old");
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "FOLLOW_UP_POLICY_CHANGED"));
    let unknown = get(Some(2)).await.expect_err("is none yet");
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "FOLLOW_UP_POLICY_NOT_FOUND"));
    let never = pb::FollowUpPolicy { cart_after_hours: 7 * 24, etag: first.etag.clone(), ..own.clone() };
    let never = put(never, "").await.expect_err("nothing would ever come of it");
    assert_eq!((never.code(), field(&never).as_str()), (Code::InvalidArgument, "policy.cart_after_hours"));
    let slow = pb::FollowUpPolicy { contact_hours: 49, etag: first.etag, ..own };
    assert_eq!(field(&put(slow, "").await.expect_err("48 hours at most")), "policy.contact_hours");
    let message = pb::GetFollowUpPolicyRequest { version: None };
    let other = client(&test).get_follow_up_policy(test.by(&agent("p1").of("other"), message)).await;
    assert_eq!(other.expect("answers").into_inner().policy.expect("a policy"), built_in);
    assert_eq!(test.count("SELECT count(*) FROM audit_entries WHERE entity = 'follow_up_policy'").await, 1);
}
