//! A store in memory, for tests: what it answers is what the others answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onboarding::{
    DocumentType, Event, GivenWallet, Lane, Notification, NotificationKind, Onboarding,
    OnboardingId, Policy, Revision, State, Task, TaskState, Timestamp, Transition, UserLocator,
    WalletNumber,
};
use serde_json::Value;

use crate::budget::Pace;
use crate::due::{self, Due, Found, Queue, Rank, Ready};
use crate::outbox;
use crate::{
    About, Actor, ClaimAfter, ClaimRequest, Claimed, Claims, Commit, Committed, DocumentContent,
    DocumentDigest, HistoryRow, Lease, ListRequest, NotesDue, Notified, PersonalData,
    ProfileContent, ProviderGate, Remember, SAME_FILE_MAX, Store, StoreError, Stored, StoredTask,
    TaskRequest, WalletContent, Worker,
};

/// A store in memory. Clones share what is stored, as processes share a database.
#[derive(Clone)]
pub struct MemoryStore {
    policy: Arc<Policy>,
    shared: Arc<Mutex<Tables>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(policy), shared: Arc::default() }
    }

    /// The same store as another process would open it.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        Self { policy: Arc::new(policy), shared: Arc::clone(&self.shared) }
    }

    /// The same store as its only worker would open it: work that was claimed before can be
    /// claimed again at once.
    #[must_use]
    pub fn for_only_worker(&self, policy: Policy) -> Self {
        self.tables().rows.iter_mut().for_each(|row| row.lease = None);
        self.with_policy(policy)
    }

    /// Makes a row unreadable, as a bad disk does, until its next change replaces it.
    pub fn damage(&self, id: OnboardingId) {
        let mut tables = self.tables();
        if let Some(key) = tables.key_of(id) {
            tables.rows[key].is_damaged = true;
        }
    }

    /// A change either panics before it begins or is whole, so a poisoned lock harms nothing.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Tables {
    /// In order of creation; the place of a row is its key.
    rows: Vec<Row>,
    across: Across,
    paces: BTreeMap<Lane, Pace>,
    gate: ProviderGate,
    /// When requests were answered that may be repeated. What they were answered only SQLite keeps.
    answered: BTreeMap<[u8; 32], Timestamp>,
}

/// What counts over all rows.
#[derive(Default)]
struct Across {
    /// How many tasks were ever stored.
    task_count: u64,
    /// What others are told of; its place, counted from 1, is its number.
    told: Vec<Told>,
}

/// A notification, without who the user is.
struct Told {
    of: Option<(OnboardingId, u64)>,
    kind: NotificationKind,
    data: String,
    at: Timestamp,
}

impl Across {
    fn tell(
        &mut self,
        of: Option<(OnboardingId, u64)>,
        notification: &Notification,
        at: Timestamp,
    ) {
        let (kind, data) = (notification.kind(), outbox::data(notification));
        self.told.push(Told { of, kind, data, at });
    }
}

struct Row {
    user: UserLocator,
    onboarding: Onboarding,
    is_damaged: bool,
    due: Option<Due>,
    lease: Option<Lease>,
    note_at: Option<Timestamp>,
    history: Vec<HistoryRow>,
    tasks: BTreeMap<u32, TaskRow>,
    profile: Option<ProfileContent>,
    contents: BTreeMap<DocumentType, DocumentContent>,
    digests: BTreeMap<DocumentType, DocumentDigest>,
    wallets: BTreeMap<WalletNumber, (Revision, GivenWallet, Option<Value>)>,
}

struct TaskRow {
    /// Counts the tasks of all onboardings in the order in which they were stored.
    key: u64,
    task: Task,
}

impl Row {
    fn stored(&self) -> Stored {
        Stored { user: self.user.clone(), onboarding: self.onboarding.clone() }
    }

    fn read(&self) -> Result<Stored, StoreError> {
        self.intact()?;
        Ok(self.stored())
    }

