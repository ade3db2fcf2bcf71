//! Where the objects of a PDF are: in the file, or packed into streams.

use std::collections::BTreeMap;

use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};

use super::lexer::{Budget, Lexer, NEAR_BYTES, Token, entry, reference};
use super::{count_of, is_of};

/// How much all streams together may be unpacked to. While the last one grows, up to three times
/// as much is held.
const UNPACKED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// More objects than a document of a person has.
const OBJECTS_MAX: usize = 500_000;

pub(super) struct Objects<'a> {
    bytes: &'a [u8],
    unpacked: Vec<Vec<u8>>,
    places: BTreeMap<u32, Place>,
    /// The number of the object that everything hangs on.
    pub(super) root: Option<u32>,
    pub(super) is_encrypted: bool,
}

/// Where the value of an object begins.
#[derive(Clone, Copy)]
enum Place {
    InFile(usize),
    InStream { stream: usize, at: usize },
}

/// A stream of packed objects, as it is in the file.
struct Packed<'a> {
    dictionary: &'a [u8],
    data: &'a [u8],
    /// The first object that stands behind it in the file.
    at: usize,
}

impl<'a> Objects<'a> {
    /// Finds all objects; of one that is there twice, the later one holds.
    pub(super) fn find(bytes: &'a [u8]) -> Option<Self> {
        let mut objects = Self {
            bytes,
            unpacked: Vec::new(),
            places: BTreeMap::new(),
            root: None,
            is_encrypted: false,
        };
        let packed = objects.scan()?;
        if !objects.is_encrypted {
            objects.unpack(packed)?;
        }
        Some(objects)
    }

    /// Looks for `obj` and `trailer`. Each byte is read a few times at most: the search goes on
    /// where the reading of a value ended, be it with success or not.
    fn scan(&mut self) -> Option<Vec<Packed<'a>>> {
        let bytes = self.bytes;
        let mut packed = Vec::new();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if rest.starts_with(b"trailer") {
                let mut lexer = Lexer::new(&rest[7..]);
                let value = lexer.value();
                at += 7 + lexer.at;
                value.into_iter().for_each(|dictionary| self.trailer(dictionary));
                continue;
            }
            let number = rest.starts_with(b"obj").then(|| number_before(&bytes[..at])).flatten();
            let Some(number) = number else {
                at += 1;
                continue;
            };
            let start = at + 3;
            let mut lexer = Lexer::new(&bytes[start..]);
            let value = lexer.value();
            at = start + lexer.at;
            let Some(value) = value else { continue };
            self.places.insert(number, Place::InFile(start));
            if self.places.len() > OBJECTS_MAX {
                return None;
            }
            if let Some(data) = stream(bytes, at, value) {
                at = at.max(end_of(bytes, data));
                self.stream(Packed { dictionary: value, data, at: start }, &mut packed);
            }
        }
        Some(packed)
    }

    fn stream(&mut self, stream: Packed<'a>, packed: &mut Vec<Packed<'a>>) {
        let mut budget = Budget::default();
        if is_of(stream.dictionary, b"XRef", &mut budget) {
            self.trailer(stream.dictionary);
        } else if is_of(stream.dictionary, b"ObjStm", &mut budget) {
            packed.push(stream);
        }
    }

    fn trailer(&mut self, dictionary: &[u8]) {
        let mut budget = Budget::default();
        self.root = entry(dictionary, b"Root", &mut budget).and_then(reference).or(self.root);
        let encrypt = entry(dictionary, b"Encrypt", &mut budget);
        self.is_encrypted |= encrypt.is_some_and(|value| value != b"null");
    }

    fn unpack(&mut self, packed: Vec<Packed<'a>>) -> Option<()> {
        let mut left = UNPACKED_BYTES_MAX;
        for Packed { dictionary, data, at } in packed {
            let Some(content) = unpacked(dictionary, data, left)? else { continue };
            left -= content.len();
            self.index(dictionary, content, at)?;
        }
        Some(())
    }

    /// A stream begins with the numbers and places of its objects.
    fn index(&mut self, dictionary: &[u8], content: Vec<u8>, stream_at: usize) -> Option<()> {
        let mut budget = Budget::default();
        let stream = self.unpacked.len();
        let first = count_of(dictionary, b"First", &mut budget).unwrap_or(usize::MAX);
        let count = count_of(dictionary, b"N", &mut budget).unwrap_or(0);
        let mut words = Lexer::new(&content).map_while(|token| match token {
            Token::Word(word) => std::str::from_utf8(word).ok()?.parse::<u32>().ok(),
            Token::Open
            | Token::Close
            | Token::OpenList
            | Token::CloseList
            | Token::Name(_)
            | Token::Text => None,
        });
        for _ in 0..count {
            let (Some(number), Some(offset)) = (words.next(), words.next()) else { break };
            let Some(at) = usize::try_from(offset).ok().and_then(|at| at.checked_add(first)) else {
                break;
            };
            // One that was changed later stands in the file behind the stream.
            let is_newer =
                |place: &Place| matches!(place, Place::InFile(place) if *place > stream_at);
            if !self.places.get(&number).is_some_and(is_newer) {
                self.places.insert(number, Place::InStream { stream, at });
            }
            if self.places.len() > OBJECTS_MAX {
                return None;
            }
        }
        drop(words);
        self.unpacked.push(content);
        Some(())
    }

    /// The value of an object.
    pub(super) fn value(&self, number: u32, budget: &mut Budget) -> Option<&[u8]> {
        if budget.is_spent() {
            return None;
        }
        let from = match *self.places.get(&number)? {
            Place::InFile(at) => self.bytes.get(at..)?,
            Place::InStream { stream, at } => self.unpacked.get(stream)?.get(at..)?,
        };
        let mut lexer = Lexer::new(from);
        let value = lexer.value();
        budget.spend(lexer.at);
        value.filter(|_| !budget.is_spent())
    }
}

