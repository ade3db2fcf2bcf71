//! Requests that may be repeated: with the same `Idempotency-Key` and the same body they get the
//! same answer, and are carried out once.
//!
//! What is kept are digests, and the answer without the user's locator and without a wallet's
//! address, which are put back in.
//! Only what was carried out is kept: a request that was refused changed nothing, and is judged
//! anew. After an erase, that there were such requests is all that stays, for their time: a late
//! repetition is told that the user was erased.

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use engine::{IntakeError, Settled};
use onboarding::{Ended, OnboardingId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Answered, Remember};

use crate::access::Client;
use crate::extract::{expected, media_type_of};
use crate::guard::About;
use crate::problem::{Code, Problem};
use crate::{App, Intake};

const KEY: &str = "idempotency-key";
/// The longest key.
pub(crate) const KEY_CHARS_MAX: usize = 255;

/// Stands for the user's locator in an answer that is kept. No answer of ours has it otherwise:
/// it is from the area of Unicode that nobody is to use.
const THE_USER: &str = "\u{f8ff}user\u{f8ff}";
/// The same for the address of the wallet that the request names.
const THE_WALLET: &str = "\u{f8ff}wallet\u{f8ff}";

/// The answer to a request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The onboarding's version, which is the ETag.
    pub(crate) version: Option<u64>,
    /// Where it can be read, if it is new.
    pub(crate) location: Option<String>,
    /// The body as JSON; empty if there is none.
    pub(crate) body: String,
    /// The onboarding that it is about.
    #[serde(skip)]
    pub(crate) about: Option<OnboardingId>,
    /// The user's locator, wherever it is in the answer.
    #[serde(skip)]
    pub(crate) user: Option<String>,
    /// The address of the wallet that it is about, wherever it is in the body.
    #[serde(skip)]
    pub(crate) wallet: Option<String>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("an answer is plain JSON");
        let status = status.as_u16();
        let (about, user, wallet) = (None, None, None);
        Self { status, version: None, location: None, body, about, user, wallet }
    }

    /// Without a body.
    pub(crate) fn empty() -> Self {
        let mut empty = Self::new(StatusCode::NO_CONTENT, &());
        empty.body.clear();
        empty
    }

    pub(crate) fn respond(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() =
            StatusCode::from_u16(self.status).expect("it was a status when it was kept");
        let headers = response.headers_mut();
        if !self.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(version) = self.version {
            let tag = HeaderValue::from_str(&format!("\"{version}\""));
            headers.insert(ETAG, tag.expect("a number is of plain digits"));
        }
        if let Some(location) = &self.location {
            let location = HeaderValue::from_str(location);
            headers.insert(LOCATION, location.expect("it is percent-encoded"));
        }
        if let Some(id) = self.about {
            response.extensions_mut().insert(About(id));
        }
        response
    }

    /// What is kept of it: the locator is left out, in each form in which it is there.
    fn kept(&self) -> String {
        let mut kept = self.clone();
        if let Some(user) = &self.user {
            kept.body = kept.body.replace(&in_json(user), THE_USER);
            kept.location = kept.location.map(|at| at.replace(&percent_encoded(user), THE_USER));
        }
        if let Some(wallet) = &self.wallet {
            kept.body = kept.body.replace(&in_json(wallet), THE_WALLET);
        }
        serde_json::to_string(&kept).expect("an answer is plain JSON")
    }

    fn restored(kept: &str, user: Option<&str>, wallet: Option<&str>) -> Option<Self> {
        let mut answer: Self = serde_json::from_str(kept).ok()?;
        if let Some(user) = user {
            answer.body = answer.body.replace(THE_USER, &in_json(user));
            answer.location =
                answer.location.map(|at| at.replace(THE_USER, &percent_encoded(user)));
        }
        if let Some(wallet) = wallet {
            answer.body = answer.body.replace(THE_WALLET, &in_json(wallet));
        }
        Some(answer)
    }
}

fn in_json(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a text has a JSON form");
    quoted[1..quoted.len() - 1].to_owned()
}

/// A text as one segment of a path.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// A request as far as it has to be the same to get the same answer.
pub(crate) struct Repeatable<'a> {
    pub(crate) client: &'a Client,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    /// What the body says: its bytes, or its parts where the same can be written in many ways.
    pub(crate) said: Vec<&'a [u8]>,
    /// The locator of whom it is about.
    pub(crate) user: Option<&'a str>,
    /// The address of the wallet that it is about.
    pub(crate) wallet: Option<&'a str>,
}

/// The requests with a key that are being carried out.
#[derive(Default)]
pub(crate) struct InProgress(Mutex<HashSet<[u8; 32]>>);

/// One of them, until it is dropped.
struct Entry<'a>(&'a InProgress, [u8; 32]);

impl InProgress {
    fn enter(&self, request: [u8; 32]) -> Option<Entry<'_>> {
        let mut all = self.0.lock().expect("nothing panics while it is locked");
        // Made only if it is entered: it leaves when it is dropped.
        all.insert(request).then(|| Entry(self, request))
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let Self(all, request) = self;
        all.0.lock().expect("nothing panics while it is locked").remove(request);
    }
}

