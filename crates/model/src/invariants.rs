//! I2 and I3 as far as an onboarding itself shows them, written from docs/architecture.md and
//! not from the code that it checks.

use std::collections::BTreeSet;

use onboarding::{Onboarding, Product, ProductStatus, Request, State, TaskState, UNNAMED_REQUEST};

/// An invariant that does not hold, and how.
pub type Broken = (&'static str, &'static str);

/// The first invariant that `onboarding` breaks.
pub(crate) fn broken_by(onboarding: &Onboarding) -> Option<Broken> {
    let tasks = wrong_tasks(onboarding).map(|what| ("I2", what));
    tasks.or_else(|| wrongly_verified(onboarding).map(|what| ("I3", what)))
}

fn wrong_tasks(onboarding: &Onboarding) -> Option<&'static str> {
    let requires_data = onboarding.state == State::RequiresData;
    let is_open = onboarding.tasks.iter().any(|task| task.state == TaskState::Open);
    let is_overruled = onboarding.verification.in_doubt.is_some()
        || onboarding.hold.is_some()
        || onboarding.ended.is_some();
    if requires_data && !is_open {
        return Some("requires-data without an open task");
    }
    if is_open && !requires_data && !is_overruled {
        return Some("an open task, but not requires-data");
    }
    let kept: BTreeSet<(&Product, &Request)> = onboarding
        .tasks
        .iter()
        .flat_map(|task| task.products.iter().map(|product| (product, &task.request)))
        .collect();
    let asked = asked(onboarding);
    if kept.iter().any(|(product, request)| !asked.contains(&(*product, (*request).clone()))) {
        return Some("a task that no wanted product asks for");
    }
    if onboarding.state != State::Erased && kept.len() < asked.len() {
        return Some("a wanted product asks for something, and there is no task for it");
    }
    None
}

/// What the wanted products ask for, by the provider's last word.
fn asked(onboarding: &Onboarding) -> BTreeSet<(&Product, Request)> {
    let mut asked = BTreeSet::new();
    let words = onboarding.observation.iter().flat_map(|observation| observation.products.values());
    for word in words.filter(|word| onboarding.wanted.contains(&word.product)) {
        let mut ask = |request| asked.insert((&word.product, request));
        if word.status == ProductStatus::PendingPrivacyPolicy {
            ask(Request::Consent);
        }
        if word.status != ProductStatus::RequiresData {
            continue;
        }
        for section in &word.missing_data {
            ask(Request::Data(section.clone()));
        }
        for document in &word.missing_documents {
            ask(Request::Document(document.clone()));
        }
        if word.missing_data.is_empty() && word.missing_documents.is_empty() {
            ask(Request::Operator(UNNAMED_REQUEST.to_owned()));
        }
    }
    asked
}

fn wrongly_verified(onboarding: &Onboarding) -> Option<&'static str> {
    if onboarding.state != State::Verified {
        return None;
    }
    let Some(observation) = &onboarding.observation else {
        return Some("verified, and the provider never said anything");
    };
    let says_verified = |product: &Product| {
        observation.products.get(product).is_some_and(|word| word.status == ProductStatus::Verified)
    };
    if onboarding.wanted.is_empty() || !onboarding.wanted.iter().all(says_verified) {
        return Some("verified with a wanted product of which the provider does not say so");
    }
    if observation.epoch != onboarding.epoch {
        return Some("verified by a word older than what the provider was told");
    }
    if onboarding.held_revisions() != onboarding.acknowledged_revisions() {
        return Some("verified, and the provider has not acknowledged all that is held");
    }
    None
}
