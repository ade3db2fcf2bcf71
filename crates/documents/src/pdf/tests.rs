use proptest::prelude::*;

use super::*;
use crate::sample;

const DEMO: [&[u8]; 2] = [
    include_bytes!("../../../../config/demo/documents/proof-of-address.pdf"),
    include_bytes!("../../../../config/demo/documents/proof-of-income.pdf"),
];

const CATALOG: &str = "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj ";
const PAGE: &str = "3 0 obj<</Type/Page/Parent 2 0 R>>endobj ";
const TWO: &str =
    "2 0 obj<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>endobj 4 0 obj<</Type/Page>>endobj ";
const TRAILER: &str = "trailer<</Root 1 0 R>>";

fn file(parts: &[&[u8]]) -> Vec<u8> {
    [&b"%PDF-1.7\n"[..], &parts.concat(), b"\n%%EOF"].concat()
}

fn of(parts: &[&str]) -> Result<u32, Fault> {
    pages(&file(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>()))
}

/// A zlib stream.
fn packed(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, 9)
}

fn stream(number: u32, dictionary: &str, data: &[u8]) -> Vec<u8> {
    let length = data.len();
    let head = format!("{number} 0 obj<<{dictionary}/Length {length}>>stream\r\n");
    [head.as_bytes(), data, b"\nendstream endobj\n"].concat()
}

#[test]
fn pages_are_counted() {
    for (count, bytes) in [(1, DEMO[0].to_vec()), (1, DEMO[1].to_vec()), (7, sample::pdf(7))] {
        assert_eq!(pages(&bytes), Ok(count));
    }
}

#[test]
fn the_pages_are_those_that_a_viewer_shows() {
    let nested = "2 0 obj<</Kids[5 0 R 3 0 R]>>endobj 5 0 obj<</Kids 6 0 R/Count 99>>endobj \
                  6 0 obj[7 0 R 8 0 R]endobj 7 0 obj<</A(\\(])/B<3e>>>endobj 8 0 obj<<>>endobj ";
    for (what, parts, expected) in [
        ("two", vec![CATALOG, PAGE, TWO, TRAILER], Ok(2)),
        ("nested ones", vec![CATALOG, PAGE, nested, TRAILER], Ok(3)),
        (
            "of the later version",
            vec![CATALOG, PAGE, TWO, TRAILER, "2 0 obj<</Type/Pages/Kids[3 0 R]>>endobj ", TRAILER],
            Ok(1),
        ),
        ("a page that is missing does not count", vec![CATALOG, TWO, TRAILER], Ok(1)),
        (
            "a tree that bites its tail",
            vec![CATALOG, PAGE, "2 0 obj<</Kids[2 0 R 3 0 R 3 0 R]>>endobj ", TRAILER],
            Ok(1),
        ),
        ("a comment says nothing", vec![CATALOG, PAGE, TWO, "trailer<<%>>\n/Root 1 0 R>>"], Ok(2)),
        (
            "no page",
            vec![CATALOG, "2 0 obj<</Kids[]/Count 3>>endobj ", TRAILER],
            Err(Fault::Unreadable),
        ),
        ("no root", vec![CATALOG, PAGE, TWO], Err(Fault::Unreadable)),
        ("no tree", vec!["1 0 obj<</Type/Catalog>>endobj ", TRAILER], Err(Fault::Unreadable)),
        ("nothing", vec![""], Err(Fault::Unreadable)),
        (
            "encrypted",
            vec![CATALOG, PAGE, TWO, "trailer<</Root 1 0 R/Encrypt 9 0 R>>"],
            Err(Fault::Encrypted),
        ),
        (
            "encrypted in a trailer that is not the last",
            vec![CATALOG, PAGE, TWO, "trailer<</Encrypt<</V 1>>>>", TRAILER],
            Err(Fault::Encrypted),
        ),
        (
            "encrypted by nothing",
            vec![CATALOG, PAGE, TWO, "trailer<</Root 1 0 R/Encrypt null>>"],
            Ok(2),
        ),
    ] {
        assert_eq!(of(&parts), expected, "{what}");
    }
    assert_eq!(pages(b"%PDF-1.7\n"), Err(Fault::Damaged));
}

#[test]
fn objects_that_are_packed_are_found() {
    let objects = "1 0 2 34 3 66 <</Type/Catalog/Pages 2 0 R>>      <</Type/Pages/Kids[3 0 R]>>     <</Type/Page>>";
    let first = objects.find("<<").unwrap();
    let kind = format!("/Type/ObjStm/N 3/First {first}");
    let table = |more: &str| stream(9, &format!("/Type/XRef/Root 1 0 R{more}"), b"");
    let plain = stream(8, &kind, objects.as_bytes());
    let flate = stream(8, &format!("{kind}/Filter/FlateDecode"), &packed(objects.as_bytes()));
    let listed = stream(8, &format!("{kind}/Filter[/FlateDecode]"), &packed(objects.as_bytes()));
    for (what, stream) in [("plain", &plain), ("packed", &flate), ("in a list", &listed)] {
        assert_eq!(pages(&file(&[stream, &table("")])), Ok(1), "{what}");
    }
    assert_eq!(pages(&file(&[&flate, &table("/Encrypt 5 0 R")])), Err(Fault::Encrypted));
    // What stands behind the stream is newer, what stands before it is older.
    let two = b"2 0 obj<</Kids[3 0 R 4 0 R]>>endobj 4 0 obj<<>>endobj ";
    assert_eq!(pages(&file(&[&flate, two, &table("")])), Ok(2));
    assert_eq!(pages(&file(&[two, &flate, &table("")])), Ok(1));
    // Packed in a way that nobody uses for objects.
    let lzw = stream(8, &format!("{kind}/Filter/LZWDecode"), objects.as_bytes());
    assert_eq!(pages(&file(&[&lzw, &table("")])), Err(Fault::Unreadable));
}

