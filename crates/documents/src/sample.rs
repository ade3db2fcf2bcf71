//! Small files that are what they say, for tests.

use crate::picture::{png_push, tiff};

/// A picture that the default limits let through, with other bytes for each edition.
#[must_use]
pub fn scan(edition: u32) -> Vec<u8> {
    png(400, 320, edition)
}

/// A PNG of two colours, stored without compression. Its edition is in the picture, which has to
/// be at least 32 pixels wide for it.
///
/// # Panics
/// When it is narrower, or too large to be stored in one block.
#[must_use]
pub fn png(width: u32, height: u32, edition: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    png_push(&mut png, b"IHDR", &header);
    png_push(&mut png, b"IDAT", &stored(&rows(width, height, edition)));
    png_push(&mut png, b"IEND", b"");
    png
}

fn rows(width: u32, height: u32, edition: u32) -> Vec<u8> {
    let row = 1 + usize::try_from(width.div_ceil(8)).expect("a sample is small");
    let mut rows = vec![0; row * usize::try_from(height).expect("a sample is small")];
    rows[1..5].copy_from_slice(&edition.to_be_bytes());
    rows
}

/// A zlib stream of one block that is not compressed.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a sample is small");
    let mut zlib = vec![0x78, 0x01, 1];
    zlib.extend(length.to_le_bytes());
    zlib.extend((!length).to_le_bytes());
    zlib.extend(bytes);
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    zlib.extend((high << 16 | low).to_be_bytes());
    zlib
}

/// A PDF of some empty pages.
#[must_use]
pub fn pdf(pages: u32) -> Vec<u8> {
    let kids: String = (0..pages).map(|page| format!("{} 0 R ", page + 3)).collect();
    let mut pdf = format!(
        "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n\
         2 0 obj\n<< /Type /Pages /Kids [{kids}] /Count {pages} /MediaBox [0 0 595 842] >>\nendobj\n"
    );
    for page in 0..pages {
        pdf.push_str(&format!("{} 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj\n", page + 3));
    }
    pdf.push_str("trailer\n<< /Root 1 0 R >>\n");
    pdf.push_str(&format!("%{}\n%%EOF\n", " ".repeat(1_000)));
    pdf.into_bytes()
}

/// Exif that says how a picture is to be turned and where it was taken. The place is the text
/// `PLANTED`, so that it can be looked for.
#[must_use]
pub fn exif_with_location(turn: u8) -> Vec<u8> {
    let mut exif = tiff::only_orientation(turn);
    // Two entries now; the second points to the directory of the place behind the first one.
    exif[9] = 2;
    exif.truncate(22);
    exif.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38, 0, 0, 0, 0]);
    // The latitude's reference, as a text of eight bytes behind the directory.
    exif.extend([0, 1, 0, 1, 0, 2, 0, 0, 0, 8, 0, 0, 0, 56, 0, 0, 0, 0]);
    exif.extend(b"PLANTED\0");
    exif
}

/// Boxes of a HEIC file.
fn boxed(name: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let length = u32::try_from(body.len() + 8).expect("a sample is small");
    [&length.to_be_bytes()[..], name, &body].concat()
}

/// A HEIC container of a size, with Exif and XMP in it. Its picture is no picture.
#[must_use]
pub fn heic(width: u32, height: u32, exif: &[u8]) -> Vec<u8> {
    let xmp = b"<x:xmpmeta>PLANTED</x:xmpmeta>";
    let exif = [&[0; 4], exif].concat();
    let picture = vec![0x55; 1_024];
    let start = boxed(b"ftyp", &[b"heic\0\0\0\0mif1heic"]);
    // The places depend on the length of what tells them, which does not depend on the places.
    let length = start.len() + heic_meta(width, height, [0; 3], [0; 3]).len() + 8;
    let lengths = [picture.len(), exif.len(), xmp.len()];
    let places = [length, length + lengths[0], length + lengths[0] + lengths[1]];
    let meta = heic_meta(width, height, places, lengths);
    [start, meta, boxed(b"mdat", &[&picture, &exif, xmp])].concat()
}

fn heic_meta(width: u32, height: u32, places: [usize; 3], lengths: [usize; 3]) -> Vec<u8> {
    let be32 = |number: usize| u32::try_from(number).expect("a sample is small").to_be_bytes();
    let item = |id: u8, kind: &[u8; 4], rest: &[u8]| {
        boxed(b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0], kind, b"\0", rest])
    };
    let items =
        [item(1, b"hvc1", b""), item(2, b"Exif", b""), item(3, b"mime", b"application/rdf+xml\0")];
    let mut places_of = vec![0, 0, 0, 0, 0x44, 0, 0, 3];
    for (id, (place, length)) in (1_u8..).zip(places.into_iter().zip(lengths)) {
        places_of.extend([0, id, 0, 0, 0, 1]);
        places_of.extend(be32(place));
        places_of.extend(be32(length));
    }
    let size = boxed(b"ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()]);
    let properties = boxed(b"iprp", &[&boxed(b"ipco", &[&size])]);
    boxed(
        b"meta",
        &[
            &[0; 4],
            &boxed(b"iinf", &[&[0, 0, 0, 0, 0, 3], &items.concat()]),
            &boxed(b"iloc", &[&places_of]),
            &properties,
        ],
    )
}

/// The same JPEG with a segment behind its start.
#[must_use]
pub fn jpeg_with(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).expect("a sample is small");
    let segment = [&[0xff, marker][..], &length.to_be_bytes(), data].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

/// The same PNG with a chunk behind its header.
#[must_use]
pub fn png_with(png: &[u8], name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    const HEADER_END: usize = 33;
    let mut with = png[..HEADER_END].to_vec();
    png_push(&mut with, name, data);
    with.extend(&png[HEADER_END..]);
    with
}
