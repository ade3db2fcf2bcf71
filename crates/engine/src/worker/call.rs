//! One claimed call: read what is to be sent, send it, and say what happened.

use onboarding::{
    Call, Consent, DocumentType, Effect, Event, Failure, FailureClass, Onboarding, OnboardingId,
    Profile, Region, Revision, WalletNumber,
};
use serde_json::Value;
use store::{PersonalData, Store, StoreError, Stored, WalletContent};
use tokio::sync::SemaphorePermit;
use tracing::error;

use super::Worker;
use crate::Clock;
use crate::provider::{Linked, Provider, Upload};

/// How long an upload waits until fewer documents are in memory. Its claim was the permission
/// to call now: those that were made late, all at once, would exceed the budget.
const UPLOAD_WAIT_MS: u64 = 1_000;

/// What became of a claimed call.
pub(super) enum Made {
    /// It was sent, and this came of it, perhaps with personal data.
    Sent(Event, Option<PersonalData>),
    /// It was not sent, and this is why.
    NotSent(Event),
    /// It was not sent, as too many documents are in memory. Nothing happened.
    NoRoom,
}

/// Why a call did not succeed.
enum Unsuccessful {
    /// The provider's answer, or that there was none.
    Failed(Failure),
    /// Nothing was sent.
    NotSent(Failure),
    /// Too many documents are in memory.
    NoRoom,
}

impl From<Failure> for Unsuccessful {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl<S: Store, P: Provider> Worker<S, P> {
    /// Makes the call and says what happened.
    pub(super) async fn make(&self, stored: &Stored, call: &Call, clock: &impl Clock) -> Made {
        let failed = |failure| Event::CallFailed { call: call.clone(), failure };
        let sent = self.send(stored, call, clock);
        #[cfg(feature = "break-points")]
        let sent = store::break_point::around(call.name(), lost, sent);
        match sent.await {
            Ok((event, personal)) => Made::Sent(event, personal),
            Err(Unsuccessful::Failed(failure)) => {
                Made::Sent(failed(self.scrubbed(&stored.onboarding, failure).await), None)
            }
            Err(Unsuccessful::NotSent(failure)) => Made::NotSent(failed(failure)),
            Err(Unsuccessful::NoRoom) => Made::NoRoom,
        }
    }

    async fn send(
        &self,
        stored: &Stored,
        call: &Call,
        clock: &impl Clock,
    ) -> Result<(Event, Option<PersonalData>), Unsuccessful> {
        let user = &stored.user;
        let event = match call {
            Call::AcceptPrivacyPolicy { revision } => {
                self.accept_privacy_policy(stored, *revision).await?
            }
            Call::AcceptTerms { revision } => self.accept_terms(stored, *revision).await?,
            Call::RegisterUser { revision } => self.register_user(stored, *revision).await?,
            Call::ReadUser { epoch } => {
                let shown = self.provider.read_user(user).await?;
                Event::UserRead { epoch: *epoch, shown }
            }
            Call::UploadDocument { document_type, revision } => {
                let _one_of_few = self.room_for_a_document(clock).await?;
                self.upload_document(stored, document_type, *revision).await?
            }
            Call::TriggerVerification { trigger } => {
                let eligibility = self.provider.trigger_verification(user).await?;
                Event::VerificationTriggered { trigger: *trigger, eligibility }
            }
            Call::CheckStatus { epoch } => {
                let eligibility = self.provider.check_status(user).await?;
                Event::StatusChecked { epoch: *epoch, eligibility }
            }
            Call::LinkWallet { number, revision } => {
                return self.link_wallet(stored, *number, *revision).await;
            }
        };
        Ok((event, None))
    }

    async fn accept_privacy_policy(
        &self,
        stored: &Stored,
        revision: Revision,
    ) -> Result<Event, Unsuccessful> {
        let consent = self.consent(stored, revision, |held| held.consent).await?;
        self.provider.accept_privacy_policy(&stored.user, consent.accepted_at).await?;
        Ok(Event::PrivacyPolicyAccepted { revision, epoch: Some(stored.onboarding.epoch) })
    }

