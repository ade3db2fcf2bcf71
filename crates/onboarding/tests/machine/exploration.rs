//! Everything that can be reached from a blank onboarding with the alphabet, breadth-first.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::OnceLock;

use onboarding::{
    Event, Onboarding, Outcome, Policy, Reason, State, Step, TaskState, next_verification_step,
};

use crate::alphabet::events;
use crate::driver::{blank, outcome};
use crate::events::START;
use crate::invariants::check_invariants;

/// What an event may come to in one state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The states to which it leads.
    pub to: BTreeSet<State>,
    /// The reasons for which it is ignored.
    pub ignored: BTreeSet<Reason>,
}

/// What the exploration found.
pub struct Exploration {
    /// By state, and by the event's word with the class of a failure.
    pub cells: BTreeMap<State, BTreeMap<String, Cell>>,
}

/// More onboardings than this mean that a bound of the alphabet is missing.
const ONBOARDINGS_MAX: usize = 40_000;

/// The exploration, done once for all tests of this run.
pub fn exploration() -> &'static Exploration {
    static EXPLORATION: OnceLock<Exploration> = OnceLock::new();
    EXPLORATION.get_or_init(explore)
}

fn explore() -> Exploration {
    let policy = policy();
    let mut seen = HashSet::from([gist(&blank())]);
    let mut queue = VecDeque::from([blank()]);
    let mut cells: BTreeMap<State, BTreeMap<String, Cell>> = BTreeMap::new();
    while let Some(onboarding) = queue.pop_front() {
        let row = cells.entry(onboarding.state).or_default();
        for event in events(&onboarding) {
            let cell = row.entry(word(&event)).or_default();
            match outcome(&onboarding, &event, START, &policy) {
                Outcome::Ignored(reason) => {
                    cell.ignored.insert(reason);
                }
                Outcome::Changed(transition) => {
                    let after = transition.onboarding;
                    cell.to.insert(after.state);
                    if seen.insert(gist(&after)) {
                        check_invariants(&after)
                            .unwrap_or_else(|violation| panic!("{violation}\n{after:#?}"));
                        queue.push_back(after);
                    }
                }
            }
        }
        assert!(seen.len() <= ONBOARDINGS_MAX, "the exploration has no end");
    }
    Exploration { cells }
}

/// Small limits, so that each is reached soon.
fn policy() -> Policy {
    Policy {
        rounds_max: 1,
        forgotten_max: 1,
        unclear_polls_max: 0,
        confirm_registration: true,
        resends_max: 0,
        ..Policy::default()
    }
}

/// The event's word, with the class when it reports a failure.
pub fn word(event: &Event) -> String {
    match event {
        Event::CallFailed { failure, .. } => {
            format!("{} ({})", event.name(), failure.class.as_str())
        }
        Event::ProfileSet { .. }
        | Event::WantedProductsSet { .. }
        | Event::ConsentGiven { .. }
        | Event::DocumentAdded { .. }
        | Event::DocumentWithdrawn { .. }
        | Event::WalletGiven { .. }
        | Event::WalletWithdrawn { .. }
        | Event::WalletLinked { .. }
        | Event::VerificationRequested
        | Event::PrivacyPolicyAccepted { .. }
        | Event::TermsAccepted { .. }
        | Event::UserRead { .. }
        | Event::RefusedAlone { .. }
        | Event::ProductRegressed(_)
        | Event::TaskReminded { .. }
        | Event::RenewalOpened { .. }
        | Event::TaskWaived { .. }
        | Event::Reopened { .. }
        | Event::UserRegistered { .. }
        | Event::DocumentUploaded { .. }
        | Event::TriggerBegun { .. }
        | Event::VerificationTriggered { .. }
        | Event::StatusChecked { .. }
        | Event::Held { .. }
        | Event::Resumed { .. }
        | Event::Retried { .. }
        | Event::Cancelled { .. }
        | Event::Erased { .. } => event.name().to_owned(),
    }
}

/// What decides where the next event leads: of all onboardings that agree in this, one is
/// explored. Times, texts, and counts of what happened are no part of it.
fn gist(onboarding: &Onboarding) -> String {
    let step = match next_verification_step(onboarding, &policy()) {
        Step::Call { call, .. } => call.name(),
        Step::WaitForPerson => "wait",
        Step::Nothing => "nothing",
    };
    let verification = &onboarding.verification;
    let doubt = verification.in_doubt.as_ref().map(|doubt| doubt.requested_again);
    let asked = (verification.asked, verification.requested, verification.renew);
    let observed = onboarding.observation.as_ref().map(|observation| {
        let statuses: Vec<_> = observation.products.values().map(|word| &word.status).collect();
        (statuses, observation.epoch == onboarding.epoch)
    });
    let open = onboarding.tasks.iter().any(|task| task.state == TaskState::Open);
    let hold = onboarding.hold.as_ref().map(|hold| hold.cause.as_str());
    let facts = (onboarding.version > 0, onboarding.state, step, hold, open);
    let acknowledged = onboarding.acknowledged_revisions();
    let judged = verification.triggered_with.as_ref().map(|with| *with == acknowledged);
    let taken_back = onboarding.documents.values().any(|document| !document.is_at_hand());
    let renewals = onboarding.renewals.len();
    let regressed = !onboarding.regressions.untold.is_empty();
    let wallets: Vec<_> = onboarding.wallets.values().map(|it| (it.revision, it.word)).collect();
    format!(
        "{facts:?}{doubt:?}{asked:?}{judged:?}{observed:?}{taken_back}{renewals}{regressed}{wallets:?}"
    )
}
