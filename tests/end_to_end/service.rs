//! What the service manager is told, over a real socket, and the unit that is shipped.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use gangway_tests::{Gangway, PATIENCE, Sandbox, binary, skipped};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

/// What comes next, within the time.
fn next(socket: &UnixDatagram, limit: Duration) -> Option<String> {
    let mut bytes = [0; 4_096];
    socket.set_read_timeout(Some(limit)).unwrap();
    let length = socket.recv(&mut bytes).ok()?;
    Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
}

/// Waits until something that begins so is told, past what else is.
fn until(socket: &UnixDatagram, told: &str) -> String {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match next(socket, PATIENCE) {
            Some(text) if text.starts_with(told) => return text,
            Some(_) | None => {}
        }
    }
    panic!("{told} was never told");
}

/// An installation whose worker stands still after a second.
fn impatient(origin: &str) -> Gangway {
    Gangway::quick(origin)
        .with("CROSSMINT__CALL_TIMEOUT", "900ms")
        .with("CROSSMINT__UPLOAD_TIMEOUT", "900ms")
        .with("CROSSMINT__CONNECT_TIMEOUT", "900ms")
        .with("WORKER__LEASE", "1s")
}

/// A transaction of another process, in whose way everything is that the worker would write.
pub(super) struct Blocked {
    runtime: tokio::runtime::Runtime,
    conn: sqlx::SqliteConnection,
}

impl Blocked {
    pub(super) fn of(database: &Path) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let conn = runtime.block_on(async {
            let mut conn = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
            sqlx::raw_sql("begin immediate").execute(&mut conn).await.unwrap();
            conn
        });
        Self { runtime, conn }
    }

    pub(super) fn end(self) {
        self.runtime.block_on(self.conn.close()).unwrap();
    }
}

#[test]
fn the_service_manager_is_told_that_it_works_that_it_is_alive_and_that_it_ends() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = impatient(&sandbox.origin());
    let path = gangway.folder().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let notify = path.to_str().unwrap();
    let worker = gangway.serve_with([("NOTIFY_SOCKET", notify), ("WATCHDOG_USEC", "400000")]);
    let ready = until(&socket, "READY=1\n");
    assert!(ready.contains("STATUS=calling http://127.0.0.1:"), "{ready}");
    until(&socket, "WATCHDOG=1");
    until(&socket, "WATCHDOG=1");

    // The process lives on; its worker alone is held up.
    let blocked = Blocked::of(&gangway.database());
    let began = Instant::now();
    let silent = loop {
        let alive = next(&socket, Duration::from_millis(1_500)).is_some();
        if !alive || began.elapsed() > PATIENCE {
            break !alive;
        }
    };
    assert!(silent, "the watchdog was fed though the worker stood still");
    blocked.end();
    until(&socket, "WATCHDOG=1");
    worker.signal(rustix::process::Signal::TERM);
    until(&socket, "STOPPING=1\n");
    assert_eq!(worker.wait(), Some(0));
}

#[test]
fn an_abstract_socket_is_told_and_a_watchdog_of_another_process_is_not() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin());
    let name = format!("gangway-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let worker = gangway.serve_with([
        ("NOTIFY_SOCKET", format!("@{name}").as_str()),
        ("WATCHDOG_USEC", "20000"),
        ("WATCHDOG_PID", "1"),
    ]);
    until(&socket, "READY=1\n");
    assert_eq!(next(&socket, Duration::from_millis(300)), None);
    worker.signal(rustix::process::Signal::TERM);
    until(&socket, "STOPPING=1\n");
    assert_eq!(worker.wait(), Some(0));
}

#[test]
fn without_a_service_manager_it_works_all_the_same() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin());
    let mut worker =
        gangway.serve_with([("NOTIFY_SOCKET", "/nowhere/notify"), ("WATCHDOG_USEC", "x")]);
    worker.wait_until_ready();
    worker.stop();
}

#[test]
fn systemd_reads_the_unit_and_finds_it_hardened() {
    let unit =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("config/gangway.service");
    let text = std::fs::read_to_string(unit).unwrap();
    let installed = "/usr/local/bin/gangway";
    assert!(text.contains(&format!("ExecStart={installed} --config")));
    let text = text.replace(installed, binary().to_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("gangway.service");
    std::fs::write(&unit, text).unwrap();
    let analyze = |arguments: &[&str]| {
        Command::new("systemd-analyze").args(arguments).arg(&unit).output().ok()
    };
    let Some(verified) = analyze(&["verify"]) else {
        return skipped(
            "the unit",
            "systemd-analyze is not here; `apt-get install systemd` brings it",
        );
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("gangway.service"), "{said}");
    // In tenths: from 0, all is closed, to 100.
    let secure = analyze(&["security", "--offline=yes", "--threshold=15", "--no-pager"]).unwrap();
    assert!(secure.status.success(), "{}", String::from_utf8_lossy(&secure.stdout));
}
