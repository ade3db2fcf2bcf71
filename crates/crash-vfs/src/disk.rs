//! The disk: its files, its faults, and the moment when its power fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chance::Chance;
use crate::file::File;
use crate::vfs;

/// What goes wrong. Operations are writes, truncations, syncs and deletions, counted from the
/// moment when the fault is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The power fails at this operation: it and all that follow fail.
    PowerLoss {
        /// The operation.
        at: u64,
    },
    /// From this operation on so many writes find no room; then there is room again.
    Full {
        /// The first operation.
        at: u64,
        /// How many writes.
        writes: u64,
    },
    /// The first sync from this operation on fails, and only that one. As on Linux, what it was
    /// to write may never reach the disk, though it is still read and later syncs succeed.
    FailedSync {
        /// The first operation.
        at: u64,
    },
    /// Every sync says that it is done and does nothing.
    LyingSync,
}

/// What became of unsynced writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They reached the disk.
    pub kept: u64,
    /// They did not.
    pub dropped: u64,
    /// They did in part.
    pub torn: u64,
    /// How often a fault was met by an operation.
    pub faults: u64,
}

/// What an operation is refused with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoPower,
    Full,
    SyncFailed,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Write,
    Sync,
    Other,
}

/// A disk behind one folder, for as long as it is not dropped.
pub struct Disk {
    folder: PathBuf,
    state: Shared,
}

pub(crate) type Shared = Arc<Mutex<State>>;

pub(crate) struct State {
    pub files: BTreeMap<String, File>,
    /// How many files are open.
    pub open: usize,
    has_power: bool,
    fault: Fault,
    operations: u64,
    chance: Chance,
    tally: Tally,
}

/// Every disk of this process, by its folder.
static DISKS: Mutex<Vec<(PathBuf, Shared)>> = Mutex::new(Vec::new());

impl Disk {
    /// An empty disk behind `folder`, whose faults are drawn from `seed`.
    #[must_use]
    pub fn new(folder: &Path, seed: u64) -> Self {
        vfs::register();
        let state = Arc::new(Mutex::new(State::new(seed)));
        lock(&DISKS).push((folder.to_owned(), Arc::clone(&state)));
        Self { folder: folder.to_owned(), state }
    }

    /// Sets what goes wrong from now on.
    pub fn set_fault(&self, fault: Fault) {
        let mut state = lock(&self.state);
        state.fault = fault;
        state.operations = 0;
    }

    /// Whether the power has failed.
    #[must_use]
    pub fn has_power(&self) -> bool {
        lock(&self.state).has_power
    }

    /// What became of unsynced writes so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        lock(&self.state).tally
    }

    /// Whether every connection is closed; they close on threads of their own.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.state).open == 0
    }

    /// Takes the power away: whatever is tried from now on fails.
    pub fn cut_power(&self) {
        lock(&self.state).has_power = false;
    }

    /// Gives the power back: what was not synced is kept, dropped or torn. No fault is set
    /// afterwards.
    ///
    /// # Panics
    /// When a connection is still open, which no process has after its machine stopped.
    pub fn restore_power(&self) {
        assert!(self.is_closed(), "a connection outlived the power");
        let mut state = lock(&self.state);
        let State { files, chance, tally, .. } = &mut *state;
        for file in files.values_mut() {
            file.lose_power(chance, tally);
        }
        state.has_power = true;
        state.fault = Fault::None;
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        lock(&DISKS).retain(|(folder, _)| *folder != self.folder);
    }
}

/// The disk that has the file.
pub(crate) fn disk_of(path: &str) -> Option<Shared> {
    let disks = lock(&DISKS);
    let found = disks.iter().find(|(folder, _)| Path::new(path).starts_with(folder));
    found.map(|(_, state)| Arc::clone(state))
}

/// A disk for a file without a name, which goes with its connection and never fails.
pub(crate) fn nameless() -> Shared {
    Arc::new(Mutex::new(State::new(0)))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn new(seed: u64) -> Self {
        Self {
            files: BTreeMap::new(),
            open: 0,
            has_power: true,
            fault: Fault::None,
            operations: 0,
            chance: Chance::new(seed),
            tally: Tally::default(),
        }
    }

    pub fn file(&mut self, name: &str) -> &mut File {
        self.files.entry(name.to_owned()).or_default()
    }

    /// Counts an operation and says whether it may go on.
    pub fn begin(&mut self, operation: Operation) -> Result<(), Refusal> {
        let number = self.operations;
        self.operations += 1;
        let refusal = match self.fault {
            _ if !self.has_power => return Err(Refusal::NoPower),
            Fault::PowerLoss { at } if number >= at => {
                self.has_power = false;
                Refusal::NoPower
            }
            Fault::Full { at, writes } if number >= at && operation == Operation::Write => {
                self.fault =
                    if writes > 1 { Fault::Full { at, writes: writes - 1 } } else { Fault::None };
                Refusal::Full
            }
            Fault::FailedSync { at } if number >= at && operation == Operation::Sync => {
                self.fault = Fault::None;
                Refusal::SyncFailed
            }
            Fault::None
            | Fault::PowerLoss { .. }
            | Fault::Full { .. }
            | Fault::FailedSync { .. }
            | Fault::LyingSync => return Ok(()),
        };
        self.tally.faults += 1;
        Err(refusal)
    }

    pub fn can_read(&self) -> bool {
        self.has_power
    }

    pub fn sync(&mut self, name: &str) -> Result<(), Refusal> {
        let begun = self.begin(Operation::Sync);
        let State { files, chance, tally, .. } = self;
        let Some(file) = files.get_mut(name) else { return begun };
        match begun {
            Ok(()) if self.fault == Fault::LyingSync => self.tally.faults += 1,
            Ok(()) => {
                // SQLite syncs the folder with the first sync of a new file.
                if file.sync() {
                    files.values_mut().for_each(File::sync_name);
                }
            }
            Err(Refusal::SyncFailed) => file.fail_to_sync(chance, tally),
            Err(Refusal::NoPower | Refusal::Full) => {}
        }
        begun
    }

    pub fn delete(&mut self, name: &str, is_synced: bool) -> Result<(), Refusal> {
        self.begin(Operation::Other)?;
        self.file(name).delete(is_synced);
        if is_synced {
            self.files.values_mut().for_each(File::sync_name);
        }
        Ok(())
    }
}
