//! The documented file, made from the table of keys.

use super::keys::{KEYS, Key};

const INTRO: &str = "\
# Every setting of Gangway, with its default: `gangway config --template` writes this file.
# It is read when it is named: `gangway --config FILE …`, or GANGWAY_CONFIG=FILE.
# Each key can be set by the environment, too: crossmint.url is GANGWAY_CROSSMINT__URL.
# A flag beats the environment, that beats this file, and that the default.
# Durations are a whole number and a unit: 500ms, 30s, 5m, 1h, 7d.
";

/// The documented file: each key with its default, and those that have none as a comment.
pub(crate) fn template() -> String {
    let mut text = INTRO.to_owned();
    let mut section = "";
    for key in KEYS {
        let (its_section, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if its_section != section {
            section = its_section;
            text.push_str(&format!("\n[{section}]\n"));
        }
        text.push_str(&entry(key, name));
    }
    text
}

fn entry(key: &Key, name: &str) -> String {
    let mut text: String = key.doc.lines().map(|line| format!("# {line}\n")).collect();
    match key.default {
        Some(default) => text.push_str(&format!("{name} = {}\n", key.toml(default))),
        None => text.push_str(&format!("# {name} = \"…\"\n")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/gangway.toml");

    /// Run with UPDATE_DOCS=1 to write the file anew.
    #[test]
    fn the_documented_file_has_exactly_these_keys_with_exactly_these_defaults() {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(FILE, template()).unwrap();
        }
        let file = std::fs::read_to_string(FILE).unwrap();
        assert_eq!(file, template(), "run the test with UPDATE_DOCS=1 to write the file anew");
    }

    #[test]
    fn the_page_of_documents_names_each_limit_with_its_default() {
        let page = include_str!("../../../../docs/documents.md");
        let keys: Vec<_> = KEYS.iter().filter(|key| key.name.starts_with("documents.")).collect();
        assert!(!keys.is_empty());
        for key in keys {
            let row = format!("| `{}` | {} |", key.name, key.default.unwrap_or_default());
            assert!(page.contains(&row), "{row}");
        }
    }
}
