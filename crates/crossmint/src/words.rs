//! Reads the provider's words and lists with patience, and within limits.
//!
//! What an answer says is stored, shown and told on, so no answer may make it large.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A word such as a product's name has at most so many characters.
const WORD_CHARS_MAX: usize = 64;
/// The provider's id of something has at most so many characters.
const ID_CHARS_MAX: usize = 256;
/// A list keeps at most so many entries; the provider's longest has about five.
/// So the largest eligibility, of 32 products with two lists each, has 130,000 characters.
pub(crate) const ENTRIES_MAX: usize = 32;
/// Stands in a list for an entry that is no word, or a longer one than is kept.
/// The core knows no such word, so it asks an operator to look.
const UNREADABLE: &str = "unreadable";

/// A word without which the answer says nothing.
pub(crate) fn word<'de, D: Deserializer<'de>, T: for<'a> From<&'a str>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let word = text(&Value::deserialize(deserializer)?, WORD_CHARS_MAX);
    word.map(|word| T::from(&word)).ok_or_else(|| Error::custom("not a word"))
}

/// An id without which the answer says nothing. A number is an id as well.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_number().map(|number| Value::String(number.to_string()));
    text(&number.unwrap_or(value), ID_CHARS_MAX).ok_or_else(|| Error::custom("not an id"))
}

/// A list of words, each once, in the provider's order. An entry that can't be
/// read is not left out: something is asked for, though nobody knows what.
pub(crate) fn words<'de, D: Deserializer<'de>, T: PartialEq + for<'a> From<&'a str>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let entries = entries(Value::deserialize(deserializer)?);
    let read = |entry: &Value| text(entry, WORD_CHARS_MAX).unwrap_or_else(|| UNREADABLE.to_owned());
    let mut words = Vec::new();
    add_new(&mut words, entries.iter().map(|entry| T::from(&read(entry))));
    Ok(words)
}

/// A value that is unknown when it is absent, `null` or of another form.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// What a list holds. The provider's versions give a list, a single value, or nothing.
pub(crate) fn entries(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(entries) => entries,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}

/// Adds each that is not in the list yet, as long as there is room.
pub(crate) fn add_new<T: PartialEq>(list: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    let mut dropped = 0;
    for item in more {
        if list.contains(&item) {
            continue;
        }
        if list.len() < ENTRIES_MAX {
            list.push(item);
        } else {
            dropped += 1;
        }
    }
    warn_of_dropped(dropped);
}

/// Tells that a list was longer than what is kept of it, if it was.
pub(crate) fn warn_of_dropped(dropped: usize) {
    if dropped > 0 {
        tracing::warn!(dropped, kept = ENTRIES_MAX, "the provider's list is too long");
    }
}

/// A text without control characters, if something of a bearable length is left.
fn text(value: &Value, chars_max: usize) -> Option<String> {
    let text: String = value.as_str()?.chars().filter(|c| !c.is_control()).collect();
    let fits = !text.is_empty() && text.chars().nth(chars_max).is_none();
    fits.then_some(text)
}
