//! From the text of a file to a table of requirements. Every mistake is found before any is
//! told.

use std::collections::BTreeSet;

use super::place::{Place, Read};
use super::table::{
    Alternatives, REQUIREMENTS_BYTES_MAX, Requirements, Residence, Restriction, Rule, Tier, When,
};
use super::{Area, Field};
use crate::problem::Problems;
use crate::{DocumentType, Product, Section, is_word, names, profile};

/// The longest text that the table takes, in characters.
const TEXT_CHARS_MAX: usize = 500;

pub(super) fn read(text: &str) -> Result<Requirements, Problems> {
    let mut problems = Problems::default();
    let table = match parse(text) {
        Ok(table) => table,
        Err(message) => {
            problems.error("", message);
            return Err(problems);
        }
    };
    let mut file = Place::root(&table, &mut problems);
    file.check_names(&["areas", "accepts", "rules", "tiers", "restricted"]);
    let areas = file.array("areas", residence);
    check_areas(&areas, file.problems);
    let names: BTreeSet<Area> = areas.iter().map(|area| area.name.clone()).collect();
    let accepts = file.array("accepts", |place| alternatives(place, &names));
    check_accepts(&accepts, &names, file.problems);
    let words: BTreeSet<&str> = accepts.iter().map(|entry| entry.requirement.as_str()).collect();
    let rules = file.named("rules", |id, place| Some(rule(id, place, &names, &words)));
    check_rules(&rules, file.problems);
    let tiers = file.named("tiers", tier);
    let restricted = file.named("restricted", |id, place| Some(restriction(id, place)));
    if rules.is_empty() {
        file.error("rules", "is empty; without rules nothing can be said of anyone");
    }
    let requirements = Requirements { areas, accepts, rules, tiers, restricted };
    problems.checked(requirements).map(|checked| checked.value)
}

fn parse(text: &str) -> Result<toml::Table, String> {
    if text.len() > REQUIREMENTS_BYTES_MAX {
        return Err(format!("must be at most {} KiB", REQUIREMENTS_BYTES_MAX / 1024));
    }
    text.parse::<toml::Table>().map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
        format!("must be TOML, and is not at line {line}: {}", error.message())
    })
}

fn residence(place: &mut Place<'_>) -> Residence {
    place.check_names(&["name", "countries", "states", "entity"]);
    let countries: BTreeSet<String> = place.list("countries", country).into_iter().collect();
    let states: BTreeSet<String> = place.list("states", us_state).into_iter().collect();
    if !states.is_empty() && countries != BTreeSet::from(["US".to_owned()]) {
        place.error("states", "goes with countries = [\"US\"] alone");
    }
    let entity = place.text("entity", word);
    let name = place.required("name", "is missing; name the area", word);
    let origin = place.origin();
    Residence { name: Area(name.unwrap_or_default()), countries, states, entity, origin }
}

/// Each area is reached by someone, and everyone by an area.
fn check_areas(areas: &[Residence], problems: &mut Problems) {
    let mut names = BTreeSet::new();
    let mut whole: BTreeSet<&str> = BTreeSet::new();
    let mut states: BTreeSet<&str> = BTreeSet::new();
    let mut takes_the_rest = false;
    for (index, area) in areas.iter().enumerate() {
        let pointer = format!("/areas/{index}");
        if !names.insert(&area.name) {
            problems.error(format!("{pointer}/name"), "is an earlier area's; rename one");
        }
        let left: Vec<&String> =
            area.countries.iter().filter(|country| !whole.contains(country.as_str())).collect();
        let is_reached = !takes_the_rest
            && (area.countries.is_empty() || !left.is_empty())
            && (area.states.is_empty()
                || area.states.iter().any(|state| !states.contains(state.as_str())));
        if !is_reached {
            let message = "no country reaches this area, as the areas before take them all; move \
                           it up or take it out";
            problems.error(&pointer, message);
        }
        takes_the_rest |= area.countries.is_empty();
        if area.states.is_empty() {
            whole.extend(area.countries.iter().map(String::as_str));
        }
        states.extend(area.states.iter().map(String::as_str));
    }
    if !takes_the_rest {
        let message = "no area takes the countries that none names; end with one that has no \
                       countries";
        problems.error("/areas", message);
    }
}

fn alternatives(place: &mut Place<'_>, areas: &BTreeSet<Area>) -> Alternatives {
    place.check_names(&["requirement", "areas", "any_of"]);
    let missing = "is missing; name the word of the provider's missingDocuments";
    let requirement = place.required("requirement", missing, word);
    let any_of = place.groups("any_of");
    let areas = place.areas(areas);
    let origin = place.origin();
    if any_of.as_ref().is_some_and(|groups| groups.iter().any(Vec::is_empty) || groups.is_empty()) {
        place.error("any_of", "must not be empty; name at least one document type a group");
    }
    Alternatives {
        requirement: requirement.unwrap_or_default(),
        areas,
        any_of: any_of.unwrap_or_default(),
        origin,
    }
}

/// Each requirement says what meets it in every area, once.
fn check_accepts(accepts: &[Alternatives], areas: &BTreeSet<Area>, problems: &mut Problems) {
    let mut said: BTreeSet<(&str, &Area)> = BTreeSet::new();
    for (index, entry) in accepts.iter().enumerate() {
        for area in &entry.areas {
            if !said.insert((&entry.requirement, area)) {
                let message = format!(
                    "says again what meets `{}` in the area `{area}`; keep one",
                    entry.requirement
                );
                problems.error(format!("/accepts/{index}/areas"), message);
            }
        }
    }
    let named = accepts.iter().map(|entry| entry.requirement.as_str());
    let requirements: BTreeSet<&str> = named.filter(|word| !word.is_empty()).collect();
    for requirement in requirements {
        let left_out = areas.iter().filter(|area| !said.contains(&(requirement, *area)));
        let left_out: Vec<String> = left_out.map(ToString::to_string).collect();
        if !left_out.is_empty() {
            let message = format!(
                "nothing says what meets `{requirement}` in these areas: {}; add an entry",
                left_out.join(", ")
            );
            problems.error("/accepts", message);
        }
    }
}

