//! Rows without personal data: onboardings, their history and their tasks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Display;
use std::sync::Arc;

use onboarding::{
    Lane, Onboarding, OnboardingId, Policy, Revision, State, Task, TaskState, Timestamp,
    Transition, UserLocator,
};
use sqlx::SqliteConnection;
use tracing::error;
use uuid::Uuid;

use super::personal::Whose;
use super::writer::Tx;
use super::{notifications, personal};
use crate::due::{self, Due};
use crate::snapshot::{self, Snapshot};
use crate::{Actor, HistoryRow, ListRequest, StoreError, Stored, StoredTask, TaskRequest};

/// The columns of an onboarding that are read back: key, id, version, snapshot. Text that is no
/// UTF-8 is damage of its row, and must not fail the statement that reads others as well, so it
/// is read as bytes here and below.
pub(super) type OnboardingColumns = (i64, Vec<u8>, i64, Vec<u8>);

fn read_stored(
    (_, id, version, json): OnboardingColumns,
    user: Option<UserLocator>,
) -> Result<Stored, StoreError> {
    let id = onboarding_id(&id)?;
    let onboarding: Onboarding = read(id, &json)?;
    if onboarding.id != id || i64::try_from(onboarding.version) != Ok(version) {
        return Err(damaged(id, "its snapshot is another row's or another version's"));
    }
    let user = user.ok_or_else(|| damaged(id, NO_USER))?;
    Ok(Stored { user, onboarding })
}

const NO_USER: &str = "it has no user that can be read";

/// What was read, unless it is damaged: one bad row must not keep the good ones from anybody.
pub(super) fn intact<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(row) => Ok(Some(row)),
        Err(StoreError::Damaged { id, what }) => {
            error!(onboarding = id, what, "damaged row passed over; restore it from a backup");
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// Damage of a row, for those who try what comes of it.
#[cfg(feature = "damage")]
pub(super) struct Damage(pub OnboardingId);

#[cfg(feature = "damage")]
impl super::writer::Write for Damage {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query(
            "update onboardings set snapshot = '{\"schema\":1,\"onboarding\":{}}' where id = ?1",
        )
        .bind(id_bytes(&self.0))
        .execute(&mut tx.conn)
        .await?;
        Ok(())
    }
}

/// The key of an onboarding.
pub(super) async fn key_of(
    conn: &mut SqliteConnection,
    id: OnboardingId,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("select key from onboardings where id = ?1")
        .bind(id_bytes(&id))
        .fetch_optional(conn)
        .await
}

/// The key and the stored version of an onboarding.
pub(super) async fn version_of(
    conn: &mut SqliteConnection,
    id: OnboardingId,
) -> Result<Option<(i64, u64)>, StoreError> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("select key, version from onboardings where id = ?1")
            .bind(id_bytes(&id))
            .fetch_optional(conn)
            .await?;
    row.map(|(key, version)| Ok((key, number(id, version)?))).transpose()
}

/// The onboarding of a row, and whose it is.
pub(super) async fn stored(conn: &mut SqliteConnection, key: i64) -> Result<Stored, StoreError> {
    found(conn, Whose::Key(key)).await?.ok_or_else(|| sqlx::Error::RowNotFound.into())
}

/// An onboarding and whose it is, if there is one.
pub(super) async fn found(
    conn: &mut SqliteConnection,
    whose: Whose<'_>,
) -> Result<Option<Stored>, StoreError> {
    let row = personal::onboarding(conn, whose).await?;
    row.map(|(row, user)| read_stored(row, user)).transpose()
}

/// A page of onboardings in order of creation.
pub(super) async fn list(
    conn: &mut SqliteConnection,
    request: ListRequest,
) -> Result<Vec<Stored>, StoreError> {
    let mut after = match request.after {
        Some(id) => match key_of(conn, id).await? {
            Some(key) => key,
            None => return Ok(Vec::new()),
        },
        None => 0,
    };
    let mut page = Vec::new();
    // Once, unless there is a damaged row.
    while page.len() < request.limit {
        let rows = rows_after(conn, after, request.state, request.limit - page.len()).await?;
        let Some((last, ..)) = rows.last() else { break };
        after = *last;
        let keys: Vec<i64> = rows.iter().map(|(key, ..)| *key).collect();
        let mut users = personal::users(conn, &keys).await?;
        for row in rows {
            let user = users.remove(&row.0);
            page.extend(intact(read_stored(row, user))?);
        }
    }
    Ok(page)
}

async fn rows_after(
    conn: &mut SqliteConnection,
    key: i64,
    state: Option<State>,
    row_limit: usize,
) -> Result<Vec<OnboardingColumns>, sqlx::Error> {
    let query = match state {
        None => sqlx::query_as(ALL_ROWS).bind(key).bind(limit(row_limit)),
        Some(state) => {
            sqlx::query_as(ROWS_OF_STATE).bind(key).bind(limit(row_limit)).bind(state.as_str())
        }
    };
    query.fetch_all(conn).await
}

