//! What is on its way to whom.

use onboarding::{NotificationKind, Timestamp};
use sqlx::SqliteConnection;

use super::notifications;
use super::writer::{Tx, Write};
use super::{SqliteStore, endpoints, rows};
use crate::StoreError;
use crate::outbox::{
    Delivery, DeliveryKey, DeliveryState, DisabledFor, DueDelivery, Endpoint, EndpointAfter,
    Notified, Settled, Tried,
};

/// At most this many notifications get their deliveries in one transaction.
const HANDED_OUT_AT_ONCE_MAX: usize = 256;

impl SqliteStore {
    /// Gives notifications that an endpoint has not got yet their deliveries, and answers whether
    /// there may be more.
    ///
    /// # Errors
    /// When they can't be stored.
    pub async fn hand_out(&self, endpoint: &Endpoint, now: Timestamp) -> Result<bool, StoreError> {
        let newest: i64 = sqlx::query_scalar("select coalesce(max(seq), 0) from notifications")
            .fetch_one(&mut *self.reader().await?)
            .await?;
        // Mostly there is nothing, and then nothing is to be written.
        if rows::column(endpoint.cursor) >= newest {
            return Ok(false);
        }
        let kinds = endpoint.kinds.clone();
        self.write(HandOut { endpoint_key: endpoint.key, kinds, now }).await
    }

    /// What is to be sent to an endpoint by `now`, the longest due first, but nothing of `except`,
    /// keys of rows.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn due_deliveries(
        &self,
        endpoint_key: i64,
        except: &[i64],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        due(&mut *self.moment().await?, endpoint_key, except, now, limit).await
    }

    /// How many notifications are on their way to an endpoint.
    ///
    /// # Errors
    /// When they can't be counted.
    pub async fn pending_deliveries(&self, endpoint_key: i64) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "select count(*) from deliveries \
             where endpoint_key = ?1 and state in ('waiting', 'due')",
        )
        .bind(endpoint_key)
        .fetch_one(&mut *self.reader().await?)
        .await?;
        rows::number("of deliveries", count)
    }

    /// When something is to be sent at the earliest to an endpoint that is not disabled.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn next_delivery_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> = sqlx::query_scalar(
            "select min((select min(next_at) from deliveries d \
             where d.endpoint_key = e.key and d.state = 'due')) \
             from endpoints e where e.disabled_at is null and not e.is_removed",
        )
        .fetch_one(&mut *self.reader().await?)
        .await?;
        Ok(at.map(Timestamp))
    }

    /// Records what a try came to, and answers what became of the endpoint.
    ///
    /// # Errors
    /// When it can't be stored: then it is due as before, and is sent again.
    pub async fn settle_delivery(
        &self,
        key: DeliveryKey,
        tried: Tried,
        settled: Settled,
    ) -> Result<EndpointAfter, StoreError> {
        self.write(Settle { key, tried, settled }).await
    }

    /// Records that a delivery could not be sent, as its notification can't be read: it is due
    /// again at `at`, or given up. Its endpoint is not to blame.
    ///
    /// # Errors
    /// When it can't be stored: then it is due as before.
    pub async fn put_off_delivery(
        &self,
        key: DeliveryKey,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(PutOff { key, at, now }).await
    }

    /// Forgets the deliveries that were settled before a time, and answers whether there may be
    /// more of them. The notifications stay.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn forget_deliveries(&self, before: Timestamp) -> Result<bool, StoreError> {
        let first: Vec<i64> = sqlx::query_scalar(SETTLED)
            .bind(before.0)
            .bind(1)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        // Mostly there is none, and then nothing is to be written.
        if first.is_empty() { Ok(false) } else { self.write(Forget { before }).await }
    }

    /// The newest deliveries to an endpoint, of one state or all, and of those before a number or
    /// all; `None` if there is no such endpoint.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn deliveries(
        &self,
        endpoint: &str,
        state: Option<DeliveryState>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<Vec<Delivery>>, StoreError> {
        let mut moment = self.moment().await?;
        match endpoints::key_of(&mut moment, endpoint).await? {
            Some(key) => newest(&mut moment, key, state, before, limit).await.map(Some),
            None => Ok(None),
        }
    }
}

