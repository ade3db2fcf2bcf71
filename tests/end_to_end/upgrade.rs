//! A new binary on the database of an older one: it migrates, and onboardings in every state
//! carry on. `upgrade/make` made the dumps.

use std::collections::BTreeMap;
use std::time::Instant;

use gangway_tests::{
    Api, Gangway, PATIENCE, Recorder, Sandbox, days_from_now, demo_file, wait_until,
};
use sandbox::{Call, CallRecord};
use serde_json::{Value, json};

use crate::database::execute;

/// The dump of each schema, by its number.
const DUMPS: [(u32, &str); 4] = [
    (3, include_str!("upgrade/3.sql")),
    (5, include_str!("upgrade/5.sql")),
    (8, include_str!("upgrade/8.sql")),
    (9, include_str!("upgrade/9.sql")),
];

/// The states of a dump's users, who are named after them.
const STATES: [&str; 11] = [
    "registering",
    "registered",
    "documents-uploaded",
    "verification-triggered",
    "polling",
    "requires-data",
    "verified",
    "rejected",
    "held",
    "cancelled",
    "erased",
];

fn on_the_database_of(dump: &str, sandbox: &Sandbox) -> Gangway {
    let gangway = Gangway::quick(&sandbox.origin());
    execute(&gangway, dump);
    gangway
}

#[test]
fn onboardings_in_every_state_are_read_as_an_older_binary_left_them() {
    for (schema, dump) in DUMPS {
        let sandbox = Sandbox::start(&json!({}));
        let gangway = on_the_database_of(dump, &sandbox);
        let states: Vec<String> =
            gangway.statuses().into_values().map(|status| text(&status["state"])).collect();
        for state in STATES {
            assert!(states.iter().any(|found| found == state), "schema {schema}: {states:?}");
        }
        assert_eq!(gangway.damages(), [""; 0], "schema {schema}");
        for state in STATES.iter().filter(|state| **state != "erased") {
            let (_, status) = gangway.status(&user(state));
            assert_eq!(status["state"], *state, "schema {schema}");
            assert!(!gangway.history(&user(state)).is_empty());
        }
    }
}

/// The provider does not know the users any more, which is the hardest that can befall them: all
/// that is held is sent again, and what is not held any more is asked for.
#[test]
fn onboardings_in_every_state_carry_on() {
    for (schema, dump) in DUMPS {
        let sandbox = Sandbox::start(&json!({}));
        let gangway = on_the_database_of(dump, &sandbox);
        let _worker = gangway.serve();
        gangway.done(&["resume", &user("held")]);
        gangway.done(&["resume", &user("cancelled")]);
        for state in ["documents-uploaded", "held", "cancelled"] {
            gangway.done(&["verify", &user(state)]);
        }
        // Whoever rests is looked at now, however old the dump is.
        for state in ["requires-data", "verified", "rejected"] {
            gangway.done(&["retry", &user(state)]);
        }
        let begun = STATES.iter().filter(|state| **state != "erased");
        let mut left: BTreeMap<&str, String> = begun.map(|state| (*state, user(state))).collect();
        let began = Instant::now();
        while !left.is_empty() {
            left.retain(|_, user| !is_carried_on(&gangway, &sandbox, user));
            let statuses = || left.values().map(|user| gangway.status(user).1).collect::<Vec<_>>();
            assert!(began.elapsed() < 4 * PATIENCE, "schema {schema}: {:#?}", statuses());
        }
        assert_eq!(gangway.damages(), [""; 0], "schema {schema}");
        assert_eq!(gangway.run(&["status", &user("erased")]).code, Some(3));
    }
}

