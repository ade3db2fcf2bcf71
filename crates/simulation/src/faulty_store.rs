//! The store as one process reaches it: each operation may be delayed, may fail, and may be
//! the last thing that the process does, before or after its effect. What takes effect is
//! followed by the ledger at once.

use std::collections::BTreeMap;

use onboarding::{
    DocumentType, Event, Lane, Onboarding, OnboardingId, Policy, State, Timestamp, UserLocator,
    next_note,
};
use store::{
    Budgets, ClaimAfter, ClaimRequest, Claimed, Claims, Commit, Committed, DocumentContent,
    DocumentDigest, HistoryRow, ListRequest, NotesDue, Notified, ProfileContent, ProviderGate,
    Store, StoreError, Stored, StoredTask, TaskRequest, WalletContent, Worker,
};

use crate::base::{Opened, ask};
use crate::coverage::{Operation, Point};
use crate::ledger::CommitNote;
use crate::planted::Planted;
use crate::world::{Process, World};

/// The store as one process reaches it.
pub(crate) struct FaultyStore {
    inner: Opened,
    world: World,
    process: Process,
}

impl FaultyStore {
    pub(crate) fn new(inner: Opened, world: World, process: Process) -> Self {
        Self { inner, world, process }
    }

    fn is_planted(&self, planted: Planted) -> bool {
        self.world.state().planted == Some(planted)
    }

    async fn before(&self, operation: Operation) -> Result<(), StoreError> {
        let at = Point::Before(operation);
        self.world.point(self.process, at).await;
        let mut state = self.world.state();
        if !state.store_fails(self.process) {
            return Ok(());
        }
        state.tell(|| format!("{} finds the store unusable {at}", self.process));
        Err(StoreError::Unavailable("the disk is full".into()))
    }

    /// After the effect of an operation that writes: its success may not be told.
    async fn after(&self, operation: Operation) -> Result<(), StoreError> {
        let at = Point::After(operation);
        self.world.point(self.process, at).await;
        let mut state = self.world.state();
        if !state.store_fails(self.process) {
            return Ok(());
        }
        state.tell(|| format!("{} is not told by the store {at}", self.process));
        Err(StoreError::Unknown("the disk did not answer".into()))
    }

    /// An operation that writes nothing.
    async fn read<T>(
        &self,
        operation: Operation,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.before(operation).await?;
        let answer = read()?;
        self.world.point(self.process, Point::After(operation)).await;
        Ok(answer)
    }

    fn planted_worker(&self, worker: Worker) -> Worker {
        match self.world.state().planted {
            Some(Planted::ForgetTheLease) => Worker { lease_ms: 0, ..worker },
            Some(Planted::ForgetTheBudget) => {
                let budgets = Budgets { writes_per_minute: 0, reads_per_minute: 0 };
                Worker { budgets, ..worker }
            }
            Some(_) | None => worker,
        }
    }

    fn perform(&self, mut commit: Commit) -> Result<Committed, StoreError> {
        if let ClaimAfter::Continue { lease, worker } = commit.claim {
            let worker = self.planted_worker(worker);
            commit.claim = ClaimAfter::Continue { lease, worker };
        }
        let note = CommitNote::of(&commit, self.process);
        let is_worker = commit.claim != ClaimAfter::Untouched;
        if !is_worker && self.is_planted(Planted::AcknowledgeBeforeCommit) {
            return Ok(Committed::Stored { next: None });
        }
        if is_worker && self.is_planted(Planted::ApplyAnAnswerTwice) {
            self.double(&mut commit);
        }
        if self.is_planted(Planted::RemindTwice) {
            remind_twice(&mut commit);
        }
        if is_worker && self.is_planted(Planted::DropTheVersionCheck) {
            self.rebase(&mut commit)?;
        }
        let committed = ask!(&self.inner, commit(commit))?;
        let mut state = self.world.state();
        match &committed {
            Committed::Stored { next } => {
                state.commit_is_stored(&note);
                if let Some(claimed) = next {
                    state.claim_is_made(self.process, claimed, note.now);
                }
            }
            Committed::Conflict => state.tell(|| {
                format!("user {}: {} was too late with a commit", note.user, self.process)
            }),
        }
        Ok(committed)
    }

    /// The planted fault: what is stored meanwhile is overwritten.
    fn rebase(&self, commit: &mut Commit) -> Result<(), StoreError> {
        let Some(stored) = ask!(&self.inner, load(commit.id))? else { return Ok(()) };
        for (transition, version) in
            commit.transitions.iter_mut().zip(stored.onboarding.version + 1..)
        {
            transition.onboarding.version = version;
        }
        Ok(())
    }

    /// The planted fault: what is to be noted never is.
    fn is_forgotten(&self, onboarding: &Onboarding, now: Timestamp) -> bool {
        let note = next_note(onboarding, self.inner.policy(), now);
        match note.map(|note| note.event) {
            Some(Event::ProductRegressed(_)) => self.is_planted(Planted::ForgetARegression),
            Some(Event::TaskReminded { .. }) => self.is_planted(Planted::ForgetAReminder),
            Some(Event::RenewalOpened { .. }) => self.is_planted(Planted::ForgetARenewal),
            Some(_) | None => false,
        }
    }

    /// The planted fault: an answer counts as two.
    fn double(&self, commit: &mut Commit) {
        let is_answer = |onboarding: &Onboarding| onboarding.observation.is_some();
        let last = commit.transitions.last().filter(|last| is_answer(&last.onboarding)).cloned();
        if let Some(mut again) = last {
            again.from = again.onboarding.state;
            again.onboarding.version += 1;
            commit.transitions.push(again);
        }
    }
}

