use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{DocumentType, ForWhom, Product, ProductStatus, Section, State, Timestamp};

const CANARY: &str = "provider-canary";

fn stuck_by(word: &str) -> StuckBy {
    StuckBy { cause: word.to_owned(), note: word.to_owned() }
}

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn today() -> Date {
    day("2026-05-10")
}

fn language(tag: &str) -> Language {
    tag.parse().unwrap()
}

fn texts() -> &'static Texts {
    Texts::embedded()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Every alternative of a proof of identity, and all that can be told of it.
fn identity() -> Subject {
    Subject {
        kind: SubjectKind::Document,
        name: "id".to_owned(),
        accepts: vec![
            words(&["id-passport"]),
            words(&["id-idcard-front", "id-idcard-back"]),
            words(&["id-residency-permit"]),
        ],
        products: words(&["onramp", "offramp"]),
        round: 2,
        supplied_on: Some(day("2026-05-03")),
        due: Some(DueBy { on: day("2026-06-01"), source: "policy".to_owned() }),
        limits: Limits {
            media_types: words(&[
                "image/png",
                "image/jpeg",
                "application/pdf",
                "image/heic",
                "image/webp",
            ]),
            bytes_max: Some(10_000_000),
            side_pixels_min: Some(600),
            pages_max: Some(10),
        },
        ..Subject::default()
    }
}

/// What the user is told, in one line.
fn told(tag: &str, subject: &Subject) -> String {
    let text = texts().task_for_user(&language(tag), subject, today());
    let more = [text.files, text.example, text.needed_for, text.due];
    [text.title, text.sentence]
        .into_iter()
        .chain(more.into_iter().flatten())
        .map(|phrase| phrase.to_string())
        .collect::<Vec<String>>()
        .join(" | ")
}

#[test]
fn a_task_tells_all_that_a_person_has_to_know_in_each_language() {
    for (tag, expected) in [
        (
            "en",
            "Proof of identity | What you sent on 3 May was not accepted, so we have to ask once \
             more. Please upload a passport, both sides of an ID card or a residence permit. | We \
             take a picture (PNG, JPEG, HEIC or WebP) or a PDF, of at most 10 MB. A picture needs \
             at least 600 pixels on its shorter side. A PDF has at most 10 pages. | Our advice: a \
             photo in good light, with all four corners visible, without flash and without a \
             filter. | This is needed for: buying stablecoins and selling stablecoins. | Please \
             do this by 1 June. We have set this date; tell us if you need more time.",
        ),
        (
            "de",
            "Identitätsnachweis | Was Sie am 3. Mai gesendet haben, wurde nicht angenommen; \
             deshalb müssen wir Sie noch einmal bitten. Bitte laden Sie einen Reisepass, beide \
             Seiten eines Personalausweises oder einen Aufenthaltstitel hoch. | Möglich ist ein \
             Bild (PNG, JPEG, HEIC oder WebP) oder ein PDF, höchstens 10 MB groß. Die kürzere \
             Seite eines Bildes braucht mindestens 600 Pixel. Ein PDF hat höchstens 10 Seiten. | \
             Unser Rat: ein Foto bei gutem Licht, auf dem alle vier Ecken zu sehen sind, ohne \
             Blitz und ohne Filter. | Das brauchen wir für: Stablecoins kaufen und Stablecoins \
             verkaufen. | Bitte erledigen Sie dies bis zum 1. Juni. Dieses Datum haben wir \
             festgelegt; sagen Sie uns, wenn Sie mehr Zeit brauchen.",
        ),
        (
            "es",
            "Prueba de identidad | Lo que envió el 3 de mayo no fue aceptado, por lo que tenemos \
             que pedírselo de nuevo. Suba, por favor, un pasaporte, ambas caras de un documento \
             de identidad o un permiso de residencia. | Puede enviar una imagen (PNG, JPEG, HEIC \
             o WebP) o un PDF, de 10 MB como máximo. El lado más corto de una imagen debe tener \
             al menos 600 píxeles. Un PDF puede tener 10 páginas como máximo. | Nuestro consejo: \
             una foto con buena luz en la que se vean las cuatro esquinas, sin flash y sin \
             filtros. | Es necesario para: comprar stablecoins y vender stablecoins. | Hágalo, \
             por favor, a más tardar el 1 de junio. Esta fecha la hemos fijado nosotros; díganos \
             si necesita más tiempo.",
        ),
        (
            "fr",
            "Justificatif d'identité | Ce que vous avez envoyé le 3 mai n'a pas été accepté ; \
             nous devons donc vous le demander encore une fois. Veuillez nous envoyer un \
             passeport, les deux faces d'une carte d'identité ou un titre de séjour. | Vous \
             pouvez envoyer une image (PNG, JPEG, HEIC ou WebP) ou un PDF, de 10 Mo au maximum. \
             Le petit côté d'une image doit avoir au moins 600 pixels. Un PDF peut avoir 10 pages \
             au maximum. | Notre conseil : une photo bien éclairée où les quatre coins sont \
             visibles, sans flash et sans filtre. | C'est nécessaire pour : acheter des \
             stablecoins et vendre des stablecoins. | Veuillez le faire au plus tard le 1er juin. \
             C'est nous qui avons fixé cette date ; dites-nous si vous avez besoin de plus de \
             temps.",
        ),
    ] {
        assert_eq!(told(tag, &identity()), expected, "{tag}");
    }
}

