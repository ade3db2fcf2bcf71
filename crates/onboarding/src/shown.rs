//! What the provider shows of a user when it is asked what it holds: never the data itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Section;
use crate::open_enum::open_enum;

/// What the provider shows of a user. Holds no personal data, so that history can keep it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// Whether it holds a section. One that is absent, the provider did not speak of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sections: BTreeMap<Section, bool>,
    /// Whether the privacy policy that the user accepted is still the one in force;
    /// `None` when none was accepted, or the provider does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_policy: Option<bool>,
    /// The same of the terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<bool>,
}

open_enum! {
    /// Whose version of the provider's terms of service it is.
    Region {
        /// The European Union.
        Eu = "eu",
        /// The United States.
        Us = "us",
        /// Everywhere else.
        Worldwide = "worldwide",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_said_is_left_out_and_read_as_not_said() {
        let silent = Shown::default();
        assert_eq!(serde_json::to_string(&silent).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Shown>("{}").unwrap(), silent);
        let shown = Shown {
            sections: BTreeMap::from([(Section::UserDetails, true), (Section::KycData, false)]),
            privacy_policy: Some(false),
            terms: None,
        };
        let json = r#"{"sections":{"user-details":true,"kyc-data":false},"privacyPolicy":false}"#;
        assert_eq!(serde_json::to_string(&shown).unwrap(), json);
        assert_eq!(serde_json::from_str::<Shown>(json).unwrap(), shown);
    }
}
