//! What a user accepted where the provider has no calls for its legal texts.

use onboarding::{
    Effect, Event, FailureClass, ProductStatus, Reason, Request, Revision, State, TaskState,
};

use super::{KYC, asked, hold_cause, tasks};
use crate::driver::Driver;
use crate::events::{
    START, consent_given, consent_given_at, onramp, profile_set, renewal_opened, resumed, retried,
    terms_given,
};

/// As `asked`, at a provider without such calls, and the user accepted both texts.
fn asked_with_evidence() -> Driver {
    let mut driver = Driver::wanting_onramp();
    driver.policy.keeps_consents = true;
    driver.happen(&consent_given(1));
    driver.happen(&terms_given(1));
    driver.happen(&profile_set(1, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver
}

#[test]
fn a_consent_is_kept_and_never_sent_and_nothing_waits_for_it() {
    let mut driver = asked_with_evidence();
    assert_eq!((driver.state(), driver.next_call_name()), (State::Registering, "register-user"));
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!((driver.state(), driver.next_call_name()), (State::Verified, "check-status"));
    let again = Event::VerificationRequested;
    assert_eq!(driver.ignored(&again), Reason::NothingNewToVerify);
    driver.happen(&consent_given(2));
    assert_eq!((driver.state(), driver.next_call_name()), (State::Verified, "check-status"));
    for consent in [&driver.onboarding.consent, &driver.onboarding.terms] {
        assert_eq!(consent.as_ref().unwrap().acknowledged, None, "the provider never had it");
    }
}

#[test]
fn whoever_was_held_for_a_consent_that_is_never_sent_goes_on_by_a_retry() {
    for help in [retried(), resumed(), profile_set(2, &KYC)] {
        let mut driver = asked();
        driver.happen(&consent_given(1));
        driver.fail(FailureClass::NotFound, Effect::None);
        assert_eq!(hold_cause(&driver), Some("refused"));
        driver.policy.keeps_consents = true;
        driver.happen(&help);
        assert_eq!(driver.next_call_name(), "register-user");
    }
}

#[test]
fn a_consent_that_is_asked_for_all_the_same_supplies_its_task_and_is_judged() {
    let mut driver = asked_with_evidence();
    driver.trigger(&onramp(ProductStatus::PendingPrivacyPolicy));
    assert_eq!(driver.state(), State::RequiresData);
    driver.happen(&consent_given(2));
    assert_eq!(driver.next_call_name(), "trigger-verification");
    driver.trigger(&onramp(ProductStatus::PendingPrivacyPolicy));
    let privacy_policy = ("consent", "privacy-policy".to_owned(), TaskState::Open, 2);
    assert_eq!(tasks(&driver), [privacy_policy]);
}

#[test]
fn more_may_become_known_of_an_acceptance_that_was_sent() {
    let mut driver = asked();
    driver.happen(&consent_given(1));
    driver.acknowledge_all();
    driver.happen(&consent_given_at(2, START.plus_ms(1)));
    let consent = driver.onboarding.consent.as_ref().unwrap();
    assert_eq!(consent.acknowledged, Some(Revision(1)), "what the provider has until then");
}

#[test]
fn a_consent_that_runs_out_is_renewed_by_a_newer_one() {
    let mut driver = asked_with_evidence();
    driver.trigger(&onramp(ProductStatus::Verified));
    driver.policy.consent_valid_ms = driver.policy.renewal_lead_ms;
    driver.now = START.plus_ms(1);
    driver.happen(&renewal_opened(Request::RenewConsent));
    driver.now = START.plus_ms(driver.policy.consent_valid_ms);
    driver.policy.renewal_lead_ms /= 2;
    driver.happen(&consent_given_at(2, driver.now));
    assert_eq!(driver.onboarding.renewals, []);
}
