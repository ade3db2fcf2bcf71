//! `gangway doctor --check-store`: everything that is stored, and what of it is damaged.

use std::io::{IsTerminal as _, Write as _, stderr};

use store::{Damage, SqliteStore, StoreError};

use super::{Check, STORE_REMEDY};
use crate::database;
use crate::error::Error;
use crate::settings::Settings;

/// So many damages are told; whoever has more needs the backup, not the rest of the list.
const DAMAGES_MAX: usize = 1_000;

/// Checks the whole store. That there is no database is an error, as of any command that reads.
pub(super) async fn run(settings: &Settings) -> Result<Vec<Check>, Error> {
    let store = match database::existing(settings).await {
        Ok(store) => store,
        Err(Error::Open(error)) => return Ok(vec![Check::error("store", &error, STORE_REMEDY)]),
        Err(error) => return Err(error),
    };
    let checked = checks(&store).await;
    Ok(checked.unwrap_or_else(|error| vec![Check::error("store", &error, STORE_REMEDY)]))
}

async fn checks(store: &SqliteStore) -> Result<Vec<Check>, StoreError> {
    let mut checks: Vec<Check> = store.check_file().await?.into_iter().map(failed).collect();
    if checks.is_empty() {
        checks.push(Check::ok("file", "SQLite finds every page, index and reference sound"));
    }
    let mut check = store.check_onboardings().await?;
    let progress = Progress::begin(check.total);
    let (mut checked, mut damages) = (0, 0);
    while let Some(page) = check.next_page().await? {
        checked += page.checked;
        progress.show(checked);
        let room = DAMAGES_MAX.saturating_sub(damages);
        damages += page.damages.len();
        checks.extend(page.damages.into_iter().take(room).map(failed));
    }
    progress.end();
    if damages > DAMAGES_MAX {
        let more = format!("{} more damages are not listed", damages - DAMAGES_MAX);
        checks.push(Check::fail("damage", more, "restore the database from a backup"));
    }
    checks.push(match damages {
        0 => Check::ok(
            "onboardings",
            format!("{checked} were read, and the history of each gives what is stored"),
        ),
        _ => Check::fail(
            "onboardings",
            format!("{checked} were read; damages in them: {damages}"),
            "see to each as said above; docs/cli.md says how to restore a backup",
        ),
    });
    Ok(checks)
}

fn failed(damage: Damage) -> Check {
    match damage.onboarding {
        Some(id) => {
            Check::fail("damage", format!("onboarding {id}: {}", damage.what), damage.remedy)
        }
        None => Check::fail("file", damage.what, damage.remedy),
    }
}

/// How far it is, for whoever sits before a terminal.
struct Progress {
    total: u64,
    is_shown: bool,
}

impl Progress {
    fn begin(total: u64) -> Self {
        Self { total, is_shown: stderr().is_terminal() }
    }

    fn show(&self, checked: u64) {
        if self.is_shown {
            let total = self.total.max(checked);
            // It is a courtesy: where it can't be written, the check goes on.
            let _ = write!(stderr(), "\rchecked {checked} of {total} onboardings");
        }
    }

    fn end(&self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r\u{1b}[K");
        }
    }
}
