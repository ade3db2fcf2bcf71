//! Lists, counts, tasks, history, and whether the provider is closed.

use std::collections::BTreeMap;

use onboarding::{Lane, State, TaskState};

use super::*;
use crate::{Closed, ListRequest, ProviderGate, StoredTask, TaskRequest};

/// Pages follow each other without gap or overlap.
pub async fn lists_are_paged_and_filtered_in_order_of_creation(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    for number in [5, 3, 4, 1] {
        begin(&store, number, NOW).await;
    }
    for number in [3, 1] {
        more(&store, number, &[Event::Held { reason: "check".into() }], NOW).await;
    }
    let (held, first) = (Some(State::Held), Some(id(5)));
    for (state, after, limit, expected) in [
        (None, None, 10, vec![5, 3, 4, 1]),
        (None, None, 2, vec![5, 3]),
        (None, Some(id(3)), 10, vec![4, 1]),
        (None, Some(id(1)), 10, vec![]),
        (held, None, 10, vec![3, 1]),
        (held, first, 1, vec![3]),
        (Some(State::Verified), None, 10, vec![]),
        (None, Some(id(99)), 10, vec![]),
    ] {
        let page = store.list(ListRequest { state, after, limit }).await.unwrap();
        let ids: Vec<OnboardingId> = page.iter().map(|stored| stored.onboarding.id).collect();
        let expected: Vec<OnboardingId> = expected.into_iter().map(id).collect();
        assert_eq!(ids, expected, "{state:?} {after:?} {limit}");
        assert!(
            page.iter()
                .all(|row| row.user.value().ends_with(&row.onboarding.id.0.as_u128().to_string()))
        );
    }
}

/// States without an onboarding are left out.
pub async fn states_are_counted(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    assert_eq!(store.counts().await.unwrap(), BTreeMap::new());
    for number in 1..=3 {
        begin(&store, number, NOW).await;
    }
    more(&store, 2, &[Event::Held { reason: "check".into() }], NOW).await;
    let expected = BTreeMap::from([(State::Registering, 2), (State::Held, 1)]);
    assert_eq!(store.counts().await.unwrap(), expected);
}

/// From the first request to the answer that no longer asks.
pub async fn tasks_are_listed_until_they_are_closed(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    for (number, ms) in [(1, 200), (2, 100)] {
        begin_to_trigger(&store, number, at(ms)).await;
        let trigger = claim(&store, at(ms)).await.claimed.remove(0);
        let release = ClaimAfter::Release(trigger.lease);
        let asks = ProductStatus::RequiresData;
        put(&store, answered(&trigger, asks, release, at(ms), store.policy())).await;
    }
    let tasks = store.tasks(TaskRequest::first(None, 10)).await.unwrap();
    let whose: Vec<OnboardingId> = tasks.iter().map(|task| task.onboarding.id).collect();
    assert_eq!(whose, [id(2), id(1)], "the oldest first");
    assert_eq!(tasks[1].user, user(1));
    assert_eq!(vec![tasks[1].task.clone()], stored(&store, 1).await.onboarding.tasks);
    assert_eq!(store.tasks(TaskRequest::first(None, 1)).await.unwrap(), tasks[..1]);
    assert_eq!(store.tasks(TaskRequest::first(Some(id(1)), 10)).await.unwrap(), tasks[1..]);
    let place = |stored: &StoredTask| Some((stored.onboarding.id, stored.task.number));
    for (after, left) in [
        (None, &tasks[..]),
        (place(&tasks[0]), &tasks[1..]),
        (place(&tasks[1]), &[]),
        (Some((id(9), 1)), &[]),
    ] {
        let page = TaskRequest { after, ..TaskRequest::first(None, 10) };
        assert_eq!(store.tasks(page).await.unwrap(), left, "{after:?}");
    }

    more(&store, 1, &[passport_added(1)], at(300)).await;
    assert_eq!(states(&store, 1).await, [TaskState::Supplied]);
    more(&store, 1, &[passport_uploaded(1)], at(300)).await;
    let trigger = claim(&store, at(300)).await.claimed.remove(0);
    let verified = ProductStatus::Verified;
    let go_on = ClaimAfter::Release(trigger.lease);
    put(&store, answered(&trigger, verified, go_on, at(400), store.policy())).await;
    assert_eq!(states(&store, 1).await, []);
    assert_eq!(states(&store, 2).await, [TaskState::Open]);
    let reason = || "they asked".to_owned();
    more(&store, 2, &[Event::Cancelled { reason: reason() }], at(500)).await;
    assert_eq!(states(&store, 2).await, [], "of who was ended nobody has anything to do");
    assert_eq!(store.tasks(TaskRequest::first(None, 10)).await.unwrap(), []);
    more(&store, 2, &[Event::Resumed { reason: reason() }], at(600)).await;
    assert_eq!(states(&store, 2).await, [TaskState::Open]);
}

