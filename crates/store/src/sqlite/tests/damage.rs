//! Damaged rows, and rows of older releases.

use std::fmt::Debug;
use std::sync::Mutex;

use onboarding::{ProductStatus, Task};
use tracing::field::{Field, Visit};
use tracing::span;

use super::*;
use crate::conformance::{answered, begin_to_trigger};
use crate::{ClaimAfter, NewEndpoint};

#[tokio::test]
async fn a_damaged_row_stops_no_claim_of_another() {
    let place = Place::new();
    let store = place.open().await;
    for number in 1..=5 {
        begin(&store, number, NOW).await;
    }
    place
        .run(
            r#"update onboardings set snapshot = '{"schema":1,"onboarding":{}}' where key = 1;
            update onboardings set snapshot = json_set(snapshot, '$.schema', 999) where key = 2;
            update onboardings set snapshot = '{"a":"' || cast(x'ff' as text) || '"}' where key = 3;
            update users set locator = 'userId:' || cast(x'ff' as text) where onboarding_key = 4;"#,
        )
        .await;
    let claims = claim(&store, NOW).await;
    assert_eq!(ids(&claims), [id(5)]);
    for (number, what) in [
        (1, "missing field"),
        (2, "its schema is 999"),
        (3, "invalid unicode code point"),
        (4, "it has no user that can be read"),
    ] {
        let error = store.load(id(number)).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Damaged { id: whose, what: found }
            if *whose == id(number).to_string() && found.contains(what)),
            "{error}"
        );
    }
    assert_eq!(ids(&claim(&store, at(WORKER.lease_ms)).await), [id(5)], "it is not tried at once");
}

/// Three users with one open task each, of whom the second's rows are damaged.
async fn with_a_damaged_one(place: &Place, damage: &'static str) -> SqliteStore {
    let store = place.open().await;
    for number in 1..=3 {
        begin_with_task(&store, number).await;
    }
    place.run(damage).await;
    store
}

async fn begin_with_task(store: &SqliteStore, number: u128) {
    begin_to_trigger(store, number, NOW).await;
    let trigger = claim(store, NOW).await.claimed.remove(0);
    let release = ClaimAfter::Release(trigger.lease);
    let asks = ProductStatus::RequiresData;
    put(store, answered(&trigger, asks, release, NOW, store.policy())).await;
}

#[tokio::test]
async fn a_damaged_row_is_passed_over_in_lists_with_an_error_that_names_it() {
    for damage in [
        "update onboardings set snapshot = '{}' where key = 2",
        "update onboardings set version = version + 1 where key = 2",
        "update onboardings set snapshot = '{\"a\":\"' || cast(x'ff' as text) || '\"}' where key = 2",
        "update users set locator = 'no:one' where onboarding_key = 2",
        "update users set locator = 'userId:' || cast(x'ff' as text) where onboarding_key = 2",
        "delete from users where onboarding_key = 2",
    ] {
        let place = Place::new();
        let store = with_a_damaged_one(&place, damage).await;
        begin(&store, 4, NOW).await;
        for (after, limit, expected) in [
            (None, 10, vec![id(1), id(3), id(4)]),
            (None, 2, vec![id(1), id(3)]),
            (None, 1, vec![id(1)]),
            (Some(id(1)), 1, vec![id(3)]),
            (Some(id(2)), 1, vec![id(3)]),
            (Some(id(4)), 1, vec![]),
        ] {
            let page = store.list(ListRequest { state: None, after, limit }).await.unwrap();
            let found: Vec<OnboardingId> = page.iter().map(|row| row.onboarding.id).collect();
            assert_eq!(found, expected, "{damage}: {after:?} {limit}");
        }
        let log = Log::default();
        let _logging = tracing::subscriber::set_default(log.clone());
        store.list(ListRequest { state: None, after: None, limit: 10 }).await.unwrap();
        assert_eq!(log.errors_that_name(id(2)), 1, "{damage}: {log:?}");
    }
}

#[tokio::test]
async fn a_damaged_task_is_passed_over_with_an_error_that_names_its_onboarding() {
    for damage in [
        "update tasks set snapshot = '{}' where onboarding_key = 2",
        "update tasks set snapshot = '{\"a\":\"' || cast(x'ff' as text) || '\"}' where onboarding_key = 2",
        "update onboardings set snapshot = '{}' where key = 2",
        "delete from users where onboarding_key = 2",
    ] {
        let place = Place::new();
        let store = with_a_damaged_one(&place, damage).await;
        begin_with_task(&store, 4).await;
        let log = Log::default();
        let _logging = tracing::subscriber::set_default(log.clone());
        for (limit, expected) in [(10, vec![id(1), id(3), id(4)]), (2, vec![id(1), id(3)])] {
            let tasks = store.tasks(TaskRequest::first(None, limit)).await.unwrap();
            let whose: Vec<OnboardingId> = tasks.iter().map(|task| task.onboarding.id).collect();
            assert_eq!(whose, expected, "{damage}: {limit}");
        }
        assert_eq!(store.tasks(TaskRequest::first(Some(id(2)), 10)).await.unwrap(), []);
        assert_eq!(log.errors_that_name(id(2)), 3, "{damage}: {log:?}");
    }
}

