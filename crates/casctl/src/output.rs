//! Results on standard output; everything else on standard error, with colour on a terminal.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::language::text;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object per result.
    Json,
}

/// The style of errors.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
/// The style of warnings.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
/// The style of what is in order.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// The style of what matters less.
pub(crate) const DIM: Style = Style::new().dimmed();

/// Text in a style. Whoever prints it removes the style where it is not wanted.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Why a line of a result could not be printed: the first one.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// Prints a line of a result. If that fails, the command goes on: [`lost`] says so at its end.
pub(crate) fn line(text: &str) {
    around_progress(|| {
        let mut output = AutoStream::auto(std::io::stdout().lock());
        if let Err(error) = writeln!(output, "{text}").and_then(|()| output.flush()) {
            let _ = LOST.set(error); // the first one counts
        }
    });
}

/// Why results could not be printed. A reader that has gone away, such as `head`, wanted no more.
pub(crate) fn lost() -> Option<&'static std::io::Error> {
    LOST.get().filter(|error| error.kind() != std::io::ErrorKind::BrokenPipe)
}

/// Prints a result as one line of JSON.
pub(crate) fn json(value: &Value) {
    line(&value.to_string());
}

/// Prints a line to standard error, whose reader may be gone.
pub(crate) fn error_text(text: &str) {
    around_progress(|| {
        let _ = writeln!(AutoStream::auto(std::io::stderr().lock()), "{text}");
    });
}

/// Prints an error, and what to do.
pub(crate) fn error(message: &str, hint: Option<&str>) {
    error_text(&format!("{}{message}", styled(RED, text("error: ", "错误："))));
    if let Some(hint) = hint.filter(|hint| !hint.is_empty()) {
        error_text(&format!("  {}{hint}", text("what to do: ", "处理方法：")));
    }
}

/// Prints a warning.
pub(crate) fn warning(message: &str) {
    error_text(&format!("{}{message}", styled(YELLOW, text("warning: ", "警告："))));
}

/// Prints what is good to know.
pub(crate) fn note(message: &str) {
    error_text(&styled(DIM, message));
}

/// The columns of the terminal; `None` where standard output is none.
fn width() -> Option<u16> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(stdout).map(|(width, _)| width.0)
}

/// Prints a table. In a pipe its lines are as long as they need to be; on a terminal the cells of
/// other columns than numbers and dates are broken.
pub(crate) fn table(headings: &[&str], rows: Vec<Vec<String>>) {
    let constraints: Vec<_> = (0..headings.len()).map(|column| constraint(&rows, column)).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings.iter().copied()).add_rows(rows);
    if let Some(width) = width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        table.column_iter_mut().zip(constraints).for_each(|(column, constraint)| {
            if let Some(constraint) = constraint {
                column.set_constraint(constraint);
            }
        });
    }
    for text in table.lines() {
        line(text.trim_end());
    }
}

/// Keeps a column of numbers or dates as wide as its widest cell.
fn constraint(rows: &[Vec<String>], column: usize) -> Option<ColumnConstraint> {
    let cells = || rows.iter().filter_map(|row| row.get(column));
    let is_number = |cell: &String| cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let widest = u16::try_from(cells().map(String::len).max()?).ok()?;
    // A cell has a space on each side.
    let width = Width::Fixed(widest.saturating_add(2));
    cells().all(is_number).then_some(ColumnConstraint::LowerBoundary(width))
}

/// The progress bar that is shown now, if any.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Prints while the progress bar is out of the way.
fn around_progress(print: impl FnOnce()) {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}

/// How far a run over many things is: a bar on standard error, until it is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Starts a bar over `all` things, which is drawn only if it `is_shown`.
    pub(crate) fn start(all: usize, is_shown: bool) -> Self {
        let all = u64::try_from(all).unwrap_or(u64::MAX);
        if !is_shown {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(all);
        let template = text(
            "{wide_bar} {pos}/{len}, {per_sec:>8}, {eta} left",
            "{wide_bar} {pos}/{len}，{per_sec:>8}，剩余 {eta}",
        );
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Self(bar)
    }

    /// One more is done.
    pub(crate) fn advance(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        *BAR.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
