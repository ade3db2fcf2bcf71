//! The check of everything that is stored finds each kind of damage, and nothing else.

use onboarding::{DocumentType, ProductStatus, Revision, WalletNumber};

use super::*;
use crate::conformance::{answered, begin_to_trigger, change, passport_uploaded, put, wallet};
use crate::{ClaimAfter, Damage};

/// Four users: one with a task, one who is verified, one with a document to be sent, and one
/// who is erased.
async fn populated(place: &Place) -> SqliteStore {
    let store = place.open().await;
    for (number, status) in [(1, ProductStatus::RequiresData), (2, ProductStatus::Verified)] {
        begin_to_trigger(&store, number, NOW).await;
        let trigger = claim(&store, NOW).await.claimed.remove(0);
        let release = ClaimAfter::Release(trigger.lease);
        put(&store, answered(&trigger, status, release, NOW, store.policy())).await;
    }
    let before = begin(&store, 3, NOW).await;
    let mut with_passport = change(&before, &[passport_added(1)], NOW, store.policy());
    with_passport.personal.push(passport(1, b"bytes"));
    put(&store, with_passport).await;
    begin(&store, 4, NOW).await;
    more(&store, 4, &[Event::Erased { reason: "asked".into() }], NOW).await;
    store
}

/// All that is found, and how many onboardings were looked at.
async fn check(store: &SqliteStore) -> (Vec<Damage>, u64) {
    let mut damages = store.check_file().await.unwrap();
    let mut check = store.check_onboardings().await.unwrap();
    let mut checked = 0;
    while let Some(page) = check.next_page().await.unwrap() {
        checked += page.checked;
        damages.extend(page.damages);
    }
    (damages, checked)
}

#[tokio::test]
async fn a_sound_store_has_no_damage() {
    let place = Place::new();
    assert_eq!(check(&place.open().await).await, (vec![], 0));
    assert_eq!(check(&populated(&place).await).await, (vec![], 4));
}

#[tokio::test]
async fn more_onboardings_than_a_page_has_are_all_checked() {
    let place = Place::new();
    let store = place.open().await;
    for number in 1..=450 {
        begin(&store, number, NOW).await;
    }
    place.run("update profiles set json = x'00' where onboarding_key in (1, 200, 450)").await;
    let (damages, checked) = check(&store).await;
    let whose: Vec<_> = damages.iter().map(|damage| damage.onboarding).collect();
    assert_eq!((whose, checked), (vec![Some(id(1)), Some(id(200)), Some(id(450))], 450));
}

/// What is done to the store, whose it is, and what is said of it.
const DAMAGES: [(&str, u128, &str); 17] = [
    (
        r#"update onboardings set snapshot = '{"schema":1,"onboarding":{}}' where key = 1"#,
        1,
        "missing field",
    ),
    ("update onboardings set snapshot = 'garbage' where key = 1", 1, "expected value"),
    (
        "update onboardings set snapshot = json_set(snapshot, '$.onboarding.epoch', 77) where key = 1",
        1,
        "its history does not give what is stored in epoch",
    ),
    ("update onboardings set version = version + 1 where key = 1", 1, "another version's"),
    ("update onboardings set state = 'polling' where key = 1", 1, "not those of its snapshot"),
    (
        "update onboardings set lane = null, due_at = null where key = 3",
        3,
        "the row does not say when",
    ),
    (
        "delete from history where onboarding_key = 1 and version = 3",
        1,
        "version 3 is missing in its history",
    ),
    ("delete from history where onboarding_key = 1 and version = 6", 1, "leads to version 5"),
    ("delete from history where onboarding_key = 1", 1, "it has no history"),
    (
        "update history set event = '{\"schema\":9}' where onboarding_key = 1 and version = 2",
        1,
        "version 2: its schema is 9",
    ),
    (
        "update history set to_state = 'held' where onboarding_key = 1 and version = 2",
        1,
        "version 2 says that it went from registering to held",
    ),
    (
        "update history set happened_at = happened_at + 1 where onboarding_key = 1 and version = 6",
        1,
        "its history does not give what is stored in",
    ),
    ("update tasks set state = 'supplied' where onboarding_key = 1", 1, "its task 1 is not what"),
    ("delete from tasks where onboarding_key = 1", 1, "its tasks are not all"),
    ("update profiles set json = x'00' where onboarding_key = 3", 3, "can't be read at line 1"),
    ("delete from document_contents where onboarding_key = 3", 3, "document id-passport is not"),
    ("delete from users where onboarding_key = 2", 2, "no user that can be read"),
];

