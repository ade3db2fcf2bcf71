//! A user's status and history for human eyes.

use onboarding::{ForWhom, ProductView, State, Status, TaskState, TaskView, Timestamp, WaitingOn};
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
    for table in [
        products(status, now),
        tasks(status, now),
        documents(status),
        consents(status),
        wallets(status),
    ] {
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
    let mut table = Table::new(&TASK_COLUMNS);
    for task in &status.pending_tasks {
        table.row(task_cells(task, now));
    }
    section(status.pending_tasks.is_empty(), &table)
}

/// The columns of a task in a table.
pub(crate) const TASK_COLUMNS: [&str; 6] = ["NO", "TASK", "FOR", "STATE", "DUE", "SUPPLIED BY"];

/// A task in these columns.
pub(crate) fn task_cells(task: &TaskView, now: Timestamp) -> [String; 6] {
    [
        task.number.to_string(),
        task.text.title.to_string(),
        task.for_whom.as_str().to_owned(),
        task_state(task),
        task_due(task, now),
        supplied_by(task),
    ]
}

fn task_state(task: &TaskView) -> String {
    let state = if task.waived.is_some() { "waived" } else { task.state.as_str() };
    if task.rounds > 1 { format!("{state}, round {}", task.rounds) } else { state.to_owned() }
}

/// By when an open task is due; of any other it does not matter any more.
fn task_due(task: &TaskView, now: Timestamp) -> String {
    let at = task.due_at.as_deref().filter(|_| task.state == TaskState::Open);
    at.map(|at| due_day(at, now)).unwrap_or_default()
}

/// A time of a status by which something is due, with how long that is.
pub(crate) fn due_day(at: &str, now: Timestamp) -> String {
    match Timestamp::parse(at) {
        Ok(time) if time <= now => format!("OVERDUE for {}", rough(now.ms_since(time))),
        // The last day that is in time: what is valid to the end of a day is due at midnight.
        Ok(time) => format!("{} ({})", time.minus_ms(1).date(), due(time, now)),
        Err(_) => at.to_owned(),
    }
}

/// The words of the command that supplies it, and what it takes, as far as that is not held:
/// `document add --type id-passport, or id-idcard-front + id-idcard-back`,
/// `user patch: kycData (nationality, phoneNumber)`.
fn supplied_by(task: &TaskView) -> String {
    let is_data = task.kind == "data";
    let groups = if is_data || task.lacks.is_empty() { &task.accepts } else { &task.lacks };
    let groups: Vec<String> = groups.iter().map(|group| group.join(" + ")).collect();
    let accepts = groups.join(", or ");
    if task.for_whom == ForWhom::Operator {
        return "verify".to_owned();
    }
    if task.command.starts_with("gangway document add ") {
        format!("document add --type {accepts}")
    } else if task.command.starts_with("gangway wallet ") {
        "wallet list, wallet link".to_owned()
    } else {
        format!("user patch: {accepts}{}", lacking_fields(task))
    }
}

/// The fields that a section lacks, by their names within it.
fn lacking_fields(task: &TaskView) -> String {
    let fields = task.lacks.iter().flatten().filter(|_| task.kind == "data");
    let within = fields.map(|field| field.split_once('.').map_or(&**field, |(_, name)| name));
    let within: Vec<&str> = within.collect();
    if within.is_empty() { String::new() } else { format!(" ({})", within.join(", ")) }
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
    let mut text = section(status.documents.is_empty(), &table);
    for document in status.documents.iter().filter(|document| !document.duplicates.is_empty()) {
        let (kind, others) = (document.document_type.as_str(), document.duplicates.join(", "));
        text.push_str(&format!(
            "warning: the same file as {} was given for the onboardings {others}\n",
            plain(kind)
        ));
    }
    text
}

fn consents(status: &Status) -> String {
    let columns = ["ACCEPTED", "AT", "REGION", "VERSION", "LANGUAGE", "METHOD", "AT PROVIDER"];
    let mut table = Table::new(&columns);
    for consent in &status.consents {
        let given = |word: &Option<String>| word.clone().unwrap_or_default();
        let region = consent.region.as_ref().map(|region| region.as_str()).unwrap_or_default();
        table.row([
            consent.text.as_str(),
            &consent.accepted_at,
            region,
            &given(&consent.text_version),
            &given(&consent.language),
            &given(&consent.method),
            if consent.acknowledged { "yes" } else { "no" },
        ]);
    }
    section(status.consents.is_empty(), &table)
}

/// Without the addresses, which `gangway wallet list` shows.
fn wallets(status: &Status) -> String {
    let mut table = Table::new(&["WALLET", "STANDING", "LAST ERROR"]);
    for wallet in &status.wallets {
        let error = wallet.last_error.as_ref().map(|error| error.message.as_str());
        let number = wallet.number.to_string();
        table.row([&number, wallet.standing, error.unwrap_or_default()]);
    }
    section(status.wallets.is_empty(), &table)
}

/// A list with room between its elements, so that a long one can be broken over lines.
fn spaced(value: &Value) -> String {
    match value.as_array() {
        Some(elements) => {
            let elements: Vec<String> = elements.iter().map(ToString::to_string).collect();
            format!("[{}]", elements.join(", "))
        }
        None => value.to_string(),
    }
}

