//! The table of requirements in force: the built-in one, or the file that replaces it.

use std::io::Read as _;
use std::path::PathBuf;

use onboarding::Requirements;
use onboarding::requirements::REQUIREMENTS_BYTES_MAX;

use super::Settings;

/// Why the configured table of requirements can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequirementsError {
    #[error("the file of requirements.file can't be read: {path}; check the path")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "the requirements in {path} can't be used; correct them as docs/requirements.md says:\n\
         {problems}"
    )]
    Refused { path: PathBuf, problems: onboarding::Problems },
}

impl Settings {
    /// The table of requirements in force.
    pub(crate) fn requirements(&self) -> Result<Requirements, RequirementsError> {
        let Some(path) = self.requirements_file.clone() else {
            return Ok(Requirements::default());
        };
        let mut text = String::new();
        // One byte above the limit is enough for it to be refused.
        let limit = u64::try_from(REQUIREMENTS_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let read =
            std::fs::File::open(&path).and_then(|file| file.take(limit).read_to_string(&mut text));
        match read.map(|_| Requirements::parse(&text)) {
            Ok(Ok(requirements)) => Ok(requirements),
            Ok(Err(problems)) => Err(RequirementsError::Refused { path, problems }),
            Err(source) => Err(RequirementsError::File { path, source }),
        }
    }
}
