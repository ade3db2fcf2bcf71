//! `gangway key`: the keys of the HTTP API.

use onboarding::Timestamp;
use serde::Serialize;
use server::{KEY_BYTES, NewKey};
use store::ApiKey;

use crate::error::Error;
use crate::exit::Exit;
use crate::output::{note, plain, print, print_json};
use crate::settings::Settings;
use crate::table::Table;
use crate::{cli, clock, database, view};

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
pub(super) async fn create(settings: &Settings, args: cli::KeyCreate) -> Result<Exit, Error> {
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
pub(super) async fn list(settings: &Settings, json: bool) -> Result<Exit, Error> {
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
pub(super) async fn revoke(settings: &Settings, args: cli::KeyRevoke) -> Result<Exit, Error> {
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
