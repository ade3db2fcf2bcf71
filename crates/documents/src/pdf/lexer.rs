//! The tokens of a PDF, and values as slices of the file: nothing is copied.

/// How much may be read in all, so that no file makes us read one place again and again.
pub(super) struct Budget(usize);

const READ_BYTES_MAX: usize = 128 * 1024 * 1024;

impl Default for Budget {
    fn default() -> Self {
        Self(READ_BYTES_MAX)
    }
}

impl Budget {
    pub(super) fn spend(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes);
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// How far is looked ahead for a word that belongs to the ones before it. What is read ahead is
/// read again, so there has to be an end to it.
pub(super) const NEAR_BYTES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    /// Of a list.
    OpenList,
    CloseList,
    Name(&'a [u8]),
    Text,
    /// A number or a keyword.
    Word(&'a [u8]),
}

pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\0' | b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_space();
        let first = *self.bytes.get(self.at)?;
        let second = self.bytes.get(self.at + 1).copied();
        let (token, length) = match (first, second) {
            (b'<', Some(b'<')) => (Token::Open, 2),
            (b'>', Some(b'>')) => (Token::Close, 2),
            (b'[', _) => (Token::OpenList, 1),
            (b']', _) => (Token::CloseList, 1),
            (b'<', _) => (Token::Text, self.closed(hex_length(self.rest()))?),
            (b'(', _) => (Token::Text, self.closed(text_length(self.rest()))?),
            (b'/', _) => {
                let word = word(&self.rest()[1..]);
                (Token::Name(word), word.len() + 1)
            }
            _ => {
                let word = word(self.rest());
                (Token::Word(word), word.len())
            }
        };
        // A delimiter where none may be.
        if length == 0 {
            return None;
        }
        self.at += length;
        Some(token)
    }
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Whoever goes on behind what is not closed must not read it again.
    fn closed(&mut self, length: Option<usize>) -> Option<usize> {
        if length.is_none() {
            self.at = self.bytes.len();
        }
        length
    }

    /// Space, and comments to the end of their line.
    fn skip_space(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            if *byte == b'%' {
                let line = self.rest().iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                self.at = line.map_or(self.bytes.len(), |length| self.at + length);
            } else if is_space(*byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// Steps over one value, and answers it. In the middle of what is none it stops, and how
    /// far it came is `at`.
    pub(super) fn value(&mut self) -> Option<&'a [u8]> {
        self.skip_space();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.next()? {
                Token::Open | Token::OpenList => depth += 1,
                Token::Close | Token::CloseList => depth = depth.checked_sub(1)?,
                Token::Name(_) | Token::Text => {}
                Token::Word(word) if depth == 0 => self.reference(word),
                Token::Word(b"true" | b"false" | b"null" | b"R") => {}
                Token::Word(word) if is_number(word) => {}
                Token::Word(_) => return None,
            }
            if depth == 0 {
                return Some(&self.bytes[start..self.at]);
            }
        }
    }

    /// Two numbers and an `R` are one value.
    fn reference(&mut self, word: &[u8]) {
        let near = self.bytes.len().min(self.at + NEAR_BYTES);
        let mut ahead = Lexer { bytes: &self.bytes[..near], at: self.at };
        if is_number(word)
            && matches!(ahead.next(), Some(Token::Word(second)) if is_number(second))
            && ahead.next() == Some(Token::Word(b"R"))
        {
            self.at = ahead.at;
        }
    }
}

fn hex_length(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'>').map(|at| at + 1)
}

fn is_number(word: &[u8]) -> bool {
    word.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.'))
}

fn word(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| is_space(*byte) || is_delimiter(*byte));
    &bytes[..end.unwrap_or(bytes.len())]
}

/// Brackets in a text are closed or escaped.
fn text_length(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut is_escaped = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => {
                is_escaped = false;
                continue;
            }
            b'\\' => is_escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// The value of a key of a dictionary.
pub(super) fn entry<'a>(dictionary: &'a [u8], key: &[u8], budget: &mut Budget) -> Option<&'a [u8]> {
    if budget.is_spent() {
        return None;
    }
    let mut lexer = Lexer::new(dictionary);
    let mut found = None;
    if lexer.next() == Some(Token::Open) {
        while let Some(Token::Name(name)) = lexer.next() {
            let Some(value) = lexer.value() else { break };
            if name == key {
                found = Some(value);
                break;
            }
        }
    }
    budget.spend(lexer.at);
    found.filter(|_| !budget.is_spent())
}

/// The objects that a list refers to.
pub(super) fn items(list: &[u8], budget: &mut Budget) -> Option<Vec<u32>> {
    budget.spend(list.len());
    let mut lexer = Lexer::new(list);
    if budget.is_spent() || lexer.next() != Some(Token::OpenList) {
        return None;
    }
    let mut items = Vec::new();
    while let Some(value) = lexer.value() {
        items.extend(reference(value));
    }
    Some(items)
}

/// The number of the object that a value refers to.
pub(super) fn reference(value: &[u8]) -> Option<u32> {
    let mut lexer = Lexer::new(value);
    let Some(Token::Word(number)) = lexer.next() else { return None };
    lexer.next()?;
    if lexer.next()? != Token::Word(b"R") {
        return None;
    }
    digits(number)
}

pub(super) fn integer(value: &[u8]) -> Option<u32> {
    let mut lexer = Lexer::new(value);
    let Some(Token::Word(number)) = lexer.next() else { return None };
    if lexer.next().is_some() { None } else { digits(number) }
}

fn digits(word: &[u8]) -> Option<u32> {
    std::str::from_utf8(word).ok()?.parse().ok()
}
