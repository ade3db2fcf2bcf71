//! Whether whoever waits for a user has waited long enough. Nobody waits for a wallet.

use crate::step::{Lane, Step, next_verification_step};
use crate::{Onboarding, Policy, State};

/// Whether we or the provider are at work, so that the user's standing is still to change by
/// itself.
#[must_use]
pub fn is_under_way(onboarding: &Onboarding, policy: &Policy) -> bool {
    match onboarding.state {
        State::Registering
        | State::Registered
        | State::DocumentsUploaded
        | State::VerificationTriggered => match next_verification_step(onboarding, policy) {
            Step::Call { .. } => true,
            Step::WaitForPerson | Step::Nothing => false,
        },
        State::Polling => true,
        State::RequiresData
        | State::Verified
        | State::Rejected
        | State::Held
        | State::Cancelled
        | State::Erased => false,
    }
}

/// Whether nothing is under way any more, not even a call that would tell the provider
/// something new.
#[must_use]
pub fn is_settled(onboarding: &Onboarding, policy: &Policy) -> bool {
    let telling = match next_verification_step(onboarding, policy) {
        Step::Call { call, .. } => call.lane() == Lane::Write,
        Step::WaitForPerson | Step::Nothing => false,
    };
    !telling && !is_under_way(onboarding, policy)
}