struct HandOut {
    endpoint_key: i64,
    kinds: Option<Vec<NotificationKind>>,
    now: Timestamp,
}

impl Write for HandOut {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let new: Vec<(i64, Option<i64>, Vec<u8>)> = sqlx::query_as(
            "select seq, onboarding_key, kind from notifications \
             where seq > (select cursor from endpoints where key = ?1 and not is_removed) \
             order by seq limit ?2 + 0",
        )
        .bind(self.endpoint_key)
        .bind(rows::limit(HANDED_OUT_AT_ONCE_MAX))
        .fetch_all(&mut tx.conn)
        .await?;
        let Some((last, ..)) = new.last() else { return Ok(false) };
        sqlx::query("update endpoints set cursor = ?2 where key = ?1")
            .bind(self.endpoint_key)
            .bind(*last)
            .execute(&mut tx.conn)
            .await?;
        for (seq, onboarding_key, kind) in &new {
            let chosen = |kinds: &Vec<NotificationKind>| {
                kinds.iter().any(|chosen| chosen.as_str().as_bytes() == kind)
            };
            if self.kinds.as_ref().is_none_or(chosen) {
                let stream = onboarding_key.unwrap_or(0);
                add(&mut tx.conn, self.endpoint_key, *seq, stream, self.now).await?;
            }
        }
        Ok(new.len() == HANDED_OUT_AT_ONCE_MAX)
    }
}

/// Adds a delivery, which is due unless another one of its user is on its way.
async fn add(
    conn: &mut SqliteConnection,
    endpoint_key: i64,
    seq: i64,
    stream: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into deliveries (endpoint_key, seq, stream, attempts, state, next_at) \
         select ?1, ?2, ?3, 0, iif(busy, 'waiting', 'due'), iif(busy, null, ?4) from \
         (select exists (select 1 from deliveries where endpoint_key = ?1 and stream = ?3 \
         and state in ('waiting', 'due')) as busy) where true \
         on conflict (endpoint_key, seq) do nothing",
    )
    .bind(endpoint_key)
    .bind(seq)
    .bind(stream)
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// In the order of the index, so that no more of those of one time are read than are wanted.
pub(super) const DUE: &str = "select key, attempts, seq from deliveries \
    where endpoint_key = ?1 and state = 'due' and next_at <= ?2 \
    and key not in (select value from json_each(?3)) order by next_at, seq limit ?4 + 0";

async fn due(
    conn: &mut SqliteConnection,
    endpoint_key: i64,
    except: &[i64],
    now: Timestamp,
    limit: usize,
) -> Result<Vec<DueDelivery>, StoreError> {
    let except = serde_json::to_string(except).expect("a list of numbers has a JSON form");
    let found: Vec<(i64, u32, i64)> = sqlx::query_as(DUE)
        .bind(endpoint_key)
        .bind(now.0)
        .bind(except)
        .bind(rows::limit(limit))
        .fetch_all(&mut *conn)
        .await?;
    let seqs: Vec<i64> = found.iter().map(|(.., seq)| *seq).collect();
    let mut notified = notifications::with_seqs(conn, &seqs).await?;
    let due = |(row, attempts, seq)| {
        let key = DeliveryKey { row, endpoint: endpoint_key, seq };
        DueDelivery { key, attempts, notified: notified.remove(&seq) }
    };
    Ok(found.into_iter().map(due).collect())
}

struct Settle {
    key: DeliveryKey,
    tried: Tried,
    settled: Settled,
}

impl Write for Settle {
    type Answer = EndpointAfter;

