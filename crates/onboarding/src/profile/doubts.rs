//! What the provider alone can judge: warnings, never a refusal.
//!
//! Its lists of words grow without notice, and its rules for countries change.
//! Sources: the quickstart, the newer reference and the provider's own samples.

use super::{Profile, UserDetails, phone, places, rules};
use crate::DocumentType;
use crate::names::unknown;
use crate::problem::Problems;
use crate::time::{Date, Timestamp};

const EMPLOYMENT_STATUSES: &[&str] =
    &["contractual", "full-time", "part-time", "retired", "self-employed", "student", "unemployed"];
const SOURCES_OF_FUNDS: &[&str] = &[
    "business-dividends-profits",
    "employment-income",
    "government-benefits",
    "inheritance",
    "investments-gains",
    "loan-disbursement",
    "other",
    "real-estate",
    "salary-disbursement",
    "savings-personal-funds",
];
const INDUSTRIES: &[&str] = &[
    "blockchain",
    "crypto",
    "finance-insurance",
    "financial-institution",
    "information",
    "investment",
    "other-services",
    "student",
    "unemployed",
];
const IDENTITY_DOCUMENTS: &[&str] = &["id", "passport", "ssn"];
const YEARLY_INCOMES: &[&str] = &["income-50k-100k"];
const YEARLY_VOLUMES: &[&str] = &["volume-0-25k"];

const STATE: &str = "/kycData/addressOfResidence/stateOrRegion";
const PHONE: &str = "/kycData/phoneNumber";
const INCOME: &str = "/dueDiligence/estimatedYearlyIncome";

/// The provider is said to refuse an older verification.
const VERIFICATION_DAYS_MAX: u64 = 365;
/// From then on it is told that a verification is getting old.
const VERIFICATION_DAYS_WARN: u64 = 330;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Whether `word` is a known kind of document, in a field of that meaning: it says nothing of
/// the person. Other words of the provider's do, such as `unemployed`.
#[must_use]
pub fn is_kind_of_document(field: &str, word: &str) -> bool {
    match field {
        "type" => IDENTITY_DOCUMENTS.contains(&word),
        "documentType" => DocumentType::KNOWN.iter().any(|known| known.as_str() == word),
        _ => false,
    }
}

/// A kind of identity document as the provider spells it, if it is known but for its case.
pub(super) fn known_kind(word: String) -> String {
    let known = IDENTITY_DOCUMENTS.iter().find(|known| known.eq_ignore_ascii_case(&word));
    known.map_or(word, |known| (*known).to_owned())
}

/// Adds a warning for each thing in `profile` that the provider may not take.
/// What was refused is absent from `profile`, so gaps show only where nothing was.
pub(super) fn find(profile: &Profile, today: Date, problems: &mut Problems) {
    find_unknown_words(profile, problems);
    find_old_verifications(profile, today, problems);
    find_ssn_form(profile, problems);
    find_odd_phone(profile, problems);
    let Some(details) = &profile.user_details else { return };
    find_unknown_state(&details.country_of_residence, profile, problems);
    if !details.lives_in_us() {
        find_income_outside_us(profile, problems);
    } else if !problems.has_errors() {
        find_us_gaps(profile, problems);
    }
}

fn find_unknown_words(profile: &Profile, problems: &mut Problems) {
    let mut check = |pointer: &str, word: Option<&String>, known: &[&str]| {
        if let Some(word) = word.filter(|word| !known.contains(&word.as_str())) {
            problems.warn(pointer, unknown("the provider may not know this word", word, known));
        }
    };
    if let Some(document) = profile.kyc_data.as_ref().and_then(|kyc| kyc.identity_document.as_ref())
    {
        check("/kycData/identityDocument/type", Some(&document.kind), IDENTITY_DOCUMENTS);
    }
    let Some(diligence) = &profile.due_diligence else { return };
    for (name, word, known) in [
        ("employmentStatus", Some(&diligence.employment_status), EMPLOYMENT_STATUSES),
        ("sourceOfFunds", Some(&diligence.source_of_funds), SOURCES_OF_FUNDS),
        ("industry", Some(&diligence.industry), INDUSTRIES),
        ("estimatedYearlyIncome", diligence.estimated_yearly_income.as_ref(), YEARLY_INCOMES),
        ("expectedYearlyTxVolume", diligence.expected_yearly_tx_volume.as_ref(), YEARLY_VOLUMES),
    ] {
        check(&format!("/dueDiligence/{name}"), word, known);
    }
}

