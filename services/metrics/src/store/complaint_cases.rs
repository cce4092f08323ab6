//! Cases of complaints that came in as facts: opened once, and corrected with them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Jsonb, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;
use uuid::Uuid;

use crate::domain::case::complaint::Complained;
use crate::domain::case::policy::Rules;
use crate::domain::case::step::Happening;
use crate::domain::sharing::share_out;
use crate::domain::timeline::History;
use crate::store::cases::{self, CaseStep};
use crate::store::loads::{Task, list_load};
use crate::store::timelines::Customer;
use crate::store::{Result, json_of};

/// What a look at a customer's complaints came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Complaints {
    /// Cases opened or corrected.
    pub(super) cases: usize,
    /// Whether a case waits for somebody who could have it.
    pub(super) waits: bool,
}

/// Who could have cases, with how many open ones each has; counted when the first is opened.
#[derive(Debug, Default)]
pub(super) struct Load(Option<BTreeMap<String, i64>>);

impl Load {
    async fn next(
        &mut self,
        conn: &mut AsyncPgConnection,
        merchant: &MerchantId,
        day: NaiveDate,
    ) -> Result<Option<String>> {
        if self.0.is_none() {
            self.0 = Some(list_load(conn, merchant, Task::Case, day).await?);
        }
        let load = self.0.get_or_insert_default();
        let owner = share_out(1, load).pop();
        if let Some(has) = owner.as_ref().and_then(|owner| load.get_mut(owner)) {
            *has += 1;
        }
        Ok(owner)
    }
}

/// Opens and corrects the cases of a customer's complaints. Only whoever has the merchant's lease of follow-ups may look.
pub(super) async fn look(
    conn: &mut AsyncPgConnection,
    by: &By,
    (customer, history): (&Customer, &History),
    (rules, load): (&Rules, &mut Load),
    (day, now): (NaiveDate, DateTime<Utc>),
) -> Result<Complaints> {
    let merchant = &by.caller.merchant;
    let said: Vec<_> = history
        .facts()
        .iter()
        .filter_map(|fact| Complained::of(fact, now).map(|(said, opens)| (fact.key.id.as_str(), said, opens)))
        .collect();
    let mut found = Complaints::default();
    if said.is_empty() {
        return Ok(found);
    }
    let ids: Vec<&str> = said.iter().map(|(id, ..)| *id).collect();
    let mut known = list_known(conn, merchant, &customer.shop, &ids).await?;
    for (complaint, said, opens) in said {
        match known.remove(complaint) {
            Some((_, before)) if before == said => {}
            Some((case, before)) => {
                correct(conn, by, (&case, &before, &said), rules, now).await?;
                note(conn, merchant, &case, (&customer.shop, complaint), &said).await?;
                found.cases += 1;
            }
            None if !opens => {}
            None => {
                let Some(owner) = load.next(conn, merchant, day).await? else {
                    found.waits = true;
                    continue;
                };
                let made = (by.caller.subject.clone(), now);
                let id = Uuid::now_v7().to_string();
                let case = said.open(id, (&customer.shop, &customer.id), owner, rules, made)?;
                cases::insert(conn, merchant, &case, day).await?;
                note(conn, merchant, &case.id, (&customer.shop, complaint), &said).await?;
                let (severity, cause) = (case.content.severity, case.content.cause.clone());
                cases::append(conn, by, &case, false, Happening::Accepted { severity, cause }).await?;
                found.cases += 1;
            }
        }
    }
    Ok(found)
}

async fn correct(
    conn: &mut AsyncPgConnection,
    by: &By,
    (id, before, said): (&str, &Complained, &Complained),
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<()> {
    let Some(case) = cases::find(conn, &by.caller.merchant, id, true).await? else { return Ok(()) };
    let Some(next) = said.correct(before, case, rules, now) else { return Ok(()) };
    let happening = Happening::Edited { severity: next.content.severity, cause: next.content.cause.clone() };
    cases::write(conn, by, CaseStep { next, late: false, happening }, now).await?;
    Ok(())
}

/// Keeps which complaint a case is about, and what it said.
async fn note(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    case: &str,
    (shop, complaint): (&str, &str),
    said: &Complained,
) -> Result<()> {
    diesel::sql_query(
        "UPDATE cases SET complaint_shop_id = $3, complaint_id = $4, complaint = $5 WHERE merchant_id = $1 AND case_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(case)
    .bind::<Text, _>(shop)
    .bind::<Text, _>(complaint)
    .bind::<Jsonb, _>(json_of(said)?)
    .execute(conn)
    .await?;
    Ok(())
}

/// The cases of complaints, and what each said, by the complaint.
async fn list_known(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    shop: &str,
    ids: &[&str],
) -> Result<HashMap<String, (String, Complained)>> {
    let rows = diesel::sql_query(
        "SELECT case_id, complaint_id, complaint FROM cases \
         WHERE merchant_id = $1 AND complaint_shop_id = $2 AND complaint_id = ANY ($3)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(shop)
    .bind::<Array<Text>, _>(ids)
    .load::<KnownRow>(conn)
    .await?;
    let read = |row: KnownRow| {
        let broken = |why: serde_json::Error| pg::Error::unreadable("cases", &row.case_id, why.to_string());
        let said = serde_json::from_value(row.complaint).map_err(broken)?;
        Ok((row.complaint_id, (row.case_id, said)))
    };
    rows.into_iter().map(read).collect()
}

#[derive(QueryableByName)]
struct KnownRow {
    #[diesel(sql_type = Text)]
    case_id: String,
    #[diesel(sql_type = Text)]
    complaint_id: String,
    #[diesel(sql_type = Jsonb)]
    complaint: serde_json::Value,
}
