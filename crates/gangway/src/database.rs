//! Opens the configured database. A command that only reads never creates one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::SqliteStore;

use crate::error::Error;
use crate::settings::Settings;

/// The database's file.
pub(crate) fn path(settings: &Settings) -> PathBuf {
    let url = settings.store_url.as_str();
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The database, which has to be there.
pub(crate) async fn existing(settings: &Settings) -> Result<Arc<SqliteStore>, Error> {
    let path = path(settings);
    // What is no SQLite URL has no file; the store says what is wrong with it.
    if !path.exists() && !settings.store_url.contains("://") {
        return Err(Error::NoDatabase(path));
    }
    created(settings).await
}

/// The database, made anew where there is none.
pub(crate) async fn created(settings: &Settings) -> Result<Arc<SqliteStore>, Error> {
    Ok(Arc::new(SqliteStore::open(&settings.store_url, settings.policy.clone()).await?))
}
