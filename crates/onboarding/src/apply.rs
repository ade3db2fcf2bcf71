//! The one place where an onboarding changes.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::consent::{Consent, LegalText};
use crate::event::Event;
use crate::notification::{Notification, notifications};
use crate::onboarding::{
    Document, Ended, Hold, HoldCause, Onboarding, ProfileRecord, Retry, Standing,
};
use crate::task::{Request, Task, TaskState, Waived};
use crate::{DocumentType, Policy, Product, ProductStatus, Revision, Section, State, Timestamp};

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
    /// What others are told of it, in order.
    pub notifications: Vec<Notification>,
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
    /// The provider was told something else after this was sent, or forgot the user.
    StaleAcknowledgement,
    /// Nothing was acknowledged or supplied since the provider last judged.
    NothingNewToVerify,
    /// It would change nothing: that is how it is already.
    AlreadySo,
    /// It is not held.
    NotHeld,
    /// An operator stopped it, and only resuming lets it go on.
    HeldByOperator,
    /// There is no user: the first event sets a profile, consent or wanted products.
    NotBegun,
    /// The failed call is not one that this onboarding is waiting for.
    NotTheAwaitedCall,
    /// Its time has not come, or its cause is gone.
    NotDueYet,
    /// There is no such task, or nobody has to do anything about it any more.
    NoSuchOpenTask,
    /// The provider has not refused the user.
    NotRejected,
    /// An acceptance of the same text is held that is newer, or as new where the provider asks for
    /// a newer one.
    NotANewerConsent,
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
            Self::StaleAcknowledgement => "stale-acknowledgement",
            Self::NothingNewToVerify => "nothing-new-to-verify",
            Self::AlreadySo => "already-so",
            Self::NotHeld => "not-held",
            Self::HeldByOperator => "held-by-operator",
            Self::NotBegun => "not-begun",
            Self::NotTheAwaitedCall => "not-the-awaited-call",
            Self::NotDueYet => "not-due-yet",
            Self::NoSuchOpenTask => "no-such-open-task",
            Self::NotRejected => "not-rejected",
            Self::NotANewerConsent => "not-a-newer-consent",
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
    after.mark_supplied(cx);
    if cx.policy.remembers() {
        after.ask_to_judge_waived();
    }
    after.reconcile_renewals(cx);
    after.version += 1;
    after.updated_at = cx.now;
    let from = onboarding.state;
    after.state = after.derived_state(cx.policy);
    if after.state != from || after.version == 1 {
        after.state_since = cx.now;
    }
    let tasks = changed_tasks(onboarding, &after);
    let notifications = notifications(onboarding, event, &after, &tasks);
    Outcome::Changed(Box::new(Transition {
        event: event.clone(),
        at: cx.now,
        from,
        onboarding: after,
        tasks,
        notifications,
    }))
}

fn changed_tasks(before: &Onboarding, after: &Onboarding) -> Vec<Task> {
    let closed = before
        .all_tasks()
        .filter(|task| after.all_tasks().all(|other| other.number != task.number))
        .map(|task| Task { state: TaskState::Closed, ..task.clone() });
    let changed = after.all_tasks().filter(|task| before.all_tasks().all(|held| held != *task));
    closed.chain(changed.cloned()).collect()
}

