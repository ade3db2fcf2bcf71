//! The OpenAPI document (3.1), made of the table of routes and of the types of the bodies.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::map::Entry;
use serde_json::{Map, Value, json};

use crate::idempotency::KEY_CHARS_MAX;
use crate::problem::{Body9457, Code, MEDIA_TYPE};
use crate::routes::{Answer, Route};

const ABOUT: &str = "Onboards users through the provider's KYC, durably. What a request has \
    answered is on disk. Errors are problem details (RFC 9457) with a stable `code`; \
    docs/http-api.md explains each.";

/// The document of these routes.
pub(crate) fn document(routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    // What may be left out of a request is always in an answer, or is never null there.
    let mut taken = settings.clone().for_deserialize().into_generator();
    let mut generator = settings.for_serialize().into_generator();
    let problem = generator.subschema_for::<Body9457>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(route, &problem, &mut taken, &mut generator);
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.as_str().to_lowercase()] = operation;
    }
    let mut schemas = taken.take_definitions(true);
    without_null(&mut schemas, "UserBody");
    schemas.extend(generator.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gangway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" }
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": "X-API-KEY" },
                "bearer": { "type": "http", "scheme": "bearer" }
            }
        }
    })
}

/// What is named in a schema, and in those that it refers to, is left out where there is no value:
/// the rules refuse null.
fn without_null(schemas: &mut Map<String, Value>, name: &str) {
    let Some(properties) = schemas.get_mut(name).and_then(|schema| schema.get_mut("properties"))
    else {
        return;
    };
    let mut named = Vec::new();
    for property in properties.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(types) = property["type"].as_array() {
            property["type"] = types[0].clone();
        }
        let either = property.get_mut("anyOf").and_then(Value::as_array_mut);
        let not_null = either.and_then(|either| either.first().cloned());
        if let (Some(Value::Object(not_null)), Some(fields)) = (not_null, property.as_object_mut())
        {
            fields.remove("anyOf");
            fields.extend(not_null);
        }
        let reference =
            property["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        named.extend(reference.map(str::to_owned));
        // Null as the default, too.
        if let Some(fields) = property.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
    }
    for name in named {
        without_null(schemas, &name);
    }
}

fn operation(
    route: &Route,
    problem: &Schema,
    taken: &mut SchemaGenerator,
    generator: &mut SchemaGenerator,
) -> Value {
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "parameters": parameters(route, generator),
        "responses": responses(route, problem, generator),
        "security": security(route)
    });
    if let Some(body) = &route.body {
        let schema = (body.schema)(taken);
        let content: Map<String, Value> = body
            .media_types
            .iter()
            .map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema })))
            .collect();
        operation["requestBody"] = json!({ "required": body.is_required, "content": content });
    }
    operation
}

fn security(route: &Route) -> Value {
    match route.scope {
        Some(scope) => json!([{ "key": [scope.as_str()] }, { "bearer": [scope.as_str()] }]),
        None => json!([]),
    }
}

fn parameters(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters: Vec<Value> = in_path(route.path)
        .map(|name| {
            let (says, schema) = match name {
                "locator" => (
                    "The user's locator, percent-encoded: userId:…, email:…, phoneNumber:+…, \
                     twitter:…",
                    json!({ "type": "string", "maxLength": onboarding::LOCATOR_BYTES_MAX,
                            "pattern": "^(userId|email|phoneNumber|twitter|x):.+$",
                            "examples": ["userId:johnd-123"] }),
                ),
                "number" => (
                    "The task's number.",
                    json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
                ),
                "endpoint" => ("The endpoint's id.", json!({ "type": "string" })),
                "address" => (
                    "The wallet's address.",
                    json!({ "type": "string", "minLength": 8, "maxLength": 128,
                            "pattern": "^[A-Za-z0-9_-]+$",
                            "examples": ["0x52908400098527886E0F7030069857D2E4169EE7"] }),
                ),
                _ => ("The document's id.", json!({ "type": "string" })),
            };
            json!({ "name": name, "in": "path", "required": true, "description": says,
                    "schema": schema })
        })
        .collect();
    let in_query = route.query.iter().map(|parameter| ("query", parameter));
    let in_headers = route.headers.iter().map(|parameter| ("header", parameter));
    parameters.extend(in_query.chain(in_headers).map(|(place, parameter)| {
        json!({ "name": parameter.name, "in": place, "required": false,
                "description": parameter.says, "schema": (parameter.schema)(generator) })
    }));
    if route.is_change {
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same request with the same key gets the same answer.",
            "schema": { "type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX,
                        "pattern": "^[!-~]+$" } }));
        parameters.push(json!({ "name": "If-Match", "in": "header", "required": false,
            "description": "The ETag of the status that the request is made for, or several, or *. \
                `If-None-Match: *`, in its place, demands that there is no such user yet.",
            "schema": { "type": "string", "pattern": "^([*]|(W/)?\"[0-9]{1,18}\"( ?, ?(W/)?\"[0-9]{1,18}\")*)$", "examples": ["*"] } }));
    }
    parameters
}

