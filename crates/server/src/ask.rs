//! Asking a running `serve` on this machine whether it can work: for `gangway doctor`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Tls;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// So much of an answer is read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What a running `serve` says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can work.
    Ready,
    /// It can't, and this is in the way.
    NotReady(String),
    /// What answers is no `serve` of ours.
    SomethingElse,
    /// Somebody takes the connection, and says nothing in time.
    Silent,
}

/// Asks whoever listens where the API is served: the address and the certificate of the settings.
///
/// # Errors
/// When nothing answers there.
pub async fn ask_ready(listen: SocketAddr, tls: Option<&Tls>) -> io::Result<Readiness> {
    let address = reached_at(listen);
    let stream = timeout(PATIENCE, TcpStream::connect(address));
    let stream = stream.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    match timeout(PATIENCE, ask(stream, address, tls)).await {
        Ok(answer) => Ok(read(&answer?)),
        Err(_) => Ok(Readiness::Silent),
    }
}

/// An address that means every one of this machine is reached at its own.
fn reached_at(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(stream: TcpStream, address: SocketAddr, tls: Option<&Tls>) -> io::Result<Vec<u8>> {
    let Some(tls) = tls else { return exchange(stream, address).await };
    let name = ServerName::from(address.ip());
    exchange(connector(tls)?.connect(name, stream).await?, address).await
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
) -> io::Result<Vec<u8>> {
    let request =
        format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let read = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await;
    match read {
        // Some end without saying so in TLS, when all was said.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !answer.is_empty() => {}
        read => drop(read?),
    }
    Ok(answer)
}

/// A problem, as far as it is told here.
#[derive(Deserialize)]
struct Told {
    code: Option<String>,
    detail: Option<String>,
    status: serde_json::Value,
}

fn read(answer: &[u8]) -> Readiness {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Readiness::SomethingElse };
    let status = head.split(' ').nth(1);
    let Ok(told) = serde_json::from_str::<Told>(body) else { return Readiness::SomethingElse };
    match (status, told.code.as_deref()) {
        (Some("200"), None) if told.status == "ok" => Readiness::Ready,
        (Some("503"), Some("not-ready")) => Readiness::NotReady(told.detail.unwrap_or_default()),
        _ => Readiness::SomethingElse,
    }
}

fn connector(tls: &Tls) -> io::Result<TlsConnector> {
    let own = CertificateDer::from_pem_file(&tls.certificate).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Own { certificate: own, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Takes the certificate that the settings name and no other one, whatever name it is for: this
/// machine is asked by its address.
#[derive(Debug)]
struct Own {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
