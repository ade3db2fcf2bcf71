//! Refusals, faults of the network, and the limits of time and size.

use crossmint::{ANSWER_BYTES_MAX, Client, DocumentUpload, ExternalWallet, Settings};
use onboarding::{DocumentType, FailureClass};
use tokio::net::TcpListener;

use crate::server::{Reply, Server, answer, answer_with, line, settings, user};

#[tokio::test]
async fn each_status_has_its_class_and_effect() {
    for (status, expected) in [
        (301, "provider-closed None"),
        (302, "provider-closed None"),
        (307, "provider-closed None"),
        (400, "refused None"),
        (401, "provider-closed None"),
        (402, "refused None"),
        (403, "provider-closed None"),
        (404, "not-found None"),
        (405, "refused None"),
        (408, "transient Unknown"),
        (409, "transient Unknown"),
        (413, "refused None"),
        (422, "refused None"),
        (425, "transient Unknown"),
        (429, "rate-limited None"),
        (500, "transient Unknown"),
        (501, "transient Unknown"),
        (502, "transient Unknown"),
        (503, "transient Unknown"),
        (599, "transient Unknown"),
    ] {
        let location = "location: http://127.0.0.1:9/elsewhere";
        let server = Server::start(vec![answer_with(status, location, "")]).await;
        let failure = server.client().verification(&user()).await.unwrap_err();
        assert_eq!(line(&failure), format!("{status} {expected}"));
        let fixed = format!("the provider answered {status} and did not say why; ");
        assert!(failure.message.starts_with(&fixed), "{}", failure.message);
    }
}

