//! Postgres and NATS of a suite: private ones, or those of the people who named them.

use std::path::Path;

use anyhow::{Context, Result};
use servers::{Nats, NatsOptions, Postgres, PostgresOptions};

use super::server_folder;

/// How much the private servers have to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything, also over the machine's power cut.
    Lasting,
    /// Nothing: the folder is thrown away afterwards.
    Throwaway,
}

/// What a suite stands on.
#[derive(Debug)]
pub struct Servers {
    postgres: Option<Postgres>,
    nats: Option<Nats>,
    database_url: String,
    nats_url: String,
}

impl Servers {
    /// Starts what is not given by URL, on the data below `state`.
    pub async fn start(
        state: &Path,
        database_url: Option<&str>,
        nats_url: Option<&str>,
        kind: Kind,
    ) -> Result<Self> {
        let (postgres_options, nats_options) = match kind {
            Kind::Lasting => (PostgresOptions::default(), NatsOptions::default()),
            Kind::Throwaway => (PostgresOptions::throwaway(), NatsOptions::throwaway()),
        };
        let postgres = async {
            match database_url {
                Some(_) => anyhow::Ok(None),
                None => {
                    let folder = server_folder(state, "postgres");
                    Ok(Some(Postgres::start(folder, postgres_options).await.context("start Postgres")?))
                }
            }
        };
        let nats = async {
            match nats_url {
                Some(_) => anyhow::Ok(None),
                None => {
                    let folder = server_folder(state, "nats");
                    Ok(Some(Nats::start(folder, nats_options).await.context("start NATS")?))
                }
            }
        };
        let (postgres, nats) = tokio::try_join!(postgres, nats)?;
        let own = |url: Option<&str>| url.map(str::to_owned);
        let database_url = own(database_url).or_else(|| postgres.as_ref().map(Postgres::url));
        let nats_url = own(nats_url).or_else(|| nats.as_ref().map(Nats::url));
        Ok(Self {
            postgres,
            nats,
            database_url: database_url.context("no database")?,
            nats_url: nats_url.context("no event stream")?,
        })
    }

    /// The database, as a user who may create roles.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// The event stream.
    pub fn nats_url(&self) -> &str {
        &self.nats_url
    }

    /// Stops what was started here.
    pub async fn stop(self) -> Result<()> {
        if let Some(mut nats) = self.nats {
            nats.stop().await.context("stop NATS")?;
        }
        if let Some(mut postgres) = self.postgres {
            postgres.stop().await.context("stop Postgres")?;
        }
        Ok(())
    }
}
