//! What runs out after something was verified, and the tasks that ask for a newer one ahead of
//! time. They decide nothing: the provider has not asked for anything yet.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use crate::apply::{Context, Reason};
use crate::onboarding::{Document, Onboarding};
use crate::task::{Due, DueSource, Request, Task, TaskState};
use crate::{Consent, Date, DocumentType, Policy, Product, ProductStatus, Section, Timestamp};

impl Onboarding {
    /// What has to be renewed, with the time from which a task asks for it and by when.
    pub(crate) fn renewals_ahead(&self, policy: &Policy) -> BTreeMap<Request, Ahead> {
        let mut ahead = BTreeMap::new();
        if self.products_at_stake().is_empty() {
            return ahead;
        }
        if policy.renewal_lead_ms > 0 {
            for (request, due) in self.running_out(policy) {
                let opens_at = due.at.minus_ms(policy.renewal_lead_ms);
                ahead.insert(request, Ahead { opens_at, due: Some(due) });
            }
        }
        let outdated = [
            (self.registration.privacy_policy_outdated_since, Request::RenewConsent),
            (self.registration.terms_outdated_since, Request::RenewTerms),
        ];
        for (since, request) in outdated {
            // A text that nobody can be told to have been accepted is not asked for again.
            if let Some(opens_at) = since.filter(|_| !policy.keeps_consents) {
                let due = policy.due_of(&request, opens_at);
                ahead.insert(request, Ahead { opens_at, due });
            }
        }
        // What the provider asks for already has a task.
        ahead.retain(|request, _| !self.is_asked_for(request, policy));
        ahead
    }

    fn running_out(&self, policy: &Policy) -> Vec<(Request, Due)> {
        let mut running_out = Vec::new();
        for (document_type, at) in self.documents_running_out(policy) {
            let due = Due { at, source: DueSource::DocumentExpiry };
            running_out.push((Request::RenewDocument(document_type), due));
        }
        let verified_on = self.profile.as_ref().and_then(|profile| profile.verified_on);
        if let Some(day) = verified_on.filter(|_| policy.verification_valid_ms > 0) {
            let at = day.start().plus_ms(policy.verification_valid_ms);
            running_out
                .push((Request::RenewVerification, Due { at, source: DueSource::VerificationAge }));
        }
        if let Some(Consent { accepted_at, .. }) =
            self.consent.as_ref().filter(|_| policy.consent_valid_ms > 0)
        {
            let at = accepted_at.plus_ms(policy.consent_valid_ms);
            running_out.push((Request::RenewConsent, Due { at, source: DueSource::Consent }));
        }
        running_out
    }

    /// The documents that run out, and when. Of those that meet one requirement, together or in
    /// place of one another, it is one: what they meet lasts as long as the group that lasts
    /// longest.
    fn documents_running_out(&self, policy: &Policy) -> BTreeMap<DocumentType, Timestamp> {
        let mut running_out = BTreeMap::new();
        for (document_type, document) in &self.documents {
            let expires_at = document.expires_at.filter(|_| document.is_at_hand());
            let Some(last_day) = expires_at else { continue };
            if !policy.tells_apart() {
                running_out.insert(document_type.clone(), last_day.end());
                continue;
            }
            let group = self.longest_lasting(policy, document_type);
            if group.contains(document_type) {
                let (name, end) = self.first_to_end(group);
                running_out.insert(name.clone(), end);
            }
        }
        running_out
    }

