//! A user's status for human eyes.

use onboarding::{ProductView, Status, TaskView, Timestamp};

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
        Some(due_at) => format!("{} {}", status.next_step.step, due(due_at, now)),
        None => status.next_step.step.to_owned(),
    };
    format!("{}; waiting on {}; next: {next}", status.state, status.waiting_on.as_str())
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

fn due(at: &str, now: Timestamp) -> String {
    match Timestamp::parse(at) {
        Ok(time) if time.ms_since(now) >= 1_000 => format!("in {}", rough(time.ms_since(now))),
        Ok(_) => "now".to_owned(),
        Err(_) => at.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use onboarding::{
        FailureClass, Hold, HoldCause, LastError, Onboarding, OnboardingId, Policy, Retry, State,
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
    fn times_are_told_from_now() {
        let now = Timestamp(60_000);
        for (at, expected) in [
            ("1970-01-01T00:00:00.000Z", "now"),
            ("1970-01-01T00:01:00.000Z", "now"),
            ("1970-01-01T00:01:00.999Z", "now"),
            ("1970-01-01T00:06:00.000Z", "in 5m"),
        ] {
            assert_eq!(due(at, now), expected, "{at}");
        }
        assert_eq!(age("1970-01-01T00:00:00.000Z", now), "1m");
    }
}
