//! Numbers for Prometheus. The names, what they mean and where they come from are here; docs/
//! monitoring.md has them as a table, which a test holds against a scrape.
//!
//! A label's value is a `&'static str`: a word of a closed list in the code. Nothing that came from
//! outside can be one, so that neither personal data nor endless series can get in.

mod scrape;
mod standing;
mod watch;
mod words;

use std::sync::atomic::AtomicU64;

use engine::{Called, Observer};
use onboarding::{Lane, Timestamp, Transition};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use store::{Budgets, Change, GroupCommit, Settled};

pub(crate) use scrape::scrape;
pub(crate) use watch::{Watch, keep_up};

use standing::Standing;

/// The labels of a series.
type Labels<const N: usize> = [(&'static str, &'static str); N];
/// Counters that differ by their labels.
type Counters<const N: usize> = Family<Labels<N>, Counter>;
/// Histograms that differ by their labels.
type Histograms<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;
/// A number with a fraction.
type Number = Gauge<f64, AtomicU64>;

/// What is counted while the process lives, and what is read at a scrape.
pub struct Metrics {
    registry: Registry,
    calls: Counters<3>,
    call_seconds: Histograms<1>,
    retries: Counters<1>,
    deliveries: Counters<1>,
    delivery_seconds: Histogram,
    requests: Counters<3>,
    request_seconds: Histograms<1>,
    commit_writes: Histogram,
    commit_seconds: Histogram,
    commit_failures: Counter,
    created: Counter,
    transitions: Counters<2>,
    state_seconds: Histograms<1>,
    verdict_seconds: Histograms<1>,
    standing: Standing,
}

/// Of answers that come at once, and of those that a time-out ends.
fn of_seconds() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

/// Of what a disk does.
fn of_milliseconds() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0])
}

/// From seconds to weeks.
fn of_days() -> Histogram {
    Histogram::new([
        1.0,
        5.0,
        15.0,
        60.0,
        300.0,
        1_800.0,
        7_200.0,
        28_800.0,
        86_400.0,
        259_200.0,
        604_800.0,
        2_592_000.0,
    ])
}

/// Of how many, up to the most that one transaction takes.
fn of_writes() -> Histogram {
    Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0])
}

fn histograms<const N: usize>(make: fn() -> Histogram) -> Histograms<N> {
    Family::new_with_constructor(make)
}

/// A registry whose names all begin alike.
struct Names(Registry);

impl Names {
    fn add<M: Metric + Clone>(&mut self, name: &str, says: &str, metric: M) -> M {
        self.0.register(name, says, metric.clone());
        metric
    }
}

impl Metrics {
    /// Numbers that all begin at 0.
    #[must_use]
    pub fn new(version: &'static str, budgets: Budgets, now: Timestamp) -> Self {
        let mut names = Names(Registry::with_prefix("gangway"));
        let all = &mut names;
        let calls =
            all.add("provider_calls", "Calls to the provider that were sent", Family::default());
        let call_seconds = all.add(
            "provider_call_duration_seconds",
            "How long a call to the provider took",
            histograms(of_seconds),
        );
        let retries = all.add(
            "provider_retries",
            "Calls to the provider that tried a step again that had failed before",
            Family::default(),
        );
        let deliveries = all.add(
            "deliveries",
            "Tries to deliver a notification to an endpoint",
            Family::default(),
        );
        let delivery_seconds = all.add(
            "delivery_duration_seconds",
            "How long a try to deliver a notification took",
            of_seconds(),
        );
        let requests =
            all.add("http_requests", "Requests that the API answered", Family::default());
        let request_seconds = all.add(
            "http_request_duration_seconds",
            "How long the API took to answer a request, without the sending of the body",
            histograms(of_seconds),
        );
        let commit_writes = all.add(
            "group_commit_writes",
            "How many writes one transaction of this process took in that changed something",
            of_writes(),
        );
        let commit_seconds = all.add(
            "group_commit_duration_seconds",
            "How long a transaction of this process took that changed something, from BEGIN to the \
             answer to COMMIT",
            of_milliseconds(),
        );
        let commit_failures = all.add(
            "group_commit_failures",
            "Transactions of this process that the database did not take",
            Counter::default(),
        );
        let created = all.add("onboardings_created", "Onboardings that began", Counter::default());
        let transitions = all.add(
            "transitions",
            "Onboardings that went from one state to another",
            Family::default(),
        );
        let state_seconds = all.add(
            "time_in_state_seconds",
            "How long a state lasted that was left",
            histograms(of_days),
        );
        let verdict_seconds = all.add(
            "time_to_verdict_seconds",
            "How long it took from the begin of a verification to its verdict",
            histograms(of_days),
        );
        let standing = Standing::new(all, version, budgets, now);
        let Names(registry) = names;
        // One that is there from the start: what goes up from nothing goes up by nothing, and of
        // what is given up once in a month an alert would hear nothing.
        for outcome in ["delivered", "failed", "given-up"] {
            drop(deliveries.get_or_create(&[("outcome", outcome)]));
        }
        Self {
            registry,
            calls,
            call_seconds,
            retries,
            deliveries,
            delivery_seconds,
            requests,
            request_seconds,
            commit_writes,
            commit_seconds,
            commit_failures,
            created,
            transitions,
            state_seconds,
            verdict_seconds,
            standing,
        }
    }

