//! Everything through the crate's public face.

mod conflict;
mod json;
mod shown;
mod text;
