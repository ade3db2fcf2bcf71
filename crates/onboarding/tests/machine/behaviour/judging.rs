//! What the provider's word on the wanted products leads to.

use onboarding::{Event, Product, ProductStatus, Reason, Section, State, Step, TaskState};

use super::{KYC, PASSPORT, answered, asked, hold_cause, polling, verified};
use crate::driver::Driver;
use crate::events::{
    document_added, lacking, onramp, onramp_lacking, profile_set, retried, wanted, word,
};

#[test]
fn what_cannot_be_understood_is_polled_then_held_and_never_verified() {
    let unclear = [
        onramp(ProductStatus::Other("approved".to_owned())),
        onramp(ProductStatus::NotStarted),
        vec![word(Product::Offramp, ProductStatus::Verified)],
        Vec::new(),
    ];
    for answer in unclear {
        let mut driver = answered(&answer);
        for look in 0..driver.policy.unclear_polls_max {
            assert_eq!(driver.state(), State::Polling, "look {look} of {answer:?}");
            driver.wait_until_due().check(&answer);
        }
        assert_eq!((driver.state(), hold_cause(&driver)), (State::Held, Some("unclear")));
        assert_eq!(driver.onboarding.verification.triggers, 1);
        driver.happen(&retried());
        assert_eq!(driver.next_call_name(), "check-status");
        driver.check(&onramp(ProductStatus::Verified));
        assert_eq!(driver.state(), State::Verified);
    }
}

#[test]
fn all_wanted_products_decide_and_no_other() {
    use ProductStatus as S;
    let cases = [
        (S::Verified, S::Verified, State::Verified),
        (S::Verified, S::PendingReview, State::Polling),
        (S::Verified, S::Rejected, State::Rejected),
        (S::PendingReview, S::Rejected, State::Polling),
        (S::Rejected, S::Rejected, State::Rejected),
        (S::RequiresData, S::PendingReview, State::RequiresData),
        (S::RequiresData, S::Rejected, State::RequiresData),
        (S::PendingPrivacyPolicy, S::Verified, State::RequiresData),
        (S::Other("new".to_owned()), S::Verified, State::Polling),
        (S::NotStarted, S::Verified, State::Polling),
    ];
    for (first, second, state) in cases {
        let mut driver = asked();
        driver.happen(&wanted(&[Product::Onramp, Product::Offramp]));
        let unwanted = lacking(Product::RegulatedTransfer, &KYC, &["id"]);
        let words = [word(Product::Onramp, first), word(Product::Offramp, second), unwanted];
        driver.trigger(&words);
        assert_eq!(driver.state(), state, "{words:?}");
    }
}

#[test]
fn polling_goes_on_beside_an_open_task() {
    let mut driver = asked();
    driver.happen(&wanted(&[Product::Onramp, Product::Offramp]));
    let asks = lacking(Product::Onramp, &KYC, &[]);
    driver.trigger(&[asks.clone(), word(Product::Offramp, ProductStatus::PendingReview)]);
    assert_eq!((driver.state(), driver.next_call_name()), (State::RequiresData, "check-status"));
    driver.check(&[asks, word(Product::Offramp, ProductStatus::Verified)]);
    assert_eq!((driver.state(), driver.step()), (State::RequiresData, Step::WaitForPerson));
}

#[test]
fn an_edit_after_the_verdict_reads_the_status_and_does_not_trigger() {
    for status in [ProductStatus::Verified, ProductStatus::Rejected] {
        let mut driver = answered(&onramp(status.clone()));
        let verdict = driver.state();
        driver.happen(&profile_set(2, &KYC));
        assert_eq!(driver.state(), State::Registering);
        driver.acknowledge_all();
        assert_eq!(driver.state(), State::DocumentsUploaded);
        assert_eq!((driver.next_call_name(), driver.wait_ms()), ("check-status", 0));
        driver.check(&onramp(status));
        assert_eq!(driver.state(), verdict);
        assert_eq!(driver.onboarding.verification.triggers, 1);
    }
}

#[test]
fn an_edit_after_the_verdict_triggers_when_asked() {
    let mut driver = verified();
    assert_eq!(driver.ignored(&Event::VerificationRequested), Reason::NothingNewToVerify);
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&Event::VerificationRequested);
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 2));
}

#[test]
fn an_edit_after_the_verdict_triggers_when_the_product_is_no_longer_verified() {
    let mut driver = verified();
    driver.happen(&profile_set(2, &KYC));
    driver.acknowledge_all();
    driver.check(&onramp(ProductStatus::PendingReview));
    assert_eq!(driver.next_call_name(), "trigger-verification");
}

#[test]
fn an_edit_while_polling_triggers_again() {
    let mut driver = polling();
    driver.happen(&profile_set(2, &KYC));
    driver.acknowledge_all();
    assert_eq!(driver.next_call_name(), "trigger-verification");
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!(driver.state(), State::Verified);
}

#[test]
fn a_product_wanted_later_is_judged_and_one_no_longer_wanted_is_left_out() {
    let mut driver = verified();
    driver.happen(&wanted(&[Product::Onramp, Product::Offramp]));
    assert_eq!(driver.next_call_name(), "trigger-verification");
    let verified = word(Product::Onramp, ProductStatus::Verified);
    driver.trigger(&[verified, lacking(Product::Offramp, &KYC, &[])]);
    assert_eq!(driver.state(), State::RequiresData);
    let closed = driver.happen(&wanted(&[Product::Onramp])).tasks;
    assert_eq!(closed.iter().map(|task| task.state).collect::<Vec<_>>(), [TaskState::Closed]);
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 2));
    assert_eq!(driver.ignored(&wanted(&[Product::Onramp])), Reason::AlreadySo);
}

