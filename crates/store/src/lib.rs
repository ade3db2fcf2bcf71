//! Durable state of every onboarding: one transaction a method.
//!
//! A store keeps what happened and hands out due work. It decides nothing: the rules are
//! `onboarding`'s, and the store only asks them what is due. It never calls the provider
//! and never reads a clock.

mod budget;
mod due;
mod memory;
mod outbox;
mod snapshot;
mod sqlite;

#[cfg(feature = "break-points")]
pub mod break_point;
pub mod conformance;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use onboarding::{
    Call, DocumentType, Event, GivenWallet, HistoryEntry, Lane, LinkedWallet, Notification,
    Onboarding, OnboardingId, Policy, Revision, State, Task, Timestamp, Transition, UserLocator,
    WalletNumber,
};
use serde_json::Value;

pub use budget::Budgets;
use due::{Queue, Rank};
pub use memory::MemoryStore;
pub use outbox::{
    About, Delivery, DeliveryKey, DeliveryState, DisabledFor, DueDelivery, Endpoint, EndpointAfter,
    NewEndpoint, NewSecret, Notified, Replay, Settled, Tried,
};
#[cfg(feature = "fuzzing")]
pub use snapshot::{Snapshot, Upgrade, read as read_snapshot, write as write_snapshot};
pub use sqlite::{
    Answered, ApiKey, CensusPage, Change, Changes, CheckedPage, Damage, Figures, GroupCommit,
    OpenError, QueueFigures, Remember, SqliteStore, StoreCheck, WANTED_WITHIN_MS, path_of,
    worker_is_running,
};

/// An onboarding, and the user whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The user.
    pub user: UserLocator,
    /// The onboarding.
    pub onboarding: Onboarding,
}

/// Who made something happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The worker, by calling the provider.
    Worker,
    /// A person or a script, by the command line.
    Cli,
    /// A client of the HTTP API.
    Api,
}

impl Actor {
    const ALL: [Self; 3] = [Self::Worker, Self::Cli, Self::Api];

    /// The word in the store and in status output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Cli => "cli",
            Self::Api => "api",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|actor| actor.as_str() == word)
    }
}

/// A change to one onboarding, committed whole or not at all.
pub struct Commit {
    /// Whose onboarding it is; it is created by the first transition.
    pub user: UserLocator,
    /// What happened, in order: versions without gaps, the first one on the stored version.
    /// May be empty when a claim is only given back.
    pub transitions: Vec<Transition>,
    /// Who made it happen.
    pub actor: Actor,
    /// Personal data that comes with it.
    pub personal: Vec<PersonalData>,
    /// What becomes of the committing worker's claim.
    pub claim: ClaimAfter,
    /// The onboarding that is committed to.
    pub id: OnboardingId,
    /// The time of the commit.
    pub now: Timestamp,
    /// What the request that asked for it is answered, if it may be repeated.
    pub remember: Option<Remember>,
}

impl Commit {
    /// What happened to one onboarding and nothing else: no personal data comes with it, no claim
    /// is touched by it, and nothing is remembered of who asked for it.
    #[must_use]
    pub const fn new(
        id: OnboardingId,
        user: UserLocator,
        transitions: Vec<Transition>,
        actor: Actor,
        now: Timestamp,
    ) -> Self {
        Self {
            user,
            transitions,
            actor,
            personal: Vec::new(),
            claim: ClaimAfter::Untouched,
            id,
            now,
            remember: None,
        }
    }

    /// The version that the change builds on; 0 creates the onboarding.
    fn version_before(&self) -> u64 {
        self.transitions.first().map_or(0, |first| first.onboarding.version - 1)
    }

    /// Transitions that do not follow each other could never be replayed: whoever made them
    /// is broken.
    fn assert_without_gaps(&self) {
        for (transition, version) in self.transitions.iter().zip(self.version_before() + 1..) {
            let onboarding = &transition.onboarding;
            assert_eq!(onboarding.version, version, "a gap in the versions of {}", self.id);
            assert_eq!(onboarding.id, self.id, "a transition of another than {}", self.id);
        }
    }
}

