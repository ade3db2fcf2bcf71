//! The one thing to do next for an onboarding. It is never stored: it is derived each time
//! from what we hold against what the provider has acknowledged.

use serde::{Deserialize, Serialize};

use crate::consent::LegalText;
use crate::onboarding::{Onboarding, Standing};
use crate::wallet::WalletNumber;
use crate::{DocumentType, Policy, Revision, State, Timestamp};

/// The one thing to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Call the provider, not before `due_at`.
    Call {
        /// The call.
        call: Call,
        /// The earliest time for it.
        due_at: Timestamp,
    },
    /// Wait for a person.
    WaitForPerson,
    /// Nothing, ever, unless an operator acts.
    Nothing,
}

/// A call to the provider, with what identifies what is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Call {
    /// Send the consent.
    AcceptPrivacyPolicy {
        /// Its revision.
        revision: Revision,
    },
    /// Send the acceptance of the terms of service.
    AcceptTerms {
        /// Its revision.
        revision: Revision,
    },
    /// Send the whole profile.
    RegisterUser {
        /// Its revision.
        revision: Revision,
    },
    /// Ask which parts of the user the provider holds.
    ReadUser {
        /// The onboarding's epoch when it is asked.
        epoch: u32,
    },
    /// Send a document.
    UploadDocument {
        /// Its type.
        document_type: DocumentType,
        /// Its revision.
        revision: Revision,
    },
    /// Start verification. The only call whose repetition might cost something.
    TriggerVerification {
        /// Counts the triggers of this onboarding from 1.
        trigger: u32,
    },
    /// Link a wallet to the user.
    LinkWallet {
        /// Which one.
        number: WalletNumber,
        /// Its revision.
        revision: Revision,
    },
    /// Ask for the provider's word on each product.
    CheckStatus {
        /// The onboarding's epoch when it is asked.
        epoch: u32,
    },
}

/// Which of the provider's budgets a call draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Calls that change something.
    Write,
    /// Calls that only ask.
    Read,
}

impl Lane {
    /// Both lanes.
    pub const ALL: [Self; 2] = [Self::Write, Self::Read];

    /// The word in the store and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

impl Call {
    /// The budget that the call draws on.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::AcceptPrivacyPolicy { .. }
            | Self::AcceptTerms { .. }
            | Self::RegisterUser { .. }
            | Self::UploadDocument { .. }
            | Self::TriggerVerification { .. }
            | Self::LinkWallet { .. } => Lane::Write,
            Self::ReadUser { .. } | Self::CheckStatus { .. } => Lane::Read,
        }
    }

    /// The call's word in status output, history and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AcceptPrivacyPolicy { .. } => "accept-privacy-policy",
            Self::AcceptTerms { .. } => "accept-terms",
            Self::RegisterUser { .. } => "register-user",
            Self::ReadUser { .. } => "read-user",
            Self::UploadDocument { .. } => "upload-document",
            Self::TriggerVerification { .. } => "trigger-verification",
            Self::LinkWallet { .. } => "link-wallet",
            Self::CheckStatus { .. } => "check-status",
        }
    }
}

/// The one thing to do next for `onboarding`.
///
/// It looks at nothing but its arguments, so that it can be asked at any time, by anyone,
/// and answers the same after a restart.
///
/// A wallet never waits in a line in place of a look that someone waits for: the line may be long.
/// It is linked right after that look.
#[must_use]
pub fn next_step(onboarding: &Onboarding, policy: &Policy) -> Step {
    let step = next_verification_step(onboarding, policy);
    let Some((call, due_at)) = wallet_call(onboarding, policy) else { return step };
    match &step {
        Step::Call { call: first, due_at: first_at }
            if *first_at <= due_at || is_awaited_look(onboarding, first) =>
        {
            step
        }
        Step::Call { .. } | Step::WaitForPerson | Step::Nothing => Step::Call { call, due_at },
    }
}

/// Whether `call` reads a verdict that someone waits for.
fn is_awaited_look(onboarding: &Onboarding, call: &Call) -> bool {
    call.lane() == Lane::Read && !matches!(onboarding.state, State::Verified | State::Rejected)
}

