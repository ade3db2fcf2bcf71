//! How fast `serve` makes its first call after it was started, and how much memory it holds
//! with 10,000 onboardings in flight. Measured, never asserted:
//! `cargo bench -p gangway-tests --bench footprint`.

#![allow(clippy::unwrap_used, reason = "a measurement that can't be made ends the benchmark")]

mod measured;

use std::time::{Duration, Instant};

use gangway_tests::{Gangway, Recorder, Sandbox, complete_profile, wait_until};
use sandbox::Call;
use serde_json::json;
use tokio::runtime::Runtime;

use measured::{LONG, bring_into_review, kib, machine, mib, register};

const STARTS: usize = 20;
const ONBOARDINGS: u64 = 10_000;
const SAMPLED_FOR: Duration = Duration::from_secs(30);
const SAMPLED_EVERY: Duration = Duration::from_millis(500);

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
    let runtime = Runtime::new().unwrap();
    let store = runtime.block_on(register(&url, ONBOARDINGS));

    let began = Instant::now();
    let worker = bring_into_review(&gangway, &runtime, &store, ONBOARDINGS);
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
