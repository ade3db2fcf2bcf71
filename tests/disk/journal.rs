//! What clients asked for and what was acknowledged, kept outside of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use crate::database::Database;

/// What is known of one user.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The onboarding's id, once a command told it.
    id: Option<String>,
    /// How many events of each kind were asked for, and how many of them are acknowledged.
    asked: BTreeMap<&'static str, u64>,
    acknowledged: BTreeMap<&'static str, u64>,
    /// The last edit of the data that was asked for, and the last that is acknowledged.
    edit_asked: u64,
    edit_acknowledged: u64,
    /// Whether the data may be destroyed.
    is_erasure_asked: bool,
}

/// The journal, by user.
#[derive(Default)]
pub struct Journal(Mutex<BTreeMap<String, Known>>);

/// One command about one user.
pub struct Entry<'a> {
    pub user: &'a str,
    /// The events that it makes if it is done.
    pub events: &'a [&'static str],
    /// The number of the edit, if it is one.
    pub edit: Option<u64>,
}

impl Journal {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.lock().unwrap()
    }

    /// Before the command is begun.
    pub fn ask(&self, entry: &Entry<'_>) {
        let mut journal = self.lock();
        let known = journal.entry(entry.user.to_owned()).or_default();
        for event in entry.events {
            *known.asked.entry(event).or_default() += 1;
            known.is_erasure_asked |= *event == "erased";
        }
        known.edit_asked = entry.edit.unwrap_or(known.edit_asked);
    }

    /// After it has ended with exit code 0 and answered this id; what was unchanged made no event.
    pub fn acknowledge(&self, entry: &Entry<'_>, id: &str, is_unchanged: bool) {
        let mut journal = self.lock();
        let known = journal.get_mut(entry.user).unwrap();
        known.id = Some(id.replace('-', ""));
        let events = if is_unchanged { &[] } else { entry.events };
        for event in events {
            *known.acknowledged.entry(event).or_default() += 1;
        }
        known.edit_acknowledged = entry.edit.unwrap_or(known.edit_acknowledged);
    }

    /// How many commands' events are acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.lock().values().flat_map(|known| known.acknowledged.values()).sum()
    }

    /// Everything acknowledged is in the database, and nothing is there that nobody asked for.
    /// Clients may go on meanwhile.
    pub fn compare(&self, database: &Database) {
        let before = self.lock().clone();
        let held = database.held();
        let after = self.lock().clone();
        let told: BTreeSet<&String> =
            after.values().filter_map(|known| known.id.as_ref()).collect();
        let strange = held.keys().filter(|id| !told.contains(id)).count();
        // The command that began an onboarding may have died before it told the id.
        let untold = after.values().filter(|known| known.id.is_none()).count();
        assert!(
            strange <= untold,
            "nobody asked for {strange} onboardings, but for {untold} at most"
        );
        for (user, known) in before {
            let Some(id) = &known.id else { continue };
            let found = held.get(id).unwrap_or_else(|| panic!("{user}: {id} is lost"));
            for (event, least) in &known.acknowledged {
                let stored = found.events.get(*event).copied().unwrap_or_default();
                let most = after[&user].asked[event];
                assert!(
                    (*least..=most).contains(&stored),
                    "{user}: {least} {event} are acknowledged, {most} asked for, {stored} stored"
                );
            }
            let (least, most) = (known.edit_acknowledged, after[&user].edit_asked);
            match found.edit {
                Some(edit) => assert!(
                    (least..=most).contains(&edit),
                    "{user}: edit {least} is acknowledged, {most} asked for, {edit} stored"
                ),
                None => assert!(after[&user].is_erasure_asked, "{user}: the profile is lost"),
            }
        }
    }
}
