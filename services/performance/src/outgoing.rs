//! What performance tells the other services, in their words: domain values into `jinpai.events.v1`. Entities go whole,
//! each with its version.

use chrono::{DateTime, Utc};
use events::{Event, Payload, event};
use proto::events::v1 as pb;
use proto::time::date;
use runtime::ids::MerchantId;

use crate::domain::merchant::Merchant;
use crate::domain::person::{Person, PersonStatus};
use crate::domain::team::Team;

/// The merchant's settings.
pub fn merchant_changed(merchant: &Merchant, now: DateTime<Utc>) -> Event {
    let settings = &merchant.settings;
    let shops = settings.shops.iter().map(|s| pb::Shop { shop_id: s.id.to_string(), name: s.name.clone() });
    let payload = pb::MerchantChanged {
        name: settings.name.clone(),
        time_zone: settings.time_zone.clone(),
        cut_over_hour: settings.cut_over_hour.into(),
        shops: shops.collect(),
    };
    event(&merchant.id, "merchant", merchant.version, now, Payload::MerchantChanged(payload))
}

/// A team, whole.
pub fn team_changed(merchant: &MerchantId, team: &Team, now: DateTime<Utc>) -> Event {
    let payload =
        pb::TeamChanged { team_id: team.id.to_string(), name: team.name.clone(), archived: team.archived };
    event(merchant, format!("team/{}", team.id), team.version, now, Payload::TeamChanged(payload))
}

/// A person, whole.
pub fn person_changed(merchant: &MerchantId, person: &Person, now: DateTime<Utc>) -> Event {
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
    let entity = format!("person/{}", person.id);
    event(merchant, entity, person.version, now, Payload::PersonChanged(payload))
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
