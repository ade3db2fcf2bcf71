//! The demo and the sandbox's command, as a newcomer runs them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use gangway_tests::Gangway;
use rustix::process::{Pid, Signal, kill_process};

fn demo_files() -> String {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/demo");
    files.to_str().unwrap().to_owned()
}

#[test]
fn the_demo_ends_well_and_keeps_a_database_to_look_into() {
    // Somebody's own settings: the demo must touch neither that database nor that provider.
    let gangway = Gangway::patient("http://127.0.0.1:9");
    let kept = gangway.folder().join("kept");
    let kept = kept.to_str().unwrap();
    let ended = gangway.run(&["demo", "--files", &demo_files(), "--keep", kept]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    for said in [
        "killed with SIGKILL",
        "12 of 12 users came out as they should",
        "The sandbox counts 14 triggers for 14 rounds of data",
        "userId:johnd-123              requires-data",
    ] {
        let squeezed = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&said), "{said} is not in:\n{}", ended.stdout);
    }
    assert!(!gangway.folder().join("gangway.db").exists(), "the demo has a database of its own");

    let database = format!("{kept}/gangway.db");
    let users = gangway.done(&["--store", &database, "users", "--json"]);
    let users: serde_json::Value = serde_json::from_str(&users.stdout).unwrap();
    assert_eq!(users.as_array().unwrap().len(), 12);
    let again = gangway.run(&["demo", "--files", &demo_files(), "--keep", kept]);
    assert_eq!(again.code, Some(1), "a kept database is not written over");
    assert!(again.stderr.contains("holds a database already"), "{}", again.stderr);
}

#[test]
fn a_demo_without_its_files_says_where_to_run_it() {
    let gangway = Gangway::patient("http://127.0.0.1:9");
    let ended = gangway.run(&["demo"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("run the demo in the project's folder"), "{}", ended.stderr);
}

#[test]
fn the_sandbox_says_where_it_is_serves_a_worker_and_ends_on_ctrl_c() {
    let gangway = Gangway::patient("http://127.0.0.1:9");
    let mut sandbox =
        gangway.command(&["sandbox", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(sandbox.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let started: serde_json::Value = serde_json::from_str(&line).unwrap();
    let client = Gangway::quick(started["origin"].as_str().unwrap());
    let user = client
        .write("lena.json", std::fs::read(format!("{}/users/lena.json", demo_files())).unwrap());
    client.done(&["user", "set", "userId:lena", "--file", &user]);
    let worker = client.serve();
    let verified = client.run(&["verify", "userId:lena", "--wait", "--timeout", "20s"]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    worker.stop();
    let id = i32::try_from(sandbox.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
    assert!(sandbox.wait().unwrap().success());
}
