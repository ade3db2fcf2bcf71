//! Documents that people give: checked, compared with others, and stored.

use std::collections::BTreeMap;

use documents::{CheckedDocument, Given, Limits, check_beside, check_document};
use onboarding::{
    Checked, Date, Document, DocumentType, Event, Onboarding, OnboardingId, Problems, Revision,
    TaskState, Timestamp, UserLocator,
};
use store::{DocumentDigest, PersonalData, Store, StoreError};

use super::{Asked, Intake, IntakeError, Request, Settled};

/// A document that was looked at and found good. It holds a person's document and has no `Debug`.
pub struct GoodDocument {
    document_type: DocumentType,
    expires_at: Option<Date>,
    checked: Checked<CheckedDocument>,
    digest: DocumentDigest,
}

impl GoodDocument {
    /// Looks at what is given. A large picture takes a second and more, so whoever has others to
    /// serve meanwhile has this done on a thread beside.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn of(
        given: &Given<'_>,
        limits: &Limits,
        digest_key: &[u8; 32],
        now: Timestamp,
    ) -> Result<Self, Problems> {
        Ok(Self {
            document_type: given.document_type.clone(),
            expires_at: given.expires_at,
            checked: check_document(given, limits, now.date())?,
            digest: DocumentDigest(documents::digest(digest_key, given.bytes)),
        })
    }
}

impl<S: Store> Intake<S> {
    /// Adds a document; it replaces one of the same type.
    ///
    /// # Errors
    /// When it is refused, there is no such user, the onboarding ended, or the store can't be used.
    pub async fn add_document(
        &self,
        user: &UserLocator,
        given: &Given<'_>,
        now: Timestamp,
    ) -> Result<Settled, IntakeError> {
        let key = self.store.digest_key().await?;
        let good =
            GoodDocument::of(given, &self.limits, &key, now).map_err(IntakeError::Refused)?;
        self.add_good_document(user, &good, now).await
    }

    /// The same for one that was looked at before.
    ///
    /// # Errors
    /// As above.
    pub async fn add_good_document(
        &self,
        user: &UserLocator,
        good: &GoodDocument,
        now: Timestamp,
    ) -> Result<Settled, IntakeError> {
        self.change(user, Asked::Document(good), now).await
    }

    /// What a document comes to for `onboarding`.
    pub(super) async fn document_request(
        &self,
        onboarding: &Onboarding,
        good: &GoodDocument,
    ) -> Result<Request, IntakeError> {
        let mut beside = self.compare(onboarding, good).await?;
        if beside.is_held {
            beside.is_held = self.holds(onboarding, good).await?;
        }
        Ok(document_request(onboarding, good, beside))
    }

    /// Whether a document whose digest is known is in the store as it was given. One that is
    /// damaged there can be given again; one that the provider has may be kept no longer.
    async fn holds(
        &self,
        onboarding: &Onboarding,
        good: &GoodDocument,
    ) -> Result<bool, IntakeError> {
        let Some(document) = onboarding.documents.get(&good.document_type) else {
            return Ok(false);
        };
        if !document.content_held {
            return Ok(true);
        }
        match self.store.document_content(onboarding.id, &good.document_type).await {
            Ok(content) => Ok(content.is_some_and(|content| {
                content.revision == document.revision && content.bytes == good.checked.value.content
            })),
            Err(StoreError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What is to be said of a document beside the user's others, and those of other users. Of
    /// two who give one file at the same moment, neither may be told.
    async fn compare(
        &self,
        onboarding: &Onboarding,
        good: &GoodDocument,
    ) -> Result<Beside, IntakeError> {
        let (document_type, digest) = (&good.document_type, good.digest);
        let digests = self.store.document_digests(onboarding.id).await?;
        let held = onboarding.documents.iter().filter(|(_, document)| document.is_at_hand());
        let held: BTreeMap<DocumentType, Option<DocumentDigest>> =
            held.map(|(kind, _)| (kind.clone(), digests.get(kind).copied())).collect();
        let mut problems = check_beside(document_type, digest, &held);
        if problems.has_errors() {
            return Err(IntakeError::Refused(problems));
        }
        let others = self.store.same_file(digest, onboarding.id).await?;
        if !others.is_empty() {
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            let remedy = "see that it is this user's own";
            let others = others.join(", ");
            problems.warn("/data", format!("was given for others, too ({others}); {remedy}"));
        }
        let is_held = held.get(document_type) == Some(&Some(digest));
        Ok(Beside { is_held, warnings: problems, duplicates: others })
    }
}

/// What a document is beside others.
struct Beside {
    /// Whether this very file is held as a document of this type.
    is_held: bool,
    warnings: Problems,
    /// Other onboardings for which the same file was given.
    duplicates: Vec<OnboardingId>,
}

fn document_request(onboarding: &Onboarding, good: &GoodDocument, beside: Beside) -> Request {
    let GoodDocument { document_type, expires_at, checked, digest } = good;
    let mut warnings = checked.warnings.clone();
    warnings.0.extend(beside.warnings.0);
    if beside.is_held && adds_nothing(onboarding, good) {
        return Request { warnings, ..Request::default() };
    }
    let before =
        onboarding.documents.get(document_type).map(|document: &Document| document.revision);
    let revision = Revision::following(before);
    Request {
        events: vec![Event::DocumentAdded {
            document_type: document_type.clone(),
            revision,
            expires_at: *expires_at,
            duplicates: beside.duplicates,
        }],
        personal: vec![
            PersonalData::DocumentContent {
                document_type: document_type.clone(),
                revision,
                media_type: checked.value.media_type.as_str().to_owned(),
                bytes: checked.value.content.clone(),
            },
            PersonalData::DocumentDigest { document_type: document_type.clone(), digest: *digest },
        ],
        warnings,
        wallet: None,
    }
}

/// Whether a file that is held already says nothing by being given again. Where something is asked
/// for or refused, it does: that this is all that there is, or that it is to be sent once more.
fn adds_nothing(onboarding: &Onboarding, good: &GoodDocument) -> bool {
    let held = onboarding.documents.get(&good.document_type);
    held.is_some_and(|held| held.expires_at == good.expires_at)
        && onboarding.hold.is_none()
        && onboarding.all_tasks().all(|task| task.state != TaskState::Open)
}
