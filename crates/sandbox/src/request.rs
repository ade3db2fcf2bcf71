//! From method, path and body to one of the nine calls. Nothing here looks at
//! the state, so that a large body is read without holding anyone else up.

use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use base64::{alphabet, read::DecoderReader};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::locator::{InvalidLocator, Locator, percent_decode};
use crate::profile::Profile;
use crate::record::{Fields, Record, calendar_date, date_time};
use crate::wire::Answer;

/// Where the provider's paths begin.
const PREFIX: &str = "/api/2025-06-09/";

/// The legal document without which most products wait.
pub(crate) const PRIVACY_POLICY: &str = "crossmint-privacy-policy";

/// The other one; no product waits for it.
const TERMS_OF_SERVICE: &str = "crossmint-terms-of-service";

/// The largest file, decoded, that is taken.
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Some senders leave the padding away.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A call as it was read. A body or locator that was refused is still logged
/// under the call's name, so the refusal is carried rather than returned.
pub(crate) struct Incoming {
    pub call: Call,
    pub user: Option<Locator>,
    pub request: Result<Request, Answer>,
}

pub(crate) enum Request {
    User(Locator, Operation),
    Document { id: String },
}

/// What is asked for one user.
pub(crate) enum Operation {
    Register(Record),
    Get,
    AcceptLegalDocument { kind: &'static str, accepted_at: String },
    Upload(Upload),
    Trigger,
    CheckStatus,
    LinkWallet { address: String, chain: String, proved: bool },
    GetWallet { address: String },
}

/// A document without its bytes.
pub(crate) struct Upload {
    pub document_type: &'static str,
    pub bytes: u64,
    pub expires_at: Option<String>,
}

/// Reads one request; `None` when the provider serves no such path and method.
pub(crate) fn read(
    method: &str,
    path: &str,
    body: &[u8],
    profile: Profile,
    at: i64,
) -> Option<Incoming> {
    let segments: Vec<&str> = path.strip_prefix(PREFIX)?.split('/').collect();
    let incoming = match (method, segments.as_slice()) {
        ("PUT", ["users", user]) => on_user(Call::RegisterUser, user, || {
            Record::from_json(&json(body)?, profile, at).map(Operation::Register)
        }),
        ("GET", ["users", user]) => on_user(Call::GetUser, user, || Ok(Operation::Get)),
        ("PUT", ["users", user, "legal-documents"]) if profile == Profile::Current => {
            on_user(Call::AcceptLegalDocument, user, || legal_document(&json(body)?))
        }
        ("PUT", ["users", user, "identity-verification"]) => {
            on_user(Call::TriggerVerification, user, || Ok(Operation::Trigger))
        }
        ("GET", ["users", user, "identity-verification"]) => {
            on_user(Call::CheckStatus, user, || Ok(Operation::CheckStatus))
        }
        ("PUT", ["users", user, "linked-wallets", address]) => {
            on_user(Call::LinkWallet, user, || link_wallet(address, &json(body)?))
        }
        ("GET", ["users", user, "linked-wallets", address]) => {
            on_user(Call::GetLinkedWallet, user, || {
                Ok(Operation::GetWallet { address: segment(address)? })
            })
        }
        ("POST", ["documents"]) => upload(body, profile),
        ("GET", ["documents", id]) => Incoming {
            call: Call::GetDocument,
            user: None,
            request: segment(id).map(|id| Request::Document { id }).map_err(refusal),
        },
        _ => return None,
    };
    Some(incoming)
}

fn on_user(call: Call, user: &str, read: impl FnOnce() -> Result<Operation, String>) -> Incoming {
    match Locator::from_path(user) {
        Ok(user) => Incoming {
            call,
            user: Some(user.clone()),
            request: read().map(|operation| Request::User(user, operation)).map_err(refusal),
        },
        Err(error) => Incoming { call, user: None, request: Err(refusal(error.to_string())) },
    }
}

fn refusal(problem: String) -> Answer {
    Answer::error(400, &problem)
}

fn segment(text: &str) -> Result<String, String> {
    percent_decode(text).ok_or_else(|| InvalidLocator::Encoding.to_string())
}

/// The text of a parse error may quote the body, so only its place is told.
fn json(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| {
        format!("the body is not valid JSON at line {} column {}", error.line(), error.column())
    })
}

fn object(body: &Value) -> Result<&Map<String, Value>, String> {
    body.as_object().ok_or_else(|| "the body must be a JSON object".to_owned())
}

/// Reads the fields of a flat body and gathers every problem with them.
fn fields<T>(body: &Value, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Result<T, String> {
    let mut problems = Vec::new();
    let value = read(&mut Fields::of_body(object(body)?, &mut problems));
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        Some(_) | None => Err(problems.join("; ")),
    }
}

