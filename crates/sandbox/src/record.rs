//! The body of a registration: checked as the provider would, then reduced to
//! what the rules ask about. Names, numbers and dates are not kept.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::profile::Profile;

/// What the provider holds of a user after the last registration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub user_details: Option<UserDetails>,
    pub kyc: Option<Kyc>,
    pub due_diligence: Option<DueDiligence>,
    pub verification_history: bool,
}

/// One of the four parts of a registration, by its name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Section {
    /// Name, date of birth, residence.
    UserDetails,
    /// Address, e-mail, identity document.
    KycData,
    /// Employment, source of funds, industry.
    DueDiligence,
    /// When the user was verified elsewhere.
    VerificationHistory,
}

impl Section {
    pub(crate) const ALL: [Self; 4] =
        [Self::UserDetails, Self::KycData, Self::DueDiligence, Self::VerificationHistory];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UserDetails => "userDetails",
            Self::KycData => "kycData",
            Self::DueDiligence => "dueDiligence",
            Self::VerificationHistory => "verificationHistory",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct UserDetails {
    pub country: String,
}

#[derive(Clone)]
pub(crate) struct Kyc {
    pub email: String,
    pub phone: Option<String>,
    pub has_nationality: bool,
    pub state: Option<String>,
    pub identity: Option<Identity>,
}

/// The e-mail and the phone number are personal; only their presence shows.
impl std::fmt::Debug for Kyc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kyc").field("identity", &self.identity).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub kind: &'static str,
    pub has_issuing_country: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct DueDiligence {
    pub has_income: bool,
}

impl Record {
    /// Reads the four sections. Fields that the profile does not know are
    /// ignored, as the provider ignores them.
    pub(crate) fn from_json(body: &Value, profile: Profile, at: i64) -> Result<Self, String> {
        let Value::Object(body) = body else {
            return Err("the body must be a JSON object".to_owned());
        };
        let mut problems = Vec::new();
        let user_details = section(body, "userDetails", &mut problems).map(user_details);
        let country = user_details.as_ref().map(|details| details.country.clone());
        let record = Self {
            user_details,
            kyc: section(body, "kycData", &mut problems).map(|fields| kyc(fields, profile)),
            due_diligence: section(body, "dueDiligence", &mut problems)
                .map(|fields| due_diligence(fields, profile, country.as_deref())),
            verification_history: section(body, "verificationHistory", &mut problems)
                .map(|fields| verification_history(fields, profile, at))
                .is_some(),
        };
        if problems.is_empty() { Ok(record) } else { Err(problems.join("; ")) }
    }

    /// The sections that are held, by their names on the wire.
    pub(crate) fn sections(&self) -> Vec<&'static str> {
        let held = Section::ALL.into_iter().filter(|section| self.has(*section));
        held.map(Section::as_str).collect()
    }

    pub(crate) const fn has(&self, section: Section) -> bool {
        match section {
            Section::UserDetails => self.user_details.is_some(),
            Section::KycData => self.kyc.is_some(),
            Section::DueDiligence => self.due_diligence.is_some(),
            Section::VerificationHistory => self.verification_history,
        }
    }

    pub(crate) fn lose(&mut self, section: Section) {
        match section {
            Section::UserDetails => self.user_details = None,
            Section::KycData => self.kyc = None,
            Section::DueDiligence => self.due_diligence = None,
            Section::VerificationHistory => self.verification_history = false,
        }
    }

    /// The country of residence, once it is known.
    pub(crate) fn country(&self) -> Option<&str> {
        self.user_details.as_ref().map(|details| details.country.as_str())
    }
}

fn user_details(mut fields: Fields<'_>) -> UserDetails {
    fields.required_text("firstName");
    fields.required_text("lastName");
    if let Some(text) = fields.required_text("dateOfBirth")
        && calendar_date(text).is_none()
    {
        fields.problem("dateOfBirth", "must be a real date as YYYY-MM-DD");
    }
    let country = fields.required_text("countryOfResidence").unwrap_or_default();
    fields.check_country("countryOfResidence", country);
    UserDetails { country: country.to_owned() }
}

