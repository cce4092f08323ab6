//! What a dry run found so far.

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;
use uuid::Uuid;

use crate::domain::dry_run::{DryRunFigure, EXAMPLES_MAX, Example, ExampleKind, Progress, TakenRun, Tally};
use crate::domain::hit::Span;
use crate::error::QaError;
use crate::store::Store;

/// Where a page of figures goes on.
pub type FigureKey = (String, String);
/// Where a page of examples goes on.
pub type ExampleKey = (String, i16, i16);

#[derive(QueryableByName)]
struct FigureRow {
    #[diesel(sql_type = Text)]
    rule_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = BigInt)]
    chats: i64,
    #[diesel(sql_type = BigInt)]
    hits: i64,
    #[diesel(sql_type = BigInt)]
    chats_hit: i64,
    #[diesel(sql_type = BigInt)]
    live_hits: i64,
    #[diesel(sql_type = BigInt)]
    live_chats_hit: i64,
    #[diesel(sql_type = BigInt)]
    chats_gained: i64,
    #[diesel(sql_type = BigInt)]
    chats_lost: i64,
}

#[derive(QueryableByName)]
struct ExampleRow {
    #[diesel(sql_type = Text)]
    rule_id: String,
    #[diesel(sql_type = SmallInt)]
    kind: i16,
    #[diesel(sql_type = SmallInt)]
    number: i16,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Integer)]
    message_index: i32,
    #[diesel(sql_type = Integer)]
    starts_at: i32,
    #[diesel(sql_type = Integer)]
    ends_at: i32,
    #[diesel(sql_type = Integer)]
    utf16_starts_at: i32,
    #[diesel(sql_type = Integer)]
    utf16_ends_at: i32,
    #[diesel(sql_type = Text)]
    excerpt: String,
}

fn kind_code(kind: ExampleKind) -> i16 {
    match kind {
        ExampleKind::Kept => 1,
        ExampleKind::Gained => 2,
        ExampleKind::Lost => 3,
    }
}

fn example(row: ExampleRow) -> Result<(i16, Example), QaError> {
    let kinds = [ExampleKind::Kept, ExampleKind::Gained, ExampleKind::Lost];
    let kind = kinds.into_iter().find(|kind| kind_code(*kind) == row.kind);
    let unreadable = || pg::Error::unreadable("dry_run_examples", &row.rule_id, "unknown kind");
    let kind = kind.ok_or_else(unreadable)?;
    Ok((
        row.number,
        Example {
            rule_id: row.rule_id,
            kind,
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
            business_day: row.business_day,
            account: AccountId::new(row.account_id),
            span: Span {
                message: row.message_index,
                start: row.starts_at,
                end: row.ends_at,
                utf16_start: row.utf16_starts_at,
                utf16_end: row.utf16_ends_at,
            },
            excerpt: row.excerpt,
        },
    ))
}

