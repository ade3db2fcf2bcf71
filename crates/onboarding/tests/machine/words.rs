//! The words that are stored, printed and documented. A word that changes leaves rows that
//! nobody can read, and programs that wait for what never comes.

use onboarding::{
    Ended, Event, FailureClass, HoldCause, Lane, LocatorKind, OnboardingId, Reason, Revision,
    Section, State, TaskState, WaitingOn,
};

use crate::behaviour::PASSPORT;
use crate::events::profile_set;

#[test]
fn each_word_is_the_documented_one() {
    let words = |words: &[(&'static str, &'static str)]| {
        for (word, documented) in words {
            assert_eq!(word, documented);
        }
    };
    words(&[
        (Lane::Write.as_str(), "write"),
        (Lane::Read.as_str(), "read"),
        (TaskState::Open.as_str(), "open"),
        (TaskState::Supplied.as_str(), "supplied"),
        (TaskState::Closed.as_str(), "closed"),
        (WaitingOn::User.as_str(), "user"),
        (WaitingOn::Provider.as_str(), "provider"),
        (WaitingOn::Gangway.as_str(), "gangway"),
        (WaitingOn::Operator.as_str(), "operator"),
        (WaitingOn::Nobody.as_str(), "nobody"),
        (Ended::Cancelled.as_str(), "cancelled"),
        (Ended::Erased.as_str(), "erased"),
        (LocatorKind::UserId.as_str(), "userId"),
        (LocatorKind::Email.as_str(), "email"),
        (LocatorKind::PhoneNumber.as_str(), "phoneNumber"),
        (LocatorKind::Twitter.as_str(), "twitter"),
        (PASSPORT.as_str(), "id-passport"),
        (Reason::AlreadySo.as_str(), "already-so"),
        (Reason::NothingNewToVerify.as_str(), "nothing-new-to-verify"),
        (FailureClass::RateLimited.as_str(), "rate-limited"),
        (FailureClass::ProviderClosed.as_str(), "provider-closed"),
        (Event::VerificationRequested.name(), "verification-requested"),
        (profile_set(1, &[]).name(), "profile-set"),
    ]);
}

#[test]
fn a_state_is_found_by_its_word_and_by_no_other() {
    for state in State::ALL {
        assert_eq!(State::from_word(state.as_str()), Some(state));
        assert_eq!(format!("{state:>24}").trim_start(), state.as_str());
        assert_eq!(format!("{state:>24}").len(), 24, "columns stay straight");
    }
    assert_eq!(State::from_word("done"), None);
}

#[test]
fn at_rest_is_whatever_nobody_calls_about_but_for_a_slow_recheck() {
    let at_rest = State::ALL.into_iter().filter(|state| state.is_at_rest());
    let words: Vec<&str> = at_rest.map(State::as_str).collect();
    assert_eq!(words, ["requires-data", "verified", "rejected", "held", "cancelled", "erased"]);
}

#[test]
fn a_section_is_known_by_the_field_of_a_users_file() {
    let fields = [
        (Section::UserDetails, Some("userDetails")),
        (Section::KycData, Some("kycData")),
        (Section::DueDiligence, Some("dueDiligence")),
        (Section::VerificationHistory, Some("verificationHistory")),
        (Section::Other("new".to_owned()), None),
    ];
    for (section, field) in fields {
        assert_eq!(section.field(), field);
    }
}

#[test]
fn ids_and_revisions_are_written_plainly() {
    let id = OnboardingId(uuid::Uuid::from_u128(7));
    assert_eq!(id.to_string(), "00000000-0000-0000-0000-000000000007");
    assert_eq!(Revision(3).to_string(), "3");
}

/// A hold that does not say how it ends would be for ever.
#[test]
fn each_hold_says_which_command_releases_it() {
    for (cause, word, command) in [
        (HoldCause::Operator, "operator", "gangway resume"),
        (
            HoldCause::Refused { call: onboarding::Call::RegisterUser { revision: Revision(1) } },
            "refused",
            "gangway user patch",
        ),
        (HoldCause::RoundsSpent, "rounds-spent", "gangway resume"),
        (HoldCause::Forgotten, "forgotten", "gangway retry"),
        (HoldCause::Unclear, "unclear", "gangway retry"),
        (HoldCause::NotShown, "not-shown", "gangway user patch"),
    ] {
        assert_eq!(cause.as_str(), word);
        assert!(cause.remedy().contains(command), "{word}");
    }
}