fn rule(
    id: &str,
    place: &mut Place<'_>,
    areas: &BTreeSet<Area>,
    requirements: &BTreeSet<&str>,
) -> Rule {
    place.check_names(&[
        "products",
        "areas",
        "when",
        "sections",
        "fields",
        "documents",
        "consent",
        "leave_out",
        "max_age_days",
        "warn_age_days",
    ]);
    let products = place.products("products");
    let areas = place.areas(areas);
    let when = place.text("when", when);
    let sections = place.list("sections", section);
    let mut fields: Vec<Field> = sections.iter().flat_map(Field::base).collect();
    for field in place.list("fields", Field::parse) {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    let known: Vec<&str> = requirements.iter().copied().collect();
    let documents = place.list("documents", |word| {
        if requirements.contains(word) {
            return Ok(word.to_owned());
        }
        let what = "no [[accepts]] entry says what meets this";
        Err(if known.is_empty() {
            format!("{what}; add one")
        } else {
            names::unknown(what, word, &known)
        })
    });
    let consent = place.switch("consent");
    let leave_out = place.list("leave_out", Field::parse);
    let max_age_days = place.days("max_age_days");
    let warn_age_days = place.days("warn_age_days");
    let origin = place.origin();
    let when = when.unwrap_or(When::Always);
    if fields.is_empty() && documents.is_empty() && !consent && leave_out.is_empty() {
        place.error("", "asks for nothing; give it sections, fields, documents or consent");
    }
    if when == When::IfSent && (fields.is_empty() || !documents.is_empty() || consent) {
        place.error("when", "\"if-sent\" is for fields alone");
    }
    if max_age_days.is_some()
        && !fields.iter().all(|it| it.section() == Section::VerificationHistory)
    {
        place.error("max_age_days", "goes with the times of verification-history alone");
    }
    if warn_age_days.is_some() && warn_age_days >= max_age_days {
        place.error("warn_age_days", "must be less than max_age_days");
    }
    Rule {
        id: id.to_owned(),
        products,
        areas,
        when,
        fields,
        documents,
        consent,
        leave_out,
        max_age_days,
        warn_age_days,
        origin,
    }
}

/// No rule says what another one says.
fn check_rules(rules: &[Rule], problems: &mut Problems) {
    for (index, rule) in rules.iter().enumerate() {
        let says_the_same = |other: &&Rule| {
            let renamed =
                Rule { id: rule.id.clone(), origin: rule.origin.clone(), ..(**other).clone() };
            renamed == *rule
        };
        if let Some(earlier) = rules[..index].iter().find(says_the_same) {
            let message = format!("says the same as the rule `{}`; keep one", earlier.id);
            problems.error(format!("/rules/{}", rule.id), message);
        }
    }
}

fn tier(id: &str, place: &mut Place<'_>) -> Option<Tier> {
    place.check_names(&["becomes", "above"]);
    let product = known_product(id);
    if let Err(message) = &product {
        place.error("", message);
    }
    let becomes = place.required("becomes", "is missing; name a product", known_product);
    let above = place.required("above", "is missing; say the limit in words", free);
    let origin = place.origin();
    Some(Tier { product: product.ok()?, becomes: becomes?, above: above?, origin })
}

fn restriction(id: &str, place: &mut Place<'_>) -> Restriction {
    place.check_names(&["products", "countries"]);
    let products = place.products("products");
    let countries: BTreeSet<String> = place.list("countries", country).into_iter().collect();
    if countries.is_empty() {
        place.error("countries", "must not be empty; take the restriction out if it is lifted");
    }
    let origin = place.origin();
    Restriction { id: id.to_owned(), products, countries, origin }
}

fn country(text: &str) -> Read<String> {
    profile::country(text).map_err(str::to_owned)
}

fn us_state(text: &str) -> Read<String> {
    let code = profile::state("US", text).map(str::to_owned);
    code.ok_or_else(|| "is no US state or territory; give its two letters".to_owned())
}

fn section(text: &str) -> Read<Section> {
    one_of(text, Section::KNOWN, Section::as_str, "is no section of a profile")
}

pub(super) fn known_product(text: &str) -> Read<Product> {
    one_of(text, Product::KNOWN, Product::as_str, "is no product that Gangway knows")
}

pub(super) fn document_type(text: &str) -> Read<DocumentType> {
    let what = "is no document type that Gangway knows";
    one_of(text, DocumentType::KNOWN, DocumentType::as_str, what)
}

fn when(text: &str) -> Read<When> {
    one_of(text, &When::ALL, |when| when.as_str(), "is no condition")
}

fn one_of<T: Clone>(text: &str, all: &[T], word: fn(&T) -> &str, what: &str) -> Read<T> {
    let known: Vec<&str> = all.iter().map(word).collect();
    let read = all.iter().find(|value| word(value) == text);
    read.cloned().ok_or_else(|| names::unknown(what, text, &known))
}

pub(super) fn word(text: &str) -> Read<String> {
    let read = is_word(text).then(|| text.to_owned());
    read.ok_or_else(|| "must be a word of lower-case letters, digits and dashes".to_owned())
}

pub(super) fn free(text: &str) -> Read<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("must be one line of text that is not empty".to_owned());
    }
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(format!("must be at most {TEXT_CHARS_MAX} characters long"));
    }
    Ok(text.to_owned())
}
