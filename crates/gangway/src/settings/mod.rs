//! Settings: what holds, and who said so.
//!
//! A flag beats the environment, that beats the file, and that the default. Every value is
//! checked, an overridden one too, and all problems are told at once. No text in here shows a
//! value, because it may be a secret.

pub(crate) mod duration;
mod keys;
mod load;
mod requirements;
mod template;
mod texts;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crossmint::ApiKey;
use documents::Limits;
use notifications::Secret;
use onboarding::texts::{Language, Texts};
use onboarding::{Policy, Product, Reader, Requirements, StuckAfter, Timestamp};
use store::Budgets;

use crate::clock;

pub(crate) use load::{Inputs, Loaded, Problems, load};
pub(crate) use template::template;

/// What every part of the binary is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How to reach the provider; its key is put in by [`Settings::provider`].
    crossmint: crossmint::Settings,
    api_key: Option<ApiKey>,
    api_key_file: Option<PathBuf>,
    /// The provider's limits.
    pub(crate) budgets: Budgets,
    /// The database.
    pub(crate) store_url: String,
    /// The worker.
    pub(crate) worker: WorkerSettings,
    /// The HTTP API.
    pub(crate) http: HttpSettings,
    /// The products of a new user for whom nobody says.
    pub(crate) products_wanted: BTreeSet<Product>,
    /// The file that replaces the built-in table of requirements.
    requirements_file: Option<PathBuf>,
    /// The table of requirements in force.
    pub(crate) requirements: Arc<Requirements>,
    /// The limits of documents.
    pub(crate) documents: Limits,
    /// The times and limits of the rules.
    pub(crate) policy: Policy,
    /// From when on a user is said to be stuck.
    pub(crate) stuck_after: StuckAfter,
    /// What is said to people.
    pub(crate) texts: TextSettings,
    /// How others are told what happens.
    pub(crate) notifications: notifications::Settings,
    /// The endpoint that the configuration names, and its secret.
    endpoint_url: Option<String>,
    endpoint_secret: Option<String>,
    /// The collector of traces, if there is one.
    pub(crate) traces_endpoint: Option<String>,
    /// The log.
    pub(crate) log: LogSettings,
}

/// What is said to people, and in which language if nobody says.
#[derive(Clone, Debug)]
pub(crate) struct TextSettings {
    /// The language of those for whom nobody says.
    pub(crate) language: Language,
    /// The folder that replaces texts.
    dir: Option<PathBuf>,
    /// What was read there.
    read: Option<Texts>,
}

impl TextSettings {
    /// Every text.
    pub(crate) fn all(&self) -> &Texts {
        self.read.as_ref().unwrap_or_else(|| Texts::embedded())
    }

    /// Reads the folder, and says everything that is wrong.
    fn read(&mut self) -> Vec<String> {
        if let Some(dir) = &self.dir {
            match texts::read(dir) {
                Ok(read) => self.read = Some(read),
                Err(problems) => return problems,
            }
        }
        let unspoken = self.check(&self.language).err();
        unspoken.into_iter().map(|why| format!("texts.language: {why}")).collect()
    }

    /// Says what there is instead, if there are no texts in `language`.
    pub(crate) fn check(&self, language: &Language) -> Result<(), String> {
        if self.all().speaks(language) {
            return Ok(());
        }
        let spoken: Vec<&str> = self.all().languages().map(Language::as_str).collect();
        Err(format!(
            "there are no texts in that language; there are {}, and texts.dir may add more",
            spoken.join(", ")
        ))
    }
}

/// What the worker is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerSettings {
    pub(crate) concurrency: u32,
    pub(crate) lease_ms: u64,
    pub(crate) shutdown_grace_ms: u64,
}

/// What the HTTP API is told.
#[derive(Clone, Debug)]
pub(crate) struct HttpSettings {
    /// Where it listens, if it does.
    listen: Option<SocketAddr>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    requests_per_minute: u32,
    connections_per_address: u32,
    request_timeout_ms: u64,
    idempotency_kept_ms: u64,
    cors_origins: Vec<String>,
}

/// The log's form and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) filter: String,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Human,
    Json,
}

