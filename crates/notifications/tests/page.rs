//! docs/notifications.md: its bodies are what is sent, and its programs verify what is signed. The
//! reference libraries are asked, too, where they are.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

use std::collections::BTreeSet;
use std::io::{Write as _, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use notifications::{Headers, Secret, Verifier, event, sign};
use onboarding::{
    Date, DocumentType, Notification, NotificationKind, OnboardingId, Product, ProductStatus,
    State, TaskNotice, Timestamp,
};
use serde_json::json;
use store::{About, Notified};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/notifications.md");
const BODY: &[u8] = br#"{"type":"webhook.test","data":{"caf\u00e9":1}}"#;
const ID: &str = "evt_118_5d1f0a7e3c9b2468";

fn task() -> TaskNotice {
    TaskNotice {
        number: 3,
        kind: "document",
        name: "proof-of-address".into(),
        products: BTreeSet::from([Product::Onramp]),
        rounds: 1,
        due_at: Some("2026-05-16T09:10:00.000Z".into()),
    }
}

/// What is told in each case, and when.
fn example(kind: NotificationKind) -> (Notification, &'static str) {
    use NotificationKind as K;
    let since = Timestamp::parse("2026-05-02T09:09:30Z").unwrap();
    match kind {
        K::StateChanged => (
            Notification::StateChanged { from: Some(State::Polling), to: State::RequiresData },
            "Where the user stands changed; `from` is null of a new user.",
        ),
        K::ProductChanged => (
            Notification::ProductChanged {
                product: Product::Onramp,
                from: Some(ProductStatus::Verified),
                to: ProductStatus::RequiresData,
                regression: true,
            },
            "The provider's word on a wanted product changed. `regression`: it was verified and is \
             no longer, so that the user can't use it until it is again.",
        ),
        K::TaskOpened => (
            Notification::TaskOpened { task: task() },
            "A person has to supply something; again, with more `rounds`, if it did not do.",
        ),
        K::TaskReminded => (
            Notification::TaskReminded { task: task() },
            "A time of `policy.due.reminders` passed, and the task is still open.",
        ),
        K::TaskOverdue => (
            Notification::TaskOverdue { task: task() },
            "The same when the task becomes overdue, whatever `policy.due.reminders` has.",
        ),
        K::TaskClosed => (
            Notification::TaskClosed { task: task() },
            "The provider no longer asks for it, or the user was erased.",
        ),
        K::DocumentExpiring => (
            Notification::DocumentExpiring {
                document_type: DocumentType::IdPassport,
                expires_at: Some(Date::parse("2026-06-01").unwrap()),
                task: 3,
            },
            "A document of a verified user runs out within `policy.renewal.lead`, and no other one \
             that meets the same requirement\nlasts longer; the task asks for a newer one. Of the \
             two sides of a card it is told once, of the one that runs out first.",
        ),
        K::VerificationStuck => (
            Notification::VerificationStuck { since },
            "The provider has been reviewing the user for longer than `stuck.provider_slow`; told \
             once a review.",
        ),
        K::UserErased => (
            Notification::UserErased {},
            "The user's personal data was destroyed here; destroy yours.",
        ),
        K::ProviderClosed => (
            Notification::ProviderClosed { since },
            "The provider takes none of our calls: the key was revoked, say.",
        ),
        K::ProviderOpened => {
            (Notification::ProviderOpened { closed_since: since }, "It takes them again.")
        }
    }
}

fn section(kind: NotificationKind) -> String {
    let (notification, when) = example(kind);
    assert_eq!(notification.kind(), kind);
    let of_provider =
        matches!(kind, NotificationKind::ProviderClosed | NotificationKind::ProviderOpened);
    let is_erased = kind == NotificationKind::UserErased;
    let about = About {
        id: OnboardingId(uuid::Uuid::from_u128(0x019d_e6f1_2b3c_7000_8123_4567_89ab_cdef)),
        version: 42,
        user: (!is_erased).then(|| "userId:johnd-123".parse().unwrap()),
    };
    let body = event(&Notified {
        seq: 118,
        mark: 0,
        about: (!of_provider).then_some(about),
        kind,
        data: serde_json::to_string(&notification).unwrap(),
        at: Timestamp::parse("2026-05-02T09:10:00Z").unwrap(),
    });
    let body = serde_json::to_string_pretty(&body).unwrap();
    format!("\n### `{}`\n\n{when}\n\n```json\n{body}\n```\n", kind.as_str())
}

#[test]
fn the_page_shows_the_body_of_each_kind() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (told, _) = page.split_once("writes it anew. -->\n").unwrap();
    let sections: String = NotificationKind::ALL.into_iter().map(section).collect();
    let expected = format!("{told}writes it anew. -->\n{sections}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &expected).unwrap();
        return;
    }
    assert_eq!(page, expected, "run the test with UPDATE_DOCS=1 to write the page anew");
}

