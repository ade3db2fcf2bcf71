//! Handing out due work.

use onboarding::{Lane, Timestamp};
use tracing::error;

use super::paces::Paces;
use super::rows;
use super::writer::{Tx, Write};
use crate::due::{self, Due, Ready};
use crate::{Actor, ClaimRequest, Claimed, Claims, Probe, StoreError, Stored, Worker};

/// How many rows more than asked for are looked at, as some may turn out not to be due.
const SPARE_ROWS: usize = 16;

/// A row that can't be read is looked at again after this long.
const DAMAGED_RETRY_MS: u64 = 60 * 60_000;

/// A row that says that it is due.
#[derive(Clone, Copy)]
struct Candidate {
    key: i64,
    due: Due,
    is_suspect: bool,
}

impl Write for ClaimRequest {
    type Answer = Claims;

    async fn run(&self, tx: &mut Tx) -> Result<Claims, StoreError> {
        let mut paces = Paces::load(&mut tx.conn, self.now).await?;
        let mut claimed = Vec::new();
        for candidate in self.candidates(tx, &paces).await? {
            if claimed.len() == self.limit_of_claims() {
                break;
            }
            if paces.allow(candidate.due.lane, self.now) {
                claimed.extend(self.claim(tx, &mut paces, candidate).await?);
            }
        }
        paces.save(&mut tx.conn).await?;
        Ok(Claims { claimed, next_at: self.next_at(tx, &paces).await? })
    }
}

impl ClaimRequest {
    /// Due rows that nobody has, of the lanes whose budget allows a call.
    async fn candidates(&self, tx: &mut Tx, paces: &Paces) -> Result<Vec<Candidate>, StoreError> {
        let limit = rows::limit(self.limit_of_claims().saturating_add(SPARE_ROWS));
        let suspect = self.only.map(|probe| probe.suspect);
        let mut candidates = Vec::new();
        for lane in self.lanes().filter(|lane| paces.allow(*lane, self.now)) {
            let rows: Vec<(i64, i64, bool)> = sqlx::query_as(DUE_ROWS)
                .bind(lane.as_str())
                .bind(self.now.0)
                .bind(suspect.as_ref().map(rows::id_bytes))
                .bind(limit)
                .fetch_all(&mut tx.conn)
                .await?;
            candidates.extend(rows.into_iter().map(|(key, at, is_suspect)| Candidate {
                key,
                due: Due { lane, at: Timestamp(at) },
                is_suspect,
            }));
        }
        candidates.sort_by_key(|row| (row.is_suspect, row.due.at, row.key));
        Ok(candidates)
    }

    async fn claim(
        &self,
        tx: &mut Tx,
        paces: &mut Paces,
        candidate: Candidate,
    ) -> Result<Option<Claimed>, StoreError> {
        let Candidate { key, due, .. } = candidate;
        let stored = match rows::stored(&mut tx.conn, key).await {
            Ok(stored) => stored,
            Err(StoreError::Damaged { id, what }) => {
                error!(onboarding = id, what, "damaged row passed over; restore it from a backup");
                postpone(tx, key, due.lane, self.now).await?;
                return Ok(None);
            }
            Err(other) => return Err(other),
        };
        match due::ready(&stored.onboarding, &tx.policy, self.now) {
            Ok(Some(ready)) if ready.call.lane() == due.lane => {
                take(tx, paces, key, stored, ready, &self.worker, self.now).await.map(Some)
            }
            // The row was written under another policy.
            Ok(_) => {
                let due = due::due(&stored.onboarding, &tx.policy);
                rows::set_due(&mut tx.conn, key, due).await?;
                Ok(None)
            }
            Err(reason) => {
                let (id, what) = (stored.onboarding.id, reason.as_str());
                error!(onboarding = %id, what, "due trigger can't begin; report this as a defect");
                postpone(tx, key, due.lane, self.now).await?;
                Ok(None)
            }
        }
    }

    /// When more could be claimed: each lane's earliest row, but not before its budget allows.
    async fn next_at(&self, tx: &mut Tx, paces: &Paces) -> Result<Option<Timestamp>, StoreError> {
        let mut earliest: Option<Timestamp> = None;
        for lane in self.lanes() {
            let at: Option<i64> =
                sqlx::query_scalar(NEXT_AT).bind(lane.as_str()).fetch_one(&mut tx.conn).await?;
            let Some(at) = at else { continue };
            let at = Timestamp(at).max(paces.next_at(lane));
            earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
        }
        Ok(earliest)
    }

