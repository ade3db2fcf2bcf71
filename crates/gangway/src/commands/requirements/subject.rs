//! Whom a check is about: a file that describes a user, or a user in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::IntakeError;
use onboarding::requirements::Case;
use onboarding::{
    Date, DocumentType, Eligibility, JSON_BYTES_MAX, LegalText, Product, Profile, Timestamp,
    UserFile, UserLocator,
};
use store::Store as _;

use crate::commands::{read, report};
use crate::database;
use crate::error::Error;
use crate::settings::Settings;

/// What is known of whom a check is about. It holds personal data: no `Debug`.
pub(super) struct Subject {
    pub(super) named: Named,
    pub(super) wanted: BTreeSet<Product>,
    pub(super) profile: Option<Profile>,
    pub(super) documents: BTreeMap<DocumentType, Option<Date>>,
    pub(super) consented: Option<Timestamp>,
    pub(super) eligibility: Vec<Eligibility>,
}

/// How whoever typed the command named them.
pub(super) enum Named {
    File(String),
    User(UserLocator),
}

impl Subject {
    /// Finds whom `text` names: a file that is there is one, whatever it is called.
    pub(super) async fn find(
        settings: &Settings,
        text: &str,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let path = Path::new(text);
        if text == "-" || path.is_file() {
            return Self::of_file(settings, path, now);
        }
        let user: UserLocator = text.parse().map_err(Error::NeitherFileNorLocator)?;
        Self::of_user(settings, user, now).await
    }

    fn of_file(settings: &Settings, path: &Path, now: Timestamp) -> Result<Self, Error> {
        let read = UserFile::parse(&read(path, JSON_BYTES_MAX)?, now);
        let checked = read.map_err(IntakeError::Refused)?;
        report::warn(&checked.warnings);
        let file = checked.value;
        Ok(Self {
            named: Named::File(path.display().to_string()),
            wanted: file.wanted_products.unwrap_or_else(|| settings.products_wanted.clone()),
            profile: file.profile,
            documents: BTreeMap::new(),
            consented: file
                .consents
                .iter()
                .find(|given| given.text == LegalText::PrivacyPolicy)
                .map(|given| given.accepted_at),
            eligibility: Vec::new(),
        })
    }

    async fn of_user(
        settings: &Settings,
        user: UserLocator,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let store = database::existing(settings).await?;
        let stored = store.find(&user).await?.ok_or(IntakeError::NoSuchUser)?;
        let onboarding = stored.onboarding;
        let content = store.profile(onboarding.id).await?;
        let profile = content.map(|content| serde_json::from_slice(&content.json)).transpose();
        let profile = profile.map_err(|_| IntakeError::DamagedProfile)?;
        let Case { wanted, documents, consented, eligibility, .. } =
            Case::of(&onboarding, None, now.date());
        Ok(Self { named: Named::User(user), wanted, profile, documents, consented, eligibility })
    }
}
