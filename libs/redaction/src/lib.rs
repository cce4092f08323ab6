//! Personal data out of text before anything is stored.
