//! Replays the whole corpus, and some thousands of inputs near to it.

#![allow(clippy::unwrap_used, reason = "a broken assumption ends the test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fuzz_targets::{Mutations, TARGETS, Target};

/// More than this in the repository is a corpus that was not minimised.
const CORPUS_BYTES_MAX: u64 = 1_000_000;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name)
}

/// The inputs of a target, in the order of their names.
fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder(target.name)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Checks an input, and says which one it was if something does not hold.
fn check(target: &Target, input: &[u8], origin: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.check)(input))).is_err() {
        let text = input.escape_ascii();
        panic!("{} does not hold of {origin}, which is b\"{text}\"", target.name);
    }
}

fn check_mutations(seed: u64) {
    for target in TARGETS {
        let inputs: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, input)| input).collect();
        for (number, input) in Mutations::of(&inputs, seed).take(target.mutations).enumerate() {
            check(target, &input, &format!("mutation {number} of seed {seed}"));
        }
    }
}

#[test]
fn every_input_of_the_corpus_is_borne() {
    for target in TARGETS {
        let corpus = corpus(target);
        assert!(!corpus.is_empty(), "{} has a corpus", target.name);
        for (path, input) in corpus {
            check(target, &input, &path.display().to_string());
        }
    }
}

#[test]
fn inputs_near_to_the_corpus_are_borne() {
    check_mutations(0);
}

/// The build gives the hash of its commit, so that every commit tries other inputs.
#[test]
fn inputs_near_to_the_corpus_that_no_earlier_commit_tried_are_borne() {
    let commit = std::env::var("SIMULATION_COMMIT").unwrap_or_default();
    let digits = commit.get(..12).unwrap_or("1000000");
    check_mutations(u64::from_str_radix(digits, 16).expect("SIMULATION_COMMIT is a commit's hash"));
}

#[test]
fn the_corpus_is_small_and_of_targets_that_there_are() {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let target = TARGETS.iter().find(|target| target.name == name);
        let target = target.unwrap_or_else(|| panic!("there is no target {name}"));
        bytes += corpus(target).iter().map(|(_, input)| input.len() as u64).sum::<u64>();
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "the corpus has {bytes} bytes; minimise it");
}

/// cargo-fuzz has a file for each target, which names it.
#[test]
fn every_target_is_known_to_cargo_fuzz() {
    let manifest = std::fs::read_to_string(folder("../Cargo.toml")).unwrap();
    for target in TARGETS {
        let file = format!("../fuzz_targets/{}.rs", target.name);
        let text = std::fs::read_to_string(folder(&file)).unwrap();
        assert!(text.contains(&format!("fuzz_targets::{}(data)", target.name)), "{file}");
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
}

#[test]
fn a_seed_gives_the_same_mutations_every_time_and_another_seed_others() {
    let inputs = [b"{\"a\":1}".to_vec(), b"{\"b\":[1,2]}".to_vec()];
    let some = |seed| Mutations::of(&inputs, seed).take(50).collect::<Vec<_>>();
    assert_eq!(some(1), some(1));
    assert_ne!(some(1), some(2));
}
