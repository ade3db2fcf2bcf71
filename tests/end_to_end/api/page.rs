//! The OpenAPI document and the page.

use super::*;

#[test]
fn the_document_says_what_there_is_and_the_page_loads_nothing_from_elsewhere() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let document = api.get("/openapi.json").expect(200).value();
    assert_eq!(document["openapi"], "3.1.0");
    let mut schemas: Vec<&str> = Vec::new();
    references(&document, &mut schemas);
    for name in &schemas {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is not there");
    }
    assert!(schemas.len() > 50);
    let ready = &document["paths"]["/health/ready"]["get"]["responses"];
    for (status, word) in [("503", "not-ready"), ("408", "timed-out")] {
        assert!(ready[status]["description"].as_str().unwrap().contains(word), "{ready:#}");
    }
    let events = &document["paths"]["/v1/events"]["get"];
    for media_type in ["application/json", "text/event-stream"] {
        assert!(events["responses"]["200"]["content"][media_type].is_object(), "{events:#}");
    }
    let mut parameters = events["parameters"].as_array().unwrap().iter();
    let resumed = parameters.find(|it| it["name"] == "Last-Event-ID").unwrap();
    assert_eq!(resumed["in"], "header");
    let page = api.get("/docs").expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let page = page.text();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.contains(path.as_str()), "{path}");
    }
    for elsewhere in ["<script", "http://", "https://", "<link", "<img", "src="] {
        let schemas_own = "https://json-schema.org";
        assert!(!page.replace(schemas_own, "").contains(elsewhere), "{elsewhere}");
    }
    worker.stop();
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "$ref") {
                    Some(reference) => found.push(reference),
                    None => references(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// docs/http-api.md, whose requests are made in order.
const PAGE: &str = include_str!("../../../docs/http-api.md");

/// The examples: each request with its answer.
fn examples() -> Vec<(&'static str, &'static str)> {
    let fences = PAGE.split("\n```");
    let requests: Vec<&str> = fences
        .filter_map(|fence| fence.strip_prefix("http").filter(|rest| rest.starts_with(['\n', ' '])))
        .collect();
    let pairs = requests.chunks(2);
    pairs.map(|pair| (pair[0].trim(), pair[1].strip_prefix(" answer").unwrap().trim())).collect()
}

/// The first line, the headers and the body.
fn parts(message: &str) -> (&str, Vec<(&str, &str)>, &str) {
    let (head, body) = message.split_once("\n\n").unwrap_or((message, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    (first, lines.map(|line| line.split_once(": ").unwrap()).collect(), body)
}

/// Whether all that is shown is there; the page leaves out what it does not speak of.
fn shows(shown: &Value, found: &Value) -> bool {
    match shown {
        Value::Object(fields) => fields.iter().all(|(name, value)| shows(value, &found[name])),
        Value::Array(values) => {
            found.as_array().is_some_and(|found| found.len() == values.len())
                && values
                    .iter()
                    .zip(found.as_array().unwrap())
                    .all(|(one, other)| shows(one, other))
        }
        Value::String(text) if text == "…" => !found.is_null(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => shown == found,
    }
}

#[test]
fn the_pages_requests_are_answered_as_it_says() {
    let gangway = alone();
    let key = key(&gangway, "read,write,operate,admin");
    let (worker, api) = served(&gangway);
    let examples = examples();
    assert!(examples.len() >= 8);
    for (request, answer) in examples {
        let (first, headers, body) = parts(request);
        let (method, path) = first.split_once(' ').unwrap();
        let api = headers.iter().filter(|(name, _)| *name != "Content-Type");
        let api = api.fold(Api::with_key(&served_at(&worker), &key), |api, (name, value)| {
            api.with(name, value)
        });
        let media_type = headers.iter().find(|(name, _)| *name == "Content-Type");
        let media_type = media_type.map_or("", |(_, value)| value);
        let (status, headers, shown) = parts(answer);
        let found = api.send(method, path, media_type, body.as_bytes());
        let found = found.expect(status.parse().unwrap());
        for (name, value) in headers {
            assert_eq!(found.header(&name.to_lowercase()), Some(value), "{first}");
        }
        let shown: Value = serde_json::from_str(shown).unwrap();
        assert!(shows(&shown, &found.value()), "{first}\n{}", found.text());
    }
    drop(api);
    worker.stop();
}

fn served_at(worker: &Worker) -> Api {
    Api::at(&worker.origin())
}

#[test]
fn the_page_lists_every_code_and_every_route() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let document = api.get("/openapi.json").expect(200).value();
    let mut codes = std::collections::BTreeSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            for answer in operation["responses"].as_object().unwrap().values() {
                if answer["content"]["application/problem+json"].is_object() {
                    let said = text(&answer["description"]);
                    codes.extend(said.split('`').skip(1).step_by(2).map(str::to_owned));
                }
            }
        }
    }
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        assert!(PAGE.contains(&format!("`{code}`")), "{code}");
    }
    for path in document["paths"].as_object().unwrap().keys() {
        let end = path.rsplit('/').next().unwrap();
        assert!(PAGE.contains(path.as_str()) || PAGE.contains(end), "{path}");
    }
    worker.stop();
}
