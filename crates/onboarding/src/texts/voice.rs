//! One language speaking: words from its catalogue, dates, lists and sizes.
//!
//! What a user reads is made of [`Phrase`]s, and these come from a catalogue, a calendar or a
//! count alone. The provider's own words can't become one.

use std::fmt;

use serde::Serialize;

use super::parse::Catalogue;
use super::template::Template;
use crate::{Date, Timestamp};

/// Words that are safe for a user's eyes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Phrase(String);

impl Phrase {
    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Words that are the same in every language.
    pub(super) fn fixed(words: &'static str) -> Self {
        Self(words.to_owned())
    }

    /// The same at the beginning of a sentence.
    pub(super) fn capitalised(&self) -> Self {
        let mut rest = self.0.chars();
        let first = rest.next().map(char::to_uppercase);
        Self(first.into_iter().flatten().chain(rest).collect())
    }

    /// Sentences, one after the other.
    pub(super) fn sentences(sentences: impl IntoIterator<Item = Self>) -> Self {
        let words: Vec<String> =
            sentences.into_iter().map(|Self(words)| words).filter(|w| !w.is_empty()).collect();
        Self(words.join(" "))
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Words for staff's eyes only: they may hold what the provider said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct StaffNote(pub(super) String);

impl StaffNote {
    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How the items of a list are joined.
#[derive(Clone, Copy, Debug)]
pub(super) enum Joint {
    And,
    Or,
    Phrase,
}

/// As much of a word from outside as staff is shown.
const WORD_CHARS_MAX: usize = 100;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The catalogues of a language and of what it falls back to.
#[derive(Clone, Debug)]
pub(super) struct Voice<'a>(pub(super) Vec<&'a Catalogue>);

impl Voice<'_> {
    /// What the user is told by the text of this name.
    ///
    /// # Panics
    /// When English has no such text: the names that the code uses are a test's.
    pub(super) fn say(&self, name: &str, words: &[(&str, &Phrase)]) -> Phrase {
        self.find(name, words).unwrap_or_else(|| panic!("there is no text {name}"))
    }

    /// The same, if there is such a text.
    pub(super) fn find(&self, name: &str, words: &[(&str, &Phrase)]) -> Option<Phrase> {
        let template = self.template(name).filter(|_| !name.starts_with("staff."))?;
        let words: Vec<(&str, &str)> =
            words.iter().map(|(name, Phrase(words))| (*name, words.as_str())).collect();
        Some(Phrase(template.fill(&words)))
    }

    /// The text that `word` names among those of `section`, or the one of the rest.
    pub(super) fn word(&self, section: &str, word: &str) -> Phrase {
        self.find(&format!("{section}.{word}"), &[])
            .unwrap_or_else(|| self.say(&format!("{section}.other"), &[]))
    }

    /// The text `leaf` of what `word` names among `section`, or that of the rest.
    pub(super) fn word_of(&self, section: &str, word: &str, leaf: &str) -> Phrase {
        self.find(&format!("{section}.{word}.{leaf}"), &[])
            .unwrap_or_else(|| self.say(&format!("{section}.other.{leaf}"), &[]))
    }

    /// What staff is told.
    pub(super) fn note(&self, name: &str, words: &[(&str, &str)]) -> String {
        let name = format!("staff.{name}");
        let template = self.template(&name).unwrap_or_else(|| panic!("there is no text {name}"));
        template.fill(words)
    }

    /// Whether staff is told anything by this name.
    pub(super) fn has_note(&self, name: &str) -> bool {
        self.template(&format!("staff.{name}")).is_some()
    }

    fn template(&self, name: &str) -> Option<&Template> {
        self.0.iter().find_map(|catalogue| catalogue.get(name))
    }

    /// A day, with its year if that is not this year's.
    pub(super) fn date(&self, day: Date, today: Date) -> Phrase {
        let (year, month, number) = day.parts();
        let month = usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at));
        let month = self.say(&format!("date.{}", month.expect("a date is of a month")), &[]);
        let number =
            if number == 1 { self.say("date.first", &[]) } else { Phrase(number.to_string()) };
        if year == today.parts().0 {
            self.say("date.day", &[("day", &number), ("month", &month)])
        } else {
            let year = Phrase(year.to_string());
            self.say("date.day-of-year", &[("day", &number), ("month", &month), ("year", &year)])
        }
    }

    /// A point in time, to the minute.
    pub(super) fn time(&self, at: Timestamp, today: Date) -> Phrase {
        let minutes = at.0.max(0) / 60_000;
        let time = Phrase(format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60));
        let date = self.date(at.date(), today);
        self.say("date.time", &[("date", &date), ("time", &time)])
    }

    /// The items, each once; `None` when there are none.
    pub(super) fn list(
        &self,
        joint: Joint,
        items: impl IntoIterator<Item = Phrase>,
    ) -> Option<Phrase> {
        let mut once: Vec<Phrase> = Vec::new();
        for item in items {
            if !once.contains(&item) {
                once.push(item);
            }
        }
        let (between, last) = match joint {
            Joint::And => ("list.next", "list.and"),
            Joint::Or => ("list.next", "list.or"),
            Joint::Phrase => ("list.phrase", "list.phrase"),
        };
        let end = once.len().saturating_sub(1);
        once.into_iter().enumerate().fold(None, |list: Option<Phrase>, (at, item)| match list {
            None => Some(item),
            Some(list) => {
                let name = if at == end { last } else { between };
                Some(self.say(name, &[("list", &list), ("item", &item)]))
            }
        })
    }

    /// A size, rounded down so that what is promised is taken.
    pub(super) fn size(&self, bytes: u64) -> Phrase {
        let (name, unit) = match bytes {
            1_000_000.. => ("size.megabytes", 1_000_000),
            1_000.. => ("size.kilobytes", 1_000),
            _ => ("size.bytes", 1),
        };
        let (whole, tenths) = (bytes / unit, bytes % unit * 10 / unit);
        let number = match tenths {
            0 => Phrase(whole.to_string()),
            tenths => Phrase(format!("{whole}{}{tenths}", self.say("size.decimal", &[]))),
        };
        self.say(name, &[("number", &number)])
    }
}

/// A whole number.
pub(super) fn count(number: u32) -> Phrase {
    Phrase(number.to_string())
}

/// A word from outside as staff is shown it: on one line, and not without end.
pub(super) fn raw(word: &str) -> String {
    word.chars()
        .take(WORD_CHARS_MAX)
        .map(|c| if c.is_control() || is_turning(c) { '\u{FFFD}' } else { c })
        .collect()
}

/// It would make a line look like another one.
const fn is_turning(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
