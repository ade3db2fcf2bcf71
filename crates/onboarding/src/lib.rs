//! The rules of an onboarding.
//!
//! This crate is pure: it has no clock, no chance, no input or output and no
//! async. Time and seeds come in as arguments; what is to be done goes out as
//! a value. It never logs.
//!
//! The whole face of the state machine is two functions: [`next_step`] says what is to be
//! done, [`apply`] says what an [`Event`] changes.

mod apply;
mod consent;
mod document;
mod event;
mod explain;
mod failing;
mod failure;
mod given_wallet;
mod json;
mod judging;
mod lacks;
mod listed;
mod locator;
mod merge_patch;
mod names;
mod note;
mod notification;
mod onboarding;
mod open_enum;
mod policy;
mod problem;
mod product;
mod profile;
mod reader;
mod registration;
mod regression;
mod renewal;
pub mod requirements;
mod rest;
mod revision;
mod shown;
mod state;
mod status;
mod step;
mod task;
pub mod texts;
mod time;
mod unsupplied;
mod user_file;
mod wallet;

pub use apply::{Context, Outcome, Reason, Transition, apply};
pub use consent::{Consent, Evidence, GivenConsent, LegalText};
pub use document::DocumentType;
pub use event::{Event, REASON_CHARS_MAX, reason};
pub use explain::{
    Explanation, ProductExplanation, Stuck, StuckAfter, StuckCause, StuckView, Surroundings,
    explain, stuck, stuck_cause,
};
pub use failure::{Effect, Failure, FailureClass};
pub use given_wallet::{GivenWallet, LinkedWallet, OwnershipView, PROOF_BYTES_MAX};
pub use json::{JSON_BYTES_MAX, JSON_DEPTH_MAX, TEXT_CHARS_MAX, pointer_to};
pub use listed::{HistoryEntry, StuckUser, UserTask};
pub use locator::{InvalidLocator, LOCATOR_BYTES_MAX, LocatorKind, UserLocator};
pub use merge_patch::merge_patch;
pub use note::{Note, next_note};
pub use notification::{Notification, NotificationKind, TaskNotice};
pub use onboarding::{
    Document, Ended, Hold, HoldCause, LastError, Observation, Onboarding, OnboardingId,
    ProfileRecord, Retry, TriggerInDoubt, Verification,
};
pub use open_enum::is_word;
pub use policy::{Curve, Policy, REMINDERS_MAX, RULES, TaskTimes};
pub use problem::{Checked, Problem, Problems, Severity};
pub use product::{Eligibility, Product, ProductStatus, Section};
pub use profile::{
    Address, DueDiligence, IdentityDocument, KycData, Profile, SectionChanges, UserDetails,
    VerificationHistory, changed_sections, is_kind_of_document,
};
pub use reader::{ForWhom, Reader};
pub use registration::Registration;
pub use regression::{Regression, Regressions};
pub use requirements::{Accepts, Area, Requirements};
pub use rest::{is_settled, is_under_way};
pub use revision::{Revision, Revisions};
pub use shown::{Region, Shown};
pub use state::State;
pub use status::{
    DocumentView, HoldView, LastErrorView, ProductView, Status, StepView, TaskView, WaitingOn,
    WalletView,
};
pub use step::{Call, Lane, Step, next_step, next_verification_step, wallet_call};
pub use task::{
    Due, DueSource, PAST_ROUNDS_MAX, PastRound, Request, Task, TaskState, UNNAMED_REQUEST, Waived,
};
pub use time::{Date, InvalidTime, Timestamp};
pub use user_file::UserFile;
pub use wallet::{Ownership, WALLETS_MAX, Wallet, WalletNumber, WalletWord};
