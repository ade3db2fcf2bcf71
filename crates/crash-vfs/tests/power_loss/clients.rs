//! Those who use the store: people who edit, a worker that claims and answers. They remember
//! what was acknowledged, and what may be stored though it was not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crash_vfs::Chance;
use onboarding::{
    Call, Context, DocumentType, Eligibility, Event, Onboarding, OnboardingId, Outcome, Product,
    ProductStatus, Revision, Section, Shown, Timestamp, Transition, UserLocator, apply,
};
use store::{
    Actor, Budgets, ClaimAfter, ClaimRequest, Claimed, Commit, Committed, PersonalData,
    SqliteStore, Store, StoreError, Worker, WorkerId,
};
use tokio::task::JoinSet;
use uuid::Uuid;

const BEGAN_AT: Timestamp = Timestamp(1_800_000_000_000);
const WORKER: Worker = Worker {
    id: WorkerId(7),
    lease_ms: 5_000,
    budgets: Budgets { writes_per_minute: 0, reads_per_minute: 0 },
};
/// How many changes are asked for at once, to share a transaction.
const AT_ONCE_MAX: u64 = 4;
const USERS_MAX: u64 = 12;

/// What is known of the store from outside.
pub struct Clients {
    chance: Chance,
    now: Timestamp,
    /// The newest acknowledged version of each onboarding.
    pub acknowledged: BTreeMap<u128, Onboarding>,
    /// Versions that were asked for and answered with an error.
    doubtful: BTreeMap<u128, Vec<Onboarding>>,
    /// Calls that were claimed, and not answered yet.
    claimed: Vec<Claimed>,
    /// How many answers were acknowledged, and how many were errors.
    pub answers: u64,
    pub errors: u64,
    /// Errors that say that nobody can tell whether the change was stored.
    pub unknown: u64,
}

