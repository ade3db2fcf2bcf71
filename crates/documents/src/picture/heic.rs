//! HEIC: boxes of length, name and data. The container is looked at, never the picture in it.
//!
//! Everything in the file is found by its place, so metadata is overwritten with zeros where it
//! is. Which side is up is a property of its own, which stays.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Fault, Metadata, Size, Stripped, be_u16, be_u32, tiff};

/// A box: its name, and the place of what is in it.
struct Part {
    name: [u8; 4],
    body: Range<usize>,
}

/// The parts that follow one another in `within`, up to its very end.
fn parts(bytes: &[u8], within: Range<usize>) -> Option<Vec<Part>> {
    const LENGTH_IS_64_BITS: u64 = 1;
    const TO_THE_END: u64 = 0;
    let mut parts = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let name = bytes.get(at + 4..at + 8)?.try_into().ok()?;
        let (header, length) = match u64::from(be_u32(bytes, at)?) {
            TO_THE_END => (8, within.end - at),
            LENGTH_IS_64_BITS => (16, usize::try_from(be_number(bytes, at + 8, 8)?).ok()?),
            length => (8, usize::try_from(length).ok()?),
        };
        let end = at.checked_add(length).filter(|end| *end <= within.end)?;
        let body = at + header..end;
        if body.start > body.end {
            return None;
        }
        parts.push(Part { name, body });
        at = end;
    }
    Some(parts)
}

fn find(parts: &[Part], name: &[u8; 4]) -> Option<Range<usize>> {
    parts.iter().find(|part| part.name == *name).map(|part| part.body.clone())
}

/// The parts of the file and, of the one that tells of the picture, its own.
fn file(bytes: &[u8]) -> Option<(Vec<Part>, Vec<Part>)> {
    let outer = parts(bytes, 0..bytes.len())?;
    let meta = find(&outer, b"meta")?;
    find(&outer, b"mdat")?;
    // Four bytes of version and flags.
    let inner = parts(bytes, meta.start.checked_add(4)?..meta.end)?;
    Some((outer, inner))
}

pub(super) fn strip(bytes: &[u8]) -> Result<Stripped, Fault> {
    let (outer, inner) = file(bytes).ok_or(Fault::Damaged)?;
    let mut stripped = Stripped::starting_with(bytes);
    for part in outer.iter().chain(&inner) {
        if matches!(&part.name, b"uuid" | b"free" | b"skip" | b"udta") {
            overwrite(&mut stripped, part.body.clone(), Metadata::Other);
        }
    }
    let items = items(bytes, &inner).ok_or(Fault::Damaged)?;
    if items.is_empty() {
        return Ok(stripped);
    }
    // Places that overlap would be written again and again.
    let mut written = 0;
    for (kind, place) in places(bytes, &inner, &items).ok_or(Fault::Unstrippable)? {
        let place = place.ok_or(Fault::Unstrippable)?;
        let payload = bytes.get(place.clone()).ok_or(Fault::Damaged)?;
        written += payload.len();
        if written > bytes.len() {
            return Err(Fault::Damaged);
        }
        if kind == Metadata::Exif && exif(payload).is_some_and(|exif| exif.has_location) {
            stripped.metadata.insert(Metadata::Location);
        }
        overwrite(&mut stripped, place, kind);
    }
    Ok(stripped)
}

/// Four bytes say how far behind them the block begins.
fn exif(payload: &[u8]) -> Option<tiff::Exif> {
    let skipped = usize::try_from(be_u32(payload, 0)?).ok()?.checked_add(4)?;
    Some(tiff::read(payload.get(skipped..)?))
}

fn overwrite(stripped: &mut Stripped, place: Range<usize>, kind: Metadata) {
    let payload = &mut stripped.content[place];
    if payload.iter().any(|byte| *byte != 0) {
        payload.fill(0);
        stripped.metadata.insert(kind);
    }
}

