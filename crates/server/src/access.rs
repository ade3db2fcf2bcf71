//! Who may do what: the API's keys and their scopes, how bad keys are slowed, and how many
//! requests a key may make.

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Mutex;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use onboarding::Timestamp;
use store::{ApiKey, SqliteStore, StoreError};
use tracing::warn;

/// What a key may do. A key has any of them, and none includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Look: statuses, history, tasks.
    Read,
    /// Give data and documents, and ask for verification.
    Write,
    /// Hold, resume, retry, cancel, reopen, waive.
    Operate,
    /// Erase a user, and set who is told what happens.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Operate, Self::Admin];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word).ok_or(UnknownScope)
    }
}

/// No scope has this name.
#[derive(Debug, thiserror::Error)]
#[error("must be read, write, operate or admin")]
pub struct UnknownScope;

/// What every key begins with, so that it is known when it turns up where it should not.
const KEY_BEGINS: &str = "gangway_";
/// The bytes of a key's public part.
const PREFIX_BYTES: usize = 6;
/// The bytes of its secret part.
const SECRET_BYTES: usize = 32;
/// How much chance a key is made of.
pub const KEY_BYTES: usize = PREFIX_BYTES + SECRET_BYTES;

/// A new key: what its owner is shown once, and what is stored.
pub struct NewKey {
    /// The whole key.
    pub secret: String,
    /// What is stored of it.
    pub stored: ApiKey,
}

impl NewKey {
    /// A key made of `chance`, which nobody else may know.
    #[must_use]
    pub fn new(
        name: String,
        scopes: &[Scope],
        expires_at: Option<Timestamp>,
        chance: &[u8; KEY_BYTES],
        now: Timestamp,
    ) -> Self {
        let (public, secret) = chance.split_at(PREFIX_BYTES);
        let prefix: String = public.iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = format!("{KEY_BEGINS}{prefix}_{}", BASE64_URL_SAFE_NO_PAD.encode(secret));
        let stored = ApiKey {
            prefix,
            name,
            hash: *hash(&secret).as_bytes(),
            scopes: scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            created_at: now,
            expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        Self { secret, stored }
    }
}

/// The secret is 256 bits of chance, so that one fast hash is enough.
fn hash(key: &str) -> blake3::Hash {
    blake3::hash(key.as_bytes())
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Anyone on this machine, as there are no keys.
    Anyone,
    /// The holder of a key, named by its public part.
    Key(String),
}

impl Client {
    /// The word in the log, and what tells its idempotency keys from others'.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Anyone => "",
            Self::Key(prefix) => prefix,
        }
    }
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no key.
    NoKey,
    /// The key is not known, revoked or expired: whoever tries is not told which.
    BadKey,
    /// The key is good, and lacks the scope.
    Scope,
    /// There are no keys, and a page of another site, or of another name of this machine, asks.
    OtherSite,
}

impl Refusal {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no key",
            Self::BadKey => "no good key",
            Self::Scope => "the key lacks the scope",
            Self::OtherSite => "another site's page",
        }
    }
}

/// The keys, and what is remembered of their use.
pub(crate) struct Access {
    /// Whether there have to be keys, wherever a request comes from.
    needs_keys: bool,
    /// Other sites whose pages may ask.
    origins: Vec<String>,
    noted: Mutex<HashMap<String, Timestamp>>,
    failures: Mutex<HashMap<IpAddr, u32>>,
}

/// How often a key's use is written down.
const NOTE_EVERY_MS: u64 = 60_000;
/// The first wait for whoever comes with a bad key; each next one is twice as long.
const FAILURE_DELAY_MS: u64 = 250;
/// The longest.
const FAILURE_DELAY_MS_MAX: u64 = 4_000;
/// So many addresses with bad keys are told apart.
const FAILING_ADDRESSES_MAX: usize = 1_024;

impl Access {
    pub(crate) fn new(needs_keys: bool, origins: Vec<String>) -> Self {
        let (noted, failures) = (Mutex::default(), Mutex::default());
        Self { needs_keys, origins, noted, failures }
    }

