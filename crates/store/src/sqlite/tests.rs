//! What only the SQLite store promises: each line of the design's section on SQLite.

mod api;
mod check;
mod damage;
mod deliveries;
mod figures;
mod personal_data;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use onboarding::Event;
use sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::writer::Outcome;
use super::*;
use crate::conformance::{
    NOW, WORKER, at, begin, blank, change, claim, id, ids, more, passport, passport_added, profile,
    put, stored, user, wanted,
};

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("gangway.db")
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("gangway.db{suffix}"))
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.url(), Policy::default()).await.unwrap()
    }

    /// A connection past the store, such as another program's.
    async fn raw(&self) -> SqliteConnection {
        open::options(&self.path()).connect().await.unwrap()
    }

    async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut self.raw().await).await.unwrap();
    }
}

/// The store with options that make it fail.
async fn open_with(options: &SqliteConnectOptions) -> SqliteStore {
    SqliteStore::open_with(options, Policy::default(), Role::Beside).await.unwrap()
}

fn hold() -> Event {
    Event::Held { reason: "check".into() }
}

#[tokio::test]
async fn settings_that_lose_acknowledged_work_are_refused() {
    type Spoil = fn(SqliteConnectOptions) -> SqliteConnectOptions;
    let spoils: [(Spoil, &str); 4] = [
        (|options| options.synchronous(SqliteSynchronous::Normal), "synchronous"),
        (|options| options.journal_mode(SqliteJournalMode::Delete), "journal_mode"),
        (|options| options.foreign_keys(false), "foreign_keys"),
        (|options| options.pragma("secure_delete", "off"), "secure_delete"),
    ];
    for (spoil, setting) in spoils {
        let place = Place::new();
        let options = spoil(open::options(&place.path()));
        let refused = SqliteStore::open_with(&options, Policy::default(), Role::Beside).await.err();
        let Some(OpenError::Setting { setting: found, .. }) = refused else {
            panic!("{setting}: {refused:?}");
        };
        assert_eq!(found, setting);
    }
    Place::new().open().await.check_writable().await.unwrap();
}

