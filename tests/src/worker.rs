//! A running `serve`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::{PATIENCE, wait_until};

/// How the line begins that a worker logs once it works. An address that is already in use is
/// told of with the same word.
const READY: &str = ": ready version=";

/// A running `serve`, killed when it is dropped.
pub struct Worker {
    child: Child,
    log: PathBuf,
}

impl Worker {
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Self {
        let file = std::fs::File::create(&log).unwrap();
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self { child, log }
    }

    /// Waits until it says that it is ready.
    ///
    /// # Panics
    /// When it ends before, with its log.
    pub fn wait_until_ready(&mut self) {
        wait_until(PATIENCE, "the worker to be ready", || {
            let ended = self.ended();
            let said = self.said();
            let ready = said.contains(READY);
            assert!(ready || ended.is_none(), "it ended before it was ready: {said}");
            ready.then_some(())
        });
    }

    /// Where it serves the API.
    ///
    /// # Panics
    /// When it does not.
    pub fn origin(&self) -> String {
        let said = self.said();
        let origin = said.split("http=\"").nth(1).and_then(|rest| rest.split('"').next());
        origin.expect("the ready line says where").to_owned()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What it has logged so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Ends it at once, with SIGKILL: it gets no chance to tidy up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.ended().is_none()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it has ended by itself, and answers its exit code.
    pub fn wait(mut self) -> Option<i32> {
        wait_until(PATIENCE, "the worker to end", || self.child.try_wait().unwrap()).code()
    }

    /// Asks it to stop, as a service manager would.
    ///
    /// # Panics
    /// When it does not end with exit code 0.
    pub fn stop(self) {
        self.signal(Signal::TERM);
        let log = self.log.clone();
        assert_eq!(self.wait(), Some(0), "{}", std::fs::read_to_string(log).unwrap());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
