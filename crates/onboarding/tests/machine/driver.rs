//! Drives one onboarding through the two functions of the core, and through nothing else:
//! a change of their signatures touches this file alone.

use onboarding::{
    Call, Context, Effect, Eligibility, Event, FailureClass, Onboarding, OnboardingId, Outcome,
    Ownership, Policy, Reason, State, Step, Timestamp, Transition, apply, next_step,
};

use crate::events::{
    START, accepted, begun, checked, failed, linked, registered, terms_accepted, triggered,
    uploaded, user_read, wanted,
};
use crate::invariants::check_invariants;

/// One onboarding, the time, and all that happened to it.
#[derive(Clone, Debug)]
pub struct Driver {
    pub onboarding: Onboarding,
    pub policy: Policy,
    pub now: Timestamp,
    /// Every event that was accepted, with its time.
    pub history: Vec<(Timestamp, Event)>,
}

impl Driver {
    pub fn blank() -> Self {
        Self { onboarding: blank(), policy: Policy::default(), now: START, history: Vec::new() }
    }

    /// An onboarding for the one product that most tests want.
    pub fn wanting_onramp() -> Self {
        let mut driver = Self::blank();
        driver.happen(&wanted(&[onboarding::Product::Onramp]));
        driver
    }

    /// Applies an event, and checks what must hold after every event.
    pub fn apply(&mut self, event: &Event) -> Outcome {
        let outcome = outcome(&self.onboarding, event, self.now, &self.policy);
        if let Outcome::Changed(transition) = &outcome {
            assert_eq!(transition.from, self.onboarding.state);
            assert_eq!(transition.onboarding.version, self.onboarding.version + 1);
            self.onboarding = transition.onboarding.clone();
            self.history.push((self.now, event.clone()));
        }
        if let Err(violation) = check_invariants(&self.as_told()) {
            panic!("{violation}\nafter {event:?}\n{:#?}", self.onboarding);
        }
        outcome
    }

    /// What is never sent to the provider counts as told.
    fn as_told(&self) -> Onboarding {
        let mut told = self.onboarding.clone();
        if self.policy.keeps_consents {
            for consent in [&mut told.consent, &mut told.terms].into_iter().flatten() {
                consent.acknowledged = Some(consent.revision);
            }
        }
        told
    }

    /// Applies an event that has to change something.
    pub fn happen(&mut self, event: &Event) -> Transition {
        match self.apply(event) {
            Outcome::Changed(transition) => *transition,
            Outcome::Ignored(reason) => panic!("{event:?} was ignored: {reason:?}"),
        }
    }

    /// Applies an event that has to change nothing.
    pub fn ignored(&mut self, event: &Event) -> Reason {
        match self.apply(event) {
            Outcome::Changed(_) => panic!("{event:?} was not ignored"),
            Outcome::Ignored(reason) => reason,
        }
    }

    pub fn state(&self) -> State {
        self.onboarding.state
    }

    /// The next step; asked twice, because it must not matter how often it is asked.
    pub fn step(&self) -> Step {
        let step = next_step(&self.onboarding, &self.policy);
        assert_eq!(step, next_step(&self.onboarding.clone(), &self.policy));
        step
    }

    /// The next call and the time at which it is due.
    pub fn due_call(&self) -> (Call, Timestamp) {
        match self.step() {
            Step::Call { call, due_at } => (call, due_at),
            step @ (Step::WaitForPerson | Step::Nothing) => {
                panic!("no call is next but {step:?}\n{:#?}", self.onboarding)
            }
        }
    }

    pub fn next_call_name(&self) -> &'static str {
        self.due_call().0.name()
    }

    /// How long the next call waits from now.
    pub fn wait_ms(&self) -> u64 {
        self.due_call().1.ms_since(self.now)
    }

    /// Everything that can be sent without a trigger is sent, and acknowledged.
    pub fn acknowledge_all(&mut self) -> &mut Self {
        while let Some(event) = self.acknowledgement() {
            self.happen(&event);
        }
        self
    }

    fn acknowledgement(&self) -> Option<Event> {
        let Step::Call { call, .. } = self.step() else { return None };
        match call {
            Call::AcceptPrivacyPolicy { revision } => Some(accepted(revision.0)),
            Call::RegisterUser { revision } => Some(registered(revision.0)),
            Call::UploadDocument { document_type, revision } => {
                Some(uploaded(&document_type, revision.0))
            }
            Call::AcceptTerms { revision } => {
                Some(terms_accepted(revision.0, self.onboarding.epoch))
            }
            Call::ReadUser { epoch } => Some(user_read(epoch, &[])),
            Call::LinkWallet { number, revision } => {
                Some(linked(number.0, revision.0, self.onboarding.epoch, Ownership::Verified))
            }
            Call::TriggerVerification { .. } | Call::CheckStatus { .. } => None,
        }
    }

    /// Begins the trigger that is next, and gives its number.
    pub fn begin_trigger(&mut self) -> u32 {
        let (call, _) = self.due_call();
        let Call::TriggerVerification { trigger } = call else {
            panic!("no trigger is next but {call:?}\n{:#?}", self.onboarding)
        };
        self.happen(&begun(trigger));
        trigger
    }

    /// Sends what there is, triggers, and gets this answer.
    pub fn trigger(&mut self, answer: &[Eligibility]) -> &mut Self {
        let trigger = self.acknowledge_all().begin_trigger();
        self.happen(&triggered(trigger, answer));
        self
    }

    /// The provider answers a question for the status.
    pub fn check(&mut self, answer: &[Eligibility]) -> &mut Self {
        let (call, _) = self.due_call();
        let Call::CheckStatus { epoch } = call else {
            panic!("no status is read next but {call:?}\n{:#?}", self.onboarding)
        };
        self.happen(&checked(epoch, answer));
        self
    }

    /// The next call fails so.
    pub fn fail(&mut self, class: FailureClass, effect: Effect) -> &mut Self {
        let (call, _) = self.due_call();
        if let Call::TriggerVerification { trigger } = call {
            self.happen(&begun(trigger));
        }
        self.happen(&failed(call, class, effect));
        self
    }

    /// Lets time pass until the next call is due.
    pub fn wait_until_due(&mut self) -> &mut Self {
        self.now = self.now.max(self.due_call().1);
        self
    }
}

pub fn blank() -> Onboarding {
    Onboarding::blank(
        OnboardingId(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
        START,
    )
}

pub fn outcome(onboarding: &Onboarding, event: &Event, now: Timestamp, policy: &Policy) -> Outcome {
    apply(onboarding, event, &Context { now, policy })
}
