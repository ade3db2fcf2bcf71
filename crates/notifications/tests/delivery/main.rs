//! What arrives at receivers that fail in every way, in virtual time and with a real store.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

mod damage;
mod guard;
mod late;
mod portions;
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use notifications::{ATTEMPTS_MAX, Client, Dispatcher, Secret, Settings, Verifier, system_lookup};
use onboarding::{
    Context, Eligibility, Event, NotificationKind, Onboarding, OnboardingId, Outcome, Policy,
    Product, ProductStatus, Revision, Section, Timestamp, apply,
};
use receiver::{Answer, Receiver};
use store::{
    Actor, Commit, Committed, DeliveryState, DisabledFor, Endpoint, NewEndpoint, NewSecret, Replay,
    SqliteStore, Store as _,
};
use tokio_util::sync::CancellationToken;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

const SETTINGS: Settings = Settings {
    timeout_ms: 300,
    concurrency: 8,
    warn_after_ms: DAY_MS,
    disable_after_ms: 5 * DAY_MS,
    stuck_after_ms: 3 * DAY_MS,
    log_kept_ms: 30 * DAY_MS,
    allow_loopback: true,
    shutdown_grace_ms: 0,
};

/// A store in a folder of its own, and a clock that a test sets.
struct World {
    folder: tempfile::TempDir,
    store: Arc<SqliteStore>,
    now: Timestamp,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        Self { folder, store, now: NOW }
    }

    /// As after a crash: what was not recorded is forgotten.
    async fn reopen(&mut self) {
        self.store = open(&self.folder).await;
    }

    fn dispatcher(&self) -> Arc<Dispatcher> {
        let client = Arc::new(Client::new(SETTINGS, &system_lookup()).unwrap());
        Arc::new(Dispatcher::new(Arc::clone(&self.store), client, SETTINGS))
    }

    async fn add(&self, id: &str, url: String, kinds: Option<Vec<NotificationKind>>) -> Secret {
        let secret = Secret::Shared(vec![7; 32]);
        let endpoint =
            NewEndpoint { id: id.into(), url, kinds, secret: secret.to_text(), now: self.now };
        assert!(self.store.add_endpoint(endpoint).await.unwrap());
        secret
    }

    async fn endpoint(&self, id: &str) -> Endpoint {
        let endpoints = self.store.endpoints(self.now).await.unwrap();
        endpoints.into_iter().find(|endpoint| endpoint.id == id).unwrap()
    }

    /// Holds the user, or lets it go on: each changes the state, and is told.
    async fn toggle(&self, user: &str) {
        let locator = user.parse().unwrap();
        let stored = self.store.find(&locator).await.unwrap();
        let (onboarding, event) = match &stored {
            Some(stored) if stored.onboarding.hold.is_some() => {
                (stored.onboarding.clone(), Event::Resumed { reason: "go on".into() })
            }
            Some(stored) => (stored.onboarding.clone(), Event::Held { reason: "check".into() }),
            None => {
                let wanted = BTreeSet::from([Product::Onramp]);
                let id = OnboardingId(uuid::Uuid::new_v4());
                (Onboarding::blank(id, self.now), Event::WantedProductsSet { products: wanted })
            }
        };
        self.happen(user, &onboarding, &[event]).await;
    }

    /// Applies events to the user's onboarding, and commits each.
    async fn happen(&self, user: &str, onboarding: &Onboarding, events: &[Event]) {
        let mut onboarding = onboarding.clone();
        for event in events {
            let cx = Context { now: self.now, policy: self.store.policy() };
            let Outcome::Changed(transition) = apply(&onboarding, event, &cx) else {
                panic!("{} changes something", event.name())
            };
            onboarding = transition.onboarding.clone();
            let user = user.parse().unwrap();
            let commit = Commit::new(onboarding.id, user, vec![*transition], Actor::Cli, self.now);
            let committed = self.store.commit(commit).await.unwrap();
            assert!(matches!(committed, Committed::Stored { .. }));
        }
    }

    /// Lets the provider judge a user, anew or again, with this word.
    async fn judged(&self, user: &str, status: ProductStatus) {
        let word = |status| {
            let (missing_data, missing_documents) = (Vec::new(), Vec::new());
            vec![Eligibility { product: Product::Onramp, status, missing_data, missing_documents }]
        };
        if let Some(stored) = self.store.find(&user.parse().unwrap()).await.unwrap() {
            let epoch = stored.onboarding.epoch;
            let checked = Event::StatusChecked { epoch, eligibility: word(status) };
            return self.happen(user, &stored.onboarding, &[checked]).await;
        }
        let blank = Onboarding::blank(OnboardingId(uuid::Uuid::new_v4()), self.now);
        let sections = BTreeSet::from([Section::UserDetails]);
        let begun = [
            Event::WantedProductsSet { products: BTreeSet::from([Product::Onramp]) },
            Event::ProfileSet {
                revision: Revision(1),
                present: sections.clone(),
                changed: sections,
                area: None,
                verified_on: None,
            },
            Event::UserRegistered { revision: Revision(1), epoch: None },
            Event::VerificationRequested,
            Event::TriggerBegun { trigger: 1 },
            Event::VerificationTriggered { trigger: 1, eligibility: word(status) },
        ];
        self.happen(user, &blank, &begun).await;
    }

    /// Sends what falls due until `until`.
    async fn pass(&mut self, until: Timestamp) {
        let dispatcher = self.dispatcher();
        loop {
            let stepped = dispatcher.step(self.now).await.unwrap();
            let next_at = stepped.next_at.filter(|at| *at <= until);
            match next_at {
                Some(at) => self.now = self.now.max(at),
                None if stepped.sent == 0 && !stepped.has_more => break,
                None => {}
            }
        }
        self.now = until;
    }

    /// What is to have arrived: each onboarding's versions that were told, in order.
    async fn told(&self) -> BTreeMap<String, Vec<u64>> {
        let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for notified in self.store.events_after(0, 10_000).await.unwrap() {
            let about = notified.about.unwrap();
            told.entry(about.id.to_string()).or_default().push(about.version);
        }
        told
    }
}

