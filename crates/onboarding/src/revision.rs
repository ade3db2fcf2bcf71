//! Revisions, and what the provider has been told of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::DocumentType;

/// The number of an edit to one thing: the profile, the consent, or a document. The first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Revision(pub u32);

impl Revision {
    /// The revision that follows `current`; the first when there is none.
    #[must_use]
    pub const fn following(current: Option<Self>) -> Self {
        match current {
            Some(Self(number)) => Self(number.saturating_add(1)),
            None => Self(1),
        }
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One revision of each thing: what we hold, what the provider has acknowledged,
/// or what it had when it was last triggered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revisions {
    /// Of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Revision>,
    /// Of the consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Revision>,
    /// Of the acceptance of the terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Revision>,
    /// Of each document.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub documents: BTreeMap<DocumentType, Revision>,
}