fn subject(kind: SubjectKind, name: &str) -> Subject {
    Subject { kind, name: name.to_owned(), ..Subject::default() }
}

#[test]
fn each_kind_of_task_has_its_own_words() {
    use SubjectKind as K;
    let expiring =
        |name: &str| Subject { valid_until: Some(day("2027-01-31")), ..subject(K::Renewal, name) };
    for (given, expected) in [
        (
            subject(K::Consent, "privacy-policy"),
            "Accept the privacy policy | Please read Crossmint's privacy policy \
             (https://www.crossmint.com/legal/privacy-policy) and tell us whether you accept it.",
        ),
        (
            Subject { round: 2, ..subject(K::Terms, "terms-of-service") },
            "Accept the terms of service | Your earlier acceptance no longer counts, perhaps \
             because the text was changed, so we have to ask once more. Please read Crossmint's \
             terms of service and tell us whether you accept them.",
        ),
        (
            Subject {
                lacks: vec![words(&[
                    "kycData.phoneNumber",
                    "kycData.addressOfResidence.stateOrRegion",
                    "kycData.addressOfResidence",
                    "kycData.shoeSize",
                    "kycData.hatSize",
                ])],
                ..subject(K::Data, "kyc-data")
            },
            "Your address and contact details | Please give us your home address, how to reach \
             you, and the details of your identity document. What is missing: phone number, \
             state or region, home address and a further detail. | Our advice: give the address \
             where you live, not a post-office box.",
        ),
        (
            Subject {
                for_whom: ForWhom::Company,
                round: 2,
                lacks: vec![words(&["verificationHistory.idVerificationTimestamp"])],
                due: Some(DueBy { on: day("2026-05-09"), source: "policy".to_owned() }),
                products: words(&["onramp"]),
                ..subject(K::Data, "verification-history")
            },
            "A recent check of your identity | Our partner needs to know when we last checked \
             your identity. We see to that; you need to do nothing.",
        ),
        (subject(K::Data, "shoe-size"), "Further details | Please complete your details."),
        (
            subject(K::Document, "proof-of-address"),
            "Proof of address | Please upload a proof of address. | For example: a utility bill \
             or a bank statement, not older than three months, with your name and your address.",
        ),
        (
            subject(K::Document, "selfie-front"),
            "Selfie from the front | Please upload a selfie from the front. | Our advice: look \
             straight into the camera, in good light, without sunglasses and without a hat.",
        ),
        (
            Subject {
                accepts: vec![words(&["selfie-front", "selfie-left", "selfie-right"])],
                ..subject(K::Document, "selfie")
            },
            "Selfie | Please upload a selfie from the front, a selfie from the left and a selfie \
             from the right. | Our advice: look straight into the camera, in good light, without \
             sunglasses and without a hat.",
        ),
        (
            Subject { area: Some("us-listed".to_owned()), round: 1, ..identity() },
            "Proof of identity | Please upload a passport, both sides of a driver's licence or \
             ID card or a residence permit. | We take a picture (PNG, JPEG, HEIC or WebP) or a \
             PDF, of at most 10 MB. A picture needs at least 600 pixels on its shorter side. A \
             PDF has at most 10 pages. | Our advice: a photo in good light, with all four \
             corners visible, without flash and without a filter. | This is needed for: buying \
             stablecoins and selling stablecoins. | Please do this by 1 June. We have set this \
             date; tell us if you need more time.",
        ),
        (
            subject(K::Document, "id-idcard-front"),
            "ID card, front | Please upload the front of an ID card. | Our advice: a photo in \
             good light, with all four corners visible, without flash and without a filter.",
        ),
        (
            Subject { products: words(&["onramp"]), round: 3, ..subject(K::Operator, CANARY) },
            "We are clarifying something | We are clarifying something with our partner; you \
             need to do nothing.",
        ),
        (
            expiring("id-passport"),
            "Renew: passport | What we hold of you runs out on 31 January 2027. Please upload a \
             passport, valid for longer. | Our advice: a photo in good light, with all four \
             corners visible, without flash and without a filter.",
        ),
        (
            Subject {
                accepts: vec![
                    words(&["id-passport"]),
                    words(&["id-idcard-front", "id-idcard-back"]),
                ],
                ..expiring("id-idcard-front")
            },
            "Renew: ID card | What we hold of you runs out on 31 January 2027. Please upload a \
             passport or both sides of an ID card, valid for longer. | Our advice: a photo in good \
             light, with all four corners visible, without flash and without a filter.",
        ),
        (
            Subject {
                for_whom: ForWhom::Company,
                due: Some(DueBy { on: day("2026-05-09"), source: "verification-age".to_owned() }),
                ..expiring("verification-history")
            },
            "A new check of your identity | Your last identity check counts until 31 January \
             2027. We see to a new one and will contact you if we need you for it.",
        ),
        (
            expiring("terms-of-service"),
            "Confirm the terms of service again | Your acceptance counts until 31 January 2027. \
             Please read Crossmint's terms of service again and tell us whether you still accept \
             them.",
        ),
        (
            expiring(CANARY),
            "Something runs out soon | Something runs out on 31 January 2027. We will tell you \
             if we need anything of you.",
        ),
    ] {
        assert_eq!(told("en", &given), expected, "{given:?}");
    }
}

