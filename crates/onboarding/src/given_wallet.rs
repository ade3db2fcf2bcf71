//! A wallet as a person gives it, and as whoever may see personal data is shown it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::json::{self, Fields};
use crate::names;
use crate::problem::{Checked, Problems};
use crate::status::WalletView;
use crate::wallet::{Ownership, Wallet, WalletNumber, WalletWord};

/// The longest proof, as JSON, in bytes.
pub const PROOF_BYTES_MAX: usize = 16 * 1024;
/// The fewest and the most characters of an address.
const ADDRESS_CHARS: std::ops::RangeInclusive<usize> = 8..=128;
/// The most characters of a chain's name.
const CHAIN_CHARS_MAX: usize = 64;
const NAMES: [&str; 3] = ["address", "chain", "proof"];

/// A wallet that is to be linked to a user. It is personal data: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenWallet {
    /// Its address.
    pub address: String,
    /// Its chain, such as `base`.
    pub chain: String,
    /// What shows that the user owns it, in whatever form the provider's challenge asks for.
    pub proof: Option<Value>,
}

impl GivenWallet {
    /// Reads a body without the address, which stands in a path.
    ///
    /// # Errors
    /// Every problem at once, none of which repeats what was given.
    pub fn parse(address: &str, body: &[u8]) -> Result<Checked<Self>, Problems> {
        let mut problems = Problems::default();
        match json::parse(body, &mut problems) {
            None => Err(problems),
            Some(Value::Object(mut wallet)) => {
                if wallet.insert("address".to_owned(), address.into()).is_some() {
                    problems.error("/address", "stands in the path; leave it out here");
                }
                Self::checked(wallet, problems)
            }
            Some(_) => {
                problems.error("", "must be a JSON object");
                Err(problems)
            }
        }
    }

    /// Reads one from its parts. A proof that is no JSON is taken for a text, such as a signature.
    ///
    /// # Errors
    /// Every problem at once, none of which repeats what was given.
    pub fn of_parts(
        address: &str,
        chain: &str,
        proof: Option<&[u8]>,
    ) -> Result<Checked<Self>, Problems> {
        let mut problems = Problems::default();
        let mut wallet = Map::new();
        wallet.insert("address".to_owned(), address.into());
        wallet.insert("chain".to_owned(), chain.into());
        if let Some(bytes) = proof {
            match std::str::from_utf8(bytes) {
                Ok(text) => {
                    let proof = serde_json::from_str(text);
                    let proof = proof.unwrap_or_else(|_| Value::from(text.trim()));
                    wallet.insert("proof".to_owned(), proof);
                }
                Err(_) => problems.error("/proof", "must be JSON or plain text, in UTF-8"),
            }
        }
        Self::checked(wallet, problems)
    }

    fn checked(
        wallet: Map<String, Value>,
        mut problems: Problems,
    ) -> Result<Checked<Self>, Problems> {
        let wallet = Value::Object(wallet);
        names::check_object(&wallet, "", &NAMES, &mut problems);
        let fields = Fields::of(&wallet, String::new(), &mut problems);
        match fields.and_then(|mut fields| Self::read(&mut fields)) {
            Some(given) => problems.checked(given),
            None => Err(problems),
        }
    }

    /// Reads one, with its address, from an object.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let address = fields.required("address", address);
        let chain = fields.required("chain", chain);
        let proof = fields.any("proof").cloned();
        let is_too_long = |proof: &Value| proof.to_string().len() > PROOF_BYTES_MAX;
        if proof.as_ref().is_some_and(is_too_long) {
            fields.error("proof", "must be at most 16 KiB of JSON");
        }
        Some(Self { address: address?, chain: chain?, proof })
    }

    /// Reads a list of them. One address stands in it once.
    pub(crate) fn read_list(fields: &mut Fields<'_>, name: &str) -> Option<Vec<Self>> {
        let given = fields.objects(name, &NAMES, Self::read)?;
        for (index, wallet) in given.iter().enumerate() {
            if given[..index].iter().any(|before| before.is_of(&wallet.address)) {
                let message = "is there twice; keep one of them";
                fields.problems().error(format!("/{name}/{index}/address"), message);
            }
        }
        Some(given)
    }

    /// Whether this is its address. Those that are hexadecimal may be written in either case.
    #[must_use]
    pub fn is_of(&self, address: &str) -> bool {
        is_same(&self.address, address)
    }

    /// Whether `given` says nothing new of it. What says less says the same.
    #[must_use]
    pub fn covers(&self, given: &Self) -> bool {
        self.is_of(&given.address)
            && self.chain == given.chain
            && (given.proof.is_none() || given.proof == self.proof)
    }
}

