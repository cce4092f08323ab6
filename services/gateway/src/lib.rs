//! The one port: gRPC, gRPC-Web and JSON for every public method.
