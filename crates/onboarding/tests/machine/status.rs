//! What a status shows of the facts.

use onboarding::{
    Date, DocumentType, Effect, Event, Evidence, FailureClass, LegalText, Onboarding, OnboardingId,
    Policy, Product, ProductStatus, Reader, Region, Regression, Revision, Section, State, Status,
    StuckUser, Surroundings, Timestamp, WaitingOn, next_note,
};
use serde_json::json;

use crate::behaviour::{KYC, PASSPORT, answered, asked, polling};
use crate::driver::Driver;
use crate::events::{
    START, cancelled, consent_given, document_added, document_withdrawn, held, lacking, onramp,
    onramp_lacking, profile_set, uploaded, waived, wallet_given, wanted, word,
};

const DAY_MS: u64 = 24 * 3_600_000;

fn status(driver: &Driver) -> Status {
    let user = "userId:johnd-123".parse().expect("the locator is sound");
    Status::of(&user, &driver.onboarding, None, &Reader::new(&driver.policy, driver.now))
}

#[test]
fn a_status_has_the_providers_word_on_each_product_that_is_wanted_or_named() {
    let shown = |driver: &Driver| -> Vec<(Product, ProductStatus, bool)> {
        let products = status(driver).products.into_iter();
        products.map(|view| (view.product, view.status, view.observed_at.is_some())).collect()
    };
    let mut driver = asked();
    driver.happen(&wanted(&[Product::Onramp, Product::RegulatedTransfer]));
    assert_eq!(
        shown(&driver),
        [
            (Product::RegulatedTransfer, ProductStatus::NotStarted, false),
            (Product::Onramp, ProductStatus::NotStarted, false),
        ]
    );
    let offramp = lacking(Product::Offramp, &KYC, &["id"]);
    driver.trigger(&[word(Product::Onramp, ProductStatus::Verified), offramp]);
    let unsaid = ProductStatus::Other("not-reported".to_owned());
    assert_eq!(
        shown(&driver),
        [
            (Product::RegulatedTransfer, unsaid, true),
            (Product::Onramp, ProductStatus::Verified, true),
            (Product::Offramp, ProductStatus::RequiresData, true),
        ]
    );
    let offramp = status(&driver).products.pop().unwrap();
    assert_eq!(offramp.missing_data, [Section::KycData]);
    assert_eq!(offramp.missing_documents, ["id"]);
}

#[test]
fn only_of_open_data_and_documents_the_requirements_may_say_more() {
    let operators = Section::Other("a-new-word".to_owned());
    for (answer, is_detailed) in [
        (onramp(ProductStatus::PendingReview), false),
        (onramp_lacking(&[operators], &[]), false),
        (onramp_lacking(&KYC, &[]), true),
        (onramp_lacking(&[], &["id"]), true),
    ] {
        assert_eq!(answered(&answer).onboarding.has_task_to_detail(), is_detailed, "{answer:?}");
    }
    let mut driver = answered(&onramp_lacking(&KYC, &[]));
    driver.happen(&profile_set(2, &KYC));
    assert!(!driver.onboarding.has_task_to_detail(), "it is supplied");
}

#[test]
fn what_is_stored_is_read_again_the_same() {
    let mut driver = answered(&onramp_lacking(&KYC, &["id"]));
    driver.happen(&wallet_given(1, 1));
    driver.now = driver.onboarding.tasks[0].due.unwrap().at;
    let note = next_note(&driver.onboarding, &driver.policy, driver.now).unwrap();
    driver.happen(&note.event);
    driver.happen(&waived(driver.onboarding.tasks[1].number));
    let stored = serde_json::to_value(&driver.onboarding).unwrap();
    assert!(stored.to_string().contains("reminders") && stored.to_string().contains("triggers"));
    let read: Onboarding = serde_json::from_value(stored).unwrap();
    assert_eq!(read, driver.onboarding);
    let blank = serde_json::to_string(&Driver::blank().onboarding).unwrap();
    assert!(!blank.to_lowercase().contains("wallet"), "what there is none of is left out: {blank}");
}

#[test]
fn who_is_stuck_is_listed_as_the_onboarding_is() {
    let mut driver = answered(&onramp_lacking(&KYC, &[]));
    let user = "userId:ada".parse().unwrap();
    let listed = |driver: &Driver| {
        let reader = Reader::new(&driver.policy, driver.now);
        StuckUser::of(&user, &driver.onboarding, &reader, &Surroundings::default())
    };
    assert_eq!(listed(&driver), None);
    driver.now = driver.now.plus_ms(60 * DAY_MS);
    let stuck = listed(&driver).unwrap();
    assert_eq!((stuck.user.as_str(), stuck.state), ("userId:ada", State::RequiresData));
    assert_eq!(stuck.id, driver.onboarding.id.to_string());
}

