//! How often what may happen happened: what never did shows nothing.

use std::collections::BTreeMap;
use std::fmt;

use onboarding::State;

use crate::plan::Trouble;

/// Something that a process does, and may die before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    FindUser,
    Load,
    Commit,
    Claim,
    SlowDown,
    RecordGate,
    ReadProfile,
    ReadDocument,
    ReadDigests,
    ReadWallets,
    ReadHistory,
    ReadNotes,
    Call,
    Answer,
    Reply,
}

impl Operation {
    const ALL: [Self; 15] = [
        Self::FindUser,
        Self::Load,
        Self::Commit,
        Self::Claim,
        Self::SlowDown,
        Self::RecordGate,
        Self::ReadProfile,
        Self::ReadDocument,
        Self::ReadDigests,
        Self::ReadWallets,
        Self::ReadHistory,
        Self::ReadNotes,
        Self::Call,
        Self::Answer,
        Self::Reply,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::FindUser => "finding a user",
            Self::Load => "loading an onboarding",
            Self::Commit => "a commit",
            Self::Claim => "a claim",
            Self::SlowDown => "slowing down",
            Self::RecordGate => "recording the gate",
            Self::ReadProfile => "reading a profile",
            Self::ReadDocument => "reading a document",
            Self::ReadDigests => "reading what tells a file again",
            Self::ReadWallets => "reading wallets",
            Self::ReadHistory => "reading history",
            Self::ReadNotes => "reading what is to be noted",
            Self::Call => "a call was sent",
            Self::Answer => "an answer came",
            Self::Reply => "a person is answered",
        }
    }
}

/// A point at which a process may be delayed or die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    Before(Operation),
    After(Operation),
}

impl Point {
    pub(crate) fn all() -> Vec<Self> {
        let both = Operation::ALL.into_iter().flat_map(|one| [Self::Before(one), Self::After(one)]);
        // Whoever waits for an answer dies when it is killed, and a person who was answered is
        // at the end of what the process does.
        both.filter(|point| {
            ![Self::Before(Operation::Answer), Self::After(Operation::Reply)].contains(point)
        })
        .collect()
    }

    const fn place(self) -> usize {
        match self {
            Self::Before(operation) => 2 * operation as usize,
            Self::After(operation) => 2 * operation as usize + 1,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(operation) => write!(f, "before {}", operation.as_str()),
            Self::After(operation) => write!(f, "after {}", operation.as_str()),
        }
    }
}

/// How often what may happen happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    troubles: [u64; Trouble::ALL.len()],
    deaths: [u64; 2 * Operation::ALL.len()],
    events: BTreeMap<(State, &'static str), u64>,
    sights: [u64; Sight::ALL.len()],
}

/// Something rare that is worth seeing, and that no event's word tells by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// A section that the provider does not show is sent again.
    SectionSentAgain,
    /// It was sent often enough, and is held.
    SectionNotShown,
    /// Who stays verified is read for the provider's texts.
    TextsRead,
    /// What was to be renewed was, or need not be any more.
    RenewalClosed,
    /// What was renewed has to be renewed again.
    RenewalAskedAgain,
    /// A consent was given that the provider is not told of.
    ConsentKept,
    /// A refused user was looked at.
    RefusedLookedAt,
    /// A product was lost, and was verified again before anyone was told.
    LossUndone,
    /// Of several reminders that were missed, one was told.
    RemindersMissed,
}

impl Sight {
    const ALL: [Self; 9] = [
        Self::SectionSentAgain,
        Self::SectionNotShown,
        Self::TextsRead,
        Self::RenewalClosed,
        Self::RenewalAskedAgain,
        Self::ConsentKept,
        Self::RefusedLookedAt,
        Self::LossUndone,
        Self::RemindersMissed,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::SectionSentAgain => "a section that is not shown is sent again",
            Self::SectionNotShown => "a section that is not shown is held",
            Self::TextsRead => "a verified user is read for the texts",
            Self::RenewalClosed => "a renewal is closed",
            Self::RenewalAskedAgain => "a renewal is asked for again",
            Self::ConsentKept => "a consent is kept and not sent",
            Self::RefusedLookedAt => "a refused user is looked at",
            Self::LossUndone => "a lost product is verified again before it is told",
            Self::RemindersMissed => "of several reminders one is told",
        }
    }
}

