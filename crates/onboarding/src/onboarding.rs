//! The durable record of one user's way through. It holds facts; where it stands and what
//! comes next are derived from them. It holds no personal data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::registration::Registration;
use crate::regression::Regressions;
use crate::step::Call;
use crate::task::{Task, TaskState};
use crate::wallet::{Wallet, WalletNumber};
use crate::{
    Area, Consent, Date, DocumentType, Eligibility, Failure, FailureClass, LegalText, Policy,
    Product, ProductStatus, Revision, Revisions, Section, State, Timestamp,
};

/// Our own id of an onboarding, a UUID v7: what logs and metrics name it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OnboardingId(pub Uuid);

impl std::fmt::Display for OnboardingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The durable record of one user's way through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Onboarding {
    /// Our own id of it.
    pub id: OnboardingId,
    /// How many events made it what it is; 0 before the first.
    pub version: u64,
    /// When its first event happened.
    pub created_at: Timestamp,
    /// When its last event happened.
    pub updated_at: Timestamp,
    /// Where it stands; derived after each event.
    pub state: State,
    /// Since when it stands there.
    pub state_since: Timestamp,
    /// The products that this user is being onboarded for.
    pub wanted: BTreeSet<Product>,
    /// What we know of the profile that we hold.
    pub profile: Option<ProfileRecord>,
    /// The user's acceptance of the provider's privacy policy.
    pub consent: Option<Consent>,
    /// The user's acceptance of the provider's terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Consent>,
    /// What is known of how the provider keeps what it was sent.
    #[serde(default, skip_serializing_if = "Registration::is_plain")]
    pub registration: Registration,
    /// The documents that were supplied, the newest of each type.
    pub documents: BTreeMap<DocumentType, Document>,
    /// The user's wallets elsewhere, each with the task that there may be for it. They are no
    /// part of the verdict, so they decide nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wallets: BTreeMap<WalletNumber, Wallet>,
    /// How many wallets there ever were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wallet_count: u32,
    /// Who asked for verification, and what became of it.
    pub verification: Verification,
    /// The provider's last word on each product.
    pub observation: Option<Observation>,
    /// The tasks that the provider's last word gives rise to; closed ones are not kept here.
    pub tasks: Vec<Task>,
    /// The tasks for what runs out once something is verified. The provider does not ask for
    /// them yet, so they decide nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renewals: Vec<Task>,
    /// How many tasks there ever were, those for renewals and wallets included.
    pub task_count: u32,
    /// Since when each product is verified, by the provider's last word.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub verified_since: BTreeMap<Product, Timestamp>,
    /// Which wanted products were verified and are no longer.
    #[serde(default, skip_serializing_if = "Regressions::is_none")]
    pub regressions: Regressions,
    /// Counts what the provider was told. An observation of an earlier epoch says nothing
    /// of what it was told since.
    pub epoch: u32,
    /// The failures in a row of the present step.
    pub retry: Option<Retry>,
    /// The last failure, until a call succeeds.
    pub last_error: Option<LastError>,
    /// How often in a row the provider forgot the user.
    pub forgotten: u32,
    /// Whether the status is to be read once, though nothing is pending.
    pub look: bool,
    /// Why it is stopped.
    pub hold: Option<Hold>,
    /// How it was ended on request.
    pub ended: Option<Ended>,
}

/// What we know of the profile without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileRecord {
    /// The revision that we hold.
    pub revision: Revision,
    /// The last revision that the provider acknowledged.
    pub acknowledged: Option<Revision>,
    /// The sections that it has, each with the revision in which it last changed.
    pub sections: BTreeMap<Section, Revision>,
    /// Where the user lives, as coarsely as the requirements need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<Area>,
    /// The day of the older of the verifications that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_on: Option<Date>,
}

/// A document that was supplied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Each file of this type is a revision.
    pub revision: Revision,
    /// The revision that the provider has.
    pub acknowledged: Option<Revision>,
    /// The last day on which it is valid.
    pub expires_at: Option<Date>,
    /// The provider's id of the acknowledged revision.
    pub provider_document_id: Option<String>,
    /// Whether its bytes are still held here.
    pub content_held: bool,
    /// Other onboardings for which the same file was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<OnboardingId>,
}

impl Document {
    /// Whether this revision is at the provider or can still be sent there.
    #[must_use]
    pub fn is_at_hand(&self) -> bool {
        self.content_held || self.acknowledged == Some(self.revision)
    }

    /// The newest revision that the provider has or can still be sent.
    fn newest_to_judge(&self) -> Option<Revision> {
        if self.is_at_hand() { Some(self.revision) } else { self.acknowledged }
    }
}

