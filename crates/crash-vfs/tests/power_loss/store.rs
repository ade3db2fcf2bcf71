//! The real store on a disk that fails: whatever was acknowledged is there afterwards, every
//! history gives its onboarding, and writing goes on.

use std::path::Path;
use std::sync::Arc;

use crash_vfs::{Chance, Disk, Fault, Tally};
use onboarding::Policy;
use store::{SqliteStore, Store};

use crate::clients::Clients;

/// How many times the clients act in a run.
const ACTS: u64 = 40;
/// By then a run has made most of its operations.
const OPERATIONS: u64 = 1_200;
/// The last operation of those that opening the store makes is before this one.
const OPENING: u64 = 40;

/// What came of many runs.
#[derive(Debug, Default)]
struct Sum {
    runs: u64,
    answers: u64,
    errors: u64,
    unknown: u64,
    opens_failed: u64,
    losses: u64,
    tally: Tally,
}

async fn open(place: &Path) -> Option<Arc<SqliteStore>> {
    let url = place.join("gangway.db");
    let store = SqliteStore::open_for_worker(url.to_str().unwrap(), Policy::default()).await;
    store.ok().map(Arc::new)
}

/// Nothing in the store is damaged.
async fn assert_sound(store: &SqliteStore) {
    assert_eq!(store.check_file().await.unwrap(), []);
    let mut check = store.check_onboardings().await.unwrap();
    while let Some(page) = check.next_page().await.unwrap() {
        assert_eq!(page.damages, []);
    }
}

struct Run {
    place: tempfile::TempDir,
    disk: Disk,
    chance: Chance,
    clients: Clients,
}

impl Run {
    fn new(seed: u64) -> Self {
        let place = tempfile::tempdir().unwrap();
        let disk = Disk::new(place.path(), seed);
        let chance = Chance::new(seed ^ 0x5EED);
        Self { place, disk, chance, clients: Clients::new(seed) }
    }

    /// The power fails at a drawn moment, in a quarter of the runs while the store opens or closes.
    async fn lose_power(&mut self, sum: &mut Sum) {
        let limit = if self.chance.once_in(4) { OPENING } else { OPERATIONS };
        self.disk.set_fault(Fault::PowerLoss { at: self.chance.below(limit) });
        match open(self.place.path()).await {
            Some(store) => {
                for _ in 0..ACTS {
                    self.clients.act(&store).await;
                    if !self.disk.has_power() {
                        break;
                    }
                }
            }
            None => sum.opens_failed += 1,
        }
        crate::lose_power(&self.disk).await;
        sum.losses += 1;
    }

    async fn check(&mut self) {
        let store = open(self.place.path()).await.expect("the store opens with power");
        assert_sound(&store).await;
        self.clients.look(&store).await;
        drop(store);
        crate::closed(&self.disk).await;
    }

    /// One fault while the store is open, that passes: the clients hear of it, and go on, until
    /// the power fails a while later.
    async fn live_through(&mut self, fault: Fault, sum: &mut Sum) {
        let store = open(self.place.path()).await.expect("the store opens without a fault");
        self.disk.set_fault(fault);
        for _ in 0..ACTS {
            self.act_and_look(&store).await;
            if self.disk.tally().faults > 0 && self.chance.once_in(8) {
                break;
            }
        }
        self.disk.set_fault(Fault::None);
        store.check_writable().await.expect("there is room again, and syncs succeed");
        let errors = self.clients.errors;
        for _ in 0..self.chance.below(6) {
            self.clients.act(&store).await;
        }
        assert_eq!(self.clients.errors, errors, "writing goes on");
        self.disk.cut_power();
        drop(store);
        crate::lose_power(&self.disk).await;
        sum.losses += 1;
    }

    /// An error leaves what was acknowledged as it is, for all to read at once.
    async fn act_and_look(&mut self, store: &Arc<SqliteStore>) {
        let errors = self.clients.errors;
        self.clients.act(store).await;
        if self.clients.errors > errors {
            self.clients.look(store).await;
        }
    }

    fn add_to(self, sum: &mut Sum) {
        let tally = self.disk.tally();
        sum.runs += 1;
        sum.answers += self.clients.answers;
        sum.errors += self.clients.errors;
        sum.unknown += self.clients.unknown;
        sum.tally.kept += tally.kept;
        sum.tally.dropped += tally.dropped;
        sum.tally.torn += tally.torn;
        sum.tally.faults += tally.faults;
    }
}

/// Does many runs, one after another; a run that fails says which it was.
async fn many(name: &str, unless_told: u64, run: impl AsyncFn(&mut Run, &mut Sum)) -> Sum {
    let mut sum = Sum::default();
    for seed in crate::seeds(unless_told) {
        let said = Said(name, seed);
        let mut one = Run::new(seed);
        run(&mut one, &mut sum).await;
        one.add_to(&mut sum);
        std::mem::forget(said);
    }
    println!("{name}: {sum:?}");
    sum
}

/// Says which run failed, should it fail.
struct Said<'a>(&'a str, u64);

impl Drop for Said<'_> {
    fn drop(&mut self) {
        let Self(name, seed) = self;
        println!(
            "rerun: CRASH_SEED={seed} CRASH_RUNS=1 cargo test -p crash-vfs {name} -- --nocapture"
        );
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_power_losses() {
    let sum = many("power_losses", 40, async |run, sum| {
        for _ in 0..3 {
            run.lose_power(sum).await;
            run.check().await;
        }
    })
    .await;
    if sum.runs >= 40 {
        assert!(sum.answers > 1_500 && sum.errors > 40 && sum.opens_failed > 4, "{sum:?}");
        assert!(sum.tally.dropped > 50 && sum.tally.torn > 20, "{sum:?}");
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_and_is_freed_again_stops_nobody_and_loses_nothing() {
    let sum = many("fills_up", 40, async |run, sum| {
        let writes = 1 + run.chance.below(8);
        let fault = Fault::Full { at: run.chance.below(OPERATIONS / 3), writes };
        run.live_through(fault, sum).await;
        run.check().await;
    })
    .await;
    assert!(sum.runs < 40 || sum.errors > 40, "{sum:?}");
}

#[tokio::test]
async fn a_sync_that_fails_once_stops_nobody_and_loses_nothing() {
    let sum = many("sync_that_fails", 60, async |run, sum| {
        let fault = Fault::FailedSync { at: run.chance.below(OPERATIONS / 3) };
        run.live_through(fault, sum).await;
        run.check().await;
    })
    .await;
    assert!(sum.runs < 60 || sum.tally.faults > 50, "{sum:?}");
}
