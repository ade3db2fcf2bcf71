//! What is broken at every step: each road, and what the sandbox can do that no road shows. One
//! user each. People act while no worker runs, so that the steps come in one order only.

use gangway_tests::roads::{Paper, Road, roads};
use gangway_tests::{complete_profile, days_from_now, demo_file};
use sandbox::Profile;
use serde_json::{Value, json};
use tempfile::TempDir;

/// One user's way, as people and the provider make it.
pub struct Scenario {
    pub name: String,
    pub user: String,
    pub profile: Profile,
    /// What the sandbox does to the user.
    pub script: Value,
    /// What people do before each start of the worker, which then runs until it is at rest.
    pub stages: Vec<Stage>,
    pub lift: Option<Lift>,
    pub effect: TriggersEffect,
}

/// Whether the status tells that a trigger took effect. If it reads the same before and after,
/// a trigger whose answer is lost is made again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TriggersEffect {
    Shows,
    /// It may tell nothing of the triggers after the first stage.
    FirstShows,
}

/// What happens while no worker runs.
pub struct Stage {
    /// A change of the sandbox's script.
    pub change: Option<Value>,
    /// The commands of a person.
    pub commands: Vec<Vec<String>>,
}

/// Something that the provider does once it was called so often.
pub struct Lift {
    pub calls: usize,
    pub what: Lifted,
}

pub enum Lifted {
    /// A change of the user's script.
    Script(Value),
    /// It is open again to everyone; until then it is closed.
    Closure,
}

/// A person at the command line, whose files are the same in every run.
pub struct Person {
    user: String,
    folder: TempDir,
    commands: Vec<Vec<String>>,
    stages: Vec<Stage>,
}

impl Person {
    pub fn new(user: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { user: user.to_owned(), folder, commands: Vec::new(), stages: Vec::new() }
    }

    pub fn does(mut self, words: &[&str]) -> Self {
        self.commands.push(words.iter().map(|&word| word.to_owned()).collect());
        self
    }

    /// A command about the user alone, such as `verify`.
    pub fn tells(self, command: &str) -> Self {
        let user = self.user.clone();
        self.does(&[command, &user])
    }

    pub fn sets(self, file: &Value, more: &[&str]) -> Self {
        self.edits("set", file, more)
    }

    pub fn patches(self, patch: &Value) -> Self {
        self.edits("patch", patch, &[])
    }

    fn edits(self, how: &str, file: &Value, more: &[&str]) -> Self {
        let number = self.stages.len() * 100 + self.commands.len();
        let path = self.folder.path().join(format!("{number}.json"));
        std::fs::write(&path, file.to_string()).unwrap();
        let (user, path) = (self.user.clone(), path.to_str().unwrap().to_owned());
        self.does(&[&["user", how, &user, "--file", &path], more].concat())
    }

    pub fn adds(mut self, papers: &[Paper]) -> Self {
        let (user, expires) = (self.user.clone(), days_from_now(900));
        for (kind, file) in papers {
            let path = demo_file(file);
            let path = path.to_str().unwrap();
            let words = ["document", "add", &user, "--type", kind, "--file", path];
            self = self.does(&[&words[..], &["--expires", &expires]].concat());
        }
        self
    }

    /// The worker runs until it is at rest.
    pub fn waits(self) -> Self {
        self.waits_for(None)
    }

    /// The same, after a change of the sandbox's script.
    fn waits_for(mut self, change: Option<Value>) -> Self {
        let commands = std::mem::take(&mut self.commands);
        self.stages.push(Stage { change, commands });
        self
    }

    /// The commands since the worker ran.
    pub fn into_commands(self) -> (TempDir, Vec<Vec<String>>) {
        (self.folder, self.commands)
    }
}

pub struct Table {
    pub scenarios: Vec<Scenario>,
    /// What the commands name; removed in the end.
    _folders: Vec<TempDir>,
}

impl Table {
    fn add(&mut self, name: &str, script: Value, person: Person) -> &mut Scenario {
        let Person { user, folder, commands, stages } = person;
        assert!(commands.is_empty(), "{name}: nobody waits for the last commands");
        self._folders.push(folder);
        let profile =
            if OF_THE_QUICKSTART.contains(&name) { Profile::Quickstart } else { Profile::Current };
        let name = name.to_owned();
        let (lift, effect) = (None, TriggersEffect::Shows);
        self.scenarios.push(Scenario { name, user, profile, script, stages, lift, effect });
        self.scenarios.last_mut().unwrap()
    }
}