async fn open(folder: &tempfile::TempDir) -> Arc<SqliteStore> {
    let url = format!("sqlite:{}", folder.path().join("gangway.db").display());
    Arc::new(SqliteStore::open(&url, Policy::default()).await.unwrap())
}

fn users() -> Vec<String> {
    (0..5).map(|number| format!("userId:user-{number}")).collect()
}

#[tokio::test]
async fn a_receiver_that_fails_hangs_redirects_and_dies_for_an_hour_misses_nothing() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(500)).await;
    world.add("ep_1", receiver.url(), None).await;
    for answer in [
        Answer::Status(500),
        Answer::Hang,
        Answer::Redirect,
        Answer::HangUp,
        Answer::TakeAndHangUp,
        Answer::RetryAfter(30),
        Answer::Status(200),
    ] {
        receiver.answer(answer);
        // New users, of whom nothing is waiting yet, and those of before.
        let new = users().into_iter().map(|user| format!("{user}-{answer:?}"));
        for user in users().into_iter().chain(new) {
            world.toggle(&user).await;
            world.toggle(&user).await;
        }
        let before = receiver.arrived().len();
        world.pass(world.now.plus_ms(10 * MINUTE_MS)).await;
        assert!(receiver.arrived().len() >= before + users().len(), "{answer:?} was met");
        // A process that dies while it sends: what it sent is not recorded.
        let dispatcher = world.dispatcher();
        let now = world.now;
        let sending = tokio::spawn(async move { dispatcher.step(now).await.map(drop) });
        tokio::task::yield_now().await;
        sending.abort();
        world.reopen().await;
    }
    receiver.die().await;
    for user in users() {
        world.toggle(&user).await;
    }
    world.pass(world.now.plus_ms(HOUR_MS)).await;
    receiver.rise().await;
    world.pass(world.now.plus_ms(DAY_MS)).await;

    let arrived = receiver.arrived();
    assert!(arrived.iter().all(|arrived| arrived.path == "/hook"), "no redirect is followed");
    assert_eq!(receiver.versions(), world.told().await, "each arrived, in the order of its user");
    let log = world.store.deliveries("ep_1", None, None, 1_000).await.unwrap().unwrap();
    assert!(log.iter().all(|delivery| delivery.state == DeliveryState::Delivered));
    assert!(log.iter().any(|delivery| delivery.attempts > 1));
}

