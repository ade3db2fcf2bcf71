//! The auditor: it sees every claim, call and commit as it takes effect, keeps books of its
//! own, and finds the first thing that must not be (docs/architecture.md, I1 to I9 and I11).

use std::collections::{BTreeMap, VecDeque};

use onboarding::{
    Call, Context, DocumentType, Effect, Event, FailureClass, GivenWallet, Lane, Onboarding,
    OnboardingId, Outcome, Policy, Region, Request as Asked, Revision, Revisions, State as Stand,
    Task, TaskState, Timestamp, Wallet, WalletNumber, apply,
};
use serde_json::Value;
use store::{Budgets, Claimed, Commit, HistoryRow, Lease};

use crate::base::ask;
use crate::coverage::Sight;
use crate::invariants;
use crate::noted::{self, Noted};
use crate::people::{locator_of, user_of};
use crate::provider::Request;
use crate::world::{Process, State};

const MINUTE_MS: u64 = 60_000;
/// The store takes no 429 for longer than this.
const HUSH_LONGEST_MS: u64 = 60 * MINUTE_MS;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant, `I1` to `I9` or `I11`.
    pub invariant: &'static str,
    /// What is wrong, as a sentence.
    pub what: String,
}

/// What the auditor keeps.
pub(crate) struct Ledger {
    budgets: Budgets,
    /// The true times of the calls of the last minute that were permitted, by lane.
    permitted: [VecDeque<u64>; 2],
    /// Nobody may call in this lane before this.
    hushed: [Option<Timestamp>; 2],
    /// When the clock jumped ahead: that can't be told from time that passed.
    pub(crate) leaps_ms: Vec<u64>,
    pub(crate) watched: BTreeMap<OnboardingId, Box<Watched>>,
    /// Counts what changed any of them.
    pub(crate) changes: u64,
    pub(crate) violation: Option<Violation>,
}

/// What the auditor knows of one onboarding.
pub(crate) struct Watched {
    pub(crate) user: usize,
    pub(crate) replayed: Onboarding,
    /// Its row can't be read.
    is_damaged: bool,
    claims: Vec<LiveClaim>,
    /// The calls that were claimed and not sent yet. A claim that has run out is a permission
    /// still, as its call was taken from the budget; one that was given back is none.
    permits: Vec<(Lease, &'static str)>,
    /// A trigger was sent, and what became of it is not known.
    is_trigger_unread: bool,
    /// What was triggered with, since someone changed what to verify.
    rounds: Vec<Revisions>,
    /// What time brings about.
    pub(crate) noted: Noted,
    /// The provider showed each section of the profile that it last acknowledged.
    pub(crate) is_shown_whole: bool,
    /// What people gave, by revision.
    pub(crate) profiles: BTreeMap<Revision, Value>,
    pub(crate) consents: BTreeMap<Revision, Timestamp>,
    pub(crate) terms: BTreeMap<Revision, (Timestamp, Region)>,
    pub(crate) documents: BTreeMap<(DocumentType, Revision), Vec<u8>>,
    pub(crate) wallets: BTreeMap<(WalletNumber, Revision), GivenWallet>,
}

struct LiveClaim {
    lease: Lease,
    /// By the book: what the lease says may be wrong.
    until: Timestamp,
}

/// What the auditor needs to know of a commit.
pub(crate) struct CommitNote {
    process: Process,
    id: OnboardingId,
    pub(crate) user: usize,
    /// The version that it builds on, if it changes anything.
    base: Option<u64>,
    gives_back: Option<Lease>,
    pub(crate) now: Timestamp,
}

impl CommitNote {
    pub(crate) fn of(commit: &Commit, process: Process) -> Self {
        Self {
            process,
            id: commit.id,
            user: user_of(&commit.user),
            base: commit.transitions.first().map(|first| first.onboarding.version - 1),
            gives_back: commit.claim.given_back(),
            now: commit.now,
        }
    }
}

impl Ledger {
    pub(crate) fn new(budgets: Budgets) -> Self {
        Self {
            budgets,
            permitted: Default::default(),
            hushed: [None; 2],
            leaps_ms: Vec::new(),
            watched: BTreeMap::new(),
            changes: 0,
            violation: None,
        }
    }

    /// Takes note of a violation. Only the first counts: the others follow from it.
    pub(crate) fn violated(&mut self, invariant: &'static str, what: impl Into<String>) {
        self.violation.get_or_insert_with(|| Violation { invariant, what: what.into() });
    }