/// Carries a request out, unless it was before. `act` changes by the intake that it is given, and
/// `answer` says what that is answered: it is stored with the change, both or neither. So a client
/// that went away, or a process that was killed, finds what it asked for done once.
pub(crate) async fn once<A, F>(
    app: &App,
    request: Repeatable<'_>,
    answer: A,
    act: impl FnOnce(Intake) -> F,
) -> Result<Response<Body>, Problem>
where
    A: Fn(&Settled) -> Result<Answer, Problem> + Send + Sync + 'static,
    F: Future<Output = Result<Settled, Problem>>,
{
    let intake = app.intake().expecting(expected(request.headers)?);
    let Some(key) = request.headers.get(KEY) else {
        return Ok(answer(&act(intake).await?)?.respond());
    };
    let is_plain = |key: &&str| {
        (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = key.to_str().ok().filter(is_plain);
    let Some(key) = key else {
        let detail = format!("Idempotency-Key takes 1 to {KEY_CHARS_MAX} plain characters");
        return Err(Problem::new(Code::BadRequest, detail));
    };
    let asked = Asked::by(app, &request, key);
    let Some(_entry) = app.in_progress.enter(asked.request) else {
        let detail = "wait for its answer, then repeat it to get the same";
        return Err(Problem::new(Code::RequestInProgress, detail).after(1));
    };
    if let Some(replayed) = asked.replayed(app, &request).await? {
        return Ok(replayed);
    }
    let answer = Arc::new(answer);
    let answered = Arc::clone(&answer);
    let remembering =
        move |settled: &Settled| Some(asked.answered(settled, &answered(settled).ok()?));
    let outcome = act(intake.remembering(Some(Arc::new(remembering)))).await;
    if !outcome.as_ref().is_ok_and(|settled| settled.unchanged.is_none())
        // Its client went away and asks again: what it asked for first was stored meanwhile.
        && let Some(replayed) = asked.replayed(app, &request).await?
    {
        return Ok(replayed);
    }
    let settled = outcome?;
    let answer = answer(&settled)?;
    if settled.unchanged.is_some() {
        app.store.remember_answer(asked.answered(&settled, &answer)).await?;
    }
    Ok(answer.respond())
}

/// A request with a key.
#[derive(Clone, Copy)]
struct Asked {
    /// Digest of the client and of the key.
    request: [u8; 32],
    /// Digest of what is asked.
    what: [u8; 32],
    now: Timestamp,
    kept_since: Timestamp,
}

impl Asked {
    fn by(app: &App, request: &Repeatable<'_>, key: &str) -> Self {
        let Repeatable { client, method, uri, said, headers, .. } = request;
        let digest = |parts: &[&[u8]]| digest(&app.digest_key, parts);
        let media_type = media_type_of(headers);
        let target = uri.path_and_query().map(|target| target.as_str()).unwrap_or_default();
        let mut parts = vec![method.as_str().as_bytes(), target.as_bytes(), media_type.as_bytes()];
        parts.extend(said);
        let now = (app.config.now)();
        Self {
            request: digest(&[client.as_str().as_bytes(), key.as_bytes()]),
            what: digest(&parts),
            now,
            kept_since: now.minus_ms(app.config.idempotency_kept_ms),
        }
    }

    /// What is kept of it with its answer.
    fn answered(self, settled: &Settled, answer: &Answer) -> Remember {
        let Self { request, what: asked, now: at, kept_since: forget_before } = self;
        let onboarding = Some(settled.stored.onboarding.id);
        let answered = Answered { request, asked, onboarding, answer: answer.kept(), at };
        Remember { answered, forget_before }
    }

    /// The answer that it got before, if it did.
    async fn replayed(
        self,
        app: &App,
        request: &Repeatable<'_>,
    ) -> Result<Option<Response<Body>>, Problem> {
        let before = app.store.answered(self.request).await?;
        let Some(before) = before.filter(|it| it.at >= self.kept_since) else { return Ok(None) };
        if before.is_destroyed() {
            return Err(IntakeError::Ended(Ended::Erased).into());
        }
        if before.asked != self.what {
            let detail = "give each request a key of its own; repeat one only as it was";
            return Err(Problem::new(Code::IdempotencyKeyReused, detail));
        }
        let answer = Answer::restored(&before.answer, request.user, request.wallet);
        let mut answer = answer.ok_or_else(Problem::internal)?;
        answer.about = before.onboarding;
        let mut response = answer.respond();
        let replayed = HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(replayed, HeaderValue::from_static("true"));
        Ok(Some(response))
    }
}

/// A digest with the database's key, of parts that can't be shifted into one another.
fn digest(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_without_the_locator_and_comes_back_with_it() {
        for user in ["email:ilse@example.org", "userId:a\"b\\c", "userId:ü/x y"] {
            let body = serde_json::json!({ "user": user, "command": format!("gangway x {user}") });
            let answer = Answer {
                version: Some(3),
                location: Some(format!("/v1/users/{}", percent_encoded(user))),
                user: Some(user.to_owned()),
                ..Answer::new(StatusCode::CREATED, &body)
            };
            let kept = answer.kept();
            assert!(!kept.contains(&in_json(user)), "{kept}");
            let restored = Answer::restored(&kept, Some(user), None).unwrap();
            assert_eq!(restored, Answer { user: None, ..answer });
        }
    }

    #[test]
    fn a_request_is_carried_out_by_one_at_a_time() {
        let in_progress = InProgress::default();
        let first = in_progress.enter([1; 32]).unwrap();
        assert!(in_progress.enter([1; 32]).is_none());
        assert!(in_progress.enter([1; 32]).is_none(), "who was refused leaves nothing");
        assert!(in_progress.enter([2; 32]).is_some());
        drop(first);
        assert!(in_progress.enter([1; 32]).is_some());
    }

    #[test]
    fn parts_of_a_digest_are_not_shifted_into_one_another() {
        let key = [7; 32];
        assert_ne!(digest(&key, &[b"ab", b"c"]), digest(&key, &[b"a", b"bc"]));
        assert_ne!(digest(&key, &[b"a"]), digest(&[8; 32], &[b"a"]));
    }
}
