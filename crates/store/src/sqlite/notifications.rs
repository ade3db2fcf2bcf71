//! What others are told of, as it is stored.

use std::collections::BTreeMap;

use onboarding::{Notification, NotificationKind, Timestamp, UserLocator};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::writer::{Tx, Write};
use super::{SqliteStore, personal, rows};
use crate::StoreError;
use crate::outbox::{self, About, Notified};

/// Adds a notification of an onboarding's version, or of the provider.
pub(super) async fn insert(
    tx: &mut Tx,
    of: Option<(i64, u64)>,
    notification: &Notification,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into notifications (onboarding_key, version, kind, data, happened_at, commit_id) \
         values (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(of.map(|(key, _)| key))
    .bind(of.map(|(_, version)| rows::column(version)))
    .bind(notification.kind().as_str())
    .bind(outbox::data(notification))
    .bind(at.0)
    .bind(tx.commit_id)
    .execute(&mut tx.conn)
    .await?;
    Ok(())
}

/// At most this many are told of in one transaction.
const STUCK_AT_ONCE_MAX: usize = 256;

/// The onboardings in review since a time or longer, of which that was not told since: key,
/// version, since when.
const STUCK: &str = "select o.key, o.version, o.state_since_at from onboardings o \
    where o.state = 'polling' and o.state_since_at <= ?1 and not exists \
    (select 1 from notifications n where n.kind = 'verification.stuck' \
    and n.onboarding_key = o.key and n.happened_at >= o.state_since_at) \
    order by o.state_since_at limit ?2 + 0";

impl SqliteStore {
    /// Tells others of the users whom the provider has been reviewing since `since` or longer,
    /// once a review. Answers whether there may be more of them.
    ///
    /// It looks at each such user, told of or not, and is not for every turn.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn tell_stuck(&self, since: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        // Mostly there is nobody, and then nothing is to be written.
        let first: Vec<(i64, i64, i64)> = sqlx::query_as(STUCK)
            .bind(since.0)
            .bind(1)
            .fetch_all(&mut *self.moment().await?)
            .await?;
        if first.is_empty() { Ok(false) } else { self.write(TellStuck { since, now }).await }
    }
}

struct TellStuck {
    since: Timestamp,
    now: Timestamp,
}

impl Write for TellStuck {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let stuck: Vec<(i64, i64, i64)> = sqlx::query_as(STUCK)
            .bind(self.since.0)
            .bind(rows::limit(STUCK_AT_ONCE_MAX))
            .fetch_all(&mut tx.conn)
            .await?;
        for (key, version, since) in &stuck {
            let of = Some((*key, rows::number(*key, *version)?));
            let told = Notification::VerificationStuck { since: Timestamp(*since) };
            insert(tx, of, &told, self.now).await?;
        }
        Ok(stuck.len() == STUCK_AT_ONCE_MAX)
    }
}

/// The columns of a notification that are read: number, the onboarding's key, version and id,
/// kind, data, time, mark.
type Columns = (i64, Option<i64>, Option<i64>, Option<Vec<u8>>, Vec<u8>, Vec<u8>, i64, i64);

const SELECT: &str = "select n.seq, n.onboarding_key, n.version, o.id, n.kind, n.data, \
    n.happened_at, n.commit_id from notifications n \
    left join onboardings o on o.key = n.onboarding_key";

/// The notifications after a number, in order: a full page unless it is the last one, as those
/// that are damaged are passed over.
pub(super) async fn after(
    conn: &mut SqliteConnection,
    seq: u64,
    limit: usize,
) -> Result<Vec<Notified>, StoreError> {
    let mut seq = rows::column(seq);
    let mut page = Vec::new();
    // Once, unless there is a damaged row.
    while page.len() < limit {
        let sql = format!("{SELECT} where n.seq > ?1 order by n.seq limit ?2 + 0");
        let found: Vec<Columns> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(seq)
            .bind(rows::limit(limit - page.len()))
            .fetch_all(&mut *conn)
            .await?;
        let Some((last, ..)) = found.last() else { break };
        seq = *last;
        page.extend(intact(conn, found).await?);
    }
    Ok(page)
}

/// The notifications with these numbers, by number; those that are damaged or missing are left
/// out.
pub(super) async fn with_seqs(
    conn: &mut SqliteConnection,
    seqs: &[i64],
) -> Result<BTreeMap<i64, Notified>, StoreError> {
    let seqs = serde_json::to_string(seqs).expect("a list of numbers has a JSON form");
    let sql = format!("{SELECT} where n.seq in (select value from json_each(?1))");
    let found: Vec<Columns> =
        sqlx::query_as(AssertSqlSafe(sql)).bind(seqs).fetch_all(&mut *conn).await?;
    let found = intact(conn, found).await?.into_iter();
    Ok(found.map(|notified| (rows::column(notified.seq), notified)).collect())
}

/// The number of the first notification that happened at a time or later, or the next one that
/// will be. It is found by halving, as times grow with numbers: no index has them.
pub(super) async fn first_since(
    conn: &mut SqliteConnection,
    since: Timestamp,
) -> Result<i64, sqlx::Error> {
    let (mut first, mut end): (i64, i64) = sqlx::query_as(
        "select coalesce((select min(seq) from notifications), 1), \
         coalesce((select max(seq) from notifications), 0) + 1",
    )
    .fetch_one(&mut *conn)
    .await?;
    while first < end {
        let middle = first + (end - first) / 2;
        let (seq, at): (i64, i64) = sqlx::query_as(
            "select seq, happened_at from notifications where seq >= ?1 order by seq limit 1",
        )
        .bind(middle)
        .fetch_one(&mut *conn)
        .await?;
        if at < since.0 { first = seq + 1 } else { end = middle }
    }
    Ok(first)
}

/// What is stored, with who the user is now; a damaged row keeps no other one from anybody.
async fn intact(
    conn: &mut SqliteConnection,
    found: Vec<Columns>,
) -> Result<Vec<Notified>, StoreError> {
    let keys: Vec<i64> = found.iter().filter_map(|(_, key, ..)| *key).collect();
    let users = personal::users(conn, &keys).await?;
    let mut notified = Vec::new();
    for row in found {
        notified.extend(rows::intact(read(row, &users))?);
    }
    Ok(notified)
}

fn read(
    (seq, key, version, id, kind, data, at, mark): Columns,
    users: &BTreeMap<i64, UserLocator>,
) -> Result<Notified, StoreError> {
    let whose = format!("of notification {seq}");
    let id = id.map(|id| rows::onboarding_id(&id)).transpose();
    let id = id.map_err(|_| rows::damaged(&whose, "its onboarding has no id that can be read"))?;
    let about = id.zip(version).map(|(id, version)| {
        let user = users.get(&key.unwrap_or_default());
        let user = user.and_then(|user| outbox::user_told(user, id));
        Ok::<_, StoreError>(About { id, version: rows::number(&whose, version)?, user })
    });
    let (kind, data) = (rows::text(&whose, kind)?, rows::text(&whose, data)?);
    let kind = NotificationKind::from_word(&kind)
        .ok_or_else(|| rows::damaged(&whose, format!("there is no notification {kind}")))?;
    let seq = rows::number(&whose, seq)?;
    Ok(Notified { seq, mark, about: about.transpose()?, kind, data, at: Timestamp(at) })
}
