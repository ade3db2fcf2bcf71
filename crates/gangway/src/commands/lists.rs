//! `gangway users`, `tasks` and `history`: the lists.

use engine::{IntakeError, views};
use onboarding::{HistoryEntry, OnboardingId, Status, Timestamp, UserLocator, UserTask};
use store::{HistoryRow, ListRequest, SqliteStore, Store as _, TaskRequest};

use crate::error::Error;
use crate::exit::Exit;
use crate::output::{note, print, print_json};
use crate::settings::Settings;
use crate::table::Table;
use crate::{cli, clock, database, view};

/// How many rows of history are read at once.
const HISTORY_PAGE: usize = 500;

/// `users`.
pub(super) async fn users(settings: &Settings, args: cli::Users) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let stored = store.list(ListRequest { state: args.state, after: args.after, limit }).await?;
    let now = clock::now();
    let reader = settings.reader(&settings.texts.language, now);
    let statuses = views::statuses(&*store, &stored, &reader).await?;
    if args.output.json {
        print_json(&statuses)?;
    } else if statuses.is_empty() {
        note("none");
    } else {
        print(&users_table(&statuses, now))?;
    }
    if let Some(last) = statuses.last().filter(|_| statuses.len() == limit) {
        note(&format!("there may be more: --after {}", last.id));
    }
    Ok(Exit::Done)
}

fn users_table(statuses: &[Status], now: Timestamp) -> String {
    let mut table = Table::new(&["USER", "STATE", "SINCE", "WAITING ON", "NEXT STEP", "PRODUCTS"]);
    for status in statuses {
        let products = status.products.iter();
        let wanted = products.filter(|view| status.wanted_products.contains(&view.product));
        let products: Vec<String> =
            wanted.map(|view| format!("{}={}", view.product, view.status)).collect();
        table.row([
            &status.user,
            status.state.as_str(),
            &view::age(&status.state_since, now),
            status.waiting_on.as_str(),
            status.next_step.step,
            &products.join(" "),
        ]);
    }
    table.render()
}

/// `tasks`.
pub(super) async fn tasks(settings: &Settings, args: cli::Tasks) -> Result<Exit, Error> {
    let user = args.locator.map(|locator| locator.parse::<UserLocator>()).transpose()?;
    let store = database::existing(settings).await?;
    let id = match &user {
        Some(user) => Some(id_of(&store, user).await?),
        None => None,
    };
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let now = clock::now();
    let stored = store.tasks(TaskRequest { of: id, after: args.after, limit }).await?;
    let reader = settings.reader(&args.lang.or(&settings.texts), now);
    let tasks = views::tasks(&*store, &stored, &reader).await?;
    if args.output.json {
        print_json(&tasks)?;
    } else if tasks.is_empty() {
        note("none");
    } else {
        let mut table = Table::new(&[&["USER"][..], &view::TASK_COLUMNS].concat());
        for UserTask { user, task } in &tasks {
            table.row([user.clone()].into_iter().chain(view::task_cells(task, now)));
        }
        print(&table.render())?;
    }
    if let Some(last) = tasks.last().filter(|_| tasks.len() == limit) {
        note(&format!("there may be more: --after {}", last.task.id));
    }
    Ok(Exit::Done)
}

/// `history`.
pub(super) async fn history(settings: &Settings, args: cli::UserJson) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let store = database::existing(settings).await?;
    let id = id_of(&store, &user).await?;
    let mut entries: Vec<HistoryEntry> = Vec::new();
    loop {
        let after = entries.last().map_or(0, |entry| entry.version);
        let page = store.history(id, after, HISTORY_PAGE).await?;
        let is_last = page.len() < HISTORY_PAGE;
        entries.extend(page.iter().map(HistoryRow::view));
        if is_last {
            break;
        }
    }
    if args.output.json {
        print_json(&entries)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["VERSION", "AT", "EVENT", "STATE", "BY", "DETAIL"]);
    for entry in &entries {
        let moved = if entry.from == entry.to {
            entry.to.to_string()
        } else {
            format!("{} -> {}", entry.from, entry.to)
        };
        let version = entry.version.to_string();
        table.row([
            &version,
            &entry.at,
            entry.event,
            &moved,
            entry.actor,
            &view::brief(&entry.detail),
        ]);
    }
    print(&table.render())?;
    Ok(Exit::Done)
}

async fn id_of(store: &SqliteStore, user: &UserLocator) -> Result<OnboardingId, Error> {
    let stored = store.find(user).await?.ok_or(IntakeError::NoSuchUser)?;
    Ok(stored.onboarding.id)
}
