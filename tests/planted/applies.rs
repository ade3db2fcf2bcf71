//! The list of planted faults fits the patches, and the patches fit the code. That each is
//! caught is a matter of minutes, and of `cargo run -p gangway-tests --bin planted`.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

use std::collections::BTreeSet;
use std::process::Command;

use gangway_tests::planted::{Check, Extent, Fault, faults, folder, root};
use gangway_tests::skipped;

/// Fewer would not span what is promised.
const FAULTS_MIN: usize = 30;

fn has_git() -> bool {
    let has_git = Command::new("git").arg("--version").output().is_ok();
    if !has_git {
        skipped("the patches of planted faults", "there is no git here to try them with");
    }
    has_git
}

#[test]
fn every_patch_is_in_the_list_once_and_every_line_of_the_list_has_its_patch() {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let patches: BTreeSet<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "patch")).collect();
    let listed: Vec<_> = faults().iter().map(Fault::patch).collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), patches);
    assert_eq!(listed.len(), patches.len(), "no fault is listed twice");
    assert!(listed.len() >= FAULTS_MIN);
}

#[test]
fn every_patch_still_applies() {
    if !has_git() {
        return;
    }
    let stale: Vec<String> =
        faults().iter().filter_map(|fault| fault.apply(root(), Extent::TryOnly).err()).collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

#[test]
fn a_patch_that_does_not_apply_is_named() {
    if !has_git() {
        return;
    }
    let fault = faults().remove(0);
    let elsewhere = tempfile::tempdir().unwrap();
    let stale = fault.apply(elsewhere.path(), Extent::TryOnly).unwrap_err();
    assert!(stale.starts_with(&fault.name), "{stale}");
}

#[test]
fn a_check_that_nobody_knows_is_no_check() {
    assert_eq!(Check::from_word("store"), Some(Check::Store));
    assert_eq!(Check::from_word("hope"), None);
}
