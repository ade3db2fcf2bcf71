//! Wallets: linked beside the road to a verdict, never in its way.

use onboarding::{
    Call, Effect, Eligibility, Event, Failure, FailureClass, Ownership, ProductStatus, Reader,
    Reason, Revision, State, Status, Step, TaskState, WaitingOn, WalletNumber, WalletView,
    is_settled, is_under_way, next_note, wallet_call,
};

use super::{KYC, polling, verified};
use crate::driver::Driver;
use crate::events::{
    checked, erased, failure, held, linked, onramp, profile_set, registered, retried, waived,
    wallet_given, wallet_withdrawn,
};

const LINK: Call = Call::LinkWallet { number: WalletNumber(1), revision: Revision(1) };

fn linking(number: u32, revision: u32) -> Call {
    Call::LinkWallet { number: WalletNumber(number), revision: Revision(revision) }
}

/// The status is read, whatever else may be next, and answered so.
fn look(driver: &mut Driver, answer: &[Eligibility]) {
    let epoch = driver.onboarding.epoch;
    driver.happen(&checked(epoch, answer));
}

/// The wallet's call fails so.
fn fail(driver: &mut Driver, call: Call, class: FailureClass, http_status: Option<u16>) {
    let failure = Failure { http_status, ..failure(class, Effect::Unknown) };
    driver.happen(&Event::CallFailed { call, failure });
}

fn standing(driver: &Driver, number: u32) -> &'static str {
    driver.onboarding.wallets[&WalletNumber(number)].standing()
}

/// The tasks of wallets: what is asked for, of which wallet, how far it has come, how often.
fn tasks(driver: &Driver) -> Vec<(&'static str, String, TaskState, u32)> {
    let of_wallets = driver.onboarding.wallets.values().filter_map(|wallet| wallet.task.as_ref());
    let task = of_wallets.map(|task| {
        (task.request.kind(), task.request.name().into_owned(), task.state, task.rounds)
    });
    task.collect()
}

/// A wallet is given, and the look before it shows that the provider still knows the user.
fn give(driver: &mut Driver, number: u32, revision: u32) {
    driver.happen(&wallet_given(number, revision));
    assert_eq!(driver.next_call_name(), "check-status");
    look(driver, &onramp(ProductStatus::Verified));
}

fn verified_with_a_wallet() -> Driver {
    let mut driver = verified();
    give(&mut driver, 1, 1);
    driver
}

#[test]
fn a_wallet_waits_for_the_registration_and_for_whatever_leads_to_a_verdict() {
    let mut driver = Driver::wanting_onramp();
    driver.happen(&wallet_given(1, 1));
    assert_eq!(driver.step(), Step::WaitForPerson, "nobody is registered");
    driver.happen(&profile_set(1, &KYC));
    assert_eq!(driver.next_call_name(), "register-user");
    driver.happen(&registered(1));
    assert_eq!(driver.due_call().0, LINK, "nobody asked for verification yet");
    driver.happen(&Event::VerificationRequested);
    assert_eq!(driver.next_call_name(), "trigger-verification");
    driver.trigger(&onramp(ProductStatus::PendingReview));
    let link = wallet_call(&driver.onboarding, &driver.policy).unwrap();
    assert_eq!(link.0, LINK, "it rides on the answer of the trigger");
    assert!(link.1 < driver.due_call().1);
    assert_eq!(driver.next_call_name(), "check-status", "in no line in place of that");
    look(&mut driver, &onramp(ProductStatus::Verified));
    assert_eq!((driver.state(), standing(&driver, 1)), (State::Verified, "waiting"));
    assert_eq!(driver.due_call().0, LINK);
}

