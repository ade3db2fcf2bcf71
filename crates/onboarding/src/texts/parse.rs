//! From a file of texts to a catalogue, or every mistake in it with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::template::Template;

/// The longest text, in characters.
pub const TEXT_LENGTH_MAX: usize = 400;
/// The largest file of texts, in bytes.
pub const TEXTS_BYTES_MAX: usize = 128 * 1024;
/// More mistakes than these are only counted.
const MISTAKES_MAX: usize = 100;
/// A new name this near to a known one, in letters, is taken for a slip.
const SLIP_LETTERS_MAX: usize = 2;
/// The longest name of a text.
const NAME_BYTES_MAX: usize = 128;

/// The texts of one language by their names: `document.id-passport.name`.
pub(super) type Catalogue = BTreeMap<String, Template>;

/// One thing that is wrong with a file of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The name of the text that it is about; empty for the whole file.
    pub name: String,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.message),
            name => write!(f, "line {}: {name}: {}", self.line, self.message),
        }
    }
}

/// Reads a file of texts. `known` are the texts that there are; without it all are taken.
pub(super) fn parse(bytes: &[u8], known: Option<&Catalogue>) -> Result<Catalogue, Vec<Mistake>> {
    let text = as_text(bytes).map_err(|mistake| vec![mistake])?;
    let mut reading =
        Reading { text, known, catalogue: Catalogue::new(), mistakes: Vec::new(), untold: 0 };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reading.mistake(error.span().unwrap_or_default(), "", error.message());
    }
    reading.table("", table.get_ref());
    reading.finish()
}

fn as_text(bytes: &[u8]) -> Result<&str, Mistake> {
    let whole = |line, message: String| Mistake { line, name: String::new(), message };
    if bytes.len() > TEXTS_BYTES_MAX {
        return Err(whole(1, format!("the file is larger than {TEXTS_BYTES_MAX} bytes")));
    }
    str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        whole(line, "is not UTF-8; save the file in that encoding".to_owned())
    })
}

struct Reading<'a> {
    text: &'a str,
    known: Option<&'a Catalogue>,
    catalogue: Catalogue,
    mistakes: Vec<Mistake>,
    /// How many there are beyond those.
    untold: usize,
}

impl Reading<'_> {
    fn finish(mut self) -> Result<Catalogue, Vec<Mistake>> {
        self.mistakes.sort_by_key(|mistake| mistake.line);
        if self.untold > 0 {
            let line = self.mistakes.last().map_or(1, |mistake| mistake.line);
            let message = format!("and {} more mistakes in the file", self.untold);
            self.mistakes.push(Mistake { line, name: String::new(), message });
        }
        if self.mistakes.is_empty() { Ok(self.catalogue) } else { Err(self.mistakes) }
    }

    fn mistake(&mut self, span: Range<usize>, name: &str, message: impl Into<String>) {
        if self.mistakes.len() >= MISTAKES_MAX {
            self.untold += 1;
            return;
        }
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        self.mistakes.push(Mistake { line, name: shown(name), message: message.into() });
    }

    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            let name = match section {
                "" => key.get_ref().to_string(),
                section => format!("{section}.{}", key.get_ref()),
            };
            match value.get_ref() {
                DeValue::Table(inner) => self.table(&name, inner),
                DeValue::String(text) => self.entry(key.span(), value, name, text),
                DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => {
                    self.mistake(value.span(), &name, "must be a text in quotation marks");
                }
            }
        }
    }

    fn entry(&mut self, key: Range<usize>, value: &Spanned<DeValue<'_>>, name: String, text: &str) {
        if let Some(message) = self.unknown(&name) {
            return self.mistake(key, &name, message);
        }
        match self.read(&name, text) {
            Ok(template) => {
                self.catalogue.insert(name, template);
            }
            Err(messages) => {
                for message in messages {
                    self.mistake(value.span(), &name, message);
                }
            }
        }
    }

    /// Why there can't be a text of this name.
    fn unknown(&self, name: &str) -> Option<String> {
        let known = self.known?;
        if known.contains_key(name) {
            return None;
        }
        let nearest = known
            .keys()
            .filter(|known| known.len().abs_diff(name.len()) <= SLIP_LETTERS_MAX)
            .map(|known| (strsim::damerau_levenshtein(name, known), known))
            .min_by_key(|(letters, _)| *letters);
        let slip = nearest.filter(|(letters, known)| {
            *letters <= SLIP_LETTERS_MAX && without_digits(known) != without_digits(name)
        });
        match slip {
            None if is_addition(name) => None,
            None => Some("there is no such text; config/texts/en.toml has them all".to_owned()),
            Some((_, known)) => Some(format!("there is no such text; did you mean {known}?")),
        }
    }

    fn read(&self, name: &str, text: &str) -> Result<Template, Vec<String>> {
        let mut messages = Vec::new();
        let length = text.chars().count();
        if length > TEXT_LENGTH_MAX {
            messages.push(format!("has {length} characters; at most {TEXT_LENGTH_MAX} are taken"));
        }
        if text.trim().is_empty() && !may_be_empty(name) {
            messages.push("must not be empty; leave it out to fall back".to_owned());
        }
        if text.chars().any(char::is_control) {
            messages.push("must be one line without control characters".to_owned());
        }
        match Template::parse(text) {
            Ok(template) => {
                messages.extend(self.placeholder_mistakes(name, &template));
                if messages.is_empty() { Ok(template) } else { Err(messages) }
            }
            Err(message) => {
                messages.push(message.to_owned());
                Err(messages)
            }
        }
    }

    fn placeholder_mistakes(&self, name: &str, template: &Template) -> Vec<String> {
        let Some(known) = self.known else { return Vec::new() };
        let wanted = known.get(name).map(Template::placeholders).unwrap_or_default();
        let given = template.placeholders();
        let unknown = given.difference(&wanted).map(|name| {
            let known = listed(&wanted);
            format!("unknown placeholder {{{}}}; {known}", shown(name))
        });
        let missing =
            wanted.difference(&given).map(|name| format!("the placeholder {{{name}}} is missing"));
        unknown.chain(missing).collect()
    }
}

fn listed(wanted: &BTreeSet<&str>) -> String {
    if wanted.is_empty() {
        return "this text has none".to_owned();
    }
    let names: Vec<String> = wanted.iter().map(|name| format!("{{{name}}}")).collect();
    format!("this text has {}", names.join(", "))
}

/// Names that a file may add, because the provider, or the company's own rules of what is
/// required, may add documents, fields and products.
fn is_addition(name: &str) -> bool {
    let well_formed = name.len() <= NAME_BYTES_MAX
        && name.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
    let parts: Vec<&str> = name.split('.').collect();
    well_formed
        && match parts.as_slice() {
            ["document", _, "name" | "object"] | ["product" | "advice", _] => true,
            ["field", inner @ ..] => inner.len() >= 2,
            _ => false,
        }
}

/// Without an advice there is none.
fn may_be_empty(name: &str) -> bool {
    name.starts_with("advice.") || name == "due.source.other"
}

fn without_digits(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// As much of a name as is compared with others, so that nobody's time is spent.
fn name_start(name: &str) -> &str {
    let end = name.char_indices().nth(NAME_BYTES_MAX).map_or(name.len(), |(at, _)| at);
    &name[..end]
}

/// A name as a mistake shows it: whoever wrote it has to see it on one line.
fn shown(name: &str) -> String {
    name_start(name).chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
