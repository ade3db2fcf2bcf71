//! The commands, one file a family.

mod config;
mod consent;
mod doctor;
mod document;
pub(crate) mod events;
mod explain;
pub(crate) mod key;
mod lists;
mod operate;
mod report;
mod requirements;
mod sandbox;
mod serve;
mod standstill;
mod status;
mod user;
mod verify;
pub(crate) mod wallet;
mod watch;
pub(crate) mod webhook;

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use onboarding::Event;

use crate::cli::{
    self, Cli, Command, ConsentCommand, DocumentCommand, RequirementsCommand, TaskCommand,
    UserCommand,
};
use crate::demo;
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::{Loaded, Problems};

/// Runs one command. Some do without settings that are usable.
pub(crate) async fn run(command: Command, loaded: Result<Loaded, Problems>) -> Result<Exit, Error> {
    match command {
        Command::Completions { shell } => completions(shell),
        Command::Config(config) if config.template => config::template(),
        Command::Config(config) => config::show(&loaded?, config.output.json),
        Command::Doctor(doctor) => doctor::run(loaded, doctor).await,
        Command::Requirements(RequirementsCommand::Check(check)) => {
            requirements::check(&loaded?.settings, check).await
        }
        Command::Requirements(RequirementsCommand::Show(output)) => {
            requirements::show(&loaded?.settings, output.json)
        }
        Command::Key(command) => key::run(&loaded?.settings, command).await,
        Command::Webhook(command) => webhook::run(&loaded?.settings, command).await,
        Command::Events(events) => events::run(&loaded?.settings, events).await,
        Command::Sandbox(sandbox) => sandbox::run(&loaded?.settings, sandbox).await,
        Command::Demo(args) => demo(args).await,
        Command::Serve => serve::run(&loaded?.settings).await,
        Command::User(UserCommand::Set(edit)) => user::set(&loaded?.settings, edit).await,
        Command::User(UserCommand::Patch(edit)) => user::patch(&loaded?.settings, edit).await,
        Command::Consent(ConsentCommand::Record(record)) => {
            consent::record(&loaded?.settings, record).await
        }
        Command::Document(DocumentCommand::Add(add)) => document::add(&loaded?.settings, add).await,
        Command::Document(DocumentCommand::Check(check)) => {
            document::check(&loaded?.settings, &check)
        }
        Command::Document(DocumentCommand::Remove(remove)) => {
            document::remove(&loaded?.settings, remove).await
        }
        Command::Wallet(command) => wallet::run(&loaded?.settings, command).await,
        Command::Verify(verify) => verify::run(&loaded?.settings, verify).await,
        Command::Status(status) => status::run(&loaded?.settings, status).await,
        Command::Explain(explain) => explain::run(&loaded?.settings, explain).await,
        Command::Users(users) if users.stuck => explain::users(&loaded?.settings, users).await,
        Command::Users(users) => lists::users(&loaded?.settings, users).await,
        Command::Tasks(tasks) => lists::tasks(&loaded?.settings, tasks).await,
        Command::Task(TaskCommand::Waive(waive)) => {
            let cli::TaskWaive { user, number, reason, output } = waive;
            let event = Event::TaskWaived { number, reason };
            operate::tell(&loaded?.settings, &user, event, &output).await
        }
        Command::Reopen(cli::WithReason { user, reason, output }) => {
            operate::tell(&loaded?.settings, &user, Event::Reopened { reason }, &output).await
        }
        Command::History(history) => lists::history(&loaded?.settings, history).await,
        Command::Hold(operate) => {
            operate::run(&loaded?.settings, operate, |reason| Event::Held { reason }).await
        }
        Command::Resume(operate) => {
            operate::run(&loaded?.settings, operate, |reason| Event::Resumed { reason }).await
        }
        Command::Retry(operate) => {
            operate::run(&loaded?.settings, operate, |reason| Event::Retried { reason }).await
        }
        Command::Cancel(operate) => {
            operate::run(&loaded?.settings, operate, |reason| Event::Cancelled { reason }).await
        }
        Command::Erase(erase) if !erase.yes => Err(Error::NotConfirmed),
        Command::Erase(erase) => {
            let event = |reason| Event::Erased { reason };
            operate::run(&loaded?.settings, erase.operate, event).await
        }
    }
}

async fn demo(args: cli::Demo) -> Result<Exit, Error> {
    let is_as_expected = demo::run(&args.files, args.keep.as_deref()).await.map_err(Error::Demo)?;
    Ok(if is_as_expected { Exit::Done } else { Exit::Failed })
}

fn completions(shell: Shell) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gangway", &mut script);
    crate::output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// The file's bytes, or those of standard input for `-`. Reads no more than one byte above the
/// limit: the rules refuse what is longer, and nobody's memory is filled.
fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Error> {
    use std::io::Read as _;
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|source| Error::Read(path.to_owned(), source))?;
    Ok(bytes)
}
