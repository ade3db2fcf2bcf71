//! What others are told: with the change, in order, without personal data.

use onboarding::{Lane, NotificationKind as Kind};
use serde_json::{Value, json};

use super::*;
use crate::{Closed, Notified, ProviderGate};

async fn told(store: &impl Store) -> Vec<Notified> {
    store.events_after(0, 1_000).await.unwrap()
}

fn data(notified: &Notified) -> Value {
    serde_json::from_str(&notified.data).unwrap()
}

/// Each change's, in its order, with the version that it led to.
pub async fn what_happens_is_told_with_the_change(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin_to_trigger(&store, 1, NOW).await;
    for (status, ms) in [(ProductStatus::RequiresData, 10), (ProductStatus::Verified, 20)] {
        let call = claim(&store, at(ms)).await.claimed.remove(0);
        let release = ClaimAfter::Release(call.lease);
        put(&store, answered(&call, status, release, at(ms), store.policy())).await;
        if ms == 10 {
            more(&store, 1, &[passport_added(1), passport_uploaded(1)], at(ms)).await;
        }
    }
    let told = told(&store).await;
    let kinds: Vec<(u64, Kind)> =
        told.iter().map(|one| (one.about.as_ref().unwrap().version, one.kind)).collect();
    assert_eq!(
        kinds,
        [
            (1, Kind::StateChanged),
            (3, Kind::StateChanged),
            (5, Kind::StateChanged),
            (6, Kind::StateChanged),
            (6, Kind::ProductChanged),
            (6, Kind::TaskOpened),
            (7, Kind::StateChanged),
            (8, Kind::StateChanged),
            (9, Kind::StateChanged),
            (10, Kind::StateChanged),
            (10, Kind::ProductChanged),
            (10, Kind::TaskClosed),
        ]
    );
    let seqs: Vec<u64> = told.iter().map(|one| one.seq).collect();
    assert_eq!(seqs, (1..=12).collect::<Vec<u64>>());
    assert_eq!(data(&told[0]), json!({ "from": null, "to": "registering" }));
    let asked = json!({
        "product": "onramp", "from": null, "to": "requires-data", "regression": false,
    });
    assert_eq!(data(&told[4]), asked);
    assert_eq!(told[4].at, at(10));
    assert_eq!(data(&told[5])["task"]["name"], "id");
    let about = told[5].about.as_ref().unwrap();
    assert_eq!((about.id, about.user.clone()), (id(1), Some(user(1))));
}

/// And is paged by its number.
pub async fn what_is_told_is_paged(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    for number in 1..=3 {
        begin(&store, number, NOW).await;
    }
    let all = told(&store).await;
    assert_eq!(all.len(), 3);
    assert_eq!(store.events_after(0, 2).await.unwrap(), all[..2]);
    assert_eq!(store.events_after(2, 2).await.unwrap(), all[2..]);
    assert_eq!(store.events_after(3, 2).await.unwrap(), []);
}

/// Neither half of it is there without the other.
pub async fn a_change_that_conflicts_tells_nothing(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let first = begin(&store, 1, NOW).await;
    more(&store, 1, &[passport_added(1)], NOW).await;
    let before = told(&store).await;
    let late = change(&first, &[Event::Held { reason: "late".into() }], NOW, store.policy());
    assert!(matches!(store.commit(late).await.unwrap(), Committed::Conflict));
    assert_eq!(told(&store).await, before);
}

/// A product that was verified and is no longer.
pub async fn a_lost_product_is_told_as_a_regression(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    lose(&store, 1, at(1)).await;
    let told = told(&store).await;
    let products = told.iter().filter(|one| one.kind == Kind::ProductChanged);
    let regressions: Vec<Value> = products.map(|one| data(one)["regression"].clone()).collect();
    assert_eq!(regressions, [json!(false), json!(true)]);
}

/// A probe that fails again tells nothing new.
pub async fn that_the_provider_closes_and_opens_is_told_once(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
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
    for (gate, ms) in [
        (ProviderGate::Open, 0),
        (closed(0), 1),
        (closed(1), 2),
        (ProviderGate::Open, 3),
        (ProviderGate::Open, 4),
    ] {
        store.set_provider_gate(gate, at(ms)).await.unwrap();
    }
    let told = told(&store).await;
    let kinds: Vec<(Kind, Timestamp)> = told.iter().map(|one| (one.kind, one.at)).collect();
    assert_eq!(kinds, [(Kind::ProviderClosed, at(1)), (Kind::ProviderOpened, at(3))]);
    assert!(told.iter().all(|one| one.about.is_none()));
    assert_eq!(data(&told[0]), json!({ "since": NOW.to_string() }));
    assert_eq!(data(&told[1]), json!({ "closedSince": NOW.to_string() }));
}

/// The locator is told only where it is the company's own id, and never after it was erased.
pub async fn who_the_user_is_is_told_only_where_that_is_no_personal_data(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    for (number, locator) in [
        (1, "userId:ada"),
        (2, "email:ada@example.org"),
        (3, "userId:gone"),
        (4, "userId:ada@example.org"),
    ] {
        let new = Stored { user: locator.parse().unwrap(), ..blank(number, NOW) };
        put(&store, change(&new, &[wanted()], NOW, store.policy())).await;
    }
    more(&store, 3, &[Event::Erased { reason: "asked for".into() }], NOW).await;
    let told = told(&store).await;
    let users: Vec<Option<UserLocator>> =
        told.iter().map(|one| one.about.as_ref().unwrap().user.clone()).collect();
    assert_eq!(users[0], Some("userId:ada".parse().unwrap()));
    assert_eq!(users[1..], vec![None; users.len() - 1]);
    assert_eq!(told.last().unwrap().kind, Kind::UserErased);
    assert!(told.iter().all(|one| !one.data.contains("ada") && !one.data.contains("gone")));
}