/// Why there is no key to call the provider with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(
        "no API key: put a server key into a file and name it by crossmint.api_key_file, or set \
         GANGWAY_CROSSMINT__API_KEY; without a key, `gangway sandbox` is a provider to try out"
    )]
    Missing,
    #[error("the file of crossmint.api_key_file can't be read: {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the key in {path} can't be used")]
    InFile {
        path: PathBuf,
        #[source]
        source: crossmint::SettingsError,
    },
    #[error(transparent)]
    Refused(crossmint::SettingsError),
}

/// The key for a provider on this machine when none is configured: the sandbox takes any.
const SANDBOX_KEY: &str = "sandbox";

impl Settings {
    /// What the table of keys is applied to; every one of its defaults is set before use.
    fn blank() -> Self {
        Self {
            crossmint: crossmint::Settings::new("", ApiKey::new("")),
            api_key: None,
            api_key_file: None,
            budgets: Budgets { writes_per_minute: 0, reads_per_minute: 0 },
            store_url: String::new(),
            worker: WorkerSettings { concurrency: 0, lease_ms: 0, shutdown_grace_ms: 0 },
            http: HttpSettings {
                listen: None,
                tls_certificate: None,
                tls_key: None,
                requests_per_minute: 0,
                connections_per_address: 0,
                request_timeout_ms: 0,
                idempotency_kept_ms: 0,
                cors_origins: Vec::new(),
            },
            products_wanted: BTreeSet::new(),
            requirements_file: None,
            requirements: Arc::new(Requirements::default()),
            documents: Limits::DEFAULT,
            policy: Policy::default(),
            stuck_after: StuckAfter::default(),
            texts: TextSettings { language: Language::english(), dir: None, read: None },
            notifications: notifications::Settings::default(),
            endpoint_url: None,
            endpoint_secret: None,
            traces_endpoint: None,
            log: LogSettings { format: LogFormat::Human, filter: String::new() },
        }
    }

