//! What comes after a verdict, and what people may let pass.

use onboarding::{
    Call, Date, DocumentType, DueSource, Event, Policy, ProductStatus, Reason, Request, Section,
    Shown, State, TaskState, next_note,
};

use super::{KYC, PASSPORT, answered, asked, hold_cause, tasks, verified};
use crate::driver::Driver;
use crate::events::{
    checked, consent_given, consent_given_at, document_added, held, onramp, onramp_lacking,
    profile_set, registered, reopened, resumed, retried, terms_given, uploaded, user_read, waived,
};

const DAY_MS: u64 = 24 * 3_600_000;

/// No test comes near so many notes unless one is made again and again.
const NOTES_MAX: usize = 100;

/// Records every note that is due by now, and answers the events' words.
fn note_all(driver: &mut Driver) -> Vec<&'static str> {
    let mut noted = Vec::new();
    while let Some(note) = next_note(&driver.onboarding, &driver.policy, driver.now)
        .filter(|note| note.due_at <= driver.now)
    {
        driver.happen(&note.event);
        noted.push(note.event.name());
        assert!(noted.len() < NOTES_MAX, "there is no end of notes: {}", note.event.name());
    }
    noted
}

fn day_from_now(driver: &Driver, days: u64) -> Date {
    driver.now.plus_ms(days * DAY_MS).date()
}

/// Verified with a passport that expires so many days later.
fn verified_with_passport(days: u64) -> Driver {
    let mut driver = asked();
    let expires_at = Some(day_from_now(&driver, days));
    driver.happen(&passport_until(1, expires_at));
    driver.trigger(&onramp(ProductStatus::Verified));
    driver
}

fn passport_until(revision: u32, until: Option<Date>) -> Event {
    document_until(&PASSPORT, revision, until)
}

const CARD: [DocumentType; 2] = [DocumentType::IdIdcardFront, DocumentType::IdIdcardBack];

/// Gives a revision of both sides of a card, which the provider takes.
fn give_card(driver: &mut Driver, revision: u32, until: Option<Date>) {
    for side in &CARD {
        driver.happen(&document_until(side, revision, until));
        driver.happen(&uploaded(side, revision));
    }
}

fn renewals(driver: &Driver) -> Vec<(&Request, TaskState, u32)> {
    let tasks = driver.onboarding.renewals.iter();
    tasks.map(|task| (&task.request, task.state, task.rounds)).collect()
}

fn document_until(document_type: &DocumentType, revision: u32, until: Option<Date>) -> Event {
    let mut event = document_added(document_type, revision);
    if let Event::DocumentAdded { expires_at, .. } = &mut event {
        *expires_at = until;
    }
    event
}

#[test]
fn a_product_that_was_verified_and_is_no_longer_has_an_event_of_its_own() {
    let mut driver = verified();
    assert_eq!(note_all(&mut driver), [""; 0]);
    driver.wait_until_due().check(&onramp_lacking(&KYC, &[]));
    let since = driver.onboarding.regressions.untold[0].verified_since;
    assert_eq!(note_all(&mut driver), ["product-regressed"]);
    let regressions = &driver.onboarding.regressions;
    assert_eq!((regressions.count, regressions.untold.len()), (1, 0));
    let standing = regressions.standing.values().next().unwrap();
    assert_eq!((standing.verified_since, standing.observed_at), (since, driver.now));
    assert_eq!(standing.status, ProductStatus::RequiresData);
    driver.happen(&profile_set(2, &KYC));
    driver.trigger(&onramp(ProductStatus::Verified));
    assert!(driver.onboarding.regressions.standing.is_empty());
    assert_eq!(note_all(&mut driver), [""; 0]);
}

#[test]
fn a_review_after_verified_is_a_regression_and_one_that_ends_at_once_is_none() {
    let mut driver = verified();
    driver.wait_until_due().check(&onramp(ProductStatus::PendingReview));
    assert_eq!(driver.onboarding.regressions.untold.len(), 1);
    driver.wait_until_due().check(&onramp(ProductStatus::Verified));
    assert_eq!(driver.onboarding.regressions.untold.len(), 0);
}

