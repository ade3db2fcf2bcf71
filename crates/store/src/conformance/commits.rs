//! Changes: versions, history, personal data.

use std::sync::Arc;

use onboarding::{Context, Onboarding, Outcome, Timestamp, apply};
use tokio::task::JoinSet;

use super::*;
use crate::{Answered, HistoryRow, Remember};

/// A change that builds on an older version changes nothing at all.
pub async fn a_change_is_stored_only_on_the_version_it_builds_on(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let first = begin(&store, 1, NOW).await;
    more(&store, 1, &[passport_added(1)], NOW).await;
    let before = stored(&store, 1).await;

    let mut late = change(&first, &[profile_set(2)], NOW, store.policy());
    late.personal.push(profile(2, "late"));
    assert!(matches!(store.commit(late).await.unwrap(), Committed::Conflict));

    assert_eq!(stored(&store, 1).await, before);
    assert_eq!(store.profile(id(1)).await.unwrap().unwrap().json, b"{}");
    assert_eq!(store.history(id(1), 0, 100).await.unwrap().len(), 3);
}

/// Whoever repeats a request may not have it carried out again, be it on a newer version.
pub async fn a_request_that_is_remembered_is_carried_out_once(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let answered = |request: u8, ms| Answered {
        request: [request; 32],
        asked: [7; 32],
        onboarding: Some(id(1)),
        answer: "{}".to_owned(),
        at: at(ms),
    };
    let commit = async |event: Event, request: u8, ms, forget_before| {
        let before = stored(&store, 1).await;
        let mut commit = change(&before, &[event], at(ms), store.policy());
        commit.remember =
            Some(Remember { answered: answered(request, ms), forget_before: at(forget_before) });
        matches!(store.commit(commit).await.unwrap(), Committed::Stored { .. })
    };
    let hold = || Event::Held { reason: "check".to_owned() };
    let resume = || Event::Resumed { reason: "checked".to_owned() };
    let begun = begin(&store, 1, NOW).await;
    assert!(commit(hold(), 1, 10, 0).await);
    let held = stored(&store, 1).await;
    assert!(!commit(resume(), 1, 20, 10).await, "it was answered already");
    assert_eq!(stored(&store, 1).await, held, "nothing of it is stored");
    assert!(commit(resume(), 2, 20, 10).await, "another request");
    assert!(commit(hold(), 1, 30, 11).await, "that answer is kept no longer");

    // What loses to another change is not remembered.
    let mut late = change(&begun, &[passport_added(1)], at(40), store.policy());
    late.remember = Some(Remember { answered: answered(3, 40), forget_before: NOW });
    assert!(matches!(store.commit(late).await.unwrap(), Committed::Conflict));
    assert!(commit(resume(), 3, 40, 0).await);
}

/// Commits that race are serialized by the version.
pub async fn of_many_changes_at_once_exactly_one_wins(backend: &impl Backend) {
    let store = Arc::new(backend.open(Policy::default()).await);
    let before = begin(&*store, 1, NOW).await;
    let mut commits = JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(&store);
        let hold = Event::Held { reason: format!("number {number}") };
        let commit = change(&before, &[hold], NOW, store.policy());
        commits.spawn(async move { store.commit(commit).await.unwrap() });
    }
    let outcomes = commits.join_all().await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Committed::Stored { .. }));
    assert_eq!(won.count(), 1);
    assert_eq!(stored(&*store, 1).await.onboarding.version, before.onboarding.version + 1);
}

/// Neither the same user nor the same id is created twice.
pub async fn a_user_has_one_onboarding(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    let same_user = Stored { user: user(1), ..blank(2, NOW) };
    let same_id = Stored { user: user(2), ..blank(1, NOW) };
    for twice in [same_user, same_id, blank(1, NOW)] {
        let commit = change(&twice, &[wanted()], NOW, store.policy());
        assert!(matches!(store.commit(commit).await.unwrap(), Committed::Conflict));
    }
    assert_eq!(store.find(&user(1)).await.unwrap().unwrap().onboarding.id, id(1));
    assert_eq!(store.find(&user(2)).await.unwrap(), None);
    assert_eq!(store.load(id(2)).await.unwrap(), None);
}

/// Invariant I1, over a whole road with two policies and a restart.
pub async fn history_replayed_gives_what_is_stored(backend: &impl Backend) {
    let keep = Policy { keep_document_contents: true, ..Policy::default() };
    let store = backend.open(keep.clone()).await;
    begin(&store, 1, NOW).await;
    more(&store, 1, &[passport_added(1), Event::VerificationRequested], at(5)).await;
    drive(&store, at(10), 3).await;
    drop(store);
    let store = backend.open(Policy::default()).await;
    drive(&store, at(20_000), 1).await;
    more(&store, 1, &[Event::Held { reason: "check".into() }], at(40_000)).await;

    let rows = store.history(id(1), 0, 1_000).await.unwrap();
    assert_eq!(replay(&rows), stored(&store, 1).await.onboarding);
    let policies: Vec<&Policy> = rows.iter().map(|row| &*row.policy).collect();
    assert!(policies.contains(&&keep) && policies.contains(&&Policy::default()));
    let actors: Vec<Actor> = rows.iter().map(|row| row.actor).collect();
    assert_eq!(actors[..4], [Actor::Cli; 4]);
    assert_eq!(actors[4..rows.len() - 1], vec![Actor::Worker; rows.len() - 5]);
}

/// Claims and answers so many calls in a row.
async fn drive(store: &impl Store, now: Timestamp, calls: usize) {
    for _ in 0..calls {
        let claims = claim(store, now).await;
        let [claimed] = &claims.claimed[..] else { panic!("nothing is due") };
        let release = ClaimAfter::Release(claimed.lease);
        let status = ProductStatus::PendingReview;
        put(store, answered(claimed, status, release, now, store.policy())).await;
    }
}

