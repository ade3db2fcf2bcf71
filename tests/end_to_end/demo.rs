//! The demo and the sandbox's command, as a newcomer runs them.

use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use gangway_tests::Gangway;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

fn demo_files() -> String {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/demo");
    files.to_str().unwrap().to_owned()
}

/// A demo under way, whose lines are read one by one, and whose temporary files have a place of
/// their own. It ends by itself, and when nobody reads it any more.
struct Demo {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    temporary: PathBuf,
}

impl Demo {
    fn start(gangway: &Gangway) -> Self {
        let temporary = gangway.folder().join("temporary");
        std::fs::create_dir(&temporary).unwrap();
        let mut command = gangway.command(&["demo", "--files", &demo_files()]);
        command.env("TMPDIR", &temporary).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, temporary }
    }

    /// Reads on until a worker is started, and answers its process id.
    fn worker(&mut self, started: &str) -> Pid {
        let line =
            self.lines.find_map(|line| Some(line.unwrap()).filter(|line| line.contains(started)));
        let line = line.unwrap_or_else(|| panic!("the demo ended without {started:?}"));
        let id = line.split_whitespace().skip_while(|word| *word != "worker").nth(1).unwrap();
        Pid::from_raw(id.parse().unwrap()).unwrap()
    }

    /// Reads on to the end, checks that it left nothing behind, and answers its exit code and
    /// its talk.
    fn end_without(mut self, worker: Pid) -> (Option<i32>, String) {
        self.lines.by_ref().for_each(drop);
        self.end_unread_without(worker)
    }

    /// The same, but nobody reads its output any more.
    fn end_unread_without(self, worker: Pid) -> (Option<i32>, String) {
        let Self { child, lines, temporary } = self;
        drop(lines);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(test_kill_process(worker), Err(Errno::SRCH), "the worker outlived the demo");
        let left: Vec<_> = std::fs::read_dir(temporary).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    }
}

#[test]
fn the_demo_ends_well_and_keeps_a_database_to_look_into() {
    // Somebody's own settings: the demo must touch neither that database nor that provider.
    let gangway = Gangway::patient("http://127.0.0.1:9");
    let ended = gangway.run(&["demo", "--files", &demo_files(), "--keep", "kept here"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    for said in [
        "killed with SIGKILL",
        "12 of 12 users came out as they should",
        "The sandbox counts 14 triggers for 14 rounds of data",
        "userId:johnd-123              requires-data",
        "onramp: requires-data missing data: due-diligence, verification-history \
         missing documents: proof-of-address, proof-of-income",
    ] {
        let squeezed = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&said), "{said} is not in:\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\x1b'), "a pipe is no terminal: {}", ended.stdout);
    let (_, report) = ended.stdout.split_once("Where everyone stands").unwrap();
    let (report, command) = report.split_once("Look into it: ").unwrap();
    for line in report.lines() {
        assert!(line.chars().count() <= 100, "wider than 100 columns: {line}");
    }

    let kept = gangway.folder().join("kept here");
    assert!(!gangway.folder().join("gangway.db").exists(), "the demo has a database of its own");
    for file in ["gangway.db", "gangway.toml", "worker.log"] {
        let mode = std::fs::metadata(kept.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let mut shell = Command::new("sh");
    let users = shell.args(["-c", &format!("{} --json", command.trim())]).current_dir("/").output();
    let users: serde_json::Value = serde_json::from_slice(&users.unwrap().stdout).unwrap();
    assert_eq!(users.as_array().unwrap().len(), 12);
}

#[test]
fn a_folder_to_keep_that_is_used_or_no_folder_is_refused() {
    let gangway = Gangway::patient("http://127.0.0.1:9");
    let file = gangway.write("file", "");
    std::fs::create_dir(gangway.folder().join("used")).unwrap();
    gangway.write("used/gangway.toml", "# my own");
    for (keep, said) in [
        (file.as_str(), "is a file; --keep takes a folder"),
        ("used", "used/gangway.toml is there already; name another folder with --keep"),
        ("file/below", "name another with --keep"),
    ] {
        let ended = gangway.run(&["demo", "--files", &demo_files(), "--keep", keep]);
        assert_eq!(ended.code, Some(1), "{keep}");
        assert!(ended.stderr.contains(said), "{keep}: {}", ended.stderr);
    }
}

#[test]
fn a_demo_that_is_told_to_stop_leaves_neither_worker_nor_folder() {
    for signal in [Signal::TERM, Signal::INT] {
        let gangway = Gangway::patient("http://127.0.0.1:9");
        let mut demo = Demo::start(&gangway);
        let worker = demo.worker("started");
        kill_process(Pid::from_child(&demo.child), signal).unwrap();
        let (code, said) = demo.end_without(worker);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("it was told to stop; its worker is stopped"), "{said}");
    }
}

#[test]
fn a_demo_that_nobody_reads_any_more_ends_quietly() {
    let gangway = Gangway::patient("http://127.0.0.1:9");
    let mut demo = Demo::start(&gangway);
    let worker = demo.worker("started");
    assert_eq!(demo.end_unread_without(worker), (Some(0), String::new()));
}

#[test]
fn a_demo_whose_worker_ends_by_itself_shows_the_end_of_its_log() {
    let gangway = Gangway::patient("http://127.0.0.1:9");
    let mut demo = Demo::start(&gangway);
    let worker = demo.worker("started again");
    kill_process(worker, Signal::KILL).unwrap();
    while demo.lines.next().is_some() {}
    let (code, said) = demo.end_without(worker);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the worker ended by itself with signal: 9"), "{said}");
    assert!(said.contains("onboarding moved"), "its log is not in:\n{said}");
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
    let mut command = gangway.command(&["sandbox", "--profile", "quickstart", "--json"]);
    let mut sandbox = command.stdout(Stdio::piped()).spawn().unwrap();
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
