//! Faults that are planted on purpose into the real code, to see that the checks bite: the
//! list of them, which check is to catch which, and a copy of the tree to plant them in.

mod check;
mod copy;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use check::{Check, Outcome};
pub use copy::Tree;

/// A fault: a patch, and the checks of which one has to catch it.
pub struct Fault {
    /// The name of the patch, without its extension.
    pub name: String,
    /// What it breaks, as a sentence.
    pub breaks: String,
    /// In the order in which they are tried.
    pub checks: Vec<Check>,
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the repository")
}

/// Where the patches and their list are.
pub fn folder() -> PathBuf {
    root().join("tests/planted")
}

/// The faults in the list, in its order.
///
/// # Panics
/// When a line of the list can't be understood; the text holds it.
pub fn faults() -> Vec<Fault> {
    let list = std::fs::read_to_string(folder().join("faults.md")).unwrap();
    let rows = list.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| fault(row).unwrap_or_else(|| panic!("not understood: {row}"))).collect()
}

fn fault(row: &str) -> Option<Fault> {
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    let [name, breaks, _invariant, checks] = cells[..] else { return None };
    let checks = checks.split(", ").map(Check::from_word).collect::<Option<_>>()?;
    Some(Fault { name: name.to_owned(), breaks: breaks.to_owned(), checks })
}

impl Fault {
    /// The patch.
    pub fn patch(&self) -> PathBuf {
        folder().join(format!("{}.patch", self.name))
    }

    /// Applies the patch in `tree`, or only tries to.
    ///
    /// # Errors
    /// When it does not fit the code any more; the text names it and says what to do.
    pub fn apply(&self, tree: &Path, extent: Extent) -> Result<(), String> {
        let mut git = Command::new("git");
        git.current_dir(tree).arg("apply");
        if extent == Extent::TryOnly {
            git.arg("--check");
        }
        let applied = git.arg(self.patch()).output().map_err(|error| format!("git: {error}"))?;
        if applied.status.success() {
            return Ok(());
        }
        Err(format!(
            "{name} does not apply any more: break the code by hand as the list says ({breaks}) and \
             write `git diff -U2` to tests/planted/{name}.patch\n{said}",
            name = self.name,
            breaks = self.breaks,
            said = String::from_utf8_lossy(&applied.stderr),
        ))
    }
}

/// How far [`Fault::apply`] goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The code is changed.
    Change,
    /// The code stays as it is.
    TryOnly,
}
