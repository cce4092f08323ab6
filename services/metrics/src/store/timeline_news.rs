//! What comes of counting customers anew, gathered over all of them and written at once: `timelines`, `timeline_days`, the
//! days and slices of trade.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::sql_types::{Array, Binary, Date, Integer, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::contribution::{Contribution, Gift};
use crate::domain::customer::tier::TierRules;
use crate::domain::definition::Definition;
use crate::domain::portrait::{self, Portrait, Told};
use crate::domain::timeline::{History, shares};
use crate::domain::trade::TradeSum;
use crate::store::conversations::column;
use crate::store::timelines::{Before, Customer};
use crate::store::trade_days::{self, TradeDayKey};
use crate::store::trade_slices::{self, Titles};
use crate::store::{Result, days, figure_versions, portraits};

/// What customers are counted by.
pub(super) struct Known<'a> {
    pub definitions: &'a [Definition],
    pub newest_seq: i32,
    pub rules: &'a TierRules,
    pub today: NaiveDate,
}

/// What comes of counting customers, to be written at once.
#[derive(Default)]
pub(super) struct News<'a> {
    changes: BTreeMap<NaiveDate, trade_days::Changes>,
    counted: Counted<'a>,
    portrayed: Vec<portraits::Portrayed<'a>>,
    titles: Titles,
}

impl<'a> News<'a> {
    /// Takes back what the customer gave and gives what they give now.
    pub fn count(
        &mut self,
        customer: &'a Customer,
        before: &Before,
        history: &History,
        known: &Known<'_>,
    ) -> Result<()> {
        let gave = before.contribution(customer)?;
        let mut now = Contribution::default();
        let mut told = Vec::new();
        for definition in known.definitions {
            let shares = shares(history, &definition.rules);
            now.give(definition.seq, &shares);
            if portrait::is_followed(definition) {
                told.push(Told { definition, shares });
            }
        }
        self.portrayed.push((customer, Portrait::of(history, &told, known.rules, known.today)));
        for (contribution, sign) in [(&gave, -1), (&now, 1)] {
            for (place, gift) in contribution.gifts() {
                // A definition that somebody thought of later says what was known all along.
                let is_built = before.counted_seq > 0 && place.definition_seq > before.counted_seq;
                let all_along = place.day.min(known.today);
                let key = TradeDayKey { place: place.clone(), shop: customer.shop.clone() };
                let mut add = |known_day, gift: &Gift| {
                    let day = self.changes.entry(known_day).or_default();
                    day.entry(key.clone()).or_default().add(gift, sign);
                };
                if is_built {
                    add(all_along, gift);
                } else if let Some(older) = gave.older() {
                    // So does a release that counts more of the same.
                    let (news, more) = gift.split_by(older);
                    add(known.today, &news);
                    add(all_along, &more);
                } else {
                    add(known.today, gift);
                }
            }
        }
        self.titles.note(&customer.shop, history);
        self.counted.note_days(customer, &gave, &now);
        if before.counted_seq != known.newest_seq || gave != now || before.fewer_sums {
            self.counted.timelines.push((customer, now.pack()));
        }
        Ok(())
    }

    pub async fn write(self, conn: &mut AsyncPgConnection, merchant: &str, known: &Known<'_>) -> Result<()> {
        self.counted.write(conn, merchant, known.newest_seq).await?;
        portraits::write(conn, merchant, &self.portrayed).await?;
        self.titles.write(conn, merchant).await?;
        // Last, because every other counter of these accounts' days waits for these rows until the commit.
        for (known_day, mut changes) in self.changes {
            changes.retain(|_, change| !change.is_nothing());
            let days: BTreeSet<NaiveDate> = changes.keys().map(|key| key.place.day).collect();
            if known_day == known.today {
                days::insert_knowledge(conn, merchant, &days, known_day).await?;
            }
            figure_versions::insert_changes(conn, merchant, &days).await?;
            trade_days::apply(conn, merchant, known_day, &changes).await?;
            trade_slices::apply(conn, merchant, known_day, &changes).await?;
        }
        Ok(())
    }
}