    fn intact(&self) -> Result<(), StoreError> {
        if self.is_damaged {
            let id = self.onboarding.id.to_string();
            return Err(StoreError::Damaged { id, what: "missing field `id`".to_owned() });
        }
        Ok(())
    }

    fn is_leased(&self, now: Timestamp) -> bool {
        self.lease.is_some_and(|lease| lease.until > now)
    }

    fn append(
        &mut self,
        transition: Transition,
        actor: Actor,
        policy: &Arc<Policy>,
        across: &mut Across,
    ) {
        let Transition { event, at, from, onboarding, tasks, notifications } = transition;
        for task in tasks {
            let next_key = across.task_count + 1;
            let key = self.tasks.get(&task.number).map_or(next_key, |row| row.key);
            across.task_count = key.max(across.task_count);
            self.tasks.insert(task.number, TaskRow { key, task });
        }
        for notification in &notifications {
            across.tell(Some((onboarding.id, onboarding.version)), notification, at);
        }
        self.onboarding = onboarding;
        self.is_damaged = false;
        self.due = due::due(&self.onboarding, policy);
        self.note_at = due::note_at(&self.onboarding, policy);
        if crate::lets_go_of_contents(&event) {
            self.delete_contents_not_held();
        }
        if matches!(event, Event::Erased { .. }) {
            self.erase();
        }
        self.history.push(HistoryRow {
            version: self.onboarding.version,
            at,
            event,
            from,
            to: self.onboarding.state,
            actor,
            policy: Arc::clone(policy),
        });
    }

    fn put(&mut self, personal: PersonalData) {
        match personal {
            PersonalData::Profile { revision, json } => {
                self.profile = Some(ProfileContent { revision, json });
            }
            PersonalData::DocumentContent { document_type, revision, media_type, bytes } => {
                let content = DocumentContent { revision, media_type, bytes };
                self.contents.insert(document_type, content);
            }
            PersonalData::DocumentDigest { document_type, digest } => {
                self.digests.insert(document_type, digest);
            }
            PersonalData::Wallet { number, revision, wallet } => {
                self.wallets.insert(number, (revision, wallet, None));
            }
            PersonalData::WalletChallenge { number, revision, challenge } => {
                let held = self.wallets.get_mut(&number).filter(|held| held.0 == revision);
                if let Some((_, _, held)) = held {
                    *held = Some(challenge);
                }
            }
        }
    }

    fn delete_contents_not_held(&mut self) {
        let documents = &self.onboarding.documents;
        self.contents
            .retain(|kind, _| documents.get(kind).is_some_and(|document| document.content_held));
        self.digests
            .retain(|kind, _| documents.get(kind).is_some_and(onboarding::Document::is_at_hand));
        self.wallets.retain(|number, _| self.onboarding.wallets.contains_key(number));
    }

    fn erase(&mut self) {
        self.profile = None;
        self.contents.clear();
        self.digests.clear();
        self.wallets.clear();
        self.user = crate::erased_user(self.onboarding.id);
    }
}

impl Tables {
    fn key_of(&self, id: OnboardingId) -> Option<usize> {
        self.rows.iter().position(|row| row.onboarding.id == id)
    }

    fn row(&self, id: OnboardingId) -> Option<&Row> {
        self.rows.iter().find(|row| row.onboarding.id == id)
    }

    /// Whether a request was answered before, and its answer is kept still.
    fn knows(&self, Remember { answered, forget_before }: &Remember) -> bool {
        self.answered.get(&answered.request).is_some_and(|at| at >= forget_before)
    }

