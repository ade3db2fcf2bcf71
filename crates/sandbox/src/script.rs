//! The scenario: what the provider is made to do, told from outside and never
//! read out of a user's data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::locator::Locator;
use crate::profile::Product;
use crate::record::Section;

/// The longest that an answer may be held back.
pub(crate) const DELAY_MS_MAX: u64 = 600_000;

/// Everything that is scripted; `{}` is a provider that verifies at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scenario {
    /// What holds for every user who has no word of their own on it.
    pub defaults: UserScript,
    /// Users by their locator.
    pub users: BTreeMap<Locator, UserScript>,
    /// Set while the provider answers nobody.
    pub provider_closed: Option<Closure>,
}

/// The one answer of a provider that is closed to everyone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// 400, 401, 403 or a 5xx.
    pub status: u16,
    /// The error's text; the provider's own for the status when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What the provider does with one user. Absent fields fall back on the
/// scenario's defaults, and those on the plain behaviour.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UserScript {
    /// Ask for the proofs of enhanced due diligence at the next trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enhanced_due_diligence: Option<bool>,
    /// The status of a product once it lacks nothing; `verified` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<BTreeMap<Product, String>>,
    /// How long a product stays `pending-review` before its verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict_delay_ms: Option<Delay>,
    /// Stay `pending-review` until this is taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<bool>,
    /// Answers that are given before the plain behaviour resumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<ScriptedAnswer>>,
    /// Entries that replace a product's entry, or are added, after the first trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eligibility: Option<Vec<EligibilityEntry>>,
    /// Changes that come by themselves some time after the first trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub later: Option<Vec<Later>>,
    /// Change the order of the products from answer to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shuffle: Option<bool>,
    /// Send `[]` where a list of missing things would be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_lists: Option<bool>,
    /// The number of the privacy policy in force; raising it makes every
    /// earlier acceptance stale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u32>,
    /// The same of the terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms_version: Option<u32>,
    /// How `legalDocuments` is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_documents: Option<LegalDocumentsForm>,
    /// Ask for a selfie, by this word in `missingDocuments`: the provider's own is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selfie: Option<String>,
    /// Sections that are lost when they come, for so many registrations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loses: Option<BTreeMap<Section, u32>>,
    /// Give a document that is replaced a new id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_document_ids: Option<bool>,
}

/// The shapes of `legalDocuments` that the provider's pages show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegalDocumentsForm {
    /// A list of all that were accepted.
    #[default]
    List,
    /// The privacy policy alone, as an object; nothing before it was accepted.
    Object,
    /// Not at all.
    Absent,
}

/// One delay for all products, or one for each.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number of milliseconds, or an object of product to milliseconds")]
pub enum Delay {
    /// The same for every product.
    All(u64),
    /// By product; those that are not named do not wait.
    Each(BTreeMap<Product, u64>),
}

/// One entry of an eligibility list, sent as it stands.
pub type EligibilityEntry = Map<String, Value>;

/// A change that comes by itself, until the user is triggered again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Later {
    /// Counted from the user's first trigger.
    pub after_ms: u64,
    /// The entries that replace or join the list from then on.
    pub eligibility: Vec<EligibilityEntry>,
}

/// One scripted answer. What it leaves out is as the plain behaviour has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScriptedAnswer {
    /// The call that it answers.
    pub call: OnCall,
    /// How many such calls it answers.
    #[serde(default = "once")]
    pub times: u32,
    /// How many such calls are let through first.
    #[serde(default)]
    pub after: u32,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body: a text is sent raw, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Headers to add, such as `Retry-After`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How long the answer is held back after the effect.
    #[serde(default)]
    pub delay_ms: u64,
    /// What goes wrong on the way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Whether the call still does its work. Without a word: not if the status
    /// is an error or the connection drops before it, else yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<bool>,
    /// Forget the user before the call is looked at.
    #[serde(default)]
    pub forget: bool,
}

const fn once() -> u32 {
    1
}

/// The calls that a scripted answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "the name of a call, such as `trigger-verification`, or `any`")]
pub enum OnCall {
    /// This call.
    Only(Call),
    /// Whichever comes.
    Any(AnyCall),
}

/// The word `any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnyCall {
    /// Every call matches.
    Any,
}

impl OnCall {
    fn matches(self, call: Call) -> bool {
        match self {
            Self::Only(only) => only == call,
            Self::Any(AnyCall::Any) => true,
        }
    }
}