    async fn accept_terms(
        &self,
        stored: &Stored,
        revision: Revision,
    ) -> Result<Event, Unsuccessful> {
        let terms = self.consent(stored, revision, |held| held.terms).await?;
        let region = terms.region.unwrap_or(Region::Worldwide);
        self.provider.accept_terms(&stored.user, terms.accepted_at, &region).await?;
        Ok(Event::TermsAccepted { revision, epoch: stored.onboarding.epoch })
    }

    /// The acceptance that is held now, if it is still the one that was claimed.
    async fn consent(
        &self,
        stored: &Stored,
        revision: Revision,
        of: fn(Onboarding) -> Option<Consent>,
    ) -> Result<Consent, Unsuccessful> {
        let held = self.store.load(stored.onboarding.id).await;
        let held = held.map_err(|error| unreadable(&error, "restore it from a backup"))?;
        let consent = held.and_then(|held| of(held.onboarding));
        let consent = consent.ok_or_else(|| not_held("the consent"))?;
        if consent.revision != revision {
            return Err(replaced());
        }
        Ok(consent)
    }

    async fn register_user(
        &self,
        stored: &Stored,
        revision: Revision,
    ) -> Result<Event, Unsuccessful> {
        let held = self.profile(stored.onboarding.id).await;
        let held = held.map_err(|error| unreadable(&error, "set the profile again"))?;
        let (held_revision, profile) = held.ok_or_else(|| not_held("the profile"))?;
        if held_revision != revision {
            return Err(replaced());
        }
        self.provider.register_user(&stored.user, &profile).await?;
        Ok(Event::UserRegistered { revision, epoch: Some(stored.onboarding.epoch) })
    }

    async fn room_for_a_document(
        &self,
        clock: &impl Clock,
    ) -> Result<SemaphorePermit<'_>, Unsuccessful> {
        tokio::select! {
            biased;
            room = self.documents_in_memory.acquire() => {
                Ok(room.expect("the semaphore is never closed"))
            }
            () = clock.wait(UPLOAD_WAIT_MS) => Err(Unsuccessful::NoRoom),
        }
    }

    async fn upload_document(
        &self,
        stored: &Stored,
        document_type: &DocumentType,
        revision: Revision,
    ) -> Result<Event, Unsuccessful> {
        let held = self.store.document_content(stored.onboarding.id, document_type).await;
        let held = held.map_err(|error| unreadable(&error, "add the document again"))?;
        let content = held.ok_or_else(|| not_held("the document"))?;
        if content.revision != revision {
            return Err(replaced());
        }
        let document = stored.onboarding.documents.get(document_type);
        let upload = Upload {
            document_type: document_type.clone(),
            media_type: content.media_type,
            bytes: content.bytes,
            expires_at: document.and_then(|document| document.expires_at),
        };
        let provider_document_id = self.provider.upload_document(&stored.user, upload).await?;
        Ok(Event::DocumentUploaded {
            document_type: document_type.clone(),
            revision,
            epoch: Some(stored.onboarding.epoch),
            provider_document_id,
        })
    }

    async fn link_wallet(
        &self,
        stored: &Stored,
        number: WalletNumber,
        revision: Revision,
    ) -> Result<(Event, Option<PersonalData>), Unsuccessful> {
        let held = self.store.wallets(stored.onboarding.id).await;
        let held = held.map_err(|error| unreadable(&error, "give the wallet again"))?;
        let held = held.into_iter().find(|held| held.number == number);
        let held = held.ok_or_else(|| not_held("the wallet"))?;
        if held.revision != revision {
            return Err(replaced());
        }
        let Linked { ownership, challenge } =
            self.provider.link_wallet(&stored.user, held.wallet).await?;
        let epoch = stored.onboarding.epoch;
        let challenge = challenge.map(|challenge| PersonalData::WalletChallenge {
            number,
            revision,
            challenge,
        });
        Ok((Event::WalletLinked { number, revision, epoch, ownership }, challenge))
    }

