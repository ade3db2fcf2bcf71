//! Events: something that happened, in the past tense; the only thing that changes an onboarding.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::step::Call;
use crate::{Date, DocumentType, Eligibility, Failure, Product, Revision, Section, Timestamp};

/// Something that happened. Holds no personal data, so that history can be kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// A person gave or replaced the whole profile.
    ProfileSet {
        /// The revision of this edit.
        revision: Revision,
        /// The sections that the profile now has.
        present: BTreeSet<Section>,
        /// Those of them whose content differs from the revision before.
        changed: BTreeSet<Section>,
    },
    /// A person said which products the user is being onboarded for.
    WantedProductsSet {
        /// The whole new set.
        products: BTreeSet<Product>,
    },
    /// The user accepted the provider's privacy policy.
    ConsentGiven {
        /// The revision of this consent.
        revision: Revision,
        /// When the user accepted it.
        accepted_at: Timestamp,
    },
    /// A person supplied a document; it replaces one of the same type.
    DocumentAdded {
        /// Its type.
        document_type: DocumentType,
        /// Its revision.
        revision: Revision,
        /// The last day on which it is valid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Date>,
    },
    /// A person took a document back before the provider had it.
    DocumentWithdrawn {
        /// Its type.
        document_type: DocumentType,
    },
    /// A person asked for verification.
    VerificationRequested,
    /// The provider acknowledged the consent.
    PrivacyPolicyAccepted {
        /// The revision that was sent.
        revision: Revision,
        /// The epoch in which it was sent; none if it was recorded before acknowledgements
        /// carried it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u32>,
    },
    /// The provider acknowledged the profile.
    UserRegistered {
        /// The revision that was sent.
        revision: Revision,
        /// The epoch in which it was sent; none if it was recorded before acknowledgements
        /// carried it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u32>,
    },
    /// The provider acknowledged a document.
    DocumentUploaded {
        /// Its type.
        document_type: DocumentType,
        /// The revision that was sent.
        revision: Revision,
        /// The epoch in which it was sent; none if it was recorded before acknowledgements
        /// carried it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u32>,
        /// The provider's id of it.
        provider_document_id: String,
    },
    /// We are about to trigger verification. Durable before the call is made.
    TriggerBegun {
        /// Counts the triggers of this onboarding from 1.
        trigger: u32,
    },
    /// The provider answered a trigger.
    VerificationTriggered {
        /// The trigger that it answers.
        trigger: u32,
        /// The provider's word on each product.
        eligibility: Vec<Eligibility>,
    },
    /// The provider answered a question for the status.
    StatusChecked {
        /// The epoch in which it was asked.
        epoch: u32,
        /// The provider's word on each product.
        eligibility: Vec<Eligibility>,
    },
    /// A call to the provider did not succeed.
    CallFailed {
        /// The call.
        call: Call,
        /// What went wrong.
        failure: Failure,
    },
    /// An operator stopped the onboarding.
    Held {
        /// The operator's reason.
        reason: String,
    },
    /// An operator let it go on.
    Resumed {
        /// The operator's reason.
        reason: String,
    },
    /// An operator wants the next step tried now.
    Retried {
        /// The operator's reason.
        reason: String,
    },
    /// It was ended on request.
    Cancelled {
        /// The reason.
        reason: String,
    },
    /// It was ended on request, and its personal data destroyed.
    Erased {
        /// The reason.
        reason: String,
    },
}

impl Event {
    /// Whether it can be the first of an onboarding.
    pub(crate) const fn can_begin(&self) -> bool {
        matches!(
            self,
            Self::ProfileSet { .. } | Self::WantedProductsSet { .. } | Self::ConsentGiven { .. }
        )
    }

    /// Whether it says what became of a call to the provider.
    pub(crate) const fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::PrivacyPolicyAccepted { .. }
                | Self::UserRegistered { .. }
                | Self::DocumentUploaded { .. }
                | Self::VerificationTriggered { .. }
                | Self::StatusChecked { .. }
                | Self::CallFailed { .. }
        )
    }

    /// The event's word, as in history.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ProfileSet { .. } => "profile-set",
            Self::WantedProductsSet { .. } => "wanted-products-set",
            Self::ConsentGiven { .. } => "consent-given",
            Self::DocumentAdded { .. } => "document-added",
            Self::DocumentWithdrawn { .. } => "document-withdrawn",
            Self::VerificationRequested => "verification-requested",
            Self::PrivacyPolicyAccepted { .. } => "privacy-policy-accepted",
            Self::UserRegistered { .. } => "user-registered",
            Self::DocumentUploaded { .. } => "document-uploaded",
            Self::TriggerBegun { .. } => "trigger-begun",
            Self::VerificationTriggered { .. } => "verification-triggered",
            Self::StatusChecked { .. } => "status-checked",
            Self::CallFailed { .. } => "call-failed",
            Self::Held { .. } => "held",
            Self::Resumed { .. } => "resumed",
            Self::Retried { .. } => "retried",
            Self::Cancelled { .. } => "cancelled",
            Self::Erased { .. } => "erased",
        }
    }
}