/// The events that time, people or a second look bring about.
const EVENTS_TO_SEE: [&str; 10] = [
    "terms-accepted",
    "user-read",
    "product-regressed",
    "task-reminded",
    "renewal-opened",
    "task-waived",
    "reopened",
    "wallet-given",
    "wallet-linked",
    "wallet-withdrawn",
];

impl Coverage {
    pub(crate) const fn trouble(&mut self, trouble: Trouble) {
        self.troubles[trouble as usize] += 1;
    }

    pub(crate) const fn death(&mut self, at: Point) {
        self.deaths[at.place()] += 1;
    }

    pub(crate) fn event(&mut self, state: State, event: &'static str) {
        *self.events.entry((state, event)).or_default() += 1;
    }

    pub(crate) const fn sight(&mut self, sight: Sight) {
        self.sights[sight as usize] += 1;
    }

    /// Adds what happened elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.troubles.iter_mut().zip(other.troubles) {
            *count += more;
        }
        for (count, more) in self.deaths.iter_mut().zip(other.deaths) {
            *count += more;
        }
        for (count, more) in self.sights.iter_mut().zip(other.sights) {
            *count += more;
        }
        for (event, more) in &other.events {
            *self.events.entry(*event).or_default() += more;
        }
    }

    /// The troubles that never occurred.
    #[must_use]
    pub fn missing_troubles(&self) -> Vec<&'static str> {
        let missing = Trouble::ALL.into_iter().filter(|kind| self.troubles[*kind as usize] == 0);
        missing.map(Trouble::as_str).collect()
    }

    /// The points at which no process died.
    #[must_use]
    pub fn missing_deaths(&self) -> Vec<String> {
        let missing = Point::all().into_iter().filter(|point| self.deaths[point.place()] == 0);
        missing.map(|point| point.to_string()).collect()
    }

    /// What is worth seeing and never was: events, and what no event's word tells. That a loss is
    /// undone in time is too rare to be demanded of some hundred histories.
    #[must_use]
    pub fn missing_sights(&self) -> Vec<&'static str> {
        let happened = |word: &str| self.events.keys().any(|(_, event)| *event == word);
        let events = EVENTS_TO_SEE.into_iter().filter(|word| !happened(word));
        let sights = Sight::ALL.into_iter().filter(|sight| *sight != Sight::LossUndone);
        let sights = sights.filter(|sight| self.sights[*sight as usize] == 0);
        events.chain(sights.map(Sight::as_str)).collect()
    }

    /// All of it, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["how often each trouble occurred:".to_owned()];
        let count = |count: u64, what: &str| format!("{count:>10}  {what}");
        let troubles = Trouble::ALL.into_iter();
        lines.extend(troubles.map(|kind| count(self.troubles[kind as usize], kind.as_str())));
        lines.push("how often a process died:".to_owned());
        lines.extend(
            Point::all().into_iter().map(|at| count(self.deaths[at.place()], &at.to_string())),
        );
        lines.push("how often what is worth seeing was seen:".to_owned());
        let sights = Sight::ALL.into_iter();
        lines.extend(sights.map(|sight| count(self.sights[sight as usize], sight.as_str())));
        lines.push(
            "how often each event changed an onboarding, by the state that it met:".to_owned(),
        );
        for state in State::ALL {
            let events = self.events.iter().filter(|((met, _), _)| *met == state);
            let events: Vec<String> =
                events.map(|((_, event), count)| format!("{event} {count}")).collect();
            lines.push(format!("  {state}: {}", events.join(", ")));
        }
        lines
    }
}