    async fn run(&self, tx: &mut Tx) -> Result<EndpointAfter, StoreError> {
        let (state, next_at) = match self.settled {
            Settled::Delivered => (DeliveryState::Delivered, None),
            Settled::Again { at, .. } => (DeliveryState::Due, Some(at)),
            Settled::GivenUp => (DeliveryState::GivenUp, None),
        };
        let stream: Option<i64> = sqlx::query_scalar(
            "update deliveries set state = ?2, next_at = ?3, attempts = attempts + 1, \
             tried_at = ?4, http_status = ?5, took_ms = ?6, error = ?7 where key = ?1 \
             and endpoint_key = ?8 and seq = ?9 and state = 'due' returning stream",
        )
        .bind(self.key.row)
        .bind(state.as_str())
        .bind(next_at.map(|at| at.0))
        .bind(self.tried.at.0)
        .bind(self.tried.http_status)
        .bind(rows::column(self.tried.took_ms))
        .bind(self.tried.error)
        .bind(self.key.endpoint)
        .bind(self.key.seq)
        .fetch_optional(&mut tx.conn)
        .await?;
        // It is no longer due, or its endpoint was removed meanwhile.
        let Some(stream) = stream else { return Ok(EndpointAfter::Kept) };
        if next_at.is_none() {
            release_next(&mut tx.conn, self.key.endpoint, stream, self.tried.at).await?;
        }
        self.note_endpoint(tx, self.key.endpoint).await
    }
}

impl Settle {
    async fn note_endpoint(
        &self,
        tx: &mut Tx,
        endpoint_key: i64,
    ) -> Result<EndpointAfter, StoreError> {
        let at = self.tried.at.0;
        if self.settled == Settled::Delivered {
            sqlx::query(
                "update endpoints set failing_since_at = null, warned_at = null \
                 where key = ?1 and failing_since_at is not null",
            )
            .bind(endpoint_key)
            .execute(&mut tx.conn)
            .await?;
            return Ok(EndpointAfter::Kept);
        }
        sqlx::query(
            "update endpoints set failing_since_at = ?2 \
             where key = ?1 and failing_since_at is null",
        )
        .bind(endpoint_key)
        .bind(at)
        .execute(&mut tx.conn)
        .await?;
        let after = match self.settled {
            Settled::Again { endpoint, .. } => endpoint,
            Settled::Delivered | Settled::GivenUp => EndpointAfter::Kept,
        };
        // Something may have arrived since the try began: then it does not fail since that time.
        let noted = match after {
            EndpointAfter::Kept => return Ok(after),
            EndpointAfter::Warned(since) => sqlx::query(
                "update endpoints set warned_at = ?2 \
                 where key = ?1 and warned_at is null and failing_since_at = ?3",
            )
            .bind(endpoint_key)
            .bind(at)
            .bind(since.0),
            EndpointAfter::Failing(since) => sqlx::query(
                "update endpoints set disabled_at = ?2, disabled_for = ?4 \
                 where key = ?1 and disabled_at is null and failing_since_at = ?3",
            )
            .bind(endpoint_key)
            .bind(at)
            .bind(since.0)
            .bind(DisabledFor::Failing.as_str()),
            EndpointAfter::Gone => sqlx::query(
                "update endpoints set disabled_at = ?2, disabled_for = ?3 \
                 where key = ?1 and disabled_at is null",
            )
            .bind(endpoint_key)
            .bind(at)
            .bind(DisabledFor::Gone.as_str()),
        };
        let noted = noted.execute(&mut tx.conn).await?;
        Ok(if noted.rows_affected() > 0 { after } else { EndpointAfter::Kept })
    }
}

struct PutOff {
    key: DeliveryKey,
    at: Option<Timestamp>,
    now: Timestamp,
}

impl Write for PutOff {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let state = if self.at.is_some() { DeliveryState::Due } else { DeliveryState::GivenUp };
        let stream: Option<i64> = sqlx::query_scalar(
            "update deliveries set state = ?2, next_at = ?3, attempts = attempts + 1, \
             tried_at = ?4, http_status = null, took_ms = null, error = 'unreadable' \
             where key = ?1 and endpoint_key = ?5 and seq = ?6 and state = 'due' returning stream",
        )
        .bind(self.key.row)
        .bind(state.as_str())
        .bind(self.at.map(|at| at.0))
        .bind(self.now.0)
        .bind(self.key.endpoint)
        .bind(self.key.seq)
        .fetch_optional(&mut tx.conn)
        .await?;
        if let (Some(stream), None) = (stream, self.at) {
            release_next(&mut tx.conn, self.key.endpoint, stream, self.now).await?;
        }
        Ok(())
    }
}

