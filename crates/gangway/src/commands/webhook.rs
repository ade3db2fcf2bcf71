//! `gangway webhook`: who is told what happens, and what arrived.

use notifications::{Client, Message, Outcome, PublicKey, Secret, check_url, system_lookup};
use onboarding::{NotificationKind, Timestamp};
use serde::Serialize;
use serde_json::json;
use store::{Delivery, Endpoint, NewEndpoint, NewSecret, Replay, SqliteStore};

use crate::cli::{self, WebhookCommand};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{note, print, print_json};
use crate::settings::Settings;
use crate::table::Table;
use crate::{clock, database, view};

/// Runs one of the commands.
pub(super) async fn run(settings: &Settings, command: WebhookCommand) -> Result<Exit, Error> {
    match command {
        WebhookCommand::Add(args) => add(settings, args).await,
        WebhookCommand::List(output) => list(settings, output.json).await,
        WebhookCommand::Remove(args) => remove(settings, args).await,
        WebhookCommand::Enable(args) => enable(settings, args).await,
        WebhookCommand::Rotate(args) => rotate(settings, args).await,
        WebhookCommand::Test(args) => test(settings, args).await,
        WebhookCommand::Deliveries(args) => deliveries(settings, args).await,
        WebhookCommand::Replay(args) => replay(settings, args).await,
    }
}

async fn add(settings: &Settings, args: cli::WebhookAdd) -> Result<Exit, Error> {
    check_url(&args.url, settings.notifications.allow_loopback)?;
    let store = database::created(settings).await?;
    let kinds = (!args.events.is_empty()).then_some(args.events);
    let secret = new_secret(if args.ed25519 { Form::Ed25519 } else { Form::Hmac })?;
    let now = clock::now();
    let id = clock::new_endpoint_id()?;
    let endpoint =
        NewEndpoint { id: id.clone(), url: args.url, kinds, secret: secret.to_text(), now };
    store.add_endpoint(endpoint).await?;
    show_secret(&id, &secret, args.output.json)
}

/// How what is sent is signed.
enum Form {
    Hmac,
    Ed25519,
}

fn new_secret(form: Form) -> Result<Secret, Error> {
    let random = clock::chance()?;
    Ok(match form {
        Form::Hmac => Secret::Shared(random.to_vec()),
        Form::Ed25519 => Secret::Private(random),
    })
}

/// A shared secret is shown this once.
fn show_secret(id: &str, secret: &Secret, json: bool) -> Result<Exit, Error> {
    let name = match secret {
        Secret::Shared(_) => "secret",
        Secret::Private(_) => "publicKey",
    };
    if json {
        print_json(&json!({ "id": id, name: secret.for_receiver() }))?;
        return Ok(Exit::Done);
    }
    print(&format!("{id}  {}", secret.for_receiver()))?;
    note(match secret {
        Secret::Shared(_) => {
            "the receiver verifies with this secret; it is not shown again (`gangway webhook \
             rotate` makes another)"
        }
        Secret::Private(_) => "the receiver verifies with this public key",
    });
    Ok(Exit::Done)
}

/// An endpoint, without what signs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointView {
    id: String,
    url: String,
    /// Absent of one that is told everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<&'static str>>,
    state: &'static str,
    pending: u64,
    created_at: String,
    failing_since: Option<String>,
    disabled_at: Option<String>,
    public_keys: Vec<String>,
}

impl EndpointView {
    fn of(endpoint: &Endpoint, pending: u64) -> Self {
        let state = match (endpoint.disabled, endpoint.failing_since) {
            (Some((_, why)), _) => why.as_str(),
            (None, Some(_)) => "retrying",
            (None, None) => "enabled",
        };
        let keys = endpoint.secrets.iter().filter_map(|text| text.parse::<Secret>().ok());
        let public = keys.map(|secret| secret.for_receiver());
        Self {
            id: endpoint.id.clone(),
            url: endpoint.url.clone(),
            events: endpoint
                .kinds
                .as_ref()
                .map(|kinds| kinds.iter().map(|kind| kind.as_str()).collect()),
            state,
            pending,
            created_at: endpoint.created_at.to_string(),
            failing_since: endpoint.failing_since.map(|at| at.to_string()),
            disabled_at: endpoint.disabled.map(|(at, _)| at.to_string()),
            public_keys: public.filter(|text| text.parse::<PublicKey>().is_ok()).collect(),
        }
    }
}

async fn list(settings: &Settings, json: bool) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let now = clock::now();
    let mut views = Vec::new();
    for endpoint in store.endpoints(now).await? {
        let pending = store.pending_deliveries(endpoint.key).await?;
        views.push(EndpointView::of(&endpoint, pending));
    }
    if json {
        print_json(&views)?;
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        note("none; `gangway webhook add URL` adds one");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["ID", "STATE", "PENDING", "EVENTS", "URL"]);
    for view in &views {
        let events = view.events.as_ref().map_or("all".to_owned(), |events| events.join(","));
        table.row([&view.id, view.state, &view.pending.to_string(), &events, &view.url]);
    }
    print(&table.render())?;
    for view in &views {
        if let Some(since) = &view.failing_since {
            note(&format!("nothing has arrived at {} for {}", view.id, view::age(since, now)));
        }
    }
    Ok(Exit::Done)
}

