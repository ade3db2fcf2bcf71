//! Claims: what is due, leases, budgets, probes.

use onboarding::{Lane, State};

use super::*;
use crate::{Lease, Probe};

/// By their times, over both lanes.
pub async fn due_work_is_claimed_in_order_and_up_to_the_limit(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    for (number, ms) in [(1, 300), (2, 100), (3, 200), (4, 900)] {
        begin(&store, number, at(ms)).await;
    }
    begin_to_trigger(&store, 5, at(50)).await;
    let doubtful = claim(&store, at(60)).await;
    assert_eq!(ids(&doubtful), [id(5)]);
    give_back_all(&store, &doubtful).await;

    let (limit, in_call) = (3, Vec::new());
    let request = ClaimRequest { worker: WORKER, now: at(500), limit, in_call, only: None };
    let first = store.claim(request.clone()).await.unwrap();
    assert_eq!(ids(&first), [id(5), id(2), id(3)]);
    assert!(matches!(first.claimed[0].call, Call::CheckStatus { .. }));
    assert_eq!(first.claimed[1].call, Call::RegisterUser { revision: Revision(1) });
    assert_eq!(first.claimed[1].stored, stored(&store, 2).await);
    assert_eq!(first.next_at, Some(at(300)));

    let rest = store.claim(request.clone()).await.unwrap();
    assert_eq!(ids(&rest), [id(1)]);
    assert_eq!(rest.next_at, Some(at(900)));
    let none = ClaimRequest { limit: 0, now: at(1_000), ..request };
    assert_eq!(ids(&store.claim(none).await.unwrap()), []);
}

/// A million users who were judged must not stand before one who waits for a verdict, and must
/// not wait for ever either.
pub async fn a_look_at_who_was_judged_lets_a_look_at_who_was_not_go_first(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let month_ms = 30 * 24 * 3_600_000;
    let (judged, in_review) = (ProductStatus::Verified, ProductStatus::PendingReview);
    for (number, status, now) in [(1, judged, NOW), (2, in_review, at(month_ms - 60_000))] {
        begin_to_trigger(&store, number, now).await;
        let claims = claim(&store, now).await;
        let of_user = claims.claimed.iter().find(|it| it.stored.onboarding.id == id(number));
        let claimed = of_user.unwrap();
        let release = ClaimAfter::Release(claimed.lease);
        put(&store, answered(claimed, status, release, now, store.policy())).await;
        give_back_all(&store, &claims).await;
    }
    // Both are due, the one who was judged for longer, in seconds of every last digit.
    let mut first = Vec::new();
    for second in 0..10 {
        let (now, in_call) = (at(month_ms + second * 1_000), Vec::new());
        let request = ClaimRequest { worker: WORKER, now, limit: 1, in_call, only: None };
        let claims = store.claim(request).await.unwrap();
        first.extend(ids(&claims));
        give_back_all(&store, &claims).await;
    }
    assert_eq!(first.iter().filter(|first| **first == id(2)).count(), 9, "{first:?}");
    assert_eq!(first.iter().filter(|first| **first == id(1)).count(), 1, "{first:?}");
}

/// A store with nothing to do says that nothing is to be waited for.
pub async fn what_is_not_due_is_not_claimed_and_says_when_it_will_be(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let nothing = claim(&store, NOW).await;
    assert_eq!((ids(&nothing), nothing.next_at), (vec![], None));

    begin(&store, 1, at(1_000)).await;
    let early = claim(&store, at(999)).await;
    assert_eq!((ids(&early), early.next_at), (vec![], Some(at(1_000))));
    let taken = claim(&store, at(1_000)).await;
    assert_eq!((ids(&taken), taken.next_at), (vec![id(1)], Some(at(1_000 + WORKER.lease_ms))));
}

/// Nothing is called for them until someone lets them go on.
pub async fn held_and_ended_onboardings_are_not_claimed(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    let reason = || "check".to_owned();
    begin(&store, 1, NOW).await;
    more(&store, 1, &[Event::Held { reason: reason() }], NOW).await;
    begin(&store, 2, NOW).await;
    more(&store, 2, &[Event::Cancelled { reason: reason() }], NOW).await;
    let claims = claim(&store, at(1_000)).await;
    assert_eq!((ids(&claims), claims.next_at), (vec![], None));
    more(&store, 1, &[Event::Resumed { reason: reason() }], at(2_000)).await;
    assert_eq!(ids(&claim(&store, at(2_000)).await), [id(1)]);
}

