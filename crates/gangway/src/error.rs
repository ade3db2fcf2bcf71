//! Why a command failed, and with which exit code.

use std::io;
use std::path::PathBuf;

use engine::IntakeError;
use onboarding::InvalidLocator;
use store::{OpenError, StoreError};

use crate::exit::Exit;
use crate::settings::{KeyError, Problems};

/// Why a command failed. Every text says what to do next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Settings(#[from] Problems),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(
        "there is no database at {0}; `gangway user set` and `gangway serve` create one, and \
         --store PATH names another"
    )]
    NoDatabase(PathBuf),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Locator(#[from] InvalidLocator),
    #[error("there is no such file, and it is no locator either")]
    NeitherFileNorLocator(#[source] InvalidLocator),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error("verification is under way; `gangway status --watch` follows it")]
    UnderWay,
    #[error("{0} can't be read; check the path and its permissions")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} is longer than {1} bytes, so it is no legal text; give its hash by --text-hash")]
    TextTooLong(PathBuf, usize),
    #[error(transparent)]
    Scenario(#[from] sandbox::ScenarioError),
    #[error(transparent)]
    Sandbox(#[from] sandbox::StartError),
    #[error("the demo did not come to its end")]
    Demo(#[source] anyhow::Error),
    #[error("to destroy the user's personal data for good, say --yes")]
    NotConfirmed,
    #[error(transparent)]
    Api(#[from] server::StartError),
    #[error("there is no such key; `gangway key list` lists them")]
    NoSuchKey,
    #[error("the system gives no random numbers")]
    NoChance(#[source] getrandom::Error),
    #[error(transparent)]
    Address(#[from] notifications::BadAddress),
    #[error(transparent)]
    Notifications(#[from] notifications::ClientError),
    #[error(transparent)]
    Endpoint(#[from] notifications::EndpointError),
    #[error("there is no such endpoint; `gangway webhook list` shows them")]
    NoSuchEndpoint,
    #[error("the output can't be written")]
    Output(#[from] io::Error),
    #[error("traces can't be exported: the client for traces.endpoint can't be made")]
    Traces(#[source] opentelemetry_otlp::ExporterBuildError),
    #[error("the process's signals can't be listened to")]
    Signals(#[source] io::Error),
}

impl Error {
    /// The exit code that goes with it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Locator(_) | Self::NeitherFileNorLocator(_) | Self::NotConfirmed => Exit::Usage,
            Self::Intake(refused) => match refused {
                IntakeError::NoSuchUser => Exit::NoSuchUser,
                IntakeError::NoSuchWallet
                | IntakeError::Ended(_)
                | IntakeError::NotNow(_)
                | IntakeError::Moved(_)
                | IntakeError::Conflict => Exit::Conflict,
                IntakeError::Refused(_) | IntakeError::DamagedProfile | IntakeError::Store(_) => {
                    Exit::Failed
                }
            },
            Self::UnderWay => Exit::Conflict,
            Self::Settings(_)
            | Self::Key(_)
            | Self::NoDatabase(_)
            | Self::Open(_)
            | Self::Store(_)
            | Self::Read(..)
            | Self::TextTooLong(..)
            | Self::Scenario(_)
            | Self::Sandbox(_)
            | Self::Demo(_)
            | Self::Api(_)
            | Self::NoSuchKey
            | Self::NoChance(_)
            | Self::Address(_)
            | Self::Notifications(_)
            | Self::Endpoint(_)
            | Self::NoSuchEndpoint
            | Self::Output(_)
            | Self::Traces(_)
            | Self::Signals(_) => Exit::Failed,
        }
    }

    /// Whether nobody reads the output any more, as in `gangway users | head`.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        let unwritten = if let Self::Output(error) = self {
            Some(error)
        } else if let Self::Demo(error) = self {
            error.downcast_ref()
        } else {
            None
        };
        unwritten.is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The error and what led to it, a line each.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("\n  because: {cause}"));
        source = cause.source();
    }
    text
}
