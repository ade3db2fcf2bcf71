//! What goes over the wire, and what is taken from it.
//!
//! Bodies are written with the fields in the provider's order. Answers are read
//! with patience: unknown fields are ignored, unknown words kept, and a field
//! that is absent, `null` or of another form than documented is simply unknown.
//! Only what an answer is about has to be there, or the answer is unreadable:
//! the product and the status of each eligibility, a document's id, a wallet's
//! address. A word or an id that is longer than [`crate::words`] allows is no
//! word; of a list that is longer, the rest is dropped with a warning.

use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use onboarding::{
    Date, DocumentType, Eligibility, Product, ProductStatus, Region, Section, Shown, Timestamp,
    UserLocator,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::settings::{DocumentData, DocumentReference};
use crate::words::{ENTRIES_MAX, add_new, entries, id, lenient, warn_of_dropped, word, words};

/// `text` percent-encoded as one path segment; RFC 3986's unreserved characters stay.
pub(crate) fn path_segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

/// Which parts of a user the provider holds. It never gives the data back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserPresence {
    /// Whether it holds `userDetails`; `None` when it did not say.
    #[serde(default, deserialize_with = "lenient")]
    pub user_details: Option<bool>,
    /// The same for `kycData`.
    #[serde(default, deserialize_with = "lenient")]
    pub kyc_data: Option<bool>,
    /// The same for `dueDiligence`.
    #[serde(default, deserialize_with = "lenient")]
    pub due_diligence: Option<bool>,
    /// The same for `verificationHistory`.
    #[serde(default, deserialize_with = "lenient")]
    pub verification_history: Option<bool>,
    /// The legal documents that the user accepted; empty where the provider does not tell.
    #[serde(default, deserialize_with = "legal_states")]
    pub legal_documents: Vec<LegalState>,
}

impl UserPresence {
    /// The same as the core takes it.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let sections = [
            (Section::UserDetails, self.user_details),
            (Section::KycData, self.kyc_data),
            (Section::DueDiligence, self.due_diligence),
            (Section::VerificationHistory, self.verification_history),
        ];
        let said = |(section, is_held): (Section, Option<bool>)| Some((section, is_held?));
        Shown {
            sections: sections.into_iter().filter_map(said).collect(),
            privacy_policy: self.has_valid(&LegalDocument::CrossmintPrivacyPolicy),
            terms: self.has_valid(&LegalDocument::CrossmintTermsOfService),
        }
    }

    /// Whether an acceptance of the text in force is among those that it lists.
    fn has_valid(&self, document: &LegalDocument) -> Option<bool> {
        let of_it = self.legal_documents.iter().filter(|state| state.document == *document);
        of_it.filter_map(|state| state.is_valid_version).reduce(|one, other| one || other)
    }
}

/// What the provider holds about one legal document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LegalState {
    /// Which one.
    #[serde(rename = "type")]
    pub document: LegalDocument,
    /// False when the text was changed since the user accepted it.
    #[serde(default, deserialize_with = "lenient")]
    pub is_valid_version: Option<bool>,
}

/// A text of the provider's that users accept; an open set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegalDocument {
    /// The privacy policy.
    CrossmintPrivacyPolicy,
    /// The terms of service, which need a region.
    CrossmintTermsOfService,
    /// A word that this version of Gangway does not know, kept as it came.
    #[serde(untagged)]
    Other(String),
}

/// The user's dated acceptance of a legal document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LegalAcceptance {
    /// What was accepted.
    #[serde(rename = "type")]
    pub document: LegalDocument,
    /// When; sent as `2026-05-02T09:10:00.000Z`.
    #[serde(serialize_with = "rfc_3339")]
    pub accepted_at: Timestamp,
    /// Needed for the terms of service, ignored for the privacy policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

