//! Edits while a call is in flight: its answer acknowledges what was sent and nothing else.

use engine::{Added, Edit, Settings};
use onboarding::{DocumentType, Event, Revision, State, UserLocator};
use store::{Store, WorkerId};

use crate::failing_store::{FailingStore, Place};
use crate::latch::Latch;
use crate::provider::{
    ACCEPT, Fault, REGISTER, STATUS, TRIGGER, UPLOAD, asks_for, pending, verified,
};
use crate::world::{DAY, MINUTE, START, World, added, date, png, settings};

/// A world in which one call of one user waits, and then something happens.
struct Interrupted {
    world: World,
    user: UserLocator,
}

impl Interrupted {
    /// Runs the worker up to its first call of this name, lets `edit` happen, and goes on.
    async fn at(call: &'static str, edit: impl AsyncFnOnce(&World, &UserLocator)) -> Self {
        let world = World::new();
        let user = world.add_user_with_passport(1).await;
        world.provider.will_say(&user, [pending(), verified()]);
        let latch = Latch::default();
        world.provider.fault(call, 1, Fault::Waits(latch.clone()));
        let worker = world.worker().await;
        let meanwhile = async {
            latch.reached().await;
            edit(&world, &user).await;
            latch.release();
        };
        let work = async {
            worker.step(START).await.unwrap();
            world.settle_for(&worker, MINUTE).await;
        };
        tokio::join!(work, meanwhile);
        Self { world, user }
    }

    fn calls(&self) -> Vec<&'static str> {
        self.world.provider.calls_of(&self.user)
    }

    /// The revisions that events of this name acknowledged, in order.
    async fn acknowledged(&self, name: &str) -> Vec<u32> {
        let history = self.world.history(&self.user).await;
        let revision = |event: &Event| {
            if let Event::UserRegistered { revision, .. }
            | Event::DocumentUploaded { revision, .. } = event
            {
                Some(revision.0)
            } else {
                None
            }
        };
        let named = history.iter().filter(|row| row.event.name() == name);
        named.filter_map(|row| revision(&row.event)).collect()
    }
}

#[tokio::test]
async fn an_edit_at_any_call_reaches_the_provider() {
    for (call, road) in [
        (ACCEPT, &[ACCEPT, REGISTER, UPLOAD, TRIGGER, STATUS][..]),
        (REGISTER, &[ACCEPT, REGISTER, REGISTER, UPLOAD, TRIGGER, STATUS]),
        (UPLOAD, &[ACCEPT, REGISTER, UPLOAD, REGISTER, TRIGGER, STATUS]),
        (TRIGGER, &[ACCEPT, REGISTER, UPLOAD, TRIGGER, REGISTER, TRIGGER]),
    ] {
        let after = Interrupted::at(call, async |world, user| {
            world.rename(user, "Ida").await;
        })
        .await;
        assert_eq!(after.calls(), road, "an edit while {call} was in flight");
        assert_eq!(after.world.state(&after.user).await, State::Verified, "{call}");
        after.world.check_nothing_is_lost(&after.user).await;
    }
}

#[tokio::test]
async fn an_answer_to_an_older_profile_does_not_acknowledge_the_newer() {
    let after = Interrupted::at(REGISTER, async |world, user| {
        world.rename(user, "Ida").await;
    })
    .await;
    assert_eq!(after.acknowledged("user-registered").await, [1, 2]);
}

#[tokio::test]
async fn a_document_replaced_while_it_is_uploaded_is_uploaded_again() {
    let after = Interrupted::at(UPLOAD, async |world, user| {
        world.add_passport(user, &png(2), Some(date("2030-01-31"))).await;
    })
    .await;
    assert_eq!(after.acknowledged("document-uploaded").await, [1, 2]);
    assert_eq!(after.calls(), [ACCEPT, REGISTER, UPLOAD, UPLOAD, TRIGGER, STATUS]);
    after.world.provider.record(&after.user, |record| {
        let passport = &record.documents[&DocumentType::IdPassport];
        assert_eq!((&passport.bytes, passport.expires_at), (&png(2), Some(date("2030-01-31"))));
    });
    after.world.check_nothing_is_lost(&after.user).await;
}

