//! The road to a verdict, and what follows it, over virtual time.

use engine::Stepped;
use onboarding::{Event, Policy, ProductStatus, Section, State};

use crate::provider::{
    ACCEPT, REGISTER, STATUS, TRIGGER, UPLOAD, asks_for, pending, says, verified,
};
use crate::world::{DAY, HOUR, MINUTE, START, World, added, file, id, png, user};

#[tokio::test]
async fn a_user_comes_to_verified_by_each_call_once_and_in_order() {
    let world = World::new();
    let user = world.add_user_with_passport(1).await;
    world.provider.will_say(&user, [pending(), pending(), verified()]);
    let worker = world.worker().await;
    world.settle_for(&worker, MINUTE).await;
    let road = [ACCEPT, REGISTER, UPLOAD, TRIGGER, STATUS, STATUS];
    assert_eq!(world.provider.calls_of(&user), road);
    assert_eq!(world.state(&user).await, State::Verified);
    world.check_nothing_is_lost(&user).await;
    world.provider.record(&user, |record| {
        let passport = record.documents.values().next().unwrap();
        assert_eq!((&passport.bytes, passport.media_type.as_str()), (&png(1), "image/png"));
        assert_eq!(record.triggers, 1);
    });
}

#[tokio::test]
async fn one_step_makes_every_call_that_follows_at_once() {
    let world = World::new();
    let user = world.add_user_with_passport(1).await;
    world.provider.will_say(&user, [pending()]);
    let worker = world.worker().await;
    assert_eq!(worker.step(START).await.unwrap().calls, 4);
    assert_eq!(world.state(&user).await, State::Polling);
}

#[tokio::test]
async fn nothing_is_called_before_it_is_due() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [pending()]);
    let worker = world.worker().await;
    worker.step(START).await.unwrap();
    let Stepped { next_at, .. } = worker.step(START).await.unwrap();
    let due_at = START.plus_ms(Policy::default().poll_delay_ms(id(1), 0));
    assert_eq!(next_at, Some(due_at));
    let early = onboarding::Timestamp(due_at.0 - 1);
    assert_eq!(worker.step(early).await.unwrap().calls, 0);
    assert_eq!(worker.step(due_at).await.unwrap().calls, 1);
}

#[tokio::test]
async fn without_being_asked_it_registers_and_does_not_trigger() {
    let world = World::new();
    let user = user(1);
    let unasked = engine::Added { verify: false, ..added(1) };
    world.edit(&user, engine::Edit::Replace(&file("Ada")), unasked).await;
    let worker = world.worker().await;
    world.settle_for(&worker, DAY).await;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER]);
    assert_eq!(world.state(&user).await, State::DocumentsUploaded);

    world.tell(&user, Event::VerificationRequested).await;
    world.settle_for(&worker, MINUTE).await;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER, TRIGGER]);
    assert_eq!(world.state(&user).await, State::Verified);
}

#[tokio::test]
async fn a_user_in_review_is_polled_at_the_policys_times_and_for_ever() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [pending()]);
    let worker = world.worker().await;
    world.settle_for(&worker, 3 * DAY).await;
    let looks = world.provider.times_of(&user, STATUS);
    let mut expected = START;
    for (look, polls) in looks.iter().zip(0..) {
        expected = expected.plus_ms(Policy::default().poll_delay_ms(id(1), polls));
        assert_eq!(*look, expected, "look {polls}");
    }
    let since_last = world.clock.time().ms_since(*looks.last().unwrap());
    assert!(since_last <= HOUR, "{since_last} ms without a look");
    assert!(looks.len() > 24 + 3 * 24, "{} looks", looks.len());
    assert_eq!(world.state(&user).await, State::Polling);
}

#[tokio::test]
async fn a_rejected_user_is_looked_at_every_month_and_never_triggered() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [says(ProductStatus::Rejected)]);
    let worker = world.worker().await;
    world.settle_for(&worker, 23 * DAY).await;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER, TRIGGER]);
    world.settle_for(&worker, 8 * DAY).await;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER, TRIGGER, STATUS]);
    assert_eq!(world.state(&user).await, State::Rejected);
}

#[tokio::test]
async fn a_verified_user_is_looked_at_every_week_and_a_regression_is_taken_up() {
    let world = World::new();
    let user = world.add_user(1).await;
    let worker = world.worker().await;
    world.settle_for(&worker, 15 * DAY).await;
    let looks = world.provider.times_of(&user, STATUS);
    assert_eq!(looks.len(), 2);
    for (look, polls) in looks.iter().zip([0, 1]) {
        let before = if polls == 0 { START } else { looks[0] };
        let delay = look.ms_since(before);
        assert_eq!(delay, Policy::default().recheck_delay_ms(id(1), polls));
        assert!((DAY * 28 / 5..=7 * DAY).contains(&delay), "{delay}");
    }

    world.provider.will_say(&user, [asks_for(Some(Section::UserDetails), None)]);
    world.settle_for(&worker, 7 * DAY).await;
    assert_eq!(world.state(&user).await, State::RequiresData);
    assert_eq!(world.onboarding(&user).await.tasks.len(), 1);

    world.provider.will_say(&user, [verified()]);
    world.rename(&user, "Ida").await;
    world.settle_for(&worker, MINUTE).await;
    assert_eq!(world.state(&user).await, State::Verified);
    assert_eq!(world.provider.record(&user, |record| record.triggers), 2);
    world.check_nothing_is_lost(&user).await;
}

#[tokio::test]
async fn what_is_missing_is_supplied_and_triggered_again_by_itself() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [asks_for(Some(Section::KycData), Some("id")), verified()]);
    let worker = world.worker().await;
    world.settle_for(&worker, DAY).await;
    assert_eq!(world.state(&user).await, State::RequiresData);

    world.add_passport(&user, &png(1), None).await;
    world.settle_for(&worker, DAY).await;
    assert_eq!(world.state(&user).await, State::RequiresData, "half of it does not do");
    assert_eq!(world.provider.times_of(&user, TRIGGER).len(), 1);

    let patch = br#"{"kycData":{"email":"ada@example.org"}}"#;
    let unasked = engine::Added { verify: false, ..added(1) };
    world.edit(&user, engine::Edit::Patch(patch), unasked).await;
    world.settle_for(&worker, MINUTE).await;
    let road = [ACCEPT, REGISTER, TRIGGER, UPLOAD, REGISTER, TRIGGER];
    assert_eq!(world.provider.calls_of(&user), road);
    assert_eq!(world.state(&user).await, State::Verified);
}
