//! The headers of Standard Webhooks: made for what is sent, and checked as a receiver does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::{self, PublicKey, Secret};

/// A message that is older or newer by more seconds than this is refused: it may be one that
/// was caught on its way and is sent again by someone else.
pub const TOLERANCE_S: i64 = 300;

/// The three headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// `webhook-id`: the same however often it is sent.
    pub id: String,
    /// `webhook-timestamp`: when it is sent, in seconds since 1970.
    pub timestamp: String,
    /// `webhook-signature`: one for each secret, with a space between.
    pub signature: String,
}

/// The headers for `body`, sent at `now_s` and signed by every secret.
#[must_use]
pub fn sign(secrets: &[Secret], id: &str, now_s: i64, body: &[u8]) -> Headers {
    let timestamp = now_s.to_string();
    let content = content(id, &timestamp, body);
    let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(&content)).collect();
    Headers { id: id.to_owned(), timestamp, signature: signatures.join(" ") }
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

/// What a receiver knows.
#[derive(Clone, Debug)]
pub enum Verifier {
    /// The shared secret.
    Shared(Vec<u8>),
    /// The public key.
    Public(PublicKey),
}

/// Why a message is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// The time is none.
    #[error("webhook-timestamp is not a number of seconds")]
    NoTime,
    /// It was sent too long ago, or is of the future.
    #[error("webhook-timestamp is too far from now")]
    WrongTime,
    /// No signature fits.
    #[error("no signature of webhook-signature fits")]
    NoSignature,
}

impl Verifier {
    /// Checks that `body` came from whoever has the secret, about now.
    ///
    /// # Errors
    /// When it is not to be believed.
    pub fn verify(&self, headers: &Headers, body: &[u8], now_s: i64) -> Result<(), Unverified> {
        let sent_s: i64 = headers.timestamp.parse().map_err(|_| Unverified::NoTime)?;
        if now_s.abs_diff(sent_s) > TOLERANCE_S.unsigned_abs() {
            return Err(Unverified::WrongTime);
        }
        let content = content(&headers.id, &headers.timestamp, body);
        let fits = headers.signature.split(' ').any(|signature| self.fits(signature, &content));
        fits.then_some(()).ok_or(Unverified::NoSignature)
    }

    fn fits(&self, signature: &str, content: &[u8]) -> bool {
        let Some((version, encoded)) = signature.split_once(',') else { return false };
        let Ok(signed) = STANDARD.decode(encoded) else { return false };
        match self {
            Self::Shared(bytes) => {
                version == "v1" && secret::is_shared_signature(bytes, content, &signed)
            }
            Self::Public(key) => version == "v1a" && key.is_signature(content, &signed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const NOW_S: i64 = 1_614_265_330;

    fn shared(text: &str) -> Verifier {
        let Ok(Secret::Shared(bytes)) = text.parse() else { panic!("it is a shared secret") };
        Verifier::Shared(bytes)
    }

    /// The vector of the reference libraries.
    #[test]
    fn the_reference_vector_is_signed_alike_and_verified() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let headers = sign(&[secret.parse().unwrap()], id, NOW_S, BODY);
        assert_eq!(headers.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(shared(secret).verify(&headers, BODY, NOW_S), Ok(()));
    }

    #[test]
    fn each_secret_of_a_rotation_verifies_and_another_does_not() {
        let (old, new) = (Secret::Shared(vec![1; 32]), Secret::Private([2; 32]));
        let headers = sign(&[new.clone(), old], "evt_1", NOW_S, BODY);
        let public = |secret: &Secret| {
            Verifier::Public(secret.for_receiver().parse().expect("it is a public key"))
        };
        for (verifier, expected) in [
            (Verifier::Shared(vec![1; 32]), Ok(())),
            (public(&new), Ok(())),
            (Verifier::Shared(vec![3; 32]), Err(Unverified::NoSignature)),
            (public(&Secret::Private([3; 32])), Err(Unverified::NoSignature)),
        ] {
            assert_eq!(verifier.verify(&headers, BODY, NOW_S), expected);
            assert_eq!(verifier.verify(&headers, b"{}", NOW_S), Err(Unverified::NoSignature));
        }
    }

    #[test]
    fn what_is_old_or_of_the_future_or_bent_is_refused() {
        let verifier = Verifier::Shared(vec![1; 32]);
        let headers = sign(&[Secret::Shared(vec![1; 32])], "evt_1", NOW_S, BODY);
        for (now_s, expected) in [
            (NOW_S + TOLERANCE_S, Ok(())),
            (NOW_S - TOLERANCE_S, Ok(())),
            (NOW_S + TOLERANCE_S + 1, Err(Unverified::WrongTime)),
            (NOW_S - TOLERANCE_S - 1, Err(Unverified::WrongTime)),
        ] {
            assert_eq!(verifier.verify(&headers, BODY, now_s), expected, "{now_s}");
        }
        let no_time = Headers { timestamp: "soon".into(), ..headers.clone() };
        assert_eq!(verifier.verify(&no_time, BODY, NOW_S), Err(Unverified::NoTime));
        let other_id = Headers { id: "evt_2".into(), ..headers.clone() };
        assert_eq!(verifier.verify(&other_id, BODY, NOW_S), Err(Unverified::NoSignature));
        for signature in ["", "v1", "v1,", "v1,***", "v2,AAAA", "v1a,AAAA"] {
            let bent = Headers { signature: signature.into(), ..headers.clone() };
            assert_eq!(verifier.verify(&bent, BODY, NOW_S), Err(Unverified::NoSignature));
        }
    }
}
