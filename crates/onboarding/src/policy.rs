//! The configured times and limits, and the delays that follow from them.

use std::time::{Duration, Instant};

use backoff::backoff::Backoff;
use serde::{Deserialize, Serialize};

use crate::onboarding::OnboardingId;
use crate::task::{Due, DueSource, Request};
use crate::{Accepts, Timestamp};

/// The configured times and limits that the rules depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Delays between tries of a call that failed.
    pub retry: Curve,
    /// Delays between looks at a product in review, at first.
    pub poll: Curve,
    /// How many looks follow [`Policy::poll`] before they become slower.
    pub fast_polls: u32,
    /// Delays between looks after that. They never stop.
    pub slow_poll: Curve,
    /// The time between looks at a verified user.
    pub recheck_ms: u64,
    /// A step that fails for this long is reported as stalled.
    pub stalled_after_ms: u64,
    /// How often the same thing may be asked for before the onboarding is held.
    pub rounds_max: u32,
    /// How often the provider may forget a user in a row before the onboarding is held.
    pub forgotten_max: u32,
    /// How many looks in a row may give an answer that can't be understood (an unknown
    /// status, a wanted product that is missing or still not started) before it is held.
    pub unclear_polls_max: u32,
    /// Whether a document's bytes are kept after the provider has acknowledged them.
    pub keep_document_contents: bool,
    /// Which edition of the rules is followed: [`RULES`] from now on. History that was written
    /// under an earlier one replays by that.
    #[serde(default)]
    pub rules: u32,
    /// The documents that meet what the provider asks for, by where the user lives.
    #[serde(default)]
    pub accepts: Accepts,
    /// How long a person has for a task. History from before this was known names none.
    #[serde(default)]
    pub task_due: TaskTimes,
    /// How long before a task is due a person is reminded of it, the earliest first. At most
    /// [`REMINDERS_MAX`]. When it becomes overdue is always one, as if 0 were in the list.
    #[serde(default)]
    pub reminders_ms: Vec<u64>,
    /// How long before something runs out a task asks for a newer one; 0 for never.
    #[serde(default)]
    pub renewal_lead_ms: u64,
    /// How long a verification counts that the profile names; 0 for ever. The provider is said
    /// to refuse one that is older than a year.
    #[serde(default)]
    pub verification_valid_ms: u64,
    /// How long a consent counts; 0 for ever.
    #[serde(default)]
    pub consent_valid_ms: u64,
    /// The time between looks at a user whom the provider refused; 0 for none.
    #[serde(default)]
    pub rejected_recheck_ms: u64,
    /// Whether the provider is asked after each registration which sections it holds.
    #[serde(default)]
    pub confirm_registration: bool,
    /// Whether the provider has no calls for its legal texts: what a user accepted is kept here as
    /// evidence, never sent, and nothing waits for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_consents: bool,
    /// How often a section is sent again that the provider does not show, before it is held.
    #[serde(default)]
    pub resends_max: u32,
}

/// The edition of the rules. Edition 0 knew no regressions, and kept no times of rounds. Edition 1
/// took what was waived for supplied, an older consent for a newer one, and each document for one
/// that nothing else stands in for. Edition 2 took any look for a verdict on what was waived,
/// counted a task's rounds from 1 again once a hold was left, and never read who stays verified.
pub const RULES: u32 = 3;

/// So many reminders of one round of a task may be configured.
pub const REMINDERS_MAX: usize = 8;

/// How long a person has for a task, by its kind; 0 for as long as it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskTimes {
    /// For a consent.
    pub consent_ms: u64,
    /// For a section of the profile.
    pub data_ms: u64,
    /// For a document.
    pub document_ms: u64,
    /// For what an operator has to find out.
    pub operator_ms: u64,
}

const DAY_MS: u64 = 24 * 3_600_000;

