//! The names of the fields of a profile, and the nearest known one to a slip.

use serde_json::Value;

use crate::json::pointer_to;
use crate::problem::Problems;

/// The sections, in the provider's order.
pub(crate) const SECTIONS: [&str; 4] =
    ["userDetails", "kycData", "dueDiligence", "verificationHistory"];

/// The names in each inner object, by its pointer.
const INNER: [(&str, &[&str]); 6] = [
    ("/userDetails", &["firstName", "lastName", "dateOfBirth", "countryOfResidence"]),
    (
        "/kycData",
        &[
            "nationality",
            "addressOfResidence",
            "email",
            "phoneNumber",
            "identityDocument",
            "ipAddresses",
        ],
    ),
    ("/kycData/addressOfResidence", &["line1", "line2", "city", "stateOrRegion", "postalCode"]),
    ("/kycData/identityDocument", &["type", "number", "issuingCountryCode"]),
    (
        "/dueDiligence",
        &[
            "employmentStatus",
            "sourceOfFunds",
            "industry",
            "estimatedYearlyIncome",
            "expectedYearlyTxVolume",
        ],
    ),
    ("/verificationHistory", &["idVerificationTimestamp", "livenessVerificationTimestamp"]),
];

/// The names in the objects of a user's file that tell what the user accepted.
const CONSENTS: [(&str, &[&str]); 2] = [
    ("/privacyPolicyConsent", &["acceptedAt", "textVersion", "textHash", "language", "method"]),
    (
        "/termsOfServiceConsent",
        &["acceptedAt", "region", "textVersion", "textHash", "language", "method"],
    ),
];

/// Below this likeness (0 to 1), a suggestion would mislead.
const LIKENESS_MIN: f64 = 0.8;

/// Refuses every field that is none of a profile's, or of `also` at the top.
pub(crate) fn check(value: &Value, also: &[&str], problems: &mut Problems) {
    let top: Vec<&str> = SECTIONS.iter().chain(also).copied().collect();
    check_object(value, "", &top, problems);
}

/// Refuses every field that is none of `known`.
pub(crate) fn check_object(value: &Value, pointer: &str, known: &[&str], problems: &mut Problems) {
    let Some(object) = value.as_object() else { return };
    for (name, value) in object {
        let inner = pointer_to(pointer, name);
        if !known.contains(&name.as_str()) {
            problems.error(inner, unknown("a field that Gangway does not know", name, known));
        } else if let Some((_, known)) =
            INNER.iter().chain(&CONSENTS).find(|(pointer, _)| *pointer == inner)
        {
            check_object(value, &inner, known, problems);
        }
    }
}

/// Every field that holds no others, by the names on the way to it: `kycData.email`.
pub(crate) fn leaves() -> impl Iterator<Item = String> {
    INNER.iter().flat_map(|(pointer, names)| {
        let inner = names.iter().map(move |name| format!("{pointer}/{name}"));
        inner
            .filter(|inner| INNER.iter().all(|(pointer, _)| pointer != inner))
            .map(|inner| inner[1..].replace('/', "."))
    })
}

/// `what` is wrong, with the nearest of `known` if one is near.
pub(crate) fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(nearest) => format!("{what}; did you mean `{nearest}`?"),
        None => format!("{what}; known are {}", known.join(", ")),
    }
}

fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(&word, &name.to_lowercase()), *name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_gets_the_nearest_name() {
        let address = INNER[2].1;
        for (slip, known, expected) in [
            ("state", address, Some("stateOrRegion")),
            ("postcode", address, Some("postalCode")),
            ("Line1", address, Some("line1")),
            ("zip", address, None),
            ("first_name", INNER[0].1, Some("firstName")),
            ("userdetails", &SECTIONS[..], Some("userDetails")),
            ("phone", INNER[1].1, Some("phoneNumber")),
            ("", address, None),
        ] {
            assert_eq!(nearest(slip, known), expected, "{slip}");
        }
    }
    #[test]
    fn the_known_names_are_those_of_the_profile() {
        let profile = crate::profile::full_json();
        let mut problems = Problems::default();
        check(&profile, &[], &mut problems);
        assert_eq!(problems, Problems::default());
        let known = SECTIONS.len() + INNER.iter().map(|(_, names)| names.len()).sum::<usize>();
        assert_eq!(known, fields_in(&profile));
    }

    fn fields_in(value: &Value) -> usize {
        value
            .as_object()
            .map_or(0, |object| object.len() + object.values().map(fields_in).sum::<usize>())
    }
}
