//! Waiting for a user, within a request.

use std::time::Duration;

use onboarding::{UserLocator, is_settled};
use serde::Deserialize;
use store::{Store as _, Stored};
use tokio::time::{Instant, sleep};

use crate::App;
use crate::problem::{Problem, no_such_user};

/// The longest wait, in seconds.
pub(crate) const SECONDS_MAX: u64 = 60;
/// The wait of whoever does not say.
pub(crate) const SECONDS: u64 = 30;
/// How often the database is read.
const READ_EVERY: Duration = Duration::from_millis(200);

/// What a request waits for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WaitFor {
    /// Nothing is under way any more.
    Rest,
}

/// How long a request with this query may wait: the guard lets it take so much longer.
pub(crate) fn asked_ms(query: Option<&str>) -> u64 {
    let waits = query.is_some_and(|query| query.contains("waitFor="));
    if waits { SECONDS_MAX * 1_000 } else { 0 }
}

/// The user at rest, or as the user is when the time is over.
pub(crate) async fn at_rest(
    app: &App,
    user: &UserLocator,
    seconds: u64,
) -> Result<Stored, Problem> {
    let deadline = Instant::now() + Duration::from_secs(seconds.min(SECONDS_MAX));
    loop {
        let stored = app.store.find(user).await?.ok_or_else(no_such_user)?;
        let is_over = Instant::now() >= deadline || app.stop.is_cancelled();
        if is_over || is_settled(&stored.onboarding, app.store.policy()) {
            return Ok(stored);
        }
        tokio::select! {
            () = sleep(READ_EVERY) => {}
            () = app.stop.cancelled() => {}
        }
    }
}
