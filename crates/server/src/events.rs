//! What others are told of, for whoever rather asks: as pages, and as a stream that goes on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Response};
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::{Extension, Json};
use futures_util::stream::unfold;
use notifications::listed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Notified, Store as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use crate::App;
use crate::access::{Client, Scope};
use crate::extract::Asked;
use crate::lists::{bad, limit_of};
use crate::problem::{Code, Problem};
use crate::shares::{Share, Shares};

/// So many streams are open at once: each keeps a connection.
const STREAMS_MAX: usize = 64;
/// So many of them are one key's.
const STREAMS_PER_KEY: usize = 16;
/// How often a stream looks for news, and whether its key is still good.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a stream says that it is still there, so that nothing in between closes it.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);
/// How many events a stream reads at once.
const READ_AT_ONCE: usize = 100;
/// The media type of a stream.
pub(crate) const STREAM: &str = "text/event-stream";
/// Where a client that lost its stream goes on.
pub(crate) const LAST_EVENT_ID: &str = "Last-Event-ID";

/// What happened: the body of a notification, with its id.
#[derive(JsonSchema)]
#[schemars(rename = "Event")]
#[expect(dead_code, reason = "the notification is sent as it is; only the schema is used")]
struct EventSchema {
    /// The same in a notification, as `webhook-id`.
    id: String,
    /// What happened, such as `user.state.changed`.
    r#type: String,
    /// When (RFC 3339).
    timestamp: String,
    /// The rest, of which `seq` is the event's number.
    data: Map<String, Value>,
}

/// A page of events.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Events {
    #[schemars(with = "Vec<EventSchema>")]
    events: Vec<Value>,
    /// What to give as `after` next: there may be nothing yet.
    next: u64,
}

/// Where events begin.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    after: Option<String>,
    limit: Option<usize>,
}

/// The places of streams: so many in all, and so many of each key.
#[derive(Clone)]
pub(crate) struct Streams {
    all: Arc<Semaphore>,
    by_key: Shares<String>,
}

/// The place of one stream, until it is dropped.
struct Open {
    _permit: OwnedSemaphorePermit,
    _share: Share<String>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(STREAMS_MAX)), by_key: Shares::default() }
    }
}

impl Streams {
    fn open(&self, client: &Client) -> Result<Open, Problem> {
        let full = |taken: String| {
            let detail = format!("{taken} are open; close one, or ask for pages");
            Problem::new(Code::TooManyRequests, detail).after(SIGN_OF_LIFE_EVERY.as_secs())
        };
        let share = self.by_key.take(client.as_str().to_owned(), STREAMS_PER_KEY);
        let share = share.ok_or_else(|| full(format!("{STREAMS_PER_KEY} streams of this key")))?;
        let permit = Arc::clone(&self.all).try_acquire_owned();
        let permit = permit.map_err(|_| full(format!("{STREAMS_MAX} streams")))?;
        Ok(Open { _permit: permit, _share: share })
    }
}

/// `GET /v1/events`.
pub(crate) async fn events(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Asked(query): Asked<EventsQuery>,
) -> Result<Response<Body>, Problem> {
    let limit = limit_of(query.limit)?;
    let after = match query.after.as_deref() {
        Some(id) => seq(id).ok_or_else(|| bad("after", "an event's id or its number"))?,
        None => 0,
    };
    let last = headers.get(LAST_EVENT_ID).map(|id| {
        id.to_str().ok().and_then(seq).ok_or_else(|| {
            Problem::new(Code::BadRequest, "Last-Event-ID takes an event's id as it was given")
        })
    });
    let last = last.transpose()?;
    if wants_stream(&headers) {
        return stream(app, &client, headers, last.unwrap_or(after));
    }
    let page = app.store.events_after(after, limit).await?;
    let next = page.last().map_or(after, |notified| notified.seq);
    Ok(Json(Events { events: page.iter().map(listed).collect(), next }).into_response())
}

/// `evt_118_9f3c…` or 118.
fn seq(id: &str) -> Option<u64> {
    Notified::seq_of(id).filter(|seq| i64::try_from(*seq).is_ok())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|taken| {
        taken.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(STREAM)
    })
}

fn stream(
    app: App,
    client: &Client,
    headers: HeaderMap,
    after: u64,
) -> Result<Response<Body>, Problem> {
    let open = app.streams.open(client)?;
    let follower = Follower {
        app,
        headers,
        after,
        read: VecDeque::new(),
        let_in_at: Instant::now(),
        _open: open,
    };
    let events = unfold(follower, |mut follower| async {
        let notified = follower.next().await?;
        let event = Event::default()
            .id(notified.id())
            .event(notified.kind.as_str())
            .data(listed(&notified).to_string());
        Some((Ok::<_, Infallible>(event), follower))
    });
    let keep_alive = KeepAlive::new().interval(SIGN_OF_LIFE_EVERY);
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

/// Reads on for one client.
struct Follower {
    app: App,
    headers: HeaderMap,
    after: u64,
    read: VecDeque<Notified>,
    /// When it was last seen that the key is good.
    let_in_at: Instant,
    _open: Open,
}

impl Follower {
    /// The next event, whenever there is one; nothing if the client has to begin anew: its key is
    /// good no more, the store can't be read, or the process ends.
    async fn next(&mut self) -> Option<Notified> {
        while self.read.is_empty() {
            if self.app.stop.is_cancelled() || !self.is_let_in().await {
                return None;
            }
            match self.app.store.events_after(self.after, READ_AT_ONCE).await {
                Ok(page) => self.read.extend(page),
                Err(error) => {
                    drop(Problem::from(error));
                    return None;
                }
            }
            if self.read.is_empty() {
                tokio::select! {
                    () = sleep(LOOK_EVERY) => {}
                    () = self.app.stop.cancelled() => {}
                }
            }
        }
        // A client that reads slowly has what was read for it before its key was revoked.
        if self.let_in_at.elapsed() >= LOOK_EVERY && !self.is_let_in().await {
            return None;
        }
        let notified = self.read.pop_front()?;
        self.after = notified.seq;
        Some(notified)
    }

    async fn is_let_in(&mut self) -> bool {
        self.let_in_at = Instant::now();
        let now = (self.app.config.now)();
        let admitted =
            self.app.access.admit(&self.app.store, &self.headers, Scope::Read, now).await;
        matches!(admitted, Ok(Ok(_)))
    }
}
