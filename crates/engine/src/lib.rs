//! The worker and the intake: everything that moves an onboarding.
//!
//! Data flows one way. Due work is claimed, the claim permits one call, the answer becomes an
//! event, the event is applied by the pure rules and committed, and what is due next follows
//! from the facts. A person's edit is an event too and takes the same way.
//!
//! Nothing here reads a clock, draws a random number or retries a call: time comes in as an
//! argument, and a retry is a row that falls due again.

mod gate;
mod intake;
mod observer;
mod provider;
pub mod views;
mod worker;

pub use intake::{
    Added, Edit, Expected, GoodDocument, Intake, IntakeError, OldVerifications, Remembering,
    Settled, linked_wallets,
};
pub use observer::{Called, Observer};
pub use provider::{Linked, Provider, Upload};
pub use worker::{Settings, Stepped, Worker};

use std::future::Future;
use std::time::Duration;

use onboarding::Timestamp;

/// Tells the time. The binary has the only one that reads the machine's clock.
pub trait Clock: Clone + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Lets time pass. A clock that does not follow the machine's has to say how.
    fn wait(&self, ms: u64) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(Duration::from_millis(ms))
    }
}

/// A clock that stands still, for one step at a given time.
impl Clock for Timestamp {
    fn now(&self) -> Timestamp {
        *self
    }
}

impl<F: Fn() -> Timestamp + Clone + Send + Sync + 'static> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}
