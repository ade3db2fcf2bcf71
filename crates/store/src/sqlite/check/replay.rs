//! History replayed through the rules: what the row and the tasks of an onboarding must be.

use std::collections::BTreeMap;
use std::sync::Arc;

use onboarding::{
    Context, Onboarding, OnboardingId, Outcome, Policy, Task, TaskState, Timestamp, apply,
};

use crate::HistoryRow;

/// What some rows of history add up to.
pub(super) struct Replay {
    /// None before the first row.
    pub onboarding: Option<Onboarding>,
    /// Every task there ever was, with the time when it was closed.
    pub tasks: BTreeMap<u32, (Task, Option<Timestamp>)>,
    /// The policy of the last row.
    pub policy: Option<Arc<Policy>>,
    id: OnboardingId,
}

impl Replay {
    pub fn new(id: OnboardingId) -> Self {
        Self { onboarding: None, tasks: BTreeMap::new(), policy: None, id }
    }

    /// The version that it has come to.
    pub fn version(&self) -> u64 {
        self.onboarding.as_ref().map_or(0, |onboarding| onboarding.version)
    }

    /// Applies the next row. The error says why it can't be the next.
    pub fn go_on(&mut self, row: HistoryRow) -> Result<(), String> {
        let expected = self.version() + 1;
        if row.version != expected {
            return Err(format!("version {expected} is missing in its history"));
        }
        let before = self.onboarding.take();
        let before = before.unwrap_or_else(|| Onboarding::blank(self.id, row.at));
        let context = Context { now: row.at, policy: &row.policy };
        let transition = match apply(&before, &row.event, &context) {
            Outcome::Changed(transition) => transition,
            Outcome::Ignored(reason) => {
                let (event, reason) = (row.event.name(), reason.as_str());
                return Err(format!("version {expected}, {event}, can't have happened: {reason}"));
            }
        };
        let after = transition.onboarding;
        if (row.from, row.to) != (transition.from, after.state) {
            return Err(format!(
                "version {expected} says that it went from {} to {}, and the rules from {} to {}",
                row.from, row.to, transition.from, after.state
            ));
        }
        for task in transition.tasks {
            let closed_at = (task.state == TaskState::Closed).then_some(row.at);
            self.tasks.insert(task.number, (task, closed_at));
        }
        self.policy = Some(row.policy);
        self.onboarding = Some(after);
        Ok(())
    }
}