/// Adds what some chats brought.
pub(super) async fn add(
    conn: &mut AsyncPgConnection,
    run: &TakenRun,
    progress: &Progress,
) -> Result<(), QaError> {
    diesel::sql_query(
        "INSERT INTO dry_run_chats AS c (merchant_id, dry_run_id, account_id, chats) \
         SELECT $1, $2, * FROM unnest($3::text[], $4::bigint[]) \
         ON CONFLICT ON CONSTRAINT dry_run_chats_pkey DO UPDATE SET chats = c.chats + excluded.chats",
    )
    .bind::<Text, _>(run.merchant.as_str())
    .bind::<SqlUuid, _>(run.id)
    .bind::<Array<Text>, _>(progress.chats.keys().map(AccountId::as_str).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(progress.chats.values().copied().collect::<Vec<_>>())
    .execute(conn)
    .await?;
    let of = |value: fn(&Tally) -> i64| progress.tallies.values().map(value).collect::<Vec<_>>();
    diesel::sql_query(
        "INSERT INTO dry_run_figures AS f (merchant_id, dry_run_id, rule_id, account_id, hits, chats_hit, live_hits, \
            live_chats_hit, chats_gained, chats_lost) \
         SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], \
            $9::bigint[], $10::bigint[]) \
         ON CONFLICT ON CONSTRAINT dry_run_figures_pkey DO UPDATE SET hits = f.hits + excluded.hits, \
            chats_hit = f.chats_hit + excluded.chats_hit, live_hits = f.live_hits + excluded.live_hits, \
            live_chats_hit = f.live_chats_hit + excluded.live_chats_hit, \
            chats_gained = f.chats_gained + excluded.chats_gained, chats_lost = f.chats_lost + excluded.chats_lost",
    )
    .bind::<Text, _>(run.merchant.as_str())
    .bind::<SqlUuid, _>(run.id)
    .bind::<Array<Text>, _>(progress.tallies.keys().map(|key| key.0.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(progress.tallies.keys().map(|key| key.1.as_str()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(of(|tally| tally.hits))
    .bind::<Array<BigInt>, _>(of(|tally| tally.chats_hit))
    .bind::<Array<BigInt>, _>(of(|tally| tally.live_hits))
    .bind::<Array<BigInt>, _>(of(|tally| tally.live_chats_hit))
    .bind::<Array<BigInt>, _>(of(|tally| tally.chats_gained))
    .bind::<Array<BigInt>, _>(of(|tally| tally.chats_lost))
    .execute(conn)
    .await?;
    add_examples(conn, run, &progress.examples).await
}

/// Keeps examples as long as there is room for their rule and kind.
async fn add_examples(
    conn: &mut AsyncPgConnection,
    run: &TakenRun,
    examples: &[Example],
) -> Result<(), QaError> {
    let spans = |value: fn(&Span) -> i32| examples.iter().map(|e| value(&e.span)).collect::<Vec<_>>();
    diesel::sql_query(
        "INSERT INTO dry_run_examples (merchant_id, dry_run_id, rule_id, kind, number, business_day, shop_id, channel, \
            conversation_id, account_id, message_index, starts_at, ends_at, utf16_starts_at, utf16_ends_at, excerpt) \
         SELECT $1, $2, n.r, n.k, n.number, n.d, n.s, n.ch, n.i, n.a, n.m, n.f, n.t, n.uf, n.ut, n.e FROM ( \
            SELECT e.*, (row_number() OVER (PARTITION BY e.r, e.k ORDER BY e.at) + (SELECT count(*) FROM dry_run_examples x \
                WHERE x.merchant_id = $1 AND x.dry_run_id = $2 AND x.rule_id = e.r AND x.kind = e.k))::smallint AS number \
            FROM unnest($3::text[], $4::smallint[], $5::date[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int[], \
                $11::int[], $12::int[], $13::int[], $14::int[], $15::text[]) \
                WITH ORDINALITY AS e (r, k, d, s, ch, i, a, m, f, t, uf, ut, e, at)) n \
         WHERE n.number <= $16",
    )
    .bind::<Text, _>(run.merchant.as_str())
    .bind::<SqlUuid, _>(run.id)
    .bind::<Array<Text>, _>(examples.iter().map(|e| e.rule_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<SmallInt>, _>(examples.iter().map(|e| kind_code(e.kind)).collect::<Vec<_>>())
    .bind::<Array<Date>, _>(examples.iter().map(|e| e.business_day).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(examples.iter().map(|e| e.conversation.shop.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(examples.iter().map(|e| e.conversation.channel.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(examples.iter().map(|e| e.conversation.id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(examples.iter().map(|e| e.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(spans(|span| span.message))
    .bind::<Array<Integer>, _>(spans(|span| span.start))
    .bind::<Array<Integer>, _>(spans(|span| span.end))
    .bind::<Array<Integer>, _>(spans(|span| span.utf16_start))
    .bind::<Array<Integer>, _>(spans(|span| span.utf16_end))
    .bind::<Array<Text>, _>(examples.iter().map(|e| e.excerpt.as_str()).collect::<Vec<_>>())
    .bind::<SmallInt, _>(EXAMPLES_MAX)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// What a run found, in order of rule and account; without accounts, everybody's together.
    pub async fn list_dry_run_figures(
        &self,
        merchant: &MerchantId,
        id: Uuid,
        by_account: bool,
        page: &PageRequest<FigureKey>,
    ) -> Result<Page<DryRunFigure>, QaError> {
        let (rule, account) = page.after.clone().map_or((None, String::new()), |(r, a)| (Some(r), a));
        let rows = diesel::sql_query(
            "SELECT f.* FROM (SELECT f.rule_id, CASE WHEN $3 THEN f.account_id ELSE '' END COLLATE \"C\" AS account_id, \
                    (SELECT COALESCE(sum(c.chats), 0) FROM dry_run_chats c WHERE c.merchant_id = $1 AND c.dry_run_id = $2 \
                        AND (NOT $3 OR c.account_id = max(f.account_id)))::bigint AS chats, \
                    sum(f.hits)::bigint AS hits, sum(f.chats_hit)::bigint AS chats_hit, sum(f.live_hits)::bigint AS live_hits, \
                    sum(f.live_chats_hit)::bigint AS live_chats_hit, sum(f.chats_gained)::bigint AS chats_gained, \
                    sum(f.chats_lost)::bigint AS chats_lost \
                FROM dry_run_figures f WHERE f.merchant_id = $1 AND f.dry_run_id = $2 \
                GROUP BY f.rule_id, CASE WHEN $3 THEN f.account_id ELSE '' END) f \
             WHERE $4 IS NULL OR (f.rule_id, f.account_id) > ($4, $5) ORDER BY f.rule_id, f.account_id LIMIT $6",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<SqlUuid, _>(id)
        .bind::<Bool, _>(by_account)
        .bind::<Nullable<Text>, _>(rule)
        .bind::<Text, _>(account)
        .bind::<BigInt, _>(page.limit())
        .load::<FigureRow>(&mut *self.connection().await?)
        .await?;
        let figure = |row: FigureRow| DryRunFigure {
            rule_id: row.rule_id,
            account: row.account_id,
            chats: row.chats,
            tally: Tally {
                hits: row.hits,
                chats_hit: row.chats_hit,
                live_hits: row.live_hits,
                live_chats_hit: row.live_chats_hit,
                chats_gained: row.chats_gained,
                chats_lost: row.chats_lost,
            },
        };
        let figures: Vec<DryRunFigure> = rows.into_iter().map(figure).collect();
        Ok(page.page(figures, |figure| (figure.rule_id.clone(), figure.account.clone()))?)
    }

    /// Examples, in order of rule, kind and number; of one rule or of all.
    pub async fn list_dry_run_examples(
        &self,
        merchant: &MerchantId,
        id: Uuid,
        rule: &str,
        page: &PageRequest<ExampleKey>,
    ) -> Result<Page<Example>, QaError> {
        let (after, kind, number) =
            page.after.clone().map_or((None, 0, 0), |(rule, kind, number)| (Some(rule), kind, number));
        let rows = diesel::sql_query(
            "SELECT rule_id, kind, number, business_day, shop_id, channel, conversation_id, account_id, message_index, \
                starts_at, ends_at, utf16_starts_at, utf16_ends_at, excerpt \
             FROM dry_run_examples WHERE merchant_id = $1 AND dry_run_id = $2 AND ($3 = '' OR rule_id = $3) \
                AND ($4 IS NULL OR (rule_id, kind, number) > ($4, $5, $6)) \
             ORDER BY rule_id, kind, number LIMIT $7",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(rule)
        .bind::<Nullable<Text>, _>(after)
        .bind::<SmallInt, _>(kind)
        .bind::<SmallInt, _>(number)
        .bind::<BigInt, _>(page.limit())
        .load::<ExampleRow>(&mut *self.connection().await?)
        .await?;
        let examples = rows.into_iter().map(example).collect::<Result<Vec<_>, _>>()?;
        let page = page.page(examples, |(number, example)| {
            (example.rule_id.clone(), kind_code(example.kind), *number)
        })?;
        Ok(page.map(|(_, example)| example))
    }
}
