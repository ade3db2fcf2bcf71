//! What is said of a task.

use serde::Serialize;

use super::subject::{DueBy, Limits, Subject, SubjectKind};
use super::voice::{Joint, Phrase, StaffNote, Voice, count, raw};
use crate::{Date, ForWhom};

/// What is said of a task: to the user, and to staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskText {
    /// Safe for the user's eyes.
    #[serde(flatten)]
    pub user: UserText,
    /// For staff's eyes only.
    pub staff_note: StaffNote,
}

/// What is said of a task to the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserText {
    /// A few words.
    pub title: Phrase,
    /// What to do, and why again if it is asked for again.
    pub sentence: Phrase,
    /// What files are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Phrase>,
    /// An example, or our advice; no rule of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Phrase>,
    /// For which products it is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed_for: Option<Phrase>,
    /// By when, or that it is overdue, and where the date comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Phrase>,
}

/// A reminder for the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reminder {
    /// A subject line.
    pub title: Phrase,
    /// What is open, and by when.
    pub sentence: Phrase,
}

pub(super) fn for_user(voice: &Voice<'_>, subject: &Subject, today: Date) -> UserText {
    if is_not_the_users(subject) {
        return UserText {
            title: title(voice, subject),
            sentence: sentence(voice, subject, today),
            files: None,
            example: None,
            needed_for: None,
            due: None,
        };
    }
    let asks_for_files = !documents_of(subject).is_empty();
    UserText {
        title: title(voice, subject),
        sentence: sentence(voice, subject, today),
        files: asks_for_files.then(|| files(voice, &subject.limits)).flatten(),
        example: example(voice, subject),
        needed_for: needed_for(voice, &subject.products),
        due: subject.due.as_ref().map(|due| due_sentence(voice, due, today)),
    }
}

/// Whether the user has nothing to do, so that there is nothing more to tell.
pub(super) fn is_not_the_users(subject: &Subject) -> bool {
    match subject.for_whom {
        ForWhom::User => subject.kind == SubjectKind::Operator,
        ForWhom::Company | ForWhom::Operator => true,
    }
}

pub(super) fn reminder(voice: &Voice<'_>, subject: &Subject, today: Date) -> Reminder {
    let text = for_user(voice, subject, today);
    let overdue = subject.due.as_ref().is_some_and(|due| due.on < today);
    let name = if overdue { "reminder.overdue-title" } else { "reminder.title" };
    let title = voice.say(name, &[("title", &text.title)]);
    let open = voice.say("reminder.sentence", &[("sentence", &text.sentence)]);
    Reminder { title, sentence: Phrase::sentences([open].into_iter().chain(text.due)) }
}

/// What a renewal is about.
fn renewed(subject: &Subject) -> &'static str {
    match subject.name.as_str() {
        "privacy-policy" => "consent",
        "terms-of-service" => "terms",
        "verification-history" | "verification" => "verification",
        name if is_document(name) || accepted(subject).next().is_some() => "document",
        _ => "other",
    }
}

fn is_document(name: &str) -> bool {
    ["id", "selfie", "proof-"].iter().any(|kind| name.starts_with(kind))
}

fn title(voice: &Voice<'_>, subject: &Subject) -> Phrase {
    let document = voice.word_of("document", &subject.name, "name");
    match subject.kind {
        SubjectKind::Consent => voice.say("task.consent.title", &[]),
        SubjectKind::Terms => voice.say("task.terms.title", &[]),
        SubjectKind::Data => voice.word_of("task.data", &subject.name, "title"),
        SubjectKind::Document => document.capitalised(),
        SubjectKind::Operator => voice.say("task.operator.title", &[]),
        SubjectKind::Wallet => voice.say("task.wallet.title", &[]),
        SubjectKind::WalletProof => voice.say("task.wallet-proof.title", &[]),
        SubjectKind::Renewal => {
            let name = format!("task.renewal.{}.title", renewed(subject));
            let whole = accepted(subject).find(|group| group.contains(&subject.name));
            let card = whole.filter(|group| are_both_sides(group)).map(|_| card(subject));
            let document = card.map_or(document, |card| voice.word_of("document", card, "name"));
            voice.say(&name, &[("document", &document)])
        }
    }
}

fn sentence(voice: &Voice<'_>, subject: &Subject, today: Date) -> Phrase {
    let ask = match subject.kind {
        SubjectKind::Consent => voice.say("task.consent.sentence", &[]),
        SubjectKind::Terms => voice.say("task.terms.sentence", &[]),
        SubjectKind::Data => data(voice, subject),
        SubjectKind::Document => {
            let documents = documents(voice, subject);
            let ask = voice.say("task.document.sentence", &[("documents", &documents)]);
            Phrase::sentences([ask].into_iter().chain(held(voice, subject)))
        }
        SubjectKind::Operator => voice.say("task.operator.sentence", &[]),
        SubjectKind::Wallet => voice.say("task.wallet.sentence", &[]),
        SubjectKind::WalletProof => voice.say("task.wallet-proof.sentence", &[]),
        SubjectKind::Renewal => renewal(voice, subject, today),
    };
    Phrase::sentences(again(voice, subject, today).into_iter().chain([ask]))
}

