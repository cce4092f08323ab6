use proto::access::{MethodRule, Role, Scope, role_name, role_named, rule, rules};

#[test]
fn rules_are_found_by_path() {
    assert!(!rules().is_empty());
    for wanted in rules() {
        assert_eq!(rule(wanted.path), Some(wanted));
    }
    assert_eq!(rule("/jinpai.nowhere.v1.Nobody/Does"), None);
}

#[test]
fn the_widest_scope_of_all_roles_counts() {
    let rule = MethodRule {
        grants: &[(Role::Agent, Scope::Own), (Role::Lead, Scope::Team)],
        ..*rules().first().expect("there are rules")
    };
    assert_eq!(rule.scope_for(&[Role::Lead, Role::Agent]), Some(Scope::Team));
    assert_eq!(rule.scope_for(&[Role::Agent]), Some(Scope::Own));
    assert_eq!(rule.scope_for(&[Role::Warehouse]), None);
    assert_eq!(rule.scope_for(&[]), None);
}

#[test]
fn role_names_round_trip() {
    for name in ["agent", "senior_agent", "service_account"] {
        assert_eq!(role_named(name).map(role_name).as_deref(), Some(name));
    }
    assert_eq!(role_named("unspecified"), None);
    assert_eq!(role_named("root"), None);
}
