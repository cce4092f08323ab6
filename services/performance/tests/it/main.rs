//! The people directory through its own API, on a real Postgres and a real NATS.

mod access;
mod accounts;
mod followers;
mod import;
mod merchant;
mod migrations;
mod people;
mod reach;
mod store;
mod support;
mod teams;
