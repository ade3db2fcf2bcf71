//! What the HTTP API keeps: its clients' keys, and what their requests were answered.

use onboarding::{OnboardingId, Timestamp};
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::rows;
use super::writer::{Tx, Write};
use crate::StoreError;

/// The tables.
pub(super) const TABLES: [&str; 2] = ["api_keys", "answered_requests"];

/// Stands for an answer that was destroyed.
const DESTROYED: &str = "null";

/// At most so many answers that are no longer kept are deleted by one request.
const FORGOTTEN_AT_ONCE: i64 = 100;

/// A key of the API. The key itself is known to its client alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part, by which it is found.
    pub prefix: String,
    /// What operators call it.
    pub name: String,
    /// A hash of the whole key.
    pub hash: [u8; 32],
    /// The words of what it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it opens anything at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

/// What a request with an idempotency key was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Digest of the client and of the idempotency key.
    pub request: [u8; 32],
    /// Digest of what was asked.
    pub asked: [u8; 32],
    /// The onboarding that it is about; its answers go when it is erased.
    pub onboarding: Option<OnboardingId>,
    /// The answer as JSON, without personal data; `null` once the onboarding was erased.
    pub answer: String,
    /// When it was answered.
    pub at: Timestamp,
}

impl Answered {
    /// Whether its onboarding was erased, and what was asked and answered with it.
    #[must_use]
    pub fn is_destroyed(&self) -> bool {
        self.answer == DESTROYED
    }
}

/// What is to be kept of a request, for its repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remember {
    /// What it was answered.
    pub answered: Answered,
    /// Answers from before this are no longer kept, and those to the same request of no effect.
    pub forget_before: Timestamp,
}

impl SqliteStore {
    /// Adds a key.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn add_api_key(&self, key: ApiKey) -> Result<(), StoreError> {
        self.write(AddKey(key)).await
    }

    /// The key with this public part, whether it is still good or not.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn api_key(&self, prefix: &str) -> Result<Option<ApiKey>, StoreError> {
        let row: Option<KeyColumns> = sqlx::query_as(
            "select prefix, name, hash, scopes, created_at, expires_at, last_used_at, revoked_at \
             from api_keys where prefix = ?1",
        )
        .bind(prefix)
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        row.map(read_key).transpose()
    }

    /// Every key, in order of creation.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyColumns> = sqlx::query_as(
            "select prefix, name, hash, scopes, created_at, expires_at, last_used_at, revoked_at \
             from api_keys order by key",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.into_iter().map(read_key).collect()
    }

    /// Whether there ever was a key.
    ///
    /// # Errors
    /// When that can't be read.
    pub async fn has_api_keys(&self) -> Result<bool, StoreError> {
        let has = sqlx::query_scalar("select exists (select 1 from api_keys)");
        Ok(has.fetch_one(&mut *self.reader().await?).await?)
    }

    /// Revokes a key; `false` if there is none. One that is revoked stays as it is.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn revoke_api_key(&self, prefix: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.write(RevokeKey { prefix: prefix.to_owned(), now }).await
    }

    /// Notes that a key was used.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn api_key_used(&self, prefix: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(KeyUsed { prefix: prefix.to_owned(), now }).await
    }

    /// What a request was answered, if that is still known.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn answered(&self, request: [u8; 32]) -> Result<Option<Answered>, StoreError> {
        let mut moment = self.moment().await?;
        let row: Option<AnswerColumns> = sqlx::query_as(
            "select a.asked, o.id, a.answer, a.answered_at from answered_requests a \
             left join onboardings o on o.key = a.onboarding_key where a.request = ?1",
        )
        .bind(&request[..])
        .fetch_optional(&mut *moment)
        .await?;
        let Some((asked, onboarding, answer, at)) = row else { return Ok(None) };
        let onboarding = onboarding.map(|id| rows::onboarding_id(&id)).transpose()?;
        let asked = bytes("an answered request", asked)?;
        Ok(Some(Answered { request, asked, onboarding, answer, at: Timestamp(at) }))
    }

    /// Remembers what a request was answered that changed nothing. What one that changed something
    /// is answered comes with its [`Commit`](crate::Commit).
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn remember_answer(&self, remember: Remember) -> Result<(), StoreError> {
        self.write(remember).await
    }
}

