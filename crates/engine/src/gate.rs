//! Whether the provider takes our calls at all. A revoked key or a project that is not
//! enabled is not one user's fault: the whole worker stops, and one call at a time probes.
//!
//! But a few users whose calls alone are refused would close the gate for all, for ever. So a
//! probe avoids everyone who was refused since it closed, and the lanes take turns. If the call
//! of someone else then succeeds, and no more than a few were refused, these are *doubted*; one
//! who is refused again before another call of theirs was accepted is held. A provider that
//! was really closed takes their next calls, which are due at once, so it holds nobody.
//! Many who are refused are no culprits either, nor is anyone while the provider takes no call
//! at all of a lane, as when the key lost one of its scopes.

use std::collections::{BTreeMap, VecDeque};

use onboarding::{Call, Event, FailureClass, Lane, OnboardingId, Timestamp};
use store::{Closed, Probe, ProviderGate};

/// The time to the first probe of a closed provider.
const PROBE_FIRST_MS: u64 = 5_000;
/// The longest time between two probes.
const PROBE_LONGEST_MS: u64 = 300_000;
/// How often it is looked whether a probe that is under way has ended: it may take minutes.
const PROBE_LOOK_MS: u64 = 250;
/// At most this many who were refused are remembered; the oldest are forgotten.
const REMEMBERED_MAX: usize = 64;
/// When more than this many are refused, it is not because of them.
const CULPRITS_MAX: usize = 8;

/// The worker's picture of the provider's gate. A restart forgets all but the state: then
/// those who are refused have to be found again.
#[derive(Debug)]
pub(crate) struct Gate {
    state: ProviderGate,
    /// Who was refused since it closed.
    refused: VecDeque<OnboardingId>,
    /// Who was refused in an earlier closure while others were not, and had no call accepted
    /// since.
    doubted: VecDeque<OnboardingId>,
    /// How many were held for refusals in a lane since a call of that lane was accepted.
    held: BTreeMap<Lane, usize>,
    probing: bool,
}

/// What a claim may take at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Whatever is due.
    Free,
    /// One call, to find out whether the provider is open again.
    Probe(Probe),
    /// Nothing before this time.
    Shut(Timestamp),
}

/// What a call says about the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// The provider took it, whatever it said to it.
    Accepted,
    /// The provider takes no call, with this message.
    Closed(&'a str),
    /// Nothing: it was not sent, or its answer was lost.
    None,
}

impl<'a> Answer<'a> {
    /// What it says that a call that was sent came to this.
    pub(crate) fn of(event: &'a Event) -> Self {
        let Event::CallFailed { failure, call } = event else { return Self::Accepted };
        match failure.class {
            // A key may do without the right to link wallets: that must not stop the rest. A
            // provider that takes no call at all says so to others soon enough.
            FailureClass::ProviderClosed if matches!(call, Call::LinkWallet { .. }) => Self::None,
            FailureClass::ProviderClosed => Self::Closed(&failure.message),
            FailureClass::Transient => Self::None,
            FailureClass::RateLimited | FailureClass::Refused | FailureClass::NotFound => {
                Self::Accepted
            }
        }
    }
}

/// What an answer changed at the gate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing.
    None,
    /// It closed just now.
    Closed,
    /// It stays closed; the next probe is later.
    StillClosed,
    /// The provider is open. If there are culprits, they closed it for all: nobody passes
    /// until they are held and [`Gate::open`] is called.
    Opened {
        /// Those whose calls are refused while others' are not.
        culprits: Vec<OnboardingId>,
        /// Since when it was closed.
        since: Timestamp,
    },
}

impl Gate {
    pub(crate) fn new(state: ProviderGate) -> Self {
        let refused = match &state {
            ProviderGate::Open => VecDeque::new(),
            ProviderGate::Closed(closed) => VecDeque::from([closed.suspect]),
        };
        Self { state, refused, doubted: VecDeque::new(), held: BTreeMap::new(), probing: false }
    }

    pub(crate) const fn state(&self) -> &ProviderGate {
        &self.state
    }