#[tokio::test]
async fn each_damaged_row_is_found_and_its_onboarding_named() {
    for (sql, number, what) in DAMAGES {
        let place = Place::new();
        let store = populated(&place).await;
        let spoil = format!("pragma ignore_check_constraints = on; {sql}");
        sqlx::raw_sql(AssertSqlSafe(spoil)).execute(&mut place.raw().await).await.unwrap();
        let (damages, checked) = check(&store).await;
        assert_eq!(checked, 4, "{sql}: the others are checked as well");
        let named: Vec<_> = damages.iter().filter(|damage| damage.onboarding.is_some()).collect();
        assert!(!named.is_empty(), "{sql}: {damages:?}");
        assert!(named.iter().all(|damage| damage.onboarding == Some(id(number))), "{named:?}");
        assert!(named.iter().any(|damage| damage.what.contains(what)), "{sql}: {named:?}");
    }
}

#[tokio::test]
async fn what_was_to_be_destroyed_and_is_still_there_is_found() {
    for (sql, what) in [
        ("insert into profiles values (4, 1, x'7b7d')", "got rid of"),
        (
            "insert into document_contents (onboarding_key, document_type, revision, media_type, \
             bytes) values (4, 'id-passport', 1, 'image/png', x'00')",
            "should have been deleted",
        ),
        ("update users set locator = 'userId:someone' where onboarding_key = 4", "erasure"),
    ] {
        let place = Place::new();
        let store = populated(&place).await;
        place.run(sql).await;
        let (damages, _) = check(&store).await;
        assert_eq!(damages.len(), 1, "{sql}: {damages:?}");
        assert!(damages[0].what.contains(what), "{sql}: {damages:?}");
        assert_eq!(damages[0].onboarding, Some(id(4)));
    }
}

/// The bytes of a document go once the provider has it.
#[tokio::test]
async fn bytes_that_are_gone_as_they_should_be_are_no_damage_and_those_that_are_left_are() {
    for (sql, what) in [
        ("select 1", None),
        (
            "insert into document_contents (onboarding_key, document_type, revision, media_type, \
             bytes) values (3, 'id-passport', 1, 'image/png', x'00')",
            Some("the bytes of its document id-passport should have been deleted"),
        ),
        (
            "update profiles set revision = 9 where onboarding_key = 3",
            Some("its profile is of revision 9, and should be of 1"),
        ),
    ] {
        let place = Place::new();
        let store = populated(&place).await;
        more(&store, 3, &[passport_uploaded(1)], at(5)).await;
        place.run(sql).await;
        let (damages, _) = check(&store).await;
        let said: Vec<&str> = damages.iter().map(|damage| damage.what.as_str()).collect();
        assert_eq!(said, Vec::from_iter(what), "{sql}");
    }
}

#[tokio::test]
async fn a_wallet_that_is_not_as_it_was_given_is_found_and_not_repeated() {
    for (sql, what) in [
        ("select 1", None),
        ("delete from wallets", Some("its wallet 1 is not stored as it was given")),
        ("update wallets set revision = 9", Some("its wallet 1 is not stored as it was given")),
        (
            "update wallets set proof = '{Secret'",
            Some("its wallet 1 is not stored as it was given"),
        ),
        (
            "update wallets set address = cast(x'ff00' as text)",
            Some("its wallet 1 is not stored as it was given"),
        ),
        (
            "insert into wallets (onboarding_key, number, revision, address, chain) \
             values (1, 7, 1, '0xSecret', 'base')",
            Some("its wallet 7 should have been deleted"),
        ),
    ] {
        let place = Place::new();
        let store = place.open().await;
        let before = begin(&store, 1, NOW).await;
        let given = Event::WalletGiven { number: WalletNumber(1), revision: Revision(1) };
        let mut commit = change(&before, &[given], NOW, store.policy());
        commit.personal.push(wallet(1, 1, "base"));
        put(&store, commit).await;
        let spoil = format!("pragma ignore_check_constraints = on; {sql}");
        sqlx::raw_sql(AssertSqlSafe(spoil)).execute(&mut place.raw().await).await.unwrap();
        let (damages, _) = check(&store).await;
        let found: Vec<&str> = damages.iter().map(|damage| damage.what.as_str()).collect();
        assert_eq!(found.contains(&what.unwrap_or_default()), what.is_some(), "{sql}: {found:?}");
        assert_eq!(found.is_empty(), what.is_none(), "{sql}: {found:?}");
        assert!(!format!("{damages:?}").contains("Secret"), "{damages:?}");
    }
}

