//! Explores the bounds and hunts the mutants, and says what was found.

use std::process::ExitCode;

use model::{Bounds, Mutant, World};

const HELP: &str = "\
The real rules explored completely, for small bounds.

                  the small and the wide bounds, then every mutant
  --small         the small bounds, then every mutant
  --bounds NAME   these bounds alone
  --mutant NAME   this mutant alone, with its whole story
  --mutants       every mutant, each with its whole story
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let all = || Bounds::SMALL.iter().chain(&Bounds::WIDE);
    let holds = match words[..] {
        [] => explore_all(all()) & hunt_all(Telling::Length),
        ["--small"] => explore_all(Bounds::SMALL.iter()) & hunt_all(Telling::Length),
        ["--bounds", name] if all().any(|(known, _)| *known == name) => {
            explore_all(all().filter(|(known, _)| *known == name))
        }
        ["--mutants"] => hunt_all(Telling::Story),
        ["--mutant", name] if Mutant::from_word(name).is_some() => {
            Mutant::from_word(name).is_some_and(|mutant| hunt(mutant, Telling::Story))
        }
        _ => {
            print!("{HELP}\nBounds:");
            all().for_each(|(name, _)| print!(" {name}"));
            print!("\nMutants:");
            Mutant::ALL.iter().for_each(|mutant| print!(" {}", mutant.as_str()));
            println!();
            return if words == ["--help"] { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn explore_all<'a>(bounds: impl Iterator<Item = &'a (&'static str, Bounds)>) -> bool {
    bounds.fold(true, |holds, (name, bounds)| explore(name, *bounds) & holds)
}

/// Explores all states within these bounds; whether all holds.
fn explore(name: &str, bounds: Bounds) -> bool {
    println!("{name}: {bounds}");
    let world = World::new(bounds);
    let found = world.explore();
    println!(
        "  generated={} states={} depth={} seconds={:.1}",
        found.generated,
        found.unique,
        found.depth,
        found.time.as_secs_f64()
    );
    let mut holds = true;
    for (invariant, story) in &found.invariants {
        match story {
            None => println!("  {invariant} holds in every state"),
            Some(story) => println!("  {invariant} IS VIOLATED\n{story}"),
        }
        holds &= story.is_none();
    }
    let rest = world.rest();
    assert_eq!(rest.states, found.unique, "two explorations find the same states");
    match rest.stuck {
        None => println!("  rest is reached from every state; {} are at rest", rest.at_rest),
        Some(story) => {
            println!("  REST IS OUT OF REACH\n{story}");
            holds = false;
        }
    }
    holds
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Length,
    Story,
}

fn hunt_all(telling: Telling) -> bool {
    Mutant::ALL.into_iter().fold(true, |caught, mutant| hunt(mutant, telling) & caught)
}

/// Hunts a mutant; whether it was caught.
fn hunt(mutant: Mutant, telling: Telling) -> bool {
    let Some(caught) = mutant.hunt() else {
        println!("mutant {} SURVIVES", mutant.as_str());
        return false;
    };
    println!(
        "mutant {} caught by {} after {} steps: {}",
        mutant.as_str(),
        caught.invariant,
        caught.story.len(),
        caught.what
    );
    if telling == Telling::Story {
        println!("{}", caught.story);
    }
    true
}
