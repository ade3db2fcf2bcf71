//! What an edit came to, told to whoever made it.

use engine::{IntakeError, Settled};
use onboarding::{Policy, Problems, Reason, Status, Timestamp};

use crate::error::Error;
use crate::exit::Exit;
use crate::output::{note, print, print_json};
use crate::view;

/// Tells it: the status on stdout, warnings on stderr.
pub(super) fn report(
    settled: &Settled,
    policy: &Policy,
    now: Timestamp,
    json: bool,
) -> Result<Exit, Error> {
    warn(&settled.warnings);
    if let Some(reason) = settled.unchanged {
        note(&unchanged(reason));
    }
    let status = Status::of(&settled.stored.user, &settled.stored.onboarding, policy, now);
    if json {
        print_json(&status)?;
    } else {
        print(&format!("{}: {}", status.user, view::line(&status, now)))?;
    }
    Ok(Exit::Done)
}

/// An operator's request that the rules do not allow at present is a conflict; one that is
/// already fulfilled is not.
pub(super) fn refuse_if_not_now(settled: Settled) -> Result<Settled, Error> {
    match settled.unchanged {
        None | Some(Reason::AlreadySo) => Ok(settled),
        Some(reason) => Err(IntakeError::NotNow(reason).into()),
    }
}

/// Why nothing was changed.
pub(super) fn unchanged(reason: Reason) -> String {
    if reason == Reason::AlreadySo {
        return "unchanged: that is how it is already".to_owned();
    }
    IntakeError::NotNow(reason).to_string()
}

pub(super) fn warn(warnings: &Problems) {
    for warning in &warnings.0 {
        note(&warning.to_string());
    }
}
