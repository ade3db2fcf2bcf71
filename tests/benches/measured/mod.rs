//! What the benchmarks share: many onboardings in flight, and figures of a process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use documents::Given;
use engine::{Added, Edit, Intake};
use gangway_tests::{Gangway, PASSPORT, Worker, complete_profile, wait_until};
use onboarding::{DocumentType, OnboardingId, Policy, Product, State, Timestamp, UserLocator};
use store::{Actor, SqliteStore, Store as _};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

/// How many are registered at once, so that they share transactions.
const AT_ONCE: u64 = 500;
/// The longest wait for anything.
pub const LONG: Duration = Duration::from_secs(600);

/// Registers so many, named `userId:many-0` and so on, with a whole profile, a passport, and the wish to be verified.
pub async fn register(url: &str, onboardings: u64) -> Arc<SqliteStore> {
    let store = Arc::new(SqliteStore::open(url, Policy::default()).await.unwrap());
    let intake = Arc::new(Intake::new(Arc::clone(&store), Actor::Cli));
    let profile: Arc<[u8]> = complete_profile("many").to_string().into_bytes().into();
    let mut registering = JoinSet::new();
    for number in 0..onboardings {
        if number >= AT_ONCE {
            registering.join_next().await.unwrap().unwrap();
        }
        let (intake, profile) = (Arc::clone(&intake), Arc::clone(&profile));
        registering.spawn(async move { register_one(&intake, number, &profile).await });
    }
    registering.join_all().await;
    store
}

async fn register_one(intake: &Intake<SqliteStore>, number: u64, profile: &[u8]) {
    let user: UserLocator = format!("userId:many-{number}").parse().unwrap();
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    let added = Added {
        wanted: None,
        wanted_default: BTreeSet::from([
            Product::RegulatedTransfer,
            Product::Onramp,
            Product::Offramp,
        ]),
        verify: true,
        new_id: OnboardingId(Uuid::now_v7()),
    };
    intake.edit_user(&user, Edit::Replace(profile), added, now).await.unwrap();
    let passport = DocumentType::IdPassport;
    let given = Given {
        document_type: &passport,
        bytes: PASSPORT,
        file_name: Some("passport.png"),
        expires_at: None,
    };
    intake.add_document(&user, &given, now).await.unwrap();
}

/// Starts the worker, and waits until everyone is reviewed by the provider.
pub fn bring_into_review(
    gangway: &Gangway,
    runtime: &Runtime,
    store: &SqliteStore,
    onboardings: u64,
) -> Worker {
    let worker = gangway.serve();
    wait_until(LONG, "everyone in review", || {
        let counts = runtime.block_on(store.counts()).unwrap();
        (counts.get(&State::Polling) == Some(&onboardings)).then_some(())
    });
    worker
}

/// A figure of a file of the worker's under `/proc`.
pub fn kib(worker: &Worker, file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/{file}", worker.id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A size in words.
pub fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

/// What it was measured on.
pub fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores, {}", model.unwrap_or("unknown processor"))
}
