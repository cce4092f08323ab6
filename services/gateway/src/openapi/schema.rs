//! JSON schemas of messages and enums, as the canonical JSON mapping writes them.

use std::collections::BTreeMap;

use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind,
    MessageDescriptor, ReflectMessage, Value as ProtoValue,
};
use serde_json::{Map, Value, json};

use super::comments::Comments;

/// The schemas met so far. Asking for one adds it and all that it refers to.
#[derive(Debug)]
pub struct Schemas<'a> {
    comments: &'a Comments,
    rules: Option<ExtensionDescriptor>,
    done: BTreeMap<String, Value>,
}

impl<'a> Schemas<'a> {
    /// None yet.
    pub fn new(pool: &DescriptorPool, comments: &'a Comments) -> Self {
        Self { comments, rules: pool.get_extension_by_name("buf.validate.field"), done: BTreeMap::new() }
    }

    /// All schemas by name.
    pub fn finish(self) -> Map<String, Value> {
        self.done.into_iter().collect()
    }

    /// A reference to a message's schema, or the schema itself for Google's well-known types.
    pub fn of_message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(known) = well_known(message.full_name()) {
            return known;
        }
        let name = message.full_name().to_owned();
        if !self.done.contains_key(&name) {
            // Put in before its fields, because a message may contain itself.
            self.done.insert(name.clone(), Value::Null);
            let schema = self.message(message);
            self.done.insert(name.clone(), schema);
        }
        reference(&name)
    }

    fn message(&mut self, message: &MessageDescriptor) -> Value {
        let file = message.parent_file();
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in message.fields() {
            let mut schema = self.field(&field);
            let text = self.comments.of(file.name(), field.path());
            if !text.is_empty() {
                schema["description"] = text.into();
            }
            if self.rules(&field).is_some_and(|rules| flag(&rules, "required")) {
                required.push(field.json_name().to_owned());
            }
            properties.insert(field.json_name().to_owned(), schema);
        }
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        let text = self.comments.of(file.name(), message.path());
        if !text.is_empty() {
            schema["description"] = text.into();
        }
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { return json!({ "type": "object" }) };
            let values = self.single(&entry.map_entry_value_field());
            return json!({ "type": "object", "additionalProperties": values });
        }
        let mut schema = self.single(field);
        let rules = self.rules(field);
        if field.cardinality() == Cardinality::Repeated {
            let list = rules.as_ref().and_then(|rules| part(rules, "repeated"));
            if let Some(items) = list.as_ref().and_then(|list| part(list, "items")) {
                limit(&mut schema, &items);
            }
            schema = json!({ "type": "array", "items": schema });
        }
        if let Some(rules) = rules {
            limit(&mut schema, &rules);
        }
        schema
    }

    fn single(&mut self, field: &FieldDescriptor) -> Value {
        match field.kind() {
            Kind::Double | Kind::Float => json!({ "type": "number" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
            Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
            // JavaScript's numbers end at 2^53, so these travel as text.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": "string", "format": "int64" })
            }
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Message(message) => self.of_message(&message),
            Kind::Enum(of) => self.of_enum(&of),
        }
    }

    fn of_enum(&mut self, of: &EnumDescriptor) -> Value {
        let name = of.full_name().to_owned();
        if !self.done.contains_key(&name) {
            let file = of.parent_file();
            let mut text = self.comments.of(file.name(), of.path());
            let mut names = Vec::new();
            for value in of.values() {
                names.push(value.name().to_owned());
                let meaning = self.comments.of(file.name(), value.path());
                if !meaning.is_empty() {
                    text = format!("{text}\n- `{}`: {meaning}", value.name());
                }
            }
            self.done
                .insert(name.clone(), json!({ "type": "string", "enum": names, "description": text.trim() }));
        }
        reference(&name)
    }

    /// The `buf.validate` rules of a field.
    fn rules(&self, field: &FieldDescriptor) -> Option<DynamicMessage> {
        let options = field.options();
        let extension = self.rules.as_ref()?;
        options.has_extension(extension).then(|| options.get_extension(extension).as_message().cloned())?
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn part(rules: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    let field = rules.descriptor().get_field_by_name(name)?;
    rules.has_field(&field).then(|| rules.get_field(&field).as_message().cloned())?
}

fn flag(rules: &DynamicMessage, name: &str) -> bool {
    rules.get_field_by_name(name).is_some_and(|value| value.as_bool() == Some(true))
}

/// Writes the rules of a field's type as JSON Schema's own keywords. A rule that JSON Schema has no word for is left
/// to the service.
fn limit(schema: &mut Value, rules: &DynamicMessage) {
    for (of_type, value) in rules.fields() {
        let ProtoValue::Message(rules) = value else { continue };
        for (rule, value) in rules.fields() {
            let keyword = match (of_type.name(), rule.name()) {
                ("string", "min_len") => "minLength",
                ("string", "max_len") => "maxLength",
                ("string", "pattern") => "pattern",
                ("repeated", "min_items") => "minItems",
                ("repeated", "max_items") => "maxItems",
                ("repeated", "unique") => "uniqueItems",
                // 64-bit numbers are text in JSON and have no order there.
                ("int32" | "uint32" | "double" | "float", "gte") => "minimum",
                ("int32" | "uint32" | "double" | "float", "lte") => "maximum",
                ("int32" | "uint32" | "double" | "float", "gt") => "exclusiveMinimum",
                ("int32" | "uint32" | "double" | "float", "lt") => "exclusiveMaximum",
                _ => continue,
            };
            if let Some(value) = plain(value) {
                schema[keyword] = value;
            }
        }
    }
}

fn plain(value: &ProtoValue) -> Option<Value> {
    match value {
        ProtoValue::Bool(value) => Some((*value).into()),
        ProtoValue::I32(value) => Some((*value).into()),
        ProtoValue::U32(value) => Some((*value).into()),
        ProtoValue::U64(value) => Some((*value).into()),
        ProtoValue::F64(value) => Some((*value).into()),
        ProtoValue::F32(value) => Some((*value).into()),
        ProtoValue::String(value) => Some(value.clone().into()),
        _ => None,
    }
}

/// Types whose JSON is not an object of their fields.
fn well_known(name: &str) -> Option<Value> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "Duration" => json!({ "type": "string", "pattern": r"^-?\d+(\.\d+)?s$" }),
        "FieldMask" => json!({ "type": "string" }),
        "Empty" | "Struct" => json!({ "type": "object" }),
        "Value" => json!({}),
        _ => return None,
    })
}
