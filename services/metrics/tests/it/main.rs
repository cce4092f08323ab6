//! The service against a real Postgres and a real NATS, through its real client.

mod access;
mod campaign_reviews;
mod campaigns;
mod days;
mod definitions;
mod explain;
mod figures;
mod ingest;
mod issues;
mod migrations;
mod privacy;
mod recount;
mod star;
mod support;
mod targets;
mod writers;
