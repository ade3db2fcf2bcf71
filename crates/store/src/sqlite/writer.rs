//! The one writer: a task that owns the only connection that writes, and takes all waiting
//! writes into one transaction (group commit).
//!
//! A transaction that fails in any way costs its connection: SQLite rolls back when it is
//! closed, and a connection that saw a failed COMMIT is never used again.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use onboarding::Policy;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::presence::Presence;
use super::{GroupCommit, WatchOfCommits, log, open};
#[cfg(feature = "break-points")]
use crate::break_point;
use crate::{StoreError, snapshot};

/// How many writes may wait, and how many one transaction takes.
pub(super) const BATCH_WRITES_MAX: usize = 256;

/// A transaction takes no further write once it has this many bytes of personal data.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// After so many transactions the writer looks whether the log holds destroyed data. An idle
/// worker looks for work four times a second, so it comes to this about four times a minute; one
/// that waits for a closed provider comes to it with whatever else is written.
pub(super) const TRANSACTIONS_A_LOOK: u32 = 64;

/// Something to be written, whole or not at all. It may be run again after a failed
/// transaction, so it keeps nothing from one run to the next.
pub(super) trait Write: Send + Sync + 'static {
    /// What the caller learns once it is on disk.
    type Answer: Send + 'static;

    /// Writes it.
    fn run(&self, tx: &mut Tx) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;

    /// How many bytes of personal data it carries.
    fn bytes(&self) -> usize {
        0
    }
}

/// The transaction that a write is part of.
pub(super) struct Tx {
    pub conn: SqliteConnection,
    pub policy: Arc<Policy>,
    /// Written with each row, so that after a failed COMMIT a look tells whether it is stored.
    pub commit_id: i64,
    /// The key of an onboarding whose row has the commit id, if one was written.
    pub mark: Option<i64>,
    /// Whether destroyed data has to leave the write-ahead log before anyone is answered.
    pub empty_log: bool,
    policy_key: Option<i64>,
    /// How many rows had been changed on its connection before.
    changed_before: i64,
    /// When it began. It decides nothing: whoever watches is told how long it took.
    began: Instant,
}

impl Tx {
    /// The key of the policy under which this process applies events.
    pub async fn policy_key(&mut self) -> Result<i64, sqlx::Error> {
        if let Some(key) = self.policy_key {
            return Ok(key);
        }
        let policy = snapshot::write(&*self.policy);
        sqlx::query("insert into policies (policy) values (?1) on conflict do nothing")
            .bind(policy.as_str())
            .execute(&mut self.conn)
            .await?;
        let key = sqlx::query_scalar("select key from policies where policy = ?1")
            .bind(policy)
            .fetch_one(&mut self.conn)
            .await?;
        self.policy_key = Some(key);
        Ok(key)
    }
}

/// Where the answer to a write will come.
pub(super) type Answered<A> = oneshot::Receiver<Result<A, StoreError>>;

/// A write that someone waits for.
struct Waiting<W: Write> {
    write: W,
    answer: Option<Result<W::Answer, StoreError>>,
    reply: oneshot::Sender<Result<W::Answer, StoreError>>,
}

/// A write to hand to the writer, and where its answer will come.
pub(super) fn ask<W: Write>(write: W) -> (Box<dyn Job>, Answered<W::Answer>) {
    let (reply, answered) = oneshot::channel();
    (Box::new(Waiting { write, answer: None, reply }), answered)
}

/// A [`Waiting`] of any kind of write.
pub(super) trait Job: Send {
    fn bytes(&self) -> usize;

    /// The name of its type.
    #[cfg(feature = "break-points")]
    fn name(&self) -> &'static str;

    /// Runs the write, keeps its answer, and says whether it succeeded.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

    /// Whether it failed by the store (a full disk, say), and not by what is in it.
    fn is_refused_by_the_store(&self) -> bool;

    /// Answers whoever waits, once it is known what became of the transaction.
    fn settle(self: Box<Self>, outcome: &Outcome);
}

impl<W: Write> Job for Waiting<W> {
    fn bytes(&self) -> usize {
        self.write.bytes()
    }

    #[cfg(feature = "break-points")]
    fn name(&self) -> &'static str {
        let path = std::any::type_name::<W>();
        path.rsplit_once("::").map_or(path, |(_, name)| name)
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async move { self.answer.insert(caught(self.write.run(tx)).await).is_ok() })
    }

    fn is_refused_by_the_store(&self) -> bool {
        let Some(Err(StoreError::Unavailable(source))) = &self.answer else { return false };
        let refused = source.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
        !refused.and_then(|error| error.code()).is_some_and(|code| is_of_content(&code))
    }

    fn settle(self: Box<Self>, outcome: &Outcome) {
        let answer = match outcome {
            Outcome::Stored | Outcome::Spoiled => {
                self.answer.expect("each write ran before its transaction ended so")
            }
            Outcome::NotBegun(error) | Outcome::NotStored(error) => {
                Err(StoreError::Unavailable(Box::new(Arc::clone(error))))
            }
            Outcome::Unknown(error) => Err(StoreError::Unknown(Box::new(Arc::clone(error)))),
        };
        // Whoever asked may have gone away; what is stored stays stored.
        let _ = self.reply.send(answer);
    }
}

