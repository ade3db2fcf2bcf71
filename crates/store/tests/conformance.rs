//! Every store passes one suite.

use onboarding::Policy;
use store::conformance::Backend;
use store::{MemoryStore, SqliteStore};

struct Memory(MemoryStore);

impl Backend for Memory {
    type Store = MemoryStore;

    async fn open(&self, policy: Policy) -> MemoryStore {
        self.0.with_policy(policy)
    }
}

struct Sqlite(tempfile::TempDir);

impl Backend for Sqlite {
    type Store = SqliteStore;

    async fn open(&self, policy: Policy) -> SqliteStore {
        let url = format!("sqlite:{}", self.0.path().join("gangway.db").display());
        SqliteStore::open(&url, policy).await.expect("a temporary folder can hold a store")
    }
}

mod memory {
    use super::*;

    store::conformance!(Memory(MemoryStore::new(Policy::default())));
}

mod sqlite {
    use super::*;

    store::conformance!(Sqlite(tempfile::tempdir().unwrap()));
}