impl Clients {
    pub fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            now: BEGAN_AT,
            acknowledged: BTreeMap::new(),
            doubtful: BTreeMap::new(),
            claimed: Vec::new(),
            answers: 0,
            errors: 0,
            unknown: 0,
        }
    }

    /// Some changes at once, or a claim.
    pub async fn act(&mut self, store: &Arc<SqliteStore>) {
        self.now = self.now.plus_ms(self.chance.below(2_000));
        if self.chance.once_in(4) {
            return self.claim(store).await;
        }
        let mut commits = Vec::new();
        let mut taken = BTreeSet::new();
        for _ in 0..=self.chance.below(AT_ONCE_MAX) {
            let commit = match self.claimed.pop() {
                Some(claimed) if self.chance.once_in(2) => self.answer(&claimed, store),
                _ => self.edit(store),
            };
            // One change of each, so that none of them conflicts.
            commits.extend(commit.filter(|commit| taken.insert(commit.id)));
        }
        self.commit_all(store, commits).await;
    }

    async fn commit_all(&mut self, store: &Arc<SqliteStore>, commits: Vec<Commit>) {
        let mut asked = JoinSet::new();
        for commit in commits {
            let after = commit.transitions.last().unwrap().onboarding.clone();
            let store = Arc::clone(store);
            asked.spawn(async move { (after, store.commit(commit).await) });
        }
        for (after, answer) in asked.join_all().await {
            self.note(after, answer);
        }
    }

    fn note(&mut self, after: Onboarding, answer: Result<Committed, StoreError>) {
        let number = after.id.0.as_u128();
        match answer {
            Ok(Committed::Stored { next }) => {
                self.answers += 1;
                self.doubtful.remove(&number);
                let newest = next.as_ref().map_or(after, |next| next.stored.onboarding.clone());
                self.acknowledged.insert(number, newest);
                self.claimed.extend(next);
            }
            Ok(Committed::Conflict) => panic!("nobody else changes onboarding {number}"),
            Err(error) => {
                self.errors += 1;
                self.unknown += u64::from(matches!(error, StoreError::Unknown(_)));
                self.doubtful.entry(number).or_default().push(after);
            }
        }
    }

    async fn claim(&mut self, store: &Arc<SqliteStore>) {
        let request = ClaimRequest {
            worker: WORKER,
            now: self.now,
            limit: 3,
            in_call: Vec::new(),
            only: None,
        };
        match store.claim(request).await {
            Ok(claims) => {
                self.answers += 1;
                for claimed in claims.claimed {
                    let onboarding = claimed.stored.onboarding.clone();
                    self.acknowledged.insert(onboarding.id.0.as_u128(), onboarding);
                    self.claimed.push(claimed);
                }
            }
            Err(_) => self.errors += 1,
        }
    }

    /// A person's edit of someone, or someone new.
    fn edit(&mut self, store: &SqliteStore) -> Option<Commit> {
        let number = u128::from(1 + self.chance.below(USERS_MAX));
        let Some(before) = self.acknowledged.get(&number).cloned() else {
            let blank = Onboarding::blank(OnboardingId(Uuid::from_u128(number)), self.now);
            let products = BTreeSet::from([Product::Onramp]);
            let events = [
                Event::WantedProductsSet { products },
                profile_set(1),
                Event::VerificationRequested,
            ];
            return self.change(&blank, &events, Actor::Cli, ClaimAfter::Untouched, store);
        };
        let next = |revision: Option<Revision>| revision.map_or(1, |revision| revision.0 + 1);
        let document = before.documents.get(&DocumentType::IdPassport);
        let event = match self.chance.below(12) {
            0..=4 => profile_set(next(before.profile.as_ref().map(|profile| profile.revision))),
            5..=7 => Event::DocumentAdded {
                document_type: DocumentType::IdPassport,
                revision: Revision(next(document.map(|document| document.revision))),
                expires_at: None,
                duplicates: Vec::new(),
            },
            8 => Event::Held { reason: "drawn".into() },
            9 | 10 => Event::Resumed { reason: "drawn".into() },
            _ => Event::Erased { reason: "drawn".into() },
        };
        self.change(&before, &[event], Actor::Cli, ClaimAfter::Untouched, store)
    }

    /// The worker's answer to a call, on whatever is stored by now.
    fn answer(&mut self, claimed: &Claimed, store: &SqliteStore) -> Option<Commit> {
        let before = self.acknowledged.get(&claimed.stored.onboarding.id.0.as_u128())?.clone();
        let claim = match self.chance.once_in(2) {
            true => ClaimAfter::Continue { lease: claimed.lease, worker: WORKER },
            false => ClaimAfter::Release(claimed.lease),
        };
        let statuses =
            [ProductStatus::PendingReview, ProductStatus::RequiresData, ProductStatus::Verified];
        let status = statuses[self.chance.index(3)].clone();
        let event = answer_to(claimed, status);
        self.change(&before, &[event], Actor::Worker, claim, store)
    }

    fn change(
        &mut self,
        before: &Onboarding,
        events: &[Event],
        actor: Actor,
        claim: ClaimAfter,
        store: &SqliteStore,
    ) -> Option<Commit> {
        let (now, policy) = (self.now, store.policy());
        let mut transitions: Vec<Transition> = Vec::new();
        for event in events {
            let latest = transitions.last().map_or(before, |last| &last.onboarding);
            if let Outcome::Changed(transition) = apply(latest, event, &Context { now, policy }) {
                transitions.push(*transition);
            }
        }
        transitions.last()?;
        let personal = transitions.iter().filter_map(|transition| content(&transition.event));
        let personal = personal.collect();
        let commit = Commit::new(before.id, user(before.id), transitions, actor, now);
        Some(Commit { personal, claim, ..commit })
    }

    /// After an error: what is stored is what was acknowledged, or one of what was asked for.
    /// It is read, and known from now on.
    pub async fn look(&mut self, store: &SqliteStore) {
        let numbers: BTreeSet<u128> = (1..=u128::from(USERS_MAX)).collect();
        for number in numbers {
            let id = OnboardingId(Uuid::from_u128(number));
            let stored = store.load(id).await.unwrap().map(|stored| stored.onboarding);
            let acknowledged = self.acknowledged.get(&number);
            let is_acknowledged = stored.as_ref() == acknowledged;
            let doubtful = self.doubtful.remove(&number).unwrap_or_default();
            let is_doubtful = stored.as_ref().is_some_and(|stored| doubtful.contains(stored));
            let is_begun = match (&stored, acknowledged) {
                (Some(stored), Some(before)) => is_trigger_begun(store, before, stored).await,
                _ => false,
            };
            assert!(
                is_acknowledged || is_doubtful || is_begun,
                "onboarding {number}: acknowledged {acknowledged:#?}, stored {stored:#?}"
            );
            if let Some(stored) = stored {
                check_profile(store, &stored).await;
                self.acknowledged.insert(number, stored);
            }
        }
        self.claimed.clear();
    }
}

