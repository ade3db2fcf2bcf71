//! What others are told of, and how far it has come on its way to them.

use onboarding::{Notification, NotificationKind, OnboardingId, Timestamp, UserLocator};

use crate::erased_user;

/// A notification as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notified {
    /// Its place in the order of all, counted from 1.
    pub seq: u64,
    /// Tells it from another of the same place that a backup, once restored, gave way to.
    pub mark: i64,
    /// The onboarding that it is about; none if it is about the provider.
    pub about: Option<About>,
    /// Its kind.
    pub kind: NotificationKind,
    /// The data of its kind, a JSON object without personal data.
    pub data: String,
    /// When it happened.
    pub at: Timestamp,
}

/// The onboarding that a notification is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its id.
    pub id: OnboardingId,
    /// Its version after the change.
    pub version: u64,
    /// The user, if the locator is the company's own id of them, and was not erased.
    pub user: Option<UserLocator>,
}

impl Notified {
    /// The id that receivers see: the same however often it is sent.
    #[must_use]
    pub fn id(&self) -> String {
        format!("evt_{}_{:016x}", self.seq, self.mark)
    }

    /// The number in an id, or in a text that is the number alone.
    #[must_use]
    pub fn seq_of(id: &str) -> Option<u64> {
        let number = id.strip_prefix("evt_").unwrap_or(id);
        number.split('_').next().and_then(|number| number.parse().ok())
    }
}

/// The data of a notification as it is stored.
pub(crate) fn data(notification: &Notification) -> String {
    serde_json::to_string(notification).expect("a notification has only text keys")
}

/// The user as others are told: no locator that is personal data, and none that was made up
/// in place of one that was erased.
pub(crate) fn user_told(user: &UserLocator, id: OnboardingId) -> Option<UserLocator> {
    let is_plain = user.is_own_id() && *user != erased_user(id);
    is_plain.then(|| user.clone())
}

/// An endpoint that is to be told.
#[derive(Clone)]
pub struct NewEndpoint {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// What it is told of; none is everything.
    pub kinds: Option<Vec<NotificationKind>>,
    /// What signs: `whsec_…` or `whsk_…`.
    pub secret: String,
    /// The time.
    pub now: Timestamp,
}

/// A secret in place of the ones before.
#[derive(Clone)]
pub struct NewSecret {
    /// The endpoint.
    pub endpoint: String,
    /// What signs from now on.
    pub secret: String,
    /// Until when those before sign as well.
    pub others_until: Timestamp,
    /// The time.
    pub now: Timestamp,
}

/// An endpoint as it is stored. It holds secrets: no `Debug`.
#[derive(Clone)]
pub struct Endpoint {
    /// Its key.
    pub key: i64,
    /// Its id.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// What it is told of; none is everything.
    pub kinds: Option<Vec<NotificationKind>>,
    /// The last notification that has its delivery.
    pub cursor: u64,
    /// When it was added.
    pub created_at: Timestamp,
    /// Since when every try fails.
    pub failing_since: Option<Timestamp>,
    /// When that was warned of.
    pub warned_at: Option<Timestamp>,
    /// When and why it was disabled.
    pub disabled: Option<(Timestamp, DisabledFor)>,
    /// What signs, the newest first.
    pub secrets: Vec<String>,
}

/// Why an endpoint is told no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledFor {
    /// It said that it is gone for good (410).
    Gone,
    /// Every try failed for too long.
    Failing,
}

impl DisabledFor {
    const ALL: [Self; 2] = [Self::Gone, Self::Failing];

    /// The word in the store and in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == word)
    }
}

/// Which delivery it is: the key of its row may become another one's once it is gone, as its
/// endpoint was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryKey {
    /// The row's.
    pub row: i64,
    /// The endpoint's.
    pub endpoint: i64,
    /// The number of what is sent.
    pub seq: i64,
}

/// A notification that is to be sent to an endpoint now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// Which one it is.
    pub key: DeliveryKey,
    /// How many tries there were.
    pub attempts: u32,
    /// What is to be sent; nothing if it can't be read.
    pub notified: Option<Notified>,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// An earlier one of the same user has to arrive first.
    Waiting,
    /// It is sent at its time.
    Due,
    /// It arrived.
    Delivered,
    /// It was tried as often as it is tried.
    GivenUp,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Due, Self::Delivered, Self::GivenUp];

    /// The word in the store and in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Due => "due",
            Self::Delivered => "delivered",
            Self::GivenUp => "given-up",
        }
    }

    /// The state that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What one try came to, without anything that the receiver said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// When.
    pub at: Timestamp,
    /// The HTTP status, if one came.
    pub http_status: Option<u16>,
    /// How long it took.
    pub took_ms: u64,
    /// The class of what went wrong.
    pub error: Option<&'static str>,
}

/// What becomes of a delivery after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It arrived; the user's next one is due.
    Delivered,
    /// It is tried again.
    Again {
        /// When.
        at: Timestamp,
        /// Whether the endpoint is disabled, or that is warned of.
        endpoint: EndpointAfter,
    },
    /// It is not tried again; the user's next one is due.
    GivenUp,
}

/// What becomes of an endpoint after a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointAfter {
    /// It is tried on.
    Kept,
    /// It was warned of that it will be disabled, as every try has failed since then. If that is
    /// no longer so when it is stored, it is kept.
    Warned(Timestamp),
    /// It is told no more until it is enabled, as every try has failed since then. If that is no
    /// longer so when it is stored, it is kept.
    Failing(Timestamp),
    /// It is told no more until it is enabled, as it said that it is gone.
    Gone,
}

/// A delivery as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What is or was sent.
    pub notified: Notified,
    /// How far it has come.
    pub state: DeliveryState,
    /// How many tries there were.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// When it was tried last.
    pub tried_at: Option<Timestamp>,
    /// The HTTP status of the last try.
    pub http_status: Option<u16>,
    /// How long the last try took.
    pub took_ms: Option<u64>,
    /// What went wrong at the last try.
    pub error: Option<String>,
}

/// What is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The notifications from the first to the second, both included.
    Range(u64, u64),
    /// Everything that happened since.
    Since(Timestamp),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_number_and_is_another_ones_after_a_restored_backup() {
        let (kind, at) = (NotificationKind::ProviderOpened, Timestamp(0));
        let one = Notified { seq: 17, mark: 0x2a, about: None, kind, data: "{}".into(), at };
        assert_eq!(one.id(), "evt_17_000000000000002a");
        assert_ne!(Notified { mark: 0x2b, ..one.clone() }.id(), one.id());
        for (id, seq) in [
            (one.id().as_str(), Some(17)),
            ("17", Some(17)),
            ("evt_", None),
            ("evt_x_17", None),
            ("-1", None),
        ] {
            assert_eq!(Notified::seq_of(id), seq, "{id}");
        }
    }
}