/// The next one of a user is due, now that the one before is settled.
async fn release_next(
    conn: &mut SqliteConnection,
    endpoint_key: i64,
    stream: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update deliveries set state = 'due', next_at = ?3 where state = 'waiting' and key = \
         (select key from deliveries where endpoint_key = ?1 and stream = ?2 \
         and state in ('waiting', 'due') order by seq limit 1)",
    )
    .bind(endpoint_key)
    .bind(stream)
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// At most this many are forgotten in one transaction.
const FORGOTTEN_AT_ONCE_MAX: usize = 1_000;

/// The deliveries that were settled before a time, oldest first.
const SETTLED: &str = "select key from deliveries where state in ('delivered', 'given-up') \
    and tried_at < ?1 order by tried_at limit ?2 + 0";

struct Forget {
    before: Timestamp,
}

impl Write for Forget {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let keys: Vec<i64> = sqlx::query_scalar(SETTLED)
            .bind(self.before.0)
            .bind(rows::limit(FORGOTTEN_AT_ONCE_MAX))
            .fetch_all(&mut tx.conn)
            .await?;
        for key in &keys {
            sqlx::query("delete from deliveries where key = ?1")
                .bind(*key)
                .execute(&mut tx.conn)
                .await?;
        }
        Ok(keys.len() == FORGOTTEN_AT_ONCE_MAX)
    }
}

/// The columns of a delivery beside its notification: state, attempts, next time, last time,
/// status, duration, error, number.
type Columns =
    (Vec<u8>, u32, Option<i64>, Option<i64>, Option<u16>, Option<i64>, Option<Vec<u8>>, i64);

/// A full page unless it is the last one, as those that are damaged are passed over.
async fn newest(
    conn: &mut SqliteConnection,
    endpoint_key: i64,
    state: Option<DeliveryState>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let mut before = before.map(rows::column);
    let mut page = Vec::new();
    // Once, unless there is a damaged row.
    while page.len() < limit {
        let found: Vec<Columns> = sqlx::query_as(
            "select state, attempts, next_at, tried_at, http_status, took_ms, error, seq \
             from deliveries where endpoint_key = ?1 and (?2 is null or state = ?2) \
             and (?3 is null or seq < ?3) order by seq desc limit ?4 + 0",
        )
        .bind(endpoint_key)
        .bind(state.map(DeliveryState::as_str))
        .bind(before)
        .bind(rows::limit(limit - page.len()))
        .fetch_all(&mut *conn)
        .await?;
        let seqs: Vec<i64> = found.iter().map(|(.., seq)| *seq).collect();
        let Some(last) = seqs.last() else { break };
        before = Some(*last);
        let mut notified = notifications::with_seqs(conn, &seqs).await?;
        for (row, seq) in found.into_iter().zip(seqs) {
            let Some(notified) = notified.remove(&seq) else { continue };
            page.extend(rows::intact(read(row, notified))?);
        }
    }
    Ok(page)
}

fn read(
    (state, attempts, next_at, tried_at, http_status, took_ms, error, seq): Columns,
    notified: Notified,
) -> Result<Delivery, StoreError> {
    let whose = format!("of a delivery of notification {seq}");
    let state = rows::text(&whose, state)?;
    Ok(Delivery {
        notified,
        state: DeliveryState::from_word(&state)
            .ok_or_else(|| rows::damaged(&whose, format!("there is no state {state}")))?,
        attempts,
        next_at: next_at.map(Timestamp),
        tried_at: tried_at.map(Timestamp),
        http_status,
        took_ms: took_ms.map(|ms| rows::number(&whose, ms)).transpose()?,
        error: error.map(|error| rows::text(&whose, error)).transpose()?,
    })
}
