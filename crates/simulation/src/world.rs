//! The world that the processes live in: the true time, the clock that they read, and the
//! points at which they may be delayed or die. One process runs at a time.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use onboarding::Timestamp;
use store::WorkerId;

use crate::base::{Base, Opened, Role, StoreKind};
use crate::chance::{Chance, Purpose};
use crate::coverage::{Coverage, Point};
use crate::ledger::Ledger;
use crate::network::Network;
use crate::plan::{Plan, Trouble};
use crate::planted::Planted;
use crate::provider::Provider;
use crate::record::Promise;
use crate::story::Story;

/// When every history begins: 2026-05-02T09:10:00Z. A fixed day, so that nothing rots.
const START: Timestamp = Timestamp(1_777_713_000_000);

/// The number of a process; each start of a worker and each request of a person is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// What the store knows a worker by.
    pub(crate) fn worker_id(self) -> WorkerId {
        WorkerId(i64::from(self.0))
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {}", self.0)
    }
}

/// What a process waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The store or its own work.
    Work,
    /// The provider's answer.
    Answer,
    /// Something to do.
    Idle,
}

/// The shared world. Clones are the same one.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

/// All that changes in the world.
pub(crate) struct State {
    pub(crate) plan: Plan,
    pub(crate) planted: Option<Planted>,
    /// The true time since the beginning.
    pub(crate) now_ms: u64,
    /// How far the clock that everyone reads is from the true time.
    pub(crate) skew_ms: i64,
    /// Nothing goes wrong any more.
    pub(crate) is_calm: bool,
    pub(crate) base: Base,
    /// The store as whoever watches from outside opened it.
    pub(crate) store: Opened,
    /// Stores that people's processes opened and left whole. Opening one costs more than most
    /// people do with it; whoever dies takes its own along.
    pub(crate) spare: Vec<Opened>,
    pub(crate) provider: Provider,
    pub(crate) network: Network,
    pub(crate) ledger: Ledger,
    pub(crate) promises: BTreeMap<Process, Promise>,
    pub(crate) story: Story,
    pub(crate) coverage: Coverage,
    /// What the process that is running now waits for, and until when.
    pub(crate) waiting: Option<(Wait, u64)>,
    /// The process that is running now dies.
    pub(crate) is_dying: bool,
    /// Counts what people did: idle workers look again.
    pub(crate) news: u64,
    operations: BTreeMap<Process, u64>,
}

/// What happens at a point of a process.
enum Turn {
    Go,
    Rest(u64),
    Die,
}

