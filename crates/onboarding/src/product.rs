//! Products, and the provider's last word on each.

use serde::{Deserialize, Serialize};

use crate::open_enum::{is_word, open_enum};

open_enum! {
    /// What a user may become allowed to do. The wire calls it the eligibility's `type`.
    Product {
        /// Sending stablecoins to others.
        RegulatedTransfer = "regulated-transfer",
        /// Buying up to a low limit.
        OnrampLight = "onramp-light",
        /// Buying.
        Onramp = "onramp",
        /// Selling.
        Offramp = "offramp",
    }
}

impl Product {
    /// The product that a person names, be it one that is not known yet; `None` if it can't be a
    /// product's word at all.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        is_word(text).then(|| Self::from(text))
    }
}

open_enum! {
    /// The provider's word on one product of one user.
    ProductStatus {
        /// Verification was never triggered.
        NotStarted = "not-started",
        /// The privacy policy is not accepted, or was changed since.
        PendingPrivacyPolicy = "pending-privacy-policy",
        /// Data or documents are missing.
        RequiresData = "requires-data",
        /// Verification is running, perhaps by hand.
        PendingReview = "pending-review",
        /// The user may use the product.
        Verified = "verified",
        /// The user was refused.
        Rejected = "rejected",
    }
}

open_enum! {
    /// One of the four parts of a profile, by the word that `missingData` uses.
    Section {
        /// Name, date of birth, residence.
        UserDetails = "user-details",
        /// Address, e-mail, identity document.
        KycData = "kyc-data",
        /// Employment, source of funds, industry.
        DueDiligence = "due-diligence",
        /// When identity and liveness were verified before.
        VerificationHistory = "verification-history",
    }
}

impl Section {
    /// The section's name in a profile (`userDetails`), if it is known.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::UserDetails => Some("userDetails"),
            Self::KycData => Some("kycData"),
            Self::DueDiligence => Some("dueDiligence"),
            Self::VerificationHistory => Some("verificationHistory"),
            Self::Other(_) => None,
        }
    }
}

/// The provider's last word on one product: status, missing data, missing documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Eligibility {
    /// The product that it is about.
    #[serde(rename = "type")]
    pub product: Product,
    /// The provider's word.
    pub status: ProductStatus,
    /// Sections that are missing; absent, `null` and `[]` on the wire are all empty here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_data: Vec<Section>,
    /// Requirements such as `id` or `proof-of-address`, as the provider names them.
    /// These are categories, not document types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_documents: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_are_kept_as_they_came() {
        let read: ProductStatus = serde_json::from_str("\"approved\"").unwrap();
        assert_eq!(read, ProductStatus::Other("approved".into()));
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"approved\"");
        let known: Product = serde_json::from_str("\"onramp\"").unwrap();
        assert_eq!(known, Product::Onramp);
    }
}
