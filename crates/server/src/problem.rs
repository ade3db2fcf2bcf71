//! What went wrong with a request, as problem details (RFC 9457). No text in here holds
//! personal data, nor what a library said.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use engine::IntakeError;
use onboarding::{InvalidLocator, Problems, Reason, State};
use schemars::JsonSchema;
use serde::Serialize;
use store::StoreError;
use tracing::error;

/// The media type of every error.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// What kinds of trouble there are; the words are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BadRequest,
    InvalidLocator,
    Unauthorized,
    Forbidden,
    NoSuchUser,
    NoSuchDocument,
    NoSuchEndpoint,
    NoSuchWallet,
    NoSuchRoute,
    MethodNotAllowed,
    NotNow,
    Ended,
    EndpointExists,
    RequestInProgress,
    VersionMismatch,
    TooLarge,
    UnsupportedMediaType,
    DataRefused,
    IdempotencyKeyReused,
    TooManyRequests,
    TimedOut,
    Internal,
    Busy,
    StoreUnavailable,
    NotReady,
}

impl Code {
    pub(crate) const ALL: [Self; 25] = [
        Self::BadRequest,
        Self::InvalidLocator,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NoSuchUser,
        Self::NoSuchDocument,
        Self::NoSuchEndpoint,
        Self::NoSuchWallet,
        Self::NoSuchRoute,
        Self::MethodNotAllowed,
        Self::NotNow,
        Self::Ended,
        Self::EndpointExists,
        Self::RequestInProgress,
        Self::VersionMismatch,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::DataRefused,
        Self::IdempotencyKeyReused,
        Self::TooManyRequests,
        Self::TimedOut,
        Self::Internal,
        Self::Busy,
        Self::StoreUnavailable,
        Self::NotReady,
    ];

    /// The word, the HTTP status, and what it means in general.
    const fn told(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => ("bad-request", S::BAD_REQUEST, "The request can't be read"),
            Self::InvalidLocator => {
                ("invalid-locator", S::BAD_REQUEST, "The user's locator is malformed")
            }
            Self::Unauthorized => ("unauthorized", S::UNAUTHORIZED, "No key that is good"),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "The key may not do this"),
            Self::NoSuchUser => ("no-such-user", S::NOT_FOUND, "There is no such user"),
            Self::NoSuchDocument => ("no-such-document", S::NOT_FOUND, "There is no such document"),
            Self::NoSuchEndpoint => ("no-such-endpoint", S::NOT_FOUND, "There is no such endpoint"),
            Self::NoSuchWallet => ("no-such-wallet", S::NOT_FOUND, "There is no such wallet"),
            Self::NoSuchRoute => ("no-such-route", S::NOT_FOUND, "There is nothing here"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", S::METHOD_NOT_ALLOWED, "This path has other methods")
            }
            Self::NotNow => ("not-now", S::CONFLICT, "It can't be done to the user as it is"),
            Self::Ended => ("ended", S::CONFLICT, "The onboarding was ended"),
            Self::EndpointExists => {
                ("endpoint-exists", S::CONFLICT, "An endpoint with this URL is there already")
            }
            Self::RequestInProgress => {
                ("request-in-progress", S::CONFLICT, "The same request is being carried out")
            }
            Self::VersionMismatch => {
                ("version-mismatch", S::PRECONDITION_FAILED, "The user is not as expected")
            }
            Self::TooLarge => ("too-large", S::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                S::UNSUPPORTED_MEDIA_TYPE,
                "The body is of another media type",
            ),
            Self::DataRefused => {
                ("data-refused", S::UNPROCESSABLE_ENTITY, "What was given was refused")
            }
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                S::UNPROCESSABLE_ENTITY,
                "The idempotency key was used for another request",
            ),
            Self::TooManyRequests => {
                ("too-many-requests", S::TOO_MANY_REQUESTS, "Too many requests")
            }
            Self::TimedOut => ("timed-out", S::REQUEST_TIMEOUT, "The request took too long"),
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "This is a bug of Gangway's"),
            Self::Busy => ("busy", S::SERVICE_UNAVAILABLE, "Others change the user all the time"),
            Self::StoreUnavailable => {
                ("store-unavailable", S::SERVICE_UNAVAILABLE, "The store can't be used now")
            }
            Self::NotReady => {
                ("not-ready", S::SERVICE_UNAVAILABLE, "Something is in the way of the work")
            }
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        self.told().0
    }

    pub(crate) const fn status(self) -> StatusCode {
        self.told().1
    }
}

