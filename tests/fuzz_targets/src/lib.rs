//! What must hold of every parser of what comes from outside, for any input.
//!
//! Each target is a plain function over bytes: it panics if something does not hold, and does
//! nothing with bytes that are no input for it. cargo-fuzz drives them (tests/fuzz), and an
//! ordinary test replays the corpus and some thousands of mutations of it. No target reads a
//! clock or draws a random number.

#![allow(clippy::unwrap_used, reason = "a broken assumption of a target ends the run")]

mod answer;
mod applied;
mod canary;
mod company;
mod document;
mod machine;
mod mutation;
mod person;
mod provider;
mod sandboxed;
mod stored;
mod written;

pub use mutation::Mutations;

/// A parser, and what must hold of it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its function and of the folder of its corpus.
    pub name: &'static str,
    /// Panics if it does not hold of these bytes.
    pub check: fn(&[u8]),
    /// How many mutations a run of the tests tries from each seed: of a slow target, fewer.
    pub mutations: usize,
}

macro_rules! targets {
    ($($(#[$doc:meta])* $name:ident => $check:path, $mutations:literal;)+) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[
            $(Target { name: stringify!($name), check: $name, mutations: $mutations }),+
        ];

        $($(#[$doc])* pub fn $name(data: &[u8]) {
            // A fuzzer learns what is planted, and writes it where it may be repeated: in a name.
            if !canary::is_in(data) {
                $check(data);
            }
        })+
    };
}

targets! {
    /// One answer of the provider to one of the nine calls: `CALL STATUS`, header lines, an
    /// empty line, the body.
    provider_answer => provider::answer, 400;
    /// Answers like these and acts of people, separated by `---`, applied to one onboarding.
    answers_applied => applied::answers, 100;
    /// The file of a user.
    user_file => person::file, 1_000;
    /// A merge patch of a user who is held.
    user_patch => person::patch, 600;
    /// A user locator.
    locator => person::locator, 5_000;
    /// A document: a line each with its type, name and expiry date, then the bytes.
    document => document::document, 2_000;
    /// A date, a time or a duration.
    times => written::times, 5_000;
    /// A scenario of the sandbox.
    scenario => sandboxed::scenario, 1_500;
    /// Requests to the ports of the sandbox, separated by `---`: `wire METHOD PATH` or
    /// `admin METHOD PATH`, then the body.
    sandbox_requests => sandboxed::requests, 60;
    /// A settings file, lines of the environment and lines of flags, separated by `---`.
    configuration => written::configuration, 80;
    /// The arguments of a command line, one a line.
    command_line => written::command_line, 200;
    /// The list of the demo's users.
    demo_cast => written::demo_cast, 1_500;
    /// The table of requirements.
    requirements => company::requirements, 300;
    /// A file of texts: a line with its language, then the file.
    texts => company::texts, 300;
    /// What the store holds as JSON: an onboarding, an event, a task or a policy.
    snapshot => stored::snapshot, 1_500;
}
