//! The world around the rules, as a state machine that stateright explores.

use onboarding::{Call as RealCall, Event};
use stateright::{Model, Property};

use crate::books::Books;
use crate::bounds::Bounds;
use crate::call::{Answer, Call, CallKind, Result, Trouble, WALLET, Word, Words};
use crate::mutant::Mutant;
use crate::people::{Act, first_events};
use crate::provider::{Provider, asks};
use crate::snapshot::Snapshot;
use crate::worker::{Base, Fate, Phase, Worker};

/// What is explored.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// How far.
    pub bounds: Bounds,
    /// What is broken on purpose.
    pub mutant: Option<Mutant>,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The onboarding as it is stored.
    pub stored: Snapshot,
    pub(crate) workers: Vec<Worker>,
    pub(crate) provider: Provider,
    /// Answers that were recorded once, and come again.
    pub(crate) copies: Vec<Answer>,
    /// How much of the bounds is left.
    pub(crate) left: Bounds,
    pub(crate) books: Books,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A person or an operator acts.
    Act(Act),
    /// A worker claims the next call.
    Claim(usize),
    /// A worker claims the call that links a wallet.
    ClaimWallet(usize),
    /// A worker makes its call.
    Call {
        /// Which.
        worker: usize,
        /// What becomes of it.
        fate: Fate,
        /// What the provider makes of a trigger.
        judged: Option<Words>,
    },
    /// A worker commits its answer, or finds that it has to load again.
    Record {
        /// Which.
        worker: usize,
        /// The same answer will come a second time.
        comes_again: bool,
    },
    /// An answer comes a second time.
    ComesAgain(usize),
    /// A lease runs out before its call is made, or while that is under way.
    LeaseRunsOut(usize),
    /// A worker is killed.
    Crash(usize),
    /// The provider ends a review.
    Decide {
        /// Of which product.
        product: usize,
        /// How.
        word: Word,
    },
    /// The provider takes a verdict back.
    TakeBack {
        /// Of which product.
        product: usize,
        /// What it says instead.
        word: Word,
    },
    /// The provider loses the user.
    Forget,
}

impl Action {
    /// Whether it happens of itself when nothing goes wrong and nobody acts.
    #[must_use]
    pub const fn is_calm(&self) -> bool {
        match self {
            Self::Claim(_) | Self::ClaimWallet(_) | Self::Decide { .. } => true,
            Self::Call { fate, .. } => matches!(fate, Fate::Answered),
            Self::Record { comes_again, .. } => !*comes_again,
            Self::Act(_)
            | Self::ComesAgain(_)
            | Self::LeaseRunsOut(_)
            | Self::Crash(_)
            | Self::TakeBack { .. }
            | Self::Forget => false,
        }
    }
}