#[test]
fn a_product_wanted_later_that_was_judged_before_needs_no_trigger() {
    let both = [Product::Onramp, Product::Offramp];
    let mut driver = answered(&both.clone().map(|product| word(product, ProductStatus::Verified)));
    driver.happen(&wanted(&both));
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 1));
}

#[test]
fn whoever_wants_nothing_is_verified_for_nothing() {
    let mut driver = verified();
    driver.happen(&wanted(&[]));
    assert_eq!((driver.state(), driver.step()), (State::DocumentsUploaded, Step::WaitForPerson));
}

#[test]
fn a_verified_user_of_whom_more_is_asked_falls_back() {
    let mut driver = verified();
    driver.wait_until_due().check(&onramp_lacking(&KYC, &["id"]));
    assert_eq!((driver.state(), driver.step()), (State::RequiresData, Step::WaitForPerson));
    driver.happen(&profile_set(2, &KYC));
    driver.happen(&document_added(&PASSPORT, 1));
    driver.trigger(&onramp(ProductStatus::Verified));
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 2));
}

#[test]
fn a_rejected_user_is_looked_at_slowly_and_not_triggered() {
    let mut driver = answered(&onramp(ProductStatus::Rejected));
    assert_eq!((driver.state(), driver.next_call_name()), (State::Rejected, "check-status"));
    let wait_ms = driver.due_call().1.ms_since(driver.now);
    let recheck_ms = driver.policy.rejected_recheck_ms;
    assert!((recheck_ms * 4 / 5..=recheck_ms).contains(&wait_ms), "{wait_ms}");
    driver.wait_until_due().check(&onramp(ProductStatus::Verified));
    assert_eq!((driver.state(), driver.onboarding.verification.triggers), (State::Verified, 1));
}

#[test]
fn a_rejected_user_is_not_looked_at_where_the_policy_says_so() {
    let mut driver = answered(&onramp(ProductStatus::Rejected));
    driver.policy.rejected_recheck_ms = 0;
    assert_eq!((driver.state(), driver.step()), (State::Rejected, Step::WaitForPerson));
    driver.happen(&retried());
    assert_eq!(driver.next_call_name(), "check-status");
}

#[test]
fn polls_follow_the_policy_and_a_change_is_followed_closely_again() {
    let mut driver = polling();
    let delay_ms =
        |driver: &Driver, polls| driver.policy.poll_delay_ms(driver.onboarding.id, polls);
    for polls in 0..40 {
        assert_eq!(driver.wait_ms(), delay_ms(&driver, polls), "poll {polls}");
        driver.wait_until_due().check(&onramp(ProductStatus::PendingReview));
    }
    driver.check(&onramp(ProductStatus::Other("nearly".to_owned())));
    assert_eq!(driver.wait_ms(), delay_ms(&driver, 0));
}

#[test]
fn rechecks_follow_the_policy() {
    let mut driver = verified();
    for polls in 0..3 {
        let delay_ms = driver.policy.recheck_delay_ms(driver.onboarding.id, polls);
        assert_eq!((driver.next_call_name(), driver.wait_ms()), ("check-status", delay_ms));
        driver.wait_until_due().check(&onramp(ProductStatus::Verified));
        assert_eq!(driver.state(), State::Verified);
    }
    driver.happen(&retried());
    assert_eq!(driver.wait_ms(), 0);
}

#[test]
fn what_is_unclear_beside_an_open_task_holds_nobody() {
    let words =
        [lacking(Product::Onramp, &KYC, &[]), word(Product::Offramp, ProductStatus::NotStarted)];
    let mut driver = asked();
    driver.happen(&wanted(&[Product::Onramp, Product::Offramp]));
    driver.trigger(&words);
    for _ in 0..2 * driver.policy.unclear_polls_max {
        driver.wait_until_due().check(&words);
    }
    assert_eq!(driver.state(), State::RequiresData);
    assert!(driver.wait_ms() > 60_000, "a person needs time, and is not polled for every second");
}

#[test]
fn what_is_unclear_beside_a_product_in_review_holds_nobody() {
    let words = [
        word(Product::Onramp, ProductStatus::PendingReview),
        word(Product::Offramp, ProductStatus::NotStarted),
    ];
    let mut driver = asked();
    driver.happen(&wanted(&[Product::Onramp, Product::Offramp]));
    driver.trigger(&words);
    for _ in 0..2 * driver.policy.unclear_polls_max {
        driver.wait_until_due().check(&words);
    }
    assert_eq!(driver.state(), State::Polling);
}

#[test]
fn other_lists_do_not_show_that_a_lost_trigger_took_effect() {
    let due_diligence = [Section::KycData, Section::DueDiligence];
    let shuffled = [Section::DueDiligence, Section::KycData];
    for shown in [&shuffled[..], &[]] {
        let mut driver = answered(&onramp_lacking(&due_diligence, &[]));
        driver.happen(&profile_set(2, &due_diligence));
        driver.acknowledge_all().begin_trigger();
        driver.check(&onramp_lacking(shown, &[]));
        assert_eq!(driver.next_call_name(), "trigger-verification", "{shown:?}");
    }
}

#[test]
fn an_answer_in_another_order_is_the_same_answer() {
    let mut driver = asked();
    driver.happen(&wanted(&[Product::Onramp, Product::Offramp]));
    for polls in 0..30 {
        let mut missing = [Section::KycData, Section::DueDiligence];
        missing.rotate_left(polls % 2);
        let words = [
            word(Product::Onramp, ProductStatus::PendingReview),
            lacking(Product::Offramp, &missing, &[]),
        ];
        if polls == 0 {
            driver.trigger(&words);
        } else {
            driver.wait_until_due().check(&words);
        }
    }
    assert!(driver.wait_ms() > 60_000, "the looks have become slow");
}
