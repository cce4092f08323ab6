//! The audit chain finds what was done to it.

use std::time::Duration;

use chrono::DateTime;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use pg::audit::{self, AuditEntry, Broken, Head, Unchecked};
use pg::{DatabaseConfig, Error, Pool};
use runtime::clock::SystemClock;
use runtime::process::{Audited, KeptHeads};
use testkit::{Scratch, TestDatabase, eventually};
use tokio_util::sync::CancellationToken;

use crate::support::{SCHEMA, database, number, pool};

struct Audit {
    database: TestDatabase,
    pool: Pool,
}

impl Audit {
    /// An audit of `entries` linked entries.
    async fn of(entries: usize) -> Self {
        let database = database().await;
        let audit = Self { pool: pool(&database).await, database };
        audit.append(entries).await;
        audit
    }

    async fn append(&self, entries: usize) -> Head {
        let mut conn = self.pool.get().await.expect("a connection");
        for number in 0..entries {
            let summary = serde_json::json!({ "number": number, "text": "改" });
            let at = DateTime::from_timestamp_micros(1_600_000_000_123_456 + number as i64).expect("a time");
            let caller = testkit::caller().caller();
            let entry = AuditEntry::allowed(&caller, "/a/b", format!("thing/{number}"), summary, at);
            audit::append(&mut conn, &entry).await.expect("appends");
        }
        audit::chain_pending(&self.pool).await.expect("chains").expect("nobody else chains")
    }

    async fn verify<'a>(&self, kept: impl IntoIterator<Item = &'a Head>) -> Result<Head, Broken> {
        let mut conn = self.pool.get().await.expect("a connection");
        audit::verify(&mut conn, kept).await.expect("reads")
    }

    /// What an operator is told, who kept these.
    async fn check(&self, kept: &KeptHeads) -> Result<Audited, Unchecked> {
        audit::check(SCHEMA, &self.database.config(SCHEMA), kept).await
    }

    /// What a superuser can do to the tables.
    async fn tamper(&self, sql: &str) {
        let config = pg::DatabaseConfig::new(self.database.admin_url());
        let admin = pg::connect("things", &config).await.expect("connects");
        let mut conn = admin.get().await.expect("a connection");
        conn.batch_execute("SET session_replication_role = replica").await.expect("no triggers");
        conn.batch_execute(sql).await.expect(sql);
    }
}

#[tokio::test]
async fn an_untouched_audit_verifies_up_to_its_head() {
    let audit = Audit::of(0).await;
    assert_eq!(audit.verify(None).await, Ok(Head::EMPTY));
    let first = audit.append(3).await;
    let second = audit.append(2).await;
    assert_eq!((first.link, second.link), (3, 5));
    assert_eq!(audit.verify(Some(&first)).await, Ok(second.clone()));
    assert_eq!(audit.verify(Some(&second)).await, Ok(second.clone()));
    assert_eq!(audit.verify([&second, &first, &second]).await, Ok(second.clone()), "in any order");
    let wrong = Head { hash: [1; 32], ..first.clone() };
    assert_eq!(audit.verify([&second, &first, &wrong]).await, Err(Broken::HeadDiffers { link: 3 }));
}

/// Housekeeping keeps heads in a file, and an operator's check finds by them what the database alone would not show.
#[tokio::test]
async fn an_operator_checks_the_audit_against_the_file_of_heads() {
    let audit = Audit::of(5).await;
    let scratch = Scratch::new();
    let file = scratch.path().join("heads.jsonl");
    let config = DatabaseConfig { audit_head_file: file.clone(), ..audit.database.config(SCHEMA) };
    let stop = CancellationToken::new();
    let keeping = pg::housekeeping(audit.pool.clone(), &config, SystemClock::shared(), stop.clone());
    eventually(Duration::from_secs(30), async || file.exists()).await;
    stop.cancel();
    keeping.await.expect("ends");

    let by_file = KeptHeads { files: vec![file], ..KeptHeads::default() };
    let told = |audited: Result<Audited, Unchecked>| match audited.expect("is checked") {
        Audited::Whole(told) => told,
        Audited::Broken(told) => panic!("{told}"),
    };
    let head = audit.verify(None).await.expect("is whole");
    assert!(told(audit.check(&by_file).await).contains(&format!("head {head}; it leads through the head")));
    assert!(told(audit.check(&KeptHeads::default()).await).contains("no head kept elsewhere"));
    let odd = KeptHeads { heads: vec!["5:zz".to_owned()], ..KeptHeads::default() };
    assert!(matches!(audit.check(&odd).await, Err(Unchecked::Kept(_))));

    audit
        .tamper("DELETE FROM audit_chain WHERE link > 3; DELETE FROM audit_entries WHERE entry_id > 3")
        .await;
    told(audit.check(&KeptHeads::default()).await);
    let by_line = KeptHeads { heads: vec![head.to_string()], ..KeptHeads::default() };
    for kept in [by_file, by_line] {
        let found = audit.check(&kept).await.expect("is checked");
        assert!(matches!(&found, Audited::Broken(told) if told.contains("link 5")), "{found:?}");
    }
}

