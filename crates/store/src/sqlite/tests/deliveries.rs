//! How much is read and written at once of what is on its way.

use std::future::Future;
use std::sync::Mutex;

use super::super::{deliveries, endpoints};
use super::*;
use crate::{NewEndpoint, Replay};

#[tokio::test]
async fn what_became_due_at_one_time_is_read_in_the_order_of_the_index() {
    let place = Place::new();
    drop(place.open().await);
    let steps = plan(&mut place.raw().await, deliveries::DUE).await;
    assert!(steps.iter().any(|step| step.contains("deliveries_due")), "{steps:?}");
    assert!(steps.iter().all(|step| !step.contains("ORDER BY")), "{steps:?}");
}

const ENDPOINT: &str = "ep_1";

fn endpoint() -> NewEndpoint {
    NewEndpoint {
        id: ENDPOINT.to_owned(),
        url: "https://example.com".to_owned(),
        kinds: None,
        secret: "whsec_AAAA".to_owned(),
        now: NOW,
    }
}

/// The endpoint, and 2,500 notifications of two users by turns, 10 s apart, all delivered.
async fn with_delivered(place: &Place) -> SqliteStore {
    let store = place.open().await;
    assert!(store.add_endpoint(endpoint()).await.unwrap());
    begin(&store, 1, NOW).await;
    begin(&store, 2, NOW).await;
    place
        .run(
            "insert into notifications \
             (onboarding_key, version, kind, data, happened_at, commit_id) \
             with recursive number (n) as (select 3 union all select n + 1 from number where n < 2500) \
             select onboarding_key, version, kind, data, happened_at + n * 10000, commit_id \
             from number join notifications on seq = 1 + n % 2 order by n; \
             insert into deliveries (endpoint_key, seq, stream, state, attempts, tried_at) \
             select 1, seq, onboarding_key, 'delivered', 1, happened_at from notifications; \
             update endpoints set cursor = 2500",
        )
        .await;
    store
}

async fn states(place: &Place) -> Vec<(String, i64)> {
    sqlx::query_as("select state, count(*) from deliveries group by state order by state")
        .fetch_all(&mut place.raw().await)
        .await
        .unwrap()
}

/// How many transactions changed something meanwhile.
async fn transactions<A>(store: &SqliteStore, act: impl Future<Output = A>) -> (A, usize) {
    let told: Arc<Mutex<usize>> = Arc::default();
    let teller = Arc::clone(&told);
    store.watch_commits(move |_| *teller.lock().unwrap() += 1);
    let answer = act.await;
    let count = *told.lock().unwrap();
    (answer, count)
}

#[tokio::test]
async fn a_long_replay_lets_others_write_between() {
    let place = Place::new();
    let store = with_delivered(&place).await;
    let replay = store.replay(ENDPOINT.to_owned(), Replay::Range(0, u64::MAX), NOW);
    let (replayed, transactions) = transactions(&store, replay).await;
    assert_eq!((replayed.unwrap(), transactions), (Some(2_500), 3));
    assert_eq!(states(&place).await, [("due".to_owned(), 2), ("waiting".to_owned(), 2_498)]);
    let due = store.due_deliveries(1, &[], NOW, 9).await.unwrap();
    let seqs: Vec<u64> = due.into_iter().map(|due| due.notified.unwrap().seq).collect();
    assert_eq!(seqs, [1, 2], "the first of each user");
    let again = store.replay(ENDPOINT.to_owned(), Replay::Range(1, 2_500), NOW).await.unwrap();
    assert_eq!(again, Some(0), "all are on their way");
}

#[tokio::test]
async fn a_replay_since_a_time_looks_only_at_what_is_near_it_and_later() {
    let place = Place::new();
    let store = with_delivered(&place).await;
    let since = at(2_000 * 10_000);
    let span = store.span(ENDPOINT, Replay::Since(since)).await.unwrap().unwrap();
    assert_eq!((span.from, span.to), (1_640, 2_500), "from an hour before on");
    let replayed = store.replay(ENDPOINT.to_owned(), Replay::Since(since), NOW).await.unwrap();
    assert_eq!(replayed, Some(501));

    // Stored before one that happened earlier.
    place
        .run(
            "update deliveries set state = 'delivered', next_at = null;
            update notifications set happened_at = (select happened_at from notifications \
            where seq = 2000) where seq = 1990;
            update notifications set happened_at = happened_at - 1800000 where seq = 2010",
        )
        .await;
    let replayed = store.replay(ENDPOINT.to_owned(), Replay::Since(since), NOW).await.unwrap();
    assert_eq!(replayed, Some(501), "one more and one less");
    for (since, expected) in [(Timestamp(0), 2_500), (at(2_501 * 10_000), 0)] {
        place.run("update deliveries set state = 'delivered', next_at = null").await;
        let replayed = store.replay(ENDPOINT.to_owned(), Replay::Since(since), NOW).await.unwrap();
        assert_eq!(replayed, Some(expected), "{since}");
    }
}

#[tokio::test]
async fn an_endpoint_with_many_deliveries_is_removed_at_once_and_forgotten_in_portions() {
    let place = Place::new();
    let store = with_delivered(&place).await;
    let (removed, transactions) =
        transactions(&store, store.remove_endpoint(ENDPOINT.to_owned())).await;
    assert!(removed.unwrap());
    assert_eq!(transactions, 4, "it is hidden, and then there are three portions");
    assert_eq!(states(&place).await, []);
    assert!(!store.remove_endpoint(ENDPOINT.to_owned()).await.unwrap());
}

#[tokio::test]
async fn a_removal_that_is_cut_off_is_finished_and_keeps_nobody_from_its_url() {
    let place = Place::new();
    let store = with_delivered(&place).await;
    store.replay(ENDPOINT.to_owned(), Replay::Range(1, 2_500), NOW).await.unwrap();
    assert!(store.write(endpoints::Remove { id: ENDPOINT.to_owned() }).await.unwrap());
    assert_eq!(store.endpoints(NOW).await.unwrap().len(), 0);
    assert_eq!(store.next_delivery_at().await.unwrap(), None);
    assert_eq!(store.figures(NOW).await.unwrap().deliveries_pending, 0);
    assert!(!store.enable_endpoint("removed:1".to_owned(), NOW).await.unwrap());
    assert!(store.add_endpoint(endpoint()).await.unwrap());
    while store.forget_removed().await.unwrap() {}
    assert_eq!(states(&place).await, []);
    assert_eq!(store.endpoints(NOW).await.unwrap()[0].id, ENDPOINT);
}
