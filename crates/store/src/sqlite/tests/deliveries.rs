//! What becomes of what is on its way, and how much of it is read and written at once.

use std::future::Future;
use std::sync::Mutex;

use onboarding::NotificationKind;

use super::super::{deliveries, endpoints};
use super::*;
use crate::{
    Delivery, DeliveryKey, DeliveryState, DisabledFor, DueDelivery, Endpoint, EndpointAfter,
    NewEndpoint, NewSecret, Replay, Settled, Tried,
};

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

async fn the_endpoint(store: &SqliteStore, now: Timestamp) -> Endpoint {
    store.endpoints(now).await.unwrap().pop().unwrap()
}

async fn due(store: &SqliteStore, now: Timestamp) -> Vec<DueDelivery> {
    store.due_deliveries(1, &[], now, 9).await.unwrap()
}

fn seqs(due: &[DueDelivery]) -> Vec<u64> {
    due.iter().map(|due| due.notified.as_ref().unwrap().seq).collect()
}

/// Two notifications of the first user and one of the second, handed out.
async fn with_three(place: &Place) -> SqliteStore {
    let store = place.open().await;
    assert!(store.add_endpoint(endpoint()).await.unwrap());
    begin(&store, 1, NOW).await;
    more(&store, 1, &[hold()], NOW).await;
    begin(&store, 2, NOW).await;
    let endpoint = the_endpoint(&store, NOW).await;
    assert!(!store.hand_out(&endpoint, NOW).await.unwrap(), "there are no more");
    store
}

fn failed(ms: u64) -> Tried {
    Tried { at: at(ms), http_status: Some(500), took_ms: 7, error: Some("status") }
}

fn arrived(ms: u64) -> Tried {
    Tried { at: at(ms), http_status: Some(204), took_ms: 3, error: None }
}

#[tokio::test]
async fn a_users_next_notification_is_due_once_the_one_before_is_settled() {
    let place = Place::new();
    let store = with_three(&place).await;
    assert_eq!(store.pending_deliveries(1).await.unwrap(), 3);
    assert_eq!(store.next_delivery_at().await.unwrap(), Some(NOW));
    let first = due(&store, NOW).await;
    assert_eq!(seqs(&first), [1, 3], "the second of the first user waits");
    assert_eq!(seqs(&store.due_deliveries(1, &[first[0].key.row], NOW, 9).await.unwrap()), [3]);

    let again = Settled::Again { at: at(1_000), endpoint: EndpointAfter::Kept };
    store.settle_delivery(first[0].key, failed(10), again).await.unwrap();
    store.settle_delivery(first[1].key, arrived(20), Settled::Delivered).await.unwrap();
    assert_eq!(store.pending_deliveries(1).await.unwrap(), 2);
    assert_eq!(store.next_delivery_at().await.unwrap(), Some(at(1_000)));
    assert!(due(&store, at(999)).await.is_empty());
    let tried = due(&store, at(1_000)).await;
    assert_eq!((seqs(&tried), tried[0].attempts), (vec![1], 1));

    store.settle_delivery(tried[0].key, arrived(1_005), Settled::Delivered).await.unwrap();
    let second = due(&store, at(1_005)).await;
    assert_eq!(seqs(&second), [2]);
    // An answer that comes twice changes nothing more.
    store.settle_delivery(tried[0].key, failed(1_006), again).await.unwrap();
    store.settle_delivery(second[0].key, failed(1_010), Settled::GivenUp).await.unwrap();
    assert_eq!(store.pending_deliveries(1).await.unwrap(), 0);
    assert_eq!(store.next_delivery_at().await.unwrap(), None);

    let newest = store.deliveries(ENDPOINT, None, None, 9).await.unwrap().unwrap();
    let told: Vec<(u64, DeliveryState, u32)> =
        newest.iter().map(|one| (one.notified.seq, one.state, one.attempts)).collect();
    assert_eq!(
        told,
        [
            (3, DeliveryState::Delivered, 1),
            (2, DeliveryState::GivenUp, 1),
            (1, DeliveryState::Delivered, 2)
        ]
    );
    let Delivery { tried_at, http_status, took_ms, error, next_at, .. } = &newest[1];
    assert_eq!((*tried_at, *next_at), (Some(at(1_010)), None));
    assert_eq!((*http_status, *took_ms, error.as_deref()), (Some(500), Some(7), Some("status")));
    let listed = async |state, before, limit| {
        let page = store.deliveries(ENDPOINT, state, before, limit).await.unwrap().unwrap();
        page.iter().map(|one| one.notified.seq).collect::<Vec<u64>>()
    };
    assert_eq!(listed(Some(DeliveryState::Delivered), None, 9).await, [3, 1]);
    assert_eq!(listed(None, Some(3), 9).await, [2, 1]);
    assert_eq!(listed(None, None, 1).await, [3]);
    assert_eq!(store.deliveries("ep_2", None, None, 9).await.unwrap(), None);

    assert!(!store.forget_deliveries(at(20)).await.unwrap());
    assert_eq!(listed(None, None, 9).await, [3, 2, 1], "none was settled before");
    assert!(!store.forget_deliveries(at(1_010)).await.unwrap());
    assert_eq!(listed(None, None, 9).await, [2]);
}