    /// What may be claimed at `now`.
    pub(crate) fn passage(&mut self, now: Timestamp) -> Passage {
        let ProviderGate::Closed(closed) = &mut self.state else { return Passage::Free };
        // A clock that was set back must not put off the probe until that time comes again.
        closed.probe_at = closed.probe_at.min(now.plus_ms(PROBE_LONGEST_MS));
        if self.probing {
            return Passage::Shut(now.max(closed.probe_at).plus_ms(PROBE_LOOK_MS));
        }
        if closed.probe_at > now {
            return Passage::Shut(closed.probe_at);
        }
        let first =
            if closed.probes.is_multiple_of(2) { closed.lane } else { other_lane(closed.lane) };
        Passage::Probe(Probe { first, avoid: self.refused.iter().copied().collect() })
    }

    /// A probe is under way: nothing else is claimed until it has ended.
    pub(crate) const fn probe_begun(&mut self) {
        self.probing = true;
    }

    /// No probe is under way any more.
    pub(crate) const fn probe_ended(&mut self) {
        self.probing = false;
    }

    /// Takes in what a call of `id` said.
    pub(crate) fn turn(
        &mut self,
        id: OnboardingId,
        lane: Lane,
        answer: Answer<'_>,
        is_probe: bool,
        now: Timestamp,
    ) -> Turn {
        if is_probe {
            self.probe_ended();
        }
        if answer == Answer::Accepted {
            self.held.remove(&lane);
            self.doubted.retain(|doubted| *doubted != id);
        }
        let ProviderGate::Closed(closed) = &mut self.state else {
            let Answer::Closed(message) = answer else { return Turn::None };
            self.refused = VecDeque::from([id]);
            self.state = ProviderGate::Closed(Closed {
                since: now,
                probe_at: now.plus_ms(PROBE_FIRST_MS),
                probes: 0,
                lane,
                suspect: id,
                message: message.to_owned(),
            });
            return Turn::Closed;
        };
        // Calls that were sent before it closed do not show that it is open now.
        if is_probe && answer == Answer::Accepted {
            return self.opened_by(id);
        }
        if is_probe {
            postpone(closed, now);
        }
        if let Answer::Closed(_) = answer {
            self.refuse(id);
        }
        if is_probe { Turn::StillClosed } else { Turn::None }
    }

    fn refuse(&mut self, id: OnboardingId) {
        if self.refused.contains(&id) {
            // Everyone who is due was refused, so the round begins anew: otherwise the one who
            // is due first would be every probe from now on.
            self.refused.clear();
        }
        remember(&mut self.refused, id);
    }

    fn opened_by(&mut self, id: OnboardingId) -> Turn {
        let ProviderGate::Closed(closed) = &self.state else { return Turn::None };
        let (since, lane) = (closed.since, closed.lane);
        let refused = std::mem::take(&mut self.refused);
        // One who was refused and is no more shows that the provider was closed.
        let is_personal = refused.len() <= CULPRITS_MAX && !refused.contains(&id);
        let mut culprits = Vec::new();
        for refused in refused.into_iter().filter(|_| is_personal) {
            if self.doubted.contains(&refused) {
                culprits.push(refused);
            } else {
                remember(&mut self.doubted, refused);
            }
        }
        let held = self.held.entry(lane).or_default();
        culprits.truncate(CULPRITS_MAX - *held);
        *held += culprits.len();
        if culprits.is_empty() {
            self.open();
        } else {
            // Whoever passed before the culprits are held might be one.
            self.probing = true;
        }
        Turn::Opened { culprits, since }
    }

    /// Whatever is due may pass again.
    pub(crate) fn open(&mut self) {
        self.state = ProviderGate::Open;
        self.probing = false;
    }
}

const fn other_lane(lane: Lane) -> Lane {
    match lane {
        Lane::Write => Lane::Read,
        Lane::Read => Lane::Write,
    }
}

fn remember(ids: &mut VecDeque<OnboardingId>, id: OnboardingId) {
    if ids.len() == REMEMBERED_MAX {
        ids.pop_front();
    }
    ids.push_back(id);
}

fn postpone(closed: &mut Closed, now: Timestamp) {
    closed.probes = closed.probes.saturating_add(1);
    let delay_ms = PROBE_FIRST_MS.saturating_mul(1 << closed.probes.min(16));
    closed.probe_at = now.plus_ms(delay_ms.min(PROBE_LONGEST_MS));
}

#[cfg(test)]
mod tests {
    use super::*;
    use onboarding::{Call, Effect, Failure};

