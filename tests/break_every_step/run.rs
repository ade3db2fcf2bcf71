//! One run of a scenario with the real binary, broken at one point or at none.

use std::path::Path;
use std::time::{Duration, Instant};

use gangway_tests::roads::ending;
use gangway_tests::{Gangway, PATIENCE, Sandbox, Worker};
use onboarding::{Policy, Reader, Status, Step, next_note, next_step};
use rustix::process::Signal;
use sandbox::{CallRecord, Profile};
use serde_json::{Value, json};
use store::Stored;

use crate::database::{Files, held, now, read, replayed, the_one_user};
use crate::point::{Break, is_idle};
use crate::scenarios::{Lift, Lifted, Scenario, Stage};

/// Each delay is long after whatever the sandbox does by itself, so that the steps come in one
/// order only; and none is drawn.
const EVEN: [(&str, &str); 12] = [
    ("POLICY__RETRY__INITIAL", "100ms"),
    ("POLICY__RETRY__MULTIPLIER_PERCENT", "100"),
    ("POLICY__RETRY__MAX", "100ms"),
    ("POLICY__RETRY__JITTER_PERCENT", "0"),
    ("POLICY__POLL__INITIAL", "700ms"),
    ("POLICY__POLL__MULTIPLIER_PERCENT", "100"),
    ("POLICY__POLL__MAX", "700ms"),
    ("POLICY__POLL__JITTER_PERCENT", "0"),
    ("POLICY__UNCLEAR_POLLS_MAX", "2"),
    // A claim that nobody knows of is made again only when its lease has run out.
    ("CROSSMINT__CALL_TIMEOUT", "3s"),
    ("CROSSMINT__UPLOAD_TIMEOUT", "3s"),
    ("WORKER__LEASE", "4s"),
];

/// What a worker at rest does only in a long time: a verified user is looked at again in days.
const LONG_MS: u64 = 86_400_000;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a run came to.
pub struct Ran {
    /// The points that the worker of each stage came to, in order.
    pub points: Vec<Vec<String>>,
    /// How it ended, here and at the provider.
    pub ending: Value,
    /// The calls that the provider got.
    pub calls: Vec<CallRecord>,
    pub triggers_effective: u64,
}

/// Does what people do before the worker is started for the first time.
pub fn prepare(scenario: &Scenario) -> Files {
    let run = Run::begin(scenario);
    run.do_commands(&scenario.stages[0]);
    Files::of(run.gangway.folder())
}

/// Runs it from there.
///
/// # Panics
/// When it does not come to its end, or never to the point at which it is to break.
pub fn run(scenario: &Scenario, prepared: &Files, at: Option<&Break>) -> Ran {
    let run = Run::begin(scenario);
    prepared.put_into(run.gangway.folder());
    let stages = scenario.stages.iter().zip(0..);
    let points = stages.map(|(stage, number)| {
        if number > 0 {
            run.do_commands(stage);
        }
        run.see_to_rest(number, at.filter(|at| at.stage == number))
    });
    let points = points.collect();
    let user = run.sandbox.user(&scenario.user);
    Ran {
        points,
        ending: run.ending(),
        calls: run.sandbox.calls_of(&scenario.user),
        triggers_effective: user.triggers_effective,
    }
}

struct Run<'a> {
    scenario: &'a Scenario,
    sandbox: Sandbox,
    gangway: Gangway,
}

impl<'a> Run<'a> {
    fn begin(scenario: &'a Scenario) -> Self {
        let mut script = json!({ "users": { &scenario.user: scenario.script } });
        if let Some(Lift { what: Lifted::Closure, .. }) = scenario.lift {
            script["providerClosed"] = json!({ "status": 401 });
        }
        let sandbox = Sandbox::start_as(scenario.profile, &script);
        let api = match scenario.profile {
            Profile::Quickstart => "quickstart",
            Profile::Current => "current",
        };
        let quick = Gangway::quick(&sandbox.origin()).breakable().with("CROSSMINT__API", api);
        let gangway = EVEN.iter().fold(quick, |gangway, (name, value)| gangway.with(name, value));
        Self { scenario, sandbox, gangway }
    }

    fn do_commands(&self, stage: &Stage) {
        if let Some(change) = &stage.change {
            self.sandbox.change(&self.scenario.user, change);
        }
        for command in &stage.commands {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            self.gangway.done(&words);
        }
    }

