//! Watches one user in the database until nothing is under way any more.

use std::time::Duration;

use engine::{IntakeError, views};
use onboarding::texts::Language;
use onboarding::{Status, UserLocator, is_settled};
use store::{SqliteStore, Store as _, Stored};
use tokio::time::Instant;

use super::standstill;
use crate::clock;
use crate::error::Error;
use crate::output::note;
use crate::settings::Settings;
use crate::signals::Signals;

/// How often the database is read.
const READ_EVERY: Duration = Duration::from_millis(200);

/// Far enough for whoever sets no limit.
const NO_LIMIT: Duration = Duration::from_secs(366 * 86_400);

/// Why the watch ended, with the user as last seen.
pub(super) enum Ended {
    /// A person must act, or the provider has judged, or it was stopped.
    Settled(Box<Stored>),
    /// The limit has passed.
    TimedOut(Box<Stored>),
    /// Whoever watches had enough.
    Interrupted(Box<Stored>),
}

impl Ended {
    pub(super) fn into_stored(self) -> Stored {
        match self {
            Self::Settled(stored) | Self::TimedOut(stored) | Self::Interrupted(stored) => *stored,
        }
    }
}

/// Calls `changed` with the first status and each one that follows a change.
pub(super) async fn watch(
    settings: &Settings,
    store: &SqliteStore,
    user: &UserLocator,
    language: &Language,
    limit: Option<Duration>,
    mut changed: impl FnMut(&Status) -> Result<(), Error>,
) -> Result<Ended, Error> {
    let policy = &settings.policy;
    let mut signals = Signals::listen()?;
    let deadline = Instant::now() + limit.unwrap_or(NO_LIMIT).min(NO_LIMIT);
    let mut seen = None;
    loop {
        let stored = store.find(user).await?.ok_or(IntakeError::NoSuchUser)?;
        let is_first = seen.is_none();
        let now = clock::now();
        if seen != Some(stored.onboarding.version) {
            seen = Some(stored.onboarding.version);
            let status = views::status(store, &stored, &settings.reader(language, now)).await?;
            changed(&status)?;
            if is_first && !is_settled(&stored.onboarding, policy) {
                standstill::warn(settings, store, &status, now).await?;
            }
        }
        if is_settled(&stored.onboarding, policy) {
            return Ok(Ended::Settled(Box::new(stored)));
        }
        if is_first {
            note("waiting for `gangway serve` to carry the user on; Ctrl-C ends the wait alone");
        }
        if Instant::now() >= deadline {
            return Ok(Ended::TimedOut(Box::new(stored)));
        }
        tokio::select! {
            () = signals.next() => return Ok(Ended::Interrupted(Box::new(stored))),
            () = tokio::time::sleep(READ_EVERY) => {}
        }
    }
}