    /// Stores the change, and answers the key of its row; `None` is a conflict.
    fn change(&mut self, commit: Commit, policy: &Arc<Policy>) -> Option<usize> {
        let stored = self.key_of(commit.id);
        let Some(first) = commit.transitions.first() else { return stored };
        let before = commit.version_before();
        let key = match stored {
            Some(key) if self.rows[key].onboarding.version == before => key,
            None if before == 0 && self.rows.iter().all(|row| row.user != commit.user) => {
                self.rows.push(Row {
                    user: commit.user,
                    onboarding: first.onboarding.clone(),
                    is_damaged: false,
                    due: None,
                    lease: None,
                    note_at: None,
                    history: Vec::new(),
                    tasks: BTreeMap::new(),
                    profile: None,
                    contents: BTreeMap::new(),
                    digests: BTreeMap::new(),
                    wallets: BTreeMap::new(),
                });
                self.rows.len() - 1
            }
            Some(_) | None => return None,
        };
        let row = &mut self.rows[key];
        commit.personal.into_iter().for_each(|personal| row.put(personal));
        for transition in commit.transitions {
            row.append(transition, commit.actor, policy, &mut self.across);
        }
        Some(key)
    }

    fn release(&mut self, key: usize, given_back: Lease) {
        let row = &mut self.rows[key];
        row.lease = row.lease.filter(|lease| *lease != given_back);
    }

    fn claim_next(
        &mut self,
        key: usize,
        worker: &Worker,
        now: Timestamp,
        policy: &Arc<Policy>,
    ) -> Result<Option<Claimed>, StoreError> {
        let row = &self.rows[key];
        if row.is_leased(now) {
            return Ok(None);
        }
        row.intact()?;
        let ready = due::ready(&row.onboarding, policy, now).ok().flatten();
        Ok(ready.and_then(|ready| self.take(key, ready, worker, now, policy)))
    }

    /// Takes a call that is due, if its budget allows it.
    fn take(
        &mut self,
        key: usize,
        ready: Ready,
        worker: &Worker,
        now: Timestamp,
        policy: &Arc<Policy>,
    ) -> Option<Claimed> {
        let lane = ready.call.lane();
        if !self.pace(lane, now).allows(now) {
            return None;
        }
        self.pace(lane, now).take(now, worker.budgets.per_minute(lane));
        let row = &mut self.rows[key];
        if let Some(begun) = ready.begun {
            row.append(*begun, Actor::Worker, policy, &mut self.across);
        }
        let lease = worker.lease_at(now);
        row.lease = Some(lease);
        Some(Claimed { stored: row.stored(), call: ready.call, lease })
    }

    fn pace(&mut self, lane: Lane, now: Timestamp) -> &mut Pace {
        let pace = self.paces.entry(lane).or_default();
        pace.notice_clock(now);
        pace
    }

    fn claim(&mut self, request: &ClaimRequest, policy: &Arc<Policy>) -> Vec<Claimed> {
        let mut candidates: Vec<(Rank, Timestamp, usize, Lane)> = self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| !row.is_leased(request.now))
            .filter(|(_, row)| !request.in_call.contains(&row.onboarding.id))
            .filter_map(|(key, row)| Some((key, row, row.due?)))
            .filter(|(_, _, due)| due.at <= request.now)
            .map(|(key, row, due)| {
                let queue = Queue::of(due.lane, row.onboarding.state);
                (request.rank(row.onboarding.id, queue), due.at, key, due.lane)
            })
            .collect();
        candidates.sort_unstable();
        let mut claimed = Vec::new();
        for (_, _, key, lane) in candidates {
            if claimed.len() == request.limit_of_claims() {
                break;
            }
            if !self.pace(lane, request.now).allows(request.now) {
                continue;
            }
            if self.rows[key].is_damaged {
                self.rows[key].due = Some(Due::postponed(lane, request.now));
                continue;
            }
            match due::look(&self.rows[key].onboarding, lane, policy, request.now) {
                Found::Ready(ready) => {
                    claimed.extend(self.take(key, ready, &request.worker, request.now, policy));
                }
                Found::NotDue(due) => self.rows[key].due = due,
            }
        }
        claimed
    }

    fn next_at(&mut self, in_call: &[OnboardingId], now: Timestamp) -> Option<Timestamp> {
        let mut earliest: BTreeMap<Lane, Timestamp> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| !in_call.contains(&row.onboarding.id)) {
            let Some(due) = row.due else { continue };
            let at = row.lease.map_or(due.at, |lease| due.at.max(lease.until));
            let lane = earliest.entry(due.lane).or_insert(at);
            *lane = at.min(*lane);
        }
        earliest.into_iter().map(|(lane, at)| at.max(self.pace(lane, now).next_at)).min()
    }
}

