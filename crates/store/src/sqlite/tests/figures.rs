//! What is counted for whoever watches over it.

use std::sync::Mutex;
use std::time::Instant;

use onboarding::{Lane, ProductStatus, State};

use super::*;
use crate::conformance::{answer, begin_to_trigger};
use crate::{GroupCommit, Notified, QueueFigures};

#[tokio::test]
async fn due_calls_are_counted_by_line_and_soon_due_ones_as_wanted() {
    let place = Place::new();
    let store = place.open().await;
    begin(&store, 1, NOW).await;
    begin(&store, 2, at(1_000)).await;
    begin(&store, 3, at(70_000)).await;
    let figures = store.figures(at(20_000)).await.unwrap();
    let of = |lane, is_recheck| {
        let mut queues = figures.queues.iter();
        *queues.find(|it| it.lane == lane && it.is_recheck == is_recheck).unwrap()
    };
    let waiting = QueueFigures {
        lane: Lane::Write,
        is_recheck: false,
        due: 2,
        wanted: 3,
        oldest_at: Some(NOW),
    };
    assert_eq!(of(Lane::Write, false), waiting);
    for is_recheck in [false, true] {
        let none =
            QueueFigures { lane: Lane::Read, is_recheck, due: 0, wanted: 0, oldest_at: None };
        assert_eq!(of(Lane::Read, is_recheck), none);
    }
    assert_eq!((figures.deliveries_pending, figures.delivery_oldest_at), (0, None));
    assert!(figures.database_bytes > 0 && figures.log_bytes > 0, "{figures:?}");
}

#[tokio::test]
async fn history_is_followed_from_a_place_with_how_long_each_state_lasted() {
    let place = Place::new();
    let store = place.open().await;
    begin(&store, 9, NOW).await;
    let start = store.history_end().await.unwrap();
    begin_to_trigger(&store, 1, NOW).await;
    let claimed = claim(&store, at(2_000)).await.claimed;
    let call = claimed.iter().find(|it| it.stored.onboarding.id == id(1)).unwrap().call.clone();
    more(&store, 1, &[answer(&call, ProductStatus::PendingReview)], at(5_000)).await;
    let look = onboarding::Call::CheckStatus { epoch: stored(&store, 1).await.onboarding.epoch };
    more(&store, 1, &[answer(&look, ProductStatus::Verified)], at(9_000)).await;

    let mut cursor = start;
    let mut rows = Vec::new();
    loop {
        let page = store.changes_after(cursor, 2).await.unwrap();
        if page.rows.is_empty() {
            assert_eq!(page.cursor, cursor);
            break;
        }
        cursor = page.cursor;
        rows.extend(page.rows);
    }
    assert_eq!(rows[0].from, None, "it is new");
    let moved: Vec<_> = rows[1..]
        .iter()
        .filter(|row| row.from != Some(row.to))
        .map(|row| (row.to, row.stood_ms, row.judged_after_ms))
        .collect();
    // Verification was begun as it was claimed, at 2 s.
    assert_eq!(
        moved[moved.len() - 3..],
        [
            (State::VerificationTriggered, Some(2_000), None),
            (State::Polling, Some(3_000), None),
            (State::Verified, Some(4_000), Some(7_000)),
        ],
        "{moved:?}"
    );
}

/// What is told of the commits from now on.
fn watched(store: &SqliteStore) -> Arc<Mutex<Vec<GroupCommit>>> {
    let told: Arc<Mutex<Vec<GroupCommit>>> = Arc::default();
    let teller = Arc::clone(&told);
    store.watch_commits(move |commit| teller.lock().unwrap().push(commit));
    told
}

#[tokio::test]
async fn a_group_commit_is_told_if_it_changed_something() {
    let place = Place::new();
    let store = place.open().await;
    let told = watched(&store);
    assert!(claim(&store, NOW).await.claimed.is_empty());
    assert!(claim(&store, at(1)).await.claimed.is_empty());
    assert_eq!(*told.lock().unwrap(), [], "there was nothing to be done");
    begin(&store, 1, NOW).await;
    assert!(!claim(&store, at(2_000)).await.claimed.is_empty());
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    for commit in &*told {
        let is_stored =
            matches!(commit, GroupCommit::Stored { writes: 1, took } if !took.is_zero());
        assert!(is_stored, "{told:?}");
    }
}

#[tokio::test]
async fn a_commit_fails_by_the_store_and_not_by_what_is_in_it() {
    let place = Place::new();
    drop(place.open().await);
    let options = open::options(&place.path()).pragma("max_page_count", "200");
    let store = open_with(&options).await;
    let told = watched(&store);
    let before = begin(&store, 1, NOW).await;
    place
        .run("create trigger t before update on onboardings begin select raise(abort, 'no'); end")
        .await;
    told.lock().unwrap().clear();
    let refused = store.commit(change(&before, &[hold()], NOW, store.policy())).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(*told.lock().unwrap(), []);

    let mut large = change(&blank(2, NOW), &[wanted()], NOW, store.policy());
    large.personal.push(passport(2, &vec![1; 1 << 20]));
    let refused = store.commit(large).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(*told.lock().unwrap(), [GroupCommit::Failed]);
}

