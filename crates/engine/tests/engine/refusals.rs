//! What a person reads whose request was not taken: each text says what to do next.

use engine::IntakeError;
use onboarding::{Ended, Reason};

#[test]
fn each_refusal_says_what_to_do_next() {
    for (refusal, next) in [
        (IntakeError::Ended(Ended::Cancelled), "cancelled; `gangway resume` reopens it"),
        (IntakeError::Ended(Ended::Erased), "erased; its data is destroyed"),
        (IntakeError::NotNow(Reason::NothingNewToVerify), "supply something new"),
        (IntakeError::NotNow(Reason::AlreadySo), "how it is already"),
        (IntakeError::NotNow(Reason::NotHeld), "`gangway retry`"),
        (IntakeError::NotNow(Reason::HeldByOperator), "`gangway resume`"),
        (IntakeError::NotNow(Reason::NotBegun), "`gangway user set`"),
        (IntakeError::NotNow(Reason::AlreadyAcknowledged), "`gangway document add`"),
        (IntakeError::NotNow(Reason::NeverHeld), "`gangway status`"),
        (IntakeError::NotNow(Reason::TriggerInDoubt), "trigger-in-doubt"),
    ] {
        let text = refusal.to_string();
        assert!(text.contains(next), "{text}");
    }
}
