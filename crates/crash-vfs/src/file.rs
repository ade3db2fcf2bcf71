//! One file: what a process sees of it, and what of that is on disk for good.

use crate::chance::Chance;
use crate::disk::Tally;
use crate::locks::{FileLocks, SharedMemory};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A change that was not synced yet.
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Truncate { len } => content.truncate(*len),
        }
    }
}

/// A file of a [`crate::Disk`].
#[derive(Default)]
pub(crate) struct File {
    /// What is read.
    seen: Vec<u8>,
    /// What is there after a power loss, if nothing else is.
    kept: Vec<u8>,
    unsynced: Vec<Change>,
    /// Whether there is a file of this name.
    pub exists: bool,
    /// Whether the name itself is on disk.
    is_name_kept: bool,
    /// What was on disk under this name before a deletion that is not synced.
    deleted: Option<Vec<u8>>,
    pub locks: FileLocks,
    pub memory: SharedMemory,
}

impl File {
    /// The database itself is made by its owner before SQLite opens it.
    pub fn create(&mut self, is_database: bool) {
        self.exists = true;
        self.is_name_kept |= is_database;
    }

    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Fills `into` from `at` and says how many bytes there were.
    pub fn read(&self, at: usize, into: &mut [u8]) -> usize {
        let there = self.seen.get(at..).unwrap_or_default();
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        into[count..].fill(0);
        count
    }

    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        self.change(Change::Write { at, bytes: bytes.to_vec() });
    }

    pub fn truncate(&mut self, len: usize) {
        self.change(Change::Truncate { len });
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    /// Everything is on disk. Says whether the name is there for the first time.
    pub fn sync(&mut self) -> bool {
        self.kept.clone_from(&self.seen);
        self.unsynced.clear();
        !std::mem::replace(&mut self.is_name_kept, true)
    }

    /// A sync that failed. As on Linux the writes are gone from the list of those to be
    /// written, whether they reached the disk or not; until a power loss they are still read.
    pub fn fail_to_sync(&mut self, chance: &mut Chance, tally: &mut Tally) {
        self.write_some(chance, tally);
    }

    pub fn delete(&mut self, is_synced: bool) {
        let had_name = std::mem::take(&mut self.is_name_kept);
        let kept = std::mem::take(&mut self.kept);
        self.deleted = (had_name && !is_synced).then_some(kept);
        self.seen.clear();
        self.unsynced.clear();
        self.exists = false;
    }

    /// The folder was synced, and with it every deletion in it.
    pub fn sync_name(&mut self) {
        self.deleted = None;
    }

    /// The power is gone: what is read from now on is what reached the disk.
    pub fn lose_power(&mut self, chance: &mut Chance, tally: &mut Tally) {
        if let Some(before) = self.deleted.take()
            && chance.once_in(2)
        {
            self.kept = before;
            self.unsynced.clear();
            self.is_name_kept = true;
        }
        self.write_some(chance, tally);
        self.exists = self.is_name_kept || (self.exists && chance.once_in(2));
        self.is_name_kept = self.exists;
        if !self.exists {
            self.kept.clear();
        }
        self.seen.clone_from(&self.kept);
        self.locks = FileLocks::default();
        self.memory = SharedMemory::default();
    }

    /// Of the unsynced changes some reach the disk, some do not, and some do in part.
    fn write_some(&mut self, chance: &mut Chance, tally: &mut Tally) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let style = chance.below(3);
        let first = chance.index(unsynced.len() + 1);
        for (number, change) in unsynced.into_iter().enumerate() {
            let reaches = match style {
                0 => number < first,
                1 => chance.once_in(2),
                _ => false,
            };
            if reaches {
                tally.kept += 1;
                change.apply(&mut self.kept);
            } else if let Change::Write { at, bytes } = change
                && chance.once_in(4)
            {
                tally.torn += 1;
                torn(at, &bytes, chance).apply(&mut self.kept);
            } else {
                tally.dropped += 1;
            }
        }
    }
}

/// The first or the last sectors of a write.
fn torn(at: usize, bytes: &[u8], chance: &mut Chance) -> Change {
    let cut = (chance.index(bytes.len().div_ceil(SECTOR) + 1) * SECTOR).min(bytes.len());
    if chance.once_in(2) {
        Change::Write { at, bytes: bytes[..cut].to_vec() }
    } else {
        Change::Write { at: at + cut, bytes: bytes[cut..].to_vec() }
    }
}
