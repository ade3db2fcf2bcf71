//! One onboarding and a model provider, with faults between them.

use onboarding::{
    Call, DocumentType, Effect, Event, Failure, FailureClass, HoldCause, Outcome, Product,
    Revision, Revisions, Section, State, Step, Wallet, WalletNumber,
};
use proptest::prelude::*;

use crate::driver::Driver;
use crate::events::{
    begun, consent_given, document_added, failed, failure, held, in_epoch, profile_set, resumed,
    retried, wallet_given, wanted,
};
use crate::invariants::{
    TriggerLog, check_no_blind_trigger, check_not_poorer, check_replay, ensure,
};
use crate::provider::{Provider, Verdict, supply};

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The call is lost on its way: it has no effect, but nobody can tell.
    LostBefore,
    /// The answer is lost: the call has had its effect.
    LostAfter,
    /// The process dies before the call, its intent recorded.
    CrashBefore,
    /// The process dies after the call, before the answer is recorded.
    CrashAfter,
    /// The answer comes, but only after other things have happened.
    Late,
    /// The answer comes twice.
    Twice,
    /// The provider fails without effect.
    Fails(FailureClass),
    /// The provider loses the user, and says so.
    Forgets,
}

/// What a person or an operator does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    EditKycData,
    EditDueDiligence,
    GiveConsent,
    AddPassport,
    GiveWallet,
    AskForVerification,
    WantBoth,
    WantOnramp,
    /// The first open task is supplied.
    Supply,
    Hold,
    Resume,
    Retry,
}

/// What happens next in a world.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    Act(Act),
    /// The next call is made when it is due, with a fault.
    Call(Fault),
    /// The oldest late answer arrives.
    LateAnswer,
    /// The last answer arrives again.
    Repeat,
}

/// One onboarding, its provider, and what is on its way between them.
#[derive(Clone, Debug)]
pub struct World {
    pub driver: Driver,
    pub provider: Provider,
    pub triggers: Vec<TriggerLog>,
    late: Vec<Answer>,
    last: Option<Answer>,
    /// What the provider had when it gave the word that the onboarding now goes by.
    observed_with: Revisions,
}

/// An answer, and what the provider had when it was given.
#[derive(Clone, Debug)]
struct Answer {
    event: Event,
    given_with: Revisions,
}

/// No drive takes more steps than this to come to rest, be it a run of unclear answers.
const STEPS_MAX: u32 = 300;

impl World {
    pub fn new(script: &[Verdict]) -> Self {
        let mut driver = Driver::wanting_onramp();
        driver.happen(&profile_set(1, &[Section::UserDetails, Section::KycData]));
        Self {
            driver,
            provider: Provider::with_script(script),
            triggers: Vec::new(),
            late: Vec::new(),
            last: None,
            observed_with: Revisions::default(),
        }
    }

