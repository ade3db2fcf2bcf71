//! The provider's budgets over hundreds of users and virtual time.

use std::ops::Range;

use engine::Settings;
use onboarding::{Policy, State, Timestamp};
use store::{Budgets, Store};

use crate::provider::{ACCEPT, REGISTER, STATUS, TRIGGER, pending};
use crate::world::{MINUTE, START, World, id, settings, user};

const WRITES: [&str; 3] = [ACCEPT, REGISTER, TRIGGER];

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
