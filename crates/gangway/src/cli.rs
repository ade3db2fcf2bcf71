//! The command line: its words and its help. Locators pass through here, so nothing in it
//! has a `Debug`, and they are parsed by the commands: an error of clap's would repeat them.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use onboarding::texts::Language;
use onboarding::{
    Date, DocumentType, OnboardingId, Product, State, TaskView, Timestamp, is_word, reason,
};

use crate::commands::events::Events;
use crate::commands::key::KeyCommand;
use crate::commands::wallet::WalletCommand;
use crate::commands::webhook::WebhookCommand;
use crate::{exit, settings};

/// Durable onboarding of users through Crossmint's KYC.
///
/// Give a user's data and documents, ask for verification, and `gangway serve` carries the user
/// through to an end, whatever happens to it or to the provider meanwhile. Every other command
/// works on the database directly, whether `serve` is running or not.
#[derive(Parser)]
#[command(name = "gangway", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  gangway sandbox --port 4010 &                       a provider to try things out on
  export GANGWAY_CROSSMINT__URL=http://127.0.0.1:4010
  gangway serve &                                     the worker
  gangway user set userId:ada --file ada.json --verify
  gangway document add userId:ada --type id-passport --file passport.png
  gangway status userId:ada --watch

Every command documents itself: `gangway help COMMAND`.";

/// What every command takes.
#[derive(Args)]
pub(crate) struct Global {
    /// The file of settings; without it, the one that GANGWAY_CONFIG names
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The database: sqlite:PATH or PATH (short for --set store.url=…)
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) store: Option<String>,
    /// The form of the log: human or json (short for --set log.format=…)
    #[arg(long, global = true, value_name = "FORMAT", value_parser = ["human", "json"])]
    pub(crate) log_format: Option<String>,
    /// Sets one setting, above the environment and the file; `gangway config` lists them
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) set: Vec<(String, String)>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the worker, and serve the HTTP API, until it is told to stop
    ///
    /// Makes every call that is due, within the provider's limits. Ctrl-C or SIGTERM ends it
    /// once the calls in flight are done; a second one ends it at once. Nothing is lost either
    /// way. One database takes one worker.
    Serve,
    /// Give or change a user's data
    #[command(subcommand)]
    User(UserCommand),
    /// Record what a user accepted of the provider's legal texts
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// Give a user's documents
    #[command(subcommand)]
    Document(DocumentCommand),
    /// Link a user's wallets
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// Ask for a user's verification
    #[command(after_help = exit::STANDING_HELP)]
    Verify(Verify),
    /// Show where a user stands, why, and who must act next
    #[command(after_help = exit::STANDING_HELP)]
    Status(Status),
    /// Say in a paragraph where a user stands with each product, and why
    ///
    /// For whoever answers the user: can a product be used now, why or why not, who acts next, by
    /// when, and how fresh that is; and if it does not go on, the cause and the command that helps.
    #[command(after_help = exit::STANDING_HELP)]
    Explain(Explain),
    /// List the users
    #[command(after_help = exit::LIST_HELP)]
    Users(Users),
    /// List what persons have to supply
    #[command(after_help = exit::LIST_HELP)]
    Tasks(Tasks),
    /// Let a task pass that a person need not do
    #[command(subcommand)]
    Task(TaskCommand),
    /// Show everything that happened to a user
    #[command(after_help = exit::LIST_HELP)]
    History(UserJson),
    /// Stop a user's onboarding until it is resumed
    #[command(after_help = exit::HELP)]
    Hold(Operate),
    /// Let a held or cancelled onboarding go on
    #[command(after_help = exit::HELP)]
    Resume(Operate),
    /// Try the next step now, and read the provider's status again
    #[command(after_help = exit::HELP)]
    Retry(Operate),
    /// Have a user judged again whom the provider refused
    ///
    /// Nothing that is held changed, so it takes a reason. Verification is triggered once more.
    #[command(after_help = exit::HELP)]
    Reopen(WithReason),
    /// End a user's onboarding; the data is kept, and `resume` reopens it
    #[command(after_help = exit::HELP)]
    Cancel(Operate),
    /// End a user's onboarding and destroy the personal data; there is no way back
    #[command(after_help = exit::HELP)]
    Erase(Erase),
    /// Make, list and revoke the keys of the HTTP API
    #[command(subcommand)]
    Key(KeyCommand),
    /// Have others told what happens, and see what arrived
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// List what others are told of, in order
    #[command(after_help = exit::LIST_HELP)]
    Events(Events),
    /// Say what the provider asks of whom
    #[command(subcommand)]
    Requirements(RequirementsCommand),
    /// Serve a Crossmint of our own on this machine, to try things out on
    Sandbox(Sandbox),
    /// Watch a dozen users go through, and the worker survive being killed
    ///
    /// Starts a sandbox on a free port and a worker on a database of its own, onboards the users
    /// in config/demo, kills the worker in the middle and starts it again. Takes about half a
    /// minute, touches nothing of yours, and exits with 0 only if all came out as it should. Heeds
    /// NO_COLOR and TERM=dumb.
    Demo(Demo),
    /// Say what is wrong with the set-up, and what to do about it
    ///
    /// Looks at the configuration, the database, the key, the provider and the users at rest.
    /// Exits with 0 when nothing fails and 1 otherwise; warnings do not count.
    Doctor(Doctor),
    /// Show every setting, and who set it
    Config(Config),
    /// Print a shell's completions
    ///
    /// For example: gangway completions bash > /etc/bash_completion.d/gangway
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Give or replace a user's whole data
    ///
    /// The file is JSON: the body of the provider's quickstart (userDetails, kycData,
    /// dueDiligence, verificationHistory), and beside it wantedProducts and
    /// privacyPolicyAcceptedAt. Data that is wrong is refused as a whole, with every problem
    /// listed by its JSON pointer.
    #[command(after_help = exit::HELP)]
    Set(Edit),
    /// Change some of a user's data, by a JSON merge patch (RFC 7396)
    ///
    /// What the patch does not name stays; null takes a field out. The provider gets the whole
    /// merged record.
    #[command(after_help = exit::HELP)]
    Patch(Edit),
}

