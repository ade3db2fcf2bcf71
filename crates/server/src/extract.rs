//! What handlers take out of a request, with errors of our own.

use std::error::Error as _;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
use bytes::Bytes;
use engine::Expected;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use onboarding::{Problems, UserLocator, pointer_to};
use serde::de::DeserializeOwned;
use serde::de::value::Error as ValueError;
use serde_path_to_error::{
    Deserializer as PathDeserializer, Error as PathError, Path as JsonPath, Segment, Track,
};

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
        let Query(asked) = read.map_err(|refused| {
            let fault = refused.source().and_then(|by_axum| by_axum.source());
            let fault = fault.and_then(|fault| fault.downcast_ref::<PathError<ValueError>>());
            let named = fault.and_then(|fault| named_in(&fault.path().to_string()));
            let detail = match named {
                Some(name) => {
                    format!("{name} has a value that it does not take, or is given twice")
                }
                None => "a parameter of the query is given twice".to_owned(),
            };
            Problem::new(Code::BadRequest, format!("{detail}; /openapi.json has them"))
        })?;
        Ok(Self(asked))
    }
}

/// A name that was given, unless it might be anything.
fn named_in(name: &str) -> Option<String> {
    pointer_to("", name).strip_prefix('/').map(str::to_owned)
}

/// Refuses a query with a parameter that the route does not have.
pub(crate) fn known_parameters(uri: &Uri, known: &[&str]) -> Result<(), Problem> {
    let Ok(Query(given)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        return Err(Problem::new(Code::BadRequest, "the query can't be read"));
    };
    let Some((unknown, _)) = given.iter().find(|(name, _)| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let what = named_in(unknown).unwrap_or_else(|| "what is in the query".to_owned());
    let there_are = match known {
        [] => "there is none here".to_owned(),
        known => format!("there are {}", known.join(", ")),
    };
    Err(Problem::new(Code::BadRequest, format!("{what} is no parameter; {there_are}")))
}

/// The body's bytes, within the route's limit.
pub(crate) struct Raw(pub(crate) Bytes);

impl FromRequest<App> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        let packed = request.headers().get(CONTENT_ENCODING);
        if packed.is_some_and(|packed| !packed.as_bytes().eq_ignore_ascii_case(b"identity")) {
            let detail = "send the body as it is, without Content-Encoding";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
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
    if taken.contains(&media_type_of(headers).as_str()) {
        return Ok(());
    }
    let detail = format!("send the header Content-Type: {}", taken[0]);
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// The media type in lower case, without its parameters; empty if there is none.
pub(crate) fn media_type_of(headers: &HeaderMap) -> String {
    let said = headers.get(CONTENT_TYPE).and_then(|said| said.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What the request takes the user for, by `If-Match` and `If-None-Match`.
pub(crate) fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    let tags: Vec<&HeaderValue> = headers.get_all(IF_MATCH).iter().collect();
    match (tags.as_slice(), headers.get(IF_NONE_MATCH)) {
        ([], None) => Ok(Expected::Any),
        ([tag], None) if *tag == "*" => Ok(Expected::Some),
        ([], Some(tag)) if tag == "*" => Ok(Expected::None),
        (tags, None) => {
            let versions: Option<Vec<u64>> = tags
                .iter()
                .flat_map(|list| list.to_str().unwrap_or("?").split(','))
                .map(version_of)
                .collect();
            let detail = "If-Match takes ETags as they were given, such as \"6\", or *";
            versions.map(Expected::OneOf).ok_or_else(|| Problem::new(Code::BadRequest, detail))
        }
        (_, Some(_)) => {
            Err(Problem::new(Code::BadRequest, "If-None-Match takes * alone, without If-Match"))
        }
    }
}

/// The version in a tag. A proxy that packs an answer makes its tag a weak one; the version is the
/// same.
fn version_of(tag: &str) -> Option<u64> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// A body that is one JSON object of these fields; serde alone would take a list of them, too.
/// Otherwise what is wrong and where, without what the library says: that might repeat what it read.
pub(crate) fn object<T: DeserializeOwned>(body: &[u8], fields: &str) -> Result<T, Problem> {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut track = Track::new();
    let read = T::deserialize(PathDeserializer::new(&mut json, &mut track));
    let (pointer, message) = match read.and_then(|read| json.end().map(|()| read)) {
        Ok(read) if is_object => return Ok(read),
        Err(error) if !error.is_data() => {
            let (line, column) = (error.line(), error.column());
            (
                String::new(),
                format!("must be JSON, and is not from line {line}, column {column} on"),
            )
        }
        Err(error) if is_object => fault(&error, &track.path(), fields),
        Ok(_) | Err(_) => {
            (String::new(), format!("must be a JSON object with {fields}, and nothing else"))
        }
    };
    let mut problems = Problems::default();
    problems.error(pointer, message);
    Err(Problem::refused(problems))
}

/// Where an object is not as it has to be, and why.
fn fault(error: &serde_json::Error, path: &JsonPath, fields: &str) -> (String, String) {
    let at = path.iter().fold(String::new(), |at, segment| match segment {
        Segment::Seq { index } => format!("{at}/{index}"),
        Segment::Map { key } => pointer_to(&at, key),
        Segment::Enum { .. } | Segment::Unknown => at,
    });
    // The name that it is about is the first thing in quotes, and the text tells no more.
    let said = error.to_string();
    let name = said.split('`').nth(1).unwrap_or_default();
    if said.starts_with("missing field") {
        return (pointer_to(&at, name), "is missing; it is required here".to_owned());
    }
    if said.starts_with("duplicate field") {
        return (pointer_to(&at, name), "is given twice".to_owned());
    }
    if said.starts_with("unknown field") {
        let message = format!("a field that Gangway does not know; take {fields}");
        // The path leads to it.
        return (at, message);
    }
    (at, format!("is not of the right kind; take {fields}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is refused is of interest")]
    struct Shape {
        url: String,
        events: Option<Vec<String>>,
        overlap_seconds: Option<u64>,
    }

    #[test]
    fn what_is_wrong_with_an_object_has_its_place_and_repeats_nothing() {
        for (body, pointer, message) in [
            ("{}", "/url", "is missing"),
            (r#"{"url":5}"#, "/url", "not of the right kind"),
            (r#"{"url":"kanari","events":["a",7]}"#, "/events/1", "not of the right kind"),
            (r#"{"url":"kanari","overlapSeconds":-1}"#, "/overlapSeconds", "not of the right kind"),
            (r#"{"url":"kanari","overlapSeconds":"kanari"}"#, "/overlapSeconds", "right kind"),
            (r#"{"url":"a","url":"b"}"#, "/url", "given twice"),
            (r#"{"url":"a","ulr":"kanari"}"#, "/ulr", "does not know"),
            (r#"{"url":"a","kanari@a.example":1}"#, "", "does not know"),
            (r#"["kanari"]"#, "", "must be a JSON object with url"),
            ("{\n\"url\": kanari}", "", "must be JSON, and is not from line 2"),
            (r#"{"url":"a"} kanari"#, "", "must be JSON, and is not from line 1, column 13"),
            ("", "", "must be JSON"),
        ] {
            let refused = object::<Shape>(body.as_bytes(), "url and events").unwrap_err();
            let told = format!("{refused:?}");
            assert!(told.contains(&format!("pointer: {pointer:?}")), "{body}: {told}");
            assert!(told.contains(message), "{body}: {told}");
            assert!(!told.contains("kanari"), "{body}: {told}");
        }
        object::<Shape>(br#" {"url":"a"} "#, "url").unwrap();
    }

    #[test]
    fn a_tag_is_a_version_whether_weak_or_one_of_several() {
        for (tags, versions) in [
            (&["\"3\""][..], Some(vec![3])),
            (&["W/\"3\""], Some(vec![3])),
            (&["\"3\", W/\"4\" ,\"5\""], Some(vec![3, 4, 5])),
            (&["\"3\"", "\"4\""], Some(vec![3, 4])),
            (&["3"], None),
            (&["\"3\", *"], None),
            (&["w/\"3\""], None),
            (&["\"three\""], None),
        ] {
            let mut headers = HeaderMap::new();
            for tag in tags {
                headers.append(IF_MATCH, HeaderValue::from_str(tag).unwrap());
            }
            assert_eq!(expected(&headers).ok(), versions.map(Expected::OneOf), "{tags:?}");
        }
    }
}
