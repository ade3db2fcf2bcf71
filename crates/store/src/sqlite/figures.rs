//! What is counted for whoever watches over it. Nothing here is personal data, and nothing writes.

use std::time::Duration;

use onboarding::{Event, Lane, Onboarding, State, Timestamp};
use sqlx::SqliteConnection;

use super::{SqliteStore, open, rows};
use crate::due::Queue;
use crate::{StoreError, snapshot};

/// How far ahead of now a call is counted as wanted.
pub const WANTED_WITHIN_MS: u64 = 60_000;

/// What waits, and how large it has become, at one moment. All of it comes from indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Each line of calls.
    pub queues: Vec<QueueFigures>,
    /// Into how many intervals of its budget each lane's pace was stretched by the last 429.
    pub slowdowns: Vec<(Lane, u32)>,
    /// How many deliveries to endpoints that are not disabled have neither arrived nor been given
    /// up.
    pub deliveries_pending: u64,
    /// When the oldest of what they tell of happened.
    pub delivery_oldest_at: Option<Timestamp>,
    /// The size of the database's file.
    pub database_bytes: u64,
    /// The size of its write-ahead log.
    pub log_bytes: u64,
}

/// A line in which calls wait for the budget of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFigures {
    /// The lane.
    pub lane: Lane,
    /// Whether it is that of routine looks at users who were judged.
    pub is_recheck: bool,
    /// How many are due.
    pub due: u64,
    /// How many are due now or within [`WANTED_WITHIN_MS`].
    pub wanted: u64,
    /// Since when the oldest is due.
    pub oldest_at: Option<Timestamp>,
}

/// One row of history, as far as it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub event: Event,
    /// The state before; none of a new onboarding.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// How long the state before had lasted, where it ended.
    pub stood_ms: Option<u64>,
    /// How long ago verification was last begun, where this is its verdict.
    pub judged_after_ms: Option<u64>,
}

/// The rows of history after a place in it.
#[derive(Debug, Default)]
pub struct Changes {
    /// They, in order. One that is damaged is passed over, with an error in the log.
    pub rows: Vec<Change>,
    /// The place of the last one.
    pub cursor: i64,
}

/// Onboardings without their users, in order of creation.
#[derive(Debug, Default)]
pub struct CensusPage {
    /// They, as they are stored now.
    pub onboardings: Vec<Onboarding>,
    /// How many can't be read, beside them.
    pub damaged: u64,
    /// After whom the next page begins; none at the end.
    pub next: Option<i64>,
}

/// What a group commit came to. One that changed nothing is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupCommit {
    /// It is stored.
    Stored {
        /// How many writes it took in.
        writes: usize,
        /// How long it took from BEGIN to the answer to COMMIT.
        took: Duration,
    },
    /// It is not, or nobody can tell: the store did not take it. It is divided or tried again.
    Failed,
}

impl SqliteStore {
    /// Has `watch` told of each group commit from now on. Only the first one is told.
    pub fn watch_commits(&self, watch: impl Fn(GroupCommit) + Send + Sync + 'static) {
        // Whoever watches already goes on watching.
        let _ = self.commits_watched.set(Box::new(watch));
    }

