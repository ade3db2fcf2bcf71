//! How a user is named towards the provider.

use std::fmt;
use std::str::FromStr;

/// A Crossmint user locator: `userId:johnd-123`, `email:ilse@example.org`.
///
/// Split at the first colon; the value may hold more of them. An e-mail address
/// is folded to lower case and `x:` to `twitter:`, which the provider takes for the
/// same, so that one person keeps one name. A locator may be
/// personal data itself, so it has no `Debug` that shows its value.
/// Source: Crossmint's wallet and user references.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserLocator {
    kind: LocatorKind,
    text: String,
}

/// The kinds of locator that a server key may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocatorKind {
    /// The company's own id of the user, any string.
    UserId,
    /// An e-mail address.
    Email,
    /// A phone number in E.164 form, with `+`.
    PhoneNumber,
    /// A Twitter handle; `x:` is read as one.
    Twitter,
}

impl LocatorKind {
    /// Every kind, in the order in which help texts name them.
    pub const ALL: [Self; 4] = [Self::UserId, Self::Email, Self::PhoneNumber, Self::Twitter];

    /// The word before the colon.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserId => "userId",
            Self::Email => "email",
            Self::PhoneNumber => "phoneNumber",
            Self::Twitter => "twitter",
        }
    }
}

/// What the provider takes for `twitter`.
const TWITTER_ALIAS: &str = "x";

/// The longest locator that is taken, in bytes.
pub const LOCATOR_BYTES_MAX: usize = 320;

impl UserLocator {
    /// The kind, which is no personal data and may be logged.
    #[must_use]
    pub const fn kind(&self) -> LocatorKind {
        self.kind
    }

    /// The whole locator, as it goes into a JSON body.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is an id of the company's own, by which nobody else can tell the person: a
    /// `userId` that is no mail address and no phone number.
    #[must_use]
    pub fn is_own_id(&self) -> bool {
        let value = self.value();
        self.kind == LocatorKind::UserId && !is_email(value) && !is_e164(value)
    }

    /// What follows the first colon.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.text[self.kind.as_str().len() + 1..]
    }
}

impl fmt::Debug for UserLocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserLocator({}:…)", self.kind.as_str())
    }
}

impl fmt::Display for UserLocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for UserLocator {
    type Err = InvalidLocator;

    fn from_str(text: &str) -> Result<Self, InvalidLocator> {
        let (kind, value) = text.split_once(':').ok_or(InvalidLocator::NoKind)?;
        let kind = if kind == TWITTER_ALIAS { LocatorKind::Twitter.as_str() } else { kind };
        let kind = LocatorKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or(InvalidLocator::UnknownKind)?;
        if value.is_empty() {
            return Err(InvalidLocator::NoValue);
        }
        // Folded first, as some letters are longer, or no part of an address, in lower case.
        let value = match kind {
            LocatorKind::Email => value.to_lowercase(),
            LocatorKind::UserId | LocatorKind::PhoneNumber | LocatorKind::Twitter => {
                value.to_owned()
            }
        };
        let text = format!("{}:{value}", kind.as_str());
        if text.len() > LOCATOR_BYTES_MAX {
            return Err(InvalidLocator::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidLocator::ControlCharacter);
        }
        if value.trim() != value {
            return Err(InvalidLocator::SurroundingSpace);
        }
        match kind {
            LocatorKind::Email if !is_email(&value) => Err(InvalidLocator::Email),
            LocatorKind::PhoneNumber if !is_e164(&value) => Err(InvalidLocator::PhoneNumber),
            LocatorKind::Email
            | LocatorKind::UserId
            | LocatorKind::PhoneNumber
            | LocatorKind::Twitter => Ok(Self { kind, text }),
        }
    }
}

/// Whether `text` is one e-mail address with a top-level domain, and nothing else.
#[must_use]
pub(crate) fn is_email(text: &str) -> bool {
    let options = email_address::Options::default()
        .without_display_text()
        .without_domain_literal()
        .with_required_tld();
    email_address::EmailAddress::parse_with_options(text, options).is_ok()
}

/// Whether `text` is a phone number in E.164 form: `+`, then 7 to 15 digits, the first not 0.
#[must_use]
pub(crate) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

