//! docs/sandbox.md, whose examples are run as they stand.

use sandbox::Profile;
use serde_json::{Value, json};

use crate::support::{exchange, start};

const PAGE: &str = include_str!("../../../../docs/sandbox.md");

/// The contents of the page's fenced blocks of one kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let opening = format!("```{kind}\n");
    let starts = PAGE.split(opening.as_str()).skip(1);
    starts.map(|rest| rest.split("```").next().unwrap()).collect()
}

#[tokio::test]
async fn every_scenario_of_the_page_is_accepted() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    let scenarios = blocks("json scenario");
    assert_eq!(scenarios.len(), 3);
    for text in scenarios {
        let scenario: Value = serde_json::from_str(text).unwrap();
        let seen = sandbox.admin("PUT", "/scenario", Some(scenario)).await;
        assert_eq!(seen.status(), 200, "{}: {text}", seen.body);
    }
}

#[tokio::test]
async fn every_curl_of_the_page_succeeds_in_its_order() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    let lines: Vec<&str> = blocks("sh").into_iter().flat_map(str::lines).collect();
    assert_eq!(lines.len(), 14);
    for line in lines {
        let after = |flag: &str, end: &str| line.split(flag).nth(1)?.split(end).next();
        let method = after(" -X ", " ").unwrap_or("GET");
        let url = after("\"", "\"").unwrap();
        let headers = after(" -H '", "'").map(|header| format!("{header}\r\n"));
        let body = after(" -d '", "'").map(|body| serde_json::from_str(body).unwrap());
        let (origin, path) = match url.strip_prefix("$ADMIN") {
            Some(path) => (sandbox.running.admin_origin(), path),
            None => (sandbox.running.origin(), url.strip_prefix("$CROSSMINT").unwrap()),
        };
        let seen = exchange(&origin, method, path, &headers.unwrap_or_default(), body).await;
        assert!(matches!(seen.status(), 200 | 201), "{line}: {}", seen.body);
    }
}

#[test]
fn every_call_and_fault_has_its_word_on_the_page() {
    let words = [
        "register-user",
        "get-user",
        "accept-legal-document",
        "upload-document",
        "get-document",
        "trigger-verification",
        "check-status",
        "link-wallet",
        "get-linked-wallet",
        "any",
        "drop-before",
        "drop-after",
        "truncate",
        "not-json",
        "slow",
    ];
    for word in words {
        assert!(PAGE.contains(&format!("`{word}`")), "{word}");
    }
}