/// A proof of identity of which the front of a card is held.
fn identity_with_a_front() -> Subject {
    Subject {
        lacks: vec![
            words(&["id-passport"]),
            words(&["id-idcard-back"]),
            words(&["id-residency-permit"]),
        ],
        ..subject(SubjectKind::Document, "id")
    }
}

#[test]
fn what_is_lacking_is_named_in_each_language() {
    let card = |area: &str| Subject {
        accepts: identity().accepts,
        area: Some(area.to_owned()),
        ..identity_with_a_front()
    };
    let number = Subject {
        lacks: vec![words(&[
            "kycData.nationality",
            "kycData.identityDocument.type=ssn",
            "kycData.identityDocument.number",
        ])],
        ..subject(SubjectKind::Data, "kyc-data")
    };
    for (tag, given, expected) in [
        (
            "en",
            card("eea"),
            "Please upload the back of an ID card, a passport or a residence permit. We already \
             have the front of an ID card.",
        ),
        (
            "en",
            card("us"),
            "Please upload the back of a driver's licence or ID card, a passport or a residence \
             permit. We already have the front of a driver's licence or ID card.",
        ),
        (
            "de",
            card("eea"),
            "Bitte laden Sie die Rückseite eines Personalausweises, einen Reisepass oder einen \
             Aufenthaltstitel hoch. Wir haben schon die Vorderseite eines Personalausweises.",
        ),
        (
            "es",
            card("spain"),
            "Suba, por favor, el reverso de un documento de identidad, un pasaporte o un permiso \
             de residencia. Ya tenemos el anverso de un documento de identidad.",
        ),
        (
            "fr",
            card("eea"),
            "Veuillez nous envoyer le verso d'une carte d'identité, un passeport ou un titre de \
             séjour. Nous avons déjà le recto d'une carte d'identité.",
        ),
        (
            "en",
            number.clone(),
            "Please give us your home address, how to reach you, and the details of your \
             identity document. What is missing: nationality and US social security number (SSN).",
        ),
        (
            "de",
            number,
            "Bitte nennen Sie uns Ihre Wohnadresse, wie wir Sie erreichen, und die Angaben aus \
             Ihrem Ausweisdokument. Es fehlt noch: Staatsangehörigkeit und \
             US-Sozialversicherungsnummer (SSN).",
        ),
    ] {
        let text = texts().task_for_user(&language(tag), &given, today());
        assert_eq!(text.sentence.as_str(), expected, "{tag}");
    }
}

