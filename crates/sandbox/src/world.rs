//! The whole state, and what each call does to it. Time comes in as an
//! argument, so one lock round it makes every call atomic.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::access::Access;
use crate::account::{Account, View, eligibility_answer};
use crate::call::{Call, CallLog, CallRecord};
use crate::locator::Locator;
use crate::profile::Profile;
use crate::record::Section;
use crate::request::{Incoming, Operation, Request};
use crate::script::{EligibilityEntry, Fault, Scenario, ScriptedAnswer, Spent, UserScript};
use crate::wire::{Answer, Body};

pub(crate) struct World {
    pub profile: Profile,
    pub scenario: Scenario,
    pub calls: CallLog,
    access: Access,
    people: BTreeMap<Locator, Person>,
    /// Which user a document's id belongs to.
    documents: BTreeMap<String, Locator>,
    documents_made: u64,
    accounts_made: u64,
}

/// A user who was asked about, known to the provider or not.
#[derive(Default)]
struct Person {
    account: Option<Account>,
    spent: Vec<Spent>,
    lost: BTreeMap<Section, u32>,
    triggers_received: u64,
    triggers_effective: u64,
    registrations: u64,
    eligibility_answers: u64,
}

/// What is shown of a user on the admin port.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// The user.
    pub user: Locator,
    /// Whether the provider has a record of the user now.
    pub known: bool,
    /// Registrations that took effect.
    pub registrations: u64,
    /// Triggers that arrived, refused and dropped ones among them.
    pub triggers_received: u64,
    /// Triggers that began a verification.
    pub triggers_effective: u64,
    /// The sections that are held.
    pub sections: Vec<&'static str>,
    /// The documents that are held.
    pub documents: Vec<DocumentView>,
    /// The consents that are held, as the wire shows them.
    pub legal_documents: Value,
    /// The wallets that are linked, as the wire shows them.
    pub linked_wallets: Vec<Value>,
    /// The eligibility list that a reading now would show.
    pub eligibility: Vec<EligibilityEntry>,
}

/// A document without its bytes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentView {
    /// The provider's id.
    pub id: String,
    /// Its type.
    pub document_type: &'static str,
    /// How large the file was.
    pub bytes: u64,
    /// How often a file of this type was uploaded.
    pub uploads: u64,
    /// The date that was given with it.
    pub expires_at: Option<String>,
}

/// One call as it arrived. Without `incoming` the path is not served.
pub(crate) struct Arrival {
    pub at: i64,
    pub method: String,
    pub key: Option<String>,
    pub incoming: Option<Incoming>,
}

/// What goes back, and how.
pub(crate) struct Reply {
    pub answer: Answer,
    pub fault: Option<Fault>,
    pub delay_ms: u64,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, fault: None, delay_ms: 0 }
    }
}

/// The page that stands in for an answer that is no JSON.
const NOT_JSON: &str = "<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>";

impl World {
    pub(crate) fn new(profile: Profile, scenario: Scenario, access: Access) -> Self {
        Self {
            profile,
            scenario,
            calls: CallLog::default(),
            access,
            people: BTreeMap::new(),
            documents: BTreeMap::new(),
            documents_made: 0,
            accounts_made: 0,
        }
    }

    /// Answers one call and logs it.
    pub(crate) fn answer(&mut self, arrival: Arrival) -> Reply {
        let mut record = CallRecord {
            seq: 0,
            at: arrival.at,
            method: arrival.method,
            call: arrival.incoming.as_ref().map(|incoming| incoming.call),
            user: arrival.incoming.as_ref().and_then(|incoming| self.user_of(incoming)),
            status: None,
            fault: None,
            scripted: false,
            effect: false,
            sections: Vec::new(),
            document_type: None,
        };
        let reply = match arrival.incoming {
            None => Answer::error(404, "Not found").into(),
            Some(incoming) => self.answer_call(incoming, arrival.key.as_deref(), &mut record),
        };
        record.fault = reply.fault;
        let is_dropped = matches!(reply.fault, Some(Fault::DropBefore | Fault::DropAfter));
        record.status = (!is_dropped).then_some(reply.answer.status);
        self.calls.push(record);
        reply
    }

    fn user_of(&self, incoming: &Incoming) -> Option<Locator> {
        match &incoming.request {
            Ok(Request::Document { id }) => self.documents.get(id).cloned(),
            Ok(Request::User(..)) | Err(_) => incoming.user.clone(),
        }
    }

