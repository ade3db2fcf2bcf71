//! What each class of failure leads to, over virtual time.

use engine::Settings;
use onboarding::{DocumentType, Failure, FailureClass, Policy, Request, Section, State, TaskState};
use store::{Budgets, Store, WorkerId};

use crate::latch::Latch;
use crate::provider::{
    ACCEPT, Fault, REGISTER, STATUS, TRIGGER, UPLOAD, asks_for, failure, lost_answer, pending,
    verified,
};
use crate::world::{DAY, HOUR, MINUTE, SECOND, START, World, id, png, settings};

#[tokio::test]
async fn what_fails_for_the_moment_is_tried_again_at_the_policys_times_until_it_succeeds() {
    for call in [ACCEPT, REGISTER, UPLOAD, TRIGGER, STATUS] {
        let world = World::new();
        let user = world.add_user_with_passport(1).await;
        world.provider.will_say(&user, [pending(), verified()]);
        world.provider.fault(call, 4, Fault::Fails(failure(FailureClass::Transient)));
        world.settle_for(&world.worker().await, MINUTE).await;
        let tries = world.provider.times_of(&user, call);
        assert_eq!(tries.len(), 5, "{call}");
        for (pair, attempt) in tries.windows(2).zip(1..) {
            let delay = Policy::default().retry_delay_ms(id(1), attempt);
            assert_eq!(pair[1], pair[0].plus_ms(delay), "{call}, attempt {attempt}");
        }
        assert_eq!(world.state(&user).await, State::Verified, "{call}");
        assert_eq!(world.onboarding(&user).await.last_error, None);
        world.check_nothing_is_lost(&user).await;
    }
}

#[tokio::test]
async fn a_call_that_fails_for_days_is_never_given_up() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.fault(REGISTER, u32::MAX, Fault::Fails(failure(FailureClass::Transient)));
    let worker = world.worker().await;
    world.settle_for(&worker, 2 * DAY).await;
    let tries = world.provider.times_of(&user, REGISTER);
    assert!(world.clock.time().ms_since(*tries.last().unwrap()) <= 15 * MINUTE);
    world.provider.heal();
    world.settle_for(&worker, 15 * MINUTE).await;
    assert_eq!(world.state(&user).await, State::Verified);
}

#[tokio::test]
async fn a_trigger_whose_answer_was_lost_is_looked_for_before_it_is_repeated() {
    for (fault, road) in [
        (Fault::FailsAfterEffect(lost_answer()), &[TRIGGER, STATUS][..]),
        (Fault::Fails(lost_answer()), &[TRIGGER, STATUS, TRIGGER]),
        (Fault::Fails(failure(FailureClass::Transient)), &[TRIGGER, TRIGGER]),
    ] {
        let world = World::new();
        let user = world.add_user(1).await;
        world.provider.fault(TRIGGER, 1, fault);
        world.settle_for(&world.worker().await, MINUTE).await;
        assert_eq!(world.provider.calls_of(&user)[2..], *road);
        assert_eq!(world.state(&user).await, State::Verified);
        assert_eq!(world.provider.record(&user, |record| record.triggers), 1);
    }
}

#[tokio::test]
async fn no_trigger_is_repeated_while_the_status_can_not_be_read() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.fault(TRIGGER, 1, Fault::FailsAfterEffect(lost_answer()));
    world.provider.fault(STATUS, 6, Fault::Fails(failure(FailureClass::Transient)));
    world.settle_for(&world.worker().await, HOUR).await;
    let road = [TRIGGER, STATUS, STATUS, STATUS, STATUS, STATUS, STATUS, STATUS];
    assert_eq!(world.provider.calls_of(&user)[2..], road);
    assert_eq!(world.state(&user).await, State::Verified);
}

fn rate_limited(retry_after_ms: Option<u64>) -> Fault {
    Fault::Fails(Failure { retry_after_ms, ..failure(FailureClass::RateLimited) })
}

#[tokio::test]
async fn a_rate_limit_stops_its_lane_for_everyone_as_long_as_it_says() {
    for (retry_after_ms, pause_ms) in [(Some(40 * SECOND), 40 * SECOND), (None, SECOND)] {
        let world = World::new();
        let limited = world.add_user(0).await;
        let other = world.add_user(1).await;
        world.provider.fault_of(&limited, REGISTER, 1, rate_limited(retry_after_ms));
        let worker = world.worker_with(Settings { concurrency: 1, ..settings() }).await;
        world.settle_for(&worker, MINUTE).await;
        let until = START.plus_ms(pause_ms);
        let [first, second] = world.provider.times_of(&limited, REGISTER)[..] else {
            panic!("one try was limited, and one was not")
        };
        assert_eq!(first, START);
        assert!(second >= until, "tried again at {second}, not before {until}");
        let others = world.provider.times_of(&other, ACCEPT);
        assert_eq!(others, [until], "others wait as long and no longer");
        assert_eq!(world.state(&limited).await, State::Verified);
        assert_eq!(world.state(&other).await, State::Verified);
    }
}