impl Store for MemoryStore {
    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn find(&self, user: &UserLocator) -> Result<Option<Stored>, StoreError> {
        self.tables().rows.iter().find(|row| row.user == *user).map(Row::read).transpose()
    }

    async fn load(&self, id: OnboardingId) -> Result<Option<Stored>, StoreError> {
        self.tables().row(id).map(Row::read).transpose()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        commit.assert_without_gaps();
        let mut tables = self.tables();
        let (claim, now) = (commit.claim, commit.now);
        let remember = commit.remember.clone();
        if remember.as_ref().is_some_and(|remember| tables.knows(remember)) {
            return Ok(Committed::Conflict);
        }
        let Some(key) = tables.change(commit, &self.policy) else {
            return Ok(Committed::Conflict);
        };
        if let Some(Remember { answered, .. }) = remember {
            tables.answered.insert(answered.request, answered.at);
        }
        let next = match claim {
            ClaimAfter::Untouched => None,
            ClaimAfter::Release(lease) => {
                tables.release(key, lease);
                None
            }
            ClaimAfter::Postpone { lease, until } => {
                tables.release(key, lease);
                let due = &mut tables.rows[key].due;
                *due = due.map(|due| Due { at: due.at.max(until), ..due });
                None
            }
            ClaimAfter::Continue { lease, worker } => {
                let before = tables.rows[key].lease;
                tables.release(key, lease);
                let next = tables.claim_next(key, &worker, now, &self.policy);
                if next.is_err() {
                    // Only a damaged row that is not changed is in the way, so this undoes all.
                    tables.rows[key].lease = before;
                }
                next?
            }
        };
        Ok(Committed::Stored { next })
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        let mut tables = self.tables();
        let claimed = tables.claim(&request, &self.policy);
        Ok(Claims { claimed, next_at: tables.next_at(&request.in_call, request.now) })
    }

    async fn slow_down(
        &self,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.tables().pace(lane, now).slow_down(now, until);
        Ok(())
    }

    async fn provider_gate(&self) -> Result<ProviderGate, StoreError> {
        Ok(self.tables().gate.clone())
    }

    async fn set_provider_gate(
        &self,
        gate: ProviderGate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if let Some(turned) = tables.gate.turned_into(&gate) {
            tables.across.tell(None, &turned, now);
        }
        tables.gate = gate;
        Ok(())
    }

    async fn profile(&self, id: OnboardingId) -> Result<Option<ProfileContent>, StoreError> {
        let tables = self.tables();
        let profile = tables.row(id).and_then(|row| row.profile.as_ref());
        Ok(profile.map(|held| ProfileContent { revision: held.revision, json: held.json.clone() }))
    }

    async fn profiles(
        &self,
        ids: &[OnboardingId],
    ) -> Result<BTreeMap<OnboardingId, ProfileContent>, StoreError> {
        let tables = self.tables();
        let held = ids.iter().filter_map(|id| {
            let held = tables.row(*id)?.profile.as_ref()?;
            Some((*id, ProfileContent { revision: held.revision, json: held.json.clone() }))
        });
        Ok(held.collect())
    }

