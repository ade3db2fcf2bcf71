//! Sends one call and reads its answer, within limits of time and size.
//!
//! It follows no redirect, uses no proxy that the environment names and tries
//! nothing twice. It logs the route's template, never the path or a body.

use std::time::{Duration, Instant};

use onboarding::{Failure, UserLocator};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::classify;
use crate::scrub::Personal;
use crate::settings::{Settings, SettingsError};
use crate::wire::path_segment;

/// The largest answer that is read. The provider's answers have a few hundred bytes, its
/// longest perhaps two thousand. Read into a tree, small objects take a hundred times their
/// size, and as many answers are read at once as there are users worked on.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

const API_PATH: &str = "/api/2025-06-09";
const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
/// Load balancers commonly close a connection after 60 idle seconds. Ours are
/// given up earlier, so that no call is lost on one that is just being closed.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
/// By one of these the provider's staff may find a call in their logs.
const REQUEST_ID_HEADERS: [&str; 4] =
    ["x-request-id", "x-correlation-id", "x-amzn-requestid", "cf-ray"];

/// One call that is about to be made.
pub(crate) struct Call {
    method: Method,
    /// The path with its parameters by name, which may be logged.
    route: &'static str,
    /// The path with its parameters filled in, which may not.
    path: String,
    body: Option<Vec<u8>>,
    personal: Personal,
    timeout: Duration,
}

impl Call {
    pub(crate) fn new(method: Method, route: &'static str, timeout: Duration) -> Self {
        let path = route.to_owned();
        Self { method, route, path, body: None, personal: Personal::default(), timeout }
    }

    /// Fills the user into the path.
    pub(crate) fn user(self, locator: &UserLocator) -> Self {
        self.about(locator).fill("{userLocator}", locator.as_str())
    }

    /// Keeps the user's name out of messages.
    pub(crate) fn about(mut self, locator: &UserLocator) -> Self {
        self.personal.add_locator(locator);
        self
    }

    /// Fills a personal parameter into the path, and keeps it out of messages.
    pub(crate) fn fill_personal(mut self, name: &str, value: &str) -> Self {
        self.personal.add(value);
        self.fill(name, value)
    }

    /// Fills a parameter into the path.
    pub(crate) fn fill(mut self, name: &str, value: &str) -> Self {
        self.path = self.path.replace(name, &path_segment(value));
        self
    }

    /// Sends `body`, none of whose texts will come back in a message.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.personal.add_body(body);
        let json = serde_json::to_vec(body).expect("a body is made of strings, which always write");
        self.bytes(json)
    }

    /// Sends `body`, which is JSON already.
    pub(crate) fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }
}

/// A whole answer of 2xx.
pub(crate) struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    /// Reads the answer. The reader's error text is not used: it may quote the answer.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let why = format!("its body is not what was expected (line {line}, column {column})");
            classify::unreadable(self.status, why)
        })
    }

    /// Reads an answer that may be empty, because all that counts is that it is 2xx.
    pub(crate) fn read_or_empty<T: DeserializeOwned + Default>(&self) -> Result<T, Failure> {
        if self.body.trim_ascii().is_empty() { Ok(T::default()) } else { self.read() }
    }
}

/// A call that did not succeed.
pub(crate) struct Unsuccessful {
    pub(crate) failure: Failure,
    /// Whether the answer has the form of the provider's own errors.
    pub(crate) is_in_its_words: bool,
}

impl From<Failure> for Unsuccessful {
    fn from(failure: Failure) -> Self {
        Self { failure, is_in_its_words: false }
    }
}

pub(crate) struct Transport {
    http: reqwest::Client,
    /// The origin and the API's path.
    base: String,
    /// What is answered to every call, without a network.
    #[cfg(feature = "fuzzing")]
    pub(crate) canned: Option<http::Response<Vec<u8>>>,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let origin = settings.checked_origin()?;
        // It fails when a provider is installed already, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        headers.insert(API_KEY_HEADER, settings.api_key.header()?);
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("gangway/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .pool_idle_timeout(IDLE_CONNECTION)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .http1_only();
        if origin.scheme() == "http" {
            // The sandbox must start where no CA certificates are installed.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(SettingsError::Tls)?;
        Ok(Self {
            http,
            base: format!("{}{API_PATH}", origin.origin().ascii_serialization()),
            #[cfg(feature = "fuzzing")]
            canned: None,
        })
    }

    /// Makes the call. Whatever is not a whole answer of 2xx is a failure.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, Failure> {
        self.exchange(call).await.map_err(|unsuccessful| unsuccessful.failure)
    }

    /// The same, with whether the failure is told in the provider's own words.
    pub(crate) async fn exchange(&self, call: Call) -> Result<Answer, Unsuccessful> {
        let started = Instant::now();
        let (method, route) = (call.method.clone(), call.route);
        let mut seen = Seen::default();
        let outcome = self.make(call, &mut seen).await;
        let class = outcome.as_ref().err().map(|error| error.failure.class.as_str());
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(
            %method, route, elapsed_ms, class,
            status = seen.status, request_id = seen.request_id, "provider called"
        );
        outcome
    }

    async fn answer_to(&self, request: RequestBuilder) -> reqwest::Result<Response> {
        #[cfg(feature = "fuzzing")]
        if let Some(answer) = &self.canned {
            return Ok(answer.clone().into());
        }
        request.send().await
    }

    async fn make(&self, call: Call, seen: &mut Seen) -> Result<Answer, Unsuccessful> {
        let url = format!("{}{}", self.base, call.path);
        let mut request = self.http.request(call.method, url).timeout(call.timeout);
        if let Some(body) = call.body {
            let json = HeaderValue::from_static("application/json");
            request = request.header(CONTENT_TYPE, json).body(body);
        }
        let mut response = self
            .answer_to(request)
            .await
            .map_err(|error| classify::lost(&error, &call.personal))?;
        *seen = Seen::of(&response);
        let status = response.status();
        let body = read_limited(&mut response).await;
        let (status, success) = (status.as_u16(), status.is_success());
        match body {
            Ok(body) if success => Ok(Answer { status, body }),
            Err(Unread::Lost(error)) if success => {
                let lost = classify::lost(&error, &call.personal);
                Err(Failure { http_status: Some(status), ..lost }.into())
            }
            Err(Unread::TooLarge) if success => {
                let why = format_args!("with more than {ANSWER_BYTES_MAX} bytes");
                Err(classify::unreadable(status, why).into())
            }
            // The status alone says enough of a refusal whose body is lost.
            body => {
                let body = body.unwrap_or_default();
                let failure = classify::refusal(status, response.headers(), &body, &call.personal);
                Err(Unsuccessful { failure, is_in_its_words: classify::is_providers_error(&body) })
            }
        }
    }
}

/// What the log says about an answer.
#[derive(Default)]
struct Seen {
    status: Option<u16>,
    request_id: Option<String>,
}

impl Seen {
    fn of(response: &Response) -> Self {
        let headers = response.headers();
        let id = REQUEST_ID_HEADERS.iter().find_map(|name| headers.get(*name));
        let request_id = id.and_then(|id| id.to_str().ok()).map(|id| Personal::default().scrub(id));
        Self { status: Some(response.status().as_u16()), request_id }
    }
}

enum Unread {
    TooLarge,
    Lost(reqwest::Error),
}

/// Reads piece by piece, so that a huge answer is given up before it fills the memory.
async fn read_limited(response: &mut Response) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(Unread::Lost)? {
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
