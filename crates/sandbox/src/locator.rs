//! How the wire names a user: parsed from a path or a body, decoded once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kinds that a server key may use; `x` is another word for `twitter`.
const KINDS: [&str; 5] = ["userId", "email", "phoneNumber", "twitter", "x"];

/// A user locator such as `userId:johnd-123`. `x:` is read as `twitter:`, so
/// that both words name one user. Its `Debug` keeps the value to itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locator(String);

/// Why a text is no user locator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocator {
    /// No colon, or a word before it that is no kind.
    #[error(
        "a user locator starts with one of `userId:`, `email:`, `phoneNumber:`, `twitter:`, `x:`"
    )]
    Kind,
    /// Nothing after the colon.
    #[error("a user locator needs a value after its colon")]
    Empty,
    /// A control character in the value.
    #[error("a user locator must not hold control characters")]
    Control,
    /// A `%` without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("the path is not percent-encoded UTF-8; encode the whole locator as one segment")]
    Encoding,
}

impl Locator {
    /// The locator as it stands in a JSON body.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The caller's own id, if the locator is of that kind.
    pub(crate) fn user_id(&self) -> Option<&str> {
        self.0.strip_prefix("userId:")
    }

    /// Reads one path segment: decoded once, with `+` standing for itself.
    pub(crate) fn from_path(segment: &str) -> Result<Self, InvalidLocator> {
        percent_decode(segment).ok_or(InvalidLocator::Encoding)?.parse()
    }
}

impl FromStr for Locator {
    type Err = InvalidLocator;

    fn from_str(text: &str) -> Result<Self, InvalidLocator> {
        let (kind, value) = text.split_once(':').ok_or(InvalidLocator::Kind)?;
        if !KINDS.contains(&kind) {
            return Err(InvalidLocator::Kind);
        }
        if value.is_empty() {
            return Err(InvalidLocator::Empty);
        }
        if value.chars().any(char::is_control) {
            return Err(InvalidLocator::Control);
        }
        let kind = if kind == "x" { "twitter" } else { kind };
        Ok(Self(format!("{kind}:{value}")))
    }
}

impl TryFrom<String> for Locator {
    type Error = InvalidLocator;

    fn try_from(text: String) -> Result<Self, InvalidLocator> {
        text.parse()
    }
}

impl From<Locator> for String {
    fn from(locator: Locator) -> Self {
        locator.0
    }
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.0.split(':').next().unwrap_or_default();
        write!(f, "Locator({kind}:…)")
    }
}

/// Decodes `%XX` exactly once; `None` for a broken escape or no UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = tail;
            continue;
        }
        let digits = tail.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit))?;
        let digits = std::str::from_utf8(digits).ok()?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_segment_is_decoded_once_and_its_kind_checked() {
        let cases: [(&str, Result<&str, InvalidLocator>); 13] = [
            ("userId%3Aabc", Ok("userId:abc")),
            ("userId:abc", Ok("userId:abc")),
            ("userId%3Adid%3Akey%3Az6", Ok("userId:did:key:z6")),
            ("email%3Aa%2Bb%40example.org", Ok("email:a+b@example.org")),
            ("phoneNumber:+4930111222", Ok("phoneNumber:+4930111222")),
            ("userId%3A100%2525", Ok("userId:100%25")),
            ("x:handle", Ok("twitter:handle")),
            ("UserId:abc", Err(InvalidLocator::Kind)),
            ("me", Err(InvalidLocator::Kind)),
            ("userId%3A", Err(InvalidLocator::Empty)),
            ("userId%3Aa%0Ab", Err(InvalidLocator::Control)),
            ("userId%3A%zz", Err(InvalidLocator::Encoding)),
            ("userId%3A%ff", Err(InvalidLocator::Encoding)),
        ];
        for (segment, expected) in cases {
            let read = Locator::from_path(segment);
            assert_eq!(read.as_ref().map(Locator::as_str), expected.as_ref().copied(), "{segment}");
        }
    }

    #[test]
    fn debug_keeps_the_value_to_itself() {
        let locator: Locator = "email:ilse@example.org".parse().unwrap();
        assert_eq!(format!("{locator:?}"), "Locator(email:…)");
    }
}