#[tokio::test]
async fn the_files_are_readable_by_their_owner_alone() {
    let place = Place::new();
    let store = SqliteStore::open_for_worker(&place.url(), Policy::default()).await.unwrap();
    begin(&store, 1, NOW).await;
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mode = std::fs::metadata(place.file(suffix)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn what_can_not_be_opened_says_what_to_do() {
    let place = Place::new();
    let missing = place.0.path().join("missing/gangway.db");
    let error = SqliteStore::open(missing.to_str().unwrap(), Policy::default()).await.err();
    let Some(OpenError::NoFolder { path }) = &error else { panic!("{error:?}") };
    assert!(path.ends_with("missing"));
    assert!(error.unwrap().to_string().contains("create it"));
    let error = SqliteStore::open_for_worker(missing.to_str().unwrap(), Policy::default()).await;
    let error = error.err();
    assert!(matches!(error, Some(OpenError::NoFolder { .. })), "{error:?}");

    std::fs::write(place.path(), "This is a letter, and no database at all. ".repeat(100)).unwrap();
    let error = SqliteStore::open(&place.url(), Policy::default()).await.err();
    assert!(matches!(error, Some(OpenError::NotOurs { .. })), "{error:?}");
}

#[tokio::test]
async fn another_programs_database_is_left_alone() {
    let place = Place::new();
    let options = open::options(&place.path()).create_if_missing(true);
    let mut other = options.connect().await.unwrap();
    sqlx::query("create table recipes (name text)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let error = SqliteStore::open(&place.url(), Policy::default()).await.err();
    assert!(matches!(error, Some(OpenError::NotOurs { .. })), "{error:?}");
}

#[tokio::test]
async fn a_newer_versions_database_is_refused() {
    let place = Place::new();
    drop(place.open().await);
    place
        .run(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
             values (999, 'later', true, x'00', 0)",
        )
        .await;
    let error = SqliteStore::open(&place.url(), Policy::default()).await.err();
    assert!(matches!(error, Some(OpenError::Newer { .. })), "{error:?}");
}

#[tokio::test]
async fn many_processes_may_create_the_store_at_once() {
    let place = Place::new();
    let mut opening = JoinSet::new();
    for number in 0..8 {
        let url = place.url();
        opening.spawn(async move {
            let store = SqliteStore::open(&url, Policy::default()).await.unwrap();
            begin(&store, number, NOW).await;
        });
    }
    opening.join_all().await;
    assert_eq!(place.open().await.counts().await.unwrap().values().sum::<u64>(), 8);
}

/// Without the switch to WAL, for which SQLite does not wait.
#[tokio::test]
async fn whoever_comes_while_another_process_creates_the_database_waits_for_it() {
    let place = Place::new();
    let unswitched = open::options(&place.path()).journal_mode(SqliteJournalMode::Delete);
    let mut other = unswitched.create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql("begin immediate").execute(&mut other).await.unwrap();
    let found = open::options(&place.path()).connect().await;
    assert!(found.is_err(), "the other process is in the way");
    let until_it_is_done = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        sqlx::raw_sql("commit").execute(&mut other).await.unwrap();
    };
    let (store, ()) = tokio::join!(place.open(), until_it_is_done);
    assert!(store.counts().await.unwrap().is_empty());
}

#[tokio::test]
async fn there_is_one_worker_and_its_lock_ends_with_it() {
    let place = Place::new();
    let worker = SqliteStore::open_for_worker(&place.url(), Policy::default()).await.unwrap();
    let second = SqliteStore::open_for_worker(&place.url(), Policy::default()).await.err();
    assert!(matches!(second, Some(OpenError::WorkerRunning { .. })), "{second:?}");
    begin(&place.open().await, 1, NOW).await;
    drop(worker);
    SqliteStore::open_for_worker(&place.url(), Policy::default()).await.unwrap();
}

#[tokio::test]
async fn whoever_asks_is_told_of_the_worker_and_does_not_get_into_its_way() {
    let place = Place::new();
    assert!(!worker_is_running(&place.url()).unwrap(), "no worker ever ran");
    let worker = SqliteStore::open_for_worker(&place.url(), Policy::default()).await.unwrap();
    assert!(worker_is_running(&place.url()).unwrap());
    drop(worker);
    assert!(!worker_is_running(&place.url()).unwrap());

    let asking = File::open(place.file(".lock")).unwrap();
    asking.try_lock_shared().unwrap();
    let url = place.url();
    let starting =
        tokio::spawn(async move { SqliteStore::open_for_worker(&url, Policy::default()).await });
    tokio::task::yield_now().await;
    drop(asking);
    starting.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_can_not_be_opened_is_told_apart_from_a_broken_disk() {
    let place = Place::new();
    std::fs::create_dir(place.path()).unwrap();
    let error = SqliteStore::open(&place.url(), Policy::default()).await.err();
    assert!(matches!(error, Some(OpenError::Folder { .. })), "{error:?}");

    let place = Place::new();
    std::os::unix::fs::symlink("/nowhere/gangway.db", place.path()).unwrap();
    let error = SqliteStore::open(&place.url(), Policy::default()).await.err();
    assert!(matches!(error, Some(OpenError::File { .. })), "{error:?}");
}

#[tokio::test]
async fn a_restarted_worker_takes_up_claimed_work_at_once() {
    let place = Place::new();
    let store = SqliteStore::open_for_worker(&place.url(), Policy::default()).await.unwrap();
    begin(&store, 1, NOW).await;
    assert_eq!(ids(&claim(&store, NOW).await), [id(1)]);
    drop(store);
    assert_eq!(ids(&claim(&place.open().await, at(1)).await), [], "the command line voids nothing");
    let store = SqliteStore::open_for_worker(&place.url(), Policy::default()).await.unwrap();
    assert_eq!(ids(&claim(&store, at(1)).await), [id(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_write_without_losing_anything() {
    let place = Place::new();
    drop(place.open().await);
    let mut writers = JoinSet::new();
    for writer in 0..2 {
        let store = place.open().await;
        writers.spawn(async move {
            for number in 0..50 {
                begin(&store, writer * 100 + number, NOW).await;
            }
        });
    }
    writers.join_all().await;
    assert_eq!(place.open().await.counts().await.unwrap().values().sum::<u64>(), 100);
}

#[tokio::test]
async fn writes_that_wait_share_one_transaction() {
    let place = Place::new();
    let store = Arc::new(place.open().await);
    let mut other = place.raw().await;
    sqlx::query("begin immediate").execute(&mut other).await.unwrap();
    let before = commits_in_log(&place);

    let mut writes = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&store);
        writes.spawn(async move { begin(&*store, number, NOW).await });
    }
    // One turn of this one-threaded runtime: all have asked by then.
    tokio::task::yield_now().await;
    sqlx::query("rollback").execute(&mut other).await.unwrap();
    writes.join_all().await;
    assert_eq!(store.counts().await.unwrap().values().sum::<u64>(), 100);
    let commits = commits_in_log(&place) - before;
    assert!(commits <= 2, "{commits} transactions");
}

/// Counts the frames of the write-ahead log that end a transaction.
fn commits_in_log(place: &Place) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;
    let log = std::fs::read(place.file("-wal")).unwrap();
    log[HEADER.min(log.len())..].chunks_exact(FRAME).filter(|frame| frame[4..8] != [0; 4]).count()
}

struct OfBytes(usize);

impl Write for OfBytes {
    type Answer = ();

    async fn run(&self, _tx: &mut Tx) -> Result<(), StoreError> {
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.0
    }
}

#[tokio::test]
async fn large_documents_do_not_pile_up_in_one_transaction() {
    let place = Place::new();
    for (bytes, gathered) in [(10 << 20, 2), (8 << 20, 2), ((8 << 20) - 1, 3), (0, 256)] {
        let (writes, waiting) = mpsc::channel(300);
        let mut writer = writer(&place, waiting).await;
        for _ in 0..300 {
            writes.try_send(ask(OfBytes(bytes)).0).unwrap_or_else(|_| panic!("there is room"));
        }
        let first = writer.waiting.recv().await.unwrap();
        assert_eq!(writer.gather(first).len(), gathered, "{bytes}");
    }

    let mut commit = change(&blank(1, NOW), &[wanted()], NOW, &Policy::default());
    assert_eq!(commit.bytes(), 0);
    commit.personal = vec![profile(1, "{}"), passport(1, &[0; 1_000])];
    assert_eq!(commit.bytes(), 1_002);
}

/// A writer that no store has, to be driven by hand.
async fn writer(place: &Place, waiting: mpsc::Receiver<Box<dyn Job>>) -> Writer {
    drop(place.open().await);
    let options = open::options(&place.path());
    Writer {
        conn: Some(open::connect(&options).await.unwrap()),
        presence: Arc::new(Presence::of(&place.path()).unwrap()),
        options,
        policy: Arc::new(Policy::default()),
        rows_changed: None,
        transactions: 0,
        waiting,
        watched: Arc::default(),
    }
}

#[tokio::test]
async fn a_commit_that_failed_is_written_again_only_if_it_is_not_stored() {
    let place = Place::new();
    let mut writer = writer(&place, mpsc::channel(1).1).await;
    let hooked = writer.conn.as_mut().unwrap();
    hooked.lock_handle().await.unwrap().set_commit_hook(|| false);

    let mut answers = Vec::new();
    let mut batch = Vec::new();
    for number in 1..=3 {
        let commit = change(&blank(number, NOW), &[wanted()], NOW, &writer.policy);
        let (job, answer) = ask(commit);
        batch.push(job);
        answers.push(answer);
    }
    writer.write(batch).await;
    for answer in answers {
        assert!(matches!(answer.await.unwrap(), Ok(Committed::Stored { .. })));
    }

    let (key, commit_id): (i64, i64) =
        sqlx::query_as("select key, commit_id from onboardings where key = 1")
            .fetch_one(&mut place.raw().await)
            .await
            .unwrap();
    let error = || Arc::new(sqlx::Error::WorkerCrashed);
    let found = writer.clear_up(error(), Some(key), commit_id).await;
    assert!(matches!(found, Outcome::Stored));
    more(&place.open().await, 1, &[hold()], NOW).await;
    let found = writer.clear_up(error(), Some(key), commit_id).await;
    assert!(matches!(found, Outcome::Stored), "the row was written since, but history stays");
    let missed = writer.clear_up(error(), Some(key), commit_id ^ 1).await;
    assert!(matches!(missed, Outcome::NotStored(_)));
    writer.options = open::options(&place.0.path().join("gone/gangway.db"));
    let unread = writer.clear_up(error(), Some(key), commit_id).await;
    assert!(matches!(unread, Outcome::Unknown(_)));
}

#[tokio::test]
async fn writes_go_on_after_the_database_was_locked_for_too_long() {
    let place = Place::new();
    let options = open::options(&place.path()).busy_timeout(Duration::from_millis(20));
    let store = open_with(&options).await;
    let before = begin(&store, 1, NOW).await;
    let mut other = place.raw().await;
    sqlx::query("begin immediate").execute(&mut other).await.unwrap();
    let commit = || change(&before, &[hold()], NOW, store.policy());
    let refused = store.commit(commit()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(stored(&store, 1).await, before, "reads go on meanwhile");

    sqlx::query("rollback").execute(&mut other).await.unwrap();
    put(&store, commit()).await;
}

#[tokio::test]
async fn a_write_that_does_not_fit_on_the_disk_spoils_neither_its_neighbours_nor_what_follows() {
    let place = Place::new();
    drop(place.open().await);
    let options = open::options(&place.path()).pragma("max_page_count", "200");
    let store = Arc::new(open_with(&options).await);
    let large = {
        let mut commit = change(&blank(1, NOW), &[wanted()], NOW, store.policy());
        commit.personal.push(passport(1, &vec![1; 1 << 20]));
        commit
    };
    let mut writes = JoinSet::new();
    let writer = Arc::clone(&store);
    writes.spawn(async move { writer.commit(large).await });
    for number in 2..10 {
        let commit = change(&blank(number, NOW), &[wanted()], NOW, store.policy());
        let writer = Arc::clone(&store);
        writes.spawn(async move { writer.commit(commit).await });
    }
    let refused = writes.join_all().await.into_iter().filter_map(Result::err);
    let refused: Vec<StoreError> = refused.collect();
    assert!(matches!(refused[..], [StoreError::Unavailable(_)]), "{refused:?}");
    assert!(store.load(id(1)).await.unwrap().is_none());
    begin(&*store, 10, NOW).await;
    assert_eq!(store.counts().await.unwrap().values().sum::<u64>(), 9);
}

#[tokio::test]
async fn a_write_that_fails_halfway_leaves_nothing_and_the_next_one_goes_on() {
    let place = Place::new();
    let store = place.open().await;
    let mut impossible = change(&blank(1, NOW), &[wanted()], NOW, store.policy());
    impossible.personal.push(passport(0, b"the database refuses revision 0"));
    let refused = store.commit(impossible).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    begin(&store, 2, NOW).await;
    assert!(store.load(id(1)).await.unwrap().is_none());
    assert!(store.find(&user(1)).await.unwrap().is_none());
}

/// Else whoever has one database could find a file in another by its digest.
#[tokio::test]
async fn each_database_has_a_key_of_its_own_for_digests() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let (one, other) = (place.open().await, elsewhere.open().await);
    assert_ne!(one.digest_key().await.unwrap(), other.digest_key().await.unwrap());
}

struct Defect;

impl Write for Defect {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query("update onboardings set due_at = 1").execute(&mut tx.conn).await?;
        panic!("planted")
    }
}

#[tokio::test]
async fn a_defect_in_one_write_stops_no_other() {
    let place = Place::new();
    let store = place.open().await;
    let before = begin(&store, 1, NOW).await;
    let beside = change(&before, &[hold()], NOW, store.policy());
    let (defect, stored_beside) = tokio::join!(store.write(Defect), store.commit(beside));
    let Err(StoreError::Unavailable(source)) = defect else { panic!("{defect:?}") };
    assert!(source.to_string().contains("a defect"), "{source}");
    assert!(matches!(stored_beside, Ok(Committed::Stored { .. })));
    let due = sqlx::query_scalar("select due_at from onboardings");
    let due: Option<i64> = due.fetch_one(&mut place.raw().await).await.unwrap();
    assert_eq!(due, None, "who is held is not due, and nothing of the defect's is stored");
}

#[tokio::test]
async fn a_store_on_a_read_only_disk_is_read_but_not_ready() {
    let place = Place::new();
    let before = begin(&place.open().await, 1, NOW).await;
    // This is how SQLite opens a file that it may not write.
    let store = open_with(&open::options(&place.path()).read_only(true)).await;
    assert_eq!(stored(&store, 1).await, before);
    let refused = store.check_writable().await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_file_that_is_not_the_one_that_was_opened_is_not_written() {
    type Spoil = fn(&Place);
    let spoils: [Spoil; 4] = [
        |place| std::fs::remove_file(place.path()).unwrap(),
        |place| std::fs::rename(place.path(), place.file(".moved")).unwrap(),
        |place| {
            std::fs::copy(place.path(), place.file(".copy")).unwrap();
            std::fs::rename(place.file(".copy"), place.path()).unwrap();
        },
        |place| File::options().write(true).open(place.path()).unwrap().set_len(4096).unwrap(),
    ];
    for spoil in spoils {
        let place = Place::new();
        let store = place.open().await;
        let before = begin(&store, 1, NOW).await;
        // The log's content reaches the file, which is then longer than a page.
        sqlx::raw_sql("pragma wal_checkpoint").execute(&mut place.raw().await).await.unwrap();
        store.check_writable().await.unwrap();
        spoil(&place);
        let refused = store.commit(change(&before, &[hold()], NOW, store.policy())).await;
        let Err(StoreError::Unavailable(source)) = refused else { panic!("{refused:?}") };
        assert!(source.to_string().contains("removed, replaced or cut off"), "{source}");
        let read = store.load(id(1)).await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    }
}

#[tokio::test]
async fn a_database_of_which_only_the_log_is_left_is_not_replaced_by_an_empty_one() {
    type Spoil = fn(&Place);
    let spoils: [Spoil; 2] = [
        |place| std::fs::remove_file(place.path()).unwrap(),
        |place| drop(File::create(place.path()).unwrap()),
    ];
    for spoil in spoils {
        let place = Place::new();
        let store = place.open().await;
        begin(&store, 1, NOW).await;
        let log = std::fs::read(place.file("-wal")).unwrap();
        spoil(&place);
        let refused = SqliteStore::open(&place.url(), Policy::default()).await.err();
        assert!(matches!(refused, Some(OpenError::Gone { .. })), "{refused:?}");
        assert_eq!(std::fs::read(place.file("-wal")).unwrap(), log, "the log is left alone");
    }
}

#[tokio::test]
async fn a_database_that_was_removed_under_a_worker_is_not_made_anew_beside_it() {
    let place = Place::new();
    let worker = SqliteStore::open_for_worker(&place.url(), Policy::default()).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(place.file(suffix)).unwrap();
    }
    let refused = SqliteStore::open(&place.url(), Policy::default()).await.err();
    assert!(matches!(refused, Some(OpenError::Gone { .. })), "{refused:?}");
    drop(worker);
    drop(place.open().await);
}

#[tokio::test]
async fn a_schema_is_not_changed_under_an_older_worker() {
    let place = Place::new();
    let older = SqliteStore::open_for_worker(&place.url(), Policy::default()).await.unwrap();
    place
        .run("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)")
        .await;
    let beside = SqliteStore::open(&place.url(), Policy::default()).await.err();
    assert!(matches!(beside, Some(OpenError::OlderWorkerRunning { .. })), "{beside:?}");
    let worker = SqliteStore::open_for_worker(&place.url(), Policy::default()).await.err();
    assert!(matches!(worker, Some(OpenError::WorkerRunning { .. })), "{worker:?}");
    drop(older);
}

#[tokio::test]
async fn readers_see_nothing_half_written() {
    let place = Place::new();
    let store = place.open().await;
    let before = begin(&store, 1, NOW).await;
    let mut other = place.raw().await;
    sqlx::query("begin immediate").execute(&mut other).await.unwrap();
    for table in ["profiles", "tasks", "history", "notifications", "users", "onboardings"] {
        let delete = AssertSqlSafe(format!("delete from {table}"));
        sqlx::query(delete).execute(&mut other).await.unwrap();
    }
    assert_eq!(store.find(&user(1)).await.unwrap(), Some(before));
}

/// The steps in which SQLite carries out a statement.
async fn plan(conn: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let sql = AssertSqlSafe(format!("explain query plan {sql}"));
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sql).fetch_all(conn).await.unwrap();
    plan.into_iter().map(|(.., step)| step).collect()
}

#[tokio::test]
async fn a_claim_reads_due_rows_by_index() {
    let place = Place::new();
    drop(place.open().await);
    let mut conn = place.raw().await;
    for (sql, index) in [
        (claim::DUE_ROWS, "USING INDEX onboardings_due (lane=? AND recheck=? AND due_at<?)"),
        (claim::NEXT_AT, "USING INDEX onboardings_due (lane=? AND recheck=?"),
        (claim::NEXT_AT, "USING INDEX onboardings_leased (lane=?"),
    ] {
        let steps = plan(&mut conn, sql).await;
        assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
    }
}

/// It shows in no plan, but in the time that a claim takes.
#[test]
fn no_statement_is_planned_anew_for_its_limit() {
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sqlite"))];
    let mut limits = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            for parameter in source.split("limit ?").skip(1) {
                let rest = parameter.trim_start_matches(|c: char| c.is_ascii_digit());
                if rest.len() == parameter.len() {
                    continue;
                }
                assert!(rest.starts_with(" + 0"), "a bare limit in {}", path.display());
                limits += 1;
            }
        }
    }
    assert!(limits > 0, "statements have limits");
}

