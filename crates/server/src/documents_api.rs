//! Documents: files in, and what is known of them out, never their content.
//!
//! A document's id is the onboarding's and the document's type: it stays when the file is
//! replaced, as there is one of each type.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Response, StatusCode};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use documents::Given;
use engine::{GoodDocument, IntakeError, Settled};
use onboarding::{
    Date, DocumentType, Event, Onboarding, OnboardingId, Problems, Revision, Timestamp, UserLocator,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Store as _, StoreError};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::extract::{Id, Raw, media_type, media_type_of, object};
use crate::idempotency::{Answer, Repeatable, once, percent_encoded};
use crate::problem::{Code, Problem};
use crate::users::{Change, with_version};
use crate::{App, Intake};

const USER_LOCATOR: &str = "userLocator";
const FORM: &str = "multipart/form-data";
/// How a document can be sent.
pub(crate) const MEDIA_TYPES: &[&str] = &["application/json", FORM];
/// The longest document type that is taken.
const TYPE_CHARS_MAX: usize = 64;
/// How many rows of history are read at once.
const HISTORY_PAGE: usize = 500;

/// Some senders leave the padding away.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A document. As a form, `data` is the file itself.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Upload {
    /// Whose it is.
    #[serde(default)]
    user_locator: Option<String>,
    /// The same in the provider's newer form.
    #[serde(default)]
    #[schemars(with = "Option<Reference>")]
    reference: Option<BTreeMap<String, String>>,
    /// What it is.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z0-9-]+$"))]
    document_type: String,
    /// The file in base64, alone or as a data URL.
    #[schemars(length(min = 4))]
    data: String,
    /// The last day on which it is valid.
    #[serde(default)]
    #[schemars(with = "Option<Date>")]
    expires_at: Option<String>,
}

/// Whose a document is, in the provider's newer form.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is read as a map, as serde would take a list for it, too")]
struct Reference {
    user_locator: String,
}

/// What is known of a document.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentView {
    /// It stays when the file is replaced.
    id: String,
    /// What it is.
    document_type: DocumentType,
    /// When the file was given.
    created_at: String,
    /// The last day on which it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Date>,
    /// Each file of this type is a revision.
    revision: Revision,
    /// Whether the provider has this revision.
    acknowledged: bool,
    /// What the provider may not like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<onboarding::Problem>,
}

/// A document as it came, in either form.
#[derive(Clone)]
struct Read {
    user: UserLocator,
    document_type: DocumentType,
    bytes: Bytes,
    file_name: Option<String>,
    expires_at: Option<Date>,
}

/// `POST`.
pub(crate) async fn post(
    State(app): State<App>,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    media_type(change.headers(), MEDIA_TYPES)?;
    let read = if media_type_of(change.headers()) == FORM {
        of_form(change.headers(), body.clone()).await?
    } else {
        of_json(&body)?
    };
    let now = (app.config.now)();
    let (user, kind) = (read.user.as_str().to_owned(), read.document_type.clone());
    // Of a file that is held already, what was before.
    let given_before = Arc::new(OnceLock::new());
    let given_at = Arc::clone(&given_before);
    let answer = move |settled: &Settled| {
        let onboarding = &settled.stored.onboarding;
        let given_at = given_at.get().cloned().unwrap_or_else(|| now.to_string());
        let view = view(onboarding, &kind, given_at, settled.warnings.0.clone());
        let view = view.ok_or_else(Problem::internal)?;
        let is_new = settled.unchanged.is_none() && view.revision == Revision::following(None);
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        let id = percent_encoded(&view.id);
        Ok(Answer {
            version: Some(onboarding.version),
            location: is_new.then(|| format!("/v1/documents/{id}")),
            about: Some(onboarding.id),
            user: Some(user.clone()),
            ..Answer::new(status, &view)
        })
    };
    let act = async |intake: Intake| {
        let good = look_at(&app, read.clone(), now).await?;
        let settled = intake.add_good_document(&read.user, &good, now).await?;
        if settled.unchanged.is_some()
            && let Some(before) =
                created_at(&app, &settled.stored.onboarding, &read.document_type).await?
        {
            let _ = given_before.set(before);
        }
        Ok(settled)
    };
    // What a form says can be written in many ways: each repetition has another boundary.
    let expires_at = read.expires_at.map(|day| day.to_string()).unwrap_or_default();
    let said: [&[u8]; 5] = [
        read.user.as_str().as_bytes(),
        read.document_type.as_str().as_bytes(),
        &read.bytes,
        read.file_name.as_deref().unwrap_or_default().as_bytes(),
        expires_at.as_bytes(),
    ];
    let request = Repeatable { said: said.to_vec(), ..change.of(Some(&read.user), &[]) };
    once(&app, request, answer, act).await
}

