//! Whether it lives, and whether it can do its work: for whoever starts it and watches over it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use schemars::JsonSchema;
use serde::Serialize;
use store::{SqliteStore, Store as _};
use tokio::time::timeout;

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

/// How long the store may take for a write. Whoever watches over it does not wait for long.
const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// The check of the store that is under way. All who ask meanwhile wait for this one, so that they
/// do not queue up before a store that takes nothing.
#[derive(Default)]
pub(crate) struct StoreCheck(Mutex<Option<Check>>);

/// Whether the store takes a write.
type Check = Shared<BoxFuture<'static, bool>>;

impl StoreCheck {
    fn join(&self, store: &Arc<SqliteStore>) -> Check {
        let mut under_way = self.0.lock().expect("nothing panics while it is locked");
        match &*under_way {
            // One that has ended says how it was then.
            Some(check) if check.clone().now_or_never().is_none() => check.clone(),
            Some(_) | None => {
                let store = Arc::clone(store);
                let check = async move { store.check_writable().await.is_ok() }.boxed().shared();
                under_way.insert(check).clone()
            }
        }
    }

    /// What is wrong with the store, if anything is.
    async fn wrong(&self, store: &Arc<SqliteStore>) -> Option<&'static str> {
        match timeout(WRITE_LIMIT, self.join(store)).await {
            Ok(true) => None,
            Ok(false) => Some("the store takes no write; `gangway doctor` says why"),
            Err(_) => Some(
                "the store takes no write in time; is another process in its way, or is the disk \
                 slow? `gangway doctor` says more",
            ),
        }
    }
}

/// `GET /health/ready`: the store takes a write, the worker turns, and the provider takes calls.
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Health>, Problem> {
    let now = (app.config.now)();
    let mut wrong = Vec::new();
    wrong.extend(app.store_check.wrong(&app.store).await.map(str::to_owned));
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