    async fn document_content(
        &self,
        id: OnboardingId,
        document_type: &DocumentType,
    ) -> Result<Option<DocumentContent>, StoreError> {
        let tables = self.tables();
        let content = tables.row(id).and_then(|row| row.contents.get(document_type));
        Ok(content.map(|held| DocumentContent {
            revision: held.revision,
            media_type: held.media_type.clone(),
            bytes: held.bytes.clone(),
        }))
    }

    /// There is no secret in memory to keep, and the same run has to come out the same.
    async fn digest_key(&self) -> Result<[u8; 32], StoreError> {
        Ok([7; 32])
    }

    async fn document_digests(
        &self,
        id: OnboardingId,
    ) -> Result<BTreeMap<DocumentType, DocumentDigest>, StoreError> {
        Ok(self.tables().row(id).map(|row| row.digests.clone()).unwrap_or_default())
    }

    async fn wallets(&self, id: OnboardingId) -> Result<Vec<WalletContent>, StoreError> {
        let tables = self.tables();
        let wallets = tables.row(id).into_iter().flat_map(|row| &row.wallets);
        let content = wallets.map(|(number, (revision, wallet, challenge))| WalletContent {
            number: *number,
            revision: *revision,
            wallet: wallet.clone(),
            challenge: challenge.clone(),
        });
        Ok(content.collect())
    }

    async fn same_file(
        &self,
        digest: DocumentDigest,
        except: OnboardingId,
    ) -> Result<Vec<OnboardingId>, StoreError> {
        let tables = self.tables();
        let rows = tables.rows.iter().filter(|row| row.onboarding.id != except);
        let same = rows.filter(|row| row.digests.values().any(|held| *held == digest));
        Ok(same.map(|row| row.onboarding.id).take(SAME_FILE_MAX).collect())
    }

    async fn list(&self, request: ListRequest) -> Result<Vec<Stored>, StoreError> {
        let tables = self.tables();
        let first = match request.after {
            Some(id) => tables.key_of(id).map_or(tables.rows.len(), |key| key + 1),
            None => 0,
        };
        let in_state = |row: &&Row| {
            !row.is_damaged && request.state.is_none_or(|state| row.onboarding.state == state)
        };
        let rows = tables.rows.iter().skip(first).filter(in_state);
        Ok(rows.take(request.limit).map(Row::stored).collect())
    }