const ALL_ROWS: &str =
    "select key, id, version, snapshot from onboardings where key > ?1 order by key limit ?2 + 0";

/// A statement of its own, which goes by the index: one for both would read every row.
pub(super) const ROWS_OF_STATE: &str = "\
    select key, id, version, snapshot from onboardings \
    where state = ?3 and key > ?1 order by key limit ?2 + 0";

/// How many onboardings there are in each state.
pub(super) async fn counts(
    conn: &mut SqliteConnection,
) -> Result<BTreeMap<State, u64>, StoreError> {
    let rows: Vec<(Vec<u8>, i64)> =
        sqlx::query_as("select state, count(*) from onboardings group by state")
            .fetch_all(conn)
            .await?;
    rows.into_iter()
        .map(|(word, count)| Ok((state("counts", &word)?, number("counts", count)?)))
        .collect()
}

/// The tasks that are not closed, oldest first.
pub(super) async fn tasks(
    conn: &mut SqliteConnection,
    TaskRequest { of: id, after, limit: task_limit }: TaskRequest,
) -> Result<Vec<StoredTask>, StoreError> {
    let mut after = match after {
        None => (i64::MIN, 0),
        Some((id, number)) => match place_of_task(conn, id, number).await? {
            Some(place) => place,
            None => return Ok(Vec::new()),
        },
    };
    let key = match id {
        None => None,
        Some(id) => match key_of(conn, id).await? {
            Some(key) => Some(key),
            None => return Ok(Vec::new()),
        },
    };
    let mut tasks = Vec::new();
    // Once, unless there is a damaged row.
    while tasks.len() < task_limit {
        let rows = tasks_after(conn, after, key, task_limit - tasks.len()).await?;
        let Some((opened_at, task_key, ..)) = rows.last() else { break };
        after = (*opened_at, *task_key);
        let keys: Vec<i64> = rows.iter().map(|(_, _, _, key, ..)| *key).collect();
        let users = personal::users(conn, &keys).await?;
        for row in rows {
            tasks.extend(intact(read_task(row, &users))?);
        }
    }
    Ok(tasks)
}

/// Where a task is in the order, whether it is closed or not.
async fn place_of_task(
    conn: &mut SqliteConnection,
    id: OnboardingId,
    number: u32,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    sqlx::query_as(
        "select t.opened_at, t.key from tasks t join onboardings o on o.key = t.onboarding_key \
         where o.id = ?1 and t.number = ?2",
    )
    .bind(id_bytes(&id))
    .bind(number)
    .fetch_optional(conn)
    .await
}

/// The columns of a task that are read back: when it was opened, its key, snapshot, and those of
/// its onboarding.
type TaskColumns = (i64, i64, Vec<u8>, i64, Vec<u8>, i64, Vec<u8>);

fn read_task(
    (_, _, json, key, id, version, snapshot): TaskColumns,
    users: &BTreeMap<i64, UserLocator>,
) -> Result<StoredTask, StoreError> {
    let task = read(onboarding_id(&id)?, &json)?;
    let Stored { user, onboarding } =
        read_stored((key, id, version, snapshot), users.get(&key).cloned())?;
    Ok(StoredTask { user, onboarding, task })
}

async fn tasks_after(
    conn: &mut SqliteConnection,
    (opened_at, task_key): (i64, i64),
    of: Option<i64>,
    row_limit: usize,
) -> Result<Vec<TaskColumns>, sqlx::Error> {
    let query = sqlx::query_as(if of.is_some() { TASKS_OF_ONE } else { TASKS_OF_ALL });
    query.bind(opened_at).bind(task_key).bind(limit(row_limit)).bind(of).fetch_all(conn).await
}

/// Of who was ended nobody has anything to do; resumed, they have it again.
pub(super) const TASKS_OF_ALL: &str = "\
    select t.opened_at, t.key, t.snapshot, o.key, o.id, o.version, o.snapshot \
    from tasks t join onboardings o on o.key = t.onboarding_key \
    where t.closed_at is null and (t.opened_at, t.key) > (?1, ?2) and o.state not in ('cancelled', 'erased') \
    order by t.opened_at, t.key limit ?3 + 0";

/// A statement of its own, which goes by the onboarding's index.
pub(super) const TASKS_OF_ONE: &str = "\
    select t.opened_at, t.key, t.snapshot, o.key, o.id, o.version, o.snapshot \
    from tasks t join onboardings o on o.key = t.onboarding_key \
    where t.onboarding_key = ?4 and t.closed_at is null and (t.opened_at, t.key) > (?1, ?2) \
    and o.state not in ('cancelled', 'erased') order by t.opened_at, t.key limit ?3 + 0";

