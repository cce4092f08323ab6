//! The hash chain over the entries: its writer and its verifier.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use sha2::{Digest, Sha256};

use super::EntryRow;
use crate::{Error, Pool};

/// Distinguishes these hashes from any other use of SHA-256 in the suite; a new layout gets a new number.
const TAG: &[u8] = b"jinpai.audit.link.v1";
const BATCH: i64 = 1_000;
const COLUMNS: &str = "e.entry_id, e.merchant_id, e.at, e.subject, e.roles, e.rpc, e.decision, e.entity, e.summary, e.request_id";

/// The end of the chain: what has to be kept elsewhere to notice a cut tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of the last link; 0 before the first.
    pub link: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Head {
    /// What the first link hangs on.
    pub const EMPTY: Self = Self { link: 0, hash: [0; 32] };
}

/// Where the audit contradicts itself: the first bad place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The entry of this link was changed, or the link's hash was.
    #[error("entry {entry_id} or the hash of its link {link} was changed")]
    Changed {
        /// Number of the link.
        link: i64,
        /// Id of its entry.
        entry_id: i64,
    },
    /// The entry of this link is gone.
    #[error("entry {entry_id}, linked as {link}, is missing")]
    EntryMissing {
        /// Number of the link.
        link: i64,
        /// Id of the missing entry.
        entry_id: i64,
    },
    /// Links are not numbered through: this one is missing.
    #[error("link {link} is missing")]
    LinkMissing {
        /// Number of the missing link.
        link: i64,
    },
    /// The chain does not lead through the head that was kept elsewhere: it was cut or made anew.
    #[error("the chain does not lead through the head that was kept of link {link}: it was cut or made anew")]
    HeadDiffers {
        /// Number of the kept head's link.
        link: i64,
    },
    /// An entry is neither linked nor waiting to be.
    #[error("entry {entry_id} is neither linked nor waiting to be")]
    Unlinked {
        /// Id of the entry.
        entry_id: i64,
    },
}

/// Links the entries that wait for it, oldest first, and returns the new head; `None` if another writer is at work.
/// Any number of callers may run it: a lock lets one in.
pub async fn chain_pending(pool: &Pool) -> Result<Option<Head>, Error> {
    let mut conn = pool.get().await?;
    let mut last = None;
    loop {
        let Some((linked, head)) = conn.transaction(async |conn| link_batch(conn).await).await? else {
            return Ok(last);
        };
        last = Some(head);
        if linked < BATCH {
            return Ok(last);
        }
    }
}

async fn link_batch(conn: &mut AsyncPgConnection) -> Result<Option<(i64, Head)>, Error> {
    let lock =
        "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.audit', 0)) AS locked";
    if !diesel::sql_query(lock).get_result::<LockRow>(conn).await?.locked {
        return Ok(None);
    }
    let mut head = head(conn).await?;
    let sql = format!(
        "SELECT {COLUMNS} FROM audit_pending p JOIN audit_entries e USING (entry_id) ORDER BY entry_id LIMIT $1"
    );
    let entries = diesel::sql_query(sql).bind::<BigInt, _>(BATCH).load::<EntryRow>(conn).await?;
    let (mut links, mut ids, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &entries {
        head = next(&head, entry);
        links.push(head.link);
        ids.push(entry.entry_id);
        hashes.push(head.hash.to_vec());
    }
    if !entries.is_empty() {
        diesel::sql_query(
            "INSERT INTO audit_chain (link, entry_id, hash) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])",
        )
        .bind::<Array<BigInt>, _>(&links)
        .bind::<Array<BigInt>, _>(&ids)
        .bind::<Array<Binary>, _>(&hashes)
        .execute(conn)
        .await?;
        diesel::sql_query("DELETE FROM audit_pending WHERE entry_id = ANY($1)")
            .bind::<Array<BigInt>, _>(&ids)
            .execute(conn)
            .await?;
    }
    Ok(Some((entries.len() as i64, head)))
}

/// The end of the chain as it stands.
pub async fn head(conn: &mut AsyncPgConnection) -> Result<Head, Error> {
    let sql = "SELECT link, entry_id, hash FROM audit_chain ORDER BY link DESC LIMIT 1";
    match diesel::sql_query(sql).load::<LinkRow>(conn).await?.into_iter().next() {
        Some(row) => row.head(),
        None => Ok(Head::EMPTY),
    }
}

/// Recomputes the whole chain from the entries and names the first bad place. With `kept`, heads kept elsewhere,
/// it also notices that the chain was cut before one of them or made anew. Returns the head that it arrived at.
pub async fn verify<'a>(
    conn: &mut AsyncPgConnection,
    kept: impl IntoIterator<Item = &'a Head>,
) -> Result<Result<Head, Broken>, Error> {
    let mut kept: Vec<&Head> = kept.into_iter().filter(|head| **head != Head::EMPTY).collect();
    kept.sort_unstable_by_key(|head| head.link);
    let mut kept = kept.as_slice();
    let mut at = Head::EMPTY;
    loop {
        let sql = "SELECT link, entry_id, hash FROM audit_chain WHERE link > $1 ORDER BY link LIMIT $2";
        let links = diesel::sql_query(sql)
            .bind::<BigInt, _>(at.link)
            .bind::<BigInt, _>(BATCH)
            .load::<LinkRow>(conn)
            .await?;
        if links.is_empty() {
            break;
        }
        let ids: Vec<i64> = links.iter().map(|row| row.entry_id).collect();
        let sql = format!("SELECT {COLUMNS} FROM audit_entries e WHERE entry_id = ANY($1) ORDER BY entry_id");
        let entries = diesel::sql_query(sql).bind::<Array<BigInt>, _>(&ids).load::<EntryRow>(conn).await?;
        for row in &links {
            match follow(&at, row, &entries, &mut kept) {
                Ok(head) => at = head,
                Err(broken) => return Ok(Err(broken)),
            }
        }
    }
    if let Some(beyond) = kept.first() {
        return Ok(Err(Broken::HeadDiffers { link: beyond.link }));
    }
    let sql = "SELECT entry_id FROM audit_entries e \
               WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = e.entry_id) \
                 AND NOT EXISTS (SELECT FROM audit_pending p WHERE p.entry_id = e.entry_id) \
               ORDER BY entry_id LIMIT 1";
    let unlinked = diesel::sql_query(sql).load::<IdRow>(conn).await?.into_iter().next();
    Ok(match unlinked {
        Some(row) => Err(Broken::Unlinked { entry_id: row.entry_id }),
        None => Ok(at),
    })
}