#[tokio::test]
async fn a_rate_limit_on_writes_leaves_reads_alone() {
    let world = World::new();
    let polled = world.add_user(0).await;
    world.provider.will_say(&polled, [pending()]);
    let worker = world.worker().await;
    world.settle(&worker, START).await;
    let limited = world.add_user(1).await;
    world.provider.fault_of(&limited, ACCEPT, 1, rate_limited(Some(MINUTE)));
    world.settle_for(&worker, MINUTE - 1).await;
    assert_eq!(world.provider.calls_of(&limited), [ACCEPT]);
    assert!(world.provider.times_of(&polled, STATUS).len() > 3);
}

#[tokio::test]
async fn after_a_rate_limit_the_lane_goes_at_half_its_pace() {
    let world = World::new();
    for number in 0..40 {
        world.add_user(number).await;
    }
    world.provider.fault(ACCEPT, 1, rate_limited(Some(10 * SECOND)));
    let mut limits = settings();
    limits.worker.budgets = Budgets { writes_per_minute: 61, reads_per_minute: 0 };
    world.settle_for(&world.worker_with(limits).await, 40 * SECOND).await;
    let writes = world.provider.times(&[ACCEPT, REGISTER, TRIGGER]);
    let gaps: Vec<u64> = writes.windows(2).map(|pair| pair[1].ms_since(pair[0])).collect();
    assert_eq!(gaps[0], 10 * SECOND);
    assert!(gaps.len() > 10);
    assert!(gaps[1..].iter().all(|gap| *gap == 2 * SECOND), "{gaps:?}");
}

#[tokio::test]
async fn what_is_refused_is_held_until_it_is_corrected() {
    for call in [ACCEPT, REGISTER, UPLOAD, TRIGGER] {
        let world = World::new();
        let user = world.add_user_with_passport(1).await;
        world.provider.fault(call, 1, Fault::Fails(failure(FailureClass::Refused)));
        let worker = world.worker().await;
        world.settle_for(&worker, 7 * DAY).await;
        assert_eq!(world.provider.times_of(&user, call).len(), 1, "{call}");
        assert_eq!(world.state(&user).await, State::Held, "{call}");
        let hold = world.onboarding(&user).await.hold.unwrap();
        assert!(hold.message.contains("the provider said refused"), "{}", hold.message);

        world.rename(&user, "Ida").await;
        world.settle_for(&worker, MINUTE).await;
        assert_eq!(world.state(&user).await, State::Verified, "{call}");
        world.check_nothing_is_lost(&user).await;
    }
}

#[tokio::test]
async fn a_user_whom_the_provider_lost_is_sent_again_whole() {
    for call in [UPLOAD, TRIGGER, STATUS] {
        let world = World::new();
        let user = world.add_user_with_passport(1).await;
        world.provider.will_say(&user, [pending(), verified()]);
        // The document is kept, so that all of it can be sent again.
        let policy = Policy { keep_document_contents: true, ..Policy::default() };
        let keeping = World {
            store: std::sync::Arc::new(world.store.with_policy(policy)),
            provider: world.provider.clone(),
            clock: world.clock.clone(),
        };
        world.provider.fault(call, 1, Fault::Fails(failure(FailureClass::NotFound)));
        let worker = keeping.worker().await;
        keeping.settle_for(&worker, MINUTE).await;
        let calls = keeping.provider.calls_of(&user);
        let lost = calls.iter().position(|made| *made == call).unwrap();
        let again = [ACCEPT, REGISTER, UPLOAD, TRIGGER];
        assert_eq!(calls[lost + 1..lost + 5], again, "after a {call} that found nobody");
        assert_eq!(keeping.state(&user).await, State::Verified, "{call}");
        keeping.check_nothing_is_lost(&user).await;
    }
}