#[test]
fn whoever_was_judged_is_looked_at_before_a_wallet_is_linked() {
    // A user in review does not wait for the next look of the policy.
    let mut driver = polling();
    driver.now = driver.now.plus_ms(1);
    driver.happen(&wallet_given(1, 1));
    let epoch = driver.onboarding.epoch;
    assert_eq!(driver.due_call(), (Call::CheckStatus { epoch }, driver.now));
    assert_eq!(wallet_call(&driver.onboarding, &driver.policy), None);

    // The provider lost a user who was verified. To link the wallet now would make a bare one.
    let mut driver = verified();
    driver.happen(&wallet_given(1, 1));
    let look = driver.due_call().0;
    assert_eq!(look, Call::CheckStatus { epoch: driver.onboarding.epoch });
    let not_found = failure(FailureClass::NotFound, Effect::None);
    driver.happen(&Event::CallFailed { call: look, failure: not_found });
    assert_eq!(driver.next_call_name(), "register-user", "everything is sent again");
    driver.happen(&registered(1));
    assert_eq!(driver.next_call_name(), "trigger-verification");
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.due_call().0, LINK);
}

#[test]
fn a_linked_wallet_changes_nothing_of_the_verdict() {
    let mut driver = verified_with_a_wallet();
    let (epoch, since) = (driver.onboarding.epoch, driver.onboarding.state_since);
    let is_acknowledged = |driver: &Driver| {
        let (number, wallet) = driver.onboarding.wallets.first_key_value().unwrap();
        WalletView::of(*number, wallet).acknowledged
    };
    assert!(!is_acknowledged(&driver));
    driver.happen(&linked(1, 1, epoch, Ownership::Verified));
    assert!(is_acknowledged(&driver));
    assert_eq!((driver.state(), standing(&driver, 1)), (State::Verified, "verified"));
    assert_eq!((driver.onboarding.epoch, driver.onboarding.state_since), (epoch, since));
    assert_eq!(driver.next_call_name(), "check-status");
    let again = linked(1, 1, epoch, Ownership::Verified);
    assert_eq!(driver.ignored(&again), Reason::AlreadyAcknowledged);
    look(&mut driver, &onramp(ProductStatus::Verified));
    assert_eq!((driver.state(), standing(&driver, 1)), (State::Verified, "verified"));
}

#[test]
fn failures_of_a_wallet_delay_the_wallet_alone_and_their_count_is_kept() {
    let mut driver = polling();
    let pending = onramp(ProductStatus::PendingReview);
    driver.happen(&wallet_given(1, 1));
    look(&mut driver, &pending);
    let next_look = driver.due_call();
    for attempt in 1..=3 {
        fail(&mut driver, LINK, FailureClass::Transient, Some(503));
        let wallet = &driver.onboarding.wallets[&WalletNumber(1)];
        assert_eq!(wallet.retry.map(|retry| retry.attempt), Some(attempt));
        assert_eq!((driver.onboarding.retry, &driver.onboarding.last_error), (None, &None));
    }
    assert_eq!(driver.due_call(), next_look, "who is in review waits for that alone");
    // Nobody waits for a look at who is verified, so what is due first comes first.
    let mut judged = driver.clone();
    look(&mut judged, &onramp(ProductStatus::Verified));
    assert_eq!(judged.due_call().0, LINK);
    judged.policy.retry.initial_ms = 30 * 86_400_000;
    judged.policy.retry.max_ms = 30 * 86_400_000;
    assert_eq!(judged.next_call_name(), "check-status", "it does not wait for the wallet");
    // The provider's own word on when to call again is kept.
    let floor = Failure {
        retry_after_ms: Some(7_000_000),
        ..failure(FailureClass::RateLimited, Effect::None)
    };
    driver.happen(&Event::CallFailed { call: LINK, failure: floor });
    driver.happen(&wallet_given(1, 2));
    let retry = driver.onboarding.wallets[&WalletNumber(1)].retry.unwrap();
    assert_eq!((retry.attempt, retry.floor_at), (0, Some(driver.now.plus_ms(7_000_000))));
}

#[test]
fn a_provider_that_takes_no_such_call_is_asked_a_few_times_and_has_then_refused() {
    let mut driver = verified_with_a_wallet();
    for _ in 0..5 {
        fail(&mut driver, LINK, FailureClass::ProviderClosed, Some(403));
        assert_eq!(standing(&driver, 1), "waiting");
    }
    fail(&mut driver, LINK, FailureClass::ProviderClosed, Some(403));
    assert_eq!((standing(&driver, 1), tasks(&driver).len()), ("refused", 1));
    driver.happen(&retried());
    assert_eq!(standing(&driver, 1), "waiting");
    fail(&mut driver, LINK, FailureClass::ProviderClosed, Some(403));
    assert_eq!(standing(&driver, 1), "waiting", "it is asked as often again");
}

