//! Generated contracts: messages, clients, servers, descriptor set and access rules.
//!
//! Nothing here is written by hand but the wire [`codec`], the conversions of [`time`] and the shape of the [`access`] table. The sources are
//! `proto/` at the root of the project; `build.rs` compiles them without protoc and refuses a method that has no
//! access rule. This crate knows no service, no transport settings and no storage.
//!
//! Types are reached through their package, shortened: [`qa::v1`], [`metrics::v1`], `google::r#type`.

pub mod access;
pub mod codec;
pub mod time;

#[expect(missing_docs, clippy::all, clippy::allow_attributes, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/_all.rs"));
}
#[expect(clippy::all, clippy::allow_attributes, reason = "generated")]
mod validation {
    use super::generated::jinpai;

    include!(concat!(env!("OUT_DIR"), "/validate_impl.rs"));
}

pub use generated::{google, jinpai};
pub use jinpai::{common, events, gateway, metrics, performance, qa};
pub use prost_protovalidate::Validate;

/// The encoded `google.protobuf.FileDescriptorSet` of everything under `proto/`, options and comments included.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
