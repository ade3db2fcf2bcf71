//! Wallets: kept apart from what may be shown, and never in the way of a verdict.

use onboarding::{GivenWallet, Lane, Ownership, WalletNumber};
use serde_json::json;

use super::*;

const CHALLENGE: &str = "sign this";

fn given(number: u32, revision: u32) -> Event {
    Event::WalletGiven { number: WalletNumber(number), revision: Revision(revision) }
}

fn linked(number: u32, revision: u32, epoch: u32) -> Event {
    let (number, revision) = (WalletNumber(number), Revision(revision));
    Event::WalletLinked { number, revision, epoch, ownership: Ownership::ToProve }
}

fn challenge(number: u32, revision: u32) -> PersonalData {
    let (number, revision) = (WalletNumber(number), Revision(revision));
    PersonalData::WalletChallenge { number, revision, challenge: json!({ "message": CHALLENGE }) }
}

async fn give(store: &impl Store, number: u32, revision: u32, chain: &str) {
    let before = stored(store, 1).await;
    let mut commit = change(&before, &[given(number, revision)], NOW, store.policy());
    commit.personal.push(wallet(number, revision, chain));
    put(store, commit).await;
}

/// What is held of each wallet, and whether there is a challenge.
async fn held(store: &impl Store) -> Vec<(u32, u32, String, bool)> {
    let held = store.wallets(id(1)).await.unwrap().into_iter().map(|held| {
        let address = format!("0xabc{}", held.number);
        assert!(held.wallet.address == address, "its address is the one that was given");
        assert!(held.wallet.proof == Some(json!({ "signature": [held.revision.0] })));
        let is_there = held.challenge == Some(json!({ "message": CHALLENGE }));
        assert!(is_there || held.challenge.is_none());
        (held.number.0, held.revision.0, held.wallet.chain, is_there)
    });
    held.collect()
}

/// And a challenge goes with the revision that it is for.
pub async fn a_wallet_is_kept_as_it_was_given_over_a_restart(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    give(&store, 1, 1, "base").await;
    give(&store, 2, 1, "solana").await;
    let before = stored(&store, 1).await;
    let mut commit = change(&before, &[linked(2, 1, 0)], NOW, store.policy());
    commit.personal.push(challenge(2, 1));
    put(&store, commit).await;
    let both = [(1, 1, "base".to_owned(), false), (2, 1, "solana".to_owned(), true)];
    assert_eq!(held(&store).await, both);
    drop(store);
    let store = backend.open(Policy::default()).await;
    assert_eq!(held(&store).await, both);

    // A challenge comes late, with something else that happened.
    give(&store, 2, 2, "base").await;
    let before = stored(&store, 1).await;
    let mut late = change(&before, &[given(1, 2)], NOW, store.policy());
    late.personal.extend([wallet(1, 2, "base"), challenge(2, 1)]);
    put(&store, late).await;
    let newer = [(1, 2, "base".to_owned(), false), (2, 2, "base".to_owned(), false)];
    assert_eq!(held(&store).await, newer, "what was to be signed for another revision is gone");
}

/// Nothing else is.
pub async fn a_wallet_that_was_taken_back_and_those_of_the_erased_are_deleted(
    backend: &impl Backend,
) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    give(&store, 1, 1, "base").await;
    give(&store, 2, 1, "base").await;
    more(&store, 1, &[Event::WalletWithdrawn { number: WalletNumber(1) }], NOW).await;
    assert_eq!(held(&store).await, [(2, 1, "base".to_owned(), false)]);
    more(&store, 1, &[Event::Erased { reason: "asked".into() }], NOW).await;
    assert_eq!(held(&store).await, []);
    assert!(store.wallets(id(9)).await.unwrap().is_empty());
}

/// The line of writes may be long; a look has another one. The wallet rides on its answer.
pub async fn a_wallet_keeps_nobody_waiting_for_a_verdict(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin_to_trigger(&store, 1, NOW).await;
    let trigger = claim(&store, NOW).await.claimed.remove(0);
    let review = ProductStatus::PendingReview;
    let release = ClaimAfter::Release(trigger.lease);
    put(&store, answered(&trigger, review.clone(), release, NOW, store.policy())).await;
    give(&store, 1, 1, "base").await;
    // Nobody may write for an hour.
    store.slow_down(Lane::Write, NOW, at(3_600_000)).await.unwrap();
    let look = claim(&store, NOW).await.claimed.remove(0);
    assert_eq!(look.call.name(), "check-status", "the provider is to know the user still");
    let go_on = ClaimAfter::Continue { lease: look.lease, worker: WORKER };
    let commit = answered(&look, review.clone(), go_on, NOW, store.policy());
    assert!(put(&store, commit).await.is_none(), "it may not be written yet");
    let idle = claim(&store, NOW).await;
    assert_eq!(ids(&idle), []);
    let look_at = idle.next_at.unwrap();
    assert!(look_at < at(3_600_000), "the look is next");
    // It comes when writing is allowed again.
    let again_at = look_at.max(at(3_600_000));
    let look = claim(&store, again_at).await.claimed.remove(0);
    assert_eq!(look.call.name(), "check-status", "where both are due, the look comes first");
    let go_on = ClaimAfter::Continue { lease: look.lease, worker: WORKER };
    let commit = answered(&look, review, go_on, again_at, store.policy());
    let next = put(&store, commit).await.expect("the wallet rides along");
    assert_eq!(next.call.name(), "link-wallet");

    // Who was judged has looks that nobody waits for: a wallet has its own time then.
    begin_to_trigger(&store, 2, NOW).await;
    let trigger = claim(&store, again_at).await.claimed.remove(0);
    let release = ClaimAfter::Release(trigger.lease);
    let judged = answered(&trigger, ProductStatus::Verified, release, again_at, store.policy());
    put(&store, judged).await;
    let before = stored(&store, 2).await;
    put(&store, change(&before, &[given(1, 1)], again_at, store.policy())).await;
    let look = claim(&store, again_at).await.claimed.remove(0);
    assert_eq!(look.call.name(), "check-status");
    let release = ClaimAfter::Release(look.lease);
    let known = answered(&look, ProductStatus::Verified, release, again_at, store.policy());
    put(&store, known).await;
    let call = claim(&store, again_at).await.claimed.remove(0).call;
    assert_eq!(call.name(), "link-wallet");
}

/// A wallet whose address tells its number, and whose proof its revision.
pub(crate) fn wallet(number: u32, revision: u32, chain: &str) -> PersonalData {
    let wallet = GivenWallet {
        address: format!("0xabc{number}"),
        chain: chain.to_owned(),
        proof: Some(json!({ "signature": [revision] })),
    };
    PersonalData::Wallet { number: WalletNumber(number), revision: Revision(revision), wallet }
}
