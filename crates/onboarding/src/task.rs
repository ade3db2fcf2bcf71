//! Tasks: what a person has to supply before verification can go on.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::onboarding::{Onboarding, is_zero};
use crate::wallet::WalletNumber;
use crate::{
    Area, Context, DocumentType, Eligibility, Policy, Product, ProductStatus, Revision, Revisions,
    Section, Timestamp,
};

/// What a task asks for. Ordered, so that tasks are always opened in the same order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Request {
    /// The dated acceptance of the provider's privacy policy.
    Consent,
    /// A section of the profile.
    Data(Section),
    /// A document: one of the provider's requirements (`id`, `proof-of-address`).
    Document(String),
    /// Something that Gangway does not know; a person has to find out what is meant.
    Operator(String),
    /// A newer document of this type, or what may stand in its place: the one that the provider
    /// has expires. Of several that go together, the one that expires first.
    RenewDocument(DocumentType),
    /// A newer `verificationHistory`: the verifications that it names become too old.
    RenewVerification,
    /// A newer consent: it runs out, or the provider changed its privacy policy.
    RenewConsent,
    /// A newer acceptance of the provider's terms of service, which it changed.
    RenewTerms,
    /// Another wallet than this one, or another chain for it: the provider does not link it.
    Wallet(WalletNumber),
    /// A proof that the user owns this wallet.
    WalletProof(WalletNumber),
}

/// The name of the operator's task for `requires-data` that names nothing.
pub const UNNAMED_REQUEST: &str = "requires-data-without-a-list";

impl Request {
    /// The kind's word in status output.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Data(_) => "data",
            Self::Document(_) => "document",
            Self::Operator(_) => "operator",
            Self::RenewDocument(_)
            | Self::RenewVerification
            | Self::RenewConsent
            | Self::RenewTerms => "renewal",
            Self::Wallet(_) => "wallet",
            Self::WalletProof(_) => "wallet-proof",
        }
    }

    /// What is asked for, in the provider's word where it has one; a wallet's number.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Consent | Self::RenewConsent => "privacy-policy",
            Self::RenewTerms => "terms-of-service",
            Self::Data(section) => section.as_str(),
            Self::Document(name) | Self::Operator(name) => name,
            Self::RenewDocument(document_type) => document_type.as_str(),
            Self::RenewVerification => Section::VerificationHistory.as_str(),
            Self::Wallet(number) | Self::WalletProof(number) => {
                return Cow::Owned(number.to_string());
            }
        })
    }

    /// What supplies it for a user who lives in `area`: any one of these groups, each of it
    /// whole. Document types for a document, the field of the user's file otherwise; empty
    /// when only an operator knows.
    #[must_use]
    pub fn accepts(&self, policy: &Policy, area: Option<&Area>) -> Vec<Vec<String>> {
        let field = |name: &str| vec![vec![name.to_owned()]];
        let words = |groups: Vec<&[DocumentType]>| {
            groups.iter().map(|group| group.iter().map(ToString::to_string).collect()).collect()
        };
        match self {
            Self::Consent | Self::RenewConsent => field("privacyPolicyAcceptedAt"),
            Self::RenewTerms => field("termsOfServiceConsent"),
            Self::Data(section) => section.field().map(field).unwrap_or_default(),
            Self::RenewVerification => {
                Section::VerificationHistory.field().map(field).unwrap_or_default()
            }
            Self::Document(name) => words(policy.accepts.groups(area, name)),
            Self::RenewDocument(document_type) => {
                words(policy.accepts.alternatives(area, document_type))
            }
            Self::Wallet(_) | Self::WalletProof(_) => field("linkedWallets"),
            Self::Operator(_) => Vec::new(),
        }
    }

    fn of_document(name: &str, policy: &Policy, area: Option<&Area>) -> Self {
        if policy.accepts.groups(area, name).is_empty() {
            Self::Operator(name.to_owned())
        } else {
            Self::Document(name.to_owned())
        }
    }

    fn of_section(section: &Section) -> Self {
        match section {
            Section::Other(word) => Self::Operator(word.clone()),
            known @ (Section::UserDetails
            | Section::KycData
            | Section::DueDiligence
            | Section::VerificationHistory) => Self::Data(known.clone()),
        }
    }
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// A person has to act.
    Open,
    /// Something was supplied; the provider has not judged it yet.
    Supplied,
    /// The provider no longer asks for it.
    Closed,
}

