//! What holds or ends an onboarding, and what lets it go on.

use onboarding::{
    Call, Effect, Event, FailureClass, HoldCause, Notification, NotificationKind, ProductStatus,
    Reason, Revision, State, Step, TaskState, Transition,
};

use super::{KYC, PASSPORT, answered, asked, hold_cause, polling};
use crate::driver::Driver;
use crate::events::{
    accepted, begun, cancelled, checked, consent_given, document_added, document_withdrawn, erased,
    failed, held, onramp, onramp_lacking, profile_set, refused_alone, registered, resumed, retried,
    triggered, uploaded,
};

#[test]
fn a_refusal_holds_and_corrected_data_releases_it() {
    let mut driver = asked();
    driver.fail(FailureClass::Refused, Effect::None);
    let call = Call::RegisterUser { revision: Revision(1) };
    let hold = driver.onboarding.hold.clone().unwrap();
    assert_eq!((driver.state(), &hold.cause), (State::Held, &HoldCause::Refused { call }));
    assert!(hold.message.contains("the provider said"), "{}", hold.message);
    assert_eq!(driver.step(), Step::Nothing);
    driver.happen(&profile_set(2, &KYC));
    assert_eq!((driver.state(), driver.next_call_name()), (State::Registering, "register-user"));
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.state(), State::Verified);
}

#[test]
fn a_refusal_of_each_call_holds_and_a_retry_tries_the_same_call_again() {
    let mut driver = asked();
    driver.happen(&consent_given(1));
    driver.happen(&document_added(&PASSPORT, 1));
    for name in ["accept-privacy-policy", "register-user", "upload-document"] {
        assert_eq!(driver.next_call_name(), name);
        driver.fail(FailureClass::Refused, Effect::None);
        assert_eq!(driver.state(), State::Held, "{name}");
        driver.happen(&retried());
        assert_eq!(driver.next_call_name(), name);
        let event = match driver.due_call().0 {
            Call::AcceptPrivacyPolicy { revision } => accepted(revision.0),
            Call::RegisterUser { revision } => registered(revision.0),
            Call::UploadDocument { revision, .. } => uploaded(&PASSPORT, revision.0),
            call @ (Call::AcceptTerms { .. }
            | Call::ReadUser { .. }
            | Call::TriggerVerification { .. }
            | Call::CheckStatus { .. }
            | Call::LinkWallet { .. }) => panic!("{call:?}"),
        };
        driver.happen(&event);
    }
    driver.fail(FailureClass::Refused, Effect::None);
    assert_eq!(driver.state(), State::Held);
    driver.happen(&retried());
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn a_look_that_is_refused_to_one_user_alone_holds_as_other_refusals_do() {
    let mut driver = polling();
    let (call, _) = driver.due_call();
    driver.happen(&refused_alone(call.clone()));
    let hold = driver.onboarding.hold.clone().unwrap();
    assert_eq!(
        (driver.state(), &hold.cause),
        (State::Held, &HoldCause::Refused { call: call.clone() })
    );
    assert_eq!(hold.message, "the provider refused check-status: the key may not");
    assert_eq!(driver.ignored(&refused_alone(call.clone())), Reason::AlreadySo);
    driver.happen(&retried());
    assert_eq!(driver.next_call_name(), "check-status");
    driver.check(&onramp(ProductStatus::Verified));
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&registered(2));
    assert_eq!(
        driver.ignored(&refused_alone(call)),
        Reason::NotTheAwaitedCall,
        "of an earlier epoch"
    );
}

#[test]
fn an_operators_hold_is_released_by_the_operator_and_not_by_data() {
    let mut driver = asked();
    driver.happen(&held());
    assert_eq!(driver.ignored(&held()), Reason::AlreadySo);
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&document_added(&PASSPORT, 1));
    assert_eq!((driver.state(), driver.step()), (State::Held, Step::Nothing));
    driver.happen(&resumed());
    assert_eq!((driver.state(), driver.next_call_name()), (State::Registering, "register-user"));
    assert_eq!(driver.ignored(&resumed()), Reason::NotHeld);
}

