//! Marks personal data, so that it is seen where it must not be.

use serde_json::Value;

/// What no text of ours holds by itself.
pub(crate) const MARKER: &str = "qzmarkerq";

/// Larger inputs are not marked: what is refused for its size repeats nothing.
pub(crate) const MARKED_BYTES_MAX: usize = 128 * 1024;

/// The same as a number.
const NUMBER: u64 = 7_391_846_205;

/// The same JSON with the marker before every text and for every number in it. Names stay as they are: they are
/// no personal data, and an error may repeat them.
pub(crate) fn planted(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(format!("{MARKER}{text}")),
        Value::Array(items) => items.iter().map(planted).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), planted(value))).collect()
        }
        Value::Number(_) => NUMBER.into(),
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

/// Whether an input has by itself what is to be planted into it.
pub(crate) fn is_in(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data).to_lowercase();
    text.contains(MARKER) || text.contains(&NUMBER.to_string())
}

/// Panics if `text` holds anything that was planted.
#[track_caller]
pub(crate) fn assert_none_planted(text: &str) {
    assert_hidden(text, MARKER);
    assert_hidden(text, &NUMBER.to_string());
}

/// Panics if `text` holds `secret`, in whatever case.
#[track_caller]
pub(crate) fn assert_hidden(text: &str, secret: &str) {
    let shows = text.to_lowercase().contains(&secret.to_lowercase());
    assert!(!shows, "personal data in a text: {text:?}");
}
