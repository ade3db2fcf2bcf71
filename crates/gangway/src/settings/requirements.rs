//! The table of requirements in force: the built-in one, or the file that replaces it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use crossmint::ApiForm;
use engine::OldVerifications;
use onboarding::requirements::REQUIREMENTS_BYTES_MAX;
use onboarding::{Accepts, Requirements};

use super::Settings;

impl Settings {
    /// Reads the table that is named, and lets the rules follow it. Answers what is wrong.
    pub(super) fn read_requirements(&mut self) -> Vec<String> {
        if let Some(path) = &self.requirements_file {
            match read(path) {
                Ok(requirements) => self.requirements = Arc::new(requirements),
                Err(problems) => return problems,
            }
        }
        let is_current = self.crossmint.api == ApiForm::Current;
        // The quickstart's documents are others than the newest reference's.
        let accepts = is_current.then(|| self.requirements.accepts());
        self.policy.accepts = accepts.unwrap_or_else(Accepts::default);
        self.policy.confirm_registration = is_current;
        self.policy.keeps_consents = !is_current;
        if !is_current {
            // That page takes verifications of any age.
            self.policy.verification_valid_ms = 0;
            self.requirements = Arc::new(self.requirements.without_consents());
        }
        Vec::new()
    }

    /// What becomes of data whose verification was long ago.
    pub(crate) fn old_verifications(&self) -> OldVerifications {
        match self.crossmint.api {
            ApiForm::Current => OldVerifications::Refused,
            // Its own sample is of 2024.
            ApiForm::Quickstart => OldVerifications::Taken,
        }
    }
}

fn read(path: &Path) -> Result<Requirements, Vec<String>> {
    let mut text = String::new();
    // One byte above the limit is enough for it to be refused.
    let limit = u64::try_from(REQUIREMENTS_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let read =
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    let shown = path.display();
    if let Err(error) = read {
        return Err(vec![format!(
            "requirements.file: {shown} can't be read ({error}); check the path"
        )]);
    }
    Requirements::parse(&text).map_err(|problems| {
        let told = problems.0.iter().map(|problem| {
            format!(
                "requirements.file: {shown}: {problem}; docs/requirements.md explains the table"
            )
        });
        told.collect()
    })
}
