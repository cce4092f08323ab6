//! What stands behind the rules when a rule fails: constraints and rights.

use crate::support::TestPerformance;

/// The constraint that refuses `sql`, run as the service's own role.
async fn refused_by(test: &TestPerformance, sql: &str) -> Option<String> {
    let pool =
        pg::connect(performance::SCHEMA, &test.database.config(performance::SCHEMA)).await.expect("connects");
    let client = pool.side_client().await.expect("connects");
    let error = client.batch_execute(sql).await.expect_err("is refused");
    error.as_db_error().and_then(|error| error.constraint()).map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_what_the_rules_would_have_refused() {
    let mut test = TestPerformance::start().await;
    test.team("a").await;
    for id in ["p", "q"] {
        test.person(id).await;
    }
    test.member("p", "a", false).await;
    test.account("p", "x").await;
    let cases = [
        ("INSERT INTO accounts VALUES ('demo', 'x', '2020-06-01', NULL, 'q')", "accounts_one_owner_a_day"),
        ("INSERT INTO accounts VALUES ('demo', 'y', '2020-06-02', '2020-06-01', 'q')", "accounts_days"),
        ("INSERT INTO accounts VALUES ('demo', 'y', '2020-06-01', NULL, 'ghost')", "accounts_person"),
        (
            "INSERT INTO memberships VALUES ('demo', 'p', '2020-06-01', NULL, 'a', false)",
            "memberships_one_team_a_day",
        ),
        ("INSERT INTO memberships VALUES ('demo', 'q', '2020-06-01', NULL, 'b', false)", "memberships_team"),
        ("UPDATE people SET status = 'king'", "people_status"),
        ("INSERT INTO teams VALUES ('demo', 'b', 'a组', false, 1, now())", "teams_name_key"),
    ];
    for (sql, constraint) in cases {
        assert_eq!(refused_by(&test, sql).await.as_deref(), Some(constraint), "{sql}");
    }
    // The same account and days at another merchant are another account.
    let elsewhere = "INSERT INTO merchants VALUES ('m', 'm', 'UTC', 0, 0, now()); \
        INSERT INTO people VALUES ('m', 'p', 'n', 'regular', '', '{}', NULL, 1, now()); \
        INSERT INTO accounts VALUES ('m', 'x', '2020-05-01', NULL, 'p'); \
        INSERT INTO accounts VALUES ('m', 'x', '2020-06-01', NULL, 'p')";
    assert_eq!(
        refused_by(&test, elsewhere).await.as_deref(),
        Some("accounts_one_owner_a_day"),
        "the last line"
    );
    assert_eq!(refused_by(&test, "DROP TABLE accounts").await, None, "no right at all, so no constraint");
}
