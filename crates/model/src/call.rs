//! A call, what becomes of it, and the event that a worker makes of that.

use onboarding::{
    Call as RealCall, DocumentType, Effect, Eligibility, Event, Failure, FailureClass, Product,
    ProductStatus, Revision, Section,
};

/// The products that there are; `Bounds::products` says how many are wanted.
pub(crate) const PRODUCTS: [Product; 2] = [Product::Onramp, Product::Offramp];
/// The one document type.
pub(crate) const DOCUMENT: DocumentType = DocumentType::IdPassport;
/// The requirement that it meets.
const REQUIREMENT: &str = "id";
/// The section that can be missing.
pub(crate) const SECTION: Section = Section::KycData;

/// A call as it is under way. Whether it is of the newest trigger or epoch is all that its
/// number tells, so that is kept instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Send the consent of this revision.
    Consent(u8),
    /// Send the profile of this revision.
    Register(u8),
    /// Send the document of this revision.
    Upload(u8),
    /// Start verification.
    Trigger {
        /// No trigger was begun since.
        is_newest: bool,
    },
    /// Ask for the status.
    Status {
        /// The provider was told nothing since.
        is_current: bool,
    },
}

impl Call {
    pub(crate) fn of(call: &RealCall) -> Self {
        match call {
            RealCall::AcceptPrivacyPolicy { revision } => Self::Consent(small(*revision)),
            RealCall::RegisterUser { revision } => Self::Register(small(*revision)),
            RealCall::UploadDocument { revision, .. } => Self::Upload(small(*revision)),
            RealCall::TriggerVerification { .. } => Self::Trigger { is_newest: true },
            RealCall::CheckStatus { .. } => Self::Status { is_current: true },
        }
    }

    fn real(self) -> RealCall {
        match self {
            Self::Consent(revision) => {
                RealCall::AcceptPrivacyPolicy { revision: Revision(revision.into()) }
            }
            Self::Register(revision) => {
                RealCall::RegisterUser { revision: Revision(revision.into()) }
            }
            Self::Upload(revision) => RealCall::UploadDocument {
                document_type: DOCUMENT,
                revision: Revision(revision.into()),
            },
            Self::Trigger { is_newest } => {
                RealCall::TriggerVerification { trigger: is_newest.into() }
            }
            Self::Status { is_current } => RealCall::CheckStatus { epoch: is_current.into() },
        }
    }

    /// What it says, once the onboarding has moved on to another epoch or trigger.
    pub(crate) const fn aged(self, is_new_epoch: bool, is_new_trigger: bool) -> Self {
        match self {
            Self::Trigger { is_newest } => {
                Self::Trigger { is_newest: is_newest && !is_new_trigger }
            }
            Self::Status { is_current } => Self::Status { is_current: is_current && !is_new_epoch },
            Self::Consent(_) | Self::Register(_) | Self::Upload(_) => self,
        }
    }

    pub(crate) const fn is_trigger(self) -> bool {
        matches!(self, Self::Trigger { .. })
    }

    /// Whether the provider answers it with its word on each product.
    pub(crate) const fn is_answered_with_words(self) -> bool {
        matches!(self, Self::Trigger { .. } | Self::Status { .. })
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
            // A question for the status is refused of a user whom the provider lost.
            Result::Failed(Trouble::Refused) => call.is_answered_with_words(),
            Result::Failed(Trouble::NotSent | Trouble::RateLimited | Trouble::Closed) => {
                call.is_trigger()
            }
            Result::Done | Result::Failed(Trouble::NoAnswer) => false,
        };
        Self { call, result, tells_of_trigger }
    }

    /// What the real worker reports.
    pub(crate) fn event(&self) -> Event {
        match self.result {
            Result::Failed(trouble) => {
                Event::CallFailed { call: self.call.real(), failure: trouble.failure() }
            }
            Result::Words(words) => self.event_of_words(words),
            Result::Done => self.event_of_done(),
        }
    }

    fn event_of_words(&self, words: Words) -> Event {
        let spoken = PRODUCTS.iter().zip(words);
        let eligibility = spoken.filter_map(|(product, word)| word.eligibility(product)).collect();
        match self.call.real() {
            RealCall::TriggerVerification { trigger } => {
                Event::VerificationTriggered { trigger, eligibility }
            }
            RealCall::CheckStatus { epoch } => Event::StatusChecked { epoch, eligibility },
            RealCall::AcceptPrivacyPolicy { .. }
            | RealCall::RegisterUser { .. }
            | RealCall::UploadDocument { .. } => unreachable!("it is not answered with words"),
        }
    }

    fn event_of_done(&self) -> Event {
        match self.call.real() {
            RealCall::AcceptPrivacyPolicy { revision } => Event::PrivacyPolicyAccepted { revision },
            RealCall::RegisterUser { revision } => Event::UserRegistered { revision },
            RealCall::UploadDocument { document_type, revision } => Event::DocumentUploaded {
                document_type,
                revision,
                provider_document_id: "document".to_owned(),
            },
            RealCall::TriggerVerification { .. } | RealCall::CheckStatus { .. } => {
                unreachable!("it is answered with words")
            }
        }
    }
}