#[test]
fn a_refusal_is_of_one_wallet_and_opens_a_task_that_another_or_another_chain_closes() {
    for (class, http_status, says) in [
        (FailureClass::Transient, 409, "other-users"),
        (FailureClass::Refused, 400, "refused"),
        (FailureClass::Refused, 422, "refused"),
        (FailureClass::NotFound, 404, "refused"),
    ] {
        let mut driver = verified_with_a_wallet();
        fail(&mut driver, LINK, class, Some(http_status));
        assert_eq!((driver.state(), standing(&driver, 1)), (State::Verified, says));
        assert_eq!((&driver.onboarding.hold, driver.onboarding.forgotten), (&None, 0));
        assert_eq!(tasks(&driver), [("wallet", "1".to_owned(), TaskState::Open, 1)]);
        assert_eq!(driver.next_call_name(), "check-status", "it is not tried again");

        let mut other_chain = driver.clone();
        give(&mut other_chain, 1, 2);
        assert_eq!(tasks(&other_chain), [("wallet", "1".to_owned(), TaskState::Supplied, 1)]);
        assert_eq!(other_chain.due_call().0, linking(1, 2));
        let mut refused_again = other_chain.clone();
        fail(&mut refused_again, linking(1, 2), class, Some(http_status));
        assert_eq!(tasks(&refused_again), [("wallet", "1".to_owned(), TaskState::Open, 2)]);
        let epoch = other_chain.onboarding.epoch;
        let told = other_chain.happen(&linked(1, 2, epoch, Ownership::NotSaid));
        assert_eq!(
            told.tasks.iter().map(|task| task.state).collect::<Vec<_>>(),
            [TaskState::Closed]
        );
        assert_eq!((tasks(&other_chain), standing(&other_chain, 1)), (vec![], "linked"));

        let mut to_prove = driver.clone();
        give(&mut to_prove, 1, 2);
        to_prove.happen(&linked(1, 2, epoch, Ownership::ToProve));
        assert_eq!(tasks(&to_prove), [("wallet-proof", "1".to_owned(), TaskState::Open, 1)]);

        let mut another = driver.clone();
        let told = another.happen(&wallet_given(2, 1));
        assert_eq!(
            told.tasks.iter().map(|task| task.state).collect::<Vec<_>>(),
            [TaskState::Closed]
        );
        look(&mut another, &onramp(ProductStatus::Verified));
        assert_eq!((standing(&another, 1), another.due_call().0), (says, linking(2, 1)));

        let told = driver.happen(&wallet_withdrawn(1));
        assert_eq!(
            told.tasks.iter().map(|task| task.state).collect::<Vec<_>>(),
            [TaskState::Closed]
        );
        assert!(driver.onboarding.wallets.is_empty());
        assert_eq!(driver.onboarding.next_wallet(), WalletNumber(2), "no number is given twice");
    }
}

#[test]
fn a_challenge_is_a_task_until_the_proof_convinces() {
    let mut driver = verified_with_a_wallet();
    let epoch = driver.onboarding.epoch;
    driver.happen(&linked(1, 1, epoch, Ownership::ToProve));
    let to_prove = ("wallet-proof", "1".to_owned(), TaskState::Open, 1);
    assert_eq!(tasks(&driver), std::slice::from_ref(&to_prove));
    assert_eq!((driver.state(), standing(&driver, 1)), (State::Verified, "to-prove"));
    assert_eq!(driver.ignored(&wallet_given(1, 3)), Reason::NotTheNextRevision);
    let mut other = driver.clone();
    give(&mut other, 2, 1);
    assert_eq!(tasks(&other), [to_prove], "another wallet is no proof of the first");
    driver.happen(&wallet_given(1, 2));
    assert_eq!(tasks(&driver)[0].2, TaskState::Supplied);
    driver.happen(&linked(1, 2, epoch, Ownership::ToProve));
    assert_eq!(tasks(&driver), [("wallet-proof", "1".to_owned(), TaskState::Open, 2)]);
    driver.happen(&wallet_given(1, 3));
    driver.happen(&linked(1, 3, epoch, Ownership::Verified));
    assert_eq!((tasks(&driver), standing(&driver, 1)), (vec![], "verified"));
    assert_eq!(driver.onboarding.task_count, 1);
}

