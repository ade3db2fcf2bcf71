//! The roads that users take: what the provider does to each, what a person supplies on the
//! way, and where it ends. One table, for runs with and without kills.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::{Gangway, Sandbox, complete_profile, days_from_now, demo_file};

/// One user's road.
pub struct Road {
    /// The user's locator.
    pub user: String,
    /// What the sandbox does to this user.
    pub script: Value,
    /// The user's data at first.
    pub profile: Value,
    /// The wanted products.
    pub want: &'static str,
    /// The documents that are there from the start.
    pub documents: &'static [Paper],
    /// What a person brings on the way, in order.
    pub supplies: Vec<Supply>,
    /// Where it ends.
    pub end: End,
}

/// A document's type and its file among the demo's.
pub type Paper = (&'static str, &'static str);

/// What a person brings once the user is in a state.
pub struct Supply {
    /// The state.
    pub state: &'static str,
    /// A merge patch of the user's data.
    pub patch: Option<Value>,
    /// Documents.
    pub documents: &'static [Paper],
    /// How the provider takes it, as a change of the sandbox's script.
    pub taken: Option<Value>,
}

/// Where it ends.
pub struct End {
    /// The state.
    pub state: &'static str,
    /// The exit code of `status`.
    pub exit: i32,
    /// The wanted products, each with its status.
    pub products: Value,
    /// How often there is reason to trigger.
    pub rounds: u64,
}

const PASSPORT: &[Paper] = &[("id-passport", "documents/passport.png")];
const PROOFS: &[Paper] = &[
    ("proof-of-address", "documents/proof-of-address.pdf"),
    ("proof-of-income", "documents/proof-of-income.pdf"),
];
const CARD_FRONT: &[Paper] = &[("id-idcard-front", "documents/idcard-front.jpg")];
const CARD_BACK: &[Paper] = &[("id-idcard-back", "documents/idcard-back.jpg")];

/// How long all roads together may take.
const LONG: Duration = Duration::from_secs(60);

/// Every road, for users whose names end in `suffix`.
pub fn roads(suffix: &str) -> Vec<Road> {
    let later = &["dueDiligence", "verificationHistory"];
    vec![
        road("at-once", suffix, json!({})),
        road("in-review", suffix, json!({ "verdictDelayMs": 400 })),
        Road {
            profile: sections(suffix, |section| !later.contains(&section)),
            supplies: vec![Supply {
                state: "requires-data",
                patch: Some(sections(suffix, |section| later.contains(&section))),
                documents: PROOFS,
                taken: None,
            }],
            end: verified(2),
            ..road("missing-data", suffix, json!({ "enhancedDueDiligence": true }))
        },
        Road {
            end: End {
                state: "rejected",
                exit: 12,
                products: products("rejected", "verified"),
                rounds: 1,
            },
            ..road(
                "rejected",
                suffix,
                json!({ "verdict": { "onramp": "rejected" }, "verdictDelayMs": 200 }),
            )
        },
        road(
            "server-errors",
            suffix,
            json!({ "answers": [
                { "call": "register-user", "times": 2, "status": 500 },
                { "call": "upload-document", "status": 502 },
                { "call": "trigger-verification", "status": 503 }
            ] }),
        ),
        road(
            "dropped-before",
            suffix,
            json!({ "verdictDelayMs": 50, "answers": [
                { "call": "register-user", "fault": "drop-before" },
                { "call": "upload-document", "fault": "drop-before" },
                { "call": "trigger-verification", "fault": "drop-before" },
                { "call": "check-status", "fault": "drop-before" }
            ] }),
        ),
        road(
            "dropped-after",
            suffix,
            json!({ "verdictDelayMs": 50, "answers": [
                { "call": "register-user", "fault": "drop-after" },
                { "call": "upload-document", "fault": "drop-after" },
                { "call": "trigger-verification", "fault": "drop-after" },
                { "call": "check-status", "fault": "drop-after" }
            ] }),
        ),
        road(
            "garbled",
            suffix,
            json!({ "answers": [
                { "call": "register-user", "fault": "slow", "delayMs": 300 },
                { "call": "upload-document", "fault": "not-json" },
                { "call": "trigger-verification", "fault": "truncate" },
                { "call": "check-status", "fault": "not-json" }
            ] }),
        ),
        Road {
            supplies: vec![Supply {
                state: "held",
                patch: Some(
                    json!({ "kycData": { "addressOfResidence": { "postalCode": "28196" } } }),
                ),
                documents: &[],
                taken: Some(json!({ "answers": [] })),
            }],
            ..road(
                "refused",
                suffix,
                json!({ "answers": [{ "call": "register-user", "times": 1000, "status": 400,
                    "body": { "error": true, "message": "kycData.addressOfResidence.postalCode is not plausible" } }] }),
            )
        },
        Road {
            documents: CARD_FRONT,
            supplies: vec![Supply {
                state: "requires-data",
                patch: None,
                documents: CARD_BACK,
                taken: None,
            }],
            end: verified(2),
            ..road("one-side", suffix, json!({}))
        },
        road(
            "staggered",
            suffix,
            json!({ "shuffle": true, "emptyLists": true,
                "verdictDelayMs": { "regulated-transfer": 100, "onramp": 250, "offramp": 500 } }),
        ),
        Road {
            want: "regulated-transfer",
            documents: &[],
            end: End { products: json!({ "regulated-transfer": "verified" }), ..verified(1) },
            ..road("payouts", suffix, json!({}))
        },
        // The provider loses the record. The profile is sent again and a trigger finds out what
        // is missing: the passport's bytes are gone since they were acknowledged, so a person is
        // asked for it.
        Road {
            supplies: vec![Supply {
                state: "requires-data",
                patch: None,
                documents: PASSPORT,
                taken: None,
            }],
            end: verified(3),
            ..road(
                "forgotten",
                suffix,
                json!({ "verdictDelayMs": 200, "answers": [{ "call": "check-status", "forget": true }] }),
            )
        },
        Road {
            end: End {
                state: "held",
                exit: 13,
                products: products("under-appeal", "verified"),
                rounds: 1,
            },
            ..road(
                "unknown-status",
                suffix,
                json!({ "eligibility": [
                    { "type": "onramp", "status": "under-appeal", "appealId": "a-1" },
                    { "type": "card-issuing", "status": "verified" }
                ] }),
            )
        },
    ]
}

