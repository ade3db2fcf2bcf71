//! Everything that is checked of one document.

use std::collections::{BTreeMap, BTreeSet};

use onboarding::{Checked, Date, DocumentType, Problems};

use crate::limits::Limits;
use crate::media::{MediaType, check_name};
use crate::picture::{self, Metadata, Size};
use crate::{pdf, sides};

/// A document as someone gives it.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// What it is said to be.
    pub document_type: &'a DocumentType,
    /// The file.
    pub bytes: &'a [u8],
    /// The file's name, if it has one.
    pub file_name: Option<&'a str>,
    /// The last day on which it is valid, if that is told.
    pub expires_at: Option<Date>,
}

/// A document that may be uploaded. It holds a person's document and has no `Debug`.
pub struct CheckedDocument {
    /// What its bytes are.
    pub media_type: MediaType,
    /// How large a picture it is; `None` for a PDF.
    pub size: Option<Size>,
    /// How many pages a PDF has.
    pub pages: Option<u32>,
    /// What was in the file beside the picture, and is not in `content`.
    pub metadata: BTreeSet<Metadata>,
    /// What is stored and sent.
    pub content: Vec<u8>,
}

/// Checks a document before it is stored.
///
/// # Errors
/// Every problem at once, if any of them is an error. Pointers are to the provider's
/// fields: `/documentType`, `/data`, `/expiresAt`.
pub fn check_document(
    given: &Given<'_>,
    limits: &Limits,
    today: Date,
) -> Result<Checked<CheckedDocument>, Problems> {
    let mut problems = Problems::default();
    if let Some(doubt) = given.document_type.doubt() {
        problems.warn("/documentType", doubt);
    }
    if let Some(day) = given.expires_at {
        check_expiry(day, limits, today, &mut problems);
    }
    match check_content(given, limits, &mut problems) {
        Some(document) => problems.checked(document),
        None => Err(problems),
    }
}

fn check_expiry(day: Date, limits: &Limits, today: Date, problems: &mut Problems) {
    let days = today.days_until(day);
    if days < 0 {
        problems.error("/expiresAt", "must not be in the past; ask for a document that is valid");
    } else if days < i64::from(limits.expiry_lead_days) {
        let lead = limits.expiry_lead_days;
        problems.warn(
            "/expiresAt",
            format!("is in fewer than {lead} days; ask for a newer document if there is one"),
        );
    }
}

/// `None` means that there is an error among the problems.
fn check_content(
    given: &Given<'_>,
    limits: &Limits,
    problems: &mut Problems,
) -> Option<CheckedDocument> {
    let looked = recognise(given.bytes, limits).and_then(|media_type| {
        check_name(media_type, given.file_name, problems);
        look(media_type, given.bytes, limits)
    });
    looked.map_err(|message| problems.error("/data", message)).ok()
}

fn recognise(bytes: &[u8], limits: &Limits) -> Result<MediaType, String> {
    if bytes.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if bytes.len() > limits.bytes_max {
        let limit = in_words(limits.bytes_max);
        return Err(format!("must be at most {limit}; take a smaller picture of it"));
    }
    let media_type = MediaType::recognise(bytes).map_err(|found| {
        format!("must be a PNG, JPEG, HEIC or WebP image or a PDF; these bytes are {found}")
    })?;
    if bytes.len() < limits.bytes_min {
        let limit = in_words(limits.bytes_min);
        return Err(format!("must be at least {limit}; scan it anew, so that it can be read"));
    }
    Ok(media_type)
}

fn in_words(bytes: usize) -> String {
    const MEGABYTE: usize = 1_000_000;
    if bytes > 0 && bytes.is_multiple_of(MEGABYTE) {
        format!("{} MB", bytes / MEGABYTE)
    } else {
        format!("{bytes} bytes")
    }
}

fn look(media_type: MediaType, bytes: &[u8], limits: &Limits) -> Result<CheckedDocument, String> {
    if media_type == MediaType::Pdf {
        let pages = pdf::pages(bytes).map_err(pdf_fault)?;
        check_pages(pages, limits)?;
        let (size, metadata, content) = (None, BTreeSet::new(), bytes.to_vec());
        return Ok(CheckedDocument { media_type, size, pages: Some(pages), metadata, content });
    }
    let fault = |fault| picture_fault(media_type, fault);
    let stripped = picture::strip(media_type, bytes).map_err(fault)?;
    // What is stored is looked at, and not what it was made of.
    let size = picture::size(media_type, &stripped.content).map_err(fault)?;
    check_size(size, limits)?;
    picture::decode(media_type, &stripped.content).map_err(fault)?;
    let picture::Stripped { content, metadata, .. } = stripped;
    Ok(CheckedDocument { media_type, size: Some(size), pages: None, metadata, content })
}

fn check_pages(pages: u32, limits: &Limits) -> Result<(), String> {
    let most = limits.pages_max;
    if pages > most {
        return Err(format!("must have at most {most} pages; send those alone that are asked for"));
    }
    Ok(())
}

fn check_size(size: Size, limits: &Limits) -> Result<(), String> {
    let least = limits.side_pixels_min;
    if size.shorter_side() < least.max(1) {
        let remedy = "take it from nearer, or scan it at a higher resolution";
        return Err(format!("must be at least {least} pixels wide and high; {remedy}"));
    }
    let most = limits.pixels_max;
    if size.pixels() > most {
        return Err(format!("must have at most {most} pixels; save it smaller"));
    }
    Ok(())
}

fn picture_fault(media_type: MediaType, fault: picture::Fault) -> String {
    let name = media_type.as_str();
    match fault {
        picture::Fault::Damaged => {
            format!("begins as {name}, but is damaged or cut short; copy the file anew")
        }
        picture::Fault::Undecodable => {
            format!("is {name}, but its picture can't be shown; save it anew, or take a new one")
        }
        picture::Fault::Animated => "must be one picture that stands still; take a new one".into(),
        picture::Fault::Unstrippable => {
            format!("is {name}, and its metadata can't be taken out; save it as a JPEG")
        }
    }
}

fn pdf_fault(fault: pdf::Fault) -> String {
    match fault {
        pdf::Fault::Damaged => {
            "begins as application/pdf, but is damaged or cut short; copy the file anew"
        }
        pdf::Fault::Encrypted => {
            "must not be encrypted; save it without a password, or print it to a new PDF"
        }
        pdf::Fault::Unreadable => "has no page that can be found; print it to a new PDF",
    }
    .to_owned()
}

/// What is to be said of a document beside the others of the same user: that its other side is
/// missing, or that it is the same file as another. `held` has a digest where it is known.
#[must_use]
pub fn check_beside<D: Copy + PartialEq>(
    document_type: &DocumentType,
    digest: D,
    held: &BTreeMap<DocumentType, Option<D>>,
) -> Problems {
    let mut problems = Problems::default();
    if let Some(other) = sides::other_side(document_type).filter(|side| !held.contains_key(side)) {
        problems.warn(
            "/documentType",
            format!("is one side alone; the provider asks for both, so add `{other}`, too"),
        );
    }
    let others = held.iter().filter(|(held_type, _)| *held_type != document_type);
    for (same, _) in others.filter(|(_, held)| **held == Some(digest)) {
        if sides::are_views_of_one(document_type, same) {
            let remedy = "see that each shows what it is for";
            problems.error("/data", format!("is the same file as the user's `{same}`; {remedy}"));
        } else {
            problems.warn("/data", format!("is the same file as the user's `{same}`"));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
