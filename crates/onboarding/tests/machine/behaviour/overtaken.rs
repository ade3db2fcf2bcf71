//! Answers and requests that were overtaken by what happened since.

use onboarding::{
    Call, Effect, Event, FailureClass, ProductStatus, Reason, Revision, Section, State, Step,
    TaskState,
};

use super::{KYC, PASSPORT, answered, asked, polling};
use crate::driver::Driver;
use crate::events::{
    accepted, checked, consent_given, document_added, document_withdrawn, failed, onramp,
    onramp_lacking, profile_set, registered, terms_accepted, terms_given, uploaded,
};

#[test]
fn a_late_status_from_before_a_trigger_says_nothing_of_it() {
    let mut driver = asked();
    driver.acknowledge_all();
    let asked_in = driver.onboarding.epoch;
    driver.begin_trigger();
    let late = checked(asked_in, &onramp(ProductStatus::Verified));
    assert_eq!(driver.ignored(&late), Reason::StaleObservation);
    assert_eq!(driver.state(), State::VerificationTriggered);
}

#[test]
fn a_late_status_says_nothing_once_a_trigger_was_seen_to_have_no_effect() {
    let mut driver = polling();
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&registered(2));
    let before = driver.onboarding.epoch;
    driver.begin_trigger();
    driver.check(&onramp(ProductStatus::PendingReview));
    for epoch in [before, before + 1] {
        let late = checked(epoch, &onramp(ProductStatus::Verified));
        assert_eq!(driver.ignored(&late), Reason::StaleObservation, "of epoch {epoch}");
    }
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn a_late_status_from_before_the_user_was_lost_says_nothing_of_the_one_who_is_sent_again() {
    let mut driver = polling();
    let asked_in = driver.onboarding.epoch;
    driver.fail(FailureClass::NotFound, Effect::None);
    for epoch in 0..=asked_in {
        let late = checked(epoch, &onramp(ProductStatus::Verified));
        assert_eq!(driver.ignored(&late), Reason::StaleObservation, "of epoch {epoch}");
    }
    assert_eq!(driver.next_call_name(), "register-user");
}

#[test]
fn a_look_before_what_was_supplied_is_judged_begins_no_new_round() {
    let supplied_by_data = profile_set(2, &KYC);
    for (asks, supplied) in [
        (onramp_lacking(&KYC, &[]), supplied_by_data),
        (onramp_lacking(&[], &["tax-return"]), Event::VerificationRequested),
    ] {
        let mut driver = answered(&asks);
        driver.happen(&supplied);
        let epoch = driver.onboarding.epoch;
        driver.happen(&checked(epoch, &asks));
        let task = &driver.onboarding.tasks[0];
        assert_eq!((task.state, task.rounds), (TaskState::Supplied, 1), "{:?}", task.request);
        driver.trigger(&asks);
        let task = &driver.onboarding.tasks[0];
        assert_eq!((task.state, task.rounds), (TaskState::Open, 2), "{:?}", task.request);
    }
}

#[test]
fn verification_that_was_asked_for_with_other_new_data_is_triggered_without_a_document() {
    let mut driver = answered(&onramp(ProductStatus::Verified));
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&Event::VerificationRequested);
    driver.happen(&document_withdrawn(&PASSPORT));
    driver.acknowledge_all();
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn an_answer_that_asks_for_something_else_is_a_change() {
    let lists: [(&[Section], &[&str]); 3] =
        [(&KYC, &[]), (&KYC, &["id"]), (&[Section::DueDiligence], &["id"])];
    let mut driver = asked();
    driver.trigger(&onramp_lacking(lists[0].0, lists[0].1));
    let polls = |driver: &Driver| driver.onboarding.observation.as_ref().unwrap().polls;
    for (data, documents) in lists {
        let mut look = || {
            let epoch = driver.onboarding.epoch;
            driver.happen(&checked(epoch, &onramp_lacking(data, documents)));
            polls(&driver)
        };
        let first = look();
        assert_eq!((look(), look()), (first + 1, first + 2), "{data:?} {documents:?}");
        assert!(first <= 1, "{data:?} {documents:?} counted {first}");
    }
    assert_eq!(driver.step(), Step::WaitForPerson);
}

#[test]
fn a_refused_look_after_another_failure_does_not_say_that_the_user_is_lost() {
    let mut driver = polling();
    for class in [FailureClass::Transient, FailureClass::Refused] {
        driver.wait_until_due().fail(class, Effect::None);
        assert_eq!((driver.state(), driver.onboarding.forgotten), (State::Polling, 0), "{class:?}");
    }
    driver.wait_until_due().fail(FailureClass::Refused, Effect::None);
    assert_eq!((driver.state(), driver.onboarding.forgotten), (State::Registering, 1));
}

#[test]
fn a_late_failure_of_what_was_replaced_or_acknowledged_changes_nothing() {
    let calls = |number: u32| {
        let revision = Revision(number);
        [
            Call::AcceptPrivacyPolicy { revision },
            Call::AcceptTerms { revision },
            Call::RegisterUser { revision },
            Call::UploadDocument { document_type: PASSPORT, revision },
        ]
    };
    let ignored = |driver: &mut Driver, number: u32| {
        for call in calls(number) {
            let late = failed(call, FailureClass::Refused, Effect::None);
            assert_eq!(driver.ignored(&late), Reason::NotTheAwaitedCall, "{late:?}");
        }
    };
    let mut driver = asked();
    driver.happen(&consent_given(1));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&terms_given(1));
    driver.happen(&consent_given(2));
    driver.happen(&terms_given(2));
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&document_added(&PASSPORT, 2));
    ignored(&mut driver, 1);
    for event in [accepted(2), registered(2), uploaded(&PASSPORT, 2)] {
        driver.happen(&event);
    }
    driver.happen(&terms_accepted(2, driver.onboarding.epoch));
    ignored(&mut driver, 2);
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn a_failure_to_read_the_user_is_of_the_registration_that_is_to_be_read() {
    let failed = |epoch| failed(Call::ReadUser { epoch }, FailureClass::Transient, Effect::None);
    let mut driver = asked();
    driver.policy.confirm_registration = true;
    assert_eq!(driver.ignored(&failed(0)), Reason::NotTheAwaitedCall, "nothing is registered");
    driver.happen(&registered(1));
    let Call::ReadUser { epoch } = driver.due_call().0 else { panic!("it is read now") };
    assert_eq!(driver.ignored(&failed(epoch + 1)), Reason::NotTheAwaitedCall);
    driver.happen(&failed(epoch));
    assert_eq!(driver.onboarding.retry.map(|retry| retry.attempt), Some(1));
}

/// It failed before anything was sent, so that it was never recorded as begun.
#[test]
fn the_next_trigger_may_fail_before_it_was_begun_and_no_other_may() {
    let failed = |trigger: u32| {
        let call = Call::TriggerVerification { trigger };
        failed(call, FailureClass::Transient, Effect::None)
    };
    let mut driver = asked();
    driver.acknowledge_all();
    assert_eq!(driver.ignored(&failed(2)), Reason::NotTheAwaitedCall);
    driver.happen(&failed(1));
    assert_eq!(driver.onboarding.retry.map(|retry| retry.attempt), Some(1));
    assert_eq!(driver.next_call_name(), "trigger-verification");
}