fn road(name: &str, suffix: &str, script: Value) -> Road {
    Road {
        user: format!("userId:{name}-{suffix}"),
        script,
        profile: complete_profile(suffix),
        want: "regulated-transfer,onramp,offramp",
        documents: PASSPORT,
        supplies: Vec::new(),
        end: verified(1),
    }
}

fn sections(suffix: &str, keep: impl Fn(&str) -> bool) -> Value {
    let profile = complete_profile(suffix);
    let sections = profile.as_object().unwrap().clone();
    Value::Object(sections.into_iter().filter(|(name, _)| keep(name)).collect())
}

fn verified(rounds: u64) -> End {
    End { state: "verified", exit: 0, products: products("verified", "verified"), rounds }
}

fn products(onramp: &str, others: &str) -> Value {
    json!({ "regulated-transfer": others, "onramp": onramp, "offramp": others })
}

/// What the sandbox does to the users of these roads.
pub fn scenario<'r>(roads: impl IntoIterator<Item = &'r Road>) -> Value {
    let users = roads.into_iter().map(|road| (road.user.clone(), road.script.clone()));
    json!({ "users": users.collect::<Map<String, Value>>() })
}

/// The people who register users and bring what is asked for.
pub struct Company<'a> {
    gangway: &'a Gangway,
    sandbox: &'a Sandbox,
    /// The roads of all who were registered.
    pub roads: Vec<Road>,
    /// How many of each user's supplies were brought.
    brought: BTreeMap<String, usize>,
}

impl<'a> Company<'a> {
    /// Nobody is registered yet.
    pub fn new(gangway: &'a Gangway, sandbox: &'a Sandbox) -> Self {
        Self { gangway, sandbox, roads: Vec::new(), brought: BTreeMap::new() }
    }

    /// Registers the users of these roads, too, and asks for their verification.
    pub fn register(&mut self, roads: Vec<Road>) {
        for road in &roads {
            self.gangway.set_user(&road.user, &road.profile, &["--want", road.want]);
            self.add_documents(&road.user, road.documents);
            self.gangway.done(&["verify", &road.user]);
        }
        self.roads.extend(roads);
    }

