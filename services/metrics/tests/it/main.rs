//! The service against a real Postgres and a real NATS, through its real client.

mod access;
mod alerts;
mod analysis;
mod boards;
mod campaign_reviews;
mod campaigns;
mod clocks;
mod days;
mod definitions;
mod explain;
mod fact_support;
mod facts;
mod figures;
mod helpers;
mod ingest;
mod issues;
mod migrations;
mod privacy;
mod recount;
mod star;
mod support;
mod targets;
mod timelines;
mod trade_recount;
mod trade_worlds;
mod writers;
