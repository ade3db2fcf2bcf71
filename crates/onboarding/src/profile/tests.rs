//! Profiles as people write them, and what becomes of them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The body of the page's first call, as `JSON.stringify` writes it.
/// The page hides its e-mail address, so another stands for it.
const PAGE_FIRST: &str = r#"{"userDetails":{"firstName":"John","lastName":"Doe","dateOfBirth":"1995-01-01","countryOfResidence":"DE"},"kycData":{"addressOfResidence":{"line1":"123 Hauptstrasse","line2":"Apt 5","city":"Berlin","postalCode":"10115"},"email":"john.doe@example.com","identityDocument":{"type":"passport","number":"AS12321"}}}"#;
/// What the page's second call adds to it.
const PAGE_ADDED: &str = r#","dueDiligence":{"employmentStatus":"full-time","sourceOfFunds":"employment-income","industry":"finance-insurance"},"verificationHistory":{"idVerificationTimestamp":"2024-01-15T10:30:00Z","livenessVerificationTimestamp":"2024-01-15T10:32:00Z"}}"#;

fn today() -> Date {
    Date::parse("2026-05-02").unwrap()
}

/// A profile with every field there is, and nothing doubtful.
pub(crate) fn full_json() -> Value {
    json!({
        "userDetails": {
            "firstName": "Ilse", "lastName": "Brandt",
            "dateOfBirth": "1988-11-04", "countryOfResidence": "US",
        },
        "kycData": {
            "nationality": "DE",
            "addressOfResidence": {
                "line1": "9 River St", "line2": "Apt 1", "city": "Chicago",
                "stateOrRegion": "IL", "postalCode": "60601",
            },
            "email": "ilse@example.org",
            "phoneNumber": "+13125550100",
            "identityDocument": {
                "type": "ssn", "number": "123-45-6789", "issuingCountryCode": "US",
            },
            "ipAddresses": ["192.0.2.1"],
        },
        "dueDiligence": {
            "employmentStatus": "full-time", "sourceOfFunds": "salary-disbursement",
            "industry": "information", "estimatedYearlyIncome": "income-50k-100k",
            "expectedYearlyTxVolume": "volume-0-25k",
        },
        "verificationHistory": {
            "idVerificationTimestamp": "2026-05-02T09:10:00.000Z",
            "livenessVerificationTimestamp": "2025-07-02T09:12:00+02:00",
        },
    })
}

/// The full profile with one place changed; `null` takes it out.
fn with(pointer: &str, value: Value) -> Value {
    let mut profile = full_json();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let object = profile.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
    profile
}

