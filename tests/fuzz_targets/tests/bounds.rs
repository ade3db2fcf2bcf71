//! Large and deep inputs cost no more than their size allows, in memory and in time.

#![allow(clippy::unwrap_used, reason = "a broken assumption ends the test")]

use std::time::Duration;

use fuzz_targets::{TARGETS, Target};
use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What may be held of an input whose size is limited, whatever that size: a tree of the
/// largest that is read, and of the target's own to compare with.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// Beside it, copies of the input: it has to come from somewhere.
const COPIES: usize = 5;
/// What is held of each byte where nobody limits the size: these are the person's own files.
/// A small object of JSON takes a hundred times its size, and the targets read it twice.
const COPIES_WITHOUT_LIMIT: usize = 250;
/// The targets whose parsers have no limit of size.
const WITHOUT_LIMIT: [&str; 6] =
    ["scenario", "sandbox_requests", "configuration", "command_line", "demo_cast", "snapshot"];
/// Of the processor, and so not of a busy machine: much more than any of them takes, and much
/// less than one that is not linear.
const TIME_MAX: Duration = Duration::from_secs(10);

/// What stands before and after the large part, so that it is reached.
const FRAMES: [(&str, &str, &str); 26] = [
    ("provider_answer", "check-status 200\n\n", ""),
    ("provider_answer", "check-status 200\n\n{\"eligibility\":", "}"),
    (
        "provider_answer",
        "check-status 200\n\n{\"eligibility\":[{\"type\":\"onramp\",\"status\":\"requires-data\",\"missingData\":",
        "}]}",
    ),
    ("provider_answer", "register-user 400\n\n{\"message\":", "}"),
    ("provider_answer", "register-user 400\n\n", ""),
    ("provider_answer", "get-linked-wallet 200\n\n{\"address\":\"a\",\"ownership\":", "}"),
    ("provider_answer", "check-status 429\nRetry-After: ", "\n\n"),
    ("answers_applied", "x 200\n\n", ""),
    ("user_file", "", ""),
    ("user_file", "{\"userDetails\":{\"firstName\":", "}}"),
    ("user_patch", "{\"kycData\":", "}"),
    ("locator", "userId:", ""),
    ("document", "id-passport\np.png\n\n", ""),
    (
        "document",
        "id-passport\np.pdf\n\n%PDF-1.7\n1 0 obj",
        "\nendobj trailer<</Root 1 0 R>>\n%%EOF",
    ),
    (
        "document",
        "id-passport\np.pdf\n\n%PDF-1.7\n1 0 obj<</Pages 2 0 R>>endobj 2 0 obj<</Kids",
        ">>endobj trailer<</Root 1 0 R>>\n%%EOF",
    ),
    ("times", "", "ms"),
    ("scenario", "{\"defaults\":{\"answers\":[{\"call\":\"any\",\"body\":", "}]}}"),
    ("sandbox_requests", "wire PUT /api/2025-06-09/users/userId%3Aada\n", ""),
    ("sandbox_requests", "admin PUT /scenario\n{\"users\":", "}"),
    ("configuration", "a = ", "\n"),
    ("command_line", "status\n", ""),
    ("requirements", "", ""),
    ("requirements", "areas = ", "\n"),
    ("texts", "en\n", ""),
    ("texts", "en\n[document]\nid = ", "\n"),
    ("snapshot", "{\"schema\":1,\"onboarding\":{\"id\":", "}}"),
];

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap()
}

/// Large parts, by what is large about them.
fn large() -> Vec<(&'static str, String)> {
    let nested = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    let list = |item: &str| format!("[{}{item}]", format!("{item},").repeat(100_000));
    vec![
        ("lists 100,000 deep", nested("[", "]")),
        ("objects 100,000 deep", format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000))),
        ("lists that never end", "[".repeat(100_000)),
        ("a name of 50,000 parts", format!("{}a = 1", "a.".repeat(50_000))),
        ("10,000 names", (0..10_000).map(|n| format!("tack{n} = 1\n")).collect()),
        ("a number of a million digits", "9".repeat(1_000_000)),
        ("a fraction of a million digits", format!("0.{}e999999", "1".repeat(1_000_000))),
        ("a text of ten megabytes", format!("\"{}\"", "a".repeat(10_000_000))),
        ("a text of escapes", format!("\"{}\"", "\\u00e9".repeat(150_000))),
        ("a list of 100,000 numbers", list("0")),
        ("a list of 100,000 small objects", list("{\"\":0}")),
        ("a list of 10,000 products", eligibility(10_000)),
    ]
}

fn eligibility(count: usize) -> String {
    let entry = |n| format!(r#"{{"type":"p{n}","status":"verified","missingDocuments":["id"]}}"#);
    format!("[{}]", (0..count).map(entry).collect::<Vec<_>>().join(","))
}

fn bytes_max(name: &str, input_bytes: usize) -> usize {
    let copies = if WITHOUT_LIMIT.contains(&name) { COPIES_WITHOUT_LIMIT } else { COPIES };
    BYTES_MAX + copies * input_bytes
}

/// The processor's time that this thread took so far.
fn time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a thread takes no time below zero")
}

#[test]
fn memory_and_time_follow_the_size_of_an_input() {
    let mut wrong = Vec::new();
    for (what, part) in large() {
        for (name, before, after) in FRAMES {
            let input = format!("{before}{part}{after}");
            let held = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let began = time();
            (target(name).check)(input.as_bytes());
            let time = time() - began;
            let bytes = MEMORY.peak_usage().saturating_sub(held);
            if bytes > bytes_max(name, input.len()) || time > TIME_MAX {
                wrong.push(format!("{name}, {before:?}, {what}: {bytes} bytes, {time:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
