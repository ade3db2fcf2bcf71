//! `gangway demo`: a dozen users on every road, against the sandbox, with the worker killed in
//! the middle. It uses nothing that a user could not: files, the intake, a `gangway serve` of
//! its own, and the store to look into.

mod cast;
mod report;
mod screen;
mod worker_process;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use engine::{Added, Edit, Intake};
use onboarding::{Event, Policy, Product, State, Status, UserLocator};
use store::{Actor, ListRequest, SqliteStore, Store as _};

use self::cast::{Cast, Member, Paper, Supply};
use self::report::Report;
use self::screen::Screen;
use self::worker_process::Start;
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

/// Runs the demo with the files in `files`, and keeps its database in `keep` if that is given.
/// Answers whether all came out as it should.
pub(crate) async fn run(files: &Path, keep: Option<&Path>) -> Result<bool> {
    let cast = Cast::load(files)?;
    let temporary;
    let folder = match keep {
        Some(folder) => {
            refuse_used(folder)?;
            folder
        }
        None => {
            temporary = tempfile::tempdir().context("can't make a temporary folder")?;
            temporary.path()
        }
    };
    let sandbox = sandbox::start(sandbox::Settings {
        scenario: cast.scenario()?,
        ..sandbox::Settings::default()
    })
    .await?;
    let config = write_config(folder, &sandbox.origin())?;
    let stage = Stage::open(cast, folder).await?;
    let mut screen = Screen::new(stage.cast.members.iter().map(|member| member.user.to_string()));
    screen.say(&format!("sandbox serves the provider's wire on {}", sandbox.origin()));
    screen.say(&format!("database in {}", folder.display()));
    screen.say(&format!(
        "budget: {CALLS_PER_MINUTE} calls a minute here, so that you need not wait (the provider's: 120 writes, 360 reads)"
    ));
    stage.register_all().await?;
    screen.say(&format!(
        "{} users registered from files; no worker runs yet",
        stage.cast.members.len()
    ));

    let ended = stage.play(&mut screen, &Start::new(&config, &folder.join("worker.log"))).await;
    let calls = sandbox.handle().clone();
    sandbox.stop().await;
    let (statuses, restarts) = ended?;
    let report = Report { cast: &stage.cast, statuses: &statuses, sandbox: &calls, restarts };
    let history_of: UserLocator = "userId:johnd-123".parse()?;
    report.print(&stage.history(&history_of).await?)?;
    if keep.is_some() {
        output::print(&format!("\nLook into it: gangway --config {} users", config.display()))?;
    }
    Ok(report.is_as_expected())
}

fn refuse_used(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("can't make the folder {}", folder.display()))?;
    if folder.join("gangway.db").exists() {
        bail!("{} holds a database already; name another folder with --keep", folder.display());
    }
    Ok(())
}

/// The settings of the demo's worker, kept beside the database for whoever looks into it.
fn write_config(folder: &Path, origin: &str) -> Result<PathBuf> {
    let path = folder.join("gangway.toml");
    let database = folder.join("gangway.db");
    let text = format!(
        "# Written by `gangway demo`.\n\
         [crossmint]\n\
         url = \"{origin}\"\n\
         api_key = \"sk_staging_demo\"\n\
         writes_per_minute = {CALLS_PER_MINUTE}\n\
         reads_per_minute = {CALLS_PER_MINUTE}\n\n\
         [store]\n\
         url = \"sqlite:{}\"\n",
        database.display()
    );
    std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
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
    async fn open(cast: Cast, folder: &Path) -> Result<Self> {
        let url = format!("sqlite:{}", folder.join("gangway.db").display());
        let store = Arc::new(SqliteStore::open(&url, Policy::default()).await?);
        let intake = Intake::new(Arc::clone(&store), Actor::Cli);
        Ok(Self { cast, store, intake })
    }

    async fn register_all(&self) -> Result<()> {
        for member in &self.cast.members {
            let added = Added {
                wanted: None,
                wanted_default: BTreeSet::from([
                    Product::RegulatedTransfer,
                    Product::Onramp,
                    Product::Offramp,
                ]),
                verify: false,
                new_id: clock::new_onboarding_id(clock::now()),
            };
            let file = self.cast.read(&member.file)?;
            self.intake.edit_user(&member.user, Edit::Replace(&file), added, clock::now()).await?;
            self.add_documents(member, &member.documents).await?;
            self.intake.tell(&member.user, Event::VerificationRequested, clock::now()).await?;
        }
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
                    &paper.document_type,
                    &bytes,
                    paper.name(),
                    expires_at,
                    now,
                )
                .await?;
        }
        Ok(())
    }

    /// Runs the worker, kills it, starts it again, and supplies what is asked for, until
    /// everyone is at rest. Answers where they stand and how often the worker was killed.
    async fn play(&self, screen: &mut Screen, start: &Start) -> Result<(Vec<Status>, u32)> {
        let mut worker = start.start()?;
        screen.say(&format!("worker {} started", worker.id()));
        let began = Instant::now();
        let mut restarts = 0;
        let mut seen = Seen::default();
        loop {
            let statuses = self.statuses().await?;
            screen.show(&statuses);
            if self.is_over(&statuses, &seen) {
                worker.stop().await?;
                screen.say("everyone is at rest; the worker stopped on SIGTERM");
                return Ok((statuses, restarts));
            }
            if restarts == 0 && began.elapsed() > KILL_AFTER {
                let in_flight = statuses.iter().filter(|status| !status.state.is_at_rest()).count();
                let killed = worker.id();
                worker.kill().await?;
                restarts += 1;
                screen.say(&format!(
                    "worker {killed} killed with SIGKILL; {in_flight} onboardings were in flight"
                ));
                tokio::time::sleep(DEAD_FOR).await;
                worker = start.start()?;
                screen
                    .say(&format!("worker {} started again: it takes up what is due", worker.id()));
            }
            if let Some(status) = worker.ended()? {
                bail!(
                    "the worker ended by itself with {status}; run with --keep DIR and see DIR/worker.log"
                );
            }
            if began.elapsed() > TIMEOUT {
                bail!(
                    "not everyone came to rest in {} s; run with --keep DIR to look into it",
                    TIMEOUT.as_secs()
                );
            }
            self.supply(&statuses, &mut seen, screen).await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn statuses(&self) -> Result<Vec<Status>> {
        let request = ListRequest { state: None, after: None, limit: self.cast.members.len() + 1 };
        let now = clock::now();
        let stored = self.store.list(request).await?;
        Ok(stored
            .iter()
            .map(|stored| Status::of(&stored.user, &stored.onboarding, self.store.policy(), now))
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
                let added = Added {
                    wanted: None,
                    wanted_default: BTreeSet::new(),
                    verify: false,
                    new_id: clock::new_onboarding_id(clock::now()),
                };
                self.intake
                    .edit_user(&member.user, Edit::Patch(&patch), added, clock::now())
                    .await?;
            }
            self.add_documents(member, &supply.documents).await?;
            screen.say(&format!("a person supplied what {} was asked for", member.user));
            *seen.brought.entry(member.user.clone()).or_default() += 1;
            seen.asked_at.remove(&member.user);
        }
        Ok(())
    }

    async fn history(&self, user: &UserLocator) -> Result<Vec<store::HistoryRow>> {
        let Some(stored) = self.store.find(user).await? else { return Ok(Vec::new()) };
        Ok(self.store.history(stored.onboarding.id, 0, 200).await?)
    }
}

fn state_of(member: &Member, statuses: &[Status]) -> Option<State> {
    statuses.iter().find(|status| status.user == member.user.as_str()).map(|status| status.state)
}
