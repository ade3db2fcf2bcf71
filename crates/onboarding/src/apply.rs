//! The one place where an onboarding changes.

use std::collections::BTreeMap;

use crate::event::Event;
use crate::onboarding::{
    Consent, Document, Ended, Hold, HoldCause, LastError, Observation, Onboarding, ProfileRecord,
    Retry, TriggerInDoubt,
};
use crate::step::Call;
use crate::task::{Request, Task, TaskState};
use crate::{
    DocumentType, Effect, Eligibility, Failure, FailureClass, Policy, Product, ProductStatus,
    Revision, State, Timestamp,
};

/// What an event is applied in.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time at which it happened.
    pub now: Timestamp,
    /// The configured times and limits.
    pub policy: &'a Policy,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed the onboarding.
    Changed(Box<Transition>),
    /// It changed nothing, for a named reason.
    Ignored(Reason),
}

/// The change from one state to the next by an event; each is a row of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The event.
    pub event: Event,
    /// When it happened.
    pub at: Timestamp,
    /// The state before it.
    pub from: State,
    /// The onboarding after it.
    pub onboarding: Onboarding,
    /// The tasks that it opened, changed or closed, as they are now.
    pub tasks: Vec<Task>,
}

/// Why an event changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The onboarding was ended on request.
    Ended,
    /// The edit's revision is not the one that follows ours: someone else edited first.
    NotTheNextRevision,
    /// The provider acknowledged this revision, or a newer one, before.
    AlreadyAcknowledged,
    /// We never held the revision that the answer is about.
    NeverHeld,
    /// The answer is not to the trigger that is in doubt.
    NotTheTriggerInDoubt,
    /// A trigger is in doubt: its answer has to be read first.
    TriggerInDoubt,
    /// Something has to be acknowledged, or asked for, before a trigger.
    NothingToTrigger,
    /// The provider was told something after it was asked this.
    StaleObservation,
    /// Nothing was acknowledged or supplied since the provider last judged.
    NothingNewToVerify,
    /// It would change nothing: that is how it is already.
    AlreadySo,
    /// It is not held.
    NotHeld,
    /// There is no user: the first event sets a profile, consent or wanted products.
    NotBegun,
    /// The failed call is not one that this onboarding is waiting for.
    NotTheAwaitedCall,
}

impl Reason {
    /// The reason's word in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::NotTheNextRevision => "not-the-next-revision",
            Self::AlreadyAcknowledged => "already-acknowledged",
            Self::NeverHeld => "never-held",
            Self::NotTheTriggerInDoubt => "not-the-trigger-in-doubt",
            Self::TriggerInDoubt => "trigger-in-doubt",
            Self::NothingToTrigger => "nothing-to-trigger",
            Self::StaleObservation => "stale-observation",
            Self::NothingNewToVerify => "nothing-new-to-verify",
            Self::AlreadySo => "already-so",
            Self::NotHeld => "not-held",
            Self::NotBegun => "not-begun",
            Self::NotTheAwaitedCall => "not-the-awaited-call",
        }
    }
}

/// Applies `event` to `onboarding`. Total: every state meets every event.
///
/// Late and repeated events are ignored with their reason, so that it is safe to apply an
/// event again when nobody knows whether it was committed.
#[must_use]
pub fn apply(onboarding: &Onboarding, event: &Event, cx: &Context<'_>) -> Outcome {
    let mut after = onboarding.clone();
    if let Err(reason) = after.take(event, cx) {
        return Outcome::Ignored(reason);
    }
    after.mark_supplied();
    after.version += 1;
    after.updated_at = cx.now;
    let from = onboarding.state;
    after.state = after.derived_state();
    if after.state != from || after.version == 1 {
        after.state_since = cx.now;
    }
    let tasks = changed_tasks(&onboarding.tasks, &after.tasks);
    Outcome::Changed(Box::new(Transition {
        event: event.clone(),
        at: cx.now,
        from,
        onboarding: after,
        tasks,
    }))
}

fn changed_tasks(before: &[Task], after: &[Task]) -> Vec<Task> {
    let closed = before
        .iter()
        .filter(|task| after.iter().all(|other| other.number != task.number))
        .map(|task| Task { state: TaskState::Closed, ..task.clone() });
    let changed = after.iter().filter(|task| !before.contains(task)).cloned();
    closed.chain(changed).collect()
}

