//! The demo's worker: a real `gangway serve`, as a process of its own that can be killed.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// How long a worker may take to end after SIGTERM.
const END_TIMEOUT: Duration = Duration::from_secs(15);

/// A running worker.
pub(super) struct WorkerProcess {
    child: Child,
}

/// How to start one.
pub(super) struct Start {
    config: PathBuf,
    log: PathBuf,
}

impl Start {
    /// Workers with this settings file, whose log goes to `log`.
    pub(super) fn new(config: &Path, log: &Path) -> Self {
        Self { config: config.to_owned(), log: log.to_owned() }
    }

    /// Starts this very program as `serve`.
    pub(super) fn start(&self) -> Result<WorkerProcess> {
        let program = std::env::current_exe().context("can't find this program's own file")?;
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("can't write {}", self.log.display()))?;
        let mut command = Command::new(program);
        // Settings in the environment are above the file: the demo must not work on a real
        // database, nor call a real provider.
        for name in std::env::vars_os().map(|(name, _)| name) {
            if name.to_string_lossy().starts_with("GANGWAY_") {
                command.env_remove(name);
            }
        }
        let child = command
            .arg("--config")
            .arg(&self.config)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("can't start the worker")?;
        Ok(WorkerProcess { child })
    }
}

impl WorkerProcess {
    /// Its process id; 0 once it has ended.
    pub(super) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Ends it at once, with SIGKILL: it gets no chance to tidy up.
    pub(super) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("can't kill the worker")
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to stop, with SIGTERM, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<()> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let Some(pid) = pid else { bail!("the worker ended by itself; its log says why") };
        kill_process(pid, Signal::TERM).context("can't stop the worker")?;
        let status = tokio::time::timeout(END_TIMEOUT, self.child.wait())
            .await
            .context("the worker does not stop")??;
        if !status.success() {
            bail!("the worker ended with {status} after SIGTERM; its log says why");
        }
        Ok(())
    }
}
