//! SQLite alone on the disk, in modes of which it is known what they lose.

use crash_vfs::{Chance, Disk, Fault};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode as Journal, SqliteSynchronous as Sync,
};
use sqlx::{ConnectOptions, Connection};

/// How a database is written, and what happens to it.
#[derive(Clone)]
struct Way {
    journal: Journal,
    sync: Sync,
    does_sync_lie: bool,
}

/// What came of many runs.
#[derive(Debug, Default)]
struct Sum {
    acknowledged: u64,
    lost: u64,
    corrupt: u64,
    dropped: u64,
    torn: u64,
}

const RUNS: u64 = 150;
const COMMITS_MAX: i64 = 40;

async fn connect(place: &std::path::Path, way: &Way) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(place.join("db"))
        .journal_mode(way.journal)
        .synchronous(way.sync)
        .pragma("wal_autocheckpoint", "20")
        .connect()
        .await
}

/// Two tables that fit together exactly when every transaction is whole.
const TABLES: &str = "create table users (id integer primary key, edits integer not null, \
                      content blob); create table edits (number integer primary key, user integer)";

async fn commit(
    conn: &mut SqliteConnection,
    number: i64,
    content: Vec<u8>,
) -> Result<(), sqlx::Error> {
    let mut tx = conn.begin_with("begin immediate").await?;
    sqlx::query("insert into edits values (?1, ?2)")
        .bind(number)
        .bind(number % 7)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "insert into users values (?1, 1, ?2) \
         on conflict (id) do update set edits = edits + 1, content = excluded.content",
    )
    .bind(number % 7)
    .bind(content)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// The number of the last commit that is there, if the database is whole.
async fn last_commit(place: &std::path::Path, way: &Way) -> Option<i64> {
    let mut conn = connect(place, way).await.ok()?;
    let sound: Result<String, _> =
        sqlx::query_scalar("pragma integrity_check").fetch_one(&mut conn).await;
    let counts: Result<(i64, i64, i64), _> = sqlx::query_as(
        "select (select coalesce(max(number), 0) from edits), (select count(*) from edits), \
         (select coalesce(sum(edits), 0) from users)",
    )
    .fetch_one(&mut conn)
    .await;
    conn.close().await.ok();
    let (last, edits, sum) = counts.ok()?;
    (sound.ok()? == "ok" && last == edits && edits == sum).then_some(last)
}

async fn run(way: &Way, seed: u64, sum: &mut Sum) {
    let place = tempfile::tempdir().unwrap();
    let disk = Disk::new(place.path(), seed);
    let mut chance = Chance::new(seed ^ 0x5EED);
    let mut conn = connect(place.path(), way).await.unwrap();
    sqlx::raw_sql(TABLES).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    crate::closed(&disk).await;

    let fault = match way.does_sync_lie {
        true => Fault::LyingSync,
        false => Fault::PowerLoss { at: chance.below(160) },
    };
    let commits = if way.does_sync_lie { chance.below(40) as i64 } else { COMMITS_MAX };
    disk.set_fault(fault);
    let mut acknowledged = 0;
    if let Ok(mut conn) = connect(place.path(), way).await {
        for number in 1..=commits {
            let content = vec![7; 100 + chance.index(3_000)];
            if commit(&mut conn, number, content).await.is_err() {
                break;
            }
            acknowledged = number;
        }
        drop(conn.close_hard().await);
    }
    crate::lose_power(&disk).await;
    sum.acknowledged += acknowledged as u64;
    match last_commit(place.path(), way).await {
        Some(last) => sum.lost += (acknowledged - last).max(0) as u64,
        None => sum.corrupt += 1,
    }
    sum.dropped += disk.tally().dropped;
    sum.torn += disk.tally().torn;
    crate::closed(&disk).await;
}

async fn runs(journal: Journal, sync: Sync, does_sync_lie: bool) -> Sum {
    let way = Way { journal, sync, does_sync_lie };
    let mut sum = Sum::default();
    for seed in 1..=RUNS {
        run(&way, seed, &mut sum).await;
    }
    println!("{journal:?} lie={does_sync_lie} runs={RUNS} {sum:?}");
    sum
}

#[tokio::test]
async fn full_synchronous_loses_nothing() {
    let sum = runs(Journal::Wal, Sync::Full, false).await;
    assert!(sum.acknowledged > 500 && sum.dropped > 100 && sum.torn > 50, "{sum:?}");
    assert_eq!((sum.lost, sum.corrupt), (0, 0), "{sum:?}");
}

#[tokio::test]
async fn normal_synchronous_is_found_to_lose_what_was_acknowledged() {
    let sum = runs(Journal::Wal, Sync::Normal, false).await;
    assert!(sum.lost > 100, "{sum:?}");
    assert_eq!(sum.corrupt, 0, "{sum:?}");
}

#[tokio::test]
async fn a_rollback_journal_loses_nothing_only_if_its_deletion_is_synced() {
    let full = runs(Journal::Delete, Sync::Full, false).await;
    assert!(full.lost > 10, "{full:?}");
    let extra = runs(Journal::Delete, Sync::Extra, false).await;
    assert!(extra.acknowledged > 100);
    assert_eq!((extra.lost, extra.corrupt), (0, 0), "{extra:?}");
}

#[tokio::test]
async fn a_disk_that_lies_is_found_to_lose_and_to_corrupt() {
    let sum = runs(Journal::Wal, Sync::Full, true).await;
    assert!(sum.lost > 100 && sum.corrupt > 10, "{sum:?}");
}
