//! The one table of keys. The parser, the names of environment variables, the output of
//! `gangway config` and `config/gangway.toml` all come from it.

use std::collections::BTreeSet;

use crossmint::{ApiForm, ApiKey, DocumentData, DocumentReference};
use onboarding::{Product, REMINDERS_MAX};
use tracing_subscriber::filter::Targets;

use super::{LogFormat, Settings, duration};

/// What every variable of the environment begins with.
pub(super) const PREFIX: &str = "GANGWAY_";

/// One setting.
pub(crate) struct Key {
    /// Its name: sections and key, joined by dots.
    pub(crate) name: &'static str,
    /// What is taken, and where it goes.
    pub(super) kind: Kind,
    /// What holds when nobody says otherwise; without one it is unset.
    pub(super) default: Option<&'static str>,
    /// What it is for, in lines of the file.
    pub(super) doc: &'static str,
}

/// What a key takes, and where in the settings it goes.
pub(super) enum Kind {
    Text(fn(&mut Settings, String)),
    /// A text of a certain form; `None` when it has another.
    Form {
        expected: &'static str,
        set: fn(&mut Settings, &str) -> Option<()>,
    },
    /// Never shown, and never a flag: other users of a machine see its processes' flags.
    Secret(fn(&mut Settings, String)),
    Switch(fn(&mut Settings, bool)),
    Count {
        min: u32,
        max: u32,
        set: fn(&mut Settings, u32),
    },
    Duration(fn(&mut Settings, u64)),
    Choice(&'static [Word]),
    Products(fn(&mut Settings, BTreeSet<Product>)),
    /// The times before something is due at which a person is reminded of it.
    Reminders(fn(&mut Settings, Vec<u64>)),
}

/// A word that is taken, and what it does to the settings.
type Word = (&'static str, fn(&mut Settings));

impl Key {
    /// The variable that sets it: `GANGWAY_CROSSMINT__URL` for `crossmint.url`.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase().replace('.', "__"))
    }

    pub(crate) const fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret(_))
    }

    /// Puts what `text` says into `settings`; `None` when it says nothing that fits.
    pub(super) fn set(&self, settings: &mut Settings, text: &str) -> Option<()> {
        match &self.kind {
            Kind::Text(set) | Kind::Secret(set) => {
                set(settings, Some(text).filter(|text| !text.is_empty())?.to_owned());
            }
            Kind::Form { set, .. } => set(settings, text)?,
            Kind::Switch(set) => set(settings, text.parse().ok()?),
            Kind::Count { min, max, set } => {
                set(settings, text.parse().ok().filter(|count| (min..=max).contains(&count))?);
            }
            Kind::Duration(set) => {
                set(
                    settings,
                    duration::parse(text).filter(|ms| (1..=DURATION_MS_MAX).contains(ms))?,
                );
            }
            Kind::Choice(words) => words.iter().find(|(word, _)| *word == text)?.1(settings),
            Kind::Products(set) => set(settings, products(text)?),
            Kind::Reminders(set) => set(settings, reminders(text)?),
        }
        Some(())
    }

    /// The same of a value in a file, as text; `None` when it has another type.
    pub(super) fn text_of(&self, value: &toml::Value) -> Option<String> {
        match &self.kind {
            Kind::Text(_)
            | Kind::Form { .. }
            | Kind::Secret(_)
            | Kind::Duration(_)
            | Kind::Choice(_) => value.as_str().map(str::to_owned),
            Kind::Switch(_) => value.as_bool().map(|switch| switch.to_string()),
            Kind::Count { .. } => value.as_integer().map(|count| count.to_string()),
            Kind::Products(_) | Kind::Reminders(_) => {
                let words: Option<Vec<&str>> =
                    value.as_array()?.iter().map(toml::Value::as_str).collect();
                words.map(|words| words.join(","))
            }
        }
    }

    /// What it takes, for an error's text.
    pub(super) fn expected(&self) -> String {
        match &self.kind {
            Kind::Text(_) | Kind::Secret(_) => "a text that is not empty".to_owned(),
            Kind::Form { expected, .. } => (*expected).to_owned(),
            Kind::Switch(_) => "true or false".to_owned(),
            Kind::Count { min, max, .. } => format!("a whole number from {min} to {max}"),
            Kind::Duration(_) => format!("{}, up to 366d and not 0", duration::EXPECTED),
            Kind::Choice(words) => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                words.join(" or ")
            }
            Kind::Products(_) => "a list of products, such as onramp and offramp".to_owned(),
            Kind::Reminders(_) => format!(
                "a list of at most {REMINDERS_MAX} durations, such as 7d and 0s (when it is due)"
            ),
        }
    }

    /// A value as the file writes it.
    pub(super) fn toml(&self, text: &str) -> String {
        match &self.kind {
            Kind::Text(_)
            | Kind::Form { .. }
            | Kind::Secret(_)
            | Kind::Duration(_)
            | Kind::Choice(_) => toml::Value::from(text).to_string(),
            Kind::Switch(_) | Kind::Count { .. } => text.to_owned(),
            Kind::Products(_) | Kind::Reminders(_) => {
                let words: Vec<String> =
                    text.split(',').map(|word| format!("\"{word}\"")).collect();
                format!("[{}]", words.join(", "))
            }
        }
    }
}