#[derive(Subcommand)]
pub(crate) enum ConsentCommand {
    /// Record that a user accepted a legal text, and how that can be shown later
    ///
    /// The provider is told the time, and for the terms of service the region; the rest is kept
    /// here as evidence. It is what `user set` takes as privacyPolicyConsent and
    /// termsOfServiceConsent, and begins the onboarding of a user who is new.
    #[command(after_help = exit::HELP)]
    Record(ConsentRecord),
}

#[derive(Args)]
pub(crate) struct ConsentRecord {
    #[command(flatten)]
    pub(crate) user: User,
    /// Which text was accepted
    #[arg(long, value_name = "TEXT", value_enum, default_value = "privacy-policy")]
    pub(crate) text: ConsentText,
    /// When, such as 2026-05-02T09:10:00Z; without it, now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Whose terms of service: eu, us or worldwide
    #[arg(long, value_name = "REGION", required_if_eq("text", "terms-of-service"))]
    pub(crate) region: Option<String>,
    /// The version of the text that was shown, in its own words
    #[arg(long, value_name = "VERSION")]
    pub(crate) text_version: Option<String>,
    /// The SHA-256 hash of the text that was shown
    #[arg(long, value_name = "HEX", conflicts_with = "text_file")]
    pub(crate) text_hash: Option<String>,
    /// The file of the text that was shown, to take its hash of; - reads standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) text_file: Option<PathBuf>,
    /// The language in which it was shown, such as de-AT
    #[arg(long, value_name = "TAG")]
    pub(crate) language: Option<String>,
    /// How it was given, such as checkbox
    #[arg(long, value_name = "HOW")]
    pub(crate) method: Option<String>,
    /// The products that the user is onboarded for
    #[arg(long, value_name = "PRODUCT,…", value_delimiter = ',', value_parser = product)]
    pub(crate) want: Vec<Product>,
    #[command(flatten)]
    pub(crate) output: Json,
}

/// A legal text of the provider's.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum ConsentText {
    /// The privacy policy, which most products need
    PrivacyPolicy,
    /// The terms of service, which are of a region
    TermsOfService,
}

#[derive(Subcommand)]
pub(crate) enum TaskCommand {
    /// Let an open task pass, with a reason
    ///
    /// It counts as supplied: when nothing else is open, the provider is asked to judge. If it asks
    /// for the same again, the task is open again.
    #[command(after_help = exit::HELP)]
    Waive(TaskWaive),
}

#[derive(Args)]
pub(crate) struct TaskWaive {
    #[command(flatten)]
    pub(crate) user: User,
    /// The task's number: what stands behind the last dash of its id in `gangway tasks --json`
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) number: u32,
    /// Why; it is kept in the user's history, so leave personal data out
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct WithReason {
    #[command(flatten)]
    pub(crate) user: User,
    /// Why; it is kept in the user's history, so leave personal data out
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Subcommand)]
pub(crate) enum DocumentCommand {
    /// Add a document; it replaces one of the same type
    #[command(after_help = exit::HELP)]
    Add(DocumentAdd),
    /// Check a file as `document add` does, and store nothing
    ///
    /// Says what the file is, how large the picture or how many pages, and what would be taken
    /// out before it is stored. Whether others gave the same file is not looked up.
    #[command(after_help = exit::HELP)]
    Check(DocumentCheck),
    /// Take back a document that the provider does not have
    ///
    /// For one that the provider refuses and that has no better version. What the provider has
    /// acknowledged can only be replaced, by `gangway document add`.
    #[command(after_help = exit::HELP)]
    Remove(DocumentRemove),
}

