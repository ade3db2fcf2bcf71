//! From a JSON tree to a profile: what is refused, and the normal forms.

use super::{
    Address, DueDiligence, IdentityDocument, KycData, Profile, UserDetails, VerificationHistory,
    doubts, phone, places, rules,
};
use crate::json::Fields;
use crate::time::Date;

/// The sections that could be read. Whatever else was given is among the problems.
pub(crate) fn read_profile(fields: &mut Fields<'_>, today: Date) -> Profile {
    let mut profile = sections(fields, today);
    settle_state(&mut profile);
    doubts::find(&profile, today, fields.problems());
    profile
}

fn sections(fields: &mut Fields<'_>, today: Date) -> Profile {
    let mut residence = Residence::NotGiven;
    let user_details =
        fields.object("userDetails").and_then(|f| user_details(f, today, &mut residence));
    Profile {
        kyc_data: fields.object("kycData").and_then(|f| kyc_data(f, &residence)),
        user_details,
        due_diligence: fields.object("dueDiligence").and_then(due_diligence),
        verification_history: fields
            .object("verificationHistory")
            .and_then(|f| verification_history(f, today)),
    }
}

/// What is known of the country in which a phone number may be dialled.
enum Residence {
    NotGiven,
    /// Something is wrong with it, which is a problem of its own.
    Unclear,
    In(String),
}

// Each field is read before any is given up on, so that every problem is found.

fn user_details(
    mut fields: Fields<'_>,
    today: Date,
    residence: &mut Residence,
) -> Option<UserDetails> {
    let first_name = fields.required("firstName", rules::any);
    let last_name = fields.required("lastName", rules::any);
    let date_of_birth = fields.required("dateOfBirth", |text| rules::date_of_birth(text, today));
    let country_of_residence = fields.required("countryOfResidence", places::country);
    *residence = country_of_residence.clone().map_or(Residence::Unclear, Residence::In);
    Some(UserDetails {
        first_name: first_name?,
        last_name: last_name?,
        date_of_birth: date_of_birth?,
        country_of_residence: country_of_residence?,
    })
}

fn kyc_data(mut fields: Fields<'_>, residence: &Residence) -> Option<KycData> {
    let nationality = fields.optional("nationality", places::country);
    let address_of_residence = fields.required_object("addressOfResidence").and_then(address);
    let email = fields.required("email", rules::email);
    let phone_number = fields.optional("phoneNumber", |text| phone_number(text, residence));
    let identity_document = fields.object("identityDocument").and_then(identity_document);
    let ip_addresses = fields.list("ipAddresses", rules::any);
    Some(KycData {
        nationality,
        address_of_residence: address_of_residence?,
        email: email?,
        phone_number: phone_number.flatten(),
        identity_document,
        ip_addresses,
    })
}

/// A number as it is dialled within a country that is not clear can't be judged.
fn phone_number(text: &str, residence: &Residence) -> Result<Option<String>, &'static str> {
    match residence {
        Residence::In(country) => phone::number(text, Some(country)).map(Some),
        Residence::Unclear if phone::may_be_national(text) => Ok(None),
        Residence::Unclear | Residence::NotGiven => phone::number(text, None).map(Some),
    }
}

fn address(mut fields: Fields<'_>) -> Option<Address> {
    let line1 = fields.required("line1", rules::any);
    let line2 = fields.optional("line2", rules::any);
    let city = fields.required("city", rules::any);
    let state_or_region = fields.optional("stateOrRegion", rules::any);
    let postal_code = fields.required("postalCode", rules::any);
    Some(Address { line1: line1?, line2, city: city?, state_or_region, postal_code: postal_code? })
}

fn identity_document(mut fields: Fields<'_>) -> Option<IdentityDocument> {
    let kind = fields.required("type", |text| rules::any(text).map(doubts::known_kind));
    let number = fields.required("number", rules::any);
    let issuing_country_code = fields.optional("issuingCountryCode", places::country);
    let (kind, number) = (kind?, number?);
    let ssn = if kind == "ssn" { rules::ssn(&number) } else { None };
    Some(IdentityDocument { kind, number: ssn.unwrap_or(number), issuing_country_code })
}

fn due_diligence(mut fields: Fields<'_>) -> Option<DueDiligence> {
    let employment_status = fields.required("employmentStatus", rules::any);
    let source_of_funds = fields.required("sourceOfFunds", rules::any);
    let industry = fields.required("industry", rules::any);
    let estimated_yearly_income = fields.optional("estimatedYearlyIncome", rules::any);
    let expected_yearly_tx_volume = fields.optional("expectedYearlyTxVolume", rules::any);
    Some(DueDiligence {
        employment_status: employment_status?,
        source_of_funds: source_of_funds?,
        industry: industry?,
        estimated_yearly_income,
        expected_yearly_tx_volume,
    })
}

fn verification_history(mut fields: Fields<'_>, today: Date) -> Option<VerificationHistory> {
    let verified_at = |text: &str| rules::verified_at(text, today);
    let id_verification_timestamp = fields.required("idVerificationTimestamp", verified_at);
    let liveness_verification_timestamp =
        fields.required("livenessVerificationTimestamp", verified_at);
    Some(VerificationHistory {
        id_verification_timestamp: id_verification_timestamp?,
        liveness_verification_timestamp: liveness_verification_timestamp?,
    })
}

/// The provider decides by the code of a state, so a name becomes it.
fn settle_state(profile: &mut Profile) {
    if let Some(details) = &profile.user_details
        && let Some(kyc_data) = &mut profile.kyc_data
        && let Some(state) = &mut kyc_data.address_of_residence.state_or_region
        && let Some(code) = places::state(&details.country_of_residence, state)
    {
        *state = code.to_owned();
    }
}
