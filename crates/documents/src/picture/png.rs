//! PNG: chunks of length, name, data and checksum, from `IHDR` to `IEND`.

use std::io::Cursor;

use super::{Metadata, Size, Stripped, be_u32};

const START: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Beside the name and the data of a chunk: its length and its checksum.
const FRAME_BYTES: usize = 12;

/// What a picture looks like depends on these. Names that begin with a capital letter are of
/// chunks that no reader may leave out; they stay, too.
const KEPT: [&[u8]; 11] = [
    b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"bKGD", b"hIST", b"pHYs", b"sPLT",
    b"cICP",
];

/// What the decoder may hold beside its input: rows, tables, a colour profile.
const DECODER_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) fn strip(bytes: &[u8]) -> Option<Stripped> {
    let mut rest = bytes.strip_prefix(START)?;
    if rest.get(4..8)? != b"IHDR" {
        return None;
    }
    let mut stripped = Stripped::starting_with(START);
    loop {
        let length = usize::try_from(be_u32(rest, 0)?).ok()?.checked_add(FRAME_BYTES)?;
        let (chunk, after) = rest.split_at_checked(length)?;
        let (name, data) = (&chunk[4..8], &chunk[8..length - 4]);
        match name {
            b"eXIf" => {
                let kept = stripped.exif(data);
                kept.iter().for_each(|exif| push(&mut stripped.content, b"eXIf", exif));
            }
            name if name[0].is_ascii_uppercase() || KEPT.contains(&name) => {
                stripped.content.extend(chunk);
            }
            name => drop(stripped.metadata.insert(kind(name, data))),
        }
        if name == b"IEND" {
            return Some(stripped.end(after));
        }
        rest = after;
    }
}

fn kind(name: &[u8], data: &[u8]) -> Metadata {
    match name {
        b"iTXt" if data.starts_with(b"XML:com.adobe.xmp\0") => Metadata::Xmp,
        b"tEXt" | b"zTXt" | b"iTXt" => Metadata::Text,
        _ => Metadata::Other,
    }
}

pub(crate) fn push(png: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).expect("our chunks are small");
    png.extend(length.to_be_bytes());
    let named = [name, data].concat();
    png.extend(&named);
    png.extend(checksum(&named).to_be_bytes());
}

/// CRC-32, a bit at a time: the chunks of our own are small.
fn checksum(bytes: &[u8]) -> u32 {
    let byte = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let low = crc & 1;
            (crc >> 1) ^ (0xedb8_8320 * low)
        })
    };
    !bytes.iter().fold(u32::MAX, byte)
}

fn decoder(bytes: &[u8]) -> png::Decoder<Cursor<&[u8]>> {
    let limits = png::Limits { bytes: DECODER_BYTES_MAX };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    // It is kept as it is and not looked at.
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

pub(super) fn size(bytes: &[u8]) -> Option<Size> {
    let mut decoder = decoder(bytes);
    let info = decoder.read_header_info().ok()?;
    Some(Size { width: info.width, height: info.height })
}

/// A row at a time, so that no more than two are held.
pub(super) fn decode(bytes: &[u8]) -> Option<()> {
    let mut reader = decoder(bytes).read_info().ok()?;
    while reader.next_interlaced_row().ok()?.is_some() {}
    reader.finish().ok()
}
