//! The worker: claim, call, event, commit.

mod call;
mod gate_keeping;
mod noting;
mod record;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onboarding::{Call, Event, FailureClass, Onboarding, OnboardingId, Timestamp};
use store::{ClaimRequest, Claimed, Claims, Probe, Store, StoreError};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use self::call::Made;
use crate::Clock;
use crate::gate::{Answer, Gate, Passage};
use crate::observer::{Called, Observer};
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
    /// When there may be more to do, as it stood before the calls: what they made due is not
    /// in it, so step again while there were calls.
    pub next_at: Option<Timestamp>,
}

/// A worker on one store and one provider.
pub struct Worker<S, P> {
    store: Arc<S>,
    provider: P,
    settings: Settings,
    gate: Mutex<Gate>,
    in_call: InCall,
    documents_in_memory: Semaphore,
    turned_at: AtomicI64,
    /// Told when the provider is open again: there is work that was not claimed for that alone.
    opened: Notify,
    stopping: CancellationToken,
    observers: Vec<Arc<dyn Observer>>,
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// A claim, and whether it probes a closed provider.
struct Errand {
    claimed: Claimed,
    is_probe: bool,
    only_call: OnlyCall,
}

/// The onboardings that errands are for.
#[derive(Clone, Default)]
struct InCall(Arc<Mutex<BTreeSet<OnboardingId>>>);

impl InCall {
    fn ids(&self) -> MutexGuard<'_, BTreeSet<OnboardingId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if there is an errand for it already.
    fn begin(&self, of: OnboardingId) -> Option<OnlyCall> {
        let is_only = self.ids().insert(of);
        is_only.then(|| OnlyCall { of, all: self.clone() })
    }
}

/// The one call of an onboarding, from its claim until its answer is recorded. Its lease may run
/// out while it waits, but a second call beside the first is never made.
struct OnlyCall {
    of: OnboardingId,
    all: InCall,
}

impl Drop for OnlyCall {
    fn drop(&mut self) {
        self.all.ids().remove(&self.of);
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
            in_call: InCall::default(),
            documents_in_memory,
            turned_at: AtomicI64::new(0),
            opened: Notify::new(),
            stopping: CancellationToken::new(),
            observers: Vec::new(),
        })
    }

    /// The same worker, which tells `observer` what it does.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Claims what is due and makes each call, one after another, and those that follow at
    /// once. The same code as [`Worker::run`], without its loop. A time is a clock that stands.
    ///
    /// # Errors
    /// When nothing could be claimed because the store can't be used.
    pub async fn step(&self, clock: impl Clock) -> Result<Stepped, StoreError> {
        let (errands, next_at) = self.claim(clock.now(), self.settings.concurrency).await?;
        let mut calls = 0;
        for errand in errands {
            calls += self.go(errand, &clock).await;
        }
        Ok(Stepped { calls, next_at })
    }

    /// When [`Worker::run`] last looked for work or took note of a call's end; 1970 before it began.
    /// It is later than one lease ago unless something is wrong with it.
    pub fn turned_at(&self) -> Timestamp {
        Timestamp(self.turned_at.load(Ordering::Relaxed))
    }

    /// Works until `shutdown` is cancelled; then claims nothing more, waits for the calls in
    /// flight as long as the settings allow, and returns. What is cut off falls due again.
    pub async fn run(self: Arc<Self>, clock: impl Clock, shutdown: CancellationToken) {
        let mut errands = JoinSet::new();
        // Not by the clock, which can be set back: then nothing would be done until it came
        // round again.
        let mut claim_at = Instant::now();
        let mut store_pause_ms = STORE_PAUSE_FIRST_MS;
        while !shutdown.is_cancelled() {
            self.turned_at.store(clock.now().0, Ordering::Relaxed);
            let free = self.settings.concurrency.saturating_sub(errands.len());
            if free > 0 && Instant::now() >= claim_at {
                let now = clock.now();
                let pause_ms = match self.claim(now, free).await {
                    Ok((claimed, next_at)) => {
                        store_pause_ms = STORE_PAUSE_FIRST_MS;
                        for errand in claimed {
                            let (worker, clock) = (Arc::clone(&self), clock.clone());
                            errands.spawn(async move { worker.go(errand, &clock).await });
                        }
                        let due_in_ms = next_at.map_or(LOOK_EVERY_MS, |at| at.ms_since(now));
                        due_in_ms.clamp(1, LOOK_EVERY_MS)
                    }
                    Err(unusable) => {
                        error!(
                            error = &unusable as &dyn std::error::Error,
                            "the store can't be used"
                        );
                        let pause_ms = store_pause_ms;
                        store_pause_ms = (store_pause_ms * 2).min(STORE_PAUSE_LONGEST_MS);
                        pause_ms
                    }
                };
                claim_at = Instant::now() + Duration::from_millis(pause_ms);
            }
            let is_full = errands.len() >= self.settings.concurrency;
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(ended) = errands.join_next(), if !errands.is_empty() => self.end(ended),
                () = self.opened.notified(), if store_pause_ms == STORE_PAUSE_FIRST_MS => {
                    claim_at = Instant::now();
                }
                () = tokio::time::sleep_until(claim_at), if !is_full => {}
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
        let note_at = self.note(now).await?;
        let (is_probe, claims) = match self.with_gate(|gate| gate.passage(now)) {
            Passage::Shut(until) => return Ok((Vec::new(), earliest(Some(until), note_at))),
            Passage::Free => (false, self.store.claim(self.request(now, limit, None)).await?),
            Passage::Probe(probe) => {
                (true, self.store.claim(self.request(now, 1, Some(probe))).await?)
            }
        };
        let Claims { claimed, next_at } = claims;
        let errand = |claimed: Claimed| {
            let only_call = self.in_call.begin(claimed.stored.onboarding.id);
            if only_call.is_none() {
                warn!("it was claimed twice at once, so one claim is left to run out");
            }
            Some(Errand { claimed, is_probe, only_call: only_call? })
        };
        let errands: Vec<Errand> = claimed.into_iter().filter_map(errand).collect();
        if is_probe && !errands.is_empty() {
            self.with_gate(Gate::probe_begun);
        }
        Ok((errands, earliest(next_at, note_at)))
    }

    fn request(&self, now: Timestamp, limit: usize, only: Option<Probe>) -> ClaimRequest {
        let in_call = self.in_call.ids().iter().copied().collect();
        ClaimRequest { worker: self.settings.worker, now, limit, in_call, only }
    }

    /// Makes the claimed call, and those that the store lets follow at once. Answers how many.
    async fn go(&self, errand: Errand, clock: &impl Clock) -> usize {
        let Errand { mut claimed, mut is_probe, only_call: _only_call } = errand;
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
        let Claimed { stored, call, lease } = claimed;
        let id = stored.onboarding.id;
        let began = clock.now();
        let made = self.make(&stored, &call, clock).await;
        let answer = match &made {
            Made::Sent(event, _) => {
                self.tell(&stored.onboarding, &call, event, (began, clock.now()));
                self.slow_down_if_asked(event, clock.now()).await;
                Answer::of(event)
            }
            Made::NotSent(_) | Made::NoRoom => Answer::None,
        };
        self.turn_gate(id, call.lane(), answer, is_probe, clock).await;
        match made {
            Made::Sent(event, personal) => {
                self.record(stored, lease, (&event, personal), clock).await
            }
            Made::NotSent(event) => self.record(stored, lease, (&event, None), clock).await,
            Made::NoRoom => {
                self.postpone(stored, lease, clock.now()).await;
                None
            }
        }
    }

    async fn slow_down_if_asked(&self, event: &Event, now: Timestamp) {
        let Event::CallFailed { call, failure } = event else { return };
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

    fn tell(
        &self,
        onboarding: &Onboarding,
        call: &Call,
        event: &Event,
        (began, ended): (Timestamp, Timestamp),
    ) {
        let failure =
            if let Event::CallFailed { failure, .. } = event { Some(failure) } else { None };
        let retry = if let Call::LinkWallet { number, .. } = call {
            onboarding.wallets.get(number).and_then(|wallet| wallet.retry)
        } else {
            onboarding.retry
        };
        let attempt = retry.map_or(0, |retry| retry.attempt).saturating_add(1);
        let called = Called { onboarding, call, attempt, began, ended, failure };
        self.observers.iter().for_each(|observer| observer.called(&called));
    }

    fn with_gate<R>(&self, act: impl FnOnce(&mut Gate) -> R) -> R {
        act(&mut self.gate.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
