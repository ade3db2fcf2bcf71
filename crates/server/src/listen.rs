//! The listener: connections in, within limits, with TLS if there is a certificate, and an end
//! that lets requests finish.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::guard::Peer;
use crate::shares::{Share, Shares};

/// So many connections are served at once; what comes beyond them is closed.
const CONNECTIONS_MAX: usize = 512;
/// So many more are served of this machine, so that whoever watches over it gets an answer though
/// all places are taken.
const KEPT_FOR_THIS_MACHINE: usize = 32;
/// How long one of these lasts at most, and how long its client may ask and read nothing. It is for
/// one short question, and free again soon, whoever takes it.
const KEPT_LIMIT: Duration = Duration::from_secs(3);
const KEPT_IDLE_LIMIT: Duration = Duration::from_millis(500);
/// So many connections may have been made and not be taken yet. Who comes beyond them is not heard,
/// and tries again after a second: with the usual 128 that is what befell clients who all begin at
/// once, as after a restart.
const WAITING_MAX: u32 = 1_024;
/// How long a client may take for its TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long a client may take to send the head of a request, or to begin the next one; and to read
/// on. One that does not would keep its place for ever, and a stream's as well.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// The pause after a connection could not be taken: the process may be out of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The files of a certificate and of its key, in PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain of certificates, the server's own first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why the API can't be served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Others could reach it, and nobody has a key.
    #[error(
        "{0} can be reached from other machines, and there is no API key; make one with \
         `gangway key create`, or set http.listen to 127.0.0.1:8080 or off"
    )]
    NoKeys(SocketAddr),
    /// The port could not be taken.
    #[error("can't listen on {address}; set http.listen to another address, or to off")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate or its key is of no use.
    #[error("{path} can't be used for TLS; it has to be in PEM, and the key the certificate's")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

/// Reads the certificate and its key.
pub(crate) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, StartError> {
    let unusable = |path: &PathBuf, source: Box<dyn std::error::Error + Send + Sync>| {
        StartError::Tls { path: path.clone(), source }
    };
    let chain = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(&tls.certificate, error.into()))?;
    let key =
        PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| unusable(&tls.key, error.into()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| unusable(&tls.certificate, error.into()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes the port.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of a process that has just ended are no hindrance.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

/// The places of connections: so many in all, and so many of each address.
pub(crate) struct Places {
    all: Arc<Semaphore>,
    kept: Arc<Semaphore>,
    by_address: Shares<IpAddr>,
    per_address: usize,
}

/// The place of one connection, until it is dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share<IpAddr>>,
    is_kept: bool,
}

impl Places {
    /// 0 is as many of one address as there are.
    pub(crate) fn new(per_address: u32) -> Self {
        let per_address = match per_address {
            0 => CONNECTIONS_MAX,
            some => usize::try_from(some).unwrap_or(CONNECTIONS_MAX),
        };
        Self {
            all: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            kept: Arc::new(Semaphore::new(KEPT_FOR_THIS_MACHINE)),
            by_address: Shares::default(),
            per_address,
        }
    }

    /// A place for who comes from there, if one is left. This machine has no limit of its own: a
    /// proxy on it comes for many, and there is one address for all.
    async fn take(&self, from: IpAddr) -> Option<Place> {
        let from = from.to_canonical();
        let share = if from.is_loopback() {
            None
        } else {
            Some(self.by_address.take(client_of(from), self.per_address)?)
        };
        if let Ok(permit) = Arc::clone(&self.all).try_acquire_owned() {
            return Some(Place { _permit: permit, _share: share, is_kept: false });
        }
        if share.is_some() {
            return None;
        }
        let permit = Arc::clone(&self.kept).acquire_owned().await.expect("nobody closes it");
        Some(Place { _permit: permit, _share: None, is_kept: true })
    }
}

/// Whoever has one address of IPv6 has the whole network around it.
fn client_of(address: IpAddr) -> IpAddr {
    const NETWORK: u128 = !0 << 64;
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
    }
}

