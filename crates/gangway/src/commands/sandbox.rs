//! `gangway sandbox`: a Crossmint of our own on this machine.

use std::net::{Ipv4Addr, SocketAddr};

use sandbox::{RateLimits, Running, Scenario};
use serde::Serialize;

use crate::error::Error;
use crate::exit::Exit;
use crate::output::{print, print_json_line};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::{cli, telemetry};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    origin: String,
    admin_origin: String,
}

/// Serves until it is told to stop.
pub(super) async fn run(settings: &Settings, args: cli::Sandbox) -> Result<Exit, Error> {
    telemetry::init(&settings.log);
    let mut signals = Signals::listen()?;
    let json = args.output.json;
    let running = sandbox::start(sandbox_settings(args)?).await?;
    tell(&running, json)?;
    signals.next().await;
    tokio::select! {
        () = running.stop() => {}
        () = signals.next() => {}
    }
    Ok(Exit::Done)
}

fn sandbox_settings(args: cli::Sandbox) -> Result<sandbox::Settings, Error> {
    let scenario = args.scenario.map(|path| Scenario::load(&path)).transpose()?;
    Ok(sandbox::Settings {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        admin_address: SocketAddr::from((Ipv4Addr::LOCALHOST, args.admin_port)),
        profile: args.profile,
        api_keys: Vec::new(),
        rate_limits: args.rate_limits.then(RateLimits::default),
        scenario: scenario.unwrap_or_default(),
    })
}

fn tell(running: &Running, json: bool) -> Result<(), Error> {
    let started = Started { origin: running.origin(), admin_origin: running.admin_origin() };
    if json {
        print_json_line(&started)?;
        return Ok(());
    }
    let Started { origin, admin_origin } = started;
    print(&format!(
        "The sandbox serves {origin}; its levers and its call log are at {admin_origin}.\n\
         To point Gangway at it, in another terminal:\n\n  \
         export GANGWAY_CROSSMINT__URL={origin}\n  \
         gangway serve\n\n\
         Ctrl-C stops it."
    ))?;
    Ok(())
}
