//! Destroyed data and the write-ahead log: what a transaction deletes stays in the log until it
//! is emptied. Whoever destroys notes it in the database, with what it destroys, so that the
//! log is emptied in the end whichever process comes to it.

use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::open;
use super::writer::Tx;
#[cfg(feature = "break-points")]
use crate::break_point;

/// Notes that the transaction destroys personal data.
pub(super) async fn note_destroyed(tx: &mut Tx) -> Result<(), sqlx::Error> {
    sqlx::query("insert or replace into destroyed_in_log (singleton, commit_id) values (1, ?1)")
        .bind(tx.commit_id)
        .execute(&mut tx.conn)
        .await?;
    Ok(())
}

/// Empties the log if it holds destroyed data. It waits for nobody: whoever reads just now
/// prevents it, and it is to be tried again, as after any failure.
pub(super) async fn empty_if_it_holds_destroyed(options: &SqliteConnectOptions) {
    // With the writer's patience, every write behind it would wait for the reader as well.
    let impatient = options.clone().busy_timeout(Duration::ZERO);
    let Ok(mut conn) = open::connect(&impatient).await else { return };
    // The note stays if this fails, and brings the next try.
    let _ = empty(&mut conn).await;
    let _ = conn.close().await;
}

async fn empty(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let noted: Option<i64> = sqlx::query_scalar("select commit_id from destroyed_in_log")
        .fetch_optional(&mut *conn)
        .await?;
    let Some(commit_id) = noted else { return Ok(()) };
    let emptied = sqlx::query_as("pragma wal_checkpoint(truncate)").fetch_one(&mut *conn);
    #[cfg(feature = "break-points")]
    let emptied = break_point::around("empty-log", break_point::failure, emptied);
    let (busy, ..): (i64, i64, i64) = emptied.await?;
    if busy > 0 {
        return Ok(());
    }
    // Another note may have come since.
    let deleted = sqlx::query("delete from destroyed_in_log where commit_id = ?1")
        .bind(commit_id)
        .execute(conn);
    #[cfg(feature = "break-points")]
    let deleted = break_point::around("delete-note", break_point::failure, deleted);
    deleted.await.map(drop)
}