/// Whether verification is wanted, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Whether anyone ever asked for verification; from then on it is triggered again by itself.
    pub asked: bool,
    /// Whether someone asked since the last trigger.
    pub requested: bool,
    /// How many triggers were begun.
    pub triggers: u32,
    /// The trigger that was begun and whose answer is not known.
    pub in_doubt: Option<TriggerInDoubt>,
    /// What the provider had when it was last triggered to effect.
    pub triggered_with: Option<Revisions>,
    /// Whether it has to be triggered though nothing was acknowledged since: a product came
    /// to be wanted that was not judged yet, or the provider forgot the user.
    pub renew: bool,
}

/// A trigger whose answer is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerInDoubt {
    /// Its number.
    pub trigger: u32,
    /// What the provider had when it was begun.
    pub sent: Revisions,
    /// The epoch that it began: its answer says nothing of what the provider was told later.
    pub epoch: u32,
    /// Whether someone asked for verification of newer data while it was in doubt.
    pub requested_again: bool,
}

/// The provider's last word on each product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The epoch in which the provider was asked.
    pub epoch: u32,
    /// When it answered.
    pub observed_at: Timestamp,
    /// Each product that it named; one of them is missing if it is not reported.
    pub products: BTreeMap<Product, Eligibility>,
    /// How many looks in a row followed the trigger's answer.
    pub polls: u32,
    /// How many of the last looks in a row could not be understood.
    pub unclear: u32,
}

/// Failures in a row. Those of a trigger whose answer is in doubt are carried over to the look
/// that follows, and to the next trigger if that look shows no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// How many; 0 when new data was given since, and only the floor still holds.
    pub attempt: u32,
    /// When the first happened.
    pub failing_since: Timestamp,
    /// When the last happened.
    pub failed_at: Timestamp,
    /// The provider asked not to be called before this.
    pub floor_at: Option<Timestamp>,
}

impl Retry {
    /// One failure more than `before`.
    pub(crate) fn after(before: Option<Self>, failure: &Failure, now: Timestamp) -> Self {
        Self {
            attempt: before.map_or(0, |retry| retry.attempt).saturating_add(1),
            failing_since: before.map_or(now, |retry| retry.failing_since),
            failed_at: now,
            floor_at: failure.retry_after_ms.map(|ms| now.plus_ms(ms)),
        }
    }

    /// What is left of failures when something newer is sent: no more than the floor.
    pub(crate) fn mended(before: Option<Self>) -> Option<Self> {
        let kept = before.filter(|retry| retry.floor_at.is_some());
        kept.map(|retry| Self { attempt: 0, ..retry })
    }

    /// When the call that failed may be made again, for the onboarding `id`.
    pub(crate) fn due_at(&self, id: OnboardingId, policy: &Policy) -> Timestamp {
        let delayed = match self.attempt {
            0 => self.failed_at,
            attempt => self.failed_at.plus_ms(policy.retry_delay_ms(id, attempt)),
        };
        self.floor_at.map_or(delayed, |floor| floor.max(delayed))
    }
}

/// The last failure of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// What could be done about it.
    pub class: FailureClass,
    /// A sentence for staff, without personal data.
    pub message: String,
    /// When it happened.
    pub at: Timestamp,
}

impl LastError {
    pub(crate) fn of(failure: &Failure, at: Timestamp) -> Self {
        Self { class: failure.class, message: failure.message.clone(), at }
    }
}

/// Why an onboarding is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// What stopped it.
    pub cause: HoldCause,
    /// The reason, as a sentence.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

/// What stopped an onboarding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum HoldCause {
    /// An operator.
    Operator,
    /// The provider refused a call, and no retry can mend that.
    Refused {
        /// The call.
        call: Call,
    },
    /// The same thing was asked for too often.
    RoundsSpent,
    /// The provider keeps forgetting the user.
    Forgotten,
    /// The provider's answers can't be understood.
    Unclear,
    /// The provider does not show a section that it was sent and has acknowledged.
    NotShown,
}

impl HoldCause {
    /// The words of every cause.
    pub const WORDS: [&str; 6] =
        ["operator", "refused", "rounds-spent", "forgotten", "unclear", "not-shown"];

    /// The word in status output and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        Self::WORDS[match self {
            Self::Operator => 0,
            Self::Refused { .. } => 1,
            Self::RoundsSpent => 2,
            Self::Forgotten => 3,
            Self::Unclear => 4,
            Self::NotShown => 5,
        }]
    }

    /// What releases the hold.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Operator => "`gangway resume` lets it go on",
            Self::Refused { .. } => {
                "correct the data with `gangway user patch` or `gangway document add`, \
                 take a document back with `gangway document remove`, \
                 or try the same again with `gangway retry`"
            }
            Self::RoundsSpent => {
                "ask the provider why it does not accept what was sent; \
                 new data or `gangway resume` lets it go on"
            }
            Self::Forgotten => {
                "check that the API key belongs to the project where the user was registered, \
                 then `gangway retry`"
            }
            Self::Unclear => {
                "look at the user in the provider's console, then `gangway retry` reads the status again"
            }
            Self::NotShown => {
                "ask the provider why it does not keep the section; corrected data by \
                 `gangway user patch`, or `gangway retry`, sends it again"
            }
        }
    }
}

