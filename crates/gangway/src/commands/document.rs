//! `gangway document`: a user's documents.

use std::sync::Arc;

use documents::DOCUMENT_BYTES_MAX;
use engine::{Intake, IntakeError};
use onboarding::{Event, Problems, UserLocator};
use store::Actor;

use super::{read, report};
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::{cli, clock, database};

/// `document add`.
pub(super) async fn add(settings: &Settings, args: cli::DocumentAdd) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let bytes = read(&args.file, DOCUMENT_BYTES_MAX)?;
    let store = database::existing(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli);
    let now = clock::now();
    let name = args.file.file_name().map(|name| name.to_string_lossy());
    let added = intake
        .add_document(&user, &args.document_type, &bytes, name.as_deref(), args.expires, now)
        .await;
    let mut settled = added.map_err(|error| match error {
        IntakeError::Refused(problems) => IntakeError::Refused(at_flags(problems)),
        IntakeError::NoSuchUser
        | IntakeError::Ended(_)
        | IntakeError::NotNow(_)
        | IntakeError::Conflict
        | IntakeError::DamagedProfile
        | IntakeError::Store(_) => error,
    })?;
    settled.warnings = at_flags(settled.warnings);
    report::report(settings, &store, &settled, now, args.output.json).await
}

/// The same problems, at the flags in whose values they are: there is no JSON to point into.
fn at_flags(mut problems: Problems) -> Problems {
    for problem in &mut problems.0 {
        let flag = match problem.pointer.as_str() {
            "/data" => "--file",
            "/documentType" => "--type",
            "/expiresAt" => "--expires",
            _ => continue,
        };
        flag.clone_into(&mut problem.pointer);
    }
    problems
}

/// `document remove`.
pub(super) async fn remove(settings: &Settings, args: cli::DocumentRemove) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let store = database::existing(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli);
    let now = clock::now();
    let event = Event::DocumentWithdrawn { document_type: args.document_type };
    let settled = report::refuse_if_not_now(intake.tell(&user, event, now).await?)?;
    report::report(settings, &store, &settled, now, args.output.json).await
}
