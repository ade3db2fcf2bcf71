//! What people and operators do. Each act is loaded, applied and committed as a whole: the
//! intake does it anew when someone else was faster.

use std::collections::BTreeSet;

use onboarding::{Event, Onboarding, Revision, Section};

use crate::bounds::Bounds;
use crate::call::{DOCUMENT, PRODUCTS, SECTION};
use crate::snapshot::NOW;

/// Something that a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A new revision of the profile, with the section that the provider may ask for.
    GiveProfile,
    /// A document, or a newer one.
    GiveDocument,
    /// The document is taken back.
    WithdrawDocument,
    /// The privacy policy is accepted anew.
    GiveConsent,
    /// One product more is wanted, or one less.
    ChangeWanted,
    /// Verification is asked for.
    AskForVerification,
    /// An operator stops it.
    Hold,
    /// An operator lets it go on.
    Resume,
    /// An operator wants the next step tried now.
    Retry,
    /// It is ended.
    Cancel,
    /// It is ended, and its data destroyed.
    Erase,
}

impl Act {
    const EDITS: [Self; 6] = [
        Self::GiveProfile,
        Self::GiveDocument,
        Self::WithdrawDocument,
        Self::GiveConsent,
        Self::ChangeWanted,
        Self::AskForVerification,
    ];
    const OPERATORS: [Self; 5] = [Self::Hold, Self::Resume, Self::Retry, Self::Cancel, Self::Erase];

    /// Those that the bounds still allow.
    pub(crate) fn within(left: &Bounds) -> impl Iterator<Item = Self> {
        let edits = if left.edits > 0 { &Self::EDITS[..] } else { &[] };
        let acts = if left.acts > 0 { &Self::OPERATORS[..] } else { &[] };
        let products = left.products;
        edits
            .iter()
            .chain(acts)
            .copied()
            .filter(move |act| *act != Self::ChangeWanted || products > 1)
    }

    pub(crate) fn spend(self, left: &mut Bounds) {
        if Self::OPERATORS.contains(&self) {
            left.acts -= 1;
        } else {
            left.edits -= 1;
        }
    }

    /// The event that the intake makes of it.
    pub(crate) fn event(self, onboarding: &Onboarding) -> Event {
        let reason = String::new;
        match self {
            Self::GiveProfile => {
                profile_set(onboarding, &[Section::UserDetails, SECTION], &[SECTION])
            }
            Self::GiveDocument => {
                let before = onboarding.documents.get(&DOCUMENT).map(|document| document.revision);
                Event::DocumentAdded {
                    document_type: DOCUMENT,
                    revision: Revision::following(before),
                    expires_at: None,
                }
            }
            Self::WithdrawDocument => Event::DocumentWithdrawn { document_type: DOCUMENT },
            Self::GiveConsent => {
                let before = onboarding.consent.as_ref().map(|consent| consent.revision);
                Event::ConsentGiven { revision: Revision::following(before), accepted_at: NOW }
            }
            Self::ChangeWanted => {
                let count = if onboarding.wanted.len() > 1 { 1 } else { 2 };
                wanted(count)
            }
            Self::AskForVerification => Event::VerificationRequested,
            Self::Hold => Event::Held { reason: reason() },
            Self::Resume => Event::Resumed { reason: reason() },
            Self::Retry => Event::Retried { reason: reason() },
            Self::Cancel => Event::Cancelled { reason: reason() },
            Self::Erase => Event::Erased { reason: reason() },
        }
    }

    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GiveProfile => "a person gives a new profile",
            Self::GiveDocument => "a person gives a document",
            Self::WithdrawDocument => "a person takes the document back",
            Self::GiveConsent => "the user accepts the privacy policy again",
            Self::ChangeWanted => "a person changes the wanted products",
            Self::AskForVerification => "a person asks for verification",
            Self::Hold => "an operator holds it",
            Self::Resume => "an operator resumes it",
            Self::Retry => "an operator wants it retried",
            Self::Cancel => "it is cancelled",
            Self::Erase => "it is erased",
        }
    }
}

/// The events of a user who gave a first profile, which lacks what may be asked for.
pub(crate) fn first_events(bounds: &Bounds, onboarding: &Onboarding) -> [Event; 3] {
    [
        wanted(usize::from(bounds.products)),
        Act::GiveConsent.event(onboarding),
        profile_set(onboarding, &[Section::UserDetails], &[Section::UserDetails]),
    ]
}

fn wanted(count: usize) -> Event {
    Event::WantedProductsSet { products: PRODUCTS[..count].iter().cloned().collect() }
}

fn profile_set(onboarding: &Onboarding, present: &[Section], changed: &[Section]) -> Event {
    let before = onboarding.profile.as_ref().map(|profile| profile.revision);
    let set = |sections: &[Section]| sections.iter().cloned().collect::<BTreeSet<_>>();
    Event::ProfileSet {
        revision: Revision::following(before),
        present: set(present),
        changed: set(changed),
    }
}