    /// Those whose rows can be read.
    pub(crate) fn intact(&self) -> impl Iterator<Item = &Watched> {
        self.watched.values().map(|watched| &**watched).filter(|watched| !watched.is_damaged)
    }

    /// The only worker starts, and whoever held a claim is gone.
    pub(crate) fn claims_are_void(&mut self) {
        self.watched.values_mut().for_each(|watched| watched.claims.clear());
    }

    pub(crate) fn slowed_down(&mut self, lane: Lane, now: Timestamp, until: Timestamp) {
        let until = until.min(now.plus_ms(HUSH_LONGEST_MS));
        let hushed = &mut self.hushed[lane as usize];
        *hushed = (*hushed).max(Some(until));
    }

    /// The clock was set back, and nobody knows how long the hush lasts by the new time.
    pub(crate) fn clock_was_set_back(&mut self) {
        self.hushed = [None; 2];
    }

    /// I8: a permission to call, read from the clock at the true time `at_ms`.
    fn call_is_permitted(&mut self, lane: Lane, at_ms: u64, wall: Timestamp) {
        if self.hushed[lane as usize].is_some_and(|until| wall < until) {
            self.violated("I8", "a call was permitted while a 429 asks for quiet");
        }
        let budget = match lane {
            Lane::Write => self.budgets.writes_per_minute,
            Lane::Read => self.budgets.reads_per_minute,
        };
        if budget == 0 {
            return;
        }
        let minute = &mut self.permitted[lane as usize];
        minute.push_back(at_ms);
        while minute.front().is_some_and(|first| first + MINUTE_MS < at_ms) {
            minute.pop_front();
        }
        let leaps = self.leaps_ms.iter().filter(|leap| **leap + MINUTE_MS >= at_ms).count();
        let permitted = minute.len();
        if permitted > budget as usize + leaps {
            self.violated(
                "I8",
                format!("{permitted} {} calls within a minute of {budget}", lane.as_str()),
            );
        }
    }

    /// A worker sends a call: I8, no call without a claim; I5, no trigger in the dark.
    pub(crate) fn call_is_sent(
        &mut self,
        process: Process,
        user: usize,
        request: &Request,
        now_ms: u64,
    ) {
        let is_permit = |(lease, name): &(Lease, &str)| {
            lease.by == process.worker_id() && *name == request.name()
        };
        // The newest first: of an erased one, permissions may be left that nobody used.
        let newest_first = self.watched.values_mut().rev();
        let mut of_user = newest_first.filter(|watched| watched.user == user);
        let found = of_user.find_map(|watched| {
            let place = watched.permits.iter().position(is_permit)?;
            Some((watched, place))
        });
        let Some((watched, place)) = found else {
            let name = request.name();
            // A trigger that is sent again in the dark is worse than a call too many.
            let invariant = if matches!(request, Request::Trigger) { "I5" } else { "I8" };
            self.violated(invariant, format!("{name} is sent at {now_ms} without a claim"));
            return;
        };
        watched.permits.swap_remove(place);
        if matches!(request, Request::Trigger)
            && std::mem::replace(&mut watched.is_trigger_unread, true)
        {
            self.violated("I5", "a trigger while an earlier one's answer is unknown and unread");
        }
    }
}

impl Watched {
    fn new(user: usize, id: OnboardingId, began_at: Timestamp) -> Self {
        Self {
            user,
            replayed: Onboarding::blank(id, began_at),
            is_damaged: false,
            claims: Vec::new(),
            permits: Vec::new(),
            is_trigger_unread: false,
            rounds: Vec::new(),
            noted: Noted::default(),
            is_shown_whole: false,
            profiles: BTreeMap::new(),
            consents: BTreeMap::new(),
            terms: BTreeMap::new(),
            documents: BTreeMap::new(),
            wallets: BTreeMap::new(),
        }
    }

    /// I1: history gives the onboarding. Answers what it was before.
    fn replay(&mut self, row: &HistoryRow) -> Result<Onboarding, String> {
        let version = self.replayed.version + 1;
        if row.version != version {
            return Err(format!("version {} follows {}", row.version, version - 1));
        }
        let cx = Context { now: row.at, policy: &row.policy };
        match apply(&self.replayed, &row.event, &cx) {
            Outcome::Ignored(reason) => Err(format!(
                "version {version} ({}) is ignored in replay: {}",
                row.event.name(),
                reason.as_str()
            )),
            Outcome::Changed(transition) if transition.onboarding.state != row.to => {
                Err(format!("version {version} says {}, and its replay does not", row.to))
            }
            Outcome::Changed(transition) => {
                Ok(std::mem::replace(&mut self.replayed, transition.onboarding))
            }
        }
    }