/// What can go wrong between the provider and its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The connection closes without an answer; nothing was done.
    DropBefore,
    /// The connection closes without an answer; the work was done.
    DropAfter,
    /// The answer ends in the middle of its body.
    Truncate,
    /// The body is a page of HTML.
    NotJson,
    /// The answer comes in small pieces, spread over `delayMs`.
    Slow,
}

/// Why a scenario was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file could not be read.
    #[error("cannot read the scenario {path}; check the path and its permissions")]
    Read {
        /// The file that was asked for.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no JSON, or has a field or a word that is unknown.
    #[error("the scenario is not valid: {0}; docs/sandbox.md lists the fields")]
    Json(serde_json::Error),
    /// A value makes no sense where it stands.
    #[error("the scenario is not valid at {pointer}: {problem}")]
    Invalid {
        /// The place, as a JSON pointer.
        pointer: String,
        /// What is wrong and what to write instead.
        problem: &'static str,
    },
}

impl Scenario {
    /// Reads a scenario file and checks it.
    ///
    /// # Errors
    /// When the file cannot be read or what it says makes no sense.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Read { path: path.to_owned(), source })?;
        Self::from_json(&text)
    }

    /// Parses a scenario and checks it.
    ///
    /// # Errors
    /// Names the line and column, or the place as a JSON pointer.
    pub fn from_json(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = serde_json::from_str(text).map_err(ScenarioError::Json)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// A user's script laid over the defaults.
    pub(crate) fn script(&self, user: &Locator) -> Script<'_> {
        Script { own: self.users.get(user), defaults: &self.defaults }
    }

    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        self.defaults.check("/defaults")?;
        for (locator, script) in &self.users {
            let name = locator.as_str().replace('~', "~0").replace('/', "~1");
            script.check(&format!("/users/{name}"))?;
        }
        self.provider_closed.as_ref().map_or(Ok(()), |closure| closure.check("/providerClosed"))
    }
}

fn invalid(pointer: String, problem: &'static str) -> ScenarioError {
    ScenarioError::Invalid { pointer, problem }
}

impl Closure {
    pub(crate) fn check(&self, at: &str) -> Result<(), ScenarioError> {
        if matches!(self.status, 400 | 401 | 403 | 500..=599) {
            return Ok(());
        }
        Err(invalid(format!("{at}/status"), "must be 400, 401, 403 or from 500 to 599"))
    }

    pub(crate) fn message(&self) -> &str {
        self.message.as_deref().unwrap_or(match self.status {
            401 => "Invalid API key",
            400 | 403 => "project not configured to support the users KYC endpoints",
            _ => "Service unavailable",
        })
    }
}

impl UserScript {
    /// Applies a merge patch of the script's own fields: a field is replaced
    /// whole, and `null` takes it away.
    pub(crate) fn patched(&self, patch: &Map<String, Value>) -> Result<Self, ScenarioError> {
        let mut fields = serde_json::to_value(self)
            .and_then(serde_json::from_value::<Map<String, Value>>)
            .expect("a script is an object with text keys");
        fields.extend(patch.clone());
        serde_json::from_value(Value::Object(fields)).map_err(ScenarioError::Json)
    }

    pub(crate) fn check(&self, at: &str) -> Result<(), ScenarioError> {
        for (index, answer) in self.answers.iter().flatten().enumerate() {
            answer.check(&format!("{at}/answers/{index}"))?;
        }
        if self.selfie.as_ref().is_some_and(String::is_empty) {
            return Err(invalid(format!("{at}/selfie"), "must be a word for `missingDocuments`"));
        }
        check_entries(self.eligibility.iter().flatten(), &format!("{at}/eligibility"))?;
        for (index, later) in self.later.iter().flatten().enumerate() {
            check_entries(&later.eligibility, &format!("{at}/later/{index}/eligibility"))?;
        }
        Ok(())
    }
}

fn check_entries<'a>(
    entries: impl IntoIterator<Item = &'a EligibilityEntry>,
    at: &str,
) -> Result<(), ScenarioError> {
    for (index, entry) in entries.into_iter().enumerate() {
        if !entry.get("type").is_some_and(Value::is_string) {
            let pointer = format!("{at}/{index}/type");
            return Err(invalid(pointer, "must be the name of a product"));
        }
    }
    Ok(())
}

impl ScriptedAnswer {
    /// Whether the call does its work before this answer hides it.
    pub(crate) fn makes_effect(&self) -> bool {
        let unharmed = self.status.is_none_or(|status| status < 400);
        self.effect.unwrap_or(unharmed && self.fault != Some(Fault::DropBefore))
    }

