//! A small closed alphabet of events: those that may meet an onboarding as it stands, in
//! order and out of order, for the exploration of all that can be reached.

use onboarding::{
    Call, DocumentType, Effect, Event, FailureClass, Onboarding, Ownership, Product, ProductStatus,
    Regression, Request, Revision, Section, WalletNumber,
};

use crate::events::{
    START, accepted, begun, cancelled, checked, consent_given, document_added, document_withdrawn,
    erased, failed, held, in_epoch, linked, older_consent_given, profile_set, refused_alone,
    registered, reminded, renewal_opened, reopened, resumed, retried, terms_accepted, terms_given,
    triggered, uploaded, user_read, waived, wallet_given, wallet_withdrawn, wanted,
};
use crate::provider::Verdict;

/// No thing is edited beyond this revision, so that what can be reached has an end.
pub const REVISION_MAX: u32 = 2;

/// A revision that nobody ever held.
const NEVER_HELD: u32 = 99;

/// The answers that the provider gives in the exploration.
const VERDICTS: [Verdict; 7] = [
    Verdict::Verified,
    Verdict::Rejected,
    Verdict::Review(0),
    Verdict::LacksKycDataAndId,
    Verdict::LacksConsent,
    Verdict::UnknownWord,
    Verdict::NotStarted,
];

/// Every event of the alphabet that may meet `onboarding`.
pub fn events(onboarding: &Onboarding) -> Vec<Event> {
    let mut events = vec![
        Event::VerificationRequested,
        held(),
        resumed(),
        retried(),
        cancelled(),
        erased(),
        wanted(&[Product::Onramp]),
        reopened(),
    ];
    events.push(never_happened());
    events.extend(onboarding.regressions.untold.iter().cloned().map(Event::ProductRegressed));
    for number in [onboarding.task_count, onboarding.task_count + 1] {
        events.extend([waived(number), reminded(number, 1)]);
    }
    events.extend(edits(onboarding));
    events.extend(acknowledgements(onboarding));
    events.extend(answers(onboarding));
    events.extend(failures(onboarding));
    events
}

/// A regression that the provider never told of.
fn never_happened() -> Event {
    Event::ProductRegressed(Regression {
        product: Product::Offramp,
        verified_since: START,
        status: ProductStatus::Rejected,
        observed_at: START,
    })
}

/// The next edit of each thing, and one that follows a revision that we do not hold.
fn edits(onboarding: &Onboarding) -> Vec<Event> {
    let next = |current: Option<Revision>| Revision::following(current).0;
    let profile = next(onboarding.profile.as_ref().map(|profile| profile.revision));
    let document = next(onboarding.documents.get(&PASSPORT).map(|document| document.revision));
    let in_bounds = |revision: u32| revision <= REVISION_MAX;
    let mut events = vec![
        profile_set(NEVER_HELD, &[Section::KycData]),
        consent_given(NEVER_HELD),
        document_added(&PASSPORT, NEVER_HELD),
        document_withdrawn(&PASSPORT),
        wallet_given(1, NEVER_HELD),
        wallet_withdrawn(1),
    ];
    let has_wallet = onboarding.wallet_count > 0;
    if in_bounds(profile) && !(has_wallet && profile > 1) {
        events.push(profile_set(profile, &[Section::KycData]));
    }
    // What is like another thing, or stands beside everything, is given alone: together they
    // would multiply all that can be reached.
    let has_consent = onboarding.consent.is_some() || onboarding.terms.is_some();
    if let Some(consent) = &onboarding.consent {
        events.push(older_consent_given(Revision::following(Some(consent.revision)).0));
    }
    if !has_consent && !has_wallet {
        events.extend([terms_given(1), consent_given(1)]);
    }
    if document == 1 && !has_wallet {
        events.push(document_added(&PASSPORT, document));
    }
    if document == 1 && profile <= REVISION_MAX && !has_consent && !has_wallet {
        events.push(wallet_given(1, 1));
    }
    events
}

const PASSPORT: DocumentType = DocumentType::IdPassport;

fn acknowledgements(onboarding: &Onboarding) -> Vec<Event> {
    (1..=REVISION_MAX)
        .chain([NEVER_HELD])
        .flat_map(|revision| {
            [accepted(revision), registered(revision), uploaded(&PASSPORT, revision)]
        })
        .flat_map(|event| [in_epoch(onboarding.epoch.wrapping_sub(1), event.clone()), event])
        .chain([
            terms_accepted(1, onboarding.epoch),
            terms_accepted(1, onboarding.epoch.wrapping_sub(1)),
            linked(1, 1, onboarding.epoch, Ownership::ToProve),
            linked(1, 1, onboarding.epoch.wrapping_sub(1), Ownership::Verified),
            linked(1, NEVER_HELD, onboarding.epoch, Ownership::Verified),
            user_read(onboarding.epoch, &[]),
            user_read(onboarding.epoch, &[Section::KycData]),
            user_read(onboarding.epoch.wrapping_sub(1), &[]),
            renewal_opened(Request::RenewConsent),
            refused_alone(Call::CheckStatus { epoch: onboarding.epoch }),
            refused_alone(Call::ReadUser { epoch: onboarding.epoch.wrapping_sub(1) }),
            begun(onboarding.verification.triggers),
            begun(onboarding.verification.triggers + 1),
        ])
        .collect()
}

/// Each answer to the trigger in doubt and to a question of now, and one that comes late.
fn answers(onboarding: &Onboarding) -> Vec<Event> {
    let now = VERDICTS.iter().flat_map(|verdict| {
        let words = only_onramp(*verdict);
        [triggered(onboarding.verification.triggers, &words), checked(onboarding.epoch, &words)]
    });
    let words = only_onramp(Verdict::Verified);
    let late = [
        triggered(onboarding.verification.triggers + 1, &words),
        checked(onboarding.epoch.wrapping_sub(1), &words),
    ];
    now.chain(late).collect()
}

fn only_onramp(verdict: Verdict) -> Vec<onboarding::Eligibility> {
    let mut words = verdict.eligibility();
    words.retain(|word| word.product == Product::Onramp);
    words
}

/// Each class of failure for each call, that it waits for and that it does not.
fn failures(onboarding: &Onboarding) -> Vec<Event> {
    let held = onboarding.held_revisions();
    let document = held.documents.get(&PASSPORT).copied();
    let revision = |revision: Option<Revision>| revision.unwrap_or(Revision(NEVER_HELD));
    let calls = [
        Call::AcceptPrivacyPolicy { revision: revision(held.consent) },
        Call::RegisterUser { revision: revision(held.profile) },
        Call::UploadDocument { document_type: PASSPORT, revision: revision(document) },
        Call::TriggerVerification { trigger: onboarding.verification.triggers },
        Call::CheckStatus { epoch: onboarding.epoch },
        Call::AcceptTerms { revision: revision(held.terms) },
        Call::ReadUser { epoch: onboarding.epoch },
        Call::RegisterUser { revision: Revision(NEVER_HELD) },
        Call::LinkWallet { number: WalletNumber(1), revision: Revision(1) },
    ];
    let effects = [Effect::None, Effect::Unknown];
    calls
        .iter()
        .flat_map(|call| FailureClass::ALL.map(|class| (call, class)))
        .flat_map(|(call, class)| effects.map(|effect| failed(call.clone(), class, effect)))
        .collect()
}