#[test]
fn without_a_challenge_nobody_is_asked_for_anything() {
    let mut driver = verified_with_a_wallet();
    let epoch = driver.onboarding.epoch;
    driver.happen(&linked(1, 1, epoch, Ownership::Unverified));
    assert_eq!((tasks(&driver), standing(&driver, 1)), (vec![], "unverified"));
}

#[test]
fn a_task_of_a_wallet_can_be_waived_is_reminded_of_and_is_for_no_product() {
    let mut driver = verified_with_a_wallet();
    driver.policy.task_due.data_ms = 10 * 86_400_000;
    driver.policy.reminders_ms = vec![86_400_000];
    let epoch = driver.onboarding.epoch;
    driver.happen(&linked(1, 1, epoch, Ownership::ToProve));
    let number = driver.onboarding.task_count;
    let note = next_note(&driver.onboarding, &driver.policy, driver.now).unwrap();
    assert_eq!(note.event, Event::TaskReminded { number, passed: 1 });
    driver.now = note.due_at;
    driver.happen(&note.event);
    let user = "userId:ada".parse().unwrap();
    let status =
        Status::of(&user, &driver.onboarding, None, &Reader::new(&driver.policy, driver.now));
    assert_eq!((status.pending_tasks.len(), status.waiting_on), (1, WaitingOn::Nobody));
    assert!(status.pending_tasks[0].products.is_empty());
    driver.happen(&waived(number));
    assert_eq!(tasks(&driver)[0].2, TaskState::Supplied);
    driver.happen(&retried());
    assert_eq!(tasks(&driver)[0].2, TaskState::Supplied, "what is linked is not sent again");
}

#[test]
fn a_wallet_that_is_waived_and_then_given_anew_was_supplied_when_it_was_given() {
    for rules in [2, 1] {
        let mut driver = verified_with_a_wallet();
        let epoch = driver.onboarding.epoch;
        driver.happen(&linked(1, 1, epoch, Ownership::ToProve));
        driver.policy.rules = rules;
        driver.happen(&waived(driver.onboarding.task_count));
        driver.policy.rules = 2;
        driver.now = driver.now.plus_ms(86_400_000);
        let given_at = driver.now;
        driver.happen(&wallet_given(1, 2));
        driver.now = driver.now.plus_ms(86_400_000);
        driver.happen(&linked(1, 2, epoch, Ownership::ToProve));
        let task = driver.onboarding.all_tasks().next().unwrap();
        let round = task.past_rounds[0];
        assert_eq!((task.rounds, round.supplied_at, round.waived_at), (2, Some(given_at), None));
    }
}

