//! The provider's limits as a smooth pace.
//!
//! A pace is a value that the store keeps, so that a restart does not grant a fresh budget.

use onboarding::{Lane, Timestamp};

/// How many calls the provider takes in any 60 seconds; 0 is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Calls that change something.
    pub writes_per_minute: u32,
    /// Calls that only ask.
    pub reads_per_minute: u32,
}

impl Budgets {
    /// That of a lane.
    #[must_use]
    pub const fn per_minute(self, lane: Lane) -> u32 {
        match lane {
            Lane::Write => self.writes_per_minute,
            Lane::Read => self.reads_per_minute,
        }
    }
}

/// The slowest that 429s make us: one call in so many intervals.
const SLOWDOWN_MAX: u32 = 8;

/// No answer pauses a lane for longer than this, whatever it asks for.
const PAUSE_MS_MAX: u64 = 60 * 60_000;

/// A time that lies this far before one that was seen is no late request: the clock was set back.
const CLOCK_STEP_MS: u64 = 60_000;

const MINUTE_MS: u64 = 60_000;

/// When the next call of a lane may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// No call before this.
    pub next_at: Timestamp,
    /// The latest time at which a call was taken or the pace was slowed.
    pub seen_at: Timestamp,
    /// How many intervals lay between two calls at `slowed_at`.
    pub slowdown: u32,
    /// When the provider last answered 429.
    pub slowed_at: Timestamp,
}

impl Default for Pace {
    fn default() -> Self {
        let never = Timestamp(0);
        Self { next_at: never, seen_at: never, slowdown: 1, slowed_at: never }
    }
}

impl Pace {
    /// Takes note of a clock that was set back: what was left to wait then is left to wait now.
    /// Otherwise a clock that once ran ahead would stop all calls until that time comes.
    /// A clock that leaps forward can't be told from time that passed.
    pub fn notice_clock(&mut self, now: Timestamp) {
        let step_ms = self.seen_at.ms_since(now);
        if step_ms > CLOCK_STEP_MS {
            self.next_at = now.plus_ms(self.next_at.ms_since(self.seen_at));
            self.slowed_at = now;
            self.seen_at = now;
        }
    }

    /// Whether a call may be made now.
    pub fn allows(&self, now: Timestamp) -> bool {
        now >= self.next_at
    }

    /// Takes a call that [`Pace::allows`] allowed.
    pub fn take(&mut self, now: Timestamp, per_minute: u32) {
        if let Some(interval_ms) = interval_ms(per_minute) {
            self.next_at = now.plus_ms(interval_ms * u64::from(self.slowdown_at(now)));
        }
        self.seen_at = self.seen_at.max(now);
    }

    /// The provider answered 429: no call before `until`, and fewer of them for a while.
    pub fn slow_down(&mut self, now: Timestamp, until: Timestamp) {
        self.notice_clock(now);
        self.slowdown = (self.slowdown_at(now) * 2).min(SLOWDOWN_MAX);
        self.slowed_at = now;
        self.next_at = self.next_at.max(until.min(now.plus_ms(PAUSE_MS_MAX)));
        self.seen_at = self.seen_at.max(now);
    }

    /// The slowdown halves for each full minute without a 429.
    fn slowdown_at(&self, now: Timestamp) -> u32 {
        let calm_minutes = now.ms_since(self.slowed_at) / MINUTE_MS;
        let halvings = u32::try_from(calm_minutes).unwrap_or(u32::MAX);
        self.slowdown.checked_shr(halvings).unwrap_or(0).max(1)
    }
}

