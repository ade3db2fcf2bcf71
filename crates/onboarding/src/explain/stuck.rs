//! Why an onboarding does not go on: the cause, since when, and the command that helps.

use serde::Serialize;

use crate::onboarding::{HoldCause, Onboarding};
use crate::reader::ForWhom;
use crate::step::{Call, Lane, Step, next_verification_step};
use crate::task::{Task, TaskState};
use crate::{DocumentType, FailureClass, Policy, State, Timestamp, UserLocator};

/// How long what may be normal lasts before it is said to be stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StuckAfter {
    /// The provider reviews for so long.
    pub provider_slow_ms: u64,
    /// A call was due for so long, and nobody made it.
    pub our_budget_ms: u64,
    /// The user was asked for so long, even if it is not overdue.
    pub user_silent_ms: u64,
}

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

impl Default for StuckAfter {
    fn default() -> Self {
        Self {
            provider_slow_ms: 3 * DAY_MS,
            our_budget_ms: 15 * MINUTE_MS,
            user_silent_ms: 7 * DAY_MS,
        }
    }
}

/// What an onboarding does not know of itself, and depends on all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Since when the provider takes no calls at all.
    pub gate_closed_since: Option<Timestamp>,
    /// From when on it is stuck.
    pub stuck_after: StuckAfter,
}

/// Why an onboarding does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StuckCause {
    /// The provider reviews for long, or fails for long.
    ProviderSlow,
    /// The provider takes no calls of ours.
    ProviderClosed,
    /// A call is due that nobody made: the budget is spent on others, or no worker runs.
    OurBudget,
    /// The user was asked for something, or nobody asked for verification.
    UserSilent,
    /// The company was asked for something that it alone knows.
    CompanySilent,
    /// What was sent was refused, or not kept.
    RefusedData,
    /// The provider said something that is not understood.
    UnknownAnswer,
}

impl StuckCause {
    /// Every cause.
    pub const ALL: [Self; 7] = [
        Self::ProviderSlow,
        Self::ProviderClosed,
        Self::OurBudget,
        Self::UserSilent,
        Self::CompanySilent,
        Self::RefusedData,
        Self::UnknownAnswer,
    ];

    /// The word in tables and in the catalogues of texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProviderSlow => "provider-slow",
            Self::ProviderClosed => "provider-closed",
            Self::OurBudget => "our-budget",
            Self::UserSilent => "user-silent",
            Self::CompanySilent => "company-silent",
            Self::RefusedData => "refused-data",
            Self::UnknownAnswer => "unknown-answer",
        }
    }
}

/// That an onboarding does not go on, why, since when, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Why.
    pub cause: StuckCause,
    /// Since when.
    pub since: Timestamp,
    /// The command that helps.
    pub command: String,
    /// The name of what staff is told, which goes with the command.
    pub note: &'static str,
}

/// Whether `user`'s onboarding is stuck at `now`. Of several causes, the one that a person has
/// to end comes first. A hold by an operator, an end on request and a verdict are none.
#[must_use]
pub fn stuck(
    user: &UserLocator,
    onboarding: &Onboarding,
    policy: &Policy,
    around: &Surroundings,
    now: Timestamp,
) -> Option<Stuck> {
    Look { user: user.as_str(), onboarding, policy, around, now }.whole()
}

/// The cause alone, for those who count and need not know who the user is.
#[must_use]
pub fn stuck_cause(
    onboarding: &Onboarding,
    policy: &Policy,
    around: &Surroundings,
    now: Timestamp,
) -> Option<StuckCause> {
    Look { user: "", onboarding, policy, around, now }.whole().map(|stuck| stuck.cause)
}

/// One look at one onboarding.
struct Look<'a> {
    user: &'a str,
    onboarding: &'a Onboarding,
    policy: &'a Policy,
    around: &'a Surroundings,
    now: Timestamp,
}

