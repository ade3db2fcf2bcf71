//! `gangway status`: where a user stands.

use engine::{IntakeError, views};
use onboarding::texts::Language;
use onboarding::{Status, Timestamp, UserLocator};
use store::{SqliteStore, Store as _};

use super::standstill;
use super::watch::watch;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{print, print_json, print_json_line};
use crate::settings::Settings;
use crate::{cli, clock, database, view};

/// `status`, once or as it changes.
pub(super) async fn run(settings: &Settings, args: cli::Status) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let store = database::existing(settings).await?;
    let language = args.lang.or(&settings.texts);
    if args.watch {
        return follow(settings, &store, &user, &language, args.output.json).await;
    }
    let stored = store.find(&user).await?.ok_or(IntakeError::NoSuchUser)?;
    let now = clock::now();
    let reader = settings.reader(&language, now);
    let status = views::status(&*store, &stored, &reader).await?;
    standstill::warn(settings, &store, &status, now).await?;
    show(&status, now, args.output.json)?;
    Ok(Exit::of(&stored.onboarding, &settings.policy))
}

/// Prints a status whole.
pub(super) fn show(status: &Status, now: Timestamp, json: bool) -> Result<(), Error> {
    if json {
        print_json(status)?;
    } else {
        print(&view::page(status, now))?;
    }
    Ok(())
}

async fn follow(
    settings: &Settings,
    store: &SqliteStore,
    user: &UserLocator,
    language: &Language,
    json: bool,
) -> Result<Exit, Error> {
    let ended = watch(settings, store, user, language, None, |status| {
        if json {
            print_json_line(status)?;
        } else {
            print(&format!("{}  {}", status.updated_at, view::line(status, clock::now())))?;
        }
        Ok(())
    })
    .await?;
    Ok(Exit::of(&ended.into_stored().onboarding, &settings.policy))
}
