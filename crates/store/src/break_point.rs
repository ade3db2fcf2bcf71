//! Places at which the tests' build of the binary breaks when it is told to. The ordinary build
//! has none: the feature `break-points` is off.
//!
//! Two variables of the environment steer it. `BREAK_LOG` names a file; each point that the
//! process comes to is appended to it, a line each: `NAME:N`, where N counts from 1. `BREAK_AT`
//! lists points with how to break there, such as `register-user:1:kill-after`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Signal, getpid, kill_process};

static REACHED: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

/// Does the work, unless the process is told to break here: to end before it or after it, or to
/// go on with `failure` instead of what came of it, whether it was done or not.
///
/// # Errors
/// When the work fails, or is made to.
///
/// # Panics
/// When the variables say what nobody understands, so that no test breaks nothing unnoticed.
pub async fn around<T, E>(
    name: &str,
    failure: impl FnOnce() -> E,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match how_to_break(name).as_deref() {
        None => work.await,
        Some("kill-before") => end(),
        Some("kill-after") => {
            let _ = work.await;
            end()
        }
        Some("fail-before") => Err(failure()),
        Some("fail-after") => {
            let _ = work.await;
            Err(failure())
        }
        Some(other) => panic!("there is no such way to break: {other}"),
    }
}

/// What SQLite could say.
pub(crate) fn failure() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other("broken by a test"))
}

fn how_to_break(name: &str) -> Option<String> {
    let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let times = reached.entry(name.to_owned()).or_default();
    *times += 1;
    let point = format!("{name}:{times}");
    if let Ok(path) = std::env::var("BREAK_LOG") {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path);
        log.and_then(|mut log| writeln!(log, "{point}")).expect("the test made the log's folder");
    }
    let breaks = std::env::var("BREAK_AT").ok()?;
    let mut breaks = breaks.split(',');
    breaks.find_map(|at| at.strip_prefix(&point)?.strip_prefix(':').map(str::to_owned))
}

/// As `kill -9` does: nothing is flushed, and nobody is told.
fn end() -> ! {
    kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
    loop {
        std::thread::park();
    }
}
