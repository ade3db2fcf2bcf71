//! The reference as a page to read: made of the OpenAPI document, without a script and without
//! anything from elsewhere, so that it works on a machine that reaches nothing.

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value};

use crate::App;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem;color:#222;background:#fff}code,pre{font:14px/1.5 ui-monospace,monospace}\
    pre{background:#8881;padding:.7rem;overflow:auto}section{border-top:1px solid #8884;\
    margin-top:2rem}h2{font-size:1.1rem}b.m{display:inline-block;min-width:4.5rem}\
    table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.15rem .8rem .15rem 0;\
    vertical-align:top}nav a{display:block}a{color:#06c}@media(prefers-color-scheme:dark){\
    body{color:#ddd;background:#181818}a{color:#7bf}}";

/// `GET /openapi.json`.
pub(crate) async fn openapi(State(app): State<App>) -> Response<Body> {
    let mut response = Response::new(Body::from(app.document.clone()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// `GET /docs`.
pub(crate) async fn docs(State(app): State<App>) -> Response<Body> {
    let mut response = Response::new(Body::from(app.page.clone()));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

/// The page of a document.
pub(crate) fn page(document: &Value) -> String {
    let (mut nav, mut sections) = (String::new(), String::new());
    let none = Map::new();
    for (path, methods) in document["paths"].as_object().unwrap_or(&none) {
        for (method, operation) in methods.as_object().unwrap_or(&none) {
            let id = text(&operation["operationId"]);
            let head = format!("<b class=m>{}</b> {}", method.to_uppercase(), escaped(path));
            nav.push_str(&format!("<a href=\"#{id}\"><code>{head}</code></a>"));
            sections.push_str(&format!(
                "<section id=\"{id}\"><h2><code>{head}</code></h2><p>{}.{}</p>{}{}{}</section>",
                text(&operation["summary"]),
                scope(operation),
                parameters(operation),
                body(operation),
                answers(operation)
            ));
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap_or(&none) {
        let name = escaped(name);
        sections.push_str(&format!(
            "<section id=\"schema-{name}\"><h2>{name}</h2><pre>{}</pre></section>",
            linked(&escaped(&serde_json::to_string_pretty(schema).unwrap_or_default()))
        ));
    }
    let info = &document["info"];
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
         content=\"width=device-width\"><title>{0}</title><style>{STYLE}</style><h1>{0}</h1>\
         <p>{1}</p><p><a href=\"/openapi.json\">/openapi.json</a></p><nav>{nav}</nav>{sections}",
        text(&info["title"]),
        prose(&info["description"])
    )
}

fn scope(operation: &Value) -> String {
    let scope = text(&operation["security"][0]["key"][0]);
    if scope.is_empty() { String::new() } else { format!(" Scope: <code>{scope}</code>.") }
}

fn parameters(operation: &Value) -> String {
    let Some(parameters) = operation["parameters"].as_array() else { return String::new() };
    let rows: String = parameters
        .iter()
        .map(|parameter| {
            format!(
                "<tr><td><code>{}</code><td>{}<td>{}",
                text(&parameter["name"]),
                text(&parameter["in"]),
                prose(&parameter["description"])
            )
        })
        .collect();
    format!("<table>{rows}</table>")
}

fn body(operation: &Value) -> String {
    content(&operation["requestBody"]["content"], "<p>Body: ")
}

fn answers(operation: &Value) -> String {
    let Some(answers) = operation["responses"].as_object() else { return String::new() };
    let rows: String = answers
        .iter()
        .map(|(status, answer)| {
            let content = content(&answer["content"], "");
            format!(
                "<tr><td><code>{status}</code><td>{}<td>{content}",
                prose(&answer["description"])
            )
        })
        .collect();
    format!("<table>{rows}</table>")
}

fn content(content: &Value, before: &str) -> String {
    let Some(types) = content.as_object() else { return String::new() };
    let types: Vec<String> = types
        .iter()
        .map(|(media_type, content)| {
            let schema = text(&content["schema"]["$ref"]);
            let name = schema.rsplit('/').next().unwrap_or_default();
            format!("<a href=\"#schema-{name}\">{name}</a> <code>{}</code>", escaped(media_type))
        })
        .collect();
    format!("{before}{}", types.join(", "))
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// A text in which words between backticks are code.
fn prose(value: &Value) -> String {
    let text = text(value);
    let parts = text.split('`').enumerate();
    let marked = parts.map(|(number, part)| match number % 2 {
        1 => format!("<code>{part}</code>"),
        _ => part.to_owned(),
    });
    marked.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Schemas that are named in one become links to them.
fn linked(schema: &str) -> String {
    const REFERENCE: &str = "#/components/schemas/";
    let mut parts = schema.split(REFERENCE);
    let mut linked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find("&quot;").unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        linked.push_str(&format!("<a href=\"#schema-{name}\">{REFERENCE}{name}</a>{rest}"));
    }
    linked
}
