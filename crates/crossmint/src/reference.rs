//! Finds out which form of the user reference the provider takes, one call at a time.
//!
//! The provider's pages contradict each other, see [`DocumentReference`], and a 400
//! does not say whether the form was refused or the document. So until a first
//! upload succeeds, an upload that was refused in the configured form takes the other
//! form when it is tried again. Nothing in here makes a call.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use onboarding::{Failure, FailureClass, UserLocator};

use crate::classify::is_plain_400;
use crate::settings::DocumentReference;
use crate::wire::DocumentUpload;

/// So many refused uploads are remembered. One that is forgotten begins anew
/// with the configured form, which costs one more call.
const REFUSED_MAX: usize = 256;

/// What is known about the two forms.
pub(crate) struct Forms {
    configured: DocumentReference,
    /// The form of the first upload that succeeded.
    proven: OnceLock<DocumentReference>,
    /// The uploads that were refused in the configured form before any was proven,
    /// oldest first. They are told apart, because many uploads run at once: one
    /// user's bad document must not decide the form of another user's good one.
    refused: Mutex<VecDeque<Refused>>,
    hash: RandomState,
}

struct Refused {
    upload: u64,
    message: String,
}

/// The form that one call takes.
pub(crate) struct Attempt {
    pub(crate) form: DocumentReference,
    /// Which upload it is, while its outcome still teaches something about the forms.
    upload: Option<u64>,
}

impl Forms {
    pub(crate) fn new(configured: DocumentReference) -> Self {
        let refused = Mutex::new(VecDeque::new());
        Self { configured, proven: OnceLock::new(), refused, hash: RandomState::new() }
    }

    /// Chooses the form of the next call for this upload.
    pub(crate) fn attempt(&self, locator: &UserLocator, upload: &DocumentUpload<'_>) -> Attempt {
        if let Some(form) = self.proven.get() {
            return Attempt { form: *form, upload: None };
        }
        // Corrected data is another upload, whose first try is in the configured form.
        let DocumentUpload { document_type, media_type, content, expires_at } = upload;
        let all = (locator.as_str(), document_type, media_type, content, expires_at);
        let upload = self.hash.hash_one(all);
        let was_refused = self.refused().iter().any(|refused| refused.upload == upload);
        let form = if was_refused { self.configured.other() } else { self.configured };
        Attempt { form, upload: Some(upload) }
    }

    /// Learns from the outcome of a call, and answers what is to be told of it.
    /// A 2xx that can't be read teaches nothing: it may be a gateway's page.
    pub(crate) fn learn<T>(
        &self,
        attempt: &Attempt,
        outcome: Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(upload) = attempt.upload else { return outcome };
        match outcome {
            Ok(answer) => {
                self.prove(attempt.form);
                Ok(answer)
            }
            Err(failure) if !is_plain_400(&failure) => Err(failure),
            Err(failure) if attempt.form == self.configured => {
                Err(self.refused_as_configured(upload, failure))
            }
            Err(failure) => Err(self.refused_in_both(upload, failure)),
        }
    }

    fn prove(&self, form: DocumentReference) {
        let mut refused = self.refused();
        self.proven.get_or_init(|| form);
        refused.clear();
    }

    fn refused_as_configured(&self, upload: u64, failure: Failure) -> Failure {
        let mut refused = self.refused();
        match self.proven.get() {
            Some(proven) if *proven == self.configured => return failure,
            Some(_) => {}
            None => {
                refused.push_back(Refused { upload, message: failure.message.clone() });
                if refused.len() > REFUSED_MAX {
                    refused.pop_front();
                }
            }
        }
        let message =
            format!("{}; the other form of the user reference is tried next", failure.message);
        Failure { class: FailureClass::Transient, message, ..failure }
    }

    /// Which of the two refusals judged the document is unknown, so both are told.
    fn refused_in_both(&self, upload: u64, failure: Failure) -> Failure {
        let mut refused = self.refused();
        let at = refused.iter().position(|refused| refused.upload == upload);
        match at.and_then(|at| refused.remove(at)) {
            Some(first) if first.message != failure.message => {
                let (first, second) = (first.message, &failure.message);
                let message = format!("{first}; in the other form of the user reference: {second}");
                Failure { message, ..failure }
            }
            Some(_) | None => failure,
        }
    }

    fn refused(&self) -> MutexGuard<'_, VecDeque<Refused>> {
        // No change to the list stops half-way.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use onboarding::{DocumentType, Effect};

    use super::*;

    fn refusal() -> Failure {
        Failure {
            class: FailureClass::Refused,
            message: "bad".into(),
            http_status: Some(400),
            retry_after_ms: None,
            effect: Effect::None,
        }
    }

    fn attempt(forms: &Forms, name: usize) -> Attempt {
        let upload = DocumentUpload {
            document_type: DocumentType::IdPassport,
            media_type: "image/png",
            content: "any".into(),
            expires_at: None,
        };
        forms.attempt(&format!("userId:{name}").parse().unwrap(), &upload)
    }

    fn class(forms: &Forms, attempt: &Attempt) -> FailureClass {
        forms.learn::<()>(attempt, Err(refusal())).unwrap_err().class
    }

    #[test]
    fn of_uploads_at_once_each_is_tried_in_both_forms_and_refused_after_two_calls() {
        let forms = Forms::new(DocumentReference::UserLocator);
        let first: Vec<Attempt> = (0..64).map(|name| attempt(&forms, name)).collect();
        for attempt in &first {
            assert_eq!(attempt.form, DocumentReference::UserLocator);
            assert_eq!(class(&forms, attempt), FailureClass::Transient);
        }
        for name in 0..64 {
            let second = attempt(&forms, name);
            assert_eq!(second.form, DocumentReference::Reference);
            assert_eq!(class(&forms, &second), FailureClass::Refused);
        }
        assert_eq!(attempt(&forms, 0).form, DocumentReference::UserLocator);
    }

    #[test]
    fn a_form_that_is_proven_while_a_call_runs_judges_that_call() {
        for (proven, expected) in [
            (DocumentReference::UserLocator, FailureClass::Refused),
            (DocumentReference::Reference, FailureClass::Transient),
        ] {
            let forms = Forms::new(DocumentReference::UserLocator);
            let running = attempt(&forms, 0);
            forms.prove(proven);
            assert_eq!(class(&forms, &running), expected, "{proven:?}");
            let next = attempt(&forms, 0);
            assert_eq!(next.form, proven);
            assert_eq!(class(&forms, &next), FailureClass::Refused, "{proven:?}");
        }
    }

    #[test]
    fn the_form_of_the_first_success_stays() {
        let forms = Forms::new(DocumentReference::UserLocator);
        forms.prove(DocumentReference::Reference);
        forms.prove(DocumentReference::UserLocator);
        assert_eq!(attempt(&forms, 0).form, DocumentReference::Reference);
    }

    #[test]
    fn no_more_than_the_limit_is_remembered() {
        let forms = Forms::new(DocumentReference::UserLocator);
        for name in 0..=REFUSED_MAX {
            class(&forms, &attempt(&forms, name));
        }
        assert_eq!(forms.refused().len(), REFUSED_MAX);
        assert_eq!(attempt(&forms, 0).form, DocumentReference::UserLocator);
        assert_eq!(attempt(&forms, 1).form, DocumentReference::Reference);
    }
}
