//! What a database holds, read for a moment and without a process of its own.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use onboarding::{Context, GivenWallet, Onboarding, Outcome, Policy, Timestamp, apply};
use serde_json::{Value, json};
use store::{ListRequest, SqliteStore, Store as _, Stored};

/// The name of the database in a folder of `Gangway`.
const NAME: &str = "gangway.db";

/// A database's files, by what follows the database's name, while no process has it open.
#[derive(Clone, Default)]
pub struct Files(BTreeMap<&'static str, Vec<u8>>);

impl Files {
    /// Those in a folder. What is shared between processes is worth nothing without them.
    pub fn of(folder: &Path) -> Self {
        let path = |end: &str| folder.join(format!("{NAME}{end}"));
        let held = ["", "-wal"].into_iter();
        Self(held.filter_map(|end| Some((end, std::fs::read(path(end)).ok()?))).collect())
    }

    pub fn put_into(&self, folder: &Path) {
        for (end, content) in &self.0 {
            std::fs::write(folder.join(format!("{NAME}{end}")), content).unwrap();
        }
    }
}

/// Reads the database in a folder.
pub fn read<T>(folder: &Path, read: impl AsyncFnOnce(SqliteStore) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = folder.join(NAME);
    runtime.block_on(async {
        let store = SqliteStore::open(path.to_str().unwrap(), Policy::default()).await;
        read(store.unwrap()).await
    })
}

/// The user whom the database is about.
pub async fn the_one_user(store: &SqliteStore) -> Option<Stored> {
    let one = ListRequest { state: None, after: None, limit: 1 };
    store.list(one).await.unwrap().into_iter().next()
}

pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// What the rules make of the history.
pub async fn replayed(store: &SqliteStore, stored: &Onboarding) -> Onboarding {
    let rows = store.history(stored.id, 0, 10_000).await.unwrap();
    let blank = Onboarding::blank(stored.id, stored.created_at);
    rows.iter().zip(1..).fold(blank, |before, (row, version)| {
        assert_eq!(row.version, version, "I1");
        match apply(&before, &row.event, &Context { now: row.at, policy: &row.policy }) {
            Outcome::Changed(transition) => transition.onboarding,
            Outcome::Ignored(reason) => {
                panic!("I1: history holds what changed nothing: {reason:?}")
            }
        }
    })
}

/// The data that we hold, by digest.
pub async fn held(store: &SqliteStore, stored: &Stored) -> Value {
    let onboarding = &stored.onboarding;
    let profile = store.profile(onboarding.id).await.unwrap();
    let mut contents = BTreeMap::new();
    for document_type in onboarding.documents.keys() {
        let content = store.document_content(onboarding.id, document_type).await.unwrap();
        let digest = content.map(|content| digest(&content.bytes));
        contents.insert(document_type.as_str().to_owned(), digest);
    }
    let wallets = store.wallets(onboarding.id).await.unwrap().into_iter();
    let wallets = wallets.map(|held| {
        let GivenWallet { address, chain, proof } = held.wallet;
        json!([held.number, held.revision, address, chain, proof, held.challenge])
    });
    json!({
        "profile": profile.map(|content| digest(&content.json)),
        "contents": contents,
        "wallets": wallets.collect::<Vec<_>>(),
    })
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