#[tokio::test]
async fn what_is_on_its_way_to_a_disabled_endpoint_does_not_wait() {
    let place = Place::new();
    let store = place.open().await;
    begin(&store, 1, NOW).await;
    place
        .run(
            "insert into endpoints (key, id, url, cursor, created_at, disabled_at, disabled_for) \
             values (1, 'a', 'https://a.example', 0, 0, null, null), \
             (2, 'b', 'https://b.example', 0, 0, 5, 'gone')",
        )
        .await;
    let pending = async || {
        let figures = store.figures(at(20_000)).await.unwrap();
        (figures.deliveries_pending, figures.delivery_oldest_at)
    };
    place
        .run(
            "insert into deliveries (endpoint_key, seq, stream, state, attempts) \
             values (2, 1, 1, 'waiting', 0)",
        )
        .await;
    assert_eq!(pending().await, (0, None));
    place.run("update endpoints set disabled_at = null, disabled_for = null").await;
    assert_eq!(pending().await, (1, Some(NOW)));
}

#[tokio::test]
async fn the_figures_of_a_hundred_thousand_are_read_from_indices() {
    let place = Place::new();
    let store = place.open().await;
    begin(&store, 1, NOW).await;
    place
        .run(
            "insert into onboardings (id, version, state, state_since_at, snapshot, lane, due_at, \
             commit_id, created_at, updated_at) \
             with recursive number (n) as (select 1 union all select n + 1 from number where n < 100000) \
             select randomblob(16), version, state, state_since_at, snapshot, lane, due_at + n, \
             commit_id, created_at, updated_at from onboardings, number",
        )
        .await;
    let began = Instant::now();
    let figures = store.figures(at(1_000_000)).await.unwrap();
    let counts = store.counts().await.unwrap();
    let took = began.elapsed();
    assert_eq!(figures.queues[0].due, 100_001);
    assert_eq!(counts[&State::Registering], 100_001);
    println!("figures and counts of 100,001 onboardings took {took:?}");
    // Some milliseconds where SQLite is optimised; here it is not, and the machine is busy.
    assert!(took < Duration::from_millis(500), "{took:?}");

    let steps = plan(&mut place.raw().await, super::super::figures::PENDING).await;
    assert!(steps.iter().any(|step| step.contains("deliveries_pending")), "{steps:?}");
}

#[tokio::test]
async fn a_census_goes_through_all_in_pages_and_counts_what_is_damaged() {
    let place = Place::new();
    let store = place.open().await;
    for number in 1..=5 {
        begin(&store, number, NOW).await;
    }
    place.run("update onboardings set snapshot = '{}' where key in (2, 3)").await;
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = store.census_page(after, 3).await.unwrap();
        let ids: Vec<OnboardingId> = page.onboardings.iter().map(|one| one.id).collect();
        seen.push((ids, page.damaged));
        let Some(next) = page.next else { break };
        after = next;
    }
    assert_eq!(seen, [(vec![id(1)], 2), (vec![id(4), id(5)], 0), (vec![], 0)]);
}

#[tokio::test]
async fn a_long_review_is_told_once() {
    let place = Place::new();
    let store = place.open().await;
    begin_to_trigger(&store, 1, NOW).await;
    let trigger = claim(&store, NOW).await.claimed.remove(0);
    let review = answer(&trigger.call, ProductStatus::PendingReview);
    more(&store, 1, &[review], at(10)).await;
    let told = async || {
        let told = store.events_after(0, 100).await.unwrap();
        let stuck = |one: &&Notified| one.kind.as_str() == "verification.stuck";
        told.iter().filter(stuck).map(|one| (one.data.clone(), one.at)).collect::<Vec<_>>()
    };
    assert!(!store.tell_stuck(at(9), at(100)).await.unwrap());
    assert_eq!(told().await, [], "it began later");
    for _ in 0..2 {
        assert!(!store.tell_stuck(at(10), at(100)).await.unwrap());
        let data = format!(r#"{{"since":"{}"}}"#, at(10));
        assert_eq!(told().await, [(data, at(100))]);
    }
}

#[tokio::test]
async fn many_long_reviews_are_told_in_portions() {
    let place = Place::new();
    let store = place.open().await;
    place
        .run(
            "insert into onboardings (id, version, state, state_since_at, snapshot, created_at, updated_at, commit_id) \
             with recursive number (n) as (select 1 union all select n + 1 from number where n < 300) \
             select randomblob(16), 1, 'polling', 5, '{}', 0, 0, 0 from number",
        )
        .await;
    assert!(store.tell_stuck(NOW, NOW).await.unwrap(), "there are more");
    assert!(!store.tell_stuck(NOW, NOW).await.unwrap());
    let told = sqlx::query_scalar("select count(*) from notifications");
    let told: i64 = told.fetch_one(&mut place.raw().await).await.unwrap();
    assert_eq!(told, 300);
}
