//! A disk in memory under SQLite, for tests: at a power loss each write that was not synced is
//! kept, dropped or torn. It can also fill up and be freed again, fail one sync, or lie.
//!
//! [`shut_down`] does the like to a real file system.
//!
//! [`Disk::new`] makes it the default of this process's SQLite, so that the code under test
//! needs no seam: it opens a path in the disk's folder as ever. It is never linked into the
//! binary, and it knows nothing of what is stored.

mod chance;
mod disk;
mod file;
mod locks;
mod shutdown;
mod vfs;

pub use chance::Chance;
pub use disk::{Disk, Fault, Tally};
pub use shutdown::shut_down;