/// Looks at a document on a thread beside, so that nobody waits for a large picture but its sender.
async fn look_at(app: &App, read: Read, now: Timestamp) -> Result<GoodDocument, Problem> {
    let place = Arc::clone(&app.looks_at_documents).acquire_owned().await;
    let place = place.map_err(|_| Problem::internal())?;
    let (limits, digest_key) = (app.config.documents, app.digest_key);
    let looked_at = spawn_blocking(move || {
        let _place = place;
        let given = Given {
            document_type: &read.document_type,
            bytes: &read.bytes,
            file_name: read.file_name.as_deref(),
            expires_at: read.expires_at,
        };
        GoodDocument::of(&given, &limits, &digest_key, now)
    });
    let looked_at = looked_at.await.map_err(|_| Problem::internal())?;
    Ok(looked_at.map_err(IntakeError::Refused)?)
}

fn view(
    onboarding: &Onboarding,
    kind: &DocumentType,
    created_at: String,
    warnings: Vec<onboarding::Problem>,
) -> Option<DocumentView> {
    let document = onboarding.documents.get(kind).filter(|document| document.is_at_hand())?;
    Some(DocumentView {
        id: format!("{}-{kind}", onboarding.id),
        document_type: kind.clone(),
        created_at,
        expires_at: document.expires_at,
        revision: document.revision,
        acknowledged: document.acknowledged == Some(document.revision),
        warnings,
    })
}

/// `GET`.
pub(crate) async fn get(State(app): State<App>, Id(id): Id) -> Result<Response<Body>, Problem> {
    let none = || Problem::new(Code::NoSuchDocument, "the answer to its upload has its id");
    let (onboarding, kind) = parts_of(&id).ok_or_else(none)?;
    let stored = app.store.load(onboarding).await?.ok_or_else(none)?;
    let created_at = created_at(&app, &stored.onboarding, &kind).await?.ok_or_else(none)?;
    let view = view(&stored.onboarding, &kind, created_at, Vec::new()).ok_or_else(none)?;
    Ok(with_version(&stored.onboarding, &view))
}

fn parts_of(id: &str) -> Option<(OnboardingId, DocumentType)> {
    const UUID_CHARS: usize = 36;
    let (uuid, kind) = id.split_at_checked(UUID_CHARS)?;
    let uuid = Uuid::try_parse(uuid).ok()?;
    Some((OnboardingId(uuid), DocumentType::from(kind.strip_prefix('-')?)))
}

/// When the newest file of a type was given: its history knows.
async fn created_at(
    app: &App,
    onboarding: &Onboarding,
    kind: &DocumentType,
) -> Result<Option<String>, StoreError> {
    let (mut after, mut found) = (0, None);
    loop {
        let page = app.store.history(onboarding.id, after, HISTORY_PAGE).await?;
        for row in &page {
            if matches!(&row.event, Event::DocumentAdded { document_type, .. } if document_type == kind)
            {
                found = Some(row.at.to_string());
            }
        }
        match page.last() {
            Some(last) if page.len() == HISTORY_PAGE => after = last.version,
            Some(_) | None => return Ok(found),
        }
    }
}

/// A document as it came, field by field.
#[derive(Default)]
struct Fields {
    user: Option<String>,
    document_type: Option<String>,
    bytes: Option<Bytes>,
    file_name: Option<String>,
    expires_at: Option<String>,
}