/// The page's program in a language.
fn program(language: &str) -> String {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Says that something was not run, and why; where all was installed (`.ci/run` under CI), it fails.
fn skipped(why: &str) {
    assert!(std::env::var_os("SKIP_NOTHING").is_none(), "{why}");
    // Past the test's own output, which is swallowed where it passes.
    let _ = writeln!(stderr(), "SKIPPED: {why}");
}

/// Runs a program; `None`, and a word about it, where there is nothing to run it by.
fn run(interpreter: &str, program: &str, argument: &str, libraries: &Path) -> Option<String> {
    let flag = if interpreter == "node" { "-e" } else { "-c" };
    let ended = Command::new(interpreter)
        .args([flag, program, argument])
        .env("NODE_PATH", libraries.join("node_modules"))
        .env("PYTHONPATH", libraries.join("python"))
        .output();
    let Ok(output) = ended else {
        skipped(&format!("there is no {interpreter}"));
        return None;
    };
    let said = String::from_utf8(output.stderr).unwrap();
    if said.contains("Cannot find module") || said.contains("No module named") {
        let tmp = libraries.display();
        skipped(&format!(
            "{interpreter} has no standardwebhooks; npm install --prefix {tmp} \
             standardwebhooks@1.1.1; pip install --target {tmp}/python standardwebhooks==1.1.0"
        ));
        return None;
    }
    assert!(output.status.success(), "{interpreter}: {said}");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn libraries() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("standardwebhooks")
}

fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

#[test]
fn the_programs_of_the_page_tell_what_is_genuine() {
    let node = "const [key, headers, body, now] = JSON.parse(process.argv[1]);\n\
                console.log(isGenuine(key, headers, Buffer.from(body, 'base64'), now));";
    let python = "import json, sys\nkey, headers, body, now = json.loads(sys.argv[1])\n\
                  print(str(is_genuine(key, headers, base64.b64decode(body), now)).lower())";
    let shared = Secret::Shared(vec![7; 32]);
    let private = Secret::Private([9; 32]);
    let now = now_s();
    let both = sign(&[private.clone(), shared.clone()], ID, now, BODY);
    let others = sign(&[Secret::Shared(vec![8; 32]), Secret::Private([8; 32])], ID, now, BODY);
    for (interpreter, language, runner, keys) in [
        ("node", "js", node, vec![shared.for_receiver(), private.for_receiver()]),
        ("python3", "python", python, vec![shared.for_receiver()]),
    ] {
        let program = format!("{}\n{runner}", program(language));
        for key in keys {
            for (headers, body, at, expected) in [
                (&both, BODY, now, "true"),
                (&both, BODY, now + 300, "true"),
                (&both, BODY, now + 301, "false"),
                (&both, BODY, now - 301, "false"),
                (&both, b"{}", now, "false"),
                (&others, BODY, now, "false"),
            ] {
                let headers = json!({
                    "webhook-id": headers.id,
                    "webhook-timestamp": headers.timestamp,
                    "webhook-signature": headers.signature,
                });
                let argument = json!([key, headers, STANDARD.encode(body), at]).to_string();
                let Some(said) = run(interpreter, &program, &argument, &libraries()) else { break };
                assert_eq!(said, expected, "{interpreter} {at} {}", body.len());
            }
        }
    }
}

/// Ours by theirs, and theirs by ours.
#[test]
fn the_reference_libraries_and_we_verify_each_other() {
    let node = "const { Webhook } = require('standardwebhooks');\n\
                const [key, headers, body, other] = JSON.parse(process.argv[1]);\n\
                const webhook = new Webhook(key);\n\
                webhook.verify(body, headers);\n\
                let refused = 0;\n\
                try { webhook.verify(body + ' ', headers); } catch { refused = 1; }\n\
                if (!refused) throw new Error('a bent body passes');\n\
                console.log(webhook.sign(other, new Date(headers['webhook-timestamp'] * 1000), body));";
    let python = "import json, sys, datetime\nfrom standardwebhooks import Webhook\n\
                  key, headers, body, other = json.loads(sys.argv[1])\n\
                  webhook = Webhook(key)\n\
                  webhook.verify(body, headers)\n\
                  refused = False\n\
                  try:\n    webhook.verify(body + ' ', headers)\n\
                  except Exception:\n    refused = True\n\
                  assert refused\n\
                  sent = datetime.datetime.fromtimestamp(int(headers['webhook-timestamp']), \
                  tz=datetime.timezone.utc)\n\
                  print(webhook.sign(other, sent, body))";
    let secret = Secret::Shared((0..32).collect());
    let verifier = Verifier::Shared((0..32).collect());
    for (interpreter, program) in [("node", node), ("python3", python)] {
        let now = now_s();
        let headers = sign(&[Secret::Shared(vec![8; 32]), secret.clone()], ID, now, BODY);
        let fields = json!({
            "webhook-id": headers.id,
            "webhook-timestamp": headers.timestamp,
            "webhook-signature": headers.signature,
        });
        let body = std::str::from_utf8(BODY).unwrap();
        let argument = json!([secret.to_text(), fields, body, "msg_theirs"]).to_string();
        let Some(signature) = run(interpreter, program, &argument, &libraries()) else { continue };
        let theirs = Headers { id: "msg_theirs".into(), signature, ..headers };
        assert_eq!(verifier.verify(&theirs, BODY, now), Ok(()), "{interpreter}");
    }
}
