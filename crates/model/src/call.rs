//! A call, what becomes of it, and the event that a worker makes of that.

use onboarding::{
    Call as RealCall, DocumentType, Effect, Eligibility, Event, Failure, FailureClass, Ownership,
    Product, ProductStatus, Revision, Section, Shown, WalletNumber,
};

/// The products that there are; `Bounds::products` says how many are wanted.
pub(crate) const PRODUCTS: [Product; 2] = [Product::Onramp, Product::Offramp];
/// The one document type.
pub(crate) const DOCUMENT: DocumentType = DocumentType::IdPassport;
/// The requirement that it meets.
const REQUIREMENT: &str = "id";
/// The one wallet.
pub(crate) const WALLET: WalletNumber = WalletNumber(1);
/// The section that can be missing.
pub(crate) const SECTION: Section = Section::KycData;
/// The section that can go astray; every profile has it.
pub(crate) const STRAY: Section = Section::UserDetails;

/// A call as it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// What is asked of the provider.
    pub kind: CallKind,
    /// Whether its epoch, or for a trigger its number, is still the onboarding's: that is all
    /// that the number tells.
    pub is_newest: bool,
}

/// What a call asks of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// Send the consent of this revision.
    Consent(u8),
    /// Send the acceptance of the terms of this revision.
    Terms(u8),
    /// Send the profile of this revision.
    Register(u8),
    /// Ask which parts of the user are held.
    Read,
    /// Send the document of this revision.
    Upload(u8),
    /// Link the wallet of this revision.
    Link(u8),
    /// Start verification.
    Trigger,
    /// Ask for the status.
    Status,
}

impl Call {
    /// A call that is claimed now.
    pub(crate) fn of(call: &RealCall) -> Self {
        let kind = match call {
            RealCall::AcceptPrivacyPolicy { revision } => CallKind::Consent(small(*revision)),
            RealCall::AcceptTerms { revision } => CallKind::Terms(small(*revision)),
            RealCall::ReadUser { .. } => CallKind::Read,
            RealCall::RegisterUser { revision } => CallKind::Register(small(*revision)),
            RealCall::UploadDocument { revision, .. } => CallKind::Upload(small(*revision)),
            RealCall::LinkWallet { revision, .. } => CallKind::Link(small(*revision)),
            RealCall::TriggerVerification { .. } => CallKind::Trigger,
            RealCall::CheckStatus { .. } => CallKind::Status,
        };
        Self { kind, is_newest: true }
    }

    fn number(self) -> u32 {
        u32::from(self.is_newest)
    }

    fn real(self) -> RealCall {
        match self.kind {
            CallKind::Consent(revision) => {
                RealCall::AcceptPrivacyPolicy { revision: Revision(revision.into()) }
            }
            CallKind::Terms(revision) => {
                RealCall::AcceptTerms { revision: Revision(revision.into()) }
            }
            CallKind::Read => RealCall::ReadUser { epoch: self.number() },
            CallKind::Register(revision) => {
                RealCall::RegisterUser { revision: Revision(revision.into()) }
            }
            CallKind::Upload(revision) => RealCall::UploadDocument {
                document_type: DOCUMENT,
                revision: Revision(revision.into()),
            },
            CallKind::Link(revision) => {
                RealCall::LinkWallet { number: WALLET, revision: Revision(revision.into()) }
            }
            CallKind::Trigger => RealCall::TriggerVerification { trigger: self.number() },
            CallKind::Status => RealCall::CheckStatus { epoch: self.number() },
        }
    }

    /// The onboarding has moved on.
    pub(crate) fn age(&mut self, is_new_epoch: bool, is_new_trigger: bool) {
        self.is_newest &= !if self.is_trigger() { is_new_trigger } else { is_new_epoch };
    }

    pub(crate) fn is_trigger(self) -> bool {
        self.kind == CallKind::Trigger
    }

    /// Whether the provider answers it with its word on each product.
    pub(crate) const fn is_answered_with_words(self) -> bool {
        matches!(self.kind, CallKind::Trigger | CallKind::Status)
    }

    /// Whether it sends what may be acknowledged.
    pub(crate) const fn is_acknowledged(self) -> bool {
        matches!(
            self.kind,
            CallKind::Consent(_)
                | CallKind::Terms(_)
                | CallKind::Register(_)
                | CallKind::Upload(_)
                | CallKind::Link(_)
        )
    }
}

pub(crate) fn small(revision: Revision) -> u8 {
    u8::try_from(revision.0).expect("the bounds allow few edits")
}

/// The provider's word on one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// It says nothing of the product.
    Nothing,
    /// Never triggered.
    NotStarted,
    /// The privacy policy is to be accepted.
    LacksConsent,
    /// A section is missing.
    LacksData,
    /// A document is missing.
    LacksDocument,
    /// In review.
    Review,
    /// Verified.
    Verified,
    /// Refused.
    Rejected,
    /// A word that nobody knows.
    Unknown,
}

impl Word {
    /// What the provider asks a person for.
    pub(crate) const ASKING: [Self; 3] = [Self::LacksConsent, Self::LacksData, Self::LacksDocument];

    pub(crate) fn is_asking(self) -> bool {
        Self::ASKING.contains(&self)
    }

