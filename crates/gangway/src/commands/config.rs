//! `gangway config`: what holds, and who said so.

use serde::Serialize;

use crate::error::Error;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::settings::{Loaded, template as documented_file};
use crate::table::Table;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Setting<'a> {
    key: &'static str,
    /// As the environment would write it; null when it is unset.
    value: Option<&'a str>,
    source: String,
    environment: String,
}

/// Every key with its value and source; secrets hidden.
pub(super) fn show(loaded: &Loaded, json: bool) -> Result<Exit, Error> {
    let settings: Vec<Setting<'_>> = loaded
        .effective()
        .map(|effective| Setting {
            key: effective.key.name,
            value: effective.text,
            source: effective.source.to_string(),
            environment: effective.key.variable(),
        })
        .collect();
    if json {
        print_json(&settings)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["KEY", "VALUE", "SOURCE"]);
    for setting in &settings {
        table.row([setting.key, setting.value.unwrap_or("(unset)"), &setting.source]);
    }
    print(&table.render())?;
    Ok(Exit::Done)
}

/// The documented file with every default.
pub(super) fn template() -> Result<Exit, Error> {
    print(&documented_file())?;
    Ok(Exit::Done)
}