#[test]
fn the_provider_that_forgot_the_user_is_told_again_and_what_it_refused_is_not() {
    let mut driver = verified();
    for number in [1, 2, 3, 4] {
        driver.happen(&wallet_given(number, 1));
    }
    let epoch = driver.onboarding.epoch;
    driver.happen(&linked(1, 1, epoch, Ownership::ToProve));
    fail(&mut driver, linking(2, 1), FailureClass::Refused, Some(400));
    fail(&mut driver, linking(4, 1), FailureClass::NotFound, Some(404));
    assert_eq!((standing(&driver, 2), standing(&driver, 4)), ("refused", "refused"));
    let look = Call::CheckStatus { epoch };
    let not_found = failure(FailureClass::NotFound, Effect::None);
    driver.happen(&Event::CallFailed { call: look, failure: not_found });
    assert_eq!(standing(&driver, 1), "waiting");
    let stale = linked(3, 1, epoch, Ownership::Verified);
    assert_eq!(driver.ignored(&stale), Reason::StaleAcknowledgement);
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.due_call().0, LINK);
    let epoch = driver.onboarding.epoch;
    driver.happen(&linked(1, 1, epoch, Ownership::ToProve));
    assert_eq!(tasks(&driver)[0], ("wallet-proof", "1".to_owned(), TaskState::Open, 1));
    driver.happen(&linked(3, 1, epoch, Ownership::Verified));
    assert_eq!(standing(&driver, 4), "waiting", "the 404 may have been about the user");
    driver.happen(&linked(4, 1, epoch, Ownership::Verified));
    assert_eq!((standing(&driver, 2), driver.next_call_name()), ("refused", "check-status"));
    driver.happen(&retried());
    assert_eq!(standing(&driver, 2), "waiting", "an operator wants it tried again");
}

#[test]
fn only_what_the_provider_has_not_linked_can_be_taken_back() {
    let mut driver = verified_with_a_wallet();
    let epoch = driver.onboarding.epoch;
    driver.happen(&linked(1, 1, epoch, Ownership::ToProve));
    assert_eq!(driver.ignored(&wallet_withdrawn(1)), Reason::AlreadyAcknowledged);
    driver.happen(&wallet_given(1, 2));
    assert_eq!(driver.ignored(&wallet_withdrawn(1)), Reason::AlreadyAcknowledged);
    assert_eq!(driver.ignored(&wallet_withdrawn(2)), Reason::NeverHeld);
    driver.happen(&wallet_given(2, 1));
    driver.happen(&wallet_withdrawn(2));
    let late = linked(2, 1, epoch, Ownership::Verified);
    assert_eq!(driver.ignored(&late), Reason::NeverHeld, "it is not there to be linked");
    assert_eq!(driver.ignored(&wallet_given(2, 1)), Reason::NotTheNextRevision);
}

#[test]
fn an_answer_to_an_older_revision_does_not_acknowledge_the_newer() {
    let mut driver = verified_with_a_wallet();
    let epoch = driver.onboarding.epoch;
    give(&mut driver, 1, 2);
    driver.happen(&linked(1, 1, epoch, Ownership::ToProve));
    assert_eq!((standing(&driver, 1), tasks(&driver)), ("waiting", vec![]));
    assert_eq!(driver.due_call().0, linking(1, 2));
    let late = failure(FailureClass::Refused, Effect::None);
    let late = Event::CallFailed { call: LINK, failure: late };
    assert_eq!(driver.ignored(&late), Reason::NotTheAwaitedCall);
}

#[test]
fn what_is_held_or_ended_links_nothing() {
    let mut driver = verified_with_a_wallet();
    let mut stopped = driver.clone();
    stopped.happen(&held());
    assert_eq!(stopped.step(), Step::Nothing);
    driver.happen(&erased());
    assert!(driver.onboarding.wallets.is_empty());
    assert_eq!(driver.step(), Step::Nothing);
}

#[test]
fn whoever_waits_for_a_verdict_does_not_wait_for_a_wallet() {
    let mut unasked = Driver::wanting_onramp();
    unasked.happen(&profile_set(1, &KYC));
    unasked.happen(&registered(1));
    unasked.happen(&wallet_given(1, 1));
    fail(&mut unasked, LINK, FailureClass::Transient, Some(503));
    assert!(!is_under_way(&unasked.onboarding, &unasked.policy));
    assert!(is_settled(&unasked.onboarding, &unasked.policy));
    let verified = verified_with_a_wallet();
    assert!(is_settled(&verified.onboarding, &verified.policy), "its call is due");
    let user = "userId:ada".parse().unwrap();
    let status =
        Status::of(&user, &unasked.onboarding, None, &Reader::new(&unasked.policy, unasked.now));
    assert_eq!((status.waiting_on, status.attempt), (WaitingOn::User, 0));
    assert_eq!((status.wallets[0].standing, status.wallets[0].attempt), ("waiting", 1));
}
