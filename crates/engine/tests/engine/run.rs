//! The worker's own loop: how much at once, how it stops, and what does not stop it.

use std::sync::Arc;
use std::time::Duration;

use engine::{Settings, Worker};
use onboarding::{Policy, State, UserLocator};
use store::{ClaimRequest, MemoryStore, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::failing_store::FailingStore;
use crate::latch::Latch;
use crate::provider::{ACCEPT, Fault, REGISTER, STATUS, ScriptedProvider, pending};
use crate::world::{HOUR, MINUTE, World, hourly_polls, in_time, settings};

/// A worker's loop that runs until it is told to stop.
pub struct Running {
    shutdown: CancellationToken,
    ended: JoinHandle<()>,
}

impl Running {
    pub fn start<S: Store>(world: &World<S>, worker: Worker<S, ScriptedProvider>) -> Self {
        let shutdown = CancellationToken::new();
        let ended = tokio::spawn(Arc::new(worker).run(world.clock.ticking(), shutdown.clone()));
        Self { shutdown, ended }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        in_time("the worker stops", self.ended).await.unwrap();
    }
}

async fn world_of(users: u128) -> (World, Vec<UserLocator>) {
    let world = World::new();
    let mut added = Vec::new();
    for number in 0..users {
        added.push(world.add_user(number).await);
    }
    (world, added)
}

async fn until_verified<S: Store>(world: &World<S>, users: &[UserLocator]) {
    for user in users {
        world.until_state(user, State::Verified).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_calls_as_configured_are_made_at_once_and_one_for_each_user() {
    let (world, users) = world_of(30).await;
    let latch = Latch::default();
    world.provider.fault(REGISTER, u32::MAX, Fault::Waits(latch.clone()));
    let running = Running::start(&world, world.worker().await);
    let all_wait = "eight users wait to be registered";
    world.provider.until(all_wait, |ledger| ledger.count(REGISTER) == 8).await;
    assert_eq!(world.provider.look(|ledger| ledger.count(ACCEPT)), 8, "no ninth was begun");
    latch.release();
    until_verified(&world, &users).await;
    running.stop().await;
    let most = world.provider.look(|ledger| ledger.most);
    assert_eq!((most.total, most.of_one_user), (8, 1));
    world.check_histories().await;
}

#[tokio::test]
async fn a_call_that_outlives_its_lease_is_not_made_twice_at_once() {
    let (world, users) = world_of(1).await;
    let latch = Latch::default();
    world.provider.fault(REGISTER, 1, Fault::Waits(latch.clone()));
    let running = Running::start(&world, world.worker().await);
    latch.reached().await;
    for number in 1..=3 {
        world.clock.advance(settings().worker.lease_ms);
        // A user who came later is served: so the worker has looked for work since.
        let later = world.add_user(number).await;
        world.until_state(&later, State::Verified).await;
    }
    let second = store::Worker { id: store::WorkerId(2), ..settings().worker };
    let now = world.clock.time();
    let request = ClaimRequest { worker: second, now, limit: 10, in_call: Vec::new(), only: None };
    let free = world.store.claim(request).await.unwrap();
    assert_eq!(free.claimed.len(), 1, "it was not claimed again for a call that is not made");
    latch.release();
    world.until_state(&users[0], State::DocumentsUploaded).await;
    world.clock.advance(settings().worker.lease_ms);
    until_verified(&world, &users).await;
    running.stop().await;
    assert_eq!(world.provider.look(|ledger| ledger.most.of_one_user), 1);
}

/// The store may be overloaded: that there is something to do is no reason to ask it sooner.
#[tokio::test(start_paused = true)]
async fn a_call_that_ends_does_not_cut_short_the_pause_after_the_store_failed() {
    let world = World::on(FailingStore::new(Policy::default()));
    let user = world.add_user(1).await;
    let latch = Latch::default();
    world.provider.fault(REGISTER, 1, Fault::Waits(latch.clone()));
    let running = Running::start(&world, world.worker().await);
    latch.reached().await;
    world.store.fail_claims(4);
    until_claims_failed(&world, 2).await;
    latch.release();
    world.until_state(&user, State::Verified).await;
    assert_eq!(world.store.claims_failed_at().len(), 2, "the call ended within the pause");
    until_claims_failed(&world, 4).await;
    running.stop().await;
    let failed_at = world.store.claims_failed_at();
    let pauses = failed_at.windows(2).map(|two| (two[1] - two[0]).as_millis());
    assert_eq!(pauses.collect::<Vec<_>>(), [100, 200, 400]);
}

async fn until_claims_failed(world: &World<FailingStore>, times: usize) {
    in_time("claims fail", async {
        while world.store.claims_failed_at().len() < times {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn work_that_comes_while_it_waits_is_noticed() {
    let (world, users) = world_of(1).await;
    let running = Running::start(&world, world.worker().await);
    until_verified(&world, &users).await;
    let later = world.add_user(1).await;
    world.until_state(&later, State::Verified).await;
    running.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_stop_the_worker() {
    let (world, users) = world_of(1).await;
    let running = Running::start(&world, world.worker().await);
    until_verified(&world, &users).await;
    world.clock.set_back(5 * MINUTE);
    let later = world.add_user(1).await;
    world.until_state(&later, State::Verified).await;
    running.stop().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_calls_in_flight_records_them_and_begins_no_more() {
    let (world, users) = world_of(4).await;
    let latch = Latch::default();
    world.provider.fault(REGISTER, u32::MAX, Fault::Waits(latch.clone()));
    let mut running = Running::start(&world, world.worker().await);
    world.provider.until("all wait", |ledger| ledger.count(REGISTER) == 4).await;
    running.shutdown.cancel();
    let early = tokio::time::timeout(Duration::from_millis(50), &mut running.ended).await;
    assert!(early.is_err(), "it ended before the calls did");
    latch.release();
    running.stop().await;
    for user in &users {
        assert_eq!(world.count(user, "user-registered").await, 1);
        assert_eq!(world.provider.calls_of(user), [ACCEPT, REGISTER]);
    }

    let running = Running::start(&world, world.worker().await);
    until_verified(&world, &users).await;
    running.stop().await;
    let registered = world.provider.look(|ledger| ledger.count(REGISTER));
    assert_eq!(registered, 4, "nothing is sent twice");
}

#[tokio::test]
async fn a_shutdown_cuts_off_what_outlasts_its_limit_and_that_falls_due_again() {
    let (world, users) = world_of(4).await;
    let latch = Latch::default();
    world.provider.fault(REGISTER, 4, Fault::Waits(latch));
    let impatient = Settings { shutdown_grace_ms: 20, ..settings() };
    let running = Running::start(&world, world.worker_with(impatient).await);
    world.provider.until("all wait", |ledger| ledger.count(REGISTER) == 4).await;
    running.stop().await;
    world.provider.until("all are cut off", |ledger| ledger.in_flight.total == 0).await;

    world.clock.advance(settings().worker.lease_ms);
    let running = Running::start(&world, world.worker().await);
    until_verified(&world, &users).await;
    running.stop().await;
}

#[tokio::test]
async fn a_call_that_panics_stops_nobody_else_and_is_made_again() {
    let (world, users) = world_of(10).await;
    world.provider.fault_of(&users[2], REGISTER, 1, Fault::Panics);
    let running = Running::start(&world, world.worker().await);
    for user in users.iter().filter(|user| **user != users[2]) {
        world.until_state(user, State::Verified).await;
    }
    assert_eq!(world.state(&users[2]).await, State::Registering);
    world.clock.advance(settings().worker.lease_ms);
    world.until_state(&users[2], State::Verified).await;
    running.stop().await;
}

#[tokio::test]
async fn a_probe_that_panics_is_not_the_last() {
    let (world, users) = world_of(1).await;
    let refused = crate::provider::failure(onboarding::FailureClass::ProviderClosed);
    world.provider.fault_of(&users[0], ACCEPT, 1, Fault::Fails(refused));
    world.provider.fault_of(&users[0], ACCEPT, 1, Fault::Panics);
    let running = Running::start(&world, world.worker().await);
    world.provider.until("it is closed", |ledger| ledger.count(ACCEPT) == 1).await;
    in_time("the gate is recorded", async {
        while world.store.provider_gate().await.unwrap() == store::ProviderGate::Open {
            tokio::task::yield_now().await;
        }
    })
    .await;
    world.clock.advance(MINUTE);
    world.provider.until("the probe", |ledger| ledger.count(ACCEPT) == 2).await;
    world.clock.advance(settings().worker.lease_ms);
    until_verified(&world, &users).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_that_race_the_worker_are_never_lost() {
    let (world, users) = world_of(20).await;
    for user in &users {
        world.provider.will_say(user, [pending()]);
    }
    let world = Arc::new(world);
    let running = Running::start(&world, world.worker().await);
    let mut editors = tokio::task::JoinSet::new();
    for user in users.clone() {
        let world = Arc::clone(&world);
        editors.spawn(async move {
            for edit in 1..=20 {
                world.rename(&user, &format!("Ada{}", "a".repeat(edit))).await;
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(edited) = editors.join_next().await {
        edited.unwrap();
    }
    for user in &users {
        world.until_state(user, State::Polling).await;
        world.check_nothing_is_lost(user).await;
        assert_eq!(world.onboarding(user).await.profile.unwrap().revision.0, 21);
    }
    running.stop().await;
    assert_eq!(world.provider.look(|ledger| ledger.most.of_one_user), 1);
    world.check_histories().await;
}

#[tokio::test]
async fn polls_come_when_the_clock_says_so() {
    let world = World::on(MemoryStore::new(hourly_polls()));
    let mut users = Vec::new();
    for number in 0..3 {
        let user = world.add_user(number).await;
        world.provider.will_say(&user, [pending()]);
        users.push(user);
    }
    let running = Running::start(&world, world.worker().await);
    for user in &users {
        world.until_state(user, State::Polling).await;
    }
    assert_eq!(world.provider.look(|ledger| ledger.count(STATUS)), 0);
    world.clock.advance(HOUR);
    world.provider.until("each is polled", |ledger| ledger.count(STATUS) == 3).await;
    running.stop().await;
}

#[tokio::test]
async fn two_workers_on_one_store_do_not_both_act_on_one_user() {
    let (world, users) = world_of(30).await;
    let second = Settings {
        worker: store::Worker { id: store::WorkerId(2), ..settings().worker },
        ..settings()
    };
    let first = Running::start(&world, world.worker().await);
    let second = Running::start::<MemoryStore>(&world, world.worker_with(second).await);
    until_verified(&world, &users).await;
    first.stop().await;
    second.stop().await;
    let most = world.provider.look(|ledger| ledger.most);
    assert_eq!(most.of_one_user, 1);
    assert_eq!(world.provider.look(|ledger| ledger.sent.len()), 90);
    world.check_histories().await;
}
