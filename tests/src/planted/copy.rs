//! A copy of the tree to plant faults in, with a target folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of the tree as it is, without what Git does not know of. It is kept from one run to
/// the next, so that only what changed is built.
pub struct Tree {
    path: PathBuf,
    target: PathBuf,
    logs: PathBuf,
}

impl Tree {
    /// Copies the tree at `root` into its target folder.
    ///
    /// # Panics
    /// When Git can't.
    pub fn copy(root: &Path) -> Self {
        let home = root.join("target/planted");
        let tree =
            Self { path: home.join("tree"), target: home.join("build"), logs: home.join("logs") };
        std::fs::create_dir_all(&tree.logs).unwrap();
        if !tree.path.exists() {
            let path = tree.path.to_str().unwrap();
            git(root, &["clone", "--quiet", "--shared", "--no-checkout", ".", path]);
        }
        // Of a tree without changes, nothing is made.
        let made = git(root, &["stash", "create"]);
        let commit = if made.is_empty() { git(root, &["rev-parse", "HEAD"]) } else { made };
        git(&tree.path, &["checkout", "--quiet", "--force", "--detach", &commit]);
        tree
    }

    /// Where the copy is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is built.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The file for what a check says.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// Takes back what was planted.
    ///
    /// # Panics
    /// When Git can't.
    pub fn restore(&self) {
        git(&self.path, &["checkout", "--quiet", "--force", "."]);
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
