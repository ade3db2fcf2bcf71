//! Opening the database: the file and its mode, the worker's lock, the connection's settings
//! (asserted, not assumed) and the migrations.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};
use tracing::warn;

use super::Role;
#[cfg(feature = "break-points")]
use crate::break_point;

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not SQLite's, or not a plain path.
    #[error(
        "this store's URL is not understood; write sqlite:PATH, for example sqlite:gangway.db, \
         without parameters"
    )]
    Url,
    /// The folder is missing.
    #[error("there is no folder {path}; create it, or set another store.url")]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The path is a folder's.
    #[error("{path} is a folder; name a file in it, such as {path}/gangway.db")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file or the lock beside it can't be made or opened.
    #[error(
        "{path} can't be opened; check that this user may read and write it, and its folder, too"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{path} is not a database of Gangway's; set another store.url, or move the file away")]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// It was removed, replaced or cut off, and something of the old one is left.
    #[error(
        "the database {path} was removed, replaced or cut off; nothing is written any more. Stop \
         `gangway serve`, put the file back or restore a backup; to begin anew, move \
         {path}-wal away, too"
    )]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// A newer version wrote it.
    #[error(
        "{path} was written by a newer version of Gangway; install that version or a later one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// An older worker runs on it, which would not understand what is written from then on.
    #[error(
        "{path} is to be brought to this release's schema, and a `gangway serve` of an older \
         release runs on it; stop that one first, then start this release's"
    )]
    OlderWorkerRunning {
        /// The database.
        path: PathBuf,
    },
    /// Another worker runs on it.
    #[error(
        "another `gangway serve` runs on {path}; stop that one first, or let it do the work \
         (the other commands can be used beside it)"
    )]
    WorkerRunning {
        /// The database.
        path: PathBuf,
    },
    /// SQLite does not do what durability needs.
    #[error(
        "SQLite's {setting} is {found}, but the store needs {needed}; use an official build of Gangway on a local disk"
    )]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        needed: &'static str,
    },
    /// SQLite failed.
    #[error("the database {path} can't be used; check the disk's space and health, then try again")]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How long a write waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The log shrinks to this when it begins anew after all of it was brought into the database. A
/// reader that took long may have made it grow; without a limit it would stay so large for ever,
/// and nobody could tell whether it still grows.
const LOG_BYTES_KEPT: u32 = 64 * 1024 * 1024;

/// The first release without the bug that corrupts a WAL under two connections.
const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

/// The file that a URL names: `sqlite:PATH`, `sqlite://PATH`, or a bare path.
///
/// # Errors
/// When it names another kind of database, or none that is in a file, or has parameters.
pub fn path_of(url: &str) -> Result<PathBuf, OpenError> {
    let path = match url.strip_prefix("sqlite:") {
        // Whoever writes them expects them to be heeded.
        Some(rest) if rest.contains('?') => return Err(OpenError::Url),
        Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
        None if url.contains("://") => return Err(OpenError::Url),
        None => url,
    };
    if path.contains(":memory:") {
        return Err(OpenError::Url);
    }
    // SQLite would take a path that starts with `file:` for a URL; an absolute one never does.
    std::path::absolute(path).map_err(|_| OpenError::Url)
}

/// How every connection that writes is set up.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("secure_delete", "on")
        .pragma("journal_size_limit", LOG_BYTES_KEPT.to_string())
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Creates the file where there is none, readable by its owner alone. SQLite gives the files
/// that it puts beside it the same mode.
pub(super) fn create_file(path: &Path) -> Result<(), OpenError> {
    let folder = path.parent().unwrap_or(path);
    if !folder.is_dir() {
        return Err(OpenError::NoFolder { path: folder.to_owned() });
    }
    if path.is_dir() {
        return Err(OpenError::Folder { path: path.to_owned() });
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            warn_if_others_can_read(path);
            Ok(())
        }
        Err(source) => Err(OpenError::File { path: path.to_owned(), source }),
    }
}

/// A wider mode may be meant, say for a group of operators, so it is not changed.
fn warn_if_others_can_read(path: &Path) {
    let others = std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    if others {
        warn!(
            path = %path.display(),
            "the database holds personal data and can be read by other users of this machine; chmod 600 it"
        );
    }
}

/// Whether a worker runs on the database that `url` names. Whoever asks never gets into the
/// way of a worker that starts: it tries again while this looks.
///
/// # Errors
/// When nobody can tell, as the lock can't be opened.
pub fn worker_is_running(url: &str) -> Result<bool, OpenError> {
    worker_runs_on(&path_of(url)?)
}