fn is_same(one: &str, other: &str) -> bool {
    let are_hexadecimal = one.starts_with("0x") && other.starts_with("0x");
    one == other || (are_hexadecimal && one.eq_ignore_ascii_case(other))
}

fn address(text: &str) -> Result<String, &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !ADDRESS_CHARS.contains(&text.len()) || !text.bytes().all(is_plain) {
        return Err("must be a wallet's address: 8 to 128 letters and digits");
    }
    let digits = text.strip_prefix("0x");
    if digits.is_some_and(|digits| !digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err("must have only hexadecimal digits after 0x");
    }
    Ok(text.to_owned())
}

fn chain(text: &str) -> Result<String, &'static str> {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.len() > CHAIN_CHARS_MAX || !text.bytes().all(is_word) {
        return Err(
            "must be a chain's name in lower-case letters, digits and dashes, such as base",
        );
    }
    Ok(text.to_owned())
}

/// A wallet that is held, in the form in which the provider shows one, and with what is known of
/// it here. It is personal data: it has no `Debug`.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LinkedWallet {
    /// Its address.
    pub address: String,
    /// Its chain.
    pub chain: String,
    /// Always `external-wallet`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether the user has shown to own it.
    pub ownership: OwnershipView,
    /// What is known of it here.
    #[serde(flatten)]
    pub known: WalletView,
}

/// Whether the user has shown to own a wallet.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OwnershipView {
    /// Whether the provider says so.
    pub verified: bool,
    /// What the user has to sign, in the provider's own form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_challenge: Option<Value>,
}

impl LinkedWallet {
    /// The view of a wallet with its address and chain, and the challenge if there is one.
    #[must_use]
    pub fn of(
        number: WalletNumber,
        wallet: &Wallet,
        given: &GivenWallet,
        challenge: Option<&Value>,
    ) -> Self {
        let is_asked = wallet.word == Some(WalletWord::Linked(Ownership::ToProve));
        Self {
            address: given.address.clone(),
            chain: given.chain.clone(),
            kind: "external-wallet",
            ownership: OwnershipView {
                verified: wallet.word == Some(WalletWord::Linked(Ownership::Verified)),
                verification_challenge: challenge.filter(|_| is_asked).cloned(),
            },
            known: WalletView::of(number, wallet),
        }
    }

