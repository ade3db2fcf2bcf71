//! What time brings about.

use super::*;
use crate::{NotesDue, Store};

/// A product of a user was verified, and is no longer: that is to be noted at `at`.
pub(crate) async fn lose(store: &impl Store, number: u128, at: Timestamp) {
    begin_to_trigger(store, number, NOW).await;
    let trigger = claim(store, NOW).await.claimed.remove(0);
    let release = ClaimAfter::Release(trigger.lease);
    let verified = ProductStatus::Verified;
    put(store, answered(&trigger, verified, release, NOW, store.policy())).await;
    let look = Event::StatusChecked {
        epoch: stored(store, number).await.onboarding.epoch,
        eligibility: vec![onramp(ProductStatus::RequiresData)],
    };
    more(store, number, &[look], at).await;
}

/// A user whose lost product is noted, and who is to be reminded of a task. Answers when.
async fn with_a_reminder(store: &impl Store) -> Timestamp {
    lose(store, 1, NOW).await;
    let lost = stored(store, 1).await.onboarding.regressions.untold[0].clone();
    more(store, 1, &[Event::ProductRegressed(lost)], NOW).await;
    store.notes_due(NOW, 10).await.unwrap().next_at.unwrap()
}

fn whose(notes: &NotesDue) -> Vec<OnboardingId> {
    notes.due.iter().map(|stored| stored.onboarding.id).collect()
}

/// The earliest first, up to the limit, until it is noted.
pub async fn what_is_to_be_noted_is_found_from_its_time_on(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    for (number, ms) in [(1, 30), (2, 10), (3, 20)] {
        lose(&store, number, at(ms)).await;
    }
    let early = store.notes_due(at(9), 10).await.unwrap();
    assert_eq!((whose(&early), early.next_at), (vec![], Some(at(10))));
    let two = store.notes_due(at(20), 10).await.unwrap();
    assert_eq!((whose(&two), two.next_at), (vec![id(2), id(3)], Some(at(30))));
    assert_eq!(two.due[0], stored(&store, 2).await);
    let full = store.notes_due(at(30), 2).await.unwrap();
    assert_eq!(whose(&full), [id(2), id(3)]);
    assert!(full.next_at.is_some_and(|next_at| next_at <= at(30)), "there is more");

    let lost = two.due[0].onboarding.regressions.untold[0].clone();
    more(&store, 2, &[Event::ProductRegressed(lost)], at(30)).await;
    more(&store, 3, &[Event::Held { reason: "check".to_owned() }], at(30)).await;
    let left = store.notes_due(at(30), 10).await.unwrap();
    assert_eq!(whose(&left), [id(1)], "one is noted, and of who is held nothing is");
    assert!(left.next_at.is_some_and(|next_at| next_at > at(30)), "a reminder of the task");
}

/// What was due under an older policy is looked at by the newer one.
pub async fn another_policy_moves_what_was_to_be_noted(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let reminder_at = with_a_reminder(&store).await;
    assert_eq!(whose(&store.notes_due(reminder_at, 10).await.unwrap()), [id(1)]);
    drop(store);

    let store = backend.open(Policy { reminders_ms: Vec::new(), ..Policy::default() }).await;
    let moved = store.notes_due(reminder_at, 10).await.unwrap();
    assert_eq!(whose(&moved), []);
    let overdue_at = moved.next_at.unwrap();
    assert!(overdue_at > reminder_at, "only that it is overdue is told");
    assert_eq!(whose(&store.notes_due(overdue_at, 10).await.unwrap()), [id(1)]);
}

/// What only says that it is due does not keep others out of a small portion for ever.
pub async fn what_is_no_longer_to_be_noted_makes_room(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let reminder_at = with_a_reminder(&store).await;
    let later = reminder_at.plus_ms(1);
    lose(&store, 2, later).await;
    drop(store);

    let store = backend.open(Policy { reminders_ms: Vec::new(), ..Policy::default() }).await;
    let mut found = store.notes_due(later, 1).await.unwrap();
    if found.due.is_empty() {
        found = store.notes_due(later, 1).await.unwrap();
    }
    assert_eq!(whose(&found), [id(2)]);
}