/// Whatever the order in which their onboardings were created.
pub async fn tasks_of_one_time_are_listed_in_the_order_in_which_they_were_stored(
    backend: &impl Backend,
) {
    let store = backend.open(Policy::default()).await;
    for number in 1..=3 {
        begin_to_trigger(&store, number, NOW).await;
    }
    let mut triggers = claim(&store, NOW).await.claimed;
    triggers.rotate_right(1);
    for trigger in &triggers {
        let release = ClaimAfter::Release(trigger.lease);
        let asks = ProductStatus::RequiresData;
        put(&store, answered(trigger, asks, release, NOW, store.policy())).await;
    }
    more(&store, 3, &[passport_added(1)], at(1)).await;
    let tasks = store.tasks(TaskRequest::first(None, 10)).await.unwrap();
    let whose: Vec<OnboardingId> = tasks.iter().map(|task| task.onboarding.id).collect();
    assert_eq!(whose, [id(3), id(1), id(2)], "a change of a task leaves it in its place");
}

async fn states(store: &impl Store, number: u128) -> Vec<TaskState> {
    let tasks = store.tasks(TaskRequest::first(Some(id(number)), 10)).await.unwrap();
    tasks.iter().map(|stored| stored.task.state).collect()
}

/// By version, which has no gaps.
pub async fn history_is_paged(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    begin(&store, 2, NOW).await;
    more(&store, 1, &[passport_added(1), Event::VerificationRequested], NOW).await;
    for (after, limit, expected) in
        [(0, 10, vec![1, 2, 3, 4]), (0, 2, vec![1, 2]), (2, 10, vec![3, 4]), (4, 10, vec![])]
    {
        let rows = store.history(id(1), after, limit).await.unwrap();
        let versions: Vec<u64> = rows.iter().map(|row| row.version).collect();
        assert_eq!(versions, expected, "{after} {limit}");
    }
}

/// And opens again.
pub async fn a_closed_provider_stays_closed_over_a_restart(backend: &impl Backend) {
    let closed = |probes| {
        ProviderGate::Closed(Closed {
            since: NOW,
            probe_at: at(1_000),
            probes,
            lane: Lane::Read,
            suspect: id(3),
            message: "401: no such key".into(),
        })
    };
    for gate in [ProviderGate::Open, closed(0), closed(1), ProviderGate::Open] {
        let store = backend.open(Policy::default()).await;
        store.set_provider_gate(gate.clone(), NOW).await.unwrap();
        drop(store);
        let store = backend.open(Policy::default()).await;
        assert_eq!(store.provider_gate().await.unwrap(), gate);
    }
}

/// Nothing is an answer, not an error.
pub async fn what_is_not_there_is_not_found(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    store.check_writable().await.unwrap();
    assert_eq!(store.find(&user(1)).await.unwrap(), None);
    assert_eq!(store.load(id(1)).await.unwrap(), None);
    assert!(store.profile(id(1)).await.unwrap().is_none());
    assert!(store.document_content(id(1), &DocumentType::IdPassport).await.unwrap().is_none());
    assert_eq!(store.history(id(1), 0, 10).await.unwrap(), []);
    assert_eq!(store.tasks(TaskRequest::first(Some(id(1)), 10)).await.unwrap(), []);
    assert_eq!(store.provider_gate().await.unwrap(), ProviderGate::Open);
}
