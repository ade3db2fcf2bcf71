//! `gangway demo`: a dozen users on every road, against the sandbox, with the worker killed in
//! the middle. It uses nothing that a user could not: files, the intake, a `gangway serve` of
//! its own, and the store to look into.

mod cast;
mod folder;
mod report;
mod screen;
mod worker_process;

#[cfg(feature = "fuzzing")]
pub(crate) use self::cast::check as check_cast;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use documents::Given;
use engine::{Added, Edit, Intake};
use onboarding::{Event, Policy, Product, Reader, State, Status, UserLocator};
use store::{Actor, HistoryRow, ListRequest, SqliteStore, Store as _};

use self::cast::{Cast, Member, Paper, Supply};
use self::folder::Folder;
use self::report::Report;
use self::screen::Screen;
use self::worker_process::WorkerProcess;
use crate::signals::Signals;
use crate::{clock, output};

/// The demo gives up after this; it takes about a third of it.
const TIMEOUT: Duration = Duration::from_secs(55);
/// How often the store is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(120);
/// How long a person seems to think before supplying what is asked for.
const THINK_FOR: Duration = Duration::from_millis(1_500);
/// How long after its start the worker is killed.
const KILL_AFTER: Duration = Duration::from_millis(2_500);
/// How long nobody works after that.
const DEAD_FOR: Duration = Duration::from_millis(700);
/// The demo's own budget: the provider's 120 writes a minute would make you wait.
const CALLS_PER_MINUTE: u32 = 900;
/// Whose history is shown whole: the quickstart's own case.
const SHOWN_USER: &str = "userId:johnd-123";
/// More rows of history than anyone has after a demo.
const HISTORY_ROWS_MAX: usize = 1_000;

/// Runs the demo with the files in `files`, and keeps its database in `keep` if that is given.
/// Answers whether all came out as it should. However it ends, short of a SIGKILL, neither its
/// worker nor its temporary folder outlives it.
pub(crate) async fn run(files: &Path, keep: Option<&Path>) -> Result<bool> {
    let mut signals = Signals::listen()?;
    let cast = Cast::load(files)?;
    let folder = Folder::new(keep)?;
    // Its people come from the quickstart page: they have neither nationality nor consent.
    let sandbox = sandbox::start(sandbox::Settings {
        profile: sandbox::Profile::Quickstart,
        scenario: cast.scenario()?,
        ..sandbox::Settings::default()
    })
    .await?;
    let mut worker = WorkerProcess::new(folder.config(), folder.log());
    let ended = tokio::select! {
        biased;
        () = signals.next() => Err(told_to_stop(&folder)),
        ended = perform(cast, &folder, &sandbox, &mut worker) => ended,
    };
    let killed = worker.kill().await;
    sandbox.stop().await;
    let closed = folder.close();
    let is_as_expected = ended?;
    killed.and(closed)?;
    Ok(is_as_expected)
}

fn told_to_stop(folder: &Folder) -> anyhow::Error {
    let left = if folder.is_kept() { "stays" } else { "is removed" };
    anyhow!(
        "it was told to stop; its worker is stopped, and its folder {} {left}",
        folder.path().display()
    )
}

/// The demo itself, from the first line to the report.
async fn perform(
    cast: Cast,
    folder: &Folder,
    sandbox: &sandbox::Running,
    worker: &mut WorkerProcess,
) -> Result<bool> {
    folder.write_config(&sandbox.origin())?;
    let stage = Stage::open(cast, &folder.store_url()).await?;
    let mut screen = Screen::new(stage.cast.members.iter().map(|member| member.user.to_string()));
    screen.say(&format!("sandbox serves the provider's wire on {}", sandbox.origin()))?;
    screen.say(&format!("database in {}", folder.path().display()))?;
    screen.say(&format!(
        "{CALLS_PER_MINUTE} calls a minute, for you not to wait (the provider's: 120 writes)"
    ))?;
    stage.register_all().await?;
    let users = stage.cast.members.len();
    screen.say(&format!("{users} users registered from files; no worker runs yet"))?;

    let (statuses, was_killed) = stage.play(&mut screen, worker).await?;
    let report = Report {
        cast: &stage.cast,
        statuses: &statuses,
        histories: &stage.histories().await?,
        sandbox: sandbox.handle(),
        was_killed,
    };
    report.print(&SHOWN_USER.parse()?)?;
    output::print(&format!("\n{}", how_to_look_into_it(folder)))?;
    Ok(report.is_as_expected())
}