impl Onboarding {
    fn take(&mut self, event: &Event, cx: &Context<'_>) -> Result<(), Reason> {
        if self.ended.is_some() && !matches!(event, Event::Resumed { .. } | Event::Erased { .. }) {
            return Err(Reason::Ended);
        }
        if self.version == 0 && !event.can_begin() {
            return Err(Reason::NotBegun);
        }
        match event {
            Event::ProfileSet { revision, present, changed } => {
                self.set_profile(*revision, present, changed)?;
                self.edited();
            }
            Event::WantedProductsSet { products } => {
                self.set_wanted(products, cx)?;
                self.edited();
            }
            Event::ConsentGiven { revision, accepted_at } => {
                self.give_consent(*revision, *accepted_at)?;
                self.edited();
            }
            Event::DocumentAdded { document_type, revision, expires_at } => {
                let document = Document {
                    revision: *revision,
                    acknowledged: None,
                    expires_at: *expires_at,
                    provider_document_id: None,
                    content_held: true,
                };
                self.add_document(document_type, document)?;
                self.edited();
            }
            Event::VerificationRequested => self.request_verification()?,
            Event::PrivacyPolicyAccepted { revision } => {
                let consent = self.consent.as_mut().ok_or(Reason::NeverHeld)?;
                acknowledge(&mut consent.acknowledged, *revision, consent.revision)?;
                self.told();
            }
            Event::UserRegistered { revision } => {
                let profile = self.profile.as_mut().ok_or(Reason::NeverHeld)?;
                acknowledge(&mut profile.acknowledged, *revision, profile.revision)?;
                self.told();
            }
            Event::DocumentUploaded { document_type, revision, provider_document_id } => {
                let document = self.documents.get_mut(document_type).ok_or(Reason::NeverHeld)?;
                acknowledge(&mut document.acknowledged, *revision, document.revision)?;
                document.provider_document_id = Some(provider_document_id.clone());
                if document.revision == *revision {
                    document.content_held = cx.policy.keep_document_contents;
                }
                self.told();
            }
            Event::TriggerBegun { trigger } => self.begin_trigger(*trigger)?,
            Event::VerificationTriggered { trigger, eligibility } => {
                self.take_trigger_answer(*trigger, eligibility, cx)?;
            }
            Event::StatusChecked { epoch, eligibility } => {
                self.take_status(*epoch, eligibility, cx)?
            }
            Event::CallFailed { call, failure } => self.take_failure(call, failure, cx)?,
            Event::Held { reason } => self.hold_for_operator(reason, cx)?,
            Event::Resumed { .. } => self.resume()?,
            Event::Retried { .. } => self.retry_now(),
            Event::Cancelled { .. } => self.ended = Some(Ended::Cancelled),
            Event::Erased { .. } => self.erase()?,
        }
        Ok(())
    }

    fn set_profile(
        &mut self,
        revision: Revision,
        present: &std::collections::BTreeSet<crate::Section>,
        changed: &std::collections::BTreeSet<crate::Section>,
    ) -> Result<(), Reason> {
        let current = self.profile.as_ref();
        if revision != Revision::following(current.map(|profile| profile.revision)) {
            return Err(Reason::NotTheNextRevision);
        }
        let last_changed = |section: &crate::Section| {
            let before = current.and_then(|profile| profile.sections.get(section).copied());
            before.filter(|_| !changed.contains(section)).unwrap_or(revision)
        };
        let sections =
            present.iter().map(|section| (section.clone(), last_changed(section))).collect();
        let acknowledged = current.and_then(|profile| profile.acknowledged);
        self.profile = Some(ProfileRecord { revision, acknowledged, sections });
        Ok(())
    }

    fn give_consent(&mut self, revision: Revision, accepted_at: Timestamp) -> Result<(), Reason> {
        let current = self.consent.as_ref();
        if revision != Revision::following(current.map(|consent| consent.revision)) {
            return Err(Reason::NotTheNextRevision);
        }
        let acknowledged = current.and_then(|consent| consent.acknowledged);
        self.consent = Some(Consent { revision, acknowledged, accepted_at });
        Ok(())
    }

    fn add_document(
        &mut self,
        document_type: &DocumentType,
        document: Document,
    ) -> Result<(), Reason> {
        let current = self.documents.get(document_type);
        if document.revision != Revision::following(current.map(|document| document.revision)) {
            return Err(Reason::NotTheNextRevision);
        }
        let acknowledged = current.and_then(|document| document.acknowledged);
        self.documents.insert(document_type.clone(), Document { acknowledged, ..document });
        Ok(())
    }