impl World {
    /// The real rules within these bounds.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self { bounds, mutant: None }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn first_state(&self, is_asked: bool) -> State {
        let mut stored = Snapshot::blank(self.bounds.strays > 0);
        let mut events = first_events(&self.bounds, stored.onboarding()).to_vec();
        events.extend(is_asked.then_some(Event::VerificationRequested));
        for event in &events {
            stored = stored.apply(event).expect("a new user's events are taken").after;
        }
        State {
            stored,
            workers: vec![Worker::IDLE; usize::from(self.bounds.workers)],
            provider: Provider::new(self.bounds.products),
            copies: Vec::new(),
            left: self.bounds,
            books: Books::new(),
        }
    }

    fn worker_actions(&self, state: &State, index: usize, actions: &mut Vec<Action>) {
        let worker = &state.workers[index];
        match worker.phase {
            Phase::Idle => {}
            Phase::Claimed(call) => state.calls(index, call, actions),
            Phase::Answered(_) => {
                actions.push(Action::Record { worker: index, comes_again: false });
                if state.left.copies > 0 {
                    actions.push(Action::Record { worker: index, comes_again: true });
                }
            }
        }
        let is_under_way = match worker.phase {
            Phase::Idle => false,
            // What it sends is read anew, but a trigger has nothing to read.
            Phase::Claimed(call) => !call.is_trigger() || self.is(Mutant::StallBeforeSending),
            Phase::Answered(_) => true,
        };
        if is_under_way && worker.is_leased && state.left.leases > 0 {
            actions.push(Action::LeaseRunsOut(index));
        }
        if worker.phase != Phase::Idle && state.left.crashes > 0 {
            actions.push(Action::Crash(index));
        }
    }

    fn can_claim(&self, state: &State, call: Option<&RealCall>) -> bool {
        let is_free = state.workers.iter().all(|worker| !worker.is_leased);
        match call {
            None => false,
            Some(RealCall::CheckStatus { .. }) if self.is(Mutant::NeverReadTheStatus) => false,
            Some(_) => is_free || self.is(Mutant::ForgetTheLease),
        }
    }

    /// The claim, and with it that a trigger is begun, in one transaction.
    fn claim(&self, state: &mut State, index: usize, call: RealCall) -> Option<()> {
        if state.workers.iter().any(|worker| worker.is_leased) {
            state.books.broke(("I9", "two workers hold a claim at once"));
        }
        if let RealCall::TriggerVerification { trigger } = call
            && !self.is(Mutant::BeginTriggerAfterwards)
        {
            self.commit(state, &Base::Newest, &Event::TriggerBegun { trigger })?;
        }
        let phase = Phase::Claimed(Call::of(&call));
        state.workers[index] = Worker { phase, is_leased: true, base: Base::Newest };
        Some(())
    }

    /// A worker's call meets its fate.
    fn call(&self, state: &mut State, index: usize, fate: Fate, judged: Option<Words>) {
        let Phase::Claimed(call) = state.workers[index].phase else { return };
        let is_first = self.is(Mutant::SendTheFirstProfile);
        let sent = match call.kind {
            CallKind::Register(_) if is_first => CallKind::Register(1),
            kind @ (CallKind::Register(_)
            | CallKind::Read
            | CallKind::Consent(_)
            | CallKind::Terms(_)
            | CallKind::Upload(_)
            | CallKind::Link(_)
            | CallKind::Trigger
            | CallKind::Status) => kind,
        };
        let is_overtaken = self.is(Mutant::OvertakenCall);
        let result = match state.hindrance(call.kind).filter(|_| !is_overtaken) {
            Some(trouble) => Result::Failed(trouble),
            None => state.send(sent, fate, judged),
        };
        if fate == Fate::Strays {
            state.left.strays -= 1;
        } else if fate != Fate::Answered {
            state.left.faults -= 1;
            state.books.something_went_wrong();
        }
        let mut answer = Answer::new(call, result);
        answer.result = self.misreported(call, result);
        state.workers[index].phase = Phase::Answered(answer);
    }

    /// What a faulty worker makes of an answer.
    fn misreported(&self, call: Call, result: Result) -> Result {
        match (self.mutant, result) {
            (Some(Mutant::SkipStatusAfterUnknownTrigger), Result::Failed(Trouble::NoAnswer))
                if call.is_trigger() =>
            {
                Result::Failed(Trouble::NotSent)
            }
            (Some(Mutant::AcknowledgeWithoutAnswer), Result::Failed(Trouble::NoAnswer))
                if call.is_acknowledged() =>
            {
                Result::Done
            }
            (Some(Mutant::TakeAllForShown), Result::Shown { .. }) => {
                Result::Shown { is_whole: true }
            }
            (Some(Mutant::TakeUnknownForVerified), Result::Words(words)) => Result::Words(
                words.map(|word| if word == Word::Unknown { Word::Verified } else { word }),
            ),
            _ => result,
        }
    }

    /// A worker commits its answer if what it loaded is still what is stored; else it loads.
    fn record(&self, state: &mut State, index: usize, comes_again: bool) {
        let Phase::Answered(answer) = state.workers[index].phase else { return };
        let is_checked = !self.is(Mutant::NoVersionCheck);
        if is_checked && state.workers[index].base != Base::Newest {
            state.workers[index].base = Base::Newest;
            return;
        }
        let worker = std::mem::replace(&mut state.workers[index], Worker::IDLE);
        if comes_again {
            state.left.copies -= 1;
            state.copies.push(answer);
        }
        self.take(state, &worker.base, answer);
    }

    /// An answer is applied and committed. What the rules ignore changes nothing.
    fn take(&self, state: &mut State, base: &Base, answer: Answer) {
        let mut answer = answer;
        answer.call.is_newest |= self.is(Mutant::ApplyLateAnswer);
        if self.is(Mutant::BeginTriggerAfterwards) && answer.call.is_trigger() {
            let trigger = state.stored.onboarding().verification.triggers + 1;
            let _ignored = self.commit(state, base, &Event::TriggerBegun { trigger });
            answer.call.is_newest = true;
        }
        let event = answer.event(!self.is(Mutant::AcknowledgeWithoutEpoch));
        let is_taken = self.commit(state, base, &event).is_some();
        if is_taken {
            state.answer_is_taken(answer);
        }
        if is_taken && self.is(Mutant::LoseTheTasks) {
            state.stored = state.stored.without_tasks();
        }
    }

    /// The one way to change what is stored. `None` when the rules ignore the event.
    fn commit(&self, state: &mut State, base: &Base, event: &Event) -> Option<()> {
        let loaded = match base {
            Base::Newest | Base::Outdated(None) => state.stored.clone(),
            Base::Outdated(Some(older)) => older.clone(),
        };
        let changed = loaded.apply(event)?;
        if loaded != state.stored {
            state.books.broke(("I9", "a commit undoes what someone else committed"));
        }
        let before = std::mem::replace(&mut state.stored, changed.after);
        let is_kept = self.is(Mutant::NoVersionCheck);
        let age = |call: &mut Call| call.age(changed.is_new_epoch, changed.is_new_trigger);
        for worker in &mut state.workers {
            match &mut worker.phase {
                Phase::Idle => continue,
                Phase::Claimed(call) => age(call),
                Phase::Answered(answer) => age(&mut answer.call),
            }
            if worker.base == Base::Newest {
                worker.base = Base::Outdated(is_kept.then(|| before.clone()));
            }
        }
        state.copies.iter_mut().for_each(|answer| age(&mut answer.call));
        Some(())
    }

    fn step(&self, state: &mut State, action: &Action) -> Option<()> {
        match *action {
            Action::Act(act) => {
                act.spend(&mut state.left);
                // The provider is to judge the same again.
                if matches!(act, Act::ChangeWanted | Act::Waive | Act::Reopen) {
                    state.books.rounds_begin_anew();
                }
                let event = act.event(state.stored.onboarding());
                self.commit(state, &Base::Newest, &event)?;
            }
            Action::Claim(worker) => {
                let call = state.stored.next_call()?.clone();
                self.claim(state, worker, call)?;
            }
            Action::ClaimWallet(worker) => {
                let call = state.stored.wallet_call()?.clone();
                self.claim(state, worker, call)?;
            }
            Action::Call { worker, fate, judged } => self.call(state, worker, fate, judged),
            Action::Record { worker, comes_again } => self.record(state, worker, comes_again),
            Action::ComesAgain(index) => {
                let answer = state.copies.remove(index);
                self.take(state, &Base::Newest, answer);
            }
            Action::LeaseRunsOut(worker) => {
                state.left.leases -= 1;
                state.books.something_went_wrong();
                state.workers[worker].is_leased = false;
            }
            Action::Crash(worker) => {
                state.left.crashes -= 1;
                state.books.something_went_wrong();
                state.workers[worker] = Worker::IDLE;
            }
            Action::Decide { product, word } => {
                state.left.asks -= u8::from(word.is_asking());
                state.provider.words[product] = word;
            }
            Action::TakeBack { product, word } => {
                state.left.whims -= 1;
                state.provider.words[product] = word;
            }
            Action::Forget => {
                state.left.whims -= 1;
                state.books.something_went_wrong();
                state.provider.forget();
            }
        }
        state.workers.sort_by_key(Worker::rank);
        state.copies.sort_unstable();
        Some(())
    }
}