    const NOW: Timestamp = Timestamp(1_000_000);
    const LATER: Timestamp = NOW.plus_ms(PROBE_LONGEST_MS);
    const REFUSED: Answer<'_> = Answer::Closed("no");

    fn id(number: u128) -> OnboardingId {
        OnboardingId(uuid::Uuid::from_u128(number))
    }

    fn ids(numbers: impl IntoIterator<Item = u128>) -> Vec<OnboardingId> {
        numbers.into_iter().map(id).collect()
    }

    fn read(gate: &mut Gate, number: u128, answer: Answer<'_>) -> Turn {
        gate.turn(id(number), Lane::Read, answer, false, NOW)
    }

    fn probe(gate: &mut Gate, number: u128, answer: Answer<'_>) -> Turn {
        gate.turn(id(number), Lane::Read, answer, true, NOW)
    }

    fn opened(culprits: impl IntoIterator<Item = u128>) -> Turn {
        Turn::Opened { culprits: ids(culprits), since: NOW }
    }

    fn next_probe(gate: &mut Gate) -> Probe {
        let Passage::Probe(probe) = gate.passage(LATER) else { panic!("a probe is due") };
        probe
    }

    fn closed_by(number: u128) -> Gate {
        let mut gate = Gate::new(ProviderGate::Open);
        assert_eq!(read(&mut gate, number, REFUSED), Turn::Closed);
        gate
    }

    /// A gate that closed on these users, and that a probe of 99's opened.
    fn opened_after(refused: impl IntoIterator<Item = u128>) -> Gate {
        let mut gate = Gate::new(ProviderGate::Open);
        for number in refused {
            read(&mut gate, number, REFUSED);
        }
        assert_eq!(probe(&mut gate, 99, Answer::Accepted), opened([]));
        gate
    }

    #[test]
    fn one_refusal_closes_the_gate_and_one_probe_at_a_time_passes() {
        let mut gate = closed_by(1);
        assert_eq!(gate.passage(NOW), Passage::Shut(NOW.plus_ms(PROBE_FIRST_MS)));
        let later = NOW.plus_ms(PROBE_FIRST_MS);
        let first = Probe { first: Lane::Read, avoid: ids([1]) };
        assert_eq!(gate.passage(later), Passage::Probe(first));
        gate.probe_begun();
        let Passage::Shut(next_look) = gate.passage(later) else { panic!("one at a time") };
        assert!(next_look.ms_since(later) >= PROBE_LOOK_MS, "nobody spins while it is under way");
    }

