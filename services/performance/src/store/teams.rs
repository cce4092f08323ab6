//! Teams.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::exists;
use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{MerchantId, PersonId, TeamId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::team::{Team, TeamOnDay};
use crate::error::PerformanceError;
use crate::outgoing;
use crate::store::change::Change;
use crate::store::schema::{memberships, teams};
use crate::store::{Store, reach};

const COLUMNS: (teams::team_id, teams::name, teams::archived, teams::version) =
    (teams::team_id, teams::name, teams::archived, teams::version);

/// A row; also the form in which a repeated request finds its answer.
#[derive(Debug, diesel::Queryable, Serialize, Deserialize)]
struct TeamRow {
    team_id: String,
    name: String,
    archived: bool,
    version: i64,
}

impl From<TeamRow> for Team {
    fn from(row: TeamRow) -> Self {
        Self { id: TeamId::new(row.team_id), name: row.name, archived: row.archived, version: row.version }
    }
}

impl From<Team> for TeamRow {
    fn from(team: Team) -> Self {
        Self {
            team_id: team.id.into_string(),
            name: team.name,
            archived: team.archived,
            version: team.version,
        }
    }
}

impl Store {
    /// Adds a team, once per request id.
    pub async fn insert_team(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        team: Team,
    ) -> Result<Team, PerformanceError> {
        let insert = async |conn: &mut AsyncPgConnection| {
            let mut change = Change::begin(conn, &scope.merchant, Some(by), now).await?;
            save(&mut change, team).await.map(TeamRow::from)
        };
        by.change(&self.pool, now, insert).await.map(Team::from)
    }

    /// Changes a team if the caller saw the latest. `decide` is told whether somebody is in it on `day` or later.
    pub async fn update_team(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        (id, etag, day): (&TeamId, &str, NaiveDate),
        decide: impl FnOnce(Team, bool) -> Result<Team, PerformanceError> + Send,
    ) -> Result<Team, PerformanceError> {
        let update = async |conn: &mut AsyncPgConnection| {
            let mut change = Change::begin(conn, &scope.merchant, Some(by), now).await?;
            let team = find(change.conn, &scope.merchant, id).await?;
            let team = team.ok_or_else(|| PerformanceError::TeamNotFound { team: id.clone() })?;
            if team.etag() != etag {
                return Err(PerformanceError::EtagMismatch { entity: format!("team {id}") });
            }
            let stays = memberships::table
                .filter(memberships::merchant_id.eq(scope.merchant.as_str()))
                .filter(memberships::team_id.eq(id.as_str()))
                .filter(memberships::to_day.is_null().or(memberships::to_day.ge(day)));
            let in_use = diesel::select(exists(stays)).get_result(change.conn).await?;
            let next = decide(team, in_use)?;
            save(&mut change, next).await.map(TeamRow::from)
        };
        by.change(&self.pool, now, update).await.map(Team::from)
    }

    /// The teams that the scope reaches on `day`, by id, with who is in them that day.
    pub async fn list_teams(
        &self,
        scope: &Scope,
        day: NaiveDate,
        include_archived: bool,
        page: &PageRequest<String>,
    ) -> Result<Page<TeamOnDay>, PerformanceError> {
        let mut conn = self.pool.get().await?;
        let mut query =
            teams::table.filter(teams::merchant_id.eq(scope.merchant.as_str())).select(COLUMNS).into_boxed();
        if let Some(within) = reach::teams(&mut conn, scope, day).await? {
            query = query.filter(teams::team_id.eq_any(within));
        }
        if !include_archived {
            query = query.filter(teams::archived.eq(false));
        }
        if let Some(after) = &page.after {
            query = query.filter(teams::team_id.gt(after));
        }
        let rows = query.order(teams::team_id).limit(page.limit()).load::<TeamRow>(&mut conn).await?;
        let page = page.page(rows, |row| row.team_id.clone())?;
        let ids: Vec<&str> = page.items.iter().map(|row| row.team_id.as_str()).collect();
        let mut on_day = members(&mut conn, &scope.merchant, &ids, day).await?;
        Ok(page.map(|row| {
            let (leads, members) = on_day.remove(&row.team_id).unwrap_or_default();
            TeamOnDay { team: row.into(), leads, members }
        }))
    }
}

/// Leads and number of people of each team on a day.
async fn members(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    teams: &[&str],
    day: NaiveDate,
) -> Result<BTreeMap<String, (Vec<PersonId>, i64)>, PerformanceError> {
    let rows = memberships::table
        .filter(memberships::merchant_id.eq(merchant.as_str()))
        .filter(memberships::team_id.eq_any(teams))
        .filter(memberships::from_day.le(day))
        .filter(memberships::to_day.is_null().or(memberships::to_day.ge(day)))
        .order(memberships::person_id)
        .select((memberships::team_id, memberships::person_id, memberships::lead))
        .load::<(String, String, bool)>(conn)
        .await?;
    let mut teams: BTreeMap<String, (Vec<PersonId>, i64)> = BTreeMap::new();
    for (team, person, lead) in rows {
        let (leads, members) = teams.entry(team).or_default();
        *members += 1;
        if lead {
            leads.push(PersonId::new(person));
        }
    }
    Ok(teams)
}

/// One team, whatever its state.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &TeamId,
) -> Result<Option<Team>, PerformanceError> {
    let found = teams::table.find((merchant.as_str(), id.as_str())).select(COLUMNS);
    Ok(found.first::<TeamRow>(conn).await.optional()?.map(Team::from))
}

/// All teams of the merchant: a few hundred at most.
pub(super) async fn all(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
) -> Result<BTreeMap<TeamId, Team>, PerformanceError> {
    let rows = teams::table
        .filter(teams::merchant_id.eq(merchant.as_str()))
        .select(COLUMNS)
        .load::<TeamRow>(conn)
        .await?;
    Ok(rows.into_iter().map(Team::from).map(|team| (team.id.clone(), team)).collect())
}

/// Writes a new (version 0) or changed team with its audit entry and event.
pub(super) async fn save(change: &mut Change<'_>, mut team: Team) -> Result<Team, PerformanceError> {
    let is_new = team.version == 0;
    team.version += 1;
    let values = (
        teams::merchant_id.eq(change.merchant.as_str()),
        teams::team_id.eq(team.id.as_str()),
        teams::name.eq(&team.name),
        teams::archived.eq(team.archived),
        teams::version.eq(team.version),
        teams::changed_at.eq(change.now),
    );
    let saved = if is_new {
        diesel::insert_into(teams::table).values(values).execute(change.conn).await
    } else {
        let row = teams::table.find((change.merchant.as_str(), team.id.as_str()));
        diesel::update(row).set((values.2, values.3, values.4, values.5)).execute(change.conn).await
    };
    let exists = || PerformanceError::TeamExists { team: team.id.clone() };
    let taken = || PerformanceError::TeamNameTaken { name: team.name.clone() };
    saved.map_err(pg::on_constraint("teams_pkey", exists)).map_err(
        |error: PerformanceError| match error {
            PerformanceError::Storage(error) => pg::on_constraint("teams_name_key", taken)(error),
            other => other,
        },
    )?;
    let summary = json!({ "name": team.name, "archived": team.archived, "version": team.version });
    change.audit(format!("team/{}", team.id), summary).await?;
    change.publish(outgoing::team_changed(&change.merchant, &team, change.now)).await?;
    Ok(team)
}
