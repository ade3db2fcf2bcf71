//! What the store holds as JSON. A damaged row must give an error, and one that can still be
//! read must stop nobody.

use onboarding::{
    Call, Context, DocumentType, Event, Evidence, LegalText, Onboarding, Outcome, Ownership,
    Policy, Product, ProductStatus, Reader, Region, Regression, Request, Revision, Section, Shown,
    Status, Step, Task, TaskView, Timestamp, WalletNumber, apply, next_note, next_step,
};
use store::{Snapshot, read_snapshot, write_snapshot};

use crate::machine::Machine;
use crate::provider::{NOW, USER};

/// JSON of any kind and schema.
pub(crate) fn snapshot(data: &[u8]) {
    if let Some(onboarding) = read::<Onboarding>(data) {
        check_onboarding(&onboarding);
    }
    if let Some(event) = read::<Event>(data) {
        check_event(&event);
    }
    if let Some(task) = read::<Task>(data) {
        let machine = Machine::blank();
        let reader = Reader::new(&machine.policy, NOW);
        let view = TaskView::of(&USER, &machine.onboarding, &task, None, &reader);
        assert_eq!(view.rounds, task.rounds);
    }
    if let Some(policy) = read::<Policy>(data) {
        check_policy(&policy);
    }
}

/// What is read is written, and read again the same.
fn read<T: Snapshot + PartialEq>(json: &[u8]) -> Option<T> {
    let snapshot: T = match read_snapshot(json) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            assert!(!error.is_empty());
            return None;
        }
    };
    let again = read_snapshot(write_snapshot(&snapshot).as_bytes());
    assert!(again.is_ok_and(|again: T| again == snapshot), "a snapshot changes when read again");
    Some(snapshot)
}

fn check_onboarding(onboarding: &Onboarding) {
    let policy = Policy::default();
    let step = next_step(onboarding, &policy);
    let status = Status::of(&USER, onboarding, None, &Reader::new(&policy, NOW));
    assert_eq!(status.version, onboarding.version, "{step:?}");
    for event in happenings(onboarding) {
        go_on(onboarding, &event, &policy);
    }
}

fn check_event(event: &Event) {
    let mut machine = Machine::blank();
    let products = [Product::Onramp].into();
    machine.happen(&Event::WantedProductsSet { products });
    machine.happen(event);
}

fn check_policy(policy: &Policy) {
    let mut machine = Machine::blank();
    let sections = [Section::UserDetails];
    machine.happen(&Event::ProfileSet {
        revision: Revision(1),
        present: sections.clone().into(),
        changed: sections.into(),
        area: None,
        verified_on: None,
    });
    for polls in [0, 1, u32::MAX] {
        let id = machine.onboarding.id;
        assert!(policy.retry_delay_ms(id, polls) <= policy.retry.max_ms);
        let longest = policy.poll.max_ms.max(policy.slow_poll.max_ms);
        assert!(policy.poll_delay_ms(id, polls) <= longest);
        assert!(policy.recheck_delay_ms(id, polls) <= policy.recheck_ms);
    }
    for event in happenings(&machine.onboarding) {
        go_on(&machine.onboarding, &event, policy);
    }
}

fn go_on(onboarding: &Onboarding, event: &Event, policy: &Policy) {
    let now = NOW.plus_ms(60_000);
    if let Outcome::Changed(transition) = apply(onboarding, event, &Context { now, policy }) {
        let after = transition.onboarding;
        assert_eq!(after.version, onboarding.version + 1);
        assert!(is_due_in_time(&next_step(&after, policy)));
        if let Some(note) = next_note(&after, policy, now) {
            assert!(note.due_at <= Timestamp::MAX);
        }
        let json = write_snapshot(&after);
        assert!(read_snapshot::<Onboarding>(json.as_bytes()).is_ok_and(|read| read == after));
    }
}

fn is_due_in_time(step: &Step) -> bool {
    match step {
        Step::Call { due_at, .. } => *due_at <= Timestamp::MAX,
        Step::WaitForPerson | Step::Nothing => true,
    }
}

