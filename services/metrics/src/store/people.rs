//! What of the directory belongs to people rather than to accounts: whom a caller reaches, who is in which team.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Date, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::identity::{Reach, Scope};
use runtime::ids::MerchantId;

use crate::domain::board::Teams;
use crate::domain::reach::Reached;
use crate::store::{Result, Store};

/// Whose rows the scope reaches on a business day: one's own, those of the people in the teams led that day, everyone's.
pub(super) async fn reached(conn: &mut AsyncPgConnection, scope: &Scope, day: NaiveDate) -> Result<Reached> {
    let lead = match &scope.reach {
        Reach::Merchant => return Ok(Reached::All),
        Reach::Own(person) => return Ok(Reached::People([person.to_string()].into())),
        Reach::Team(lead) => lead,
    };
    let rows = diesel::sql_query(
        "SELECT m.person_id AS id FROM memberships l \
         JOIN memberships m ON m.merchant_id = l.merchant_id AND m.team_id = l.team_id \
         WHERE l.merchant_id = $1 AND l.person_id = $2 AND l.lead \
            AND $3 BETWEEN l.from_day AND l.to_day AND $3 BETWEEN m.from_day AND m.to_day",
    )
    .bind::<Text, _>(scope.merchant.as_str())
    .bind::<Text, _>(lead.as_str())
    .bind::<Date, _>(day)
    .load::<IdRow>(conn)
    .await?;
    Ok(Reached::People(rows.into_iter().map(|row| row.id).chain([lead.to_string()]).collect()))
}

/// Those of these people whom the directory knows.
pub(super) async fn known(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    people: &[String],
) -> Result<Vec<String>> {
    let rows = diesel::sql_query(
        "SELECT person_id AS id FROM people WHERE merchant_id = $1 AND person_id = ANY ($2)",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(people)
    .load::<IdRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Those of these people whom the directory knows and who haven't left.
pub(super) async fn staying(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    people: &[String],
) -> Result<Vec<String>> {
    let rows = diesel::sql_query(
        "SELECT person_id AS id FROM people WHERE merchant_id = $1 AND person_id = ANY ($2) AND status <> 5",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(people)
    .load::<IdRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Who may be given work on a business day: members of teams that aren't archived who don't lead them, are neither trainees
/// nor gone, and aren't away.
pub(super) async fn list_present(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
) -> Result<Vec<String>> {
    let rows = diesel::sql_query(
        "SELECT DISTINCT m.person_id AS id FROM memberships m \
         JOIN teams t ON t.merchant_id = m.merchant_id AND t.team_id = m.team_id AND NOT t.archived \
         JOIN people p ON p.merchant_id = m.merchant_id AND p.person_id = m.person_id AND p.status NOT IN (2, 5) \
         WHERE m.merchant_id = $1 AND NOT m.lead AND $2 BETWEEN m.from_day AND m.to_day \
            AND NOT EXISTS (SELECT FROM absences a WHERE a.merchant_id = m.merchant_id AND a.person_id = m.person_id \
                AND $2 BETWEEN a.from_day AND a.to_day)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .load::<IdRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

impl Store {
    /// All merchants that the directory has told of.
    pub async fn list_merchants(&self) -> Result<Vec<MerchantId>> {
        let mut conn = self.pool.get().await?;
        Ok(directory::merchants(&mut conn).await?)
    }

    /// Who is in which team on a business day, by team: of these teams, or of all that are not archived if there are none
    /// named. Whoever is in several counts where they don't lead, then in the lowest id; whoever has left in none.
    pub async fn list_members(
        &self,
        scope: &Scope,
        day: NaiveDate,
        teams: &[String],
        leads: bool,
    ) -> Result<BTreeMap<String, Vec<String>>> {
        let merchant = scope.whole_merchant()?;
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT team_id, person_id FROM ( \
                SELECT DISTINCT ON (m.person_id) m.person_id, m.team_id, m.lead FROM memberships m \
                JOIN teams t ON t.merchant_id = m.merchant_id AND t.team_id = m.team_id \
                LEFT JOIN people p ON p.merchant_id = m.merchant_id AND p.person_id = m.person_id \
                WHERE m.merchant_id = $1 AND $2 BETWEEN m.from_day AND m.to_day AND coalesce(p.status, 0) <> 5 \
                    AND (m.team_id = ANY ($3) OR (cardinality($3) = 0 AND NOT t.archived)) \
                ORDER BY m.person_id, m.lead, m.team_id) AS member \
             WHERE $4 OR NOT lead ORDER BY team_id, person_id",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(day)
        .bind::<Array<Text>, _>(teams)
        .bind::<Bool, _>(leads)
        .load::<MemberRow>(&mut conn)
        .await?;
        let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
        rows.into_iter().for_each(|row| members.entry(row.team_id).or_default().push(row.person_id));
        Ok(members)
    }

    /// Who is in which team on a business day, and who leads it.
    pub async fn list_teams_on(&self, merchant: &MerchantId, day: NaiveDate) -> Result<Teams> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT team_id, person_id, lead FROM memberships WHERE merchant_id = $1 AND $2 BETWEEN from_day AND to_day",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(day)
        .load::<PlaceRow>(&mut conn)
        .await?;
        let mut teams = Teams::default();
        rows.into_iter().for_each(|row| teams.add(row.team_id, row.person_id, row.lead));
        Ok(teams)
    }
}

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = Text)]
    team_id: String,
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Bool)]
    lead: bool,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    id: String,
}

#[derive(QueryableByName)]
struct MemberRow {
    #[diesel(sql_type = Text)]
    team_id: String,
    #[diesel(sql_type = Text)]
    person_id: String,
}
