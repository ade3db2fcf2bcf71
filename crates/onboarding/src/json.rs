//! JSON from outside: bytes within limits to a tree, and a tree to checked fields.
//!
//! Everything that is wrong goes into a list of problems, and reading goes on.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::names::check_object;
use crate::problem::Problems;

/// The largest profile or patch that is read, in bytes.
pub const JSON_BYTES_MAX: usize = 64 * 1024;
/// How deep objects and lists may lie in one another.
pub const JSON_DEPTH_MAX: usize = 32;
/// The longest text that a field may hold, in characters.
pub const TEXT_CHARS_MAX: usize = 256;
/// The longest name of an unknown field that a problem repeats.
const NAME_BYTES_MAX: usize = 64;

/// Reads bytes as one JSON value. A field given twice is a problem, not a stop.
pub(crate) fn parse(bytes: &[u8], problems: &mut Problems) -> Option<Value> {
    if bytes.len() > JSON_BYTES_MAX {
        problems.error("", format!("must be at most {} KiB of JSON", JSON_BYTES_MAX / 1024));
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let at = error.valid_up_to() + 1;
            problems.error("", format!("must be UTF-8, and byte {at} is not; save it as UTF-8"));
            return None;
        }
    };
    if text.trim().is_empty() {
        problems.error("", "must not be empty");
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = Node { pointer: String::new(), depth: 0, problems: &mut *problems };
    let read = node.deserialize(&mut deserializer);
    match read.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Some(value),
        Err(error) => {
            problems.error("", refusal(&error));
            None
        }
    }
}

/// The text of the JSON library is left out, as it might quote what it read.
fn refusal(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => {
            format!("must not nest objects and lists deeper than {JSON_DEPTH_MAX} levels")
        }
        Category::Syntax | Category::Eof | Category::Io => format!(
            "must be JSON, and is not from line {}, column {} on",
            error.line(),
            error.column()
        ),
    }
}

/// The pointer to a field. A name that does not look like one might be anything,
/// so it is not repeated: the pointer stays at the object.
#[must_use]
pub fn pointer_to(object: &str, name: &str) -> String {
    let shown = name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if shown { format!("{object}/{name}") } else { object.to_owned() }
}

/// A place in the tree that is being built.
struct Node<'p> {
    pointer: String,
    depth: usize,
    problems: &'p mut Problems,
}

impl Node<'_> {
    fn check_depth<E: Error>(&self) -> Result<(), E> {
        if self.depth < JSON_DEPTH_MAX { Ok(()) } else { Err(E::custom("too deep")) }
    }

    fn child(&mut self, pointer: String) -> Node<'_> {
        Node { pointer, depth: self.depth + 1, problems: self.problems }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut list = Vec::new();
        loop {
            let pointer = format!("{}/{}", self.pointer, list.len());
            match seq.next_element_seed(self.child(pointer))? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let pointer = pointer_to(&self.pointer, &name);
            let value = map.next_value_seed(self.child(pointer.clone()))?;
            if object.insert(name, value).is_some() {
                self.problems.error(pointer, "a field is given twice; keep one of them");
            }
        }
        Ok(Value::Object(object))
    }
}

/// The fields of one object, read by name.
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    pointer: String,
    problems: &'a mut Problems,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, if it is an object.
    pub(crate) fn of(
        value: &'a Value,
        pointer: String,
        problems: &'a mut Problems,
    ) -> Option<Self> {
        let Value::Object(object) = value else {
            problems.error(pointer, "must be a JSON object");
            return None;
        };
        Some(Self { object, pointer, problems })
    }

    /// The section or inner object of this name, if it is there and is one.
    pub(crate) fn object(&mut self, name: &str) -> Option<Fields<'_>> {
        let value = self.value(name)?;
        Fields::of(value, pointer_to(&self.pointer, name), self.problems)
    }

    /// The same, where its absence is an error.
    pub(crate) fn required_object(&mut self, name: &str) -> Option<Fields<'_>> {
        self.require(name);
        self.object(name)
    }

    /// The list of this name, if `rule` reads each of its elements.
    pub(crate) fn list<T>(&mut self, name: &str, rule: impl Rule<T>) -> Option<Vec<T>> {
        let Value::Array(elements) = self.value(name)? else {
            self.error(name, "must be a list");
            return None;
        };
        let pointer = pointer_to(&self.pointer, name);
        let mut list = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            match text(element).and_then(&rule) {
                Ok(value) => list.push(value),
                Err(message) => self.problems.error(format!("{pointer}/{index}"), message),
            }
        }
        (list.len() == elements.len()).then_some(list)
    }

    /// The list of this name, of objects that have `names`, if `read` reads each of them.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        names: &[&str],
        read: impl Fn(&mut Fields<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(elements) = self.value(name)? else {
            self.error(name, "must be a list");
            return None;
        };
        let pointer = pointer_to(&self.pointer, name);
        let mut list = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            check_object(element, &pointer, names, self.problems);
            let fields = Fields::of(element, pointer, self.problems);
            list.extend(fields.and_then(|mut fields| read(&mut fields)));
        }
        (list.len() == elements.len()).then_some(list)
    }

    /// Whatever has this name, in any form but null.
    pub(crate) fn any(&mut self, name: &str) -> Option<&'a Value> {
        self.value(name)
    }

    /// The truth value of this name.
    pub(crate) fn switch(&mut self, name: &str) -> Option<bool> {
        let value = self.value(name)?.as_bool();
        if value.is_none() {
            self.error(name, "must be true or false");
        }
        value
    }

    /// The text of this name, read by `rule`.
    pub(crate) fn optional<T>(&mut self, name: &str, rule: impl Rule<T>) -> Option<T> {
        match text(self.value(name)?).and_then(rule) {
            Ok(value) => Some(value),
            Err(message) => {
                self.error(name, message);
                None
            }
        }
    }

    /// The same, where its absence is an error.
    pub(crate) fn required<T>(&mut self, name: &str, rule: impl Rule<T>) -> Option<T> {
        self.require(name);
        self.optional(name, rule)
    }

    pub(crate) fn error(&mut self, name: &str, message: &str) {
        self.problems.error(pointer_to(&self.pointer, name), message);
    }

    pub(crate) fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    fn require(&mut self, name: &str) {
        if !self.object.contains_key(name) {
            self.error(name, "is missing; it is required here");
        }
    }

    fn value(&mut self, name: &str) -> Option<&'a Value> {
        let value = self.object.get(name)?;
        if value.is_null() {
            self.error(name, "must not be null; leave it out where there is no value");
            return None;
        }
        Some(value)
    }
}

