//! `gangway doctor`: what is wrong, and what to do about it.

mod check_store;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use onboarding::{FailureClass, State, Status, Timestamp};
use serde::Serialize;
use server::Readiness;
use store::{Endpoint, ListRequest, ProviderGate, SqliteStore, Store as _, StoreError};

use crate::error::{Error, chain};
use crate::exit::Exit;
use crate::output::{plain, print, print_json};
use crate::settings::{Loaded, Problems, Settings, duration};
use crate::{cli, clock, database, view};

/// How far the database may lie in the future before the clock is doubted.
const CLOCK_SLACK_MS: u64 = 60_000;
/// 2026-01-01: a clock before it is surely wrong.
const CLOCK_EARLIEST: Timestamp = Timestamp(1_767_225_600_000);
/// How many onboardings are read at once.
const PAGE: usize = 500;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    result: Verdict,
    message: String,
    /// What to do about it.
    remedy: Option<String>,
}

impl Check {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, result: Verdict::Ok, message: message.into(), remedy: None }
    }

    fn warn(check: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { check, result: Verdict::Warn, message: message.into(), remedy }
    }

    fn fail(check: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { check, result: Verdict::Fail, message: message.into(), remedy }
    }

    /// An error of whatever the check needed.
    fn error(
        check: &'static str,
        error: &dyn std::error::Error,
        remedy: impl Into<String>,
    ) -> Self {
        Self::fail(check, chain(error), remedy)
    }
}

/// All of them, as JSON has it.
#[derive(Serialize)]
struct Report<'a> {
    checks: &'a [Check],
}

