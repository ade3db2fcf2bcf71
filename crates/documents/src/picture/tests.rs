use std::io::Cursor;

use super::*;
use crate::sample;

const JPEG: &[u8] = include_bytes!("../../../../config/demo/documents/idcard-front.jpg");
const WEBP: &[u8] = include_bytes!("../../../../config/demo/documents/passport-scan.webp");

/// What a viewer shows, by the libraries and not by our code.
fn pixels(media_type: MediaType, bytes: &[u8]) -> Vec<u8> {
    match media_type {
        MediaType::Png => {
            let mut reader = ::png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut pixels).unwrap();
            pixels
        }
        MediaType::Jpeg => {
            let cursor = zune_jpeg::zune_core::bytestream::ZCursor::new(bytes);
            zune_jpeg::JpegDecoder::new(cursor).decode().unwrap()
        }
        MediaType::Webp => {
            let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).unwrap();
            let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
            decoder.read_image(&mut pixels).unwrap();
            pixels
        }
        // The one item that is a picture, where the sample has it.
        MediaType::Heic => vec![
            u8::try_from(bytes.windows(1_024).filter(|w| w.iter().all(|b| *b == 0x55)).count())
                .unwrap(),
        ],
        MediaType::Pdf => Vec::new(),
    }
}

/// The same WebP in the extended form, with Exif and XMP.
fn webp_with(exif: &[u8], xmp: &[u8]) -> Vec<u8> {
    let chunk = |name: &[u8], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        [name, &length, data, &vec![0; data.len() % 2]].concat()
    };
    let size = webp::size(WEBP).unwrap();
    let (width, height) = ((size.width - 1).to_le_bytes(), (size.height - 1).to_le_bytes());
    let header = [&[0x0c, 0, 0, 0][..], &width[..3], &height[..3]].concat();
    let chunks =
        [chunk(b"VP8X", &header), WEBP[12..].to_vec(), chunk(b"EXIF", exif), chunk(b"XMP ", xmp)]
            .concat();
    let length = u32::try_from(chunks.len() + 4).unwrap().to_le_bytes();
    [b"RIFF", &length[..], b"WEBP", &chunks].concat()
}