/// Everything that could happen to an onboarding, each as it would fit.
fn happenings(onboarding: &Onboarding) -> Vec<Event> {
    let eligibility = |status: ProductStatus| onboarding::Eligibility {
        product: Product::Onramp,
        status,
        missing_data: vec![Section::KycData],
        missing_documents: vec!["id".to_owned()],
    };
    let statuses = [ProductStatus::RequiresData, ProductStatus::PendingReview];
    let words: Vec<_> = statuses.into_iter().map(eligibility).collect();
    let reason = || "as it says".to_owned();
    let (epoch, trigger) = (onboarding.epoch, onboarding.verification.triggers);
    let next = |held: Option<Revision>| Revision::following(held);
    let profile = next(onboarding.profile.as_ref().map(|profile| profile.revision));
    let document_type = DocumentType::IdPassport;
    let document = next(onboarding.documents.get(&document_type).map(|held| held.revision));
    let terms = next(onboarding.terms.as_ref().map(|terms| terms.revision));
    let wallet = next(onboarding.wallets.get(&WalletNumber(1)).map(|held| held.revision));
    let held = |revision: Option<Revision>| revision.unwrap_or(Revision(1));
    let sections = [Section::KycData];
    let hidden = Shown {
        sections: [(Section::KycData, false)].into(),
        privacy_policy: Some(false),
        terms: Some(false),
    };
    let untold = onboarding.regressions.untold.first().cloned();
    let regression = untold.unwrap_or(Regression {
        product: Product::Onramp,
        verified_since: NOW,
        status: ProductStatus::Rejected,
        observed_at: NOW,
    });
    vec![
        Event::ProfileSet {
            revision: profile,
            present: sections.clone().into(),
            changed: sections.into(),
            area: None,
            verified_on: Some(NOW.date()),
        },
        Event::WantedProductsSet { products: [Product::Onramp].into() },
        Event::DocumentAdded {
            document_type: document_type.clone(),
            revision: document,
            expires_at: Some(NOW.date()),
            duplicates: Vec::new(),
        },
        Event::ConsentGiven {
            text: LegalText::TermsOfService,
            revision: terms,
            accepted_at: NOW,
            region: Some(Region::Us),
            evidence: Evidence::default(),
        },
        Event::DocumentWithdrawn { document_type },
        Event::VerificationRequested,
        Event::TermsAccepted {
            revision: held(onboarding.terms.as_ref().map(|it| it.revision)),
            epoch,
        },
        Event::UserRegistered { revision: profile, epoch: Some(epoch) },
        Event::UserRegistered {
            revision: held(onboarding.profile.as_ref().map(|it| it.revision)),
            epoch: Some(epoch),
        },
        Event::UserRead { epoch, shown: hidden },
        Event::WalletGiven { number: onboarding.next_wallet(), revision: Revision(1) },
        Event::WalletGiven { number: WalletNumber(1), revision: wallet },
        Event::WalletWithdrawn { number: WalletNumber(1) },
        Event::WalletLinked {
            number: WalletNumber(1),
            revision: Revision(1),
            epoch,
            ownership: Ownership::ToProve,
        },
        Event::TriggerBegun { trigger: trigger.saturating_add(1) },
        Event::VerificationTriggered { trigger, eligibility: words.clone() },
        Event::StatusChecked { epoch, eligibility: words },
        Event::RefusedAlone { call: Call::CheckStatus { epoch }, reason: reason() },
        Event::ProductRegressed(regression),
        Event::TaskReminded { number: 1, passed: 1 },
        Event::RenewalOpened { request: Request::RenewDocument(DocumentType::IdPassport) },
        Event::RenewalOpened { request: Request::RenewConsent },
        Event::RenewalOpened { request: Request::RenewTerms },
        Event::RenewalOpened { request: Request::RenewVerification },
        Event::TaskWaived { number: 1, reason: reason() },
        Event::Reopened { reason: reason() },
        Event::Held { reason: reason() },
        Event::Resumed { reason: reason() },
        Event::Retried { reason: reason() },
        Event::Cancelled { reason: reason() },
        Event::Erased { reason: reason() },
    ]
}
