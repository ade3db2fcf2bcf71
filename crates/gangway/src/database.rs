//! Opens the configured database. A command that only reads never creates one.

use std::sync::Arc;

use store::SqliteStore;

use crate::error::Error;
use crate::settings::Settings;

/// The database, which has to be there.
pub(crate) async fn existing(settings: &Settings) -> Result<Arc<SqliteStore>, Error> {
    let path = store::path_of(&settings.store_url)?;
    if !path.exists() {
        return Err(Error::NoDatabase(path));
    }
    created(settings).await
}

/// The database, made anew where there is none.
pub(crate) async fn created(settings: &Settings) -> Result<Arc<SqliteStore>, Error> {
    Ok(Arc::new(SqliteStore::open(&settings.store_url, settings.policy.clone()).await?))
}
