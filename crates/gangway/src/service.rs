//! What the service manager is told (sd_notify): that it works, that it ends, and that it is alive.
//! Where none listens, nothing is said.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tracing::{debug, warn};

/// The service manager that started this process, if one did.
pub(crate) struct Service {
    socket: Option<UnixDatagram>,
    /// How often it wants to be told that all is well.
    watchdog: Option<Duration>,
}

impl Service {
    /// Finds it by the environment, as systemd sets it.
    pub(crate) fn of_environment() -> Self {
        let named = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let socket = named.and_then(|name| match connect(&name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                warn!(%error, "the service manager can't be told anything");
                None
            }
        });
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        // Set for a parent, the watchdog is none of ours.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let limit = number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0);
        Self { socket, watchdog: limit.map(Duration::from_micros) }
    }

    /// It works; `status` is for a person.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// It was told to end.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=waiting for what is under way");
    }

    /// Says that it is alive as long as `is_well`, twice in the time that the watchdog allows.
    /// Never ends.
    pub(crate) async fn keep_alive(&self, is_well: impl Fn() -> bool) -> Infallible {
        let Some(limit) = self.watchdog else { return std::future::pending().await };
        let mut was_well = true;
        loop {
            let is_well = is_well();
            if is_well {
                self.tell("WATCHDOG=1");
            } else if was_well {
                warn!("the worker stands still; the service manager will restart this process");
            }
            was_well = is_well;
            tokio::time::sleep(limit / 2).await;
        }
    }

    fn tell(&self, text: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(text.as_bytes()) {
            debug!(%error, "the service manager was not told");
        }
    }
}

/// A socket in the file system, or, after an `@`, in the abstract name space.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let socket = UnixDatagram::unbound()?;
    // Nobody waits for a service manager that does not read.
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}