impl Fields {
    /// All that is wrong is told at once.
    fn read(self, problems: &mut Problems) -> Option<Read> {
        let mut need = |value: Option<String>, pointer: &str| {
            if value.is_none() {
                problems.error(pointer, "is missing; it is required here");
            }
            value
        };
        let user = need(self.user, "/userLocator");
        let document_type = need(self.document_type, "/documentType");
        let user = user.and_then(|text| {
            let read = text.parse::<UserLocator>();
            read.map_err(|error| problems.error("/userLocator", error.to_string())).ok()
        });
        let document_type = document_type.and_then(|word| {
            let of_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let is_word = (1..=TYPE_CHARS_MAX).contains(&word.len()) && word.chars().all(of_word);
            if !is_word {
                problems.error(
                    "/documentType",
                    "must be a word of lower-case letters, digits and dashes, such as id-passport",
                );
            }
            is_word.then(|| DocumentType::from(word.as_str()))
        });
        let expires_at = self.expires_at.and_then(|day| {
            let read = Date::parse(&day);
            let message = "must be a day that exists, as YYYY-MM-DD";
            read.map_err(|_| problems.error("/expiresAt", message)).ok()
        });
        if self.bytes.is_none() && !problems.0.iter().any(|it| it.pointer == "/data") {
            problems.error("/data", "is missing; it is required here");
        }
        Some(Read {
            user: user?,
            document_type: document_type?,
            bytes: self.bytes?,
            file_name: self.file_name,
            expires_at,
        })
    }

    fn checked(self, mut problems: Problems) -> Result<Read, Problem> {
        match self.read(&mut problems) {
            Some(read) if !problems.has_errors() => Ok(read),
            Some(_) | None => Err(Problem::refused(problems)),
        }
    }
}

fn of_json(body: &[u8]) -> Result<Read, Problem> {
    let mut problems = Problems::default();
    const FIELDS: &str = "userLocator, documentType, data and perhaps expiresAt, each a text";
    let upload: Upload = object(body, FIELDS)?;
    let user = match (upload.user_locator, upload.reference) {
        (Some(one), Some(other)) if Some(&one) != other.get(USER_LOCATOR) => {
            problems.error("/reference/userLocator", "must be the same as /userLocator");
            Some(one)
        }
        (Some(one), _) => Some(one),
        (None, reference) => reference.and_then(|mut named| named.remove(USER_LOCATOR)),
    };
    let data = base64_of(&upload.data);
    let bytes = BASE64.decode(data).map(Bytes::from);
    if bytes.is_err() {
        problems.error("/data", "must be the file in base64, alone or as a data URL");
    }
    let fields = Fields {
        user,
        document_type: Some(upload.document_type),
        bytes: bytes.ok(),
        file_name: None,
        expires_at: upload.expires_at,
    };
    fields.checked(problems)
}

/// The base64 of a data URL, or the text itself.
fn base64_of(text: &str) -> &str {
    let url = text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    url.map_or(text, |(_, data)| data)
}

async fn of_form(headers: &HeaderMap, body: Bytes) -> Result<Read, Problem> {
    let boundary = headers.get(CONTENT_TYPE).and_then(|said| said.to_str().ok());
    let boundary = boundary.and_then(|said| multer::parse_boundary(said).ok());
    let boundary = boundary.ok_or_else(|| {
        Problem::new(Code::BadRequest, "the Content-Type of a form has its boundary; see RFC 7578")
    })?;
    let unreadable = || {
        let mut problems = Problems::default();
        problems.error("", "must be a form, complete and with its boundary; see RFC 7578");
        Problem::refused(problems)
    };
    let mut form = multer::Multipart::with_reader(Cursor::new(body), boundary);
    let (mut fields, mut problems) = (Fields::default(), Problems::default());
    while let Some(field) = form.next_field().await.map_err(|_| unreadable())? {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        if name == "data" {
            fields.file_name = file_name;
            fields.bytes = Some(field.bytes().await.map_err(|_| unreadable())?);
            continue;
        }
        let text = field.text().await.map_err(|_| unreadable())?;
        match name.as_str() {
            "userLocator" => fields.user = Some(text),
            "documentType" => fields.document_type = Some(text),
            "expiresAt" => fields.expires_at = Some(text),
            _ => problems.error("", "a field that Gangway does not know; take it out"),
        }
    }
    fields.checked(problems)
}