/// The items that are no pictures.
fn items(bytes: &[u8], inner: &[Part]) -> Option<BTreeMap<u32, Metadata>> {
    let Some(list) = find(inner, b"iinf") else { return Some(BTreeMap::new()) };
    let count_bytes = if *bytes.get(list.start)? == 0 { 2 } else { 4 };
    let entries = parts(bytes, list.start.checked_add(4 + count_bytes)?..list.end)?;
    let mut items = BTreeMap::new();
    for entry in entries.iter().filter(|part| part.name == *b"infe") {
        let at = entry.body.start;
        let (id, kind_at) = match *bytes.get(at)? {
            2 => (u32::from(be_u16(bytes, at + 4)?), at + 8),
            3 => (be_u32(bytes, at + 4)?, at + 10),
            // Before these there were no kinds.
            _ => return None,
        };
        match bytes.get(kind_at..kind_at + 4)? {
            b"Exif" => drop(items.insert(id, Metadata::Exif)),
            b"mime" => drop(items.insert(id, Metadata::Xmp)),
            b"uri " => drop(items.insert(id, Metadata::Other)),
            _ => {}
        }
    }
    Some(items)
}

/// Where the items are, a row for each piece; `None` for a piece that is not in the file itself.
type Places = Vec<(Metadata, Option<Range<usize>>)>;

/// More pieces of metadata than any file has.
const PLACES_MAX: usize = 10_000;

fn places(bytes: &[u8], inner: &[Part], items: &BTreeMap<u32, Metadata>) -> Option<Places> {
    let list = find(inner, b"iloc")?;
    let bytes = bytes.get(..list.end)?;
    let inner_data = find(inner, b"idat");
    let version = *bytes.get(list.start)?;
    let sizes = be_u16(bytes, list.start + 4)?;
    let [offset, length, base, index] = [12, 8, 4, 0].map(|shift| usize::from(sizes >> shift & 15));
    let index = if version == 0 { 0 } else { index };
    let id_bytes = if version < 2 { 2 } else { 4 };
    let mut at = list.start + 6;
    let mut number = |size: usize| {
        let number = be_number(bytes, at, size)?;
        at += size;
        Some(number)
    };
    let mut places = Vec::new();
    for _ in 0..number(id_bytes)? {
        let id = u32::try_from(number(id_bytes)?).ok()?;
        let method = if version == 0 { 0 } else { number(2)? & 15 };
        let is_elsewhere = number(2)? != 0;
        let base_offset = number(base)?;
        let pieces = number(2)?;
        // Pieces that take no bytes in this list cost time without end.
        if (pieces > 1 && index + offset + length == 0) || places.len() > PLACES_MAX {
            return None;
        }
        for _ in 0..pieces {
            number(index)?;
            let start = base_offset.checked_add(number(offset)?)?;
            let length = number(length)?;
            let Some(kind) = items.get(&id) else { continue };
            let place = match (method, is_elsewhere) {
                (0, false) => range(start, length, 0),
                (1, false) => range(start, length, inner_data.as_ref()?.start),
                _ => None,
            };
            places.push((*kind, place));
        }
    }
    Some(places)
}

/// `None` also for a piece without a length: it would reach to the end of the file.
fn range(start: u64, length: u64, from: usize) -> Option<Range<usize>> {
    let start = usize::try_from(start).ok()?.checked_add(from)?;
    let length = usize::try_from(length).ok().filter(|length| *length > 0)?;
    Some(start..start.checked_add(length)?)
}

/// A number of zero to eight bytes.
fn be_number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let digits = bytes.get(at..at.checked_add(size)?)?;
    (size <= 8).then(|| digits.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The largest size that any picture in the file is said to have: previews, tiles and what else
/// is in it are smaller than the picture.
pub(super) fn size(bytes: &[u8]) -> Option<Size> {
    let (_, inner) = file(bytes)?;
    let properties = parts(bytes, find(&inner, b"iprp")?)?;
    let properties = parts(bytes, find(&properties, b"ipco")?)?;
    let sizes = properties.iter().filter(|part| part.name == *b"ispe").filter_map(|part| {
        let at = part.body.start;
        Some(Size { width: be_u32(bytes, at + 4)?, height: be_u32(bytes, at + 8)? })
    });
    sizes.max_by_key(|size| size.pixels())
}
