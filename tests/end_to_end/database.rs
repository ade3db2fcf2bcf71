//! The database as whoever has its file sees it, and as whoever damages it.

use gangway_tests::Gangway;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};

/// Runs statements on the database, which is made if there is none.
pub fn execute(gangway: &Gangway, sql: &str) {
    with_database(gangway, async |conn| {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await.unwrap();
    });
}

/// The answers that are kept for requests that may be repeated.
pub fn kept_answers(gangway: &Gangway) -> String {
    with_database(gangway, async |conn| {
        let kept = sqlx::query_scalar("select answer from answered_requests").fetch_all(conn);
        let kept: Vec<String> = kept.await.unwrap();
        kept.join("\n")
    })
}

fn with_database<R>(gangway: &Gangway, act: impl AsyncFnOnce(&mut SqliteConnection) -> R) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(gangway.database());
        let mut conn = options.create_if_missing(true).connect().await.unwrap();
        let result = act(&mut conn).await;
        conn.close().await.unwrap();
        result
    })
}