fn data(voice: &Voice<'_>, subject: &Subject) -> Phrase {
    let ask = voice.word_of("task.data", &subject.name, "sentence");
    let missing = fields(voice, subject).filter(|_| !is_not_the_users(subject));
    let missing = missing.map(|fields| voice.say("task.data.fields", &[("fields", &fields)]));
    Phrase::sentences([ask].into_iter().chain(missing))
}

/// The fields that a section lacks: `nationality and phone number`.
fn fields(voice: &Voice<'_>, subject: &Subject) -> Option<Phrase> {
    let fields: Vec<&str> = subject.lacks.iter().flatten().map(String::as_str).collect();
    // Of what has to be of one kind, its kind tells all: the number is that one's.
    let kinds = fields.iter().filter(|field| field.contains('=')).map(|field| parent(field));
    let kinds: Vec<&str> = kinds.collect();
    let told = fields.iter().filter(|field| field.contains('=') || !kinds.contains(&parent(field)));
    voice.list(Joint::And, told.map(|field| field_label(voice, field)))
}

/// What a field is a part of.
fn parent(field: &str) -> &str {
    field.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// What a task lacks, for those who know what it is about; `None` where its title says as much.
pub(super) fn lacking(voice: &Voice<'_>, subject: &Subject) -> Option<Phrase> {
    match subject.kind {
        SubjectKind::Data => fields(voice, subject),
        SubjectKind::Document => is_begun(subject).then(|| documents(voice, subject)),
        SubjectKind::Consent
        | SubjectKind::Terms
        | SubjectKind::Operator
        | SubjectKind::Renewal
        | SubjectKind::Wallet
        | SubjectKind::WalletProof => None,
    }
}

fn renewal(voice: &Voice<'_>, subject: &Subject, today: Date) -> Phrase {
    let documents = documents(voice, subject);
    let name = format!("task.renewal.{}.sentence", renewed(subject));
    match subject.valid_until {
        None => voice.say(&name, &[("documents", &documents)]),
        Some(day) => {
            let date = voice.date(day, today);
            voice.say(&format!("{name}-by"), &[("documents", &documents), ("date", &date)])
        }
    }
}

/// That what was sent before did not do. Whoever sent nothing, as it was waived, is not told so.
fn again(voice: &Voice<'_>, subject: &Subject, today: Date) -> Option<Phrase> {
    let was_never_sent = subject.supplied_on.is_none() && subject.waived_on.is_some();
    if subject.round < 2 || was_never_sent || is_not_the_users(subject) {
        return None;
    }
    let what = match subject.kind {
        SubjectKind::Consent | SubjectKind::Terms => "consent",
        SubjectKind::Data | SubjectKind::Wallet | SubjectKind::WalletProof => "data",
        SubjectKind::Document => "document",
        SubjectKind::Renewal => match renewed(subject) {
            "document" => "document",
            "consent" | "terms" => "consent",
            _ => "data",
        },
        SubjectKind::Operator => return None,
    };
    Some(match subject.supplied_on {
        None => voice.say(&format!("again.{what}"), &[]),
        Some(day) => {
            let date = voice.date(day, today);
            voice.say(&format!("again.{what}-of"), &[("date", &date)])
        }
    })
}

/// The groups of document types that meet it; what is asked for itself when none are given.
fn documents_of(subject: &Subject) -> Vec<Vec<String>> {
    let asks_for_one = match subject.kind {
        SubjectKind::Document => true,
        SubjectKind::Renewal => renewed(subject) == "document",
        SubjectKind::Consent
        | SubjectKind::Terms
        | SubjectKind::Data
        | SubjectKind::Operator
        | SubjectKind::Wallet
        | SubjectKind::WalletProof => false,
    };
    if !asks_for_one {
        return Vec::new();
    }
    let groups: Vec<Vec<String>> = accepted(subject).cloned().collect();
    if groups.is_empty() { vec![vec![subject.name.clone()]] } else { groups }
}

/// The groups that hold anything.
fn accepted(subject: &Subject) -> impl Iterator<Item = &Vec<String>> {
    subject.accepts.iter().filter(|group| !group.is_empty())
}

/// Each group that will do with what it lacks.
fn groups_and_lacks(subject: &Subject) -> impl Iterator<Item = (&Vec<String>, &Vec<String>)> {
    subject.accepts.iter().zip(&subject.lacks).filter(|(_, lacks)| !lacks.is_empty())
}

/// Whether a part of a group is held, such as one side of a card.
fn is_begun(subject: &Subject) -> bool {
    groups_and_lacks(subject).any(|(group, lacks)| group != lacks)
}

/// The alternatives: `a passport or both sides of an ID card`; what is begun comes first, with
/// the rest of it.
fn documents(voice: &Voice<'_>, subject: &Subject) -> Phrase {
    let groups = if is_begun(subject) {
        let (begun, others): (Vec<_>, Vec<_>) =
            groups_and_lacks(subject).partition(|(group, lacks)| group != lacks);
        begun.into_iter().chain(others).map(|(_, lacks)| lacks.clone()).collect()
    } else {
        documents_of(subject)
    };
    let groups = groups.iter().filter_map(|group| group_of_documents(voice, group, subject));
    voice.list(Joint::Or, groups).unwrap_or_else(|| voice.say("document.other.object", &[]))
}

/// What is held already of a group that is not whole.
fn held(voice: &Voice<'_>, subject: &Subject) -> Option<Phrase> {
    let held = groups_and_lacks(subject).filter_map(|(group, lacks)| {
        let held: Vec<String> = group.iter().filter(|it| !lacks.contains(it)).cloned().collect();
        group_of_documents(voice, &held, subject)
    });
    let documents = voice.list(Joint::And, held)?;
    Some(voice.say("task.document.held", &[("documents", &documents)]))
}

fn group_of_documents(voice: &Voice<'_>, group: &[String], subject: &Subject) -> Option<Phrase> {
    let both = are_both_sides(group);
    let kinds = group.iter().map(|kind| match kind.as_str() {
        "id-idcard-front" | "id-idcard-back" if both => "id-idcard",
        kind => kind,
    });
    voice.list(Joint::And, kinds.map(|kind| object(voice, kind, subject)))
}

/// A document as it follows `please upload`; in the US another card may be meant.
fn object(voice: &Voice<'_>, kind: &str, subject: &Subject) -> Phrase {
    let in_us = lives_in_us(subject).then(|| format!("document.{kind}-us.object"));
    let of_us = in_us.and_then(|name| voice.find(&name, &[]));
    of_us.unwrap_or_else(|| voice.word_of("document", kind, "object"))
}

fn are_both_sides(group: &[String]) -> bool {
    let holds = |side: &str| group.iter().any(|kind| kind == side);
    holds("id-idcard-front") && holds("id-idcard-back")
}

/// Both sides in one word.
fn card(subject: &Subject) -> &'static str {
    if lives_in_us(subject) { "id-idcard-us" } else { "id-idcard" }
}

