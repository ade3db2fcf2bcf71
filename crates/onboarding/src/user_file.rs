//! The file that describes a user: the body that the provider's page shows, with
//! two keys of our own, `wantedProducts` and `privacyPolicyAcceptedAt`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::json::{self, Fields};
use crate::merge_patch::merge_patch;
use crate::names::{self, SECTIONS};
use crate::problem::{Checked, Problems};
use crate::product::Product;
use crate::profile::{Profile, read_profile};
use crate::time::Timestamp;

const WANTED_PRODUCTS: &str = "wantedProducts";
const CONSENT: &str = "privacyPolicyAcceptedAt";

/// What a user's file, or a patch of it, says. It is personal data: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct UserFile {
    /// The whole profile after the file or patch; `None` if it names no section.
    pub profile: Option<Profile>,
    /// The products that the user is to be onboarded for, if it says so.
    pub wanted_products: Option<BTreeSet<Product>>,
    /// When the user accepted the provider's privacy policy, if it says so.
    pub privacy_policy_accepted_at: Option<Timestamp>,
}

impl UserFile {
    /// Reads a whole user: the profile replaces what is held.
    ///
    /// # Errors
    /// Every problem at once, if any of them is an error.
    pub fn parse(bytes: &[u8], now: Timestamp) -> Result<Checked<Self>, Problems> {
        let mut problems = Problems::default();
        let Some(file) = json::parse(bytes, &mut problems) else { return Err(problems) };
        names::check(&file, &[WANTED_PRODUCTS, CONSENT], &mut problems);
        let user = read(&file, &file, now, &mut problems);
        problems.checked(user)
    }

    /// Reads a merge patch (RFC 7396) and merges it into the profile that is held.
    /// Problems point into what the merge gives.
    ///
    /// # Errors
    /// Every problem at once, if any of them is an error.
    pub fn parse_patch(
        bytes: &[u8],
        current: Option<&Profile>,
        now: Timestamp,
    ) -> Result<Checked<Self>, Problems> {
        let mut problems = Problems::default();
        let Some(patch) = json::parse(bytes, &mut problems) else { return Err(problems) };
        // Merging takes removals out, so names and nulls are checked before it.
        names::check(&patch, &[WANTED_PRODUCTS, CONSENT], &mut problems);
        check_removals(&patch, &mut problems);
        let held = current.map_or_else(|| Value::Object(serde_json::Map::new()), Profile::to_value);
        let user = read(&merge_patch(&held, &patch), &patch, now, &mut problems);
        problems.checked(user)
    }
}

fn check_removals(patch: &Value, problems: &mut Problems) {
    for (name, message) in [
        (WANTED_PRODUCTS, "must not be null; list the wanted products"),
        (CONSENT, "must not be null; a consent that was given can't be taken out of a user"),
    ] {
        if patch.get(name).is_some_and(Value::is_null) {
            problems.error(format!("/{name}"), message);
        }
    }
}

/// Reads the `whole` user, of which `given` is what the person wrote.
fn read(whole: &Value, given: &Value, now: Timestamp, problems: &mut Problems) -> UserFile {
    let names_section = |value: &Value| SECTIONS.iter().any(|name| value.get(name).is_some());
    if given.as_object().is_some_and(serde_json::Map::is_empty) {
        problems.error("", "must not be empty; give a section, such as userDetails");
    }
    if names_section(given) && !names_section(whole) {
        problems.error("", "must keep at least one section of the profile");
    }
    let mut user =
        UserFile { profile: None, wanted_products: None, privacy_policy_accepted_at: None };
    if let Some(mut fields) = Fields::of(whole, String::new(), problems) {
        user.profile = names_section(given).then(|| read_profile(&mut fields, now.date()));
        user.wanted_products = wanted(&mut fields);
        user.privacy_policy_accepted_at = consent(&mut fields, now);
    }
    user
}

