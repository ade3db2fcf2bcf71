//! docs/requirements.md, whose examples are run as they stand.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

mod page;

use page::{Block, output};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/requirements.md");
const TABLE: &str = include_str!("../../../config/requirements.toml");

/// Run with UPDATE_DOCS=1 to write the page's outputs anew.
#[test]
fn every_example_of_the_page_comes_out_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let shown = std::fs::read_to_string(PAGE).unwrap();
    let see_to = |block: &Block<'_>| {
        let Block { kind, text } = block;
        if let Some(name) = kind.strip_prefix("json file ").or(kind.strip_prefix("toml file ")) {
            std::fs::write(folder.path().join(name), text).unwrap();
        } else {
            assert_eq!(*kind, "toml rule");
            assert!(TABLE.contains(text.trim_end()), "no rule of the table reads {text}");
        }
    };
    let rerun = page::rerun(&shown, folder.path(), |output| output, see_to);
    page::check(PAGE, &shown, &rerun);
}

#[test]
fn a_subject_that_is_neither_file_nor_locator_is_wrong_usage_and_an_unknown_user_is_3() {
    let folder = tempfile::tempdir().unwrap();
    let said = output(folder.path(), "requirements check nobody.json");
    assert!(said.contains("there is no such file"), "{said}");
    assert!(said.ends_with("(exit code 2)\n"), "{said}");
    std::fs::write(folder.path().join("x.json"), r#"{"wantedProducts":["onramp"]}"#).unwrap();
    output(folder.path(), "user set userId:x --file x.json");
    let said = output(folder.path(), "requirements check userId:y");
    assert!(said.ends_with("(exit code 3)\n"), "{said}");
    let said = output(folder.path(), "requirements check x.json --json");
    assert!(said.contains("\"now\": ["), "{said}");
    assert!(said.ends_with("(exit code 10)\n"), "{said}");
    let said = output(folder.path(), "requirements show --set requirements.file=none.toml");
    assert!(said.contains("none.toml can't be read"), "{said}");
}
