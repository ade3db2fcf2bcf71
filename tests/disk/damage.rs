//! Rows damaged in the file: the doctor names each, the worker passes over what it can't read
//! or holds it, and the others go on.

use gangway_tests::{Gangway, PASSPORT, PATIENCE, Sandbox, complete_profile, wait_until};
use serde_json::json;

use crate::database::{Database, put_back};

/// What is done to a user's rows, what the doctor says, and where the user ends.
const DAMAGES: [(&str, &str, &str, Option<&str>); 7] = [
    (
        "no-json",
        "update onboardings set snapshot = 'garbage' where key = (KEY)",
        "expected value",
        None,
    ),
    (
        "other-version",
        "update onboardings set version = version + 1 where key = (KEY)",
        "another row's or another version's",
        None,
    ),
    (
        "gap",
        "delete from history where onboarding_key = (KEY) and version = 2",
        "version 2 is missing in its history",
        Some("verified"),
    ),
    (
        "bad-profile",
        "update profiles set json = x'00' where onboarding_key = (KEY)",
        "its profile can't be read",
        Some("held"),
    ),
    (
        "no-bytes",
        "delete from document_contents where onboarding_key = (KEY)",
        "its document id-passport is not stored as it was given",
        Some("held"),
    ),
    (
        "no-profile",
        "delete from profiles where onboarding_key = (KEY)",
        "its profile is missing",
        Some("held"),
    ),
    ("sound", "select 'nothing'", "", Some("verified")),
];

fn user(name: &str) -> String {
    format!("userId:{name}")
}

fn register(gangway: &Gangway) {
    let passport = gangway.write("passport.png", PASSPORT);
    for (name, ..) in DAMAGES {
        let user = user(name);
        gangway.set_user(&user, &complete_profile(name), &["--want", "regulated-transfer"]);
        gangway.done(&["document", "add", &user, "--type", "id-passport", "--file", &passport]);
        gangway.done(&["verify", &user]);
    }
}

#[test]
fn damaged_onboardings_are_named_and_parked_and_the_others_go_on() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin());
    register(&gangway);
    let statuses = gangway.statuses();
    assert_eq!(gangway.damages(), Vec::<String>::new());
    let database = Database(gangway.database());
    for (name, damage, ..) in DAMAGES {
        let key = format!("select onboarding_key from users where locator = '{}'", user(name));
        database.run(&damage.replace("KEY", &key));
    }

    let worker = gangway.serve();
    for (name, _, what, end) in DAMAGES {
        let id = statuses[&user(name)]["id"].as_str().unwrap();
        let damages = gangway.damages();
        let of_user: Vec<&String> = damages.iter().filter(|told| told.contains(id)).collect();
        assert_eq!(of_user.is_empty(), what.is_empty(), "{name}: {damages:?}");
        assert!(of_user.iter().any(|told| told.contains(what)) || what.is_empty(), "{of_user:?}");
        match end {
            Some(state) => drop(gangway.wait_for_state(&user(name), state)),
            None => wait_until(PATIENCE, "the worker to name it", || {
                let said = worker.said();
                said.lines().any(|line| line.contains("damaged") && line.contains(id)).then_some(())
            }),
        }
    }
    assert_eq!(gangway.damages().len(), 7, "one each, and their sum: {:?}", gangway.damages());
    supply_again(&gangway);
    worker.stop();
    assert!(!worker_log_names_a_person(&gangway));
}

/// What is held is released by what its status asks for.
fn supply_again(gangway: &Gangway) {
    for name in ["bad-profile", "no-profile"] {
        let user = user(name);
        let patch = gangway.write("patch.json", r#"{ "userDetails": { "firstName": "Ilka" } }"#);
        let refused = gangway.run(&["user", "patch", &user, "--file", &patch]);
        assert_eq!(refused.code, Some(1), "a patch of it would lose the rest: {name}");
        assert!(refused.stderr.contains("gangway user set"), "{}", refused.stderr);
        gangway.set_user(&user, &complete_profile("again"), &[]);
        gangway.wait_for_state(&user, "verified");
    }
    let passport = gangway.write("passport-again.png", PASSPORT);
    let no_bytes = user("no-bytes");
    gangway.done(&["document", "add", &no_bytes, "--type", "id-passport", "--file", &passport]);
    gangway.wait_for_state(&no_bytes, "verified");
    assert_eq!(gangway.damages().len(), 4, "{:?}", gangway.damages());
}

fn worker_log_names_a_person(gangway: &Gangway) -> bool {
    let logs = gangway.logs();
    DAMAGES.iter().any(|(name, ..)| logs.contains(&user(name))) || logs.contains("Brandt")
}

#[test]
fn an_overwritten_page_is_told_by_doctor_and_worker_and_a_backup_mends_it() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin());
    register(&gangway);
    let database = Database(gangway.database());
    database.run("pragma wal_checkpoint(truncate)");
    let backup = std::fs::read(&database.0).unwrap();
    database.overwrite("onboardings_due");
    let damages = gangway.damages();
    assert!(damages.iter().any(|told| told.contains("onboardings")), "{damages:?}");

    let worker = gangway.serve_unready();
    wait_until(PATIENCE, "the worker to say so", || {
        worker.said().contains("malformed").then_some(())
    });
    worker.kill();
    put_back(&database.0, &backup);
    assert_eq!(gangway.damages(), Vec::<String>::new());
    let worker = gangway.serve();
    gangway.wait_for_state(&user("sound"), "verified");
    worker.stop();
}

#[test]
fn an_index_that_lacks_a_row_is_named_and_made_anew_as_the_doctor_says() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin());
    gangway.set_user("userId:first", &complete_profile("first"), &[]);
    let database = Database(gangway.database());
    // The index is forgotten while a row is written, and then remembered as it was.
    database.run(
        "create table kept as select * from sqlite_schema where name = 'onboardings_due';
        pragma writable_schema = on; delete from sqlite_schema where name = 'onboardings_due';",
    );
    let wanted = ["--want", "regulated-transfer", "--verify"];
    gangway.set_user("userId:unseen", &complete_profile("unseen"), &wanted);
    database.run(
        "pragma writable_schema = on; insert into sqlite_schema select * from kept;
        pragma writable_schema = reset; drop table kept;",
    );
    let damages = gangway.damages();
    assert!(damages[0].contains("missing from index onboardings_due"), "{damages:?}");

    database.run("reindex");
    assert_eq!(gangway.damages(), Vec::<String>::new());
    let worker = gangway.serve();
    gangway.wait_for_state("userId:unseen", "verified");
    worker.stop();
}
