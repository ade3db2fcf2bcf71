//! Small files that unpack to large ones cost no more than the limits allow. This is one test, as
//! the memory of all threads is measured.

#![allow(clippy::unwrap_used, reason = "a broken assumption ends the test")]

use documents::{Given, Limits, check_document, sample};
use miniz_oxide::deflate::compress_to_vec_zlib;
use onboarding::{Date, DocumentType};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MEGABYTE: usize = 1024 * 1024;

/// What checking holds beside the file, and the refusal if it is refused.
fn check(bytes: &[u8]) -> (usize, Option<String>) {
    let given = Given {
        document_type: &DocumentType::IdPassport,
        bytes,
        file_name: None,
        expires_at: None,
    };
    let limits = Limits { bytes_min: 0, ..Limits::DEFAULT };
    let today = Date::parse("2026-05-02").unwrap();
    let held = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let refusal = check_document(&given, &limits, today).err().map(|problems| problems.to_string());
    (MEMORY.peak_usage() - held, refusal)
}

/// A picture of one colour, a bit a pixel.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    let row = usize::try_from(width.div_ceil(8)).unwrap();
    writer.write_image_data(&vec![0; row * usize::try_from(height).unwrap()]).unwrap();
    writer.finish().unwrap();
    png
}

/// Streams of packed objects, each of which unpacks to so many bytes.
fn pdf(streams: usize, unpacked_bytes: usize) -> Vec<u8> {
    let packed = compress_to_vec_zlib(&vec![b' '; unpacked_bytes], 6);
    let mut pdf = sample::pdf(1);
    let end = pdf.split_off(pdf.len() - b"%%EOF\n".len());
    for number in 0..streams {
        let length = packed.len();
        let start = format!(
            "{} 0 obj<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length {length}>>stream\n",
            number + 100
        );
        pdf.extend([start.as_bytes(), &packed, b"\nendstream endobj\n"].concat());
    }
    pdf.extend(end);
    pdf
}

#[test]
fn what_is_small_and_unpacks_to_much_is_held_within_bounds() {
    let jpeg = include_bytes!("../../../config/demo/documents/idcard-front.jpg");
    let mut huge_jpeg = jpeg.to_vec();
    let frame = huge_jpeg.windows(2).position(|pair| pair == b"\xff\xc0").unwrap();
    huge_jpeg[frame + 5..frame + 9].fill(0xff);
    let too_many = Some("error at /data: must have at most 50000000 pixels; save it smaller");
    let no_page = Some("error at /data: has no page that can be found; print it to a new PDF");
    for (what, bytes, refusal, megabytes_max) in [
        ("a PNG within the limit", png(7_000, 7_000), None, 1),
        ("a PNG above it", png(8_000, 8_000), too_many, 1),
        ("a wide PNG", png(160_000, 310), None, 2),
        ("a JPEG above it", huge_jpeg, too_many, 2),
        ("a PDF that unpacks to little", pdf(1, MEGABYTE), None, 4),
        ("one that unpacks to much", pdf(1, 64 * MEGABYTE), no_page, 52),
        ("one that does so in parts", pdf(50, 2 * MEGABYTE), no_page, 52),
    ] {
        let (held, told) = check(&bytes);
        assert_eq!(told.as_deref(), refusal, "{what}");
        assert!(held <= megabytes_max * MEGABYTE, "{what} of {} bytes: {held}", bytes.len());
    }
}
