//! Tasks: what a person has to supply before verification can go on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::onboarding::Onboarding;
use crate::{
    DocumentType, Eligibility, Product, ProductStatus, Revision, Revisions, Section, Timestamp,
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
        }
    }

    /// What is asked for, in the provider's word where it has one.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Consent => "privacy-policy",
            Self::Data(section) => section.as_str(),
            Self::Document(name) | Self::Operator(name) => name,
        }
    }

    /// What supplies it: any one of these groups, each of it whole. Document types for a
    /// document, the field of the user's file otherwise; empty when only an operator knows.
    #[must_use]
    pub fn accepts(&self) -> Vec<Vec<String>> {
        match self {
            Self::Consent => vec![vec!["privacyPolicyAcceptedAt".to_owned()]],
            Self::Data(section) => {
                section.field().map(|field| vec![vec![field.to_owned()]]).unwrap_or_default()
            }
            Self::Document(name) => accepted_documents(name)
                .iter()
                .map(|group| group.iter().map(ToString::to_string).collect())
                .collect(),
            Self::Operator(_) => Vec::new(),
        }
    }

    fn of_document(name: &str) -> Self {
        if accepted_documents(name).is_empty() {
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

/// The document types that meet a requirement: any one group, each of it whole.
/// Empty for a requirement that Gangway does not know: it never guesses.
/// Source: the quickstart's list; `id` is a category, not a type.
#[must_use]
pub fn accepted_documents(requirement: &str) -> Vec<Vec<DocumentType>> {
    use DocumentType as D;
    match (requirement, DocumentType::from(requirement)) {
        ("id", _) => vec![
            vec![D::IdPassport],
            vec![D::IdIdcardFront, D::IdIdcardBack],
            vec![D::IdResidencyPermit],
            vec![D::IdSsn],
        ],
        (_, D::Other(_)) => Vec::new(),
        (_, known) => vec![vec![known]],
    }
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// One thing that a person has to supply before verification can go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Counts the tasks of one onboarding from 1.
    pub number: u32,
    /// What is asked for.
    pub request: Request,
    /// The wanted products that ask for it.
    pub products: BTreeSet<Product>,
    /// How far it has come.
    pub state: TaskState,
    /// When it was first asked for.
    pub opened_at: Timestamp,
    /// How often it was asked for: 1 at first, one more each time that what was supplied
    /// did not do.
    pub rounds: u32,
    /// What the provider had when it last asked: only something newer supplies the task.
    pub known: Revisions,
}

impl Onboarding {
    /// Brings the tasks in line with what the wanted products ask for by the last observation.
    pub(crate) fn reconcile_tasks(&mut self, now: Timestamp) {
        let asked = self.asked();
        self.tasks.retain(|task| asked.contains_key(&task.request));
        let known = self.verification.triggered_with.clone().unwrap_or_default();
        for (request, products) in asked {
            match self.tasks.iter_mut().find(|task| task.request == request) {
                Some(task) => task.products = products,
                None => {
                    self.task_count += 1;
                    self.tasks.push(Task {
                        number: self.task_count,
                        request,
                        products,
                        state: TaskState::Open,
                        opened_at: now,
                        rounds: 1,
                        known: known.clone(),
                    });
                }
            }
        }
        self.ask_again(&known);
        self.mark_supplied();
    }

    /// Reopens what was supplied, sent, judged, and is asked for all the same.
    fn ask_again(&mut self, known: &Revisions) {
        let judged: Vec<bool> = self
            .tasks
            .iter()
            .map(|task| task.state == TaskState::Supplied && self.was_judged(&task.request, known))
            .collect();
        for (task, judged) in self.tasks.iter_mut().zip(judged) {
            if judged {
                task.state = TaskState::Open;
                task.rounds += 1;
            }
            task.known.clone_from(known);
        }
    }

    /// Whether what was supplied was part of what the provider judged, which had `known`.
    fn was_judged(&self, request: &Request, known: &Revisions) -> bool {
        match request {
            Request::Operator(_) => !self.verification.requested,
            Request::Consent | Request::Data(_) | Request::Document(_) => {
                !self.is_supplied(request, known)
            }
        }
    }

    /// Marks the tasks for which something newer than `known` is held, and opens those again
    /// for which it was taken back before the provider judged it.
    pub(crate) fn mark_supplied(&mut self) {
        let supplied: Vec<bool> =
            self.tasks.iter().map(|task| self.is_supplied(&task.request, &task.known)).collect();
        for (task, supplied) in self.tasks.iter_mut().zip(supplied) {
            if supplied {
                task.state = TaskState::Supplied;
            } else if !matches!(task.request, Request::Operator(_)) {
                task.state = TaskState::Open;
            }
        }
    }

    /// What the wanted products ask for, by the last observation, and for which of them.
    fn asked(&self) -> BTreeMap<Request, BTreeSet<Product>> {
        let mut asked: BTreeMap<Request, BTreeSet<Product>> = BTreeMap::new();
        for eligibility in self.observed_wanted() {
            for request in requests_of(eligibility) {
                asked.entry(request).or_default().insert(eligibility.product.clone());
            }
        }
        asked
    }

    fn is_supplied(&self, request: &Request, known: &Revisions) -> bool {
        match request {
            Request::Consent => self.held_revisions().consent > known.consent,
            Request::Data(section) => self
                .profile
                .as_ref()
                .and_then(|profile| profile.sections.get(section).copied())
                .is_some_and(|changed_in| Some(changed_in) > known.profile),
            Request::Document(requirement) => accepted_documents(requirement)
                .iter()
                .any(|group| self.has_newer_group(group, &known.documents)),
            // Only a person can say that it is dealt with: by asking for verification.
            Request::Operator(_) => false,
        }
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

fn requests_of(eligibility: &Eligibility) -> Vec<Request> {
    match eligibility.status {
        ProductStatus::PendingPrivacyPolicy => vec![Request::Consent],
        ProductStatus::RequiresData => {
            let data = eligibility.missing_data.iter().map(Request::of_section);
            let documents =
                eligibility.missing_documents.iter().map(|name| Request::of_document(name));
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
