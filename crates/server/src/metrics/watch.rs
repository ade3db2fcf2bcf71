//! What is followed beside the scrapes: history, row by row, and now and then every onboarding.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use onboarding::{Onboarding, Policy, Surroundings, stuck_cause};
use store::{Store as _, StoreError};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::sleep;
use tracing::debug;

use super::standing::Census;
use super::words;
use crate::App;

/// How often history is followed where nobody scrapes, so that a scrape never has much to follow.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// So many rows of history are read at once.
const ROWS_MAX: usize = 1_000;
/// The shortest time between two censuses; and at least so many times as long as one took.
const CENSUS_PAUSE: Duration = Duration::from_secs(5);
const CENSUS_SHARE: u32 = 20;
/// So many onboardings are read at once in a census.
const CENSUS_PAGE: usize = 200;

/// How far history was followed, and what the last census found.
pub(crate) struct Watch {
    cursor: AsyncMutex<i64>,
    census: Mutex<Option<Census>>,
    is_wanted: AtomicBool,
}

impl Watch {
    /// Follows history from a place in it.
    pub(crate) const fn from(cursor: i64) -> Self {
        Self {
            cursor: AsyncMutex::const_new(cursor),
            census: Mutex::new(None),
            is_wanted: AtomicBool::new(true),
        }
    }

    /// Does with the last census what is to be done with it, and wants another one.
    pub(super) fn with_census(&self, act: impl FnOnce(&Census)) {
        self.is_wanted.store(true, Ordering::Relaxed);
        self.census.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(act);
    }
}

/// Follows until the API stops.
pub(crate) async fn keep_up(app: &App) {
    let mut census_at = Instant::now();
    loop {
        if let Err(unreadable) = follow(app).await {
            debug!(error = &unreadable as &dyn std::error::Error, "history can't be followed");
        }
        // An installation that nobody scrapes is counted once.
        if Instant::now() >= census_at && app.watch.is_wanted.swap(false, Ordering::Relaxed) {
            let began = Instant::now();
            let counted = tokio::select! {
                counted = census(app) => counted,
                () = app.stop.cancelled() => return,
            };
            match counted {
                Ok(census) => {
                    let found =
                        &mut *app.watch.census.lock().unwrap_or_else(PoisonError::into_inner);
                    *found = Some(census);
                }
                Err(unreadable) => {
                    debug!(error = &unreadable as &dyn std::error::Error, "no census can be made");
                }
            }
            census_at = Instant::now() + CENSUS_PAUSE.max(began.elapsed() * CENSUS_SHARE);
        }
        tokio::select! {
            () = sleep(FOLLOW_EVERY) => {}
            () = app.stop.cancelled() => return,
        }
    }
}

/// Counts the rows of history that are new.
pub(super) async fn follow(app: &App) -> Result<(), StoreError> {
    let mut cursor = app.watch.cursor.lock().await;
    loop {
        let changes = app.store.changes_after(*cursor, ROWS_MAX).await?;
        if changes.cursor == *cursor {
            return Ok(());
        }
        *cursor = changes.cursor;
        changes.rows.iter().for_each(|change| app.config.metrics.changed(change));
    }
}

async fn census(app: &App) -> Result<Census, StoreError> {
    let now = (app.config.now)();
    let around = app.surroundings().await?;
    let mut census = Census::none(now);
    let mut after = 0;
    loop {
        let page = app.store.census_page(after, CENSUS_PAGE).await?;
        census.damaged += page.damaged;
        for onboarding in &page.onboardings {
            census.add(onboarding, app.store.policy(), &around);
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(census),
        }
        tokio::task::yield_now().await;
    }
}

impl Census {
    fn add(&mut self, onboarding: &Onboarding, policy: &Policy, around: &Surroundings) {
        if onboarding.ended.is_none() {
            for product in &onboarding.wanted {
                let observation = onboarding.observation.as_ref();
                let word = observation.and_then(|seen| seen.products.get(product));
                let status = words::product_status(word.map(|word| &word.status));
                *self.products.entry((words::product(product), status)).or_default() += 1;
            }
        }
        if let Some(hold) = &onboarding.hold {
            *self.held.entry(hold.cause.as_str()).or_default() += 1;
        }
        if let Some(cause) = stuck_cause(onboarding, policy, around, self.at) {
            *self.stuck.entry(cause.as_str()).or_default() += 1;
        }
    }
}
