//! The HTTP API: what people and programs ask for, over HTTP.
//!
//! It has no rules of its own: edits go through the engine's intake, as those of the command
//! line do, and what is shown are the same views. It never calls the provider, and it logs
//! neither a body nor a path.

mod access;
mod ask;
mod documents_api;
mod events;
mod extract;
mod guard;
mod health;
mod idempotency;
mod listen;
mod lists;
mod long_poll;
mod metrics;
mod openapi;
mod operate;
mod page;
mod problem;
mod quickstart;
mod routes;
mod shares;
mod users;
mod wallets_api;
mod webhooks;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::from_fn_with_state;
use documents::Limits;
use engine::OldVerifications;
use notifications::SECRET_BYTES;
use onboarding::texts::{Language, Texts};
use onboarding::{
    OnboardingId, Product, Reader, Requirements, StuckAfter, Surroundings, Timestamp,
};
use store::{Actor, SqliteStore, Store as _, StoreError};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tracing::warn;

pub use access::{KEY_BYTES, NewKey, Scope, UnknownScope};
pub use ask::{Readiness, ask_ready};
pub use listen::{StartError, Tls};
pub use metrics::Metrics;

use access::{Access, Rates};
use events::Streams;
use health::StoreCheck;
use idempotency::InProgress;
use listen::Places;
use metrics::Watch;
use routes::Rule;

/// So many documents are looked at at once. What comes beyond them waits its turn.
const LOOKS_AT_DOCUMENTS_MAX: usize = 2;

/// What the API is told.
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The certificate, if it speaks TLS.
    pub tls: Option<Tls>,
    /// How many requests a minute each key may make; 0 is no limit.
    pub requests_per_minute: u32,
    /// How many connections another machine may have open; 0 is no limit.
    pub connections_per_address: u32,
    /// How long a request may take.
    pub request_timeout_ms: u64,
    /// How long an answer is kept for the same request.
    pub idempotency_kept_ms: u64,
    /// How long requests may take to finish at the end.
    pub shutdown_grace_ms: u64,
    /// The sites whose pages may ask.
    pub cors_origins: Vec<String>,
    /// The products of a new user for whom nobody says.
    pub products_wanted: BTreeSet<Product>,
    /// The table of requirements in force.
    pub requirements: Arc<Requirements>,
    /// What becomes of data whose verification was long ago.
    pub old_verifications: OldVerifications,
    /// The limits of documents.
    pub documents: Limits,
    /// From when on a user is said to be stuck.
    pub stuck_after: StuckAfter,
    /// What is said to people,
    pub texts: Texts,
    /// and in which language if nobody says.
    pub language: Language,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// When the worker beside it last looked for work,
    pub worker_turned_at: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// and how long it may be about one call.
    pub worker_lease_ms: u64,
    /// What is counted beside the API.
    pub metrics: Arc<Metrics>,
    /// Draws an id.
    pub new_id: fn(Timestamp) -> OnboardingId,
    /// Draws what a secret is made of.
    pub chance: fn() -> io::Result<[u8; SECRET_BYTES]>,
    /// Sends to endpoints, when one is tried out,
    pub sender: Arc<notifications::Client>,
    /// and whether these may be on this machine.
    pub endpoints_on_loopback: bool,
}

/// All that handlers share.
#[derive(Clone)]
struct App(Arc<Inner>);

struct Inner {
    store: Arc<SqliteStore>,
    config: Config,
    access: Access,
    rates: Rates,
    in_progress: InProgress,
    watch: Watch,
    digest_key: [u8; 32],
    rules: HashMap<(&'static str, Method), Rule>,
    document: String,
    page: String,
    streams: Streams,
    /// The places of documents that are looked at: each takes a thread, and a picture's memory.
    looks_at_documents: Arc<Semaphore>,
    store_check: StoreCheck,
    stop: CancellationToken,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What takes what clients ask for.
type Intake = engine::Intake<SqliteStore>;

impl App {
    /// What holds for a method of a route. A request for the head alone is one for the whole.
    fn rule(&self, method: &Method, route: &str) -> Option<&Rule> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let mut rules = self.rules.iter();
        rules.find_map(|((path, m), rule)| (*path == route && m == method).then_some(rule))
    }

    fn methods(&self, route: &str) -> impl Iterator<Item = &Method> {
        let of_route = self.rules.keys().filter(move |(path, _)| *path == route);
        of_route.map(|(_, method)| method)
    }

    fn intake(&self) -> Intake {
        Intake::new(Arc::clone(&self.store), Actor::Api)
            .with_requirements(Arc::clone(&self.config.requirements))
            .with_old_verifications(self.config.old_verifications)
    }

    /// Who reads at `now` what is said in a language.
    fn reader(&self, language: Option<&Language>, now: Timestamp) -> Reader<'_> {
        Reader {
            policy: self.store.policy(),
            requirements: &self.config.requirements,
            texts: &self.config.texts,
            language: language.unwrap_or(&self.config.language).clone(),
            limits: self.config.documents.told(),
            now,
        }
    }

