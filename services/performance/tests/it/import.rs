//! The people file through the API.

use proto::performance::v1 as pb;
use tokio_stream::StreamExt;

use crate::support::TestPerformance;

const DEMO: &str = include_str!("../../../jinpai/demo/people.csv");

async fn export(test: &mut TestPerformance) -> String {
    let request = test.by_hr(pb::ExportPeopleRequest {});
    let mut pieces = test.client.export_people(request).await.expect("exports").into_inner();
    let mut file = Vec::new();
    while let Some(piece) = pieces.next().await {
        file.extend(piece.expect("a piece").csv);
    }
    String::from_utf8(file).expect("is text")
}

fn counts(response: &pb::ImportPeopleResponse) -> [i32; 5] {
    [response.created, response.updated, response.unchanged, response.rejected, response.teams_created]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_file_goes_in_once_and_comes_out_again() {
    let mut test = TestPerformance::start().await;
    let rehearsed = test.import(DEMO, true).await;
    assert_eq!((counts(&rehearsed), rehearsed.errors.len()), ([120, 0, 0, 0, 12], 0));
    assert_eq!(test.count("SELECT count(*) FROM people").await, 0, "a rehearsal changes nothing");
    assert_eq!(test.count("SELECT count(*) FROM outbox").await, 0);

    assert_eq!(counts(&test.import(DEMO, false).await), [120, 0, 0, 0, 12]);
    assert_eq!(test.count("SELECT count(*) FROM accounts").await, 107);
    let events = test.count("SELECT count(*) FROM outbox").await;
    assert_eq!(events, 120 + 12);
    assert_eq!(counts(&test.import(DEMO, false).await), [0, 0, 120, 0, 0]);
    assert_eq!(test.count("SELECT count(*) FROM outbox").await, events, "nothing changed, nothing is told");

    let file = export(&mut test).await;
    assert_eq!(counts(&test.import(&file, false).await), [0, 0, 120, 0, 0]);
    let marked = format!("\u{feff}{}", file.replace('\n', "\r\n"));
    assert_eq!(counts(&test.import(&marked, false).await), [0, 0, 120, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_named_and_good_people_go_in() {
    let mut test = TestPerformance::start().await;
    let file = "person_id,name,status,team_id,team_from\np,甲,regular,,\nq,乙,retired,,\nr,丙,regular,ghosts,2020-05-01\n";
    let answer = test.import(file, false).await;
    assert_eq!(counts(&answer), [1, 0, 0, 2, 0]);
    let errors: Vec<_> =
        answer.errors.iter().map(|e| (e.line, e.field.as_str(), e.reason.as_str())).collect();
    assert_eq!(errors, [(3, "status", "BAD_STATUS"), (4, "team_id", "UNKNOWN_TEAM")]);
    test.get("p").await.expect("went in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_encoding_says_so() {
    let mut test = TestPerformance::start().await;
    let message = pb::ImportPeopleRequest {
        csv: b"person_id,name,status\np,\xbc\xd7,regular\n".to_vec(),
        dry_run: false,
    };
    let answer = test.client.import_people(test.by_hr(message)).await.expect("answers").into_inner();
    assert_eq!((answer.errors[0].line, answer.errors[0].reason.as_str()), (2, "NOT_UTF8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_people_go_in_at_once() {
    let mut test = TestPerformance::start().await;
    let mut file = "person_id,name,status,team_id,team_name,team_from,account_id,account_from\n".to_owned();
    for n in 0..5_000 {
        let team = n / 10;
        file += &format!("p{n:05},名{n},regular,t{team},组{team},2020-05-01,a{n},2020-05-01\n");
    }
    assert_eq!(counts(&test.import(&file, false).await), [5_000, 0, 0, 0, 500]);
    assert_eq!(test.count("SELECT count(*) FROM person_revisions").await, 5_000);
    assert_eq!(export(&mut test).await.lines().count(), 5_001);
}
