//! qa through its own API, on a real Postgres and a real NATS, fed by events as metrics and performance send them.

mod access;
mod appeals;
mod arrivals;
mod assignments;
mod builders;
mod calibrations;
mod conversations;
mod coverage;
mod draws;
mod late;
mod migrations;
mod plans;
mod quality;
mod query_plan;
mod review_work;
mod reviews;
mod scope;
mod scorecards;
mod star;
mod support;
mod tampering;
