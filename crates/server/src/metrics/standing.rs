//! How things stand at a scrape: gauges that are read from the store, the gate and the worker.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use onboarding::{HoldCause, Lane, Product, ProductStatus, State, StuckCause, Timestamp};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use store::{Budgets, Figures, ProviderGate};

use super::{Labels, Names, Number, lane_label, seconds, whole, words};

type Gauges<const N: usize> = Family<Labels<N>, Gauge>;
type Numbers<const N: usize> = Family<Labels<N>, Number>;

/// All gauges.
pub(super) struct Standing {
    /// Held from the first gauge that is set until all are written down.
    turn: Mutex<()>,
    readable: Gauge,
    onboardings: Gauges<1>,
    wanted: Gauges<1>,
    slowdown: Gauges<1>,
    due: Gauges<2>,
    due_age: Numbers<2>,
    pending: Gauge,
    pending_age: Number,
    database_bytes: Gauge,
    log_bytes: Gauge,
    /// Nothing before the store was first read: 0 would say that it is closed.
    open: Gauges<0>,
    closed_seconds: Number,
    worker_age: Number,
    products: Gauges<2>,
    held: Gauges<1>,
    stuck: Gauges<1>,
    damaged: Gauge,
    census_age: Number,
}

/// What a look at every onboarding found.
pub(super) struct Census {
    pub at: Timestamp,
    pub products: BTreeMap<(&'static str, &'static str), i64>,
    pub held: BTreeMap<&'static str, i64>,
    pub stuck: BTreeMap<&'static str, i64>,
    pub damaged: u64,
}

/// What a scrape reads from the store.
pub(super) struct Found {
    pub figures: Figures,
    pub states: BTreeMap<State, u64>,
    pub gate: ProviderGate,
}

impl Census {
    /// Nobody, with every word that is known.
    pub(super) fn none(at: Timestamp) -> Self {
        let zero = |word: &'static str| (word, 0);
        let statuses =
            ProductStatus::KNOWN.iter().map(|status| words::product_status(Some(status)));
        let statuses: Vec<&str> = statuses.chain([words::UNTOLD]).collect();
        let of_product =
            |product| statuses.iter().map(move |status| ((words::product(product), *status), 0));
        Self {
            at,
            products: Product::KNOWN.iter().flat_map(of_product).collect(),
            held: HoldCause::WORDS.into_iter().map(zero).collect(),
            stuck: StuckCause::ALL.into_iter().map(|cause| zero(cause.as_str())).collect(),
            damaged: 0,
        }
    }
}