#[tokio::test]
async fn a_list_of_one_state_or_of_one_users_tasks_reads_no_others() {
    let place = Place::new();
    drop(place.open().await);
    let mut conn = place.raw().await;
    for (sql, index) in [
        (rows::ROWS_OF_STATE, "USING INDEX onboardings_by_state (state=? AND rowid>?)"),
        (rows::TASKS_OF_ALL, "USING INDEX tasks_pending"),
        (rows::TASKS_OF_ONE, "(onboarding_key=?"),
    ] {
        let steps = plan(&mut conn, sql).await;
        assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
    }
}

#[tokio::test]
async fn the_database_refuses_impossible_rows() {
    let place = Place::new();
    let store = place.open().await;
    begin(&store, 1, NOW).await;
    begin(&store, 2, NOW).await;
    let mut conn = place.raw().await;
    for impossible in [
        "update onboardings set state = 'lost'",
        "update onboardings set version = 0",
        "update onboardings set snapshot = 'no json'",
        "update onboardings set due_at = null",
        "update onboardings set lane = 'both'",
        "update onboardings set leased_by = 1",
        "update onboardings set state = 'held'",
        "update onboardings set due_at = 'soon'",
        "update onboardings set id = x'00'",
        "update users set locator = 'userId:user-1'",
        "update users set onboarding_key = 99 where onboarding_key = 1",
        "update history set version = 1",
        "update history set actor = 'nobody'",
        "update history set policy_key = 99",
        "insert into tasks (onboarding_key, number, kind, name, state, rounds, opened_at, snapshot) \
         values (1, 1, 'data', 'kyc-data', 'closed', 1, 0, '{}')",
        "insert into budgets values ('write', 0, 0, 16, 0)",
        "insert into write_checks values (2, 0)",
    ] {
        let refused = sqlx::query(impossible).execute(&mut conn).await;
        let error = refused.expect_err(impossible).to_string();
        assert!(error.contains("constraint failed") || error.contains("cannot store"), "{error}");
    }
}
