//! Hands notifications out to endpoints, and sends them until they arrive.
//!
//! Of each user an endpoint gets one at a time, in order: the store makes the next one due when
//! the one before has arrived. Each endpoint has its own places for what is on its way, and what
//! waits in the store is taken in portions, so that one that is slow or far behind holds up no
//! other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use onboarding::Timestamp;
use store::{
    DeliveryKey, DisabledFor, DueDelivery, Endpoint, EndpointAfter, Settled, SqliteStore,
    StoreError,
};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::client::{Client, Outcome, Problem};
use crate::message::Message;
use crate::{Settings, schedule};

/// How often it is looked whether there is something to send.
const LOOK_EVERY_MS: u64 = 250;

/// How often it is looked for what time alone brings about, and for what is to be forgotten: the
/// look goes over all who are in long review.
const KEEP_UP_EVERY_MS: u64 = 60_000;

/// How long nothing is tried again after the store could not be used.
const STORE_PAUSE_MS: u64 = 1_000;

/// How long it is waited before what came of a try is recorded again, the first time.
const RECORD_PAUSE_FIRST_MS: u64 = 100;

/// The pause doubles up to this, so that what is waiting goes on soon after the store does.
const RECORD_PAUSE_LONGEST_MS: u64 = 5_000;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// How many messages were sent, arrived or not.
    pub sent: usize,
    /// Whether there is more to do at once: a step takes a portion of what waits in the store.
    pub has_more: bool,
    /// When the next one falls due, as far as it is known.
    pub next_at: Option<Timestamp>,
}

/// Sends what is to be told.
pub struct Dispatcher {
    store: Arc<SqliteStore>,
    client: Arc<Client>,
    settings: Settings,
    watch: Option<Box<Watch>>,
}

/// Is told of each try.
type Watch = dyn Fn(&Outcome, Settled) + Send + Sync;

fn ended_id(ended: Result<(Id, ()), JoinError>) -> Id {
    match ended {
        Ok((id, ())) => id,
        Err(cut_off) => {
            error!("a notification ended in a panic; it is sent again");
            cut_off.id()
        }
    }
}

/// What a look into the store came to.
#[derive(Default)]
struct Turn {
    errands: Vec<Errand>,
    /// Whether an endpoint is to be handed out more.
    has_more: bool,
}

/// A message to be sent.
struct Errand {
    endpoint: Arc<Endpoint>,
    due: DueDelivery,
}

impl Dispatcher {
    /// A dispatcher; it does nothing until [`Dispatcher::step`] or [`Dispatcher::run`] is called.
    #[must_use]
    pub const fn new(store: Arc<SqliteStore>, client: Arc<Client>, settings: Settings) -> Self {
        Self { store, client, settings, watch: None }
    }

    /// The same dispatcher, which tells `watch` what came of each try and what becomes of its
    /// delivery.
    #[must_use]
    pub fn watched_by(self, watch: impl Fn(&Outcome, Settled) + Send + Sync + 'static) -> Self {
        Self { watch: Some(Box::new(watch)), ..self }
    }

    /// Sends once what is due, to all endpoints at once, and waits for what comes of it. What is
    /// due after that is not sent, so step again while something was or there is more.
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn step(self: &Arc<Self>, now: Timestamp) -> Result<Stepped, StoreError> {
        let keeps_up_with_more = self.keep_up(now).await?;
        let Turn { errands, has_more } = self.turn(&BTreeMap::new(), now).await?;
        let mut sending = JoinSet::new();
        // Nobody waits here for a store that can't be written.
        let no_waiting = CancellationToken::new();
        no_waiting.cancel();
        for errand in errands {
            let (dispatcher, no_waiting) = (Arc::clone(self), no_waiting.clone());
            sending.spawn(async move { dispatcher.go(errand, &|| now, &no_waiting).await });
        }
        let sent = sending.len();
        sending.join_all().await;
        let next_at = self.store.next_delivery_at().await?;
        Ok(Stepped { sent, has_more: has_more || keeps_up_with_more, next_at })
    }

    /// Sends until `shutdown` is cancelled, and then waits for what is on its way as long as the
    /// settings allow. What is cut off is sent again after the next start.
    pub async fn run(
        self: Arc<Self>,
        clock: impl Fn() -> Timestamp + Clone + Send + Sync + 'static,
        shutdown: CancellationToken,
    ) {
        tokio::join!(
            shutdown.run_until_cancelled(self.keep_up_always(&clock)),
            self.send_always(&clock, &shutdown)
        );
    }

