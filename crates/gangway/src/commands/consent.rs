//! `gangway consent`: what a user accepted of the provider's legal texts.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::{Added, Edit, Intake};
use onboarding::{Timestamp, UserLocator};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use store::Actor;

use super::{read, report};
use crate::cli::{self, ConsentText};
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::{clock, database};

/// The longest legal text that is hashed, in bytes.
const TEXT_BYTES_MAX: usize = 10_000_000;

/// `consent record`: an edit of the consent alone, which begins the onboarding of a new user.
pub(super) async fn record(settings: &Settings, args: cli::ConsentRecord) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let now = clock::now();
    let file = file(&args, now)?;
    let store = database::created(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli)
        .with_requirements(Arc::clone(&settings.requirements));
    let added = Added {
        wanted: (!args.want.is_empty()).then(|| BTreeSet::from_iter(args.want)),
        wanted_default: settings.products_wanted.clone(),
        verify: false,
        new_id: clock::new_onboarding_id(now),
    };
    let settled = intake.edit_user(&user, Edit::Replace(&file), added, now).await?;
    report::report(settings, &store, &settled, now, args.output.json).await
}

/// The user file that says so and nothing else: what it holds is checked where every other is.
fn file(args: &cli::ConsentRecord, now: Timestamp) -> Result<Vec<u8>, Error> {
    let name = match args.text {
        ConsentText::PrivacyPolicy => "privacyPolicyConsent",
        ConsentText::TermsOfService => "termsOfServiceConsent",
    };
    let hash = match (&args.text_hash, &args.text_file) {
        (Some(hash), _) => Some(hash.clone()),
        (None, Some(path)) => Some(sha256(&whole(path)?)),
        (None, None) => None,
    };
    let consent: Map<String, Value> = [
        ("acceptedAt", Some(args.at.clone().unwrap_or_else(|| now.to_string()))),
        ("region", args.region.clone()),
        ("textVersion", args.text_version.clone()),
        ("textHash", hash),
        ("language", args.language.clone()),
        ("method", args.method.clone()),
    ]
    .into_iter()
    .filter_map(|(field, value)| Some((field.to_owned(), Value::String(value?))))
    .collect();
    Ok(Value::Object(Map::from_iter([(name.to_owned(), Value::Object(consent))]))
        .to_string()
        .into())
}

/// The whole text: the hash of a part would be evidence of something else.
fn whole(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    let text = read(path, TEXT_BYTES_MAX)?;
    let is_whole = text.len() <= TEXT_BYTES_MAX;
    is_whole.then_some(text).ok_or_else(|| Error::TextTooLong(path.to_owned(), TEXT_BYTES_MAX))
}

fn sha256(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second example of FIPS 180.
    #[test]
    fn a_text_is_hashed_as_sha_256() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_text_above_the_limit_is_no_evidence() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(TEXT_BYTES_MAX as u64).unwrap();
        assert_eq!(whole(file.path()).unwrap().len(), TEXT_BYTES_MAX);
        file.as_file().set_len(TEXT_BYTES_MAX as u64 + 1).unwrap();
        assert!(matches!(whole(file.path()), Err(Error::TextTooLong(..))));
    }
}