#[test]
fn a_document_that_expires_is_asked_for_ahead_of_time_and_blocks_nothing() {
    let mut driver = verified_with_passport(100);
    assert_eq!(note_all(&mut driver), [""; 0]);
    driver.now = driver.now.plus_ms(71 * DAY_MS);
    assert_eq!(note_all(&mut driver), ["renewal-opened"]);
    assert_eq!((driver.state(), tasks(&driver).len()), (State::Verified, 0));
    let task = driver.onboarding.renewals[0].clone();
    assert_eq!(task.request, Request::RenewDocument(PASSPORT));
    let due = task.due.unwrap();
    assert_eq!((due.source, due.at.date()), (DueSource::DocumentExpiry, day_from_now(&driver, 30)));
    driver.happen(&passport_until(2, Some(day_from_now(&driver, 3_000))));
    assert_eq!(driver.onboarding.renewals[0].state, TaskState::Supplied);
    let closing = driver.happen(&uploaded(&PASSPORT, 2));
    assert!(driver.onboarding.renewals.is_empty());
    assert_eq!(closing.tasks.last().map(|task| task.state), Some(TaskState::Closed));
}

#[test]
fn a_newer_document_that_expires_as_soon_is_asked_for_again() {
    let mut driver = verified_with_passport(20);
    assert_eq!(note_all(&mut driver), ["renewal-opened"]);
    driver.happen(&passport_until(2, Some(day_from_now(&driver, 21))));
    driver.happen(&uploaded(&PASSPORT, 2));
    let task = &driver.onboarding.renewals[0];
    assert_eq!((task.state, task.rounds, task.past_rounds.len()), (TaskState::Open, 2, 1));
}

#[test]
fn a_document_that_another_stands_in_for_is_not_to_be_renewed() {
    let mut driver = verified_with_passport(11);
    assert_eq!(note_all(&mut driver), ["renewal-opened"]);
    let later = day_from_now(&driver, 3_000);
    // One side of a card stands in for nothing.
    driver.happen(&document_until(&CARD[0], 1, Some(later)));
    driver.happen(&uploaded(&CARD[0], 1));
    assert_eq!(renewals(&driver)[0].1, TaskState::Open);
    driver.happen(&document_until(&CARD[1], 1, Some(later)));
    assert_eq!(renewals(&driver)[0].1, TaskState::Supplied);
    driver.happen(&uploaded(&CARD[1], 1));
    assert_eq!(renewals(&driver), []);
    driver.now = driver.now.plus_ms(20 * DAY_MS);
    assert_eq!(note_all(&mut driver), [""; 0]);
    // When that runs out, too, it is what lasts longest that is asked for anew.
    driver.now = later.end().minus_ms(20 * DAY_MS);
    driver.wait_until_due().check(&onramp(ProductStatus::Verified));
    assert_eq!(note_all(&mut driver), ["renewal-opened"]);
    let front = Request::RenewDocument(DocumentType::IdIdcardFront);
    assert_eq!(renewals(&driver), [(&front, TaskState::Open, 1)]);
}

#[test]
fn a_card_has_one_renewal_for_both_of_its_sides() {
    let mut driver = verified();
    let until = day_from_now(&driver, 20);
    give_card(&mut driver, 1, Some(until));
    driver.wait_until_due().check(&onramp(ProductStatus::Verified));
    assert_eq!(note_all(&mut driver), ["renewal-opened"]);
    let front = Request::RenewDocument(DocumentType::IdIdcardFront);
    let number = driver.onboarding.renewals[0].number;
    assert_eq!(renewals(&driver), [(&front, TaskState::Open, 1)]);

    // The other side is still to come: it stays the same task, of the same round.
    let mut renewed = driver.clone();
    let later = day_from_now(&driver, 3_000);
    renewed.happen(&document_until(&CARD[0], 2, Some(later)));
    renewed.happen(&uploaded(&CARD[0], 2));
    assert_eq!(renewals(&renewed), [(&front, TaskState::Open, 1)]);
    assert_eq!(renewed.onboarding.renewals[0].number, number);
    renewed.happen(&document_until(&CARD[1], 2, Some(later)));
    assert_eq!(renewals(&renewed), [(&front, TaskState::Supplied, 1)]);
    renewed.happen(&uploaded(&CARD[1], 2));
    assert_eq!(renewals(&renewed), []);

    // One that is waived leaves no other.
    driver.happen(&waived(number));
    assert_eq!(note_all(&mut driver), [""; 0]);
    assert_eq!(renewals(&driver), [(&front, TaskState::Supplied, 1)]);
}