    #[test]
    fn probes_become_rarer_up_to_a_limit() {
        let mut gate = closed_by(1);
        let mut delays = Vec::new();
        for _ in 0..9 {
            probe(&mut gate, 1, REFUSED);
            let Passage::Shut(at) = gate.passage(NOW) else { panic!("a probe has failed") };
            delays.push(at.ms_since(NOW) / 1_000);
        }
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300, 300, 300]);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_put_off_the_probe() {
        let mut gate = closed_by(1);
        let earlier = Timestamp(10_000);
        let soon = earlier.plus_ms(PROBE_LONGEST_MS);
        assert_eq!(gate.passage(earlier), Passage::Shut(soon));
        assert!(matches!(gate.passage(soon), Passage::Probe(_)));
    }

    #[test]
    fn the_lanes_take_turns_and_everyone_refused_is_avoided_until_all_were() {
        let mut gate = closed_by(1);
        for (prober, first, avoided) in [
            (2, Lane::Write, &[1, 2][..]),
            (3, Lane::Read, &[1, 2, 3]),
            (1, Lane::Write, &[1]),
            (1, Lane::Read, &[1]),
            (2, Lane::Write, &[1, 2]),
        ] {
            probe(&mut gate, prober, REFUSED);
            let avoid = ids(avoided.iter().copied());
            assert_eq!(next_probe(&mut gate), Probe { first, avoid }, "after a probe of {prober}");
        }
        assert_eq!(read(&mut gate, 4, REFUSED), Turn::None, "it was sent before");
        assert_eq!(next_probe(&mut gate).avoid, ids([1, 2, 4]));
        for number in 100..200 {
            read(&mut gate, number, REFUSED);
        }
        assert_eq!(next_probe(&mut gate).avoid, ids(136..200));
    }

    #[test]
    fn those_refused_twice_while_others_are_not_are_culprits_and_nobody_passes_until_held() {
        let mut gate = opened_after([1, 2]);
        assert_eq!(gate.passage(NOW), Passage::Free);
        for number in [2, 1, 3] {
            read(&mut gate, number, REFUSED);
        }
        assert_eq!(probe(&mut gate, 99, Answer::Accepted), opened([2, 1]));
        assert!(matches!(gate.passage(LATER), Passage::Shut(_)), "until they are held");
        gate.open();
        assert_eq!(gate.passage(NOW), Passage::Free);
    }

    #[test]
    fn a_call_that_is_accepted_ends_the_doubt() {
        let mut gate = opened_after([1]);
        read(&mut gate, 1, Answer::Accepted);
        read(&mut gate, 1, REFUSED);
        assert_eq!(probe(&mut gate, 99, Answer::Accepted), opened([]));
    }

    #[test]
    fn nobody_is_a_culprit_when_many_are_refused_or_one_of_them_opens_it() {
        let few = CULPRITS_MAX as u128;
        for (refused, prober, culprits) in
            [(few, 99, few), (few + 1, 99, 0), (few, 1, 0), (1, 0, 0)]
        {
            let mut gate = opened_after(0..few);
            (0..refused).for_each(|number| drop(read(&mut gate, number, REFUSED)));
            let turn = probe(&mut gate, prober, Answer::Accepted);
            assert_eq!(turn, opened(0..culprits), "{refused} refused, opened by {prober}");
        }
    }

    #[test]
    fn only_a_few_are_culprits_while_no_call_of_their_lane_is_accepted() {
        let mut gate = Gate::new(ProviderGate::Open);
        let mut culprits = Vec::new();
        for number in (0..20).flat_map(|number| [number, number]) {
            gate.turn(id(number), Lane::Write, REFUSED, false, NOW);
            let turn = gate.turn(id(99), Lane::Read, Answer::Accepted, true, NOW);
            let Turn::Opened { culprits: found, .. } = turn else { panic!("{turn:?}") };
            culprits.extend(found);
            gate.open();
        }
        assert_eq!(culprits, ids(0..CULPRITS_MAX as u128));
        gate.turn(id(98), Lane::Write, Answer::Accepted, false, NOW);
        gate.turn(id(19), Lane::Write, REFUSED, false, NOW);
        assert_eq!(probe(&mut gate, 99, Answer::Accepted), opened([19]));
    }

    #[test]
    fn a_restart_forgets_who_was_refused_but_not_that_it_is_closed() {
        let mut gate = opened_after([1]);
        read(&mut gate, 1, REFUSED);
        let mut restarted = Gate::new(gate.state().clone());
        assert_eq!(next_probe(&mut restarted).avoid, ids([1]));
        assert_eq!(probe(&mut restarted, 99, Answer::Accepted), opened([]));
    }

    #[test]
    fn an_answer_to_an_earlier_call_and_a_lost_probe_do_not_open_it() {
        let mut gate = closed_by(1);
        assert_eq!(read(&mut gate, 2, Answer::Accepted), Turn::None);
        assert_eq!(read(&mut gate, 2, Answer::None), Turn::None);
        assert_eq!(probe(&mut gate, 2, Answer::None), Turn::StillClosed);
        assert!(matches!(gate.state(), ProviderGate::Closed(_)));
    }

    #[test]
    fn each_class_of_failure_says_whether_the_provider_takes_calls() {
        for class in FailureClass::ALL {
            let expected = match class {
                FailureClass::ProviderClosed => REFUSED,
                FailureClass::Transient => Answer::None,
                FailureClass::RateLimited | FailureClass::Refused | FailureClass::NotFound => {
                    Answer::Accepted
                }
            };
            let failure = Failure {
                class,
                message: "no".into(),
                http_status: None,
                retry_after_ms: None,
                effect: Effect::None,
            };
            let failed = Event::CallFailed { call: Call::CheckStatus { epoch: 1 }, failure };
            assert_eq!(Answer::of(&failed), expected, "{}", class.as_str());
        }
        assert_eq!(Answer::of(&Event::TriggerBegun { trigger: 1 }), Answer::Accepted);
    }
}