    async fn counts(&self) -> Result<BTreeMap<State, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        for row in &self.tables().rows {
            *counts.entry(row.onboarding.state).or_default() += 1;
        }
        Ok(counts)
    }

    async fn tasks(&self, request: TaskRequest) -> Result<Vec<StoredTask>, StoreError> {
        let TaskRequest { of: id, after, limit } = request;
        let tables = self.tables();
        let rows = tables.rows.iter().filter(|row| id.is_none_or(|id| row.onboarding.id == id));
        let rows = rows.filter(|row| row.onboarding.ended.is_none() && !row.is_damaged);
        let mut tasks: Vec<(&Row, &TaskRow)> = rows
            .flat_map(|row| row.tasks.values().map(move |task| (row, task)))
            .filter(|(_, stored)| stored.task.state != TaskState::Closed)
            .collect();
        tasks.sort_by_key(|(_, stored)| (stored.task.opened_at, stored.key));
        let begin = match after {
            None => 0,
            // A task that is closed by now is found all the same, by where it would be.
            Some((id, number)) => {
                let last = tables.row(id).and_then(|row| row.tasks.get(&number));
                let last = last.map(|last| (last.task.opened_at, last.key));
                let seen = |(_, task): &(&Row, &TaskRow)| {
                    last.is_none_or(|last| (task.task.opened_at, task.key) <= last)
                };
                tasks.partition_point(seen)
            }
        };
        let tasks = tasks.into_iter().skip(begin).take(limit).map(|(row, stored)| StoredTask {
            user: row.user.clone(),
            onboarding: row.onboarding.clone(),
            task: stored.task.clone(),
        });
        Ok(tasks.collect())
    }

    async fn notes_due(&self, now: Timestamp, limit: usize) -> Result<NotesDue, StoreError> {
        let mut tables = self.tables();
        for row in &mut tables.rows {
            if row.note_at.is_some_and(|at| at <= now) {
                row.note_at = if row.is_damaged {
                    Some(now.plus_ms(due::POSTPONED_MS))
                } else {
                    due::look_for_note(&row.onboarding, &self.policy, now)
                };
            }
        }
        let mut noted: Vec<(Timestamp, &Row)> =
            tables.rows.iter().filter_map(|row| Some((row.note_at?, row))).collect();
        noted.sort_by_key(|(at, _)| *at);
        let count = noted.iter().take(limit).filter(|(at, _)| *at <= now).count();
        let next_at = noted.get(count).map(|(at, _)| *at);
        Ok(NotesDue { due: noted[..count].iter().map(|(_, row)| row.stored()).collect(), next_at })
    }

    async fn history(
        &self,
        id: OnboardingId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let tables = self.tables();
        let rows = tables.row(id).map_or(&[][..], |row| &row.history);
        let after = rows.iter().filter(|row| row.version > after_version);
        Ok(after.take(limit).cloned().collect())
    }

    async fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<Notified>, StoreError> {
        let tables = self.tables();
        let told = tables.across.told.iter().zip(1..).filter(|(_, number)| *number > seq);
        let notified = told.take(limit).map(|(told, seq)| Notified {
            seq,
            mark: 0,
            about: told.of.and_then(|(id, version)| {
                let row = tables.row(id)?;
                Some(About { id, version, user: outbox::user_told(&row.user, id) })
            }),
            kind: told.kind,
            data: told.data.clone(),
            at: told.at,
        });
        Ok(notified.collect())
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{
        NOW, WORKER, at, begin, change, claim, id, ids, profile_set, put, user,
    };

    /// As in SQLite, where rows are damaged by other means.
    #[tokio::test]
    async fn a_damaged_row_can_not_be_read_until_its_next_change_replaces_it() {
        let store = MemoryStore::new(Policy::default());
        let before = begin(&store, 1, NOW).await;
        begin(&store, 2, NOW).await;
        store.damage(id(1));
        store.damage(id(9));
        let is_damaged = |read| matches!(read, Err(StoreError::Damaged { id: whose, .. }) if whose == id(1).to_string());
        assert!(is_damaged(store.load(id(1)).await));
        assert!(is_damaged(store.find(&user(1)).await));
        let all = ListRequest { state: None, after: None, limit: 10 };
        let listed = store.list(all).await.unwrap();
        assert_eq!(listed.iter().map(|stored| stored.onboarding.id).collect::<Vec<_>>(), [id(2)]);
        let claims = claim(&store, NOW).await;
        assert_eq!(ids(&claims), [id(2)]);

        put(&store, change(&before, &[profile_set(2)], at(1), store.policy())).await;
        assert_eq!(store.load(id(1)).await.unwrap().unwrap().onboarding.version, 3);
        assert_eq!(ids(&claim(&store, at(1)).await), [id(1)]);
    }

    /// Neither the answer nor the claim is changed then.
    #[tokio::test]
    async fn nothing_rides_on_a_row_that_was_damaged_meanwhile() {
        let store = MemoryStore::new(Policy::default());
        begin(&store, 1, NOW).await;
        let claimed = claim(&store, NOW).await.claimed.remove(0);
        store.damage(id(1));
        let nothing = Commit {
            claim: ClaimAfter::Continue { lease: claimed.lease, worker: WORKER },
            ..change(&claimed.stored, &[], NOW, store.policy())
        };
        assert!(matches!(store.commit(nothing).await, Err(StoreError::Damaged { .. })));
        put(&store, change(&claimed.stored, &[profile_set(2)], NOW, store.policy())).await;
        assert_eq!(ids(&claim(&store, NOW).await), [], "it is claimed still");
    }
}
