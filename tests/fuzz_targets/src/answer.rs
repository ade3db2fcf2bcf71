//! Answers of the provider as they stand in a corpus.

/// `CALL STATUS`, header lines, an empty line, the body.
pub(crate) struct Answer<'a> {
    /// The first word: a call, or what a person does instead.
    pub(crate) word: &'a str,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    pub(crate) fn parse(data: &'a [u8]) -> Option<Self> {
        let (head, body) = split(data, b"\n\n").unwrap_or((data, b""));
        let mut lines = std::str::from_utf8(head).ok()?.lines();
        let line = lines.next()?;
        let (word, status) = line.split_once(' ').unwrap_or((line, "200"));
        let headers = lines.filter_map(|line| line.split_once(": ")).collect();
        Some(Self { word, status: status.trim().parse().ok()?, headers, body })
    }
}

/// What stands before and after the first `separator`.
pub(crate) fn split<'a>(data: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = data.windows(separator.len()).position(|window| window == separator)?;
    Some((&data[..at], &data[at + separator.len()..]))
}

/// At most so many parts of an input are read: more teach nothing, and take time.
const PARTS_MAX: usize = 24;

/// The parts of an input, which a line of `---` separates.
pub(crate) fn parts(mut data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((part, rest)) = split(data, b"\n---\n") {
        parts.push(part);
        data = rest;
    }
    parts.push(data);
    parts.truncate(PARTS_MAX);
    parts
}
