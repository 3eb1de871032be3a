//! The only place that prints. A closed pipe at the other end is no failure of the command.

use std::io::Write;

/// One line to standard output.
pub fn line(text: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{text}");
}

/// One message to standard error.
pub fn complain(text: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "{text}");
}

/// Pads the columns of a table. The first row is the header.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_blanks() {
        let rows = [
            vec!["a".into(), "long one".into()],
            vec!["bcd".into(), "x".into()],
        ];
        assert_eq!(table(&rows), "a    long one\nbcd  x\n");
    }
}