#[tokio::test]
async fn an_hour_in_which_nobody_listens_is_followed_by_everything_in_order() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_1", receiver.url(), None).await;
    receiver.die().await;
    for _ in 0..4 {
        for user in users() {
            world.toggle(&user).await;
        }
        world.pass(world.now.plus_ms(15 * MINUTE_MS)).await;
    }
    assert_eq!(receiver.taken(), []);
    assert!(world.endpoint("ep_1").await.failing_since.is_some());
    receiver.rise().await;
    world.pass(world.now.plus_ms(3 * HOUR_MS)).await;
    assert_eq!(receiver.versions(), world.told().await);
    assert_eq!(world.endpoint("ep_1").await.failing_since, None);
}

#[tokio::test]
async fn what_is_told_is_signed_anew_at_each_try_and_holds_no_personal_data() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(500)).await;
    let secret = world.add("ep_1", receiver.url(), None).await;
    for user in ["userId:ada", "email:canary@example.org", "phoneNumber:+4930111222"] {
        world.toggle(user).await;
    }
    world.pass(world.now.plus_ms(1_000)).await;
    receiver.answer(Answer::Status(204));
    world.pass(world.now.plus_ms(MINUTE_MS)).await;

    let Secret::Shared(bytes) = secret else { panic!("it is shared") };
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), 6);
    let mut sent_at: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrived in &arrived {
        let verifier = Verifier::Shared(bytes.clone());
        assert_eq!(verifier.verify(&arrived.headers, &arrived.body, NOW.0 / 1_000), Ok(()));
        sent_at.entry(&arrived.headers.id).or_default().insert(&arrived.headers.timestamp);
        let text = String::from_utf8(arrived.body.clone()).unwrap();
        assert!(!text.contains("canary") && !text.contains("4930111222"), "{text}");
    }
    assert_eq!(sent_at.len(), 3);
    assert!(sent_at.values().all(|times| times.len() == 2), "{sent_at:?}");
    let users: Vec<String> =
        receiver.taken().iter().map(|(_, body)| body["data"]["user"].to_string()).collect();
    assert_eq!(users, ["\"userId:ada\"", "null", "null"]);
}

#[tokio::test]
async fn an_endpoint_gets_what_it_chose_from_when_it_was_added() {
    let mut world = World::new().await;
    let (all, chosen) =
        (Receiver::start(Answer::Status(200)).await, Receiver::start(Answer::Status(200)).await);
    world.toggle("userId:before").await;
    world.add("ep_all", all.url(), None).await;
    world.add("ep_erased", chosen.url(), Some(vec![NotificationKind::UserErased])).await;
    world.toggle("userId:after").await;
    world.pass(world.now.plus_ms(MINUTE_MS)).await;
    assert_eq!(all.taken().len(), 1);
    assert_eq!(all.taken()[0].1["data"]["user"], "userId:after");
    assert_eq!(chosen.taken(), []);
}

#[tokio::test]
async fn what_the_receiver_asks_us_to_wait_is_waited() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::RetryAfter(1_800)).await;
    world.add("ep_1", receiver.url(), None).await;
    world.toggle("userId:ada").await;
    world.pass(NOW.plus_ms(1_799_999)).await;
    assert_eq!(receiver.arrived().len(), 1);
    receiver.answer(Answer::Status(200));
    world.pass(NOW.plus_ms(1_800_001)).await;
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_no_more_until_it_is_enabled() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(410)).await;
    world.add("ep_1", receiver.url(), None).await;
    world.toggle("userId:ada").await;
    world.pass(world.now.plus_ms(DAY_MS)).await;
    assert_eq!(receiver.arrived().len(), 1);
    assert_eq!(world.endpoint("ep_1").await.disabled, Some((NOW, DisabledFor::Gone)));

    world.toggle("userId:ada").await;
    receiver.answer(Answer::Status(200));
    assert!(world.store.enable_endpoint("ep_1".into(), world.now).await.unwrap());
    world.pass(world.now.plus_ms(MINUTE_MS)).await;
    assert_eq!(receiver.versions(), world.told().await);
    assert!(!world.store.enable_endpoint("ep_2".into(), world.now).await.unwrap());
}

