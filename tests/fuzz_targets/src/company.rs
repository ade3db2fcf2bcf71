//! What a company writes for all of its users: the table of requirements, and the texts.

use std::collections::{BTreeMap, BTreeSet};

use onboarding::requirements::{Case, Diligence, compile};
use onboarding::texts::{DueBy, Language, Limits, Mistake, Subject, SubjectKind, Texts};
use onboarding::{Date, ForWhom, Product, Profile, Requirements};

use crate::person::check_refusal;
use crate::provider::{NOW, PROFILE};

/// The table of requirements.
pub(crate) fn requirements(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Requirements::parse(text) {
        Ok(table) => {
            check_everyone_has_an_area(&table);
            check_every_requirement_can_be_met(&table);
            for profile in [None, Some(&*PROFILE)] {
                check_compiled(&table, profile);
            }
            assert!(serde_json::to_string(&table).is_ok(), "it can be shown");
        }
        Err(problems) => {
            check_refusal(&problems);
            for problem in &problems.0 {
                check_one_line(&problem.message);
            }
        }
    }
}

fn check_everyone_has_an_area(table: &Requirements) {
    let rest = table.areas.last().expect("there is an area");
    assert!(rest.countries.is_empty(), "nobody takes the rest");
    let names: BTreeSet<_> = table.areas.iter().map(|area| &area.name).collect();
    assert_eq!(names.len(), table.areas.len(), "two areas have one name");
}

/// In each area one entry says what meets it, and that is what holds there.
fn check_every_requirement_can_be_met(table: &Requirements) {
    let accepts = table.accepts();
    for requirement in table.accepts.iter().map(|entry| &entry.requirement) {
        for area in &table.areas {
            let says = table.accepts.iter().filter(|entry| {
                entry.requirement == *requirement && entry.areas.contains(&area.name)
            });
            let [entry] = says.collect::<Vec<_>>()[..] else {
                panic!("not one entry for {requirement} in {}", area.name)
            };
            assert!(!entry.any_of.is_empty() && entry.any_of.iter().all(|it| !it.is_empty()));
            assert_eq!(accepts.groups(Some(&area.name), requirement), entry.any_of);
        }
    }
}

/// What a user owes is an area's, and by rules that there are.
fn check_compiled(table: &Requirements, profile: Option<&Profile>) {
    let case = Case {
        wanted: Product::KNOWN.iter().cloned().collect(),
        profile,
        documents: BTreeMap::new(),
        consented: None,
        diligence: Diligence::Standard,
        eligibility: Vec::new(),
        today: NOW.date(),
    };
    let compiled = compile(table, &case);
    if let Some(profile) = profile {
        let area = table.area_of(profile);
        assert!(area.is_some(), "the profile names a country");
        assert_eq!(compiled.area, area);
    }
    for need in compiled.now.iter().chain(&compiled.later) {
        assert!(!need.products.is_empty(), "nobody wants what is asked for");
        assert!(!need.rules.is_empty(), "no rule asks for it, and nobody else was asked");
        for cited in &need.rules {
            assert!(table.rules.iter().any(|rule| rule.id == cited.rule), "no rule is called so");
        }
    }
}

/// A file of texts: a line with its language, then the file.
pub(crate) fn texts(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (tag, file) = (&data[..end], &data[end + 1..]);
    let Ok(tag) = std::str::from_utf8(tag) else { return };
    let Ok(language) = tag.parse::<Language>() else { return };
    match Texts::default().with(language.clone(), file) {
        Ok(texts) => {
            assert!(texts.speaks(&language));
            let again = texts.clone().with(language.clone(), file);
            assert!(again.is_ok_and(|again| again == texts), "given twice it says something else");
            for subject in subjects() {
                check_told(&texts, &language, &subject);
            }
        }
        Err(mistakes) => check_mistakes(file, &mistakes),
    }
}

/// More mistakes than these are counted only, in one line more.
const MISTAKES_MAX: usize = 100;

fn check_mistakes(file: &[u8], mistakes: &[Mistake]) {
    assert!(!mistakes.is_empty(), "refused for nothing");
    assert!(mistakes.len() <= MISTAKES_MAX + 1, "{} mistakes are told", mistakes.len());
    let lines = 1 + file.iter().filter(|byte| **byte == b'\n').count();
    for mistake in mistakes {
        assert!((1..=lines).contains(&mistake.line), "line {} of {lines}", mistake.line);
        assert!(!mistake.message.is_empty());
        check_one_line(&mistake.to_string());
    }
}

/// The year of a date in every text of [`subjects`]: no other number is like it.
const YEAR: &str = "2031";

/// Whatever the company's texts are, a user is told what to do and by when.
fn check_told(texts: &Texts, language: &Language, subject: &Subject) {
    let today = NOW.date();
    let told = texts.task_for_user(language, subject, today);
    assert!(!told.title.as_str().is_empty() && !told.sentence.as_str().is_empty());
    let due = told.due.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(subject.kind == SubjectKind::Operator || due.contains(YEAR), "the day is lost");
    let reminder = texts.reminder(language, subject, today);
    for phrase in [told.files, told.example, told.needed_for, told.due].into_iter().flatten() {
        check_phrase(phrase.as_str());
    }
    for phrase in [told.title, told.sentence, reminder.title, reminder.sentence] {
        check_phrase(phrase.as_str());
    }
    check_phrase(texts.task_for_staff(language, subject, today).as_str());
}

/// One line, in which every placeholder is filled.
fn check_phrase(phrase: &str) {
    check_one_line(phrase);
    assert!(!phrase.contains(['{', '}']), "a placeholder is left");
}

fn check_one_line(text: &str) {
    assert!(!text.contains(char::is_control), "a text that is not one line: {text:?}");
}

/// One of each kind, with all that can be told of it.
fn subjects() -> impl Iterator<Item = Subject> {
    SubjectKind::ALL.into_iter().zip(NAMES).map(|(kind, name)| Subject {
        kind,
        name: name.to_owned(),
        accepts: vec![
            vec!["id-passport".to_owned()],
            vec!["id-idcard-front".to_owned(), "id-idcard-back".to_owned()],
        ],
        for_whom: ForWhom::User,
        lacks: vec![
            vec!["id-passport".to_owned()],
            vec!["kycData.phoneNumber".to_owned(), "kycData.nobodyKnows".to_owned()],
        ],
        duplicates: vec!["019de6f1-2b3c-7000-8123-456789abcdef".to_owned()],
        area: Some("us".to_owned()),
        products: vec!["onramp".to_owned(), "nobody-knows".to_owned()],
        round: 2,
        supplied_on: Some(day("2031-01-01")),
        waived_on: Some(day("2031-01-02")),
        valid_until: Some(day("2031-02-02")),
        due: Some(DueBy { on: day("2031-03-03"), source: "policy".to_owned() }),
        limits: Limits {
            media_types: vec!["image/png".to_owned(), "application/pdf".to_owned()],
            bytes_max: Some(10_500_000),
            side_pixels_min: Some(600),
            pages_max: Some(10),
        },
    })
}

/// What each kind of task is about, in their order.
const NAMES: [&str; SubjectKind::ALL.len()] = [
    "privacy-policy",
    "terms-of-service",
    "kyc-data",
    "id",
    "nobody-knows",
    "id-passport",
    "1",
    "2",
];

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}
