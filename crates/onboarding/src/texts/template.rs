//! One text with its placeholders: `Please do this by {date}.`

use std::collections::BTreeSet;

/// A text whose placeholders are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Words(String),
    Placeholder(String),
}

impl Template {
    /// Reads a text; a brace always begins or ends a placeholder.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((words, inside)) = rest.split_once('{') {
            let (name, after) = inside.split_once('}').ok_or(UNCLOSED)?;
            push_words(&mut parts, words)?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                return Err(NO_NAME);
            }
            parts.push(Part::Placeholder(name.to_owned()));
            rest = after;
        }
        push_words(&mut parts, rest)?;
        Ok(Self(parts))
    }

    /// The names of its placeholders.
    pub(super) fn placeholders(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(Part::name).collect()
    }

    /// The text with its placeholders filled; one for which nothing is given becomes nothing.
    pub(super) fn fill(&self, given: &[(&str, &str)]) -> String {
        self.0.iter().map(|part| part.fill(given)).collect()
    }
}

impl Part {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Words(_) => None,
            Self::Placeholder(name) => Some(name),
        }
    }

    fn fill<'a>(&'a self, given: &[(&str, &'a str)]) -> &'a str {
        match self {
            Self::Words(words) => words,
            Self::Placeholder(name) => {
                given.iter().find(|(given, _)| given == name).map_or("", |(_, words)| words)
            }
        }
    }
}

const UNCLOSED: &str = "a { without its }";
const UNOPENED: &str = "a } without its {";
const NO_NAME: &str = "a placeholder is a name of small letters in braces, such as {date}";

fn push_words(parts: &mut Vec<Part>, words: &str) -> Result<(), &'static str> {
    if words.contains('}') {
        return Err(UNOPENED);
    }
    if !words.is_empty() {
        parts.push(Part::Words(words.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_and_filled() {
        for (text, expected) in [
            ("", Ok("")),
            ("by {date}.", Ok("by DATE.")),
            ("{date}{list}", Ok("DATELIST")),
            ("{date} or {date}", Ok("DATE or DATE")),
            ("{unknown}!", Ok("!")),
            ("{date", Err(UNCLOSED)),
            ("date}", Err(UNOPENED)),
            ("{{date}}", Err(NO_NAME)),
            ("{}", Err(NO_NAME)),
            ("{Date}", Err(NO_NAME)),
        ] {
            let filled = Template::parse(text)
                .map(|template| template.fill(&[("date", "DATE"), ("list", "LIST")]));
            assert_eq!(filled, expected.map(str::to_owned), "{text}");
        }
        let template = Template::parse("{b} {a} {b}").unwrap();
        assert_eq!(Vec::from_iter(template.placeholders()), ["a", "b"]);
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        let template = Template::parse("{a}").unwrap();
        assert_eq!(template.fill(&[("a", "{b}"), ("b", "no")]), "{b}");
    }
}