/// What becomes of a claim at a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimAfter {
    /// The committer holds none, and others' are untouched.
    Untouched,
    /// The worker gives its claim back.
    Release(Lease),
    /// The worker gives its claim back without having made the call, which falls due again at
    /// a later time. So it does not stand in the way of others that can be made meanwhile.
    Postpone {
        /// The claim's lease.
        lease: Lease,
        /// When the call falls due again, if nothing changes it before.
        until: Timestamp,
    },
    /// The worker gives it back and, if another call is due at once and the budget allows,
    /// claims that in the same transaction.
    Continue {
        /// The claim's lease.
        lease: Lease,
        /// Who claims the next call.
        worker: Worker,
    },
}

impl ClaimAfter {
    /// The lease of the claim that is given back.
    #[must_use]
    pub const fn given_back(&self) -> Option<Lease> {
        match self {
            Self::Untouched => None,
            Self::Release(lease) | Self::Postpone { lease, .. } | Self::Continue { lease, .. } => {
                Some(*lease)
            }
        }
    }
}

/// The lease of one claim. The time tells it from an earlier one of the same worker that ran
/// out: an answer that comes late gives back the claim that it answers, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose claim it is.
    pub by: WorkerId,
    /// When it runs out if the claim is never completed.
    pub until: Timestamp,
}

/// Content that only the store's one module for personal data sees in clear.
/// It has no `Debug`.
#[derive(Clone)]
pub enum PersonalData {
    /// The whole profile; it replaces the one before.
    Profile {
        /// Its revision.
        revision: Revision,
        /// The profile as JSON.
        json: Vec<u8>,
    },
    /// A document's bytes; they replace an earlier revision's.
    DocumentContent {
        /// Its type.
        document_type: DocumentType,
        /// Its revision.
        revision: Revision,
        /// The MIME type that the bytes were found to have.
        media_type: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The digest of a document's file, as it was given; it replaces an earlier revision's.
    DocumentDigest {
        /// Its type.
        document_type: DocumentType,
        /// The digest.
        digest: DocumentDigest,
    },
    /// A wallet; it replaces an earlier revision and its challenge.
    Wallet {
        /// Its number.
        number: WalletNumber,
        /// Its revision.
        revision: Revision,
        /// The wallet.
        wallet: GivenWallet,
    },
    /// What the provider wants to be signed for a wallet. It is dropped if the wallet is of
    /// another revision by now.
    WalletChallenge {
        /// The wallet's number.
        number: WalletNumber,
        /// The revision that the provider linked.
        revision: Revision,
        /// In the provider's own form.
        challenge: Value,
    },
}

/// A digest with the database's key ([`Store::digest_key`]) of a file as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentDigest(pub [u8; 32]);

/// How many others who gave the same file are told of.
pub const SAME_FILE_MAX: usize = 5;

impl PersonalData {
    fn bytes(&self) -> usize {
        match self {
            Self::Profile { json, .. } => json.len(),
            Self::DocumentContent { bytes, .. } => bytes.len(),
            Self::DocumentDigest { digest, .. } => digest.0.len(),
            // There are few, and they are small: their limit is that of a user's whole file.
            Self::Wallet { wallet, .. } => wallet.address.len(),
            Self::WalletChallenge { .. } => 0,
        }
    }
}

/// What a commit led to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a commit; it is moved, never kept")]
pub enum Committed {
    /// It is stored.
    Stored {
        /// The claim of the next call, where [`ClaimAfter::Continue`] got one.
        next: Option<Claimed>,
    },
    /// The onboarding is not at the version that the change builds on: load and apply again. Or
    /// the request was carried out already, and its answer is remembered.
    Conflict,
}

/// The id of one worker process; new at every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WorkerId(pub i64);

/// A worker that claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// How long a claim lasts if it is never completed.
    pub lease_ms: u64,
    /// The provider's limits, shared by all workers on one store.
    pub budgets: Budgets,
}

