//! The provider's calls, one method each.

use std::time::Duration;

use onboarding::{Effect, Eligibility, Failure, FailureClass, LocatorKind, Profile, UserLocator};
use reqwest::Method;
use serde::de::IgnoredAny;

use crate::classify::is_plain_400;
use crate::reference::Forms;
use crate::settings::{DocumentData, Settings, SettingsError};
use crate::transport::{Call, Transport, Unsuccessful};
use crate::wire::{
    DocumentUpload, ExternalWallet, LegalAcceptance, LinkedWallet, UploadedDocument, UserPresence,
    VerificationAnswer,
};

const USER: &str = "/users/{userLocator}";
const LEGAL_DOCUMENTS: &str = "/users/{userLocator}/legal-documents";
const DOCUMENTS: &str = "/documents";
const DOCUMENT: &str = "/documents/{documentId}";
const VERIFICATION: &str = "/users/{userLocator}/identity-verification";
const LINKED_WALLET: &str = "/users/{userLocator}/linked-wallets/{address}";

/// A client of one project at the provider. Share it behind an `Arc`: it keeps
/// connections open, and remembers which form of an upload the provider takes.
pub struct Client {
    pub(crate) transport: Transport,
    call_timeout: Duration,
    upload_timeout: Duration,
    document_data: DocumentData,
    pub(crate) reference_forms: Forms,
}

