//! Everything through the crate's public face.

mod conflict;
mod json;
mod models;
mod rotation;
mod shown;
mod template;
mod text;
mod truth;
mod year;