/// The planted fault: a reminder is recorded as two.
fn remind_twice(commit: &mut Commit) {
    let last = commit.transitions.last();
    let reminder = last.filter(|last| matches!(last.event, Event::TaskReminded { .. }));
    if let Some(mut again) = reminder.cloned() {
        again.from = again.onboarding.state;
        again.onboarding.version += 1;
        commit.transitions.push(again);
    }
}

impl Store for FaultyStore {
    fn policy(&self) -> &Policy {
        self.inner.policy()
    }

    async fn find(&self, user: &UserLocator) -> Result<Option<Stored>, StoreError> {
        self.read(Operation::FindUser, || ask!(&self.inner, find(user))).await
    }

    async fn load(&self, id: OnboardingId) -> Result<Option<Stored>, StoreError> {
        self.read(Operation::Load, || ask!(&self.inner, load(id))).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.before(Operation::Commit).await?;
        let committed = self.perform(commit)?;
        self.after(Operation::Commit).await?;
        Ok(committed)
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        self.before(Operation::Claim).await?;
        let worker = self.planted_worker(request.worker);
        let mut claims = ask!(&self.inner, claim(ClaimRequest { worker, ..request }))?;
        if self.is_planted(Planted::NeverReadTheStatus) {
            let is_look = |claimed: &Claimed| claimed.call.lane() == Lane::Read;
            claims.claimed.retain(|claimed| !is_look(claimed));
        }
        {
            let mut state = self.world.state();
            for claimed in &claims.claimed {
                state.claim_is_made(self.process, claimed, request.now);
            }
        }
        if !claims.claimed.is_empty() {
            self.after(Operation::Claim).await?;
        }
        Ok(claims)
    }

    async fn slow_down(
        &self,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.before(Operation::SlowDown).await?;
        if !self.is_planted(Planted::ForgetToSlowDown) {
            ask!(&self.inner, slow_down(lane, now, until))?;
        }
        self.world.state().ledger.slowed_down(lane, now, until);
        self.after(Operation::SlowDown).await
    }

    async fn provider_gate(&self) -> Result<ProviderGate, StoreError> {
        // Only a worker that starts reads it, and one that dies then has done nothing yet.
        if self.world.state().store_fails(self.process) {
            return Err(StoreError::Unavailable("the disk is full".into()));
        }
        ask!(&self.inner, provider_gate())
    }

    async fn set_provider_gate(
        &self,
        gate: ProviderGate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.before(Operation::RecordGate).await?;
        ask!(&self.inner, set_provider_gate(gate, now))?;
        self.after(Operation::RecordGate).await
    }

    async fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<Notified>, StoreError> {
        ask!(&self.inner, events_after(seq, limit))
    }

    async fn profiles(
        &self,
        ids: &[OnboardingId],
    ) -> Result<BTreeMap<OnboardingId, ProfileContent>, StoreError> {
        ask!(&self.inner, profiles(ids))
    }

    async fn profile(&self, id: OnboardingId) -> Result<Option<ProfileContent>, StoreError> {
        let read = self.read(Operation::ReadProfile, || ask!(&self.inner, profile(id)));
        let mut content = read.await?;
        if let Some(content) = &mut content
            && self.is_planted(Planted::LoseASection)
        {
            let mut profile: serde_json::Value =
                serde_json::from_slice(&content.json).expect("the intake stores JSON");
            profile.as_object_mut().and_then(|profile| profile.remove("dueDiligence"));
            content.json = profile.to_string().into_bytes();
        }
        Ok(content)
    }

    async fn document_content(
        &self,
        id: OnboardingId,
        document_type: &DocumentType,
    ) -> Result<Option<DocumentContent>, StoreError> {
        let read = || ask!(&self.inner, document_content(id, document_type));
        self.read(Operation::ReadDocument, read).await
    }

    async fn digest_key(&self) -> Result<[u8; 32], StoreError> {
        self.read(Operation::ReadDigests, || ask!(&self.inner, digest_key())).await
    }

    async fn document_digests(
        &self,
        id: OnboardingId,
    ) -> Result<BTreeMap<DocumentType, DocumentDigest>, StoreError> {
        let read = || ask!(&self.inner, document_digests(id));
        self.read(Operation::ReadDigests, read).await
    }

    async fn wallets(&self, id: OnboardingId) -> Result<Vec<WalletContent>, StoreError> {
        self.read(Operation::ReadWallets, || ask!(&self.inner, wallets(id))).await
    }

    async fn same_file(
        &self,
        digest: DocumentDigest,
        except: OnboardingId,
    ) -> Result<Vec<OnboardingId>, StoreError> {
        let read = || ask!(&self.inner, same_file(digest, except));
        self.read(Operation::ReadDigests, read).await
    }

    async fn list(&self, request: ListRequest) -> Result<Vec<Stored>, StoreError> {
        ask!(&self.inner, list(request))
    }

    async fn counts(&self) -> Result<BTreeMap<State, u64>, StoreError> {
        ask!(&self.inner, counts())
    }

    async fn tasks(&self, request: TaskRequest) -> Result<Vec<StoredTask>, StoreError> {
        ask!(&self.inner, tasks(request))
    }

    async fn notes_due(&self, now: Timestamp, limit: usize) -> Result<NotesDue, StoreError> {
        let read = || ask!(&self.inner, notes_due(now, limit));
        let mut notes = self.read(Operation::ReadNotes, read).await?;
        notes.due.retain(|stored| !self.is_forgotten(&stored.onboarding, now));
        Ok(notes)
    }

    async fn history(
        &self,
        id: OnboardingId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let read = || ask!(&self.inner, history(id, after_version, limit));
        self.read(Operation::ReadHistory, read).await
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        ask!(&self.inner, check_writable())
    }
}
