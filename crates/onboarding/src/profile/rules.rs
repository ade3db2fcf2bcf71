//! What each kind of text in a profile must look like, and its normal form.
//!
//! Every rule gets a text that is trimmed and not empty; normal forms stay as they are.

use crate::locator::is_email;
use crate::time::{Date, Timestamp};

/// Nobody is known to have grown older than 122.
const AGE_YEARS_MAX: i32 = 130;
/// How many digits a US social security number has.
const SSN_DIGITS: usize = 9;

pub(crate) type Ruled = Result<String, &'static str>;

/// Kept as it was given, as what the provider takes is not known; but it has to be seen, and to
/// read as it is written.
pub(super) fn any(text: &str) -> Ruled {
    if text.chars().any(turns_direction) {
        return Err("must not hold characters that turn the direction of writing");
    }
    if text.chars().all(|c| is_invisible(c) || c.is_whitespace()) {
        return Err("must not be empty; it holds only invisible characters");
    }
    Ok(text.to_owned())
}

/// Embeddings, overrides and isolates: they make a text look like another one.
const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Some scripts need these between letters, but nothing is made of them alone.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}'
    )
}

pub(super) fn date_of_birth(text: &str, today: Date) -> Ruled {
    let born = Date::parse(text).map_err(|_| "must be a day that exists, as YYYY-MM-DD")?;
    if born > today {
        return Err("must not be in the future");
    }
    if born.years_until(today) > AGE_YEARS_MAX {
        return Err("must not be more than 130 years ago");
    }
    Ok(text.to_owned())
}

/// The domain means the same in either case; before it, only the mailbox's owner knows.
pub(super) fn email(text: &str) -> Ruled {
    match text.rsplit_once('@') {
        Some((mailbox, domain)) if is_email(text) => {
            Ok(format!("{mailbox}@{}", domain.to_ascii_lowercase()))
        }
        _ => Err("must be one e-mail address, such as ilse@example.org, and nothing else"),
    }
}

/// A time of verification, kept as it was given, so only in the form that the provider shows.
pub(super) fn verified_at(text: &str, today: Date) -> Ruled {
    let at = Timestamp::parse(text)
        .ok()
        .filter(|_| text.get(10..11) == Some("T") && !text.contains('['));
    let at = at.ok_or("must be a time that exists, such as 2026-05-02T09:10:00Z")?;
    if at.date() > today {
        return Err("must not be in the future");
    }
    Ok(text.to_owned())
}

/// A social security number as `XXX-XX-XXXX`, if the text has the digits of one.
pub(super) fn ssn(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !"- ".contains(*c)).collect();
    let is_ssn = digits.len() == SSN_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_ssn.then(|| format!("{}-{}-{}", &digits[..3], &digits[3..5], &digits[5..]))
}
