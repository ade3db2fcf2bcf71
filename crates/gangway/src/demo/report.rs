//! What the demo came to: a table of users, one user's whole history, and the sandbox's own
//! count of what was triggered.

use std::collections::BTreeMap;

use anyhow::Result;
use onboarding::Status;
use store::HistoryRow;

use super::cast::{Cast, Member};
use crate::output::print;
use crate::table::Table;

/// The outcome of a demo.
pub(super) struct Report<'a> {
    pub(super) cast: &'a Cast,
    pub(super) statuses: &'a [Status],
    pub(super) sandbox: &'a sandbox::Handle,
    /// How often the worker was killed.
    pub(super) restarts: u32,
}

/// What the provider counted of one user.
struct Counted {
    calls: usize,
    triggers_received: u64,
    triggers_effective: u64,
}

impl Report<'_> {
    /// Whether every user came out as expected, and none was triggered more often than its rounds.
    pub(super) fn is_as_expected(&self) -> bool {
        self.restarts > 0 && self.cast.members.iter().all(|member| self.is_well(member))
    }

    /// Prints it to stdout.
    pub(super) fn print(&self, history: &[HistoryRow]) -> Result<()> {
        print("\nWhere everyone stands, and what the provider counted:\n")?;
        print(&format!("\n{}", self.table()?))?;
        print(
            "\n(TRIGGERS: how many took effect, of how many rounds of data; CALLS: what arrived, \
             repeats included)\n\nThe whole history of userId:johnd-123, the quickstart's own case:\n",
        )?;
        print(&format!("\n{}", table_of(history)))?;
        print(&format!("\n{}", self.verdict()?))?;
        Ok(())
    }

    fn table(&self) -> Result<String> {
        let mut table = Table::new(&[
            "USER",
            "ROAD",
            "STATE",
            "PRODUCTS",
            "EVENTS",
            "CALLS",
            "TRIGGERS",
            "AS EXPECTED",
        ]);
        for member in &self.cast.members {
            let cells = self.cells(member)?;
            table.row(cells);
        }
        Ok(table.render())
    }

    fn cells(&self, member: &Member) -> Result<[String; 8]> {
        let counted = self.counted(member)?;
        let status = self.status(member);
        Ok([
            member.user.to_string(),
            member.road.clone(),
            status.map_or_else(String::new, |status| status.state.to_string()),
            status.map_or_else(String::new, products),
            status.map_or(0, |status| status.version).to_string(),
            counted.calls.to_string(),
            format!("{} of {}", counted.triggers_effective, member.expect.triggers_max),
            if self.is_well(member) { "yes" } else { "NO" }.to_owned(),
        ])
    }

    fn verdict(&self) -> Result<String> {
        let mut effective = 0;
        let mut received = 0;
        let mut rounds = 0;
        for member in &self.cast.members {
            let counted = self.counted(member)?;
            effective += counted.triggers_effective;
            received += counted.triggers_received;
            rounds += member.expect.triggers_max;
        }
        let well = self.cast.members.iter().filter(|member| self.is_well(member)).count();
        Ok(format!(
            "{well} of {} users came out as they should, though the worker was killed {} time(s).\n\
             The sandbox counts {effective} triggers for {rounds} rounds of data \
             ({received} arrived, faults included).",
            self.cast.members.len(),
            self.restarts,
        ))
    }

    fn is_well(&self, member: &Member) -> bool {
        let state_is_right =
            self.status(member).is_some_and(|status| status.state == member.expect.state);
        let triggers = self.counted(member).map(|counted| counted.triggers_effective);
        state_is_right && triggers.is_ok_and(|triggers| triggers <= member.expect.triggers_max)
    }

    fn status(&self, member: &Member) -> Option<&Status> {
        self.statuses.iter().find(|status| status.user == member.user.as_str())
    }

    fn counted(&self, member: &Member) -> Result<Counted> {
        let user: sandbox::Locator = member.user.as_str().parse()?;
        let view = self.sandbox.user(&user);
        Ok(Counted {
            calls: self.sandbox.calls(Some(&user), None).calls.len(),
            triggers_received: view.as_ref().map_or(0, |view| view.triggers_received),
            triggers_effective: view.as_ref().map_or(0, |view| view.triggers_effective),
        })
    }
}

fn table_of(history: &[HistoryRow]) -> String {
    let mut table = Table::new(&["VERSION", "AT", "EVENT", "FROM", "TO", "BY"]);
    for row in history {
        table.row([
            row.version.to_string().as_str(),
            row.at.to_string().as_str(),
            row.event.name(),
            row.from.as_str(),
            row.to.as_str(),
            row.actor.as_str(),
        ]);
    }
    table.render()
}

/// How many of the wanted products have which word: `1 verified, 2 rejected`.
fn products(status: &Status) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for view in status.products.iter().filter(|view| status.wanted_products.contains(&view.product))
    {
        *counts.entry(view.status.as_str()).or_default() += 1;
    }
    let words: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    words.join(", ")
}
