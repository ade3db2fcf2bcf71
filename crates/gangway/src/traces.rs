//! Traces over OTLP: one for each round of an onboarding, from the data that it began with to the
//! verdict, with each call to the provider as a span in it.
//!
//! A round takes seconds or days, and more than one process may work on it. So its trace is named
//! after the onboarding and the number of the round, counted in history, and not by chance: what
//! each process exports joins. For the same reason no span is kept open: a call's is made when the
//! call has ended, and the round's own when its verdict is stored, from history. There is no
//! personal data in any of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::{Called, Observer};
use onboarding::{
    Call, Event, FailureClass, Onboarding, OnboardingId, State, Timestamp, Transition,
};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use sha2::{Digest as _, Sha256};
use store::{HistoryRow, SqliteStore, Store as _, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// So many spans wait to be exported; more are dropped.
const WAITING_MAX: usize = 4_096;
/// So many are exported at once.
const BATCH_MAX: usize = 256;
/// How long spans are gathered before they are exported.
const GATHER: Duration = Duration::from_secs(1);
/// How long one export may take, and the last one at the end.
const EXPORT_LIMIT: Duration = Duration::from_secs(5);
/// So many rows of history are read at once for the beginning of a round.
const HISTORY_PAGE: usize = 500;
/// Of so many onboardings it is known which round they are in; of others it is read again.
const KNOWN_MAX: usize = 10_000;

/// What the exporter is told of: an onboarding at a version.
struct Told {
    id: OnboardingId,
    version: u64,
    what: What,
}

/// What happened to it.
enum What {
    /// A call ended.
    Call(CallMade),
    /// A round came to its verdict, by which this version was made.
    Verdict { verdict: State, at: Timestamp },
}

/// A call that was made.
struct CallMade {
    operation: &'static str,
    attempt: u32,
    /// How it failed, and with which HTTP status, if it did.
    failure: Option<(FailureClass, Option<u16>)>,
    began: Timestamp,
    ended: Timestamp,
}

/// Takes in what is traced, and exports it beside.
pub(crate) struct Traces {
    told: mpsc::Sender<Told>,
    dropped: Arc<AtomicU64>,
}

/// The export beside.
pub(crate) struct Export {
    task: JoinHandle<()>,
    ended: CancellationToken,
}

impl Traces {
    /// Exports to the collector at an origin, such as `http://127.0.0.1:4318`.
    ///
    /// # Errors
    /// When no client can be made.
    pub(crate) fn to(
        origin: &str,
        store: Arc<SqliteStore>,
    ) -> Result<(Self, Export), ExporterBuildError> {
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", origin.trim_end_matches('/')))
            .with_timeout(EXPORT_LIMIT)
            .build()?;
        let about = [
            KeyValue::new("service.name", "gangway"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ];
        exporter.set_resource(&Resource::builder_empty().with_attributes(about).build());
        let (told, waiting) = mpsc::channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let ended = CancellationToken::new();
        let exporting = Exporting {
            exporter,
            store,
            waiting,
            known: BTreeMap::new(),
            dropped: Arc::clone(&dropped),
            ended: ended.clone(),
        };
        let task = tokio::spawn(exporting.run());
        Ok((Self { told, dropped }, Export { task, ended }))
    }

    fn tell(&self, told: Told) {
        if self.told.try_send(told).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Export {
    /// Exports what was told of until now, and ends.
    pub(crate) async fn finish(self) {
        self.ended.cancel();
        if timeout(EXPORT_LIMIT, self.task).await.is_err() {
            warn!("the last traces could not be exported");
        }
    }
}

impl Observer for Traces {
    fn called(&self, called: &Called<'_>) {
        let Called { onboarding, call, attempt, began, ended, failure } = *called;
        if !is_of_a_round(onboarding, call) {
            return;
        }
        let failure = failure.map(|failure| (failure.class, failure.http_status));
        let made = CallMade { operation: call.name(), attempt, failure, began, ended };
        let what = What::Call(made);
        self.tell(Told { id: onboarding.id, version: onboarding.version, what });
    }

    fn recorded(&self, transition: &Transition) {
        let Transition { onboarding, from, at, .. } = transition;
        if ends_a_round(*from, onboarding.state) {
            let what = What::Verdict { verdict: onboarding.state, at: *at };
            self.tell(Told { id: onboarding.id, version: onboarding.version, what });
        }
    }
}

/// Whether a change of state ends a round: what is found later at one who was judged does not.
const fn ends_a_round(from: State, to: State) -> bool {
    is_verdict(to) && !from.is_at_rest()
}

/// What a round comes to.
const fn is_verdict(state: State) -> bool {
    matches!(state, State::Verified | State::Rejected | State::RequiresData)
}

/// Whether a call is part of a round: a look at who was judged is of none, nor is their wallet.
const fn is_of_a_round(onboarding: &Onboarding, call: &Call) -> bool {
    let is_beside = matches!(call, Call::CheckStatus { .. } | Call::LinkWallet { .. });
    !(is_beside && onboarding.state.is_at_rest())
}

/// A round, and the ids of its trace and of its own span, the parent of all others.
struct Round {
    onboarding: OnboardingId,
    number: u32,
    trace: TraceId,
    span: SpanId,
}

impl Round {
    fn of(onboarding: OnboardingId, number: u32) -> Self {
        let digest = digest(&[b"round", onboarding.0.as_bytes(), &number.to_be_bytes()]);
        let (trace, rest) = digest.split_at(16);
        let trace = TraceId::from_bytes(trace.try_into().expect("it has 16 bytes"));
        Self { onboarding, number, trace, span: span_id(rest) }
    }

    fn own_span(&self, verdict: State, times: (Timestamp, Timestamp)) -> SpanData {
        let mut span = self.span("round", self.span, times);
        span.attributes.push(KeyValue::new("gangway.verdict", verdict.as_str()));
        span
    }

    fn span_of(&self, call: &CallMade, version: u64) -> SpanData {
        let own = digest(&[
            &self.span.to_bytes(),
            call.operation.as_bytes(),
            &version.to_be_bytes(),
            &call.began.0.to_be_bytes(),
        ]);
        let mut span = self.span(call.operation, span_id(&own), (call.began, call.ended));
        span.parent_span_id = self.span;
        span.parent_span_is_remote = true;
        span.span_kind = SpanKind::Client;
        let outcome = call.failure.map_or("ok", |(class, _)| class.as_str());
        span.status = call.failure.map_or(Status::Ok, |_| Status::error(outcome));
        span.attributes.extend([
            KeyValue::new("gangway.operation", call.operation),
            KeyValue::new("gangway.attempt", i64::from(call.attempt)),
            KeyValue::new("gangway.outcome", outcome),
        ]);
        if let Some((_, Some(http_status))) = call.failure {
            let status = KeyValue::new("http.response.status_code", i64::from(http_status));
            span.attributes.push(status);
        }
        span
    }

    fn span(
        &self,
        name: &'static str,
        id: SpanId,
        (began, ended): (Timestamp, Timestamp),
    ) -> SpanData {
        SpanData {
            span_context: SpanContext::new(
                self.trace,
                id,
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: Cow::Borrowed(name),
            start_time: time(began),
            end_time: time(ended),
            attributes: vec![
                KeyValue::new("gangway.onboarding", self.onboarding.to_string()),
                KeyValue::new("gangway.round", i64::from(self.number)),
            ],
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("gangway").build(),
        }
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn span_id(digest: &[u8]) -> SpanId {
    SpanId::from_bytes(digest[..8].try_into().expect("it has 8 bytes"))
}

fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.0.unsigned_abs())
}

/// The task that exports.
struct Exporting {
    exporter: SpanExporter,
    store: Arc<SqliteStore>,
    waiting: mpsc::Receiver<Told>,
    known: BTreeMap<OnboardingId, Known>,
    dropped: Arc<AtomicU64>,
    ended: CancellationToken,
}

impl Exporting {
    async fn run(mut self) {
        let mut is_failing = false;
        while let Some(told) = self.gather().await {
            let mut spans = Vec::new();
            for told in told {
                match self.span(told).await {
                    Ok(span) => spans.push(span),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        debug!(error, "history can't be read, so a trace lacks a span");
                    }
                }
            }
            let lost = self.dropped.swap(0, Ordering::Relaxed);
            if lost > 0 {
                warn!(lost, "traces were dropped, as the collector is too slow");
            }
            let count = spans.len();
            match timeout(EXPORT_LIMIT, self.exporter.export(spans)).await {
                Ok(Ok(())) => is_failing = false,
                // An error holds what the collector answered, which may be anything.
                Ok(Err(_)) | Err(_) if is_failing => debug!(lost = count, "no traces exported"),
                Ok(Err(_)) | Err(_) => {
                    is_failing = true;
                    warn!(lost = count, "the collector of traces.endpoint takes none; told once");
                }
            }
        }
    }

    /// What is to be exported together; nothing when all was and no more comes.
    async fn gather(&mut self) -> Option<Vec<Told>> {
        let first = tokio::select! {
            biased;
            told = self.waiting.recv() => told?,
            () = self.ended.cancelled() => return None,
        };
        let mut told = vec![first];
        let until = Instant::now() + GATHER;
        while told.len() < BATCH_MAX {
            tokio::select! {
                biased;
                Some(next) = self.waiting.recv() => told.push(next),
                () = sleep_until(until) => break,
                () = self.ended.cancelled() => break,
            }
        }
        Some(told)
    }

    async fn span(&mut self, told: Told) -> Result<SpanData, StoreError> {
        let Told { id, version, what } = told;
        let is_verdict = matches!(what, What::Verdict { .. });
        // The row of the verdict begins the next round.
        let known = self.known(id, if is_verdict { version - 1 } else { version }).await?;
        let round = Round::of(id, known.verdicts + 1);
        Ok(match what {
            What::Verdict { verdict, at } => {
                round.own_span(verdict, (known.began.unwrap_or(at), at))
            }
            What::Call(call) => round.span_of(&call, version),
        })
    }

    /// What history says of the rounds up to a version. It is followed from where it was read
    /// to the last time.
    async fn known(&mut self, id: OnboardingId, version: u64) -> Result<Known, StoreError> {
        if self.known.len() >= KNOWN_MAX && !self.known.contains_key(&id) {
            self.known.clear();
        }
        let mut known = self.known.get(&id).copied().unwrap_or_default();
        while known.version < version {
            let rows = self.store.history(id, known.version, HISTORY_PAGE).await?;
            let before = known.version;
            let until = rows.into_iter().take_while(|row| row.version <= version);
            until.for_each(|row| known.take_in(&row));
            if known.version == before {
                break;
            }
        }
        self.known.insert(id, known);
        Ok(known)
    }
}

/// What is known of an onboarding's rounds up to a version.
#[derive(Clone, Copy, Default)]
struct Known {
    version: u64,
    /// How many rounds came to their verdict.
    verdicts: u32,
    /// When the data came that the present round began with.
    began: Option<Timestamp>,
}

impl Known {
    fn take_in(&mut self, row: &HistoryRow) {
        self.version = row.version;
        if ends_a_round(row.from, row.to) {
            self.verdicts += 1;
            self.began = None;
        } else if self.began.is_none() && is_of_a_person(&row.event) {
            self.began = Some(row.at);
        }
    }
}

/// What a round may begin with.
const fn is_of_a_person(event: &Event) -> bool {
    matches!(
        event,
        Event::ProfileSet { .. }
            | Event::WantedProductsSet { .. }
            | Event::ConsentGiven { .. }
            | Event::DocumentAdded { .. }
            | Event::VerificationRequested
            | Event::TaskWaived { .. }
            | Event::Reopened { .. }
            | Event::Resumed { .. }
    )
}
