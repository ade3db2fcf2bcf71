//! `GET /metrics`.

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use prometheus_client::encoding::prometheus_text;
use store::{Store as _, StoreError};
use tracing::warn;

use super::standing::Found;
use super::watch;
use crate::App;

/// Reads how things stand and answers with every number. What the store can't say now is missing,
/// and all others are there: a scrape in trouble is worth most.
pub(crate) async fn scrape(State(app): State<App>) -> Response<Body> {
    let now = (app.config.now)();
    let metrics = &app.config.metrics;
    let found = match read(&app).await {
        Ok(found) => Some(found),
        Err(unreadable) => {
            warn!(error = &unreadable as &dyn std::error::Error, "the store can't be read");
            None
        }
    };
    let mut text = String::new();
    {
        // One after the other: what one sets, another must not clear before it is written.
        let _one = metrics.standing.lock();
        metrics.standing.turned(now.ms_since((app.config.worker_turned_at)()));
        metrics.standing.found(found.as_ref(), now);
        app.watch.with_census(|census| metrics.standing.counted(census, now));
        prometheus_text::encode(&mut text, &metrics.registry).expect("a string takes any text");
    }
    let mut response = Response::new(Body::from(text));
    let media_type = HeaderValue::from_static(prometheus_text::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

async fn read(app: &App) -> Result<Found, StoreError> {
    watch::follow(app).await?;
    Ok(Found {
        figures: app.store.figures((app.config.now)()).await?,
        states: app.store.counts().await?,
        gate: app.store.provider_gate().await?,
    })
}
