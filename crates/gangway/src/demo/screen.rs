//! Live progress: in a terminal a line a user, moving through its states; otherwise a plain
//! line for each change. No line of the block is ever as wide as the terminal: one that wraps
//! would be two, and the next block would be drawn in the wrong place.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Instant;

use onboarding::{ProductStatus, ProductView, State, Status, WaitingOn};
use terminal_size::{Height, Width, terminal_size_of};

use crate::output::plain;

const USER_WIDTH: usize = 30;
const STATE_WIDTH: usize = 22;
/// Where a note begins in the block: behind the margin, the user and the state.
const NOTE_COLUMN: usize = 2 + USER_WIDTH + 1 + STATE_WIDTH + 1;
/// Below this a note says nothing.
const NOTE_WIDTH_MIN: usize = 10;
const NOTE_WIDTH_MAX: usize = 60;

/// The screen of the demo. Its lines go to stdout.
pub(super) struct Screen {
    rows: Vec<Row>,
    began: Instant,
    can_redraw: bool,
    colours: Colours,
    /// The form of the block that stands there, if one does.
    drawn: Option<Form>,
}

/// What is shown of one user.
struct Row {
    user: String,
    state: Option<State>,
    note: String,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A line for each change, below the others.
    Changes,
    /// A line for each user, drawn over the one before.
    Block { note_width: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colours {
    On,
    Off,
}

impl Screen {
    /// A screen with a line for each user. It takes TERM and NO_COLOR at their word.
    pub(super) fn new(users: impl Iterator<Item = String>) -> Self {
        let no_color = std::env::var_os("NO_COLOR");
        Self {
            rows: users.map(|user| Row { user, state: None, note: String::new() }).collect(),
            began: Instant::now(),
            can_redraw: std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
            colours: Colours::wanted(no_color.as_deref()),
            drawn: None,
        }
    }

    /// Shows where the users stand.
    pub(super) fn show(&mut self, statuses: &[Status]) -> io::Result<()> {
        let seconds = self.began.elapsed().as_secs_f32();
        let mut changes = String::new();
        for row in &mut self.rows {
            let Some(status) = statuses.iter().find(|status| status.user == row.user) else {
                continue;
            };
            let note = note(status);
            if row.state != Some(status.state) || row.note != note {
                row.state = Some(status.state);
                row.note = note;
                let _ =
                    writeln!(changes, "{seconds:5.1}s  {}", row.line(NOTE_WIDTH_MAX, Colours::Off));
            }
        }
        let form = self.form();
        let text = match form {
            Form::Changes => self.drawing(form, &changes),
            Form::Block { .. } => self.drawing(form, ""),
        };
        put(&text)
    }

    /// Says something, above the users' lines.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        let seconds = self.began.elapsed().as_secs_f32();
        let text = self.drawing(self.form(), &format!("{seconds:5.1}s  {text}\n"));
        put(&text)
    }

    fn form(&self) -> Form {
        let size = if self.can_redraw { terminal_size_of(io::stdout()) } else { None };
        Form::fitting(size, self.rows.len())
    }

    /// What to print for `said` to stand above the block.
    fn drawing(&mut self, form: Form, said: &str) -> String {
        let mut text = String::new();
        // A terminal of another size has moved the old block's lines, so that one is left alone.
        if self.drawn.take() == Some(form) {
            let _ = write!(text, "\x1b[{}A\x1b[J", self.rows.len());
        }
        text.push_str(said);
        let Form::Block { note_width } = form else { return text };
        if self.rows.iter().any(|row| row.state.is_some()) {
            for row in &self.rows {
                let _ = writeln!(text, "  {}", row.line(note_width, self.colours));
            }
            self.drawn = Some(form);
        }
        text
    }
}

impl Form {
    /// The block, where it fits.
    fn fitting(size: Option<(Width, Height)>, rows: usize) -> Self {
        let Some((Width(columns), Height(lines))) = size else { return Self::Changes };
        // The last column stays free, because some terminals wrap once it is written to, and
        // so does the last line, for the cursor.
        let note_width = usize::from(columns).saturating_sub(NOTE_COLUMN + 1);
        if note_width < NOTE_WIDTH_MIN || usize::from(lines) <= rows {
            return Self::Changes;
        }
        Self::Block { note_width: note_width.min(NOTE_WIDTH_MAX) }
    }
}

impl Colours {
    /// As <https://no-color.org> has it.
    fn wanted(no_color: Option<&OsStr>) -> Self {
        if no_color.is_none_or(OsStr::is_empty) { Self::On } else { Self::Off }
    }
}

impl Row {
    fn line(&self, note_width: usize, colours: Colours) -> String {
        let user = shortened(&self.user, USER_WIDTH);
        let state = self.state.map_or("", State::as_str);
        let (begin, end) = match colours {
            Colours::On => (format!("\x1b[{}m", self.state.map_or("2", colour)), "\x1b[0m"),
            Colours::Off => (String::new(), ""),
        };
        let note = shortened(&self.note, note_width);
        format!("{user:<USER_WIDTH$} {begin}{state:<STATE_WIDTH$}{end} {note}")
    }
}

fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
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
    plain(&note)
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

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(colours: Colours) -> Screen {
        let row = |user: &str| Row {
            user: user.to_owned(),
            state: Some(State::VerificationTriggered),
            note: "the provider's answer ".repeat(9),
        };
        Screen {
            rows: vec![row("userId:ada"), row("email:somebody.with.a.very.long.name@example.org")],
            began: Instant::now(),
            can_redraw: true,
            colours,
            drawn: None,
        }
    }

