//! What the demo came to: a table of users, one user's whole history, and the sandbox's own
//! count of what was triggered. It is laid out for a terminal of 100 columns.

use std::collections::BTreeMap;

use anyhow::Result;
use onboarding::{Eligibility, Event, ProductStatus, Status, UserLocator};
use store::HistoryRow;

use super::cast::{Cast, Member};
use crate::output::{plain, print};
use crate::table::Table;
use crate::view;

/// How wide a line may be.
const WIDTH: usize = 100;
/// What stands before each line of an event's detail.
const INDENT: &str = "         ";

/// The outcome of a demo.
pub(super) struct Report<'a> {
    pub(super) cast: &'a Cast,
    pub(super) statuses: &'a [Status],
    /// Every user's whole history.
    pub(super) histories: &'a BTreeMap<UserLocator, Vec<HistoryRow>>,
    pub(super) sandbox: &'a sandbox::Handle,
    pub(super) was_killed: bool,
}

/// How often things happened to one user, or to all.
#[derive(Default)]
struct Counted {
    calls: usize,
    failed_attempts: usize,
    triggers_received: u64,
    triggers_effective: u64,
    rounds: u64,
}

impl Report<'_> {
    /// Whether every user came out as expected, and none was triggered more often than its rounds.
    pub(super) fn is_as_expected(&self) -> bool {
        self.was_killed && self.cast.members.iter().all(|member| self.is_well(member))
    }

    /// Prints it to stdout, with the whole history of `user`.
    pub(super) fn print(&self, user: &UserLocator) -> Result<()> {
        let history = self.histories.get(user).map_or(&[][..], Vec::as_slice);
        print(&format!(
            "\nWhere everyone stands, and what the provider counted:\n\n{}\n\
             PRODUCTS: the verified of the wanted ones. CALLS: what reached the provider, repeats \
             included.\n\
             FAILED: attempts that did not succeed. TRIGGERS: how many took effect, of how many \
             rounds of data.\n\n\
             The whole history of {user}, the quickstart's own case:\n\n{}\n{}",
            self.table()?,
            table_of(history),
            self.verdict()?
        ))?;
        Ok(())
    }

    fn table(&self) -> Result<String> {
        let header = ["USER", "ROAD", "STATE", "PRODUCTS", "CALLS", "FAILED", "TRIGGERS", "OK"];
        let mut table = Table::new(&header);
        for member in &self.cast.members {
            let counted = self.counted(member)?;
            let status = self.status(member);
            table.row([
                member.user.as_str(),
                &member.road,
                status.map_or("", |status| status.state.as_str()),
                &status.map_or_else(String::new, verified),
                &counted.calls.to_string(),
                &counted.failed_attempts.to_string(),
                &format!("{} of {}", counted.triggers_effective, counted.rounds),
                if self.is_well(member) { "yes" } else { "NO" },
            ]);
        }
        Ok(table.render())
    }

    fn verdict(&self) -> Result<String> {
        let mut all = Counted::default();
        for member in &self.cast.members {
            let counted = self.counted(member)?;
            all.calls += counted.calls;
            all.failed_attempts += counted.failed_attempts;
            all.triggers_received += counted.triggers_received;
            all.triggers_effective += counted.triggers_effective;
            all.rounds += counted.rounds;
        }
        let well = self.cast.members.iter().filter(|member| self.is_well(member)).count();
        let killed = if self.was_killed {
            "though the worker was killed in the middle"
        } else {
            "but the worker was done before it could be killed"
        };
        Ok(format!(
            "{well} of {} users came out as they should, {killed}.\n\
             {} calls reached the provider; {} attempts failed.\n\
             The sandbox counts {} triggers for {} rounds of data ({} arrived, faults included).",
            self.cast.members.len(),
            all.calls,
            all.failed_attempts,
            all.triggers_effective,
            all.rounds,
            all.triggers_received,
        ))
    }

    fn is_well(&self, member: &Member) -> bool {
        let state_is_right =
            self.status(member).is_some_and(|status| status.state == member.expect.state);
        let counted = self.counted(member);
        state_is_right && counted.is_ok_and(|counted| counted.triggers_effective <= counted.rounds)
    }

    fn status(&self, member: &Member) -> Option<&Status> {
        self.statuses.iter().find(|status| status.user == member.user.as_str())
    }

    fn counted(&self, member: &Member) -> Result<Counted> {
        let user: sandbox::Locator = member.user.as_str().parse()?;
        let view = self.sandbox.user(&user);
        let history = self.histories.get(&member.user).into_iter().flatten();
        let failed = history.filter(|row| matches!(row.event, Event::CallFailed { .. }));
        Ok(Counted {
            calls: self.sandbox.calls(Some(&user), None).calls.len(),
            failed_attempts: failed.count(),
            triggers_received: view.as_ref().map_or(0, |view| view.triggers_received),
            triggers_effective: view.as_ref().map_or(0, |view| view.triggers_effective),
            rounds: member.expect.triggers_max,
        })
    }
}