fn kyc(mut fields: Fields<'_>, profile: Profile) -> Kyc {
    let email = fields.required_text("email").unwrap_or_default();
    if !email.is_empty() && !is_email(email) {
        fields.problem("email", "must be an email");
    }
    let state = fields.nested("addressOfResidence", true, |address| {
        address.required_text("line1");
        address.required_text("city");
        address.required_text("postalCode");
        address.text("line2");
        match profile {
            Profile::Quickstart => None,
            Profile::Current => address.text("stateOrRegion").map(str::to_owned),
        }
    });
    let must_identify = profile == Profile::Quickstart;
    let identity = fields.nested("identityDocument", must_identify, |identity| {
        let kind = identity.one_of("type", profile.identity_types());
        identity.required_text("number");
        let issuing = identity.text("issuingCountryCode");
        if let (Profile::Current, Some(code)) = (profile, issuing) {
            identity.check_country("issuingCountryCode", code);
        }
        kind.map(|kind| Identity { kind, has_issuing_country: issuing.is_some() })
    });
    let (mut phone, mut nationality) = (None, None);
    if profile == Profile::Current {
        nationality = fields.text("nationality");
        if let Some(code) = nationality {
            fields.check_country("nationality", code);
        }
        phone = fields.text("phoneNumber");
        if phone.is_some_and(|phone| !is_e164(phone)) {
            fields.problem("phoneNumber", "must be in E.164 form, with + and the country code");
        }
    }
    Kyc {
        email: email.to_owned(),
        phone: phone.map(str::to_owned),
        has_nationality: nationality.is_some(),
        state,
        identity,
    }
}

fn due_diligence(mut fields: Fields<'_>, profile: Profile, country: Option<&str>) -> DueDiligence {
    fields.one_of("employmentStatus", profile.employment_statuses());
    fields.one_of("sourceOfFunds", profile.sources_of_funds());
    fields.one_of("industry", profile.industries());
    let has_income = match profile {
        Profile::Quickstart => false,
        Profile::Current => fields.text("estimatedYearlyIncome").is_some(),
    };
    let income_expected = country == Some("US");
    if profile == Profile::Current && country.is_some() && has_income != income_expected {
        let text = if income_expected {
            "is required for residents of the US"
        } else {
            "must not be sent for residents outside the US"
        };
        fields.problem("estimatedYearlyIncome", text);
    }
    DueDiligence { has_income }
}

fn verification_history(mut fields: Fields<'_>, profile: Profile, at: i64) {
    for name in ["idVerificationTimestamp", "livenessVerificationTimestamp"] {
        let Some(text) = fields.required_text(name) else { continue };
        let Some(time) = date_time(text) else {
            fields.problem(name, "must be an ISO 8601 date-time with an offset");
            continue;
        };
        if profile == Profile::Current && is_older_than_a_year(time, at) {
            fields.problem(name, "must not be older than one year");
        }
    }
}

fn section<'a>(
    body: &'a Map<String, Value>,
    name: &'static str,
    problems: &'a mut Vec<String>,
) -> Option<Fields<'a>> {
    let value = body.get(name)?;
    let Value::Object(object) = value else {
        problems.push(format!("{name} must be an object"));
        return None;
    };
    Some(Fields { path: name.to_owned(), object, problems })
}

/// One object of a body, read field by field. Problems name the field and
/// never its value.
pub(crate) struct Fields<'a> {
    path: String,
    object: &'a Map<String, Value>,
    problems: &'a mut Vec<String>,
}

impl<'a> Fields<'a> {
    /// The whole body as one object, with no name before its fields.
    pub(crate) const fn of_body(
        object: &'a Map<String, Value>,
        problems: &'a mut Vec<String>,
    ) -> Self {
        Self { path: String::new(), object, problems }
    }

