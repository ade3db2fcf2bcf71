//! The provider's answers, applied to an onboarding as the engine does it.

use std::collections::BTreeSet;

use onboarding::{
    Call, DocumentType, Event, Evidence, Failure, LegalText, Onboarding, Ownership, Product,
    Region, Revision, Section, State, Step, TaskState, WalletNumber, next_note, next_step,
};

use crate::answer::{Answer, parts};
use crate::machine::Machine;
use crate::provider::{NOW, PROFILE, USER, called, check_failure, says_verified, upload, wallet};

/// The one wallet.
const WALLET: WalletNumber = WalletNumber(1);
const DAY_MS: u64 = 24 * 3_600_000;
/// More than can ever be due at once.
const NOTES_MAX: usize = 64;

/// Each part is an answer to the call that is due, or an act of a person. If the first says
/// `confirm`, the provider is asked after each registration what it holds.
pub(crate) fn answers(data: &[u8]) {
    let mut machine = begun(data.starts_with(b"confirm\n"));
    let mut last: Option<Event> = None;
    for part in parts(data) {
        let Some(answer) = Answer::parse(part) else { continue };
        if answer.word == "wait" {
            wait(&mut machine);
            continue;
        }
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
fn begun(confirm_registration: bool) -> Machine {
    let mut machine = Machine::blank();
    machine.policy.confirm_registration = confirm_registration;
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
        // Valid for a day, so that it soon runs out.
        let expires_at = Some(onboarding.updated_at.plus_ms(DAY_MS).date());
        Event::DocumentAdded { document_type, revision, expires_at, duplicates: Vec::new() }
    };
    let reason = || "as it says".to_owned();
    Some(match word {
        "edit" => {
            let held = onboarding.profile.as_ref().map(|profile| profile.revision);
            let sections: BTreeSet<Section> = Section::KNOWN.iter().cloned().collect();
            let revision = Revision::following(held);
            Event::ProfileSet {
                revision,
                present: sections.clone(),
                changed: sections,
                area: None,
                verified_on: Some(onboarding.created_at.date()),
            }
        }
        "consent" => accepted(onboarding, LegalText::PrivacyPolicy, None),
        "terms" => accepted(onboarding, LegalText::TermsOfService, Some(Region::Eu)),
        "passport" => document(DocumentType::IdPassport),
        "address" => document(DocumentType::ProofOfAddress),
        "withdraw" => Event::DocumentWithdrawn { document_type: DocumentType::IdPassport },
        "wallet" => {
            let held = onboarding.wallets.get(&WALLET).map(|wallet| wallet.revision);
            Event::WalletGiven { number: WALLET, revision: Revision::following(held) }
        }
        "unlink" => Event::WalletWithdrawn { number: WALLET },
        "want-one" => Event::WantedProductsSet { products: BTreeSet::from([Product::Onramp]) },
        "verify" => Event::VerificationRequested,
        "waive" => {
            let open = onboarding.all_tasks().find(|task| task.state == TaskState::Open);
            let number = open.map_or(1, |task| task.number);
            Event::TaskWaived { number, reason: reason() }
        }
        "reopen" => Event::Reopened { reason: reason() },
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

fn accepted(onboarding: &Onboarding, text: LegalText, region: Option<Region>) -> Event {
    let revision = Revision::following(onboarding.accepted(text).map(|held| held.revision));
    let accepted_at = onboarding.created_at;
    Event::ConsentGiven { text, revision, accepted_at, region, evidence: Evidence::default() }
}

/// A day passes, and what is to be noted by then is.
fn wait(machine: &mut Machine) {
    machine.now = machine.now.plus_ms(DAY_MS);
    for _ in 0..NOTES_MAX {
        let note = next_note(&machine.onboarding, &machine.policy, machine.now);
        let Some(note) = note.filter(|note| note.due_at <= machine.now) else { return };
        assert!(machine.happen(&note.event), "I11: a due note is ignored: {:?}", note.event);
    }
    panic!("I11: the same is noted for ever");
}

/// What the answer to the call that is due comes to, if one is due.
fn answered(machine: &mut Machine, answer: &Answer<'_>) -> Option<Event> {
    let Step::Call { call, due_at } = next_step(&machine.onboarding, &machine.policy) else {
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
        Call::AcceptTerms { revision } => {
            let acceptance = crossmint::LegalAcceptance {
                document: crossmint::LegalDocument::CrossmintTermsOfService,
                accepted_at: NOW,
                region: Some(Region::Eu),
            };
            client.accept_legal_document(user, acceptance).await?;
            Event::TermsAccepted { revision: *revision, epoch: epoch.unwrap_or_default() }
        }
        Call::RegisterUser { revision } => {
            client.upsert_user(user, &PROFILE).await?;
            Event::UserRegistered { revision: *revision, epoch }
        }
        Call::ReadUser { epoch } => {
            let shown = client.user(user).await?.shown();
            Event::UserRead { epoch: *epoch, shown }
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
        Call::LinkWallet { number, revision } => {
            let said = client.link_wallet(user, wallet()).await?.ownership;
            let ownership = match said {
                Some(said) if said.verified == Some(true) => Ownership::Verified,
                Some(said) if said.verification_challenge.is_some() => Ownership::ToProve,
                Some(_) | None => Ownership::NotSaid,
            };
            let epoch = epoch.unwrap_or_default();
            Event::WalletLinked { number: *number, revision: *revision, epoch, ownership }
        }
        Call::CheckStatus { epoch } => {
            let eligibility = client.verification(user).await?;
            Event::StatusChecked { epoch: *epoch, eligibility }
        }
    })
}
