//! A disk that is full or read-only, and a file that goes away under the running worker.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use gangway_tests::{Gangway, PATIENCE, Sandbox, Worker, complete_profile, skipped, wait_until};
use serde_json::json;

use crate::database::{Database, beside, put_back};
use crate::mount::Mount;

const USER: &str = "userId:one";
const PAYOUTS: [&str; 3] = ["--want", "regulated-transfer", "--verify"];

/// Writes into the folder until there is no room for another byte.
fn fill(folder: &Path) {
    let mut filler = File::create(folder.join("filler")).unwrap();
    while filler.write(&[0; 512]).is_ok_and(|written| written > 0) {}
}

#[test]
fn a_full_disk_is_told_and_once_it_is_freed_work_goes_on_without_a_restart() {
    let mount = match Mount::in_memory("2m") {
        Ok(mount) => mount,
        Err(why) => return skipped("a full disk under the real binary", &why),
    };
    let sandbox = Sandbox::start(&json!({ "defaults": { "hold": true } }));
    let mut gangway = Gangway::quick(&sandbox.origin());
    let database = mount.folder.join("gangway.db");
    gangway.keep_at(&database);
    let worker = gangway.serve();
    gangway.set_user(USER, &complete_profile("one"), &PAYOUTS);
    gangway.wait_for_state(USER, "polling");

    fill(&mount.folder);
    let second = gangway.write("second.json", complete_profile("two").to_string());
    let set_second =
        ["user", "set", "userId:two", "--file", &second, PAYOUTS[0], PAYOUTS[1], PAYOUTS[2]];
    // The address that a complete profile has.
    let (mut edit, mut acknowledged) = (9, 9);
    // A log that was used before has room left for a write or two.
    let refused = wait_until(PATIENCE, "the disk to be full", || {
        edit += 1;
        let line = format!("{} {edit}", "Am Ufer ".repeat(10));
        let patch = json!({ "kycData": { "addressOfResidence": { "line1": line } } });
        let file = gangway.write("patch.json", patch.to_string());
        let patched = gangway.run(&["user", "patch", USER, "--file", &file]);
        acknowledged = if patched.code == Some(0) { edit } else { acknowledged };
        Some(gangway.run(&set_second)).filter(|ended| ended.code != Some(0))
    });
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("disk"), "{}", refused.stderr);
    wait_until(PATIENCE, "the worker to say so", || {
        worker.said().contains("check the disk's space").then_some(())
    });

    std::fs::remove_file(mount.folder.join("filler")).unwrap();
    sandbox.change(USER, &json!({ "hold": false }));
    gangway.wait_for_state(USER, "verified");
    gangway.done(&set_second);
    sandbox.change("userId:two", &json!({ "hold": false }));
    gangway.wait_for_state("userId:two", "verified");
    worker.stop();
    let database = Database(database);
    database.assert_whole();
    assert_eq!(gangway.damages(), Vec::<String>::new());
    let one = gangway.status(USER).1["id"].as_str().unwrap().replace('-', "");
    let stored = database.held()[&one].edit.unwrap();
    // What was refused may be stored where nobody could tell.
    assert!((acknowledged..=edit).contains(&stored), "{stored} for {acknowledged}");
}

