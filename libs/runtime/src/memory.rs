//! What memory comes from.
//!
//! The system's allocator keeps what a peak took: threads that work on batches of some megabytes leave holes that it does not
//! give back, and metrics grew from import to import, beyond its pod's limit. This one gives back what was free for half a
//! second (`.cargo/config.toml` sets that when it is built). What `make test` and `make run` build does without: see Decisions in the README.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;
