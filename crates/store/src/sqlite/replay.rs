//! What is sent again, in portions.

use std::collections::BTreeSet;

use onboarding::Timestamp;

use super::writer::{Tx, Write};
use super::{SqliteStore, endpoints, notifications, rows};
use crate::StoreError;
use crate::outbox::Replay;

impl SqliteStore {
    /// Sends again what an endpoint is told of, and answers how many it is; `None` if there is no
    /// such endpoint. What is on its way already is not sent twice. It is written in portions: if
    /// one fails, what was written before it is sent.
    ///
    /// # Errors
    /// When it can't be stored.
    pub async fn replay(
        &self,
        endpoint: String,
        what: Replay,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let Some(Span { from, to, since }) = self.span(&endpoint, what).await? else {
            return Ok(None);
        };
        let mut again = 0;
        for from in (from..=to).step_by(REPLAYED_AT_ONCE_MAX) {
            let portion = Span { from, to, since };
            let write = SendAgain { endpoint: endpoint.clone(), portion, now };
            let Some(count) = self.write(write).await? else { return Ok(None) };
            again += count;
        }
        Ok(Some(again))
    }

    /// What is to be looked at for a replay, up to what was handed out.
    pub(super) async fn span(
        &self,
        endpoint: &str,
        what: Replay,
    ) -> Result<Option<Span>, StoreError> {
        let mut moment = self.moment().await?;
        let Some(key) = endpoints::key_of(&mut moment, endpoint).await? else { return Ok(None) };
        let cursor: i64 = sqlx::query_scalar("select cursor from endpoints where key = ?1")
            .bind(key)
            .fetch_one(&mut *moment)
            .await?;
        Ok(Some(match what {
            Replay::Range(from, to) => Span {
                from: rows::column(from),
                to: rows::column(to).min(cursor),
                since: Timestamp(i64::MIN),
            },
            Replay::Since(since) => {
                let surely_before = since.minus_ms(CLOCKS_APART_MAX_MS);
                let from = notifications::first_since(&mut moment, surely_before).await?;
                Span { from, to: cursor, since }
            }
        }))
    }
}

/// At most this many notifications are looked at for a replay in one transaction, so that claims
/// and edits come between.
const REPLAYED_AT_ONCE_MAX: usize = 1_000;

/// A notification may be stored after one that happened later: several processes write, each with
/// a time of before it had its turn, and a clock may be put right. Hardly by more than this.
const CLOCKS_APART_MAX_MS: u64 = 60 * 60 * 1_000;

/// Numbers of notifications, both included, of which those that happened since a time count.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub from: i64,
    pub to: i64,
    pub since: Timestamp,
}

struct SendAgain {
    endpoint: String,
    /// Of it, the first [`REPLAYED_AT_ONCE_MAX`].
    portion: Span,
    now: Timestamp,
}

impl Write for SendAgain {
    type Answer = Option<u64>;

    async fn run(&self, tx: &mut Tx) -> Result<Option<u64>, StoreError> {
        // Looked up anew by each portion: it may have been removed meanwhile.
        let Some(key) = endpoints::key_of(&mut tx.conn, &self.endpoint).await? else {
            return Ok(None);
        };
        // What has no delivery yet gets one anyway, if it is told of at all.
        let again: Vec<i64> = sqlx::query_scalar(
            "insert into deliveries (endpoint_key, seq, stream, attempts, state) \
             select e.key, n.seq, coalesce(n.onboarding_key, 0), 0, 'waiting' \
             from notifications n join endpoints e on e.key = ?1 \
             where n.seq between ?2 and min(?2 + ?3 - 1, ?4, e.cursor) and n.happened_at >= ?5 \
             and (e.kinds is null or n.kind in (select value from json_each(e.kinds))) \
             on conflict (endpoint_key, seq) do update set state = 'waiting', attempts = 0 \
             where state in ('delivered', 'given-up') returning stream",
        )
        .bind(key)
        .bind(self.portion.from)
        .bind(rows::limit(REPLAYED_AT_ONCE_MAX))
        .bind(self.portion.to)
        .bind(self.portion.since.0)
        .fetch_all(&mut tx.conn)
        .await?;
        let streams: BTreeSet<i64> = again.iter().copied().collect();
        let streams = serde_json::to_string(&streams).expect("a list of numbers has a JSON form");
        sqlx::query(
            "update deliveries set state = 'due', next_at = ?3 where key in \
             (select d.key from (select stream, min(seq) as seq, max(state = 'due') as is_busy \
             from deliveries where endpoint_key = ?1 and state in ('waiting', 'due') \
             and stream in (select value from json_each(?2)) \
             group by stream) f join deliveries d on d.endpoint_key = ?1 and d.seq = f.seq \
             where not f.is_busy)",
        )
        .bind(key)
        .bind(streams)
        .bind(self.now.0)
        .execute(&mut tx.conn)
        .await?;
        Ok(Some(u64::try_from(again.len()).expect("a portion has few")))
    }
}
