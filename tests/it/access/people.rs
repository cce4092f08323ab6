//! How to ask about people: their master data, and the pages that are about one of them or a team.

use serde_json::json;

use super::{Fixture, on_day};

pub(super) const FIXTURES: &[Fixture] = &[
    Fixture {
        path: "/jinpai.performance.v1.PeopleService/GetPerson",
        body: |who, _| json!({ "personId": who }),
        holds: Some(|who, _| format!("name-{who}")),
    },
    Fixture {
        path: "/jinpai.performance.v1.PeopleService/ListPeople",
        body: |_, _| json!({ "day": on_day() }),
        holds: Some(|who, _| format!("name-{who}")),
    },
    Fixture {
        path: "/jinpai.performance.v1.PeopleService/ListTeams",
        body: |_, _| json!({ "day": on_day() }),
        holds: Some(|who, _| team(who).to_owned()),
    },
    Fixture {
        path: "/jinpai.gateway.v1.GatewayService/GetAgentDay",
        body: |who, _| json!({ "personId": who, "businessDay": on_day() }),
        holds: Some(|who, _| format!("name-{who}")),
    },
    Fixture {
        path: "/jinpai.gateway.v1.GatewayService/GetTeamBoard",
        body: |who, _| json!({ "teamId": team(who), "businessDay": on_day() }),
        holds: Some(|who, _| format!("name-{who}")),
    },
];

fn team(who: &str) -> &'static str {
    if who == "other" { "team-b" } else { "team-a" }
}
