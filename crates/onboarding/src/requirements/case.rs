//! What is known of one user: what the table is applied to.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Date, DocumentType, Eligibility, Onboarding, Product, Profile, Timestamp};

/// What is known of one user. It holds personal data: it has no `Debug`.
#[derive(Clone)]
pub struct Case<'a> {
    /// The products that the user is to be allowed.
    pub wanted: BTreeSet<Product>,
    /// The data that is held.
    pub profile: Option<&'a Profile>,
    /// The documents that are held, and the last day on which each is valid.
    pub documents: BTreeMap<DocumentType, Option<Date>>,
    /// When the user accepted the privacy policy.
    pub consented: Option<Timestamp>,
    /// Whether the provider is known to look closer.
    pub diligence: Diligence,
    /// The provider's last word, which is above the table. Leave out what was supplied since
    /// and is not judged yet: whatever is listed is missing.
    pub eligibility: Vec<Eligibility>,
    /// The day on which documents and verifications have to be valid.
    pub today: Date,
}

impl<'a> Case<'a> {
    /// What is known of the user of `onboarding`, whose data is `profile`.
    #[must_use]
    pub fn of(onboarding: &Onboarding, profile: Option<&'a Profile>, today: Date) -> Self {
        let documents = onboarding.documents.iter().filter(|(_, document)| document.is_at_hand());
        Self {
            wanted: onboarding.wanted.clone(),
            profile,
            documents: documents.map(|(kind, it)| (kind.clone(), it.expires_at)).collect(),
            consented: onboarding.consent.as_ref().map(|consent| consent.accepted_at),
            diligence: Diligence::Standard,
            eligibility: onboarding.unsupplied(),
            today,
        }
    }
}

/// How closely the provider looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diligence {
    /// As with most users.
    Standard,
    /// Enhanced due diligence.
    Enhanced,
}
