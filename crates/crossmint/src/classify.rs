//! Turns everything but a readable 2xx into a [`Failure`], by what can be done about it.

use std::error::Error;

use jiff::fmt::rfc2822::DateTimeParser;
use onboarding::{Effect, Failure, FailureClass};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::scrub::Personal;

/// The longest `Retry-After` that is believed: a wrong clock or a slip of the
/// provider's must not stop the work for a day.
const RETRY_AFTER_MAX_MS: u64 = 60 * 60 * 1000;

/// An answer with another status than 2xx. `body` is empty when it could not be read.
pub(crate) fn refusal(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    personal: &Personal,
) -> Failure {
    let said = said(body).map(|text| personal.scrub(&text)).filter(|text| !text.trim().is_empty());
    // What the user's own data says must not decide the class, so it is taken out first.
    let class = class_of(status, said.as_deref().unwrap_or_default());
    Failure {
        class,
        message: said.unwrap_or_else(|| without_message(status, class)),
        http_status: Some(status),
        retry_after_ms: matches!(status, 429 | 503).then(|| retry_after_ms(headers)).flatten(),
        effect: effect_of(class),
    }
}

/// A call that got no whole answer.
pub(crate) fn lost(error: &reqwest::Error, personal: &Personal) -> Failure {
    if error.is_connect() {
        let cause = personal.scrub(&innermost(error));
        return Failure {
            effect: Effect::None,
            ..unclear(format!(
                "no connection to the provider ({cause}); check its URL and the network"
            ))
        };
    }
    unclear(if error.is_timeout() {
        "the provider did not answer within the time-out; it is tried again".to_owned()
    } else {
        "the connection was lost before the whole answer was there; it is tried again".to_owned()
    })
}

/// An answer of 2xx that can't be read. `why` must hold nothing of the answer.
pub(crate) fn unreadable(status: u16, why: impl std::fmt::Display) -> Failure {
    let message = format!("the provider answered {status}, but {why}; it is tried again");
    Failure { http_status: Some(status), ..unclear(message) }
}

fn unclear(message: String) -> Failure {
    Failure {
        class: FailureClass::Transient,
        message,
        http_status: None,
        retry_after_ms: None,
        effect: Effect::Unknown,
    }
}

/// The innermost cause names the fault (`Connection refused`); the outer ones name URLs.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn class_of(status: u16, message: &str) -> FailureClass {
    let message = message.to_lowercase();
    match status {
        400..=499 if message.contains("not configured to support") => FailureClass::ProviderClosed,
        400..=499 if message.contains("kyc is in progress") => FailureClass::Transient,
        // No call is ever redirected, so the URL is wrong, and for every user.
        300..=399 | 401 | 403 => FailureClass::ProviderClosed,
        404 => FailureClass::NotFound,
        408 | 409 | 425 => FailureClass::Transient,
        429 => FailureClass::RateLimited,
        400..=499 => FailureClass::Refused,
        _ => FailureClass::Transient,
    }
}

/// Whatever says "not now" may follow the effect: a verification that runs already, perhaps by
/// this very call, or a gateway that gave up waiting for the provider.
fn effect_of(class: FailureClass) -> Effect {
    match class {
        FailureClass::Transient => Effect::Unknown,
        FailureClass::RateLimited
        | FailureClass::Refused
        | FailureClass::NotFound
        | FailureClass::ProviderClosed => Effect::None,
    }
}

/// Whether the provider judged the request itself, rather than the project or the moment.
pub(crate) fn is_plain_400(failure: &Failure) -> bool {
    failure.class == FailureClass::Refused && failure.http_status == Some(400)
}

fn without_message(status: u16, class: FailureClass) -> String {
    let remedy = match class {
        FailureClass::Transient => "it is tried again",
        FailureClass::RateLimited => "it is tried again, and slower",
        FailureClass::Refused => "look at the data for what is wrong, and correct it",
        FailureClass::NotFound => "the provider does not know the user or the document",
        FailureClass::ProviderClosed => {
            "check the provider's URL, the API key and its scopes, and that the project is enabled for KYC"
        }
    };
    format!("the provider answered {status} and did not say why; {remedy}")
}

/// Whether the body of a refusal has a form that only the provider is known to use:
/// `{"error":true,"message":"…"}` or `{"error":{"message":"…"}}`. Other servers have JSON
/// errors as well, with `error` as a text or not at all.
pub(crate) fn is_providers_error(body: &[u8]) -> bool {
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return false };
    let error = &json["error"];
    error["message"].is_string() || (*error == Value::Bool(true) && json["message"].is_string())
}

/// What the body of a refusal says, in any of the forms that the provider was seen to use.
fn said(body: &[u8]) -> Option<String> {
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        // Pages and broken JSON say nothing that a person could use.
        let text = std::str::from_utf8(body).ok()?.trim();
        return (!text.starts_with(['<', '{', '['])).then(|| text.to_owned());
    };
    let error = &json["error"];
    let text = words(&json["message"]).or_else(|| words(error)).or_else(|| words(&json["details"]));
    let codes = [&error["reason"], &error["code"], &json["reason"], &json["code"]];
    let codes = codes.into_iter().filter_map(Value::as_str).map(|code| format!("({code})"));
    let parts: Vec<String> = text.into_iter().chain(codes).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The words in a value: a text, the texts of a list, or the message of an object.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().filter_map(words).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        }
        Value::Object(fields) => fields.get("message").and_then(words),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// `Retry-After` in seconds or as a date, reckoned from the provider's own clock if it shows it.
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let ms = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000)
    } else {
        let now = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?));
        let now = now.unwrap_or_else(jiff::Timestamp::now);
        let wait_ms = http_date(text)?.as_millisecond() - now.as_millisecond();
        u64::try_from(wait_ms).unwrap_or(0)
    };
    Some(ms.min(RETRY_AFTER_MAX_MS))
}

fn http_date(text: &str) -> Option<jiff::Timestamp> {
    DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
}