/// A file to upload. It is personal data: it has no `Debug`.
#[derive(Clone)]
pub struct DocumentUpload<'a> {
    /// What it is. It replaces an earlier file of the same type.
    pub document_type: DocumentType,
    /// For example `image/png`; sent in the form [`DocumentData::DataUrl`] alone.
    pub media_type: &'a str,
    /// The bytes of the file.
    pub content: Bytes,
    /// When the document that the file shows expires.
    pub expires_at: Option<Date>,
}

impl DocumentUpload<'_> {
    /// The JSON body, written once into a buffer of the right size: a file may have 10 MB.
    pub(crate) fn body(
        &self,
        locator: &UserLocator,
        reference: DocumentReference,
        data: DocumentData,
    ) -> Vec<u8> {
        let user_locator = locator.as_str();
        let (user_locator, reference) = match reference {
            DocumentReference::UserLocator => (Some(user_locator), None),
            DocumentReference::Reference => (None, Some(Reference { user_locator })),
        };
        let media_type = match data {
            DocumentData::Base64 => None,
            DocumentData::DataUrl => Some(self.media_type),
        };
        let body = NewDocument {
            user_locator,
            reference,
            document_type: &self.document_type,
            data: EncodedFile { content: &self.content, media_type },
            expires_at: self.expires_at,
        };
        let mut json = Vec::with_capacity(self.content.len().div_ceil(3) * 4 + BODY_FRAME_BYTES);
        serde_json::to_writer(&mut json, &body).expect("strings written to memory can't fail");
        json
    }
}

/// Room for everything in an upload's body but the file; a locator has at most 320 bytes.
const BODY_FRAME_BYTES: usize = 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_locator: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Reference<'a>>,
    document_type: &'a DocumentType,
    data: EncodedFile<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Date>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'a> {
    user_locator: &'a str,
}

/// A file that is encoded while it is written, never as a copy of its own.
struct EncodedFile<'a> {
    content: &'a [u8],
    media_type: Option<&'a str>,
}

impl fmt::Display for EncodedFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(media_type) = self.media_type {
            write!(f, "data:{media_type};base64,")?;
        }
        Base64Display::new(self.content, &STANDARD).fmt(f)
    }
}

impl Serialize for EncodedFile<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the provider says about a file that it holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadedDocument {
    /// The provider's id of it; a file that replaces another may get a new one.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// What it is.
    #[serde(default, deserialize_with = "lenient")]
    pub document_type: Option<DocumentType>,
    /// When it came, as the provider wrote it.
    #[serde(default, deserialize_with = "lenient")]
    pub created_at: Option<String>,
    /// When it expires, as the provider wrote it.
    #[serde(default, deserialize_with = "lenient")]
    pub expires_at: Option<String>,
}

