//! docs/requirements.md, whose examples are run as they stand.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

use std::path::Path;
use std::process::{Command, Stdio};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/requirements.md");
const TABLE: &str = include_str!("../../../config/requirements.toml");

/// A fenced block: what its first line says, and what it holds.
struct Block<'a> {
    kind: &'a str,
    text: &'a str,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').unwrap())
        .map(|(kind, text)| Block { kind, text })
        .collect()
}

/// What a line after `$ gangway` prints, with its exit code if that is not 0.
fn output(folder: &Path, line: &str) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_gangway"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut text = String::from_utf8(run.stdout).unwrap();
    // A user who was just stored has no worker, of which every command warns.
    let talk = String::from_utf8(run.stderr).unwrap();
    let is_shown = |line: &&str| !line.starts_with("warning: no worker runs");
    text.extend(talk.lines().filter(is_shown).map(|line| format!("{line}\n")));
    match run.status.code().unwrap() {
        0 => text,
        code => format!("{text}(exit code {code})\n"),
    }
}

/// A block of commands as it comes out when it is run.
fn rerun(folder: &Path, block: &str) -> String {
    let commands = block.lines().filter_map(|line| line.strip_prefix("$ gangway "));
    commands.map(|line| format!("$ gangway {line}\n{}", output(folder, line))).collect()
}

/// Run with UPDATE_DOCS=1 to write the page's outputs anew.
#[test]
fn every_example_of_the_page_comes_out_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut page = std::fs::read_to_string(PAGE).unwrap();
    let shown = page.clone();
    for Block { kind, text } in blocks(&shown) {
        if let Some(name) = kind.strip_prefix("json file ").or(kind.strip_prefix("toml file ")) {
            std::fs::write(folder.path().join(name), text).unwrap();
        } else if kind == "toml rule" {
            assert!(TABLE.contains(text.trim_end()), "no rule of the table reads {text}");
        } else {
            assert_eq!(kind, "console");
            let block = format!("```console\n{text}\n```");
            let rerun = format!("```console\n{}```", rerun(folder.path(), text));
            page = page.replace(&block, &rerun);
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    } else {
        assert!(
            page == shown,
            "run with UPDATE_DOCS=1 to write the page anew; it should be\n{page}"
        );
    }
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
