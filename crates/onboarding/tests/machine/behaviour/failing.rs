//! Calls that fail, answers that are lost or come late, and a provider that forgets.

use onboarding::{
    Call, Effect, Event, Failure, FailureClass, Policy, Product, ProductStatus, Reader, Reason,
    State, Status, TaskState, Timestamp,
};

use super::{KYC, PASSPORT, answered, asked, hold_cause, polling, tasks};
use crate::driver::Driver;
use crate::events::{
    accepted, begun, checked, consent_given, document_added, failed, failure, in_epoch, onramp,
    onramp_lacking, profile_set, registered, triggered, uploaded, wanted, word,
};

#[test]
fn a_forgotten_user_is_sent_again_whole() {
    let mut driver = asked();
    driver.policy.keep_document_contents = true;
    driver.happen(&consent_given(1));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.trigger(&onramp(ProductStatus::PendingReview));
    driver.fail(FailureClass::NotFound, Effect::None);
    assert_eq!((driver.state(), hold_cause(&driver)), (State::Registering, None));
    let held = driver.onboarding.held_revisions();
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.state(), State::Verified);
    assert_eq!(driver.onboarding.acknowledged_revisions(), held);
    assert_eq!(driver.onboarding.verification.triggers, 2);
}

#[test]
fn a_document_whose_bytes_are_gone_is_not_sent_again_but_asked_for() {
    let mut driver = asked();
    driver.happen(&document_added(&PASSPORT, 1));
    driver.trigger(&onramp(ProductStatus::PendingReview));
    driver.fail(FailureClass::NotFound, Effect::None);
    driver.happen(&registered(1));
    assert_eq!(driver.next_call_name(), "trigger-verification", "the bytes are gone");
    driver.trigger(&onramp_lacking(&[], &["id"]));
    assert_eq!(tasks(&driver), [("document", "id".to_owned(), TaskState::Open, 1)]);
    driver.happen(&document_added(&PASSPORT, 2));
    assert_eq!(driver.next_call_name(), "upload-document");
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.state(), State::Verified);
}

#[test]
fn a_404_while_the_first_trigger_is_in_doubt_says_that_it_had_no_effect() {
    let mut driver = asked();
    driver.acknowledge_all().begin_trigger();
    driver.fail(FailureClass::NotFound, Effect::None);
    assert_eq!(driver.next_call_name(), "trigger-verification");
    assert_eq!(driver.onboarding.forgotten, 0);
}

#[test]
fn not_started_while_the_first_trigger_is_in_doubt_says_that_it_had_no_effect() {
    let mut driver = asked();
    driver.acknowledge_all().begin_trigger();
    driver.check(&onramp(ProductStatus::NotStarted));
    assert_eq!(driver.state(), State::DocumentsUploaded);
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn an_empty_list_while_the_first_trigger_is_in_doubt_says_that_it_had_no_effect() {
    let mut driver = asked();
    driver.acknowledge_all().begin_trigger();
    driver.check(&[]);
    assert_eq!(driver.state(), State::DocumentsUploaded);
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn a_404_while_a_later_trigger_is_in_doubt_says_that_the_user_is_lost() {
    let mut driver = polling();
    driver.happen(&profile_set(2, &KYC));
    driver.acknowledge_all().begin_trigger();
    driver.fail(FailureClass::NotFound, Effect::None);
    assert_eq!((driver.state(), driver.next_call_name()), (State::Registering, "register-user"));
}

#[test]
fn a_crash_in_the_trigger_reads_the_status_first() {
    // What the status says then, and what is done next.
    let cases = [
        (ProductStatus::PendingReview, State::Polling, "check-status"),
        (ProductStatus::Verified, State::Verified, "check-status"),
        (ProductStatus::NotStarted, State::DocumentsUploaded, "trigger-verification"),
    ];
    for (status, state, next) in cases {
        let mut driver = asked();
        driver.acknowledge_all().begin_trigger();
        assert_eq!(
            (driver.state(), driver.next_call_name()),
            (State::VerificationTriggered, "check-status")
        );
        assert_eq!(driver.ignored(&begun(2)), Reason::TriggerInDoubt);
        driver.check(&onramp(status));
        assert_eq!((driver.state(), driver.next_call_name()), (state, next));
    }
}

#[test]
fn a_crash_in_a_later_trigger_counts_as_done_only_if_the_status_changed() {
    let again = || {
        let mut driver = answered(&onramp_lacking(&KYC, &[]));
        driver.happen(&profile_set(2, &KYC));
        driver.acknowledge_all().begin_trigger();
        driver
    };
    let mut unchanged = again();
    let answer = checked(unchanged.onboarding.epoch, &onramp_lacking(&KYC, &[]));
    unchanged.happen(&answer);
    assert_eq!(unchanged.ignored(&answer), Reason::StaleObservation, "come twice");
    assert_eq!(unchanged.next_call_name(), "trigger-verification");
    let mut changed = again();
    changed.check(&onramp(ProductStatus::PendingReview));
    assert_eq!((changed.state(), changed.onboarding.verification.triggers), (State::Polling, 2));
}

#[test]
fn a_trigger_that_failed_without_effect_is_tried_again_without_a_look() {
    for class in [FailureClass::Transient, FailureClass::RateLimited, FailureClass::ProviderClosed]
    {
        let mut driver = asked();
        driver.acknowledge_all().fail(class, Effect::None);
        assert_eq!(driver.next_call_name(), "trigger-verification", "{class:?}");
        let mut driver = asked();
        driver.acknowledge_all().fail(class, Effect::Unknown);
        assert_eq!(driver.next_call_name(), "check-status", "{class:?}");
    }
}

#[test]
fn a_request_for_newer_data_while_a_trigger_is_in_doubt_is_kept() {
    let mut driver = asked();
    let trigger = driver.acknowledge_all().begin_trigger();
    assert_eq!(driver.ignored(&Event::VerificationRequested), Reason::AlreadySo);
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&Event::VerificationRequested);
    assert_eq!(driver.ignored(&Event::VerificationRequested), Reason::AlreadySo);
    driver.happen(&triggered(trigger, &onramp(ProductStatus::Verified)));
    driver.acknowledge_all();
    assert_eq!(driver.next_call_name(), "trigger-verification");
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 2));
}

