//! Against a real Postgres.
