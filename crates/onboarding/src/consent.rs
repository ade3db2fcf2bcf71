//! What a user accepted of the provider's legal texts, and how that can be shown later.

use serde::{Deserialize, Serialize};

use crate::{Region, Revision, Timestamp};

/// A legal text of the provider's that users accept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegalText {
    /// The privacy policy, without which most products wait.
    #[default]
    PrivacyPolicy,
    /// The terms of service, which are of a region.
    TermsOfService,
}

impl LegalText {
    pub(crate) const fn is_privacy_policy(&self) -> bool {
        matches!(self, Self::PrivacyPolicy)
    }
}

/// The user's dated acceptance of a legal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// Each acceptance is a revision.
    pub revision: Revision,
    /// The last one that the provider acknowledged.
    pub acknowledged: Option<Revision>,
    /// When the user accepted it.
    pub accepted_at: Timestamp,
    /// Whose version of the text it was; of the terms of service only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// How the acceptance can be shown later.
    #[serde(default, skip_serializing_if = "Evidence::is_empty")]
    pub evidence: Evidence,
}

impl Consent {
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.acknowledged == Some(self.revision)
    }
}

/// How an acceptance can be shown later. It is kept here, as the provider takes only the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The version of the text that was shown, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_version: Option<String>,
    /// The BLAKE3 or SHA-256 hash of the text that was shown, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_hash: Option<String>,
    /// The language in which it was shown, as a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How it was given, such as `checkbox`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

impl Evidence {
    /// Whether nothing is known but the time.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text_version.is_none()
            && self.text_hash.is_none()
            && self.language.is_none()
            && self.method.is_none()
    }
}
