//! Keeps spreadsheets from calculating what people are called.
//!
//! A cell that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV Injection"). Whether it
//! would is asked of the cell without the apostrophes it begins with, so that one apostrophe more never changes the
//! answer, and [`open`] gives back exactly what [`close`] was given.

use std::borrow::Cow;

/// The text as it is written.
pub(crate) fn close(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text as it was meant.
pub(crate) fn open(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text) => text,
        _ => cell,
    }
}

/// Whether a spreadsheet might calculate it: a sign of a formula, also in its full-width form, first or after what
/// spreadsheets pass over.
fn is_formula(text: &str) -> bool {
    let text = text.trim_start_matches('\'');
    let passed_over = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '\u{feff}');
    let sign = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    text.starts_with(['\t', '\r', '\n']) || text.trim_start_matches(passed_over).starts_with(sign)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_closed() {
        let check = |text: &str, expect: &str| {
            assert_eq!(close(text), expect, "{text:?}");
            assert_eq!(open(expect), text, "{expect:?}");
        };
        check("=1+1", "'=1+1");
        check("+49 30", "'+49 30");
        check("-12", "'-12");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\tx", "'\tx");
        check("\rx", "'\rx");
        check("  =1", "'  =1");
        check("\u{feff}=1", "'\u{feff}=1");
        check("\"=1", "'\"=1");
        check("＝1", "'＝1");
        check("'=1", "''=1");
        check("'' =1", "''' =1");
        check("O'Brien", "O'Brien");
        check("'quoted'", "'quoted'");
        check("a=b", "a=b");
        check("", "");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(text in "['\"=@+\t\r\n a－\u{feff}-]{0,8}") {
            let written = close(&text).into_owned();
            prop_assert_eq!(open(&written), text.as_str());
            prop_assert!(!written.starts_with(['=', '+', '-', '@', '\t', '\r']));
        }
    }
}