    /// Runs a worker until nothing is left to do, starting another if it was broken so that it
    /// ended, and answers the points that the first came to.
    fn see_to_rest(&self, stage: usize, at: Option<&Break>) -> Vec<String> {
        let log = self.gangway.folder().join(format!("points-{stage}.log"));
        let breaks = at.map_or(String::new(), Break::to_string);
        let worker = self.serve(&log, &breaks);
        let came_to = self.see_to_an_end(worker, &log);
        let points = lines(&log);
        let Some(at) = at else {
            assert_eq!(came_to, End::Rest, "it ended by itself:\n{}", self.gangway.logs());
            return points;
        };
        for point in at.points() {
            let is_reached = points.iter().any(|reached| reached == point);
            assert!(is_reached, "never came to {point}; it came to {points:?}");
        }
        let is_as_broken = match came_to {
            End::Rest => !at.how.is_kill(),
            End::Exit(code) => at.may_end_the_worker() && at.how.is_kill() == code.is_none(),
        };
        assert!(is_as_broken, "it came to {came_to:?}:\n{}", self.gangway.logs());
        if came_to != End::Rest {
            let log = self.gangway.folder().join(format!("points-{stage}-again.log"));
            let again = self.see_to_an_end(self.serve(&log, ""), &log);
            assert_eq!(again, End::Rest, "the next ended as well:\n{}", self.gangway.logs());
        }
        points
    }

    fn serve(&self, log: &Path, breaks: &str) -> Worker {
        self.gangway.serve_with([("BREAK_LOG", log.to_str().unwrap()), ("BREAK_AT", breaks)])
    }

    /// Waits until the user is at rest, and stops the worker, unless it ended before. A worker
    /// without work says so by an idle look. Nobody reads the database of one that was killed
    /// before the next is at work, so that what was left behind is for that one to recover.
    fn see_to_an_end(&self, mut worker: Worker, log: &Path) -> End {
        let (began, mut looks) = (Instant::now(), 0);
        while began.elapsed() < PATIENCE {
            if let Some(status) = worker.ended() {
                return End::Exit(status.code());
            }
            self.lift();
            let idle = lines(log).iter().filter(|point| is_idle(point)).count();
            if idle > std::mem::replace(&mut looks, idle) && self.is_at_rest() {
                worker.signal(Signal::TERM);
                return match worker.wait() {
                    Some(0) => End::Rest,
                    code => End::Exit(code),
                };
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let status = self.gangway.status(&self.scenario.user).1;
        panic!("not at rest: {status:#}\n{}", self.gangway.logs());
    }

    fn lift(&self) {
        let Some(lift) = &self.scenario.lift else { return };
        if self.sandbox.all_calls().len() < lift.calls {
            return;
        }
        match &lift.what {
            Lifted::Script(change) => self.sandbox.change(&self.scenario.user, change),
            Lifted::Closure => self.sandbox.close(None),
        }
    }

    fn is_at_rest(&self) -> bool {
        let stored = read(self.gangway.folder(), async |store| the_one_user(&store).await);
        let stored = stored.expect("the user was registered");
        let (policy, long) = (self.policy(), now().plus_ms(LONG_MS));
        let note = next_note(&stored.onboarding, &policy, now());
        note.is_none_or(|note| note.due_at > long)
            && match next_step(&stored.onboarding, &policy) {
                Step::Call { due_at, .. } => due_at > long,
                Step::WaitForPerson | Step::Nothing => true,
            }
    }

    /// What differs with the form of the API; the delays are not the worker's.
    fn policy(&self) -> Policy {
        let is_current = self.scenario.profile == Profile::Current;
        Policy {
            confirm_registration: is_current,
            keeps_consents: !is_current,
            ..Policy::default()
        }
    }

    fn ending(&self) -> Value {
        read(self.gangway.folder(), async |store| {
            let stored = the_one_user(&store).await.expect("the user was registered");
            let Stored { user, onboarding } = &stored;
            let status = Status::of(user, onboarding, None, &Reader::new(&self.policy(), now()));
            let mut status = serde_json::to_value(status).unwrap();
            // An erased user keeps no locator, but is meant all the same.
            status["user"] = json!(self.scenario.user);
            assert_eq!(replayed(&store, onboarding).await, *onboarding, "I1");
            let mut ending = ending(&status, &self.sandbox);
            ending["held"] = held(&store, &stored).await;
            let provider = self.sandbox.user(&self.scenario.user);
            ending["provider"]["consents"] = provider.legal_documents;
            ending["provider"]["wallets"] = json!(provider.linked_wallets);
            let wallets = status["wallets"].as_array().unwrap().iter();
            ending["wallets"] = wallets.map(|wallet| wallet["standing"].clone()).collect();
            let documents = provider.documents.iter();
            ending["provider"]["expiries"] =
                documents.map(|document| json!(document.expires_at)).collect();
            ending
        })
    }
}

/// What a worker came to.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Nothing was left to do, and it was stopped.
    Rest,
    /// It ended before, with this exit code; none if a signal ended it.
    Exit(Option<i32>),
}

fn lines(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
