//! What the HTTP API keeps.

use super::*;
use crate::{Answered, ApiKey, Remember};

fn api_key(prefix: &str) -> ApiKey {
    ApiKey {
        prefix: prefix.to_owned(),
        name: "shop".to_owned(),
        hash: [7; 32],
        scopes: vec!["read".to_owned(), "write".to_owned()],
        created_at: NOW,
        expires_at: Some(at(1_000)),
        last_used_at: None,
        revoked_at: None,
    }
}

#[tokio::test]
async fn a_key_is_live_until_it_expires_or_is_revoked_and_never_goes() {
    let place = Place::new();
    let store = place.open().await;
    assert!(!store.has_api_keys().await.unwrap());
    store.add_api_key(api_key("one")).await.unwrap();
    assert!(store.add_api_key(api_key("one")).await.is_err(), "a prefix names one key");
    drop(store);
    let store = place.open().await;
    assert!(store.api_key("one").await.unwrap() == Some(api_key("one")));
    assert!(api_key("one").is_live(at(999)) && !api_key("one").is_live(at(1_000)));
    store.api_key_used("one", at(1)).await.unwrap();
    assert!(store.revoke_api_key("one", at(2)).await.unwrap());
    assert!(store.revoke_api_key("one", at(3)).await.unwrap());
    assert!(!store.revoke_api_key("two", at(3)).await.unwrap());
    let keys = store.api_keys().await.unwrap();
    let [key] = keys.as_slice() else { panic!("{}", keys.len()) };
    assert_eq!((key.last_used_at, key.revoked_at), (Some(at(1)), Some(at(2))));
    assert!(!key.is_live(at(2)) && store.has_api_keys().await.unwrap());
}

#[tokio::test]
async fn an_answer_is_kept_for_its_time_and_no_longer_than_its_user() {
    let place = Place::new();
    let store = place.open().await;
    begin(&store, 1, NOW).await;
    let answered = |request: u8, of: Option<u128>, ms: u64| Answered {
        request: [request; 32],
        asked: [request + 100; 32],
        onboarding: of.map(id),
        answer: format!("{{\"status\":{request}}}"),
        at: at(ms),
    };
    for (one, forget_before) in [
        (answered(1, None, 10), at(0)),
        (answered(2, Some(1), 20), at(0)),
        (answered(3, Some(1), 30), at(20)),
    ] {
        store.remember_answer(Remember { answered: one, forget_before }).await.unwrap();
    }
    assert_eq!(store.answered([1; 32]).await.unwrap(), None, "its time is over");
    assert_eq!(store.answered([2; 32]).await.unwrap(), Some(answered(2, Some(1), 20)));
    // The newest answer to a request stands.
    let newer = Answered { answer: "{}".to_owned(), ..answered(3, None, 40) };
    let remember = Remember { answered: newer.clone(), forget_before: at(0) };
    store.remember_answer(remember).await.unwrap();
    assert_eq!(store.answered([3; 32]).await.unwrap(), Some(newer));

    // Of the erased nothing stays but that the request was answered; what asked for it is told.
    let before = stored(&store, 1).await;
    let erased = Event::Erased { reason: "asked".into() };
    let mut commit = change(&before, &[erased], at(50), store.policy());
    let answered_50 = answered(4, Some(1), 50);
    commit.remember = Some(Remember { answered: answered_50.clone(), forget_before: at(0) });
    put(&store, commit).await;
    let destroyed = Answered { asked: [0; 32], answer: "null".into(), ..answered(2, Some(1), 20) };
    assert!(destroyed.is_destroyed() && !answered_50.is_destroyed());
    assert_eq!(store.answered([2; 32]).await.unwrap(), Some(destroyed));
    assert_eq!(store.answered([4; 32]).await.unwrap(), Some(answered_50));
}
