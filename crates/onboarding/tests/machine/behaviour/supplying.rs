//! What a person supplies, when it is sent, and when it triggers.

use onboarding::{
    DocumentType, Eligibility, Event, Product, ProductStatus, Reason, Request, Revision, Section,
    State, Step, TaskState, Transition, UNNAMED_REQUEST,
};

use super::{KYC, PASSPORT, answered, asked, hold_cause, tasks};
use crate::driver::Driver;
use crate::events::{
    accepted, begun, cancelled, consent_given, document_added, document_withdrawn, erased, held,
    lacking, onramp, onramp_lacking, profile_set, registered, triggered, uploaded, wanted, word,
};

#[test]
fn the_quickstart_walks_through_its_states() {
    let mut driver = Driver::blank();
    driver.happen(&wanted(&[Product::RegulatedTransfer, Product::Onramp, Product::Offramp]));
    driver.happen(&profile_set(1, &[Section::UserDetails, Section::KycData]));
    assert_eq!(driver.state(), State::Registering);
    driver.happen(&registered(1));
    assert_eq!((driver.state(), driver.step()), (State::DocumentsUploaded, Step::WaitForPerson));
    driver.happen(&Event::VerificationRequested);
    let answer = [
        word(Product::RegulatedTransfer, ProductStatus::Verified),
        lacking(Product::Onramp, &[Section::VerificationHistory], &["id"]),
        lacking(
            Product::Offramp,
            &[Section::DueDiligence, Section::VerificationHistory],
            &["id", "proof-of-address"],
        ),
    ];
    driver.begin_trigger();
    assert_eq!(driver.state(), State::VerificationTriggered);
    driver.happen(&triggered(1, &answer));
    assert_eq!((driver.state(), driver.step()), (State::RequiresData, Step::WaitForPerson));
    let both = [Product::Onramp, Product::Offramp].into();
    assert_eq!(driver.onboarding.tasks.len(), 4);
    for task in &driver.onboarding.tasks {
        let shared = ["id", "verification-history"].contains(&&*task.request.name());
        assert_eq!(task.products == both, shared, "{task:?}");
    }

    driver.happen(&profile_set(2, &[Section::DueDiligence, Section::VerificationHistory]));
    driver.happen(&document_added(&DocumentType::ProofOfAddress, 1));
    driver.happen(&document_added(&DocumentType::IdIdcardFront, 1));
    assert_eq!(driver.state(), State::RequiresData, "the back of the card is not there yet");
    driver.happen(&document_added(&DocumentType::IdIdcardBack, 1));
    assert_eq!(driver.state(), State::Registering);
    driver.happen(&registered(2));
    assert_eq!(driver.state(), State::Registered);
    let pending = [Product::RegulatedTransfer, Product::Onramp, Product::Offramp]
        .map(|product| word(product, ProductStatus::PendingReview));
    driver.trigger(&pending);
    assert_eq!(driver.state(), State::Polling);
    let done = pending.map(|word| Eligibility { status: ProductStatus::Verified, ..word });
    driver.check(&done);
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 2));
}

#[test]
fn consent_goes_first_then_the_profile_then_documents() {
    let mut driver = Driver::wanting_onramp();
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&profile_set(1, &KYC));
    driver.happen(&consent_given(1));
    driver.happen(&Event::VerificationRequested);
    let mut calls = vec![driver.next_call_name()];
    for event in [accepted(1), registered(1), uploaded(&PASSPORT, 1)] {
        driver.happen(&event);
        calls.push(driver.next_call_name());
    }
    let road =
        ["accept-privacy-policy", "register-user", "upload-document", "trigger-verification"];
    assert_eq!(calls, road);
}