    /// The profile that is held, and its revision.
    async fn profile(&self, id: OnboardingId) -> Result<Option<(Revision, Profile)>, StoreError> {
        let Some(content) = self.store.profile(id).await? else { return Ok(None) };
        let profile =
            serde_json::from_slice(&content.json).map_err(|error| StoreError::Damaged {
                id: id.to_string(),
                what: format!(
                    "its profile is not readable at line {} column {}",
                    error.line(),
                    error.column()
                ),
            })?;
        Ok(Some((content.revision, profile)))
    }

    /// A failure whose message holds nothing of what the user gave. The provider knows the user
    /// from earlier calls, so that a call that does not carry the data may bring it back.
    async fn scrubbed(&self, onboarding: &Onboarding, failure: Failure) -> Failure {
        let message = match self.given(onboarding).await {
            Ok(Some(given)) => {
                crossmint::scrub(&failure.message, &(given.profile, given.wallets), &given.said)
            }
            // Without the data nobody can tell what in the message is of it.
            Ok(None) | Err(_) => match failure.http_status {
                Some(status) => format!("the provider answered with HTTP status {status}"),
                None => "the provider gave no answer that can be used".to_owned(),
            },
        };
        Failure { message, ..failure }
    }

    /// What the provider may repeat; `None` if not all of it can be read.
    async fn given(&self, onboarding: &Onboarding) -> Result<Option<Given>, StoreError> {
        let profile = self.profile(onboarding.id).await?.map(|(_, profile)| profile);
        if onboarding.profile.is_some() && profile.is_none() {
            return Ok(None);
        }
        let held = self.store.wallets(onboarding.id).await?;
        let is_held = |number: &WalletNumber| held.iter().any(|held| held.number == *number);
        if !onboarding.wallets.keys().all(is_held) {
            return Ok(None);
        }
        let mut given = Given { profile, wallets: Vec::new(), said: Vec::new() };
        for WalletContent { wallet, challenge, .. } in held {
            given.wallets.push((wallet.address, wallet.proof));
            given.said.extend(challenge);
        }
        Ok(Some(given))
    }
}

/// What the provider may repeat, of one user.
struct Given {
    profile: Option<Profile>,
    /// The address and the proof of each wallet.
    wallets: Vec<(String, Option<Value>)>,
    /// What the provider wants to be signed for them.
    said: Vec<Value>,
}

/// What the client says of a call whose request or answer was lost on the way.
#[cfg(feature = "break-points")]
fn lost() -> Unsuccessful {
    let message = "lost by a test".to_owned();
    Unsuccessful::Failed(Failure {
        effect: Effect::Unknown,
        ..no_effect(FailureClass::Transient, message)
    })
}

/// The store lacks what the onboarding says that we hold: only a person can supply it again.
fn not_held(what: &str) -> Unsuccessful {
    let message = format!("{what} is not in the store any more; supply it again");
    Unsuccessful::NotSent(no_effect(FailureClass::Refused, message))
}

/// What is damaged stays so until a person supplies it again; else it can be read later.
fn unreadable(error: &StoreError, remedy: &str) -> Unsuccessful {
    error!(error = error as &dyn std::error::Error, "a call's data can't be read");
    Unsuccessful::NotSent(match error {
        StoreError::Damaged { .. } => no_effect(
            FailureClass::Refused,
            format!("nothing was sent, as the data in our store is damaged; {remedy}"),
        ),
        StoreError::Unavailable(_) | StoreError::Unknown(_) | StoreError::Closed => no_effect(
            FailureClass::Transient,
            "nothing was sent, as the data in our store can't be read now".to_owned(),
        ),
    })
}

/// What was to be sent was replaced since it was claimed, and the newer revision is due at once.
fn replaced() -> Unsuccessful {
    let message = "nothing was sent, as there is a newer revision".to_owned();
    Unsuccessful::NotSent(no_effect(FailureClass::Transient, message))
}

pub(super) const fn no_effect(class: FailureClass, message: String) -> Failure {
    Failure { class, message, http_status: None, retry_after_ms: None, effect: Effect::None }
}