impl Onboarding {
    fn take(&mut self, event: &Event, cx: &Context<'_>) -> Result<(), Reason> {
        if !self.is_open_to(event) {
            return Err(Reason::Ended);
        }
        if self.version == 0 && !event.can_begin() {
            return Err(Reason::NotBegun);
        }
        match event {
            Event::ProfileSet { revision, present, changed, area, verified_on } => {
                let current = self.profile.as_ref();
                let last_changed = |section: &Section| {
                    let before = current.and_then(|held| held.sections.get(section).copied());
                    before.filter(|_| !changed.contains(section)).unwrap_or(*revision)
                };
                let sections = present.iter().map(|it| (it.clone(), last_changed(it))).collect();
                self.set_profile(ProfileRecord {
                    revision: *revision,
                    acknowledged: current.and_then(|held| held.acknowledged),
                    sections,
                    area: area.clone(),
                    verified_on: *verified_on,
                })?;
                self.edited(cx);
            }
            Event::WantedProductsSet { products } => {
                self.set_wanted(products, cx)?;
                self.edited(cx);
            }
            Event::ConsentGiven { text, revision, accepted_at, region, evidence } => {
                let consent = Consent {
                    revision: *revision,
                    acknowledged: None,
                    accepted_at: *accepted_at,
                    region: region.clone(),
                    evidence: evidence.clone(),
                };
                self.give_consent(*text, consent, cx)?;
                self.edited(cx);
            }
            Event::DocumentAdded { document_type, revision, expires_at, duplicates } => {
                let document = Document {
                    revision: *revision,
                    acknowledged: None,
                    expires_at: *expires_at,
                    provider_document_id: None,
                    content_held: true,
                    duplicates: duplicates.clone(),
                };
                self.add_document(document_type, document)?;
                self.edited(cx);
            }
            Event::DocumentWithdrawn { document_type } => {
                self.withdraw_document(document_type, cx)?;
                self.edited(cx);
            }
            Event::WalletGiven { number, revision } => self.give_wallet(*number, *revision, cx)?,
            Event::WalletWithdrawn { number } => self.withdraw_wallet(*number)?,
            Event::VerificationRequested => self.request_verification(cx)?,
            Event::PrivacyPolicyAccepted { revision, epoch } => {
                self.is_of_this_epoch(*epoch)?;
                self.consent_arrived(LegalText::PrivacyPolicy, *revision)?;
            }
            Event::TermsAccepted { revision, epoch } => {
                self.is_of_this_epoch(Some(*epoch))?;
                self.consent_arrived(LegalText::TermsOfService, *revision)?;
            }
            Event::UserRegistered { revision, epoch } => {
                self.is_of_this_epoch(*epoch)?;
                let profile = self.profile.as_mut().ok_or(Reason::NeverHeld)?;
                acknowledge(&mut profile.acknowledged, *revision, profile.revision)?;
                self.registration.is_unconfirmed = cx.policy.confirm_registration;
                self.told();
            }
            Event::UserRead { epoch, shown } => self.take_shown(*epoch, shown, cx)?,
            Event::DocumentUploaded { document_type, revision, epoch, provider_document_id } => {
                self.is_of_this_epoch(*epoch)?;
                let document = self.documents.get_mut(document_type).ok_or(Reason::NeverHeld)?;
                acknowledge(&mut document.acknowledged, *revision, document.revision)?;
                document.provider_document_id = Some(provider_document_id.clone());
                if document.revision == *revision {
                    document.content_held = cx.policy.keep_document_contents;
                }
                self.told();
            }
            Event::WalletLinked { number, revision, epoch, ownership } => {
                self.is_of_this_epoch(Some(*epoch))?;
                self.wallet_linked(*number, *revision, *ownership, cx)?;
            }
            Event::TriggerBegun { trigger } => self.begin_trigger(*trigger, cx)?,
            Event::VerificationTriggered { trigger, eligibility } => {
                self.take_trigger_answer(*trigger, eligibility, cx)?;
            }
            Event::StatusChecked { epoch, eligibility } => {
                self.take_status(*epoch, eligibility, cx)?
            }
            Event::CallFailed { call, failure } => self.take_failure(call, failure, cx)?,
            Event::RefusedAlone { call, reason } => self.refused_alone(call, reason, cx)?,
            Event::ProductRegressed(regression) => self.tell_regression(regression)?,
            Event::TaskReminded { number, passed } => self.remind(*number, *passed)?,
            Event::RenewalOpened { request } => self.open_renewal(request, cx)?,
            Event::TaskWaived { number, reason } => self.waive(*number, reason, cx)?,
            Event::Reopened { .. } => self.reopen(cx)?,
            Event::Held { reason } => self.hold_for_operator(reason, cx)?,
            Event::Resumed { .. } => self.resume(cx)?,
            Event::Retried { .. } => self.retry_now(cx)?,
            Event::Cancelled { .. } => self.ended = Some(Ended::Cancelled),
            Event::Erased { .. } => self.erase()?,
        }
        Ok(())
    }

    /// Once it is cancelled nothing is called and nobody edits it, but what became of a call
    /// that was on its way is recorded: if it is resumed, that call is not made twice.
    fn is_open_to(&self, event: &Event) -> bool {
        match self.ended {
            None => true,
            Some(_) if matches!(event, Event::Resumed { .. } | Event::Erased { .. }) => true,
            Some(Ended::Cancelled) => event.is_answer(),
            Some(Ended::Erased) => false,
        }
    }

    fn set_profile(&mut self, record: ProfileRecord) -> Result<(), Reason> {
        let current = self.profile.as_ref().map(|profile| profile.revision);
        if record.revision != Revision::following(current) {
            return Err(Reason::NotTheNextRevision);
        }
        self.profile = Some(record);
        Ok(())
    }