    async fn surroundings(&self) -> Result<Surroundings, StoreError> {
        let gate_closed_since = self.store.provider_gate().await?.closed_since();
        Ok(Surroundings { gate_closed_since, stuck_after: self.config.stuck_after })
    }
}

/// The API, served in the background.
pub struct Running {
    /// Where it listens, as a client writes it.
    pub origin: String,
    serving: JoinHandle<()>,
}

impl Running {
    /// Ends once it was told to stop and the last request is finished.
    pub async fn finished(self) {
        if self.serving.await.is_err() {
            warn!("the listener of the API ended by a bug");
        }
    }
}

/// Serves the API from `store` until `stop`.
///
/// # Errors
/// When it can't listen, or would be open to others without a key.
pub async fn start(
    store: Arc<SqliteStore>,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, StartError> {
    let is_local = config.listen.ip().is_loopback();
    let live = store.api_keys().await?.iter().any(|key| key.is_live((config.now)()));
    if !is_local && !live {
        return Err(StartError::NoKeys(config.listen));
    }
    if is_local && !store.has_api_keys().await? {
        warn!(
            "there is no API key, so every program on this machine may use the API; \
             `gangway key create` makes one, and from then on keys are needed"
        );
    }
    let tls = config.tls.as_ref().map(listen::acceptor).transpose()?;
    let address = config.listen;
    let listener =
        listen::bind(address).map_err(|source| StartError::Listen { address, source })?;
    let bound = listener.local_addr().unwrap_or(address);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let grace = Duration::from_millis(config.shutdown_grace_ms);
    let places = Places::new(config.connections_per_address);
    let digest_key = store.digest_key().await?;
    let access = Access::new(!is_local, config.cors_origins.clone());
    let watch = Watch::from(store.history_end().await?);
    let (router, app) = router(store, config, access, (digest_key, watch), stop.clone());
    let serving = tokio::spawn(async move {
        // The numbers have a task of their own, so that a bug in them does not end the API.
        let mut numbers = JoinSet::new();
        numbers.spawn(async move { metrics::keep_up(&app).await });
        listen::serve(listener, tls, router, places, stop, grace).await;
    });
    Ok(Running { origin: format!("{scheme}://{bound}"), serving })
}

fn router(
    store: Arc<SqliteStore>,
    config: Config,
    access: Access,
    (digest_key, watch): ([u8; 32], Watch),
    stop: CancellationToken,
) -> (Router, App) {
    let routes = routes::routes(&config);
    let document = openapi::document(&routes);
    let page = page::page(&document);
    let cors = cors(&config.cors_origins);
    let app = App(Arc::new(Inner {
        rates: Rates::new(config.requests_per_minute),
        rules: routes
            .iter()
            .map(|route| ((route.path, route.method.clone()), route.rule()))
            .collect(),
        document: document.to_string(),
        page,
        store,
        config,
        access,
        in_progress: InProgress::default(),
        watch,
        digest_key,
        streams: Streams::default(),
        looks_at_documents: Arc::new(Semaphore::new(LOOKS_AT_DOCUMENTS_MAX)),
        store_check: StoreCheck::default(),
        stop,
    }));
    let mut router = Router::new();
    for route in routes {
        router = router.route(route.path, route.handler);
    }
    let router = router
        .fallback(guard::no_such_route)
        .method_not_allowed_fallback(guard::no_such_method)
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .layer(CompressionLayer::new())
        .with_state(app.clone());
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    (router, app)
}

/// The headers that a page of another site may ask with.
const ASKED_WITH: [HeaderName; 7] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    CONTENT_TYPE,
    IF_MATCH,
    IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
];

/// Off unless a site is named.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods(Any)
            // By name: `*` does not stand for `Authorization`.
            .allow_headers(ASKED_WITH)
            .expose_headers(Any)
    })
}

impl Config {
    /// The largest body of an upload: base64 has four characters for three bytes, and there is
    /// more around it.
    fn upload_bytes_max(&self) -> usize {
        const AROUND: usize = 16 * 1024;
        self.documents.bytes_max.div_ceil(3) * 4 + AROUND
    }
}
