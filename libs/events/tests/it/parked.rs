//! Parked events through their service.

use proto::access::Role;
use proto::events::v1::parked_event_service_client::ParkedEventServiceClient;
use proto::events::v1::{
    DiscardParkedEventRequest, ListParkedEventsRequest, ParkedEvent, ParkedEventState,
    ReplayParkedEventRequest,
};
use runtime::clock::SystemClock;
use runtime::identity::Scope;
use testkit::{TestCaller, caller};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status};

use crate::support::{Mood, Noter, Suite, teams};

type Client = ParkedEventServiceClient<Channel>;

/// Serves the parked events to `who`, as the access step of a server would let them in.
async fn serve(suite: &Suite, who: TestCaller) -> Client {
    let service = events::parked_service(suite.pool.clone(), SystemClock::shared());
    let admit = move |mut request: Request<()>| -> Result<Request<()>, Status> {
        let caller = who.caller();
        request.extensions_mut().insert(Scope::merchant(caller.merchant.clone()));
        request.extensions_mut().insert(caller);
        Ok(request)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let token = suite.token.clone();
    tokio::spawn(async move {
        let server = Server::builder().add_service(InterceptedService::new(service, admit));
        server.serve_with_incoming_shutdown(TcpListenerStream::new(listener), token.cancelled_owned()).await
    });
    Client::connect(format!("http://{address}")).await.expect("connects")
}

async fn list(client: &mut Client, include_resolved: bool) -> Vec<ParkedEvent> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            ListParkedEventsRequest { page_size: 2, page_token, include_resolved, ..Default::default() };
        let page = client.list_parked_events(request).await.expect("lists").into_inner();
        assert!(page.parked_events.len() <= 2);
        all.extend(page.parked_events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

fn replay(event: &ParkedEvent) -> ReplayParkedEventRequest {
    ReplayParkedEventRequest { parked_event_id: event.parked_event_id.clone(), ..Default::default() }
}

fn discard(event: &ParkedEvent) -> DiscardParkedEventRequest {
    DiscardParkedEventRequest {
        parked_event_id: event.parked_event_id.clone(),
        reason: "known".to_owned(),
        request_id: format!("discard {}", event.parked_event_id),
    }
}

/// A suite with five parked events.
async fn five_parked() -> (Suite, Noter) {
    let suite = Suite::start().await;
    let noter = Noter::default();
    for n in 0..5 {
        noter.set(&format!("team/{n}"), Some(Mood::Poison));
    }
    suite.relay();
    suite.follow(noter.clone());
    suite.publish(&teams(0..8)).await;
    suite.until("SELECT count(*) AS n FROM parked_events", 5).await;
    suite.until("SELECT count(*) AS n FROM effects", 3).await;
    (suite, noter)
}

#[tokio::test]
async fn parked_events_are_listed_replayed_and_discarded() {
    let (suite, noter) = five_parked().await;
    let mut client = serve(&suite, caller().roles(&[Role::Manager])).await;
    let parked = list(&mut client, false).await;
    assert_eq!(parked.len(), 5);
    assert!(
        parked.iter().all(|event| event.state() == ParkedEventState::Parked && event.error.contains("never"))
    );

    // Mended: the replay has its effect, once.
    noter.set(&parked[0].entity, None);
    for _ in 0..2 {
        let answer = client.replay_parked_event(replay(&parked[0])).await.expect("replays").into_inner();
        let state = answer.parked_event.expect("an event").state();
        assert!(matches!(state, ParkedEventState::Replaying | ParkedEventState::Replayed), "{state:?}");
    }
    suite.until("SELECT count(*) AS n FROM effects", 4).await;
    suite.until("SELECT count(*) AS n FROM parked_events WHERE state = 'replayed'", 1).await;

    // Not mended: parked again, with one more try counted.
    client.replay_parked_event(replay(&parked[1])).await.expect("replays");
    suite.until("SELECT count(*) AS n FROM parked_events WHERE state = 'parked' AND attempts = 2", 1).await;

    // Given up: gone from the list, still to be seen.
    for _ in 0..2 {
        client.discard_parked_event(discard(&parked[2])).await.expect("discards");
    }
    assert_eq!(list(&mut client, false).await.len(), 3);
    let all = list(&mut client, true).await;
    assert_eq!(all.len(), 5);
    let given_up = all.iter().find(|event| event.parked_event_id == parked[2].parked_event_id).expect("kept");
    assert_eq!((given_up.state(), given_up.discard_reason.as_str()), (ParkedEventState::Discarded, "known"));

    for (error, reason) in [
        (
            client.replay_parked_event(replay(&parked[2])).await.expect_err("discarded"),
            "PARKED_EVENT_DISCARDED",
        ),
        (
            client.discard_parked_event(discard(&parked[0])).await.expect_err("replayed"),
            "PARKED_EVENT_REPLAYED",
        ),
    ] {
        assert_eq!(status::Problem::from_status(&error).reason, reason);
        assert_eq!(error.code(), Code::FailedPrecondition);
    }
    // Each change that was let through has its line; refused ones and the repeat of a request have none.
    assert_eq!(suite.number("SELECT count(*) AS n FROM audit_entries").await, 4);
    assert_eq!(suite.number("SELECT count(*) AS n FROM effects").await, 4);
}

#[tokio::test]
async fn what_was_settled_a_month_ago_is_forgotten_and_what_waits_is_not() {
    let (suite, noter) = five_parked().await;
    let mut client = serve(&suite, caller()).await;
    let parked = list(&mut client, false).await;
    for event in &parked[..2] {
        client.discard_parked_event(discard(event)).await.expect("discards");
    }
    let aged = format!(
        "UPDATE parked_events SET parked_at = now() - interval '40 days', resolved_at = CASE WHEN parked_id = '{}' \
            THEN now() - interval '31 days' ELSE resolved_at END WHERE parked_id <> '{}' RETURNING 1::bigint AS n",
        parked[0].parked_event_id, parked[4].parked_event_id
    );
    suite.number(&aged).await;
    // A follower that starts looks at once.
    suite.follow(noter);
    suite.until("SELECT count(*) AS n FROM parked_events", 4).await;
    let left = list(&mut client, true).await;
    assert_eq!(left.iter().map(|event| &event.parked_event_id).collect::<Vec<_>>(), {
        parked[1..].iter().map(|event| &event.parked_event_id).collect::<Vec<_>>()
    });
}

#[tokio::test]
async fn another_merchant_sees_and_changes_nothing() {
    let (suite, _) = five_parked().await;
    let mut owner = serve(&suite, caller()).await;
    let parked = list(&mut owner, false).await;
    let mut other = serve(&suite, caller().of("other")).await;
    assert!(list(&mut other, true).await.is_empty());
    for error in [
        other.replay_parked_event(replay(&parked[0])).await.expect_err("not theirs"),
        other.discard_parked_event(discard(&parked[0])).await.expect_err("not theirs"),
    ] {
        assert_eq!(
            (error.code(), status::Problem::from_status(&error).reason.as_str()),
            (Code::NotFound, "PARKED_EVENT_NOT_FOUND")
        );
    }
    assert_eq!(suite.number("SELECT count(*) AS n FROM audit_entries").await, 0);
}

#[tokio::test]
async fn malformed_requests_are_refused_naming_the_field() {
    let suite = Suite::start().await;
    let mut client = serve(&suite, caller()).await;
    let page = |page_size, page_token: &str| ListParkedEventsRequest {
        page_size,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let bad = ReplayParkedEventRequest { parked_event_id: "1".to_owned(), ..Default::default() };
    for (error, field) in [
        (client.list_parked_events(page(-1, "")).await.expect_err("refused"), "page_size"),
        (client.list_parked_events(page(0, "x")).await.expect_err("refused"), "page_token"),
        (client.replay_parked_event(bad).await.expect_err("refused"), "parked_event_id"),
    ] {
        assert_eq!(error.code(), Code::InvalidArgument);
        let fields: Vec<_> = status::Problem::from_status(&error)
            .violations
            .into_iter()
            .map(|violation| violation.field)
            .collect();
        assert_eq!(fields, [field]);
    }
}
