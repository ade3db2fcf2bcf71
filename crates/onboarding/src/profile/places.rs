//! Countries and their parts, by code or by name: ISO 3166.
//!
//! A name becomes a code only where it can mean nothing else.

use rust_iso3166::iso3166_2::Subdivision;

use super::rules::Ruled;

/// Names and codes in use that the table does not have, or has in another form.
const ALSO_CALLED: &[(&str, &str)] = &[
    ("UK", "GB"),
    ("United Kingdom", "GB"),
    ("Great Britain", "GB"),
    ("United States", "US"),
    ("Russia", "RU"),
    ("South Korea", "KR"),
    ("North Korea", "KP"),
    ("Czech Republic", "CZ"),
    ("Turkey", "TR"),
    ("Vietnam", "VN"),
    ("Laos", "LA"),
    ("Syria", "SY"),
    ("Brunei", "BN"),
    ("Ivory Coast", "CI"),
    ("Cape Verde", "CV"),
    ("East Timor", "TL"),
    ("Macau", "MO"),
    ("Swaziland", "SZ"),
    ("Vatican City", "VA"),
    ("The Netherlands", "NL"),
    ("Democratic Republic of the Congo", "CD"),
    ("Republic of the Congo", "CG"),
    ("British Virgin Islands", "VG"),
    ("US Virgin Islands", "VI"),
    ("XKX", KOSOVO),
    ("Kosovo", KOSOVO),
];

/// ISO 3166-1 has none for it and leaves this code to whoever needs one.
const KOSOVO: &str = "XK";

/// ISO 3166-1 alpha-2, given that, alpha-3 or an English name.
pub(crate) fn country(text: &str) -> Ruled {
    let code = text.to_ascii_uppercase();
    if rust_iso3166::from_alpha2(&code).is_some() || code == KOSOVO {
        return Ok(code);
    }
    if let Some(country) = rust_iso3166::from_alpha3(&code) {
        return Ok(country.alpha2.to_owned());
    }
    by_name(text).map(str::to_owned).ok_or(
        "must be a country by ISO 3166-1: two letters such as DE, three such as DEU, or a name",
    )
}

fn by_name(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let is_it = |name: &str| name.to_lowercase() == text;
    if let Some((_, code)) = ALSO_CALLED.iter().find(|(name, _)| is_it(name)) {
        return Some(code);
    }
    // `Iran (Islamic Republic of)` is called Iran; of `Congo` there are two.
    let short = |name: &'static str| name.split(" (").next().unwrap_or(name);
    let mut found = rust_iso3166::ALL
        .iter()
        .filter(|country| is_it(country.name) || is_it(short(country.name)))
        .map(|country| country.alpha2);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The code of a state of the US or a province of Canada, given it or its English name;
/// `None` for another country, or if it has no such part.
pub(crate) fn state(country: &str, text: &str) -> Option<&'static str> {
    matches!(country, "US" | "CA").then(|| part(country, text)).flatten().map(|it| it.region_code)
}

/// Whether a country has a part of this code or name. So it is of one that has no parts.
pub(super) fn may_be_part(country: &str, text: &str) -> bool {
    parts(country).is_none_or(|parts| parts.is_empty()) || part(country, text).is_some()
}

fn part(country: &str, text: &str) -> Option<&'static Subdivision> {
    let name = text.to_lowercase();
    parts(country)?.iter().find(|part| {
        part.region_code.eq_ignore_ascii_case(text)
            || part.code.eq_ignore_ascii_case(text)
            || part.name.to_lowercase() == name
    })
}

fn parts(country: &str) -> Option<&'static [Subdivision]> {
    rust_iso3166::iso3166_2::SUBDIVISION_COUNTRY_MAP.get(country).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_is_known_by_its_codes_and_its_name() {
        for one in rust_iso3166::ALL {
            let alpha2 = Ok(one.alpha2.to_owned());
            assert_eq!(country(one.alpha2), alpha2);
            assert_eq!(country(&one.alpha3.to_ascii_lowercase()), alpha2);
            // Of two countries alike, the one whose whole name it is can't be told either.
            if one.name != "Congo" {
                assert_eq!(country(one.name), alpha2, "{}", one.name);
                assert_eq!(country(&one.name.to_uppercase()), alpha2, "{}", one.name);
            }
        }
        for (name, code) in ALSO_CALLED {
            assert_eq!(country(name), Ok((*code).to_owned()), "{name}");
            assert!(country(code).is_ok_and(|known| known == *code), "{code}");
        }
        assert_eq!(country("xk"), Ok("XK".to_owned()));
    }

    #[test]
    fn a_name_that_means_two_countries_or_none_is_refused() {
        for text in ["Congo", "Korea", "Virgin Islands", "German", "DDR", "Europe", "X", "U.S."] {
            assert!(country(text).is_err(), "{text}");
        }
        for (text, code) in [("iran", "IR"), ("türkiye", "TR"), ("Netherlands", "NL"), ("uk", "GB")]
        {
            assert_eq!(country(text), Ok(code.to_owned()), "{text}");
        }
    }

    #[test]
    fn states_and_provinces_become_codes_in_the_us_and_canada_alone() {
        for (country, text, expected) in [
            ("US", "new york", Some("NY")),
            ("US", "tx", Some("TX")),
            ("US", "US-CA", Some("CA")),
            ("US", "Puerto Rico", Some("PR")),
            ("US", "Ontario", None),
            ("CA", "Ontario", Some("ON")),
            ("CA", "qc", Some("QC")),
            ("CA", "Texas", None),
            ("DE", "Bayern", None),
            ("ES", "M", None),
        ] {
            assert_eq!(state(country, text), expected, "{country} {text}");
        }
        for (country, text, expected) in [
            ("DE", "by", true),
            ("DE", "Bayern", true),
            ("DE", "DE-BY", true),
            ("DE", "Bavaria", false),
            ("FR", "île-de-france", true),
            ("AX", "anything", true),
        ] {
            assert_eq!(may_be_part(country, text), expected, "{country} {text}");
        }
    }
}