    pub(crate) fn problem(&mut self, name: &str, text: &str) {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.problems.push(format!("{}{dot}{name} {text}", self.path));
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<&'a str> {
        match self.object.get(name)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            Value::String(_) => {
                self.problem(name, "should not be empty");
                None
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {
                self.problem(name, "must be a string");
                None
            }
        }
    }

    pub(crate) fn required_text(&mut self, name: &str) -> Option<&'a str> {
        if !self.object.contains_key(name) {
            self.problem(name, "is required");
        }
        self.text(name)
    }

    pub(crate) fn one_of(
        &mut self,
        name: &str,
        allowed: &'static [&'static str],
    ) -> Option<&'static str> {
        let text = self.required_text(name)?;
        let known = allowed.iter().copied().find(|&known| known == text);
        if known.is_none() {
            let text = format!("must be one of the following values: {}", allowed.join(", "));
            self.problem(name, &text);
        }
        known
    }

    fn check_country(&mut self, name: &str, code: &str) {
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if !code.is_empty() && !is_code {
            self.problem(name, "must be an ISO 3166-1 alpha-2 country code in upper case");
        }
    }

    fn nested<T>(
        &mut self,
        name: &str,
        required: bool,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        match self.object.get(name) {
            Some(Value::Object(object)) => {
                let path = format!("{}.{name}", self.path);
                read(&mut Fields { path, object, problems: self.problems })
            }
            Some(_) => {
                self.problem(name, "must be an object");
                None
            }
            None => {
                if required {
                    self.problem(name, "is required");
                }
                None
            }
        }
    }
}

/// A date of the calendar in exactly the form `YYYY-MM-DD`.
pub(crate) fn calendar_date(text: &str) -> Option<Date> {
    let is_shape = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_shape.then(|| text.parse().ok()).flatten()
}

/// A point in time in ISO 8601, with `Z` or an offset.
pub(crate) fn date_time(text: &str) -> Option<Timestamp> {
    (text.as_bytes().get(10) == Some(&b'T')).then(|| text.parse().ok()).flatten()
}

fn is_older_than_a_year(time: Timestamp, at: i64) -> bool {
    let year = 365 * 24;
    let oldest = Timestamp::from_millisecond(at).and_then(|now| now.checked_sub(year.hours()));
    oldest.is_ok_and(|oldest| time < oldest)
}

