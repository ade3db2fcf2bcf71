//! The demo's users, read from files: the same format that a company's own files have,
//! and a list of who brings what.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::Span;
use jiff::civil::Date as CivilDate;
use onboarding::{Date, DocumentType, State, UserLocator};
use serde::Deserialize;

/// Everyone who takes part.
pub(super) struct Cast {
    folder: PathBuf,
    pub(super) members: Vec<Member>,
}

/// One user: what is known at first, what is supplied when asked for, and the expected end.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Member {
    #[serde(deserialize_with = "locator")]
    pub(super) user: UserLocator,
    /// What this user meets on the way, in words.
    pub(super) road: String,
    /// The user's file, as for `gangway user set`.
    pub(super) file: PathBuf,
    pub(super) documents: Vec<Paper>,
    pub(super) supplies: Vec<Supply>,
    pub(super) expect: Expectation,
}

/// A document's file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Paper {
    #[serde(rename = "type")]
    pub(super) document_type: DocumentType,
    pub(super) file: PathBuf,
    /// Reckoned from today, so that the demo works in any year.
    pub(super) expires_in_days: Option<i32>,
}

/// What a person supplies when the onboarding has come to a state.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Supply {
    pub(super) state: State,
    pub(super) patch: Option<PathBuf>,
    pub(super) documents: Vec<Paper>,
}

/// How it has to end.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Expectation {
    pub(super) state: State,
    /// The rounds of data: verification may be triggered to effect no more often.
    pub(super) triggers_max: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    users: Vec<Member>,
}

fn locator<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<UserLocator, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn members(json: &[u8]) -> serde_json::Result<Vec<Member>> {
    serde_json::from_slice(json).map(|list: List| list.users)
}

/// Reads a list of users, and reckons all of its dates.
#[cfg(feature = "fuzzing")]
pub(crate) fn check(json: &[u8], today: Date) -> Result<()> {
    let members = members(json)?;
    let supplied = members.iter().flat_map(|member| &member.supplies);
    let supplied = supplied.flat_map(|supply| &supply.documents);
    for paper in members.iter().flat_map(|member| &member.documents).chain(supplied) {
        paper.expires_at(today)?;
    }
    Ok(())
}

impl Cast {
    /// Reads `cast.json` in `folder`.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("cast.json");
        let text = std::fs::read(&path).with_context(|| {
            format!(
                "can't read {}; run the demo in the project's folder, or name its files with --files DIR",
                path.display()
            )
        })?;
        let members = members(&text).with_context(|| format!("{} is not valid", path.display()))?;
        Ok(Self { folder: folder.to_owned(), members })
    }

    /// The scenario that the sandbox plays.
    pub(super) fn scenario(&self) -> Result<sandbox::Scenario> {
        Ok(sandbox::Scenario::load(&self.folder.join("scenario.json"))?)
    }

    /// The bytes of one of the cast's files.
    pub(super) fn read(&self, file: &Path) -> Result<Vec<u8>> {
        let path = self.folder.join(file);
        std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))
    }
}

impl Paper {
    /// The last day on which it is valid.
    pub(super) fn expires_at(&self, today: Date) -> Result<Option<Date>> {
        let Some(days) = self.expires_in_days else { return Ok(None) };
        let day: CivilDate = today.to_string().parse()?;
        Ok(Some(Date::parse(&day.checked_add(Span::new().try_days(days)?)?.to_string())?))
    }

    /// The file's name, whose ending is checked against its content.
    pub(super) fn name(&self) -> Option<&str> {
        self.file.file_name()?.to_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_beyond_the_calendar_are_refused() {
        let today = Date::parse("2026-05-02").unwrap();
        for (days, expires_at) in
            [(30, Some("2026-06-01")), (3_000_000, None), (i32::MAX, None), (i32::MIN, None)]
        {
            let paper = Paper {
                document_type: DocumentType::IdPassport,
                file: "passport.png".into(),
                expires_in_days: Some(days),
            };
            let reckoned = paper.expires_at(today).ok().flatten();
            assert_eq!(reckoned, expires_at.and_then(|day| Date::parse(day).ok()), "{days}");
        }
    }
}