    fn give_consent(
        &mut self,
        text: LegalText,
        consent: Consent,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        let held = self.accepted(text);
        if consent.revision != Revision::following(held.map(|held| held.revision)) {
            return Err(Reason::NotTheNextRevision);
        }
        // Of the same acceptance, more may become known.
        let is_news = held.is_none_or(|held| match consent.accepted_at.cmp(&held.accepted_at) {
            Ordering::Greater => true,
            Ordering::Equal => !self.is_outdated(text, held, cx.policy),
            Ordering::Less => false,
        });
        if cx.policy.tells_apart() && !is_news {
            return Err(Reason::NotANewerConsent);
        }
        let acknowledged = held.and_then(|held| held.acknowledged);
        *self.accepted_mut(text) = Some(Consent { acknowledged, ..consent });
        Ok(())
    }

    /// Whether a newer acceptance is asked for than the one that is held.
    fn is_outdated(&self, text: LegalText, held: &Consent, policy: &Policy) -> bool {
        let (since, asked) = match text {
            LegalText::PrivacyPolicy => (
                self.registration.privacy_policy_outdated_since,
                &[Request::Consent, Request::RenewConsent][..],
            ),
            LegalText::TermsOfService => {
                (self.registration.terms_outdated_since, &[Request::RenewTerms][..])
            }
        };
        let mut tasks = self.tasks.iter().chain(&self.renewals);
        let is_asked_for = |task: &Task| {
            asked.contains(&task.request) && !self.is_supplied(&task.request, &task.known, policy)
        };
        (since.is_some() && held.is_acknowledged()) || tasks.any(is_asked_for)
    }

    /// The user's acceptance of a legal text.
    #[must_use]
    pub const fn accepted(&self, text: LegalText) -> Option<&Consent> {
        match text {
            LegalText::PrivacyPolicy => self.consent.as_ref(),
            LegalText::TermsOfService => self.terms.as_ref(),
        }
    }

    const fn accepted_mut(&mut self, text: LegalText) -> &mut Option<Consent> {
        match text {
            LegalText::PrivacyPolicy => &mut self.consent,
            LegalText::TermsOfService => &mut self.terms,
        }
    }

    fn consent_arrived(&mut self, text: LegalText, revision: Revision) -> Result<(), Reason> {
        let consent = self.accepted_mut(text).as_mut().ok_or(Reason::NeverHeld)?;
        acknowledge(&mut consent.acknowledged, revision, consent.revision)?;
        match text {
            LegalText::PrivacyPolicy => self.registration.privacy_policy_outdated_since = None,
            LegalText::TermsOfService => self.registration.terms_outdated_since = None,
        }
        self.told();
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

    /// The record of it stays, so that its revisions go on counting; its bytes do not.
    fn withdraw_document(
        &mut self,
        document_type: &DocumentType,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        let held = self.documents.get_mut(document_type).filter(|document| document.is_at_hand());
        let document = held.ok_or(Reason::NeverHeld)?;
        if document.acknowledged == Some(document.revision) {
            return Err(Reason::AlreadyAcknowledged);
        }
        document.content_held = false;
        self.take_back_request(cx);
        Ok(())
    }

    /// Verification that was asked for with what was then taken back would be of the same data
    /// as the last one.
    fn take_back_request(&mut self, cx: &Context<'_>) {
        let held = self.held_revisions();
        let verification = &mut self.verification;
        if let Some(doubt) = &mut verification.in_doubt {
            doubt.requested_again &= doubt.sent != held;
            return;
        }
        let is_judged = verification.triggered_with.as_ref() == Some(&held) && !verification.renew;
        // What was waived asks anew, if nothing is open after this.
        let is_a_persons_word = |task: &Task| {
            let said = match &task.waived {
                Some(_) => !cx.policy.remembers(),
                None => matches!(task.request, Request::Operator(_)),
            };
            said && task.state == TaskState::Supplied
        };
        if is_judged && !self.tasks.iter().any(is_a_persons_word) {
            verification.requested = false;
        }
    }

    fn set_wanted(&mut self, products: &BTreeSet<Product>, cx: &Context<'_>) -> Result<(), Reason> {
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
            self.reconcile_tasks(None, cx);
        }
        Ok(())
    }