#[test]
fn what_is_in_a_stream_is_no_object() {
    let hidden = stream(9, "", format!("trailer<</Encrypt 1 0 R>> {TWO}").as_bytes());
    let one = "2 0 obj<</Kids[3 0 R]>>endobj ";
    let parts = [CATALOG.as_bytes(), PAGE.as_bytes(), one.as_bytes(), &hidden, TRAILER.as_bytes()];
    assert_eq!(pages(&file(&parts)), Ok(1));
    // The same without a length.
    let unmeasured = [b"9 0 obj<<>>stream\n", TWO.as_bytes(), b"\nendstream endobj "].concat();
    let parts =
        [CATALOG.as_bytes(), PAGE.as_bytes(), one.as_bytes(), &unmeasured, TRAILER.as_bytes()];
    assert_eq!(pages(&file(&parts)), Ok(1));
}

#[test]
fn streams_are_unpacked_within_a_bound() {
    let bomb = packed(&vec![b' '; 17 * 1024 * 1024]);
    let stream = stream(8, "/Type/ObjStm/N 1/First 9/Filter/FlateDecode", &bomb);
    assert!(bomb.len() < 100_000);
    assert_eq!(
        pages(&file(&[
            CATALOG.as_bytes(),
            PAGE.as_bytes(),
            TWO.as_bytes(),
            TRAILER.as_bytes(),
            &stream
        ])),
        Err(Fault::Unreadable)
    );
    let half = packed(&vec![b' '; 9 * 1024 * 1024]);
    let half = self::stream(8, "/Type/ObjStm/N 1/First 9/Filter/FlateDecode", &half);
    let parts = [CATALOG.as_bytes(), PAGE.as_bytes(), TWO.as_bytes(), TRAILER.as_bytes(), &half];
    assert_eq!(pages(&file(&parts)), Ok(2));
    let parts =
        [CATALOG.as_bytes(), PAGE.as_bytes(), TWO.as_bytes(), TRAILER.as_bytes(), &half, &half];
    assert_eq!(pages(&file(&parts)), Err(Fault::Unreadable), "all together");
}

/// Each of these makes a reader that is not careful read the rest of the file again and again.
#[test]
fn what_is_never_closed_is_read_once() {
    for part in [
        "1 0 obj(",
        "1 0 obj<",
        "1 0 obj<<",
        "1 0 obj[",
        "1 0 obj 1 (",
        "1 0 obj 1 %",
        "1 0 obj%",
        "1 0 obj<<>>%",
        "1 0 obj<<>>stream ",
        "trailer<<",
        "trailer(",
        "[[[[[[[[",
        "1 0 obj[[[[[[",
        "1 0 obj<</A 1 0 R>>stream\n",
    ] {
        let many = part.repeat(2_000_000 / part.len());
        let began = std::time::Instant::now();
        assert_eq!(of(&[&many]), Err(Fault::Unreadable), "{part}");
        assert!(began.elapsed().as_secs() < 20, "{part}");
    }
}

/// Many nodes that are one and the same place.
#[test]
fn a_tree_whose_nodes_are_read_again_and_again_has_an_end() {
    let numbers = 10..40_000_u32;
    let kids: String = numbers.clone().map(|number| format!("{number} 0 R ")).collect();
    let index: String = numbers.clone().map(|number| format!("{number} 0 ")).collect();
    let node = format!("<</Kids[{kids}]>>");
    let first = index.len();
    let count = numbers.len();
    let dictionary = format!("/Type/ObjStm/N {count}/First {first}/Filter/FlateDecode");
    let nodes = stream(8, &dictionary, &packed(format!("{index}{node}").as_bytes()));
    let tree = b"1 0 obj<</Pages 10 0 R>>endobj ";
    let began = std::time::Instant::now();
    assert_eq!(pages(&file(&[tree, &nodes, TRAILER.as_bytes()])), Err(Fault::Unreadable));
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

proptest! {
    #[test]
    fn any_text_of_a_pdf_is_counted_or_refused(
        parts in prop::collection::vec(prop::sample::select(vec![
            CATALOG, PAGE, TWO, TRAILER, "1 0 obj", "<<", ">>", "[", "]", "(", ")", "/Kids", "/Type",
            "/ObjStm", "stream\n", "endstream", "endobj ", "2 0 R ", "/N 3", "/First 1", "/Filter",
            "/FlateDecode", "%", "\n", "/Length 5", "trailer", "-", "99999999999999999999 0 obj",
        ]), 0..40),
        noise in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let text = parts.concat();
        let _ = pages(&file(&[text.as_bytes(), &noise]));
        let _ = pages(&file(&[&noise, text.as_bytes()]));
    }
}
