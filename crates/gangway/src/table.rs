//! Tables for human eyes.

use crate::output::plain;

/// Rows under a header, in columns as wide as their widest cell.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(ToString::to_string).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.rows.push(cells.into_iter().map(|cell| plain(cell.as_ref())).collect());
    }

    /// A line a row, each with its end.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.rows[0].len()).map(|column| self.width(column)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_space() {
        let mut table = Table::new(&["USER", "STATE", "WHY"]);
        table.row(["userId:ada", "held", "x"]);
        table.row(["ü", "polling", ""]);
        assert_eq!(
            table.render(),
            "USER        STATE    WHY\nuserId:ada  held     x\nü           polling\n"
        );
    }

    #[test]
    fn the_providers_words_can_not_steer_the_terminal() {
        let mut table = Table::new(&["MESSAGE"]);
        table.row(["\u{1b}[31mred\nnext line\u{9b}2J"]);
        assert_eq!(table.render(), "MESSAGE\n [31mred next line 2J\n");
    }
}