fn lives_in_us(subject: &Subject) -> bool {
    subject.area.as_deref().is_some_and(|area| area == "us" || area.starts_with("us-"))
}

/// A field's label by its dotted name; `NAME=WORD` is one that has to hold that word.
pub(super) fn field_label(voice: &Voice<'_>, field: &str) -> Phrase {
    let of_word = voice.find(&format!("field.{}", field.replace('=', "-")), &[]);
    let name = field.split_once('=').map_or(field, |(name, _)| name);
    let whole = || voice.find(&format!("field.{name}.whole"), &[]);
    of_word.or_else(whole).unwrap_or_else(|| voice.word("field", name))
}

fn files(voice: &Voice<'_>, limits: &Limits) -> Option<Phrase> {
    let takes = |media: &str| limits.media_types.iter().any(|taken| taken == media);
    let known = PICTURES.iter().filter(|(media, _)| takes(media));
    let types = known.map(|(_, name)| Phrase::fixed(name));
    let picture =
        voice.list(Joint::Or, types).map(|types| voice.say("file.picture", &[("types", &types)]));
    let has_pictures = picture.is_some();
    let pdf = takes(PDF).then(|| voice.say("file.pdf", &[]));
    let has_pdf = pdf.is_some();
    let kinds = voice.list(Joint::Or, picture.into_iter().chain(pdf))?;
    let kinds = match limits.bytes_max {
        None => voice.say("file.kinds", &[("kinds", &kinds)]),
        Some(bytes) => {
            voice.say("file.kinds-size", &[("kinds", &kinds), ("size", &voice.size(bytes))])
        }
    };
    let pixels = limits.side_pixels_min.filter(|_| has_pictures);
    let pixels = pixels.map(|pixels| voice.say("file.pixels", &[("pixels", &count(pixels))]));
    let pages = limits.pages_max.filter(|_| has_pdf).map(|pages| match pages {
        1 => voice.say("file.one-page", &[]),
        pages => voice.say("file.pages", &[("pages", &count(pages))]),
    });
    Some(Phrase::sentences([kinds].into_iter().chain(pixels).chain(pages)))
}

