//! The full table of states and events: every state meets every event, and what it comes to
//! keeps the rules that no page is read for.

use std::collections::BTreeSet;

use onboarding::{HistoryEntry, Reason, State};
use serde_json::Value;

use crate::alphabet;
use crate::behaviour::verified;
use crate::driver::Driver;
use crate::events::{START, consent_given};
use crate::exploration::{Cell, exploration};
use crate::page::REASONS;

/// Every event, and a failure once for each class.
const EVENTS: [&str; 33] = [
    "call-failed (not-found)",
    "call-failed (provider-closed)",
    "call-failed (rate-limited)",
    "call-failed (refused)",
    "call-failed (transient)",
    "cancelled",
    "consent-given",
    "document-added",
    "document-uploaded",
    "document-withdrawn",
    "erased",
    "held",
    "privacy-policy-accepted",
    "product-regressed",
    "profile-set",
    "refused-alone",
    "renewal-opened",
    "reopened",
    "resumed",
    "retried",
    "status-checked",
    "task-reminded",
    "task-waived",
    "terms-accepted",
    "trigger-begun",
    "user-read",
    "user-registered",
    "verification-requested",
    "verification-triggered",
    "wallet-given",
    "wallet-linked",
    "wallet-withdrawn",
    "wanted-products-set",
];

/// What says what became of a call.
const ANSWERS: [&str; 13] = [
    "call-failed (not-found)",
    "call-failed (provider-closed)",
    "call-failed (rate-limited)",
    "call-failed (refused)",
    "call-failed (transient)",
    "document-uploaded",
    "privacy-policy-accepted",
    "status-checked",
    "terms-accepted",
    "user-read",
    "user-registered",
    "verification-triggered",
    "wallet-linked",
];

fn cells() -> impl Iterator<Item = (State, &'static str, &'static Cell)> {
    exploration()
        .cells
        .iter()
        .flat_map(|(state, row)| row.iter().map(|(event, cell)| (*state, event.as_str(), cell)))
}

fn cell(state: State, event: &str) -> &'static Cell {
    &exploration().cells[&state][event]
}

fn states(states: &[State]) -> BTreeSet<State> {
    states.iter().copied().collect()
}

#[test]
fn every_state_meets_every_event() {
    let met: Vec<State> = exploration().cells.keys().copied().collect();
    assert_eq!(met, State::ALL);
    for (state, row) in &exploration().cells {
        assert_eq!(row.keys().collect::<Vec<_>>(), EVENTS, "{state}");
    }
    for (state, event, cell) in cells() {
        assert!(!cell.to.is_empty() || !cell.ignored.is_empty(), "{state} {event}");
    }
}

#[test]
fn history_shows_no_time_of_any_event_as_a_number() {
    const YEAR_MS: u64 = 365 * 24 * 3_600_000;
    fn check(event: &str, value: &Value) {
        match value {
            Value::Object(fields) => fields.values().for_each(|field| check(event, field)),
            Value::Array(elements) => elements.iter().for_each(|element| check(event, element)),
            Value::Number(number) => {
                assert!(
                    number.as_u64().is_some_and(|number| number < YEAR_MS),
                    "{event}: {number}"
                );
            }
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
    let mut told = BTreeSet::new();
    for driver in [Driver::blank(), verified()] {
        for event in alphabet::events(&driver.onboarding) {
            let states = (State::Registering, State::Registering);
            let entry = HistoryEntry::of(1, START, &event, states, "worker");
            check(entry.event, &entry.detail);
            told.insert(entry.event);
        }
    }
    let every = EVENTS.iter().filter_map(|event| event.split(' ').next());
    assert_eq!(told, every.collect());
    let detail = consent_given(1).detail();
    assert_eq!(detail["acceptedAt"], "2023-11-14T22:13:20.001Z");
}

#[test]
fn every_reason_is_met() {
    let met: BTreeSet<Reason> = cells().flat_map(|(_, _, cell)| cell.ignored.clone()).collect();
    assert_eq!(met, BTreeSet::from(REASONS));
}

#[test]
fn what_is_cancelled_takes_answers_and_what_is_erased_takes_nothing() {
    for event in EVENTS {
        let (cancelled, erased) = (cell(State::Cancelled, event), cell(State::Erased, event));
        match event {
            "resumed" => assert!(!cancelled.to.is_empty() && cancelled.ignored.is_empty()),
            "erased" => assert_eq!(cancelled.to, states(&[State::Erased])),
            answer if ANSWERS.contains(&answer) => {
                assert_eq!(cancelled.to, states(&[State::Cancelled]), "{event}");
            }
            _ => assert_eq!((cancelled.to.len(), &cancelled.ignored), (0, &[Reason::Ended].into())),
        }
        assert!(erased.to.is_empty(), "{event}");
        assert!(event == "erased" || erased.ignored == [Reason::Ended].into(), "{event}");
    }
}

#[test]
fn the_operators_events_lead_where_they_say() {
    for state in State::ALL.into_iter().filter(|state| state.as_str() != "erased") {
        assert_eq!(cell(state, "erased").to, states(&[State::Erased]), "{state}");
        if state != State::Cancelled {
            assert_eq!(cell(state, "cancelled").to, states(&[State::Cancelled]), "{state}");
            assert_eq!(cell(state, "held").to, states(&[State::Held]), "{state}");
        }
    }
}

#[test]
fn only_the_providers_own_word_leads_to_a_verdict() {
    let words = ["status-checked", "verification-triggered"];
    // What was known already comes to light again when a hold ends, less is wanted, or what
    // was never sent is taken back.
    let uncovering = ["resumed", "retried", "wanted-products-set", "document-withdrawn"];
    for (state, event, cell) in cells() {
        for verdict in [State::Verified, State::Rejected] {
            if cell.to.contains(&verdict) && state != verdict && state != State::Held {
                let may = words.contains(&event) || uncovering.contains(&event);
                assert!(may, "{state} {event} leads to {verdict}");
            }
        }
    }
}

#[test]
fn a_trigger_begins_only_where_everything_was_sent() {
    for (state, event, cell) in cells().filter(|(_, event, _)| *event == "trigger-begun") {
        let begins = [State::DocumentsUploaded, State::RequiresData].contains(&state);
        assert_eq!(!cell.to.is_empty(), begins, "{state} {event}");
        assert!(cell.to.is_subset(&states(&[State::VerificationTriggered])), "{state} {event}");
    }
}

#[test]
fn no_failure_but_a_refusal_or_a_lost_user_holds() {
    for (state, event, cell) in cells().filter(|(state, ..)| *state != State::Held) {
        let holds = cell.to.contains(&State::Held);
        for class in ["transient", "rate-limited", "provider-closed"] {
            assert!(!(event.contains(class) && holds), "{state} {event}");
        }
    }
}
