//! The admin port: the levers of a running sandbox as JSON over HTTP.

use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call::{Call, CallLog};
use crate::handle::Handle;
use crate::locator::{InvalidLocator, Locator, percent_decode};
use crate::script::{Closure, Scenario, ScenarioError, UserScript};
use crate::world::UserView;

pub(crate) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/scenario", get(scenario).put(set_scenario))
        .route("/users", get(users))
        .route("/users/{locator}", get(user).put(set_script).patch(change_script))
        .route("/users/{locator}/forget", post(forget))
        .route("/provider", put(set_provider))
        .route("/calls", get(calls))
        .route("/reset", post(reset))
        .fallback(no_such_path)
        .with_state(handle)
}

/// A request that was not carried out, in the shape of the wire's errors.
struct Problem {
    status: StatusCode,
    message: String,
}

impl Problem {
    fn bad(message: impl ToString) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.to_string() }
    }

    fn missing(message: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.to_owned() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": true, "message": self.message });
        (self.status, Json(body)).into_response()
    }
}

impl From<ScenarioError> for Problem {
    fn from(error: ScenarioError) -> Self {
        Self::bad(error)
    }
}

impl From<InvalidLocator> for Problem {
    fn from(error: InvalidLocator) -> Self {
        Self::bad(error)
    }
}

/// The user in the path. What the library says of one that is no UTF-8 would be no JSON.
struct User(Locator);

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(user) = path.map_err(|_| Problem::bad("the locator in the path is no UTF-8"))?;
        Ok(Self(user.parse()?))
    }
}

/// Reads a body; the errors are those of a scenario file.
fn parse<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Problem> {
    Ok(serde_json::from_slice(body).map_err(ScenarioError::Json)?)
}

async fn health(State(handle): State<Handle>) -> Json<Value> {
    Json(json!({ "status": "ok", "profile": handle.profile() }))
}

async fn no_such_path() -> Problem {
    Problem::missing("the admin port has no such path; docs/sandbox.md lists them")
}

async fn scenario(State(handle): State<Handle>) -> Json<Scenario> {
    Json(handle.scenario())
}

async fn set_scenario(
    State(handle): State<Handle>,
    body: Bytes,
) -> Result<Json<Scenario>, Problem> {
    handle.set_scenario(parse(&body)?)?;
    Ok(Json(handle.scenario()))
}

async fn users(State(handle): State<Handle>) -> Json<Vec<UserView>> {
    Json(handle.users())
}

async fn user(State(handle): State<Handle>, User(user): User) -> Result<Json<UserView>, Problem> {
    let view = handle.user(&user);
    view.map(Json).ok_or_else(|| Problem::missing("nobody has asked about this user yet"))
}

async fn set_script(
    State(handle): State<Handle>,
    User(user): User,
    body: Bytes,
) -> Result<Json<UserScript>, Problem> {
    let script: UserScript = parse(&body)?;
    handle.set_script(user, script.clone())?;
    Ok(Json(script))
}

async fn change_script(
    State(handle): State<Handle>,
    User(user): User,
    body: Bytes,
) -> Result<Json<UserScript>, Problem> {
    let change: Map<String, Value> = parse(&body)?;
    Ok(Json(handle.change_script(&user, &change)?))
}

async fn forget(State(handle): State<Handle>, User(user): User) -> Result<Json<Value>, Problem> {
    let was_known = handle.forget(&user);
    Ok(Json(json!({ "forgotten": was_known })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    /// Has to be there: `null` opens the provider.
    #[serde(deserialize_with = "Option::deserialize")]
    closed: Option<Closure>,
}

async fn set_provider(State(handle): State<Handle>, body: Bytes) -> Result<Json<Value>, Problem> {
    let provider: Provider = parse(&body)?;
    handle.set_provider_closed(provider.closed)?;
    Ok(Json(json!({ "closed": handle.scenario().provider_closed })))
}

/// The query is read as the wire's paths are: decoded once, `+` for itself,
/// or phone numbers could not be asked for.
async fn calls(
    State(handle): State<Handle>,
    RawQuery(query): RawQuery,
) -> Result<Json<CallLog>, Problem> {
    let (mut user, mut call) = (None, None);
    for part in query.iter().flat_map(|query| query.split('&')).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("user", text)) => user = Some(Locator::from_path(text)?),
            Some(("call", text)) => call = Some(call_named(text)?),
            _ => return Err(Problem::bad("calls are filtered by `user` and `call` only")),
        }
    }
    Ok(Json(handle.calls(user.as_ref(), call)))
}

fn call_named(text: &str) -> Result<Call, Problem> {
    let name = percent_decode(text).unwrap_or_default();
    serde_json::from_value(Value::String(name)).map_err(Problem::bad)
}

async fn reset(State(handle): State<Handle>) -> Json<Value> {
    handle.reset();
    Json(json!({ "reset": true }))
}
