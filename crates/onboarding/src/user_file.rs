//! The file that describes a user: the body that the provider's page shows, with keys of our
//! own for the wanted products, for what the user accepted and for the user's wallets.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::consent::{Evidence, GivenConsent, LegalText};
use crate::given_wallet::GivenWallet;
use crate::json::{self, Fields};
use crate::merge_patch::merge_patch;
use crate::names::{self, SECTIONS};
use crate::problem::{Checked, Problems};
use crate::product::Product;
use crate::profile::{Profile, read_profile};
use crate::shown::Region;
use crate::time::Timestamp;

const WANTED_PRODUCTS: &str = "wantedProducts";
const ACCEPTED_AT: &str = "privacyPolicyAcceptedAt";
const PRIVACY_POLICY: &str = "privacyPolicyConsent";
const TERMS_OF_SERVICE: &str = "termsOfServiceConsent";
const LINKED_WALLETS: &str = "linkedWallets";
const VERIFY: &str = "verify";
const OUR_OWN: [&str; 6] =
    [WANTED_PRODUCTS, ACCEPTED_AT, PRIVACY_POLICY, TERMS_OF_SERVICE, LINKED_WALLETS, VERIFY];
/// The fewest and the most digits of a hash that is taken: SHA-1's are too few.
const HASH_DIGITS: std::ops::RangeInclusive<usize> = 64..=128;

/// What a user's file, or a patch of it, says. It is personal data: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct UserFile {
    /// The whole profile after the file or patch; `None` if it names no section.
    pub profile: Option<Profile>,
    /// The products that the user is to be onboarded for, if it says so.
    pub wanted_products: Option<BTreeSet<Product>>,
    /// What the user accepted of the provider's legal texts, as far as it says so.
    pub consents: Vec<GivenConsent>,
    /// Wallets of the user's to be linked; one that it does not name stays as it is.
    pub wallets: Vec<GivenWallet>,
    /// Whether it asks for verification, too.
    pub verify: bool,
}

impl UserFile {
    /// Reads a whole user: the profile replaces what is held.
    ///
    /// # Errors
    /// Every problem at once, if any of them is an error.
    pub fn parse(bytes: &[u8], now: Timestamp) -> Result<Checked<Self>, Problems> {
        let mut problems = Problems::default();
        let Some(file) = json::parse(bytes, &mut problems) else { return Err(problems) };
        names::check(&file, &OUR_OWN, &mut problems);
        let user = read(&file, &file, now, &mut problems);
        problems.checked(user)
    }

    /// Reads a merge patch (RFC 7396) and merges it into the profile that is held.
    /// Problems point into what the merge gives.
    ///
    /// # Errors
    /// Every problem at once, if any of them is an error.
    pub fn parse_patch(
        bytes: &[u8],
        current: Option<&Profile>,
        now: Timestamp,
    ) -> Result<Checked<Self>, Problems> {
        let mut problems = Problems::default();
        let Some(patch) = json::parse(bytes, &mut problems) else { return Err(problems) };
        // Merging takes removals out, so names and nulls are checked before it.
        names::check(&patch, &OUR_OWN, &mut problems);
        check_removals(&patch, &mut problems);
        let held = current.map_or_else(|| Value::Object(serde_json::Map::new()), Profile::to_value);
        let user = read(&merge_patch(&held, &patch), &patch, now, &mut problems);
        problems.checked(user)
    }
}

fn check_removals(patch: &Value, problems: &mut Problems) {
    const KEPT: &str = "must not be null; a consent that was given can't be taken out of a user";
    for (name, message) in [
        (WANTED_PRODUCTS, "must not be null; list the wanted products"),
        (VERIFY, "must be true or false"),
        (ACCEPTED_AT, KEPT),
        (PRIVACY_POLICY, KEPT),
        (TERMS_OF_SERVICE, KEPT),
        (LINKED_WALLETS, "must not be null; a wallet that was given can't be taken out so"),
    ] {
        if patch.get(name).is_some_and(Value::is_null) {
            problems.error(format!("/{name}"), message);
        }
    }
}

