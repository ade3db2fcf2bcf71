//! `gangway user`: a user's data.

use std::sync::Arc;

use engine::{Added, Edit, Intake};
use onboarding::{JSON_BYTES_MAX, Product, Timestamp, UserLocator};
use store::Actor;

use super::{read, report};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::note;
use crate::settings::Settings;
use crate::{cli, clock, database};

/// `user set`: the whole record.
pub(super) async fn set(settings: &Settings, args: cli::Edit) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let file = read(&args.file, JSON_BYTES_MAX)?;
    let store = database::created(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli)
        .with_requirements(Arc::clone(&settings.requirements))
        .with_old_verifications(settings.old_verifications());
    let now = clock::now();
    let added = added(settings, &args, now);
    let settled = intake.edit_user(&user, Edit::Replace(&file), added, now).await?;
    report::report(settings, &store, &settled, now, args.output.json).await
}

/// `user patch`: a merge patch of it.
pub(super) async fn patch(settings: &Settings, args: cli::Edit) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let file = read(&args.file, JSON_BYTES_MAX)?;
    let store = database::existing(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli)
        .with_requirements(Arc::clone(&settings.requirements))
        .with_old_verifications(settings.old_verifications());
    let now = clock::now();
    let added = added(settings, &args, now);
    let settled = intake.edit_user(&user, Edit::Patch(&file), added, now).await?;
    report::report(settings, &store, &settled, now, args.output.json).await
}

fn added(settings: &Settings, args: &cli::Edit, now: Timestamp) -> Added {
    for product in &args.want {
        if let Product::Other(word) = product {
            note(&format!("warning: the provider may not know the product {word}"));
        }
    }
    Added {
        wanted: (!args.want.is_empty()).then(|| args.want.iter().cloned().collect()),
        wanted_default: settings.products_wanted.clone(),
        verify: args.verify,
        new_id: clock::new_onboarding_id(now),
    }
}
