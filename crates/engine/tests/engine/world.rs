//! A store, a provider and a clock, and what the tests do with them.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use documents::Given;
use engine::{Added, Clock, Edit, Intake, Settings, Settled, Worker};
use onboarding::{
    Context, Curve, Date, DocumentType, Event, Onboarding, OnboardingId, Outcome, Policy, Product,
    State, Timestamp, UserLocator, apply,
};
use store::{Actor, Budgets, HistoryRow, ListRequest, MemoryStore, SqliteStore, Store, WorkerId};
use uuid::Uuid;

use crate::provider::ScriptedProvider;

/// When every test begins: 2026-05-02T09:10:00Z.
pub const START: Timestamp = Timestamp(1_777_713_000_000);
pub const SECOND: u64 = 1_000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// No test comes near so many steps unless it goes round in circles.
const STEPS_MAX: usize = 100_000;
/// How long anything that a test waits for may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How often a condition is looked at that nobody announces.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Waits for something that must happen soon.
pub async fn in_time<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, happens).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// A clock that tests move. Once it ticks, real time moves it as well.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    moved_to: AtomicI64,
    ticking_since: OnceLock<Instant>,
}

impl TestClock {
    fn new() -> Self {
        let moved_to = AtomicI64::new(START.0);
        Self(Arc::new(Hands { moved_to, ticking_since: OnceLock::new() }))
    }

    pub fn time(&self) -> Timestamp {
        let ticked = self.0.ticking_since.get().map_or(Duration::ZERO, Instant::elapsed);
        let ticked_ms = u64::try_from(ticked.as_millis()).unwrap();
        Timestamp(self.0.moved_to.load(Ordering::SeqCst)).plus_ms(ticked_ms)
    }

    pub fn set(&self, time: Timestamp) {
        assert!(self.0.ticking_since.get().is_none(), "a clock that ticks can only be advanced");
        self.0.moved_to.store(time.0, Ordering::SeqCst);
    }

    pub fn advance(&self, ms: u64) {
        self.0.moved_to.fetch_add(i64::try_from(ms).unwrap(), Ordering::SeqCst);
    }

    pub fn set_back(&self, ms: u64) {
        self.0.moved_to.fetch_sub(i64::try_from(ms).unwrap(), Ordering::SeqCst);
    }

    /// The same clock as the worker's loop reads it. From now on it ticks.
    pub fn ticking(&self) -> impl Clock {
        self.0.ticking_since.get_or_init(Instant::now);
        let clock = self.clone();
        move || clock.time()
    }
}

/// A wait ends when the test has moved the clock so far.
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.time()
    }

    async fn wait(&self, ms: u64) {
        let until = self.time().plus_ms(ms);
        while self.time() < until {
            tokio::task::yield_now().await;
        }
    }
}

/// A store, a provider and a clock.
pub struct World<S = MemoryStore> {
    pub store: Arc<S>,
    pub provider: ScriptedProvider,
    pub clock: TestClock,
}

impl World {
    pub fn new() -> Self {
        Self::on(MemoryStore::new(Policy::default()))
    }
}

impl World<SqliteStore> {
    /// A world on a new database in `folder`.
    pub async fn in_folder(folder: &Path) -> Self {
        Self::on(open_in(folder).await)
    }

    /// The same world after its worker's process died and was started again.
    pub async fn restarted(self, folder: &Path) -> Self {
        let Self { store, provider, clock } = self;
        let only = Arc::into_inner(store).expect("a dead process holds nothing");
        drop(only);
        Self { store: Arc::new(open_in(folder).await), provider, clock }
    }
}

async fn open_in(folder: &Path) -> SqliteStore {
    let url = format!("sqlite:{}", folder.join("gangway.db").display());
    SqliteStore::open_for_worker(&url, Policy::default()).await.unwrap()
}

/// Polls so rare that none comes while a test is not looking.
pub fn hourly_polls() -> Policy {
    let hourly =
        Curve { initial_ms: HOUR, multiplier_percent: 100, max_ms: HOUR, jitter_percent: 0 };
    Policy { poll: hourly, ..Policy::default() }
}