#[tokio::test]
async fn an_endpoint_that_fails_for_days_is_warned_of_then_disabled_and_loses_nothing() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(500)).await;
    world.add("ep_1", receiver.url(), None).await;
    for user in users() {
        world.toggle(&user).await;
        world.toggle(&user).await;
    }
    world.pass(NOW.plus_ms(23 * HOUR_MS)).await;
    assert_eq!(world.endpoint("ep_1").await.warned_at, None);
    world.pass(NOW.plus_ms(4 * DAY_MS)).await;
    let endpoint = world.endpoint("ep_1").await;
    assert!(endpoint.warned_at.is_some() && endpoint.disabled.is_none());
    world.pass(NOW.plus_ms(30 * DAY_MS)).await;
    let (at, why) = world.endpoint("ep_1").await.disabled.unwrap();
    assert_eq!(why, DisabledFor::Failing);
    assert!(at.ms_since(NOW) >= 5 * DAY_MS && at.ms_since(NOW) <= 7 * DAY_MS, "{at}");

    receiver.answer(Answer::Status(200));
    assert!(world.store.enable_endpoint("ep_1".into(), world.now).await.unwrap());
    world.pass(world.now.plus_ms(MINUTE_MS)).await;
    assert_eq!(receiver.versions(), world.told().await);
}

#[tokio::test]
async fn the_configured_endpoint_with_another_url_is_enabled_and_else_left_as_it_is() {
    let mut world = World::new().await;
    let (wrong, right) =
        (Receiver::start(Answer::Status(410)).await, Receiver::start(Answer::Status(200)).await);
    let set = async |world: &World, url: String| {
        let secret = Secret::Shared(vec![7; 32]).to_text();
        let endpoint = NewEndpoint { id: "ep_1".into(), url, kinds: None, secret, now: world.now };
        world.store.set_endpoint("ep_1", Some(endpoint), world.now).await.unwrap();
    };
    set(&world, wrong.url()).await;
    world.toggle("userId:ada").await;
    world.toggle("userId:ada").await;
    world.pass(world.now.plus_ms(MINUTE_MS)).await;
    set(&world, wrong.url()).await;
    assert!(world.endpoint("ep_1").await.disabled.is_some());
    set(&world, right.url()).await;
    assert_eq!(world.endpoint("ep_1").await.failing_since, None);
    world.pass(world.now.plus_ms(MINUTE_MS)).await;
    assert_eq!(right.versions(), world.told().await);
}

#[tokio::test]
async fn what_alone_is_refused_is_given_up_at_last_and_the_users_next_one_goes_on() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(400)).await;
    world.add("ep_1", receiver.url(), None).await;
    world.toggle("userId:refused").await;
    world.toggle("userId:refused").await;
    for number in 0.. {
        // Others arrive meanwhile, so that the endpoint is not to blame.
        receiver.answer(Answer::Status(400));
        world.pass(world.now.plus_ms(12 * HOUR_MS)).await;
        receiver.answer(Answer::Status(200));
        world.toggle(&format!("userId:other-{number}")).await;
        let dispatcher = world.dispatcher();
        // The refused one is not due at this very moment, for it was just tried or waits.
        dispatcher.step(world.now).await.unwrap();
        let given_up = Some(DeliveryState::GivenUp);
        if world.store.deliveries("ep_1", given_up, None, 10).await.unwrap().unwrap().len() == 1 {
            break;
        }
        assert!(number < 40, "it is given up some time");
    }
    world.pass(world.now.plus_ms(DAY_MS)).await;
    let log = world.store.deliveries("ep_1", None, None, 10_000).await.unwrap().unwrap();
    assert_eq!(log.last().unwrap().attempts, ATTEMPTS_MAX);
    let versions: Vec<u64> = receiver
        .taken()
        .iter()
        .filter(|(_, body)| body["data"]["user"] == "userId:refused")
        .map(|(_, body)| body["data"]["version"].as_u64().unwrap())
        .collect();
    assert_eq!(versions, [2]);

    let first = Replay::Range(1, 1);
    assert_eq!(world.store.replay("ep_1".into(), first, world.now).await.unwrap(), Some(1));
    world.pass(world.now.plus_ms(MINUTE_MS)).await;
    assert!(receiver.taken().iter().any(|(id, _)| id.starts_with("evt_1_")));
}

