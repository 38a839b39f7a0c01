//! Rows as CSV, piece by piece: written so that a spreadsheet calculates nothing of them.

use connectors::sheet;
use model::error::ApiError;

/// Rows of a piece: as many as a page of a list may have.
pub const IN_A_PIECE: u32 = 500;

/// A piece of a file; the header stands on the first one alone.
pub fn piece<Cells: IntoIterator<Item = String>>(
    headers: &[&str],
    rows: impl IntoIterator<Item = Cells>,
    is_first: bool,
) -> Result<String, ApiError> {
    let text = sheet::write(headers, rows).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "Rows cannot be written");
        ApiError::internal()
    })?;
    // No header of ours holds a line end.
    let rows = || text.split_once("\r\n").map_or(String::new(), |(_, rows)| rows.to_owned());
    Ok(if is_first { text } else { rows() })
}

#[cfg(test)]
mod tests {
    use super::piece;

    #[test]
    fn the_header_stands_once_and_nothing_is_calculated() {
        let rows = || [["=1+1".to_owned(), "two\r\nlines".to_owned()]];
        assert_eq!(piece(&["a", "b"], rows(), true).unwrap(), "a,b\r\n'=1+1,\"two\r\nlines\"\r\n");
        assert_eq!(piece(&["a", "b"], rows(), false).unwrap(), "'=1+1,\"two\r\nlines\"\r\n");
        assert_eq!(piece(&["a", "b"], Vec::<[String; 2]>::new(), false).unwrap(), "");
    }
}
