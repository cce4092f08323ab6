//! JSON to protobuf and back, by descriptor.

use std::collections::HashSet;
use std::fmt;

use prost::Message;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use status::{Kind, Problem};
use tonic::Status;

/// The protobuf bytes of a JSON message. Nothing at all is the message without fields.
pub fn to_proto(of: &MessageDescriptor, json: &[u8]) -> Result<Vec<u8>, Status> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    unique_keys(json).map_err(|error| bad(of, String::new(), &error))?;
    match read(of, json) {
        Ok(message) => Ok(message.encode_to_vec()),
        // Only a message that is refused is read a second time, to tell where it is wrong.
        Err(error) => Err(bad(of, place(of, json), &error)),
    }
}

/// The JSON of a protobuf message, in the canonical mapping: lowerCamelCase names, defaults left out.
pub fn from_proto(of: &MessageDescriptor, bytes: &[u8]) -> Result<Vec<u8>, Status> {
    let unreadable = |error: &dyn fmt::Display| {
        tracing::error!(message.name = of.full_name(), error = %error, "an answer cannot be made into JSON");
        Problem::new(Kind::Internal, "INTERNAL", "the answer cannot be made into JSON")
            .domain("gateway")
            .into_status()
    };
    let message = DynamicMessage::decode(of.clone(), bytes).map_err(|error| unreadable(&error))?;
    serde_json::to_vec(&message).map_err(|error| unreadable(&error))
}

fn read(of: &MessageDescriptor, json: &[u8]) -> Result<DynamicMessage, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let message = DynamicMessage::deserialize_with_options(of.clone(), &mut reader, &options())?;
    reader.end()?;
    Ok(message)
}

fn options() -> DeserializeOptions {
    DeserializeOptions::new().deny_unknown_fields(true)
}

/// Where in the message reading stops, for example `filter.days.from`; empty for the message itself.
fn place(of: &MessageDescriptor, json: &[u8]) -> String {
    let mut track = serde_path_to_error::Track::new();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    // The error itself is known already.
    let _ = DynamicMessage::deserialize_with_options(of.clone(), tracked, &options());
    let path = track.path().to_string();
    if path == "." { String::new() } else { path }
}

fn bad(of: &MessageDescriptor, place: String, error: &serde_json::Error) -> Status {
    let text = error.to_string();
    let unknown = text.strip_prefix("unrecognized field name '").and_then(|rest| rest.split('\'').next());
    let field = match unknown {
        Some(name) if place.is_empty() || place.ends_with(name) => {
            if place.is_empty() {
                name.to_owned()
            } else {
                place
            }
        }
        Some(name) => format!("{place}.{name}"),
        None => place,
    };
    let message = format!("the JSON does not fit {}", of.full_name());
    Problem::new(Kind::Invalid, "BAD_JSON", message).domain("gateway").violation(field, text).into_status()
}

/// Refuses a key that comes twice in one object: readers disagree about which one counts.
fn unique_keys(json: &[u8]) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    Unique.deserialize(&mut reader)
}

#[derive(Clone, Copy)]
struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(serde::de::Error::custom(format!("the key '{key}' comes twice")));
            }
            seen.insert(key);
            map.next_value_seed(Self)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;
    use proto::common::v1::Rate;
    use proto::metrics::v1::{Filter, GetFiguresRequest, Group};

    use super::*;

    fn descriptor() -> MessageDescriptor {
        message("jinpai.metrics.v1.GetFiguresRequest")
    }

    fn message(name: &str) -> MessageDescriptor {
        let pool = DescriptorPool::decode(proto::DESCRIPTOR_SET).expect("our own contracts");
        pool.get_message_by_name(name).expect("it is there")
    }

    #[test]
    fn a_double_keeps_its_last_digit_both_ways() {
        let of = message("jinpai.common.v1.Rate");
        // Quotients of all sizes; a reader that is off by one digit is so about once in ten.
        for denominator in 1..2_000_u32 {
            let quotient = f64::from(1_000_003 % denominator) / f64::from(denominator);
            let rate = Rate { numerator: 1, denominator: i64::from(denominator), quotient: Some(quotient) };
            let json = from_proto(&of, &rate.encode_to_vec()).expect("it is a rate");
            let back = to_proto(&of, &json).expect("it fits");
            let back = Rate::decode(back.as_slice()).expect("it is protobuf").quotient.expect("has one");
            assert_eq!(back.to_bits(), quotient.to_bits(), "{quotient}");
        }
    }

    #[test]
    fn json_and_protobuf_say_the_same() {
        let json = br#"{"days":{"from":{"year":2020,"month":5,"day":12}},"group":"GROUP_TEAM","filter":{"teamIds":["t1"]},"pageSize":7}"#;
        let bytes = to_proto(&descriptor(), json).expect("it fits");
        let message = GetFiguresRequest::decode(bytes.as_slice()).expect("it is protobuf");
        assert_eq!(message.group(), Group::Team);
        assert_eq!(message.filter, Some(Filter { team_ids: vec!["t1".into()], ..Filter::default() }));
        assert_eq!(message.page_size, 7);
        assert_eq!(from_proto(&descriptor(), &bytes).expect("it decodes"), json);
        assert_eq!(to_proto(&descriptor(), b"").expect("nothing is the empty message"), Vec::<u8>::new());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_field() {
        for (json, field, said) in [
            (r#"{"colour":1}"#, "colour", "unrecognized"),
            (r#"{"filter":{"colour":1}}"#, "filter.colour", "unrecognized"),
            (r#"{"pageSize":"many"}"#, "pageSize", ""),
            (r#"{"days":{"from":{"year":"x"}}}"#, "days.from.year", ""),
            (r#"{"filter":{"teamIds":["a",3]}}"#, "filter.teamIds[1]", ""),
            (r#"{"group":"GROUP_OF_FRIENDS"}"#, "group", "unrecognized enum value"),
            (r#"{"pageSize":1,"pageSize":2}"#, "", "comes twice"),
            (r#"{"filter":{"teamIds":[],"teamIds":[]}}"#, "", "comes twice"),
            (r#"{"pageSize":1"#, "", "EOF"),
            (r#"{} {}"#, "", "trailing"),
            ("[]", "", ""),
            ("null", "", ""),
        ] {
            let refused = to_proto(&descriptor(), json.as_bytes()).expect_err(json);
            let problem = Problem::from_status(&refused);
            assert_eq!(problem.reason, "BAD_JSON", "{json}");
            let violation = problem.violations.first().expect("one field");
            assert_eq!(violation.field, field, "{json}: {}", violation.description);
            assert!(violation.description.contains(said), "{json}: {}", violation.description);
        }
    }
}
