//! `gangway webhook`: who is told what happens, and what arrived.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueHint};
use notifications::endpoint::{self, Wanted};
use notifications::{
    Client, DeliveryView, EndpointView, Form, Message, Outcome, Secret, check_url, system_lookup,
};
use onboarding::{NotificationKind, Timestamp};
use serde_json::json;
use store::{DeliveryState, Notified, Replay};

use crate::cli::{Json, duration_ms, time};
use crate::error::Error;
use crate::exit::{self, Exit};
use crate::output::{note, print, print_json};
use crate::settings::Settings;
use crate::table::Table;
use crate::{clock, database, view};

#[derive(Subcommand)]
pub(crate) enum WebhookCommand {
    /// Tell an endpoint what happens from now on
    ///
    /// Prints its id and what its receiver verifies with: a secret, which is not shown again, or
    /// with --ed25519 a public key. docs/notifications.md says what a receiver has to do.
    #[command(after_help = exit::HELP)]
    Add(WebhookAdd),
    /// List the endpoints, and whether anything arrives
    #[command(after_help = exit::LIST_HELP)]
    List(Json),
    /// Forget an endpoint, its secrets and its log
    #[command(after_help = exit::HELP)]
    Remove(WebhookOne),
    /// Tell an endpoint again that was disabled, from where it stopped
    #[command(after_help = exit::HELP)]
    Enable(WebhookOne),
    /// Make another secret; the one before signs as well for a while
    #[command(after_help = exit::HELP)]
    Rotate(WebhookRotate),
    /// Send a message that tells of nothing, now, and say what came of it
    #[command(after_help = exit::HELP)]
    Test(WebhookOneJson),
    /// List what was sent to an endpoint, newest first
    #[command(after_help = exit::LIST_HELP)]
    Deliveries(WebhookDeliveries),
    /// Send again what was sent before: one event, a range, or all since a time
    ///
    /// Under the same id as before, by `gangway serve`. What is on its way already is not sent
    /// twice.
    #[command(after_help = exit::HELP)]
    Replay(WebhookReplay),
}

#[derive(Args)]
pub(crate) struct WebhookAdd {
    /// Where it is, beginning with https://
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,
    /// Only these events, such as user.state.changed,task.opened
    #[arg(long, value_name = "EVENT,…", value_delimiter = ',', value_parser = kind)]
    pub(crate) events: Vec<NotificationKind>,
    /// Sign with a private key: its receiver gets the public one, and no secret
    #[arg(long)]
    pub(crate) ed25519: bool,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct WebhookOne {
    /// The endpoint's id, as `gangway webhook list` shows it
    #[arg(value_name = "ENDPOINT")]
    pub(crate) id: String,
}

#[derive(Args)]
pub(crate) struct WebhookOneJson {
    /// The endpoint's id, as `gangway webhook list` shows it
    #[arg(value_name = "ENDPOINT")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct WebhookRotate {
    /// The endpoint's id, as `gangway webhook list` shows it
    #[arg(value_name = "ENDPOINT")]
    pub(crate) id: String,
    /// How long the secret before signs as well; 0s is not at all
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration_ms)]
    pub(crate) overlap: u64,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct WebhookDeliveries {
    /// The endpoint's id, as `gangway webhook list` shows it
    #[arg(value_name = "ENDPOINT")]
    pub(crate) id: String,
    /// Only those in this state
    #[arg(long, value_name = "STATE", value_parser = delivery_state())]
    pub(crate) state: Option<DeliveryState>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["event", "since", "from", "to"]))]
pub(crate) struct WebhookReplay {
    /// The endpoint's id, as `gangway webhook list` shows it
    #[arg(value_name = "ENDPOINT")]
    pub(crate) id: String,
    /// One event: its id or its number
    #[arg(value_name = "EVENT", value_parser = event_seq, conflicts_with_all = ["since", "from", "to"])]
    pub(crate) event: Option<u64>,
    /// All that happened since, such as 2031-05-30T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["from", "to"])]
    pub(crate) since: Option<Timestamp>,
    /// All from this event on: its id or its number
    #[arg(long, value_name = "EVENT", value_parser = event_seq)]
    pub(crate) from: Option<u64>,
    /// All up to this event
    #[arg(long, value_name = "EVENT", value_parser = event_seq)]
    pub(crate) to: Option<u64>,
}

fn delivery_state() -> impl TypedValueParser<Value = DeliveryState> {
    PossibleValuesParser::new(DeliveryState::ALL.map(DeliveryState::as_str))
        .map(|word| DeliveryState::from_word(&word).expect("the parser lets only states through"))
}

/// `evt_118_9f3c…` or 118.
fn event_seq(text: &str) -> Result<u64, &'static str> {
    Notified::seq_of(text)
        .ok_or("write an event's id as `gangway webhook deliveries` shows it, or its number")
}

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

async fn add(settings: &Settings, args: WebhookAdd) -> Result<Exit, Error> {
    let allow_loopback = settings.notifications.allow_loopback;
    check_url(&args.url, allow_loopback)?;
    let store = database::created(settings).await?;
    let id = endpoint::new_id(&clock::chance()?);
    let wanted = Wanted {
        id: id.clone(),
        url: args.url,
        kinds: (!args.events.is_empty()).then_some(args.events),
        form: if args.ed25519 { Form::Ed25519 } else { Form::Hmac },
    };
    let chance = clock::chance()?;
    let secret = endpoint::add(&store, wanted, allow_loopback, chance, clock::now()).await?;
    show_secret(&id, &secret, args.output.json)
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

async fn list(settings: &Settings, json: bool) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let now = clock::now();
    let mut views = Vec::new();
    for endpoint in store.endpoints(now).await? {
        views.push(EndpointView::of(&store, &endpoint).await?);
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

async fn remove(settings: &Settings, args: WebhookOne) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let removed = store.remove_endpoint(args.id).await?;
    if removed { Ok(Exit::Done) } else { Err(Error::NoSuchEndpoint) }
}

async fn enable(settings: &Settings, args: WebhookOne) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let enabled = store.enable_endpoint(args.id, clock::now()).await?;
    if enabled { Ok(Exit::Done) } else { Err(Error::NoSuchEndpoint) }
}

async fn rotate(settings: &Settings, args: WebhookRotate) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let (chance, now) = (clock::chance()?, clock::now());
    let secret = endpoint::rotate(&store, &args.id, args.overlap, chance, now).await?;
    show_secret(&args.id, &secret.ok_or(Error::NoSuchEndpoint)?, args.output.json)
}

async fn test(settings: &Settings, args: WebhookOneJson) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let now = clock::now();
    let endpoint = endpoint::find(&store, &args.id, now).await?.ok_or(Error::NoSuchEndpoint)?;
    let client = Client::new(settings.notifications, &system_lookup())?;
    let message = Message::test(&clock::chance()?, now);
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

async fn deliveries(settings: &Settings, args: WebhookDeliveries) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let found = store.deliveries(&args.id, args.state, None, limit).await?;
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

async fn replay(settings: &Settings, args: WebhookReplay) -> Result<Exit, Error> {
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
fn kind(word: &str) -> Result<NotificationKind, String> {
    NotificationKind::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = NotificationKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("there is no such event; there are {}", known.join(", "))
    })
}
