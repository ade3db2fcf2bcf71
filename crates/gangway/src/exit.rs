//! The exit codes: the one place that maps what happened, or where a user stands, to a number.

use std::process::ExitCode;

use onboarding::{Onboarding, Policy, State, is_under_way};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; for a status, every wanted product is verified.
    Done = 0,
    /// Failed, or refused.
    Failed = 1,
    /// Wrong usage of the command line; clap uses the same.
    Usage = 2,
    /// There is no such user.
    NoSuchUser = 3,
    /// It can't be done to this onboarding as it is.
    Conflict = 5,
    /// A person has to supply something, or to ask for verification.
    PersonMustAct = 10,
    /// Gangway or the provider is at work.
    InVerification = 11,
    /// A wanted product was refused.
    Rejected = 12,
    /// Held, cancelled or erased.
    Stopped = 13,
}

/// What `--help` says of the codes of a command that does something.
pub(crate) const HELP: &str = "\
Exit codes:
  0   done
  1   failed, or what was given was refused
  2   wrong usage of the command line
  3   no such user
  5   conflict: it can't be done to the onboarding as it is";

/// The same of a command that only lists.
pub(crate) const LIST_HELP: &str = "\
Exit codes:
  0   done
  1   failed
  2   wrong usage of the command line
  3   no such user";

/// The same of one that answers with the user's standing.
pub(crate) const STANDING_HELP: &str = "\
Exit codes:
  0   verified; without a wait, `verify` was done
  1   failed
  2   wrong usage of the command line
  3   no such user
  5   conflict: it can't be done to the onboarding as it is
 `status`, `status --watch`, `explain` and `verify --wait` answer with the user's standing:
  10  a person must act: supply what is asked for, or ask for verification
  11  in verification: Gangway or the provider is at work
  12  rejected
  13  stopped: held, cancelled or erased";

/// The same of one that says what will be asked for.
pub(crate) const CHECK_HELP: &str = "\
Exit codes:
  0   nothing is missing
  1   failed, or what was given was refused
  2   wrong usage of the command line
  3   no such user
  10  a person must act: something is missing
  12  a wanted product can't be had";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// Where a user stands.
    pub(crate) fn of(onboarding: &Onboarding, policy: &Policy) -> Self {
        if is_under_way(onboarding, policy) {
            return Self::InVerification;
        }
        match onboarding.state {
            State::Registering
            | State::Registered
            | State::DocumentsUploaded
            | State::VerificationTriggered
            | State::Polling
            | State::RequiresData => Self::PersonMustAct,
            State::Verified => Self::Done,
            State::Rejected => Self::Rejected,
            State::Held | State::Cancelled | State::Erased => Self::Stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use onboarding::{
        Consent, Eligibility, Hold, HoldCause, Observation, Product, ProductStatus, ProfileRecord,
        Revision, Revisions, Timestamp, Verification, is_settled,
    };

    use super::*;

    /// Registered and triggered, with the provider's word on the one product that is wanted.
    fn judged(status: ProductStatus) -> Onboarding {
        let id = onboarding::OnboardingId(uuid::Uuid::nil());
        let told = Revisions { profile: Some(Revision(1)), ..Revisions::default() };
        let word = Eligibility {
            product: Product::Onramp,
            status,
            missing_data: Vec::new(),
            missing_documents: Vec::new(),
        };
        Onboarding {
            version: 5,
            wanted: BTreeSet::from([Product::Onramp]),
            profile: Some(ProfileRecord {
                revision: Revision(1),
                acknowledged: Some(Revision(1)),
                sections: BTreeMap::new(),
                area: None,
                verified_on: None,
            }),
            verification: Verification {
                asked: true,
                triggers: 1,
                triggered_with: Some(told),
                ..Verification::default()
            },
            observation: Some(Observation {
                epoch: 0,
                observed_at: Timestamp(0),
                products: BTreeMap::from([(Product::Onramp, word)]),
                polls: 0,
                unclear: 0,
            }),
            ..Onboarding::blank(id, Timestamp(0))
        }
    }

    fn in_state(state: State, onboarding: Onboarding) -> Onboarding {
        Onboarding { state, ..onboarding }
    }

    #[test]
    fn every_standing_has_its_exit_code_and_says_whether_to_wait_on() {
        use ProductStatus as P;
        let unasked = Onboarding {
            observation: None,
            verification: Verification::default(),
            ..judged(P::Verified)
        };
        let unsent = Onboarding {
            consent: Some(Consent {
                revision: Revision(1),
                acknowledged: None,
                accepted_at: Timestamp(0),
                region: None,
                evidence: onboarding::Evidence::default(),
            }),
            ..judged(P::RequiresData)
        };
        let held = Onboarding {
            hold: Some(Hold {
                cause: HoldCause::Operator,
                message: String::new(),
                since: Timestamp(0),
            }),
            ..judged(P::PendingReview)
        };
        for (state, onboarding, exit, settled) in [
            (State::Registering, unsent.clone(), Exit::InVerification, false),
            (State::Registered, unsent.clone(), Exit::InVerification, false),
            (State::DocumentsUploaded, unasked, Exit::PersonMustAct, true),
            (State::VerificationTriggered, unsent.clone(), Exit::InVerification, false),
            (State::Polling, judged(P::PendingReview), Exit::InVerification, false),
            (State::RequiresData, judged(P::RequiresData), Exit::PersonMustAct, true),
            // Supplied in part, and being told to the provider.
            (State::RequiresData, unsent, Exit::PersonMustAct, false),
            (State::Verified, judged(P::Verified), Exit::Done, true),
            (State::Rejected, judged(P::Rejected), Exit::Rejected, true),
            (State::Held, held.clone(), Exit::Stopped, true),
            (State::Cancelled, held.clone(), Exit::Stopped, true),
            (State::Erased, held, Exit::Stopped, true),
        ] {
            let onboarding = in_state(state, onboarding);
            let policy = Policy::default();
            assert_eq!(Exit::of(&onboarding, &policy), exit, "{state}");
            assert_eq!(is_settled(&onboarding, &policy), settled, "{state}");
        }
    }

    #[test]
    fn the_help_names_the_exit_codes_that_can_come() {
        let listing = [Exit::Done, Exit::Failed, Exit::Usage, Exit::NoSuchUser];
        let doing = [&listing[..], &[Exit::Conflict]].concat();
        let standings = [Exit::PersonMustAct, Exit::InVerification, Exit::Rejected, Exit::Stopped];
        let answering = [&doing[..], &standings].concat();
        let checking = [&listing[..], &[Exit::PersonMustAct, Exit::Rejected]].concat();
        for (help, exits) in [
            (LIST_HELP, &listing[..]),
            (HELP, &doing),
            (STANDING_HELP, &answering),
            (CHECK_HELP, &checking),
        ] {
            let lines = help.lines().filter_map(|line| line.trim().split_once(' '));
            let named: Vec<u8> = lines.filter_map(|(code, _)| code.parse().ok()).collect();
            let expected: Vec<u8> = exits.iter().map(|exit| *exit as u8).collect();
            assert_eq!(named, expected, "{help}");
        }
    }
}
