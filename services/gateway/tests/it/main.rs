//! The gateway in front of small services of the test's own, through real connections.

mod audit;
mod connect;
mod faults;
mod limits;
mod native;
mod open;
mod sign_in;
mod support;
mod tls;
mod views;
mod web;
