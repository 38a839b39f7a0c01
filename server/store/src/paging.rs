//! Pages are cut by key: the cursor is the last row's sort key and id.

use model::page::{COUNT_LIMIT, Counted, PAGE_SIZE, Page, SEARCH_LIMIT};

use crate::words::fold;
use crate::{Result, StoreError};

/// No page is longer, whatever is asked for.
pub const LONGEST_PAGE: u32 = 500;

/// Rows to read for a page: one more than it shows tells whether there is a next one.
pub(crate) fn rows_to_read(limit: Option<u32>) -> i64 {
    i64::from(page_size(limit)) + 1
}

fn page_size(limit: Option<u32>) -> u32 {
    limit.unwrap_or(PAGE_SIZE).clamp(1, LONGEST_PAGE)
}

pub(crate) fn count_limit() -> i64 {
    i64::try_from(COUNT_LIMIT).unwrap_or(i64::MAX)
}

/// How far a list is counted: less far where words are looked for, since many are read for each that has them.
#[derive(Clone, Copy)]
pub(crate) struct Counting {
    most: u64,
}

impl Counting {
    pub(crate) fn of(text: Option<&str>) -> Self {
        Self::looking(fold(text).is_empty())
    }

    /// Whether it is read as it stands, or among few, or looked through for what fits.
    pub(crate) fn looking(is_narrow: bool) -> Self {
        Self { most: if is_narrow { COUNT_LIMIT } else { SEARCH_LIMIT } }
    }

    /// Rows to count: one more than are told tells whether there are more.
    pub(crate) fn limit(self) -> i64 {
        i64::try_from(self.most + 1).unwrap_or(i64::MAX)
    }

    /// What a count up to [`Counting::limit`] says.
    pub(crate) fn counted(self, number: i64) -> Counted {
        let number = u64::try_from(number).unwrap_or_default();
        Counted { count: number.min(self.most), more: number > self.most }
    }
}

/// Makes the page of rows read with [`rows_to_read`].
pub(crate) fn page<T>(rows: Vec<T>, limit: Option<u32>, total: i64, cursor: impl FnOnce(&T) -> String) -> Page<T> {
    page_of(rows, limit, u64::try_from(total).unwrap_or_default().into(), cursor)
}

/// The same of what was counted as far as [`Counting`] says.
pub(crate) fn page_of<T>(
    mut rows: Vec<T>,
    limit: Option<u32>,
    total: Counted,
    cursor: impl FnOnce(&T) -> String,
) -> Page<T> {
    let size = usize::try_from(page_size(limit)).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let next = if more { rows.last().map(cursor) } else { None };
    Page { rows, next, total: total.count, more: total.more }
}

/// `ID.SORT KEY`.
pub(crate) fn cursor(id: i64, key: impl std::fmt::Display) -> String {
    format!("{id}.{key}")
}

/// Id and sort key of a cursor; none without one.
pub(crate) fn read_cursor(after: Option<&str>) -> Result<(Option<i64>, Option<String>)> {
    let Some(after) = after else { return Ok((None, None)) };
    match after.split_once('.').map(|(id, key)| (id.parse(), key)) {
        Some((Ok(id), key)) => Ok((Some(id), Some(key.to_owned()))),
        _ => Err(wrong_cursor(after)),
    }
}

/// Id and sort key of a cursor whose sort key is a time.
pub(crate) fn read_time_cursor(after: Option<&str>) -> Result<(Option<i64>, Option<i64>)> {
    let (id, key) = read_cursor(after)?;
    let key = key.map(|key| key.parse().map_err(|_| wrong_cursor(&key))).transpose()?;
    Ok((id, key))
}

fn wrong_cursor(after: &str) -> StoreError {
    StoreError::Invalid { what: format!("`{after}` does not continue this list; start again from its first page") }
}
