//! Everything through the crate's public face.

mod text;
