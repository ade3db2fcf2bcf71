//! Who may call, and how often: keys, scopes, the calls of a minute.

use std::collections::VecDeque;
use std::fmt;

use crate::call::Call;
use crate::wire::Answer;

/// A key that is accepted, and what it may do.
#[derive(Clone)]
pub struct Key {
    /// The text expected in `X-API-KEY`.
    pub key: String,
    /// The scopes: `users.create` for writes, `users.read` for reads.
    pub scopes: Vec<String>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// How many calls of a rolling minute are answered.
#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    /// Calls that write, the trigger among them.
    pub writes_per_minute: u32,
    /// Calls that read.
    pub reads_per_minute: u32,
    /// Whether a 429 carries `Retry-After`; the provider does not promise one.
    pub tell_retry_after: bool,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { writes_per_minute: 120, reads_per_minute: 360, tell_retry_after: false }
    }
}

const MINUTE_MS: i64 = 60_000;

/// The checks that every call passes before anything else looks at it.
pub(crate) struct Access {
    keys: Vec<Key>,
    limits: Option<RateLimits>,
    writes: VecDeque<i64>,
    reads: VecDeque<i64>,
}

impl Access {
    /// Without keys any non-empty key is accepted, with every scope.
    pub(crate) const fn new(keys: Vec<Key>, limits: Option<RateLimits>) -> Self {
        Self { keys, limits, writes: VecDeque::new(), reads: VecDeque::new() }
    }

    pub(crate) fn check(&mut self, key: Option<&str>, call: Call, at: i64) -> Result<(), Answer> {
        self.check_key(key, call)?;
        self.check_rate(call, at)
    }

    fn check_key(&self, key: Option<&str>, call: Call) -> Result<(), Answer> {
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return Err(Answer::error(401, "Missing X-API-KEY header"));
        };
        if self.keys.is_empty() {
            return Ok(());
        }
        let Some(known) = self.keys.iter().find(|known| known.key == key) else {
            return Err(Answer::error(401, "Invalid API key"));
        };
        if known.scopes.iter().any(|scope| scope == call.scope()) {
            return Ok(());
        }
        let message = format!("API key lacks the required scope: {}", call.scope());
        Err(Answer::error(403, &message))
    }

    /// A refused call does not count, so a caller that waits gets through.
    fn check_rate(&mut self, call: Call, at: i64) -> Result<(), Answer> {
        let Some(limits) = self.limits else { return Ok(()) };
        let (seen, allowed) = if call.is_write() {
            (&mut self.writes, limits.writes_per_minute)
        } else {
            (&mut self.reads, limits.reads_per_minute)
        };
        while seen.front().is_some_and(|&first| first <= at - MINUTE_MS) {
            seen.pop_front();
        }
        if (seen.len() as u64) < u64::from(allowed) {
            seen.push_back(at);
            return Ok(());
        }
        let mut answer = Answer::error(429, "Too many requests");
        if limits.tell_retry_after {
            let free_at = seen.front().copied().unwrap_or(at) + MINUTE_MS;
            let seconds = (free_at - at).max(0).cast_unsigned().div_ceil(1000);
            answer.headers.push(("retry-after".to_owned(), seconds.to_string()));
        }
        Err(answer)
    }

    /// Begins a fresh minute.
    pub(crate) fn reset(&mut self) {
        self.writes.clear();
        self.reads.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(result: Result<(), Answer>) -> u16 {
        result.map_or_else(|answer| answer.status, |()| 200)
    }

    #[test]
    fn a_key_must_be_known_and_carry_the_scope_of_the_call() {
        let reader =
            Key { key: "sk_staging_reader".to_owned(), scopes: vec!["users.read".to_owned()] };
        let mut access = Access::new(vec![reader], None);
        let cases = [
            (None, Call::GetUser, 401),
            (Some(""), Call::GetUser, 401),
            (Some("sk_staging_other"), Call::GetUser, 401),
            (Some("sk_staging_reader"), Call::GetUser, 200),
            (Some("sk_staging_reader"), Call::CheckStatus, 200),
            (Some("sk_staging_reader"), Call::RegisterUser, 403),
            (Some("sk_staging_reader"), Call::TriggerVerification, 403),
        ];
        for (key, call, expected) in cases {
            assert_eq!(status(access.check(key, call, 0)), expected, "{call:?}");
        }
    }

    #[test]
    fn without_configured_keys_any_key_but_none_is_taken() {
        let mut access = Access::new(Vec::new(), None);
        assert_eq!(status(access.check(Some("anything"), Call::RegisterUser, 0)), 200);
        assert_eq!(status(access.check(None, Call::RegisterUser, 0)), 401);
    }

    #[test]
    fn writes_and_reads_of_a_rolling_minute_are_counted_apart() {
        let limits =
            RateLimits { writes_per_minute: 2, reads_per_minute: 1, tell_retry_after: true };
        let mut access = Access::new(Vec::new(), Some(limits));
        let mut at = |call, at| access.check(Some("k"), call, at);
        assert!(at(Call::RegisterUser, 0).is_ok());
        assert!(at(Call::RegisterUser, 30_000).is_ok());
        let refused = at(Call::TriggerVerification, 45_500).unwrap_err();
        assert_eq!(refused.status, 429);
        assert_eq!(refused.headers, [("retry-after".to_owned(), "15".to_owned())]);
        assert!(at(Call::CheckStatus, 45_500).is_ok());
        assert!(at(Call::CheckStatus, 45_501).is_err());
        assert!(at(Call::RegisterUser, 60_000).is_ok());
        assert!(at(Call::RegisterUser, 60_001).is_err());
    }
}