#[tokio::test]
async fn known_messages_decide_the_class_of_any_4xx() {
    for status in [400, 403, 404, 409, 422, 429] {
        for (message, expected) in [
            ("project not configured to support the users KYC endpoints", "provider-closed None"),
            (
                "Project is Not Configured to support regulated transfers KYC",
                "provider-closed None",
            ),
            ("User KYC is in progress, retry in a few seconds", "transient Unknown"),
        ] {
            for body in [format!(r#"{{"error":true,"message":"{message}"}}"#), message.to_owned()] {
                let server = Server::start(vec![answer(status, &body)]).await;
                let failure = server.client().user(&user()).await.unwrap_err();
                assert_eq!(line(&failure), format!("{status} {expected}"), "{body}");
                assert_eq!(failure.message, message);
            }
        }
    }
}

#[tokio::test]
async fn the_message_is_found_in_every_form_of_an_error() {
    let silent = "the provider answered 400 and did not say why; look at the data for what is wrong, and correct it";
    for (body, expected) in [
        (r#"{"error":true,"message":"Bad thing"}"#, "Bad thing"),
        (r#"{"error":true,"message":"Bad thing","code":"BAD"}"#, "Bad thing (BAD)"),
        (r#"{"error":{"reason":"too_bad","message":"Bad thing"}}"#, "Bad thing (too_bad)"),
        (r#"{"error":"Bad thing"}"#, "Bad thing"),
        (r#"{"error":true,"details":"Bad thing"}"#, "Bad thing"),
        (
            r#"{"message":["a is bad",{"message":"b too"}],"error":"Bad Request"}"#,
            "a is bad; b too",
        ),
        (r#"{"error":{"reason":"too_bad"}}"#, "(too_bad)"),
        (r#"{"message":"","error":"Bad thing"}"#, "Bad thing"),
        ("Bad thing\n", "Bad thing"),
        ("<html>Bad thing</html>", silent),
        (r#"{"message":"Bad th"#, silent),
        (r#"{"error":true}"#, silent),
        ("null", silent),
        ("\u{7}", silent),
        ("", silent),
    ] {
        let server = Server::start(vec![answer(400, body)]).await;
        let failure = server.client().verification(&user()).await.unwrap_err();
        assert_eq!(failure.message, expected, "{body}");
    }
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms_and_bounded() {
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: ";
    for (status, header, expected) in [
        (429, "retry-after: 7".to_owned(), Some(7_000)),
        (503, "Retry-After:  0 ".to_owned(), Some(0)),
        (429, "retry-after: 86400".to_owned(), Some(3_600_000)),
        (429, "retry-after: 99999999999999999999999".to_owned(), Some(3_600_000)),
        (429, format!("{date}Sun, 06 Nov 1994 08:50:07 GMT"), Some(30_000)),
        (503, format!("{date}Sun, 06 Nov 1994 08:00:00 GMT"), Some(0)),
        (429, format!("{date}Mon, 07 Nov 1994 08:49:37 GMT"), Some(3_600_000)),
        (429, "retry-after: Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), Some(0)),
        (429, "retry-after: Fri, 31 Dec 2999 23:00:00 GMT".to_owned(), Some(3_600_000)),
        (429, "retry-after: soon".to_owned(), None),
        (429, "retry-after: -1".to_owned(), None),
        (429, "retry-after:".to_owned(), None),
        (429, "x-a: b".to_owned(), None),
        (400, "retry-after: 7".to_owned(), None),
        (500, "retry-after: 7".to_owned(), None),
    ] {
        let server = Server::start(vec![answer_with(status, &header, "")]).await;
        let failure = server.client().verification(&user()).await.unwrap_err();
        assert_eq!(failure.retry_after_ms, expected, "{status} {header}");
    }
}

const OK_HEAD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 18\r\n\r\n";
const OK_BODY: &str = r#"{"eligibility":[]}"#;

#[tokio::test]
async fn a_lost_answer_leaves_the_effect_unknown() {
    let whole = format!("{OK_HEAD}{OK_BODY}");
    let huge = format!("HTTP/1.1 200 OK\r\nx-huge: {}\r\n\r\n", "a".repeat(1_000_000));
    for (name, reply, expected) in [
        ("reset before", Reply::ResetUnread, "- transient Unknown"),
        ("reset instead of an answer", Reply::Reset(vec![]), "- transient Unknown"),
        ("closed instead of an answer", Reply::Bytes(vec![]), "- transient Unknown"),
        ("reset in the head", Reply::Reset(OK_HEAD[..20].into()), "- transient Unknown"),
        (
            "closed in the body",
            Reply::Bytes(whole[..whole.len() - 3].into()),
            "200 transient Unknown",
        ),
        ("not HTTP", Reply::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), "- transient Unknown"),
        ("a head without end", Reply::Bytes(huge.into()), "- transient Unknown"),
    ] {
        let server = Server::start(vec![reply]).await;
        let failure = server.client().trigger_verification(&user()).await.unwrap_err();
        assert_eq!(line(&failure), expected, "{name}");
        assert!(failure.message.contains("connection was lost"), "{name}: {}", failure.message);
    }
}

#[tokio::test]
async fn a_reset_after_the_whole_answer_does_no_harm() {
    let server = Server::start(vec![Reply::Reset(format!("{OK_HEAD}{OK_BODY}").into())]).await;
    assert_eq!(server.client().trigger_verification(&user()).await, Ok(vec![]));
}

#[tokio::test]
async fn a_refusal_whose_body_is_lost_is_still_a_refusal() {
    let cut =
        "HTTP/1.1 400 Bad\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{\"message\":\"half";
    let server = Server::start(vec![Reply::Bytes(cut.into())]).await;
    let failure = server.client().verification(&user()).await.unwrap_err();
    assert_eq!(line(&failure), "400 refused None");
    assert!(failure.message.contains("did not say why"), "{}", failure.message);
}

#[tokio::test]
async fn a_call_ends_at_its_time_out_however_slowly_the_answer_comes() {
    for (name, reply, status) in [
        ("no answer", Reply::Silence, "-"),
        ("a slow head", Reply::Drip(b"HTTP/1.1 200 OK\r\nx-a:".to_vec()), "-"),
        (
            "a slow body",
            Reply::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n".to_vec()),
            "200",
        ),
    ] {
        let server = Server::start(vec![reply]).await;
        let settings = Settings { call_timeout_ms: 100, ..server.settings() };
        let failure = Client::new(settings).unwrap().verification(&user()).await.unwrap_err();
        assert_eq!(line(&failure), format!("{status} transient Unknown"), "{name}");
        assert!(failure.message.contains("within the time-out"), "{name}: {}", failure.message);
    }
}

#[tokio::test]
async fn an_answer_has_a_limit_of_size() {
    let padded = |length: usize| format!("{OK_BODY}{}", " ".repeat(length - OK_BODY.len()));
    let too_large = format!(
        "the provider answered 200, but with more than {ANSWER_BYTES_MAX} bytes; it is tried again"
    );
    let server = Server::start(vec![
        answer(200, &padded(ANSWER_BYTES_MAX)),
        answer(200, &padded(ANSWER_BYTES_MAX + 1)),
        answer(500, &padded(ANSWER_BYTES_MAX + 1)),
    ])
    .await;
    let client = server.client();
    assert_eq!(client.verification(&user()).await, Ok(vec![]));
    let failure = client.verification(&user()).await.unwrap_err();
    assert_eq!((line(&failure), failure.message), ("200 transient Unknown".into(), too_large));
    let failure = client.verification(&user()).await.unwrap_err();
    assert_eq!(line(&failure), "500 transient Unknown");
}

#[tokio::test]
async fn an_endless_answer_is_given_up_at_the_limit() {
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_owned();
    let reply = Reply::Drip((endless + &" ".repeat(2 * ANSWER_BYTES_MAX)).into());
    let server = Server::start(vec![reply]).await;
    let failure = server.client().verification(&user()).await.unwrap_err();
    assert!(failure.message.contains("with more than"), "{}", failure.message);
}

#[tokio::test]
async fn a_call_that_was_never_sent_had_no_effect() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    check_never_sent(&origin).await;
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let server = Server::start(vec![Reply::Greeting(b"SSH-2.0-OpenSSH\r\n".to_vec())]).await;
    check_never_sent(&server.origin.replace("http:", "https:")).await;
}

async fn check_never_sent(origin: &str) {
    let client = Client::new(settings(origin)).unwrap();
    let failure = client.trigger_verification(&user()).await.unwrap_err();
    assert_eq!(line(&failure), "- transient None");
    assert!(failure.message.starts_with("no connection to the provider ("), "{}", failure.message);
}

#[tokio::test]
async fn a_file_that_is_refused_while_it_is_sent_is_refused_as_too_large() {
    let early = "HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(vec![Reply::Early(early.into())]).await;
    let upload = DocumentUpload {
        document_type: DocumentType::IdPassport,
        media_type: "image/png",
        content: vec![1; 10_000_000].into(),
        expires_at: None,
    };
    let failure = server.client().upload_document(&user(), upload).await.unwrap_err();
    assert_eq!(line(&failure), "413 refused None");
}

#[tokio::test]
async fn an_id_that_would_change_the_path_is_refused_before_it_is_sent() {
    let server = Server::start(vec![]).await;
    let client = server.client();
    for id in ["", ".", ".."] {
        assert_eq!(line(&client.document(id).await.unwrap_err()), "- refused None");
        let wallet = client.linked_wallet(&user(), id).await;
        assert_eq!(wallet.err().map(|failure| line(&failure)).unwrap(), "- refused None");
    }
}

#[tokio::test]
async fn a_wallet_of_another_user_is_refused_without_saying_whose_it_is() {
    let says =
        r#"{"error":true,"message":"linked to user otto-the-other since May","code":"CONFLICT"}"#;
    let server = Server::start(vec![answer(409, says)]).await;
    let wallet = ExternalWallet {
        address: "0x52908400098527886E0F7030069857D2E4169EE7".to_owned(),
        chain: "base".to_owned(),
        proof: None,
    };
    let failure = server.client().link_wallet(&user(), wallet).await.err().unwrap();
    assert_eq!(line(&failure), "409 refused None");
    assert_eq!(failure.message, "the wallet is linked to another user");
}

#[tokio::test]
async fn the_probe_tells_a_good_key_from_a_bad_one() {
    const NO_USER: &str = r#"{"error":true,"message":"User not found"}"#;
    for (status, class) in [
        (200, None),
        (404, None),
        (400, None),
        (401, Some(FailureClass::ProviderClosed)),
        (403, Some(FailureClass::ProviderClosed)),
        (302, Some(FailureClass::ProviderClosed)),
        (429, Some(FailureClass::RateLimited)),
        (500, Some(FailureClass::Transient)),
    ] {
        let server = Server::start(vec![answer(status, NO_USER)]).await;
        let outcome = server.client().probe().await;
        assert_eq!(outcome.err().map(|failure| failure.class), class, "{status}");
        let target = "GET /api/2025-06-09/users/userId%3Agangway-doctor";
        assert_eq!(server.requests()[0].target(), target);
    }
}

#[tokio::test]
async fn the_probe_is_not_taken_in_by_another_server() {
    for (status, body, is_the_provider) in [
        (404, r#"{"error":{"reason":"user_unknown","message":"No such user"}}"#, true),
        (404, "", false),
        (404, "<html><h1>404 Not Found</h1></html>", false),
        (404, "{}", false),
        (404, r#""Not Found""#, false),
        (404, r#"{"message":"Not Found"}"#, false),
        (404, r#"{"statusCode":404,"message":"Cannot GET /api","error":"Not Found"}"#, false),
        (404, r#"{"error":true}"#, false),
        (400, "<html>The plain HTTP request was sent to HTTPS port</html>", false),
    ] {
        let server = Server::start(vec![answer(status, body)]).await;
        let outcome = server.client().probe().await;
        assert_eq!(outcome.is_ok(), is_the_provider, "{status} {body}");
        if let Err(failure) = outcome {
            assert!(failure.message.contains(&status.to_string()), "{}", failure.message);
            assert!(failure.message.contains("another server"), "{}", failure.message);
        }
    }
}

#[test]
fn a_client_for_the_real_hosts_can_be_made() {
    for (origin, key) in [
        ("https://staging.crossmint.com", "sk_staging_1"),
        ("https://www.crossmint.com", "sk_production_1"),
    ] {
        let made = Client::new(Settings::new(origin, crossmint::ApiKey::new(key)));
        assert!(made.is_ok(), "{origin}: {:?}", made.err());
    }
}