/// What became of a transaction.
pub(super) enum Outcome {
    /// It is on disk.
    Stored,
    /// One of its writes failed, and nothing is stored.
    Spoiled,
    /// It could not begin, whatever was to be written.
    NotBegun(Shared),
    /// COMMIT failed, and nothing is stored.
    NotStored(Shared),
    /// COMMIT failed, and nobody can tell.
    Unknown(Shared),
}

/// An error that several writes are answered with.
type Shared = Arc<dyn Error + Send + Sync>;

/// The task that writes.
pub(super) struct Writer {
    pub options: SqliteConnectOptions,
    /// The file that the store opened, and no other one, is written.
    pub presence: Arc<Presence>,
    pub policy: Arc<Policy>,
    /// None after a failure, until the next transaction opens a new one.
    pub conn: Option<SqliteConnection>,
    /// How many rows were ever changed on it, as far as that was asked.
    pub rows_changed: Option<i64>,
    /// How many transactions there were since the last look at the log.
    pub transactions: u32,
    pub waiting: mpsc::Receiver<Box<dyn Job>>,
    /// Who is told of each transaction.
    pub watched: Arc<WatchOfCommits>,
}

impl Writer {
    /// Writes until nobody can ask for more.
    pub async fn run(mut self) {
        while let Some(first) = self.waiting.recv().await {
            let batch = self.gather(first);
            self.write(batch).await;
            if self.transactions >= TRANSACTIONS_A_LOOK {
                self.empty_log().await;
            }
        }
    }

    pub(super) fn gather(&mut self, first: Box<dyn Job>) -> Vec<Box<dyn Job>> {
        let mut bytes = first.bytes();
        let mut batch = vec![first];
        while batch.len() < BATCH_WRITES_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(job) = self.waiting.try_recv() else { break };
            bytes += job.bytes();
            batch.push(job);
        }
        batch
    }

    /// Writes all in one transaction; if that fails by what is in it, each in its own, so that
    /// no write can spoil its neighbours.
    pub(super) async fn write(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let outcome = self.with_tx_watched(&mut batch).await;
        let divide = matches!(outcome, Outcome::Spoiled | Outcome::NotStored(_));
        if !divide || batch.len() == 1 {
            return batch.into_iter().for_each(|job| job.settle(&outcome));
        }
        for mut job in batch {
            let outcome = self.with_tx_watched(std::slice::from_mut(&mut job)).await;
            job.settle(&outcome);
        }
    }

    async fn with_tx_watched(&mut self, jobs: &mut [Box<dyn Job>]) -> Outcome {
        let (outcome, changed_in) = self.with_tx(jobs).await;
        let told = match (&outcome, changed_in) {
            (Outcome::Stored, Some(took)) => Some(GroupCommit::Stored { writes: jobs.len(), took }),
            // Most looks for work find none.
            (Outcome::Stored, None) => None,
            (Outcome::Spoiled, _) => match &jobs[..] {
                [alone] if alone.is_refused_by_the_store() => Some(GroupCommit::Failed),
                // By what is in it; or each is tried alone.
                _ => None,
            },
            (Outcome::NotBegun(_) | Outcome::NotStored(_) | Outcome::Unknown(_), _) => {
                Some(GroupCommit::Failed)
            }
        };
        if let (Some(tell), Some(told)) = (self.watched.get(), told) {
            tell(told);
        }
        outcome
    }

    /// The one way in which anything is written; and how long it took from BEGIN to the answer to
    /// COMMIT, if any row was changed.
    async fn with_tx(&mut self, jobs: &mut [Box<dyn Job>]) -> (Outcome, Option<Duration>) {
        let mut tx = match self.begin().await {
            Ok(tx) => tx,
            Err(error) => return (Outcome::NotBegun(error), None),
        };
        for job in jobs.iter_mut() {
            if !job.run(&mut tx).await {
                close(tx.conn).await;
                return (Outcome::Spoiled, None);
            }
        }
        let changed_after = match rows_changed(&mut tx.conn).await {
            Ok(rows) => rows,
            Err(error) => {
                close(tx.conn).await;
                return (Outcome::NotStored(Arc::new(error)), None);
            }
        };
        let has_changed = changed_after != tx.changed_before;
        #[cfg(feature = "break-points")]
        let point = break_point_of(jobs, tx.mark);
        let committed = execute(&mut tx.conn, "commit");
        #[cfg(feature = "break-points")]
        let committed = break_point::around(point, break_point::failure, committed);
        let committed = committed.await;
        let changed_in = has_changed.then(|| tx.began.elapsed());
        if let Err(error) = committed {
            close(tx.conn).await;
            return (self.clear_up(Arc::new(error), tx.mark, tx.commit_id).await, changed_in);
        }
        if let Err(error) = self.presence.check() {
            close(tx.conn).await;
            return (Outcome::Unknown(Arc::new(error)), changed_in);
        }
        self.conn = Some(tx.conn);
        self.rows_changed = Some(changed_after);
        self.transactions += 1;
        if tx.empty_log {
            self.empty_log().await;
        }
        (Outcome::Stored, changed_in)
    }

    async fn empty_log(&mut self) {
        self.transactions = 0;
        log::empty_if_it_holds_destroyed(&self.options).await;
    }

    async fn begin(&mut self) -> Result<Tx, Shared> {
        self.presence.check().map_err(|error| Arc::new(error) as Shared)?;
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                open::connect(&self.options).await.map_err(|error| Arc::new(error) as Shared)?
            }
        };
        let changed_before = match self.rows_changed.take() {
            Some(rows) => Ok(rows),
            None => rows_changed(&mut conn).await,
        };
        let changed_before = match changed_before {
            Ok(rows) => rows,
            Err(error) => {
                close(conn).await;
                return Err(Arc::new(error));
            }
        };
        let began = Instant::now();
        if let Err(error) = execute(&mut conn, "begin immediate").await {
            close(conn).await;
            return Err(Arc::new(error));
        }
        Ok(Tx {
            conn,
            policy: Arc::clone(&self.policy),
            commit_id: Uuid::new_v4().as_u64_pair().0.cast_signed(),
            mark: None,
            empty_log: false,
            policy_key: None,
            changed_before,
            began,
        })
    }

    /// After a COMMIT that failed: it may be stored all the same, and a look tells.
    pub(super) async fn clear_up(
        &mut self,
        error: Shared,
        mark: Option<i64>,
        commit_id: i64,
    ) -> Outcome {
        // A transaction without a mark wrote nothing that may not be written twice.
        let Some(key) = mark else { return Outcome::NotStored(error) };
        if let Err(gone) = self.presence.check() {
            return Outcome::Unknown(Arc::new(gone));
        }
        let Ok(mut conn) = open::connect(&self.options).await else {
            return Outcome::Unknown(error);
        };
        let stored = is_stored(&mut conn, key, commit_id);
        #[cfg(feature = "break-points")]
        let stored = break_point::around("is-stored", break_point::failure, stored);
        let outcome = match stored.await {
            Ok(true) => Outcome::Stored,
            Ok(false) => Outcome::NotStored(error),
            Err(_) => Outcome::Unknown(error),
        };
        self.conn = Some(conn);
        outcome
    }
}

