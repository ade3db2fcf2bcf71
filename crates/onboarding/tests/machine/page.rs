//! `docs/state-machine.md`, written from the exploration.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use onboarding::{FailureClass, Reason, State};

use crate::exploration::{Exploration, exploration};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/state-machine.md");

const INTRODUCTION: &str = "\
# The state machine of an onboarding

<!-- Generated from the code. `UPDATE_DOCS=1 cargo test -p onboarding` writes it anew. -->

An onboarding changes only by events. Its state is never set: after each event it is derived from
the facts, and so is the next step. This page shows what `apply` does with every event in every
state. A test explores all that can be reached from a blank onboarding with a small set of events,
in order and out of order, for one wanted product, one consent, one document, one wallet and two revisions of
the profile, and fails when this page says anything else.

`held` is left for whatever state the facts give: by `resumed` and `retried`, and by new data unless
an operator stopped it. `cancelled` is left by `resumed`. `erased` is left by nothing.
";

const BEFORE_DIAGRAM: &str = "\
## Diagram

Left out are: events that change the facts but not the state; `held`, `cancelled` and `erased`, which
can follow on every state; and the ways out of `held` and `cancelled`.
";

const BEFORE_TABLES: &str = "\
## Every event in every state

An event has several outcomes where the facts differ: what is held, what is acknowledged, what the
provider said. An event that changes nothing is ignored, for one of these reasons.
";

#[test]
fn the_page_is_what_the_code_does() {
    let page = render(exploration());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, &page).unwrap();
    }
    let written = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        written == page,
        "docs/state-machine.md is out of date: run `UPDATE_DOCS=1 cargo test -p onboarding`, \
         and read the difference"
    );
}

fn render(exploration: &Exploration) -> String {
    let diagram = diagram(exploration);
    let reasons = reasons();
    let tables: String = State::ALL.iter().map(|state| table(exploration, *state)).collect();
    format!("{INTRODUCTION}\n{BEFORE_DIAGRAM}\n{diagram}\n{BEFORE_TABLES}\n{reasons}{tables}")
}

/// The changes of state, with the events that make each.
fn diagram(exploration: &Exploration) -> String {
    let mut arrows: BTreeMap<(State, State), BTreeSet<&str>> = BTreeMap::new();
    for (from, row) in &exploration.cells {
        for (event, cell) in row {
            for to in &cell.to {
                if is_drawn(*from, event, *to) {
                    arrows.entry((*from, *to)).or_default().insert(event);
                }
            }
        }
    }
    let mut text = "```mermaid\nstateDiagram-v2\n".to_owned();
    for state in State::ALL {
        line(&mut text, format_args!("    state \"{state}\" as {}", identifier(state)));
    }
    line(&mut text, format_args!("    [*] --> {}", identifier(State::Registering)));
    for ((from, to), events) in &arrows {
        let label = label(events);
        line(&mut text, format_args!("    {} --> {}: {label}", identifier(*from), identifier(*to)));
    }
    text + "```\n"
}

/// The events of one arrow, each on its line; a failure of any class is one of them.
fn label(events: &BTreeSet<&str>) -> String {
    let is_failure = |event: &&&str| event.starts_with("call-failed");
    let of_any_class = events.iter().filter(is_failure).count() == FailureClass::ALL.len();
    let others = events.iter().filter(|event| !(of_any_class && is_failure(event))).copied();
    of_any_class.then_some("call-failed").into_iter().chain(others).collect::<Vec<_>>().join("<br>")
}

fn is_drawn(from: State, event: &str, to: State) -> bool {
    let is_left_anyhow = [State::Held, State::Cancelled].contains(&from);
    from != to && !is_left_anyhow && !["held", "cancelled", "erased"].contains(&event)
}

/// Mermaid takes no hyphen in a name.
fn identifier(state: State) -> String {
    state.as_str().replace('-', "_")
}

/// Every reason; that none is missing shows in the table's test that all of these are met.
pub const REASONS: [Reason; 19] = [
    Reason::Ended,
    Reason::NotTheNextRevision,
    Reason::AlreadyAcknowledged,
    Reason::NeverHeld,
    Reason::NotTheTriggerInDoubt,
    Reason::TriggerInDoubt,
    Reason::NothingToTrigger,
    Reason::StaleObservation,
    Reason::StaleAcknowledgement,
    Reason::NothingNewToVerify,
    Reason::AlreadySo,
    Reason::NotHeld,
    Reason::HeldByOperator,
    Reason::NotBegun,
    Reason::NotTheAwaitedCall,
    Reason::NotDueYet,
    Reason::NoSuchOpenTask,
    Reason::NotRejected,
    Reason::NotANewerConsent,
];

/// Each reason for which an event is ignored, and what it means.
fn reasons() -> String {
    let mut text = "| ignored | it means |\n|---|---|\n".to_owned();
    for reason in REASONS {
        line(&mut text, format_args!("| `{}` | {} |", reason.as_str(), meaning(reason)));
    }
    text
}

const fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::Ended => "the onboarding was ended on request",
        Reason::NotTheNextRevision => "someone else edited first",
        Reason::AlreadyAcknowledged => {
            "the provider acknowledged this revision, or a newer one, before"
        }
        Reason::NeverHeld => "the answer is about a revision that was never held",
        Reason::NotTheTriggerInDoubt => "the answer is to another trigger than the one in doubt",
        Reason::TriggerInDoubt => "the answer of the last trigger has to be known before the next",
        Reason::NothingToTrigger => {
            "something has to be acknowledged, or asked for, before a trigger"
        }
        Reason::StaleObservation => "the provider was told something after it was asked this",
        Reason::StaleAcknowledgement => {
            "the provider was told something else after this was sent, or forgot the user"
        }
        Reason::NothingNewToVerify => "nothing is held that the provider has not judged",
        Reason::AlreadySo => "that is how it is already",
        Reason::HeldByOperator => "an operator stopped it, and only resuming lets it go on",
        Reason::NotHeld => "there is nothing to resume",
        Reason::NotBegun => "an onboarding begins with a profile, a consent or wanted products",
        Reason::NotDueYet => "its time has not come, or its cause is gone",
        Reason::NoSuchOpenTask => "there is no such task, or nobody has to act on it any more",
        Reason::NotRejected => "the provider has not refused the user",
        Reason::NotANewerConsent => {
            "an acceptance is held that is newer, or as new where a newer one is asked for"
        }
        Reason::NotTheAwaitedCall => "the call that failed is not one that is waited for any more",
    }
}

fn table(exploration: &Exploration, state: State) -> String {
    let mut text = format!("\n### {state}\n\n| event | then | or ignored |\n|---|---|---|\n");
    for (event, cell) in &exploration.cells[&state] {
        let to = words(cell.to.iter().map(|to| to.as_str()));
        let ignored = words(cell.ignored.iter().map(|reason| reason.as_str()));
        line(&mut text, format_args!("| `{event}` | {to} | {ignored} |"));
    }
    text
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("a string takes all that is written to it");
}
