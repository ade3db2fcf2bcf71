//! How what is stored as JSON is written: with the number of its schema beside it.
//!
//! Rows outlive releases, so every schema that was ever written can be read. Whoever changes
//! how one of them is written, be it by one more field, adds an upgrade and a sample.

use onboarding::{Event, Onboarding, Policy, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Something that is stored as `{"schema": number, NAME: {...}}`.
pub trait Snapshot: Serialize + DeserializeOwned {
    /// The key of its JSON.
    const NAME: &'static str;

    /// The first brings JSON of schema 1 to schema 2, the next that to schema 3, and so on.
    const UPGRADES: &'static [Upgrade] = &[];

    /// The schema that is written.
    const SCHEMA: usize = Self::UPGRADES.len() + 1;
}

/// Brings the fields of one schema to those of the next.
pub type Upgrade = fn(&mut Map<String, Value>);

impl Snapshot for Onboarding {
    const NAME: &'static str = "onboarding";

    /// What comes after verified, which those of schema 1 know nothing of; then wallets; then
    /// rounds in which nothing was supplied.
    const UPGRADES: &'static [Upgrade] = &[|_| {}, |_| {}, |_| {}];
}

impl Snapshot for Event {
    const NAME: &'static str = "event";

    /// Acknowledgements came to carry an epoch, which those of schema 1 lack; then edits what the
    /// requirements go by, and consents their evidence; then wallets.
    const UPGRADES: &'static [Upgrade] = &[|_| {}, |_| {}, |_| {}];
}

impl Snapshot for Task {
    const NAME: &'static str = "task";

    /// Due dates, reminders and rounds, which those of schema 1 have none of; then wallets; then
    /// rounds in which nothing was supplied.
    const UPGRADES: &'static [Upgrade] = &[|_| {}, |_| {}, |_| {}];
}

impl Snapshot for Policy {
    const NAME: &'static str = "policy";

    /// What schema 1 does not name is off: history of that time replays as it was.
    const UPGRADES: &'static [Upgrade] = &[|_| {}];
}

/// The JSON of the current schema; the same text for the same value.
#[must_use]
pub fn write<T: Snapshot>(snapshot: &T) -> String {
    let json = serde_json::to_string(snapshot)
        .expect("a snapshot has only text keys and no fallible fields");
    format!(r#"{{"schema":{},"{}":{json}}}"#, T::SCHEMA, T::NAME)
}

/// Reads JSON of any schema that was ever written. The error says what is wrong with it, and
/// can't hold personal data, as a snapshot has none.
///
/// # Errors
/// When it is no snapshot of this kind, or of a schema that a newer release wrote.
pub fn read<T: Snapshot>(json: &[u8]) -> Result<T, String> {
    let mut tagged: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let schema = tagged.get("schema").and_then(Value::as_u64).ok_or("it has no schema number")?;
    let upgrades = upgrades::<T>(schema)?;
    let mut fields = tagged
        .get_mut(T::NAME)
        .and_then(Value::as_object_mut)
        .map(std::mem::take)
        .ok_or_else(|| format!("it has no field `{}`", T::NAME))?;
    for upgrade in upgrades {
        upgrade(&mut fields);
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}

/// What brings a schema to the current one.
fn upgrades<T: Snapshot>(schema: u64) -> Result<&'static [Upgrade], String> {
    usize::try_from(schema)
        .ok()
        .and_then(|schema| T::UPGRADES.get(schema.checked_sub(1)?..))
        .ok_or_else(|| {
            format!(
                "its schema is {schema}, and this version of Gangway reads 1 to {}; \
                 install the version that wrote it",
                T::SCHEMA
            )
        })
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    /// Checks the stored samples of one kind: one file for every schema that was ever written,
    /// oldest first, each a list of snapshots.
    #[track_caller]
    fn check<T: Snapshot + PartialEq + Debug>(samples: &[&str]) {
        assert_eq!(samples.len(), T::SCHEMA, "there is a sample of each schema");
        for (sample, schema) in samples.iter().zip(1..) {
            let stored: Vec<Value> = serde_json::from_str(sample).unwrap();
            assert!(!stored.is_empty());
            for stored in stored {
                assert_eq!(stored["schema"], schema);
                let snapshot: T = read(stored.to_string().as_bytes()).unwrap();
                let written = write(&snapshot);
                assert_eq!(read(written.as_bytes()), Ok(snapshot));
                if schema == T::SCHEMA {
                    let written: Value = serde_json::from_str(&written).unwrap();
                    assert_eq!(written, stored, "a changed schema gets an upgrade and a sample");
                }
            }
        }
    }

    #[test]
    fn every_schema_of_an_onboarding_can_be_read() {
        check::<Onboarding>(&[
            include_str!("../tests/snapshots/onboarding-1.json"),
            include_str!("../tests/snapshots/onboarding-2.json"),
            include_str!("../tests/snapshots/onboarding-3.json"),
            include_str!("../tests/snapshots/onboarding-4.json"),
        ]);
    }

    #[test]
    fn every_schema_of_an_event_can_be_read() {
        check::<Event>(&[
            include_str!("../tests/snapshots/event-1.json"),
            include_str!("../tests/snapshots/event-2.json"),
            include_str!("../tests/snapshots/event-3.json"),
            include_str!("../tests/snapshots/event-4.json"),
        ]);
    }

    #[test]
    fn every_schema_of_a_task_can_be_read() {
        check::<Task>(&[
            include_str!("../tests/snapshots/task-1.json"),
            include_str!("../tests/snapshots/task-2.json"),
            include_str!("../tests/snapshots/task-3.json"),
            include_str!("../tests/snapshots/task-4.json"),
        ]);
    }

    #[test]
    fn every_schema_of_a_policy_can_be_read() {
        check::<Policy>(&[
            include_str!("../tests/snapshots/policy-1.json"),
            include_str!("../tests/snapshots/policy-2.json"),
        ]);
    }

    /// A kind that came to its schema by two changes.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Parcel {
        weight_g: u32,
        is_fragile: bool,
    }

    impl Snapshot for Parcel {
        const NAME: &'static str = "parcel";
        const UPGRADES: &'static [Upgrade] = &[
            |parcel| drop(parcel.insert("is_fragile".into(), json!(false))),
            |parcel| {
                let weight_kg = parcel.get("weight_kg").and_then(Value::as_u64);
                parcel.insert("weight_g".into(), json!(weight_kg.map(|kg| kg * 1_000)));
            },
        ];
    }

    #[test]
    fn an_older_schema_is_brought_to_the_current_one() {
        for (stored, weight_g, is_fragile) in [
            (r#"{"schema":1,"parcel":{"weight_kg":2}}"#, 2_000, false),
            (r#"{"schema":2,"parcel":{"weight_kg":3,"is_fragile":true}}"#, 3_000, true),
            (r#"{"schema":3,"parcel":{"weight_g":4,"is_fragile":true}}"#, 4, true),
        ] {
            assert_eq!(read(stored.as_bytes()), Ok(Parcel { weight_g, is_fragile }));
        }
    }

    #[test]
    fn what_is_no_snapshot_says_what_is_wrong() {
        for (json, what) in [
            ("", "EOF"),
            ("[]", "it has no schema number"),
            ("{}", "it has no schema number"),
            (r#"{"schema":3}"#, "it has no field `parcel`"),
            (r#"{"schema":1,"parcel":"heavy"}"#, "it has no field `parcel`"),
            (r#"{"schema":3,"parcel":{}}"#, "missing field"),
            (r#"{"schema":0,"parcel":{}}"#, "reads 1 to 3; install the version that wrote it"),
            (r#"{"schema":4,"parcel":{}}"#, "reads 1 to 3; install the version that wrote it"),
        ] {
            let error = read::<Parcel>(json.as_bytes()).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