#[test]
fn what_an_event_says_has_its_times_written_out() {
    let at = "2023-11-14T22:13:20.001Z";
    let expected = json!({ "revision": 1, "acceptedAt": at });
    assert_eq!(consent_given(1).detail(), expected);
    let lost = Event::ProductRegressed(Regression {
        product: Product::Onramp,
        verified_since: START.plus_ms(1),
        status: ProductStatus::PendingReview,
        observed_at: START.plus_ms(1),
    });
    let expected = json!({
        "product": "onramp", "verifiedSince": at, "status": "pending-review", "observedAt": at
    });
    assert_eq!(lost.detail(), expected);
}

#[test]
fn a_status_lists_the_documents_at_hand_and_which_of_them_the_provider_has() {
    let proof = DocumentType::ProofOfAddress;
    let expires_at = Date::parse("2030-01-31").ok();
    let mut driver = asked();
    driver.happen(&Event::DocumentAdded {
        document_type: PASSPORT,
        revision: Revision(1),
        expires_at,
        duplicates: Vec::new(),
    });
    driver.happen(&document_added(&proof, 1));
    driver.happen(&uploaded(&PASSPORT, 1));
    let shown = |driver: &Driver| -> Vec<_> {
        let documents = status(driver).documents.into_iter();
        documents
            .map(|view| (view.document_type, view.revision.0, view.acknowledged, view.expires_at))
            .collect()
    };
    let passport = (PASSPORT, 1, true, expires_at);
    assert_eq!(shown(&driver), [passport.clone(), (proof.clone(), 1, false, None)]);
    driver.happen(&document_withdrawn(&proof));
    assert_eq!(shown(&driver), [passport]);
    driver.happen(&document_added(&PASSPORT, 2));
    assert_eq!(shown(&driver), [(PASSPORT, 2, false, None)]);
}

#[test]
fn a_status_says_whose_file_was_given_before_and_what_was_accepted() {
    let other = OnboardingId(uuid::Uuid::from_u128(7));
    let mut driver = asked();
    driver.happen(&Event::DocumentAdded {
        document_type: PASSPORT,
        revision: Revision(1),
        expires_at: None,
        duplicates: vec![other],
    });
    driver.happen(&uploaded(&PASSPORT, 1));
    driver.happen(&Event::ConsentGiven {
        text: LegalText::TermsOfService,
        revision: Revision(1),
        accepted_at: Timestamp(0),
        region: Some(Region::Eu),
        evidence: Evidence {
            text_version: Some("2026-01".to_owned()),
            language: Some("de".to_owned()),
            method: Some("checkbox".to_owned()),
            ..Evidence::default()
        },
    });
    driver.happen(&consent_given(1));
    let json = serde_json::to_value(status(&driver)).unwrap();
    let document = &json["documents"][0];
    assert_eq!(document["duplicates"], serde_json::json!([other]));
    assert!(document["providerDocumentId"].is_string(), "{document}");
    assert_eq!(json["consents"][0]["text"], "privacy-policy");
    assert_eq!(
        json["consents"][1],
        serde_json::json!({
            "text": "terms-of-service", "acceptedAt": "1970-01-01T00:00:00.000Z", "region": "eu",
            "textVersion": "2026-01", "textHash": null, "language": "de", "method": "checkbox",
            "acknowledged": false,
        })
    );
}

#[test]
fn a_document_task_warns_staff_of_a_file_that_others_gave() {
    let other = OnboardingId(uuid::Uuid::from_u128(7));
    let mut driver = asked();
    driver.trigger(&onramp_lacking(&[], &["id"]));
    let note = |driver: &Driver| status(driver).pending_tasks[0].staff_note.as_str().to_owned();
    assert!(!note(&driver).contains(&other.to_string()));
    driver.happen(&Event::DocumentAdded {
        document_type: PASSPORT,
        revision: Revision(1),
        expires_at: None,
        duplicates: vec![other],
    });
    let warning = format!("in the onboardings {other}: look into it.");
    assert!(note(&driver).contains(&warning), "{}", note(&driver));
    let text = serde_json::to_string(&status(&driver).pending_tasks[0].text).unwrap();
    assert!(!text.contains(&other.to_string()), "{text}");
}

