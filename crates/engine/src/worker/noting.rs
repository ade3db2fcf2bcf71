//! What time alone brings about: reminders, renewals, lost products. No call is made for it.

use onboarding::{Timestamp, next_note};
use store::{Actor, ClaimAfter, Commit, Committed, NotesDue, Store, StoreError, Stored};
use tracing::{error, info};

use super::Worker;
use crate::provider::Provider;

/// At most this many notes are recorded before the worker looks for calls again.
const NOTES_AT_ONCE_MAX: usize = 64;

impl<S: Store, P: Provider> Worker<S, P> {
    /// Records what is due, and answers when there is more.
    pub(super) async fn note(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let NotesDue { due, next_at } = self.store.notes_due(now, NOTES_AT_ONCE_MAX).await?;
        for stored in due {
            self.record_note(stored, now).await;
        }
        Ok(next_at)
    }

    /// Whoever changes the onboarding meanwhile makes this one void; it is due again.
    async fn record_note(&self, stored: Stored, now: Timestamp) {
        let Stored { user, onboarding } = stored;
        let note = next_note(&onboarding, self.store.policy(), now);
        let Some(note) = note.filter(|note| note.due_at <= now) else { return };
        let transitions = self.transitions(&onboarding, &note.event, now);
        if transitions.is_empty() {
            error!(onboarding = %onboarding.id, "due note is ignored; report this as a defect");
            return;
        }
        let commit = Commit {
            id: onboarding.id,
            user,
            transitions,
            actor: Actor::Worker,
            personal: Vec::new(),
            claim: ClaimAfter::Untouched,
            now,
        };
        match self.store.commit(commit).await {
            Ok(Committed::Stored { .. }) => {
                info!(onboarding = %onboarding.id, event = note.event.name(), "noted");
            }
            Ok(Committed::Conflict) => {}
            Err(unusable) => {
                error!(error = &unusable as &dyn std::error::Error, "a note can't be recorded yet");
            }
        }
    }
}
