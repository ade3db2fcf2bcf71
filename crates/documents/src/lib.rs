//! Whether a document is what it is said to be, before it costs a call.
//!
//! This crate is pure: bytes, a day and limits come in as arguments, and what is wrong goes out
//! as a value. It reads no file and no clock, and never logs.

mod check;

pub use check::{CheckedDocument, DOCUMENT_BYTES_MAX, MediaType, check_document};
