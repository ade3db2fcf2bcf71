//! What a user accepted of the provider's legal texts, and how that can be shown later.

use serde::{Deserialize, Serialize};

use crate::{Event, Region, Revision, Timestamp};

/// A legal text of the provider's that users accept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LegalText {
    /// The privacy policy, without which most products wait.
    #[default]
    PrivacyPolicy,
    /// The terms of service, which are of a region.
    TermsOfService,
}

impl LegalText {
    /// The word in status output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrivacyPolicy => "privacy-policy",
            Self::TermsOfService => "terms-of-service",
        }
    }

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

/// That a user accepted a legal text, as a person or a company tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenConsent {
    /// Which text.
    pub text: LegalText,
    /// When.
    pub accepted_at: Timestamp,
    /// Whose version of the terms of service; none for the privacy policy.
    pub region: Option<Region>,
    /// How it can be shown later.
    pub evidence: Evidence,
}

impl GivenConsent {
    /// The event that it is to whoever holds `before`; none if that says the same. An acceptance
    /// of the same time of which nothing more is said is the same.
    #[must_use]
    pub fn event_after(self, before: Option<&Consent>) -> Option<Event> {
        let Self { text, accepted_at, region, evidence } = self;
        let is_known = before.is_some_and(|held| {
            held.accepted_at == accepted_at
                && (evidence.is_empty() || held.evidence == evidence)
                && (region.is_none() || held.region == region)
        });
        let revision = Revision::following(before.map(|held| held.revision));
        (!is_known).then_some(Event::ConsentGiven { text, revision, accepted_at, region, evidence })
    }
}

/// How an acceptance can be shown later. It is kept here, as the provider takes only the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The version of the text that was shown, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_version: Option<String>,
    /// The SHA-256 hash of the text that was shown, in hexadecimal digits.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn given(region: Option<&str>, method: Option<&str>) -> GivenConsent {
        GivenConsent {
            text: LegalText::TermsOfService,
            accepted_at: Timestamp(1),
            region: region.map(Region::from),
            evidence: Evidence { method: method.map(ToOwned::to_owned), ..Evidence::default() },
        }
    }

    #[test]
    fn an_acceptance_of_which_no_more_is_said_is_no_event() {
        let held = Consent {
            revision: Revision(1),
            acknowledged: None,
            accepted_at: Timestamp(1),
            region: Some(Region::from("eu")),
            evidence: given(None, Some("checkbox")).evidence,
        };
        for (region, method, is_event) in [
            (None, None, false),
            (Some("eu"), Some("checkbox"), false),
            (None, Some("signature"), true),
            (Some("us"), None, true),
        ] {
            let event = given(region, method).event_after(Some(&held));
            assert_eq!(event.is_some(), is_event, "{region:?} {method:?}");
        }
        assert!(given(None, None).event_after(None).is_some());
    }

    #[test]
    fn of_which_text_it_is_told_only_where_it_is_not_the_first_that_there_was() {
        let told = |text| {
            let given = GivenConsent { text, ..given(None, None) };
            serde_json::to_value(given.event_after(None)).unwrap().to_string()
        };
        assert!(!told(LegalText::PrivacyPolicy).contains("text"));
        assert!(told(LegalText::TermsOfService).contains("terms-of-service"));
        for text in [LegalText::PrivacyPolicy, LegalText::TermsOfService] {
            assert_eq!(serde_json::to_value(text).unwrap(), text.as_str());
        }
    }
}
