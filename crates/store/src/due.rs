//! What the rules say of a row's next call; the same for every store.

use std::panic::{AssertUnwindSafe, catch_unwind};

use onboarding::{
    Call, Context, Event, Lane, Onboarding, OnboardingId, Outcome, Policy, Reason, State, Step,
    Timestamp, Transition, apply, next_note, next_step, next_verification_step, wallet_call,
};
use tracing::error;

/// What can't be done now, though it says that it is due, is looked at again after this long.
pub(crate) const POSTPONED_MS: u64 = 60 * 60_000;

/// In one second of so many, what nobody waits for comes first: it has a share of the budget
/// however many are in review.
const RECHECKS_FIRST_EVERY_S: i64 = 10;

/// A line in which calls wait for the budget of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Queue {
    pub lane: Lane,
    /// Of looks at users who were judged, one after the other for as long as they are users.
    pub is_recheck: bool,
}

impl Queue {
    /// Every line. What is written is never a recheck.
    pub const ALL: [Self; 3] = [
        Self { lane: Lane::Write, is_recheck: false },
        Self { lane: Lane::Read, is_recheck: false },
        Self { lane: Lane::Read, is_recheck: true },
    ];

    /// The one in which a call of `lane` waits for an onboarding in `state`.
    pub const fn of(lane: Lane, state: State) -> Self {
        let is_judged = matches!(state, State::Verified | State::Rejected);
        Self { lane, is_recheck: matches!(lane, Lane::Read) && is_judged }
    }

    /// Its turn: the smaller is claimed first. After a standstill everybody is overdue, and who is
    /// judged has been so for longest.
    pub const fn turn(self, now: Timestamp) -> i8 {
        let rechecks_first = now.0.div_euclid(1_000).rem_euclid(RECHECKS_FIRST_EVERY_S) == 0;
        match (self.is_recheck, rechecks_first) {
            (false, _) => 0,
            (true, true) => -1,
            (true, false) => 1,
        }
    }
}

/// What decides between calls that are due, before their times do: the smaller is claimed first.
pub(crate) type Rank = (bool, bool, i8);

/// The next call: what it draws on, and its earliest time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub lane: Lane,
    pub at: Timestamp,
}

impl Due {
    /// For a row that is due by what it says, and can't be claimed by what is in it.
    pub fn postponed(lane: Lane, now: Timestamp) -> Self {
        Self { lane, at: now.plus_ms(POSTPONED_MS) }
    }
}

/// A call that is due now.
pub(crate) struct Ready {
    pub call: Call,
    /// For a trigger: that it is begun, which must be durable before the call is made.
    pub begun: Option<Box<Transition>>,
}

/// What a closer look at a row finds that says that it is due.
pub(crate) enum Found {
    /// It is.
    Ready(Ready),
    /// It is due at another time, or never: its row is to be corrected.
    NotDue(Option<Due>),
}

/// Looks closer at a row that says that a call of `lane` is due.
pub(crate) fn look(onboarding: &Onboarding, lane: Lane, policy: &Policy, now: Timestamp) -> Found {
    unless_defect(onboarding.id, || found(onboarding, lane, policy, now))
        .unwrap_or_else(|| Found::NotDue(Some(Due::postponed(lane, now))))
}

/// Looks closer at a row that says that there is something to note: when that is due.
pub(crate) fn look_for_note(
    onboarding: &Onboarding,
    policy: &Policy,
    now: Timestamp,
) -> Option<Timestamp> {
    unless_defect(onboarding.id, || note_at(onboarding, policy))
        .unwrap_or_else(|| Some(now.plus_ms(POSTPONED_MS)))
}

/// What the rules say; `None` where they stop: a defect is met in one onboarding, and is in the
/// way of no other.
fn unless_defect<A>(id: OnboardingId, rules: impl FnOnce() -> A) -> Option<A> {
    let said = catch_unwind(AssertUnwindSafe(rules));
    if said.is_err() {
        error!(onboarding = %id, "the rules stopped; report this as a defect, with its place");
    }
    said.ok()
}

