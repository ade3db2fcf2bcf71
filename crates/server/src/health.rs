//! Whether it lives, and whether it can do its work: for whoever starts it and watches over it.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::Store as _;

use crate::App;
use crate::problem::{Code, Problem};

/// That all is well.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of Gangway.
    version: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") });

/// `GET /health/live` and `GET /health/startup`: it answers, so it lives and has started.
pub(crate) async fn live() -> Json<Health> {
    OK
}

/// `GET /health/ready`: the store takes a write, the worker turns, and the provider takes calls.
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Health>, Problem> {
    let now = (app.config.now)();
    let mut wrong = Vec::new();
    if app.store.check_writable().await.is_err() {
        wrong.push("the store takes no write; `gangway doctor` says why".to_owned());
    }
    if now.ms_since((app.config.worker_turned_at)()) > app.config.worker_lease_ms {
        wrong.push("the worker has stood still for longer than its lease; restart it".to_owned());
    }
    if let Ok(gate) = app.store.provider_gate().await
        && let Some(since) = gate.closed_since()
    {
        wrong.push(format!("the provider refuses every call since {since}; see `gangway doctor`"));
    }
    if wrong.is_empty() { Ok(OK) } else { Err(Problem::new(Code::NotReady, wrong.join("; "))) }
}
