//! What the client needs to know, and the checks that keep a key from the wrong host.

use std::fmt;

use reqwest::Url;
use reqwest::header::HeaderValue;

/// How to reach the provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Scheme, host and perhaps port: `https://staging.crossmint.com`. The client adds the path.
    pub origin: String,
    /// The key that every call carries.
    pub api_key: ApiKey,
    /// The form of the API that is spoken.
    pub api: ApiForm,
    /// The form in which an upload names its user, where it is not that of `api`.
    pub document_reference: Option<DocumentReference>,
    /// The form in which an upload carries its file, where it is not that of `api`.
    pub document_data: Option<DocumentData>,
    /// The longest wait for a connection, TLS included.
    pub connect_timeout_ms: u64,
    /// The longest that a call may take, connection and answer included.
    pub call_timeout_ms: u64,
    /// The same for an upload, which may send 13 MB.
    pub upload_timeout_ms: u64,
}

impl Settings {
    /// Settings for the API of today, with the default time-outs.
    #[must_use]
    pub fn new(origin: impl Into<String>, api_key: ApiKey) -> Self {
        Self {
            origin: origin.into(),
            api_key,
            api: ApiForm::Current,
            document_reference: None,
            document_data: None,
            connect_timeout_ms: 5_000,
            call_timeout_ms: 30_000,
            upload_timeout_ms: 120_000,
        }
    }

    pub(crate) const fn document_reference(&self) -> DocumentReference {
        match (self.document_reference, self.api) {
            (Some(form), _) => form,
            (None, ApiForm::Quickstart) => DocumentReference::UserLocator,
            (None, ApiForm::Current) => DocumentReference::Reference,
        }
    }

    pub(crate) const fn document_data(&self) -> DocumentData {
        match (self.document_data, self.api) {
            (Some(form), _) => form,
            (None, ApiForm::Quickstart) => DocumentData::Base64,
            (None, ApiForm::Current) => DocumentData::DataUrl,
        }
    }

    /// The origin as a URL, once it and the key have passed every check.
    pub(crate) fn checked_origin(&self) -> Result<Url, SettingsError> {
        let origin = parse_origin(&self.origin)?;
        let host = Host::of(&origin);
        if origin.scheme() == "http" && host != Host::Loopback {
            return Err(SettingsError::PlainHttp);
        }
        self.api_key.check(host)?;
        Ok(origin)
    }
}

/// The provider's key. It has no `Debug` that shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes the key as it was read; space and line ends around it are dropped,
    /// because a key file usually ends in one.
    #[must_use]
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(key.as_ref().trim().to_owned())
    }

    fn check(&self, host: Host) -> Result<(), SettingsError> {
        let key = self.0.as_str();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SettingsError::KeyUnreadable);
        }
        if key.starts_with("ck_") {
            return Err(SettingsError::ClientKey);
        }
        match host {
            Host::Loopback => Ok(()),
            Host::Staging if key.starts_with("sk_staging_") => Ok(()),
            Host::Production if key.starts_with("sk_production_") => Ok(()),
            Host::Other if key.starts_with("sk_") => Ok(()),
            Host::Staging => Err(SettingsError::KeyNotForStaging),
            Host::Production => Err(SettingsError::KeyNotForProduction),
            Host::Other => Err(SettingsError::NotServerKey),
        }
    }

    /// The key as a header that no `Debug` of a request shows.
    pub(crate) fn header(&self) -> Result<HeaderValue, SettingsError> {
        let mut value = HeaderValue::from_str(&self.0).map_err(|_| SettingsError::KeyUnreadable)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The provider's API has been described in several forms. Which one is spoken decides how
/// an upload is written, and whether there are texts to accept and a user to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiForm {
    /// As it is described today: `reference` and a data URL, the privacy policy and the terms
    /// of service, and `GET /users`, which shows what is held.
    Current,
    /// As on the quickstart page, the oldest: `userLocator` and base64, and neither of the rest.
    Quickstart,
}

/// The form in which an upload names its user. The provider's pages contradict
/// each other, so an upload that is refused with a 400 in one form takes the other
/// when it is tried again, and the form that works first is used from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentReference {
    /// `"userLocator": "…"`, as in the quickstart.
    UserLocator,
    /// `"reference": {"userLocator": "…"}`, as in the API reference.
    Reference,
}

impl DocumentReference {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::UserLocator => Self::Reference,
            Self::Reference => Self::UserLocator,
        }
    }
}

/// The form in which an upload carries its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentData {
    /// Base64 alone, as in the quickstart.
    Base64,
    /// `data:image/png;base64,…`, as in the API reference.
    DataUrl,
}

/// Whose host it is, as far as the key must match it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    /// This machine: the sandbox. Any server key will do, and plain HTTP is safe.
    Loopback,
    /// The provider's staging environment.
    Staging,
    /// The provider's production environment.
    Production,
    /// Perhaps a company's own gateway to the provider, whose environment only
    /// the company knows. A server key over TLS is all that can be asked.
    Other,
}

