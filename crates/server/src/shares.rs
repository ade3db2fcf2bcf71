//! How much each has taken of something that there is little of.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

/// Counts what each has taken and not given back. Clones count the same.
#[derive(Clone)]
pub(crate) struct Shares<K>(Arc<Mutex<HashMap<K, usize>>>);

/// One of what was taken, until it is dropped.
pub(crate) struct Share<K: Eq + Hash> {
    shares: Shares<K>,
    of: K,
}

impl<K> Default for Shares<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// One more for `of`, unless it has as many as it may.
    pub(crate) fn take(&self, of: K, limit: usize) -> Option<Share<K>> {
        let mut all = self.0.lock().expect("nothing panics while it is locked");
        let taken = all.get(&of).copied().unwrap_or(0);
        if taken >= limit {
            return None;
        }
        all.insert(of.clone(), taken + 1);
        Some(Share { shares: self.clone(), of })
    }

    /// Whether nobody has any.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut all = self.shares.0.lock().expect("nothing panics while it is locked");
        match all.get_mut(&self.of) {
            Some(taken) if *taken > 1 => *taken -= 1,
            Some(_) | None => drop(all.remove(&self.of)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_share_and_can_take_again_what_it_gave_back() {
        let shares = Shares::default();
        let first = shares.take("ada", 2).expect("the first");
        let second = shares.take("ada", 2).expect("the second");
        assert!(shares.take("ada", 2).is_none());
        let other = shares.take("bob", 2).expect("another's first");
        drop(first);
        let again = shares.take("ada", 2).expect("one was given back");
        assert!(shares.take("ada", 2).is_none());
        drop((second, other, again));
        assert!(shares.is_empty());
        assert!(shares.take("ada", 0).is_none() && shares.is_empty());
    }
}
