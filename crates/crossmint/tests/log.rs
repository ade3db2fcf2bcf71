//! What the client logs. Alone in its process, because a log's interest in a
//! call is decided for the whole process by whichever thread makes it first.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use onboarding::Profile;
use server::{Server, answer, answer_with};
use tracing_subscriber::filter::LevelFilter;

#[allow(dead_code, reason = "the other test file uses the rest of it")]
#[path = "client/server.rs"]
mod server;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Set up before the first call of any test.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    log
});

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn the_log_tells_the_call_and_names_nobody() {
    let log = &*LOG;
    let told_back = r#"{"message":"canary-name canary-id"}"#;
    let headers = "X-Request-Id: req-7f\r\nx-told-back: canary-header";
    let server = Server::start(vec![answer_with(400, headers, told_back)]).await;
    let mut settings = server.settings();
    settings.api_key = crossmint::ApiKey::new("sk_staging_canary");
    let profile: Profile = serde_json::from_str(
        r#"{"userDetails":{"firstName":"canary-name","lastName":"Doe","dateOfBirth":"1995-01-01","countryOfResidence":"DE"}}"#,
    )
    .unwrap();
    let user = "userId:canary-id".parse().unwrap();
    let client = crossmint::Client::new(settings).unwrap();
    client.upsert_user(&user, &profile).await.unwrap_err();

    let text = log.text();
    assert!(!text.contains("canary"), "{text}");
    let line = text.lines().find(|line| line.contains("method=PUT")).unwrap();
    for part in [
        "DEBUG crossmint::transport",
        "method=PUT",
        "route=\"/users/{userLocator}\"",
        "status=400",
        "class=\"refused\"",
        "elapsed_ms=",
        "request_id=\"req-7f\"",
    ] {
        assert!(line.contains(part), "{part} not in {line}");
    }
}

#[tokio::test]
async fn a_list_that_is_cut_is_told_without_its_content() {
    let log = &*LOG;
    let names: Vec<String> = (0..38).map(|n| format!("canary-{n}")).collect();
    let one = |product: &String| serde_json::json!({"type": product, "status": "verified"});
    let asked = serde_json::json!({"type": "a", "status": "b", "missingDocuments": names});
    let many: Vec<_> = names.iter().map(one).chain([asked]).collect();
    let body = serde_json::json!({ "eligibility": many }).to_string();
    let server = Server::start(vec![answer(200, &body)]).await;
    let user = "userId:canary-id".parse().unwrap();
    server.client().verification(&user).await.unwrap();

    let text = log.text();
    assert!(!text.contains("canary"), "{text}");
    for dropped in ["dropped=6", "dropped=7"] {
        let told = |line: &str| line.contains("WARN") && line.contains(dropped);
        assert!(text.lines().any(told), "{dropped} not in {text}");
    }
}