/// Makes every check that can be made, or that of the whole store alone.
pub(super) async fn run(
    loaded: Result<Loaded, Problems>,
    args: cli::Doctor,
) -> Result<Exit, Error> {
    let checks = match loaded {
        Ok(loaded) if args.check_store => check_store::run(&loaded.settings).await?,
        Ok(loaded) => checks(&loaded).await,
        Err(problems) => vec![Check::error(
            "configuration",
            &problems,
            "correct them; docs/configuration.md and `gangway config --template` name every key",
        )],
    };
    if args.output.json {
        print_json(&Report { checks: &checks })?;
    } else {
        print(&text(&checks))?;
    }
    let failed = checks.iter().any(|check| check.result == Verdict::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for Check { check, result, message, remedy } in checks {
        let result = match result {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "WARN",
            Verdict::Fail => "FAIL",
        };
        let lines: Vec<String> = message.lines().map(plain).collect();
        text.push_str(&format!("{result}  {check}: {}\n", lines.join("\n      ")));
        if let Some(remedy) = remedy {
            text.push_str(&format!("      {remedy}\n"));
        }
    }
    text
}

/// What to do when the database fails, whatever for.
const STORE_REMEDY: &str =
    "make the file usable, restore it from a backup, or set another store.url";

async fn checks(loaded: &Loaded) -> Vec<Check> {
    let settings = &loaded.settings;
    let mut checks = vec![configuration(loaded)];
    match store::path_of(&settings.store_url) {
        Ok(path) => checks.extend(file_checks(&path, settings).await),
        Err(error) => checks.push(Check::error("store", &error, STORE_REMEDY)),
    }
    checks.extend(provider(settings).await);
    checks
}

async fn file_checks(path: &Path, settings: &Settings) -> Vec<Check> {
    let now = clock::now();
    let mut checks = vec![clock(now, path)];
    if !path.exists() {
        checks.push(Check::warn(
            "store",
            format!("there is no database at {} yet", path.display()),
            "`gangway user set` and `gangway serve` create it",
        ));
        return checks;
    }
    checks.push(permissions(path));
    checks.push(worker(settings));
    checks.extend(ready(settings).await);
    match database::existing(settings).await {
        Ok(store) => checks.extend(store_checks(&store, settings, now).await),
        Err(error) => checks.push(Check::error("store", &error, STORE_REMEDY)),
    }
    checks
}

fn configuration(loaded: &Loaded) -> Check {
    let from = match &loaded.file {
        Some(file) => format!("the file {}, the environment and the defaults", file.display()),
        None => "the environment and the defaults; no file is named".to_owned(),
    };
    Check::ok("configuration", format!("read from {from}"))
}

fn clock(now: Timestamp, path: &Path) -> Check {
    const REMEDY: &str = "set the machine's clock; delays and expiries are reckoned from it";
    if now < CLOCK_EARLIEST {
        return Check::fail("clock", format!("it is {now} by the machine's clock"), REMEDY);
    }
    let written = path.metadata().and_then(|file| file.modified()).ok();
    let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let written = written.and_then(|since| i64::try_from(since.as_millis()).ok()).map(Timestamp);
    match written.map(|written| written.ms_since(now)).filter(|ahead| *ahead > CLOCK_SLACK_MS) {
        Some(ahead_ms) => {
            let ahead = duration::rough(ahead_ms);
            Check::warn("clock", format!("the database was written {ahead} in the future"), REMEDY)
        }
        None => Check::ok("clock", format!("it is {now}")),
    }
}

fn permissions(path: &Path) -> Check {
    match path.metadata() {
        Ok(file) if file.permissions().mode() & 0o077 == 0 => {
            Check::ok("permissions", format!("{} is its owner's alone", path.display()))
        }
        Ok(_) => Check::warn(
            "permissions",
            format!("{} holds personal data and others can read it", path.display()),
            format!("chmod 600 {}", path.display()),
        ),
        Err(error) => Check::error("permissions", &error, STORE_REMEDY),
    }
}

fn worker(settings: &Settings) -> Check {
    match store::worker_is_running(&settings.store_url) {
        Ok(true) => Check::ok("worker", "`gangway serve` is running"),
        Ok(false) => Check::warn(
            "worker",
            "no worker is running, so nobody makes progress",
            "start `gangway serve`",
        ),
        Err(error) => Check::warn(
            "worker",
            format!("it can't be told whether one is running: {}", chain(&error)),
            "check the lock's permissions",
        ),
    }
}

/// Whether the worker that runs can work, by its own word.
async fn ready(settings: &Settings) -> Option<Check> {
    const CHECK: &str = "ready";
    let (listen, tls) = settings.listens()?;
    if !matches!(store::worker_is_running(&settings.store_url), Ok(true)) {
        return None;
    }
    if listen.port() == 0 {
        return Some(Check::ok(CHECK, "it serves at a free port, which its log names; not asked"));
    }
    Some(match server::ask_ready(listen, tls.as_ref()).await {
        Ok(Readiness::Ready) => Check::ok(CHECK, "it says that it can work"),
        Ok(Readiness::NotReady(wrong)) => Check::fail(
            CHECK,
            format!("it says what is in the way: {wrong}"),
            "what stands still is restarted: `systemctl restart gangway` where systemd runs it",
        ),
        Ok(Readiness::SomethingElse) => Check::warn(
            CHECK,
            format!("something else answers at {listen}"),
            "is http.listen what it was when `gangway serve` was started?",
        ),
        Ok(Readiness::Silent) => Check::fail(
            CHECK,
            format!("it takes the connection at {listen}, and does not answer in time"),
            "is the machine or its disk overloaded? What stands still is restarted: `systemctl \
             restart gangway` where systemd runs it",
        ),
        Err(error) => Check::warn(
            CHECK,
            format!("nothing answers at {listen}: {error}"),
            "is http.listen what it was when `gangway serve` was started?",
        ),
    })
}

async fn store_checks(store: &Arc<SqliteStore>, settings: &Settings, now: Timestamp) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.push(match store.check_writable().await {
        Ok(()) => Check::ok(
            "store",
            "its schema and SQLite's settings are as they must be, and it can be written",
        ),
        Err(error) => Check::error("store", &error, STORE_REMEDY),
    });
    let failed = |check| move |error| Check::error(check, &error, STORE_REMEDY);
    checks.push(gate(store, now).await.unwrap_or_else(failed("gate")));
    let users = users(store, settings, now).await;
    checks.extend(users.map_err(failed("users")).unwrap_or_else(|failed| vec![failed]));
    let endpoints = endpoints(store, now).await;
    checks.extend(endpoints.map_err(failed("endpoint")).unwrap_or_else(|failed| vec![failed]));
    checks
}