#[test]
fn a_late_answer_to_an_older_revision_does_not_acknowledge_the_newer() {
    let mut driver = asked();
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&registered(1));
    assert_eq!((driver.state(), driver.next_call_name()), (State::Registering, "register-user"));
    driver.happen(&registered(2));
    assert_eq!(driver.ignored(&registered(1)), Reason::AlreadyAcknowledged);
    assert_eq!(driver.ignored(&registered(3)), Reason::NeverHeld);
    driver.happen(&document_added(&PASSPORT, 2));
    driver.happen(&uploaded(&PASSPORT, 1));
    assert_eq!((driver.state(), driver.next_call_name()), (State::Registered, "upload-document"));
    assert!(driver.onboarding.documents[&PASSPORT].content_held);
}

#[test]
fn a_late_answer_to_a_trigger_says_nothing_of_what_was_told_since() {
    let mut driver = asked();
    let trigger = driver.acknowledge_all().begin_trigger();
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&registered(2));
    driver.happen(&triggered(trigger, &onramp(ProductStatus::Verified)));
    assert_eq!(
        (driver.state(), driver.next_call_name()),
        (State::DocumentsUploaded, "check-status")
    );
}

#[test]
fn a_late_status_says_nothing_of_what_was_told_since() {
    let mut driver = polling();
    let asked_in = driver.onboarding.epoch;
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&registered(2));
    let late = checked(asked_in, &onramp(ProductStatus::Verified));
    assert_eq!(driver.ignored(&late), Reason::StaleObservation);
}

#[test]
fn what_was_acknowledged_before_the_provider_forgot_the_user_is_sent_again() {
    let mut driver = asked();
    driver.happen(&consent_given(1));
    driver.happen(&document_added(&PASSPORT, 1));
    let sent_in = driver.onboarding.epoch;
    // Another worker makes the same calls, and the first one's answers are still on their way.
    driver.trigger(&onramp(ProductStatus::PendingReview));
    driver.fail(FailureClass::NotFound, Effect::None);
    for late in [accepted(1), registered(1), uploaded(&PASSPORT, 1)] {
        let late = in_epoch(sent_in, late);
        assert_eq!(driver.ignored(&late), Reason::StaleAcknowledgement);
    }
    assert_eq!(driver.next_call_name(), "accept-privacy-policy");
    let now = driver.onboarding.epoch;
    driver.happen(&in_epoch(now, accepted(1)));
    assert_eq!(driver.next_call_name(), "register-user");
}

#[test]
fn a_late_refusal_of_an_older_revision_does_not_hold() {
    let mut driver = asked();
    let (call, _) = driver.due_call();
    driver.happen(&profile_set(2, &KYC));
    let late = failed(call, FailureClass::Refused, Effect::None);
    assert_eq!(driver.ignored(&late), Reason::NotTheAwaitedCall);
}

#[test]
fn failures_are_tried_again_ever_later_from_the_recorded_attempt() {
    let mut driver = asked();
    for attempt in 1..=12 {
        driver.wait_until_due().fail(FailureClass::Transient, Effect::Unknown);
        let delay_ms = driver.policy.retry_delay_ms(driver.onboarding.id, attempt);
        assert_eq!((driver.wait_ms(), driver.next_call_name()), (delay_ms, "register-user"));
        assert_eq!(driver.state(), State::Registering);
    }
    driver.happen(&profile_set(2, &KYC));
    assert_eq!(driver.wait_ms(), 0, "new data is tried at once");
}

#[test]
fn retry_after_is_a_floor_and_no_ceiling() {
    for (retry_after_ms, floor_counts) in [(60_000, true), (1, false)] {
        let mut driver = asked();
        let mut failure = failure(FailureClass::RateLimited, Effect::None);
        failure.retry_after_ms = Some(retry_after_ms);
        let (call, _) = driver.due_call();
        driver.happen(&Event::CallFailed { call, failure });
        let own_ms = driver.policy.retry_delay_ms(driver.onboarding.id, 1);
        let expected = if floor_counts { retry_after_ms } else { own_ms };
        assert_eq!(driver.wait_ms(), expected);
    }
}

