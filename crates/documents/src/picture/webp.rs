//! WebP: a RIFF file of chunks of name, length and data.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::{Fault, Metadata, Size, Stripped};

const HEADER_BYTES: usize = 8;

/// Of the first byte of `VP8X`: that there is Exif, that there is XMP.
const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;

pub(super) fn strip(bytes: &[u8]) -> Result<Stripped, Fault> {
    let (mut rest, behind) = chunks(bytes).ok_or(Fault::Damaged)?;
    let mut stripped = Stripped::starting_with(b"RIFF\0\0\0\0WEBP");
    let mut flags_at = None;
    let mut flags = 0;
    while !rest.is_empty() {
        let (name, data, after) = next(rest).ok_or(Fault::Damaged)?;
        rest = after;
        match name {
            b"ANIM" | b"ANMF" => return Err(Fault::Animated),
            b"VP8X" => {
                flags_at = flags_at.or(Some(stripped.content.len() + HEADER_BYTES));
                push(&mut stripped.content, name, data);
            }
            b"VP8 " | b"VP8L" | b"ALPH" | b"ICCP" => push(&mut stripped.content, name, data),
            b"EXIF" => {
                let tiff = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
                if let Some(exif) = stripped.exif(tiff) {
                    flags |= HAS_EXIF;
                    push(&mut stripped.content, name, &exif);
                }
            }
            b"XMP " => drop(stripped.metadata.insert(Metadata::Xmp)),
            _ => drop(stripped.metadata.insert(Metadata::Other)),
        }
    }
    if let Some(byte) = flags_at.and_then(|at| stripped.content.get_mut(at)) {
        *byte = *byte & !(HAS_EXIF | HAS_XMP) | flags;
    }
    let length =
        u32::try_from(stripped.content.len() - HEADER_BYTES).map_err(|_| Fault::Damaged)?;
    stripped.content[4..8].copy_from_slice(&length.to_le_bytes());
    Ok(stripped.end(behind))
}

/// The chunks, and what is behind the file's own end.
fn chunks(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = le_u32(bytes.strip_prefix(b"RIFF")?)?;
    let (file, behind) = bytes.split_at_checked(length.checked_add(HEADER_BYTES)?)?;
    let chunks = file.get(HEADER_BYTES..)?.strip_prefix(b"WEBP")?;
    chunks.starts_with(b"VP8").then_some((chunks, behind))
}

/// A chunk's name and data, and what follows it. Chunks begin at even places; the last one may
/// lack the byte that fills it up.
fn next(rest: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (name, after) = rest.split_first_chunk()?;
    let length = le_u32(after)?;
    let (data, after) = after[4..].split_at_checked(length)?;
    let filled = length % 2;
    Some((name, data, after.get(filled..).unwrap_or_default()))
}

fn push(webp: &mut Vec<u8>, name: &[u8], data: &[u8]) {
    webp.extend(name);
    let length = u32::try_from(data.len()).expect("no chunk becomes longer");
    webp.extend(length.to_le_bytes());
    webp.extend(data);
    if data.len() % 2 == 1 {
        webp.push(0);
    }
}

fn le_u32(bytes: &[u8]) -> Option<usize> {
    let four = bytes.get(..4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}

pub(super) fn size(bytes: &[u8]) -> Option<Size> {
    let (width, height) = WebPDecoder::new(Cursor::new(bytes)).ok()?.dimensions();
    Some(Size { width, height })
}

pub(super) fn decode(bytes: &[u8]) -> Option<()> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).ok()?;
    let mut pixels = vec![0; decoder.output_buffer_size()?];
    decoder.read_image(&mut pixels).ok()
}