#[tokio::test]
async fn a_change_to_any_column_is_found_at_its_entry() {
    let audit = Audit::of(4).await;
    for (column, value) in [
        ("merchant_id", "'m'"),
        ("at", "at + interval '1 microsecond'"),
        ("subject", "subject || ' '"),
        ("roles", "''"),
        ("rpc", "'/a/c'"),
        ("decision", "'refused'"),
        ("entity", "'thing/9'"),
        ("summary", "replace(summary, '改', '攺')"),
        ("request_id", "'r'"),
    ] {
        let sql = |value: &str| format!("UPDATE audit_entries SET {column} = {value} WHERE entry_id = 3");
        audit.tamper(&format!("CREATE TABLE kept AS SELECT * FROM audit_entries; {}", sql(value))).await;
        assert_eq!(audit.verify(None).await, Err(Broken::Changed { link: 3, entry_id: 3 }), "{column}");
        audit
            .tamper(&format!(
                "{}; DROP TABLE kept",
                sql(&format!("(SELECT {column} FROM kept WHERE entry_id = 3)"))
            ))
            .await;
        audit.verify(None).await.expect("as it was");
    }
}

#[tokio::test]
async fn deleting_and_reordering_are_found_at_the_first_bad_place() {
    let deleted = Audit::of(5).await;
    deleted.tamper("DELETE FROM audit_entries WHERE entry_id = 2").await;
    assert_eq!(deleted.verify(None).await, Err(Broken::EntryMissing { link: 2, entry_id: 2 }));
    deleted.tamper("DELETE FROM audit_chain WHERE entry_id = 2").await;
    assert_eq!(deleted.verify(None).await, Err(Broken::LinkMissing { link: 2 }));
    deleted.tamper("UPDATE audit_chain SET link = link - 1 WHERE link > 2").await;
    assert_eq!(deleted.verify(None).await, Err(Broken::Changed { link: 2, entry_id: 3 }));

    let reordered = Audit::of(5).await;
    reordered.tamper("UPDATE audit_chain SET entry_id = 7 - entry_id + 100 WHERE entry_id IN (3, 4); UPDATE audit_chain SET entry_id = entry_id - 100 WHERE entry_id > 100").await;
    assert_eq!(reordered.verify(None).await, Err(Broken::Changed { link: 3, entry_id: 4 }));

    let added = Audit::of(2).await;
    added.tamper("INSERT INTO audit_entries (merchant_id, at, subject, roles, rpc, decision, entity, summary, request_id) SELECT merchant_id, at, subject, roles, rpc, decision, entity, summary, request_id FROM audit_entries WHERE entry_id = 1").await;
    assert!(matches!(added.verify(None).await, Err(Broken::Unlinked { .. })));
}

#[tokio::test]
async fn a_cut_tail_and_a_chain_made_anew_are_found_by_a_head_kept_elsewhere() {
    let cut = Audit::of(5).await;
    let head = cut.verify(None).await.expect("whole");
    cut.tamper("DELETE FROM audit_chain WHERE link > 3; DELETE FROM audit_entries WHERE entry_id > 3").await;
    assert_eq!(cut.verify(None).await.map(|head| head.link), Ok(3), "by itself it looks whole");
    assert_eq!(cut.verify(Some(&head)).await, Err(Broken::HeadDiffers { link: 5 }));

    let anew = Audit::of(5).await;
    let head = anew.verify(None).await.expect("whole");
    anew.tamper(
        "UPDATE audit_entries SET subject = 'somebody else' WHERE entry_id = 2; \
         DELETE FROM audit_chain; INSERT INTO audit_pending SELECT entry_id FROM audit_entries",
    )
    .await;
    audit::chain_pending(&anew.pool).await.expect("chains");
    assert_eq!(anew.verify(None).await.map(|head| head.link), Ok(5), "by itself it looks whole");
    assert_eq!(anew.verify(Some(&head)).await, Err(Broken::HeadDiffers { link: 5 }));
}

#[tokio::test]
async fn an_entry_exists_exactly_if_its_change_does() {
    let audit = Audit::of(0).await;
    let mut conn = audit.pool.get().await.expect("a connection");
    let entry = AuditEntry::allowed(
        &testkit::caller().caller(),
        "/a/b",
        "x",
        serde_json::json!({}),
        DateTime::UNIX_EPOCH,
    );
    let failed = conn
        .transaction::<(), Error, _>(async |conn| {
            audit::append(conn, &entry).await?;
            Err(Error::Exhausted)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM audit_entries").await, 0);
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM audit_pending").await, 0);
}

#[tokio::test]
async fn many_writers_and_chainers_at_once_make_one_chain() {
    let audit = Audit::of(0).await;
    let writers = (0..4).map(|writer| {
        let pool = audit.pool.clone();
        tokio::spawn(async move {
            for number in 0..25 {
                let entity = format!("thing/{writer}-{number}");
                let caller = testkit::caller().caller();
                let entry =
                    AuditEntry::allowed(&caller, "/a/b", entity, serde_json::json!({}), DateTime::UNIX_EPOCH);
                pg::with_retry(20, async || {
                    let done = async {
                        let mut conn = pool.get().await?;
                        audit::append(&mut conn, &entry).await
                    };
                    done.await.map_err(|e: Error| Error::Contended(e.into()))
                })
                .await
                .expect("appends");
                audit::chain_pending(&pool).await.expect("chains");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("writes");
    }
    audit::chain_pending(&audit.pool).await.expect("chains");
    assert_eq!(audit.verify(None).await.map(|head| head.link), Ok(100));
}
