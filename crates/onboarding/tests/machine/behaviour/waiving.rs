//! What a person let pass stays so until the provider was asked to judge after it.

use onboarding::{
    Eligibility, Event, NotificationKind, Product, ProductStatus, Section, State, TaskState,
    Transition,
};

use super::{KYC, PASSPORT, answered, tasks};
use crate::driver::Driver;
use crate::events::{
    begun, checked, document_added, document_withdrawn, held, lacking, onramp, onramp_lacking,
    profile_set, resumed, retried, triggered, uploaded, waived, wallet_given, wanted, word,
};

/// Of one product the provider asks for two things, and the other is in review: it is looked at
/// again and again meanwhile.
fn half_in_review() -> Vec<Eligibility> {
    vec![
        lacking(Product::Onramp, &[Section::DueDiligence], &["id"]),
        word(Product::Offramp, ProductStatus::PendingReview),
    ]
}

/// As it asks, with its first task waived and the other open.
fn waived_by_half() -> Driver {
    let mut driver = Driver::blank();
    driver.happen(&wanted(&[Product::Onramp, Product::Offramp]));
    driver.happen(&profile_set(1, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver.trigger(&half_in_review());
    assert_eq!(states(&driver), [("due-diligence", TaskState::Open), ("id", TaskState::Open)]);
    driver.happen(&waived(1));
    driver
}

fn states(driver: &Driver) -> Vec<(&str, TaskState)> {
    let named = |task: &onboarding::Task| match task.request.name() {
        name if name == "id" => ("id", task.state),
        _ => ("due-diligence", task.state),
    };
    driver.onboarding.tasks.iter().map(named).collect()
}

#[track_caller]
fn assert_still_waived(driver: &Driver) {
    let task = &driver.onboarding.tasks[0];
    assert_eq!((task.state, task.rounds, task.past_rounds.len()), (TaskState::Supplied, 1, 0));
    assert!(task.waived.is_some());
    assert_eq!(driver.state(), State::RequiresData);
}

fn opens(transition: &Transition) -> bool {
    transition.notifications.iter().any(|told| told.kind() == NotificationKind::TaskOpened)
}

#[test]
fn no_look_asks_again_for_what_was_waived_before_the_provider_was_asked_to_judge() {
    let mut driver = waived_by_half();
    for _ in 0..=driver.policy.rounds_max {
        driver.wait_until_due();
        let look = driver.happen(&checked(driver.onboarding.epoch, &half_in_review()));
        assert!(!opens(&look));
        assert_still_waived(&driver);
    }
    driver.happen(&retried());
    driver.check(&half_in_review());
    assert_still_waived(&driver);
    driver.happen(&wallet_given(1, 1));
    driver.check(&half_in_review());
    assert_still_waived(&driver);
    driver.happen(&wanted(&[Product::Onramp]));
    assert_still_waived(&driver);

    driver.happen(&document_added(&PASSPORT, 1));
    driver.trigger(&onramp_lacking(&[Section::DueDiligence], &[]));
    assert_eq!(
        tasks(&driver),
        [("data", "due-diligence".to_owned(), TaskState::Open, 2)],
        "now it was judged, and is asked for all the same"
    );
}

#[test]
fn what_was_waived_is_judged_as_soon_as_a_look_leaves_nothing_else_open() {
    let mut driver = waived_by_half();
    let asked = [
        lacking(Product::Onramp, &[Section::DueDiligence], &[]),
        word(Product::Offramp, ProductStatus::PendingReview),
    ];
    driver.wait_until_due().check(&asked);
    assert_eq!(states(&driver), [("due-diligence", TaskState::Supplied)]);
    assert_eq!(driver.next_call_name(), "trigger-verification");
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.onboarding.verification.triggers, 2);
}

#[test]
fn what_is_waived_while_a_trigger_is_on_its_way_is_judged_by_the_next() {
    let mut driver = answered(&onramp_lacking(&KYC, &["tax-return"]));
    driver.happen(&Event::VerificationRequested);
    let trigger = driver.begin_trigger();
    driver.happen(&waived(1));
    driver.happen(&triggered(trigger, &onramp_lacking(&KYC, &[])));
    assert_eq!(tasks(&driver), [("data", "kyc-data".to_owned(), TaskState::Supplied, 1)]);
    driver.trigger(&onramp_lacking(&KYC, &[]));
    assert_eq!(tasks(&driver), [("data", "kyc-data".to_owned(), TaskState::Open, 2)]);
}

#[test]
fn what_was_waived_before_a_trigger_without_effect_is_still_to_be_judged() {
    let mut driver = answered(&onramp_lacking(&KYC, &[]));
    driver.happen(&waived(1));
    driver.begin_trigger();
    driver.check(&onramp_lacking(&KYC, &[]));
    assert_eq!(tasks(&driver), [("data", "kyc-data".to_owned(), TaskState::Supplied, 1)]);
    driver.trigger(&onramp_lacking(&KYC, &[]));
    assert_eq!(tasks(&driver), [("data", "kyc-data".to_owned(), TaskState::Open, 2)]);
}

#[test]
fn a_document_that_is_taken_back_beside_what_was_waived_is_waited_for() {
    let mut driver = answered(&onramp_lacking(&KYC, &["id"]));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&waived(1));
    driver.happen(&document_withdrawn(&PASSPORT));
    assert_eq!(
        (driver.state(), driver.step()),
        (State::RequiresData, onboarding::Step::WaitForPerson)
    );
    driver.happen(&document_added(&PASSPORT, 2));
    driver.happen(&uploaded(&PASSPORT, 2));
    assert_eq!(driver.next_call_name(), "trigger-verification");
    driver.happen(&begun(2));
}

#[test]
fn history_of_edition_2_replays_as_it_was_written() {
    let mut driver = Driver::blank();
    driver.policy.rules = 2;
    driver.happen(&wanted(&[Product::Onramp, Product::Offramp]));
    driver.happen(&profile_set(1, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver.trigger(&half_in_review());
    driver.happen(&waived(1));
    driver.wait_until_due().check(&half_in_review());
    let task = &driver.onboarding.tasks[0];
    assert_eq!((task.state, task.rounds), (TaskState::Open, 2), "any look counted as a verdict");
    driver.happen(&held());
    driver.happen(&resumed());
    assert_eq!(driver.onboarding.tasks[0].rounds, 1);
    driver.happen(&waived(1));
    let written = serde_json::to_string(&driver.onboarding).unwrap();
    for newer in ["triggers\":0", "roundsForgiven"] {
        assert!(!written.contains(newer), "{newer}: {written}");
    }
}
