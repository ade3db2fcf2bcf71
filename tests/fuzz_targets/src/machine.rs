//! One onboarding, driven through the two functions of the core.

use onboarding::{
    Context, Event, Onboarding, OnboardingId, Outcome, Policy, Reader, Status, Timestamp, apply,
    next_step,
};

use crate::provider::{NOW, USER};

/// An onboarding, the time, and all that happened to it.
pub(crate) struct Machine {
    pub(crate) onboarding: Onboarding,
    pub(crate) now: Timestamp,
    history: Vec<(Timestamp, Event)>,
    pub(crate) policy: Policy,
}

impl Machine {
    pub(crate) fn blank() -> Self {
        let onboarding = Onboarding::blank(OnboardingId(uuid::Uuid::nil()), NOW);
        Self { onboarding, now: NOW, history: Vec::new(), policy: Policy::default() }
    }

    /// Applies an event, and checks I2 and I3 after it. Answers whether it changed anything.
    pub(crate) fn happen(&mut self, event: &Event) -> bool {
        self.now = self.now.plus_ms(60_000);
        let cx = Context { now: self.now, policy: &self.policy };
        let outcome = apply(&self.onboarding, event, &cx);
        let is_changed = matches!(outcome, Outcome::Changed(_));
        if let Outcome::Changed(transition) = outcome {
            self.onboarding = transition.onboarding;
            self.history.push((self.now, event.clone()));
        }
        if let Err((invariant, what)) = simulation::check(&self.onboarding, &self.policy) {
            panic!("{invariant}: {what}, after {event:?}");
        }
        let step = next_step(&self.onboarding, &self.policy);
        let status =
            Status::of(&USER, &self.onboarding, None, &Reader::new(&self.policy, self.now));
        assert_eq!(status.state, self.onboarding.state, "{step:?}");
        is_changed
    }

    /// I1: what was accepted gives the onboarding again.
    pub(crate) fn check_replay(&self) {
        let mut replayed = Onboarding::blank(self.onboarding.id, NOW);
        for (at, event) in &self.history {
            match apply(&replayed, event, &Context { now: *at, policy: &self.policy }) {
                Outcome::Changed(transition) => replayed = transition.onboarding,
                Outcome::Ignored(reason) => panic!("I1: {event:?} ignored in replay: {reason:?}"),
            }
        }
        assert_eq!(replayed, self.onboarding, "I1: the replay is not the onboarding");
    }
}