/// Whether a claim that was answered with an error began a trigger all the same. It may have
/// been one of the last change's, too.
async fn is_trigger_begun(store: &SqliteStore, before: &Onboarding, stored: &Onboarding) -> bool {
    let added = store.history(stored.id, before.version, 10).await.unwrap();
    let is_last = |event: &Event| matches!(event, Event::TriggerBegun { .. });
    stored.version > before.version && added.last().is_some_and(|row| is_last(&row.event))
}

/// The stored profile is the one of the revision that is held, to the byte.
async fn check_profile(store: &SqliteStore, stored: &Onboarding) {
    let found = store.profile(stored.id).await.unwrap();
    let found = found.map(|content| (content.revision, content.json));
    let expected = stored.profile.as_ref().map(|profile| profile.revision);
    assert_eq!(found, expected.map(|revision| (revision, json_of(revision))), "{}", stored.id);
}

fn user(id: OnboardingId) -> UserLocator {
    format!("userId:user-{}", id.0.as_u128()).parse().unwrap()
}

fn profile_set(revision: u32) -> Event {
    let sections = BTreeSet::from([Section::UserDetails]);
    Event::ProfileSet {
        revision: Revision(revision),
        present: sections.clone(),
        changed: sections,
        area: None,
        verified_on: None,
    }
}

/// An empty profile, of another length in each revision.
fn json_of(revision: Revision) -> Vec<u8> {
    let blanks = usize::try_from(revision.0).unwrap() * 700;
    [b"{".as_slice(), &vec![b' '; blanks], b"}"].concat()
}

fn content(event: &Event) -> Option<PersonalData> {
    if let Event::ProfileSet { revision, .. } = event {
        return Some(PersonalData::Profile { revision: *revision, json: json_of(*revision) });
    }
    let Event::DocumentAdded { document_type, revision, .. } = event else { return None };
    Some(PersonalData::DocumentContent {
        document_type: document_type.clone(),
        revision: *revision,
        media_type: "image/png".into(),
        bytes: vec![1; 20_000],
    })
}

fn answer_to(claimed: &Claimed, status: ProductStatus) -> Event {
    let is_asking = status == ProductStatus::RequiresData;
    let missing_documents =
        if is_asking { vec!["proof-of-address".to_owned()] } else { Vec::new() };
    let word = Eligibility {
        product: Product::Onramp,
        status,
        missing_data: Vec::new(),
        missing_documents,
    };
    let epoch = Some(claimed.stored.onboarding.epoch);
    match &claimed.call {
        Call::AcceptPrivacyPolicy { revision } => {
            Event::PrivacyPolicyAccepted { revision: *revision, epoch }
        }
        Call::AcceptTerms { revision } => {
            Event::TermsAccepted { revision: *revision, epoch: claimed.stored.onboarding.epoch }
        }
        Call::RegisterUser { revision } => Event::UserRegistered { revision: *revision, epoch },
        Call::ReadUser { epoch } => Event::UserRead { epoch: *epoch, shown: Shown::default() },
        Call::UploadDocument { document_type, revision } => Event::DocumentUploaded {
            document_type: document_type.clone(),
            revision: *revision,
            epoch,
            provider_document_id: "doc-1".into(),
        },
        Call::TriggerVerification { trigger } => {
            Event::VerificationTriggered { trigger: *trigger, eligibility: vec![word] }
        }
        Call::CheckStatus { epoch } => {
            Event::StatusChecked { epoch: *epoch, eligibility: vec![word] }
        }
        Call::LinkWallet { number, revision } => Event::WalletLinked {
            number: *number,
            revision: *revision,
            epoch: claimed.stored.onboarding.epoch,
            ownership: onboarding::Ownership::Verified,
        },
    }
}
