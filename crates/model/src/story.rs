//! A way through the states, in words.

use std::fmt;

use stateright::Path;

use crate::call::{Call, CallKind, Result, Trouble, Word};
use crate::worker::{Fate, Phase};
use crate::world::{Action, State};

/// Steps from a first state on.
pub struct Story {
    pub(crate) first: State,
    pub(crate) steps: Vec<(Action, State)>,
}

impl Story {
    pub(crate) fn of(path: Path<State, Action>) -> Self {
        let (states, actions): (Vec<State>, Vec<Option<Action>>) =
            path.into_vec().into_iter().unzip();
        let mut states = states.into_iter();
        let first = states.next().expect("a path has a first state");
        Self { first, steps: actions.into_iter().flatten().zip(states).collect() }
    }

    /// How many steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether it ends where it begins.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(crate) fn last(&self) -> &State {
        self.steps.last().map_or(&self.first, |(_, state)| state)
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = match self.first.stored.onboarding().verification.asked {
            true => "and asks for verification",
            false => "and does not ask for verification yet",
        };
        writeln!(
            f,
            "     0. {:22} a new user gives profile and consent {asked}",
            state(&self.first)
        )?;
        let mut before = &self.first;
        for (number, (action, after)) in (1..).zip(&self.steps) {
            writeln!(f, "  {number:>4}. {:22} {}", state(after), told(action, before))?;
            before = after;
        }
        Ok(())
    }
}

fn state(state: &State) -> &'static str {
    state.stored.onboarding().state.as_str()
}

fn told(action: &Action, before: &State) -> String {
    let phase = |worker: usize| match before.workers[worker].phase {
        Phase::Idle => "nothing".to_owned(),
        Phase::Claimed(call) => call.to_string(),
        Phase::Answered(answer) => format!("{}: {}", answer.call, answer.result),
    };
    match action {
        Action::Act(act) => act.as_str().to_owned(),
        Action::Claim(_) => match before.stored.next_call() {
            Some(call) => format!("a worker claims {}", call.name()),
            None => "a worker claims nothing".to_owned(),
        },
        Action::ClaimWallet(_) => "a worker claims link-wallet".to_owned(),
        Action::Call { worker, fate, judged } => {
            let judged = match judged {
                Some(words) if *fate == Fate::Answered => format!(": {}", Result::Words(*words)),
                Some(words) => format!(" (the provider made of it: {})", Result::Words(*words)),
                None => String::new(),
            };
            format!("a worker calls {}; {}{judged}", phase(*worker), fate.as_str())
        }
        Action::Record { worker, comes_again } => {
            let again = if *comes_again { ", which will come again" } else { "" };
            format!("a worker records {}{again}", phase(*worker))
        }
        Action::ComesAgain(index) => {
            let answer = before.copies[*index];
            format!("an old answer comes again, {}: {}", answer.call, answer.result)
        }
        Action::LeaseRunsOut(worker) => format!("the lease runs out of {}", phase(*worker)),
        Action::Crash(worker) => format!("a worker is killed that had {}", phase(*worker)),
        Action::Decide { product, word } => {
            format!("the provider decides on product {}: {word}", product + 1)
        }
        Action::TakeBack { product, word } => {
            format!("the provider takes its verdict on product {} back: {word}", product + 1)
        }
        Action::Forget => "the provider loses the user".to_owned(),
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            CallKind::Consent(revision) => write!(f, "accept-privacy-policy {revision}")?,
            CallKind::Terms(revision) => write!(f, "accept-terms {revision}")?,
            CallKind::Read => f.write_str("read-user")?,
            CallKind::Register(revision) => write!(f, "register-user {revision}")?,
            CallKind::Upload(revision) => write!(f, "upload-document {revision}")?,
            CallKind::Link(revision) => write!(f, "link-wallet {revision}")?,
            CallKind::Trigger => f.write_str("trigger-verification")?,
            CallKind::Status => f.write_str("check-status")?,
        }
        f.write_str(if self.is_newest { "" } else { " of before" })
    }
}

impl fmt::Display for Result {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Shown { is_whole: true } => f.write_str("it has every section"),
            Self::Shown { is_whole: false } => f.write_str("it lacks a section"),
            Self::Words([word, Word::Nothing]) => write!(f, "{word}"),
            Self::Words([first, second]) => write!(f, "{first}, {second}"),
            Self::Failed(trouble) => f.write_str(match trouble {
                Trouble::NoAnswer => "no answer",
                Trouble::NotSent => "not sent",
                Trouble::RateLimited => "too many calls",
                Trouble::Refused => "refused",
                Trouble::Closed => "the provider is closed",
                Trouble::NotFound => "not found",
            }),
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing said",
            Self::NotStarted => "not-started",
            Self::LacksConsent => "pending-privacy-policy",
            Self::LacksData => "requires-data (a section)",
            Self::LacksDocument => "requires-data (a document)",
            Self::Review => "pending-review",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
            Self::Unknown => "an unknown word",
        })
    }
}
