//! A real file system whose power is cut under the real binary.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gangway_tests::{Chance, Gangway, Sandbox, skipped};
use serde_json::json;

use crate::client::{Client, Counts};
use crate::database::Database;
use crate::journal::Journal;
use crate::mount::Mount;

/// How many times, unless `GANGWAY_POWER_CUTS` asks for more.
const CUTS: u32 = 5;
const WHAT: &str = "a file system shut down under the real binary";

#[test]
fn what_was_acknowledged_survives_the_shutdown_of_its_file_system() {
    let (seed, mut chance) = Chance::seeded();
    let cuts = std::env::var("GANGWAY_POWER_CUTS").ok().and_then(|cuts| cuts.parse().ok());
    let cuts: u32 = cuts.unwrap_or(CUTS);
    let mount = match Mount::ext4() {
        Ok(mount) => mount,
        Err(why) => return skipped(WHAT, &why),
    };
    println!("rerun: GANGWAY_TEST_SEED={seed} cargo test -p gangway-tests --test disk shutdown");
    let sandbox = Sandbox::start_current(&json!({ "defaults": { "verdictDelayMs": 40 } }));
    let mut gangway = Gangway::quick(&sandbox.origin()).with("CROSSMINT__API", "current");
    let database = mount.folder.join("gangway.db");
    gangway.keep_at(&database);
    let (journal, counts) = (Journal::default(), Counts::default());
    let mut client = Client::new(0, &gangway, &journal, chance.branch());
    for _ in 0..cuts {
        let worker = gangway.serve();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| client.work(&stop, &counts));
            // Not to wait for anything: the moment is drawn.
            std::thread::sleep(Duration::from_millis(300 + chance.below(1_200)));
            let shut = crash_vfs::shut_down(&mount.folder);
            stop.store(true, Ordering::Relaxed);
            shut.expect("an ext4 that root has mounted can be shut down");
        });
        worker.kill();
        mount.mount_again();
        let database = Database(database.clone());
        database.assert_whole();
        assert_eq!(gangway.damages(), Vec::<String>::new());
        journal.compare(&database);
    }
    assert!(journal.acknowledged() > u64::from(cuts), "there was little to be lost");
    println!("{cuts} power cuts; {} events acknowledged, 0 lost", journal.acknowledged());
}
