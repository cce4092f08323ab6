//! Errors to statuses and back.