#[tokio::test]
async fn a_document_that_was_lost_and_is_not_held_any_more_becomes_a_task() {
    let world = World::new();
    let user = world.add_user_with_passport(1).await;
    let worker = world.worker().await;
    world.settle(&worker, START).await;
    assert_eq!(world.state(&user).await, State::Verified);

    world.provider.forget(&user);
    world.provider.will_say(&user, [asks_for(None, Some("id")), verified()]);
    world.settle_for(&worker, 7 * DAY).await;
    let again = [STATUS, ACCEPT, REGISTER, TRIGGER];
    assert_eq!(world.provider.calls_of(&user)[4..], again);
    assert_eq!(world.state(&user).await, State::RequiresData);
    let tasks = world.onboarding(&user).await.tasks;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].request, Request::Document("id".to_owned()));
    assert_eq!(tasks[0].state, TaskState::Open);

    world.add_passport(&user, &png(2), None).await;
    world.settle_for(&worker, MINUTE).await;
    assert_eq!(world.state(&user).await, State::Verified);
    world.provider.record(&user, |record| {
        assert_eq!(record.documents[&DocumentType::IdPassport].bytes, png(2));
    });
}

#[tokio::test]
async fn a_provider_that_keeps_forgetting_is_not_asked_for_ever() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.fault(TRIGGER, u32::MAX, Fault::Fails(failure(FailureClass::NotFound)));
    world.settle_for(&world.worker().await, DAY).await;
    let tries = world.provider.times_of(&user, TRIGGER).len();
    assert_eq!(tries, Policy::default().forgotten_max as usize + 1);
    assert_eq!(world.state(&user).await, State::Held);
}

#[tokio::test]
async fn a_failure_of_one_user_delays_no_other() {
    let world = World::new();
    let failing = world.add_user(0).await;
    world.provider.fault_all(Some(&failing), Fault::Fails(failure(FailureClass::Transient)));
    for number in 1..10 {
        world.add_user(number).await;
    }
    world.settle(&world.worker().await, START).await;
    let verified = world.store.counts().await.unwrap()[&State::Verified];
    assert_eq!(verified, 9);
    assert_eq!(world.state(&failing).await, State::Registering);
}

#[tokio::test]
async fn an_answer_that_asks_for_the_same_again_is_held_after_the_policys_rounds() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [asks_for(Some(Section::UserDetails), None)]);
    let worker = world.worker().await;
    let mut rounds = 0;
    while world.state(&user).await != State::Held {
        world.rename(&user, &format!("Ada{}", "a".repeat(rounds))).await;
        world.settle_for(&worker, MINUTE).await;
        rounds += 1;
        assert!(rounds < 10, "never held");
    }
    let triggers = world.provider.record(&user, |record| record.triggers);
    assert_eq!(triggers, Policy::default().rounds_max + 1);
    let at_rest = world.provider.look(|ledger| ledger.sent.len());
    world.settle_for(&worker, DAY).await;
    assert_eq!(world.provider.look(|ledger| ledger.sent.len()), at_rest);
}

#[tokio::test]
async fn an_acknowledgement_that_a_404_overtook_does_not_count() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [pending(), verified()]);
    let (answer, sent_again) = (Latch::default(), Latch::default());
    world.provider.fault(REGISTER, 1, Fault::WaitsAfterEffect(answer.clone()));
    let slow = world.worker().await;
    let other = store::Worker { id: WorkerId(2), ..settings().worker };
    let other = world.worker_with(Settings { worker: other, ..settings() }).await;
    let late = async {
        slow.step(world.clock.clone()).await.unwrap();
        let profile = world.onboarding(&user).await.profile.unwrap();
        assert_eq!(profile.acknowledged, None, "the provider has forgotten it");
        sent_again.release();
    };
    let overtaking = async {
        answer.reached().await;
        world.clock.advance(settings().worker.lease_ms);
        other.step(world.clock.time()).await.unwrap();
        assert_eq!(world.state(&user).await, State::Polling);
        world.provider.fault(STATUS, 1, Fault::Fails(failure(FailureClass::NotFound)));
        world.provider.fault(ACCEPT, 1, Fault::Waits(sent_again.clone()));
        world.clock.advance(HOUR);
        let answered = async {
            sent_again.reached().await;
            answer.release();
        };
        let (stepped, ()) = tokio::join!(other.step(world.clock.time()), answered);
        stepped.unwrap();
    };
    tokio::join!(late, overtaking);
    let after = &world.provider.calls_of(&user)[5..];
    assert_eq!(after, [ACCEPT, REGISTER, TRIGGER]);
    world.check_nothing_is_lost(&user).await;
}