impl Host {
    fn of(origin: &Url) -> Self {
        let host = origin.host_str().unwrap_or_default().trim_end_matches('.');
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match host {
            "staging.crossmint.com" => Self::Staging,
            "www.crossmint.com" => Self::Production,
            "localhost" => Self::Loopback,
            _ if loopback => Self::Loopback,
            _ => Self::Other,
        }
    }
}

fn parse_origin(text: &str) -> Result<Url, SettingsError> {
    let url = Url::parse(text).map_err(|_| SettingsError::BadOrigin)?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if bare { Ok(url) } else { Err(SettingsError::BadOrigin) }
}

/// Why no client can be made of the settings. The texts never show the key.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The origin is not scheme, host and perhaps port.
    #[error(
        "the provider's URL must be scheme and host only, for example https://staging.crossmint.com"
    )]
    BadOrigin,
    /// Plain HTTP to another machine.
    #[error("the provider's URL must begin with https:// (plain http is for this machine only)")]
    PlainHttp,
    /// The key is empty, or holds what no key holds.
    #[error("the API key is empty or holds spaces or control characters; copy it again")]
    KeyUnreadable,
    /// A key that is meant for browsers and apps.
    #[error("the API key is a client key (ck_); create a server key (sk_) in Crossmint's console")]
    ClientKey,
    /// Another key than a staging key for the staging host.
    #[error(
        "staging.crossmint.com takes keys that begin with sk_staging_; change the key or the URL"
    )]
    KeyNotForStaging,
    /// Another key than a production key for the production host.
    #[error(
        "www.crossmint.com takes keys that begin with sk_production_; change the key or the URL"
    )]
    KeyNotForProduction,
    /// Not a server key.
    #[error("the API key is no server key; create one (sk_) in Crossmint's console")]
    NotServerKey,
    /// The TLS set-up failed.
    #[error(
        "TLS could not be set up; install the system's CA certificates (package ca-certificates)"
    )]
    Tls(#[source] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: &str, key: &str) -> &'static str {
        match Settings::new(origin, ApiKey::new(key)).checked_origin() {
            Ok(_) => "ok",
            Err(SettingsError::BadOrigin) => "bad origin",
            Err(SettingsError::PlainHttp) => "plain http",
            Err(SettingsError::KeyUnreadable) => "unreadable",
            Err(SettingsError::ClientKey) => "client key",
            Err(SettingsError::KeyNotForStaging) => "not for staging",
            Err(SettingsError::KeyNotForProduction) => "not for production",
            Err(SettingsError::NotServerKey) => "no server key",
            Err(SettingsError::Tls(_)) => "tls",
        }
    }

    #[test]
    fn a_key_goes_only_to_its_own_host() {
        let (staging, production) = ("https://staging.crossmint.com", "https://www.crossmint.com");
        for (origin, key, expected) in [
            (staging, "sk_staging_1", "ok"),
            (staging, "sk_production_1", "not for staging"),
            (staging, "whatever", "not for staging"),
            ("https://STAGING.crossmint.com.:443/", "sk_production_1", "not for staging"),
            (production, "sk_production_1", "ok"),
            (production, "sk_staging_1", "not for production"),
            (production, "ck_production_1", "client key"),
            ("http://127.0.0.1:8080", "any", "ok"),
            ("http://127.8.8.8:8080", "sk_production_1", "ok"),
            ("http://[::1]:8080", "any", "ok"),
            ("http://localhost:8080", "any", "ok"),
            ("http://localhost:8080", "ck_1", "client key"),
            ("http://localhost:8080", "", "unreadable"),
            ("http://localhost:8080", "two words", "unreadable"),
            ("https://gateway.example.org", "sk_staging_1", "ok"),
            ("https://gateway.example.org", "any", "no server key"),
            ("https://localhost.example.org", "any", "no server key"),
        ] {
            assert_eq!(check(origin, key), expected, "{origin} {key}");
        }
    }

    #[test]
    fn an_origin_is_scheme_and_host_only() {
        for (origin, expected) in [
            ("https://gateway.example.org:8443/", "ok"),
            ("https://gateway.example.org/api", "bad origin"),
            ("https://gateway.example.org/?a=1", "bad origin"),
            ("https://gateway.example.org/#a", "bad origin"),
            ("https://user:secret@gateway.example.org", "bad origin"),
            ("ftp://gateway.example.org", "bad origin"),
            ("gateway.example.org", "bad origin"),
            ("", "bad origin"),
            ("http://gateway.example.org", "plain http"),
            ("http://staging.crossmint.com", "plain http"),
        ] {
            assert_eq!(check(origin, "sk_staging_1"), expected, "{origin}");
        }
    }

    #[test]
    fn a_key_is_trimmed_and_never_shown() {
        let settings = Settings::new("http://localhost", ApiKey::new("sk_staging_canary\n"));
        assert_eq!(settings.api_key.header().unwrap().to_str().unwrap(), "sk_staging_canary");
        assert!(!format!("{settings:?}").contains("canary"));
        assert!(!format!("{:?}", settings.api_key.header()).contains("canary"));
    }
}
