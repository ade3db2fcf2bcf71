//! The sandbox: its scenarios, its wire and its levers.

use sandbox::{InProcess, Port, Profile, Scenario};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::answer::{parts, split};
use crate::canary::{MARKED_BYTES_MAX, assert_none_planted, planted};

/// A scenario file.
pub(crate) fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Scenario::from_json(text) {
        Ok(scenario) => {
            let written = serde_json::to_string(&scenario).unwrap();
            let again = Scenario::from_json(&written).expect("what it writes it reads");
            assert_eq!(format!("{again:?}"), format!("{scenario:?}"), "it changes when read again");
            assert!(InProcess::new(Profile::Current, scenario).is_ok(), "checked, and yet refused");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

thread_local! {
    /// Its clock stands still while anything can be done, and leaps while all wait.
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
}

/// One request of an input.
struct Asked<'a> {
    port: Port,
    method: &'a str,
    path: &'a str,
    body: &'a [u8],
}

impl<'a> Asked<'a> {
    fn parse(part: &'a [u8]) -> Option<Self> {
        let (line, body) = split(part, b"\n").unwrap_or((part, b""));
        let (port, line) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let (method, path) = line.split_once(' ')?;
        let port = if port == "admin" { Port::Admin } else { Port::Wire };
        Some(Self { port, method, path, body })
    }
}

/// Requests to both ports.
pub(crate) fn requests(data: &[u8]) {
    let asked: Vec<Asked<'_>> = parts(data).into_iter().filter_map(Asked::parse).collect();
    let is_scripted = asked.iter().any(|asked| asked.port == Port::Admin);
    for profile in [Profile::Quickstart, Profile::Current] {
        RUNTIME.with(|runtime| {
            let sandbox = InProcess::new(profile, Scenario::default()).unwrap();
            for one in &asked {
                runtime.block_on(check_request(&sandbox, one));
                if !is_scripted {
                    runtime.block_on(check_hides(&sandbox, one));
                }
            }
        });
    }
}

async fn check_request(sandbox: &InProcess, asked: &Asked<'_>) {
    let Asked { port, method, path, body } = *asked;
    let Some((status, answer)) = sandbox.ask(port, method, path, body.to_vec()).await else {
        return;
    };
    assert!((200..=599).contains(&status), "{status}");
    // These two are the HTTP library's own.
    if port == Port::Admin && !matches!(status, 405 | 413) {
        assert!(serde_json::from_slice::<Value>(&answer).is_ok(), "the levers answer in JSON");
    }
}

/// No refusal on the wire repeats a text of the body.
async fn check_hides(sandbox: &InProcess, asked: &Asked<'_>) {
    if asked.body.len() > MARKED_BYTES_MAX {
        return;
    }
    let Ok(json) = serde_json::from_slice::<Value>(asked.body) else { return };
    let body = planted(&json).to_string().into_bytes();
    let answer = sandbox.ask(asked.port, asked.method, asked.path, body).await;
    if let Some((400.., answer)) = answer {
        assert_none_planted(&String::from_utf8_lossy(&answer));
    }
}