#[test]
fn only_the_files_that_are_taken_are_told_of() {
    for (media_types, bytes_max, expected) in [
        (&["application/pdf"][..], None, Some("We take a PDF. A PDF has a single page.")),
        (
            &["image/png"],
            Some(1_550_000),
            Some(
                "We take a picture (PNG), of at most 1.5 MB. A picture needs at least 600 pixels \
                 on its shorter side.",
            ),
        ),
        (&["video/mp4"], Some(1), None),
        (&[], Some(1), None),
    ] {
        let limits = Limits {
            media_types: words(media_types),
            bytes_max,
            side_pixels_min: Some(600),
            pages_max: Some(1),
        };
        let subject = Subject { limits, ..subject(SubjectKind::Document, "id") };
        let text = texts().task_for_user(&language("en"), &subject, today());
        assert_eq!(text.files.as_ref().map(Phrase::as_str), expected, "{media_types:?}");
    }
}

#[test]
fn staff_reads_the_providers_words_and_what_helps() {
    for (given, expected) in [
        (
            Subject { lacks: vec![words(&["a.b"])], ..subject(SubjectKind::Data, "kyc-data") },
            "The provider asks for the section kyc-data. Supply it with `gangway user patch`. \
             Missing fields: a.b.",
        ),
        (
            identity(),
            "The provider asks for id. What meets it: id-passport | id-idcard-front + \
             id-idcard-back | id-residency-permit. Supply it with `gangway document add`. Asked \
             for by: onramp, offramp. Asked for 2 times; what was supplied on 3 May did not do. \
             Due on 1 June (source: policy).",
        ),
        (
            Subject {
                accepts: identity().accepts,
                duplicates: words(&["019f-1", "019f-2"]),
                ..identity_with_a_front()
            },
            "The provider asks for id. What meets it: id-passport | id-idcard-front + \
             id-idcard-back | id-residency-permit. Supply it with `gangway document add`. Still \
             missing for id: id-passport | id-idcard-back | id-residency-permit. The same file \
             was given for other users, in the onboardings 019f-1, 019f-2: look into it.",
        ),
        (
            subject(SubjectKind::Operator, "proof\u{202E}\n\u{7}of"),
            "The provider asks for proof\u{FFFD}\u{FFFD}\u{FFFD}of, which Gangway does not know. \
             Find out what is meant, then ask for verification with `gangway verify`.",
        ),
        (
            Subject {
                accepts: vec![words(&["verificationHistory"])],
                for_whom: ForWhom::Company,
                ..subject(SubjectKind::Renewal, "verification-history")
            },
            "To be renewed: verification-history. What meets it: verificationHistory. The company \
             has to act for the user.",
        ),
        (
            subject(SubjectKind::Renewal, "verification-history"),
            "To be renewed: verification-history. What meets it: nothing that is known.",
        ),
    ] {
        let note = texts().task_for_staff(&language("en"), &given, today());
        assert_eq!(note.as_str(), expected);
    }
}

#[test]
fn a_reminder_says_what_is_open_and_by_when() {
    let mut given = subject(SubjectKind::Document, "proof-of-address");
    given.due = Some(DueBy { on: day("2026-05-12"), source: "x".to_owned() });
    let reminder = |given: &Subject| texts().reminder(&language("en"), given, today());
    let before = reminder(&given);
    assert_eq!(before.title.as_str(), "A reminder: Proof of address");
    assert_eq!(
        before.sentence.as_str(),
        "This is still open. Please upload a proof of address. Please do this by 12 May."
    );
    given.due = Some(DueBy { on: day("2026-05-09"), source: "x".to_owned() });
    assert_eq!(reminder(&given).title.as_str(), "Overdue: Proof of address");
    given.due = Some(DueBy { on: today(), source: "x".to_owned() });
    assert_eq!(reminder(&given).title, before.title, "the last day is in time");
}