fn accept(value: &Value) -> Checked<Profile> {
    Profile::from_value(value, today()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refuse(value: &Value) -> String {
    Profile::from_value(value, today()).err().expect("this profile should be refused").to_string()
}

#[test]
fn the_bodies_of_the_page_are_taken_and_sent_byte_for_byte() {
    let second = format!("{}{PAGE_ADDED}", &PAGE_FIRST[..PAGE_FIRST.len() - 1]);
    let old = "is more than 365 days ago, which the provider may refuse; verify the user anew";
    for (body, warnings) in [
        (PAGE_FIRST, String::new()),
        (
            &second,
            format!(
                "warning at /verificationHistory/idVerificationTimestamp: {old}\n\
                 warning at /verificationHistory/livenessVerificationTimestamp: {old}"
            ),
        ),
    ] {
        let checked = Profile::parse(body.as_bytes(), today()).ok().unwrap();
        assert_eq!(serde_json::to_string(&checked.value).unwrap(), body);
        assert_eq!(checked.warnings.to_string(), warnings);
    }
}

#[test]
fn a_profile_with_every_field_is_taken_without_warnings() {
    let checked = accept(&full_json());
    assert_eq!(checked.warnings, Problems::default());
    assert_eq!(checked.value.to_value(), full_json());
}

#[test]
fn what_is_given_loosely_is_brought_to_its_normal_form() {
    for (pointer, given, expected) in [
        ("/userDetails/firstName", " Zoë Ann ", "Zoë Ann"),
        ("/userDetails/lastName", "  李 ", "李"),
        ("/userDetails/lastName", "علی\u{200C}پور", "علی\u{200C}پور"),
        ("/userDetails/countryOfResidence", "us", "US"),
        ("/kycData/nationality", " de", "DE"),
        ("/userDetails/countryOfResidence", "usa", "US"),
        ("/kycData/nationality", "Germany", "DE"),
        ("/kycData/email", " Ilse@Example.ORG ", "Ilse@example.org"),
        ("/kycData/phoneNumber", "+49 (30) 111-222", "+4930111222"),
        ("/kycData/phoneNumber", "(312) 555-0100", "+13125550100"),
        ("/kycData/addressOfResidence/stateOrRegion", "new york", "NY"),
        ("/kycData/addressOfResidence/stateOrRegion", "tx", "TX"),
        ("/kycData/identityDocument/type", "SSN", "ssn"),
        ("/kycData/identityDocument/type", "Passport", "passport"),
        ("/kycData/identityDocument/number", "123456789", "123-45-6789"),
        ("/kycData/identityDocument/number", "123 45 6789", "123-45-6789"),
        ("/kycData/identityDocument/issuingCountryCode", "us", "US"),
    ] {
        let checked = accept(&with(pointer, given.into()));
        let value = checked.value.to_value();
        assert_eq!(value.pointer(pointer), Some(&expected.into()), "{pointer}");
        assert_eq!(checked.warnings, Problems::default(), "{pointer}");
    }
}

#[test]
fn a_number_of_social_security_gets_its_dashes_whatever_the_case_of_its_type() {
    let mut profile = with("/kycData/identityDocument/type", "Ssn".into());
    *profile.pointer_mut("/kycData/identityDocument/number").unwrap() = "123456789".into();
    let document = accept(&profile).value.kyc_data.unwrap().identity_document.unwrap();
    assert_eq!((&*document.kind, &*document.number), ("ssn", "123-45-6789"));
}

#[test]
fn only_ssns_and_states_of_america_are_rewritten() {
    for (place, value, pointer) in [
        ("/kycData/identityDocument/type", "id", "/kycData/identityDocument/number"),
        ("/userDetails/countryOfResidence", "IN", "/kycData/addressOfResidence/stateOrRegion"),
    ] {
        let mut profile = with(place, value.into());
        *profile.pointer_mut(pointer).unwrap() = "123456789".into();
        let kept = accept(&profile).value.to_value();
        assert_eq!(kept.pointer(pointer), Some(&"123456789".into()), "{pointer}");
    }
}

#[test]
fn a_number_and_a_state_are_read_by_the_country_of_residence() {
    for (country, phone, expected, state, code) in [
        ("Germany", "030 111222", "+4930111222", "Berlin", "Berlin"),
        ("CAN", "416 555 0123", "+14165550123", "Ontario", "ON"),
        ("it", "06 1234 5678", "+390612345678", "Roma", "Roma"),
        ("usa", "+49 (0)30 111222", "+4930111222", "new york", "NY"),
    ] {
        let mut profile = with("/userDetails/countryOfResidence", country.into());
        profile["kycData"]["phoneNumber"] = phone.into();
        profile["kycData"]["addressOfResidence"]["stateOrRegion"] = state.into();
        profile["dueDiligence"] = full_json()["dueDiligence"].clone();
        let kyc = accept(&profile).value.kyc_data.unwrap();
        assert_eq!(kyc.phone_number.as_deref(), Some(expected), "{country}");
        assert_eq!(kyc.address_of_residence.state_or_region.as_deref(), Some(code), "{country}");
    }
}

#[test]
fn names_stay_as_they_were_given() {
    for name in ["Zoë", "Zoe\u{308}", "李", "علی\u{200C}پور", "O’Brien-Nuñez", "d'Été  Š", "ﬁ"]
    {
        let taken = accept(&with("/userDetails/lastName", name.into())).value;
        assert_eq!(taken.user_details.unwrap().last_name, name);
    }
}

#[test]
fn a_bad_value_is_refused_at_its_place() {
    let too_long = "a".repeat(257);
    for (pointer, given, message) in [
        ("/userDetails/firstName", json!(" "), "must not be empty"),
        ("/userDetails/firstName", json!(too_long), "must be at most 256 characters long"),
        (
            "/userDetails/lastName",
            json!("Bra\u{0}ndt"),
            "must not hold control characters, such as line breaks or tabs",
        ),
        (
            "/userDetails/lastName",
            json!("Br\u{202E}dna\u{202C}t"),
            "must not hold characters that turn the direction of writing",
        ),
        (
            "/userDetails/lastName",
            json!("\u{200B} \u{FEFF}"),
            "must not be empty; it holds only invisible characters",
        ),
        ("/userDetails/lastName", json!(7), "must be a string"),
        (
            "/userDetails/dateOfBirth",
            json!("1988-02-30"),
            "must be a day that exists, as YYYY-MM-DD",
        ),
        (
            "/userDetails/dateOfBirth",
            json!("04.11.1988"),
            "must be a day that exists, as YYYY-MM-DD",
        ),
        ("/userDetails/dateOfBirth", json!("2026-05-03"), "must not be in the future"),
        ("/userDetails/dateOfBirth", json!("1895-05-02"), "must not be more than 130 years ago"),
        (
            "/userDetails/countryOfResidence",
            json!("Great"),
            "must be a country by ISO 3166-1: two letters such as DE, three such as DEU, or a name",
        ),
        (
            "/kycData/nationality",
            json!("German"),
            "must be a country by ISO 3166-1: two letters such as DE, three such as DEU, or a name",
        ),
        (
            "/kycData/email",
            json!("Ilse <ilse@example.org>"),
            "must be one e-mail address, such as ilse@example.org, and nothing else",
        ),
        (
            "/kycData/email",
            json!("[email protected]"),
            "must be one e-mail address, such as ilse@example.org, and nothing else",
        ),
        (
            "/kycData/phoneNumber",
            json!("030 111222"),
            "must be a phone number in E.164 form: + and 7 to 15 digits with the country code",
        ),
        ("/kycData/addressOfResidence", json!("Am Ufer 9"), "must be a JSON object"),
        ("/kycData/ipAddresses", json!("192.0.2.1"), "must be a list"),
        ("/kycData/identityDocument", json!([]), "must be a JSON object"),
        (
            "/verificationHistory/idVerificationTimestamp",
            json!("2026-04-31T09:10:00Z"),
            "must be a time that exists, such as 2026-05-02T09:10:00Z",
        ),
        (
            "/verificationHistory/idVerificationTimestamp",
            json!("2026-04-30T09:10:00Z[UTC]"),
            "must be a time that exists, such as 2026-05-02T09:10:00Z",
        ),
        (
            "/verificationHistory/idVerificationTimestamp",
            json!("2026-04-30 09:10:00Z"),
            "must be a time that exists, such as 2026-05-02T09:10:00Z",
        ),
        (
            "/verificationHistory/livenessVerificationTimestamp",
            json!("2026-05-03T00:00:00Z"),
            "must not be in the future",
        ),
        (
            "/kycData/addressOfResidence/state",
            json!("IL"),
            "a field that Gangway does not know; did you mean `stateOrRegion`?",
        ),
        (
            "/dueDilligence",
            json!({}),
            "a field that Gangway does not know; did you mean `dueDiligence`?",
        ),
        (
            "/userDetails/nickname",
            json!("Il"),
            "a field that Gangway does not know; known are firstName, lastName, dateOfBirth, \
             countryOfResidence",
        ),
    ] {
        let expected = format!("error at {pointer}: {message}");
        assert_eq!(refuse(&with(pointer, given)), expected);
    }
}

#[test]
fn oldest_and_youngest_are_still_taken() {
    for born in ["1895-05-03", "2026-05-02"] {
        accept(&with("/userDetails/dateOfBirth", born.into()));
    }
}

#[test]
fn a_section_must_have_what_the_provider_requires_in_it() {
    for (pointer, required) in [
        ("/userDetails/firstName", true),
        ("/userDetails/lastName", true),
        ("/userDetails/dateOfBirth", true),
        ("/userDetails/countryOfResidence", true),
        ("/kycData/nationality", false),
        ("/kycData/addressOfResidence", true),
        ("/kycData/addressOfResidence/line1", true),
        ("/kycData/addressOfResidence/line2", false),
        ("/kycData/addressOfResidence/city", true),
        ("/kycData/addressOfResidence/stateOrRegion", false),
        ("/kycData/addressOfResidence/postalCode", true),
        ("/kycData/email", true),
        ("/kycData/phoneNumber", false),
        ("/kycData/identityDocument", false),
        ("/kycData/identityDocument/type", true),
        ("/kycData/identityDocument/number", true),
        ("/kycData/identityDocument/issuingCountryCode", false),
        ("/kycData/ipAddresses", false),
        ("/dueDiligence/employmentStatus", true),
        ("/dueDiligence/sourceOfFunds", true),
        ("/dueDiligence/industry", true),
        ("/dueDiligence/estimatedYearlyIncome", false),
        ("/dueDiligence/expectedYearlyTxVolume", false),
        ("/verificationHistory/idVerificationTimestamp", true),
        ("/verificationHistory/livenessVerificationTimestamp", true),
        ("/userDetails", false),
        ("/kycData", false),
        ("/dueDiligence", false),
        ("/verificationHistory", false),
    ] {
        let without = with(pointer, Value::Null);
        if required {
            let expected = format!("error at {pointer}: is missing; it is required here");
            assert_eq!(refuse(&without), expected);
        } else {
            accept(&without);
        }
    }
}

#[test]
fn every_problem_is_listed_at_once() {
    let bad = br#"{
        "userDetails": {"firstName": "", "lastName": null, "dateOfBirth": "soon", "dateOfBirth": "x"},
        "kycData": {"email": "no", "ipAddresses": ["", 4], "state": "IL", "Ilse Brandt": 1},
        "dueDiligence": {"employmentStatus": "fulltime", "sourceOfFunds": "a", "industry": "crypto"},
        "note": "hello"
    }"#;
    let Err(problems) = Profile::parse(bad, today()) else { panic!("it should be refused") };
    let places: Vec<&str> = problems.0.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(
        places,
        [
            "/userDetails/dateOfBirth",
            "/kycData",
            "/kycData/state",
            "/note",
            "/userDetails/firstName",
            "/userDetails/lastName",
            "/userDetails/dateOfBirth",
            "/userDetails/countryOfResidence",
            "/kycData/addressOfResidence",
            "/kycData/email",
            "/kycData/ipAddresses/0",
            "/kycData/ipAddresses/1",
            "/dueDiligence/employmentStatus",
            "/dueDiligence/sourceOfFunds",
        ]
    );
}

#[test]
fn what_is_no_profile_at_all_is_refused_once() {
    for (given, expected) in [
        (json!([]), "error: must be a JSON object"),
        (json!({}), "error: must hold at least one section, such as userDetails"),
        (
            json!({"kycData": null}),
            "error at /kycData: must not be null; leave it out where there is no value",
        ),
    ] {
        assert_eq!(refuse(&given), expected);
    }
}

#[test]
fn what_the_provider_alone_can_judge_is_a_warning() {
    let word = "the provider may not know this word";
    for (pointer, given, place, message) in [
        (
            "/dueDiligence/employmentStatus",
            json!("fulltime"),
            "/dueDiligence/employmentStatus",
            format!("{word}; did you mean `full-time`?"),
        ),
        (
            "/dueDiligence/expectedYearlyTxVolume",
            json!("plenty"),
            "/dueDiligence/expectedYearlyTxVolume",
            format!("{word}; known are volume-0-25k"),
        ),
        (
            "/kycData/identityDocument/type",
            json!("driving-licence"),
            "/kycData/identityDocument/type",
            format!("{word}; known are id, passport, ssn"),
        ),
        (
            "/kycData/identityDocument/number",
            json!("12345"),
            "/kycData/identityDocument/number",
            "is no US social security number of the form XXX-XX-XXXX".to_owned(),
        ),
        (
            "/kycData/addressOfResidence/stateOrRegion",
            json!("Bavaria"),
            "/kycData/addressOfResidence/stateOrRegion",
            "is no US state or territory; give its two letters".to_owned(),
        ),
        (
            "/userDetails/countryOfResidence",
            json!("CA"),
            "/kycData/addressOfResidence/stateOrRegion",
            "is no province or territory of Canada; give its two letters\n\
             warning at /dueDiligence/estimatedYearlyIncome: may be refused by the provider \
             outside the US; leave it out there"
                .to_owned(),
        ),
        (
            "/kycData/phoneNumber",
            json!("+1 555 0100"),
            "/kycData/phoneNumber",
            "is no number that its country's plan has; check its digits".to_owned(),
        ),
        (
            "/kycData/addressOfResidence/stateOrRegion",
            Value::Null,
            "/kycData/addressOfResidence/stateOrRegion",
            "is missing; the provider decides by it in the US".to_owned(),
        ),
        (
            "/kycData/phoneNumber",
            Value::Null,
            "/kycData/phoneNumber",
            "is missing; the provider may require it in the US".to_owned(),
        ),
        (
            "/dueDiligence/estimatedYearlyIncome",
            Value::Null,
            "/dueDiligence/estimatedYearlyIncome",
            "is missing; the provider may require it in the US".to_owned(),
        ),
        (
            "/userDetails/countryOfResidence",
            json!("AX"),
            "/dueDiligence/estimatedYearlyIncome",
            "may be refused by the provider outside the US; leave it out there".to_owned(),
        ),
        (
            "/verificationHistory/idVerificationTimestamp",
            json!("2025-05-01T23:59:59Z"),
            "/verificationHistory/idVerificationTimestamp",
            "is more than 365 days ago, which the provider may refuse; verify the user anew"
                .to_owned(),
        ),
        (
            "/verificationHistory/livenessVerificationTimestamp",
            json!("2025-06-05T23:59:59Z"),
            "/verificationHistory/livenessVerificationTimestamp",
            "is more than 330 days ago, and the provider may refuse it from 365 on; verify the \
             user anew soon"
                .to_owned(),
        ),
    ] {
        let warnings = accept(&with(pointer, given)).warnings.to_string();
        assert_eq!(warnings, format!("warning at {place}: {message}"));
    }
}

#[test]
fn a_verification_may_be_a_year_old_to_the_day_and_is_refused_after_that() {
    let outdated = |time: &str| {
        let place = "/verificationHistory/livenessVerificationTimestamp";
        let profile = accept(&with(place, json!(time))).value;
        profile.outdated_verifications(today()).to_string()
    };
    assert_eq!(outdated("2025-05-02T00:00:00Z"), "");
    let told = outdated("2025-05-01T23:59:59Z");
    let place = "error at /verificationHistory/livenessVerificationTimestamp: must not be more";
    assert!(told.starts_with(place), "{told}");
    let old = accept(&with(
        "/verificationHistory/idVerificationTimestamp",
        json!("2025-06-06T00:00:00Z"),
    ));
    assert_eq!(old.warnings.to_string(), "", "330 days ago to the day");
}

#[test]
fn kinds_of_documents_are_known_where_they_stand() {
    for (field, word, is_known) in [
        ("type", "ssn", true),
        ("type", "id-passport", false),
        ("documentType", "id-passport", true),
        ("documentType", "ssn", false),
        ("employmentStatus", "ssn", false),
    ] {
        assert_eq!(is_kind_of_document(field, word), is_known, "{field} {word}");
    }
}

#[test]
fn problems_never_repeat_what_was_given() {
    const CANARY: &str = "canary4711";
    let bad = json!({
        "userDetails": {"firstName": format!("{CANARY}\n"), "dateOfBirth": CANARY,
            "countryOfResidence": "US", "lastName": "x", "born in canary4711": 1},
        "kycData": {"email": CANARY, "phoneNumber": CANARY, "nationality": CANARY,
            "identityDocument": {"type": CANARY, "number": CANARY}},
        "dueDiligence": {"employmentStatus": CANARY, "sourceOfFunds": CANARY, "industry": CANARY},
        "verificationHistory": {"idVerificationTimestamp": CANARY,
            "livenessVerificationTimestamp": CANARY},
    });
    let text = refuse(&bad);
    assert!(!text.contains(CANARY), "{text}");
    let broken = bad.to_string().replace(':', " ");
    let Err(problems) = Profile::parse(broken.as_bytes(), today()) else { panic!("no JSON") };
    assert!(!format!("{problems} {problems:?}").contains(CANARY), "{problems}");
}

#[test]
fn an_edit_tells_which_sections_it_changed() {
    let old = accept(&full_json()).value;
    let only = |sections: &[Section]| BTreeSet::from_iter(sections.iter().cloned());
    let all = only(Section::KNOWN);
    for (edit, present, changed) in [
        (full_json(), all.clone(), only(&[])),
        (with("/kycData/email", json!("i@example.org")), all.clone(), only(&[Section::KycData])),
        (
            with("/dueDiligence", Value::Null),
            only(&[Section::UserDetails, Section::KycData, Section::VerificationHistory]),
            only(&[Section::DueDiligence]),
        ),
    ] {
        let changes = changed_sections(Some(&old), &accept(&edit).value);
        assert_eq!(changes, SectionChanges { present, changed });
    }
    assert_eq!(changed_sections(None, &old).changed, all);
}

/// Any JSON of a few levels, with names and texts that a profile might have.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "userDetails",
            "kycData",
            "firstName",
            "addressOfResidence",
            "email",
            "state",
            "a",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Texts of which many are good in one field or another, given tidily or not.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "us",
            " US ",
            "de",
            "1988-11-04",
            "2025-01-01T00:00:00Z",
            "ilse@example.org",
            "+49 (30) 111-222",
            "+49 (0)30 111222",
            "030 111222",
            "312-555-0100",
            "usa",
            "Germany",
            "ca",
            "Ontario",
            "Bavaria",
            "Ilse@EXAMPLE.org",
            "ssn",
            "123456789",
            "California",
            "ca",
            "Zoë",
            " x\u{3000}",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ]
}

