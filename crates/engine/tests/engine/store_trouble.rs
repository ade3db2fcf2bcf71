//! A store that can't be used for a while: no answer is lost, and none recorded twice.

use std::time::{Duration, Instant};

use engine::Settings;
use onboarding::{Event, FailureClass, Policy, State};
use store::{ProviderGate, Store};

use crate::failing_store::{CommitFault, FailingStore, Place, ReadFault};
use crate::provider::{ACCEPT, Fault, REGISTER, TRIGGER, UPLOAD, failure, pending, verified};
use crate::run::Running;
use crate::world::{HOUR, MINUTE, SECOND, World, hourly_polls, id, in_time, settings};

fn world() -> World<FailingStore> {
    World::on(FailingStore::new(Policy::default()))
}

#[tokio::test]
async fn an_answer_is_recorded_once_when_the_store_comes_back() {
    for (faults, loads) in [
        (&[CommitFault::NotStored][..], 0),
        (&[CommitFault::NotStored, CommitFault::NotStored], 1),
        (&[CommitFault::Unknown], 0),
        (&[CommitFault::NotStored, CommitFault::Unknown], 0),
        (&[CommitFault::Unknown], 2),
    ] {
        let world = world();
        let user = world.add_user(1).await;
        world.store.fail_commits(faults.iter().copied());
        world.store.fail_loads(loads);
        let running = Running::start(&world, world.worker().await);
        world.until_state(&user, State::Verified).await;
        running.stop().await;
        let calls = world.provider.calls_of(&user);
        assert_eq!(calls, [ACCEPT, REGISTER, TRIGGER], "{faults:?}");
        assert_eq!(world.count(&user, "privacy-policy-accepted").await, 1, "{faults:?}");
        world.check_histories().await;
    }
}

/// Nobody mends it by waiting, and the place of its call is another user's.
#[tokio::test]
async fn an_answer_for_an_onboarding_that_was_damaged_meanwhile_keeps_nobody_waiting() {
    let world = world();
    let damaged = world.add_user(1).await;
    world.store.fail_commits([CommitFault::NotStored]);
    let one_at_a_time = Settings { concurrency: 1, ..settings() };
    let running = Running::start(&world, world.worker_with(one_at_a_time).await);
    until_commits_failed(&world).await;
    world.store.damage(id(1));
    world.clock.advance(MINUTE);
    let other = world.add_user(2).await;
    world.until_state(&other, State::Verified).await;
    running.stop().await;
    assert_eq!(world.provider.calls_of(&damaged), [ACCEPT]);
}