#[tokio::test]
async fn what_can_not_be_read_is_put_off_and_then_given_up_for_the_next() {
    let place = Place::new();
    let store = with_three(&place).await;
    let key = due(&store, NOW).await[0].key;
    store.put_off_delivery(key, Some(at(500)), at(10)).await.unwrap();
    assert_eq!(seqs(&due(&store, at(499)).await), [3]);
    assert_eq!(the_endpoint(&store, NOW).await.failing_since, None, "it is not to blame");
    store.put_off_delivery(key, None, at(510)).await.unwrap();
    assert_eq!(seqs(&due(&store, at(510)).await), [3, 2]);
    let of_another = DeliveryKey { endpoint: 2, ..due(&store, at(510)).await[0].key };
    store.put_off_delivery(of_another, None, at(520)).await.unwrap();
    let given_up = store.deliveries(ENDPOINT, Some(DeliveryState::GivenUp), None, 9).await;
    let given_up = given_up.unwrap().unwrap();
    assert_eq!((given_up.len(), given_up[0].notified.seq, given_up[0].attempts), (1, 1, 2));
    assert_eq!(given_up[0].error.as_deref(), Some("unreadable"));
}

#[tokio::test]
async fn an_endpoint_that_fails_is_warned_of_and_disabled_if_nothing_arrived_since() {
    let place = Place::new();
    let store = with_three(&place).await;
    let [first, other] = &due(&store, NOW).await[..] else { panic!("two are due") };
    let fail = async |ms, endpoint| {
        let settled = Settled::Again { at: NOW, endpoint };
        store.settle_delivery(first.key, failed(ms), settled).await.unwrap()
    };
    assert_eq!(fail(10, EndpointAfter::Kept).await, EndpointAfter::Kept);
    assert_eq!(the_endpoint(&store, NOW).await.failing_since, Some(at(10)));
    store.settle_delivery(other.key, arrived(20), Settled::Delivered).await.unwrap();
    assert_eq!(the_endpoint(&store, NOW).await.failing_since, None);

    assert_eq!(
        fail(30, EndpointAfter::Warned(at(10))).await,
        EndpointAfter::Kept,
        "not since then"
    );
    let warned = EndpointAfter::Warned(at(30));
    assert_eq!(fail(40, warned).await, warned);
    assert_eq!(fail(50, warned).await, EndpointAfter::Kept, "it was warned of");
    assert_eq!(the_endpoint(&store, NOW).await.warned_at, Some(at(40)));
    assert_eq!(store.endpoints_told(NOW).await.unwrap().len(), 1);
    for (ms, after, why) in [
        (60, EndpointAfter::Failing(at(30)), DisabledFor::Failing),
        (80, EndpointAfter::Gone, DisabledFor::Gone),
    ] {
        assert_eq!(fail(ms, after).await, after);
        assert_eq!(the_endpoint(&store, NOW).await.disabled, Some((at(ms), why)));
        assert_eq!(store.endpoints_told(NOW).await.unwrap().len(), 0);
        assert_eq!(store.next_delivery_at().await.unwrap(), None);
        assert!(store.enable_endpoint(ENDPOINT.to_owned(), at(70)).await.unwrap());
        let enabled = the_endpoint(&store, NOW).await;
        assert_eq!((enabled.disabled, enabled.failing_since), (None, None));
    }
    assert!(!store.enable_endpoint("ep_2".to_owned(), at(70)).await.unwrap());
    store
        .settle_delivery(
            first.key,
            failed(90),
            Settled::Again { at: at(10_000), endpoint: EndpointAfter::Kept },
        )
        .await
        .unwrap();
    store.enable_endpoint(ENDPOINT.to_owned(), at(100)).await.unwrap();
    assert_eq!(store.next_delivery_at().await.unwrap(), Some(at(100)), "it is tried at once");
}

