//! A store in memory that fails and lingers when a test says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use onboarding::{DocumentType, Lane, OnboardingId, Policy, State, Timestamp, UserLocator};
use store::{
    ClaimRequest, Claims, Commit, Committed, DocumentContent, DocumentDigest, HistoryRow,
    ListRequest, MemoryStore, NotesDue, Notified, ProfileContent, ProviderGate, Store, StoreError,
    Stored, StoredTask, TaskRequest, WalletContent,
};
use tokio::time::Instant;

use crate::latch::Latch;

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFault {
    /// It is not stored.
    NotStored,
    /// It is stored, and nobody can tell.
    Unknown,
    /// Someone else was faster.
    Conflict,
}

/// What becomes of a read of a profile or of a document's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFault {
    /// It can't be read now.
    Unavailable,
    /// It will never be readable.
    Damaged,
    /// It is not there.
    Missing,
}

impl ReadFault {
    fn answer<T>(self) -> Result<Option<T>, StoreError> {
        match self {
            Self::Unavailable => Err(StoreError::Unavailable(unusable())),
            Self::Damaged => {
                Err(StoreError::Damaged { id: "a user's".to_owned(), what: "planted".to_owned() })
            }
            Self::Missing => Ok(None),
        }
    }
}

/// Where something waits, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    ReadingProfile,
    ReadingDocument,
    Committing,
}

/// A store in memory that fails and lingers when a test says so.
pub struct FailingStore {
    inner: MemoryStore,
    faults: Mutex<Faults>,
}

#[derive(Default)]
struct Faults {
    commits: VecDeque<CommitFault>,
    reads: VecDeque<ReadFault>,
    claims: u32,
    claims_failed_at: Vec<Instant>,
    loads: u32,
    latches: BTreeMap<Place, Latch>,
}

impl FailingStore {
    pub fn new(policy: Policy) -> Self {
        Self { inner: MemoryStore::new(policy), faults: Mutex::default() }
    }

    /// Makes an onboarding unreadable.
    pub fn damage(&self, id: OnboardingId) {
        self.inner.damage(id);
    }

    /// The next commits fail so.
    pub fn fail_commits(&self, faults: impl IntoIterator<Item = CommitFault>) {
        self.faults().commits.extend(faults);
    }

    /// How many of the commits that are to fail have not been tried yet.
    pub fn commits_to_fail(&self) -> usize {
        self.faults().commits.len()
    }

    /// The next reads of profiles and of documents' bytes fail so.
    pub fn fail_reads(&self, faults: impl IntoIterator<Item = ReadFault>) {
        self.faults().reads.extend(faults);
    }

    /// The next claims fail.
    pub fn fail_claims(&self, times: u32) {
        self.faults().claims = times;
    }

    /// When claims failed, in order.
    pub fn claims_failed_at(&self) -> Vec<Instant> {
        self.faults().claims_failed_at.clone()
    }

    /// The next loads fail.
    pub fn fail_loads(&self, times: u32) {
        self.faults().loads = times;
    }

    /// Whoever comes to a place next waits there.
    pub fn wait_at(&self, place: Place) -> Latch {
        let latch = Latch::default();
        self.faults().latches.insert(place, latch.clone());
        latch
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap()
    }

    async fn come_to(&self, place: Place) {
        let latch = self.faults().latches.remove(&place);
        if let Some(latch) = latch {
            latch.pass().await;
        }
    }
}

fn unusable() -> Box<dyn std::error::Error + Send + Sync> {
    "a fault that a test planted".into()
}

/// Whether one more of `times` is left, taking it.
fn one_of(times: &mut u32) -> bool {
    let any = *times > 0;
    *times = times.saturating_sub(1);
    any
}

impl Store for FailingStore {
    fn policy(&self) -> &Policy {
        self.inner.policy()
    }

    async fn find(&self, user: &UserLocator) -> Result<Option<Stored>, StoreError> {
        self.inner.find(user).await
    }

    async fn load(&self, id: OnboardingId) -> Result<Option<Stored>, StoreError> {
        if one_of(&mut self.faults().loads) {
            return Err(StoreError::Unavailable(unusable()));
        }
        self.inner.load(id).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.come_to(Place::Committing).await;
        let fault = self.faults().commits.pop_front();
        match fault {
            None => self.inner.commit(commit).await,
            Some(CommitFault::Conflict) => Ok(Committed::Conflict),
            Some(CommitFault::NotStored) => Err(StoreError::Unavailable(unusable())),
            Some(CommitFault::Unknown) => {
                self.inner.commit(commit).await?;
                Err(StoreError::Unknown(unusable()))
            }
        }
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        if one_of(&mut self.faults().claims) {
            self.faults().claims_failed_at.push(Instant::now());
            return Err(StoreError::Unavailable(unusable()));
        }
        self.inner.claim(request).await
    }

    async fn slow_down(
        &self,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.slow_down(lane, now, until).await
    }

    async fn provider_gate(&self) -> Result<ProviderGate, StoreError> {
        self.inner.provider_gate().await
    }

    async fn set_provider_gate(
        &self,
        gate: ProviderGate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.set_provider_gate(gate, now).await
    }

    async fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<Notified>, StoreError> {
        self.inner.events_after(seq, limit).await
    }

    async fn profile(&self, id: OnboardingId) -> Result<Option<ProfileContent>, StoreError> {
        self.come_to(Place::ReadingProfile).await;
        let fault = self.faults().reads.pop_front();
        match fault {
            Some(fault) => fault.answer(),
            None => self.inner.profile(id).await,
        }
    }

    async fn profiles(
        &self,
        ids: &[OnboardingId],
    ) -> Result<BTreeMap<OnboardingId, ProfileContent>, StoreError> {
        self.inner.profiles(ids).await
    }

    async fn document_content(
        &self,
        id: OnboardingId,
        document_type: &DocumentType,
    ) -> Result<Option<DocumentContent>, StoreError> {
        self.come_to(Place::ReadingDocument).await;
        let fault = self.faults().reads.pop_front();
        match fault {
            Some(fault) => fault.answer(),
            None => self.inner.document_content(id, document_type).await,
        }
    }

    async fn digest_key(&self) -> Result<[u8; 32], StoreError> {
        self.inner.digest_key().await
    }

    async fn document_digests(
        &self,
        id: OnboardingId,
    ) -> Result<BTreeMap<DocumentType, DocumentDigest>, StoreError> {
        self.inner.document_digests(id).await
    }

    async fn wallets(&self, id: OnboardingId) -> Result<Vec<WalletContent>, StoreError> {
        self.inner.wallets(id).await
    }

    async fn same_file(
        &self,
        digest: DocumentDigest,
        except: OnboardingId,
    ) -> Result<Vec<OnboardingId>, StoreError> {
        self.inner.same_file(digest, except).await
    }

    async fn list(&self, request: ListRequest) -> Result<Vec<Stored>, StoreError> {
        self.inner.list(request).await
    }

    async fn counts(&self) -> Result<BTreeMap<State, u64>, StoreError> {
        self.inner.counts().await
    }

    async fn tasks(&self, request: TaskRequest) -> Result<Vec<StoredTask>, StoreError> {
        self.inner.tasks(request).await
    }

    async fn notes_due(&self, now: Timestamp, limit: usize) -> Result<NotesDue, StoreError> {
        self.inner.notes_due(now, limit).await
    }

    async fn history(
        &self,
        id: OnboardingId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        self.inner.history(id, after_version, limit).await
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        self.inner.check_writable().await
    }
}