#[test]
fn an_explanation_can_be_read_out() {
    let at = Timestamp::parse("2026-05-10T09:05:59Z").unwrap();
    let address = Subject {
        due: Some(DueBy { on: day("2026-05-20"), source: "policy".to_owned() }),
        ..subject(SubjectKind::Document, "proof-of-address")
    };
    for (tag, given, expected) in [
        (
            "en",
            Standing {
                product: "onramp".to_owned(),
                status: "requires-data".to_owned(),
                state: None,
                usable: Usable::NoLonger,
                who: "user".to_owned(),
                tasks: vec![identity(), address.clone(), subject(SubjectKind::Operator, CANARY)],
                to_do: None,
                stuck: Some(stuck_by("user-silent")),
                observed_at: Some(at),
                next_look_at: None,
            },
            "Buying stablecoins: you could use this before, but can't at present. Something is \
             still missing before the check can go on. We are still waiting for something from \
             you. It is your turn. What we need from you: Proof of identity; Proof of address. \
             Please see to it by 20 May. Our partner last confirmed this on 10 May, 09:05 UTC.",
        ),
        (
            "de",
            Standing {
                product: "offramp".to_owned(),
                status: "pending-review".to_owned(),
                who: "provider".to_owned(),
                stuck: Some(stuck_by("provider-slow")),
                observed_at: Some(at),
                next_look_at: Some(at.plus_ms(3_600_000)),
                ..Standing::default()
            },
            "Stablecoins verkaufen: Das ist noch nicht möglich. Die Prüfung läuft. Dass noch kein \
             Ergebnis vorliegt, ist normal: Oft dauert es Sekunden, manchmal Tage. Unser Partner \
             braucht länger als gewöhnlich. Unser Partner prüft Ihre Angaben; Sie brauchen nichts \
             zu tun. Unser Partner hat dies zuletzt bestätigt: 10. Mai, 09:05 Uhr (UTC). Wir \
             sehen spätestens dann wieder nach: 10. Mai, 10:05 Uhr (UTC).",
        ),
        (
            "es",
            Standing {
                product: "regulated-transfer".to_owned(),
                status: "verified".to_owned(),
                usable: Usable::NowUntil(day("2026-12-31")),
                who: "user".to_owned(),
                observed_at: Some(at),
                ..Standing::default()
            },
            "Enviar stablecoins: ya puede hacerlo. Para que siga así, hay que hacer algo a más \
             tardar el 31 de diciembre. Ahora le toca a usted. Última confirmación de nuestro \
             socio: 10 de mayo, 09:05 UTC.",
        ),
        (
            "fr",
            Standing {
                product: CANARY.to_owned(),
                status: CANARY.to_owned(),
                usable: Usable::Unavailable,
                who: CANARY.to_owned(),
                stuck: Some(stuck_by(CANARY)),
                ..Standing::default()
            },
            "Un autre service : vous ne pouvez pas le faire pour le moment. Nous clarifions la \
             situation avec notre partenaire. Cela prend plus de temps que d'habitude. Nous \
             examinons cela ; vous n'avez rien à faire. Notre \
             partenaire ne nous a encore rien dit.",
        ),
    ] {
        let explanation = texts().explain(&language(tag), &given, today());
        assert_eq!(explanation.paragraph.as_str(), expected, "{tag}");
    }
}

#[test]
fn dates_are_written_as_people_there_write_them() {
    for (tag, date, expected) in [
        ("en", "2026-05-03", "3 May"),
        ("en", "2027-05-03", "3 May 2027"),
        ("de", "2026-05-01", "1. Mai"),
        ("de", "2025-03-31", "31. März 2025"),
        ("es", "2026-05-03", "3 de mayo"),
        ("es", "2027-01-01", "1 de enero de 2027"),
        ("fr", "2026-05-03", "3 mai"),
        ("fr", "2026-08-01", "1er août"),
        ("fr", "2027-12-01", "1er décembre 2027"),
        ("pt-BR", "2026-05-03", "3 May"),
    ] {
        let written = texts().date(&language(tag), day(date), today());
        assert_eq!(written.as_str(), expected, "{tag} {date}");
    }
}

#[test]
fn every_language_has_every_text_with_the_same_placeholders() {
    let english = &texts().catalogues[&language("en")];
    assert_eq!(texts().languages().count(), EMBEDDED.len());
    for (language, catalogue) in &texts().catalogues {
        let names = |catalogue: &Catalogue| catalogue.keys().cloned().collect::<BTreeSet<String>>();
        assert_eq!(names(catalogue), names(english), "{language}");
        for (name, template) in catalogue {
            assert_eq!(template.placeholders(), english[name].placeholders(), "{language} {name}");
        }
    }
}

