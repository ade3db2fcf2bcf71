//! One claimed call: read what is to be sent, send it, and say what happened.

use onboarding::{Call, DocumentType, Effect, Event, Failure, FailureClass, Profile, Revision};
use store::{Store, StoreError, Stored};

use super::Worker;
use crate::provider::{Provider, Upload};

impl<S: Store, P: Provider> Worker<S, P> {
    /// Makes the call and says what happened. An error means that no call was made.
    pub(super) async fn make(&self, stored: &Stored, call: &Call) -> Result<Event, StoreError> {
        let answered = match call {
            Call::AcceptPrivacyPolicy { revision } => {
                self.accept_privacy_policy(stored, *revision).await
            }
            Call::RegisterUser { revision } => self.register_user(stored, *revision).await?,
            Call::UploadDocument { document_type, revision } => {
                self.upload_document(stored, document_type, *revision).await?
            }
            Call::TriggerVerification { trigger } => {
                let answer = self.provider.trigger_verification(&stored.user).await;
                answer.map(|eligibility| Event::VerificationTriggered {
                    trigger: *trigger,
                    eligibility,
                })
            }
            Call::CheckStatus { epoch } => {
                let answer = self.provider.check_status(&stored.user).await;
                answer.map(|eligibility| Event::StatusChecked { epoch: *epoch, eligibility })
            }
        };
        Ok(answered.unwrap_or_else(|failure| Event::CallFailed { call: call.clone(), failure }))
    }

    async fn accept_privacy_policy(
        &self,
        stored: &Stored,
        revision: Revision,
    ) -> Result<Event, Failure> {
        let consent = stored.onboarding.consent.as_ref().ok_or_else(|| not_held("the consent"))?;
        self.provider.accept_privacy_policy(&stored.user, consent.accepted_at).await?;
        Ok(Event::PrivacyPolicyAccepted { revision })
    }

    async fn register_user(
        &self,
        stored: &Stored,
        revision: Revision,
    ) -> Result<Result<Event, Failure>, StoreError> {
        let Some(content) = self.store.profile(stored.onboarding.id).await? else {
            return Ok(Err(not_held("the profile")));
        };
        if content.revision != revision {
            return Ok(Err(no_answer()));
        }
        let profile: Profile =
            serde_json::from_slice(&content.json).map_err(|error| StoreError::Damaged {
                id: stored.onboarding.id.to_string(),
                what: format!(
                    "its profile is not readable at line {} column {}",
                    error.line(),
                    error.column()
                ),
            })?;
        let answer = self.provider.register_user(&stored.user, &profile).await;
        Ok(answer.map(|()| Event::UserRegistered { revision }))
    }

    async fn upload_document(
        &self,
        stored: &Stored,
        document_type: &DocumentType,
        revision: Revision,
    ) -> Result<Result<Event, Failure>, StoreError> {
        let _one_of_few =
            self.documents_in_memory.acquire().await.expect("the semaphore is never closed");
        let Some(content) =
            self.store.document_content(stored.onboarding.id, document_type).await?
        else {
            return Ok(Err(not_held("the document")));
        };
        if content.revision != revision {
            return Ok(Err(no_answer()));
        }
        let document = stored.onboarding.documents.get(document_type);
        let upload = Upload {
            document_type: document_type.clone(),
            media_type: content.media_type,
            bytes: content.bytes,
            expires_at: document.and_then(|document| document.expires_at),
        };
        let answer = self.provider.upload_document(&stored.user, upload).await;
        Ok(answer.map(|provider_document_id| Event::DocumentUploaded {
            document_type: document_type.clone(),
            revision,
            provider_document_id,
        }))
    }
}

/// The store lacks what the onboarding says that we hold: only a person can supply it again.
fn not_held(what: &str) -> Failure {
    let message = format!("{what} is not in the store any more; supply it again");
    no_effect(FailureClass::Refused, message)
}

/// No call was made: what was to be sent can't be read, or was replaced since it was claimed,
/// and then the newer revision is due at once.
pub(super) fn no_answer() -> Failure {
    no_effect(FailureClass::Transient, "no call was made".to_owned())
}

pub(super) const fn no_effect(class: FailureClass, message: String) -> Failure {
    Failure { class, message, http_status: None, retry_after_ms: None, effect: Effect::None }
}