/// The fields of an event's detail on one line.
pub(crate) fn brief(detail: &Value) -> String {
    let fields = detail.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| match value.as_str().filter(|text| Timestamp::parse(text).is_ok()) {
            Some(time) => format!("{name}={time}"),
            None => format!("{name}={}", spaced(value)),
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
        Reader, Retry, Revision, Revisions,
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
        let status = Status::of(&user, &onboarding, None, &Reader::new(&Policy::default(), now));
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
    fn staff_is_shown_what_was_accepted_and_whose_file_was_given_before() {
        use onboarding::{Consent, Document, DocumentType, Evidence, Region};
        let other = OnboardingId(uuid::Uuid::from_u128(7));
        let passport = Document {
            revision: Revision(1),
            acknowledged: None,
            expires_at: None,
            provider_document_id: None,
            content_held: true,
            duplicates: vec![other],
        };
        let terms = Consent {
            revision: Revision(1),
            acknowledged: Some(Revision(1)),
            accepted_at: Timestamp(0),
            region: Some(Region::Eu),
            evidence: Evidence { method: Some("checkbox".into()), ..Evidence::default() },
        };
        let onboarding = Onboarding {
            documents: [(DocumentType::IdPassport, passport)].into(),
            terms: Some(terms),
            ..Onboarding::blank(OnboardingId(uuid::Uuid::nil()), Timestamp(0))
        };
        let user = "userId:ada".parse().unwrap();
        let policy = Policy::default();
        let status = Status::of(&user, &onboarding, None, &Reader::new(&policy, Timestamp(0)));
        let page = page(&status, Timestamp(0));
        let expected = format!(
            "id-passport  1         no\n\
             warning: the same file as id-passport was given for the onboardings {other}\n\n\
             ACCEPTED          AT                        REGION  VERSION  LANGUAGE  METHOD    AT PROVIDER\n\
             terms-of-service  1970-01-01T00:00:00.000Z  eu                         checkbox  yes\n"
        );
        assert!(page.contains(&expected), "{page}");
    }

    #[test]
    fn a_task_is_shown_with_its_title_for_whom_by_when_and_what_supplies_it() {
        use onboarding::{Due, DueSource, Product, Request, Section, Task, Waived};
        const DAY_MS: u64 = 86_400_000;
        let user = "userId:ada".parse().unwrap();
        let now = Timestamp(0).plus_ms(20 * DAY_MS);
        let task = |number, request, due_day: u64| Task {
            number,
            request,
            products: [Product::Onramp].into(),
            state: TaskState::Open,
            opened_at: Timestamp(0),
            rounds: 1,
            rounds_forgiven: 0,
            known: Revisions::default(),
            due: Some(Due {
                at: Timestamp(0).plus_ms(due_day * DAY_MS),
                source: DueSource::Policy,
            }),
            reminders: 0,
            supplied_at: None,
            past_rounds: Vec::new(),
            waived: None,
        };
        let id = Task { rounds: 2, ..task(2, Request::Document("id".into()), 18) };
        let waived = Some(Waived { reason: "known".into(), at: now, triggers: 0 });
        let waived = Task {
            state: TaskState::Supplied,
            waived,
            ..task(4, Request::Document("proof-of-address".into()), 18)
        };
        let onboarding = Onboarding {
            state: State::RequiresData,
            tasks: vec![
                task(1, Request::Data(Section::KycData), 22),
                id,
                task(3, Request::Operator("moon".into()), 22),
                waived,
            ],
            ..Onboarding::blank(OnboardingId(uuid::Uuid::nil()), Timestamp(0))
        };
        let policy = Policy::default();
        for (language, expected) in [
            ("en", "\
NO  TASK                              FOR       STATE          DUE                 SUPPLIED BY
1   Your address and contact details  user      open           1970-01-22 (in 2d)  user patch: kycData
2   Proof of identity                 user      open, round 2  OVERDUE for 2d      \
                 document add --type id-passport, or id-idcard-front + id-idcard-back, \
                 or id-residency-permit, or id-ssn
3   We are clarifying something       operator  open           1970-01-22 (in 2d)  verify
4   Proof of address                  user      waived                             document add --type proof-of-address
"),
            ("de", "Adress"),
        ] {
            let reader = Reader {
                language: language.parse().unwrap(),
                ..Reader::new(&policy, now)
            };
            let page = page(&Status::of(&user, &onboarding, None, &reader), now);
            assert!(page.contains(expected), "{page}");
        }
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
            let status = Status::of(
                &user,
                &onboarding,
                None,
                &Reader::new(&Policy::default(), Timestamp(0)),
            );
            let page = page(&status, Timestamp(0));
            assert!(page.contains(expected), "{page}");
            assert_eq!(page.contains("`gangway "), state != State::Rejected, "{page}");
        }
    }

    #[test]
    fn a_time_in_an_events_detail_reads_as_a_time() {
        let consent = onboarding::Event::ConsentGiven {
            text: onboarding::LegalText::PrivacyPolicy,
            revision: Revision(1),
            accepted_at: Timestamp(0),
            region: None,
            evidence: onboarding::Evidence::default(),
        };
        assert_eq!(brief(&consent.detail()), "acceptedAt=1970-01-01T00:00:00.000Z revision=1");
        let lost = onboarding::Event::ProductRegressed(onboarding::Regression {
            product: onboarding::Product::Onramp,
            verified_since: Timestamp(0),
            status: onboarding::ProductStatus::Rejected,
            observed_at: Timestamp(1),
        });
        assert_eq!(
            brief(&lost.detail()),
            "observedAt=1970-01-01T00:00:00.001Z product=\"onramp\" status=\"rejected\" \
             verifiedSince=1970-01-01T00:00:00.000Z"
        );
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
