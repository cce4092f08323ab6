//! What is written by hand beside the generated code.

mod access;
mod time;
