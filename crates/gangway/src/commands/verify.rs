//! `gangway verify`: asks for verification, and waits for its end if told to.

use std::sync::Arc;
use std::time::Duration;

use engine::{Intake, Settled, views};
use onboarding::{Event, Status, UserLocator};
use store::{Actor, SqliteStore};

use super::watch::{Ended, watch};
use super::{report, status};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::note;
use crate::settings::{Settings, duration};
use crate::{cli, clock, database};

/// `verify`.
pub(super) async fn run(settings: &Settings, args: cli::Verify) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let store = database::existing(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli);
    let now = clock::now();
    let settled = intake.tell(&user, Event::VerificationRequested, now).await?;
    if args.wait {
        return wait(settings, &store, &user, &settled, &args).await;
    }
    let settled = report::refuse_if_not_now(settled)?;
    report::report(settings, &store, &settled, now, args.output.json).await
}

/// Waits, even if there is nothing new to verify: the verdict may still be to come.
async fn wait(
    settings: &Settings,
    store: &SqliteStore,
    user: &UserLocator,
    settled: &Settled,
    args: &cli::Verify,
) -> Result<Exit, Error> {
    if let Some(why) = report::unchanged(settled) {
        note(&why);
    }
    let language = &settings.texts.language;
    let limit = args.timeout.map(Duration::from_millis);
    let ended = watch(settings, store, user, language, limit, |_: &Status| Ok(())).await?;
    if let (Ended::TimedOut(_), Some(ms)) = (&ended, args.timeout) {
        note(&format!("no end after {}; `gangway status --watch` waits on", duration::rough(ms)));
    }
    let stored = ended.into_stored();
    let now = clock::now();
    let view = views::status(store, &stored, &settings.reader(language, now)).await?;
    status::show(&view, now, args.output.json)?;
    Ok(Exit::of(&stored.onboarding, &settings.policy))
}
