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