#[tokio::test]
async fn what_arrived_is_sent_again_under_the_same_id_when_asked() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_1", receiver.url(), None).await;
    for _ in 0..3 {
        world.toggle("userId:ada").await;
        world.pass(world.now.plus_ms(MINUTE_MS)).await;
    }
    let sent: Vec<String> = receiver.taken().into_iter().map(|(id, _)| id).collect();
    for (what, expected) in [
        (Replay::Range(2, 2), &sent[1..2]),
        (Replay::Range(2, u64::MAX), &sent[1..]),
        (Replay::Since(NOW.plus_ms(MINUTE_MS)), &sent[1..]),
        (Replay::Range(1, u64::MAX), &sent),
        (Replay::Range(4, 9), &[]),
    ] {
        let before = receiver.arrived().len();
        let count = world.store.replay("ep_1".into(), what, world.now).await.unwrap();
        assert_eq!(count, Some(expected.len() as u64), "{what:?}");
        world.pass(world.now.plus_ms(MINUTE_MS)).await;
        let arrived = receiver.arrived();
        let again: Vec<&String> = arrived[before..].iter().map(|one| &one.headers.id).collect();
        assert_eq!(again, expected.iter().collect::<Vec<_>>(), "{what:?}");
    }
    let nobody = world.store.replay("ep_2".into(), Replay::Range(1, 9), world.now).await;
    assert_eq!(nobody.unwrap(), None);
}

#[tokio::test]
async fn the_secret_before_signs_as_well_until_it_runs_out() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    let Secret::Shared(old) = world.add("ep_1", receiver.url(), None).await else { panic!() };
    let new = Secret::Private([9; 32]);
    let rotated = NewSecret {
        endpoint: "ep_1".into(),
        secret: new.to_text(),
        others_until: world.now.plus_ms(HOUR_MS),
        now: world.now,
    };
    assert!(world.store.rotate_secret(rotated).await.unwrap());
    let old = Verifier::Shared(old);
    let new = Verifier::Public(new.for_receiver().parse().unwrap());
    for (after_ms, old_fits) in [(0, true), (HOUR_MS, false)] {
        world.pass(world.now.plus_ms(after_ms)).await;
        world.toggle("userId:ada").await;
        world.pass(world.now.plus_ms(1)).await;
        let arrived = receiver.arrived().pop().unwrap();
        let now_s = arrived.headers.timestamp.parse().unwrap();
        assert_eq!(new.verify(&arrived.headers, &arrived.body, now_s), Ok(()));
        assert_eq!(old.verify(&arrived.headers, &arrived.body, now_s).is_ok(), old_fits);
    }
}

