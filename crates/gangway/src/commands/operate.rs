//! `gangway hold`, `resume`, `retry`, `reopen`, `task waive`, `cancel` and `erase`: what an
//! operator may do.

use std::sync::Arc;

use engine::Intake;
use onboarding::{Event, UserLocator};
use store::Actor;

use super::report;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{note, plain};
use crate::settings::Settings;
use crate::{cli, clock, database};

/// Lets the event that `event` makes of the operator's reason happen.
pub(super) async fn run(
    settings: &Settings,
    args: cli::Operate,
    event: fn(String) -> Event,
) -> Result<Exit, Error> {
    let cli::Operate { user, reason, output } = args;
    tell(settings, &user, event(reason), &output).await
}

/// Lets `event` happen to the user.
pub(super) async fn tell(
    settings: &Settings,
    user: &cli::User,
    event: Event,
    output: &cli::Json,
) -> Result<Exit, Error> {
    let user: UserLocator = user.locator.parse()?;
    let store = database::existing(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli);
    let now = clock::now();
    let settled = report::refuse_if_not_now(intake.tell(&user, event, now).await?)?;
    let hold = settled.stored.onboarding.hold.as_ref();
    if let Some(hold) = hold.filter(|_| settled.unchanged.is_some()) {
        note(&format!("the reason that was given first stands: {}", plain(&hold.message)));
    }
    report::report(settings, &store, &settled, now, output.json).await
}
