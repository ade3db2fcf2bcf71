//! Digests of documents, by which the same file is known again. They are personal data that can't
//! be read back: a digest says nothing but that two files are the same.

use std::collections::BTreeMap;

use onboarding::{DocumentType, Onboarding, OnboardingId};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{DocumentDigest, SAME_FILE_MAX, StoreError};

/// The table that goes with a user.
pub(super) const TABLE: &str = "document_digests";

/// The database's key.
pub(super) async fn key(conn: &mut SqliteConnection) -> Result<[u8; 32], StoreError> {
    let key: Option<Vec<u8>> =
        sqlx::query_scalar("select key from digest_key").fetch_optional(conn).await?;
    key.and_then(|key| key.try_into().ok()).ok_or_else(|| StoreError::Damaged {
        id: "(of every user)".to_owned(),
        what: "the key of the digests is missing".to_owned(),
    })
}

/// Stores a digest; it replaces an earlier revision's.
pub(super) async fn put(
    conn: &mut SqliteConnection,
    key: i64,
    document_type: &DocumentType,
    digest: DocumentDigest,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into document_digests (onboarding_key, document_type, digest) values (?1, ?2, ?3) \
         on conflict (onboarding_key, document_type) do update set digest = excluded.digest",
    )
    .bind(key)
    .bind(document_type.as_str())
    .bind(&digest.0[..])
    .execute(conn)
    .await?;
    Ok(())
}

/// The digests of an onboarding's documents.
pub(super) async fn of(
    conn: &mut SqliteConnection,
    key: i64,
) -> Result<BTreeMap<DocumentType, DocumentDigest>, StoreError> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "select document_type, digest from document_digests where onboarding_key = ?1",
    )
    .bind(key)
    .fetch_all(conn)
    .await?;
    let digests = rows.into_iter().filter_map(|(document_type, digest)| {
        Some((DocumentType::from(document_type.as_str()), DocumentDigest(digest.try_into().ok()?)))
    });
    Ok(digests.collect())
}

/// The others who gave the same file, those created first.
pub(super) async fn same_file(
    conn: &mut SqliteConnection,
    digest: DocumentDigest,
    except: OnboardingId,
) -> Result<Vec<OnboardingId>, StoreError> {
    let ids: Vec<Vec<u8>> = sqlx::query_scalar(
        "select distinct onboardings.id from document_digests \
         join onboardings on onboardings.key = onboarding_key \
         where digest = ?1 and onboardings.id <> ?2 order by onboarding_key limit ?3 + 0",
    )
    .bind(&digest.0[..])
    .bind(&except.0.as_bytes()[..])
    .bind(i64::try_from(SAME_FILE_MAX).unwrap_or(i64::MAX))
    .fetch_all(conn)
    .await?;
    Ok(ids.iter().filter_map(|id| Uuid::from_slice(id).ok()).map(OnboardingId).collect())
}

/// Deletes the digests of documents that are neither here nor at the provider any longer.
pub(super) async fn delete_not_held(
    conn: &mut SqliteConnection,
    key: i64,
    onboarding: &Onboarding,
) -> Result<bool, sqlx::Error> {
    let at_hand = onboarding.documents.iter().filter(|(_, document)| document.is_at_hand());
    let held: Vec<&str> = at_hand.map(|(document_type, _)| document_type.as_str()).collect();
    let held = serde_json::to_string(&held).expect("a list of words has a JSON form");
    let deleted = sqlx::query(
        "delete from document_digests where onboarding_key = ?1 \
         and document_type not in (select value from json_each(?2))",
    )
    .bind(key)
    .bind(held)
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() > 0)
}

/// Destroys the digests of an onboarding.
pub(super) async fn erase(conn: &mut SqliteConnection, key: i64) -> Result<(), sqlx::Error> {
    sqlx::query("delete from document_digests where onboarding_key = ?1")
        .bind(key)
        .execute(conn)
        .await?;
    Ok(())
}
