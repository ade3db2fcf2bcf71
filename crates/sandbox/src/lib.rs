//! A Crossmint of our own: the wire of the users and KYC calls, served on
//! loopback, with outcomes and faults that are scripted from outside.
//!
//! It is an independent model of the provider, so it imports nothing of ours:
//! what is misread in the client is not misread here in the same way. It must
//! never look at names or numbers in a user's data to choose an outcome, and
//! never keep more of that data than its rules ask about. See docs/sandbox.md.

mod access;
mod account;
mod admin;
mod call;
mod connection;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod handle;
mod locator;
mod profile;
mod record;
mod request;
mod rules;
mod script;
mod server;
mod wire;
mod world;

pub use access::{Key, RateLimits};
pub use call::{Call, CallLog, CallRecord};
#[cfg(feature = "fuzzing")]
pub use fuzzing::{InProcess, Port};
pub use handle::Handle;
pub use locator::{InvalidLocator, Locator};
pub use profile::{Product, Profile, UnknownProfile};
pub use record::Section;
pub use script::{
    AnyCall, Closure, Delay, EligibilityEntry, Fault, Later, LegalDocumentsForm, OnCall, Scenario,
    ScenarioError, ScriptedAnswer, UserScript,
};
pub use server::{Running, Settings, StartError, start};
pub use world::{DocumentView, UserView};