#[test]
fn an_answer_that_comes_while_held_is_not_lost() {
    let mut driver = asked();
    let trigger = driver.acknowledge_all().begin_trigger();
    driver.happen(&held());
    driver.happen(&triggered(trigger, &onramp(ProductStatus::Verified)));
    assert_eq!(driver.state(), State::Held);
    driver.happen(&resumed());
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 1));
}

#[test]
fn a_provider_that_keeps_forgetting_holds_the_onboarding() {
    let mut driver = polling();
    for _ in 0..driver.policy.forgotten_max {
        driver.fail(FailureClass::NotFound, Effect::None);
        driver.acknowledge_all();
    }
    driver.fail(FailureClass::NotFound, Effect::None);
    assert_eq!((driver.state(), hold_cause(&driver)), (State::Held, Some("forgotten")));
}

#[test]
fn a_cancelled_onboarding_does_nothing_until_it_is_resumed() {
    let mut driver = asked();
    let trigger = driver.acknowledge_all().begin_trigger();
    driver.happen(&cancelled());
    assert_eq!((driver.state(), driver.step()), (State::Cancelled, Step::Nothing));
    for late in [begun(trigger + 1), profile_set(2, &KYC), held(), retried(), cancelled()] {
        assert_eq!(driver.ignored(&late), Reason::Ended);
    }
    driver.happen(&resumed());
    assert_eq!(
        (driver.state(), driver.next_call_name()),
        (State::VerificationTriggered, "check-status")
    );
}

#[test]
fn a_trigger_that_is_answered_while_cancelled_is_not_repeated_after_it_is_resumed() {
    let mut driver = asked();
    let trigger = driver.acknowledge_all().begin_trigger();
    driver.happen(&cancelled());
    driver.happen(&triggered(trigger, &onramp(ProductStatus::Verified)));
    assert_eq!((driver.state(), driver.step()), (State::Cancelled, Step::Nothing));
    driver.happen(&resumed());
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 1));
}

#[test]
fn what_became_of_each_call_is_recorded_while_cancelled_and_calls_nothing() {
    let mut driver = asked();
    driver.happen(&consent_given(1));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&cancelled());
    for answer in [
        accepted(1),
        registered(1),
        failed(
            Call::UploadDocument { document_type: PASSPORT, revision: Revision(1) },
            FailureClass::Refused,
            Effect::None,
        ),
        uploaded(&PASSPORT, 1),
        checked(driver.onboarding.epoch + 3, &onramp(ProductStatus::Verified)),
    ] {
        driver.happen(&answer);
        assert_eq!((driver.state(), driver.step()), (State::Cancelled, Step::Nothing));
    }
    driver.happen(&resumed());
    assert_eq!(
        (driver.state(), driver.next_call_name()),
        (State::DocumentsUploaded, "trigger-verification")
    );
}

#[test]
fn an_erased_onboarding_keeps_nothing_of_the_person_and_never_comes_back() {
    for cancel_first in [false, true] {
        let mut driver = answered(&onramp_lacking(&KYC, &[]));
        driver.happen(&consent_given(1));
        driver.happen(&document_added(&PASSPORT, 1));
        driver.fail(FailureClass::Refused, Effect::None);
        if cancel_first {
            driver.happen(&cancelled());
        }
        let closed = driver.happen(&erased()).tasks;
        assert!(closed.iter().all(|task| task.state == TaskState::Closed), "{closed:?}");
        let erased_one = &driver.onboarding;
        assert_eq!((driver.state(), driver.step()), (State::Erased, Step::Nothing));
        assert!(erased_one.profile.is_none() && erased_one.consent.is_none());
        assert!(erased_one.documents.is_empty() && erased_one.tasks.is_empty());
        assert!(erased_one.hold.is_none() && erased_one.last_error.is_none());
        assert_eq!(driver.ignored(&erased()), Reason::AlreadySo);
        assert_eq!(driver.ignored(&resumed()), Reason::Ended);
        assert_eq!(driver.ignored(&profile_set(1, &KYC)), Reason::Ended);
        assert_eq!(driver.ignored(&registered(1)), Reason::Ended);
    }
}

#[test]
fn a_state_keeps_its_beginning_while_it_lasts() {
    let mut driver = polling();
    let since = driver.onboarding.state_since;
    driver.wait_until_due().check(&onramp(ProductStatus::PendingReview));
    assert_eq!(driver.onboarding.state_since, since);
    assert_eq!(driver.onboarding.updated_at, driver.now);
    driver.now = driver.now.plus_ms(5);
    driver.happen(&held());
    assert_eq!(driver.onboarding.state_since, driver.now);
}