    fn lanes(&self) -> impl Iterator<Item = Lane> + use<> {
        let only = self.only.map(|probe: Probe| probe.lane);
        Lane::ALL.into_iter().filter(move |lane| only.is_none_or(|only| only == *lane))
    }

    fn limit_of_claims(&self) -> usize {
        if self.only.is_some() { self.limit.min(1) } else { self.limit }
    }
}

/// A suspect comes last, whatever its time.
pub(super) const DUE_ROWS: &str = "\
    select key, due_at, ?3 is not null and id = ?3 from onboardings \
    where lane = ?1 and due_at <= ?2 and (leased_by is null or lease_until_at <= ?2) \
    order by due_at limit ?4";

pub(super) const NEXT_AT: &str = "\
    select min(at) from ( \
        select * from (select due_at as at from onboardings \
            where lane = ?1 and due_at is not null and leased_by is null order by due_at limit 1) \
        union all \
        select min(max(due_at, lease_until_at)) from onboardings \
            where lane = ?1 and leased_by is not null)";

/// Claims the onboarding's next call in the transaction that stored its last answer, if one is
/// due, the budget allows it, and no other worker has it.
pub(super) async fn claim_next(
    tx: &mut Tx,
    key: i64,
    worker: &Worker,
    now: Timestamp,
) -> Result<Option<Claimed>, StoreError> {
    let leased: bool = sqlx::query_scalar(
        "select leased_by is not null and lease_until_at > ?2 from onboardings where key = ?1",
    )
    .bind(key)
    .bind(now.0)
    .fetch_one(&mut tx.conn)
    .await?;
    if leased {
        return Ok(None);
    }
    let stored = rows::stored(&mut tx.conn, key).await?;
    let Ok(Some(ready)) = due::ready(&stored.onboarding, &tx.policy, now) else { return Ok(None) };
    let mut paces = Paces::load(&mut tx.conn, now).await?;
    if !paces.allow(ready.call.lane(), now) {
        return Ok(None);
    }
    let claimed = take(tx, &mut paces, key, stored, ready, worker, now).await?;
    paces.save(&mut tx.conn).await?;
    Ok(Some(claimed))
}

/// Takes a call that is due and allowed: from the budget, under a lease, and with its intent
/// on record if it is a trigger.
async fn take(
    tx: &mut Tx,
    paces: &mut Paces,
    key: i64,
    mut stored: Stored,
    ready: Ready,
    worker: &Worker,
    now: Timestamp,
) -> Result<Claimed, StoreError> {
    if let Some(begun) = ready.begun {
        rows::append(tx, key, &begun, Actor::Worker).await?;
        rows::update(tx, key, &begun.onboarding).await?;
        stored.onboarding = begun.onboarding;
    }
    sqlx::query(
        "update onboardings set leased_by = ?2, lease_until_at = ?3, commit_id = ?4 where key = ?1",
    )
    .bind(key)
    .bind(worker.id.0)
    .bind(now.plus_ms(worker.lease_ms).0)
    .bind(tx.commit_id)
    .execute(&mut tx.conn)
    .await?;
    tx.mark = Some(key);
    paces.take(ready.call.lane(), now, worker.budgets);
    Ok(Claimed { stored, call: ready.call })
}

async fn postpone(tx: &mut Tx, key: i64, lane: Lane, now: Timestamp) -> Result<(), sqlx::Error> {
    let due = Due { lane, at: now.plus_ms(DAMAGED_RETRY_MS) };
    rows::set_due(&mut tx.conn, key, Some(due)).await
}

/// Ends every lease: the only worker has just started, so whoever held them is gone.
pub(super) struct VoidLeases;

impl Write for VoidLeases {
    type Answer = ();

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query(
            "update onboardings set leased_by = null, lease_until_at = null \
             where leased_by is not null",
        )
        .execute(&mut tx.conn)
        .await?;
        // A worker that was killed may have left destroyed data in the write-ahead log.
        tx.destroyed = true;
        Ok(())
    }
}