/// Those that speak the quickstart's form of the API, without consents and without reading the
/// user; the others speak today's.
const OF_THE_QUICKSTART: [&str; 5] =
    ["at-once", "missing-data", "dropped-after", "one-side", "held"];

const PASSPORT: &[Paper] = &[("id-passport", "documents/passport.png")];
const ADDRESS: &[Paper] = &[("proof-of-address", "documents/proof-of-address.pdf")];
const WALLET: &str = "0x52908400098527886E0F7030069857D2E4169EE7";
const OTHER_WALLET: &str = "0x8617E340B3D01FA5F11F306F4090FD50E238070D";
const SELFIE: &[Paper] = &[("selfie-front", "documents/passport.png")];
const TRANSFERS: &[&str] = &["--want", "regulated-transfer"];
const WANT: &[&str] = &["--want", "regulated-transfer,onramp,offramp"];

pub fn table() -> Table {
    let mut table = Table { scenarios: Vec::new(), _folders: Vec::new() };
    for road in roads("broken") {
        // Whatever is lost brings a look, which would use up the one that makes the provider
        // forget; so that has scenarios of its own.
        if !road.user.contains("forgotten") {
            add_road(&mut table, road);
        }
    }
    add_provider_moods(&mut table);
    add_what_is_not_kept(&mut table);
    add_later_changes(&mut table);
    let speaks_the_quickstart = |scenario: &&Scenario| scenario.profile == Profile::Quickstart;
    let number = table.scenarios.iter().filter(speaks_the_quickstart).count();
    assert_eq!(number, OF_THE_QUICKSTART.len(), "each names a scenario");
    table
}

fn add_road(table: &mut Table, road: Road) {
    let mut person = Person::new(&road.user)
        .sets(&accepting(road.profile), &["--want", road.want])
        .adds(road.documents)
        .tells("verify")
        .waits();
    for supply in road.supplies {
        if let Some(patch) = &supply.patch {
            person = person.patches(patch);
        }
        person = person.adds(supply.documents).waits_for(supply.taken);
    }
    let name = road.user.trim_start_matches("userId:").trim_end_matches("-broken");
    table.add(name, road.script, person);
}

/// Someone who supplied all that is ever asked for.
fn complete(user: &str) -> Person {
    Person::new(user).sets(&whole_file(), WANT).adds(PASSPORT).tells("verify").waits()
}

fn whole_file() -> Value {
    accepting(complete_profile("broken"))
}

/// The file of someone who accepted the privacy policy.
fn accepting(mut file: Value) -> Value {
    file["privacyPolicyAcceptedAt"] = json!(morning(-2));
    file
}

fn morning(days: i64) -> String {
    format!("{}T08:00:00Z", days_from_now(days))
}

/// How the provider may answer.
fn add_provider_moods(table: &mut Table) {
    let limited = json!({ "answers": [
        { "call": "register-user", "status": 429, "headers": { "Retry-After": "1" } },
        { "call": "trigger-verification", "status": 429, "headers": { "Retry-After": "1" } }
    ] });
    table.add("limited", limited, complete("userId:limited"));

    let despite = json!({ "verdictDelayMs": 50, "answers": [
        { "call": "register-user", "status": 500, "effect": true },
        { "call": "upload-document", "status": 502, "effect": true },
        { "call": "trigger-verification", "status": 503, "effect": true }
    ] });
    table.add("effect-despite-error", despite, complete("userId:despite"));

    let refuses = json!({ "call": "trigger-verification", "times": 1000, "status": 400 });
    let refused = json!({ "answers": [refuses] });
    let refused_trigger = complete("userId:refused-trigger")
        .tells("resume")
        .waits_for(Some(json!({ "answers": [] })));
    table.add("trigger-refused", refused, refused_trigger);

    let in_review =
        table.add("in-review-until-told", json!({ "hold": true }), complete("userId:on-hold"));
    in_review.lift = Some(Lift { calls: 6, what: Lifted::Script(json!({ "hold": false })) });

    let closed = table.add("closed", json!({}), complete("userId:closed"));
    closed.lift = Some(Lift { calls: 1, what: Lifted::Closure });

    let forgetful = json!({ "answers": [
        { "call": "upload-document", "forget": true },
        { "call": "trigger-verification", "forget": true }
    ] });
    table.add("forgotten-early", forgetful, complete("userId:forgotten-early"));
}