/// Longer is surely a slip, and would overflow a calendar when it is added to a time.
const DURATION_MS_MAX: u64 = 366 * 86_400_000;

fn products(text: &str) -> Option<BTreeSet<Product>> {
    text.split(',').map(|word| Product::from_word(word.trim())).collect()
}

/// Durations up to the longest, and 0 among them.
fn reminders(text: &str) -> Option<Vec<u64>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let times: Option<Vec<u64>> = text
        .split(',')
        .map(|word| duration::parse(word.trim()).filter(|ms| *ms <= DURATION_MS_MAX))
        .collect();
    times.filter(|times| times.len() <= REMINDERS_MAX)
}

/// Whether `url` may be shown: what is no origin could hold a password. Which hosts are right
/// is the client's to say.
fn is_origin(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#']))
}

const fn key(name: &'static str, default: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, default: Some(default), doc }
}

const fn unset(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, default: None, doc }
}

const fn count(min: u32, max: u32, set: fn(&mut Settings, u32)) -> Kind {
    Kind::Count { min, max, set }
}

/// More calls a minute than any provider allows.
const PER_MINUTE_MAX: u32 = 1_000_000;
/// As many as the API serves of all together.
const CONNECTIONS_MAX: u32 = 512;
/// More bytes than any provider takes in one call.
const BYTES_MAX: u32 = 100_000_000;
/// More tries or rounds than make sense.
const TIMES_MAX: u32 = 1_000_000;

