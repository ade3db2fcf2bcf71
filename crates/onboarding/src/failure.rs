//! What went wrong with a call, by what can be done about it.

use serde::{Deserialize, Serialize};

/// A call that did not succeed, as the client classified it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What can be done about it.
    pub class: FailureClass,
    /// A sentence for staff: the provider's message, rid of every value that we sent.
    /// Holds no personal data.
    pub message: String,
    /// The HTTP status, when there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The provider's `Retry-After`, in milliseconds from the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether the provider may have acted on the call all the same.
    pub effect: Effect,
}

/// Whether a failed call may have taken effect at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It certainly did not: refused (but not 408, 409 or 425), or never sent.
    None,
    /// Nobody knows: the answer was lost, unreadable, or one that may follow the effect.
    Unknown,
}

/// The classes of failure; each is handled in one way by [`crate::apply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// 408, 409, 425, 5xx, no connection, reset, time-out, unreadable 2xx: try again later.
    Transient,
    /// 429: try again later, and slow down for everyone.
    RateLimited,
    /// 400, 413, 422: the data has to be corrected.
    Refused,
    /// 404: the provider does not know the user (or nothing was ever triggered).
    NotFound,
    /// 401, 403, "project not configured": nobody's call would succeed.
    ProviderClosed,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 5] =
        [Self::Transient, Self::RateLimited, Self::Refused, Self::NotFound, Self::ProviderClosed];

    /// The word in status output and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate-limited",
            Self::Refused => "refused",
            Self::NotFound => "not-found",
            Self::ProviderClosed => "provider-closed",
        }
    }
}
