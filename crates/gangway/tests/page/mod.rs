//! A page of docs whose examples are run as they stand.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

use std::path::Path;
use std::process::{Command, Stdio};

/// A fenced block: what its first line says, and what it holds.
pub(crate) struct Block<'a> {
    pub(crate) kind: &'a str,
    pub(crate) text: &'a str,
}

pub(crate) fn blocks(page: &str) -> Vec<Block<'_>> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').unwrap())
        .map(|(kind, text)| Block { kind, text })
        .collect()
}

/// What a line after `$ gangway` prints, with its exit code if that is not 0.
pub(crate) fn output(folder: &Path, line: &str) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_gangway"))
        .args(words(line))
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

/// The words of a command; what stands between quotes is one.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// The page as it comes out when its commands are run; `other` sees to blocks of other kinds.
pub(crate) fn rerun(
    page: &str,
    folder: &Path,
    shown: impl Fn(String) -> String,
    mut other: impl FnMut(&Block<'_>),
) -> String {
    let mut rerun = page.to_owned();
    for block in blocks(page) {
        if block.kind != "console" {
            other(&block);
            continue;
        }
        let commands = block.text.lines().filter_map(|line| line.strip_prefix("$ gangway "));
        let outputs: String = commands
            .map(|line| format!("$ gangway {line}\n{}", shown(output(folder, line))))
            .collect();
        let before = format!("```console\n{}\n```", block.text);
        rerun = rerun.replace(&before, &format!("```console\n{outputs}```"));
    }
    rerun
}

/// Whether the page is as it comes out; with UPDATE_DOCS=1 it is written anew instead.
pub(crate) fn check(path: &str, shown: &str, rerun: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, rerun).unwrap();
    } else {
        assert!(
            rerun == shown,
            "run with UPDATE_DOCS=1 to write the page anew; it should be\n{rerun}"
        );
    }
}
