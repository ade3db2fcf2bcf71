//! `gangway document`: a user's documents.

use engine::Intake;
use onboarding::{DOCUMENT_BYTES_MAX, UserLocator};
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
    let intake = Intake::new(database::existing(settings).await?, Actor::Cli);
    let now = clock::now();
    let name = args.file.file_name().map(|name| name.to_string_lossy());
    let settled = intake
        .add_document(&user, &args.document_type, &bytes, name.as_deref(), args.expires, now)
        .await?;
    report::report(&settled, &settings.policy, now, args.output.json)
}