#[test]
fn every_word_that_is_known_has_a_text_of_its_own() {
    let english = &texts().catalogues[&language("en")];
    let has = |name: String| assert!(english.contains_key(&name), "{name}");
    for known in DocumentType::KNOWN {
        has(format!("document.{known}.name"));
        has(format!("document.{known}.object"));
    }
    Product::KNOWN.iter().for_each(|known| has(format!("product.{known}")));
    ProductStatus::KNOWN.iter().for_each(|known| has(format!("status.{known}")));
    State::ALL.iter().for_each(|known| has(format!("state.{known}")));
    for known in Section::KNOWN {
        has(format!("section.{known}"));
        has(format!("task.data.{known}.title"));
    }
    for kind in SubjectKind::ALL {
        has(format!("staff.task.{}", kind.as_str()));
        assert_eq!(SubjectKind::from(kind.as_str()), kind);
    }
    fields_of("", &crate::profile::full_json()).iter().for_each(|field| {
        let label = texts().field(&language("en"), field);
        assert_ne!(label, texts().field(&language("en"), "nothing"), "{field}");
    });
}

fn fields_of(section: &str, value: &serde_json::Value) -> Vec<String> {
    let Some(object) = value.as_object() else { return Vec::new() };
    let fields = object.iter().flat_map(|(name, value)| {
        let name = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        let inner = fields_of(&name, value);
        // The sections themselves are no fields.
        if section.is_empty() { inner } else { [vec![name], inner].concat() }
    });
    fields.collect()
}

/// «y» and «o» would become «e» and «u».
#[test]
fn no_item_of_a_spanish_list_changes_the_word_before_it() {
    for (name, template) in &texts().catalogues[&language("es")] {
        let listed = ["field.", "product.", "file."].iter().any(|of| name.starts_with(of))
            || name.ends_with(".object");
        let text = template.fill(&[]).to_lowercase();
        let changes = ["i", "hi", "o", "ho"].iter().any(|start| text.starts_with(start));
        assert!(!listed || !changes, "{name}: {text}");
    }
}

#[test]
fn sides_and_names_are_told() {
    let language = language("fr");
    let side = |kind| texts().side(&language, kind).map(|side| side.to_string());
    assert_eq!(side("id-idcard-back").as_deref(), Some("verso"));
    assert_eq!(side("selfie-left").as_deref(), Some("côté gauche"));
    assert_eq!(side("id-passport"), None);
    assert_eq!(texts().document(&language, "id-passport").as_str(), "passeport");
    assert_eq!(texts().section(&language, CANARY).as_str(), "autres informations");
    assert_eq!(texts().product(&language, "onramp").as_str(), "acheter des stablecoins");
    assert_eq!(
        texts().state(&language, "verification-triggered").as_str(),
        "La vérification commence."
    );
    assert_eq!(
        texts().product_status(&language, "not-started").as_str(),
        "La vérification n'a pas encore commencé."
    );
    assert_eq!(texts().who(&language, "user").as_str(), "C'est à vous d'agir.");
    assert_eq!(texts().who_for_staff(&language, CANARY).as_str(), "Un opérateur doit agir.");
    assert!(texts().stuck(&language, "our-budget").as_str().starts_with("Beaucoup"));
    assert!(texts().stuck_for_staff(&language, CANARY).as_str().starts_with("La cause"));
}

fn with(tag: &str, file: &str) -> Result<Texts, Vec<String>> {
    let mistakes = |mistakes: Vec<Mistake>| mistakes.iter().map(ToString::to_string).collect();
    Texts::default().with(language(tag), file.as_bytes()).map_err(mistakes)
}

#[test]
fn a_missing_text_falls_back_to_the_language_and_then_to_english() {
    let texts = with("de-AT", "[date]\njanuary = \"Jänner\"\n").unwrap();
    let texts =
        texts.with(language("pt"), b"[document.id-passport]\nname = \"passaporte\"\n").unwrap();
    for (tag, january, passport) in [
        ("de-AT", "2. Jänner", "Reisepass"),
        ("de-CH", "2. Januar", "Reisepass"),
        ("pt-BR", "2 January", "passaporte"),
        ("it", "2 January", "passport"),
    ] {
        let language = language(tag);
        let written = texts.date(&language, day("2026-01-02"), today());
        assert_eq!(written.as_str(), january, "{tag}");
        assert_eq!(texts.document(&language, "id-passport").as_str(), passport, "{tag}");
        assert_eq!(texts.speaks(&language), tag != "it", "{tag}");
    }
}

