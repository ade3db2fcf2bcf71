//! A provider that refuses everyone, or seems to.

use onboarding::{
    Event, FailureClass, Policy, State, StuckCause, Surroundings, UserLocator, stuck_cause,
};
use store::{ProviderGate, Store};

use engine::Worker;

use crate::provider::{ACCEPT, Fault, STATUS, ScriptedProvider, UPLOAD, failure, pending};
use crate::world::{DAY, HOUR, MINUTE, SECOND, START, World, png, settings};

fn closed() -> Fault {
    Fault::Fails(failure(FailureClass::ProviderClosed))
}

async fn world_of(users: u128) -> (World, Vec<UserLocator>) {
    let world = World::new();
    let mut added = Vec::new();
    for number in 0..users {
        added.push(world.add_user(number).await);
    }
    (world, added)
}

#[tokio::test]
async fn a_closed_provider_gets_one_probe_at_a_time_at_growing_intervals() {
    let (world, _) = world_of(50).await;
    world.provider.fault_all(None, closed());
    world.settle_for(&world.worker().await, HOUR).await;
    let times = world.provider.look(|ledger| {
        ledger.sent.iter().map(|sent| sent.at.ms_since(START) / SECOND).collect::<Vec<_>>()
    });
    let in_flight = times.iter().filter(|at| **at == 0).count();
    assert!(in_flight <= settings().concurrency, "{in_flight} calls before it was noticed");
    assert_eq!(times[in_flight..in_flight + 7], [5, 15, 35, 75, 155, 315, 615]);
    assert!(times[in_flight + 6..].windows(2).all(|pair| pair[1] - pair[0] == 300), "{times:?}");
    assert_eq!(world.provider.look(|ledger| ledger.most.total), 1);
}

#[tokio::test]
async fn when_it_opens_everyone_goes_on_and_nobody_has_lost_an_attempt() {
    let (world, users) = world_of(50).await;
    world.provider.fault_all(None, closed());
    let worker = world.worker().await;
    world.settle_for(&worker, 10 * MINUTE).await;
    for user in &users {
        let onboarding = world.onboarding(user).await;
        assert_eq!((onboarding.state, onboarding.retry), (State::Registering, None));
    }
    world.provider.heal();
    world.settle_for(&worker, 10 * MINUTE).await;
    assert_eq!(world.store.counts().await.unwrap(), [(State::Verified, 50)].into());
    assert_eq!(world.store.provider_gate().await.unwrap(), ProviderGate::Open);
}

/// Users who are in review for ever.
async fn world_of_polled(users: u128) -> (World, Vec<UserLocator>) {
    let (world, users) = world_of(users).await;
    for user in &users {
        world.provider.will_say(user, [pending()]);
    }
    world.settle(&world.worker().await, START).await;
    (world, users)
}

/// Drives the worker for `ms` milliseconds and answers for how many the provider was closed.
async fn closed_ms(
    world: &World,
    worker: &Worker<store::MemoryStore, ScriptedProvider>,
    ms: u64,
) -> u64 {
    let until = world.clock.time().plus_ms(ms);
    let mut closed_ms = 0;
    while world.clock.time() < until {
        let now = world.clock.time();
        let stepped = worker.step(now).await.unwrap();
        let next_at = stepped.next_at.map_or(until, |at| at.min(until));
        if stepped.calls == 0 {
            if world.store.provider_gate().await.unwrap() != ProviderGate::Open {
                closed_ms += next_at.ms_since(now);
            }
            world.clock.set(next_at);
        }
    }
    world.check_histories().await;
    closed_ms
}

/// Which of these users are held.
async fn held<'a>(world: &World, users: &'a [UserLocator]) -> Vec<&'a UserLocator> {
    let mut held = Vec::new();
    for user in users {
        if world.state(user).await == State::Held {
            held.push(user);
        }
    }
    held
}

#[tokio::test]
async fn a_few_whose_status_alone_is_refused_are_held_and_the_others_are_polled() {
    for refused in [1, 2, 5] {
        let (world, users) = world_of_polled(50).await;
        let refused = &users[20..20 + refused];
        refused.iter().for_each(|user| world.provider.fault_of(user, STATUS, u32::MAX, closed()));
        let closed_ms = closed_ms(&world, &world.worker().await, DAY).await;
        assert!(closed_ms <= 10 * MINUTE * refused.len() as u64, "{closed_ms} ms closed");
        assert_eq!(held(&world, &users).await, refused.iter().collect::<Vec<_>>());
        for user in refused {
            let onboarding = world.onboarding(user).await;
            let hold = onboarding.hold.clone().unwrap();
            assert_eq!(hold.cause.as_str(), "refused", "no operator did it");
            assert!(hold.message.contains("other users' calls succeed"), "{}", hold.message);
            let (around, now) = (Surroundings::default(), world.clock.time());
            let stuck = stuck_cause(&onboarding, &Policy::default(), &around, now);
            assert_eq!(stuck, Some(StuckCause::RefusedData));
        }
    }
}

#[tokio::test]
async fn a_few_whose_writes_alone_are_refused_are_held_and_the_others_go_on() {
    for (first, refused) in [(0, 2), (20, 3), (45, 5)] {
        let (world, users) = world_of(50).await;
        // Somebody's call has to be due now and then, to tell that it is not refused.
        users.iter().for_each(|user| world.provider.will_say(user, [pending()]));
        let refused = &users[first..first + refused];
        refused.iter().for_each(|user| world.provider.fault_all(Some(user), closed()));
        let closed_ms = closed_ms(&world, &world.worker().await, DAY).await;
        assert!(closed_ms <= 10 * MINUTE * refused.len() as u64, "{closed_ms} ms closed");
        assert_eq!(held(&world, &users).await, refused.iter().collect::<Vec<_>>());
        let polled = 50 - refused.len() as u64;
        assert_eq!(world.store.counts().await.unwrap()[&State::Polling], polled);
    }
}

