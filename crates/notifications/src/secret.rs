//! What signs: a secret that both sides have, or a private key whose public half they have.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use ring::{hmac, signature};
use serde::Deserialize;

/// How many random bytes make a secret.
pub const SECRET_BYTES: usize = 32;

/// A shared secret may have so many bytes: those of others may be shorter or longer than ours.
const SHARED_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

const SHARED: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";

/// What signs. It has no `Debug` that shows it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// HMAC-SHA256 with a secret that the receiver has, too (`v1`).
    Shared(Vec<u8>),
    /// Ed25519: the receiver has the public key alone (`v1a`).
    Private([u8; SECRET_BYTES]),
}

/// How what is sent is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Signature"))]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// By a secret that the receiver has as well.
    #[default]
    Hmac,
    /// By a private key, of which the receiver has the public one.
    Ed25519,
}

/// Some bytes of chance, as they are in an id.
pub(crate) fn drawn(chance: &[u8; SECRET_BYTES], bytes: usize) -> String {
    chance.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// The receiver's half of [`Secret::Private`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(pub(crate) [u8; 32]);

/// Why a text is no secret. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret is whsec_ and 24 to 64 bytes in base64, or whsk_ and 32 bytes in base64; \
     `gangway webhook add` makes one"
)]
pub struct BadSecret;

impl Secret {
    /// A secret made of `chance`, which nobody else may know.
    #[must_use]
    pub fn of(form: Form, chance: [u8; SECRET_BYTES]) -> Self {
        match form {
            Form::Hmac => Self::Shared(chance.to_vec()),
            Form::Ed25519 => Self::Private(chance),
        }
    }

    /// How it signs.
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Self::Shared(_) => Form::Hmac,
            Self::Private(_) => Form::Ed25519,
        }
    }

    /// The secret as it is stored, and as the receiver of a shared one gets it.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Shared(bytes) => format!("{SHARED}{}", STANDARD.encode(bytes)),
            Self::Private(seed) => format!("{PRIVATE}{}", STANDARD.encode(seed)),
        }
    }

    /// What the receiver has to know to verify: the secret itself, or the public key.
    #[must_use]
    pub fn for_receiver(&self) -> String {
        match self {
            Self::Shared(_) => self.to_text(),
            Self::Private(seed) => public_key(seed).to_string(),
        }
    }

    /// The signature of `content`, with its version before it.
    pub(crate) fn sign(&self, content: &[u8]) -> String {
        match self {
            Self::Shared(bytes) => {
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), content);
                format!("v1,{}", STANDARD.encode(tag))
            }
            Self::Private(seed) => {
                format!("v1a,{}", STANDARD.encode(key_pair(seed).sign(content)))
            }
        }
    }
}

fn key_pair(seed: &[u8; SECRET_BYTES]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are a seed")
}

fn public_key(seed: &[u8; SECRET_BYTES]) -> PublicKey {
    let pair = key_pair(seed);
    PublicKey(pair.public_key().as_ref().try_into().expect("a public key has 32 bytes"))
}

/// Whether `mac` is that of `content`, found out in a time that tells nothing.
pub(crate) fn is_shared_signature(secret: &[u8], content: &[u8], mac: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), content, mac).is_ok()
}

impl PublicKey {
    pub(crate) fn is_signature(self, content: &[u8], signed: &[u8]) -> bool {
        let key = signature::UnparsedPublicKey::new(&signature::ED25519, self.0);
        key.verify(content, signed).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", STANDARD.encode(self.0))
    }
}

impl FromStr for Secret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        if let Some(encoded) = text.strip_prefix(SHARED) {
            let bytes = STANDARD.decode(encoded).map_err(|_| BadSecret)?;
            return SHARED_BYTES
                .contains(&bytes.len())
                .then_some(Self::Shared(bytes))
                .ok_or(BadSecret);
        }
        let encoded = text.strip_prefix(PRIVATE).ok_or(BadSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| BadSecret)?;
        bytes.try_into().map(Self::Private).map_err(|_| BadSecret)
    }
}

impl FromStr for PublicKey {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.strip_prefix(PUBLIC).ok_or(BadSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| BadSecret)?;
        bytes.try_into().map(Self).map_err(|_| BadSecret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_reads_back_and_does_not_show_itself() {
        for secret in [Secret::Shared(vec![7; 24]), Secret::Private([9; 32])] {
            assert_eq!(secret.to_text().parse(), Ok(secret.clone()));
            assert_eq!(format!("{secret:?}"), "Secret(***)");
        }
        let private = Secret::Private([9; 32]);
        let public: PublicKey = private.for_receiver().parse().unwrap();
        assert_eq!(public.to_string(), private.for_receiver());
        assert!(!private.for_receiver().contains(&private.to_text()[PRIVATE.len()..]));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let short = format!("whsec_{}", STANDARD.encode([1; 23]));
        let long = format!("whsec_{}", STANDARD.encode([1; 65]));
        let seed = format!("whsk_{}", STANDARD.encode([1; 31]));
        for text in ["", "secret", "whsec_", "whsec_***", "whsk_", &short, &long, &seed] {
            assert_eq!(text.parse::<Secret>(), Err(BadSecret), "{text}");
        }
    }
}