    fn check(&self, at: &str) -> Result<(), ScenarioError> {
        let refuse = |field: &str, problem| Err(invalid(format!("{at}/{field}"), problem));
        if self.times == 0 {
            return refuse("times", "must be at least 1");
        }
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return refuse("status", "must be from 200 to 599");
        }
        if self.delay_ms > DELAY_MS_MAX {
            return refuse("delayMs", "must be at most 600000, which is ten minutes");
        }
        for (name, value) in &self.headers {
            if name.parse::<HeaderName>().is_err() || value.parse::<HeaderValue>().is_err() {
                return refuse("headers", "must be HTTP header names with printable values");
            }
        }
        match (self.effect, self.fault) {
            (Some(true), Some(Fault::DropBefore)) => {
                refuse("effect", "must not be true with drop-before; use drop-after")
            }
            (Some(false), Some(Fault::DropAfter)) => {
                refuse("effect", "must not be false with drop-after; use drop-before")
            }
            (Some(false), None | Some(Fault::Truncate | Fault::NotJson | Fault::Slow))
                if self.status.is_none() && self.body.is_none() =>
            {
                refuse("effect", "when false needs a status or a body to answer with")
            }
            (Some(true | false) | None, _) => Ok(()),
        }
    }
}

/// How much of one scripted answer is used up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    let_through: u32,
    given: u32,
}

/// A user's script laid over the defaults.
#[derive(Clone, Copy)]
pub(crate) struct Script<'a> {
    own: Option<&'a UserScript>,
    defaults: &'a UserScript,
}

impl<'a> Script<'a> {
    fn pick<T>(self, field: fn(&'a UserScript) -> Option<&'a T>) -> Option<&'a T> {
        self.own.and_then(field).or_else(|| field(self.defaults))
    }

    fn is_on(self, field: fn(&'a UserScript) -> Option<&'a bool>) -> bool {
        self.pick(field).is_some_and(|on| *on)
    }

    pub(crate) fn enhanced_due_diligence(self) -> bool {
        self.is_on(|script| script.enhanced_due_diligence.as_ref())
    }

    pub(crate) fn hold(self) -> bool {
        self.is_on(|script| script.hold.as_ref())
    }

    pub(crate) fn shuffle(self) -> bool {
        self.is_on(|script| script.shuffle.as_ref())
    }

    pub(crate) fn empty_lists(self) -> bool {
        self.is_on(|script| script.empty_lists.as_ref())
    }

    pub(crate) fn policy_version(self) -> u32 {
        self.pick(|script| script.policy_version.as_ref()).copied().unwrap_or(1)
    }

    pub(crate) fn terms_version(self) -> u32 {
        self.pick(|script| script.terms_version.as_ref()).copied().unwrap_or(1)
    }

    pub(crate) fn legal_documents(self) -> LegalDocumentsForm {
        self.pick(|script| script.legal_documents.as_ref()).copied().unwrap_or_default()
    }

    pub(crate) fn selfie(self) -> Option<&'a str> {
        self.pick(|script| script.selfie.as_ref()).map(String::as_str)
    }

    /// How many registrations lose this section.
    pub(crate) fn loses(self, section: Section) -> u32 {
        let loses = self.pick(|script| script.loses.as_ref());
        loses.and_then(|loses| loses.get(&section)).copied().unwrap_or(0)
    }

    pub(crate) fn new_document_ids(self) -> bool {
        self.is_on(|script| script.new_document_ids.as_ref())
    }