    /// What waits, and how large the store has become.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn figures(&self, now: Timestamp) -> Result<Figures, StoreError> {
        let mut moment = self.moment().await?;
        let mut queues = Vec::new();
        for queue in Queue::ALL {
            queues.push(queue_figures(&mut moment, queue, now).await?);
        }
        let slowdowns: Vec<(String, u32)> =
            sqlx::query_as("select lane, slowdown from budgets").fetch_all(&mut *moment).await?;
        let slowdowns = slowdowns.into_iter().map(|(word, times)| Ok((rows::lane(&word)?, times)));
        let (pending, oldest): (i64, Option<i64>) =
            sqlx::query_as(PENDING).fetch_one(&mut *moment).await?;
        Ok(Figures {
            queues,
            slowdowns: slowdowns.collect::<Result<_, StoreError>>()?,
            deliveries_pending: rows::number("deliveries", pending)?,
            delivery_oldest_at: oldest.map(Timestamp),
            database_bytes: self.path.metadata().map_or(0, |file| file.len()),
            log_bytes: open::log_bytes(&self.path),
        })
    }

    /// A page of all onboardings, after the key of one; the first page is after 0.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn census_page(&self, after: i64, limit: usize) -> Result<CensusPage, StoreError> {
        let found: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "select key, snapshot from onboardings where key > ?1 order by key limit ?2 + 0",
        )
        .bind(after)
        .bind(rows::limit(limit))
        .fetch_all(&mut *self.moment().await?)
        .await?;
        let mut page = CensusPage { next: found.last().map(|(key, _)| *key), ..Default::default() };
        for (_, json) in found {
            match snapshot::read(&json) {
                Ok(onboarding) => page.onboardings.push(onboarding),
                Err(_) => page.damaged += 1,
            }
        }
        Ok(page)
    }

    /// The place of the last row of history.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn history_end(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select coalesce(max(key), 0) from history")
            .fetch_one(&mut *self.moment().await?)
            .await?)
    }

    /// The rows of history after a place in it, of all onboardings: at most `limit`.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn changes_after(&self, cursor: i64, limit: usize) -> Result<Changes, StoreError> {
        let found: Vec<ChangeColumns> = sqlx::query_as(CHANGES)
            .bind(cursor)
            .bind(rows::limit(limit))
            .fetch_all(&mut *self.moment().await?)
            .await?;
        let cursor = found.last().map_or(cursor, |(key, ..)| *key);
        let mut rows = Vec::new();
        for row in found {
            rows.extend(rows::intact(read_change(row))?);
        }
        Ok(Changes { rows, cursor })
    }
}

/// The columns of a change: key, version, time, event, states before and after, and, where the
/// state changed, when the one before began and when verification was last begun.
type ChangeColumns = (i64, i64, i64, Vec<u8>, Vec<u8>, Vec<u8>, Option<i64>, Option<i64>);

/// A state begins with the first row or with one that changes it, and verification with its state.
/// Each is the newest such row of the onboarding, found by the index of its versions.
pub(super) const CHANGES: &str = "\
    select h.key, h.version, h.happened_at, h.event, h.from_state, h.to_state, \
    case when h.from_state <> h.to_state then ( \
        select b.happened_at from history b \
        where b.onboarding_key = h.onboarding_key and b.version < h.version \
        and (b.from_state <> b.to_state or b.version = 1) order by b.version desc limit 1) end, \
    case when h.from_state <> h.to_state \
    and h.to_state in ('verified', 'rejected', 'requires-data') then ( \
        select b.happened_at from history b \
        where b.onboarding_key = h.onboarding_key and b.version < h.version \
        and b.from_state <> b.to_state and b.to_state = 'verification-triggered' \
        order by b.version desc limit 1) end \
    from history h where h.key > ?1 order by h.key limit ?2 + 0";

fn read_change(
    (key, version, at, event, from, to, since, begun): ChangeColumns,
) -> Result<Change, StoreError> {
    let damaged = |what| rows::damaged(format!("row {key} of history"), what);
    let at = Timestamp(at);
    Ok(Change {
        event: snapshot::read(&event).map_err(damaged)?,
        from: if version == 1 { None } else { Some(rows::state(key, &from)?) },
        to: rows::state(key, &to)?,
        stood_ms: since.map(|since| at.ms_since(Timestamp(since))),
        judged_after_ms: begun.map(|begun| at.ms_since(Timestamp(begun))),
    })
}

pub(super) const PENDING: &str = "\
    select p.count, n.happened_at from \
    (select count(*) as count, min(seq) as oldest from deliveries where state in ('waiting', 'due') \
    and endpoint_key in (select key from endpoints where disabled_at is null and not is_removed)) p \
    left join notifications n on n.seq = p.oldest";

async fn queue_figures(
    conn: &mut SqliteConnection,
    queue: Queue,
    now: Timestamp,
) -> Result<QueueFigures, StoreError> {
    let (due, wanted, oldest): (i64, i64, Option<i64>) = sqlx::query_as(
        "select count(*) filter (where due_at <= ?3), count(*), min(due_at) from onboardings \
         where lane = ?1 and recheck = ?2 and due_at is not null and due_at <= ?4",
    )
    .bind(queue.lane.as_str())
    .bind(queue.is_recheck)
    .bind(now.0)
    .bind(now.plus_ms(WANTED_WITHIN_MS).0)
    .fetch_one(conn)
    .await?;
    Ok(QueueFigures {
        lane: queue.lane,
        is_recheck: queue.is_recheck,
        due: rows::number("due", due)?,
        wanted: rows::number("wanted", wanted)?,
        oldest_at: oldest.map(Timestamp).filter(|at| *at <= now),
    })
}
