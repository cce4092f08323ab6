//! Postgres: pool, migrations, errors, pages, bulk copy, idempotency keys, audit.
