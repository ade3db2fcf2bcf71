//! JPEG: segments of marker, length and data, and between them scans.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Metadata, Size, Stripped, be_u16};

const START: &[u8] = b"\xff\xd8";

const END: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const COMMENT: u8 = 0xfe;

/// A picture in steps has about ten; each costs a walk over all pixels.
const SCANS_MAX: usize = 32;

pub(super) fn strip(bytes: &[u8]) -> Option<Stripped> {
    let mut rest = bytes.strip_prefix(START)?;
    let mut stripped = Stripped::starting_with(START);
    loop {
        let [0xff, marker, ..] = *rest else { return None };
        match marker {
            // Any number of fill bytes may precede a marker.
            0xff => {
                rest = &rest[1..];
                continue;
            }
            END => {
                stripped.content.extend([0xff, END]);
                return Some(stripped.end(&rest[2..]));
            }
            0x01 | 0xd0..=0xd8 => return None,
            _ => {}
        }
        let length = usize::from(be_u16(rest, 2)?);
        let (segment, after) = rest.split_at_checked(2_usize.checked_add(length)?)?;
        take(marker, segment.get(4..)?, &mut stripped);
        rest = after;
        if marker == START_OF_SCAN {
            let (scan, after) = rest.split_at(end_of_scan(rest)?);
            stripped.content.extend(scan);
            rest = after;
        }
    }
}

/// Keeps a segment that the picture needs.
fn take(marker: u8, data: &[u8], stripped: &mut Stripped) {
    const EXIF: &[u8] = b"Exif\0\0";
    match marker {
        // A preview may follow the fourteen bytes; its sides are zero without one.
        0xe0 if data.starts_with(b"JFIF\0") && data.len() >= 14 => {
            push(&mut stripped.content, marker, &[&data[..12], &[0, 0]].concat());
        }
        0xe1 if data.starts_with(EXIF) => {
            let kept = stripped.exif(&data[EXIF.len()..]);
            kept.iter().for_each(|exif| {
                push(&mut stripped.content, marker, &[EXIF, exif].concat());
            });
        }
        // The colour profile, and Adobe's word on how colours are stored.
        0xe2 if data.starts_with(b"ICC_PROFILE\0") => push(&mut stripped.content, marker, data),
        0xee if data.starts_with(b"Adobe") => push(&mut stripped.content, marker, data),
        0xe0..=0xef | COMMENT => drop(stripped.metadata.insert(kind(marker, data))),
        _ => push(&mut stripped.content, marker, data),
    }
}

fn kind(marker: u8, data: &[u8]) -> Metadata {
    match marker {
        0xe1 if data.starts_with(b"http://ns.adobe.com/x") => Metadata::Xmp,
        0xed => Metadata::Iptc,
        COMMENT => Metadata::Text,
        _ => Metadata::Other,
    }
}

fn push(jpeg: &mut Vec<u8>, marker: u8, data: &[u8]) {
    let length = u16::try_from(data.len() + 2).expect("no segment becomes longer");
    jpeg.extend([0xff, marker]);
    jpeg.extend(length.to_be_bytes());
    jpeg.extend(data);
}

/// The place of the first marker that is neither a stuffed zero nor one to begin anew after.
fn end_of_scan(scan: &[u8]) -> Option<usize> {
    scan.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff))
}

fn decoder(bytes: &[u8]) -> JpegDecoder<ZCursor<&[u8]>> {
    // Without the strict mode, what is missing would be filled with grey.
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(SCANS_MAX)
        .set_strict_mode(true);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
}

pub(super) fn size(bytes: &[u8]) -> Option<Size> {
    let mut decoder = decoder(bytes);
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    Some(Size { width: u32::try_from(width).ok()?, height: u32::try_from(height).ok()? })
}

/// The decoder takes what an end marker cuts off for zeros, but not what the end of its input
/// cuts off. So it gets no marker, where it can do without: not when it decodes in steps, and not
/// when a row is so short that it is read ahead of its turn.
pub(super) fn decode(bytes: &[u8]) -> Option<()> {
    const WIDTH_MIN: u32 = 256;
    let can_do_without = is_in_one_step(bytes)? && size(bytes)?.width >= WIDTH_MIN;
    let without = bytes.strip_suffix(&[0xff, END]).filter(|_| can_do_without);
    decoder(without.unwrap_or(bytes)).decode().ok().map(drop)
}

/// By the marker of the frame; the segments before it were walked when they were taken over.
fn is_in_one_step(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.strip_prefix(START)?;
    loop {
        match *rest.get(1)? {
            0xc0 | 0xc1 => return Some(true),
            0xc2..=0xcf | START_OF_SCAN if rest[1] != 0xc4 => return Some(false),
            _ => rest = rest.get(2 + usize::from(be_u16(rest, 2)?)..)?,
        }
    }
}