fn legal_document(body: &Value) -> Result<Operation, String> {
    fields(body, |fields| {
        let kind = fields.one_of("type", &[PRIVACY_POLICY, TERMS_OF_SERVICE]);
        if kind == Some(TERMS_OF_SERVICE) {
            fields.one_of("region", &["eu", "worldwide", "us"]);
        }
        let accepted_at = fields.required_text("acceptedAt")?;
        if !accepted_at.ends_with('Z') || date_time(accepted_at).is_none() {
            fields.problem("acceptedAt", "must be a date-time that ends in Z");
        }
        Some(Operation::AcceptLegalDocument { kind: kind?, accepted_at: accepted_at.to_owned() })
    })
}

fn link_wallet(address: &str, body: &Value) -> Result<Operation, String> {
    let address = segment(address)?;
    fields(body, |fields| {
        let older_name = fields.text("chainType");
        let chain = match older_name {
            Some(chain) => chain,
            None => fields.required_text("chain")?,
        };
        let proved = body.get("proof").is_some_and(|proof| !proof.is_null());
        Some(Operation::LinkWallet { address, chain: chain.to_owned(), proved })
    })
}

fn upload(body: &[u8], profile: Profile) -> Incoming {
    let call = Call::UploadDocument;
    let body = match json(body) {
        Ok(body) => body,
        Err(problem) => return Incoming { call, user: None, request: Err(refusal(problem)) },
    };
    match document_user(&body, profile) {
        Ok(user) => Incoming {
            call,
            user: Some(user.clone()),
            request: document(&body, profile)
                .map(|upload| Request::User(user, Operation::Upload(upload))),
        },
        Err(problem) => Incoming { call, user: None, request: Err(refusal(problem)) },
    }
}

/// The user of a document: at the top, or in the newer contract also under
/// `reference`. Both together must agree.
fn document_user(body: &Value, profile: Profile) -> Result<Locator, String> {
    let body = object(body)?;
    let top = body.get("userLocator");
    let reference = match profile {
        Profile::Quickstart => None,
        Profile::Current => body.get("reference").and_then(|object| object.get("userLocator")),
    };
    let text = match (top, reference) {
        (Some(one), Some(other)) if one != other => {
            return Err("userLocator and reference.userLocator must be the same".to_owned());
        }
        (Some(one), _) | (None, Some(one)) => {
            one.as_str().ok_or_else(|| "userLocator must be a string".to_owned())?
        }
        (None, None) => return Err("userLocator is required".to_owned()),
    };
    text.parse().map_err(|error: InvalidLocator| error.to_string())
}

fn document(body: &Value, profile: Profile) -> Result<Upload, Answer> {
    let upload = fields(body, |fields| {
        let document_type = fields.one_of("documentType", profile.document_types());
        let expires_at = fields.text("expiresAt");
        if expires_at.is_some_and(|text| calendar_date(text).is_none()) {
            fields.problem("expiresAt", "must be a real date as YYYY-MM-DD");
        }
        let bytes = file_bytes(fields.required_text("data")?);
        if bytes.is_none() {
            fields.problem("data", "must be base64 of a file, or a data URL that holds it");
        }
        Some(Upload {
            document_type: document_type?,
            bytes: bytes?,
            expires_at: expires_at.map(str::to_owned),
        })
    })
    .map_err(refusal)?;
    if upload.bytes > FILE_BYTES_MAX {
        return Err(Answer::error(413, "the file is larger than 10 MB"));
    }
    Ok(upload)
}