    /// Lets one thing happen, and checks what must hold after it.
    pub fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Call(fault) => self.call(fault)?,
            Happening::LateAnswer => {
                if !self.late.is_empty() {
                    let answer = self.late.remove(0);
                    self.receive(answer);
                }
            }
            Happening::Repeat => {
                if let Some(answer) = self.last.clone() {
                    self.receive(answer);
                }
            }
            Happening::Act(act) => {
                if let Some(event) = self.event_of(act) {
                    self.driver.apply(&event);
                }
            }
        }
        self.check()
    }

    fn event_of(&self, act: Act) -> Option<Event> {
        let onboarding = &self.driver.onboarding;
        let profile = next(onboarding.profile.as_ref().map(|profile| profile.revision));
        let consent = next(onboarding.consent.as_ref().map(|consent| consent.revision));
        let passport = DocumentType::IdPassport;
        let document = next(onboarding.documents.get(&passport).map(|document| document.revision));
        match act {
            Act::EditKycData => Some(profile_set(profile, &[Section::KycData])),
            Act::EditDueDiligence => Some(profile_set(profile, &[Section::DueDiligence])),
            Act::GiveConsent => Some(consent_given(consent)),
            Act::AddPassport => Some(document_added(&passport, document)),
            Act::GiveWallet => {
                let held = onboarding.wallets.get(&WalletNumber(1));
                Some(wallet_given(1, next(held.map(|wallet| wallet.revision))))
            }
            Act::AskForVerification => Some(Event::VerificationRequested),
            Act::WantBoth => Some(wanted(&[Product::Onramp, Product::Offramp])),
            Act::WantOnramp => Some(wanted(&[Product::Onramp])),
            Act::Supply => supply(onboarding),
            Act::Hold => Some(held()),
            Act::Resume => Some(resumed()),
            Act::Retry => Some(retried()),
        }
    }

    /// The next call is made when it is due.
    fn call(&mut self, fault: Fault) -> Result<(), String> {
        let Step::Call { call, due_at } = self.driver.step() else { return Ok(()) };
        self.driver.now = self.driver.now.max(due_at);
        if let Call::TriggerVerification { trigger } = call {
            self.driver.happen(&begun(trigger));
            let sent = self.driver.onboarding.acknowledged_revisions();
            self.triggers.push(TriggerLog::Sent(sent));
            check_no_blind_trigger(&self.triggers)?;
        }
        let unknown = |class| failed(call.clone(), class, Effect::Unknown);
        match fault {
            Fault::None => {
                let answer = self.answer(&call);
                self.receive(answer);
            }
            Fault::LostBefore => self.fail(unknown(FailureClass::Transient)),
            Fault::LostAfter => {
                self.answer(&call);
                self.fail(unknown(FailureClass::Transient));
            }
            Fault::CrashBefore => {}
            Fault::CrashAfter => {
                self.answer(&call);
            }
            Fault::Late => {
                let answer = self.answer(&call);
                self.late.push(answer);
            }
            Fault::Twice => {
                let answer = self.answer(&call);
                self.receive(answer.clone());
                self.receive(answer);
            }
            Fault::Fails(class) => self.fail(failed(call, class, Effect::None)),
            Fault::Forgets if !self.shows_loss(&call) => {
                self.fail(unknown(FailureClass::Transient))
            }
            Fault::Forgets => {
                // An answer from before the loss would tell of what is there no longer.
                self.late.clear();
                self.last = None;
                let failure = self.provider.forget();
                self.fail(failure_of(&call, failure));
            }
        }
        Ok(())
    }

    /// Whether a 404 to this call can only mean that the user is lost. The others write the
    /// user anew, or are refused so before the first trigger.
    fn shows_loss(&self, call: &Call) -> bool {
        let verification = &self.driver.onboarding.verification;
        match call {
            Call::AcceptPrivacyPolicy { .. }
            | Call::AcceptTerms { .. }
            | Call::RegisterUser { .. }
            | Call::LinkWallet { .. } => false,
            Call::ReadUser { .. }
            | Call::UploadDocument { .. }
            | Call::TriggerVerification { .. } => true,
            Call::CheckStatus { .. } => {
                verification.in_doubt.is_none() || verification.triggered_with.is_some()
            }
        }
    }

    /// The provider takes the call in, to full effect.
    fn answer(&mut self, call: &Call) -> Answer {
        let event = match self.provider.answer(call) {
            Ok(event) => in_epoch(self.driver.onboarding.epoch, event),
            Err(failure) => failure_of(call, failure),
        };
        Answer { event, given_with: self.provider.has.clone() }
    }

    fn fail(&mut self, event: Event) {
        self.receive(Answer { event, given_with: self.provider.has.clone() });
    }

    fn receive(&mut self, answer: Answer) {
        let before = self.driver.onboarding.clone();
        if let Outcome::Changed(transition) = self.driver.apply(&answer.event) {
            if transition.onboarding.observation != before.observation {
                self.observed_with = answer.given_with.clone();
            }
            self.note(&answer, before.verification.in_doubt.is_some());
        }
        self.last = Some(answer);
    }

    /// Keeps the book of the triggers.
    fn note(&mut self, answer: &Answer, was_in_doubt: bool) {
        let in_doubt = self.driver.onboarding.verification.in_doubt.is_some();
        match &answer.event {
            Event::VerificationTriggered { .. } => self.triggers.push(TriggerLog::Answered),
            Event::StatusChecked { .. } => self.triggers.push(TriggerLog::Read),
            Event::CallFailed { call: Call::TriggerVerification { .. }, failure }
                if failure.effect == Effect::None && was_in_doubt && !in_doubt =>
            {
                self.triggers.push(TriggerLog::Answered);
            }
            Event::CallFailed { call, failure } if is_no_such_user(call, failure) => {
                self.triggers.push(TriggerLog::Read);
            }
            Event::ProfileSet { .. }
            | Event::WantedProductsSet { .. }
            | Event::ConsentGiven { .. }
            | Event::DocumentAdded { .. }
            | Event::DocumentWithdrawn { .. }
            | Event::WalletGiven { .. }
            | Event::WalletWithdrawn { .. }
            | Event::WalletLinked { .. }
            | Event::VerificationRequested
            | Event::PrivacyPolicyAccepted { .. }
            | Event::TermsAccepted { .. }
            | Event::UserRead { .. }
            | Event::RefusedAlone { .. }
            | Event::ProductRegressed(_)
            | Event::TaskReminded { .. }
            | Event::RenewalOpened { .. }
            | Event::TaskWaived { .. }
            | Event::Reopened { .. }
            | Event::UserRegistered { .. }
            | Event::DocumentUploaded { .. }
            | Event::TriggerBegun { .. }
            | Event::CallFailed { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::Retried { .. }
            | Event::Cancelled { .. }
            | Event::Erased { .. } => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        let onboarding = &self.driver.onboarding;
        let acknowledged = onboarding.acknowledged_revisions();
        check_not_poorer(&self.provider.has, &acknowledged)?;
        if onboarding.state == State::Verified {
            check_not_poorer(&self.observed_with, &acknowledged)
                .map_err(|why| format!("I3: verified by a word on older data: {why}"))?;
        }
        let is_there = |(number, wallet): (&WalletNumber, &Wallet)| {
            self.provider.wallets.get(number).copied() >= wallet.acknowledged
        };
        ensure(onboarding.wallets.iter().all(is_there), "a wallet that is linked is not there")?;
        check_replay(onboarding, &self.driver.history, &self.driver.policy)
    }

    /// Makes believe that the provider gave its last word when it had only this.
    pub fn plant_observation_with(&mut self, given_with: Revisions) {
        self.observed_with = given_with;
    }

    /// Faults have stopped: the onboarding comes to rest, with no one's help.
    pub fn come_to_rest(&mut self) -> Result<(), String> {
        for _ in 0..STEPS_MAX {
            if self.driver.state().is_at_rest() {
                return Ok(());
            }
            self.happen(Happening::Call(Fault::None))?;
        }
        Err(format!("I6: no rest in {STEPS_MAX} steps: {:#?}", self.driver.onboarding))
    }

    /// As `come_to_rest`, with a person who supplies what is asked for and an operator who
    /// releases what is held. They act until neither has anything to do.
    pub fn come_to_rest_with_help(&mut self) -> Result<(), String> {
        for _ in 0..STEPS_MAX {
            self.come_to_rest()?;
            match self.driver.state() {
                State::RequiresData => {
                    self.happen(Happening::Act(Act::Supply))?;
                    self.happen(Happening::Call(Fault::None))?;
                }
                // The provider will not say anything clearer, however often it is asked.
                State::Held if self.is_unclear() && self.check_all_sent().is_ok() => return Ok(()),
                State::Held => self.happen(Happening::Act(Act::Resume))?,
                State::Verified | State::Rejected | State::Cancelled | State::Erased => {
                    return self.check_all_sent();
                }
                State::Registering
                | State::Registered
                | State::DocumentsUploaded
                | State::VerificationTriggered
                | State::Polling => {}
            }
        }
        Err(format!("I6: no rest with help: {:#?}", self.driver.onboarding))
    }

    fn is_unclear(&self) -> bool {
        let hold = self.driver.onboarding.hold.as_ref();
        hold.is_some_and(|hold| hold.cause == HoldCause::Unclear)
    }

    /// I4: at rest, the provider has exactly what is held. It may have documents besides
    /// that we believed lost.
    fn check_all_sent(&self) -> Result<(), String> {
        let (has, held) = (&self.provider.has, self.driver.onboarding.held_revisions());
        check_not_poorer(has, &held)?;
        let exactly = has.profile == held.profile && has.consent == held.consent;
        ensure(exactly, "I4: at rest, the provider has other data than what is held")
    }
}

fn next(current: Option<Revision>) -> u32 {
    Revision::following(current).0
}

fn failure_of(call: &Call, failure: Failure) -> Event {
    Event::CallFailed { call: call.clone(), failure }
}

/// Whether the provider said that there is no such user. It says so of a question for the
/// status by refusing it, too.
fn is_no_such_user(call: &Call, failure: &Failure) -> bool {
    match call {
        Call::AcceptPrivacyPolicy { .. }
        | Call::AcceptTerms { .. }
        | Call::RegisterUser { .. }
        | Call::LinkWallet { .. } => false,
        Call::UploadDocument { .. } | Call::TriggerVerification { .. } => {
            failure.class == FailureClass::NotFound
        }
        Call::ReadUser { .. } | Call::CheckStatus { .. } => {
            [FailureClass::NotFound, FailureClass::Refused].contains(&failure.class)
        }
    }
}

/// Any fault; none at all more often than each of the others.
pub fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        1 => Just(Fault::LostBefore),
        2 => Just(Fault::LostAfter),
        1 => Just(Fault::CrashBefore),
        2 => Just(Fault::CrashAfter),
        2 => Just(Fault::Late),
        1 => Just(Fault::Twice),
        2 => prop::sample::select(FailureClass::ALL.to_vec()).prop_map(Fault::Fails),
        1 => Just(Fault::Forgets),
    ]
}

