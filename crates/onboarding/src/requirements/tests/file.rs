//! The built-in file, and files that people write.

use super::*;

#[test]
fn the_built_in_file_reads_and_says_what_the_state_machine_needs() {
    let table = Requirements::parse(DEFAULT).map_err(|problems| problems.to_string()).unwrap();
    assert_eq!(table, Requirements::default());
    let accepts = table.accepts();
    let groups = |area: Option<&str>, word: &str| {
        let area = area.map(|area| Area(area.to_owned()));
        let groups = accepts.groups(area.as_ref(), word).into_iter();
        let groups =
            groups.map(|group| group.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"));
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
error at /areas/0/countries/1: must be a country by ISO 3166-1: two letters such as DE, three such as DEU, or a name
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

#[test]
fn a_file_has_its_limit() {
    let file = |bytes: usize| format!("{DEFAULT}\n#{}", " ".repeat(bytes - DEFAULT.len() - 2));
    assert!(Requirements::parse(&file(REQUIREMENTS_BYTES_MAX)).is_ok());
    let problems = Requirements::parse(&file(REQUIREMENTS_BYTES_MAX + 1)).unwrap_err();
    assert_eq!(problems.to_string(), "error: must be at most 256 KiB");
}

#[test]
fn what_is_judged_if_it_is_sent_is_a_field_and_nothing_else() {
    let said = "error at /rules/sent/when: \"if-sent\" is for fields alone";
    for (asks, is_refused) in [
        ("fields = [\"kycData.email\"]", false),
        ("consent = true", true),
        ("fields = [\"kycData.email\"]\nconsent = true", true),
        ("fields = [\"kycData.email\"]\ndocuments = [\"id\"]", true),
        ("leave_out = [\"kycData.email\"]", true),
    ] {
        let rule = format!(
            "{DEFAULT}\n[rules.sent]\nproducts = [\"onramp\"]\nwhen = \"if-sent\"\n{asks}\nsource = \
             \"x\"\ndate = 2026-01-01\n"
        );
        let problems = Requirements::parse(&rule).err().map(|problems| problems.to_string());
        let told = problems.as_deref().is_some_and(|problems| problems.contains(said));
        assert_eq!(told, is_refused, "{asks}: {problems:?}");
    }
}

#[test]
fn a_source_is_one_line_of_text() {
    let refused = |source: &str| {
        let rule = format!(
            "{DEFAULT}\n[rules.sent]\nproducts = [\"onramp\"]\nconsent = true\nsource = {}\ndate = \
             2026-01-01\n",
            serde_json::to_string(source).unwrap()
        );
        let problems = Requirements::parse(&rule).err().map(|problems| problems.to_string());
        problems.unwrap_or_default()
    };
    let said = "error at /rules/sent/source: must be ";
    let line = format!("{said}one line of text that is not empty");
    assert!(!refused(&"ä".repeat(500)).contains(said));
    assert!(refused(&"ä".repeat(501)).contains(&format!("{said}at most 500 characters long")));
    assert!(refused(" ").contains(&line));
    assert!(refused("two\nlines").contains(&line));
}

#[test]
fn a_table_without_consents_asks_for_all_else() {
    let table = Requirements::default();
    let without = table.without_consents();
    assert!(table.rules.iter().any(|rule| rule.consent));
    let asking_less: Vec<Rule> =
        table.rules.iter().map(|rule| Rule { consent: false, ..rule.clone() }).collect();
    assert_eq!(without.rules, asking_less);
    assert_eq!(without.areas, table.areas);
}
