//! What a seed makes of a history: who takes part, and what goes wrong how often.

use std::collections::BTreeSet;

use onboarding::{Curve, Policy, TaskTimes};
use store::Budgets;

use crate::chance::{Chance, Purpose};
use crate::coverage::Point;

/// Something that goes wrong. Each kind can be left out of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A call never reaches the provider, and nobody can tell.
    LostRequest,
    /// A call takes effect, and its answer is lost.
    LostAnswer,
    /// A call reaches the provider twice.
    Duplicate,
    /// A call takes effect, and its answer comes minutes to days later.
    LateAnswer,
    /// A call takes effect, and its answer can't be read.
    Unreadable,
    /// The provider fails, before or after the effect, or can't be connected to.
    ServerError,
    /// The provider asks to be called less often.
    RateLimit,
    /// The provider refuses a look at the status.
    OddRefusal,
    /// The provider uses a word that nobody knows, or leaves a product out.
    UnknownWord,
    /// The provider takes nobody's calls for hours.
    Closed,
    /// One user's calls alone are refused as if the provider were closed.
    Poison,
    /// The provider loses a user.
    Forgotten,
    /// A product that was verified is so no longer.
    Regress,
    /// The provider's privacy policy changes, and every consent with it.
    PolicyChange,
    /// The store can't be used, or does not say whether it wrote.
    StoreError,
    /// A process dies.
    Crash,
    /// The clock jumps.
    ClockJump,
    /// A row of the store can't be read any more.
    Damage,
}

impl Trouble {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::LostRequest,
        Self::LostAnswer,
        Self::Duplicate,
        Self::LateAnswer,
        Self::Unreadable,
        Self::ServerError,
        Self::RateLimit,
        Self::OddRefusal,
        Self::UnknownWord,
        Self::Closed,
        Self::Poison,
        Self::Forgotten,
        Self::Regress,
        Self::PolicyChange,
        Self::StoreError,
        Self::Crash,
        Self::ClockJump,
        Self::Damage,
    ];

    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LostRequest => "lost-request",
            Self::LostAnswer => "lost-answer",
            Self::Duplicate => "duplicate",
            Self::LateAnswer => "late-answer",
            Self::Unreadable => "unreadable",
            Self::ServerError => "server-error",
            Self::RateLimit => "rate-limit",
            Self::OddRefusal => "odd-refusal",
            Self::UnknownWord => "unknown-word",
            Self::Closed => "closed",
            Self::Poison => "poison",
            Self::Forgotten => "forgotten",
            Self::Regress => "regress",
            Self::PolicyChange => "policy-change",
            Self::StoreError => "store-error",
            Self::Crash => "crash",
            Self::ClockJump => "clock-jump",
            Self::Damage => "damage",
        }
    }

    /// The kind that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trouble| trouble.as_str() == word)
    }
}

/// What is left out of a history. Nothing, unless a violation is being shrunk to a story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// At most this many users.
    pub users: Option<usize>,
    /// At most this many workers.
    pub workers: Option<usize>,
    /// Only the happenings before this one.
    pub happenings: Option<usize>,
    /// These happenings do not happen.
    pub omit: BTreeSet<usize>,
    /// These kinds of trouble do not occur.
    pub without: BTreeSet<Trouble>,
}

/// What a seed makes of a history.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) users: usize,
    pub(crate) workers: usize,
    /// Calls at once of one worker.
    pub(crate) slots: usize,
    /// How many things people and the world do.
    pub(crate) happenings: usize,
    pub(crate) omit: BTreeSet<usize>,
    /// How often each kind of trouble occurs, in permille of its occasions.
    rates: [u32; Trouble::ALL.len()],
    /// A worker is configured with the one or the other at its start.
    pub(crate) policies: [Policy; 2],
    /// Whoever comes to this point for the so manyth time in the history dies there: points that
    /// are rarely reached would hardly ever see a death by chance.
    pub(crate) doom: Option<(Point, u64)>,
    pub(crate) lease_ms: u64,
    pub(crate) budgets: Budgets,
}

