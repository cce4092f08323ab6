//! Waiting with a deadline.

use std::time::Duration;

use testkit::{FakeClock, eventually};

#[tokio::test]
async fn it_ends_as_soon_as_the_condition_holds() {
    let mut asked = 0;
    eventually(Duration::from_secs(20), async || {
        asked += 1;
        asked == 3
    })
    .await;
    assert_eq!(asked, 3);
}

#[tokio::test]
#[should_panic(expected = "wait.rs")]
async fn at_the_deadline_it_names_the_line_that_waited() {
    eventually(Duration::from_millis(5), async || false).await;
}

#[test]
fn a_fake_clock_moves_only_when_told() {
    let clock = FakeClock::at("2020-05-12T23:59:59+08:00");
    let shared = clock.shared();
    assert_eq!(shared.now().to_rfc3339(), "2020-05-12T15:59:59+00:00");
    clock.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(shared.now().to_rfc3339(), "2020-05-12T16:00:00+00:00");
    clock.set("2019-01-01T00:00:00Z");
    assert_eq!(shared.now().to_rfc3339(), "2019-01-01T00:00:00+00:00");
}
