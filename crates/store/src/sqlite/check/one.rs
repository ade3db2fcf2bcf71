//! One onboarding: its row, its history, its tasks and its personal data.

use onboarding::{Onboarding, OnboardingId, Policy, State, Task, Timestamp};
use sqlx::SqliteConnection;

use super::replay::Replay;
use super::{Damage, RESTORE};
use crate::sqlite::{personal, rows};
use crate::{StoreError, due, snapshot};

/// How many rows of history are read at once.
const HISTORY_PAGE: usize = 200;

/// What is wrong with one onboarding.
pub(super) struct Findings {
    id: OnboardingId,
    pub damages: Vec<Damage>,
}

impl Findings {
    pub fn new(id: OnboardingId) -> Self {
        Self { id, damages: Vec::new() }
    }

    pub fn add(&mut self, what: impl Into<String>, remedy: &'static str) {
        self.damages.push(Damage { onboarding: Some(self.id), what: what.into(), remedy });
    }
}

/// Checks one onboarding. An error is the end of its check, not that of the store's.
pub(super) async fn check(
    conn: &mut SqliteConnection,
    key: i64,
    policy: &Policy,
    found: &mut Findings,
) -> Result<(), StoreError> {
    let replay = history(conn, key, found).await?;
    // The rest of the check is against the row, which has to be readable.
    let stored = rows::stored(conn, key).await?;
    let onboarding = &stored.onboarding;
    row(conn, key, onboarding, replay.as_ref(), policy, found).await?;
    match &replay {
        Some(replay) if replay.onboarding.as_ref() == Some(onboarding) => {
            tasks(conn, key, replay, found).await?;
        }
        Some(replay) => found.add(unlike(onboarding, replay), RESTORE),
        None => {}
    }
    let is_erased = onboarding.state == State::Erased;
    if is_erased != (stored.user == crate::erased_user(found.id)) {
        found.add("its user's name is not as it must be before and after erasure", RESTORE);
    }
    for (what, remedy) in personal::check(conn, key, onboarding).await? {
        found.add(what, remedy);
    }
    Ok(())
}

/// Replays history; where that can't be done to its end, the reason is found.
async fn history(
    conn: &mut SqliteConnection,
    key: i64,
    found: &mut Findings,
) -> Result<Option<Replay>, StoreError> {
    let mut replay = Replay::new(found.id);
    loop {
        let page = rows::history(conn, (key, found.id), replay.version(), HISTORY_PAGE).await;
        let page = match page {
            Ok(page) => page,
            Err(StoreError::Damaged { what, .. }) => {
                found.add(what, RESTORE);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let is_last = page.len() < HISTORY_PAGE;
        for row in page {
            if let Err(what) = replay.go_on(row) {
                found.add(what, RESTORE);
                return Ok(None);
            }
        }
        if is_last {
            return Ok(Some(replay));
        }
    }
}

/// How a snapshot and the replay of its history differ, by the names of the fields.
fn unlike(stored: &Onboarding, replay: &Replay) -> String {
    let Some(replayed) = &replay.onboarding else { return "it has no history".to_owned() };
    if stored.version != replayed.version {
        return format!(
            "it is stored in version {}, and its history leads to version {}",
            stored.version, replayed.version
        );
    }
    let value = |onboarding| serde_json::to_value(onboarding).unwrap_or_default();
    let (stored, replayed) = (value(stored), value(replayed));
    let fields = stored.as_object().into_iter().flatten();
    let differing = fields.filter(|(name, field)| replayed.get(name.as_str()) != Some(field));
    let names: Vec<&str> = differing.map(|(name, _)| name.as_str()).collect();
    format!("its history does not give what is stored in {}", names.join(", "))
}

/// The columns by which a row is found must say what its snapshot says.
async fn row(
    conn: &mut SqliteConnection,
    key: i64,
    onboarding: &Onboarding,
    replay: Option<&Replay>,
    policy: &Policy,
    found: &mut Findings,
) -> Result<(), StoreError> {
    let (state, state_since, created, updated, is_due): (String, i64, i64, i64, bool) =
        sqlx::query_as(
            "select state, state_since_at, created_at, updated_at, due_at is not null \
             from onboardings where key = ?1",
        )
        .bind(key)
        .fetch_one(conn)
        .await?;
    let of_row = (state.as_str(), state_since, created, updated);
    let of_snapshot = (
        onboarding.state.as_str(),
        onboarding.state_since.0,
        onboarding.created_at.0,
        onboarding.updated_at.0,
    );
    if of_row != of_snapshot {
        found.add("its state or its times are not those of its snapshot", RESTORE);
    }
    // A policy that was changed since may say otherwise, until the worker has come by.
    let policies = [Some(policy), replay.and_then(|replay| replay.policy.as_deref())];
    let must_be_due =
        policies.into_iter().flatten().all(|policy| due::due(onboarding, policy).is_some());
    if must_be_due && !is_due {
        found.add("a call is to be made, and the row does not say when", RETRY);
    }
    Ok(())
}

/// What to do with an onboarding that nobody would ever take up again.
const RETRY: &str = "`gangway retry` takes it up again";

/// The tasks must be those that history opened, changed and closed.
async fn tasks(
    conn: &mut SqliteConnection,
    key: i64,
    replay: &Replay,
    found: &mut Findings,
) -> Result<(), StoreError> {
    type Columns = (u32, Vec<u8>, Option<i64>, Vec<u8>);
    let rows: Vec<Columns> = sqlx::query_as(
        "select number, state, closed_at, snapshot from tasks \
         where onboarding_key = ?1 order by number",
    )
    .bind(key)
    .fetch_all(conn)
    .await?;
    let numbers: Vec<u32> = rows.iter().map(|(number, ..)| *number).collect();
    if !numbers.iter().eq(replay.tasks.keys()) {
        found.add("its tasks are not all those that its history gave rise to", RESTORE);
    }
    for (number, state, closed_at, json) in rows {
        let stored: Task = match snapshot::read(&json) {
            Ok(stored) => stored,
            Err(what) => {
                found.add(format!("its task {number} can't be read: {what}"), RESTORE);
                continue;
            }
        };
        let is_it = replay.tasks.get(&number).is_none_or(|(task, at)| {
            *task == stored
                && task.state.as_str().as_bytes() == state
                && *at == closed_at.map(Timestamp)
        });
        if !is_it {
            found.add(format!("its task {number} is not what its history says"), RESTORE);
        }
    }
    Ok(())
}
