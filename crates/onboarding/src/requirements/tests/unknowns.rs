//! What is not known of the provider, and how it is met; the numbers are those of the list.

use super::*;

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
    user.profile["verificationHistory"]["idVerificationTimestamp"] = "2025-11-24T00:00:00Z".into();
    check("a year to the day", now(&user), &[]);
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
