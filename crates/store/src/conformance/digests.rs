//! Digests of documents, by which the same file is known again.

use std::collections::BTreeMap;

use super::*;
use crate::{DocumentDigest, SAME_FILE_MAX};

fn digest(byte: u8) -> DocumentDigest {
    DocumentDigest([byte; 32])
}

/// Gives a user's passport, with a file of this digest.
async fn give(store: &impl Store, number: u128, revision: u32, digest: DocumentDigest) {
    let before = stored(store, number).await;
    let mut commit = change(&before, &[passport_added(revision)], NOW, store.policy());
    commit.personal.push(passport(revision, b"bytes"));
    let document_type = DocumentType::IdPassport;
    commit.personal.push(PersonalData::DocumentDigest { document_type, digest });
    put(store, commit).await;
}

async fn others(store: &impl Store, file: u8, except: u128) -> Vec<OnboardingId> {
    store.same_file(digest(file), id(except)).await.unwrap()
}

/// Or no file would be known again.
pub async fn the_key_of_the_digests_survives_a_restart(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let key = store.digest_key().await.unwrap();
    assert_ne!(key, [0; 32]);
    drop(store);
    let store = backend.open(Policy::default()).await;
    assert_eq!(store.digest_key().await.unwrap(), key);
}

/// The ones created first, and never the one who asks.
pub async fn the_same_file_of_others_is_found_up_to_a_limit(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let numbers: Vec<u128> = (1..=8).rev().collect();
    for number in &numbers {
        begin(&store, *number, NOW).await;
        give(&store, *number, 1, digest(u8::from(*number == 4))).await;
    }
    assert_eq!(others(&store, 1, 4).await, []);
    assert_eq!(others(&store, 1, 5).await, [id(4)]);
    assert_eq!(others(&store, 2, 5).await, []);
    let first: Vec<OnboardingId> = numbers
        .iter()
        .filter(|number| ![4, 8].contains(*number))
        .map(|number| id(*number))
        .collect();
    assert_eq!(others(&store, 0, 8).await, first[..SAME_FILE_MAX]);
}

/// A newer file replaces the older one's; one whose bytes alone are deleted keeps it.
pub async fn a_digest_goes_with_its_document_and_with_its_user(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let passport = |file| BTreeMap::from([(DocumentType::IdPassport, digest(file))]);
    for number in 1..=3 {
        begin(&store, number, NOW).await;
        give(&store, number, 1, digest(1)).await;
    }
    give(&store, 1, 2, digest(2)).await;
    assert_eq!(store.document_digests(id(1)).await.unwrap(), passport(2));
    more(&store, 1, &[passport_uploaded(2)], NOW).await;
    assert_eq!(store.document_digests(id(1)).await.unwrap(), passport(2));
    assert_eq!(others(&store, 1, 9).await, [id(2), id(3)]);

    let document_type = DocumentType::IdPassport;
    more(&store, 2, &[Event::DocumentWithdrawn { document_type }], NOW).await;
    assert_eq!(others(&store, 1, 9).await, [id(3)]);
    more(&store, 3, &[Event::Erased { reason: "asked".into() }], NOW).await;
    assert_eq!(others(&store, 1, 9).await, []);
    assert_eq!(store.document_digests(id(3)).await.unwrap(), BTreeMap::new());
    assert_eq!(store.document_digests(id(9)).await.unwrap(), BTreeMap::new());
}
