//! docs/user-file.md, whose examples are run as they stand.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use onboarding::{Checked, Date, Profile, Timestamp, UserFile};
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/user-file.md");

/// The fenced blocks of the page in their order, each with its kind.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fenced = PAGE.split("```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

fn now() -> Timestamp {
    Timestamp::parse("2026-05-02T12:00:00Z").unwrap()
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The sections, which are what is sent.
fn sections(user: Checked<UserFile>) -> Value {
    user.value.profile.unwrap().to_value()
}

#[test]
fn the_file_of_the_page_becomes_the_normal_form_of_the_page() {
    let [(first, file), (second, normal)] = blocks()[..2] else { panic!("two blocks come first") };
    assert_eq!((first, second), ("json file", "json normal"));
    let user =
        UserFile::parse(file.as_bytes(), now()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(user.warnings.to_string(), "");
    assert!(user.value.wanted_products.is_some() && user.value.consents.len() == 2);
    assert_eq!(user.value.wallets.len(), 1);
    assert_eq!(sections(user), value(normal));
}

#[test]
fn each_patch_of_the_page_does_what_stands_below_it() {
    let blocks = blocks();
    let examples: Vec<_> = blocks[2..].chunks(3).collect();
    assert_eq!(examples.len(), 5);
    for example in examples {
        let [("json held", held), ("json patch", patch), (outcome, expected)] = example else {
            panic!("held, patch and outcome belong together: {example:?}");
        };
        let held = Profile::from_value(&value(held), Date::parse("2026-05-02").unwrap());
        let held = held.unwrap_or_else(|problems| panic!("{problems}")).value;
        let patched = UserFile::parse_patch(patch.as_bytes(), Some(&held), now());
        match (*outcome, patched) {
            ("json result", Ok(user)) => assert_eq!(sections(user), value(expected), "{patch}"),
            ("text refused", Err(problems)) => {
                assert_eq!(problems.to_string(), expected.trim_end(), "{patch}");
            }
            (outcome, _) => panic!("{outcome} does not come of {patch}"),
        }
    }
}

/// A field that the page does not name is one that nobody finds.
#[test]
fn every_field_is_on_the_page() {
    for name in [
        "firstName",
        "lastName",
        "dateOfBirth",
        "countryOfResidence",
        "nationality",
        "addressOfResidence",
        "line1",
        "line2",
        "city",
        "stateOrRegion",
        "postalCode",
        "email",
        "phoneNumber",
        "identityDocument",
        "type",
        "number",
        "issuingCountryCode",
        "ipAddresses",
        "employmentStatus",
        "sourceOfFunds",
        "industry",
        "estimatedYearlyIncome",
        "expectedYearlyTxVolume",
        "idVerificationTimestamp",
        "livenessVerificationTimestamp",
        "wantedProducts",
        "privacyPolicyAcceptedAt",
        "linkedWallets",
        "address",
        "chain",
        "proof",
    ] {
        let table = PAGE.split("## Fields").nth(1).unwrap();
        let forms = [format!(".{name}`"), format!("`{name}`"), format!(".{name}.")];
        assert!(forms.iter().any(|form| table.contains(form)), "{name}");
    }
}
