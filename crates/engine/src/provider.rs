//! The provider as the worker sees it: the calls that move an onboarding.

use std::future::Future;

use crossmint::{DocumentUpload, ExternalWallet, LegalAcceptance, LegalDocument};
use onboarding::{
    Date, DocumentType, Eligibility, Failure, GivenWallet, Ownership, Profile, Region, Shown,
    Timestamp, UserLocator,
};
use serde_json::Value;

/// A document to be uploaded.
pub struct Upload {
    /// Its type.
    pub document_type: DocumentType,
    /// The MIME type that its bytes were found to have.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The last day on which it is valid.
    pub expires_at: Option<Date>,
}

/// What the provider says of a wallet that it linked. It has no `Debug`.
pub struct Linked {
    /// Whether the user has shown to own it.
    pub ownership: Ownership,
    /// What is to be signed, in the provider's own form.
    pub challenge: Option<Value>,
}

/// The calls that move an onboarding. Each is one try: nothing is repeated in here.
pub trait Provider: Send + Sync + 'static {
    /// Records the user's acceptance of the privacy policy.
    fn accept_privacy_policy(
        &self,
        user: &UserLocator,
        accepted_at: Timestamp,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Records the user's acceptance of the terms of service of a region.
    fn accept_terms(
        &self,
        user: &UserLocator,
        accepted_at: Timestamp,
        region: &Region,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Replaces the user's whole record.
    fn register_user(
        &self,
        user: &UserLocator,
        profile: &Profile,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Answers which parts of the user the provider shows to hold.
    fn read_user(&self, user: &UserLocator) -> impl Future<Output = Result<Shown, Failure>> + Send;

    /// Uploads a document and answers the provider's id of it.
    fn upload_document(
        &self,
        user: &UserLocator,
        upload: Upload,
    ) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Links a wallet to the user.
    fn link_wallet(
        &self,
        user: &UserLocator,
        wallet: GivenWallet,
    ) -> impl Future<Output = Result<Linked, Failure>> + Send;

    /// Starts verification and answers the provider's word on each product.
    fn trigger_verification(
        &self,
        user: &UserLocator,
    ) -> impl Future<Output = Result<Vec<Eligibility>, Failure>> + Send;

    /// Answers the provider's word on each product.
    fn check_status(
        &self,
        user: &UserLocator,
    ) -> impl Future<Output = Result<Vec<Eligibility>, Failure>> + Send;
}

impl Provider for crossmint::Client {
    async fn accept_privacy_policy(
        &self,
        user: &UserLocator,
        accepted_at: Timestamp,
    ) -> Result<(), Failure> {
        let acceptance = LegalAcceptance {
            document: LegalDocument::CrossmintPrivacyPolicy,
            accepted_at,
            region: None,
        };
        self.accept_legal_document(user, acceptance).await
    }

    async fn accept_terms(
        &self,
        user: &UserLocator,
        accepted_at: Timestamp,
        region: &Region,
    ) -> Result<(), Failure> {
        let acceptance = LegalAcceptance {
            document: LegalDocument::CrossmintTermsOfService,
            accepted_at,
            region: Some(region.clone()),
        };
        self.accept_legal_document(user, acceptance).await
    }

    async fn register_user(&self, user: &UserLocator, profile: &Profile) -> Result<(), Failure> {
        self.upsert_user(user, profile).await.map(|_presence| ())
    }

    async fn read_user(&self, user: &UserLocator) -> Result<Shown, Failure> {
        self.user(user).await.map(|presence| presence.shown())
    }

    async fn upload_document(&self, user: &UserLocator, upload: Upload) -> Result<String, Failure> {
        let document = DocumentUpload {
            document_type: upload.document_type,
            media_type: &upload.media_type,
            content: upload.bytes.into(),
            expires_at: upload.expires_at,
        };
        Self::upload_document(self, user, document).await.map(|uploaded| uploaded.id)
    }

    async fn link_wallet(
        &self,
        user: &UserLocator,
        wallet: GivenWallet,
    ) -> Result<Linked, Failure> {
        let GivenWallet { address, chain, proof } = wallet;
        let wallet = ExternalWallet { address, chain, proof };
        let said = Self::link_wallet(self, user, wallet).await?.ownership;
        let (verified, challenge) =
            said.map_or((None, None), |said| (said.verified, said.verification_challenge));
        let ownership = match (verified, &challenge) {
            (Some(true), _) => Ownership::Verified,
            (Some(false), Some(_)) => Ownership::ToProve,
            (Some(false), None) => Ownership::Unverified,
            (None, _) => Ownership::NotSaid,
        };
        let challenge = challenge.filter(|_| ownership == Ownership::ToProve);
        Ok(Linked { ownership, challenge })
    }

    async fn trigger_verification(&self, user: &UserLocator) -> Result<Vec<Eligibility>, Failure> {
        Self::trigger_verification(self, user).await
    }

    async fn check_status(&self, user: &UserLocator) -> Result<Vec<Eligibility>, Failure> {
        self.verification(user).await
    }
}