    fn size(columns: u16, lines: u16) -> Option<(Width, Height)> {
        Some((Width(columns), Height(lines)))
    }

    #[test]
    fn the_block_is_drawn_only_where_it_fits() {
        for (size, rows, expected) in [
            (None, 12, Form::Changes),
            (size(80, 24), 12, Form::Block { note_width: 23 }),
            (size(100, 30), 12, Form::Block { note_width: 43 }),
            (size(200, 30), 12, Form::Block { note_width: NOTE_WIDTH_MAX }),
            (size(67, 24), 12, Form::Block { note_width: NOTE_WIDTH_MIN }),
            (size(66, 24), 12, Form::Changes),
            (size(0, 0), 12, Form::Changes),
            (size(80, 13), 12, Form::Block { note_width: 23 }),
            (size(80, 12), 12, Form::Changes),
        ] {
            assert_eq!(Form::fitting(size, rows), expected, "{size:?}");
        }
    }

    #[test]
    fn no_line_of_the_block_reaches_the_terminals_last_column() {
        for columns in [67, 80, 100, 117, 300] {
            let form = Form::fitting(size(columns, 24), 2);
            let drawing = screen(Colours::Off).drawing(form, "");
            assert_eq!(drawing.lines().count(), 2, "{columns}");
            for line in drawing.lines() {
                assert!(line.chars().count() < usize::from(columns), "{columns}: {line}");
            }
        }
    }

    #[test]
    fn a_block_is_drawn_over_the_one_before_unless_the_terminal_was_resized() {
        let mut screen = screen(Colours::Off);
        let narrow = Form::fitting(size(80, 24), 2);
        let wide = Form::fitting(size(100, 24), 2);
        for (form, redraws) in [
            (narrow, false),
            (narrow, true),
            (wide, false),
            (wide, true),
            (Form::Changes, false),
            (wide, false),
        ] {
            let drawing = screen.drawing(form, "said\n");
            assert_eq!(drawing.starts_with("\x1b[2A\x1b[J"), redraws, "{form:?}: {drawing:?}");
            assert!(drawing.contains("said\n"), "{drawing:?}");
        }
    }

    #[test]
    fn colours_are_off_when_no_color_says_so() {
        for (no_color, expected) in
            [(None, Colours::On), (Some(""), Colours::On), (Some("1"), Colours::Off)]
        {
            let colours = Colours::wanted(no_color.map(OsStr::new));
            assert_eq!(colours, expected, "{no_color:?}");
            let drawing = screen(colours).drawing(Form::Block { note_width: 20 }, "");
            assert_eq!(drawing.contains("\x1b["), expected == Colours::On, "{drawing:?}");
        }
    }
}
