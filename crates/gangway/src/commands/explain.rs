//! `gangway explain` and `gangway users --stuck`: why a user is where the user is, for a support
//! person.

use engine::IntakeError;
use onboarding::{
    Explanation, OnboardingId, Profile, Status, StuckUser, StuckView, Surroundings, Timestamp,
    UserLocator, WaitingOn, explain,
};
use store::{ListRequest, SqliteStore, Store as _};

use super::standstill;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{note, plain, print, print_json};
use crate::settings::Settings;
use crate::table::Table;
use crate::{cli, clock, database, view};

/// How many users are read at once.
const PAGE: usize = 500;

/// `explain`.
pub(super) async fn run(settings: &Settings, args: cli::Explain) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let store = database::existing(settings).await?;
    let stored = store.find(&user).await?.ok_or(IntakeError::NoSuchUser)?;
    let now = clock::now();
    let reader = settings.reader(&args.lang.or(&settings.texts), now);
    let around = surroundings(settings, &store).await?;
    let status = Status::of(&stored.user, &stored.onboarding, &reader);
    standstill::warn(settings, &store, &status, now).await?;
    let profile = store.profile(stored.onboarding.id).await?;
    let profile: Option<Profile> = profile.and_then(|it| serde_json::from_slice(&it.json).ok());
    let wanted = &stored.onboarding.wanted;
    let not_offered = settings.requirements.not_offered(wanted, profile.as_ref());
    let explanation = explain(&stored.user, &stored.onboarding, &reader, &around, &not_offered);
    if args.output.json {
        print_json(&explanation)?;
    } else {
        print(&page(&explanation, now))?;
    }
    Ok(Exit::of(&stored.onboarding, &settings.policy))
}

async fn surroundings(settings: &Settings, store: &SqliteStore) -> Result<Surroundings, Error> {
    let gate_closed_since = store.provider_gate().await?.closed_since();
    Ok(Surroundings { gate_closed_since, stuck_after: settings.stuck_after })
}

/// The paragraph, a line a product, and why it does not go on.
fn page(explanation: &Explanation, now: Timestamp) -> String {
    let mut text = format!("{}\n", explanation.paragraph);
    if !explanation.products.is_empty() {
        text.push_str(&format!("\n{}", products(explanation, now)));
    }
    if let Some(stuck) = &explanation.stuck {
        let since = view::age(&stuck.since, now);
        let note = plain(stuck.staff_note.as_str());
        let (cause, command) = (stuck.cause.as_str(), plain(&stuck.command));
        text.push_str(&format!("\nstuck ({cause}) for {since}: {note}\n  {command}\n"));
    }
    text
}

fn products(explanation: &Explanation, now: Timestamp) -> String {
    let mut table = Table::new(&["PRODUCT", "USABLE", "STATUS", "WAITING ON", "BY", "OBSERVED"]);
    for told in &explanation.products {
        let is_asked = told.waiting_on != WaitingOn::Nobody;
        let by = told.due_at.as_deref().filter(|_| is_asked).map(|at| view::due_day(at, now));
        let observed = told.observed_at.as_deref().map(|at| view::age(at, now));
        let observed = observed
            .map(|age| format!("{age} ago{}", if told.out_of_date { ", out of date" } else { "" }));
        table.row([
            told.product.as_str(),
            told.usability,
            told.status.as_str(),
            told.waiting_on.as_str(),
            &by.unwrap_or_default(),
            &observed.unwrap_or_else(|| "never".to_owned()),
        ]);
    }
    table.render()
}

/// `users --stuck`: every user is read, and a few are told.
pub(super) async fn users(settings: &Settings, args: cli::Users) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let now = clock::now();
    let reader = settings.reader(&settings.texts.language, now);
    let around = surroundings(settings, &store).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut found: Vec<StuckUser> = Vec::new();
    let mut after: Option<OnboardingId> = args.after;
    while found.len() < limit {
        let request = ListRequest { state: args.state, after, limit: PAGE };
        let page = store.list(request).await?;
        let stuck = page
            .iter()
            .filter_map(|stored| StuckUser::of(&stored.user, &stored.onboarding, &reader, &around));
        found.extend(stuck.take(limit - found.len()));
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.onboarding.id),
            _ => break,
        }
    }
    if args.output.json {
        print_json(&found)?;
    } else if found.is_empty() {
        note("none");
    } else {
        print(&stuck_table(&found, now))?;
    }
    if let Some(last) = found.last().filter(|_| found.len() == limit) {
        note(&format!("there may be more: --after {}", last.id));
    }
    Ok(Exit::Done)
}

fn stuck_table(found: &[StuckUser], now: Timestamp) -> String {
    let mut table = Table::new(&["USER", "CAUSE", "FOR", "COMMAND"]);
    for StuckUser { user, stuck, .. } in found {
        let StuckView { cause, since, command, .. } = stuck;
        table.row([user, cause.as_str(), &view::age(since, now), command]);
    }
    table.render()
}
