//! What documents meet the provider's requirements: the part of the table that the state
//! machine needs. It is stored with the policy.

use std::collections::BTreeMap;
use std::slice;

use serde::{Deserialize, Serialize};

use super::Area;
use crate::DocumentType;

/// The document types that meet each of the provider's requirements (`id`,
/// `proof-of-address`), by where the user lives.
///
/// The default is what Gangway took before there was a table, and holds everywhere: histories
/// that were written then are replayed with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Accepts(pub BTreeMap<String, Vec<Accepted>>);

/// What meets one requirement in one area.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// Where it holds; without one, wherever no other entry does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<Area>,
    /// Any one of these groups, each of it whole.
    pub groups: Vec<Vec<DocumentType>>,
}

impl Accepts {
    /// The document types that meet a requirement: any one group, each of it whole. Of a user
    /// in no area, or in one that is not listed, every group that is taken anywhere. Empty for
    /// a requirement that is not listed: what is meant is never guessed.
    #[must_use]
    pub fn groups(&self, area: Option<&Area>, requirement: &str) -> Vec<&[DocumentType]> {
        let Some(entries) = self.0.get(requirement) else { return Vec::new() };
        let of = |area: Option<&Area>| entries.iter().find(|entry| entry.area.as_ref() == area);
        if let Some(entry) = area.and_then(|area| of(Some(area)).or_else(|| of(None))) {
            return entry.groups.iter().map(Vec::as_slice).collect();
        }
        let mut union: Vec<&[DocumentType]> = Vec::new();
        for group in entries.iter().flat_map(|entry| &entry.groups) {
            if !union.contains(&group.as_slice()) {
                union.push(group);
            }
        }
        union
    }
}

impl Accepts {
    /// The groups of the requirement that a document of this type meets, alone or with others,
    /// where the user lives: what may stand in its place. It alone if there is none.
    #[must_use]
    pub fn alternatives<'a>(
        &'a self,
        area: Option<&Area>,
        document_type: &'a DocumentType,
    ) -> Vec<&'a [DocumentType]> {
        let meets = |groups: &Vec<&[DocumentType]>| {
            groups.iter().any(|group| group.contains(document_type))
        };
        // The provider may also ask for the type by its own name.
        let names = self.0.keys().filter(|name| *name != document_type.as_str());
        let found = names.map(|name| self.groups(area, name)).find(meets);
        found.unwrap_or_else(|| vec![slice::from_ref(document_type)])
    }
}

impl Default for Accepts {
    fn default() -> Self {
        use DocumentType as D;
        let everywhere = |groups| vec![Accepted { area: None, groups }];
        let known = D::KNOWN.iter();
        let mut accepts: BTreeMap<String, Vec<Accepted>> =
            known.map(|kind| (kind.to_string(), everywhere(vec![vec![kind.clone()]]))).collect();
        let id = vec![
            vec![D::IdPassport],
            vec![D::IdIdcardFront, D::IdIdcardBack],
            vec![D::IdResidencyPermit],
            vec![D::IdSsn],
        ];
        accepts.insert("id".to_owned(), everywhere(id));
        Self(accepts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_was_taken_before_there_was_a_table() {
        let accepts = Accepts::default();
        let spain = Area("spain".into());
        for (requirement, expected) in [
            (
                "id",
                r#"[["id-passport"],["id-idcard-front","id-idcard-back"],["id-residency-permit"],["id-ssn"]]"#,
            ),
            ("proof-of-address", r#"[["proof-of-address"]]"#),
            ("selfie-left", r#"[["selfie-left"]]"#),
            ("selfie", "[]"),
            ("proof-of-funds", "[]"),
            ("", "[]"),
        ] {
            for area in [None, Some(&spain)] {
                let groups = serde_json::to_string(&accepts.groups(area, requirement));
                assert_eq!(groups.unwrap(), expected, "{requirement}");
            }
        }
    }

    #[test]
    fn alternatives_are_those_of_the_requirement_and_not_of_the_types_own_name() {
        let accepts = Accepts::default();
        let alternatives = |name: &str| {
            let document_type = DocumentType::from(name);
            serde_json::to_string(&accepts.alternatives(None, &document_type)).unwrap()
        };
        let id = serde_json::to_string(&accepts.groups(None, "id")).unwrap();
        assert_eq!(alternatives("id-passport"), id);
        assert_eq!(alternatives("id-idcard-back"), id);
        assert_eq!(alternatives("proof-of-address"), r#"[["proof-of-address"]]"#);
        assert_eq!(alternatives("id-library-card"), r#"[["id-library-card"]]"#);
    }

    #[test]
    fn an_area_has_its_own_groups_and_an_unknown_one_all_of_them() {
        let json = r#"{"id":[{"area":"spain","groups":[["id-passport"],["id-residency-permit"]]},{"area":"eea","groups":[["id-passport"]]}],"proof-of-address":[{"groups":[["proof-of-address"]]}]}"#;
        let accepts: Accepts = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&accepts).unwrap(), json);
        let count = |area: Option<&str>, requirement| {
            let area = area.map(|area| Area(area.to_owned()));
            accepts.groups(area.as_ref(), requirement).len()
        };
        for (area, requirement, groups) in [
            (Some("spain"), "id", 2),
            (Some("eea"), "id", 1),
            (Some("atlantis"), "id", 2),
            (None, "id", 2),
            (Some("eea"), "proof-of-address", 1),
            (None, "proof-of-address", 1),
            (Some("eea"), "selfie", 0),
        ] {
            assert_eq!(count(area, requirement), groups, "{area:?} {requirement}");
        }
    }
}
