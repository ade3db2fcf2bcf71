//! The folder of a demo: its database, its worker's settings and log. A temporary one is gone
//! when the demo ends, however it ends.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use super::CALLS_PER_MINUTE;

/// For the owner's eyes only: the settings hold a key, and a log says who is onboarded when.
const FILE_MODE: u32 = 0o600;

/// Where a demo works.
pub(super) struct Folder {
    /// An absolute path: what is kept is looked into from anywhere.
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Folder {
    /// The folder `keep`, made if need be, or a temporary one.
    pub(super) fn new(keep: Option<&Path>) -> Result<Self> {
        let Some(keep) = keep else {
            let made = tempfile::tempdir()
                .context("can't make a temporary folder; TMPDIR names another place for it")?;
            return Ok(Self { path: made.path().to_owned(), temporary: Some(made) });
        };
        if keep.exists() && !keep.is_dir() {
            bail!(
                "{} is a file; --keep takes a folder, which is made if it is missing",
                keep.display()
            );
        }
        fs::create_dir_all(keep).with_context(|| {
            format!("can't make the folder {}; name another with --keep", keep.display())
        })?;
        let path = std::path::absolute(keep)?;
        let folder = Self { path, temporary: None };
        for used in [folder.database(), folder.config(), folder.log()] {
            if used.exists() {
                bail!("{} is there already; name another folder with --keep", used.display());
            }
        }
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it stays when the demo has ended.
    pub(super) const fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// The database's file.
    fn database(&self) -> PathBuf {
        self.path.join("gangway.db")
    }

    /// The database, as the setting names it.
    pub(super) fn store_url(&self) -> String {
        format!("sqlite:{}", self.database().display())
    }

    /// The file of the worker's settings.
    pub(super) fn config(&self) -> PathBuf {
        self.path.join("gangway.toml")
    }

    /// The file of the worker's log.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("worker.log")
    }

    /// Writes the settings of a worker that calls the provider at `origin`.
    pub(super) fn write_config(&self, origin: &str) -> Result<()> {
        // A path may hold what has to be escaped in TOML.
        let store_url = toml::Value::from(self.store_url());
        let text = format!(
            "# Written by `gangway demo`.\n\
             [crossmint]\n\
             url = \"{origin}\"\n\
             api_key = \"sk_staging_demo\"\n\
             api = \"quickstart\"\n\
             writes_per_minute = {CALLS_PER_MINUTE}\n\
             reads_per_minute = {CALLS_PER_MINUTE}\n\n\
             [store]\n\
             url = {store_url}\n\n\
             [http]\n\
             listen = \"off\"\n"
        );
        let path = self.config();
        append(&path)
            .and_then(|mut file| Ok(file.write_all(text.as_bytes())?))
            .with_context(|| format!("can't write {}", path.display()))
    }

    /// Removes it, unless it is kept.
    pub(super) fn close(self) -> Result<()> {
        let Some(temporary) = self.temporary else { return Ok(()) };
        temporary
            .close()
            .with_context(|| format!("can't remove {}; remove it by hand", self.path.display()))
    }
}

/// Opens a file to write at its end, made for the owner alone.
pub(super) fn append(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).mode(FILE_MODE).open(path);
    file.with_context(|| format!("can't open {}", path.display()))
}