#[test]
fn on_a_read_only_disk_nothing_is_acknowledged_and_no_worker_starts() {
    let mount = match Mount::in_memory("4m") {
        Ok(mount) => mount,
        Err(why) => return skipped("a read-only disk under the real binary", &why),
    };
    let sandbox = Sandbox::start(&json!({}));
    let mut gangway = Gangway::quick(&sandbox.origin());
    gangway.keep_at(&mount.folder.join("new.db"));
    mount.set("ro");
    for command in [&["serve"][..], &["users"]] {
        let refused = gangway.run(command);
        assert_eq!(refused.code, Some(1), "{command:?}");
        assert!(refused.stderr.contains("new.db"), "{command:?}: {}", refused.stderr);
    }

    mount.set("rw");
    gangway.keep_at(&mount.folder.join("gangway.db"));
    gangway.set_user(USER, &complete_profile("one"), &PAYOUTS);
    mount.set("ro");
    for command in [&["serve"][..], &["hold", USER], &["erase", USER, "--yes"]] {
        let refused = gangway.run(command);
        assert_eq!(refused.code, Some(1), "{command:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("error: "), "{command:?}: {}", refused.stderr);
    }

    mount.set("rw");
    let worker = gangway.serve();
    gangway.wait_for_state(USER, "verified");
    worker.stop();
}

/// What is done to the file under the running worker.
type Spoil = fn(&Path);

/// What the worker says once its file is another.
const TOLD: &str = "was removed, replaced or cut off";

fn is_told(worker: &Worker) {
    wait_until(PATIENCE, "the worker to say so", || worker.said().contains(TOLD).then_some(()));
}

#[test]
fn a_file_removed_or_cut_off_under_the_worker_is_told_and_nothing_more_is_acknowledged() {
    let spoils: [(&str, Spoil); 4] = [
        ("removed", |path| std::fs::remove_file(path).unwrap()),
        ("removed with its log", |path| {
            for suffix in ["", "-wal", "-shm"] {
                std::fs::remove_file(beside(path, suffix)).unwrap();
            }
        }),
        ("cut off", |path| {
            File::options().write(true).open(path).unwrap().set_len(4096).unwrap();
        }),
        ("emptied", |path| drop(File::create(path).unwrap())),
    ];
    for (name, spoil) in spoils {
        let sandbox = Sandbox::start(&json!({ "defaults": { "hold": true } }));
        let gangway = Gangway::quick(&sandbox.origin());
        let worker = gangway.serve();
        gangway.set_user(USER, &complete_profile("one"), &PAYOUTS);
        gangway.wait_for_state(USER, "polling");
        let database = gangway.database();
        Database(database.clone()).run("pragma wal_checkpoint");
        let backup = std::fs::read(&database).unwrap();
        // The worker has looked at the file since it grew.
        let polls = sandbox.all_calls().len();
        wait_until(PATIENCE, "two polls", || (sandbox.all_calls().len() > polls + 2).then_some(()));

        spoil(&database);
        is_told(&worker);
        let second = gangway.write("second.json", complete_profile("two").to_string());
        let refused = gangway.run(&["user", "set", "userId:two", "--file", &second]);
        assert_eq!(refused.code, Some(1), "{name}: {}", refused.stderr);
        assert!(!refused.stderr.contains("Brandt"), "{name}: {}", refused.stderr);
        worker.kill();
        put_back(&database, &backup);
        let worker = gangway.serve();
        assert_eq!(gangway.damages(), Vec::<String>::new(), "{name}");
        sandbox.change(USER, &json!({ "hold": false }));
        gangway.wait_for_state(USER, "verified");
        worker.stop();
    }
}

#[test]
fn what_is_no_database_of_this_version_is_refused_and_left_alone() {
    let gangway = Gangway::quick("http://127.0.0.1:1");
    let profile = gangway.write("one.json", complete_profile("one").to_string());
    let set = ["user", "set", USER, "--file", &profile];
    let letter = "This is a letter, and no database at all. ".repeat(100);
    gangway.write("gangway.db", &letter);
    for command in [&set[..], &["serve"], &["users"], &["doctor", "--check-store"]] {
        let refused = gangway.run(command);
        assert_eq!(refused.code, Some(1), "{command:?}");
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains("is not a database of Gangway's"), "{command:?}: {said}");
    }
    assert_eq!(std::fs::read_to_string(gangway.database()).unwrap(), letter);

    std::fs::remove_file(gangway.database()).unwrap();
    gangway.done(&set);
    Database(gangway.database()).run(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
         values (999, 'later', true, x'00', 0)",
    );
    for command in [&set[..], &["serve"], &["users"]] {
        let refused = gangway.run(command);
        assert_eq!(refused.code, Some(1), "{command:?}");
        assert!(refused.stderr.contains("newer version"), "{command:?}: {}", refused.stderr);
    }

    let missing = gangway.folder().join("missing/gangway.db");
    let refused = gangway.run(&["serve", "--store", missing.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("there is no folder"), "{}", refused.stderr);
}
