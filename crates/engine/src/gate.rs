//! Whether the provider takes our calls at all. A revoked key or a project that is not
//! enabled is not one user's fault: the whole worker stops, and one call at a time probes.

use onboarding::{Call, Failure, FailureClass, Lane, OnboardingId, Timestamp};
use store::{Closed, Probe, ProviderGate};

/// The time to the first probe of a closed provider.
const PROBE_FIRST_MS: u64 = 5_000;
/// The longest time between two probes.
const PROBE_LONGEST_MS: u64 = 300_000;

/// The worker's picture of the provider's gate.
#[derive(Debug)]
pub(crate) struct Gate {
    state: ProviderGate,
    /// Nobody but the suspect was refused since the gate closed. Not known after a restart,
    /// and then nobody is suspected.
    only_suspect_refused: bool,
    /// The last probe was the suspect's own, as no other call of its lane was due.
    suspect_is_alone: bool,
    probing: bool,
}

/// What a claim may take at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Whatever is due.
    Free,
    /// One call, to find out whether the provider is open again: the first of these that is due.
    Probe([Probe; 2]),
    /// Nothing before this time.
    Shut(Timestamp),
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
    /// The provider is open. If someone is named, their calls alone are refused: they closed it
    /// for all, and nobody passes until they are held and [`Gate::open`] is called.
    Opened {
        /// Whose calls are refused while others' are not.
        culprit: Option<OnboardingId>,
        /// Since when it was closed.
        since: Timestamp,
    },
}

impl Gate {
    pub(crate) const fn new(state: ProviderGate) -> Self {
        Self { state, only_suspect_refused: false, suspect_is_alone: false, probing: false }
    }

    pub(crate) const fn state(&self) -> &ProviderGate {
        &self.state
    }

    /// What may be claimed at `now`.
    pub(crate) fn passage(&self, now: Timestamp) -> Passage {
        match &self.state {
            ProviderGate::Open => Passage::Free,
            ProviderGate::Closed(closed) if self.probing => {
                Passage::Shut(now.max(closed.probe_at).plus_ms(1))
            }
            ProviderGate::Closed(closed) if closed.probe_at > now => Passage::Shut(closed.probe_at),
            ProviderGate::Closed(closed) => Passage::Probe(self.probes(closed)),
        }
    }

    /// A call of the same lane tells most. But where only the suspect has one, others must not
    /// wait for the suspect for ever: then a call of the other lane comes first.
    fn probes(&self, closed: &Closed) -> [Probe; 2] {
        let same = Probe { lane: closed.lane, suspect: closed.suspect };
        let other = Probe { lane: other_lane(closed.lane), ..same };
        if self.suspect_is_alone { [other, same] } else { [same, other] }
    }

    /// A probe is under way: nothing else is claimed until it has ended.
    pub(crate) const fn probe_begun(&mut self) {
        self.probing = true;
    }

    /// No probe is under way any more.
    pub(crate) const fn probe_ended(&mut self) {
        self.probing = false;
    }