impl TaskState {
    /// The word in the store and in status output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Supplied => "supplied",
            Self::Closed => "closed",
        }
    }
}

/// One thing that a person has to supply before verification can go on, or for what was
/// verified to stay so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Counts the tasks of one onboarding from 1.
    pub number: u32,
    /// What is asked for.
    pub request: Request,
    /// The wanted products that ask for it, or, of a renewal, that may be lost without it.
    pub products: BTreeSet<Product>,
    /// How far it has come.
    pub state: TaskState,
    /// When it was first asked for.
    pub opened_at: Timestamp,
    /// How often it was asked for: 1 at first, one more each time that what was supplied
    /// did not do.
    pub rounds: u32,
    /// How many of its rounds were over when a person last let the onboarding go on after a hold:
    /// only those after them count against [`Policy::rounds_max`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounds_forgiven: u32,
    /// What the provider had when it last asked: only something newer supplies the task.
    pub known: Revisions,
    /// By when it has to be supplied, and who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    /// How many of the times at which a person is reminded have passed in this round.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reminders: u32,
    /// When something was supplied in this round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplied_at: Option<Timestamp>,
    /// The rounds before, oldest first; of many, the last [`PAST_ROUNDS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past_rounds: Vec<PastRound>,
    /// That a person let it pass in this round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waived>,
}

/// So many rounds of a task are remembered with their times.
pub const PAST_ROUNDS_MAX: usize = 10;

/// By when something has to be supplied, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Due {
    /// The last moment.
    pub at: Timestamp,
    /// Where it comes from.
    pub source: DueSource,
}

/// Where the time comes from by which something is due. The provider names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DueSource {
    /// The configured time for tasks of this kind.
    Policy,
    /// The last day of a document.
    DocumentExpiry,
    /// The age that the provider is said to allow for a verification.
    VerificationAge,
    /// The configured life of a consent.
    Consent,
}

impl DueSource {
    /// The word in status output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::DocumentExpiry => "document-expiry",
            Self::VerificationAge => "verification-age",
            Self::Consent => "consent",
        }
    }
}

/// A round of a task: what was supplied then did not do, or it was let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastRound {
    /// When something was supplied, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplied_at: Option<Timestamp>,
    /// When a person let it pass, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived_at: Option<Timestamp>,
    /// When it was asked for again.
    pub asked_again_at: Timestamp,
}

/// That a person let a task pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waived {
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// How many triggers were begun by then: none of them asked the provider to judge without it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub triggers: u32,
}

impl Task {
    /// A task that nobody has done anything about yet.
    pub(crate) const fn new(
        number: u32,
        request: Request,
        products: BTreeSet<Product>,
        opened_at: Timestamp,
        known: Revisions,
        due: Option<Due>,
    ) -> Self {
        Self {
            number,
            request,
            products,
            state: TaskState::Open,
            opened_at,
            rounds: 1,
            rounds_forgiven: 0,
            known,
            due,
            reminders: 0,
            supplied_at: None,
            past_rounds: Vec::new(),
            waived: None,
        }
    }

    /// When its present round began.
    #[must_use]
    pub fn asked_at(&self) -> Timestamp {
        self.past_rounds.last().map_or(self.opened_at, |round| round.asked_again_at)
    }

    /// How many rounds count against the limit.
    pub(crate) const fn rounds_that_count(&self) -> u32 {
        self.rounds.saturating_sub(self.rounds_forgiven)
    }

    /// A person let the onboarding go on after a hold: the present round is the first that counts.
    pub(crate) const fn forgive_rounds(&mut self, cx: &Context<'_>) {
        if cx.policy.remembers() {
            self.rounds_forgiven = self.rounds.saturating_sub(1);
        } else {
            self.rounds = 1;
        }
    }

