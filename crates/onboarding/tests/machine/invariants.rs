//! What must hold of an onboarding after every event, and of every log of triggers.

use onboarding::{
    Eligibility, Event, Onboarding, Outcome, Policy, Product, ProductStatus, Request, Revisions,
    State, Task, TaskState, Timestamp, UNNAMED_REQUEST,
};

use crate::driver::{blank, outcome};

/// I2 and I3, as far as one onboarding shows them.
pub fn check_invariants(onboarding: &Onboarding) -> Result<(), String> {
    check_tasks(onboarding)?;
    check_verified(onboarding)
}

/// I2: `requires-data` exactly when a task is open; no open task without a cause; and no
/// wanted product that asks without a task.
fn check_tasks(onboarding: &Onboarding) -> Result<(), String> {
    let open = onboarding.tasks.iter().any(|task| task.state == TaskState::Open);
    let overruled = onboarding.hold.is_some()
        || onboarding.ended.is_some()
        || onboarding.verification.in_doubt.is_some();
    let requires_data = onboarding.state == State::RequiresData;
    ensure(!requires_data || open, "I2: requires-data without an open task")?;
    ensure(requires_data || overruled || !open, "I2: an open task, but not requires-data")?;
    for task in &onboarding.tasks {
        check_cause(onboarding, task)?;
    }
    if onboarding.state == State::Erased {
        return Ok(());
    }
    for product in &onboarding.wanted {
        let asks = word_on(onboarding, product).is_some_and(is_asking);
        let has_task = onboarding.tasks.iter().any(|task| task.products.contains(product));
        ensure(asks == has_task, "I2: a product asks without a task, or has one without asking")?;
    }
    Ok(())
}

fn check_cause(onboarding: &Onboarding, task: &Task) -> Result<(), String> {
    ensure(task.state != TaskState::Closed, "I2: a closed task is kept")?;
    ensure(!task.products.is_empty(), "I2: a task of no product")?;
    for product in &task.products {
        let caused = onboarding.wanted.contains(product)
            && word_on(onboarding, product).is_some_and(|word| asks_for(word, &task.request));
        ensure(caused, "I2: a task that no wanted product asks for")?;
    }
    Ok(())
}

/// I3: `verified` only by a word on every wanted product that is as new as what we hold.
fn check_verified(onboarding: &Onboarding) -> Result<(), String> {
    if onboarding.state != State::Verified {
        return Ok(());
    }
    let fresh = onboarding
        .observation
        .as_ref()
        .is_some_and(|observation| observation.epoch == onboarding.epoch);
    ensure(fresh, "I3: verified by a word that is older than what the provider was told")?;
    ensure(onboarding.profile.is_some(), "I3: verified without a profile")?;
    ensure(!onboarding.wanted.is_empty(), "I3: verified for nothing")?;
    ensure(
        onboarding.held_revisions() == onboarding.acknowledged_revisions(),
        "I3: verified, but the provider has not all that is held",
    )?;
    let verified = |product| {
        word_on(onboarding, product).is_some_and(|word| word.status == ProductStatus::Verified)
    };
    ensure(onboarding.wanted.iter().all(verified), "I3: verified with a wanted product that is not")
}

fn word_on<'a>(onboarding: &'a Onboarding, product: &Product) -> Option<&'a Eligibility> {
    onboarding.observation.as_ref()?.products.get(product)
}

fn is_asking(word: &Eligibility) -> bool {
    [ProductStatus::RequiresData, ProductStatus::PendingPrivacyPolicy].contains(&word.status)
}

fn asks_for(word: &Eligibility, request: &Request) -> bool {
    let names_nothing = word.missing_data.is_empty() && word.missing_documents.is_empty();
    let document = |name: &String| word.missing_documents.contains(name);
    match request {
        Request::Consent => word.status == ProductStatus::PendingPrivacyPolicy,
        Request::Data(section) => is_asking(word) && word.missing_data.contains(section),
        Request::Document(name) => is_asking(word) && document(name),
        Request::RenewDocument(_)
        | Request::RenewVerification
        | Request::RenewConsent
        | Request::RenewTerms
        | Request::Wallet(_)
        | Request::WalletProof(_) => false,
        Request::Operator(name) => {
            is_asking(word)
                && (document(name)
                    || word.missing_data.iter().any(|section| section.as_str() == name)
                    || (names_nothing && name == UNNAMED_REQUEST))
        }
    }
}

/// I1: the accepted events alone give the onboarding again, and versions have no gaps.
pub fn check_replay(
    onboarding: &Onboarding,
    history: &[(Timestamp, Event)],
    policy: &Policy,
) -> Result<(), String> {
    let mut replayed = blank();
    for (version, (at, event)) in (1..).zip(history) {
        match outcome(&replayed, event, *at, policy) {
            Outcome::Changed(transition) => replayed = transition.onboarding,
            Outcome::Ignored(reason) => {
                return Err(format!("I1: {event:?} was ignored in replay: {reason:?}"));
            }
        }
        ensure(replayed.version == version, "I1: a gap in the versions")?;
    }
    ensure(replayed == *onboarding, "I1: the replay is not the onboarding")
}

/// What matters for the triggers of one onboarding, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerLog {
    /// The provider was called, with this at hand.
    Sent(Revisions),
    /// We learned what became of the last trigger: its answer, or a failure without effect.
    Answered,
    /// The status was read, or the provider said that there is no such user.
    Read,
}

/// I5 with faults: no trigger while an earlier one's answer is unknown and unread.
pub fn check_no_blind_trigger(log: &[TriggerLog]) -> Result<(), String> {
    let mut unknown = false;
    for entry in log {
        match entry {
            TriggerLog::Sent(_) => {
                ensure(!unknown, "I5: a trigger while an earlier one's answer is unknown")?;
                unknown = true;
            }
            TriggerLog::Answered | TriggerLog::Read => unknown = false,
        }
    }
    Ok(())
}

/// I5 without faults: one trigger a round of data.
pub fn check_one_trigger_a_round(log: &[TriggerLog]) -> Result<(), String> {
    let mut rounds: Vec<&Revisions> = Vec::new();
    for entry in log {
        if let TriggerLog::Sent(sent) = entry {
            ensure(!rounds.contains(&sent), "I5: two triggers for the same data")?;
            rounds.push(sent);
        }
    }
    Ok(())
}

/// I4: `has` is at least `told` in everything.
pub fn check_not_poorer(has: &Revisions, told: &Revisions) -> Result<(), String> {
    ensure(
        has.profile >= told.profile,
        "I4: the provider's profile is poorer than what it was sent",
    )?;
    ensure(
        has.consent >= told.consent,
        "I4: the provider's consent is older than what it was sent",
    )?;
    ensure(
        has.terms >= told.terms,
        "I4: the provider's acceptance of the terms is older than what it was sent",
    )?;
    let documents = told
        .documents
        .iter()
        .all(|(kind, revision)| has.documents.get(kind).is_some_and(|has| has >= revision));
    ensure(documents, "I4: the provider lacks a document that it was sent")
}

pub fn ensure(holds: bool, violation: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(violation.to_owned()) }
}
