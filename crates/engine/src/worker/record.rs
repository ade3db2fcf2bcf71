//! What happened, applied and committed.

use onboarding::{Context, Event, Onboarding, OnboardingId, Outcome, Timestamp, Transition, apply};
use store::{
    Actor, ClaimAfter, Claimed, Commit, Committed, Lease, PersonalData, ProviderGate, Store,
    StoreError, Stored,
};
use tracing::{debug, error, info, warn};

use super::{STORE_PAUSE_FIRST_MS, STORE_PAUSE_LONGEST_MS, Worker};
use crate::Clock;
use crate::provider::Provider;

/// How often an event is applied anew to an onboarding that others keep changing.
const CONFLICTS_MAX: u32 = 100;
/// How long an upload lets others pass that found too many documents in memory.
const UPLOAD_POSTPONED_MS: u64 = 2_000;

impl<S: Store, P: Provider> Worker<S, P> {
    /// Applies and commits what happened, with the personal data that came of it, however often
    /// others change the onboarding meanwhile and however long the store can't be used; only a
    /// shutdown ends the tries.
    pub(super) async fn record(
        &self,
        stored: Stored,
        mut lease: Lease,
        (event, personal): (&Event, Option<PersonalData>),
        clock: &impl Clock,
    ) -> Option<Claimed> {
        let Stored { user, onboarding } = stored;
        let id = onboarding.id;
        let mut current = onboarding;
        let mut pause_ms = STORE_PAUSE_FIRST_MS;
        let mut conflicts = 0;
        // A commit that failed may be stored all the same, as this version; then the next call
        // was claimed with it, under this lease.
        let mut doubtful = None;
        let mut is_recorded = false;
        loop {
            let now = clock.now();
            let transitions =
                if is_recorded { Vec::new() } else { self.transitions(&current, event, now) };
            let version = transitions.first().map(|transition| transition.onboarding.version);
            let moved = transitions
                .first()
                .map(|transition| (transition.from, transition.onboarding.state));
            let told = transitions.first().filter(|_| !self.observers.is_empty()).cloned();
            let commit = Commit {
                personal: personal.clone().into_iter().collect(),
                claim: self.claim_after(lease),
                ..Commit::new(id, user.clone(), transitions, Actor::Worker, now)
            };
            match self.store.commit(commit).await {
                Ok(Committed::Stored { next }) => {
                    if let Some(transition) = &told {
                        self.observers.iter().for_each(|it| it.recorded(transition));
                    }
                    if let Some((from, to)) = moved.filter(|(from, to)| from != to) {
                        info!(%from, %to, event = event.name(), "onboarding moved");
                    }
                    return next;
                }
                Ok(Committed::Conflict) => conflicts += 1,
                Err(unusable) => {
                    doubtful = version.map(|version| (version, self.settings.worker.lease_at(now)));
                    error!(
                        error = &unusable as &dyn std::error::Error,
                        "an answer can't be recorded yet"
                    );
                    if self.pause(clock, pause_ms).await == Paused::Stopping {
                        return None;
                    }
                    pause_ms = (pause_ms * 2).min(STORE_PAUSE_LONGEST_MS);
                }
            }
            if conflicts > CONFLICTS_MAX {
                warn!(
                    conflicts,
                    "others keep changing the onboarding; its answer is dropped and asked for again"
                );
                return None;
            }
            match self.reload(id, event, doubtful.map(|(version, _)| version)).await {
                Ok(Some((onboarding, found))) => {
                    current = onboarding;
                    if let Some((_, next_lease)) = doubtful.take().filter(|_| found) {
                        is_recorded = true;
                        lease = next_lease;
                    }
                }
                Ok(None) => return None,
                // Nobody mends it by waiting. Once it can be read again, its claim has run out, and
                // what the provider said is asked for again.
                Err(damaged @ StoreError::Damaged { .. }) => {
                    error!(
                        error = &damaged as &dyn std::error::Error,
                        "an onboarding is damaged; its answer is dropped and asked for again"
                    );
                    return None;
                }
                Err(unusable) => {
                    error!(
                        error = &unusable as &dyn std::error::Error,
                        "an onboarding can't be read"
                    );
                    if self.pause(clock, pause_ms).await == Paused::Stopping {
                        return None;
                    }
                }
            }
        }
    }

    /// Gives back the claim of an upload for which there was no room.
    pub(super) async fn postpone(&self, stored: Stored, lease: Lease, now: Timestamp) {
        let Stored { user, onboarding } = stored;
        let until = now.plus_ms(UPLOAD_POSTPONED_MS);
        let commit = Commit {
            claim: ClaimAfter::Postpone { lease, until },
            ..Commit::new(onboarding.id, user, Vec::new(), Actor::Worker, now)
        };
        if let Err(unusable) = self.store.commit(commit).await {
            error!(
                error = &unusable as &dyn std::error::Error,
                "a claim can't be given back; it runs out"
            );
        }
    }

    pub(super) fn transitions(
        &self,
        current: &Onboarding,
        event: &Event,
        now: Timestamp,
    ) -> Vec<Transition> {
        match apply(current, event, &Context { now, policy: self.store.policy() }) {
            Outcome::Changed(transition) => vec![*transition],
            Outcome::Ignored(reason) => {
                debug!(event = event.name(), reason = reason.as_str(), "event ignored");
                Vec::new()
            }
        }
    }

    /// The onboarding as it is now, and whether `event` is on record as its `doubtful` version.
    async fn reload(
        &self,
        id: OnboardingId,
        event: &Event,
        doubtful: Option<u64>,
    ) -> Result<Option<(Onboarding, bool)>, StoreError> {
        let Some(stored) = self.store.load(id).await? else { return Ok(None) };
        let Some(version) = doubtful else { return Ok(Some((stored.onboarding, false))) };
        let rows = self.store.history(id, version - 1, 1).await?;
        let is_recorded = rows.iter().any(|row| row.version == version && row.event == *event);
        Ok(Some((stored.onboarding, is_recorded)))
    }

    fn claim_after(&self, lease: Lease) -> ClaimAfter {
        let open = self.with_gate(|gate| *gate.state() == ProviderGate::Open);
        if open && !self.stopping.is_cancelled() {
            ClaimAfter::Continue { lease, worker: self.settings.worker }
        } else {
            ClaimAfter::Release(lease)
        }
    }

    async fn pause(&self, clock: &impl Clock, ms: u64) -> Paused {
        tokio::select! {
            () = self.stopping.cancelled() => Paused::Stopping,
            () = clock.wait(ms) => Paused::Over,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paused {
    Over,
    Stopping,
}
