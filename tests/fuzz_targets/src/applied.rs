//! The provider's answers, applied to an onboarding as the engine does it.

use std::collections::BTreeSet;

use onboarding::{
    Call, DocumentType, Event, Failure, Onboarding, Policy, Product, Revision, Section, State,
    Step, next_step,
};

use crate::answer::{Answer, parts};
use crate::machine::Machine;
use crate::provider::{NOW, PROFILE, USER, called, check_failure, says_verified, upload};

/// Each part is an answer to the call that is due, or an act of a person.
pub(crate) fn answers(data: &[u8]) {
    let mut machine = begun();
    let mut last: Option<Event> = None;
    for part in parts(data) {
        let Some(answer) = Answer::parse(part) else { continue };
        if let Some(event) = act(answer.word, &machine.onboarding, last.as_ref()) {
            machine.happen(&event);
            continue;
        }
        let Some(event) = answered(&mut machine, &answer) else { continue };
        machine.happen(&event);
        if machine.onboarding.state == State::Verified && is_eligibility(&event) {
            let wanted = &machine.onboarding.wanted;
            let all = wanted.iter().all(|product| says_verified(answer.body, product));
            assert!(all, "I3: verified without the provider's word");
        }
        last = Some(event);
    }
    machine.check_replay();
}

fn is_eligibility(event: &Event) -> bool {
    matches!(event, Event::VerificationTriggered { .. } | Event::StatusChecked { .. })
}

/// Someone who wants two products, with a profile, a consent, a passport, and a request.
fn begun() -> Machine {
    let mut machine = Machine::blank();
    let products = BTreeSet::from([Product::Onramp, Product::Offramp]);
    machine.happen(&Event::WantedProductsSet { products });
    for word in ["edit", "consent", "passport", "verify"] {
        let event = act(word, &machine.onboarding, None).unwrap();
        machine.happen(&event);
    }
    machine
}

/// What a person does, or a fault of the network; `None` if the word names no such thing.
fn act(word: &str, onboarding: &Onboarding, last: Option<&Event>) -> Option<Event> {
    let document = |document_type: DocumentType| {
        let held = onboarding.documents.get(&document_type).map(|document| document.revision);
        let revision = Revision::following(held);
        Event::DocumentAdded { document_type, revision, expires_at: None }
    };
    let reason = || "as it says".to_owned();
    Some(match word {
        "edit" => {
            let held = onboarding.profile.as_ref().map(|profile| profile.revision);
            let sections: BTreeSet<Section> = Section::KNOWN.iter().cloned().collect();
            let revision = Revision::following(held);
            Event::ProfileSet { revision, present: sections.clone(), changed: sections }
        }
        "consent" => {
            let held = onboarding.consent.as_ref().map(|consent| consent.revision);
            let accepted_at = onboarding.created_at;
            Event::ConsentGiven { revision: Revision::following(held), accepted_at }
        }
        "passport" => document(DocumentType::IdPassport),
        "address" => document(DocumentType::ProofOfAddress),
        "withdraw" => Event::DocumentWithdrawn { document_type: DocumentType::IdPassport },
        "want-one" => Event::WantedProductsSet { products: BTreeSet::from([Product::Onramp]) },
        "verify" => Event::VerificationRequested,
        "hold" => Event::Held { reason: reason() },
        "resume" => Event::Resumed { reason: reason() },
        "retry" => Event::Retried { reason: reason() },
        "cancel" => Event::Cancelled { reason: reason() },
        "erase" => Event::Erased { reason: reason() },
        // The last answer comes once more.
        "again" => last?.clone(),
        _ => return None,
    })
}

/// What the answer to the call that is due comes to, if one is due.
fn answered(machine: &mut Machine, answer: &Answer<'_>) -> Option<Event> {
    let Step::Call { call, due_at } = next_step(&machine.onboarding, &Policy::default()) else {
        return None;
    };
    machine.now = machine.now.max(due_at);
    if let Call::TriggerVerification { trigger } = call {
        machine.happen(&Event::TriggerBegun { trigger });
    }
    let epoch = Some(machine.onboarding.epoch);
    let outcome = called(answer, async |client| make(client, &call, epoch).await)?;
    Some(outcome.unwrap_or_else(|failure| {
        check_failure(&failure);
        Event::CallFailed { call, failure }
    }))
}

/// The call, and what came of it; it is made in `epoch`.
async fn make(
    client: &crossmint::Client,
    call: &Call,
    epoch: Option<u32>,
) -> Result<Event, Failure> {
    let user = &*USER;
    Ok(match call {
        Call::AcceptPrivacyPolicy { revision } => {
            let acceptance = crossmint::LegalAcceptance {
                document: crossmint::LegalDocument::CrossmintPrivacyPolicy,
                accepted_at: NOW,
                region: None,
            };
            client.accept_legal_document(user, acceptance).await?;
            Event::PrivacyPolicyAccepted { revision: *revision, epoch }
        }
        Call::RegisterUser { revision } => {
            client.upsert_user(user, &PROFILE).await?;
            Event::UserRegistered { revision: *revision, epoch }
        }
        Call::UploadDocument { document_type, revision } => {
            let provider_document_id = client.upload_document(user, upload()).await?.id;
            let (document_type, revision) = (document_type.clone(), *revision);
            Event::DocumentUploaded { document_type, revision, epoch, provider_document_id }
        }
        Call::TriggerVerification { trigger } => {
            let eligibility = client.trigger_verification(user).await?;
            Event::VerificationTriggered { trigger: *trigger, eligibility }
        }
        Call::CheckStatus { epoch } => {
            let eligibility = client.verification(user).await?;
            Event::StatusChecked { epoch: *epoch, eligibility }
        }
    })
}
