//! Everything that the provider is told about a user.
//!
//! Field order is the provider's page's, so that what is sent reads as the page does.

mod doubts;
mod phone;
mod places;
mod read;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::Fields;
use crate::problem::{Checked, Problems};
use crate::product::Section;
use crate::time::{Date, Timestamp};
use crate::{json, names};

pub use doubts::is_kind_of_document;
pub(crate) use places::{country, state};
pub(crate) use read::read_profile;
#[cfg(test)]
pub(crate) use tests::{any_json, full_json};

/// Everything that the provider is told about a user. Each edit makes a new revision.
/// It is personal data: it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// Name, date of birth, residence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_details: Option<UserDetails>,
    /// Address, e-mail, identity document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kyc_data: Option<KycData>,
    /// Employment, source of funds, industry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_diligence: Option<DueDiligence>,
    /// When identity and liveness were verified before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_history: Option<VerificationHistory>,
}

impl Profile {
    /// Reads a profile from JSON as a person or a company wrote it.
    ///
    /// # Errors
    /// Every problem at once, if any of them is an error.
    pub fn parse(bytes: &[u8], today: Date) -> Result<Checked<Self>, Problems> {
        let mut problems = Problems::default();
        match json::parse(bytes, &mut problems) {
            Some(value) => Self::check(&value, today, problems),
            None => Err(problems),
        }
    }

    /// The same from JSON that is already read.
    ///
    /// # Errors
    /// Every problem at once, if any of them is an error.
    pub fn from_value(value: &Value, today: Date) -> Result<Checked<Self>, Problems> {
        Self::check(value, today, Problems::default())
    }

    fn check(
        value: &Value,
        today: Date,
        mut problems: Problems,
    ) -> Result<Checked<Self>, Problems> {
        names::check(value, &[], &mut problems);
        let fields = Fields::of(value, String::new(), &mut problems);
        let profile = fields.map(|mut fields| read_profile(&mut fields, today)).unwrap_or_default();
        if value.as_object().is_some_and(serde_json::Map::is_empty) {
            problems.error("", "must hold at least one section, such as userDetails");
        }
        problems.checked(profile)
    }

    /// The day of the older of the verifications that it names.
    #[must_use]
    pub fn verified_on(&self) -> Option<Date> {
        let history = self.verification_history.as_ref()?;
        [&history.id_verification_timestamp, &history.liveness_verification_timestamp]
            .into_iter()
            .filter_map(|time| Timestamp::parse(time).ok())
            .min()
            .map(Timestamp::date)
    }

    /// This profile as JSON, the form that patches are merged into.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a profile holds only strings, and its keys are strings")
    }
}

/// The section `userDetails`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserDetails {
    /// Given names, as on the document.
    pub first_name: String,
    /// Family names, as on the document.
    pub last_name: String,
    /// `YYYY-MM-DD`.
    pub date_of_birth: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country_of_residence: String,
}

/// The section `kycData`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KycData {
    /// ISO 3166-1 alpha-2, upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nationality: Option<String>,
    /// Where the user lives; its country is `userDetails.countryOfResidence`.
    pub address_of_residence: Address,
    /// Must equal the onramp payment's receipt e-mail. Its domain is in lower case.
    pub email: String,
    /// E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Passport, identity card or social security number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_document: Option<IdentityDocument>,
    /// Meaning unknown; seen only as an empty list in the provider's own sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_addresses: Option<Vec<String>>,
}

/// A postal address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Address {
    /// Street and number.
    pub line1: String,
    /// The rest of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// City.
    pub city: String,
    /// State or region; a code in the US and Canada.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_or_region: Option<String>,
    /// Postal code.
    pub postal_code: String,
}

/// The identity document's number and kind (not its picture, which is a document).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityDocument {
    /// `passport`, `id`, `ssn`; an open set.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its number.
    pub number: String,
    /// ISO 3166-1 alpha-2, upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuing_country_code: Option<String>,
}

/// The section `dueDiligence`. Its words are open sets of the provider's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DueDiligence {
    /// For example `full-time`.
    pub employment_status: String,
    /// For example `employment-income`.
    pub source_of_funds: String,
    /// For example `finance-insurance`.
    pub industry: String,
    /// US only, for example `income-50k-100k`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_yearly_income: Option<String>,
    /// For example `volume-0-25k`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_yearly_tx_volume: Option<String>,
}

/// The section `verificationHistory`. Times are kept as they were given.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerificationHistory {
    /// RFC 3339.
    pub id_verification_timestamp: String,
    /// RFC 3339.
    pub liveness_verification_timestamp: String,
}

/// What an edit did to the sections of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionChanges {
    /// The sections that the new profile has.
    pub present: BTreeSet<Section>,
    /// The sections that differ from the old profile's, whether added, edited or removed.
    pub changed: BTreeSet<Section>,
}

/// Compares an edited profile with the one before it, a section at a time.
#[must_use]
pub fn changed_sections(old: Option<&Profile>, new: &Profile) -> SectionChanges {
    let nothing = Profile::default();
    let old = old.unwrap_or(&nothing);
    let compared = [
        (Section::UserDetails, new.user_details.is_some(), old.user_details != new.user_details),
        (Section::KycData, new.kyc_data.is_some(), old.kyc_data != new.kyc_data),
        (
            Section::DueDiligence,
            new.due_diligence.is_some(),
            old.due_diligence != new.due_diligence,
        ),
        (
            Section::VerificationHistory,
            new.verification_history.is_some(),
            old.verification_history != new.verification_history,
        ),
    ];
    let mut changes = SectionChanges { present: BTreeSet::new(), changed: BTreeSet::new() };
    for (section, is_present, is_changed) in compared {
        if is_present {
            changes.present.insert(section.clone());
        }
        if is_changed {
            changes.changed.insert(section);
        }
    }
    changes
}
