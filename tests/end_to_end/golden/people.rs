//! Who goes through the flows. Everyone is whole, and each flow takes something away.

use gangway_tests::complete_profile;
use serde_json::{Map, Value, json};

/// Ilse, who lives in Bremen, with all four sections.
pub(super) fn german() -> Value {
    complete_profile("ilse")
}

/// Ann, who lives in a state of the US, with all four sections.
pub(super) fn american(city: &str, state: &str) -> Value {
    let home = json!({ "city": city, "stateOrRegion": state, "postalCode": "10001" });
    of(&[
        complete_profile("ann"),
        json!({
            "userDetails": { "firstName": "Ann", "lastName": "Smith", "countryOfResidence": "US" },
            "kycData": {
                "nationality": "US",
                "addressOfResidence": home,
                "phoneNumber": "+13125550100",
                "identityDocument":
                    { "type": "ssn", "number": "123-45-6789", "issuingCountryCode": "US" }
            },
            "dueDiligence": { "estimatedYearlyIncome": "income-50k-100k" }
        }),
    ])
}

/// That the privacy policy was accepted an hour ago.
pub(super) fn consent() -> Value {
    accepted(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1))
}

/// That it was accepted again just now.
pub(super) fn consent_again() -> Value {
    accepted(jiff::Timestamp::now())
}

fn accepted(at: jiff::Timestamp) -> Value {
    json!({ "privacyPolicyAcceptedAt": at.to_string() })
}

/// These sections of a file.
pub(super) fn only(file: &Value, sections: &[&str]) -> Value {
    sections.iter().map(|section| ((*section).to_owned(), file[section].clone())).collect()
}

/// A file made of parts, each merged into those before it; null takes a field away.
pub(super) fn of(parts: &[Value]) -> Value {
    let mut whole = Value::Object(Map::new());
    for part in parts {
        merge(&mut whole, part);
    }
    whole
}

fn merge(whole: &mut Value, part: &Value) {
    let (Value::Object(whole), Value::Object(part)) = (whole, part) else { unreachable!() };
    for (name, value) in part {
        match whole.get_mut(name) {
            Some(held @ Value::Object(_)) if value.is_object() => merge(held, value),
            _ if value.is_null() => {
                whole.remove(name);
            }
            _ => {
                whole.insert(name.clone(), value.clone());
            }
        }
    }
}