#[test]
fn the_first_trigger_waits_until_someone_asks() {
    let mut driver = Driver::wanting_onramp();
    driver.happen(&profile_set(1, &KYC));
    driver.acknowledge_all();
    assert_eq!(driver.step(), Step::WaitForPerson);
    assert_eq!(driver.ignored(&begun(1)), Reason::NothingToTrigger);
    driver.happen(&Event::VerificationRequested);
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn nothing_is_triggered_for_whoever_has_no_profile_or_wants_nothing() {
    let mut no_profile = Driver::wanting_onramp();
    no_profile.happen(&Event::VerificationRequested);
    let mut wants_nothing = asked();
    wants_nothing.happen(&wanted(&[]));
    for mut driver in [no_profile, wants_nothing] {
        driver.acknowledge_all();
        assert_eq!(driver.step(), Step::WaitForPerson);
        assert_eq!(driver.ignored(&begun(1)), Reason::NothingToTrigger);
    }
}

#[test]
fn it_triggers_again_only_when_every_open_task_is_supplied() {
    let mut driver = answered(&onramp_lacking(&KYC, &["id"]));
    driver.happen(&profile_set(2, &KYC));
    driver.acknowledge_all();
    assert_eq!((driver.state(), driver.step()), (State::RequiresData, Step::WaitForPerson));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.acknowledge_all();
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn it_triggers_again_with_open_tasks_when_asked() {
    let mut driver = answered(&onramp_lacking(&KYC, &["id"]));
    assert_eq!(driver.ignored(&Event::VerificationRequested), Reason::NothingNewToVerify);
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver.acknowledge_all();
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn an_edit_of_another_section_supplies_nothing() {
    let mut driver = answered(&onramp_lacking(&KYC, &[]));
    driver.happen(&profile_set(2, &[Section::UserDetails]));
    assert_eq!(tasks(&driver), [("data", "kyc-data".to_owned(), TaskState::Open, 1)]);
    assert_eq!(driver.state(), State::RequiresData);
}

#[test]
fn what_is_asked_for_again_comes_back_with_a_count_and_is_held_after_the_last_round() {
    let mut driver = answered(&onramp_lacking(&KYC, &[]));
    for revision in 2..=driver.policy.rounds_max {
        driver.happen(&profile_set(revision, &KYC));
        assert_eq!(tasks(&driver)[0].2, TaskState::Supplied);
        driver.trigger(&onramp_lacking(&KYC, &[]));
        assert_eq!(tasks(&driver), [("data", "kyc-data".to_owned(), TaskState::Open, revision)]);
        assert_eq!(driver.state(), State::RequiresData);
    }
    let last = driver.policy.rounds_max + 1;
    driver.happen(&profile_set(last, &KYC));
    driver.trigger(&onramp_lacking(&KYC, &[]));
    assert_eq!((driver.state(), hold_cause(&driver)), (State::Held, Some("rounds-spent")));
    assert_eq!(driver.step(), Step::Nothing);

    driver.happen(&profile_set(last + 1, &KYC));
    assert_eq!((driver.state(), hold_cause(&driver)), (State::Registering, None));
    assert_eq!(tasks(&driver), [("data", "kyc-data".to_owned(), TaskState::Supplied, last)]);
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!((driver.state(), tasks(&driver).len()), (State::Verified, 0));
}

#[test]
fn a_consent_that_the_provider_no_longer_takes_comes_back_as_a_task() {
    let mut driver = asked();
    driver.happen(&consent_given(1));
    driver.trigger(&onramp(ProductStatus::PendingPrivacyPolicy));
    assert_eq!(tasks(&driver), [("consent", "privacy-policy".to_owned(), TaskState::Open, 1)]);
    driver.happen(&consent_given(2));
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.state(), State::Verified);
}

#[test]
fn what_gangway_does_not_know_is_a_task_for_an_operator_who_asks_for_verification() {
    let cases = [
        (onramp_lacking(&[], &["tax-return"]), "tax-return"),
        (onramp_lacking(&[Section::Other("wealth".to_owned())], &[]), "wealth"),
        (onramp_lacking(&[], &[]), UNNAMED_REQUEST),
    ];
    for (answer, name) in cases {
        let mut driver = answered(&answer);
        let open = Request::Operator(name.to_owned());
        assert_eq!(driver.onboarding.tasks[0].request, open);
        assert_eq!((driver.state(), driver.step()), (State::RequiresData, Step::WaitForPerson));
        driver.happen(&Event::VerificationRequested);
        driver.trigger(&onramp(ProductStatus::Verified));
        assert_eq!(driver.state(), State::Verified, "{name}");
    }
}

#[test]
fn two_editors_do_not_overwrite_each_other() {
    let mut driver = asked();
    assert_eq!(driver.ignored(&profile_set(1, &KYC)), Reason::NotTheNextRevision);
    assert_eq!(driver.ignored(&profile_set(3, &KYC)), Reason::NotTheNextRevision);
    assert_eq!(driver.ignored(&consent_given(2)), Reason::NotTheNextRevision);
    assert_eq!(driver.ignored(&document_added(&PASSPORT, 2)), Reason::NotTheNextRevision);
}

#[test]
fn nothing_but_data_can_begin_an_onboarding() {
    let mut driver = Driver::blank();
    for event in [held(), cancelled(), erased(), registered(1), Event::VerificationRequested] {
        assert_eq!(driver.ignored(&event), Reason::NotBegun, "{event:?}");
    }
    driver.happen(&profile_set(1, &KYC));
    assert_eq!((driver.onboarding.version, driver.state()), (1, State::Registering));
}

#[test]
fn what_is_taken_back_before_it_was_judged_is_asked_for_again_at_once() {
    let mut driver = answered(&onramp_lacking(&[Section::DueDiligence], &[]));
    driver.happen(&profile_set(2, &[Section::DueDiligence]));
    assert_eq!(driver.onboarding.tasks[0].state, TaskState::Supplied);
    driver.happen(&profile_set(3, &KYC));
    let task = &driver.onboarding.tasks[0];
    assert_eq!((task.state, task.rounds), (TaskState::Open, 1));
    driver.acknowledge_all();
    assert_eq!(driver.step(), Step::WaitForPerson, "nothing to trigger for");
}

#[test]
fn verification_that_was_asked_for_with_a_document_that_is_taken_back_is_not_triggered() {
    let mut driver = answered(&onramp_lacking(&[], &["id"]));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&Event::VerificationRequested);
    driver.happen(&document_withdrawn(&PASSPORT));
    assert_eq!((driver.state(), driver.step()), (State::RequiresData, Step::WaitForPerson));

    driver.happen(&document_added(&PASSPORT, 2));
    driver.acknowledge_all().begin_trigger();
    driver.happen(&document_added(&PASSPORT, 3));
    driver.happen(&Event::VerificationRequested);
    driver.happen(&document_withdrawn(&PASSPORT));
    driver.happen(&triggered(2, &onramp(ProductStatus::PendingReview)));
    assert_eq!((driver.state(), driver.next_call_name()), (State::Polling, "check-status"));
}

#[test]
fn an_operator_who_asked_for_verification_still_gets_it_when_a_document_is_taken_back() {
    let mut driver = answered(&onramp_lacking(&[], &["utility-bill"]));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&Event::VerificationRequested);
    driver.happen(&document_withdrawn(&PASSPORT));
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn a_document_that_the_provider_has_still_counts_when_a_newer_one_is_taken_back() {
    let mut driver = answered(&onramp_lacking(&[], &["id"]));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.happen(&document_added(&PASSPORT, 2));
    driver.happen(&uploaded(&PASSPORT, 1));
    driver.happen(&document_withdrawn(&PASSPORT));
    assert_eq!(driver.onboarding.tasks[0].state, TaskState::Supplied);
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.state(), State::Verified);
    assert_eq!(driver.ignored(&Event::VerificationRequested), Reason::NothingNewToVerify);
}

