//! `gangway events`: what others are told of, in order.

use clap::Args;
use std::time::Duration;

use notifications::listed;
use store::{Notified, Store as _};

use crate::cli::Json;
use crate::database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{plain, print, print_json_line};
use crate::settings::Settings;
use crate::signals::Signals;

#[derive(Args)]
pub(crate) struct Events {
    /// Only those after this number; 0 is all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) after: u64,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Wait for more, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) output: Json,
}

/// How many events are read at once.
const PAGE: usize = 500;

/// How often it is looked for new ones.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Lists them, and waits for more if that is asked for.
pub(super) async fn run(settings: &Settings, args: Events) -> Result<Exit, Error> {
    let store = database::existing(settings).await?;
    let mut signals = if args.follow { Some(Signals::listen()?) } else { None };
    let mut after = args.after;
    let limit = args.limit.map(usize::try_from);
    let mut left = limit.map_or(usize::MAX, |limit| limit.unwrap_or(usize::MAX));
    loop {
        let page = store.events_after(after, PAGE.min(left)).await?;
        for notified in &page {
            show(notified, args.output.json)?;
            after = notified.seq;
        }
        left -= page.len();
        if left == 0 {
            return Ok(Exit::Done);
        }
        if page.len() == PAGE {
            continue;
        }
        let Some(signals) = &mut signals else { return Ok(Exit::Done) };
        tokio::select! {
            () = signals.next() => return Ok(Exit::Done),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

fn show(notified: &Notified, json: bool) -> Result<(), Error> {
    if json {
        return Ok(print_json_line(&listed(notified))?);
    }
    let whose = notified.about.as_ref().map_or_else(
        || "-".to_owned(),
        |about| match &about.user {
            Some(user) => user.as_str().to_owned(),
            None => about.id.to_string(),
        },
    );
    let Notified { seq, at, kind, data, .. } = notified;
    Ok(print(&plain(&format!("{seq}  {at}  {}  {whose}  {data}", kind.as_str())))?)
}