/// Reads the `whole` user, of which `given` is what the person wrote.
fn read(whole: &Value, given: &Value, now: Timestamp, problems: &mut Problems) -> UserFile {
    let names_section = |value: &Value| SECTIONS.iter().any(|name| value.get(name).is_some());
    if given.as_object().is_some_and(serde_json::Map::is_empty) {
        problems.error("", "must not be empty; give a section, such as userDetails");
    }
    if names_section(given) && !names_section(whole) {
        problems.error("", "must keep at least one section of the profile");
    }
    let mut user = UserFile {
        profile: None,
        wanted_products: None,
        consents: Vec::new(),
        wallets: Vec::new(),
        verify: false,
    };
    if let Some(mut fields) = Fields::of(whole, String::new(), problems) {
        user.profile = names_section(given).then(|| read_profile(&mut fields, now.date()));
        user.wanted_products = wanted(&mut fields);
        user.consents = consents(&mut fields, now);
        user.wallets = GivenWallet::read_list(&mut fields, LINKED_WALLETS).unwrap_or_default();
        user.verify = fields.switch(VERIFY).unwrap_or(false);
    }
    user
}

fn wanted(fields: &mut Fields<'_>) -> Option<BTreeSet<Product>> {
    const NO_WORD: &str = "must be a word of lower-case letters, digits and dashes, such as onramp";
    let product = |text: &str| Product::from_word(text).ok_or(NO_WORD);
    let products = fields.list(WANTED_PRODUCTS, product)?;
    if products.is_empty() {
        fields.error(WANTED_PRODUCTS, "must not be empty; leave it out for the configured ones");
    }
    let known: Vec<&str> = Product::KNOWN.iter().map(Product::as_str).collect();
    for (index, product) in products.iter().enumerate() {
        if let Product::Other(word) = product {
            let message = names::unknown("the provider may not know this product", word, &known);
            fields.problems().warn(format!("/{WANTED_PRODUCTS}/{index}"), message);
        }
    }
    Some(BTreeSet::from_iter(products))
}

/// The short form of the privacy policy's, and the long form of each.
fn consents(fields: &mut Fields<'_>, now: Timestamp) -> Vec<GivenConsent> {
    let short = fields.optional(ACCEPTED_AT, |text| time_of_acceptance(text, now));
    let mut given = Vec::new();
    for (name, text) in
        [(PRIVACY_POLICY, LegalText::PrivacyPolicy), (TERMS_OF_SERVICE, LegalText::TermsOfService)]
    {
        given.extend(fields.object(name).and_then(|mut fields| consent(&mut fields, text, now)));
    }
    let long = given.iter().find(|given| given.text == LegalText::PrivacyPolicy);
    match (short, long.map(|long| long.accepted_at)) {
        (Some(short), Some(long)) if short != long => {
            fields.error(ACCEPTED_AT, "must be the time of privacyPolicyConsent; give one of them");
        }
        (Some(accepted_at), None) => given.push(GivenConsent {
            text: LegalText::PrivacyPolicy,
            accepted_at,
            region: None,
            evidence: Evidence::default(),
        }),
        (Some(_) | None, Some(_)) | (None, None) => {}
    }
    given
}

fn consent(fields: &mut Fields<'_>, text: LegalText, now: Timestamp) -> Option<GivenConsent> {
    let accepted_at = fields.required("acceptedAt", |text| time_of_acceptance(text, now));
    let region = match text {
        LegalText::PrivacyPolicy => Some(None),
        LegalText::TermsOfService => fields.required("region", region).map(Some),
    };
    let evidence = Evidence {
        text_version: fields.optional("textVersion", |text| Ok(text.to_owned())),
        text_hash: fields.optional("textHash", hash),
        language: fields.optional("language", language),
        method: fields.optional("method", |text| Ok(text.to_owned())),
    };
    Some(GivenConsent { text, accepted_at: accepted_at?, region: region?, evidence })
}