    /// Who makes a request, if whoever it is may do what takes `scope`.
    pub(crate) async fn admit(
        &self,
        store: &SqliteStore,
        headers: &HeaderMap,
        scope: Scope,
        now: Timestamp,
    ) -> Result<Result<Client, Refusal>, StoreError> {
        let given = key_of(headers);
        let found = match given.and_then(prefix_of) {
            Some(prefix) => store.api_key(prefix).await?,
            None => None,
        };
        // Where one is found, there are keys.
        if found.is_none() && !self.needs_keys && !store.has_api_keys().await? {
            let is_own = self.is_of_this_site(headers);
            return Ok(if is_own { Ok(Client::Anyone) } else { Err(Refusal::OtherSite) });
        }
        let Some(given) = given else { return Ok(Err(Refusal::NoKey)) };
        let hash = hash(given);
        // In constant time, as hashes are compared.
        let key = found.filter(|key| hash == blake3::Hash::from_bytes(key.hash));
        let Some(key) = key.filter(|key| key.is_live(now)) else {
            return Ok(Err(Refusal::BadKey));
        };
        if !key.scopes.iter().any(|word| word == scope.as_str()) {
            return Ok(Err(Refusal::Scope));
        }
        if self.is_to_be_noted(&key.prefix, now) {
            // Where nothing can be written, it is asked all the more what is wrong.
            if let Err(error) = store.api_key_used(&key.prefix, now).await {
                warn!(error = &error as &dyn std::error::Error, "a key's use was not noted");
            }
        }
        Ok(Ok(Client::Key(key.prefix)))
    }

    /// Without keys a browser is the danger: a page from elsewhere can make it ask. It names the
    /// page's site, and a name that was turned to this machine is none of this machine's.
    fn is_of_this_site(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value: &_| value.to_str().ok());
        let host: Option<&str> = text(HOST);
        let is_local = host.is_none_or(|host| is_loopback_name(without_port(host)));
        let origin: Option<&str> = text(ORIGIN);
        let is_own = origin.is_none_or(|origin| {
            self.origins.iter().any(|allowed| allowed == origin)
                || origin.split_once("://").is_some_and(|(_, site)| host == Some(site))
        });
        is_local && is_own && (headers.get(ORIGIN).is_some() == origin.is_some())
    }

    fn is_to_be_noted(&self, prefix: &str, now: Timestamp) -> bool {
        let mut noted = self.noted.lock().expect("nothing panics while it is locked");
        let is_due = noted.get(prefix).is_none_or(|at| now.ms_since(*at) >= NOTE_EVERY_MS);
        if is_due {
            noted.insert(prefix.to_owned(), now);
        }
        is_due
    }

    /// How long whoever failed from this address has to wait for the answer.
    pub(crate) fn failed(&self, from: IpAddr) -> u64 {
        let mut failures = self.failures.lock().expect("nothing panics while it is locked");
        if failures.len() >= FAILING_ADDRESSES_MAX && !failures.contains_key(&from) {
            failures.clear();
        }
        let count = failures.entry(from).or_default();
        *count = count.saturating_add(1);
        FAILURE_DELAY_MS.saturating_mul(1 << (*count - 1).min(10)).min(FAILURE_DELAY_MS_MAX)
    }

    /// Whoever succeeds begins anew.
    pub(crate) fn succeeded(&self, from: IpAddr) {
        self.failures.lock().expect("nothing panics while it is locked").remove(&from);
    }
}

/// The key that comes with a request: in the provider's header, or as a bearer's token.
fn key_of(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get("x-api-key") {
        return key.to_str().ok();
    }
    let bearer = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = bearer.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

fn prefix_of(key: &str) -> Option<&str> {
    let (prefix, _) = key.strip_prefix(KEY_BEGINS)?.split_once('_')?;
    Some(prefix)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

fn is_loopback_name(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// How many requests each client may make.
pub(crate) struct Rates {
    per_minute: u32,
    buckets: Mutex<HashMap<String, Bucket>>,
}

/// What a client may still ask at once; it fills again over a minute.
struct Bucket {
    left: f64,
    at: Timestamp,
}

/// So many clients are told apart; there are as many keys at most, and few are in use.
const BUCKETS_MAX: usize = 4_096;

impl Rates {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    /// Takes one request, or says after how many seconds there may be one again.
    pub(crate) fn take(&self, client: &Client, now: Timestamp) -> Result<(), u64> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let full = f64::from(self.per_minute);
        let per_ms = full / 60_000.0;
        let mut buckets = self.buckets.lock().expect("nothing panics while it is locked");
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| now.ms_since(bucket.at) < 60_000);
        }
        let fresh = Bucket { left: full, at: now };
        let bucket = buckets.entry(client.as_str().to_owned()).or_insert(fresh);
        #[expect(clippy::cast_precision_loss, reason = "what is lost is less than a request")]
        let filled = bucket.left + now.ms_since(bucket.at) as f64 * per_ms;
        *bucket = Bucket { left: filled.min(full), at: now.max(bucket.at) };
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a minute at most, and not negative"
        )]
        let seconds = ((1.0 - bucket.left) / per_ms / 1_000.0).ceil() as u64;
        Err(seconds.max(1))
    }
}
