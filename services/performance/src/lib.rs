//! The people directory.
