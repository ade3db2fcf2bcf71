//! A typed client of Crossmint's users and identity-verification API, version `2025-06-09`.
//!
//! Each method is one call. Nothing is tried again in here: a call that does
//! not succeed becomes an [`onboarding::Failure`], classified by what can be
//! done about it, and the core decides. The only thing that a call learns from
//! an earlier one is the form in which an upload names its user, see
//! [`DocumentReference`].
//!
//! The client speaks to the origin in its [`Settings`] and to nothing else: it
//! follows no redirect and ignores the environment's proxy variables. A company
//! that has a gateway to the provider names it as the origin. TLS is rustls with
//! ring, and trusts the CA certificates of the operating system.
//!
//! Personal data leaves this crate in the request alone. No log, no error text
//! and no `Debug` holds it: what the provider says is rid of everything that
//! was sent before it becomes a message. A failure of a call that did not carry
//! the profile may name the user all the same; [`scrub`] is for those.

mod classify;
mod client;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod reference;
mod scrub;
mod settings;
mod transport;
mod wire;
mod words;

pub use client::Client;
pub use scrub::scrub;
pub use settings::{ApiForm, ApiKey, DocumentData, DocumentReference, Settings, SettingsError};
pub use transport::ANSWER_BYTES_MAX;
pub use wire::{
    DocumentUpload, ExternalWallet, LegalAcceptance, LegalDocument, LegalState, LinkedWallet,
    UploadedDocument, UserPresence, WalletOwnership,
};