#[test]
fn a_file_may_replace_an_advice_and_name_what_is_new() {
    let file = "[advice]\nproof-of-address = \"\"\n\
                [document.id-visa]\nobject = \"a visa\"\nname = \"visa\"\n\
                [field.kycData]\ntaxNumber = \"tax number\"\n\
                [field.kycData.addressOfResidence]\nline3 = \"third line\"\n\
                [product]\nsavings = \"saving\"\n";
    let texts = with("en", file).unwrap();
    let english = language("en");
    let text = |name| texts.task_for_user(&english, &subject(SubjectKind::Document, name), today());
    assert_eq!(text("proof-of-address").example, None);
    assert_eq!(text("id-visa").title.as_str(), "Visa");
    assert_eq!(text("id-visa").sentence.as_str(), "Please upload a visa.");
    assert_eq!(texts.field(&english, "kycData.taxNumber").as_str(), "tax number");
    assert_eq!(texts.product(&english, "savings").as_str(), "saving");
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let long = format!("[who]\nuser = \"{}\"", "é".repeat(TEXT_LENGTH_MAX + 1));
    for (file, expected) in [
        ("", vec![]),
        (
            "[who]\nuser = \"ok\"\nuesr = \"x\"\n\n[state]\nhappy = \"x\"",
            vec![
                "line 3: who.uesr: there is no such text; did you mean who.user?",
                "line 6: state.happy: there is no such text; config/texts/en.toml has them all",
            ],
        ),
        (
            "[due]\nby = \"By {day}, {date}\"\noverdue = \"late\"\n[who]\nuser = \"{date}\"",
            vec![
                "line 2: due.by: unknown placeholder {day}; this text has {date}",
                "line 3: due.overdue: the placeholder {date} is missing",
                "line 5: who.user: unknown placeholder {date}; this text has none",
            ],
        ),
        (
            "[who]\nuser = 1\nnobody = [\"x\"]\ncompany = \" \"\noperator = \"a{b\"\n\
             gangway = \"a\\nb\"",
            vec![
                "line 2: who.user: must be a text in quotation marks",
                "line 3: who.nobody: must be a text in quotation marks",
                "line 4: who.company: must not be empty; leave it out to fall back",
                "line 5: who.operator: a { without its }",
                "line 6: who.gangway: must be one line without control characters",
            ],
        ),
        (&long, vec!["line 2: who.user: has 401 characters; at most 400 are taken"]),
        (
            "[document.id-pasport]\nname = \"x\"\n[document.id-visa]\ntitle = \"x\"\n\
             name = \"{date}\"",
            vec![
                "line 2: document.id-pasport.name: there is no such text; did you mean \
                 document.id-passport.name?",
                "line 4: document.id-visa.title: there is no such text; config/texts/en.toml has \
                 them all",
                "line 5: document.id-visa.name: unknown placeholder {date}; this text has none",
            ],
        ),
        (
            "who = \"x\"",
            vec!["line 1: who: there is no such text; config/texts/en.toml has them all"],
        ),
    ] {
        assert_eq!(with("de", file).err().unwrap_or_default(), expected, "{file}");
    }
}

#[test]
fn what_is_no_toml_no_utf_8_or_too_large_is_told_too() {
    let mistakes = with("de", "[who]\nuser = \"x\nnobody = \"{date}\"").unwrap_err();
    assert!(mistakes[0].starts_with("line 2: "), "{mistakes:?}");
    assert!(mistakes.iter().any(|mistake| mistake.contains("{date}")), "{mistakes:?}");
    let latin_1 = Texts::default().with(language("de"), b"# a\n[who]\nuser = \"f\xFCr\"");
    assert_eq!(
        latin_1.unwrap_err()[0].to_string(),
        "line 3: is not UTF-8; save the file in that encoding"
    );
    let large = Texts::default().with(language("de"), &vec![b'#'; TEXTS_BYTES_MAX + 1]);
    assert!(large.unwrap_err()[0].message.contains("larger than"));
    let many: String = (0..300).map(|at| format!("x{at} = \"x\"\n")).collect();
    let mistakes = with("de", &many).unwrap_err();
    assert_eq!(mistakes.len(), 101);
    assert!(mistakes[100].ends_with("and 200 more mistakes in the file"), "{}", mistakes[100]);
}

/// Words that the catalogue knows, and words that it does not.
fn any_word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z-]{0,12}".prop_map(|word| format!("{CANARY}{word}")),
        prop::sample::select(vec![
            "id",
            "proof-of-address",
            "selfie-left",
            "id-idcard-front",
            "id-idcard-back",
            "kyc-data",
            "privacy-policy",
            "terms-of-service",
            "verification-history",
            "onramp",
            "kycData.email",
            "kycData.identityDocument.type=ssn",
            "us",
            "user",
            "policy",
            "image/png",
            "rejected",
            "other",
            "fields",
        ])
        .prop_map(str::to_owned),
    ]
}