impl Worker {
    /// The lease of a claim that it makes at `now`.
    #[must_use]
    pub const fn lease_at(&self, now: Timestamp) -> Lease {
        Lease { by: self.id, until: now.plus_ms(self.lease_ms) }
    }
}

/// A request for due work.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Who claims.
    pub worker: Worker,
    /// The time.
    pub now: Timestamp,
    /// At most this many.
    pub limit: usize,
    /// Onboardings for which the worker makes a call as it claims. The lease of a slow one may
    /// have run out; it is not claimed, as no second call is made beside the first.
    pub in_call: Vec<OnboardingId>,
    /// One call alone, when the provider is closed and that is to probe it.
    pub only: Option<Probe>,
}

/// Restricts a claim to the one call that tells most about whether the provider is open again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// A call of this lane comes first, one of the other lane if there is none.
    pub first: Lane,
    /// Onboardings that were refused already: claimed only if no other is due in either lane.
    pub avoid: Vec<OnboardingId>,
}

impl ClaimRequest {
    fn limit_of_claims(&self) -> usize {
        if self.only.is_some() { self.limit.min(1) } else { self.limit }
    }

    /// Whether a call is of those that a probe leaves for the end, and of the lane that it does
    /// not want, and its queue's turn: the smaller is claimed first.
    fn rank(&self, id: OnboardingId, queue: Queue) -> Rank {
        let turn = queue.turn(self.now);
        let Some(probe) = &self.only else { return (false, false, turn) };
        (probe.avoid.contains(&id), probe.first != queue.lane, turn)
    }
}

/// Due work: a claim is the permission to make the call.
#[derive(Debug)]
pub struct Claimed {
    /// The onboarding as it is stored now; for a trigger, with [`Event::TriggerBegun`] applied.
    pub stored: Stored,
    /// The call that may be made.
    pub call: Call,
    /// The claim's lease, by which it is given back.
    pub lease: Lease,
}

/// The answer to a [`ClaimRequest`].
#[derive(Debug, Default)]
pub struct Claims {
    /// What was claimed.
    pub claimed: Vec<Claimed>,
    /// When more could be claimed at the earliest: something falls due, a lease runs out, or
    /// the budget allows another call. Not later than now if the limit left some unclaimed;
    /// `None` when nothing is waiting.
    pub next_at: Option<Timestamp>,
}

/// The profile's content.
pub struct ProfileContent {
    /// Its revision.
    pub revision: Revision,
    /// The profile as JSON.
    pub json: Vec<u8>,
}

/// A document's content.
pub struct DocumentContent {
    /// Its revision.
    pub revision: Revision,
    /// The MIME type that the bytes were found to have.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A wallet that is held. It has no `Debug`.
pub struct WalletContent {
    /// Its number.
    pub number: WalletNumber,
    /// Its revision.
    pub revision: Revision,
    /// The wallet.
    pub wallet: GivenWallet,
    /// What the provider wants to be signed for it, in the provider's own form.
    pub challenge: Option<Value>,
}

impl WalletContent {
    /// How it is shown to whoever may see personal data; `None` if `onboarding`, whose it is, does
    /// not know it, or knows another revision by now.
    #[must_use]
    pub fn view(&self, onboarding: &Onboarding) -> Option<LinkedWallet> {
        let known = onboarding.wallets.get(&self.number);
        let known = known.filter(|known| known.revision == self.revision)?;
        Some(LinkedWallet::of(self.number, known, &self.wallet, self.challenge.as_ref()))
    }
}

/// A row of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// The onboarding's version after it.
    pub version: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// Who made it happen: `worker`, `cli` or `api`.
    pub actor: Actor,
    /// The policy under which it was applied: with it, history can be replayed exactly.
    pub policy: Arc<Policy>,
}

impl HistoryRow {
    /// How it is shown.
    #[must_use]
    pub fn view(&self) -> HistoryEntry {
        let states = (self.from, self.to);
        HistoryEntry::of(self.version, self.at, &self.event, states, self.actor.as_str())
    }
}

