//! Looks at everything that is stored and names what is damaged: the file as SQLite sees it,
//! and each onboarding's row against its history, its tasks and its personal data.
//!
//! It repairs nothing. Each onboarding is read in one moment of its own, so that a check of a
//! large store keeps no writer waiting.

mod one;
mod replay;

use onboarding::OnboardingId;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{SqliteStore, api, personal, rows};
use crate::StoreError;

/// Something that is wrong with what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Whose it is; none if it is the file's.
    pub onboarding: Option<OnboardingId>,
    /// What is wrong. It holds no personal data.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What to do when only a backup has what is lost.
const RESTORE: &str = "keep a copy of the database and restore it from a backup; until then \
                       the worker passes over what it can't read";
/// What to do when what is lost can be made anew from the rest.
const REBUILD: &str = "stop `gangway serve`, keep a copy of the database, and run `sqlite3 PATH reindex`; if that \
     fails, restore a backup";

/// How many onboardings a page has.
const PAGE: usize = 200;
/// How many messages of SQLite's are read; the first few tell as much as thousands.
const MESSAGES_MAX: usize = 100;

/// A check of the whole store, a page at a time.
pub struct StoreCheck<'s> {
    store: &'s SqliteStore,
    after: After,
    /// How many onboardings there were at the beginning, as far as they could be counted.
    pub total: u64,
}

/// Which onboardings were checked. They are found by the index of ids, which survives a
/// damaged page of rows and so can still name whose they were; without it, by the rows.
enum After {
    Id(Vec<u8>),
    Key(i64),
}

/// What the check of a page of onboardings found.
#[derive(Debug, Default)]
pub struct CheckedPage {
    /// How many onboardings it has.
    pub checked: u64,
    /// What is wrong with them.
    pub damages: Vec<Damage>,
}

impl SqliteStore {
    /// Whether the file is sound, as SQLite and the schema's rules see it.
    ///
    /// # Errors
    /// When the store can't be read for another reason than damage.
    pub async fn check_file(&self) -> Result<Vec<Damage>, StoreError> {
        let mut moment = self.moment().await?;
        let mut said = vec![integrity(&mut moment, &MESSAGES_MAX.to_string()).await];
        if said[0].as_ref().is_err_and(is_damage) {
            // So bad that SQLite gave up: table by table it gets further.
            said.clear();
            for table in TABLES.into_iter().chain(personal::TABLES).chain(api::TABLES) {
                said.push(integrity(&mut moment, table).await.or_else(|error| told(table, error)));
            }
        }
        said.push(orphans(&mut moment).await.or_else(|error| told("references", error)));
        let messages: Result<Vec<Vec<String>>, sqlx::Error> = said.into_iter().collect();
        Ok(messages?.into_iter().flatten().map(of_the_file).collect())
    }

