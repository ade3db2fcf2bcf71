//! A document's bytes, its name and its date.

use documents::{Given, Limits, MediaType, check_document};
use onboarding::{Checked, Date, DocumentType};

use crate::answer::split;
use crate::canary::{MARKER, assert_hidden};
use crate::provider::NOW;

/// No floors, so that small inputs reach what is behind them, and a ceiling of memory.
const LIMITS: Limits =
    Limits { bytes_min: 0, side_pixels_min: 0, pixels_max: 1_000_000, ..Limits::DEFAULT };

/// A line each with its type, name and expiry date, then the bytes.
pub(crate) fn document(data: &[u8]) {
    let Some((kind, rest)) = split(data, b"\n") else { return };
    let Some((name, rest)) = split(rest, b"\n") else { return };
    let Some((expiry, bytes)) = split(rest, b"\n") else { return };
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (Some(kind), Some(name), Some(expiry)) = (text(kind), text(name), text(expiry)) else {
        return;
    };
    let kind = DocumentType::from(kind);
    let expires_at = Date::parse(expiry).ok();
    let today = NOW.date();
    let named = format!("{MARKER}{name}");
    let given = Given { document_type: &kind, bytes, file_name: Some(&named), expires_at };
    let told = match check_document(&given, &LIMITS, today) {
        Ok(Checked { value, warnings }) => {
            assert!(bytes.len() <= LIMITS.bytes_max);
            assert!(value.content.len() <= bytes.len() + 64, "more is stored than was given");
            let again = Given { bytes: &value.content, file_name: None, ..given };
            let again = check_document(&again, &LIMITS, today).expect("it is taken again");
            assert!(again.value.content == value.content, "what is stored is stored as it is");
            assert!(expires_at.is_none_or(|day| day >= today), "an expired document is taken");
            assert!(begins_as(value.media_type, bytes), "{:?} it is not", value.media_type);
            warnings
        }
        Err(problems) => {
            assert!(problems.has_errors(), "refused for nothing");
            problems
        }
    };
    assert_hidden(&told.to_string(), MARKER);
}

/// Whether bytes begin as a type has to, said once more without the library that finds it.
fn begins_as(media_type: MediaType, bytes: &[u8]) -> bool {
    match media_type {
        MediaType::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        MediaType::Jpeg => bytes.starts_with(b"\xff\xd8\xff"),
        MediaType::Pdf => bytes.starts_with(b"%PDF-"),
        MediaType::Heic => bytes.get(4..8) == Some(b"ftyp"),
        MediaType::Webp => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
    }
}
