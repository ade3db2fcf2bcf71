//! Endpoints, as people add, see and change them: the same by command line and over HTTP.

use onboarding::{NotificationKind, Timestamp};
use serde::Serialize;
use store::{Delivery, Endpoint, NewEndpoint, NewSecret, SqliteStore, StoreError};

use crate::address::{BadAddress, check_url};
use crate::secret::{Form, PublicKey, SECRET_BYTES, Secret, drawn};

/// An endpoint that someone asks for.
pub struct Wanted {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// What it is told of; none is everything.
    pub kinds: Option<Vec<NotificationKind>>,
    /// How what is sent is signed.
    pub form: Form,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Nothing is sent to this URL.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// It is told already: what is lost of it is its secret at most.
    #[error(
        "an endpoint with this URL is there already; `gangway webhook list` shows it, and \
         `gangway webhook rotate` gives it another secret"
    )]
    Taken,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An id for a new endpoint, made of `chance`.
#[must_use]
pub fn new_id(chance: &[u8; SECRET_BYTES]) -> String {
    format!("ep_{}", drawn(chance, 6))
}

/// Adds an endpoint that signs with what `chance`, which nobody else may know, makes; it is told
/// of what happens from now on. `allow_loopback` is as in [`check_url`].
///
/// # Errors
/// When nothing would be sent there, another endpoint has its URL, or it can't be stored.
pub async fn add(
    store: &SqliteStore,
    wanted: Wanted,
    allow_loopback: bool,
    chance: [u8; SECRET_BYTES],
    now: Timestamp,
) -> Result<Secret, EndpointError> {
    check_url(&wanted.url, allow_loopback)?;
    let secret = Secret::of(wanted.form, chance);
    let Wanted { id, url, kinds, .. } = wanted;
    let new = NewEndpoint { id, url, kinds, secret: secret.to_text(), now };
    if store.add_endpoint(new).await? { Ok(secret) } else { Err(EndpointError::Taken) }
}

/// Has an endpoint sign with another secret of the same form, and for `overlap_ms` with the ones
/// before as well. Answers nothing if there is no such endpoint.
///
/// # Errors
/// When it can't be stored.
pub async fn rotate(
    store: &SqliteStore,
    id: &str,
    overlap_ms: u64,
    chance: [u8; SECRET_BYTES],
    now: Timestamp,
) -> Result<Option<Secret>, StoreError> {
    let Some(endpoint) = find(store, id, now).await? else { return Ok(None) };
    let newest = endpoint.secrets.first().and_then(|text| text.parse::<Secret>().ok());
    let secret = Secret::of(newest.map_or(Form::Hmac, |secret| secret.form()), chance);
    let rotated = NewSecret {
        endpoint: endpoint.id,
        secret: secret.to_text(),
        others_until: now.plus_ms(overlap_ms),
        now,
    };
    Ok(store.rotate_secret(rotated).await?.then_some(secret))
}

/// The endpoint with an id.
///
/// # Errors
/// When it can't be read.
pub async fn find(
    store: &SqliteStore,
    id: &str,
    now: Timestamp,
) -> Result<Option<Endpoint>, StoreError> {
    Ok(store.endpoints(now).await?.into_iter().find(|endpoint| endpoint.id == id))
}

/// An endpoint, without what signs.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Webhook"))]
#[serde(rename_all = "camelCase")]
pub struct EndpointView {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// What it is told of; absent of one that is told everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<&'static str>>,
    /// `enabled`, `retrying` while nothing arrives, or why it was disabled: `gone`, `failing`.
    pub state: &'static str,
    /// How many notifications are on their way to it.
    pub pending: u64,
    /// When it was added.
    pub created_at: String,
    /// Since when nothing arrives.
    pub failing_since: Option<String>,
    /// When it was disabled.
    pub disabled_at: Option<String>,
    /// The public keys of what signs; none of one that signs with shared secrets.
    pub public_keys: Vec<String>,
}

impl EndpointView {
    /// How an endpoint stands.
    ///
    /// # Errors
    /// When what is pending can't be counted.
    pub async fn of(store: &SqliteStore, endpoint: &Endpoint) -> Result<Self, StoreError> {
        let pending = store.pending_deliveries(endpoint.key).await?;
        let state = match (endpoint.disabled, endpoint.failing_since) {
            (Some((_, why)), _) => why.as_str(),
            (None, Some(_)) => "retrying",
            (None, None) => "enabled",
        };
        let keys = endpoint.secrets.iter().filter_map(|text| text.parse::<Secret>().ok());
        let public = keys.map(|secret| secret.for_receiver());
        let words =
            |kinds: &Vec<NotificationKind>| kinds.iter().map(|kind| kind.as_str()).collect();
        Ok(Self {
            id: endpoint.id.clone(),
            url: endpoint.url.clone(),
            events: endpoint.kinds.as_ref().map(words),
            state,
            pending,
            created_at: endpoint.created_at.to_string(),
            failing_since: endpoint.failing_since.map(|at| at.to_string()),
            disabled_at: endpoint.disabled.map(|(at, _)| at.to_string()),
            public_keys: public.filter(|text| text.parse::<PublicKey>().is_ok()).collect(),
        })
    }
}

/// A delivery, as the log shows it.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Delivery"))]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// The notification's id.
    pub id: String,
    /// Its number.
    pub seq: u64,
    /// What it tells of.
    pub event: &'static str,
    /// The onboarding that it is about.
    pub onboarding_id: Option<String>,
    /// `waiting` for an earlier one of the same user, `due`, `delivered`, or `given-up`.
    pub state: &'static str,
    /// How many tries there were.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Option<String>,
    /// When it was tried last.
    pub tried_at: Option<String>,
    /// The HTTP status of the last try.
    pub http_status: Option<u16>,
    /// How long the last try took, in milliseconds.
    pub took_ms: Option<u64>,
    /// What went wrong at the last try.
    pub error: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.notified.id(),
            seq: delivery.notified.seq,
            event: delivery.notified.kind.as_str(),
            onboarding_id: delivery.notified.about.map(|about| about.id.to_string()),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            next_at: delivery.next_at.map(|at| at.to_string()),
            tried_at: delivery.tried_at.map(|at| at.to_string()),
            http_status: delivery.http_status,
            took_ms: delivery.took_ms,
            error: delivery.error,
        }
    }
}
