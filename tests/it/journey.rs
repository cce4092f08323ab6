//! The first journey on real input: conversations in, verifiable samples and day figures out, the same in every
//! protocol.

mod protocols;

use e2e::star::{self, AgentDays};
use e2e::{InProcess, MERCHANT};
use jinpai::anchors::Anchors;
use jinpai::session::Session;
use jinpai::{draw, figures, ingest, verify};
use proto::access::Role;
use proto::metrics::v1 as metrics_v1;
use proto::performance::v1 as people_v1;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn real_chats_go_in_and_verifiable_samples_and_figures_come_out() {
    let suite = InProcess::start().await;
    let file = star::file_in(suite.ground.folder());
    let expected = star::recount(&star::conversations(&file));
    let supervisor = suite.door.session(Role::Supervisor, Some("supervisor-1")).await;

    let loaded = jinpai::up::load(&suite.suite, suite.ground.folder(), true).await.expect("loads the demo");
    assert_eq!((loaded.people, loaded.conversations), (120, 6205));
    let again = ingest::run(&supervisor, &star::ingest_options(file), true).await.expect("ingests");
    assert_eq!((again.read, again.accepted, again.unchanged, again.rejected), (6205, 0, 6205, 0));

    figures_are_those_of_the_file(&supervisor, &expected).await;
    unknown_accounts_are_listed(&supervisor).await;
    samples_verify_and_tampering_shows(&supervisor, &Anchors::below(suite.ground.folder())).await;
    protocols::every_protocol_gives_the_same(&suite.door, &supervisor).await;
}

async fn figures_by(session: &Session, by: figures::By, each: figures::Each) -> Vec<metrics_v1::Figures> {
    let options = figures::Options { each, ..figures::Options::whole(star::days(), by) };
    figures::fetch(session, &options).await.expect("figures").figures
}

/// Each agent-day, and what they add up to.
pub async fn figures_are_those_of_the_file(session: &Session, expected: &AgentDays) {
    let mut found = AgentDays::new();
    for row in figures_by(session, figures::By::Account, figures::Each::Day).await {
        let day = jinpai::days::day(row.from).expect("a day");
        // The demo's made-up orders are credited on days without chats too.
        if row.conversations == 0 {
            continue;
        }
        found.insert((day, row.key.clone()), star::counts_of(&row));
    }
    assert_eq!(expected.len(), 582);
    for (key, counts) in expected {
        assert_eq!(found.get(key), Some(counts), "{key:?}");
    }
    assert_eq!(found.len(), expected.len(), "nobody else has figures");
    let shop = figures_by(session, figures::By::Shop, figures::Each::Whole).await;
    assert_eq!(shop.len(), 1);
    let total = star::sum(expected.values());
    assert_eq!(star::counts_of(&shop[0]), total);
    let messages = total.replies + total.customer_messages;
    assert_eq!((total.conversations, messages, total.long_chats), (6205, 108_137, 1507));
}

/// The demo's directory leaves eight accounts out.
async fn unknown_accounts_are_listed(session: &Session) {
    let mut people = PeopleServiceClient::new(session.channel());
    let statuses = vec![people_v1::PersonStatus::Unconfirmed.into()];
    testkit::eventually(std::time::Duration::from_secs(30), async || {
        let request = people_v1::ListPeopleRequest { statuses: statuses.clone(), ..Default::default() };
        people.list_people(request).await.expect("lists").into_inner().people.len() == 8
    })
    .await;
}

async fn samples_verify_and_tampering_shows(session: &Session, anchors: &Anchors) {
    let options = draw::Options { days: star::days(), wait: 300 };
    let drawn = draw::days(session, &options, Some(anchors), |_| ()).await.expect("draws");
    assert_eq!((drawn.agent_days, drawn.drawn, drawn.shortfall_agent_days), (353, 1432, 338));
    let again = draw::days(session, &options, Some(anchors), |_| ()).await.expect("draws");
    assert!(again.days.iter().all(|day| !day.drawn_now), "a day is drawn once");
    assert_eq!(again.drawn, 1432);

    for day in star::days().each().expect("days") {
        let bundle = verify::fetch(session, day).await.expect("a bundle");
        let published = anchors.published(MERCHANT, day).expect("is read");
        let known = verify::Known { merchant: Some(MERCHANT.to_owned()), day: Some(day), published };
        let report = verify::check(&bundle, &known).expect("a bundle");
        assert_eq!(report.difference, None, "{day}");
        assert!(report.anchored || report.eligible == 0, "the commitment of {day} was kept before its draw");

        let mut altered: Value = serde_json::from_slice(&bundle).expect("JSON");
        let agents = altered["agents"].as_array_mut().expect("agents");
        let Some(agent) = agents.iter_mut().find(|agent| agent["drawn"] != json!([])) else { continue };
        agent["drawn"].as_array_mut().expect("a sample").pop();
        let bytes = serde_json::to_vec(&altered).expect("JSON");
        let report = verify::check(&bytes, &verify::Known::default()).expect("a bundle");
        assert!(report.difference.is_some(), "a chat taken out of the sample of {day} must show");
    }
}
