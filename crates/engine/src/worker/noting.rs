//! What time alone brings about: reminders, renewals, lost products. No call is made for it.

use onboarding::{Timestamp, next_note};
use store::{Actor, Commit, Committed, NotesDue, Store, StoreError, Stored};
use tracing::{error, info};

use super::Worker;
use crate::provider::Provider;

/// At most this many notes are recorded before the worker looks for calls again.
const NOTES_AT_ONCE_MAX: usize = 64;

impl<S: Store, P: Provider> Worker<S, P> {
    /// Records what is due, and answers when there is more. What follows from a note, another one
    /// of the same onboarding among it, is not known before it is recorded.
    pub(super) async fn note(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut left = NOTES_AT_ONCE_MAX;
        while left > 0 {
            let NotesDue { due, next_at } = self.store.notes_due(now, left).await?;
            let mut recorded = 0;
            for stored in due {
                recorded += usize::from(self.record_note(stored, now).await);
            }
            if recorded == 0 {
                return Ok(next_at);
            }
            left -= recorded;
        }
        Ok(Some(now))
    }

    /// Answers whether it was recorded. Whoever changes the onboarding meanwhile makes this one
    /// void; it is due again.
    async fn record_note(&self, stored: Stored, now: Timestamp) -> bool {
        let Stored { user, onboarding } = stored;
        let note = next_note(&onboarding, self.store.policy(), now);
        let Some(note) = note.filter(|note| note.due_at <= now) else { return false };
        let transitions = self.transitions(&onboarding, &note.event, now);
        if transitions.is_empty() {
            error!(onboarding = %onboarding.id, "due note is ignored; report this as a defect");
            return false;
        }
        let commit = Commit::new(onboarding.id, user, transitions, Actor::Worker, now);
        match self.store.commit(commit).await {
            Ok(Committed::Stored { .. }) => {
                info!(onboarding = %onboarding.id, event = note.event.name(), "noted");
                true
            }
            Ok(Committed::Conflict) => false,
            Err(unusable) => {
                error!(error = &unusable as &dyn std::error::Error, "a note can't be recorded yet");
                false
            }
        }
    }
}