/// A worker that is never heard of again loses its claim when the lease ends.
pub async fn a_claim_keeps_others_away_until_its_lease_runs_out(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    assert_eq!(ids(&claim(&store, NOW).await), [id(1)]);
    let other = Worker { id: WorkerId(8), ..WORKER };
    let early = claim_by(&store, other, at(WORKER.lease_ms - 1)).await;
    assert_eq!((ids(&early), early.next_at), (vec![], Some(at(WORKER.lease_ms))));
    assert_eq!(ids(&claim_by(&store, other, at(WORKER.lease_ms)).await), [id(1)]);
}

/// A worker whose lease ran out can't give away the one of its successor.
pub async fn a_worker_gives_back_only_its_own_claim(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    let claimed = claim(&store, NOW).await.claimed.remove(0);
    give_back(&store, 1, Lease { by: WorkerId(8), ..claimed.lease }).await;
    assert_eq!(ids(&claim(&store, at(1)).await), []);
    give_back(&store, 1, claimed.lease).await;
    assert_eq!(ids(&claim(&store, at(1)).await), [id(1)]);
}

/// Whatever its late answer wants to become of its claim.
pub async fn a_claim_that_ran_out_gives_back_no_later_one_of_the_same_worker(
    backend: &impl Backend,
) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    let first = claim(&store, NOW).await.claimed.remove(0).lease;
    let later = at(WORKER.lease_ms);
    let second = claim(&store, later).await.claimed.remove(0).lease;
    for late in [
        ClaimAfter::Release(first),
        ClaimAfter::Postpone { lease: first, until: later },
        ClaimAfter::Continue { lease: first, worker: WORKER },
    ] {
        let before = stored(&store, 1).await;
        let commit = Commit { claim: late, ..change(&before, &[], later, store.policy()) };
        assert!(put(&store, commit).await.is_none(), "{late:?}");
        assert_eq!(ids(&claim(&store, later).await), [], "{late:?}");
    }
    give_back(&store, 1, second).await;
    assert_eq!(ids(&claim(&store, later).await), [id(1)]);
}

/// It would spend budget on a call that is not made. Other workers take it over.
pub async fn what_its_worker_makes_a_call_for_is_not_claimed_though_its_lease_ran_out(
    backend: &impl Backend,
) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    claim(&store, NOW).await;
    let later = at(WORKER.lease_ms);
    begin(&store, 2, later).await;
    let request =
        ClaimRequest { worker: WORKER, now: later, limit: 1, in_call: vec![id(1)], only: None };
    let claims = store.claim(request.clone()).await.unwrap();
    assert_eq!(ids(&claims), [id(2)]);
    assert_eq!(claims.next_at, Some(later.plus_ms(WORKER.lease_ms)), "nor is it waited for");

    let probe = Some(Probe { first: Lane::Write, avoid: Vec::new() });
    let claims = store.claim(ClaimRequest { only: probe, ..request }).await.unwrap();
    assert_eq!(ids(&claims), []);
    let other = Worker { id: WorkerId(8), ..WORKER };
    assert_eq!(ids(&claim_by(&store, other, later).await), [id(1)]);
}

/// A person may change an onboarding while a call is made for it.
pub async fn a_change_from_outside_leaves_a_claim_alone(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    let claims = claim(&store, NOW).await;
    more(&store, 1, &[profile_set(2)], at(1)).await;
    assert_eq!(ids(&claim(&store, at(2)).await), []);

    let release = ClaimAfter::Release(claims.claimed[0].lease);
    let verified = ProductStatus::Verified;
    let late = answered(&claims.claimed[0], verified, release, at(3), store.policy());
    assert!(matches!(store.commit(late).await.unwrap(), Committed::Conflict));
    assert_eq!(ids(&claim(&store, at(4)).await), [], "a conflict leaves the claim alone as well");
}

/// The intent of a trigger is durable before the call may be made; a crash leaves it in doubt.
pub async fn a_trigger_is_on_record_when_it_is_claimed(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin_to_trigger(&store, 1, NOW).await;
    let before = stored(&store, 1).await.onboarding.version;

    let claims = claim(&store, at(10)).await;
    let [claimed] = &claims.claimed[..] else { panic!("the trigger is due") };
    assert_eq!(claimed.call, Call::TriggerVerification { trigger: 1 });
    assert_eq!(claimed.stored.onboarding.state, State::VerificationTriggered);
    drop(store);

    let store = backend.open(Policy::default()).await;
    assert_eq!(stored(&store, 1).await, claimed.stored);
    let rows = store.history(id(1), before, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0].event, rows[0].at), (&Event::TriggerBegun { trigger: 1 }, at(10)));
    assert_eq!(rows[0].actor, Actor::Worker);
    let after_the_lease = claim(&store, at(10 + WORKER.lease_ms)).await;
    assert!(matches!(after_the_lease.claimed[0].call, Call::CheckStatus { .. }));
}