    /// I5: what became of the last trigger, and whether this begins one for the same data.
    fn follow_triggers(&mut self, event: &Event, had_operator_task: bool) -> Result<(), String> {
        match event {
            Event::VerificationTriggered { .. } | Event::StatusChecked { .. } => {
                self.is_trigger_unread = false;
            }
            Event::CallFailed { call, failure } => {
                let is_trigger = matches!(call, Call::TriggerVerification { .. });
                let is_told = match failure.class {
                    FailureClass::NotFound => true,
                    // The provider says so of a user whom it does not know.
                    FailureClass::Refused => {
                        matches!(call, Call::CheckStatus { .. } | Call::ReadUser { .. })
                    }
                    FailureClass::Transient
                    | FailureClass::RateLimited
                    | FailureClass::ProviderClosed => false,
                };
                if is_told || (is_trigger && failure.effect == Effect::None) {
                    self.is_trigger_unread = false;
                }
            }
            Event::TriggerBegun { .. } => {
                let doubt = self.replayed.verification.in_doubt.as_ref();
                let sent = doubt.map(|doubt| doubt.sent.clone()).unwrap_or_default();
                if self.rounds.contains(&sent) {
                    return Err("two triggers for the same round of data".to_owned());
                }
                self.rounds.push(sent);
            }
            // The provider is to judge the same again.
            Event::WantedProductsSet { .. } | Event::TaskWaived { .. } | Event::Reopened { .. } => {
                self.rounds.clear()
            }
            Event::VerificationRequested if had_operator_task => self.rounds.clear(),
            Event::VerificationRequested
            | Event::ProfileSet { .. }
            | Event::ConsentGiven { .. }
            | Event::DocumentAdded { .. }
            | Event::DocumentWithdrawn { .. }
            | Event::PrivacyPolicyAccepted { .. }
            | Event::TermsAccepted { .. }
            | Event::UserRegistered { .. }
            | Event::UserRead { .. }
            | Event::DocumentUploaded { .. }
            | Event::WalletGiven { .. }
            | Event::WalletWithdrawn { .. }
            | Event::WalletLinked { .. }
            | Event::RefusedAlone { .. }
            | Event::ProductRegressed(_)
            | Event::TaskReminded { .. }
            | Event::RenewalOpened { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::Retried { .. }
            | Event::Cancelled { .. }
            | Event::Erased { .. } => {}
        }
        Ok(())
    }

    fn has_operator_task(&self) -> bool {
        let is_one = |task: &Task| {
            task.state == TaskState::Open && matches!(task.request, Asked::Operator(_))
        };
        self.replayed.tasks.iter().any(is_one)
    }
}

impl State {
    /// A worker was given a claim: I8 and I9.
    pub(crate) fn claim_is_made(&mut self, process: Process, claimed: &Claimed, now: Timestamp) {
        let id = claimed.stored.onboarding.id;
        let until = now.plus_ms(self.plan.lease_ms);
        let at_ms = self.true_ms(now);
        self.ledger.call_is_permitted(claimed.call.lane(), at_ms, now);
        if let Some(watched) = self.ledger.watched.get_mut(&id) {
            let claims = watched.claims.len();
            watched.claims.retain(|claim| claim.until > now);
            let (is_held, has_run_out) =
                (!watched.claims.is_empty(), watched.claims.len() < claims);
            watched.claims.push(LiveClaim { lease: claimed.lease, until });
            watched.permits.push((claimed.lease, claimed.call.name()));
            let (user, is_damaged) = (watched.user, watched.is_damaged);
            if is_damaged {
                self.ledger.violated("I1", "a damaged onboarding is worked on");
            }
            if is_held {
                self.ledger.violated("I9", "two workers hold a claim on one onboarding at once");
            }
            if has_run_out {
                self.tell(|| format!("user {user}: {process} takes over, as a claim ran out"));
            }
        }
        // Only what begins a trigger changes the onboarding.
        if matches!(claimed.call, Call::TriggerVerification { .. }) {
            self.follow(id, process);
        }
    }