/// Why a text is no user locator. The texts never repeat the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocator {
    /// There is no colon.
    #[error("a user locator is KIND:VALUE, for example userId:johnd-123")]
    NoKind,
    /// The word before the colon is unknown.
    #[error(
        "the kind before the colon must be userId, email, phoneNumber, twitter or x (exactly so)"
    )]
    UnknownKind,
    /// Nothing follows the colon.
    #[error("nothing follows the colon; write for example userId:johnd-123")]
    NoValue,
    /// Longer than [`LOCATOR_BYTES_MAX`].
    #[error("a user locator has at most {LOCATOR_BYTES_MAX} bytes")]
    TooLong,
    /// It holds a control character.
    #[error("a user locator can't hold control characters")]
    ControlCharacter,
    /// Space before or after the value.
    #[error("remove the space around the value of the locator")]
    SurroundingSpace,
    /// No e-mail address.
    #[error("what follows `email:` is not an e-mail address")]
    Email,
    /// No phone number.
    #[error("what follows `phoneNumber:` must be in E.164 form: + and 7 to 15 digits")]
    PhoneNumber,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locators_split_at_the_first_colon_and_fold_mail_addresses() {
        for (text, kind, value) in [
            ("userId:johnd-123", LocatorKind::UserId, "johnd-123"),
            ("userId:did:key:z6Mk", LocatorKind::UserId, "did:key:z6Mk"),
            ("email:Ilse+a@Example.org", LocatorKind::Email, "ilse+a@example.org"),
            ("phoneNumber:+4930111222", LocatorKind::PhoneNumber, "+4930111222"),
            ("phoneNumber:+1234567", LocatorKind::PhoneNumber, "+1234567"),
            ("phoneNumber:+123456789012345", LocatorKind::PhoneNumber, "+123456789012345"),
            ("twitter:handle", LocatorKind::Twitter, "handle"),
        ] {
            let locator: UserLocator = text.parse().unwrap();
            assert_eq!((locator.kind(), locator.value()), (kind, value), "{text}");
            assert_eq!(locator.to_string(), locator.as_str());
        }
        let longest = format!("userId:{}", "a".repeat(LOCATOR_BYTES_MAX - "userId:".len()));
        assert!(longest.parse::<UserLocator>().is_ok());
    }

    #[test]
    fn one_handle_is_one_user_under_either_name_of_its_kind() {
        let locator: UserLocator = "x:handle".parse().unwrap();
        assert_eq!(locator.as_str(), "twitter:handle");
        assert_eq!(locator, "twitter:handle".parse().unwrap());
    }

    #[test]
    fn bad_locators_are_refused_with_their_reason() {
        use InvalidLocator as E;
        let long = format!("userId:{}", "a".repeat(LOCATOR_BYTES_MAX + 1 - "userId:".len()));
        for (text, error) in [
            ("", E::NoKind),
            ("me", E::NoKind),
            ("UserId:a", E::UnknownKind),
            ("wallet:a", E::UnknownKind),
            ("userId:", E::NoValue),
            ("userId:a\nb", E::ControlCharacter),
            ("userId: a", E::SurroundingSpace),
            ("email:nobody", E::Email),
            ("email:Ilse <ilse@example.org>", E::Email),
            ("email:ilse@localhost", E::Email),
            // In lower case it is no address, so that it could not be read again.
            ("email:İlse@example.org", E::Email),
            ("phoneNumber:030111222", E::PhoneNumber),
            ("phoneNumber:+030111222", E::PhoneNumber),
            ("phoneNumber:+49 30111222", E::PhoneNumber),
            ("phoneNumber:+123456", E::PhoneNumber),
            ("phoneNumber:+1234567890123456", E::PhoneNumber),
            (&*long, E::TooLong),
        ] {
            assert_eq!(text.parse::<UserLocator>().err(), Some(error), "{text}");
        }
    }

    #[test]
    fn an_own_id_tells_nobody_who_the_person_is() {
        for (text, is_own) in [
            ("userId:johnd-123", true),
            ("userId:49301112222", true),
            ("userId:ilse@example.org", false),
            ("userId:+49301112222", false),
            ("email:ilse@example.org", false),
            ("phoneNumber:+49301112222", false),
            ("x:handle", false),
        ] {
            assert_eq!(text.parse::<UserLocator>().unwrap().is_own_id(), is_own, "{text}");
        }
    }

    #[test]
    fn debug_hides_the_value() {
        let locator: UserLocator = "email:canary@example.org".parse().unwrap();
        assert_eq!(format!("{locator:?}"), "UserLocator(email:…)");
    }
}