async fn remove(settings: &Settings, args: cli::WebhookOne) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let removed = store.remove_endpoint(args.id).await?;
    if removed { Ok(Exit::Done) } else { Err(Error::NoSuchEndpoint) }
}

async fn enable(settings: &Settings, args: cli::WebhookOne) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let enabled = store.enable_endpoint(args.id, clock::now()).await?;
    if enabled { Ok(Exit::Done) } else { Err(Error::NoSuchEndpoint) }
}

async fn rotate(settings: &Settings, args: cli::WebhookRotate) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let now = clock::now();
    let endpoint = find(&store, &args.id, now).await?;
    let is_private = endpoint.secrets.first().is_some_and(|secret| secret.starts_with("whsk_"));
    let secret = new_secret(if is_private { Form::Ed25519 } else { Form::Hmac })?;
    let rotated = NewSecret {
        endpoint: args.id.clone(),
        secret: secret.to_text(),
        others_until: now.plus_ms(args.overlap),
        now,
    };
    if !store.rotate_secret(rotated).await? {
        return Err(Error::NoSuchEndpoint);
    }
    show_secret(&args.id, &secret, args.output.json)
}

async fn find(store: &SqliteStore, id: &str, now: Timestamp) -> Result<Endpoint, Error> {
    let endpoints = store.endpoints(now).await?;
    endpoints.into_iter().find(|endpoint| endpoint.id == id).ok_or(Error::NoSuchEndpoint)
}

async fn test(settings: &Settings, args: cli::WebhookOneJson) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let now = clock::now();
    let endpoint = find(&store, &args.id, now).await?;
    let client = Client::new(settings.notifications, &system_lookup())?;
    let message = Message::test(&clock::new_test_id()?, now);
    let outcome = client.send(&endpoint.url, &endpoint.secrets, &message, now).await;
    let Outcome { http_status, took_ms, problem, .. } = outcome;
    let problem = problem.map(|problem| problem.as_str());
    if args.output.json {
        print_json(&json!({
            "id": message.id, "httpStatus": http_status, "tookMs": took_ms, "error": problem,
        }))?;
    } else {
        let status = http_status.map_or("no answer".to_owned(), |status| format!("HTTP {status}"));
        print(&format!("{}  {status}  {took_ms} ms", problem.unwrap_or("delivered")))?;
    }
    Ok(if problem.is_none() { Exit::Done } else { Exit::Failed })
}

/// A delivery, as the log shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryView {
    id: String,
    seq: u64,
    event: &'static str,
    onboarding_id: Option<String>,
    state: &'static str,
    attempts: u32,
    next_at: Option<String>,
    tried_at: Option<String>,
    http_status: Option<u16>,
    took_ms: Option<u64>,
    error: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.notified.id(),
            seq: delivery.notified.seq,
            event: delivery.notified.kind.as_str(),
            onboarding_id: delivery.notified.about.map(|about| about.id.to_string()),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            next_at: delivery.next_at.map(|at| at.to_string()),
            tried_at: delivery.tried_at.map(|at| at.to_string()),
            http_status: delivery.http_status,
            took_ms: delivery.took_ms,
            error: delivery.error,
        }
    }
}

async fn deliveries(settings: &Settings, args: cli::WebhookDeliveries) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let found = store.deliveries(&args.id, args.state, limit).await?;
    let views: Vec<DeliveryView> =
        found.ok_or(Error::NoSuchEndpoint)?.into_iter().map(DeliveryView::from).collect();
    if args.output.json {
        print_json(&views)?;
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        note("none");
        return Ok(Exit::Done);
    }
    let columns = ["ID", "EVENT", "STATE", "ATTEMPTS", "LAST", "STATUS", "MS", "ERROR", "NEXT"];
    let mut table = Table::new(&columns);
    for view in &views {
        let text = |value: Option<String>| value.unwrap_or_default();
        table.row([
            view.id.clone(),
            view.event.to_owned(),
            view.state.to_owned(),
            view.attempts.to_string(),
            text(view.tried_at.clone()),
            text(view.http_status.map(|status| status.to_string())),
            text(view.took_ms.map(|ms| ms.to_string())),
            text(view.error.clone()),
            text(view.next_at.clone()),
        ]);
    }
    print(&table.render())?;
    Ok(Exit::Done)
}

async fn replay(settings: &Settings, args: cli::WebhookReplay) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let what = match (args.event, args.since, args.from) {
        (Some(seq), ..) => Replay::Range(seq, seq),
        (None, Some(since), _) => Replay::Since(since),
        (None, None, from) => Replay::Range(from.unwrap_or(1), args.to.unwrap_or(u64::MAX)),
    };
    let again = store.replay(args.id, what, clock::now()).await?.ok_or(Error::NoSuchEndpoint)?;
    note(&format!("{again} to be sent again by `gangway serve`"));
    Ok(Exit::Done)
}

/// The kind that a word of the command line names.
pub(crate) fn kind(word: &str) -> Result<NotificationKind, String> {
    NotificationKind::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = NotificationKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("there is no such event; there are {}", known.join(", "))
    })
}
