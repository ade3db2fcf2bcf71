//! What others are told of what happens.

use onboarding::{
    Eligibility, Event, Notification, NotificationKind as Kind, Product, ProductStatus, State,
    next_note,
};

use super::{KYC, PASSPORT, answered, asked, polling, verified};
use crate::driver::Driver;
use crate::events::{
    checked, document_added, held, lacking, onramp, onramp_lacking, profile_set, resumed, retried,
    wanted, word,
};

const DAY_MS: u64 = 24 * 3_600_000;

fn told(driver: &mut Driver, event: &Event) -> Vec<Notification> {
    driver.happen(event).notifications
}

fn kinds(told: &[Notification]) -> Vec<Kind> {
    told.iter().map(Notification::kind).collect()
}

/// Records the notes that are due by now, and gives what they tell.
fn told_by_time(driver: &mut Driver) -> Vec<Notification> {
    let mut all = Vec::new();
    while let Some(note) = next_note(&driver.onboarding, &driver.policy, driver.now)
        .filter(|note| note.due_at <= driver.now)
    {
        all.extend(told(driver, &note.event));
    }
    all
}

#[test]
fn a_new_user_and_each_change_of_state_is_told_and_nothing_else_of_it() {
    let mut driver = Driver::blank();
    let began = told(&mut driver, &wanted(&[Product::Onramp]));
    assert_eq!(began, [Notification::StateChanged { from: None, to: State::Registering }]);
    assert_eq!(told(&mut driver, &profile_set(1, &KYC)), []);
    let stopped = told(&mut driver, &held());
    let (from, to) = (Some(State::Registering), State::Held);
    assert_eq!(stopped, [Notification::StateChanged { from, to }]);
}

#[test]
fn the_word_on_a_wanted_product_is_told_when_it_changes() {
    let mut driver = polling();
    let epoch = driver.onboarding.epoch;
    assert_eq!(told(&mut driver, &checked(epoch, &onramp(ProductStatus::PendingReview))), []);
    let words = [
        word(Product::Onramp, ProductStatus::Verified),
        word(Product::Offramp, ProductStatus::Rejected),
    ];
    let judged = told(&mut driver, &checked(epoch, &words));
    assert_eq!(kinds(&judged), [Kind::StateChanged, Kind::ProductChanged]);
    let changed = |product, from, to, regression| Notification::ProductChanged {
        product,
        from,
        to,
        regression,
    };
    let (pending, good) = (ProductStatus::PendingReview, ProductStatus::Verified);
    assert_eq!(judged[1], changed(Product::Onramp, Some(pending), good.clone(), false));
    let more = told(&mut driver, &wanted(&[Product::Onramp, Product::Offramp]));
    assert_eq!(more[1], changed(Product::Offramp, None, ProductStatus::Rejected, false));
    let lost = told(&mut driver, &checked(epoch, &[]));
    let unsaid = || ProductStatus::Other("not-reported".into());
    assert!(lost.contains(&changed(Product::Onramp, Some(good), unsaid(), true)), "{lost:?}");
    let refused = Some(ProductStatus::Rejected);
    assert!(lost.contains(&changed(Product::Offramp, refused, unsaid(), false)), "{lost:?}");
    assert_eq!(told_by_time(&mut driver), [], "that it was lost is not told twice");
}

#[test]
fn a_task_is_told_when_it_opens_opens_again_and_closes() {
    let mut driver = answered(&onramp_lacking(&KYC, &["id"]));
    assert_eq!(driver.onboarding.tasks.len(), 2);
    let supplied = told(&mut driver, &document_added(&PASSPORT, 1));
    assert_eq!(kinds(&supplied), []);
    driver.happen(&profile_set(2, &KYC));
    driver.acknowledge_all().begin_trigger();
    let answer = [lacking(Product::Onramp, &[], &["id"])];
    let triggers = driver.onboarding.verification.triggers;
    let again = told(&mut driver, &crate::events::triggered(triggers, &answer));
    assert_eq!(kinds(&again), [Kind::StateChanged, Kind::TaskClosed, Kind::TaskOpened]);
    let Notification::TaskOpened { task } = &again[2] else { panic!("{again:?}") };
    assert_eq!((task.kind, task.name.as_str(), task.rounds), ("document", "id", 2));
}

#[test]
fn a_task_that_joins_others_is_told_alone() {
    let mut driver = polling();
    let opened = |driver: &mut Driver, answer: &[Eligibility]| {
        let epoch = driver.onboarding.epoch;
        kinds(&told(driver, &checked(epoch, answer)))
    };
    let first = opened(&mut driver, &onramp_lacking(&KYC, &[]));
    assert_eq!(first, [Kind::StateChanged, Kind::ProductChanged, Kind::TaskOpened]);
    driver.happen(&retried());
    assert_eq!(opened(&mut driver, &onramp_lacking(&KYC, &["id"])), [Kind::TaskOpened]);
}

#[test]
fn nobody_is_reminded_while_an_operator_holds_the_user() {
    let mut driver = answered(&onramp_lacking(&[], &["id"]));
    driver.happen(&held());
    driver.now = driver.now.plus_ms(365 * DAY_MS);
    assert_eq!(told_by_time(&mut driver), []);
    driver.happen(&resumed());
    assert_eq!(kinds(&told_by_time(&mut driver)), [Kind::TaskOverdue]);
}

#[test]
fn a_reminder_before_the_time_and_one_when_it_is_due_are_told_apart() {
    let mut driver = answered(&onramp_lacking(&[], &["id"]));
    let due = driver.onboarding.tasks[0].due.unwrap().at;
    for (at, expected) in [
        (due.minus_ms(7 * DAY_MS), Kind::TaskReminded),
        (due.minus_ms(DAY_MS), Kind::TaskReminded),
        (due, Kind::TaskOverdue),
    ] {
        driver.now = at.minus_ms(1);
        assert_eq!(told_by_time(&mut driver), []);
        driver.now = at;
        assert_eq!(kinds(&told_by_time(&mut driver)), [expected]);
    }
    let mut late = answered(&onramp_lacking(&[], &["id"]));
    late.now = due.plus_ms(DAY_MS);
    assert_eq!(kinds(&told_by_time(&mut late)), [Kind::TaskOverdue]);
}

#[test]
fn a_document_that_runs_out_is_told_with_its_task() {
    let mut driver = asked();
    let mut passport = document_added(&PASSPORT, 1);
    let last_day = driver.now.plus_ms(20 * DAY_MS).date();
    if let Event::DocumentAdded { expires_at, .. } = &mut passport {
        *expires_at = Some(last_day);
    }
    driver.happen(&passport);
    driver.trigger(&onramp(ProductStatus::Verified));
    let told = told_by_time(&mut driver);
    assert_eq!(kinds(&told), [Kind::TaskOpened, Kind::DocumentExpiring]);
    let number = driver.onboarding.renewals[0].number;
    let expiring = Notification::DocumentExpiring {
        document_type: PASSPORT,
        expires_at: Some(last_day),
        task: number,
    };
    assert_eq!(told[1], expiring);
}

#[test]
fn an_erasure_is_told_last_and_closes_what_was_asked_for() {
    let mut driver = answered(&onramp_lacking(&[], &["id"]));
    let told = told(&mut driver, &Event::Erased { reason: "asked for".into() });
    assert_eq!(kinds(&told), [Kind::StateChanged, Kind::TaskClosed, Kind::UserErased]);
    let mut kept = verified();
    let cancelled = kept.happen(&Event::Cancelled { reason: "left".into() }).notifications;
    assert_eq!(kinds(&cancelled), [Kind::StateChanged]);
}