fn worker_runs_on(path: &Path) -> Result<bool, OpenError> {
    let lock_path = lock_path(path);
    let file_error = |source| OpenError::File { path: lock_path.clone(), source };
    let file = match File::open(&lock_path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(file_error(source)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(file_error(source)),
    }
}

/// Whether a worker surely has the database.
pub(super) fn is_locked_by_worker(path: &Path) -> bool {
    worker_runs_on(path).unwrap_or(false)
}

/// How long the write-ahead log is.
pub(super) fn log_bytes(path: &Path) -> u64 {
    beside(path, "-wal").metadata().map_or(0, |file| file.len())
}

fn lock_path(path: &Path) -> PathBuf {
    beside(path, ".lock")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// How often the worker's lock is tried, and the pause between two tries: longer than anyone
/// looks who only asks whether a worker runs.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock that makes this process the only worker. It ends with the process.
pub(super) async fn lock_for_worker(path: &Path) -> Result<File, OpenError> {
    for _ in 1..LOCK_TRIES {
        match try_lock_for_worker(path) {
            Err(OpenError::WorkerRunning { .. }) => tokio::time::sleep(LOCK_PAUSE).await,
            outcome => return outcome,
        }
    }
    try_lock_for_worker(path)
}

fn try_lock_for_worker(path: &Path) -> Result<File, OpenError> {
    let lock_path = lock_path(path);
    let file_error = |source| OpenError::File { path: lock_path.clone(), source };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(file_error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::WorkerRunning { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(file_error(source)),
    }
}

/// A connection that writes, set up and checked.
pub(super) async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, OpenError> {
    let path = options.get_filename();
    let mut tries = 1;
    let mut conn = loop {
        match options.connect().await {
            Err(error) if is_locked(&error) && tries < CONNECT_TRIES => tries += 1,
            outcome => break outcome.map_err(|error| database_error(path, error))?,
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    };
    assert_settings(&mut conn, path).await?;
    Ok(conn)
}

/// Processes that switch a new file to WAL at once find it locked, and SQLite does not wait
/// its busy time-out for that switch.
const CONNECT_TRIES: u32 = 100;
const CONNECT_PAUSE: Duration = Duration::from_millis(20);

fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    // SQLITE_BUSY, with any of its extended codes.
    code.and_then(|code| code.parse::<i64>().ok()).is_some_and(|code| code & 0xff == 5)
}

async fn assert_settings(conn: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let (version, journal_mode, synchronous, foreign_keys, secure_delete): (
        String,
        String,
        i64,
        i64,
        i64,
    ) = sqlx::query_as(
        "select sqlite_version(), journal_mode, synchronous, foreign_keys, secure_delete \
         from pragma_journal_mode, pragma_synchronous, pragma_foreign_keys, pragma_secure_delete",
    )
    .fetch_one(conn)
    .await
    .map_err(|error| database_error(path, error))?;
    let settings = [
        ("version", version.clone(), "3.51.3 or later", is_sound(&version)),
        ("journal_mode", journal_mode.clone(), "wal", journal_mode == "wal"),
        ("synchronous", synchronous.to_string(), "2 (full)", synchronous == 2),
        ("foreign_keys", foreign_keys.to_string(), "1", foreign_keys == 1),
        ("secure_delete", secure_delete.to_string(), "1", secure_delete == 1),
    ];
    match settings.into_iter().find(|(.., as_needed)| !as_needed) {
        Some((setting, found, needed, _)) => Err(OpenError::Setting { setting, found, needed }),
        None => Ok(()),
    }
}

fn is_sound(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next()) >= SQLITE_VERSION_MIN
}

/// Brings the schema up to date. A database that is up to date is not written, so that one on
/// a read-only disk can still be read; nor, by who is beside it, one that an older worker has.
pub(super) async fn migrate(
    conn: &mut SqliteConnection,
    path: &Path,
    role: Role,
) -> Result<(), OpenError> {
    let pending = pending_migrations(conn, path).await?;
    if pending.is_empty() {
        return Ok(());
    }
    let is_new = pending.len() == migrations().len();
    if role == Role::Beside && !is_new && is_locked_by_worker(path) {
        return Err(OpenError::OlderWorkerRunning { path: path.to_owned() });
    }
    // The write lock comes first: of two processes that find a new file, one waits.
    let begun = conn.begin_with("begin immediate").await;
    let mut tx = begun.map_err(|error| database_error(path, error))?;
    let pending = pending_migrations(&mut tx, path).await?;
    apply(&mut tx, &pending).await.map_err(|source| OpenError::Database {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let committed = tx.commit();
    #[cfg(feature = "break-points")]
    let committed = break_point::around("migrate", break_point::failure, committed);
    committed.await.map_err(|error| database_error(path, error))
}

async fn apply(conn: &mut SqliteConnection, pending: &[Migration]) -> Result<(), MigrateError> {
    conn.ensure_migrations_table(MIGRATIONS_TABLE).await?;
    for migration in pending {
        conn.apply(MIGRATIONS_TABLE, migration).await?;
    }
    Ok(())
}

/// The migrations that are still to be applied, if the database is one of ours.
async fn pending_migrations(
    conn: &mut SqliteConnection,
    path: &Path,
) -> Result<Vec<Migration>, OpenError> {
    let (tables, ours): (i64, bool) = sqlx::query_as(
        "select count(*), count(*) filter (where name = ?1) > 0 \
         from sqlite_schema where type = 'table'",
    )
    .bind(MIGRATIONS_TABLE)
    .fetch_one(&mut *conn)
    .await
    .map_err(|error| database_error(path, error))?;
    let mut migrations = migrations();
    if tables == 0 {
        return Ok(migrations);
    }
    if !ours {
        return Err(OpenError::NotOurs { path: path.to_owned() });
    }
    let applied: Vec<Vec<u8>> =
        sqlx::query_scalar("select checksum from _sqlx_migrations order by version")
            .fetch_all(conn)
            .await
            .map_err(|error| database_error(path, error))?;
    let known = applied.iter().zip(&migrations).all(|(one, ours)| *one == *ours.checksum);
    if !known {
        return Err(OpenError::NotOurs { path: path.to_owned() });
    }
    if applied.len() > migrations.len() {
        return Err(OpenError::Newer { path: path.to_owned() });
    }
    Ok(migrations.split_off(applied.len()))
}

/// Where sqlx keeps what was applied.
const MIGRATIONS_TABLE: &str = "_sqlx_migrations";

/// In order. They only grow: an applied one that was changed would not be known any more.
fn migrations() -> Vec<Migration> {
    [
        ("first", include_str!("../../../../migrations/sqlite/0001_first.sql")),
        ("schemas", include_str!("../../../../migrations/sqlite/0002_schemas.sql")),
        (
            "destroyed_in_log",
            include_str!("../../../../migrations/sqlite/0003_destroyed_in_log.sql"),
        ),
        ("notes", include_str!("../../../../migrations/sqlite/0004_notes.sql")),
        (
            "document_digests",
            include_str!("../../../../migrations/sqlite/0005_document_digests.sql"),
        ),
        ("rechecks", include_str!("../../../../migrations/sqlite/0006_rechecks.sql")),
        ("api", include_str!("../../../../migrations/sqlite/0007_api.sql")),
        ("notifications", include_str!("../../../../migrations/sqlite/0008_notifications.sql")),
        ("wallets", include_str!("../../../../migrations/sqlite/0009_wallets.sql")),
        ("portions", include_str!("../../../../migrations/sqlite/0010_portions.sql")),
    ]
    .into_iter()
    .zip(1..)
    .map(|((name, sql), version)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    })
    .collect()
}

/// SQLite's result codes for a file that is no database, and for one that can't be opened.
const SQLITE_NOTADB: &str = "26";
const SQLITE_CANTOPEN: &str = "14";

fn database_error(path: &Path, error: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        Some(SQLITE_NOTADB) => OpenError::NotOurs { path },
        Some(SQLITE_CANTOPEN) => OpenError::File { path, source: io::Error::other(error) },
        _ => OpenError::Database { path, source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_bare_paths_name_the_file() {
        for (url, path) in [
            ("sqlite:/var/lib/g.db", "/var/lib/g.db"),
            ("sqlite:///var/lib/g.db", "/var/lib/g.db"),
            ("/var/lib/file:g?.db", "/var/lib/file:g?.db"),
        ] {
            assert_eq!(path_of(url).unwrap(), Path::new(path), "{url}");
        }
        for relative in ["sqlite:g.db", "sqlite://g.db", "g.db"] {
            let path = path_of(relative).unwrap();
            assert!(path.is_absolute() && path.ends_with("g.db"), "{relative}");
        }
        for bad in ["postgres://host/db", "sqlite::memory:", "sqlite:", "sqlite:g.db?mode=ro"] {
            assert!(matches!(path_of(bad), Err(OpenError::Url)), "{bad}");
        }
    }

    #[test]
    fn versions_with_the_wal_bug_are_refused() {
        for (version, sound) in [
            ("3.51.3", true),
            ("3.52.0", true),
            ("4.0.0", true),
            ("3.51.2", false),
            ("3.9.9", false),
        ] {
            assert_eq!(is_sound(version), sound, "{version}");
        }
    }
}