#[tokio::test]
async fn an_onboarding_cancelled_during_a_call_makes_no_more_and_goes_on_where_it_was_when_resumed()
{
    let after = Interrupted::at(REGISTER, async |world, user| {
        world.tell(user, Event::Cancelled { reason: "left".to_owned() }).await;
    })
    .await;
    let Interrupted { world, user } = after;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER]);
    assert_eq!(world.state(&user).await, State::Cancelled);

    world.tell(&user, Event::Resumed { reason: "back".to_owned() }).await;
    world.settle_for(&world.worker().await, MINUTE).await;
    let road = [ACCEPT, REGISTER, UPLOAD, TRIGGER, STATUS];
    assert_eq!(world.provider.calls_of(&user), road, "what was acknowledged is not sent again");
    assert_eq!(world.state(&user).await, State::Verified);
    world.check_nothing_is_lost(&user).await;
}

#[tokio::test]
async fn an_onboarding_held_during_a_call_keeps_its_answer_and_makes_no_more() {
    let after = Interrupted::at(REGISTER, async |world, user| {
        world.tell(user, Event::Held { reason: "look".to_owned() }).await;
    })
    .await;
    let Interrupted { world, user } = after;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER]);
    assert_eq!(world.state(&user).await, State::Held);

    world.tell(&user, Event::Resumed { reason: "fine".to_owned() }).await;
    world.settle_for(&world.worker().await, MINUTE).await;
    let road = [ACCEPT, REGISTER, UPLOAD, TRIGGER, STATUS];
    assert_eq!(world.provider.calls_of(&user), road, "what was acknowledged is not sent again");
    assert_eq!(world.state(&user).await, State::Verified);
}

#[tokio::test]
async fn a_hold_during_a_trigger_does_not_lose_its_answer() {
    let after = Interrupted::at(TRIGGER, async |world, user| {
        world.tell(user, Event::Held { reason: "look".to_owned() }).await;
    })
    .await;
    let onboarding = after.world.onboarding(&after.user).await;
    assert_eq!(onboarding.state, State::Held);
    assert_eq!(onboarding.verification.in_doubt, None);
    assert!(onboarding.observation.is_some());
}

#[tokio::test]
async fn an_edit_while_the_status_is_read_is_judged_as_well() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [pending(), pending(), verified()]);
    let worker = world.worker().await;
    worker.step(START).await.unwrap();
    let latch = Latch::default();
    world.provider.fault(STATUS, 1, Fault::Waits(latch.clone()));
    let meanwhile = async {
        latch.reached().await;
        world.rename(&user, "Ida").await;
        latch.release();
    };
    tokio::join!(world.settle_for(&worker, MINUTE), meanwhile);
    let road = [ACCEPT, REGISTER, TRIGGER, STATUS, REGISTER, TRIGGER];
    assert_eq!(world.provider.calls_of(&user), road);
    assert_eq!(world.state(&user).await, State::Verified);
    world.check_nothing_is_lost(&user).await;
}

#[tokio::test]
async fn what_is_supplied_while_the_status_is_read_closes_the_task_that_the_answer_opens() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [pending(), asks_for(None, Some("id")), verified()]);
    let worker = world.worker().await;
    worker.step(START).await.unwrap();
    let latch = Latch::default();
    world.provider.fault(STATUS, 1, Fault::Waits(latch.clone()));
    let meanwhile = async {
        latch.reached().await;
        world.add_passport(&user, &png(1), None).await;
        latch.release();
    };
    tokio::join!(world.settle_for(&worker, DAY), meanwhile);
    let road = [ACCEPT, REGISTER, TRIGGER, STATUS, UPLOAD, TRIGGER];
    assert_eq!(world.provider.calls_of(&user), road);
    assert_eq!(world.state(&user).await, State::Verified);
}