/// Destroys what was asked and answered of an onboarding. That it was stays known, so that a late
/// repetition does not begin anew what was erased.
pub(super) async fn erase(conn: &mut SqliteConnection, key: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update answered_requests set answer = ?2, asked = zeroblob(32) where onboarding_key = ?1",
    )
    .bind(key)
    .bind(DESTROYED)
    .execute(conn)
    .await?;
    Ok(())
}

impl Remember {
    /// Whether the request was answered before, and that is still kept.
    pub(super) async fn is_known(&self, conn: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "select exists (select 1 from answered_requests \
             where request = ?1 and answered_at >= ?2)",
        )
        .bind(&self.answered.request[..])
        .bind(self.forget_before.0)
        .fetch_one(conn)
        .await
    }
}

/// The columns of an answer: what was asked, the onboarding's id, the answer, its time.
type AnswerColumns = (Vec<u8>, Option<Vec<u8>>, String, i64);

/// The columns of a key, in the order of [`ApiKey`].
type KeyColumns = (String, String, Vec<u8>, String, i64, Option<i64>, Option<i64>, Option<i64>);

fn read_key(
    (prefix, name, hash, scopes, created, expires, used, revoked): KeyColumns,
) -> Result<ApiKey, StoreError> {
    let of = format!("of the API key {prefix}");
    let hash = bytes(&of, hash)?;
    let scopes = serde_json::from_str(&scopes).map_err(|_| rows::damaged(of, "its scopes"))?;
    Ok(ApiKey {
        prefix,
        name,
        hash,
        scopes,
        created_at: Timestamp(created),
        expires_at: expires.map(Timestamp),
        last_used_at: used.map(Timestamp),
        revoked_at: revoked.map(Timestamp),
    })
}

fn bytes(of: &str, column: Vec<u8>) -> Result<[u8; 32], StoreError> {
    column.try_into().map_err(|_| rows::damaged(of, "a digest has another length"))
}

struct AddKey(ApiKey);

impl Write for AddKey {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let Self(key) = self;
        let scopes = serde_json::to_string(&key.scopes).expect("a list of words has a JSON form");
        sqlx::query(
            "insert into api_keys (prefix, name, hash, scopes, created_at, expires_at) \
             values (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(key.prefix.as_str())
        .bind(key.name.as_str())
        .bind(&key.hash[..])
        .bind(scopes)
        .bind(key.created_at.0)
        .bind(key.expires_at.map(|at| at.0))
        .execute(&mut tx.conn)
        .await?;
        Ok(())
    }
}

struct RevokeKey {
    prefix: String,
    now: Timestamp,
}

impl Write for RevokeKey {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let revoked = sqlx::query(
            "update api_keys set revoked_at = coalesce(revoked_at, ?2) where prefix = ?1",
        )
        .bind(self.prefix.as_str())
        .bind(self.now.0)
        .execute(&mut tx.conn)
        .await?;
        Ok(revoked.rows_affected() > 0)
    }
}

struct KeyUsed {
    prefix: String,
    now: Timestamp,
}

impl Write for KeyUsed {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query("update api_keys set last_used_at = ?2 where prefix = ?1")
            .bind(self.prefix.as_str())
            .bind(self.now.0)
            .execute(&mut tx.conn)
            .await?;
        Ok(())
    }
}

impl Write for Remember {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let Answered { request, asked, onboarding, answer, at } = &self.answered;
        sqlx::query(
            "delete from answered_requests where key in \
             (select key from answered_requests where answered_at < ?1 limit ?2 + 0)",
        )
        .bind(self.forget_before.0)
        .bind(FORGOTTEN_AT_ONCE)
        .execute(&mut tx.conn)
        .await?;
        let key = match onboarding {
            Some(id) => rows::key_of(&mut tx.conn, *id).await?,
            None => None,
        };
        sqlx::query(
            "insert into answered_requests (request, asked, onboarding_key, answer, answered_at) \
             values (?1, ?2, ?3, ?4, ?5) on conflict (request) do update set \
             asked = excluded.asked, onboarding_key = excluded.onboarding_key, \
             answer = excluded.answer, answered_at = excluded.answered_at",
        )
        .bind(&request[..])
        .bind(&asked[..])
        .bind(key)
        .bind(answer.as_str())
        .bind(at.0)
        .execute(&mut tx.conn)
        .await?;
        Ok(())
    }
}