#[tokio::test]
async fn a_slow_endpoint_holds_up_no_other() {
    let world = World::new().await;
    let slow = Receiver::start(Answer::Hang).await;
    let quick = Receiver::start(Answer::Status(200)).await;
    world.add("ep_slow", slow.url(), None).await;
    world.add("ep_quick", quick.url(), None).await;
    for number in 0..20 {
        world.toggle(&format!("userId:user-{number}")).await;
        world.toggle(&format!("userId:user-{number}")).await;
    }
    let patient = Settings { timeout_ms: 60_000, ..SETTINGS };
    let client = Arc::new(Client::new(patient, &system_lookup()).unwrap());
    let dispatcher = Arc::new(Dispatcher::new(Arc::clone(&world.store), client, patient));
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(dispatcher.run(|| NOW, shutdown.clone()));
    let all_arrived = async {
        while quick.taken().len() < 40 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all_arrived).await.unwrap();
    assert!(slow.arrived().len() <= SETTINGS.concurrency, "{}", slow.arrived().len());
    assert_eq!(quick.versions(), world.told().await);
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_and_counts_by_its_status() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::EndlessBody).await;
    world.add("ep_1", receiver.url(), None).await;
    world.toggle("userId:ada").await;
    world.pass(world.now.plus_ms(1)).await;
    let log = world.store.deliveries("ep_1", None, None, 10).await.unwrap().unwrap();
    assert_eq!(log[0].state, DeliveryState::Delivered);
}

#[tokio::test]
async fn an_endpoint_that_is_removed_takes_its_deliveries_with_it() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(500)).await;
    world.add("ep_1", receiver.url(), None).await;
    world.toggle("userId:ada").await;
    world.pass(world.now.plus_ms(1)).await;
    assert_eq!(world.store.pending_deliveries(1).await.unwrap(), 1);
    assert!(world.store.remove_endpoint("ep_1".into()).await.unwrap());
    assert!(!world.store.remove_endpoint("ep_1".into()).await.unwrap());
    assert_eq!(world.store.pending_deliveries(1).await.unwrap(), 0);
    assert_eq!(world.store.deliveries("ep_1", None, None, 10).await.unwrap(), None);
    assert_eq!(world.store.next_delivery_at().await.unwrap(), None);
}

#[tokio::test]
async fn a_review_that_lasts_too_long_is_told_once_whatever_is_restarted() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_1", receiver.url(), Some(vec![NotificationKind::VerificationStuck])).await;
    world.judged("userId:ada", ProductStatus::PendingReview).await;
    world.judged("userId:done", ProductStatus::Verified).await;
    world.pass(NOW.plus_ms(3 * DAY_MS - 1)).await;
    world.pass(NOW.plus_ms(3 * DAY_MS - 1)).await;
    assert_eq!(receiver.taken(), []);
    for _ in 0..3 {
        world.pass(world.now.plus_ms(DAY_MS)).await;
        world.reopen().await;
    }
    world.pass(world.now).await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert_eq!(taken[0].1["data"]["user"], "userId:ada");
    assert_eq!(taken[0].1["data"]["since"], NOW.to_string());

    // Another review is told of anew.
    world.judged("userId:ada", ProductStatus::Verified).await;
    world.judged("userId:ada", ProductStatus::PendingReview).await;
    world.pass(world.now.plus_ms(4 * DAY_MS)).await;
    world.pass(world.now).await;
    assert_eq!(receiver.taken().len(), 2);
}

#[tokio::test]
async fn the_log_forgets_what_arrived_long_ago_and_it_can_still_be_sent_again() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_1", receiver.url(), None).await;
    world.toggle("userId:ada").await;
    world.pass(NOW.plus_ms(29 * DAY_MS)).await;
    world.toggle("userId:ada").await;
    world.pass(world.now.plus_ms(DAY_MS)).await;
    let log = async |world: &World| {
        let log = world.store.deliveries("ep_1", None, None, 10).await.unwrap().unwrap();
        log.iter().map(|delivery| delivery.notified.seq).collect::<Vec<u64>>()
    };
    assert_eq!(log(&world).await, [2, 1]);
    world.pass(world.now.plus_ms(1)).await;
    world.pass(world.now).await;
    assert_eq!(log(&world).await, [2]);
    let again = world.store.replay("ep_1".into(), Replay::Range(1, 1), world.now).await.unwrap();
    assert_eq!(again, Some(1));
    world.pass(world.now.plus_ms(MINUTE_MS)).await;
    assert_eq!(receiver.arrived().len(), 3);
}