fn found(onboarding: &Onboarding, lane: Lane, policy: &Policy, now: Timestamp) -> Found {
    let of_lane = calls_due(onboarding, policy, now).into_iter().find(|call| call.lane() == lane);
    match of_lane.map(|call| begin(onboarding, call, policy, now)) {
        Some(Ok(ready)) => Found::Ready(ready),
        // The row was written under another policy.
        None => Found::NotDue(due(onboarding, policy)),
        Some(Err(reason)) => {
            let (id, what) = (onboarding.id, reason.as_str());
            error!(onboarding = %id, what, "due trigger can't begin; report this as a defect");
            Found::NotDue(Some(Due::postponed(lane, now)))
        }
    }
}

/// When the next call is due; `None` while it waits for a person, or for ever.
pub(crate) fn due(onboarding: &Onboarding, policy: &Policy) -> Option<Due> {
    match next_step(onboarding, policy) {
        Step::Call { call, due_at } => Some(Due { lane: call.lane(), at: due_at }),
        Step::WaitForPerson | Step::Nothing => None,
    }
}

fn verification_call(onboarding: &Onboarding, policy: &Policy) -> Option<(Call, Timestamp)> {
    match next_verification_step(onboarding, policy) {
        Step::Call { call, due_at } => Some((call, due_at)),
        Step::WaitForPerson | Step::Nothing => None,
    }
}

/// The calls that are due now, what leads to a verdict first.
fn calls_due(onboarding: &Onboarding, policy: &Policy, now: Timestamp) -> Vec<Call> {
    let verification = verification_call(onboarding, policy);
    let calls = verification.into_iter().chain(wallet_call(onboarding, policy));
    calls.filter(|(_, due_at)| *due_at <= now).map(|(call, _)| call).collect()
}

/// When the next note is due; `None` while there is nothing to note.
pub(crate) fn note_at(onboarding: &Onboarding, policy: &Policy) -> Option<Timestamp> {
    // When it is due does not depend on the time of asking.
    next_note(onboarding, policy, onboarding.updated_at).map(|note| note.due_at)
}

/// The call that is due now, if one is.
pub(crate) fn ready(
    onboarding: &Onboarding,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<Ready>, Reason> {
    let first = calls_due(onboarding, policy, now).into_iter().next();
    first.map(|call| begin(onboarding, call, policy, now)).transpose()
}

fn begin(
    onboarding: &Onboarding,
    call: Call,
    policy: &Policy,
    now: Timestamp,
) -> Result<Ready, Reason> {
    let Call::TriggerVerification { trigger } = call else {
        return Ok(Ready { call, begun: None });
    };
    match apply(onboarding, &Event::TriggerBegun { trigger }, &Context { now, policy }) {
        Outcome::Changed(begun) => Ok(Ready { call, begun: Some(begun) }),
        Outcome::Ignored(reason) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{NOW, blank, profile_set, transitions, wanted};

    #[test]
    fn a_defect_of_the_rules_goes_no_further() {
        let id = OnboardingId(uuid::Uuid::nil());
        assert_eq!(unless_defect(id, || panic!("planted")), None::<()>);
        assert_eq!(unless_defect(id, || 1), Some(1));
        let in_an_hour = Due { lane: Lane::Read, at: NOW.plus_ms(3_600_000) };
        assert_eq!(Due::postponed(Lane::Read, NOW), in_an_hour);
    }

    #[test]
    fn a_trigger_that_can_not_begin_is_postponed() {
        let policy = Policy::default();
        let registered = Event::UserRegistered { revision: onboarding::Revision(1), epoch: None };
        let events = [wanted(), profile_set(1), registered, Event::VerificationRequested];
        let mut broken = transitions(&blank(1, NOW).onboarding, &events, NOW, &policy)
            .pop()
            .expect("there is one for each event")
            .onboarding;
        assert!(matches!(look(&broken, Lane::Write, &policy, NOW), Found::Ready(_)));
        // No event makes an onboarding of version 0 that has something to trigger.
        broken.version = 0;
        let Found::NotDue(due) = look(&broken, Lane::Write, &policy, NOW) else {
            panic!("it can't begin")
        };
        let in_an_hour = NOW.plus_ms(3_600_000);
        assert_eq!(due, Some(Due { lane: Lane::Write, at: in_an_hour }));
    }
}
