//! The border to SQLite: its table of file operations, each a few lines around [`State`].
//!
//! What SQLite promises of every call here, and the blocks below rely on: a file that it passes
//! was opened by `x_open` and is not closed yet; a buffer is as long as it says; a path ends
//! with a zero byte; an out-parameter may be written.
#![allow(unsafe_code, reason = "SQLite calls through C function pointers with raw pointers")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, Once};
use std::time::Duration;

use libsqlite3_sys as sqlite;
use sqlite::{sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use crate::chance::Chance;
use crate::disk::{Operation, Refusal, Shared, State, disk_of, lock, nameless};
use crate::file::File;
use crate::locks::{Busy, HandleId, Level, Mode};

/// What SQLite allocates for a file: its table of operations, and ours behind a pointer.
#[repr(C)]
struct Slot {
    base: sqlite3_file,
    handle: *mut Handle,
}

/// An open file.
struct Handle {
    id: HandleId,
    disk: Shared,
    name: String,
    is_temporary: bool,
}

impl Handle {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut lock(&self.disk))
    }

    fn with_file<T>(&self, act: impl FnOnce(&mut File) -> T) -> T {
        self.with(|state| act(state.file(&self.name)))
    }
}

/// Makes this VFS the default of the process. SQLite keeps the pointer for ever.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let vfs = Box::leak(Box::new(table()));
        // SAFETY: the table is never freed, and its functions keep SQLite's contract.
        let outcome = unsafe { sqlite::sqlite3_vfs_register(vfs, 1) };
        assert_eq!(outcome, sqlite::SQLITE_OK, "SQLite takes a VFS");
    });
}

const PATH_BYTES_MAX: c_int = 1024;

