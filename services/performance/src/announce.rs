//! What the other services are told: the directory in the words of `jinpai.events.v1`.
//!
//! Each function answers the entity that an event is about, its version, and what is told.

use chrono::{Datelike, NaiveDate};
use proto::events::v1 as pb;
use proto::google::r#type::Date;

use crate::domain::merchant::Merchant;
use crate::domain::person::{Person, PersonStatus};
use crate::domain::team::Team;

/// The merchant's settings.
pub fn merchant_changed(merchant: &Merchant) -> (String, i64, pb::event::Payload) {
    let settings = &merchant.settings;
    let shops = settings.shops.iter().map(|s| pb::Shop { shop_id: s.id.to_string(), name: s.name.clone() });
    let payload = pb::MerchantChanged {
        name: settings.name.clone(),
        time_zone: settings.time_zone.clone(),
        cut_over_hour: settings.cut_over_hour.into(),
        shops: shops.collect(),
    };
    ("merchant".to_owned(), merchant.version, pb::event::Payload::MerchantChanged(payload))
}

/// A team, whole.
pub fn team_changed(team: &Team) -> (String, i64, pb::event::Payload) {
    let payload =
        pb::TeamChanged { team_id: team.id.to_string(), name: team.name.clone(), archived: team.archived };
    (format!("team/{}", team.id), team.version, pb::event::Payload::TeamChanged(payload))
}

/// A person, whole.
pub fn person_changed(person: &Person) -> (String, i64, pb::event::Payload) {
    let memberships = person.memberships.iter().map(|stay| pb::Membership {
        team_id: stay.team.to_string(),
        lead: stay.lead,
        from: Some(date(stay.span.from)),
        to: stay.span.to.map(date),
    });
    let accounts = person.accounts.iter().map(|account| pb::Account {
        account_id: account.id.to_string(),
        from: Some(date(account.span.from)),
        to: account.span.to.map(date),
    });
    let payload = pb::PersonChanged {
        person_id: person.id.to_string(),
        name: person.details.name.clone(),
        status: status(person.details.status).into(),
        roles: person.details.roles.iter().map(|role| (*role).into()).collect(),
        memberships: memberships.collect(),
        accounts: accounts.collect(),
    };
    (format!("person/{}", person.id), person.version, pb::event::Payload::PersonChanged(payload))
}

fn status(status: PersonStatus) -> pb::PersonStatus {
    match status {
        PersonStatus::Unconfirmed => pb::PersonStatus::Unconfirmed,
        PersonStatus::Trainee => pb::PersonStatus::Trainee,
        PersonStatus::Probation => pb::PersonStatus::Probation,
        PersonStatus::Regular => pb::PersonStatus::Regular,
        PersonStatus::Left => pb::PersonStatus::Left,
    }
}

fn date(day: NaiveDate) -> Date {
    // Month and day are at most 31.
    Date { year: day.year(), month: day.month() as i32, day: day.day() as i32 }
}