    /// Who reads at `now` what is said in `language`.
    pub(crate) fn reader(&self, language: &Language, now: Timestamp) -> Reader<'_> {
        let limits = self.documents.told();
        let (policy, requirements) = (&self.policy, &*self.requirements);
        let (texts, language) = (self.texts.all(), language.clone());
        Reader { policy, requirements, texts, language, limits, now }
    }

    /// Where the HTTP API is served, if it is, and its certificate.
    pub(crate) fn listens(&self) -> Option<(SocketAddr, Option<server::Tls>)> {
        let http = &self.http;
        let tls = http.tls_certificate.clone().zip(http.tls_key.clone());
        Some((http.listen?, tls.map(|(certificate, key)| server::Tls { certificate, key })))
    }

    /// What the HTTP API is told, if it is served.
    pub(crate) fn api(
        &self,
        metrics: &Arc<server::Metrics>,
        worker_turned_at: impl Fn() -> Timestamp + Send + Sync + 'static,
        sender: Arc<notifications::Client>,
    ) -> Option<server::Config> {
        let http = &self.http;
        let (listen, tls) = self.listens()?;
        Some(server::Config {
            listen,
            tls,
            requests_per_minute: http.requests_per_minute,
            connections_per_address: http.connections_per_address,
            request_timeout_ms: http.request_timeout_ms,
            idempotency_kept_ms: http.idempotency_kept_ms,
            shutdown_grace_ms: self.worker.shutdown_grace_ms,
            cors_origins: http.cors_origins.clone(),
            products_wanted: self.products_wanted.clone(),
            requirements: Arc::clone(&self.requirements),
            old_verifications: self.old_verifications(),
            documents: self.documents,
            stuck_after: self.stuck_after,
            texts: self.texts.all().clone(),
            language: self.texts.language.clone(),
            now: clock::now,
            worker_turned_at: Box::new(worker_turned_at),
            worker_lease_ms: self.worker.lease_ms,
            metrics: Arc::clone(metrics),
            new_id: clock::new_onboarding_id,
            chance: || clock::chance().map_err(io::Error::other),
            sender,
            endpoints_on_loopback: self.notifications.allow_loopback,
        })
    }

    /// The provider's origin, which holds no secret.
    pub(crate) fn provider_origin(&self) -> &str {
        &self.crossmint.origin
    }

    /// A client of the provider, whose key is read here.
    pub(crate) fn client(&self) -> Result<crossmint::Client, KeyError> {
        let Some(api_key) = self.api_key()? else {
            return self.client_with(ApiKey::new(SANDBOX_KEY)).map_err(without_key);
        };
        self.client_with(api_key).map_err(|refused| match (&self.api_key_file, refused) {
            (Some(path), source) if is_about_the_key(&source) => {
                KeyError::InFile { path: path.clone(), source }
            }
            (_, refused) => KeyError::Refused(refused),
        })
    }

    fn client_with(&self, api_key: ApiKey) -> Result<crossmint::Client, crossmint::SettingsError> {
        crossmint::Client::new(crossmint::Settings { api_key, ..self.crossmint.clone() })
    }

    fn api_key(&self) -> Result<Option<ApiKey>, KeyError> {
        let Some(path) = &self.api_key_file else { return Ok(self.api_key.clone()) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| KeyError::File { path: path.clone(), source })?;
        Ok(Some(ApiKey::new(text)))
    }

    /// What the keys must be together.
    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let longest_ms = self.crossmint.call_timeout_ms.max(self.crossmint.upload_timeout_ms);
        if self.worker.lease_ms <= longest_ms {
            problems.push(format!(
                "worker.lease must be longer than {}: longer than crossmint.call_timeout and \
                 crossmint.upload_timeout, or one call could be made twice",
                duration::rough(longest_ms)
            ));
        }
        if self.http.tls_certificate.is_some() != self.http.tls_key.is_some() {
            problems.push("http.tls_certificate and http.tls_key go together".to_owned());
        }
        if self.documents.bytes_max < self.documents.bytes_min {
            problems
                .push("documents.bytes_max must not be less than documents.bytes_min".to_owned());
        }
        let told = &self.notifications;
        if told.disable_after_ms <= told.warn_after_ms {
            problems.push(
                "notifications.disable_after must be longer than notifications.warn_after"
                    .to_owned(),
            );
        }
        problems.extend(self.check_endpoint());
        for (name, curve) in [
            ("retry", &self.policy.retry),
            ("poll", &self.policy.poll),
            ("slow_poll", &self.policy.slow_poll),
        ] {
            if curve.max_ms < curve.initial_ms {
                problems.push(format!(
                    "policy.{name}.max must not be shorter than policy.{name}.initial"
                ));
            }
        }
        problems
    }
}

impl Settings {
    /// The endpoint that is to be told, and what signs.
    pub(crate) fn endpoint(&self) -> Option<(&str, &str)> {
        self.endpoint_url.as_deref().zip(self.endpoint_secret.as_deref())
    }

    fn check_endpoint(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match (&self.endpoint_url, &self.endpoint_secret) {
            (Some(_), None) => problems.push(
                "notifications.secret is missing: notifications.url is told nothing unsigned"
                    .to_owned(),
            ),
            (None, Some(_)) => problems.push(
                "notifications.url is missing: notifications.secret signs for that endpoint alone"
                    .to_owned(),
            ),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let url = self.endpoint_url.as_ref();
        let checked =
            url.map(|url| notifications::check_url(url, self.notifications.allow_loopback));
        if let Some(Err(refused)) = checked {
            problems.push(format!("notifications.url: {refused}"));
        }
        let secret = self.endpoint_secret.as_ref().map(|text| text.parse::<Secret>());
        if let Some(Err(refused)) = secret {
            problems.push(format!("notifications.secret: {refused}"));
        }
        problems
    }
}

/// What the stand-in for a key was refused for: on another machine there is no key at all.
fn without_key(refused: crossmint::SettingsError) -> KeyError {
    if is_about_the_key(&refused) { KeyError::Missing } else { KeyError::Refused(refused) }
}

const fn is_about_the_key(refused: &crossmint::SettingsError) -> bool {
    use crossmint::SettingsError as E;
    match refused {
        E::KeyUnreadable
        | E::ClientKey
        | E::KeyNotForStaging
        | E::KeyNotForProduction
        | E::NotServerKey => true,
        E::BadOrigin | E::PlainHttp | E::Tls(_) => false,
    }
}
