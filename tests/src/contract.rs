//! Messages by their descriptors alone: what JSON says, as the type that gRPC gives.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use serde_json::Value;

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(proto::DESCRIPTOR_SET).expect("the contracts decode"));

/// The method of `/package.Service/Method`.
pub fn method(path: &str) -> MethodDescriptor {
    let named = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let found = named.and_then(|(service, name)| {
        POOL.get_service_by_name(service)?.methods().find(|method| method.name() == name)
    });
    found.unwrap_or_else(|| panic!("there is no method {path}"))
}

/// A method's request in the canonical JSON.
pub fn request(path: &str, message: &impl Message) -> Value {
    let bytes = message.encode_to_vec();
    let message =
        DynamicMessage::decode(method(path).input(), bytes.as_slice()).expect("a request of the method");
    serde_json::to_value(&message).expect("a message has JSON")
}

/// The protobuf bytes of a method's answer in JSON. A field that the contract doesn't have is an error.
pub fn encoded(path: &str, answer: &Value) -> Vec<u8> {
    let message = DynamicMessage::deserialize(method(path).output(), answer);
    message.unwrap_or_else(|error| panic!("{path} answered {answer}: {error}")).encode_to_vec()
}

/// A method's answer after a way through JSON: what the JSON of an equal answer reads as. The reader takes the last digit
/// of a fraction loosely, but equal texts alike.
pub fn by_json<T: Message + Default>(path: &str, message: &T) -> T {
    let bytes = message.encode_to_vec();
    let message =
        DynamicMessage::decode(method(path).output(), bytes.as_slice()).expect("an answer of the method");
    let text = serde_json::to_string(&message).expect("a message has JSON");
    answer(path, &serde_json::from_str(&text).expect("JSON"))
}

/// A method's answer in JSON, as its type.
pub fn answer<T: Message + Default>(path: &str, answer: &Value) -> T {
    T::decode(encoded(path, answer).as_slice()).expect("the same message")
}