/// From a text, trimmed and within limits, to its value, or to why it is none.
pub(crate) trait Rule<T>: Fn(&str) -> Result<T, &'static str> {}
impl<T, F: Fn(&str) -> Result<T, &'static str>> Rule<T> for F {}

/// What holds for every text that is taken.
fn text(value: &Value) -> Result<&str, &'static str> {
    let text = value.as_str().ok_or("must be a string")?;
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters, such as line breaks or tabs");
    }
    let text = text.trim();
    if text.is_empty() {
        return Err("must not be empty");
    }
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(TOO_LONG);
    }
    Ok(text)
}

const TOO_LONG: &str = "must be at most 256 characters long";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusals(bytes: &[u8]) -> Vec<(String, String)> {
        let mut problems = Problems::default();
        parse(bytes, &mut problems);
        problems.0.into_iter().map(|problem| (problem.pointer, problem.message)).collect()
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn json_beyond_the_limits_is_refused() {
        let at_limit = format!("\"{}\"", "a".repeat(JSON_BYTES_MAX - 2));
        let over_limit = format!("{at_limit} ");
        for (given, expected) in [
            (at_limit.as_bytes(), None),
            (over_limit.as_bytes(), Some("must be at most 64 KiB of JSON")),
            (nested(JSON_DEPTH_MAX).as_bytes(), None),
            (
                nested(JSON_DEPTH_MAX + 1).as_bytes(),
                Some("must not nest objects and lists deeper than 32 levels"),
            ),
            (
                nested(JSON_BYTES_MAX / 2).as_bytes(),
                Some("must not nest objects and lists deeper than 32 levels"),
            ),
            (b"\n", Some("must not be empty")),
            (b"{", Some("must be JSON, and is not from line 1, column 1 on")),
            (b"{\n\"a\": Ilse}", Some("must be JSON, and is not from line 2, column 6 on")),
            (b"{} {}", Some("must be JSON, and is not from line 1, column 4 on")),
            (b"\"\\ud800\"", Some("must be JSON, and is not from line 1, column 8 on")),
            (b"\"\xff\"", Some("must be UTF-8, and byte 2 is not; save it as UTF-8")),
            ("\u{feff}{}".as_bytes(), None),
        ] {
            let found = refusals(given);
            let messages: Vec<&str> = found.iter().map(|(_, message)| message.as_str()).collect();
            assert_eq!(messages, Vec::from_iter(expected), "{}", String::from_utf8_lossy(given));
        }
    }

    #[test]
    fn a_field_given_twice_is_refused_at_its_place() {
        let found =
            refusals(br#"{"a":[{"b":1,"c":2,"b":3}],"Ilse Brandt":1,"Ilse Brandt":2,"a":1}"#);
        let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/a/0/b", "", "/a"]);
    }

    #[test]
    fn a_number_is_read_as_it_is_written() {
        for text in ["0", "-3", "18446744073709551615", "1.5", "-2.5e3"] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text.as_bytes(), &mut Problems::default()), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_text_limit_is_the_one_that_its_message_names() {
        assert!(TOO_LONG.contains(&format!(" {TEXT_CHARS_MAX} ")));
        let longest = Value::from("é".repeat(TEXT_CHARS_MAX));
        assert!(text(&longest).is_ok());
        let longer = Value::from("é".repeat(TEXT_CHARS_MAX + 1));
        assert_eq!(text(&longer), Err(TOO_LONG));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_a_problem(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let mut problems = Problems::default();
            let value = parse(&bytes, &mut problems);
            prop_assert!(value.is_some() || problems.has_errors());
        }

        #[test]
        fn what_the_library_reads_is_read_alike(value in crate::profile::any_json()) {
            let mut problems = Problems::default();
            let read = parse(value.to_string().as_bytes(), &mut problems);
            prop_assert_eq!(read, Some(value));
        }
    }
}