    /// A commit took effect: I9, and all that follows from what it changed.
    pub(crate) fn commit_is_stored(&mut self, note: &CommitNote) {
        let watched = self
            .ledger
            .watched
            .entry(note.id)
            .or_insert_with(|| Box::new(Watched::new(note.user, note.id, note.now)));
        if let Some(lease) = note.gives_back {
            watched.claims.retain(|claim| claim.lease != lease);
            watched.permits.retain(|(held, _)| *held != lease);
        }
        let Some(base) = note.base else {
            let (user, process) = (note.user, note.process);
            return self.tell(|| {
                format!("user {user}: {process}: an answer that came late changes nothing")
            });
        };
        // The change replaces the whole row.
        watched.is_damaged = false;
        if base != watched.replayed.version {
            let what = format!("a commit built on version {base} was stored on another");
            self.ledger.violated("I9", what);
        }
        self.follow(note.id, note.process);
    }

    /// Reads what happened to an onboarding since it was last looked at, and checks it.
    fn follow(&mut self, id: OnboardingId, process: Process) {
        let Some(mut watched) = self.ledger.watched.remove(&id) else { return };
        self.ledger.changes += 1;
        let after = watched.replayed.version;
        let read = self.store.load_with_history(id, after).expect("the store can be read");
        let (stored, rows) = read.unzip();
        for row in rows.into_iter().flatten() {
            self.follow_row(&mut watched, &row, process);
        }
        if stored.is_none_or(|stored| stored.onboarding != watched.replayed) {
            self.ledger.violated("I1", "the replay of history is not what is stored");
        }
        let user = watched.user;
        self.ledger.watched.insert(id, watched);
        self.check_record(user);
    }

    fn follow_row(&mut self, watched: &mut Watched, row: &HistoryRow, process: Process) {
        let had_operator_task = watched.has_operator_task();
        let before = match watched.replay(row) {
            Ok(before) => before,
            Err(what) => return self.ledger.violated("I1", what),
        };
        let (user, from) = (watched.user, before.state);
        if watched.replayed.forgotten > before.forgotten {
            self.provider.loss_is_known(user);
        }
        self.coverage.event(row.from, row.event.name());
        self.story.mark(row.version ^ (row.event.name().len() as u64) << 32);
        self.story.mark(row.at.0.unsigned_abs());
        self.tell(|| {
            let (event, version) = (row.event.name(), row.version);
            format!("user {user}: {event} by {process}: {from} -> {} (version {version})", row.to)
        });
        let rounds = watched.follow_triggers(&row.event, had_operator_task);
        if let Err(what) = rounds
            && self.plan.has_no_trouble()
        {
            self.ledger.violated("I5", what);
        }
        if let Err(what) = self.follow_promise(watched, &row.event, process) {
            self.ledger.violated("I4", what);
        }
        self.follow_notes(watched, row, &before);
        if let Err((invariant, what)) = invariants::check(&watched.replayed, &row.policy) {
            self.ledger.violated(invariant, what);
        }
        if watched.replayed.state == Stand::Verified
            && !invariants::is_truly_verified(&watched.replayed, self.provider.account(user))
        {
            let what = "verified, and the provider has not said so since it was last told";
            self.ledger.violated("I3", what);
        }
    }

    /// What time brings about, and what the provider shows of a user.
    fn follow_notes(&mut self, watched: &mut Watched, row: &HistoryRow, before: &Onboarding) {
        let (event, policy) = (&row.event, &row.policy);
        match watched.noted.follow(event, before, &watched.replayed, policy) {
            Ok(sight) => sight.into_iter().for_each(|sight| self.coverage.sight(sight)),
            Err(what) => self.ledger.violated("I11", what),
        }
        match noted::follow_registration(watched, event, before, policy) {
            Ok(sight) => sight.into_iter().for_each(|sight| self.coverage.sight(sight)),
            Err(what) => self.ledger.violated("I4", what),
        }
        if let Err(what) = noted::check_renewals(&watched.replayed, policy) {
            self.ledger.violated("I11", what);
        }
        if policy.keeps_consents && matches!(event, Event::ConsentGiven { .. }) {
            self.coverage.sight(Sight::ConsentKept);
        }
        let is_look = matches!(event, Event::StatusChecked { .. });
        if is_look && row.from == Stand::Rejected && row.to == Stand::Rejected {
            self.coverage.sight(Sight::RefusedLookedAt);
        }
    }

