//! SQLite's locks between the connections of one process, and the memory that they share.

use std::collections::BTreeSet;

/// A connection's open file.
pub(crate) type HandleId = u64;

/// How far a connection has locked a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    None,
    Shared,
    Reserved,
    Exclusive,
}

/// Somebody else has the lock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// The locks of a database file.
#[derive(Debug, Default)]
pub(crate) struct FileLocks {
    shared: BTreeSet<HandleId>,
    reserved: Option<HandleId>,
    /// Waits until the readers have gone, and lets no new one in.
    pending: Option<HandleId>,
}

impl FileLocks {
    pub fn lock(&mut self, by: HandleId, level: Level) -> Result<(), Busy> {
        let free = |holder: Option<HandleId>| holder.is_none_or(|holder| holder == by);
        match level {
            Level::None => return Ok(()),
            Level::Shared if free(self.pending) => drop(self.shared.insert(by)),
            Level::Reserved if free(self.reserved) => self.reserved = Some(by),
            Level::Exclusive if free(self.reserved) && free(self.pending) => {
                self.pending = Some(by);
                if self.shared.iter().any(|reader| *reader != by) {
                    return Err(Busy);
                }
                self.reserved = Some(by);
            }
            Level::Shared | Level::Reserved | Level::Exclusive => return Err(Busy),
        }
        Ok(())
    }

    /// Goes back to `level`, which is shared or none.
    pub fn unlock(&mut self, by: HandleId, level: Level) {
        for holder in [&mut self.reserved, &mut self.pending] {
            if *holder == Some(by) {
                *holder = None;
            }
        }
        if level == Level::None {
            self.shared.remove(&by);
        }
    }

    pub fn is_reserved(&self) -> bool {
        self.reserved.is_some()
    }
}

/// How many locks SQLite keeps beside the shared memory of a write-ahead log.
const SLOTS: usize = 8;

/// The index of a write-ahead log, shared by the connections to one database.
#[derive(Default)]
pub(crate) struct SharedMemory {
    /// Boxed, so that a region stays where it is when others are added.
    regions: Vec<Box<[u64]>>,
    users: BTreeSet<HandleId>,
    slots: [Slot; SLOTS],
}

#[derive(Default)]
struct Slot {
    exclusive: Option<HandleId>,
    shared: BTreeSet<HandleId>,
}

/// How a slot is locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Shared,
    Exclusive,
}

impl SharedMemory {
    /// The region, made if it is to be.
    pub fn region(
        &mut self,
        by: HandleId,
        number: usize,
        bytes: usize,
        is_made: bool,
    ) -> Option<*mut u64> {
        self.users.insert(by);
        while is_made && self.regions.len() <= number {
            self.regions.push(vec![0; bytes.div_ceil(8)].into_boxed_slice());
        }
        self.regions.get_mut(number).map(|region| region.as_mut_ptr())
    }

    pub fn lock(&mut self, by: HandleId, slots: Range, mode: Mode) -> Result<(), Busy> {
        let slots = &mut self.slots[slots];
        let is_free = |slot: &Slot| {
            slot.exclusive.is_none_or(|holder| holder == by)
                && (mode == Mode::Shared || slot.shared.iter().all(|reader| *reader == by))
        };
        if !slots.iter().all(is_free) {
            return Err(Busy);
        }
        for slot in slots {
            match mode {
                Mode::Shared => drop(slot.shared.insert(by)),
                Mode::Exclusive => slot.exclusive = Some(by),
            }
        }
        Ok(())
    }

    pub fn unlock(&mut self, by: HandleId, slots: Range, mode: Mode) {
        for slot in &mut self.slots[slots] {
            match mode {
                Mode::Shared => drop(slot.shared.remove(&by)),
                Mode::Exclusive => slot.exclusive = slot.exclusive.filter(|holder| *holder != by),
            }
        }
    }

    /// The memory ends with its last user, as nothing of it is worth keeping.
    pub fn leave(&mut self, by: HandleId) {
        self.users.remove(&by);
        for slot in &mut self.slots {
            slot.shared.remove(&by);
            slot.exclusive = slot.exclusive.filter(|holder| *holder != by);
        }
        if self.users.is_empty() {
            self.regions.clear();
        }
    }
}

/// Which slots.
pub(crate) type Range = std::ops::Range<usize>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_waits_for_readers_and_lets_no_new_one_in() {
        let mut locks = FileLocks::default();
        locks.lock(1, Level::Shared).unwrap();
        locks.lock(2, Level::Shared).unwrap();
        locks.lock(2, Level::Reserved).unwrap();
        assert_eq!(locks.lock(1, Level::Reserved), Err(Busy));
        assert_eq!(locks.lock(2, Level::Exclusive), Err(Busy));
        assert_eq!(locks.lock(3, Level::Shared), Err(Busy));
        locks.unlock(1, Level::None);
        locks.lock(2, Level::Exclusive).unwrap();
        locks.unlock(2, Level::None);
        locks.lock(3, Level::Shared).unwrap();
        assert!(!locks.is_reserved());
    }

    #[test]
    fn a_slot_has_many_readers_or_one_writer_and_all_of_a_range_or_none() {
        let mut memory = SharedMemory::default();
        memory.lock(1, 3..4, Mode::Shared).unwrap();
        memory.lock(2, 3..4, Mode::Shared).unwrap();
        assert_eq!(memory.lock(1, 2..5, Mode::Exclusive), Err(Busy));
        memory.leave(2);
        memory.lock(1, 2..5, Mode::Exclusive).unwrap();
        assert_eq!(memory.lock(2, 4..5, Mode::Shared), Err(Busy));
        memory.unlock(1, 2..5, Mode::Exclusive);
        memory.lock(2, 4..5, Mode::Exclusive).unwrap();
    }
}