    pub(crate) fn verdict(self, product: Product) -> &'a str {
        let verdicts = self.pick(|script| script.verdict.as_ref());
        verdicts.and_then(|verdicts| verdicts.get(&product)).map_or("verified", String::as_str)
    }

    pub(crate) fn verdict_delay_ms(self, product: Product) -> u64 {
        match self.pick(|script| script.verdict_delay_ms.as_ref()) {
            None => 0,
            Some(Delay::All(delay)) => *delay,
            Some(Delay::Each(delays)) => delays.get(&product).copied().unwrap_or(0),
        }
    }

    pub(crate) fn eligibility(self) -> &'a [EligibilityEntry] {
        self.pick(|script| script.eligibility.as_ref()).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn later(self) -> &'a [Later] {
        self.pick(|script| script.later.as_ref()).map_or(&[], Vec::as_slice)
    }

    /// Spends the first answer that is for this call and not used up.
    pub(crate) fn take_answer(
        self,
        call: Call,
        spent: &mut Vec<Spent>,
    ) -> Option<&'a ScriptedAnswer> {
        let answers = self.pick(|script| script.answers.as_ref())?;
        spent.resize(answers.len(), Spent::default());
        let (answer, spent) = answers
            .iter()
            .zip(spent)
            .find(|(answer, spent)| answer.call.matches(call) && spent.given < answer.times)?;
        if spent.let_through < answer.after {
            spent.let_through += 1;
            return None;
        }
        spent.given += 1;
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Scenario::from_json(text).map(|_| String::new()).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn a_wrong_scenario_is_refused_with_the_place_and_the_remedy() {
        let answer =
            |fields: &str| format!(r#"{{"defaults":{{"answers":[{{"call":"any",{fields}}}]}}}}"#);
        let cases = [
            ("{\n  \"user\": {}}".to_owned(), "unknown field `user`"),
            ("{\n  \"user\": {}}".to_owned(), "line 2 column 8"),
            ("{".to_owned(), "line 1 column 1"),
            (r#"{"users":{"ada":{}}}"#.to_owned(), "`userId:`"),
            (r#"{"defaults":{"verdict":{"on-ramp":"rejected"}}}"#.to_owned(), "`onramp`"),
            (r#"{"defaults":{"verdictDelayMs":"1s"}}"#.to_owned(), "a number of milliseconds"),
            (r#"{"defaults":{"answers":[{"call":"verify"}]}}"#.to_owned(), "the name of a call"),
            (
                r#"{"users":{"userId:a/b":{"eligibility":[{}]}}}"#.to_owned(),
                "/users/userId:a~1b/eligibility/0/type",
            ),
            (
                r#"{"defaults":{"later":[{"afterMs":1,"eligibility":[{"type":1}]}]}}"#.to_owned(),
                "/defaults/later/0/eligibility/0/type",
            ),
            (r#"{"providerClosed":{"status":404}}"#.to_owned(), "/providerClosed/status"),
            (answer(r#""times":0"#), "/defaults/answers/0/times"),
            (answer(r#""status":99"#), "from 200 to 599"),
            (answer(r#""delayMs":600001"#), "ten minutes"),
            (answer(r#""headers":{"a b":"c"}"#), "HTTP header names"),
            (answer(r#""fault":"drop-before","effect":true"#), "use drop-after"),
            (answer(r#""fault":"drop-after","effect":false"#), "use drop-before"),
            (answer(r#""effect":false"#), "needs a status or a body"),
        ];
        for (text, expected) in cases {
            let problem = problem(&text);
            assert!(problem.contains(expected), "{text}: {problem:?}");
        }
    }

    #[test]
    fn an_answer_makes_its_effect_unless_it_says_or_shows_otherwise() {
        let cases = [
            (r#"{"call":"any"}"#, true),
            (r#"{"call":"any","status":500}"#, false),
            (r#"{"call":"any","status":500,"effect":true}"#, true),
            (r#"{"call":"any","status":202}"#, true),
            (r#"{"call":"any","fault":"drop-before"}"#, false),
            (r#"{"call":"any","fault":"drop-after"}"#, true),
            (r#"{"call":"any","fault":"truncate"}"#, true),
            (r#"{"call":"any","body":{},"effect":false}"#, false),
        ];
        for (text, expected) in cases {
            let answer: ScriptedAnswer = serde_json::from_str(text).unwrap();
            assert_eq!(answer.makes_effect(), expected, "{text}");
        }
    }

    #[test]
    fn answers_are_spent_in_order_and_let_calls_through_first() {
        let script: UserScript = serde_json::from_str(
            r#"{"answers":[
                {"call":"check-status","after":1,"times":2,"status":500},
                {"call":"any","status":429}]}"#,
        )
        .unwrap();
        let script = Script { own: Some(&script), defaults: &UserScript::default() };
        let mut spent = Vec::new();
        let mut next = |call| script.take_answer(call, &mut spent).and_then(|answer| answer.status);
        let statuses = [
            next(Call::CheckStatus),
            next(Call::CheckStatus),
            next(Call::CheckStatus),
            next(Call::RegisterUser),
            next(Call::CheckStatus),
        ];
        assert_eq!(statuses, [None, Some(500), Some(500), Some(429), None]);
    }

    #[test]
    fn a_users_word_comes_before_the_defaults_field_by_field() {
        let own = UserScript { hold: Some(false), ..UserScript::default() };
        let defaults = UserScript {
            hold: Some(true),
            enhanced_due_diligence: Some(true),
            ..UserScript::default()
        };
        let script = Script { own: Some(&own), defaults: &defaults };
        assert!(!script.hold());
        assert!(script.enhanced_due_diligence());
    }
}