impl Default for Policy {
    fn default() -> Self {
        Self {
            retry: Curve {
                initial_ms: 1_000,
                multiplier_percent: 200,
                max_ms: 15 * 60_000,
                jitter_percent: 20,
            },
            poll: Curve {
                initial_ms: 2_000,
                multiplier_percent: 150,
                max_ms: 30_000,
                jitter_percent: 10,
            },
            fast_polls: 24,
            slow_poll: Curve {
                initial_ms: 45_000,
                multiplier_percent: 150,
                max_ms: 60 * 60_000,
                jitter_percent: 10,
            },
            recheck_ms: 7 * 24 * 3_600_000,
            stalled_after_ms: 60 * 60_000,
            rounds_max: 3,
            forgotten_max: 3,
            unclear_polls_max: 20,
            keep_document_contents: false,
            rules: RULES,
            accepts: Accepts::default(),
            task_due: TaskTimes {
                consent_ms: 7 * DAY_MS,
                data_ms: 14 * DAY_MS,
                document_ms: 14 * DAY_MS,
                operator_ms: DAY_MS,
            },
            reminders_ms: vec![7 * DAY_MS, DAY_MS, 0],
            renewal_lead_ms: 30 * DAY_MS,
            verification_valid_ms: 365 * DAY_MS,
            consent_valid_ms: 0,
            rejected_recheck_ms: 30 * DAY_MS,
            confirm_registration: false,
            keeps_consents: false,
            resends_max: 1,
        }
    }
}

impl Policy {
    /// The delay before try number `attempt + 1`, after `attempt` failures (from 1).
    #[must_use]
    pub fn retry_delay_ms(&self, id: OnboardingId, attempt: u32) -> u64 {
        self.retry.delay_ms(attempt.saturating_sub(1), seed(id, "retry", attempt))
    }

    /// The delay between look number `polls` (from 0, the answer of the trigger) and the next.
    #[must_use]
    pub fn poll_delay_ms(&self, id: OnboardingId, polls: u32) -> u64 {
        let seed = seed(id, "poll", polls);
        match polls.checked_sub(self.fast_polls) {
            None => self.poll.delay_ms(polls, seed),
            Some(slow) => self.slow_poll.delay_ms(slow, seed),
        }
    }

    /// The time to the next look at a verified user: the recheck time, shortened by up to a
    /// fifth, so that users who were verified together are not looked at together.
    #[must_use]
    pub fn recheck_delay_ms(&self, id: OnboardingId, polls: u32) -> u64 {
        spread(self.recheck_ms, seed(id, "recheck", polls))
    }

    /// The same for a user whom the provider refused.
    #[must_use]
    pub fn rejected_recheck_delay_ms(&self, id: OnboardingId, polls: u32) -> u64 {
        spread(self.rejected_recheck_ms, seed(id, "rejected", polls))
    }

    /// Whether regressions are noted, and the times of a task's rounds.
    pub(crate) const fn looks_back(&self) -> bool {
        self.rules >= 1
    }

    /// Whether what was waived is told apart from what was supplied, an older consent from a
    /// newer one, and a document that is needed from one that another stands in for.
    pub(crate) const fn tells_apart(&self) -> bool {
        self.rules >= 2
    }

    /// Whether the provider's texts are watched for who is verified.
    pub(crate) const fn watches_texts(&self) -> bool {
        self.rules >= 3 && self.confirm_registration
    }

    /// Whether what was waived stays so until a verification that was triggered after it, and a
    /// task's rounds go on counting after a hold.
    pub(crate) const fn remembers(&self) -> bool {
        self.rules >= 3
    }

    /// By when a person has to supply what is asked for at `now`.
    pub(crate) fn due_of(&self, request: &Request, now: Timestamp) -> Option<Due> {
        let times = &self.task_due;
        let ms = match request {
            Request::Consent | Request::RenewConsent | Request::RenewTerms => times.consent_ms,
            Request::Data(_)
            | Request::RenewVerification
            | Request::Wallet(_)
            | Request::WalletProof(_) => times.data_ms,
            Request::Document(_) | Request::RenewDocument(_) => times.document_ms,
            Request::Operator(_) => times.operator_ms,
        };
        (ms > 0).then(|| Due { at: now.plus_ms(ms), source: DueSource::Policy })
    }
}

/// A curve of growing delays.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Curve {
    /// The first delay.
    pub initial_ms: u64,
    /// Each delay in percent of the one before; at least 100.
    pub multiplier_percent: u32,
    /// No delay is longer than this, jitter included.
    pub max_ms: u64,
    /// Each delay is longer or shorter by up to this share, in percent.
    pub jitter_percent: u32,
}

impl Curve {
    /// The delay number `index` (from 0), with jitter drawn from `seed`.
    /// The same arguments give the same delay on any machine, after any restart.
    fn delay_ms(&self, index: u32, seed: u64) -> u64 {
        let plain = self.plain_delay_ms(index).min(self.max_ms);
        let reach = plain.saturating_mul(u64::from(self.jitter_percent.min(100))) / 100;
        let jittered = plain - reach + draw(seed, reach.saturating_mul(2));
        jittered.min(self.max_ms)
    }

