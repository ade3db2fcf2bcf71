//! Whether a document's bytes are what they are said to be.
//!
//! The bytes decide, never the name. The checks find what is empty, cut short or of
//! another type; whether a picture shows a passport is for the provider to see.

use std::path::Path;

use onboarding::{Checked, Date, DocumentType, Problems};

/// The largest document, in bytes before base64.
///
/// The provider speaks of 10 MB a file and not of which megabyte: the smaller one is safe.
pub const DOCUMENT_BYTES_MAX: usize = 10_000_000;

/// How far from its end a PDF may close, by the PDF reference (appendix H).
const PDF_TRAILER_BYTES_MAX: usize = 1024;

/// What a document's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// Portable Document Format.
    Pdf,
    /// High Efficiency Image, as telephones take it.
    Heic,
    /// WebP.
    Webp,
}

impl MediaType {
    /// Every type that is taken.
    pub const ALL: [Self; 5] = [Self::Png, Self::Jpeg, Self::Pdf, Self::Heic, Self::Webp];

    /// The media type's registered name, as a data URL has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Pdf => "application/pdf",
            Self::Heic => "image/heic",
            Self::Webp => "image/webp",
        }
    }

    const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Pdf => &["pdf"],
            Self::Heic => &["heic", "heif"],
            Self::Webp => &["webp"],
        }
    }

    fn from_extension(extension: &str) -> Option<Self> {
        let extension = extension.to_ascii_lowercase();
        Self::ALL.into_iter().find(|media| media.extensions().contains(&extension.as_str()))
    }

    fn is_whole(self, bytes: &[u8]) -> bool {
        let whole = match self {
            Self::Png => png_end(bytes),
            Self::Jpeg => jpeg_end(bytes),
            Self::Pdf => pdf_end(bytes),
            Self::Heic => heic_end(bytes),
            Self::Webp => webp_end(bytes),
        };
        whole.is_some()
    }
}

/// A document that may be uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedDocument {
    /// What its bytes are.
    pub media_type: MediaType,
}

/// Checks a document before it is stored. `declared_name` is its file's name, if it has one.
///
/// # Errors
/// Every problem at once, if any of them is an error. Pointers are to the provider's
/// fields: `/documentType`, `/data`, `/expiresAt`.
pub fn check_document(
    document_type: &DocumentType,
    bytes: &[u8],
    declared_name: Option<&str>,
    expires_at: Option<Date>,
    today: Date,
) -> Result<Checked<CheckedDocument>, Problems> {
    let mut problems = Problems::default();
    if let Some(doubt) = document_type.doubt() {
        problems.warn("/documentType", doubt);
    }
    if expires_at.is_some_and(|day| day < today) {
        problems.error("/expiresAt", "must not be in the past; ask for a document that is valid");
    }
    match check_content(bytes, declared_name, &mut problems) {
        Some(media_type) => problems.checked(CheckedDocument { media_type }),
        None => Err(problems),
    }
}

/// The type of the bytes; `None` means that there is an error among the problems.
fn check_content(
    bytes: &[u8],
    declared_name: Option<&str>,
    problems: &mut Problems,
) -> Option<MediaType> {
    match sniff(bytes) {
        Ok(media_type) => {
            check_name(media_type, declared_name, problems);
            Some(media_type)
        }
        Err(message) => {
            problems.error("/data", message);
            None
        }
    }
}

fn sniff(bytes: &[u8]) -> Result<MediaType, String> {
    if bytes.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if bytes.len() > DOCUMENT_BYTES_MAX {
        let limit = DOCUMENT_BYTES_MAX / 1_000_000;
        return Err(format!("must be at most {limit} MB; take a smaller picture of it"));
    }
    let media_type = recognise(bytes).map_err(|found| {
        format!("must be a PNG, JPEG, HEIC or WebP image or a PDF; these bytes are {found}")
    })?;
    if !media_type.is_whole(bytes) {
        let name = media_type.as_str();
        return Err(format!("begins as {name}, but is damaged or cut short; copy the file anew"));
    }
    Ok(media_type)
}