/// Waits until every commit that is to fail has failed.
async fn until_commits_failed(world: &World<FailingStore>) {
    in_time("the commits fail", async {
        while world.store.commits_to_fail() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_failure_that_was_stored_though_nobody_could_tell_counts_as_one_attempt() {
    let world = world();
    let user = world.add_user(1).await;
    world.provider.fault(ACCEPT, 1, Fault::Fails(failure(FailureClass::Transient)));
    world.store.fail_commits([CommitFault::Unknown]);
    let running = Running::start(&world, world.worker().await);
    until_commits_failed(&world).await;
    world.clock.advance(MINUTE);
    // The next try is only claimed once the failure of the first is on record.
    world.provider.until("the next try", |ledger| ledger.count(ACCEPT) == 2).await;
    running.stop().await;
    assert_eq!(world.count(&user, "call-failed").await, 1);
    world.check_histories().await;
}

#[tokio::test]
async fn a_look_that_was_stored_though_nobody_could_tell_counts_as_one_look() {
    let world = World::on(FailingStore::new(hourly_polls()));
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [pending(), pending(), verified()]);
    let running = Running::start(&world, world.worker().await);
    world.until_state(&user, State::Polling).await;
    world.store.fail_commits([CommitFault::Unknown]);
    world.clock.advance(HOUR);
    until_commits_failed(&world).await;
    world.clock.advance(HOUR);
    world.until_state(&user, State::Verified).await;
    running.stop().await;
    assert_eq!(world.count(&user, "status-checked").await, 2);
    world.check_histories().await;
}

#[tokio::test]
async fn a_store_that_can_not_be_claimed_from_is_tried_again_ever_later() {
    let world = world();
    let user = world.add_user(1).await;
    world.store.fail_claims(3);
    let began = Instant::now();
    let running = Running::start(&world, world.worker().await);
    world.until_state(&user, State::Verified).await;
    running.stop().await;
    let pauses = Duration::from_millis(100 + 200 + 400);
    assert!(began.elapsed() >= pauses, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_answer_that_can_not_be_recorded_is_tried_again_ever_later() {
    let world = world();
    let user = world.add_user(1).await;
    world.store.fail_commits([CommitFault::NotStored; 3]);
    let began = Instant::now();
    let running = Running::start(&world, world.worker().await);
    world.until_state(&user, State::Verified).await;
    running.stop().await;
    let pauses = Duration::from_millis(100 + 200 + 400);
    assert!(began.elapsed() >= pauses, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_answer_is_dropped_and_asked_for_again_when_others_are_faster_all_the_time() {
    let world = world();
    let user = world.add_user(1).await;
    world.store.fail_commits([CommitFault::Conflict; 101]);
    let worker = world.worker().await;
    worker.step(world.clock.time()).await.unwrap();
    assert_eq!(world.store.commits_to_fail(), 0);
    assert_eq!(world.count(&user, "privacy-policy-accepted").await, 0);
    world.settle_for(&worker, HOUR).await;
    assert_eq!(world.state(&user).await, State::Verified);
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, ACCEPT, REGISTER, TRIGGER]);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_store_that_stays_away() {
    let world = world();
    let user = world.add_user(1).await;
    world.store.fail_commits(std::iter::repeat_n(CommitFault::NotStored, 10_000));
    let running = Running::start(&world, world.worker().await);
    in_time("a commit failed", async {
        while world.store.commits_to_fail() == 10_000 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    running.stop().await;
    assert_eq!(world.count(&user, "privacy-policy-accepted").await, 0);
}

#[tokio::test]
async fn an_edit_between_an_answer_and_its_record_keeps_both() {
    for fault in [None, Some(CommitFault::NotStored)] {
        let world = world();
        let user = world.add_user(1).await;
        let latch = world.store.wait_at(Place::Committing);
        let worker = world.worker().await;
        let meanwhile = async {
            latch.reached().await;
            world.tell(&user, Event::Held { reason: "look".to_owned() }).await;
            world.store.fail_commits(fault);
            latch.release();
        };
        tokio::join!(world.settle_for(&worker, MINUTE), meanwhile);
        let events = world.events(&user).await;
        assert_eq!(events[events.len() - 2..], ["held", "privacy-policy-accepted"], "{fault:?}");
        assert_eq!(world.provider.calls_of(&user), [ACCEPT], "{fault:?}");
    }
}

#[tokio::test]
async fn what_can_not_be_read_now_is_sent_a_little_later() {
    let world = world();
    let user = world.add_user_with_passport(1).await;
    world.store.fail_reads([ReadFault::Unavailable]);
    world.settle_for(&world.worker().await, 10 * SECOND).await;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER, UPLOAD, TRIGGER]);
    assert_eq!(world.count(&user, "call-failed").await, 1);
    assert_eq!(world.state(&user).await, State::Verified);
}

#[tokio::test]
async fn a_document_that_can_not_be_read_now_is_uploaded_a_little_later() {
    let world = world();
    let user = world.add_user(1).await;
    let worker = world.worker().await;
    world.settle_for(&worker, 10 * SECOND).await;
    world.add_passport(&user, &crate::world::png(1), None).await;
    world.store.fail_reads([ReadFault::Unavailable]);
    world.settle_for(&worker, 10 * SECOND).await;
    assert_eq!(world.count(&user, "document-uploaded").await, 1);
}

#[tokio::test]
async fn a_damaged_profile_holds_the_user_until_it_is_set_again() {
    let world = world();
    let user = world.add_user(1).await;
    world.store.fail_reads([ReadFault::Damaged]);
    let worker = world.worker().await;
    world.settle_for(&worker, HOUR).await;
    let hold = world.onboarding(&user).await.hold.expect("it is held");
    assert!(hold.message.ends_with("set the profile again"), "{}", hold.message);
    assert_eq!(world.provider.calls_of(&user), [ACCEPT]);
    world.rename(&user, "Eva").await;
    world.settle_for(&worker, MINUTE).await;
    assert_eq!(world.state(&user).await, State::Verified);
}

#[tokio::test]
async fn a_probe_that_sends_nothing_does_not_open_the_gate() {
    let world = world();
    let user = world.add_user_with_passport(1).await;
    let closed = failure(FailureClass::ProviderClosed);
    world.provider.fault(UPLOAD, 1, Fault::Fails(closed));
    let worker = world.worker().await;
    world.settle_for(&worker, SECOND).await;
    world.store.fail_reads([ReadFault::Missing]);
    world.settle_for(&worker, MINUTE).await;
    assert_eq!(world.state(&user).await, State::Held, "nothing is there to be sent");
    assert_eq!(world.provider.look(|ledger| ledger.count(UPLOAD)), 1);
    assert_ne!(world.store.provider_gate().await.unwrap(), ProviderGate::Open);
}
