use proptest::prelude::*;

use super::*;
use crate::pdf::TRAILER_BYTES_MAX;
use crate::sample;

const JPEG: &[u8] = include_bytes!("../../../../config/demo/documents/idcard-front.jpg");
const WEBP: &[u8] = include_bytes!("../../../../config/demo/documents/passport-scan.webp");

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn today() -> Date {
    day("2026-05-02")
}

fn sample(media_type: MediaType) -> Vec<u8> {
    match media_type {
        MediaType::Png => sample::scan(1),
        MediaType::Jpeg => JPEG.to_vec(),
        MediaType::Pdf => sample::pdf(2),
        MediaType::Heic => sample::heic(400, 320, &sample::exif_with_location(6)),
        MediaType::Webp => WEBP.to_vec(),
    }
}

fn given(bytes: &[u8]) -> Given<'_> {
    Given { document_type: &DocumentType::IdPassport, bytes, file_name: None, expires_at: None }
}

fn check_given(given: &Given<'_>, limits: &Limits) -> Result<Checked<CheckedDocument>, String> {
    check_document(given, limits, today()).map_err(|problems| problems.to_string())
}

fn check(bytes: &[u8], file_name: Option<&str>) -> Result<MediaType, String> {
    check_given(&Given { file_name, ..given(bytes) }, &Limits::default())
        .map(|checked| checked.value.media_type)
}

fn refusal(bytes: &[u8], limits: Limits) -> Option<String> {
    check_given(&given(bytes), &limits).err()
}

#[test]
fn each_type_is_known_by_its_bytes_and_its_size_is_told() {
    let size = |width, height| Some(Size { width, height });
    for (media_type, expected_size, pages) in [
        (MediaType::Png, size(400, 320), None),
        (MediaType::Jpeg, size(640, 400), None),
        (MediaType::Pdf, None, Some(2)),
        (MediaType::Heic, size(400, 320), None),
        (MediaType::Webp, size(480, 307), None),
    ] {
        let checked = check_given(&given(&sample(media_type)), &Limits::default()).ok().unwrap();
        let document = checked.value;
        assert_eq!(document.media_type, media_type);
        assert_eq!((document.size, document.pages), (expected_size, pages), "{media_type:?}");
        assert_eq!(checked.warnings, Problems::default());
    }
}

#[test]
fn media_types_have_their_registered_names() {
    let names = MediaType::ALL.map(MediaType::as_str);
    let expected = ["image/png", "image/jpeg", "application/pdf", "image/heic", "image/webp"];
    assert_eq!(names, expected);
}

#[test]
fn a_file_that_is_cut_short_anywhere_is_refused() {
    for media_type in MediaType::ALL {
        let whole = sample(media_type);
        // A line break after a PDF's end is not missed.
        let needed = if media_type == MediaType::Pdf { whole.len() - 1 } else { whole.len() };
        for length in (0..needed).step_by(97).chain([needed - 1]) {
            assert!(check(&whole[..length], None).is_err(), "{media_type:?} of {length} bytes");
        }
    }
}

/// The container stays whole: only the picture in it is not.
#[test]
fn a_picture_of_which_a_part_is_missing_is_refused() {
    let refused = |bytes: &[u8], name| {
        let expected = format!(
            "error at /data: is {name}, but its picture can't be shown; save it anew, or take a \
             new one"
        );
        assert_eq!(check(bytes, None), Err(expected));
    };
    let cut = [&JPEG[..JPEG.len() / 2], &b"\xff\xd9"[..]].concat();
    refused(&cut, "image/jpeg");

    let mut rows_missing = sample::png(400, 320, 1);
    // The height is at byte 20, and the checksum of the header behind it.
    rows_missing = {
        let taller = sample::png(400, 321, 1);
        [&taller[..33], &rows_missing[33..]].concat()
    };
    refused(&rows_missing, "image/png");
    let mut flipped = sample::scan(1);
    flipped[70] ^= 1;
    refused(&flipped, "image/png");

    let mut webp = WEBP.to_vec();
    let (kept, chunk) = (webp.len() / 2 / 2 * 2, 20);
    webp.truncate(kept);
    webp[4..8].copy_from_slice(&u32::try_from(kept - 8).unwrap().to_le_bytes());
    webp[16..chunk].copy_from_slice(&u32::try_from(kept - chunk).unwrap().to_le_bytes());
    refused(&webp, "image/webp");
}

