//! A user's status and history for human eyes.

use onboarding::{Event, ProductView, State, Status, TaskView, Timestamp, WaitingOn};
use serde_json::Value;
use store::Closed;

use crate::output::plain;
use crate::settings::duration::rough;
use crate::table::Table;

/// The whole status.
pub(crate) fn page(status: &Status, now: Timestamp) -> String {
    let mut text = format!(
        "{}: {}\nsince {}, version {}, onboarding {}\n",
        status.user,
        line(status, now),
        moment(&status.state_since, now),
        status.version,
        status.id
    );
    if let Some(advice) = advice(status) {
        text.push_str(&format!("{advice}\n"));
    }
    if let Some(hold) = &status.hold {
        let (cause, message, since) = (hold.cause, plain(&hold.message), moment(&hold.since, now));
        text.push_str(&format!("held ({cause}) since {since}: {message}\n  {}\n", hold.remedy));
    }
    if let Some(error) = &status.last_error {
        let (class, at) = (error.class.as_str(), moment(&error.at, now));
        let attempts = if status.attempt > 0 {
            format!(", attempt {}{}", status.attempt, if status.stalled { ", stalled" } else { "" })
        } else {
            String::new()
        };
        text.push_str(&format!("last error ({class}{attempts}) {at}: {}\n", plain(&error.message)));
    }
    for table in [products(status, now), tasks(status, now), documents(status)] {
        text.push_str(&table);
    }
    text
}

/// Where the user stands, who acts next, and what is next, on one line.
pub(crate) fn line(status: &Status, now: Timestamp) -> String {
    let next = match &status.next_step.due_at {
        Some(due_at) => {
            let when = Timestamp::parse(due_at).map_or_else(|_| due_at.clone(), |at| due(at, now));
            format!("{} {when}", status.next_step.step)
        }
        None => status.next_step.step.to_owned(),
    };
    format!("{}; waiting on {}; next: {next}", status.state, status.waiting_on.as_str())
}

/// The command that brings a user on for whom nobody does anything; a hold says its own.
fn advice(status: &Status) -> Option<&'static str> {
    if status.waiting_on != WaitingOn::User {
        return None;
    }
    match status.state {
        State::RequiresData => {
            Some("supply what is missing with `gangway user patch` or `gangway document add`")
        }
        State::Registering
        | State::Registered
        | State::DocumentsUploaded
        | State::VerificationTriggered
            if status.profile_revision.is_none() =>
        {
            Some("give the user's data with `gangway user set LOCATOR --file FILE`")
        }
        State::Registering
        | State::Registered
        | State::DocumentsUploaded
        | State::VerificationTriggered => {
            Some("ask for verification with `gangway verify LOCATOR`")
        }
        State::Polling
        | State::Verified
        | State::Rejected
        | State::Held
        | State::Cancelled
        | State::Erased => None,
    }
}

/// That the provider refuses everyone.
pub(crate) fn closed(closed: &Closed, now: Timestamp) -> String {
    format!(
        "the provider has refused every call for {} ({} probes so far); next probe {}: {}",
        rough(now.ms_since(closed.since)),
        closed.probes,
        due(closed.probe_at, now),
        plain(&closed.message)
    )
}

fn products(status: &Status, now: Timestamp) -> String {
    let mut table = Table::new(&["PRODUCT", "STATUS", "WANTED", "MISSING", "OBSERVED"]);
    for view in &status.products {
        let wanted = if status.wanted_products.contains(&view.product) { "yes" } else { "no" };
        let observed = view.observed_at.as_deref().map(|at| moment(at, now)).unwrap_or_default();
        table.row([view.product.as_str(), view.status.as_str(), wanted, &missing(view), &observed]);
    }
    section(status.products.is_empty(), &table)
}

fn missing(view: &ProductView) -> String {
    let data = view.missing_data.iter().map(|section| section.as_str());
    let documents = view.missing_documents.iter().map(String::as_str);
    data.chain(documents).collect::<Vec<_>>().join(", ")
}

fn tasks(status: &Status, now: Timestamp) -> String {
    let mut table = Table::new(&["TASK", "NAME", "STATE", "ROUND", "OPENED", "SUPPLIED BY"]);
    for task in &status.pending_tasks {
        table.row([
            task.kind,
            &task.name,
            task.state.as_str(),
            &task.rounds.to_string(),
            &moment(&task.opened_at, now),
            &accepts(task),
        ]);
    }
    section(status.pending_tasks.is_empty(), &table)
}

/// What supplies a task: `id-passport, or id-idcard-front + id-idcard-back`.
pub(crate) fn accepts(task: &TaskView) -> String {
    let groups: Vec<String> = task.accepts.iter().map(|group| group.join(" + ")).collect();
    if groups.is_empty() { "an operator".to_owned() } else { groups.join(", or ") }
}

fn documents(status: &Status) -> String {
    let mut table = Table::new(&["DOCUMENT", "REVISION", "AT PROVIDER", "EXPIRES"]);
    for document in &status.documents {
        let expires = document.expires_at.map(|day| day.to_string()).unwrap_or_default();
        table.row([
            document.document_type.as_str(),
            &document.revision.to_string(),
            if document.acknowledged { "yes" } else { "no" },
            &expires,
        ]);
    }
    section(status.documents.is_empty(), &table)
}

/// What an event says, besides its name; never personal data.
pub(crate) fn detail(event: &Event) -> Value {
    let mut detail = serde_json::to_value(event).expect("an event is plain JSON");
    if let Some(fields) = detail.as_object_mut() {
        fields.remove("event");
    }
    detail
}