impl Plan {
    pub(crate) fn of(seed: u64, cut: &Cut) -> Self {
        let mut chance = Chance::of(seed, Purpose::Plan, 0, 0);
        let users = chance.one_of(&[1, 1, 2, 2, 3, 4]);
        let workers = 1 + chance.index(3);
        let happenings = 6 + chance.index(9);
        let slots = 1 + chance.index(2);
        let lease_ms = chance.between(45_000, 120_000);
        let budgets = Budgets {
            writes_per_minute: chance.one_of(&[0, 6, 20, 60]),
            reads_per_minute: chance.one_of(&[0, 10, 40, 120]),
        };
        // One in eight has no trouble at all: only there each round is triggered exactly once.
        let is_calm = chance.permille(125);
        let mut rates = [0; Trouble::ALL.len()];
        for (rate, trouble) in rates.iter_mut().zip(Trouble::ALL) {
            let drawn = if chance.permille(450) { chance.one_of(&[10, 40, 120]) } else { 0 };
            *rate = if is_calm || cut.without.contains(&trouble) { 0 } else { drawn };
        }
        let doom = (chance.one_of(&Point::all()), chance.one_of(&[1, 1, 2, 3]));
        let second = policy(chance.between(1, 4), chance.permille(500));
        let times = Times::drawn(&mut chance);
        let confirms = chance.permille(600);
        let confirms_too = confirms != chance.permille(200);
        // As all of one company's workers are configured: its consents are kept from the provider.
        let keeps_consents = Chance::of(seed, Purpose::Plan, 1, 0).permille(150);
        let policies = [
            Policy { confirm_registration: confirms, ..policy(2, false) },
            Policy { confirm_registration: confirms_too, ..second },
        ];
        Self {
            seed,
            users: cut.users.map_or(users, |most| users.min(most.max(1))),
            workers: cut.workers.map_or(workers, |most| workers.min(most.max(1))),
            slots,
            happenings: cut.happenings.map_or(happenings, |most| happenings.min(most)),
            omit: cut.omit.clone(),
            doom: (rates[Trouble::Crash as usize] > 0).then_some(doom),
            rates,
            policies: policies.map(|policy| Policy { keeps_consents, ..times.of(policy) }),
            lease_ms,
            budgets,
        }
    }

    pub(crate) const fn rate(&self, trouble: Trouble) -> u32 {
        self.rates[trouble as usize]
    }

    /// The provider has no calls for its legal texts, and does not ask for them.
    pub(crate) const fn keeps_consents(&self) -> bool {
        self.policies[0].keeps_consents
    }

    /// Nothing goes wrong in this history.
    pub(crate) fn has_no_trouble(&self) -> bool {
        self.rates.iter().all(|rate| *rate == 0)
    }
}

/// What time brings about in a history. Much of it falls due within days.
struct Times {
    task_due: TaskTimes,
    reminders_ms: Vec<u64>,
    renewal_lead_ms: u64,
    verification_valid_ms: u64,
    consent_valid_ms: u64,
    rejected_recheck_ms: u64,
    resends_max: u32,
}

const HOUR_MS: u64 = 60 * 60_000;
const DAY_MS: u64 = 24 * HOUR_MS;

impl Times {
    fn drawn(chance: &mut Chance) -> Self {
        let mut due_ms = || chance.one_of(&[0, 6 * HOUR_MS, 2 * DAY_MS, 2 * DAY_MS]);
        let task_due = TaskTimes {
            consent_ms: due_ms(),
            data_ms: due_ms(),
            document_ms: due_ms(),
            operator_ms: due_ms(),
        };
        let reminders_ms = match chance.below(4) {
            0 => vec![],
            1 => vec![0],
            2 => vec![DAY_MS, HOUR_MS, 0],
            _ => vec![2 * DAY_MS, 6 * HOUR_MS],
        };
        Self {
            task_due,
            reminders_ms,
            renewal_lead_ms: chance.one_of(&[0, DAY_MS, 3 * DAY_MS, 3 * DAY_MS]),
            verification_valid_ms: chance.one_of(&[0, 0, 5 * DAY_MS]),
            consent_valid_ms: chance.one_of(&[0, 0, 4 * DAY_MS]),
            rejected_recheck_ms: chance.one_of(&[0, DAY_MS, 5 * DAY_MS]),
            resends_max: chance.one_of(&[0, 1, 1, 2]),
        }
    }

    fn of(&self, policy: Policy) -> Policy {
        Policy {
            task_due: self.task_due,
            reminders_ms: self.reminders_ms.clone(),
            renewal_lead_ms: self.renewal_lead_ms,
            verification_valid_ms: self.verification_valid_ms,
            consent_valid_ms: self.consent_valid_ms,
            rejected_recheck_ms: self.rejected_recheck_ms,
            resends_max: self.resends_max,
            // Often enough, in a third of the histories, that what comes with some looks comes.
            recheck_ms: match self.rejected_recheck_ms {
                DAY_MS => DAY_MS,
                _ => policy.recheck_ms,
            },
            ..policy
        }
    }
}

/// Polls are rarer than in production, so that days of waiting cost few steps.
fn policy(rounds_max: u64, keep_document_contents: bool) -> Policy {
    Policy {
        poll: Curve {
            initial_ms: 2_000,
            multiplier_percent: 300,
            max_ms: 600_000,
            jitter_percent: 10,
        },
        fast_polls: 4,
        slow_poll: Curve {
            initial_ms: 600_000,
            multiplier_percent: 300,
            max_ms: 12 * HOUR_MS,
            jitter_percent: 10,
        },
        rounds_max: u32::try_from(rounds_max).expect("it is drawn small"),
        unclear_polls_max: 6,
        keep_document_contents,
        ..Policy::default()
    }
}
