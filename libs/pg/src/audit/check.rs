//! The audit of a schema, checked for an operator.

use runtime::config::ConfigError;
use runtime::process::{Audited, KeptHeads};

use super::{Head, heads, verify};
use crate::{DatabaseConfig, Error};

/// Why an audit could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum Unchecked {
    /// What it is to be compared with is not there, or is nothing of the kind.
    #[error("the heads that were kept cannot be used")]
    Kept(#[from] ConfigError),
    /// The database.
    #[error("the audit cannot be read")]
    Database(#[from] Error),
}

/// Recomputes the audit chain of `schema` and compares it with heads kept elsewhere: what `SERVICE verify-audit` does. Takes
/// the rights of the runtime role, changes nothing, and may run beside the service.
pub async fn check(
    schema: &'static str,
    database: &DatabaseConfig,
    kept: &KeptHeads,
) -> Result<Audited, Unchecked> {
    let mut heads = kept.heads.iter().map(|text| text.parse()).collect::<Result<Vec<Head>, ConfigError>>()?;
    for file in &kept.files {
        heads.extend(heads::read(file, schema)?);
    }
    // A long chain may take longer than any call may.
    let settings = DatabaseConfig { pool_size: 1, statement_timeout_ms: 0, ..database.clone() };
    let pool = crate::connect(schema, &settings).await?;
    let mut conn = pool.get().await?;
    Ok(match verify(&mut conn, &heads).await? {
        Err(broken) => Audited::Broken(format!("the audit of {schema} does not hold: {broken}")),
        Ok(head) => {
            Audited::Whole(format!("the audit of {schema} is whole: head {head}; {}", compared(heads.len())))
        }
    })
}

fn compared(heads: usize) -> String {
    match heads {
        0 => "compared with no head kept elsewhere, so that a cut tail or a chain made anew would not show \
              (--head, --heads)"
            .to_owned(),
        1 => "it leads through the head kept elsewhere".to_owned(),
        _ => format!("it leads through all {heads} heads kept elsewhere"),
    }
}