/// The fields of an event's detail on one line.
pub(crate) fn brief(detail: &Value) -> String {
    let fields = detail.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| match value.as_i64().filter(|_| name.ends_with("At")) {
            Some(ms) => format!("{name}={}", Timestamp(ms)),
            None => format!("{name}={value}"),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn section(is_empty: bool, table: &Table) -> String {
    if is_empty { String::new() } else { format!("\n{}", table.render()) }
}

/// A time of a status, with how long ago it was.
fn moment(at: &str, now: Timestamp) -> String {
    match Timestamp::parse(at) {
        Ok(time) => format!("{at} ({} ago)", rough(now.ms_since(time))),
        Err(_) => at.to_owned(),
    }
}

/// How long ago a time of a status was.
pub(crate) fn age(at: &str, now: Timestamp) -> String {
    Timestamp::parse(at).map_or_else(|_| at.to_owned(), |time| rough(now.ms_since(time)))
}

fn due(at: Timestamp, now: Timestamp) -> String {
    match at.ms_since(now) {
        0..1_000 => "now".to_owned(),
        ms => format!("in {}", rough(ms)),
    }
}

#[cfg(test)]
mod tests {
    use onboarding::{
        FailureClass, Hold, HoldCause, LastError, Onboarding, OnboardingId, Policy, ProfileRecord,
        Retry, Revision, Revisions,
    };

    use super::*;

    #[test]
    fn a_held_user_is_shown_with_the_reason_the_remedy_and_the_last_error() {
        let then = Timestamp(0);
        let onboarding = Onboarding {
            state: State::Held,
            wanted: [onboarding::Product::Onramp].into(),
            hold: Some(Hold {
                cause: HoldCause::Operator,
                message: "asked\nto".into(),
                since: then,
            }),
            last_error: Some(LastError {
                class: FailureClass::Transient,
                message: "no answer\u{1b}[2J".into(),
                at: then,
            }),
            retry: Some(Retry { attempt: 4, failing_since: then, failed_at: then, floor_at: None }),
            ..Onboarding::blank(OnboardingId(uuid::Uuid::nil()), then)
        };
        let now = Timestamp(7_200_000);
        let user = "userId:ada".parse().unwrap();
        let status = Status::of(&user, &onboarding, &Policy::default(), now);
        assert_eq!(
            page(&status, now),
            "userId:ada: held; waiting on operator; next: nothing\n\
             since 1970-01-01T00:00:00.000Z (2h ago), version 0, \
             onboarding 00000000-0000-0000-0000-000000000000\n\
             held (operator) since 1970-01-01T00:00:00.000Z (2h ago): asked to\n  \
             `gangway resume` lets it go on\n\
             last error (transient, attempt 4, stalled) 1970-01-01T00:00:00.000Z (2h ago): \
             no answer [2J\n\n\
             PRODUCT  STATUS       WANTED  MISSING  OBSERVED\n\
             onramp   not-started  yes\n"
        );
    }

    #[test]
    fn whoever_waits_for_nothing_is_told_the_next_command() {
        let user = "userId:ada".parse().unwrap();
        let blank = Onboarding::blank(OnboardingId(uuid::Uuid::nil()), Timestamp(0));
        let told = Revisions { profile: Some(Revision(1)), ..Revisions::default() };
        let registered = Onboarding {
            profile: Some(ProfileRecord {
                revision: Revision(1),
                acknowledged: told.profile,
                sections: std::collections::BTreeMap::new(),
                area: None,
                verified_on: None,
            }),
            ..blank.clone()
        };
        for (state, onboarding, expected) in [
            (State::Registering, &blank, "\ngive the user's data with `gangway user set "),
            (State::DocumentsUploaded, &registered, "\nask for verification with `gangway verify "),
            (State::Rejected, &registered, "rejected; waiting on nobody; next: nothing\nsince "),
        ] {
            let onboarding = Onboarding { state, ..onboarding.clone() };
            let status = Status::of(&user, &onboarding, &Policy::default(), Timestamp(0));
            let page = page(&status, Timestamp(0));
            assert!(page.contains(expected), "{page}");
            assert_eq!(page.contains("`gangway "), state != State::Rejected, "{page}");
        }
    }

    #[test]
    fn a_time_in_an_events_detail_reads_as_a_time() {
        let detail = detail(&Event::ConsentGiven {
            text: onboarding::LegalText::PrivacyPolicy,
            revision: Revision(1),
            accepted_at: Timestamp(0),
            region: None,
            evidence: onboarding::Evidence::default(),
        });
        assert_eq!(brief(&detail), "acceptedAt=1970-01-01T00:00:00.000Z revision=1");
    }

    #[test]
    fn a_closed_provider_is_told_with_its_next_probe() {
        let gate = Closed {
            since: Timestamp(0),
            probe_at: Timestamp(420_000),
            probes: 3,
            lane: onboarding::Lane::Read,
            suspect: OnboardingId(uuid::Uuid::nil()),
            message: "no\nkey".into(),
        };
        assert_eq!(
            closed(&gate, Timestamp(300_000)),
            "the provider has refused every call for 5m (3 probes so far); next probe in 2m: no key"
        );
    }

    #[test]
    fn times_are_told_from_now() {
        let now = Timestamp(60_000);
        for (at, expected) in [
            ("1970-01-01T00:00:00.000Z", "now"),
            ("1970-01-01T00:01:00.000Z", "now"),
            ("1970-01-01T00:01:00.999Z", "now"),
            ("1970-01-01T00:06:00.000Z", "in 5m"),
        ] {
            assert_eq!(due(Timestamp::parse(at).unwrap(), now), expected, "{at}");
        }
        assert_eq!(age("1970-01-01T00:00:00.000Z", now), "1m");
    }
}