    fn set_wanted(
        &mut self,
        products: &std::collections::BTreeSet<Product>,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        if self.version > 0 && self.wanted == *products {
            return Err(Reason::AlreadySo);
        }
        let unjudged = |product: &Product| {
            self.status_of(product).is_none_or(|status| *status == ProductStatus::NotStarted)
        };
        let grown = products.difference(&self.wanted).any(unjudged);
        self.wanted.clone_from(products);
        if self.observation.is_some() {
            self.verification.renew |= grown;
            self.reconcile_tasks(cx.now);
        }
        Ok(())
    }

    fn request_verification(&mut self) -> Result<(), Reason> {
        let held = self.held_revisions();
        if let Some(doubt) = &mut self.verification.in_doubt {
            // What was sent is being verified already; newer data waits for its own trigger.
            if doubt.requested_again || doubt.sent == held {
                return Err(Reason::AlreadySo);
            }
            doubt.requested_again = true;
            return Ok(());
        }
        if self.verification.requested {
            return Err(Reason::AlreadySo);
        }
        let held_is_new = self.verification.triggered_with.as_ref() != Some(&held);
        let operators: Vec<&mut Task> = self
            .tasks
            .iter_mut()
            .filter(|task| {
                matches!(task.request, Request::Operator(_)) && task.state == TaskState::Open
            })
            .collect();
        if self.verification.asked
            && !held_is_new
            && !self.verification.renew
            && operators.is_empty()
        {
            return Err(Reason::NothingNewToVerify);
        }
        for task in operators {
            task.state = TaskState::Supplied;
        }
        self.verification.asked = true;
        self.verification.requested = true;
        Ok(())
    }

    /// Someone gave new data: what was refused may be mended, and is tried at once.
    fn edited(&mut self) {
        self.retry = None;
        let mended = self.hold.as_ref().is_some_and(|hold| hold.cause != HoldCause::Operator);
        if mended {
            self.release();
        }
    }

    /// The provider was told something: earlier observations say nothing of it.
    fn told(&mut self) {
        self.epoch += 1;
        self.succeeded();
    }

    fn succeeded(&mut self) {
        self.retry = None;
        self.last_error = None;
    }

    fn begin_trigger(&mut self, trigger: u32) -> Result<(), Reason> {
        if self.verification.in_doubt.is_some() {
            return Err(Reason::TriggerInDoubt);
        }
        if self.hold.is_some() || self.next_call() != Some(Call::TriggerVerification { trigger }) {
            return Err(Reason::NothingToTrigger);
        }
        self.epoch += 1;
        self.verification.triggers = trigger;
        self.verification.in_doubt = Some(TriggerInDoubt {
            trigger,
            sent: self.acknowledged_revisions(),
            epoch: self.epoch,
            requested_again: false,
        });
        Ok(())
    }

    fn take_trigger_answer(
        &mut self,
        trigger: u32,
        eligibility: &[Eligibility],
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        let doubt = self.verification.in_doubt.as_ref();
        let epoch = doubt
            .filter(|doubt| doubt.trigger == trigger)
            .map(|doubt| doubt.epoch)
            .ok_or(Reason::NotTheTriggerInDoubt)?;
        self.trigger_took_effect();
        self.observe(epoch, eligibility, cx);
        Ok(())
    }

    fn trigger_took_effect(&mut self) {
        if let Some(doubt) = self.verification.in_doubt.take() {
            self.verification.triggered_with = Some(doubt.sent);
            self.verification.requested = doubt.requested_again;
            self.verification.renew = false;
            self.observation = None;
        }
    }

    fn trigger_had_no_effect(&mut self) {
        if let Some(doubt) = self.verification.in_doubt.take() {
            self.verification.requested |= doubt.requested_again;
        }
    }

    fn take_status(
        &mut self,
        epoch: u32,
        eligibility: &[Eligibility],
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        if epoch != self.epoch {
            return Err(Reason::StaleObservation);
        }
        if self.verification.in_doubt.is_some() {
            if !self.shows_effect(eligibility) {
                self.trigger_had_no_effect();
                // The same answer, come twice, has nothing more to say.
                self.told();
                return Ok(());
            }
            self.trigger_took_effect();
        }
        self.observe(epoch, eligibility, cx);
        Ok(())
    }

