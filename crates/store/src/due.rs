//! What the rules say of a row's next call; the same for every store.

use onboarding::{
    Call, Context, Event, Lane, Onboarding, Outcome, Policy, Reason, Step, Timestamp, Transition,
    apply, next_step,
};

/// The next call: what it draws on, and its earliest time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub lane: Lane,
    pub at: Timestamp,
}

/// A call that is due now.
pub(crate) struct Ready {
    pub call: Call,
    /// For a trigger: that it is begun, which must be durable before the call is made.
    pub begun: Option<Box<Transition>>,
}

/// When the next call is due; `None` while it waits for a person, or for ever.
pub(crate) fn due(onboarding: &Onboarding, policy: &Policy) -> Option<Due> {
    match next_step(onboarding, policy) {
        Step::Call { call, due_at } => Some(Due { lane: call.lane(), at: due_at }),
        Step::WaitForPerson | Step::Nothing => None,
    }
}

/// The call that is due now, if one is.
pub(crate) fn ready(
    onboarding: &Onboarding,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<Ready>, Reason> {
    let call = match next_step(onboarding, policy) {
        Step::Call { call, due_at } if due_at <= now => call,
        Step::Call { .. } | Step::WaitForPerson | Step::Nothing => return Ok(None),
    };
    let Call::TriggerVerification { trigger } = call else {
        return Ok(Some(Ready { call, begun: None }));
    };
    match apply(onboarding, &Event::TriggerBegun { trigger }, &Context { now, policy }) {
        Outcome::Changed(begun) => Ok(Some(Ready { call, begun: Some(begun) })),
        Outcome::Ignored(reason) => Err(reason),
    }
}
