//! Live progress: in a terminal a line a user, moving through its states; otherwise a plain
//! line for each change.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use onboarding::{ProductStatus, ProductView, State, Status, WaitingOn};

const USER_WIDTH: usize = 30;
const STATE_WIDTH: usize = 22;
const NOTE_WIDTH: usize = 60;

/// What is shown of one user.
struct Row {
    user: String,
    state: Option<State>,
    note: String,
}

/// The screen of the demo. Its lines go to stdout.
pub(super) struct Screen {
    rows: Vec<Row>,
    began: Instant,
    is_terminal: bool,
    drawn: usize,
}

impl Screen {
    /// A screen with a line for each user.
    pub(super) fn new(users: impl Iterator<Item = String>) -> Self {
        let rows = users.map(|user| Row { user, state: None, note: String::new() }).collect();
        let is_terminal = std::io::stdout().is_terminal();
        Self { rows, began: Instant::now(), is_terminal, drawn: 0 }
    }

    /// Shows where the users stand.
    pub(super) fn show(&mut self, statuses: &[Status]) {
        let mut lines = String::new();
        for row in &mut self.rows {
            let Some(status) = statuses.iter().find(|status| status.user == row.user) else {
                continue;
            };
            let note = note(status);
            if !self.is_terminal && (row.state != Some(status.state) || row.note != note) {
                let seconds = self.began.elapsed().as_secs_f32();
                let _ = writeln!(
                    lines,
                    "{seconds:5.1}s  {:<USER_WIDTH$} {:<STATE_WIDTH$} {note}",
                    row.user, status.state
                );
            }
            row.state = Some(status.state);
            row.note = note;
        }
        if self.is_terminal {
            lines = self.block();
        }
        self.put(&lines);
    }

    /// Says something, above the users' lines.
    pub(super) fn say(&mut self, text: &str) {
        let seconds = self.began.elapsed().as_secs_f32();
        let mut lines = String::new();
        if self.is_terminal && self.drawn > 0 {
            let _ = write!(lines, "\x1b[{}A\x1b[J", self.drawn);
            self.drawn = 0;
        }
        let _ = writeln!(lines, "{seconds:5.1}s  {text}");
        self.put(&lines);
        if self.is_terminal && self.rows.iter().any(|row| row.state.is_some()) {
            let block = self.block();
            self.put(&block);
        }
    }

    /// The users' lines, drawn over those before.
    fn block(&mut self) -> String {
        let mut lines = String::new();
        if self.drawn > 0 {
            let _ = write!(lines, "\x1b[{}A", self.drawn);
        }
        for row in &self.rows {
            let state = row.state.map_or("", State::as_str);
            let colour = row.state.map_or("2", colour);
            let _ = writeln!(
                lines,
                "\x1b[2K  {:<USER_WIDTH$} \x1b[{colour}m{state:<STATE_WIDTH$}\x1b[0m {}",
                row.user, row.note
            );
        }
        self.drawn = self.rows.len();
        lines
    }

    fn put(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A closed terminal ends the demo through its signals, not through its output.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// Why it stands there, in a few words.
fn note(status: &Status) -> String {
    let note = if let Some(hold) = &status.hold {
        hold.message.clone()
    } else if let Some(error) = status.last_error.as_ref().filter(|_| status.attempt > 0) {
        format!("try {} comes: {}", status.attempt + 1, error.message)
    } else {
        match status.waiting_on {
            WaitingOn::Gangway => format!("next: {}", status.next_step.step),
            WaitingOn::Provider => format!("in review: {}", products_in_review(status)),
            WaitingOn::User | WaitingOn::Operator => format!("asks for {}", names_of_tasks(status)),
            WaitingOn::Nobody => String::new(),
        }
    };
    shortened(&note)
}

fn products_in_review(status: &Status) -> String {
    let in_review = |view: &&ProductView| view.status == ProductStatus::PendingReview;
    let names: Vec<&str> =
        status.products.iter().filter(in_review).map(|view| view.product.as_str()).collect();
    names.join(", ")
}

fn names_of_tasks(status: &Status) -> String {
    let names: Vec<&str> = status.pending_tasks.iter().map(|task| task.name.as_str()).collect();
    names.join(", ")
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= NOTE_WIDTH {
        return text.to_owned();
    }
    text.chars().take(NOTE_WIDTH - 1).chain(['…']).collect()
}

const fn colour(state: State) -> &'static str {
    match state {
        State::Verified => "32",
        State::Rejected | State::Held => "31",
        State::RequiresData => "33",
        State::Cancelled | State::Erased => "2",
        State::Registering
        | State::Registered
        | State::DocumentsUploaded
        | State::VerificationTriggered
        | State::Polling => "36",
    }
}
