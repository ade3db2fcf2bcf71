//! Whom a check is about: a file that describes a user, or a user in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::IntakeError;
use onboarding::{
    Date, DocumentType, Eligibility, JSON_BYTES_MAX, LegalText, Onboarding, Product, ProductStatus,
    Profile, Request, Section, TaskState, Timestamp, UNNAMED_REQUEST, UserFile, UserLocator,
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
        Self::of_user(settings, user).await
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

    async fn of_user(settings: &Settings, user: UserLocator) -> Result<Self, Error> {
        let store = database::existing(settings).await?;
        let stored = store.find(&user).await?.ok_or(IntakeError::NoSuchUser)?;
        let onboarding = stored.onboarding;
        let content = store.profile(onboarding.id).await?;
        let profile = content.map(|content| serde_json::from_slice(&content.json)).transpose();
        let documents = onboarding.documents.iter().filter(|(_, document)| document.is_at_hand());
        Ok(Self {
            named: Named::User(user),
            wanted: onboarding.wanted.clone(),
            profile: profile.map_err(|_| IntakeError::DamagedProfile)?,
            documents: documents.map(|(kind, it)| (kind.clone(), it.expires_at)).collect(),
            consented: onboarding.consent.as_ref().map(|consent| consent.accepted_at),
            eligibility: unsupplied(&onboarding),
        })
    }
}

/// The provider's last word without what was supplied since. When nothing is left of what it
/// asked for, it is as good as in review.
fn unsupplied(onboarding: &Onboarding) -> Vec<Eligibility> {
    let words = onboarding.observation.iter().flat_map(|it| it.products.values());
    let is_supplied = |request: &Request| {
        let mut tasks = onboarding.tasks.iter();
        tasks.any(|task| task.request == *request && task.state == TaskState::Supplied)
    };
    words.map(|word| without(word.clone(), is_supplied)).collect()
}

fn without(mut word: Eligibility, is_supplied: impl Fn(&Request) -> bool) -> Eligibility {
    let was_unnamed = word.missing_data.is_empty() && word.missing_documents.is_empty();
    word.missing_data.retain(|section| !is_supplied(&request_for(section)));
    word.missing_documents.retain(|name| {
        let document = Request::Document(name.clone());
        !is_supplied(&document) && !is_supplied(&Request::Operator(name.clone()))
    });
    let is_done = match word.status {
        ProductStatus::PendingPrivacyPolicy => is_supplied(&Request::Consent),
        ProductStatus::RequiresData if was_unnamed => {
            is_supplied(&Request::Operator(UNNAMED_REQUEST.to_owned()))
        }
        ProductStatus::RequiresData => {
            word.missing_data.is_empty() && word.missing_documents.is_empty()
        }
        ProductStatus::NotStarted
        | ProductStatus::PendingReview
        | ProductStatus::Verified
        | ProductStatus::Rejected
        | ProductStatus::Other(_) => false,
    };
    if is_done {
        word.status = ProductStatus::PendingReview;
    }
    word
}

fn request_for(section: &Section) -> Request {
    match section {
        Section::Other(word) => Request::Operator(word.clone()),
        known @ (Section::UserDetails
        | Section::KycData
        | Section::DueDiligence
        | Section::VerificationHistory) => Request::Data(known.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_supplied_since_the_provider_spoke_is_left_out_of_its_word() {
        let word = |status: &str, data: &[&str], documents: &[&str]| Eligibility {
            product: Product::Onramp,
            status: status.into(),
            missing_data: data.iter().map(|word| Section::from(*word)).collect(),
            missing_documents: documents.iter().map(ToString::to_string).collect(),
        };
        let unnamed = Request::Operator(UNNAMED_REQUEST.to_owned());
        let (id, kyc) = (Request::Document("id".to_owned()), Request::Data(Section::KycData));
        let asked = || word("requires-data", &["kyc-data"], &["id", "selfie"]);
        for (given, supplied, expected) in [
            (asked(), vec![], asked()),
            (asked(), vec![id.clone()], word("requires-data", &["kyc-data"], &["selfie"])),
            (
                asked(),
                vec![id, kyc, Request::Operator("selfie".to_owned())],
                word("pending-review", &[], &[]),
            ),
            (word("requires-data", &[], &[]), vec![], word("requires-data", &[], &[])),
            (word("requires-data", &[], &[]), vec![unnamed], word("pending-review", &[], &[])),
            (
                word("pending-privacy-policy", &[], &[]),
                vec![Request::Consent],
                word("pending-review", &[], &[]),
            ),
            (word("rejected", &[], &[]), vec![], word("rejected", &[], &[])),
        ] {
            assert_eq!(without(given, |request| supplied.contains(request)), expected);
        }
    }
}