impl Look<'_> {
    fn whole(&self) -> Option<Stuck> {
        if self.onboarding.ended.is_some() {
            return None;
        }
        if self.onboarding.hold.is_some() {
            return self.held();
        }
        let of_verification = self.tasks().or_else(|| self.calls()).or_else(|| self.review());
        of_verification.or_else(|| self.unasked()).or_else(|| self.wallets())
    }

    fn found(&self, cause: StuckCause, since: Timestamp, words: &str) -> Stuck {
        self.noted(cause, since, (cause.as_str(), words))
    }

    fn noted(&self, cause: StuckCause, since: Timestamp, helps: (&'static str, &str)) -> Stuck {
        let (note, words) = helps;
        let command = format!("gangway {}", words.replace("LOCATOR", self.user));
        Stuck { cause, since, command, note }
    }

    fn lasts(&self, since: Timestamp, ms: u64) -> bool {
        self.now.ms_since(since) >= ms && since <= self.now
    }

    fn held(&self) -> Option<Stuck> {
        let hold = self.onboarding.hold.as_ref()?;
        if let HoldCause::Refused { call } = &hold.cause {
            let (note, words) = mending(call);
            return Some(self.noted(StuckCause::RefusedData, hold.since, (note, &words)));
        }
        let (cause, helps) = match &hold.cause {
            HoldCause::Operator | HoldCause::Refused { .. } => return None,
            HoldCause::NotShown => (StuckCause::RefusedData, ("not-shown", PATCH)),
            HoldCause::RoundsSpent => (StuckCause::RefusedData, ("rounds-spent", RESUME)),
            HoldCause::Forgotten => (StuckCause::UnknownAnswer, ("forgotten", RETRY)),
            HoldCause::Unclear => {
                (StuckCause::UnknownAnswer, (StuckCause::UnknownAnswer.as_str(), RETRY))
            }
        };
        Some(self.noted(cause, hold.since, helps))
    }

    /// The task that has been open for longest.
    fn tasks(&self) -> Option<Stuck> {
        let asked = self.onboarding.tasks.iter().filter_map(|task| self.asked(task));
        let overdue = self.onboarding.all_tasks().filter_map(|task| self.overdue(task));
        asked.chain(overdue).min_by_key(|stuck| stuck.since)
    }

    fn asked(&self, task: &Task) -> Option<Stuck> {
        if task.state != TaskState::Open {
            return None;
        }
        let asked_at = task.asked_at();
        let cause = match ForWhom::of(&task.request) {
            ForWhom::Operator => {
                return Some(self.found(StuckCause::UnknownAnswer, asked_at, VERIFY));
            }
            ForWhom::User | ForWhom::Company => silent(task),
        };
        let is_old = self.lasts(asked_at, self.around.stuck_after.user_silent_ms);
        let old = is_old.then(|| self.found(cause, asked_at, TASKS));
        old.or_else(|| self.overdue(task))
    }

    fn overdue(&self, task: &Task) -> Option<Stuck> {
        let due = task.due.filter(|_| task.is_overdue(self.now))?;
        Some(self.found(silent(task), due.at, TASKS))
    }

    /// A call that something waits for, and that is not made or does not succeed.
    fn calls(&self) -> Option<Stuck> {
        let Step::Call { call, due_at } = next_verification_step(self.onboarding, self.policy)
        else {
            return None;
        };
        if call.lane() == Lane::Read && self.onboarding.state.is_at_rest() {
            return None;
        }
        let closed = self.around.gate_closed_since.filter(|_| due_at <= self.now);
        if let Some(since) = closed {
            return Some(self.found(StuckCause::ProviderClosed, since, "doctor"));
        }
        self.failing().or_else(|| {
            let late = self.lasts(due_at, self.around.stuck_after.our_budget_ms);
            late.then(|| self.found(StuckCause::OurBudget, due_at, "doctor"))
        })
    }

    fn failing(&self) -> Option<Stuck> {
        let since = self.onboarding.retry?.failing_since;
        if !self.lasts(since, self.policy.stalled_after_ms) {
            return None;
        }
        let class = self.onboarding.last_error.as_ref().map(|error| error.class);
        Some(match class {
            Some(FailureClass::RateLimited) => self.found(StuckCause::OurBudget, since, "doctor"),
            _ => self.found(StuckCause::ProviderSlow, since, RETRY),
        })
    }

    /// A wallet whose call does not succeed. It holds up nothing else, but nobody would notice.
    fn wallets(&self) -> Option<Stuck> {
        let retries = self.onboarding.wallets.values().filter_map(|wallet| wallet.retry);
        let since = retries.map(|retry| retry.failing_since).min()?;
        let is_long = self.lasts(since, self.policy.stalled_after_ms);
        is_long.then(|| self.found(StuckCause::ProviderSlow, since, RETRY))
    }

    fn review(&self) -> Option<Stuck> {
        let since = self.onboarding.state_since;
        let is_long = self.onboarding.state == State::Polling
            && self.lasts(since, self.around.stuck_after.provider_slow_ms);
        let unclear = self.onboarding.is_unclear();
        let cause = if unclear { StuckCause::UnknownAnswer } else { StuckCause::ProviderSlow };
        is_long.then(|| self.found(cause, since, RETRY))
    }

    /// Nobody gave data, or nobody asked for verification.
    fn unasked(&self) -> Option<Stuck> {
        let since = self.onboarding.updated_at;
        let is_waiting = next_verification_step(self.onboarding, self.policy)
            == Step::WaitForPerson
            && !self.onboarding.state.is_at_rest();
        if !is_waiting || !self.lasts(since, self.around.stuck_after.user_silent_ms) {
            return None;
        }
        let has_data = self.onboarding.profile.is_some();
        let helps = if has_data { ("not-asked", VERIFY) } else { ("no-data", SET) };
        Some(self.noted(StuckCause::UserSilent, since, helps))
    }
}

/// The cause where whoever has to do what a task asks does nothing.
fn silent(task: &Task) -> StuckCause {
    match ForWhom::of(&task.request) {
        ForWhom::User | ForWhom::Operator => StuckCause::UserSilent,
        ForWhom::Company => StuckCause::CompanySilent,
    }
}

const SET: &str = "user set LOCATOR --file FILE";
const PATCH: &str = "user patch LOCATOR --file FILE";
const RETRY: &str = "retry LOCATOR";
const RESUME: &str = "resume LOCATOR";
const TASKS: &str = "tasks LOCATOR";
const VERIFY: &str = "verify LOCATOR";

/// What mends a call that was refused: the name of what staff is told, and the command.
fn mending(call: &Call) -> (&'static str, String) {
    match call {
        Call::AcceptPrivacyPolicy { .. } | Call::AcceptTerms { .. } => {
            ("refused-consent", PATCH.to_owned())
        }
        Call::RegisterUser { .. } => (StuckCause::RefusedData.as_str(), PATCH.to_owned()),
        // Another file would be refused as well.
        Call::UploadDocument { document_type: DocumentType::Other(word), .. } => {
            ("refused-document-type", format!("document remove LOCATOR --type {word}"))
        }
        Call::UploadDocument { document_type, .. } => {
            ("refused-document", format!("document add LOCATOR --type {document_type} --file FILE"))
        }
        Call::ReadUser { .. }
        | Call::TriggerVerification { .. }
        | Call::CheckStatus { .. }
        | Call::LinkWallet { .. } => ("refused-call", RETRY.to_owned()),
    }
}
