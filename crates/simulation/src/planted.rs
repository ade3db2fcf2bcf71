//! Faults that are planted on purpose, to see that the checks bite.

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A commit is stored though its onboarding has moved on.
    DropTheVersionCheck,
    /// A claim lasts no time at all.
    ForgetTheLease,
    /// A person is answered before anything is stored, and it never is.
    AcknowledgeBeforeCommit,
    /// A restart grants a fresh budget, and so does every claim.
    ForgetTheBudget,
    /// A 429 slows nobody down.
    ForgetToSlowDown,
    /// An answer is applied twice.
    ApplyAnAnswerTwice,
    /// A section is lost where the profile is read.
    LoseASection,
    /// A trigger whose answer is unknown is sent again at once.
    RepeatUnknownTrigger,
    /// A status that was read once is taken for the present one.
    ReadAnOldStatus,
    /// An unknown status counts as verified.
    TakeUnknownForVerified,
    /// The first profile of a user is sent for ever.
    SendTheFirstProfile,
    /// Nothing is done about a trigger that is in doubt, or a review.
    NeverReadTheStatus,
    /// The acceptance of the terms is taken for sent, and never is.
    DropTheTerms,
    /// A consent that is to be kept is sent with the registration.
    SendAKeptConsent,
    /// A wallet is taken for linked, and never is.
    DropTheWallets,
    /// A section that the provider does not show is taken for shown.
    TakeAllForShown,
    /// Nobody is told that a product was lost.
    ForgetARegression,
    /// Nobody is reminded.
    ForgetAReminder,
    /// A reminder is told twice.
    RemindTwice,
    /// Nothing is ever renewed.
    ForgetARenewal,
}

impl Planted {
    /// Every one of them.
    pub const ALL: [Self; 20] = [
        Self::DropTheVersionCheck,
        Self::ForgetTheLease,
        Self::AcknowledgeBeforeCommit,
        Self::ForgetTheBudget,
        Self::ForgetToSlowDown,
        Self::ApplyAnAnswerTwice,
        Self::LoseASection,
        Self::RepeatUnknownTrigger,
        Self::ReadAnOldStatus,
        Self::TakeUnknownForVerified,
        Self::SendTheFirstProfile,
        Self::NeverReadTheStatus,
        Self::DropTheTerms,
        Self::SendAKeptConsent,
        Self::DropTheWallets,
        Self::TakeAllForShown,
        Self::ForgetARegression,
        Self::ForgetAReminder,
        Self::RemindTwice,
        Self::ForgetARenewal,
    ];

    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DropTheVersionCheck => "drop-the-version-check",
            Self::ForgetTheLease => "forget-the-lease",
            Self::AcknowledgeBeforeCommit => "acknowledge-before-commit",
            Self::ForgetTheBudget => "forget-the-budget",
            Self::ForgetToSlowDown => "forget-to-slow-down",
            Self::ApplyAnAnswerTwice => "apply-an-answer-twice",
            Self::LoseASection => "lose-a-section",
            Self::RepeatUnknownTrigger => "repeat-unknown-trigger",
            Self::ReadAnOldStatus => "read-an-old-status",
            Self::TakeUnknownForVerified => "take-unknown-for-verified",
            Self::SendTheFirstProfile => "send-the-first-profile",
            Self::NeverReadTheStatus => "never-read-the-status",
            Self::DropTheTerms => "drop-the-terms",
            Self::SendAKeptConsent => "send-a-kept-consent",
            Self::DropTheWallets => "drop-the-wallets",
            Self::TakeAllForShown => "take-all-for-shown",
            Self::ForgetARegression => "forget-a-regression",
            Self::ForgetAReminder => "forget-a-reminder",
            Self::RemindTwice => "remind-twice",
            Self::ForgetARenewal => "forget-a-renewal",
        }
    }

    /// The fault that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|planted| planted.as_str() == word)
    }
}