/// The history of an onboarding after a version.
pub(super) async fn history(
    conn: &mut SqliteConnection,
    (key, id): (i64, OnboardingId),
    after_version: u64,
    row_limit: usize,
) -> Result<Vec<HistoryRow>, StoreError> {
    let rows: Vec<HistoryColumns> = sqlx::query_as(
        "select version, happened_at, event, from_state, to_state, actor, policy_key \
         from history where onboarding_key = ?1 and version > ?2 order by version limit ?3 + 0",
    )
    .bind(key)
    .bind(column(after_version))
    .bind(limit(row_limit))
    .fetch_all(&mut *conn)
    .await?;
    let mut policies: BTreeMap<i64, Arc<Policy>> = BTreeMap::new();
    let mut history = Vec::with_capacity(rows.len());
    for row in rows {
        let (version, .., policy_key) = row;
        let policy = match policies.entry(policy_key) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(unknown) => {
                let of_version = |what: String| damaged(id, format!("version {version}: {what}"));
                let read = policy(conn, policy_key).await?.map_err(of_version)?;
                Arc::clone(unknown.insert(Arc::new(read)))
            }
        };
        history.push(read_history(id, row, policy)?);
    }
    Ok(history)
}

/// A policy, or why it can't be read.
async fn policy(
    conn: &mut SqliteConnection,
    key: i64,
) -> Result<Result<Policy, String>, StoreError> {
    let text: Option<Vec<u8>> = sqlx::query_scalar("select policy from policies where key = ?1")
        .bind(key)
        .fetch_optional(conn)
        .await?;
    Ok(text
        .ok_or_else(|| "its policy is missing".to_owned())
        .and_then(|text| snapshot::read(&text)))
}

/// The columns of a row of history: version, time, event, states before and after, actor, and the
/// key of the policy.
type HistoryColumns = (i64, i64, Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>, i64);

fn read_history(
    id: OnboardingId,
    (version, at, event, from, to, actor, _): HistoryColumns,
    policy: Arc<Policy>,
) -> Result<HistoryRow, StoreError> {
    let of_version = |what: String| damaged(id, format!("version {version}: {what}"));
    Ok(HistoryRow {
        version: number(id, version)?,
        at: Timestamp(at),
        event: snapshot::read(&event).map_err(of_version)?,
        from: state(id, &from)?,
        to: state(id, &to)?,
        actor: str::from_utf8(&actor)
            .ok()
            .and_then(Actor::from_word)
            .ok_or_else(|| of_version("its actor is none that there is".to_owned()))?,
        policy,
    })
}

/// Adds the row of a new onboarding, and answers its key.
pub(super) async fn insert(tx: &mut Tx, onboarding: &Onboarding) -> Result<i64, StoreError> {
    let due = due::due(onboarding, &tx.policy);
    let key = sqlx::query_scalar(
        "insert into onboardings (id, version, state, state_since_at, snapshot, lane, due_at, \
         commit_id, created_at, updated_at, note_at) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) returning key",
    )
    .bind(id_bytes(&onboarding.id))
    .bind(column(onboarding.version))
    .bind(onboarding.state.as_str())
    .bind(onboarding.state_since.0)
    .bind(snapshot::write(onboarding))
    .bind(due.map(|due| due.lane.as_str()))
    .bind(due.map(|due| due.at.0))
    .bind(tx.commit_id)
    .bind(onboarding.created_at.0)
    .bind(onboarding.updated_at.0)
    .bind(due::note_at(onboarding, &tx.policy).map(|at| at.0))
    .fetch_one(&mut tx.conn)
    .await?;
    tx.mark = Some(key);
    Ok(key)
}

/// Stores an onboarding's newest version; its lease is left as it is.
pub(super) async fn update(
    tx: &mut Tx,
    key: i64,
    onboarding: &Onboarding,
) -> Result<(), StoreError> {
    let due = due::due(onboarding, &tx.policy);
    sqlx::query(
        "update onboardings set version = ?2, state = ?3, state_since_at = ?4, snapshot = ?5, \
         lane = ?6, due_at = ?7, commit_id = ?8, updated_at = ?9, note_at = ?10 where key = ?1",
    )
    .bind(key)
    .bind(column(onboarding.version))
    .bind(onboarding.state.as_str())
    .bind(onboarding.state_since.0)
    .bind(snapshot::write(onboarding))
    .bind(due.map(|due| due.lane.as_str()))
    .bind(due.map(|due| due.at.0))
    .bind(tx.commit_id)
    .bind(onboarding.updated_at.0)
    .bind(due::note_at(onboarding, &tx.policy).map(|at| at.0))
    .execute(&mut tx.conn)
    .await?;
    tx.mark = Some(key);
    Ok(())
}

