//! The store below the faults: the one in memory, or the real one in an SQLite file. Each
//! operation is awaited to its end before anything else happens, so that a seed gives the
//! same history over either.

use std::fs::OpenOptions;
use std::future::Future;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use onboarding::{OnboardingId, Policy};
use store::{HistoryRow, MemoryStore, SqliteStore, StoreError, Stored};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Which store a history is made over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreKind {
    /// The one in memory.
    #[default]
    Memory,
    /// The one in an SQLite file.
    Sqlite,
}

impl StoreKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Memory, Self::Sqlite];

    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
        }
    }

    /// The kind that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Where a history is stored, for processes to open.
pub(crate) enum Base {
    Memory(MemoryStore),
    Sqlite(Arc<Database>),
}

/// The store as one process opened it; a crash drops its connections. Clones are the same
/// process's.
#[derive(Clone)]
pub(crate) enum Opened {
    Memory(MemoryStore),
    Sqlite(Arc<Connected>),
}

/// What a process is to the store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one process that makes calls.
    OnlyWorker,
    /// Any other.
    Beside,
}

pub(crate) struct Connected {
    pub(crate) store: SqliteStore,
    pub(crate) database: Arc<Database>,
}

pub(crate) struct Database {
    url: String,
    /// One thread drives it, while one operation is awaited and at no other time.
    pub(crate) runtime: Runtime,
    folder: TempDir,
}

/// Awaits an operation of a store that was opened to its end, before anything else happens.
macro_rules! ask {
    ($opened:expr, $method:ident($($argument:expr),*)) => {
        match $opened {
            $crate::base::Opened::Memory(store) => {
                $crate::base::at_once(store::Store::$method(store, $($argument),*))
            }
            $crate::base::Opened::Sqlite(connected) => {
                let runtime = &connected.database.runtime;
                runtime.block_on(store::Store::$method(&connected.store, $($argument),*))
            }
        }
    };
}
pub(crate) use ask;

/// What becomes of a future that waits for nothing.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("this waits for nothing"),
    }
}

impl Base {
    pub(crate) fn new(kind: StoreKind) -> Self {
        match kind {
            StoreKind::Memory => Self::Memory(MemoryStore::new(Policy::default())),
            StoreKind::Sqlite => Self::Sqlite(Arc::new(Database::new())),
        }
    }

    pub(crate) fn open(&self, policy: Policy, role: Role) -> Opened {
        match (self, role) {
            (Self::Memory(store), Role::OnlyWorker) => {
                Opened::Memory(store.for_only_worker(policy))
            }
            (Self::Memory(store), Role::Beside) => Opened::Memory(store.with_policy(policy)),
            (Self::Sqlite(database), _) => {
                let opened = match role {
                    Role::OnlyWorker => database
                        .runtime
                        .block_on(SqliteStore::open_for_worker(&database.url, policy)),
                    Role::Beside => {
                        database.runtime.block_on(SqliteStore::open(&database.url, policy))
                    }
                };
                let store = opened.expect("the file is in a folder of its own");
                Opened::Sqlite(Arc::new(Connected { store, database: Arc::clone(database) }))
            }
        }
    }
}

impl Opened {
    pub(crate) fn policy(&self) -> &Policy {
        match self {
            Self::Memory(store) => store::Store::policy(store),
            Self::Sqlite(connected) => store::Store::policy(&connected.store),
        }
    }

    /// An onboarding, and what happened to it after a version.
    pub(crate) fn load_with_history(
        &self,
        id: OnboardingId,
        after_version: u64,
    ) -> Result<Option<(Stored, Vec<HistoryRow>)>, StoreError> {
        match self {
            Self::Memory(_) => {
                let Some(stored) = ask!(self, load(id))? else { return Ok(None) };
                Ok(Some((stored, ask!(self, history(id, after_version, usize::MAX))?)))
            }
            Self::Sqlite(connected) => {
                let runtime = &connected.database.runtime;
                runtime.block_on(connected.store.load_with_history(id, after_version))
            }
        }
    }

    /// Makes an onboarding's row unreadable.
    pub(crate) fn damage(&self, id: OnboardingId) {
        match self {
            Self::Memory(store) => store.damage(id),
            Self::Sqlite(connected) => {
                let damaged = connected.database.runtime.block_on(connected.store.damage(id));
                damaged.expect("the row can be written");
            }
        }
    }
}

/// In memory where the machine has a file system there: what the disk does is not tried here.
const MEMORY_FOLDER: &str = "/dev/shm";
/// The database's file in its folder.
const FILE: &str = "gangway.db";
/// What SQLite keeps beside it until the next process comes.
const LOG: &str = "gangway.db-wal";

impl Database {
    /// A new database with the schema, as a copy of one that was migrated: what the migrations
    /// do is tried elsewhere.
    fn new() -> Self {
        let database = Self::empty();
        let template = TEMPLATE.get_or_init(template);
        for (name, bytes) in template {
            let path = database.folder.path().join(name);
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let written = file.and_then(|mut file| file.write_all(bytes));
            written.expect("a file can be made in a folder of its own");
        }
        database
    }

    fn empty() -> Self {
        let in_memory = Path::new(MEMORY_FOLDER);
        let folder = if in_memory.is_dir() { in_memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("simulation-").tempdir_in(folder);
        let folder = folder.expect("a folder for the database can be made");
        let runtime = Builder::new_current_thread().enable_time().build();
        Self {
            url: format!("sqlite:{}", folder.path().join(FILE).display()),
            runtime: runtime.expect("a runtime without input and output needs nothing"),
            folder,
        }
    }
}

/// The files of a database that was opened once, by name.
type Template = Vec<(&'static str, Vec<u8>)>;

static TEMPLATE: OnceLock<Template> = OnceLock::new();

fn template() -> Template {
    let database = Database::empty();
    let opened = database.runtime.block_on(SqliteStore::open(&database.url, Policy::default()));
    let opened = opened.expect("the file is in a folder of its own");
    // Nobody writes to it, so what is there now fits together.
    let read = |name| std::fs::read(database.folder.path().join(name)).map(|bytes| (name, bytes));
    let files = [FILE, LOG].map(|name| read(name).expect("SQLite keeps both while it is open"));
    drop(opened);
    files.into()
}