/// The full profile with some of its texts replaced and some of its fields gone.
fn any_edited_profile() -> impl Strategy<Value = Value> {
    let places = vec![
        "/userDetails/firstName",
        "/userDetails/countryOfResidence",
        "/userDetails/dateOfBirth",
        "/kycData/nationality",
        "/kycData/email",
        "/kycData/phoneNumber",
        "/kycData/addressOfResidence/stateOrRegion",
        "/kycData/addressOfResidence/line2",
        "/kycData/identityDocument/type",
        "/kycData/identityDocument/number",
        "/dueDiligence/industry",
        "/dueDiligence",
        "/verificationHistory/idVerificationTimestamp",
    ];
    let given = prop_oneof![3 => any_text().prop_map(Value::from), 1 => Just(Value::Null)];
    (prop::sample::select(places), given).prop_map(|(pointer, value)| with(pointer, value))
}

proptest! {
    #[test]
    fn any_json_is_taken_or_refused_with_a_reason(value in any_json()) {
        if let Err(problems) = Profile::from_value(&value, today()) {
            prop_assert!(problems.has_errors());
        }
    }

    #[test]
    fn what_was_taken_is_in_its_normal_form(value in any_edited_profile()) {
        if let Ok(checked) = Profile::from_value(&value, today()) {
            prop_assert!(!checked.warnings.has_errors());
            let text = serde_json::to_vec(&checked.value).unwrap();
            let again = Profile::parse(&text, today());
            prop_assert!(again.is_ok_and(|again| again == checked));
        }
    }
}

#[test]
fn a_country_that_is_wrong_is_one_problem_and_not_the_phones_as_well() {
    let country = "must be a country by ISO 3166-1: two letters such as DE, three such as DEU, or \
                   a name";
    let refusal = format!("error at /userDetails/countryOfResidence: {country}");
    let mut profile = with("/userDetails/countryOfResidence", json!("Germoney"));
    for (phone, is_refused) in
        [("030 111222", false), ("(312) 555-0100", false), ("+49", true), ("x", true)]
    {
        profile["kycData"]["phoneNumber"] = phone.into();
        let refused = refuse(&profile);
        assert!(refused.starts_with(&refusal), "{refused}");
        assert_eq!(refused.contains("/kycData/phoneNumber"), is_refused, "{phone}: {refused}");
    }
    // Without a country at all the number has to be whole.
    profile.as_object_mut().unwrap().remove("userDetails");
    profile["kycData"]["phoneNumber"] = "030 111222".into();
    assert!(refuse(&profile).contains("error at /kycData/phoneNumber"));
}
