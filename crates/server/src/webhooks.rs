//! Who is told what happens, and what arrived: the endpoints, over HTTP.
//!
//! None of these takes an `Idempotency-Key`: what would be kept of the answer is a secret. A URL
//! is added once, and whatever else is asked twice does no harm.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{HeaderValue, LOCATION};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse as _;
use notifications::endpoint::{self, Wanted};
use notifications::{DeliveryView, EndpointError, EndpointView, Form, Message, Secret};
use onboarding::{NotificationKind, Problems, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{DeliveryState, Endpoint, Replay};

use crate::App;
use crate::extract::{Asked, Id, Raw, media_type, object};
use crate::lists::{bad, bad_cursor, limit_of};
use crate::problem::{Code, Problem};

/// For how long the secret before signs as well, unless told.
const OVERLAP_S: u64 = 24 * 60 * 60;
/// The longest.
const OVERLAP_S_MAX: u64 = 30 * OVERLAP_S;

/// An endpoint that is to be told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// Where it is: on the open internet, and reached by TLS.
    url: String,
    /// Only these; everything unless told.
    #[serde(default)]
    #[schemars(length(min = 1))]
    events: Option<Vec<String>>,
    /// How what is sent is signed: `hmac` unless told.
    #[serde(default)]
    signature: Form,
}

/// For how long the secret before signs as well.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rotation {
    /// In seconds; 0 is not at all.
    #[schemars(range(max = OVERLAP_S_MAX), default = "overlap")]
    #[serde(default = "overlap")]
    overlap_seconds: u64,
}

const fn overlap() -> u64 {
    OVERLAP_S
}

/// What is sent again: a range, or all since a time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct Again {
    /// From the event with this number on.
    #[serde(default)]
    from: Option<u64>,
    /// Up to the event with this number.
    #[serde(default)]
    to: Option<u64>,
    /// All that happened since (RFC 3339), without `from` and `to`.
    #[serde(default)]
    since: Option<String>,
}

/// An endpoint, and what its receiver verifies with. A secret is shown this once.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WithSecret {
    #[serde(flatten)]
    webhook: EndpointView,
    /// What a receiver of `hmac` signatures verifies with.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// What a receiver of `ed25519` signatures verifies with.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

/// The endpoints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Webhooks {
    webhooks: Vec<EndpointView>,
}

/// A page of the log.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deliveries {
    deliveries: Vec<DeliveryView>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// How many are sent again.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Replayed {
    replayed: u64,
}

/// What came of a message that tells of nothing.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tried {
    /// The message's id.
    id: String,
    /// The HTTP status, if one came.
    http_status: Option<u16>,
    /// How long it took, in milliseconds.
    took_ms: u64,
    /// What went wrong, as in the log; null if it arrived.
    error: Option<&'static str>,
}