    /// Takes in a group commit.
    pub fn committed(&self, commit: GroupCommit) {
        match commit {
            GroupCommit::Stored { writes, took } => {
                #[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
                self.commit_writes.observe(writes as f64);
                self.commit_seconds.observe(took.as_secs_f64());
            }
            GroupCommit::Failed => drop(self.commit_failures.inc()),
        }
    }

    /// Takes in a try to deliver a notification.
    pub fn tried(&self, took_ms: u64, settled: Settled) {
        let outcome = match settled {
            Settled::Delivered => "delivered",
            Settled::Again { .. } => "failed",
            Settled::GivenUp => "given-up",
        };
        self.deliveries.get_or_create(&[("outcome", outcome)]).inc();
        self.delivery_seconds.observe(seconds(took_ms));
    }

    /// Takes in a request that was answered.
    pub(crate) fn answered(&self, method: &str, route: &'static str, status: u16, took_s: f64) {
        let labels = [
            ("method", words::method(method)),
            ("route", route),
            ("status", words::status(status)),
        ];
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&[("route", route)]).observe(took_s);
    }

    /// Takes in a row of history.
    fn changed(&self, change: &Change) {
        let to = change.to.as_str();
        let Some(from) = change.from else {
            self.created.inc();
            return;
        };
        if from == change.to {
            return;
        }
        let from = from.as_str();
        self.transitions.get_or_create(&[("from", from), ("to", to)]).inc();
        if let Some(ms) = change.stood_ms {
            self.state_seconds.get_or_create(&[("state", from)]).observe(seconds(ms));
        }
        if let Some(ms) = change.judged_after_ms {
            self.verdict_seconds.get_or_create(&[("verdict", to)]).observe(seconds(ms));
        }
    }
}

impl Observer for Metrics {
    fn called(&self, called: &Called<'_>) {
        let operation = called.call.name();
        let lane = called.call.lane().as_str();
        let outcome = called.failure.map_or("ok", |failure| failure.class.as_str());
        let labels = [("operation", operation), ("lane", lane), ("outcome", outcome)];
        self.calls.get_or_create(&labels).inc();
        let took_s = seconds(called.ended.ms_since(called.began));
        self.call_seconds.get_or_create(&[("operation", operation)]).observe(took_s);
        if called.attempt > 1 {
            self.retries.get_or_create(&[("operation", operation)]).inc();
        }
    }

    /// Transitions are read from history, which has also those that other processes make.
    fn recorded(&self, _: &Transition) {}
}

#[expect(clippy::cast_precision_loss, reason = "a millisecond in some thousand years")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

/// A count as a gauge takes it.
fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

const fn lane_label(lane: Lane) -> (&'static str, &'static str) {
    ("lane", lane.as_str())
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text;

    use super::*;

    #[test]
    fn before_the_store_was_read_the_provider_is_said_to_be_neither_open_nor_closed() {
        let budgets = Budgets { writes_per_minute: 0, reads_per_minute: 0 };
        let metrics = Metrics::new("0", budgets, Timestamp(0));
        metrics.standing.found(None, Timestamp(0));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &metrics.registry).unwrap();
        assert!(text.contains("\ngangway_store_readable 0"), "{text}");
        assert!(!text.contains("\ngangway_provider_open"), "{text}");
    }
}