/// What to do next, to be typed as it stands where the demo was started.
fn how_to_look_into_it(folder: &Folder) -> String {
    if !folder.is_kept() {
        return "To look into the database afterwards, run the demo with --keep DIR.".to_owned();
    }
    let program = std::env::args_os().next().unwrap_or_else(|| "gangway".into());
    let config = folder.config();
    format!(
        "Look into it: {} --config {} users",
        quoted(&program.to_string_lossy()),
        quoted(&config.to_string_lossy())
    )
}

/// The text as one word for a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The people of the demo, and the store in which they see how far they are.
struct Stage {
    cast: Cast,
    store: Arc<SqliteStore>,
    intake: Intake<SqliteStore>,
}

/// Whom the demo has seen do what.
#[derive(Default)]
struct Seen {
    /// How many of a user's supplies were brought.
    brought: BTreeMap<UserLocator, usize>,
    /// When a user came to where the next supply is due.
    asked_at: BTreeMap<UserLocator, Instant>,
}

impl Stage {
    async fn open(cast: Cast, store_url: &str) -> Result<Self> {
        let store = Arc::new(SqliteStore::open(store_url, Policy::default()).await?);
        let intake = Intake::new(Arc::clone(&store), Actor::Cli);
        Ok(Self { cast, store, intake })
    }

    async fn register_all(&self) -> Result<()> {
        for member in &self.cast.members {
            let file = self.cast.read(&member.file)?;
            self.edit(member, Edit::Replace(&file)).await?;
            self.add_documents(member, &member.documents).await?;
            self.intake.tell(&member.user, Event::VerificationRequested, clock::now()).await?;
        }
        Ok(())
    }

    async fn edit(&self, member: &Member, edit: Edit<'_>) -> Result<()> {
        let now = clock::now();
        let added = Added {
            wanted: None,
            wanted_default: BTreeSet::from([
                Product::RegulatedTransfer,
                Product::Onramp,
                Product::Offramp,
            ]),
            verify: false,
            new_id: clock::new_onboarding_id(now),
        };
        self.intake.edit_user(&member.user, edit, added, now).await?;
        Ok(())
    }

    async fn add_documents(&self, member: &Member, papers: &[Paper]) -> Result<()> {
        let now = clock::now();
        for paper in papers {
            let bytes = self.cast.read(&paper.file)?;
            let expires_at = paper.expires_at(now.date())?;
            self.intake
                .add_document(
                    &member.user,
                    &Given {
                        document_type: &paper.document_type,
                        bytes: &bytes,
                        file_name: paper.name(),
                        expires_at,
                    },
                    now,
                )
                .await?;
        }
        Ok(())
    }

