//! The store in one SQLite file. Several processes may write; one of them may be the worker.

mod api;
mod check;
mod claim;
mod commit;
mod deliveries;
mod digests;
mod endpoints;
mod figures;
mod log;
mod notes;
mod notifications;
mod open;
mod paces;
mod personal;
mod presence;
mod replay;
mod rows;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use onboarding::{DocumentType, Lane, OnboardingId, Policy, State, Timestamp, UserLocator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use api::{Answered, ApiKey, Remember};
pub use check::{CheckedPage, Damage, StoreCheck};
pub use figures::{
    CensusPage, Change, Changes, Figures, GroupCommit, QueueFigures, WANTED_WITHIN_MS,
};
pub use open::{OpenError, path_of, worker_is_running};

use crate::{
    ClaimRequest, Claims, Commit, Committed, DocumentContent, DocumentDigest, HistoryRow,
    ListRequest, NotesDue, Notified, ProfileContent, ProviderGate, Store, StoreError, Stored,
    StoredTask, TaskRequest, WalletContent,
};
use personal::Whose;
use presence::Presence;
use writer::{BATCH_WRITES_MAX, Job, Tx, Write, Writer, ask};

/// How many reads go on at once.
const READERS: u32 = 4;

/// The store in one SQLite file.
pub struct SqliteStore {
    policy: Arc<Policy>,
    path: PathBuf,
    readers: SqlitePool,
    /// The file that is read: of another one, nothing is told.
    presence: Arc<Presence>,
    writes: mpsc::Sender<Box<dyn Job>>,
    commits_watched: Arc<WatchOfCommits>,
    /// The writer; it ends with the store.
    _writer: JoinSet<()>,
    /// Held by the one worker, for as long as it lives.
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the store for reading, and for changes beside a worker. Creates it if there is none.
    ///
    /// # Errors
    /// When it can't be opened; the text says what to do.
    pub async fn open(url: &str, policy: Policy) -> Result<Self, OpenError> {
        let path = path_of(url)?;
        Self::open_with(&open::options(&path), policy, Role::Beside).await
    }

    /// Opens the store for the worker. There can be only one, so work that was claimed before
    /// can be claimed again at once.
    ///
    /// # Errors
    /// When it can't be opened, or another worker runs on it; the text says what to do.
    pub async fn open_for_worker(url: &str, policy: Policy) -> Result<Self, OpenError> {
        let path = path_of(url)?;
        let store = Self::open_with(&open::options(&path), policy, Role::Worker).await?;
        let voided = store.write(claim::VoidLeases).await;
        voided.map_err(|error| OpenError::Database { path, source: Box::new(error) })?;
        Ok(store)
    }

    async fn open_with(
        options: &SqliteConnectOptions,
        policy: Policy,
        role: Role,
    ) -> Result<Self, OpenError> {
        let path = options.get_filename();
        presence::refuse_to_replace(path)?;
        // An older worker has to be gone before the schema is changed. Who holds the lock has a
        // database, though, so one that is empty was cut off: a new one is locked later.
        let is_new = path.metadata().map_or(true, |file| file.len() == 0);
        let mut lock = match role {
            Role::Worker if !is_new => Some(open::lock_for_worker(path).await?),
            Role::Worker | Role::Beside => None,
        };
        open::create_file(path)?;
        let mut conn = open::connect(options).await?;
        open::migrate(&mut conn, path, role).await?;
        if role == Role::Worker && lock.is_none() {
            lock = Some(open::lock_for_worker(path).await?);
        }
        let presence = Arc::new(Presence::of(path)?);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().read_only(true));
        let policy = Arc::new(policy);
        let (writes, waiting) = mpsc::channel(BATCH_WRITES_MAX);
        let commits_watched = Arc::new(WatchOfCommits::new());
        let mut writer = JoinSet::new();
        writer.spawn(
            Writer {
                options: options.clone(),
                presence: Arc::clone(&presence),
                policy: Arc::clone(&policy),
                conn: Some(conn),
                rows_changed: None,
                transactions: 0,
                waiting,
                watched: Arc::clone(&commits_watched),
            }
            .run(),
        );
        let path = path.to_owned();
        let (_writer, _lock) = (writer, lock);
        Ok(Self { policy, path, readers, presence, writes, commits_watched, _writer, _lock })
    }

    /// Makes a row unreadable, as a bad disk does, until its next change replaces it.
    ///
    /// # Errors
    /// When it can't be written.
    #[cfg(feature = "damage")]
    pub async fn damage(&self, id: OnboardingId) -> Result<(), StoreError> {
        self.write(rows::Damage(id)).await
    }

    /// Does to the file what nothing here would do: damages rows, whatever is to hold of them, or
    /// has SQLite refuse writes.
    ///
    /// # Errors
    /// When it can't be done.
    #[cfg(feature = "damage")]
    pub async fn spoil(&self, sql: &'static str) -> Result<(), StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .foreign_keys(false)
            .pragma("ignore_check_constraints", "on");
        let mut conn = sqlx::ConnectOptions::connect(&options).await?;
        sqlx::raw_sql(sql).execute(&mut conn).await?;
        Ok(())
    }

    /// An onboarding and what happened to it after a version, of one moment: whoever follows
    /// every change needs both, and most of what two reads take is their transactions.
    ///
    /// # Errors
    /// When they can't be read.
    #[cfg(feature = "damage")]
    pub async fn load_with_history(
        &self,
        id: OnboardingId,
        after_version: u64,
    ) -> Result<Option<(Stored, Vec<HistoryRow>)>, StoreError> {
        let mut moment = self.moment().await?;
        let Some(key) = rows::key_of(&mut moment, id).await? else { return Ok(None) };
        let stored = rows::stored(&mut moment, key).await?;
        let rows = rows::history(&mut moment, (key, id), after_version, usize::MAX).await?;
        Ok(Some((stored, rows)))
    }

