//! A caller that shows what really came over the connection, and sample bodies.

use std::time::Duration;

use sandbox::{Profile, Running, Scenario, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// No exchange of these tests takes longer unless something hangs.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const API: &str = "/api/2025-06-09";

pub(crate) struct Sandbox {
    pub running: Running,
}

/// Everything that came back on a connection before it was closed.
pub(crate) struct Seen {
    pub status: Option<u16>,
    pub head: String,
    pub body: String,
}

impl Seen {
    pub(crate) fn status(&self) -> u16 {
        self.status.expect("there was no answer")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn content_length(&self) -> usize {
        self.header("content-length").unwrap().parse().unwrap()
    }
}

pub(crate) async fn start(profile: Profile, scenario: Value) -> Sandbox {
    let scenario = Scenario::from_json(&scenario.to_string()).unwrap();
    start_with(Settings { profile, scenario, ..Settings::default() }).await
}

pub(crate) async fn start_with(settings: Settings) -> Sandbox {
    Sandbox { running: sandbox::start(settings).await.unwrap() }
}

impl Sandbox {
    /// A call of the wire with some key; `path` begins behind the version.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Seen {
        self.call_with_key(method, path, body, Some("sk_staging_any")).await
    }

    pub(crate) async fn call_with_key(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> Seen {
        let key = key.map(|key| format!("X-API-KEY: {key}\r\n")).unwrap_or_default();
        exchange(&self.running.origin(), method, &format!("{API}{path}"), &key, body).await
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Seen {
        exchange(&self.running.admin_origin(), method, path, "", body).await
    }

    pub(crate) async fn register(&self, user: &str, body: Value) -> Seen {
        self.call("PUT", &format!("/users/{user}"), Some(body)).await
    }

    pub(crate) async fn upload(&self, user: &str, document_type: &str) -> Seen {
        let body = json!({"userLocator": user, "documentType": document_type, "data": "aGVsbG8="});
        self.call("POST", "/documents", Some(body)).await
    }

    pub(crate) async fn accept(&self, user: &str) -> Seen {
        let body =
            json!({"type": "crossmint-privacy-policy", "acceptedAt": "2026-05-02T09:00:00.000Z"});
        self.call("PUT", &format!("/users/{user}/legal-documents"), Some(body)).await
    }

    pub(crate) async fn trigger(&self, user: &str) -> Seen {
        self.call("PUT", &format!("/users/{user}/identity-verification"), None).await
    }

    pub(crate) async fn check(&self, user: &str) -> Seen {
        self.call("GET", &format!("/users/{user}/identity-verification"), None).await
    }

    /// Reads the status until the product has the wanted one.
    pub(crate) async fn wait_for(&self, user: &str, product: &str, wanted: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let seen = self.check(user).await;
            if status_of(&seen.json(), product) == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{product} never became {wanted}: {}", seen.body);
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The status of one product in an eligibility answer.
pub(crate) fn status_of(answer: &Value, product: &str) -> String {
    let entries = answer["eligibility"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["type"] == product).unwrap();
    entry["status"].as_str().unwrap().to_owned()
}

/// `(product, status)` of each entry, in order.
pub(crate) fn statuses(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entries = answer["eligibility"].as_array().unwrap();
    entries.iter().map(|entry| (text(&entry["type"]), text(&entry["status"]))).collect()
}

pub(crate) async fn exchange(
    origin: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: Option<Value>,
) -> Seen {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = connect(origin).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset is an end like any other here: what counts is what came before.
    let _ = timeout(LIMIT, stream.read_to_end(&mut bytes)).await.expect("the connection hangs");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Seen {
        status: head.split(' ').nth(1).and_then(|status| status.parse().ok()),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) async fn connect(origin: &str) -> TcpStream {
    TcpStream::connect(origin.strip_prefix("http://").unwrap()).await.unwrap()
}

/// The first body of the quickstart page: `userDetails` and `kycData`.
pub(crate) fn quickstart_body() -> Value {
    json!({
        "userDetails": {"firstName": "John", "lastName": "Doe", "dateOfBirth": "1995-01-01",
            "countryOfResidence": "DE"},
        "kycData": {
            "addressOfResidence": {"line1": "123 Hauptstrasse", "line2": "Apt 5",
                "city": "Berlin", "postalCode": "10115"},
            "email": "john@example.org",
            "identityDocument": {"type": "passport", "number": "AS12321"}},
    })
}

/// The second body of the page, which adds what was missing.
pub(crate) fn whole_quickstart_body() -> Value {
    let mut body = quickstart_body();
    body["dueDiligence"] = json!({"employmentStatus": "full-time",
        "sourceOfFunds": "employment-income", "industry": "finance-insurance"});
    body["verificationHistory"] = json!({"idVerificationTimestamp": "2024-01-15T10:30:00Z",
        "livenessVerificationTimestamp": "2024-01-15T10:32:00Z"});
    body
}

/// A whole record for the newer contract, with times that are recent by the
/// machine's clock.
pub(crate) fn current_body() -> Value {
    let yesterday = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
    let mut body = whole_quickstart_body();
    body["kycData"]["nationality"] = json!("DE");
    body["kycData"]["addressOfResidence"]["stateOrRegion"] = json!("BE");
    body["kycData"]["identityDocument"]["issuingCountryCode"] = json!("DE");
    body["verificationHistory"] = json!({"idVerificationTimestamp": yesterday.to_string(),
        "livenessVerificationTimestamp": yesterday.to_string()});
    body
}
