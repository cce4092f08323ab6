//! The server, its clients and what they stand on.
