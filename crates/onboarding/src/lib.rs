//! The rules of an onboarding.
//!
//! This crate is pure: it has no clock, no chance, no input or output and no
//! async. Time and seeds come in as arguments; what is to be done goes out as
//! a value. It never logs.

mod document;
mod failure;
mod locator;
mod open_enum;
mod product;
mod profile;
mod time;

pub use document::DocumentType;
pub use failure::{Effect, Failure, FailureClass};
pub use locator::{InvalidLocator, LOCATOR_BYTES_MAX, LocatorKind, UserLocator, is_e164};
pub use product::{Eligibility, Product, ProductStatus, Section};
pub use profile::{
    Address, DueDiligence, IdentityDocument, KycData, Profile, UserDetails, VerificationHistory,
};
pub use time::{Date, InvalidTime, Timestamp};
