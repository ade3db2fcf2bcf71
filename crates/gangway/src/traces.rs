//! Traces over OTLP: one for each round of an onboarding, from the data that it began with to the
//! verdict, with each call to the provider as a span in it.
//!
//! A round takes seconds or days, and more than one process may work on it. So its trace is named
//! after the onboarding and the round, and not by chance: what each process exports joins. For the
//! same reason no span is kept open: a call's is made when the call has ended, and the round's own
//! when its verdict is stored, from history. There is no personal data in any of them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::{Called, Observer};
use onboarding::{Call, Event, Onboarding, OnboardingId, State, Timestamp, Transition};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use sha2::{Digest as _, Sha256};
use store::{SqliteStore, Store as _, StoreError};
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

/// What the exporter is told of.
enum Told {
    /// A call ended.
    Call(Box<SpanData>),
    /// A round came to its verdict.
    Verdict { id: OnboardingId, round: u32, verdict: State, version: u64, at: Timestamp },
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
        let Some(round) = round_of(called.onboarding, called.call) else { return };
        self.tell(Told::Call(Box::new(span_of_call(called, round))));
    }

    fn recorded(&self, transition: &Transition) {
        let Transition { onboarding, from, at, .. } = transition;
        if is_verdict(onboarding.state) && !from.is_at_rest() {
            self.tell(Told::Verdict {
                id: onboarding.id,
                round: onboarding.verification.triggers.max(1),
                verdict: onboarding.state,
                version: onboarding.version,
                at: *at,
            });
        }
    }
}

/// What a round comes to.
const fn is_verdict(state: State) -> bool {
    matches!(state, State::Verified | State::Rejected | State::RequiresData)
}

/// The round that a call is part of, named by its trigger: what is sent before it belongs to it,
/// too. A look at who was judged belongs to none.
fn round_of(onboarding: &Onboarding, call: &Call) -> Option<u32> {
    let triggers = onboarding.verification.triggers;
    match call {
        Call::TriggerVerification { trigger } => Some(*trigger),
        Call::CheckStatus { .. } => (!onboarding.state.is_at_rest()).then(|| triggers.max(1)),
        Call::AcceptPrivacyPolicy { .. }
        | Call::AcceptTerms { .. }
        | Call::RegisterUser { .. }
        | Call::ReadUser { .. }
        | Call::UploadDocument { .. } => Some(triggers.saturating_add(1)),
    }
}

/// The ids of a round: its trace, and its own span, the parent of all others.
struct Round {
    trace: TraceId,
    span: SpanId,
}

impl Round {
    fn of(id: OnboardingId, round: u32) -> Self {
        let digest = digest(&[b"round", id.0.as_bytes(), &round.to_be_bytes()]);
        let (trace, rest) = digest.split_at(16);
        Self {
            trace: TraceId::from_bytes(trace.try_into().expect("it has 16 bytes")),
            span: SpanId::from_bytes(rest[..8].try_into().expect("it has 8 bytes")),
        }
    }

    fn context(&self, span: SpanId) -> SpanContext {
        SpanContext::new(self.trace, span, TraceFlags::SAMPLED, false, TraceState::NONE)
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn span_of_call(called: &Called<'_>, round: u32) -> SpanData {
    let Called { onboarding, call, attempt, began, ended, failure } = called;
    let of = Round::of(onboarding.id, round);
    let unique = digest(&[
        of.span.to_bytes().as_slice(),
        call.name().as_bytes(),
        &onboarding.version.to_be_bytes(),
        &began.0.to_be_bytes(),
    ]);
    let own = SpanId::from_bytes(unique[..8].try_into().expect("it has 8 bytes"));
    let mut attributes = about(onboarding.id, round);
    attributes.extend([
        KeyValue::new("gangway.operation", call.name()),
        KeyValue::new("gangway.attempt", i64::from(*attempt)),
        KeyValue::new("gangway.outcome", failure.map_or("ok", |failure| failure.class.as_str())),
    ]);
    let http_status = failure.and_then(|failure| failure.http_status);
    attributes.extend(
        http_status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))),
    );
    let status = failure.map_or(Status::Ok, |failure| Status::error(failure.class.as_str()));
    SpanData {
        parent_span_id: of.span,
        parent_span_is_remote: true,
        span_kind: SpanKind::Client,
        status,
        ..span(of.context(own), call.name(), (*began, *ended), attributes)
    }
}

fn about(id: OnboardingId, round: u32) -> Vec<KeyValue> {
    vec![
        KeyValue::new("gangway.onboarding", id.to_string()),
        KeyValue::new("gangway.round", i64::from(round)),
    ]
}

fn span(
    span_context: SpanContext,
    name: &'static str,
    (began, ended): (Timestamp, Timestamp),
    attributes: Vec<KeyValue>,
) -> SpanData {
    SpanData {
        span_context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Borrowed(name),
        start_time: time(began),
        end_time: time(ended),
        attributes,
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("gangway").build(),
    }
}

fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.0.unsigned_abs())
}

/// The task that exports.
struct Exporting {
    exporter: SpanExporter,
    store: Arc<SqliteStore>,
    waiting: mpsc::Receiver<Told>,
    dropped: Arc<AtomicU64>,
    ended: CancellationToken,
}

impl Exporting {
    async fn run(mut self) {
        let mut is_failing = false;
        while let Some(told) = self.gather().await {
            let mut spans = Vec::new();
            for told in told {
                spans.extend(self.span(told).await);
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

    async fn span(&self, told: Told) -> Option<SpanData> {
        match told {
            Told::Call(span) => Some(*span),
            Told::Verdict { id, round, verdict, version, at } => {
                let began = self.began(id, version).await.ok()?.unwrap_or(at);
                let of = Round::of(id, round);
                let mut attributes = about(id, round);
                attributes.push(KeyValue::new("gangway.verdict", verdict.as_str()));
                Some(span(of.context(of.span), "round", (began, at), attributes))
            }
        }
    }

    /// When the data came that the round began with whose verdict made this version.
    async fn began(&self, id: OnboardingId, version: u64) -> Result<Option<Timestamp>, StoreError> {
        let (mut began, mut after) = (None, 0);
        loop {
            let rows = self.store.history(id, after, HISTORY_PAGE).await?;
            let Some(last) = rows.last() else { return Ok(began) };
            after = last.version;
            for row in rows {
                if row.version == version {
                    return Ok(began);
                }
                if row.from != row.to && is_verdict(row.to) {
                    began = None;
                } else if began.is_none() && is_of_a_person(&row.event) {
                    began = Some(row.at);
                }
            }
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
