//! The table's rows, one by one, and what must hold of any user.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::profile::any_json;
use crate::{Date, DocumentType, Eligibility, Product, ProductStatus, Profile, Section, Timestamp};

fn today() -> Date {
    Date::parse("2026-11-24").unwrap()
}

/// A resident of the country with all that could be asked for, to be spoiled by each case.
fn whole(country: &str, state: Option<&str>) -> Value {
    let us = country == "US";
    let mut profile = json!({
        "userDetails": {"firstName": "Ilse", "lastName": "Brandt", "dateOfBirth": "1988-11-04",
                        "countryOfResidence": country},
        "kycData": {
            "nationality": "DE", "email": "ilse@example.org", "phoneNumber": "+4930111222",
            "addressOfResidence": {"line1": "Am Ufer 9", "city": "Bremen", "postalCode": "28195"},
            "identityDocument": {"type": if us { "ssn" } else { "passport" },
                                 "number": "123456789", "issuingCountryCode": country}},
        "dueDiligence": {"employmentStatus": "full-time", "sourceOfFunds": "salary-disbursement",
                         "industry": "information"},
        "verificationHistory": {"idVerificationTimestamp": "2026-11-01T09:10:00Z",
                                "livenessVerificationTimestamp": "2026-11-01T09:12:00Z"}});
    if let Some(state) = state {
        profile["kycData"]["addressOfResidence"]["stateOrRegion"] = state.into();
    }
    if us {
        profile["dueDiligence"]["estimatedYearlyIncome"] = "income-50k-100k".into();
    }
    profile
}

/// The profile without what the pointers name.
fn without(mut profile: Value, pointers: &[&str]) -> Value {
    for pointer in pointers {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        profile.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    }
    profile
}

struct Given {
    profile: Value,
    wanted: &'static [&'static str],
    documents: &'static [&'static str],
    consented: bool,
    diligence: Diligence,
    eligibility: Value,
}

/// One who has accepted the policy and wants `wanted`.
fn given(profile: Value, wanted: &'static [&'static str]) -> Given {
    Given {
        profile,
        wanted,
        documents: &[],
        consented: true,
        diligence: Diligence::Standard,
        eligibility: json!([]),
    }
}

fn parse(profile: &Value) -> Option<Profile> {
    let sections = profile.as_object().filter(|sections| !sections.is_empty())?;
    let read = Profile::from_value(&Value::Object(sections.clone()), today());
    Some(read.map_err(|problems| problems.to_string()).ok().unwrap().value)
}

fn compiled(given: &Given) -> Compiled {
    compiled_by(&Requirements::default(), given)
}

fn compiled_by(table: &Requirements, given: &Given) -> Compiled {
    let profile = parse(&given.profile);
    compile(
        table,
        &Case {
            wanted: given.wanted.iter().map(|word| Product::from(*word)).collect(),
            profile: profile.as_ref(),
            documents: given
                .documents
                .iter()
                .map(|word| (DocumentType::from(*word), None))
                .collect(),
            consented: given.consented.then_some(Timestamp(0)),
            diligence: given.diligence,
            eligibility: serde_json::from_value(given.eligibility.clone()).unwrap(),
            today: today(),
        },
    )
}