/// The length of a file given as base64 or as a data URL, decoded in passing.
fn file_bytes(data: &str) -> Option<u64> {
    let encoded = match data.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,")?.1,
        None => data,
    };
    let mut reader = DecoderReader::new(encoded.as_bytes(), &BASE64);
    std::io::copy(&mut reader, &mut std::io::sink()).ok().filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use super::*;

    fn read_json(method: &str, path: &str, body: &Value, profile: Profile) -> Option<Incoming> {
        read(method, path, body.to_string().as_bytes(), profile, 0)
    }

    fn refused(incoming: Option<Incoming>) -> Option<u16> {
        incoming.and_then(|incoming| incoming.request.err()).map(|answer| answer.status)
    }

    #[test]
    fn each_path_and_method_is_one_call() {
        let user = "/api/2025-06-09/users/userId%3Aada";
        let cases = [
            ("PUT", user.to_owned(), Some(Call::RegisterUser)),
            ("GET", user.to_owned(), Some(Call::GetUser)),
            ("DELETE", user.to_owned(), None),
            ("PUT", format!("{user}/legal-documents"), Some(Call::AcceptLegalDocument)),
            ("GET", format!("{user}/legal-documents"), None),
            ("PUT", format!("{user}/identity-verification"), Some(Call::TriggerVerification)),
            ("GET", format!("{user}/identity-verification"), Some(Call::CheckStatus)),
            ("PUT", format!("{user}/linked-wallets/0xab"), Some(Call::LinkWallet)),
            ("GET", format!("{user}/linked-wallets/0xab"), Some(Call::GetLinkedWallet)),
            ("POST", "/api/2025-06-09/documents".to_owned(), Some(Call::UploadDocument)),
            ("GET", "/api/2025-06-09/documents/doc_1".to_owned(), Some(Call::GetDocument)),
            ("GET", "/api/2025-06-09/documents".to_owned(), None),
            ("GET", "/2025-06-09/users/userId%3Aada".to_owned(), None),
        ];
        for (method, path, expected) in cases {
            let call = read(method, &path, b"{}", Profile::Current, 0).map(|read| read.call);
            assert_eq!(call, expected, "{method} {path}");
        }
    }

    #[test]
    fn the_quickstart_has_no_legal_documents() {
        let path = "/api/2025-06-09/users/userId%3Aada/legal-documents";
        assert!(read("PUT", path, b"{}", Profile::Quickstart, 0).is_none());
    }

    #[test]
    fn a_documents_user_is_named_once_or_twice_alike() {
        let top = json!("userId:ada");
        let reference = json!({"userLocator": "userId:ada"});
        let other = json!({"userLocator": "userId:bob"});
        let cases = [
            (json!({"userLocator": top}), Profile::Quickstart, true),
            (json!({"userLocator": top}), Profile::Current, true),
            (json!({"reference": reference}), Profile::Quickstart, false),
            (json!({"reference": reference}), Profile::Current, true),
            (json!({"userLocator": top, "reference": reference}), Profile::Current, true),
            (json!({"userLocator": top, "reference": other}), Profile::Current, false),
            (json!({}), Profile::Current, false),
            (json!({"userLocator": 7}), Profile::Current, false),
            (json!({"userLocator": "ada"}), Profile::Current, false),
        ];
        for (body, profile, expected) in cases {
            assert_eq!(document_user(&body, profile).is_ok(), expected, "{profile} {body}");
        }
    }

    #[test]
    fn a_file_is_measured_as_base64_or_data_url() {
        let cases = [
            ("aGVsbG8=", Some(5)),
            ("aGVsbG8", Some(5)),
            ("data:image/png;base64,aGVsbG8=", Some(5)),
            ("data:image/png,hello", None),
            ("<base64-encoded-image>", None),
            ("aGVsb*8=", None),
            ("data:image/png;base64,", None),
        ];
        for (data, expected) in cases {
            assert_eq!(file_bytes(data), expected, "{data}");
        }
    }

    #[test]
    fn a_document_of_an_unknown_type_or_size_is_refused() {
        let path = "/api/2025-06-09/documents";
        let check = |change: (&str, Value), profile, expected| {
            let mut body = json!({"userLocator": "userId:ada", "documentType": "id-passport",
                "data": "aGVsbG8=", "expiresAt": "2030-03-31"});
            body[change.0] = change.1;
            assert_eq!(refused(read_json("POST", path, &body, profile)), expected, "{}", change.0);
        };
        let zeros = |bytes: usize| json!(BASE64.encode(vec![0; bytes]));
        let largest = usize::try_from(FILE_BYTES_MAX).unwrap();
        check(("documentType", json!("id-passport")), Profile::Quickstart, None);
        check(("documentType", json!("selfie-front")), Profile::Quickstart, Some(400));
        check(("documentType", json!("selfie-front")), Profile::Current, None);
        check(("documentType", json!("id-ssn")), Profile::Quickstart, None);
        check(("documentType", json!("id-ssn")), Profile::Current, Some(400));
        check(("expiresAt", json!("2030-13-31")), Profile::Current, Some(400));
        check(("data", json!("")), Profile::Current, Some(400));
        check(("data", zeros(largest)), Profile::Current, None);
        check(("data", zeros(largest + 1)), Profile::Current, Some(413));
    }

    #[test]
    fn a_consent_needs_a_real_time_in_utc() {
        let path = "/api/2025-06-09/users/userId%3Aada/legal-documents";
        let cases = [
            (
                json!({"type": "crossmint-privacy-policy", "acceptedAt": "2026-05-02T09:00:00.000Z"}),
                None,
            ),
            (
                json!({"type": "crossmint-privacy-policy", "acceptedAt": "2026-05-02T09:00:00"}),
                Some(400),
            ),
            (
                json!({"type": "crossmint-privacy-policy", "acceptedAt": "2026-02-30T09:00:00Z"}),
                Some(400),
            ),
            (json!({"type": "crossmint-privacy-policy"}), Some(400)),
            (json!({"type": "cookies", "acceptedAt": "2026-05-02T09:00:00Z"}), Some(400)),
            (json!({"type": TERMS_OF_SERVICE, "acceptedAt": "2026-05-02T09:00:00Z"}), Some(400)),
            (
                json!({"type": TERMS_OF_SERVICE, "region": "eu", "acceptedAt": "2026-05-02T09:00:00Z"}),
                None,
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(
                refused(read_json("PUT", path, &body, Profile::Current)),
                expected,
                "{body}"
            );
        }
    }

    #[test]
    fn a_body_that_is_no_json_is_refused_without_quoting_it() {
        let incoming =
            read("PUT", "/api/2025-06-09/users/userId%3Aada", b"{geheim", Profile::Current, 0);
        let answer = incoming.unwrap().request.err().unwrap();
        assert_eq!(answer.status, 400);
        assert!(!String::from_utf8(answer.body.bytes()).unwrap().contains("geheim"));
    }
}
