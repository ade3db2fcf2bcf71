//! `gangway key`: the keys of the HTTP API.

use clap::{Args, Subcommand};
use onboarding::Timestamp;
use serde::Serialize;
use server::{KEY_BYTES, NewKey};
use store::ApiKey;

use crate::cli::{Json, duration_ms, word};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{note, plain, print, print_json};
use crate::settings::Settings;
use crate::table::Table;
use crate::{clock, database, view};

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key, and show it once
    ///
    /// The database has a hash of it alone. As soon as there is a key, the API takes no request
    /// without one.
    Create(KeyCreate),
    /// List the keys: what each may do, and when it was last used
    List(Json),
    /// Revoke a key; its next request is refused
    Revoke(KeyRevoke),
}

#[derive(Args)]
pub(crate) struct KeyCreate {
    /// What to call it, such as the program that uses it
    #[arg(value_name = "NAME", value_parser = key_name)]
    pub(crate) name: String,
    /// What it may do, separated by commas: read (look), write (give data and documents, ask for
    /// verification), operate (hold, resume, retry, cancel, reopen, waive), admin (erase, and who
    /// is told)
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',', required = true, value_parser = scope)]
    pub(crate) scope: Vec<server::Scope>,
    /// How long it is good, such as 90d; for ever without it
    #[arg(long, value_name = "DURATION", value_parser = duration_ms)]
    pub(crate) expires_in: Option<u64>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct KeyRevoke {
    /// The key's public part, as `key list` shows it
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: String,
    #[command(flatten)]
    pub(crate) output: Json,
}

fn key_name(text: &str) -> Result<String, &'static str> {
    word(text).map(str::to_owned)
}

fn scope(text: &str) -> Result<server::Scope, server::UnknownScope> {
    text.parse()
}

/// Runs one of the commands.
pub(super) async fn run(settings: &Settings, command: KeyCommand) -> Result<Exit, Error> {
    match command {
        KeyCommand::Create(args) => create(settings, args).await,
        KeyCommand::List(output) => list(settings, output.json).await,
        KeyCommand::Revoke(args) => revoke(settings, args).await,
    }
}

/// A key as it is shown: never the key itself, unless it is new.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyView<'a> {
    prefix: &'a str,
    name: &'a str,
    scopes: &'a [String],
    /// `live`, `expired` or `revoked`.
    state: &'static str,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
    /// The whole key, shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl<'a> KeyView<'a> {
    fn of(key: &'a ApiKey, now: Timestamp) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            prefix: &key.prefix,
            name: &key.name,
            scopes: &key.scopes,
            state: state(key, now),
            created_at: key.created_at.to_string(),
            expires_at: text(key.expires_at),
            last_used_at: text(key.last_used_at),
            revoked_at: text(key.revoked_at),
            key: None,
        }
    }
}

fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.is_live(now) {
        "live"
    } else {
        "expired"
    }
}

/// `key create`.
async fn create(settings: &Settings, args: KeyCreate) -> Result<Exit, Error> {
    let store = database::created(settings).await?;
    let now = clock::now();
    let mut scopes = args.scope;
    scopes.sort_unstable();
    scopes.dedup();
    let expires_at = args.expires_in.map(|ms| now.plus_ms(ms));
    let chance = clock::chance::<KEY_BYTES>()?;
    let NewKey { secret, stored } = NewKey::new(args.name, &scopes, expires_at, &chance, now);
    store.add_api_key(stored.clone()).await?;
    if args.output.json {
        print_json(&KeyView { key: Some(&secret), ..KeyView::of(&stored, now) })?;
        return Ok(Exit::Done);
    }
    note("keep it well, it is not shown again; a client sends it as X-API-KEY:");
    print(&secret)?;
    Ok(Exit::Done)
}

/// `key list`.
async fn list(settings: &Settings, json: bool) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let keys = store.api_keys().await?;
    let now = clock::now();
    let views: Vec<KeyView<'_>> = keys.iter().map(|key| KeyView::of(key, now)).collect();
    if json {
        print_json(&views)?;
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        note("none");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["PREFIX", "NAME", "STATE", "SCOPES", "EXPIRES", "LAST USED"]);
    for key in &views {
        let used = key.last_used_at.as_deref().map(|at| format!("{} ago", view::age(at, now)));
        table.row([
            key.prefix,
            &plain(key.name),
            key.state,
            &key.scopes.join(","),
            key.expires_at.as_deref().unwrap_or("never"),
            used.as_deref().unwrap_or("never"),
        ]);
    }
    print(&table.render())?;
    Ok(Exit::Done)
}

/// `key revoke`.
async fn revoke(settings: &Settings, args: KeyRevoke) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let now = clock::now();
    if !store.revoke_api_key(&args.prefix, now).await? {
        return Err(Error::NoSuchKey);
    }
    let key = store.api_key(&args.prefix).await?.ok_or(Error::NoSuchKey)?;
    if args.output.json {
        print_json(&KeyView::of(&key, now))?;
    } else {
        print(&format!("{}: {}", key.prefix, state(&key, now)))?;
    }
    Ok(Exit::Done)
}