/// What is to be written of counted customers.
#[derive(Default)]
struct Counted<'a> {
    timelines: Vec<(&'a Customer, Vec<u8>)>,
    put: BTreeMap<DayKey<'a>, u32>,
    gone: BTreeSet<DayKey<'a>>,
}

/// A row of `timeline_days`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct DayKey<'a> {
    day: NaiveDate,
    account: String,
    customer: &'a Customer,
}

impl<'a> Counted<'a> {
    fn note_days(&mut self, customer: &'a Customer, before: &Contribution, now: &Contribution) {
        let (before, now) = (before.days(), now.days());
        let key = |(day, account): &(NaiveDate, &str)| DayKey {
            day: *day,
            account: (*account).to_owned(),
            customer,
        };
        for (at, topics) in &now {
            if before.get(at) != Some(topics) {
                self.put.insert(key(at), *topics);
            }
        }
        self.gone.extend(before.keys().filter(|at| !now.contains_key(*at)).map(key));
    }

    async fn write(&self, conn: &mut AsyncPgConnection, merchant: &str, newest_seq: i32) -> Result<()> {
        if !self.timelines.is_empty() {
            diesel::sql_query(
                // The rows are there and locked; see `trade_days` for why it is no update.
                // A release from before sums were numbered looks at `sliced`.
                "INSERT INTO timelines (merchant_id, counted_seq, sums_known, sliced, shop_id, customer_id, contribution) \
                 SELECT $1, $2, $3, true, * FROM unnest($4::text[], $5::text[], $6::bytea[]) \
                 ON CONFLICT ON CONSTRAINT timelines_pkey DO UPDATE SET contribution = excluded.contribution, \
                    counted_seq = excluded.counted_seq, sums_known = excluded.sums_known, sliced = true",
            )
            .bind::<Text, _>(merchant)
            .bind::<Integer, _>(newest_seq)
            .bind::<SmallInt, _>(TradeSum::ALL.len() as i16)
            .bind::<Array<Text>, _>(column(&self.timelines, |(customer, _)| customer.shop.as_str()))
            .bind::<Array<Text>, _>(column(&self.timelines, |(customer, _)| customer.id.as_str()))
            .bind::<Array<Binary>, _>(column(&self.timelines, |(_, packed)| packed.as_slice()))
            .execute(conn)
            .await?;
        }
        let gone: Vec<&DayKey<'_>> = self.gone.iter().collect();
        if !gone.is_empty() {
            let sql = "DELETE FROM timeline_days d USING unnest($2::date[], $3::text[], $4::text[], $5::text[]) \
                    AS n (day, account, shop, customer) \
                 WHERE d.merchant_id = $1 AND d.business_day = n.day AND d.account_id = n.account \
                    AND d.shop_id = n.shop AND d.customer_id = n.customer";
            bind_days(sql, merchant, &gone).execute(conn).await?;
        }
        let put: Vec<&DayKey<'_>> = self.put.keys().collect();
        if !put.is_empty() {
            let sql = "INSERT INTO timeline_days (merchant_id, business_day, account_id, shop_id, customer_id, topics) \
                 SELECT $1, * FROM unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::int[]) \
                 ON CONFLICT ON CONSTRAINT timeline_days_pkey DO UPDATE SET topics = excluded.topics";
            let topics: Vec<i32> = self.put.values().map(|topics| topics.cast_signed()).collect();
            bind_days(sql, merchant, &put).bind::<Array<Integer>, _>(topics).execute(conn).await?;
        }
        Ok(())
    }
}

type Query<'a> = diesel::query_builder::BoxedSqlQuery<'a, diesel::pg::Pg, diesel::query_builder::SqlQuery>;

fn bind_days<'a>(sql: &str, merchant: &'a str, days: &'a [&DayKey<'_>]) -> Query<'a> {
    diesel::sql_query(sql)
        .into_boxed()
        .bind::<Text, _>(merchant)
        .bind::<Array<Date>, _>(column(days, |key| key.day))
        .bind::<Array<Text>, _>(column(days, |key| key.account.as_str()))
        .bind::<Array<Text>, _>(column(days, |key| key.customer.shop.as_str()))
        .bind::<Array<Text>, _>(column(days, |key| key.customer.id.as_str()))
}
