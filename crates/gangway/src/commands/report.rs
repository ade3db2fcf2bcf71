//! What an edit came to, told to whoever made it.

use engine::{IntakeError, Settled, views};
use onboarding::{Problems, Reason, State, Timestamp};
use store::SqliteStore;

use super::standstill;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{note, print, print_json};
use crate::settings::Settings;
use crate::view;

/// Tells it: the status on stdout, warnings on stderr.
pub(super) async fn report(
    settings: &Settings,
    store: &SqliteStore,
    settled: &Settled,
    now: Timestamp,
    json: bool,
) -> Result<Exit, Error> {
    warn(&settled.warnings);
    if let Some(why) = unchanged(settled) {
        note(&why);
    }
    let reader = settings.reader(&settings.texts.language, now);
    let status = views::after(settled, &reader);
    standstill::warn(settings, store, &status, now).await?;
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
        Some(reason) => Err(not_now(reason, settled.stored.onboarding.state)),
    }
}

/// Why nothing was changed, if nothing was.
pub(super) fn unchanged(settled: &Settled) -> Option<String> {
    let reason = settled.unchanged?;
    if reason == Reason::AlreadySo {
        return Some("unchanged: that is how it is already".to_owned());
    }
    Some(not_now(reason, settled.stored.onboarding.state).to_string())
}

/// The rules give one reason whether the verdict is there or still to come.
fn not_now(reason: Reason, state: State) -> Error {
    if reason == Reason::NothingNewToVerify && state == State::Polling {
        return Error::UnderWay;
    }
    IntakeError::NotNow(reason).into()
}

pub(super) fn warn(warnings: &Problems) {
    for warning in &warnings.0 {
        note(&warning.to_string());
    }
}

#[cfg(test)]
mod tests {
    use onboarding::{Onboarding, OnboardingId};
    use store::Stored;

    use super::*;

    #[test]
    fn nothing_new_to_verify_reads_as_what_it_means_where_the_user_stands() {
        let blank = Onboarding::blank(OnboardingId(uuid::Uuid::nil()), Timestamp(0));
        for (state, expected) in [
            (State::Polling, "verification is under way; `gangway status --watch` follows it"),
            (
                State::Verified,
                "not done: the provider has judged all that we hold; supply something new, or \
                 read its verdict again with `gangway retry`",
            ),
        ] {
            let settled = Settled {
                stored: Stored {
                    user: "userId:ada".parse().unwrap(),
                    onboarding: Onboarding { state, ..blank.clone() },
                },
                is_new: false,
                unchanged: Some(Reason::NothingNewToVerify),
                wallet: None,
                profile: None,
                warnings: Problems::default(),
            };
            assert_eq!(unchanged(&settled).as_deref(), Some(expected));
            let refused = refuse_if_not_now(settled).err().unwrap();
            assert_eq!(
                (refused.to_string(), refused.exit()),
                (expected.to_owned(), Exit::Conflict)
            );
        }
    }
}
