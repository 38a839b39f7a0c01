//! A piece of a long list. Pages are cut by key, never by offset, so a list stays quick and steady while it grows.

use serde::{Deserialize, Serialize};

/// Rows, and how to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Give this as `after` for the next piece; none at the end.
    pub next: Option<String>,
    /// All rows that match, counted up to [`COUNT_LIMIT`].
    pub total: u64,
}

/// Lists are counted exactly up to here; beyond it a page says "10,000+".
pub const COUNT_LIMIT: u64 = 10_000;

/// Rows on a page unless told.
pub const PAGE_SIZE: u32 = 50;

impl<T> Page<T> {
    pub fn empty() -> Self {
        Self { rows: Vec::new(), next: None, total: 0 }
    }
}