/// Every key, by sections, in the order of the file.
pub(crate) static KEYS: &[Key] = &[
    key(
        "crossmint.url",
        "https://staging.crossmint.com",
        Kind::Form {
            expected: "an http or https origin and no more, such as https://staging.crossmint.com",
            set: |s, url| is_origin(url).then(|| url.clone_into(&mut s.crossmint.origin)),
        },
        "The provider: scheme and host only. https://www.crossmint.com is production;\n\
         `gangway sandbox` prints the one to use for the sandbox.",
    ),
    unset(
        "crossmint.api_key",
        Kind::Secret(|s, key| s.api_key = Some(ApiKey::new(key))),
        "The server key (sk_staging_… or sk_production_…), with the scopes users.create and\n\
         users.read. A file of its own (api_key_file) or the environment is a better place.",
    ),
    unset(
        "crossmint.api_key_file",
        Kind::Text(|s, path| s.api_key_file = Some(path.into())),
        "A file that holds the key and nothing else. Read by `serve` and `doctor` only.",
    ),
    key(
        "crossmint.writes_per_minute",
        "120",
        count(0, PER_MINUTE_MAX, |s, count| s.budgets.writes_per_minute = count),
        "Calls a minute that change something, over all users. 0 = unlimited.",
    ),
    key(
        "crossmint.reads_per_minute",
        "360",
        count(0, PER_MINUTE_MAX, |s, count| s.budgets.reads_per_minute = count),
        "Calls a minute that only ask. 0 = unlimited.",
    ),
    key(
        "crossmint.api",
        "current",
        Kind::Choice(&[
            ("current", |s| s.crossmint.api = ApiForm::Current),
            ("quickstart", |s| s.crossmint.api = ApiForm::Quickstart),
        ]),
        "The form of the provider's API: current (as it is documented today, with the privacy\n\
         policy, the terms of service, and a look at what is held) or quickstart (the oldest page).",
    ),
    unset(
        "crossmint.document_reference",
        Kind::Choice(&[
            ("reference", |s| s.crossmint.document_reference = Some(DocumentReference::Reference)),
            ("user-locator", |s| {
                s.crossmint.document_reference = Some(DocumentReference::UserLocator);
            }),
        ]),
        "How an upload names its user, if not as crossmint.api has it: reference (current) or\n\
         user-locator (quickstart). When one is refused, the next try takes the other.",
    ),
    unset(
        "crossmint.document_data",
        Kind::Choice(&[
            ("data-url", |s| s.crossmint.document_data = Some(DocumentData::DataUrl)),
            ("base64", |s| s.crossmint.document_data = Some(DocumentData::Base64)),
        ]),
        "How an upload carries its file, if not as crossmint.api has it: data-url (current) or\n\
         base64 (quickstart).",
    ),
    key(
        "crossmint.connect_timeout",
        "5s",
        Kind::Duration(|s, ms| s.crossmint.connect_timeout_ms = ms),
        "The longest wait for a connection.",
    ),
    key(
        "crossmint.call_timeout",
        "30s",
        Kind::Duration(|s, ms| s.crossmint.call_timeout_ms = ms),
        "The longest that a call may take.",
    ),
    key(
        "crossmint.upload_timeout",
        "2m",
        Kind::Duration(|s, ms| s.crossmint.upload_timeout_ms = ms),
        "The same for the upload of a document.",
    ),
    key(
        "store.url",
        "sqlite:gangway.db",
        Kind::Form {
            expected: "sqlite:PATH without parameters, such as sqlite:gangway.db",
            set: |s, url| {
                store::path_of(url).ok()?;
                url.clone_into(&mut s.store_url);
                Some(())
            },
        },
        "The database: sqlite:PATH. A relative path begins at the working directory.",
    ),
    key(
        "store.keep_document_contents",
        "false",
        Kind::Switch(|s, keep| s.policy.keep_document_contents = keep),
        "Whether a document's bytes are kept after the provider has acknowledged them.",
    ),
    key(
        "worker.concurrency",
        "64",
        count(1, 10_000, |s, count| s.worker.concurrency = count),
        "How many users are worked on at once.",
    ),
    key(
        "worker.lease",
        "5m",
        Kind::Duration(|s, ms| s.worker.lease_ms = ms),
        "How long claimed work stays claimed if it is never completed. Longer than every\n\
         time-out of a call.",
    ),
    key(
        "worker.shutdown_grace",
        "10s",
        Kind::Duration(|s, ms| {
            s.worker.shutdown_grace_ms = ms;
            s.notifications.shutdown_grace_ms = ms;
        }),
        "How long `serve` waits for calls in flight when it is told to stop. What is cut off\n\
         is done again at the next start.",
    ),
    key(
        "http.listen",
        "127.0.0.1:8080",
        Kind::Form {
            expected: "off, or an address and a port, such as 127.0.0.1:8080",
            set: |s, text| {
                s.http.listen = if text == "off" { None } else { Some(text.parse().ok()?) };
                Some(())
            },
        },
        "Where `serve` serves the HTTP API: an address and a port (0 takes a free one), or off.\n\
         Others than this machine reach it only when there is a key: `gangway key create`.",
    ),
    unset(
        "http.tls_certificate",
        Kind::Text(|s, path| s.http.tls_certificate = Some(path.into())),
        "A file with the certificate in PEM, its chain after it; then the API speaks TLS alone.",
    ),
    unset(
        "http.tls_key",
        Kind::Text(|s, path| s.http.tls_key = Some(path.into())),
        "The file with its private key in PEM.",
    ),
    key(
        "http.requests_per_minute",
        "600",
        count(0, PER_MINUTE_MAX, |s, count| s.http.requests_per_minute = count),
        "How many requests a minute each key may make. 0 = unlimited.",
    ),
    key(
        "http.connections_per_address",
        "64",
        count(0, CONNECTIONS_MAX, |s, count| s.http.connections_per_address = count),
        "How many connections another machine may have open at once; what is beyond is closed. A\n\
         proxy on another machine needs more: all that it serves share its address. 0 = unlimited.",
    ),
    key(
        "http.request_timeout",
        "30s",
        Kind::Duration(|s, ms| s.http.request_timeout_ms = ms),
        "How long a request may take, its body included; a wait that it asks for comes on top.",
    ),
    key(
        "http.idempotency_kept",
        "1d",
        Kind::Duration(|s, ms| s.http.idempotency_kept_ms = ms),
        "How long the answer to a request with an Idempotency-Key is kept for the same request.",
    ),
    unset(
        "http.cors_origins",
        Kind::Form {
            expected: "origins, separated by commas, such as https://desk.example.org",
            set: |s, text| {
                let origins: Vec<&str> = text.split(',').map(str::trim).collect();
                if !origins.iter().all(|origin| is_origin(origin) && !origin.ends_with('/')) {
                    return None;
                }
                s.http.cors_origins = origins.into_iter().map(str::to_owned).collect();
                Some(())
            },
        },
        "The sites whose pages may use the API from a browser, separated by commas. None unless\n\
         it is set.",
    ),
    key(
        "products.wanted",
        "regulated-transfer,onramp,offramp",
        Kind::Products(|s, products| s.products_wanted = products),
        "The products of a new user for whom nobody says.",
    ),
    unset(
        "requirements.file",
        Kind::Text(|s, path| s.requirements_file = Some(path.into())),
        "A file that replaces what is built in of what the provider asks of whom, as a whole:\n\
         config/requirements.toml is that, and docs/requirements.md explains it.",
    ),
    key(
        "documents.bytes_min",
        "1000",
        count(0, BYTES_MAX, |s, bytes| s.documents.bytes_min = bytes as usize),
        "The smallest file that is taken as a document: on one that is smaller nothing can be read.",
    ),
    key(
        "documents.bytes_max",
        "10000000",
        count(1, BYTES_MAX, |s, bytes| s.documents.bytes_max = bytes as usize),
        "The largest. The provider speaks of 10 MB a file.",
    ),
    key(
        "documents.side_pixels_min",
        "300",
        count(0, 100_000, |s, pixels| s.documents.side_pixels_min = pixels),
        "The least width and height of a picture.",
    ),
    key(
        "documents.pixels_max",
        "50000000",
        count(1, 500_000_000, |s, pixels| s.documents.pixels_max = pixels.into()),
        "The most pixels of a picture. To decode it takes up to nine bytes of memory for each.",
    ),
    key(
        "documents.pages_max",
        "20",
        count(1, 10_000, |s, pages| s.documents.pages_max = pages),
        "The most pages of a PDF.",
    ),
    key(
        "documents.expiry_lead_days",
        "30",
        count(0, 3_650, |s, days| s.documents.expiry_lead_days = days),
        "A document that expires in fewer days is taken with a warning.",
    ),
    key(
        "policy.fast_polls",
        "24",
        count(0, TIMES_MAX, |s, count| s.policy.fast_polls = count),
        "How many looks at a user in review follow policy.poll before policy.slow_poll.",
    ),
    key(
        "policy.recheck",
        "7d",
        Kind::Duration(|s, ms| s.policy.recheck_ms = ms),
        "The time between looks at a verified user, shortened by up to a fifth to spread them.",
    ),
    key(
        "policy.stalled_after",
        "1h",
        Kind::Duration(|s, ms| s.policy.stalled_after_ms = ms),
        "A step that fails for this long is reported as stalled. It is tried on all the same.",
    ),
    key(
        "policy.rounds_max",
        "3",
        count(1, TIMES_MAX, |s, count| s.policy.rounds_max = count),
        "How often the same thing may be asked for before the onboarding is held.",
    ),
    key(
        "policy.forgotten_max",
        "3",
        count(1, TIMES_MAX, |s, count| s.policy.forgotten_max = count),
        "How often in a row the provider may forget a user before the onboarding is held.",
    ),
    key(
        "policy.unclear_polls_max",
        "20",
        count(1, TIMES_MAX, |s, count| s.policy.unclear_polls_max = count),
        "How many looks in a row may give an answer that can't be understood before it is held.",
    ),
    key(
        "policy.resends_max",
        "1",
        count(0, TIMES_MAX, |s, count| s.policy.resends_max = count),
        "How often the profile is sent again when the provider acknowledged it and does not\n\
         show a section of it, before the onboarding is held.",
    ),
    key(
        "policy.rejected_recheck",
        "30d",
        Kind::Duration(|s, ms| s.policy.rejected_recheck_ms = ms),
        "The time between looks at a user whom the provider refused.",
    ),
    key(
        "policy.due.consent",
        "7d",
        Kind::Duration(|s, ms| s.policy.task_due.consent_ms = ms),
        "How long a person has for a task: to accept a legal text,",
    ),
    key(
        "policy.due.data",
        "14d",
        Kind::Duration(|s, ms| s.policy.task_due.data_ms = ms),
        "to give data,",
    ),
    key(
        "policy.due.document",
        "14d",
        Kind::Duration(|s, ms| s.policy.task_due.document_ms = ms),
        "to give a document,",
    ),
    key(
        "policy.due.operator",
        "1d",
        Kind::Duration(|s, ms| s.policy.task_due.operator_ms = ms),
        "and, for an operator, to find out what the provider means.",
    ),
    key(
        "policy.due.reminders",
        "7d,1d,0s",
        Kind::Reminders(|s, times| s.policy.reminders_ms = times),
        "How long before a task is due a person is reminded of it; also when it becomes overdue (0s).",
    ),
    key(
        "policy.renewal.lead",
        "30d",
        Kind::Duration(|s, ms| s.policy.renewal_lead_ms = ms),
        "How long before a verified user's document, verification or consent runs out a task\n\
         asks for a newer one.",
    ),
    key(
        "policy.renewal.verification_valid",
        "365d",
        Kind::Duration(|s, ms| s.policy.verification_valid_ms = ms),
        "How long a verification counts that verificationHistory names.",
    ),
    unset(
        "policy.renewal.consent_valid",
        Kind::Duration(|s, ms| s.policy.consent_valid_ms = ms),
        "How long a consent counts. For ever, unless it is set.",
    ),
    key(
        "policy.retry.initial",
        "1s",
        Kind::Duration(|s, ms| s.policy.retry.initial_ms = ms),
        "Between tries of a call that failed: the first delay,",
    ),
    key(
        "policy.retry.multiplier_percent",
        "200",
        count(100, 1_000, |s, percent| s.policy.retry.multiplier_percent = percent),
        "each delay in percent of the one before,",
    ),
    key(
        "policy.retry.max",
        "15m",
        Kind::Duration(|s, ms| s.policy.retry.max_ms = ms),
        "the longest delay,",
    ),
    key(
        "policy.retry.jitter_percent",
        "20",
        count(0, 100, |s, percent| s.policy.retry.jitter_percent = percent),
        "and by how much each is longer or shorter, so that not all fall due at once.",
    ),
    key(
        "policy.poll.initial",
        "2s",
        Kind::Duration(|s, ms| s.policy.poll.initial_ms = ms),
        "Between looks at a user in review, at first: the same four.",
    ),
    key(
        "policy.poll.multiplier_percent",
        "150",
        count(100, 1_000, |s, percent| s.policy.poll.multiplier_percent = percent),
        "",
    ),
    key("policy.poll.max", "30s", Kind::Duration(|s, ms| s.policy.poll.max_ms = ms), ""),
    key(
        "policy.poll.jitter_percent",
        "10",
        count(0, 100, |s, percent| s.policy.poll.jitter_percent = percent),
        "",
    ),
    key(
        "policy.slow_poll.initial",
        "45s",
        Kind::Duration(|s, ms| s.policy.slow_poll.initial_ms = ms),
        "Between looks after that; they never stop.",
    ),
    key(
        "policy.slow_poll.multiplier_percent",
        "150",
        count(100, 1_000, |s, percent| s.policy.slow_poll.multiplier_percent = percent),
        "",
    ),
    key("policy.slow_poll.max", "1h", Kind::Duration(|s, ms| s.policy.slow_poll.max_ms = ms), ""),
    key(
        "policy.slow_poll.jitter_percent",
        "10",
        count(0, 100, |s, percent| s.policy.slow_poll.jitter_percent = percent),
        "",
    ),
    key(
        "stuck.provider_slow",
        "3d",
        Kind::Duration(|s, ms| {
            s.stuck_after.provider_slow_ms = ms;
            s.notifications.stuck_after_ms = ms;
        }),
        "`gangway users --stuck` lists a user who was in review for so long, and others are told,",
    ),
    key(
        "stuck.our_budget",
        "15m",
        Kind::Duration(|s, ms| s.stuck_after.our_budget_ms = ms),
        "one for whom a call was due for so long that nobody made,",
    ),
    key(
        "stuck.user_silent",
        "7d",
        Kind::Duration(|s, ms| s.stuck_after.user_silent_ms = ms),
        "and one who was asked for something so long ago, even if it is not overdue.",
    ),
    key(
        "texts.language",
        "en",
        Kind::Form {
            expected: "the tag of a language, such as en, de or de-AT",
            set: |s, tag| {
                s.texts.language = tag.parse().ok()?;
                Some(())
            },
        },
        "The language of tasks and reminders where nobody says: en, de, es, fr, or one that\n\
         texts.dir adds.",
    ),
    unset(
        "texts.dir",
        Kind::Text(|s, path| s.texts.dir = Some(path.into())),
        "A folder of files that replace texts or add languages, each named by its language\n\
         (de.toml, pt-BR.toml). config/texts has all texts; a file may hold a part of them.",
    ),
    unset(
        "notifications.url",
        Kind::Text(|s, url| s.endpoint_url = Some(url)),
        "An endpoint that `serve` tells everything, beside those of `gangway webhook`, which lists\n\
         it as ep_configured. Without it there is none of that name.",
    ),
    unset(
        "notifications.secret",
        Kind::Secret(|s, secret| s.endpoint_secret = Some(secret)),
        "What signs for it: whsec_ and 24 to 64 random bytes in base64, as by\n\
         echo whsec_$(openssl rand -base64 32). When it changes, the one before signs as well for\n\
         a day.",
    ),
    key(
        "notifications.timeout",
        "20s",
        Kind::Duration(|s, ms| s.notifications.timeout_ms = ms),
        "How long an endpoint of `gangway webhook` may take to answer.",
    ),
    key(
        "notifications.concurrency",
        "8",
        count(1, 1_000, |s, count| s.notifications.concurrency = count as usize),
        "How many notifications are on their way to one endpoint at once; of one user, one is.",
    ),
    key(
        "notifications.warn_after",
        "1d",
        Kind::Duration(|s, ms| s.notifications.warn_after_ms = ms),
        "When nothing has arrived at an endpoint for so long, the log warns,",
    ),
    key(
        "notifications.disable_after",
        "5d",
        Kind::Duration(|s, ms| s.notifications.disable_after_ms = ms),
        "and after so long it is disabled; what it is told of waits until it is enabled.",
    ),
    key(
        "notifications.log_kept",
        "30d",
        Kind::Duration(|s, ms| s.notifications.log_kept_ms = ms),
        "How long `gangway webhook deliveries` knows of what arrived or was given up.",
    ),
    key(
        "notifications.allow_loopback",
        "false",
        Kind::Switch(|s, allow| s.notifications.allow_loopback = allow),
        "Whether endpoints on this machine are told, by http:// too. For tries alone: what can\n\
         add endpoints could then reach whatever listens here.",
    ),
    unset(
        "traces.endpoint",
        Kind::Form {
            expected: "an http or https origin and no more, such as http://127.0.0.1:4318",
            set: |s, url| {
                let is_origin = is_origin(url);
                s.traces_endpoint = is_origin.then(|| url.trim_end_matches('/').to_owned());
                is_origin.then_some(())
            },
        },
        "A collector of OpenTelemetry that takes traces over HTTP (OTLP, at /v1/traces): one for each\n\
         round of an onboarding. None are made unless it is set.",
    ),
    key(
        "log.format",
        "human",
        Kind::Choice(&[
            ("human", |s| s.log.format = LogFormat::Human),
            ("json", |s| s.log.format = LogFormat::Json),
        ]),
        "The form of the log on stderr: human or json.",
    ),
    key(
        "log.filter",
        "info",
        Kind::Form {
            expected: "a level, such as info, or levels by module, such as info,engine=debug",
            set: |s, filter| {
                filter.parse::<Targets>().ok()?;
                filter.clone_into(&mut s.log.filter);
                Some(())
            },
        },
        "What is logged: a level (error, warn, info, debug, trace), or levels by module\n\
         (info,engine=debug). Libraries of others log warnings and errors alone.",
    ),
];