    fn eligibility(self, product: &Product) -> Option<Eligibility> {
        let status = match self {
            Self::Nothing => return None,
            Self::NotStarted => ProductStatus::NotStarted,
            Self::LacksConsent => ProductStatus::PendingPrivacyPolicy,
            Self::LacksData | Self::LacksDocument => ProductStatus::RequiresData,
            Self::Review => ProductStatus::PendingReview,
            Self::Verified => ProductStatus::Verified,
            Self::Rejected => ProductStatus::Rejected,
            Self::Unknown => ProductStatus::Other("approved".to_owned()),
        };
        let (mut missing_data, mut missing_documents) = (Vec::new(), Vec::new());
        match self {
            Self::LacksData => missing_data.push(SECTION),
            Self::LacksDocument => missing_documents.push(REQUIREMENT.to_owned()),
            Self::Nothing
            | Self::NotStarted
            | Self::LacksConsent
            | Self::Review
            | Self::Verified
            | Self::Rejected
            | Self::Unknown => {}
        }
        Some(Eligibility { product: product.clone(), status, missing_data, missing_documents })
    }
}

/// The provider's word on each of [`PRODUCTS`].
pub type Words = [Word; 2];

/// Why a call did not succeed, as the worker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// No answer came: nobody knows whether it took effect.
    NoAnswer,
    /// It was certainly never sent: no connection, or the data was replaced meanwhile.
    NotSent,
    /// 429.
    RateLimited,
    /// 400.
    Refused,
    /// 401.
    Closed,
    /// 404.
    NotFound,
}

impl Trouble {
    const fn failure(self) -> Failure {
        let (class, effect, retry_after_ms) = match self {
            Self::NoAnswer => (FailureClass::Transient, Effect::Unknown, None),
            Self::NotSent => (FailureClass::Transient, Effect::None, None),
            Self::RateLimited => (FailureClass::RateLimited, Effect::None, Some(1)),
            Self::Refused => (FailureClass::Refused, Effect::None, None),
            Self::Closed => (FailureClass::ProviderClosed, Effect::None, None),
            Self::NotFound => (FailureClass::NotFound, Effect::None, None),
        };
        Failure { class, message: String::new(), http_status: None, retry_after_ms, effect }
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Result {
    /// It was taken.
    Done,
    /// Which sections the provider has.
    Shown {
        /// All that it was sent.
        is_whole: bool,
    },
    /// The provider's word on each product.
    Words(Words),
    /// It did not succeed.
    Failed(Trouble),
}

/// An answer on its way into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Answer {
    /// The call that it answers.
    pub call: Call,
    /// What came of that.
    pub result: Result,
    /// Books: once it is recorded, nothing of the last trigger is unknown and unread.
    pub tells_of_trigger: bool,
}

impl Answer {
    /// What came of a call just now.
    pub(crate) fn new(call: Call, result: Result) -> Self {
        let tells_of_trigger = match result {
            Result::Words(_) | Result::Failed(Trouble::NotFound) => true,
            // A question is refused of a user whom the provider lost.
            Result::Failed(Trouble::Refused) => !call.is_acknowledged(),
            Result::Failed(Trouble::NotSent | Trouble::RateLimited | Trouble::Closed) => {
                call.is_trigger()
            }
            Result::Done | Result::Shown { .. } | Result::Failed(Trouble::NoAnswer) => false,
        };
        Self { call, result, tells_of_trigger }
    }

    /// What the real worker reports. An acknowledgement carries its epoch unless a mutant
    /// leaves it out.
    pub(crate) fn event(&self, has_epoch: bool) -> Event {
        match self.result {
            Result::Failed(trouble) => {
                Event::CallFailed { call: self.call.real(), failure: trouble.failure() }
            }
            Result::Words(words) => self.event_of_words(words),
            Result::Shown { is_whole } => Event::UserRead {
                epoch: self.call.number(),
                shown: Shown {
                    sections: [(STRAY, is_whole), (SECTION, true)].into(),
                    ..Shown::default()
                },
            },
            Result::Done => self.event_of_done(has_epoch.then(|| self.call.number())),
        }
    }

    fn event_of_words(&self, words: Words) -> Event {
        let spoken = PRODUCTS.iter().zip(words);
        let eligibility = spoken.filter_map(|(product, word)| word.eligibility(product)).collect();
        let number = self.call.number();
        match self.call.kind {
            CallKind::Trigger => Event::VerificationTriggered { trigger: number, eligibility },
            CallKind::Status => Event::StatusChecked { epoch: number, eligibility },
            CallKind::Consent(_)
            | CallKind::Terms(_)
            | CallKind::Register(_)
            | CallKind::Read
            | CallKind::Upload(_)
            | CallKind::Link(_) => unreachable!("it is not answered with words"),
        }
    }

    fn event_of_done(&self, epoch: Option<u32>) -> Event {
        match self.call.kind {
            CallKind::Consent(revision) => {
                Event::PrivacyPolicyAccepted { revision: Revision(revision.into()), epoch }
            }
            CallKind::Terms(revision) => Event::TermsAccepted {
                revision: Revision(revision.into()),
                // This one was never recorded without its epoch.
                epoch: self.call.number(),
            },
            CallKind::Register(revision) => {
                Event::UserRegistered { revision: Revision(revision.into()), epoch }
            }
            CallKind::Upload(revision) => Event::DocumentUploaded {
                document_type: DOCUMENT,
                revision: Revision(revision.into()),
                epoch,
                provider_document_id: "document".to_owned(),
            },
            CallKind::Link(revision) => Event::WalletLinked {
                number: WALLET,
                revision: Revision(revision.into()),
                epoch: self.call.number(),
                ownership: Ownership::Verified,
            },
            CallKind::Read | CallKind::Trigger | CallKind::Status => {
                unreachable!("it is answered with what the provider has or says")
            }
        }
    }
}