    fn answer_call(
        &mut self,
        incoming: Incoming,
        key: Option<&str>,
        record: &mut CallRecord,
    ) -> Reply {
        if let (Call::TriggerVerification, Some(user)) = (incoming.call, &record.user) {
            self.people.entry(user.clone()).or_default().triggers_received += 1;
        }
        if let Some(closure) = &self.scenario.provider_closed {
            return Answer::error(closure.status, closure.message()).into();
        }
        if let Err(answer) = self.access.check(key, incoming.call, record.at) {
            return answer.into();
        }
        note_contents(&incoming, record);
        match self.take_scripted(incoming.call, record.user.as_ref()) {
            Some(scripted) => {
                record.scripted = true;
                self.give_scripted(&scripted, incoming, record)
            }
            None => self.perform(incoming, record).into(),
        }
    }

    fn take_scripted(&mut self, call: Call, user: Option<&Locator>) -> Option<ScriptedAnswer> {
        let user = user?;
        let script = self.scenario.script(user);
        let person = self.people.entry(user.clone()).or_default();
        script.take_answer(call, &mut person.spent).cloned()
    }

    fn give_scripted(
        &mut self,
        scripted: &ScriptedAnswer,
        incoming: Incoming,
        record: &mut CallRecord,
    ) -> Reply {
        if scripted.forget
            && let Some(user) = &record.user
        {
            self.forget(user);
        }
        let mut answer = if scripted.makes_effect() {
            self.perform(incoming, record)
        } else {
            Answer::json(200, Value::Null)
        };
        if let Some(status) = scripted.status.filter(|&status| status != answer.status) {
            answer = Answer::error(status, "scripted answer");
        }
        if let Some(body) = &scripted.body {
            answer.body = match body {
                Value::String(text) => Body::Text(text.clone()),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => Body::Json(body.clone()),
            };
        } else if scripted.fault == Some(Fault::NotJson) {
            answer.body = Body::Text(NOT_JSON.to_owned());
        }
        let headers = scripted.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        answer.headers.extend(headers);
        Reply { answer, fault: scripted.fault, delay_ms: scripted.delay_ms }
    }

    /// Does the work of the call; notes whether it changed anything.
    fn perform(&mut self, incoming: Incoming, record: &mut CallRecord) -> Answer {
        let answer = match incoming.request {
            Err(refusal) => return refusal,
            Ok(Request::Document { id }) => self.document(&id),
            Ok(Request::User(user, operation)) => self.operate(&user, operation, record.at),
        };
        record.effect = incoming.call.is_write() && answer.is_success();
        answer
    }

    fn document(&self, id: &str) -> Answer {
        self.documents
            .get(id)
            .and_then(|user| self.people.get(user)?.account.as_ref()?.document_response(id))
            .map_or_else(
                || Answer::error(404, "Document not found"),
                |body| Answer::json(200, body),
            )
    }

    fn operate(&mut self, user: &Locator, operation: Operation, at: i64) -> Answer {
        let view = View { profile: self.profile, script: self.scenario.script(user), at };
        if self.belongs_to_another(user, &operation) {
            return Answer::error(409, "The wallet is linked to another user");
        }
        let person = self.people.entry(user.clone()).or_default();
        let is_new = person.account.is_none();
        if is_new && operation.creates_user() {
            self.accounts_made += 1;
            person.account = Some(Account::new(self.accounts_made));
        }
        let Some(account) = &mut person.account else { return Answer::user_not_found() };
        match operation {
            Operation::Register(record) => {
                account.register(record, view.script, &mut person.lost);
                person.registrations += 1;
                let status = if is_new { 201 } else { 200 };
                Answer::json(status, account.response(user, view))
            }
            Operation::Get => Answer::json(200, account.response(user, view)),
            Operation::AcceptLegalDocument { kind, accepted_at } => {
                account.accept(kind, accepted_at.clone(), view.script);
                Answer::json(200, serde_json::json!({ "acceptedAt": accepted_at }))
            }
            Operation::Upload(upload) => {
                self.documents_made += 1;
                let document_type = upload.document_type;
                let id = format!("doc_{}", self.documents_made);
                let (status, document) = account.upload(upload, id, view);
                self.documents.insert(document.id.clone(), user.clone());
                Answer::json(status, document.response(document_type))
            }
            Operation::Trigger => {
                person.triggers_effective += 1;
                account.trigger(view);
                person.eligibility_answer(view)
            }
            Operation::CheckStatus => person.eligibility_answer(view),
            Operation::LinkWallet { address, chain, proved } => {
                Answer::json(200, account.link_wallet(address, chain, proved))
            }
            Operation::GetWallet { address } => account
                .wallet_response(&address)
                .map_or_else(|| Answer::error(404, "Wallet not found"), |it| Answer::json(200, it)),
        }
    }