/// Anything that a person, an operator or the provider may do.
pub fn any_happening(fault: impl Strategy<Value = Fault> + 'static) -> BoxedStrategy<Happening> {
    prop_oneof![
        12 => fault.prop_map(Happening::Call),
        2 => a_persons_happening(),
        2 => Just(Happening::LateAnswer),
        1 => Just(Happening::Repeat),
        1 => prop::sample::select(vec![Act::Hold, Act::Resume, Act::Retry]).prop_map(Happening::Act),
        1 => prop::sample::select(vec![Act::WantBoth, Act::WantOnramp]).prop_map(Happening::Act),
    ]
    .boxed()
}

/// What a person does who gives data and asks for verification.
pub fn a_persons_happening() -> impl Strategy<Value = Happening> {
    prop::sample::select(vec![
        Act::EditKycData,
        Act::EditDueDiligence,
        Act::GiveConsent,
        Act::AddPassport,
        Act::GiveWallet,
        Act::AskForVerification,
        Act::Supply,
    ])
    .prop_map(Happening::Act)
}

pub fn any_script() -> impl Strategy<Value = Vec<Verdict>> {
    prop::collection::vec(prop::sample::select(Verdict::ALL.to_vec()), 0..6)
}

/// A failure of a class, as the property of totality draws it.
pub fn any_failure() -> impl Strategy<Value = Failure> {
    (
        prop::sample::select(FailureClass::ALL.to_vec()),
        any::<bool>(),
        prop::option::of(0..10_000_u64),
    )
        .prop_map(|(class, unknown, retry_after_ms)| Failure {
            retry_after_ms,
            ..failure(class, if unknown { Effect::Unknown } else { Effect::None })
        })
}