/// An answer's commit claims the next call, and records a trigger's intent.
pub async fn the_next_call_rides_on_the_commit_before_it(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    more(&store, 1, &[passport_added(1), Event::VerificationRequested], NOW).await;
    let mut claimed = claim(&store, NOW).await.claimed.remove(0);
    let mut calls = Vec::new();
    for ms in 1..=3 {
        let go_on = ClaimAfter::Continue { lease: claimed.lease, worker: WORKER };
        let status = ProductStatus::PendingReview;
        let commit = answered(&claimed, status, go_on, at(ms), store.policy());
        calls.push(claimed.call.name());
        let Some(next) = put(&store, commit).await else { break };
        assert_eq!(next.stored, stored(&store, 1).await);
        assert_eq!(ids(&claim(&store, at(ms)).await), [], "it is claimed");
        claimed = next;
    }
    assert_eq!(calls, ["register-user", "upload-document", "trigger-verification"]);
    assert_eq!(stored(&store, 1).await.onboarding.state, State::Polling);
    let rows = store.history(id(1), 0, 100).await.unwrap();
    let begun = rows.iter().filter(|row| matches!(row.event, Event::TriggerBegun { .. }));
    assert_eq!(begun.count(), 1);
    let poll = claim(&store, at(60_000)).await;
    assert!(matches!(poll.claimed[0].call, Call::CheckStatus { .. }), "the claim was given back");
}

/// A worker that comes back after its lease ran out finds its answer stored, and no more.
pub async fn the_next_call_does_not_ride_along_where_another_worker_has_it(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    more(&store, 1, &[passport_added(1)], NOW).await;
    let slow = claim(&store, NOW).await.claimed.remove(0);
    let other = Worker { id: WorkerId(8), ..WORKER };
    let later = at(WORKER.lease_ms);
    assert_eq!(ids(&claim_by(&store, other, later).await), [id(1)]);
    let go_on = ClaimAfter::Continue { lease: slow.lease, worker: WORKER };
    let commit = answered(&slow, ProductStatus::Verified, go_on, later, store.policy());
    assert!(put(&store, commit).await.is_none());
}

/// One call an interval, and each lane has its own.
pub async fn the_budget_is_a_smooth_rate_for_each_lane(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    for number in 1..=3 {
        begin(&store, number, NOW).await;
    }
    begin_to_trigger(&store, 4, NOW).await;
    let unlimited = claim(&store, NOW).await;
    assert_eq!(unlimited.claimed.len(), 4);
    give_back_all(&store, &unlimited).await;
    // 11 a minute is one every six seconds; the trigger in doubt is a read.
    let budgets = Budgets { writes_per_minute: 11, reads_per_minute: 360 };
    let worker = Worker { budgets, ..WORKER };
    let first = claim_by(&store, worker, at(10)).await;
    assert_eq!(ids(&first).len(), 2);
    assert_eq!(first.next_at, Some(at(6_010)));
    assert_eq!(ids(&claim_by(&store, worker, at(6_009)).await).len(), 0);
    assert_eq!(ids(&claim_by(&store, worker, at(6_010)).await).len(), 1);
}

/// A restart grants no fresh budget.
pub async fn the_budget_survives_a_restart(backend: &impl Backend) {
    let budgets = Budgets { writes_per_minute: 2, reads_per_minute: 2 };
    let worker = Worker { budgets, ..WORKER };
    let mut claimed = Vec::new();
    for restart in 0..5 {
        let store = backend.open(Policy::default()).await;
        begin(&store, restart, NOW).await;
        let now = at(restart as u64 * 20_000);
        claimed.push(claim_by(&store, worker, now).await.claimed.len());
    }
    assert_eq!(claimed, [1, 0, 0, 1, 0]);
}

/// It is claimed later, by whoever comes first.
pub async fn the_next_call_does_not_ride_along_past_the_budget(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    more(&store, 1, &[passport_added(1)], NOW).await;
    let budgets = Budgets { writes_per_minute: 61, reads_per_minute: 0 };
    let worker = Worker { budgets, ..WORKER };
    let claimed = claim_by(&store, worker, NOW).await.claimed.remove(0);
    let go_on = ClaimAfter::Continue { lease: claimed.lease, worker };
    let commit = answered(&claimed, ProductStatus::Verified, go_on, at(999), store.policy());
    assert!(put(&store, commit).await.is_none());
    assert_eq!(ids(&claim_by(&store, worker, at(1_000)).await), [id(1)]);
}