#[tokio::test]
async fn a_row_of_history_that_is_no_text_is_passed_over_by_whoever_follows_all() {
    let place = Place::new();
    let store = with_a_damaged_one(
        &place,
        "update history set event = '{\"a\":\"' || cast(x'ff' as text) || '\"}' where key = 2",
    )
    .await;
    let end = store.history_end().await.unwrap();
    let changes = store.changes_after(0, 100).await.unwrap();
    assert_eq!((changes.cursor, changes.rows.len()), (end, usize::try_from(end).unwrap() - 1));
    let (mut sound, mut damaged) = (0, 0);
    for number in 1..=3 {
        match store.history(id(number), 0, 100).await {
            Ok(rows) if !rows.is_empty() => sound += 1,
            Err(StoreError::Damaged { id: whose, .. }) if whose == id(number).to_string() => {
                damaged += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((sound, damaged), (2, 1));
}

#[tokio::test]
async fn a_database_of_the_first_release_is_read() {
    let place = Place::new();
    let store = with_a_damaged_one(&place, "select 'nothing is damaged'").await;
    let rows = |store: SqliteStore| async move {
        let history = store.history(id(1), 0, 100).await.unwrap();
        let tasks = store.tasks(TaskRequest::first(None, 10)).await.unwrap();
        let tasks: Vec<Task> = tasks.into_iter().map(|stored| stored.task).collect();
        let list = store.list(ListRequest { state: None, after: None, limit: 10 }).await.unwrap();
        (history, tasks, list)
    };
    let written = rows(store).await;
    place
        .run(
            "update history set event = json_extract(event, '$.event');
            update tasks set snapshot = json_extract(snapshot, '$.task');
            update policies set policy = json_extract(policy, '$.policy');
            drop table destroyed_in_log;
            drop index onboardings_due;
            alter table onboardings drop column recheck;
            create index onboardings_due on onboardings (lane, due_at) where due_at is not null;
            drop index onboardings_noted;
            alter table onboardings drop column note_at;
            drop table wallets;
            drop table document_digests;
            drop table digest_key;
            drop table answered_requests;
            drop table api_keys;
            drop table deliveries;
            drop table endpoint_secrets;
            drop table endpoints;
            drop table notifications;
            drop index onboardings_in_review;
            delete from _sqlx_migrations where version > 1;",
        )
        .await;
    let store = place.open().await;
    more(&store, 1, &[hold()], at(1)).await;
    let (mut history, tasks, mut list) = rows(store).await;
    assert_eq!(history.pop().unwrap().event, hold());
    assert_eq!(list.remove(0).onboarding.state, State::Held);
    assert_eq!((history, tasks, list), (written.0, written.1, written.2[1..].to_vec()));
}

/// The errors that were logged, each with its fields.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn errors_that_name(&self, id: OnboardingId) -> usize {
        let errors = self.0.lock().unwrap();
        errors.iter().filter(|error| error.contains(&id.to_string())).count()
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::ERROR
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

#[tokio::test]
async fn a_notification_that_is_damaged_is_passed_over_within_the_limit() {
    let place = Place::new();
    let store = place.open().await;
    for number in 1..=5 {
        begin(&store, number, NOW).await;
    }
    place.run("update notifications set data = '{\"a\":\"' || cast(x'ff' as text) || '\"}' where seq = 2").await;
    for (after, limit, expected) in
        [(0, 10, vec![1, 3, 4, 5]), (0, 2, vec![1, 3]), (1, 2, vec![3, 4]), (5, 2, vec![])]
    {
        let page = store.events_after(after, limit).await.unwrap();
        let seqs: Vec<u64> = page.iter().map(|one| one.seq).collect();
        assert_eq!(seqs, expected, "{after} {limit}");
    }
}

#[tokio::test]
async fn an_endpoint_or_a_delivery_that_is_no_text_keeps_nothing_from_the_others() {
    let place = Place::new();
    let store = place.open().await;
    for (id, url) in [("ep_1", "https://example.com"), ("ep_2", "https://example.org")] {
        let (id, url, secret) = (id.to_owned(), url.to_owned(), "whsec_AAAA".to_owned());
        store.add_endpoint(NewEndpoint { id, url, kinds: None, secret, now: NOW }).await.unwrap();
    }
    for number in 1..=4 {
        begin(&store, number, NOW).await;
    }
    let endpoints = store.endpoints(NOW).await.unwrap();
    store.hand_out(&endpoints[1], NOW).await.unwrap();
    place.run("update deliveries set error = cast(x'ff' as text) where seq = 3").await;
    let listed = store.deliveries("ep_2", None, None, 2).await.unwrap().unwrap();
    assert_eq!(listed.iter().map(|one| one.notified.seq).collect::<Vec<_>>(), [4, 2]);

    for damage in [
        "update endpoints set url = cast(x'ff' as text) where key = 1",
        "update endpoint_secrets set secret = 'whsec_' || cast(x'ff' as text) where endpoint_key = 1",
    ] {
        place.run(damage).await;
        for intact in [store.endpoints(NOW).await, store.endpoints_told(NOW).await] {
            let ids: Vec<String> = intact.unwrap().into_iter().map(|one| one.id).collect();
            assert_eq!(ids, ["ep_2"], "{damage}");
        }
    }
}
