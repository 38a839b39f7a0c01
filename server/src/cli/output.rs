//! Answers on standard output: tables for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use model::page::{Counted, Page};
use serde::Serialize;

use super::CommandError;

/// How answers are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
}

/// Where answers go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
}

impl Output {
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether a program reads.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// A sentence; left out for programs.
    pub fn say(&self, sentence: &str) -> io::Result<()> {
        if self.is_json() { Ok(()) } else { line(sentence) }
    }

    /// Where a list has more than is shown: how many, and how to see them.
    pub fn say_rest<T>(&self, page: &Page<T>) -> io::Result<()> {
        let counted = page.counted();
        self.say_more(page.rows.len() as u64, counted, page.next.is_some())
    }

    /// The same of what was put together otherwise.
    pub fn say_more(&self, shown: u64, counted: Counted, is_cut: bool) -> io::Result<()> {
        if !is_cut && counted.count <= shown {
            return Ok(());
        }
        let more = if counted.more { "+" } else { "" };
        self.say(&format!("{shown} of {}{more}; --limit shows more", counted.count))
    }

    /// A value: its JSON for programs, else what `show` writes.
    pub fn value<T: Serialize>(&self, value: &T, show: impl FnOnce(&T) -> String) -> io::Result<()> {
        if self.is_json() {
            line(&serde_json::to_string_pretty(value).map_err(io::Error::other)?)
        } else {
            line(show(value).trim_end())
        }
    }

    /// A text that is the same for everybody.
    pub fn text(&self, text: &str) -> io::Result<()> {
        line(text.trim_end())
    }

    /// Rows with a heading: a table for people.
    pub fn rows<T: Serialize>(
        &self,
        rows: &[T],
        heading: &[&str],
        cells: impl Fn(&T) -> Vec<String>,
    ) -> io::Result<()> {
        if self.is_json() {
            return line(&serde_json::to_string_pretty(rows).map_err(io::Error::other)?);
        }
        if rows.is_empty() {
            return line("Nothing found.");
        }
        line(&table(heading, &rows.iter().map(cells).collect::<Vec<_>>()))
    }

    /// Something went wrong, on standard error.
    pub fn error(&self, error: &CommandError) {
        let message = if self.is_json() {
            serde_json::json!({ "error": error.to_string() }).to_string()
        } else if io::stderr().is_terminal() {
            format!("\x1b[31merror:\x1b[0m {error}")
        } else {
            format!("error: {error}")
        };
        // Where standard error is closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{message}");
    }
}

fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// Columns as wide as their widest cell, two spaces apart; numbers to the right.
pub fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |row: &[String], column: usize| row.get(column).map_or("", String::as_str).to_owned();
    let width = |column: usize| {
        rows.iter()
            .map(|row| cell(row, column).chars().count())
            .chain([heading[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let number = |column: usize| {
        let mut cells = rows.iter().map(|row| cell(row, column)).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.chars().all(|c| c.is_ascii_digit()))
    };
    let numbers: Vec<bool> = (0..heading.len()).map(number).collect();
    let print = |cells: Vec<String>| {
        let line: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let padding = " ".repeat(widths[column] - cell.chars().count());
                if numbers[column] { format!("{padding}{cell}") } else { format!("{cell}{padding}") }
            })
            .collect();
        line.join("  ").trim_end().to_owned()
    };
    let lines = rows.iter().map(|row| print((0..heading.len()).map(|column| cell(row, column)).collect()));
    let heading = print(heading.iter().map(|name| name.to_uppercase()).collect());
    std::iter::once(heading).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Names and values, one below the other.
pub fn fields(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}{}  {value}", " ".repeat(width - name.chars().count())))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["7".into(), "Zoë".into()], vec!["12".into(), "Al".into()]];
        assert_eq!(table(&["id", "name"], &rows), "ID  NAME\n 7  Zoë\n12  Al");
    }

    #[test]
    fn empty_fields_are_left_out() {
        assert_eq!(fields(&[("a", "1".into()), ("long", String::new()), ("b", "2".into())]), "a     1\nb     2");
    }
}
