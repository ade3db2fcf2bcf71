//! Where personal data is, and that it is nowhere once it was destroyed.

use onboarding::{Event, GivenWallet, WalletNumber};
use sqlx::AssertSqlSafe;

use super::*;
use crate::PersonalData;
use crate::conformance::passport_uploaded;
use crate::sqlite::writer::TRANSACTIONS_A_LOOK;

const CANARY: &str = "canary-7261";

async fn begin_with_canary(store: &SqliteStore) {
    let whose = Stored { user: format!("userId:{CANARY}").parse().unwrap(), ..blank(1, NOW) };
    let (number, revision) = (WalletNumber(1), onboarding::Revision(1));
    let given = Event::WalletGiven { number, revision };
    let events = [wanted(), crate::conformance::profile_set(1), passport_added(1), given];
    let mut commit = change(&whose, &events, NOW, store.policy());
    commit.personal = vec![
        profile(1, &format!(r#"{{"name":"{CANARY}"}}"#)),
        passport(1, format!("png {CANARY}").repeat(2_000).as_bytes()),
        PersonalData::Wallet {
            number,
            revision,
            wallet: GivenWallet {
                address: format!("0x{CANARY}"),
                chain: "base".to_owned(),
                proof: Some(CANARY.into()),
            },
        },
        PersonalData::WalletChallenge { number, revision, challenge: CANARY.into() },
    ];
    put(store, commit).await;
}

#[tokio::test]
async fn personal_data_is_in_its_own_tables_alone() {
    let place = Place::new();
    let store = place.open().await;
    begin_with_canary(&store).await;
    claim(&store, NOW).await;
    more(&store, 1, &[hold()], NOW).await;

    let mut conn = place.raw().await;
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select t.name, c.name from sqlite_schema t join pragma_table_info(t.name) c \
         where t.type = 'table'",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let mut found = Vec::new();
    for (table, column) in columns {
        let sql = format!(
            "select count(*) from {table} where instr(cast({column} as blob), cast(?1 as blob))"
        );
        let rows: i64 =
            sqlx::query_scalar(AssertSqlSafe(sql)).bind(CANARY).fetch_one(&mut conn).await.unwrap();
        if rows > 0 {
            found.push(format!("{table}.{column}"));
        }
    }
    assert_eq!(
        found,
        [
            "users.locator",
            "profiles.json",
            "document_contents.bytes",
            "wallets.address",
            "wallets.proof",
            "wallets.challenge",
        ]
    );
}

#[tokio::test]
async fn erased_data_is_in_no_file() {
    let place = Place::new();
    let store = place.open().await;
    begin_with_canary(&store).await;
    assert!(is_canary_in_a_file(&place));
    more(&store, 1, &[erased()], NOW).await;
    assert!(!is_canary_in_a_file(&place));
}

fn erased() -> Event {
    Event::Erased { reason: "asked".into() }
}

fn is_canary_in_a_file(place: &Place) -> bool {
    ["", "-wal"].iter().any(|suffix| {
        let bytes = std::fs::read(place.file(suffix)).unwrap();
        bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
    })
}

/// Writes until the writer has looked whether the log holds destroyed data.
async fn let_a_look_pass(store: &SqliteStore) {
    for _ in 0..=TRANSACTIONS_A_LOOK {
        store.check_writable().await.unwrap();
    }
}

#[tokio::test]
async fn deleted_documents_are_in_no_file_soon_after() {
    let place = Place::new();
    let store = place.open().await;
    let before = begin(&store, 1, NOW).await;
    let mut commit = change(&before, &[passport_added(1)], NOW, store.policy());
    commit.personal.push(passport(1, format!("png {CANARY}").repeat(2_000).as_bytes()));
    put(&store, commit).await;
    more(&store, 1, &[passport_uploaded(1)], NOW).await;
    assert!(is_canary_in_a_file(&place));
    let_a_look_pass(&store).await;
    assert!(!is_canary_in_a_file(&place));
}

#[tokio::test]
async fn a_wallet_that_was_taken_back_is_in_no_file_soon_after() {
    let place = Place::new();
    let store = place.open().await;
    let before = begin(&store, 1, NOW).await;
    let (number, revision) = (WalletNumber(1), onboarding::Revision(1));
    let given = Event::WalletGiven { number, revision };
    let mut commit = change(&before, &[given], NOW, store.policy());
    let address = format!("0x{CANARY}");
    let wallet = GivenWallet { address, chain: "base".to_owned(), proof: None };
    commit.personal.push(PersonalData::Wallet { number, revision, wallet });
    put(&store, commit).await;
    more(&store, 1, &[Event::WalletWithdrawn { number }], NOW).await;
    assert!(is_canary_in_a_file(&place));
    let_a_look_pass(&store).await;
    assert!(!is_canary_in_a_file(&place));
}

#[tokio::test]
async fn a_long_reader_holds_up_no_write_and_erased_data_goes_when_it_has_ended() {
    let place = Place::new();
    // Whoever waits for the reader waits for ever.
    let options = open::options(&place.path()).busy_timeout(Duration::from_secs(24 * 3_600));
    let command = open_with(&options).await;
    begin_with_canary(&command).await;
    let mut reader = place.raw().await;
    sqlx::raw_sql("begin; select * from onboardings").execute(&mut reader).await.unwrap();

    let beside_the_reader = async {
        let worker =
            SqliteStore::open_with(&options, Policy::default(), Role::Worker).await.unwrap();
        more(&command, 1, &[erased()], NOW).await;
        drop(command);
        worker.write(claim::VoidLeases).await.unwrap();
        let_a_look_pass(&worker).await;
        worker
    };
    let worker = tokio::time::timeout(Duration::from_secs(60), beside_the_reader)
        .await
        .expect("no write waits for a reader");
    assert!(is_canary_in_a_file(&place), "the reader keeps the log");

    reader.close().await.unwrap();
    let_a_look_pass(&worker).await;
    assert!(!is_canary_in_a_file(&place));
    let noted: i64 = sqlx::query_scalar("select count(*) from destroyed_in_log")
        .fetch_one(&mut place.raw().await)
        .await
        .unwrap();
    assert_eq!(noted, 0, "nothing is left to do");
}
