//! One history: a schedule of what people and the world do, the processes that run meanwhile,
//! and nothing that does not follow from the seed. First everything goes wrong that may; then
//! the faults stop, and everything has to come to rest.

mod happening;

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use engine::{Settings, Stepped, Worker};
use onboarding::{Onboarding, Step, next_step};

use crate::base::{Role, at_once};
use crate::chance::{Chance, Purpose};
use crate::faulty_store::FaultyStore;
use crate::network::Line;
use crate::people::{Deed, Person, act};
use crate::plan::Trouble;
use crate::world::{Clock, LOOK_EVERY_MS, Process, Wait, World};

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// How long the faults go on after the last happening.
const TAIL_MS: u64 = 10 * MINUTE_MS;
/// How long it may take to come to rest once the faults have stopped.
const REST_WITHIN_MS: u64 = 30 * DAY_MS;
/// How often people supply all that is asked for, then.
const HELP_ROUNDS_MAX: usize = 8;
/// No history comes near so many steps unless it goes round in circles.
const STEPS_MAX: u64 = 40_000;
/// An idle worker looks ever more rarely, doubling so often.
const IDLE_DOUBLINGS_MAX: u32 = 12;
/// The acts of help are numbered from here.
const HELP_EDITION: usize = 10_000;

/// What is next on the schedule.
enum Next {
    /// Something that people or the world do.
    Happening(usize),
    /// A call reaches the provider.
    Arrival(u64),
    /// A task goes on, if it still waits for that.
    Wake { task: u64, wait: u64 },
    /// A worker is started.
    Start(usize),
    /// A person whose process died, and who was told nothing, does it all again.
    Again(Errand),
}

/// What a person does, one thing after another.
#[derive(Clone)]
struct Errand {
    person: Person,
    deeds: Vec<Deed>,
}

/// Whose process it is.
#[derive(Clone)]
enum Owner {
    Worker(usize),
    Person(Errand),
}

struct Task {
    process: Process,
    owner: Owner,
    future: Pin<Box<dyn Future<Output = ()>>>,
    wait: Option<Wait>,
    /// Counts its waits, so that an outdated wake is known as such.
    waits: u64,
}

/// A history that is being made.
pub(crate) struct History {
    world: World,
    schedule: BTreeMap<(u64, u64), Next>,
    tasks: BTreeMap<u64, Task>,
    /// Counts what was ever put on the schedule, tasks included.
    count: u64,
    processes: u32,
    news_seen: u64,
    pub(crate) steps: u64,
    pub(crate) crashes: u64,
}

