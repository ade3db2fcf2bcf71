//! The rows of the decision table, one by one.

use super::*;

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
fn in_a_listed_state_enhanced_due_diligence_adds_the_same_to_due_diligence() {
    let due = "due-diligence[employmentStatus sourceOfFunds industry estimatedYearlyIncome] \
               onramp,offramp";
    let id = "id(id-passport|id-idcard-front+id-idcard-back) onramp,offramp";
    let proofs = [
        "proof-of-address(proof-of-address) onramp,offramp",
        "proof-of-income(proof-of-income) onramp,offramp",
    ];
    for state in ["NY", "NC", "TN", "TX", "VA", "VT"] {
        let mut user = given(without(whole("US", Some(state)), &["/dueDiligence"]), BOTH);
        user.diligence = Diligence::Enhanced;
        check(state, now(&user), &[due, id, proofs[0], proofs[1]]);
        user.documents = &["id-idcard-front"];
        let other_side = "id(id-passport|id-idcard-back) onramp,offramp";
        check("one side", now(&user), &[due, other_side, proofs[0], proofs[1]]);
        user.documents = PASSPORT;
        check("passport", now(&user), &[due, proofs[0], proofs[1]]);
        user.profile = whole("US", Some(state));
        user.documents = &["id-passport", "proof-of-address", "proof-of-income"];
        check("enough", now(&user), &[]);
    }
}

#[test]
fn in_the_eea_enhanced_due_diligence_adds_the_proofs_to_the_document() {
    let proofs = [
        "proof-of-address(proof-of-address) onramp,offramp",
        "proof-of-income(proof-of-income) onramp,offramp",
    ];
    for (country, id) in [
        ("DE", "id(id-passport|id-idcard-front+id-idcard-back) onramp,offramp"),
        ("NO", "id(id-passport|id-idcard-front+id-idcard-back) onramp,offramp"),
        ("ES", "id(id-passport|id-idcard-front+id-idcard-back|id-residency-permit) onramp,offramp"),
    ] {
        let mut user = given(whole(country, None), BOTH);
        user.diligence = Diligence::Enhanced;
        check(country, now(&user), &[id, proofs[0], proofs[1]]);
        user.documents = &["id-idcard-front", "id-idcard-back", "proof-of-income"];
        check(country, now(&user), &proofs[..1]);
    }
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
fn a_us_state_that_can_not_be_read_is_not_taken_for_one_that_is_not_listed() {
    let due = "by-residence: due-diligence[employmentStatus sourceOfFunds industry \
               estimatedYearlyIncome] onramp";
    for state in ["N.Y.", "N.C.", "New York State", "NewYork", "Virgina", "US_NY", "Nowhere"] {
        let user = given(without(whole("US", Some(state)), &["/dueDiligence"]), ONRAMP);
        check(state, now(&user), &["kyc-data[stateOrRegion?] onramp"]);
        assert!(later(&user).contains(&due.to_owned()), "{state}: {:?}", later(&user));
        let areas = compiled(&user).areas;
        assert_eq!(areas, ["us", "us-listed"].map(|name| Area(name.into())).into(), "{state}");
    }
    // No rule goes by a province, so that one that nobody knows is not asked for.
    let mut abroad = given(whole("CA", Some("Narnia")), &["offramp"]);
    abroad.documents = PASSPORT;
    check("Canada", now(&abroad), &[]);
    let asking = DEFAULT.replacen(
        "fields = [\"kycData.nationality\"]",
        "fields = [\"kycData.addressOfResidence.stateOrRegion\"]",
        2,
    );
    let table = Requirements::parse(&asking).unwrap();
    let of_table =
        |user: &Given| -> Vec<String> { compiled_by(&table, user).now.iter().map(short).collect() };
    check("Canada, where a rule does", of_table(&abroad), &["kyc-data[stateOrRegion?] offramp"]);
    abroad.profile = whole("CA", Some("Ontario"));
    check("Ontario", of_table(&abroad), &[]);
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
