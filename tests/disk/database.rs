//! The database as another program sees it: plain SQL, and nothing of Gangway's own code, so
//! that it is an opinion of its own.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio::runtime::Runtime;

/// A database file.
pub struct Database(pub PathBuf);

/// What is stored of one onboarding, as far as a client can compare it with what it asked for.
#[derive(Debug, Default)]
pub struct Held {
    /// How many events of each kind the command line made.
    pub events: BTreeMap<String, u64>,
    /// The number in the address that was stored last; none once it is erased.
    pub edit: Option<u64>,
}

/// What must be true of every onboarding, whatever the rules say: each row is one for which
/// it is not.
const UNLIKE_ITS_HISTORY: &str = "\
    with h as (select *, lag(to_state) over (partition by onboarding_key order by version) as \
        was from history), \
    last as (select onboarding_key as key, count(*) as rows, max(version) as version \
        from history group by 1) \
    select o.key from onboardings o left join last on last.key = o.key \
        left join history l on l.onboarding_key = o.key and l.version = o.version \
    where last.rows is not o.version or last.version is not o.version \
        or l.happened_at is not o.updated_at or l.to_state is not o.state \
        or json_extract(o.snapshot, '$.onboarding.version') is not o.version \
    union select onboarding_key from h where version > 1 and was is not from_state \
    union select o.key from onboardings o left join users u on u.onboarding_key = o.key \
        where u.locator is null";

impl Database {
    fn with<T, F: Future<Output = T>>(&self, act: impl FnOnce(SqliteConnection) -> F) -> T {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        RUNTIME.get_or_init(|| Runtime::new().unwrap()).block_on(async {
            let options = SqliteConnectOptions::new().filename(&self.0).foreign_keys(false);
            act(options.connect().await.unwrap()).await
        })
    }

    /// Does something to it.
    pub fn run(&self, sql: &str) {
        let sql = format!("pragma ignore_check_constraints = on; {sql}");
        self.with(async |mut conn| {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
            conn.close().await.unwrap();
        });
    }

    /// A number out of it.
    pub fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        self.with(async |mut conn| sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap())
    }

    /// SQLite finds the file sound, and each onboarding is what its history leads to.
    pub fn assert_whole(&self) {
        let (integrity, unlike): (String, Vec<i64>) = self.with(async |mut conn| {
            let integrity = sqlx::query_scalar("pragma integrity_check").fetch_one(&mut conn);
            let integrity = integrity.await.unwrap();
            let unlike = sqlx::query_scalar(UNLIKE_ITS_HISTORY).fetch_all(&mut conn).await;
            (integrity, unlike.unwrap())
        });
        assert_eq!((integrity.as_str(), unlike), ("ok", vec![]));
    }

    /// What is stored of every onboarding, by its id.
    pub fn held(&self) -> BTreeMap<String, Held> {
        type Events = Vec<(String, String, i64)>;
        type Profiles = Vec<(String, Option<String>)>;
        let (events, profiles): (Events, Profiles) = self.with(async |mut conn| {
            let events = sqlx::query_as(
                "select lower(hex(o.id)), json_extract(h.event, '$.event.event'), count(*) \
                 from history h join onboardings o on o.key = h.onboarding_key \
                 where h.actor = 'cli' group by 1, 2",
            );
            let events = events.fetch_all(&mut conn).await.unwrap();
            let profiles = sqlx::query_as(
                "select lower(hex(o.id)), cast(p.json as text) \
                 from onboardings o left join profiles p on p.onboarding_key = o.key",
            );
            (events, profiles.fetch_all(&mut conn).await.unwrap())
        });
        let mut held: BTreeMap<String, Held> = BTreeMap::new();
        for (id, event, count) in events {
            let count = u64::try_from(count).unwrap();
            held.entry(id).or_default().events.insert(event, count);
        }
        for (id, json) in profiles {
            let edit = json.map(|json| edit_in(&json));
            held.entry(id).or_default().edit = edit;
        }
        held
    }

    /// Overwrites the first page of a table or an index, as a bad disk would.
    pub fn overwrite(&self, tree: &str) {
        self.run("pragma wal_checkpoint(truncate)");
        let page =
            self.number(&format!("select rootpage from sqlite_schema where name = '{tree}'"));
        let mut file = std::fs::read(&self.0).unwrap();
        let begin = usize::try_from(page - 1).unwrap() * PAGE_BYTES;
        file[begin..begin + PAGE_BYTES].fill(0xA5);
        std::fs::write(&self.0, file).unwrap();
    }
}

const PAGE_BYTES: usize = 4096;

/// The number that the client wrote into the address.
fn edit_in(json: &str) -> u64 {
    let profile: serde_json::Value = serde_json::from_str(json).unwrap();
    let line = profile["kycData"]["addressOfResidence"]["line1"].as_str().unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// A file beside the database.
pub fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Restores a backup as docs/cli.md says.
pub fn put_back(database: &Path, backup: &[u8]) {
    for suffix in ["-wal", "-shm"] {
        // It may have been removed with the database.
        let _ = std::fs::remove_file(beside(database, suffix));
    }
    std::fs::write(database, backup).unwrap();
}
