//! Where a user lives, as coarsely as the requirements need it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A word of the table of requirements for where a user lives: `us`, `us-listed`, `spain`,
/// `eea`, `elsewhere`. It is all that the history may hold of a residence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Area(pub String);

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
