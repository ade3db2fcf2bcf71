//! What is said of where a user stands.

use serde::Serialize;

use super::subject::{Standing, Subject, ToDo, Usable};
use super::task;
use super::voice::{Joint, Phrase, StaffNote, Voice, raw};
use crate::Date;

/// How it stands with one product, said in sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Whether it can be used, why or why not, who acts next, by when, and how fresh this is.
    /// A support person can read it out.
    pub paragraph: Phrase,
    /// For staff's eyes only.
    pub staff_note: StaffNote,
}

pub(super) fn explain(voice: &Voice<'_>, standing: &Standing, today: Date) -> Explanation {
    let said = [Some(usable(voice, standing, today)), why(voice, standing)];
    let said = said.into_iter().flatten().collect();
    Explanation {
        paragraph: in_common(voice, said, standing, today),
        staff_note: staff_note(voice, standing),
    }
}

/// The same of a user's products in one paragraph: what is `whole` is said once.
pub(super) fn explain_all(
    voice: &Voice<'_>,
    products: &[Standing],
    whole: &Standing,
    today: Date,
) -> Phrase {
    let mut sentences: Vec<Phrase> = Vec::new();
    for standing in products {
        let said = [Some(usable(voice, standing, today)), why(voice, standing)];
        for sentence in said.into_iter().flatten() {
            // Of two products for the same reason, one reason is enough.
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
    }
    if let Some(state) = whole.state.as_ref().filter(|_| products.is_empty()) {
        sentences.push(voice.word("state", state));
    }
    in_common(voice, sentences, whole, today)
}

/// What was said, and what products have in common; nothing of it twice.
fn in_common(
    voice: &Voice<'_>,
    mut sentences: Vec<Phrase>,
    whole: &Standing,
    today: Date,
) -> Phrase {
    let is_said = |word: Phrase| sentences.contains(&word);
    // Both say that something is being clarified with the partner.
    let is_clarified = is_said(voice.say("status.other", &[]));
    // It says who acts, too.
    let is_held = is_said(voice.say("state.held", &[]));
    let stuck = whole.stuck.as_ref().filter(|by| !is_clarified || by.cause != "unknown-answer");
    sentences.extend(stuck.map(|by| voice.word("stuck", &by.cause)));
    if !is_held {
        sentences.push(who(voice, &whole.who));
    }
    sentences.extend(whole.to_do.map(|to_do| match to_do {
        ToDo::GiveDetails => voice.say("explain.give-details", &[]),
        ToDo::AskForCheck => voice.say("explain.ask-for-check", &[]),
    }));
    sentences.extend(tasks(voice, whole, today));
    sentences.extend(by(voice, whole, today));
    sentences.push(freshness(voice, whole, today));
    Phrase::sentences(sentences)
}

fn usable(voice: &Voice<'_>, standing: &Standing, today: Date) -> Phrase {
    let product = voice.word("product", &standing.product).capitalised();
    match standing.usable {
        Usable::Now => voice.say("usable.now", &[("product", &product)]),
        Usable::NowUntil(day) => {
            let date = voice.date(day, today);
            voice.say("usable.now-until", &[("product", &product), ("date", &date)])
        }
        Usable::NotYet => voice.say("usable.not-yet", &[("product", &product)]),
        Usable::NoLonger => voice.say("usable.no-longer", &[("product", &product)]),
        Usable::Unavailable | Usable::NotOffered => {
            voice.say("usable.unavailable", &[("product", &product)])
        }
    }
}

/// The provider's word, or the state where that says more. Where it can be used, neither says
/// any more than that.
fn why(voice: &Voice<'_>, standing: &Standing) -> Option<Phrase> {
    match standing.usable {
        Usable::Now | Usable::NowUntil(_) => None,
        Usable::NotOffered => Some(voice.say("explain.not-offered", &[])),
        Usable::NotYet | Usable::NoLonger | Usable::Unavailable => match &standing.state {
            // Why it is held says more.
            Some(state) if state == "held" && standing.stuck.is_some() => None,
            Some(state) => Some(voice.word("state", state)),
            None => Some(voice.word("status", &standing.status)),
        },
    }
}

/// A word that is nobody's is an operator's to look into.
pub(super) fn who(voice: &Voice<'_>, who: &str) -> Phrase {
    voice.find(&format!("who.{who}"), &[]).unwrap_or_else(|| voice.say("who.operator", &[]))
}

fn tasks(voice: &Voice<'_>, standing: &Standing, today: Date) -> Option<Phrase> {
    let named = for_user(standing).map(|task| named(voice, task, today));
    let tasks = voice.list(Joint::Phrase, named)?;
    Some(voice.say("explain.tasks", &[("tasks", &tasks)]))
}

/// A task by its title, with what it lacks.
fn named(voice: &Voice<'_>, task: &Subject, today: Date) -> Phrase {
    let title = task::for_user(voice, task, today).title;
    match task::lacking(voice, task) {
        Some(lacks) => voice.say("explain.task", &[("title", &title), ("lacks", &lacks)]),
        None => title,
    }
}

/// The earliest date of all.
fn by(voice: &Voice<'_>, standing: &Standing, today: Date) -> Option<Phrase> {
    let day = for_user(standing).filter_map(|task| task.due.as_ref()).map(|due| due.on).min()?;
    let name = if day < today { "explain.overdue" } else { "explain.by" };
    Some(voice.say(name, &[("date", &voice.date(day, today))]))
}

fn for_user(standing: &Standing) -> impl Iterator<Item = &Subject> {
    standing.tasks.iter().filter(|task| !task::is_not_the_users(task))
}

fn freshness(voice: &Voice<'_>, standing: &Standing, today: Date) -> Phrase {
    let heard = match standing.observed_at {
        None => voice.say("explain.never-heard", &[]),
        Some(at) => voice.say("explain.fresh", &[("date", &voice.time(at, today))]),
    };
    let next = standing
        .next_look_at
        .map(|at| voice.say("explain.next-look", &[("date", &voice.time(at, today))]));
    Phrase::sentences([heard].into_iter().chain(next))
}

fn staff_note(voice: &Voice<'_>, standing: &Standing) -> StaffNote {
    let (product, status) = (raw(&standing.product), raw(&standing.status));
    let mut sentences =
        vec![voice.note("status.word", &[("product", &product), ("status", &status)])];
    if standing.usable == Usable::NotOffered {
        sentences.push(voice.note("status.not-offered", &[]));
    }
    sentences.push(staff_who(voice, &standing.who));
    if let Some(by) = &standing.stuck {
        sentences.push(staff_stuck(voice, &by.note));
    }
    let tasks = standing.tasks.iter();
    sentences.extend(tasks.filter_map(|subject| task::lacking_for_staff(voice, subject)));
    StaffNote(sentences.join(" "))
}

pub(super) fn staff_who(voice: &Voice<'_>, who: &str) -> String {
    let name = format!("who.{who}");
    voice.note(if voice.has_note(&name) { &name } else { "who.operator" }, &[])
}

pub(super) fn staff_stuck(voice: &Voice<'_>, note: &str) -> String {
    let name = format!("stuck.{note}");
    voice.note(if voice.has_note(&name) { &name } else { "stuck.other" }, &[])
}
