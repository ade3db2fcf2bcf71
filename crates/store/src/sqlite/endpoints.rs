//! Who is told.

use std::collections::BTreeMap;

use onboarding::{NotificationKind, Timestamp};
use sqlx::SqliteConnection;

use super::writer::{Tx, Write};
use super::{SqliteStore, rows};
use crate::StoreError;
use crate::outbox::{DisabledFor, Endpoint, NewEndpoint, NewSecret};

impl SqliteStore {
    /// Adds an endpoint, which is told of what happens from now on. Answers whether it is new:
    /// one with its id or its URL is left as it is.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn add_endpoint(&self, endpoint: NewEndpoint) -> Result<bool, StoreError> {
        self.write(Add { endpoint }).await
    }

    /// Has exactly this endpoint under `id`, or none: new ones are told from now on, and of one
    /// that is there the URL and the secret are brought up to date; with another URL it is enabled.
    /// The secret before signs as well until `others_until`. Where there is none and none is to be, nothing is written.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn set_endpoint(
        &self,
        id: &str,
        endpoint: Option<NewEndpoint>,
        others_until: Timestamp,
    ) -> Result<(), StoreError> {
        match endpoint {
            Some(endpoint) => self.write(Set { endpoint, others_until }).await,
            None if self.has_endpoint(id).await? => {
                self.remove_endpoint(id.to_owned()).await.map(drop)
            }
            None => Ok(()),
        }
    }

    async fn has_endpoint(&self, id: &str) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar("select exists (select 1 from endpoints where id = ?1)");
        Ok(found.bind(id).fetch_one(&mut *self.reader().await?).await?)
    }

    /// The endpoints, in the order in which they were added, with the secrets that sign at `now`.
    /// One that is damaged is passed over, with an error in the log.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn endpoints(&self, now: Timestamp) -> Result<Vec<Endpoint>, StoreError> {
        let mut endpoints = Vec::new();
        for read in all(&mut *self.moment().await?, now).await? {
            endpoints.extend(rows::intact(read)?);
        }
        Ok(endpoints)
    }

    /// The endpoints that are told, as [`SqliteStore::endpoints`] has them: those that are neither
    /// disabled nor damaged. Nothing is logged, so that it can be asked for again and again.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn endpoints_told(&self, now: Timestamp) -> Result<Vec<Endpoint>, StoreError> {
        let all = all(&mut *self.moment().await?, now).await?;
        Ok(all.into_iter().flatten().filter(|endpoint| endpoint.disabled.is_none()).collect())
    }

    /// Forgets an endpoint, its secrets and its deliveries; answers whether there was one. It is
    /// gone at once, and its deliveries are forgotten in portions.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn remove_endpoint(&self, id: String) -> Result<bool, StoreError> {
        if !self.write(Remove { id }).await? {
            return Ok(false);
        }
        while self.forget_removed().await? {}
        Ok(true)
    }

    /// Forgets a portion of the deliveries to endpoints that were removed, if whoever removed them
    /// was cut off. Answers whether there may be more.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn forget_removed(&self) -> Result<bool, StoreError> {
        let is_any: bool =
            sqlx::query_scalar("select exists (select 1 from endpoints where is_removed)")
                .fetch_one(&mut *self.reader().await?)
                .await?;
        // Mostly there is none, and then nothing is to be written.
        if is_any { self.write(ForgetRemoved).await } else { Ok(false) }
    }

    /// Tells an endpoint again that was disabled, from where it stopped; answers whether there
    /// is one.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn enable_endpoint(&self, id: String, now: Timestamp) -> Result<bool, StoreError> {
        self.write(Enable { id, now }).await
    }

    /// Puts a secret in place of the ones before; answers whether there is the endpoint.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn rotate_secret(&self, secret: NewSecret) -> Result<bool, StoreError> {
        self.write(secret).await
    }
}

struct Add {
    endpoint: NewEndpoint,
}

impl Write for Add {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let is_taken: bool =
            sqlx::query_scalar("select exists (select 1 from endpoints where url = ?1)")
                .bind(self.endpoint.url.as_str())
                .fetch_one(&mut tx.conn)
                .await?;
        if is_taken { Ok(false) } else { self.endpoint.run(tx).await }
    }
}