#[test]
fn a_closed_provider_costs_no_attempt() {
    let mut driver = asked();
    driver.fail(FailureClass::Transient, Effect::None);
    let before = driver.onboarding.retry;
    for _ in 0..10 {
        driver.fail(FailureClass::ProviderClosed, Effect::None);
    }
    assert_eq!((driver.onboarding.retry, driver.state()), (before, State::Registering));
    let error = driver.onboarding.last_error.clone().unwrap();
    assert_eq!(error.class, FailureClass::ProviderClosed);
    driver.acknowledge_all();
    assert_eq!((driver.onboarding.retry, driver.onboarding.last_error.clone()), (None, None));
}

#[test]
fn a_step_that_fails_for_long_is_reported_as_stalled() {
    let locator = "userId:johnd-123".parse().unwrap();
    let stalled = |driver: &Driver| {
        Status::of(&locator, &driver.onboarding, None, &Reader::new(&driver.policy, driver.now))
            .stalled
    };
    let mut driver = asked();
    driver.fail(FailureClass::Transient, Effect::None);
    assert!(!stalled(&driver));
    let begin: Timestamp = driver.now;
    driver.now = begin.plus_ms(Policy::default().stalled_after_ms);
    assert!(stalled(&driver));
    driver.acknowledge_all();
    assert!(!stalled(&driver));
}

#[test]
fn a_request_is_kept_when_the_trigger_in_doubt_had_no_effect() {
    let verified = word(Product::Onramp, ProductStatus::Verified);
    let mut driver = answered(&[verified, word(Product::Offramp, ProductStatus::PendingReview)]);
    driver.happen(&wanted(&[Product::Onramp, Product::Offramp]));
    driver.happen(&profile_set(2, &KYC));
    let trigger = driver.acknowledge_all().begin_trigger();
    driver.happen(&profile_set(3, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver.happen(&wanted(&[Product::Onramp]));
    let call = Call::TriggerVerification { trigger };
    driver.happen(&failed(call, FailureClass::RateLimited, Effect::None));
    driver.acknowledge_all();
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn a_provider_that_remembers_in_between_may_forget_any_number_of_times() {
    let mut driver = polling();
    for _ in 0..=driver.policy.forgotten_max {
        driver.fail(FailureClass::NotFound, Effect::None);
        driver.trigger(&onramp(ProductStatus::PendingReview));
        driver.wait_until_due();
        driver.check(&onramp(ProductStatus::PendingReview));
        assert_eq!(driver.state(), State::Polling);
    }
}

#[test]
fn a_user_who_can_be_triggered_but_not_asked_about_is_held_in_the_end() {
    for (class, refusals) in [(FailureClass::NotFound, 1), (FailureClass::Refused, 2)] {
        let mut driver = polling();
        for _ in 0..driver.policy.forgotten_max {
            for _ in 0..refusals {
                driver.wait_until_due();
                driver.fail(class, Effect::None);
            }
            driver.trigger(&onramp(ProductStatus::PendingReview));
        }
        for _ in 0..refusals {
            driver.wait_until_due();
            driver.fail(class, Effect::None);
        }
        assert_eq!(hold_cause(&driver), Some("forgotten"), "{class:?}");
    }
}

#[test]
fn triggers_that_fail_and_show_no_effect_become_rarer() {
    let unjudged = onramp(ProductStatus::NotStarted);
    let in_review = onramp(ProductStatus::PendingReview);
    let mut again = polling();
    again.happen(&profile_set(2, &KYC));
    for (mut driver, shown) in [(asked(), &unjudged), (again, &in_review)] {
        driver.acknowledge_all();
        let began = driver.now;
        for _ in 0..20 {
            driver.wait_until_due();
            driver.fail(FailureClass::Transient, Effect::Unknown);
            driver.wait_until_due();
            driver.check(shown);
        }
        assert_eq!(driver.onboarding.retry.map(|retry| retry.attempt), Some(20));
        let hours = driver.now.ms_since(began) / 3_600_000;
        assert!(hours >= 2, "20 triggers in {hours} hours");
    }
}

#[test]
fn new_data_waits_for_the_floor_but_not_for_the_attempt() {
    let mut driver = asked();
    for _ in 0..10 {
        driver.wait_until_due();
        driver.fail(FailureClass::Transient, Effect::None);
    }
    driver.happen(&profile_set(2, &KYC));
    assert_eq!(driver.due_call().1, driver.now, "nobody asked us to wait");
    let (call, _) = driver.due_call();
    let failure =
        Failure { retry_after_ms: Some(600_000), ..failure(FailureClass::Transient, Effect::None) };
    driver.happen(&Event::CallFailed { call, failure });
    let floor = driver.now.plus_ms(600_000);
    driver.happen(&profile_set(3, &KYC));
    assert_eq!(driver.due_call().1, floor);
}
