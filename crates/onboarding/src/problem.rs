//! What is wrong with something that was given, all of it at once.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong, or doubtful, and where it is.
/// Its texts name fields and rules; they never repeat what was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A JSON pointer (RFC 6901) to the place; empty for the whole.
    pub pointer: String,
    /// Whether it is a refusal.
    pub severity: Severity,
    /// What is wrong and what to do about it.
    pub message: String,
}

/// How much a problem weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// What was given is refused.
    Error,
    /// It is taken; the provider alone can judge it.
    Warning,
}

/// Every problem of what was given. As an `Err`, at least one of them is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

/// A value that was taken, with what is doubtful about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked<T> {
    /// The value, normalised.
    pub value: T,
    /// Problems of which none is an error.
    pub warnings: Problems,
}

impl Problems {
    /// Whether anything is refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Refuses what was given, at `pointer`.
    pub fn error(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.push(Severity::Error, pointer.into(), message.into());
    }

    /// Doubts it.
    pub fn warn(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.push(Severity::Warning, pointer.into(), message.into());
    }

    fn push(&mut self, severity: Severity, pointer: String, message: String) {
        self.0.push(Problem { pointer, severity, message });
    }

    /// The value if nothing is refused, else every problem.
    ///
    /// # Errors
    /// Every problem, if any of them is an error.
    pub fn checked<T>(self, value: T) -> Result<Checked<T>, Self> {
        if self.has_errors() { Err(self) } else { Ok(Checked { value, warnings: self }) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        match self.pointer.as_str() {
            "" => write!(f, "{severity}: {}", self.message),
            pointer => write!(f, "{severity} at {pointer}: {}", self.message),
        }
    }
}

/// A line a problem.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_read_a_line_each_and_serialise_as_a_list() {
        let mut problems = Problems::default();
        problems.warn("/dueDiligence/industry", "is new");
        assert!(!problems.has_errors());
        problems.error("", "is empty");
        assert!(problems.has_errors());
        assert_eq!(
            problems.to_string(),
            "warning at /dueDiligence/industry: is new\nerror: is empty"
        );
        assert_eq!(
            serde_json::to_string(&problems).unwrap(),
            r#"[{"pointer":"/dueDiligence/industry","severity":"warning","message":"is new"},{"pointer":"","severity":"error","message":"is empty"}]"#
        );
    }
}