impl Standing {
    pub(super) fn new(
        all: &mut Names,
        version: &'static str,
        budgets: Budgets,
        now: Timestamp,
    ) -> Self {
        let build: Gauges<1> =
            all.add("build_info", "Always 1, with the version", Family::default());
        build.get_or_create(&[("version", version)]).set(1);
        let start: Number = all.add(
            "start_time_seconds",
            "When this process began, in seconds since 1970; every counter began at 0 then",
            Number::default(),
        );
        start.set(seconds(now.0.unsigned_abs()));
        let limits: Gauges<1> = all.add(
            "budget_calls_per_minute",
            "How many calls a minute a lane may make by the settings; 0 is unlimited",
            Family::default(),
        );
        for lane in Lane::ALL {
            limits.get_or_create(&[lane_label(lane)]).set(budgets.per_minute(lane).into());
        }
        Self {
            turn: Mutex::default(),
            readable: all.add(
                "store_readable",
                "Whether the store could be read at this scrape; if not, the numbers that come from \
                 it are missing or the last ones",
                Gauge::default(),
            ),
            onboardings: all.add("onboardings", "Onboardings in a state", Family::default()),
            wanted: all.add(
                "budget_wanted_calls",
                "Calls of a lane that are due now or within the next minute",
                Family::default(),
            ),
            slowdown: all.add(
                "budget_slowdown_ratio",
                "How many times slower than its budget a lane went after the provider's last 429",
                Family::default(),
            ),
            due: all.add("due_calls", "Calls that are due and not yet made", Family::default()),
            due_age: all.add(
                "due_oldest_age_seconds",
                "How long the oldest of the calls that are due has been so; 0 if there is none",
                Family::default(),
            ),
            pending: all.add(
                "deliveries_pending",
                "Deliveries to endpoints that are not disabled that have neither arrived nor been given up",
                Gauge::default(),
            ),
            pending_age: all.add(
                "delivery_oldest_age_seconds",
                "How long ago the oldest pending delivery's change happened; 0 if there is none",
                Number::default(),
            ),
            database_bytes: all.add(
                "database_bytes",
                "The size of the database's file",
                Gauge::default(),
            ),
            log_bytes: all.add(
                "database_log_bytes",
                "The size of the database's write-ahead log",
                Gauge::default(),
            ),
            open: all.add(
                "provider_open",
                "1 while the provider takes our calls, 0 while it refuses them all",
                Family::default(),
            ),
            closed_seconds: all.add(
                "provider_closed_seconds",
                "How long the provider has refused all calls; 0 while it is open",
                Number::default(),
            ),
            worker_age: all.add(
                "worker_turned_age_seconds",
                "How long ago the worker last looked for work",
                Number::default(),
            ),
            products: all.add(
                "products",
                "Wanted products by the provider's last word on them",
                Family::default(),
            ),
            held: all.add("held_onboardings", "Onboardings that are held", Family::default()),
            stuck: all.add(
                "stuck_onboardings",
                "Onboardings that do not go on, as gangway users --stuck lists them",
                Family::default(),
            ),
            damaged: all.add(
                "damaged_onboardings",
                "Onboardings that can't be read",
                Gauge::default(),
            ),
            census_age: all.add(
                "census_age_seconds",
                "How old the numbers are that take a look at every onboarding: products, held, stuck \
                 and damaged",
                Number::default(),
            ),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turned(&self, ago_ms: u64) {
        self.worker_age.set(seconds(ago_ms));
    }

    /// What was found in the store, or that it can't be read.
    pub(super) fn found(&self, found: Option<&Found>, now: Timestamp) {
        for gauges in [&self.onboardings, &self.wanted, &self.slowdown] {
            gauges.clear();
        }
        self.due.clear();
        self.due_age.clear();
        self.readable.set(i64::from(found.is_some()));
        let Some(Found { figures, states, gate }) = found else { return };
        for state in State::ALL {
            let count = states.get(&state).copied().unwrap_or(0);
            self.onboardings.get_or_create(&[("state", state.as_str())]).set(whole(count));
        }
        self.calls_that_wait(figures, now);
        self.pending.set(whole(figures.deliveries_pending));
        let age_ms = figures.delivery_oldest_at.map_or(0, |at| now.ms_since(at));
        self.pending_age.set(seconds(age_ms));
        self.database_bytes.set(whole(figures.database_bytes));
        self.log_bytes.set(whole(figures.log_bytes));
        let closed_since = gate.closed_since();
        self.open.get_or_create(&[]).set(i64::from(closed_since.is_none()));
        self.closed_seconds.set(closed_since.map_or(0.0, |since| seconds(now.ms_since(since))));
    }

    fn calls_that_wait(&self, figures: &Figures, now: Timestamp) {
        for lane in Lane::ALL {
            let label = lane_label(lane);
            let of_lane = figures.queues.iter().filter(|queue| queue.lane == lane);
            self.wanted.get_or_create(&[label]).set(whole(of_lane.map(|queue| queue.wanted).sum()));
            let slowed = figures.slowdowns.iter().find(|(slowed, _)| *slowed == lane);
            self.slowdown
                .get_or_create(&[label])
                .set(slowed.map_or(1, |(_, times)| (*times).into()));
        }
        for queue in &figures.queues {
            let kind = if queue.is_recheck { "recheck" } else { "first" };
            let labels = [lane_label(queue.lane), ("queue", kind)];
            self.due.get_or_create(&labels).set(whole(queue.due));
            let age_ms = queue.oldest_at.map_or(0, |at| now.ms_since(at));
            self.due_age.get_or_create(&labels).set(seconds(age_ms));
        }
    }

    /// What the last census found.
    pub(super) fn counted(&self, census: &Census, now: Timestamp) {
        self.products.clear();
        self.held.clear();
        self.stuck.clear();
        for ((product, status), count) in &census.products {
            let labels = [("product", *product), ("status", *status)];
            self.products.get_or_create(&labels).set(*count);
        }
        for (cause, count) in &census.held {
            self.held.get_or_create(&[("reason", *cause)]).set(*count);
        }
        for (cause, count) in &census.stuck {
            self.stuck.get_or_create(&[("cause", *cause)]).set(*count);
        }
        self.damaged.set(whole(census.damaged));
        self.census_age.set(seconds(now.ms_since(census.at)));
    }
}