    /// Whether a person was to have supplied it by now. It is reckoned when it is read.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state == TaskState::Open && self.due.is_some_and(|due| due.at <= now)
    }

    /// Something was supplied, or taken back again. What was waived stays so.
    pub(crate) fn set_supplied(&mut self, is_supplied: bool, cx: &Context<'_>) {
        if is_supplied {
            if cx.policy.tells_apart() {
                self.supplied_at = Some(self.supplied_at().unwrap_or(cx.now));
            } else if cx.policy.looks_back() {
                self.supplied_at.get_or_insert(cx.now);
            }
            self.state = TaskState::Supplied;
        } else if self.waived.is_none() && !matches!(self.request, Request::Operator(_)) {
            self.supplied_at = None;
            self.state = TaskState::Open;
        } else if self.waived.is_some() && cx.policy.tells_apart() {
            self.supplied_at = None;
        }
    }

    /// Something was supplied, be it waived before.
    pub(crate) fn supply(&mut self, cx: &Context<'_>) {
        if cx.policy.tells_apart() {
            self.supplied_at = self.supplied_at();
        }
        self.waived = None;
        self.set_supplied(true, cx);
    }

    /// When something was supplied in this round. Edition 1 of the rules noted the time of a waive
    /// there, too.
    pub(crate) fn supplied_at(&self) -> Option<Timestamp> {
        let waived_at = self.waived.as_ref().map(|waived| waived.at);
        self.supplied_at.filter(|at| Some(*at) != waived_at)
    }

    /// What was supplied did not do, or what was let pass may not: a new round begins.
    pub(crate) fn ask_again(&mut self, due: Option<Due>, cx: &Context<'_>) {
        let (supplied_at, waived_at) = if cx.policy.tells_apart() {
            (self.supplied_at(), self.waived.as_ref().map(|waived| waived.at))
        } else {
            (self.supplied_at, None)
        };
        if supplied_at.is_some() || cx.policy.tells_apart() {
            self.past_rounds.push(PastRound { supplied_at, waived_at, asked_again_at: cx.now });
            let forgotten = self.past_rounds.len().saturating_sub(PAST_ROUNDS_MAX);
            self.past_rounds.drain(..forgotten);
        }
        self.rounds += 1;
        self.state = TaskState::Open;
        self.due = due;
        self.reminders = 0;
        self.supplied_at = None;
        self.waived = None;
    }

    /// A person said that it is dealt with, or may pass. What may pass was not supplied.
    pub(crate) fn settle(&mut self, waived: Option<Waived>, cx: &Context<'_>) {
        self.state = TaskState::Supplied;
        let is_supplied = waived.is_none() || !cx.policy.tells_apart();
        self.supplied_at = (is_supplied && cx.policy.looks_back()).then_some(cx.now);
        self.waived = waived;
    }
}

impl Onboarding {
    /// Brings the tasks in line with what the wanted products ask for by the last observation,
    /// which is the verdict of the trigger `judged_by` or of none.
    pub(crate) fn reconcile_tasks(&mut self, judged_by: Option<u32>, cx: &Context<'_>) {
        let asked = self.asked(cx.policy);
        self.tasks.retain(|task| asked.contains_key(&task.request));
        let known = self.verification.triggered_with.clone().unwrap_or_default();
        for (request, products) in asked {
            match self.tasks.iter_mut().find(|task| task.request == request) {
                Some(task) => task.products = products,
                None => {
                    self.task_count += 1;
                    let due = cx.policy.due_of(&request, cx.now);
                    let (number, known) = (self.task_count, known.clone());
                    self.tasks.push(Task::new(number, request, products, cx.now, known, due));
                }
            }
        }
        self.ask_again(&known, judged_by, cx);
        self.mark_supplied(cx);
    }

    /// Reopens what was supplied, sent, judged, and is asked for all the same.
    fn ask_again(&mut self, known: &Revisions, judged_by: Option<u32>, cx: &Context<'_>) {
        let is_judged = |task: &Task| {
            task.state == TaskState::Supplied && self.was_judged(task, known, judged_by, cx)
        };
        let judged: Vec<bool> = self.tasks.iter().map(is_judged).collect();
        for (task, judged) in self.tasks.iter_mut().zip(judged) {
            if judged {
                task.ask_again(cx.policy.due_of(&task.request, cx.now), cx);
            }
            task.known.clone_from(known);
        }
    }

    /// Whether what was supplied was part of what the provider judged, which had `known`. What was
    /// waived was, if the trigger was begun after that.
    fn was_judged(
        &self,
        task: &Task,
        known: &Revisions,
        judged_by: Option<u32>,
        cx: &Context<'_>,
    ) -> bool {
        match &task.waived {
            Some(waived) if cx.policy.remembers() => {
                judged_by.is_some_and(|trigger| trigger > waived.triggers)
            }
            Some(_) => !self.verification.requested,
            None if matches!(task.request, Request::Operator(_)) => !self.verification.requested,
            None => !self.is_supplied(&task.request, known, cx.policy),
        }
    }