/// What only the newer form of the API knows: sections that were sent and do not show, texts of
/// which the user accepted an older version, and selfies.
fn add_what_is_not_kept(table: &mut Table) {
    let lost = json!({ "loses": { "kycData": 1 } });
    table.add("section-lost", lost, complete("userId:section-lost"));

    let never = json!({ "loses": { "verificationHistory": 1000 } });
    let person = Person::new("userId:never-shown")
        .sets(&whole_file(), TRANSFERS)
        .tells("verify")
        .waits()
        .tells("resume")
        .waits_for(Some(json!({ "loses": null })));
    table.add("section-never-shown", never, person);

    let accepts = |days| json!({ "acceptedAt": morning(days), "region": "eu" });
    let mut file = whole_file();
    file["termsOfServiceConsent"] = accepts(-2);
    let person = Person::new("userId:terms")
        .sets(&file, TRANSFERS)
        .tells("verify")
        .waits()
        .patches(&street())
        .waits_for(Some(json!({ "termsVersion": 2 })))
        .patches(&json!({ "termsOfServiceConsent": accepts(-1) }))
        .waits();
    table.add("terms", json!({}), person);

    let person = complete("userId:selfie").adds(SELFIE).waits();
    table.add("selfie", json!({ "selfie": "selfie-front" }), person);
}

fn street() -> Value {
    json!({ "kycData": { "addressOfResidence": { "line1": "Am Ufer 10" } } })
}

/// What comes when all seemed to be done.
fn add_later_changes(table: &mut Table) {
    let user = "email:consent@example.org";
    let consent = |days| json!({ "privacyPolicyAcceptedAt": morning(days) });
    let wanted = ["--want", "regulated-transfer,onramp-light,onramp"];
    let person = Person::new(user)
        .sets(&complete_profile("broken"), &wanted)
        .adds(PASSPORT)
        .tells("verify")
        .waits()
        .patches(&consent(-2))
        .waits()
        .tells("retry")
        .waits_for(Some(json!({ "policyVersion": 2 })))
        .patches(&consent(-1))
        .waits();
    table.add("consent", json!({}), person);

    let asks = json!([{ "type": "onramp", "status": "requires-data", "missingDocuments": ["proof-of-address"] }]);
    let drifting = json!({ "later": [{ "afterMs": 1, "eligibility": asks }] });
    let person = complete("userId:drifting").tells("retry").waits().adds(ADDRESS).waits();
    table.add("drifting", drifting, person);

    let person = complete("userId:asked-again").adds(ADDRESS).waits().adds(ADDRESS).waits();
    let asked_again = table.add("asked-again", json!({ "eligibility": asks }), person);
    asked_again.effect = TriggersEffect::FirstShows;

    let other_forms = json!({ "legalDocuments": "object", "newDocumentIds": true });
    let person = complete("userId:corrected").patches(&street()).adds(PASSPORT).waits();
    let corrected = table.add("corrected", other_forms, person.tells("verify").waits());
    corrected.effect = TriggersEffect::FirstShows;

    let forgets = json!({ "answers": [{ "call": "check-status", "forget": true }] });
    let person =
        complete("userId:forgotten").tells("retry").waits_for(Some(forgets)).adds(PASSPORT).waits();
    table.add("forgotten", json!({}), person);

    let anothers = json!({ "call": "link-wallet", "times": 1000, "status": 409 });
    let link = ["wallet", "link", "userId:wallets", "--chain"];
    let proof = demo_file("users/john.json");
    let proof = proof.to_str().unwrap();
    let person = Person::new("userId:wallets")
        .sets(&whole_file(), WANT)
        .adds(PASSPORT)
        .tells("verify")
        .does(&[&link[..], &["base", WALLET]].concat())
        .waits()
        .does(&[&link[..], &["base", WALLET, "--proof", proof]].concat())
        .waits()
        .does(&[&link[..], &["solana", OTHER_WALLET]].concat())
        .waits_for(Some(json!({ "answers": [anothers] })));
    table.add("wallets", json!({}), person);

    let person = Person::new("userId:slowly")
        .sets(&whole_file(), WANT)
        .waits()
        .adds(PASSPORT)
        .waits()
        .tells("verify")
        .waits();
    table.add("bit-by-bit", json!({ "legalDocuments": "absent" }), person);

    let person = complete("userId:held")
        .tells("hold")
        .patches(&street())
        .waits()
        .tells("resume")
        .tells("verify")
        .waits();
    table.add("held", json!({}), person).effect = TriggersEffect::FirstShows;

    let erase = ["erase", "userId:ended", "--yes"];
    let person = complete("userId:ended").tells("cancel").waits().tells("resume").waits();
    table.add("ended", json!({}), person.does(&erase).waits());
}