    /// Runs the worker, kills it, starts it again, and supplies what is asked for, until
    /// everyone is at rest. Answers where they stand and whether the worker was killed.
    async fn play(
        &self,
        screen: &mut Screen,
        worker: &mut WorkerProcess,
    ) -> Result<(Vec<Status>, bool)> {
        let mut id = worker.start()?;
        screen.say(&format!("worker {id} started"))?;
        let began = Instant::now();
        let mut was_killed = false;
        let mut seen = Seen::default();
        loop {
            let statuses = self.statuses().await?;
            screen.show(&statuses)?;
            if self.is_over(&statuses, &seen) {
                worker.stop().await?;
                screen.say("everyone is at rest; the worker stopped on SIGTERM")?;
                return Ok((statuses, was_killed));
            }
            worker.expect_running()?;
            if began.elapsed() > TIMEOUT {
                let seconds = TIMEOUT.as_secs();
                bail!(
                    "not everyone came to rest in {seconds} s; run with --keep DIR to look into \
                     it; {}",
                    worker.end_of_log()
                );
            }
            if !was_killed && began.elapsed() > KILL_AFTER {
                let in_flight = statuses.iter().filter(|status| !status.state.is_at_rest()).count();
                worker.kill().await?;
                was_killed = true;
                screen.say(&format!(
                    "worker {id} killed with SIGKILL; {in_flight} onboardings were in flight"
                ))?;
                tokio::time::sleep(DEAD_FOR).await;
                id = worker.start()?;
                screen.say(&format!("worker {id} started again: it takes up what is due"))?;
            }
            self.supply(&statuses, &mut seen, screen).await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn statuses(&self) -> Result<Vec<Status>> {
        let request = ListRequest { state: None, after: None, limit: self.cast.members.len() + 1 };
        let reader = Reader::new(self.store.policy(), clock::now());
        let stored = self.store.list(request).await?;
        Ok(stored
            .iter()
            .map(|stored| Status::of(&stored.user, &stored.onboarding, None, &reader))
            .collect())
    }

    fn is_over(&self, statuses: &[Status], seen: &Seen) -> bool {
        let all_at_rest = statuses.iter().all(|status| status.state.is_at_rest());
        all_at_rest
            && self
                .cast
                .members
                .iter()
                .all(|member| self.due_supply(member, statuses, seen).is_none())
    }

    /// What the member has to bring, standing where it stands.
    fn due_supply<'a>(
        &self,
        member: &'a Member,
        statuses: &[Status],
        seen: &Seen,
    ) -> Option<&'a Supply> {
        let state = state_of(member, statuses)?;
        let brought = seen.brought.get(&member.user).copied().unwrap_or_default();
        member.supplies.get(brought).filter(|supply| supply.state == state)
    }

    async fn supply(
        &self,
        statuses: &[Status],
        seen: &mut Seen,
        screen: &mut Screen,
    ) -> Result<()> {
        for member in &self.cast.members {
            let Some(supply) = self.due_supply(member, statuses, seen) else { continue };
            let asked_at = *seen.asked_at.entry(member.user.clone()).or_insert_with(Instant::now);
            if asked_at.elapsed() < THINK_FOR {
                continue;
            }
            if let Some(patch) = &supply.patch {
                let patch = self.cast.read(patch)?;
                self.edit(member, Edit::Patch(&patch)).await?;
            }
            self.add_documents(member, &supply.documents).await?;
            screen.say(&format!("a person supplied what {} was asked for", member.user))?;
            *seen.brought.entry(member.user.clone()).or_default() += 1;
            seen.asked_at.remove(&member.user);
        }
        Ok(())
    }

    /// Every user's whole history.
    async fn histories(&self) -> Result<BTreeMap<UserLocator, Vec<HistoryRow>>> {
        let mut histories = BTreeMap::new();
        for member in &self.cast.members {
            let Some(stored) = self.store.find(&member.user).await? else { continue };
            let history = self.store.history(stored.onboarding.id, 0, HISTORY_ROWS_MAX).await?;
            histories.insert(member.user.clone(), history);
        }
        Ok(histories)
    }
}

fn state_of(member: &Member, statuses: &[Status]) -> Option<State> {
    statuses.iter().find(|status| status.user == member.user.as_str()).map(|status| status.state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_copy_is_quoted_where_a_shell_would_split_it() {
        for (text, expected) in [
            ("target/release/gangway", "target/release/gangway"),
            ("/home/ada/my demo", "'/home/ada/my demo'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
