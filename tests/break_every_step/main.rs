//! Every call and every transaction of every scenario broken in every way, with the real binary:
//! the end must be the one of the run in which nothing was broken. No point is left out.
//!
//! `cargo test -p gangway-tests --test break_every_step -- --nocapture` prints the counts;
//! `BREAK_ONLY=one-side` or `BREAK_ONLY=one-side/0/Commit:2` chooses those that begin so.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

mod commands;
mod database;
mod judge;
mod ordinary;
mod point;
mod run;
mod scenarios;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crate::database::Files;
use crate::point::Break;
use crate::run::{Ran, prepare, run};
use crate::scenarios::Scenario;

/// Most of a run is waiting, so that a core carries several.
const RUNS_A_CORE: usize = 8;

/// A clean run, and what is broken in it.
struct Plan<'a> {
    scenario: &'a Scenario,
    prepared: Files,
    clean: Ran,
    breaks: Vec<Break>,
}

#[test]
fn a_worker_broken_at_any_step_ends_as_one_that_was_left_alone() {
    let only = std::env::var("BREAK_ONLY").unwrap_or_default();
    let table = scenarios::table();
    let chosen: Vec<&Scenario> =
        table.scenarios.iter().filter(|scenario| is_chosen(&scenario.name, &only)).collect();
    let plans: Vec<Plan<'_>> = all(&chosen, |scenario| plan(scenario, &only));
    let breaks: Vec<(&Plan<'_>, &Break)> =
        plans.iter().flat_map(|plan| plan.breaks.iter().map(move |at| (plan, at))).collect();
    let differences = all(&breaks, |(plan, at)| difference(plan, at));
    let differences: Vec<String> = differences.into_iter().flatten().collect();
    report(&plans, differences.len());
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(!breaks.is_empty(), "nothing was broken");
}

/// Runs it with nothing broken, and lists what there is to break.
fn plan<'a>(scenario: &'a Scenario, only: &str) -> Plan<'a> {
    let prepared = prepare(scenario);
    let clean = run(scenario, &prepared, None);
    assert_eq!(judge::fault(&clean), None, "{}, with nothing broken", scenario.name);
    let stages = clean.points.iter().zip(0..);
    let mut breaks: Vec<Break> =
        stages.flat_map(|(points, stage)| Break::all(stage, points)).collect();
    breaks.retain(|at| is_chosen(&path(scenario, at), only));
    Plan { scenario, prepared, clean, breaks }
}

fn path(scenario: &Scenario, at: &Break) -> String {
    format!("{}/{}/{at}", scenario.name, at.stage)
}

/// Whether one of the two begins with the other, or they are the same.
fn is_chosen(path: &str, only: &str) -> bool {
    path.starts_with(only) || only.starts_with(&format!("{path}/"))
}

fn report(plans: &[Plan<'_>], differences: usize) {
    let mut sum = [0; 6];
    println!("scenario              form        stages  calls  transactions  points   runs  kills");
    for Plan { scenario, breaks, .. } in plans {
        let mut points: Vec<&Break> = breaks.iter().collect();
        points.dedup_by_key(|at| (at.stage, &at.point));
        let calls = points.iter().filter(|at| at.is_call()).count();
        let kills = breaks.iter().filter(|at| at.how.is_kill()).count();
        let (transactions, points) = (points.len() - calls, points.len());
        let row = [scenario.stages.len(), calls, transactions, points, breaks.len() + 1, kills];
        print_row(&scenario.name, &scenario.profile.to_string(), row);
        sum = std::array::from_fn(|column| sum[column] + row[column]);
    }
    print_row("all", "", sum);
    let [.., points, runs, _] = sum;
    println!(
        "break-every-step: scenarios={} points={points} runs={runs} differences={differences}",
        plans.len()
    );
}

fn print_row(name: &str, form: &str, row: [usize; 6]) {
    let [stages, calls, transactions, points, runs, kills] = row;
    println!(
        "{name:<21} {form:<11} {stages:>6} {calls:>6} {transactions:>13} {points:>7} {runs:>6} \
         {kills:>6}"
    );
}

fn difference(plan: &Plan<'_>, at: &Break) -> Option<String> {
    let found = match caught(|| run(plan.scenario, &plan.prepared, Some(at))) {
        Ok(broken) => judge::difference(&plan.clean, &broken, at, plan.scenario.effect),
        Err(panicked) => Some(panicked),
    };
    found.map(|found| format!("BREAK_ONLY={}: {found}", path(plan.scenario, at)))
}

/// A run that does not come to its end must not hide the others.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
    })
}

/// Does the work for every item, several at a time, and answers in the items' order.
fn all<'i, I: Sync, O: Send>(items: &'i [I], work: impl Fn(&'i I) -> O + Sync) -> Vec<O> {
    let next = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores * RUNS_A_CORE {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().unwrap().next();
                    let Some((index, item)) = taken else { return };
                    let outcome = work(item);
                    done.lock().unwrap().push((index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}