    /// The curve itself is the `backoff` crate's. Its own jitter (a thread's random numbers)
    /// and its own limit (the process's time) are off: neither survives a restart.
    fn plain_delay_ms(&self, index: u32) -> u64 {
        let mut curve = backoff::exponential::ExponentialBackoff {
            current_interval: Duration::from_millis(self.initial_ms),
            initial_interval: Duration::from_millis(self.initial_ms),
            randomization_factor: 0.0,
            multiplier: f64::from(self.multiplier_percent.max(100)) / 100.0,
            max_interval: Duration::from_millis(self.max_ms),
            max_elapsed_time: None,
            start_time: stopped(),
            clock: Stopped,
        };
        let mut delay = Duration::ZERO;
        for _ in 0..=index.min(CURVE_STEPS_MAX) {
            delay = curve.next_backoff().unwrap_or(delay);
        }
        u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
    }
}

/// No curve grows for longer than this; it bounds the work for a huge attempt number.
const CURVE_STEPS_MAX: u32 = 128;

/// The `backoff` crate asks for a clock even where no time limit is set; this one stands still.
#[derive(Debug)]
struct Stopped;

impl backoff::Clock for Stopped {
    fn now(&self) -> Instant {
        stopped()
    }
}

fn stopped() -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// A seed that differs by onboarding, purpose and number, and by nothing else.
fn seed(id: OnboardingId, purpose: &str, number: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.0.as_bytes()).update(purpose.as_bytes()).update(&number.to_le_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// `time_ms`, shortened by up to a fifth.
const fn spread(time_ms: u64, seed: u64) -> u64 {
    time_ms - draw(seed, time_ms / 5)
}

/// A number from 0 to `max`, both included.
const fn draw(seed: u64, max: u64) -> u64 {
    match max.checked_add(1) {
        Some(count) => seed % count,
        None => seed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> OnboardingId {
        OnboardingId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn retry_delays_double_up_to_the_limit_and_are_the_same_after_a_restart() {
        let policy = Policy::default();
        for (attempt, plain) in [(1, 1_000), (2, 2_000), (3, 4_000), (10, 512_000)] {
            let delay = policy.retry_delay_ms(id(7), attempt);
            assert!((plain * 8 / 10..=plain * 12 / 10).contains(&delay), "{attempt}: {delay}");
            assert_eq!(delay, policy.retry_delay_ms(id(7), attempt));
        }
        assert!(policy.retry_delay_ms(id(7), u32::MAX) <= policy.retry.max_ms);
        assert_ne!(policy.retry_delay_ms(id(7), 3), policy.retry_delay_ms(id(8), 3));
    }

    #[test]
    fn jitter_spreads_delays_over_its_whole_share() {
        let policy = Policy::default();
        let delays = || (0..500).map(|number| policy.retry_delay_ms(id(number), 3));
        assert!(delays().all(|ms| (3_200..=4_800).contains(&ms)));
        assert!(delays().any(|ms| ms < 3_300) && delays().any(|ms| ms > 4_700));
    }

    #[test]
    fn polls_are_fast_then_slow_and_never_stop() {
        let policy = Policy::default();
        let delay = |polls| policy.poll_delay_ms(id(1), polls);
        assert!((1_800..=2_200).contains(&delay(0)));
        assert!((2_700..=3_300).contains(&delay(1)));
        assert!((27_000..=30_000).contains(&delay(23)));
        assert!((40_500..=49_500).contains(&delay(24)));
        assert!((54 * 60_000..=60 * 60_000).contains(&delay(40)));
        assert!((54 * 60_000..=60 * 60_000).contains(&delay(u32::MAX)));
    }

    #[test]
    fn rechecks_are_spread_but_never_later_than_configured() {
        let policy = Policy::default();
        let delays: std::collections::BTreeSet<u64> =
            (0..100).map(|number| policy.recheck_delay_ms(id(number), 3)).collect();
        assert!(delays.len() > 90);
        assert!(delays.iter().any(|ms| *ms < policy.recheck_ms * 82 / 100));
        assert!(delays.iter().any(|ms| *ms > policy.recheck_ms * 98 / 100));
        assert!(
            delays.iter().all(|ms| (policy.recheck_ms * 4 / 5..=policy.recheck_ms).contains(ms))
        );
    }
}