#[derive(Subcommand)]
pub(crate) enum RequirementsCommand {
    /// Say what will be asked of a user, now and probably later, before the first call
    ///
    /// Makes no call and stores nothing. docs/requirements.md says how to read the answer.
    #[command(after_help = exit::CHECK_HELP)]
    Check(RequirementsCheck),
    /// Show the table in force, with the source of each rule
    Show(Json),
}

#[derive(Args)]
pub(crate) struct RequirementsCheck {
    /// A file as for `user set`, - for standard input, or the locator of a user in the database
    #[arg(value_name = "LOCATOR|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) subject: String,
    /// The products that the user is to be allowed, above what the user wants
    #[arg(long, value_name = "PRODUCT,…", value_delimiter = ',', value_parser = product)]
    pub(crate) want: Vec<Product>,
    /// As if the provider had decided for enhanced due diligence
    #[arg(long)]
    pub(crate) edd: bool,
    #[command(flatten)]
    pub(crate) output: Json,
}

/// Names a user.
#[derive(Args)]
pub(crate) struct User {
    /// The user: userId:…, email:…, phoneNumber:…, twitter:… or x:…
    #[arg(value_name = "LOCATOR")]
    pub(crate) locator: String,
}

/// Chooses the form of the output.
#[derive(Args)]
pub(crate) struct Json {
    /// Print JSON; docs/cli.md documents it
    #[arg(long)]
    pub(crate) json: bool,
}

/// Chooses the language of what is said to people.
#[derive(Args)]
pub(crate) struct Lang {
    /// The language of the texts, such as de; without it, the setting texts.language
    #[arg(long, value_name = "TAG")]
    lang: Option<Language>,
}

impl Lang {
    /// The language, or the configured one if nobody says. Says so if there are no texts in it.
    pub(crate) fn or(self, texts: &settings::TextSettings) -> Language {
        let Some(language) = self.lang else { return texts.language.clone() };
        if let Err(unknown) = texts.check(&language) {
            crate::output::note(&format!("warning: --lang {language}: {unknown}"));
        }
        language
    }
}

