//! A worker that dies between a claim and its record, on a real database.

use onboarding::State;
use store::{ClaimRequest, Store};

use crate::latch::Latch;
use crate::provider::{ACCEPT, Fault, REGISTER, STATUS, TRIGGER, UPLOAD, pending, verified};
use crate::world::{MINUTE, START, World, settings};

/// Where a worker dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    BeforeTheEffect,
    AfterTheEffect,
}

/// The worker dies in its first call of this name. What is called from then on, in the same
/// moment, once it was started again.
async fn dies_in(call: &'static str, dies: Dies) -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let world = World::in_folder(folder.path()).await;
    let user = world.add_user_with_passport(1).await;
    world.provider.will_say(&user, [pending(), verified()]);
    let latch = Latch::default();
    let fault = match dies {
        Dies::BeforeTheEffect => Fault::Waits(latch.clone()),
        Dies::AfterTheEffect => Fault::WaitsAfterEffect(latch.clone()),
    };
    world.provider.fault(call, 1, fault);
    let worker = world.worker().await;
    tokio::select! {
        ended = worker.step(START) => panic!("the call waits, but the step ended: {ended:?}"),
        () = latch.reached() => {}
    }
    drop(worker);
    let made = world.provider.calls_of(&user).len();

    let world = world.restarted(folder.path()).await;
    let worker = world.worker().await;
    worker.step(START).await.unwrap();
    world.settle_for(&worker, MINUTE).await;
    assert_eq!(world.state(&user).await, State::Verified, "{call} {dies:?}");
    assert_eq!(world.provider.record(&user, |record| record.triggers), 1, "{call} {dies:?}");
    world.check_nothing_is_lost(&user).await;
    world.provider.calls_of(&user).split_off(made)
}

#[tokio::test]
async fn a_call_cut_off_by_a_death_is_made_again_but_a_trigger_only_if_it_had_no_effect() {
    use Dies::{AfterTheEffect, BeforeTheEffect};
    for (call, dies, after) in [
        (ACCEPT, BeforeTheEffect, &[ACCEPT, REGISTER, UPLOAD, TRIGGER, STATUS][..]),
        (ACCEPT, AfterTheEffect, &[ACCEPT, REGISTER, UPLOAD, TRIGGER, STATUS]),
        (REGISTER, BeforeTheEffect, &[REGISTER, UPLOAD, TRIGGER, STATUS]),
        (REGISTER, AfterTheEffect, &[REGISTER, UPLOAD, TRIGGER, STATUS]),
        (UPLOAD, BeforeTheEffect, &[UPLOAD, TRIGGER, STATUS]),
        (UPLOAD, AfterTheEffect, &[UPLOAD, TRIGGER, STATUS]),
        (TRIGGER, BeforeTheEffect, &[STATUS, TRIGGER, STATUS]),
        (TRIGGER, AfterTheEffect, &[STATUS]),
    ] {
        assert_eq!(dies_in(call, dies).await, after, "{call} {dies:?}");
    }
}

#[tokio::test]
async fn all_that_was_claimed_is_due_at_once_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::in_folder(folder.path()).await;
    for number in 0..20 {
        world.add_user(number).await;
    }
    let worker = settings().worker;
    let request = ClaimRequest { worker, now: START, limit: 20, in_call: Vec::new(), only: None };
    assert_eq!(world.store.claim(request.clone()).await.unwrap().claimed.len(), 20);
    assert_eq!(world.store.claim(request).await.unwrap().claimed.len(), 0);

    let world = world.restarted(folder.path()).await;
    world.settle(&world.worker().await, START).await;
    let verified = world.store.counts().await.unwrap()[&State::Verified];
    assert_eq!(verified, 20);
}

#[tokio::test]
async fn without_a_restart_a_claim_that_is_never_completed_falls_due_when_its_lease_runs_out() {
    let world = World::new();
    let user = world.add_user(1).await;
    let worker = settings().worker;
    let request = ClaimRequest { worker, now: START, limit: 1, in_call: Vec::new(), only: None };
    assert_eq!(world.store.claim(request).await.unwrap().claimed.len(), 1);
    let second = world.worker().await;
    let runs_out_at = START.plus_ms(worker.lease_ms);
    world.settle(&second, onboarding::Timestamp(runs_out_at.0 - 1)).await;
    assert_eq!(world.provider.calls_of(&user), [""; 0]);
    world.settle(&second, runs_out_at).await;
    assert_eq!(world.state(&user).await, State::Verified);
}

#[tokio::test]
async fn a_worker_that_dies_in_each_call_in_turn_still_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::in_folder(folder.path()).await;
    let user = world.add_user_with_passport(1).await;
    world.provider.will_say(&user, [pending(), pending(), pending(), verified()]);
    for call in [ACCEPT, REGISTER, UPLOAD, TRIGGER, STATUS, STATUS] {
        let latch = Latch::default();
        world.provider.fault(call, 1, Fault::WaitsAfterEffect(latch.clone()));
        let worker = world.worker().await;
        tokio::select! {
            () = world.settle_for(&worker, MINUTE) => panic!("{call} was never made"),
            () = latch.reached() => {}
        }
        drop(worker);
        world = world.restarted(folder.path()).await;
    }
    world.settle_for(&world.worker().await, MINUTE).await;
    assert_eq!(world.state(&user).await, State::Verified);
    assert_eq!(world.provider.record(&user, |record| record.triggers), 1);
    world.check_nothing_is_lost(&user).await;
}
