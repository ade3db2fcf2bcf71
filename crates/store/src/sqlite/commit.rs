//! The one way to change an onboarding.

use onboarding::{Event, Onboarding, Timestamp};

use super::writer::{Tx, Write};
use super::{claim, log, personal, rows};
use crate::{ClaimAfter, Commit, Committed, Lease, PersonalData, StoreError};

impl Write for Commit {
    type Answer = Committed;

    async fn run(&self, tx: &mut Tx) -> Result<Committed, StoreError> {
        if let Some(remember) = &self.remember
            && remember.is_known(&mut tx.conn).await?
        {
            return Ok(Committed::Conflict);
        }
        let Some(key) = self.change(tx).await? else { return Ok(Committed::Conflict) };
        if let Some(remember) = &self.remember {
            remember.run(tx).await?;
        }
        let next = match self.claim {
            ClaimAfter::Untouched => None,
            ClaimAfter::Release(lease) => {
                release(tx, key, lease).await?;
                None
            }
            ClaimAfter::Postpone { lease, until } => {
                release(tx, key, lease).await?;
                postpone(tx, key, until).await?;
                None
            }
            ClaimAfter::Continue { lease, worker } => {
                release(tx, key, lease).await?;
                claim::claim_next(tx, key, &worker, self.now).await?
            }
        };
        Ok(Committed::Stored { next })
    }

    fn bytes(&self) -> usize {
        self.personal.iter().map(PersonalData::bytes).sum()
    }
}

impl Commit {
    /// Stores the change, and answers the key of its row; `None` is a conflict.
    async fn change(&self, tx: &mut Tx) -> Result<Option<i64>, StoreError> {
        let stored = rows::version_of(&mut tx.conn, self.id).await?;
        let Some(last) = self.transitions.last() else { return Ok(stored.map(|(key, _)| key)) };
        let before = self.version_before();
        let key = match stored {
            Some((key, version)) if version == before => {
                rows::update(tx, key, &last.onboarding).await?;
                key
            }
            None if before == 0 && personal::key_of(&mut tx.conn, &self.user).await?.is_none() => {
                let key = rows::insert(tx, &last.onboarding).await?;
                personal::insert_user(&mut tx.conn, key, &self.user).await?;
                key
            }
            Some(_) | None => return Ok(None),
        };
        for transition in &self.transitions {
            rows::append(tx, key, transition, self.actor).await?;
        }
        self.change_personal(tx, key, &last.onboarding).await?;
        Ok(Some(key))
    }

    async fn change_personal(
        &self,
        tx: &mut Tx,
        key: i64,
        onboarding: &Onboarding,
    ) -> Result<(), StoreError> {
        for personal in &self.personal {
            personal::put(&mut tx.conn, key, personal).await?;
        }
        let mut events = self.transitions.iter().map(|transition| &transition.event);
        if events.clone().any(crate::lets_go_of_contents)
            && personal::delete_contents_not_held(&mut tx.conn, key, onboarding).await?
        {
            log::note_destroyed(tx).await?;
        }
        if events.any(|event| matches!(event, Event::Erased { .. })) {
            personal::erase(&mut tx.conn, key, self.id).await?;
            log::note_destroyed(tx).await?;
            tx.empty_log = true;
        }
        Ok(())
    }
}

/// Gives a claim back, unless its lease ran out and there is another claim now.
async fn release(tx: &mut Tx, key: i64, lease: Lease) -> Result<(), sqlx::Error> {
    let released = sqlx::query(
        "update onboardings set leased_by = null, lease_until_at = null, commit_id = ?4 \
         where key = ?1 and leased_by = ?2 and lease_until_at = ?3",
    )
    .bind(key)
    .bind(lease.by.0)
    .bind(lease.until.0)
    .bind(tx.commit_id)
    .execute(&mut tx.conn)
    .await?;
    // A row that was not written does not tell whether the transaction is stored.
    if released.rows_affected() > 0 {
        tx.mark = Some(key);
    }
    Ok(())
}

/// What is due before `until` is due then.
async fn postpone(tx: &mut Tx, key: i64, until: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query("update onboardings set due_at = max(due_at, ?2) where key = ?1")
        .bind(key)
        .bind(until.0)
        .execute(&mut tx.conn)
        .await?;
    Ok(())
}