    async fn send_always(
        self: &Arc<Self>,
        clock: &(impl Fn() -> Timestamp + Clone + Send + Sync + 'static),
        shutdown: &CancellationToken,
    ) {
        let mut sending = JoinSet::new();
        let mut on_its_way: BTreeMap<Id, DeliveryKey> = BTreeMap::new();
        while !shutdown.is_cancelled() {
            let pause_ms = match self.turn(&on_its_way, clock()).await {
                Ok(Turn { errands, has_more }) => {
                    for errand in errands {
                        let key = errand.due.key;
                        let (dispatcher, clock) = (Arc::clone(self), clock.clone());
                        let shutdown = shutdown.clone();
                        let task = sending
                            .spawn(async move { dispatcher.go(errand, &clock, &shutdown).await });
                        on_its_way.insert(task.id(), key);
                    }
                    if has_more { 0 } else { LOOK_EVERY_MS }
                }
                Err(unusable) => {
                    let error = &unusable as &dyn std::error::Error;
                    error!(error, "notifications can't be read");
                    STORE_PAUSE_MS
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
                Some(ended) = sending.join_next_with_id(), if !sending.is_empty() => {
                    on_its_way.remove(&ended_id(ended));
                }
            }
            // One look makes up for all that have ended meanwhile.
            while let Some(ended) = sending.try_join_next_with_id() {
                on_its_way.remove(&ended_id(ended));
            }
        }
        let grace = Duration::from_millis(self.settings.shutdown_grace_ms);
        let _ = tokio::time::timeout(grace, async { while sending.join_next().await.is_some() {} })
            .await;
        if !sending.is_empty() {
            warn!(
                cut_off = sending.len(),
                "notifications cut off at shutdown; they are sent again"
            );
        }
    }

    /// What is to be sent now and is not on its way yet. Each endpoint is handed out one portion
    /// at most, so that one with much to catch up on holds up no other.
    async fn turn(
        &self,
        on_its_way: &BTreeMap<Id, DeliveryKey>,
        now: Timestamp,
    ) -> Result<Turn, StoreError> {
        let mut turn = Turn::default();
        for endpoint in self.store.endpoints_told(now).await? {
            turn.has_more |= self.store.hand_out(&endpoint, now).await?;
            let to_it = on_its_way.values().filter(|key| key.endpoint == endpoint.key);
            let busy: Vec<i64> = to_it.map(|key| key.row).collect();
            let free = self.settings.concurrency.saturating_sub(busy.len());
            if free == 0 {
                continue;
            }
            let due = self.store.due_deliveries(endpoint.key, &busy, now, free).await?;
            let endpoint = Arc::new(endpoint);
            let errand = |due| Errand { endpoint: Arc::clone(&endpoint), due };
            turn.errands.extend(due.into_iter().map(errand));
        }
        Ok(turn)
    }

    /// Keeps up now and then, beside what is sent.
    async fn keep_up_always(&self, clock: &impl Fn() -> Timestamp) {
        loop {
            let pause_ms = match self.keep_up(clock()).await {
                Ok(true) => 0,
                Ok(false) => KEEP_UP_EVERY_MS,
                Err(unusable) => {
                    let error = &unusable as &dyn std::error::Error;
                    error!(error, "it can't be looked for what time brought about");
                    STORE_PAUSE_MS
                }
            };
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    /// Tells what time alone brings about, and forgets what was settled long ago: a portion of
    /// each. Answers whether there may be more.
    async fn keep_up(&self, now: Timestamp) -> Result<bool, StoreError> {
        // For its errors in the log: a turn comes too often to name what is damaged.
        self.store.endpoints(now).await?;
        let in_review_since = now.minus_ms(self.settings.stuck_after_ms);
        let tells_more = self.store.tell_stuck(in_review_since, now).await?;
        let settled_before = now.minus_ms(self.settings.log_kept_ms);
        let forgets_more = self.store.forget_deliveries(settled_before).await?;
        let removes_more = self.store.forget_removed().await?;
        Ok(tells_more || forgets_more || removes_more)
    }

    /// Sends one message, and records what came of it.
    async fn go(
        &self,
        errand: Errand,
        clock: &impl Fn() -> Timestamp,
        shutdown: &CancellationToken,
    ) {
        let Errand { endpoint, due } = errand;
        let Some(notified) = &due.notified else {
            return self.put_off(&endpoint, &due, clock(), shutdown).await;
        };
        let message = Message::of(notified);
        let outcome = self.client.send(&endpoint.url, &endpoint.secrets, &message, clock()).await;
        let now = clock();
        let settled = self.settle(&endpoint, &due, &outcome, now);
        debug!(
            endpoint = endpoint.id,
            notification = message.id,
            status = outcome.http_status,
            took_ms = outcome.took_ms,
            problem = outcome.problem.map(Problem::as_str),
            "notification sent"
        );
        if let Some(tell) = &self.watch {
            tell(&outcome, settled);
        }
        let tried = outcome.tried(now);
        let store = || self.store.settle_delivery(due.key, tried, settled);
        if let Some(after) = recorded(&endpoint, store, shutdown).await {
            self.say(&endpoint, settled, after);
        }
    }

    /// Leaves a message that can't be read for later. It is tried as often as one that does not
    /// arrive: whoever restores it in time has it sent in its order, and no other user waits.
    async fn put_off(
        &self,
        endpoint: &Endpoint,
        due: &DueDelivery,
        now: Timestamp,
        shutdown: &CancellationToken,
    ) {
        let wait_ms = schedule::retry_delay_ms(due.attempts + 1, None, due.key.row.unsigned_abs());
        let at = wait_ms.map(|wait_ms| now.plus_ms(wait_ms));
        error!(
            endpoint = endpoint.id,
            notification = due.key.seq,
            is_given_up = at.is_none(),
            "a notification can't be read, and is not sent; restore it from a backup"
        );
        let store = || self.store.put_off_delivery(due.key, at, now);
        recorded(endpoint, store, shutdown).await;
    }

    fn settle(
        &self,
        endpoint: &Endpoint,
        due: &DueDelivery,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Settled {
        let Some(problem) = outcome.problem else { return Settled::Delivered };
        let seed = due.key.row.unsigned_abs();
        let wait_ms = schedule::retry_delay_ms(due.attempts + 1, outcome.retry_after_ms, seed);
        let at = now.plus_ms(wait_ms.unwrap_or(schedule::RETRY_AFTER_MAX_MS));
        if problem == Problem::Gone {
            return Settled::Again { at, endpoint: EndpointAfter::Gone };
        }
        let since = endpoint.failing_since.unwrap_or(now);
        let failing_ms = now.ms_since(since);
        let after = if failing_ms >= self.settings.disable_after_ms {
            EndpointAfter::Failing(since)
        } else if failing_ms >= self.settings.warn_after_ms && endpoint.warned_at.is_none() {
            EndpointAfter::Warned(since)
        } else {
            EndpointAfter::Kept
        };
        // While nothing at all arrives, nothing is given up: it is kept for when it is enabled.
        let is_lost = wait_ms.is_none() && failing_ms < self.settings.warn_after_ms;
        if is_lost { Settled::GivenUp } else { Settled::Again { at, endpoint: after } }
    }

    fn say(&self, endpoint: &Endpoint, settled: Settled, after: EndpointAfter) {
        if settled == Settled::GivenUp {
            warn!(
                endpoint = endpoint.id,
                "a notification is given up; `gangway webhook replay` sends it again"
            );
        }
        let why = match after {
            EndpointAfter::Kept => return,
            EndpointAfter::Warned(_) => {
                warn!(
                    endpoint = endpoint.id,
                    disabled_after_ms = self.settings.disable_after_ms,
                    "nothing arrives at an endpoint; it will be disabled: `gangway webhook test` tries it"
                );
                return;
            }
            EndpointAfter::Failing(_) => DisabledFor::Failing,
            EndpointAfter::Gone => DisabledFor::Gone,
        };
        error!(
            endpoint = endpoint.id,
            why = why.as_str(),
            "an endpoint is disabled, and what it is told of waits: `gangway webhook enable`"
        );
    }
}

/// Records what became of a delivery, as soon as the store takes it; nothing is answered if the
/// process stops before. The delivery keeps its place until then: it is due in the store, and
/// would be sent over and over.
async fn recorded<A, F: Future<Output = Result<A, StoreError>>>(
    endpoint: &Endpoint,
    store: impl Fn() -> F,
    shutdown: &CancellationToken,
) -> Option<A> {
    let mut pause_ms = RECORD_PAUSE_FIRST_MS;
    loop {
        let unusable = match store().await {
            Ok(answer) => return Some(answer),
            Err(unusable) => unusable,
        };
        error!(
            error = &unusable as &dyn std::error::Error,
            endpoint = endpoint.id,
            "what came of a notification can't be recorded yet"
        );
        if shutdown.is_cancelled() {
            return None;
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
        }
        pause_ms = (pause_ms * 2).min(RECORD_PAUSE_LONGEST_MS);
    }
}
