//! One user at a time against the built-in table, in short words.

mod file;
mod properties;
mod rows;
mod unknowns;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::{Date, DocumentType, Eligibility, Product, ProductStatus, Profile, Section, Timestamp};

fn today() -> Date {
    Date::parse("2026-11-24").unwrap()
}

/// A resident of the country with all that could be asked for, to be spoiled by each case.
fn whole(country: &str, state: Option<&str>) -> Value {
    let us = country == "US";
    let mut profile = json!({
        "userDetails": {"firstName": "Ilse", "lastName": "Brandt", "dateOfBirth": "1988-11-04",
                        "countryOfResidence": country},
        "kycData": {
            "nationality": "DE", "email": "ilse@example.org", "phoneNumber": "+4930111222",
            "addressOfResidence": {"line1": "Am Ufer 9", "city": "Bremen", "postalCode": "28195"},
            "identityDocument": {"type": if us { "ssn" } else { "passport" },
                                 "number": "123456789", "issuingCountryCode": country}},
        "dueDiligence": {"employmentStatus": "full-time", "sourceOfFunds": "salary-disbursement",
                         "industry": "information"},
        "verificationHistory": {"idVerificationTimestamp": "2026-11-01T09:10:00Z",
                                "livenessVerificationTimestamp": "2026-11-01T09:12:00Z"}});
    if let Some(state) = state {
        profile["kycData"]["addressOfResidence"]["stateOrRegion"] = state.into();
    }
    if us {
        profile["dueDiligence"]["estimatedYearlyIncome"] = "income-50k-100k".into();
    }
    profile
}

/// The profile without what the pointers name.
fn without(mut profile: Value, pointers: &[&str]) -> Value {
    for pointer in pointers {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        profile.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    }
    profile
}

struct Given {
    profile: Value,
    wanted: &'static [&'static str],
    documents: &'static [&'static str],
    consented: bool,
    diligence: Diligence,
    eligibility: Value,
}

/// One who has accepted the policy and wants `wanted`.
fn given(profile: Value, wanted: &'static [&'static str]) -> Given {
    Given {
        profile,
        wanted,
        documents: &[],
        consented: true,
        diligence: Diligence::Standard,
        eligibility: json!([]),
    }
}

fn parse(profile: &Value) -> Option<Profile> {
    let sections = profile.as_object().filter(|sections| !sections.is_empty())?;
    let read = Profile::from_value(&Value::Object(sections.clone()), today());
    Some(read.map_err(|problems| problems.to_string()).ok().unwrap().value)
}

fn compiled(given: &Given) -> Compiled {
    compiled_by(&Requirements::default(), given)
}

fn compiled_by(table: &Requirements, given: &Given) -> Compiled {
    let profile = parse(&given.profile);
    compile(
        table,
        &Case {
            wanted: given.wanted.iter().map(|word| Product::from(*word)).collect(),
            profile: profile.as_ref(),
            documents: given
                .documents
                .iter()
                .map(|word| (DocumentType::from(*word), None))
                .collect(),
            consented: given.consented.then_some(Timestamp(0)),
            diligence: given.diligence,
            eligibility: serde_json::from_value(given.eligibility.clone()).unwrap(),
            today: today(),
        },
    )
}

/// A need in short: what lacks, and for whom if not for everyone.
fn short(need: &Need) -> String {
    let what = match &need.what {
        What::Consent => "consent".to_owned(),
        What::Operator { name } => format!("operator:{name}"),
        What::Data { section, missing, unreadable } => {
            let names: Vec<String> = missing
                .iter()
                .map(|it| {
                    let mark = if unreadable.contains(it) { "?" } else { "" };
                    format!("{}{mark}", it.to_string().rsplit_once('.').unwrap().1)
                })
                .collect();
            format!("{section}[{}]", names.join(" "))
        }
        What::Document { name, any_of } => {
            let groups: Vec<String> = any_of
                .iter()
                .map(|it| it.missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"))
                .collect();
            format!("{name}({})", groups.join("|"))
        }
    };
    let products: Vec<&str> = need.products.iter().map(Product::as_str).collect();
    format!("{what} {}", products.join(","))
}

fn now(given: &Given) -> Vec<String> {
    compiled(given).now.iter().map(short).collect()
}

/// What may come later, each with how sure it is.
fn later(given: &Given) -> Vec<String> {
    let word = |need: &Need| serde_json::to_value(need.certainty).unwrap();
    let needs = compiled(given).later;
    needs.iter().map(|need| format!("{}: {}", word(need).as_str().unwrap(), short(need))).collect()
}

fn check(name: &str, found: Vec<String>, expected: &[&str]) {
    assert_eq!(found, expected, "{name}");
}

const BOTH: &[&str] = &["onramp", "offramp"];
const ONRAMP: &[&str] = &["onramp"];
const LIGHT: &[&str] = &["onramp-light"];
const PAYOUT: &[&str] = &["regulated-transfer"];
const PASSPORT: &[&str] = &["id-passport"];
const NOBODY: &str = "{}";

fn nobody() -> Value {
    serde_json::from_str(NOBODY).unwrap()
}

fn bare(country: &str) -> Value {
    json!({"userDetails": whole(country, None)["userDetails"]})
}

const DEFAULT: &str = include_str!("../../../../../config/requirements.toml");
