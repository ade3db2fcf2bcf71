//! The worker: claim, call, event, commit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use onboarding::{
    Call, Context, DocumentType, Effect, Event, Failure, FailureClass, OnboardingId, Outcome, Profile,
    Revision, Step, Timestamp, Transition, apply, next_step,
};
use store::{
    Actor, ClaimAfter, ClaimRequest, Claimed, Claims, Commit, Committed, ProviderGate, Store, StoreError,
    Stored,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::Clock;
use crate::gate::{Gate, Passage, Turn};
use crate::provider::{Provider, Upload};

/// How often the worker looks for work that another process may have written.
const LOOK_EVERY_MS: u64 = 250;
/// At most this many documents are held in memory at once.
const DOCUMENTS_IN_MEMORY_MAX: usize = 4;
/// How often an event is applied anew to an onboarding that others keep changing.
const CONFLICTS_MAX: u32 = 100;
/// The first pause after the store could not be used; it doubles.
const STORE_PAUSE_FIRST_MS: u64 = 100;
/// The longest pause between two tries of the store.
const STORE_PAUSE_LONGEST_MS: u64 = 5_000;
/// How long the provider is left alone after a 429 that does not say how long.
const RATE_LIMITED_PAUSE_MS: u64 = 1_000;

/// What a worker is told.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Its id, its leases and the provider's budgets.
    pub worker: store::Worker,
    /// How many onboardings it works on at once.
    pub concurrency: usize,
    /// How long it waits at shutdown for calls in flight.
    pub shutdown_grace_ms: u64,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// How many calls were made.
    pub calls: usize,
    /// When there may be more to do.
    pub next_at: Option<Timestamp>,
}

/// A worker on one store and one provider.
pub struct Worker<S, P> {
    store: Arc<S>,
    provider: P,
    settings: Settings,
    gate: Mutex<Gate>,
    documents_in_memory: Semaphore,
    stopping: CancellationToken,
}

/// A claim, and whether it probes a closed provider.
struct Errand {
    claimed: Claimed,
    is_probe: bool,
}