/// The names in braces.
fn in_path(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// The codes that a route can answer with.
fn codes(route: &Route) -> Vec<Code> {
    let mut codes = vec![Code::Internal];
    if route.scope.is_some() {
        codes.extend([Code::Unauthorized, Code::Forbidden, Code::TooManyRequests, Code::TimedOut]);
        codes.extend([Code::BadRequest, Code::StoreUnavailable]);
    }
    if route.path.contains("{locator}") {
        codes.extend([Code::InvalidLocator, Code::NoSuchUser]);
    }
    if route.path.contains("{id}") {
        codes.push(Code::NoSuchDocument);
    }
    if route.path.contains("{endpoint}") {
        codes.push(Code::NoSuchEndpoint);
    }
    codes.extend(&route.codes);
    if route.path.contains("{address}") {
        codes.push(Code::NoSuchWallet);
    }
    if route.query.iter().any(|parameter| parameter.name == "user") {
        codes.push(Code::NoSuchUser);
    }
    if route.is_change {
        codes.extend([Code::NotNow, Code::Ended, Code::RequestInProgress, Code::VersionMismatch]);
        codes.extend([Code::IdempotencyKeyReused, Code::Busy, Code::NoSuchUser]);
    }
    if route.body.is_some() {
        codes.extend([Code::TooLarge, Code::UnsupportedMediaType, Code::DataRefused]);
    }
    codes
}

fn responses(route: &Route, problem: &Schema, generator: &mut SchemaGenerator) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for answer in &route.answers {
        let response = response(route, answer, generator);
        match responses.entry(answer.status.as_u16().to_string()) {
            Entry::Vacant(none) => drop(none.insert(response)),
            // The same in another form.
            Entry::Occupied(mut there) => {
                there.get_mut()["content"][answer.media_type] =
                    response["content"][answer.media_type].clone();
            }
        }
    }
    let codes = codes(route);
    for code in Code::ALL.into_iter().filter(|code| codes.contains(code)) {
        let status = code.status().as_u16().to_string();
        let word = code.as_str();
        let says = match responses.get(&status) {
            Some(other) => {
                format!("{}, `{word}`", other["description"].as_str().unwrap_or_default())
            }
            None => format!("`{word}`"),
        };
        let content = json!({ MEDIA_TYPE: { "schema": problem } });
        responses.insert(status, json!({ "description": says, "content": content }));
    }
    Value::Object(responses)
}

fn response(route: &Route, answer: &Answer, generator: &mut SchemaGenerator) -> Value {
    let mut response = json!({ "description": answer.says });
    if !answer.media_type.is_empty() {
        let schema = answer.schema.map(|make| json!(make(generator))).unwrap_or_else(|| json!({}));
        response["content"] = json!({ answer.media_type: { "schema": schema } });
    }
    if route.is_change && answer.status.as_u16() != 204 {
        response["headers"] = json!({ "ETag": {
            "description": "The onboarding's version.", "schema": { "type": "string" } } });
    }
    response
}
