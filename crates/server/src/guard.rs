//! What every request passes: an id, a key, a rate, a time limit, and one line in the log. The
//! line names the route and never the path, which holds a locator.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, Response};
use axum::middleware::Next;
use axum::response::IntoResponse;
use onboarding::OnboardingId;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use crate::App;
use crate::access::{Client, Refusal};
use crate::extract::known_parameters;
use crate::long_poll;
use crate::problem::{Code, Problem};
use crate::routes::Rule;

/// Where a request comes from.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The onboarding that an answer is about, for the log.
#[derive(Clone, Copy)]
pub(crate) struct About(pub(crate) OnboardingId);

/// The largest body of the route that a request came to.
#[derive(Clone, Copy)]
pub(crate) struct BodyMax(pub(crate) usize);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a request is counted under that came to no route of ours.
const NO_ROUTE: &str = "none";

/// Nothing of ours is framed, and nothing is loaded from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response<Body> {
    let began = Instant::now();
    let id = (app.config.new_id)((app.config.now)()).0;
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let peer = request.extensions().get::<Peer>().copied();
    let mut client = Client::Anyone;
    let passed = pass(&app, request, next, route.as_ref(), peer, &mut client).await;
    let response = passed.unwrap_or_else(IntoResponse::into_response);
    let response = finished(response, id);
    let about = response.extensions().get::<About>().map(|About(id)| id.to_string());
    let status = response.status().as_u16();
    let known = route.as_ref().and_then(|route| app.rule(&method, route.as_str()));
    let took_s = began.elapsed().as_secs_f64();
    app.config.metrics.answered(
        method.as_str(),
        known.map_or(NO_ROUTE, |rule| rule.path),
        status,
        took_s,
    );
    info!(
        method = %method,
        route = route.as_ref().map(MatchedPath::as_str),
        status,
        ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        request = %id,
        key = client.as_str(),
        onboarding = about,
        "answered"
    );
    response
}

async fn pass(
    app: &App,
    mut request: Request,
    next: Next,
    route: Option<&MatchedPath>,
    peer: Option<Peer>,
    client: &mut Client,
) -> Result<Response<Body>, Problem> {
    let Some(rule) = route.and_then(|route| app.rule(request.method(), route.as_str())) else {
        // Nothing is served there, or not by this method: nobody needs a key to be told so.
        return Ok(next.run(request).await);
    };
    let now = (app.config.now)();
    *client = admit(app, request.headers(), rule, peer).await?;
    // What is open to all has no key that could be limited, or whoever asks much would keep the
    // others from their health; and programs of others ask it, each in its way.
    if rule.scope.is_some() {
        app.rates.take(client, now).map_err(|seconds| {
            let detail = "wait as long as Retry-After says; http.requests_per_minute is the limit";
            Problem::new(Code::TooManyRequests, detail).after(seconds)
        })?;
        known_parameters(request.uri(), &rule.query)?;
    }
    request.extensions_mut().insert(client.clone());
    request.extensions_mut().insert(BodyMax(rule.body_max));
    let wait_ms = if rule.waits { long_poll::asked_ms(request.uri()) } else { 0 };
    let limit = Duration::from_millis(app.config.request_timeout_ms + wait_ms);
    timeout(limit, next.run(request)).await.map_err(|_| {
        let detail = "it may have been carried out; repeat it with the same Idempotency-Key";
        Problem::new(Code::TimedOut, detail)
    })
}

async fn admit(
    app: &App,
    headers: &HeaderMap,
    rule: &Rule,
    peer: Option<Peer>,
) -> Result<Client, Problem> {
    let Some(scope) = rule.scope else { return Ok(Client::Anyone) };
    let now = (app.config.now)();
    let admitted = app.access.admit(&app.store, headers, scope, now).await?;
    let address = peer.map(|Peer(address)| address.ip());
    let refusal = match admitted {
        Ok(client) => {
            if let Some(address) = address {
                app.access.succeeded(address);
            }
            return Ok(client);
        }
        Err(refusal) => refusal,
    };
    let from = address.map(|address| address.to_string());
    warn!(why = refusal.as_str(), from, route = rule.path, "a request was not let in");
    if let (Some(address), Refusal::BadKey) = (address, refusal) {
        sleep(Duration::from_millis(app.access.failed(address))).await;
    }
    Err(match refusal {
        Refusal::NoKey => Problem::new(
            Code::Unauthorized,
            "send a key as X-API-KEY, or as Authorization: Bearer; `gangway key create` makes one",
        ),
        Refusal::BadKey => {
            let detail = "the key is unknown, revoked or expired; `gangway key list` tells which";
            Problem::new(Code::Unauthorized, detail)
        }
        Refusal::Scope => {
            let detail = format!("it takes a key with the scope {}", scope.as_str());
            Problem::new(Code::Forbidden, detail)
        }
        Refusal::OtherSite => {
            let detail =
                "without keys only this machine's own pages may ask; see http.cors_origins";
            Problem::new(Code::Forbidden, detail)
        }
    })
}

/// Gives an answer its id and the headers of all.
fn finished(response: Response<Body>, id: Uuid) -> Response<Body> {
    let mut response = match response.extensions().get::<Problem>() {
        Some(problem) => problem.respond(id),
        // What a library answers by itself has a text of its own, or none.
        None if response.status().is_client_error() => {
            Problem::new(Code::BadRequest, "the request can't be read").respond(id)
        }
        None if response.status().is_server_error() => Problem::internal().respond(id),
        None => response,
    };
    let headers = response.headers_mut();
    let value = HeaderValue::from_str(&id.to_string()).expect("an id is of plain letters");
    headers.insert(REQUEST_ID, value);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Nothing is served at a path.
pub(crate) async fn no_such_route() -> Problem {
    Problem::new(Code::NoSuchRoute, "/openapi.json and /docs list what there is")
}

/// A path has other methods than the one that was asked.
pub(crate) async fn no_such_method(State(app): State<App>, path: Option<MatchedPath>) -> Problem {
    let path = path.as_ref().map_or("", MatchedPath::as_str);
    let methods: Vec<&str> = app.methods(path).map(Method::as_str).collect();
    let methods = methods.join(", ");
    let allow = HeaderValue::from_str(&methods).expect("methods are plain words");
    Problem::new(Code::MethodNotAllowed, format!("use {methods}")).allowing(allow)
}
