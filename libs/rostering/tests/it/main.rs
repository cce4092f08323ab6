//! Everything through the crate's public face.

mod brute;
mod claims;
mod conflict;
mod history;
mod json;
mod keep;
mod models;
mod own;
mod rotation;
mod shown;
mod template;
mod text;
mod truth;
mod year;