/// How many of the wanted products are verified: `1 of 3`.
fn verified(status: &Status) -> String {
    let views = status.products.iter();
    let wanted = views.filter(|view| status.wanted_products.contains(&view.product));
    let verified = wanted.filter(|view| view.status == ProductStatus::Verified).count();
    format!("{verified} of {}", status.wanted_products.len())
}

/// A line an event, and below it what the event says.
fn table_of(history: &[HistoryRow]) -> String {
    let mut table = Table::new(&["VERSION", "AT", "EVENT", "STATE", "BY"]);
    for row in history {
        table.row([
            row.version.to_string().as_str(),
            row.at.to_string().as_str(),
            row.event.name(),
            row.to.as_str(),
            row.actor.as_str(),
        ]);
    }
    let rendered = table.render();
    let mut lines = rendered.lines();
    let mut text = format!("{}\n", lines.next().unwrap_or_default());
    for (line, row) in lines.zip(history) {
        text.push_str(&format!("{line}\n"));
        for said in details(&row.event).iter().flat_map(|said| wrapped(said)) {
            text.push_str(&format!("{INDENT}{said}\n"));
        }
    }
    text
}

/// What an event says; the provider's word on each product on a line of its own.
fn details(event: &Event) -> Vec<String> {
    let mut detail = event.detail();
    let mut words: &[Eligibility] = &[];
    if let Event::VerificationTriggered { eligibility, .. }
    | Event::StatusChecked { eligibility, .. } = event
    {
        words = eligibility;
        detail.as_object_mut().and_then(|fields| fields.remove("eligibility"));
    }
    let mut lines = vec![view::brief(&detail)];
    lines.extend(words.iter().flat_map(word_on_product));
    lines
}

/// The provider's word on a product, and below it what is missing.
fn word_on_product(word: &Eligibility) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", word.product, word.status)];
    let data: Vec<&str> = word.missing_data.iter().map(|section| section.as_str()).collect();
    if !data.is_empty() {
        lines.push(format!("  missing data: {}", data.join(", ")));
    }
    if !word.missing_documents.is_empty() {
        lines.push(format!("  missing documents: {}", word.missing_documents.join(", ")));
    }
    lines
}

/// The text in lines that fit beside the indent, broken at spaces; later lines stand further in.
fn wrapped(text: &str) -> Vec<String> {
    let width = WIDTH - INDENT.len();
    let margin = &text[..text.len() - text.trim_start().len()];
    let mut lines: Vec<String> = Vec::new();
    for word in plain(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("{margin}  {word}")),
            None => lines.push(format!("{margin}{word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onboarding::{Product, Section, State, Timestamp};
    use store::Actor;

    use super::*;

    fn row(event: Event) -> HistoryRow {
        HistoryRow {
            version: 8,
            at: Timestamp(0),
            event,
            from: State::VerificationTriggered,
            to: State::RequiresData,
            actor: Actor::Worker,
            policy: Arc::default(),
        }
    }

    #[test]
    fn a_history_shows_all_that_is_missing_within_its_width() {
        let word = Eligibility {
            product: Product::Onramp,
            status: ProductStatus::RequiresData,
            missing_data: vec![Section::DueDiligence, Section::VerificationHistory],
            missing_documents: (1..=9).map(|number| format!("proof-of-{number}")).collect(),
        };
        let event = Event::VerificationTriggered { trigger: 1, eligibility: vec![word] };
        assert_eq!(
            table_of(&[row(event), row(Event::VerificationRequested)]),
            "VERSION  AT                        EVENT                   STATE          BY\n\
             8        1970-01-01T00:00:00.000Z  verification-triggered  requires-data  worker\n         \
             trigger=1\n         \
             onramp: requires-data\n           \
             missing data: due-diligence, verification-history\n           \
             missing documents: proof-of-1, proof-of-2, proof-of-3, proof-of-4, proof-of-5,\n             \
             proof-of-6, proof-of-7, proof-of-8, proof-of-9\n\
             8        1970-01-01T00:00:00.000Z  verification-requested  requires-data  worker\n"
        );
    }
}
