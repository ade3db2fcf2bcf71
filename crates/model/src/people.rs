//! What people and operators do. Each act is loaded, applied and committed as a whole: the
//! intake does it anew when someone else was faster.

use std::collections::BTreeSet;

use onboarding::{Event, Evidence, LegalText, Onboarding, Revision, Section, TaskState};

use crate::bounds::Bounds;
use crate::call::{DOCUMENT, PRODUCTS, SECTION, WALLET};
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
    /// The terms of service are accepted, or accepted anew.
    GiveTerms,
    /// A wallet is given, or something newer of it.
    GiveWallet,
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
    /// An open task is let pass.
    Waive,
    /// An operator wants a refused user judged again.
    Reopen,
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
        let apart = [
            (Self::GiveTerms, left.terms),
            (Self::GiveWallet, left.wallets),
            (Self::Waive, left.waives),
            (Self::Reopen, left.reopens),
        ];
        let apart = apart.into_iter().filter(|(_, most)| *most > 0).map(|(act, _)| act);
        edits
            .iter()
            .chain(acts)
            .copied()
            .chain(apart)
            .filter(move |act| *act != Self::ChangeWanted || products > 1)
    }

    pub(crate) fn spend(self, left: &mut Bounds) {
        match self {
            Self::GiveTerms => left.terms -= 1,
            Self::GiveWallet => left.wallets -= 1,
            Self::Waive => left.waives -= 1,
            Self::Reopen => left.reopens -= 1,
            Self::Hold | Self::Resume | Self::Retry | Self::Cancel | Self::Erase => left.acts -= 1,
            Self::GiveProfile
            | Self::GiveDocument
            | Self::WithdrawDocument
            | Self::GiveConsent
            | Self::ChangeWanted
            | Self::AskForVerification => left.edits -= 1,
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
                    duplicates: Vec::new(),
                }
            }
            Self::WithdrawDocument => Event::DocumentWithdrawn { document_type: DOCUMENT },
            Self::GiveConsent => accepted(onboarding, LegalText::PrivacyPolicy),
            Self::GiveTerms => accepted(onboarding, LegalText::TermsOfService),
            Self::GiveWallet => {
                let before = onboarding.wallets.get(&WALLET).map(|wallet| wallet.revision);
                Event::WalletGiven { number: WALLET, revision: Revision::following(before) }
            }
            Self::Waive => {
                let open = onboarding.tasks.iter().find(|task| task.state == TaskState::Open);
                let number = open.map_or(0, |task| task.number);
                Event::TaskWaived { number, reason: reason() }
            }
            Self::Reopen => Event::Reopened { reason: reason() },
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
            Self::GiveTerms => "the user accepts the terms of service",
            Self::GiveWallet => "a person gives a wallet",
            Self::Waive => "a person lets a task pass",
            Self::Reopen => "an operator reopens it",
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

fn accepted(onboarding: &Onboarding, text: LegalText) -> Event {
    let before = onboarding.accepted(text).map(|accepted| accepted.revision);
    let revision = Revision::following(before);
    Event::ConsentGiven {
        text,
        revision,
        // Each is newer than the one before.
        accepted_at: NOW.plus_ms(revision.0.into()),
        region: None,
        evidence: Evidence::default(),
    }
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
        area: None,
        verified_on: None,
    }
}
