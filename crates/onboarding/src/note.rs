//! Notes: events that time alone brings about, or that follow from another one. They need no
//! call to the provider.

use crate::onboarding::Onboarding;
use crate::task::{Request, Task, TaskState};
use crate::{Event, Policy, Timestamp};

/// An event that is to be recorded at a time, whatever the provider does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The earliest time for it.
    pub due_at: Timestamp,
    /// The event.
    pub event: Event,
}

/// The next note of `onboarding`, seen at `now`: that a product was lost, that a person is
/// reminded of a task, or that something has to be renewed. While it is held or ended there is
/// none. What is due does not depend on `now`; of several reminders that were missed, it is the
/// last one that is told.
#[must_use]
pub fn next_note(onboarding: &Onboarding, policy: &Policy, now: Timestamp) -> Option<Note> {
    if onboarding.ended.is_some() || onboarding.hold.is_some() {
        return None;
    }
    let regressions = onboarding.regressions.untold.iter().map(|regression| Note {
        due_at: regression.observed_at,
        event: Event::ProductRegressed(regression.clone()),
    });
    let reminders = onboarding.all_tasks().filter_map(|task| next_reminder(task, policy, now));
    let has_task =
        |request: &Request| onboarding.renewals.iter().any(|task| task.request == *request);
    let ahead = onboarding.renewals_ahead(policy);
    let renewals =
        ahead.into_iter().filter(|(request, _)| !has_task(request)).map(|(request, ahead)| Note {
            due_at: ahead.opens_at,
            event: Event::RenewalOpened { request },
        });
    regressions.chain(reminders).chain(renewals).min_by_key(|note| note.due_at)
}

fn next_reminder(task: &Task, policy: &Policy, now: Timestamp) -> Option<Note> {
    let times = reminder_times(task, policy);
    let told = usize::try_from(task.reminders).unwrap_or(usize::MAX);
    let due_at = *times.get(told)?;
    let passed = times.iter().filter(|at| **at <= now).count().max(told + 1);
    let passed = u32::try_from(passed).unwrap_or(u32::MAX);
    Some(Note { due_at, event: Event::TaskReminded { number: task.number, passed } })
}

/// The times of this round at which a person is reminded of an open task, in order.
fn reminder_times(task: &Task, policy: &Policy) -> Vec<Timestamp> {
    let Some(due) = task.due.filter(|_| task.state == TaskState::Open) else { return Vec::new() };
    let mut times: Vec<Timestamp> = policy
        .reminders_ms
        .iter()
        // That a task becomes overdue is always told.
        .chain(&[0])
        .map(|before_ms| due.at.minus_ms(*before_ms))
        .filter(|at| *at > task.asked_at())
        .collect();
    times.sort_unstable();
    times.dedup();
    times
}