/// Over a restart as well; the other lane goes on.
pub async fn a_429_stops_its_lane_alone(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin_to_trigger(&store, 1, NOW).await;
    give_back_all(&store, &claim(&store, NOW).await).await;
    begin(&store, 2, NOW).await;
    store.slow_down(Lane::Write, at(10), at(5_000)).await.unwrap();
    drop(store);

    let store = backend.open(Policy::default()).await;
    let claims = claim(&store, at(4_999)).await;
    assert_eq!(ids(&claims), [id(1)], "a trigger in doubt is read");
    assert_eq!(claims.next_at, Some(at(5_000)));
    assert_eq!(ids(&claim(&store, at(5_000)).await), [id(2)]);
}

/// Otherwise a few users whom the provider refuses could close the door for all.
pub async fn a_probe_is_one_call_and_of_those_to_be_avoided_only_if_no_other_is_due(
    backend: &impl Backend,
) {
    let store = backend.open(Policy::default()).await;
    begin_to_trigger(&store, 90, NOW).await;
    give_back_all(&store, &claim(&store, NOW).await).await;
    for number in 1..=50 {
        begin(&store, number, at(number as u64)).await;
    }
    let probe = |first, avoided| ClaimRequest {
        worker: WORKER,
        now: at(100),
        limit: 64,
        in_call: Vec::new(),
        only: Some(Probe { first, avoid: (1..=avoided).map(id).collect() }),
    };
    for (request, expected) in [
        (probe(Lane::Write, 48), 49),
        (probe(Lane::Read, 48), 90),
        // A call of the other lane comes before one that is to be avoided.
        (probe(Lane::Read, 48), 50),
        (probe(Lane::Read, 48), 1),
    ] {
        assert_eq!(ids(&store.claim(request.clone()).await.unwrap()), [id(expected)]);
    }
}

/// Others that fell due meanwhile come before it.
pub async fn a_claim_given_back_for_later_is_claimed_again_then(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    let claimed = claim(&store, NOW).await.claimed.remove(0);
    let postpone = ClaimAfter::Postpone { lease: claimed.lease, until: at(500) };
    let untouched = Commit { claim: postpone, ..change(&claimed.stored, &[], NOW, store.policy()) };
    put(&store, untouched).await;
    assert_eq!(stored(&store, 1).await, claimed.stored);
    let early = claim(&store, at(499)).await;
    assert_eq!((ids(&early), early.next_at), (vec![], Some(at(500))));
    begin(&store, 2, at(499)).await;
    assert_eq!(ids(&claim(&store, at(500)).await), [id(2), id(1)]);
}

/// A call that is not due at all does not become so.
pub async fn nothing_falls_due_by_giving_a_claim_back_for_later(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin(&store, 1, NOW).await;
    let lease = claim(&store, NOW).await.claimed.remove(0).lease;
    more(&store, 1, &[Event::Cancelled { reason: "left".to_owned() }], NOW).await;
    let before = stored(&store, 1).await;
    let claim_after = ClaimAfter::Postpone { lease, until: at(500) };
    put(&store, Commit { claim: claim_after, ..change(&before, &[], NOW, store.policy()) }).await;
    let claims = claim(&store, at(500)).await;
    assert_eq!((ids(&claims), claims.next_at), (vec![], None));
}

/// Due times follow from the policy, so a row that was written under another is corrected.
pub async fn another_policy_moves_what_was_due(backend: &impl Backend) {
    let store = backend.open(Policy::default()).await;
    begin_to_trigger(&store, 1, NOW).await;
    let trigger = claim(&store, NOW).await.claimed.remove(0);
    let pending = ProductStatus::PendingReview;
    let release = ClaimAfter::Release(trigger.lease);
    put(&store, answered(&trigger, pending, release, NOW, store.policy())).await;
    drop(store);

    let mut patient = Policy::default();
    (patient.poll.initial_ms, patient.poll.max_ms, patient.poll.jitter_percent) =
        (100_000, 100_000, 0);
    let store = backend.open(patient).await;
    assert_eq!(ids(&claim(&store, at(50_000)).await), []);
    let corrected = claim(&store, at(50_000)).await;
    assert_eq!((ids(&corrected), corrected.next_at), (vec![], Some(at(100_000))));
    assert_eq!(ids(&claim(&store, at(100_000)).await), [id(1)]);
}

/// Gives back a claim without an answer.
async fn give_back(store: &impl Store, number: u128, lease: Lease) {
    let claim = ClaimAfter::Release(lease);
    let before = stored(store, number).await;
    put(store, Commit { claim, ..change(&before, &[], NOW, store.policy()) }).await;
}

async fn give_back_all(store: &impl Store, claims: &Claims) {
    for claimed in &claims.claimed {
        give_back(store, claimed.stored.onboarding.id.0.as_u128(), claimed.lease).await;
    }
}