/// What deliveries are asked for with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveriesQuery {
    state: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /v1/webhooks`.
pub(crate) async fn list(State(app): State<App>) -> Result<Response<Body>, Problem> {
    let mut webhooks = Vec::new();
    for endpoint in app.store.endpoints((app.config.now)()).await? {
        webhooks.push(EndpointView::of(&app.store, &endpoint).await?);
    }
    Ok(Json(Webhooks { webhooks }).into_response())
}

/// `POST /v1/webhooks`.
pub(crate) async fn add(
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    media_type(&headers, &["application/json"])?;
    let new: NewWebhook = object(&body, "url, events and signature (hmac or ed25519)")?;
    let kinds = new.events.as_deref().map(kinds).transpose()?;
    let id = endpoint::new_id(&chance(&app)?);
    let wanted = Wanted { id: id.clone(), url: new.url, kinds, form: new.signature };
    let (allow_loopback, now) = (app.config.endpoints_on_loopback, (app.config.now)());
    let added = endpoint::add(&app.store, wanted, allow_loopback, chance(&app)?, now).await;
    let secret = added.map_err(|error| match error {
        EndpointError::Address(error) => refused("/url", error.to_string()),
        EndpointError::Taken => Problem::new(
            Code::EndpointExists,
            "GET /v1/webhooks lists it; rotating gives it a secret that is known",
        ),
        EndpointError::Store(error) => error.into(),
    })?;
    let mut response = with_secret(&app, &id, &secret).await?;
    *response.status_mut() = StatusCode::CREATED;
    let location = HeaderValue::from_str(&format!("/v1/webhooks/{id}"));
    response.headers_mut().insert(LOCATION, location.expect("an id is of plain letters"));
    Ok(response)
}

fn kinds(words: &[String]) -> Result<Vec<NotificationKind>, Problem> {
    if words.is_empty() {
        return Err(refused("/events", "must name an event, or be left out for all"));
    }
    let kind = |(index, word): (usize, &String)| {
        NotificationKind::from_word(word).ok_or_else(|| {
            let known = NotificationKind::ALL.map(NotificationKind::as_str).join(", ");
            refused(&format!("/events/{index}"), format!("must be one of {known}"))
        })
    };
    words.iter().enumerate().map(kind).collect()
}

fn refused(pointer: &str, message: impl Into<String>) -> Problem {
    let mut problems = Problems::default();
    problems.error(pointer, message);
    Problem::refused(problems)
}

fn chance(app: &App) -> Result<[u8; notifications::SECRET_BYTES], Problem> {
    (app.config.chance)().map_err(|error| {
        tracing::error!(%error, "the system gives no random numbers");
        Problem::internal()
    })
}

async fn find(app: &App, id: &str) -> Result<Endpoint, Problem> {
    let found = endpoint::find(&app.store, id, (app.config.now)()).await?;
    found.ok_or_else(no_such_endpoint)
}

fn no_such_endpoint() -> Problem {
    Problem::new(Code::NoSuchEndpoint, "GET /v1/webhooks lists them")
}

async fn shown(app: &App, id: &str) -> Result<Response<Body>, Problem> {
    let endpoint = find(app, id).await?;
    Ok(Json(EndpointView::of(&app.store, &endpoint).await?).into_response())
}

async fn with_secret(app: &App, id: &str, secret: &Secret) -> Result<Response<Body>, Problem> {
    let webhook = EndpointView::of(&app.store, &find(app, id).await?).await?;
    let told = Some(secret.for_receiver());
    let (secret, public_key) = match secret.form() {
        Form::Hmac => (told, None),
        Form::Ed25519 => (None, told),
    };
    Ok(Json(WithSecret { webhook, secret, public_key }).into_response())
}

/// `GET /v1/webhooks/{endpoint}`.
pub(crate) async fn get(State(app): State<App>, Id(id): Id) -> Result<Response<Body>, Problem> {
    shown(&app, &id).await
}

/// `DELETE /v1/webhooks/{endpoint}`.
pub(crate) async fn remove(State(app): State<App>, Id(id): Id) -> Result<StatusCode, Problem> {
    let removed = app.store.remove_endpoint(id).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_endpoint()) }
}

/// `POST …/enable`.
pub(crate) async fn enable(State(app): State<App>, Id(id): Id) -> Result<Response<Body>, Problem> {
    if !app.store.enable_endpoint(id.clone(), (app.config.now)()).await? {
        return Err(no_such_endpoint());
    }
    shown(&app, &id).await
}

/// `POST …/rotate`.
pub(crate) async fn rotate(
    State(app): State<App>,
    Id(id): Id,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    let mut seconds = OVERLAP_S;
    if !body.is_empty() {
        media_type(&headers, &["application/json"])?;
        let rotation: Rotation = object(&body, "overlapSeconds, a whole number")?;
        seconds = rotation.overlap_seconds;
    }
    if seconds > OVERLAP_S_MAX {
        return Err(refused("/overlapSeconds", format!("must be at most {OVERLAP_S_MAX}")));
    }
    let now = (app.config.now)();
    let rotated = endpoint::rotate(&app.store, &id, seconds * 1_000, chance(&app)?, now).await?;
    with_secret(&app, &id, &rotated.ok_or_else(no_such_endpoint)?).await
}

/// `POST …/test`.
pub(crate) async fn test(State(app): State<App>, Id(id): Id) -> Result<Response<Body>, Problem> {
    let endpoint = find(&app, &id).await?;
    let now = (app.config.now)();
    let message = Message::test(&chance(&app)?, now);
    let outcome = app.config.sender.send(&endpoint.url, &endpoint.secrets, &message, now).await;
    let tried = Tried {
        id: message.id,
        http_status: outcome.http_status,
        took_ms: outcome.took_ms,
        error: outcome.problem.map(notifications::Problem::as_str),
    };
    Ok(Json(tried).into_response())
}

/// `GET …/deliveries`.
pub(crate) async fn deliveries(
    State(app): State<App>,
    Id(id): Id,
    Asked(query): Asked<DeliveriesQuery>,
) -> Result<Response<Body>, Problem> {
    let limit = limit_of(query.limit)?;
    let words = DeliveryState::ALL.map(DeliveryState::as_str);
    let state = query
        .state
        .as_deref()
        .map(|word| DeliveryState::from_word(word).ok_or_else(|| bad("state", &words.join(", "))));
    let before = query.cursor.map(|cursor| cursor.parse().map_err(|_| bad_cursor()));
    let (state, before) = (state.transpose()?, before.transpose()?);
    let found = app.store.deliveries(&id, state, before, limit).await?;
    let found = found.ok_or_else(no_such_endpoint)?;
    let last = found.last().filter(|_| found.len() == limit);
    let next_cursor = last.map(|delivery| delivery.notified.seq.to_string());
    let deliveries = found.into_iter().map(DeliveryView::from).collect();
    Ok(Json(Deliveries { deliveries, next_cursor }).into_response())
}

/// `POST …/replay`.
pub(crate) async fn replay(
    State(app): State<App>,
    Id(id): Id,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    media_type(&headers, &["application/json"])?;
    let again: Again = object(&body, "from and to, whole numbers, or since, a time")?;
    let what = match (again.from, again.to, again.since) {
        (None, None, Some(since)) => {
            let since = Timestamp::parse(&since);
            Replay::Since(since.map_err(|_| refused("/since", "must be a time with its offset"))?)
        }
        (from, to, None) if from.is_some() || to.is_some() => {
            Replay::Range(from.unwrap_or(1), to.unwrap_or(u64::MAX))
        }
        _ => return Err(refused("", "must have from, to or both, or since alone")),
    };
    let replayed = app.store.replay(id, what, (app.config.now)()).await?;
    let replayed = replayed.ok_or_else(no_such_endpoint)?;
    Ok(Json(Replayed { replayed }).into_response())
}