fn time_of_acceptance(text: &str, now: Timestamp) -> Result<Timestamp, &'static str> {
    let accepted_at = Timestamp::parse(text)
        .map_err(|_| "must be a time that exists, such as 2026-05-02T09:10:00Z")?;
    if accepted_at > now {
        return Err("must not be in the future");
    }
    Ok(accepted_at)
}

fn region(text: &str) -> Result<Region, &'static str> {
    let region = Region::from(text);
    let is_known = !matches!(region, Region::Other(_));
    is_known.then_some(region).ok_or("must be eu, us or worldwide")
}

fn hash(text: &str) -> Result<String, &'static str> {
    let is_hash =
        HASH_DIGITS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hash = is_hash.then(|| text.to_ascii_lowercase());
    hash.ok_or("must be the hexadecimal digits of a SHA-256 hash of the text that was shown")
}

/// A tag of letters, digits and dashes, such as `de` or `pt-BR`.
fn language(text: &str) -> Result<String, &'static str> {
    let is_tag = text.split('-').all(|part| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    is_tag.then(|| text.to_owned()).ok_or("must be a language tag, such as en or de-AT")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::any_json;
    use crate::{Consent, Revision};

    const DETAILS: &str = r#""userDetails":{"firstName":"Ilse","lastName":"Brandt","dateOfBirth":"1988-11-04","countryOfResidence":"DE"}"#;
    const HISTORY: &str = r#""verificationHistory":{"idVerificationTimestamp":"2026-05-01T09:10:00Z","livenessVerificationTimestamp":"2026-05-01T09:12:00Z"}"#;

    fn now() -> Timestamp {
        Timestamp::parse("2026-05-02T09:10:00Z").unwrap()
    }

    fn parse(file: &str) -> Result<Checked<UserFile>, String> {
        UserFile::parse(file.as_bytes(), now()).map_err(|problems| problems.to_string())
    }

    fn patch(patch: &str, current: Option<&Profile>) -> Result<Checked<UserFile>, String> {
        UserFile::parse_patch(patch.as_bytes(), current, now())
            .map_err(|problems| problems.to_string())
    }

    /// The profile with both sections.
    fn held() -> Profile {
        parse(&format!("{{{DETAILS},{HISTORY}}}")).ok().unwrap().value.profile.unwrap()
    }

    fn json_of(user: &UserFile) -> String {
        serde_json::to_string(user.profile.as_ref().unwrap()).unwrap()
    }

    #[test]
    fn a_file_gives_the_profile_the_wanted_products_and_the_consent() {
        let file = format!(
            r#"{{{DETAILS},"wantedProducts":["offramp","onramp","onramp"],"privacyPolicyAcceptedAt":"2026-05-02T11:10:00+02:00"}}"#
        );
        let Checked { value: user, warnings } = parse(&file).ok().unwrap();
        assert_eq!(json_of(&user), format!("{{{DETAILS}}}"));
        let wanted = BTreeSet::from([Product::Onramp, Product::Offramp]);
        assert_eq!(user.wanted_products, Some(wanted));
        let times: Vec<Timestamp> = user.consents.iter().map(|given| given.accepted_at).collect();
        assert_eq!(times, [now()]);
        assert_eq!(warnings, Problems::default());
    }

    #[test]
    fn a_file_asks_for_verification_if_it_says_so() {
        for (verify, asks) in [("true", true), ("false", false)] {
            let file = format!("{{{DETAILS},\"verify\":{verify}}}");
            assert_eq!(parse(&file).ok().unwrap().value.verify, asks, "{verify}");
        }
        let problems = parse(&format!("{{{DETAILS},\"verify\":\"yes\"}}")).err().unwrap();
        assert_eq!(problems.to_string(), "error at /verify: must be true or false");
    }

    #[test]
    fn a_consent_is_given_with_its_evidence() {
        let hash = "AB".repeat(32);
        let file = format!(
            r#"{{"privacyPolicyAcceptedAt":"2026-05-01T09:00:00Z","privacyPolicyConsent":{{"acceptedAt":"2026-05-01T09:00:00Z","textVersion":"2026-04","textHash":"{hash}","language":"de-AT","method":"checkbox"}},"termsOfServiceConsent":{{"acceptedAt":"2026-05-01T09:01:00Z","region":"eu"}}}}"#
        );
        let user = parse(&file).ok().unwrap().value;
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let privacy_policy = GivenConsent {
            text: LegalText::PrivacyPolicy,
            accepted_at: at("2026-05-01T09:00:00Z"),
            region: None,
            evidence: Evidence {
                text_version: Some("2026-04".into()),
                text_hash: Some(hash.to_lowercase()),
                language: Some("de-AT".into()),
                method: Some("checkbox".into()),
            },
        };
        let terms = GivenConsent {
            text: LegalText::TermsOfService,
            accepted_at: at("2026-05-01T09:01:00Z"),
            region: Some(Region::Eu),
            evidence: Evidence::default(),
        };
        assert_eq!(user.consents, [privacy_policy, terms]);
    }

    #[test]
    fn a_consent_that_says_more_is_another_and_one_that_says_less_is_the_same() {
        let given = |evidence: &Evidence| GivenConsent {
            text: LegalText::PrivacyPolicy,
            accepted_at: now(),
            region: None,
            evidence: evidence.clone(),
        };
        let (none, some) = (
            Evidence::default(),
            Evidence { method: Some("checkbox".into()), ..Evidence::default() },
        );
        let held = |evidence: &Evidence| Consent {
            revision: Revision(1),
            acknowledged: None,
            accepted_at: now(),
            region: None,
            evidence: evidence.clone(),
        };
        for (before, after, is_new) in [
            (&none, &none, false),
            (&none, &some, true),
            (&some, &none, false),
            (&some, &some, false),
        ] {
            let event = given(after).event_after(Some(&held(before)));
            assert_eq!(event.is_some(), is_new, "{before:?} {after:?}");
        }
        assert!(given(&none).event_after(None).is_some());
    }

    #[test]
    fn a_file_need_not_hold_a_profile() {
        let user = parse(r#"{"wantedProducts":["onramp"]}"#).ok().unwrap().value;
        assert!(user.profile.is_none());
    }

    #[test]
    fn what_can_not_be_a_products_word_is_refused_without_being_repeated() {
        let long = "a".repeat(65);
        for slip in ["Ilse Brandt", "ilse@example.org", "ONRAMP", "on_ramp", &long] {
            let refused = parse(&format!(r#"{{"wantedProducts":["onramp","{slip}"]}}"#)).err();
            assert_eq!(
                refused.as_deref(),
                Some(
                    "error at /wantedProducts/1: must be a word of lower-case letters, digits and \
                     dashes, such as onramp"
                ),
                "{slip}"
            );
        }
        assert!(parse(&format!(r#"{{"wantedProducts":["{}"]}}"#, &long[1..])).is_ok());
    }

    #[test]
    fn an_unknown_product_is_a_warning() {
        let Checked { value: user, warnings } =
            parse(r#"{"wantedProducts":["on-ramp"]}"#).ok().unwrap();
        assert_eq!(user.wanted_products, Some(BTreeSet::from([Product::from("on-ramp")])));
        assert_eq!(
            warnings.to_string(),
            "warning at /wantedProducts/0: the provider may not know this product; did you mean \
             `onramp`?"
        );
    }

    #[test]
    fn bad_files_are_refused_at_the_place() {
        for (file, expected) in [
            ("{}", "error: must not be empty; give a section, such as userDetails"),
            ("[]", "error: must be a JSON object"),
            (
                r#"{"wantedProducts":[]}"#,
                "error at /wantedProducts: must not be empty; leave it out for the configured ones",
            ),
            (r#"{"wantedProducts":["onramp",7]}"#, "error at /wantedProducts/1: must be a string"),
            (r#"{"wantedProducts":"onramp"}"#, "error at /wantedProducts: must be a list"),
            (
                r#"{"privacyPolicyAcceptedAt":"2026-05-02T09:10:00.001Z"}"#,
                "error at /privacyPolicyAcceptedAt: must not be in the future",
            ),
            (
                r#"{"privacyPolicyAcceptedAt":"yesterday"}"#,
                "error at /privacyPolicyAcceptedAt: must be a time that exists, such as \
                 2026-05-02T09:10:00Z",
            ),
            (
                r#"{"privacyPolicyAcceptedAt":null}"#,
                "error at /privacyPolicyAcceptedAt: must not be null; leave it out where there is \
                 no value",
            ),
            (
                r#"{"privacyPolicyAcceptedAt":"2026-05-01T09:00:00Z","privacyPolicyConsent":{"acceptedAt":"2026-05-01T09:00:01Z"}}"#,
                "error at /privacyPolicyAcceptedAt: must be the time of privacyPolicyConsent; give \
                 one of them",
            ),
            (
                r#"{"privacyPolicyConsent":{"method":"checkbox"}}"#,
                "error at /privacyPolicyConsent/acceptedAt: is missing; it is required here",
            ),
            (
                r#"{"termsOfServiceConsent":{"acceptedAt":"2026-05-01T09:00:01Z"}}"#,
                "error at /termsOfServiceConsent/region: is missing; it is required here",
            ),
            (
                r#"{"termsOfServiceConsent":{"acceptedAt":"2026-05-01T09:00:01Z","region":"mars"}}"#,
                "error at /termsOfServiceConsent/region: must be eu, us or worldwide",
            ),
            (
                r#"{"privacyPolicyConsent":{"acceptedAt":"2026-05-01T09:00:01Z","textHash":"abc"}}"#,
                "error at /privacyPolicyConsent/textHash: must be the hexadecimal digits of a \
                 SHA-256 hash of the text that was shown",
            ),
            (
                r#"{"privacyPolicyConsent":{"acceptedAt":"2026-05-01T09:00:01Z","language":"in German"}}"#,
                "error at /privacyPolicyConsent/language: must be a language tag, such as en or \
                 de-AT",
            ),
            (
                r#"{"privacyPolicyConsent":{"acceptedAt":"2026-05-01T09:00:01Z","language":"de AT"}}"#,
                "error at /privacyPolicyConsent/language: must be a language tag, such as en or \
                 de-AT",
            ),
            (
                r#"{"privacyPolicyConsent":{"acceptedAt":"2026-05-01T09:00:01Z","language":"Deutschland"}}"#,
                "error at /privacyPolicyConsent/language: must be a language tag, such as en or \
                 de-AT",
            ),
            (
                r#"{"privacyPolicyConsent":{"acceptedAt":"2026-05-01T09:00:01Z","region":"eu"}}"#,
                "error at /privacyPolicyConsent/region: a field that Gangway does not know; known \
                 are acceptedAt, textVersion, textHash, language, method",
            ),
            (
                r#"{"linkedWallets":[{"address":"0x1234567"}]}"#,
                "error at /linkedWallets/0/chain: is missing; it is required here",
            ),
            (
                r#"{"linkedWallets":[{"address":"0x1234567","chain":"base","type":"x"}]}"#,
                "error at /linkedWallets/0/type: a field that Gangway does not know; known are \
                 address, chain, proof",
            ),
            (
                r#"{"linkedWallets":[{"address":"0xABCDEF7","chain":"base"},{"address":"0xabcdef7","chain":"base"}]}"#,
                "error at /linkedWallets/1/address: is there twice; keep one of them",
            ),
            (r#"{"linkedWallets":{}}"#, "error at /linkedWallets: must be a list"),
            (
                r#"{"linkedWallets":["0x1234567"]}"#,
                "error at /linkedWallets/0: must be a JSON object",
            ),
            (
                r#"{"wantedProduct":["onramp"]}"#,
                "error at /wantedProduct: a field that Gangway does not know; did you mean \
                 `wantedProducts`?",
            ),
        ] {
            assert_eq!(parse(file).err().as_deref(), Some(expected), "{file}");
        }
    }

    #[test]
    fn a_file_or_a_patch_gives_wallets_and_takes_none_away() {
        let given = r#"{"linkedWallets":[{"address":"0x1234567","chain":"base","proof":[1]}]}"#;
        for read in [parse(given), patch(given, Some(&held()))] {
            let user = read.ok().unwrap().value;
            assert!(user.profile.is_none() && user.wallets.len() == 1);
            assert!(user.wallets[0].proof == Some(serde_json::json!([1])));
        }
        let refused = patch(r#"{"linkedWallets":null}"#, Some(&held())).err().unwrap();
        assert!(refused.starts_with("error at /linkedWallets: must not be null"), "{refused}");
    }

    #[test]
    fn a_patch_merges_into_the_held_profile() {
        for (given, expected) in [
            (r#"{"verificationHistory":null}"#.to_owned(), format!("{{{DETAILS}}}")),
            (
                r#"{"userDetails":{"firstName":"Else"}}"#.to_owned(),
                format!("{{{DETAILS},{HISTORY}}}").replace("Ilse", "Else"),
            ),
            (r#"{"dueDiligence":null}"#.to_owned(), format!("{{{DETAILS},{HISTORY}}}")),
        ] {
            let user = patch(&given, Some(&held())).ok().unwrap().value;
            assert_eq!(json_of(&user), expected, "{given}");
        }
        let user = patch(&format!("{{{DETAILS}}}"), None).ok().unwrap().value;
        assert_eq!(json_of(&user), format!("{{{DETAILS}}}"));
    }

    #[test]
    fn a_patch_without_sections_leaves_the_profile_alone() {
        for current in [None, Some(&held())] {
            let user = patch(r#"{"wantedProducts":["offramp"]}"#, current).ok().unwrap().value;
            assert!(user.profile.is_none());
            assert_eq!(user.wanted_products, Some(BTreeSet::from([Product::Offramp])));
        }
    }

    #[test]
    fn bad_patches_are_refused_at_their_place_in_what_the_merge_gives() {
        for (given, expected) in [
            ("{}", "error: must not be empty; give a section, such as userDetails"),
            ("null", "error: must be a JSON object"),
            (
                r#"{"userDetails":{"firstName":null}}"#,
                "error at /userDetails/firstName: is missing; it is required here",
            ),
            (
                r#"{"userDetails":{"firstname":null}}"#,
                "error at /userDetails/firstname: a field that Gangway does not know; did you \
                 mean `firstName`?",
            ),
            (
                r#"{"userDetails":null,"verificationHistory":null}"#,
                "error: must keep at least one section of the profile",
            ),
            (
                r#"{"privacyPolicyAcceptedAt":null}"#,
                "error at /privacyPolicyAcceptedAt: must not be null; a consent that was given \
                 can't be taken out of a user",
            ),
            (
                r#"{"wantedProducts":null}"#,
                "error at /wantedProducts: must not be null; list the wanted products",
            ),
        ] {
            let refused = patch(given, Some(&held())).err();
            assert_eq!(refused.as_deref(), Some(expected), "{given}");
        }
    }
    proptest! {
        #[test]
        fn any_patch_is_refused_or_gives_a_profile_that_a_file_could_give(given in any_json()) {
            let held = held();
            match UserFile::parse_patch(given.to_string().as_bytes(), Some(&held), now()) {
                Err(problems) => prop_assert!(problems.has_errors()),
                Ok(Checked { value: UserFile { profile: Some(profile), .. }, .. }) => {
                    let again = Profile::from_value(&profile.to_value(), now().date());
                    prop_assert!(again.is_ok_and(|again| again.value == profile));
                }
                Ok(_) => prop_assert!(SECTIONS.iter().all(|name| given.get(name).is_none())),
            }
        }
    }
}
