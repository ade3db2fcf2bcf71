//! Whether the database is still the file that was opened. SQLite goes on with a file that was
//! removed, replaced or cut off under it, and what it then stores, nobody finds again.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::open::{self, OpenError};

/// The file that was opened.
pub(super) struct Presence {
    path: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
    /// SQLite never makes the file shorter.
    bytes_min: AtomicU64,
}

impl Presence {
    /// The file as it is now.
    pub fn of(path: &Path) -> Result<Self, OpenError> {
        let file = metadata(path)?;
        let bytes_min = AtomicU64::new(file.len());
        Ok(Self { path: path.to_owned(), file: (file.dev(), file.ino()), bytes_min })
    }

    /// That it is still there, and whole as far as its length tells.
    pub fn check(&self) -> Result<(), OpenError> {
        // Before the look: of a longer file that another looks at meanwhile, this one knows nothing.
        let bytes_min = self.bytes_min.load(Ordering::Acquire);
        let file = metadata(&self.path)?;
        if (file.dev(), file.ino()) != self.file || file.len() < bytes_min {
            return Err(OpenError::Gone { path: self.path.clone() });
        }
        self.bytes_min.fetch_max(file.len(), Ordering::AcqRel);
        Ok(())
    }
}

fn metadata(path: &Path) -> Result<Metadata, OpenError> {
    path.metadata().map_err(|_| OpenError::Gone { path: path.to_owned() })
}

/// A database that is missing or empty is a new one only if nothing is left of an old one: a
/// write-ahead log, which SQLite would delete, or a worker that still has the old file.
pub(super) fn refuse_to_replace(path: &Path) -> Result<(), OpenError> {
    let is_empty = path.metadata().map_or(true, |file| file.len() == 0);
    if is_empty && (open::log_bytes(path) > 0 || open::is_locked_by_worker(path)) {
        return Err(OpenError::Gone { path: path.to_owned() });
    }
    Ok(())
}