/// Something is edited after its call was claimed, and before what is to be sent is read.
async fn edited_before_it_is_read(
    place: Place,
    edit: impl AsyncFnOnce(&World<FailingStore>, &UserLocator),
) -> (World<FailingStore>, UserLocator) {
    let world = World::on(FailingStore::new(onboarding::Policy::default()));
    let user = world.add_user_with_passport(1).await;
    let latch = world.store.wait_at(place);
    let worker = world.worker().await;
    let meanwhile = async {
        latch.reached().await;
        edit(&world, &user).await;
        latch.release();
    };
    tokio::join!(world.settle_for(&worker, MINUTE), meanwhile);
    (world, user)
}

#[tokio::test]
async fn a_profile_newer_than_the_one_claimed_is_sent_once_and_acknowledged_as_what_it_is() {
    let (world, user) = edited_before_it_is_read(Place::ReadingProfile, async |world, user| {
        world.rename(user, "Ida").await;
    })
    .await;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER, UPLOAD, TRIGGER]);
    assert_eq!(world.onboarding(&user).await.profile.unwrap().acknowledged, Some(Revision(2)));
    world.check_nothing_is_lost(&user).await;
}

#[tokio::test]
async fn a_document_newer_than_the_one_claimed_is_sent_with_its_own_expiry() {
    let (world, user) = edited_before_it_is_read(Place::ReadingDocument, async |world, user| {
        world.add_passport(user, &png(2), Some(date("2030-01-31"))).await;
    })
    .await;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER, UPLOAD, TRIGGER]);
    world.provider.record(&user, |record| {
        let passport = &record.documents[&DocumentType::IdPassport];
        assert_eq!((&passport.bytes, passport.expires_at), (&png(2), Some(date("2030-01-31"))));
    });
    assert_eq!(world.state(&user).await, State::Verified);
    assert_eq!(world.onboarding(&user).await.retry, None);
    world.check_nothing_is_lost(&user).await;
}

#[tokio::test]
async fn a_worker_that_stood_still_past_its_lease_does_not_send_an_older_consent() {
    let world = World::new();
    let first = world.add_user(1).await;
    world.clock.advance(1);
    let user = world.add_user(2).await;
    let latch = Latch::default();
    world.provider.fault_of(&first, ACCEPT, 1, Fault::Waits(latch.clone()));
    // It claims the calls of both, and makes one after the other.
    let stalled = world.worker().await;
    let meanwhile = async {
        latch.reached().await;
        let newer = br#"{"privacyPolicyAcceptedAt":"2026-05-02T09:05:00Z"}"#;
        let unasked = Added { verify: false, ..added(2) };
        world.edit(&user, Edit::Patch(newer), unasked).await;
        world.clock.advance(settings().worker.lease_ms + 1);
        let other = store::Worker { id: WorkerId(2), ..settings().worker };
        let other = world.worker_with(Settings { worker: other, ..settings() }).await;
        world.settle_for(&other, MINUTE).await;
        latch.release();
    };
    let (stepped, ()) = tokio::join!(stalled.step(world.clock.time()), meanwhile);
    assert_eq!(stepped.unwrap().calls, 2);
    world.check_nothing_is_lost(&user).await;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER, TRIGGER]);
}

#[tokio::test]
async fn a_user_erased_before_the_call_is_made_is_not_sent() {
    let (world, _) = edited_before_it_is_read(Place::ReadingProfile, async |world, user| {
        world.tell(user, Event::Erased { reason: "asked to".to_owned() }).await;
    })
    .await;
    assert_eq!(world.provider.look(|ledger| ledger.count(REGISTER)), 0);
    let erased = world.store.counts().await.unwrap();
    assert_eq!(erased, [(State::Erased, 1)].into());
}
