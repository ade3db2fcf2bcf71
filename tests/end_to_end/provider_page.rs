//! docs/provider.md: each open question about the provider has an answer of ours and a test.

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../docs/provider.md");

/// How many questions the list of what is not known has.
const QUESTIONS: usize = 43;

#[test]
fn every_open_question_is_answered_by_a_test_that_exists() {
    let tests = tests_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows = rows.filter_map(|(number, rest)| Some((number.parse::<usize>().ok()?, rest)));
    let mut numbers = Vec::new();
    for (number, rest) in rows {
        let shown_by = rest.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(shown_by.starts_with('`'), "{number}: no test is named");
        for test in shown_by.split_whitespace().map(|name| name.trim_matches('`')) {
            assert!(tests.contains(test), "{number}: there is no test {test}");
        }
        numbers.push(number);
    }
    assert_eq!(numbers, Vec::from_iter(1..=QUESTIONS));
}

/// The names of the functions that are marked as tests.
fn tests_of(root: &Path) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for folder in ["crates", "tests"] {
        collect(&root.join(folder), &mut tests);
    }
    tests
}

fn collect(folder: &Path, tests: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut is_marked = false;
            for line in text.lines().map(str::trim) {
                if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_marked) {
                    tests.extend(rest.split(['(', '<']).next().map(str::to_owned));
                }
                is_marked = line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            }
        }
    }
}
