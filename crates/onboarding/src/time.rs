//! Points in time and calendar dates. Nothing here reads a clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC. Stored as an integer, shown as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The latest time there is: 9999-12-30, as far as the calendar library goes.
    pub const MAX: Self = Self(253_402_128_000_000);

    /// This time, `ms` milliseconds later; stays within what can be written.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        let sum = self.0.saturating_add_unsigned(ms);
        if sum > Self::MAX.0 { Self::MAX } else { Self(sum) }
    }

    /// This time, `ms` milliseconds earlier; not before 1970.
    #[must_use]
    pub const fn minus_ms(self, ms: u64) -> Self {
        let difference = self.0.saturating_sub_unsigned(ms);
        if difference < 0 { Self(0) } else { Self(difference) }
    }

    /// Milliseconds from `earlier` to this time; zero when `earlier` is later.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> u64 {
        let difference = self.0.saturating_sub(earlier.0);
        if difference < 0 { 0 } else { difference as u64 }
    }

    /// The calendar date in UTC at this time.
    #[must_use]
    pub fn date(self) -> Date {
        Date(self.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// Parses an RFC 3339 date-time with an offset or a trailing `Z`.
    ///
    /// # Errors
    /// When `text` is no such date-time, or before 1970 or after 9999.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| InvalidTime)?;
        let ms = parsed.as_millisecond();
        if (0..=Self::MAX.0).contains(&ms) { Ok(Self(ms)) } else { Err(InvalidTime) }
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0.clamp(0, Self::MAX.0))
            .expect("a clamped time is within jiff's range")
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-05-02T09:10:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

/// A calendar date, written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(jiff::civil::Date);

impl Date {
    /// Parses `YYYY-MM-DD`, four, two and two digits.
    ///
    /// # Errors
    /// When `text` has another form or names no real day.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| match i {
                4 | 7 => b == b'-',
                _ => b.is_ascii_digit(),
            });
        if !shape {
            return Err(InvalidTime);
        }
        text.parse().map(Self).map_err(|_| InvalidTime)
    }

    /// Its first moment in UTC; 1970 for an earlier day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        let midnight = self.0.to_zoned(jiff::tz::TimeZone::UTC);
        let ms = midnight.map_or(0, |midnight| midnight.timestamp().as_millisecond());
        Timestamp(ms.clamp(0, Timestamp::MAX.0))
    }

    /// The first moment in UTC after it.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.start().plus_ms(24 * 3_600_000)
    }

    /// Year, month from 1, and day.
    pub(crate) fn parts(self) -> (i16, i8, i8) {
        (self.0.year(), self.0.month(), self.0.day())
    }

    /// Days from this date to `on`; negative when `on` is earlier.
    #[must_use]
    pub fn days_until(self, on: Self) -> i64 {
        i64::from(self.0.until(on.0).expect("two dates have days between them").get_days())
    }

    /// Whole years from this date to `on`; negative when `on` is earlier.
    #[must_use]
    pub fn years_until(self, on: Self) -> i32 {
        let years = i32::from(on.0.year()) - i32::from(self.0.year());
        let had_birthday = (on.0.month(), on.0.day()) >= (self.0.month(), self.0.day());
        if had_birthday { years } else { years - 1 }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Date {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The text is no date or date-time that Gangway reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date (YYYY-MM-DD) or date-time (2026-05-02T09:10:00Z)")]
pub struct InvalidTime;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Date {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds_and_z() {
        assert_eq!(Timestamp(1_777_713_000_000).to_string(), "2026-05-02T09:10:00.000Z");
        assert_eq!(Timestamp::parse("2026-05-02T11:10:00+02:00"), Ok(Timestamp(1_777_713_000_000)));
        assert_eq!(Timestamp::parse("2026-05-02"), Err(InvalidTime));
        assert_eq!(Timestamp(i64::MAX).to_string(), "9999-12-30T00:00:00.000Z");
    }

    #[test]
    fn times_stay_within_what_can_be_written_and_none_is_before_another_by_less_than_nothing() {
        let time = Timestamp(1_000);
        assert_eq!(time.plus_ms(u64::MAX), Timestamp::MAX);
        assert_eq!(time.plus_ms(i64::MAX as u64), Timestamp::MAX);
        assert_eq!(time.minus_ms(1_001), Timestamp(0));
        assert_eq!(time.minus_ms(u64::MAX), Timestamp(0));
        assert_eq!(Timestamp::MAX.plus_ms(1), Timestamp::MAX);
        assert_eq!(time.plus_ms(5), Timestamp(1_005));
        assert_eq!(Timestamp(1_005).minus_ms(5), time);
        assert_eq!(Timestamp(1_005).ms_since(time), 5);
        assert_eq!(time.ms_since(Timestamp(1_005)), 0);
    }

    #[test]
    fn a_date_is_stored_as_it_is_written() {
        let day = Date::parse("2026-05-02").unwrap();
        assert_eq!(serde_json::to_string(&day).unwrap(), "\"2026-05-02\"");
        assert_eq!(serde_json::from_str::<Date>("\"2026-05-02\"").unwrap(), day);
        assert!(serde_json::from_str::<Date>("\"2026-5-2\"").is_err());
    }

    #[test]
    fn years_are_counted_by_birthday() {
        let born = Date::parse("2004-02-29").unwrap();
        for (on, years) in
            [("2022-02-28", 17), ("2022-03-01", 18), ("2024-02-29", 20), ("2003-01-01", -2)]
        {
            assert_eq!(born.years_until(Date::parse(on).unwrap()), years, "{on}");
        }
    }

    #[test]
    fn days_are_counted_over_months_and_leap_years() {
        let day = Date::parse("2024-02-28").unwrap();
        for (on, days) in [
            ("2024-02-28", 0),
            ("2024-03-01", 2),
            ("2025-02-28", 366),
            ("2024-02-27", -1),
            ("0001-01-01", -738_943),
            ("9999-12-31", 2_913_115),
        ] {
            assert_eq!(day.days_until(Date::parse(on).unwrap()), days, "{on}");
        }
    }

    #[test]
    fn only_real_days_in_the_one_form_are_dates() {
        for bad in ["2026-02-30", "2026-2-3", "+2026-02-03", "20260203", "2026-02-03T00:00:00", ""]
        {
            assert_eq!(Date::parse(bad), Err(InvalidTime), "{bad}");
        }
    }
}
