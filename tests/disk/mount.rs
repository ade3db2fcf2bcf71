//! File systems of a test's own, where root may make them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted file system, unmounted when it is dropped.
pub struct Mount {
    /// Where it is mounted.
    pub folder: PathBuf,
    _place: TempDir,
}

impl Mount {
    /// A small one in memory. Why there is none, where there can't be.
    pub fn in_memory(size: &str) -> Result<Self, String> {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("mount");
        std::fs::create_dir(&folder).unwrap();
        let options = format!("size={size},mode=700");
        run("mount", &["-t", "tmpfs", "-o", &options, "gangway-test", text(&folder)])?;
        Ok(Self { folder, _place: place })
    }

    /// An ext4 in a file. Why there is none, where there can't be.
    pub fn ext4() -> Result<Self, String> {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("mount");
        std::fs::create_dir(&folder).unwrap();
        let image = place.path().join("image");
        std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", text(&image)])?;
        let mount = Self { folder, _place: place };
        mount.mount_image()?;
        Ok(mount)
    }

    fn mount_image(&self) -> Result<(), String> {
        let image = self.folder.with_file_name("image");
        run("mount", &["-o", "loop", text(&image), text(&self.folder)])
    }

    /// Unmounts the image and mounts it anew, as after a power loss.
    pub fn mount_again(&self) {
        run("umount", &[text(&self.folder)]).unwrap();
        self.mount_image().unwrap();
    }

    /// Makes it read-only, or writable again.
    pub fn set(&self, mode: &str) {
        run("mount", &["-o", &format!("remount,{mode}"), text(&self.folder)]).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A process that is being killed may have a file open for a moment longer.
        let _ = run("umount", &["-l", text(&self.folder)]);
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program} can't be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} says: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