impl<S: Store, P: Provider> Worker<S, P> {
    /// A worker; it does nothing until [`Worker::step`] or [`Worker::run`] is called.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn new(store: Arc<S>, provider: P, settings: Settings) -> Result<Self, StoreError> {
        let gate = Mutex::new(Gate::new(store.provider_gate().await?));
        let documents_in_memory = Semaphore::new(DOCUMENTS_IN_MEMORY_MAX);
        Ok(Self { store, provider, settings, gate, documents_in_memory, stopping: CancellationToken::new() })
    }

    /// Claims what is due at `now` and makes each call, one after another, and those that
    /// follow at once. The same code as [`Worker::run`], without its loop and its clock.
    ///
    /// # Errors
    /// When nothing could be claimed because the store can't be used.
    pub async fn step(&self, now: Timestamp) -> Result<Stepped, StoreError> {
        let clock = move || now;
        let (errands, next_at) = self.claim(now, self.settings.concurrency).await?;
        let mut calls = 0;
        for errand in errands {
            calls += self.go(errand, &clock).await;
        }
        Ok(Stepped { calls, next_at })
    }

    /// Works until `shutdown` is cancelled; then claims nothing more, waits for the calls in
    /// flight as long as the settings allow, and returns. What is cut off falls due again.
    pub async fn run(self: Arc<Self>, clock: impl Clock, shutdown: CancellationToken) {
        let mut errands = JoinSet::new();
        let mut claim_at = clock.now();
        let mut store_pause_ms = STORE_PAUSE_FIRST_MS;
        while !shutdown.is_cancelled() {
            let now = clock.now();
            let free = self.settings.concurrency.saturating_sub(errands.len());
            if free > 0 && now >= claim_at {
                match self.claim(now, free).await {
                    Ok((claimed, next_at)) => {
                        store_pause_ms = STORE_PAUSE_FIRST_MS;
                        let look_at = now.plus_ms(LOOK_EVERY_MS);
                        claim_at = next_at.map_or(look_at, |next_at| next_at.min(look_at));
                        for errand in claimed {
                            let (worker, clock) = (Arc::clone(&self), clock.clone());
                            errands.spawn(async move { worker.go(errand, &clock).await });
                        }
                    }
                    Err(unusable) => {
                        error!(error = &unusable as &dyn std::error::Error, "the store can't be used");
                        claim_at = now.plus_ms(store_pause_ms);
                        store_pause_ms = (store_pause_ms * 2).min(STORE_PAUSE_LONGEST_MS);
                    }
                }
            }
            let pause_ms = claim_at.ms_since(clock.now()).clamp(1, LOOK_EVERY_MS);
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(ended) = errands.join_next(), if !errands.is_empty() => report_panic(ended),
                () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
            }
        }
        self.drain(errands).await;
    }

    async fn drain(&self, mut errands: JoinSet<usize>) {
        self.stopping.cancel();
        info!(in_flight = errands.len(), "worker stopping");
        let deadline = Instant::now() + Duration::from_millis(self.settings.shutdown_grace_ms);
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, errands.join_next()).await {
            report_panic(ended);
        }
        if !errands.is_empty() {
            warn!(cut_off = errands.len(), "calls cut off at shutdown; they fall due again");
        }
    }

    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<(Vec<Errand>, Option<Timestamp>), StoreError> {
        let (limit, only) = match self.with_gate(|gate| gate.passage(now)) {
            Passage::Shut(until) => return Ok((Vec::new(), Some(until))),
            Passage::Free => (limit, None),
            Passage::Probe(probe) => (1, Some(probe)),
        };
        let request = ClaimRequest { worker: self.settings.worker, now, limit, only };
        let Claims { claimed, next_at } = self.store.claim(request).await?;
        let is_probe = only.is_some() && !claimed.is_empty();
        if is_probe {
            self.with_gate(Gate::probe_begun);
        }
        Ok((claimed.into_iter().map(|claimed| Errand { claimed, is_probe }).collect(), next_at))
    }

    /// Makes the claimed call, and those that the store lets follow at once. Answers how many.
    async fn go(&self, errand: Errand, clock: &impl Clock) -> usize {
        let Errand { mut claimed, mut is_probe } = errand;
        let mut calls = 0;
        loop {
            let id = claimed.stored.onboarding.id;
            let span = info_span!("call", onboarding = %id, call = claimed.call.name());
            calls += 1;
            match self.advance(claimed, is_probe, clock).instrument(span).await {
                Some(next) => claimed = next,
                None => return calls,
            }
            is_probe = false;
        }
    }

    async fn advance(&self, claimed: Claimed, is_probe: bool, clock: &impl Clock) -> Option<Claimed> {
        let Claimed { stored, call } = claimed;
        let id = stored.onboarding.id;
        let event = match self.make(&stored, &call).await {
            Ok(event) => event,
            // Without its data there is no call; the claim runs out and it falls due again.
            Err(unusable) => {
                error!(error = &unusable as &dyn std::error::Error, "a call's data can't be read");
                self.turn_gate(id, &call, Some(&no_answer()), is_probe, clock.now()).await;
                return None;
            }
        };
        let failure = match &event {
            Event::CallFailed { failure, .. } => Some(failure),
            _ => None,
        };
        if let Some(failure) = failure {
            self.slow_down_if_asked(&call, failure, clock.now()).await;
        }
        let turn = self.turn_gate(id, &call, failure, is_probe, clock.now()).await;
        let next = self.record(stored, &event, clock).await;
        if let Turn::Opened { culprit: Some(culprit), .. } = turn {
            self.hold_culprit(culprit, clock).await;
        }
        next
    }

    /// Makes the call and says what happened. An error means that no call was made.
    async fn make(&self, stored: &Stored, call: &Call) -> Result<Event, StoreError> {
        let answered = match call {
            Call::AcceptPrivacyPolicy { revision } => self.accept_privacy_policy(stored, *revision).await,
            Call::RegisterUser { .. } => self.register_user(stored).await?,
            Call::UploadDocument { document_type, .. } => self.upload_document(stored, document_type).await?,
            Call::TriggerVerification { trigger } => {
                let answer = self.provider.trigger_verification(&stored.user).await;
                answer.map(|eligibility| Event::VerificationTriggered { trigger: *trigger, eligibility })
            }
            Call::CheckStatus { epoch } => {
                let answer = self.provider.check_status(&stored.user).await;
                answer.map(|eligibility| Event::StatusChecked { epoch: *epoch, eligibility })
            }
        };
        Ok(answered.unwrap_or_else(|failure| Event::CallFailed { call: call.clone(), failure }))
    }

    async fn accept_privacy_policy(&self, stored: &Stored, revision: Revision) -> Result<Event, Failure> {
        let consent = stored.onboarding.consent.as_ref().ok_or_else(|| not_held("the consent"))?;
        self.provider.accept_privacy_policy(&stored.user, consent.accepted_at).await?;
        Ok(Event::PrivacyPolicyAccepted { revision })
    }

    /// Sends the profile as it is now: it may be newer than when the call was claimed.
    async fn register_user(&self, stored: &Stored) -> Result<Result<Event, Failure>, StoreError> {
        let Some(content) = self.store.profile(stored.onboarding.id).await? else {
            return Ok(Err(not_held("the profile")));
        };
        let profile: Profile = serde_json::from_slice(&content.json).map_err(|error| StoreError::Damaged {
            id: stored.onboarding.id.to_string(),
            what: format!("its profile is not readable at line {} column {}", error.line(), error.column()),
        })?;
        let answer = self.provider.register_user(&stored.user, &profile).await;
        Ok(answer.map(|()| Event::UserRegistered { revision: content.revision }))
    }

    async fn upload_document(
        &self,
        stored: &Stored,
        document_type: &DocumentType,
    ) -> Result<Result<Event, Failure>, StoreError> {
        let _one_of_few = self.documents_in_memory.acquire().await.expect("the semaphore is never closed");
        let Some(content) = self.store.document_content(stored.onboarding.id, document_type).await? else {
            return Ok(Err(not_held("the document")));
        };
        let document = stored.onboarding.documents.get(document_type);
        let upload = Upload {
            document_type: document_type.clone(),
            media_type: content.media_type,
            bytes: content.bytes,
            expires_at: document.and_then(|document| document.expires_at),
        };
        let answer = self.provider.upload_document(&stored.user, upload).await;
        Ok(answer.map(|provider_document_id| Event::DocumentUploaded {
            document_type: document_type.clone(),
            revision: content.revision,
            provider_document_id,
        }))
    }

    /// Applies and commits what happened, however often others change the onboarding
    /// meanwhile and however long the store can't be used; only a shutdown ends the tries.
    async fn record(&self, stored: Stored, event: &Event, clock: &impl Clock) -> Option<Claimed> {
        let Stored { user, onboarding } = stored;
        let id = onboarding.id;
        let mut current = onboarding;
        let mut pause_ms = STORE_PAUSE_FIRST_MS;
        let mut conflicts = 0;
        loop {
            let now = clock.now();
            let outcome = apply(&current, event, &Context { now, policy: self.store.policy() });
            let transitions = match outcome {
                Outcome::Changed(transition) => vec![*transition],
                Outcome::Ignored(reason) => {
                    debug!(event = event.name(), reason = reason.as_str(), "event ignored");
                    Vec::new()
                }
            };
            let moved = transitions.first().map(|transition| (transition.from, transition.onboarding.state));
            let commit = Commit {
                id,
                user: user.clone(),
                transitions,
                actor: Actor::Worker,
                personal: Vec::new(),
                claim: self.claim_after(),
                now,
            };
            match self.store.commit(commit).await {
                Ok(Committed::Stored { next }) => {
                    if let Some((from, to)) = moved.filter(|(from, to)| from != to) {
                        info!(%from, %to, event = event.name(), "onboarding moved");
                    }
                    return next;
                }
                Ok(Committed::Conflict) => conflicts += 1,
                Err(unusable) => {
                    error!(error = &unusable as &dyn std::error::Error, "an answer can't be recorded yet");
                    if self.pause(pause_ms).await == Paused::Stopping {
                        return None;
                    }
                    pause_ms = (pause_ms * 2).min(STORE_PAUSE_LONGEST_MS);
                }
            }
            if conflicts > CONFLICTS_MAX {
                warn!(conflicts, "others keep changing the onboarding; its answer is dropped and asked for again");
                return None;
            }
            match self.store.load(id).await {
                Ok(Some(reloaded)) => current = reloaded.onboarding,
                Ok(None) => return None,
                Err(unusable) => {
                    error!(error = &unusable as &dyn std::error::Error, "an onboarding can't be read");
                    if self.pause(pause_ms).await == Paused::Stopping {
                        return None;
                    }
                }
            }
        }
    }

    fn claim_after(&self) -> ClaimAfter {
        let open = self.with_gate(|gate| *gate.state() == ProviderGate::Open);
        if open && !self.stopping.is_cancelled() {
            ClaimAfter::Continue(self.settings.worker)
        } else {
            ClaimAfter::Release(self.settings.worker.id)
        }
    }

    async fn pause(&self, ms: u64) -> Paused {
        tokio::select! {
            () = self.stopping.cancelled() => Paused::Stopping,
            () = tokio::time::sleep(Duration::from_millis(ms)) => Paused::Over,
        }
    }

    async fn slow_down_if_asked(&self, call: &Call, failure: &Failure, now: Timestamp) {
        if failure.class != FailureClass::RateLimited {
            return;
        }
        let until = now.plus_ms(failure.retry_after_ms.unwrap_or(RATE_LIMITED_PAUSE_MS));
        warn!(lane = call.lane().as_str(), %until, "the provider's rate limit is reached; calling slower");
        if let Err(unusable) = self.store.slow_down(call.lane(), now, until).await {
            error!(error = &unusable as &dyn std::error::Error, "the slower pace can't be recorded");
        }
    }

    async fn turn_gate(
        &self,
        id: OnboardingId,
        call: &Call,
        failure: Option<&Failure>,
        is_probe: bool,
        now: Timestamp,
    ) -> Turn {
        let (turn, state) = self.with_gate(|gate| {
            let turn = gate.turn(id, call, failure, is_probe, now);
            (turn, gate.state().clone())
        });
        match (&turn, &state) {
            (Turn::None, _) => return turn,
            (Turn::Opened { since, .. }, _) => {
                info!(closed_for_ms = now.ms_since(*since), "the provider is open again");
            }
            (Turn::Closed | Turn::StillClosed, ProviderGate::Closed(closed)) => error!(
                message = closed.message,
                probe_at = %closed.probe_at,
                "the provider refuses every call: check the API key, its scopes and that the project \
                 is enabled for KYC; nothing is called until a probe succeeds"
            ),
            (Turn::Closed | Turn::StillClosed, ProviderGate::Open) => {}
        }
        if let Err(unusable) = self.store.set_provider_gate(state).await {
            error!(error = &unusable as &dyn std::error::Error, "the provider's gate can't be recorded");
        }
        turn
    }

    /// Others' calls succeed while this user's closed the provider for all: it is stopped, so
    /// that it can't do so again.
    async fn hold_culprit(&self, id: OnboardingId, clock: &impl Clock) {
        let stored = match self.store.load(id).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return,
            Err(unusable) => {
                error!(error = &unusable as &dyn std::error::Error, "an onboarding can't be read");
                return;
            }
        };
        let Step::Call { call, .. } = next_step(&stored.onboarding, self.store.policy()) else { return };
        let message = stored.onboarding.last_error.as_ref().map_or("no reason given", |error| &error.message);
        let failure = Failure {
            class: FailureClass::Refused,
            message: format!("{message} (other users' calls succeed)"),
            http_status: None,
            retry_after_ms: None,
            effect: Effect::None,
        };
        let transition = apply(
            &stored.onboarding,
            &Event::CallFailed { call, failure },
            &Context { now: clock.now(), policy: self.store.policy() },
        );
        if let Outcome::Changed(transition) = transition {
            self.commit_unclaimed(stored, *transition, clock.now()).await;
        }
    }

    async fn commit_unclaimed(&self, stored: Stored, transition: Transition, now: Timestamp) {
        let id = stored.onboarding.id;
        let commit = Commit {
            id,
            user: stored.user,
            transitions: vec![transition],
            actor: Actor::Worker,
            personal: Vec::new(),
            claim: ClaimAfter::Untouched,
            now,
        };
        match self.store.commit(commit).await {
            Ok(Committed::Stored { .. }) => warn!(onboarding = %id, "held: its calls alone are refused"),
            // Someone changed it just now: if it is still refused, it is found again.
            Ok(Committed::Conflict) => {}
            Err(unusable) => {
                error!(error = &unusable as &dyn std::error::Error, "an onboarding can't be held");
            }
        }
    }

    fn with_gate<R>(&self, act: impl FnOnce(&mut Gate) -> R) -> R {
        act(&mut self.gate.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paused {
    Over,
    Stopping,
}

fn report_panic(ended: Result<usize, tokio::task::JoinError>) {
    if let Err(panicked) = ended
        && panicked.is_panic()
    {
        error!("a call ended in a panic; its claim runs out and it falls due again");
    }
}

/// The store lacks what the onboarding says that we hold: only a person can supply it again.
fn not_held(what: &str) -> Failure {
    Failure {
        class: FailureClass::Refused,
        message: format!("{what} is not in the store any more; supply it again"),
        http_status: None,
        retry_after_ms: None,
        effect: Effect::None,
    }
}

fn no_answer() -> Failure {
    Failure {
        class: FailureClass::Transient,
        message: "no call was made".to_owned(),
        http_status: None,
        retry_after_ms: None,
        effect: Effect::None,
    }
}