/// A worker with no limits but eight calls at once.
pub fn settings() -> Settings {
    let budgets = Budgets { writes_per_minute: 0, reads_per_minute: 0 };
    Settings {
        worker: store::Worker { id: WorkerId(1), lease_ms: 10 * MINUTE, budgets },
        concurrency: 8,
        shutdown_grace_ms: 10 * SECOND,
    }
}

impl<S: Store> World<S> {
    pub fn on(store: S) -> Self {
        let clock = TestClock::new();
        let provider = ScriptedProvider::new(clock.clone());
        Self { store: Arc::new(store), provider, clock }
    }

    pub fn intake(&self) -> Intake<S> {
        Intake::new(Arc::clone(&self.store), Actor::Cli)
    }

    pub async fn worker(&self) -> Worker<S, ScriptedProvider> {
        self.worker_with(settings()).await
    }

    pub async fn worker_with(&self, settings: Settings) -> Worker<S, ScriptedProvider> {
        Worker::new(Arc::clone(&self.store), self.provider.clone(), settings).await.unwrap()
    }

    /// A new user with a whole profile and consent, for whom verification is asked.
    pub async fn add_user(&self, number: u128) -> UserLocator {
        let user = user(number);
        self.edit(&user, Edit::Replace(&file("Ada")), added(number)).await;
        user
    }

    /// A new user with a passport as well.
    pub async fn add_user_with_passport(&self, number: u128) -> UserLocator {
        let user = user(number);
        let unasked = Added { verify: false, ..added(number) };
        self.edit(&user, Edit::Replace(&file("Ada")), unasked).await;
        self.add_passport(&user, &png(1), None).await;
        self.tell(&user, Event::VerificationRequested).await;
        user
    }

    pub async fn edit(&self, user: &UserLocator, edit: Edit<'_>, added: Added) -> Settled {
        self.intake().edit_user(user, edit, added, self.clock.time()).await.unwrap()
    }

    /// Gives the user another first name, and asks for nothing else.
    pub async fn rename(&self, user: &UserLocator, first_name: &str) -> Settled {
        let patch = format!(r#"{{"userDetails":{{"firstName":"{first_name}"}}}}"#);
        let unasked = Added { verify: false, ..added(0) };
        self.edit(user, Edit::Patch(patch.as_bytes()), unasked).await
    }

    pub async fn add_passport(&self, user: &UserLocator, bytes: &[u8], expires_at: Option<Date>) {
        let now = self.clock.time();
        let passport = DocumentType::IdPassport;
        let intake = self.intake();
        intake.add_document(user, &given(&passport, bytes, expires_at), now).await.unwrap();
    }

    pub async fn tell(&self, user: &UserLocator, event: Event) -> Settled {
        self.intake().tell(user, event, self.clock.time()).await.unwrap()
    }

    /// Drives the worker until nothing is due before or at `until`, and checks every history.
    pub async fn settle(&self, worker: &Worker<S, ScriptedProvider>, until: Timestamp) {
        for _ in 0..STEPS_MAX {
            let now = self.clock.time();
            let stepped = worker.step(now).await.unwrap();
            match stepped.next_at {
                _ if stepped.calls > 0 => {}
                Some(at) if at <= until => {
                    assert!(at > now, "something is due at {at} and is not done at {now}");
                    self.clock.set(at);
                }
                Some(_) | None => {
                    self.clock.set(until);
                    return self.check_histories().await;
                }
            }
        }
        panic!("no rest after {STEPS_MAX} steps");
    }

    /// The same for the next `ms` milliseconds.
    pub async fn settle_for(&self, worker: &Worker<S, ScriptedProvider>, ms: u64) {
        self.settle(worker, self.clock.time().plus_ms(ms)).await;
    }

    pub async fn onboarding(&self, user: &UserLocator) -> Onboarding {
        self.store.find(user).await.unwrap().expect("the user was added").onboarding
    }

    pub async fn state(&self, user: &UserLocator) -> State {
        self.onboarding(user).await.state
    }

    pub async fn history(&self, user: &UserLocator) -> Vec<HistoryRow> {
        let id = self.onboarding(user).await.id;
        self.store.history(id, 0, usize::MAX).await.unwrap()
    }

    /// The names of the events of a user's history, in order.
    pub async fn events(&self, user: &UserLocator) -> Vec<&'static str> {
        self.history(user).await.iter().map(|row| row.event.name()).collect()
    }