fn find_old_verifications(profile: &Profile, today: Date, problems: &mut Problems) {
    let too_old = older_than(VERIFICATION_DAYS_MAX, profile, today);
    for pointer in older_than(VERIFICATION_DAYS_WARN, profile, today) {
        let message = if too_old.contains(&pointer) {
            "is more than 365 days ago, which the provider may refuse; verify the user anew"
        } else {
            "is more than 330 days ago, and the provider may refuse it from 365 on; verify the \
             user anew soon"
        };
        problems.warn(pointer, message);
    }
}

/// The places of the verifications that are more than so many days ago.
fn older_than(days: u64, profile: &Profile, today: Date) -> Vec<&'static str> {
    let Some(history) = &profile.verification_history else { return Vec::new() };
    let times = [
        ("/verificationHistory/idVerificationTimestamp", &history.id_verification_timestamp),
        (
            "/verificationHistory/livenessVerificationTimestamp",
            &history.liveness_verification_timestamp,
        ),
    ];
    let is_older = |time: &str| {
        Timestamp::parse(time).is_ok_and(|time| time.plus_ms(days * DAY_MS).date() < today)
    };
    times.into_iter().filter(|(_, time)| is_older(time)).map(|(pointer, _)| pointer).collect()
}

impl Profile {
    /// A refusal for each verification that is so old that the provider is said to refuse it. It
    /// is nothing that a profile can't hold: what is held grows old.
    #[must_use]
    pub fn outdated_verifications(&self, today: Date) -> Problems {
        let mut problems = Problems::default();
        for pointer in older_than(VERIFICATION_DAYS_MAX, self, today) {
            problems.error(
                pointer,
                "must not be more than 365 days ago, as the provider refuses that; verify the \
                 user anew, or leave the section out",
            );
        }
        problems
    }
}

fn find_ssn_form(profile: &Profile, problems: &mut Problems) {
    let document = profile.kyc_data.as_ref().and_then(|kyc| kyc.identity_document.as_ref());
    if document
        .is_some_and(|document| document.kind == "ssn" && rules::ssn(&document.number).is_none())
    {
        problems.warn(
            "/kycData/identityDocument/number",
            "is no US social security number of the form XXX-XX-XXXX",
        );
    }
}

fn find_odd_phone(profile: &Profile, problems: &mut Problems) {
    let number = profile.kyc_data.as_ref().and_then(|kyc| kyc.phone_number.as_ref());
    if number.is_some_and(|number| !phone::is_possible(number)) {
        problems.warn(PHONE, "is no number that its country's plan has; check its digits");
    }
}

fn find_unknown_state(country: &str, profile: &Profile, problems: &mut Problems) {
    let Some(kyc) = &profile.kyc_data else { return };
    let Some(state) = &kyc.address_of_residence.state_or_region else { return };
    if places::may_be_part(country, state) {
        return;
    }
    problems.warn(
        STATE,
        match country {
            "US" => "is no US state or territory; give its two letters",
            "CA" => "is no province or territory of Canada; give its two letters",
            _ => "is no region of the country by ISO 3166-2, so the provider may not know it",
        },
    );
}

fn find_us_gaps(profile: &Profile, problems: &mut Problems) {
    if let Some(kyc) = &profile.kyc_data {
        if kyc.address_of_residence.state_or_region.is_none() {
            problems.warn(STATE, "is missing; the provider decides by it in the US");
        }
        if kyc.phone_number.is_none() {
            problems.warn(PHONE, "is missing; the provider may require it in the US");
        }
    }
    if profile.due_diligence.as_ref().is_some_and(|given| given.estimated_yearly_income.is_none()) {
        problems.warn(INCOME, "is missing; the provider may require it in the US");
    }
}

fn find_income_outside_us(profile: &Profile, problems: &mut Problems) {
    if profile.due_diligence.as_ref().is_some_and(|given| given.estimated_yearly_income.is_some()) {
        problems.warn(INCOME, "may be refused by the provider outside the US; leave it out there");
    }
}

impl UserDetails {
    pub(super) fn lives_in_us(&self) -> bool {
        self.country_of_residence == "US"
    }
}