/// The endpoints at which nothing arrives.
async fn endpoints(store: &SqliteStore, now: Timestamp) -> Result<Vec<Check>, StoreError> {
    let endpoints = store.endpoints(now).await?.into_iter();
    let check = |endpoint: Endpoint| {
        let id = endpoint.id;
        if let Some((at, why)) = endpoint.disabled {
            let age = view::age(&at.to_string(), now);
            return Some(Check::warn(
                "endpoint",
                format!(
                    "{id} is disabled since {age} ({}); what it is told of waits",
                    why.as_str()
                ),
                format!("`gangway webhook test {id}`, then `gangway webhook enable {id}`"),
            ));
        }
        let age = view::age(&endpoint.failing_since?.to_string(), now);
        Some(Check::warn(
            "endpoint",
            format!("nothing has arrived at {id} for {age}; it is tried on, and disabled at last"),
            format!("`gangway webhook deliveries {id}` says what goes wrong"),
        ))
    };
    Ok(endpoints.filter_map(check).collect())
}

async fn gate(store: &SqliteStore, now: Timestamp) -> Result<Check, StoreError> {
    Ok(match store.provider_gate().await? {
        ProviderGate::Open => Check::ok("gate", "the worker calls the provider"),
        ProviderGate::Closed(closed) => Check::fail(
            "gate",
            view::closed(&closed, now),
            "check the API key, its scopes and that the project is enabled for KYC; \
             the worker probes by itself and goes on once it is let in",
        ),
    })
}

async fn users(
    store: &SqliteStore,
    settings: &Settings,
    now: Timestamp,
) -> Result<Vec<Check>, StoreError> {
    let counts = store.counts().await?;
    let texts: Vec<String> =
        counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let all = if texts.is_empty() { "none yet".to_owned() } else { texts.join(", ") };
    let mut checks = vec![Check::ok("users", all)];
    let held = counts.get(&State::Held).copied().unwrap_or(0);
    if held > 0 {
        checks.push(Check::warn(
            "held",
            format!("{held} onboardings are held"),
            "`gangway users --state held` lists them; each one's status says what releases it",
        ));
    }
    let stalled = stalled(store, settings, now).await?;
    if stalled > 0 {
        checks.push(Check::warn(
            "stalled",
            format!("{stalled} onboardings have failed at one step for too long"),
            "`gangway status` of each shows the last error; they are tried on all the same",
        ));
    }
    Ok(checks)
}

/// How many of those that are not at rest have failed for longer than the policy's time.
async fn stalled(
    store: &SqliteStore,
    settings: &Settings,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let reader = settings.reader(&settings.texts.language, now);
    let mut stalled = 0;
    for state in State::ALL.into_iter().filter(|state| !state.is_at_rest()) {
        let mut after = None;
        loop {
            let request = ListRequest { state: Some(state), after, limit: PAGE };
            let page = store.list(request).await?;
            let statuses = page
                .iter()
                .map(|stored| Status::of(&stored.user, &stored.onboarding, None, &reader));
            stalled += statuses.filter(|status| status.stalled).count();
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.onboarding.id),
                _ => break,
            }
        }
    }
    Ok(stalled)
}

/// The key, and whether the provider takes it.
async fn provider(settings: &Settings) -> Vec<Check> {
    let origin = settings.provider_origin();
    let client = match settings.client() {
        Ok(client) => client,
        Err(error) => return vec![Check::error("key", &error, KEY_REMEDY)],
    };
    let key = Check::ok("key", format!("there is one that fits {origin}"));
    let reached = match client.probe().await {
        Ok(()) => Check::ok("provider", format!("{origin} answers and takes the key")),
        Err(failure) => {
            let message = format!("{origin}: {}", failure.message);
            Check::fail("provider", message, remedy(failure.class))
        }
    };
    vec![key, reached]
}

const KEY_REMEDY: &str = "create a server key in Crossmint's console, for the environment that \
                          crossmint.url names, and put it into the file of crossmint.api_key_file";

const fn remedy(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Transient => {
            "check the URL, the network and any firewall; `gangway serve` tries again by itself"
        }
        FailureClass::RateLimited => {
            "another program uses up the key's limits; lower crossmint.reads_per_minute"
        }
        FailureClass::ProviderClosed => {
            "check the API key, its scopes (users.create, users.read) and that the project is \
             enabled for KYC"
        }
        FailureClass::Refused | FailureClass::NotFound => {
            "check that crossmint.url is the provider's"
        }
    }
}