#[test]
fn a_status_says_who_acts_next() {
    let mut stopped = polling();
    stopped.happen(&held());
    let mut ended = polling();
    ended.happen(&cancelled());
    let mut unasked = Driver::wanting_onramp();
    unasked.happen(&profile_set(1, &KYC));
    unasked.acknowledge_all();
    for (driver, waiting_on) in [
        (asked(), WaitingOn::Gangway),
        (unasked, WaitingOn::User),
        (polling(), WaitingOn::Provider),
        (answered(&onramp_lacking(&KYC, &[])), WaitingOn::User),
        (answered(&onramp_lacking(&KYC, &["tax-return"])), WaitingOn::User),
        (answered(&onramp_lacking(&[], &["tax-return"])), WaitingOn::Operator),
        (answered(&onramp(ProductStatus::Verified)), WaitingOn::Nobody),
        (stopped, WaitingOn::Operator),
        (ended, WaitingOn::Nobody),
    ] {
        assert_eq!(status(&driver).waiting_on, waiting_on, "{}", driver.state());
    }
}

#[test]
fn whoever_lacks_what_a_person_supplied_already_waits_for_an_operator_alone() {
    let mut driver = answered(&onramp_lacking(&KYC, &["tax-return"]));
    driver.happen(&profile_set(2, &KYC));
    assert_eq!(status(&driver).waiting_on, WaitingOn::Operator);
}

#[test]
fn a_status_names_the_task_as_the_provider_does_and_what_supplies_it() {
    let driver = answered(&onramp_lacking(&KYC, &["id"]));
    let shown = status(&driver);
    let tasks: Vec<_> =
        shown.pending_tasks.iter().map(|task| (task.kind, task.name.as_str())).collect();
    assert_eq!(tasks, [("data", "kyc-data"), ("document", "id")]);
    assert_eq!(shown.pending_tasks[0].accepts, [["kycData"]]);
    assert_eq!(shown.pending_tasks[1].id, format!("{}-2", driver.onboarding.id));
}

#[test]
fn a_status_counts_the_failures_in_a_row_and_shows_the_last() {
    let mut driver = asked();
    assert_eq!((status(&driver).attempt, status(&driver).last_error), (0, None));
    for _ in 0..2 {
        driver.wait_until_due().fail(FailureClass::Transient, Effect::None);
    }
    let shown = status(&driver);
    assert_eq!(shown.attempt, 2);
    assert_eq!(shown.last_error.unwrap().class, FailureClass::Transient);
    assert_eq!((shown.next_step.step, shown.stalled), ("register-user", false));
}

/// What a user and staff read of the one task after the provider asked again for what was waived.
fn asked_again_after_a_waive(rules: u32) -> (Driver, onboarding::TaskView) {
    let mut driver = answered(&onramp_lacking(&KYC, &[]));
    driver.policy.rules = rules;
    driver.happen(&waived(driver.onboarding.tasks[0].number));
    assert_eq!(status(&driver).pending_tasks[0].supplied_at, None);
    driver.policy = Policy::default();
    driver.now = driver.now.plus_ms(DAY_MS);
    driver.trigger(&onramp_lacking(&KYC, &[]));
    let task = status(&driver).pending_tasks.pop().expect("it is asked for again");
    assert_eq!(task.rounds, 2);
    (driver, task)
}

#[test]
fn nobody_is_told_that_what_was_waived_was_sent() {
    // Also of a task that was waived before this was told apart.
    for rules in [2, 1] {
        let (_, task) = asked_again_after_a_waive(rules);
        let round = &task.past_rounds[0];
        assert_eq!((&round.supplied_at, round.waived_at.is_some()), (&None, true), "{rules}");
        let sentence = task.text.sentence.as_str();
        assert!(sentence.starts_with("Please give us"), "{sentence}");
        let note = task.staff_note.as_str();
        assert!(note.contains("Asked for 2 times; on 14 November it was waived"), "{note}");
    }
}

#[test]
fn what_was_sent_before_a_waive_or_after_it_is_told_with_its_own_day() {
    let (mut driver, _) = asked_again_after_a_waive(2);
    driver.happen(&waived(driver.onboarding.tasks[0].number));
    driver.now = driver.now.plus_ms(DAY_MS);
    driver.happen(&profile_set(2, &KYC));
    driver.now = driver.now.plus_ms(DAY_MS);
    driver.trigger(&onramp_lacking(&KYC, &[]));
    let sentence = |driver: &Driver| {
        let task = status(driver).pending_tasks.pop().unwrap();
        (task.text.sentence.to_string(), task.staff_note.as_str().to_owned())
    };
    let (user, staff) = sentence(&driver);
    assert!(user.starts_with("The details that you gave on 16 November"), "{user}");
    assert!(staff.contains("what was supplied on 16 November did not do"), "{staff}");
    driver.happen(&waived(driver.onboarding.tasks[0].number));
    driver.policy.rounds_max = 9;
    driver.trigger(&onramp_lacking(&KYC, &[]));
    let (user, staff) = sentence(&driver);
    assert!(user.starts_with("The details that you gave on 16 November"), "{user}");
    assert!(staff.contains("on 17 November it was waived"), "{staff}");
}