impl Client {
    /// Makes a client; no call is made yet.
    ///
    /// # Errors
    /// When the origin or the key is not right, or TLS can't be set up.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            transport: Transport::new(&settings)?,
            call_timeout: Duration::from_millis(settings.call_timeout_ms),
            upload_timeout: Duration::from_millis(settings.upload_timeout_ms),
            document_data: settings.document_data(),
            reference_forms: Forms::new(settings.document_reference()),
        })
    }

    /// Creates the user, or replaces all that the provider holds about it.
    ///
    /// # Errors
    /// As classified; see [`Failure`].
    pub async fn upsert_user(
        &self,
        locator: &UserLocator,
        profile: &Profile,
    ) -> Result<UserPresence, Failure> {
        let call = self.call(Method::PUT, USER).user(locator).json(profile);
        self.transport.send(call).await?.read_or_empty()
    }

    /// Asks which parts of the user the provider holds.
    ///
    /// # Errors
    /// As classified; see [`Failure`].
    pub async fn user(&self, locator: &UserLocator) -> Result<UserPresence, Failure> {
        self.transport.send(self.call(Method::GET, USER).user(locator)).await?.read()
    }

    /// Tells the provider what the user accepted, and when.
    ///
    /// # Errors
    /// As classified; see [`Failure`].
    pub async fn accept_legal_document(
        &self,
        locator: &UserLocator,
        acceptance: LegalAcceptance,
    ) -> Result<(), Failure> {
        let call = self.call(Method::PUT, LEGAL_DOCUMENTS).user(locator).json(&acceptance);
        self.transport.send(call).await?.read_or_empty().map(|IgnoredAny| ())
    }

    /// Uploads a file in place of an earlier one of its type.
    ///
    /// It is one call, in one form of the user reference. While no upload has
    /// succeeded yet, a 400 may be meant for the form, see [`DocumentReference`]:
    /// then the failure is transient, and the next try takes the other form.
    ///
    /// [`DocumentReference`]: crate::DocumentReference
    ///
    /// # Errors
    /// As classified; see [`Failure`]. When both forms are refused, with what was said to each.
    pub async fn upload_document(
        &self,
        locator: &UserLocator,
        upload: DocumentUpload<'_>,
    ) -> Result<UploadedDocument, Failure> {
        let attempt = self.reference_forms.attempt(locator, &upload);
        let body = upload.body(locator, attempt.form, self.document_data);
        let call = Call::new(Method::POST, DOCUMENTS, self.upload_timeout);
        let answer = self.transport.send(call.about(locator).bytes(body)).await;
        self.reference_forms.learn(&attempt, answer.and_then(|answer| answer.read()))
    }

    /// Asks what the provider knows about an uploaded file.
    ///
    /// # Errors
    /// As classified; see [`Failure`].
    pub async fn document(&self, id: &str) -> Result<UploadedDocument, Failure> {
        check_segment(id, "document id")?;
        let call = self.call(Method::GET, DOCUMENT).fill("{documentId}", id);
        self.transport.send(call).await?.read()
    }

    /// Triggers verification. Missing data is no failure: the eligibility names it.
    ///
    /// # Errors
    /// As classified; see [`Failure`].
    pub async fn trigger_verification(
        &self,
        locator: &UserLocator,
    ) -> Result<Vec<Eligibility>, Failure> {
        self.eligibility(Method::PUT, locator).await
    }

    /// Reads the provider's word on each product.
    ///
    /// # Errors
    /// As classified; see [`Failure`].
    pub async fn verification(&self, locator: &UserLocator) -> Result<Vec<Eligibility>, Failure> {
        self.eligibility(Method::GET, locator).await
    }

    /// Links a wallet to the user.
    ///
    /// # Errors
    /// As classified; see [`Failure`]. A 409 means that the wallet is another user's. Nothing of
    /// what the provider says to that is kept, as it might say whose.
    pub async fn link_wallet(
        &self,
        locator: &UserLocator,
        wallet: ExternalWallet,
    ) -> Result<LinkedWallet, Failure> {
        let call = self.wallet_call(Method::PUT, locator, &wallet.address)?.json(&wallet);
        self.transport.send(call).await.map_err(without_the_other_user)?.read()
    }

    /// Reads a link to a wallet.
    ///
    /// # Errors
    /// As classified; see [`Failure`].
    pub async fn linked_wallet(
        &self,
        locator: &UserLocator,
        address: &str,
    ) -> Result<LinkedWallet, Failure> {
        let call = self.wallet_call(Method::GET, locator, address)?;
        self.transport.send(call).await?.read()
    }

    /// Finds out whether the provider can be reached and takes the key, by
    /// reading a user that nobody has. It changes nothing. That there is no such
    /// user counts only in the provider's own words: any server answers 404.
    ///
    /// # Errors
    /// What stands in the way, as classified.
    pub async fn probe(&self) -> Result<(), Failure> {
        let nobody = format!("{}:gangway-doctor", LocatorKind::UserId.as_str())
            .parse()
            .expect("a plain user id is a locator");
        let call = self.call(Method::GET, USER).user(&nobody);
        let Unsuccessful { failure, is_in_its_words } = match self.transport.exchange(call).await {
            Ok(answer) => return answer.read().map(|UserPresence { .. }| ()),
            Err(unsuccessful) => unsuccessful,
        };
        if failure.class != FailureClass::NotFound && !is_plain_400(&failure) {
            return Err(failure);
        }
        if is_in_its_words {
            return Ok(());
        }
        let status = failure.http_status.unwrap_or_default();
        let message = format!(
            "it answers with HTTP status {status}, but not in the provider's words: another server, \
             or a proxy, seems to answer there"
        );
        Err(Failure { message, ..failure })
    }

    fn call(&self, method: Method, route: &'static str) -> Call {
        Call::new(method, route, self.call_timeout)
    }

    fn wallet_call(
        &self,
        method: Method,
        locator: &UserLocator,
        address: &str,
    ) -> Result<Call, Failure> {
        check_segment(address, "wallet address")?;
        Ok(self.call(method, LINKED_WALLET).user(locator).fill_personal("{address}", address))
    }

    async fn eligibility(
        &self,
        method: Method,
        locator: &UserLocator,
    ) -> Result<Vec<Eligibility>, Failure> {
        let answer = self.transport.send(self.call(method, VERIFICATION).user(locator)).await?;
        answer.read().map(VerificationAnswer::into_eligibility)
    }
}

fn without_the_other_user(failure: Failure) -> Failure {
    if failure.http_status != Some(409) {
        return failure;
    }
    Failure {
        class: FailureClass::Refused,
        message: "the wallet is linked to another user".to_owned(),
        effect: Effect::None,
        ..failure
    }
}

/// An empty or dotted segment would make the path another call's.
fn check_segment(text: &str, what: &str) -> Result<(), Failure> {
    if !matches!(text, "" | "." | "..") {
        return Ok(());
    }
    Err(Failure {
        class: FailureClass::Refused,
        message: format!("the {what} is empty or made of dots alone; correct it"),
        http_status: None,
        retry_after_ms: None,
        effect: Effect::None,
    })
}
