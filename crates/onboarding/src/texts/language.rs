//! Languages, and what each falls back to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language: a primary tag, and a region if the words differ there (`de`, `de-AT`; BCP 47).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

/// The text names no language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a language; expected its tag, such as en, de or de-AT")]
pub struct InvalidLanguage;

/// What is looked through for a language's tag: more is none.
const TAG_BYTES_MAX: usize = 64;

impl Language {
    /// The language that has every text.
    #[must_use]
    pub fn english() -> Self {
        Self("en".to_owned())
    }

    /// Its tag: `de` or `de-AT`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language without its region.
    #[must_use]
    pub fn base(&self) -> Self {
        let (primary, _) = self.0.split_once('-').unwrap_or((&self.0, ""));
        Self(primary.to_owned())
    }

    /// Where a text is looked for, in this order: `de-AT`, `de`, `en`.
    #[must_use]
    pub fn fallbacks(&self) -> Vec<Self> {
        let mut languages = vec![self.clone(), self.base(), Self::english()];
        languages.dedup();
        languages
    }
}

/// Takes what people and systems write: `de`, `DE`, `de_AT`, `de-Latn-AT`, `de_AT.UTF-8`.
/// What is neither the primary tag nor a region is passed over.
impl FromStr for Language {
    type Err = InvalidLanguage;

    fn from_str(text: &str) -> Result<Self, InvalidLanguage> {
        let text = text.trim();
        let tag = text.split(['.', '@']).next().unwrap_or_default();
        if text.len() > TAG_BYTES_MAX {
            return Err(InvalidLanguage);
        }
        let mut subtags = tag.split(['-', '_']);
        let primary = subtags.next().unwrap_or_default();
        let is_primary =
            matches!(primary.len(), 2 | 3) && primary.bytes().all(|b| b.is_ascii_alphabetic());
        if !is_primary {
            return Err(InvalidLanguage);
        }
        let primary = primary.to_ascii_lowercase();
        // After a single letter come extensions, which are no region.
        let region = subtags.take_while(|subtag| subtag.len() > 1).find(|subtag| is_region(subtag));
        Ok(match region {
            Some(region) => Self(format!("{primary}-{}", region.to_ascii_uppercase())),
            None => Self(primary),
        })
    }
}

/// Two letters of a country, or three digits of a part of the world.
fn is_region(subtag: &str) -> bool {
    match subtag.len() {
        2 => subtag.bytes().all(|b| b.is_ascii_alphabetic()),
        3 => subtag.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Language {
    type Error = InvalidLanguage;

    fn try_from(text: String) -> Result<Self, InvalidLanguage> {
        text.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_read_leniently() {
        for (text, expected) in [
            ("de", Some("de")),
            (" DE ", Some("de")),
            ("de-AT", Some("de-AT")),
            ("de_at", Some("de-AT")),
            ("de_AT.UTF-8", Some("de-AT")),
            ("es-419", Some("es-419")),
            ("zh-Hant-TW", Some("zh-TW")),
            ("de-CH-1996", Some("de-CH")),
            ("en-u-hc-h23", Some("en")),
            ("gsw", Some("gsw")),
            ("", None),
            ("d", None),
            ("deutsch", None),
            ("d3", None),
            ("../de", None),
        ] {
            let read = text.parse::<Language>().ok().map(String::from);
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        assert!("de-".repeat(40).parse::<Language>().is_err());
        let of_length = |bytes: usize| format!("de-{}", "x".repeat(bytes - 3)).parse::<Language>();
        assert!(of_length(64).is_ok() && of_length(65).is_err());
    }

    #[test]
    fn a_region_falls_back_to_its_language_and_that_to_english() {
        for (text, expected) in [
            ("de-AT", vec!["de-AT", "de", "en"]),
            ("de", vec!["de", "en"]),
            ("en-GB", vec!["en-GB", "en"]),
            ("en", vec!["en"]),
        ] {
            let language: Language = text.parse().unwrap();
            let found: Vec<String> = language.fallbacks().into_iter().map(String::from).collect();
            assert_eq!(found, expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_read_again_as_it_is_written(text in "\\PC{0,16}|[a-zA-Z]{2,3}[-_][a-zA-Z0-9]{1,4}") {
            if let Ok(language) = text.parse::<Language>() {
                prop_assert_eq!(language.as_str().parse::<Language>(), Ok(language.clone()));
            }
        }
    }
}
