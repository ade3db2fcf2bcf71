//! The only module that reads or writes personal data in clear, so that it can be sealed here
//! and nowhere else: who the user is, the profile, the documents' bytes and the wallets.
//! No other module names the tables `users`, `profiles`, `document_contents` and `wallets`.

use std::collections::BTreeMap;

use onboarding::{
    DocumentType, GivenWallet, Onboarding, OnboardingId, Profile, Revision, UserLocator,
    WalletNumber,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, SqliteConnection};
use tracing::error;

use super::rows::{OnboardingColumns, id_bytes, intact, onboarding_id, revision};
use super::{api, digests};
use crate::{DocumentContent, PersonalData, ProfileContent, StoreError, WalletContent};

/// The tables that hold personal data.
pub(super) const TABLES: [&str; 5] =
    ["users", "profiles", "document_contents", "wallets", digests::TABLE];

/// The key of a user's onboarding.
pub(super) async fn key_of(
    conn: &mut SqliteConnection,
    user: &UserLocator,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("select onboarding_key from users where locator = ?1")
        .bind(user.as_str())
        .fetch_optional(conn)
        .await
}

/// Which onboarding is read.
#[derive(Clone, Copy)]
pub(super) enum Whose<'a> {
    /// That of a row.
    Key(i64),
    /// That with an id.
    Id(OnboardingId),
    /// A user's.
    User(&'a UserLocator),
}

/// [`OnboardingColumns`], and the locator.
type ColumnsAndUser = (i64, Vec<u8>, i64, Vec<u8>, Option<Vec<u8>>);

/// The columns of an onboarding, and its user unless that one can't be read, by one statement:
/// most of what a read takes is the way to its connection and back.
pub(super) async fn onboarding(
    conn: &mut SqliteConnection,
    whose: Whose<'_>,
) -> Result<Option<(OnboardingColumns, Option<UserLocator>)>, sqlx::Error> {
    macro_rules! by {
        ($condition:literal) => {
            concat!(
                "select o.key, o.id, o.version, o.snapshot, u.locator from onboardings o \
                 left join users u on u.onboarding_key = o.key where ",
                $condition
            )
        };
    }
    let query = match whose {
        Whose::Key(key) => sqlx::query_as(by!("o.key = ?1")).bind(key),
        Whose::Id(id) => sqlx::query_as(by!("o.id = ?1")).bind(id_bytes(&id).to_vec()),
        Whose::User(user) => sqlx::query_as(by!("u.locator = ?1")).bind(user.as_str()),
    };
    let row: Option<ColumnsAndUser> = query.fetch_optional(conn).await?;
    Ok(row.map(|(key, id, version, snapshot, locator)| {
        let user = locator.and_then(|locator| user_of(&locator));
        ((key, id, version, snapshot), user)
    }))
}

/// The users of some onboardings, by their keys; one that can't be read is left out.
pub(super) async fn users(
    conn: &mut SqliteConnection,
    keys: &[i64],
) -> Result<BTreeMap<i64, UserLocator>, sqlx::Error> {
    let keys = serde_json::to_string(keys).expect("a list of numbers has a JSON form");
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select onboarding_key, locator from users \
         where onboarding_key in (select value from json_each(?1))",
    )
    .bind(keys)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().filter_map(|(key, locator)| Some((key, user_of(&locator)?))).collect())
}

fn user_of(locator: &[u8]) -> Option<UserLocator> {
    str::from_utf8(locator).ok()?.parse().ok()
}

