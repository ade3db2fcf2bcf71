//! `gangway wallet`: a user's wallets elsewhere. What it prints is personal data.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueHint};
use engine::{Intake, IntakeError, linked_wallets};
use onboarding::{GivenWallet, LinkedWallet, PROOF_BYTES_MAX, Problems, UserLocator};
use serde_json::{Value, json};
use store::Actor;

use super::{read, report};
use crate::cli::{Json, User};
use crate::error::Error;
use crate::exit::{self, Exit};
use crate::output::{plain, print, print_json};
use crate::settings::Settings;
use crate::table::Table;
use crate::{clock, database};

#[derive(Subcommand)]
pub(crate) enum WalletCommand {
    /// Link a wallet to a user, or give another chain or the proof for one
    ///
    /// Needed only for buying into a wallet that is not Crossmint's. The provider is told once it
    /// has the user's data; no verdict waits for it. Given again as it was, a wallet that the
    /// provider refused is sent again.
    #[command(after_help = exit::HELP)]
    Link(WalletLink),
    /// Show a user's wallets, what the provider says of them, and what is to be signed
    ///
    /// Addresses and what is to be signed are personal data. The proof is never shown.
    #[command(after_help = exit::HELP)]
    List(WalletList),
    /// Forget a wallet that the provider has not linked
    ///
    /// The provider has no call to unlink one that it linked. While that call is under way, or
    /// after its answer was lost, the provider may have linked it all the same.
    #[command(after_help = exit::HELP)]
    Remove(WalletRemove),
}

#[derive(Args)]
pub(crate) struct WalletLink {
    #[command(flatten)]
    pub(crate) user: User,
    /// The wallet's address
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: String,
    /// Its chain, such as base
    #[arg(long, value_name = "CHAIN")]
    pub(crate) chain: String,
    /// What shows that the user owns it: JSON, or a text such as a signature, in the form that the
    /// provider's challenge asks for; - reads it from standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) proof: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct WalletList {
    #[command(flatten)]
    pub(crate) user: User,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct WalletRemove {
    #[command(flatten)]
    pub(crate) user: User,
    /// The wallet's address
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: String,
    #[command(flatten)]
    pub(crate) output: Json,
}

/// Runs one of the commands.
pub(super) async fn run(settings: &Settings, command: WalletCommand) -> Result<Exit, Error> {
    match command {
        WalletCommand::Link(args) => link(settings, args).await,
        WalletCommand::List(args) => list(settings, args).await,
        WalletCommand::Remove(args) => remove(settings, args).await,
    }
}

async fn link(settings: &Settings, args: WalletLink) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let proof = args.proof.map(|file| read(&file, PROOF_BYTES_MAX)).transpose()?;
    let given = GivenWallet::of_parts(&args.address, &args.chain, proof.as_deref());
    let given = given.map_err(|problems| IntakeError::Refused(at_arguments(problems)))?.value;
    let store = database::existing(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli);
    let now = clock::now();
    let settled = intake.link_wallet(&user, &given, now).await?;
    report::report(settings, &store, &settled, now, args.output.json).await
}

/// The same problems, at the arguments in whose values they are: there is no JSON to point into.
fn at_arguments(mut problems: Problems) -> Problems {
    for problem in &mut problems.0 {
        let argument = match problem.pointer.as_str() {
            "/address" => "ADDRESS",
            "/chain" => "--chain",
            "/proof" => "--proof",
            _ => continue,
        };
        argument.clone_into(&mut problem.pointer);
    }
    problems
}

async fn remove(settings: &Settings, args: WalletRemove) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let store = database::existing(settings).await?;
    let intake = Intake::new(Arc::clone(&store), Actor::Cli);
    let now = clock::now();
    let settled = intake.remove_wallet(&user, &args.address, now).await?;
    let settled = report::refuse_if_not_now(settled)?;
    report::report(settings, &store, &settled, now, args.output.json).await
}

async fn list(settings: &Settings, args: WalletList) -> Result<Exit, Error> {
    let user: UserLocator = args.user.locator.parse()?;
    let store = database::existing(settings).await?;
    let found = linked_wallets(&*store, &user).await?;
    let (_, wallets) = found.ok_or(IntakeError::NoSuchUser)?;
    if args.output.json {
        print_json(&json!({ "linkedWallets": wallets }))?;
    } else {
        print(&in_words(&wallets))?;
    }
    Ok(Exit::Done)
}

fn in_words(wallets: &[LinkedWallet]) -> String {
    if wallets.is_empty() {
        return "no wallets".to_owned();
    }
    let mut table = Table::new(&["NUMBER", "ADDRESS", "CHAIN", "STANDING", "WHY"]);
    for wallet in wallets {
        let known = &wallet.known;
        let why = known.last_error.as_ref().map(|error| error.message.as_str());
        let number = known.number.to_string();
        let cells = [&number, &wallet.address, &wallet.chain, known.standing];
        table.row(cells.into_iter().chain([why.unwrap_or_default()]));
    }
    let challenges = wallets.iter().filter_map(|wallet| {
        let challenge = wallet.ownership.verification_challenge.as_ref()?;
        Some(format!("\nTo be signed for wallet {}:\n{}\n", wallet.known.number, text(challenge)))
    });
    std::iter::once(table.render()).chain(challenges).collect()
}

/// A challenge as it is to be signed: a text as it is, anything else as JSON. Lines stay, other
/// control characters must not steer a terminal.
fn text(challenge: &Value) -> String {
    let text = challenge.as_str().map_or_else(|| challenge.to_string(), str::to_owned);
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}