/// Corrects when the next call is due.
pub(super) async fn set_due(
    conn: &mut SqliteConnection,
    key: i64,
    due: Option<Due>,
) -> Result<(), sqlx::Error> {
    sqlx::query("update onboardings set lane = ?2, due_at = ?3 where key = ?1")
        .bind(key)
        .bind(due.map(|due| due.lane.as_str()))
        .bind(due.map(|due| due.at.0))
        .execute(conn)
        .await?;
    Ok(())
}

/// Appends a transition to history, and brings the tasks up to date.
pub(super) async fn append(
    tx: &mut Tx,
    key: i64,
    transition: &Transition,
    actor: Actor,
) -> Result<(), StoreError> {
    let policy_key = tx.policy_key().await?;
    sqlx::query(
        "insert into history (onboarding_key, version, happened_at, event, from_state, to_state, \
         actor, policy_key, commit_id) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .bind(key)
    .bind(column(transition.onboarding.version))
    .bind(transition.at.0)
    .bind(snapshot::write(&transition.event))
    .bind(transition.from.as_str())
    .bind(transition.onboarding.state.as_str())
    .bind(actor.as_str())
    .bind(policy_key)
    .bind(tx.commit_id)
    .execute(&mut tx.conn)
    .await?;
    for task in &transition.tasks {
        put_task(tx, key, task, transition.at).await?;
    }
    let of = Some((key, transition.onboarding.version));
    for notification in &transition.notifications {
        notifications::insert(tx, of, notification, transition.at).await?;
    }
    Ok(())
}

async fn put_task(tx: &mut Tx, key: i64, task: &Task, now: Timestamp) -> Result<(), sqlx::Error> {
    let closed_at = (task.state == TaskState::Closed).then_some(now.0);
    sqlx::query(
        "insert into tasks (onboarding_key, number, kind, name, state, rounds, opened_at, \
         closed_at, snapshot) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
         on conflict (onboarding_key, number) do update set state = excluded.state, \
         rounds = excluded.rounds, closed_at = excluded.closed_at, snapshot = excluded.snapshot",
    )
    .bind(key)
    .bind(task.number)
    .bind(task.request.kind())
    .bind(task.request.name())
    .bind(task.state.as_str())
    .bind(task.rounds)
    .bind(task.opened_at.0)
    .bind(closed_at)
    .bind(snapshot::write(task))
    .execute(&mut tx.conn)
    .await?;
    Ok(())
}

/// The error for a row that can't be read.
pub(super) fn damaged(id: impl Display, what: impl Display) -> StoreError {
    StoreError::Damaged { id: id.to_string(), what: what.to_string() }
}

fn read<T: Snapshot>(id: OnboardingId, json: &[u8]) -> Result<T, StoreError> {
    snapshot::read(json).map_err(|what| damaged(id, what))
}

pub(super) fn state(id: impl Display, word: &[u8]) -> Result<State, StoreError> {
    let state = str::from_utf8(word).ok().and_then(State::from_word);
    state.ok_or_else(|| damaged(id, "its state is none that there is"))
}

/// A lane from its column.
pub(super) fn lane(word: &str) -> Result<Lane, StoreError> {
    let lane = Lane::ALL.into_iter().find(|lane| lane.as_str() == word);
    lane.ok_or_else(|| damaged("of the closed provider", format!("there is no lane {word}")))
}

pub(super) fn number(id: impl Display, column: i64) -> Result<u64, StoreError> {
    u64::try_from(column).map_err(|_| damaged(id, format!("{column} is negative")))
}

/// A revision as it is stored.
pub(super) fn revision(key: i64, column: i64) -> Result<Revision, StoreError> {
    let number =
        u32::try_from(column).map_err(|_| damaged(format!("number {key}"), "no such revision"))?;
    Ok(Revision(number))
}

/// An id as it is stored.
pub(super) fn id_bytes(id: &OnboardingId) -> &[u8] {
    id.0.as_bytes()
}

/// An id from its column.
pub(super) fn onboarding_id(column: &[u8]) -> Result<OnboardingId, StoreError> {
    Uuid::from_slice(column).map(OnboardingId).map_err(|error| damaged("without an id", error))
}

/// Versions count events, of which there are never as many as would not fit.
pub(super) fn column(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// A text that is read as bytes: one that is damaged is no other row's concern.
pub(super) fn text(whose: &str, bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| damaged(whose, "a text in it is no UTF-8"))
}

/// A limit as SQL takes it. One that does not fit is more than any table holds.
///
/// Statements say `limit ?1 + 0`: SQLite plans by the value of a bare parameter there, and so
/// prepares the statement anew each time that one is bound.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