    /// How often an event of this name happened to a user.
    pub async fn count(&self, user: &UserLocator, event: &str) -> usize {
        self.events(user).await.iter().filter(|name| **name == event).count()
    }

    /// Waits until a user is where it should be. Only for tests of the worker's own loop.
    pub async fn until_state(&self, user: &UserLocator, state: State) {
        let what = format!("{user} is {state}", user = user.as_str());
        in_time(&what, async {
            while self.state(user).await != state {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
        .await;
    }

    /// Versions have no gaps, and history replayed gives what is stored.
    pub async fn check_histories(&self) {
        let request = ListRequest { state: None, after: None, limit: usize::MAX };
        for stored in self.store.list(request).await.unwrap() {
            let id = stored.onboarding.id;
            let history = self.store.history(id, 0, usize::MAX).await.unwrap();
            assert_eq!(replay(id, &history), stored.onboarding);
        }
    }

    /// The provider has the profile and the consent that we hold, and the newest of each
    /// document was acknowledged.
    pub async fn check_nothing_is_lost(&self, user: &UserLocator) {
        let onboarding = self.onboarding(user).await;
        let held = self.store.profile(onboarding.id).await.unwrap().unwrap();
        let held: serde_json::Value = serde_json::from_slice(&held.json).unwrap();
        self.provider.record(user, |record| {
            assert_eq!(record.profile.as_ref(), Some(&held));
            assert_eq!(record.consent, onboarding.consent.as_ref().map(|held| held.accepted_at));
            assert!(record.documents.keys().eq(onboarding.documents.keys()));
        });
        assert_eq!(onboarding.acknowledged_revisions(), onboarding.held_revisions());
    }
}

fn replay(id: OnboardingId, history: &[HistoryRow]) -> Onboarding {
    let began_at = history.first().expect("nothing is stored without a history").at;
    let mut onboarding = Onboarding::blank(id, began_at);
    for (row, version) in history.iter().zip(1..) {
        assert_eq!(row.version, version, "a gap in the history of {id}");
        let cx = Context { now: row.at, policy: &row.policy };
        match apply(&onboarding, &row.event, &cx) {
            Outcome::Changed(transition) => onboarding = transition.onboarding,
            Outcome::Ignored(reason) => panic!("version {version} of {id}: {}", reason.as_str()),
        }
    }
    onboarding
}

pub fn user(number: u128) -> UserLocator {
    format!("userId:user-{number}").parse().unwrap()
}

pub fn id(number: u128) -> OnboardingId {
    OnboardingId(Uuid::from_u128(number + 1))
}

/// What comes with the first edit of user `number`: onramp is wanted, and verification.
pub fn added(number: u128) -> Added {
    Added {
        wanted: None,
        wanted_default: BTreeSet::from([Product::Onramp]),
        verify: true,
        new_id: id(number),
    }
}

/// A user's whole file.
pub fn file(first_name: &str) -> Vec<u8> {
    format!(
        r#"{{
            "userDetails": {{
                "firstName": "{first_name}", "lastName": "Lindqvist",
                "dateOfBirth": "1984-03-12", "countryOfResidence": "SE"
            }},
            "kycData": {{
                "addressOfResidence": {{
                    "line1": "Storgatan 5", "city": "Uppsala", "postalCode": "753 31"
                }},
                "email": "ada.lindqvist@example.org",
                "identityDocument": {{ "type": "passport", "number": "SE4410932" }}
            }},
            "privacyPolicyAcceptedAt": "2026-05-02T09:00:00Z"
        }}"#
    )
    .into_bytes()
}

/// A whole PNG; each `edition` has other bytes.
pub fn png(edition: u8) -> Vec<u8> {
    documents::sample::scan(u32::from(edition))
}

/// A document without a name.
pub fn given<'a>(
    document_type: &'a DocumentType,
    bytes: &'a [u8],
    expires_at: Option<Date>,
) -> Given<'a> {
    Given { document_type, bytes, file_name: None, expires_at }
}

pub fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}