impl Write for NewEndpoint {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let words = |kinds: &Vec<NotificationKind>| {
            let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            serde_json::to_string(&words).expect("a list of words has a JSON form")
        };
        let key: Option<i64> = sqlx::query_scalar(
            "insert into endpoints (id, url, kinds, cursor, created_at) \
             values (?1, ?2, ?3, (select coalesce(max(seq), 0) from notifications), ?4) \
             on conflict (id) do nothing returning key",
        )
        .bind(self.id.as_str())
        .bind(self.url.as_str())
        .bind(self.kinds.as_ref().map(words))
        .bind(self.now.0)
        .fetch_optional(&mut tx.conn)
        .await?;
        let Some(key) = key else { return Ok(false) };
        insert_secret(&mut tx.conn, key, &self.secret, self.now).await?;
        Ok(true)
    }
}

struct Set {
    endpoint: NewEndpoint,
    others_until: Timestamp,
}

impl Write for Set {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let NewEndpoint { id, url, secret, now, .. } = &self.endpoint;
        if self.endpoint.run(tx).await? {
            return Ok(());
        }
        let moved = sqlx::query("update endpoints set url = ?2 where id = ?1 and url <> ?2")
            .bind(id.as_str())
            .bind(url.as_str())
            .execute(&mut tx.conn)
            .await?;
        if moved.rows_affected() > 0 {
            // What was wrong with the place before says nothing of this one.
            Enable { id: id.clone(), now: *now }.run(tx).await?;
        }
        let newest: Option<String> = sqlx::query_scalar(
            "select s.secret from endpoint_secrets s join endpoints e on e.key = s.endpoint_key \
             where e.id = ?1 order by s.key desc limit 1",
        )
        .bind(id.as_str())
        .fetch_optional(&mut tx.conn)
        .await?;
        if newest.as_ref() != Some(secret) {
            let (endpoint, secret) = (id.clone(), secret.clone());
            let new = NewSecret { endpoint, secret, others_until: self.others_until, now: *now };
            new.run(tx).await?;
        }
        Ok(())
    }
}

async fn insert_secret(
    conn: &mut SqliteConnection,
    endpoint_key: i64,
    secret: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into endpoint_secrets (endpoint_key, secret, created_at) values (?1, ?2, ?3)",
    )
    .bind(endpoint_key)
    .bind(secret)
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) struct Remove {
    pub id: String,
}

impl Write for Remove {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let Some(key) = key_of(&mut tx.conn, &self.id).await? else { return Ok(false) };
        // Another one may have its id and its URL from now on.
        sqlx::query(
            "update endpoints set is_removed = 1, id = 'removed:' || key, url = 'removed:' || key \
             where key = ?1",
        )
        .bind(key)
        .execute(&mut tx.conn)
        .await?;
        sqlx::query("delete from endpoint_secrets where endpoint_key = ?1")
            .bind(key)
            .execute(&mut tx.conn)
            .await?;
        Ok(true)
    }
}

/// At most this many deliveries to a removed endpoint are forgotten in one transaction.
const REMOVED_AT_ONCE_MAX: usize = 1_000;

struct ForgetRemoved;

impl Write for ForgetRemoved {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let key: Option<i64> =
            sqlx::query_scalar("select key from endpoints where is_removed order by key limit 1")
                .fetch_optional(&mut tx.conn)
                .await?;
        let Some(key) = key else { return Ok(false) };
        let forgotten = sqlx::query(
            "delete from deliveries where key in \
             (select key from deliveries where endpoint_key = ?1 limit ?2 + 0)",
        )
        .bind(key)
        .bind(rows::limit(REMOVED_AT_ONCE_MAX))
        .execute(&mut tx.conn)
        .await?;
        if usize::try_from(forgotten.rows_affected()) != Ok(REMOVED_AT_ONCE_MAX) {
            sqlx::query("delete from endpoints where key = ?1")
                .bind(key)
                .execute(&mut tx.conn)
                .await?;
        }
        Ok(true)
    }
}

struct Enable {
    id: String,
    now: Timestamp,
}

