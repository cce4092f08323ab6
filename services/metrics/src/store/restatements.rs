//! The ledger of what became known about days after they were final.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Nullable, Text};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};

use crate::domain::figure::{DayRange, Filter, Group};
use crate::domain::maturity::Window;
use crate::domain::restatement::Restatement;
use crate::domain::ruling::Ruling;
use crate::domain::sums::Sums;
use crate::domain::trade::TradeSums;
use crate::error::MetricsError;
use crate::store::figure_sql::{
    DAY_STATES, SELECTED_JOINS, SELECTED_WHERE, SUM_ARRAY, key_sql, read_sums, selecting,
};
use crate::store::selection::{load_names, select};
use crate::store::settling::{SUMS_CHANGE, final_day};
use crate::store::{Result, Store, trade_figures};

/// Which part of the ledger.
#[derive(Debug, Clone)]
pub struct RestatementQuery {
    /// Of these days.
    pub range: DayRange,
    /// Added up by this.
    pub group: Group,
    /// Narrowed to these.
    pub filter: Filter,
    /// What rules each day.
    pub ruling: Ruling,
}

/// The entry that a page begins after: key, business day, known day.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RestatementCursor(pub String, pub NaiveDate, pub NaiveDate);

impl Store {
    /// A page of the ledger, sorted by key, business day and known day; entries that changed nothing are left out.
    pub async fn list_restatements(
        &self,
        scope: &Scope,
        query: &RestatementQuery,
        page: &PageRequest<RestatementCursor>,
    ) -> Result<Page<Restatement>> {
        let after = page.after.as_ref();
        let mut conn = self.pool.get().await?;
        let entries = conn
            .build_transaction()
            .read_only()
            .repeatable_read()
            .run::<Vec<Restatement>, MetricsError, _>(async |conn| {
                let merchant = scope.merchant.as_str();
                let selection = select(conn, scope, query.range, query.group, &query.filter).await?;
                let mut entries: BTreeMap<(String, NaiveDate, NaiveDate), (Sums, TradeSums, Late)> =
                    BTreeMap::new();
                for (table, sums) in [("day_facts", &*SUM_ARRAY), ("trade_days", &*trade_figures::SUMS)] {
                    let sql = entries_sql(table, sums, query.group);
                    let rows = selecting(&sql, merchant, &query.ruling, &query.filter, &selection, None)
                        .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.0.clone()))
                        .bind::<Nullable<Date>, _>(after.map(|cursor| cursor.1))
                        .bind::<Nullable<Date>, _>(after.map(|cursor| cursor.2))
                        .bind::<BigInt, _>(page.limit())
                        .load::<EntryRow>(conn)
                        .await?;
                    for row in rows {
                        let entry = entries.entry((row.key, row.business_day, row.known_day)).or_default();
                        entry.2.iter_mut().zip(row.late).for_each(|(mine, of_row)| *mine |= of_row);
                        if table == "day_facts" {
                            entry.0 = read_sums(&row.sums);
                        } else {
                            entry.1 = trade_figures::read_sums(&row.sums);
                        }
                    }
                }
                let keys: Vec<&str> = entries.keys().map(|(key, _, _)| key.as_str()).collect();
                let names: HashMap<_, _> =
                    load_names(conn, merchant, query.group, &keys).await?.into_iter().collect();
                // Both lists are whole up to their last entry, so the first entries of both together are whole too.
                let size = usize::try_from(page.limit()).unwrap_or(usize::MAX);
                let entry = |((key, business_day, known_day), (deltas, trade, late))| Restatement {
                    name: names.get(&key).cloned().unwrap_or_default(),
                    key,
                    business_day,
                    known_day,
                    deltas,
                    trade,
                    late,
                };
                Ok(entries.into_iter().take(size).map(entry).collect())
            })
            .await?;
        let cursor =
            |entry: &Restatement| RestatementCursor(entry.key.clone(), entry.business_day, entry.known_day);
        Ok(page.page(entries, cursor)?)
    }
}

/// What became known in a table after days were final, added up; only what changed.
fn entries_sql(table: &str, sums: &str, group: Group) -> String {
    let late = Window::ALL.map(|window| format!("known_day > {}", final_day(window)));
    let is_late = late.clone().map(|late| format!("bool_or({late})"));
    let changed = match table {
        // Figures of conversations are of the usual window.
        "day_facts" => "late[1] AND EXISTS (SELECT FROM unnest(sums) AS sum WHERE sum <> 0)".to_owned(),
        _ => Window::ALL
            .map(|window| format!("(late[{}] AND {})", window as usize + 1, SUMS_CHANGE[window as usize]))
            .join(" OR "),
    };
    format!(
        "WITH {DAY_STATES}, \
         selected AS ( \
            SELECT {key} AS key, v.maturation, v.conversion_maturation, v.refund_maturation, f.* \
            FROM {table} f {SELECTED_JOINS} {SELECTED_WHERE}), \
         summed AS ( \
            SELECT key, business_day, known_day, ARRAY[{is_late}] AS late, {sums} AS sums \
            FROM selected LEFT JOIN knowledge USING (business_day) \
            WHERE ({late}) AND ($14::text IS NULL OR (key, business_day, known_day) > ($14, $15, $16)) \
            GROUP BY key, business_day, known_day) \
         SELECT key, business_day, known_day, late, sums FROM summed WHERE {changed} \
         ORDER BY key, business_day, known_day LIMIT $17",
        key = key_sql(group),
        is_late = is_late.join(", "),
        late = late.join(" OR "),
    )
}

/// Which figures were final, by the position of each [`Window`].
type Late = [bool; Window::ALL.len()];

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Date)]
    known_day: NaiveDate,
    #[diesel(sql_type = Array<Bool>)]
    late: Vec<bool>,
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
}