    /// Whether a status shows that the trigger in doubt reached the provider: the wanted
    /// products stand otherwise than before it.
    fn shows_effect(&self, eligibility: &[Eligibility]) -> bool {
        let now: BTreeMap<&Product, &Eligibility> =
            eligibility.iter().map(|word| (&word.product, word)).collect();
        self.wanted.iter().any(|product| {
            let started = |word: &&Eligibility| word.status != ProductStatus::NotStarted;
            let before =
                self.observation.as_ref().and_then(|observation| observation.products.get(product));
            let now = now.get(product).copied().filter(started);
            now.is_some() && now != before.filter(started)
        })
    }

    /// Takes in the provider's word on each product, for which it was asked in `epoch`.
    fn observe(&mut self, epoch: u32, eligibility: &[Eligibility], cx: &Context<'_>) {
        self.succeeded();
        self.forgotten = 0;
        self.look = false;
        let before = self.observation.take();
        let products =
            eligibility.iter().map(|word| (word.product.clone(), word.clone())).collect();
        let same_look = before.as_ref().is_some_and(|before| before.products == products);
        let (polls, unclear) = before.map_or((0, 0), |before| (before.polls + 1, before.unclear));
        self.observation = Some(Observation {
            epoch,
            observed_at: cx.now,
            products,
            // A change is followed closely again.
            polls: if same_look { polls } else { 0 },
            unclear,
        });
        self.reconcile_tasks(cx.now);
        self.hold_if_rounds_are_spent(cx);
        self.hold_if_unclear(cx);
    }

    fn hold_if_rounds_are_spent(&mut self, cx: &Context<'_>) {
        let spent =
            |task: &&Task| task.state == TaskState::Open && task.rounds > cx.policy.rounds_max;
        if let Some(task) = self.tasks.iter().find(spent) {
            let message = format!(
                "the provider asked for {} {} times, and what was supplied did not do",
                task.request.name(),
                task.rounds
            );
            self.stop(HoldCause::RoundsSpent, message, cx);
        }
    }

    fn hold_if_unclear(&mut self, cx: &Context<'_>) {
        let is_unclear = self.is_unclear();
        let Some(observation) = self.observation.as_mut() else { return };
        observation.unclear = if is_unclear { observation.unclear + 1 } else { 0 };
        if observation.unclear > cx.policy.unclear_polls_max {
            let message = "the provider's answer on a wanted product can't be understood: it is missing, \
                           not started after a trigger, or an unknown word";
            self.stop(HoldCause::Unclear, message.to_owned(), cx);
        }
    }

    fn stop(&mut self, cause: HoldCause, message: String, cx: &Context<'_>) {
        if self.hold.is_none() {
            self.hold = Some(Hold { cause, message, since: cx.now });
        }
    }

    fn take_failure(
        &mut self,
        call: &Call,
        failure: &Failure,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        if !self.awaits(call) {
            return Err(Reason::NotTheAwaitedCall);
        }
        self.last_error =
            Some(LastError { class: failure.class, message: failure.message.clone(), at: cx.now });
        if matches!(call, Call::TriggerVerification { .. }) && failure.effect == Effect::None {
            self.trigger_had_no_effect();
        }
        let class = match (failure.class, call) {
            // Some providers say 400 of a user that they do not know; a question for the
            // status holds nothing that could be refused.
            (FailureClass::Refused, Call::CheckStatus { .. }) => FailureClass::NotFound,
            (class, _) => class,
        };
        match class {
            FailureClass::Transient | FailureClass::RateLimited => self.try_later(failure, cx),
            FailureClass::Refused => {
                let message = format!("the provider refused {}: {}", call.name(), failure.message);
                self.stop(HoldCause::Refused { call: call.clone() }, message, cx);
            }
            FailureClass::NotFound => self.not_found(call, failure, cx),
            // Not this user's fault: no attempt is lost, and the worker stops calling.
            FailureClass::ProviderClosed => {}
        }
        Ok(())
    }

    /// Whether a failure of `call` still says something about what is to be done.
    fn awaits(&self, call: &Call) -> bool {
        match call {
            Call::AcceptPrivacyPolicy { revision } => self.consent.as_ref().is_some_and(|held| {
                held.revision == *revision && held.acknowledged != Some(*revision)
            }),
            Call::RegisterUser { revision } => self.profile.as_ref().is_some_and(|held| {
                held.revision == *revision && held.acknowledged != Some(*revision)
            }),
            Call::UploadDocument { document_type, revision } => {
                self.documents.get(document_type).is_some_and(|held| {
                    held.revision == *revision && held.acknowledged != Some(*revision)
                })
            }
            Call::TriggerVerification { trigger } => {
                self.verification.in_doubt.as_ref().is_some_and(|doubt| doubt.trigger == *trigger)
                    || self.next_call().as_ref() == Some(call)
            }
            Call::CheckStatus { epoch } => *epoch == self.epoch,
        }
    }

