//! What keeps every user from going on: no worker runs, or the provider refuses every call.
//! It is told on stderr, so that nobody waits in vain and JSON stays what it is.

use onboarding::{Status, Timestamp};
use store::{ProviderGate, SqliteStore, Store as _, worker_is_running};

use crate::error::Error;
use crate::output::note;
use crate::settings::Settings;
use crate::view;

/// Warns whoever looks at a user for whom a call is to be made.
pub(super) async fn warn(
    settings: &Settings,
    store: &SqliteStore,
    status: &Status,
    now: Timestamp,
) -> Result<(), Error> {
    if status.next_step.due_at.is_none() {
        return Ok(());
    }
    // Where it can't be told, `gangway doctor` says why; a warning would be a guess.
    if matches!(worker_is_running(&settings.store_url), Ok(false)) {
        note("warning: no worker runs on this database, so nothing goes on; start `gangway serve`");
    }
    if let ProviderGate::Closed(closed) = store.provider_gate().await? {
        note(&format!("warning: {}", view::closed(&closed, now)));
    }
    Ok(())
}