/// Whether a transaction that wrote to the onboarding `key` is stored. Another process may
/// have written to the row since, but nobody overwrites history.
async fn is_stored(
    conn: &mut SqliteConnection,
    key: i64,
    commit_id: i64,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select 1 from onboardings where key = ?1 and commit_id = ?2) \
         or exists (select 1 from history where onboarding_key = ?1 and commit_id = ?2)",
    )
    .bind(key)
    .bind(commit_id)
    .fetch_one(conn)
    .await
}

/// A defect in one write ends neither the writer nor what waits beside it. Its place is told by
/// the panic itself.
async fn caught<A>(running: impl Future<Output = Result<A, StoreError>>) -> Result<A, StoreError> {
    let mut running = pin!(running);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| {
            let stopped = "a defect stopped this write; report it with the place in the log";
            Poll::Ready(Err(StoreError::Unavailable(stopped.into())))
        })
    })
    .await
}

/// Whether this code of SQLite's says that a constraint does not hold (19), or that a value is too
/// large (18).
fn is_of_content(code: &str) -> bool {
    code.parse().is_ok_and(|code: u32| matches!(code & 0xff, 18 | 19))
}

/// How many rows were ever changed on a connection.
async fn rows_changed(conn: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select total_changes()").fetch_one(conn).await
}

async fn execute(conn: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(conn).await.map(drop)
}

/// The point of a transaction. One that only looked for work and found none changes nothing, so
/// that it has a name of its own, under which nothing is ever broken.
#[cfg(feature = "break-points")]
fn break_point_of(jobs: &[Box<dyn Job>], mark: Option<i64>) -> &'static str {
    const LOOK: &str = "ClaimRequest";
    let beside_looks = jobs.iter().map(|job| job.name()).find(|name| *name != LOOK);
    beside_looks.unwrap_or(if mark.is_some() { LOOK } else { "idle" })
}

/// Closes a connection that failed; SQLite rolls back. How that goes changes nothing.
async fn close(conn: SqliteConnection) {
    let _ = conn.close().await;
}