impl State {
    /// What keeps a worker from sending its call: it reads what it sends anew, and that may
    /// have been replaced or destroyed since.
    fn hindrance(&self, call: CallKind) -> Option<Trouble> {
        let held = self.stored.onboarding().held_revisions();
        let is_held = |revision: Option<onboarding::Revision>, claimed: u8| match revision {
            None => Some(Trouble::Refused),
            Some(revision) if revision.0 == u32::from(claimed) => None,
            Some(_) => Some(Trouble::NotSent),
        };
        match call {
            CallKind::Register(claimed) => is_held(held.profile, claimed),
            CallKind::Upload(claimed) => is_held(held.documents.values().next().copied(), claimed),
            CallKind::Consent(claimed) => is_held(held.consent, claimed),
            CallKind::Terms(claimed) => is_held(held.terms, claimed),
            CallKind::Link(claimed) => {
                let wallet = self.stored.onboarding().wallets.get(&WALLET);
                is_held(wallet.map(|wallet| wallet.revision), claimed)
            }
            CallKind::Read | CallKind::Trigger | CallKind::Status => None,
        }
    }

    /// A call leaves, and meets its fate.
    fn send(&mut self, call: CallKind, fate: Fate, judged: Option<Words>) -> Result {
        if call == CallKind::Trigger {
            self.trigger_is_sent();
        }
        let result = match fate.has_effect() {
            true => {
                self.left.asks -= judged.as_ref().map_or(0, asks);
                self.provider.take(call, judged)
            }
            false => Result::Failed(Trouble::NoAnswer),
        };
        if fate == Fate::Strays {
            self.provider.is_whole = false;
        }
        match (fate, result) {
            (Fate::Answered | Fate::Strays, answer) => answer,
            (Fate::RequestLost | Fate::AnswerLost, _) => Result::Failed(Trouble::NoAnswer),
            (Fate::NotConnected, _) => Result::Failed(Trouble::NotSent),
            (Fate::RateLimited, _) => Result::Failed(Trouble::RateLimited),
            (Fate::Refused, _) => Result::Failed(Trouble::Refused),
            (Fate::Closed, _) => Result::Failed(Trouble::Closed),
            (Fate::UnknownWord, Result::Words([_, second])) => {
                Result::Words([Word::Unknown, second])
            }
            (Fate::LeftOut, Result::Words([_, second])) => Result::Words([Word::Nothing, second]),
            (Fate::UnknownWord | Fate::LeftOut, wordless) => wordless,
        }
    }