/// Notes whose a new onboarding is.
pub(super) async fn insert_user(
    conn: &mut SqliteConnection,
    key: i64,
    user: &UserLocator,
) -> Result<(), sqlx::Error> {
    sqlx::query("insert into users (onboarding_key, locator) values (?1, ?2)")
        .bind(key)
        .bind(user.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Stores personal data; it replaces an earlier revision.
pub(super) async fn put(
    conn: &mut SqliteConnection,
    key: i64,
    personal: &PersonalData,
) -> Result<(), sqlx::Error> {
    let query = match personal {
        PersonalData::Profile { revision, json } => sqlx::query(
            "insert into profiles (onboarding_key, revision, json) values (?1, ?2, ?3) \
             on conflict (onboarding_key) do update set \
             revision = excluded.revision, json = excluded.json",
        )
        .bind(key)
        .bind(revision.0)
        .bind(json.as_slice()),
        PersonalData::DocumentContent { document_type, revision, media_type, bytes } => {
            sqlx::query(
                "insert into document_contents \
                 (onboarding_key, document_type, revision, media_type, bytes) \
                 values (?1, ?2, ?3, ?4, ?5) \
                 on conflict (onboarding_key, document_type) do update set \
                 revision = excluded.revision, media_type = excluded.media_type, \
                 bytes = excluded.bytes",
            )
            .bind(key)
            .bind(document_type.as_str())
            .bind(revision.0)
            .bind(media_type.as_str())
            .bind(bytes.as_slice())
        }
        PersonalData::DocumentDigest { document_type, digest } => {
            return digests::put(conn, key, document_type, *digest).await;
        }
        PersonalData::Wallet { number, revision, wallet } => sqlx::query(
            "insert into wallets (onboarding_key, number, revision, address, chain, proof) \
             values (?1, ?2, ?3, ?4, ?5, ?6) \
             on conflict (onboarding_key, number) do update set \
             revision = excluded.revision, address = excluded.address, chain = excluded.chain, \
             proof = excluded.proof, challenge = null",
        )
        .bind(key)
        .bind(number.0)
        .bind(revision.0)
        .bind(wallet.address.as_str())
        .bind(wallet.chain.as_str())
        .bind(wallet.proof.as_ref().map(ToString::to_string)),
        PersonalData::WalletChallenge { number, revision, challenge } => sqlx::query(
            "update wallets set challenge = ?4 \
             where onboarding_key = ?1 and number = ?2 and revision = ?3",
        )
        .bind(key)
        .bind(number.0)
        .bind(revision.0)
        .bind(challenge.to_string()),
    };
    query.execute(conn).await?;
    Ok(())
}

/// Deletes the bytes of every document that the onboarding says is no longer held, the digests of
/// those that are not at hand at all, and the wallets that it does not know, and says whether
/// there were any.
pub(super) async fn delete_contents_not_held(
    conn: &mut SqliteConnection,
    key: i64,
    onboarding: &Onboarding,
) -> Result<bool, sqlx::Error> {
    let held: Vec<&str> = onboarding
        .documents
        .iter()
        .filter(|(_, document)| document.content_held)
        .map(|(document_type, _)| document_type.as_str())
        .collect();
    let held = serde_json::to_string(&held).expect("a list of words has a JSON form");
    let deleted = sqlx::query(
        "delete from document_contents where onboarding_key = ?1 \
         and document_type not in (select value from json_each(?2))",
    )
    .bind(key)
    .bind(held)
    .execute(&mut *conn)
    .await?;
    let digests = digests::delete_not_held(conn, key, onboarding).await?;
    let known: Vec<u32> = onboarding.wallets.keys().map(|number| number.0).collect();
    let known = serde_json::to_string(&known).expect("a list of numbers has a JSON form");
    let wallets = sqlx::query(
        "delete from wallets where onboarding_key = ?1 \
         and number not in (select value from json_each(?2))",
    )
    .bind(key)
    .bind(known)
    .execute(conn)
    .await?;
    Ok(digests || deleted.rows_affected() > 0 || wallets.rows_affected() > 0)
}

/// Destroys everything personal of an onboarding.
pub(super) async fn erase(
    conn: &mut SqliteConnection,
    key: i64,
    id: OnboardingId,
) -> Result<(), sqlx::Error> {
    for statement in [
        "delete from profiles where onboarding_key = ?1",
        "delete from document_contents where onboarding_key = ?1",
        "delete from wallets where onboarding_key = ?1",
    ] {
        sqlx::query(statement).bind(key).execute(&mut *conn).await?;
    }
    sqlx::query("update users set locator = ?2 where onboarding_key = ?1")
        .bind(key)
        .bind(crate::erased_user(id).as_str())
        .execute(&mut *conn)
        .await?;
    api::erase(conn, key).await?;
    digests::erase(conn, key).await
}

/// The profile that is held.
pub(super) async fn profile(
    conn: &mut SqliteConnection,
    key: i64,
) -> Result<Option<ProfileContent>, StoreError> {
    let row: Option<(i64, Vec<u8>)> =
        sqlx::query_as("select revision, json from profiles where onboarding_key = ?1")
            .bind(key)
            .fetch_optional(conn)
            .await?;
    row.map(|(number, json)| Ok(ProfileContent { revision: revision(key, number)?, json }))
        .transpose()
}

/// The profiles of some onboardings, by one statement; one that can't be read is left out.
pub(super) async fn profiles(
    conn: &mut SqliteConnection,
    ids: &[OnboardingId],
) -> Result<BTreeMap<OnboardingId, ProfileContent>, StoreError> {
    let words = serde_json::to_string(ids).expect("a list of ids has a JSON form");
    let rows: Vec<(Vec<u8>, i64, i64, Vec<u8>)> = sqlx::query_as(
        "select o.id, o.key, p.revision, p.json from json_each(?1) j \
         join onboardings o on o.id = unhex(j.value, '-') \
         join profiles p on p.onboarding_key = o.key",
    )
    .bind(words)
    .fetch_all(conn)
    .await?;
    let mut profiles = BTreeMap::new();
    for (id, key, number, json) in rows {
        if let Some(revision) = intact(revision(key, number))? {
            profiles.insert(onboarding_id(&id)?, ProfileContent { revision, json });
        }
    }
    Ok(profiles)
}

/// The bytes that are held of a document.
pub(super) async fn document_content(
    conn: &mut SqliteConnection,
    key: i64,
    document_type: &DocumentType,
) -> Result<Option<DocumentContent>, StoreError> {
    let row: Option<(i64, String, Vec<u8>)> = sqlx::query_as(
        "select revision, media_type, bytes from document_contents \
         where onboarding_key = ?1 and document_type = ?2",
    )
    .bind(key)
    .bind(document_type.as_str())
    .fetch_optional(conn)
    .await?;
    row.map(|(number, media_type, bytes)| {
        Ok(DocumentContent { revision: revision(key, number)?, media_type, bytes })
    })
    .transpose()
}

/// The wallets that are held. One that can't be read is as one that was lost: the others, and the
/// user's other data, are not worse for it.
pub(super) async fn wallets(
    conn: &mut SqliteConnection,
    key: i64,
) -> Result<Vec<WalletContent>, StoreError> {
    let rows = sqlx::query(
        "select number, revision, address, chain, proof, challenge from wallets \
         where onboarding_key = ?1 order by number",
    )
    .bind(key)
    .fetch_all(conn)
    .await?;
    let content = rows.iter().filter_map(|row| {
        let content = wallet(key, row);
        if content.is_none() {
            error!(row = key, "a wallet can't be read; run `gangway doctor --check-store`");
        }
        content
    });
    Ok(content.collect())
}

fn wallet(key: i64, row: &SqliteRow) -> Option<WalletContent> {
    type Row = (u32, i64, String, String, Option<String>, Option<String>);
    let (number, of_revision, address, chain, proof, challenge) = Row::from_row(row).ok()?;
    let json = |text: Option<String>| text.map(|text| serde_json::from_str(&text)).transpose().ok();
    Some(WalletContent {
        number: WalletNumber(number),
        revision: revision(key, of_revision).ok()?,
        wallet: GivenWallet { address, chain, proof: json(proof)? },
        challenge: json(challenge)?,
    })
}

/// What is wrong with the personal data of an onboarding, each with what to do about it.
pub(super) async fn check(
    conn: &mut SqliteConnection,
    key: i64,
    onboarding: &Onboarding,
) -> Result<Vec<(String, &'static str)>, StoreError> {
    let mut wrong = Vec::new();
    wrong.extend(check_profile(conn, key, onboarding).await?.map(|what| (what, GIVE_PROFILE)));
    let mut unheld = contents(conn, key).await?;
    for (document_type, document) in &onboarding.documents {
        let content = unheld.remove(document_type.as_str());
        match content {
            Some(found) if document.content_held && found == (document.revision.0.into(), true) => {
            }
            None if !document.content_held => {}
            Some(_) if !document.content_held => wrong.push(left(document_type.as_str())),
            Some(_) | None => {
                let what = format!("its document {document_type} is not stored as it was given");
                wrong.push((what, ADD_DOCUMENT));
            }
        }
    }
    wrong.extend(unheld.keys().map(|document_type| left(document_type)));
    wrong.extend(check_wallets(conn, key, onboarding).await?);
    Ok(wrong)
}

const GIVE_PROFILE: &str = "give the user's whole data again, with `gangway user set`";
const ADD_DOCUMENT: &str = "add the document again, with `gangway document add`";
const GIVE_WALLET: &str = "restore it from a backup; without one, give the wallet again with \
    `gangway wallet link`: it counts as another";
const REPORT: &str = "report this as a defect; `gangway erase` destroys it with the rest";

fn left(document_type: &str) -> (String, &'static str) {
    (format!("the bytes of its document {document_type} should have been deleted"), REPORT)
}

async fn check_wallets(
    conn: &mut SqliteConnection,
    key: i64,
    onboarding: &Onboarding,
) -> Result<Vec<(String, &'static str)>, StoreError> {
    let held = wallets(conn, key).await?;
    let held: BTreeMap<WalletNumber, Revision> =
        held.into_iter().map(|held| (held.number, held.revision)).collect();
    let known = &onboarding.wallets;
    let lost = known.iter().filter(|(number, wallet)| held.get(number) != Some(&wallet.revision));
    let lost = lost.map(|(number, _)| {
        (format!("its wallet {number} is not stored as it was given"), GIVE_WALLET)
    });
    let left = held.keys().filter(|number| !known.contains_key(number));
    let left = left.map(|number| (format!("its wallet {number} should have been deleted"), REPORT));
    Ok(lost.chain(left).collect())
}

/// The error names a place in the profile, never what is there.
async fn check_profile(
    conn: &mut SqliteConnection,
    key: i64,
    onboarding: &Onboarding,
) -> Result<Option<String>, StoreError> {
    let content = profile(conn, key).await?;
    Ok(match (&onboarding.profile, content) {
        (None, None) => None,
        (None, Some(_)) => Some("it has a profile that it never got, or got rid of".to_owned()),
        (Some(_), None) => Some("its profile is missing".to_owned()),
        (Some(record), Some(content)) if record.revision != content.revision => {
            let (held, stored) = (record.revision, content.revision);
            Some(format!("its profile is of revision {stored}, and should be of {held}"))
        }
        (Some(_), Some(content)) => {
            serde_json::from_slice::<Profile>(&content.json).err().map(|e| {
                format!("its profile can't be read at line {} column {}", e.line(), e.column())
            })
        }
    })
}

/// The documents whose bytes are held, each with its revision and whether there are any bytes.
async fn contents(
    conn: &mut SqliteConnection,
    key: i64,
) -> Result<BTreeMap<String, (i64, bool)>, sqlx::Error> {
    let rows: Vec<(String, i64, bool)> = sqlx::query_as(
        "select document_type, revision, length(bytes) > 0 from document_contents \
         where onboarding_key = ?1",
    )
    .bind(key)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(kind, revision, is_full)| (kind, (revision, is_full))).collect())
}