#[test]
fn of_the_two_renewals_of_a_card_that_an_earlier_edition_opened_one_goes_on() {
    let mut driver = verified();
    driver.policy.rules = 1;
    let until = day_from_now(&driver, 20);
    give_card(&mut driver, 1, Some(until));
    driver.wait_until_due().check(&onramp(ProductStatus::Verified));
    assert_eq!(note_all(&mut driver), ["renewal-opened", "renewal-opened"]);
    driver.policy.rules = 2;
    assert_eq!(note_all(&mut driver), [""; 0]);
    driver.wait_until_due().check(&onramp(ProductStatus::Verified));
    let front = Request::RenewDocument(DocumentType::IdIdcardFront);
    assert_eq!(renewals(&driver), [(&front, TaskState::Open, 1)]);
}

#[test]
fn a_waived_renewal_stays_so_until_its_cause_is_gone() {
    let mut driver = verified_with_passport(20);
    note_all(&mut driver);
    let number = driver.onboarding.renewals[0].number;
    driver.happen(&waived(number));
    assert_eq!(note_all(&mut driver), [""; 0]);
    assert_eq!(driver.state(), State::Verified);
    assert_eq!(driver.onboarding.renewals[0].state, TaskState::Supplied);
}

#[test]
fn what_the_provider_asks_for_is_not_asked_for_as_a_renewal_too() {
    let mut driver = verified_with_passport(20);
    note_all(&mut driver);
    driver.wait_until_due().check(&onramp_lacking(&[], &["id"]));
    assert_eq!(tasks(&driver).len(), 1);
    assert!(driver.onboarding.renewals.is_empty());
}

#[test]
fn an_old_verification_and_a_consent_that_runs_out_are_asked_for_anew() {
    let mut driver = Driver::wanting_onramp();
    driver.policy.consent_valid_ms = 50 * DAY_MS;
    let mut profile = profile_set(1, &[Section::VerificationHistory]);
    if let Event::ProfileSet { verified_on, .. } = &mut profile {
        *verified_on = Some(driver.now.minus_ms(340 * DAY_MS).date());
    }
    driver.happen(&profile);
    driver.happen(&consent_given(1));
    driver.happen(&Event::VerificationRequested);
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(note_all(&mut driver), ["renewal-opened"]);
    driver.now = driver.now.plus_ms(21 * DAY_MS);
    assert!(note_all(&mut driver).contains(&"renewal-opened"));
    let requests: Vec<_> =
        driver.onboarding.renewals.iter().map(|task| task.request.clone()).collect();
    assert_eq!(requests, [Request::RenewVerification, Request::RenewConsent]);
}

