//! What lists show besides a whole [`Status`](crate::Status): tasks with whose they are, users
//! who are stuck, and what happened to one. The same objects in the API and on the command line.

use serde::Serialize;
use serde_json::Value;

use crate::explain::{StuckView, Surroundings};
use crate::onboarding::Onboarding;
use crate::reader::Reader;
use crate::requirements::Compiled;
use crate::status::TaskView;
use crate::task::Task;
use crate::{Event, State, Timestamp, UserLocator};

/// A task, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserTask {
    /// The user's locator.
    pub user: String,
    /// The task.
    #[serde(flatten)]
    pub task: TaskView,
}

impl UserTask {
    /// The view that `reader` has of one task of `onboarding`, which is `user`'s; it says more
    /// where the onboarding's needs are known.
    #[must_use]
    pub fn of(
        user: &UserLocator,
        onboarding: &Onboarding,
        task: &Task,
        needs: Option<&Compiled>,
        reader: &Reader<'_>,
    ) -> Self {
        let task = TaskView::of(user, onboarding, task, needs, reader);
        Self { user: user.as_str().to_owned(), task }
    }
}

/// A user who does not go on, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StuckUser {
    /// The user's locator.
    pub user: String,
    /// Our own id of the onboarding.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Why it does not go on.
    #[serde(flatten)]
    pub stuck: StuckView,
}

impl StuckUser {
    /// The view that `reader` has of `user`'s onboarding, if it does not go on.
    #[must_use]
    pub fn of(
        user: &UserLocator,
        onboarding: &Onboarding,
        reader: &Reader<'_>,
        around: &Surroundings,
    ) -> Option<Self> {
        Some(Self {
            stuck: StuckView::of(user, onboarding, reader, around)?,
            user: user.as_str().to_owned(),
            id: onboarding.id.to_string(),
            state: onboarding.state,
        })
    }
}

/// Something that happened; `detail` is what the event says, which is never personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The onboarding's version after it.
    pub version: u64,
    /// When it happened.
    pub at: String,
    /// What happened.
    pub event: &'static str,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// Who made it happen.
    pub actor: &'static str,
    /// What the event says besides its name.
    pub detail: Value,
}

impl HistoryEntry {
    /// The view of `event`, by which `actor` brought an onboarding from one state to another.
    #[must_use]
    pub fn of(
        version: u64,
        at: Timestamp,
        event: &Event,
        (from, to): (State, State),
        actor: &'static str,
    ) -> Self {
        let (at, detail) = (at.to_string(), event.detail());
        Self { version, at, event: event.name(), from, to, actor, detail }
    }
}

impl Event {
    /// What it says, besides its name, with times as people write them; never personal data.
    ///
    /// # Panics
    /// Never: an event is plain JSON.
    #[must_use]
    pub fn detail(&self) -> Value {
        let mut detail = serde_json::to_value(self).expect("an event is plain JSON");
        if let Some(fields) = detail.as_object_mut() {
            fields.remove("event");
        }
        write_times(&mut detail);
        detail
    }
}

/// Puts times where they are stored as numbers; such a field's name says that it holds one.
fn write_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let is_time = name.ends_with("At") || name.ends_with("Since");
                match field.as_i64().filter(|_| is_time) {
                    Some(ms) => *field = Timestamp(ms).to_string().into(),
                    None => write_times(field),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(write_times),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
