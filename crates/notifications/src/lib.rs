//! Tells others what happened: signed as Standard Webhooks has it, in the order of each user, at
//! least once.
//!
//! What is told is stored with the change that it tells of. From there it is handed out to
//! endpoints and sent until it arrives. What was sent and not yet recorded as arrived is sent
//! again after a crash, under the same id. Nothing here reads a clock, draws a random number or
//! decides what is told; nothing that a receiver answers is kept or logged but its status.

mod address;
mod client;
mod dispatcher;
pub mod endpoint;
mod message;
mod schedule;
mod secret;
mod signature;

pub use address::{BadAddress, Lookup, Resolved, check_url, system_lookup};
pub use client::{Client, ClientError, Outcome, Problem};
pub use dispatcher::{Dispatcher, Stepped};
pub use endpoint::{DeliveryView, EndpointError, EndpointView};
pub use message::{Message, event, listed};
pub use schedule::{ATTEMPTS_MAX, RETRY_AFTER_MAX_MS, retry_delay_ms};
pub use secret::{BadSecret, Form, PublicKey, SECRET_BYTES, Secret};
pub use signature::{Headers, TOLERANCE_S, Unverified, Verifier, sign};

/// What the dispatcher is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long one try may take.
    pub timeout_ms: u64,
    /// How many notifications are on their way to one endpoint at once.
    pub concurrency: usize,
    /// For how long every try may fail before the endpoint is warned of.
    pub warn_after_ms: u64,
    /// And for how long before it is disabled.
    pub disable_after_ms: u64,
    /// For how long the provider reviews a user before others are told.
    pub stuck_after_ms: u64,
    /// For how long the log has what arrived or was given up.
    pub log_kept_ms: u64,
    /// Whether endpoints on this machine may be told, without TLS as well.
    pub allow_loopback: bool,
    /// How long is waited at shutdown for what is on its way.
    pub shutdown_grace_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        const HOUR_MS: u64 = 3_600_000;
        Self {
            timeout_ms: 20_000,
            concurrency: 8,
            warn_after_ms: 24 * HOUR_MS,
            disable_after_ms: 5 * 24 * HOUR_MS,
            stuck_after_ms: 3 * 24 * HOUR_MS,
            log_kept_ms: 30 * 24 * HOUR_MS,
            allow_loopback: false,
            shutdown_grace_ms: 10_000,
        }
    }
}