impl Write for Enable {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let Some(key) = key_of(&mut tx.conn, &self.id).await? else { return Ok(false) };
        sqlx::query(
            "update endpoints set failing_since_at = null, warned_at = null, disabled_at = null, \
             disabled_for = null where key = ?1",
        )
        .bind(key)
        .execute(&mut tx.conn)
        .await?;
        sqlx::query(
            "update deliveries set next_at = min(next_at, ?2) \
             where endpoint_key = ?1 and state = 'due'",
        )
        .bind(key)
        .bind(self.now.0)
        .execute(&mut tx.conn)
        .await?;
        Ok(true)
    }
}

impl Write for NewSecret {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let Some(key) = key_of(&mut tx.conn, &self.endpoint).await? else { return Ok(false) };
        sqlx::query("delete from endpoint_secrets where endpoint_key = ?1 and expires_at <= ?2")
            .bind(key)
            .bind(self.now.0)
            .execute(&mut tx.conn)
            .await?;
        sqlx::query(
            "update endpoint_secrets set expires_at = min(coalesce(expires_at, ?2), ?2) \
             where endpoint_key = ?1",
        )
        .bind(key)
        .bind(self.others_until.0)
        .execute(&mut tx.conn)
        .await?;
        insert_secret(&mut tx.conn, key, &self.secret, self.now).await?;
        Ok(true)
    }
}

/// The key of an endpoint.
pub(super) async fn key_of(
    conn: &mut SqliteConnection,
    id: &str,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("select key from endpoints where id = ?1 and not is_removed")
        .bind(id)
        .fetch_optional(conn)
        .await
}

/// The columns of an endpoint: key, id, URL, kinds, cursor, when it was added, since when it
/// fails, when that was warned of, when and why it was disabled.
type Columns = (
    i64,
    Vec<u8>,
    Vec<u8>,
    Option<Vec<u8>>,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<Vec<u8>>,
);

/// Each endpoint, or how it is damaged.
async fn all(
    conn: &mut SqliteConnection,
    now: Timestamp,
) -> Result<Vec<Result<Endpoint, StoreError>>, sqlx::Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select e.key, e.id, e.url, e.kinds, e.cursor, e.created_at, e.failing_since_at, \
         e.warned_at, e.disabled_at, e.disabled_for from endpoints e \
         where not e.is_removed order by e.key",
    )
    .fetch_all(&mut *conn)
    .await?;
    let secrets: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select endpoint_key, secret from endpoint_secrets \
         where expires_at is null or expires_at > ?1 order by key desc",
    )
    .bind(now.0)
    .fetch_all(conn)
    .await?;
    let mut by_endpoint: BTreeMap<i64, Vec<Vec<u8>>> = BTreeMap::new();
    for (key, secret) in secrets {
        by_endpoint.entry(key).or_default().push(secret);
    }
    let read = |row: Columns| {
        let secrets = by_endpoint.remove(&row.0).unwrap_or_default();
        read(row, secrets)
    };
    Ok(rows.into_iter().map(read).collect())
}

fn read(row: Columns, secrets: Vec<Vec<u8>>) -> Result<Endpoint, StoreError> {
    let (key, id, url, kinds, cursor, created, failing, warned, disabled_at, why) = row;
    let id = rows::text(&format!("of the endpoint in row {key}"), id)?;
    let whose = format!("of endpoint {id}");
    let damaged = |what: String| rows::damaged(&whose, what);
    let text = |bytes| rows::text(&whose, bytes);
    let kinds = match kinds {
        None => None,
        Some(json) => {
            let words: Vec<String> =
                serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
            let kind = |word: &String| {
                NotificationKind::from_word(word)
                    .ok_or_else(|| damaged(format!("there is no notification {word}")))
            };
            Some(words.iter().map(kind).collect::<Result<Vec<_>, _>>()?)
        }
    };
    let why = why.map(|word| {
        let word = text(word)?;
        DisabledFor::from_word(&word).ok_or_else(|| damaged(format!("there is no cause {word}")))
    });
    let disabled = disabled_at.map(Timestamp).zip(why.transpose()?);
    let cursor =
        u64::try_from(cursor).map_err(|_| damaged(format!("its cursor {cursor} is negative")))?;
    Ok(Endpoint {
        key,
        url: text(url)?,
        kinds,
        cursor,
        created_at: Timestamp(created),
        failing_since: failing.map(Timestamp),
        warned_at: warned.map(Timestamp),
        disabled,
        secrets: secrets.into_iter().map(text).collect::<Result<_, _>>()?,
        id,
    })
}
