//! The API over TLS, with a certificate of its own that is good for a hundred years.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::OldVerifications;
use onboarding::texts::{Language, Texts};
use onboarding::{OnboardingId, Policy, Requirements, StuckAfter, Timestamp};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use server::{Config, Metrics, Readiness, Running, StartError, Tls, ask_ready, start};
use store::{Budgets, SqliteStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

const BUDGETS: Budgets = Budgets { writes_per_minute: 0, reads_per_minute: 0 };

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls")).join(name)
}

async fn serving(tls: Tls, stop: &CancellationToken) -> Result<(TempDir, Running), StartError> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("gangway.db").display());
    let store = Arc::new(SqliteStore::open(&url, Policy::default()).await.unwrap());
    let told = notifications::Settings::default();
    let sender = notifications::Client::new(told, &notifications::system_lookup()).unwrap();
    let config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Some(tls),
        requests_per_minute: 0,
        connections_per_address: 0,
        request_timeout_ms: 10_000,
        idempotency_kept_ms: 10_000,
        shutdown_grace_ms: 10_000,
        cors_origins: Vec::new(),
        products_wanted: BTreeSet::new(),
        requirements: Arc::clone(Requirements::embedded()),
        old_verifications: OldVerifications::Taken,
        documents: documents::Limits::DEFAULT,
        stuck_after: StuckAfter::default(),
        texts: Texts::embedded().clone(),
        language: Language::english(),
        now: || Timestamp(1_800_000_000_000),
        worker_turned_at: Box::new(|| Timestamp(0)),
        worker_lease_ms: 60_000,
        metrics: Arc::new(Metrics::new("0", BUDGETS, Timestamp(0))),
        new_id: |_| OnboardingId(uuid::Uuid::nil()),
        chance: || Ok([7; notifications::SECRET_BYTES]),
        sender: Arc::new(sender),
        endpoints_on_loopback: false,
    };
    start(store, config, stop.clone()).await.map(|running| (folder, running))
}

fn tls() -> Tls {
    Tls { certificate: file("certificate.pem"), key: file("key.pem") }
}

fn connector() -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("certificate.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

const REQUEST: &[u8] =
    b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn the_api_speaks_tls_and_nothing_else_when_it_has_a_certificate() {
    let stop = CancellationToken::new();
    let (_folder, running) = serving(tls(), &stop).await.unwrap();
    let authority = running.origin.strip_prefix("https://").unwrap().to_owned();
    let stream = TcpStream::connect(&authority).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut secured = connector().connect(name, stream).await.unwrap();
    secured.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    secured.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));

    let mut plain = TcpStream::connect(&authority).await.unwrap();
    plain.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    // It may be cut off rather than closed.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));

    // Whoever asks on this machine takes the certificate of the settings, and no other one.
    let address = authority.parse().unwrap();
    let answer = ask_ready(address, Some(&tls())).await.unwrap();
    let Readiness::NotReady(wrong) = answer else { panic!("{answer:?}") };
    assert!(wrong.contains("the worker has stood still"), "{wrong}");
    let other = Tls { certificate: file("other.pem"), key: file("key.pem") };
    assert!(ask_ready(address, Some(&other)).await.is_err());

    // One that says nothing does not keep it from its end.
    let _silent = TcpStream::connect(&authority).await.unwrap();
    stop.cancel();
    timeout(Duration::from_secs(30), running.finished()).await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_of_no_use_is_refused_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for (certificate, key, named) in [
        (folder.path().join("none.pem"), file("key.pem"), "none.pem"),
        (file("key.pem"), file("key.pem"), "key.pem"),
        (file("certificate.pem"), empty, "empty.pem"),
    ] {
        let refused = serving(Tls { certificate, key }, &CancellationToken::new()).await;
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains(named) && refused.contains("PEM"), "{refused}");
    }
}
