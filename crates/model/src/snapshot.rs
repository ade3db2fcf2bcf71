//! A stored onboarding without what makes two that behave alike differ: counters that only
//! tell delays, names of things that are gone. Then there are finitely many.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use onboarding::{
    Call, Context, Event, HoldCause, Onboarding, OnboardingId, Outcome, Policy, Regressions, Step,
    Timestamp, apply, next_verification_step, wallet_call,
};

use crate::invariants::{self, Broken};

/// All happens at one time. A step may be taken at any moment after another, however long it
/// is due, so that every order is explored that some course of time allows.
pub(crate) const NOW: Timestamp = Timestamp(1_777_713_000_000);
const ID: OnboardingId = OnboardingId(uuid::Uuid::from_u128(1));

/// Patience is short, so that its end is within the bounds.
static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy {
    rounds_max: 1,
    forgotten_max: 1,
    unclear_polls_max: 1,
    ..Policy::default()
});

/// The same, and the provider is asked after each registration which sections it holds.
static CONFIRMING: LazyLock<Policy> =
    LazyLock::new(|| Policy { confirm_registration: true, ..POLICY.clone() });

/// An onboarding as it is stored, and what follows from it alone.
#[derive(Clone, Debug)]
pub struct Snapshot(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    onboarding: Onboarding,
    /// Whether each registration is confirmed.
    is_confirming: bool,
    /// Of all that it holds: to compare two is to compare these.
    digest: [u8; 32],
    next: Step,
    /// The call that links a wallet, beside the road to a verdict.
    wallet: Option<Call>,
    broken: Option<Broken>,
}

/// What an event made of a snapshot.
pub(crate) struct Changed {
    pub(crate) after: Snapshot,
    /// The epoch is another: what was asked before is stale.
    pub(crate) is_new_epoch: bool,
    /// A trigger was begun: answers to those before are stale.
    pub(crate) is_new_trigger: bool,
}

impl Snapshot {
    pub(crate) fn blank(is_confirming: bool) -> Self {
        Self::of(Onboarding::blank(ID, NOW), is_confirming)
    }

    fn of(onboarding: Onboarding, is_confirming: bool) -> Self {
        let json = serde_json::to_vec(&onboarding).expect("an onboarding can be written as JSON");
        Self(Arc::new(Parts {
            digest: *blake3::hash(&json).as_bytes(),
            next: next_verification_step(&onboarding, &POLICY),
            wallet: wallet_call(&onboarding, &POLICY).map(|(call, _)| call),
            broken: invariants::broken_by(&onboarding),
            onboarding,
            is_confirming,
        }))
    }

    /// The onboarding.
    #[must_use]
    pub fn onboarding(&self) -> &Onboarding {
        &self.0.onboarding
    }

    /// The call that comes next, if there is one.
    pub(crate) fn next_call(&self) -> Option<&Call> {
        match &self.0.next {
            Step::Call { call, .. } => Some(call),
            Step::WaitForPerson | Step::Nothing => None,
        }
    }

    /// The call that links a wallet, if one is to be linked. Either may be due first.
    pub(crate) fn wallet_call(&self) -> Option<&Call> {
        self.0.wallet.as_ref()
    }

    /// Whether each registration is confirmed.
    pub(crate) fn is_confirming(&self) -> bool {
        self.0.is_confirming
    }

    /// What of I2 and I3 it does not keep.
    pub(crate) fn broken(&self) -> Option<Broken> {
        self.0.broken
    }

    /// Applies an event by the real rules; `None` when they ignore it.
    pub(crate) fn apply(&self, event: &Event) -> Option<Changed> {
        let policy = if self.0.is_confirming { &CONFIRMING } else { &POLICY };
        let cx = Context { now: NOW, policy };
        match apply(self.onboarding(), event, &cx) {
            Outcome::Changed(transition) => {
                let after = transition.onboarding;
                let before = self.onboarding();
                Some(Changed {
                    is_new_epoch: after.epoch != before.epoch,
                    is_new_trigger: after.verification.triggers != before.verification.triggers,
                    after: Self::of(normalised(after), self.0.is_confirming),
                })
            }
            Outcome::Ignored(_) => None,
        }
    }

    /// The same without its tasks; only a mutant stores that.
    pub(crate) fn without_tasks(&self) -> Self {
        let onboarding = Onboarding { tasks: Vec::new(), ..self.onboarding().clone() };
        Self::of(onboarding, self.0.is_confirming)
    }
}

/// Keeps what the rules look at, and nothing else.
///
/// Epochs and triggers are compared for equality with the newest alone, and the newest only
/// grows: that is 1 here, all before it is 0. Attempts and polls tell nothing but delays.
fn normalised(mut onboarding: Onboarding) -> Onboarding {
    let epoch = onboarding.epoch;
    let is_current = |other: u32| u32::from(other == epoch);
    if let Some(observation) = &mut onboarding.observation {
        observation.epoch = is_current(observation.epoch);
        observation.polls = 0;
    }
    let begun = onboarding.verification.in_doubt.as_ref().map(|doubt| doubt.trigger);
    if let Some(doubt) = &mut onboarding.verification.in_doubt {
        doubt.epoch = is_current(doubt.epoch);
        doubt.trigger = 1;
    }
    onboarding.epoch = 1;
    onboarding.verification.triggers = onboarding.verification.triggers.min(1);
    onboarding.version = 1;
    if let Some(retry) = &mut onboarding.retry {
        retry.attempt = 0;
    }
    if let Some(error) = &mut onboarding.last_error {
        error.message.clear();
    }
    if let Some(hold) = &mut onboarding.hold {
        hold.message.clear();
        if let HoldCause::Refused { call: Call::TriggerVerification { trigger } } = &mut hold.cause
        {
            *trigger = 1;
        }
    }
    for (number, task) in (1..).zip(&mut onboarding.tasks) {
        task.number = number;
        // They only tell when a reminder is due, and time stands still.
        task.past_rounds.clear();
        // Rounds are only compared with those that were forgiven.
        (task.rounds, task.rounds_forgiven) = (task.rounds - task.rounds_forgiven, 0);
        if let Some(waived) = &mut task.waived {
            // The trigger in doubt, which is 1 here, judges it or does not; each later one does.
            let is_too_late = begun.is_some_and(|trigger| trigger <= waived.triggers);
            waived.triggers = u32::from(is_too_late);
        }
    }
    for wallet in onboarding.wallets.values_mut() {
        if let Some(retry) = &mut wallet.retry {
            retry.attempt = 0;
        }
        if let Some(error) = &mut wallet.last_error {
            error.message.clear();
        }
        if let Some(task) = &mut wallet.task {
            (task.number, task.rounds) = (u32::MAX, 1);
            task.past_rounds.clear();
            task.waived.iter_mut().for_each(|waived| waived.triggers = 0);
        }
    }
    // What is noted decides nothing, and no note comes due.
    onboarding.verified_since.clear();
    onboarding.regressions = Regressions::default();
    onboarding.task_count = u32::try_from(onboarding.tasks.len()).unwrap_or(u32::MAX);
    onboarding
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Eq for Snapshot {}

impl Hash for Snapshot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.digest[..16].hash(state);
    }
}