/// Why a request was not carried out.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    detail: String,
    errors: Vec<onboarding::Problem>,
    retry_after_s: Option<u64>,
    allow: Option<HeaderValue>,
}

/// A problem as it is sent: problem details of RFC 9457, with a stable code and the places of
/// what is wrong.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body9457 {
    /// `urn:gangway:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What the code means in general.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What to do about it.
    detail: String,
    /// `urn:uuid:` and the request's id, by which the log has it.
    instance: String,
    /// The stable code.
    code: String,
    /// What is wrong with what was given, each with its JSON pointer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<onboarding::Problem>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after_s: None, allow: None }
    }

    /// The same, with the seconds after which it may be tried again.
    pub(crate) fn after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    pub(crate) fn allowing(self, methods: HeaderValue) -> Self {
        Self { allow: Some(methods), ..self }
    }

    /// What was given is refused, at these places.
    pub(crate) fn refused(problems: Problems) -> Self {
        Self {
            errors: problems.0,
            ..Self::new(Code::DataRefused, "correct what `errors` names; nothing was stored")
        }
    }

    pub(crate) fn internal() -> Self {
        Self::new(Code::Internal, "report it with the request's id; the log says more")
    }

    /// The response, once the request's id is known.
    pub(crate) fn respond(&self, request_id: uuid::Uuid) -> Response<Body> {
        let (code, status, title) = self.code.told();
        let body = Body9457 {
            kind: format!("urn:gangway:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            instance: format!("urn:uuid:{request_id}"),
            code: code.to_owned(),
            errors: self.errors.clone(),
        };
        let body = serde_json::to_vec(&body).expect("a problem is plain JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = &self.allow {
            headers.insert(ALLOW, methods.clone());
        }
        if self.code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The guard, which knows the request's id, makes the body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<InvalidLocator> for Problem {
    fn from(error: InvalidLocator) -> Self {
        Self::new(Code::InvalidLocator, error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        error!(error = &error as &dyn std::error::Error, "the store failed a request");
        match error {
            StoreError::Unavailable(_) | StoreError::Closed => {
                Self::new(Code::StoreUnavailable, "nothing was stored; try again").after(1)
            }
            StoreError::Unknown(_) => {
                let detail = "it is not known whether it was stored; read the status, and repeat";
                Self::new(Code::StoreUnavailable, detail).after(1)
            }
            StoreError::Damaged { .. } => Self::internal(),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::NoSuchUser => no_such_user(),
            IntakeError::NoSuchWallet => {
                Self::new(Code::NoSuchWallet, "GET …/linked-wallets lists those that are held")
            }
            IntakeError::Refused(problems) => Self::refused(problems),
            IntakeError::Ended(_) => Self::new(Code::Ended, error.to_string()),
            IntakeError::NotNow(_) => Self::new(Code::NotNow, error.to_string()),
            IntakeError::Moved(_) => Self::new(Code::VersionMismatch, error.to_string()),
            IntakeError::Conflict => Self::new(Code::Busy, "try again").after(1),
            IntakeError::DamagedProfile => {
                Self::new(Code::NotNow, "what is held can't be read; give the user's whole data")
            }
            IntakeError::Store(error) => error.into(),
        }
    }
}

pub(crate) fn no_such_user() -> Problem {
    Problem::new(Code::NoSuchUser, "PUT the user first; GET /v1/users lists them")
}

/// The rules do not allow it to a user in `state`.
pub(crate) fn not_now(reason: Reason, state: State) -> Problem {
    if reason == Reason::NothingNewToVerify && state == State::Polling {
        return Problem::new(Code::NotNow, "verification is under way; read the status");
    }
    IntakeError::NotNow(reason).into()
}