impl History {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            schedule: BTreeMap::new(),
            tasks: BTreeMap::new(),
            count: 0,
            processes: 0,
            news_seen: 0,
            steps: 0,
            crashes: 0,
        }
    }

    /// Makes the whole history, or as much of it as nothing is wrong with.
    pub(crate) fn run(&mut self) {
        let plan = self.world.state().plan.clone();
        let mut at_ms = 0;
        let mut chance = Chance::of(plan.seed, Purpose::Schedule, 0, 0);
        for number in 0..plan.happenings {
            at_ms += gap_ms(&mut chance);
            if !plan.omit.contains(&number) {
                self.put(at_ms, Next::Happening(number));
            }
        }
        (0..plan.workers).for_each(|worker| self.put(0, Next::Start(worker)));
        self.go_on_until(at_ms + TAIL_MS, |_| false);
        self.come_to_rest();
        self.world.state().check_tables();
    }

    /// I6: the faults stop, people supply what is asked for, and everything comes to rest. Then
    /// days pass, in which time alone brings something about (I11).
    fn come_to_rest(&mut self) {
        self.calm_down();
        self.settle_with_help(0..HELP_ROUNDS_MAX);
        let days = 2 + self.chance(Purpose::Schedule, 1).below(7);
        let until_ms = self.world.state().now_ms + days * DAY_MS;
        self.go_on_until(until_ms, |_| false);
        // An answer that came late may have replaced a damaged row, whose user waited for help.
        self.settle_with_help(HELP_ROUNDS_MAX..2 * HELP_ROUNDS_MAX);
        let until_ms = self.world.state().now_ms + 3 * HOUR_MS;
        self.go_on_until(until_ms, |_| false);
        // A look in these hours may have found that the provider forgot a user.
        self.settle_with_help(2 * HELP_ROUNDS_MAX..3 * HELP_ROUNDS_MAX);
        if self.is_broken() {
            return;
        }
        let is_at_rest = |onboarding: &Onboarding| onboarding.state.is_at_rest();
        if !self.onboardings().iter().all(is_at_rest) {
            return self.restless("it waits for a person, and none can help");
        }
        self.world.state().check_nothing_is_forgotten();
    }

    fn settle_with_help(&mut self, rounds: Range<usize>) {
        for round in rounds {
            let until_ms = self.world.state().now_ms + REST_WITHIN_MS;
            self.go_on_until(until_ms, Self::is_settled);
            if self.is_broken() {
                return;
            }
            if !self.is_settled() {
                return self.restless("it does not come to rest");
            }
            if !self.help(round) {
                break;
            }
        }
        let until_ms = self.world.state().now_ms + REST_WITHIN_MS;
        self.go_on_until(until_ms, Self::is_settled);
    }

    fn restless(&self, what: &str) {
        let restless = self.onboardings().into_iter().find(|one| !one.state.is_at_rest());
        let policy = self.world.state().plan.policies[0].clone();
        let stands = restless.map_or_else(String::new, |one| {
            format!(": {} with {:?}", one.state, next_step(&one, &policy))
        });
        self.world.state().ledger.violated("I6", format!("{what}{stands}"));
    }

    fn calm_down(&mut self) {
        let mut state = self.world.state();
        state.is_calm = true;
        state.provider.is_calm = true;
        state.provider.closed_until_ms = 0;
        state.news += 1;
        state.tell(|| "the faults stop".to_owned());
    }

    /// All that are to come to rest: what is damaged waits for its backup.
    fn onboardings(&self) -> Vec<Onboarding> {
        let state = self.world.state();
        state.ledger.intact().map(|watched| watched.replayed.clone()).collect()
    }

    /// Whether nothing moves unless a person acts.
    fn is_settled(&self) -> bool {
        let state = self.world.state();
        let policy = &state.plan.policies[0];
        let waits = |onboarding: &Onboarding| match next_step(onboarding, policy) {
            Step::WaitForPerson | Step::Nothing => true,
            Step::Call { .. } => onboarding.state.is_at_rest(),
        };
        let mut owners = self.tasks.values().map(|task| &task.owner);
        owners.all(|owner| matches!(owner, Owner::Worker(_)))
            && state.ledger.intact().all(|watched| waits(&watched.replayed))
    }

    /// People supply what is asked for. Answers whether anyone had anything to do.
    fn help(&mut self, round: usize) -> bool {
        let users = self.world.state().plan.users;
        let mut is_busy = false;
        for user in 0..users {
            let Some(onboarding) = self.world.state().onboarding_of(user) else { continue };
            // Whoever was not helped at first, as the row was damaged, still waits for it.
            let asks = onboarding.state == onboarding::State::RequiresData
                || !onboarding.state.is_at_rest();
            let has_ended = onboarding.hold.is_some() || onboarding.ended.is_some();
            if has_ended || !(asks || round == 0) {
                continue;
            }
            let edition = HELP_EDITION + round * users + user;
            let mut chance = self.chance(Purpose::Happening, edition as u64);
            let person = Person { user, edition, now: self.world.state().wall() };
            let deeds = person.help(&onboarding, &mut chance);
            self.send_person(Errand { person, deeds });
            is_busy = true;
        }
        is_busy
    }

    fn chance(&self, purpose: Purpose, number: u64) -> Chance {
        Chance::of(self.world.state().plan.seed, purpose, number, 0)
    }

    fn put(&mut self, at_ms: u64, next: Next) {
        self.count += 1;
        self.schedule.insert((at_ms, self.count), next);
    }

    fn is_broken(&self) -> bool {
        self.world.state().ledger.violation.is_some()
    }

    fn go_on_until(&mut self, until_ms: u64, is_done: impl Fn(&Self) -> bool) {
        self.pass_on_news();
        let mut seen = None;
        while !self.is_broken() {
            let now = (self.world.state().ledger.changes, self.tasks.len());
            if seen.replace(now) != Some(now) && is_done(self) {
                return;
            }
            let Some(entry) = self.schedule.first_entry() else { return };
            let (at_ms, _) = *entry.key();
            if at_ms > until_ms {
                self.world.state().now_ms = until_ms;
                return;
            }
            let next = entry.remove();
            {
                let mut state = self.world.state();
                state.now_ms = at_ms;
                state.story.mark(at_ms);
            }
            self.take(next);
            self.steps += 1;
            if self.steps > STEPS_MAX {
                self.restless("it goes round in circles");
            }
        }
    }

    fn take(&mut self, next: Next) {
        match next {
            Next::Happening(number) => self.happen(number),
            Next::Arrival(call) => self.world.state().deliver(call),
            Next::Wake { task, wait } => {
                if self.tasks.get(&task).is_some_and(|waiting| waiting.waits == wait) {
                    self.poll(task);
                }
            }
            Next::Start(worker) => self.start(worker),
            Next::Again(errand) => self.send_again(errand),
        }
        self.pass_on_news();
    }

    fn pass_on_news(&mut self) {
        let (arrivals, news, now_ms) = {
            let mut state = self.world.state();
            (std::mem::take(&mut state.network.arrivals), state.news, state.now_ms)
        };
        for (at_ms, call) in arrivals {
            self.put(at_ms, Next::Arrival(call));
        }
        if news == self.news_seen {
            return;
        }
        self.news_seen = news;
        let idle: Vec<(u64, u64)> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.wait == Some(Wait::Idle))
            .map(|(number, task)| (*number, task.waits))
            .collect();
        for (task, wait) in idle {
            self.put(now_ms + LOOK_EVERY_MS, Next::Wake { task, wait });
        }
    }

    fn spawn(
        &mut self,
        process: Process,
        owner: Owner,
        future: impl Future<Output = ()> + 'static,
    ) {
        self.count += 1;
        let task = Task { process, owner, future: Box::pin(future), wait: None, waits: 0 };
        let number = self.count;
        self.tasks.insert(number, task);
        self.poll(number);
    }

    fn poll(&mut self, number: u64) {
        let task = self.tasks.get_mut(&number).expect("only tasks that are there are polled");
        {
            let mut state = self.world.state();
            state.waiting = None;
            state.is_dying = false;
        }
        let polled = task.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let (waiting, is_dying) = {
            let state = self.world.state();
            (state.waiting, state.is_dying)
        };
        if polled.is_ready() {
            self.tasks.remove(&number);
        } else if is_dying {
            let process = task.process;
            self.kill(process);
        } else {
            let (wait, until_ms) = waiting.expect("whatever waits here waits for the world");
            task.wait = Some(wait);
            task.waits += 1;
            let wake = Next::Wake { task: number, wait: task.waits };
            self.put(until_ms, wake);
        }
    }

    /// All that a process is doing ends where it stands; a worker is started again.
    fn kill(&mut self, process: Process) {
        self.crashes += 1;
        let owner = self.tasks.values().find(|task| task.process == process);
        let owner = owner.map(|task| task.owner.clone());
        self.world.state().coverage.trouble(Trouble::Crash);
        self.tasks.retain(|_, task| task.process != process);
        let mut chance = self.chance(Purpose::Process, u64::from(process.0));
        let pause_ms = match chance.below(4) {
            0 => chance.between(MINUTE_MS, HOUR_MS),
            _ => chance.between(100, 20 * SECOND_MS),
        };
        let now_ms = self.world.state().now_ms;
        let again = match owner {
            Some(Owner::Worker(worker)) => Next::Start(worker),
            Some(Owner::Person(errand)) if chance.permille(500) => Next::Again(errand),
            Some(Owner::Person(_)) | None => return,
        };
        self.put(now_ms + pause_ms, again);
    }

    fn next_process(&mut self) -> Process {
        self.processes += 1;
        Process(self.processes)
    }

    fn start(&mut self, worker: usize) {
        let process = self.next_process();
        let mut chance = self.chance(Purpose::Process, u64::from(process.0) << 32);
        let (inner, lease_ms, budgets, slots) = {
            let mut state = self.world.state();
            state.tell(|| format!("{process}, a worker, is started"));
            let role = if state.plan.workers == 1 { Role::OnlyWorker } else { Role::Beside };
            let inner = state.base.open(chance.one_of(&state.plan.policies), role);
            if role == Role::OnlyWorker {
                state.ledger.claims_are_void();
            }
            let plan = &state.plan;
            (inner, plan.lease_ms, plan.budgets, plan.slots)
        };
        let store = Arc::new(FaultyStore::new(inner, self.world.clone(), process));
        let settings = Settings {
            worker: store::Worker { id: process.worker_id(), lease_ms, budgets },
            concurrency: 1,
            shutdown_grace_ms: 0,
        };
        let line = Line::new(self.world.clone(), process);
        let Ok(started) = at_once(Worker::new(store, line, settings)) else {
            let mut state = self.world.state();
            state.tell(|| format!("{process} can't read the gate, and ends"));
            let again_ms = state.now_ms + SECOND_MS;
            drop(state);
            return self.put(again_ms, Next::Start(worker));
        };
        let started = Arc::new(started);
        for _ in 0..slots {
            self.spawn(
                process,
                Owner::Worker(worker),
                work(self.world.clone(), Arc::clone(&started)),
            );
            // It may have died at its first step, and then nothing of it goes on.
            if self.tasks.values().all(|task| task.process != process) {
                return;
            }
        }
    }

    fn send_again(&mut self, errand: Errand) {
        // When the faults have stopped, people help instead.
        if !self.world.state().is_calm {
            self.send_person(errand);
        }
    }

    fn send_person(&mut self, errand: Errand) {
        let process = self.next_process();
        let Errand { person, deeds } = errand.clone();
        let acting = act(self.world.clone(), process, person, deeds);
        self.spawn(process, Owner::Person(errand), acting);
    }
}

fn gap_ms(chance: &mut Chance) -> u64 {
    match chance.below(10) {
        0..=4 => chance.between(0, 900),
        5 | 6 => chance.between(SECOND_MS, MINUTE_MS),
        7 | 8 => chance.between(MINUTE_MS, 2 * HOUR_MS),
        _ => chance.between(2 * HOUR_MS, DAY_MS),
    }
}

/// A worker's loop in the time of the world, around the step that production runs.
async fn work(world: World, worker: Arc<Worker<FaultyStore, Line>>) {
    let clock = Clock(world.clone());
    let mut idle_looks: u32 = 0;
    loop {
        let seen = world.state().news;
        match worker.step(clock.clone()).await {
            Ok(Stepped { calls: 0, next_at }) => {
                idle_looks += 1;
                let least_ms = LOOK_EVERY_MS << idle_looks.min(IDLE_DOUBLINGS_MAX);
                world.idle(next_at, least_ms, seen).await;
            }
            // What follows from these calls was not known when the step began.
            Ok(Stepped { .. }) => {
                idle_looks = 0;
                world.rest(Wait::Work, 1).await;
            }
            Err(_) => world.rest(Wait::Work, SECOND_MS).await,
        }
    }
}
