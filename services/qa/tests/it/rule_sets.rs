//! Rules as versioned data: draft, scheduled, live, retired.

use proto::qa::v1::{self as pb, CheckRuleSetState};
use tonic::Code;

use crate::builders::{agent, manager, may};
use crate::checking::RULES;
use crate::support::{TestQa, fields, refusal};

async fn get(test: &TestQa, message: pb::GetCheckRuleSetRequest) -> pb::CheckRuleSet {
    let found = test.checks().get_check_rule_set(test.by(&agent("ann"), message)).await.expect("finds");
    found.into_inner().rule_set.expect("a set")
}

async fn listed(test: &TestQa) -> Vec<(i32, CheckRuleSetState)> {
    let message = pb::ListCheckRuleSetsRequest::default();
    let listed = test.checks().list_check_rule_sets(test.by(&manager(), message)).await.expect("lists");
    let sets = listed.into_inner().rule_sets;
    assert!(sets.iter().all(|set| set.rules_json.is_empty() && set.rules.len() == 2));
    sets.iter().map(|set| (set.version, set.state())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_made_rules_hold_until_the_merchant_publishes_some() {
    let test = TestQa::start().await;
    let built_in = get(&test, pb::GetCheckRuleSetRequest::default()).await;
    assert_eq!((built_in.version, built_in.state()), (0, CheckRuleSetState::Live));
    assert!(built_in.rules.iter().any(|rule| rule.rule_id == "zh.off_platform"), "{:?}", built_in.rules);
    // A copy of it is a draft like any other.
    let message = pb::CreateCheckRuleSetRequest {
        request_id: "copy".into(),
        copy_version: Some(0),
        ..Default::default()
    };
    let copy = test.checks().create_check_rule_set(test.by(&manager(), message)).await.expect("copies");
    let copy = copy.into_inner().rule_set.expect("a set");
    assert_eq!((copy.version, copy.state(), &copy.rules), (1, CheckRuleSetState::Draft, &built_in.rules));
    test.publish_rules(&copy, may(21)).await;
    let on = |day| pb::GetCheckRuleSetRequest { version: None, business_day: Some(may(day)) };
    assert_eq!(get(&test, on(20)).await.version, 0);
    assert_eq!(get(&test, on(21)).await.version, 1);
    test.clock.set("2020-05-21T10:00:00+08:00");
    let built_in = get(&test, pb::GetCheckRuleSetRequest { version: Some(0), business_day: None }).await;
    assert_eq!((built_in.state(), built_in.live_to), (CheckRuleSetState::Retired, Some(may(20))));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_rules_are_refused_by_rule_and_field() {
    let test = TestQa::start().await;
    let create = |rules: &str| pb::CreateCheckRuleSetRequest {
        request_id: "wrong".into(),
        rules_json: rules.into(),
        ..Default::default()
    };
    for (rules, field) in [
        ("{", "rules_json[(all)].rules"),
        (
            r#"{"rules":[{"id":"a","severity":"major","check":{"forbidden_words":{"words":["好"," "]}}}]}"#,
            "rules_json[a].check.forbidden_words.words[1]",
        ),
        (
            r#"{"rules":[{"id":"slow","severity":"major","check":{"slow_reply":{"seconds_max":0}}}]}"#,
            "rules_json[slow].check.slow_reply.seconds_max",
        ),
    ] {
        let refused = test.checks().create_check_rule_set(test.by(&manager(), create(rules))).await;
        let named = fields(refused);
        assert!(
            named.len() == 1 && named[0].starts_with(field.split_once('.').expect("a path").0),
            "{named:?}"
        );
    }
    let both = pb::CreateCheckRuleSetRequest { copy_version: Some(0), ..create(RULES) };
    assert_eq!(fields(test.checks().create_check_rule_set(test.by(&manager(), both)).await), ["rules_json"]);
    assert_eq!(test.count("SELECT count(*) FROM qa.check_rule_sets").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_goes_live_on_its_day_and_is_followed_by_the_next() {
    let test = TestQa::start().await;
    let one = test.draft("one", RULES).await;
    // The same request has one effect.
    assert_eq!(test.draft("one", RULES).await.version, one.version);
    let publish = |set: &pb::CheckRuleSet, day| pb::PublishCheckRuleSetRequest {
        request_id: format!("publish {} {day} {}", set.version, set.etag),
        version: set.version,
        etag: set.etag.clone(),
        live_from: Some(may(day)),
    };
    let refused = test.checks().publish_check_rule_set(test.by(&manager(), publish(&one, 20))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "RULE_SET_DAY_BEGUN".into()));
    let one = test.publish_rules(&one, may(21)).await;
    assert_eq!(one.state(), CheckRuleSetState::Scheduled);

    let edit = |set: &pb::CheckRuleSet, etag: &str| pb::UpdateCheckRuleSetRequest {
        request_id: format!("edit {etag}"),
        version: set.version,
        etag: etag.into(),
        rules_json: RULES.replace("最好", "最棒"),
        note: "other words".into(),
    };
    let refused = test.checks().update_check_rule_set(test.by(&manager(), edit(&one, &one.etag))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "RULE_SET_NOT_DRAFT".into()));
    let two = test.draft("two", RULES).await;
    let refused = test.checks().update_check_rule_set(test.by(&manager(), edit(&two, "rules-9"))).await;
    assert_eq!(refusal(refused), (Code::Aborted, "ETAG_MISMATCH".into()));
    let edited = test.checks().update_check_rule_set(test.by(&manager(), edit(&two, &two.etag))).await;
    let two = edited.expect("edits").into_inner().rule_set.expect("a set");
    assert!(two.rules_json.contains("最棒") && two.note == "other words");
    let refused = test.checks().publish_check_rule_set(test.by(&manager(), publish(&two, 21))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "RULE_SET_DAY_BEGUN".into()));
    test.publish_rules(&two, may(22)).await;

    use CheckRuleSetState::{Live, Retired, Scheduled};
    assert_eq!(listed(&test).await, [(2, Scheduled), (1, Scheduled)]);
    test.clock.set("2020-05-21T10:00:00+08:00");
    assert_eq!(listed(&test).await, [(2, Scheduled), (1, Live)]);
    test.clock.set("2020-05-22T10:00:00+08:00");
    assert_eq!(listed(&test).await, [(2, Live), (1, Retired)]);
    let audited = "SELECT count(*) FROM qa.audit_entries WHERE entity LIKE 'check_rule_set/%'";
    assert_eq!(test.count(audited).await, 5, "two drafts, an edit, two publications");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_has_not_checked_anything_is_retired() {
    let test = TestQa::start().await;
    let set = test.draft("one", RULES).await;
    let set = test.publish_rules(&set, may(21)).await;
    let retire = |request_id: &str, set: &pb::CheckRuleSet| pb::RetireCheckRuleSetRequest {
        request_id: request_id.into(),
        version: set.version,
        etag: set.etag.clone(),
    };
    let retired = test.checks().retire_check_rule_set(test.by(&manager(), retire("r", &set))).await;
    let retired = retired.expect("retires").into_inner().rule_set.expect("a set");
    assert_eq!(retired.state(), CheckRuleSetState::Retired);
    let refused = test.checks().retire_check_rule_set(test.by(&manager(), retire("again", &retired))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "RULE_SET_RETIRED".into()));
    // Its day is free again.
    let next = test.draft("next", RULES).await;
    let next = test.publish_rules(&next, may(21)).await;
    assert_eq!(next.live_from, Some(may(21)));
    test.clock.set("2020-05-21T10:00:00+08:00");
    let refused = test.checks().retire_check_rule_set(test.by(&manager(), retire("late", &next))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "RULE_SET_IN_USE".into()));
    let unknown = pb::RetireCheckRuleSetRequest { version: 9, ..retire("u", &next) };
    let refused = test.checks().retire_check_rule_set(test.by(&manager(), unknown)).await;
    assert_eq!(refusal(refused), (Code::NotFound, "RULE_SET_NOT_FOUND".into()));
}
