//! What an observer of everything writes down, and what must hold in every state
//! (docs/architecture.md). The rules never see it.

use onboarding::{Revision, Revisions, State as Stand};

use crate::call::{Answer, CallKind, Result, Trouble};
use crate::invariants::Broken;
use crate::provider::{Lost, Record};
use crate::worker::Phase;
use crate::world::State;

/// What the observer writes down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Books {
    /// A trigger was sent, and what became of it was neither answered nor read.
    is_trigger_unread: bool,
    /// What the provider had at each trigger, while nothing went wrong.
    rounds: Option<Vec<Record>>,
    /// What was found wrong in a step rather than in a state.
    broken: Option<Broken>,
}

impl Books {
    pub(crate) const fn new() -> Self {
        Self { is_trigger_unread: false, rounds: Some(Vec::new()), broken: None }
    }

    pub(crate) fn broke(&mut self, broken: Broken) {
        self.broken.get_or_insert(broken);
    }

    /// From now on the same data may have to be triggered again.
    pub(crate) fn something_went_wrong(&mut self) {
        self.rounds = None;
    }

    /// Other products are wanted, for which the same data has to be judged.
    pub(crate) fn rounds_begin_anew(&mut self) {
        self.rounds = self.rounds.take().map(|_| Vec::new());
    }
}

impl State {
    /// I5: a trigger leaves.
    pub(crate) fn trigger_is_sent(&mut self) {
        if std::mem::replace(&mut self.books.is_trigger_unread, true) {
            self.books.broke(("I5", "a trigger while what became of an earlier one is unread"));
        }
        let phases = self.workers.iter_mut().map(|worker| &mut worker.phase);
        let under_way = phases.filter_map(|phase| match phase {
            Phase::Answered(answer) => Some(answer),
            Phase::Idle | Phase::Claimed(_) => None,
        });
        for answer in under_way.chain(&mut self.copies) {
            answer.tells_of_trigger = false;
        }
        let Some(rounds) = &mut self.books.rounds else { return };
        if rounds.contains(&self.provider.record) {
            self.books.broke(("I5", "two triggers for the same data, and nothing went wrong"));
        } else {
            rounds.push(self.provider.record);
            rounds.sort_unstable();
        }
    }

    /// An answer was committed, and changed the onboarding.
    pub(crate) fn answer_is_taken(&mut self, answer: Answer) {
        if answer.tells_of_trigger {
            self.books.is_trigger_unread = false;
        }
        // A wallet is no part of the verdict.
        let is_wallet = matches!(answer.call.kind, CallKind::Link(_));
        if answer.result == Result::Done && !is_wallet {
            self.provider.said_verified = [false; 2];
        }
        let acknowledged = self.stored.onboarding().acknowledged_revisions();
        let is_loss_known = answer.result == Result::Failed(Trouble::NotFound)
            && acknowledged == Revisions::default();
        if is_loss_known {
            self.provider.lost = Lost::default();
        }
    }

    /// What does not hold in this state.
    #[must_use]
    pub fn broken(&self) -> Option<Broken> {
        self.books
            .broken
            .or_else(|| self.stored.broken())
            .or_else(|| self.untruly_verified())
            .or_else(|| self.poorer())
    }

    /// I3, by the provider's own books.
    fn untruly_verified(&self) -> Option<Broken> {
        let onboarding = self.stored.onboarding();
        let mut said = self.provider.said_verified.iter().take(onboarding.wanted.len());
        (onboarding.state == Stand::Verified && said.any(|said| !said)).then_some((
            "I3",
            "verified, and the provider has not said so since it acknowledged the last data",
        ))
    }

    /// I4: the provider was asked what it holds, nothing is to be sent, and it holds less.
    fn lacks_what_was_confirmed(&self) -> bool {
        let onboarding = self.stored.onboarding();
        let profile = onboarding.profile.as_ref();
        let is_sent = profile.is_some_and(|held| held.acknowledged == Some(held.revision));
        let is_confirmed = self.stored.is_confirming() && !onboarding.registration.is_unconfirmed;
        is_sent && is_confirmed && !self.provider.is_whole
    }

    /// I4: what the provider has is not older than what it acknowledged.
    fn poorer(&self) -> Option<Broken> {
        let acknowledged = self.stored.onboarding().acknowledged_revisions();
        let (record, lost) = (self.provider.record, self.provider.lost);
        let is_older = |least: Option<Revision>, has: u8, is_lost: bool| {
            least.is_some_and(|least| u32::from(has) < least.0) && !is_lost
        };
        let document = acknowledged.documents.into_values().next();
        let wallet = self.stored.onboarding().wallets.values().next();
        let wallet = wallet.and_then(|wallet| wallet.acknowledged);
        let is_poorer = is_older(acknowledged.terms, record.terms, lost.terms)
            || is_older(acknowledged.profile, record.profile, lost.profile)
            || is_older(acknowledged.consent, record.consent, lost.consent)
            || is_older(document, record.document, lost.document)
            || is_older(wallet, self.provider.wallet, lost.wallet);
        if is_poorer {
            return Some(("I4", "the provider has less than what it acknowledged"));
        }
        if self.lacks_what_was_confirmed() {
            return Some((
                "I4",
                "the provider lacks a section, and nobody looks or sends it again",
            ));
        }
        let grew = self.provider.grew_poorer;
        grew.then_some(("I4", "a newer revision at the provider was replaced by an older one"))
    }
}