/// A page of a list, in order of creation.
#[derive(Clone, Copy, Debug)]
pub struct ListRequest {
    /// Only onboardings in this state.
    pub state: Option<State>,
    /// Only those created after this one.
    pub after: Option<OnboardingId>,
    /// At most this many.
    pub limit: usize,
}

/// A page of the tasks that are not closed, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct TaskRequest {
    /// Only this onboarding's.
    pub of: Option<OnboardingId>,
    /// Only those that come after this one, named by its onboarding and its number.
    pub after: Option<(OnboardingId, u32)>,
    /// At most this many.
    pub limit: usize,
}

impl TaskRequest {
    /// The first page, of one onboarding or of all.
    #[must_use]
    pub const fn first(of: Option<OnboardingId>, limit: usize) -> Self {
        Self { of, after: None, limit }
    }
}

/// A task, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTask {
    /// The user.
    pub user: UserLocator,
    /// The onboarding that it is of.
    pub onboarding: Onboarding,
    /// The task.
    pub task: Task,
}

/// Onboardings whose next note (see [`onboarding::next_note`]) has fallen due.
#[derive(Debug, Default)]
pub struct NotesDue {
    /// They, as they are stored now.
    pub due: Vec<Stored>,
    /// When the next one falls due after these; not later than now if the limit left some.
    pub next_at: Option<Timestamp>,
}

/// Whether the provider takes our calls at all, over all onboardings and restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProviderGate {
    /// It does, as far as we know.
    #[default]
    Open,
    /// It refuses everyone: the worker only probes.
    Closed(Closed),
}

impl ProviderGate {
    /// Since when it is closed, if it is.
    #[must_use]
    pub const fn closed_since(&self) -> Option<Timestamp> {
        match self {
            Self::Open => None,
            Self::Closed(closed) => Some(closed.since),
        }
    }
}

/// What is known of a closed provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Since when.
    pub since: Timestamp,
    /// When to probe next.
    pub probe_at: Timestamp,
    /// How many probes failed.
    pub probes: u32,
    /// The lane of the call that found it closed.
    pub lane: Lane,
    /// The onboarding whose call that was.
    pub suspect: OnboardingId,
    /// The provider's message, without personal data.
    pub message: String,
}

impl ProviderGate {
    /// What others are told when it becomes `after`; nothing while it stays open or closed.
    fn turned_into(&self, after: &Self) -> Option<Notification> {
        match (self, after) {
            (Self::Open, Self::Closed(closed)) => {
                Some(Notification::ProviderClosed { since: closed.since })
            }
            (Self::Closed(closed), Self::Open) => {
                Some(Notification::ProviderOpened { closed_since: closed.since })
            }
            (Self::Open, Self::Open) | (Self::Closed(_), Self::Closed(_)) => None,
        }
    }
}

/// What can go wrong with a store, by what the caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store can't be read or written now: full disk, failed fsync, lock. What was to be
    /// written was not, as far as could be read afterwards. Try again.
    #[error("the store can't be used now; check the disk's space and health, then try again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody can tell whether it was written. Load, and see.
    #[error(
        "it is not known whether the change was stored; read the status, then repeat what is missing"
    )]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row can't be read.
    #[error("onboarding {id} is damaged in the store ({what}); restore it from a backup")]
    Damaged {
        /// Whose row it is, as far as it can be told.
        id: String,
        /// What is wrong with it.
        what: String,
    },
    /// The store was shut down.
    #[error("the store is closed")]
    Closed,
}

/// Whether document bytes or a wallet may be held no longer after an event, and are then deleted.
fn lets_go_of_contents(event: &Event) -> bool {
    matches!(
        event,
        Event::DocumentUploaded { .. }
            | Event::DocumentWithdrawn { .. }
            | Event::WalletWithdrawn { .. }
    )
}

/// The locator that an erased user keeps in place of the own one.
fn erased_user(id: OnboardingId) -> UserLocator {
    format!("userId:erased-{id}").parse().expect("an id is a valid value of a userId locator")
}