/// How an onboarding was ended on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// No more is done; the data is kept.
    Cancelled,
    /// No more is done, and the data is destroyed.
    Erased,
}

/// What the wanted products add up to, by the last observation of any epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing was observed yet.
    Unobserved,
    /// Something is asked for.
    Asking,
    /// One is in review, or its answer can't be understood.
    Pending,
    /// All were judged, and one was refused.
    Rejected,
    /// All are verified.
    Verified,
}

impl Onboarding {
    /// The record before its first event.
    #[must_use]
    pub fn blank(id: OnboardingId, created_at: Timestamp) -> Self {
        Self {
            id,
            version: 0,
            created_at,
            updated_at: created_at,
            state: State::Registering,
            state_since: created_at,
            wanted: BTreeSet::new(),
            profile: None,
            consent: None,
            terms: None,
            registration: Registration::default(),
            documents: BTreeMap::new(),
            wallets: BTreeMap::new(),
            wallet_count: 0,
            verification: Verification::default(),
            observation: None,
            tasks: Vec::new(),
            renewals: Vec::new(),
            task_count: 0,
            verified_since: BTreeMap::new(),
            regressions: Regressions::default(),
            epoch: 0,
            retry: None,
            last_error: None,
            forgotten: 0,
            look: false,
            hold: None,
            ended: None,
        }
    }

    /// What the provider has once it was told everything: what we hold and could send, and of
    /// a document that was taken back, the revision that it has already.
    #[must_use]
    pub fn held_revisions(&self) -> Revisions {
        Revisions {
            profile: self.profile.as_ref().map(|profile| profile.revision),
            consent: self.consent.as_ref().map(|consent| consent.revision),
            terms: self.terms.as_ref().map(|terms| terms.revision),
            documents: self
                .documents
                .iter()
                .filter_map(|(kind, document)| Some((kind.clone(), document.newest_to_judge()?)))
                .collect(),
        }
    }

    /// What the provider has acknowledged.
    #[must_use]
    pub fn acknowledged_revisions(&self) -> Revisions {
        Revisions {
            profile: self.profile.as_ref().and_then(|profile| profile.acknowledged),
            consent: self.consent.as_ref().and_then(|consent| consent.acknowledged),
            terms: self.terms.as_ref().and_then(|terms| terms.acknowledged),
            documents: self
                .documents
                .iter()
                .filter_map(|(kind, document)| Some((kind.clone(), document.acknowledged?)))
                .collect(),
        }
    }

    /// What the provider judges by when it is triggered now: what it has acknowledged, and the
    /// consents that are never sent to it.
    pub(crate) fn judged_revisions(&self, policy: &Policy) -> Revisions {
        let acknowledged = self.acknowledged_revisions();
        if !policy.keeps_consents {
            return acknowledged;
        }
        let Revisions { consent, terms, .. } = self.held_revisions();
        Revisions { consent, terms, ..acknowledged }
    }

    /// The acceptance of a legal text that the provider is to be told of next.
    pub(crate) fn consent_to_send(&self, policy: &Policy) -> Option<(LegalText, Revision)> {
        if policy.keeps_consents {
            return None;
        }
        let mut texts = [LegalText::PrivacyPolicy, LegalText::TermsOfService].into_iter();
        texts.find_map(|text| {
            let held = self.accepted(text).filter(|held| !held.is_acknowledged())?;
            Some((text, held.revision))
        })
    }

    /// The provider's last word on the wanted products that it named.
    pub(crate) fn observed_wanted(&self) -> impl Iterator<Item = &Eligibility> {
        let products = self.observation.as_ref().map(|observation| &observation.products);
        products
            .into_iter()
            .flatten()
            .filter(|(product, _)| self.wanted.contains(product))
            .map(|(_, word)| word)
    }

    /// The provider's last word on one product, if it ever named it.
    pub(crate) fn status_of(&self, product: &Product) -> Option<&ProductStatus> {
        Some(&self.observation.as_ref()?.products.get(product)?.status)
    }

    pub(crate) fn has_open_task(&self) -> bool {
        self.tasks.iter().any(|task| task.state == TaskState::Open)
    }