/// The pictures by their media types, with the names that are the same in every language.
const PICTURES: [(&str, &str); 4] =
    [("image/png", "PNG"), ("image/jpeg", "JPEG"), ("image/heic", "HEIC"), ("image/webp", "WebP")];
const PDF: &str = "application/pdf";

fn example(voice: &Voice<'_>, subject: &Subject) -> Option<Phrase> {
    let own = voice.find(&format!("advice.{}", subject.name), &[]);
    let kind = ["selfie", "id"].into_iter().find(|kind| subject.name.starts_with(kind));
    let of_kind = || voice.find(&format!("advice.{}", kind.unwrap_or("other")), &[]);
    own.or_else(of_kind).filter(|advice| !advice.as_str().is_empty())
}

fn needed_for(voice: &Voice<'_>, products: &[String]) -> Option<Phrase> {
    let products = products.iter().map(|product| voice.word("product", product));
    let products = voice.list(Joint::And, products)?;
    Some(voice.say("needed.for", &[("products", &products)]))
}

fn due_sentence(voice: &Voice<'_>, due: &DueBy, today: Date) -> Phrase {
    let name = if due.on < today { "due.overdue" } else { "due.by" };
    let by = voice.say(name, &[("date", &voice.date(due.on, today))]);
    Phrase::sentences([by, voice.word("due.source", &due.source)])
}

pub(super) fn for_staff(voice: &Voice<'_>, subject: &Subject, today: Date) -> StaffNote {
    let name = raw(&subject.name);
    let accepts = accepted_words(voice, subject);
    let about: &[(&str, &str)] = &[("name", &name), ("accepts", &accepts)];
    let mut sentences = vec![voice.note(&format!("task.{}", subject.kind.as_str()), about)];
    if subject.for_whom == ForWhom::Company {
        sentences.push(voice.note("who.company", &[]));
    }
    sentences.extend(lacking_for_staff(voice, subject));
    if !subject.duplicates.is_empty() {
        let onboardings = raw_list(&subject.duplicates);
        sentences.push(voice.note("task.duplicates", &[("onboardings", &onboardings)]));
    }
    if !subject.products.is_empty() {
        let products = raw_list(&subject.products);
        sentences.push(voice.note("task.products", &[("products", &products)]));
    }
    if subject.round >= 2 {
        let round = subject.round.to_string();
        let of = |name: &str, day| {
            let date = voice.date(day, today);
            voice.note(name, &[("round", &round), ("date", date.as_str())])
        };
        sentences.push(match (subject.waived_on, subject.supplied_on) {
            (Some(day), _) => of("task.again-waived", day),
            (None, Some(day)) => of("task.again-of", day),
            (None, None) => voice.note("task.again", &[("round", &round)]),
        });
    }
    if let Some(due) = &subject.due {
        let (date, source) = (voice.date(due.on, today), raw(&due.source));
        sentences.push(voice.note("task.due", &[("date", date.as_str()), ("source", &source)]));
    }
    StaffNote(sentences.join(" "))
}

/// What it lacks by the names that files and commands take, where that is less than all.
pub(super) fn lacking_for_staff(voice: &Voice<'_>, subject: &Subject) -> Option<String> {
    if subject.kind == SubjectKind::Data {
        let fields = subject.lacks.concat();
        let is_known = !fields.is_empty();
        return is_known.then(|| voice.note("task.fields", &[("fields", &raw_list(&fields))]));
    }
    let lacks: Vec<String> =
        groups_and_lacks(subject).map(|(_, lacks)| group_words(lacks)).collect();
    let (name, lacks) = (raw(&subject.name), lacks.join(" | "));
    is_begun(subject).then(|| voice.note("task.lacks", &[("name", &name), ("documents", &lacks)]))
}

fn group_words(group: &[String]) -> String {
    group.iter().map(|kind| raw(kind)).collect::<Vec<String>>().join(" + ")
}

/// What meets it, as the commands take it: `id-passport | id-idcard-front + id-idcard-back`.
/// For what is no document, the field of the user's file.
fn accepted_words(voice: &Voice<'_>, subject: &Subject) -> String {
    let given: Vec<String> = accepted(subject).map(|group| group_words(group)).collect();
    let groups = if given.is_empty() {
        documents_of(subject).iter().map(|group| group_words(group)).collect()
    } else {
        given
    };
    if groups.is_empty() { voice.note("task.nothing-accepted", &[]) } else { groups.join(" | ") }
}

fn raw_list(words: &[String]) -> String {
    words.iter().map(|word| raw(word)).collect::<Vec<String>>().join(", ")
}
