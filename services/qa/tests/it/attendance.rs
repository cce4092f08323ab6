//! Why somebody has too few chats: leave by hand, what scheduling tells, and what the day held.

use std::time::Duration;

use events::{Event, Payload, event};
use proto::events::v1::{AttendanceRecorded, AttendanceState};
use proto::qa::v1::attendance_service_client::AttendanceServiceClient;
use proto::qa::v1::{self as pb, ShortfallReason};
use testkit::eventually;
use tonic::Code;
use tonic::transport::Channel;

use crate::builders::{DAY, MERCHANT, agent, at, chat, long_chats, manager, may, only};
use crate::support::{TestQa, fields, refusal};

const WITHIN: Duration = Duration::from_secs(60);

fn attendance(test: &TestQa) -> AttendanceServiceClient<Channel> {
    AttendanceServiceClient::new(test.channel.clone())
}

fn leave(person: &str, from: i32, to: i32) -> pb::RecordLeaveRequest {
    pb::RecordLeaveRequest {
        request_id: format!("leave of {person} from {from}"),
        person_id: person.into(),
        from: Some(may(from)),
        to: Some(may(to)),
    }
}

fn recorded(person: &str, state: AttendanceState, version: i64) -> Event {
    let payload =
        AttendanceRecorded { person_id: person.into(), business_day: Some(DAY), state: state.into() };
    let entity = format!("attendance/{person}/2020-05-19");
    event(MERCHANT, entity, version, at("2020-05-19T16:00:00Z"), Payload::AttendanceRecorded(payload))
}

async fn reasons(test: &TestQa) -> Vec<(String, ShortfallReason)> {
    let filter = pb::CoverageFilter { include_idle: true, ..pb::CoverageFilter::default() };
    let message = pb::GetCoverageRequest { days: only(DAY), filter: Some(filter), ..Default::default() };
    let rows = test.coverage(&manager(), message).await;
    rows.iter().map(|row| (row.person_id.clone(), row.shortfall_reason())).collect()
}

/// What the day's draw counts.
async fn counted(test: &TestQa) -> Vec<(ShortfallReason, i32)> {
    let message = pb::GetDrawRequest { business_day: Some(DAY) };
    let found = test.client().get_draw(test.by(&agent("ann"), message)).await.expect("is there").into_inner();
    let counts = found.draw.expect("a draw").shortfalls;
    counts.iter().map(|count| (count.reason(), count.accounts)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shortfall_says_why() {
    let chats = [long_chats("ben-account", 4), vec![chat("z", "zoe-account", 2)]].concat();
    let test = TestQa::with_day(&chats).await;
    let recorded_leave = attendance(&test).record_leave(test.by(&manager(), leave("ann", 18, 19))).await;
    let ann = recorded_leave.expect("records").into_inner().leave.expect("a leave");
    assert_eq!((ann.from, ann.to), (Some(may(18)), Some(may(19))));
    assert!(reasons(&test).await.iter().all(|(_, reason)| *reason == ShortfallReason::Unspecified));
    assert_eq!(counted(&test).await, [], "it is not drawn");
    test.draw(DAY).await;
    let of = |person: &str, reason| (person.to_owned(), reason);
    let (leave_of, too_few) = (ShortfallReason::OnLeave, ShortfallReason::TooFew);
    let (none, no_long) = (ShortfallReason::NoChats, ShortfallReason::NoLongChats);
    assert_eq!(
        reasons(&test).await,
        [of("ann", leave_of), of("ben", too_few), of("lea", none), of("rita", none), of("zoe", no_long)]
    );
    assert_eq!(counted(&test).await, [(leave_of, 1), (none, 2), (no_long, 1), (too_few, 1)]);

    // Scheduling tells of others; what is older than what is here changes nothing.
    test.publish(&[
        recorded("lea", AttendanceState::Absent, 2),
        recorded("rita", AttendanceState::Off, 1),
        recorded("zoe", AttendanceState::Present, 1),
    ])
    .await;
    test.publish(&[
        recorded("lea", AttendanceState::OnLeave, 1),
        recorded("ben", AttendanceState::Present, 7),
    ])
    .await;
    let here = "SELECT count(*) FROM qa.attendance";
    eventually(WITHIN, async || test.count(here).await == 4).await;
    assert_eq!(
        reasons(&test).await,
        [
            of("ann", leave_of),
            of("ben", too_few),
            of("lea", ShortfallReason::Absent),
            of("rita", ShortfallReason::Off),
            of("zoe", no_long)
        ]
    );
    let (off, absent) = (ShortfallReason::Off, ShortfallReason::Absent);
    assert_eq!(counted(&test).await, [(leave_of, 1), (off, 1), (absent, 1), (no_long, 1), (too_few, 1)]);

    let remove = pb::RemoveLeaveRequest { request_id: "remove".into(), leave_id: ann.leave_id };
    attendance(&test).remove_leave(test.by(&manager(), remove)).await.expect("removes");
    assert_eq!(reasons(&test).await[0], of("ann", none));
    assert_eq!(counted(&test).await, [(off, 1), (absent, 1), (none, 1), (no_long, 1), (too_few, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_are_of_known_people_and_listed_by_days() {
    let test = TestQa::with_staff().await;
    for (person, from, to) in [("ann", 3, 5), ("ben", 5, 5), ("ann", 20, 25)] {
        attendance(&test).record_leave(test.by(&manager(), leave(person, from, to))).await.expect("records");
    }
    let list = async |from: i32, to: i32, person: &str, size: i32, token: String| {
        let message = pb::ListLeavesRequest {
            days: Some(proto::common::v1::DayRange { from: Some(may(from)), to: Some(may(to)) }),
            person_id: person.into(),
            page_size: size,
            page_token: token,
        };
        attendance(&test).list_leaves(test.by(&manager(), message)).await.expect("lists").into_inner()
    };
    let people = |page: &pb::ListLeavesResponse| -> Vec<String> {
        page.leaves.iter().map(|leave| leave.person_id.clone()).collect()
    };
    assert_eq!(people(&list(5, 19, "", 0, String::new()).await), ["ann", "ben"]);
    assert_eq!(people(&list(1, 31, "ann", 0, String::new()).await), ["ann", "ann"]);
    let first = list(1, 31, "", 2, String::new()).await;
    assert_eq!(people(&first), ["ann", "ben"]);
    assert_eq!(people(&list(1, 31, "", 2, first.next_page_token).await), ["ann"]);

    let unknown = attendance(&test).record_leave(test.by(&manager(), leave("nobody", 1, 2))).await;
    assert_eq!(refusal(unknown), (Code::FailedPrecondition, "PERSON_UNKNOWN".into()));
    let backwards = attendance(&test).record_leave(test.by(&manager(), leave("ben", 9, 8))).await;
    assert_eq!(fields(backwards), ["to"]);
    let none = pb::RemoveLeaveRequest { request_id: "none".into(), leave_id: "none".into() };
    let none = attendance(&test).remove_leave(test.by(&manager(), none)).await;
    assert_eq!(refusal(none), (Code::NotFound, "LEAVE_NOT_FOUND".into()));
}
