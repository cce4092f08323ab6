//! The program as people run it.

mod roster;
mod up;
