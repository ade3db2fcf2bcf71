//! One try: sends a message, and says what came of it. Nothing of the answer but its status and
//! `Retry-After` is read into anything.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::fmt::rfc2822::DateTimeParser;
use onboarding::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use store::Tried;

use crate::Settings;
use crate::address::{self, Blocked, Guard, Lookup};
use crate::message::Message;
use crate::schedule::RETRY_AFTER_MAX_MS;
use crate::secret::Secret;

/// The longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// So much of an answer's body is read, and thrown away, for its connection to be of use again.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Connections are given up before what stands between closes them, commonly after a minute.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// Sends messages to endpoints of the open internet, and nowhere else.
pub struct Client {
    settings: Settings,
    secure: Result<reqwest::Client, reqwest::Error>,
    plain: reqwest::Client,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("notifications can't be sent: the machine's TLS can't be set up")]
pub struct ClientError(#[source] reqwest::Error);

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The HTTP status, if one came.
    pub http_status: Option<u16>,
    /// How long it took.
    pub took_ms: u64,
    /// What went wrong; nothing if it arrived.
    pub problem: Option<Problem>,
    /// How long the receiver asked us to wait.
    pub retry_after_ms: Option<u64>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The address is not one of the open internet.
    Blocked,
    /// There is no connection.
    Connect,
    /// It took too long.
    TimedOut,
    /// The connection broke off.
    Broken,
    /// The receiver sends us elsewhere, where we don't follow.
    Redirect,
    /// The receiver is gone for good.
    Gone,
    /// The receiver did not take it.
    Refused,
    /// None of the secrets can be read.
    NoSecret,
    /// TLS can't be set up on this machine.
    NoTls,
}

impl Problem {
    /// The word in the log of deliveries.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked-address",
            Self::Connect => "no-connection",
            Self::TimedOut => "timed-out",
            Self::Broken => "broken-off",
            Self::Redirect => "redirect",
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::NoSecret => "no-secret",
            Self::NoTls => "no-tls",
        }
    }
}

impl Outcome {
    /// It as it is stored.
    #[must_use]
    pub fn tried(&self, at: Timestamp) -> Tried {
        Tried {
            at,
            http_status: self.http_status,
            took_ms: self.took_ms,
            error: self.problem.map(Problem::as_str),
        }
    }

    fn failed(problem: Problem, took_ms: u64) -> Self {
        Self { http_status: None, took_ms, problem: Some(problem), retry_after_ms: None }
    }
}

impl Client {
    /// A client that looks names up by `lookup`.
    ///
    /// # Errors
    /// When not even a connection without TLS could be made.
    pub fn new(settings: Settings, lookup: &Lookup) -> Result<Self, ClientError> {
        // It fails when a provider is installed already, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let guard =
                Guard { lookup: Arc::clone(lookup), allow_loopback: settings.allow_loopback };
            reqwest::Client::builder()
                .user_agent(concat!("gangway/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(guard))
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(Duration::from_millis(settings.timeout_ms))
                .pool_idle_timeout(IDLE_CONNECTION)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .http1_only()
        };
        // Tries on this machine must work where no CA certificates are installed.
        let plain = builder().tls_certs_only([]).build().map_err(ClientError)?;
        Ok(Self { settings, secure: builder().https_only(true).build(), plain })
    }

    /// Sends a message once.
    pub async fn send(
        &self,
        url: &str,
        secrets: &[String],
        message: &Message,
        now: Timestamp,
    ) -> Outcome {
        let started = Instant::now();
        let took_ms = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Ok(url) = address::check_url(url, self.settings.allow_loopback) else {
            return Outcome::failed(Problem::Blocked, 0);
        };
        let secrets: Vec<Secret> = secrets.iter().filter_map(|text| text.parse().ok()).collect();
        if secrets.is_empty() {
            return Outcome::failed(Problem::NoSecret, 0);
        }
        let http = match (&self.secure, url.scheme()) {
            (_, "http") => &self.plain,
            (Ok(secure), _) => secure,
            (Err(_), _) => return Outcome::failed(Problem::NoTls, 0),
        };
        let headers = message.headers(&secrets, now);
        let request = http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", headers.id)
            .header("webhook-timestamp", headers.timestamp)
            .header("webhook-signature", headers.signature)
            .body(message.body.clone());
        match request.send().await {
            Ok(response) => {
                let (status, retry_after_ms) =
                    (response.status(), retry_after_ms(response.headers(), now));
                drain(response).await;
                Outcome {
                    http_status: Some(status.as_u16()),
                    took_ms: took_ms(),
                    problem: problem_of(status),
                    retry_after_ms,
                }
            }
            Err(error) => Outcome::failed(lost(&error), took_ms()),
        }
    }
}

fn problem_of(status: StatusCode) -> Option<Problem> {
    match status {
        status if status.is_success() => None,
        StatusCode::GONE => Some(Problem::Gone),
        status if status.is_redirection() => Some(Problem::Redirect),
        _ => Some(Problem::Refused),
    }
}

fn lost(error: &reqwest::Error) -> Problem {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<Blocked>() {
            return Problem::Blocked;
        }
        cause = error.source();
    }
    if error.is_timeout() {
        Problem::TimedOut
    } else if error.is_connect() {
        Problem::Connect
    } else {
        Problem::Broken
    }
}

/// Reads the body up to the limit. How that goes changes nothing: the status has come.
async fn drain(mut response: Response) {
    let mut left = ANSWER_BYTES_MAX;
    while let Ok(Some(piece)) = response.chunk().await {
        let Some(rest) = left.checked_sub(piece.len()) else { return };
        left = rest;
    }
}

/// `Retry-After` in seconds or as a date.
fn retry_after_ms(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let ms = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000)
    } else {
        let until = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
        u64::try_from(until.as_millisecond() - now.0).unwrap_or(0)
    };
    Some(ms.min(RETRY_AFTER_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms_up_to_a_limit() {
        let now = Timestamp(784_111_777_000);
        for (text, expected) in [
            ("120", Some(120_000)),
            ("0", Some(0)),
            ("99999999999999999999", Some(RETRY_AFTER_MAX_MS)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60_000)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after_ms(&headers, now), expected, "{text}");
        }
    }
}