/// Durable state. One transaction a method; what a method that writes has answered is on disk.
pub trait Store: Send + Sync + 'static {
    /// The policy under which this process applies events.
    fn policy(&self) -> &Policy;

    /// The onboarding of a user.
    fn find(
        &self,
        user: &UserLocator,
    ) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// An onboarding by its id.
    fn load(
        &self,
        id: OnboardingId,
    ) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// The one way to change an onboarding: the row (only if its version is still the one
    /// that the change builds on), its history, its tasks, its personal data, and what others
    /// are told of it.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Claims due work: takes each call from its budget, sets the lease, and records
    /// [`Event::TriggerBegun`] before a trigger, in one transaction.
    fn claim(
        &self,
        request: ClaimRequest,
    ) -> impl Future<Output = Result<Claims, StoreError>> + Send;

    /// The provider answered 429: nobody calls in `lane` before `until` (but an hour later at
    /// most), and the pace is halved for a while.
    fn slow_down(
        &self,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the provider takes our calls.
    fn provider_gate(&self) -> impl Future<Output = Result<ProviderGate, StoreError>> + Send;

    /// Records whether it does from `now` on; others are told when it closes and opens.
    fn set_provider_gate(
        &self,
        gate: ProviderGate,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The profile that is held for an onboarding.
    fn profile(
        &self,
        id: OnboardingId,
    ) -> impl Future<Output = Result<Option<ProfileContent>, StoreError>> + Send;

    /// The profiles that are held for some onboardings; one that can't be read is left out.
    fn profiles(
        &self,
        ids: &[OnboardingId],
    ) -> impl Future<Output = Result<BTreeMap<OnboardingId, ProfileContent>, StoreError>> + Send;

    /// The bytes that are held of a document.
    fn document_content(
        &self,
        id: OnboardingId,
        document_type: &DocumentType,
    ) -> impl Future<Output = Result<Option<DocumentContent>, StoreError>> + Send;

    /// The wallets that are held for an onboarding, in the order of their numbers. One that can't
    /// be read is left out, as one that was lost.
    fn wallets(
        &self,
        id: OnboardingId,
    ) -> impl Future<Output = Result<Vec<WalletContent>, StoreError>> + Send;

    /// The key of every digest in this database. It never changes.
    fn digest_key(&self) -> impl Future<Output = Result<[u8; 32], StoreError>> + Send;

    /// The digests of an onboarding's documents, as far as they are known.
    fn document_digests(
        &self,
        id: OnboardingId,
    ) -> impl Future<Output = Result<BTreeMap<DocumentType, DocumentDigest>, StoreError>> + Send;

    /// The others who gave the same file: at most [`SAME_FILE_MAX`], those created first.
    fn same_file(
        &self,
        digest: DocumentDigest,
        except: OnboardingId,
    ) -> impl Future<Output = Result<Vec<OnboardingId>, StoreError>> + Send;

    /// A page of onboardings, in order of creation. It is full unless it is the last one: an
    /// onboarding that is damaged is passed over, with an error in the log.
    fn list(
        &self,
        request: ListRequest,
    ) -> impl Future<Output = Result<Vec<Stored>, StoreError>> + Send;

    /// How many onboardings there are in each state.
    fn counts(&self) -> impl Future<Output = Result<BTreeMap<State, u64>, StoreError>> + Send;

    /// The tasks that are not closed, of one onboarding or of all: oldest first, and those of
    /// the same time in the order in which they were stored. One that is damaged is passed
    /// over, with an error in the log.
    fn tasks(
        &self,
        request: TaskRequest,
    ) -> impl Future<Output = Result<Vec<StoredTask>, StoreError>> + Send;

    /// Onboardings of which something is to be noted by now, at most `limit` of them. Nothing is
    /// claimed: of workers who note the same at once, the version lets one win.
    fn notes_due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<NotesDue, StoreError>> + Send;

    /// The history of an onboarding after a version, in order.
    fn history(
        &self,
        id: OnboardingId,
        after_version: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<HistoryRow>, StoreError>> + Send;

    /// What others are told of after the notification `seq`, in order.
    fn events_after(
        &self,
        seq: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Notified>, StoreError>> + Send;

    /// Proves that the store can be written, by writing.
    fn check_writable(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}