fn is_email(text: &str) -> bool {
    !text.contains(char::is_whitespace)
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.contains('@') && domain.contains('.')
        })
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOON: &str = "2026-11-22T12:00:00Z";

    fn body() -> Value {
        json!({
            "userDetails": {"firstName": "Ilse", "lastName": "Brandt", "dateOfBirth": "1988-11-04",
                "countryOfResidence": "DE"},
            "kycData": {"email": "ilse@example.org", "phoneNumber": "+4930111222",
                "nationality": "DE",
                "addressOfResidence": {"line1": "Am Ufer 9", "city": "Bremen",
                    "stateOrRegion": "HB", "postalCode": "28195"},
                "identityDocument": {"type": "passport", "number": "C01X0006H",
                    "issuingCountryCode": "DE"}},
            "dueDiligence": {"employmentStatus": "full-time", "sourceOfFunds": "other",
                "industry": "crypto"},
            "verificationHistory": {"idVerificationTimestamp": "2026-05-02T09:10:00.000Z",
                "livenessVerificationTimestamp": "2026-05-02T09:12:00+02:00"},
        })
    }

    fn read(body: &Value, profile: Profile) -> Result<Record, String> {
        let now: Timestamp = NOON.parse().unwrap();
        Record::from_json(body, profile, now.as_millisecond())
    }

    /// Reads the sample with one place changed (`null` removes it).
    fn problem(pointer: &str, value: Value, profile: Profile) -> Option<String> {
        let mut body = body();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(name);
        } else {
            parent.insert(name.to_owned(), value);
        }
        read(&body, profile).err()
    }

    #[test]
    fn the_sample_is_taken_in_both_profiles_with_all_its_sections() {
        for profile in [Profile::Quickstart, Profile::Current] {
            let record = read(&body(), profile).unwrap();
            assert_eq!(
                record.sections(),
                ["userDetails", "kycData", "dueDiligence", "verificationHistory"]
            );
        }
    }

    #[test]
    fn every_section_may_be_left_out() {
        assert!(read(&json!({}), Profile::Current).unwrap().sections().is_empty());
    }

    #[test]
    fn a_refusal_names_the_field_and_what_is_expected() {
        use Profile::{Current, Quickstart};
        let cases = [
            ("/userDetails", json!("Ilse"), Quickstart, "userDetails must be an object"),
            (
                "/userDetails/firstName",
                json!(null),
                Quickstart,
                "userDetails.firstName is required",
            ),
            ("/userDetails/lastName", json!(" "), Quickstart, "lastName should not be empty"),
            (
                "/userDetails/lastName",
                json!(7),
                Quickstart,
                "userDetails.lastName must be a string",
            ),
            ("/userDetails/dateOfBirth", json!("1988-02-30"), Quickstart, "a real date"),
            ("/userDetails/dateOfBirth", json!("04.11.1988"), Quickstart, "a real date"),
            ("/userDetails/countryOfResidence", json!("de"), Quickstart, "alpha-2"),
            ("/kycData/email", json!("ilse"), Quickstart, "kycData.email must be an email"),
            (
                "/kycData/addressOfResidence",
                json!(null),
                Quickstart,
                "addressOfResidence is required",
            ),
            (
                "/kycData/addressOfResidence/city",
                json!(null),
                Quickstart,
                "kycData.addressOfResidence.city",
            ),
            ("/kycData/identityDocument", json!(null), Quickstart, "identityDocument is required"),
            ("/kycData/identityDocument/type", json!("badge"), Quickstart, "passport, id, ssn"),
            ("/kycData/phoneNumber", json!("030 111222"), Current, "E.164"),
            (
                "/kycData/nationality",
                json!("German"),
                Current,
                "kycData.nationality must be an ISO",
            ),
            (
                "/dueDiligence/industry",
                json!("mining"),
                Quickstart,
                "dueDiligence.industry must be one",
            ),
            (
                "/dueDiligence/sourceOfFunds",
                json!("salary-disbursement"),
                Quickstart,
                "sourceOfFunds",
            ),
            (
                "/dueDiligence/estimatedYearlyIncome",
                json!("income-50k-100k"),
                Current,
                "outside the US",
            ),
            (
                "/userDetails/countryOfResidence",
                json!("US"),
                Current,
                "estimatedYearlyIncome is required",
            ),
            (
                "/verificationHistory/idVerificationTimestamp",
                json!("2026-05-02"),
                Quickstart,
                "date-time",
            ),
            (
                "/verificationHistory/idVerificationTimestamp",
                json!("2025-11-22T11:59:59Z"),
                Current,
                "one year",
            ),
        ];
        for (pointer, value, profile, expected) in cases {
            let problem = problem(pointer, value, profile).unwrap_or_default();
            assert!(problem.contains(expected), "{pointer}: {problem:?}");
        }
    }

    #[test]
    fn what_only_the_newer_contract_refuses_passes_the_quickstart() {
        let cases = [
            ("/kycData/phoneNumber", json!("030 111222")),
            ("/dueDiligence/estimatedYearlyIncome", json!("income-50k-100k")),
            ("/verificationHistory/idVerificationTimestamp", json!("2024-01-15T10:30:00Z")),
        ];
        for (pointer, value) in cases {
            assert_eq!(problem(pointer, value.clone(), Profile::Quickstart), None, "{pointer}");
            assert!(problem(pointer, value, Profile::Current).is_some(), "{pointer}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once_and_none_shows_a_value() {
        let body = json!({"userDetails": {"firstName": "", "lastName": "Geheim",
            "dateOfBirth": "geheim", "countryOfResidence": "geheim"}});
        let text = read(&body, Profile::Current).unwrap_err();
        assert_eq!(text.matches("; ").count(), 2, "{text}");
        assert!(!text.to_lowercase().contains("geheim"), "{text}");
    }
}
