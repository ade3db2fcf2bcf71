//! What every store does alike, as tests that any store can be run through.
//!
//! `conformance!(backend)` makes a test of each; `backend` is an expression that gives a fresh
//! [`Backend`]. A store that passes can stand in for any other.
#![allow(
    clippy::unwrap_used,
    reason = "these are tests, only kept where every store can reach them"
)]

mod claims;
mod commits;
mod digests;
mod notes;
mod notifications;
mod reads;
mod wallets;

pub use claims::*;
pub use commits::*;
pub use digests::*;
pub use notes::*;
pub use notifications::*;
pub use reads::*;
pub use wallets::*;

use std::collections::BTreeSet;
use std::future::Future;

use onboarding::{
    Call, Context, DocumentType, Eligibility, Event, Onboarding, OnboardingId, Outcome, Policy,
    Product, ProductStatus, Revision, Section, Timestamp, Transition, UserLocator, apply,
};
use uuid::Uuid;

use crate::{
    Actor, Budgets, ClaimAfter, ClaimRequest, Claimed, Claims, Commit, Committed, PersonalData,
    Store, Stored, Worker, WorkerId,
};

/// Something that holds what a store stores.
pub trait Backend {
    /// The store.
    type Store: Store;

    /// Opens the store. Opened again it is as after a restart: what was stored is there.
    fn open(&self, policy: Policy) -> impl Future<Output = Self::Store>;
}

/// Makes a test of each conformance test, for one kind of store.
#[macro_export]
macro_rules! conformance {
    ($backend:expr) => {
        $crate::conformance! { $backend =>
            a_change_is_stored_only_on_the_version_it_builds_on,
            a_request_that_is_remembered_is_carried_out_once,
            of_many_changes_at_once_exactly_one_wins,
            a_user_has_one_onboarding,
            history_replayed_gives_what_is_stored,
            a_profile_replaces_the_one_before,
            the_profiles_of_many_are_read_together,
            document_bytes_are_deleted_once_acknowledged_unless_the_policy_keeps_them,
            a_late_acknowledgement_does_not_delete_a_newer_document,
            the_bytes_of_a_document_that_was_taken_back_are_deleted,
            erasing_leaves_no_personal_data_and_frees_the_user,
            a_large_document_comes_back_whole,
            due_work_is_claimed_in_order_and_up_to_the_limit,
            a_look_at_who_was_judged_lets_a_look_at_who_was_not_go_first,
            what_is_not_due_is_not_claimed_and_says_when_it_will_be,
            held_and_ended_onboardings_are_not_claimed,
            a_claim_keeps_others_away_until_its_lease_runs_out,
            a_worker_gives_back_only_its_own_claim,
            a_claim_that_ran_out_gives_back_no_later_one_of_the_same_worker,
            what_its_worker_makes_a_call_for_is_not_claimed_though_its_lease_ran_out,
            a_change_from_outside_leaves_a_claim_alone,
            a_trigger_is_on_record_when_it_is_claimed,
            the_next_call_rides_on_the_commit_before_it,
            the_next_call_does_not_ride_along_where_another_worker_has_it,
            the_budget_is_a_smooth_rate_for_each_lane,
            the_budget_survives_a_restart,
            the_next_call_does_not_ride_along_past_the_budget,
            a_429_stops_its_lane_alone,
            a_probe_is_one_call_and_of_those_to_be_avoided_only_if_no_other_is_due,
            a_claim_given_back_for_later_is_claimed_again_then,
            nothing_falls_due_by_giving_a_claim_back_for_later,
            another_policy_moves_what_was_due,
            lists_are_paged_and_filtered_in_order_of_creation,
            states_are_counted,
            tasks_are_listed_until_they_are_closed,
            tasks_of_one_time_are_listed_in_the_order_in_which_they_were_stored,
            history_is_paged,
            a_closed_provider_stays_closed_over_a_restart,
            the_key_of_the_digests_survives_a_restart,
            the_same_file_of_others_is_found_up_to_a_limit,
            a_digest_goes_with_its_document_and_with_its_user,
            a_wallet_is_kept_as_it_was_given_over_a_restart,
            a_wallet_that_was_taken_back_and_those_of_the_erased_are_deleted,
            a_wallet_keeps_nobody_waiting_for_a_verdict,
            what_is_to_be_noted_is_found_from_its_time_on,
            another_policy_moves_what_was_to_be_noted,
            what_is_no_longer_to_be_noted_makes_room,
            what_happens_is_told_with_the_change,
            what_is_told_is_paged,
            a_change_that_conflicts_tells_nothing,
            a_lost_product_is_told_as_a_regression,
            that_the_provider_closes_and_opens_is_told_once,
            who_the_user_is_is_told_only_where_that_is_no_personal_data,
            what_is_not_there_is_not_found,
        }
    };
    ($backend:expr => $($case:ident,)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::$case(&$backend).await;
            }
        )+
    };
}

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(crate) const UNLIMITED: Budgets = Budgets { writes_per_minute: 0, reads_per_minute: 0 };

