//! Whether a document is what it is said to be, before it costs a call.
//!
//! The checks find what is empty, cut short, unreadable or of another type, and take out what a
//! picture says of where it was taken; whether it shows a passport is for the provider to see.
//! This crate is pure: bytes, a day and limits come in as arguments, and what is wrong goes out
//! as a value. It reads no file and no clock, and never logs.

mod check;
mod limits;
mod media;
mod pdf;
mod picture;
#[cfg(any(test, feature = "samples"))]
pub mod sample;
mod sides;

pub use check::{CheckedDocument, Given, check_beside, check_document};
pub use limits::Limits;
pub use media::MediaType;
pub use picture::{Metadata, Size};
pub use sides::other_side;

/// The digest of a file as it was given, by which the same file is known again. Without the key
/// nobody can tell whether a file that they have was given.
#[must_use]
pub fn digest(key: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(key, bytes).as_bytes()
}
