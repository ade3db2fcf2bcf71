//! A worker, as far as the engine's own runs: claim, call, answer, commit. And what becomes of
//! its calls on the way.

use crate::call::{Answer, Call, CallKind};
use crate::snapshot::Snapshot;

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    /// How far it has come.
    pub(crate) phase: Phase,
    /// Whether it still holds the lease of its claim.
    pub(crate) is_leased: bool,
    /// What it loaded.
    pub(crate) base: Base,
}

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It has claimed a call, and not made it yet.
    Claimed(Call),
    /// It has an answer that is not stored yet.
    Answered(Answer),
    /// It has nothing to do.
    Idle,
}

/// What a worker loaded with its claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Base {
    /// What is still stored.
    Newest,
    /// Someone else has committed since. What it was matters only to a mutant.
    Outdated(Option<Snapshot>),
}

impl Worker {
    pub(crate) const IDLE: Self = Self { phase: Phase::Idle, is_leased: false, base: Base::Newest };

    /// Workers are alike: which is which does not matter, so they are kept in this order.
    pub(crate) fn rank(&self) -> (Phase, bool, bool) {
        (self.phase, self.is_leased, self.base == Base::Newest)
    }
}

/// What becomes of a call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// It is lost, and nobody can tell.
    RequestLost,
    /// It takes effect, and its answer is lost or can't be read.
    AnswerLost,
    /// There is no connection.
    NotConnected,
    /// 429.
    RateLimited,
    /// 400.
    Refused,
    /// 401.
    Closed,
    /// It takes effect, but for a section that goes astray.
    Strays,
    /// The answer holds a word that nobody knows.
    UnknownWord,
    /// The answer leaves a product out.
    LeftOut,
}

impl Fate {
    /// All that is not as it should be.
    pub(crate) const FAULTS: [Self; 8] = [
        Self::RequestLost,
        Self::AnswerLost,
        Self::NotConnected,
        Self::RateLimited,
        Self::Refused,
        Self::Closed,
        Self::UnknownWord,
        Self::LeftOut,
    ];

    /// Whether the provider takes the call.
    pub(crate) const fn has_effect(self) -> bool {
        match self {
            Self::Answered
            | Self::AnswerLost
            | Self::Strays
            | Self::UnknownWord
            | Self::LeftOut => true,
            Self::RequestLost
            | Self::NotConnected
            | Self::RateLimited
            | Self::Refused
            | Self::Closed => false,
        }
    }

    /// Whether it can befall this call.
    pub(crate) const fn befalls(self, call: Call) -> bool {
        match self {
            Self::UnknownWord | Self::LeftOut => call.is_answered_with_words(),
            Self::Strays => matches!(call.kind, CallKind::Register(_)),
            Self::Answered
            | Self::RequestLost
            | Self::AnswerLost
            | Self::NotConnected
            | Self::RateLimited
            | Self::Refused
            | Self::Closed => true,
        }
    }

    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "it is answered",
            Self::RequestLost => "it is lost on its way, and no answer comes",
            Self::AnswerLost => "it takes effect, and the answer is lost",
            Self::NotConnected => "there is no connection",
            Self::RateLimited => "429: too many calls",
            Self::Refused => "400: refused",
            Self::Closed => "401: the provider is closed",
            Self::Strays => "it takes effect, but for a section that goes astray",
            Self::UnknownWord => "it takes effect, and the answer holds an unknown word",
            Self::LeftOut => "it takes effect, and the answer leaves a product out",
        }
    }
}
