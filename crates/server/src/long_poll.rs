//! Waiting for a user, within a request.

use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;
use onboarding::{UserLocator, is_settled};
use serde::Deserialize;
use store::{Store as _, Stored};
use tokio::time::{Instant, sleep};

use crate::App;
use crate::lists::bad;
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

/// What is asked for, of a route that waits.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    wait_for: Option<WaitFor>,
    timeout: Option<u64>,
}

/// How long a request may wait by its own word: the guard lets it take so much longer. One that
/// can't be read is refused at once.
pub(crate) fn asked_ms(uri: &Uri) -> u64 {
    match Query::<Asked>::try_from_uri(uri) {
        Ok(Query(Asked { wait_for: Some(WaitFor::Rest), timeout })) => {
            timeout.unwrap_or(SECONDS).min(SECONDS_MAX) * 1_000
        }
        Ok(Query(Asked { wait_for: None, .. })) | Err(_) => 0,
    }
}

/// For how many seconds to wait, at most.
pub(crate) fn seconds(wait_for: Option<WaitFor>, timeout: Option<u64>) -> Result<u64, Problem> {
    match (wait_for, timeout.unwrap_or(SECONDS)) {
        (_, too_long) if too_long > SECONDS_MAX => {
            Err(bad("timeout", &format!("0 to {SECONDS_MAX}")))
        }
        (Some(WaitFor::Rest), seconds) => Ok(seconds),
        (None, _) => Ok(0),
    }
}

/// The user at rest, or as the user is when the time is over.
pub(crate) async fn at_rest(
    app: &App,
    user: &UserLocator,
    seconds: u64,
) -> Result<Stored, Problem> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_take_longer_by_what_it_asks_for() {
        for (query, ms) in [
            ("", 0),
            ("?waitFor=rest", SECONDS * 1_000),
            ("?lang=de&timeout=7&waitFor=rest", 7_000),
            ("?waitFor=rest&timeout=0", 0),
            ("?waitFor=rest&timeout=61", SECONDS_MAX * 1_000),
            ("?waitFor=tea", 0),
            ("?notwaitFor=rest", 0),
            ("?lang=waitFor=rest", 0),
        ] {
            let uri = format!("/v1/users/userId:ada{query}").parse().unwrap();
            assert_eq!(asked_ms(&uri), ms, "{query}");
        }
    }
}