/// The number of the object whose `obj` follows: `12 0 obj`.
fn number_before(bytes: &[u8]) -> Option<u32> {
    // Longer than two numbers with a space each.
    const BYTES_MAX: usize = 24;
    let near = &bytes[bytes.len().saturating_sub(BYTES_MAX)..];
    let mut words = near.rsplit(|byte| !byte.is_ascii_digit()).filter(|word| !word.is_empty());
    let ends_well = near.last().is_some_and(u8::is_ascii_whitespace);
    let _generation = words.next().filter(|_| ends_well)?;
    std::str::from_utf8(words.next()?).ok()?.parse().ok()
}

/// The data of the stream that follows a dictionary, if one does.
fn stream<'a>(bytes: &'a [u8], at: usize, dictionary: &[u8]) -> Option<&'a [u8]> {
    const END: &[u8] = b"endstream";
    let mut lexer = Lexer::new(near(bytes.get(at..)?));
    if lexer.next()? != Token::Word(b"stream") {
        return None;
    }
    let data = &bytes[at + lexer.at..];
    let data = data.strip_prefix(b"\r\n").or_else(|| data.strip_prefix(b"\n")).unwrap_or(data);
    let length = count_of(dictionary, b"Length", &mut Budget::default());
    let told = length.and_then(|length| data.split_at_checked(length));
    if let Some((told, behind)) = told
        && Lexer::new(near(behind)).next() == Some(Token::Word(END))
    {
        return Some(told);
    }
    let end = data.windows(END.len()).position(|window| window == END);
    Some(&data[..end.unwrap_or(data.len())])
}

fn near(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(NEAR_BYTES)]
}

/// Where in `bytes` a part of it ends.
fn end_of(bytes: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - bytes.as_ptr() as usize + part.len()
}

/// What is in a stream of objects. One that is packed in a way that is not used for objects is
/// passed over; one that is too large ends it all.
fn unpacked(dictionary: &[u8], data: &[u8], left: usize) -> Option<Option<Vec<u8>>> {
    let mut budget = Budget::default();
    if entry(dictionary, b"DecodeParms", &mut budget).is_some_and(|parms| parms != b"null") {
        return Some(None);
    }
    let filter = entry(dictionary, b"Filter", &mut budget).map(Lexer::new);
    let filter: Vec<Token<'_>> = filter.into_iter().flatten().take(4).collect();
    match filter.as_slice() {
        [] => (data.len() <= left).then(|| Some(data.to_vec())),
        [Token::Name(b"FlateDecode")]
        | [Token::OpenList, Token::Name(b"FlateDecode"), Token::CloseList] => {
            match decompress_to_vec_zlib_with_limit(data, left) {
                Ok(content) => Some(Some(content)),
                Err(error) if error.status == TINFLStatus::HasMoreOutput => None,
                // What came before the fault may do.
                Err(error) => Some(Some(error.output)),
            }
        }
        _ => Some(None),
    }
}