#[tokio::test]
async fn rows_without_an_onboarding_are_found() {
    let place = Place::new();
    let store = populated(&place).await;
    place.run("pragma foreign_keys = off; delete from onboardings where key = 3").await;
    let (damages, checked) = check(&store).await;
    assert_eq!(checked, 3);
    let orphans = damages.iter().filter(|damage| damage.what.contains("no row of onboardings"));
    // The user, the profile, the document, three rows of history and what others are told.
    assert_eq!(orphans.count(), 7, "{damages:?}");
}

/// Overwrites the first page of a table's or an index's tree, as a bad disk would.
async fn overwrite(place: &Place, tree: &str) {
    let mut conn = place.raw().await;
    let page: i64 = sqlx::query_scalar("select rootpage from sqlite_schema where name = ?1")
        .bind(tree)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    sqlx::query("pragma wal_checkpoint(truncate)").execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let mut file = std::fs::read(place.path()).unwrap();
    let begin = usize::try_from(page - 1).unwrap() * 4096;
    file[begin..begin + 4096].fill(0xA5);
    std::fs::write(place.path(), file).unwrap();
}

#[tokio::test]
async fn an_overwritten_page_is_found_whatever_it_held() {
    for (tree, named) in [
        ("onboardings_due", 0),
        ("onboardings_by_state", 0),
        ("sqlite_autoindex_onboardings_1", 0),
        ("onboardings", 4),
        ("users", 4),
        ("history", 4),
        ("sqlite_autoindex_history_1", 4),
        ("tasks", 1),
        ("profiles", 4),
        ("document_contents", 1),
        ("policies", 4),
    ] {
        let place = Place::new();
        drop(populated(&place).await);
        overwrite(&place, tree).await;
        let store = place.open().await;
        let (damages, checked) = check(&store).await;
        assert_eq!(checked, 4, "{tree}: {damages:?}");
        let of_the_file = damages.iter().filter(|damage| damage.onboarding.is_none()).count();
        assert!(of_the_file > 0, "{tree}: {damages:?}");
        assert!(damages[0].what.contains(table_of(tree)), "{tree}: {damages:?}");
        assert_eq!(damages.len() - of_the_file, named, "{tree}: {damages:?}");
    }
}

/// Neither their index nor the rows themselves lead to the onboardings then.
#[tokio::test]
async fn onboardings_that_can_not_be_listed_at_all_are_told_of() {
    let place = Place::new();
    drop(populated(&place).await);
    for tree in ["onboardings", "sqlite_autoindex_onboardings_1"] {
        overwrite(&place, tree).await;
    }
    let store = place.open().await;
    let (damages, checked) = check(&store).await;
    assert_eq!(checked, 0, "{damages:?}");
    let last = damages.last().unwrap();
    assert_eq!(last.what, "the onboardings after number 0 can't be listed");
    assert_eq!(last.onboarding, None);
}

/// The table that a tree is of.
fn table_of(tree: &str) -> &str {
    let name = tree.trim_start_matches("sqlite_autoindex_");
    ["onboardings", "history"].into_iter().find(|table| name.starts_with(table)).unwrap_or(tree)
}

#[tokio::test]
async fn what_a_damage_says_holds_no_personal_data() {
    let place = Place::new();
    let store = populated(&place).await;
    place
        .run(
            "update profiles set json = cast('{\"userDetails\": {\"firstName\": Secret}}' as blob);
            update document_contents set revision = 9, bytes = cast('Secret' as blob);
            update users set locator = 'userId:Secret' where onboarding_key = 4;",
        )
        .await;
    let (damages, _) = check(&store).await;
    assert_eq!(damages.len(), 5, "{damages:?}");
    assert!(!format!("{damages:?}").contains("Secret"), "{damages:?}");
    assert!(format!("{damages:?}").contains(DocumentType::IdPassport.as_str()));
}