#[test]
fn trying_again_does_not_undo_what_an_operator_stopped() {
    let mut driver = asked();
    driver.happen(&held());
    assert_eq!(driver.ignored(&retried()), Reason::HeldByOperator);
    assert_eq!(driver.state(), State::Held);
}

#[test]
fn whoever_resumes_an_onboarding_gives_it_all_its_rounds_again() {
    let mut driver = answered(&onramp_lacking(&KYC, &[]));
    let mut revision = 1;
    while driver.state() != State::Held {
        revision += 1;
        driver.happen(&profile_set(revision, &KYC));
        driver.trigger(&onramp_lacking(&KYC, &[]));
    }
    driver.happen(&held());
    driver.happen(&resumed());
    driver.happen(&profile_set(revision + 1, &KYC));
    driver.trigger(&onramp_lacking(&KYC, &[]));
    assert_eq!(driver.state(), State::RequiresData);
}

#[test]
fn a_tasks_rounds_go_on_counting_when_a_hold_is_left_and_only_those_after_it_hold_again() {
    for mends in [false, true] {
        let mut driver = answered(&onramp_lacking(&KYC, &[]));
        let limit = driver.policy.rounds_max;
        for holds in 1..=2 {
            for _ in 0..limit {
                assert_eq!(driver.state(), State::RequiresData);
                supply(&mut driver);
                driver.trigger(&onramp_lacking(&KYC, &[]));
            }
            let hold = driver.onboarding.hold.clone().unwrap();
            let times = holds * limit + 1;
            assert_eq!(hold.cause, HoldCause::RoundsSpent);
            assert!(hold.message.contains(&format!("{times} times")), "{}", hold.message);
            let told = if mends { supply(&mut driver) } else { driver.happen(&resumed()) };
            let opened = told.notifications.iter().map(Notification::kind);
            assert!(opened.into_iter().all(|kind| kind != NotificationKind::TaskOpened));
            let task = &driver.onboarding.tasks[0];
            assert_eq!(task.rounds, times, "it is told as what it is");
            assert_eq!(task.past_rounds.len() + 1, times as usize);
            if mends {
                driver.trigger(&onramp_lacking(&KYC, &[]));
                break;
            }
        }
        assert_eq!(driver.state(), State::RequiresData);
    }
}

/// Newer data is given.
fn supply(driver: &mut Driver) -> Transition {
    let held = driver.onboarding.profile.as_ref().map(|profile| profile.revision);
    driver.happen(&profile_set(Revision::following(held).0, &KYC))
}

#[test]
fn a_document_that_the_provider_will_never_take_can_be_taken_back() {
    let mut driver = asked();
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&registered(1));
    let (call, _) = driver.due_call();
    driver.fail(FailureClass::Refused, Effect::None);
    driver.happen(&document_withdrawn(&PASSPORT));
    assert_eq!(driver.next_call_name(), "trigger-verification", "the refusal went with it");
    assert!(!driver.onboarding.documents[&PASSPORT].content_held);
    let late = failed(call, FailureClass::Refused, Effect::None);
    assert_eq!(driver.ignored(&late), Reason::NotTheAwaitedCall);
    assert_eq!(driver.ignored(&document_withdrawn(&PASSPORT)), Reason::NeverHeld);
    driver.happen(&document_added(&PASSPORT, 2));
    driver.happen(&uploaded(&PASSPORT, 2));
    assert_eq!(driver.ignored(&document_withdrawn(&PASSPORT)), Reason::AlreadyAcknowledged);
}

#[test]
fn a_newer_document_that_is_taken_back_leaves_the_one_that_the_provider_has() {
    let mut driver = asked();
    driver.happen(&document_added(&PASSPORT, 1));
    driver.acknowledge_all();
    driver.happen(&document_added(&PASSPORT, 2));
    driver.happen(&document_withdrawn(&PASSPORT));
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.state(), State::Verified);
    let again = Event::VerificationRequested;
    assert_eq!(driver.ignored(&again), Reason::NothingNewToVerify, "it was judged with it");
}
