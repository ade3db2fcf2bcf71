//! How many pages a PDF has, and whether it can be opened without a password.
//!
//! The parsers that exist read every object into memory, or unpack streams without an end: a
//! file of ten megabytes may hold ten thousand. So this one reads what leads to the pages and
//! nothing else, within bounds that each have a name. It looks for the objects themselves and
//! not for the table of their places, as viewers do with files whose table is wrong.

mod lexer;
mod objects;

use std::collections::BTreeSet;

use lexer::{Budget, Token, entry, integer, items, reference};
use objects::Objects;

/// Why a PDF is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not begin and end as a PDF.
    Damaged,
    /// A password is needed, or other rights.
    Encrypted,
    /// There is no page to be found.
    Unreadable,
}

/// How far from its end a PDF may close, by the PDF reference (appendix H).
pub(crate) const TRAILER_BYTES_MAX: usize = 1024;

/// Counting ends here: no limit of pages is higher.
pub(crate) const PAGES_COUNTED_MAX: u32 = 10_000;

/// How many pages there are, up to [`PAGES_COUNTED_MAX`].
pub(crate) fn pages(bytes: &[u8]) -> Result<u32, Fault> {
    if !is_whole(bytes) {
        return Err(Fault::Damaged);
    }
    let objects = Objects::find(bytes).ok_or(Fault::Unreadable)?;
    if objects.is_encrypted {
        return Err(Fault::Encrypted);
    }
    count(&objects).filter(|count| *count > 0).ok_or(Fault::Unreadable)
}

fn is_whole(bytes: &[u8]) -> bool {
    const CLOSING: &[u8] = b"%%EOF";
    let Some(rest) = bytes.strip_prefix(b"%PDF-") else { return false };
    let trailer = &rest[rest.len().saturating_sub(TRAILER_BYTES_MAX)..];
    trailer.windows(CLOSING.len()).any(|window| window == CLOSING)
}

/// Walks the tree of pages, each node once.
fn count(objects: &Objects<'_>) -> Option<u32> {
    let mut budget = Budget::default();
    let root = objects.value(objects.root?, &mut budget)?;
    let first = reference(entry(root, b"Pages", &mut budget)?)?;
    let mut seen = BTreeSet::from([first]);
    let mut waiting = vec![first];
    let mut count = 0;
    while let Some(number) = waiting.pop() {
        if budget.is_spent() {
            return None;
        }
        let Some(node) = objects.value(number, &mut budget) else { continue };
        match entry(node, b"Kids", &mut budget) {
            Some(kids) => {
                let kids = match reference(kids) {
                    Some(number) => objects.value(number, &mut budget)?,
                    None => kids,
                };
                let kids = items(kids, &mut budget)?;
                waiting.extend(kids.into_iter().filter(|kid| seen.insert(*kid)));
            }
            None if node.starts_with(b"<<") => count += 1,
            None => {}
        }
        if count >= PAGES_COUNTED_MAX {
            break;
        }
    }
    (!budget.is_spent()).then_some(count)
}

/// Whether the dictionary says that it is of this type.
fn is_of(dictionary: &[u8], kind: &[u8], budget: &mut Budget) -> bool {
    let value = entry(dictionary, b"Type", budget).unwrap_or_default();
    lexer::Lexer::new(value).next() == Some(Token::Name(kind))
}

fn count_of(dictionary: &[u8], key: &[u8], budget: &mut Budget) -> Option<usize> {
    usize::try_from(integer(entry(dictionary, key, budget)?)?).ok()
}

#[cfg(test)]
mod tests;