fn any_subject() -> impl Strategy<Value = Subject> {
    let list = || prop::collection::vec(any_word(), 0..4);
    let groups = || prop::collection::vec(prop::collection::vec(any_word(), 0..4), 0..4);
    let date = || prop::option::of((1_i64..4_000_000_000_000).prop_map(|ms| Timestamp(ms).date()));
    let due = (date(), any_word());
    (
        (prop::sample::select(SubjectKind::ALL.to_vec()), any_word(), any_word()),
        (groups(), groups(), list(), list(), prop::sample::select(ForWhom::ALL.to_vec())),
        (0_u32..4, date(), date(), date(), due),
        (any::<Option<u64>>(), any::<Option<u32>>(), any::<Option<u32>>()),
    )
        .prop_map(
            |(
                (kind, name, area),
                (accepts, lacks, products, media_types, for_whom),
                times,
                limits,
            )| {
                let (round, supplied_on, waived_on, valid_until, (on, source)) = times;
                let (bytes_max, side_pixels_min, pages_max) = limits;
                Subject {
                    kind,
                    for_whom,
                    name,
                    duplicates: products.clone(),
                    accepts,
                    lacks,
                    area: Some(area),
                    products,
                    round,
                    supplied_on,
                    waived_on,
                    valid_until,
                    due: on.map(|on| DueBy { on, source }),
                    limits: Limits { media_types, bytes_max, side_pixels_min, pages_max },
                }
            },
        )
}

/// A text that came out whole.
fn is_clean(text: &str) -> bool {
    !text.contains(['{', '}']) && !text.contains("  ") && text.trim() == text && !text.is_empty()
}

proptest! {
    #[test]
    fn no_word_of_the_provider_reaches_a_user(
        tag in prop::sample::select(vec!["en", "de-AT", "es", "fr", "it"]),
        subject in any_subject(),
        given in any_word(),
    ) {
        let language = language(tag);
        let user = texts().task_for_user(&language, &subject, today());
        let reminder = texts().reminder(&language, &subject, today());
        let usable = [Usable::Now, Usable::NotYet, Usable::NowUntil(today())]
            [usize::try_from(subject.round).unwrap() % 3];
        let standing = Standing {
            product: given.clone(),
            status: given.clone(),
            usable,
            who: given.clone(),
            tasks: vec![subject.clone()],
            stuck: Some(stuck_by(&given)),
            ..Standing::default()
        };
        let explanation = texts().explain(&language, &standing, today());
        let told = [
            serde_json::to_string(&user).unwrap(),
            serde_json::to_string(&reminder).unwrap(),
            explanation.paragraph.to_string(),
        ];
        for text in &told {
            prop_assert!(!text.contains(CANARY), "{text}");
        }
        let more = [user.files, user.example, user.needed_for, user.due];
        let phrases = [user.title, user.sentence, reminder.title, reminder.sentence];
        for phrase in phrases.into_iter().chain(more.into_iter().flatten()) {
            prop_assert!(is_clean(phrase.as_str()), "{phrase}");
        }
        prop_assert!(is_clean(explanation.paragraph.as_str()));
        let note = texts().task_for_staff(&language, &subject, today());
        prop_assert!(is_clean(note.as_str()), "{note:?}");
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Texts::default().with(language("de"), &bytes);
    }

    #[test]
    fn any_file_is_taken_or_every_mistake_has_a_line_of_it(
        lines in prop::collection::vec(
            prop_oneof![
                "\\[[a-z]{1,8}(\\.[a-z-]{1,8})?\\]",
                "[a-z-]{1,9} = \"[a-zé {}]{0,20}\"",
                "[a-z.]{1,9} = [0-9\\[\\]{}\"'a-z=]{0,12}",
                "\\PC{0,20}",
            ],
            0..12,
        ),
    ) {
        let text = lines.join("\n");
        if let Err(mistakes) = Texts::default().with(language("de"), text.as_bytes()) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                prop_assert!((1..=lines.len().max(1) + 1).contains(&mistake.line), "{mistake}");
                prop_assert!(!mistake.to_string().contains('\n'));
            }
        }
    }
}
