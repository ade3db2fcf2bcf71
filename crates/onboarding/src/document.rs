//! Document types.

use crate::names;
use crate::open_enum::open_enum;

open_enum! {
    /// What a document is, as the provider's `documentType`.
    /// Source: the quickstart, and the newer reference for the rest.
    DocumentType {
        /// A US social security card (quickstart only).
        IdSsn = "id-ssn",
        /// A passport.
        IdPassport = "id-passport",
        /// The front of an ID card or driver's licence.
        IdIdcardFront = "id-idcard-front",
        /// Its back.
        IdIdcardBack = "id-idcard-back",
        /// A residence permit (newer; Spain).
        IdResidencyPermit = "id-residency-permit",
        /// A proof of address.
        ProofOfAddress = "proof-of-address",
        /// A proof of income.
        ProofOfIncome = "proof-of-income",
        /// A selfie from the front (newer).
        SelfieFront = "selfie-front",
        /// A selfie from the left (newer).
        SelfieLeft = "selfie-left",
        /// A selfie from the right (newer).
        SelfieRight = "selfie-right",
    }
}

impl DocumentType {
    /// What is doubtful about a type that Gangway does not know, with the nearest known one.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let Self::Other(word) = self else { return None };
        let known: Vec<&str> = Self::KNOWN.iter().map(Self::as_str).collect();
        Some(names::unknown("the provider may not know this document type", word, &known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_nobody_knows_is_doubted_by_its_name() {
        assert_eq!(DocumentType::IdPassport.doubt(), None);
        let doubt = DocumentType::from("id-pasport").doubt().unwrap();
        assert!(doubt.contains("may not know") && doubt.contains("id-passport"), "{doubt}");
    }
}