    /// At the end, when days have passed in which nothing went wrong: nothing was forgotten, and
    /// what the provider showed it has.
    pub(crate) fn check_nothing_is_forgotten(&mut self) {
        let (policy, now) = (self.plan.policies[0].clone(), self.wall());
        let found = self.ledger.intact().find_map(|watched| {
            let onboarding = &watched.replayed;
            if onboarding.hold.is_some() || onboarding.ended.is_some() {
                return None;
            }
            let told = watched.noted.check_all_told(onboarding, &policy, now);
            let shown = watched.compare_with_shown(self.provider.account(watched.user));
            let told = told.map_err(|what| ("I11", what));
            told.and(shown.map_err(|what| ("I4", what)))
                .and(is_looked_at(onboarding, &policy, now).map_err(|what| ("I6", what)))
                .and(are_wallets_linked(onboarding).map_err(|what| ("I6", what)))
                .err()
        });
        if let Some((invariant, what)) = found {
            self.ledger.violated(invariant, what);
        }
    }

    /// The row of a user can't be read any more. Answers whether there is one.
    pub(crate) fn damage(&mut self, user: usize) -> bool {
        let id = match ask!(&self.store, find(&locator_of(user))) {
            Ok(Some(stored)) => stored.onboarding.id,
            Ok(None) | Err(_) => return false,
        };
        self.store.damage(id);
        let watched = self.ledger.watched.get_mut(&id);
        watched.expect("whoever is stored is watched").is_damaged = true;
        // What is at rest now may be all there is.
        self.ledger.changes += 1;
        true
    }

    /// I7: what was acknowledged to a person is in the store.
    pub(crate) fn is_acknowledged(&mut self, id: OnboardingId, version: u64, to: Stand) {
        let rows = ask!(&self.store, history(id, version - 1, 1));
        let rows = rows.expect("the store can be read");
        if !rows.iter().any(|row| row.version == version && row.to == to) {
            self.ledger.violated("I7", "what a person was told is stored is not in the store");
        }
    }

    /// At the end: versions, and the tasks beside them, are those of the onboarding.
    pub(crate) fn check_tables(&mut self) {
        let ids: Vec<OnboardingId> = self.ledger.watched.keys().copied().collect();
        for id in ids {
            let rows = ask!(&self.store, history(id, 0, usize::MAX));
            let tasks = ask!(&self.store, tasks(store::TaskRequest::first(Some(id), usize::MAX)));
            let (rows, tasks) =
                (rows.expect("the store can be read"), tasks.expect("the store can be read"));
            let watched = &self.ledger.watched[&id];
            let onboarding = &watched.replayed;
            // Of who was ended, or can't be read, none is listed.
            let is_listed = onboarding.ended.is_none() && !watched.is_damaged;
            let mut listed: Vec<Task> = tasks.into_iter().map(|stored| stored.task).collect();
            listed.sort_by_key(|task| task.number);
            let mut held: Vec<&Task> = onboarding
                .all_tasks()
                .filter(|task| is_listed && task.state != TaskState::Closed)
                .collect();
            held.sort_by_key(|task| task.number);
            let (is_history_whole, is_table_whole) =
                (rows.len() as u64 == onboarding.version, listed.iter().eq(held));
            if !is_history_whole {
                self.ledger.violated("I1", "history has more or fewer rows than versions");
            }
            if !is_table_whole {
                self.ledger.violated("I1", "the table of tasks is not the onboarding's");
            }
        }
    }
}

/// The provider took or refused every wallet of whoever it knows.
fn are_wallets_linked(onboarding: &Onboarding) -> Result<(), &'static str> {
    let is_known =
        onboarding.profile.as_ref().is_some_and(|profile| profile.acknowledged.is_some());
    let is_waiting =
        |wallet: &Wallet| wallet.acknowledged != Some(wallet.revision) && !wallet.is_refused();
    if is_known && onboarding.wallets.values().any(is_waiting) {
        return Err("a wallet is neither linked nor refused");
    }
    Ok(())
}

/// Whoever was judged is looked at slowly, and for ever.
fn is_looked_at(
    onboarding: &Onboarding,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), &'static str> {
    let every_ms = if onboarding.state == Stand::Verified {
        policy.recheck_ms
    } else if onboarding.state == Stand::Rejected {
        policy.rejected_recheck_ms
    } else {
        0
    };
    let seen_at = onboarding.observation.as_ref().map(|word| word.observed_at);
    let is_overdue = |seen_at: Timestamp| now.ms_since(seen_at) > every_ms + 60 * MINUTE_MS;
    if every_ms > 0 && seen_at.is_some_and(is_overdue) {
        return Err("whoever was judged is not looked at any more");
    }
    Ok(())
}