/// A picture of each type with all metadata that its type has, and what is to go from it.
fn planted(media_type: MediaType, turn: u8) -> (Vec<u8>, Vec<Metadata>) {
    use Metadata::{Appended, Exif, Iptc, Location, Other, Text, Xmp};
    let exif = sample::exif_with_location(turn);
    let xmp = b"<x:xmpmeta>PLANTED</x:xmpmeta>";
    match media_type {
        MediaType::Png => {
            let mut png = sample::scan(1);
            for (name, data) in [
                (b"eXIf", &exif[..]),
                (b"tEXt", b"Author\0PLANTED"),
                (b"iTXt", &[&b"XML:com.adobe.xmp\0\0\0\0\0"[..], xmp].concat()),
                (b"tIME", b"PLANTED"),
                (b"gAMA", &45_455_u32.to_be_bytes()),
            ] {
                png = sample::png_with(&png, name, data);
            }
            png.extend(b"PLANTED");
            (png, vec![Exif, Location, Xmp, Text, Appended, Other])
        }
        MediaType::Jpeg => {
            let mut jpeg = JPEG.to_vec();
            for (marker, data) in [
                (0xe1, &[b"Exif\0\0", &exif[..]].concat()[..]),
                (0xe1, &[&b"http://ns.adobe.com/xap/1.0/\0"[..], xmp].concat()),
                (0xed, b"Photoshop 3.0\0PLANTED"),
                (0xfe, b"PLANTED"),
                (0xe2, b"MPF\0PLANTED"),
                (0xe2, b"ICC_PROFILE\0\x01\x01kept"),
            ] {
                jpeg = sample::jpeg_with(&jpeg, marker, data);
            }
            jpeg.extend(b"PLANTED");
            (jpeg, vec![Exif, Location, Xmp, Iptc, Text, Appended, Other])
        }
        MediaType::Webp => {
            let webp = [webp_with(&exif, xmp), b"PLANTED".to_vec()].concat();
            (webp, vec![Exif, Location, Xmp, Appended])
        }
        MediaType::Heic => (sample::heic(400, 320, &exif), vec![Exif, Location, Xmp]),
        MediaType::Pdf => (sample::pdf(1), Vec::new()),
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

const PICTURES: [MediaType; 4] =
    [MediaType::Png, MediaType::Jpeg, MediaType::Webp, MediaType::Heic];

#[test]
fn what_was_planted_is_gone_and_the_picture_is_the_same() {
    for media_type in PICTURES {
        let (given, expected) = planted(media_type, 6);
        assert!(holds(&given, b"PLANTED"));
        let stripped = strip(media_type, &given).unwrap();
        assert!(!holds(&stripped.content, b"PLANTED"), "{media_type:?}");
        assert!(stripped.metadata.iter().eq(&expected), "{media_type:?} {:?}", stripped.metadata);
        assert_eq!(pixels(media_type, &stripped.content), pixels(media_type, &given));
        assert_eq!(size(media_type, &stripped.content), size(media_type, &given));
        assert_eq!(decode(media_type, &stripped.content), Ok(()));
        let again = strip(media_type, &stripped.content).unwrap();
        assert_eq!((again.content, again.metadata), (stripped.content, BTreeSet::new()));
    }
}

#[test]
fn which_side_is_up_is_kept_and_nothing_else_of_exif() {
    for media_type in [MediaType::Png, MediaType::Jpeg, MediaType::Webp] {
        for turn in 0..10 {
            let kept = strip(media_type, &planted(media_type, turn).0).unwrap().content;
            let block = tiff::only_orientation(turn);
            assert_eq!(holds(&kept, &block), (2..=8).contains(&turn), "{media_type:?} {turn}");
        }
    }
}

#[test]
fn of_many_turns_the_first_is_kept() {
    let block = |turn| [b"Exif\0\0", &tiff::only_orientation(turn)[..]].concat();
    let once = sample::jpeg_with(JPEG, 0xe1, &block(3));
    let twice = sample::jpeg_with(&once, 0xe1, &block(6));
    let stripped = strip(MediaType::Jpeg, &twice).unwrap();
    assert!(stripped.content == sample::jpeg_with(JPEG, 0xe1, &block(6)));
    assert_eq!(stripped.metadata, BTreeSet::from([Metadata::Exif]));
}

#[test]
fn colours_are_kept() {
    let jpeg = strip(MediaType::Jpeg, &planted(MediaType::Jpeg, 1).0).unwrap().content;
    assert!(holds(&jpeg, b"ICC_PROFILE\0\x01\x01kept"));
    let png = strip(MediaType::Png, &planted(MediaType::Png, 1).0).unwrap().content;
    assert!(holds(&png, b"gAMA"));
}

#[test]
fn a_picture_without_metadata_is_stored_as_it_is() {
    for (media_type, bytes) in
        [(MediaType::Png, &sample::scan(1)[..]), (MediaType::Jpeg, JPEG), (MediaType::Webp, WEBP)]
    {
        let stripped = strip(media_type, bytes).unwrap();
        assert!(stripped.metadata.is_empty(), "{:?}", stripped.metadata);
        assert!(stripped.content == bytes, "{media_type:?}");
    }
}

#[test]
fn exif_is_read_in_both_orders_of_bytes() {
    let little =
        b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\x25\x88\x04\0\x01\0\0\0\0\0\0\0";
    for (tiff, orientation, has_location) in [
        (&little[..], Some(8), true),
        (&little[..22], Some(8), false),
        (&sample::exif_with_location(3), Some(3), true),
        (&tiff::only_orientation(1), None, false),
        (b"MM\0*\xff\xff\xff\xff", None, false),
        (b"XX*\0", None, false),
        (b"", None, false),
    ] {
        let exif = tiff::read(tiff);
        assert_eq!((exif.orientation, exif.has_location), (orientation, has_location), "{tiff:?}");
    }
}

#[test]
fn an_animation_is_refused() {
    let mut webp = webp_with(b"", b"");
    let at = webp.windows(4).position(|name| name == b"EXIF").unwrap();
    webp[at..at + 4].copy_from_slice(b"ANMF");
    assert_eq!(strip(MediaType::Webp, &webp).err(), Some(Fault::Animated));
}

/// Where the place of the metadata is not told as it has to be, nothing is taken out, so the
/// file is not taken.
#[test]
fn metadata_whose_place_is_not_told_is_not_let_through() {
    let heic = sample::heic(400, 320, &sample::exif_with_location(1));
    let list = heic.windows(4).position(|name| name == b"iloc").unwrap() + 4;
    // The list: version and flags, sizes, count; then 14 bytes for each item.
    let exif = list + 8 + 14;
    let changed = |at: usize, byte: u8| {
        let mut heic = heic.clone();
        heic[at] = byte;
        strip(MediaType::Heic, &heic).err()
    };
    assert_eq!(changed(exif + 3, 1), Some(Fault::Unstrippable), "in another file");
    assert_eq!(changed(exif + 6, 0x7f), Some(Fault::Damaged), "behind the end");
    assert_eq!(changed(list + 4, 0x48), Some(Fault::Unstrippable), "of other sizes");
    let no_list = changed(list - 1, b'x');
    assert_eq!(no_list, Some(Fault::Unstrippable), "nowhere");
}
