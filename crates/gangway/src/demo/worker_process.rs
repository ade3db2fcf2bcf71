//! The demo's worker: a real `gangway serve`, as a process of its own that can be killed.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::folder;

/// How long a worker may take to end after SIGTERM.
const END_TIMEOUT: Duration = Duration::from_secs(15);
/// How many lines of its log are shown when something went wrong.
const LOG_LINES_SHOWN: usize = 15;

/// A worker, running or not. A running one is killed when this is dropped.
pub(super) struct WorkerProcess {
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl WorkerProcess {
    /// A worker with this settings file, whose log goes to `log`; not running yet.
    pub(super) const fn new(config: PathBuf, log: PathBuf) -> Self {
        Self { config, log, child: None }
    }

    /// Starts this very program as `serve`, and answers its process id.
    pub(super) fn start(&mut self) -> Result<u32> {
        let program = std::env::current_exe().context("can't find this program's own file")?;
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
            .stderr(folder::append(&self.log)?)
            .kill_on_drop(true)
            .spawn()
            .context("can't start the worker")?;
        let id = child.id().expect("a child that nobody has waited for has an id");
        self.child = Some(child);
        Ok(id)
    }

    /// Ends it at once, with SIGKILL, if it runs: it gets no chance to tidy up.
    pub(super) async fn kill(&mut self) -> Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await.context("can't kill the worker"),
            None => Ok(()),
        }
    }

    /// Fails if it has ended, which it never should by itself.
    pub(super) fn expect_running(&mut self) -> Result<()> {
        match self.child.as_mut().map(Child::try_wait).transpose()?.flatten() {
            Some(status) => Err(self.ended_badly("by itself", status)),
            None => Ok(()),
        }
    }

    /// Asks it to stop, with SIGTERM, and waits until it has.
    pub(super) async fn stop(&mut self) -> Result<()> {
        self.expect_running()?;
        let Some(child) = &mut self.child else { return Ok(()) };
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pid = pid.expect("a child that runs has an id");
        kill_process(pid, Signal::TERM).context("can't stop the worker")?;
        let Ok(ended) = tokio::time::timeout(END_TIMEOUT, child.wait()).await else {
            bail!("the worker does not stop; {}", self.end_of_log());
        };
        let status = ended?;
        if !status.success() {
            return Err(self.ended_badly("on SIGTERM", status));
        }
        self.child = None;
        Ok(())
    }

    fn ended_badly(&self, when: &str, status: ExitStatus) -> anyhow::Error {
        anyhow::anyhow!("the worker ended {when} with {status}; {}", self.end_of_log())
    }

    /// The last lines of its log, for an error's text.
    pub(super) fn end_of_log(&self) -> String {
        let Ok(log) = std::fs::read_to_string(&self.log) else {
            return "its log can't be read".to_owned();
        };
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        format!("its log ends with:\n    {}", shown.join("\n    "))
    }
}