    fn add_documents(&self, user: &str, papers: &[Paper]) {
        let expires = days_from_now(900);
        for (kind, file) in papers {
            self.gangway.add_document(user, kind, &demo_file(file), Some(&expires));
        }
    }

    /// Brings what is due until everyone has come to an end, and answers how they stand.
    ///
    /// # Panics
    /// When it takes longer than `LONG`.
    pub fn see_through(&mut self) -> BTreeMap<String, Value> {
        let began = Instant::now();
        loop {
            let statuses = self.gangway.statuses();
            let in_flight = self.in_flight(&statuses);
            if in_flight.is_empty() {
                return statuses;
            }
            let standing = in_flight.iter().map(|user| format!("{:#}", statuses[*user]));
            assert!(
                began.elapsed() < LONG,
                "not at an end:\n{}\n{}",
                standing.collect::<String>(),
                self.gangway.logs()
            );
            self.supply(&statuses);
        }
    }

    /// Brings what is due, given where everyone stands.
    pub fn supply(&mut self, statuses: &BTreeMap<String, Value>) {
        for road in &self.roads {
            let Some(supply) = self.due(road, statuses) else { continue };
            if let Some(change) = &supply.taken {
                self.sandbox.change(&road.user, change);
            }
            if let Some(patch) = &supply.patch {
                self.gangway.patch_user(&road.user, patch);
            }
            self.add_documents(&road.user, supply.documents);
            *self.brought.entry(road.user.clone()).or_default() += 1;
        }
    }

    fn due<'r>(&self, road: &'r Road, statuses: &BTreeMap<String, Value>) -> Option<&'r Supply> {
        let brought = self.brought.get(&road.user).copied().unwrap_or_default();
        let supply = road.supplies.get(brought)?;
        (statuses[&road.user]["state"] == supply.state).then_some(supply)
    }

    /// Those who have not come to their end: something is still to be done for them.
    pub fn in_flight<'s>(&'s self, statuses: &BTreeMap<String, Value>) -> Vec<&'s str> {
        let on_the_way = |road: &&Road| {
            let brought = self.brought.get(&road.user).copied().unwrap_or_default();
            brought < road.supplies.len() || statuses[&road.user]["state"] != road.end.state
        };
        self.roads.iter().filter(on_the_way).map(|road| road.user.as_str()).collect()
    }
}

/// How a user ended, here and at the provider, whatever happened on the way.
pub fn ending(status: &Value, sandbox: &Sandbox) -> Value {
    let provider = sandbox.user(status["user"].as_str().unwrap());
    let uploads =
        provider.documents.iter().map(|document| json!([document.document_type, document.bytes]));
    let documents = status["documents"].as_array().unwrap().iter();
    let tasks = status["pendingTasks"].as_array().unwrap().iter();
    json!({
        "state": status["state"],
        "products": products_of(status),
        "documents": documents.map(|d| json!([d["documentType"], d["acknowledged"]])).collect::<Vec<_>>(),
        "registered": status["acknowledgedRevision"] == status["profileRevision"],
        "tasks": tasks.map(|task| json!([task["name"], task["state"]])).collect::<Vec<_>>(),
        "hold": status["hold"]["cause"],
        "provider": {
            "sections": provider.sections,
            "documents": uploads.collect::<Vec<_>>(),
            "eligibility": sorted_by_type(serde_json::to_value(&provider.eligibility).unwrap()),
        },
    })
}

/// The wanted products, each with its status.
pub fn products_of(status: &Value) -> Value {
    let wanted = status["wantedProducts"].as_array().unwrap();
    let products = status["products"].as_array().unwrap().iter();
    let products = products.filter(|view| wanted.contains(&view["product"]));
    let pairs =
        products.map(|view| (view["product"].as_str().unwrap().to_owned(), view["status"].clone()));
    Value::Object(pairs.collect())
}

fn sorted_by_type(mut eligibility: Value) -> Value {
    let entries = eligibility.as_array_mut().unwrap();
    entries.sort_by_key(|entry| entry["type"].to_string());
    eligibility
}