fn wanted(fields: &mut Fields<'_>) -> Option<BTreeSet<Product>> {
    let products = fields.list(WANTED_PRODUCTS, |word| Ok(Product::from(word)))?;
    if products.is_empty() {
        fields.error(WANTED_PRODUCTS, "must not be empty; leave it out for the configured ones");
    }
    let known: Vec<&str> = Product::KNOWN.iter().map(Product::as_str).collect();
    for (index, product) in products.iter().enumerate() {
        if let Product::Other(word) = product {
            let message = names::unknown("the provider may not know this product", word, &known);
            fields.problems().warn(format!("/{WANTED_PRODUCTS}/{index}"), message);
        }
    }
    Some(BTreeSet::from_iter(products))
}

fn consent(fields: &mut Fields<'_>, now: Timestamp) -> Option<Timestamp> {
    fields.optional(CONSENT, |text| {
        let accepted_at = Timestamp::parse(text)
            .map_err(|_| "must be a time that exists, such as 2026-05-02T09:10:00Z")?;
        if accepted_at > now {
            return Err("must not be in the future");
        }
        Ok(accepted_at)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::any_json;

    const DETAILS: &str = r#""userDetails":{"firstName":"Ilse","lastName":"Brandt","dateOfBirth":"1988-11-04","countryOfResidence":"DE"}"#;
    const HISTORY: &str = r#""verificationHistory":{"idVerificationTimestamp":"2026-05-01T09:10:00Z","livenessVerificationTimestamp":"2026-05-01T09:12:00Z"}"#;

    fn now() -> Timestamp {
        Timestamp::parse("2026-05-02T09:10:00Z").unwrap()
    }

    fn parse(file: &str) -> Result<Checked<UserFile>, String> {
        UserFile::parse(file.as_bytes(), now()).map_err(|problems| problems.to_string())
    }

    fn patch(patch: &str, current: Option<&Profile>) -> Result<Checked<UserFile>, String> {
        UserFile::parse_patch(patch.as_bytes(), current, now())
            .map_err(|problems| problems.to_string())
    }

    /// The profile with both sections.
    fn held() -> Profile {
        parse(&format!("{{{DETAILS},{HISTORY}}}")).ok().unwrap().value.profile.unwrap()
    }

    fn json_of(user: &UserFile) -> String {
        serde_json::to_string(user.profile.as_ref().unwrap()).unwrap()
    }

    #[test]
    fn a_file_gives_the_profile_the_wanted_products_and_the_consent() {
        let file = format!(
            r#"{{{DETAILS},"wantedProducts":["offramp","onramp","onramp"],"privacyPolicyAcceptedAt":"2026-05-02T11:10:00+02:00"}}"#
        );
        let Checked { value: user, warnings } = parse(&file).ok().unwrap();
        assert_eq!(json_of(&user), format!("{{{DETAILS}}}"));
        let wanted = BTreeSet::from([Product::Onramp, Product::Offramp]);
        assert_eq!(user.wanted_products, Some(wanted));
        assert_eq!(user.privacy_policy_accepted_at, Some(now()));
        assert_eq!(warnings, Problems::default());
    }

    #[test]
    fn a_file_need_not_hold_a_profile() {
        let user = parse(r#"{"wantedProducts":["onramp"]}"#).ok().unwrap().value;
        assert!(user.profile.is_none());
    }

    #[test]
    fn an_unknown_product_is_a_warning() {
        let Checked { value: user, warnings } =
            parse(r#"{"wantedProducts":["on-ramp"]}"#).ok().unwrap();
        assert_eq!(user.wanted_products, Some(BTreeSet::from([Product::from("on-ramp")])));
        assert_eq!(
            warnings.to_string(),
            "warning at /wantedProducts/0: the provider may not know this product; did you mean \
             `onramp`?"
        );
    }

    #[test]
    fn bad_files_are_refused_at_the_place() {
        for (file, expected) in [
            ("{}", "error: must not be empty; give a section, such as userDetails"),
            ("[]", "error: must be a JSON object"),
            (
                r#"{"wantedProducts":[]}"#,
                "error at /wantedProducts: must not be empty; leave it out for the configured ones",
            ),
            (r#"{"wantedProducts":["onramp",7]}"#, "error at /wantedProducts/1: must be a string"),
            (r#"{"wantedProducts":"onramp"}"#, "error at /wantedProducts: must be a list"),
            (
                r#"{"privacyPolicyAcceptedAt":"2026-05-02T09:10:00.001Z"}"#,
                "error at /privacyPolicyAcceptedAt: must not be in the future",
            ),
            (
                r#"{"privacyPolicyAcceptedAt":"yesterday"}"#,
                "error at /privacyPolicyAcceptedAt: must be a time that exists, such as \
                 2026-05-02T09:10:00Z",
            ),
            (
                r#"{"privacyPolicyAcceptedAt":null}"#,
                "error at /privacyPolicyAcceptedAt: must not be null; leave it out where there is \
                 no value",
            ),
            (
                r#"{"wantedProduct":["onramp"]}"#,
                "error at /wantedProduct: a field that Gangway does not know; did you mean \
                 `wantedProducts`?",
            ),
        ] {
            assert_eq!(parse(file).err().as_deref(), Some(expected), "{file}");
        }
    }

    #[test]
    fn a_patch_merges_into_the_held_profile() {
        for (given, expected) in [
            (r#"{"verificationHistory":null}"#.to_owned(), format!("{{{DETAILS}}}")),
            (
                r#"{"userDetails":{"firstName":"Else"}}"#.to_owned(),
                format!("{{{DETAILS},{HISTORY}}}").replace("Ilse", "Else"),
            ),
            (r#"{"dueDiligence":null}"#.to_owned(), format!("{{{DETAILS},{HISTORY}}}")),
        ] {
            let user = patch(&given, Some(&held())).ok().unwrap().value;
            assert_eq!(json_of(&user), expected, "{given}");
        }
        let user = patch(&format!("{{{DETAILS}}}"), None).ok().unwrap().value;
        assert_eq!(json_of(&user), format!("{{{DETAILS}}}"));
    }

    #[test]
    fn a_patch_without_sections_leaves_the_profile_alone() {
        for current in [None, Some(&held())] {
            let user = patch(r#"{"wantedProducts":["offramp"]}"#, current).ok().unwrap().value;
            assert!(user.profile.is_none());
            assert_eq!(user.wanted_products, Some(BTreeSet::from([Product::Offramp])));
        }
    }

    #[test]
    fn bad_patches_are_refused_at_their_place_in_what_the_merge_gives() {
        for (given, expected) in [
            ("{}", "error: must not be empty; give a section, such as userDetails"),
            ("null", "error: must be a JSON object"),
            (
                r#"{"userDetails":{"firstName":null}}"#,
                "error at /userDetails/firstName: is missing; it is required here",
            ),
            (
                r#"{"userDetails":{"firstname":null}}"#,
                "error at /userDetails/firstname: a field that Gangway does not know; did you \
                 mean `firstName`?",
            ),
            (
                r#"{"userDetails":null,"verificationHistory":null}"#,
                "error: must keep at least one section of the profile",
            ),
            (
                r#"{"privacyPolicyAcceptedAt":null}"#,
                "error at /privacyPolicyAcceptedAt: must not be null; a consent that was given \
                 can't be taken out of a user",
            ),
            (
                r#"{"wantedProducts":null}"#,
                "error at /wantedProducts: must not be null; list the wanted products",
            ),
        ] {
            let refused = patch(given, Some(&held())).err();
            assert_eq!(refused.as_deref(), Some(expected), "{given}");
        }
    }
    proptest! {
        #[test]
        fn any_patch_is_refused_or_gives_a_profile_that_a_file_could_give(given in any_json()) {
            let held = held();
            match UserFile::parse_patch(given.to_string().as_bytes(), Some(&held), now()) {
                Err(problems) => prop_assert!(problems.has_errors()),
                Ok(Checked { value: UserFile { profile: Some(profile), .. }, .. }) => {
                    let again = Profile::from_value(&profile.to_value(), now().date());
                    prop_assert!(again.is_ok_and(|again| again.value == profile));
                }
                Ok(_) => prop_assert!(SECTIONS.iter().all(|name| given.get(name).is_none())),
            }
        }
    }
}