    async fn write<W: Write>(&self, write: W) -> Result<W::Answer, StoreError> {
        let (job, answered) = ask(write);
        self.writes.send(job).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// For one statement, which is a moment by itself.
    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.check_presence()?;
        Ok(self.readers.acquire().await?)
    }

    /// One moment of the store: what is read from it fits together.
    async fn moment(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.check_presence()?;
        Ok(self.readers.begin().await?)
    }

    fn check_presence(&self) -> Result<(), StoreError> {
        self.presence.check().map_err(|gone| StoreError::Unavailable(Box::new(gone)))
    }
}

/// Who is told of each group commit.
type WatchOfCommits = OnceLock<Box<dyn Fn(GroupCommit) + Send + Sync>>;

/// What a process is to the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The one that makes the calls.
    Worker,
    /// Any other.
    Beside,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl Store for SqliteStore {
    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn find(&self, user: &UserLocator) -> Result<Option<Stored>, StoreError> {
        rows::found(&mut *self.reader().await?, Whose::User(user)).await
    }

    async fn load(&self, id: OnboardingId) -> Result<Option<Stored>, StoreError> {
        rows::found(&mut *self.reader().await?, Whose::Id(id)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        commit.assert_without_gaps();
        self.write(commit).await
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        self.write(request).await
    }

    async fn slow_down(
        &self,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(paces::SlowDown { lane, now, until }).await
    }

    async fn provider_gate(&self) -> Result<ProviderGate, StoreError> {
        paces::gate(&mut *self.reader().await?).await
    }

    async fn set_provider_gate(
        &self,
        gate: ProviderGate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(paces::SetGate { gate, now }).await
    }

    async fn profile(&self, id: OnboardingId) -> Result<Option<ProfileContent>, StoreError> {
        let mut moment = self.moment().await?;
        match rows::key_of(&mut moment, id).await? {
            Some(key) => personal::profile(&mut moment, key).await,
            None => Ok(None),
        }
    }

    async fn profiles(
        &self,
        ids: &[OnboardingId],
    ) -> Result<BTreeMap<OnboardingId, ProfileContent>, StoreError> {
        personal::profiles(&mut *self.reader().await?, ids).await
    }

    async fn document_content(
        &self,
        id: OnboardingId,
        document_type: &DocumentType,
    ) -> Result<Option<DocumentContent>, StoreError> {
        let mut moment = self.moment().await?;
        match rows::key_of(&mut moment, id).await? {
            Some(key) => personal::document_content(&mut moment, key, document_type).await,
            None => Ok(None),
        }
    }

    async fn wallets(&self, id: OnboardingId) -> Result<Vec<WalletContent>, StoreError> {
        let mut moment = self.moment().await?;
        match rows::key_of(&mut moment, id).await? {
            Some(key) => personal::wallets(&mut moment, key).await,
            None => Ok(Vec::new()),
        }
    }

    async fn digest_key(&self) -> Result<[u8; 32], StoreError> {
        digests::key(&mut *self.reader().await?).await
    }

    async fn document_digests(
        &self,
        id: OnboardingId,
    ) -> Result<BTreeMap<DocumentType, DocumentDigest>, StoreError> {
        let mut moment = self.moment().await?;
        match rows::key_of(&mut moment, id).await? {
            Some(key) => digests::of(&mut moment, key).await,
            None => Ok(BTreeMap::new()),
        }
    }

    async fn same_file(
        &self,
        digest: DocumentDigest,
        except: OnboardingId,
    ) -> Result<Vec<OnboardingId>, StoreError> {
        digests::same_file(&mut *self.moment().await?, digest, except).await
    }

    async fn list(&self, request: ListRequest) -> Result<Vec<Stored>, StoreError> {
        rows::list(&mut *self.moment().await?, request).await
    }

    async fn counts(&self) -> Result<BTreeMap<State, u64>, StoreError> {
        rows::counts(&mut *self.reader().await?).await
    }

    async fn tasks(&self, request: TaskRequest) -> Result<Vec<StoredTask>, StoreError> {
        rows::tasks(&mut *self.moment().await?, request).await
    }

    async fn notes_due(&self, now: Timestamp, limit: usize) -> Result<NotesDue, StoreError> {
        // Mostly nothing is due, and then nothing is to be written.
        let next_at = notes::next_at(&mut *self.moment().await?, None).await?;
        match next_at {
            Some(at) if at <= now => self.write(notes::DueNotes { now, limit }).await,
            next_at => Ok(NotesDue { due: Vec::new(), next_at }),
        }
    }

    async fn history(
        &self,
        id: OnboardingId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let mut moment = self.moment().await?;
        match rows::key_of(&mut moment, id).await? {
            Some(key) => rows::history(&mut moment, (key, id), after_version, limit).await,
            None => Ok(Vec::new()),
        }
    }

    async fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<Notified>, StoreError> {
        notifications::after(&mut *self.moment().await?, seq, limit).await
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        self.write(CheckWritable).await
    }
}

/// SQLite opens a file on a read-only disk without complaint, so only a write proves anything.
struct CheckWritable;

impl Write for CheckWritable {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query("insert or replace into write_checks (singleton, commit_id) values (1, ?1)")
            .bind(tx.commit_id)
            .execute(&mut tx.conn)
            .await?;
        Ok(())
    }
}