#[tokio::test]
async fn an_endpoint_is_told_what_it_chose_in_portions() {
    let place = Place::new();
    let store = with_delivered(&place).await;
    place.run("delete from deliveries; update endpoints set cursor = 0").await;
    assert!(store.hand_out(&the_endpoint(&store, NOW).await, NOW).await.unwrap(), "there is more");
    assert_eq!(the_endpoint(&store, NOW).await.cursor, 256);
    assert_eq!(store.pending_deliveries(1).await.unwrap(), 256);

    place.run("delete from deliveries; update endpoints set cursor = 0").await;
    let none_of_these = Endpoint {
        kinds: Some(vec![NotificationKind::UserErased]),
        ..the_endpoint(&store, NOW).await
    };
    store.hand_out(&none_of_these, NOW).await.unwrap();
    assert_eq!(store.pending_deliveries(1).await.unwrap(), 0);
    let chosen = Endpoint {
        kinds: Some(vec![NotificationKind::UserErased, NotificationKind::StateChanged]),
        ..the_endpoint(&store, NOW).await
    };
    store.hand_out(&chosen, NOW).await.unwrap();
    assert_eq!(store.pending_deliveries(1).await.unwrap(), 256);
}

#[tokio::test]
async fn many_settled_deliveries_are_forgotten_in_portions() {
    let place = Place::new();
    let store = with_delivered(&place).await;
    for left in [1_500, 500] {
        assert!(store.forget_deliveries(Timestamp::MAX).await.unwrap());
        assert_eq!(states(&place).await, [("delivered".to_owned(), left)]);
    }
    assert!(!store.forget_deliveries(Timestamp::MAX).await.unwrap());
    assert_eq!(states(&place).await, []);
}

#[tokio::test]
async fn the_configured_endpoint_is_brought_up_to_date() {
    let place = Place::new();
    let store = place.open().await;
    let set = async |endpoint| store.set_endpoint(ENDPOINT, endpoint, at(1_000)).await.unwrap();
    let ((), written) = transactions(&store, set(None)).await;
    assert_eq!(written, 0, "there is none, and none is to be");
    set(Some(endpoint())).await;
    assert_eq!(the_endpoint(&store, NOW).await.url, "https://example.com");
    let same_url = NewEndpoint { id: "ep_2".to_owned(), ..endpoint() };
    assert!(!store.add_endpoint(same_url).await.unwrap());
    let same_id = NewEndpoint { url: "https://example.org".to_owned(), ..endpoint() };
    assert!(!store.add_endpoint(same_id.clone()).await.unwrap());

    place.run("update endpoints set disabled_at = 1, disabled_for = 'failing'").await;
    set(Some(endpoint())).await;
    assert!(the_endpoint(&store, NOW).await.disabled.is_some(), "nothing is new");
    assert_eq!(the_endpoint(&store, NOW).await.secrets, ["whsec_AAAA"]);
    set(Some(NewEndpoint { secret: "whsec_BBBB".to_owned(), ..same_id })).await;
    let moved = the_endpoint(&store, NOW).await;
    assert_eq!((moved.url.as_str(), moved.disabled), ("https://example.org", None));
    assert_eq!(moved.secrets, ["whsec_BBBB", "whsec_AAAA"], "the newest first");
    assert_eq!(the_endpoint(&store, at(1_000)).await.secrets, ["whsec_BBBB"]);

    let new = |endpoint: &str| NewSecret {
        endpoint: endpoint.to_owned(),
        secret: "whsec_CCCC".to_owned(),
        others_until: at(500),
        now: at(400),
    };
    assert!(store.rotate_secret(new(ENDPOINT)).await.unwrap());
    assert!(!store.rotate_secret(new("ep_2")).await.unwrap());
    assert_eq!(the_endpoint(&store, at(499)).await.secrets.len(), 3);
    assert_eq!(the_endpoint(&store, at(500)).await.secrets, ["whsec_CCCC"]);

    set(None).await;
    assert!(store.endpoints(NOW).await.unwrap().is_empty());
    assert!(!store.remove_endpoint(ENDPOINT.to_owned()).await.unwrap());
}
