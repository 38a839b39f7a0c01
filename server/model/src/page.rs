//! A piece of a long list. Pages are cut by key, never by offset, so a list stays quick and steady while it grows.

use serde::{Deserialize, Serialize};

/// Rows, and how to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Give this as `after` for the next piece; none at the end.
    pub next: Option<String>,
    /// All rows that match, as far as they were counted.
    pub total: u64,
    /// There are more than `total`, which nobody counted.
    #[serde(default)]
    pub more: bool,
}

/// How many there are, as far as they were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub count: u64,
    /// There are more.
    pub more: bool,
}

impl From<u64> for Counted {
    fn from(count: u64) -> Self {
        Self { count, more: count >= COUNT_LIMIT }
    }
}

/// Lists are counted exactly up to here; beyond it a page says "10,000+".
pub const COUNT_LIMIT: u64 = 10_000;

/// The same where many have to be looked at for each that is found, as those with a word.
pub const SEARCH_LIMIT: u64 = 500;

/// Rows on a page unless told.
pub const PAGE_SIZE: u32 = 50;

impl<T> Page<T> {
    pub fn empty() -> Self {
        Self { rows: Vec::new(), next: None, total: 0, more: false }
    }

    pub fn counted(&self) -> Counted {
        Counted { count: self.total, more: self.more || self.total >= COUNT_LIMIT }
    }
}
