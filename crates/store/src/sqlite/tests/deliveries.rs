//! How much is read and written at once of what is on its way.

use super::*;

#[tokio::test]
async fn what_became_due_at_one_time_is_read_in_the_order_of_the_index() {
    let place = Place::new();
    drop(place.open().await);
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(AssertSqlSafe(format!(
        "explain query plan {}",
        super::super::deliveries::DUE
    )))
    .fetch_all(&mut place.raw().await)
    .await
    .unwrap();
    assert!(plan.iter().any(|(.., step)| step.contains("deliveries_due")), "{plan:?}");
    assert!(plan.iter().all(|(.., step)| !step.contains("ORDER BY")), "{plan:?}");
}
