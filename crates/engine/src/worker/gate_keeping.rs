//! What an answer means for the gate, and for whoever closed it.

use onboarding::{
    Call, Event, FailureClass, Lane, OnboardingId, Step, Timestamp, Transition,
    next_verification_step,
};
use store::{Actor, Commit, Committed, ProviderGate, Store, Stored};
use tracing::{error, info, warn};

use super::Worker;
use super::call::no_effect;
use crate::Clock;
use crate::gate::{Answer, Gate, Turn};
use crate::provider::Provider;

impl<S: Store, P: Provider> Worker<S, P> {
    /// Takes in what a call of `id` said of the provider, and holds whoever closed it for all.
    pub(super) async fn turn_gate(
        &self,
        id: OnboardingId,
        lane: Lane,
        answer: Answer<'_>,
        is_probe: bool,
        clock: &impl Clock,
    ) {
        let now = clock.now();
        let (turn, state) = self.with_gate(|gate| {
            let turn = gate.turn(id, lane, answer, is_probe, now);
            (turn, gate.state().clone())
        });
        match (turn, &state) {
            (Turn::None, _) => return,
            (Turn::Opened { culprits, since }, _) => {
                info!(closed_for_ms = now.ms_since(since), "the provider is open again");
                for culprit in culprits {
                    self.hold_culprit(culprit, clock).await;
                }
                self.with_gate(Gate::open);
                self.opened.notify_one();
                return self.keep_gate(ProviderGate::Open, now).await;
            }
            (Turn::Closed | Turn::StillClosed, ProviderGate::Closed(closed)) => error!(
                message = closed.message,
                probe_at = %closed.probe_at,
                "the provider refuses every call: check the API key, its scopes and that the project \
                 is enabled for KYC; nothing is called until a probe succeeds"
            ),
            (Turn::Closed | Turn::StillClosed, ProviderGate::Open) => {}
        }
        self.keep_gate(state, now).await;
    }

    async fn keep_gate(&self, state: ProviderGate, now: Timestamp) {
        if let Err(unusable) = self.store.set_provider_gate(state, now).await {
            error!(
                error = &unusable as &dyn std::error::Error,
                "the provider's gate can't be recorded"
            );
        }
    }

    /// Others' calls succeed while this user's closed the provider for all: it is stopped, so
    /// that it can't do so again.
    async fn hold_culprit(&self, id: OnboardingId, clock: &impl Clock) {
        let stored = match self.store.load(id).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return,
            Err(unusable) => {
                error!(error = &unusable as &dyn std::error::Error, "an onboarding can't be read");
                return;
            }
        };
        // Wallets close nothing, so it is a call of the road to a verdict.
        let step = next_verification_step(&stored.onboarding, self.store.policy());
        let Step::Call { call, .. } = step else {
            return;
        };
        let message =
            stored.onboarding.last_error.as_ref().map_or("no reason given", |error| &error.message);
        let event = held_for_it(call, format!("{message} (other users' calls succeed)"));
        for transition in self.transitions(&stored.onboarding, &event, clock.now()) {
            self.commit_unclaimed(&stored, transition, clock.now()).await;
        }
    }

    async fn commit_unclaimed(&self, stored: &Stored, transition: Transition, now: Timestamp) {
        let id = stored.onboarding.id;
        let commit = Commit::new(id, stored.user.clone(), vec![transition], Actor::Worker, now);
        match self.store.commit(commit).await {
            Ok(Committed::Stored { .. }) => {
                warn!(onboarding = %id, "held: its calls alone are refused")
            }
            // Someone changed it just now: if it is still refused, it is found again.
            Ok(Committed::Conflict) => {}
            Err(unusable) => {
                error!(error = &unusable as &dyn std::error::Error, "an onboarding can't be held");
            }
        }
    }
}

/// What holds an onboarding for a call that is refused to it alone. Of a look, which holds no data,
/// a refusal by itself would stop nobody.
fn held_for_it(call: Call, reason: String) -> Event {
    match call {
        Call::ReadUser { .. } | Call::CheckStatus { .. } => Event::RefusedAlone { call, reason },
        Call::AcceptPrivacyPolicy { .. }
        | Call::AcceptTerms { .. }
        | Call::RegisterUser { .. }
        | Call::UploadDocument { .. }
        | Call::TriggerVerification { .. }
        | Call::LinkWallet { .. } => {
            Event::CallFailed { call, failure: no_effect(FailureClass::Refused, reason) }
        }
    }
}
