//! Events: something that happened, in the past tense; the only thing that changes an onboarding.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::consent::{Evidence, LegalText};
use crate::regression::Regression;
use crate::step::Call;
use crate::task::Request;
use crate::wallet::{Ownership, WalletNumber};
use crate::{
    Area, Date, DocumentType, Eligibility, Failure, OnboardingId, Product, Region, Revision,
    Section, Shown, Timestamp,
};

/// The longest reason of whoever holds, resumes, waives and the like, in characters: it is for a
/// person to read in a table.
pub const REASON_CHARS_MAX: usize = 300;

/// What a person gave as a reason, without the blanks around it.
///
/// # Errors
/// When it is empty, too long, or not on one line.
pub fn reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let is_readable = !text.is_empty()
        && text.chars().count() <= REASON_CHARS_MAX
        && !text.chars().any(char::is_control);
    is_readable.then(|| text.to_owned()).ok_or("must be 1 to 300 characters on one line")
}

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
        /// The sections whose content differs from the revision before; one that is not present
        /// was taken out.
        changed: BTreeSet<Section>,
        /// Where the user lives, as coarsely as the requirements need it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        area: Option<Area>,
        /// The day of the older of the verifications that it names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verified_on: Option<Date>,
    },
    /// A person said which products the user is being onboarded for.
    WantedProductsSet {
        /// The whole new set.
        products: BTreeSet<Product>,
    },
    /// The user accepted a legal text of the provider's.
    ConsentGiven {
        /// Which one.
        #[serde(default, skip_serializing_if = "LegalText::is_privacy_policy")]
        text: LegalText,
        /// The revision of this consent.
        revision: Revision,
        /// When the user accepted it.
        accepted_at: Timestamp,
        /// Whose version of the text it was, of the terms of service.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// How the acceptance can be shown later.
        #[serde(default, skip_serializing_if = "Evidence::is_empty")]
        evidence: Evidence,
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
        /// Other onboardings for which the same file was given.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        duplicates: Vec<OnboardingId>,
    },
    /// A person took a document back before the provider had it.
    DocumentWithdrawn {
        /// Its type.
        document_type: DocumentType,
    },
    /// A person gave a wallet of the user's, or another chain or proof for one that is held.
    WalletGiven {
        /// Which one; a new one has the next number.
        number: WalletNumber,
        /// Its revision.
        revision: Revision,
    },
    /// A person took a wallet back before the provider linked it.
    WalletWithdrawn {
        /// Which one.
        number: WalletNumber,
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
    /// The provider acknowledged the acceptance of the terms of service.
    TermsAccepted {
        /// The revision that was sent.
        revision: Revision,
        /// The epoch in which it was sent.
        epoch: u32,
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
    /// The provider showed what it holds of the user.
    UserRead {
        /// The epoch in which it was asked.
        epoch: u32,
        /// What it showed.
        shown: Shown,
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
    /// The provider linked a wallet.
    WalletLinked {
        /// Which one.
        number: WalletNumber,
        /// The revision that was sent.
        revision: Revision,
        /// The epoch in which it was sent.
        epoch: u32,
        /// Whether the user has shown to own it.
        ownership: Ownership,
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
    /// A call is refused to this user alone, while others' calls succeed. The worker stops it, so
    /// that it does not keep the provider closed for all.
    RefusedAlone {
        /// The call.
        call: Call,
        /// A sentence for staff, as in [`Failure::message`].
        reason: String,
    },
    /// A wanted product was verified and is no longer.
    ProductRegressed(Regression),
    /// A time passed at which a person is reminded of an open task.
    TaskReminded {
        /// The task's number.
        number: u32,
        /// How many such times of this round have passed.
        passed: u32,
    },
    /// The time came to ask for a newer one of something that runs out.
    RenewalOpened {
        /// What is asked for.
        request: Request,
    },
    /// A person let a task pass.
    TaskWaived {
        /// The task's number.
        number: u32,
        /// The person's reason.
        reason: String,
    },
    /// An operator wants a user judged again whom the provider refused.
    Reopened {
        /// The operator's reason.
        reason: String,
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
                | Self::TermsAccepted { .. }
                | Self::UserRegistered { .. }
                | Self::UserRead { .. }
                | Self::DocumentUploaded { .. }
                | Self::WalletLinked { .. }
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
            Self::WalletGiven { .. } => "wallet-given",
            Self::WalletWithdrawn { .. } => "wallet-withdrawn",
            Self::VerificationRequested => "verification-requested",
            Self::PrivacyPolicyAccepted { .. } => "privacy-policy-accepted",
            Self::TermsAccepted { .. } => "terms-accepted",
            Self::UserRegistered { .. } => "user-registered",
            Self::UserRead { .. } => "user-read",
            Self::DocumentUploaded { .. } => "document-uploaded",
            Self::WalletLinked { .. } => "wallet-linked",
            Self::TriggerBegun { .. } => "trigger-begun",
            Self::VerificationTriggered { .. } => "verification-triggered",
            Self::StatusChecked { .. } => "status-checked",
            Self::CallFailed { .. } => "call-failed",
            Self::RefusedAlone { .. } => "refused-alone",
            Self::ProductRegressed(_) => "product-regressed",
            Self::TaskReminded { .. } => "task-reminded",
            Self::RenewalOpened { .. } => "renewal-opened",
            Self::TaskWaived { .. } => "task-waived",
            Self::Reopened { .. } => "reopened",
            Self::Held { .. } => "held",
            Self::Resumed { .. } => "resumed",
            Self::Retried { .. } => "retried",
            Self::Cancelled { .. } => "cancelled",
            Self::Erased { .. } => "erased",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_for_a_person_to_read() {
        assert_eq!(reason("  as asked\n").as_deref(), Ok("as asked"));
        assert!(reason(&"ä".repeat(REASON_CHARS_MAX)).is_ok());
        assert!(reason(&"ä".repeat(REASON_CHARS_MAX + 1)).is_err());
        for bad in ["", " \t ", "two\nlines"] {
            assert!(reason(bad).is_err(), "{bad:?}");
        }
    }
}
