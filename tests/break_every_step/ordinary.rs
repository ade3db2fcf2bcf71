//! The binary that everyone else uses can't be broken.

use std::path::Path;

use gangway_tests::{Gangway, binary, breakable_binary, complete_profile};

const VARIABLE: &[u8] = b"BREAK_AT";

#[test]
fn the_ordinary_binary_knows_nothing_of_breaking() {
    assert!(knows_the_variable(breakable_binary()), "else this would prove nothing");
    assert!(!knows_the_variable(binary()));
}

fn knows_the_variable(binary: &Path) -> bool {
    std::fs::read(binary).unwrap().windows(VARIABLE.len()).any(|bytes| bytes == VARIABLE)
}

#[test]
fn the_ordinary_binary_does_not_break_when_told_to() {
    for (gangway, code) in [(Gangway::quick(""), Some(0)), (Gangway::quick("").breakable(), None)] {
        let gangway = gangway.without("CROSSMINT__URL");
        let log = gangway.folder().join("points.log");
        let file = gangway.write("user.json", complete_profile("ordinary").to_string());
        let mut command = gangway.command(&["user", "set", "userId:ordinary", "--file", &file]);
        let command = command.env("BREAK_LOG", &log).env("BREAK_AT", "Commit:1:kill-before");
        assert_eq!(command.output().unwrap().status.code(), code);
        assert_eq!(log.exists(), code.is_none(), "who breaks says where");
    }
}
