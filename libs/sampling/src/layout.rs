//! The byte layout under every hash: fields with their length in front, so that two different inputs never give the
//! same bytes. Described for strangers in the README; a change here is a new format version.

use chrono::{DateTime, NaiveDate, Utc};

/// Something that takes bytes: a hash or a keyed hash.
pub(crate) trait Sink {
    /// Appends raw bytes.
    fn raw(&mut self, bytes: &[u8]);

    /// Appends the length as 32 bits, big-endian, then the bytes.
    fn field(&mut self, bytes: &[u8]) {
        // No field comes near 4 GiB; if one did, the capped prefix would still be one fixed layout.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.raw(&length.to_be_bytes());
        self.raw(bytes);
    }

    /// Appends a day as the field `YYYY-MM-DD`.
    fn day(&mut self, day: NaiveDate) {
        self.field(day.to_string().as_bytes());
    }

    /// Appends a count as 64 bits, big-endian.
    fn count(&mut self, count: usize) {
        self.raw(&(count as u64).to_be_bytes());
    }

    /// Appends a yes or no as one byte.
    fn flag(&mut self, flag: bool) {
        self.raw(&[u8::from(flag)]);
    }

    /// Appends an instant: whole seconds since 1970 as signed 64 bits, then nanoseconds as 32 bits, both big-endian.
    fn instant(&mut self, at: DateTime<Utc>) {
        self.raw(&at.timestamp().to_be_bytes());
        self.raw(&at.timestamp_subsec_nanos().to_be_bytes());
    }
}

impl Sink for sha2::Sha256 {
    fn raw(&mut self, bytes: &[u8]) {
        sha2::Digest::update(self, bytes);
    }
}

impl Sink for hmac::Hmac<sha2::Sha256> {
    fn raw(&mut self, bytes: &[u8]) {
        hmac::Mac::update(self, bytes);
    }
}

/// A SHA-256 that has taken the tag which keeps the kinds of hashes apart.
pub(crate) fn tagged(tag: &str) -> sha2::Sha256 {
    let mut hash = <sha2::Sha256 as sha2::Digest>::new();
    hash.field(tag.as_bytes());
    hash
}

/// Ends a hash.
pub(crate) fn finish(hash: sha2::Sha256) -> [u8; 32] {
    sha2::Digest::finalize(hash).into()
}

/// Declares a 32-byte value that is written as hexadecimal in text and in JSON.
macro_rules! bytes32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps bytes that were computed or stored before.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Takes bytes as a database or a message gives them; `None` unless there are exactly 32.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(&hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, "{}({self})", stringify!($name))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::layout::hex32::serialize(&self.0, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::layout::hex32::deserialize(deserializer).map(Self)
            }
        }
    };
}
pub(crate) use bytes32;

/// 32 bytes as 64 hexadecimal digits in serde.
pub(crate) mod hex32 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.as_bytes(), &mut bytes)
            .map_err(|error| D::Error::custom(format!("not 64 hexadecimal digits: {error}")))?;
        Ok(bytes)
    }
}
