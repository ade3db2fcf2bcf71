//! The two listeners: the provider's wire, and the admin port beside it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::access::{Access, Key, RateLimits};
use crate::admin;
use crate::connection::{Line, Lines, Takeover};
use crate::handle::{Handle, now};
use crate::profile::Profile;
use crate::request;
use crate::script::{Fault, Scenario, ScenarioError};
use crate::wire::Answer;
use crate::world::{Arrival, Reply, World};

/// The largest request body that is read: a file of 10 MB in base64, and room.
const BODY_BYTES_MAX: usize = 15 * 1024 * 1024;

/// Over how long a slow answer is spread when its script does not say.
const SLOW_MS: u64 = 3_000;

/// How long calls in flight may take once the sandbox is stopped.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How a sandbox is started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the wire is served; port 0 takes a free one.
    pub address: SocketAddr,
    /// Where the admin port is served.
    pub admin_address: SocketAddr,
    /// The age of the contract.
    pub profile: Profile,
    /// The keys that are accepted; without any, every non-empty key is.
    pub api_keys: Vec<Key>,
    /// The calls of a minute that are answered; unlimited when absent.
    pub rate_limits: Option<RateLimits>,
    /// What the provider is made to do.
    pub scenario: Scenario,
}

impl Default for Settings {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            address: free,
            admin_address: free,
            profile: Profile::default(),
            api_keys: Vec::new(),
            rate_limits: None,
            scenario: Scenario::default(),
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that others could reach.
    #[error(
        "the sandbox protects nothing, so it listens on loopback only; \
         use 127.0.0.1 or [::1] instead of {0}"
    )]
    NotLoopback(SocketAddr),
    /// The port could not be taken.
    #[error("cannot listen on {address}; choose another port, or 0 for a free one")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The scenario makes no sense.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

/// A sandbox that serves in the background until it is stopped or dropped.
pub struct Running {
    address: SocketAddr,
    admin_address: SocketAddr,
    handle: Handle,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
}

impl Running {
    /// What a client puts before `/api/2025-06-09`, such as `http://127.0.0.1:4010`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the admin port is.
    #[must_use]
    pub fn admin_origin(&self) -> String {
        format!("http://{}", self.admin_address)
    }

    /// The levers, in process.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Takes no more calls and lets those in flight end, up to a limit.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.listeners.join_next().await.is_some() {} };
        if timeout(STOP_GRACE, ended).await.is_err() {
            warn!("the sandbox stopped with calls in flight");
        }
    }
}

/// Binds both ports and serves them in the background.
///
/// # Errors
/// When an address is not loopback or not free, or the scenario makes no sense.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    settings.scenario.check()?;
    let wire = listen(settings.address).await?;
    let admin = listen(settings.admin_address).await?;
    let (address, admin_address) = (bound(&wire), bound(&admin));
    let access = Access::new(settings.api_keys, settings.rate_limits);
    let handle = Handle::new(World::new(settings.profile, settings.scenario, access));
    let (stop, stopped) = watch::channel(false);
    let mut listeners = JoinSet::new();
    let service = router(handle.clone()).into_make_service_with_connect_info::<Line>();
    let until = until_stopped(stopped.clone());
    listeners.spawn(finish(axum::serve(Lines(wire), service).with_graceful_shutdown(until)));
    let until = until_stopped(stopped);
    let service = admin::router(handle.clone());
    listeners.spawn(finish(axum::serve(admin, service).with_graceful_shutdown(until)));
    info!(%address, %admin_address, profile = %settings.profile, "the sandbox listens");
    Ok(Running { address, admin_address, handle, stop, listeners })
}

/// The provider's wire.
pub(crate) fn router(handle: Handle) -> Router {
    Router::new().fallback(serve).with_state(handle)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| StartError::Listen { address, source })
}

fn bound(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound socket has an address")
}

/// Ends when told to, and also when the `Running` is dropped.
async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Axum's server mends its own errors and ends only when it is stopped.
async fn finish(serving: impl IntoFuture<Output = std::io::Result<()>>) {
    if let Err(error) = serving.await {
        warn!(%error, "a listener of the sandbox ended");
    }
}

/// Every call of the wire. The state changes before anything is awaited, so a
/// caller that gives up during a delay has made its effect all the same.
async fn serve(
    State(handle): State<Handle>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return respond(&Answer::error(413, "the request is too large"));
    };
    let at = now();
    let method = parts.method.as_str();
    let incoming = request::read(method, parts.uri.path(), &body, handle.profile(), at);
    drop(body);
    let reply = handle.answer(Arrival {
        at,
        method: method.to_owned(),
        key: api_key(&parts.headers),
        incoming,
    });
    debug!(method, status = reply.answer.status, fault = ?reply.fault, "call");
    deliver(&reply, &line).await
}

fn api_key(headers: &HeaderMap) -> Option<String> {
    headers.get("x-api-key").and_then(|key| key.to_str().ok()).map(str::to_owned)
}

/// Sends the answer, or does to the connection what the script says.
async fn deliver(reply: &Reply, line: &Line) -> Response {
    if reply.fault == Some(Fault::Slow) {
        let over_ms = if reply.delay_ms == 0 { SLOW_MS } else { reply.delay_ms };
        line.take_over(Takeover::slowly(&reply.answer, Duration::from_millis(over_ms)));
        return respond(&reply.answer);
    }
    sleep(Duration::from_millis(reply.delay_ms)).await;
    match reply.fault {
        Some(Fault::DropBefore | Fault::DropAfter) => line.take_over(Takeover::silence()),
        Some(Fault::Truncate) => line.take_over(Takeover::half_of(&reply.answer)),
        Some(Fault::NotJson | Fault::Slow) | None => {}
    }
    respond(&reply.answer)
}

fn respond(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).expect("our statuses are from 200 to 599");
    let mut response = (status, Body::from(answer.body.bytes())).into_response();
    let content_type = HeaderValue::from_static(answer.body.content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    for (name, value) in &answer.headers {
        let name: HeaderName = name.parse().expect("checked with the scenario");
        response.headers_mut().insert(name, value.parse().expect("checked with the scenario"));
    }
    response
}
