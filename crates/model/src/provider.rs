//! A model of the provider of its own: what it holds of the user, and what it says.

use crate::bounds::Bounds;
use crate::call::{CallKind, Result, Trouble, Word, Words};

/// What the provider has of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Provider {
    is_known: bool,
    /// The revisions that it holds; 0 is none.
    pub(crate) record: Record,
    /// The revision of the wallet that it linked; 0 is none. No verdict is about it.
    pub(crate) wallet: u8,
    /// Whether it has all sections of the profile; none may have gone astray.
    pub(crate) is_whole: bool,
    /// Where each product stands.
    pub(crate) words: Words,
    /// Books: what it lost of itself and was not sent since.
    pub(crate) lost: Lost,
    /// Books: it said that the product is verified, and has acknowledged nothing since.
    pub(crate) said_verified: [bool; 2],
    /// Books: a newer revision was replaced by an older one.
    pub(crate) grew_poorer: bool,
}

/// One revision of each thing; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Record {
    pub(crate) consent: u8,
    pub(crate) terms: u8,
    pub(crate) profile: u8,
    pub(crate) document: u8,
}

/// What it lost of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lost {
    pub(crate) consent: bool,
    pub(crate) terms: bool,
    pub(crate) profile: bool,
    pub(crate) document: bool,
    pub(crate) wallet: bool,
}

impl Provider {
    pub(crate) fn new(products: u8) -> Self {
        let mut words = [Word::Nothing; 2];
        words[..usize::from(products)].fill(Word::NotStarted);
        Self {
            is_known: false,
            record: Record::default(),
            wallet: 0,
            is_whole: true,
            words,
            lost: Lost::default(),
            said_verified: [false; 2],
            grew_poorer: false,
        }
    }

    pub(crate) const fn knows_user(&self) -> bool {
        self.is_known
    }

    /// Takes a call that has reached it. A trigger leads to the verdicts of `judged`.
    pub(crate) fn take(&mut self, call: CallKind, judged: Option<Words>) -> Result {
        match call {
            CallKind::Consent(revision) => {
                self.lost.consent = false;
                self.is_known = true;
                let before = std::mem::replace(&mut self.record.consent, revision);
                self.grew_poorer |= revision < before;
            }
            CallKind::Terms(revision) => {
                self.lost.terms = false;
                self.is_known = true;
                let before = std::mem::replace(&mut self.record.terms, revision);
                self.grew_poorer |= revision < before;
            }
            CallKind::Register(revision) => {
                self.lost.profile = false;
                self.is_whole = true;
                self.is_known = true;
                let before = std::mem::replace(&mut self.record.profile, revision);
                self.grew_poorer |= revision < before;
            }
            CallKind::Link(revision) => {
                self.lost.wallet = false;
                self.is_known = true;
                let before = std::mem::replace(&mut self.wallet, revision);
                self.grew_poorer |= revision < before;
            }
            CallKind::Read | CallKind::Upload(_) | CallKind::Trigger | CallKind::Status
                if !self.is_known =>
            {
                return Result::Failed(Trouble::NotFound);
            }
            CallKind::Read => return Result::Shown { is_whole: self.is_whole },
            CallKind::Upload(revision) => {
                self.lost.document = false;
                let before = std::mem::replace(&mut self.record.document, revision);
                self.grew_poorer |= revision < before;
            }
            CallKind::Trigger => {
                self.words = judged.unwrap_or(self.words);
                return self.say();
            }
            CallKind::Status => return self.say(),
        }
        Result::Done
    }

    fn say(&mut self) -> Result {
        for (said, word) in self.said_verified.iter_mut().zip(self.words) {
            *said |= word == Word::Verified;
        }
        Result::Words(self.words)
    }

    /// It loses all that it has of the user.
    pub(crate) fn forget(&mut self) {
        self.is_known = false;
        self.lost.consent |= self.record.consent > 0;
        self.lost.terms |= self.record.terms > 0;
        self.is_whole = true;
        self.lost.profile |= self.record.profile > 0;
        self.lost.document |= self.record.document > 0;
        self.lost.wallet |= self.wallet > 0;
        self.wallet = 0;
        self.record = Record::default();
        for word in self.words.iter_mut().filter(|word| **word != Word::Nothing) {
            *word = Word::NotStarted;
        }
    }

    /// All that a trigger may lead to, with at most so many things asked for.
    pub(crate) fn verdicts(&self, left: &Bounds) -> Vec<Words> {
        let of = |word: Word| {
            if word == Word::Nothing {
                return vec![word];
            }
            [Word::Review, Word::Verified, Word::Rejected].into_iter().chain(Word::ASKING).collect()
        };
        let mut verdicts = Vec::new();
        for first in of(self.words[0]) {
            verdicts.extend(of(self.words[1]).into_iter().map(|second| [first, second]));
        }
        verdicts.retain(|words| asks(words) <= left.asks);
        verdicts
    }
}

/// How many things these words ask for.
pub(crate) fn asks(words: &Words) -> u8 {
    words.iter().map(|word| u8::from(word.is_asking())).sum()
}