#[test]
fn a_changed_privacy_policy_asks_for_a_new_consent_until_it_is_given() {
    let mut driver = Driver::wanting_onramp();
    driver.policy.confirm_registration = true;
    driver.happen(&consent_given(1));
    driver.happen(&profile_set(1, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver.happen(&crate::events::accepted(1));
    driver.happen(&registered(1));
    let outdated = Shown { privacy_policy: Some(false), ..Shown::default() };
    let epoch = driver.onboarding.epoch;
    driver.happen(&Event::UserRead { epoch, shown: outdated });
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(note_all(&mut driver), ["renewal-opened"]);
    assert_eq!(driver.onboarding.renewals[0].request, Request::RenewConsent);
    let same = consent_given_at(2, driver.onboarding.consent.as_ref().unwrap().accepted_at);
    assert_eq!(driver.ignored(&same), Reason::NotANewerConsent);
    driver.happen(&consent_given(2));
    driver.acknowledge_all();
    assert!(driver.onboarding.renewals.is_empty());
}

#[test]
fn a_change_of_the_texts_is_seen_of_who_stays_verified() {
    let mut driver = Driver::wanting_onramp();
    driver.policy.confirm_registration = true;
    driver.happen(&consent_given(1));
    driver.happen(&profile_set(1, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver.trigger(&onramp(ProductStatus::Verified));
    let verified = onramp(ProductStatus::Verified);
    let mut looks = 0;
    let epoch = loop {
        driver.check(&verified);
        looks += 1;
        if let (Call::ReadUser { epoch }, _) = driver.due_call() {
            break epoch;
        }
        assert!(looks < 10, "nobody reads the user");
    };
    assert_eq!(driver.onboarding.state, State::Verified);
    // What is not kept any more of who was judged is not sent again.
    let sections = [(Section::UserDetails, false), (Section::KycData, false)].into();
    let shown = Shown { privacy_policy: Some(false), sections, ..Shown::default() };
    driver.happen(&Event::UserRead { epoch, shown });
    assert_eq!(driver.onboarding.state, State::Verified);
    assert_eq!(note_all(&mut driver), ["renewal-opened"]);
    assert_eq!(driver.onboarding.renewals[0].request, Request::RenewConsent);
    driver.check(&verified);
    assert!(matches!(driver.due_call(), (Call::CheckStatus { .. }, _)), "not at every look");
}

#[test]
fn no_older_acceptance_follows_a_newer_and_the_same_does_not_settle_what_asks_for_a_newer() {
    let with_evidence = |revision, at| {
        let mut event = consent_given_at(revision, at);
        if let Event::ConsentGiven { evidence, .. } = &mut event {
            evidence.method = Some("checkbox".to_owned());
        }
        event
    };
    let mut driver = Driver::wanting_onramp();
    let at = driver.now;
    driver.happen(&consent_given_at(1, at));
    assert_eq!(driver.ignored(&consent_given_at(2, at.minus_ms(1))), Reason::NotANewerConsent);
    driver.happen(&with_evidence(2, at));
    driver.happen(&profile_set(1, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver.trigger(&onramp(ProductStatus::PendingPrivacyPolicy));
    assert_eq!(tasks(&driver)[0].2, TaskState::Open);
    // Neither what is older nor what is as old settles it, be it waived.
    for _ in 0..2 {
        for event in [consent_given_at(3, at.minus_ms(1)), consent_given_at(3, at)] {
            assert_eq!(driver.ignored(&event), Reason::NotANewerConsent);
        }
        let _ = driver.apply(&waived(driver.onboarding.tasks[0].number));
    }
    driver.happen(&consent_given_at(3, at.plus_ms(1)));
    assert_eq!(tasks(&driver)[0].2, TaskState::Supplied);
    // More may become known of the one that is on its way.
    driver.happen(&with_evidence(4, at.plus_ms(1)));
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.state(), State::Verified);
}

#[test]
fn history_from_before_ages_of_consents_counted_replays_as_it_was() {
    let mut driver = Driver::wanting_onramp();
    driver.policy.rules = 1;
    let at = driver.now;
    driver.happen(&consent_given_at(1, at));
    driver.happen(&consent_given_at(2, at.minus_ms(1)));
}

#[test]
fn a_person_is_reminded_at_each_time_once_and_after_a_standstill_only_of_the_last() {
    let policy = Policy::default();
    let due_ms = policy.task_due.document_ms;
    let mut driver = answered(&onramp_lacking(&[], &["id"]));
    let asked_at = driver.now;
    for (before_ms, passed) in policy.reminders_ms.iter().zip(1..) {
        driver.now = asked_at.plus_ms(due_ms - before_ms - 1);
        assert_eq!(note_all(&mut driver), [""; 0]);
        driver.now = asked_at.plus_ms(due_ms - before_ms);
        assert_eq!(note_all(&mut driver), ["task-reminded"]);
        assert_eq!(driver.onboarding.tasks[0].reminders, passed);
    }
    assert!(driver.onboarding.tasks[0].is_overdue(driver.now));
    driver.now = driver.now.plus_ms(100 * DAY_MS);
    assert_eq!(note_all(&mut driver), [""; 0]);

    let mut late = answered(&onramp_lacking(&[], &["id"]));
    late.now = late.now.plus_ms(100 * DAY_MS);
    assert_eq!(note_all(&mut late), ["task-reminded"]);
    assert_eq!(late.onboarding.tasks[0].reminders, 3);
}

#[test]
fn the_rounds_of_a_task_are_remembered_with_their_times() {
    let mut driver = answered(&onramp_lacking(&KYC, &[]));
    driver.now = driver.now.plus_ms(DAY_MS);
    let supplied_at = driver.now;
    driver.happen(&profile_set(2, &KYC));
    driver.now = driver.now.plus_ms(DAY_MS);
    driver.trigger(&onramp_lacking(&KYC, &[]));
    let task = &driver.onboarding.tasks[0];
    let round = task.past_rounds[0];
    assert_eq!((task.rounds, task.past_rounds.len()), (2, 1));
    assert_eq!((round.supplied_at, round.asked_again_at), (Some(supplied_at), driver.now));
    assert_eq!(task.asked_at(), driver.now);
}

#[test]
fn a_task_that_is_waived_lets_the_provider_judge_and_comes_back_if_it_insists() {
    let mut driver = answered(&onramp_lacking(&KYC, &["tax-return"]));
    let [operator, data] = [1, 0].map(|place| driver.onboarding.tasks[place].number);
    driver.happen(&waived(operator));
    assert_eq!(driver.state(), State::RequiresData);
    driver.happen(&waived(data));
    assert_eq!(driver.next_call_name(), "trigger-verification");
    assert_eq!(driver.ignored(&waived(data)), Reason::NoSuchOpenTask);
    driver.trigger(&onramp_lacking(&KYC, &[]));
    assert_eq!(tasks(&driver), [("data", "kyc-data".to_owned(), TaskState::Open, 2)]);
    assert_eq!(driver.onboarding.tasks[0].waived, None);
}

#[test]
fn a_rejected_user_is_judged_again_only_when_an_operator_says_why() {
    let mut driver = answered(&onramp(ProductStatus::Rejected));
    assert_eq!(driver.next_call_name(), "check-status");
    driver.happen(&held());
    assert_eq!(driver.ignored(&reopened()), Reason::NotRejected, "resumed first");
    driver.happen(&resumed());
    driver.happen(&reopened());
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 2));
    assert_eq!(driver.ignored(&reopened()), Reason::NotRejected);
}

#[test]
fn a_section_that_the_provider_does_not_show_is_sent_again_and_then_held() {
    let mut driver = Driver::wanting_onramp();
    driver.policy.confirm_registration = true;
    driver.happen(&profile_set(1, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver.happen(&registered(1));
    assert_eq!(driver.next_call_name(), "read-user");
    driver.happen(&user_read(driver.onboarding.epoch, &KYC));
    assert_eq!((driver.state(), driver.next_call_name()), (State::Registering, "register-user"));
    driver.happen(&registered(1));
    driver.happen(&user_read(driver.onboarding.epoch, &KYC));
    assert_eq!((driver.state(), hold_cause(&driver)), (State::Held, Some("not-shown")));
    let message = &driver.onboarding.hold.as_ref().unwrap().message;
    assert!(message.contains("kyc-data"), "{message}");
    driver.happen(&retried());
    assert_eq!(driver.next_call_name(), "register-user");
    driver.happen(&registered(1));
    driver.happen(&user_read(driver.onboarding.epoch, &[]));
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn what_the_provider_shows_late_or_unasked_changes_nothing() {
    let mut driver = verified();
    let epoch = driver.onboarding.epoch;
    assert_eq!(driver.ignored(&user_read(epoch, &KYC)), Reason::AlreadySo);
    assert_eq!(driver.ignored(&user_read(epoch - 1, &KYC)), Reason::StaleObservation);
    assert_eq!(driver.ignored(&checked(epoch - 1, &[])), Reason::StaleObservation);
}

#[test]
fn accepted_terms_are_sent_before_the_profile() {
    let mut driver = asked();
    driver.happen(&terms_given(1));
    assert_eq!((driver.state(), driver.next_call_name()), (State::Registering, "accept-terms"));
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.state(), State::Verified);
    driver.happen(&terms_given(2));
    assert_eq!(driver.next_call_name(), "accept-terms");
}