/// Supplies what is asked for. Whether the user is verified by this sandbox.
fn is_carried_on(gangway: &Gangway, sandbox: &Sandbox, user: &str) -> bool {
    let (_, status) = gangway.status(user);
    let tasks = status["pendingTasks"].as_array().unwrap().iter();
    for task in tasks.filter(|task| task["state"] == "open" && task["kind"] == "document") {
        let (kind, file) = match task["name"].as_str() {
            Some("id") => ("id-passport", "documents/passport.png"),
            _ => ("proof-of-address", "documents/proof-of-address.pdf"),
        };
        gangway.add_document(user, kind, &demo_file(file), Some(&days_from_now(900)));
    }
    let calls = sandbox.calls_of(user);
    let is_trigger =
        |call: &CallRecord| call.call == Some(Call::TriggerVerification) && call.effect;
    status["state"] == "verified" && calls.iter().any(is_trigger)
}

fn user(state: &str) -> String {
    format!("userId:{state}")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_wallet_is_linked_to_a_user_of_an_older_database() {
    for (schema, dump) in DUMPS {
        let sandbox = Sandbox::start(&json!({}));
        let gangway = on_the_database_of(dump, &sandbox);
        let user = user("verified");
        let address = "0x52908400098527886E0F7030069857D2E4169EE7";
        gangway.done(&["wallet", "link", &user, address, "--chain", "base"]);
        let worker = gangway.serve();
        gangway.wait_for(PATIENCE, &user, "a wallet to prove", |status| {
            // One was there before in newer ones.
            let mut wallets = status["wallets"].as_array().unwrap().iter();
            wallets.all(|wallet| wallet["standing"] == "to-prove")
        });
        worker.stop();
        assert_eq!(gangway.damages(), [""; 0], "schema {schema}");
    }
}

/// The key still opens the API, and what others were still to be told arrives.
#[test]
fn keys_and_endpoints_of_an_older_database_are_good() {
    let receiver = Recorder::start(|_| (204, String::new()));
    for (schema, dump) in DUMPS.into_iter().filter(|(schema, _)| *schema >= 8) {
        let sandbox = Sandbox::start(&json!({}));
        let gangway = on_the_database_of(dump, &sandbox)
            .with("NOTIFICATIONS__ALLOW_LOOPBACK", "true")
            .with("HTTP__LISTEN", "127.0.0.1:0");
        let keys = gangway.done(&["key", "list", "--json"]).json();
        assert_eq!(keys.as_array().unwrap().len(), 1, "schema {schema}: {keys}");
        let key = dump.lines().find_map(|line| line.strip_prefix("-- key ")).unwrap();
        let pending = |gangway: &Gangway| {
            let endpoints = gangway.done(&["webhook", "list", "--json"]).json();
            endpoints[0]["pending"].as_u64().unwrap()
        };
        assert!(pending(&gangway) > 0, "schema {schema}");
        // It was told of a port on which nobody listens.
        execute(&gangway, &format!("update endpoints set url = '{}/'", receiver.origin()));
        execute(&gangway, "update deliveries set next_at = 0 where state = 'due'");
        let told_before = receiver.requests().len();
        let worker = gangway.serve();
        let api = Api::at(&worker.origin());
        assert_eq!(api.get("/v1/users/userId:verified").problem(401), "unauthorized");
        // It may write, and not read.
        let read = api.with_key(key).get("/v1/users/userId:verified");
        assert_eq!(read.problem(403), "forbidden", "schema {schema}");
        wait_until(PATIENCE, "the deliveries", || (pending(&gangway) == 0).then_some(()));
        assert!(receiver.requests().len() > told_before, "schema {schema}");
        worker.stop();
        assert_eq!(gangway.damages(), [""; 0], "schema {schema}");
    }
}

#[test]
fn a_newer_database_is_refused_with_what_to_do() {
    let sandbox = Sandbox::start(&json!({}));
    let (_, dump) = DUMPS[0];
    let gangway = on_the_database_of(dump, &sandbox);
    gangway.statuses();
    execute(
        &gangway,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
         values (999, 'later', true, x'00', 0)",
    );
    for command in
        [&["status", "userId:held"][..], &["serve"], &["user", "set", "userId:new", "--file", "-"]]
    {
        let ended = gangway.run(command);
        assert_eq!(ended.code, Some(1), "{command:?}");
        assert!(ended.stderr.contains("newer"), "{command:?}: {}", ended.stderr);
    }
}