impl World {
    pub(crate) fn new(plan: Plan, planted: Option<Planted>, kind: StoreKind, story: Story) -> Self {
        let base = Base::new(kind);
        let store = base.open(plan.policies[0].clone(), Role::Beside);
        Self(Arc::new(Mutex::new(State {
            provider: Provider::new(&plan),
            network: Network::new(&plan),
            ledger: Ledger::new(plan.budgets),
            plan,
            planted,
            now_ms: 0,
            skew_ms: 0,
            is_calm: false,
            base,
            store,
            spare: Vec::new(),
            promises: BTreeMap::new(),
            story,
            coverage: Coverage::default(),
            waiting: None,
            is_dying: false,
            news: 0,
            operations: BTreeMap::new(),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // After a panic, which is a find, only what was found is read.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A point at which a process may be delayed or die.
    pub(crate) async fn point(&self, process: Process, at: Point) {
        let turn = self.state().turn(process, at);
        match turn {
            Turn::Go => {}
            Turn::Rest(ms) => self.rest(Wait::Work, ms).await,
            Turn::Die => std::future::pending().await,
        }
    }

    /// Lets true time pass.
    pub(crate) async fn rest(&self, wait: Wait, ms: u64) {
        let until_ms = self.state().now_ms.saturating_add(ms);
        self.until(wait, until_ms, u64::MAX).await;
    }

    /// Waits for the clock to say `wall`, or for news since `seen`, but at least `least_ms`.
    pub(crate) async fn idle(&self, wall: Option<Timestamp>, least_ms: u64, seen: u64) {
        let (now_ms, until_ms, has_news) = {
            let state = self.state();
            let wait_ms = wall.map_or(IDLE_LONGEST_MS, |wall| wall.ms_since(state.wall()));
            let until_ms = state.now_ms + wait_ms.clamp(least_ms, IDLE_LONGEST_MS.max(least_ms));
            (state.now_ms, until_ms, state.news != seen)
        };
        if has_news {
            self.until(Wait::Work, now_ms + LOOK_EVERY_MS, u64::MAX).await;
        } else {
            self.until(Wait::Idle, until_ms, seen).await;
        }
    }

    async fn until(&self, wait: Wait, until_ms: u64, seen: u64) {
        poll_fn(|_| {
            let mut state = self.state();
            let has_news = wait == Wait::Idle && state.news != seen;
            if state.now_ms >= until_ms || has_news {
                return Poll::Ready(());
            }
            state.waiting = Some((wait, until_ms));
            Poll::Pending
        })
        .await;
    }
}

/// How often an idle worker looks for what another process may have written.
pub(crate) const LOOK_EVERY_MS: u64 = 250;
/// No worker sleeps for longer than this.
const IDLE_LONGEST_MS: u64 = 30 * 24 * 3_600_000;

impl State {
    /// The time that every process reads from the clock.
    pub(crate) fn wall(&self) -> Timestamp {
        let now_ms = i64::try_from(self.now_ms).expect("a history lasts for days");
        Timestamp(START.0 + now_ms + self.skew_ms)
    }

    /// The true time at which the clock said, or will say, `wall`, had it not jumped.
    pub(crate) fn true_ms(&self, wall: Timestamp) -> u64 {
        u64::try_from(wall.0 - START.0 - self.skew_ms).unwrap_or(0)
    }

    /// The store as a process of a person's opens it.
    pub(crate) fn open_beside(&mut self) -> Opened {
        let spare = self.spare.pop();
        spare.unwrap_or_else(|| self.base.open(self.plan.policies[0].clone(), Role::Beside))
    }

    pub(crate) fn tell(&mut self, words: impl FnOnce() -> String) {
        self.story.tell(self.now_ms, words);
    }

    /// A draw for the next operation of a process.
    pub(crate) fn draw(&mut self, process: Process) -> Chance {
        let operation = self.operations.entry(process).or_default();
        *operation += 1;
        Chance::of(self.plan.seed, Purpose::Operation, u64::from(process.0), *operation)
    }

    fn turn(&mut self, process: Process, at: Point) -> Turn {
        let crash_rate = self.plan.rate(Trouble::Crash);
        let mut chance = self.draw(process);
        let is_doomed = self.is_doomed(at);
        if !self.is_calm && (chance.permille(crash_rate / 4) || is_doomed) {
            self.is_dying = true;
            self.coverage.death(at);
            self.tell(|| format!("{process} dies {at}"));
            return Turn::Die;
        }
        if chance.permille(200) { Turn::Rest(chance.between(1, 40)) } else { Turn::Go }
    }

    /// Whether this is the point, and the time, at which the plan has a process die.
    fn is_doomed(&mut self, at: Point) -> bool {
        match &mut self.plan.doom {
            Some((point, times)) if *point == at => {
                *times = times.saturating_sub(1);
                let is_now = *times == 0;
                if is_now {
                    self.plan.doom = None;
                }
                is_now
            }
            Some(_) | None => false,
        }
    }

    /// Whether the store fails this operation of a process.
    pub(crate) fn store_fails(&mut self, process: Process) -> bool {
        let rate = self.plan.rate(Trouble::StoreError);
        let fails = rate > 0 && !self.is_calm && self.draw(process).permille(rate / 2);
        if fails {
            self.coverage.trouble(Trouble::StoreError);
        }
        fails
    }
}

/// The clock that every process reads.
#[derive(Clone)]
pub(crate) struct Clock(pub(crate) World);

impl engine::Clock for Clock {
    fn now(&self) -> Timestamp {
        self.0.state().wall()
    }

    async fn wait(&self, ms: u64) {
        self.0.rest(Wait::Work, ms).await;
    }
}
