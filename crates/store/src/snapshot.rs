//! How an onboarding is written into a row: tagged JSON with a schema number.
//!
//! Rows in flight outlive releases, so every schema that was ever written can be read.

use onboarding::Onboarding;
use serde::{Deserialize, Serialize};

/// The schema that is written.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    schema: u32,
    onboarding: &'a Onboarding,
}

#[derive(Deserialize)]
struct Tag {
    schema: u32,
}

#[derive(Deserialize)]
struct Current {
    onboarding: Onboarding,
}

/// The onboarding as JSON of the current schema.
pub(crate) fn write(onboarding: &Onboarding) -> String {
    serde_json::to_string(&Written { schema: SCHEMA, onboarding })
        .expect("an onboarding has only text keys and no fallible fields")
}

/// Reads JSON of any schema that was ever written. The error says what is wrong with it, and
/// can't hold personal data, as a snapshot has none.
pub(crate) fn read(json: &str) -> Result<Onboarding, String> {
    let tag: Tag = serde_json::from_str(json).map_err(|error| error.to_string())?;
    upgrade(tag.schema, json)
}

/// An older schema gets an arm here, which brings its JSON to the one above it.
fn upgrade(schema: u32, json: &str) -> Result<Onboarding, String> {
    match schema {
        SCHEMA => serde_json::from_str(json)
            .map(|Current { onboarding }| onboarding)
            .map_err(|error| error.to_string()),
        other => Err(format!(
            "its schema is {other}, and this version of Gangway reads 1 to {SCHEMA}; \
             install the version that wrote it"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One stored sample of every schema that was ever written, oldest first.
    const SAMPLES: [&str; SCHEMA as usize] = [include_str!("../tests/snapshots/schema-1.json")];

    #[test]
    fn every_schema_that_was_ever_written_can_be_read() {
        for (sample, schema) in SAMPLES.into_iter().zip(1..) {
            let tag: Tag = serde_json::from_str(sample).unwrap();
            assert_eq!(tag.schema, schema);
            let onboarding = read(sample).unwrap();
            assert_eq!(read(&write(&onboarding)), Ok(onboarding));
        }
    }

    #[test]
    fn the_current_schema_is_written_as_its_sample() {
        let sample = SAMPLES[SAMPLES.len() - 1];
        let written: serde_json::Value =
            serde_json::from_str(&write(&read(sample).unwrap())).unwrap();
        let stored: serde_json::Value = serde_json::from_str(sample).unwrap();
        assert_eq!(written, stored, "a changed schema gets a new number and a new sample");
    }

    #[test]
    fn what_is_no_snapshot_says_what_is_wrong() {
        for (json, what) in [
            ("", "EOF"),
            ("{}", "missing field `schema`"),
            (r#"{"schema":1,"onboarding":{}}"#, "missing field"),
            (r#"{"schema":2,"onboarding":{}}"#, "install the version that wrote it"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