    /// Once nothing is open, the provider is asked to judge what was waived: there may be nothing
    /// to send that would bring a trigger. One that is in doubt judges it if it was begun later.
    pub(crate) fn ask_to_judge_waived(&mut self) {
        let begun = self.verification.in_doubt.as_ref().map(|doubt| doubt.trigger);
        let is_unjudged = |task: &Task| {
            let waived = task.waived.as_ref();
            waived.is_some_and(|waived| begun.is_none_or(|trigger| trigger <= waived.triggers))
        };
        if self.has_open_task() || !self.verification.asked || !self.tasks.iter().any(is_unjudged) {
            return;
        }
        match &mut self.verification.in_doubt {
            Some(doubt) => doubt.requested_again = true,
            None => self.verification.requested = true,
        }
    }

    /// Marks the tasks for which something newer than what the provider had is held, and opens
    /// those again for which it was taken back before the provider judged it.
    pub(crate) fn mark_supplied(&mut self, cx: &Context<'_>) {
        let is_supplied = |task: &Task| self.is_supplied(&task.request, &task.known, cx.policy);
        let supplied: Vec<bool> = self.tasks.iter().map(is_supplied).collect();
        for (task, supplied) in self.tasks.iter_mut().zip(supplied) {
            task.set_supplied(supplied, cx);
        }
    }

    /// Where the user lives, as far as the rules know it.
    #[must_use]
    pub fn area(&self) -> Option<&Area> {
        self.profile.as_ref()?.area.as_ref()
    }

    /// What the wanted products ask for, by the last observation, and for which of them.
    fn asked(&self, policy: &Policy) -> BTreeMap<Request, BTreeSet<Product>> {
        let mut asked: BTreeMap<Request, BTreeSet<Product>> = BTreeMap::new();
        for eligibility in self.observed_wanted() {
            for request in requests_of(eligibility, policy, self.area()) {
                asked.entry(request).or_default().insert(eligibility.product.clone());
            }
        }
        asked
    }

    /// Whether what is held of what `request` asks for is newer than `known`.
    pub(crate) fn is_supplied(
        &self,
        request: &Request,
        known: &Revisions,
        policy: &Policy,
    ) -> bool {
        match request {
            Request::Consent | Request::RenewConsent => {
                self.held_revisions().consent > known.consent
            }
            Request::RenewTerms => self.held_revisions().terms > known.terms,
            Request::Data(section) => self.has_newer_section(section, known),
            Request::RenewVerification => {
                self.has_newer_section(&Section::VerificationHistory, known)
            }
            Request::Document(requirement) => policy
                .accepts
                .groups(self.area(), requirement)
                .iter()
                .any(|group| self.has_newer_group(group, &known.documents)),
            Request::RenewDocument(document_type) => {
                self.has_newer_group(std::slice::from_ref(document_type), &known.documents)
            }
            // Only a person can say that it is dealt with: by asking for verification. Of a
            // wallet, only the provider can.
            Request::Operator(_) | Request::Wallet(_) | Request::WalletProof(_) => false,
        }
    }

    fn has_newer_section(&self, section: &Section, known: &Revisions) -> bool {
        self.profile
            .as_ref()
            .and_then(|profile| profile.sections.get(section).copied())
            .is_some_and(|changed_in| Some(changed_in) > known.profile)
    }

    fn has_newer_group(
        &self,
        group: &[DocumentType],
        known: &BTreeMap<DocumentType, Revision>,
    ) -> bool {
        let held = self.held_revisions().documents;
        let whole = group.iter().all(|kind| held.contains_key(kind));
        let newer = group.iter().any(|kind| held.get(kind) > known.get(kind));
        whole && newer
    }
}

fn requests_of(eligibility: &Eligibility, policy: &Policy, area: Option<&Area>) -> Vec<Request> {
    match eligibility.status {
        ProductStatus::PendingPrivacyPolicy => vec![Request::Consent],
        ProductStatus::RequiresData => {
            let data = eligibility.missing_data.iter().map(Request::of_section);
            let documents = eligibility
                .missing_documents
                .iter()
                .map(|name| Request::of_document(name, policy, area));
            let requests: Vec<Request> = data.chain(documents).collect();
            if requests.is_empty() {
                vec![Request::Operator(UNNAMED_REQUEST.to_owned())]
            } else {
                requests
            }
        }
        ProductStatus::NotStarted
        | ProductStatus::PendingReview
        | ProductStatus::Verified
        | ProductStatus::Rejected
        | ProductStatus::Other(_) => Vec::new(),
    }
}
