//! How fast `serve` makes its first call after it was started, and how much memory it holds
//! with 10,000 onboardings in flight. Measured, never asserted:
//! `cargo bench -p gangway-tests --bench footprint`.

#![allow(clippy::unwrap_used, reason = "a measurement that can't be made ends the benchmark")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use documents::Given;
use engine::{Added, Edit, Intake};
use gangway_tests::{Gangway, PASSPORT, Recorder, Sandbox, Worker, complete_profile, wait_until};
use onboarding::{DocumentType, OnboardingId, Policy, Product, State, Timestamp, UserLocator};
use sandbox::Call;
use serde_json::json;
use store::{Actor, SqliteStore, Store as _};
use tokio::task::JoinSet;
use uuid::Uuid;

const STARTS: usize = 20;
const ONBOARDINGS: u64 = 10_000;
/// How many are registered at once, so that they share transactions.
const AT_ONCE: u64 = 500;
const SAMPLED_FOR: Duration = Duration::from_secs(30);
const SAMPLED_EVERY: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(600);

fn main() {
    println!("machine: {}", machine());
    let mut starts: Vec<Duration> = (0..STARTS).map(|_| start_to_first_call()).collect();
    starts.sort();
    let (fastest, median, slowest) = (starts[0], starts[STARTS / 2], starts[STARTS - 1]);
    println!(
        "start to first call     median {median:.1?} of {STARTS} ({fastest:.1?} to {slowest:.1?})"
    );

    let memory = memory_in_flight();
    println!("onboardings in flight   {ONBOARDINGS}, in review and polled");
    println!("calls to get there      {} in {:.0?}", memory.calls, memory.took);
    println!("while polled for {SAMPLED_FOR:.0?}    {} calls", memory.polls);
    println!("resident, highest       {} in those {SAMPLED_FOR:.0?}", mib(memory.resident_kib));
    println!("proportional, highest   {}", mib(memory.proportional_kib));
    println!("resident, ever          {}", mib(memory.peak_kib));
}

/// From the start of the process to the first call at the provider, with one user due.
fn start_to_first_call() -> Duration {
    let provider = Recorder::start(|_| (200, json!({ "userDetails": true }).to_string()));
    let gangway = Gangway::patient(provider.origin());
    gangway.set_user("userId:first", &complete_profile("first"), &[]);
    let began = Instant::now();
    let worker = gangway.serve_unready();
    let call = wait_until(LONG, "the first call", || provider.requests().into_iter().next());
    worker.stop();
    call.at - began
}

struct Memory {
    calls: usize,
    took: Duration,
    polls: usize,
    resident_kib: u64,
    proportional_kib: u64,
    peak_kib: u64,
}

fn memory_in_flight() -> Memory {
    let sandbox = Sandbox::start(&json!({ "defaults": { "hold": true } }));
    let gangway = Gangway::patient(&sandbox.origin())
        .with("CROSSMINT__WRITES_PER_MINUTE", "0")
        .with("CROSSMINT__READS_PER_MINUTE", "0");
    let url = format!("sqlite:{}", gangway.folder().join("gangway.db").display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(register(&url));

    let began = Instant::now();
    let worker = gangway.serve();
    wait_until(LONG, "everyone in review", || {
        let counts = runtime.block_on(store.counts()).unwrap();
        (counts.get(&State::Polling) == Some(&ONBOARDINGS)).then_some(())
    });
    let took = began.elapsed();
    let writes = [Call::RegisterUser, Call::UploadDocument, Call::TriggerVerification];
    let calls = writes.iter().map(|call| sandbox.calls(*call).len()).sum();
    let polls_before = last_call(&sandbox);

    let mut memory =
        Memory { calls, took, polls: 0, resident_kib: 0, proportional_kib: 0, peak_kib: 0 };
    let sampling = Instant::now();
    while sampling.elapsed() < SAMPLED_FOR {
        // Not to wait for anything: the samples are spread over the time.
        std::thread::sleep(SAMPLED_EVERY);
        memory.resident_kib = memory.resident_kib.max(kib(&worker, "status", "VmRSS:"));
        memory.proportional_kib = memory.proportional_kib.max(kib(&worker, "smaps_rollup", "Pss:"));
    }
    // The kernel counts the peak a little later than the present.
    memory.peak_kib = kib(&worker, "status", "VmHWM:").max(memory.resident_kib);
    memory.polls = last_call(&sandbox) - polls_before;
    worker.stop();
    memory
}

fn last_call(sandbox: &Sandbox) -> usize {
    let log = sandbox.handle().calls(None, None);
    usize::try_from(log.dropped).unwrap() + log.calls.len()
}

/// Registers everyone with a whole profile, a passport, and the wish to be verified.
async fn register(url: &str) -> Arc<SqliteStore> {
    let store = Arc::new(SqliteStore::open(url, Policy::default()).await.unwrap());
    let intake = Arc::new(Intake::new(Arc::clone(&store), Actor::Cli));
    let profile: Arc<[u8]> = complete_profile("many").to_string().into_bytes().into();
    let mut registering = JoinSet::new();
    for number in 0..ONBOARDINGS {
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

/// A figure of a file of the worker's under `/proc`.
fn kib(worker: &Worker, file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/{file}", worker.id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores, {}", model.unwrap_or("unknown processor"))
}