/// Serves until it is told to stop; then it takes no more connections, and lets requests finish
/// within `grace`.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    places: Places,
    stop: CancellationToken,
    grace: Duration,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection was not taken");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = tokio::select! {
            place = places.take(address.ip()) => place,
            () = stop.cancelled() => break,
        };
        let Some(place) = place else {
            debug!(from = %address.ip(), "a connection was closed for which there was no place");
            continue;
        };
        // What is written is small, and waited for.
        let _ = stream.set_nodelay(true);
        let (tls, router, watcher) = (tls.clone(), router.clone(), graceful.watcher());
        connections.spawn(async move {
            // The whole of it, until the connection ends.
            let place = place;
            let idle_limit = if place.is_kept { KEPT_IDLE_LIMIT } else { IDLE_LIMIT };
            let served = async {
                match tls {
                    None => connection(stream, address, idle_limit, router, watcher).await,
                    Some(acceptor) => {
                        secured(stream, &acceptor, address, idle_limit, router, watcher).await
                    }
                }
            };
            if !place.is_kept {
                return served.await;
            }
            if timeout(KEPT_LIMIT, served).await.is_err() {
                debug!("a connection gave back a place that is kept for short questions");
            }
        });
    }
    drop(listener);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        warn!("requests in flight were cut off; what was acknowledged is stored");
    }
}

async fn secured(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    address: SocketAddr,
    idle_limit: Duration,
    router: Router,
    watcher: Watcher,
) {
    match timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, address, idle_limit, router, watcher).await,
        Ok(Err(error)) => debug!(%error, "a handshake failed"),
        Err(_) => debug!("a handshake took too long"),
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
    idle_limit: Duration,
    router: Router,
    watcher: Watcher,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(address));
        router.clone().oneshot(request)
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(idle_limit));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(idle_limit);
    let served =
        watcher.watch(builder.serve_connection(TokioIo::new(Box::pin(stream)), service)).await;
    if let Err(error) = served {
        debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    use super::*;

    const BODY_BYTES: usize = 1 << 20;

    fn at(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[tokio::test]
    async fn hundreds_may_connect_before_one_of_them_is_taken() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        for number in 0..CONNECTIONS_MAX {
            let connected = timeout(Duration::from_millis(900), TcpStream::connect(address)).await;
            waiting.push(connected.unwrap_or_else(|_| panic!("number {number} is not heard")));
        }
    }

    #[tokio::test]
    async fn one_address_takes_its_share_of_the_places_and_leaves_the_others() {
        let places = Places::new(2);
        for (one, same, other) in [
            ("198.51.100.7", "198.51.100.7", "198.51.100.8"),
            ("198.51.100.9", "::ffff:198.51.100.9", "2001:db8::9"),
            ("2001:db8:1::1", "2001:db8:1::2", "2001:db8:1:1::1"),
        ] {
            let first = places.take(at(one)).await.expect("the first");
            let _second = places.take(at(same)).await.expect("the second");
            assert!(places.take(at(one)).await.is_none(), "{one}: one too many");
            assert!(places.take(at(other)).await.is_some(), "{other}: another one");
            drop(first);
            assert!(places.take(at(same)).await.is_some(), "{one}: a place was given back");
        }
        assert_eq!(places.all.available_permits(), CONNECTIONS_MAX);
        assert!(places.by_address.is_empty());
    }

    #[tokio::test]
    async fn when_all_places_are_taken_some_are_left_for_this_machine_alone() {
        let places = Places::new(0);
        let mut all = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            let place = places.take(at("198.51.100.7")).await.expect("there is no limit");
            assert!(!place.is_kept);
            all.push(place);
        }
        assert!(places.take(at("198.51.100.8")).await.is_none());
        for address in ["127.0.0.1", "::1"] {
            assert!(places.take(at(address)).await.is_some_and(|place| place.is_kept));
        }
        drop(all);
        assert!(places.take(at("127.0.0.1")).await.is_some_and(|place| !place.is_kept));
    }

    /// How long the connection lives of a client that asks once and reads so much of the answer.
    async fn lives(read_bytes: usize) -> Duration {
        let (server, mut client) = duplex(1_024);
        let router = Router::new().route("/", get(|| async { "x".repeat(BODY_BYTES) }));
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let began = Instant::now();
        let graceful = GracefulShutdown::new();
        let served =
            tokio::spawn(connection(server, address, IDLE_LIMIT, router, graceful.watcher()));
        client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
        client.read_exact(&mut vec![0; read_bytes]).await.unwrap();
        timeout(4 * IDLE_LIMIT, served).await.expect("it ends").unwrap();
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_on_loses_its_connection() {
        for read_bytes in [1, BODY_BYTES / 2] {
            let lived = lives(read_bytes).await;
            assert!(lived >= IDLE_LIMIT && lived < 2 * IDLE_LIMIT, "{lived:?}");
        }
    }
}
