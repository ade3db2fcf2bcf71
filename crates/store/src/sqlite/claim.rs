//! Handing out due work.

use onboarding::Timestamp;

use super::paces::Paces;
use super::rows;
use super::writer::{Tx, Write};
use crate::due::{self, Due, Found, Queue, Rank, Ready};
use crate::{Actor, ClaimRequest, Claimed, Claims, StoreError, Stored, Worker};

/// How many rows more than asked for are looked at, as some may turn out not to be due.
const SPARE_ROWS: usize = 16;

/// A row that says that it is due.
#[derive(Clone, Copy)]
struct Candidate {
    key: i64,
    due: Due,
    /// What [`ClaimRequest::rank`] says.
    rank: Rank,
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
        let avoided = self.only.as_ref().map_or(0, |probe| probe.avoid.len());
        let rows_max = self.limit_of_claims().saturating_add(avoided).saturating_add(SPARE_ROWS);
        let mut candidates = Vec::new();
        for queue in Queue::ALL.into_iter().filter(|queue| paces.allow(queue.lane, self.now)) {
            let lane = queue.lane;
            let rows: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(DUE_ROWS)
                .bind(lane.as_str())
                .bind(self.now.0)
                .bind(rows::limit(rows_max))
                .bind(self.in_call_json())
                .bind(queue.is_recheck)
                .fetch_all(&mut tx.conn)
                .await?;
            for (key, at, id) in rows {
                let rank = self.rank(rows::onboarding_id(&id)?, queue);
                candidates.push(Candidate { key, due: Due { lane, at: Timestamp(at) }, rank });
            }
        }
        candidates.sort_by_key(|row| (row.rank, row.due.at, row.key));
        Ok(candidates)
    }

    async fn claim(
        &self,
        tx: &mut Tx,
        paces: &mut Paces,
        candidate: Candidate,
    ) -> Result<Option<Claimed>, StoreError> {
        let Candidate { key, due, .. } = candidate;
        let Some(stored) = rows::intact(rows::stored(&mut tx.conn, key).await)? else {
            let postponed = Due::postponed(due.lane, self.now);
            rows::set_due(&mut tx.conn, key, Some(postponed)).await?;
            return Ok(None);
        };
        match due::look(&stored.onboarding, due.lane, &tx.policy, self.now) {
            Found::Ready(ready) => {
                take(tx, paces, key, stored, ready, &self.worker, self.now).await.map(Some)
            }
            Found::NotDue(due) => {
                rows::set_due(&mut tx.conn, key, due).await?;
                Ok(None)
            }
        }
    }

    fn in_call_json(&self) -> String {
        serde_json::to_string(&self.in_call).expect("ids are written as strings")
    }

    /// When more could be claimed: each queue's earliest row, but not before its budget allows.
    async fn next_at(&self, tx: &mut Tx, paces: &Paces) -> Result<Option<Timestamp>, StoreError> {
        let mut earliest: Option<Timestamp> = None;
        for queue in Queue::ALL {
            let at: Option<i64> = sqlx::query_scalar(NEXT_AT)
                .bind(queue.lane.as_str())
                .bind(self.in_call_json())
                .bind(queue.is_recheck)
                .fetch_one(&mut tx.conn)
                .await?;
            let Some(at) = at else { continue };
            let at = Timestamp(at).max(paces.next_at(queue.lane));
            earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
        }
        Ok(earliest)
    }
}

pub(super) const DUE_ROWS: &str = "\
    select key, due_at, id from onboardings \
    where lane = ?1 and recheck = ?5 and due_at <= ?2 and (leased_by is null or lease_until_at <= ?2) \
    and id not in (select unhex(value, '-') from json_each(?4)) \
    order by due_at limit ?3 + 0";

pub(super) const NEXT_AT: &str = "\
    select min(at) from ( \
        select * from (select due_at as at from onboardings \
            where lane = ?1 and recheck = ?3 and due_at is not null and leased_by is null \
            and id not in (select unhex(value, '-') from json_each(?2)) \
            order by due_at limit 1) \
        union all \
        select min(max(due_at, lease_until_at)) from onboardings \
            where lane = ?1 and recheck = ?3 and leased_by is not null \
            and id not in (select unhex(value, '-') from json_each(?2)))";

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
    let lease = worker.lease_at(now);
    sqlx::query(
        "update onboardings set leased_by = ?2, lease_until_at = ?3, commit_id = ?4 where key = ?1",
    )
    .bind(key)
    .bind(lease.by.0)
    .bind(lease.until.0)
    .bind(tx.commit_id)
    .execute(&mut tx.conn)
    .await?;
    tx.mark = Some(key);
    paces.take(ready.call.lane(), now, worker.budgets);
    Ok(Claimed { stored, call: ready.call, lease })
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
        // Whoever was here before may have left destroyed data in the log.
        tx.empty_log = true;
        Ok(())
    }
}
