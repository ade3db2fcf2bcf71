//! `gangway hold`, `resume`, `retry`, `cancel` and `erase`: what an operator may do.

use engine::Intake;
use onboarding::{Event, UserLocator};
use store::Actor;

use super::report;
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::{cli, clock, database};

/// Lets the event that `event` makes of the operator's reason happen.
pub(super) async fn run(
    settings: &Settings,
    args: cli::Operate,
    event: fn(String) -> Event,
) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let intake = Intake::new(database::existing(settings).await?, Actor::Cli);
    let now = clock::now();
    let settled = report::refuse_if_not_now(intake.tell(&user, event(args.reason), now).await?)?;
    report::report(&settled, &settings.policy, now, args.output.json)
}