    /// Of the groups that may stand in a document's place, the one that is held and lasts longest;
    /// it alone if none is held whole.
    fn longest_lasting<'a>(
        &self,
        policy: &'a Policy,
        document_type: &'a DocumentType,
    ) -> &'a [DocumentType] {
        let alternatives = policy.accepts.alternatives(self.area(), document_type);
        let held = alternatives.into_iter().filter(|group| {
            let is_at_hand = |kind| self.documents.get(kind).is_some_and(Document::is_at_hand);
            !group.is_empty() && group.iter().all(is_at_hand)
        });
        // Of those that last as long, the first.
        let longest = held.rev().max_by_key(|group| self.first_to_end(group).1);
        longest.unwrap_or_else(|| slice::from_ref(document_type))
    }

    /// When a group of documents ends to count, and the one of it by which that is known: the
    /// first to run out, unless its renewal goes by another already.
    fn first_to_end<'a>(&self, group: &'a [DocumentType]) -> (&'a DocumentType, Timestamp) {
        let end_of = |kind: &DocumentType| {
            let last_day = self.documents.get(kind).and_then(|document| document.expires_at);
            last_day.map_or(Timestamp::MAX, Date::end)
        };
        let ends = group.iter().map(|kind| (kind, end_of(kind)));
        let (first, end) =
            ends.min_by_key(|(_, end)| *end).expect("no group that is held is empty");
        let has_task = |kind: &&DocumentType| {
            let mut requests = self.renewals.iter().map(|task| &task.request);
            requests.any(|request| matches!(request, Request::RenewDocument(it) if it == *kind))
        };
        (group.iter().find(has_task).unwrap_or(first), end)
    }

    /// Whether what a renewal asks for was supplied: of a document, a whole group that stands in its
    /// place, of which nothing runs out that is not newer.
    fn is_renewed(&self, task: &Task, cx: &Context<'_>) -> bool {
        let Request::RenewDocument(document_type) = &task.request else {
            return self.is_supplied(&task.request, &task.known, cx.policy);
        };
        if !cx.policy.tells_apart() {
            return self.is_supplied(&task.request, &task.known, cx.policy);
        }
        let held = self.held_revisions().documents;
        let is_newer = |kind: &DocumentType| held.get(kind) > task.known.documents.get(kind);
        let lasts = |kind: &DocumentType| {
            let last_day = self.documents.get(kind).and_then(|document| document.expires_at);
            last_day.is_none_or(|day| day.end().minus_ms(cx.policy.renewal_lead_ms) > cx.now)
        };
        let alternatives = cx.policy.accepts.alternatives(self.area(), document_type);
        alternatives.iter().any(|group| {
            group.iter().all(|kind| held.contains_key(kind) && (is_newer(kind) || lasts(kind)))
                && group.iter().any(is_newer)
        })
    }

    fn is_asked_for(&self, renewal: &Request, policy: &Policy) -> bool {
        let accepts = |name: &str, document_type| {
            let groups = policy.accepts.groups(self.area(), name);
            groups.iter().any(|group| group.contains(document_type))
        };
        self.tasks.iter().any(|task| match renewal {
            Request::RenewConsent => task.request == Request::Consent,
            Request::RenewVerification => {
                task.request == Request::Data(Section::VerificationHistory)
            }
            Request::RenewDocument(document_type) => {
                matches!(&task.request, Request::Document(name) if accepts(name, document_type))
            }
            Request::RenewTerms
            | Request::Consent
            | Request::Data(_)
            | Request::Document(_)
            | Request::Operator(_)
            | Request::Wallet(_)
            | Request::WalletProof(_) => false,
        })
    }

    /// The wanted products that are verified, and may not stay so.
    fn products_at_stake(&self) -> BTreeSet<Product> {
        self.observed_wanted()
            .filter(|word| word.status == ProductStatus::Verified)
            .map(|word| word.product.clone())
            .collect()
    }

    /// A renewal's time has come.
    pub(crate) fn open_renewal(
        &mut self,
        request: &Request,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        if self.renewals.iter().any(|task| task.request == *request) {
            return Err(Reason::AlreadySo);
        }
        let ahead = self.renewals_ahead(cx.policy);
        let ahead = ahead.get(request).filter(|ahead| ahead.opens_at <= cx.now);
        let due = ahead.ok_or(Reason::NotDueYet)?.due;
        self.task_count += 1;
        let (products, known) = (self.products_at_stake(), self.held_revisions());
        let (number, request) = (self.task_count, request.clone());
        self.renewals.push(Task::new(number, request, products, cx.now, known, due));
        Ok(())
    }

    /// Closes the renewals whose cause is gone, and asks again where what was supplied and
    /// acknowledged runs out as well.
    pub(crate) fn reconcile_renewals(&mut self, cx: &Context<'_>) {
        if self.renewals.is_empty() {
            return;
        }
        let ahead = self.renewals_ahead(cx.policy);
        let is_sent = self.held_revisions() == self.judged_revisions(cx.policy);
        let stake = self.products_at_stake();
        let mut renewals = std::mem::take(&mut self.renewals);
        renewals.retain_mut(|task| {
            let supplied = self.is_renewed(task, cx);
            task.set_supplied(supplied, cx);
            task.products.clone_from(&stake);
            let next = ahead.get(&task.request).filter(|ahead| ahead.opens_at <= cx.now);
            match next {
                None => supplied && !is_sent,
                Some(next) => {
                    if supplied && is_sent && task.waived.is_none() {
                        task.known = self.held_revisions();
                        task.ask_again(next.due, cx);
                    } else if task.state == TaskState::Open {
                        task.due = next.due;
                    }
                    true
                }
            }
        });
        self.renewals = renewals;
    }
}

/// When a task asks for something to be renewed, and by when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// From when on.
    pub opens_at: Timestamp,
    /// By when.
    pub due: Option<Due>,
}
