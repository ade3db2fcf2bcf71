//! Phone numbers to E.164, by the numbering plans of the countries.
//!
//! A number is completed only where it can be read in one way; nothing of it is dropped but
//! what is dialled within a country alone.

use phonelib::PhoneNumber;

use super::rules::Ruled;
use crate::locator::is_e164;

const REFUSAL: &str =
    "must be a phone number in E.164 form: + and 7 to 15 digits with the country code";

/// E.164, given that with spaces and brackets, or as it is dialled in the country of residence.
pub(super) fn number(text: &str, residence: Option<&str>) -> Ruled {
    let plain = plain(text);
    if plain.starts_with('+') {
        return if is_e164(&plain) { Ok(settled(plain)) } else { Err(REFUSAL) };
    }
    let completed = residence.and_then(|country| completed(&plain, country));
    completed.filter(|number| is_e164(number)).ok_or(REFUSAL)
}

/// Whether it may be a number as it is dialled within some country.
pub(super) fn may_be_national(text: &str) -> bool {
    let plain = plain(text);
    !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit())
}

/// Without what is written between the digits.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !"-()[]./".contains(*c)).collect()
}

/// Whether it can be a number of the country that its code names.
pub(super) fn is_possible(number: &str) -> bool {
    PhoneNumber::parse(number).is_some()
}

/// Without the zero of `+49 (0)30`, which is for callers within the country.
fn settled(plain: String) -> String {
    let Some(parsed) = PhoneNumber::parse(&plain) else { return plain };
    let parsed = parsed.e164();
    let is_all_but_a_zero = plain.len() == parsed.len() + 1
        && plain.char_indices().any(|(at, c)| {
            c == '0' && plain[..at] == parsed[..at] && plain[at + 1..] == parsed[at..]
        });
    if is_all_but_a_zero && is_e164(parsed) { parsed.to_owned() } else { plain }
}

/// The number of which `plain` is what one dials in `country`; `None` if it could be two.
fn completed(plain: &str, country: &str) -> Option<String> {
    if !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let national = PhoneNumber::parse_with_country(plain, country)?;
    // Somebody may have left out the `+`.
    let international = PhoneNumber::parse(&format!("+{plain}"));
    let could_be_both = international
        .is_some_and(|other| other.country().code == country && other.e164() != national.e164());
    let is_of_its_plan = plain.starts_with("00")
        || phonelib::countries_by_code(country)
            .iter()
            .any(|plan| national.e164()[1..].starts_with(&calling_code(plan.prefix)));
    let is_stable = settled(national.e164().to_owned()) == national.e164();
    (!could_be_both && is_of_its_plan && is_stable).then(|| national.e164().to_owned())
}

/// The library writes an area code of North America into the calling code.
fn calling_code(prefix: u32) -> String {
    let prefix = prefix.to_string();
    if prefix.starts_with('1') { "1".to_owned() } else { prefix }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_brought_to_e164_or_refused() {
        for (text, residence, expected) in [
            ("+4930111222", None, Some("+4930111222")),
            ("+49 (30) 111-222", None, Some("+4930111222")),
            ("+49 (0)30 111222", None, Some("+4930111222")),
            ("+49 (0)171 1234567", None, Some("+491711234567")),
            ("+39 06 1234 5678", None, Some("+390612345678")),
            // Only that zero is left out by ourselves.
            ("+7 8 912 345 67 89", None, Some("+789123456789")),
            ("+36 06 30 111222", None, Some("+360630111222")),
            ("+44.20.7946.0018", Some("DE"), Some("+442079460018")),
            // No plan has it, but who knows: it is kept.
            ("+1 555 0100", None, Some("+15550100")),
            ("+99912345678", None, Some("+99912345678")),
            ("030 111222", Some("DE"), Some("+4930111222")),
            ("030 111222", Some("AT"), Some("+4330111222")),
            ("030/111222", Some("DE"), Some("+4930111222")),
            ("0171 1234567", Some("DE"), Some("+491711234567")),
            ("06 1234 5678", Some("IT"), Some("+390612345678")),
            ("06 1 234 5678", Some("HU"), Some("+3612345678")),
            ("8 (912) 345-67-89", Some("RU"), Some("+79123456789")),
            ("612 34 56 78", Some("ES"), Some("+34612345678")),
            ("07700 900123", Some("GB"), Some("+447700900123")),
            ("(312) 555-0123", Some("US"), Some("+13125550123")),
            ("1-312-555-0123", Some("US"), Some("+13125550123")),
            ("312 555 0123", Some("CA"), Some("+13125550123")),
            ("0044 7700 900123", Some("DE"), Some("+447700900123")),
            ("09012345678", Some("JP"), Some("+819012345678")),
            // What one dials for abroad elsewhere leads out of the plan.
            ("011 91 2123 4567", Some("ES"), None),
            // Without a country nobody knows whose it is.
            ("030 111222", None, None),
            ("030 111222", Some("US"), None),
            // A national number, or one without its plus?
            ("49 30 111222", Some("DE"), None),
            ("555 0123", Some("US"), None),
            ("+49", None, None),
            ("+0493011122", None, None),
            ("+49 30 111222 ext 5", Some("DE"), None),
            ("030 111222;5", Some("DE"), None),
            ("٠٣٠١١١٢٢٢", Some("DE"), None),
            ("call me", Some("DE"), None),
        ] {
            let found = number(text, residence).ok();
            assert_eq!(found.as_deref(), expected, "{text} in {residence:?}");
        }
    }

    proptest! {
        #[test]
        fn a_number_that_was_taken_stays_as_it_is(
            text in "\\+?[0-9 ()-]{5,18}",
            residence in prop::sample::select(vec!["DE", "US", "IT", "RU", "GB", "JP", "ES", "BR"]),
        ) {
            if let Ok(taken) = number(&text, Some(residence)) {
                prop_assert!(is_e164(&taken));
                prop_assert_eq!(number(&taken, Some(residence)), Ok(taken.clone()));
                prop_assert_eq!(number(&taken, None), Ok(taken.clone()));
                // What was dialled is all in it, but for what is dialled within a country.
                let dialled: String = text.chars().filter(char::is_ascii_digit).collect();
                let kept = dialled.trim_start_matches(['0', '1', '8']);
                let is_all_there = taken.ends_with(kept)
                    || (text.contains('+') && dialled.len() == taken.len());
                prop_assert!(is_all_there || text.starts_with('0'), "{} {}", text, taken);
            }
        }
    }
}