#[tokio::test]
async fn a_few_whose_writes_are_refused_are_held_where_nobody_else_writes() {
    let (world, polled) = world_of_polled(10).await;
    let mut refused = Vec::new();
    for number in 100..103 {
        refused.push(world.add_user(number).await);
    }
    refused.iter().for_each(|user| world.provider.fault_all(Some(user), closed()));
    let closed_ms = closed_ms(&world, &world.worker().await, DAY).await;
    assert!(closed_ms <= 30 * MINUTE, "{closed_ms} ms closed");
    assert_eq!(held(&world, &refused).await.len(), 3);
    assert_eq!(held(&world, &polled).await.len(), 0);
}

#[tokio::test]
async fn nobody_is_held_for_a_provider_that_was_closed_for_a_day() {
    for users in [2, 5, 50] {
        let (world, polled) = world_of_polled(users).await;
        let worker = world.worker().await;
        world.settle_for(&worker, MINUTE).await;
        let mut all = polled;
        for number in users..2 * users {
            all.push(world.add_user(100 + number).await);
        }
        for _ in 0..3 {
            world.provider.fault_all(None, closed());
            world.settle_for(&worker, DAY).await;
            assert_ne!(world.store.provider_gate().await.unwrap(), ProviderGate::Open);
            world.provider.heal();
            world.settle_for(&worker, 10 * MINUTE).await;
            assert_eq!(world.store.provider_gate().await.unwrap(), ProviderGate::Open);
        }
        for user in &all {
            assert_eq!(world.count(user, "refused-alone").await, 0, "{users} users");
        }
        assert_eq!(held(&world, &all).await.len(), 0, "{users} users");
    }
}

#[tokio::test]
async fn a_user_whose_calls_alone_are_refused_is_held_and_all_others_go_on() {
    let (world, users) = world_of(50).await;
    world.provider.fault_all(Some(&users[7]), closed());
    world.settle_for(&world.worker().await, HOUR).await;
    let counts = world.store.counts().await.unwrap();
    assert_eq!(counts, [(State::Held, 1), (State::Verified, 49)].into());
    let hold = world.onboarding(&users[7]).await.hold.unwrap();
    assert!(hold.message.contains("other users' calls succeed"), "{}", hold.message);
    assert_eq!(world.provider.calls_of(&users[7]), [ACCEPT, ACCEPT], "two were enough to tell");
}

#[tokio::test]
async fn a_user_whose_status_alone_is_refused_does_not_close_it_for_ever() {
    let (world, users) = world_of(10).await;
    for user in &users {
        world.provider.will_say(user, [pending()]);
    }
    world.provider.fault_of(&users[3], STATUS, u32::MAX, closed());
    let worker = world.worker().await;
    world.settle_for(&worker, DAY).await;
    for user in users.iter().filter(|user| **user != users[3]) {
        let last = *world.provider.times_of(user, STATUS).last().unwrap();
        let silent_ms = world.clock.time().ms_since(last);
        assert!(silent_ms <= HOUR + 5 * MINUTE, "{user}: {silent_ms} ms without a look");
    }
    let refused = world.provider.times_of(&users[3], STATUS).len();
    assert!(refused <= 5, "the user who closes it does so {refused} times");
}

#[tokio::test]
async fn one_who_is_refused_does_not_stop_the_polling_of_others_when_nobody_else_writes() {
    let (world, users) = world_of(10).await;
    for user in &users {
        world.provider.will_say(user, [pending()]);
    }
    let worker = world.worker().await;
    world.settle(&worker, START).await;
    world.provider.fault_of(&users[3], UPLOAD, u32::MAX, closed());
    world.add_passport(&users[3], &png(1), None).await;
    world.settle_for(&worker, 12 * HOUR).await;
    let last = *world.provider.times_of(&users[0], STATUS).last().unwrap();
    let silent_ms = world.clock.time().ms_since(last);
    assert!(silent_ms <= 2 * HOUR, "{silent_ms} ms without a look");
}

#[tokio::test]
async fn when_the_one_who_closed_it_is_cancelled_others_are_polled_again() {
    let (world, users) = world_of(1).await;
    world.provider.will_say(&users[0], [pending()]);
    let worker = world.worker().await;
    world.settle(&worker, START).await;
    let refused = world.add_user(1).await;
    world.provider.fault_of(&refused, ACCEPT, u32::MAX, closed());
    world.settle(&worker, START).await;
    world.tell(&refused, Event::Cancelled { reason: "left".to_owned() }).await;
    world.settle_for(&worker, HOUR).await;
    assert!(world.provider.times_of(&users[0], STATUS).len() > 10);
}

#[tokio::test]
async fn a_closed_gate_stays_closed_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::in_folder(folder.path()).await;
    for number in 0..5 {
        world.add_user(number).await;
    }
    world.provider.fault_all(None, closed());
    world.settle_for(&world.worker().await, MINUTE).await;
    let before = world.provider.look(|ledger| ledger.sent.len());

    let world = world.restarted(folder.path()).await;
    let worker = world.worker().await;
    let stepped = worker.step(world.clock.time()).await.unwrap();
    assert_eq!((stepped.calls, stepped.next_at), (0, Some(START.plus_ms(75 * SECOND))));
    world.settle_for(&worker, MINUTE).await;
    assert_eq!(world.provider.look(|ledger| ledger.sent.len()), before + 1, "one probe");

    world.provider.heal();
    world.settle_for(&worker, 5 * MINUTE).await;
    assert_eq!(world.store.counts().await.unwrap(), [(State::Verified, 5)].into());
}