#[derive(Args)]
pub(crate) struct UserJson {
    #[command(flatten)]
    pub(crate) user: User,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    pub(crate) user: User,
    /// The JSON file; - reads it from standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The products that the user is onboarded for, above the file's own word
    #[arg(long, value_name = "PRODUCT,…", value_delimiter = ',', value_parser = product)]
    pub(crate) want: Vec<Product>,
    /// Ask for verification, too
    #[arg(long)]
    pub(crate) verify: bool,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct DocumentAdd {
    #[command(flatten)]
    pub(crate) user: User,
    /// What it is: id-passport, id-idcard-front, id-idcard-back, id-residency-permit, id-ssn,
    /// proof-of-address, proof-of-income, selfie-front, selfie-left or selfie-right; another
    /// word is sent as it is, with a warning
    #[arg(long = "type", value_name = "TYPE", value_parser = document_type)]
    pub(crate) document_type: DocumentType,
    /// The file: png, jpeg, pdf, heic or webp, within the limits of the settings [documents];
    /// - reads it from standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The last day on which it is valid
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub(crate) expires: Option<Date>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct DocumentCheck {
    /// What it is, as for `document add`
    #[arg(long = "type", value_name = "TYPE", value_parser = document_type)]
    pub(crate) document_type: DocumentType,
    /// The file; - reads it from standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The last day on which it is valid
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub(crate) expires: Option<Date>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct DocumentRemove {
    #[command(flatten)]
    pub(crate) user: User,
    /// The type of the document; `gangway status` lists those that are held
    #[arg(long = "type", value_name = "TYPE", value_parser = document_type)]
    pub(crate) document_type: DocumentType,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) user: User,
    /// Wait until a person must act or the provider has judged
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait no longer than this, such as 10m
    #[arg(long, value_name = "DURATION", value_parser = duration_ms, requires = "wait")]
    pub(crate) timeout: Option<u64>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) user: User,
    /// Print a line for each change, until a person must act or the provider has judged
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) lang: Lang,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) user: User,
    #[command(flatten)]
    pub(crate) lang: Lang,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Users {
    /// Only those who do not go on, with the cause and the command that helps
    #[arg(long)]
    pub(crate) stuck: bool,
    /// Only those in this state
    #[arg(long, value_name = "STATE", value_parser = state())]
    pub(crate) state: Option<State>,
    /// At most so many, in order of creation
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Only those created after this one: the id of the last one of the page before
    #[arg(long, value_name = "ID", value_parser = onboarding_id)]
    pub(crate) after: Option<OnboardingId>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Tasks {
    /// Only this user's
    #[arg(value_name = "LOCATOR")]
    pub(crate) locator: Option<String>,
    /// At most so many, oldest first
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Only those after this one: the id of the last one of the page before
    #[arg(long, value_name = "ID", value_parser = task_id)]
    pub(crate) after: Option<(OnboardingId, u32)>,
    #[command(flatten)]
    pub(crate) lang: Lang,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Operate {
    #[command(flatten)]
    pub(crate) user: User,
    /// Why; it is kept in the user's history, so leave personal data out
    #[arg(long, value_name = "TEXT", default_value = "no reason given", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) operate: Operate,
    /// Yes, destroy it
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args)]
#[command(after_help = "\
Without --scenario every user is verified at once. docs/sandbox.md says how to script refusals,
delays and faults, and what the admin port can do.")]
pub(crate) struct Sandbox {
    /// The age of the provider's contract
    #[arg(long, value_name = "PROFILE", default_value = "current", value_parser = sandbox_profile())]
    pub(crate) profile: sandbox::Profile,
    /// The port to serve on; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// The port of the levers and the call log; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) admin_port: u16,
    /// The scenario: what the provider is made to do
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) scenario: Option<PathBuf>,
    /// Answer no more than 120 writes and 360 reads a minute, as the provider does
    #[arg(long)]
    pub(crate) rate_limits: bool,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Doctor {
    /// Check instead everything that is stored: the file, and each onboarding against its history
    ///
    /// Names what is damaged by the onboarding's id, and says what to do. Reads only, needs
    /// neither key nor provider, and works beside a running worker. Of a large store it takes
    /// minutes.
    #[arg(long)]
    pub(crate) check_store: bool,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Demo {
    /// The folder with the users, their files and the sandbox's script
    #[arg(long, value_name = "DIR", default_value = "config/demo", value_hint = ValueHint::DirPath)]
    pub(crate) files: PathBuf,
    /// Keep the database, the settings and the worker's log in this folder, made if it is missing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Config {
    /// Print a documented file with every default, to begin with
    #[arg(long, conflicts_with = "json")]
    pub(crate) template: bool,
    #[command(flatten)]
    pub(crate) output: Json,
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn state() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::as_str))
        .map(|word| State::from_word(&word).expect("the parser lets only states through"))
}

pub(crate) fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).map_err(|_| "write a time such as 2031-05-30T12:00:00Z")
}

fn sandbox_profile() -> impl TypedValueParser<Value = sandbox::Profile> {
    PossibleValuesParser::new(["current", "quickstart"])
        .map(|word| word.parse().expect("the parser lets only profiles through"))
}

fn product(text: &str) -> Result<Product, &'static str> {
    word(text).map(Product::from)
}

fn document_type(text: &str) -> Result<DocumentType, &'static str> {
    word(text).map(DocumentType::from)
}

/// Open sets take words that are not known yet, but none that can't be a word at all.
pub(crate) fn word(text: &str) -> Result<&str, &'static str> {
    is_word(text).then_some(text).ok_or("write a word of lower-case letters, digits and dashes")
}

fn onboarding_id(text: &str) -> Result<OnboardingId, &'static str> {
    let id = text.parse().map(OnboardingId);
    id.map_err(|_| "write the id of a user as `gangway users --json` shows it, not the locator")
}

fn task_id(text: &str) -> Result<(OnboardingId, u32), &'static str> {
    TaskView::parse_id(text).ok_or("write the id of a task as `gangway tasks --json` shows it")
}

fn date(text: &str) -> Result<Date, &'static str> {
    Date::parse(text).map_err(|_| "write a day that exists, such as 2031-05-30")
}

pub(crate) fn duration_ms(text: &str) -> Result<u64, String> {
    use settings::duration::{EXPECTED, parse};
    parse(text).ok_or_else(|| format!("write {EXPECTED}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_command_says_what_it_is_for() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            assert!(sub.get_about().is_some(), "{}", sub.get_name());
            for argument in sub.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", sub.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn the_help_and_the_page_name_every_document_type() {
        let page = include_str!("../../../docs/cli.md");
        let mut command = Cli::command();
        let add = command.find_subcommand_mut("document").unwrap();
        let help = add.find_subcommand_mut("add").unwrap().render_long_help().to_string();
        for known in DocumentType::KNOWN {
            assert!(help.contains(known.as_str()), "{known} in {help}");
            assert!(page.contains(&format!("`{known}`")), "{known}");
        }
    }
}
