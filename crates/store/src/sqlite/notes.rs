//! Which onboardings have something to be noted.

use onboarding::Timestamp;
use sqlx::SqliteConnection;

use super::rows;
use super::writer::{Tx, Write};
use crate::{NotesDue, StoreError, due};

/// Asks for what is due, and corrects the rows that only say that they are: those that are
/// damaged, and those that were written under another policy.
pub(super) struct DueNotes {
    pub now: Timestamp,
    pub limit: usize,
}

impl Write for DueNotes {
    type Answer = NotesDue;

    async fn run(&self, tx: &mut Tx) -> Result<NotesDue, StoreError> {
        let keys: Vec<i64> = sqlx::query_scalar(
            "select key from onboardings where note_at <= ?1 order by note_at limit ?2 + 0",
        )
        .bind(self.now.0)
        .bind(rows::limit(self.limit))
        .fetch_all(&mut tx.conn)
        .await?;
        let is_full = keys.len() >= self.limit;
        let mut due = Vec::new();
        for key in keys {
            let read = rows::intact(rows::stored(&mut tx.conn, key).await)?;
            let at = match &read {
                Some(stored) => due::look_for_note(&stored.onboarding, &tx.policy, self.now),
                None => Some(self.now.plus_ms(due::POSTPONED_MS)),
            };
            match read.filter(|_| at.is_some_and(|at| at <= self.now)) {
                Some(stored) => due.push(stored),
                None => set_note_at(&mut tx.conn, key, at).await?,
            }
        }
        let next_at =
            if is_full { Some(self.now) } else { next_at(&mut tx.conn, Some(self.now)).await? };
        Ok(NotesDue { due, next_at })
    }
}

/// When the next note falls due, after a time if one is given.
pub(super) async fn next_at(
    conn: &mut SqliteConnection,
    after: Option<Timestamp>,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let at: Option<i64> = sqlx::query_scalar(
        "select min(note_at) from onboardings where note_at is not null and note_at > ?1",
    )
    .bind(after.map_or(i64::MIN, |after| after.0))
    .fetch_one(conn)
    .await?;
    Ok(at.map(Timestamp))
}

async fn set_note_at(
    conn: &mut SqliteConnection,
    key: i64,
    at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    sqlx::query("update onboardings set note_at = ?2 where key = ?1")
        .bind(key)
        .bind(at.map(|at| at.0))
        .execute(conn)
        .await?;
    Ok(())
}
