//! `gangway webhook` and `gangway events`, with the real binary and a receiver on this machine.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use notifications::{Headers, Secret, Verifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

struct Folder {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    fn set(&mut self, variable: &str, value: &str) {
        self.environment.push((variable.to_owned(), value.to_owned()));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gangway"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("GANGWAY_NOTIFICATIONS__ALLOW_LOOPBACK", "true")
            // Several of them run at once.
            .env("GANGWAY_HTTP__LISTEN", "off")
            // Nobody listens there; what is told here needs no provider.
            .env("GANGWAY_CROSSMINT__URL", "http://127.0.0.1:9")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stdout).unwrap();
        let talk = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {talk}");
        said
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.said(&[arguments, &["--json"]].concat())).unwrap()
    }

    fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn add_user(&self, name: &str) {
        std::fs::write(self.folder.path().join("user.json"), r#"{"wantedProducts": ["onramp"]}"#)
            .unwrap();
        self.run(&["user", "set", name, "--file", "user.json"]);
    }

    /// Starts the worker, and waits until it works.
    fn serve(&self) -> Serving {
        let mut child = self.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("ready") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended");
        }
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Serving(child)
    }
}

struct Serving(Child);

impl Serving {
    /// SIGKILL.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A receiver that takes everything, after a little while.
struct Receiver {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<(Headers, Value)>>>,
}

impl Receiver {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::default();
        let taken = Arc::clone(&arrived);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || converse(stream.unwrap(), status, &taken));
            }
        });
        Self { address, arrived }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    fn arrived(&self) -> Vec<(Headers, Value)> {
        self.arrived.lock().unwrap().clone()
    }

    /// Waits until so many different messages have arrived.
    fn wait_for(&self, count: usize) -> Vec<(Headers, Value)> {
        let began = Instant::now();
        loop {
            let mut different: Vec<(Headers, Value)> = Vec::new();
            for one in self.arrived() {
                if different.iter().all(|(headers, _)| headers.id != one.0.id) {
                    different.push(one);
                }
            }
            if different.len() >= count {
                return different;
            }
            assert!(began.elapsed() < PATIENCE, "{} of {count} arrived", different.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn converse(mut stream: TcpStream, status: u16, arrived: &Mutex<Vec<(Headers, Value)>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut headers =
        Headers { id: String::new(), timestamp: String::new(), signature: String::new() };
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        match name {
            "webhook-id" => headers.id = value.to_owned(),
            "webhook-timestamp" => headers.timestamp = value.to_owned(),
            "webhook-signature" => headers.signature = value.to_owned(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    arrived.lock().unwrap().push((headers, serde_json::from_slice(&body).unwrap()));
    std::thread::sleep(Duration::from_millis(10));
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes());
}

#[test]
fn nothing_is_lost_through_sigkill_and_each_users_order_is_kept() {
    let folder = Folder::new();
    let receiver = Receiver::start(200);
    folder.said(&["webhook", "add", &receiver.url()]);
    let users: Vec<String> = (0..4).map(|number| format!("userId:user-{number}")).collect();
    for user in &users {
        folder.add_user(user);
        for _ in 0..4 {
            folder.said(&["hold", user]);
            folder.run(&["resume", user]);
        }
    }
    let told = folder.said(&["events", "--json"]).lines().count();
    for arrived in [1, told / 4, told / 2] {
        let serving = folder.serve();
        receiver.wait_for(arrived);
        serving.kill();
    }
    let _serving = folder.serve();
    let arrived = receiver.wait_for(told);
    assert_eq!(arrived.len(), told, "nothing is sent that was not told");
    for user in &users {
        let of_user = arrived.iter().filter(|(_, body)| body["data"]["user"] == user.as_str());
        let versions: Vec<u64> =
            of_user.map(|(_, body)| body["data"]["version"].as_u64().unwrap()).collect();
        assert!(versions.is_sorted() && versions.len() >= 9, "{user}: {versions:?}");
    }
}

#[test]
fn an_endpoint_is_added_tried_rotated_replayed_and_removed() {
    let folder = Folder::new();
    let receiver = Receiver::start(200);
    let added = folder.json(&["webhook", "add", &receiver.url(), "--events", "user.state.changed"]);
    let id = added["id"].as_str().unwrap();
    let secret: Secret = added["secret"].as_str().unwrap().parse().unwrap();
    let tried = folder.json(&["webhook", "test", id]);
    assert_eq!((&tried["httpStatus"], &tried["error"]), (&Value::from(200), &Value::Null));
    let (headers, body) = receiver.wait_for(1).remove(0);
    assert_eq!(body["type"], "webhook.test");
    let Secret::Shared(bytes) = secret else { panic!("it is shared") };
    let sent_s = headers.timestamp.parse().unwrap();
    let raw = body.to_string();
    assert_eq!(Verifier::Shared(bytes).verify(&headers, raw.as_bytes(), sent_s), Ok(()));

    let listed = folder.said(&["webhook", "list", "--json"]);
    assert!(!listed.contains("whsec_"), "a secret is shown once");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&Value::from(id), &"enabled".into()));

    let rotated = folder.json(&["webhook", "rotate", id, "--overlap", "1h"]);
    assert_ne!(rotated["secret"], added["secret"]);
    folder.add_user("userId:ada");
    {
        let _serving = folder.serve();
        let arrived = receiver.wait_for(2);
        assert_eq!(arrived[1].0.signature.split(' ').count(), 2, "both secrets sign");
        let event = &arrived[1].0.id;
        folder.said(&["webhook", "replay", id, event]);
        let began = Instant::now();
        let is_again = || {
            let arrived = receiver.arrived();
            arrived.iter().filter(|(headers, _)| headers.id == *event).count() == 2
        };
        while !is_again() || folder.json(&["webhook", "deliveries", id])[0]["state"] != "delivered"
        {
            assert!(began.elapsed() < PATIENCE, "it is sent again");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let log = folder.json(&["webhook", "deliveries", id]);
    assert_eq!(log[0]["event"], "user.state.changed");
    assert_eq!(log[0]["httpStatus"], 200);
    folder.said(&["webhook", "enable", id]);
    folder.said(&["webhook", "remove", id]);
    assert_eq!(folder.json(&["webhook", "list"]), Value::Array(Vec::new()));
    for gone in [&["remove"][..], &["enable"], &["test"], &["rotate"], &["deliveries"]] {
        let said = folder.refused(&[&["webhook"][..], gone, &[id]].concat(), 1);
        assert!(said.contains("there is no such endpoint; `gangway webhook list`"), "{said}");
    }
}

#[test]
fn with_a_private_key_the_receiver_gets_the_public_one() {
    let folder = Folder::new();
    let receiver = Receiver::start(500);
    let added = folder.json(&["webhook", "add", &receiver.url(), "--ed25519"]);
    let key = added["publicKey"].as_str().unwrap();
    let output = folder.run(&["webhook", "test", added["id"].as_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "500 is no success");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("refused  HTTP 500"));
    let (headers, body) = receiver.wait_for(1).remove(0);
    let verifier = Verifier::Public(key.parse().unwrap());
    let sent_s = headers.timestamp.parse().unwrap();
    assert_eq!(verifier.verify(&headers, body.to_string().as_bytes(), sent_s), Ok(()));
    let listed = folder.json(&["webhook", "list"]);
    assert_eq!(listed[0]["publicKeys"], Value::from(vec![key]));
    assert!(!listed.to_string().contains("whsk_"));
}

/// Takes what comes over TLS, as `localhost`, with the certificate of the API's own tests.
fn tls_receiver(arrived: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let read = |name: &str| std::fs::read(format!("{TLS}/{name}")).unwrap();
    let chain = CertificateDer::pem_slice_iter(&read("certificate.pem"))
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(&read("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(rustls::StreamOwned::new(tls, stream.unwrap()));
            let mut target = String::new();
            // Whoever does not trust the certificate ends the handshake.
            if stream.read_line(&mut target).is_ok() && !target.is_empty() {
                arrived.lock().unwrap().push(target);
                let answer = b"HTTP/1.1 204 X\r\nconnection: close\r\n\r\n";
                let _ = stream.get_mut().write_all(answer);
            }
        }
    });
    address
}

const TLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/tests/tls");

#[test]
fn over_tls_nothing_is_sent_to_whom_is_not_trusted() {
    let folder = Folder::new();
    let arrived = Arc::default();
    let port = tls_receiver(Arc::clone(&arrived)).port();
    let added = folder.json(&["webhook", "add", &format!("https://localhost:{port}/hook")]);
    let test = ["webhook", "test", added["id"].as_str().unwrap()];
    let distrusted = folder.run(&test);
    assert_eq!(distrusted.status.code(), Some(1));
    let said = String::from_utf8(distrusted.stdout).unwrap();
    // Where the machine trusts nobody at all, it is said of TLS as a whole.
    assert!(said.starts_with("no-connection") || said.starts_with("no-tls"), "{said}");
    assert_eq!(*arrived.lock().unwrap(), Vec::<String>::new());
    let mut trusted = folder.command(&test);
    let output = trusted.env("SSL_CERT_FILE", format!("{TLS}/certificate.pem")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("delivered  HTTP 204"), "{said}");
    assert_eq!(*arrived.lock().unwrap(), ["POST /hook HTTP/1.1\r\n"]);
}

#[test]
fn what_can_not_be_an_endpoint_is_refused_with_what_to_do() {
    let folder = Folder::new();
    for (url, said) in [
        ("http://example.com/hook", "begins with https://"),
        ("https://10.0.0.1/hook", "private network"),
        ("hook", "such as https://example.com/hook"),
        ("https://me:pass@example.com/", "leave user, password and fragment out"),
    ] {
        let talk = folder.refused(&["webhook", "add", url], 1);
        assert!(talk.contains(said), "{url}: {talk}");
    }
    let talk = folder.refused(&["webhook", "add", "https://example.com", "--events", "nothing"], 2);
    assert!(talk.contains("there is no such event; there are user.state.changed"), "{talk}");
    let mut strict = folder.command(&["webhook", "add", "http://127.0.0.1:80/"]);
    strict.env_remove("GANGWAY_NOTIFICATIONS__ALLOW_LOOPBACK");
    let output = strict.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("notifications.allow_loopback"));
}

#[test]
fn events_are_listed_after_a_number_and_hold_no_personal_data() {
    let folder = Folder::new();
    folder.add_user("userId:ada");
    folder.add_user("email:canary@example.org");
    folder.said(&["hold", "userId:ada"]);
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let said = folder.said(arguments);
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = lines(&["events", "--json"]);
    let seqs: Vec<u64> = all.iter().map(|event| event["data"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(all[2]["type"], "user.state.changed");
    assert_eq!(all[2]["data"]["to"], "held");
    assert_eq!(lines(&["events", "--after", "2", "--json"]), all[2..]);
    assert_eq!(lines(&["events", "--after", "1", "--limit", "1", "--json"]), all[1..2]);
    let plain = folder.said(&["events"]);
    assert!(plain.contains("userId:ada") && !plain.contains("canary"), "{plain}");
}

#[test]
fn the_doctor_warns_of_an_endpoint_at_which_nothing_arrives() {
    let folder = Folder::new();
    folder.add_user("userId:ada");
    let endpoint_checks = || {
        let output = folder.run(&["doctor", "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = said["checks"].as_array().unwrap().iter();
        checks.filter(|check| check["check"] == "endpoint").cloned().collect::<Vec<Value>>()
    };
    let receiver = Receiver::start(410);
    let added = folder.json(&["webhook", "add", &receiver.url()]);
    assert_eq!(endpoint_checks(), Vec::<Value>::new());
    let serving = folder.serve();
    folder.said(&["hold", "userId:ada"]);
    let began = Instant::now();
    while folder.json(&["webhook", "list"])[0]["state"] != "gone" {
        assert!(began.elapsed() < PATIENCE, "it is disabled");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(serving);
    let checks = endpoint_checks();
    let id = added["id"].as_str().unwrap();
    assert_eq!((checks.len(), &checks[0]["result"]), (1, &"warn".into()), "{checks:?}");
    assert!(
        checks[0]["remedy"].as_str().unwrap().contains(&format!("gangway webhook enable {id}"))
    );
}

#[test]
fn an_endpoint_of_the_configuration_is_told_while_it_is_there() {
    let mut folder = Folder::new();
    let receiver = Receiver::start(200);
    let secret = Secret::Shared(vec![5; 32]);
    folder.set("GANGWAY_NOTIFICATIONS__URL", &receiver.url());
    let talk = folder.refused(&["users"], 1);
    assert!(talk.contains("notifications.secret is missing"), "{talk}");
    folder.set("GANGWAY_NOTIFICATIONS__SECRET", "whsec_canary");
    let talk = folder.refused(&["users"], 1);
    assert!(talk.contains("a secret is whsec_ and 24 to 64 bytes"), "{talk}");
    assert!(!talk.contains("canary"), "{talk}");
    folder.set("GANGWAY_NOTIFICATIONS__SECRET", &secret.to_text());
    assert!(!folder.said(&["config"]).contains(&secret.to_text()));

    let serving = folder.serve();
    folder.add_user("userId:ada");
    let (headers, body) = receiver.wait_for(1).remove(0);
    let sent_s = headers.timestamp.parse().unwrap();
    let verifier = Verifier::Shared(vec![5; 32]);
    assert_eq!(verifier.verify(&headers, body.to_string().as_bytes(), sent_s), Ok(()));
    drop(serving);
    folder.set("GANGWAY_NOTIFICATIONS__SECRET", &Secret::Shared(vec![6; 32]).to_text());
    let serving = folder.serve();
    folder.said(&["hold", "userId:ada"]);
    let (headers, _) = receiver.wait_for(2).remove(1);
    assert_eq!(headers.signature.split(' ').count(), 2, "the secret before signs as well");
    drop(serving);
    assert_eq!(folder.json(&["webhook", "list"])[0]["id"], "ep_configured");

    folder.environment.clear();
    drop(folder.serve());
    assert_eq!(folder.json(&["webhook", "list"]), Value::Array(Vec::new()));
}
