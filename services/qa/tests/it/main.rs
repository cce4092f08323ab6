//! qa through its own API, on a real Postgres and a real NATS, fed by events as metrics and performance send them.

mod access;
mod arrivals;
mod assignments;
mod builders;
mod checking;
mod conversations;
mod coverage;
mod draws;
mod dry_runs;
mod hits;
mod late;
mod measured;
mod migrations;
mod plans;
mod privacy;
mod query_plan;
mod reviews;
mod risks;
mod rule_sets;
mod scope;
mod scorecards;
mod star;
mod support;
mod tampering;
mod weaknesses;
