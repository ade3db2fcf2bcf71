//! The worker: claim, call, event, commit.

mod call;
mod gate_keeping;
mod record;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use onboarding::{Call, Event, Failure, FailureClass, OnboardingId, Timestamp};
use store::{ClaimRequest, Claimed, Claims, Probe, ProviderGate, Store, StoreError};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use self::call::no_answer;
use crate::Clock;
use crate::gate::{Gate, Passage, Turn};
use crate::provider::Provider;

/// How often the worker looks for work that another process may have written.
const LOOK_EVERY_MS: u64 = 250;
/// At most this many documents are held in memory at once.
const DOCUMENTS_IN_MEMORY_MAX: usize = 4;
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
    in_call: Mutex<BTreeSet<OnboardingId>>,
    documents_in_memory: Semaphore,
    stopping: CancellationToken,
}

/// A claim, and whether it probes a closed provider.
struct Errand {
    claimed: Claimed,
    is_probe: bool,
}

/// The one call of an onboarding that is being made. Its lease may run out while it waits, and
/// then the store hands the onboarding out again; a second call beside the first is never made.
struct OnlyCall<'a> {
    of: OnboardingId,
    all: &'a Mutex<BTreeSet<OnboardingId>>,
}

impl<'a> OnlyCall<'a> {
    fn begin(all: &'a Mutex<BTreeSet<OnboardingId>>, of: OnboardingId) -> Option<Self> {
        let is_only = all.lock().unwrap_or_else(PoisonError::into_inner).insert(of);
        is_only.then(|| Self { of, all })
    }
}

impl Drop for OnlyCall<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.of);
    }
}

impl<S: Store, P: Provider> Worker<S, P> {
    /// A worker; it does nothing until [`Worker::step`] or [`Worker::run`] is called.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn new(store: Arc<S>, provider: P, settings: Settings) -> Result<Self, StoreError> {
        let gate = Mutex::new(Gate::new(store.provider_gate().await?));
        let documents_in_memory = Semaphore::new(DOCUMENTS_IN_MEMORY_MAX);
        Ok(Self {
            store,
            provider,
            settings,
            gate,
            in_call: Mutex::default(),
            documents_in_memory,
            stopping: CancellationToken::new(),
        })
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
                        error!(
                            error = &unusable as &dyn std::error::Error,
                            "the store can't be used"
                        );
                        claim_at = now.plus_ms(store_pause_ms);
                        store_pause_ms = (store_pause_ms * 2).min(STORE_PAUSE_LONGEST_MS);
                    }
                }
            }
            let is_full = errands.len() >= self.settings.concurrency;
            let until_claim_ms = claim_at.ms_since(clock.now()).clamp(1, LOOK_EVERY_MS);
            let pause_ms = if is_full { LOOK_EVERY_MS } else { until_claim_ms };
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(ended) = errands.join_next(), if !errands.is_empty() => self.end(ended),
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
            self.end(ended);
        }
        if !errands.is_empty() {
            warn!(cut_off = errands.len(), "calls cut off at shutdown; they fall due again");
        }
    }

    /// Takes note of how an errand ended.
    fn end(&self, ended: Result<usize, JoinError>) {
        if ended.is_err_and(|error| error.is_panic()) {
            error!("a call ended in a panic; its claim runs out and it falls due again");
            // It may have been the probe, and another would wait for its end for ever.
            self.with_gate(Gate::probe_ended);
        }
    }

    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<(Vec<Errand>, Option<Timestamp>), StoreError> {
        let (is_probe, claims) = match self.with_gate(|gate| gate.passage(now)) {
            Passage::Shut(until) => return Ok((Vec::new(), Some(until))),
            Passage::Free => (false, self.store.claim(self.request(now, limit, None)).await?),
            Passage::Probe(probes) => (true, self.claim_one_of(now, probes).await?),
        };
        let Claims { claimed, next_at } = claims;
        if is_probe && !claimed.is_empty() {
            self.with_gate(Gate::probe_begun);
        }
        Ok((claimed.into_iter().map(|claimed| Errand { claimed, is_probe }).collect(), next_at))
    }

    /// The first of these probes that is due.
    async fn claim_one_of(&self, now: Timestamp, probes: [Probe; 2]) -> Result<Claims, StoreError> {
        let mut next_at = None;
        for probe in probes {
            let claims = self.store.claim(self.request(now, 1, Some(probe))).await?;
            if !claims.claimed.is_empty() {
                return Ok(claims);
            }
            next_at = next_at.into_iter().chain(claims.next_at).min();
        }
        Ok(Claims { claimed: Vec::new(), next_at })
    }

    const fn request(&self, now: Timestamp, limit: usize, only: Option<Probe>) -> ClaimRequest {
        ClaimRequest { worker: self.settings.worker, now, limit, only }
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

    async fn advance(
        &self,
        claimed: Claimed,
        is_probe: bool,
        clock: &impl Clock,
    ) -> Option<Claimed> {
        let Claimed { stored, call } = claimed;
        let id = stored.onboarding.id;
        let Some(only_call) = OnlyCall::begin(&self.in_call, id) else {
            warn!("its last call still waits, so no other is made; the claim's lease is too short");
            if is_probe {
                self.with_gate(Gate::probe_ended);
            }
            return None;
        };
        let made = self.make(&stored, &call).await;
        // Before the claim is given back, so that whoever claims it next can call.
        drop(only_call);
        let event = match made {
            Ok(event) => event,
            // Without its data there is no call; the claim runs out and it falls due again.
            Err(unusable) => {
                error!(error = &unusable as &dyn std::error::Error, "a call's data can't be read");
                self.turn_gate(id, &call, Some(&no_answer()), is_probe, clock.now()).await;
                return None;
            }
        };
        let failure =
            if let Event::CallFailed { failure, .. } = &event { Some(failure) } else { None };
        if let Some(failure) = failure {
            self.slow_down_if_asked(&call, failure, clock.now()).await;
        }
        let turn = self.turn_gate(id, &call, failure, is_probe, clock.now()).await;
        if let Turn::Opened { culprit: Some(culprit), .. } = turn {
            self.hold_culprit(culprit, clock).await;
            self.with_gate(Gate::open);
            self.keep_gate(ProviderGate::Open).await;
        }
        self.record(stored, &event, clock).await
    }

    async fn slow_down_if_asked(&self, call: &Call, failure: &Failure, now: Timestamp) {
        if failure.class != FailureClass::RateLimited {
            return;
        }
        let until = now.plus_ms(failure.retry_after_ms.unwrap_or(RATE_LIMITED_PAUSE_MS));
        warn!(lane = call.lane().as_str(), %until, "the provider's rate limit is reached; calling slower");
        if let Err(unusable) = self.store.slow_down(call.lane(), now, until).await {
            error!(
                error = &unusable as &dyn std::error::Error,
                "the slower pace can't be recorded"
            );
        }
    }

    fn with_gate<R>(&self, act: impl FnOnce(&mut Gate) -> R) -> R {
        act(&mut self.gate.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
