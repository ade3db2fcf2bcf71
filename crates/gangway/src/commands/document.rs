//! `gangway document`: a user's documents.

use std::path::Path;
use std::sync::Arc;

use documents::{CheckedDocument, Given, Metadata, Size, check_document};
use engine::{Intake, IntakeError};
use onboarding::{Checked, Event, Problems, UserLocator};
use serde_json::{Value, json};
use store::Actor;

use super::{read, report};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::settings::Settings;
use crate::{cli, clock, database};

/// `document add`.
pub(super) async fn add(settings: &Settings, args: cli::DocumentAdd) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let bytes = read(&args.file, settings.documents.bytes_max)?;
    let store = database::existing(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli).with_limits(settings.documents);
    let now = clock::now();
    let given = Given {
        document_type: &args.document_type,
        bytes: &bytes,
        file_name: file_name(&args.file),
        expires_at: args.expires,
    };
    let added = intake.add_document(&user, &given, now).await;
    let mut settled = added.map_err(|error| match error {
        IntakeError::Refused(problems) => IntakeError::Refused(at_flags(problems)),
        IntakeError::NoSuchUser
        | IntakeError::NoSuchWallet
        | IntakeError::Ended(_)
        | IntakeError::NotNow(_)
        | IntakeError::Moved(_)
        | IntakeError::Conflict
        | IntakeError::DamagedProfile
        | IntakeError::Store(_) => error,
    })?;
    settled.warnings = at_flags(settled.warnings);
    report::report(settings, &store, &settled, now, args.output.json).await
}

/// One that is no text says no type.
fn file_name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

/// `document check`.
pub(super) fn check(settings: &Settings, args: &cli::DocumentCheck) -> Result<Exit, Error> {
    let bytes = read(&args.file, settings.documents.bytes_max)?;
    let given = Given {
        document_type: &args.document_type,
        bytes: &bytes,
        file_name: file_name(&args.file),
        expires_at: args.expires,
    };
    let (document, problems) =
        match check_document(&given, &settings.documents, clock::now().date()) {
            Ok(Checked { value, warnings }) => (Some(value), at_flags(warnings)),
            Err(problems) => (None, at_flags(problems)),
        };
    if args.output.json {
        print_json(&in_json(document.as_ref(), bytes.len(), &problems))?;
    } else {
        report::warn(&problems);
        document.iter().try_for_each(|document| print(&in_words(document, bytes.len())))?;
    }
    Ok(if document.is_some() { Exit::Done } else { Exit::Failed })
}

fn in_words(document: &CheckedDocument, bytes: usize) -> String {
    let taken_out: Vec<&str> = words(document).collect();
    let mut lines =
        vec![format!("type: {}", document.media_type.as_str()), format!("bytes: {bytes}")];
    lines.extend(document.size.map(|size| format!("pixels: {} x {}", size.width, size.height)));
    lines.extend(document.pages.map(|pages| format!("pages: {pages}")));
    let taken_out = if taken_out.is_empty() { "nothing".to_owned() } else { taken_out.join(", ") };
    lines.push(format!("taken out: {taken_out}"));
    lines.push(format!("bytes to send: {}", document.content.len()));
    lines.join("\n")
}

fn in_json(document: Option<&CheckedDocument>, bytes: usize, problems: &Problems) -> Value {
    let size = document.and_then(|document| document.size);
    let size = size.map(|Size { width, height }| json!({ "width": width, "height": height }));
    json!({
        "accepted": document.is_some(),
        "mediaType": document.map(|document| document.media_type.as_str()),
        "bytes": bytes,
        "pixels": size,
        "pages": document.and_then(|document| document.pages),
        "takenOut": document.map(|document| words(document).collect::<Vec<_>>()),
        "bytesToSend": document.map(|document| document.content.len()),
        "problems": problems,
    })
}

fn words(document: &CheckedDocument) -> impl Iterator<Item = &'static str> {
    document.metadata.iter().copied().map(Metadata::as_str)
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