    /// Whether this is its address, as [`GivenWallet::is_of`] knows it again.
    #[must_use]
    pub fn is_of(&self, address: &str) -> bool {
        is_same(&self.address, address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Revision;

    const ADDRESS: &str = "0x52908400098527886E0F7030069857D2E4169EE7";

    fn parts(address: &str, chain: &str, proof: Option<&str>) -> Result<GivenWallet, String> {
        let given = GivenWallet::of_parts(address, chain, proof.map(str::as_bytes));
        given.map(|checked| checked.value).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_proof_is_json_or_a_text() {
        let proof = |text| parts(ADDRESS, "base", Some(text)).ok().unwrap().proof.unwrap();
        assert_eq!(proof("0xabc\n"), "0xabc");
        assert_eq!(proof("\"0xabc\""), "0xabc");
        assert_eq!(proof(r#"{"signature":"0xabc"}"#)["signature"], "0xabc");
        assert!(parts(ADDRESS, "base", None).ok().unwrap().proof.is_none());
    }

    #[test]
    fn a_challenge_is_shown_while_it_is_to_be_met() {
        let given = parts(ADDRESS, "base", None).ok().unwrap();
        let challenge = Value::from("sign this");
        for (ownership, is_verified, is_shown) in [
            (Ownership::Verified, true, false),
            (Ownership::ToProve, false, true),
            (Ownership::Unverified, false, false),
        ] {
            let wallet = Wallet {
                revision: Revision(1),
                acknowledged: Some(Revision(1)),
                word: Some(WalletWord::Linked(ownership)),
                retry: None,
                last_error: None,
                task: None,
            };
            let view = LinkedWallet::of(WalletNumber(1), &wallet, &given, Some(&challenge));
            let shown = view.ownership.verification_challenge.is_some();
            assert_eq!((view.ownership.verified, shown), (is_verified, is_shown), "{ownership:?}");
            assert!(view.is_of(&ADDRESS.to_lowercase()) && !view.is_of("0x00000000"));
        }
    }

    #[test]
    fn an_address_and_a_chain_have_their_limits() {
        for (chars, is_good) in [(7, false), (8, true), (128, true), (129, false)] {
            assert_eq!(parts(&"a".repeat(chars), "base", None).is_ok(), is_good, "{chars}");
        }
        for (chars, is_good) in [(CHAIN_CHARS_MAX, true), (CHAIN_CHARS_MAX + 1, false)] {
            assert_eq!(parts(ADDRESS, &"a".repeat(chars), None).is_ok(), is_good, "{chars}");
        }
        assert!(
            parts("abc_def-1", "base", None).is_ok() && parts("abc def g", "base", None).is_err()
        );
        assert!(parts(ADDRESS, "base-sepolia", None).is_ok());
        assert!(parts(ADDRESS, "Base", None).is_err());
    }

    #[test]
    fn a_proof_has_its_limit() {
        let proof = |bytes: usize| format!("\"{}\"", "z".repeat(bytes - 2));
        assert!(parts(ADDRESS, "base", Some(&proof(16 * 1024))).is_ok());
        assert!(parts(ADDRESS, "base", Some(&proof(16 * 1024 + 1))).is_err());
    }

    #[test]
    fn what_is_no_wallet_is_refused_and_not_repeated() {
        let long = format!("\"{}\"", "z".repeat(PROOF_BYTES_MAX));
        for (address, chain, proof, place) in [
            ("../users", "base", None, "/address"),
            ("0x12", "base", None, "/address"),
            ("0xCANARYNOTHEX", "base", None, "/address"),
            ("CANARY address", "base", None, "/address"),
            (ADDRESS, "CANARY Chain", None, "/chain"),
            (ADDRESS, "", None, "/chain"),
            (ADDRESS, "base", Some("null"), "/proof"),
            (ADDRESS, "base", Some(long.as_str()), "/proof"),
        ] {
            let problems = parts(address, chain, proof).err().unwrap();
            assert!(problems.starts_with(&format!("error at {place}: ")), "{problems}");
            assert!(!problems.contains("CANARY") && !problems.contains("zzz"), "{problems}");
        }
    }

    #[test]
    fn a_body_has_a_chain_and_perhaps_a_proof_and_nothing_else() {
        let parse = |body: &str| {
            let given = GivenWallet::parse(ADDRESS, body.as_bytes());
            given.map(|checked| checked.value).map_err(|problems| problems.to_string())
        };
        let given = parse(r#"{"chain":"base","proof":{"signature":"0xabc"}}"#).ok().unwrap();
        assert_eq!((given.address.as_str(), given.chain.as_str()), (ADDRESS, "base"));
        for (body, expected) in [
            (
                r#"{"chain":"base","chian":1}"#,
                "error at /chian: a field that Gangway does not know; did you mean `chain`?",
            ),
            (
                r#"{"address":"0x1234567","chain":"base"}"#,
                "error at /address: stands in the path; leave it out here",
            ),
            ("{}", "error at /chain: is missing; it is required here"),
            ("[]", "error: must be a JSON object"),
        ] {
            assert_eq!(parse(body).err().as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_says_less_of_one_wallet_says_the_same() {
        let held = parts(ADDRESS, "base", Some("0xabc")).ok().unwrap();
        for (address, chain, proof, is_known) in [
            (ADDRESS, "base", None, true),
            (ADDRESS, "base", Some("0xabc"), true),
            (&*ADDRESS.to_lowercase(), "base", None, true),
            (ADDRESS, "base", Some("0xdef"), false),
            (ADDRESS, "polygon", None, false),
            ("0x0000000000000000000000000000000000000000", "base", None, false),
        ] {
            let given = parts(address, chain, proof).ok().unwrap();
            assert_eq!(held.covers(&given), is_known, "{address} {chain} {proof:?}");
        }
        let solana = parts("So1anaAddressxxxxxxxx", "solana", None).ok().unwrap();
        assert!(!solana.is_of("so1anaaddressxxxxxxxx"), "base58 has two cases");
        assert!(!solana.is_of("0x1anaaddressxxxxxxxx") && !held.is_of("So1anaAddressxxxxxxxx"));
        let of_base58 = parts("0X1anaAddressxxxxxxxx", "solana", None).ok().unwrap();
        assert!(!of_base58.is_of("0x1anaaddressxxxxxxxx"), "only one of the two is hexadecimal");
    }
}