/// The type by the first bytes, or what else they are.
fn recognise(bytes: &[u8]) -> Result<MediaType, &'static str> {
    match infer::get(bytes).map(|found| found.mime_type()) {
        Some("image/png") => Ok(MediaType::Png),
        Some("image/jpeg") => Ok(MediaType::Jpeg),
        Some("application/pdf") => Ok(MediaType::Pdf),
        Some("image/heif") => Ok(MediaType::Heic),
        Some("image/webp") => Ok(MediaType::Webp),
        Some(other) => Err(other),
        None if is_text(bytes) => Err("plain text"),
        None => Err("of no type that Gangway knows"),
    }
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'))
}

/// The name itself may be personal data, so only a type is told.
fn check_name(media_type: MediaType, declared_name: Option<&str>, problems: &mut Problems) {
    let Some(extension) =
        declared_name.and_then(|name| Path::new(name).extension()).and_then(|ext| ext.to_str())
    else {
        return;
    };
    match MediaType::from_extension(extension) {
        Some(declared) if declared != media_type => {
            let (named, found) = (declared.as_str(), media_type.as_str());
            let remedy = "see that it is the right file, then rename it";
            problems.error("/data", format!("is named as {named} but is {found}; {remedy}"));
        }
        Some(_) => {}
        None => problems.warn(
            "/data",
            format!("is {}, which the file's name does not say", media_type.as_str()),
        ),
    }
}

// Each of these walks its format as far as it takes to see that the end is there.

/// Chunks of length, name, data and checksum, from `IHDR` to `IEND`.
fn png_end(bytes: &[u8]) -> Option<()> {
    const CHUNK_FRAME_BYTES: usize = 12;
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    if rest.get(4..8)? != b"IHDR" {
        return None;
    }
    loop {
        let length = be_u32(rest, 0)?;
        let is_end = rest.get(4..8)? == b"IEND";
        rest = rest.get(length.checked_add(CHUNK_FRAME_BYTES)?..)?;
        if is_end {
            return Some(());
        }
    }
}

/// Segments up to the scan, then the end marker. A preview inside a segment has an end
/// marker of its own, so the segments are stepped over.
fn jpeg_end(bytes: &[u8]) -> Option<()> {
    const START_OF_SCAN: u8 = 0xda;
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    loop {
        let [0xff, marker, high, low, ..] = *rest else { return None };
        // Any number of fill bytes may precede a marker.
        if marker == 0xff {
            rest = &rest[1..];
            continue;
        }
        rest = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..)?;
        if marker == START_OF_SCAN {
            return rest.windows(2).any(|pair| pair == b"\xff\xd9").then_some(());
        }
    }
}

fn pdf_end(bytes: &[u8]) -> Option<()> {
    const CLOSING: &[u8] = b"%%EOF";
    let rest = bytes.strip_prefix(b"%PDF-")?;
    let trailer = &rest[rest.len().saturating_sub(PDF_TRAILER_BYTES_MAX)..];
    trailer.windows(CLOSING.len()).any(|window| window == CLOSING).then_some(())
}

/// Boxes of length and name that end where the file ends; `meta` tells of the image, `mdat` is it.
fn heic_end(bytes: &[u8]) -> Option<()> {
    const LENGTH_IS_64_BITS: usize = 1;
    const TO_THE_END: usize = 0;
    let mut rest = bytes;
    let (mut has_meta, mut has_data) = (false, false);
    while !rest.is_empty() {
        let name = rest.get(4..8)?;
        has_meta |= name == b"meta";
        has_data |= name == b"mdat";
        let length = match be_u32(rest, 0)? {
            TO_THE_END => rest.len(),
            LENGTH_IS_64_BITS => {
                let length = rest.get(8..16)?.try_into().ok()?;
                usize::try_from(u64::from_be_bytes(length)).ok()?
            }
            length => length,
        };
        if length < 8 {
            return None;
        }
        rest = rest.get(length..)?;
    }
    (has_meta && has_data).then_some(())
}

fn webp_end(bytes: &[u8]) -> Option<()> {
    const HEADER_BYTES: usize = 8;
    let rest = bytes.strip_prefix(b"RIFF")?;
    let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
    let end = usize::try_from(length).ok()?.checked_add(HEADER_BYTES)?;
    let body = bytes.get(HEADER_BYTES..end)?;
    body.strip_prefix(b"WEBPVP8").map(|_| ())
}

