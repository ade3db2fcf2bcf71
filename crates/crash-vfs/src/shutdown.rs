//! A real file system, stopped as by a power loss.
#![allow(unsafe_code, reason = "the call has no safe form")]

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::ioctl::{Opcode, Setter, ioctl};

/// `EXT4_IOC_SHUTDOWN`, which XFS and others know by the same number.
const SHUTDOWN: Opcode = 0x8004_587D;
/// Do not even write the journal out.
const WITHOUT_LOG: u32 = 2;

/// Stops the file system of `folder`: nothing more reaches its disk, not even what the kernel
/// has in memory. It has to be unmounted then, and mounted anew.
///
/// # Errors
/// When the file system can't do it, or the caller may not.
pub fn shut_down(folder: &Path) -> io::Result<()> {
    let folder = File::open(folder)?;
    // SAFETY: the number takes a pointer to 32 bits, which is what is passed.
    unsafe { ioctl(&folder, Setter::<SHUTDOWN, u32>::new(WITHOUT_LOG)) }.map_err(io::Error::from)
}
