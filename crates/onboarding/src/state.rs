//! The states of an onboarding, and who acts next in each.

use serde::{Deserialize, Serialize};

/// Where an onboarding stands. It is derived from the facts after each event, never set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// We hold data; the provider has not the current profile and consent yet.
    Registering,
    /// The provider has the current profile and consent; documents are still to go.
    Registered,
    /// The provider has everything that we hold; verification is not triggered for it yet.
    DocumentsUploaded,
    /// We are about to trigger, or have, and do not know the answer.
    VerificationTriggered,
    /// A wanted product is in review at the provider.
    Polling,
    /// A wanted product lacks something: at least one task is open.
    RequiresData,
    /// Every wanted product is verified.
    Verified,
    /// Nothing is pending or missing any more, and a wanted product was refused.
    Rejected,
    /// Stopped, with a reason and a remedy.
    Held,
    /// Ended on request.
    Cancelled,
    /// Ended on request, and no personal data is kept.
    Erased,
}

impl State {
    /// Every state, in the order of the road.
    pub const ALL: [Self; 11] = [
        Self::Registering,
        Self::Registered,
        Self::DocumentsUploaded,
        Self::VerificationTriggered,
        Self::Polling,
        Self::RequiresData,
        Self::Verified,
        Self::Rejected,
        Self::Held,
        Self::Cancelled,
        Self::Erased,
    ];

    /// The word in the store, in status output and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registering => "registering",
            Self::Registered => "registered",
            Self::DocumentsUploaded => "documents-uploaded",
            Self::VerificationTriggered => "verification-triggered",
            Self::Polling => "polling",
            Self::RequiresData => "requires-data",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
            Self::Erased => "erased",
        }
    }

    /// The state that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether nothing more happens of itself but a slow recheck.
    #[must_use]
    pub const fn is_at_rest(self) -> bool {
        match self {
            Self::RequiresData
            | Self::Verified
            | Self::Rejected
            | Self::Held
            | Self::Cancelled
            | Self::Erased => true,
            Self::Registering
            | Self::Registered
            | Self::DocumentsUploaded
            | Self::VerificationTriggered
            | Self::Polling => false,
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