pub(crate) const WORKER: Worker = Worker { id: WorkerId(7), lease_ms: 30_000, budgets: UNLIMITED };

pub(crate) fn id(number: u128) -> OnboardingId {
    OnboardingId(Uuid::from_u128(number))
}

pub(crate) fn user(number: u128) -> UserLocator {
    format!("userId:user-{number}").parse().unwrap()
}

pub(crate) fn at(ms: u64) -> Timestamp {
    NOW.plus_ms(ms)
}

/// The transitions of some events in a row, none of which may be ignored.
pub(crate) fn transitions(
    onboarding: &Onboarding,
    events: &[Event],
    now: Timestamp,
    policy: &Policy,
) -> Vec<Transition> {
    let mut onboarding = onboarding.clone();
    let mut transitions = Vec::new();
    for event in events {
        match apply(&onboarding, event, &Context { now, policy }) {
            Outcome::Changed(transition) => {
                onboarding = transition.onboarding.clone();
                transitions.push(*transition);
            }
            Outcome::Ignored(reason) => panic!("{} was ignored: {}", event.name(), reason.as_str()),
        }
    }
    transitions
}

/// A change to what is stored, by the command line.
pub(crate) fn change(stored: &Stored, events: &[Event], now: Timestamp, policy: &Policy) -> Commit {
    let transitions = transitions(&stored.onboarding, events, now, policy);
    Commit::new(stored.onboarding.id, stored.user.clone(), transitions, Actor::Cli, now)
}

/// A user before the first event.
pub(crate) fn blank(number: u128, now: Timestamp) -> Stored {
    Stored { user: user(number), onboarding: Onboarding::blank(id(number), now) }
}

pub(crate) fn profile_set(revision: u32) -> Event {
    let sections = BTreeSet::from([Section::UserDetails]);
    Event::ProfileSet {
        revision: Revision(revision),
        present: sections.clone(),
        changed: sections,
        area: None,
        verified_on: None,
    }
}

pub(crate) fn passport_added(revision: u32) -> Event {
    Event::DocumentAdded {
        document_type: DocumentType::IdPassport,
        revision: Revision(revision),
        expires_at: None,
        duplicates: Vec::new(),
    }
}

pub(crate) fn passport_uploaded(revision: u32) -> Event {
    Event::DocumentUploaded {
        document_type: DocumentType::IdPassport,
        revision: Revision(revision),
        epoch: None,
        provider_document_id: "doc-1".into(),
    }
}

pub(crate) fn profile(revision: u32, json: &str) -> PersonalData {
    PersonalData::Profile { revision: Revision(revision), json: json.into() }
}

pub(crate) fn passport(revision: u32, bytes: &[u8]) -> PersonalData {
    PersonalData::DocumentContent {
        document_type: DocumentType::IdPassport,
        revision: Revision(revision),
        media_type: "image/png".into(),
        bytes: bytes.into(),
    }
}

pub(crate) fn wanted() -> Event {
    Event::WantedProductsSet { products: BTreeSet::from([Product::Onramp]) }
}

