//! A model of the provider: it keeps the revisions of what it is sent, and judges by script.

use std::collections::{BTreeMap, VecDeque};

use onboarding::{
    Call, DocumentType, Effect, Eligibility, Event, Failure, FailureClass, Onboarding, Ownership,
    Product, ProductStatus, Revision, Revisions, Section, WalletNumber,
};

use crate::events::{
    accepted, checked, failure, lacking, linked, registered, terms_accepted, triggered, uploaded,
    user_read, word,
};

/// What the provider makes of a trigger, or of a review that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Verified,
    Rejected,
    /// In review for so many looks; then the next verdict.
    Review(u32),
    LacksKycData,
    LacksId,
    LacksKycDataAndId,
    LacksDueDiligenceWhileAnotherIsInReview,
    LacksConsent,
    LacksSomethingUnknown,
    UnknownWord,
    NotStarted,
    NamesNoProduct,
}

impl Verdict {
    pub const ALL: [Self; 12] = [
        Self::Verified,
        Self::Rejected,
        Self::Review(2),
        Self::LacksKycData,
        Self::LacksId,
        Self::LacksKycDataAndId,
        Self::LacksDueDiligenceWhileAnotherIsInReview,
        Self::LacksConsent,
        Self::LacksSomethingUnknown,
        Self::UnknownWord,
        Self::NotStarted,
        Self::NamesNoProduct,
    ];

    /// The provider's word on both products that the tests know.
    pub fn eligibility(self) -> Vec<Eligibility> {
        let both =
            |make: fn(Product) -> Eligibility| vec![make(Product::Onramp), make(Product::Offramp)];
        match self {
            Self::Verified => both(|product| word(product, ProductStatus::Verified)),
            Self::Rejected => both(|product| word(product, ProductStatus::Rejected)),
            Self::Review(_) => both(|product| word(product, ProductStatus::PendingReview)),
            Self::LacksKycData => both(|product| lacking(product, &[Section::KycData], &[])),
            Self::LacksId => both(|product| lacking(product, &[], &["id"])),
            Self::LacksKycDataAndId => {
                both(|product| lacking(product, &[Section::KycData], &["id"]))
            }
            Self::LacksDueDiligenceWhileAnotherIsInReview => vec![
                lacking(Product::Onramp, &[Section::DueDiligence], &[]),
                word(Product::Offramp, ProductStatus::PendingReview),
            ],
            Self::LacksConsent => {
                both(|product| word(product, ProductStatus::PendingPrivacyPolicy))
            }
            Self::LacksSomethingUnknown => both(|product| lacking(product, &[], &["tax-return"])),
            Self::UnknownWord => {
                both(|product| word(product, ProductStatus::Other("approved".to_owned())))
            }
            Self::NotStarted => both(|product| word(product, ProductStatus::NotStarted)),
            Self::NamesNoProduct => Vec::new(),
        }
    }
}

/// The provider's side of one user.
#[derive(Clone, Debug, Default)]
pub struct Provider {
    /// What it has.
    pub has: Revisions,
    /// The wallets that it linked.
    pub wallets: BTreeMap<WalletNumber, Revision>,
    /// The verdicts still to come; when there are none, everyone is verified.
    script: VecDeque<Verdict>,
    verdict: Option<Verdict>,
    /// What it had at each trigger.
    pub triggers: Vec<Revisions>,
}

impl Provider {
    pub fn with_script(script: &[Verdict]) -> Self {
        Self { script: script.iter().copied().collect(), ..Self::default() }
    }

    /// Takes a call in, to full effect, and gives its answer.
    pub fn answer(&mut self, call: &Call) -> Result<Event, Failure> {
        match call {
            Call::AcceptPrivacyPolicy { revision } => {
                self.has.consent = Some(*revision);
                Ok(accepted(revision.0))
            }
            Call::AcceptTerms { revision } => {
                self.has.terms = Some(*revision);
                Ok(terms_accepted(revision.0, 0))
            }
            Call::ReadUser { epoch } => {
                self.known_user()?;
                Ok(user_read(*epoch, &[]))
            }
            Call::RegisterUser { revision } => {
                self.has.profile = Some(*revision);
                Ok(registered(revision.0))
            }
            Call::UploadDocument { document_type, revision } => {
                self.known_user()?;
                self.take_document(document_type, *revision);
                Ok(uploaded(document_type, revision.0))
            }
            Call::TriggerVerification { trigger } => {
                self.known_user()?;
                self.triggers.push(self.has.clone());
                self.verdict = Some(self.script.pop_front().unwrap_or(Verdict::Verified));
                Ok(triggered(*trigger, &self.eligibility()))
            }
            Call::CheckStatus { epoch } => {
                self.known_user()?;
                self.review();
                Ok(checked(*epoch, &self.eligibility()))
            }
            Call::LinkWallet { number, revision } => {
                self.wallets.insert(*number, *revision);
                Ok(linked(number.0, revision.0, 0, Ownership::Verified))
            }
        }
    }

    /// It loses the user, with everything that it had.
    pub fn forget(&mut self) -> Failure {
        self.has = Revisions::default();
        self.wallets.clear();
        self.verdict = None;
        not_found()
    }

    fn known_user(&self) -> Result<(), Failure> {
        if self.has.profile.is_some() { Ok(()) } else { Err(not_found()) }
    }

    fn take_document(&mut self, document_type: &DocumentType, revision: Revision) {
        self.has.documents.insert(document_type.clone(), revision);
    }

    /// A look brings a review nearer to its end.
    fn review(&mut self) {
        self.verdict = match self.verdict {
            Some(Verdict::Review(0) | Verdict::LacksDueDiligenceWhileAnotherIsInReview) => {
                Some(self.script.pop_front().unwrap_or(Verdict::Verified))
            }
            Some(Verdict::Review(looks)) => Some(Verdict::Review(looks - 1)),
            other => other,
        };
    }

    fn eligibility(&self) -> Vec<Eligibility> {
        self.verdict.unwrap_or(Verdict::NotStarted).eligibility()
    }
}

fn not_found() -> Failure {
    failure(FailureClass::NotFound, Effect::None)
}

/// What a person would supply for the open tasks of `onboarding`, as events, one at a time.
pub fn supply(onboarding: &Onboarding) -> Option<Event> {
    use crate::events::{consent_given, document_added, profile_set};
    use onboarding::{Request, TaskState};
    let open = onboarding.tasks.iter().find(|task| task.state == TaskState::Open)?;
    let next = |current: Option<Revision>| Revision::following(current).0;
    Some(match &open.request {
        Request::Consent => {
            consent_given(next(onboarding.consent.as_ref().map(|consent| consent.revision)))
        }
        Request::Data(section) => profile_set(
            next(onboarding.profile.as_ref().map(|profile| profile.revision)),
            std::slice::from_ref(section),
        ),
        Request::Document(_) => {
            let passport = DocumentType::IdPassport;
            let current = onboarding.documents.get(&passport).map(|document| document.revision);
            document_added(&passport, next(current))
        }
        Request::Operator(_) => Event::VerificationRequested,
        renewal @ (Request::RenewDocument(_)
        | Request::RenewVerification
        | Request::RenewConsent
        | Request::RenewTerms
        | Request::Wallet(_)
        | Request::WalletProof(_)) => panic!("no verdict asks for it: {renewal:?}"),
    })
}
