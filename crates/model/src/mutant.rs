//! Faults that are planted in what is around the rules, each of which must be caught.

use crate::bounds::Bounds;

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A commit replaces whatever is stored.
    NoVersionCheck,
    /// An answer counts for the newest epoch or trigger, however old it is.
    ApplyLateAnswer,
    /// A trigger without an answer is reported as one that was never sent.
    SkipStatusAfterUnknownTrigger,
    /// That a trigger is begun is stored with its answer only.
    BeginTriggerAfterwards,
    /// A word that nobody knows is read as verified.
    TakeUnknownForVerified,
    /// A call without an answer is reported as taken.
    AcknowledgeWithoutAnswer,
    /// An acknowledgement does not say in which epoch its call was sent.
    AcknowledgeWithoutEpoch,
    /// The profile that is sent is always the first.
    SendTheFirstProfile,
    /// The store loses the tasks that an answer opens.
    LoseTheTasks,
    /// A worker claims what another holds.
    ForgetTheLease,
    /// A worker never asks for the status.
    NeverReadTheStatus,
    /// Not a fault of ours: a worker stands still between its claim and a trigger for longer
    /// than its lease, which time-outs have to rule out. What other calls send is read anew.
    StallBeforeSending,
    /// Not a fault of ours: a call is overtaken by a later one on its way to the provider.
    OvertakenCall,
}

impl Mutant {
    /// Every one of them.
    pub const ALL: [Self; 13] = [
        Self::NoVersionCheck,
        Self::ApplyLateAnswer,
        Self::SkipStatusAfterUnknownTrigger,
        Self::BeginTriggerAfterwards,
        Self::TakeUnknownForVerified,
        Self::AcknowledgeWithoutAnswer,
        Self::AcknowledgeWithoutEpoch,
        Self::SendTheFirstProfile,
        Self::LoseTheTasks,
        Self::ForgetTheLease,
        Self::NeverReadTheStatus,
        Self::StallBeforeSending,
        Self::OvertakenCall,
    ];

    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoVersionCheck => "no-version-check",
            Self::ApplyLateAnswer => "apply-late-answer",
            Self::SkipStatusAfterUnknownTrigger => "skip-status-after-unknown-trigger",
            Self::BeginTriggerAfterwards => "begin-trigger-afterwards",
            Self::TakeUnknownForVerified => "take-unknown-for-verified",
            Self::AcknowledgeWithoutAnswer => "acknowledge-without-answer",
            Self::AcknowledgeWithoutEpoch => "acknowledge-without-epoch",
            Self::SendTheFirstProfile => "send-the-first-profile",
            Self::LoseTheTasks => "lose-the-tasks",
            Self::ForgetTheLease => "forget-the-lease",
            Self::NeverReadTheStatus => "never-read-the-status",
            Self::StallBeforeSending => "stall-before-sending",
            Self::OvertakenCall => "overtaken-call",
        }
    }

    /// Bounds within which it is caught.
    #[must_use]
    pub const fn bounds(self) -> Bounds {
        match self {
            Self::LoseTheTasks => Bounds { asks: 1, ..Bounds::NOTHING },
            Self::TakeUnknownForVerified
            | Self::AcknowledgeWithoutAnswer
            | Self::SkipStatusAfterUnknownTrigger => Bounds { faults: 1, ..Bounds::NOTHING },
            Self::BeginTriggerAfterwards | Self::NeverReadTheStatus => {
                Bounds { crashes: 1, ..Bounds::NOTHING }
            }
            Self::NoVersionCheck | Self::SendTheFirstProfile => {
                Bounds { edits: 1, ..Bounds::NOTHING }
            }
            Self::ApplyLateAnswer => {
                Bounds { workers: 2, edits: 1, leases: 1, copies: 1, ..Bounds::NOTHING }
            }
            Self::AcknowledgeWithoutEpoch => {
                Bounds { workers: 2, edits: 1, whims: 1, leases: 1, ..Bounds::NOTHING }
            }
            Self::ForgetTheLease => Bounds { workers: 2, ..Bounds::NOTHING },
            Self::StallBeforeSending | Self::OvertakenCall => {
                Bounds { workers: 2, edits: 1, leases: 1, ..Bounds::NOTHING }
            }
        }
    }

    /// Which invariant it breaks first.
    #[must_use]
    pub const fn breaks(self) -> &'static str {
        match self {
            Self::LoseTheTasks => "I2",
            Self::ApplyLateAnswer | Self::TakeUnknownForVerified => "I3",
            Self::AcknowledgeWithoutAnswer
            | Self::AcknowledgeWithoutEpoch
            | Self::SendTheFirstProfile
            | Self::OvertakenCall => "I4",
            Self::SkipStatusAfterUnknownTrigger
            | Self::BeginTriggerAfterwards
            | Self::StallBeforeSending => "I5",
            Self::NeverReadTheStatus => "I6",
            Self::NoVersionCheck | Self::ForgetTheLease => "I9",
        }
    }

    /// The mutant that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutant| mutant.as_str() == word)
    }
}
