//! The two ages of the provider's contract, and the words that each knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which age of the contract is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The quickstart page as it stands.
    Quickstart,
    /// The newest documentation: a fourth product, the privacy policy, the US rules.
    #[default]
    Current,
}

/// A word that names no profile.
#[derive(Debug, thiserror::Error)]
#[error("unknown profile; use `quickstart` or `current`")]
pub struct UnknownProfile;

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        match text {
            "quickstart" => Ok(Self::Quickstart),
            "current" => Ok(Self::Current),
            _ => Err(UnknownProfile),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quickstart => "quickstart",
            Self::Current => "current",
        })
    }
}

/// What a user may become eligible for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// Payouts; screening of the name only.
    RegulatedTransfer,
    /// Buying up to the first tier's ceiling.
    OnrampLight,
    /// Buying.
    Onramp,
    /// Selling.
    Offramp,
}

impl Product {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RegulatedTransfer => "regulated-transfer",
            Self::OnrampLight => "onramp-light",
            Self::Onramp => "onramp",
            Self::Offramp => "offramp",
        }
    }
}

impl Profile {
    /// The products in the order in which the provider lists them.
    pub(crate) const fn products(self) -> &'static [Product] {
        match self {
            Self::Quickstart => &[Product::RegulatedTransfer, Product::Onramp, Product::Offramp],
            Self::Current => &[
                Product::RegulatedTransfer,
                Product::OnrampLight,
                Product::Onramp,
                Product::Offramp,
            ],
        }
    }

    /// The document types that may be uploaded.
    pub(crate) const fn document_types(self) -> &'static [&'static str] {
        match self {
            Self::Quickstart => &[
                "id-ssn",
                "id-passport",
                "id-idcard-front",
                "id-idcard-back",
                "proof-of-address",
                "proof-of-income",
            ],
            Self::Current => &[
                "id-passport",
                "id-idcard-front",
                "id-idcard-back",
                "id-residency-permit",
                "proof-of-address",
                "proof-of-income",
                "selfie-front",
                "selfie-left",
                "selfie-right",
            ],
        }
    }

    /// The known values of `dueDiligence.employmentStatus`.
    pub(crate) const fn employment_statuses(self) -> &'static [&'static str] {
        &[
            "contractual",
            "full-time",
            "part-time",
            "retired",
            "self-employed",
            "student",
            "unemployed",
        ]
    }

    /// The known values of `dueDiligence.sourceOfFunds`. The newest
    /// documentation shows a new name for `employment-income`; whether the old
    /// one still works is unknown, so `current` takes both.
    pub(crate) const fn sources_of_funds(self) -> &'static [&'static str] {
        const ALL: [&str; 10] = [
            "employment-income",
            "investments-gains",
            "business-dividends-profits",
            "real-estate",
            "inheritance",
            "savings-personal-funds",
            "loan-disbursement",
            "government-benefits",
            "other",
            "salary-disbursement",
        ];
        match self {
            Self::Quickstart => ALL.split_at(9).0,
            Self::Current => &ALL,
        }
    }

    /// The known values of `dueDiligence.industry`.
    pub(crate) const fn industries(self) -> &'static [&'static str] {
        const ALL: [&str; 9] = [
            "blockchain",
            "finance-insurance",
            "investment",
            "crypto",
            "student",
            "unemployed",
            "other-services",
            "financial-institution",
            "information",
        ];
        match self {
            Self::Quickstart => ALL.split_at(7).0,
            Self::Current => &ALL,
        }
    }

    /// The known values of `kycData.identityDocument.type`. The page shows only
    /// `passport`; the others are taken in both ages, as no list was printed.
    pub(crate) const fn identity_types(self) -> &'static [&'static str] {
        &["passport", "id", "ssn"]
    }
}
