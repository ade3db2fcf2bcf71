//! The worker killed at random moments while clients give commands of every kind, some of them
//! killed as well. After each kill everything acknowledged is there, and all of it fits together.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gangway_tests::{Chance, Gangway, PATIENCE, Sandbox, wait_until};
use serde_json::{Value, json};

use crate::client::{Client, Counts};
use crate::database::{Database, beside};
use crate::journal::Journal;

/// How many kills there are, unless `GANGWAY_KILLS` asks for more.
const KILLS: u32 = 40;
/// So many kills hit one database. Each check reads all of it, and the clients never rest.
const KILLS_A_ROUND: u32 = 50;
/// How long after a start the kill comes, at most.
const KILL_WITHIN_MS: u64 = 250;
const CLIENTS: usize = 3;

#[test]
fn a_worker_killed_under_load_loses_nothing_that_was_acknowledged() {
    let (seed, mut chance) = Chance::seeded();
    let kills = std::env::var("GANGWAY_KILLS").ok().and_then(|kills| kills.parse().ok());
    let kills: u32 = kills.unwrap_or(KILLS);
    println!(
        "rerun: GANGWAY_TEST_SEED={seed} GANGWAY_KILLS={kills} \
         cargo test -p gangway-tests --test disk kill"
    );
    let counts = Counts::default();
    let (mut done, mut logs, mut acknowledged) = (0, 0, 0);
    while done < kills {
        let round = KILLS_A_ROUND.min(kills - done);
        let journal = Journal::default();
        logs += kill_round(round, &mut chance, &journal, &counts);
        acknowledged += journal.acknowledged();
        done += round;
    }
    // A command waits for a worker that starts or dies beside it.
    assert_eq!(counts.failed.load(Ordering::Relaxed), 0, "commands failed on a sound disk");
    assert!(acknowledged > u64::from(kills), "there was little to be lost");
    println!(
        "{kills} kills of the worker, {logs} of which left a write-ahead log; {} commands, {} of \
         them killed; {acknowledged} events acknowledged, 0 lost",
        counts.commands.load(Ordering::Relaxed),
        counts.killed.load(Ordering::Relaxed),
    );
}

/// So many kills on a new database, and then everyone comes to rest. Answers after how many
/// there was a write-ahead log to be read.
fn kill_round(kills: u32, chance: &mut Chance, journal: &Journal, counts: &Counts) -> u32 {
    let sandbox = Sandbox::start_current(&json!({ "defaults": { "verdictDelayMs": 40 } }));
    let gangway = Gangway::quick(&sandbox.origin()).with("CROSSMINT__API", "current");
    let stop = AtomicBool::new(false);
    let clients: Vec<Client<'_>> =
        (0..CLIENTS).map(|name| Client::new(name, &gangway, journal, chance.branch())).collect();
    let killed = std::thread::scope(|scope| {
        for mut client in clients {
            let stop = &stop;
            scope.spawn(move || client.work(stop, counts));
        }
        let killed = catch_unwind(AssertUnwindSafe(|| kill_all(kills, chance, &gangway, journal)));
        // The clients end before the test does, however it does.
        stop.store(true, Ordering::Relaxed);
        killed
    });
    let logs = killed.unwrap_or_else(|panic| resume_unwind(panic));
    check(&gangway, journal);
    come_to_rest(&gangway);
    logs
}

/// Kills the worker again and again, checks after each kill, and answers after how many there
/// was a write-ahead log to be read.
fn kill_all(kills: u32, chance: &mut Chance, gangway: &Gangway, journal: &Journal) -> u32 {
    wait_until(PATIENCE, "a first command", || (journal.acknowledged() > 0).then_some(()));
    let mut logs = 0;
    for _ in 0..kills {
        let mut worker = gangway.serve_unready();
        if chance.below(4) > 0 {
            worker.wait_until_ready();
        }
        // Not to wait for anything: the moment of the kill is drawn.
        std::thread::sleep(Duration::from_millis(chance.below(KILL_WITHIN_MS)));
        worker.kill();
        let log = beside(&gangway.database(), "-wal").metadata();
        logs += u32::from(log.is_ok_and(|log| log.len() > 0));
        check(gangway, journal);
    }
    assert!(logs > 0, "no kill left a write-ahead log to be read");
    logs
}

/// Integrity, every history against its row by the rules (I1), the same by plain SQL, and the
/// journal (I7).
fn check(gangway: &Gangway, journal: &Journal) {
    let database = Database(gangway.database());
    database.assert_whole();
    assert_eq!(gangway.damages(), Vec::<String>::new());
    journal.compare(&database);
}

/// Left alone at last, the worker brings everyone to rest.
fn come_to_rest(gangway: &Gangway) {
    let worker = gangway.serve();
    let on_the_way =
        |status: &Value| status["waitingOn"] == "gangway" || status["waitingOn"] == "provider";
    wait_until(4 * PATIENCE, "everyone to come to rest", || {
        let statuses = gangway.statuses();
        (!statuses.values().any(on_the_way)).then_some(())
    });
    worker.stop();
    assert_eq!(gangway.damages(), Vec::<String>::new());
}
