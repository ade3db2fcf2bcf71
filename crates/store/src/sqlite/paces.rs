//! The pace of each lane, and whether the provider takes calls at all.

use std::collections::BTreeMap;

use onboarding::{Lane, Timestamp};
use sqlx::SqliteConnection;

use super::writer::{Tx, Write};
use super::{notifications, rows};
use crate::budget::{Budgets, Pace};
use crate::{Closed, ProviderGate, StoreError};

/// The paces of both lanes, as they are in one transaction.
pub(super) struct Paces {
    stored: BTreeMap<Lane, Pace>,
    now: BTreeMap<Lane, Pace>,
}

impl Paces {
    pub async fn load(conn: &mut SqliteConnection, now: Timestamp) -> Result<Self, sqlx::Error> {
        let rows: Vec<(String, i64, i64, u32, i64)> =
            sqlx::query_as("select lane, next_at, seen_at, slowdown, slowed_at from budgets")
                .fetch_all(conn)
                .await?;
        let pace_of = |lane: Lane| {
            let row = rows.iter().find(|(word, ..)| word == lane.as_str());
            row.map_or_else(Pace::default, |(_, next_at, seen_at, slowdown, slowed_at)| Pace {
                next_at: Timestamp(*next_at),
                seen_at: Timestamp(*seen_at),
                slowdown: *slowdown,
                slowed_at: Timestamp(*slowed_at),
            })
        };
        let stored: BTreeMap<Lane, Pace> =
            Lane::ALL.into_iter().map(|lane| (lane, pace_of(lane))).collect();
        let mut paces = Self { now: stored.clone(), stored };
        paces.now.values_mut().for_each(|pace| pace.notice_clock(now));
        Ok(paces)
    }

    pub fn allow(&self, lane: Lane, now: Timestamp) -> bool {
        self.now[&lane].allows(now)
    }

    pub fn next_at(&self, lane: Lane) -> Timestamp {
        self.now[&lane].next_at
    }

    pub fn take(&mut self, lane: Lane, now: Timestamp, budgets: Budgets) {
        self.of(lane).take(now, budgets.per_minute(lane));
    }

    fn of(&mut self, lane: Lane) -> &mut Pace {
        self.now.entry(lane).or_default()
    }

    /// Stores those that changed.
    pub async fn save(&self, conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        for (lane, pace) in self.now.iter().filter(|(lane, pace)| self.stored[lane] != **pace) {
            sqlx::query(
                "insert into budgets (lane, next_at, seen_at, slowdown, slowed_at) \
                 values (?1, ?2, ?3, ?4, ?5) on conflict (lane) do update set \
                 next_at = excluded.next_at, seen_at = excluded.seen_at, \
                 slowdown = excluded.slowdown, slowed_at = excluded.slowed_at",
            )
            .bind(lane.as_str())
            .bind(pace.next_at.0)
            .bind(pace.seen_at.0)
            .bind(pace.slowdown)
            .bind(pace.slowed_at.0)
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }
}

/// The provider answered 429.
pub(super) struct SlowDown {
    pub lane: Lane,
    pub now: Timestamp,
    pub until: Timestamp,
}

impl Write for SlowDown {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut paces = Paces::load(&mut tx.conn, self.now).await?;
        paces.of(self.lane).slow_down(self.now, self.until);
        Ok(paces.save(&mut tx.conn).await?)
    }
}

/// Reads whether the provider takes calls.
pub(super) async fn gate(conn: &mut SqliteConnection) -> Result<ProviderGate, StoreError> {
    let row: Option<(i64, i64, u32, String, Vec<u8>, String)> = sqlx::query_as(
        "select closed_at, probe_at, probes, lane, suspect, message from provider_closed",
    )
    .fetch_optional(conn)
    .await?;
    let Some((since, probe_at, probes, lane, suspect, message)) = row else {
        return Ok(ProviderGate::Open);
    };
    let lane = rows::lane(&lane)?;
    Ok(ProviderGate::Closed(Closed {
        since: Timestamp(since),
        probe_at: Timestamp(probe_at),
        probes,
        lane,
        suspect: rows::onboarding_id(&suspect)?,
        message,
    }))
}

/// The gate, as it is from `now` on.
pub(super) struct SetGate {
    pub gate: ProviderGate,
    pub now: Timestamp,
}

impl Write for SetGate {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let before = gate(&mut tx.conn).await?;
        if let Some(turned) = before.turned_into(&self.gate) {
            notifications::insert(tx, None, &turned, self.now).await?;
        }
        self.gate.put(tx).await
    }
}

impl ProviderGate {
    async fn put(&self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query("delete from provider_closed").execute(&mut tx.conn).await?;
        let Self::Closed(closed) = self else { return Ok(()) };
        sqlx::query(
            "insert into provider_closed \
             (singleton, closed_at, probe_at, probes, lane, suspect, message) \
             values (1, ?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(closed.since.0)
        .bind(closed.probe_at.0)
        .bind(closed.probes)
        .bind(closed.lane.as_str())
        .bind(rows::id_bytes(&closed.suspect))
        .bind(closed.message.as_str())
        .execute(&mut tx.conn)
        .await?;
        Ok(())
    }
}