    fn try_later(&mut self, failure: &Failure, cx: &Context<'_>) {
        let before = self.retry;
        self.retry = Some(Retry {
            attempt: before.map_or(0, |retry| retry.attempt).saturating_add(1),
            failing_since: before.map_or(cx.now, |retry| retry.failing_since),
            failed_at: cx.now,
            floor_at: failure.retry_after_ms.map(|ms| cx.now.plus_ms(ms)),
        });
    }

    fn not_found(&mut self, call: &Call, failure: &Failure, cx: &Context<'_>) {
        match call {
            Call::AcceptPrivacyPolicy { .. } | Call::RegisterUser { .. } => {
                let message =
                    format!("the provider does not know {}: {}", call.name(), failure.message);
                self.stop(HoldCause::Refused { call: call.clone() }, message, cx);
            }
            // Some answer so when nothing was ever triggered: then the trigger had no effect.
            Call::CheckStatus { .. }
                if self.verification.in_doubt.is_some()
                    && self.verification.triggered_with.is_none() =>
            {
                self.trigger_had_no_effect();
                self.retry = None;
            }
            Call::UploadDocument { .. }
            | Call::TriggerVerification { .. }
            | Call::CheckStatus { .. } => {
                self.forget(failure, cx);
            }
        }
    }

    /// The provider lost the user: everything that we hold is sent again.
    fn forget(&mut self, failure: &Failure, cx: &Context<'_>) {
        self.forgotten += 1;
        self.trigger_had_no_effect();
        self.verification.renew = self.verification.asked;
        self.epoch += 1;
        if let Some(profile) = &mut self.profile {
            profile.acknowledged = None;
        }
        if let Some(consent) = &mut self.consent {
            consent.acknowledged = None;
        }
        for document in self.documents.values_mut() {
            document.acknowledged = None;
        }
        if self.forgotten > cx.policy.forgotten_max {
            let message = format!("the provider keeps forgetting the user: {}", failure.message);
            self.stop(HoldCause::Forgotten, message, cx);
        }
    }

    fn hold_for_operator(&mut self, reason: &str, cx: &Context<'_>) -> Result<(), Reason> {
        if self.hold.as_ref().is_some_and(|hold| hold.cause == HoldCause::Operator) {
            return Err(Reason::AlreadySo);
        }
        self.hold =
            Some(Hold { cause: HoldCause::Operator, message: reason.to_owned(), since: cx.now });
        Ok(())
    }

    fn resume(&mut self) -> Result<(), Reason> {
        match self.ended {
            Some(Ended::Erased) => return Err(Reason::Ended),
            Some(Ended::Cancelled) => self.ended = None,
            None if self.hold.is_none() => return Err(Reason::NotHeld),
            None => {}
        }
        self.release();
        Ok(())
    }

    /// Lets it go on, with all its patience restored.
    fn release(&mut self) {
        let Some(hold) = self.hold.take() else { return };
        self.retry = None;
        self.forgotten = 0;
        if let Some(observation) = &mut self.observation {
            observation.unclear = 0;
        }
        if hold.cause == HoldCause::RoundsSpent {
            for task in &mut self.tasks {
                task.rounds = 1;
            }
        }
    }

    fn retry_now(&mut self) {
        self.release();
        self.retry = None;
        self.look = self.verification.triggered_with.is_some();
    }

    fn erase(&mut self) -> Result<(), Reason> {
        if self.ended == Some(Ended::Erased) {
            return Err(Reason::AlreadySo);
        }
        self.ended = Some(Ended::Erased);
        self.profile = None;
        self.consent = None;
        self.documents.clear();
        self.tasks.clear();
        self.hold = None;
        self.last_error = None;
        Ok(())
    }
}

/// Notes that the provider has `revision`, of which we hold `held`.
fn acknowledge(
    acknowledged: &mut Option<Revision>,
    revision: Revision,
    held: Revision,
) -> Result<(), Reason> {
    if revision > held {
        return Err(Reason::NeverHeld);
    }
    if *acknowledged >= Some(revision) {
        return Err(Reason::AlreadyAcknowledged);
    }
    *acknowledged = Some(revision);
    Ok(())
}
