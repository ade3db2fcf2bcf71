//! The fields of a profile, as the table names them.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{Section, names};

/// A field of a profile by its path, `kycData.email`, and the word that it has to hold if only
/// one will do: `kycData.identityDocument.type=ssn`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field {
    /// The names on the way to it, joined by dots.
    pub path: String,
    /// The one word that will do.
    pub word: Option<String>,
}

/// What a section can't be without, by what the profile's own form demands.
const BASE: [(Section, &[&str]); 4] = [
    (
        Section::UserDetails,
        &[
            "userDetails.firstName",
            "userDetails.lastName",
            "userDetails.dateOfBirth",
            "userDetails.countryOfResidence",
        ],
    ),
    (
        Section::KycData,
        &[
            "kycData.addressOfResidence.line1",
            "kycData.addressOfResidence.city",
            "kycData.addressOfResidence.postalCode",
            "kycData.email",
        ],
    ),
    (
        Section::DueDiligence,
        &["dueDiligence.employmentStatus", "dueDiligence.sourceOfFunds", "dueDiligence.industry"],
    ),
    (
        Section::VerificationHistory,
        &[
            "verificationHistory.idVerificationTimestamp",
            "verificationHistory.livenessVerificationTimestamp",
        ],
    ),
];

impl Field {
    /// Reads `PATH` or `PATH=WORD`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (path, word) = match text.split_once('=') {
            Some((path, word)) => (path, Some(word.to_owned())),
            None => (text, None),
        };
        let known: Vec<String> = names::leaves().collect();
        if known.iter().any(|known| known == path) {
            return Ok(Self { path: path.to_owned(), word });
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Err(names::unknown("is no field of a profile", path, &known))
    }

    /// The fields that `section` can't be without.
    pub(super) fn base(section: &Section) -> Vec<Self> {
        let of = BASE.iter().filter(|(known, _)| known == section);
        of.flat_map(|(_, paths)| paths.iter())
            .map(|path| Self { path: (*path).to_owned(), word: None })
            .collect()
    }

    /// Its place in the provider's order of fields.
    pub(super) fn place(&self) -> Option<usize> {
        names::leaves().position(|path| path == self.path)
    }

    /// The section that it lies in.
    #[must_use]
    pub fn section(&self) -> Section {
        let first = self.path.split('.').next();
        let known = Section::KNOWN.iter().find(|section| section.field() == first);
        known.cloned().unwrap_or_else(|| Section::Other(self.path.clone()))
    }

    /// Whether it is the state, region or province of the residence.
    pub(super) fn is_state(&self) -> bool {
        self.path == "kycData.addressOfResidence.stateOrRegion"
    }

    /// What `profile`, as JSON, holds there.
    pub(super) fn text_in<'p>(&self, profile: &'p Value) -> Option<&'p str> {
        profile.pointer(&format!("/{}", self.path.replace('.', "/")))?.as_str()
    }

    /// Whether `profile` holds it, with the word that it has to hold.
    pub(super) fn is_in(&self, profile: &Value) -> bool {
        self.text_in(profile).is_some_and(|text| {
            self.word.as_ref().is_none_or(|word| word.eq_ignore_ascii_case(text))
        })
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.word {
            Some(word) => write!(f, "{}={word}", self.path),
            None => f.write_str(&self.path),
        }
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Field {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Field".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["kycData.nationality"] })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Profile;

    #[test]
    fn a_section_can_not_be_without_its_base_and_needs_no_more() {
        for section in Section::KNOWN {
            let build = |left_out: Option<&Field>| {
                let mut profile = json!({});
                for field in Field::base(section).iter().filter(|field| Some(*field) != left_out) {
                    let mut at = &mut profile;
                    for name in field.path.split('.') {
                        at = &mut at[name];
                    }
                    *at = json!("x");
                }
                serde_json::from_value::<Profile>(profile)
            };
            let whole = build(None).ok().unwrap().to_value();
            for field in Field::base(section) {
                assert!(build(Some(&field)).is_err(), "{field}");
                assert!(field.is_in(&whole), "{field}");
                assert_eq!(&field.section(), section);
            }
        }
    }

    #[test]
    fn a_slip_in_a_path_gets_the_nearest_field() {
        assert_eq!(
            Field::parse("kycData.nationalty").unwrap_err(),
            "is no field of a profile; did you mean `kycData.nationality`?"
        );
        assert!(Field::parse("kycData.identityDocument").is_err(), "not a field by itself");
        let ssn = Field::parse("kycData.identityDocument.type=ssn").unwrap();
        for (kind, does) in [("ssn", true), ("SSN", true), ("passport", false)] {
            assert_eq!(ssn.is_in(&json!({"kycData": {"identityDocument": {"type": kind}}})), does);
        }
        assert!(!ssn.is_in(&json!({})));
    }
}