    pub(crate) fn standing(&self) -> Standing {
        // With nothing wanted there is nothing to be verified for.
        if self.observation.is_none() || self.wanted.is_empty() {
            return Standing::Unobserved;
        }
        let statuses: Vec<Option<&ProductStatus>> =
            self.wanted.iter().map(|product| self.status_of(product)).collect();
        let any = |wanted: fn(&ProductStatus) -> bool| {
            statuses.iter().flatten().any(|status| wanted(status))
        };
        if any(asks) {
            Standing::Asking
        } else if statuses
            .iter()
            .any(|status| status.is_none_or(|status| is_pending(status) || is_unclear(status)))
        {
            Standing::Pending
        } else if any(|status| *status == ProductStatus::Rejected) {
            Standing::Rejected
        } else {
            Standing::Verified
        }
    }

    /// Whether a wanted product is in review, or its answer can't be understood:
    /// worth another look even while something else is asked for.
    pub(crate) fn is_worth_polling(&self) -> bool {
        self.observation.is_some()
            && self.wanted.iter().any(|product| {
                self.status_of(product)
                    .is_none_or(|status| is_pending(status) || is_unclear(status))
            })
    }

    /// Whether some wanted product's answer can't be understood, and none is in review.
    pub(crate) fn is_unclear(&self) -> bool {
        let statuses: Vec<Option<&ProductStatus>> =
            self.wanted.iter().map(|product| self.status_of(product)).collect();
        statuses.iter().any(|status| status.is_none_or(is_unclear))
            && !statuses.iter().flatten().any(|status| is_pending(status))
    }

    /// Whether the provider was told anything since it was last asked for its word.
    pub(crate) fn is_observation_stale(&self) -> bool {
        self.observation.as_ref().is_none_or(|observation| observation.epoch != self.epoch)
    }

    /// Where the facts put it.
    pub(crate) fn derived_state(&self, policy: &Policy) -> State {
        match self.ended {
            Some(Ended::Cancelled) => return State::Cancelled,
            Some(Ended::Erased) => return State::Erased,
            None => {}
        }
        if self.hold.is_some() {
            State::Held
        } else if self.verification.in_doubt.is_some() {
            State::VerificationTriggered
        } else if self.has_open_task() {
            State::RequiresData
        } else if self
            .profile
            .as_ref()
            .is_none_or(|profile| profile.acknowledged != Some(profile.revision))
            || self.consent_to_send(policy).is_some()
        {
            State::Registering
        } else if self.document_to_upload().is_some() {
            State::Registered
        } else if self.is_observation_stale() || self.has_reason_to_trigger(policy) {
            State::DocumentsUploaded
        } else {
            match self.standing() {
                Standing::Unobserved | Standing::Asking => State::DocumentsUploaded,
                Standing::Pending => State::Polling,
                Standing::Rejected => State::Rejected,
                Standing::Verified => State::Verified,
            }
        }
    }

    /// The first document whose newest revision the provider has not got.
    pub(crate) fn document_to_upload(&self) -> Option<(&DocumentType, Revision)> {
        self.documents
            .iter()
            .find(|(_, document)| {
                document.content_held && document.acknowledged != Some(document.revision)
            })
            .map(|(kind, document)| (kind, document.revision))
    }

    /// Whether the provider has to judge anew: it was told something since it last did, or
    /// it has to be asked again for another reason.
    pub(crate) fn has_news_to_judge(&self, policy: &Policy) -> bool {
        self.verification.renew
            || self.verification.triggered_with.as_ref() != Some(&self.judged_revisions(policy))
    }

    /// Whether verification is to be triggered once everything is acknowledged.
    pub(crate) fn has_reason_to_trigger(&self, policy: &Policy) -> bool {
        if self.wanted.is_empty() || self.profile.is_none() {
            return false;
        }
        if self.verification.requested {
            return true;
        }
        self.verification.asked
            && self.has_news_to_judge(policy)
            && !self.has_open_task()
            && match self.standing() {
                Standing::Unobserved | Standing::Asking | Standing::Pending => true,
                // After a verdict it is judged again only if someone asks, or if the
                // provider lost its own verdict.
                Standing::Rejected | Standing::Verified => self.verification.renew,
            }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(crate) const fn is_zero(number: &u32) -> bool {
    *number == 0
}

const fn asks(status: &ProductStatus) -> bool {
    matches!(status, ProductStatus::RequiresData | ProductStatus::PendingPrivacyPolicy)
}

const fn is_pending(status: &ProductStatus) -> bool {
    matches!(status, ProductStatus::PendingReview)
}

/// An answer that no trigger should lead to: still not started, or a word that we don't know.
const fn is_unclear(status: &ProductStatus) -> bool {
    matches!(status, ProductStatus::NotStarted | ProductStatus::Other(_))
}
