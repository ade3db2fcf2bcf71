//! The provider's budgets over hundreds of users and virtual time.

use std::ops::Range;
use std::sync::Arc;

use engine::{Settings, Worker};
use onboarding::{Policy, State, Timestamp, UserLocator};
use store::{Budgets, MemoryStore, Store};
use tokio::task::JoinSet;

use crate::latch::Latch;
use crate::provider::{
    ACCEPT, Fault, REGISTER, STATUS, ScriptedProvider, TRIGGER, UPLOAD, failure, pending,
};
use crate::world::{MINUTE, SECOND, START, World, id, settings, user};

const WRITES: [&str; 4] = [ACCEPT, REGISTER, UPLOAD, TRIGGER];

/// The most calls in any 60 seconds, both ends included.
fn most_in_a_minute(times: &[Timestamp]) -> usize {
    let within = |first: usize| {
        times[first..].iter().take_while(|at| at.ms_since(times[first]) <= MINUTE).count()
    };
    (0..times.len()).map(within).max().unwrap_or(0)
}

fn limited_to(writes_per_minute: u32, reads_per_minute: u32) -> Settings {
    let mut limited = settings();
    limited.worker.budgets = Budgets { writes_per_minute, reads_per_minute };
    limited
}

/// Adds users who will be in review for ever.
async fn add_users(world: &World, numbers: Range<u128>) {
    for number in numbers {
        let user = world.add_user(number).await;
        world.provider.will_say(&user, [pending()]);
    }
}

#[tokio::test]
async fn no_minute_holds_more_writes_or_reads_than_the_budget() {
    let world = World::new();
    add_users(&world, 0..200).await;
    let worker = world.worker_with(limited_to(60, 90)).await;
    world.settle_for(&worker, 11 * MINUTE).await;
    let writes = world.provider.times(&WRITES);
    assert_eq!(writes.len(), 600, "each user's three");
    for (name, times, budget) in
        [("writes", writes, 60), ("reads", world.provider.times(&[STATUS]), 90)]
    {
        let most = most_in_a_minute(&times);
        // A smooth rate in whole milliseconds leaves one of them unused.
        assert!((budget - 1..=budget).contains(&most), "{most} {name} in a minute");
    }
}

#[tokio::test]
async fn reads_come_in_time_while_writes_wait_for_their_budget() {
    let world = World::new();
    add_users(&world, 0..1).await;
    world.settle(&world.worker().await, START).await;
    add_users(&world, 1..100).await;
    let worker = world.worker_with(limited_to(6, 0)).await;
    world.settle_for(&worker, 5 * MINUTE).await;
    assert_eq!(most_in_a_minute(&world.provider.times(&WRITES[..])[3..]), 6);
    let mut due_at = START;
    for (look, polls) in world.provider.times_of(&user(0), STATUS).iter().zip(0..) {
        due_at = due_at.plus_ms(Policy::default().poll_delay_ms(id(0), polls));
        assert_eq!(*look, due_at, "look {polls}");
    }
    assert!(world.provider.times_of(&user(0), STATUS).len() > 10);
}

#[tokio::test]
async fn writes_do_not_wait_for_the_budget_of_reads() {
    let world = World::new();
    add_users(&world, 0..20).await;
    let worker = world.worker_with(limited_to(0, 1)).await;
    world.settle_for(&worker, 5 * MINUTE).await;
    assert_eq!(world.provider.times(&WRITES), [START; 60]);
    assert_eq!(most_in_a_minute(&world.provider.times(&[STATUS])), 1);
}

#[tokio::test]
async fn a_budget_of_zero_is_none() {
    let world = World::new();
    add_users(&world, 0..300).await;
    world.settle(&world.worker_with(limited_to(0, 0)).await, START).await;
    assert_eq!(world.provider.times(&WRITES), [START; 900]);
    assert_eq!(world.store.counts().await.unwrap(), [(State::Polling, 300)].into());
}

#[tokio::test]
async fn a_restart_grants_no_fresh_budget() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::in_folder(folder.path()).await;
    for number in 0..8 {
        world.add_user(number).await;
    }
    for _ in 0..12 {
        world.settle_for(&world.worker_with(limited_to(6, 6)).await, MINUTE / 12).await;
        world = world.restarted(folder.path()).await;
    }
    let writes = world.provider.times(&WRITES);
    assert_eq!(most_in_a_minute(&writes), 6);
}

/// Users whose passport is the next thing that is sent.
async fn add_users_with_uploads(world: &World, numbers: Range<u128>) -> Vec<UserLocator> {
    let worker = world.worker().await;
    let mut users = Vec::new();
    for number in numbers {
        users.push(world.add_user_with_passport(number).await);
    }
    let lost = failure(onboarding::FailureClass::Transient);
    world.provider.fault(UPLOAD, u32::MAX, Fault::Fails(lost));
    world.settle(&worker, START).await;
    world.provider.heal();
    world.clock.advance(MINUTE);
    users
}

/// Claims four times a second for `ms` milliseconds. What is claimed goes on beside it.
async fn work_for(
    ms: u64,
    world: &World,
    worker: &Arc<Worker<MemoryStore, ScriptedProvider>>,
    steps: &mut JoinSet<()>,
) {
    let until = world.clock.time().plus_ms(ms);
    while world.clock.time() < until {
        world.clock.advance(SECOND / 4);
        let (worker, clock) = (Arc::clone(worker), world.clock.clone());
        steps.spawn(async move { worker.step(clock).await.map(drop).unwrap() });
        // Nothing here waits for real time, so that everyone gets as far as they can.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn uploads_that_found_no_room_keep_to_the_budget_and_let_others_pass() {
    let world = World::new();
    let uploading = add_users_with_uploads(&world, 0..40).await;
    let latch = Latch::default();
    world.provider.fault(UPLOAD, u32::MAX, Fault::Waits(latch.clone()));
    let worker = Arc::new(world.worker_with(limited_to(60, 0)).await);
    let (mut steps, began_at) = (JoinSet::new(), world.clock.time());
    work_for(MINUTE, &world, &worker, &mut steps).await;
    assert_eq!(world.provider.look(|ledger| ledger.in_flight.uploads), 4);

    let other = world.add_user(200).await;
    work_for(3 * MINUTE, &world, &worker, &mut steps).await;
    assert_eq!(world.state(&other).await, State::Verified, "others are not kept waiting");

    latch.release();
    work_for(2 * MINUTE, &world, &worker, &mut steps).await;
    while let Some(ended) = steps.join_next().await {
        ended.unwrap();
    }
    let mut times = world.provider.times(&WRITES);
    times.retain(|at| *at >= began_at);
    let most = most_in_a_minute(&times);
    assert!(most <= 61, "{most} writes in a minute: one second's more than the budget");
    for user in &uploading {
        assert_eq!(world.state(user).await, State::Verified);
        assert_eq!(world.count(user, "call-failed").await, 1, "the one before");
    }
    world.check_histories().await;
}