fn replay(rows: &[HistoryRow]) -> Onboarding {
    let mut onboarding = Onboarding::blank(id(1), rows[0].at);
    for row in rows {
        let cx = Context { now: row.at, policy: &row.policy };
        let Outcome::Changed(transition) = apply(&onboarding, &row.event, &cx) else {
            panic!("{} of history was ignored", row.event.name());
        };
        assert_eq!((row.from, row.to), (transition.from, transition.onboarding.state));
        assert_eq!(row.version, transition.onboarding.version);
        onboarding = transition.onboarding;
    }
    onboarding
}

/// Only the newest revision of a profile is kept.
pub async fn a_profile_replaces_the_one_before(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let before = begin(&store, 1, NOW).await;
    let mut commit = change(&before, &[profile_set(2)], NOW, store.policy());
    commit.personal.push(profile(2, r#"{"new":true}"#));
    put(&store, commit).await;
    let held = store.profile(id(1)).await.unwrap().unwrap();
    assert_eq!((held.revision, &*held.json), (Revision(2), &br#"{"new":true}"#[..]));
}

/// And nobody else's.
pub async fn the_profiles_of_many_are_read_together(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    for number in 1..=3 {
        begin(&store, number, NOW).await;
    }
    more(&store, 3, &[Event::Erased { reason: "asked".into() }], NOW).await;
    let read = store.profiles(&[id(2), id(99), id(3)]).await.unwrap();
    let alone = store.profile(id(2)).await.unwrap().unwrap();
    assert_eq!(read.keys().copied().collect::<Vec<_>>(), [id(2)]);
    assert_eq!((read[&id(2)].revision, &read[&id(2)].json), (alone.revision, &alone.json));
    assert!(store.profiles(&[]).await.unwrap().is_empty());
}

/// The provider has them now; a switch of the policy keeps them here as well.
pub async fn document_bytes_are_deleted_once_acknowledged_unless_the_policy_keeps_them(
    backend: &impl Backend,
) {
    for (number, keep) in [(1, false), (2, true)] {
        let policy = Policy { keep_document_contents: keep, ..Policy::default() };
        let store = backend.open(policy).await;
        add_passport(&store, number, 1, b"png").await;
        let held = content(&store, number).await.unwrap();
        assert_eq!((held.revision, held.media_type.as_str()), (Revision(1), "image/png"));

        more(&store, number, &[passport_uploaded(1)], NOW).await;
        let held = content(&store, number).await.map(|content| content.bytes);
        assert_eq!(held, keep.then(|| b"png".to_vec()));
    }
}

/// What was acknowledged is an earlier revision than what is held.
pub async fn a_late_acknowledgement_does_not_delete_a_newer_document(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    add_passport(&store, 1, 1, b"blurred").await;
    let before = stored(&store, 1).await;
    let mut commit = change(&before, &[passport_added(2)], NOW, store.policy());
    commit.personal.push(passport(2, b"sharp"));
    put(&store, commit).await;
    more(&store, 1, &[passport_uploaded(1)], NOW).await;
    assert_eq!(content(&store, 1).await.unwrap().bytes, b"sharp");
}

/// Even where the policy keeps what was acknowledged.
pub async fn the_bytes_of_a_document_that_was_taken_back_are_deleted(backend: &impl Backend) {
    let keep = Policy { keep_document_contents: true, ..Policy::default() };
    let store = backend.open(keep).await;
    add_passport(&store, 1, 1, b"png").await;
    let withdrawn = Event::DocumentWithdrawn { document_type: DocumentType::IdPassport };
    more(&store, 1, &[withdrawn], NOW).await;
    assert!(content(&store, 1).await.is_none());
}

/// The onboarding and its history stay; whose it was does not.
pub async fn erasing_leaves_no_personal_data_and_frees_the_user(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    add_passport(&store, 1, 1, b"png").await;
    more(&store, 1, &[Event::Erased { reason: "asked".into() }], NOW).await;

    assert!(store.find(&user(1)).await.unwrap().is_none());
    assert!(store.profile(id(1)).await.unwrap().is_none());
    assert!(content(&store, 1).await.is_none());
    let erased = stored(&store, 1).await;
    assert_eq!(erased.user.as_str(), format!("userId:erased-{}", id(1)));
    assert_eq!(erased.onboarding.state, onboarding::State::Erased);

    let again = Stored { user: user(1), ..blank(2, NOW) };
    put(&store, change(&again, &[wanted()], NOW, store.policy())).await;
    assert_eq!(store.find(&user(1)).await.unwrap().unwrap().onboarding.id, id(2));
}

/// Up to the limit of a file.
pub async fn a_large_document_comes_back_whole(backend: &impl Backend) {
    let bytes: Vec<u8> = (0..10_u32 << 20).map(|index| (index % 251) as u8).collect();
    let store = backend.open(Policy::default()).await;
    add_passport(&store, 1, 1, &bytes).await;
    drop(store);
    let store = backend.open(Policy::default()).await;
    assert!(content(&store, 1).await.unwrap().bytes == bytes);
}

async fn add_passport(store: &impl Store, number: u128, revision: u32, bytes: &[u8]) {
    let before = begin(store, number, NOW).await;
    let mut commit = change(&before, &[passport_added(revision)], NOW, store.policy());
    commit.personal.push(passport(revision, bytes));
    put(store, commit).await;
}

async fn content(store: &impl Store, number: u128) -> Option<crate::DocumentContent> {
    store.document_content(id(number), &DocumentType::IdPassport).await.unwrap()
}
