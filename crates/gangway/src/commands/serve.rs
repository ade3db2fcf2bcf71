//! `gangway serve`: the worker, and beside it the HTTP API and what tells others.

use std::sync::Arc;

use engine::Worker;
use notifications::Dispatcher;
use server::Metrics;
use store::{NewEndpoint, SqliteStore, Store as _};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::error::Error;
use crate::exit::Exit;
use crate::service::Service;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::traces::Traces;
use crate::{clock, telemetry};

/// Works until it is told to stop.
pub(super) async fn run(settings: &Settings) -> Result<Exit, Error> {
    telemetry::init(&settings.log);
    let service = Service::of_environment();
    let mut signals = Signals::listen()?;
    let client = settings.client()?;
    let store = SqliteStore::open_for_worker(&settings.store_url, settings.policy.clone()).await?;
    let store = Arc::new(store);
    store.check_writable().await?;
    configure_endpoint(settings, &store).await?;
    let metrics = metrics(settings, &store);
    let told = settings.notifications;
    let sender = Arc::new(notifications::Client::new(told, &notifications::system_lookup())?);
    let counting = Arc::clone(&metrics);
    let dispatcher = Dispatcher::new(Arc::clone(&store), Arc::clone(&sender), told)
        .watched_by(move |outcome, settled| counting.tried(outcome.took_ms, settled));
    let dispatcher = Arc::new(dispatcher);
    let worker = Worker::new(Arc::clone(&store), client, worker_settings(settings)).await?;
    let mut worker = worker.observed_by(Arc::clone(&metrics) as Arc<dyn engine::Observer>);
    let mut export = None;
    if let Some(endpoint) = &settings.traces_endpoint {
        let (traces, exporting) =
            Traces::to(endpoint, Arc::clone(&store)).map_err(Error::Traces)?;
        worker = worker.observed_by(Arc::new(traces));
        export = Some(exporting);
    }
    let worker = Arc::new(worker);
    let shutdown = CancellationToken::new();
    let turning = Arc::clone(&worker);
    let looked = Arc::clone(&worker);
    let api = match settings.api(&metrics, move || turning.turned_at(), sender) {
        Some(config) => Some(server::start(store, config, shutdown.clone()).await?),
        None => None,
    };
    info!(
        version = env!("CARGO_PKG_VERSION"),
        store = settings.store_url,
        provider = settings.provider_origin(),
        http = api.as_ref().map_or("off", |api| &api.origin),
        "ready"
    );
    service.ready(&format!("calling {}", settings.provider_origin()));
    // It turns from its first look on, which comes at once.
    let began = clock::now();
    let is_well =
        || clock::now().ms_since(looked.turned_at().max(began)) <= settings.worker.lease_ms;
    let mut running = std::pin::pin!(async {
        let serving = async {
            if let Some(api) = api {
                api.finished().await;
            }
        };
        let work = async {
            tokio::join!(
                worker.run(clock::now, shutdown.clone()),
                dispatcher.run(clock::now, shutdown.clone()),
                serving
            );
            if let Some(export) = export {
                export.finish().await;
            }
        };
        tokio::select! {
            () = work => {}
            never = service.keep_alive(is_well) => match never {},
        }
    });
    tokio::select! {
        () = &mut running => {}
        () = signals.next() => shutdown.cancel(),
    }
    service.stopping();
    tokio::select! {
        () = &mut running => {
            info!("stopped");
            Ok(Exit::Done)
        }
        () = signals.next() => {
            warn!("stopped at once; calls in flight are cut off and fall due again");
            Ok(Exit::Failed)
        }
    }
}

fn metrics(settings: &Settings, store: &SqliteStore) -> Arc<Metrics> {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), settings.budgets, clock::now());
    let metrics = Arc::new(metrics);
    let counting = Arc::clone(&metrics);
    store.watch_commits(move |commit| counting.committed(commit));
    metrics
}

/// The endpoint that the configuration names.
const CONFIGURED_ENDPOINT: &str = "ep_configured";

/// How long its secret before signs as well.
const OVERLAP_MS: u64 = 24 * 60 * 60 * 1_000;

async fn configure_endpoint(settings: &Settings, store: &SqliteStore) -> Result<(), Error> {
    let now = clock::now();
    let endpoint = settings.endpoint().map(|(url, secret)| NewEndpoint {
        id: CONFIGURED_ENDPOINT.to_owned(),
        url: url.to_owned(),
        kinds: None,
        secret: secret.to_owned(),
        now,
    });
    Ok(store.set_endpoint(CONFIGURED_ENDPOINT, endpoint, now.plus_ms(OVERLAP_MS)).await?)
}

fn worker_settings(settings: &Settings) -> engine::Settings {
    let concurrency = settings.worker.concurrency;
    engine::Settings {
        worker: store::Worker {
            id: clock::new_worker_id(clock::now()),
            lease_ms: settings.worker.lease_ms,
            budgets: settings.budgets,
        },
        concurrency: usize::try_from(concurrency).expect("a concurrency of at most 10,000"),
        shutdown_grace_ms: settings.worker.shutdown_grace_ms,
    }
}
