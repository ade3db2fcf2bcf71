//! What an operator may do.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use onboarding::{Event, Problems, REASON_CHARS_MAX, UserLocator};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::extract::{Raw, User, UserTask, media_type, object};
use crate::idempotency::once;
use crate::problem::Problem;
use crate::users::{Change, allowed, edited};
use crate::{App, Intake};

/// What is in the body.
const FIELDS: &str = "reason, a text";
/// The reason of whoever gives none.
const NO_REASON: &str = "no reason given";

/// Why it is done, for those who read the history.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// Kept in the user's history: leave personal data out.
    #[serde(default)]
    #[schemars(length(min = 1, max = REASON_CHARS_MAX))]
    reason: Option<String>,
}

/// Why it is done; it has to be said.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// Kept in the user's history: leave personal data out.
    #[schemars(length(min = 1, max = REASON_CHARS_MAX))]
    reason: String,
}

impl Why {
    /// The reason in a body that may be left out.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<String, Problem> {
        if body.is_empty() {
            return Ok(NO_REASON.to_owned());
        }
        media_type(headers, &["application/json"])?;
        let why: Self = object(body, FIELDS)?;
        checked(why.reason.as_deref().unwrap_or(NO_REASON))
    }
}

impl Reason {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<String, Problem> {
        media_type(headers, &["application/json"])?;
        let why: Self = object(body, FIELDS)?;
        checked(&why.reason)
    }
}

fn checked(reason: &str) -> Result<String, Problem> {
    onboarding::reason(reason).map_err(|message| {
        let mut problems = Problems::default();
        problems.error("/reason", message);
        Problem::refused(problems)
    })
}

async fn tell(
    app: &App,
    user: &UserLocator,
    change: &Change,
    body: &[u8],
    event: Event,
) -> Result<Response<Body>, Problem> {
    let (request, now) = (change.of(Some(user), body), (app.config.now)());
    let act = async |intake: Intake| allowed(intake.tell(user, event, now).await?);
    once(app, request, edited(app), act).await
}

/// `POST …/hold`.
pub(crate) async fn hold(
    State(app): State<App>,
    User(user): User,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    let reason = Why::read(change.headers(), &body)?;
    tell(&app, &user, &change, &body, Event::Held { reason }).await
}

/// `POST …/resume`.
pub(crate) async fn resume(
    State(app): State<App>,
    User(user): User,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    let reason = Why::read(change.headers(), &body)?;
    tell(&app, &user, &change, &body, Event::Resumed { reason }).await
}

/// `POST …/retry`.
pub(crate) async fn retry(
    State(app): State<App>,
    User(user): User,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    let reason = Why::read(change.headers(), &body)?;
    tell(&app, &user, &change, &body, Event::Retried { reason }).await
}

/// `POST …/cancel`.
pub(crate) async fn cancel(
    State(app): State<App>,
    User(user): User,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    let reason = Why::read(change.headers(), &body)?;
    tell(&app, &user, &change, &body, Event::Cancelled { reason }).await
}

/// `POST …/reopen`.
pub(crate) async fn reopen(
    State(app): State<App>,
    User(user): User,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    let reason = Reason::read(change.headers(), &body)?;
    tell(&app, &user, &change, &body, Event::Reopened { reason }).await
}

/// `POST …/tasks/{number}/waive`.
pub(crate) async fn waive(
    State(app): State<App>,
    UserTask(user, number): UserTask,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    let reason = Reason::read(change.headers(), &body)?;
    tell(&app, &user, &change, &body, Event::TaskWaived { number, reason }).await
}
