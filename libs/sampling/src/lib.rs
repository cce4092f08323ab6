//! The verifiable draw and its verifier.