    /// Begins a check of every onboarding.
    ///
    /// # Errors
    /// When the store can't be read for another reason than damage.
    pub async fn check_onboardings(&self) -> Result<StoreCheck<'_>, StoreError> {
        let count = "select count(*) from (select id from onboardings order by id)";
        let counted: Result<i64, sqlx::Error> =
            sqlx::query_scalar(count).fetch_one(&mut *self.moment().await?).await;
        match counted {
            Ok(count) => Ok(StoreCheck {
                store: self,
                after: After::Id(Vec::new()),
                total: u64::try_from(count).unwrap_or(0),
            }),
            Err(error) if is_damage(&error) => {
                Ok(StoreCheck { store: self, after: After::Key(0), total: 0 })
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl StoreCheck<'_> {
    /// Checks the next page; `None` when there are no more.
    ///
    /// # Errors
    /// When the store can't be read for another reason than damage.
    pub async fn next_page(&mut self) -> Result<Option<CheckedPage>, StoreError> {
        let rows = match self.next_rows().await {
            Ok(rows) => rows,
            // By now the walk goes over the rows themselves, and there is no other way.
            Err(error) if is_damage(&error) => return Ok(self.end_of_what_can_be_read()),
            Err(error) => return Err(error.into()),
        };
        let Some((last_key, last_id)) = rows.last() else { return Ok(None) };
        self.after = match self.after {
            After::Id(_) => After::Id(last_id.clone()),
            After::Key(_) => After::Key(*last_key),
        };
        let mut page = CheckedPage::default();
        for (key, id) in rows {
            page.damages.extend(self.check(key, &id).await?);
            page.checked += 1;
        }
        Ok(Some(page))
    }

    async fn next_rows(&self) -> Result<Vec<(i64, Vec<u8>)>, sqlx::Error> {
        let mut moment = self.store.readers.begin().await?;
        let query = match &self.after {
            After::Id(id) => {
                sqlx::query_as("select key, id from onboardings where id > ?1 order by id limit ?2 + 0")
                    .bind(id)
            }
            After::Key(key) => sqlx::query_as(
                "select key, id from onboardings not indexed where key > ?1 order by key limit ?2 + 0",
            )
            .bind(*key),
        };
        query.bind(rows::limit(PAGE)).fetch_all(&mut *moment).await
    }

    fn end_of_what_can_be_read(&mut self) -> Option<CheckedPage> {
        let After::Key(key) = std::mem::replace(&mut self.after, After::Key(i64::MAX)) else {
            // The index was whole when the check began: what follows is read by the rows.
            self.after = After::Key(0);
            return Some(CheckedPage::default());
        };
        if key == i64::MAX {
            return None;
        }
        let what = format!("the onboardings after number {key} can't be listed");
        let damages = vec![Damage { onboarding: None, what, remedy: RESTORE }];
        Some(CheckedPage { checked: 0, damages })
    }

    async fn check(&self, key: i64, id: &[u8]) -> Result<Vec<Damage>, StoreError> {
        let Ok(id) = rows::onboarding_id(id) else {
            let what = format!("the onboarding number {key} has no readable id");
            return Ok(vec![Damage { onboarding: None, what, remedy: RESTORE }]);
        };
        let mut moment = self.store.moment().await?;
        let mut found = one::Findings::new(id);
        match one::check(&mut moment, key, &self.store.policy, &mut found).await {
            Ok(()) => {}
            Err(StoreError::Damaged { what, .. }) => found.add(what, RESTORE),
            Err(StoreError::Unavailable(source)) => match source.downcast_ref::<sqlx::Error>() {
                Some(error) if is_damage(error) => found.add(error.to_string(), RESTORE),
                _ => return Err(StoreError::Unavailable(source)),
            },
            Err(error) => return Err(error),
        }
        Ok(found.damages)
    }
}

/// The tables that hold what can't be made anew, beside those of personal data.
const TABLES: [&str; 5] = ["onboardings", "history", "tasks", "policies", "digest_key"];

/// What SQLite says of the whole file, or of one table; nothing where it is sound.
async fn integrity(conn: &mut SqliteConnection, of: &str) -> Result<Vec<String>, sqlx::Error> {
    let sql = AssertSqlSafe(format!("pragma integrity_check({of})"));
    let messages: Vec<String> = sqlx::query_scalar(sql).fetch_all(conn).await?;
    Ok(messages.into_iter().filter(|message| message != "ok").collect())
}

/// Damage that keeps SQLite from looking closer, as a message of its own.
fn told(of: &str, error: sqlx::Error) -> Result<Vec<String>, sqlx::Error> {
    if is_damage(&error) { Ok(vec![format!("{of}: {error}")]) } else { Err(error) }
}

/// The rows whose onboarding, or whose policy, is gone.
async fn orphans(conn: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(
        "select \"table\", rowid, parent from pragma_foreign_key_check limit ?1 + 0",
    )
    .bind(rows::limit(MESSAGES_MAX))
    .fetch_all(conn)
    .await?;
    let message = |(table, row, parent): (String, i64, String)| {
        format!("row {row} of {table} belongs to no row of {parent}")
    };
    Ok(rows.into_iter().map(message).collect())
}

fn of_the_file(what: String) -> Damage {
    let remedy = if what.contains(" index ") { REBUILD } else { RESTORE };
    Damage { onboarding: None, what, remedy }
}

/// SQLite's result codes for a damaged file, no database at all, and one that is too short.
const DAMAGE_CODES: [i64; 3] = [11, 26, 522];

/// Whether SQLite could not read it because it is damaged, not because it could not get at it.
fn is_damage(error: &sqlx::Error) -> bool {
    if matches!(error, sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. }) {
        return true;
    }
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<i64>().ok());
    code.is_some_and(|code| DAMAGE_CODES.contains(&code) || code & 0xff == DAMAGE_CODES[0])
}