#[test]
fn what_cameras_and_printers_append_is_tolerated_and_of_a_picture_not_kept() {
    for media_type in [MediaType::Png, MediaType::Jpeg, MediaType::Pdf, MediaType::Webp] {
        let appended = [sample(media_type), vec![7; 64]].concat();
        let checked = check_given(&given(&appended), &Limits::default()).ok().unwrap().value;
        let is_picture = media_type != MediaType::Pdf;
        assert_eq!(checked.metadata.contains(&Metadata::Appended), is_picture, "{media_type:?}");
        assert_eq!(checked.content.ends_with(&[7; 64]), !is_picture);
    }
    let far = [sample(MediaType::Pdf), vec![b' '; TRAILER_BYTES_MAX]].concat();
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

/// Each limit, with a document that is just within it and one that is just outside.
#[test]
fn a_limit_is_the_last_value_that_is_taken() {
    let free = Limits {
        bytes_min: 0,
        bytes_max: usize::MAX,
        side_pixels_min: 0,
        pixels_max: u64::MAX,
        pages_max: u32::MAX,
        expiry_lead_days: 0,
    };
    let png = sample::png(400, 320, 1);
    let length = png.len();
    let small = "scan it anew, so that it can be read";
    let low = "take it from nearer, or scan it at a higher resolution";
    for (bytes, within, outside, expected) in [
        (
            &png,
            Limits { bytes_min: length, ..free },
            Limits { bytes_min: length + 1, ..free },
            format!("must be at least {} bytes; {small}", length + 1),
        ),
        (
            &png,
            Limits { bytes_max: length, ..free },
            Limits { bytes_max: length - 1, ..free },
            format!("must be at most {} bytes; take a smaller picture of it", length - 1),
        ),
        (
            &png,
            Limits { side_pixels_min: 320, ..free },
            Limits { side_pixels_min: 321, ..free },
            format!("must be at least 321 pixels wide and high; {low}"),
        ),
        (
            &png,
            Limits { pixels_max: 128_000, ..free },
            Limits { pixels_max: 127_999, ..free },
            "must have at most 127999 pixels; save it smaller".to_owned(),
        ),
        (
            &sample::pdf(3),
            Limits { pages_max: 3, ..free },
            Limits { pages_max: 2, ..free },
            "must have at most 2 pages; send those alone that are asked for".to_owned(),
        ),
    ] {
        assert_eq!(refusal(bytes, within), None, "{expected}");
        assert_eq!(refusal(bytes, outside), Some(format!("error at /data: {expected}")));
    }
}

#[test]
fn the_default_limits_take_a_sensible_scan_and_refuse_a_pixel() {
    assert_eq!(refusal(&sample::scan(1), Limits::default()), None);
    let large = [sample::scan(1), vec![0; 10_000_000]].concat();
    let told = refusal(&large, Limits::default()).unwrap();
    assert_eq!(told, "error at /data: must be at most 10 MB; take a smaller picture of it");
    // 64 pixels wide and one high; what is appended hides how small it is.
    let tiny = [sample::png(64, 1, 1), vec![0; 2_000]].concat();
    let told = refusal(&tiny, Limits::default()).unwrap();
    assert!(told.starts_with("error at /data: must be at least 300 pixels"), "{told}");
}

/// A header costs a few bytes; what it announces must not be held.
#[test]
fn a_picture_that_is_too_large_is_refused_by_its_header() {
    let mut png = sample::scan(1);
    let header = [&60_000_u32.to_be_bytes()[..], &60_000_u32.to_be_bytes()].concat();
    png[16..24].copy_from_slice(&header);
    // The checksum is wrong now, so the header is damaged as long as nobody mends it.
    assert!(refusal(&png, Limits::default()).unwrap().contains("damaged"));

    let mut jpeg = JPEG.to_vec();
    let frame = jpeg.windows(2).position(|pair| pair == b"\xff\xc0").unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    let told = refusal(&jpeg, Limits::default()).unwrap();
    assert_eq!(told, "error at /data: must have at most 50000000 pixels; save it smaller");
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
    let png = sample::scan(1);
    let named = Given { file_name: Some("scan.tmp"), ..given(&png) };
    assert_eq!(
        check_given(&named, &Limits::default()).ok().unwrap().warnings.to_string(),
        "warning at /data: is image/png, which the file's name does not say"
    );
}

#[test]
fn expiry_is_held_against_today_and_the_lead_time() {
    let past = "error at /expiresAt: must not be in the past; ask for a document that is valid";
    let soon = "warning at /expiresAt: is in fewer than 30 days; ask for a newer document if there \
                is one";
    let png = sample::scan(1);
    for (expires_at, expected) in [
        ("2026-05-01", past),
        ("2026-05-02", soon),
        ("2026-05-31", soon),
        ("2026-06-01", ""),
        ("2036-05-02", ""),
    ] {
        let dated = Given { expires_at: Some(day(expires_at)), ..given(&png) };
        let told = match check_given(&dated, &Limits::default()) {
            Ok(checked) => checked.warnings.to_string(),
            Err(refusal) => refusal,
        };
        assert_eq!(told, expected, "{expires_at}");
    }
}

#[test]
fn an_unknown_document_type_is_a_warning_with_the_nearest_one() {
    let passport = DocumentType::from("passport-id");
    let png = sample::scan(1);
    let typed = Given { document_type: &passport, ..given(&png) };
    let text = check_given(&typed, &Limits::default()).ok().unwrap().warnings.to_string();
    assert!(text.starts_with("warning at /documentType: the provider may not know"), "{text}");
}

#[test]
fn every_problem_of_a_document_is_listed_at_once() {
    let wrong = Given {
        document_type: &DocumentType::from("id-card"),
        expires_at: Some(day("2020-01-01")),
        ..given(b"")
    };
    let problems = check_document(&wrong, &Limits::default(), today()).err().unwrap();
    let places: Vec<&str> = problems.0.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(places, ["/documentType", "/expiresAt", "/data"]);
}

#[test]
fn a_document_is_held_against_the_others_of_its_user() {
    use DocumentType::{
        IdIdcardBack as Back, IdIdcardFront as Front, IdPassport, ProofOfAddress, ProofOfIncome,
        SelfieFront, SelfieLeft,
    };
    let both = |other| {
        format!(
            "warning at /documentType: is one side alone; the provider asks for both, so add \
             `{other}`, too"
        )
    };
    let same_view = |other| {
        format!(
            "error at /data: is the same file as the user's `{other}`; see that each shows what \
             it is for"
        )
    };
    for (document_type, held, expected) in [
        (Front, vec![], both("id-idcard-back")),
        (Back, vec![], both("id-idcard-front")),
        (Front, vec![(IdPassport, Some(2))], both("id-idcard-back")),
        (Front, vec![(Back, Some(2))], String::new()),
        (Front, vec![(Back, None)], String::new()),
        (Front, vec![(Back, Some(1))], same_view("id-idcard-back")),
        (Back, vec![(Front, Some(1))], same_view("id-idcard-front")),
        (SelfieLeft, vec![(SelfieFront, Some(1))], same_view("selfie-front")),
        (
            ProofOfAddress,
            vec![(ProofOfIncome, Some(1))],
            "warning at /data: is the same file as the user's `proof-of-income`".to_owned(),
        ),
        // A newer version of the same document replaces it.
        (IdPassport, vec![(IdPassport, Some(1))], String::new()),
    ] {
        let told = check_beside(&document_type, 1, &held.iter().cloned().collect());
        assert_eq!(told.to_string(), expected, "{document_type} beside {held:?}");
    }
}

#[test]
fn a_digest_depends_on_the_key_and_on_every_byte() {
    let digest = crate::digest(&[1; 32], b"a file");
    assert_eq!(crate::digest(&[1; 32], b"a file"), digest);
    assert_ne!(crate::digest(&[2; 32], b"a file"), digest);
    assert_ne!(crate::digest(&[1; 32], b"a filE"), digest);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(
        media_type in prop::sample::select(MediaType::ALL.to_vec()),
        kept in 0_usize..2_000,
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut start = sample(media_type);
        start.truncate(kept);
        let problems = check(&[start, bytes].concat(), None).err();
        prop_assert!(problems.is_none_or(|text| text.starts_with("error at /data: ")));
    }

    /// Near to a whole file most of what is read is reached. What is taken is taken again as it
    /// is stored, and nothing is in it that could be taken out.
    #[test]
    fn a_file_with_a_few_other_bytes_is_taken_or_refused(
        media_type in prop::sample::select(MediaType::ALL.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = sample(media_type);
        for (at, byte) in changes {
            let at = at.index(bytes.len().min(600));
            bytes[at] = byte;
        }
        if let Ok(checked) = check_given(&given(&bytes), &Limits::default()) {
            let content = checked.value.content;
            prop_assert!(content.len() <= bytes.len() + 64);
            let again = check_given(&given(&content), &Limits::default()).ok().unwrap().value;
            prop_assert!(again.content == content);
            prop_assert!(again.metadata.is_empty(), "{:?} {:?}", media_type, again.metadata);
        }
    }
}
