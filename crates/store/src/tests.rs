//! What the types say of themselves.

use std::panic::{AssertUnwindSafe, catch_unwind};

use onboarding::Lane;

use super::*;
use crate::conformance::{
    NOW, WORKER, at, blank, change, id, passport, profile, profile_set, transitions, wallet, wanted,
};

fn two_changes() -> Commit {
    change(&blank(1, NOW), &[wanted(), profile_set(1)], NOW, &Policy::default())
}

#[test]
fn changes_that_could_not_be_replayed_are_a_defect() {
    let without_the_second = |mut commit: Commit| {
        commit.transitions.remove(1);
        commit
    };
    let three = [wanted(), profile_set(1), Event::VerificationRequested];
    let three = change(&blank(1, NOW), &three, NOW, &Policy::default());
    let with_a_gap = without_the_second(three);
    let of_another = {
        let [first, _] = &two_changes().transitions[..] else { panic!("there are two") };
        let mut commit = two_changes();
        let others = transitions(
            &blank(2, NOW).onboarding,
            &[wanted(), profile_set(1)],
            NOW,
            &Policy::default(),
        );
        commit.transitions = vec![first.clone(), others[1].clone()];
        commit
    };
    for (commit, defect) in [(with_a_gap, "a gap"), (of_another, "of another")] {
        let refused = catch_unwind(AssertUnwindSafe(|| commit.assert_without_gaps()));
        let what = refused.expect_err(defect);
        assert!(
            what.downcast_ref::<String>().is_some_and(|what| what.contains(defect)),
            "{defect}"
        );
    }
    two_changes().assert_without_gaps();
}

#[test]
fn a_claim_is_given_back_by_all_but_who_holds_none() {
    let lease = WORKER.lease_at(NOW);
    assert_eq!(lease.until, at(30_000));
    for (claim, given_back) in [
        (ClaimAfter::Untouched, None),
        (ClaimAfter::Release(lease), Some(lease)),
        (ClaimAfter::Postpone { lease, until: at(1) }, Some(lease)),
        (ClaimAfter::Continue { lease, worker: WORKER }, Some(lease)),
    ] {
        assert_eq!(claim.given_back(), given_back, "{claim:?}");
    }
}

#[test]
fn a_closed_provider_says_since_when() {
    let closed = Closed {
        since: at(5),
        probe_at: at(6),
        probes: 0,
        lane: Lane::Read,
        suspect: id(1),
        message: String::new(),
    };
    assert_eq!(ProviderGate::Open.closed_since(), None);
    assert_eq!(ProviderGate::Closed(closed).closed_since(), Some(at(5)));
}

/// What is written in one transaction is bounded by it.
#[test]
fn personal_data_is_as_large_as_what_is_in_it() {
    let digest = PersonalData::DocumentDigest {
        document_type: DocumentType::IdPassport,
        digest: DocumentDigest([0; 32]),
    };
    let address = "0xabc1".len();
    for (personal, bytes) in [
        (profile(1, "{ }"), 3),
        (passport(1, &[0; 1_000]), 1_000),
        (digest, 32),
        (wallet(1, 1, "base"), address),
    ] {
        assert_eq!(personal.bytes(), bytes);
    }
}

#[test]
fn a_wallet_is_shown_as_the_onboarding_knows_it() {
    let (number, revision) = (WalletNumber(1), Revision(1));
    let given = Event::WalletGiven { number, revision };
    let events = [wanted(), given];
    let onboarding = transitions(&blank(1, NOW).onboarding, &events, NOW, &Policy::default())
        .pop()
        .expect("there is one for each event")
        .onboarding;
    let content = |number, revision| {
        let PersonalData::Wallet { wallet, .. } = wallet(1, 1, "base") else { panic!("it is one") };
        WalletContent { number, revision, wallet, challenge: None }
    };
    let view = content(number, revision).view(&onboarding).expect("it is known");
    assert_eq!((view.address.as_str(), view.chain.as_str()), ("0xabc1", "base"));
    assert!(content(number, Revision(2)).view(&onboarding).is_none(), "of another revision");
    assert!(content(WalletNumber(2), revision).view(&onboarding).is_none(), "of another number");
}