/// The time between two calls. A minute, both its ends included, holds one call more than
/// intervals, so `n` calls have `n - 1` intervals between them.
/// `None` when there is no limit.
const fn interval_ms(per_minute: u32) -> Option<u64> {
    match per_minute {
        0 => None,
        1 => Some(MINUTE_MS + 1),
        n => Some(MINUTE_MS.div_ceil(n as u64 - 1)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn calls_are_spread_over_the_minute() {
        for (per_minute, interval) in
            [(1, 60_001), (2, 60_000), (120, 505), (360, 168), (u32::MAX, 1)]
        {
            assert_eq!(interval_ms(per_minute), Some(interval), "{per_minute}");
        }
        assert_eq!(interval_ms(0), None);
    }

    /// As docs/configuration.md reckons.
    #[test]
    fn a_look_at_each_of_a_million_users_takes_47_hours_of_reads() {
        let round_ms = interval_ms(360).unwrap() * 1_000_000;
        assert_eq!(round_ms / MINUTE_MS, 46 * 60 + 40);
        let looks_a_minute = 1_000_000 * 10 * MINUTE_MS / (9 * 7 * 24 * 60 * MINUTE_MS);
        assert_eq!(looks_a_minute, 110);
    }

    #[test]
    fn each_429_halves_the_pace_and_each_calm_minute_doubles_it() {
        let intervals_at = |pace: &Pace, ms: i64| {
            let mut pace = *pace;
            pace.take(Timestamp(ms), 120);
            pace.next_at.ms_since(Timestamp(ms)) / 505
        };
        let mut pace = Pace::default();
        assert_eq!(intervals_at(&pace, 1_000_000), 1);
        for expected in [2, 4, 8, 8] {
            pace.slow_down(Timestamp(1_000_000), Timestamp(0));
            assert_eq!(intervals_at(&pace, 1_000_000), expected);
        }
        for (ms, expected) in
            [(59_999, 8), (60_000, 4), (120_000, 2), (180_000, 1), (10_000_000, 1)]
        {
            assert_eq!(intervals_at(&pace, 1_000_000 + ms), expected, "{ms}");
        }
    }

    #[test]
    fn a_429_pauses_even_an_unlimited_lane_until_it_says_but_for_an_hour_at_most() {
        let now = Timestamp(1_000_000);
        for (until, next_at) in
            [(Timestamp(1_030_000), Timestamp(1_030_000)), (Timestamp::MAX, now.plus_ms(3_600_000))]
        {
            let mut pace = Pace::default();
            pace.take(now, 0);
            assert!(pace.allows(now));
            pace.slow_down(now, until);
            assert_eq!(pace.next_at, next_at);
            assert!(!pace.allows(Timestamp(next_at.0 - 1)));
        }
    }

    #[test]
    fn a_clock_that_once_ran_years_ahead_does_not_stop_the_lane() {
        let mut pace = Pace::default();
        pace.take(Timestamp(4_000_000_000_000), 120);
        let now = Timestamp(1_800_000_000_000);
        pace.notice_clock(now);
        assert_eq!(pace.next_at, now.plus_ms(505));
    }

    #[test]
    fn a_request_that_is_late_by_a_minute_sets_no_clock_back() {
        let mut pace = Pace::default();
        pace.take(Timestamp(10_000_000), 120);
        let before = pace;
        pace.notice_clock(Timestamp(10_000_000 - 60_000));
        assert_eq!(pace, before);
        pace.notice_clock(Timestamp(10_000_000 - 60_001));
        assert_eq!(pace.next_at, Timestamp(10_000_000 - 60_001 + 505));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Pass(u64),
        SetBack(u64),
        SlowDown(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..900_u64).prop_map(Step::Pass),
            1 => (0..90_000_u64).prop_map(Step::Pass),
            1 => (0..200_000_u64).prop_map(Step::SetBack),
            1 => (0..70_000_u64).prop_map(Step::SlowDown),
        ];
        proptest::collection::vec(step, 1..2_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// The minute is a true one, as the provider counts it, whatever our clock says.
        #[test]
        fn no_minute_ever_holds_more_calls_than_the_budget(
            per_minute in prop_oneof![Just(1_u32), Just(2), Just(3), Just(10), Just(120), Just(2_000)],
            steps in steps(),
        ) {
            let mut pace = Pace::default();
            let (mut true_ms, mut set_back_ms) = (10_000_000_u64, 0);
            let mut calls: Vec<u64> = Vec::new();
            for step in steps {
                match step {
                    Step::Pass(ms) => true_ms += ms,
                    Step::SetBack(ms) => set_back_ms += ms,
                    Step::SlowDown(ms) => {
                        let now = Timestamp((true_ms.saturating_sub(set_back_ms)) as i64);
                        pace.slow_down(now, now.plus_ms(ms));
                    }
                }
                let now = Timestamp((true_ms.saturating_sub(set_back_ms)) as i64);
                pace.notice_clock(now);
                if pace.allows(now) {
                    pace.take(now, per_minute);
                    calls.push(true_ms);
                }
            }
            for (first, last) in calls.iter().zip(calls.iter().skip(per_minute as usize)) {
                prop_assert!(last - first > 60_000, "{first} to {last}");
            }
        }
    }
}