pub(crate) fn onramp(status: ProductStatus) -> Eligibility {
    let missing_documents =
        if status == ProductStatus::RequiresData { vec!["id".to_owned()] } else { Vec::new() };
    Eligibility { product: Product::Onramp, status, missing_data: Vec::new(), missing_documents }
}

/// The provider's good answer to a call; a verdict is `status`.
pub(crate) fn answer(call: &Call, status: ProductStatus) -> Event {
    match call {
        Call::AcceptPrivacyPolicy { revision } => {
            Event::PrivacyPolicyAccepted { revision: *revision, epoch: None }
        }
        Call::AcceptTerms { revision } => Event::TermsAccepted { revision: *revision, epoch: 0 },
        Call::ReadUser { epoch } => {
            Event::UserRead { epoch: *epoch, shown: onboarding::Shown::default() }
        }
        Call::RegisterUser { revision } => {
            Event::UserRegistered { revision: *revision, epoch: None }
        }
        Call::UploadDocument { document_type, revision } => Event::DocumentUploaded {
            document_type: document_type.clone(),
            revision: *revision,
            epoch: None,
            provider_document_id: "doc-1".into(),
        },
        Call::TriggerVerification { trigger } => {
            Event::VerificationTriggered { trigger: *trigger, eligibility: vec![onramp(status)] }
        }
        Call::CheckStatus { epoch } => {
            Event::StatusChecked { epoch: *epoch, eligibility: vec![onramp(status)] }
        }
        Call::LinkWallet { number, revision } => Event::WalletLinked {
            number: *number,
            revision: *revision,
            epoch: 0,
            ownership: onboarding::Ownership::Verified,
        },
    }
}

/// Commits, and expects that to succeed.
pub(crate) async fn put(store: &impl Store, commit: Commit) -> Option<Claimed> {
    match store.commit(commit).await.unwrap() {
        Committed::Stored { next } => next,
        Committed::Conflict => panic!("the commit conflicts"),
    }
}

pub(crate) async fn stored(store: &impl Store, number: u128) -> Stored {
    store.load(id(number)).await.unwrap().unwrap()
}

/// Stores a new user with wanted products and a profile: registering is due at `now`.
pub(crate) async fn begin(store: &impl Store, number: u128, now: Timestamp) -> Stored {
    let events = [wanted(), profile_set(1)];
    let mut commit = change(&blank(number, now), &events, now, store.policy());
    commit.personal.push(profile(1, "{}"));
    put(store, commit).await;
    stored(store, number).await
}

/// Applies more events to a stored user.
pub(crate) async fn more(store: &impl Store, number: u128, events: &[Event], now: Timestamp) {
    let before = stored(store, number).await;
    put(store, change(&before, events, now, store.policy())).await;
}

/// A user who is registered, asked for verification and has it to be triggered at `now`.
pub(crate) async fn begin_to_trigger(store: &impl Store, number: u128, now: Timestamp) {
    begin(store, number, now).await;
    let registered = Event::UserRegistered { revision: Revision(1), epoch: None };
    more(store, number, &[registered, Event::VerificationRequested], now).await;
}

pub(crate) async fn claim(store: &impl Store, now: Timestamp) -> Claims {
    claim_by(store, WORKER, now).await
}

pub(crate) async fn claim_by(store: &impl Store, worker: Worker, now: Timestamp) -> Claims {
    store
        .claim(ClaimRequest { worker, now, limit: 100, in_call: Vec::new(), only: None })
        .await
        .unwrap()
}

pub(crate) fn ids(claims: &Claims) -> Vec<OnboardingId> {
    claims.claimed.iter().map(|claimed| claimed.stored.onboarding.id).collect()
}

/// The commit of a good answer to a claimed call.
pub(crate) fn answered(
    claimed: &Claimed,
    status: ProductStatus,
    claim: ClaimAfter,
    now: Timestamp,
    policy: &Policy,
) -> Commit {
    let events = [answer(&claimed.call, status)];
    Commit { actor: Actor::Worker, claim, ..change(&claimed.stored, &events, now, policy) }
}