/// The call that links a wallet of the user's next, and the earliest time for it. The next step
/// towards a verdict never waits for it: where both are due, that comes first.
#[must_use]
pub fn wallet_call(onboarding: &Onboarding, policy: &Policy) -> Option<(Call, Timestamp)> {
    if onboarding.ended.is_some() || onboarding.hold.is_some() {
        return None;
    }
    onboarding.wallet_call(policy)
}

/// The next step towards a verdict: [`next_step`] without the user's wallets.
#[must_use]
pub fn next_verification_step(onboarding: &Onboarding, policy: &Policy) -> Step {
    if onboarding.ended.is_some() || onboarding.hold.is_some() {
        return Step::Nothing;
    }
    match onboarding.next_call(policy) {
        Some(Call::CheckStatus { .. }) if is_never_looked_at(onboarding, policy) => {
            Step::WaitForPerson
        }
        Some(call) => Step::Call { due_at: due_at(onboarding, &call, policy), call },
        None => Step::WaitForPerson,
    }
}

impl Onboarding {
    /// The next call, were nothing held.
    pub(crate) fn next_call(&self, policy: &Policy) -> Option<Call> {
        if let Some(call) = self.call_to_acknowledge(policy) {
            return Some(call);
        }
        let check_status = Call::CheckStatus { epoch: self.epoch };
        if self.verification.in_doubt.is_some() {
            return Some(check_status);
        }
        if self.has_reason_to_trigger(policy) {
            return Some(Call::TriggerVerification { trigger: self.verification.triggers + 1 });
        }
        let judged = matches!(self.standing(), Standing::Verified | Standing::Rejected);
        (judged || self.look || self.is_worth_polling()).then_some(check_status)
    }

    /// The call that tells the provider what it has not acknowledged yet.
    fn call_to_acknowledge(&self, policy: &Policy) -> Option<Call> {
        if let Some((text, revision)) = self.consent_to_send(policy) {
            return Some(match text {
                LegalText::PrivacyPolicy => Call::AcceptPrivacyPolicy { revision },
                LegalText::TermsOfService => Call::AcceptTerms { revision },
            });
        }
        let profile = self.profile.as_ref()?;
        if profile.acknowledged != Some(profile.revision) {
            return Some(Call::RegisterUser { revision: profile.revision });
        }
        if self.is_to_be_read() {
            return Some(Call::ReadUser { epoch: self.epoch });
        }
        let (document_type, revision) = self.document_to_upload()?;
        Some(Call::UploadDocument { document_type: document_type.clone(), revision })
    }
}

fn due_at(onboarding: &Onboarding, call: &Call, policy: &Policy) -> Timestamp {
    if let Some(retry) = &onboarding.retry {
        return retry.due_at(onboarding.id, policy);
    }
    match (call, &onboarding.observation) {
        (Call::CheckStatus { .. }, Some(observation)) if is_routine(onboarding) => {
            let (id, polls) = (onboarding.id, observation.polls);
            let delay_ms = match onboarding.standing() {
                Standing::Verified => policy.recheck_delay_ms(id, polls),
                Standing::Rejected => policy.rejected_recheck_delay_ms(id, polls),
                Standing::Unobserved | Standing::Asking | Standing::Pending => {
                    policy.poll_delay_ms(id, polls)
                }
            };
            observation.observed_at.plus_ms(delay_ms)
        }
        _ => onboarding.updated_at,
    }
}

/// Whether a look is one at a refused user, which the policy leaves out.
fn is_never_looked_at(onboarding: &Onboarding, policy: &Policy) -> bool {
    policy.rejected_recheck_ms == 0
        && onboarding.standing() == Standing::Rejected
        && is_routine(onboarding)
}

/// Whether the look is one of many, rather than one that something waits for.
fn is_routine(onboarding: &Onboarding) -> bool {
    onboarding.verification.in_doubt.is_none()
        && !onboarding.look
        && !onboarding.is_observation_stale()
}