/// A need in short: what lacks, and for whom if not for everyone.
fn short(need: &Need) -> String {
    let what = match &need.what {
        What::Consent => "consent".to_owned(),
        What::Operator { name } => format!("operator:{name}"),
        What::Data { section, missing } => {
            let names: Vec<String> = missing
                .iter()
                .map(|it| it.to_string().rsplit_once('.').unwrap().1.to_owned())
                .collect();
            format!("{section}[{}]", names.join(" "))
        }
        What::Document { name, any_of } => {
            let groups: Vec<String> = any_of
                .iter()
                .map(|it| it.missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"))
                .collect();
            format!("{name}({})", groups.join("|"))
        }
    };
    let products: Vec<&str> = need.products.iter().map(Product::as_str).collect();
    format!("{what} {}", products.join(","))
}

fn now(given: &Given) -> Vec<String> {
    compiled(given).now.iter().map(short).collect()
}

/// What may come later, each with how sure it is.
fn later(given: &Given) -> Vec<String> {
    let word = |need: &Need| serde_json::to_value(need.certainty).unwrap();
    let needs = compiled(given).later;
    needs.iter().map(|need| format!("{}: {}", word(need).as_str().unwrap(), short(need))).collect()
}

fn check(name: &str, found: Vec<String>, expected: &[&str]) {
    assert_eq!(found, expected, "{name}");
}

const BOTH: &[&str] = &["onramp", "offramp"];
const ONRAMP: &[&str] = &["onramp"];
const LIGHT: &[&str] = &["onramp-light"];
const PAYOUT: &[&str] = &["regulated-transfer"];
const PASSPORT: &[&str] = &["id-passport"];
const NOBODY: &str = "{}";

fn nobody() -> Value {
    serde_json::from_str(NOBODY).unwrap()
}

fn bare(country: &str) -> Value {
    json!({"userDetails": whole(country, None)["userDetails"]})
}

// The rows of the decision table.

#[test]
fn payouts_ask_for_the_users_details_wherever_they_live_and_for_consent_by_newer_docs() {
    for country in ["BR", "DE", "ES", "US"] {
        let mut bare = given(bare(country), PAYOUT);
        bare.consented = false;
        check(country, now(&bare), &[]);
        check(country, later(&bare), &["newer-docs: consent regulated-transfer"]);
        bare.diligence = Diligence::Enhanced;
        check("no enhanced due diligence is known", now(&bare), &[]);
    }
    let nothing = given(nobody(), PAYOUT);
    check(
        "nothing held",
        now(&nothing),
        &["user-details[firstName lastName dateOfBirth countryOfResidence] regulated-transfer"],
    );
}

#[test]
fn the_light_tier_elsewhere_asks_for_data_without_an_id_number() {
    let held = without(whole("BR", None), &["/kycData/identityDocument", "/kycData/phoneNumber"]);
    let mut user = given(held, LIGHT);
    check("enough", now(&user), &[]);
    let flat = Requirements { tiers: Vec::new(), ..Requirements::default() };
    let found: Vec<Need> = compiled_by(&flat, &user).later;
    let older: Vec<(String, Certainty)> =
        found.iter().map(|it| (short(it), it.certainty)).collect();
    assert_eq!(older, [("kyc-data[type number] onramp-light".to_owned(), Certainty::OlderDocs)]);
    user.profile = without(user.profile, &["/kycData/nationality"]);
    user.consented = false;
    check("consent", now(&user), &["consent onramp-light", "kyc-data[nationality] onramp-light"]);
}

#[test]
fn the_light_tier_in_the_eea_asks_for_an_id_number_as_well() {
    for country in ["DE", "ES", "NO"] {
        let user = given(without(whole(country, None), &["/kycData/identityDocument"]), LIGHT);
        check(country, now(&user), &["kyc-data[type number issuingCountryCode] onramp-light"]);
        check(country, now(&given(whole(country, None), LIGHT)), &[]);
    }
}

#[test]
fn the_light_tier_in_the_us_asks_for_ssn_and_phone() {
    for state in ["IL", "NY"] {
        let held = without(whole("US", Some(state)), &["/kycData/phoneNumber"]);
        check(state, now(&given(held, LIGHT)), &["kyc-data[phoneNumber] onramp-light"]);
        let mut held = whole("US", Some(state));
        held["kycData"]["identityDocument"]["type"] = "passport".into();
        check(state, now(&given(held, LIGHT)), &["kyc-data[type=ssn] onramp-light"]);
        check(state, now(&given(whole("US", Some(state)), LIGHT)), &[]);
    }
}

#[test]
fn beyond_its_limit_the_light_tier_asks_for_what_the_full_one_does() {
    let user = given(without(whole("BR", None), &["/verificationHistory"]), LIGHT);
    check(
        "by volume",
        later(&user),
        &[
            "above-limit: verification-history[idVerificationTimestamp \
             livenessVerificationTimestamp] onramp-light",
            "above-limit: id(id-passport) onramp-light",
        ],
    );
    let wanted = given(user.profile, &["onramp-light", "onramp"]);
    assert!(compiled(&wanted).later.iter().all(|need| need.certainty != Certainty::AboveLimit));
}

#[test]
fn elsewhere_the_full_tier_asks_for_all_sections_and_a_passport() {
    let mut user = given(whole("BR", None), BOTH);
    check("passport", now(&user), &["id(id-passport) onramp,offramp"]);
    check(
        "later",
        later(&user),
        &[
            "if-asked: proof-of-address(proof-of-address) onramp,offramp",
            "if-asked: proof-of-income(proof-of-income) onramp,offramp",
            "newer-docs: selfie-front(selfie-front) onramp,offramp",
            "newer-docs: selfie-left(selfie-left) onramp,offramp",
            "newer-docs: selfie-right(selfie-right) onramp,offramp",
        ],
    );
    user.documents = &["id-idcard-front", "id-idcard-back"];
    check("no local card", now(&user), &["id(id-passport) onramp,offramp"]);
    user.documents = PASSPORT;
    check("enough", now(&user), &[]);
    user.diligence = Diligence::Enhanced;
    check(
        "enhanced",
        now(&user),
        &[
            "proof-of-address(proof-of-address) onramp,offramp",
            "proof-of-income(proof-of-income) onramp,offramp",
        ],
    );
    let mut bare = given(bare("BR"), ONRAMP);
    bare.documents = PASSPORT;
    check(
        "all four sections",
        now(&bare),
        &[
            "kyc-data[nationality email line1 city postalCode type number issuingCountryCode] \
             onramp",
            "due-diligence[employmentStatus sourceOfFunds industry] onramp",
            "verification-history[idVerificationTimestamp livenessVerificationTimestamp] onramp",
        ],
    );
}

#[test]
fn in_the_eea_both_sides_of_a_card_will_do_and_in_spain_a_residence_permit() {
    let mut user = given(whole("DE", None), ONRAMP);
    check("eea", now(&user), &["id(id-passport|id-idcard-front+id-idcard-back) onramp"]);
    user.documents = &["id-idcard-front"];
    check("one side", now(&user), &["id(id-passport|id-idcard-back) onramp"]);
    user.documents = &["id-idcard-front", "id-idcard-back"];
    check("both sides", now(&user), &[]);
    user.documents = &["id-residency-permit"];
    check("no permit", now(&user), &["id(id-passport|id-idcard-front+id-idcard-back) onramp"]);
    user.profile = whole("ES", None);
    check("permit in Spain", now(&user), &[]);
    user.documents = &[];
    check(
        "spain",
        now(&user),
        &["id(id-passport|id-idcard-front+id-idcard-back|id-residency-permit) onramp"],
    );
}

#[test]
fn in_the_us_the_ssn_stands_for_the_document_and_due_diligence_is_for_six_states() {
    for state in ["FL", "IL", "CA", "PR"] {
        let user = given(without(whole("US", Some(state)), &["/dueDiligence"]), BOTH);
        check(state, now(&user), &[]);
        let selfie = later(&user).iter().any(|need| need.contains("selfie"));
        assert!(!selfie, "{state}");
    }
    for state in ["NY", "NC", "TN", "TX", "VA", "VT", "ny", "new york", "Vermont"] {
        let user = given(without(whole("US", Some(state)), &["/dueDiligence"]), BOTH);
        check(
            state,
            now(&user),
            &["due-diligence[employmentStatus sourceOfFunds industry estimatedYearlyIncome] \
               onramp,offramp"],
        );
        check(state, now(&given(whole("US", Some(state)), BOTH)), &[]);
    }
}

#[test]
fn in_the_us_enhanced_due_diligence_asks_for_passport_or_licence_and_the_proofs() {
    let mut user = given(whole("US", Some("FL")), ONRAMP);
    user.diligence = Diligence::Enhanced;
    let proofs =
        ["proof-of-address(proof-of-address) onramp", "proof-of-income(proof-of-income) onramp"];
    let id = "id(id-passport|id-idcard-front+id-idcard-back) onramp";
    check("all", now(&user), &[id, proofs[0], proofs[1]]);
    user.documents = &["id-idcard-front", "id-idcard-back"];
    check("licence", now(&user), &proofs);
}

#[test]
fn a_us_user_whose_state_is_not_known_may_owe_due_diligence() {
    let user = given(without(whole("US", None), &["/dueDiligence"]), ONRAMP);
    check("state", now(&user), &["kyc-data[stateOrRegion] onramp"]);
    let due = "by-residence: due-diligence[employmentStatus sourceOfFunds industry \
               estimatedYearlyIncome] onramp";
    assert!(later(&user).contains(&due.to_owned()), "{:?}", later(&user));
}

#[test]
fn of_a_user_whose_country_is_not_known_the_certain_comes_first() {
    let found = compiled(&given(nobody(), ONRAMP));
    assert_eq!((found.area, found.entity), (None, None));
    let kyc =
        "kyc-data[nationality email line1 city postalCode type number issuingCountryCode] onramp";
    let names: Vec<String> = found.now.iter().map(short).collect();
    assert!(names.iter().any(|need| need.starts_with("user-details[")), "{names:?}");
    assert!(names.iter().any(|need| need == kyc), "{names:?}");
    assert!(names.iter().all(|need| !need.starts_with("due-diligence")), "{names:?}");
    let id = found.later.iter().find(|need| short(need).starts_with("id(")).unwrap();
    assert_eq!(id.certainty, Certainty::ByResidence);
}

#[test]
fn an_area_is_served_by_its_legal_entity() {
    for (country, state, area, entity) in [
        ("US", Some("NY"), "us-listed", "crossmint-horizon"),
        ("US", Some("FL"), "us", "crossmint-horizon"),
        ("US", None, "us", "crossmint-horizon"),
        ("ES", None, "spain", "crossmint-europe"),
        ("IS", None, "eea", "crossmint-europe"),
        ("GB", None, "elsewhere", "crossmint-europe"),
    ] {
        let found = compiled(&given(whole(country, state), ONRAMP));
        assert_eq!(found.area, Some(Area(area.into())), "{country}");
        assert_eq!(found.entity.as_deref(), Some(entity), "{country}");
    }
}

#[test]
fn where_a_product_is_not_to_be_had_nothing_is_collected_for_it() {
    for (country, wanted, blocked) in [
        ("RU", &["onramp", "onramp-light", "offramp"][..], &["onramp-light", "onramp"][..]),
        ("CA", &["regulated-transfer", "onramp"], &["regulated-transfer"]),
        ("BR", &["regulated-transfer", "onramp"], &[]),
    ] {
        let found = compiled(&given(whole(country, None), wanted));
        let names: Vec<&str> = found.blocked.iter().map(|it| it.product.as_str()).collect();
        assert_eq!(names, blocked, "{country}");
        let asked = found.now.iter().chain(&found.later);
        let for_blocked =
            asked.filter(|need| found.blocked.iter().any(|it| need.products.contains(&it.product)));
        assert_eq!(for_blocked.count(), 0, "{country}");
        assert!(found.blocked.iter().all(|it| it.rule.is_some()));
    }
}

// What is not known of the provider, and how it is met (the numbers are the list's).

#[test]
fn unknown_words_of_the_provider_become_an_operators_need() {
    // 3, 4, 5: products, statuses and requirements that nobody has heard of.
    let mut user = given(whole("DE", None), ONRAMP);
    user.documents = PASSPORT;
    for (missing, expected) in [
        (json!({"missingDocuments": ["selfie"]}), "operator:selfie onramp"),
        (json!({"missingDocuments": ["id-ssn"]}), "operator:id-ssn onramp"),
        (json!({"missingData": ["tax-data"]}), "operator:tax-data onramp"),
        (json!({}), "operator:requires-data-without-a-list onramp"),
        (json!({"missingDocuments": ["selfie-left"]}), "selfie-left(selfie-left) onramp"),
    ] {
        let mut word = json!({"type": "onramp", "status": "requires-data"});
        word.as_object_mut().unwrap().extend(missing.as_object().unwrap().clone());
        user.eligibility = json!([word]);
        check("unknown", now(&user), &[expected]);
    }
    user.eligibility = json!([{"type": "onramp", "status": "approved"}]);
    user.documents = &[];
    assert!(!now(&user).is_empty(), "an unknown status is not verified");
    let unknown = compiled(&given(whole("DE", None), &["staking"]));
    assert_eq!(unknown.blocked[0].obstacle, Obstacle::UnknownProduct);
}

#[test]
fn words_of_open_lists_are_held_whatever_they_are() {
    // 1: the newest lists are not known.
    let mut profile = whole("DE", None);
    profile["dueDiligence"]["sourceOfFunds"] = "lottery".into();
    profile["kycData"]["identityDocument"]["type"] = "residence-permit".into();
    let mut user = given(profile, BOTH);
    user.documents = PASSPORT;
    check("open", now(&user), &[]);
}

#[test]
fn the_providers_word_is_above_the_table() {
    // 6, 7: looked up by type; absent leaves it to the table, and of two the worse counts.
    let mut user = given(without(whole("DE", None), &["/kycData/nationality"]), BOTH);
    user.eligibility = json!([
        {"type": "offramp", "status": "verified"},
        {"type": "onramp", "status": "requires-data", "missingData": ["due-diligence"],
         "missingDocuments": ["proof-of-address"]}]);
    check(
        "onramp alone",
        now(&user),
        &["due-diligence[] onramp", "proof-of-address(proof-of-address) onramp"],
    );
    user.eligibility = json!([{"type": "offramp", "status": "verified"}]);
    let kyc = "kyc-data[nationality] onramp";
    let id = "id(id-passport|id-idcard-front+id-idcard-back) onramp";
    check("absent", now(&user), &[kyc, id]);
    user.eligibility = json!([{"type": "onramp", "status": "verified"},
        {"type": "onramp", "status": "rejected"}, {"type": "offramp", "status": "pending-review"}]);
    let found = compiled(&user);
    assert_eq!(found.now, []);
    assert_eq!(found.blocked[0].obstacle, Obstacle::Rejected);
    user.eligibility = json!([{"type": "onramp", "status": "pending-privacy-policy"},
        {"type": "offramp", "status": "verified"}]);
    check("consent anew", now(&user), &["consent onramp", kyc, id]);
}

#[test]
fn the_quickstarts_german_user_lacks_what_its_answer_lists() {
    let mut user = given(
        without(whole("DE", None), &["/dueDiligence", "/verificationHistory"]),
        &["regulated-transfer", "onramp", "offramp"],
    );
    user.documents = PASSPORT;
    let missing = json!({"missingData": ["due-diligence", "verification-history"],
        "missingDocuments": ["proof-of-address", "proof-of-income"]});
    let requires = |product: &str| {
        let mut word = json!({"type": product, "status": "requires-data"});
        word.as_object_mut().unwrap().extend(missing.as_object().unwrap().clone());
        word
    };
    user.eligibility = json!([{"type": "regulated-transfer", "status": "verified"},
        requires("onramp"), requires("offramp")]);
    check(
        "one need serves both",
        now(&user),
        &[
            "due-diligence[employmentStatus sourceOfFunds industry] onramp,offramp",
            "verification-history[idVerificationTimestamp livenessVerificationTimestamp] \
             onramp,offramp",
            "proof-of-address(proof-of-address) onramp,offramp",
            "proof-of-income(proof-of-income) onramp,offramp",
        ],
    );
    check("nothing is guessed beyond it", later(&user), &[]);
}

#[test]
fn what_is_asked_for_although_it_is_held_is_asked_for_anew() {
    let mut user = given(whole("DE", None), ONRAMP);
    user.documents = PASSPORT;
    user.eligibility =
        json!([{"type": "onramp", "status": "requires-data", "missingDocuments": ["id"]}]);
    check("anew", now(&user), &["id(id-passport|id-idcard-front+id-idcard-back) onramp"]);
}

#[test]
fn a_document_that_covers_another_need_is_one_need() {
    let mut user = given(whole("DE", None), BOTH);
    user.eligibility = json!([
        {"type": "onramp", "status": "requires-data", "missingDocuments": ["id"]},
        {"type": "offramp", "status": "requires-data", "missingDocuments": ["id", "proof-of-income"]}]);
    let found = compiled(&user);
    assert_eq!(found.now.len(), 2);
    assert_eq!(found.now[0].asked, BTreeSet::from(["id".to_owned()]));
    assert_eq!(found.now[0].products.len(), 2);

    let file = DEFAULT.replace(
        "[rules.payout-details]",
        "[[accepts]]\nrequirement = \"id-passport\"\nany_of = [[\"id-passport\"]]\n\
         source = \"x\"\ndate = 2026-01-01\n\n[rules.payout-details]",
    );
    let table = Requirements::parse(&file).unwrap();
    let word = |product: &str, name: &str| Eligibility {
        product: product.into(),
        status: ProductStatus::RequiresData,
        missing_data: Vec::new(),
        missing_documents: vec![name.to_owned()],
    };
    let profile = parse(&whole("DE", None));
    let found = compile(
        &table,
        &Case {
            wanted: BTreeSet::from([Product::Onramp, Product::Offramp]),
            profile: profile.as_ref(),
            documents: BTreeMap::new(),
            consented: None,
            diligence: Diligence::Standard,
            eligibility: vec![word("onramp", "id"), word("offramp", "id-passport")],
            today: today(),
        },
    );
    assert_eq!(
        found.now.iter().map(short).collect::<Vec<_>>(),
        ["id-passport(id-passport) onramp,offramp"]
    );
    assert_eq!(found.now[0].asked, BTreeSet::from(["id".to_owned(), "id-passport".to_owned()]));
}

#[test]
fn the_income_is_for_the_us_alone() {
    // 28: outside the US it had better not be sent; in the US it goes with the section.
    let mut profile = whole("DE", None);
    profile["dueDiligence"]["estimatedYearlyIncome"] = "income-50k-100k".into();
    let found = compiled(&given(profile, BOTH));
    assert_eq!(found.unwanted.len(), 1);
    assert_eq!(found.unwanted[0].field.to_string(), "dueDiligence.estimatedYearlyIncome");
    assert_eq!(found.unwanted[0].rule.rule, "income-outside-us");
    let us =
        given(without(whole("US", Some("FL")), &["/dueDiligence/estimatedYearlyIncome"]), BOTH);
    check("sent", now(&us), &["due-diligence[estimatedYearlyIncome] onramp,offramp"]);
    assert_eq!(compiled(&given(whole("US", Some("FL")), BOTH)).unwanted, []);
}

#[test]
fn the_us_phone_is_required_for_buying_and_doubtful_for_selling() {
    // 29
    let held = without(whole("US", Some("FL")), &["/kycData/phoneNumber"]);
    check("onramp", now(&given(held.clone(), ONRAMP)), &["kyc-data[phoneNumber] onramp"]);
    let selling = given(held, &["offramp"]);
    check("offramp", now(&selling), &[]);
    assert_eq!(later(&selling).last().unwrap(), "newer-docs: kyc-data[phoneNumber] offramp");
    let phoneless = without(whole("DE", None), &["/kycData/phoneNumber"]);
    assert!(now(&given(phoneless, ONRAMP)).iter().all(|need| !need.contains("phone")));
}

#[test]
fn states_are_known_by_letters_and_by_name() {
    // 32
    for (given_state, area) in [
        ("tx", "us-listed"),
        ("Texas", "us-listed"),
        ("TX", "us-listed"),
        ("Utah", "us"),
        ("Narnia", "us"),
    ] {
        let mut profile = parse(&whole("US", None)).unwrap();
        profile.kyc_data.as_mut().unwrap().address_of_residence.state_or_region =
            Some(given_state.to_owned());
        assert_eq!(
            Requirements::default().area_of(&profile),
            Some(Area(area.into())),
            "{given_state}"
        );
    }
}

#[test]
fn an_ssn_without_dashes_is_one() {
    // 33
    let user = given(whole("US", Some("FL")), BOTH);
    let profile = parse(&user.profile).unwrap();
    let document = profile.kyc_data.unwrap().identity_document.unwrap();
    assert_eq!(document.number, "123-45-6789");
    check("ssn", now(&user), &[]);
}

#[test]
fn a_verification_that_is_too_old_is_missing_and_one_that_gets_old_is_told() {
    // 27
    let mut old = whole("BR", None);
    old["verificationHistory"]["idVerificationTimestamp"] = "2025-11-23T00:00:00Z".into();
    let mut user = given(old, ONRAMP);
    user.documents = PASSPORT;
    check("old", now(&user), &["verification-history[idVerificationTimestamp] onramp"]);
    user.profile["verificationHistory"]["idVerificationTimestamp"] = "2025-12-20T00:00:00Z".into();
    check("getting old", now(&user), &[]);
    assert_eq!(later(&user)[0], "by-age: verification-history[idVerificationTimestamp] onramp");
}

#[test]
fn a_document_that_has_expired_is_not_held() {
    let profile = parse(&whole("BR", None));
    for (expires, needs) in [("2026-11-24", 0), ("2026-11-23", 1)] {
        let found = compile(
            &Requirements::default(),
            &Case {
                wanted: BTreeSet::from([Product::Onramp]),
                profile: profile.as_ref(),
                documents: BTreeMap::from([(DocumentType::IdPassport, Date::parse(expires).ok())]),
                consented: Some(Timestamp(0)),
                diligence: Diligence::Standard,
                eligibility: Vec::new(),
                today: today(),
            },
        );
        assert_eq!(found.now.len(), needs, "{expires}");
    }
}

#[test]
fn fields_that_nobody_understands_and_ages_are_never_asked_for() {
    // 30, 31, 37
    for rule in Requirements::default().rules {
        assert!(rule.fields.iter().all(|field| !field.path.contains("ipAddresses")), "{}", rule.id);
    }
}

// The file.

const DEFAULT: &str = include_str!("../../../../config/requirements.toml");

#[test]
fn the_built_in_file_reads_and_says_what_the_state_machine_needs() {
    let table = Requirements::parse(DEFAULT).map_err(|problems| problems.to_string()).unwrap();
    assert_eq!(table, Requirements::default());
    let groups = |area: Option<&str>, word: &str| {
        let area = area.map(|area| Area(area.to_owned()));
        let groups = table.accepted(area.as_ref(), word);
        let groups = groups
            .iter()
            .map(|group| group.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"));
        groups.collect::<Vec<_>>().join("|")
    };
    let card = "id-passport|id-idcard-front+id-idcard-back";
    for (area, word, expected) in [
        (Some("eea"), "id", card),
        (Some("us"), "id", card),
        (Some("us-listed"), "id", card),
        (Some("elsewhere"), "id", "id-passport"),
        (Some("spain"), "id", &format!("{card}|id-residency-permit")),
        (None, "id", &format!("{card}|id-residency-permit")),
        (Some("eea"), "proof-of-address", "proof-of-address"),
        (None, "proof-of-income", "proof-of-income"),
        (Some("eea"), "selfie", ""),
    ] {
        assert_eq!(sorted_groups(&groups(area, word)), sorted_groups(expected), "{area:?} {word}");
    }
}

fn sorted_groups(groups: &str) -> Vec<&str> {
    let mut groups: Vec<&str> = groups.split('|').collect();
    groups.sort_unstable();
    groups
}

#[test]
fn every_mistake_in_a_file_is_told_with_its_place_and_what_to_do() {
    let file = r#"
colour = "red"
[[areas]]
name = "eea"
countries = ["DE", "XX"]
states = ["NY"]
source = "x"
date = 2026-01-01
[[areas]]
name = "germany"
countries = ["DE"]
source = "x"
date = "2026-02-30"
[[areas]]
name = "eea"
countries = ["FR"]
date = 2026-01-01
[[areas]]
name = "france"
countries = ["FR"]
source = "x"
date = 2026-01-01
[[accepts]]
requirement = "id"
areas = ["eea"]
any_of = [["id-pasport"], []]
source = "x"
date = 2026-01-01
[rules.a]
products = ["on-ramp"]
areas = ["europe"]
when = "sometimes"
sections = ["kyc"]
fields = ["kycData.mail"]
documents = ["ids"]
consent = "yes"
source = "x"
date = 2026-01-01
[rules.b]
products = ["onramp"]
consent = true
source = "x"
date = 2026-01-01
[rules.c]
products = ["onramp"]
consent = true
source = "y"
date = 2026-01-02
[rules.d]
max_age_days = 0
[tiers.onramp]
[restricted.r]
products = ["onramp"]
countries = []
source = "x"
date = 2026-01-01
"#;
    let problems = Requirements::parse(file).unwrap_err().to_string();
    let expected = expected_problems();
    assert_eq!(
        problems.lines().collect::<Vec<_>>(),
        expected.lines().collect::<Vec<_>>(),
        "{problems}"
    );
    for (broken, said) in [
        (
            "[rules.a]\nx = 1\n[rules.a]\n",
            "error: must be TOML, and is not at line 3: duplicate key",
        ),
        ("rules = 3", "error at /rules: must be tables, each under [rules.NAME]"),
        ("", "error at /rules: is empty; without rules nothing can be said of anyone"),
        ("", "error at /areas: no area takes the countries that none names"),
    ] {
        let problems = Requirements::parse(broken).unwrap_err().to_string();
        assert!(problems.contains(said), "{problems}");
    }
}

fn expected_problems() -> &'static str {
    r#"error at /colour: is no key of this table; known are areas, accepts, rules, tiers, restricted
error at /areas/0/countries/1: must be an ISO 3166-1 alpha-2 country code, such as DE or GB
error at /areas/0/states: goes with countries = ["US"] alone
error at /areas/1/date: must be a day that exists, as YYYY-MM-DD
error at /areas/2/source: is missing; say where this is stated, such as a page's address
error at /areas/2/name: is an earlier area's; rename one
error at /areas/3: no country reaches this area, as the areas before take them all; move it up or take it out
error at /areas: no area takes the countries that none names; end with one that has no countries
error at /accepts/0/any_of/0/0: is no document type that Gangway knows; did you mean `id-passport`?
error at /accepts/0/any_of: must not be empty; name at least one document type a group
error at /accepts: nothing says what meets `id` in these areas: france, germany; add an entry
error at /rules/a/products/0: is no product that Gangway knows; did you mean `onramp`?
error at /rules/a/areas/0: is no area of this file; known are eea, france, germany
error at /rules/a/when: is no condition; known are always, if-sent, enhanced-due-diligence, newer-docs, older-docs
error at /rules/a/sections/0: is no section of a profile; did you mean `kyc-data`?
error at /rules/a/fields/0: is no field of a profile; did you mean `kycData.email`?
error at /rules/a/documents/0: no [[accepts]] entry says what meets this; did you mean `id`?
error at /rules/a/consent: must be true or false
error at /rules/a: asks for nothing; give it sections, fields, documents or consent
error at /rules/d/products: is missing; list the products that this is about
error at /rules/d/max_age_days: must be a whole number of days
error at /rules/d/source: is missing; say where this is stated, such as a page's address
error at /rules/d/date: is missing; say on which day the source was read, as YYYY-MM-DD
error at /rules/d: asks for nothing; give it sections, fields, documents or consent
error at /rules/c: says the same as the rule `b`; keep one
error at /tiers/onramp/becomes: is missing; name a product
error at /tiers/onramp/above: is missing; say the limit in words
error at /tiers/onramp/source: is missing; say where this is stated, such as a page's address
error at /tiers/onramp/date: is missing; say on which day the source was read, as YYYY-MM-DD
error at /restricted/r/countries: must not be empty; take the restriction out if it is lifted"#
}

fn any_eligibility() -> impl Strategy<Value = Vec<Eligibility>> {
    let product = prop::sample::select(vec![
        "onramp",
        "offramp",
        "onramp-light",
        "regulated-transfer",
        "staking",
    ]);
    let status = prop::sample::select(vec![
        "requires-data",
        "requires-data",
        "requires-data",
        "pending-privacy-policy",
        "verified",
        "rejected",
        "pending-review",
        "not-started",
        "approved",
    ]);
    let data = prop::sample::select(vec![
        "user-details",
        "kyc-data",
        "due-diligence",
        "verification-history",
        "tax-data",
    ]);
    let document = prop::sample::select(vec![
        "id",
        "proof-of-address",
        "proof-of-income",
        "selfie",
        "id-passport",
        "selfie-left",
    ]);
    let word =
        (product, status, prop::collection::vec(data, 0..3), prop::collection::vec(document, 0..3));
    let word = word.prop_map(|(product, status, data, documents)| Eligibility {
        product: product.into(),
        status: status.into(),
        missing_data: data.into_iter().map(Section::from).collect(),
        missing_documents: documents.into_iter().map(str::to_owned).collect(),
    });
    prop::collection::vec(word, 0..5)
}

/// A profile as JSON, as a profile has no `Debug`; empty for none.
fn any_profile() -> impl Strategy<Value = Value> {
    let country = prop::sample::select(vec!["US", "DE", "ES", "BR", "RU", "CA"]);
    let state = prop::option::of(prop::sample::select(vec!["NY", "FL", "Nowhere"]));
    let sections = prop::collection::vec(any::<bool>(), 4);
    let likely = (country, state, sections).prop_map(|(country, state, sections)| {
        let mut profile = whole(country, state);
        for (section, kept) in Section::KNOWN.iter().zip(sections) {
            if !kept {
                profile.as_object_mut().unwrap().remove(section.field().unwrap());
            }
        }
        profile
    });
    let wild = any_json().prop_map(|json| {
        Profile::from_value(&json, today()).map_or(json!({}), |read| read.value.to_value())
    });
    prop_oneof![4 => likely, 1 => wild]
}

proptest! {
    #[test]
    fn each_entry_of_a_wanted_product_leads_to_exactly_one_need(
        profile in any_profile(),
        eligibility in any_eligibility(),
        wanted in prop::collection::btree_set(prop::sample::select(
            vec!["onramp", "offramp", "onramp-light", "regulated-transfer", "staking"]), 0..5),
        documents in prop::collection::btree_set(prop::sample::select(DocumentType::KNOWN.to_vec()), 0..4),
        enhanced in any::<bool>(),
    ) {
        let table = Requirements::default();
        let profile = parse(&profile);
        let wanted: BTreeSet<Product> = wanted.into_iter().map(Product::from).collect();
        let case = Case {
            wanted: wanted.clone(),
            profile: profile.as_ref(),
            documents: documents.into_iter().map(|kind| (kind, None)).collect(),
            consented: None,
            diligence: if enhanced { Diligence::Enhanced } else { Diligence::Standard },
            eligibility: eligibility.clone(),
            today: today(),
        };
        let found = compile(&table, &case);
        for word in eligibility.iter().filter(|word| wanted.contains(&word.product)) {
            if word.status != ProductStatus::RequiresData {
                continue;
            }
            let data = word.missing_data.iter().map(Section::as_str);
            for entry in data.chain(word.missing_documents.iter().map(String::as_str)) {
                let answering: Vec<&Need> =
                    found.now.iter().filter(|need| need.asked.contains(entry)).collect();
                prop_assert_eq!(answering.len(), 1, "{}", entry);
                prop_assert!(answering[0].products.contains(&word.product));
                let is_operators = matches!(answering[0].what, What::Operator { .. });
                prop_assert_eq!(is_operators, ["tax-data", "selfie", "id-passport"].contains(&entry), "{}", entry);
            }
        }
        let all = found.now.iter().chain(&found.later);
        for need in all {
            prop_assert!(need.products.is_subset(&wanted));
            prop_assert!(!need.products.is_empty());
            prop_assert!(!need.rules.is_empty() || !need.asked.is_empty());
            if let What::Document { any_of, .. } = &need.what {
                prop_assert!(any_of.iter().all(|group| !group.missing.is_empty()));
            }
        }
    }

    #[test]
    fn what_is_supplied_is_no_longer_missing(
        country in prop::sample::select(vec!["US", "DE", "ES", "BR"]),
        state in prop::option::of(prop::sample::select(vec!["NY", "FL"])),
    ) {
        let state = if country == "US" { state.or(Some("VA")) } else { None };
        let mut user = given(whole(country, state), &["onramp", "offramp", "onramp-light", "regulated-transfer"]);
        user.documents = PASSPORT;
        prop_assert_eq!(now(&user), Vec::<String>::new());
    }

    #[test]
    fn any_file_is_read_or_refused_with_problems(text in "\\PC*") {
        if let Err(problems) = Requirements::parse(&text) {
            prop_assert!(problems.has_errors());
        }
    }
}