#[test]
fn what_was_judged_supplies_nothing_any_more_when_a_newer_document_is_taken_back() {
    let mut driver = answered(&onramp_lacking(&[], &["id"]));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.acknowledge_all().begin_trigger();
    driver.happen(&document_added(&PASSPORT, 2));
    driver.happen(&triggered(2, &onramp_lacking(&[], &["id"])));
    assert_eq!(driver.state(), State::Registered, "the newer one was not judged yet");
    driver.happen(&document_withdrawn(&PASSPORT));
    assert_eq!((driver.state(), driver.step()), (State::RequiresData, Step::WaitForPerson));
}

#[test]
fn what_was_supplied_stays_so_when_another_section_is_edited() {
    let mut driver = answered(&onramp_lacking(&KYC, &[]));
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&profile_set(3, &[Section::UserDetails]));
    assert_eq!(tasks(&driver), [("data", "kyc-data".to_owned(), TaskState::Supplied, 1)]);
}

#[test]
fn what_was_supplied_is_not_lacking_any_more() {
    let mut driver = answered(&onramp_lacking(&KYC, &["id"]));
    assert_eq!(driver.onboarding.unsupplied(), onramp_lacking(&KYC, &["id"]));
    driver.happen(&profile_set(2, &KYC));
    assert_eq!(driver.onboarding.unsupplied(), onramp_lacking(&[], &["id"]));
    driver.happen(&document_added(&PASSPORT, 1));
    assert_eq!(driver.onboarding.unsupplied(), onramp(ProductStatus::PendingReview));
}

#[test]
fn a_transition_lists_the_tasks_that_it_opened_changed_or_closed_and_no_others() {
    let listed = |transition: &Transition| -> Vec<(String, TaskState)> {
        let tasks = transition.tasks.iter();
        tasks.map(|task| (task.request.name().into_owned(), task.state)).collect()
    };
    let (id, kyc) = ("id".to_owned(), "kyc-data".to_owned());
    let mut driver = asked();
    driver.acknowledge_all();
    let trigger = driver.begin_trigger();
    let opened = driver.happen(&triggered(trigger, &onramp_lacking(&KYC, &["id"])));
    assert_eq!(listed(&opened), [(kyc.clone(), TaskState::Open), (id.clone(), TaskState::Open)]);
    let changed = driver.happen(&document_added(&PASSPORT, 1));
    assert_eq!(listed(&changed), [(id.clone(), TaskState::Supplied)]);
    driver.happen(&Event::VerificationRequested);
    driver.acknowledge_all();
    let trigger = driver.begin_trigger();
    let closed = driver.happen(&triggered(trigger, &onramp_lacking(&KYC, &[])));
    assert_eq!(listed(&closed), [(id, TaskState::Closed), (kyc.clone(), TaskState::Open)]);
    assert_eq!(tasks(&driver), [("data", kyc, TaskState::Open, 1)]);
}

#[test]
fn until_a_newer_document_is_sent_the_provider_has_the_older_one() {
    let mut driver = asked();
    driver.happen(&document_added(&PASSPORT, 1));
    driver.acknowledge_all();
    driver.happen(&document_added(&PASSPORT, 2));
    let has = driver.onboarding.acknowledged_revisions().documents;
    assert_eq!(has, [(PASSPORT, Revision(1))].into());
}

#[test]
fn it_may_begin_with_nothing_wanted() {
    let mut driver = Driver::blank();
    driver.happen(&wanted(&[]));
    assert_eq!(driver.onboarding.version, 1);
    assert_eq!(driver.ignored(&wanted(&[])), Reason::AlreadySo);
}