    fn request_verification(&mut self, cx: &Context<'_>) -> Result<(), Reason> {
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
            task.settle(None, cx);
        }
        self.verification.asked = true;
        self.verification.requested = true;
        Ok(())
    }

    fn remind(&mut self, number: u32, passed: u32) -> Result<(), Reason> {
        let task = self.open_task(number)?;
        if passed <= task.reminders {
            return Err(Reason::AlreadySo);
        }
        task.reminders = passed;
        Ok(())
    }

    /// What is waived counts as supplied, until the provider judged and asks for it again. When
    /// nothing else is open, it is asked to judge.
    fn waive(&mut self, number: u32, reason: &str, cx: &Context<'_>) -> Result<(), Reason> {
        let triggers = if cx.policy.remembers() { self.verification.triggers } else { 0 };
        let waived = Waived { reason: reason.to_owned(), at: cx.now, triggers };
        self.open_task(number)?.settle(Some(waived), cx);
        let is_asked_for = self.tasks.iter().any(|task| task.number == number);
        let is_last = is_asked_for && !self.has_open_task() && self.verification.asked;
        // Since edition 3 it is looked for after every event.
        self.verification.requested |= is_last && !cx.policy.remembers();
        Ok(())
    }

    fn open_task(&mut self, number: u32) -> Result<&mut Task, Reason> {
        let of_wallets = self.wallets.values_mut().filter_map(|wallet| wallet.task.as_mut());
        let mut tasks = self.tasks.iter_mut().chain(&mut self.renewals).chain(of_wallets);
        let found = tasks.find(|task| task.number == number && task.state == TaskState::Open);
        found.ok_or(Reason::NoSuchOpenTask)
    }

    /// Nothing that we hold changed, so only a person's word lets the provider judge again.
    fn reopen(&mut self, cx: &Context<'_>) -> Result<(), Reason> {
        if self.state != State::Rejected || self.standing() != Standing::Rejected {
            return Err(Reason::NotRejected);
        }
        self.edited(cx);
        self.verification.asked = true;
        self.verification.requested = true;
        Ok(())
    }

    /// Someone gave new data: what was refused may be mended, and is tried at once, or as soon
    /// as the provider said that it may be called again.
    fn edited(&mut self, cx: &Context<'_>) {
        self.retry = Retry::mended(self.retry);
        let mended = self.hold.as_ref().is_some_and(|hold| hold.cause != HoldCause::Operator);
        if mended {
            self.release(cx);
        }
    }

    /// What was acknowledged in an earlier epoch may have been forgotten since. It is sent again,
    /// which costs no more than a call.
    fn is_of_this_epoch(&self, epoch: Option<u32>) -> Result<(), Reason> {
        match epoch {
            Some(epoch) if epoch != self.epoch => Err(Reason::StaleAcknowledgement),
            Some(_) | None => Ok(()),
        }
    }

    /// The provider was told something: earlier observations say nothing of it.
    pub(crate) fn told(&mut self) {
        self.epoch += 1;
        self.succeeded();
    }

    pub(crate) fn succeeded(&mut self) {
        self.retry = None;
        self.last_error = None;
    }

    pub(crate) fn stop(&mut self, cause: HoldCause, message: String, cx: &Context<'_>) {
        if self.hold.is_none() {
            self.hold = Some(Hold { cause, message, since: cx.now });
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

    fn resume(&mut self, cx: &Context<'_>) -> Result<(), Reason> {
        match self.ended {
            Some(Ended::Erased) => return Err(Reason::Ended),
            Some(Ended::Cancelled) => self.ended = None,
            None if self.hold.is_none() => return Err(Reason::NotHeld),
            None => {}
        }
        self.release(cx);
        Ok(())
    }

    /// Lets it go on, with all its patience restored.
    fn release(&mut self, cx: &Context<'_>) {
        if self.hold.take().is_none() {
            return;
        }
        self.retry = None;
        self.forgotten = 0;
        if let Some(observation) = &mut self.observation {
            observation.unclear = 0;
        }
        self.registration.resends = 0;
        for task in &mut self.tasks {
            task.forgive_rounds(cx);
        }
    }

    fn retry_now(&mut self, cx: &Context<'_>) -> Result<(), Reason> {
        if self.hold.as_ref().is_some_and(|hold| hold.cause == HoldCause::Operator) {
            return Err(Reason::HeldByOperator);
        }
        self.release(cx);
        self.retry = None;
        self.retry_wallets(cx);
        self.look = self.verification.triggered_with.is_some();
        Ok(())
    }

    fn erase(&mut self) -> Result<(), Reason> {
        if self.ended == Some(Ended::Erased) {
            return Err(Reason::AlreadySo);
        }
        self.ended = Some(Ended::Erased);
        self.profile = None;
        self.consent = None;
        self.terms = None;
        self.documents.clear();
        self.wallets.clear();
        self.tasks.clear();
        self.renewals.clear();
        self.hold = None;
        self.last_error = None;
        Ok(())
    }
}

/// Notes that the provider has `revision`, of which we hold `held`.
pub(crate) fn acknowledge(
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
