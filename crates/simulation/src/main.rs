//! Tells the history of one seed, or searches many for what must not be.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use simulation::{
    Found, Goal, Options, Planted, Report, StoreKind, Tally, Trouble, command, search, shrink,
    simulate,
};

/// Most of a history's time goes into small allocations, and this one makes them faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
The real rules, worker and store in a simulated world, from one seed.

  --seed N              tell the history of one seed, step by step
  --histories N         make many histories, on all cores
  --search SECONDS      the same for as long as told
  --from SEED           the first seed of many (0)
  --store KIND          over the store in `memory`, or over the real one in `sqlite` (memory)

What is left out, as a shrunk violation prints it:
  --users N  --workers N  --happenings N  --omit NUMBER  --without TROUBLE
What is broken on purpose:
  --plant FAULT
";

/// What to do.
enum Task {
    Help,
    Tell(u64),
    Histories(u64),
    Search(Duration),
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok((Task::Help, ..)) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok((Task::Tell(seed), _, options)) => tell(seed, &options),
        Ok((Task::Histories(count), from, options)) => {
            hunt(from, &Goal::Histories(count), &options)
        }
        Ok((Task::Search(time), from, options)) => {
            let begun = Instant::now();
            hunt(from, &Goal::Until(&|| begun.elapsed() >= time), &options)
        }
        Err(wrong) => {
            eprintln!("{wrong}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn tell(seed: u64, options: &Options) -> ExitCode {
    let Report { steps, crashes, fingerprint, coverage: _, violation, story } =
        simulate(seed, &Options { is_told: true, ..options.clone() });
    story.iter().for_each(|line| println!("{line}"));
    println!("seed={seed} steps={steps} crashes={crashes} fingerprint={fingerprint:016x}");
    let Some(violation) = violation else { return ExitCode::SUCCESS };
    println!("{} is violated: {}", violation.invariant, violation.what);
    ExitCode::FAILURE
}

fn hunt(from: u64, goal: &Goal<'_>, options: &Options) -> ExitCode {
    // A panic is told with its seed, once.
    std::panic::set_hook(Box::new(|_| {}));
    let begun = Instant::now();
    let (tally, found) = search(from, goal, options);
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    if let Some(Found { seed, violation }) = &found {
        let cut = shrink(*seed, violation.invariant, options);
        let shrunk = Options { cut, is_told: true, ..options.clone() };
        simulate(*seed, &shrunk).story.iter().for_each(|line| println!("{line}"));
        println!("seed {seed}: {} is violated: {}", violation.invariant, violation.what);
        println!("the whole history:  {}", command(*seed, options));
        println!("what is needed:     {}", command(*seed, &shrunk));
    }
    let Tally { histories, steps, crashes, coverage } = tally;
    let violations = u8::from(found.is_some());
    coverage.lines().iter().for_each(|line| println!("{line}"));
    let a_minute = histories as f64 / minutes;
    let steps_each = steps as f64 / histories.max(1) as f64;
    println!("{a_minute:.0} histories a minute, {steps_each:.1} steps a history");
    println!("histories={histories} steps={steps} crashes={crashes} violations={violations}");
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<(Task, u64, Options), String> {
    let (mut task, mut from, mut options) = (Task::Help, 0, Options::default());
    while let Some(flag) = words.next() {
        if flag == "--help" {
            return Ok((Task::Help, from, options));
        }
        let value = words.next().ok_or(format!("{flag} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{flag} needs a number"));
        let count = || value.parse::<usize>().map_err(|_| format!("{flag} needs a number"));
        let cut = &mut options.cut;
        match flag.as_str() {
            "--seed" => task = Task::Tell(number()?),
            "--histories" => task = Task::Histories(number()?),
            "--search" => task = Task::Search(Duration::from_secs(number()?)),
            "--from" => from = number()?,
            "--users" => cut.users = Some(count()?),
            "--workers" => cut.workers = Some(count()?),
            "--happenings" => cut.happenings = Some(count()?),
            "--omit" => drop(cut.omit.insert(count()?)),
            "--without" => {
                let unknown = format!("there is no trouble `{value}`");
                cut.without.insert(Trouble::from_word(&value).ok_or(unknown)?);
            }
            "--plant" => {
                let unknown = format!("there is no fault `{value}` to plant");
                options.planted = Some(Planted::from_word(&value).ok_or(unknown)?);
            }
            "--store" => {
                let unknown = format!("there is no store `{value}`");
                options.store = StoreKind::from_word(&value).ok_or(unknown)?;
            }
            _ => return Err(format!("there is no flag {flag}")),
        }
    }
    Ok((task, from, options))
}