/// The provider's word on a user's products.
#[derive(Deserialize)]
pub(crate) struct VerificationAnswer {
    /// May be `null` or empty, but an answer without it says nothing about eligibility.
    #[serde(deserialize_with = "Option::deserialize")]
    eligibility: Option<Vec<WireEligibility>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEligibility {
    #[serde(rename = "type", deserialize_with = "word")]
    product: Product,
    #[serde(deserialize_with = "word")]
    status: ProductStatus,
    #[serde(default, deserialize_with = "words")]
    missing_data: Vec<Section>,
    #[serde(default, deserialize_with = "words")]
    missing_documents: Vec<String>,
}

impl VerificationAnswer {
    /// One eligibility a product, in the provider's order. Of two words on one
    /// product the less favourable counts; of two alike, everything that either asks for.
    pub(crate) fn into_eligibility(self) -> Vec<Eligibility> {
        let mut settled: Vec<Eligibility> = Vec::new();
        let mut dropped = 0;
        for entry in self.eligibility.unwrap_or_default() {
            let entry = entry.into_eligibility();
            let has_room = settled.len() < ENTRIES_MAX;
            match settled.iter_mut().find(|earlier| earlier.product == entry.product) {
                None if has_room => settled.push(entry),
                None => dropped += 1,
                Some(earlier) if earlier.status == entry.status => ask_for_both(earlier, entry),
                Some(earlier) if favour(&entry.status) < favour(&earlier.status) => {
                    *earlier = entry
                }
                Some(_) => {}
            }
        }
        warn_of_dropped(dropped);
        settled
    }
}

impl WireEligibility {
    fn into_eligibility(self) -> Eligibility {
        Eligibility {
            product: self.product,
            status: self.status,
            missing_data: self.missing_data,
            missing_documents: self.missing_documents,
        }
    }
}

fn ask_for_both(earlier: &mut Eligibility, later: Eligibility) {
    add_new(&mut earlier.missing_data, later.missing_data);
    add_new(&mut earlier.missing_documents, later.missing_documents);
}

/// How good a status is for the user, worst first. An unknown word is never
/// better than a review that still runs.
fn favour(status: &ProductStatus) -> u8 {
    match status {
        ProductStatus::Rejected => 0,
        ProductStatus::PendingPrivacyPolicy => 1,
        ProductStatus::RequiresData => 2,
        ProductStatus::NotStarted => 3,
        ProductStatus::Other(_) => 4,
        ProductStatus::PendingReview => 5,
        ProductStatus::Verified => 6,
    }
}

/// A wallet outside Crossmint that is to be linked to a user. It has no `Debug`.
#[derive(Clone, Serialize)]
pub struct ExternalWallet {
    /// Its address, which goes into the path.
    #[serde(skip)]
    pub address: String,
    /// Its chain, for example `base`.
    pub chain: String,
    /// What shows that the user owns it, in the form that the provider's challenge asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Value>,
}

/// A wallet that is linked to a user. It has no `Debug`.
#[derive(Clone, PartialEq, Deserialize)]
pub struct LinkedWallet {
    /// Its address.
    pub address: String,
    /// Its chain.
    #[serde(default, alias = "chainType", deserialize_with = "lenient")]
    pub chain: Option<String>,
    /// Whether the user has shown to own it.
    #[serde(default, deserialize_with = "lenient")]
    pub ownership: Option<WalletOwnership>,
}

/// What the provider knows about who owns a wallet. It has no `Debug`.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalletOwnership {
    /// Whether it is verified; `None` when the provider did not say.
    #[serde(default, deserialize_with = "lenient")]
    pub verified: Option<bool>,
    /// What the user has to sign (CAIP-122), where something is to be signed.
    #[serde(default)]
    pub verification_challenge: Option<Value>,
}

fn rfc_3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// What can be read of them.
fn legal_states<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LegalState>, D::Error> {
    let states = entries(Value::deserialize(deserializer)?).into_iter();
    Ok(states.filter_map(|state| serde_json::from_value(state).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locator_is_one_path_segment() {
        for (text, segment) in [
            ("userId:johnd-123", "userId%3Ajohnd-123"),
            ("email:a+b@example.org", "email%3Aa%2Bb%40example.org"),
            ("userId:a/../b?c#d%e f", "userId%3Aa%2F..%2Fb%3Fc%23d%25e%20f"),
            ("userId:é~._-", "userId%3A%C3%A9~._-"),
        ] {
            assert_eq!(path_segment(text), segment);
        }
    }

    #[test]
    fn an_upload_is_written_into_one_buffer_that_does_not_grow() {
        let content = Bytes::from(vec![7; 100_000]);
        let upload = DocumentUpload {
            document_type: DocumentType::IdPassport,
            media_type: "image/png",
            content,
            expires_at: Date::parse("2030-01-02").ok(),
        };
        let locator = format!("userId:{}", "\"".repeat(300)).parse().unwrap();
        for reference in [DocumentReference::UserLocator, DocumentReference::Reference] {
            let body = upload.body(&locator, reference, DocumentData::DataUrl);
            assert_eq!(body.capacity(), 100_000_usize.div_ceil(3) * 4 + BODY_FRAME_BYTES);
        }
    }
}