fn be_u32(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn today() -> Date {
        Date::parse("2026-05-02").unwrap()
    }

    /// The least whole file of each type.
    fn sample(media_type: MediaType) -> Vec<u8> {
        match media_type {
            MediaType::Png => {
                let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
                png.extend([0; 13 + 4]);
                png.extend(b"\0\0\0\x02IDAT\x01\x02\0\0\0\0\0\0\0\0IEND\xaeB`\x82");
                png
            }
            // The segment holds a preview with an end marker of its own.
            MediaType::Jpeg => {
                b"\xff\xd8\xff\xe1\x00\x06\xff\xd8\xff\xd9\xff\xff\xda\x00\x02\x12\xff\xd9".to_vec()
            }
            MediaType::Pdf => b"%PDF-1.7\n1 0 obj\n%%EOF\n".to_vec(),
            MediaType::Heic => {
                let mut heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
                heic.extend(b"\0\0\0\x0cmeta\0\0\0\0\0\0\0\x01mdat\0\0\0\0\0\0\0\x12\x01\x02");
                heic
            }
            MediaType::Webp => b"RIFF\x0e\0\0\0WEBPVP8L\x02\0\0\0\x01\x02".to_vec(),
        }
    }

    fn check(bytes: &[u8], name: Option<&str>) -> Result<MediaType, String> {
        check_document(&DocumentType::IdPassport, bytes, name, None, today())
            .map(|checked| checked.value.media_type)
            .map_err(|problems| problems.to_string())
    }

    #[test]
    fn each_type_is_known_by_its_bytes() {
        for media_type in MediaType::ALL {
            assert_eq!(check(&sample(media_type), None), Ok(media_type));
        }
    }

    #[test]
    fn a_file_that_is_cut_short_anywhere_is_refused() {
        for media_type in MediaType::ALL {
            let whole = sample(media_type);
            // A line break after a PDF's end is not missed.
            let needed = if media_type == MediaType::Pdf { whole.len() - 1 } else { whole.len() };
            for length in 0..needed {
                assert!(check(&whole[..length], None).is_err(), "{media_type:?} of {length} bytes");
            }
        }
    }

    #[test]
    fn a_previews_end_is_not_the_pictures() {
        let preview = b"\xff\xe1\x00\x06\xff\xd8\xff\xd9";
        let cut = [&b"\xff\xd8\xff\xe0\x00\x02"[..], preview, b"\xff\xda\x00\x02\x12"].concat();
        assert!(check(&cut, None).is_err());
        assert_eq!(check(&[&cut[..], b"\xff\xd9"].concat(), None), Ok(MediaType::Jpeg));
    }

    #[test]
    fn a_heic_needs_what_tells_of_the_image_and_the_image() {
        let start = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
        let (meta, data) = (&b"\0\0\0\x0cmeta\0\0\0\0"[..], &b"\0\0\0\x0amdat\x01\x02"[..]);
        let is_taken = |boxes: &[&[u8]]| {
            check(&[&start[..], &boxes.concat()].concat(), None) == Ok(MediaType::Heic)
        };
        assert!(is_taken(&[meta, data]) && is_taken(&[data, meta]));
        assert!(!is_taken(&[meta]) && !is_taken(&[data]));
        let to_the_end = b"\0\0\0\0mdat\x01\x02";
        assert!(is_taken(&[meta, to_the_end]));
        let empty = b"\0\0\0\x08free";
        assert!(is_taken(&[meta, empty, data]), "a box of its length and name alone");
    }

    #[test]
    fn a_box_that_would_end_before_its_own_head_is_refused() {
        for length in [b"\0\0\0\x02", b"\0\0\0\x07"] {
            let mut heic = sample(MediaType::Heic);
            heic.extend([length, &b"free"[..]].concat());
            heic.extend([0; 8]);
            assert!(check(&heic, None).is_err(), "{length:?}");
        }
        for length in [0, 7] {
            let long = [&b"\0\0\0\x01free\0\0\0\0\0\0\0"[..], &[length]].concat();
            let heic = [sample(MediaType::Heic), long].concat();
            assert!(check(&heic, None).is_err(), "a long box of {length} bytes");
        }
    }

    #[test]
    fn what_cameras_and_printers_append_is_tolerated() {
        for media_type in [MediaType::Png, MediaType::Jpeg, MediaType::Pdf, MediaType::Webp] {
            let appended = [sample(media_type), vec![0; 64]].concat();
            assert_eq!(check(&appended, None), Ok(media_type));
        }
        let far = [sample(MediaType::Pdf), vec![b' '; PDF_TRAILER_BYTES_MAX]].concat();
        assert!(check(&far, None).is_err());
    }

    #[test]
    fn other_content_is_refused_by_its_name() {
        let kinds = "must be a PNG, JPEG, HEIC or WebP image or a PDF; these bytes are";
        for (bytes, found) in [
            (&b"GIF89a\x01\0\x01\0"[..], "image/gif"),
            (b"PK\x03\x04\x14\0\0\0", "application/zip"),
            (b"<html><body>not found", "text/html"),
            ("Führerschein".as_bytes(), "plain text"),
            (b"\x01\x02\x03\0\xff", "of no type that Gangway knows"),
        ] {
            assert_eq!(check(bytes, None), Err(format!("error at /data: {kinds} {found}")));
        }
        assert_eq!(check(b"", None), Err("error at /data: must not be empty".to_owned()));
    }

    #[test]
    fn the_limit_is_the_last_size_that_is_taken() {
        let mut bytes = sample(MediaType::Png);
        bytes.resize(DOCUMENT_BYTES_MAX, 0);
        assert_eq!(check(&bytes, None), Ok(MediaType::Png));
        bytes.push(0);
        let expected = "error at /data: must be at most 10 MB; take a smaller picture of it";
        assert_eq!(check(&bytes, None), Err(expected.to_owned()));
    }

    #[test]
    fn a_name_that_says_another_type_is_refused_without_repeating_it() {
        for (name, media_type, agrees) in [
            ("passport.png", MediaType::Png, true),
            ("passport.PNG", MediaType::Png, true),
            ("scan.jpg", MediaType::Jpeg, true),
            ("scan.jpeg", MediaType::Jpeg, true),
            ("IMG_1.HEIF", MediaType::Heic, true),
            ("passport", MediaType::Png, true),
            ("Ilse Brandt.png", MediaType::Jpeg, false),
            ("scan.pdf", MediaType::Webp, false),
        ] {
            let checked = check(&sample(media_type), Some(name));
            assert_eq!(checked.is_ok(), agrees, "{name}");
            assert!(checked.err().is_none_or(|text| !text.contains("Ilse")));
        }
    }

    #[test]
    fn a_name_that_says_no_type_is_a_warning() {
        let png = sample(MediaType::Png);
        let checked =
            check_document(&DocumentType::IdPassport, &png, Some("scan.tmp"), None, today());
        assert_eq!(
            checked.unwrap().warnings.to_string(),
            "warning at /data: is image/png, which the file's name does not say"
        );
    }

    #[test]
    fn a_document_may_expire_today_but_not_before() {
        for (expires_at, expected) in [
            ("2026-05-02", None),
            ("2036-05-02", None),
            (
                "2026-05-01",
                Some(
                    "error at /expiresAt: must not be in the past; ask for a document that is \
                     valid",
                ),
            ),
        ] {
            let day = Date::parse(expires_at).ok();
            let png = sample(MediaType::Png);
            let checked = check_document(&DocumentType::IdPassport, &png, None, day, today());
            let refusal = checked.err().map(|problems| problems.to_string());
            assert_eq!(refusal.as_deref(), expected, "{expires_at}");
        }
    }

    #[test]
    fn an_unknown_document_type_is_a_warning_with_the_nearest_one() {
        let passport = DocumentType::from("passport-id");
        let png = sample(MediaType::Png);
        let checked = check_document(&passport, &png, None, None, today()).unwrap();
        let text = checked.warnings.to_string();
        assert!(text.starts_with("warning at /documentType: the provider may not know"), "{text}");
    }

    #[test]
    fn every_problem_of_a_document_is_listed_at_once() {
        let past = Date::parse("2020-01-01").ok();
        let checked = check_document(&DocumentType::from("id-card"), b"", None, past, today());
        let places: Vec<String> =
            checked.unwrap_err().0.into_iter().map(|problem| problem.pointer).collect();
        assert_eq!(places, ["/documentType", "/expiresAt", "/data"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(
            media_type in prop::sample::select(MediaType::ALL.to_vec()),
            kept in 0_usize..24,
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut start = sample(media_type);
            start.truncate(kept);
            let problems = check(&[start, bytes].concat(), None).err();
            prop_assert!(problems.is_none_or(|text| text.starts_with("error at /data: ")));
        }
    }
}
