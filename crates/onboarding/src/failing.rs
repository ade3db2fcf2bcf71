//! What a call that did not succeed changes: try again later, stop, or send everything again.

use crate::apply::{Context, Reason};
use crate::onboarding::{HoldCause, LastError, Onboarding, Retry};
use crate::step::Call;
use crate::{Effect, Failure, FailureClass, Policy};

impl Onboarding {
    pub(crate) fn take_failure(
        &mut self,
        call: &Call,
        failure: &Failure,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        if let Call::LinkWallet { number, revision } = call {
            return self.take_wallet_failure(*number, *revision, failure, cx);
        }
        if !self.awaits(call, cx.policy) {
            return Err(Reason::NotTheAwaitedCall);
        }
        let class = self.class_for(call, failure);
        self.last_error = Some(LastError::of(failure, cx.now));
        if matches!(call, Call::TriggerVerification { .. }) && failure.effect == Effect::None {
            self.trigger_had_no_effect();
        }
        match class {
            FailureClass::Transient | FailureClass::RateLimited => {
                self.retry = Some(Retry::after(self.retry, failure, cx.now));
            }
            FailureClass::Refused => self.refuse(call, &failure.message, cx),
            FailureClass::NotFound => self.not_found(call, failure, cx),
            // Not this user's fault: no attempt is lost, and the worker stops calling.
            FailureClass::ProviderClosed => {}
        }
        Ok(())
    }

    /// A look may be refused without meaning anything for the user's data, so that it is no failure
    /// that stops anyone; but it does when others' looks succeed.
    pub(crate) fn refused_alone(
        &mut self,
        call: &Call,
        reason: &str,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        if !self.awaits(call, cx.policy) {
            return Err(Reason::NotTheAwaitedCall);
        }
        if self.hold.is_some() {
            return Err(Reason::AlreadySo);
        }
        self.refuse(call, reason, cx);
        Ok(())
    }

    fn refuse(&mut self, call: &Call, reason: &str, cx: &Context<'_>) {
        let message = format!("the provider refused {}: {reason}", call.name());
        self.stop(HoldCause::Refused { call: call.clone() }, message, cx);
    }

    /// What the failure means for this call. Some providers say 400 of a user that they do not
    /// know, and a question for the status holds nothing that could be refused; but to send
    /// everything again is much to do for one answer, so it has to come twice in a row.
    fn class_for(&self, call: &Call, failure: &Failure) -> FailureClass {
        match (failure.class, call) {
            (FailureClass::Refused, Call::CheckStatus { .. } | Call::ReadUser { .. }) => {
                let was_refused = self
                    .last_error
                    .as_ref()
                    .is_some_and(|last| last.class == FailureClass::Refused);
                if self.retry.is_some() && was_refused {
                    FailureClass::NotFound
                } else {
                    FailureClass::Transient
                }
            }
            (class, _) => class,
        }
    }

    /// Whether a failure of `call` still says something about what is to be done.
    fn awaits(&self, call: &Call, policy: &Policy) -> bool {
        match call {
            Call::AcceptPrivacyPolicy { revision } => self.consent.as_ref().is_some_and(|held| {
                held.revision == *revision && held.acknowledged != Some(*revision)
            }),
            Call::AcceptTerms { revision } => self.terms.as_ref().is_some_and(|held| {
                held.revision == *revision && held.acknowledged != Some(*revision)
            }),
            Call::RegisterUser { revision } => self.profile.as_ref().is_some_and(|held| {
                held.revision == *revision && held.acknowledged != Some(*revision)
            }),
            Call::UploadDocument { document_type, revision } => {
                self.documents.get(document_type).is_some_and(|held| {
                    held.content_held
                        && held.revision == *revision
                        && held.acknowledged != Some(*revision)
                })
            }
            Call::TriggerVerification { trigger } => {
                self.verification.in_doubt.as_ref().is_some_and(|doubt| doubt.trigger == *trigger)
                    || self.next_call(policy).as_ref() == Some(call)
            }
            Call::ReadUser { epoch } => *epoch == self.epoch && self.is_to_be_read(),
            Call::CheckStatus { epoch } => *epoch == self.epoch,
            // A refusal of it is of the wallet, and is taken as that.
            Call::LinkWallet { .. } => false,
        }
    }

    fn not_found(&mut self, call: &Call, failure: &Failure, cx: &Context<'_>) {
        match call {
            Call::AcceptPrivacyPolicy { .. }
            | Call::AcceptTerms { .. }
            | Call::RegisterUser { .. } => {
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
            }
            Call::ReadUser { .. }
            | Call::UploadDocument { .. }
            | Call::TriggerVerification { .. }
            | Call::CheckStatus { .. }
            | Call::LinkWallet { .. } => {
                self.forget(failure, cx);
            }
        }
    }

    /// The provider lost the user: everything that we hold is sent again.
    fn forget(&mut self, failure: &Failure, cx: &Context<'_>) {
        self.forgotten += 1;
        self.trigger_had_no_effect();
        self.verification.renew |= self.verification.asked;
        self.epoch += 1;
        if let Some(profile) = &mut self.profile {
            profile.acknowledged = None;
        }
        self.registration.is_unconfirmed = false;
        self.registration.texts_due = false;
        for consent in [&mut self.consent, &mut self.terms].into_iter().flatten() {
            consent.acknowledged = None;
        }
        self.forget_wallets();
        for document in self.documents.values_mut() {
            document.acknowledged = None;
        }
        if self.forgotten > cx.policy.forgotten_max {
            let message = format!("the provider keeps forgetting the user: {}", failure.message);
            self.stop(HoldCause::Forgotten, message, cx);
        }
    }
}
