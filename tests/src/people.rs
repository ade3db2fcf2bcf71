//! Made-up people and their papers. Dates are reckoned from now, so that nothing rots.

use std::path::PathBuf;

use serde_json::{Value, json};

/// A small picture, as a passport's scan.
pub const PASSPORT: &[u8] = include_bytes!("../../config/demo/documents/passport.png");

/// A file of the demo, such as `documents/idcard-back.jpg`.
pub fn demo_file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/demo")).join(name)
}

/// The date that many days from today, as `YYYY-MM-DD`; in the past if negative.
pub fn days_from_now(days: i64) -> String {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    day.to_string()[..10].to_owned()
}

/// A profile with all four sections, of someone whose e-mail address begins with `name`.
pub fn complete_profile(name: &str) -> Value {
    json!({
        "userDetails": {
            "firstName": "Ilse",
            "lastName": "Brandt",
            "dateOfBirth": "1988-11-04",
            "countryOfResidence": "DE"
        },
        "kycData": {
            "nationality": "DE",
            "addressOfResidence": {
                "line1": "Am Ufer 9",
                "city": "Bremen",
                "stateOrRegion": "HB",
                "postalCode": "28195"
            },
            "email": format!("{name}@example.org"),
            "identityDocument": {
                "type": "passport",
                "number": "C01X0006H",
                "issuingCountryCode": "DE"
            }
        },
        "dueDiligence": {
            "employmentStatus": "full-time",
            "sourceOfFunds": "employment-income",
            "industry": "finance-insurance"
        },
        "verificationHistory": {
            "idVerificationTimestamp": format!("{}T09:10:00.000Z", days_from_now(-40)),
            "livenessVerificationTimestamp": format!("{}T09:12:00.000Z", days_from_now(-40))
        }
    })
}
