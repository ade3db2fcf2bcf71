//! Durations as people write them: a whole number and its unit, such as `30s`.

/// The units, longest first, with their length in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What error texts say of a duration's form.
pub(crate) const EXPECTED: &str = "a duration with its unit, such as 500ms, 30s, 5m, 1h or 7d";

/// Milliseconds of `text`. The unit is always required: a bare `30` would be a guess.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, length_ms) = UNITS.iter().find(|(known, _)| *known == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*length_ms)
}

/// About how long `ms` is, in the largest unit that fits: for ages in tables.
pub(crate) fn rough(ms: u64) -> String {
    match UNITS.iter().find(|(_, length_ms)| ms >= *length_ms && *length_ms >= 1_000) {
        Some((unit, length_ms)) => format!("{}{unit}", ms / length_ms),
        None => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_its_unit() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("7d", Some(604_800_000)),
            ("0s", Some(0)),
            ("30", None),
            ("", None),
            ("s", None),
            ("1.5h", None),
            ("-1s", None),
            ("1 s", None),
            ("1h30m", None),
            ("1week", None),
            ("18446744073709551616ms", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        for (ms, expected) in [
            (0, "0s"),
            (999, "0s"),
            (59_999, "59s"),
            (60_000, "1m"),
            (7_199_999, "1h"),
            (172_800_000, "2d"),
        ] {
            assert_eq!(rough(ms), expected, "{ms}");
        }
    }
}