fn table() -> sqlite3_vfs {
    sqlite3_vfs {
        iVersion: 1,
        szOsFile: c_int::try_from(size_of::<Slot>()).unwrap_or(c_int::MAX),
        mxPathname: PATH_BYTES_MAX,
        pNext: ptr::null_mut(),
        zName: c"crash".as_ptr(),
        pAppData: ptr::null_mut(),
        xOpen: Some(x_open),
        xDelete: Some(x_delete),
        xAccess: Some(x_access),
        xFullPathname: Some(x_full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(x_randomness),
        xSleep: Some(x_sleep),
        xCurrentTime: Some(x_current_time),
        xGetLastError: Some(x_get_last_error),
        xCurrentTimeInt64: None,
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(x_close),
    xRead: Some(x_read),
    xWrite: Some(x_write),
    xTruncate: Some(x_truncate),
    xSync: Some(x_sync),
    xFileSize: Some(x_file_size),
    xLock: Some(x_lock),
    xUnlock: Some(x_unlock),
    xCheckReservedLock: Some(x_check_reserved_lock),
    xFileControl: Some(x_file_control),
    xSectorSize: Some(x_sector_size),
    xDeviceCharacteristics: Some(x_device_characteristics),
    xShmMap: Some(x_shm_map),
    xShmLock: Some(x_shm_lock),
    xShmBarrier: Some(x_shm_barrier),
    xShmUnmap: Some(x_shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// The open file that SQLite means.
///
/// # Safety
/// `file` was opened by `x_open` and is not closed yet.
unsafe fn handle<'a>(file: *mut sqlite3_file) -> &'a Handle {
    // SAFETY: `x_open` wrote a slot with a pointer to a living handle there.
    unsafe { &*(*file.cast::<Slot>()).handle }
}

/// The text of a path; SQLite's are UTF-8.
///
/// # Safety
/// `path` ends with a zero byte.
unsafe fn text(path: *const c_char) -> String {
    // SAFETY: the caller's.
    unsafe { CStr::from_ptr(path) }.to_string_lossy().into_owned()
}

const fn code_of(refusal: Refusal) -> c_int {
    match refusal {
        Refusal::NoPower => sqlite::SQLITE_IOERR,
        Refusal::Full => sqlite::SQLITE_FULL,
        Refusal::SyncFailed => sqlite::SQLITE_IOERR_FSYNC,
    }
}

fn outcome(done: Result<(), Refusal>) -> c_int {
    done.map_or_else(code_of, |()| sqlite::SQLITE_OK)
}

fn locked(taken: Result<(), Busy>) -> c_int {
    taken.map_or(sqlite::SQLITE_BUSY, |()| sqlite::SQLITE_OK)
}

/// A size or a place in a file; SQLite's are never negative.
fn size(number: sqlite3_int64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

unsafe extern "C" fn x_open(
    _: *mut sqlite3_vfs,
    path: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    static HANDLES: AtomicU64 = AtomicU64::new(1);
    // SAFETY: SQLite passes a path or null, room for a slot, and a place for flags or null.
    unsafe {
        (*file).pMethods = ptr::null();
        let (disk, name) = if path.is_null() {
            (Some(nameless()), String::new())
        } else {
            let name = text(path);
            (disk_of(&name), name)
        };
        let Some(disk) = disk else { return sqlite::SQLITE_CANTOPEN };
        if !open(&disk, &name, flags) {
            return sqlite::SQLITE_CANTOPEN;
        }
        let handle = Handle {
            id: HANDLES.fetch_add(1, Ordering::Relaxed),
            disk,
            name,
            is_temporary: flags & sqlite::SQLITE_OPEN_DELETEONCLOSE != 0,
        };
        (*file.cast::<Slot>()).handle = Box::into_raw(Box::new(handle));
        (*file).pMethods = &raw const METHODS;
        if !flags_out.is_null() {
            *flags_out = flags;
        }
    }
    sqlite::SQLITE_OK
}

fn open(disk: &Shared, name: &str, flags: c_int) -> bool {
    let mut state = lock(disk);
    let is_database = flags & sqlite::SQLITE_OPEN_MAIN_DB != 0;
    let is_made = is_database || flags & sqlite::SQLITE_OPEN_CREATE != 0;
    if !state.can_read() || !(is_made || state.file(name).exists) {
        return false;
    }
    state.file(name).create(is_database);
    state.open += 1;
    true
}

unsafe extern "C" fn x_close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once, and never uses it again.
    let handle = unsafe { Box::from_raw((*file.cast::<Slot>()).handle) };
    handle.with(|state| {
        state.open -= 1;
        let file = state.file(&handle.name);
        file.locks.unlock(handle.id, Level::None);
        file.memory.leave(handle.id);
        if handle.is_temporary {
            state.files.remove(&handle.name);
        }
    });
    sqlite::SQLITE_OK
}

unsafe extern "C" fn x_read(
    file: *mut sqlite3_file,
    buffer: *mut c_void,
    count: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open, and the buffer has `count` bytes that nobody else uses.
    let (handle, into) = unsafe {
        let bytes = ptr::slice_from_raw_parts_mut(buffer.cast::<u8>(), size(count.into()));
        (handle(file), &mut *bytes)
    };
    if !handle.with(|state| state.can_read()) {
        return sqlite::SQLITE_IOERR_READ;
    }
    let read = handle.with_file(|file| file.read(size(at), into));
    if read < into.len() { sqlite::SQLITE_IOERR_SHORT_READ } else { sqlite::SQLITE_OK }
}

unsafe extern "C" fn x_write(
    file: *mut sqlite3_file,
    buffer: *const c_void,
    count: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open, and the buffer has `count` bytes.
    let (handle, bytes) = unsafe {
        let bytes = ptr::slice_from_raw_parts(buffer.cast::<u8>(), size(count.into()));
        (handle(file), &*bytes)
    };
    outcome(handle.with(|state| {
        state.begin(Operation::Write)?;
        state.file(&handle.name).write(size(at), bytes);
        Ok(())
    }))
}

unsafe extern "C" fn x_truncate(file: *mut sqlite3_file, len: sqlite3_int64) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    outcome(handle.with(|state| {
        state.begin(Operation::Other)?;
        state.file(&handle.name).truncate(size(len));
        Ok(())
    }))
}

unsafe extern "C" fn x_sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    outcome(handle.with(|state| state.sync(&handle.name)))
}

unsafe extern "C" fn x_file_size(file: *mut sqlite3_file, len: *mut sqlite3_int64) -> c_int {
    // SAFETY: the file is open, and `len` may be written.
    unsafe {
        let found = handle(file).with_file(|file| file.len());
        *len = sqlite3_int64::try_from(found).unwrap_or(sqlite3_int64::MAX);
    }
    sqlite::SQLITE_OK
}

/// SQLite's number of a level; the one between reserved and exclusive it never asks for.
const fn level(number: c_int) -> Level {
    match number {
        sqlite::SQLITE_LOCK_NONE => Level::None,
        sqlite::SQLITE_LOCK_SHARED => Level::Shared,
        sqlite::SQLITE_LOCK_RESERVED => Level::Reserved,
        _ => Level::Exclusive,
    }
}

unsafe extern "C" fn x_lock(file: *mut sqlite3_file, to: c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    locked(handle.with_file(|file| file.locks.lock(handle.id, level(to))))
}

unsafe extern "C" fn x_unlock(file: *mut sqlite3_file, to: c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    handle.with_file(|file| file.locks.unlock(handle.id, level(to)));
    sqlite::SQLITE_OK
}

unsafe extern "C" fn x_check_reserved_lock(
    file: *mut sqlite3_file,
    is_reserved: *mut c_int,
) -> c_int {
    // SAFETY: the file is open, and `is_reserved` may be written.
    unsafe { *is_reserved = handle(file).with_file(|file| file.locks.is_reserved()).into() }
    sqlite::SQLITE_OK
}

unsafe extern "C" fn x_file_control(_: *mut sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    sqlite::SQLITE_NOTFOUND
}

unsafe extern "C" fn x_sector_size(_: *mut sqlite3_file) -> c_int {
    4096
}

/// The same as SQLite's own for Unix: a write changes nothing beside it, even when it is torn.
unsafe extern "C" fn x_device_characteristics(_: *mut sqlite3_file) -> c_int {
    sqlite::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn x_shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    bytes: c_int,
    is_made: c_int,
    memory: *mut *mut c_void,
) -> c_int {
    // SAFETY: the file is open, and `memory` may be written. A region stays where it is until
    // its last user has left.
    unsafe {
        let handle = handle(file);
        let (number, bytes) = (size(region.into()), size(bytes.into()));
        let found =
            handle.with_file(|file| file.memory.region(handle.id, number, bytes, is_made != 0));
        *memory = found.map_or(ptr::null_mut(), <*mut u64>::cast);
    }
    sqlite::SQLITE_OK
}

unsafe extern "C" fn x_shm_lock(
    file: *mut sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    let first = size(first.into());
    let slots = first..first + size(count.into());
    let mode = if flags & sqlite::SQLITE_SHM_SHARED != 0 { Mode::Shared } else { Mode::Exclusive };
    handle.with_file(|file| {
        if flags & sqlite::SQLITE_SHM_UNLOCK != 0 {
            file.memory.unlock(handle.id, slots, mode);
            return sqlite::SQLITE_OK;
        }
        locked(file.memory.lock(handle.id, slots, mode))
    })
}

unsafe extern "C" fn x_shm_barrier(_: *mut sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn x_shm_unmap(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    handle.with_file(|file| file.memory.leave(handle.id));
    sqlite::SQLITE_OK
}

unsafe extern "C" fn x_delete(_: *mut sqlite3_vfs, path: *const c_char, is_synced: c_int) -> c_int {
    // SAFETY: SQLite passes a path.
    let name = unsafe { text(path) };
    let Some(disk) = disk_of(&name) else { return sqlite::SQLITE_IOERR_DELETE };
    outcome(lock(&disk).delete(&name, is_synced != 0))
}

unsafe extern "C" fn x_access(
    _: *mut sqlite3_vfs,
    path: *const c_char,
    _: c_int,
    is_there: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes a path and a place for the answer.
    unsafe {
        let name = text(path);
        *is_there = disk_of(&name).is_some_and(|disk| lock(&disk).file(&name).exists).into();
    }
    sqlite::SQLITE_OK
}

unsafe extern "C" fn x_full_pathname(
    _: *mut sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    full: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a path, and `room` bytes to write the full one to. The code under
    // test opens absolute paths, which are full already.
    unsafe {
        let bytes = CStr::from_ptr(path).to_bytes_with_nul();
        if bytes.len() > size(room.into()) {
            return sqlite::SQLITE_CANTOPEN;
        }
        ptr::copy_nonoverlapping(path, full, bytes.len());
    }
    sqlite::SQLITE_OK
}

unsafe extern "C" fn x_randomness(_: *mut sqlite3_vfs, count: c_int, to: *mut c_char) -> c_int {
    /// The same numbers in every process, as runs are to be repeated.
    static CHANCE: Mutex<Option<Chance>> = Mutex::new(None);
    // SAFETY: SQLite passes `count` bytes to write to.
    let bytes = unsafe { &mut *ptr::slice_from_raw_parts_mut(to.cast::<u8>(), size(count.into())) };
    let mut chance = lock(&CHANCE);
    let chance = chance.get_or_insert_with(|| Chance::new(1));
    for byte in bytes {
        *byte = u8::try_from(chance.below(256)).unwrap_or_default();
    }
    count
}

unsafe extern "C" fn x_sleep(_: *mut sqlite3_vfs, us: c_int) -> c_int {
    std::thread::sleep(Duration::from_micros(us.unsigned_abs().into()));
    us
}

unsafe extern "C" fn x_current_time(_: *mut sqlite3_vfs, days: *mut f64) -> c_int {
    /// Some day, as a Julian date: nothing that is stored depends on it.
    const SOME_DAY: f64 = 2_461_000.5;
    // SAFETY: SQLite passes a place for the answer.
    unsafe { *days = SOME_DAY }
    sqlite::SQLITE_OK
}

unsafe extern "C" fn x_get_last_error(_: *mut sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}