    fn belongs_to_another(&self, user: &Locator, operation: &Operation) -> bool {
        let Operation::LinkWallet { address, .. } = operation else { return false };
        self.people.iter().any(|(owner, person)| {
            owner != user && person.account.as_ref().is_some_and(|it| it.has_wallet(address))
        })
    }

    /// Every user who was asked about.
    pub(crate) fn users(&self, at: i64) -> Vec<UserView> {
        self.people.iter().map(|(user, person)| self.user_view(user, person, at)).collect()
    }

    pub(crate) fn user(&self, user: &Locator, at: i64) -> Option<UserView> {
        self.people.get(user).map(|person| self.user_view(user, person, at))
    }

    fn user_view(&self, user: &Locator, person: &Person, at: i64) -> UserView {
        let script = self.scenario.script(user);
        let view = View { profile: self.profile, script, at };
        let account = person.account.as_ref();
        UserView {
            user: user.clone(),
            known: account.is_some(),
            registrations: person.registrations,
            triggers_received: person.triggers_received,
            triggers_effective: person.triggers_effective,
            sections: account.map(|it| it.record.sections()).unwrap_or_default(),
            documents: account.map(document_views).unwrap_or_default(),
            legal_documents: account.map_or(Value::Null, |it| it.legal_documents(script)),
            linked_wallets: account.map(Account::linked_wallets).unwrap_or_default(),
            eligibility: account.map(|it| it.eligibility(view)).unwrap_or_default(),
        }
    }

    /// Loses the provider's record of a user; the counts stay. False when
    /// there was none.
    pub(crate) fn forget(&mut self, user: &Locator) -> bool {
        self.documents.retain(|_, owner| owner != user);
        self.people.get_mut(user).is_some_and(|person| person.account.take().is_some())
    }

    /// Replaces the scenario; its answers are all unspent.
    pub(crate) fn set_scenario(&mut self, scenario: Scenario) {
        self.scenario = scenario;
        for person in self.people.values_mut() {
            person.spend_nothing();
        }
    }

    /// Replaces one user's script; `fresh` tells whether its answers begin anew.
    pub(crate) fn set_script(&mut self, user: Locator, script: UserScript, fresh: Answers) {
        if let (Answers::Unspent, Some(person)) = (fresh, self.people.get_mut(&user)) {
            person.spend_nothing();
        }
        self.scenario.users.insert(user, script);
    }

    /// Forgets every user, call and spent answer; the scenario stays.
    pub(crate) fn reset(&mut self) {
        self.calls = CallLog::default();
        self.access.reset();
        self.people.clear();
        self.documents.clear();
        self.documents_made = 0;
        self.accounts_made = 0;
    }
}

/// What becomes of the count of spent answers when a script changes.
#[derive(Clone, Copy)]
pub(crate) enum Answers {
    Unspent,
    AsTheyWere,
}

impl Person {
    /// What is scripted for a number of calls begins anew.
    fn spend_nothing(&mut self) {
        self.spent.clear();
        self.lost.clear();
    }

    fn eligibility_answer(&mut self, view: View<'_>) -> Answer {
        let entries = self.account.as_ref().map(|it| it.eligibility(view)).unwrap_or_default();
        let turn = view.script.shuffle().then_some(self.eligibility_answers);
        self.eligibility_answers += 1;
        eligibility_answer(entries, turn)
    }
}

impl Operation {
    const fn creates_user(&self) -> bool {
        match self {
            Self::Register(_) | Self::AcceptLegalDocument { .. } | Self::LinkWallet { .. } => true,
            Self::Get
            | Self::Upload(_)
            | Self::Trigger
            | Self::CheckStatus
            | Self::GetWallet { .. } => false,
        }
    }
}

fn note_contents(incoming: &Incoming, record: &mut CallRecord) {
    match &incoming.request {
        Ok(Request::User(_, Operation::Register(sent))) => record.sections = sent.sections(),
        Ok(Request::User(_, Operation::Upload(upload))) => {
            record.document_type = Some(upload.document_type);
        }
        Ok(Request::User(..) | Request::Document { .. }) | Err(_) => {}
    }
}

fn document_views(account: &Account) -> Vec<DocumentView> {
    account
        .documents
        .iter()
        .map(|(document_type, document)| DocumentView {
            id: document.id.clone(),
            document_type,
            bytes: document.bytes,
            uploads: document.uploads,
            expires_at: document.expires_at.clone(),
        })
        .collect()
}