    /// Takes in how a call ended.
    pub(crate) fn turn(
        &mut self,
        id: OnboardingId,
        call: &Call,
        failure: Option<&Failure>,
        is_probe: bool,
        now: Timestamp,
    ) -> Turn {
        if is_probe {
            self.probe_ended();
        }
        let refused = failure.filter(|failure| failure.class == FailureClass::ProviderClosed);
        match (&mut self.state, refused) {
            (ProviderGate::Open, None) => Turn::None,
            (ProviderGate::Open, Some(failure)) => {
                self.only_suspect_refused = true;
                self.suspect_is_alone = false;
                self.state = ProviderGate::Closed(Closed {
                    since: now,
                    probe_at: now.plus_ms(PROBE_FIRST_MS),
                    probes: 0,
                    lane: call.lane(),
                    suspect: id,
                    message: failure.message.clone(),
                });
                Turn::Closed
            }
            (ProviderGate::Closed(closed), Some(_)) => {
                self.only_suspect_refused &= closed.suspect == id;
                if !is_probe {
                    return Turn::None;
                }
                self.suspect_is_alone = closed.suspect == id;
                postpone(closed, now);
                Turn::StillClosed
            }
            // Calls that were sent before it closed prove nothing.
            (ProviderGate::Closed(_), None) if !is_probe => Turn::None,
            (ProviderGate::Closed(closed), None) if is_no_answer(failure) => {
                postpone(closed, now);
                Turn::StillClosed
            }
            (ProviderGate::Closed(closed), None) => {
                let culprit =
                    (self.only_suspect_refused && closed.suspect != id).then_some(closed.suspect);
                let since = closed.since;
                match culprit {
                    None => self.open(),
                    // Whoever passed before the culprit is held might be the culprit.
                    Some(_) => self.probing = true,
                }
                Turn::Opened { culprit, since }
            }
        }
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

fn is_no_answer(failure: Option<&Failure>) -> bool {
    failure.is_some_and(|failure| failure.class == FailureClass::Transient)
}

fn postpone(closed: &mut Closed, now: Timestamp) {
    closed.probes = closed.probes.saturating_add(1);
    let delay_ms = PROBE_FIRST_MS.saturating_mul(1 << closed.probes.min(16));
    closed.probe_at = now.plus_ms(delay_ms.min(PROBE_LONGEST_MS));
}

#[cfg(test)]
mod tests {
    use super::*;
    use onboarding::Effect;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn id(number: u128) -> OnboardingId {
        OnboardingId(uuid::Uuid::from_u128(number))
    }

    fn failure(class: FailureClass) -> Failure {
        Failure {
            class,
            message: "no".into(),
            http_status: None,
            retry_after_ms: None,
            effect: Effect::None,
        }
    }

    const CHECK: Call = Call::CheckStatus { epoch: 1 };

    fn closed_by(suspect: u128) -> Gate {
        let mut gate = Gate::new(ProviderGate::Open);
        let refused = failure(FailureClass::ProviderClosed);
        assert_eq!(gate.turn(id(suspect), &CHECK, Some(&refused), false, NOW), Turn::Closed);
        gate
    }

    #[test]
    fn one_refusal_closes_the_gate_and_one_probe_at_a_time_passes() {
        let mut gate = closed_by(1);
        assert_eq!(gate.passage(NOW), Passage::Shut(NOW.plus_ms(PROBE_FIRST_MS)));
        let later = NOW.plus_ms(PROBE_FIRST_MS);
        let probe = |lane| Probe { lane, suspect: id(1) };
        let same_lane_first = Passage::Probe([probe(Lane::Read), probe(Lane::Write)]);
        assert_eq!(gate.passage(later), same_lane_first);
        gate.probe_begun();
        assert!(matches!(gate.passage(later), Passage::Shut(_)));
    }

    #[test]
    fn probes_become_rarer_up_to_a_limit() {
        let mut gate = closed_by(1);
        let refused = failure(FailureClass::ProviderClosed);
        let mut delays = Vec::new();
        for _ in 0..9 {
            gate.turn(id(1), &CHECK, Some(&refused), true, NOW);
            let Passage::Shut(at) = gate.passage(NOW) else { panic!("a probe has failed") };
            delays.push(at.ms_since(NOW) / 1_000);
        }
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300, 300, 300]);
    }

    #[test]
    fn a_user_whose_calls_alone_are_refused_is_named_when_anothers_probe_succeeds() {
        let mut gate = closed_by(1);
        let opened = gate.turn(id(2), &CHECK, None, true, NOW);
        assert_eq!(opened, Turn::Opened { culprit: Some(id(1)), since: NOW });
        assert!(
            matches!(gate.passage(NOW.plus_ms(PROBE_FIRST_MS)), Passage::Shut(_)),
            "until it is held"
        );
        gate.open();
        assert_eq!(gate.passage(NOW), Passage::Free);
    }

    #[test]
    fn after_a_probe_of_the_suspects_own_the_other_lane_comes_first() {
        let mut gate = closed_by(1);
        let refused = failure(FailureClass::ProviderClosed);
        let lanes = |gate: &Gate| {
            let later = NOW.plus_ms(PROBE_LONGEST_MS);
            let Passage::Probe(probes) = gate.passage(later) else { panic!("a probe is due") };
            probes.map(|probe| probe.lane)
        };
        for (prober, expected) in [
            (1, [Lane::Write, Lane::Read]),
            (1, [Lane::Write, Lane::Read]),
            (2, [Lane::Read, Lane::Write]),
        ] {
            gate.turn(id(prober), &CHECK, Some(&refused), true, NOW);
            assert_eq!(lanes(&gate), expected, "after a probe of {prober}");
        }
    }

    #[test]
    fn nobody_is_blamed_when_another_was_refused_too_or_after_a_restart() {
        let refused = failure(FailureClass::ProviderClosed);
        let mut gate = closed_by(1);
        gate.turn(id(2), &CHECK, Some(&refused), true, NOW);
        assert_eq!(
            gate.turn(id(3), &CHECK, None, true, NOW),
            Turn::Opened { culprit: None, since: NOW }
        );

        let mut restarted = Gate::new(closed_by(1).state().clone());
        assert_eq!(
            restarted.turn(id(3), &CHECK, None, true, NOW),
            Turn::Opened { culprit: None, since: NOW }
        );
    }

    #[test]
    fn an_answer_to_an_earlier_call_and_a_lost_probe_do_not_open_it() {
        let mut gate = closed_by(1);
        assert_eq!(gate.turn(id(2), &CHECK, None, false, NOW), Turn::None);
        let lost = failure(FailureClass::Transient);
        assert_eq!(gate.turn(id(2), &CHECK, Some(&lost), true, NOW), Turn::StillClosed);
        assert!(matches!(gate.state(), ProviderGate::Closed(_)));
    }
}
