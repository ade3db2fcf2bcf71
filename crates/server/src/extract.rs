//! What handlers take out of a request, with errors of our own.

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use bytes::Bytes;
use engine::Expected;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use onboarding::{Problems, UserLocator};
use serde::de::DeserializeOwned;

use crate::App;
use crate::guard::BodyMax;
use crate::problem::{Code, Problem};

/// The user whom the path names.
pub(crate) struct User(pub(crate) UserLocator);

impl FromRequestParts<App> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(locator) = path::<Path<String>>(parts, app).await?;
        Ok(Self(locator.parse()?))
    }
}

/// The user and the number of a task.
pub(crate) struct UserTask(pub(crate) UserLocator, pub(crate) u32);

impl FromRequestParts<App> for UserTask {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path((locator, number)) = path::<Path<(String, String)>>(parts, app).await?;
        let number: u32 = number.parse().map_err(|_| {
            Problem::new(Code::BadRequest, "a task's number is a whole number from 1 on")
        })?;
        Ok(Self(locator.parse()?, number))
    }
}

/// The user and the address of a wallet.
pub(crate) struct UserWallet(pub(crate) UserLocator, pub(crate) String);

impl FromRequestParts<App> for UserWallet {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path((locator, address)) = path::<Path<(String, String)>>(parts, app).await?;
        Ok(Self(locator.parse()?, address))
    }
}

/// The text that the path ends in.
pub(crate) struct Id(pub(crate) String);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(id) = path::<Path<String>>(parts, app).await?;
        Ok(Self(id))
    }
}

/// What is wrong with a path could be told only by repeating it.
async fn path<P: FromRequestParts<App, Rejection = PathRejection>>(
    parts: &mut Parts,
    app: &App,
) -> Result<P, Problem> {
    let read = P::from_request_parts(parts, app).await;
    read.map_err(|_| Problem::new(Code::BadRequest, "the path must be UTF-8, percent-encoded"))
}

/// The query, of which every name is known.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let read: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, app).await;
        let Query(asked) = read.map_err(|_| {
            let detail = "a parameter of the query is unknown, given twice, or has a value that it \
                          does not take; /openapi.json lists them";
            Problem::new(Code::BadRequest, detail)
        })?;
        Ok(Self(asked))
    }
}

/// The body's bytes, within the route's limit.
pub(crate) struct Raw(pub(crate) Bytes);

impl FromRequest<App> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        let limit = request.extensions().get::<BodyMax>().map_or(0, |BodyMax(limit)| *limit);
        let too_large =
            || Problem::new(Code::TooLarge, format!("the limit is {limit} bytes in this place"));
        let said = request.headers().get(CONTENT_LENGTH).and_then(|said| said.to_str().ok());
        if said.and_then(|said| said.parse().ok()).is_some_and(|said: usize| said > limit) {
            return Err(too_large());
        }
        let body: Body = request.into_body();
        let read = Limited::new(body, limit).collect().await;
        let read = read.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                return too_large();
            }
            Problem::new(Code::BadRequest, "the body ended before it was complete")
        })?;
        Ok(Self(read.to_bytes()))
    }
}

/// Refuses a body of another media type than one of these.
pub(crate) fn media_type(headers: &HeaderMap, taken: &[&'static str]) -> Result<(), Problem> {
    if taken.contains(&media_type_of(headers)) {
        return Ok(());
    }
    let detail = format!("send the header Content-Type: {}", taken[0]);
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// The media type without its parameters; empty if there is none.
pub(crate) fn media_type_of(headers: &HeaderMap) -> &str {
    let said = headers.get(CONTENT_TYPE).and_then(|said| said.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim()
}

/// What the request takes the user for, by `If-Match` and `If-None-Match`.
pub(crate) fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    match (headers.get(IF_MATCH), headers.get(IF_NONE_MATCH)) {
        (None, None) => Ok(Expected::Any),
        (Some(tag), None) if tag == "*" => Ok(Expected::Some),
        (None, Some(tag)) if tag == "*" => Ok(Expected::None),
        (Some(tag), None) => {
            let version = tag.to_str().ok().and_then(|tag| {
                let digits = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
                digits.parse().ok()
            });
            let detail = "If-Match takes one ETag as it was given, such as \"6\", or *";
            version.map(Expected::Version).ok_or_else(|| Problem::new(Code::BadRequest, detail))
        }
        (_, Some(_)) => {
            Err(Problem::new(Code::BadRequest, "If-None-Match takes * alone, without If-Match"))
        }
    }
}

/// A body that is one JSON object of these fields; serde alone would take a list of them, too.
/// Otherwise what is wrong, without what the library says: that might repeat what it read.
pub(crate) fn object<T: DeserializeOwned>(body: &[u8], fields: &str) -> Result<T, Problem> {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let message = match serde_json::from_slice(body) {
        Ok(read) if is_object => return Ok(read),
        Err(error) if !error.is_data() => {
            let (line, column) = (error.line(), error.column());
            format!("must be JSON, and is not from line {line}, column {column} on")
        }
        Ok(_) | Err(_) => format!("must be a JSON object with {fields}, and nothing else"),
    };
    let mut problems = Problems::default();
    problems.error("", message);
    Err(Problem::refused(problems))
}