    /// The ways in which a claimed call may go.
    fn calls(&self, worker: usize, call: Call, actions: &mut Vec<Action>) {
        let faults = if self.left.faults > 0 { &Fate::FAULTS[..] } else { &[] };
        let strays = (self.left.strays > 0).then_some(Fate::Strays);
        let fates = faults.iter().copied().chain(strays).filter(|fate| fate.befalls(call));
        let is_hindered = self.hindrance(call.kind).is_some();
        for fate in std::iter::once(Fate::Answered).chain(fates.filter(|_| !is_hindered)) {
            if call.is_trigger() && fate.has_effect() && self.provider.knows_user() {
                let verdicts = self.provider.verdicts(&self.left);
                actions.extend(verdicts.into_iter().map(|words| Action::Call {
                    worker,
                    fate,
                    judged: Some(words),
                }));
            } else {
                actions.push(Action::Call { worker, fate, judged: None });
            }
        }
    }

    fn provider_actions(&self, actions: &mut Vec<Action>) {
        for (product, word) in self.provider.words.iter().enumerate() {
            let asking = Word::ASKING.into_iter().filter(|_| self.left.asks > 0);
            if *word == Word::Review {
                let decided = [Word::Verified, Word::Rejected].into_iter().chain(asking);
                actions.extend(decided.map(|word| Action::Decide { product, word }));
            } else if *word == Word::Verified && self.left.whims > 0 {
                let instead = [Word::Review, Word::NotStarted].into_iter().chain(Word::ASKING);
                actions.extend(instead.map(|word| Action::TakeBack { product, word }));
            }
        }
        if self.provider.knows_user() && self.left.whims > 0 {
            actions.push(Action::Forget);
        }
    }

    /// Whether it has come to rest: nothing is under way, and nothing more happens of itself
    /// but a slow recheck.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let onboarding = self.stored.onboarding();
        let waits_to_be_asked = !onboarding.verification.asked && self.stored.next_call().is_none();
        self.workers.iter().all(|worker| worker.phase == Phase::Idle)
            && (onboarding.state.is_at_rest() || waits_to_be_asked)
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.first_state(true), self.first_state(false)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if let Some(idle) = state.workers.iter().position(|worker| worker.phase == Phase::Idle) {
            if self.can_claim(state, state.stored.next_call()) {
                actions.push(Action::Claim(idle));
            }
            if self.can_claim(state, state.stored.wallet_call()) {
                actions.push(Action::ClaimWallet(idle));
            }
        }
        for index in 0..state.workers.len() {
            self.worker_actions(state, index, actions);
        }
        actions.extend((0..state.copies.len()).map(Action::ComesAgain));
        actions.extend(Act::within(&state.left).map(Action::Act));
        state.provider_actions(actions);
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        self.step(&mut state, &action)?;
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn keeps(state: &State, invariant: &str) -> bool {
            state.broken().is_none_or(|(broken, _)| broken != invariant)
        }
        // With one property alone, stateright stops at the first state that breaks it.
        if self.mutant.is_some() {
            return vec![Property::always("all", |_, state: &State| state.broken().is_none())];
        }
        vec![
            Property::always("I2", |_, state| keeps(state, "I2")),
            Property::always("I3", |_, state| keeps(state, "I3")),
            Property::always("I4", |_, state| keeps(state, "I4")),
            Property::always("I5", |_, state| keeps(state, "I5")),
            Property::always("I9", |_, state| keeps(state, "I9")),
        ]
    }
}
