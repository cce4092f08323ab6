//! A campaign to test with.

use chrono::{DateTime, Utc};

use crate::domain::campaign::plan::{Item, Phase, Plan, Strength, Window};

/// A local time in Shanghai.
pub fn at(text: &str) -> DateTime<Utc> {
    format!("{text}+08:00").parse().expect("a local time")
}

pub fn window(phase: Phase, starts_at: &str, ends_at: &str) -> Window {
    Window { phase, starts_at: at(starts_at), ends_at: at(ends_at), arrivals_percent: 0 }
}

/// Preheat from the 15th, sale from the 18th to the 20th of June 2020.
pub fn plan() -> Plan {
    let item = |id: &str, owner: Option<&str>| Item {
        id: id.to_owned(),
        phase: Phase::Before,
        title: format!("do {id}"),
        owner: owner.map(str::to_owned),
        due_day: None,
    };
    Plan {
        name: "618".to_owned(),
        windows: vec![
            window(Phase::Before, "2020-06-15T20:00:00", "2020-06-18T00:00:00"),
            window(Phase::During, "2020-06-18T00:00:00", "2020-06-21T00:00:00"),
        ],
        strength: Strength::Large,
        shops: vec!["star".to_owned()],
        hero_products: Vec::new(),
        coupons: Vec::new(),
        entrances: Vec::new(),
        contingency: String::new(),
        contingency_owners: Vec::new(),
        checklist: vec![item("i-1", Some("p1")), item("i-2", None)],
        owners: vec!["p9".to_owned()],
        note: String::new(),
    }
}