/// One step along the stored chain; takes the kept heads of its link off `kept`, which is sorted.
fn follow(at: &Head, row: &LinkRow, entries: &[EntryRow], kept: &mut &[&Head]) -> Result<Head, Broken> {
    let expected = at.link + 1;
    if row.link != expected {
        return Err(Broken::LinkMissing { link: expected });
    }
    let (link, entry_id) = (row.link, row.entry_id);
    let found = entries.binary_search_by_key(&entry_id, |entry| entry.entry_id);
    let entry = found.map(|index| &entries[index]).map_err(|_| Broken::EntryMissing { link, entry_id })?;
    let head = next(at, entry);
    if row.hash != head.hash {
        return Err(Broken::Changed { link, entry_id });
    }
    while let Some((first, rest)) = kept.split_first()
        && first.link <= link
    {
        if **first != head {
            return Err(Broken::HeadDiffers { link: first.link });
        }
        *kept = rest;
    }
    Ok(head)
}

/// The link of `entry` behind `before`.
fn next(before: &Head, entry: &EntryRow) -> Head {
    let link = before.link + 1;
    let mut hash = Sha256::new();
    hash.update(TAG);
    hash.update(before.hash);
    hash.update(link.to_be_bytes());
    hash.update(entry.entry_id.to_be_bytes());
    hash.update(entry.at.timestamp_micros().to_be_bytes());
    let texts = [
        &entry.merchant_id,
        &entry.subject,
        &entry.roles,
        &entry.rpc,
        &entry.decision,
        &entry.entity,
        &entry.summary,
        &entry.request_id,
    ];
    for text in texts {
        // The length in front keeps "ab" + "c" apart from "a" + "bc".
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    Head { link, hash: hash.finalize().into() }
}

#[derive(QueryableByName)]
struct LinkRow {
    #[diesel(sql_type = BigInt)]
    link: i64,
    #[diesel(sql_type = BigInt)]
    entry_id: i64,
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
}

impl LinkRow {
    fn head(self) -> Result<Head, Error> {
        let hash = self.hash.try_into();
        let hash = hash.map_err(|_| Error::unreadable("audit_chain", self.link, "its hash is no SHA-256"))?;
        Ok(Head { link: self.link, hash })
    }
}

#[derive(QueryableByName)]
struct LockRow {
    #[diesel(sql_type = Bool)]
    locked: bool,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = BigInt)]
    entry_id: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> EntryRow {
        EntryRow {
            entry_id: 7,
            merchant_id: "m".into(),
            at: chrono::DateTime::from_timestamp_micros(1_600_000_000_000_001).expect("a time"),
            subject: "s".into(),
            roles: "lead".into(),
            rpc: "/a/b".into(),
            decision: "allowed".into(),
            entity: "e/1".into(),
            summary: "{}".into(),
            request_id: "r".into(),
        }
    }

    #[test]
    fn the_layout_stays_as_it_was() {
        // Changing the layout would break every chain that was ever written.
        let head = next(&Head::EMPTY, &entry());
        assert_eq!((head.link, hex::encode(head.hash).as_str()), (1, VECTOR));
    }

    // Computed apart from this code, by a Python script from the layout in the README.
    const VECTOR: &str = "1bbf1334d8c8e6fc6e26ea2bdb21f52136ce3464ad0b08db7c989f2af4960d0c";

    #[test]
    fn text_cannot_move_between_neighbouring_columns() {
        let (mut one, mut two) = (entry(), entry());
        (one.subject, one.roles) = ("ab".into(), "c".into());
        (two.subject, two.roles) = ("a".into(), "bc".into());
        assert_ne!(next(&Head::EMPTY, &one), next(&Head::EMPTY, &two));
    }
}
