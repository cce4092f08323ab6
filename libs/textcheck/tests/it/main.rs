//! The checks as a service sees them: rules as JSON, chats in, hits out.

mod defaults;
mod phrases;
mod properties;
mod replies;
mod rules;
mod sentiment;
mod support;
