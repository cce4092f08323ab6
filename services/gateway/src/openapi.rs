//! The OpenAPI 3.1 document of everything that can be called by JSON, made from the descriptors.
//!
//! Texts are the comments of the proto files; limits are their `buf.validate` rules; who may call what is the access
//! rule, as the extension `x-jinpai-access`.

mod comments;
mod schema;

use prost_reflect::MethodDescriptor;
use proto::access::role_name;
use serde_json::{Map, Value, json};

use self::comments::Comments;
use self::schema::Schemas;
use crate::routes::{Route, Routes};

/// The document.
pub fn document(routes: &Routes) -> Value {
    let comments = Comments::new(routes.pool());
    let mut schemas = Schemas::new(routes.pool(), &comments);
    let mut paths = Map::new();
    let mut tags = Vec::new();
    for service in routes.pool().services() {
        let mut has_methods = false;
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let Some(route) = routes.find(&path) else { continue };
            has_methods = true;
            paths.insert(path, json!({ "post": operation(route, &method, &comments, &mut schemas) }));
        }
        if has_methods {
            let text = comments.of(service.parent_file().name(), service.path());
            tags.push(json!({ "name": service.full_name(), "description": text }));
        }
    }
    let mut components = schemas.finish();
    components.insert("connect.Error".to_owned(), error());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Jinpai",
            "version": "v1",
            "description": "Every method over HTTP by the Connect protocol: POST a JSON message, get a JSON message. \
                            int64 are strings, bytes are base64, times are RFC 3339, fields with their default value \
                            are left out. Methods without side effects also take GET with encoding=json and message=.",
        },
        "security": [{ "bearer": [] }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
            "schemas": components,
        },
    })
}

fn operation(
    route: &Route,
    method: &MethodDescriptor,
    comments: &Comments,
    schemas: &mut Schemas<'_>,
) -> Value {
    let service = method.parent_service();
    let text = comments.of(service.parent_file().name(), method.path());
    let streams = !route.is_unary();
    let mime = if streams { "application/connect+json" } else { "application/json" };
    let content = |schema: Value| json!({ mime: { "schema": schema } });
    let access: Vec<Value> = route
        .rule
        .grants
        .iter()
        .map(|(role, scope)| {
            let scope = scope.as_str_name().trim_start_matches("SCOPE_").to_ascii_lowercase();
            json!({ "role": role_name(*role), "scope": scope })
        })
        .collect();
    let mut operation = json!({
        "operationId": format!("{}_{}", service.name(), method.name()),
        "tags": [service.full_name()],
        "summary": comments::first_sentence(&text),
        "description": text,
        "x-jinpai-access": access,
        "requestBody": { "required": true, "content": content(schemas.of_message(&route.input)) },
        "responses": {
            "200": { "description": "The answer.", "content": content(schemas.of_message(&route.output)) },
            "default": {
                "description": "What went wrong.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/connect.Error" } } },
            },
        },
    });
    if streams {
        operation["x-jinpai-streams"] =
            json!({ "client": route.rule.client_streaming, "server": route.rule.server_streaming });
    }
    operation
}

fn error() -> Value {
    json!({
        "type": "object",
        "description": "An error of the Connect protocol. The HTTP status follows from the code.",
        "required": ["code"],
        "properties": {
            "code": {
                "type": "string",
                "enum": [
                    "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists",
                    "permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range",
                    "unimplemented", "internal", "unavailable", "data_loss", "unauthenticated",
                ],
            },
            "message": { "type": "string" },
            "details": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["type", "value"],
                    "properties": {
                        "type": { "type": "string", "description": "For example google.rpc.BadRequest." },
                        "value": { "type": "string", "contentEncoding": "base64" },
                        "debug": { "description": "The same, readable." },
                    },
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn whole() -> Value {
        document(&Routes::new(&["metrics".to_owned(), "qa".to_owned()]).expect("these packages exist"))
    }

    #[test]
    fn every_public_method_is_in_it() {
        let document = whole();
        let paths: BTreeSet<&str> =
            document["paths"].as_object().expect("an object").keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> = proto::access::rules().iter().map(|rule| rule.path).collect();
        assert_eq!(paths, expected);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, into: &mut BTreeSet<String>) {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(to)) = map.get("$ref") {
                        into.insert(to.clone());
                    }
                    map.values().for_each(|value| references(value, into));
                }
                Value::Array(list) => list.iter().for_each(|value| references(value, into)),
                _ => {}
            }
        }
        let document = whole();
        let mut all = BTreeSet::new();
        references(&document, &mut all);
        assert!(all.len() > 50, "{}", all.len());
        for reference in all {
            let pointer = reference.strip_prefix('#').expect("a reference into this document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn texts_rules_and_types_come_from_the_contract() {
        let document = whole();
        let operation = &document["paths"]["/jinpai.gateway.v1.GatewayService/GetTeamBoard"]["post"];
        assert!(
            operation["summary"]
                .as_str()
                .expect("text")
                .starts_with("GetTeamBoard returns a team's business day")
        );
        assert!(
            operation["x-jinpai-access"]
                .as_array()
                .expect("a list")
                .contains(&json!({ "role": "lead", "scope": "team" }))
        );
        let request = &document["components"]["schemas"]["jinpai.gateway.v1.GetTeamBoardRequest"];
        assert_eq!(request["required"], json!(["businessDay"]));
        assert_eq!(request["properties"]["teamId"]["minLength"], 1);
        assert_eq!(request["properties"]["teamId"]["maxLength"], 64);
        let status = &document["components"]["schemas"]["jinpai.gateway.v1.SectionStatus"]["properties"];
        assert_eq!(status["asOf"]["format"], "date-time");
        assert_eq!(status["truncated"]["type"], "boolean");
        let state = &document["components"]["schemas"]["jinpai.gateway.v1.SectionState"];
        assert!(state["enum"].as_array().expect("a list").contains(&json!("SECTION_STATE_STALE")));
        let ingest = &document["paths"]["/jinpai.metrics.v1.MetricsService/IngestConversations"]["post"];
        assert!(ingest["requestBody"]["content"]["application/connect+json"].is_object());
    }
}
