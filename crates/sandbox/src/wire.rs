//! The shapes that go back over the wire.

use jiff::Timestamp;
use serde_json::{Value, json};

/// An answer before it is sent, so that a fault can still be done to it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Json(Value),
    Text(String),
}

impl Answer {
    pub(crate) const fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    /// The provider's error body: `{"error":true,"message":"…"}`.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::json(status, json!({ "error": true, "message": message }))
    }

    pub(crate) fn user_not_found() -> Self {
        Self::error(404, "User not found")
    }

    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

impl Body {
    pub(crate) const fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json; charset=utf-8",
            Self::Text(_) => "text/html; charset=utf-8",
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Text(text) => text.clone().into_bytes(),
        }
    }
}

/// A time as the provider prints it: RFC 3339 with milliseconds and `Z`.
pub(crate) fn timestamp(at: i64) -> String {
    let time = Timestamp::from_millisecond(at).expect("the machine's clock is within jiff's range");
    format!("{time:.3}")
}
