//! The readers as a whole: whole files in, records out; and any bytes in, never a panic.

mod csv;
mod fuzz;
mod help_desks;
mod jsonl;
mod qianniu;
mod sheets;
mod support;
