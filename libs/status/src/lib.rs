//! Error kinds and their gRPC statuses, in both directions.
